"""dashboard.serve: runs a dashboard: listens (and tries again while the port is taken), serves, ends.

`serve` is what `hoga dashboard` runs; `serve_as_child` is what `hoga run` starts beside itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import msgspec
import uvicorn

from hoga.core.errors import HogaError
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.connection_limit import ConnectionLimit
from hoga.dashboard.fanout import Fanout
from hoga.dashboard.guard import Guard
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.protocols import HttpProtocol, ServerConfig, SocketProtocol
from hoga.dashboard.server import MESSAGE_MAX, build
from hoga.runtime import loop
from hoga.runtime.log_pipe import join_logs
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within

__all__ = ["PortTaken", "serve", "serve_as_child", "url_of"]

_log = get_log("dashboard")

_RETRY_S = 2.0
_NICE = 5
_SWEEP_S = 1.0
_TELL_S = 60.0
_PLACES = 512
_PER_ADDRESS = 64
_RESERVED = 8
"""Places that viewers never take: for those who ask and leave."""
_OWN_FILES = 64


def serve_as_child() -> int:
    """Read the configuration from standard input, and serve until that closes."""
    stdin = sys.stdin.fileno()
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=DashboardConfig)
    system = None
    if config.logs is not None:
        with contextlib.suppress(OSError):
            system = join_logs(config.logs)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    ended = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def when_parent_ends(stop: Callable[[], None]) -> None:
        def wait() -> None:
            while os.read(stdin, 4_096):  # the raw descriptor: a buffered reader's lock would outlive the interpreter
                pass
            if not ended.is_set():
                stop()

        threading.Thread(target=wait, name="parent", daemon=True).start()

    try:
        loop.run(serve(config, on_start=when_parent_ends, ends_on=(signal.SIGTERM,)))
    finally:
        ended.set()
        if system is not None:
            system.close()
    return 0


class PortTaken(HogaError):
    """The port is in use by another program, or may not be used."""

    def __init__(self, host: str, port: int, fault: OSError) -> None:
        why = "is taken by another program" if fault.errno == errno.EADDRINUSE else f"cannot be had: {os.strerror(fault.errno or 0)}"
        super().__init__(f"port {port} on {host} {why}", hint="--port or DASHBOARD_PORT_NUMBER sets another")


class _Options(NamedTuple):
    """`patient`: wait for a port that is taken. `on_serving(url)` is called when the dashboard listens."""

    ending: asyncio.Event
    patient: bool
    on_serving: Callable[[str], None]


async def serve(
    config: DashboardConfig,
    *,
    on_start: Callable[[Callable[[], None]], None] = lambda stop: None,
    on_serving: Callable[[str], None] = lambda url: None,
    patient: bool = True,
    ends_on: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT),
) -> signal.Signals | None:
    """Serve until told to stop: by a signal of `ends_on`, or `stop()`, which `on_start` is given (thread-safe).

    Returns the signal, None for `stop()`. `on_serving(url)` is called when the dashboard listens.
    `patient`: try a port that is taken again and again; else raise PortTaken.
    """
    with loop.ends_on(*ends_on) as ending:
        return await _serve_until(ending, config, on_start, on_serving, patient=patient)


async def _serve_until(
    ending: loop.Ending,
    config: DashboardConfig,
    on_start: Callable[[Callable[[], None]], None],
    on_serving: Callable[[str], None],
    *,
    patient: bool,
) -> signal.Signals | None:
    running = asyncio.get_running_loop()

    def stop() -> None:
        with contextlib.suppress(RuntimeError):
            running.call_soon_threadsafe(ending.set)

    on_start(stop)
    limit = ConnectionLimit(limit=_places(config.max_connections), per_address=_PER_ADDRESS, progress_s=config.patience_s)
    once = secrets.token_urlsafe(16) if config.token else ""
    guard = Guard(token=config.token, names=config.names, max_session_s=config.max_session_s, once=once)
    model = PageModel(config, Fanout(min(config.max_connections, max(1, limit.limit - _RESERVED))))
    model.trouble = "starting"
    options = _Options(ending, patient, on_serving)
    work = [
        asyncio.create_task(model.run(), name="dashboard model"),
        asyncio.create_task(model.run_slow(), name="dashboard machine"),
        asyncio.create_task(_listen_and_serve(config, model, guard, limit, once, options), name="dashboard server"),
    ]
    waiting = asyncio.create_task(ending.wait(), name="dashboard end")
    try:
        done, _ = await asyncio.wait([*work, waiting], return_when=asyncio.FIRST_COMPLETED)
        ending.set()
        with contextlib.suppress(TimeoutError, PortTaken):
            await within(asyncio.shield(work[2]), 2.0)
        for task in done:
            if task is not waiting:
                task.result()
    finally:
        for task in (*work, waiting):
            task.cancel()
        await asyncio.gather(*work, waiting, return_exceptions=True)
        model.close()
    return ending.by


async def _listen_and_serve(
    config: DashboardConfig, model: PageModel, guard: Guard, limit: ConnectionLimit, once: str, options: _Options
) -> None:
    listener = await _listen(config, model, options)
    if listener is None:
        return
    port = listener.getsockname()[1]
    model.url = url_of(config.host, port) + (f"?token={once}" if once else "")
    model.trouble = None
    model.tell_status_now()
    options.on_serving(model.url)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what strangers send is no warning of ours
    settings = ServerConfig(
        build(config, model, guard),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=MESSAGE_MAX,
        ws_per_message_deflate=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=16_384,
    )
    settings.hoga_limit = limit
    server = uvicorn.Server(settings)
    settings.load()
    server.lifespan = settings.lifespan_class(settings)
    await server.startup(sockets=[listener])
    try:
        await asyncio.gather(server.main_loop(), _end(server, options.ending), _sweep(limit, options.ending))
    finally:
        await server.shutdown(sockets=[listener])


async def _end(server: uvicorn.Server, ending: asyncio.Event) -> None:
    await ending.wait()
    server.should_exit = True


async def _sweep(limit: ConnectionLimit, ending: asyncio.Event) -> None:
    """Once a second, close connections whose time is over; once a minute, log how many were closed for want of room."""
    told_at, told = -_TELL_S, 0
    while not ending.is_set():
        now = monotonic()
        limit.sweep(now)
        if limit.turned_away > told and now - told_at >= _TELL_S:
            _log.warning("the dashboard is crowded", connections=len(limit), limit=limit.limit, turned_away=limit.turned_away - told)
            told_at, told = now, limit.turned_away
        with contextlib.suppress(TimeoutError):
            await within(ending.wait(), min(_SWEEP_S, limit.progress_s / 4))


async def _listen(config: DashboardConfig, model: PageModel, options: _Options) -> socket.socket | None:
    """The listening socket; None when the end came first. A port that is taken is tried again and again, or given up at once:
    raises PortTaken."""
    while not options.ending.is_set():
        try:
            return _bind(config.host, config.port)
        except OSError as fault:
            taken = PortTaken(config.host, config.port, fault)
            if not options.patient:
                raise taken from fault
            model.trouble = taken.args[0]
            model.url = url_of(config.host, config.port)
            model.tell_status_now()
        with contextlib.suppress(TimeoutError):
            await within(options.ending.wait(), _RETRY_S)
    return None


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(host: str, port: int) -> str:
    """Return the URL to open in a browser; for a wildcard address, this machine's own."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"http://{name}:{port}/dashboard"


def _places(viewers: int) -> int:
    """Return how many connections may be open: the open files that the system allows, less those that the process needs itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    free = (1 << 20 if soft == resource.RLIM_INFINITY else soft) - _OWN_FILES
    return max(4, min(free, max(_PLACES, 2 * viewers)))
