"""Reports of data problems: what people write into the form lies in the walidata's folder and is never public.

A report is one line of a file a month, `<SSP_HOME>/walidata/laporan/2026-11.ndjson`, readable by the service's user
alone. A portal without that folder takes no reports and says so.

Belongs here: reading the form, refusing what did not come from it, keeping. Does not belong here: its page (`site`).
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import Scope

from ssp_pipeline.portal.errors import Problem
from ssp_pipeline.portal.http import header
from ssp_pipeline.portal.params import BadParameter, from_query

BODY_LIMIT = 32 * 1024
_SHORTEST, _LONGEST = 10, 4_000
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{2,}")
_FIELDS = ("dataset", "masalah", "surel", "situs")
TRAP = "situs"
"""A field that people do not see; whoever fills it in is a program."""


def check_origin(scope: Scope, base_url: str) -> None:
    """Refuse a form that another site sent in a visitor's name. Raises Problem 403.

    Browsers say where a POST comes from (`Sec-Fetch-Site`, `Origin`), and no page can make them lie. No cookie is
    needed, for nobody is logged in; programs that send neither header act for themselves.
    """
    site = header(scope, b"sec-fetch-site")
    origin = header(scope, b"origin")
    own = {base_url.rstrip("/").lower(), f"{scope.get('scheme', 'http')}://{header(scope, b'host')}".lower()}
    if site not in ("", "same-origin", "none") or (origin and origin.lower() not in own):
        raise Problem(403, "asal_lain", "Formulir dikirim dari situs lain; buka halaman Lapor di portal ini.")


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """The form's fields as texts. Raises Problem 400, 415."""
    if not content_type.startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "jenis_isi", "Kirim sebagai application/x-www-form-urlencoded.")
    try:
        given = from_query(body.replace(b"\r\n", b"\n"))
    except (BadParameter, UnicodeDecodeError):
        raise Problem(400, "permintaan_salah", "Isi formulir tidak terbaca.") from None
    fields = {name: given.get(name, "") for name in _FIELDS}
    if not all(isinstance(value, str) for value in fields.values()):
        raise Problem(400, "permintaan_salah", "Satu isian dikirim dua kali.")
    return {name: str(value).strip() for name, value in fields.items()}


def faults(fields: Mapping[str, str], datasets: Collection[str]) -> dict[str, str]:
    """What is wrong, by field."""
    found = {}
    if not _SHORTEST <= len(fields["masalah"]) <= _LONGEST:
        found["masalah"] = f"Uraikan masalahnya dengan {_SHORTEST} sampai {_LONGEST} huruf."
    if fields["surel"] and not _MAIL.fullmatch(fields["surel"]):
        found["surel"] = "Alamat surel tidak lengkap; kosongkan bila tidak perlu dijawab."
    if fields["dataset"] and fields["dataset"] not in datasets:
        found["dataset"] = "Dataset itu tidak ada."
    return found


def writable(folder: Path | None) -> Path:
    """The folder for reports. Raises Problem 503 when this portal has none."""
    if folder is None or not folder.parent.is_dir():
        raise Problem(
            503, "laporan_tidak_diterima",
            "Portal ini tidak menerima laporan: folder walidata tidak ada. Kontak walidata ada di security.txt.",
        )  # fmt: skip
    return folder


def keep(folder: Path, fields: Mapping[str, str]) -> str:
    """Write the report and give its number. Returns after it is on disk. Raises OSError."""
    now = datetime.now(UTC)
    number = f"L{now:%Y%m%d}-{secrets.token_hex(3).upper()}"
    line = {
        "nomor": number,
        "waktu": now.isoformat(timespec="seconds"),
        "dataset": fields["dataset"] or None,
        "masalah": fields["masalah"],
        "surel": fields["surel"] or None,
    }
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / f"{now:%Y-%m}.ndjson", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Plain ASCII, so that no reader takes a letter of the text for the end of the line.
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return number
