"""dashboard.watch: what a series of snapshots tells that a single one does not: rates, usual rates, silence, reconnects.

Fed with snapshots in order. Reads no clock: `mono_s` is the monotonic time at which a snapshot was written. What is kept over time is in
`dashboard.curves`.
"""

from __future__ import annotations

from collections import deque

import msgspec
import numpy
from numpy.typing import NDArray

from hoga.dashboard.snapshot import ConnectionRow, Snapshot, StreamFlag
from hoga.hub.states import UP
from hoga.quality.health import connection_health, is_silent
from hoga.quality.limits import BOOK_PATIENCE, NEW_TRADE_PATIENCE, TRADE_PATIENCE

__all__ = ["ConnectionHealth", "Watch"]

_RATE_S = 2.0
_PACED_S = 0.2
_PACE = 0.03
_KNOWN_AFTER_S = 60.0
_FORGET = 0.999
_LEARN_S = 5.0
_HOUR_S = 3600.0
_USUAL_S = 3600.0

Floats = NDArray[numpy.float64]


class ConnectionHealth(msgspec.Struct, frozen=True):
    """`rate`: frames a second; `per_hour`: reconnects in the last hour; `score`: `quality.health.connection_health` in percent."""

    rate: float
    per_hour: int
    score: int


class _Sample(msgspec.Struct, frozen=True):
    mono_s: float
    received: Floats
    chunks: Floats


class Watch:
    """Follows one run; a new run (another process, other streams) begins anew."""

    def __init__(self) -> None:
        self.run: tuple[int, int] = (0, 0)
        self._begin(0, 0)

    def _begin(self, streams: int, symbols: int) -> None:
        self._recent: deque[_Sample] = deque()
        self._last_second = 0.0
        self._started = 0.0
        self.rates: Floats = numpy.zeros(streams)
        self.flush_ms: Floats = numpy.full(streams, numpy.nan)
        self.quiet_s: Floats = numpy.zeros(streams)
        self._none_quiet = [0.0] * streams
        self._pace: Floats = numpy.zeros(streams)
        self._reconnects: dict[str, tuple[int, deque[float]]] = {}
        self._lanes: NDArray[numpy.int64] = numpy.zeros(streams, dtype=numpy.int64)
        self._steady: NDArray[numpy.bool_] = numpy.zeros(streams, dtype=bool)
        self._asked: NDArray[numpy.bool_] = numpy.zeros(streams, dtype=bool)
        self._counted: Floats = numpy.zeros(streams)
        self._counted_s: Floats = numpy.zeros(streams)
        self._was_quiet: NDArray[numpy.bool_] = numpy.zeros(streams, dtype=bool)
        self._newest: NDArray[numpy.int64] = numpy.zeros(streams, dtype=numpy.int64)
        self._longest_s: Floats = numpy.zeros(streams)
        self._usual: Floats = numpy.zeros(streams)
        self._usual_s: Floats = numpy.zeros(streams)

    def feed(self, snapshot: Snapshot, *, pid: int, mono_s: float) -> bool:
        """Take a snapshot. Returns whether a new run began with it."""
        fresh = (pid, snapshot.meta.started_ns) != self.run or len(snapshot.meta.streams) != len(self.rates)
        if fresh:
            self.run = (pid, snapshot.meta.started_ns)
            self._begin(len(snapshot.meta.streams), len(snapshot.meta.symbols))
            self._started = mono_s
            self._counted = numpy.array(snapshot.rows.received, dtype=float)
            self._counted_s = numpy.full(len(self.rates), mono_s)
            self._lanes = numpy.array([row.lane for row in snapshot.meta.streams], dtype=numpy.int64)
            self._steady = numpy.array([row.steady for row in snapshot.meta.streams], dtype=bool)
            self._asked = numpy.array([row.asked for row in snapshot.meta.streams], dtype=bool)
        self._rate(snapshot, mono_s)
        self._judge_quiet(snapshot, mono_s)
        if mono_s - self._last_second >= 1.0:
            self._last_second = mono_s
            self._learn(snapshot, mono_s)
            self._count_reconnects(snapshot.connections, mono_s)
        return fresh

    @property
    def paced(self) -> bool:
        """Whether rates are known: two looks, some time apart."""
        return len(self._recent) > 1 and self._recent[-1].mono_s - self._recent[0].mono_s >= _PACED_S

    @property
    def quiet(self) -> list[float]:
        """`quiet_s` as plain numbers; the same list, to be left as it is, while nothing is quiet."""
        return self.quiet_s.tolist() if self.quiet_s.any() else self._none_quiet

    @property
    def pace(self) -> Floats:
        """Frames a second of each stream while it speaks, of late."""
        return self._pace

    @property
    def usual(self) -> Floats:
        """Each stream's own usual rate, of the last hour or so, silences left out; NaN before a minute is known."""
        return numpy.where(self._usual_s >= _KNOWN_AFTER_S, self._usual, numpy.nan)

    # -- rates and silence ----------------------------------------------------------------------------------------

    def _rate(self, snapshot: Snapshot, mono_s: float) -> None:
        sample = _Sample(mono_s, numpy.array(snapshot.rows.received, dtype=float), numpy.array(snapshot.rows.chunks, dtype=float))
        recent = self._recent
        recent.append(sample)
        while len(recent) > 2 and recent[1].mono_s <= mono_s - _RATE_S:
            recent.popleft()
        span = mono_s - recent[0].mono_s
        if span < _PACED_S:
            return
        self.rates = numpy.maximum(sample.received - recent[0].received, 0.0) / span
        chunks = sample.chunks - recent[0].chunks
        with numpy.errstate(divide="ignore"):
            lanes = numpy.where(chunks > 0, span * 1e3 / chunks, numpy.nan)
        if len(lanes):
            self.flush_ms = lanes[self._lanes]

    def _learn(self, snapshot: Snapshot, mono_s: float) -> None:
        """Follow the pace of every stream, when it speaks: a silence must not pass for a slower pace while it lasts."""
        received = numpy.array(snapshot.rows.received, dtype=float)
        spoke = received > self._counted
        elapsed = numpy.maximum(mono_s - self._counted_s, 0.1)
        share = 1.0 - (1.0 - (_PACE if mono_s - self._started > _LEARN_S else 0.5)) ** elapsed
        moved = self._pace + ((received - self._counted) / elapsed - self._pace) * share
        self._pace = numpy.where(spoke & ~self._was_quiet, moved, self._pace)
        self._counted = numpy.where(spoke, received, self._counted)
        self._counted_s = numpy.where(spoke, mono_s, self._counted_s)
        self._was_quiet &= ~spoke
        self._longest_s *= _FORGET
        if self.paced:
            self._usual_s += self.quiet_s == 0
            share = numpy.where(self.quiet_s == 0, 1.0 / numpy.clip(self._usual_s, 1.0, _USUAL_S), 0.0)
            self._usual += (self.rates - self._usual) * share

    def _judge_quiet(self, snapshot: Snapshot, mono_s: float) -> None:
        """A steady stream is quiet after `BOOK_PATIENCE`. Trades come in bursts: `TRADE_PATIENCE`, once their pauses are known.
        What is asked for comes when it is asked for."""
        newest = numpy.array(snapshot.rows.newest_ns, dtype=numpy.int64)
        known = (newest > 0) & (newest <= snapshot.now_ns)  # one that is ahead: the clock was set back since, and says nothing
        age = numpy.where(known, (snapshot.now_ns - newest) / 1e9, mono_s - self._counted_s)
        came = (newest > self._newest) & (self._newest > 0) & (self.quiet_s == 0.0)
        self._longest_s = numpy.where(came, numpy.maximum(self._longest_s, (newest - self._newest) / 1e9), self._longest_s)
        self._newest = newest
        with numpy.errstate(divide="ignore"):
            interval = numpy.where(self._pace > 0.01, 1.0 / self._pace, numpy.inf)
        trades = TRADE_PATIENCE if mono_s - self._started > _KNOWN_AFTER_S else NEW_TRADE_PATIENCE
        books_silent, trades_silent = (
            is_silent(age, patience, interval_s=interval, longest_s=self._longest_s) for patience in (BOOK_PATIENCE, trades)
        )
        silent = numpy.where(self._steady, books_silent, trades_silent) & ~self._asked
        self.quiet_s = numpy.where(silent & (mono_s - self._started > _LEARN_S), age, 0.0)
        self._was_quiet |= self.quiet_s > 0

    # -- connections ------------------------------------------------------------------------------------------------

    def _count_reconnects(self, connections: list[ConnectionRow], mono_s: float) -> None:
        for each in connections:
            known, times = self._reconnects.get(each.name, (each.reconnects, deque(maxlen=1_000)))
            times.extend([mono_s] * min(1_000, max(0, each.reconnects - known)))
            while times and times[0] < mono_s - _HOUR_S:
                times.popleft()
            self._reconnects[each.name] = (each.reconnects, times)

    def health(self, connection: ConnectionRow, members: list[int]) -> ConnectionHealth:
        """How the connection does. Its liveness is the share of its streams that are not silent."""
        per_hour = len(self._reconnects[connection.name][1]) if connection.name in self._reconnects else 0
        rate = float(self.rates[members].sum()) if members else 0.0
        quiet = float((self.quiet_s[members] > 0).mean()) if members else 0.0
        up = connection.state in UP
        score = connection_health(connected=up, live=1.0 - quiet, reconnects=per_hour)
        return ConnectionHealth(round(rate, 1), per_hour, round(score * 100))

    def states(self, snapshot: Snapshot) -> list[int | None]:
        """Per stream its `StreamFlag`s, with silence as it is judged here."""
        if not self.quiet_s.any():
            return list(snapshot.rows.flags)  # as it nearly always is
        quiet = numpy.where(self.quiet_s > 0, int(StreamFlag.SILENT), 0)
        states: list[int | None] = (numpy.array(snapshot.rows.flags, dtype=numpy.int64) | quiet).tolist()
        return states
