"""Failed tries: how many are let through, by account and by client, and how time heals.

Each failed try fills a bucket by one; a bucket leaks steadily. A full one lets no try through, and tries that are not
let through do not fill it. So within any time t at most `limit + t / heal` wrong passwords are looked at, and who waits
gets in again. Accounts that do not exist have buckets like those that do.

Belongs here: counting. Does not belong here: passwords, answers.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from ssp_pipeline.command_centre.store import Store
from ssp_pipeline.web.address import one_client


@dataclass(frozen=True)
class Bucket:
    """`limit` tries at once; one is healed in `heal` seconds."""

    limit: int
    heal: float


ACCOUNT = Bucket(5, 180.0)
CLIENT = Bucket(20, 60.0)


class Lockout:
    """Buckets in the store: they survive a restart. At most `keep` are kept; those that heal first go first."""

    def __init__(
        self,
        store: Store,
        *,
        account: Bucket = ACCOUNT,
        client: Bucket = CLIENT,
        keep: int = 20_000,
        clock: Callable[[], float] = time.time,
    ):
        self._store = store
        self._account = account
        self._client = client
        self._keep = keep
        self._clock = clock

    def take(self, account: str, client: str) -> float:
        """Count a try beforehand, as if it failed; gives 0, or the seconds to wait when it is not to be let through."""
        parts = self._parts(account, client)
        wait = max(self._wait(key, bucket) for key, bucket in parts)
        if wait <= 0:
            for key, bucket in parts:
                self._put(key, bucket, self._level(key, bucket) + 1)
        return max(wait, 0.0)

    def is_full(self, account: str, client: str) -> bool:
        """Whether the next try would not be let through."""
        return any(self._wait(key, bucket) > 0 for key, bucket in self._parts(account, client))

    def succeeded(self, account: str, client: str) -> None:
        """The try was good: the account begins anew, the client gets this one try back."""
        (own, _), (theirs, bucket) = self._parts(account, client)
        self._store.ask("DELETE FROM gagal WHERE kunci = ?", (own,))
        self._put(theirs, bucket, max(self._level(theirs, bucket) - 1, 0.0))

    def _parts(self, account: str, client: str) -> tuple[tuple[bytes, Bucket], tuple[bytes, Bucket]]:
        return (_key("akun", account), self._account), (_key("klien", one_client(client)), self._client)

    def _level(self, key: bytes, bucket: Bucket) -> float:
        rows = self._store.ask("SELECT tingkat, pada FROM gagal WHERE kunci = ?", (key,))
        if not rows:
            return 0.0
        level, at = map(float, rows[0])
        # A clock that was set back heals nothing and does no harm.
        return max(level - max(self._clock() - at, 0.0) / bucket.heal, 0.0)

    def _wait(self, key: bytes, bucket: Bucket) -> float:
        return (self._level(key, bucket) + 1 - bucket.limit) * bucket.heal

    def _put(self, key: bytes, bucket: Bucket, level: float) -> None:
        now = self._clock()
        self._store.ask(
            "INSERT OR REPLACE INTO gagal VALUES (?, ?, ?, ?)", (key, level, now, now + level * bucket.heal)
        )
        self._store.ask("DELETE FROM gagal WHERE pulih <= ?", (now,))
        self._store.ask(
            "DELETE FROM gagal WHERE kunci IN (SELECT kunci FROM gagal ORDER BY pulih DESC LIMIT -1 OFFSET ?)",
            (self._keep,),
        )


def _key(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "replace")).digest()
