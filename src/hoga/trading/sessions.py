"""trading.sessions: hours of a day in a time zone, with its summer time: open or shut at a moment. Pure.

    session_of("America/New_York", "09:30", "16:00", days="Mon-Fri")
    session_of("Asia/Seoul", "22:00", "06:00")          over midnight: it belongs to the day on which it begins

Hours are those that clocks there show. A time that they jump over is the first moment after it that exists: the one of the jump; hours that
they jump over as a whole are none on that day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hoga.core.times import SECOND_NS

__all__ = ["Session", "session_of"]

_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVER_NS = 1 << 62


class Session:
    """See the module. `open` is as of the event that is being handled. `<Session America/New_York 09:30-16:00 Mon,Tue,Wed,Thu,Fri>`.

    Args:
        now: tells the moment (ns) that `open` is asked for.
    """

    def __init__(self, zone: ZoneInfo, begins: time, ends: timedelta, days: frozenset[int], now: Callable[[], int]) -> None:
        self.zone = zone.key
        self._zone, self._begins, self._ends, self._days, self._now = zone, begins, ends, days, now
        self._from = self._to = 0
        self._is_open = False

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.is_open_at(self._now())

    def is_open_at(self, at_ns: int) -> bool:
        """Whether it is open at a moment; its first is in it, its last is not."""
        if not self._from <= at_ns < self._to:
            self._look(at_ns)
        return self._is_open

    def changes_ns(self, at_ns: int) -> int:
        """The next moment after `at_ns` at which it begins or ends."""
        self.is_open_at(at_ns)
        return self._to

    def _look(self, at_ns: int) -> None:
        """From when until when it is as it is at `at_ns`."""
        day = datetime.fromtimestamp(at_ns // SECOND_NS, self._zone).date()
        shut_since = 0
        for back in range(-8, 10):
            each = day + timedelta(days=back)
            if each.weekday() not in self._days:
                continue
            begin, end = self._hours_of(each)
            if begin == end:  # the clocks jump over all of it
                continue
            if at_ns < begin:
                self._from, self._to, self._is_open = shut_since, begin, False
                return
            if at_ns < end:
                self._from, self._to, self._is_open = begin, self._end_of(each, end), True
                return
            shut_since = end
        self._from, self._to, self._is_open = shut_since, _EVER_NS, False

    def _end_of(self, day: date, end: int) -> int:
        """Where the next day's hours begin as these end, it goes on."""
        for on in range(1, 9):
            each = day + timedelta(days=on)
            begin, later = self._hours_of(each)
            if each.weekday() not in self._days or begin > end:
                return end
            end = max(end, later)
        return end

    def _hours_of(self, day: date) -> tuple[int, int]:
        midnight = datetime.combine(day, time(), self._zone)
        begins = datetime.combine(day, self._begins, self._zone)
        last = midnight + self._ends  # by the clocks there: a wall time, and not so many hours later
        return _moment_of(begins) * SECOND_NS, _moment_of(last) * SECOND_NS

    def __repr__(self) -> str:
        total = self._ends // timedelta(minutes=1)
        hours = f"{self._begins:%H:%M}-{total // 60 % 24:02d}:{total % 60:02d}"
        return f"<Session {self.zone} {hours} {','.join(_NAMES[each] for each in sorted(self._days))}>"


def session_of(zone: str, begins: str, ends: str, days: str | Iterable[str], now: Callable[[], int]) -> Session:
    """A session. Raises ValueError for an unknown zone, for what are no hours, and for what are no days.

    Args:
        zone: its name in the tables of time zones, `Asia/Seoul`, `UTC`.
        begins, ends: `HH:MM`; an end that is not after the begin is on the next day, `24:00` is midnight.
        days: on which it begins: `Mon-Fri`, `Sat,Sun`, or several of such texts.
    """
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no time zone; expected one as Asia/Seoul, America/New_York or UTC") from None
    first, last = _minutes(begins), _minutes(ends)
    if first >= 24 * 60:
        raise ValueError(f"{begins!r}: a session begins before 24:00")
    if last <= first:
        last += 24 * 60
    return Session(found, time(first // 60, first % 60), timedelta(minutes=last), _days(days), now)


def _moment_of(wall: datetime) -> int:
    """The second (UTC) at which clocks show a time; where they jump over it, that of the jump."""
    after = int(wall.timestamp())
    before = int(wall.replace(fold=1).timestamp())
    if before >= after:  # the time exists, once or twice: the first
        return after
    shown = wall.replace(tzinfo=None)
    while before < after:  # `before` is still by the clocks as they were, `after` by those that come
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, wall.tzinfo).replace(tzinfo=None) < shown:
            before = middle + 1
        else:
            after = middle
    return after


def _minutes(text: str) -> int:
    hours, colon, minutes = str(text).partition(":")
    if colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2:
        total = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and total <= 24 * 60:
            return total
    raise ValueError(f"{text!r} is no time of a day; expected HH:MM, as 09:30")


def _days(days: str | Iterable[str]) -> frozenset[int]:
    found: set[int] = set()
    for part in ",".join([days] if isinstance(days, str) else list(days)).split(","):
        first, dash, last = part.strip().partition("-")
        names = [first.strip().title(), (last if dash else first).strip().title()]
        if any(each not in _NAMES for each in names):
            raise ValueError(f"{part.strip()!r} is no day; expected {', '.join(_NAMES)}, or a span as Mon-Fri")
        at, until = (_NAMES.index(each) for each in names)
        found.update((at + step) % 7 for step in range((until - at) % 7 + 1))
    return frozenset(found)
