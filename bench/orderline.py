"""bench.orderline: how soon an order's first byte is at the server: over the order lines, and as a REST call.

    python -m bench.orderline [--calls 1000] [--tls]      both processes on a core of their own: chrt -f 10 taskset -c 0,1

The server is a process of its own with blocking sockets; it stamps what it reads with the clock that both processes share, and
answers at once with that stamp. Each call is made when the one before was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import multiprocessing
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from time import monotonic_ns
from typing import Any

import aiohttp
import uvloop

from bench.certificate import make_certificate
from hoga.core.secret import Credentials, Secret
from hoga.net.lanes import Lanes
from hoga.net.line import Lost
from hoga.net.line_http import HttpLine, HttpLineConfig
from hoga.net.line_ws import WsLine, WsLineConfig
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.net.venue_clock import VenueClock
from hoga.runtime.clock import SYSTEM
from hoga.venues.binance.auth import BinanceSigner
from hoga.venues.binance.line import BinanceLine
from hoga.venues.orders import Told
from hoga.venues.request import Request

__all__ = ["main"]

ORDER = Request(
    method="POST",
    path="/api/v3/order",
    params=(
        ("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", "0.010"), ("price", "86000.00"),
        ("newClientOrderId", "hg1s1-3f2"),
    ),
)  # fmt: skip
_METHODS = {"POST /api/v3/order": "order.place"}
KEYS = Credentials(key=Secret("k" * 64), secret=Secret("s" * 64))


def serve(ready: Any, tls_file: str | None) -> None:
    """Answer every call with the moment at which its first bytes were read."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    context = None
    if tls_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_file)
    while True:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve_one, args=(peer, context), daemon=True).start()


def _serve_one(peer: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        if context is not None:
            peer = context.wrap_socket(peer, server_side=True)
        said = peer.recv(65_536)
        if b"Upgrade: websocket" in said or b"upgrade: websocket" in said.lower():
            _frames(peer, said)
        while said:
            at = monotonic_ns()
            body = b'{"at":%d}' % at
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            said = peer.recv(65_536)
    except OSError:
        pass


def shake_hands(peer: socket.socket, handshake: bytes) -> None:
    """Answer a WebSocket's handshake."""
    key = next(line.split(b":")[1].strip() for line in handshake.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
    )


def token_of(frame: bytes) -> str:
    """The number of the call in a client's frame."""
    size, start = frame[1] & 127, 2
    if size == 126:
        size, start = struct.unpack("!H", frame[2:4])[0], 4
    mask, text = frame[start : start + 4], frame[start + 4 : start + 4 + size]
    return str(json.loads(bytes(each ^ mask[number % 4] for number, each in enumerate(text)))["id"])


def _frames(peer: socket.socket, handshake: bytes) -> None:
    shake_hands(peer, handshake)
    while said := peer.recv(65_536):
        at = monotonic_ns()
        if said[0] & 15 != 1:  # a goodbye, or a ping
            break
        answer = json.dumps({"id": token_of(said), "status": 200, "result": {"at": at}}).encode()
        head = bytes((0x81, len(answer))) if len(answer) < 126 else b"\x81\x7e" + struct.pack("!H", len(answer))
        peer.sendall(head + answer)


class Stopwatch:
    """Gives one call after the other to a line; `first_byte`, `handed`: µs from the call to the server's stamp, and to `send`'s return."""

    def __init__(self) -> None:
        self.first_byte: list[float] = []
        self.handed: list[float] = []
        self.answer: asyncio.Future[Told | Lost] = asyncio.get_running_loop().create_future()

    def answered(self, token: str, what: Told | Lost) -> None:
        if not self.answer.done():
            self.answer.set_result(what)

    async def time(self, line: Any, calls: int) -> None:
        running = asyncio.create_task(line.run())
        while not line.is_ready:  # noqa: ASYNC110  # a look now and then will do here
            await asyncio.sleep(0.01)
        for number in range(calls + calls // 10):
            self.answer = asyncio.get_running_loop().create_future()
            began = monotonic_ns()
            line.send(ORDER, f"n-{number}")
            handed = monotonic_ns()
            what = await self.answer
            if isinstance(what, Lost):
                raise RuntimeError(what.why)
            if number >= calls // 10:
                self.first_byte.append((json.loads(what.body)["at"] - began) / 1000)
                self.handed.append((handed - began) / 1000)
            await asyncio.sleep(0.0005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await line.stop()


async def measure(port: int, calls: int, tls: ssl.SSLContext | None) -> dict[str, tuple[list[float], list[float]]]:
    """By way: first byte, handed over."""
    secure = "" if tls is None else "s"
    url = f"http{secure}://127.0.0.1:{port}"
    found: dict[str, tuple[list[float], list[float]]] = {}
    found["aiohttp alone"] = (await _bare(url, calls, tls), [])
    found["REST client"] = (await _by_rest(url, calls, tls), [])
    ways: dict[str, Callable[[Stopwatch], Any]] = {
        "HTTP line": lambda watch: HttpLine(
            "bench", HttpLineConfig(url=url), BinanceSigner(KEYS), watch.answered, lanes=Lanes(), venue_clock=VenueClock(SYSTEM),
            is_late=lambda body: False, usage=lambda headers: [], dates=False, tls=tls, jitter=lambda: 0.5,
        ),
        "WebSocket line": lambda watch: WsLine(
            "bench", WsLineConfig(url=f"ws{secure}://127.0.0.1:{port}"), BinanceLine("/ws-api/v3", _METHODS, KEYS),
            watch.answered, credentials=KEYS, lanes=Lanes(), venue_clock=VenueClock(SYSTEM), is_late=lambda body: False,
            connect_budget=Budget(limit=100, window_s=1.0), tls=tls, jitter=lambda: 0.5,
        ),
    }  # fmt: skip
    for name, make in ways.items():
        watch = Stopwatch()
        await watch.time(make(watch), calls)
        found[name] = (watch.first_byte, watch.handed)
    return found


async def _by_rest(url: str, calls: int, tls: ssl.SSLContext | None) -> list[float]:
    sign, times = BinanceSigner(KEYS), []
    async with RestClient("binance", url, tls=tls, timeout_s=5.0) as rest:
        for number in range(calls + calls // 10):
            began = monotonic_ns()
            at = json.loads((await rest.send(ORDER, sign=sign)).body)["at"]
            if number >= calls // 10:
                times.append((at - began) / 1000)
            await asyncio.sleep(0.0005)
    return times


async def _bare(url: str, calls: int, tls: ssl.SSLContext | None) -> list[float]:
    sign, times = BinanceSigner(KEYS), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls if tls is not None else True)) as session:
        for number in range(calls + calls // 10):
            began = monotonic_ns()
            signed = sign(ORDER, 1_790_000_000_000)
            headers = {name: value.reveal() for name, value in signed.headers.items()}
            async with session.post(url + signed.target.reveal(), headers=headers) as answer:
                at = (await answer.json())["at"]
            if number >= calls // 10:
                times.append((at - began) / 1000)
            await asyncio.sleep(0.0005)
    return times


def _row(name: str, first_byte: list[float], handed: list[float]) -> str:
    cells = []
    for times in (first_byte, handed):
        cuts = quantiles(times, n=100) if times else []
        cells += [f"{cuts[49]:.0f}", f"{cuts[98]:.0f}"] if cuts else ["", ""]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--tls", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder)) if asked.tls else None
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.Process(target=serve, args=(theirs, None if certificate is None else str(certificate)), daemon=True)
        child.start()
        port = ours.recv()
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        tls = None if certificate is None else ssl.create_default_context(cafile=str(certificate))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure(port, asked.calls, tls))
        child.terminate()
        child.join()
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}, {asked.calls} calls, {'TLS' if asked.tls else 'plain'}, µs\n")
    sys.stdout.write("| way | first byte at the server p50 | p99 | `send` returned p50 | p99 |\n|---|---:|---:|---:|---:|\n")
    for name, (first_byte, handed) in found.items():
        sys.stdout.write(f"{_row(name, first_byte, handed)}\n")


if __name__ == "__main__":
    main()
