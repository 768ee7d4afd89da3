"""dashboard.server: the dashboard on a socket: the page, its one WebSocket, `/healthz` and `/metrics`, and a trader's emergency exit.

Every request passes the door first (`guard` has the rules). Nothing here changes anything but a viewer's own session, with one exception:
`POST /trader/flatten` hands one step of a flatten in two on to the trader of the folder, which decides, and writes down who asked. From
another machine it wants a token, however the dashboard was reached.

    close 4001   the session is over          4003   too many viewers
    close 1008   not what a viewer says       4004   too slow
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import secrets
from pathlib import Path
from time import time
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.connection_limit import is_loopback
from hoga.dashboard.fanout import Viewer
from hoga.dashboard.guard import Guard, Tried, address_of
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.prometheus import render
from hoga.dashboard.protocols import outlet_of
from hoga.dashboard.trader_door import ask_trader
from hoga.runtime.logs import get_log

__all__ = ["MESSAGE_MAX", "build"]

_log = get_log("dashboard")

MESSAGE_MAX = 4_096
"""The longest thing a viewer may say, bytes."""
SESSION_OVER, TOO_MANY, NOT_UNDERSTOOD, TOO_SLOW = 4001, 4003, 1008, 4004

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
}  # fmt: skip
_TAG_PLACE = b'content="assets"'
_OPEN = ("/login", "/static/style.css", "/static/icon.svg")
"""What may be seen without a token: the form that asks for it."""
_SAID_MAX = 20
_SAID_S = 10.0
_BODY_MAX = 4_096
_METRICS_S = 1.0

_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """All that a viewer can say: what it looks at from now on (None: as before), and which curves it wants."""

    select: str | None = None
    range: Literal["", "1m", "15m", "1h", "24h"] = ""
    run: bool = True


class _Step(msgspec.Struct, forbid_unknown_fields=True):
    """One step of a flatten: armed, confirmed with the word that arming gave, or taken back."""

    step: Literal["arm", "confirm", "disarm"]
    token: str = ""


_said = msgspec.json.Decoder(_Said)
_step = msgspec.json.Decoder(_Step)


def build(config: DashboardConfig, model: PageModel, guard: Guard) -> ASGIApp:
    """The application, behind its door."""
    files = _Files(_STATIC)
    model.assets = files.tag
    page = _Page(config, model, guard, files)
    answers = (
        ("/", page.root), ("/dashboard", files.index), ("/login", page.login_form), ("/healthz", page.healthz), ("/metrics", page.metrics),
        ("/static/{name:path}", files.static),
    )  # fmt: skip
    routes: list[BaseRoute] = [Route(path, answer, methods=["GET", "HEAD"]) for path, answer in answers]
    routes += [Route("/login", page.login, methods=["POST"]), Route("/trader/flatten", page.flatten, methods=["POST"])]
    routes.append(WebSocketRoute("/ws/dashboard", page.socket))
    return _Access(Router(routes), config, guard)


class _Files:
    """The page's files, read once, with their compressed form and tag. `tag`: of all of them, which the page is told, so that one that is
    older than its server can tell."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, tuple[bytes, bytes, str, str]] = {}
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in _TYPES}
        whole = hashlib.sha256()
        for name, data in found.items():
            whole.update(f"{name} {len(data)} ".encode() + data)
        self.tag = whole.hexdigest()[:16]
        for name, data in found.items():
            if name.endswith(".html"):
                data = data.replace(_TAG_PLACE, b'content="%b"' % self.tag.encode())
            self._add(name, data, _TYPES[Path(name).suffix])
        login = self._files["login.html"][0]
        for name in ("wrong", "often"):  # the form again, with its sentence shown
            self._add(f"login-{name}.html", login.replace(b'id="%b" hidden' % name.encode(), b'id="%b"' % name.encode()), _TYPES[".html"])

    def _add(self, name: str, data: bytes, kind: str) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        self._files[name] = (data, gzip.compress(data, 9, mtime=0), tag, kind)

    async def index(self, request: Request) -> Response:
        """The dashboard itself."""
        return self.answer("index.html", request)

    async def static(self, request: Request) -> Response:
        """A file of it."""
        return self.answer(request.path_params["name"], request)

    def answer(self, name: str, request: Request, *, status: int = 200) -> Response:
        """The file, or that there is none."""
        if name not in self._files:
            return Response("not found", 404, media_type="text/plain")
        data, small, tag, kind = self._files[name]
        headers = {"etag": tag, "cache-control": "no-cache", "content-type": kind, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == tag and status == 200:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(small, status, headers={**headers, "content-encoding": "gzip"})
        return Response(data, status, headers=headers)


class _Page:
    """The routes."""

    def __init__(self, config: DashboardConfig, model: PageModel, guard: Guard, files: _Files) -> None:
        self.files = files
        self._config = config
        self._model = model
        self._guard = guard
        self._metrics: tuple[float, bytes] = (0.0, b"")
        self._rendering = asyncio.Lock()

    async def root(self, request: Request) -> Response:
        """To the dashboard."""
        return _to("/dashboard")

    async def login_form(self, request: Request) -> Response:
        """Where the token is asked for."""
        if not self._guard.asks:
            return _to("/dashboard")
        return self.files.answer(
            {"1": "login-wrong.html", "2": "login-often.html"}.get(request.query_params.get("wrong", ""), "login.html"), request
        )

    async def login(self, request: Request) -> Response:
        """Take the token from the form."""
        body = await _body_of(request)
        if isinstance(body, Response):
            return body
        token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        tried = _try_token(self._guard, token, request.scope)
        if tried is not Tried.RIGHT:
            return _to("/login?wrong=1" if tried is Tried.WRONG else "/login?wrong=2")
        return _with_cookie(_to("/dashboard"), self._guard, request.scope)

    async def flatten(self, request: Request) -> Response:
        """Hand one step on to the trader, and give its answer: 200 where it took the step, 409 where not."""
        address = _address(request.scope)
        if not self._guard.asks and not is_loopback(address):
            return _json({"ok": False, "why": "from another machine this needs DASHBOARD_TOKEN"}, 403)
        body = await _body_of(request)
        if isinstance(body, Response):
            return body
        try:
            asked = _step.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return _json({"ok": False, "why": 'expected {"step":"arm"|"confirm"|"disarm"}'}, 400)
        socket = self._model.trader.socket if self._model.trader is not None else None
        if socket is None:
            return _json({"ok": False, "why": "no trader runs in this folder"}, 404)
        told = await ask_trader(socket, {"do": asked.step, "token": asked.token, "who": "dashboard", "from": address})
        _log.warning("a step of a flatten", step=asked.step, address=address, ok=told.get("ok"), why=told.get("why", ""))
        return _json(told, 200 if told.get("ok") is True else 409)

    async def healthz(self, request: Request) -> Response:
        """200 while data flows as it should, else 503; the body says why."""
        status, body = self._model.healthz()
        return Response(msgspec.json.encode(body) + b"\n", status, media_type="application/json", headers={"cache-control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """For Prometheus; rendered at most once a second, in a thread."""
        async with self._rendering:
            now = asyncio.get_running_loop().time()
            if now - self._metrics[0] > _METRICS_S:
                self._metrics = (now, await asyncio.to_thread(render, self._model.facts()))
        return Response(
            self._metrics[1],
            headers={"content-type": "text/plain; version=1.0.0; charset=utf-8; escaping=underscores", "cache-control": "no-store"},
        )

    async def socket(self, socket: WebSocket) -> None:
        """One viewer, from beginning to end."""
        await socket.accept()
        viewer = Viewer(outlet_of(socket.scope))
        if not self._model.fanout.admit(viewer):
            await _close(socket, TOO_MANY, "too many viewers")
            return
        viewer.answer(self._model.hello())
        tasks = [
            asyncio.create_task(self._listen(socket, viewer), name="viewer listen"),
            asyncio.create_task(self._limit(socket, viewer), name="viewer limit"),
        ]
        code, reason = 1001, ""
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.cancelled() and task.exception() is None and isinstance(task.result(), tuple):
                    code, reason = task.result()
        finally:
            self._model.fanout.leave(viewer)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _close(socket, code, reason)

    async def _listen(self, socket: WebSocket, viewer: Viewer) -> tuple[int, str]:
        """Hear what the viewer says, until it leaves or says something odd."""
        heard, since = 0, asyncio.get_running_loop().time()
        while True:
            try:
                said = _said.decode(await socket.receive_text())
            except (WebSocketDisconnect, RuntimeError):
                return 1000, ""
            except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
                return NOT_UNDERSTOOD, "not understood"
            now = asyncio.get_running_loop().time()
            if now - since > _SAID_S:
                heard, since = 0, now
            heard += 1
            if heard > _SAID_MAX:
                return NOT_UNDERSTOOD, "too many requests"
            if said.select is not None:
                viewer.choice = self._model.choose(said.select)
                self._model.tell_status_now()
            about = self._model.answer(viewer.choice, said.range, run=said.run, chosen=said.select is not None)
            if about is not None:
                viewer.answer(about)

    async def _limit(self, socket: WebSocket, viewer: Viewer) -> tuple[int, str]:
        """End the session when its time is over, or when the viewer does not read."""
        loop = asyncio.get_running_loop()
        limits = [loop.time() + self._config.max_session_s] if self._config.max_session_s else []
        ends = socket.scope.get("hoga_session_ends")
        if ends is not None:
            limits.append(loop.time() + ends - time())
        while not viewer.stuck:
            if limits and loop.time() >= min(limits):
                return SESSION_OVER, "session over"
            await asyncio.sleep(min(5.0, max(0.01, min(limits) - loop.time())) if limits else 5.0)
        return TOO_SLOW, "too slow"


class _Access:
    """What every request passes: host, origin, token; and the headers of every answer."""

    def __init__(self, app: ASGIApp, config: DashboardConfig, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._cookie = f"hoga_{config.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["hoga_cookie"] = self._cookie
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await receive()
                await send({"type": "websocket.close", "code": NOT_UNDERSTOOD, "reason": "refused"})
                return
            await self._app(scope, receive, send)
            return
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """Why not, None when the request may pass."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host")
        if not self._guard.host_allowed(host):
            hint = "this host name is not allowed; DASHBOARD_NAMES lists those that are\n"
            return Response(hint, 421, media_type="text/plain")
        guarded = scope["type"] == "websocket" or scope.get("method") == "POST"
        if guarded and not self._guard.origin_allowed(headers.get("origin"), host):
            return Response("foreign origin\n", 403, media_type="text/plain")
        if not self._guard.asks:
            return None
        return self._ask(scope, headers)

    def _ask(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        path: str = scope["path"]
        if path in _OPEN:
            return None
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        ends = self._guard.session_ends(cookies.get(self._cookie, ""), time())
        if ends is not None:
            scope["hoga_session_ends"] = ends
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = next((value for name, value in query if name == "token"), None)
        bearer = headers.get("authorization", "")
        if token is None and bearer.lower().startswith("bearer "):
            token = bearer[7:].strip()
        tried = _try_token(self._guard, token, scope) if token is not None else None
        if tried is Tried.RIGHT:
            if path != "/dashboard":
                return None
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            return _with_cookie(_to("/dashboard" + ("?" + rest if rest else "")), self._guard, scope)
        if tried is Tried.TOO_OFTEN:
            return Response("too many wrong tokens\n", 429, media_type="text/plain", headers={"retry-after": "60"})
        if tried is not None:
            return Response("wrong token\n", 401, media_type="text/plain", headers={"www-authenticate": "Bearer"})
        if path in ("/", "/dashboard"):
            return _to("/login")
        return Response("a token is needed\n", 401, media_type="text/plain", headers={"www-authenticate": "Bearer"})


async def _body_of(request: Request) -> bytes | Response:
    """The body of a request; an answer where there is none to be had."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_MAX:
                return Response("too long", 413, media_type="text/plain")
    except ClientDisconnect:
        return Response(status_code=400)  # nobody hears it
    return body


def _json(value: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(value) + b"\n", status, media_type="application/json", headers={"cache-control": "no-store"})


def _address(scope: Scope) -> str:
    return address_of(str(scope["client"][0]) if scope.get("client") else "", _header(scope, b"x-forwarded-for"))


def _try_token(guard: Guard, token: str, scope: Scope) -> Tried:
    address = _address(scope)
    tried = guard.try_token(token, address, time())
    if tried is Tried.WRONG:
        _log.warning("wrong token", address=address)
    return tried


def _header(scope: Scope, name: bytes) -> str | None:
    """The last header of that name."""
    found: bytes | None = dict(scope["headers"]).get(name)
    return None if found is None else found.decode("latin-1")


def _to(path: str) -> Response:
    return Response(status_code=303, headers={"location": path, "cache-control": "no-store"})


def _with_cookie(answer: Response, guard: Guard, scope: Scope) -> Response:
    value, seconds = guard.cookie(time(), secrets.token_hex(8))
    secure = scope.get("scheme") == "https" or _header(scope, b"x-forwarded-proto") == "https"
    answer.set_cookie(scope["hoga_cookie"], value, max_age=seconds, httponly=True, samesite="strict", secure=secure)
    return answer


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            message["headers"] = [*message["headers"], *((name.encode(), value.encode()) for name, value in _HEADERS.items())]
        await send(message)

    return sending


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
        await socket.close(code, reason)
