"""Where the table stands in a grid, by the contract's `berkas` layout: header, rows, totals, file-level values.

Belongs here: finding, and refusing files whose table cannot be told from what stands around it. Does not belong
here: the rows as a frame (`tables.py`), what of a file may be archived (`redact_tables.py`).

The table ends at the totals row, or at the first row whose first filled cell matches a `berhenti` pattern. What
follows — signatures with name and NIP — is never read. A file in which something like a NIP stands inside the table
is refused as a whole: its layout does not say where the table ends.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.api import PayloadError
from connectors.contract import Column, Contract
from connectors.contract.model import FileLayout
from connectors.read.cells import cell_text
from connectors.read.columns import refuse_missing, required_names, wire_names
from connectors.read.grid import Cell, Grid

NO_HEADER = "judul_tidak_ditemukan"
DOUBLE_HEADER = "judul_ganda"
SIGNATURE = "blok_tanda_tangan"
NO_TOTALS = "baris_total_tidak_ada"
ROWS_AFTER_END = "baris_setelah_akhir"
NO_FILE_VALUE = "isi_berkas_tidak_ditemukan"

_SEARCHED_ROWS = 30
_YMD = r"(?:19\d\d|20[0-2]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_NIP = re.compile(rf"^NIP\b|\b{_YMD}[ .]?(?:19|20)\d\d(?:0[1-9]|1[0-2])[ .]?[12][ .]?\d{{3}}\b", re.IGNORECASE)
_NUMBER_OF_KEY_COLUMNS = 2
"""A row below the end is one of the table's if all its required columns are filled, and there are this many."""

Position = tuple[int, int]


@dataclass(frozen=True)
class Table:
    """Positions (row, column, both from 0) of everything that the contract wants of a grid.

    `columns`: wire name → column. `unpivoted`: column → its header's text. `values`: wire name → file-level text.
    `misfits`: rows of a CSV with other cells than the header has, and how many. `labels`: cells beside the table's
    that must stay readable (header texts, file-level cells, the totals' label). `dropped`: header texts of columns
    that the contract does not have.
    """

    columns: dict[str, int]
    unpivoted: dict[int, str]
    rows: tuple[int, ...]
    misfits: dict[int, str]
    totals: int | None
    values: dict[str, str]
    labels: frozenset[Position]
    dropped: tuple[str, ...]

    @property
    def kept(self) -> frozenset[int]:
        """Columns of the grid that hold contract columns."""
        return frozenset((*self.columns.values(), *self.unpivoted))


def tidy(text: str | None) -> str:
    """One line, single blanks: how headers and patterns are compared."""
    return " ".join((text or "").replace("\ufeff", "").split())


def layout_of(contract: Contract) -> FileLayout:
    """The contract's file layout. Raises ValueError when it has none."""
    if contract.ext.berkas is None:
        raise ValueError(f"{contract.id} has no file layout (berkas)")
    return contract.ext.berkas


def column_called(contract: Contract, name: str) -> Column | None:
    """The column that a layout means by a name: its own name or its wire name."""
    return next((c for c in contract.columns if name in (c.name, c.wire)), None)


def wire_called(contract: Contract, name: str) -> str:
    column = column_called(contract, name)
    return column.wire if column else name


def position_of(reference: str) -> Position:
    """(row, column) from 0 of a cell such as "B2"."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(reference[len(letters) :]) - 1, column - 1


def looks_like_nip(value: Cell) -> bool:
    return isinstance(value, str) and _NIP.search(tidy(value)) is not None


class _Finder:
    def __init__(self, grid: Grid, contract: Contract, where: str) -> None:
        self.grid, self.contract, self.where = grid, contract, where
        self.layout = layout_of(contract)
        self.unpivot = self.layout.lebur
        self.labels: set[Position] = set()
        self.misfits: dict[int, str] = {}

    def fail(self, code: str, message: str) -> PayloadError:
        return PayloadError(f"{self.where}: {message}", code=code)

    def top_row(self) -> int:
        wanted = self.layout.judul
        if wanted.cari is None:
            return (wanted.baris or 1) - 1
        text = tidy(wanted.cari).casefold()
        for number, row in enumerate(self.grid.rows[:_SEARCHED_ROWS]):
            for column, value in enumerate(row):
                if tidy(cell_text(value)).casefold() == text:
                    self.labels.add((number, column))
                    return number
        raise self.fail(NO_HEADER, f"no cell '{wanted.cari}' in the first {_SEARCHED_ROWS} rows to tell the header by")

    def header(self, top: int) -> list[tuple[str, set[Position]]]:
        """Text of each column's header, and the cells it is made of."""
        height = self.layout.judul.tinggi
        rows = range(top, min(top + height, len(self.grid.rows)))
        width = max((len(self.grid.rows[r]) for r in rows), default=0)
        source: dict[Position, Position] = {}
        for (r1, c1), (r2, c2) in self.grid.merged:
            if r1 < top + height and r2 >= top:
                source |= {(r, c): (r1, c1) for r in range(r1, r2 + 1) for c in range(c1, c2 + 1)}
                width = max(width, c2 + 1)
        named = self.unpivot and column_called(self.contract, self.unpivot.kolom_nama)
        columns = []
        for column in range(width):
            parts: list[str] = []
            cells = set()
            for row in rows:
                cell = source.get((row, column), (row, column))
                if self.layout.format == "csv" and row < rows[-1]:
                    cell = self._filled_left(cell)
                text = tidy(cell_text(self.grid.cell(*cell), named or None))
                if text:
                    cells.add(cell)
                    if parts[-1:] != [text]:
                        parts.append(text)
            columns.append((" / ".join(parts), cells))
        return columns

    def _filled_left(self, cell: Position) -> Position:
        """CSV has no merged cells: an upper header stands over the blank cells to its right."""
        row, column = cell
        while column > 0 and self.grid.cell(row, column) is None:
            column -= 1
        return row, column

    def match(self, header: list[tuple[str, set[Position]]]) -> tuple[dict[str, int], dict[int, str], list[str]]:
        """Columns by wire name, columns to unpivot, and the texts of the others."""
        given = {wire_called(self.contract, name) for name in (*self.layout.isi_dari, *self.layout.isi_tetap)}
        if self.unpivot:
            given |= {wire_called(self.contract, n) for n in (self.unpivot.kolom_nama, self.unpivot.kolom_nilai)}
        wires = {tidy(wire): wire for wire in wire_names(self.contract) if wire not in given}
        columns: dict[str, int] = {}
        unpivoted: dict[int, str] = {}
        others = []
        for number, (text, cells) in enumerate(header):
            if text in wires:
                if wires[text] in columns:
                    raise self.fail(DOUBLE_HEADER, f"the column '{text}' stands twice in the header")
                columns[wires[text]] = number
            elif self.unpivot and text and re.search(self.unpivot.pola, text):
                unpivoted[number] = text
            else:
                others += [text] if text else []
                continue
            self.labels |= cells
        missing = [name for name in required_names(self.contract) if name not in given and name not in columns]
        refuse_missing(missing, others, self.where)
        if self.unpivot and not unpivoted:
            raise self.fail(NO_HEADER, f"no column header matches '{self.unpivot.pola}'")
        return columns, unpivoted, others

    def file_values(self) -> dict[str, str]:
        values = {}
        for name, wanted in self.layout.isi_dari.items():
            row, column = position_of(wanted.sel)
            for first, last in self.grid.merged:
                if first <= (row, column) <= last and first[1] <= column <= last[1]:
                    row, column = first
            text = tidy(cell_text(self.grid.cell(row, column), column_called(self.contract, name)))
            found = re.search(wanted.regex, text) if wanted.regex else re.search(".+", text)
            if found is None:
                wish = f"match '{wanted.regex}'" if wanted.regex else "hold a value"
                raise self.fail(NO_FILE_VALUE, f"cell {wanted.sel} ({name}) does not {wish}")
            if looks_like_nip(text):
                raise self.fail(SIGNATURE, f"cell {wanted.sel} ({name}) holds something like a NIP")
            values[wire_called(self.contract, name)] = found[1 if found.re.groups else 0].strip()
            self.labels.add((row, column))
        return values | {wire_called(self.contract, name): text for name, text in self.layout.isi_tetap.items()}

    def body(
        self, first: int, kept: frozenset[int], columns: dict[str, int], width: int
    ) -> tuple[list[int], int | None]:
        """Numbers of the table's rows, and of the totals row."""
        rows: list[int] = []
        for number, cell, text in self._filled_rows(first):
            if self.layout.total and re.search(self.layout.total, text, re.IGNORECASE):
                self.labels.add(cell)
                self._nothing_after(number, columns)
                return rows, number
            if any(re.search(pattern, text, re.IGNORECASE) for pattern in self.layout.berhenti):
                if looks_like_nip(text):
                    raise self.fail(
                        SIGNATURE,
                        f"the table's end is only told by a NIP (row {number + 1}); "
                        "`berhenti` must match the first row of the signature block",
                    )
                self._nothing_after(number, columns)
                break
            self._no_signature(number, kept, columns)
            cells = self.grid.rows[number]
            if self.layout.format == "csv" and (len(cells) < width or any(v is not None for v in cells[width:])):
                self.misfits[number] = f"{len(cells)} sel, judul {width}"
            if number in self.misfits or any(self.grid.cell(number, column) is not None for column in kept):
                rows.append(number)
        if self.layout.total:
            raise self.fail(NO_TOTALS, f"no totals row ('{self.layout.total}'): the file may be cut off")
        return rows, None

    def _filled_rows(self, first: int) -> Iterator[tuple[int, Position, str]]:
        """Rows from `first` with any content: number, position and text of the first filled cell."""
        for number in range(first, len(self.grid.rows)):
            for column, value in enumerate(self.grid.rows[number]):
                if value is not None:
                    yield number, (number, column), tidy(cell_text(value))
                    break

    def _required(self, columns: dict[str, int]) -> list[int]:
        return [columns[c.wire] for c in self.contract.columns if c.required and c.wire in columns]

    def _nothing_after(self, end: int, columns: dict[str, int]) -> None:
        required = self._required(columns)
        if len(required) < _NUMBER_OF_KEY_COLUMNS:
            return
        for number in range(end + 1, len(self.grid.rows)):
            if all(self.grid.cell(number, column) is not None for column in required):
                raise self.fail(
                    ROWS_AFTER_END,
                    f"row {number + 1} is filled like a row of the table, below its end in row {end + 1}",
                )

    def _no_signature(self, number: int, kept: frozenset[int], columns: dict[str, int]) -> None:
        private = {
            columns[c.wire] for c in self.contract.columns if c.classification == "private" and c.wire in columns
        }
        required = self._required(columns)
        a_row = not required or any(self.grid.cell(number, column) is not None for column in required)
        for column, value in enumerate(self.grid.rows[number]):
            if looks_like_nip(value) and column not in private and (column in kept or not a_row):
                raise self.fail(
                    SIGNATURE,
                    f"something like a NIP stands in row {number + 1}, inside the table; "
                    "`berhenti` must match the first row of the signature block",
                )


def locate(grid: Grid, contract: Contract, where: str) -> Table:
    """Find the contract's table in a grid. Raises PayloadError with the reason when it is not clearly there."""
    finder = _Finder(grid, contract, where)
    top = finder.top_row()
    header = finder.header(top)
    columns, unpivoted, others = finder.match(header)
    values = finder.file_values()
    kept = frozenset((*columns.values(), *unpivoted))
    rows, totals = finder.body(top + finder.layout.judul.tinggi, kept, columns, len(header))
    return Table(
        columns=columns,
        unpivoted=unpivoted,
        rows=tuple(rows),
        misfits=finder.misfits,
        totals=totals,
        values=values,
        labels=frozenset(finder.labels),
        dropped=tuple(others),
    )
