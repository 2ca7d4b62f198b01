"""Cutting what a contract does not allow out of a JSON body, before anything is written.

Belongs here: the allow-list over keys and its application to JSON and NDJSON bytes. Does not belong here: hashing
of allowed personal fields (keys), reading values (read/).

It is an allow-list on purpose: a field that an agency adds tomorrow is out until a contract lets it in.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import orjson

from connectors.contract import Contract

RULE_VERSION = 1
"""Version of the rules in this module, kept with every archived payload; raised when the same list cuts otherwise."""

_BOM = b"\xef\xbb\xbf"
_MAX_REPORTED = 50
_MAX_KEY = 64
_Scalar = str | int | float | bool | None
_Plain = str | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None


class NotJson(ValueError):
    """The body is not valid JSON (or not valid NDJSON): nothing can be cut, so nothing may be written.

    The message holds a position and never a part of the body.
    """


@dataclass(frozen=True, slots=True)
class CutResult:
    """`body` holds only what is allowed. `unknown_fields` are the dotted paths that were cut, sorted. `plain`: see
    `JsonAllowList.is_plain`."""

    body: bytes
    unknown_fields: tuple[str, ...]
    plain: bool = False


@dataclass(slots=True)
class _Node:
    """What an object may hold: scalar keys, keys of nested objects, and patterns of scalar keys."""

    scalars: set[str] = field(default_factory=set)
    children: "dict[str, _Node]" = field(default_factory=dict)
    patterns: tuple[re.Pattern[str], ...] = ()

    def descend(self, path: Iterable[str]) -> "_Node":
        node = self
        for name in path:
            node = node.children.setdefault(name, _Node())
        return node

    def matches(self, key: str) -> bool:
        return any(p.fullmatch(key) for p in self.patterns)


class JsonAllowList:
    """Allowed keys of one dataset's JSON bodies.

    rows_path: keys that lead from the top to the rows; () where the body itself is the row or an array of rows.
    envelope: allowed keys around the rows, a nested one as a dotted path from the top ("meta.total").
    fields: allowed keys of a row; "tagihan.rincian.pkb.pokok" allows a nested one and with it the objects on
        the way (a literal key with those dots is allowed too). Arrays on the way have no name: objects in them
        are held to the same list.
    patterns: regular expressions of further row keys; each must match the whole key. A name comes before them.

    Every allowed name stands for a scalar. What arrives otherwise is cut and reported:
    an object or array where a scalar is declared becomes {} or [] (reported as "name.*"); a text or number where
    only named children are declared becomes null (null, true, false and "" carry nothing and stay).
    Raises ValueError if a name is declared both as a scalar and as an object, or if there are no rows_path and
    yet an envelope.
    """

    def __init__(
        self,
        *,
        rows_path: tuple[str, ...] = (),
        envelope: Iterable[str] = (),
        fields: Iterable[str] = (),
        patterns: Iterable[str] = (),
    ) -> None:
        envelope, fields, patterns = sorted(set(envelope)), sorted(set(fields)), sorted(set(patterns))
        if envelope and not rows_path:
            raise ValueError(f"a bare array of rows has no envelope, yet these keys are allowed: {envelope}")
        self._root = _Node()
        rows = self._root.descend(rows_path)
        for base, names in ((self._root, envelope), (rows, fields)):
            for name in names:
                *way, last = name.split(".")
                base.descend(way).scalars.add(last)
                if way:
                    base.scalars.add(name)
        rows.patterns = tuple(re.compile(p, re.ASCII) for p in patterns)
        _refuse_ambiguity(self._root, "")
        self._rows = rows
        # Typed passes that refuse every body with something to cut; None where types cannot say what is allowed.
        typed = _type_of(self._root)
        self._fast: msgspec.json.Decoder[Any] | None = None
        self._fast_line: msgspec.json.Decoder[Any] | None = None
        if typed is not None:
            self._fast = msgspec.json.Decoder(typed | list[typed] | None)  # type: ignore[valid-type]
            self._fast_line = msgspec.json.Decoder(typed) if not patterns else None
        self._way_to_rows = _attributes(self._root, rows_path)
        plain = None if patterns or rows.children or not rows.scalars else _plain_type(self._root, rows_path)
        self._plain: msgspec.json.Decoder[Any] | None = None if plain is None else msgspec.json.Decoder(plain)
        self.row_keys = tuple(sorted(rows.scalars))
        """Keys of every row of a plain body."""
        listed = orjson.dumps([rows_path, envelope, fields, patterns])
        self.fingerprint = hashlib.sha256(listed).hexdigest()[:12]
        """Names this list; with RULE_VERSION it says exactly what was cut."""

    def cut(self, body: bytes) -> CutResult:
        """Keep only allowed keys of a JSON body.

        If nothing has to be cut the given bytes come back unchanged (save a UTF-8 byte order mark, which is no
        part of JSON and which readers refuse). Otherwise the body is written anew without the cut parts: keys and
        rows in their order, every number in the very digits it had, texts equal in value though their escapes and
        the blanks between tokens may differ; of a key that is repeated in one object the last one stays, as JSON
        readers have it. Raises NotJson.
        """
        body = body.removeprefix(_BOM)
        if self.is_plain(body):
            return CutResult(body, (), plain=True)
        if self._passes(body):
            return CutResult(body, ())
        report: set[str] = set()
        return CutResult(self._cut_slowly(body, report), _shown(report))

    def is_plain(self, body: bytes) -> bool:
        """Whether nothing has to be cut from a body without byte order mark, and every row has every allowed key,
        each with a text, a whole number of 64 bits or null. Lists with patterns or nested keys have no plain bodies.
        """
        if self._plain is None:
            return False
        try:
            self._plain.decode(body)
        except (ValueError, RecursionError):
            return False
        return True

    def cut_ndjson(self, body: bytes) -> CutResult:
        """Like `cut`, for one JSON value a line; a line without anything to cut keeps its bytes.

        Blank lines stay, an empty body is an empty log. Raises NotJson with the line's number.
        """
        body = body.removeprefix(_BOM)
        if self._lines_pass(body):
            return CutResult(body, ())
        report: set[str] = set()
        lines = body.split(b"\n")
        for number, line in enumerate(lines):
            if line.strip():
                try:
                    lines[number] = self._cut_slowly(line, report)
                except NotJson as error:
                    raise NotJson(f"line {number + 1}: {error}") from None
        return CutResult(b"\n".join(lines), _shown(report))

    def _passes(self, body: bytes) -> bool:
        """True if one typed pass over the bytes shows that nothing has to be cut; False means: look closely."""
        if self._fast is None:
            return False
        try:
            decoded = self._fast.decode(body)
        except (ValueError, RecursionError):
            return False
        if not self._rows.patterns:
            return True
        for name in self._way_to_rows:
            if isinstance(decoded, list):
                return False
            decoded = getattr(decoded, name, None)
        rows = decoded if isinstance(decoded, list) else [decoded or {}]
        keys = set().union(*rows) - self._rows.scalars
        return all(self._rows.matches(key) for key in keys)

    def _lines_pass(self, body: bytes) -> bool:
        if self._fast_line is None:
            return False
        try:
            count = len(self._fast_line.decode_lines(body))
        except (ValueError, RecursionError):
            return False
        # The decoder also takes two values on one line, or one over two; other readers of lines do not.
        return count == body.count(b"\n") + (not body.endswith(b"\n") and bool(body))

    def _cut_slowly(self, body: bytes, report: set[str]) -> bytes:
        """Walk over the whole body. Objects are tuples of pairs, so that a repeated key hides nothing."""
        found: set[str] = set()
        try:
            orjson.loads(body)  # the strict judge of validity: UTF-8, escapes, depth, nothing after the end
            tree = json.loads(
                body.decode(),
                object_pairs_hook=tuple,
                parse_int=orjson.Fragment,
                parse_float=orjson.Fragment,
            )
            kept = _Walk(found).value(tree, self._root, "")
        except (ValueError, RecursionError) as error:
            raise NotJson(f"not JSON ({len(body)} bytes): {_position(error)}") from None
        report |= found
        return orjson.dumps(kept) if found else body


@lru_cache(maxsize=256)
def allow_list(contract: Contract) -> JsonAllowList:
    """The contract's allow-list: wire names of its columns, the further row keys, and the envelope."""
    rows = contract.ext.baris
    columns = [c.wire for c in contract.columns if not c.ext.turunan]
    return JsonAllowList(
        rows_path=rows.di, envelope=rows.amplop, fields={*columns, *rows.bidang_lain}, patterns=rows.pola
    )


class _Walk:
    """One pass over a parsed body that copies what is allowed and notes the paths of the rest."""

    def __init__(self, report: set[str]) -> None:
        self._report = report
        self._memo: dict[str, bool] = {}

    def value(self, value: Any, node: _Node, path: str) -> Any:
        if type(value) is tuple:
            return self._object(value, node, path)
        if type(value) is list:
            return [self._element(v, node, path) for v in value]
        return self._bare(value, path)

    def _element(self, value: Any, node: _Node, path: str) -> Any:
        if type(value) is tuple:
            return self._object(value, node, path)
        if type(value) is list:
            return self._emptied(value, path)
        return self._bare(value, path)

    def _object(self, pairs: tuple[tuple[str, Any], ...], node: _Node, path: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        scalars, children = node.scalars, node.children
        for key, value in pairs:
            if key in children:
                kept[key] = self.value(value, children[key], f"{path}{key}.")
            elif key in scalars or (node.patterns and self._matches(key, node)):
                if type(value) is tuple or type(value) is list:
                    value = self._emptied(value, path + key)
                kept[key] = value
            else:
                self._report.add(path + _safe(key))
        return kept

    def _matches(self, key: str, node: _Node) -> bool:
        # Only the row node has patterns, so the key alone is enough to remember the answer by.
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = node.matches(key)
        return known

    def _emptied(self, value: Any, path: str) -> Any:
        if value:
            self._report.add(f"{path.removesuffix('.')}.*")
        return {} if type(value) is tuple else []

    def _bare(self, value: Any, path: str) -> Any:
        """A scalar where only named children are declared."""
        if value is None or value is True or value is False or value == "":
            return value
        self._report.add(path.removesuffix(".") or "*")
        return None


def _type_of(node: _Node) -> Any:
    """The type of what a node allows and nothing else; None for patterns beside nested objects.

    For patterns alone it is a dict of scalars, and the keys are still to be looked at.
    """
    if node.patterns:
        return None if node.children else dict[str, _Scalar]
    fields: list[tuple[str, Any, Any]] = [(_attribute(node, n), _Scalar, None) for n in node.scalars]
    for name, child in node.children.items():
        inner = _type_of(child)
        if inner is None:
            return None
        fields.append((_attribute(node, name), inner | list[inner] | None, None))  # type: ignore[valid-type]
    rename = {_attribute(node, name): name for name in (*node.scalars, *node.children)}
    return msgspec.defstruct("Allowed", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _plain_type(node: _Node, path: tuple[str, ...]) -> Any:
    """The type of a body with plain rows at the path below the node; None where types cannot say it."""
    if not path:
        row = [(_attribute(node, n), _Plain) for n in node.scalars]
        rename = {_attribute(node, n): n for n in node.scalars}
        return list[msgspec.defstruct("Row", row, rename=rename, forbid_unknown_fields=True, gc=False)]  # type: ignore[misc]
    fields: list[Any] = [(_attribute(node, n), _Scalar, None) for n in node.scalars]
    for name, child in node.children.items():
        if name == path[0]:
            fields.append((_attribute(node, name), _plain_type(child, path[1:])))
        else:
            inner = _type_of(child)
            fields.append((_attribute(node, name), inner | list[inner] | None, None))  # type: ignore[valid-type]
    rename = {_attribute(node, name): name for name in (*node.scalars, *node.children)}
    return msgspec.defstruct("Whole", fields, rename=rename, forbid_unknown_fields=True, gc=False, kw_only=True)


def _attribute(node: _Node, name: str) -> str:
    """A valid attribute for any wire name: its place in the sorted names."""
    return f"f{sorted((*node.scalars, *node.children)).index(name)}"


def _attributes(node: _Node, path: tuple[str, ...]) -> tuple[str, ...]:
    names = []
    for name in path:
        names.append(_attribute(node, name))
        node = node.children[name]
    return tuple(names)


def _refuse_ambiguity(node: _Node, path: str) -> None:
    both = node.scalars & node.children.keys()
    if both:
        raise ValueError(f"{path}{min(both)} is declared both as a value and as an object that holds values")
    for name, child in node.children.items():
        _refuse_ambiguity(child, f"{path}{name}.")


def _safe(key: str) -> str:
    """A key fit for a manifest. Keys can be data (an object keyed by NIK or e-mail), and nothing here is encrypted."""
    return re.sub(r"[^\w #/-]", "?", re.sub(r"\d", "#", key[:_MAX_KEY]))


def _shown(report: set[str]) -> tuple[str, ...]:
    return tuple(sorted(report)[:_MAX_REPORTED])


def _position(error: Exception) -> str:
    """What is wrong and where, without the text around it."""
    if isinstance(error, json.JSONDecodeError):  # orjson's error is a kind of it
        return f"{error.msg}: line {error.lineno} column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else type(error).__name__
