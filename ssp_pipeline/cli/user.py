"""The command `user`: local accounts of the command centre. A password comes from a prompt or standard input."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ssp_pipeline.cli.common import print_json, print_table

if TYPE_CHECKING:
    from ssp_pipeline.command_centre.accounts import Accounts
    from ssp_pipeline.command_centre.audit import Audit
    from ssp_pipeline.settings import Settings

_ROLES = ("pimpinan", "analis", "operator", "instansi")


@click.group()
def user() -> None:
    """Local accounts of the command centre: add, list, disable, enable, password. None is there by itself."""


@user.command("add")
@click.argument("name")
@click.option("--role", "roles", type=click.Choice(_ROLES), multiple=True, required=True, help="Repeatable.")
@click.option("--agency", "agencies", multiple=True, help="Code of an agency, for the role instansi (repeatable).")
@click.option("--shown-as", default="", help="Name to show, for example the office.")
def add(name: str, roles: tuple[str, ...], agencies: tuple[str, ...], shown_as: str) -> int:
    """Make an account. Its password is asked for, or read from standard input when that is no terminal."""
    from connectors.registry import Registry
    from ssp_pipeline.command_centre.roles import known_roles

    settings, accounts, audit = _open()
    Registry(settings.roots).select(agencies, ())
    with _expected():
        accounts.add(name, _password(), known_roles(roles), agencies, shown_as)
    audit.write("akun", user=name, roles=", ".join(sorted(roles)), agency=", ".join(agencies), what="dibuat")
    click.echo(f"akun {name} dibuat")
    return 0


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_accounts(as_json: bool) -> int:
    """Accounts with their roles, agencies, and whether they may log in."""

    _, accounts, _ = _open()
    with _expected():
        rows = [
            {
                "nama": a.nama,
                "tampil": a.tampil,
                "peran": ", ".join(a.peran),
                "instansi": ", ".join(a.instansi),
                "aktif": "tidak" if a.nonaktif else "ya",
                "dibuat": a.dibuat,
            }
            for a in accounts.all().values()
        ]
    print_json(rows) if as_json else print_table(rows, "belum ada akun; `ssp user add` membuatnya")
    return 0


@user.command("disable")
@click.argument("name")
def disable(name: str) -> int:
    """Let an account log in no more; its sessions end at once."""
    return _change(name, "dinonaktifkan", lambda accounts: accounts.set_active(name, False))


@user.command("enable")
@click.argument("name")
def enable(name: str) -> int:
    """Let a disabled account log in again."""
    return _change(name, "diaktifkan", lambda accounts: accounts.set_active(name, True))


@user.command("password")
@click.argument("name")
def password(name: str) -> int:
    """Give an account another password; its sessions end at once."""
    return _change(name, "kata sandi diganti", lambda accounts: accounts.set_password(name, _password()))


def _open() -> "tuple[Settings, Accounts, Audit]":
    from ssp_pipeline.command_access import accounts_file
    from ssp_pipeline.command_centre.accounts import Accounts
    from ssp_pipeline.command_centre.audit import Audit
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    return settings, Accounts(accounts_file(settings)), Audit(settings.home / "jejak_audit")


def _change(name: str, what: str, work: "Callable[[Accounts], None]") -> int:
    _, accounts, audit = _open()
    with _expected():
        work(accounts)
    audit.write("akun", user=name, what=what)
    click.echo(f"akun {name}: {what}")
    return 0


@contextmanager
def _expected() -> Iterator[None]:
    from ssp_pipeline.command_centre.accounts import AccountsError

    try:
        yield
    except AccountsError as error:
        raise click.ClickException(str(error)) from None


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Kata sandi", hide_input=True, confirmation_prompt="Ulangi"))
    return sys.stdin.readline().rstrip("\r\n")
