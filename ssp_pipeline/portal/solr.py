"""The part of Solr's query language that CKAN documents for `q` and `fq`, its sorting, and facets.

    clause     [+ | - | ! | NOT] field:value      joined by blanks or AND, or all of them by OR
    value      word | word* | "a phrase" | (value OR value …) | (value AND value …) | [from TO until]

Anything else is refused: a filter that is understood differently than it was meant is worse than an error.

Belongs here: reading and matching. Does not belong here: words without a field (`search.py`), package dictionaries.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = (
    *("id", "name", "title", "notes", "author", "organization", "groups", "tags", "res_format", "license_id"),
    *("metadata_created", "metadata_modified", "state", "type", "dataset_type", "private", "capacity", "text"),
)
FACETS = ("organization", "groups", "tags", "res_format", "license_id")
SORTS = ("score", "name", "title", "title_string", "id", "metadata_created", "metadata_modified", "relevance")

_TOKEN = re.compile(
    r"""\s*(?: (?P<open>\() | (?P<close>\)) | (?P<range>[\[{][^\]}]*[\]}]) | (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<sign>[+!-](?=\S)) | (?P<field>[A-Za-z_][\w.]*): | (?P<word>[^\s()"\[\]{}:^~]+(?::[^\s()"\[\]{}^~]*)*) )""",
    re.VERBOSE,
)
_RANGE = re.compile(r"\[\s*(\S+)\s+TO\s+(\S+)\s*\]")
_INSTANT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?)?)?")
_MOST_TOKENS = 200

Values = Mapping[str, Sequence[str]]
Test = Callable[[Values], bool]


class BadSearch(ValueError):
    """A query in a form that is not read here."""


@dataclass
class _Tokens:
    found: list[tuple[str, str]]
    at: int = 0

    def peek(self) -> tuple[str, str]:
        return self.found[self.at] if self.at < len(self.found) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token


def _tokens(text: str) -> _Tokens:
    found: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(found) >= _MOST_TOKENS:
            raise BadSearch(f"tidak terbaca mulai dari: {text[at : at + 40]}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return _Tokens(found)


def parse(text: str) -> tuple[Test, list[str]]:
    """A test by fields, and the words and phrases that have no field. Raises BadSearch."""
    if text.strip() in ("", "*:*", "*"):
        return (lambda _: True), []
    tokens = _tokens(text)
    tests: list[Test] = []
    words: list[str] = []
    joins: set[str] = set()
    joined = True
    while tokens.peek()[0] != "end":
        kind, value = tokens.take()
        if kind == "word" and value in ("AND", "OR", "&&", "||"):
            if joined:
                raise BadSearch(f"'{value}' tanpa ruas di depannya")
            joins.add("OR" if value in ("OR", "||") else "AND")
            joined = True
            continue
        if not joined:
            joins.add("AND")
        joined = False
        negative = False
        while kind == "sign" or (kind == "word" and value == "NOT"):
            negative ^= value != "+"
            kind, value = tokens.take()
        if kind == "field":
            test = _field_test(value, tokens)
            tests.append(_without(test) if negative else test)
        elif kind in ("word", "quoted") and not negative:
            words.append(_plain(kind, value))
        elif kind in ("word", "quoted"):
            test = _field_test("text", _Tokens([(kind, value)]))
            tests.append(_without(test))
        else:
            raise BadSearch(f"'{value}' tidak didukung di sini")
    if joined and joins:
        raise BadSearch("ruas terakhir hilang")
    if "OR" in joins:
        if "AND" in joins or words:
            raise BadSearch("AND dan OR tidak dapat dicampur; pakai bidang:(a OR b)")
        return (lambda v: any(t(v) for t in tests)), []
    return (lambda v: all(t(v) for t in tests)), words


def _without(test: Test) -> Test:
    return lambda values: not test(values)


def _plain(kind: str, value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1] if kind == "quoted" else value)


def _field_test(field: str, tokens: _Tokens) -> Test:
    if field not in FIELDS:
        raise BadSearch(f"bidang '{field}' tidak dikenal; yang ada: {', '.join(FIELDS)}")
    return _value_test(field, tokens, 0)


def _value_test(field: str, tokens: _Tokens, depth: int) -> Test:
    kind, value = tokens.take()
    if kind == "open" and depth < 3:
        return _group_test(field, tokens, depth)
    if kind == "range":
        match = _RANGE.fullmatch(value)
        if match is None:
            raise BadSearch(f"rentang '{value}' tidak terbaca; pakai [dari TO sampai]")
        low, high = (_plain("word", part.strip('"')) for part in match.groups())
        if field.startswith("metadata_") and not all(b == "*" or _INSTANT.fullmatch(b) for b in (low, high)):
            raise BadSearch(f"rentang '{value}': tanggal ditulis 2026-01-31 atau 2026-01-31T00:00:00Z, tanpa NOW")
        return lambda v: any((low == "*" or low <= x) and (high == "*" or x <= high + "~") for x in v.get(field, ()))
    if kind not in ("word", "quoted", "field"):
        raise BadSearch(f"nilai untuk '{field}' hilang atau tidak didukung: {value or 'akhir'}")
    wanted = _plain(kind, value).casefold()
    if kind == "word" and wanted == "*":
        return lambda v: bool(v.get(field))
    if kind == "word" and wanted.endswith("*") and wanted.count("*") == 1:
        return lambda v: any(x.casefold().startswith(wanted[:-1]) for x in v.get(field, ()))
    if kind == "word" and ("*" in wanted or "?" in wanted):
        raise BadSearch(f"'{value}': hanya * di akhir kata yang didukung")
    if field in ("title", "notes", "text", "author"):
        return lambda v: any(re.search(rf"\b{re.escape(wanted)}", x.casefold()) for x in v.get(field, ()))
    return lambda v: any(x.casefold() == wanted for x in v.get(field, ()))


def _group_test(field: str, tokens: _Tokens, depth: int) -> Test:
    tests, joins, joined = [], set(), True
    while tokens.peek()[0] != "close":
        kind, value = tokens.peek()
        if kind == "end":
            raise BadSearch("kurung tidak ditutup")
        if kind == "word" and value in ("AND", "OR"):
            tokens.take()
            joins.add(value)
            joined = True
            continue
        if not joined:
            joins.add("OR")
        joined = False
        tests.append(_value_test(field, tokens, depth + 1))
    tokens.take()
    if not tests or len(joins) > 1 or joined:
        raise BadSearch("isi kurung: nilai dengan OR saja, atau AND saja")
    every = all if joins == {"AND"} else any
    return lambda v: every(t(v) for t in tests)


def sorting(text: str) -> list[tuple[str, bool]]:
    """`name asc, metadata_modified desc` as pairs of field and descending. Raises BadSearch."""
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        field, _, way = part.partition(" ")
        way = way.strip().lower() or "asc"
        if field not in SORTS or way not in ("asc", "desc"):
            raise BadSearch(f"urutan '{part}' tidak didukung; bidang: {', '.join(SORTS)}")
        found.append((field, way == "desc"))
    return found


def facets(
    chosen: Iterable[Values], fields: Sequence[str], titles: Callable[[str, str], str], limit: int, least: int
) -> dict[str, Any]:
    """CKAN's `search_facets`: by field the values that occur with their counts, the most frequent first."""
    found: dict[str, Any] = {}
    listed = list(chosen)
    for field in fields:
        counts: dict[str, int] = {}
        for values in listed:
            for value in set(values.get(field, ())):
                counts[value] = counts.get(value, 0) + 1
        ranked = sorted(((n, v) for v, n in counts.items() if n >= least), key=lambda e: (-e[0], e[1]))
        items = [{"name": v, "display_name": titles(field, v), "count": n} for n, v in ranked]
        found[field] = {"title": field, "items": items[:limit] if limit >= 0 else items}
    return found
