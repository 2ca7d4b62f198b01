"""Local accounts: a JSON file that nobody but the service's user may read, and passwords kept as argon2id hashes.

The file is read again when it changes, so an account that is disabled while somebody works with it ends there and then.

Belongs here: reading, changing and checking accounts. Does not belong here: asking for passwords (`cli/user.py`),
counting failed tries (`lockout.py`).
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from connectors.durable import locked, write_file
from ssp_pipeline.command_centre.roles import Role, User

SHORTEST, LONGEST = 12, 256
NAME = r"^[a-z0-9][a-z0-9._@-]{0,63}$"


class AccountsError(ValueError):
    """The file of accounts cannot be used, or an account cannot be made so; the message says why."""


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One account. `sandi` is an argon2id hash."""

    nama: Annotated[str, msgspec.Meta(pattern=NAME)]
    peran: list[Role]
    sandi: str
    instansi: list[str] = []
    tampil: str = ""
    nonaktif: bool = False
    dibuat: str = ""

    @property
    def user(self) -> User:
        return User(self.nama, frozenset(self.peran), frozenset(self.instansi), self.tampil)

    @property
    def stamp(self) -> str:
        """Changes with anything of the account."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    akun: list[Account] = []


class Accounts:
    """The accounts in `path`. No file, no accounts: none is made by itself."""

    def __init__(self, path: Path):
        self.path = path
        self._mutex = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._known: dict[str, Account] = {}

    def all(self) -> dict[str, Account]:
        """Accounts by name. Raises AccountsError."""
        with self._mutex:
            stamp = self._stamp()
            if stamp != self._seen:
                self._known = self._read() if stamp else {}
                self._seen = stamp
            return self._known

    def active(self, name: str) -> Account | None:
        """An account that may log in. Raises AccountsError."""
        account = self.all().get(name)
        return None if account is None or account.nonaktif else account

    def check(self, name: str, password: str) -> Account | None:
        """The account of this name and password. Takes as long for a name that is none. Raises AccountsError."""
        account = self.active(name)
        good = _verify(account.sandi if account else _nobody(), password)
        return account if good else None

    def add(
        self,
        name: str,
        password: str,
        roles: Collection[Role],
        agencies: Collection[str] = (),
        shown_as: str = "",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Account:
        """Make an account. Raises AccountsError."""
        made = {
            "nama": name,
            "peran": sorted(set(roles)),
            "sandi": _hashed(name, password),
            "instansi": sorted(set(agencies)),
            "tampil": shown_as,
            "dibuat": clock().isoformat(timespec="seconds"),
        }
        if not roles:
            raise AccountsError("an account needs a role")
        if ("instansi" in roles) != bool(agencies):
            raise AccountsError("the role instansi needs the code of an agency, and no other role has one")
        try:
            account = msgspec.convert(made, Account)
        except msgspec.ValidationError as error:
            raise AccountsError(f"the account cannot be made so: {error}") from None

        def work(known: dict[str, Account]) -> None:
            if name in known:
                raise AccountsError(f"there is an account '{name}' already")
            known[name] = account

        self._change(work)
        return account

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password; its sessions end. Raises AccountsError."""
        self._replace(name, sandi=_hashed(name, password))

    def set_active(self, name: str, active: bool) -> None:
        """Let an account log in, or not any more; then its sessions end. Raises AccountsError."""
        self._replace(name, nonaktif=not active)

    def _replace(self, name: str, **changes: Any) -> None:
        def work(known: dict[str, Account]) -> None:
            if name not in known:
                raise AccountsError(f"there is no account '{name}'")
            known[name] = msgspec.structs.replace(known[name], **changes)

        self._change(work)

    def _change(self, work: Callable[[dict[str, Account]], None]) -> None:
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            known = dict(self.all())
            work(known)
            file = _File(sorted(known.values(), key=lambda a: a.nama))
            write_file(self.path, orjson.dumps(msgspec.to_builtins(file), option=orjson.OPT_INDENT_2) + b"\n")

    def _stamp(self) -> tuple[int, ...]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise AccountsError(f"{self.path.name} cannot be read: {error.strerror}") from None
        if status.st_mode & 0o077:
            raise AccountsError(f"{self.path.name} may be read by others: chmod 600 it")
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> dict[str, Account]:
        try:
            file = msgspec.json.decode(self.path.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError) as error:
            raise AccountsError(f"{self.path.name} cannot be read: {error}") from None
        return {account.nama: account for account in file.akun}


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that no password has, and that costs as much to compare with."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _hashed(name: str, password: str) -> str:
    if len(password) < SHORTEST:
        raise AccountsError(f"a password has at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise AccountsError(f"a password has at most {LONGEST} characters")
    if name in password.lower():
        raise AccountsError("a password does not hold the account's name")
    return _hasher().hash(password)


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher().verify(hashed, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
