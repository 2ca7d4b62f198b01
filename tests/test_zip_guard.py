"""Office files that are not safe to open are refused before their content is read."""

import io
import struct
import zipfile

import pytest

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.contract.model import FileLayout
from connectors.read.grid import read_grid
from connectors.read.zip_guard import Limits
from tests.support.branch_report import branch_contract, branch_sheet, changed, refusal, saved


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return branch_contract(tmp_path_factory.mktemp("kontrak"))


def repacked(body: bytes, replace: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in dict.fromkeys([*old.namelist(), *replace]):
            new.writestr(name, replace.get(name) or old.read(name))
    return out.getvalue()


def test_a_file_that_inflates_beyond_measure_is_not_opened(branch: Contract) -> None:
    bomb = repacked(saved(branch_sheet()), {"xl/worksheets/sheet1.xml": b" " * 40_000_000})
    assert len(bomb) < 100_000
    assert refusal(bomb, branch).code == "berkas_bom"


def test_an_entry_that_claims_less_than_it_holds_is_not_opened(branch: Contract) -> None:
    body = bytearray(repacked(saved(branch_sheet()), {"xl/media/x.bin": b"\0" * 3_000_000}))
    claimed = struct.pack("<I", 3_000_000)
    assert body.count(claimed) == 2
    lying = bytes(body).replace(claimed, struct.pack("<I", 1000))
    assert refusal(lying, branch).code == "berkas_bom"


def test_a_sheet_of_one_far_cell_is_not_opened(branch: Contract) -> None:
    assert refusal(changed(XFD1048576=1), branch).code == "berkas_bom"


def test_limits_on_entries_and_size_hold() -> None:
    body = saved(branch_sheet())
    for limits in (Limits(entries=3), Limits(total=1000), Limits(cells=10)):
        with pytest.raises(PayloadError) as caught:
            read_grid(body, FileLayout(format="xlsx"), "uji", limits)
        assert caught.value.code == "berkas_bom"


def test_damaged_archives_are_refused(branch: Contract) -> None:
    body = saved(branch_sheet())
    assert refusal(body[: len(body) // 2], branch).code == "berkas_rusak"
    torn = bytearray(body)
    torn[60:80] = b"\x00" * 20
    assert refusal(bytes(torn), branch).code == "berkas_rusak"
    assert refusal(repacked(body, {"xl/worksheets/sheet1.xml": b"<no xml"}), branch).code == "berkas_rusak"
