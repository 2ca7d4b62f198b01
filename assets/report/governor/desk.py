"""The desk that makes reports: from the lake to a version that is never written again, its mail, and its revisions.

    <home>/laporan/<jenis>/<tanggal>/v<n>/   masukan.json, angka.json, laporan.pdf, surat.html, surat.txt, kartu.png,
                                             surat.eml, and perubahan.json in a revision

The same date, rows and notes make no new version. Belongs here: this order, remaking from kept inputs, and queueing.
Does not belong here: what is said (`content.py`), sending (`assets/delivery/`), what somebody of the staff may say
(`staff.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from assets.delivery.mail import build_mail
from assets.delivery.post import Postal
from assets.delivery.recipients import load_recipients
from assets.report.charts import SHARED_VIEWS, find_charts
from assets.report.governor import content, publication, render, staff
from assets.report.governor.as_of import MADE_AT, AsOf, cut_at
from assets.report.governor.book import Figure
from assets.report.governor.inputs import Inputs, Kind, dump, load, read
from assets.timeliness import WIB
from connectors.durable import locked
from connectors.registry import Registry
from warehouse import outbox
from warehouse.figures import long_date
from warehouse.lake import Lake
from warehouse.modelling import find_models
from warehouse.versioned import Version, newest, publish

INPUTS, FIGURES, CHANGES, MAIL = "masukan.json", "angka.json", "perubahan.json", "surat.eml"


@dataclass(frozen=True)
class Desk:
    """What making reports needs. `exact`: the clock is the real one (see `as_of.cut_at`); `public`: the root of open
    data; `postal`: whose recipients and outbox a report goes to."""

    lake: Lake
    registry: Registry
    shared_models: Path
    home: Path
    public: Path
    province: str
    today: date
    exact: bool
    postal: Postal
    run_id: str


@dataclass(frozen=True)
class Made:
    """What making came to: the newest version, whether it is new, and how many mails were queued."""

    version: Version
    new: bool
    figures: int
    queued: int = 0
    held_by: str = ""


def folder_of(home: Path, kind: Kind, day: date) -> Path:
    """Where the versions of a report are."""
    return home / "laporan" / kind / day.isoformat()


def period_day(kind: Kind, day: date) -> date:
    """The date that names the report which tells of a day: the day, its Monday, or the first of its month."""
    if kind == "mingguan":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if kind == "bulanan" else day


def make(desk: Desk, kind: Kind, day: date) -> Made:
    """Make the report of a date from the lake, or a revision of it. Raises RenderError, LakeWriteError, OSError."""
    root = folder_of(desk.home, kind, day)
    before = newest(root)
    kept = load((before.folder / INPUTS).read_bytes()) if before else None
    contracts = desk.registry.contracts
    cut = cut_at(day, contracts, exact=desk.exact, seen=kept.facts["terlihat"] if kept else None)
    models = find_models(desk.registry.roots, desk.shared_models)
    views = AsOf(desk.lake, cut, models, contracts, desk.registry.agencies)
    inputs = read(views, kind, day, {"provinsi": desk.province})
    if kind != "harian":
        # A revision tells of the release that the first version told of, as of no other partition that came since.
        released = kept.tables.get(publication.TABLE) if kept else None
        told = publication.published(desk.public) if released is None else released
        inputs = replace(inputs, tables={**inputs.tables, publication.TABLE: told})
    return _issue(desk, root, replace(inputs, notes=staff.notes(staff.said(root))), before, kept)


def make_again(desk: Desk, kind: Kind, day: date) -> Made | None:
    """The newest version once more from its kept rows with what staff said since; None before the first version."""
    root = folder_of(desk.home, kind, day)
    before = newest(root)
    if before is None:
        return None
    kept = load((before.folder / INPUTS).read_bytes())
    return _issue(desk, root, replace(kept, notes=staff.notes(staff.said(root)), changes={}), before, kept)


def _issue(desk: Desk, root: Path, inputs: Inputs, before: Version | None, kept: Inputs | None) -> Made:
    if before is not None and kept is not None and before.digest != inputs.digest:
        inputs = replace(inputs, changes=changes(kept, inputs, before.name))
    said = content.build(inputs)

    def finish(folder: Path, number: int) -> None:
        charts = find_charts(desk.registry.roots, SHARED_VIEWS)
        files = render.render(inputs, said, f"v{number}", charts)
        files[INPUTS] = dump(inputs)
        files[FIGURES] = orjson.dumps(content.as_records(said.figures), option=orjson.OPT_INDENT_2)
        files[MAIL] = _mail(desk.postal, inputs, files, number)
        if inputs.changes:
            files[CHANGES] = orjson.dumps(inputs.changes, option=orjson.OPT_INDENT_2)
        for name, data in files.items():
            (folder / name).write_bytes(data)

    version, new = publish(root, lambda _: inputs.digest, finish)
    queued, held_by = send(desk, inputs.kind, inputs.day)
    return Made(version, new, len(said.figures), queued, held_by)


def key_of(kind: Kind, day: date, version: str) -> str:
    """The key of a version's mail in the outbox."""
    return f"{kind}/{day.isoformat()}/{version}"


def send(desk: Desk, kind: Kind, day: date) -> tuple[int, str]:
    """Queue the newest version's mail in the place of older ones that are not sent yet; gives the number and who holds
    it.

    A held report takes all its waiting mails back. One of a past date goes out only if it was queued before. One
    process at a time: what another one queues, somebody who holds the report meanwhile takes back after it.
    """
    root = folder_of(desk.home, kind, day)
    with locked(root / ".surat"):
        version = newest(root)
        return _queue(desk, kind, day, version) if version else (0, "")


def _queue(desk: Desk, kind: Kind, day: date, version: Version) -> tuple[int, str]:
    folder = desk.postal.folder
    keys = [key_of(kind, day, f"v{n}") for n in range(1, version.number + 1)]
    holder = staff.holder(staff.said(version.folder.parent))
    if holder is not None:
        for key in keys:
            outbox.cancel(desk.lake, folder, key, f"ditahan {holder.oleh}: {holder.teks}", desk.run_id)
        return 0, holder.oleh
    known = set(outbox.states(desk.lake, folder)["kunci"].to_list())
    if not known & set(keys) and day < period_day(kind, desk.today):
        return 0, ""
    for key in keys[:-1]:
        if key in known:
            outbox.cancel(desk.lake, folder, key, f"diganti {version.name}", desk.run_id)
    message = outbox.Message(
        "laporan", keys[-1], load_recipients(desk.postal.recipients).of_report(kind),
        (version.folder / MAIL).read_bytes(), staff.goes_out(day),
    )  # fmt: skip
    return outbox.queue(desk.lake, folder, [message], desk.run_id), ""


def changes(old: Inputs, new: Inputs, version: str) -> dict[str, Any]:
    """What a revision says: figures whose text differs from those of the version before, and notes that came."""
    before, after = _printed(old), _printed(new)
    told = []
    for key in dict.fromkeys([*after, *before]):
        was, now = before.get(key), after.get(key)
        if was is None or now is None or was.text != now.text:
            told.append(
                {
                    "nama": key[0], "rujukan": now.ref if now else "", "lama": was.text if was else "tidak ada",
                    "baru": now.text if now else "tidak ada",
                }
            )  # fmt: skip
    fresh = [n for n in new.notes if n not in old.notes]
    remarks = [f"Catatan {n['oleh']} ditambahkan." for n in fresh]
    if not told and not remarks:
        remarks = ["Baris di balik laporan diperbaiki tanpa mengubah satu pun angka yang tercetak."]
    return {"dari": version, "angka": told, "catatan": remarks}


def _printed(inputs: Inputs) -> dict[tuple[Any, ...], Figure]:
    """The printed figures of a report by what they are, whatever their reference."""
    return {(f.name, f.table, orjson.dumps(f.key), f.column): f for f in content.build(inputs).figures if f.text}


@dataclass(frozen=True)
class Remade:
    """A version made again from its kept inputs: its files, and whether each is the kept one byte for byte."""

    files: Mapping[str, bytes]
    same: Mapping[str, bool]


def remake(folder: Path, registry: Registry) -> Remade:
    """Make a version's files again from its kept inputs alone. Raises InputsDamaged, RenderError, FileNotFoundError."""
    inputs = load((folder / INPUTS).read_bytes())
    said = content.build(inputs)
    files = render.render(inputs, said, folder.name, find_charts(registry.roots, SHARED_VIEWS))
    files[FIGURES] = orjson.dumps(content.as_records(said.figures), option=orjson.OPT_INDENT_2)
    return Remade(files, {name: (folder / name).read_bytes() == data for name, data in sorted(files.items())})


def _mail(postal: Postal, inputs: Inputs, files: Mapping[str, bytes], number: int) -> bytes:
    day = inputs.day.isoformat()
    title = f"{_SUBJECTS[inputs.kind]}, {long_date(inputs.day)}"
    # A revision is dated after what it revises, without a clock: the same inputs give the same bytes.
    made = datetime.combine(inputs.day, MADE_AT, WIB) + timedelta(minutes=number - 1)
    return build_mail(
        key=key_of(inputs.kind, inputs.day, f"v{number}"),
        subject=f"[Revisi {number - 1}] {title}" if number > 1 else title,
        sender=postal.sender,
        sender_name=postal.sender_name,
        html=files[render.HTML].decode(),
        text=files[render.TEXT].decode(),
        attachments=[
            (f"laporan-{inputs.kind}-{day}-v{number}.pdf", files[render.PDF], "application/pdf"),
            (f"kartu-{inputs.kind}-{day}-v{number}.png", files[render.CARD], "image/png"),
        ],
        made=made,
    )


_SUBJECTS: Mapping[Kind, str] = {
    "harian": "Laporan harian Gubernur", "mingguan": "Laporan mingguan Gubernur", "bulanan": "Laporan bulanan Gubernur",
}  # fmt: skip
