"""What a manifest says of a version besides its files: texts, columns, licence, sources, warnings.

Belongs here: turning contract and agency into the words that people read. Does not belong here: rows and files
(`publish.py`), machine-readable metadata standards (`metadata/`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from connectors.contract import Agency
from warehouse.opendata.contract import LICENSES, Cadence, OpenContract
from warehouse.opendata.manifest import Column, FieldType, Licence, Source

WARNINGS = {
    "tiruan": "Memuat data tiruan: angka dibuat sistem untuk peragaan, bukan keadaan sebenarnya.",
    "ulangan": "Memuat data ulangan: deret nyata yang diputar ulang, bukan ambilan langsung dari sumber.",
}
"""What a reader is told of rows that no agency gave for the occasion, by origin."""

_TYPES: dict[str, FieldType] = {
    "string": "string",
    "date": "date",
    "timestamp": "datetime",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Publisher:
    """Who publishes: the walidata, the province, where the portal answers. `demo`: no agency is live here."""

    walidata: str = "Dinas Komunikasi dan Informatika"
    province: str = "Sumatera Utara"
    province_code: str = "12"
    base_url: str = "http://127.0.0.1:8080"
    demo: bool = False


def columns_of(contract: OpenContract) -> tuple[Column, ...]:
    """The open columns in order."""
    return tuple(
        Column(
            nama=c.name,
            judul=c.title,
            judul_en=c.ext.judul_en,
            keterangan=c.description,
            tipe=_TYPES[c.logical_type],
            sql=c.sql_type,
            satuan=c.ext.satuan,
            wajib=c.required,
            kunci=c.key,
        )
        for c in contract.public
    )


def facts(contract: OpenContract, agency: Agency, origins: tuple[str, ...], publisher: Publisher) -> dict[str, Any]:
    """Fields of `Version` that contract and agency give; a change of any of them makes a new version."""
    ext = contract.ext
    licence = LICENSES[str(ext.lisensi)]
    # An agency is not named as the source of numbers that it never gave.
    invented = origins == ("tiruan",)
    suffix = " (tiruan)" if invented else ""
    public = {c.name for c in contract.public}
    return {
        "judul": contract.title,
        "judul_en": ext.judul_en,
        "keterangan": contract.description,
        "keterangan_en": ext.keterangan_en,
        "batasan": contract.limitations,
        "butiran": contract.granularity,
        "metode": ext.metode,
        "catatan": ext.catatan,
        "instansi": contract.agency,
        "produsen": f"{agency.instansi}{suffix}",
        "walidata": publisher.walidata,
        "sumber": (
            Source(
                nama=f"{agency.nama}{suffix}",
                instansi=f"{agency.instansi}{suffix}",
                url=None if invented else agency.url or None,
            ),
        ),
        "topik": ext.topik,
        "kata_kunci": ext.kata_kunci,
        "lisensi": Licence(id=str(ext.lisensi), judul=licence.title, url=licence.url),
        "dasar_publikasi": str(ext.dasar_publikasi),
        "asal_data": origins,
        "peringatan": tuple(WARNINGS[o] for o in origins if o in WARNINGS),
        "kolom": columns_of(contract),
        "kunci": contract.key,
        "kolom_periode": contract.period,
        "kolom_wilayah": ext.wilayah if ext.wilayah in public else None,
        "irama": ext.irama,
        "umumkan": tuple(a.model_dump(exclude_none=True) for a in ext.umumkan),
        "grafik": ext.grafik.model_dump() if ext.grafik else None,
    }


def next_due(today: date, cadence: Cadence) -> date:
    """First day of the cadence's next period: tomorrow, Monday, the first of the month or of the year."""
    if cadence == "harian":
        return today + timedelta(days=1)
    if cadence == "mingguan":
        return today + timedelta(days=7 - today.weekday())
    if cadence == "bulanan":
        return (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    return date(today.year + 1, 1, 1)


def same_period(one: date, other: date, cadence: Cadence) -> bool:
    """Whether two days lie in one period of the cadence."""
    return next_due(one, cadence) == next_due(other, cadence)
