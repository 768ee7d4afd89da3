"""dashboard.today: tells how complete each stream's present UTC day is, from the archive's ledgers. Reads files; blocks.

A ledger only grows, so each look reads what was appended since the one before. What the recorder has not sealed yet (the
last minute or two) is not judged. Of the day before only the gaps are read, for what happened in the last 24 hours: from its
ledgers, or from its manifests once it was merged.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.ledger import GapEntry, LiveEntry, decode_entry
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.proof import proof_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, clipped, covered_ns, joined, without
from hoga.core.errors import HogaError
from hoga.core.ledger import Gap
from hoga.core.times import DAY_NS, day_of, day_start_ns
from hoga.dashboard.minutes import day_text
from hoga.dashboard.snapshot import StreamRow
from hoga.quality.incidents import Incident, incidents_of

__all__ = ["Completeness", "Day", "DayTotals", "Today"]

_GAPS_SHOWN = 100
_READ_MAX = 4 << 20
_FORMER_GAPS = 200_000
"""So many gaps of the day before are kept in all, the newest."""


class Completeness(msgspec.Struct, frozen=True):
    """One series' day so far. `coverage`: of the time since it was first recorded today, None before anything was sealed. `proven`: how
    much of that time ids prove, the series' own or those of one beside it.

    `gaps`: the newest (from ns, to ns, reason, missed).
    """

    coverage: float | None
    gaps: list[tuple[int, int, str, int | None]]
    proven: float | None = None


class Day(NamedTuple):
    """An instrument's day so far: its minutes (`dashboard.minutes`); the share that was recorded of the time since it was first recorded
    today, None before anything was sealed; frames that are known to be missing; gaps of which nobody can know."""

    strip: str
    coverage: float | None
    missed: int
    uncounted: int


class DayTotals(NamedTuple):
    """The same of all series: `today` of the time since each was first recorded today, `day` of the time since 00:00."""

    today: float | None = None
    day: float | None = None
    missed: int = 0
    uncounted: int = 0


class _Account(NamedTuple):
    """One series' day, in ns: `recorded` of the time since its first record, of that since 00:00."""

    recorded: int
    since_first: int
    since_midnight: int
    missed: int
    uncounted: int


class _Series:
    """What a ledger says. `path`: its file, as text: a look at one that is not a `Path` costs half. `gaps_only`: the rest is
    passed over."""

    def __init__(self, path: str, *, gaps_only: bool = False) -> None:
        self.path = path
        self._gaps_only = gaps_only
        self.read_to = 0
        self.live: list[Span] = []
        self.gaps: set[Gap] = set()

    def look(self) -> bool:
        """Read what was appended. Returns whether anything was."""
        try:
            size = os.stat(self.path).st_size  # noqa: PTH116  # thousands of them
            if size <= self.read_to:
                return False
            with open(self.path, "rb") as file:  # noqa: PTH123
                file.seek(self.read_to)
                data = file.read(_READ_MAX)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self.read_to += len(whole)
        fresh: list[Span] = []
        for line in whole.splitlines():
            if self._gaps_only and b'"gap"' not in line:
                continue
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

    def covered(self) -> list[Span]:
        """When frames were recorded while they should be."""
        return without(self.live, [(gap.from_ns, gap.to_ns) for gap in self.gaps])


class _Former:
    """The gaps of a series' day that is over: the ledger grows until its last minutes are sealed, and is gone when it is merged."""

    def __init__(self, day: SeriesDay, series: _Series | None) -> None:
        self._series = _Series(str(day.ledger), gaps_only=True) if series is None else series
        self._manifest = day.manifest_path
        self._is_merged = False

    def look(self, most: int) -> None:
        """Read what was appended, or what the ledger has become; keeps the newest `most`."""
        if self._is_merged:
            return
        grown = self._series.look()
        if not grown and not os.path.exists(self._series.path):  # noqa: PTH110  # thousands of them
            with contextlib.suppress(HogaError, OSError):  # a damaged one is told by whoever verifies
                manifest = read_manifest(self._manifest)
                if manifest is not None:
                    self._is_merged = grown = True
                    self._series.gaps.update(manifest.gaps)
        if grown:
            self._series.live.clear()
            if len(self.gaps) > most:
                self._series.gaps = set(sorted(self.gaps, key=lambda gap: gap.to_ns)[-most:])

    @property
    def gaps(self) -> set[Gap]:
        return self._series.gaps


class _Plan:
    """Whose ledgers are where on a day, as long as neither the streams nor the day change: 50 ms of work for 1,500 streams.

    `paths`: of each stream; `owners`: whose a ledger is; `members`: the ledgers of each instrument; `provers`: whose ids prove what a
    ledger says is recorded, None: nobody's.
    """

    def __init__(self, streams: list[StreamRow], day: str) -> None:
        self.streams = streams
        self.paths = [str(SeriesDay(Path(row.directory), row.symbol, row.kind, day).ledger) for row in streams]
        self.owners: dict[str, StreamRow] = {}
        self.members: dict[int, dict[str, None]] = {}
        self.provers: dict[str, str | None] = {}
        names: dict[str, list[str]] = {}
        beside: dict[tuple[str, str, str], str] = {}
        for path, row in zip(self.paths, streams, strict=True):
            self.owners[path] = row
            self.members.setdefault(row.symbol_at, {})[path] = None
            names.setdefault(path, []).append(row.name)
            beside[row.venue, row.symbol, row.kind] = path
        for path, row in zip(self.paths, streams, strict=True):
            if path not in self.provers:
                proof = proof_of(row.venue, row.kind, ",".join(names[path]))
                self.provers[path] = path if proof.itself else beside.get((row.venue, row.symbol, proof.beside or ""))


class Today:
    """The completeness of a run's streams. `look` again and again, in one thread. `known`: of streams, by place, as last seen; `totals`:
    of all."""

    def __init__(self) -> None:
        self._day = ""
        self._plan = _Plan([], "")
        self._series: dict[str, _Series] = {}
        self._ended: dict[str, _Series] = {}
        self._looked: dict[str, Completeness] = {}
        self._looked_ns = 0
        self.known: dict[int, Completeness] = {}
        self._accounts: dict[str, _Account] = {}
        self._fresh: dict[int, Day] = {}
        self._former: dict[str, _Former] = {}
        self._incidents: tuple[int, list[Incident]] = (0, [])
        self.totals: DayTotals | None = None

    def look(self, streams: list[StreamRow], now_ns: int) -> dict[int, Completeness]:
        """Every stream by its place; only those that changed since the last look."""
        day = day_of(now_ns)
        if day != self._day:
            self._begin_day(streams, day)
        if self._plan.streams is not streams or not self._looked:
            self._plan = _Plan(streams, day)
            self._follow_former(day)
        plan = self._plan
        grown = {path for path in plan.owners if self._series.setdefault(path, _Series(path)).look()}
        begun_ns, self._looked_ns = min(self._looked_ns, now_ns), now_ns
        changed: dict[int, Completeness] = {}
        for path, prover in plan.provers.items():
            series = self._series[path]
            ahead = bool(series.live) and series.live[-1][1] > begun_ns  # of what is ahead of the clock only a part was told
            if path not in self._looked or path in grown or prover in grown or ahead:
                self._looked[path] = _complete(series, None if prover is None else self._series[prover], day, now_ns)
        for at, path in enumerate(plan.paths):
            if self.known.get(at) is not self._looked[path] and self.known.get(at) != self._looked[path]:
                changed[at] = self.known[at] = self._looked[path]
        self._account_for(grown, day_start_ns(day))
        return changed

    def _begin_day(self, streams: list[StreamRow], day: str) -> None:
        """Nothing is known of `day` yet; of the one before the gaps are, where it was looked at to its end."""
        self._ended = self._series if self._day == _day_before(day) else {}
        self._day, self._incidents, self.totals = day, (0, []), DayTotals()
        self._series, self._former, self._looked, self.known, self._accounts = {}, {}, {}, {}, {}
        self._fresh = {row.symbol_at: Day("", None, 0, 0) for row in streams}

    def _follow_former(self, day: str) -> None:
        for path, row in self._plan.owners.items():
            if path not in self._former:
                over = SeriesDay(Path(row.directory), row.symbol, row.kind, _day_before(day))
                self._former[path] = _Former(over, self._ended.get(str(over.ledger)))
        self._ended = {}

    def _account_for(self, grown: set[str], start_ns: int) -> None:
        """The days of the instruments whose ledgers have grown."""
        for path in grown:
            self._accounts[path] = _account(self._series[path], start_ns)
        for at in {self._plan.owners[path].symbol_at for path in grown}:
            own = [path for path in self._plan.members[at] if self._series[path].live]
            if not own:
                continue
            whole = _sum([self._accounts[path] for path in own if path in self._accounts])
            series = [(self._series[path].live, self._series[path].covered()) for path in own]
            self._fresh[at] = Day(day_text(series, start_ns), whole.today, whole.missed, whole.uncounted)
        if grown:
            self.totals = _sum(self._accounts.values())

    def fresh_days(self) -> dict[int, Day]:
        """The days that changed since this was asked last, by instrument."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def incidents(self, now_ns: int) -> list[Incident]:
        """What ended in the last 24 hours, by what the ledgers say of the streams that were looked at last."""
        most = max(100, _FORMER_GAPS // max(1, len(self._former)))
        for former in self._former.values():
            former.look(most)
        owners = self._plan.owners
        count = sum(len(self._series[path].gaps) + len(self._former[path].gaps) for path in owners)
        if count != self._incidents[0]:
            gaps = [
                ((owner.venue, f"{owner.symbol} {owner.kind}"), gap)
                for path, owner in owners.items()
                for gap in self._series[path].gaps | self._former[path].gaps
            ]
            self._incidents = count, incidents_of(gaps)
        return [each for each in self._incidents[1] if each.to_ns > now_ns - DAY_NS]

    def of(self, at: int) -> Completeness | None:
        """Return the completeness of the stream at place `at` as last seen, None before the first look."""
        return self.known.get(at)

    def begin(self) -> None:
        """Forget everything: another run has begun, whose streams have other places."""
        self._day = ""
        self.totals = None


def _day_before(day: str) -> str:
    return day_of(day_start_ns(day) - 1)


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
    return Completeness(coverage, shown, proven)


def _account(series: _Series, start_ns: int) -> _Account:
    inside = clipped(series.live, (start_ns, start_ns + DAY_NS))
    missed = sum(gap.missed or 0 for gap in series.gaps)
    uncounted = sum(1 for gap in series.gaps if gap.missed is None and gap.since_ns is None)
    if not inside:
        return _Account(0, 0, 0, missed, uncounted)
    recorded = covered_ns(clipped(series.covered(), (start_ns, start_ns + DAY_NS)))
    return _Account(recorded, inside[-1][1] - inside[0][0], inside[-1][1] - start_ns, missed, uncounted)


def _sum(accounts: Iterable[_Account]) -> DayTotals:
    """Shares are rounded down: nothing that is missing passes for whole."""
    recorded, since_first, since_midnight, missed, uncounted = (
        sum(column) for column in zip(_Account(0, 0, 0, 0, 0), *accounts, strict=True)
    )
    today, day = (recorded * 1_000_000 // span / 1_000_000 if span else None for span in (since_first, since_midnight))
    return DayTotals(today, day, missed, uncounted)
