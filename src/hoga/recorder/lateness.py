"""recorder.lateness: one-way latency per symbol, the gate that follows from it, and the estimated event time's lead.

Sampled on a timer from each timed stream's newest frame, never in the frame's own path. Only live events are samples: a
snapshot has the time of its last change. A symbol none of whose recorded streams carries an event time is measured on a
probe stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from statistics import median
from typing import NamedTuple, Protocol

from hoga.core.times import MS_NS
from hoga.quality.eventtime import EventTime
from hoga.quality.gate import Gate, GateMode, is_skewed
from hoga.quality.latency import LatencyWindow
from hoga.recorder.config import LatencyRules

__all__ = ["GateMove", "Lateness", "Timed"]

_STEP_SYMBOLS = 64
_ONE_READ_NS = 50_000
"""Frames further apart than this did not come with one read of the socket."""
_REPORT_NS = 100_000
"""A median is told anew when it moved by a tenth of a millisecond, or by one part in a hundred."""


class Timed(Protocol):
    """A stream whose frames carry the venue's time."""

    def newest(self) -> tuple[int, bytes]:
        """(recv_ns, frame) of the newest."""
        ...


class GateMove(NamedTuple):
    """The gate of `symbol` opened or closed."""

    symbol: str
    closed: bool
    median_ns: int


class _Source:
    __slots__ = ("event_time", "payload_of", "seen_ns", "timed")

    def __init__(self, timed: Timed, event_time: EventTime, payload_of: Callable[[bytes], bytes]) -> None:
        self.timed = timed
        self.event_time = event_time
        self.payload_of = payload_of
        self.seen_ns = 0


class _Symbol:
    __slots__ = ("gate", "median_ns", "p99_ns", "sources", "told_ns", "window")

    def __init__(self, rules: LatencyRules) -> None:
        self.window = LatencyWindow(size=rules.deque_size, minimum=rules.sample_min)
        self.gate = Gate(threshold_ns=int(rules.threshold_ms * MS_NS), mode=GateMode(rules.gate))
        self.sources: list[_Source] = []
        self.median_ns: int | None = None
        self.p99_ns: int | None = None
        self.told_ns: int | None = None


class Lateness:
    """Latency of all symbols of a venue.

    `told(symbol, median_ns, overhead_ns)` is called from `ticking` for each symbol whose median moved enough to be written
    down. `offset_ns`: how far our clock is known to be ahead; the gate judges the latency without it, the data keep it.
    """

    def __init__(self, rules: LatencyRules, *, told: Callable[[str, int | None, int], None]) -> None:
        self._rules = rules
        self._told = told
        self._symbols: dict[str, _Symbol] = {}
        self._overheads: deque[int] = deque(maxlen=64)
        self.offset_ns = 0

    def watch(self, symbol: str, source: Timed, event_time: EventTime, payload_of: Callable[[bytes], bytes]) -> None:
        """Measure `symbol` on `source`; `payload_of(frame)` is what `event_time` reads."""
        self._of(symbol).sources.append(_Source(source, event_time, payload_of))

    def in_time(self, event_time: EventTime) -> Callable[[int, bytes], bool]:
        """Tells of a payload received at some time whether it says of itself that it is not late."""
        threshold_ns = int(self._rules.threshold_ms * MS_NS)

        def judge(recv_ns: int, payload: bytes) -> bool:
            event_ns = event_time.live_ns(recv_ns, payload)
            return event_ns is not None and recv_ns - event_ns - self.offset_ns <= threshold_ns

        return judge

    def _of(self, symbol: str) -> _Symbol:
        if symbol not in self._symbols:
            self._symbols[symbol] = _Symbol(self._rules)
        return self._symbols[symbol]

    @property
    def overhead_ns(self) -> int:
        """The median time that one frame takes to pass through our own code, from its stamp into the batch; 0 before it is known."""
        return int(median(self._overheads)) if self._overheads else 0

    def sample_overhead(self, stamps: list[int]) -> None:
        """Measure our own code on a batch, received at `stamps`, in order: frames of one read are stamped one after the other, and the
        time between two of them is what the first one took."""
        steps = [later - earlier for earlier, later in pairwise(stamps) if 0 < later - earlier < _ONE_READ_NS]
        if steps:
            self._overheads.append(int(median(steps)))

    def forget(self) -> None:
        """The clock was stepped: all samples are void."""
        for state in self._symbols.values():
            state.window.clear()

    def ticking(self) -> Iterator[GateMove | None]:
        """Sample every source that brought something new, judge every gate: each that moved, and None now and then: a
        step of a third of a millisecond is over."""
        for at, (symbol, state) in enumerate(self._symbols.items()):
            if at % _STEP_SYMBOLS == 0:
                yield None
            if not _sample(state):
                continue
            state.median_ns = state.window.median_ns()
            median_ns = None if state.median_ns is None else state.median_ns - self.offset_ns
            if state.gate.judge(median_ns) and median_ns is not None:
                yield GateMove(symbol, state.gate.closed, median_ns)
            self._tell(symbol, state)

    def _tell(self, symbol: str, state: _Symbol) -> None:
        now, told = state.median_ns, state.told_ns
        if now is None or (told is not None and abs(now - told) < max(_REPORT_NS, abs(told) // 100)):
            return
        state.told_ns = now
        self._told(symbol, now, self.overhead_ns)

    def medians(self) -> Iterable[tuple[str, int | None]]:
        """(symbol, median as last told) of every symbol."""
        return ((symbol, state.told_ns) for symbol, state in self._symbols.items())

    def median_ns(self, symbol: str) -> int | None:
        """The current median, None when unknown."""
        state = self._symbols.get(symbol)
        return state.median_ns if state else None

    def p99_ns(self, symbol: str) -> int | None:
        """The current 99th percentile, None when unknown."""
        state = self._symbols.get(symbol)
        return state.window.quantile_ns(0.99) if state else None

    def is_closed(self, symbol: str) -> bool:
        """Whether the symbol's gate keeps its streams from being recorded now."""
        state = self._symbols.get(symbol)
        return state is not None and not state.gate.stream_enabled

    def skewed(self) -> bool:
        """Whether the latencies can only come from clocks that differ."""
        return self.skew_ms() is not None

    def skew_ms(self) -> float | None:
        """The venue's median latency where it can only come from clocks that differ, else None."""
        known = [state.median_ns for state in self._symbols.values() if state.median_ns is not None]
        middle = int(median(known)) if known else 0
        return middle / MS_NS if is_skewed(middle) else None


def _sample(state: _Symbol) -> bool:
    fresh = False
    for source in state.sources:
        recv_ns, frame = source.timed.newest()
        if recv_ns == source.seen_ns:
            continue
        source.seen_ns = recv_ns
        event_ns = source.event_time.live_ns(recv_ns, source.payload_of(frame))
        if event_ns is not None:
            state.window.add(recv_ns - event_ns)
            fresh = True
    return fresh
