"""Telling browsers that a new version of the snapshot is there.

Belongs here: watching the folder, and the stream of server-sent events. Does not belong here: what browsers do then
(`static/dinding.js`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator

import orjson

from ssp_pipeline.command_centre.pages.reader import NothingYet, Snapshots

log = logging.getLogger(__name__)

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nothing between takes the stream for dead."""
RETRY_MS = 2000
"""How soon a browser comes back after the stream has ended."""


class Watch:
    """Looks for new versions and wakes all who wait for one."""

    def __init__(self, snapshots: Snapshots, seconds: float) -> None:
        self._snapshots = snapshots
        self._seconds = seconds
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            before = self._snapshots.name
            try:
                await asyncio.to_thread(self._snapshots.refresh)
            except NothingYet:
                pass
            except Exception as error:
                # Pages show what this loop takes up: no fault of one look may end it.
                log.warning("the folder of snapshots cannot be read: %r", error)
            if self._snapshots.name != before:
                woken, self._changed = self._changed, asyncio.Event()
                woken.set()
            await asyncio.sleep(self._seconds)

    async def stream(self) -> AsyncIterator[bytes]:
        """Events: the version in use when the stream begins, and each one that follows it."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        told = None
        while True:
            changed = self._changed
            name = self._snapshots.name
            if name and name != told:
                told = name
                yield b"id: %b\nevent: cuplikan\ndata: %b\n\n" % (name.encode(), orjson.dumps({"versi": name}))
                continue
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT)
            except TimeoutError:
                yield b": masih di sini\n\n"
