"""bench.switches: what measuring costs a frame, and what `--dev` does when it is off and when it is on.

The same frames are read and decided by the same engine, in turns of some hundred, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic_ns, perf_counter_ns

import msgspec

from bench.machine import pin_process
from bench.trading import Answers, bench_engine, bench_rules
from hoga.audit.log import AuditLogger
from hoga.core.market import DataType
from hoga.core.ticks import MarketEvent
from hoga.core.times import SECOND_NS
from hoga.core.trading import StreamUpdate
from hoga.trading.bus import EventBus, EventClass
from hoga.trading.meter import Meter
from hoga.trading.ports import Command, CommandKind, Event
from hoga.trading.shapes import misshapen
from hoga.venues.registry import VENUES

__all__ = ["SwitchPlan", "Switched", "measure_switches"]

_TURN = 400
_APART_NS = 500_000
_FRAME_NS = 5_500
"""What one costs here: each sixteenth is measured, as of 2,000 in a second."""
_BEGIN_NS = 1_800_000_000 * SECOND_NS


class SwitchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`turns` of each kind."""

    turns: int
    core: int | None


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """ns a frame. `plain`: not measured; `measured`: as a trader measures; `off`, `on`: with the switch `--dev`, which chooses at the
    start who is handed the events: with it off, that is who would be without it."""

    plain: float
    measured: float
    off: float
    on: float


class _Shell:
    """A trader's way from a frame to a decision, as far as it matters here."""

    def __init__(self, step: Callable[[Event], object], *, dev: bool) -> None:
        self.step = step
        decide = self._checked if dev else self._step
        self.meter = Meter()
        self.ends_ns = self.sample_ns = 0
        self.bus = EventBus()
        self.bus.subscribe(EventClass.DATA, decide)

    def _step(self, event: Event) -> None:
        self.step(event)

    def _checked(self, event: Event) -> None:
        assert not misshapen(event), "frames are sound"
        self.step(event)

    def _is_over(self) -> bool:
        return monotonic_ns() > self.ends_ns

    def plain(self, event: MarketEvent) -> None:
        """Neither."""
        self.bus.publish(EventClass.DATA, event, key=event.symbol)
        self.ends_ns = monotonic_ns() + SECOND_NS
        self.bus.drain(self._is_over)

    def measured(self, event: MarketEvent) -> None:
        """As `app.trader.trader` does."""
        self.bus.publish(EventClass.DATA, event, key=event.symbol)
        self.ends_ns = monotonic_ns() + SECOND_NS
        self.bus.drain(self._is_over)
        if self.ends_ns >= self.sample_ns:
            self.sample_ns = self.ends_ns + 16 * _FRAME_NS
            self.meter.decision(monotonic_ns() - self.ends_ns + SECOND_NS)


def measure_switches(plan: SwitchPlan) -> Switched:
    """In turns."""
    if plan.core is not None:
        pin_process(plan.core)
    rules = bench_rules()
    engine, read = bench_engine(rules, 1 << 60), VENUES[rules.venue].ticks[DataType.QUOTE](rules)
    with tempfile.TemporaryDirectory() as folder, AuditLogger(Path(folder) / "journal") as log:
        there = Answers(engine, log)
        there.now_ns = now = _BEGIN_NS
        there.give(StreamUpdate(at_ns=now, venue=rules.venue, live=True, missed=False))
        there.give(Command(at_ns=now, kind=CommandKind.START, who="bench"))
        body = b'{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"60000.0","B":"5.000","a":"60001.0","A":"5.000","T":1,"E":1}'
        sober, careful = _Shell(engine.step, dev=False), _Shell(engine.step, dev=True)
        kinds = {"plain": sober.plain, "measured": sober.measured, "off": _Shell(engine.step, dev=False).plain, "on": careful.plain}
        found: dict[str, list[float]] = {name: [] for name in kinds}
        gc.collect()
        gc.freeze()
        gc.disable()
        for turn in range(plan.turns):
            order = list(kinds.items())
            for name, take in order[turn % 4 :] + order[: turn % 4]:
                there.give(StreamUpdate(at_ns=now, venue=rules.venue, live=True, missed=False))
                began = perf_counter_ns()
                for _ in range(_TURN):
                    now += _APART_NS
                    take(read(body, now))
                found[name].append((perf_counter_ns() - began) / _TURN)
                there.now_ns = now
        gc.enable()
    return Switched(**{name: median(times) for name, times in found.items()})
