"""Fault mode of the stand-ins: every way in which an agency's answer goes wrong, real at the wire.

Belongs here: rules that say when a fault strikes, the middleware that makes it, and the control endpoint. Does not
belong here: how each is made, on the wire (`fault_wire.py`) and in rows (`fault_rows.py`), which a seed brings
(`fault_seed.py`), and what a client does about them.

    POST   /_gangguan   {"cocok": "<regex on path?query>", "gangguan": "<name>", "kali": 1, "mulai": 1, "arg": {}}
    GET    /_gangguan   the rules with how often each was seen and has struck, and faults that could not be made
    DELETE /_gangguan   ends all rules

`cocok` is searched in the path with its query, both as sent and percent-decoded; the optional `isi` also in the
request body (forms). The fault strikes `kali` times (0: always) from the `mulai`-th matching request on. One
request gets one fault, of the first rule that is due. A fault that cannot be made answers 500 and says why.

On the wire (args in brackets with their defaults):

| name | what is sent |
|---|---|
| 429_detik | 429 with `Retry-After: <detik>` [detik 1] |
| 429_tanggal | 429 with `Retry-After: <HTTP-date in detik>` [detik 1] |
| 5xx | status `kode`, no Retry-After; a burst by `kali` [kode 503] |
| putus | the true head, half of the body, then the connection is closed (`cara: reset`: by RST) [cara tutup] |
| gzip_terpotong | the true body as gzip without its last bytes, in a complete HTTP answer |
| bom_gzip | gzip that grows to `mb` MiB of zeros, streamed [mb 2048] |
| panjang_salah | Content-Length smaller than the body (`arah: lebih`: larger, then closed) [arah kurang] |
| tetes | the true answer byte by byte, `jeda` seconds between two [jeda 0.1] |
| halaman_login | 200 with an HTML login form |
| xml | 200 with XML |
| galat_200 | 200 with the error envelope `isi` [{"status": false, "message": …}] |
| kosong_200 | 200 without a body |
| alih_host | 302 to `ke` [http://lain.invalid/] |
| terlalu_besar | `mb` MiB of JSON blanks; `panjang: true` announces it by Content-Length [mb 512] |

Pages. `di` is the path to the rows (keys in a list, or dotted; default: first list of objects), `total` the dotted
path (or several) of the announced total (default: the usual names outside the rows):

| name | what is sent |
|---|---|
| halaman_kembar | the first answer it sees goes through, the next `kali` matching ones are copies of it |
| halaman_tak_berakhir | the first answer for ever, rows made unique in `bidang`, totals `nilai` [kali 0, nilai 10^9] |
| total_menyusut | the announced total less `nilai` at each strike [nilai 1]; with `mulai` 2 it shrinks while paging |

Rows, in JSON, NDJSON or a .gz file of them. `bidang` is the wire name (dotted into nested objects), `baris` a row
number, a list of them or "semua", `nilai` the value to put. `undi` (a number) draws field and row instead of naming
them, out of those for which the fault makes sense:

| name | what is changed |
|---|---|
| bidang_hilang | the field is gone [baris semua] |
| bidang_baru | a field more [bidang kolom_baru, baris semua] |
| bidang_baru_bersarang | a nested field more that holds a NIK-like number [bidang petugas, baris 0] |
| bidang_ganti_nama | the field is called `nilai` [<bidang>_baru, baris semua] |
| bidang_balik_urut | fields in reverse order [baris semua] |
| tipe_balik | number <-> text, with `ke: objek` the scalar becomes an object [baris 0] |
| kunci_null | null [baris 0] |
| kode_sistem_lain | a region code of the other system [1271, or 1275 where 1271 stood; baris 0] |
| komoditas_asing | a name that no list knows [baris 0] |
| tanggal_depan | the date moved on by `hari`, in its own format [hari 400, baris 0] |
| tanggal_tanpa_tahun | a date without a year [8 Agu, baris 0] |
| angka_lokal_lain | the number in the other locale, `.` and `,` exchanged [baris 0] |
| bom_depan | UTF-8 BOM before the body |
| cp1252 | the body in cp1252, with a dash and an accent in `bidang` [first text field, baris 0] |

With a seed (`--faults SEED`) a small share of requests meets a fault, never twice running for the same request: one of
those of the transport that a retry heals, or with `--every-fault` any of the above, some of which stay. GET tells
under `dari_benih` how often each has struck.
"""

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.fault_rows import FaultError
from connectors.fault_seed import SeededFaults
from connectors.fault_wire import FAULTS, Answer, Exchange


@dataclass
class Rule:
    """One fault and when it strikes; `memory` is what a page fault has seen."""

    match: re.Pattern[str]
    fault: str
    times: int = 1
    start: int = 1
    arg: Mapping[str, Any] = field(default_factory=dict)
    body: re.Pattern[str] | None = None
    seen: int = 0
    struck: int = 0
    memory: list[Answer] = field(default_factory=list)
    by_seed: bool = False

    @property
    def due(self) -> bool:
        return self.seen >= self.start and not self.spent

    @property
    def spent(self) -> bool:
        return self.times != 0 and self.struck >= self.times


class FaultBook:
    """The rules in force, and the faults that a seed brings."""

    def __init__(self, seeded: SeededFaults | None = None) -> None:
        self.seeded = seeded
        self.rules: list[Rule] = []
        self.errors: list[str] = []
        self.struck_by_seed: Counter[str] = Counter()

    @property
    def idle(self) -> bool:
        return not self.rules and self.seeded is None

    def add(self, spec: object) -> None:
        """Take one rule as the control endpoint gets it. Raises FaultError that names what is wrong."""
        self.rules.append(self._rule(spec))

    @staticmethod
    def _rule(spec: object) -> Rule:
        if not isinstance(spec, dict):
            raise FaultError("aturan harus berupa objek JSON")
        unknown = set(spec) - {"cocok", "gangguan", "kali", "mulai", "arg", "isi"}
        if unknown:
            raise FaultError(f"kunci tidak dikenal: {', '.join(sorted(unknown))}")
        name = spec.get("gangguan")
        if name not in FAULTS:
            raise FaultError(f"gangguan {name!r} tidak dikenal; yang ada: {', '.join(sorted(FAULTS))}")
        times = spec.get("kali", 0 if name == "halaman_tak_berakhir" else 1)
        start, arg = spec.get("mulai", 1), spec.get("arg", {})
        if not isinstance(times, int) or times < 0 or not isinstance(start, int) or start < 1:
            raise FaultError("'kali' harus bilangan >= 0 dan 'mulai' >= 1")
        if not isinstance(arg, dict):
            raise FaultError("'arg' harus berupa objek")
        try:
            match = re.compile(spec.get("cocok", ""))
            body = re.compile(spec["isi"]) if "isi" in spec else None
        except (re.error, TypeError) as exc:
            raise FaultError(f"'cocok' atau 'isi' bukan regex: {exc}") from exc
        return Rule(match, name, times, start, arg, body)

    def clear(self) -> None:
        self.rules.clear()
        self.errors.clear()

    def state(self) -> dict[str, Any]:
        return {
            "benih": self.seeded and self.seeded.seed,
            "dari_benih": dict(self.struck_by_seed),
            "galat": self.errors,
            "aturan": [
                {
                    "cocok": rule.match.pattern,
                    "gangguan": rule.fault,
                    "kali": rule.times,
                    "mulai": rule.start,
                    "arg": dict(rule.arg),
                    "dilihat": rule.seen,
                    "terjadi": rule.struck,
                }
                for rule in self.rules
            ],
        }

    def choose(self, target: str, body: bytes) -> list[Rule]:
        """The rule whose fault this request meets; by seed several, of which the first that can be made is meant."""
        plain = urllib.parse.unquote_plus(target)
        text = urllib.parse.unquote_plus(body.decode("latin-1"))
        due: Rule | None = None
        for rule in self.rules:
            if not (rule.match.search(target) or rule.match.search(plain)):
                continue
            if rule.body is not None and not rule.body.search(text):
                continue
            rule.seen += 1
            if due is None and rule.due:
                due = rule
        if due is not None:
            return [due]
        drawn = [self._rule(spec) for spec in self.seeded.draw(target)] if self.seeded else []
        for rule in drawn:
            rule.seen, rule.by_seed = 1, True
        return drawn

    def struck(self, rule: Rule) -> None:
        """Note that a rule's fault was made. One that came by seed stays as long as it has to strike."""
        if rule.by_seed:
            self.struck_by_seed[rule.fault] += 1
            self.rules = [r for r in self.rules if r is not rule] + ([] if rule.spent else [rule])


class FaultMiddleware:
    """Gives a request the fault that the book chooses for it; without one it passes untouched."""

    def __init__(self, app: ASGIApp, book: FaultBook) -> None:
        self.app = app
        self.book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.book.idle or scope["path"].startswith("/_"):
            await self.app(scope, receive, send)
            return
        body = b""
        if any(rule.body is not None for rule in self.book.rules):
            body, receive = await _read_ahead(receive)
        query = scope["query_string"].decode("latin-1")
        rules = self.book.choose(scope["path"] + (f"?{query}" if query else ""), body)
        if not rules:
            await self.app(scope, receive, send)
            return
        meet = Exchange(self.app, scope, receive, send, rules[0])
        for rule in rules:
            meet.rule = rule
            rule.struck += 1
            try:
                await FAULTS[rule.fault](meet)
            except FaultError as exc:
                error = f"{rule.fault}: {exc}"
                continue
            self.book.struck(rule)
            return
        self.book.errors.append(error)
        await meet.reply(500, [(b"content-type", b"text/plain; charset=utf-8")], error.encode())


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """The whole request body, and a `receive` that gives it once more."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body.extend(message.get("body", b""))
        more = message.get("more_body", False)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return bytes(body), again


def control_routes(book: FaultBook) -> list[BaseRoute]:
    """`/_gangguan`: set (POST, one rule or a list), show (GET) and end (DELETE) the rules."""

    async def control(request: Request) -> Response:
        if request.method == "DELETE":
            book.clear()
        elif request.method == "POST":
            try:
                specs = json.loads(await request.body())
                for spec in specs if isinstance(specs, list) else [specs]:
                    book.add(spec)
            except ValueError as exc:  # FaultError and malformed JSON
                return JSONResponse({"galat": str(exc)}, status_code=400)
        return JSONResponse(book.state())

    return [Route("/_gangguan", control, methods=["GET", "POST", "DELETE"])]
