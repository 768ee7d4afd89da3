"""quality.incidents: what happened, beside what is missing: many gaps that have one cause are one incident. Pure.

A cut of one connection makes a gap in each of its streams, and one more in each at every minute's end while it lasts. People
are told of the cut: one cause, one span, so many streams, so many frames.

Two gaps belong to one incident when

    they have the same reason, and the same cause as far as it is known: the connection that a gap names; without
    one, the venue; and no venue matters for what strikes the whole machine (`_MACHINE`), and
    their spans touch or overlap. A gap in pieces reaches back to where its first piece began (`Gap.since_ns`). What is
    known by single lost frames (`COUNTED`) touches within `NEAR_NS`: the cause was there between two of them.

and so do all that are joined by others in this way. Hence the order in which gaps are told does not matter, and every gap is in
exactly one incident.

    incidents_of(gaps)   all at once: archives, manifests, days
    IncidentLog          one by one, as they come, in bounded memory: a run
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count

import msgspec

from hoga.core.ledger import COUNTED, Gap, Reason

__all__ = [
    "NEAR_NS", "WHAT", "Incident", "IncidentLog", "Series", "count_gaps", "count_text", "describe", "incidents_of", "loss_text",
    "span_text",
]  # fmt: skip

Series = tuple[str, str]
"""(venue, name of the series or stream)"""

NEAR_NS = 1_000_000_000

_MACHINE = frozenset({Reason.DISK_FULL, Reason.BACKPRESSURE, Reason.CRASH, Reason.SHUTDOWN, Reason.CLOCK_STEP})
_KEPT = 64

_Key = tuple[Reason, str, str]


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cause. Times are wall-clock ns; `from_ns` is where the cause began, be it before the first gap that was given.

    `conn`: the connection, None where it was none's, or is not known. `venue`: "" for the whole machine. `streams` had a gap,
    `gaps` is the number of ledger entries. `missed` frames are known to be missing: all that are, where `uncounted` is 0;
    else at least so many, for in `uncounted` gaps nobody can know.
    """

    from_ns: int
    to_ns: int
    reason: Reason
    streams: int
    gaps: int
    missed: int
    uncounted: int = 0
    venue: str = ""
    conn: str | None = None


def incidents_of(gaps: Iterable[tuple[Series, Gap]]) -> list[Incident]:
    """The incidents behind `gaps`, by time. Each gap is to be given once; the order does not matter."""
    by_cause: dict[_Key, list[tuple[Series, Gap]]] = {}
    for series, gap in gaps:
        by_cause.setdefault(_key(series, gap), []).append((series, gap))
    found: list[Incident] = []
    for key, members in by_cause.items():
        members.sort(key=lambda each: _reach(each[1]))
        group: list[tuple[Series, Gap]] = []
        end = 0
        for series, gap in members:
            start, to = _reach(gap)
            if group and start > end + _near(gap.reason):
                found.append(_incident(key, group))
                group = []
            end = max(end, to) if group else to
            group.append((series, gap))
        found.append(_incident(key, group))
    return sorted(found, key=_by_time)


class IncidentLog:
    """The incidents of a run. `add` each gap as it is written down: the gaps of one stream in order, streams in any.

    The newest `kept` incidents are remembered, and may still grow; with all of them there, they are what `incidents_of` makes of
    the same gaps. `begun` counts incidents by reason, from 0 on for each, `begun_at` by venue ("": the whole machine); they never
    go down: where a late gap shows that two were one, both stay counted. `turn` moves with every gap.
    """

    def __init__(self, *, kept: int = _KEPT) -> None:
        self.begun: Counter[Reason] = Counter(dict.fromkeys(Reason, 0))
        self.begun_at: Counter[str] = Counter()
        self.turn = 0
        self._kept = kept
        self._open: dict[_Key, list[_Growing]] = {}
        self._count = 0
        self._numbers = count(1)

    def add(self, series: Series, gap: Gap) -> None:
        """A gap was written down."""
        self.turn += 1
        key, (start, end), near = _key(series, gap), _reach(gap), _near(gap.reason)
        same = self._open.setdefault(key, [])
        touched = [each for each in same if start <= each.to_ns + near and each.from_ns <= end + near]
        if touched:
            grown = touched[0]
            for other in touched[1:]:
                grown.absorb(other)
                same.remove(other)
                self._count -= 1
        else:
            grown = _Growing(next(self._numbers), key, start, end)
            same.append(grown)
            self._count += 1
            self.begun[gap.reason] += 1
            self.begun_at[key[1]] += 1
        grown.take(series, gap)
        if self._count > self._kept:
            self._forget_oldest()

    def newest(self) -> list[Incident]:
        """What is remembered, by time."""
        return sorted((each.told() for same in self._open.values() for each in same), key=_by_time)

    def numbered(self) -> dict[int, Incident]:
        """What is remembered, each by a number that stays while it grows; of two that turn out to be one, the older's."""
        return {each.number: each.told() for same in self._open.values() for each in same}

    def _forget_oldest(self) -> None:
        oldest = min((each for same in self._open.values() for each in same), key=lambda each: (each.to_ns, each.number))
        same = self._open[oldest.key]
        same.remove(oldest)
        if not same:
            del self._open[oldest.key]
        self._count -= 1


class _Growing:
    """An incident as it grows. Of each stream only where its last gap ended, and whether that one can be counted."""

    __slots__ = ("ends", "from_ns", "gaps", "key", "missed", "number", "to_ns", "uncounted")

    def __init__(self, number: int, key: _Key, from_ns: int, to_ns: int) -> None:
        self.number = number
        self.key = key
        self.from_ns = from_ns
        self.to_ns = to_ns
        self.gaps = self.missed = self.uncounted = 0
        self.ends: dict[Series, tuple[int, bool]] = {}

    def take(self, series: Series, gap: Gap) -> None:
        start, end = _reach(gap)
        self.from_ns, self.to_ns = min(self.from_ns, start), max(self.to_ns, end)
        self.gaps += 1
        self.missed += gap.missed or 0
        last_end, last_unknown = self.ends.get(series, (None, False))
        if last_unknown and last_end == _own_start(gap):
            self.uncounted -= 1  # the piece that goes on with it tells for both
        self.uncounted += gap.missed is None
        self.ends[series] = (max(gap.from_ns, gap.to_ns), gap.missed is None)

    def absorb(self, other: _Growing) -> None:
        self.from_ns, self.to_ns = min(self.from_ns, other.from_ns), max(self.to_ns, other.to_ns)
        self.number = min(self.number, other.number)
        self.gaps += other.gaps
        self.missed += other.missed
        self.uncounted += other.uncounted
        for series, end in other.ends.items():
            self.ends[series] = max(self.ends.get(series, end), end)

    def told(self) -> Incident:
        reason, venue, conn = self.key
        return Incident(
            from_ns=self.from_ns, to_ns=self.to_ns, reason=reason, streams=len(self.ends), gaps=self.gaps, missed=self.missed,
            uncounted=self.uncounted, venue=venue, conn=conn or None,
        )  # fmt: skip


def _incident(key: _Key, group: list[tuple[Series, Gap]]) -> Incident:
    growing = _Growing(0, key, *_reach(group[0][1]))
    for series, gap in sorted(
        group, key=lambda each: (each[0], _own_start(each[1]), max(each[1].from_ns, each[1].to_ns), each[1].missed is None)
    ):
        growing.take(series, gap)
    return growing.told()


def count_gaps(gaps: Iterable[tuple[Series, Gap]]) -> int:
    """Count gaps, each once: the pieces that minutes and sessions cut one into are one, be its first piece among them or not."""
    begun = 0
    first: set[tuple[Series, Reason, int]] = set()
    later: set[tuple[Series, Reason, int]] = set()
    for series, gap in gaps:
        if gap.since_ns is None:
            begun += 1
            first.add((series, gap.reason, gap.from_ns))
        else:
            later.add((series, gap.reason, gap.since_ns))
    return begun + len(later - first)


def _key(series: Series, gap: Gap) -> _Key:
    if gap.conn:
        return gap.reason, series[0], gap.conn
    return gap.reason, "" if gap.reason in _MACHINE else series[0], ""


def _own_start(gap: Gap) -> int:
    return min(gap.from_ns, gap.to_ns)


def _reach(gap: Gap) -> tuple[int, int]:
    start = _own_start(gap)
    return start if gap.since_ns is None else min(start, gap.since_ns), max(gap.from_ns, gap.to_ns)


def _near(reason: Reason) -> int:
    return NEAR_NS if reason in COUNTED else 0


def _by_time(incident: Incident) -> tuple[int, int, str, str, str]:
    return incident.from_ns, incident.to_ns, incident.reason, incident.venue, incident.conn or ""


# -- for people ---------------------------------------------------------------------------------------------------------

WHAT: dict[Reason, str] = {
    Reason.DISCONNECT: "{who} was cut for {span}",
    Reason.LATENCY_GATE: "the latency gate was closed for {span}",
    Reason.BACKPRESSURE: "the disk was slower than the market for {span}",
    Reason.DISK_FULL: "the disk was full for {span}",
    Reason.CRASH: "the recorder had been killed; {span} are missing",
    Reason.SHUTDOWN: "the recorder was off for {span}",
    Reason.SILENCE: "nothing came for {span}",
    Reason.SEQUENCE_GAP: "the venue's ids have a hole over {span}",
    Reason.CLOCK_STEP: "this machine's clock was set by {span}",
    Reason.MALFORMED: "frames could not be read for {span}",
}
"""What an incident of each reason was; the page has the same in its viewer's language."""


def describe(incident: Incident) -> str:
    """The incident in a sentence: `connection binance-1 was cut for 0.1 s, 60 streams, nothing countable lost`."""
    someone = f"a connection to {incident.venue}, or a subscription there," if incident.venue else "a connection"
    who = f"connection {incident.conn}" if incident.conn else someone
    what = WHAT[incident.reason].format(who=who, span=span_text(incident.to_ns - incident.from_ns))
    where = f" ({incident.venue})" if incident.venue and incident.reason is not Reason.DISCONNECT else ""
    return (
        f"{what}{where}, {incident.streams} stream{'' if incident.streams == 1 else 's'}, {loss_text(incident.missed, incident.uncounted)}"
    )


def count_text(incidents: int, gaps: int) -> str:
    """How many, incidents first: `1 incident (60 gaps)`."""
    if not gaps:
        return "no incidents"
    return f"{incidents:,} incident{'' if incidents == 1 else 's'} ({gaps:,} gap{'' if gaps == 1 else 's'})"


def loss_text(missed: int, uncounted: int) -> str:
    """What is missing, as far as anybody can know."""
    if not uncounted:
        return f"{missed:,} frame{'' if missed == 1 else 's'} lost" if missed else "nothing lost"
    return f"at least {missed:,} frame{'' if missed == 1 else 's'} lost" if missed else "nothing countable lost"


def span_text(ns: int) -> str:
    """How long, to two figures or so."""
    seconds = ns / 1e9
    if seconds < 0.95:
        return f"{seconds:.2g} s" if seconds >= 0.01 else f"{seconds * 1e3:.2g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7_200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3_600:.3g} h" if seconds < 172_800 else f"{seconds / 86_400:.3g} days"
