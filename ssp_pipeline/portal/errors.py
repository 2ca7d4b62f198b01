"""One shape for whatever goes wrong: a status, a code that programs compare, a sentence that people read.

Belongs here: the exception and its JSON. Does not belong here: CKAN's own shape (`ckan.py`), the page that a browser
gets (`site`).
"""

from collections.abc import Mapping
from typing import Any

import orjson


class Problem(Exception):
    """A request that is answered with an error. `code` is stable, `message` is Indonesian and for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.detail, self.headers = dict(detail or {}), dict(headers or {})

    def body(self) -> bytes:
        """`{"galat": {"status", "kode", "pesan", "rincian"}}`."""
        shown = {"status": self.status, "kode": self.code, "pesan": self.message, "rincian": self.detail}
        return orjson.dumps({"galat": shown}, default=str)


def not_found(what: str) -> Problem:
    """404: there is no such thing, and never was."""
    return Problem(404, "tidak_ditemukan", f"Tidak ditemukan: {what}")


def withdrawn(what: str, reason: str) -> Problem:
    """410: it was published and taken back."""
    return Problem(410, "ditarik", f"{what} ditarik: {reason}", detail={"alasan": reason})


def invalid(field: str, message: str) -> Problem:
    """400: a parameter cannot be used."""
    return Problem(400, "permintaan_salah", f"{field}: {message}", detail={field: [message]})
