"""The table of a dataset: how its contract wants it, and what is done when it is otherwise.

Belongs here: columns, notes and the refusal of changes. Does not belong here: when tables are made (`lake.py`).
"""

from connectors.contract import Contract
from warehouse.transaction import Shape, Transaction

_LINEAGE_SQL = {"_payload": "VARCHAR", "_baris": "INTEGER", "_asal": "VARCHAR"}
_LINEAGE_COMMENTS = {
    "_payload": "sha256 muatan di arsip asal baris ini",
    "_baris": "Nomor baris dalam muatan, mulai dari 0",
    "_asal": "Asal data: resmi, tiruan (instansi tiruan) atau ulangan (deret nyata yang diputar ulang)",
}


class LakeSchemaError(RuntimeError):
    """A contract asks for a change of a table that is not made in place."""


def _noted(description: str, unit: str | None) -> str:
    return f"{description} [{unit}]" if unit else description


def source_shape(contract: Contract) -> Shape:
    """The table as the contract wants it: its columns and those of lineage, with what they mean and their units."""
    return Shape(
        columns={c.name: c.sql_type for c in contract.columns} | _LINEAGE_SQL,
        comments={c.name: _noted(c.description, c.ext.satuan) for c in contract.columns} | _LINEAGE_COMMENTS,
        comment=f"{contract.title}. {contract.granularity}",
        partition=contract.partition_column,
    )


def differs(have: Shape | None, wanted: Shape) -> bool:
    """Whether a table is still to be made or to be changed; columns that it has beyond what is wanted may stay."""
    if have is None or (have.partition, have.comment) != (wanted.partition, wanted.comment):
        return True
    return not (wanted.columns.items() <= have.columns.items() and wanted.comments.items() <= have.comments.items())


def refuse_changes(table: str, have: Shape | None, wanted: Shape) -> None:
    """Raise LakeSchemaError for a column of another type and another partitioning."""
    if have is None:
        return
    faults = [
        f"{name} is {have.columns[name]}, contract says {sql}"
        for name, sql in wanted.columns.items()
        if have.columns.get(name, sql) != sql
    ]
    if have.partition != wanted.partition:
        faults.append(f"it is partitioned by {have.partition}, contract says {wanted.partition}")
    if faults:
        raise LakeSchemaError(
            f"{table}: this is not changed in place: {'; '.join(faults)}. Give a column of another type a new name, "
            "or rebuild the lake from the archive (ssp replay --rebuild)."
        )


def bring_up(tx: Transaction, table: str, have: Shape | None, wanted: Shape) -> None:
    """Make the table, or add the columns and notes that it lacks."""
    if have is None:
        tx.create_table(table, wanted.columns, wanted.partition)
        tx.comment(table, wanted.comment, wanted.comments)
        return
    tx.add_columns(table, {n: sql for n, sql in wanted.columns.items() if n not in have.columns})
    tx.comment(table, wanted.comment, {n: t for n, t in wanted.comments.items() if have.comments.get(n) != t})
