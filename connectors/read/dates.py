"""Text to date or instant by declared formats, tried in order; what fits none is unreadable, never guessed.

Belongs here: Indonesian and compact date formats, WIB, and their vectorised reading and writing.
Does not belong here: missing markers such as 1990-01-01 and quarantine (`conform.py`).

A format is a strptime pattern or one of these names (month names in any case, full or short):

| name                     | example                                     | notes                         |
|--------------------------|---------------------------------------------|-------------------------------|
| `iso`                    | 2026-08-08T08:45:00Z, 2026-08-08            | offset optional               |
| `tanggal_id`             | 8 Agustus 2026, 20 Jul 20, 8 Agu 2026 08:45 | two-digit years are 20yy      |
| `bulan_id`               | Oktober 2026                                | first of the month            |
| `yyyymm`                 | 201412                                      | first of the month            |
| `d-m-yyyy`               | 12-9-2025                                   | without padding               |
| `tanggal_id_tanpa_tahun` | 8 Agu, 08:45                                | after the reference date: last year |
| `yyyymmddHHMMSS`         | 20180803171834                              |                               |

Times without an offset are local in WIB (UTC+7, no daylight saving). Years outside 1900-2199 are unreadable:
they are two-digit years read by a four-digit pattern, or slips of the pen.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

WIB_OFFSET = timedelta(hours=7)
MONTH_NAMES = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
_SHORT_MONTHS = (
    "jan january",
    "feb peb pebruari february",
    "mar mrt march",
    "apr",
    "may",
    "jun june",
    "jul july",
    "agu agt ags agst aug august",
    "sep sept",
    "okt oct october",
    "nov nop nopember",
    "des dec december",
)
_MONTH_NUMBER = {
    spelling: f"{number:02d}"
    for number, (full, short) in enumerate(zip(MONTH_NAMES, _SHORT_MONTHS, strict=True), 1)
    for spelling in (full.lower(), *short.split())
}

_DAY, _MONTH, _NAME = "(?P<d>[0-9]{1,2})", "(?P<m>[0-9]{1,2})", r"(?P<b>[A-Za-z]{3,9})\.?"
_YEAR = "(?P<y>[0-9]{4})"
_CLOCK = r"(?:,? (?P<H>[0-9]{1,2})[:.](?P<M>[0-9]{2})(?:[:.](?P<S>[0-5][0-9]))?(?: WIB)?)?"
_PATTERNS = {
    "iso": f"{_YEAR}-(?P<m>[0-9]{{2}})-(?P<d>[0-9]{{2}})"
    r"(?:[T ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-5][0-9])(?:\.(?P<f>[0-9]{1,6})[0-9]*)?)?"
    r"(?P<z>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?",
    "tanggal_id": f"{_DAY}[ -]{_NAME}[ -](?P<y>[0-9]{{4}}|[0-9]{{2}}){_CLOCK}",
    "bulan_id": f"{_NAME}[ -]{_YEAR}",
    "yyyymm": f"{_YEAR}(?P<m>[0-9]{{2}})",
    "d-m-yyyy": f"{_DAY}-{_MONTH}-{_YEAR}",
    "tanggal_id_tanpa_tahun": f"{_DAY} {_NAME}{_CLOCK}",
    "yyyymmddHHMMSS": f"{_YEAR}(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})(?P<H>[0-9]{{2}})(?P<M>[0-9]{{2}})(?P<S>[0-5][0-9])",
}
NAMED_FORMATS = frozenset(_PATTERNS)
"""Names that a contract may use as a format besides strptime patterns."""
WITHOUT_YEAR = "tanggal_id_tanpa_tahun"

_CLOCK_FIELDS = ("%H", "%I", "%R", "%T", "%X", "%r", "%c", "%s", "%+")
_ISO_SHAPES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")
_INSTANT = pl.Datetime("us")
_FEW = 4096
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


def _offset_minutes(zone: pl.Expr) -> pl.Expr:
    """Minutes east of UTC; WIB where none is written."""
    digits = zone.str.replace(":", "", literal=True)
    minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
    signed = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
    utc = zone.str.to_uppercase() == "Z"
    return pl.when(zone.is_null()).then(420).when(utc).then(0).otherwise(signed)


def _named(text: pl.Series, name: str, reference: pl.Series | None) -> pl.Series:
    """Local WIB time by one of the named formats; null where the text does not fit it or is no real day."""
    fields = text.str.extract_groups(f"^(?:{_PATTERNS[name]})$").struct.unnest()
    found = set(fields.columns)
    month = pl.col("m").str.zfill(2)
    if "b" in found:
        month = pl.col("b").str.to_lowercase().replace_strict(_MONTH_NUMBER, default=None)
    fields = fields.with_columns(_m=month, _d=pl.col("d").str.zfill(2) if "d" in found else pl.lit("01"))
    if name == WITHOUT_YEAR:
        if reference is None:
            raise ValueError(f"format {name} needs a reference date")
        later = (pl.col("_m") + pl.col("_d")) > pl.col("_r").dt.strftime("%m%d")
        year = (pl.col("_r").dt.year() - later.cast(pl.Int32)).cast(pl.String)
        fields = fields.with_columns(reference.alias("_r"))
    else:
        year = pl.when(pl.col("y").str.len_bytes() == 2).then("20" + pl.col("y")).otherwise("y")
    clock = {key: pl.lit("00") for key in "HMS"} | {
        key: pl.col(key).str.zfill(2).fill_null("00") for key in "HMS" if key in found
    }
    fraction = pl.col("f").fill_null("0") if "f" in found else pl.lit("0")
    spelled = pl.format("{}-{}-{} {}:{}:{}.{}", year, "_m", "_d", clock["H"], clock["M"], clock["S"], fraction)
    local = spelled.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    if "z" in found:
        local = local + pl.duration(minutes=420 - _offset_minutes(pl.col("z")))
    return fields.select(local.alias(text.name)).to_series()


def _patterned(text: pl.Series, pattern: str) -> pl.Series:
    """Local WIB time by a strptime pattern."""
    if "%z" in pattern:
        aware = text.str.replace("[Zz]$", "+0000").str.to_datetime(pattern, time_unit="us", strict=False)
        return aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None) + WIB_OFFSET
    if not any(field in pattern for field in _CLOCK_FIELDS):
        return text.str.to_date(pattern, strict=False).cast(_INSTANT)
    local = text.str.to_datetime(pattern, time_unit="us", strict=False)
    # A 60th second is read as the next minute, which is not what was written.
    return local.set(text.str.contains(r"[:.]60(?:[^0-9]|$)").fill_null(False), None)


def _local(text: pl.Series, form: str, reference: pl.Series | None) -> pl.Series:
    local = _named(text, form, reference) if form in NAMED_FORMATS else _patterned(text, form)
    sane = local.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR)
    return local if sane.all(ignore_nulls=True) else local.set(~sane, None)


def _read(text: pl.Series, formats: Sequence[str], reference: pl.Series | None) -> pl.Series:
    if not formats:
        raise ValueError("no date format is declared")
    # The usual ISO shapes go through strptime, which is ten times as fast as taking them apart.
    tries = [t for form in formats for t in ((*_ISO_SHAPES, form) if form == "iso" else (form,))]
    value = _local(text, tries[0], reference)
    for form in tries[1:]:
        missed = (value.is_null() & text.is_not_null()).arg_true()
        if not len(missed):
            break
        part = None if reference is None else reference.gather(missed)
        value = value.scatter(missed, _local(text.gather(missed), form, part))
    return value


def _local_times(text: pl.Series, formats: Sequence[str], reference: date | pl.Series | None) -> pl.Series:
    if isinstance(reference, date):
        reference = pl.Series([reference]).new_from_index(0, len(text))
    if WITHOUT_YEAR in formats or len(text) <= _FEW or text.n_unique() > len(text) // 4:
        return _read(text, formats, reference)
    # A column of dates repeats few values; reading each once makes the named formats nearly free.
    distinct = text.unique().drop_nulls()
    values = _read(distinct, formats, None)
    return text.replace_strict(distinct, values, default=None, return_dtype=_INSTANT)


def parse_dates(text: pl.Series, formats: Sequence[str], *, reference: date | pl.Series | None = None) -> pl.Series:
    """Business dates (WIB) of a String series; null where the text is null or fits no format.

    `reference` (one date, or a date for each row) is what a date without a year is read against.
    Raises ValueError when no format is given, or a needed reference is missing.
    """
    return _local_times(text, formats, reference).dt.date()


def parse_timestamps(
    text: pl.Series, formats: Sequence[str], *, reference: date | pl.Series | None = None
) -> pl.Series:
    """Instants (Datetime[us, UTC]) of a String series; null where the text is null or fits no format.

    See `parse_dates` for `reference` and the errors.
    """
    return (_local_times(text, formats, reference) - WIB_OFFSET).dt.replace_time_zone("UTC")


def parse_date(text: str, formats: Sequence[str], *, reference: date | None = None) -> date:
    """One business date. Raises ValueError when the text fits no format."""
    value: date | None = parse_dates(pl.Series([text]), formats, reference=reference)[0]
    if value is None:
        raise ValueError(f"not a date in {', '.join(formats)}: {text!r}")
    return value


def format_date(value: date | datetime, form: str) -> str:
    """Text of a date (or of a local WIB time) in a format, such that reading it gives the value back.

    Raises ValueError when the format cannot hold the value, e.g. a day in `bulan_id`.
    """
    local = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if local.tzinfo is not None:
        local = (local.astimezone(UTC) + WIB_OFFSET).replace(tzinfo=None)
    name = MONTH_NAMES[local.month - 1]
    clock = f" {local:%H:%M:%S}" if local.time() != datetime.min.time() else ""
    match form:
        case "iso":
            text = local.isoformat(sep=" ") if clock else f"{local:%Y-%m-%d}"
        case "tanggal_id":
            text = f"{local.day} {name} {local.year}{clock}"
        case "bulan_id":
            text = f"{name} {local.year}"
        case "yyyymm":
            text = f"{local:%Y%m}"
        case "d-m-yyyy":
            text = f"{local.day}-{local.month}-{local.year}"
        case "yyyymmddHHMMSS":
            text = f"{local:%Y%m%d%H%M%S}"
        case "tanggal_id_tanpa_tahun":
            text = f"{local.day} {name},{clock}".rstrip(",")
        case _:
            text = local.strftime(form)
    read = _local(pl.Series([text]), form, pl.Series([local.date()]))[0]
    if read != local:
        raise ValueError(f"{form} cannot hold {value}")
    return text
