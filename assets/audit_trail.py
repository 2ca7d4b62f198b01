"""The audit trail's lines, taken into the lake: each once, whatever is killed when.

The command centre appends lines to `<SSP_HOME>/jejak_audit/<YYYY-MM>.jsonl` and never waits for the lake. A line is
known by its file and the byte it begins at. Where to go on is read in the transaction that adds the lines, so a run
that is killed before its commit leaves nothing, and one after it finds them noted.

Belongs here: taking lines in. Does not belong here: writing them (`ssp_pipeline/command_centre/audit.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec

from assets.models import POOL, asset_key
from assets.sources import OpenWorkspace
from assets.workspace import Workspace
from warehouse import ops
from warehouse.duck import LAKE
from warehouse.transaction import Transaction

TRAIL = "ops.jejak_audit"
_NEWEST = f"SELECT berkas, max(posisi) FROM {LAKE}.{TRAIL} GROUP BY berkas"


class _Line(msgspec.Struct, frozen=True):
    nomor: str
    waktu: datetime
    peristiwa: str
    pengguna: str = ""
    peran: str = ""
    instansi: str = ""
    objek: str = ""
    rincian: str = ""
    alamat: str = ""


@dataclass(frozen=True)
class Taken:
    """`new` lines were added; `damaged` ones are there but cannot be read (the remains of a writer that was killed)."""

    new: int = 0
    damaged: int = 0


def take_in(workspace: Workspace) -> Taken:
    """Add the lines that the lake does not have yet to `ops.jejak_audit`."""
    folder = workspace.home / "jejak_audit"
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"))
    noted = dict(workspace.lake.query(_NEWEST).iter_rows()) if files else {}
    if not any(_has_more(path, noted.get(path.name)) for path in files):
        return Taken()

    def work(tx: Transaction) -> Taken:
        known = dict(tx.con.execute(_NEWEST).fetchall())
        rows, damaged = [], 0
        for path in files:
            for position, line in _after(path, known.get(path.name)):
                try:
                    facts = msgspec.structs.asdict(_lines.decode(line))
                except msgspec.MsgspecError:
                    damaged += 1
                    continue
                rows.append({**facts, "berkas": path.name, "posisi": position, "run_id": workspace.run_id})
        tx.append(TRAIL, ops.frame(TRAIL, rows))
        return Taken(len(rows), damaged)

    return workspace.lake.transaction(work, message="jejak audit")


_lines = msgspec.json.Decoder(_Line)


def _has_more(path: Path, newest: int | None) -> bool:
    return next(_after(path, newest), None) is not None


def _after(path: Path, newest: int | None) -> Iterator[tuple[int, bytes]]:
    """Whole lines behind the one that begins at `newest`, each with its position."""
    with path.open("rb") as file:
        if newest is not None:
            file.seek(newest)
            file.readline()
        position = file.tell()
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield position, line
            position += len(line)


def audit_asset(open_workspace: OpenWorkspace) -> dg.AssetsDefinition:
    """The trail of the command centre in the lake."""

    @dg.asset(
        key=asset_key(TRAIL),
        pool=POOL,
        group_name="ops",
        description="Jejak audit pusat komando: siapa masuk, siapa melihat muatan dan karantina, apa yang ditolak.",
        owners=["team:walidata"],
    )
    def jejak_audit() -> dg.MaterializeResult[Any]:
        taken = take_in(open_workspace())
        return dg.MaterializeResult(metadata={"baris_baru": taken.new, "baris_rusak": taken.damaged})

    return jejak_audit
