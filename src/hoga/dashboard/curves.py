"""dashboard.curves: the curves of the run and of each instrument over a day, and how they outlive the process. Fed once a second.

In memory (`dashboard.rings`): 9 KB of each column of the run, of which there are some twenty; 9.4 KB of each instrument. They are kept
in a file beside the page once a minute, so that neither a restart of the dashboard nor one of the recorder makes a hole in them that was
none; of more than `_WHOLE` instruments only the long range is.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import time
from typing import Any

import msgspec
import numpy
import zstandard
from numpy.typing import NDArray

from hoga.core.times import SECOND_NS
from hoga.dashboard.latency import Latency, run_latency
from hoga.dashboard.looking import key_of
from hoga.dashboard.rings import Curves, KeptCurves, Stretch
from hoga.dashboard.snapshot import Hardware, Meta, Snapshot
from hoga.dashboard.watch import Watch

__all__ = ["Kept", "RunCurves", "curves_path", "read_kept", "write_kept"]

_OF_RUN = ("p50", "p99", "worst", "disk50", "disk99", "fsync", "queue", "cpu", "collector", "memory", "lag", "gc", "net_in", "net_out")
_MOST = frozenset({"p99", "worst", "disk99", "fsync", "queue", "lag", "gc"})
_OF_INSTRUMENT = ("rate", "p50", "p99")
_FINE_S = 120
_LONGEST_S = 5.0
_DRAWN_MAX = 65_504.0
"""The largest number of 16 bits: curves of single instruments have three digits."""
_WHOLE = 100
_LONG_STEP_S = 120
_DIGITS = 2
_KEPT_MAX_BYTES = 64 << 20
_KEPT_S = 25 * 3600.0

Floats = NDArray[numpy.float64]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives the process. `version`: another one's is not read."""

    version: int
    run: KeptCurves
    instruments: dict[str, KeptCurves]


_VERSION = 1
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


class RunCurves:
    """`begin` with each run, `feed` with each snapshot. `latest`: the newest second of the run's curves, by name; `latency`: of the run
    now; `places`: of instruments, by name."""

    def __init__(self) -> None:
        self.latest: dict[str, float | None] = {}
        self.latency = Latency()
        self._run = Curves(_OF_RUN, most=_MOST)
        self._own = {name: Curves([], dtype=numpy.float16) for name in _OF_INSTRUMENT}
        self.places: dict[str, int] = {}
        self._kept: Kept | None = None
        self._symbols: NDArray[numpy.int64] = numpy.zeros(0, dtype=numpy.int64)
        self._venues: list[str] = []
        self._venue_of: NDArray[numpy.int64] = numpy.zeros(0, dtype=numpy.int64)
        self._second = -1
        self._counted: tuple[int, Floats] | None = None
        self._newest: dict[str, Floats] = {}

    def begin(self, meta: Meta) -> None:
        """Another run: curves of what is there again go on."""
        kept = self._kept or self.keep(most=len(self.places))
        self._kept = None
        self._symbols = numpy.array([row.symbol_at for row in meta.streams], dtype=numpy.int64)
        self._venues = list(dict.fromkeys(row.venue for row in meta.streams))
        self._venue_of = numpy.array([self._venues.index(row.venue) for row in meta.streams], dtype=numpy.int64)
        self.places = {key_of(row): row.symbol_at for row in meta.streams}
        keys = sorted(self.places, key=lambda key: self.places[key])
        self._run = Curves([*(f"rate:{venue}" for venue in self._venues), *_OF_RUN], most=_MOST)
        self._run.take(kept.run)
        for name in _OF_INSTRUMENT:
            most = keys if name in _MOST else ()
            self._own[name] = Curves(keys, most=most, fine_s=_FINE_S, dtype=numpy.float16)
            if name in kept.instruments:
                self._own[name].take(kept.instruments[name])
        self._second = -1
        self._counted = None

    def feed(self, snapshot: Snapshot, watch: Watch, hardware: Hardware | None) -> bool:
        """Take a snapshot; returns whether it is the first of a second, which is remembered then."""
        second = snapshot.now_ns // SECOND_NS
        if second == self._second:
            return False
        self._second = second
        received = numpy.array(snapshot.rows.received, dtype=float)
        rates = self._rates(snapshot.now_ns, received)
        count = len(snapshot.meta.symbols)
        medians, p99s = (numpy.array(values, dtype=float) for values in (snapshot.rows.median_ms, snapshot.rows.p99_ms))
        newest = numpy.zeros(count)
        numpy.maximum.at(newest, self._symbols, numpy.array(snapshot.rows.newest_ns, dtype=float))
        frames: Floats = numpy.bincount(self._symbols, weights=watch.pace, minlength=count).astype(float) + 1e-3
        self.latency = run_latency(medians, p99s, frames=frames, quiet_s=(snapshot.now_ns - newest) / SECOND_NS)
        own_rates: Floats = numpy.bincount(self._symbols, weights=rates, minlength=count).astype(float)
        self._newest = {"rate": own_rates, "p50": medians, "p99": p99s}
        for name, values in self._newest.items():
            self._own[name].add(second, numpy.minimum(values, _DRAWN_MAX))
        of_run = self._of_run(snapshot, rates, hardware)
        self._run.add(second, numpy.array([numpy.nan if value is None else value for value in of_run.values()]))
        self.latest = {name: None if value is None or value != value else round(value, _DIGITS) for name, value in of_run.items()}
        return True

    def _rates(self, now_ns: int, received: Floats) -> Floats:
        """Frames a second since the second before: their sum is what was received."""
        before, self._counted = self._counted, (now_ns, received)
        if before is None or not 0 < now_ns - before[0] < _LONGEST_S * SECOND_NS:
            return numpy.full(len(received), numpy.nan)
        rates: Floats = numpy.maximum(received - before[1], 0.0) * SECOND_NS / (now_ns - before[0])
        return rates

    def _of_run(self, snapshot: Snapshot, rates: Floats, hardware: Hardware | None) -> dict[str, float | None]:
        ticks = [venue.tick_ms for venue in snapshot.venues if venue.tick_ms]
        venues = numpy.bincount(self._venue_of, weights=rates, minlength=len(self._venues)).tolist()
        looked: tuple[float | None, ...] = (None, None, None, None, None)
        if hardware is not None:
            looked = (hardware.cpu_percent, hardware.collector_cpu, hardware.memory_percent, hardware.net_in, hardware.net_out)
        cpu, collector, memory, net_in, net_out = looked
        return {
            **{f"rate:{venue}": rate for venue, rate in zip(self._venues, venues, strict=True)},
            "p50": self.latency.p50,
            "p99": self.latency.p99,
            "worst": self.latency.worst,
            "disk50": max((tick[0] for tick in ticks), default=None),
            "disk99": max((tick[1] for tick in ticks), default=None),
            "fsync": max((venue.fsync_ms for venue in snapshot.venues), default=None),
            "queue": float(sum(snapshot.rows.queue)),
            "cpu": cpu,
            "collector": collector,
            "memory": memory,
            "lag": snapshot.process.loop_lag_max_ms,
            "gc": snapshot.process.gc_pause_max_ms,
            "net_in": net_in,
            "net_out": net_out,
        }

    # -- what is told -------------------------------------------------------------------------------------------------

    def point(self) -> dict[str, Any]:
        """The newest second, with its time."""
        return {"t": self._second * 1_000, **self.latest}

    def own(self, of: str, queue: list[int]) -> dict[str, Any] | None:
        """The newest second of an instrument; None: there is no such one, or none yet. `queue`: of each stream."""
        at = self.places.get(of)
        if at is None or not self._newest:
            return None
        waiting = sum(queue[stream] for stream in numpy.flatnonzero(self._symbols == at).tolist())
        return {
            "k": "own",
            "of": of,
            "t": self._second * 1_000,
            **{name: _plain(values[at]) for name, values in self._newest.items()},
            "queue": waiting,
        }

    def history(self, span: str, of: str, now_ns: int) -> dict[str, Any]:
        """The `history` message of the run (`of` ""), or of an instrument: what is known of the range, from the first point on."""
        now_s = now_ns // SECOND_NS
        at = self.places.get(of)
        if of and at is None:
            stretches: dict[str, Stretch] = {}
        elif at is None:
            over = self._run.over(span, now_s)
            stretches = {name: over._replace(values=over.values[:, column]) for column, name in enumerate(self._run.names)}
        else:
            stretches = {name: curves.over(span, now_s, [at]) for name, curves in self._own.items()}
        message: dict[str, Any] = {"k": "history", "range": span, "of": of, "t0": now_s * 1_000, "step": 1_000, "n": 0, "series": {}}
        if stretches:
            t0_s, step_s, _ = next(iter(stretches.values()))
            columns = numpy.array([stretch.values.ravel() for stretch in stretches.values()], dtype=float)
            known = numpy.flatnonzero(~numpy.isnan(columns).all(axis=0))
            first = int(known[0]) if len(known) else columns.shape[1]
            series = {name: [_plain(value) for value in row[first:].tolist()] for name, row in zip(stretches, columns, strict=True)}
            message |= {"t0": (t0_s + first * step_s) * 1_000, "step": step_s * 1_000, "n": columns.shape[1] - first, "series": series}
        return message

    # -- kept over a restart --------------------------------------------------------------------------------------------

    def keep(self, *, most: int = _WHOLE) -> Kept:
        """What is to outlive this process; of more than `most` instruments the long range only. Copies."""
        step_s = 1 if len(self.places) <= most else _LONG_STEP_S
        own = {name: curves.keep(least_step_s=step_s) for name, curves in self._own.items()}
        return Kept(version=_VERSION, run=self._run.keep(), instruments=own)

    def take(self, kept: Kept) -> None:
        """Begin with what was kept; to be called before the first run begins."""
        self._kept = kept


def _plain(value: float) -> float | None:
    return None if value != value else round(float(value), _DIGITS)


def curves_path(page: Path) -> Path:
    """The file beside a run's page."""
    return page.with_suffix(".curves")


def write_kept(path: Path, kept: Kept) -> None:
    """Put it in place of the one before. Blocks for some ms. Raises OSError."""
    temporary = path.with_suffix(".curves-new")
    temporary.write_bytes(zstandard.ZstdCompressor(level=1).compress(_encoder.encode(kept)))
    temporary.replace(path)


def read_kept(path: Path) -> Kept | None:
    """What was kept, None where there is nothing of use. Removes what other folders' dashboards left behind a day ago. Never raises."""
    with contextlib.suppress(OSError):
        for other in path.parent.glob("hoga-*.curves"):
            if time() - other.stat().st_mtime > _KEPT_S:
                other.unlink()
    try:
        data = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=_KEPT_MAX_BYTES)
        kept = _decoder.decode(data)
    except (OSError, zstandard.ZstdError, msgspec.DecodeError):
        return None
    return kept if kept.version == _VERSION else None
