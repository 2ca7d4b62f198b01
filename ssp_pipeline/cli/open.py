"""Commands of the walidata: what waits, approving, waiving, withdrawing, and releasing open data by hand.

Each decision names who made it and why; it is kept for good in the home's `walidata/` folder.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ssp_pipeline.cli.common import DATE, print_json

if TYPE_CHECKING:
    from assets.open_data import Outcome
    from ssp_pipeline.settings import Settings
    from warehouse.opendata.contract import OpenContract
    from warehouse.opendata.decisions import Decisions
    from warehouse.opendata.store import Store
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _given(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("is empty")
    return text.strip()


def _decided(command: _Command) -> _Command:
    """Who decides and why, which every decision needs."""
    command = click.option("--json", "as_json", is_flag=True, help="As JSON.")(command)
    command = click.option("--alasan", required=True, callback=_given, help="Why; it is kept.")(command)
    return click.option("--oleh", required=True, callback=_given, help="Who decides, by name; it is kept.")(command)


@click.command()
@click.argument("dataset")
@_decided
def approve(dataset: str, oleh: str, alasan: str, as_json: bool) -> int:
    """Approve what the next version of DATASET opens or changes.

    Exit code 3 when nothing of it needs an approval.
    """
    from warehouse.opendata.approval import asked_for

    _, contract, store, decisions = _opened(dataset)
    if contract.held:
        raise click.ClickException(f"{dataset} stays internal: {contract.held}. Complete its contract first")
    base = max(store.numbers(dataset), default=0)
    asked = asked_for(contract, store.newest(dataset), base, decisions)
    lacking = [a for a in asked if a not in decisions.approved(dataset, base, seeded=False)]
    if lacking:
        decisions.approve(dataset, base, lacking, by=oleh, why=alasan)
    if as_json:
        print_json({"dataset": dataset, "versi": base + 1, "disetujui": lacking})
    elif lacking:
        click.echo(f"{dataset} v{base + 1} disetujui oleh {oleh}:")
        for line in lacking:
            click.echo(f"  {line}")
        click.echo("Terbit pada rilis berikutnya (ssp release).")
    else:
        click.echo(f"{dataset}: tidak ada yang menunggu persetujuan")
    return 0 if lacking else 3


@click.command()
@click.argument("dataset")
@click.argument("kolom")
@click.argument("bentuk")
@_decided
def waive(dataset: str, kolom: str, bentuk: str, oleh: str, alasan: str, as_json: bool) -> int:
    """Say why values of KOLOM that look like BENTUK (nik, nip, npwp, plat, telepon, surel, rangka) are none."""
    from typing import get_args

    from warehouse.opendata.contract import IdentifierForm

    _, contract, _, decisions = _opened(dataset)
    columns = [c.name for c in contract.public]
    if kolom not in columns:
        raise click.ClickException(f"{dataset} has no open column '{kolom}'; there are: {', '.join(columns)}")
    if bentuk not in get_args(IdentifierForm):
        raise click.ClickException(f"no form '{bentuk}'; there are: {', '.join(get_args(IdentifierForm))}")
    decisions.waive(dataset, kolom, bentuk, by=oleh, why=alasan)
    if as_json:
        print_json({"dataset": dataset, "kolom": kolom, "bentuk": bentuk})
    else:
        click.echo(f"{dataset}.{kolom}: temuan {bentuk} dikecualikan oleh {oleh}")
    return 0


@click.command()
@click.argument("dataset")
@click.argument("versi")
@_decided
def withdraw(dataset: str, versi: str, oleh: str, alasan: str, as_json: bool) -> int:
    """Withdraw VERSI (v3) of DATASET: its files go, its page says why, and a new release is made without it.

    The next version of a dataset whose newest version was withdrawn needs an approval.
    """
    from assets.open_data import release
    from ssp_pipeline import app
    from ssp_pipeline.publishing import publishing
    from warehouse.opendata.contract import find_open_contracts
    from warehouse.opendata.withdraw import WithdrawalError
    from warehouse.opendata.withdraw import withdraw as decide

    settings, _, store, decisions = _opened(dataset)
    if not versi.removeprefix("v").isdigit():
        raise click.ClickException(f"a version is written v3, not '{versi}'")
    try:
        gone = decide(store, decisions, dataset, int(versi.removeprefix("v")), by=oleh, why=alasan)
    except WithdrawalError as error:
        raise click.ClickException(str(error)) from None
    workspace = app.open_workspace(settings)
    try:
        done = release(workspace, find_open_contracts(settings.roots), publishing(settings))
    finally:
        workspace.close()
    if as_json:
        print_json({"dataset": dataset, "ditarik": gone, "rilis": done.rilis})
    else:
        names = ", ".join(f"v{n}" for n in gone)
        click.echo(f"{dataset} {names} ditarik oleh {oleh}; rilis {done.rilis} terbit tanpanya")
    return 0


@click.command()
@click.option("--dataset", multiple=True, help="Publish only this dataset (repeatable); the release lists all.")
@click.option("--today", type=DATE, help="Take this date for today.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def release(dataset: Sequence[str], today: Any, as_json: bool) -> int:
    """Publish what changed in the lake and make a release; no agency is asked and no model is built.

    Exit code 3 when a dataset was held back by its rows or waits for an approval; the others are released.
    """
    from assets.open_data import publish
    from assets.open_data import release as release_all
    from ssp_pipeline import app
    from ssp_pipeline.publishing import publishing
    from ssp_pipeline.settings import load_settings
    from warehouse.opendata.contract import find_open_contracts

    settings = load_settings(today=today.date() if today else None)
    contracts = {c.name: c for c in find_open_contracts(settings.roots)}
    _known(contracts, dataset)
    how = publishing(settings)
    workspace = app.open_workspace(settings)
    try:
        done = [publish(workspace, c, how) for name, c in contracts.items() if not dataset or name in dataset]
        number = release_all(workspace, list(contracts.values()), how).rilis
    finally:
        workspace.close()
    if as_json:
        print_json({"rilis": number, "dataset": [one.row() for one in done]})
    else:
        for one in done:
            _tell(one)
        click.echo(f"Rilis {number}." if number else "Tidak ada yang baru; rilis terakhir tetap.")
    return 3 if any(not one.ok or one.menunggu for one in done) else 0


def _tell(one: "Outcome") -> None:
    version = f" v{one.versi}" if one.versi else ""
    rows = f", {one.baris} baris" if one.baris else ""
    reason = f": {one.alasan}" if one.alasan else ""
    click.echo(f"{one.dataset}{version} {one.status.replace('_', ' ')}{rows}{reason}")


def _opened(dataset: str) -> "tuple[Settings, OpenContract, Store, Decisions]":
    """Settings, the dataset's contract, and what was published and decided here. Raises ClickException."""
    from ssp_pipeline.settings import load_settings
    from warehouse.opendata.contract import find_open_contracts
    from warehouse.opendata.decisions import Decisions
    from warehouse.opendata.store import Store

    settings = load_settings()
    contracts = {c.name: c for c in find_open_contracts(settings.roots)}
    _known(contracts, [dataset])
    return settings, contracts[dataset], Store(settings.public), Decisions(settings.decisions)


def _known(contracts: "dict[str, OpenContract]", names: Sequence[str]) -> None:
    unknown = sorted(set(names) - contracts.keys())
    if unknown:
        raise click.ClickException(f"no open dataset {', '.join(unknown)}; there are: {', '.join(contracts) or '-'}")
