"""An agency's own error with status 200, through a dataset of each agency that answers in JSON.

Belongs here: that every connector sees such an answer for what it is. Does not belong here: other faults of the
transport, which one client sees for all agencies (`test_bad_input_wire.py`).
"""

import pytest

from connectors.sandbox import CONNECTORS, discover
from tests.support.bad_input import Place, PutFault, end_faults, held, keeps

pytest_plugins = ["tests.support.bad_input_fixtures"]

ASKED = {
    "cctv.kamera": "/cctv/welcome/getDataLokasi",
    "epokir.usulan_pokir": "/epokir/api/pokir/usulan/listByTahun",
    "panel_harga.harga_pangan_provinsi_peta": "/panel_harga/front/harga-peta-provinsi",
    "pihps.harga_pangan_wilayah": "/pihps/WebSite/TabelHarga/GetGridDataDaerah",
    "samsat.pembayaran_pkb": "/samsat/api/pembayaran",
    "sp2kp.harga_pangan_kabkota": "/sp2kp/report/api/average-price",
    "tirtanadi.produksi_air": "/tirtanadi/api/produksi",
}


def test_each_agency_that_is_asked_over_http_is_among_the_datasets() -> None:
    asked = {agency for agency, module in discover((CONNECTORS,)) if hasattr(module, "routes")}
    assert {dataset.partition(".")[0] for dataset in ASKED} == asked


@keeps("galat_200", "galat_200_tetap")
@pytest.mark.parametrize("dataset", ASKED)
def test_an_error_inside_200_is_asked_again_and_never_taken_for_data(
    place: Place, fault: PutFault, dataset: str
) -> None:
    day = next(day for day in place.days if day.weekday() < 5)
    fault("galat_200", ASKED[dataset])
    held("galat_200", place.one(dataset, day))
    before, pulls = place.rows(dataset), len(place.pulls(dataset))
    assert before.height
    fault("galat_200", ASKED[dataset], kali=0)
    outcome = place.one(dataset, day)
    held("galat_200_tetap", outcome)
    assert "; 3 attempts, last status 200" in outcome.rincian
    assert place.rows(dataset).equals(before)
    assert len(place.pulls(dataset)) == pulls, "a pull that failed does not count"
    end_faults(place.host)
    assert place.one(dataset, day).status == "tidak_berubah", "the next pull is undisturbed"
