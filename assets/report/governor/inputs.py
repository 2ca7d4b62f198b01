"""The rows that a report is made of, frozen: selected once, kept as JSON with a SHA-256 for each table.

A report made from kept inputs is the report that was made from the lake. Belongs here: which rows each kind of report
reads, and their form as a file. Does not belong here: how views are asked as of a date (`as_of.py`), what is said.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import duckdb
import orjson
import polars as pl

from assets.report.governor.as_of import AsOf
from warehouse.duck import literal

Kind = Literal["harian", "mingguan", "bulanan"]
KINDS: tuple[Kind, ...] = ("harian", "mingguan", "bulanan")

SOURCES = (
    "pihps.harga_pangan_wilayah",
    "pihps.harga_pangan_pasar",
    "panel_harga.harga_pangan_provinsi_peta",
    "panel_harga.harga_pangan_kabkota",
    "sp2kp.harga_pangan_kabkota",
    "samsat.pembayaran_pkb",
    "samsat.target_tahunan",
    "tirtanadi.produksi_air",
    "tirtanadi.gangguan_air",
    "tirtanadi.pelanggan_air_bulanan",
    "cctv.ketersediaan_cctv",
    "epokir.usulan_pokir",
)
"""Datasets whose numbers are printed, in the order of the table of sources."""

_STAGES = """
SELECT per_tanggal, tahun_anggaran, tahap, urutan_tahap, CAST(sum(jumlah) AS BIGINT) AS jumlah,
    CAST(sum(nilai) AS DECIMAL(24, 2)) AS nilai, max(asal_data) AS asal_data, dataset, partisi
FROM dashboard.pokir_corong
GROUP BY ALL
ORDER BY tahun_anggaran, urutan_tahap
"""
_STANDING = """
SELECT per_tanggal, opd, CAST(count(*) AS BIGINT) AS berjalan,
    CAST(count(*) FILTER (WHERE hari_diam >= 30) AS BIGINT) AS diam, max(hari_diam) AS terlama,
    bool_or(paling_sedikit) AS paling_sedikit, CAST(sum(anggaran) AS DECIMAL(24, 2)) AS anggaran,
    max(asal_data) AS asal_data, dataset, partisi
FROM dashboard.pokir_tertahan
GROUP BY per_tanggal, opd, dataset, partisi
ORDER BY diam DESC, berjalan DESC, opd
"""
_COMMON = {
    "dataset": "SELECT * FROM dashboard.kualitas_dataset ORDER BY dataset",
    "instansi": "SELECT * FROM dashboard.kualitas_instansi ORDER BY instansi",
    "peringatan": "SELECT * FROM dashboard.peringatan WHERE status <> 'selesai' ORDER BY urutan_tingkat, aturan, kunci",
    "ikhtisar": "SELECT * FROM dashboard.ikhtisar WHERE keadaan = 'perhatian' ORDER BY urutan",
    "harga": "SELECT * EXCLUDE (kode_komoditas, status_sumber), status_sumber FROM dashboard.harga_perubahan "
    "WHERE tingkat = 'provinsi' AND jenis_barang = 'komoditas' ORDER BY sumber, barang, kode_sumber",
    "acuan": "SELECT * FROM dashboard.harga_acuan WHERE tingkat = 'kabkota' ORDER BY sumber, barang, tempat",
    "pendapatan": "SELECT * FROM dashboard.pendapatan_ringkas ORDER BY penerima, jenis_pajak",
    "gangguan": "SELECT * FROM dashboard.air_gangguan ORDER BY pelanggan_terdampak DESC NULLS LAST, nomor",
    "cabang": "SELECT * FROM dashboard.air_cabang ORDER BY kode_cabang",
    "cctv_harian": "SELECT * FROM dashboard.cctv_harian WHERE tanggal > $hari - 61 ORDER BY tanggal, urutan",
    "pokir": _STAGES,
    "pokir_opd": _STANDING,
}
_PRODUCTION = "SELECT * FROM dashboard.air_produksi WHERE tanggal > $hari - 61 ORDER BY tanggal, ipa"
_SPREAD = "SELECT * FROM dashboard.pokir_sebaran ORDER BY tahun_anggaran, menurut, kelompok, urutan_keadaan"
_REGIONS = (
    "SELECT per_tanggal, sumber, tempat, kode_bps, kode_sumber, barang, harga, tanggal_{0}, harga_{0}, ubah_{0}, "
    "asal_data, dataset, partisi FROM dashboard.harga_perubahan WHERE sumber = 'sp2kp' AND tingkat = 'kabkota' "
    "ORDER BY tempat, barang, kode_sumber"
)

READ: Mapping[Kind, Mapping[str, str]] = {
    "harian": {
        **_COMMON,
        "pasar": "SELECT * FROM dashboard.harga_pasar WHERE ubah_harian <> 0 ORDER BY barang, pasar",
        "kesenjangan": "SELECT * FROM dashboard.harga_kesenjangan ORDER BY sumber, kesenjangan DESC, barang",
        "kumulatif": "SELECT * FROM dashboard.pendapatan_kumulatif ORDER BY tanggal, jenis_pajak",
        "upt": "SELECT * FROM dashboard.pendapatan_upt ORDER BY kode_upt",
        "produksi": _PRODUCTION,
        "cctv": "SELECT * EXCLUDE (lintang, bujur) FROM dashboard.cctv_keadaan ORDER BY id_kamera",
    },
    "mingguan": {
        **_COMMON,
        "kabkota": _REGIONS.format("mingguan"),
        "upt": "SELECT * FROM dashboard.pendapatan_upt ORDER BY kode_upt",
        "produksi": _PRODUCTION,
        "pokir_sebaran": _SPREAD,
    },
    "bulanan": {
        **_COMMON,
        "kabkota": _REGIONS.format("bulanan"),
        "penerima": "SELECT * FROM dashboard.pendapatan_penerima ORDER BY bulan, penerima, jenis_pajak, asal_data",
        "produksi": _PRODUCTION,
        "pokir_sebaran": _SPREAD,
    },
}
"""SELECTs of each kind over the views as of the report's date (`$hari`); each gives its rows in one order."""

_VERSIONS = """
SELECT dataset, partisi, left(arg_max(digest_isi, (selesai, run_id)), 40) AS digest,
    arg_max(CAST(diterima AS BIGINT), (selesai, run_id)) AS diterima,
    arg_max(nullif(asal, ''), (selesai, run_id)) AS asal_data
FROM ops.hasil
WHERE status IN ('diterima', 'kosong') AND dataset IN ({}) AND partisi >= {}
GROUP BY dataset, partisi
ORDER BY dataset, partisi
"""


@dataclass(frozen=True)
class Inputs:
    """Everything that a report is made of.

    `tables`: rows by name (see `READ`, and `versi`: the version of each partition of `SOURCES`). `missing`: why a table
    has no rows to read. `facts`: plain values, such as the newest partition of each dataset that was seen. `notes`:
    what staff wrote, as {"oleh", "waktu", "teks"}. `changes`: figures that differ from the version before.
    """

    kind: Kind
    day: date
    tables: Mapping[str, pl.DataFrame]
    missing: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[Mapping[str, str]] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table whose columns have these values; empty for one that could not be read."""
        frame = self.tables.get(name)
        found = [] if frame is None else list(frame.iter_rows(named=True))
        return [r for r in found if all(r[k] == v for k, v in where.items())]

    @property
    def digest(self) -> str:
        """Names what the report says: the same date, rows and notes have the same one."""
        told: dict[str, Any] = {
            "tabel": {n: _hash(t) for n, t in sorted(self.tables.items())},
            "belum": dict(self.missing),
        }
        told |= {"jenis": self.kind, "tanggal": self.day.isoformat(), "fakta": self.facts, "catatan": list(self.notes)}
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def read(views: AsOf, kind: Kind, day: date, facts: Mapping[str, Any]) -> Inputs:
    """Select what a report of `kind` is made of. A table that cannot be read is named in `missing`, never an error."""
    tables: dict[str, pl.DataFrame] = {}
    missing: dict[str, str] = {}
    start = min(day.replace(month=1, day=1), day - timedelta(days=61)).isoformat()
    versions = _VERSIONS.format(", ".join(literal(d) for d in SOURCES), literal(start))
    for name, sql in {**READ[kind], "versi": versions}.items():
        try:
            tables[name] = views.query(
                sql.replace("$hari", f"DATE {literal(day.isoformat())}"), f"laporan {kind}: {name}"
            )
        except (duckdb.Error, ValueError) as error:
            missing[name] = " ".join(str(error).split())[:300]
    return Inputs(kind, day, tables, missing, {**facts, "terlihat": dict(sorted(views.newest.items()))})


def dump(inputs: Inputs) -> bytes:
    """The inputs as JSON: every table with its columns, rows and SHA-256."""
    tables = {n: {"sha256": _hash(t), **_encoded(t)} for n, t in sorted(inputs.tables.items())}
    document: dict[str, Any] = {
        "jenis": inputs.kind,
        "tanggal": inputs.day.isoformat(),
        "digest": inputs.digest,
        "fakta": inputs.facts,
        "belum": inputs.missing,
        "catatan": list(inputs.notes),
        "perubahan": inputs.changes,
        "tabel": tables,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


class InputsDamaged(ValueError):
    """Kept inputs are not what was kept."""


def load(data: bytes) -> Inputs:
    """Kept inputs. Raises InputsDamaged when they cannot be read, or a table's rows do not have their kept hash."""
    try:
        document = orjson.loads(data)
        tables = {name: _decoded(table) for name, table in document["tabel"].items()}
        inputs = Inputs(
            document["jenis"],
            date.fromisoformat(document["tanggal"]),
            tables,
            document["belum"],
            document["fakta"],
            document["catatan"],
            document["perubahan"],
        )
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputsDamaged(f"kept inputs cannot be read: {error}") from None
    wrong = [name for name, table in document["tabel"].items() if table["sha256"] != _hash(tables[name])]
    if wrong or inputs.digest != document["digest"]:
        raise InputsDamaged(f"kept inputs were changed: {', '.join(wrong) or 'their digest'}")
    return inputs


_TYPES: dict[str, Any] = {
    "teks": pl.String(),
    "tanggal": pl.Date(),
    "waktu": pl.Datetime("us"),
    "waktu_utc": pl.Datetime("us", "UTC"),
    "bulat": pl.Int64(),
    "pecahan": pl.Float64(),
    "ya_tidak": pl.Boolean(),
}


def _encoded(frame: pl.DataFrame) -> dict[str, Any]:
    columns = [[name, _kind_of(dtype)] for name, dtype in frame.schema.items()]
    return {"kolom": columns, "baris": [[_plain(v) for v in row] for row in frame.iter_rows()]}


def _kind_of(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"desimal:{dtype.scale}"
    if dtype.is_integer():
        return "bulat"
    if dtype == pl.Null():
        return "teks"
    return next(name for name, known in _TYPES.items() if known == dtype)


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _decoded(table: Mapping[str, Any]) -> pl.DataFrame:
    named = table["kolom"]
    columns = zip(*table["baris"], strict=True) if table["baris"] else ([] for _ in named)
    return pl.DataFrame([pl.Series(n, *_typed(kind, values)) for (n, kind), values in zip(named, columns, strict=True)])


def _typed(kind: str, values: Sequence[Any]) -> tuple[list[Any], Any]:
    name, _, scale = kind.partition(":")
    if name == "desimal":
        return [None if v is None else Decimal(v) for v in values], pl.Decimal(38, int(scale))
    read = {"tanggal": date.fromisoformat, "waktu": datetime.fromisoformat, "waktu_utc": datetime.fromisoformat}.get(
        name
    )
    return [v if v is None or read is None else read(v) for v in values], _TYPES[name]


def _hash(frame: pl.DataFrame) -> str:
    return hashlib.sha256(orjson.dumps(_encoded(frame))).hexdigest()
