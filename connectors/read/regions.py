"""Region codes and names: a code is never read without its system, a name never by likeness.

Belongs here: normal forms of names and codes, and the check of a code against a name. Does not belong here:
the list of regions itself (a reference file), agencies' own region ids (their connectors).

The same four digits name different places in the two national systems: 1275 is Medan for BPS and Binjai for
Kemendagri. A name matches after normalisation, exactly, or through a declared alias.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

System = Literal["bps", "kemendagri"]
SYSTEMS: tuple[System, ...] = ("bps", "kemendagri")
"""Code systems that the region table knows; other systems are agencies' own numbers."""

UNKNOWN_CODE = "kode_wilayah_tidak_dikenal"
UNKNOWN_NAME = "nama_wilayah_tidak_dikenal"
CONFLICT = "kode_dan_nama_wilayah_tidak_cocok"

_COLUMNS = ("kode_bps", "kode_kemendagri", "nama", "alias")
_KINDS = {
    "kabupaten": "kabupaten",
    "kab": "kabupaten",
    "kota": "kota",
    "kotamadya": "kota",
    "kodya": "kota",
    "provinsi": "provinsi",
    "propinsi": "provinsi",
    "prov": "provinsi",
}
# A dot ends the short forms ("Kab.Nias"); else a blank must follow, so that Kotapinang is no city "Pinang".
_PREFIX = re.compile(rf"({'|'.join(sorted(_KINDS, key=len, reverse=True))})(?:\.\s*|\s+)(?=\S)")


class RegionTableError(ValueError):
    """The region table contradicts itself; the message names the rows."""


def normalise(name: str) -> str:
    """Comparison form of a region's name: kind and letters, e.g. "Kab. Labuhan Batu" → "kabupaten labuhanbatu".

    Case, blanks, dots and hyphens carry no meaning; the kind does, and a name without one has none.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    prefix = _PREFIX.match(folded)
    rest = re.sub(r"[\W_]+", "", folded[prefix.end() :] if prefix else folded)
    return f"{_KINDS[prefix[1]]} {rest}" if prefix else rest


def _name_keys(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Comparison form → BPS code, for official names, their bare forms and aliases."""
    official: dict[str, str] = {}
    bare: dict[str, set[str]] = {}
    aliases: list[tuple[str, str, str]] = []
    for row in rows:
        code, key = row["kode_bps"], normalise(row["nama"])
        if official.setdefault(key, code) != code:
            raise RegionTableError(f"'{row['nama']}' names both {official[key]} and {code}")
        kind, _, rest = key.rpartition(" ")
        bare.setdefault(rest, set()).add(code)
        for alias in (row["alias"] or "").split(";"):
            if alias.strip():
                form = normalise(alias)
                aliases += [(form, code, alias)]
                if kind and " " not in form:
                    aliases += [(f"{kind} {form}", code, alias)]
    # A bare name that two regions share (Kota and Kabupaten Bogor) stays unknown rather than guessed.
    keys = {name: next(iter(codes)) for name, codes in bare.items() if len(codes) == 1} | official
    for form, code, alias in aliases:
        if keys.setdefault(form, code) != code:
            raise RegionTableError(f"alias '{alias.strip()}' of {code} already names {keys[form]}")
    return keys


@dataclass(frozen=True)
class RegionTable:
    """Regions with both code systems, their names and aliases. Made by `from_csv` or `from_frame`."""

    _codes: dict[System, dict[str, str]]
    _canonical: dict[System, dict[str, str]]
    _names: dict[str, str]

    @classmethod
    def from_csv(cls, path: Path) -> "RegionTable":
        """Read a UTF-8 CSV with at least kode_bps, kode_kemendagri, nama and alias (separated by ';').

        Raises RegionTableError, also when a column is missing.
        """
        return cls.from_frame(pl.read_csv(path, infer_schema=False))

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> "RegionTable":
        """The same from a frame of text columns; it may be the reference dataset itself."""
        missing = [c for c in _COLUMNS if c not in frame.columns]
        if missing:
            raise RegionTableError(f"region table lacks {', '.join(missing)}")
        rows = [
            {key: (value or "").strip() for key, value in row.items()}
            for row in frame.select(_COLUMNS).cast(pl.String).to_dicts()
        ]
        codes: dict[System, dict[str, str]] = {"bps": {}, "kemendagri": {}}
        canonical: dict[System, dict[str, str]] = {"bps": {}, "kemendagri": {}}
        for row in rows:
            bps, kemendagri = row["kode_bps"], row["kode_kemendagri"]
            if not re.fullmatch(r"[0-9]{2}([0-9]{2})?", bps):
                raise RegionTableError(f"'{bps}' is not a BPS code of a province or a kabupaten/kota")
            if not re.fullmatch(r"[0-9]{2}(\.[0-9]{2})?", kemendagri):
                raise RegionTableError(f"'{kemendagri}' of {bps} is not a dotted Kemendagri code")
            if bps in codes["bps"] or kemendagri in codes["kemendagri"]:
                raise RegionTableError(f"{bps} / {kemendagri} stands twice in the region table")
            codes["bps"][bps] = bps
            codes["kemendagri"] |= {kemendagri: bps, kemendagri.replace(".", ""): bps}
            canonical["bps"][bps] = bps
            canonical["kemendagri"][bps] = kemendagri
        return cls(codes, canonical, _name_keys(rows))

    def check(self, codes: pl.Series, names: pl.Series | None, system: System) -> tuple[pl.Series, pl.Series]:
        """BPS code and reason of each row, two String series as long as `codes`.

        `codes` is read in `system` (Kemendagri codes with or without the dot). Where `names` has a text it must
        name the same region. The reason is null, UNKNOWN_CODE, UNKNOWN_NAME (the name could not be compared) or
        CONFLICT; a row with a reason has no BPS code. A null code gives neither.
        """
        code = _mapped(codes, self._codes[system])
        reason = _texts(codes.name, codes.is_not_null() & code.is_null(), UNKNOWN_CODE)
        if names is not None:
            named = self.resolve_names(names)
            both = code.is_not_null() & names.is_not_null()
            unknown = both & named.is_null()
            conflict = (both & (named != code)).fill_null(False)
            reason = reason.set(unknown, UNKNOWN_NAME).set(conflict, CONFLICT)
        return code.set(reason.is_not_null(), None), reason

    def resolve_names(self, names: pl.Series) -> pl.Series:
        """BPS code of each name; null where the name is null or not known exactly."""
        distinct = names.drop_nulls().unique()
        resolved = [self._names.get(normalise(name)) for name in distinct.to_list()]
        return _mapped(names, dict(zip(distinct.to_list(), resolved, strict=True)))

    def spell(self, kode_bps: pl.Series, system: System) -> pl.Series:
        """The codes of a system in their official form ("12.71" for Kemendagri)."""
        return _mapped(kode_bps, self._canonical[system])


def _mapped(series: pl.Series, mapping: dict[str, str] | dict[str, str | None]) -> pl.Series:
    old = pl.Series(list(mapping), dtype=pl.String)
    new = pl.Series(list(mapping.values()), dtype=pl.String)
    return series.replace_strict(old, new, default=None, return_dtype=pl.String)


def _texts(name: str, mask: pl.Series, text: str) -> pl.Series:
    return pl.select(pl.when(mask).then(pl.lit(text)).alias(name)).to_series()
