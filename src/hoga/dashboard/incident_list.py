"""dashboard.incident_list: what happened, as viewers are told: one row for each cause, those that go on among them. Pure.

    what the recorder has written down    `Snapshot.happened`: whole, or cut at the last minute's end while it goes on
    what goes on now                      what holds streams up (`Rows.flags`, `Rows.held`), and what the judge calls silent
    what the recorder no longer tells,    the ledgers of today and of yesterday (`untold`)
    and what was before this run

What goes on, and has been written down in part, is one row. What ended more than 24 hours ago is none. Of a recorder that is gone nobody
knows what goes on: what did when it was heard of last ends there (`went_on`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from hoga.core.ledger import Reason
from hoga.core.times import DAY_NS, MS_NS, SECOND_NS, day_of, day_start_ns
from hoga.dashboard.snapshot import Snapshot, StreamFlag
from hoga.quality.incidents import NEAR_NS, Incident
from hoga.quality.limits import LINK_START_S

__all__ = ["SHOWN", "DayCount", "IncidentList", "untold"]

SHOWN = 200
_OF_MAX = 50
_NAMES = 3
_TOUCH_NS = 2 * SECOND_NS
_DOWN = int(StreamFlag.DISCONNECTED | StreamFlag.NEVER)
_NEVER = int(StreamFlag.NEVER)
_FULL, _GATED, _SILENT = int(StreamFlag.DISK_FULL), int(StreamFlag.GATED), int(StreamFlag.SILENT)


class _Cause(NamedTuple):
    """`venue` "": the whole machine; `conn` None: no connection's."""

    reason: Reason
    venue: str
    conn: str | None


class DayCount(NamedTuple):
    """The incidents of a UTC day: those that go on, all of them; the frames that are known to be missing by those that began on it, and
    their gaps of which nobody can know."""

    open: int = 0
    incidents: int = 0
    missed: int = 0
    uncounted: int = 0


class IncidentList:
    """The rows of one run after another. A number stays with its incident. `today`: of the day, before the list is cut."""

    def __init__(self) -> None:
        self.today = DayCount()
        self._numbers: dict[int, str] = {}
        self._going_on: dict[_Cause, tuple[str, int]] = {}
        self._ended: dict[_Cause, tuple[str, int]] = {}  # the last of each cause: it will be written down, and keeps its number

    def begin(self) -> None:
        """Another run has begun, which numbers anew."""
        self.today = DayCount()
        for known in (self._numbers, self._going_on, self._ended):
            known.clear()

    def rows(
        self, snapshot: Snapshot, *, quiet_s: list[float], before: list[Incident], now_ns: int, gone: bool = False
    ) -> list[dict[str, Any]]:
        """The newest rows of the last 24 hours, those that go on last, else by time.

        Args:
            quiet_s: per stream, for how long it has been quieter than its own pace explains; 0 when it is not.
            before: what the ledgers know of that the snapshot does not, by the time at which it ended.
            now_ns: the wall clock; that of a snapshot stands still when its recorder is gone.
            gone: nothing is heard of the recorder.
        """
        since_ns = now_ns - DAY_NS
        going_on = self._going(snapshot, quiet_s)
        places = _places(snapshot)
        before = [each for each in before if each.to_ns > since_ns]
        rows = [_row(f"{each.reason}/{each.conn or each.venue}/{each.from_ns}", each, None, snapshot) for each in before[-SHOWN:]]
        opened: list[dict[str, Any]] = []
        told: set[_Cause] = set()
        written = sorted(_written(snapshot), key=lambda each: each[1].to_ns)
        for number, incident in reversed(written):
            cause = _of_incident(incident, going_on)
            since = min(since for since, _ in going_on[cause]) if cause is not None and cause not in told else None
            row = _row(self._number(number, incident, cause), incident, places.get(number), snapshot)
            if cause is not None and since is not None and incident.to_ns >= since - _TOUCH_NS:
                told.add(cause)
                opened.append(_going_row(row["number"], cause, going_on[cause], snapshot, incident))
            elif incident.to_ns > since_ns:
                rows.append(row)
        opened += [
            _going_row(self._going_on[cause][0], cause, members, snapshot, None) for cause, members in going_on.items() if cause not in told
        ]
        if gone:
            ended = {"open": False, "to": snapshot.now_ns / MS_NS, "went_on": True}
            opened = [row | ended for row in opened] if snapshot.now_ns > since_ns else []
        self.today = _count([*rows, *opened], before[:-SHOWN], day_start_ns(day_of(now_ns)))
        rows.sort(key=lambda row: (row["from"], row["to"]))
        opened.sort(key=lambda row: row["from"])
        return [*rows, *opened][-SHOWN:]

    def _going(self, snapshot: Snapshot, quiet_s: list[float]) -> dict[_Cause, list[tuple[int, int]]]:
        """What goes on: cause → (since when, place) of its streams."""
        found: dict[_Cause, list[tuple[int, int]]] = {}
        if not any(snapshot.rows.flags) and not any(quiet_s):
            self._ended |= self._going_on
            self._going_on.clear()
            return found
        streams, flags, now_ns = snapshot.meta.streams, snapshot.rows.flags, snapshot.now_ns
        conns = {at: name for name, members in snapshot.meta.members.items() for at in reversed(members)}
        starting = 0 <= now_ns - snapshot.meta.started_ns < LINK_START_S * SECOND_NS  # below 0: the clock was set back
        since = dict(snapshot.rows.held)
        for at, flag in enumerate(flags):
            reason = _reason_of(flag, quiet=quiet_s[at] > 0) if flag or quiet_s[at] > 0 else None
            if reason is None or (starting and flag & _NEVER):
                continue
            venue = "" if reason is Reason.DISK_FULL else streams[at].venue
            began = since.get(at) or (now_ns - int(quiet_s[at] * SECOND_NS) if quiet_s[at] else snapshot.rows.newest_ns[at])
            cause = _Cause(reason, venue, conns.get(at) if reason is Reason.DISCONNECT else None)
            found.setdefault(cause, []).append((began or snapshot.meta.started_ns, at))
        for cause, members in found.items():
            if cause not in self._going_on:
                first = min(began for began, _ in members)
                self._going_on[cause] = f"{cause.reason}/{cause.conn or cause.venue}/{first}", first
        for cause in self._going_on.keys() - found.keys():
            self._ended[cause] = self._going_on.pop(cause)
        return found

    def _number(self, number: int, incident: Incident, cause: _Cause | None) -> str:
        known = self._numbers.get(number)
        if known is None:
            own = cause or _Cause(incident.reason, incident.venue, incident.conn)
            shown, first = self._going_on.get(own) or self._ended.get(own) or ("", 0)
            fits = shown and shown not in self._numbers.values() and incident.from_ns - _TOUCH_NS <= first <= incident.to_ns + _TOUCH_NS
            known = self._numbers[number] = (
                shown if fits else f"{incident.reason}/{incident.conn or incident.venue}/{incident.from_ns}/{number}"
            )
            while len(self._numbers) > 4 * SHOWN:
                del self._numbers[next(iter(self._numbers))]
        return known


def untold(found: Iterable[Incident], snapshot: Snapshot) -> list[Incident]:
    """Those of `found`, by the time at which they ended, that are not among what the recorder still tells: of one cause at one time there
    is one."""
    spans: dict[tuple[Reason, str, str | None], list[Incident]] = {}
    for told in snapshot.happened.recent:
        spans.setdefault((told.reason, told.venue, told.conn), []).append(told)
    fresh = [
        each
        for each in found
        if not any(
            each.from_ns <= told.to_ns + NEAR_NS and told.from_ns <= each.to_ns + NEAR_NS
            for told in spans.get((each.reason, each.venue, each.conn), ())
        )
    ]
    return sorted(fresh, key=lambda each: each.to_ns)


def _count(rows: list[dict[str, Any]], more: list[Incident], midnight_ns: int) -> DayCount:
    midnight = midnight_ns / MS_NS
    of_today = [row for row in rows if row["open"] or row["to"] >= midnight]
    begun = [(row["missed"], row["uncounted"]) for row in of_today if row["from"] >= midnight]
    others = [each for each in more if each.to_ns >= midnight_ns]
    begun += [(each.missed, each.uncounted) for each in others if each.from_ns >= midnight_ns]
    return DayCount(
        sum(1 for row in rows if row["open"]),
        len(of_today) + len(others),
        sum(missed or 0 for missed, _ in begun),
        sum(uncounted or 0 for _, uncounted in begun),
    )


def _reason_of(flag: int, *, quiet: bool) -> Reason | None:
    for bits, reason in ((_FULL, Reason.DISK_FULL), (_DOWN, Reason.DISCONNECT), (_GATED, Reason.LATENCY_GATE), (_SILENT, Reason.SILENCE)):
        if flag & bits:
            return reason
    return Reason.SILENCE if quiet and not flag else None


def _of_incident(incident: Incident, going_on: Iterable[_Cause]) -> _Cause | None:
    """What goes on, of which this may be the part that was written down."""
    for cause in going_on:
        if cause.reason is incident.reason and cause.venue == incident.venue and (incident.conn is None or incident.conn == cause.conn):
            return cause
    return None


def _written(snapshot: Snapshot) -> list[tuple[int, Incident]]:
    """What the recorder has written down, each with its number; one of before had no numbers."""
    numbers, recent = snapshot.happened.numbers, snapshot.happened.recent
    return list(zip(numbers if len(numbers) == len(recent) else range(len(recent)), recent, strict=True))


def _places(snapshot: Snapshot) -> dict[int, list[int]]:
    """Incident's number → places of its streams, as far as the newest gaps tell."""
    found: dict[int, list[int]] = {}
    streams = snapshot.meta.streams
    for number, incident in _written(snapshot):
        for gap in snapshot.gaps:
            inside = incident.from_ns <= gap.to_ns and gap.from_ns <= incident.to_ns
            if inside and gap.reason == incident.reason and incident.venue in ("", streams[gap.stream].venue):
                found.setdefault(number, []).append(gap.stream)
    return found


def _row(number: str, incident: Incident, places: list[int] | None, snapshot: Snapshot) -> dict[str, Any]:
    of, names = _told(places, incident.streams, snapshot)
    return {
        "number": number, "open": False, "from": incident.from_ns / MS_NS, "to": incident.to_ns / MS_NS, "reason": incident.reason,
        "venue": incident.venue, "conn": incident.conn, "streams": incident.streams, "gaps": incident.gaps, "missed": incident.missed,
        "uncounted": incident.uncounted, "of": of, "names": names, "went_on": False,
    }  # fmt: skip


def _going_row(number: str, cause: _Cause, members: list[tuple[int, int]], snapshot: Snapshot, written: Incident | None) -> dict[str, Any]:
    of, names = _told([at for _, at in members], len(members), snapshot)
    since = min(began for began, _ in members)
    return {
        "number": number, "open": True, "from": min(since, since if written is None else written.from_ns) / MS_NS, "to": None,
        "reason": cause.reason, "venue": cause.venue, "conn": cause.conn, "streams": max(len(members), written.streams if written else 0),
        "gaps": written.gaps if written else 0, "missed": written.missed if written else None,
        "uncounted": written.uncounted if written else None, "of": of, "names": names, "went_on": False,
    }  # fmt: skip


def _told(places: list[int] | None, streams: int, snapshot: Snapshot) -> tuple[list[int] | None, list[str]]:
    """(places of the instruments, names of a few streams); no places where there are too many, or not all are known."""
    if not places:
        return None, []
    rows = snapshot.meta.streams
    own = list(dict.fromkeys(places))
    of = sorted({rows[at].symbol_at for at in own})
    return (of if len(of) <= _OF_MAX and len(own) >= streams else None), [rows[at].name for at in own[:_NAMES]]
