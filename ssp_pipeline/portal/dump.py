"""`/datastore/dump/<id>`: all rows that a question lets through, as one stream.

CSV, TSV, JSON, XML or Parquet, of one version from the first byte to the last, made
block by block.

Belongs here: the streams. Does not belong here: ready-made files (`files.py`), CKAN's parameters (`datastore.py`).
"""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ssp_pipeline.portal import encode
from ssp_pipeline.portal.datastore import newest, read_question
from ssp_pipeline.portal.params import BadParameter, Params
from ssp_pipeline.portal.select import ID, rows
from ssp_pipeline.portal.service import Asked, Service
from ssp_pipeline.portal.table import Table

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "json": "application/json",
    "xml": "text/xml; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_ROW_GROUP = 100_000


async def dump(service: Service, asked: Asked, given: str, params: Params) -> tuple[str, str, AsyncIterator[bytes]]:
    """Media type, file name and content. Everything that can be refused is refused before the first byte.

    Raises Problem, BadParameter.
    """
    form = params.text("format", "csv").lower()
    if form not in MEDIA:
        raise BadParameter("format", f"salah satu dari {', '.join(MEDIA)}")
    version = newest(asked, given)
    if params.integer("versi", 0):
        version = await service.shelf.version(version.dataset, params.integer("versi", 0))
    table = await service.shelf.table(version)
    wanted = read_question(table, params)
    offset, limit = params.integer("offset", 0), params.integer("limit", table.rows)
    bom = params.flag("bom", False)
    found = (await asyncio.to_thread(rows, table, wanted.question))[offset : offset + limit]
    pieces = _pieces(table, found, wanted.names, form, bom)
    return MEDIA[form], f"{version.dataset}_v{version.versi}.{form}", _threaded(pieces)


def _pieces(table: Table, found: Any, names: tuple[str, ...], form: str, bom: bool) -> Iterator[bytes]:
    match form:
        case "csv":
            return encode.stream_delimited(table, found, names, ",", bom=bom)
        case "tsv":
            return encode.stream_delimited(table, found, names, "\t", bom=bom)
        case "json":
            return encode.stream_json(table, found, names)
        case "xml":
            return encode.stream_xml(table, found, names)
        case _:
            return _parquet(table, found, [n for n in names if n != ID])


class _Sink(io.RawIOBase):
    """A file that is only written, whose content is taken away while it grows."""

    def __init__(self) -> None:
        self._at, self._held = 0, bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        """What was written since the last time."""
        piece, self._held = bytes(self._held), bytearray()
        return piece


def _parquet(table: Table, found: Any, names: list[str]) -> Iterator[bytes]:
    """Row group by row group."""
    sink = _Sink()
    first = encode.arrow(table, found[:_ROW_GROUP], names)
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), first.schema, compression="zstd") as writer:
        for start in range(0, max(len(found), 1), _ROW_GROUP):
            writer.write_table(first if not start else encode.arrow(table, found[start : start + _ROW_GROUP], names))
            yield sink.take()
    yield sink.take()


async def _threaded(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, each made in a thread, so that other requests are answered meanwhile."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
