"""Changes to the content of an answer: the half of the fault mode that makes wrong rows and pages.

Belongs here: pure functions from an answer's bytes to other bytes, for JSON, NDJSON and either of them as
a .gz file. Does not belong here: when a fault strikes and what happens on the wire (`faults.py`, which also
documents each name).
"""

import copy
import gzip
import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"

TOTAL_NAMES = frozenset(
    {"recordsTotal", "recordsFiltered", "total", "total_data", "total_page", "total_pages", "last_page", "count"}
)
"""Names taken for an announced total when a fault does not say where it stands."""

NIK_LIKE = "1271010000000001"
"""Sixteen digits that begin with a region code, but whose birth date (00-00-00) cannot exist."""

_DATE_FORMATS = (
    "%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%SZ", "%d %b %y", "%d %b %Y", "%Y%m%d", "%Y-%m", "%Y%m",
)  # fmt: skip

Arg = Mapping[str, Any]
Row = dict[str, Any]


class FaultError(ValueError):
    """A fault cannot be made as asked; the message says why."""


class Document:
    """An answer's bytes taken apart: the parsed value, and how to write it back in the same shape."""

    def __init__(self, body: bytes) -> None:
        self._gzipped = body.startswith(_GZIP)
        text = gzip.decompress(body) if self._gzipped else body
        self._bom = text.startswith(_BOM)
        text = text.removeprefix(_BOM)
        self._lines = False
        try:
            self.value: Any = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            try:
                self.value = [_decode(line) for line in text.splitlines() if line.strip()]
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                raise FaultError("jawaban ini bukan JSON atau NDJSON") from exc
            self._lines = True

    def plain(self) -> bytes:
        """The document as UTF-8, before BOM and gzip."""
        if self._lines:
            return b"".join(_encode(row) + b"\n" for row in self.value)
        return _encode(self.value)

    def wrap(self, text: bytes) -> bytes:
        body = _BOM + text if self._bom else text
        return gzip.compress(body, mtime=0) if self._gzipped else body

    def dump(self) -> bytes:
        return self.wrap(self.plain())

    def rows(self, at: object) -> list[Row]:
        """Rows at path `at` (keys in a list or dotted; without it the first list of objects that is found)."""
        found = self._first_rows() if at is None else self._at(at)
        if isinstance(found, dict):
            return [found]
        if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
            return found
        raise FaultError(f"tidak ada baris (daftar objek) di {at!r}")

    def _at(self, at: object) -> Any:
        keys = at.split(".") if isinstance(at, str) else at
        if not isinstance(keys, list):
            raise FaultError(f"'di' harus teks bertitik atau daftar kunci, bukan {at!r}")
        value = self.value
        for key in keys:
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and str(key).isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise FaultError(f"'di' {at!r}: kunci {key!r} tidak ada")
        return value

    def _first_rows(self) -> Any:
        queue = [self.value]
        while queue:
            value = queue.pop(0)
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return value
            if isinstance(value, dict):
                queue.extend(value.values())
        raise FaultError("tidak ada daftar objek dalam jawaban ini")

    def change_totals(self, at: object, change: Callable[[int], int]) -> int:
        """Apply `change` to the announced totals (paths in `at`, or all of TOTAL_NAMES outside the rows)."""
        if at is None:
            return self._change_named(self.value, change)
        paths = at if isinstance(at, list) else [at]
        for path in paths:
            *parent, last = str(path).split(".")
            holder = self._at(parent)
            if not isinstance(holder, dict) or last not in holder:
                raise FaultError(f"'total' {path!r} tidak ada")
            holder[last] = change(int(holder[last]))
        return len(paths)

    def _change_named(self, value: Any, change: Callable[[int], int]) -> int:
        changed = 0
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in TOTAL_NAMES and isinstance(inner, int):
                    value[key] = change(inner)
                    changed += 1
                else:
                    changed += self._change_named(inner, change)
        return changed


def _chosen(rows: list[Row], arg: Arg, default: object) -> list[Row]:
    which = arg.get("baris", default)
    if which == "semua":
        return rows
    numbers = which if isinstance(which, list) else [which]
    if not all(isinstance(number, int) and -len(rows) <= number < len(rows) for number in numbers):
        raise FaultError(f"'baris' {which!r} tidak ada di antara {len(rows)} baris")
    return [rows[number] for number in numbers]


def _holder(row: Row, field: object) -> tuple[Row, str]:
    """The object that holds `field` (a key, or a dotted path into nested objects) and its last key."""
    if not isinstance(field, str):
        raise FaultError("gangguan ini memerlukan 'bidang' (nama kolom di kawat)")
    if field in row:
        return row, field
    holder: Any = row
    *parent, last = field.split(".")
    for key in parent:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or last not in holder:
        raise FaultError(f"bidang {field!r} tidak ada; yang ada: {', '.join(list(row)[:20])}")
    return holder, last


def _drop(row: Row, arg: Arg) -> None:
    holder, key = _holder(row, arg.get("bidang"))
    del holder[key]


def _add(row: Row, arg: Arg) -> None:
    row[arg.get("bidang", "kolom_baru")] = arg.get("nilai", "isi baru")


def _add_nested(row: Row, arg: Arg) -> None:
    row[arg.get("bidang", "petugas")] = arg.get("nilai", {"nama": "Contoh", "rincian": [{"nik": NIK_LIKE}]})


def _rename(row: Row, arg: Arg) -> None:
    holder, key = _holder(row, arg.get("bidang"))
    pairs = [(arg.get("nilai", f"{key}_baru") if name == key else name, value) for name, value in holder.items()]
    holder.clear()
    holder.update(pairs)


def _reorder(row: Row, arg: Arg) -> None:
    pairs = list(row.items())[::-1]
    row.clear()
    row.update(pairs)


def _flip(row: Row, arg: Arg) -> None:
    holder, key = _holder(row, arg.get("bidang"))
    value = holder[key]
    if arg.get("ke") == "objek":
        holder[key] = {"nilai": value}
    elif isinstance(value, str):
        digits = re.sub(r"[^\d.-]", "", value)
        try:
            holder[key] = float(digits) if "." in digits else int(digits)
        except ValueError as exc:
            raise FaultError(f"bidang {key!r} bernilai {value!r}: tidak dapat dibalik menjadi angka") from exc
    elif isinstance(value, int | Decimal):
        holder[key] = str(value)
    else:
        raise FaultError(f"bidang {key!r} bukan teks atau angka")


def _null(row: Row, arg: Arg) -> None:
    holder, key = _holder(row, arg.get("bidang"))
    holder[key] = None


def _set(default: Callable[[Any], object]) -> Callable[[Row, Arg], None]:
    def change(row: Row, arg: Arg) -> None:
        holder, key = _holder(row, arg.get("bidang"))
        holder[key] = arg["nilai"] if "nilai" in arg else default(holder[key])

    return change


def _date(value: Any) -> tuple[datetime, str] | None:
    """The date that a text is, and its format."""
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(str(value).strip(), form), form  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _future(row: Row, arg: Arg) -> None:
    holder, key = _holder(row, arg.get("bidang"))
    if "nilai" in arg:
        holder[key] = arg["nilai"]
        return
    found = _date(holder[key])
    if found is None:
        raise FaultError(f"bidang {key!r} bernilai {holder[key]!r}: bukan tanggal yang dikenal, beri 'nilai'")
    holder[key] = (found[0] + timedelta(days=int(arg.get("hari", 400)))).strftime(found[1])


def _other_locale(value: Any) -> object:
    if isinstance(value, str):
        if re.search(r"\d[.,]\d", value):
            return value.translate(str.maketrans(".,", ",."))
        return re.sub(r"\d+", lambda found: f"{int(found[0]):,}".replace(",", "."), value, count=1)
    return f"{value:,}".translate(str.maketrans(".,", ",."))


ROW_FAULTS: dict[str, tuple[Callable[[Row, Arg], None], object]] = {
    "bidang_hilang": (_drop, "semua"),
    "bidang_baru": (_add, "semua"),
    "bidang_baru_bersarang": (_add_nested, 0),
    "bidang_ganti_nama": (_rename, "semua"),
    "bidang_balik_urut": (_reorder, "semua"),
    "tipe_balik": (_flip, 0),
    "kunci_null": (_null, 0),
    "kode_sistem_lain": (_set(lambda old: "1275" if str(old) == "1271" else "1271"), 0),
    "komoditas_asing": (_set(lambda old: "Kacang Koro Ungu Impor"), 0),
    "tanggal_depan": (_future, 0),
    "tanggal_tanpa_tahun": (_set(lambda old: "8 Agu"), 0),
    "angka_lokal_lain": (_set(_other_locale), 0),
}
"""Name of a row fault -> the change of one row, and the rows it strikes when `baris` is not given."""


def _bom(body: bytes, arg: Arg) -> bytes:
    return gzip.compress(_BOM + gzip.decompress(body), mtime=0) if body.startswith(_GZIP) else _BOM + body


def _cp1252(body: bytes, arg: Arg) -> bytes:
    document = Document(body)
    row = _chosen(document.rows(arg.get("di")), arg, 0)[0]
    field = arg.get("bidang") or next((key for key, value in row.items() if isinstance(value, str)), None)
    holder, key = _holder(row, field)
    holder[key] = arg.get("nilai", f"{holder[key]} – café")
    return document.wrap(document.plain().decode().encode("cp1252", errors="replace"))


BODY_FAULTS: dict[str, Callable[[bytes, Arg], bytes]] = {"bom_depan": _bom, "cp1252": _cp1252}

_SUITS: dict[str, Callable[[Any], bool]] = {
    "kode_sistem_lain": lambda value: re.fullmatch(r"12[.]?\d\d", str(value)) is not None,
    "komoditas_asing": lambda value: isinstance(value, str) and re.search(r"[A-Za-z]{3}", value) is not None,
    "tanggal_tanpa_tahun": lambda value: isinstance(value, str) and _date(value) is not None,
    "angka_lokal_lain": lambda value: re.fullmatch(r"(Rp )?\d[\d.,]{3,}", str(value)) is not None,
}
"""Values that a drawn fault may replace; without a line here any."""
_NO_FIELD = {"bidang_baru", "bidang_baru_bersarang", "bidang_balik_urut"}


def _leaves(row: Row, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield path + key, value


def _drawn(name: str, document: Document, arg: Arg) -> bytes:
    """A row fault in a row and field that the number `undi` draws."""
    change, default = ROW_FAULTS[name]
    rng = random.Random(int(arg["undi"]))
    rows = document.rows(arg.get("di"))
    number = rng.randrange(len(rows))
    suits = _SUITS.get(name, lambda value: value is not None)
    fields = [{"bidang": path} for path, value in _leaves(rows[number]) if suits(value)]
    whole = document.value
    for field in [{}] if name in _NO_FIELD else rng.sample(fields, len(fields)):
        document.value = copy.deepcopy(whole)
        try:
            tried = document.rows(arg.get("di"))
            for row in tried if default == "semua" else [tried[number]]:
                change(row, {**arg, **field})
        except FaultError:
            continue
        return document.dump()
    raise FaultError(f"tidak ada bidang yang cocok di baris {number}")


def mutate(name: str, body: bytes, arg: Arg) -> bytes:
    """The answer's body with one content fault in it. Raises FaultError when it cannot be put there."""
    if name in BODY_FAULTS:
        return BODY_FAULTS[name](body, arg)
    document = Document(body)
    if "undi" in arg:
        return _drawn(name, document, arg)
    change, default = ROW_FAULTS[name]
    for row in _chosen(document.rows(arg.get("di")), arg, default):
        change(row, arg)
    return document.dump()


def shrink_total(body: bytes, arg: Arg, times: int) -> bytes:
    """The body with its announced total smaller by `nilai` (default 1) times `times`."""
    document = Document(body)
    less = int(arg.get("nilai", 1)) * times
    if not document.change_totals(arg.get("total"), lambda total: max(0, total - less)):
        raise FaultError("tidak ada total dalam jawaban ini: beri 'total' (jalur bertitik)")
    return document.dump()


def endless_page(body: bytes, arg: Arg, times: int) -> bytes:
    """The page once more, its rows told apart in `bidang` by the number `times`, and a total out of reach."""
    document = Document(body)
    for row in document.rows(arg.get("di")) if "bidang" in arg and times else []:
        holder, key = _holder(row, arg["bidang"])
        old = holder[key]
        holder[key] = old + 1_000_000 * times if isinstance(old, int) else f"{old}-{times}"
    document.change_totals(arg.get("total"), lambda total: int(arg.get("nilai", 1_000_000_000)))
    return document.dump()
