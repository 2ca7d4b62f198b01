"""Rows of a JSON or NDJSON body as a frame of texts, exactly as delivered.

Belongs here: finding the rows, telling missing keys from nulls, and the text of each scalar.
Does not belong here: types, locales, quarantine (`conform.py`), what may be kept of a body (redaction).

Rows are decoded straight into a struct made from the contract: a missing key is an error there and not a null,
floats keep their digits (`14000.50` stays that text) and integers of any length survive. Polars' own JSON reader
is faster and leaves the interpreter to others, but it fills missing keys with null, drops unknown ones, takes the
first of repeated keys and writes numbers through float64: it reads bodies that are shown to have none of these.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from connectors.api import Payload, PayloadError
from connectors.contract import Contract
from connectors.read.columns import MISSING_MARK, SHAPE_MARK, refuse_missing, required_names, wire_names
from connectors.redaction import allow_list

NOT_JSON = "muatan_bukan_json"
NO_ROWS = "baris_tidak_ditemukan"
NOT_A_ROW = "baris_bukan_objek"

_BOM = b"\xef\xbb\xbf"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NESTED = (dict, list)
_TEXTS = {str, type(None)}
_INTEGERS = {int, type(None)}
_WORTH_BYTES = 16_384
"""Size from which Polars' reader is worth its start."""

_AT_ONCE_BYTES = 1 << 19
"""Size of the plain bodies that it is given at once: of more it gives so many small pieces of memory back at a time
that its allocator takes locks for them, which costs a quarter more."""

_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Decode = Callable[[Any], list[Any]]
"""Gives the rows of the body at hand as objects of the given type; raises msgspec.DecodeError."""


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...], required: frozenset[str], *, strict: bool) -> type[msgspec.Struct]:
    """A struct with fields f0, f1, … for the names. An absent optional one is None, an absent required one is
    an error (strict) or UNSET."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for number, name in enumerate(names):
        if name not in required:
            fields.append((f"f{number}", Any, None))
        else:
            fields.append((f"f{number}", Any) if strict else (f"f{number}", Any, msgspec.UNSET))
    rename = {f"f{n}": name for n, name in enumerate(names)}
    return msgspec.defstruct("Row", fields, rename=rename, gc=False, kw_only=True)


@lru_cache(maxsize=512)
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_, float_hook=str)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or isinstance(value, _NESTED) else str(value)


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = set(map(type, values))
    if kinds <= _TEXTS:
        return pl.Series(name, values, dtype=pl.String)
    if kinds <= _INTEGERS:
        try:
            return pl.Series(name, values, dtype=pl.Int64).cast(pl.String)
        except (OverflowError, TypeError):
            pass  # beyond 64 bits: text by text
    return pl.Series(name, list(map(_text, values)), dtype=pl.String)


def _marks(name: str, lists: list[list[str]]) -> list[pl.Series]:
    """A mark column, if any row has something to mark."""
    return [pl.Series(name, [", ".join(x) or None for x in lists], dtype=pl.String)] if any(lists) else []


def _frame(rows: list[Any], names: tuple[str, ...]) -> pl.DataFrame:
    columns: list[pl.Series] = []
    bent: list[list[str]] = []
    for number, name in enumerate(names):
        values = list(map(attrgetter(f"f{number}"), rows))
        columns.append(_series(name, values))
        if not {dict, list}.isdisjoint(map(type, values)):
            bent = bent or [[] for _ in rows]
            for found, value in zip(bent, values, strict=True):
                if isinstance(value, _NESTED):
                    found.append(name)
    return pl.DataFrame([*columns, *_marks(SHAPE_MARK, bent)])


def _incomplete(
    decode: _Decode, names: tuple[str, ...], required: frozenset[str], unknown: Iterable[str], where: str
) -> pl.DataFrame:
    """Rows of which some lack a required key: each is marked; a key that no row has is an error."""
    rows = decode(_row_type(names, required, strict=False))
    lacking: list[list[str]] = [[] for _ in rows]
    for number, name in enumerate(names):
        for row, lost in zip(rows, lacking, strict=True):
            if getattr(row, f"f{number}") is msgspec.UNSET:
                setattr(row, f"f{number}", None)
                lost.append(name)
    nowhere = [name for name in names if all(name in lost for lost in lacking)]
    if nowhere:
        keys = set().union(*decode(dict[str, msgspec.Raw]))
        refuse_missing(nowhere, (keys | set(unknown)) - set(names), where)
    frame = _frame(rows, names)
    return frame.hstack(_marks(MISSING_MARK, lacking))


def _rows(decode: _Decode, payload: Payload, contract: Contract) -> pl.DataFrame:
    names, required = wire_names(contract), frozenset(required_names(contract))
    try:
        try:
            return _frame(decode(_row_type(names, required, strict=True)), names)
        except msgspec.ValidationError:
            return _incomplete(decode, names, required, payload.unknown_fields, payload.slot)
    except msgspec.ValidationError as error:
        raise PayloadError(f"{payload.slot}: a row is no object: {error}", code=NOT_A_ROW) from None
    except _UNREADABLE as error:
        raise PayloadError(f"{payload.slot}: not JSON: {error}", code=NOT_JSON) from None


def _is_list(part: bytes | msgspec.Raw, where: str) -> bool:
    first = part.lstrip()[:1] if isinstance(part, bytes) else bytes(memoryview(part)[:1])
    if first != b"[" and isinstance(part, bytes):
        try:
            msgspec.json.decode(part, type=msgspec.Raw)
        except _UNREADABLE as error:
            raise PayloadError(f"{where}: not JSON: {error}", code=NOT_JSON) from None
    return first == b"["


def _descend(body: bytes, path: tuple[str, ...], where: str) -> Any:
    """Bytes of the list of rows."""
    part: Any = body
    for depth, key in enumerate(path):
        try:
            inner = _parts.decode(part)
        except msgspec.ValidationError:
            inner = {}
        except _UNREADABLE as error:
            raise PayloadError(f"{where}: not JSON: {error}", code=NOT_JSON) from None
        if key not in inner:
            keys = f" (keys: {', '.join(sorted(inner))})" if inner else ""
            name = ".".join(path[: depth + 1])
            raise PayloadError(f"{where}: the rows should stand at '{name}', which is absent{keys}", code=NO_ROWS)
        part = inner[key]
    if not _is_list(part, where):
        place = f"at '{'.'.join(path)}'" if path else "in the body itself"
        raise PayloadError(f"{where}: no list of rows {place}", code=NO_ROWS)
    return part


def _plain_part(payload: Payload, contract: Contract) -> str | None:
    """Text of the list of rows, if Polars' reader may read it. Raises PayloadError."""
    if len(payload.body) < _WORTH_BYTES or not (payload.plain or allow_list(contract).is_plain(payload.body)):
        return None
    return str(memoryview(_descend(payload.body, contract.ext.baris.di, payload.slot)), "utf-8")


def _plain_frames(parts: Sequence[str], contract: Contract) -> list[pl.DataFrame | None]:
    """Lists of rows of plain bodies by Polars' reader; None for a list in which some row may have a key twice.

    The rows have as many colons as keys, and those in the texts.
    """
    names = wire_names(contract)
    keys = dict.fromkeys((*names, *allow_list(contract).row_keys), pl.String)
    lists = pl.Series(parts).str.json_decode(pl.List(pl.Struct(keys)))
    heights = lists.list.len().to_list()
    if 0 in heights:
        return [None] * len(parts)
    rows = lists.explode().struct.unnest()
    found: list[pl.DataFrame | None] = []
    start = 0
    for part, height in zip(parts, heights, strict=True):
        frame = rows.slice(start, height)
        start += height
        colons = part.count(":") - height * len(keys)
        if colons and ("\\u" in part or colons != _colons(frame)):
            found.append(None)
        else:
            found.append(frame.drop(list(keys)[len(names) :]) if len(keys) > len(names) else frame)
    return found


def _colons(frame: pl.DataFrame) -> int:
    return int(frame.select(pl.sum_horizontal(pl.all().str.count_matches(":", literal=True).sum())).item())


def read_json_pages(payloads: Iterable[Payload], contract: Contract) -> Iterator[pl.DataFrame]:
    """What `read_json_rows` gives for each payload, in order; plain bodies are read some at a time.

    Raises PayloadError when it comes to a payload that cannot be read.
    """
    waiting: list[tuple[Payload, str]] = []
    for payload in payloads:
        part = _plain_part(payload, contract)
        if part is not None:
            waiting.append((payload, part))
        if part is None or sum(len(p) for _, p in waiting) >= _AT_ONCE_BYTES:
            yield from _turned(waiting, contract)
            waiting = []
        if part is None:
            yield read_json_rows(payload, contract)
    yield from _turned(waiting, contract)


def _turned(waiting: Sequence[tuple[Payload, str]], contract: Contract) -> Iterator[pl.DataFrame]:
    frames = _plain_frames([part for _, part in waiting], contract) if waiting else []
    for (payload, _), frame in zip(waiting, frames, strict=True):
        yield _strictly(payload, contract) if frame is None else frame


def _strictly(payload: Payload, contract: Contract) -> pl.DataFrame:
    body = _descend(payload.body.removeprefix(_BOM), contract.ext.baris.di, payload.slot)
    return _rows(lambda type_: _decoder(list[type_]).decode(body), payload, contract)  # type: ignore[valid-type]


def read_json_rows(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The rows at the contract's `baris.di` (the body itself when that is empty), one record a row.

    Columns are the wire names of the contract (without those that a connector derives), all String: texts and
    numbers as they stand in the body, booleans as "true" and "false", null as null. A row that lacks a key, or
    has an object or array for a scalar, is marked in the columns MISSING_MARK and SHAPE_MARK, which are there
    only when needed. No rows give an empty frame with the columns.

    Raises PayloadError when the body is not JSON, has no list of rows there, a row is no object, or a required
    key is in no row; the message then names the keys that are new.
    """
    part = _plain_part(payload, contract)
    frame = None if part is None else _plain_frames([part], contract)[0]
    return _strictly(payload, contract) if frame is None else frame


def read_ndjson_rows(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The same for a body of one JSON object a line; blank lines are passed over.

    Raises PayloadError also when a line holds more or less than one object: a log that was cut off.
    """
    body = payload.body.removeprefix(_BOM)
    lines = sum(1 for line in body.split(b"\n") if line.strip())

    def decode(type_: Any) -> list[Any]:
        rows = _decoder(type_).decode_lines(body)
        if len(rows) != lines:
            raise msgspec.DecodeError(f"{len(rows)} objects on {lines} lines")
        return rows

    return _rows(decode, payload, contract)
