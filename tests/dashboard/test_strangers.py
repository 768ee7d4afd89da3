"""Nothing that a stranger can send makes the door fall over: every header, path, query and body has an answer."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from starlette.types import ASGIApp

from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.fanout import Fanout
from hoga.dashboard.guard import Guard
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.server import build

HEADERS = (
    b"host", b"origin", b"cookie", b"authorization", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"content-length",
    b"content-type", b"range", b"if-none-match", b"accept-encoding", b"transfer-encoding", b"referer",
)  # fmt: skip
PATHS = (
    "/",
    "/dashboard",
    "/login",
    "/healthz",
    "/metrics",
    "/static/style.css",
    "/static/",
    "/static/\x00",
    "/trader/flatten",
    "/ws/dashboard",
)
ODD = (
    b"http://[", b"http://[::1", b"http://[v1.x]/", b"http://here:99999999", b"http://\xff\xfe", b"http://a\xe2\x84\x80b", b"here:8000", b"[", b"]", b"[::1%x]:1",
    b"127.0.0.1", b"localhost:8000", b"http://localhost:8000", b"Bearer ", b"Bearer \xff", b"hoga_8000=", b"hoga_8000=9.9.9", b"hoga_8000=99999999999999.x.\xff",
    b"=;=;;", b"bytes=9-1", b"gzip;q=nan", b"-1", b"9" * 400, b",,,", b"::ffff:127.0.0.1", b"%", b"", b" ",
)  # fmt: skip

values = some.one_of(
    some.sampled_from(ODD), some.binary(max_size=40), some.text(max_size=12).map(lambda text: text.encode("utf-8", "replace"))
)
headers = some.lists(some.tuples(some.sampled_from(HEADERS), values), max_size=5)
queries = some.one_of(
    some.sampled_from((b"", b"token=%ff%", b"token=%00&token=x", b"wrong=1", b"token=" + b"a" * 999, b"&&=&;=")), some.binary(max_size=30)
)


@pytest.fixture(scope="module", params=["", "a-token-of-some-length"])
def app(request: pytest.FixtureRequest) -> Iterator[ASGIApp]:
    with tempfile.TemporaryDirectory() as folder:
        config = DashboardConfig(page=f"{folder}/x.run", status_page="", port=8000, token=request.param)
        model = PageModel(config, Fanout(2))
        model.look()
        yield build(config, model, Guard(token=request.param, names=(), max_session_s=0.0))
        model.close()


def answer_of(app: ASGIApp, scope: dict[str, Any], body: bytes) -> int:
    """The status of the answer, of a WebSocket that was refused its code."""
    sent: list[Any] = []
    upgrade = scope["type"] == "websocket"
    heard = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}] if upgrade else [{"type": "http.request", "body": body}])

    async def receive() -> Any:
        return next(heard, {"type": "websocket.disconnect" if upgrade else "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]  # a coroutine, as every application's
    status = sent[0].get("status") or sent[0].get("code")
    assert isinstance(status, int), sent
    return status


@given(
    path=some.sampled_from(PATHS),
    sent=headers,
    query=queries,
    method=some.sampled_from(("GET", "HEAD", "POST", "PUT")),
    body=some.one_of(some.binary(max_size=40), some.just(b"x" * 5_000), some.just(b"[" * 4_000)),
)
@example(path="/login", sent=[(b"host", b"localhost:8000"), (b"origin", b"http://[")], query=b"", method="POST", body=b"token=x")
@settings(max_examples=60, deadline=None)
def test_every_request_has_an_answer(
    app: ASGIApp, path: str, sent: list[tuple[bytes, bytes]], query: bytes, method: str, body: bytes
) -> None:
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query, "headers": [(b"host", b"localhost:8000"), *sent],
        "client": ("127.0.0.1", 5), "scheme": "http", "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    assert 200 <= answer_of(app, scope, body) < 500 or path == "/healthz"


@given(origin=values, host=values)
@example(origin=b"http://[", host=b"localhost:8000")
@settings(max_examples=60, deadline=None)
def test_an_upgrade_from_anywhere_has_an_answer(app: ASGIApp, origin: bytes, host: bytes) -> None:
    scope = {
        "type": "websocket", "path": "/ws/dashboard", "raw_path": b"/ws/dashboard", "query_string": b"", "headers": [(b"host", host), (b"origin", origin)],
        "client": ("127.0.0.1", 5), "scheme": "ws", "root_path": "", "http_version": "1.1", "subprotocols": [],
    }  # fmt: skip
    same = origin.lower() in (b"http://" + host.lower(), b"https://" + host.lower())
    if not same:
        assert answer_of(app, scope, b"") == 1008
