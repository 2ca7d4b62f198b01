"""The SQL of a contract is tried when the contract is linted, as a run evaluates it."""

from pathlib import Path

import pytest

from tests.support.contract_faults import H, column, dataset, several, sound, write
from warehouse.lint import lint

RULE = {"nama": "wajar", "sql": "harga <= 400000", "keterangan": "Harga wajar"}


def test_sql_over_the_contracts_columns_is_without_fault(tmp_path: Path) -> None:
    document = sound()
    metrics = {"rata": "avg(harga)", "pasar": "count(DISTINCT pasar)", "tiruan": "count(*) FILTER (_asal = 'tiruan')"}
    dataset(aturan_baris=[RULE, RULE | {"nama": "bertanggal", "sql": "tanggal > DATE '2020-01-01'"}], profil=metrics)(
        document
    )
    assert lint([write(tmp_path, document)]) == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("harga > 'murah'", "Could not convert"),
        ("1", "not true or false"),
        ("count(*) > 1", "GROUP BY"),
        ("harga > (SELECT 1 FROM lain)", "does not exist"),
        ("jumlah_baris > 1", "not found"),
    ],
)
def test_a_row_rule_is_a_true_or_false_over_the_columns_of_one_row(tmp_path: Path, sql: str, reason: str) -> None:
    document = sound()
    dataset(aturan_baris=[RULE | {"sql": sql}])(document)
    (told,) = lint([write(tmp_path, document)])
    assert told.key == "customProperties.aturan_baris.0.sql"
    assert reason in told.reason
    assert "LINE 1" not in told.reason


@pytest.mark.parametrize("sql", ["harga", "avg(pasar)", "count(*", "max(jumlah_baris)"])
def test_a_metric_is_an_aggregate_over_the_columns(tmp_path: Path, sql: str) -> None:
    document = sound()
    dataset(profil={"rata": sql})(document)
    assert [p.key for p in lint([write(tmp_path, document)])] == ["customProperties.profil.rata"]


def test_sql_is_not_blamed_for_a_column_whose_type_cannot_be_read(tmp_path: Path) -> None:
    document = sound()
    several(column(2, physicalType="FLOAT"), dataset(aturan_baris=[RULE]))(document)
    assert [p.key for p in lint([write(tmp_path, document)])] == [f"{H}.physicalType"]
