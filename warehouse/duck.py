"""DuckDB connections with the lake attached: extensions from wheels, safe settings, quoting.

Belongs here: how a connection is made. Does not belong here: what is read or written through it.
"""

import importlib
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

LAKE = "lake"
_IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


@dataclass(frozen=True)
class LakeConfig:
    """Where the lake is. `catalog` is `sqlite:<path>` or `postgres:<libpq string>`; `data_path` a folder or s3:// URL.

    `secret_sql` is a `CREATE SECRET …` statement for object storage, kept out of logs and reprs.
    """

    catalog: str
    data_path: str
    lock_path: Path
    memory_limit: str = "1GB"
    threads: int = 2
    secret_sql: str = field(default="", repr=False)

    @property
    def local_data(self) -> Path | None:
        """The data folder, or None when the data lies in object storage."""
        return None if "://" in self.data_path else Path(self.data_path)


def ident(name: str) -> str:
    """A quoted SQL name. Raises ValueError for anything but letters, digits and underscores."""
    if not _IDENTIFIER.match(name):
        raise ValueError(f"not a plain SQL name: {name!r}")
    return f'"{name}"'


def qualified(table: str) -> str:
    """`schema.table` as a quoted name inside the lake."""
    schema, _, name = table.partition(".")
    return f"{LAKE}.{ident(schema)}.{ident(name)}"


def literal(text: str) -> str:
    """A quoted SQL text, for the statements that take no parameters (COMMENT, ATTACH, LOAD)."""
    return "'" + text.replace("'", "''").replace("\x00", "") + "'"


@cache
def _extension(name: str) -> str:
    """Path of a DuckDB extension that came as a wheel. Raises RuntimeError when the wheel is not installed."""
    package = f"duckdb_extension_{name}"
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        raise RuntimeError(
            f"install the package {package.replace('_', '-')} (extra 'postgres' for PostgreSQL)"
        ) from None
    folder = Path(str(module.__file__)).parent / "extensions" / f"v{duckdb.__version__}"
    path = folder / f"{name}.duckdb_extension"
    if not path.is_file():
        raise RuntimeError(f"{package} holds no build for DuckDB {duckdb.__version__}; pin both to one version")
    return str(path)


def bare(config: dict[str, Any] | None = None, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection that never downloads or loads an extension by itself."""
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(Path(tempfile.gettempdir()) / "ssp-duckdb"),
    }
    con = duckdb.connect(database, config=settings | (config or {}))
    con.execute("SET TimeZone = 'UTC'")
    return con


def attach(config: LakeConfig, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection with the lake attached as `lake`. Readers are to use autocommit, one statement each."""
    con = bare({"memory_limit": config.memory_limit, "threads": config.threads, "preserve_insertion_order": True})
    con.execute(f"LOAD {literal(_extension('ducklake'))}")
    kind = config.catalog.partition(":")[0]
    con.execute(f"LOAD {literal(_extension({'sqlite': 'sqlite_scanner', 'postgres': 'postgres_scanner'}[kind]))}")
    if config.secret_sql:
        con.execute(f"LOAD {literal(_extension('httpfs'))}")
        con.execute(config.secret_sql)
    options = [f"DATA_PATH {literal(config.data_path.rstrip('/') + '/')}", "DATA_INLINING_ROW_LIMIT 0"]
    if kind == "sqlite":
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"]
    if read_only:
        options.append("READ_ONLY")
    con.execute(f"ATTACH {literal('ducklake:' + config.catalog)} AS {LAKE} ({', '.join(options)})")
    return con
