"""Who may do what: the table of rights, and each address without, with too little, and with another office's rights."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssp_pipeline.command_centre.roles import DEEDS, ROLES, Deed, Role, User, known_roles, may
from ssp_pipeline.command_centre.service import Centre
from tests.support.command_centre import PEOPLE, Visitor, serving, trail, with_people

AGENCIES = ["samsat", "tirtanadi", "pihps"]

EVERYWHERE: dict[Role, set[Deed]] = {
    "pimpinan": {"ikhtisar", "kualitas", "bidang", "baris"},
    "analis": {"ikhtisar", "kualitas", "bidang", "baris", "unduh"},
    "operator": {"ikhtisar", "kualitas", "bidang", "baris", "unduh", "muatan", "karantina", "dagster"},
    "instansi": {"kualitas"},
}
"""What each role may do with every agency's data."""


@pytest.mark.parametrize(("role", "deed", "agency"), list(itertools.product(ROLES, DEEDS, AGENCIES)))
def test_each_role_may_do_what_the_table_says_and_nothing_else(role: Role, deed: Deed, agency: str) -> None:
    user = User("seseorang", frozenset({role}), frozenset({"samsat"}) if role == "instansi" else frozenset())
    own = role == "instansi" and agency == "samsat" and deed in {"bidang", "baris", "unduh", "muatan", "karantina"}
    assert may(user, deed, agency) == (deed in EVERYWHERE[role] or own)


people = st.builds(
    User,
    st.just("seseorang"),
    st.frozensets(st.sampled_from(ROLES)),
    st.frozensets(st.sampled_from(AGENCIES)),
)


@given(people, st.sampled_from(DEEDS), st.sampled_from(["", *AGENCIES]))
def test_rights_of_several_roles_add_up_and_nobody_has_any_without_a_role(user: User, deed: Deed, agency: str) -> None:
    each = [may(User("x", frozenset({role}), user.agencies), deed, agency) for role in user.roles]
    assert may(user, deed, agency) == any(each)


@given(people, st.sampled_from(["muatan", "karantina"]), st.sampled_from(["", *AGENCIES]))
def test_payloads_and_quarantine_are_for_operators_and_the_owner(user: User, deed: Deed, agency: str) -> None:
    owner = "instansi" in user.roles and agency != "" and agency in user.agencies
    assert may(user, deed, agency) == ("operator" in user.roles or owner)


def test_words_that_are_no_role_give_none() -> None:
    assert known_roles(["operator", "raja", "", "Operator"]) == {"operator"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pusat")


@pytest.fixture(scope="module")
def visitors(home: Path) -> Iterator[dict[str, Visitor]]:
    """Everybody, logged in. Dagster's address is one at which nobody answers."""
    with serving(Centre(with_people(home, dagster_url="http://127.0.0.1:9"))) as address:
        made = {name: Visitor(address) for name in PEOPLE}
        for name, visitor in made.items():
            assert visitor.log_in(name).status_code == 303
        yield made
        for visitor in made.values():
            visitor.close()


PASS = (200, 404, 503)
"""Somebody who may: what is asked for is there, is not, or there are no data yet."""


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", {"gubernur", "dewi", "budi"}),
        ("/harga", {"gubernur", "dewi", "budi"}),
        ("/pendapatan", {"gubernur", "dewi", "budi", "sari"}),
        ("/air", {"gubernur", "dewi", "budi", "tono"}),
        ("/kualitas", {"gubernur", "dewi", "budi", "sari", "tono"}),
        ("/karantina/samsat", {"budi", "sari"}),
        ("/karantina/tirtanadi", {"budi", "tono"}),
        ("/karantina/samsat.pembayaran_pkb", {"budi", "sari"}),
        ("/karantina/samsat.pembayaran_pkb/baris.csv", {"budi", "sari"}),
        ("/karantina/tidak_ada", {"budi"}),
        ("/karantina/tidak_ada.sama_sekali", {"budi"}),
        ("/muatan/samsat.pembayaran_pkb/" + "0" * 64, {"budi", "sari"}),
        ("/muatan/samsat.pembayaran_pkb/" + "0" * 64 + "/baris.csv", {"budi", "sari"}),
        ("/muatan/tirtanadi.produksi_air/" + "0" * 64 + "/asli", {"budi", "tono"}),
        ("/muatan/tidak_ada.sama_sekali/" + "0" * 64, {"budi"}),
        ("/dagster/", {"budi"}),
        ("/dagster/graphql", {"budi"}),
        ("/dagster/server_info", {"budi"}),
    ],
)
def test_an_address_opens_to_those_who_may_and_to_nobody_else(
    visitors: dict[str, Visitor], home: Path, path: str, who: set[str]
) -> None:
    for name, visitor in visitors.items():
        before = len(trail(home))
        status = visitor.get(path, headers={"Accept": "text/html"}).status_code
        if name in who:
            assert status in PASS, (name, path)
        else:
            assert status == 403, (name, path)
            last = trail(home)[before:][-1]
            assert (last["peristiwa"], last["pengguna"], last["objek"]) == ("ditolak", name, path)


def test_a_login_goes_on_to_a_page_that_its_role_may_see(visitors: dict[str, Visitor]) -> None:
    for name, page in (("dewi", "/"), ("sari", "/kualitas")):
        with Visitor(visitors[name].address) as again:
            assert again.log_in(name).headers["location"] == page


def test_only_operators_are_shown_the_way_to_dagster(visitors: dict[str, Visitor]) -> None:
    for name, visitor in visitors.items():
        assert ('href="/dagster/"' in visitor.get("/tidak-ada").text) == (name == "budi")


def test_a_dataset_under_another_name_or_case_is_no_way_round(visitors: dict[str, Visitor]) -> None:
    for name in ("pembayaran_pkb", "samsat__pembayaran_pkb", "SAMSAT.pembayaran_pkb", "tirtanadi.pembayaran_pkb"):
        status = visitors["tono"].get(f"/muatan/{name}/{'0' * 64}").status_code
        assert status in (403, 404), name
        assert visitors["tono"].get(f"/karantina/{name}").status_code in (403, 404), name
    assert visitors["sari"].get("/karantina/samsat.PEMBAYARAN_PKB").status_code == 404


def test_roles_are_not_taken_from_the_request(visitors: dict[str, Visitor]) -> None:
    headers = {"X-Forwarded-User": "budi", "X-Forwarded-Groups": "operator", "X-Forwarded-For": "127.0.0.1"}
    assert visitors["gubernur"].get("/dagster/", headers=headers).status_code == 403
    assert visitors["gubernur"].get("/karantina/samsat?peran=operator", headers=headers).status_code == 403


def test_without_a_lake_the_doors_say_that_there_is_nothing(visitors: dict[str, Visitor]) -> None:
    assert visitors["budi"].get("/karantina/samsat.pembayaran_pkb").status_code == 404
