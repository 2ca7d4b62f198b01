"""Dagster's storage by environment: SQLite in a folder, or PostgreSQL when SSP_DAGSTER_POSTGRES_URL names one.

Named by `dagster.yaml`, which has no way of its own to choose. The URL is read here so that it stays out of files.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import StringSource
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

VARIABLE = "SSP_DAGSTER_POSTGRES_URL"


class StorageByEnvironment(DagsterStorage[Any], ConfigurableClass):
    """Gives the storage that the environment asks for; never an instance of itself."""

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        url = os.environ.get(VARIABLE)
        if not url:
            return _SqliteStorage(config_value["base_dir"], inst_data)
        from dagster_postgres import DagsterPostgresStorage

        # SQLAlchemy takes a bare postgresql:// for psycopg 3; the driver installed here is psycopg2.
        url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
        return DagsterPostgresStorage.from_config_value(inst_data, {"postgres_url": url})


class _SqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the event log in one database that is opened once."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None):
        super().__init__(base_dir, inst_data)
        self._event_log_storage: Any = _EventLog(str(Path(base_dir) / "events"))


class _EventLog(ConsolidatedSqliteEventLogStorage):
    """Keeps its connections: opening the database anew costs most of the time of each of a run's many events."""

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = sa.create_engine(self._conn_string, connect_args={"timeout": 60, "check_same_thread": False})

        @sa.event.listens_for(engine, "connect")
        def settings(connection: Any, _record: Any) -> None:
            # In WAL mode a power cut may lose the newest events, never the database; the lake has its own record.
            connection.execute("PRAGMA synchronous=NORMAL")

        return engine

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]
