"""The process in which a public SELECT runs: it can do nothing else, and is killed when it takes too long.

Started by `sqlbox.py` with an empty environment; speaks length-prefixed JSON over its standard input and output, one
question at a time. Four walls stand around a query: the list of what may be asked (`sqlguard.py`), DuckDB's locked
settings (no file but the named parts, no extension, no spilling), limits of this process (memory, CPU time, no file of
any size may be written), and the clock of the parent.

Belongs here: running one query and making bytes of its rows. Does not belong here: who may ask, how often
(`limits.py`).
"""

import ctypes
import math
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson

from ssp_pipeline.portal.sqlguard import MOST_CHARACTERS, Refused, check

MOST_ROWS = 32_000
MOST_BYTES = 16 * 1024 * 1024
READY = b"!"
"""Said once, when questions can be taken."""

_BATCH = 500
_PARENT_DIED = 1
_NO_NEW_PRIVILEGES = 38
_CKAN_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "bool",
    "TINYINT": "int2",
    "SMALLINT": "int2",
    "INTEGER": "int4",
    "BIGINT": "int8",
    "HUGEINT": "numeric",
    "FLOAT": "float4",
    "DOUBLE": "float8",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "INTERVAL": "interval",
}


def _confine(memory_mb: int) -> None:
    """Limits of this process that it cannot lift again."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(_PARENT_DIED, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # DuckDB maps more than it uses; what it uses is bounded by its own setting, this is the wall behind it.
    space = (2 * memory_mb + 1024) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def _allow_cpu(seconds: float) -> None:
    """Processor time for one more query, should the parent not be there to end it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark


def open_tables(tables: dict[str, Any], used: Iterable[str], memory_mb: int) -> duckdb.DuckDBPyConnection:
    """A database of its own with one view a table that the query names, and every door shut."""
    chosen = {name: tables[name] for name in used}
    con = duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": 1,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "enable_external_file_cache": False,
            "preserve_insertion_order": True,
        }
    )
    con.execute("SET TimeZone = 'Asia/Jakarta'")
    paths = sorted({path for table in chosen.values() for path in table["paths"]})
    con.execute(f"SET allowed_paths = [{', '.join(_quoted(p, chr(39)) for p in paths)}]")
    con.execute("SET enable_external_access = false")
    for name, table in chosen.items():
        columns = ", ".join(_quoted(c, '"') for c in table["columns"])
        files = ", ".join(_quoted(p, "'") for p in table["paths"])
        source = f"read_parquet([{files}])"
        con.execute(f"CREATE VIEW {_quoted(name, chr(34))} AS SELECT {columns} FROM {source}")
    con.execute("SET lock_configuration = true")
    return con


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (set, frozenset)):
        return list(value)
    return str(value)


def _ckan_type(kind: str) -> str:
    return "numeric" if kind.startswith("DECIMAL") else _CKAN_TYPES.get(kind, "json")


def answer(question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Run a query. Gives facts (`ok`, `fields`, `truncated`, `tables`, or `error`) and the rows as JSON objects."""
    sql: str = question["sql"]
    if len(sql) > MOST_CHARACTERS:
        return {"ok": False, "error": f"lebih dari {MOST_CHARACTERS} karakter"}, b""
    try:
        with duckdb.connect(config={"python_enable_replacements": False}) as parser:
            row = parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        used = check(row[0] if row else "", question["tables"].keys())
        with open_tables(question["tables"], used, question["memory_mb"]) as con:
            return _rows(con.execute(sql), used)
    except Refused as error:
        return {"ok": False, "error": str(error), "refused": True}, b""
    except (duckdb.Error, MemoryError, RecursionError, ValueError, OverflowError) as error:
        missing = isinstance(error, duckdb.IOException)
        return {"ok": False, "error": _one_line(error), "missing": missing}, b""


def _rows(result: duckdb.DuckDBPyConnection, used: Iterable[str]) -> tuple[dict[str, Any], bytes]:
    names = _distinct([d[0] for d in result.description or ()])
    kinds = [_ckan_type(str(d[1])) for d in result.description or ()]
    keys = [orjson.dumps(name) for name in names]
    pieces: list[bytes] = []
    size, truncated = 0, False
    while batch := result.fetchmany(_BATCH):
        for row in batch:
            if len(pieces) == MOST_ROWS:
                truncated = True
                break
            cells = (k + b":" + orjson.dumps(v, default=_plain) for k, v in zip(keys, row, strict=True))
            pieces.append(b"{" + b",".join(cells) + b"}")
            size += len(pieces[-1])
            if size > MOST_BYTES:
                message = f"hasil lebih dari {MOST_BYTES // 1024 // 1024} MB; pilih kolom atau pakai LIMIT"
                return {"ok": False, "error": message}, b""
        if truncated:
            break
    fields = [{"id": n, "type": k} for n, k in zip(names, kinds, strict=True)]
    facts = {"ok": True, "fields": fields, "truncated": truncated, "tables": sorted(used)}
    return facts, b"[" + b",".join(pieces) + b"]"


def _distinct(names: list[str]) -> list[str]:
    """Column names, told apart: two equal keys in one JSON object would lose a value."""
    found: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def _one_line(error: BaseException) -> str:
    """DuckDB's message without the paths of this machine."""
    text = str(error).split("\n\n")[0].split("\nLINE ")[0].replace("\n", " ")
    if "/" in text and isinstance(error, duckdb.IOException):
        return "berkas data tidak terbaca"
    return text[:500] or type(error).__name__


def main() -> None:
    """Say that we are there, and answer questions until standard input ends. The first line in is the limits."""
    limits = orjson.loads(sys.stdin.buffer.readline())
    _confine(limits["memory_mb"])
    # The first query of a process loads time zones and the like; nobody's clock should run meanwhile.
    answer({"sql": "SELECT 1", "tables": {}, "memory_mb": limits["memory_mb"]})
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    tables: dict[str, Any] = {}
    while header := sys.stdin.buffer.read(4):
        question = orjson.loads(sys.stdin.buffer.read(struct.unpack(">I", header)[0]))
        if "tables" in question:
            tables = question["tables"]
        root = Path(limits["root"])
        named = {
            name: table | {"paths": [str(root / path) for path in table["paths"]]}
            for name, table in (tables | question.get("more", {})).items()
        }
        _allow_cpu(limits["seconds"])
        facts, rows = answer({"sql": question["sql"], "tables": named, "memory_mb": limits["memory_mb"]})
        head = orjson.dumps(facts)
        sys.stdout.buffer.write(struct.pack(">II", len(head), len(rows)) + head + rows)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
