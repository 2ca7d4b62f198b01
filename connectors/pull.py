"""One attempt to pull one window of one dataset: ask, cut, archive. What a feed's `pull` function works with.

Belongs here: the way of a payload into the archive. Does not belong here: HTTP itself, reading, committing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from connectors.api import MissingSecret, Payload, Window
from connectors.archive import Pull
from connectors.contract import Contract
from connectors.http_errors import expect_json
from connectors.redaction import RULE_VERSION, allow_list

if TYPE_CHECKING:
    from connectors.http import HttpClient

KEPT_HEADERS = ("content-type", "date", "etag", "last-modified", "content-length", "x-ssp-asal")
"""Response headers that a manifest line keeps."""


@dataclass
class LivePull:
    """A pull under way; see `connectors.api.PullContext` for what each method promises."""

    contract: Contract
    window: Window
    today: date
    params: Mapping[str, Any]
    inbox: Path
    open_http: Callable[[], "HttpClient"]
    archive: Pull
    secrets: Callable[[str], str | None]
    refused: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def http(self) -> "HttpClient":
        """The client bound to the agency's address, opened when first used: files need none."""
        return self.open_http()

    def fetch(
        self,
        method: str,
        path: str,
        *,
        slot: str,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        multipart: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        kind: Literal["json", "ndjson", "binary"] = "json",
        expect: Callable[[bytes], None] | None = None,
        decode: Callable[[bytes], bytes] | None = None,
    ) -> Payload:
        """Ask, cut what the contract does not allow, archive, and give the payload. Raises PullError, ArchiveFull."""

        def acceptable(answer: bytes) -> None:
            if kind == "json":
                expect_json(answer)
            if expect:
                expect(answer)

        answer = self.http.request(
            method, path, params=params, form=form, json=json, multipart=multipart, headers=headers, expect=acceptable
        )
        body = decode(answer.body) if decode else answer.body
        request = {"method": method, "path": path, "params": dict(params or {})}
        if form or multipart:
            request["form"] = dict(form or multipart or {})
        kept = {k.lower(): v for k, v in answer.headers.items() if k.lower() in KEPT_HEADERS}
        return self._keep(
            body,
            kind,
            slot=slot,
            request=request,
            status=answer.status,
            headers=kept,
            fetched_at=answer.fetched_at,
            asal=kept.get("x-ssp-asal", "resmi"),
            meta=meta or {},
        )

    def archive_file(
        self, body: bytes, *, slot: str, meta: Mapping[str, str], asal: str, fetched_at: datetime
    ) -> Payload:
        """Archive a file that came by another way than HTTP. It is cut by its own reader before it comes here."""
        return self._keep(
            body, "binary", slot=slot, request={"berkas": slot}, status=0, headers={}, fetched_at=fetched_at,
            asal=asal, meta=meta,
        )  # fmt: skip

    def _keep(self, body: bytes, kind: str, **facts: Any) -> Payload:
        unknown: tuple[str, ...] = ()
        fingerprint: str | None = None
        plain = False
        if kind != "binary":
            rule = allow_list(self.contract)
            cut = rule.cut(body) if kind == "json" else rule.cut_ndjson(body)
            body, unknown, plain, fingerprint = cut.body, cut.unknown_fields, cut.plain, rule.fingerprint
        sha = self.archive.add(
            body, unknown_fields=unknown, redaction_version=RULE_VERSION, redaction_list=fingerprint, **facts
        )
        fetched_at = facts.pop("fetched_at").astimezone(UTC)
        return Payload(body=body, sha256=sha, unknown_fields=unknown, plain=plain, fetched_at=fetched_at, **facts)

    def refuse(self, slot: str, reason: str) -> None:
        """Note a file that was not taken; it gets an outcome row of its own."""
        self.refused.append((slot, reason))

    def secret(self, name: str) -> str:
        """Value of a secret. Raises MissingSecret, which names it and how to set it."""
        value = self.secrets(name)
        if not value:
            raise MissingSecret(f"{self.contract.agency} needs the secret {name}: set {name}, or {name}_FILE to a file")
        return value
