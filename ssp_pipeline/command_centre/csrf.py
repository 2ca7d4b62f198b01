"""Requests that another site made a browser send: a token in each form, and the origin that the browser names.

A token is derived from a secret that only the browser's cookie and this server know: that of the session, or, before a
login, one made for the visit. So nothing is to be kept for it, and it ends with its cookie.

Belongs here: making and comparing. Does not belong here: cookies (`gate.py`). Templates find the token of an answer's
forms in `request.state.csrf`.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

FIELD = "csrf"
HEADER = "x-csrf-token"


def token(secret: str) -> str:
    """The token that belongs to a cookie's secret."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def matches(secret: str, given: str) -> bool:
    """Whether a token belongs to a cookie's secret."""
    return bool(secret) and hmac.compare_digest(token(secret).encode(), given.encode("utf-8", "replace"))


def own_origin(request: HTTPConnection, address: str) -> bool:
    """Whether the page that sent this request is one of ours, by what the browser says.

    Browsers name the origin of every POST and of every websocket. Without a configured `address` the origin has to be
    the host that was asked.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    given = request.headers.get("origin", "")
    if not given or given == "null":
        return False
    origin = urlsplit(given)
    if address:
        own = urlsplit(address)
        return (origin.scheme, origin.netloc.lower()) == (own.scheme, own.netloc.lower())
    return origin.netloc.lower() == request.headers.get("host", "").lower()
