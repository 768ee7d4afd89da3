"""Books kept in step over real sockets: right at every shared update id, through gaps, cuts and refusals, within the limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from hoga.app.books import BookKeeper
from hoga.app.config import load_config
from hoga.app.hub import wires_of
from hoga.book.sync import BookEvent, BookState
from hoga.core.errors import ProtocolMisuse
from hoga.core.market import DataType
from hoga.hub.errors import ArgumentError
from hoga.hub.events import EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.waiting import eventually

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Stage:
    """A simulator, a manager, a keeper, and partial books to hold it against."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        overrides = ["BASE_BACKOFF=1", f"WS_URL={simulator.ws_url}", f"REST_URL={simulator.rest_url}"]
        self.config = load_config(None, overrides=overrides, environ={})
        self.manager = GlobalWebSocketManager(wires_of(self.config), VENUES)
        self.events: list[BookEvent] = []
        self.keeper = BookKeeper("binance", SYMBOLS, manager=self.manager, config=self.config, on_event=self.events.append)
        self.compared: Counter[str] = Counter()
        self.wrong: list[Any] = []
        self._tops: dict[tuple[str, int], Any] = {}

    async def start(self) -> None:
        self.manager.start()
        await self.keeper.start()
        for data_type, channel, call in ((DataType.ORDERBOOK, "depth5@100ms", self._top), (DataType.DELTA, None, self._compare)):
            wish = [SubscriptionSpec(data_type, SYMBOLS, "binance", channel=channel)]
            await self.manager.register_component(str(channel), self, wish, call, delivery=Delivery.LOOP)

    def _top(self, event: Any) -> None:
        self._tops[event.symbol, event.book.update_id] = event.book
        self._compare(event)

    def _compare(self, event: Any) -> None:
        """The first five levels, at every update id that both have."""
        book = self.keeper.book(event.symbol, depth=5)
        top = self._tops.get((event.symbol, book.update_id)) if book is not None and book.update_id is not None else None
        if book is not None and top is not None:
            self.compared[event.symbol] += 1
            if (book.bids, book.asks) != (top.bids, top.asks):
                self.wrong.append((book, top))

    async def in_step(self, more: int = 10) -> None:
        wanted = {symbol: self.compared[symbol] + more for symbol in SYMBOLS}
        await self.until(lambda: all(self.compared[symbol] >= count for symbol, count in wanted.items()))

    async def until(self, true: Callable[[], Any], seconds: float = 30.0) -> None:
        await eventually(true, seconds=seconds)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Simulator(SimulatorConfig(symbols=SYMBOLS, seed=5)) as simulator:
        found = Stage(simulator)
        await found.start()
        yield found
        await found.keeper.stop()
        await found.manager.stop()


async def test_books_equal_the_venues_through_a_gap_and_a_cut(stage: Stage) -> None:
    await stage.in_step()
    assert stage.keeper.snapshots == 2
    stage.simulator.inject(Fault(fault=FaultKind.DROP, count=1, streams="btcusdt@depth@100ms"))
    await stage.until(lambda: stage.keeper.gaps == 1)
    await stage.until(lambda: stage.keeper.state("BTCUSDT") is BookState.SYNCED)
    assert {event.symbol for event in stage.events if event.state is BookState.GAP} == {"BTCUSDT"}
    assert stage.keeper.snapshots == 3
    await stage.in_step()
    stage.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    await stage.until(lambda: stage.keeper.book("ETHUSDT") is None)
    await stage.in_step()
    assert stage.keeper.snapshots == 5
    assert stage.wrong == []


async def test_a_lost_connection_takes_its_books_whichever_of_its_lives_brought_them(stage: Stage) -> None:
    """After a handover a quiet symbol's newest delta is still of the life before."""
    await stage.in_step(3)
    (conn,) = stage.manager.get_connection_metrics()
    for name, kept in (("another", True), (conn, False)):
        stage.keeper._status(EpochEvent(venue="binance", conn=name, epoch=99, up=False, why="1006"))
        assert [stage.keeper.book(symbol) is not None for symbol in SYMBOLS] == [kept, kept]
    await stage.until(lambda: all(stage.keeper.book(symbol) for symbol in SYMBOLS))


async def test_a_refused_snapshot_is_asked_for_later_and_slower(stage: Stage) -> None:
    await stage.in_step(3)
    stage.simulator.inject(Fault(fault=FaultKind.REST_ERROR, status=429, retry_after_s=2, count=1, paths="*depth*"))
    began = asyncio.get_running_loop().time()
    stage.simulator.inject(Fault(fault=FaultKind.DROP, count=1, streams="btcusdt@depth@100ms"))
    await stage.until(lambda: stage.keeper.refused == 1)
    assert stage.keeper.state("ETHUSDT") is BookState.SYNCED
    await stage.until(lambda: stage.keeper.state("BTCUSDT") is BookState.SYNCED)
    assert asyncio.get_running_loop().time() - began >= 2.0
    await stage.in_step(3)
    assert stage.wrong == []


def test_a_venue_without_deltas_is_told_what_to_do_instead() -> None:
    async def make() -> None:
        BookKeeper("upbit", ["KRW-BTC"])

    with pytest.raises(ProtocolMisuse, match="whole books"):
        asyncio.run(make())


async def test_a_callback_that_raises_keeps_no_book_from_being_asked_for(stage: Stage) -> None:
    def raises(event: BookEvent) -> None:
        stage.events.append(event)
        raise LookupError("a user's mistake")

    keeper = stage.keeper
    keeper._on_event = raises
    await stage.in_step()
    before = keeper.snapshots
    stage.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    await stage.until(lambda: keeper.snapshots >= before + len(SYMBOLS))
    await stage.in_step()
    assert 0 < keeper.faults <= len(stage.events)
    assert not stage.wrong


def test_what_a_keeper_is_given_is_looked_at() -> None:
    with pytest.raises(ArgumentError, match=r"BookKeeper.*venue"):
        BookKeeper(["binance"], SYMBOLS)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"BookKeeper.*manager"):
        BookKeeper("binance", SYMBOLS, manager="x")  # type: ignore[arg-type]
