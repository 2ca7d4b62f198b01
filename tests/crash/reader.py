"""A reader that polls lake and snapshot all the while, and knows what it may see.

Belongs here: looking and judging. Does not belong here: starting or killing the job.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tests.support.crash import Contents, Home, Shape, State, table_contents
from warehouse.duck import LakeUnreachable

_SNAPSHOT = "cuplikan "


class Reader(threading.Thread):
    """Looks at one table after the other, each in one statement, and now and then at the whole newest snapshot.

    A partition must be as it was before the round or as it should be after it, and never go back; a snapshot must
    be wholly the one or the other. What is neither, and every error, is a line in `faults`.
    """

    def __init__(self, home: Home, shape: Shape):
        super().__init__(name="reader", daemon=True)
        self.faults: list[str] = []
        self.looks = self.snapshots = 0
        self._home, self._shape = home, shape
        self._before: Contents = {}
        self._after: Contents = {}
        self._seen: set[tuple[str, str]] = set()
        self._gate = threading.Lock()
        self._over = threading.Event()
        self._kept: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def away(self, before: Contents, after: Contents) -> Iterator[None]:
        """Keep the reader out while a home is put in place; from then on it may see `before` and `after`."""
        with self._gate:
            self._drop()
            yield
            self._before, self._after = before, after
            self._seen.clear()

    def end(self) -> None:
        self._over.set()
        self.join(60)
        self._drop()

    def run(self) -> None:
        number = 0
        while not self._over.is_set():
            began = time.monotonic()
            with self._gate:
                tables = sorted(set(self._shape) & set(self._after), key=self._dull)
                if tables:
                    self._look(tables, number)
            number += 1
            # The machine belongs to the job: look a third of the time at most.
            self._over.wait(max(0.05, 2 * (time.monotonic() - began)))

    def _dull(self, table: str) -> bool:
        return self._before.get(table) == self._after.get(table)

    def _look(self, tables: list[str], number: int) -> None:
        changing = sum(not self._dull(t) for t in tables) or len(tables)
        table = tables[number % len(tables)] if number % 4 == 0 else tables[number % changing]
        try:
            if number % 15 == 0:
                self._judge_snapshot()
            else:
                self._judge(
                    table, table_contents(self._connection(fresh=number % 2 == 0), f"lake.{table}", self._shape[table])
                )
                self.looks += 1
        except (duckdb.Error, OSError, LakeUnreachable) as error:
            self._drop()
            if not self._may_lack(table, error):
                self.faults.append(f"reader: {table}: {type(error).__name__}: {str(error)[:300]}")

    def _may_lack(self, table: str, error: Exception) -> bool:
        """In a first run a table, and before it the lake, need not be there yet."""
        missing = (duckdb.CatalogException, duckdb.BinderException, duckdb.IOException, OSError, LakeUnreachable)
        return table not in self._before and isinstance(error, missing)

    def _connection(self, *, fresh: bool) -> duckdb.DuckDBPyConnection:
        """The lake, attached anew or long ago: a reader of either kind must see the newest whole state."""
        if fresh:
            self._drop()
        if self._kept is None:
            self._kept = self._home.lake()
        return self._kept

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _judge(self, table: str, found: dict[str, State]) -> None:
        before, after = self._before.get(table, {}), self._after[table]
        for part in before.keys() | after.keys() | found.keys():
            old, new, seen = before.get(part), after.get(part), found.get(part)
            if seen not in (old, new):
                self.faults.append(f"reader: {table} {part}: saw {seen}, may be {old} or {new}")
            elif old != new and seen == new:
                self._seen.add((table, part))
            elif old != new and (table, part) in self._seen:
                self.faults.append(f"reader: {table} {part}: went back to {old} from {new}")

    def _judge_snapshot(self) -> None:
        states = [
            {name.removeprefix(_SNAPSHOT): parts for name, parts in contents.items() if name.startswith(_SNAPSHOT)}
            for contents in (self._before, self._after)
        ]
        if not (self._home.path / "snapshots" / "latest.duckdb").is_symlink():
            if states[0]:
                self.faults.append("reader: the link to the newest snapshot is gone")
            return
        found: Contents = {}
        with self._home.snapshot() as con:
            for view in states[1]:
                found[view] = table_contents(con, view, self._shape.get(view))
        self.snapshots += 1
        if found not in states:
            self.faults.append("reader: the newest snapshot is neither the one before nor the one after this round")
