"""A pull context for tests of one feed against its stand-in: real HTTP and the contract's cut, without an archive."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from connectors.api import MissingSecret, Payload, PullContext, Window
from connectors.contract import Contract
from connectors.http import HttpClient
from connectors.redaction import allow_list


class Asking:
    """Gives what a feed's `pull` asks for, cut by the contract; see `connectors.api.PullContext`."""

    def __init__(
        self,
        url: str,
        contract: Contract,
        window: Window,
        *,
        params: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        inbox: Path | None = None,
    ) -> None:
        self.contract, self.window, self.today = contract, window, window.end
        self.params = params or {}
        self._secrets = secrets or {}
        self.inbox = inbox
        self.refused: list[tuple[str, str]] = []
        self.http = HttpClient(url, user_agent="uji", sleep=lambda _: None, max_retries=2)

    def secret(self, name: str) -> str:
        if name not in self._secrets:
            raise MissingSecret(name)
        return self._secrets[name]

    def fetch(
        self, method: str, path: str, *, slot: str, meta: Mapping[str, str] | None = None, **request: Any
    ) -> Payload:
        answer = self.http.request(method, path, **request)
        cut = allow_list(self.contract).cut(answer.body)
        return Payload(
            body=cut.body,
            sha256=hashlib.sha256(cut.body).hexdigest(),
            slot=slot,
            meta=meta or {},
            request={"method": method, "path": path, "params": dict(request.get("params") or {})},
            status=answer.status,
            headers=answer.headers,
            fetched_at=answer.fetched_at,
            asal=answer.asal,
            unknown_fields=cut.unknown_fields,
        )

    def archive_file(
        self, body: bytes, *, slot: str, meta: Mapping[str, str], asal: str, fetched_at: datetime
    ) -> Payload:
        return Payload(
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            slot=slot,
            meta=meta,
            request={"berkas": slot},
            status=0,
            headers={},
            fetched_at=fetched_at,
            asal=asal,
        )

    def refuse(self, slot: str, reason: str) -> None:
        self.refused.append((slot, reason))

    def context(self) -> PullContext:
        return cast(PullContext, self)
