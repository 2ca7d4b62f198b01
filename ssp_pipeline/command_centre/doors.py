"""The two doors to what only operators and the owning agency may see: archived payloads and quarantined rows.

Each access is a line of the audit trail, on disk before the first byte of the content is read for the answer.

Belongs here: addresses, order (right, trail, content), pages. Does not belong here: what is covered (`masking.py`).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.api import PayloadError
from connectors.archive import ArchiveError, PayloadForgotten
from connectors.contract import Contract
from connectors.manifest import Entry
from connectors.registry import UnknownName
from ssp_pipeline.command_centre.audit import Event
from ssp_pipeline.command_centre.gate import client_of
from ssp_pipeline.command_centre.masking import csv_of, masked_content, masked_rows
from ssp_pipeline.command_centre.pages.engine import render
from ssp_pipeline.command_centre.service import Centre

if TYPE_CHECKING:
    from assets.workspace import Workspace

T = TypeVar("T")

SHOWN = 200
"""Rows on a page; the file has all."""
_AT_ONCE = 2


class Doors:
    """The addresses `/muatan/…` and `/karantina/…`."""

    def __init__(self, centre: Centre):
        self._centre = centre
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> list[Route]:
        return [
            Route("/muatan/{dataset}/{sha}", self.payload),
            Route("/muatan/{dataset}/{sha}/baris.csv", self.payload_rows),
            Route("/muatan/{dataset}/{sha}/asli", self.payload_bytes),
            Route("/karantina/{nama}", self.quarantine),
            Route("/karantina/{nama}/baris.csv", self.quarantine_file),
        ]

    async def payload(self, request: Request) -> Response:
        """What is known of a payload, and its first rows with private columns covered."""
        contract = self._contract(request, "muatan")

        def work(workspace: "Workspace") -> tuple[Entry, pl.DataFrame, str]:
            entry = _entry(workspace, contract, request.path_params["sha"])
            self._noted(request, "muatan", contract, f"{contract.id} {entry.sha256}", "dilihat")
            return entry, *_rows(workspace, contract, entry)

        entry, rows, fault = await self._do(work)
        return render(
            request, "muatan.html", kontrak=contract, instansi=self._centre.registry.agencies[contract.agency].nama,
            muatan=entry, baris=rows.head(SHOWN).rows(), kolom=rows.columns, jumlah=rows.height, galat=fault,
            tampil=SHOWN, asli=not contract.has_private,
        )  # fmt: skip

    async def payload_rows(self, request: Request) -> Response:
        """All rows of a payload as CSV, private columns covered."""
        contract = self._contract(request, "muatan")

        def work(workspace: "Workspace") -> bytes:
            entry = _entry(workspace, contract, request.path_params["sha"])
            self._noted(request, "muatan", contract, f"{contract.id} {entry.sha256}", "diunduh sebagai CSV")
            rows, fault = _rows(workspace, contract, entry)
            if fault:
                raise HTTPException(404)
            return csv_of(rows)

        name = f"muatan-{contract.table}-{request.path_params['sha'][:12]}.csv"
        return _file(await self._do(work), "text/csv; charset=utf-8", name)

    async def payload_bytes(self, request: Request) -> Response:
        """The archived bytes, of datasets that have no private column."""
        contract = self._contract(request, "muatan")
        if contract.has_private:
            raise HTTPException(404)

        def work(workspace: "Workspace") -> bytes:
            entry = _entry(workspace, contract, request.path_params["sha"])
            self._noted(request, "muatan", contract, f"{contract.id} {entry.sha256}", "diunduh utuh")
            return workspace.archive.read(entry)

        name = f"muatan-{contract.table}-{request.path_params['sha'][:12]}.bin"
        return _file(await self._do(work), "application/octet-stream", name)

    async def quarantine(self, request: Request) -> Response:
        """Quarantined rows that still count: of an agency by dataset and reason, or of a dataset row by row."""
        if "." not in request.path_params["nama"]:
            return await self._quarantine_of_agency(request)
        contract = self._contract(request, "karantina", "nama")
        rows = await self._do(lambda workspace: self._quarantined(request, workspace, contract, "dilihat"))
        return render(
            request, "karantina.html", kontrak=contract, baris=rows.head(SHOWN).to_dicts(), jumlah=rows.height,
            instansi=self._centre.registry.agencies[contract.agency].nama, tampil=SHOWN,
            partisi=request.query_params.get("partisi", ""),
            boleh_muatan=self._centre.may(request.state.user, "muatan", contract.agency),
        )  # fmt: skip

    async def quarantine_file(self, request: Request) -> Response:
        """Quarantined rows of a dataset as CSV: what the office gets back to mend."""
        contract = self._contract(request, "karantina", "nama")
        how = "diunduh sebagai CSV"
        body = await self._do(lambda workspace: csv_of(self._quarantined(request, workspace, contract, how)))
        return _file(body, "text/csv; charset=utf-8", f"karantina-{contract.table}.csv")

    async def _quarantine_of_agency(self, request: Request) -> Response:
        code = request.path_params["nama"]
        agency = self._centre.registry.agencies.get(code)
        self._centre.demand(request.state.user, "karantina", code if agency else "")
        if agency is None:
            raise HTTPException(404)
        contracts = [c for c in self._centre.registry.contracts if c.agency == code]

        def work(workspace: "Workspace") -> list[dict[str, Any]]:
            from assets.state import quarantine_counts

            self._centre.audit.write("karantina", **_who(request), agency=code, what=code, detail="ringkasan dilihat")
            return [row for c in contracts for row in quarantine_counts(workspace, c.id)]

        counts = await self._do(work)
        return render(
            request, "karantina_instansi.html", instansi=agency.nama, baris=counts,
            judul={c.id: c.title for c in contracts},
        )  # fmt: skip

    def _quarantined(self, request: Request, workspace: "Workspace", contract: Contract, how: str) -> pl.DataFrame:
        from assets.state import quarantined_rows

        self._noted(request, "karantina", contract, contract.id, how)
        rows = quarantined_rows(workspace, contract.id, request.query_params.get("partisi") or None)
        isi = [masked_content(contract, text) for text in rows["isi"]]
        return rows.with_columns(pl.Series("isi", isi, dtype=pl.String))

    def _contract(self, request: Request, deed: Any, name: str = "dataset") -> Contract:
        """The dataset that is asked for, if this person may see such of its agency. Raises Refused, HTTPException.

        Whether a dataset exists is told only to those who may see it.
        """
        given = request.path_params[name]
        agency = given.partition(".")[0]
        self._centre.demand(request.state.user, deed, agency if agency in self._centre.registry.agencies else "")
        try:
            contract = self._centre.registry.contract(given)
        except UnknownName:
            raise HTTPException(404) from None
        if contract.id != given:
            raise HTTPException(404)
        return contract

    def _noted(self, request: Request, event: Event, contract: Contract, what: str, how: str) -> None:
        detail = how + (f", partisi {p}" if (p := request.query_params.get("partisi")) else "")
        self._centre.audit.write(event, **_who(request), agency=contract.agency, what=what, detail=detail)

    async def _do(self, work: "Callable[[Workspace], T]") -> T:
        """Do the work over the data in a thread. Raises HTTPException when there are none or they are gone."""

        def done() -> T:
            with self._opened() as workspace:
                return work(workspace)

        async with self._turns:
            return await asyncio.to_thread(done)

    @contextmanager
    def _opened(self) -> "Iterator[Workspace]":
        import duckdb

        from warehouse.duck import LakeUnreachable
        from warehouse.lake import LakeWriteError

        if self._centre.open_data is None:
            raise HTTPException(404)
        try:
            with closing(self._centre.open_data()) as workspace:
                yield workspace
        except PayloadForgotten:
            raise HTTPException(410) from None
        except (duckdb.Error, LakeUnreachable, LakeWriteError, ArchiveError) as error:
            raise HTTPException(503, str(error), {"Retry-After": "60"}) from error


def _who(request: Request) -> dict[str, str]:
    user = request.state.user
    return {"user": user.name, "roles": ", ".join(sorted(user.roles)), "client": client_of(request)}


def _entry(workspace: "Workspace", contract: Contract, sha: str) -> Entry:
    """The newest manifest line of a payload of this dataset. Raises HTTPException 404."""
    found = None
    # Looked at first: opening an archive makes its folders and keys, and looking is to make nothing.
    if len(sha) == 64 and (workspace.home / "archive" / "manifest" / contract.table).is_dir():
        for pull in workspace.archive.iter_pulls(contract.table):
            found = next((e for e in pull.entries if e.sha256 == sha), found)
    if found is None:
        raise HTTPException(404)
    return found


def _rows(workspace: "Workspace", contract: Contract, entry: Entry) -> tuple[pl.DataFrame, str]:
    """A payload's rows with private columns covered, and why there are none if it cannot be read.

    Raises ArchiveError.
    """
    payload = workspace.archive.payload(entry)
    try:
        return masked_rows(contract, workspace.registry.feed(contract).read(payload, contract)), ""
    except PayloadError as error:
        # The code alone: the text may quote what was delivered.
        return pl.DataFrame(), error.code


def _file(body: bytes, media: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return Response(body, media_type=media, headers=headers)
