"""Dagster's storage by environment: SQLite in a folder, or PostgreSQL when SSP_DAGSTER_POSTGRES_URL names one.

Named by `dagster.yaml`, which has no way of its own to choose. The URL is read here so that it stays out of files.
"""

import os
from typing import Any

from dagster import StringSource
from dagster._core.storage.base_storage import DagsterStorage
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
            return DagsterSqliteStorage(base_dir=config_value["base_dir"], inst_data=inst_data)
        from dagster_postgres import DagsterPostgresStorage

        # SQLAlchemy takes a bare postgresql:// for psycopg 3; the driver installed here is psycopg2.
        url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
        return DagsterPostgresStorage.from_config_value(inst_data, {"postgres_url": url})
