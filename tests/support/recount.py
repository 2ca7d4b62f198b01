"""Figures of reports once more, straight from the source tables of a small warehouse and in Python.

Knows nothing of views or models: what it counts is what a person with the agencies' rows and a pencil would count.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests.support.workspace import TODAY
from warehouse.lake import Lake

LAST, BEFORE, FIRST = date(2026, 11, 19), date(2026, 11, 18), date(2026, 11, 17)
PARTS: dict[str, tuple[str, ...]] = {
    "PKB": ("pkb_pokok", "pkb_denda"),
    "BBNKB": ("bbnkb_pokok", "bbnkb_denda"),
    "OPSEN_PKB": ("opsen_pkb_pokok", "opsen_pkb_denda"),
    "OPSEN_BBNKB": ("opsen_bbnkb_pokok", "opsen_bbnkb_denda"),
    "SWDKLLJ": ("swdkllj_pokok", "swdkllj_denda"),
    "PNBP": ("pnbp_stnk", "pnbp_tnkb"),
}
PARTS["PAD"] = PARTS["PKB"] + PARTS["BBNKB"]
STAGES = ("usulan", "setwan", "mitra", "skpd", "tapd", "rkpd")
LIMIT = Decimal(14000)
"""HET of medium rice in zone 2 since 22 August 2025 (Kepbadan 299/2025)."""

Key = dict[str, Any]


class Recount:
    """Figures once more, straight from the source tables and in Python."""

    def __init__(self, lake: Lake):
        self.lake = lake
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def rows(self, table: str) -> list[dict[str, Any]]:
        if table not in self._rows:
            self._rows[table] = self.lake.query(f"SELECT * FROM lake.{table}").to_dicts()
        return self._rows[table]

    def expected(self, table: str, column: str, key: Key, name: str) -> Decimal | int:
        """The value of a figure; an unknown kind of figure is a fault of the test."""
        count: Callable[[str, Key, str], Decimal | int] = getattr(self, f"of_{table}")
        return count(column, key, name)

    # --- data ---
    def of_dataset(self, column: str, key: Key, name: str) -> Decimal | int:
        own = [r for r in self.rows("ops.hasil") if r["dataset"] == key["dataset"] and r["status"] == "diterima"]
        kept: int = sum(r["diterima"] for r in own)
        aside = sum(1 for r in self.rows("quarantine.baris") if r["dataset"] == key["dataset"])
        if column == "terbaru":
            return (TODAY - date.fromisoformat(max(r["partisi"] for r in own))).days
        if column == "sah":
            return Decimal(100 * kept) / (kept + aside)
        return {"terisi": len(own), "dijanjikan": len(own), "dikarantina": aside}[column]

    # --- prices ---
    @cached_property
    def province(self) -> dict[str, dict[date, Decimal]]:
        """PIHPS's prices of the province by commodity and date."""
        found: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for row in self.rows("source.pihps__harga_pangan_wilayah"):
            if (row["tingkat"], row["jenis_barang"]) == ("provinsi", "komoditas") and row["harga"] is not None:
                found[row["kode_barang"]][row["tanggal"]] = row["harga"]
        return found

    def of_harga(self, column: str, key: Key, name: str) -> Decimal | int:
        if column == "status_sumber":
            rows = self.rows("source.panel_harga__harga_pangan_provinsi_peta")
            own = [r for r in rows if r["tanggal"] == LAST and r["level_harga_id"] == 3 and r["kode_provinsi"] == "2"]
            return sum(1 for r in own if r["status_peta"] == key["status_sumber"])
        assert key["sumber"] == "pihps"
        if "kode_sumber" in key:
            prices = self.province[key["kode_sumber"]]
            return prices[LAST] if column == "harga" else change(prices[LAST], prices[BEFORE])
        moves = [p[LAST] - p[BEFORE] for p in self.province.values() if LAST in p and BEFORE in p]
        if name.endswith("naik"):
            return sum(m > 0 for m in moves)
        if name.endswith("turun"):
            return sum(m < 0 for m in moves)
        return sum(m == 0 for m in moves) if name.endswith("tetap") else len(moves)

    def of_pasar(self, column: str, key: Key, name: str) -> Decimal:
        codes = {r["nama_barang"].strip().lower(): r["kode_barang"] for r in self.rows("source.pihps__ref_komoditas")}
        names = {r["nama_komoditas"]: r["kode_komoditas"] for r in self.rows("source.komoditas__komoditas")}
        alias = {
            r["kode_komoditas"]: r["kode_sumber"] for r in self.rows("source.komoditas__padanan")
            if (r["sumber"], r["kesepadanan"]) == ("pihps", "exact")
        }  # fmt: skip
        code = alias.get(names.get(key["barang"], ""), "") or codes[key["barang"].lower()]
        own = {
            r["tanggal"]: r["harga"] for r in self.rows("source.pihps__harga_pangan_pasar")
            if (r["pasar"], r["kode_komoditas"]) == (key["pasar"], code)
        }  # fmt: skip
        return change(own[LAST], own[BEFORE])

    def medium_rice(self, source: str) -> dict[str, Decimal]:
        """Retail prices of medium rice by kabupaten/kota on the source's newest date."""
        if source == "sp2kp":
            return {
                r["nama_kabupaten_kota"]: r["harga"] for r in self.rows("source.sp2kp__harga_pangan_kabkota")
                if r["tanggal"] == LAST and r["nama_varian"] == "Beras Medium" and r["harga"] is not None
            }  # fmt: skip
        places = {r["kode_kota"]: r["nama_kabupaten_kota"] for r in self.rows("source.panel_harga__ref_kota")}
        rows = [
            r for r in self.rows("source.panel_harga__harga_pangan_kabkota")
            if r["nama_komoditas"] == "Beras Medium" and r["level_harga_id"] == 3 and r["harga"] is not None
        ]  # fmt: skip
        newest = max(r["tanggal"] for r in rows)
        return {places[r["kode_kota"]]: r["harga"] for r in rows if r["tanggal"] == newest}

    def of_acuan(self, column: str, key: Key, name: str) -> Decimal | int:
        assert key["barang"] == "Beras Medium"
        prices = self.medium_rice(key["sumber"])
        if column == "harga_acuan":
            return LIMIT
        if "tempat" not in key:
            return len(prices) if column == "harga" else sum(p > LIMIT for p in prices.values())
        dearest = max(prices.values())
        assert plain(key["tempat"]) in {plain(p) for p, price in prices.items() if price == dearest}
        return dearest if column == "harga" else change(dearest, LIMIT)

    def of_kesenjangan(self, column: str, key: Key, name: str) -> Decimal:
        prices = [
            r["harga"] for r in self.rows("source.sp2kp__harga_pangan_kabkota")
            if r["tanggal"] == LAST and str(r["kode_varian"]) == key["kode_sumber"] and r["harga"] is not None
        ]  # fmt: skip
        low: Decimal = min(prices)
        high: Decimal = max(prices)
        return {"termurah": low, "termahal": high, "kesenjangan": change(high, low)}[column]

    # --- revenue ---
    @cached_property
    def paid(self) -> dict[tuple[date, str, str], Decimal]:
        """Rupiah by date, UPT and tax."""
        sums: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
        for row in self.rows("source.samsat__pembayaran_pkb"):
            for kind, parts in PARTS.items():
                sums[row["tanggal"], row["kode_upt"], kind] += sum((row[p] or Decimal(0) for p in parts), Decimal(0))
        return sums

    def total(self, kind: str, days: tuple[date, ...], office: str = "") -> Decimal:
        return sum(
            (v for (d, u, k), v in self.paid.items() if k == kind and d in days and office in ("", u)), Decimal(0)
        )

    def of_pendapatan(self, column: str, key: Key, name: str) -> Decimal | int:
        kind, days = key["jenis_pajak"], (FIRST, BEFORE, LAST)
        if column == "hari_berdata":
            return len({d for d, _, _ in self.paid})
        if column.startswith("nilai"):
            chosen = {"nilai_hari": (LAST,), "nilai_hari_sebelum": (BEFORE,)}.get(column, days)
            return self.total(kind, chosen)
        targets = {r["kode_pajak"]: r["target"] for r in self.rows("source.samsat__target_tahunan")}
        prorata: Decimal = sum(targets[k] for k in (("PKB", "BBNKB") if kind == "PAD" else (kind,))) * 3 / Decimal(365)
        return prorata if column == "target_prorata" else 100 * self.total(kind, days) / prorata

    def of_upt(self, column: str, key: Key, name: str) -> Decimal | int:
        if not key:
            offices = {r["kode_upt"] for r in self.rows("source.samsat__upt")}
            return len(offices - {u for d, u, _ in self.paid if d == LAST})
        return self.total("PAD", (LAST,) if column == "nilai_hari" else (FIRST, BEFORE, LAST), key["kode_upt"])

    # --- water ---
    def of_produksi(self, column: str, key: Key, name: str) -> Decimal | int:
        made: dict[date, dict[str, Decimal]] = defaultdict(dict)
        for row in self.rows("source.tirtanadi__produksi_air"):
            made[row["tanggal"]][row["ipa"]] = row["produksi_m3"]
        if "dari" in key:
            return (
                len(made)
                if name.startswith("Hari")
                else sum(sum(d.values()) for d in made.values()) / Decimal(len(made))
            )
        now, then = made[LAST], made[BEFORE]
        if name.startswith("Perubahan"):
            both = now.keys() & then.keys()
            return change(sum((now[p] for p in both), Decimal(0)), sum((then[p] for p in both), Decimal(0)))
        return len(now) if name.startswith("Instalasi") else sum(now.values(), Decimal(0))

    def of_gangguan(self, column: str, key: Key, name: str) -> int:
        rows = self.rows("source.tirtanadi__gangguan_air")
        lasting = [r for r in rows if r["selesai"] is None and r["status"] not in ("Selesai", "Ditolak")]
        if column == "nomor":
            return len(lasting)
        (one,) = [r for r in lasting if r["nomor"] == key["nomor"]]
        return int(one["pelanggan_terdampak"])

    def of_cabang(self, column: str, key: Key, name: str) -> Decimal | int:
        reports = self.rows("source.tirtanadi__pelanggan_air_bulanan")
        month = max(r["bulan"] for r in reports)
        known = self.rows("source.tirtanadi__cabang")
        renamed = {r["nama_lama"]: r["nama_cabang"] for r in known if r["nama_lama"]}
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in reports:
            if row["bulan"] == month:
                told[renamed.get(row["cabang"], row["cabang"])].append(row)
        if column == "kode_cabang":
            return len(told) if key else len(known)
        if "kode_cabang" not in key:
            return sum((r["tunggakan_rp"] for rows in told.values() for r in rows), Decimal(0))
        own = told[next(r["nama_cabang"] for r in known if r["kode_cabang"] == key["kode_cabang"])]
        fields = {"tunggakan": "tunggakan_rp", "penerimaan": "penerimaan_rp", "pelanggan": "pelanggan"}
        if column in fields:
            return sum((Decimal(r[fields[column]]) for r in own), Decimal(0))
        (lost,) = {r["kehilangan_air_persen"] for r in own if r["kehilangan_air_persen"] is not None}
        return Decimal(lost)

    # --- cameras ---
    @cached_property
    def hours(self) -> dict[int, dict[int, list[bool]]]:
        """Valid probes, by camera and hour since the first day's midnight (WIB), one a slot of five minutes."""
        slots: dict[tuple[int, int], bool] = {}
        for row in self.rows("source.cctv__ketersediaan_cctv"):
            local = row["waktu"] + timedelta(hours=7)
            minutes = (row["tanggal"] - FIRST).days * 1440 + local.hour * 60 + local.minute
            if row["id_kamera"] > 0:
                slots[row["id_kamera"], minutes // 5] = row["status"] == "up"
        found: dict[int, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
        for (camera, slot), up in slots.items():
            found[camera][slot // 12].append(up)
        return found

    def state(self, camera: int, hour: int) -> str:
        probes = self.hours[camera].get(hour, [])
        if not probes:
            return "tidak diketahui"
        return "mati" if not any(probes) else "terganggu" if 2 * sum(probes) < len(probes) else "siaran"

    def of_cctv(self, column: str, key: Key, name: str) -> int:
        newest = max(r["tanggal_potret"] for r in self.rows("source.cctv__kamera"))
        cameras = [r["id_kamera"] for r in self.rows("source.cctv__kamera") if r["tanggal_potret"] == newest]
        last = max(h for hours in self.hours.values() for h in hours)
        if column == "id_kamera":
            return len(cameras)
        if column == "keadaan":
            return sum(self.state(c, last) == key["keadaan"] for c in cameras)
        alive = [h for h in range(last + 1) if self.state(key["id_kamera"], h) in ("siaran", "terganggu")]
        down = [h for h in range(last + 1) if self.state(key["id_kamera"], h) == "mati" and h > max(alive, default=-1)]
        return last - min(down) + 1

    def of_cctv_harian(self, column: str, key: Key, name: str) -> Decimal | int:
        log = [r for r in self.rows("source.cctv__ketersediaan_cctv") if r["id_kamera"] > 0]
        days = {key["tanggal"]} if "tanggal" in key else {r["tanggal"].isoformat() for r in log}
        log = [r for r in log if r["tanggal"].isoformat() in days]
        up = sum(r["status"] == "up" for r in log)
        if name.startswith("Slot"):
            return 75 * 288 * len(days) - len(log)
        return Decimal(100 * up) / len(log) if name.startswith("Ketersediaan") else len(log)

    # --- pokir ---
    @cached_property
    def proposals(self) -> list[dict[str, Any]]:
        rows = self.rows("source.epokir__usulan_pokir")
        newest = max(r["tanggal_potret"] for r in rows)
        return [r for r in rows if r["tanggal_potret"] == newest]

    def of_pokir(self, column: str, key: Key, name: str) -> Decimal | int:
        stage = STAGES.index(key["tahap"]) + 1
        reached = [r for r in self.proposals if furthest(r) >= stage]
        if name.startswith("Bagian"):
            return Decimal(100 * len(reached)) / len(self.proposals)
        field = "anggaran" if stage == 1 else f"rekom_{STAGES[min(stage, 5) - 1]}_anggaran"
        return len(reached) if column == "jumlah" else sum((r[field] or Decimal(0) for r in reached), Decimal(0))

    def of_pokir_opd(self, column: str, key: Key, name: str) -> int:
        open_now = [r for r in self.proposals if furthest(r) < 6 and not r["is_tolak"] and not r["is_batal"]]
        names = {r["kode_opd"]: r["nama_opd"] for r in self.rows("source.referensi__opd")}
        own = [r for r in open_now if key.get("opd") in (None, names[r["kode_skpd"]])]
        if column == "berjalan":
            return len(own)
        # One snapshot shows no change: only proposals of the first stage have a date before it.
        return sum(1 for r in own if furthest(r) == 1 and r["tanggal_usul"] <= r["tanggal_potret"] - timedelta(days=30))

    def of_pokir_sebaran(self, column: str, key: Key, name: str) -> int:
        names = {r["kode_opd"]: r["nama_opd"] for r in self.rows("source.referensi__opd")}

        def state(row: dict[str, Any]) -> str:
            if row["is_batal"] or row["is_tolak"]:
                return "dibatalkan" if row["is_batal"] else "ditolak"
            return "rkpd" if furthest(row) == 6 else "berjalan"

        def group(row: dict[str, Any]) -> str:
            if key["menurut"] == "fraksi":
                return row["fraksi_dewan"] or "belum diketahui"
            return str(names[row["kode_skpd"]])

        return sum(1 for r in self.proposals if (group(r), state(r)) == (key["kelompok"], key["keadaan"]))

    # --- warnings ---
    @cached_property
    def warnings(self) -> list[dict[str, Any]]:
        newest: dict[str, dict[str, Any]] = {}
        for row in sorted(self.rows("ops.peringatan"), key=lambda r: r["urutan"]):
            newest[row["nomor"]] = row
        return [r for r in newest.values() if r["peristiwa"] != "selesai"]

    def of_peringatan(self, column: str, key: Key, name: str) -> Decimal | int:
        own = [r for r in self.warnings if all(r[k] == v for k, v in key.items())]
        if column == "nomor":
            return len(own)
        (one,) = own
        if one["aturan"] == "harga_di_atas_acuan":
            assert max(self.medium_rice(one["kunci"].split("/")[0]).values()) == Decimal(str(one["nilai"]))
        return Decimal(str(one["nilai"]))

    def of_ikhtisar(self, column: str, key: Key, name: str) -> Decimal | int:
        assert key["indikator"] == "pad_prorata"
        return self.of_pendapatan("capaian_prorata", {"jenis_pajak": "PAD"}, name)


def furthest(row: dict[str, Any]) -> int:
    """How far a proposal came, read off its own fields."""
    if row["id_sub_bl"] is not None:
        return 6
    return max((n for n, who in enumerate(STAGES[1:5], 2) if (row[f"rekom_{who}_anggaran"] or 0) > 0), default=1)


def change(now: Decimal, then: Decimal) -> Decimal:
    return 100 * (now - then) / then


def plain(name: str) -> str:
    return re.sub(r"^(KABUPATEN|KAB\.?|KOTA) ", "", name.upper()).replace(" ", "")
