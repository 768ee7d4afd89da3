"""trading.meter: what a trader measures of itself: how long each step takes, what holds it up, what waits; each held against its bar. Pure.

    frame ─▶ decision ─▶ bytes ─▶ ack ─▶ fill

Steps are counted in buckets that are 3 % wide, a second at a time; spans of 1, 10 and 60 s are sums of those. The clock, the garbage
collector's pauses, the loop's delay and the memory are told by the shell (`second`). No lock is waited for between a frame and its order:
the engine has one thread, and the journal's `append` takes none; a test walks the code and finds a lock if there is one. So `lock` is 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

__all__ = ["BARS", "SPANS", "Bar", "Figure", "Meter", "Second", "Step", "Tally", "TraderFigures"]

SPANS = (1, 10, 60)
_HOUR_S = 3600
_WARM_UP_S = 60
_FEW = 100
"""Of fewer values a percentile is only the worst of them, and not held against a bar."""
_MEMORY_AFTER_S = 600
_PENDING = 1_000


class Step(StrEnum):
    """What is measured. `decision`: from a frame's turn to the end of what it led to; `bytes`: to the order's bytes on the socket; `ack`:
    from there to the venue's answer, `fill`: to the first trade."""

    DECISION = "decision"
    BYTES = "bytes"
    ACK = "ack"
    FILL = "fill"
    GC = "gc"
    LAG = "lag"
    LOCK = "lock"
    BACKLOG = "backlog"
    MEMORY = "memory"


class Bar(msgspec.Struct, frozen=True):
    """A bound: of the 99th percentile, or (`worst`) of the largest."""

    value: float
    worst: bool = False


BARS: dict[Step, Bar] = {
    Step.DECISION: Bar(1.0),
    Step.GC: Bar(10.0, worst=True),
    Step.LOCK: Bar(100.0, worst=True),
    Step.MEMORY: Bar(10.0, worst=True),
}
"""In the units of `_UNITS`."""
_UNITS = {Step.LOCK: "µs", Step.BACKLOG: "events", Step.MEMORY: "MB/h"}


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over a span. `unit`: ms, µs, events or MB/h; `bar`: None: there is none; `broken`: it is beyond it."""

    step: Step
    over_s: int
    unit: str
    count: int
    p50: float
    p99: float
    p999: float
    most: float
    bar: float | None
    broken: bool


class TraderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of a trader, as they were at its last second. `at_s`: seconds since it began to measure.

    `memory_bytes`: resident. `waiting`: the most events that waited in each class of the bus.
    """

    at_s: int = 0
    figures: tuple[Figure, ...] = ()
    memory_bytes: int = 0
    waiting: dict[str, int] = {}


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """What the shell measured in the last second. Pauses and delays in ms. `waiting`: events by class of the bus."""

    gc_worst_ms: float
    lag_worst_ms: float
    memory_bytes: int
    waiting: dict[str, int]


class Tally:
    """Durations in buckets of 3 %. `counts`: by bucket."""

    __slots__ = ("counts", "most")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.most = 0

    def add(self, ns: int) -> None:
        """One more, of at least 0."""
        if ns > self.most:
            self.most = ns
        shift = ns.bit_length() - 6
        key = ns if shift <= 0 else (shift << 6) + (ns >> shift)
        counts = self.counts
        counts[key] = counts.get(key, 0) + 1

    def quantiles_ms(self, shares: Iterable[float]) -> list[float]:
        """The values below which those shares lie, ms; 0 where there is nothing. `shares`: rising."""
        ordered, whole = sorted(self.counts), sum(self.counts.values())
        found, seen, at = [], 0, 0
        for share in shares:
            while at < len(ordered) and seen + self.counts[ordered[at]] < share * whole:
                seen += self.counts[ordered[at]]
                at += 1
            found.append(min(_middle(ordered[at]), self.most) / 1e6 if ordered else 0.0)
        return found


def _middle(key: int) -> int:
    shift, top = key >> 6, key & 63
    return key if shift == 0 else (top << shift) + (1 << shift >> 1)


class _Rolling:
    """The tallies of the last seconds together, kept up to date by what comes in and what falls out."""

    __slots__ = ("_kept", "_span", "whole")

    def __init__(self, span: int) -> None:
        self._span = span
        self._kept: deque[Tally] = deque()
        self.whole = Tally()

    def push(self, tally: Tally) -> None:
        """One more second."""
        self._kept.append(tally)
        counts = self.whole.counts
        for key, count in tally.counts.items():
            counts[key] = counts.get(key, 0) + count
        if len(self._kept) > self._span:
            for key, count in self._kept.popleft().counts.items():
                counts[key] -= count
                if not counts[key]:
                    del counts[key]
        self.whole.most = max(each.most for each in self._kept)


_TIMED = (Step.DECISION, Step.BYTES, Step.ACK, Step.FILL)


class Meter:
    """See the module. Times are of one steady clock, ns."""

    def __init__(self) -> None:
        self.now = {step: Tally() for step in _TIMED}
        self.decision = self.now[Step.DECISION].add
        """Counts one decision, of so many ns."""
        self._past = {(step, span): _Rolling(span) for span in SPANS for step in _TIMED}
        self._told = TraderFigures()
        self._seconds: deque[Second] = deque(maxlen=max(SPANS))
        self._memory: deque[tuple[int, int]] = deque(maxlen=61)
        self._at_s = 0
        self._sent: dict[str, int] = {}
        self._acked: set[str] = set()

    # -- counted as it happens --------------------------------------------------------------------------------------

    def sent(self, client_id: str, began_ns: int, now_ns: int) -> None:
        """The bytes of an order left; what led to it began then."""
        self.now[Step.BYTES].add(max(0, now_ns - began_ns))
        self._sent[client_id] = now_ns
        if len(self._sent) > _PENDING:
            gone = next(iter(self._sent))
            del self._sent[gone]
            self._acked.discard(gone)

    def accepted(self, client_id: str, now_ns: int) -> None:
        """The venue answered, or told of it."""
        at_ns = self._sent.get(client_id)
        if at_ns is not None and client_id not in self._acked:
            self._acked.add(client_id)
            self.now[Step.ACK].add(max(0, now_ns - at_ns))

    def filled(self, client_id: str, now_ns: int) -> None:
        """An own order was traded; its first trade counts."""
        at_ns = self._sent.pop(client_id, None)
        self._acked.discard(client_id)
        if at_ns is not None:
            self.now[Step.FILL].add(max(0, now_ns - at_ns))

    # -- each second --------------------------------------------------------------------------------------------------

    def second(self, told: Second) -> list[Figure]:
        """A second has passed; the figures of spans that ended with it and are beyond their bars."""
        self._at_s += 1
        for (step, _), rolling in self._past.items():
            rolling.push(self.now[step])
        self._seconds.append(told)
        self.now = {step: Tally() for step in _TIMED}
        self.decision = self.now[Step.DECISION].add
        if self._at_s >= _WARM_UP_S and self._at_s % 60 == 0:
            self._memory.append((self._at_s, told.memory_bytes))
        figures = tuple(self._figures())
        self._told = TraderFigures(at_s=self._at_s, figures=figures, memory_bytes=told.memory_bytes, waiting=told.waiting)
        return [each for each in figures if each.broken and self._at_s % min(each.over_s, max(SPANS)) == 0]

    def figures(self) -> TraderFigures:
        """All of them, of the last 1, 10 and 60 s."""
        return self._told

    def _figures(self) -> Iterator[Figure]:
        for span in SPANS:
            seconds = list(self._seconds)[-span:]
            for step in _TIMED:
                tally = self._past[step, span].whole
                p50, p99, p999 = tally.quantiles_ms((0.5, 0.99, 0.999))
                yield _figure(step, span, sum(tally.counts.values()), p50, p99, p999, tally.most / 1e6)
            yield _of_worst(Step.GC, span, [each.gc_worst_ms for each in seconds])
            yield _of_worst(Step.LAG, span, [each.lag_worst_ms for each in seconds])
            yield _of_worst(Step.BACKLOG, span, [float(sum(each.waiting.values())) for each in seconds])
            yield _of_worst(Step.LOCK, span, [0.0] * len(seconds))
        growth = self._growth_mb()
        if growth is not None:
            yield _of_worst(Step.MEMORY, self._memory[-1][0] - self._memory[0][0], [growth])

    def _growth_mb(self) -> float | None:
        """Growth of the memory over the last hour, as MB an hour; None: it was not watched for long enough."""
        if not self._memory or self._memory[-1][0] - self._memory[0][0] < _MEMORY_AFTER_S:
            return None
        (then_s, then), (now_s, now) = self._memory[0], self._memory[-1]
        return round((now - then) / 1e6 * _HOUR_S / (now_s - then_s), 3)


def _of_worst(step: Step, span: int, values: list[float]) -> Figure:
    ordered = sorted(values)
    middle, high = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return _figure(step, span, len(values), middle, high, ordered[-1], ordered[-1])


def _figure(step: Step, span: int, count: int, p50: float, p99: float, p999: float, most: float) -> Figure:
    bar = BARS.get(step)
    beyond = bar is not None and (most > bar.value if bar.worst else count >= _FEW and p99 > bar.value)
    unit = _UNITS.get(step, "ms")
    value = None if bar is None else bar.value
    return Figure(step=step, over_s=span, unit=unit, count=count, p50=p50, p99=p99, p999=p999, most=most, bar=value, broken=beyond)
