"""bench.usual: the same quotes through hoga and through the usual pattern: how long from a frame to the signal, and at what cost.

The usual pattern is what most home-made bots are: a thread that reads the socket and hands texts to an event loop, three asyncio queues one
behind the other (data, signals, orders), handlers that parse JSON into dicts, and a line in a log file for every event. The stand-in here
reads its frames with less work than the common clients do. Both decide the same: a target that turns at each n-th quote.

A server in a process of its own sends the quotes at a fixed rate, fifty at a time, as the streams of many symbols do; each carries the
moment at which it was sent.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import multiprocessing
import os
import socket
import tempfile
import threading
from pathlib import Path
from time import monotonic, monotonic_ns, process_time, sleep, time_ns
from typing import Any

import msgspec
import uvloop

from bench.machine import pin_process
from bench.orderline import shake_hands
from bench.trading import Answers, Turns, bench_engine, bench_rules
from hoga.audit.log import AuditLogger
from hoga.core.market import DataType
from hoga.core.times import SECOND_NS
from hoga.core.trading import StreamUpdate
from hoga.net.ws import open_link
from hoga.runtime.frames import TEXT, ws_frame
from hoga.trading.bus import EventBus, EventClass
from hoga.trading.ports import Command, CommandKind
from hoga.trading.strategy import BookView
from hoga.venues.registry import VENUES

__all__ = ["UsualPlan", "UsualTimes", "measure_usual"]

_WARM = 500
_SPIN_NS = 80_000
_STAMP = b"##########"
_BURST = 50
"""So many come at once, as the streams of many symbols do."""


class UsualPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`pattern`: `hoga` or `usual`. `rate`: quotes a second. `turn_every`: quotes between two turns of the target."""

    pattern: str
    seconds: float
    rate: int
    turn_every: int
    core: int | None


class UsualTimes(msgspec.Struct, frozen=True, kw_only=True):
    """`signals`: from the sending of each quote to what was decided of it, ns. `cpu`: of one core, 0 to 1."""

    signals: list[int]
    cpu: float


def measure_usual(plan: UsualPlan) -> UsualTimes:
    """Let a server send, and decide."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, plan.seconds, plan.rate, plan.core), daemon=True)
    server.start()
    port = ours.recv()
    if plan.core is not None:
        pin_process(plan.core)
    run = {"hoga": _hoga, "usual": _usual}[plan.pattern]
    with tempfile.TemporaryDirectory() as folder:
        signals, cpu = run(port, plan, Path(folder))
    server.join(5)
    return UsualTimes(signals=signals[_WARM:], cpu=cpu)


# -- the server ---------------------------------------------------------------------------------------------------------------


def _serve(ready: Any, seconds: float, rate: int, core: int | None) -> None:
    others = [each for each in os.sched_getaffinity(0) if each != core] if hasattr(os, "sched_setaffinity") else []
    if others:
        os.sched_setaffinity(0, {others[0]})
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shake_hands(peer, peer.recv(65_536))
    apart, due = SECOND_NS * _BURST // rate, monotonic_ns() + SECOND_NS // 2
    frames = [b"".join(ws_frame(TEXT, _quote(first + number)) for number in range(_BURST)) for first in range(7)]
    for first in range(0, int(seconds * rate), _BURST):
        if (left := due - monotonic_ns()) > _SPIN_NS:
            sleep((left - _SPIN_NS) / SECOND_NS)
        while monotonic_ns() < due:
            pass
        peer.sendall(frames[first // _BURST % 7].replace(_STAMP, b"%d" % (SECOND_NS + monotonic_ns() % SECOND_NS)))
        due += apart
    peer.sendall(ws_frame(TEXT, b'{"end":1}'))
    peer.close()


def _quote(number: int) -> bytes:
    """The size of the bid is the moment of sending, ns of its second, and a second."""
    return b'{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"60000.%d","B":"%b.000","a":"60001.%d","A":"5.000","T":1,"E":1}' % (
        number % 7,
        _STAMP,
        number % 7,
    )


def _since(stamp: int) -> int:
    return (monotonic_ns() - stamp) % SECOND_NS


# -- hoga ---------------------------------------------------------------------------------------------------------------------


class _Timed(Turns):
    """Notes when it has decided."""

    def __init__(self) -> None:
        self.took: list[int] = []

    def on_book(self, book: BookView) -> None:
        super().on_book(book)
        self.took.append(_since(book.ticks.bid_size // 1_000))


def _hoga(port: int, plan: UsualPlan, folder: Path) -> tuple[list[int], float]:
    strategy = _Timed()
    strategy.every = plan.turn_every
    rules = bench_rules()
    with AuditLogger(folder / "journal") as log:
        answers = Answers(bench_engine(rules, plan.turn_every, strategy), log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            cpu = runner.run(_follow(port, answers))
    return strategy.took, cpu


async def _follow(port: int, answers: Answers) -> float:
    venue = answers.engine.state.rules_of[Turns.symbol].venue
    read, bus = VENUES[venue].ticks[DataType.QUOTE](answers.engine.state.rules_of[Turns.symbol]), EventBus()
    bus.subscribe(EventClass.DATA, answers.give)
    answers.now_ns = time_ns()
    answers.give(StreamUpdate(at_ns=answers.now_ns, venue=venue, live=True, missed=False))
    answers.give(Command(at_ns=answers.now_ns, kind=CommandKind.START, who="bench"))

    def on_frame(recv_ns: int, frame: bytes) -> None:
        if frame[2:3] == b"e" and frame[3:4] == b'"':
            answers.now_ns = recv_ns
            tick = read(frame, recv_ns)
            bus.publish(EventClass.DATA, tick, key=(tick.symbol, DataType.QUOTE))
            bus.drain()

    link = await open_link(
        f"ws://127.0.0.1:{port}", name="q", epoch=1, table={}, on_odd=on_frame, on_open=lambda now_ns: None, tls=None, timeout_s=5
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 500, 1_000)
    began, spent = monotonic(), process_time()
    while not link.closed.done():
        await asyncio.wait([link.closed], timeout=1.0)
        answers.now_ns = time_ns()
        answers.give(StreamUpdate(at_ns=answers.now_ns, venue=venue, live=True, missed=False))
    return (process_time() - spent) / (monotonic() - began)


# -- the usual pattern ----------------------------------------------------------------------------------------------------------


def _usual(port: int, plan: UsualPlan, folder: Path) -> tuple[list[int], float]:
    return asyncio.run(_bot(port, plan.turn_every, folder))


async def _bot(port: int, turn_every: int, folder: Path) -> tuple[list[int], float]:
    log = logging.getLogger("bench.usual")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(folder / "bot.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    log.addHandler(handler)
    loop = asyncio.get_running_loop()
    data: asyncio.Queue[str] = asyncio.Queue(1_000)
    signals: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(100)
    orders: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(50)
    took: list[int] = []
    threading.Thread(target=_read, args=(port, lambda text: loop.call_soon_threadsafe(data.put_nowait, text)), daemon=True).start()

    async def on_data() -> None:
        seen = 0
        while True:
            told = json.loads(await data.get())
            if "end" in told:
                await signals.put(None)
                return
            seen += 1
            book = {"symbol": told["s"], "bid": float(told["b"]), "ask": float(told["a"]), "bid_size": float(told["B"]), "seen": seen}
            log.info("tick %s bid=%s ask=%s", book["symbol"], book["bid"], book["ask"])
            await signals.put(book)

    async def on_signal() -> None:
        while (book := await signals.get()) is not None:
            wanted = 0.010 if (book["seen"] // turn_every) % 2 else 0.0
            took.append(_since(int(book["bid_size"])))
            log.info("signal %s target=%s", book["symbol"], wanted)
            await orders.put({"symbol": book["symbol"], "target": wanted})
        await orders.put(None)

    async def on_order() -> None:
        held = 0.0
        while (wish := await orders.get()) is not None:
            if wish["target"] != held:
                held = wish["target"]
                log.info("order %s to %s", wish["symbol"], held)

    began, spent = monotonic(), process_time()
    await asyncio.gather(on_data(), on_signal(), on_order())
    handler.close()
    return took, (process_time() - spent) / (monotonic() - began)


def _read(port: int, put: Any) -> None:
    """Read frames of a server until it ends: headers of 2 or 4 bytes, as short texts have."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")  # fmt: skip
    stream = peer.makefile("rb")
    while stream.readline() not in (b"\r\n", b""):
        pass
    while head := stream.read(2):
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(stream.read(2))
        put(stream.read(size).decode())
