"""Webhooks: one JSON document by POST, signed as "Standard Webhooks" has it.

Headers: `webhook-id` and `Idempotency-Key` name the message and recipient and are the same at every try;
`webhook-timestamp` is the second of this try; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
`<id>.<timestamp>.<body>`, if a secret is set. A receiver that remembers ids gets nothing twice.

Belongs here: one exchange and what its status means. Does not belong here: what the document says, trying again.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
import urllib3

from assets.delivery.channel import Answer
from connectors import http_wire
from connectors.conceal import conceal, remember_secrets

_NOT_NOW = frozenset({408, 425, 429})
_LONGEST = 3600.0


@dataclass(frozen=True)
class Hook:
    """A webhook's address, and the secret that its messages are signed with. Both may be secret."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`. A secret after `whsec_` is base64 of the key, any other is the key."""
    encoded = secret.removeprefix("whsec_")
    key = base64.b64decode(encoded) if encoded != secret else secret.encode()
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


class Webhooks:
    """Posts to webhooks by name. The environment (proxies, `.netrc`) is not looked at, and no redirect is followed."""

    def __init__(self, hooks: Mapping[str, Hook], timeout: float) -> None:
        self._hooks = hooks
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, http_wire.BoundedAdapter(True, {}, 10))
        remember_secrets([text for hook in hooks.values() for text in (hook.secret, hook.url)])

    def send(self, key: str, recipient: str, body: bytes) -> Answer:
        hook = self._hooks.get(recipient.partition(":")[2])
        if hook is None or not hook.url:
            return Answer("sementara", f"{recipient} has no address in the settings")
        named = hashlib.sha256(f"{key}\n{recipient}".encode()).hexdigest()[:32]
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "SumutSmartProvince (+webhook)",
            "Idempotency-Key": named,
            "webhook-id": named,
            "webhook-timestamp": stamp,
        }
        if hook.secret:
            headers["webhook-signature"] = signature(hook.secret, named, stamp, body)
        attempt = http_wire.Attempt(time.monotonic() + 2 * self._timeout, self._timeout)
        http_wire.begin(attempt)
        try:
            response = self._session.post(
                hook.url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer("sementara", conceal(str(http_wire.explain(error, attempt)))[:300])
        with response:
            return _meaning(response)

    def close(self) -> None:
        self._session.close()


def _meaning(response: requests.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer("diterima", f"HTTP {status}")
    if status in _NOT_NOW or status >= 500:
        given = response.headers.get("Retry-After", "")
        after = min(float(given), _LONGEST) if given.isascii() and given.isdigit() else None
        return Answer("sementara", f"HTTP {status}", after)
    return Answer("ditolak", f"HTTP {status}" + (", redirects are not followed" if 300 <= status < 400 else ""))
