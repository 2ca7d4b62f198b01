"""Dagster's pages behind the login: what is handed on in both directions, what never is, and who may send."""

import asyncio
import gzip
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ssp_pipeline.command_centre.accounts import Accounts
from ssp_pipeline.command_centre.service import Centre
from tests.support.command_centre import PASSWORD, Visitor, options, serving, trail, with_people
from tests.support.web import running

ASK = {"operationName": "Versi", "query": "query Versi { version }"}
CHANGE = {"operationName": "Mulai", "query": "mutation Mulai { launchRun { runId } }"}


class StandIn:
    """A web server in Dagster's place that notes what reaches it."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.closed: list[int] = []
        self.more = threading.Event()
        self.app = Starlette(
            routes=[
                Route("/dagster/aliran", self.stream),
                WebSocketRoute("/dagster/graphql", self.talk),
                Route("/dagster/{path:path}", self.answer, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.heard.append(
            {
                "method": request.method,
                "target": request.scope["raw_path"].decode() + "?" + request.url.query,
                "headers": dict(request.headers),
                "body": body,
            }
        )
        if request.url.path.endswith("/mampat"):
            packed = gzip.compress(b"isi" * 1000)
            return Response(packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
        headers = {
            "Set-Cookie": "milik_dagster=1", "Access-Control-Allow-Origin": "*", "Cache-Control": "public",
            "Content-Security-Policy": "script-src 'self'", "X-Frame-Options": "ALLOWALL", "ETag": '"a"',
        }  # fmt: skip
        return JSONResponse({"n": len(self.heard)}, 207, headers)

    async def stream(self, _: Request) -> Response:
        async def parts() -> Any:
            yield b"satu\n"
            await asyncio.to_thread(self.more.wait, 10)
            yield b"dua\n"

        return StreamingResponse(parts(), media_type="text/plain")

    async def talk(self, websocket: WebSocket) -> None:
        self.heard.append({"method": "WS", "headers": dict(websocket.headers)})
        await websocket.accept(subprotocol="graphql-ws")
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                self.closed.append(message["code"])
                return
            if message.get("text") == "tutup":
                await websocket.close(4321)
                return
            if message.get("text") is not None:
                await websocket.send_text("gema " + message["text"])
            else:
                await websocket.send_bytes(message["bytes"][::-1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pusat")


@pytest.fixture(scope="module")
def dagster() -> StandIn:
    return StandIn()


@pytest.fixture(scope="module")
def address(home: Path, dagster: StandIn) -> Iterator[str]:
    with (
        running(dagster.app) as upstream,
        serving(Centre(with_people(home, dagster_url=upstream, recheck_seconds=0.1))) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def operator(address: str) -> Iterator[Visitor]:
    with Visitor(address) as made:
        made.log_in("budi")
        yield made


def page(visitor: Visitor, **more: str) -> dict[str, str]:
    """Headers of a script on a page of ours."""
    return {"Origin": visitor.address, "Sec-Fetch-Site": "same-origin"} | more


def listening(visitor: Visitor, origin: str | None = None, cookie: str | None = None) -> ClientConnection:
    held = "; ".join(f"{c.name}={c.value}" for c in visitor.cookies.jar)
    return connect(
        visitor.address.replace("http", "ws") + "/dagster/graphql?x=1", proxy=None, open_timeout=10,
        subprotocols=[Subprotocol("graphql-transport-ws"), Subprotocol("graphql-ws")],
        additional_headers={"Origin": origin or visitor.address, "Cookie": held if cookie is None else cookie},
    )  # fmt: skip


def test_a_request_and_its_answer_are_handed_on_as_they_are(operator: Visitor, dagster: StandIn) -> None:
    answer = operator.get("/dagster/runs/a%2Fb?x=1&y=%20", headers={"Accept-Language": "id", "If-None-Match": '"a"'})
    heard = dagster.heard[-1]
    assert heard["target"] == "/dagster/runs/a%2Fb?x=1&y=%20"
    assert (heard["headers"]["accept-language"], heard["headers"]["if-none-match"]) == ("id", '"a"')
    assert (answer.status_code, answer.json()["n"], answer.headers["etag"]) == (207, len(dagster.heard), '"a"')
    assert operator.get("/dagster/mampat").text == "isi" * 1000
    assert operator.get("/dagster").headers["location"] == "/dagster/"


def test_neither_side_learns_the_others_cookies_nor_dagster_who_asks(operator: Visitor, dagster: StandIn) -> None:
    answer = operator.get(
        "/dagster/x", headers={"Authorization": "Bearer rahasia", "X-Forwarded-User": "budi", "X-CSRF-Token": "abc"}
    )
    heard = dagster.heard[-1]["headers"]
    assert operator.cookies["ssp_sesi"] not in str(heard)
    assert (
        not {"cookie", "authorization", "x-forwarded-user", "x-forwarded-for", "x-csrf-token", "origin"} & heard.keys()
    )
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_answers_of_dagster_carry_its_policy_and_ours(operator: Visitor) -> None:
    headers = operator.get("/dagster/x").headers
    policies = headers.get_list("content-security-policy")
    assert any("script-src 'self'" in p for p in policies)
    assert any("frame-ancestors 'none'" in p for p in policies)
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert operator.get("/dagster/assets/a.js").headers["cache-control"] == "private, no-cache"


def test_an_answer_is_handed_on_while_it_comes(operator: Visitor, dagster: StandIn) -> None:
    dagster.more.clear()
    with operator.stream("GET", "/dagster/aliran") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "satu"
        dagster.more.set()
        assert next(lines) == "dua"


def test_what_may_change_something_is_a_line_of_the_trail_before_it_is_handed_on(
    operator: Visitor, dagster: StandIn, home: Path
) -> None:
    before = len(trail(home))
    operator.post("/dagster/graphql", json=ASK, headers=page(operator))
    assert dagster.heard[-1]["body"]
    assert len(trail(home)) == before
    operator.post("/dagster/graphql", json=CHANGE, headers=page(operator))
    operator.post("/dagster/report_asset_check/x", json={}, headers=page(operator))
    noted = [(line["peristiwa"], line["pengguna"], line["objek"]) for line in trail(home)[before:]]
    assert noted == [
        ("dagster", "budi", "/dagster/graphql Mulai"),
        ("dagster", "budi", "/dagster/report_asset_check/x"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://penyerang.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_site_cannot_make_an_operators_browser_send(
    operator: Visitor, dagster: StandIn, headers: dict[str, str]
) -> None:
    before = len(dagster.heard)
    sent = {"Content-Type": "application/json"} | (page(operator) if headers else {}) | headers
    answer = operator.post("/dagster/graphql", content=b'{"query":"mutation{x}"}', headers=sent)
    assert answer.status_code == 403
    assert len(dagster.heard) == before


def test_a_mutation_in_an_address_is_not_handed_on(operator: Visitor, dagster: StandIn) -> None:
    before = len(dagster.heard)
    path = "/dagster/graphql?query=mutation%7BlaunchRun%7BrunId%7D%7D"
    assert operator.get(path, headers={"Accept": "*/*"}).status_code == 405
    assert len(dagster.heard) == before
    operator.get(path, headers={"Accept": "text/html"})
    assert len(dagster.heard) == before + 1, "this gives Dagster's query page and runs nothing"


def test_only_what_lies_below_its_path_is_handed_on(operator: Visitor, dagster: StandIn) -> None:
    before = len(dagster.heard)
    change = "?query=mutation%7BlaunchRun%7BrunId%7D%7D"
    for path in (
        "/%64agster/x", "/dagsterx", "//dagster/x", "/dagster/../x", f"/dagster/graphql/x/..{change}",
        f"/dagster/graphql/.{change}",
    ):  # fmt: skip
        request = operator.build_request("GET", "/", extensions={"target": path.encode()})
        assert operator.send(request).status_code == 404, path
    assert len(dagster.heard) == before


def test_a_body_that_is_too_long_is_not_handed_on(operator: Visitor, dagster: StandIn) -> None:
    before = len(dagster.heard)
    body = b'{"query":"' + b"x" * (9 << 20) + b'"}'
    headers = page(operator, **{"Content-Type": "application/json"})
    assert operator.post("/dagster/graphql", content=body, headers=headers).status_code == 413
    assert len(dagster.heard) == before


def test_a_websocket_is_handed_on_with_its_protocol_in_both_directions_and_with_its_end(
    operator: Visitor, dagster: StandIn
) -> None:
    with listening(operator) as socket:
        assert socket.subprotocol == "graphql-ws"
        heard = dagster.heard[-1]["headers"]
        assert "cookie" not in heard
        for text in ("halo", "é" * 1000):
            socket.send(text)
            assert socket.recv(10) == f"gema {text}"
        socket.send(b"abc")
        assert socket.recv(10) == b"cba"
        socket.send("tutup")
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(10)
        assert ended.value.rcvd
        assert ended.value.rcvd.code == 4321
    closed = len(dagster.closed)
    with listening(operator) as socket:
        socket.close(4000)
    for _ in range(100):
        if len(dagster.closed) > closed:
            break
        threading.Event().wait(0.05)
    assert dagster.closed[-1] == 4000


def test_a_websocket_without_a_login_from_another_site_or_without_the_right_is_refused(
    operator: Visitor, dagster: StandIn, home: Path
) -> None:
    before = len(dagster.heard)
    with Visitor(operator.address) as governor:
        governor.log_in("gubernur")
        for visitor, more in (
            (operator, {"origin": "https://penyerang.example"}),
            (operator, {"cookie": ""}),
            (governor, {}),
        ):
            with pytest.raises(InvalidStatus) as refused:
                listening(visitor, **more)
            assert refused.value.response.status_code == 403
    assert len(dagster.heard) == before
    assert (trail(home)[-1]["pengguna"], trail(home)[-1]["rincian"]) == ("gubernur", "dagster")


def test_a_websocket_ends_with_its_session(address: str, home: Path) -> None:
    accounts = Accounts(options(home).accounts_file)
    accounts.add("sementara", PASSWORD, ["operator"])
    with Visitor(address) as visitor:
        visitor.log_in("sementara")
        with listening(visitor) as socket:
            socket.send("halo")
            assert socket.recv(10) == "gema halo"
            accounts.set_active("sementara", False)
            with pytest.raises(ConnectionClosed):
                socket.recv(10)


def test_dagster_may_be_on_a_socket_that_nobody_else_can_open(tmp_path: Path, dagster: StandIn) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ssp-") as folder,
        running(dagster.app, uds=Path(folder) / "dagster"),
        serving(Centre(with_people(tmp_path, "budi", dagster_url=f"unix:{folder}/dagster"))) as address,
        Visitor(address) as visitor,
    ):
        visitor.log_in("budi")
        assert visitor.get("/dagster/x").json()["n"] == len(dagster.heard)
        with listening(visitor) as socket:
            socket.send("halo")
            assert socket.recv(10) == "gema halo"


def test_while_dagster_does_not_answer_its_pages_say_so(tmp_path: Path) -> None:
    with (
        serving(Centre(with_people(tmp_path, "budi", dagster_url="http://127.0.0.1:9"))) as address,
        Visitor(address) as visitor,
    ):
        visitor.log_in("budi")
        answer = visitor.get("/dagster/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            listening(visitor).recv(10)
