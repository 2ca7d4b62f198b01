"""Fields of Satu Data Indonesia: metadata of the activity (MS-Keg), the variables (MS-Var) and the indicator (MS-Ind).

Belongs here: which fields there are, which of them a contract answers, and which an author still owes. Does not belong
here: a form to fill in (the contract is the form: `sdi` in its `customProperties`).

The forms are those of Peraturan BPS 5/2020, which Perpres 39/2019 asks for. A contract says `keg.<field>` and
`ind.<field>` where nothing else of it answers; an activity that collects its numbers from registers has no sample and
asks no question, and says so by `tidak berlaku`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from warehouse.opendata.contract import OpenColumn, OpenContract

NOT_APPLICABLE = "tidak berlaku"


class Field(NamedTuple):
    """A field of a form: its block, and its title as the form has it."""

    blok: str
    judul: str


MS_KEG: Mapping[str, Field] = {
    "judul_kegiatan": Field("Judul", "Judul kegiatan"),
    "penyelenggara": Field("I. Penyelenggara", "Instansi penyelenggara"),
    "alamat": Field("I. Penyelenggara", "Alamat penyelenggara"),
    "penanggung_jawab": Field("II. Penanggung jawab", "Unit penanggung jawab"),
    "latar_belakang": Field("III. Perencanaan dan persiapan", "Latar belakang kegiatan"),
    "tujuan": Field("III. Perencanaan dan persiapan", "Tujuan kegiatan"),
    "jadwal": Field("III. Perencanaan dan persiapan", "Rencana jadwal kegiatan"),
    "frekuensi": Field("IV. Desain kegiatan", "Frekuensi penyelenggaraan"),
    "cara_pengumpulan": Field("IV. Desain kegiatan", "Cara pengumpulan data"),
    "cakupan_wilayah": Field("IV. Desain kegiatan", "Cakupan wilayah"),
    "desain_sampel": Field("V. Desain sampel", "Rancangan sampel"),
    "penjaminan_kualitas": Field("VI. Pengumpulan data dan penjaminan kualitas", "Cara menjamin kualitas"),
    "pengolahan": Field("VII. Pengolahan dan analisis", "Cara pengolahan"),
    "tingkat_penyajian": Field("VII. Pengolahan dan analisis", "Tingkat penyajian hasil"),
    "diseminasi": Field("VIII. Diseminasi hasil", "Produk untuk umum"),
}
MS_IND: Mapping[str, Field] = {
    "nama": Field("Indikator", "Nama indikator"),
    "konsep": Field("Indikator", "Konsep"),
    "definisi": Field("Indikator", "Definisi"),
    "interpretasi": Field("Indikator", "Interpretasi"),
    "rumus": Field("Indikator", "Metode/rumus penghitungan"),
    "ukuran": Field("Indikator", "Ukuran"),
    "satuan": Field("Indikator", "Satuan"),
    "klasifikasi_penyajian": Field("Indikator", "Klasifikasi penyajian"),
    "komposit": Field("Indikator", "Apakah indikator komposit"),
    "variabel_pembangun": Field("Indikator", "Variabel pembangun"),
    "level_estimasi": Field("Indikator", "Level estimasi"),
    "akses_umum": Field("Indikator", "Apakah dapat diakses umum"),
}
MS_VAR = (
    "nama", "alias", "konsep", "definisi", "referensi_pemilihan", "referensi_waktu", "tipe_data", "klasifikasi_isian",
    "aturan_validasi", "kalimat_pertanyaan", "akses_umum",
)  # fmt: skip

_TYPES = {
    "string": "teks",
    "integer": "bilangan bulat",
    "number": "bilangan desimal",
    "date": "tanggal",
    "timestamp": "tanggal dan waktu",
    "boolean": "ya/tidak",
}
_FORMATS = "Parquet, CSV, XLSX dan JSON pada portal Sidata, dengan API"


def fields(contract: OpenContract) -> dict[str, Any]:
    """What a contract says of the three forms: `ms_keg` {field: {blok, judul, isi}}, `ms_var` [{field: text}, one a
    public column], `ms_ind` (as `ms_keg`; empty for a dataset without an indicator) and `belum` [names of the fields
    that an author still owes]. An owed field has no text."""
    said = contract.ext.sdi
    activity = _derived_activity(contract) | _chosen(said, "keg")
    indicator = _chosen(said, "ind")
    if indicator:
        indicator = {"akses_umum": "Ya"} | indicator
    variables = [_variable(contract, c) for c in contract.public]
    owed = [f"keg.{name}" for name in MS_KEG if not activity.get(name)]
    owed += [f"ind.{name}" for name in MS_IND if indicator and not indicator.get(name)]
    owed += [f"var.{v['nama']}.{name}" for v in variables for name in MS_VAR if not v[name]]
    return {
        "ms_keg": _form(MS_KEG, activity),
        "ms_var": variables,
        "ms_ind": _form(MS_IND, indicator) if indicator else {},
        "belum": owed,
    }


def unknown(contract: OpenContract) -> list[str]:
    """Names in a contract's `sdi` that no form has."""
    known = {f"keg.{name}" for name in MS_KEG} | {f"ind.{name}" for name in MS_IND}
    return sorted(contract.ext.sdi.keys() - known)


def _derived_activity(contract: OpenContract) -> dict[str, str]:
    """Fields that the rest of the contract answers."""
    return {
        "judul_kegiatan": contract.title,
        "tujuan": contract.description,
        "frekuensi": contract.ext.irama,
        "desain_sampel": NOT_APPLICABLE,
        "penjaminan_kualitas": (
            "Pemeriksaan otomatis menurut kontrak data: kunci tunggal, isian wajib, tipe dan kewajaran; "
            "baris yang tidak lulus dikarantina dengan alasannya."
        ),
        "pengolahan": contract.ext.metode,
        "tingkat_penyajian": contract.granularity,
        "diseminasi": _FORMATS,
    }


def _variable(contract: OpenContract, column: OpenColumn) -> dict[str, str]:
    return {
        "nama": column.name,
        "alias": column.title,
        "konsep": column.ext.konsep or "",
        "definisi": column.description,
        "referensi_pemilihan": column.ext.referensi or "",
        "referensi_waktu": contract.period or contract.granularity,
        "tipe_data": _TYPES[column.logical_type],
        "klasifikasi_isian": column.ext.klasifikasi or NOT_APPLICABLE,
        "aturan_validasi": _rule(column),
        "kalimat_pertanyaan": NOT_APPLICABLE,
        "akses_umum": "Ya",
    }


def _rule(column: OpenColumn) -> str:
    if column.key:
        return "selalu terisi; bagian dari kunci yang tunggal"
    return "selalu terisi" if column.required else "boleh kosong"


def _chosen(said: Mapping[str, str], form: str) -> dict[str, str]:
    return {name.partition(".")[2]: text for name, text in said.items() if name.startswith(f"{form}.")}


def _form(form: Mapping[str, Field], answers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {"blok": field.blok, "judul": field.judul, "isi": answers.get(name, "")} for name, field in form.items()
    }
