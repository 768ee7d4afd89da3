"""dashboard.messages: what viewers are told, part by part, as plain values. `docs/page-data.md` says what each key means.

Nothing here is made for a screen: names are told as they are, times in ms of the server's clock, what is not known as None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy

from hoga.core.streams import Kind
from hoga.core.times import MS_NS
from hoga.dashboard.incident_list import DayCount
from hoga.dashboard.judge import Finding
from hoga.dashboard.latency import Latency
from hoga.dashboard.snapshot import ConnectionRow, Snapshot
from hoga.dashboard.today import Completeness, Day, DayTotals
from hoga.dashboard.watch import ConnectionHealth, Watch
from hoga.quality.limits import CLOCK_OFF_MS, STALE_MIN_S
from hoga.venues.registry import VENUES

__all__ = [
    "LogTail",
    "connections_part",
    "days_part",
    "instrument_part",
    "meta_part",
    "reason_key",
    "reasons_part",
    "rows_part",
    "totals_part",
    "usual_part",
]

_LINES = 200


def meta_part(snapshot: Snapshot) -> dict[str, Any]:
    """What does not change while a run lasts, but for the price steps, which a venue tells when it is asked."""
    meta = snapshot.meta
    steps = snapshot.price_steps if len(snapshot.price_steps) == len(meta.symbols) else [None] * len(meta.symbols)
    owners = {row.symbol_at: row for row in meta.streams}
    venues = list(dict.fromkeys(row.venue for row in meta.streams))
    return {
        "hoga": meta.hoga,
        "started": meta.started_ns // MS_NS,
        "simulated": meta.simulated,
        "data": meta.data_dir,
        "collector": meta.collector,
        "threshold": meta.latency_threshold_ms,
        "gate": meta.latency_gate,
        "reserve": meta.disk_reserve_bytes,
        "streams": [[row.name, row.venue, row.symbol, row.channel, row.kind, row.symbol_at] for row in meta.streams],
        "instruments": [[owners[at].venue if at in owners else "", symbol, steps[at]] for at, symbol in enumerate(meta.symbols)],
        "books": [at for at, row in enumerate(meta.streams) if Kind.of(row.kind) is Kind.ORDERBOOK],
        "venues": [{"id": name, "title": _title(name), "short": short} for name, short in _shorts(venues).items()],
        "limits": {"clock_ms": CLOCK_OFF_MS, "threshold_ms": meta.latency_threshold_ms, "book_old_s": 10.0, "stale_s": STALE_MIN_S},
    }


def _title(venue: str) -> str:
    return VENUES[venue].title if venue in VENUES else venue


def _shorts(venues: list[str]) -> dict[str, str]:
    """One or two letters for each venue, no two alike."""
    found: dict[str, str] = {}
    for venue in venues:
        words = _title(venue).split()
        for short in (words[0][:1], "".join(word[:1] for word in words[:2]), words[0][:2], venue):
            if short.upper() not in found.values():
                found[venue] = short.upper()
                break
    return found


def rows_part(snapshot: Snapshot, watch: Watch, states: list[int | None], start: int, end: int, *, gone: bool) -> dict[str, Any]:
    """The streams from place `start` to before `end`, in columns; of a recorder that is `gone` what it has counted, and no more."""
    rows = snapshot.rows
    counted: dict[str, Any] = {"at": start, "rec": rows.recorded[start:end], "gaps": rows.gaps[start:end], "st": states[start:end]}
    if gone:
        return {**counted, **dict.fromkeys(("rate", "q", "med", "p99", "flush"), [None] * len(rows.recorded[start:end]))}
    symbols = [row.symbol_at for row in snapshot.meta.streams[start:end]]
    medians, worst = (numpy.array([values[at] for at in symbols], dtype=float) for values in (rows.median_ms, rows.p99_ms))
    return {
        **counted,
        "rate": numpy.round(watch.rates[start:end], 1).tolist(),
        "q": rows.queue[start:end],
        "med": numpy.round(medians, 2).tolist(),  # an unknown one is NaN, which JSON has as null
        "p99": numpy.round(worst, 2).tolist(),
        "flush": numpy.round(watch.flush_ms[start:end], 2).tolist(),
    }


def usual_part(watch: Watch) -> list[float | None]:
    """Every stream's own usual rate."""
    told: list[float | None] = numpy.round(watch.usual, 2).tolist()
    return told


def totals_part(
    snapshot: Snapshot, watch: Watch, states: list[int | None], *, latency: Latency, today: DayTotals | None, happened: DayCount, gone: bool
) -> dict[str, Any]:
    """The run in a few numbers. `today`: None before the ledgers were looked at; `happened`: today; of a recorder that is `gone` nothing
    is told of now."""
    rows = snapshot.rows
    latency = Latency() if gone else latency
    return {
        "received": sum(rows.received),
        "records": sum(rows.recorded),
        "incidents": sum(snapshot.happened.begun.values()),
        "gaps": sum(rows.gaps),
        "queue": None if gone else sum(rows.queue),
        "rate": round(float(watch.rates.sum()), 1) if watch.paced and not gone else None,
        "live": None if gone else states.count(0),
        "streams": len(rows.received),
        "p50": latency.p50,
        "p99": latency.p99,
        "worst": latency.worst,
        "worst_of": latency.worst_of,
        "incidents_open": None if gone else happened.open,
        "incidents_today": None if today is None else happened.incidents,
        "missed": None if today is None else max(today.missed, happened.missed),
        "uncounted": None if today is None else max(today.uncounted, happened.uncounted),
        "today": None if today is None else today.today,
        "day": None if today is None else today.day,
    }


def connections_part(rows: list[ConnectionRow], health: Mapping[str, ConnectionHealth], *, gone: bool) -> list[dict[str, Any]]:
    """Every connection with its health; of a recorder that is `gone` how they are is not known."""
    told = []
    for row in rows:
        part = {**msgspec.structs.asdict(row), **msgspec.structs.asdict(health[row.name]), "uptime_s": round(row.uptime_s)}
        for key, name in (("since_ns", "since"), ("retry_at_ns", "retry_at"), ("closed_ns", "closed_at")):
            part[name] = part.pop(key) // MS_NS
        now = {"state": None, "rate": None, "score": None, "uptime_s": None, "retry_in_s": None, "since": 0, "retry_at": 0} if gone else {}
        told.append({**part, "attempt": row.failures + 1, **now})
    return told


def reason_key(reason: Finding) -> str:
    """What a reason is about: the same while only its figures change."""
    return f"{reason.code} {reason.args.get('connection') or reason.args.get('venue') or ''}"


def reasons_part(reasons: list[Finding], connections: list[ConnectionRow], since: Mapping[str, int]) -> list[dict[str, Any]]:
    """The verdict's reasons; those of a connection with the times from which a page can run clocks of its own. `since`: by
    `reason_key` since when it has been one, ms; 0 or not there: not known."""
    by_name = {row.name: row for row in connections}
    told = []
    for reason in reasons:
        args: dict[str, Any] = dict(reason.args)
        row = by_name.get(str(args.get("connection", "")))
        if row is not None and "attempt" in args:
            args |= {"since": row.since_ns // MS_NS, "retry_at": row.retry_at_ns // MS_NS}
        told.append({"code": reason.code, "level": reason.level, "args": args, "since": since.get(reason_key(reason), 0)})
    return told


def days_part(days: Mapping[int, Day]) -> dict[str, Any]:
    """Instruments' days, by place."""
    return {
        "strips": {at: day.strip for at, day in days.items()},
        "days": {at: [day.coverage, day.missed, day.uncounted] for at, day in days.items()},
    }


def instrument_part(snapshot: Snapshot, of: str, at: int, completeness: Mapping[int, Completeness]) -> dict[str, Any]:
    """One instrument as the ledgers of today tell it. `completeness`: of streams, by place."""
    places = [place for place, row in enumerate(snapshot.meta.streams) if row.symbol_at == at]
    known = {place: completeness[place] for place in places if place in completeness}
    gaps: list[list[Any]] = sorted(
        ([place, start / MS_NS, end / MS_NS, reason, missed] for place, each in known.items() for start, end, reason, missed in each.gaps),
        key=lambda gap: gap[1],
    )
    return {
        "k": "instrument",
        "of": of,
        "place": at,
        "streams": places,
        "coverage": [known[place].coverage if place in known else None for place in places],
        "proven": [known[place].proven if place in known else None for place in places],
        "gaps": gaps[-100:],
    }


class _Numbered(NamedTuple):
    first: int
    lines: list[str]


class LogTail:
    """The newest log lines, numbered: `first` grows by one with each that was pushed out. The recorder's page has fewer of them."""

    def __init__(self) -> None:
        self._first = 0
        self._lines: list[str] = []

    def take(self, lines: list[str]) -> bool:
        """The recorder's newest lines; returns whether there are new ones."""
        at = self._known(lines)
        fresh = lines[at:]
        self._lines += fresh
        over = max(0, len(self._lines) - _LINES)
        self._first += over
        del self._lines[:over]
        return bool(fresh)

    def told(self) -> dict[str, Any]:
        """All of them."""
        return _Numbered(self._first, list(self._lines))._asdict()

    def _known(self, lines: list[str]) -> int:
        """How many of `lines` are known: they begin in the middle of what is, and end it."""
        for count in range(min(len(lines), len(self._lines)), 0, -1):
            if self._lines[-count:] == lines[:count]:
                return count
        return 0
