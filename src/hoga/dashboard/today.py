"""dashboard.today: tells how complete each stream's present UTC day is, from the archive's ledgers. Reads files; blocks.

A ledger only grows, so each look reads what was appended since the one before. What the recorder has not sealed yet (the
last minute or two) is not judged.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.archive.form.calendar import strip
from hoga.archive.form.ledger import GapEntry, LiveEntry, decode_entry
from hoga.archive.form.proof import proof_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, clipped, covered_ns, joined, without
from hoga.core.ledger import Gap
from hoga.core.times import DAY_NS, day_of, day_start_ns
from hoga.dashboard.snapshot import StreamRow

__all__ = ["Completeness", "Today"]

_GAPS_SHOWN = 100
_READ_MAX = 4 << 20


class Completeness(msgspec.Struct, frozen=True):
    """One series' day so far. `coverage`: of the time since it was first recorded today, None before anything was sealed. `proven`: how
    much of that time ids prove, the series' own or those of one beside it.

    `strip`: one sign per quarter of an hour, see `archive.form.calendar`. `gaps`: the newest (from ns, to ns, reason, missed).
    """

    coverage: float | None
    strip: str
    gaps: list[tuple[int, int, str, int | None]]
    proven: float | None = None


class _Series:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_to = 0
        self.live: list[Span] = []
        self.gaps: set[Gap] = set()

    def look(self) -> bool:
        """Read what was appended. Returns whether anything was."""
        try:
            size = self.path.stat().st_size
            if size <= self.read_to:
                return False
            with self.path.open("rb") as file:
                file.seek(self.read_to)
                data = file.read(_READ_MAX)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self.read_to += len(whole)
        fresh: list[Span] = []
        for line in whole.splitlines():
            try:
                entry = decode_entry(line)
            except msgspec.DecodeError:
                continue
            if isinstance(entry, LiveEntry):
                fresh.append((entry.from_ns, entry.to_ns))
            elif isinstance(entry, GapEntry):
                self.gaps.add(entry.gap)
        self.live = joined([*self.live, *fresh])
        return bool(whole)


class Today:
    """The completeness of a run's streams. `look` again and again, in one thread."""

    def __init__(self) -> None:
        self._day = ""
        self._series: dict[Path, _Series] = {}
        self._known: dict[int, Completeness] = {}

    def look(self, streams: list[StreamRow], now_ns: int) -> dict[int, Completeness]:
        """Every stream by its place; only those that changed since the last look."""
        day = day_of(now_ns)
        if day != self._day:
            self._day = day
            self._series.clear()
            self._known.clear()
        paths = [SeriesDay(Path(row.directory), row.symbol, row.kind, day).ledger for row in streams]
        names: dict[Path, list[str]] = {}
        for path, row in zip(paths, streams, strict=True):
            names.setdefault(path, []).append(row.name)
        for path in names:
            self._series.setdefault(path, _Series(path)).look()
        beside = {(row.venue, row.symbol, row.kind): path for row, path in zip(streams, paths, strict=True)}
        changed: dict[int, Completeness] = {}
        looked: dict[Path, Completeness] = {}
        for at, (path, row) in enumerate(zip(paths, streams, strict=True)):
            if path not in looked:
                proof = proof_of(row.venue, row.kind, ",".join(names[path]))
                deltas = beside.get((row.venue, row.symbol, proof.beside or ""))
                series = self._series[path]
                looked[path] = _complete(series, series if proof.itself else self._series[deltas] if deltas else None, day, now_ns)
            if self._known.get(at) != looked[path]:
                changed[at] = self._known[at] = looked[path]
        return changed

    def of(self, at: int) -> Completeness | None:
        """Return the completeness of the stream at place `at` as last seen, None before the first look."""
        return self._known.get(at)

    def begin(self) -> None:
        """Forget everything: another run has begun, whose streams have other places."""
        self._day = ""


def _complete(series: _Series, prover: _Series | None, day: str, now_ns: int) -> Completeness:
    """`prover`: whose ids prove what is recorded while it is; None: nobody's."""
    start = day_start_ns(day)
    live = clipped(series.live, (start, min(now_ns, start + DAY_NS)))
    gaps = sorted(series.gaps, key=lambda gap: gap.from_ns)
    covered = without(live, [(gap.from_ns, gap.to_ns) for gap in gaps])
    proving = [] if prover is None else without(prover.live, [(gap.from_ns, gap.to_ns) for gap in prover.gaps])
    coverage = proven = None
    if live and live[-1][1] > live[0][0]:
        since = live[-1][1] - live[0][0]
        coverage = round(covered_ns(covered) / since, 6)
        proven = covered_ns(without(covered, without(covered, proving))) * 1_000_000 // since / 1_000_000
    shown = [(gap.from_ns, gap.to_ns, str(gap.reason), gap.missed) for gap in gaps[-_GAPS_SHOWN:]]
    return Completeness(coverage, strip(live, covered, start, proving), shown, proven)
