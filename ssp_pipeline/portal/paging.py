"""Which version a page comes from, so that somebody who pages neither misses a row nor gets one twice.

A version's rows and their order never change, so pages of one version fit together. What is left is to answer all pages
of one walk from one version:

- A link of an answer (`_links.next`) names its version: `versi=3`. Nothing can go wrong, however long the walk takes.
- A program that counts `offset` up by itself names none. Its walk is known by who asks (key or address) and by what is
  asked without `offset` and `limit`. The walk's first page takes the newest version, all further ones the same version,
  until the last row was given, or nobody has asked for `IDLE` seconds.
- Two walks of one asker over the same question cannot be told apart. So a second one that begins while the first is
  under way takes the first one's version: at one time there is one version for one asker and question.
- Some programs ask on until a page is empty. That last page comes from the version of the walk it ends, although a
  newer one may have more rows by then.

A first page that is never continued is no walk: `JOIN` seconds after it the same question sees a newer version. So the
second page of a walk beside others of the same asker should come within `JOIN`, each further one within `IDLE` seconds.
A walk is held to its version for an hour at most after that version was replaced; a longer one has to follow the links.
Answers say their version (`versi`), so anyone can look. All this is memory of one process.

Belongs here: that memory. Does not belong here: reading rows.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

IDLE = 600.0
JOIN = 120.0
LONGEST = 3600.0
_KEPT = 20_000

Replaced = Callable[[int], float | None]
"""When a version was replaced by a newer one, None if that was not seen."""


@dataclass
class _Walk:
    """Walks of one asker over one question: the version and its rows, how many walks are open, and the offset that
    comes next for the furthest of them."""

    version: int
    total: int
    asked: float
    begun: float
    open: int = 0
    reached: int = 0
    continued: float | None = None
    ended: tuple[int, int] | None = None
    """Version and number of rows of the walk before."""


class Walks:
    """Walks under way in this process; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._walks: OrderedDict[Hashable, _Walk] = OrderedDict()

    def choose(self, walk: Hashable, offset: int, newest: int, replaced: Replaced) -> int:
        """Version for the page at `offset` of a walk whose asker names none."""
        held = self._walks.get(walk)
        now = self._clock()
        if held is None or now - held.asked > IDLE:
            return newest
        if held.ended and offset >= held.ended[1] and offset > held.reached:
            return held.ended[0]
        if held.version == newest:
            return newest
        when = replaced(held.version)
        if when is None or now - when > LONGEST:
            return newest
        if offset > 0:
            return held.version
        fresh = now - held.begun < JOIN or (held.continued is not None and now - held.continued < IDLE)
        return held.version if held.open > 0 and fresh else newest

    def note(
        self, walk: Hashable, version: int, newest: int, offset: int, limit: int, total: int, *, named: bool = False
    ) -> None:
        """Remember that a page was given, if it belongs to a walk: it is not the first, or more rows follow.

        A page whose version the asker `named` begins no walk, but it may go on with one that began without a name.
        """
        held = self._walks.get(walk)
        if (offset == 0 and limit >= total) or (named and (held is None or held.version != version)):
            return
        now = self._clock()
        if held is None or (held.version != version and (offset == 0 or version == newest)):
            ended = (held.version, held.total) if held is not None and held.open <= 0 else None
            held = self._walks[walk] = _Walk(version, total, now, now, ended=ended)
            while len(self._walks) > _KEPT:
                self._walks.popitem(last=False)
        elif held.version != version:
            return
        self._walks.move_to_end(walk)
        held.asked = now
        if offset == 0:
            held.open += 1
            if version == newest:
                held.begun = now
        else:
            held.continued = now
            if offset < total <= offset + limit:
                held.open = max(0, held.open - 1)
        held.reached = max(held.reached, offset + limit)
