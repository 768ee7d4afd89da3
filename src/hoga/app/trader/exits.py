"""app.trader.exits: the emergency exit as a trader begins it itself: once, for all of its accounts, over connections of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from hoga.app.config import VenueConfig
from hoga.app.exit import leave
from hoga.core.errors import HogaError
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.report import ExitReport
from hoga.runtime.logs import get_log

__all__ = ["Exits"]

_log = get_log("trading")

_WORST = (Verdict.FLAT, Verdict.FLAT_WITH_DUST, Verdict.UNKNOWN, Verdict.NOT_FLAT)
_PATIENT_SIGNALS = 2
"""The first signal more only tells what is left; the next one gives up."""


class Exits:
    """The exits of one trader. `reports`: of those that are over. `only_asked_for`: none was begun because of a fault."""

    def __init__(
        self,
        configs: list[VenueConfig],
        symbols: Mapping[str, tuple[str, ...]],
        data: Path,
        *,
        tell: Callable[[str], object],
    ) -> None:
        self.reports: list[ExitReport] = []
        self.only_asked_for = True
        self._configs = configs
        self._symbols = symbols
        self._data = data
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._failed = False
        self._given_up = False
        self._line = ""

    def begin(self, *, asked_for: bool) -> None:
        """Begin, unless that was done."""
        self.only_asked_for = self.only_asked_for and asked_for
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="trader exit")

    def give_up(self) -> None:
        """Try no longer."""
        self._given_up = True

    async def wait(self) -> None:
        """Until they are over."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def verdict(self) -> str:
        """The worst of all, "" where there was no exit."""
        if self._task is None:
            return ""
        if self._failed or not self.reports:
            return Verdict.UNKNOWN.value
        return max((each.verdict for each in self.reports), key=_WORST.index).value

    @property
    def line(self) -> str:
        """What was said last."""
        return self._line

    @property
    def is_flat(self) -> bool:
        """Whether the verdict says so."""
        return self.verdict() in (Verdict.FLAT, Verdict.FLAT_WITH_DUST)

    async def _run(self) -> None:
        for config in self._configs:
            try:
                report = await self._leave(config)
                self.reports.append(report)
                self._say(f"{config.venue}: {report.verdict}{f'; {report.why}' if report.why else ''}")
            except (HogaError, OSError) as fault:
                self._failed = True
                _log.error("the exit could not be carried out", venue=config.venue, why=str(fault), hint="hoga flatten")

    async def _leave(self, config: VenueConfig) -> ExitReport:
        names = tuple(symbol.partition(":")[2] for symbol in self._symbols[config.venue])
        return await leave(config, self._data, scope=Scope.OWN, symbols=names, tell=self._say, stop=lambda: self._given_up)

    def _say(self, text: str) -> None:
        self._line = text
        _log.warning("the exit", says=text)
        self._tell(text)

    @contextlib.contextmanager
    def patient_signals(self) -> Iterator[None]:
        """While an exit runs, a signal tells what is left, and the one after it gives up."""
        if self._task is None and threading.current_thread() is not threading.main_thread():
            yield
            return
        loop, count = asyncio.get_running_loop(), 0
        before: dict[signal.Signals, signal._HANDLER] = {}

        def heard(number: int, frame: FrameType | None) -> None:
            nonlocal count
            handler = before.get(signal.Signals(number))
            if self._task is None and callable(handler):
                handler(number, frame)
                return
            count += 1
            self._given_up = self._given_up or count >= _PATIENT_SIGNALS
            loop.call_soon_threadsafe(self._tell, self._line or "all positions are being left; one more signal gives up")

        before |= {each: signal.signal(each, heard) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
