"""app.trader.page: the trader's own page: twice a second, in memory that readers look at without asking, at a bounded price.

Nothing here waits for a reader or knows of one. What a page costs is measured, and the next one is put off so far that all of them
together take at most half a percent of a core.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, time_ns
from typing import Protocol

from hoga._version import __version__
from hoga.app.trader.state import (
    accounts_of,
    causes_of,
    instruments_of,
    money_of,
    orders_of,
    positions_of,
    room_of,
    strategies_of,
    unknown_of,
)
from hoga.audit.log import AuditLogger
from hoga.dashboard.page import PageWriter, page_path
from hoga.dashboard.trader import SEAT, FigureRow, TraderState, encode_trader
from hoga.runtime.logs import get_log
from hoga.trading.engine import Engine

__all__ = ["EVERY_S", "About", "Shown", "TraderPage"]

_log = get_log("trading")

EVERY_S = 0.5
_SHARE = 0.005
"""Of a core, at most."""
_SLOT_BYTES = 512 << 10


class About:
    """What of a trader does not change: its mode, its folder, its name; `figures()`: what it measures of itself."""

    def __init__(
        self,
        *,
        mode: str,
        name: str,
        data: Path,
        journal: Path,
        testnet: tuple[str, ...] = (),
        simulated: bool = False,
        exit_line: Callable[[], str] = lambda: "",
        verdict: Callable[[], str] = lambda: "",
        armed_by: Callable[[], str] = lambda: "",
        figures: Callable[[], tuple[FigureRow, ...]] = lambda: (),
    ) -> None:
        self.mode, self.name, self.data, self.journal = mode, name, data, journal
        self.testnet, self.simulated = testnet, simulated
        self.exit_line, self.verdict, self.armed_by, self.figures = exit_line, verdict, armed_by, figures
        self.started_ns = time_ns()


class Shown(Protocol):
    """As much of a trader as is looked at."""

    @property
    def engine(self) -> Engine:
        """What it knows."""

    @property
    def log(self) -> AuditLogger:
        """Its journal."""


class TraderPage:
    """Publishes a trader's state. `newest`: the bytes of the last one; `cost_s`: what it took."""

    def __init__(self, trader: Shown, about: About) -> None:
        self.newest = b""
        self.cost_s = 0.0
        self._trader = trader
        self._about = about
        self._page: PageWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._told = False

    def start(self) -> None:
        """Begin."""
        self.open()
        self._task = asyncio.create_task(self._run(), name="trader page")

    def open(self) -> None:
        """Make the page. Without memory for one there is none; the trader goes on."""
        try:
            self._page = PageWriter(page_path(self._about.data, part=SEAT), slot_bytes=_SLOT_BYTES)
        except OSError as fault:
            _log.warning("no page of the trader", why=str(fault), effect="no panel on the dashboard")

    async def stop(self) -> None:
        """The trader is over: so is its page."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.close()

    def close(self) -> None:
        """Let go of the page."""
        if self._page is not None:
            self._page.close()
            self._page = None

    async def _run(self) -> None:
        while True:
            self.publish()
            await asyncio.sleep(max(EVERY_S, self.cost_s / _SHARE))

    def publish(self) -> None:
        """Once. A fault of it is told once, and concerns nobody else."""
        began = perf_counter()
        try:
            self.newest = encode_trader(self.state())
            if self._page is not None and not self._page.publish(self.newest) and not self._told:
                self._told = True
                _log.warning("the trader's page is too long for its place", bytes=len(self.newest))
        except Exception as fault:  # noqa: BLE001  # the supervised place: what is shown must not end what trades
            _log.failure("cannot write the trader's page", fault)
        self.cost_s = perf_counter() - began

    def state(self) -> TraderState:
        """The trader now."""
        engine, about, now_ns = self._trader.engine, self._about, time_ns()
        state, health = engine.state, self._trader.log.health()
        unknown, unknown_s = unknown_of(state, now_ns)
        return TraderState(
            pid=os.getpid(),
            hoga=__version__,
            mode=about.mode,
            trader=about.name,
            data=str(about.data),
            journal=str(about.journal),
            started_ns=about.started_ns,
            written_ns=now_ns,
            rung=state.rung.name,
            incident=engine.ladder.incident,
            testnet=about.testnet,
            simulated=about.simulated,
            running=engine.running,
            causes=causes_of(engine),
            strategies=strategies_of(engine),
            instruments=instruments_of(state, now_ns),
            positions=positions_of(state),
            orders=orders_of(state, now_ns),
            open_orders=state.orders.count(),
            unknown_orders=unknown,
            unknown_s=round(unknown_s, 1),
            sent=engine.sent,
            fills=engine.fills,
            money=money_of(state),
            room=room_of(engine),
            accounts=accounts_of(engine, now_ns),
            journal_records=health.n,
            journal_lag_s=round(health.lag_s, 3),
            journal_waiting=health.waiting if health.unwritable_s else 0,
            journal_why=health.why if health.unwritable_s else "",
            exit=about.exit_line(),
            verdict=about.verdict(),
            armed_by=about.armed_by(),
            figures=about.figures(),
            publish_us=round(self.cost_s * 1e6, 1),
        )
