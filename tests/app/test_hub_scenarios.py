"""What a real client of many widgets does, over real sockets; what was asked of the venue is counted where it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.core.market import DataType
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import BaseWebSocketEvent, EpochEvent, StatusEvent, SubscriptionErrorEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import Mode, SubscriptionSpec
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.app.upbit_server import UpbitServer
from tests.waiting import PatientClock
from tests.waiting import eventually as until

THOUSAND = [f"KRW-S{number}" for number in range(1_000)]


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[StatusEvent] = []

    def take(self, event: BaseWebSocketEvent) -> None:
        self.events.append(event)

    async def want(self, manager: GlobalWebSocketManager, *symbols: str, mode: Mode = Mode.BOTH, **more: Any) -> Any:
        types = more.pop("types", (DataType.TICKER,))
        wishes = [SubscriptionSpec(data_type, symbols, mode=mode) for data_type in types]
        return await manager.register_component(
            f"{id(self)}", self, wishes, self.take, delivery=Delivery.INLINE, on_status=self.status.append
        )


class PatientPace(Pace):
    """The pace, which does not count what the machine stood still: what is asked "within half a second" then is."""

    def __init__(self, clock: PatientClock) -> None:
        super().__init__()
        self._clock = clock

    def changed(self, now: float) -> None:
        super().changed(self._clock.monotonic())

    def due(self, now: float) -> float | None:
        return super().due(self._clock.monotonic())

    def told(self, now: float) -> None:
        super().told(self._clock.monotonic())


class Stage:
    """A small Upbit and a manager. `asked` is what each request so far subscribed: (type, code) without the flags."""

    def __init__(self, server: UpbitServer, pace: Pace) -> None:
        self.server = server
        self.manager = make(pace, **{"upbit.WS_URL": f"ws://{server.url}", "upbit.REST_URL": f"http://{server.url}"})

    @property
    def asked(self) -> list[set[tuple[str, str]]]:
        return [{(each["type"], code) for each in request if "type" in each for code in each["codes"]} for request in self.server.requests]

    async def asked_for(self, wanted: set[tuple[str, str]]) -> None:
        await until(lambda: self.asked and self.asked[-1] == wanted)


def make(pace: Pace | None = None, **settings: str) -> GlobalWebSocketManager:
    config: Config = load_config(None, overrides=[f"{key}={value}" for key, value in settings.items()], environ={})
    manager = GlobalWebSocketManager(wires_of(config), VENUES, pace=pace, linger_s=0.0)
    manager.start()
    return manager


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    clock = PatientClock()
    ticking = asyncio.create_task(clock.tick())
    async with UpbitServer(THOUSAND) as server:
        found = Stage(server, PatientPace(clock))
        yield found
        await found.manager.stop()
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)


async def test_four_charts_that_switch_symbols(stage: Stage) -> None:
    charts = [Widget() for _ in range(4)]
    types = (DataType.TRADE, DataType.ORDERBOOK)
    shown = [""] * 4
    for turn in range(5):
        for number, chart in enumerate(charts):
            shown[number] = f"KRW-S{turn * 4 + number}"
            await chart.want(stage.manager, shown[number], types=types)
            await asyncio.sleep(0.02)
    await stage.asked_for({(kind, symbol) for kind in ("trade", "orderbook") for symbol in shown})
    assert len(stage.server.requests) <= 2, "twenty switches within half a second"
    for chart in charts:
        chart.events.clear()
    for symbol in [f"KRW-S{number}" for number in range(20)]:
        await stage.server.send("trade", symbol, 1)
    await until(lambda: all(chart.events for chart in charts))
    assert [{event.symbol for event in chart.events} for chart in charts] == [{symbol} for symbol in shown]


async def test_a_switch_disturbs_nobody_else(stage: Stage) -> None:
    steady, switching = Widget(), Widget()
    await steady.want(stage.manager, "KRW-S1")
    await until(lambda: steady.events)
    for number in range(2, 6):
        await switching.want(stage.manager, f"KRW-S{number}")
        await stage.asked_for({("ticker", "KRW-S1"), ("ticker", f"KRW-S{number}")})
    assert len(steady.events) == 1, "no second snapshot of what runs already"
    assert len(stage.server.sockets) == 1


async def test_snapshot_and_realtime_wants_of_one_symbol_at_once(stage: Stage) -> None:
    live, once = Widget(), Widget()
    await live.want(stage.manager, "KRW-S1", mode=Mode.REALTIME)
    await once.want(stage.manager, "KRW-S1", mode=Mode.SNAPSHOT)
    await until(lambda: once.events)
    for number in (1, 2, 3):
        await stage.server.send("ticker", "KRW-S1", number)
    await until(lambda: live.events and live.events[-1].body.last == 3)
    assert len(once.events) == 1
    again = Widget()
    await again.want(stage.manager, "KRW-S1", mode=Mode.SNAPSHOT)
    await until(lambda: again.events)
    assert again.events[0].body.last == 3
    await asyncio.sleep(0.5)
    assert len(stage.server.requests) == 1


async def test_five_components_within_half_a_second_are_one_request(stage: Stage) -> None:
    widgets = [Widget() for _ in range(5)]
    for number, widget in enumerate(widgets):
        await widget.want(stage.manager, f"KRW-S{number}", "KRW-S9")
        await asyncio.sleep(0)
    await stage.asked_for({("ticker", f"KRW-S{number}") for number in (0, 1, 2, 3, 4, 9)})
    assert len(stage.server.requests) == 1
    assert len(stage.server.origins) == 1


async def test_a_hundred_components_asking_for_a_thousand_symbols_within_a_second(stage: Stage) -> None:
    widgets = [Widget() for _ in range(100)]
    for number, widget in enumerate(widgets):
        await widget.want(stage.manager, *THOUSAND[number * 10 : number * 10 + 10])
        await asyncio.sleep(0)
    await stage.asked_for({("ticker", symbol) for symbol in THOUSAND})
    assert len(stage.server.requests) <= 3
    assert len(stage.server.origins) == 1
    await until(lambda: all(len(widget.events) == 10 for widget in widgets))


async def test_one_of_three_that_overlap_leaves(stage: Stage) -> None:
    widgets = [Widget() for _ in range(3)]
    for number, widget in enumerate(widgets):
        await widget.want(stage.manager, f"KRW-S{number}", f"KRW-S{(number + 1) % 3}", f"KRW-S{number + 10}")
    both = {("ticker", f"KRW-S{number}") for number in range(3)}
    await stage.asked_for(both | {("ticker", f"KRW-S{number}") for number in (10, 11, 12)})
    await stage.manager.unregister_component(f"{id(widgets[1])}")
    await stage.manager.unregister_component(f"{id(widgets[1])}")
    await stage.asked_for(both | {("ticker", "KRW-S10"), ("ticker", "KRW-S12")})
    assert len(stage.server.requests) == 2


async def test_lower_case_is_understood_and_nonsense_is_told_at_once(stage: Stage) -> None:
    widget, other = Widget(), Widget()
    subscription = await widget.want(stage.manager, "krw-s1", "KRW-S2", "KRW/S3")
    with pytest.raises(SubscriptionError, match="no venue has symbols like these"):
        await other.want(stage.manager, "???")
    assert [error.symbols for error in subscription.errors] == [("KRW/S3",)]
    assert [type(event) for event in widget.status] == [SubscriptionErrorEvent]
    await stage.asked_for({("ticker", "KRW-S1"), ("ticker", "KRW-S2")})
    await until(lambda: widget.events)


async def test_leaving_while_events_are_on_their_way(stage: Stage) -> None:
    staying, leaving = Widget(), Widget()
    await staying.want(stage.manager, "KRW-S1")
    await leaving.want(stage.manager, "KRW-S1")
    await until(lambda: staying.events and leaving.events)
    for number in range(1, 20):
        await stage.server.send("ticker", "KRW-S1", number)
        if number == 10:
            await stage.manager.unregister_component(f"{id(leaving)}")
            seen = len(leaving.events)
    await until(lambda: staying.events[-1].body.last == 19)
    assert len(leaving.events) == seen
    assert [int(event.body.last) for event in staying.events] == list(range(20))


async def test_a_storm_of_reconnects_into_429_stays_within_the_limits_and_restores_everything() -> None:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=3)) as simulator:
        manager = make(WS_URL=simulator.ws_url, REST_URL=simulator.rest_url, BASE_BACKOFF="1")
        widget = Widget()
        await widget.want(manager, "BTCUSDT", "ETHUSDT", types=(DataType.ORDERBOOK, DataType.QUOTE))
        await until(lambda: len({event.stream.name for event in widget.events}) == 4)
        refusing = simulator.inject(Fault(fault=FaultKind.REFUSE, status=429, retry_after_s=1, duration_s=2.5))
        simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
        await until(lambda: widget.events[-1].epoch == 2)
        assert refusing is not None
        assert 1 <= refusing.affected.total() <= 3, "one attempt a second at most, as the venue wished"
        widget.events.clear()
        await until(lambda: len({event.stream.name for event in widget.events}) == 4)
        assert {event.epoch for event in widget.events} == {2}
        lives = [(event.epoch, event.up, "429" in event.why) for event in widget.status if isinstance(event, EpochEvent)]
        lives = lives[lives.index((1, True, False)) :]  # a busy machine's first attempt may take too long
        assert lives == [(1, True, False), (1, False, False), (2, False, True), (2, True, False)], "what refuses is told once"
        await manager.stop()


async def test_connections_that_come_and_go_are_forgotten(stage: Stage) -> None:
    for number in range(3):
        widget = Widget()
        await widget.want(stage.manager, f"KRW-S{number}")
        await until(lambda widget=widget: widget.events)
        await stage.manager.unregister_component(f"{id(widget)}")
        await until(lambda: not stage.server.sockets and not stage.manager.get_connection_metrics())
    inlets = stage.manager._inlets.values()
    await until(lambda: not any(inlet.books for inlet in inlets))
    assert len(stage.server.origins) == 3
    assert not any(inlet.epochs._newest or inlet.epochs._alive for inlet in inlets)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("hub upbit", "hub end"))]
