"""A command centre on loopback, and a browser's worth of HTTP for tests: cookies, forms with their token, redirects."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from ssp_pipeline.command_centre.accounts import Accounts
from ssp_pipeline.command_centre.serve import config
from ssp_pipeline.command_centre.service import Centre, Options
from ssp_pipeline.settings import ROOT

PASSWORD = "sandi-untuk-uji-coba"
PEOPLE: dict[str, tuple[list[Any], list[str]]] = {
    "gubernur": (["pimpinan"], []),
    "dewi": (["analis"], []),
    "budi": (["operator"], []),
    "sari": (["instansi"], ["samsat"]),
    "tono": (["instansi"], ["tirtanadi"]),
}
"""Name, roles and agencies of the accounts that `with_people` makes; all have the same password."""


def options(home: Path, **changes: Any) -> Options:
    """Options of a command centre over a data folder."""
    plain = Options(
        home=home,
        snapshots=home / "snapshots",
        roots=(ROOT / "connectors",),
        accounts_file=home / "masuk" / "akun.json",
    )
    return replace(plain, **changes)


def with_people(home: Path, *names: str, **changes: Any) -> Options:
    """Options, and accounts of these people (all, if none is named)."""
    made = options(home, **changes)
    accounts = Accounts(made.accounts_file)
    for name in names or PEOPLE:
        roles, agencies = PEOPLE[name]
        accounts.add(name, PASSWORD, roles, agencies)
    return made


def trail(home: Path) -> list[dict[str, Any]]:
    """The lines of the audit trail."""
    files = sorted((home / "jejak_audit").glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


@contextmanager
def serving(centre: Centre, port: int = 0) -> Iterator[str]:
    """Run the server in a thread for as long as the block lasts; gives its address."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        server = uvicorn.Server(config(centre, "127.0.0.1", port))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            with httpx.Client(trust_env=False) as probe:
                address = f"http://127.0.0.1:{listening.getsockname()[1]}"
                probe.get(f"{address}/sehat", timeout=30).raise_for_status()
            yield address
        finally:
            server.should_exit = True
            thread.join(15)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


HOME = "/kualitas/tidak-ada"
"""An address behind the login that reads no data."""


class Visitor(httpx.Client):
    """Somebody with a browser. Redirects are followed only if asked."""

    def __init__(self, address: str, **more: Any):
        super().__init__(base_url=address, trust_env=False, timeout=30, **more)
        self.address = address

    def token(self, path: str = "/masuk") -> str:
        """The token of the first form of a page."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def send_form(self, path: str, fields: dict[str, str], **more: Any) -> httpx.Response:
        """POST as a browser does from a page of the same site."""
        headers = {"Origin": self.address, "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
        return self.post(path, data=fields, headers=headers, **more)

    def log_in(self, name: str, password: str = PASSWORD, onward: str = "/") -> httpx.Response:
        return self.send_form(
            "/masuk", {"csrf": self.token(), "nama": name, "sandi": password, "lanjut": onward}
        )  # fmt: skip


def is_in(visitor: Visitor) -> bool:
    """Whether an address behind the login is reached (it does not exist, which only who is in can learn)."""
    return visitor.get(HOME).status_code == 404
