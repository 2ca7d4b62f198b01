"""How a made-up proposal looks on a day: a record with the fields of SIPD's `data_pokir`.

Belongs here: the state on a day and the form of each field, with the few oddities that real answers have.
Does not belong here: the facts of a proposal (`usulan_tiruan.py`), paging and tokens (`sandbox.py`).

Operators' names, NIK and telephone numbers are sent on purpose, as SIPD does: they must never get past the
allow-list. The numbers can belong to nobody (region code 12.99, telephone 0800).
"""

from bisect import bisect_right
from datetime import date
from functools import lru_cache
from typing import Any

import orjson

from connectors.epokir.usulan_tiruan import Usulan, semua
from connectors.sandbox import World

TAHAP = ("setwan", "mitra", "skpd", "tapd")
STATUS = ("Usulan baru", "Rekomendasi Setwan", "Rekomendasi mitra", "Verifikasi SKPD", "Validasi TAPD", "Masuk RKPD")
_DITOLAK, _DIBATALKAN = (9, "Ditolak"), (8, "Dibatalkan")


@lru_cache(maxsize=4)
def catatan(world: World, tahun: int) -> tuple[bytes, ...]:
    """The records listed for a budget year on `world.today`, each as JSON, by rising id_usulan."""
    usulan = semua(world, tahun)
    ada = bisect_right([u.dibuat for u in usulan], world.today)
    wilayah = world.reference("referensi", "wilayah")
    daerah = next(r["nama"] for r in wilayah if r["jenis"] == "provinsi")
    umum = {"nama_daerah": daerah, "tahun_anggaran": tahun}
    return tuple(orjson.dumps(_catatan(u, n, world.today) | umum) for n, u in enumerate(usulan[:ada], 1))


def _catatan(u: Usulan, nomor: int, hari_ini: date) -> dict[str, Any]:
    gugur = u.gugur is not None and u.gugur <= hari_ini
    batas = min(hari_ini, u.gugur) if u.gugur is not None else hari_ini
    selesai = bisect_right(u.jadwal, batas)
    ditolak, batal = gugur and u.tahap_tolak is not None, gugur and u.tahap_tolak is None
    if ditolak:
        selesai = min(selesai, u.tahap_tolak or 0)
    rkpd = selesai == len(u.jadwal)
    kode_skpd, nama_skpd = u.skpd_pindah if u.skpd_pindah and selesai >= 2 else u.skpd
    status = _DITOLAK if ditolak else _DIBATALKAN if batal else (selesai + 1, STATUS[selesai])
    terakhir = max([u.dibuat, *u.jadwal[:selesai], *([u.gugur] if gugur and u.gugur else [])])
    anggaran = _anggaran(u, nomor)
    tanpa_kecamatan = nomor % 60 == 11
    id_kecamatan = u.tempat.id_kecamatan or 6000 + u.tempat.id_kab_kota * 20 % 900 + nomor % 12
    kosong = "-" if nomor % 25 == 0 else ""
    koordinat = (f"{2 + nomor % 170 / 100:.4f}", f"{98 + nomor % 200 / 100:.4f}") if nomor % 3 else (None, None)
    return {
        "alamat_teks": "-" if nomor % 8 == 5 else f"Jl. Tiruan No. {nomor}, {u.tempat.nama}",
        "anggaran": anggaran,
        "batal_teks": "Ditarik oleh pengusul" if batal else kosong,
        "bidang_urusan": u.giat.bidang,
        "created_date": _waktu_usul(u, nomor),
        "fraksi_dewan": u.anggota.fraksi,
        "giat_teks": u.giat.teks,
        "id_bidang_urusan": int(u.giat.urusan[2:]),
        "id_jenis_usul": 13,
        "id_kab_kota": u.tempat.id_kab_kota,
        "id_kecamatan": 0 if tanpa_kecamatan else id_kecamatan,
        "id_kelurahan": 0 if tanpa_kecamatan or nomor % 4 else 70_000 + nomor,
        "id_pengusul": u.anggota.id,
        "id_reses": 1 + (u.dibuat.month - 1) // 4,
        "id_unit": int(kode_skpd[:4].replace(".", "")),
        "id_usulan": u.id,
        "is_batal": str(int(batal)) if nomor % 31 == 9 else int(batal),
        "is_tolak": str(int(ditolak)) if nomor % 31 == 9 else int(ditolak),
        "jenis_belanja": u.giat.belanja,
        "jenis_usul_teks": "Pokok Pikiran DPRD",
        "kelompok": 1,
        "kode_skpd": kode_skpd,
        "koefisien": f"{u.volume} {u.giat.satuan}",
        "lokus_usulan": u.tempat.nama,
        "masalah": "" if nomor % 50 == 21 else f"{u.giat.masalah} di {u.tempat.nama}",
        "nama_skpd": f"{nama_skpd} " if nomor % 50 == 7 else nama_skpd,
        "nama_user": f"Operator Tiruan {nomor % 12 + 1}",
        "nik": f"129999{nomor:010d}",
        "no_hp": f"0800{nomor:08d}",
        "pengusul": u.anggota.nama,
        **_rekomendasi(u, selesai, ditolak, nomor),
        "satuan": u.giat.satuan,
        "status_usul": status[0],
        "status_usul_teks": status[1],
        "tolak_teks": u.alasan if ditolak else kosong,
        "tujuan_usul": "" if nomor % 50 == 21 else f"{u.giat.teks} untuk warga",
        "detail_usulanggaran": anggaran,
        "detail_usulvolume": u.volume,
        "detail_latpeta": koordinat[0],
        "detail_langpeta": koordinat[1],
        "detail_idkamus": u.id_kamus,
        "detail_kodeskpd": u.skpd[0],
        "detail_subgiat": f"{u.giat.urusan}.06.1.01.{u.id_kamus:04d}" if rkpd else None,
        "detail_gagasan": f"Kamus usulan {u.id_kamus}" if nomor % 5 == 0 else None,
        "id_program": 1400 + u.id_kamus if rkpd else 0,
        "id_sub_bl": 80_000 + nomor if rkpd else 0,
        "active": 1,
        "update_at": _instan(terakhir, u.detik),
    }


def _anggaran(u: Usulan, nomor: int) -> int | str:
    """The amount asked for; one in 500 was typed as words, as some offices do."""
    return f"Rp {u.nilai[0] // 1_000_000} juta" if nomor % 500 == 123 else _uang(u.nilai[0], nomor)


def _uang(nilai: int, nomor: int) -> int | str:
    """SIPD's column is a double, yet some installations answer with text; both are sent."""
    return f"{nilai}.00" if nomor % 9 == 4 else nilai


def _rekomendasi(u: Usulan, selesai: int, ditolak: bool, nomor: int) -> dict[str, Any]:
    isi: dict[str, Any] = {}
    for n, tahap in enumerate(TAHAP):
        nilai: int | str | None = None
        koefisien = teks = None
        if n < selesai:
            sebelum, sesudah = u.nilai[n], u.nilai[n + 1]
            nilai = _uang(sesudah, nomor + n)
            koefisien = f"{max(1, u.volume * sesudah // u.nilai[0])} {u.giat.satuan}"
            teks = "Sesuai" if sesudah == sebelum else "Disesuaikan dengan kemampuan keuangan daerah"
        elif n == selesai and ditolak:
            nilai, koefisien, teks = 0, f"0 {u.giat.satuan}", "Tidak direkomendasikan"
        isi[f"rekom_{tahap}_anggaran"] = nilai
        isi[f"rekom_{tahap}_koefisien"] = koefisien
        isi[f"rekom_{tahap}_rekomendasi"] = teks
    return isi


def _waktu_usul(u: Usulan, nomor: int) -> str:
    """The date as text in the forms that it takes in practice; one in 700 has a mistyped year far ahead."""
    if nomor % 700 == 350:
        return _instan(u.dibuat.replace(year=u.dibuat.year + 70, day=min(u.dibuat.day, 28)), u.detik)
    if nomor % 40 == 3:
        return f"{u.dibuat:%d-%m-%Y}"
    if nomor % 90 == 17:
        return "" if nomor % 4 == 1 else "-"
    return _instan(u.dibuat, u.detik)


def _instan(hari: date, detik: int) -> str:
    return f"{hari} {detik // 3600:02d}:{detik // 60 % 60:02d}:{detik % 60:02d}"
