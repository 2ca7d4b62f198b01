"""Which version a page comes from, so that somebody who pages neither misses a row nor gets one twice.

A version's rows and their order never change, so pages of one version fit together. What is left is to answer all pages
of one walk from one version:

- A link of an answer (`_links.next`) names its version: `versi=3`. Nothing can go wrong, however long the walk takes.
- A program that counts `offset` up by itself names none. Its walk is known by who asks (key or address) and by what is
  asked without `offset` and `limit`. The walk's first page takes the newest version, all further ones the same version,
  until nobody has asked for `IDLE` seconds.
- Two walks of one asker over the same question cannot be told apart. So a second one that begins while the first is
  under way takes the first one's version: at one time there is one version for one asker and question.

A question that is asked again and again at offset 0 and never continued is no walk: `JOIN` seconds after a newer
version came it sees that one. So the second page of a walk beside others of the same asker should come within
`JOIN`, each further one within `IDLE` seconds. A walk is held to its version for an hour at most after that version was
replaced; a longer one has to follow the links. Answers say their version (`versi`), so anyone can look.

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


@dataclass
class _Walk:
    version: int
    begun: float
    asked: float
    continued: float | None = None


class Walks:
    """Walks under way in this process; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._walks: OrderedDict[Hashable, _Walk] = OrderedDict()

    def choose(self, walk: Hashable, offset: int, newest: int, replaced: Callable[[int], float | None]) -> int:
        """Version for this page. `replaced` tells when a version was replaced, None if that was not seen."""
        now = self._clock()
        held = self._walks.get(walk)
        if held is not None and not self._binds(held, offset, newest, replaced, now):
            held = None
        if held is None:
            held = self._walks[walk] = _Walk(newest, now, now)
            while len(self._walks) > _KEPT:
                self._walks.popitem(last=False)
        held.asked = now
        if offset > 0:
            held.continued = now
        elif held.version == newest:
            held.begun = now
        self._walks.move_to_end(walk)
        return held.version

    def _binds(
        self, held: _Walk, offset: int, newest: int, replaced: Callable[[int], float | None], now: float
    ) -> bool:
        if held.version == newest:
            return True
        when = replaced(held.version)
        if when is None or now - when > LONGEST or now - held.asked > IDLE:
            return False
        if offset > 0 or now - held.begun < JOIN:
            return True
        return held.continued is not None and now - held.continued < IDLE
