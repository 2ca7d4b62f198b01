"""What the command centre's pages say: figures against the snapshot, rows behind them, filters, roles, languages."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
import vl_convert

from assets.report.charts import with_data
from assets.report.render import SCREEN_FONT
from connectors.registry import Registry
from ssp_pipeline.command_centre.pages import routes
from ssp_pipeline.command_centre.pages.blocks import chart_spec, make_block, placed, source_of
from ssp_pipeline.command_centre.pages.choices import choose, label_of, table_of
from ssp_pipeline.command_centre.pages.engine import FOLDER, words
from ssp_pipeline.command_centre.pages.overview import figures, warnings
from ssp_pipeline.command_centre.pages.reader import Snapshots, Version
from ssp_pipeline.command_centre.pages.rows import NoSuchRows, find_rows, named
from ssp_pipeline.command_centre.pages.views import find_views, pages_of
from ssp_pipeline.command_centre.service import Centre
from ssp_pipeline.settings import ROOT
from ssp_pipeline.web.templates import bare_environment
from tests.support.command_centre import Visitor, serving, with_people
from tests.support.workspace import Small

REGISTRY = Registry()
VIEWS = find_views(REGISTRY.roots, REGISTRY.contracts)
CHARTED = [n for n, v in VIEWS.items() if v.chart]
PAGES = ("/", "/harga", "/pendapatan", "/air", "/pokir", "/cctv", "/kualitas")


def everybody(_: str) -> bool:
    return True


@pytest.fixture(scope="module")
def version(small_warehouse: Small) -> Version:
    return Snapshots(small_warehouse.snapshots).refresh()


@pytest.fixture(scope="module")
def address(small_warehouse: Small, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("pusat")
    with serving(Centre(with_people(home, snapshots=small_warehouse.snapshots))) as found:
        yield found


@pytest.fixture(scope="module")
def people(address: str) -> Iterator[dict[str, Visitor]]:
    made = {name: Visitor(address) for name in ("gubernur", "dewi", "budi", "sari")}
    for name, visitor in made.items():
        assert visitor.log_in(name).status_code == 303
    yield made
    for visitor in made.values():
        visitor.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_each_of_its_views_with_source_date_and_completeness(
    people: dict[str, Visitor], version: Version, path: str
) -> None:
    page = people["gubernur"].get(path)
    assert page.status_code == 200
    for view in VIEWS.values():
        if view.head.halaman == (path.strip("/") or "ikhtisar") and view.name not in ("ikhtisar", "kualitas_instansi"):
            assert f'id="{view.name}"' in page.text
    assert not re.search(r">(None|nan|NaN|null)<", page.text)
    assert "tanda-tiruan" in page.text
    if path != "/kualitas":
        assert re.search(r"per (19|20) November 2026", page.text)
        assert "lengkap 100%" in page.text


def test_main_figures_are_those_of_the_snapshot_and_each_leads_to_rows(version: Version) -> None:
    told = version.records("SELECT indikator, nilai, dataset FROM dashboard.ikhtisar")
    found = figures(version, everybody)
    assert {(f.code, f.value) for f in found} == {(r["indikator"], r["nilai"]) for r in told}
    assert found
    for figure in found:
        rows = _follow(version, figure.source.behind)
        assert rows.total > 0, figure.code


def test_each_row_of_each_view_leads_to_the_rows_behind_it(version: Version) -> None:
    for view in VIEWS.values():
        block = make_block(version, view, choose(version, view, {}), everybody)
        for row in block.rows:
            if not row.behind:
                continue
            known = dict(zip([c.name for c in block.columns], row.cells, strict=True))
            if known.get("harga", 0) is None or known.get("melapor") is False or known.get("nilai_hari", 0) is None:
                continue  # a row that says that nothing was reported
            assert _follow(version, row.behind).total > 0, (view.name, row.behind)


def test_the_rows_behind_a_row_are_just_those(version: Version) -> None:
    view = VIEWS["harga_perubahan"]
    for level, source in (("pasar", "pihps"), ("provinsi", "pihps"), ("kabkota", "sp2kp")):
        given = {"harga_perubahan.sumber": source, "harga_perubahan.tingkat": level}
        block = make_block(version, view, choose(version, view, given), everybody)
        priced = [r for r in block.rows if r.cells[[c.name for c in block.columns].index("harga")] is not None]
        assert priced
        assert {_follow(version, r.behind).total for r in priced} == {1}


def _follow(version: Version, address: str) -> Any:
    path, _, query = address.partition("?")
    return find_rows(version, named(version, path.removeprefix("/baris/")), parse_qsl(query), 1)


@pytest.mark.parametrize("name", CHARTED)
def test_the_page_draws_what_the_print_draws(version: Version, name: str) -> None:
    """Rows and columns that stay on the server change nothing of the drawing."""
    view = VIEWS[name]
    assert view.chart
    choice = choose(version, view, {})
    page = chart_spec(version, view, choice)
    everything = version.rows(f"SELECT * FROM {table_of(view)}")
    chosen = {c: v.isoformat() if isinstance(v, date) else v for c, v in choice.values.items()}
    printed = with_data(view.chart, everything, chosen)
    assert {k: v for k, v in page.items() if k != "data"} == {k: v for k, v in printed.items() if k != "data"}
    assert _drawn(page) == _drawn(printed)


def _drawn(spec: dict[str, Any]) -> str:
    drawn = vl_convert.vegalite_to_svg(spec, config={"font": SCREEN_FONT}, allowed_base_urls=[])
    return re.sub(r"gradient_\d+", "gradient", drawn)  # numbered through the life of the process


def test_a_filter_narrows_chart_and_table_alike(people: dict[str, Visitor]) -> None:
    query = "harga_perubahan.sumber=pihps&harga_perubahan.tingkat=pasar"
    spec = orjson.loads(people["gubernur"].get(f"/bagan/harga_perubahan.json?{query}").content)
    rows = spec["data"]["values"]
    assert {(r["sumber"], r["tingkat"]) for r in rows} == {("pihps", "pasar")}
    page = people["gubernur"].get(f"/harga?{query}").text
    section = page.partition('id="harga_perubahan"')[2].partition("</section>")[0]
    assert "Pasar" in section
    assert "Kabupaten" not in section.partition("<table>")[2]


def test_a_value_that_does_not_exist_is_not_chosen_and_no_level_is_ever_mixed(version: Version) -> None:
    view = VIEWS["harga_perubahan"]
    choice = choose(version, view, {"harga_perubahan.sumber": "' OR 1=1 --"})
    assert choice.values == {"sumber": "sp2kp", "tingkat": "kabkota"}
    levels = [o.value for o in choice.fields[1].options]
    assert levels == ["kabkota"]


def test_dates_narrow_a_series_and_where_there_is_nothing_it_says_so(people: dict[str, Visitor]) -> None:
    one = people["gubernur"].get("/bagan/harga_tren.json?harga_tren.dari=2026-11-18&harga_tren.sampai=2026-11-18")
    assert {r["tanggal"] for r in orjson.loads(one.content)["data"]["values"]} == {"2026-11-18"}
    for query in ("harga_tren.dari=1990-01-01&harga_tren.sampai=1990-01-31", "harga_tren.sampai=0001-01-01"):
        none = people["gubernur"].get(f"/harga?{query}").text
        section = none.partition('id="harga_tren"')[2].partition("</section>")[0]
        assert "Belum ada data." in section
        assert "data-bagan" not in section


def test_what_was_not_reported_is_a_dash_and_never_zero(version: Version) -> None:
    view = VIEWS["pendapatan_ringkas"]
    block = make_block(version, view, choose(version, view, {}), everybody)
    at = [c.name for c in block.columns].index("target_prorata")
    assert None in {r.cells[at] for r in block.rows}
    env = words("id")
    assert env.value(None) == "–"


def test_late_data_is_stale_beside_each_figure_and_an_old_snapshot_on_each_page(
    people: dict[str, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"a.b": {"judul": "J", "nama": "N", "lengkap": 90, "terlambat": True, "diharapkan": "2", "terbaru": "1"}}
    source = source_of(known, "a.b", None, None, ["tiruan"], everybody)
    assert (source.late, source.complete, source.origins) == (True, 90.0, ("tiruan",))
    assert "basi: lebih dari 36 jam" not in people["gubernur"].get("/air").text
    monkeypatch.setattr(routes, "OLD_AFTER", timedelta(0))
    assert "basi: lebih dari 36 jam" in people["gubernur"].get("/air").text


def test_open_warnings_are_rolled_up_by_cause_the_gravest_first(version: Version) -> None:
    found = warnings(version, everybody)
    rows = version.records("SELECT * FROM dashboard.peringatan WHERE status <> 'selesai'")
    assert sum(w.count for w in found) == len(rows)
    assert len(found) == len({(r["sebab"] or r["nomor"], r["opd"]) for r in rows})
    order = ["kritis", "waspada", "info"]
    assert [order.index(w.level) for w in found] == sorted(order.index(w.level) for w in found)


# Rows


def test_rows_are_paged_and_narrowed_by_columns_that_there_are(people: dict[str, Visitor], version: Version) -> None:
    wanted = named(version, "sp2kp.harga_pangan_kabkota")
    first, second = (find_rows(version, wanted, [("partisi", "2026-11-19")], n) for n in (1, 2))
    assert len(first.rows) == 50
    assert not set(first.rows) & set(second.rows)
    assert (
        first.total
        == version.records(
            "SELECT count(*) AS n FROM source.sp2kp__harga_pangan_kabkota WHERE tanggal = DATE '2026-11-19'"
        )[0]["n"]
    )
    assert find_rows(version, wanted, [("tidak_ada", "1")], 1).filters == ()
    page = people["dewi"].get("/baris/sp2kp.harga_pangan_kabkota?partisi=2026-11-19&halaman=999999").text
    assert f"dari {first.pages}" in page


@pytest.mark.parametrize("name", ["pihps.harga_pangan_pasar", "core.fct_penerimaan_pkb"])
def test_who_leafs_through_all_pages_sees_each_row_once(version: Version, name: str) -> None:
    wanted = named(version, name)
    first = find_rows(version, wanted, [], 1)
    assert first.pages > 3
    seen = [row for n in range(1, first.pages + 1) for row in find_rows(version, wanted, [], n).rows]
    assert len(set(seen)) == len(seen) == first.total


@pytest.mark.parametrize(
    "path",
    [
        "/baris/ops.status_dataset", "/baris/cuplikan.info", "/baris/tidak.ada", "/baris/dashboard.tidak_ada",
        "/baris/pihps.harga_pangan_pasar?tanggal=besok", "/baris/pihps.harga_pangan_pasar?harga=x",
        "/baris/pihps.harga_pangan_pasar?halaman=x", "/baris/pihps%22.x", "/bagan/tidak_ada.json",
        "/bagan/ikhtisar.json", "/tidak-ada", "/dinding/tidak-ada", "/aset/tidak-ada.js",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(people: dict[str, Visitor], path: str) -> None:
    assert people["dewi"].get(path).status_code == 404


def test_only_what_the_snapshot_gives_out_can_be_seen(version: Version) -> None:
    wanted = named(version, "samsat.pembayaran_pkb")
    private = {c.name for c in REGISTRY.contract(wanted.table.removeprefix("source.")).columns
               if c.classification == "private"}  # fmt: skip
    assert private
    assert not private & {c.name for c in find_rows(version, wanted, [], 1).columns}
    with pytest.raises(NoSuchRows):
        find_rows(version, wanted, [("tanggal", "x")], 1)


# Rights


def test_an_office_opens_data_quality_and_its_own_page_and_no_other(people: dict[str, Visitor]) -> None:
    office = people["sari"]
    assert {p: office.get(p).status_code for p in PAGES} == {
        "/": 403, "/harga": 403, "/pendapatan": 200, "/air": 403, "/pokir": 403, "/cctv": 403, "/kualitas": 200,
    }  # fmt: skip
    menu = re.findall(r'<li><a href="(/[a-z]*)"', office.get("/kualitas").text.partition("</nav>")[0])
    assert menu == ["/pendapatan", "/kualitas"]
    for path in ("/bagan/harga_tren.json", "/baris/pihps.harga_pangan_pasar", "/baris/dashboard.ikhtisar",
                 "/dinding/harga", "/muatan/pihps.harga_pangan_pasar"):  # fmt: skip
        assert office.get(path).status_code == 403, path
    assert office.get("/baris/samsat.pembayaran_pkb").status_code == 200
    assert office.get("/bagan/pendapatan_upt.json").status_code == 200
    wall = office.get("/dinding").text
    assert re.findall(r'data-layar="([a-z]+)"', wall) == ["pendapatan", "kualitas"]


def test_a_page_is_of_the_agencies_whose_figures_it_shows_and_not_of_those_that_keep_lists() -> None:
    assert {p: set().union(*(v.agencies for v in views)) for p, views in pages_of(VIEWS).items()} == {
        "ikhtisar": {"cctv", "epokir", "panel_harga", "pihps", "samsat", "sp2kp", "tirtanadi"},
        "harga": {"panel_harga", "pihps", "sp2kp"}, "pendapatan": {"samsat"}, "air": {"tirtanadi"},
        "pokir": {"epokir"}, "cctv": {"cctv"}, "kualitas": set(),
    }  # fmt: skip


def test_payloads_and_quarantine_are_linked_for_those_who_may(people: dict[str, Visitor]) -> None:
    rows = "/baris/samsat.pembayaran_pkb?partisi=2026-11-19"
    link = "/muatan/samsat.pembayaran_pkb?partisi=2026-11-19"
    shown = {name for name, visitor in people.items() if link in visitor.get(rows).text}
    assert shown == {"budi", "sari"}
    quality = {name: people[name].get("/kualitas").text for name in ("budi", "sari", "dewi")}
    assert 'href="/karantina/cctv"' in quality["budi"]
    assert 'href="/karantina/' not in quality["dewi"]
    assert set(re.findall(r'href="/karantina/(\w+)"', quality["sari"])) <= {"samsat"}


def test_rows_are_taken_away_as_a_file_by_those_who_may(people: dict[str, Visitor], version: Version) -> None:
    file = "/baris/samsat.pembayaran_pkb/baris.csv?tanggal=2026-11-19&kode_upt=01"
    page = "/baris/samsat.pembayaran_pkb?tanggal=2026-11-19&kode_upt=01"
    assert {n: v.get(file).status_code for n, v in people.items()} == {
        "gubernur": 403, "dewi": 200, "budi": 200, "sari": 200,
    }  # fmt: skip
    assert "baris.csv" in people["dewi"].get(page).text
    assert "baris.csv" not in people["gubernur"].get(page).text
    assert people["sari"].get("/baris/pihps.harga_pangan_pasar/baris.csv").status_code == 403
    assert people["dewi"].get("/baris/samsat.pembayaran_pkb/baris.csv?tanggal=x").status_code == 404
    answer = people["dewi"].get(file)
    assert answer.headers["content-disposition"] == 'attachment; filename="samsat.pembayaran_pkb.csv"'
    [told] = version.records(
        "SELECT count(*) AS n FROM source.samsat__pembayaran_pkb WHERE tanggal = DATE '2026-11-19' AND kode_upt = '01'"
    )
    assert len(answer.text.strip().splitlines()) == told["n"] + 1
    assert people["dewi"].get("/baris/core.fct_gangguan_air/baris.csv").status_code == 200, "it has a list"


# Languages


def test_the_language_is_switched_and_remembered(people: dict[str, Visitor], address: str) -> None:
    with Visitor(address) as visitor:
        visitor.log_in("gubernur")
        english = visitor.get("/air?bahasa=en")
        assert '<html lang="en">' in english.text
        assert "Water production" in english.text
        assert "Gangguan yang belum selesai" not in english.text
        assert '<html lang="en">' in visitor.get("/harga").text
        assert '<html lang="id">' in visitor.get("/harga?bahasa=id").text
        assert '<html lang="id">' in visitor.get("/harga?bahasa=xx").text


def test_every_text_of_the_pages_has_english_words(version: Version) -> None:
    texts: set[str] = set(routes.NAMES.values())
    env = bare_environment()
    for path in [*FOLDER.glob("templates/*.html"), *FOLDER.parent.glob("templates/*.html")]:
        for _, _, message in env.extract_translations(path.read_text(encoding="utf-8")):
            texts.add(message if isinstance(message, str) else str(message[0]))
    for view in VIEWS.values():
        texts |= {view.title, view.subtitle, *(label_of(c) for c in view.head.tampil)}
        texts |= {c.satuan for c in view.head.columns.values() if c.satuan}
    for column in ("nama", "nama_dari", "satuan"):
        texts |= set(version.rows(f"SELECT DISTINCT {column} AS t FROM dashboard.ikhtisar")["t"].drop_nulls())
    texts |= {c.title for c in REGISTRY.contracts}
    catalogue = words("en")._catalog
    assert catalogue is not None
    assert sorted(t for t in texts - {""} if not (catalogue.get(t) and catalogue.get(t).string)) == []  # type: ignore[union-attr]


# Views and versions


def test_a_view_in_a_new_folder_has_its_page_with_nothing_else_edited(small_warehouse: Small, tmp_path: Path) -> None:
    charts = tmp_path / "instansi" / "taman" / "charts"
    charts.mkdir(parents=True)
    (charts / "pohon.sql").write_text(
        "/* ---\ndescription: Pohon.\ngrain: Satu baris per tanggal\nhalaman: taman_kota\nper: tanggal\n"
        "columns:\n  tanggal: {description: Tanggal., classification: public}\n--- */\n"
        "SELECT tanggal FROM core.dim_tanggal\n"
    )
    spec = {"title": {"text": "Pohon kota"}, "data": {"name": "data"}, "mark": "bar", "encoding": {}}
    (charts / "pohon.vl.json").write_bytes(orjson.dumps(spec))
    made = with_people(tmp_path / "rumah", "gubernur", snapshots=small_warehouse.snapshots,
                       roots=(ROOT / "connectors", tmp_path / "instansi"))  # fmt: skip
    with serving(Centre(made)) as address, Visitor(address) as visitor:
        visitor.log_in("gubernur")
        page = visitor.get("/taman_kota").text
        assert "Pohon kota" in page
        assert "Belum ada data." in page, "the snapshot is older than the view"
        assert '<a href="/taman_kota" aria-current="page">Taman kota</a>' in page


def test_blocks_fill_the_width(version: Version) -> None:
    for page in ("harga", "cctv", "pokir", "pendapatan", "air", "kualitas"):
        views = [v for v in VIEWS.values() if v.head.halaman == page]
        places = placed([make_block(version, v, choose(version, v, {}), everybody) for v in views])
        run = 0
        for place in places:
            assert not (place.wide and run % 2), f"{page}: a hole before {place.block.view.name}"
            run = 0 if place.wide else run + 1
        assert run % 2 == 0
