"""Raw text frame to typed rows by the contract; every row that cannot be read goes to quarantine with its reason.

Belongs here: the rules of a row, and what quarantine shows of it. Does not belong here: the text of one column
(`values.py`), declared expectations (they run on the typed rows, in the warehouse).

A raw frame has the contract's wire names as String columns; other columns are passed over. Nothing is dropped
and nothing coerced: accepted and rejected rows together are the raw rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import polars as pl

from connectors.api import Payload
from connectors.contract import Column, Contract
from connectors.contract.model import LINEAGE_COLUMNS
from connectors.keys import keyed_hash
from connectors.read.columns import MISSING_FIELD, MISSING_MARK, SHAPE_MARK, refuse_missing, required_names
from connectors.read.dates import WIB_OFFSET
from connectors.read.regions import SYSTEMS, UNKNOWN_CODE, RegionTable
from connectors.read.values import Read, normal_form, present, read_column

REQUIRED_EMPTY = "kolom_wajib_kosong"
KEY_EMPTY = "kunci_kosong"
IN_THE_FUTURE = "tanggal_di_masa_depan"
WRONG_SHAPE = "bentuk_salah"
IDENTICAL = "duplikat_identik"

REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "_payload": pl.String(),
    "_baris": pl.Int32(),
    "kolom": pl.String(),
    "alasan": pl.String(),
    "rincian": pl.String(),
    "isi": pl.String(),
}
"""A rejected row: where it came from; columns, reasons and details joined by ";"; its content as JSON."""

MASK = "***"
_SHOWN = 80
_ROW = "_nomor"
_REFERENCE = "_acuan"


@dataclass(frozen=True)
class Conformed:
    """`rows`: the contract's columns, typed, and the lineage columns. `rejected`: see REJECTED_SCHEMA.

    `rejected_partition`: the partition date of each rejected row, null where it could not be read.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    rejected_partition: pl.Series


@dataclass(frozen=True)
class _Issue:
    """Rows (by number) that one rule refuses, and a detail for each of them."""

    column: str | pl.Series
    code: str
    rows: pl.Series
    details: str | pl.Series = ""

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame({_ROW: self.rows.cast(pl.UInt32)}).with_columns(
            pl.lit(self.column, pl.String).alias("kolom"),
            pl.lit(self.code).alias("alasan"),
            pl.lit(self.details, pl.String).alias("rincian"),
        )


def _gathered(parts: Iterable[tuple[Payload, pl.DataFrame]], contract: Contract) -> pl.DataFrame:
    """All raw rows with the contract's wire columns, the marks, and lineage. Raises PayloadError."""
    wires = list(dict.fromkeys(c.wire for c in contract.columns))
    names = [*wires, MISSING_MARK, SHAPE_MARK]
    filled: list[tuple[Payload, pl.DataFrame]] = []
    for payload, raw in parts:
        if raw.width:
            missing = [name for name in required_names(contract) if name not in raw.columns]
            refuse_missing(missing, set(raw.columns).difference(names), payload.slot)
        if raw.height:
            filled.append((payload, raw))
    frames = [pl.DataFrame(schema=dict.fromkeys(names, pl.String))]
    # Frames of one shape are joined before anything else is done with them: there may be thousands.
    for columns, alike in groupby((raw for _, raw in filled), key=lambda raw: raw.columns):
        texts = [pl.col(n).cast(pl.String) if n in columns else pl.lit(None, pl.String).alias(n) for n in names]
        frames.append(pl.concat(alike, how="vertical_relaxed").select(texts))
    return pl.concat(frames, rechunk=True).hstack(_lineage(filled))


def _lineage(parts: Sequence[tuple[Payload, pl.DataFrame]]) -> pl.DataFrame:
    """Payload, row number and origin of each row of the raw frames, and the day it was fetched."""
    payloads = [payload for payload, _ in parts]
    facts = {
        "_payload": [p.sha256 for p in payloads],
        "_asal": [p.asal for p in payloads],
        _REFERENCE: [(p.fetched_at + WIB_OFFSET).date() for p in payloads],
    }
    heights = pl.Series([raw.height for _, raw in parts], dtype=pl.Int64)
    return (
        pl.DataFrame(facts, schema={"_payload": pl.String, "_asal": pl.String, _REFERENCE: pl.Date})
        .with_columns(pl.int_ranges(heights, dtype=pl.Int32).alias("_baris"))
        .explode("_baris")
    )


def _shown(column: Column, texts: pl.Series) -> str | pl.Series:
    """The texts as a detail; those of a private column are not shown."""
    if column.classification == "private":
        return "nilai pribadi tidak ditampilkan"
    return pl.select(pl.format("'{}'", texts.str.slice(0, _SHOWN))).to_series()


def _column_issues(column: Column, read: Read) -> Iterable[_Issue]:
    """Texts that could not be read, and missing ones that are required."""
    if read.bad is not None:
        rows = read.bad.arg_true()
        yield _Issue(column.name, read.code, rows, _shown(column, read.texts(rows)))
    if column.required and read.value.null_count():
        empty = read.value.is_null() if read.bad is None else read.value.is_null() & ~read.bad.fill_null(False)
        yield _Issue(column.name, KEY_EMPTY if column.primary_key else REQUIRED_EMPTY, empty.arg_true())


def _region_issues(
    column: Column, read: Read, names: pl.Series | None, regions: RegionTable
) -> tuple[pl.Series, list[_Issue]]:
    """The codes in their official spelling, and the rows whose code is unknown or contradicts the name."""
    system = next(s for s in SYSTEMS if s == column.ext.sistem_kode)
    code, reason = regions.check(read.value, names, system)
    issues = []
    for text in reason.drop_nulls().unique().sort():
        rows = (reason == text).arg_true()
        details = _shown(column, read.texts(rows))
        if names is not None and text != UNKNOWN_CODE and isinstance(details, pl.Series):
            details = pl.select(pl.format("{} ({})", details, names.gather(rows))).to_series()
        issues.append(_Issue(column.name, text, rows, details))
    return regions.spell(code, system), issues


def _mark_issues(raw: pl.DataFrame, contract: Contract) -> list[_Issue]:
    """Rows that their reader marked: keys that are missing, values of the wrong shape."""
    issues = []
    for mark, code in ((MISSING_MARK, MISSING_FIELD), (SHAPE_MARK, WRONG_SHAPE)):
        rows = raw[mark].is_not_null().arg_true()
        if len(rows):
            texts = raw[mark].gather(rows)
            issues.append(_Issue(texts, code, rows, texts))
    return issues


def _content(rows: pl.DataFrame, contract: Contract, hash_key: bytes) -> pl.Series:
    """Raw rows as JSON objects in which no private value stands in clear."""
    private = {c.wire: c for c in contract.columns if c.classification == "private"}
    masked = pl.lit(MASK)
    fields = []
    for wire in dict.fromkeys(c.wire for c in contract.columns):
        value: pl.Expr = pl.col(wire)
        if wire in private:
            column = private[wire]
            if column.ext.acak:
                hashed = keyed_hash(hash_key, normal_form(present(rows[wire], column), column))
                value = pl.lit(hashed).alias(wire)
            else:
                value = pl.when(value.is_not_null()).then(masked).alias(wire)
        elif private:
            # In a row whose cells have slipped, a personal value may stand under any name.
            slipped = pl.col(SHAPE_MARK).is_not_null() & value.is_not_null()
            value = pl.when(slipped).then(masked).otherwise(value).alias(wire)
        fields.append(value)
    return rows.select(pl.struct(fields).struct.json_encode().alias("isi")).to_series()


def _rejected(
    raw: pl.DataFrame, issues: Sequence[_Issue], contract: Contract, hash_key: bytes
) -> tuple[pl.DataFrame, pl.Series]:
    """The quarantine rows, and the numbers of the rows they stand for."""
    found = [issue.frame() for issue in issues if len(issue.rows)]
    if not found:
        return pl.DataFrame(schema=REJECTED_SCHEMA), pl.Series([], dtype=pl.UInt32)
    reasons = pl.concat(found)
    # What a marked row lacks shows in other rules too; its mark says it all.
    marked = reasons.filter(pl.col("alasan").is_in([MISSING_FIELD, WRONG_SHAPE]))
    reasons = pl.concat([marked, reasons.join(marked, on=_ROW, how="anti")])
    grouped = reasons.group_by(_ROW, maintain_order=True).agg(
        pl.col("kolom", "alasan").str.join(";"), pl.col("rincian").filter(pl.col("rincian") != "").str.join(";")
    )
    grouped = grouped.sort(_ROW)
    rows = raw[grouped[_ROW]]
    content = _content(rows, contract, hash_key)
    return rows.select("_payload", "_baris").hstack(grouped.drop(_ROW)).hstack([content]), grouped[_ROW]


def conform_many(
    parts: Iterable[tuple[Payload, pl.DataFrame]],
    contract: Contract,
    *,
    regions: RegionTable | None,
    hash_key: bytes,
    today: date,
) -> Conformed:
    """Conform the raw frames of many payloads at once, which for small payloads is far faster than one by one.

    regions: None leaves codes unchecked (for the region list itself). today: the business day of the pull, not
    of a replay; a partition date after it is refused. A date without a year is read against the day its payload
    was fetched. Raises PayloadError when a payload lacks a declared column as a whole.
    """
    raw = _gathered(parts, contract)
    issues = _mark_issues(raw, contract)
    reads = {c.name: read_column(raw[c.wire], c, raw[_REFERENCE]) for c in contract.columns}
    values: list[pl.Series] = []
    for column in contract.columns:
        read = reads[column.name]
        value = read.value
        issues.extend(_column_issues(column, read))
        if regions is not None and column.ext.sistem_kode in SYSTEMS:
            named = column.ext.nama_wilayah
            value, found = _region_issues(column, read, reads[named].texts() if named else None, regions)
            issues.extend(found)
        if column.name == contract.partition_column:
            ahead = (value > today).arg_true()
            issues.append(_Issue(column.name, IN_THE_FUTURE, ahead, _shown(column, read.texts(ahead))))
        if column.ext.acak:
            value = keyed_hash(hash_key, value)
        values.append(value.alias(column.name))
    rejected, numbers = _rejected(raw, issues, contract, hash_key)
    rows = pl.DataFrame([*values, *raw.select(list(LINEAGE_COLUMNS))])
    if len(numbers):
        kept = pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True).scatter(numbers, False)
        rows = rows.filter(kept)
    dates = pl.repeat(None, len(numbers), dtype=pl.Date, eager=True)
    if contract.partition_column is not None:
        dates = reads[contract.partition_column].value.gather(numbers)
    typed = rows.select(pl.col(name).cast(dtype) for name, dtype in contract.schema().items())
    return Conformed(typed, rejected, dates.alias("partisi"))


def conform(
    raw: pl.DataFrame,
    contract: Contract,
    *,
    payload: Payload,
    regions: RegionTable | None,
    hash_key: bytes,
    today: date,
) -> Conformed:
    """Conform the raw frame of one payload; see `conform_many`."""
    return conform_many([(payload, raw)], contract, regions=regions, hash_key=hash_key, today=today)


def drop_identical(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed rows without repetitions, and those repetitions as quarantine rows (see REJECTED_SCHEMA).

    Of rows with the same primary key and the same value in every contract column the first stays. Rows with one
    key and different values all stay: which of them is true is not for this function to say, and the contract's
    uniqueness check refuses them.
    """
    key = list(contract.primary_key)
    # Equal keys have equal hashes, and hashes are far quicker to compare.
    if not key or rows.select(key).hash_rows().n_unique() == rows.height:
        return rows, pl.DataFrame(schema=REJECTED_SCHEMA)
    columns = [c.name for c in contract.columns]
    numbered = rows.with_row_index(_ROW)
    twins = numbered.filter(pl.struct(key).is_duplicated())
    twins = twins.with_columns(
        _sama=pl.struct(columns).is_first_distinct().not_(),
        _pertama=pl.format("sama dengan baris {} muatan {}", "_baris", pl.col("_payload").str.slice(0, 12))
        .first()
        .over(columns),
    ).filter("_sama")
    shown = [
        pl.when(pl.col(c.name).is_not_null()).then(pl.lit(MASK)).alias(c.name)
        if c.classification == "private" and not c.ext.acak
        else pl.col(c.name).cast(pl.String)
        for c in contract.columns
    ]
    rejected = twins.select(
        "_payload",
        "_baris",
        pl.lit(";".join(key)).alias("kolom"),
        pl.lit(IDENTICAL).alias("alasan"),
        pl.col("_pertama").alias("rincian"),
        pl.struct(shown).struct.json_encode().alias("isi"),
    )
    return numbered.join(twins, on=_ROW, how="anti", maintain_order="left").drop(_ROW), rejected
