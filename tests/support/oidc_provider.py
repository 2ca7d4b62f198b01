"""A small provider of OpenID Connect on loopback, with the rules that matter kept: redirect address, PKCE, code once.

Who is logged in at it, what it claims and which of its answers are wrong is set by the test.
"""

import base64
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.web import running

CLIENT, SECRET = "pusat-komando", "rahasia-klien-untuk-uji"


class Provider:
    """`claims` are those of whoever logs in; `twist` changes an ID token's, `header` and `key` how it is signed."""

    def __init__(self, redirect: str):
        self.redirect = redirect
        self.address = ""
        self.key: Any = RSAKey.generate_key(2048, parameters={"kid": "satu", "use": "sig", "alg": "RS256"})
        self.published: Any = self.key
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "satu"}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.twist: dict[str, Any] = {}
        self.issuer = ""
        self.asked: dict[str, str] = {}
        self.exchanged: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/kunci", self.keys),
                Route("/masuk", self.authorize),
                Route("/tukar", self.token, methods=["POST"]),
                Route("/siapa", self.who),
            ]
        )

    async def metadata(self, _: Request) -> Response:
        at = self.address
        return JSONResponse(
            {
                "issuer": self.issuer or at,
                "authorization_endpoint": f"{at}/masuk",
                "token_endpoint": f"{at}/tukar",
                "jwks_uri": f"{at}/kunci",
                "userinfo_endpoint": f"{at}/siapa",
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def keys(self, _: Request) -> Response:
        return JSONResponse(KeySet([self.published]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked = asked
        right = asked.get("client_id") == CLIENT and asked.get("redirect_uri") == self.redirect
        if not right or asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return Response("permintaan salah", 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.address}
        return RedirectResponse(f"{self.redirect}?{urlencode(back)}", 302)

    async def token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.exchanged.append(form)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self._codes.pop(form.get("code", ""), None)
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked is None or create_s256_code_challenge(form.get("code_verifier", "")) != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        told = {k: v for k, v in (claims | self.claims | self.twist).items() if v is not None}
        signed = jwt.encode(self.header, told, self.key, algorithms=[self.header["alg"]])
        return JSONResponse(
            {"access_token": "akses", "token_type": "Bearer", "expires_in": 300, "id_token": signed}
        )  # fmt: skip

    async def who(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer akses":
            return Response(status_code=401)
        return JSONResponse(self.userinfo)


def shared_key() -> OctKey:
    """The client's own secret as a key, which must sign nothing."""
    return OctKey.import_key(SECRET)


@contextmanager
def provider(redirect: str) -> Iterator[Provider]:
    """Run one for as long as the block lasts."""
    made = Provider(redirect)
    with running(made.app) as address:
        made.address = address
        yield made
