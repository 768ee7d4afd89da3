"""The hub's own requests in vain: what is wished for later comes all the same, and those who have theirs notice nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from hoga.app.config import Config, load_config
from hoga.app.hub import wires_of
from hoga.core.market import DataType
from hoga.hub.events import BaseWebSocketEvent, EpochEvent
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.waiting import eventually

SYMBOLS = {"binance": ("BTCUSDT", "ETHUSDT"), "binance-usdm": ("BTCUSDT", "ETHUSDT"), "upbit": ("KRW-BTC", "KRW-ETH")}


class Widget:
    """A component."""

    def __init__(self) -> None:
        self.events: list[BaseWebSocketEvent] = []
        self.status: list[Any] = []

    def told(self, symbol: str) -> Callable[[], object]:
        return lambda: any(event.symbol == symbol for event in self.events)


def config(sim: Simulator, venue: str) -> Config:
    urls = sim.venues[venue].urls
    values = {"BASE_BACKOFF": "1", f"{venue}.WS_URL": urls["ws"], f"{venue}.REST_URL": urls["rest"]}
    return load_config(None, overrides=[f"{key}={value}" for key, value in values.items()], environ={})


@pytest.mark.parametrize("venue", list(SYMBOLS))
@pytest.mark.parametrize("kind", [FaultKind.REFUSE_SUBSCRIBE, FaultKind.IGNORE_SUBSCRIBE])
async def test_a_later_wish_in_vain_comes_all_the_same(venue: str, kind: FaultKind, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = VENUES[venue]
    monkeypatch.setitem(VENUES, venue, dataclasses.replace(spec, requests=dataclasses.replace(spec.requests, answer_s=1.0)))
    first, later = SYMBOLS[venue]
    async with Simulator(SimulatorConfig(venues=(venue,), symbols=SYMBOLS[venue], seed=11)) as sim:
        manager, one, two = GlobalWebSocketManager(wires_of(config(sim, venue)), VENUES), Widget(), Widget()
        manager.start()
        try:
            wish = SubscriptionSpec(DataType.ORDERBOOK, [first], venue=venue)
            await manager.register_component("one", one, [wish], one.events.append, on_status=one.status.append)
            await eventually(one.told(first))
            sim.inject(Fault(fault=kind, count=1))
            wish = SubscriptionSpec(DataType.ORDERBOOK, [later], venue=venue)
            await manager.register_component("two", two, [wish], two.events.append)
            await eventually(two.told(later))
            assert sim.status()["faults"][0]["affected_total"] == 1
            lives = [event for event in one.status if isinstance(event, EpochEvent) and not event.up]
            closes = venue == "upbit" and kind is FaultKind.REFUSE_SUBSCRIBE
            assert len(lives) == closes, "only a venue that closes with its refusal has a second life"
        finally:
            await manager.stop()
