"""A PostgreSQL server on loopback for as long as a test process runs; it refuses root, so it runs as another user."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextmanager
def postgres() -> Iterator[str]:
    """The libpq string of a server with an empty cluster, up to the database name."""
    tools = BINARIES[-1].parent
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    home = Path(tempfile.mkdtemp(prefix="ssp-pg-"))
    shutil.chown(home, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(tool: str, *arguments: str) -> None:
        subprocess.run(
            [tools / tool, *arguments], user=user if os.geteuid() == 0 else None, cwd=home, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    try:
        run("initdb", "-D", f"{home}/isi", "-U", "uji", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off"
        run("pg_ctl", "-D", f"{home}/isi", "-o", options, "-l", f"{home}/log", "-w", "start")
        try:
            yield f"host=127.0.0.1 port={port} user=uji password=rahasia-uji"
        finally:
            run("pg_ctl", "-D", f"{home}/isi", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home)


def create_database(server: str, name: str) -> str:
    """Make an empty database. Gives its libpq string."""
    parts = dict(part.split("=") for part in server.split())
    subprocess.run(
        [BINARIES[-1].parent / "createdb", "-h", parts["host"], "-p", parts["port"], "-U", parts["user"], name],
        check=True,
    )
    return f"{server} dbname={name}"
