"""The hub in a thread of its own, and a window that lives in the main one: scenarios of a GUI, off the screen."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

import hoga
from hoga.core.errors import ConfigError, ProtocolMisuse
from hoga.hub.manager import GlobalWebSocketManager
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from tests.waiting import until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gui_pyside6.py"


class Market:
    """A simulator in a thread of its own: the test's thread belongs to the window."""

    def __init__(self) -> None:
        self.simulator: Simulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._start())
        return self

    async def _start(self) -> None:
        self.simulator = Simulator(SimulatorConfig(symbols=("BTCUSDT", "ETHUSDT"), seed=5))
        await self.simulator.start()

    def inject(self, **fault: Any) -> None:
        async def there() -> None:
            self.simulator.inject(Fault(**fault))

        self.do(there())

    def wanted(self) -> int:
        async def there() -> int:
            return len(self.simulator.board.subscribers)

        return int(self.do(there()))

    def __exit__(self, *about: object) -> None:
        self.do(self.simulator.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Market]:
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    monkeypatch.chdir(tmp_path)
    with Market() as found:
        monkeypatch.setenv("HOGA_BINANCE__WS_URL", found.simulator.ws_url)
        monkeypatch.setenv("HOGA_BINANCE__REST_URL", found.simulator.rest_url)
        monkeypatch.setenv("HOGA_BASE_BACKOFF", "1")
        yield found


def test_values_are_read_in_any_thread_and_everything_else_is_called(market: Market) -> None:
    with hoga.HubThread() as hub:
        client = hoga.SimpleWebSocketClient("gui", manager=hub.manager)
        assert hub.call(client.register_interests(["BTCUSDT"], [hoga.DataType.ORDERBOOK]))
        until(lambda: client.get_orderbook("BTCUSDT"))
        assert not client.is_stale("BTCUSDT", hoga.DataType.ORDERBOOK)
        with pytest.raises(ProtocolMisuse, match="submit"):
            asyncio.run(client.register_interests(["ETHUSDT"], [hoga.DataType.ORDERBOOK]))
        with pytest.raises(ValueError, match="did you mean"):
            hub.call(client.register_interests(["BTCUSDT"], ["orderbok"]))  # type: ignore[list-item]
        hub.call(client.close())
        until(lambda: market.wanted() == 0)
        thread = next(each for each in threading.enumerate() if each.name == "hoga-hub")
    assert not thread.is_alive()
    hub.stop()
    work = client.close()
    with pytest.raises(ProtocolMisuse, match="not running"):
        hub.call(work)


def test_what_cannot_start_is_told_by_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlobalWebSocketManager, "_instance", None)
    hub = hoga.HubThread(tmp_path / "missing.conf")
    with pytest.raises(ProtocolMisuse, match="not started"):
        _ = hub.manager
    with pytest.raises(ConfigError, match=r"missing\.conf"):
        hub.start()
    with pytest.raises(ProtocolMisuse, match="started before"):
        hub.start()
    with pytest.raises(hoga.NoHub):
        hoga.HubThread(data=tmp_path).start()


class Desk:
    """The example's window, its application, and turns of Qt's loop."""

    def __init__(self) -> None:
        from PySide6.QtWidgets import QApplication

        spec = importlib.util.spec_from_file_location("gui_pyside6", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.app = QApplication.instance() or QApplication([])

    def until(self, good: Callable[[], Any]) -> None:
        def turn() -> Any:
            self.app.processEvents()
            return good()

        until(turn)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(os.environ, "QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed", exc_type=ImportError)
    return Desk()


def test_a_window_shows_what_is_now_what_is_stale_and_what_went_wrong(market: Market, desk: Desk) -> None:
    with hoga.HubThread() as hub:
        window = desk.module.Window(hub)
        window.show()

        def cell(row: int, column: int) -> Any:
            return window.table.item(row, column)

        def colour() -> str:
            found: str = cell(0, 2).foreground().color().name()
            return found

        desk.until(
            lambda: all(cell(row, column) is not None and cell(row, column).text() != "–" for row in range(2) for column in range(5))
        )
        desk.until(lambda: window.trades.count() >= 2)
        assert float(cell(0, 2).text()) < float(cell(0, 3).text())
        desk.until(lambda: "is connected" in window.statusBar().currentMessage())
        assert colour() == "#000000"
        picture = window.grab().toImage()
        assert len({picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}) > 1
        market.inject(fault=FaultKind.REFUSE_TCP, duration_s=3.0)
        market.inject(fault=FaultKind.CLOSE, code=1006)
        desk.until(lambda: "is down" in window.statusBar().currentMessage())
        desk.until(lambda: colour() == "#a0a0a4")
        desk.until(lambda: "is connected" in window.statusBar().currentMessage() and colour() == "#000000")
        window.close()
        until(lambda: market.wanted() == 0)
        assert hub.manager.get_routing_statistics().consumers == 0


def test_a_window_that_is_only_lost_ends_what_it_asked_for(market: Market, desk: Desk) -> None:
    with hoga.HubThread() as hub:
        window = desk.module.Window(hub)
        until(lambda: market.wanted() > 0)
        window.timer.stop()
        window.timer.timeout.disconnect()
        window.feed.traded.disconnect()
        window.feed.told.disconnect()
        del window
        gc.collect()
        until(lambda: market.wanted() == 0)
