"""Search finds what people mean: beginnings, stems, synonyms, slips; in Indonesian and English."""

from pathlib import Path

import pyarrow as pa
import pytest

from ssp_pipeline.portal.releases import Edition, Shelf
from ssp_pipeline.portal.search import search, stems
from ssp_pipeline.portal.solr import BadSearch, parse, sorting
from tests.support.portal import Hand, Served

pytest_plugins = ["tests.support.portal_fixtures"]

DATASETS = {
    "harga_pangan_harian": ("Harga pangan harian per pasar", "Daily food prices by market", ("cabai", "beras")),
    "penerimaan_pkb": ("Penerimaan pajak kendaraan bermotor", "Motor vehicle tax revenue", ("pkb", "samsat")),
    "pelanggan_air": ("Pelanggan dan tunggakan air minum", "Water customers and arrears", ("pdam",)),
    "ketersediaan_cctv": ("Ketersediaan CCTV per kamera", "Availability of cameras", ("lalu lintas",)),
    "usulan_pokir": ("Corong usulan pokir per dapil", "Proposals of councillors", ("dewan",)),
}


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    hand = Hand(tmp_path_factory.mktemp("cari") / "terbuka")
    for name, (title, english, words) in DATASETS.items():
        rows = pa.table({"nilai": [1]})
        hand.put(name, rows, {"nilai": "BIGINT"}, judul=title, judul_en=english, kata_kunci=words)
    hand.release()
    shelf = Shelf(hand.root, memory=10**8)
    shelf.refresh()
    return shelf.current


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("harga", "harga_pangan_harian"), ("HARGA Pangan", "harga_pangan_harian"), ("harg", "harga_pangan_harian"),
        ("sembako", "harga_pangan_harian"), ("cabe", "harga_pangan_harian"), ("food prices", "harga_pangan_harian"),
        ("pendapatan kendaraan", "penerimaan_pkb"), ("samsat", "penerimaan_pkb"), ("tax", "penerimaan_pkb"),
        ("langganan air", "pelanggan_air"), ("pdam tunggakan", "pelanggan_air"), ("menunggak", "pelanggan_air"),
        ("kamera", "ketersediaan_cctv"), ("tersedia cctv", "ketersediaan_cctv"), ("aspirasi dprd", "usulan_pokir"),
        ("penerimaaan", "penerimaan_pkb"), ("pelangan", "pelanggan_air"),
        ("harga_pangan_harian", "harga_pangan_harian"),
        ("data harga di pasar", "harga_pangan_harian"),
    ],
)  # fmt: skip
def test_words_find_the_dataset_that_is_meant(edition: Edition, words: str, first: str) -> None:
    assert [v.dataset for v in search(edition, words)][:1] == [first]


def test_every_word_must_be_found(edition: Edition) -> None:
    assert search(edition, "harga cctv") == []
    assert search(edition, "zzzzzz") == []


def test_without_words_all_datasets_are_listed_by_title(edition: Edition) -> None:
    for words in ("", "   ", "dan di ke", "!!!"):
        assert [v.judul for v in search(edition, words)] == sorted(t for t, *_ in DATASETS.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [("pelanggan", "langganan"), ("tersedia", "ketersediaan"), ("harganya", "harga"), ("usulan", "usul")],
)
def test_words_of_one_stem_have_it_in_common(one: str, other: str) -> None:
    assert stems(one) & stems(other)


def test_the_search_page_shows_what_was_found_in_both_languages_and_escapes_what_was_typed(served: Served) -> None:
    for path in ("/cari", "/en/cari"):
        page = served.get(path, params={"q": 'harga"><b>'})
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "/dataset/harga_uji/" in page.text
        assert "><b>" not in page.text
    assert served.get("/cari", params={"q": "x" * 5000}).status_code == 200
    assert served.get("/cari?q=a&q=b").status_code == 200
    assert served.get("/cari?q=%ff").status_code == 400


@pytest.mark.parametrize(
    "text", ["a:b:c", "(((", "a OR", "OR a", "organization:(a OR)", "name:[1 TO", 'name:"x', "name:(a b", "^"]
)
def test_a_query_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadSearch):
        parse(text)


def test_a_sort_by_an_unknown_field_is_refused() -> None:
    assert sorting("name asc, metadata_modified desc") == [("name", False), ("metadata_modified", True)]
    for text in ("views desc", "name up"):
        with pytest.raises(BadSearch):
            sorting(text)


def test_the_root_of_a_portal_without_a_release_says_so(tmp_path: Path) -> None:
    assert search(Edition(), "harga") == []
