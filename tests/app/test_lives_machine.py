"""Lives of one connection that open, bring frames and end in any order: what is told is what is, from a recorder in the process and over
the local socket."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import time_ns
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hoga.app.live import Live
from hoga.app.tap import RecorderTap
from hoga.core.market import DataType
from hoga.hub.events import EpochEvent, GapEvent, StatusEvent
from hoga.hub.local_server import HubServer
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import LifeEnd
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.venues.registry import VENUES
from tests.app.test_tap import TapWire
from tests.hub.workbench import FakeWire, trade
from tests.recorder.workbench import Bench, agg_trade, stream
from tests.tries import tries

BTC = stream("BTCUSDT", "aggTrade")


def started(wires: Any) -> GlobalWebSocketManager:
    pace = Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000)
    manager = GlobalWebSocketManager(wires, VENUES, pace=pace, linger_s=0.0)
    manager.start()
    return manager


class Tapped:
    """A recorder of this process, and its hub."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, [BTC])
        self.tap = RecorderTap(self.bench.recorder, list)
        self.manager = started([TapWire(self.tap)])
        self.conn = "binance-1"

    async def begin(self) -> None:
        await asyncio.sleep(0.001)

    def open(self, epoch: int) -> None:
        self.bench.connect(epoch=epoch)

    def fail(self, epoch: int) -> None:
        self.bench.recorder.legs.opening(self.conn, epoch, [BTC])
        self.end(epoch)

    def end(self, epoch: int) -> None:
        self.bench.cut((self.conn, epoch))

    def bring(self, epoch: int, number: int) -> None:
        self.bench.now += 1_000_000
        self.bench.send((self.conn, epoch), BTC, agg_trade(number))

    async def settle(self, *, beat: bool) -> bool:
        assert self.tap.faults == 0
        return True

    async def close(self) -> None:
        await self.manager.stop()


class Served:
    """A hub and a reader over its socket."""

    def __init__(self, folder: Path) -> None:
        self.wire = FakeWire("binance")
        self.wire.hold = True
        self.conn = self.wire.name
        self.here = started([self.wire])
        self.server = HubServer(self.here, folder / "hub", beat_s=3600.0)
        self.takes: dict[int, Any] = {}

    async def begin(self) -> None:
        await self.server.start()
        self.hub = LocalHub(self.server.path, VENUES, every=True)
        await self.hub.open()
        self.manager = started(self.hub.wires)

    def open(self, epoch: int) -> None:
        assert self.wire.inlet is not None
        self.takes[epoch] = self.wire.inlet.opening(self.conn, epoch, [BTC])
        self.wire.inlet.opened(self.conn, epoch, time_ns())

    def fail(self, epoch: int) -> None:
        assert self.wire.inlet is not None
        self.wire.inlet.opening(self.conn, epoch, [BTC])
        self.end(epoch)

    def end(self, epoch: int) -> None:
        assert self.wire.inlet is not None
        self.wire.inlet.closed(self.conn, epoch, LifeEnd("1006"))

    def bring(self, epoch: int, number: int) -> None:
        (take,) = self.takes[epoch].values()
        assert take(time_ns(), trade("BTCUSDT", number))

    async def settle(self, *, beat: bool) -> bool:
        while not self.wire.wants:
            await self.hub.symbols("binance")
        for reader in self.server.readers.values():
            reader._flush()
        if beat:
            self.server._tell()
        await self.hub.symbols("binance")  # its answer comes behind everything else
        assert self.hub.reconnects == 0
        return beat

    async def close(self) -> None:
        await self.manager.stop()
        await self.server.stop()
        await self.here.stop()


class LivesMachine(RuleBasedStateMachine):
    """The venue numbers its trades; each life brings them in order from where it began, some later than others."""

    place: type[Tapped] | type[Served] = Tapped

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.alive: dict[int, int] = {}
        self.epoch = self.sent = self.first = self.cuts = 0
        self.opened: list[int] = []
        self.returns = 0
        self.brought: set[int] = set()
        self.events: list[Any] = []
        self.status: list[StatusEvent] = []
        self.come: list[Any] = []
        self.live = Live([BTC])
        self.run(self._begin())
        self.the_venue_speaks(1)
        self.a_life_opens(0, True)
        self.a_life_brings(0, 1, True)

    async def _begin(self) -> None:
        self.it = self.place(Path(self.folder.name))
        await self.it.begin()
        wish = [SubscriptionSpec(DataType.TRADE, ["BTCUSDT"])]
        register = self.it.manager.register_component
        await register("a", self, wish, self.events.append, delivery=Delivery.INLINE, on_status=self.status.append)
        self.live.begin(after_ns=time_ns())
        await register("since", self.live, wish, self.live.take, delivery=Delivery.INLINE, on_status=self.live.status)
        await asyncio.sleep(0.001)
        await self.it.settle(beat=True)

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _do(self, act: Any, *told: int, beat: bool) -> None:
        act(*told)
        settled = await self.it.settle(beat=beat)
        while self.live._waiting:
            self.come.append(await self.live.next(1.0))
        if settled:
            assert {epoch for _, epoch in self.it.manager.open_lives(self.it.conn)} == self.alive.keys()

    @rule(count=st.integers(1, 4))
    def the_venue_speaks(self, count: int) -> None:
        self.sent += count

    @precondition(lambda self: len(self.alive) < 3)
    @rule(behind=st.integers(0, 3), beat=st.booleans())
    def a_life_opens(self, behind: int, beat: bool) -> None:
        self._catch_up()
        if not self.alive:
            self.first = self.sent - (1 if (behind and self.sent in self.brought) or not self.opened else 0)
            self.returns += bool(self.opened)
        at = max(self.first, self.sent - behind) if self.alive else self.first
        self.epoch += 1
        self.alive[self.epoch] = at
        self.opened.append(self.epoch)
        self.run(self._do(self.it.open, self.epoch, beat=beat))

    @rule(beat=st.booleans())
    def an_attempt_fails(self, beat: bool) -> None:
        self._catch_up()
        self.run(self._do(self.it.fail, self.epoch + 1, beat=beat))

    @precondition(lambda self: bool(self.alive))
    @rule(which=st.integers(0, 2), count=st.integers(1, 5), beat=st.booleans())
    def a_life_brings(self, which: int, count: int, beat: bool) -> None:
        epoch = sorted(self.alive)[which % len(self.alive)]
        self.run(self._do(self._bring, epoch, self.alive[epoch] + count, beat=beat))

    def _bring(self, epoch: int, to: int) -> None:
        for number in range(self.alive[epoch] + 1, min(to, self.sent) + 1):
            self.it.bring(epoch, number)
            self.brought.add(number)
            self.alive[epoch] = number

    def _catch_up(self) -> None:
        """To connect takes longer than one life lags behind another."""
        for epoch in self.alive:
            self._bring(epoch, max(self.brought, default=0))

    @precondition(lambda self: bool(self.alive))
    @rule(which=st.integers(0, 2), beat=st.booleans())
    def a_life_ends(self, which: int, beat: bool) -> None:
        epoch = sorted(self.alive)[which % len(self.alive)]
        if len(self.alive) > 1:
            self._bring(epoch, self.sent)  # what nobody else may have from there on
        del self.alive[epoch]
        self.cuts += not self.alive
        self.run(self._do(self.it.end, epoch, beat=beat))

    @invariant()
    def what_is_told_is_what_is(self) -> None:
        if not getattr(self, "opened", None):
            return
        told = [event.raw()["a"] for event in self.events]
        assert sorted(told) == sorted(self.brought)
        lives = [event for event in self.status if isinstance(event, EpochEvent) and event.epoch in self.opened]
        assert [event.epoch for event in lives if event.up] == self.opened
        assert sum(1 for event in lives if not event.up) == self.cuts
        gaps = [each for each in self.come if isinstance(each, GapEvent)]
        assert len(gaps) == 1 + self.returns
        assert [event.raw()["a"] for event in self.come if not isinstance(event, GapEvent)] == told

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.it.close())
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()
            self.folder.cleanup()


class ServedMachine(LivesMachine):
    place = Served


TestTapped = LivesMachine.TestCase
TestServed = ServedMachine.TestCase
TestTapped.settings = TestServed.settings = settings(max_examples=tries(80), stateful_step_count=25, deadline=None)
