"""A contract without fault, ways to spoil it, and the key and reason by which each fault is told."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]


def settings(**values: Any) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]


def check(name: str = "harga_wajar", **kwargs: Any) -> dict[str, Any]:
    kind = kwargs.pop("kind", "expect_column_values_to_be_between")
    tingkat = kwargs.pop("tingkat", "baris")
    given = kwargs or {"column": "harga", "min_value": 1}
    return {
        "name": name, "type": "custom", "engine": "greatExpectations", "severity": "error",
        "description": "Harga wajar", "customProperties": settings(tingkat=tingkat),
        "implementation": {"type": kind, "kwargs": given},
    }  # fmt: skip


def sound() -> Document:
    """A contract without fault."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "uji.harga",
        "name": "Harga uji",
        "version": "1.0.0",
        "status": "active",
        "domain": "pangan",
        "description": {"purpose": "Uji", "limitations": "Uji"},
        "team": {"name": "Kantor Uji", "members": [{"username": "uji@example.invalid", "role": "pemilik"}]},
        "slaProperties": [{"property": "latency", "value": 1, "unit": "d"}],
        "customProperties": settings(partisi="harian", mode="jendela", profil={"rata": "avg(harga)"}),
        "schema": [
            {
                "name": "uji__harga",
                "description": "Uji",
                "dataGranularityDescription": "Satu baris per tanggal dan pasar",
                "properties": [
                    {"name": "tanggal", "logicalType": "date", "primaryKey": True, "primaryKeyPosition": 1,
                     "partitioned": True, "classification": "public", "description": "Tanggal",
                     "customProperties": settings(format=["iso"])},
                    {"name": "pasar", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2,
                     "classification": "public", "description": "Pasar"},
                    {"name": "harga", "logicalType": "number", "physicalType": "DECIMAL(18,2)",
                     "classification": "public", "description": "Harga", "customProperties": settings(satuan="Rp")},
                ],
                "quality": [check()],
            }
        ],
    }  # fmt: skip


def write(folder: Path, document: Document | str, name: str = "harga") -> Path:
    path = folder / "uji" / f"{name}.odcs.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    return path


def column(number: int, **values: Any) -> Callable[[Document], None]:
    return lambda d: d["schema"][0]["properties"][number].update(values)


def without(number: int, key: str) -> Callable[[Document], None]:
    return lambda d: d["schema"][0]["properties"][number].pop(key)


def setting(number: int, **values: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document["schema"][0]["properties"][number].setdefault("customProperties", []).extend(settings(**values))

    return change


def dataset(**values: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        kept = [p for p in document["customProperties"] if p["property"] not in values]
        document["customProperties"] = kept + settings(**{k: v for k, v in values.items() if v is not None})

    return change


def top(**values: Any) -> Callable[[Document], None]:
    return lambda d: d.update(values)


def table(**values: Any) -> Callable[[Document], None]:
    return lambda d: d["schema"][0].update(values)


def several(*changes: Callable[[Document], None]) -> Callable[[Document], None]:
    return lambda d: [change(d) for change in changes] and None


H = "schema.properties[2](harga)"
HARGA = "schema.properties(harga).customProperties"
QUALITY = "schema.quality[0](harga_wajar)"
FILE = {"pola": "*.csv"}

FAULTS: list[tuple[Callable[[Document], None], str, str]] = [
    # unknown keys, at any depth
    (top(judul="x"), "judul", "unknown key"),
    (top(team={"name": "x", "anggota": []}), "team.anggota", "unknown key"),
    (top(team={"name": "x", "members": [{"username": "a", "peran": "b"}]}), "team.members[0].peran", "unknown key"),
    (top(description={"purpose": "x", "limitations": "y", "batas": "z"}), "description.batas", "unknown key"),
    (column(2, satuan="Rp"), "schema[0].properties[2].satuan", "unknown key"),
    (table(quality=[check() | {"tingkat": "baris"}]), "schema[0].quality[0].tingkat", "unknown key"),
    (dataset(jadwall="x"), "customProperties.jadwall", "Extra inputs are not permitted"),
    (dataset(baris={"dii": ["data"]}), "customProperties.baris.dii", "Extra inputs are not permitted"),
    (setting(2, lokal="polos", kosng=["-"]), f"{H}.customProperties.kosng", "Extra inputs are not permitted"),
    # wrong types and values
    (column(2, required="mungkin"), "schema[0].properties[2].required", "valid boolean"),
    (top(schema="x"), "schema", "valid list"),
    (top(customProperties=["partisi"]), "customProperties[0]", "valid dictionary"),
    (top(apiVersion="v2.0.0"), "apiVersion", "must be v3.1.0"),
    (top(kind="Kontrak"), "kind", "must be DataContract"),
    (top(id="lain.harga"), "id", "must be 'uji.harga'"),
    (top(version=None), "version", "missing"),
    (column(2, logicalType="money"), f"{H}.physicalType", "string, date, timestamp"),
    (column(2, physicalType="FLOAT"), f"{H}.physicalType", "DECIMAL(p,s) or DOUBLE"),
    (column(2, physicalType="DECIMAL(39,2)"), f"{H}.physicalType", "at most 38 digits"),
    (column(2, physicalType="DECIMAL(2,5)"), f"{H}.physicalType", "behind the point"),
    (column(1, physicalType="INTEGER"), "schema.properties[1](pasar).physicalType", "string is VARCHAR"),
    (column(2, classification="rahasia"), f"{H}.classification", "public, internal or private"),
    (dataset(partisi="mingguan"), "customProperties.partisi", "'harian', 'bulanan'"),
    (dataset(ambang_karantina=1.5), "customProperties.ambang_karantina", "less than or equal to 1"),
    (dataset(jendela_maks_hari=0), "customProperties.jendela_maks_hari", "greater than or equal to 1"),
    (dataset(baris={"pola": ["("]}), "customProperties.baris.pola.0", "is no regular expression"),
    (dataset(profil={"Rata Rata": "avg(harga)"}), "customProperties.profil", "huruf kecil"),
    (dataset(jadwal="0 6 * *"), "customProperties.jadwal", "has 4 fields"),
    (dataset(jadwal="0 25 * * *"), "customProperties.jadwal", "'25' is no hour"),
    (dataset(jadwal="0 6 * * senin"), "customProperties.jadwal", "'senin' is no weekday"),
    (top(slaProperties=[{"property": "latensi", "value": 1, "unit": "d"}]), "slaProperties[0].property", "not read"),
    (top(slaProperties=[{"property": "latency", "value": 1, "unit": "h"}]), "slaProperties[0].unit", "counted in d"),
    (top(slaProperties=[{"property": "latency", "value": "satu", "unit": "d"}]), "slaProperties[0].value", "a number"),
    # doubled names
    (column(2, name="pasar"), "schema.properties(pasar)", "declared twice"),
    (setting(2, satuan="kg"), f"{H}.customProperties.satuan", "set twice"),
    (table(quality=[check(), check()]), "schema.quality", "'harga_wajar' is declared twice"),
    (table(quality=[check("kunci_unik")]), "schema.quality", "'kunci_unik' is the name of a check"),
    (dataset(profil={"rasio_karantina": "avg(harga)"}), "customProperties.profil.rasio_karantina", "taken"),
    (top(slaProperties=[{"property": "latency", "value": 1, "unit": "d"}] * 2), "slaProperties[1].property", "twice"),
    # names that are no names
    (column(2, name="Harga Beras"), "schema.properties[2].name", "'Harga Beras' is not a snake_case name"),
    (column(2, name='x"; DROP TABLE y; --'), "schema.properties[2].name", "is not a snake_case name"),
    (column(2, name="harga\n"), "schema.properties[2].name", "is not a snake_case name"),
    (table(name="harga"), "schema", "exactly one object, named 'uji__harga'"),
    (table(quality=[check("Harga Wajar")]), "schema.quality[0].name", "a snake_case name is needed"),
    # what people read
    (without(2, "description"), f"{H}.description", "missing: people read it in the data dictionary"),
    (table(quality=[check() | {"description": ""}]), f"{QUALITY}.description", "told when the check fails"),
    (top(name=None), "name", "missing: people read it in the catalogue"),
    (top(team=None), "team.name", "missing: people read it in the catalogue"),
    (top(description={"purpose": "x"}), "description.limitations", "missing"),
    (table(dataGranularityDescription=""), "schema.dataGranularityDescription", "missing"),
    (top(slaProperties=[]), "slaProperties.latency", "missing: by it lateness is told"),
    (top(version="1.0"), "version", "is written as 1.0.0"),
    # keys and partitions
    (several(without(0, "primaryKey"), without(1, "primaryKey")), "schema.properties", "no column is primaryKey"),
    (column(1, primaryKeyPosition=1), "schema.properties.primaryKeyPosition", "must count 1 to 2"),
    (without(0, "partitioned"), "schema.properties", "one column must be partitioned (or partisi: tunggal)"),
    (dataset(partisi="tunggal"), "customProperties.partisi", "tunggal has no partitioned column"),
    (column(1, partitioned=True), "schema.properties", "only one column may be partitioned"),
    (several(without(0, "partitioned"), column(1, partitioned=True)), "schema.properties(pasar).partitioned", "a date"),
    (without(0, "primaryKey"), "schema.properties(tanggal).primaryKey", "part of the key"),
    (several(column(0, classification="private"), dataset(retensi_bulan=60)),
     "schema.properties(tanggal).classification", "the partition column is not private"),
    # privacy
    (column(2, classification="private"), "customProperties.retensi_bulan", "private columns need a keeping period"),
    (without(2, "classification"), "customProperties.retensi_bulan", "private columns need a keeping period"),
    (dataset(retensi_bulan=60), "customProperties.retensi_bulan", "there is none"),
    (setting(1, acak="hmac"), "schema.properties(pasar).customProperties.acak", "only a private column is hashed"),
    (setting(1, baku="nopol"), "schema.properties(pasar).customProperties.baku", "needs acak"),
    # settings that do not fit
    (lambda d: d["schema"][0]["properties"][0].pop("customProperties"),
     "schema.properties[0](tanggal).customProperties.format", "a date needs its declared formats"),
    (setting(1, lokal="ribuan_titik"), "schema.properties(pasar).customProperties.lokal", "only for number"),
    (setting(2, huruf="besar"), f"{HARGA}.huruf", "only for string columns"),
    (setting(2, format=["iso"]), f"{HARGA}.format", "only for date and timestamp"),
    (setting(2, sistem_kode="bps"), f"{HARGA}.sistem_kode", "12.10 must not become 12.1"),
    (setting(1, sistem_kode="bps", nama_wilayah="kota"), "schema.properties(pasar).customProperties.nama_wilayah",
     "no column 'kota'"),
    (setting(1, nama_wilayah="pasar"), "schema.properties(pasar).customProperties.nama_wilayah", "sistem_kode bps or"),
    (setting(1, opsional=True), "schema.properties(pasar).customProperties.opsional", "the column is required"),
    # files
    (dataset(mode="berkas"), "customProperties.berkas", "mode berkas needs the layout"),
    (dataset(berkas=FILE), "customProperties.berkas", "mode jendela reads no files"),
    (dataset(mode="berkas", berkas={"format": "csv"}), "customProperties.berkas.pola", "which files of the inbox"),
    (dataset(mode="acuan", berkas=FILE), "customProperties.berkas.berkas", "which file of the agency's folder"),
    (dataset(mode="acuan", berkas={"berkas": "a.csv"}), "customProperties.berkas.berkas", "no file 'a.csv'"),
    (dataset(mode="berkas", berkas=FILE, baris={"di": []}), "customProperties.baris", "mode berkas reads no JSON"),
    (dataset(mode="berkas", berkas=FILE | {"slot": ["cabang"]}), "customProperties.berkas.slot", "no column 'cabang'"),
    (dataset(mode="berkas", berkas=FILE | {"isi_dari": {"x": {"sel": "A1"}}}), "customProperties.berkas.isi_dari.x",
     "no column 'x'"),
    (dataset(mode="berkas", berkas=FILE | {"isi_dari": {"pasar": {"sel": "11"}}}),
     "customProperties.berkas.isi_dari.pasar.sel", "match pattern"),
    (dataset(mode="berkas", berkas=FILE | {"judul": {"tinggi": 2}}), "customProperties.berkas.judul", "either baris"),
    (dataset(mode="berkas", berkas=FILE | {"total": "("}), "customProperties.berkas.total", "no regular expression"),
    # checks
    (table(quality=[check() | {"engine": "soda"}]), "schema.quality[0]", "engine greatExpectations"),
    (table(quality=[check() | {"severity": "fatal"}]), "schema.quality[0].severity", "error or warning"),
    (table(quality=[check() | {"mustBe": 5}]), "schema.quality[0].mustBe", "is not read"),
    (table(quality=[check(column="hrga", min_value=1)]), f"{QUALITY}.implementation.kwargs", "no column 'hrga'"),
    (table(quality=[check(column="harga", min=1)]), f"{QUALITY}.implementation.kwargs.min", "has no such argument"),
    (table(quality=[check(column="harga", mostly=0.9)]), f"{QUALITY}.implementation.kwargs", "could not fail"),
    (table(quality=[check(min_value=1)]), f"{QUALITY}.implementation.kwargs", "'column' is missing"),
    (table(quality=[check(column="harga", min_value="abc")]), f"{QUALITY}.implementation.kwargs.min_value",
     "'abc' is not a number"),
    (table(quality=[check(column="harga", max_value=True)]), f"{QUALITY}.implementation.kwargs.max_value", "a number"),
    (table(quality=[check(column="harga", max_value=None)]), f"{QUALITY}.implementation.kwargs.max_value", "a number"),
    (table(quality=[check(column="harga", max_value=date(2024, 1, 31))]),
     f"{QUALITY}.implementation.kwargs.max_value", "'2024-01-31' is not a number"),
    (table(quality=[check(column="harga", min_value=5, max_value=2)]), f"{QUALITY}.implementation.kwargs.min_value",
     "is above max_value"),
    (table(quality=[check(column="tanggal", min_value=2024)]), f"{QUALITY}.implementation.kwargs.min_value", "a date"),
    (table(quality=[check(column="tanggal", min_value="2024-01-31")]), f"{QUALITY}.implementation.kwargs.min_value",
     "a date, as 2024-01-31 without quotes"),
    (table(quality=[check(column="pasar", min_value=1)]), f"{QUALITY}.implementation.kwargs.column",
     "only numbers and dates have bounds, 'pasar' is string"),
    (table(quality=[check(tingkat="partisi", column="rata", max_value="1")]),
     f"{QUALITY}.implementation.kwargs.max_value", "'1' is not a number"),
    (table(quality=[check(kind="expect_column_max_to_be_between", column="harga")]), f"{QUALITY}.implementation.type",
     "is not used here"),
    (table(quality=[check(kind="expect_column_values_to_match_regex", column="pasar", regex="(")]),
     f"{QUALITY}.implementation.kwargs.regex", "is no regular expression"),
    (table(quality=[check(kind="expect_column_values_to_be_in_set", column="pasar", value_set=[])]),
     f"{QUALITY}.implementation.kwargs.value_set", "is an empty list"),
    (table(quality=[check(tingkat="partisi", column="harga", min_value=1)]), f"{QUALITY}.implementation.kwargs",
     "no metric of the profile 'harga'"),
    (table(quality=[check(tingkat="bulan")]), "schema.quality[0].customProperties", "only tingkat: baris | partisi"),
    # places that nobody reads
    (column(2, quality=[check()]), "schema.properties[2](harga).quality", "checks stand at the schema object"),
    (column(2, unique=True), "schema.properties[2](harga).unique", "is not read"),
    (table(customProperties=settings(satuan="Rp")), "schema[0].customProperties", "not here"),
    (top(servers=[{"server": "x", "type": "api"}]), "servers", "agency.yaml"),
]  # fmt: skip
