"""Pages that do not fit together: the pull begins anew, and fails when they never do; nothing private shows."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connectors.paging import PageGuard
from connectors.samsat.sandbox import KUNCI, pembayaran
from connectors.sandbox import World
from tests.support.bad_input import TODAY, Place, PutFault, end_faults, held, keeps
from warehouse.checks import Checker

pytest_plugins = ["tests.support.bad_input_fixtures"]

DATASET = "samsat.pembayaran_pkb"
ASKED = "/samsat/api/pembayaran"
UPT = "06"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, bad_host: str, bad_checker: Checker) -> Iterator[Place]:
    """An installation that asks for one tax office in pages of 50; it shows neither the key nor anybody's data."""
    params = {"upt": [UPT], "limit": 50}
    found = Place(tmp_path_factory.mktemp("kantor"), bad_host, bad_checker, params=params)
    yield found
    assert found.verify(DATASET).all_gaps() == []
    assert found.shows("SEPEDA MOTOR"), "what may be read is found"
    shown = found.shows(KUNCI, *_private(found))
    found.close()
    assert shown == []


def _private(place: Place) -> list[str]:
    """Plates, chassis numbers and owners' names of the days that were pulled."""
    words: set[str] = set()
    for pull in place.pulls(DATASET):
        for _, body in pembayaran(World(today=TODAY), pull.window.start)[:40]:
            row = orjson.loads(body)
            words |= {row["no_rangka"], row["no_mesin"], row["nopol"].strip(), row["nm_pemilik"]}
    assert len(words) > 50
    return sorted(words)


PASSING: dict[str, tuple[str, dict[str, Any]]] = {
    "halaman_kembar": ("halaman_kembar", {"kali": 1}),
    "total_menyusut": ("total_menyusut", {"mulai": 2, "kali": 1}),
}
LASTING: dict[str, tuple[str, dict[str, Any]]] = {
    "halaman_kembar_tetap": ("halaman_kembar", {"kali": 0}),
    "halaman_tak_berakhir": ("halaman_tak_berakhir", {"arg": {"bidang": "no_urut_trn", "nilai": 100_000}}),
    "total_menyusut_tetap": ("total_menyusut", {"kali": 0}),
}


@keeps(*PASSING)
@pytest.mark.parametrize("promised", PASSING)
def test_a_disturbance_that_passes_is_healed_by_beginning_anew(office: Place, fault: PutFault, promised: str) -> None:
    day = next(office.days)
    name, spec = PASSING[promised]
    fault(name, ASKED, **spec)
    outcome = office.one(DATASET, day)
    held(promised, outcome)
    delivered = [body for upt, body in pembayaran(World(today=TODAY), day) if upt == UPT]
    assert outcome.ditarik == len(delivered) > 100, "each payment once"
    assert outcome.diterima == office.rows(DATASET, day)["nomor_transaksi"].n_unique()
    pages = office.pulls(DATASET)[-1].entries
    assert [e.slot.rpartition("=")[2] for e in pages] == [str(n + 1) for n in range(len(pages))], "only the last run"


@keeps(*LASTING)
@pytest.mark.parametrize("promised", LASTING)
def test_pages_that_never_fit_keep_the_old_version(
    office: Place, fault: PutFault, monkeypatch: pytest.MonkeyPatch, promised: str
) -> None:
    day = next(office.days)
    assert office.one(DATASET, day).status == "diterima"
    before, pulls = office.rows(DATASET, day), len(office.pulls(DATASET))
    monkeypatch.setitem(PageGuard.__init__.__kwdefaults__ or {}, "max_pages", 20)
    name, spec = LASTING[promised]
    fault(name, ASKED, **spec)
    held(promised, office.one(DATASET, day))
    assert office.rows(DATASET, day).equals(before)
    assert len(office.pulls(DATASET)) == pulls
    end_faults(office.host)
    assert office.one(DATASET, day).status == "tidak_berubah"


def test_a_list_that_shrinks_under_a_login_is_begun_anew(place: Place, fault: PutFault) -> None:
    fault("total_menyusut", "listByTahun", mulai=3, arg={"total": "data.recordsFiltered"})
    outcome = place.one("epokir.usulan_pokir")
    assert outcome.status == "diterima"
    ids = place.rows("epokir.usulan_pokir")["id_usulan"]
    assert outcome.ditarik == outcome.diterima + outcome.dikarantina == 1500
    assert ids.n_unique() == len(ids) == outcome.diterima
