"""A week of faults for the hub on a clock that jumps: cuts, half-open sockets, refusals, shutdowns, ghosts, duplicates, garbage.

    python -m tests.campaign.hub_week --days 7 --save docs/results/hub-week.md

Everything is the program's own (manager, wires, connections, budgets, backoff) but the socket and the clock: the event loop
never sleeps, it moves its time to the next timer. Each stream brings a frame a second; its payload is tagged with the
connection and epoch it was sent on. Claims: the streams are there 99.9 % of the time, every subscription comes back after
every fault, and no frame of a dead epoch is ever delivered, nor any frame twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import selectors
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import hoga.feed.connection
from hoga.app.config import load_config
from hoga.app.hub import wires_of
from hoga.core.errors import ConnectFailed, HandshakeRefused
from hoga.core.market import DataType
from hoga.feed.wire import FeedWire
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.net.ws import CloseInfo
from hoga.runtime.clock import Timer
from hoga.venues.registry import VENUES

START_S = 1_000_000.0
"""Small enough for steps of a microsecond to be exact."""
DAY_S = 86_400.0
RESTORED_WITHIN_S = 60.0

FAULTS: dict[str, float] = {
    "cut": 24.0,
    "close 1001": 6.0,
    "close 1008": 2.0,
    "half open": 1.0,
    "silent, pings answered": 0.5,
    "refused with 503": 4.0,
    "refused with 429": 1.0,
    "port closed": 2.0,
    "announced shutdown": 2.0,
    "garbage": 24.0,
    "duplicates": 24.0,
    "one stream silent": 2.0,
}
"""How often a day each of them happens."""


class Clock:
    """Virtual seconds, as wall and as steady clock."""

    def __init__(self) -> None:
        self.now = START_S

    def __call__(self) -> float:
        return self.now

    def ns(self) -> int:
        return int(self.now * 1e9)

    monotonic = __call__
    time_ns = monotonic_ns = ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, act: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, act)


class JumpingSelector(selectors.DefaultSelector):
    """Where a loop would wait, time moves instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self._clock.now += max(timeout, 1e-6)
        return ready


class FakeLink:
    """A connection to the venue made of nothing; see `net.ws.Link`."""

    def __init__(self, venue: Venue, url: str, name: str, epoch: int, table: dict[bytes, Any], on_odd: Any, on_open: Any) -> None:
        self.venue = venue
        self.name = name
        self.epoch = epoch
        self.table = table
        self.on_odd = on_odd
        self.streams: dict[str, bytes] = {}
        """The last frame of each."""
        self.closed: asyncio.Future[CloseInfo] = asyncio.get_running_loop().create_future()
        self.opened_ns = self.last_control_ns = self.last_pong_ns = venue.clock.ns()
        self.last_control_at = venue.clock.now
        self.late_frames = 0
        self.half_open = self.silent = False
        self.muted = False
        on_open(self.opened_ns)
        for each in filter(None, url.partition("streams=")[2].split("/")):
            self.streams[unquote(each)] = b""

    def send(self, text: bytes) -> None:
        request = json.loads(text)
        for each in request["params"]:
            if request["method"] == "SUBSCRIBE":
                self.streams[each] = b""
            else:
                self.streams.pop(each, None)

    def ping(self) -> None:
        if not self.half_open:
            self.last_pong_ns = self.last_control_ns = self.venue.clock.ns()
            self.last_control_at = self.venue.clock.now

    def mute(self) -> None:
        self.muted = True
        self.table = {}

    async def close(self, *, timeout_s: float = 1.0) -> None:
        self.end(1000, "")

    def cut(self) -> None:
        self.end(1006, "")

    def end(self, code: int, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_result(CloseInfo(code, reason, self.venue.clock.ns()))
        self.venue.links.discard(self)

    def push(self, table: dict[bytes, Any], stream: str, frame: bytes) -> None:
        now = self.venue.clock.ns()
        key = frame[: frame.find(b"{", 12)]
        take = table.get(key)
        if (take is None or not take(now, frame)) and not self.muted:
            self.on_odd(now, frame)


class Venue:
    """Sends a frame a second for each stream, and misbehaves."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.random = random.Random(seed)
        self.links: set[FakeLink] = set()
        self.happened: Counter[str] = Counter()
        self.connects = self.sent = self.ghosts_sent = 0
        self.refuse: list[tuple[int, float | None]] = []
        self.port_closed_until = 0.0
        self.muted_stream: tuple[str, float] = ("", 0.0)
        self.number = 0
        self.ghosts: list[tuple[FakeLink, dict[bytes, Any], float]] = []

    async def open_link(self, url: str, *, name: str, epoch: int, table: dict[bytes, Any], on_odd: Any, on_open: Any, **_: Any) -> FakeLink:
        self.connects += 1
        await asyncio.sleep(0.05)
        if self.clock.now < self.port_closed_until:
            raise ConnectFailed(name, "refused", epoch=epoch)
        if self.refuse:
            status, retry_after_s = self.refuse.pop()
            raise HandshakeRefused(name, status, epoch=epoch, retry_after_s=retry_after_s)
        link = FakeLink(self, url, name, epoch, table, on_odd, on_open)
        self.links.add(link)
        return link

    def second(self) -> None:
        """Everything that happens within a second. Ghosts come first: a socket that has just been closed brings nothing more at
        once, it is what still holds on to its takers that must be kept out."""
        for link, table, _ in self.ghosts:
            self.ghosts_sent += self._send_all(link, table, "ghost")
        self.ghosts = [ghost for ghost in self.ghosts if self.clock.now < ghost[2]]
        for name, per_day in FAULTS.items():
            if self.links and self.random.random() < per_day / DAY_S:
                self.happened[name] += 1
                self._happen(name, self.random.choice(sorted(self.links, key=lambda link: (link.name, link.epoch))))
        self.number += 1
        for link in list(self.links):
            if not link.half_open and not link.silent:
                if not self.number % 20:
                    link.last_control_ns, link.last_control_at = self.clock.ns(), self.clock.now
                self._send_all(link, link.table, link.name)

    def _send_all(self, link: FakeLink, table: dict[bytes, Any], sender: str) -> int:
        for stream in link.streams:
            if stream == self.muted_stream[0] and self.clock.now < self.muted_stream[1] and sender != "ghost":
                continue
            frame = self.frame(stream, sender, link.epoch)
            link.push(table, stream, frame)
            self.sent += 1
            if sender != "ghost":
                link.streams[stream] = frame
        return len(link.streams)

    def frame(self, stream: str, sender: str, epoch: int) -> bytes:
        tag = f"{sender}#{epoch}"
        return (
            f'{{"stream":"{stream}","data":{{"e":"aggTrade","E":{int(self.clock.now * 1000)},"a":{self.number},"p":"1","q":"1","m":true,'
            f'"tag":"{tag}"}}}}'
        ).encode()

    def _happen(self, name: str, link: FakeLink) -> None:
        now = self.clock.now
        if name in ("cut", "close 1001", "close 1008"):
            self.ghosts.append((link, dict(link.table), now + 30.0))
            link.end(1006 if name == "cut" else int(name[-4:]), "")
        elif name == "half open":
            link.half_open = True
        elif name == "silent, pings answered":
            link.silent = True
        elif name.startswith("refused"):
            status = int(name[-3:])
            self.refuse += [(status, 10.0 if status == 429 else None)] * self.random.randint(1, 2)
            link.end(1006, "")
        elif name == "port closed":
            self.port_closed_until = now + self.random.uniform(1.0, 10.0)
            link.end(1006, "")
        elif name == "announced shutdown":
            link.on_odd(self.clock.ns(), b'{"stream":"","data":{"e":"serverShutdown","E":1}}')
            asyncio.get_running_loop().call_later(20.0, link.end, 1001, "")
        elif name == "garbage":
            link.push(link.table, "", b"}{ not json" + self.random.randbytes(20))
        elif name == "duplicates":
            for stream, frame in link.streams.items():
                if frame:
                    link.push(link.table, stream, frame)
        elif name == "one stream silent" and link.streams:
            self.muted_stream = (self.random.choice(sorted(link.streams)), now + 20.0)


class Consumer:
    """Checks every event by its tag, and how long each stream was away."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events = self.foreign = self.repeated = self.epochs = 0
        self.alive: set[tuple[str, int]] = set()
        self.last_id: dict[Any, int] = {}
        self.last_at: dict[Any, float] = {}
        self.longest_away_s = 0.0

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events += 1
        payload = event.payload
        tag = payload.partition(b'"tag":"')[2].partition(b'"')[0].decode()
        if tag != f"{event.conn}#{event.epoch}" or (event.conn, event.epoch) not in self.alive:
            self.foreign += 1
        number = int(payload.partition(b'"a":')[2].partition(b",")[0])
        if number <= self.last_id.get(event.stream, 0):
            self.repeated += 1
        self.last_id[event.stream] = number
        away = self.clock.now - self.last_at.get(event.stream, self.clock.now)
        self.longest_away_s = max(self.longest_away_s, away)
        self.last_at[event.stream] = self.clock.now

    def status(self, event: StatusEvent) -> None:
        if isinstance(event, EpochEvent):
            self.epochs += event.up
            (self.alive.add if event.up else self.alive.discard)((event.conn, event.epoch))


def patch(clock: Clock, venue: Venue) -> None:
    """The program's clocks and sockets are ours from here on."""
    hoga.feed.connection.open_link = venue.open_link  # type: ignore[assignment]  # the seam is the function

    async def nothing(self: FeedWire) -> None:
        return None

    FeedWire.known_symbols = nothing  # type: ignore[method-assign,assignment]  # there is no REST


async def week(clock: Clock, venue: Venue, days: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Live through it."""
    logging.getLogger("hoga").setLevel(logging.CRITICAL)
    overrides = ["BASE_BACKOFF=2", "MAX_BACKOFF=30"]
    manager = GlobalWebSocketManager(wires_of(load_config(None, overrides=overrides, environ={}), clock=clock), VENUES, clock=clock)
    manager.start()
    consumer = Consumer(clock)
    wishes = [SubscriptionSpec(DataType.TRADE, ["BTCUSDT", "ETHUSDT", "SOLUSDT"], venue) for venue in ("binance", "binance-usdm")]
    await manager.register_component("week", consumer, wishes, consumer.take, delivery=Delivery.INLINE, on_status=consumer.status)
    while len(consumer.last_at) < 6:
        venue.second()
        await asyncio.sleep(1.0)
    began, seconds, missing = clock.now, 0, 0
    end = began + days * DAY_S
    tasks = len(asyncio.all_tasks())
    while clock.now < end:
        venue.second()
        seconds += 1
        await asyncio.sleep(1.0)  # what was sent in this second is told in it, but maybe not in this very turn of the loop
        missing += sum(1 for at in consumer.last_at.values() if clock.now - at > 1.5)
        if not seconds % 86_400:
            tell(f"day {seconds // 86_400}: {venue.connects} connects, {missing} stream-seconds missing")
    performance = manager.get_performance_metrics()
    fresh = sum(1 for at in consumer.last_at.values() if clock.now - at < RESTORED_WITHIN_S)
    found = {
        "seconds": seconds,
        "availability": 1.0 - missing / (seconds * 6),
        "events": consumer.events,
        "faults": dict(sorted(venue.happened.items())),
        "connects": venue.connects,
        "longest_away_s": round(consumer.longest_away_s, 1),
        "streams_at_the_end": fresh,
        "of_dead_epochs_sent": venue.ghosts_sent,
        "of_dead_epochs_dropped": performance.stale_frames,
        "of_dead_epochs_delivered": consumer.foreign,
        "delivered_twice": consumer.repeated,
        "tasks_more": len(asyncio.all_tasks()) - tasks,
    }
    await manager.stop()
    return found


def run(days: float, seed: int, *, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """One week, or less."""
    clock = Clock()
    random.seed(seed)
    venue = Venue(clock, seed)
    patch(clock, venue)
    loop = asyncio.SelectorEventLoop(JumpingSelector(clock))
    loop.time = clock  # type: ignore[method-assign]  # that is the point
    try:
        return loop.run_until_complete(week(clock, venue, days, tell))
    finally:
        loop.close()


def verdict(found: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    wrong = []
    if found["availability"] < 0.999:
        wrong.append(f"availability {found['availability']:.5f}")
    if found["streams_at_the_end"] != 6:
        wrong.append("a subscription was not restored")
    for key in ("of_dead_epochs_delivered", "delivered_twice", "tasks_more"):
        if found[key]:
            wrong.append(f"{key}: {found[key]}")
    if not found["of_dead_epochs_sent"]:
        wrong.append("no ghost was sent, so nothing was proved")
    return wrong


def page(found: dict[str, Any], days: float, seed: int, took_s: float) -> str:
    """The result, for docs/results."""
    rows = "\n".join(f"| {key.replace('_', ' ')} | {value} |" for key, value in found.items() if key != "faults")
    faults = "\n".join(f"| {name} | {count} |" for name, count in found["faults"].items())
    return (
        f"# A week of faults for the hub\n\n`make week`: {days:g} simulated days, seed {seed}, in {took_s:.0f} s. Six streams over two "
        f"connections, a frame a second each; a stream that brought none in a second counts as missing for it, whatever the reason.\n\n"
        f"| what | measured |\n|---|---|\n{rows}\n\n| fault | times |\n|---|---|\n{faults}\n\n"
        f"Verdict: {'; '.join(verdict(found)) or 'as promised'}.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    began = perf_counter()
    found = run(options.days, options.seed, tell=lambda line: print(line, file=sys.stderr))
    print(json.dumps(found))
    if options.save:
        options.save.write_text(page(found, options.days, options.seed, perf_counter() - began))
    wrong = verdict(found)
    print("\n".join(wrong) or "as promised", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
