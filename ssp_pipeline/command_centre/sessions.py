"""Sessions: who is behind a cookie, for how long, and as long as what.

A session's secret is 32 random bytes that only the browser has; the store has its SHA-256. It ends by log-out, after a
time without a request, after a longest time, when the account behind it changes, and when its person begins too many.

Belongs here: the life of a session. Does not belong here: cookies (`gate.py`), passwords.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

import orjson

from ssp_pipeline.command_centre.roles import User, known_roles
from ssp_pipeline.command_centre.store import Store

_EACH = 20
"""Sessions of one person: the one that began first makes room for another."""
_TOUCH = 30.0
"""Seconds after which a further request is noted as activity."""


class Sessions:
    """All sessions. `stamp_of` gives what a session of this person must carry to stand; None for nobody."""

    def __init__(
        self,
        store: Store,
        stamp_of: Callable[[User], str | None],
        *,
        idle: float,
        absolute: float,
        clock: Callable[[], float] = time.time,
    ):
        self._store = store
        self._stamp_of = stamp_of
        self._idle = idle
        self._absolute = absolute
        self._clock = clock

    def begin(self, user: User) -> str:
        """A new session; gives its secret. Raises LookupError when nobody like this may have one."""
        stamp = self._stamp_of(user)
        if stamp is None:
            raise LookupError(user.name)
        secret, now = secrets.token_urlsafe(32), self._clock()
        self._store.ask("DELETE FROM sesi WHERE terlihat < ? OR mulai < ?", (now - self._idle, now - self._absolute))
        self._store.ask(
            "DELETE FROM sesi WHERE nama = ?1 AND sidik NOT IN "
            "(SELECT sidik FROM sesi WHERE nama = ?1 ORDER BY mulai DESC LIMIT ?2)",
            (user.name, _EACH - 1),
        )
        self._store.ask(
            "INSERT INTO sesi VALUES (?, ?, ?, ?, ?, ?)", (_digest(secret), user.name, _packed(user), stamp, now, now)
        )
        return secret

    def find(self, secret: str, *, active: bool = True) -> User | None:
        """Who is behind a secret, None when its session is over. `active`: this counts as a sign of life."""
        rows = self._store.ask("SELECT isi, cap, mulai, terlihat FROM sesi WHERE sidik = ?", (_digest(secret),))
        if not rows:
            return None
        packed, stamp, begun, seen = rows[0]
        now = self._clock()
        user = _unpacked(packed)
        if now - seen > self._idle or now - begun > self._absolute or self._stamp_of(user) != stamp:
            self.end(secret)
            return None
        if active and now - seen > min(_TOUCH, self._idle / 4):
            self._store.ask("UPDATE sesi SET terlihat = ? WHERE sidik = ?", (now, _digest(secret)))
        return user

    def end(self, secret: str) -> None:
        """Log out."""
        self._store.ask("DELETE FROM sesi WHERE sidik = ?", (_digest(secret),))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _packed(user: User) -> str:
    return orjson.dumps(
        {"nama": user.name, "peran": sorted(user.roles), "instansi": sorted(user.agencies), "tampil": user.shown_as}
    ).decode()


def _unpacked(text: str) -> User:
    facts = orjson.loads(text)
    return User(facts["nama"], known_roles(facts["peran"]), frozenset(facts["instansi"]), facts["tampil"])
