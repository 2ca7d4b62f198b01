"""A small public folder, made by the real engine from three datasets over a lake in memory.

Belongs here: contracts, SQL and rows of the three, and `make_release`. Does not belong here: assertions.

`harga_uji` has prices per day and kab/kota, `kamera_uji` is a directory with coordinates, `penerimaan_uji` has
revenue per office and month with a cell that is suppressed. All are stand-in data, as an installation without live
agencies would publish.
"""

import copy
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from connectors.contract import Agency
from tests.support.acuan import memory_lake
from warehouse.opendata.contract import OpenContract, find_open_contracts
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.describe import Publisher
from warehouse.opendata.manifest import Version, read_version
from warehouse.opendata.publish import Published, publish_dataset
from warehouse.opendata.release import Site, publish_release
from warehouse.opendata.store import Store

TODAY = date(2026, 11, 20)
PUBLISHER = Publisher(walidata="Dinas Komunikasi dan Informatika (uji)", base_url="http://127.0.0.1", demo=True)
AGENCIES = {
    "pangan_uji": Agency(kode="pangan_uji", nama="Kantor Pangan Uji", instansi="Dinas Pangan Uji"),
    "pajak_uji": Agency(kode="pajak_uji", nama="Kantor Pajak Uji", instansi="Badan Pendapatan Uji"),
    "kamera_uji": Agency(kode="kamera_uji", nama="Kantor Kamera Uji", instansi="Dinas Perhubungan Uji"),
}
REGIONS = [
    ("1271", "KOTA SIBOLGA"), ("1272", "KOTA TANJUNGBALAI"), ("1273", "KOTA PEMATANGSIANTAR"),
    ("1275", "KOTA MEDAN"), ("1276", "KOTA BINJAI"), ("1212", "KABUPATEN DELI SERDANG"),
]  # fmt: skip
GOODS = ["Beras Medium", "Cabai Merah Keriting", "Bawang Merah", "Minyak Goreng Curah", "Telur Ayam Ras"]

_PROVINCE = {
    "kode_provinsi": ("string", "Kode BPS provinsi."),
    "nama_provinsi": ("string", "Nama provinsi."),
}
_REGION = {
    "kode_kabupaten_kota": ("string", "Kode BPS kabupaten/kota."),
    "nama_kabupaten_kota": ("string", "Nama kabupaten/kota."),
}
_ORIGIN = {"asal_data": ("string", "Asal data: resmi, tiruan atau ulangan.")}


def _contract(
    agency: str,
    name: str,
    title: str,
    columns: dict[str, tuple[str, ...]],
    key: list[str],
    *,
    period: str | None = None,
    closed: tuple[str, ...] = (),
    units: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A contract's document. `columns`: name → logical type, description and, for numbers, the SQL type."""
    properties = []
    for column, (kind, description, *physical) in columns.items():
        entry: dict[str, Any] = {"name": column, "logicalType": kind, "description": description}
        entry["classification"] = "internal" if column in closed else "public"
        entry["businessName"] = column.replace("_", " ").capitalize()
        if physical:
            entry["physicalType"] = physical[0]
        if column in key:
            entry |= {"required": True, "primaryKey": True, "primaryKeyPosition": key.index(column) + 1}
        if column == period:
            entry["partitioned"] = True
        if units and column in units:
            entry["customProperties"] = [{"property": "satuan", "value": units[column]}]
        properties.append(entry)
    settings: dict[str, Any] = {
        "judul_en": f"{title} (test)",
        "keterangan_en": "A small dataset for tests.",
        "lisensi": "CC-BY-4.0",
        "dasar_publikasi": "Keputusan uji",
        "asal_terbit": ["tiruan"],
        "topik": ["ekonomi"],
        "bagian": "tahun" if period else "semua",
        **more,
    }
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"{agency}.open_data.{name}",
        "name": title,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": f"{title} untuk pengujian.", "limitations": "Hanya untuk pengujian."},
        "customProperties": [{"property": k, "value": v} for k, v in settings.items()],
        "schema": [
            {
                "name": name,
                "dataGranularityDescription": f"Satu baris per {', '.join(key)}",
                "properties": properties,
            }
        ],
    }


CONTRACTS = {
    "harga_uji": _contract(
        "pangan_uji", "harga_uji", "Harga pangan harian per kabupaten/kota",
        {
            **_PROVINCE, **_REGION,
            "komoditas": ("string", "Nama komoditas."),
            "harga": ("number", "Harga eceran.", "DECIMAL(18,2)"),
            "satuan": ("string", "Satuan harga."),
            "tanggal": ("date", "Tanggal pemantauan (WIB)."),
            **_ORIGIN,
        },
        ["tanggal", "kode_kabupaten_kota", "komoditas"], period="tanggal", units={"harga": "Rp/kg"},
        topik=["ekonomi", "pangan"], kata_kunci=["harga", "inflasi"],
        metode="Rata-rata sederhana antarpasar.",
        grafik={"jenis": "garis", "nilai": "harga", "kelompok": "nama_kabupaten_kota",
                "saring": {"komoditas": "Cabai Merah Keriting"}, "judul": "Harga cabai merah"},
    ),
    "kamera_uji": _contract(
        "kamera_uji", "kamera_uji", "Direktori kamera",
        {
            **_PROVINCE, **_REGION,
            "kode_kamera": ("string", "Kode kamera."),
            "nama_kamera": ("string", "Letak kamera."),
            "lintang": ("number", "Lintang (WGS 84).", "DOUBLE"),
            "bujur": ("number", "Bujur (WGS 84).", "DOUBLE"),
            "aktif": ("boolean", "Apakah kamera dipakai."),
            "diperiksa": ("timestamp", "Kapan terakhir diperiksa (UTC)."),
            **_ORIGIN,
        },
        ["kode_kamera"], lintang="lintang", bujur="bujur", topik=["perhubungan"], irama="bulanan",
        grafik={"jenis": "peta", "nilai": "bujur", "kelompok": "kode_kabupaten_kota", "judul": "Letak kamera"},
    ),
    "penerimaan_uji": _contract(
        "pajak_uji", "penerimaan_uji", "Penerimaan pajak per UPT per bulan",
        {
            **_PROVINCE,
            "upt": ("string", "Unit pelaksana teknis."),
            "jenis": ("string", "Jenis penerimaan."),
            "jumlah_pembayar": ("integer", "Banyak pembayar."),
            "penerimaan": ("number", "Uang yang diterima.", "DECIMAL(18,2)"),
            "porsi_terbesar": ("number", "Bagian pembayar terbesar, 0 sampai 1.", "DOUBLE"),
            "status_rahasia": ("string", "terbuka atau ditekan."),
            "bulan": ("date", "Bulan, ditulis sebagai hari pertamanya."),
            **_ORIGIN,
        },
        ["bulan", "upt", "jenis"], period="bulan", closed=("jumlah_pembayar", "porsi_terbesar"),
        units={"penerimaan": "Rp"}, topik=["keuangan"], irama="bulanan",
        sel_kecil=[{"jenis": "uang", "nilai": "penerimaan", "pembayar": "jumlah_pembayar", "terbesar": "porsi_terbesar",
                    "baris": "upt", "kolom": "jenis", "per": ["bulan"]}],
        grafik={"jenis": "batang", "nilai": "penerimaan", "kelompok": "upt", "judul": "Penerimaan per UPT"},
    ),
}  # fmt: skip
"""Documents of the three contracts; tests may change a copy."""

TABLES = {"harga_uji": "core.harga", "kamera_uji": "core.kamera", "penerimaan_uji": "core.penerimaan"}


def write_contracts(folder: Path, documents: dict[str, dict[str, Any]]) -> dict[str, OpenContract]:
    """Put contracts and their SQL into agency folders below `folder`, and read them as the engine does."""
    for name, document in documents.items():
        agency = str(document["id"]).partition(".")[0]
        home = folder / agency / "open_data"
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        columns = ", ".join(p["name"] for p in document["schema"][0]["properties"])
        (home / f"{name}.sql").write_text(f"SELECT {columns}\nFROM {TABLES[name]}\n", encoding="utf-8")
    return {c.name: c for c in find_open_contracts([folder])}


@contextmanager
def small_lake(rows: int = 500) -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake in memory with the tables of the three datasets; `rows` prices, days counted back from TODAY."""
    with memory_lake() as con:
        con.execute(
            "CREATE TABLE core.harga (kode_provinsi VARCHAR, nama_provinsi VARCHAR, kode_kabupaten_kota VARCHAR, "
            "nama_kabupaten_kota VARCHAR, komoditas VARCHAR, harga DECIMAL(18,2), satuan VARCHAR, tanggal DATE, "
            "asal_data VARCHAR)"
        )
        add_prices(con, rows)
        con.execute(
            "CREATE TABLE core.kamera AS SELECT '12' AS kode_provinsi, 'SUMATERA UTARA' AS nama_provinsi, "
            "'1275' AS kode_kabupaten_kota, 'KOTA MEDAN' AS nama_kabupaten_kota, printf('CAM-%03d', i) AS kode_kamera, "
            "'Simpang ' || i AS nama_kamera, CASE WHEN i <> 7 THEN round(3.55 + i / 1000, 6) END AS lintang, "
            "round(98.65 + i / 1000, 6) AS bujur, i % 5 <> 0 AS aktif, "
            "TIMESTAMPTZ '2026-11-19 01:30:00+00' + to_minutes(i) AS diperiksa, 'tiruan' AS asal_data "
            "FROM range(1, 25) AS r(i)"
        )
        con.execute(
            "CREATE TABLE core.penerimaan AS SELECT '12' AS kode_provinsi, 'SUMATERA UTARA' AS nama_provinsi, "
            "'UPT ' || chr(CAST(65 + u AS INTEGER)) AS upt, ['PKB', 'BBNKB', 'SWDKLLJ'][j + 1] AS jenis, "
            "CAST(CASE WHEN u = 2 AND j = 1 THEN 3 ELSE 40 + 7 * u + j END AS BIGINT) AS jumlah_pembayar, "
            "CAST((1000000 + 50000 * u + 333 * j) * (m + 1) AS DECIMAL(18,2)) AS penerimaan, 0.1 AS porsi_terbesar, "
            "'terbuka' AS status_rahasia, CAST(DATE '2025-11-01' + to_months(CAST(m AS INTEGER)) AS DATE) AS bulan, "
            "'tiruan' AS asal_data FROM range(5) AS a(u), range(3) AS b(j), range(12) AS c(m)"
        )
        yield con


def add_prices(con: duckdb.DuckDBPyConnection, rows: int, *, newest: date = TODAY) -> None:
    """Add price rows, the newest first, a day at a time."""
    per_day = len(REGIONS) * len(GOODS)
    made = []
    for n in range(rows):
        day, rest = divmod(n, per_day)
        (code, name), good = REGIONS[rest // len(GOODS)], rest % len(GOODS)
        price = 20000 * (good + 1) + 500 * round(10 * math.sin(day / 9 + rest)) + 100 * (rest // len(GOODS))
        when = newest - timedelta(days=day)
        made.append(("12", "SUMATERA UTARA", code, name, GOODS[good], price, "Rp/kg", when, "tiruan"))
    con.executemany(f"INSERT INTO core.harga VALUES ({', '.join('?' * 9)})", made)


def publish_all(
    con: duckdb.DuckDBPyConnection,
    contracts: dict[str, OpenContract],
    root: Path,
    *,
    today: date = TODAY,
    publisher: Publisher = PUBLISHER,
    site: Site | None = None,
) -> dict[str, Published]:
    """Publish the datasets and then the release, as the assets do; decisions lie in `walidata` beside the root."""
    decisions = Decisions(root.parent / "walidata")
    done = {
        c.name: publish_dataset(con, c, AGENCIES[c.agency], root, decisions, today, publisher)
        for c in contracts.values()
    }
    publish_release(root, list(contracts.values()), AGENCIES, decisions, publisher, today, site)
    return done


def make_release(root: Path, *, rows: int = 500, versions: int = 1, site: Site | None = None) -> None:
    """Fill the public folder `root`. Each version after the first corrects one price and adds one day of prices."""
    with tempfile.TemporaryDirectory() as folder, small_lake(rows) as con:
        contracts = write_contracts(Path(folder), CONTRACTS)
        for number in range(versions):
            today = TODAY + timedelta(days=number)
            if number:
                con.execute("UPDATE core.harga SET harga = harga + 1 WHERE tanggal = ?", [TODAY])
                add_prices(con, len(REGIONS) * len(GOODS), newest=today)
            publish_all(con, contracts, root, today=today, site=site)


Edit = Callable[[dict[str, Any]], None]


class Office:
    """One dataset's agency at a time: a lake in memory, a public folder, and contracts that may change in between."""

    def __init__(self, folder: Path, con: duckdb.DuckDBPyConnection) -> None:
        self.folder, self.con, self.root = folder, con, folder / "terbuka"
        self.decisions = Decisions(folder / "walidata")
        self.store = Store(self.root)
        self._kept: dict[str, OpenContract] = {}

    def contract(self, name: str = "harga_uji", edit: Edit | None = None, **settings: Any) -> OpenContract:
        """The dataset's contract with other settings (None: left out) or edited as a document."""
        document = copy.deepcopy(CONTRACTS[name])
        own = {e["property"]: e["value"] for e in document["customProperties"]} | settings
        document["customProperties"] = [{"property": k, "value": v} for k, v in own.items() if v is not None]
        if edit:
            edit(document["schema"][0])
        return write_contracts(self.folder / "kontrak", {name: document})[name]

    def publish(
        self,
        name: str = "harga_uji",
        edit: Edit | None = None,
        *,
        today: date = TODAY,
        demo: bool = True,
        **settings: Any,
    ) -> Published:
        contract = self._kept[name] = self.contract(name, edit, **settings)
        publisher = replace(PUBLISHER, demo=demo)
        agency = AGENCIES[contract.agency]
        return publish_dataset(self.con, contract, agency, self.root, self.decisions, today, publisher)

    def release(self, *, today: date = TODAY, site: Site | None = None) -> int | None:
        contracts = list(self._kept.values())
        return publish_release(self.root, contracts, AGENCIES, self.decisions, PUBLISHER, today, site)

    def version(self, number: int, name: str = "harga_uji") -> Version:
        return read_version(self.root, name, number)

    def file(self, number: int, format: str, name: str = "harga_uji") -> Path:
        (found,) = [f for f in self.version(number, name).berkas if f.format == format]
        return self.root / found.path

    def tree(self) -> set[str]:
        """Every file below the public folder."""
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}


@contextmanager
def office_in(folder: Path, rows: int = 60) -> Iterator[Office]:
    with small_lake(rows) as con:
        yield Office(folder, con)


def drop_column(name: str) -> Edit:
    """Take a column out of a contract."""

    def edit(table: dict[str, Any]) -> None:
        table["properties"] = [p for p in table["properties"] if p["name"] != name]

    return edit


def set_column(name: str, **values: Any) -> Edit:
    """Change a column of a contract, or add it."""

    def edit(table: dict[str, Any]) -> None:
        for entry in table["properties"]:
            if entry["name"] == name:
                entry.update(values)
                return
        table["properties"].append({"name": name, "description": "Kolom uji.", "classification": "public", **values})

    return edit
