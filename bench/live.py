"""bench.live: how late a consumer over NATS is: the whole program, its relay, a nats-server and a client, each a process of its own.

receipt → callback: from the collector's socket to the consumer's function, by one clock. It holds the journal's batches (1.5 ms), the
relay's gathering (25 ms), the server, and what the client does to read it all.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, process_time, time_ns

import msgspec

from bench.books import RECORDED, symbol_names
from bench.machine import pin_process
from bench.nats import nats_server
from bench.program import Program
from hoga.app.hub import connect
from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent, StatusEvent
from hoga.hub.private import MissedEvent
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.relay.config import RelayConfig
from hoga.runtime.loop import run as run_loop

__all__ = ["Heard", "LivePlan", "measure_live"]

_WARM_S = 3.0
_START_S = 60.0


class LivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the load server at `url` sends of `symbols` books, recorded below `folder`; measured for `seconds`."""

    url: str
    folder: str
    symbols: int
    seconds: float
    core: int | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """`events` within the time; `late_ms`: receipt → callback (p50, p99, max); `cpu_us`: the client's, an event; `missed` holes."""

    events: int
    late_ms: tuple[float, float, float]
    cpu_us: float
    missed: int


def measure_live(plan: LivePlan) -> Heard:
    """Take what comes."""
    folder = Path(plan.folder)
    with nats_server(folder) as server, _collector(plan, server.url):
        return run_loop(_listen(plan, server.url))


class _Desk:
    """Notes of each event when it was received and when it came here."""

    def __init__(self) -> None:
        self.noted = array("q")
        self.missed = 0

    def take(self, event: BaseWebSocketEvent) -> None:
        self.noted.extend((event.recv_ns, time_ns()))

    def status(self, event: StatusEvent) -> None:
        if isinstance(event, MissedEvent):
            self.missed += 1


async def _listen(plan: LivePlan, address: str) -> Heard:
    client, desk = await connect("bench", nats=address), _Desk()
    wish = SubscriptionSpec(DataType.ORDERBOOK, symbol_names(plan.symbols), "binance", channel=RECORDED)
    await client.manager.register_component("bench", desk, [wish], desk.take, delivery=Delivery.INLINE, on_status=desk.status)
    end = monotonic() + _START_S
    while not desk.noted and monotonic() < end:  # noqa: ASYNC110  # what is waited for has no event
        await asyncio.sleep(0.01)
    await asyncio.sleep(_WARM_S)
    gc.collect()
    gc.freeze()
    pin_process(plan.core)
    del desk.noted[:]
    desk.missed = 0
    cpu = process_time()
    await asyncio.sleep(plan.seconds)
    cpu = process_time() - cpu
    late = sorted((came - received) / 1e6 for received, came in zip(desk.noted[0::2], desk.noted[1::2], strict=True))
    missed = desk.missed
    await client.close()
    if not late:
        raise RuntimeError("nothing came over NATS")
    count = len(late)
    return Heard(
        events=count,
        late_ms=(late[count // 2], late[min(count - 1, int(count * 0.99))], late[-1]),
        cpu_us=cpu / count * 1e6,
        missed=missed,
    )


@contextmanager
def _collector(plan: LivePlan, address: str) -> Iterator[None]:
    """`hoga run` and a relay beside it."""
    folder = Path(plan.folder)
    os.environ["HOGA_COLLECTOR"] = "bench"
    program = Program(plan.url, folder / "data", plan.symbols, log=folder / "run.log")
    program.start()
    config = RelayConfig(collector="bench", nats_url=address, root=str(folder / "data"))
    with subprocess.Popen([sys.executable, "-m", "hoga.relay"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as relay:
        assert relay.stdin is not None
        relay.stdin.write(msgspec.json.encode(config) + b"\n")
        relay.stdin.flush()
        try:
            yield
        finally:
            relay.kill()
            program.stop()
