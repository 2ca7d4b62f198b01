"""Dagster's storage by environment: SQLite in a folder, or PostgreSQL when SSP_DAGSTER_POSTGRES_URL names one.

Named by `dagster.yaml`, which has no way of its own to choose, and cannot read a secret from a file.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from dagster import StringSource
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from connectors.crashpoint import crashpoint
from connectors.durable import locked
from ssp_pipeline.event_log import EventLog
from ssp_pipeline.settings import load_settings

VARIABLE = "SSP_DAGSTER_POSTGRES_URL"


class StorageByEnvironment(DagsterStorage[Any], ConfigurableClass):
    """Gives the storage that the environment asks for; never an instance of itself."""

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        url = load_settings().secret(VARIABLE)
        if not url:
            return _SqliteStorage(config_value["base_dir"], inst_data)
        try:
            from dagster_postgres import DagsterPostgresStorage
        except ModuleNotFoundError:
            raise RuntimeError(
                f"{VARIABLE} is set, but dagster-postgres is not installed: install the extra 'postgres'"
            ) from None

        # SQLAlchemy takes a bare postgresql:// for psycopg 3; the driver installed here is psycopg2.
        url = re.sub("^postgres(ql)?://", "postgresql+psycopg2://", url)
        return DagsterPostgresStorage.from_config_value(inst_data, {"postgres_url": url})


class _SqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the event log in one database that is opened once."""

    _FOLDERS = ("history", "schedules", "events")
    _NEW = ".baru"

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None):
        base = Path(base_dir)
        if base.name != self._NEW:
            self._make_whole(base)
        # Dagster's own constructor would also make and open an event log of a database for each run.
        self.base_dir = base_dir
        self._inst_data = inst_data
        self._run_storage: Any = SqliteRunStorage.from_local(str(base / "history"))
        self._schedule_storage: Any = SqliteScheduleStorage.from_local(str(base / "schedules"))
        self._event_log_storage: Any = EventLog(str(base / "events"))
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    def _make_whole(self, base: Path) -> None:
        """Make databases that are not there yet, whole or not at all.

        Dagster takes a database file that is there for complete: a process that is killed while its first run makes
        the tables would leave an instance that fails for ever. So they are made aside and moved when finished.
        """
        if all((base / name).is_dir() for name in self._FOLDERS):
            return
        with locked(base / ".dagster.lock"):
            new = base / self._NEW
            shutil.rmtree(new, ignore_errors=True)
            _SqliteStorage(str(new), None).event_log_storage.dispose()
            crashpoint("dagster_storage.made")
            for name in self._FOLDERS:
                if not (base / name).is_dir():
                    (new / name).rename(base / name)
                    crashpoint("dagster_storage.moved")
            shutil.rmtree(new)
