"""A Python whose every process may reach loopback and nothing else, and writes down what it tried.

The watch lies in the site-packages of a throw-away virtual environment, so that it also holds in child processes
and in isolated mode (`python -I`), where PYTHONPATH does not count. It sees what goes through Python's own sockets;
it does not see sockets that a compiled library opens by itself.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_HOOK = """
import ipaddress, os, sys

_LOG = {log!r}
_EVENTS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
           "socket.gethostbyname", "socket.gethostbyaddr")


def _inside(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _watch(event, arguments):
    if event not in _EVENTS:
        return
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        address = arguments[1]
        if not isinstance(address, tuple):  # a path: a socket of this machine
            return
        host = address[0]
    if not _inside(host):
        with open(_LOG, "a", encoding="utf-8") as file:
            file.write(f"{{event}} {{host}} {{' '.join(sys.orig_argv)[:200]}}\\n")
        raise PermissionError(f"{{event}} beyond loopback: {{host}}")


sys.addaudithook(_watch)
with open(_LOG + ".processes", "a", encoding="utf-8") as file:
    file.write(f"{{os.getpid()}} {{' '.join(sys.orig_argv)[:200]}}\\n")
"""


@dataclass(frozen=True)
class Watched:
    """A watched Python and where it writes down what it refused."""

    python: Path
    log: Path

    @property
    def tried(self) -> list[str]:
        """Attempts to leave loopback: event, host and command line."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    @property
    def processes(self) -> list[str]:
        """Every process that was watched: its id and command line."""
        return Path(f"{self.log}.processes").read_text(encoding="utf-8").splitlines()

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run this Python with no setting of the project but those given."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SSP_", "DAGSTER_", "PYTHON"))}
        return subprocess.run(
            [str(self.python), *arguments],
            env={**kept, **environment},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def watched_python(place: Path) -> Watched:
    """Make one below `place`, with everything that is installed for the Python that runs the tests."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place / "python")
    packages = next((place / "python").glob("lib/python*/site-packages"))
    log = place / "keluar.log"
    (packages / "sitecustomize.py").write_text(_HOOK.format(log=str(log)), encoding="utf-8")
    (packages / "installed.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return Watched(place / "python" / "bin" / Path(sys.executable).name, log)
