"""The event log of a SQLite instance, written faster than Dagster does it.

Opening the database anew for each event, and a transaction or two for each of a range's partitions, cost most of the
time of a run: connections are kept, and events that come together are written together. Does not belong here: where
the log lies (`dagster_storage.py`).
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

_JOINED = {DagsterEventType.ASSET_MATERIALIZATION.value, DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value}
"""Events that come one for each partition of a range."""


class EventLog(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated SQLite event log, with the same tables."""

    def __init__(self, base_dir: str):
        self._tables: set[str] = set()
        self._thread = threading.local()
        super().__init__(base_dir)

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
        under_way: sa.Connection | None = getattr(self._thread, "connection", None)
        if under_way is not None:
            yield under_way
            return
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether the table is there; asked of the database until it is."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction; those of one kind and asset in one statement."""
        groups: dict[tuple[str, str], list[EventLogEntry]] = {}
        for event in events:
            known = event.get_dagster_event()
            asset = known.asset_key.to_string() if known.asset_key else ""
            groups.setdefault((known.event_type_value, asset), []).append(event)
        with self._connect() as connection:
            self._thread.connection = connection
            try:
                for (kind, _), group in groups.items():
                    if kind in _JOINED:
                        self._store_joined(connection, group)
                    else:
                        for event in group:
                            self.store_event(event)
            finally:
                self._thread.connection = None

    def _store_joined(self, connection: sa.Connection, events: Sequence[EventLogEntry]) -> None:
        inserted = connection.execute(self.prepare_insert_event_batch(events).returning(sa.column("id")))
        # One statement numbers its rows in their order; the order in which RETURNING gives them is not promised.
        ids = sorted(int(row[0]) for row in inserted)
        self._store_asset_event_tags(connection, events, ids)
        # The asset's own row tells of its newest event.
        self._store_asset_event(connection, events[-1], ids[-1])

    def dispose(self) -> None:
        """Close the connections."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]
