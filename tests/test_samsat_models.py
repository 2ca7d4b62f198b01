"""Samsat's rows in the warehouse: what does not add up is set aside, the rest is counted by receiver and by formula."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb
import orjson
import polars as pl
import pytest

from connectors.contract import Contract, load_contract
from connectors.read.conform import conform
from connectors.read.regions import RegionTable
from connectors.samsat.connector import FEEDS
from connectors.samsat.sandbox import pembayaran, target
from connectors.sandbox import World
from tests.support.reading import make_payload
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
AGENCY = ROOT / "connectors" / "samsat"
GOLDEN = ROOT / "tests" / "golden" / "samsat"
TODAY = date(2026, 11, 20)
KOMPONEN = [
    f"{pajak}_{sifat}"
    for pajak in ("pkb", "opsen_pkb", "bbnkb", "opsen_bbnkb", "swdkllj")
    for sifat in ("pokok", "denda")
] + ["pnbp_stnk", "pnbp_tnkb"]


def contract(dataset: str) -> Contract:
    return load_contract(AGENCY / f"{dataset}.odcs.yaml")


def reference(name: str) -> list[dict[str, str]]:
    with (AGENCY / f"reference/{name}.csv").open() as file:
        return list(csv.DictReader(file))


def read(body: bytes) -> pl.DataFrame:
    """Typed payments of a page."""
    ours = contract("pembayaran_pkb")
    payload = make_payload(body, asal="tiruan")
    regions = RegionTable.from_csv(ROOT / "connectors/referensi/reference/wilayah.csv")
    raw = FEEDS["pembayaran_pkb"].read(payload, ours)
    result = conform(raw, ours, payload=payload, regions=regions, hash_key=b"k" * 32, today=TODAY)
    assert result.rejected.is_empty()
    return result.rows


@pytest.fixture(scope="module")
def typed() -> pl.DataFrame:
    """A whole day of the stand-in."""
    rows = b",".join(body for _, body in pembayaran(World(today=TODAY), TODAY))
    return read(b'{"data":{"rincian":[' + rows + b"]}}")


def rules(typed: pl.DataFrame) -> dict[str, pl.Series]:
    """Result of each row rule on the rows."""
    with duckdb.connect() as con:
        con.register("baris", typed.to_arrow())
        return {
            r.nama: con.execute(f"SELECT coalesce(({r.sql}), true) AS v FROM baris").pl()["v"]
            for r in contract("pembayaran_pkb").ext.aturan_baris
        }


def test_contracts_are_without_fault_and_each_pulled_one_has_a_feed() -> None:
    paths = sorted(AGENCY.glob("*.odcs.yaml"))
    assert lint(paths) == []
    pulled_here = {p.name.removesuffix(".odcs.yaml") for p in paths} - {"upt", "tarif", "penerima"}
    assert set(FEEDS) == pulled_here
    assert not any(c.classification == "public" for c in contract("pembayaran_pkb").columns)


def test_few_payments_do_not_add_up_and_exactly_those_are_set_aside(typed: pl.DataFrame) -> None:
    parts = sum((typed[c].cast(pl.Decimal(20, 2)) for c in KOMPONEN[1:]), typed[KOMPONEN[0]].cast(pl.Decimal(20, 2)))
    verdicts = rules(typed)
    assert verdicts["jumlah_bagian_sama_dengan_total"].to_list() == (parts == typed["total"]).to_list()
    share = 1 - cast(float, verdicts["jumlah_bagian_sama_dengan_total"].mean())
    assert 0 < share < 0.006
    for name, verdict in verdicts.items():
        if name != "jumlah_bagian_sama_dengan_total":
            assert verdict.all(), name
    assert typed.height == len(pembayaran(World(today=TODAY), TODAY)), "nothing is dropped or merged"


def test_a_wrong_surcharge_is_noted_and_the_delivered_amount_stays() -> None:
    page = orjson.loads((GOLDEN / "pembayaran_pkb/satu_halaman/payload.json").read_bytes())
    row = page["data"]["rincian"][1]
    row["opsen"]["pokok"], row["grand_total"] = "Rp 939.710", "Rp 3.053.137,4"
    rows = read(orjson.dumps(page))
    verdicts = rules(rows)
    assert verdicts["opsen_66_persen_pkb"].to_list() == [True, False, True]
    assert verdicts["jumlah_bagian_sama_dengan_total"].all()
    assert rows["opsen_pkb_pokok"][1] == Decimal("939710.00")
    assert next(r for r in contract("pembayaran_pkb").ext.aturan_baris if "opsen_66" in r.nama).tingkat == "catat"


def test_payments_of_both_regimes_pass_the_rules_on_the_day_of_the_change() -> None:
    body = (GOLDEN / "pembayaran_pkb/pergantian_rezim/payload.json").read_bytes()
    verdicts = rules(read(body))
    assert all(v.all() for v in verdicts.values()), verdicts


def test_the_upt_cover_all_regions_under_their_right_names_and_medan_has_two() -> None:
    with (ROOT / "connectors/referensi/reference/wilayah.csv").open() as file:
        names = {w["kode_bps"]: w["nama"] for w in csv.DictReader(file) if len(w["kode_bps"]) == 4}
    upt = reference("upt")
    assert {u["kode_bps"] for u in upt} == set(names)
    assert all(names[u["kode_bps"]] == u["nama_wilayah"] for u in upt)
    assert {k: n for k, n in Counter(u["kode_bps"] for u in upt).items() if n > 1} == {"1275": 2}


def test_every_component_has_one_receiver_and_only_the_provinces_own_counts() -> None:
    rows = reference("penerima")
    assert [r["komponen"] for r in rows if r["komponen"] in KOMPONEN] == [r["komponen"] for r in rows]
    assert {r["komponen"] for r in rows} == set(KOMPONEN)
    own = {r["komponen"] for r in rows if r["masuk_pad_provinsi"] == "true"}
    assert own == {"pkb_pokok", "pkb_denda", "bbnkb_pokok", "bbnkb_denda"}
    assert own == {r["komponen"] for r in rows if r["penerima"] == "provinsi"}


@pytest.fixture
def lake(typed: pl.DataFrame) -> Iterator[duckdb.DuckDBPyConnection]:
    """The models of the folder on one day of the stand-in."""
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA source; CREATE SCHEMA core")
        frames = {"pembayaran_pkb": typed}
        targets = make_payload(orjson.dumps({"data": target(World(today=TODAY), 2026)}), asal="tiruan")
        raws = {name: pl.DataFrame(reference(name)) for name in ("upt", "tarif", "penerima")}
        raws["target_tahunan"] = FEEDS["target_tahunan"].read(targets, contract("target_tahunan"))
        for name, raw in raws.items():
            frames[name] = conform(
                raw, contract(name), payload=make_payload(asal="resmi"), regions=None, hash_key=b"k", today=TODAY
            ).rows
        for name, frame in frames.items():
            con.register("isi", frame.to_arrow())
            con.execute(f"CREATE TABLE source.samsat__{name} AS FROM isi")
        con.execute(
            "CREATE TABLE core.dim_wilayah AS SELECT kode_bps, 'K' || kode_bps AS kode_kemendagri, nama_wilayah AS nama"
            " FROM source.samsat__upt GROUP BY ALL"
        )
        for path in sorted((AGENCY / "models").glob("core.*.sql")):
            con.execute(f"CREATE TABLE {path.name.removesuffix('.sql')} AS {path.read_text().split('--- */')[1]}")
        yield con


def test_revenue_by_receiver_is_the_sum_of_the_payments(lake: duckdb.DuckDBPyConnection, typed: pl.DataFrame) -> None:
    def value(sql: str) -> Any:
        row = lake.execute(sql).fetchone()
        assert row
        return row[0]

    pad = sum(sum(typed[c]) for c in ("pkb_pokok", "pkb_denda", "bbnkb_pokok", "bbnkb_denda"))
    assert value("SELECT sum(nilai) FROM core.fct_penerimaan_pkb WHERE masuk_pad_provinsi") == pad
    everything = sum(sum(typed[c]) for c in KOMPONEN)
    assert value("SELECT sum(nilai) FROM core.fct_penerimaan_pkb") == everything
    assert value("SELECT count(DISTINCT kode_bps) FROM core.fct_penerimaan_pkb") == 33
    assert value("SELECT count(DISTINCT nama_upt) FROM core.fct_penerimaan_pkb WHERE kode_bps = '1275'") == 2
    assert value("SELECT string_agg(DISTINCT asal_data, ',') FROM core.fct_penerimaan_pkb") == "tiruan"
    keys = "tanggal, kode_upt, jenis_kendaraan, komponen, asal_data"
    assert value(f"SELECT count(*) - count(DISTINCT ({keys})) FROM core.fct_penerimaan_pkb") == 0


def test_revenue_of_an_office_by_tax_is_that_of_its_payments_and_counts_who_paid_it(
    lake: duckdb.DuckDBPyConnection, typed: pl.DataFrame
) -> None:
    found = lake.execute(
        "SELECT kode_upt, jenis_pajak, nilai, nilai_opsen, jumlah_pembayaran, jumlah_pembayar, pangsa_terbesar"
        " FROM core.fct_penerimaan_pkb_upt ORDER BY 1, 2"
    ).fetchall()
    amount = {
        "PKB": (("pkb_pokok", "pkb_denda"), ("opsen_pkb_pokok", "opsen_pkb_denda")),
        "BBNKB": (("bbnkb_pokok", "bbnkb_denda"), ("opsen_bbnkb_pokok", "opsen_bbnkb_denda")),
        "SWDKLLJ": (("swdkllj_pokok", "swdkllj_denda"), ()),
    }
    rows = typed.to_dicts()
    expected = []
    for upt in sorted({r["kode_upt"] for r in rows}):
        for tax in sorted(amount):
            own, surcharge = amount[tax]
            paid = [(r["pemilik_acak"], sum(r[c] for c in own), sum(r[c] for c in surcharge)) for r in rows
                    if r["kode_upt"] == upt and any(r[c] for c in (*own, *surcharge))]  # fmt: skip
            if not paid:
                continue
            payers: Counter[str] = Counter()
            for payer, value, extra in paid:
                payers[payer] += value + extra
            share = float(max(payers.values())) / float(sum(payers.values()))
            sums = (sum(p[1] for p in paid), sum(p[2] for p in paid))
            expected.append((upt, tax, *sums, len(paid), len(payers), round(share, 6)))
    assert [r[:6] for r in found] == [r[:6] for r in expected]
    assert [r[6] for r in found] == pytest.approx([r[6] for r in expected], abs=2e-6)


def test_a_vehicle_that_paid_twice_in_a_month_is_counted_once(
    lake: duckdb.DuckDBPyConnection, typed: pl.DataFrame
) -> None:
    office = {u["kode_upt"]: u["kode_bps"] for u in reference("upt")}
    vehicles: dict[tuple[str, str], set[str]] = {}
    for row in typed.to_dicts():
        vehicles.setdefault((office[row["kode_upt"]], row["jenis_kendaraan"]), set()).add(row["nopol_acak"])
    found = lake.execute(
        "SELECT kode_bps, jenis_kendaraan, jumlah_kendaraan, bulan, jumlah_hari"
        " FROM core.fct_kendaraan_membayar_bulanan"
    ).fetchall()
    assert {(r[0], r[1]): r[2] for r in found} == {key: len(own) for key, own in vehicles.items()}
    assert {r[3:] for r in found} == {(TODAY.replace(day=1), 1)}
    lake.execute("INSERT INTO source.samsat__pembayaran_pkb SELECT * FROM source.samsat__pembayaran_pkb")
    sql = (AGENCY / "models/core.fct_kendaraan_membayar_bulanan.sql").read_text().split("--- */")[1]
    again = lake.execute(f"SELECT kode_bps, jenis_kendaraan, jumlah_kendaraan FROM ({sql})").fetchall()
    assert sorted(again) == sorted(r[:3] for r in found)


def test_delivered_amounts_agree_with_the_formula_and_a_deviation_is_counted(lake: duckdb.DuckDBPyConnection) -> None:
    tested, whole, bad, gap, basis = lake.execute(
        "SELECT sum(jumlah_diuji), sum(jumlah_pembayaran), sum(jumlah_menyimpang), sum(selisih), max(dasar_tarif)"
        " FROM core.fct_uji_rumus_pkb"
    ).fetchall()[0]
    assert 0.8 * whole < tested <= whole
    assert bad == 0
    assert abs(gap) < whole, "only the rounding to cents"
    assert basis == "asumsi"
    lake.execute(
        "UPDATE source.samsat__pembayaran_pkb SET pkb_pokok = pkb_pokok + 2"
        " WHERE kode_upt = '02' AND nomor_transaksi = '00001'"
    )
    sql = (AGENCY / "models/core.fct_uji_rumus_pkb.sql").read_text().split("--- */")[1]
    found = lake.execute(f"SELECT kode_upt, jumlah_menyimpang FROM ({sql}) WHERE jumlah_menyimpang > 0").fetchall()
    periods = lake.execute(
        "SELECT jumlah_periode FROM source.samsat__pembayaran_pkb WHERE kode_upt = '02' AND nomor_transaksi = '00001'"
    ).fetchall()[0][0]
    assert found == ([("02", 1)] if periods == 1 else [])


def test_the_target_of_a_tax_meets_its_revenue_by_one_name(lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute(
        "SELECT t.kode_pajak, t.target, t.jumlah_hari, sum(p.nilai) FROM core.fct_target_pajak AS t"
        " JOIN core.fct_penerimaan_pkb AS p ON p.jenis_pajak = t.kode_pajak AND p.masuk_pad_provinsi"
        " GROUP BY ALL ORDER BY 1"
    ).fetchall()
    assert [(r[0], r[2]) for r in rows] == [("BBNKB", 365), ("PKB", 365)]
    assert all(0.1 < revenue * 365 / goal < 2 for _, goal, _, revenue in rows), "a plausible day"


def test_every_column_of_a_model_is_described_and_no_other(lake: duckdb.DuckDBPyConnection) -> None:
    from warehouse.modelling import load_model

    for path in sorted((AGENCY / "models").glob("core.*.sql")):
        model = load_model(path)
        found = [c[0] for c in lake.execute(f"SELECT * FROM {model.table} LIMIT 0").description or ()]
        assert found == list(model.head.columns), path.name
