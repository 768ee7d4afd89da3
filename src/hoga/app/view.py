"""app.view: `hoga view`'s page on a loopback socket: files, and answers about one archive. Changes nothing.

    /api/archive      the path, and what there is to look at
    /api/instrument   first and last receipt of one, and its days
    /api/day          a day of it, minute by minute (as runs: `795.3p642t`)
    /api/book         the book in force at an instant; with `step` that of the next frame, or the one before
    /api/window       what is between two instants: JSON behind its length, then the depth as bytes, then the best prices
    /api/export       the records between two instants, as they are recorded

Nanoseconds travel as text: they are more than a script's numbers hold.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import hoga.dashboard
import hoga.history
from hoga.archive.form.calendar import runs_of
from hoga.core.errors import HogaError
from hoga.dashboard.guard import Guard
from hoga.history.view import Book, NoSuchSeries, View, Window

__all__ = ["build_view", "listen_on", "serve_view"]

_DRESS = Path(hoga.dashboard.__file__).parent / "static"
_STATIC = Path(hoga.history.__file__).parent / "static"
_FILES = {
    "view.html": (_STATIC, "text/html; charset=utf-8"),
    "view.js": (_STATIC, "text/javascript; charset=utf-8"),
    "view-words.js": (_STATIC, "text/javascript; charset=utf-8"),
    "view.css": (_STATIC, "text/css; charset=utf-8"),
    "style.css": (_DRESS, "text/css; charset=utf-8"),
    "icon.svg": (_DRESS, "image/svg+xml"),
}
_HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_LONGEST_NS = 2 * 3_600 * 10**9
_COLUMNS, _ROWS = (1, 2_000), (1, 1_000)
_NEVER_NS = 2**62


class _Misasked(Exception):
    """A parameter that makes no sense."""


def build_view(view: View, *, shown: str) -> ASGIApp:
    """The application for one archive; `shown`: how its path is told. Only this machine reaches it, and only by a loopback name."""
    answers = _Answers(view, shown)
    routes = [
        Route("/", answers.page),
        Route("/static/{name}", answers.static),
        *(Route(f"/api/{name}", answers.of(ask)) for name, ask in answers.about.items()),
        Route("/api/export", answers.export),
    ]
    return _Door(Router(routes), Guard(token="", names=(), max_session_s=0))


def listen_on(port: int) -> socket.socket:
    """A socket that listens on the loopback address; 0: a port that the system chooses. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


async def serve_view(application: ASGIApp, listener: socket.socket, ending: asyncio.Event) -> None:
    """Serve until `ending` is set."""
    settings = uvicorn.Config(
        application, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(settings)
    settings.load()
    server.lifespan = settings.lifespan_class(settings)
    await server.startup(sockets=[listener])

    async def end() -> None:
        await ending.wait()
        server.should_exit = True

    try:
        await asyncio.gather(server.main_loop(), end())
    finally:
        await server.shutdown(sockets=[listener])


class _Answers:
    def __init__(self, view: View, shown: str) -> None:
        self._view = view
        self._shown = shown
        self._files = {name: (folder / name).read_bytes() for name, (folder, _) in _FILES.items()}
        self.about: dict[str, Callable[[Request], bytes]] = {
            "archive": self._archive,
            "instrument": self._instrument,
            "day": self._day,
            "book": self._book,
            "window": self._window,
        }

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return self._file("view.html", request)

    async def static(self, request: Request) -> Response:
        """A file of it."""
        return self._file(request.path_params["name"], request)

    def of(self, ask: Callable[[Request], bytes]) -> Callable[[Request], Any]:
        """An answer that is read in a thread; what cannot be answered says why."""

        async def answer(request: Request) -> Response:
            try:
                body = await asyncio.to_thread(ask, request)
            except (_Misasked, HogaError, OSError) as fault:
                return _refusal(fault)
            kind = "application/json" if body[:1] == b"{" else "application/octet-stream"
            return Response(body, media_type=kind, headers={"cache-control": "no-store"})

        return answer

    async def export(self, request: Request) -> Response:
        """The records, as a file; damage ends it before its end, so that nobody takes it for whole."""
        try:
            name, (from_ns, to_ns) = _text(request, "name"), _between(request)
            lines = self._view.lines(name, from_ns, to_ns)
            first = await asyncio.to_thread(next, lines, b"")
        except (_Misasked, HogaError, OSError) as fault:
            return _refusal(fault)

        def whole() -> Iterator[bytes]:
            yield first
            yield from lines

        file = f"{name.replace(':', '_')}_{from_ns}_{to_ns}.jsonl"
        headers = {"content-disposition": f'attachment; filename="{_plain(file)}"', "cache-control": "no-store"}
        return StreamingResponse(whole(), media_type="application/x-ndjson", headers=headers)

    def _file(self, name: str, request: Request) -> Response:
        if name not in self._files:
            return Response("not found", 404, media_type="text/plain")
        data = self._files[name]
        headers = {"etag": f'"{hashlib.sha256(data).hexdigest()[:16]}"', "cache-control": "no-cache", "content-type": _FILES[name][1]}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers)

    def _archive(self, request: Request) -> bytes:
        return _json({"path": self._shown, "names": self._view.names()})

    def _instrument(self, request: Request) -> bytes:
        name = _text(request, "name")
        span = self._view.span(name)
        first, last = (None, None) if span is None else map(str, span)
        return _json({"first": first, "last": last, "days": self._view.days(name)})

    def _day(self, request: Request) -> bytes:
        return _json({"minutes": runs_of(self._view.minutes(_text(request, "name"), _text(request, "day")))})

    def _book(self, request: Request) -> bytes:
        name, kind, at_ns = _text(request, "name"), _text(request, "kind"), _moment(request, "t")
        if "step" in request.query_params:
            stepped = self._view.step(name, kind, at_ns, 1 if _number(request, "step", (-1, 1)) > 0 else -1)
            if stepped is None:
                return _json({"t": None, "book": None})
            at_ns = stepped
        return _json({"t": str(at_ns), "book": _told(self._view.book(name, kind, at_ns))})

    def _window(self, request: Request) -> bytes:
        from_ns, to_ns = _between(request)
        columns, rows = _number(request, "columns", _COLUMNS), _number(request, "rows", _ROWS)
        name, kind = _text(request, "name"), request.query_params.get("kind", "")
        return _packed(self._view.window(name, kind, from_ns, to_ns, columns=columns, rows=rows))


def _told(book: Book | None) -> dict[str, Any] | None:
    if book is None:
        return None
    event_ns = None if book.event_ns is None else str(book.event_ns)
    update_id = None if book.update_id is None else str(book.update_id)
    return {"recv_ns": str(book.recv_ns), "event_ns": event_ns, "update_id": update_id, "bids": book.bids, "asks": book.asks}


def _packed(window: Window) -> bytes:
    depth = window.depth
    told = {
        "from": str(window.from_ns),
        "to": str(window.to_ns),
        "trades": [(recv_ns - window.from_ns, price, size, side) for recv_ns, price, size, side in window.trades],
        "trade_count": window.trade_count,
        "gaps": [
            {"kind": kind, "from": str(gap.from_ns), "to": str(gap.to_ns), "reason": gap.reason, "missed": gap.missed}
            for kind, gap in window.gaps
        ],
        "depth": None
        if depth is None
        else {
            "columns": depth.cells.shape[0],
            "rows": depth.cells.shape[1],
            "low": depth.low,
            "step": depth.step,
            "largest": depth.largest,
            "books": depth.books,
        },
    }
    text = _json(told)
    return struct.pack("<I", len(text)) + text + (b"" if depth is None else depth.cells.tobytes() + depth.best.astype("<f8").tobytes())


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _text(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value:
        raise _Misasked(f"{name} is missing")
    return value


def _number(request: Request, name: str, bounds: tuple[int, int]) -> int:
    try:
        value = int(_text(request, name))
    except ValueError:
        raise _Misasked(f"{name} is no whole number") from None
    return max(bounds[0], min(bounds[1], value))


def _moment(request: Request, name: str) -> int:
    return _number(request, name, (0, _NEVER_NS))


def _between(request: Request) -> tuple[int, int]:
    from_ns, to_ns = _moment(request, "from"), _moment(request, "to")
    if not from_ns < to_ns <= from_ns + _LONGEST_NS:
        raise _Misasked("to must be after from, by two hours at most")
    return from_ns, to_ns


def _plain(name: str) -> str:
    return "".join(each if each.isascii() and (each.isalnum() or each in "-_.") else "_" for each in name)


def _refusal(fault: Exception) -> Response:
    status = 400 if isinstance(fault, _Misasked) else 404 if isinstance(fault, NoSuchSeries) else 500
    return Response(_json({"error": str(fault)}), status, media_type="application/json", headers={"cache-control": "no-store"})


class _Door:
    """What every request passes: a web page elsewhere must not reach it under a name of its own."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *((key.encode(), value.encode()) for key, value in _HEADERS.items())]
            await send(message)

        host = next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key == b"host"), None)
        if not self._guard.host_allowed(host):
            await Response("this host name is not allowed\n", 421, media_type="text/plain")(scope, receive, sending)
            return
        await self._app(scope, receive, sending)
