"""DuckDB connections with the lake attached: extensions from wheels, safe settings, quoting.

Belongs here: how a connection is made. Does not belong here: what is read or written through it.
"""

import importlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

LAKE = "lake"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PASSWORD = re.compile(r"(password\s*=\s*)(?:'[^']*'|[^\s\"]+)", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")
_CATALOGS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}
_MOVED = (
    "A lake stays where it was made: put its folder back there, or keep archive/ and keys/ alone and rebuild it here "
    "(ssp replay --rebuild)"
)
_BATCH_ROWS = 122_880
"""A row group of DuckDB's: a batch fills one."""
_EXTRAS = {"postgres_scanner": " (it comes with the extra 'postgres')"}


class LakeUnreachable(RuntimeError):
    """The lake's catalogue or its storage cannot be opened; the message holds no password."""


@dataclass(frozen=True)
class LakeConfig:
    """Where the lake is. `catalog` is `sqlite:<path>` or `postgres:<libpq string>`; `data_path` a folder or s3:// URL.

    `secret_sql` is a `CREATE SECRET …` statement for object storage; it and the catalogue's address, which may
    hold a password, are kept out of reprs. Raises ValueError for a catalogue of another kind.
    """

    catalog: str = field(repr=False)
    data_path: str
    lock_path: Path
    memory_limit: str = "1GB"
    threads: int = 2
    secret_sql: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _CATALOGS:
            raise ValueError(f"the lake's catalogue is sqlite:<path> or postgres:<libpq string>, not '{self.kind}:…'")

    @property
    def kind(self) -> str:
        """`sqlite` or `postgres`."""
        return self.catalog.partition(":")[0]

    @property
    def extensions(self) -> list[str]:
        """DuckDB's extensions that a connection to the lake has."""
        return ["ducklake", _CATALOGS[self.kind], *([] if self.local_data else ["httpfs"])]

    @property
    def local_data(self) -> Path | None:
        """The data folder, or None when the data lies in object storage."""
        return None if "://" in self.data_path else Path(self.data_path)


def ident(name: str) -> str:
    """A quoted SQL name. Raises ValueError for anything but letters, digits and underscores."""
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain SQL name: {name!r}")
    return f'"{name}"'


def qualified(table: str) -> str:
    """`schema.table` as a quoted name inside the lake. Raises ValueError."""
    schema, _, name = table.partition(".")
    return f"{LAKE}.{ident(schema)}.{ident(name)}"


def literal(text: str) -> str:
    """A quoted SQL text, for the statements that take no parameters (COMMENT, ATTACH, LOAD). Raises ValueError."""
    if "\x00" in text:
        raise ValueError("a text for SQL holds a NUL character")
    return "'" + text.replace("'", "''") + "'"


@cache
def _extension(name: str) -> str:
    """Path of a DuckDB extension that came as a wheel. Raises RuntimeError when the wheel is not installed."""
    package = f"duckdb_extension_{name}"
    wheel = f"{package.replace('_', '-')}=={duckdb.__version__}"
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        raise RuntimeError(f"the lake needs the package {wheel}: install it{_EXTRAS.get(name, '')}") from None
    folder = Path(str(module.__file__)).parent / "extensions" / f"v{duckdb.__version__}"
    path = folder / f"{name}.duckdb_extension"
    if not path.is_file():
        raise RuntimeError(f"{package} holds no build for DuckDB {duckdb.__version__}: install {wheel}")
    return str(path)


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension from its wheel; DuckDB looks at its signature, and for that at all its bytes, unless `con` was
    made for it (`bare`). Raises RuntimeError when the wheel is not installed."""
    con.execute(f"LOAD {literal(_extension(name))}")


def arrow(frame: pl.DataFrame) -> Any:
    """A frame as an Arrow table that DuckDB can read, without a copy of its texts.

    DuckDB gives each of its threads a batch at a time, so a frame in one piece would be the work of one thread.
    """
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    return type(table).from_batches(table.to_batches(max_chunksize=_BATCH_ROWS), table.schema)


def bare(
    config: dict[str, Any] | None = None,
    database: str = ":memory:",
    *,
    extensions: Sequence[str] = (),
    closed: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A connection that never downloads or loads an extension by itself.

    `extensions`: those it has, from their wheels. Their signatures are not looked at: the installer has compared the
    wheels with the hashes in `requirements.txt`, and to hash 70 MB for each connection costs a quarter of a second.
    What is loaded later has to be signed again; `ssp doctor` looks at the signatures of these.
    `closed`: expressions that come out of contracts run in it, so it can reach neither files nor the network and
    its settings can no longer be changed.
    """
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": _spill_folder(),
    }
    paths = [_extension(name) for name in extensions]
    if paths:
        settings["allow_unsigned_extensions"] = True
    con = duckdb.connect(database, config=settings | (config or {}))
    if paths:
        try:
            for path in paths:
                con.execute(f"LOAD {literal(path)}")
        except BaseException:
            con.close()
            raise
        con.execute("SET allow_unsigned_extensions = false")
    con.execute("SET TimeZone = 'UTC'")
    # DuckDB would draw it on stdout, where the commands write their answers.
    con.execute("SET enable_progress_bar = false")
    if closed:
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
    return con


def _spill_folder() -> str:
    """Where DuckDB spills what does not fit into memory: a folder of this user only, for it may hold private rows."""
    folder = Path(tempfile.gettempdir()) / f"ssp-duckdb-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RuntimeError(f"{folder} must be a folder of this user with mode 0700: remove it, then try again")
    return str(folder)


def attach(config: LakeConfig, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection with the lake attached as `lake`. Readers are to use autocommit, one statement each.

    Raises RuntimeError when an extension's package is not installed, LakeUnreachable when the lake cannot be opened.
    """
    con = bare(
        {
            "memory_limit": config.memory_limit,
            "threads": config.threads,
            "preserve_insertion_order": True,
            # Rows of a partitioned table are gathered before they are written; of fewer the memory is used again.
            "partitioned_write_flush_threshold": _BATCH_ROWS,
        },
        extensions=config.extensions,
    )
    try:
        if config.secret_sql:
            _create_secret(con, config.secret_sql)
        options = [f"DATA_PATH {literal(config.data_path.rstrip('/') + '/')}", "DATA_INLINING_ROW_LIMIT 0"]
        if config.kind == "sqlite":
            options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"]
        if read_only:
            options.append("READ_ONLY")
        _attach(con, f"ATTACH {literal('ducklake:' + config.catalog)} AS {LAKE} ({', '.join(options)})")
    except BaseException:
        con.close()
        raise
    return con


def _create_secret(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        con.execute(sql)
    except duckdb.Error as error:
        # DuckDB quotes the statement in its messages.
        raise LakeUnreachable(f"the secret for object storage was refused ({type(error).__name__})") from None


def _attach(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        con.execute(sql)
    except duckdb.Error as error:
        text = _URL_PASSWORD.sub(r"\1***@", _PASSWORD.sub(r"\1***", str(error))).splitlines()[0]
        advice = f". {_MOVED}" if "does not match existing data path" in text else ""
        raise LakeUnreachable(f"the lake cannot be opened: {text.rstrip('.')}{advice}") from None
