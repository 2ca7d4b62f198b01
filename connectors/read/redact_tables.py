"""What of an office's file may be archived: the contract's columns of its table, and nothing else.

Belongs here: blanking a file before it is written anywhere. Does not belong here: JSON (`redaction.py`), reading
(`tables.py`).

Columns outside the contract, everything below the table (signatures with name and NIP), titles that the layout does
not read, other sheets, comments, authors and formulas are gone. Cells keep their places, so that the layout reads
the archived file as it reads the original; that it does is checked each time.
"""

from dataclasses import dataclass

from connectors.api import PayloadError
from connectors.contract import Contract
from connectors.read.grid import Cell, Grid, read_grid, write_csv, write_xlsx
from connectors.read.layout import Table, layout_of, locate

AMBIGUOUS = "tata_letak_taksa"
MASK = "***"


@dataclass(frozen=True)
class RedactedFile:
    """`body` may be archived. `dropped`: header texts of the columns that were cut."""

    body: bytes
    dropped: tuple[str, ...]


def _kept(grid: Grid, table: Table, *, hide_misfits: bool) -> Grid:
    kept = table.kept
    rows: list[list[Cell]] = []
    last = table.totals if table.totals is not None else max(table.rows, default=0)
    last = max(last, *(row for row, _ in table.labels)) if table.labels else last
    wanted = {*table.rows} | ({table.totals} if table.totals is not None else set())
    for number, row in enumerate(grid.rows[: last + 1]):
        if number in table.misfits:
            # Its cells have slipped, so what stands in an allowed column may be another column's. What stands beyond
            # the header stays filled, or the row would fit once it is cut.
            filled = [None if value is None else MASK for value in row]
            allowed = [value if column in kept else filled[column] for column, value in enumerate(row)]
            rows.append([MASK] * len(row) if hide_misfits else allowed)
            continue
        rows.append(
            [
                value if (number, column) in table.labels or (number in wanted and column in kept) else None
                for column, value in enumerate(row)
            ]
        )
    merged = [
        (first, end)
        for first, end in grid.merged
        if first in table.labels and not any(first[0] <= row <= end[0] for row in wanted)
    ]
    return Grid(rows, merged, grid.newline)


def redact_file(body: bytes, contract: Contract, where: str) -> RedactedFile:
    """The file with only what the contract allows, in its own format; the same cells give the same bytes.

    A CSV in which nothing has to go keeps its bytes. Raises PayloadError as reading would, and when the file would
    read otherwise once it is cut: then nothing of it may be archived.
    """
    layout = layout_of(contract)
    grid = read_grid(body, layout, where)
    table = locate(grid, contract, where)
    is_csv = layout.format == "csv"
    cut = _kept(grid, table, hide_misfits=bool(table.dropped))
    if is_csv and cut.rows == grid.rows:
        return RedactedFile(body, ())
    again = locate(cut, contract, where)
    if (again.rows, again.misfits, again.totals, again.columns, again.unpivoted, again.values) != (
        table.rows,
        table.misfits,
        table.totals,
        table.columns,
        table.unpivoted,
        table.values,
    ):
        raise PayloadError(
            f"{where}: without the columns outside the contract the table reads otherwise; "
            "`berhenti` or `total` matches a cell inside it",
            code=AMBIGUOUS,
        )
    return RedactedFile(write_csv(cut, layout) if is_csv else write_xlsx(cut, layout), table.dropped)
