"""A connection whose link cannot be made, or ends in ways that nobody foresaw: one line each, a pause each, never a failed task."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import Callable, Collection
from time import time_ns
from typing import Any

import pytest

from hoga.core.streams import Stream
from hoga.feed.config import FeedConfig
from hoga.feed.connection import Connection
from hoga.hub.port import LegStats, LifeEnd, Take
from hoga.net.backoff import BackoffRules
from hoga.net.ratelimit import Budget
from hoga.runtime.logs import FIELDS
from tests.net.raw import LOOPS, RawServer, read_request, reset, shake, until_gone
from tests.net.test_endings import half_of_it, half_then_reset, says
from tests.net.test_ws import TEXT, ws
from tests.recorder.workbench import SPOT, stream
from tests.waiting import eventually


class Sink:
    """Takes nothing, and remembers how legs ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.legs = 0

    def opening(self, conn: str, epoch: int, streams: list[Stream]) -> dict[bytes, Take]:
        self.legs += 1
        return {}

    def closed(self, conn: str, epoch: int, end: LifeEnd) -> None:
        self.ends.append(end.why)
        self.at_ns = end.at_ns

    def opened(self, conn: str, epoch: int, now_ns: int) -> None: ...
    def live(self, conn: str, epoch: int, now_ns: int, names: Collection[str]) -> None: ...
    def waits(self, conn: str, epoch: int, now_ns: int, names: Collection[str], why: str) -> None: ...
    def odd(self, conn: str, epoch: int, now_ns: int, frame: bytes) -> None: ...
    def silent(self, name: str, since_ns: int) -> None: ...

    def lacking(self, conn: str, epoch: int) -> Collection[str]:
        return ()

    def received(self, name: str) -> tuple[int, int]:
        return 0, 0

    def brought(self, conn: str, epoch: int, name: str) -> tuple[int, int]:
        return 0, 0

    def race(self, conn: str, epoch: int) -> LegStats:
        return LegStats()

    def behind(self, conn: str, epoch: int, since_ns: int) -> list[str]:
        return []


def connection(url: str, sink: Sink, *, budget: Budget | None = None) -> Connection:
    config = FeedConfig(
        ws_url=url,
        ports=(1,),
        backoff=BackoffRules(base_s=1.1, max_s=0.2),
        rollover_s=3600.0,
        ready_ahead_s=1.0,
        ping_interval_s=20.0,
        ping_timeout_s=20.0,
        connect_timeout_s=0.3,
    )
    return Connection(
        "binance-1",
        SPOT,
        config,
        [stream("BTCUSDT", "aggTrade")],
        inlet=sink,
        connect_budget=budget or Budget(limit=1_000, window_s=1.0),
        tls=None,
        jitter=lambda: 0.0,
        first_rollover_s=3600.0,
        first_port=0,
    )


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [
        (record.getMessage().partition(" conn=")[0], getattr(record, FIELDS, {}))
        for record in caplog.records
        if record.name.startswith("hoga")
    ]


@pytest.mark.filterwarnings("ignore:unclosed SelectorSocketTransport")  # its socket is closed; nobody can tell the transport so
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("script", [lambda peer: None, reset, read_request, half_of_it, half_then_reset, says(b"\xff\r\n\r\n"), until_gone])
def test_a_handshake_that_fails_is_one_line_and_a_pause(
    loop: str, script: Callable[[socket.socket], object], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        sink = Sink()
        made = connection(server.url, sink)
        task = asyncio.create_task(made.run())
        await eventually(lambda: made.stats().failures >= 4 or task.done())
        assert not task.done(), "the connection's task is over"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert all(sink.ends)
        assert made.epoch == 0

    with RawServer(script) as server, asyncio.Runner(loop_factory=LOOPS[loop]) as runner, caplog.at_level(logging.DEBUG):
        runner.run(work())
    gc.collect()
    lines = told(caplog)
    assert {event for event, _ in lines} == {"connect failed"}
    assert [fields["attempt"] for _, fields in lines] == list(range(1, len(lines) + 1))
    assert len({fields["why"] for _, fields in lines}) <= 3
    assert all(fields["retry_in_s"] > 0 for _, fields in lines)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_link_that_ends_at_once_is_not_stormed_either(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """The handshake is good, and then it ends behind a frame, again and again."""

    def script(peer: socket.socket) -> None:
        shake(peer)
        peer.sendall(ws(TEXT, b"x" * 1400))
        reset(peer)

    async def work() -> None:
        sink = Sink()
        made = connection(server.url, sink)
        task = asyncio.create_task(made.run())
        await eventually(lambda: made.stats().failures >= 3 or task.done())
        assert not task.done()
        assert made.epoch >= 3
        await made.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with RawServer(script) as server, asyncio.Runner(loop_factory=LOOPS[loop]) as runner, caplog.at_level(logging.DEBUG):
        runner.run(work())
    lost = [fields for event, fields in told(caplog) if event == "connection lost"]
    assert len(lost) >= 3
    assert all(fields["close"].startswith("1006") for fields in lost)
    assert all(fields["retry_in_s"] > 0 for fields in lost)
    assert {event for event, _ in told(caplog)} <= {"connection lost", "connected", "connect failed"}


@pytest.mark.parametrize(
    ("answer", "least_s", "most_s"),
    [
        (b"HTTP/1.1 418 Teapot\r\n\r\n", 290.0, 300.0),
        (b"HTTP/1.1 429 Slow\r\n\r\n", 290.0, 300.0),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 20\r\n\r\n", 19.0, 20.0),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 1e400\r\n\r\n", 259_000.0, 259_200.0),
        (b"HTTP/1.1 503 Away\r\nRetry-After: 999999999\r\n\r\n", 3_600.0, 3_600.0),
        (b"HTTP/1.1 503 Away\r\nRetry-After: nan\r\n\r\n", 0.1, 1.0),
        (b"HTTP/1.1 503 Away\r\nRetry-After: Mon, 30 Nov 1999 00:50:00 GMT\r\n\r\n", 0.1, 1.0),
    ],
)
async def test_the_pause_that_is_told_is_the_one_that_is_made(
    answer: bytes, least_s: float, most_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget(limit=240, window_s=300.0)
    with RawServer(says(answer)) as server:
        made = connection(server.url, Sink(), budget=budget)
        task = asyncio.create_task(made.run())
        await eventually(lambda: any(event == "connect failed" for event, _ in told(caplog)))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    fields = told(caplog)[0][1]
    assert least_s <= fields["retry_in_s"] <= most_s
    assert f"HTTP {answer.split()[1].decode()}" in fields["why"]
    assert server.accepted == 1 or most_s <= 1.0


async def test_a_stop_while_a_connection_is_made_is_told_with_its_time() -> None:
    sink = Sink()
    with RawServer(until_gone) as server:
        made = connection(server.url, sink)
        before = time_ns()
        task = asyncio.create_task(made.run())
        await eventually(lambda: sink.legs and server.accepted)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sink.ends == ["not opened"]
    assert before <= sink.at_ns <= time_ns(), "else a leg that had just opened would end, in the journal, in 1970"
