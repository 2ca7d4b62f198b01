"""A lake in a temporary folder, contracts for it, and frames to put in, for tests of the warehouse."""

import atexit
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from connectors.contract import Contract, load_contract
from connectors.read.conform import REJECTED_SCHEMA
from tests.support.reading import column, make_contract
from warehouse import ops
from warehouse.checks import Checker
from warehouse.duck import LakeConfig
from warehouse.lake import Lake
from warehouse.stage import Staged, content_digest, with_partition

DAY = date(2026, 11, 16)


def days(count: int, start: date = DAY) -> list[date]:
    return [start + timedelta(days=n) for n in range(count)]


def config(home: Path, **more: Any) -> LakeConfig:
    """An embedded lake below `home`."""
    return LakeConfig(**{"catalog": f"sqlite:{home / 'katalog.sqlite'}", "data_path": str(home / "data"),
                         "lock_path": home / "penulis.lock"} | more)  # fmt: skip


def open_lake(home: Path, **more: Any) -> Lake:
    home.mkdir(parents=True, exist_ok=True)
    return Lake(config(home), **more)


def price_contract(folder: Path, dataset: str = "harga", **extension: Any) -> Contract:
    """Prices by day and market; extension settings as in a contract."""
    return make_contract(
        folder,
        column("tanggal", "date", key=True, partisi=True),
        column("pasar", key=True),
        column("harga", "decimal", satuan="Rp/kg"),
        dataset=dataset,
        **{"boleh_kosong": True} | extension,
    )


def with_checks(contract: Contract, *checks: dict[str, Any]) -> Contract:
    """The same contract with declared expectations."""
    document = yaml.safe_load(contract.path.read_text())
    document["schema"][0]["quality"] = list(checks)
    contract.path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_contract(contract.path)


def expect(name: str, kind: str, *, severity: str = "error", tingkat: str = "baris", **kwargs: Any) -> dict[str, Any]:
    """A declared expectation; `kind` without its leading "expect_"."""
    return {
        "name": name,
        "type": "custom",
        "engine": "greatExpectations",
        "severity": severity,
        "description": f"Pemeriksaan {name}",
        "customProperties": [{"property": "tingkat", "value": tingkat}],
        "implementation": {"type": f"expect_{kind}", "kwargs": kwargs},
    }


@cache
def shared_checker() -> Checker:
    """One check process for all tests of a run: importing Great Expectations takes seconds."""
    checker = Checker()
    checker.start()
    atexit.register(checker.close)
    return checker


def staged(contract: Contract, cells: Iterable[tuple[date, str, Any]], *, cover: Sequence[date] = ()) -> Staged:
    """Prices as a pull would stage them; `cover`: the days asked for, if not those of the rows."""
    rows = with_partition(contract, price_rows(contract, cells))
    keys = [d.isoformat() for d in cover] or sorted(rows["_partisi"].unique())
    return Staged(keys, rows, rejected_rows())


def rejected_rows(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Rejected rows: (partition, reason, content)."""
    return pl.DataFrame(
        [(partition, "b" * 64, n, "harga", reason, "", content) for n, (partition, reason, content) in enumerate(rows)],
        schema={"_partisi": pl.String, **REJECTED_SCHEMA},
        orient="row",
    )


def price_rows(contract: Contract, cells: Iterable[tuple[date, str, Any]], asal: str = "tiruan") -> pl.DataFrame:
    """Rows of a price contract, with lineage."""
    return pl.DataFrame(
        [(day, market, None if price is None else Decimal(str(price)), "a" * 64, n, asal)
         for n, (day, market, price) in enumerate(cells)],
        schema=contract.schema(),
        orient="row",
    )  # fmt: skip


def outcome(contract: Contract, day: date | str, rows: pl.DataFrame | None = None, **more: Any) -> ops.Outcome:
    """An accepted outcome of a partition, with the digest of its rows."""
    moment = more.pop("waktu", None) or datetime.now(UTC)
    given = rows if rows is not None else pl.DataFrame(schema=contract.schema())
    values: dict[str, Any] = {
        "status": "diterima",
        "digest_isi": content_digest(contract, given),
        "ditarik": given.height,
        "diterima": given.height,
        "mulai": moment,
        "selesai": moment,
        "kontrak": contract.digest,
    }
    return ops.Outcome(run_id="uji", dataset=contract.id, partisi=str(day), **values | more)


def commit(lake: Lake, contract: Contract, partitions: Mapping[date, Sequence[tuple[str, Any]]]) -> None:
    """Replace price partitions: day → (market, price) pairs."""
    rows = price_rows(contract, [(day, *pair) for day, pairs in partitions.items() for pair in pairs])
    outcomes = [outcome(contract, day, rows.filter(pl.col("tanggal") == day)) for day in partitions]
    nothing = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])
    lake.commit(contract, outcomes, rows, *nothing)


def contents(lake: Lake, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of a table in a stable order."""
    schema, _, name = table.partition(".")
    chosen = ", ".join(columns) or "*"
    return lake.query(f'SELECT {chosen} FROM lake."{schema}"."{name}" ORDER BY ALL').rows()


def data_files(home: Path) -> set[Path]:
    """Every Parquet file below a lake's folder."""
    return set((home / "data").rglob("*.parquet"))
