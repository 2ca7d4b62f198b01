"""Logging in at a provider of OpenID Connect: authorization code with PKCE, state and nonce.

A login under way is one row of the store, known by the hash of its state, good once, for ten minutes, and only in the
browser that began it. What the provider says of roles and agencies is led to ours by configuration.

Belongs here: the way there and back, and reading claims. Does not belong here: sessions, rights.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from urllib3.exceptions import HTTPError

from ssp_pipeline.command_centre.gate import note
from ssp_pipeline.command_centre.login import leave_route, safe_path, welcome
from ssp_pipeline.command_centre.pages.engine import render
from ssp_pipeline.command_centre.roles import User
from ssp_pipeline.command_centre.service import Centre, OidcOptions
from ssp_pipeline.command_centre.sessions import Sessions
from ssp_pipeline.command_centre.store import Store
from ssp_pipeline.command_centre.turns import Turns

T = TypeVar("T")

BACK = "/masuk/kembali"
_COOKIE = "ssp_oidc"
_GOOD_FOR = 600.0
_UNDER_WAY = 5_000
_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures by a key that only the provider has; none with our secret, and no token without one."""
_LEEWAY = 60
_KEEP_FACTS = 3600.0
_TIMEOUT = (5.0, 10.0)
_LONGEST = 1 << 20
_AT_ONCE, _MOST = 2, 16
"""Logins that ask the provider at the same time, and those with the ones that wait to: it may take long to answer."""


class LoginFailed(Exception):
    """This login does not count; the message says why, for the trail and not for the page."""


class Provider:
    """What the provider says of itself and signs with. Blocking; safe for several threads."""

    def __init__(self, options: OidcOptions, clock: Callable[[], float] = time.monotonic):
        self.options = options
        self._clock = clock
        self._mutex = threading.Lock()
        self._facts: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._asked_at = float("-inf")

    def facts(self, *, fresh: bool = False) -> tuple[dict[str, Any], KeySet]:
        """Its metadata and keys; asked for once an hour, with `fresh` once a minute. Raises LoginFailed."""
        with self._mutex:
            age = self._clock() - self._asked_at
            if self._keys is None or age > (60.0 if fresh else _KEEP_FACTS):
                issuer = self.options.issuer
                facts = _get(issuer.rstrip("/") + "/.well-known/openid-configuration")
                if facts.get("issuer") != issuer:
                    raise LoginFailed("penyedia menyebut penerbit lain")
                try:
                    keys = KeySet.import_key_set(_get(str(facts["jwks_uri"])))  # type: ignore[arg-type]
                except (KeyError, ValueError, JoseError) as error:
                    raise LoginFailed(f"kunci penyedia tidak terbaca: {type(error).__name__}") from None
                self._facts, self._keys, self._asked_at = facts, keys, self._clock()
            return self._facts, self._keys

    def claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of a token answer, checked. Raises LoginFailed."""
        signed = str(token.get("id_token") or "")
        facts, keys = self.facts()
        try:
            try:
                decoded = jwt.decode(signed, keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                # Providers change their keys; the newest may not be known here yet.
                decoded = jwt.decode(signed, self.facts(fresh=True)[1], algorithms=_ALGORITHMS)
            own = {
                "iss": {"essential": True, "value": self.options.issuer},
                "aud": {"essential": True, "value": self.options.client_id},
            }
            known = {"nonce": nonce, "client_id": self.options.client_id, "access_token": token.get("access_token")}
            claims = CodeIDToken(decoded.claims, decoded.header, own, known)
            claims.validate(leeway=_LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError) as error:
            raise LoginFailed(
                f"ID token ditolak: {type(error).__name__} {getattr(error, 'claim', '')}".strip()
            ) from None
        found = dict(claims)
        lacking = self.options.name_claim not in found or self.options.role_claim not in found
        if lacking and facts.get("userinfo_endpoint") and token.get("access_token"):
            more = _get(str(facts["userinfo_endpoint"]), str(token["access_token"]))
            if more.get("sub") != found["sub"]:
                raise LoginFailed("userinfo berbicara tentang orang lain")
            found = {**more, **found}
        return found


class OidcLogin:
    """Addresses `/masuk…` and `/keluar` where a provider vouches for people."""

    def __init__(self, centre: Centre, options: OidcOptions, sessions: Sessions, store: Store):
        self._centre = centre
        self._options = options
        self._sessions = sessions
        self._store = store
        self._provider = Provider(options)
        self._turns = Turns(_AT_ONCE, _MOST)
        self._redirect = centre.options.address.rstrip("/") + BACK

    def routes(self) -> list[Route]:
        return [
            Route("/masuk", self.page, methods=["GET"]),
            Route("/masuk/oidc", self.go, methods=["GET"]),
            Route(BACK, self.back, methods=["GET"]),
            leave_route(self._centre, self._sessions),
        ]

    async def page(self, request: Request) -> Response:
        """A link to the provider; somebody who is logged in goes on."""
        onward = safe_path(request.query_params.get("lanjut", ""))
        if request.state.user:
            return RedirectResponse(onward, 303)
        return render(request, "masuk_oidc.html", lanjut=onward, salah="")

    async def go(self, request: Request) -> Response:
        """To the provider, with a state, a nonce and the hash of a verifier that nobody else can use."""
        onward = safe_path(request.query_params.get("lanjut", ""))
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        kept = {
            "nonce": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(48), "lanjut": onward,
            "browser": _digest(browser).hex(),
        }  # fmt: skip
        try:
            facts, _ = await self._ask(self._provider.facts)
            with self._session() as session:
                address, _ = session.create_authorization_url(
                    facts["authorization_endpoint"], state=state, nonce=kept["nonce"], code_verifier=kept["verifier"]
                )
        except (LoginFailed, KeyError) as error:
            return await self._failed(request, str(error), onward)
        now = time.time()
        self._store.ask("DELETE FROM masuk_oidc WHERE pada < ? OR pada > ?", (now - _GOOD_FOR, now + _GOOD_FOR))
        self._store.ask(
            "DELETE FROM masuk_oidc WHERE keadaan IN "
            "(SELECT keadaan FROM masuk_oidc ORDER BY pada DESC LIMIT -1 OFFSET ?)",
            (_UNDER_WAY,),
        )
        self._store.ask("INSERT INTO masuk_oidc VALUES (?, ?, ?)", (_digest(state), orjson.dumps(kept).decode(), now))
        answer = RedirectResponse(address, 303)
        request.state.cookies.set(answer, self._cookie(request), browser)
        return answer

    async def back(self, request: Request) -> Response:
        """From the provider: a session, if everything fits together."""
        given = request.query_params
        kept = self._taken(given.get("state", ""))
        onward = safe_path(kept.get("lanjut", ""))
        browser = request.cookies.get(self._cookie(request), "")
        try:
            if not kept or not hmac.compare_digest(_digest(browser).hex(), kept["browser"]):
                raise LoginFailed("keadaan tidak dikenal, sudah dipakai, atau milik peramban lain")
            if "error" in given:
                raise LoginFailed(f"penyedia menolak: {given['error'][:60]}")
            user = await self._ask(lambda: self._user(given, kept))
        except LoginFailed as error:
            return await self._failed(request, str(error), onward)
        answer = await welcome(self._centre, self._sessions, request, user, onward)
        request.state.cookies.drop(answer, self._cookie(request))
        return answer

    async def _ask(self, work: Callable[[], T]) -> T:
        """What the provider answers. Raises LoginFailed, also when too many wait for it."""
        if self._turns.full:
            raise LoginFailed("terlalu banyak yang menunggu penyedia")
        return await self._turns.do(work)

    def _taken(self, state: str) -> dict[str, str]:
        """What is kept of a login under way; it can be asked for once."""
        rows = self._store.ask("DELETE FROM masuk_oidc WHERE keadaan = ? RETURNING isi, pada", (_digest(state),))
        if not rows or abs(time.time() - rows[0][1]) > _GOOD_FOR:
            return {}
        kept: dict[str, str] = orjson.loads(rows[0][0])
        return kept

    def _user(self, given: Mapping[str, str], kept: Mapping[str, str]) -> User:
        """Who came back, by the code that the provider gave. Blocking. Raises LoginFailed."""
        facts, _ = self._provider.facts()
        issuer = given.get("iss", self._options.issuer)
        must = bool(facts.get("authorization_response_iss_parameter_supported"))
        if issuer != self._options.issuer or (must and "iss" not in given):
            raise LoginFailed("jawaban datang dari penerbit lain")
        try:
            with self._session() as session:
                token = session.fetch_token(
                    facts["token_endpoint"], code=given["code"], code_verifier=kept["verifier"], timeout=_TIMEOUT,
                    allow_redirects=False,
                )  # fmt: skip
        except (AuthlibBaseError, requests.RequestException, KeyError, ValueError) as error:
            raise LoginFailed(f"kode tidak dapat ditukar: {type(error).__name__}") from None
        return user_of(self._provider.claims(token, kept["nonce"]), self._options, self._centre.registry.agencies)

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            self._options.client_id, self._options.client_secret, scope=self._options.scope,
            redirect_uri=self._redirect, code_challenge_method="S256",
        )  # fmt: skip
        session.trust_env = False
        return session

    async def _failed(self, request: Request, reason: str, onward: str) -> Response:
        await note(self._centre, "gagal_masuk", request, detail=reason)
        return render(request, "masuk_oidc.html", status=403, lanjut=onward, salah="gagal")

    @staticmethod
    def _cookie(request: Request) -> str:
        return ("__Host-" if request.state.cookies.secure else "") + _COOKIE


def user_of(claims: Mapping[str, Any], options: OidcOptions, agencies: Mapping[str, Any]) -> User:
    """Who the claims speak of, with roles by the configured groups. Raises LoginFailed for nobody of ours."""
    name = claims.get(options.name_claim)
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise LoginFailed(f"klaim {options.name_claim} tidak menyebut nama")
    roles = frozenset(
        options.roles[group] for group in _texts(claims.get(options.role_claim)) if group in options.roles
    )
    if not roles:
        raise LoginFailed(f"{name.strip()} tidak berperan")
    own = frozenset(_texts(claims.get(options.agency_claim))) & agencies.keys()
    shown = claims.get(options.shown_claim)
    return User(name.strip(), roles, own, shown[:100] if isinstance(shown, str) else "")


def _texts(value: object) -> list[str]:
    """A claim's texts: of a list, or of one text with blanks between."""
    if isinstance(value, str):
        return value.split()
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _get(address: str, bearer: str = "") -> dict[str, Any]:
    """A JSON object of the provider. Raises LoginFailed."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(address, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True)
            body = answer.raw.read(_LONGEST, decode_content=True) if answer.status_code == 200 else b""
        found = orjson.loads(body)
    except (requests.RequestException, HTTPError, OSError, orjson.JSONDecodeError) as error:
        raise LoginFailed(f"penyedia tidak menjawab: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise LoginFailed("penyedia menjawab dengan bentuk yang salah")
    return found


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
