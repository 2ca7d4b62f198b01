"""Full-text search over the datasets of one release: some hundred documents, so plain dictionaries are engine enough.

Titles, names, keywords, topics, agencies, columns and descriptions, Indonesian and English, are cut into words without
accents. A word of a question finds the words that it begins, those of the same stem and its synonyms; every word must
be found. When nothing is found, words that differ by a letter or two are tried. A dataset ranks by where the
words stand.

Belongs here: finding datasets by words. Does not belong here: fields and facets (`solr.py`), rows (`select.py`).
"""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ssp_pipeline.portal.releases import Edition
from ssp_pipeline.portal.select import words_of
from warehouse.opendata.manifest import Version

_SYNONYMS = (
    {"harga", "price", "tarif"},
    {"pangan", "sembako", "komoditas", "makanan", "food"},
    {"cabai", "cabe", "chili"},
    {"pajak", "pkb", "samsat", "tax"},
    {"penerimaan", "pendapatan", "setoran", "revenue"},
    {"kendaraan", "mobil", "motor", "vehicle"},
    {"air", "pdam", "water"},
    {"gangguan", "mati", "padam", "outage"},
    {"pelanggan", "sambungan", "customer"},
    {"kamera", "cctv", "camera"},
    {"usulan", "pokir", "aspirasi", "proposal"},
    {"dewan", "dprd", "dapil"},
    {"wilayah", "kabupaten", "kota", "kab", "daerah", "region"},
    {"opd", "dinas", "instansi", "badan"},
    {"tunggakan", "piutang", "arrears"},
    {"mutu", "kualitas", "quality"},
)
"""Words that people use for one another when they look for this kind of data."""

_STOP = frozenset(
    {"dan", "di", "ke", "dari", "yang", "untuk", "pada", "per", "atau", "dengan", "data", "dataset"}
    | {"the", "of", "and", "in", "for"}
)
_PREFIXES = {
    "meng": "k",
    "meny": "s",
    "men": "t",
    "mem": "p",
    "me": "",
    "peng": "k",
    "peny": "s",
    "pen": "t",
    "pem": "p",
    "pe": "",
    "per": "",
    "ber": "",
    "ter": "",
    "di": "",
    "ke": "",
    "se": "",
}
"""Prefixes, each with the letter of the stem that it may have swallowed (menunggak: tunggak)."""

_SUFFIXES = ("nya", "kan", "an", "lah", "kah", "i")
_STEM_LENGTH = 4


@lru_cache(8192)
def stems(word: str) -> frozenset[str]:
    """What may be the stem of an Indonesian word: it without its affixes, as far as enough is left.

    Two words belong together if they have one of these in common (pelanggan, langganan: langgan).
    """
    found, todo = {word}, [word]
    while todo:
        one = todo.pop()
        shorter = [one.removesuffix(s) for s in _SUFFIXES if one.endswith(s)]
        for prefix, swallowed in _PREFIXES.items():
            if one.startswith(prefix):
                rest = one.removeprefix(prefix)
                shorter += [rest, swallowed + rest]
        for form in shorter:
            if len(form) >= _STEM_LENGTH and form not in found and len(form) <= len(word):
                found.add(form)
                todo.append(form)
    return frozenset(found)


def _weighted(version: Version, agencies: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    yield version.judul, 8
    yield version.judul_en, 6
    yield version.dataset, 6
    yield " ".join((*version.kata_kunci, *version.topik)), 5
    yield " ".join((agencies.get(version.instansi, ""), version.instansi, version.produsen)), 3
    for column in version.kolom:
        yield f"{column.nama} {column.judul} {column.judul_en or ''}", 2
        yield column.keterangan, 1
    yield version.keterangan, 2
    yield version.keterangan_en, 2
    yield " ".join((version.metode, version.batasan, version.butiran)), 1


class Index:
    """Words of one edition's datasets, each with the datasets that it stands in and its weight there."""

    def __init__(self, edition: Edition):
        self._weights: dict[str, dict[str, float]] = defaultdict(dict)
        agencies = {a.kode: f"{a.nama} {a.instansi}" for a in edition.release.instansi} if edition.release else {}
        for name, version in edition.versions.items():
            for text, weight in _weighted(version, agencies):
                for word in words_of(text.replace("_", " ")):
                    self._weights[word][name] = max(weight, self._weights[word].get(name, 0))
        self._stems: dict[str, set[str]] = defaultdict(set)
        for word in self._weights:
            for form in stems(word):
                self._stems[form].add(word)

    def find(self, text: str) -> dict[str, float]:
        """Datasets that hold every word, with their rank (higher is better); none for a text without words."""
        words = [w for w in words_of(text.replace("_", " ")) if w not in _STOP]
        found: dict[str, float] | None = None
        for word in words:
            ranked = self._one(word)
            found = ranked if found is None else {n: found[n] + r for n, r in ranked.items() if n in found}
        return found or {}

    def _one(self, word: str) -> dict[str, float]:
        ranked: dict[str, float] = {}

        def add(known: str, factor: float) -> None:
            for name, weight in self._weights[known].items():
                ranked[name] = max(ranked.get(name, 0), weight * factor)

        for known in self._weights:
            if known.startswith(word):
                add(known, 1.0 if known == word else 0.7)
        for form in stems(word):
            for known in self._stems.get(form, ()):
                add(known, 0.6)
        for group in _SYNONYMS:
            if word in group:
                for other in group & self._weights.keys():
                    add(other, 0.5)
        if not ranked and len(word) >= _STEM_LENGTH:
            for known in difflib.get_close_matches(word, self._weights, n=3, cutoff=0.8):
                add(known, 0.3 * difflib.SequenceMatcher(None, word, known).ratio())
        return ranked


def index_of(edition: Edition) -> Index:
    """The edition's index, made once."""
    if "search" not in edition.made:
        edition.made["search"] = Index(edition)
    index: Index = edition.made["search"]
    return index


def search(edition: Edition, text: str) -> Sequence[Version]:
    """Datasets by their rank; all of them, by title, when no word is given."""
    if not [w for w in words_of(text.replace("_", " ")) if w not in _STOP]:
        return sorted(edition.versions.values(), key=lambda v: v.judul)
    found = index_of(edition).find(text)
    return [edition.versions[n] for n in sorted(found, key=lambda n: (-found[n], edition.versions[n].judul))]
