"""The shipped open datasets: each keeps its contract's promises, and its numbers are those of its sources."""

from collections.abc import Iterator
from decimal import Decimal

import polars as pl
import pytest

from tests.support.documents import ROOT
from tests.support.opened import Opened, opened
from tests.support.workspace import Small
from warehouse.opendata.contract import LICENSES, OpenContract, find_open_contracts
from warehouse.opendata.gate import RELATION, select_rows

CONTRACTS = {c.name: c for c in find_open_contracts([ROOT / "connectors"])}
PRICES = {"harga_pangan_harian_pasar", "harga_pangan_harian_kabkota", "perubahan_harga_mingguan"}
PROMISED = PRICES | {
    "harga_acuan_pangan", "penerimaan_pajak_kendaraan_harian", "kendaraan_membayar_bulanan", "realisasi_target_pajak",
    "pelanggan_air_bulanan_cabang", "produksi_air_harian_ipa", "gangguan_layanan_air", "corong_usulan_pokir",
    "rincian_usulan_pokir", "ketersediaan_cctv_harian", "direktori_kamera", "referensi_wilayah",
    "kualitas_data_instansi",
}  # fmt: skip
COUNTED = {("kendaraan_membayar_bulanan", "jumlah_kendaraan"): {"nopol_acak"}}
"""Open columns that are counts of a private one, with that one; their rules for small cells are tested below."""

each = pytest.mark.parametrize("name", sorted(CONTRACTS))


@pytest.fixture(scope="module")
def place(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(small_warehouse, tmp_path_factory.mktemp("dibuka")) as place:
        yield place


# --- what the contracts say ------------------------------------------------------------------------------------------


def test_all_datasets_that_were_promised_are_there_and_say_under_which_terms_they_are_open() -> None:
    assert set(CONTRACTS) >= PROMISED
    for contract in CONTRACTS.values():
        assert contract.held == ""
        assert contract.ext.lisensi in LICENSES
        texts = (contract.description, contract.limitations, contract.granularity, contract.ext.metode)
        assert all(len(text) > 20 for text in texts), contract.name
        assert len(contract.ext.keterangan_en) > 80
        assert contract.ext.kata_kunci


@each
def test_every_column_is_described_in_two_languages_with_its_concept_and_numbers_with_a_unit(name: str) -> None:
    contract = CONTRACTS[name]
    named = [c.name for c in contract.public]
    for column in contract.public:
        assert column.ext.judul_en, column.name
        assert column.ext.konsep, column.name
        number = column.logical_type == "number" or (column.logical_type == "integer" and not column.key)
        plain = {"tahun_anggaran", "urutan", "urutan_tahap", "id_kamera", "id_usulan", "ph"}
        assert not number or column.ext.satuan or column.name in plain, column.name
    assert named[:2] == ["kode_provinsi", "nama_provinsi"]
    assert named[-1] == "asal_data"
    assert ("kode_kabupaten_kota" in named) == ("nama_kabupaten_kota" in named)
    assert "satuan" in named or name == "direktori_kamera"


def test_stand_in_rows_are_free_and_only_what_the_province_made_itself_is_opened_beyond_them() -> None:
    beyond = {c.name: set(c.ext.asal_terbit) for c in CONTRACTS.values() if set(c.ext.asal_terbit) != {"tiruan"}}
    assert set(beyond) == {"harga_acuan_pangan", "referensi_wilayah", "kualitas_data_instansi"}
    for contract in CONTRACTS.values():
        assert contract.ext.lisensi == ("CC-BY-4.0" if contract.name in beyond else "CC0-1.0")


def test_the_weekly_change_of_prices_says_that_it_is_not_the_index_of_the_statistics_office() -> None:
    contract = CONTRACTS["perubahan_harga_mingguan"]
    assert "bukan IPH BPS" in contract.title
    assert "tidak boleh dikutip sebagai IPH" in contract.limitations
    assert "not" in contract.ext.judul_en
    assert "bukan IPH" in next(c.description for c in contract.columns if c.name == "perubahan_persen")


def test_counts_of_persons_and_vehicles_and_money_of_few_payers_have_their_rule() -> None:
    ruled = {
        (c.name, column) for c in CONTRACTS.values() for rule in c.ext.sel_kecil for column in (rule.nilai, *rule.ikut)
    }
    units = {"pelanggan", "kendaraan", "pembayar", "orang", "lembar"}
    counts = {(c.name, p.name) for c in CONTRACTS.values() for p in c.public if p.ext.satuan in units}
    assert counts <= ruled
    assert {("penerimaan_pajak_kendaraan_harian", n) for n in ("nilai", "nilai_opsen")} <= ruled


# --- what is published -----------------------------------------------------------------------------------------------


@each
def test_the_dataset_is_published_under_its_contract_and_twice_the_same_is_one_version(
    place: Opened, name: str
) -> None:
    done = place.done[name]
    assert (done.status, done.versi) == ("terbit", 1), done.alasan
    again = place.publish(name)
    assert (again.status, again.versi) == ("tidak_berubah", 1), again.alasan


@each
def test_keys_are_whole_and_unique_and_types_are_the_contracts(place: Opened, name: str) -> None:
    contract, rows = CONTRACTS[name], place.rows(name)
    assert rows.columns == [c.name for c in contract.public]
    assert rows.height == place.version(name).baris > 0
    assert rows.select(contract.key).is_unique().all()
    required = [c.name for c in contract.public if c.required]
    assert sum(rows.select(required).null_count().row(0)) == 0
    assert set(rows["asal_data"]) <= set(contract.ext.asal_terbit)
    codes = [c.name for c in contract.public if c.name.startswith("kode_")]
    assert {rows.schema[c] for c in codes} == {pl.String()}


@each
def test_codes_and_names_of_regions_are_those_of_the_reference_list(place: Opened, name: str) -> None:
    rows = place.rows(name)
    listed = place.rows("referensi_wilayah")
    assert set(zip(rows["kode_provinsi"], rows["nama_provinsi"], strict=True)) == {("12", "SUMATERA UTARA")}
    if "kode_kabupaten_kota" in rows.columns:
        columns = ["kode_kabupaten_kota", "nama_kabupaten_kota"]
        found = rows.select(columns).filter(pl.any_horizontal(pl.all().is_not_null())).unique()
        assert found.height > 0
        assert found.join(listed.select(columns), on=columns, how="anti").height == 0
        assert set(listed["kode_kabupaten_kota"].str.head(2)) == {"12"}


@each
def test_no_private_column_is_behind_an_open_one(place: Opened, name: str) -> None:
    contract = CONTRACTS[name]
    sources = {c.table: c for c in place.workspace.registry.contracts}
    leaves = place.leaves(contract)
    assert set(leaves) == {c.name for c in contract.columns}, "every column can be followed"
    for column in contract.public:
        private = {
            leaf
            for table, leaf in leaves[column.name]
            if (source := sources.get(table.removeprefix("source."))) and not leaf.startswith("_")
            for one in [source.column(leaf)]
            if one.classification == "private"
        }
        assert private == COUNTED.get((name, column.name), set()), column.name


@each
def test_closed_columns_are_in_no_file_neither_by_name_nor_by_value(place: Opened, name: str) -> None:
    contract, version = CONTRACTS[name], place.version(name)
    closed = [c for c in contract.columns if not c.open]
    assert not {c.name for c in closed} & {c.nama for c in version.kolom}
    bodies = [(place.root / f.path).read_bytes() for f in version.berkas if f.format in ("csv", "json", "csv-excel")]
    secrets = {
        value.encode()
        for column in closed
        if column.logical_type == "string"
        for value in select_column(place, contract, column.name)
        if len(value) > 12
    }
    assert bool(secrets) == (name in {"rincian_usulan_pokir", "direktori_kamera"})
    for body in bodies:
        assert [s for s in secrets if s in body] == []


def select_column(place: Opened, contract: OpenContract, column: str) -> list[str]:
    """Values of a column in the gate's table, where closed ones still are."""
    cursor = place.con.cursor()
    try:
        cursor.execute("USE lake")
        select_rows(cursor, contract)
        found = cursor.execute(f'SELECT DISTINCT "{column}" FROM {RELATION} WHERE "{column}" IS NOT NULL').fetchall()
    finally:
        cursor.close()
    return [str(row[0]) for row in found]


@pytest.mark.parametrize("origin", ["resmi", "ulangan"])
def test_rows_of_the_price_sources_that_are_not_stand_ins_stay_inside(place: Opened, origin: str) -> None:
    con = place.con.cursor()
    con.execute("USE lake")
    con.execute("BEGIN")
    try:
        for table in ("fct_harga_pangan_pasar", "fct_harga_pangan_kabkota", "fct_harga_pangan_wilayah"):
            con.execute(f"UPDATE core.{table} SET asal_data = ? WHERE tanggal = DATE '2026-11-18'", [origin])
        for name in sorted(PRICES):
            select_rows(con, CONTRACTS[name])
            assert con.execute(f"SELECT DISTINCT asal_data FROM {RELATION}").fetchall() == [("tiruan",)]
            key = ", ".join(CONTRACTS[name].key)
            assert con.execute(f"SELECT 1 FROM {RELATION} GROUP BY {key} HAVING count(*) > 1").fetchall() == []
        select_rows(con, CONTRACTS["harga_pangan_harian_kabkota"])
        found = con.execute(f"SELECT count(*) FROM {RELATION} WHERE tanggal = DATE '2026-11-18'").fetchone()
        assert found == (0,)
    finally:
        con.execute("ROLLBACK")
        con.close()


# --- whose numbers they are ------------------------------------------------------------------------------------------


def total(rows: pl.DataFrame, column: str) -> Decimal:
    return Decimal(str(rows[column].sum()))


def test_prices_of_three_sources_stand_side_by_side_as_each_source_gave_them(place: Opened) -> None:
    rows = place.rows("harga_pangan_harian_kabkota")
    assert set(rows["sumber"]) == {"pihps", "panel_harga", "sp2kp"}
    for source, table, only in (
        ("panel_harga", "source.panel_harga__harga_pangan_kabkota", "true"),
        ("sp2kp", "source.sp2kp__harga_pangan_kabkota", "true"),
        ("pihps", "source.pihps__harga_pangan_wilayah", "tingkat = 'kota'"),
    ):
        own = rows.filter(pl.col("sumber") == source)
        assert own["nama_sumber"].n_unique() == 1
        wanted = f"FROM {table} WHERE harga IS NOT NULL AND {only}"
        assert own.height == place.value(f"SELECT count(*) {wanted}")
        assert total(own, "harga") == place.value(f"SELECT sum(harga) {wanted}")
    markets = place.rows("harga_pangan_harian_pasar")
    assert total(markets, "harga") == place.value("SELECT sum(harga) FROM source.pihps__harga_pangan_pasar")


def test_the_weekly_change_is_that_of_the_daily_prices_and_of_closed_weeks_alone(place: Opened) -> None:
    rows = place.rows("perubahan_harga_mingguan")
    daily = place.rows("harga_pangan_harian_kabkota").filter(pl.col("jenis_barang") == "komoditas")
    assert rows["pekan"].dt.weekday().unique().to_list() == [1]
    assert [str(w) for w in rows["pekan"].unique().sort()] == ["2026-11-02", "2026-11-09"], "this week is not over"
    compared = rows.filter(pl.col("perubahan_persen").is_not_null())
    assert set(compared["sumber"]) == {"pihps", "sp2kp"}
    week = daily.with_columns(pekan=pl.col("tanggal").dt.truncate("1w"))
    key = ["sumber", "kode_kabupaten_kota", "kode_komoditas_sumber", "pekan"]
    mean = week.group_by(key).agg(pl.col("harga").cast(pl.Float64).mean().alias("rata"))
    before = mean.with_columns(pl.col("pekan").dt.offset_by("1w")).rename({"rata": "lalu"})
    found = compared.join(mean, on=key).join(before, on=key)
    assert found.height == compared.height
    error = (found["perubahan_persen"].cast(pl.Float64) - 100 * (found["rata"] / found["lalu"] - 1)).abs()
    assert error.max() < 0.02


def test_revenue_is_the_sources_money_by_receiver_and_what_is_shown_is_exact(place: Opened) -> None:
    source = "source.samsat__pembayaran_pkb"
    cursor = place.con.cursor()
    cursor.execute("USE lake")
    select_rows(cursor, CONTRACTS["penerimaan_pajak_kendaraan_harian"])
    own = dict(cursor.execute(f"SELECT penerima, sum(nilai) FROM {RELATION} GROUP BY 1").fetchall())
    surcharge = cursor.execute(f"SELECT sum(nilai_opsen) FROM {RELATION} WHERE penerima_opsen = 'kabupaten_kota'")
    assert own["provinsi"] == place.value(
        f"SELECT sum(pkb_pokok + pkb_denda + bbnkb_pokok + bbnkb_denda) FROM {source}"
    )
    assert own["jasa_raharja"] == place.value(f"SELECT sum(swdkllj_pokok + swdkllj_denda) FROM {source}")
    assert surcharge.fetchone() == (
        place.value(
            "SELECT sum(opsen_pkb_pokok + opsen_pkb_denda + opsen_bbnkb_pokok + opsen_bbnkb_denda) FROM "
            "source.samsat__pembayaran_pkb"
        ),
    )
    cursor.close()
    rows = place.rows("penerimaan_pajak_kendaraan_harian")
    exact = place.con.execute(
        "SELECT tanggal, kode_upt, jenis_pajak, nilai AS asli, jumlah_pembayar, pangsa_terbesar "
        "FROM core.fct_penerimaan_pkb_upt"
    ).pl()
    joined = rows.join(exact, on=["tanggal", "kode_upt", "jenis_pajak"])
    assert joined.height == rows.height
    shown = joined.filter(pl.col("status_rahasia") == "terbuka")
    assert (shown["nilai"] == shown["asli"]).all()
    assert shown.filter((pl.col("jumlah_pembayar") < 5) | (pl.col("pangsa_terbesar") > 0.5)).height == 0
    hidden = joined.filter(pl.col("status_rahasia") == "ditekan")
    assert hidden.height > 0
    assert hidden["nilai"].null_count() == hidden["nilai_opsen"].null_count() == hidden.height


def test_vehicles_are_counted_in_closed_months_alone_and_never_fewer_than_five(place: Opened) -> None:
    rows = place.rows("kendaraan_membayar_bulanan")
    assert [str(m) for m in rows["bulan"].unique()] == ["2026-10-01"]
    shown = rows.filter(pl.col("status_rahasia") == "terbuka")
    assert shown.filter(pl.col("jumlah_kendaraan") < 5).height == 0
    exact = place.con.execute(
        "SELECT u.kode_bps AS kode_kabupaten_kota, b.jenis_kendaraan, count(DISTINCT b.nopol_acak) AS asli "
        "FROM source.samsat__pembayaran_pkb AS b JOIN source.samsat__upt AS u ON u.kode_upt = b.kode_upt "
        "WHERE b.tanggal < DATE '2026-11-01' GROUP BY ALL"
    ).pl()
    joined = shown.join(exact, on=["kode_kabupaten_kota", "jenis_kendaraan"])
    assert joined.height == shown.height > 0
    assert (joined["jumlah_kendaraan"] == joined["asli"]).all()
    assert rows.height == exact.height


def test_the_target_is_compared_with_the_provinces_own_money(place: Opened) -> None:
    rows = place.rows("realisasi_target_pajak")
    assert set(rows["jenis_pajak"]) == {"PKB", "BBNKB"}
    assert set(rows["penerima"]) == {"provinsi"}
    own = "pkb_pokok + pkb_denda + bbnkb_pokok + bbnkb_denda"
    assert total(rows, "realisasi_bulan") == place.value(f"SELECT sum({own}) FROM source.samsat__pembayaran_pkb")
    last = rows.filter(pl.col("bulan") == pl.col("bulan").max())
    assert total(last, "realisasi_sampai_bulan") == total(rows, "realisasi_bulan")
    share = 100 * last["realisasi_sampai_bulan"].cast(pl.Float64) / last["target_setahun"].cast(pl.Float64)
    assert (last["persen_target"] - share).abs().max() < 0.01


def test_water_figures_are_those_of_the_reports(place: Opened) -> None:
    customers = place.rows("pelanggan_air_bulanan_cabang")
    report = "source.tirtanadi__pelanggan_air_bulanan"
    for column, source in (
        ("pelanggan", "pelanggan"),
        ("air_terjual_m3", "air_terjual_m3"),
        ("nilai_tunggakan", "tunggakan_rp"),
    ):
        assert total(customers, column) == place.value(f"SELECT sum({source}) FROM {report}")
    produced = place.rows("produksi_air_harian_ipa")
    assert total(produced, "produksi_m3") == place.value("SELECT sum(produksi_m3) FROM source.tirtanadi__produksi_air")
    troubles = place.rows("gangguan_layanan_air")
    assert troubles.height == place.value("SELECT count(*) FROM source.tirtanadi__gangguan_air")


def test_the_funnel_begins_with_every_proposal_and_narrows_to_the_work_plan(place: Opened) -> None:
    funnel, details = place.rows("corong_usulan_pokir"), place.rows("rincian_usulan_pokir")
    stages = funnel.group_by("urutan_tahap").agg(pl.col("jumlah_usulan").sum()).sort("urutan_tahap")
    counts = stages["jumlah_usulan"].to_list()
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == details.height == place.value("SELECT count(*) FROM source.epokir__usulan_pokir")
    assert counts[-1] == details.filter(pl.col("tahap") == "rkpd").height
    first = funnel.filter(pl.col("tahap") == "usulan")
    assert total(first, "nilai") == total(details, "anggaran")


def test_cameras_have_coordinates_in_their_city_and_every_probe_of_the_log_is_counted(place: Opened) -> None:
    cameras, days = place.rows("direktori_kamera"), place.rows("ketersediaan_cctv_harian")
    located = cameras.drop_nulls(["lintang", "bujur"])
    assert located.height > 70
    assert located["lintang"].is_between(3.4, 3.85).all()
    assert located["bujur"].is_between(98.4, 98.9).all()
    assert {f.format for f in place.version("direktori_kamera").berkas} >= {"geojson"}
    assert set(days["id_kamera"]) <= set(cameras["id_kamera"])
    log = "source.cctv__ketersediaan_cctv WHERE id_kamera > 0"
    assert days["pemeriksaan_sah"].sum() == place.value(f"SELECT count(*) FROM {log}")
    assert days["siaran_normal"].sum() == place.value(f"SELECT count(*) FROM {log} AND status = 'up'")
    assert (days["pemeriksaan_sah"] + days["tidak_diketahui"] == 288).all()


def test_all_regions_are_listed_with_both_codes_and_the_people_of_the_province(place: Opened) -> None:
    rows = place.rows("referensi_wilayah")
    assert rows.height == 33
    assert rows["kode_kemendagri"].str.contains(r"^12\.\d\d$").all()
    medan = rows.row(by_predicate=pl.col("kode_kabupaten_kota") == "1275", named=True)
    assert (medan["kode_kemendagri"], medan["nama_kabupaten_kota"]) == ("12.71", "KOTA MEDAN")
    assert rows["penduduk"].sum() == place.value("SELECT penduduk FROM core.dim_wilayah WHERE kode_bps = '12'")


def test_reference_prices_say_whether_they_apply_here_and_how_certain_they_are(place: Opened) -> None:
    rows = place.rows("harga_acuan_pangan")
    zones = {(r["zona"], r["berlaku_di_provinsi"]) for r in rows.to_dicts()}
    assert zones == {("1", False), ("2", True), ("3", False), ("tanpa zona", True)}
    certain = rows.filter(pl.col("dapat_dipakai"))
    assert certain.height > 0
    assert certain["berlaku_dari"].null_count() == 0
    assert not certain["keputusan"].str.contains("belum diketahui").any()


def test_the_quality_of_an_agency_is_counted_from_what_came_in(place: Opened) -> None:
    rows = place.rows("kualitas_data_instansi")
    registry = place.workspace.registry
    named = {c.agency: registry.agencies[c.agency].nama for c in registry.contracts}
    assert dict(rows.select("kode_instansi", "nama_instansi").iter_rows()) == named
    by = rows.filter((pl.col("kode_instansi") == "samsat") & (pl.col("dataset") == "pembayaran_pkb"))
    assert by["baris_diterima"].sum() == place.value("SELECT count(*) FROM source.samsat__pembayaran_pkb")
    aside = "SELECT count(*) FROM quarantine.baris WHERE dataset = 'samsat.pembayaran_pkb'"
    assert by["baris_dikarantina"].sum() == place.value(aside) > 0
    assert (rows["baris_ditarik"] == rows["baris_diterima"] + rows["baris_dikarantina"]).all()
    assert (rows["partisi_tepat_waktu"] <= rows["partisi_dinilai"]).all()
    assert (rows["partisi_dinilai"] <= rows["jumlah_partisi"]).all()
    assert (rows["partisi_baik"] == rows["jumlah_partisi"]).all()


def test_punctuality_judges_what_was_promised_while_the_dataset_was_being_asked_for(place: Opened) -> None:
    attempts = [  # partition, outcome, hour (UTC) at which it ended, promised for
        ("2026-11-17", "diterima", "2026-11-18 10:00:00+00", "2026-11-18"),
        ("2026-11-18", "gagal_tarik", "2026-11-19 10:00:00+00", "2026-11-19"),
        ("2026-11-18", "diterima", "2026-11-19 17:30:00+00", "2026-11-19"),  # past midnight in WIB
        ("2026-11-01", "diterima", "2026-11-18 10:00:00+00", "2026-11-02"),  # asked for later, for history
        ("2026-11-20", "diblokir", "2026-11-20 10:00:00+00", "2026-11-23"),  # not due yet
        ("semua", "diterima", "2026-11-18 10:00:00+00", None),
    ]
    con = place.con.cursor()
    con.execute("USE lake")
    con.execute("BEGIN")
    try:
        con.execute("DELETE FROM ops.hasil")
        con.executemany(
            "INSERT INTO ops.hasil (dataset, asal, ditarik, diterima, dikarantina, partisi, status, mulai, selesai, "
            "jatuh_tempo) SELECT 'uji.harga', 'tiruan', 5, 4, 1, ?, ?, t, t, ? FROM (SELECT ?::TIMESTAMPTZ AS t)",
            [(key, status, due, ended) for key, status, ended, due in attempts],
        )
        select_rows(con, CONTRACTS["kualitas_data_instansi"])
        found = con.execute(
            "SELECT jumlah_partisi, partisi_baik, partisi_dinilai, partisi_tepat_waktu, persen_tepat_waktu, "
            f"baris_diterima, asal_data FROM {RELATION}"
        ).fetchall()
    finally:
        con.execute("ROLLBACK")
        con.close()
    assert found == [(5, 4, 2, 1, 50.0, 16, "tiruan")]
