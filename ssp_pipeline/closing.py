"""What a run did, and how `ssp run` tells it at the end: its table, the reasons of what failed, and the last line.

Does not belong here: running anything (`runner.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from assets.state import why
from connectors.conceal import brief
from ssp_pipeline.screen import columns, plain
from warehouse.ops import FILES, Outcome

if TYPE_CHECKING:
    from assets.open_data import Outcome as OpenOutcome
    from warehouse.build import Built

_REASONS = 5
"""Reasons that are told of a dataset."""


@dataclass
class DatasetResult:
    """What a run did to one dataset."""

    dataset: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and bool(self.outcomes) and all(o.ok for o in self.outcomes)

    def row(self) -> dict[str, Any]:
        done = [o for o in self.outcomes if not o.partisi.startswith(FILES)]
        partitions = [o for o in done if o.is_partition]
        newest = max((o.partisi for o in partitions if o.ok and (o.diterima or o.status != "kosong")), default="")
        bad = [o for o in self.outcomes if not o.ok]
        if self.error or not self.outcomes:
            verdict = "galat"
        elif bad:
            verdict = ", ".join(sorted({o.status for o in bad}))
        elif any(o.status == "diterima" for o in done):
            verdict = "lulus"
        else:
            verdict = "tidak berubah"
        return {
            "dataset": self.dataset,
            "ditarik": sum(o.ditarik for o in done),
            "diterima": sum(o.diterima for o in done),
            "dikarantina": sum(o.dikarantina for o in done),
            "partisi": len(partitions),
            "versi_baru": sum(o.status == "diterima" for o in done),
            "terbaru": newest,
            "putusan": verdict,
            "detik": round(self.seconds, 1),
            "keterangan": brief(self.error) or _reasons(bad),
        }


def _reasons(bad: Sequence[Outcome]) -> str:
    """Reasons with the partitions that failed for them, and in full what the newest of each says."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in sorted(bad, key=lambda o: o.partisi):
        groups.setdefault(outcome.alasan, []).append(outcome)
    told = []
    for reason, same in list(groups.items())[:_REASONS]:
        first, last = same[0].partisi, same[-1].partisi
        where = f"{first} … {last} ({len(same)})" if len(same) > 2 else ", ".join(o.partisi for o in same)
        told.append(f"{where}: {why(reason, same[-1].rincian)}")
    more = len(groups) - _REASONS
    return "; ".join([*told, f"dan {more} alasan lain"] if more > 0 else told)


@dataclass
class RunResult:
    """What a whole run did."""

    datasets: list[DatasetResult]
    models: "list[Built]" = field(default_factory=list)
    model_errors: list[str] = field(default_factory=list)
    snapshot: str = ""
    new_snapshot: bool = False
    open_data: "list[OpenOutcome]" = field(default_factory=list)
    release: int | None = None
    new_blobs: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.failed and not self.model_errors and all(o.ok for o in self.open_data)

    @property
    def failed(self) -> int:
        """Datasets of which something was not accepted."""
        return sum(not d.ok for d in self.datasets)

    @property
    def new_versions(self) -> int:
        return sum(o.status == "diterima" for d in self.datasets for o in d.outcomes)


def report(result: RunResult, *, as_json: bool) -> None:
    """The table at the end of a run, or the same as JSON."""
    rows = [d.row() for d in result.datasets]
    if as_json:
        import orjson

        summary = {
            "dataset": rows,
            "versi_baru": result.new_versions,
            "blob_baru": result.new_blobs,
            "cuplikan": result.snapshot,
            "cuplikan_baru": result.new_snapshot,
            "terbuka": [o.row() for o in result.open_data],
            "rilis": result.release,
            "galat_model": result.model_errors,
            "detik": round(result.seconds, 1),
        }
        print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
        return
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
