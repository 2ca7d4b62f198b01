"""How `ssp run` tells people at the end what it did: its table, the reasons of what failed, and the last line.

Does not belong here: what it did (`run_result.py`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ssp_pipeline.run_result import RunResult
from ssp_pipeline.screen import columns, plain


def report(result: RunResult) -> None:
    """The table at the end of a run, and what there is to say of it."""
    rows = [d.row() for d in result.datasets]
    width = columns() or _ANY
    console = Console(width=width)
    if rows:
        console.print(_closing_table(rows, wide=width >= _WIDE))
    for row in rows:
        if row["keterangan"]:
            console.print(f"[red]{row['dataset']}[/red]: {_shown(row['keterangan'])}", highlight=False)
    for error in result.model_errors:
        console.print(f"[red]model[/red] {_shown(error)}", highlight=False)
    made_up = sorted({o.asal for d in result.datasets for o in d.outcomes} & {"tiruan", "ulangan"})
    if made_up:
        console.print(f"Asal data: {' dan '.join(made_up)}, bukan ambilan langsung dari instansi.", highlight=False)
    if not rows:
        changed = sum(m.changed for m in result.models)
        text = f"{len(result.models)} model diperiksa, {_figure(changed)} partisi berubah"
    elif result.new_versions or result.new_blobs:
        text = f"{_figure(result.new_versions)} versi data baru, {_figure(result.new_blobs)} muatan baru di arsip"
    else:
        text = "Tidak ada versi data baru dan tidak ada muatan baru"
        if result.ok and not result.new_snapshot and result.release is None:
            text += ": semua sama dengan sebelumnya"
    if result.failed:
        text += f"; {_figure(result.failed)} dataset gagal, versi sebelumnya tetap berlaku"
    _tell_open_data(console, result)
    snapshot = f"; cuplikan {result.snapshot}{' (baru)' if result.new_snapshot else ''}" if result.snapshot else ""
    console.print(f"{text}{snapshot}. {_seconds(result.seconds)} detik.", highlight=False)


def _tell_open_data(console: Console, result: RunResult) -> None:
    """What was published, in a line, and each dataset that was not and why."""
    if not result.open_data:
        return
    counts = Counter(o.status for o in result.open_data)
    told = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in sorted(counts.items()))
    release = f"; rilis {result.release} (baru)" if result.release else ""
    console.print(f"Data terbuka: {told}{release}.", highlight=False)
    for one in result.open_data:
        if not one.ok:
            console.print(f"[red]terbuka/{one.dataset}[/red] {one.status}: {_shown(one.alasan)}", highlight=False)
        elif one.menunggu:
            console.print(
                f"terbuka/{one.dataset} menunggu: ssp approve {one.dataset} --oleh NAMA --alasan ALASAN",
                highlight=False,
            )


_WIDE = 112
"""Columns from which a line holds a dataset's full name; on narrower screens agencies stand on lines of their own."""


_ANY = 100_000
"""Columns where there is no terminal, and a line may be of any length."""


def _shown(text: str) -> str:
    """A text from elsewhere, whose brackets are no colours."""
    return escape(plain(text))


def _closing_table(rows: Sequence[dict[str, Any]], *, wide: bool) -> Table:
    """A line a dataset. Figures are never cut off: a long name or verdict goes on in the next line."""
    headings = ["Dataset", "Ditarik", "Diterima", "Karantina", "Partisi", "Terbaru", "Pemeriksaan", "Detik"]
    if not wide:
        headings = ["Dataset", "Ditarik", "Diterima", "Karant.", "Part.", "Terbaru", "Putusan", "Detik"]
    counts = ("ditarik", "diterima", "dikarantina", "partisi")
    table = Table(box=None, header_style="bold underline", pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(
            heading,
            justify="right" if number in (1, 2, 3, 4, 7) else "left",
            no_wrap=number not in (0, 6),
            overflow="fold",
            width=8 if number == 6 and not wide else None,
            min_width=5 if number == 7 else 18 if number == 0 else None,
        )
    agency = ""
    for row in rows:
        owner, name = row["dataset"].split(".", 1)
        if not wide and owner != agency:
            table.add_row(owner, style="bold")
            agency = owner
        verdict = row["putusan"].replace("_", " ")
        table.add_row(
            row["dataset"] if wide else Padding(name, (0, 0, 0, 1)),
            *(_figure(row[k]) for k in counts),
            row["terbaru"],
            verdict if wide or verdict != "tidak berubah" else "tetap",
            _seconds(row["detik"]),
            style="" if row["putusan"] in ("lulus", "tidak berubah") else "red",
        )
    sums = (_figure(sum(row[k] for row in rows)) for k in counts)
    table.add_row("Jumlah", *sums, "", "", _seconds(sum(row["detik"] for row in rows)), style="bold")
    return table


def _figure(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _seconds(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")
