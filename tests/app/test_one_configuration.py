"""A manager's configuration is handed on by it: whoever it serves asks the same servers, and nobody has to say it twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import hoga
from hoga.app.config import load_config
from hoga.app.hub import config_of, open_manager
from hoga.core.errors import ProtocolMisuse
from hoga.hub.errors import ArgumentError, SubscriptionError
from hoga.hub.manager import GlobalWebSocketManager
from hoga.simulator import Simulator, SimulatorConfig
from tests.waiting import LONG_S, eventually


@pytest.fixture(autouse=True)
def _no_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    monkeypatch.chdir(tmp_path)


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=5)) as found:
        yield found


def conf(simulator: Simulator, folder: Path, name: str = "own.conf") -> Path:
    path = folder / name
    path.write_text(f"SYMBOLS = BTCUSDT\nWS_URL = {simulator.ws_url}\nREST_URL = {simulator.rest_url}\n")
    return path


@pytest.mark.parametrize("way", ["the process's", "config=", "manager="])
async def test_snapshots_are_asked_where_the_deltas_come_from(simulator: Simulator, tmp_path: Path, way: str) -> None:
    path = conf(simulator, tmp_path)
    manager = await hoga.GlobalWebSocketManager.get_instance(path)
    more = {"the process's": {}, "config=": {"config": path}, "manager=": {"manager": manager}}[way]
    keeper = hoga.BookKeeper("binance", ["btcusdt"], **more)  # type: ignore[arg-type]
    await keeper.start()
    await eventually(lambda: keeper.book("BTCUSDT") is not None)
    assert keeper.book("btcusdt") is not None
    assert (keeper.snapshots >= 1, keeper.refused) == (True, 0)
    await keeper.stop()
    await manager.stop()


async def test_a_keeper_makes_the_process_s_manager_as_it_says(simulator: Simulator, tmp_path: Path) -> None:
    keeper = hoga.BookKeeper("binance", ["BTCUSDT"], config=conf(simulator, tmp_path))
    await keeper.start()
    await eventually(lambda: keeper.book("BTCUSDT") is not None)
    await keeper.stop()
    manager = GlobalWebSocketManager.running()
    assert manager is not None
    await manager.stop()
    assert GlobalWebSocketManager.running() is None


async def test_the_same_again_is_no_mistake_and_another_is(simulator: Simulator, tmp_path: Path) -> None:
    path = conf(simulator, tmp_path)
    manager = await hoga.GlobalWebSocketManager.get_instance(path)
    assert await hoga.GlobalWebSocketManager.get_instance(str(path)) is manager
    assert await hoga.GlobalWebSocketManager.get_instance(config_of(path)) is manager
    other = tmp_path / "other.conf"
    other.write_text("SYMBOLS = ETHUSDT\n")
    with pytest.raises(ProtocolMisuse, match="configured already, and otherwise"):
        await hoga.GlobalWebSocketManager.get_instance(other)
    await manager.stop()


async def test_subscribe_without_a_word_takes_the_manager_s(simulator: Simulator, tmp_path: Path) -> None:
    manager = await hoga.GlobalWebSocketManager.get_instance(conf(simulator, tmp_path))
    async with asyncio.timeout(LONG_S):
        async for event in hoga.subscribe("binance:btcusdt", "orderbook"):
            if isinstance(event, hoga.OrderbookEvent):
                break
    assert event.symbol == "BTCUSDT"
    await manager.stop()


async def test_a_manager_of_wires_alone_has_no_configuration() -> None:
    manager = GlobalWebSocketManager([], {})
    assert manager.config is None
    await manager.stop()
    config = load_config(None, overrides=["SYMBOLS=BTCUSDT"], environ={})
    manager = await open_manager(config)
    assert manager.config is config
    await manager.stop()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: hoga.subscribe("binanse:BTCUSDT", "orderbook"), "unknown venue.*did you mean binance"),
        (lambda: hoga.subscribe("BTCUSDT", "orderbook"), "expected venue:symbol"),
        (lambda: hoga.subscribe("binance:???", "orderbook"), "not spelt like a symbol"),
        (lambda: hoga.subscribe("binance:BTCUSDT", "orderbok"), "did you mean orderbook"),
        (lambda: hoga.subscribe("binance:BTCUSDT", None), "kind: found None"),  # type: ignore[arg-type]
        (lambda: hoga.subscribe(None, "orderbook"), "what: found None"),  # type: ignore[arg-type]
        (
            lambda: hoga.subscribe("binance:BTCUSDT", "orderbook", since="yesterday"),
            "since: found 'yesterday', expected nanoseconds, a UTC time",
        ),
        (lambda: hoga.subscribe("binance:BTCUSDT", "orderbook", since=-1), "since: found -1"),
        (lambda: hoga.subscribe("binance:BTCUSDT", "orderbook", since=True), "since: found True"),
        (lambda: hoga.subscribe("binance:BTCUSDT", "orderbook", since=1.5), "since: found 1.5"),  # type: ignore[arg-type]
    ],
)
async def test_a_wrong_argument_of_subscribe_is_one_line(call: object, text: str) -> None:
    with pytest.raises(ValueError, match=text) as told:
        await anext(aiter(call()))  # type: ignore[operator]
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "more", "error", "text"),
    [
        (("binanse", ["BTCUSDT"]), {}, SubscriptionError, "did you mean binance"),
        (("binance", "BTCUSDT"), {}, ArgumentError, r"did you mean \['BTCUSDT'\]"),
        (("binance", ["BTCUSDT"]), {"on_event": "x"}, ArgumentError, "on_event"),
        (("upbit", ["KRW-BTC"]), {}, ProtocolMisuse, "no deltas"),
    ],
)
def test_a_keeper_is_checked_when_it_is_made(
    arguments: tuple[object, ...], more: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        hoga.BookKeeper(*arguments, **more)  # type: ignore[arg-type]


def test_a_symbol_that_is_not_kept_is_said() -> None:
    keeper = hoga.BookKeeper("binance", ["BTCUSDT"])
    with pytest.raises(ArgumentError, match="did you mean BTCUSDT"):
        keeper.book("BTCUSD")
    assert keeper.book("btcusdt") is None
