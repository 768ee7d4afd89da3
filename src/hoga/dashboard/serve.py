"""dashboard.serve: a dashboard's life: listen (again and again while the port is taken), serve, end.

`serve` is what `hoga dashboard` runs; `serve_as_child` is what `hoga run` starts beside itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from time import monotonic

import msgspec
import uvicorn

from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.desk import Desk
from hoga.dashboard.fanout import Fanout
from hoga.dashboard.guard import Guard
from hoga.dashboard.server import MESSAGE_MAX, build
from hoga.dashboard.wire import WireProtocol
from hoga.runtime.log_inlet import join_logs
from hoga.runtime.logs import get_log
from hoga.runtime.loop import run as run_loop

__all__ = ["serve", "serve_as_child", "url_of"]

_log = get_log("dashboard")

_RETRY_S = 2.0
_NICE = 5
_IDLE_S = 10.0
_SWEEP_S = 1.0


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
        run_loop(serve(config, on_start=when_parent_ends))
    finally:
        ended.set()
        if system is not None:
            system.close()
    return 0


async def serve(
    config: DashboardConfig,
    *,
    on_start: Callable[[Callable[[], None]], None] = lambda stop: None,
    on_serving: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until told to stop: SIGTERM, SIGINT (unless ignored), or `stop()`, which `on_start` is given (thread-safe).

    `on_serving(url)`: the port is ours.
    """
    loop, ending = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ending.set)

    on_start(stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, stop)
    _more_files()
    once = secrets.token_urlsafe(16) if config.token else ""
    guard = Guard(token=config.token, names=config.names, max_session_s=config.max_session_s, once=once)
    desk = Desk(config, Fanout(config.max_connections))
    desk.trouble = "starting"
    work = [
        asyncio.create_task(desk.run(), name="dashboard desk"),
        asyncio.create_task(desk.run_slow(), name="dashboard machine"),
        asyncio.create_task(_listen_and_serve(config, desk, guard, once, ending, on_serving), name="dashboard server"),
    ]
    waiting = asyncio.create_task(ending.wait(), name="dashboard end")
    try:
        done, _ = await asyncio.wait([*work, waiting], return_when=asyncio.FIRST_COMPLETED)
        ending.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(work[2]), 2.0)
        for task in done:
            if task is not waiting:
                task.result()
    finally:
        for task in (*work, waiting):
            task.cancel()
        await asyncio.gather(*work, waiting, return_exceptions=True)
        desk.close()


async def _listen_and_serve(
    config: DashboardConfig, desk: Desk, guard: Guard, once: str, ending: asyncio.Event, on_serving: Callable[[str], None]
) -> None:
    listener = await _listen(config, desk, ending)
    if listener is None:
        return
    port = listener.getsockname()[1]
    desk.url = url_of(config.host, port) + (f"?token={once}" if once else "")
    desk.trouble = None
    desk.tell_status_now()
    on_serving(desk.url)
    server = uvicorn.Server(
        uvicorn.Config(
            build(config, desk, guard),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            ws=WireProtocol,
            ws_max_size=MESSAGE_MAX,
            ws_per_message_deflate=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=16_384,
        )
    )
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    try:
        await asyncio.gather(server.main_loop(), _end(server, ending), _sweep(server, ending))
    finally:
        await server.shutdown(sockets=[listener])


async def _end(server: uvicorn.Server, ending: asyncio.Event) -> None:
    await ending.wait()
    server.should_exit = True


async def _sweep(server: uvicorn.Server, ending: asyncio.Event) -> None:
    """Close connections that have asked for nothing in ten seconds: a crowd that only stands at the door."""
    first_seen: dict[object, float] = {}
    while not ending.is_set():
        now = monotonic()
        silent = {each for each in server.server_state.connections if getattr(each, "cycle", each) is None}
        first_seen = {each: first_seen.get(each, now) for each in silent}
        for each, since in first_seen.items():
            if now - since > _IDLE_S and (transport := getattr(each, "transport", None)) is not None:
                transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), _SWEEP_S)


async def _listen(config: DashboardConfig, desk: Desk, ending: asyncio.Event) -> socket.socket | None:
    """The listening socket; None when the end came first. A port that is taken is tried again and again."""
    while not ending.is_set():
        try:
            return _bind(config.host, config.port)
        except OSError as fault:
            desk.trouble = f"port {config.port} on {config.host}: {os.strerror(fault.errno) if fault.errno else fault}"
            desk.url = url_of(config.host, config.port)
            desk.tell_status_now()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), _RETRY_S)
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
    """Where people open it: a wildcard address is this machine's own."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"http://{name}:{port}/dashboard"


def _more_files() -> None:
    """As many open files as the system allows: a crowd at the door must not use them up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
