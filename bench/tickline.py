"""bench.tickline: from a quote's frame to the bytes of the order that it leads to, through the trader's own parts.

    chrt -f 10 taskset -c 0,1 python -m bench.tickline [--seconds 10] [--every 20]

A server in a process of its own, on the other core, sends 2,000 quotes a second on one WebSocket and takes orders on another one; it stamps
each frame when it sends it, and each order when its first byte is read. The trader here is the program's parts as they stand: socket,
reader, bus, engine with the gate's fourteen checks, journal on a disk, the venue's words, order line. Two times of each order, in µs: from
the socket's callback until the order's bytes were handed to the socket, and from the server's sending to the server's reading, with the
kernel's part of both ways in it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import select
import socket
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import monotonic_ns, time_ns
from typing import Any

import uvloop

from bench.orderline import KEYS, shake_hands, token_of
from bench.trading import Answers, bench_engine, bench_rules
from hoga.audit.log import AuditLogger
from hoga.core.market import DataType
from hoga.core.times import SECOND_NS
from hoga.core.trading import StreamUpdate
from hoga.net.lanes import Lanes
from hoga.net.line import Lost
from hoga.net.line_ws import WsLine, WsLineConfig
from hoga.net.ratelimit import Budget
from hoga.net.venue_clock import VenueClock
from hoga.net.ws import open_link
from hoga.runtime.clock import SYSTEM
from hoga.runtime.frames import TEXT, ws_frame
from hoga.trading.bus import EventBus, EventClass
from hoga.trading.engine import Engine
from hoga.trading.ports import Command, CommandKind, Event, Read, Send, Write
from hoga.venues.orders import Told
from hoga.venues.registry import VENUES

__all__ = ["main"]

_PER_SECOND = 2_000
_WARM_ORDERS = 50


def serve(ready: Any, seconds: float, every: int) -> None:
    """Send quotes, take orders; tell how long each took."""
    _pin(min)
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    quotes, orders = (_accept(listener) for _ in range(2))
    frames = [ws_frame(TEXT, _quote(number)) for number in range(7)]
    apart, took, sent_ns, due = SECOND_NS // _PER_SECOND, [], 0, monotonic_ns() + SECOND_NS // 2
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    try:
        for number in range(1, int(seconds * _PER_SECOND) + 1):
            while (left := due - monotonic_ns()) > 0:
                if not poll.poll(left / 1e6):
                    continue
                at = monotonic_ns()
                took.append((at - sent_ns) / 1000)
                body = json.dumps({"id": token_of(orders.recv(65_536)), "status": 200, "result": {"at": at}}).encode()
                orders.sendall(ws_frame(TEXT, body))
            if number % every == 0:
                sent_ns = monotonic_ns()
            quotes.sendall(frames[number % 7])
            due += apart
    finally:
        ready.send(took[_WARM_ORDERS:])
        quotes.close()
        orders.close()


def _accept(listener: socket.socket) -> socket.socket:
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shake_hands(peer, peer.recv(65_536))
    return peer


def _quote(number: int) -> bytes:
    return b'{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"60000.%d","B":"5.000","a":"60001.%d","A":"5.000","T":1,"E":1}' % (number, number)


class Trader:
    """The trader's parts in one place. `handed`: µs from the socket's callback until an order's bytes were with the socket."""

    def __init__(self, engine: Engine, log: AuditLogger) -> None:
        self.rules = bench_rules()
        self.spec = VENUES[self.rules.venue]
        self.answers = Answers(engine, log)
        self.handed: list[float] = []
        self.line: Any = None
        self._flying: dict[str, Any] = {}
        self._read = self.spec.ticks[DataType.QUOTE](self.rules)
        self._bus = EventBus()
        self._bus.subscribe(EventClass.DATA, self._step)
        self._began_ns = 0
        self._number = 0

    def on_frame(self, recv_ns: int, frame: bytes) -> None:
        """A quote."""
        self._began_ns = monotonic_ns()
        tick = self._read(frame, recv_ns)
        self._bus.publish(EventClass.DATA, tick, key=(tick.symbol, DataType.QUOTE))
        self._bus.drain()

    def _step(self, event: Event) -> None:
        answers = self.answers
        for effect in answers.engine.step(event):
            kind = effect.__class__
            if kind is Write:
                answers.log.append(effect.kind, effect.fields)  # type: ignore[union-attr]  # it is a Write
            elif kind is Send:
                assert self.spec.orders is not None, "it takes orders"
                request = effect.request  # type: ignore[union-attr]  # it is a Send
                self._number += 1
                token = f"g{self._number}"
                self._flying[token] = request
                self.line.send(self.spec.orders.new(request, self.rules), token)
                self.handed.append((monotonic_ns() - self._began_ns) / 1000)
            elif isinstance(effect, Read):
                answers.now_ns = time_ns()
                answers.give(answers.listing(effect))

    def answered(self, token: str, what: Told | Lost) -> None:
        """An order is at the venue, and filled; what is on its way when the server ends is not."""
        if isinstance(what, Told):
            self.answers.now_ns = time_ns()
            self.answers.fill(self._flying.pop(token))

    async def run(self, port: int) -> None:
        """Until the server closes."""
        self.answers.now_ns = now = time_ns()
        venue = self.rules.venue
        self.answers.give(StreamUpdate(at_ns=now, venue=venue, live=True, missed=False))
        self.answers.give(Command(at_ns=now, kind=CommandKind.START, who="bench"))
        url = f"ws://127.0.0.1:{port}"
        link = await open_link(
            url, name="quotes", epoch=1, table={}, on_odd=self.on_frame, on_open=lambda now_ns: None, tls=None, timeout_s=5
        )
        assert self.spec.talk is not None, "it takes orders over a WebSocket"
        self.line = WsLine(
            "bench", WsLineConfig(url=url), self.spec.talk(KEYS), self.answered, credentials=KEYS, lanes=Lanes(),
            venue_clock=VenueClock(SYSTEM), is_late=lambda body: False, connect_budget=Budget(limit=100, window_s=1.0), tls=None,
            jitter=lambda: 0.5,
        )  # fmt: skip
        running = asyncio.create_task(self.line.run())
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 500, 1_000)
        while not link.closed.done():  # the stream lives, and the account is read now and then
            await asyncio.wait([link.closed], timeout=1.0)
            self.answers.now_ns = time_ns()
            self.answers.give(StreamUpdate(at_ns=self.answers.now_ns, venue=venue, live=True, missed=False))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self.line.stop()


def _pin(pick: Any) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {pick(os.sched_getaffinity(0))})


def _row(name: str, times: list[float]) -> str:
    cuts = quantiles(times, n=1000)
    return f"| {name} | {len(times)} | {cuts[499]:.0f} | {cuts[899]:.0f} | {cuts[989]:.0f} | {cuts[998]:.0f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--every", type=int, default=20, help="each so-manieth quote leads to an order")
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=serve, args=(theirs, asked.seconds, asked.every), daemon=True)
    child.start()
    port = ours.recv()
    _pin(max)
    with tempfile.TemporaryDirectory() as folder, AuditLogger(Path(folder) / "journal") as log:
        trader = Trader(bench_engine(bench_rules(), asked.every), log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(trader.run(port))
    there = ours.recv()
    child.join()
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}, {_PER_SECOND} quotes a second, each {asked.every}th an order, µs\n")
    sys.stdout.write("| from, to | orders | p50 | p90 | p99 | p99.9 |\n|---|---:|---:|---:|---:|---:|\n")
    sys.stdout.write(f"{_row('the socket callback, bytes with the socket', trader.handed[_WARM_ORDERS:])}\n")
    sys.stdout.write(f"{_row('frame sent by the server, first byte at the server', there)}\n")


if __name__ == "__main__":
    main()
