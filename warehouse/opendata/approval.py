"""Which changes of a contract need a walidata's approval before rows leave, and which are refused outright.

Belongs here: comparing contract, last version and decisions. Does not belong here: the record of decisions
(`decisions.py`).
"""

from collections.abc import Iterator

from warehouse.opendata.contract import OpenContract
from warehouse.opendata.decisions import Decisions
from warehouse.opendata.manifest import Version

FIRST = "terbit pertama"
AGAIN = "terbit lagi setelah versi ditarik"
BY_NAME = "persetujuan walidata bernama (yang ada berasal dari pemasangan peragaan)"


def needed(
    contract: OpenContract, last: Version | None, base: int, decisions: Decisions, *, demo: bool
) -> tuple[str, ...]:
    """What must be approved before the version after `base`, empty when it may leave.

    `last` is the newest standing version, `base` the number of the newest one, withdrawn or not. With `demo` what a
    first release needs is approved by the installation itself, and marked so.
    """
    asked = tuple(_asked(contract, last, base, decisions, demo=demo))
    if not asked:
        return ()
    approved = decisions.approved(contract.name, base, seeded=demo)
    lacking = tuple(a for a in asked if a not in approved)
    if lacking and demo and asked[0] == FIRST:
        decisions.seed(contract.name, base, asked)
        return ()
    return lacking


def asked_for(contract: OpenContract, last: Version | None, base: int, decisions: Decisions) -> tuple[str, ...]:
    """All that an approval for the next version would be about."""
    return tuple(_asked(contract, last, base, decisions, demo=False))


def _asked(
    contract: OpenContract, last: Version | None, base: int, decisions: Decisions, *, demo: bool
) -> Iterator[str]:
    if base == 0:
        yield FIRST
        yield from (f"asal dibuka: {o}" for o in contract.ext.asal_terbit)
        yield from (f"kolom dibuka: {c.name} {c.sql_type}" for c in contract.public)
        return
    if last is None or last.versi != base:
        yield AGAIN
    if not demo and decisions.only_seeded(contract.name):
        yield BY_NAME
    if last is None:
        return
    before = {c.nama: c.sql for c in last.kolom}
    after = {c.name: c.sql_type for c in contract.public}
    yield from (f"asal dibuka: {o}" for o in contract.ext.asal_terbit if o not in _opened(contract, last, decisions))
    yield from (f"kolom dibuka: {n} {t}" for n, t in after.items() if n not in before)
    yield from (f"kolom hilang: {n}" for n in before if n not in after)
    yield from (f"tipe berubah: {n} {before[n]} → {t}" for n, t in after.items() if n in before and before[n] != t)
    if contract.key != last.kunci:
        yield f"kunci berubah: {', '.join(last.kunci)} → {', '.join(contract.key)}"
    if str(contract.ext.lisensi) != last.lisensi.id:
        yield f"lisensi berubah: {last.lisensi.id} → {contract.ext.lisensi}"


def _opened(contract: OpenContract, last: Version, decisions: Decisions) -> set[str]:
    """Origins that were opened before: those of published rows, and those that any approval named."""
    found = set(last.asal_data)
    for one in decisions.read():
        if one.jenis == "setuju" and one.dataset == contract.name:
            found |= {w.removeprefix("asal dibuka: ") for w in one.hal if w.startswith("asal dibuka: ")}
    return found


def refused(contract: OpenContract, last: Version | None) -> list[str]:
    """Breaking changes that were not announced: a column goes only after one version that said so."""
    if last is None:
        return []
    announced = {str(a["kolom"]) for a in last.umumkan}
    open_now = {c.name for c in contract.public}
    return [
        f"kolom {c.nama} hilang tanpa diumumkan: kembalikan, umumkan dalam customProperties.umumkan, dan hapus pada "
        "versi sesudahnya"
        for c in last.kolom
        if c.nama not in open_now and c.nama not in announced
    ]
