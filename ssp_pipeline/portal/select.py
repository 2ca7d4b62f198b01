"""Questions to a table: filters, full text, sorting, distinct rows, a page.

Belongs here: from a checked question to row numbers. Does not belong here: reading parameters (`datastore.py`), making
an answer of rows (`encode.py`).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssp_pipeline.portal.table import Column, Table

SMALL = 20_000
"""Rows that may be looked at without leaving the event loop: some hundred microseconds."""

_WORD = re.compile(r"\d+(?:[-.:/]\d+)+|\w+")


ID = "_id"
"""A row's number in its version, counted from 1: a column of every table that is not stored."""


@dataclass(frozen=True)
class Question:
    """What is asked of a table. `filters` are columns with the codes that are let through (of `_id` its numbers),
    `words` as `words_of` gives them, each for one column or for any; rows that are equal in the
    columns `distinct` are given once."""

    filters: tuple[tuple[str, tuple[int, ...]], ...] = ()
    words: tuple[tuple[str | None, str], ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    distinct: tuple[str, ...] = ()


def words_of(text: str) -> list[str]:
    """Words of a text in lower case and without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore") if not text.isascii() else text.encode()
    return _WORD.findall(plain.decode().lower())


def is_quick(table: Table, question: Question) -> bool:
    """Whether the answer takes so little time that a thread would cost more."""
    if table.kept(question) is not None:
        return True
    if question.words or question.sort or question.distinct:
        return False
    if not question.filters:
        return True
    if any(name != ID and not table.columns[name].indexed for name, _ in question.filters):
        return False
    return (len(question.filters) == 1 and len(question.filters[0][1]) == 1) or _bound(table, question) <= SMALL


def rows(table: Table, question: Question) -> Any:
    """Row numbers of the answer, in its order: a range, or an array."""
    if question == Question():
        return range(table.rows)
    kept = table.kept(question)
    if kept is not None:
        return kept
    ids = _filtered(table, question.filters)
    if question.words:
        ids = _with_words(table, ids, question.words)
    if question.sort:
        ids = _sorted(table, ids, question.sort)
    if question.distinct:
        ids = _distinct(table, ids, question.distinct)
    if isinstance(ids, range):
        return ids
    if len(question.filters) != 1 or question.words or question.sort or question.distinct:
        table.keep(question, ids)
    return ids


def _bound(table: Table, question: Question) -> int:
    return min(_count(table, name, codes) for name, codes in question.filters)


def _count(table: Table, name: str, codes: Sequence[int]) -> int:
    return len(codes) if name == ID else sum(table.columns[name].count_of(c) for c in codes)


def _rows_of(table: Table, name: str, codes: Sequence[int]) -> Any:
    if name == ID:
        return np.array(sorted({c - 1 for c in codes if 0 < c <= table.rows}), dtype=np.uint32)
    found = [table.columns[name].rows_of(code) for code in codes]
    return found[0] if len(found) == 1 else np.sort(np.concatenate(found)) if found else np.empty(0, np.uint32)


def _filtered(table: Table, filters: Sequence[tuple[str, tuple[int, ...]]]) -> Any:
    if not filters:
        return range(table.rows)
    ranked = sorted(filters, key=lambda entry: _count(table, *entry))
    ids = _rows_of(table, *ranked[0])
    for name, codes in ranked[1:]:
        if name == ID:
            ids = ids[np.isin(ids, _rows_of(table, name, codes))]
        else:
            ids = ids[np.isin(table.columns[name].codes[ids], np.array(codes, dtype=np.int64))]
    return ids


def _with_words(table: Table, ids: Any, words: Sequence[tuple[str | None, str]]) -> Any:
    """Rows in which every word begins some word of the named column, or of any column."""
    chosen = np.arange(table.rows) if isinstance(ids, range) else ids
    for name, word in words:
        columns = list(table.columns.values()) if name is None else [table.columns[name]]
        hit = np.zeros(len(chosen), dtype=bool)
        for column in columns:
            if column.type in ("integer", "number") and not word.isdecimal():
                continue
            matching = _codes_with(column, word)
            if matching.any():
                hit |= matching[column.codes[chosen]]
        chosen = chosen[hit]
    return chosen


def _codes_with(column: Column, word: str) -> Any:
    begins = re.compile(rf"\b{re.escape(word)}")
    plain = (t if t.isascii() else " ".join(words_of(t)) for t in column.text)
    return np.fromiter((begins.search(t.lower()) is not None for t in plain), dtype=bool, count=len(column.text))


def _sorted(table: Table, ids: Any, sort: Sequence[tuple[str, bool]]) -> Any:
    """Ordered by the columns, then by row number, so that pages never overlap."""
    chosen = np.arange(table.rows) if isinstance(ids, range) else ids
    keys = []
    for name, descending in reversed(sort):
        codes = chosen.astype(np.int64) if name == ID else table.columns[name].codes[chosen].astype(np.int64)
        keys.append(-codes if descending else codes)
    return chosen[np.lexsort(keys)]


def _distinct(table: Table, ids: Any, names: Sequence[str]) -> Any:
    chosen = np.arange(table.rows) if isinstance(ids, range) else ids
    combined = np.zeros(len(chosen), dtype=np.int64)
    for name in names:
        column = table.columns[name]
        _, combined = np.unique(combined * (len(column.values) + 1) + column.codes[chosen], return_inverse=True)
    _, first = np.unique(combined, return_index=True)
    return chosen[np.sort(first)]
