"""How SIPD's proposal list is asked: a login in two steps, then DataTables pages under a token that expires.

Belongs here: the protocol. Does not belong here: meaning and types of the fields (`usulan_pokir.odcs.yaml`).

The list is SIPD-RI's, which takes multipart; the login is SIPD Penatausahaan's, and urlencoded there is assumed.

A token lasts shorter than a pull. When SIPD says 401 we log in again and ask for the same page once more, so no
page is left out and none comes twice; `PageGuard` watches that the pages fit together.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import polars as pl

from connectors.api import Feed, Payload, PullContext
from connectors.contract import Contract
from connectors.http_errors import PermanentAnswer, PullError, RetryableAnswer, StatusError, decoded_json
from connectors.paging import PageGuard
from connectors.read.json_rows import read_json_rows

PENGGUNA, SANDI, KUNCI = "SSP_EPOKIR_PENGGUNA", "SSP_EPOKIR_SANDI", "SSP_EPOKIR_API_KEY"
"""Names of the secrets: SIPD user, its password, and the X-Api-Key that the ministry gives out."""

_PERAN = ("id_daerah", "id_role", "id_skpd", "id_pegawai")
_UNAUTHORISED = 401


def _expect_roles(body: bytes) -> None:
    roles = decoded_json(body)
    if not isinstance(roles, list) or not roles or not all(isinstance(r, dict) for r in roles):
        raise PermanentAnswer("the login gives no role: ask the ministry to give this user one")


def _expect_token(body: bytes) -> None:
    answer = decoded_json(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("token"), str) or not answer["token"]:
        raise PermanentAnswer("the login gives no token")


def _expect_page(body: bytes) -> None:
    """Refuse errors inside 200, a 401 among them, and answers that are no DataTables page."""
    answer = decoded_json(body)
    if not isinstance(answer, dict):
        raise RetryableAnswer("the answer is no object")
    code = answer.get("status_code", 200)
    if code == _UNAUTHORISED:
        raise PermanentAnswer("the token has expired (401 inside 200)", "http_4xx", status=_UNAUTHORISED)
    if code != 200:
        raise RetryableAnswer(f"SIPD reports status_code {str(code)[:20]}")
    page = answer.get("data")
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise RetryableAnswer("the answer has no list of rows under data.data")
    if not isinstance(page.get("recordsFiltered"), int):
        raise RetryableAnswer("the answer has no number under data.recordsFiltered")


class _Access:
    """A login that renews itself. Raises PullError when SIPD refuses the login or a token just given."""

    def __init__(self, ctx: PullContext, tahun: int) -> None:
        self._ctx = ctx
        self._tahun = tahun
        self._headers: Mapping[str, str] | None = None

    def page(self, start: int, length: int) -> Payload:
        """One page of proposals by rising id_usulan."""
        if self._headers is not None:
            try:
                return self._ask(start, length, self._headers)
            except StatusError as error:
                if error.status != _UNAUTHORISED:
                    raise
        self._headers = self._login()
        try:
            return self._ask(start, length, self._headers)
        except StatusError as error:
            if error.status != _UNAUTHORISED:
                raise
            raise StatusError(
                error.reason_code,
                f"SIPD refuses a token that it has just given: check {KUNCI}",
                request=error.request,
                status=error.status,
                attempts=error.attempts,
            ) from None

    def _ask(self, start: int, length: int, headers: Mapping[str, str]) -> Payload:
        fields = {
            "id_daerah": self._ctx.params["id_daerah"],
            "tahun": self._tahun,
            "draw": start // length + 1,
            "start": start,
            "length": length,
            "search[value]": "",
            "columns[0][data]": "id_usulan",
            "order[0][column]": 0,
            "order[0][dir]": "asc",
        }
        return self._ctx.fetch(
            "POST",
            str(self._ctx.params["jalur_usulan"]),
            slot=f"tahun={self._tahun}/mulai={start}",
            multipart={name: str(value) for name, value in fields.items()},
            headers=headers,
            meta={"tanggal_potret": self._ctx.today.isoformat()},
            expect=_expect_page,
        )

    def _login(self) -> dict[str, str]:
        """Headers with a new token. The role is the first that belongs to the province."""
        ctx = self._ctx
        who = {"username": ctx.secret(PENGGUNA), "password": ctx.secret(SANDI), "tahun": self._tahun}
        key = ctx.secret(KUNCI)
        answer = ctx.http.request("POST", "/auth/auth/pre-login", form=who, expect=_expect_roles)
        daerah = str(ctx.params["id_daerah"])
        role = next((r for r in orjson.loads(answer.body) if str(r.get("id_daerah")) == daerah), None)
        if role is None:
            raise PullError("peran_tidak_ada", f"the SIPD user in {PENGGUNA} has no role for id_daerah {daerah}")
        form = who | {name: role.get(name) for name in _PERAN}
        answer = ctx.http.request("POST", "/auth/auth/login", form=form, expect=_expect_token)
        tokens = orjson.loads(answer.body)
        ctx.http.hide(*(str(tokens[name]) for name in ("token", "refresh_token") if tokens.get(name)))
        return {"X-Access-Token": tokens["token"], "X-Api-Key": key}


def pull_usulan(ctx: PullContext) -> Iterator[Payload]:
    """All proposals of one budget year as they stand now, a payload a page.

    Raises PullError, MissingSecret, and PagingRestart when the list changed while it was paged.
    """
    tahun = int(ctx.params.get("tahun_anggaran") or ctx.today.year + 1)
    length = int(ctx.params["panjang_halaman"])
    access, guard = _Access(ctx, tahun), PageGuard(f"usulan pokir {tahun}")
    rows: list[Any] = []
    while not guard.pages or (rows and not guard.complete):
        payload = access.page(guard.rows, length)
        page = orjson.loads(payload.body)["data"]
        rows = page["data"]
        ids = [row["id_usulan"] for row in rows if isinstance(row, dict) and row.get("id_usulan") is not None]
        guard.see(rows, total=page["recordsFiltered"], keys=ids)
        yield payload
    guard.finish()


def read_usulan(payload: Payload, contract: Contract) -> pl.DataFrame:
    """The page's rows with the day on which it was taken."""
    rows = read_json_rows(payload, contract)
    return rows.with_columns(pl.lit(payload.meta["tanggal_potret"], pl.String).alias("tanggal_potret"))


FEEDS = {"usulan_pokir": Feed(pull=pull_usulan, read=read_usulan)}
