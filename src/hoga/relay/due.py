"""relay.due: which days are to be united now, and when the others are looked at again. Pure.

A day is due when it is over by the grace, and nothing was made of it yet, or something came of it since, or somebody was silent whose turn
to be asked again has come. What comes of each is remembered as a `DayState`; losing that costs work, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hoga.archive.form.spans import day_span
from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS, day_of, day_start_ns, is_day

__all__ = ["DayState", "due_days", "expected_collectors", "next_look_ns", "past_days", "said_days"]

_FIRST_PAUSE_NS = 60 * SECOND_NS
_LONGEST_PAUSE_NS = 60 * MINUTE_NS
_QUIET_NS = 20 * SECOND_NS
"""What comes late comes in crowds: so long after the last of it."""
_SAID_MAX = 4_000
_ASKED_BACK_DAYS = 366
"""A day that nothing tells of is looked for no further back: a clock may have stood at 1970."""


class DayState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a day. `united_ns`: when it was united last, 0: never. `absent`: who could not be asked, or has what did not come or
    is not understood; `open`: who has not merged it; `failed`: (what, why) of series that could not be united or proven. `tries`: how often
    in a row something was left. `changed_ns`: when something of it came last that may not be in the union, 0: nothing. `said_by`:
    collectors that said they have something of it, when they were asked for their days or for this one."""

    day: str
    united_ns: int = 0
    absent: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    tries: int = 0
    changed_ns: int = 0
    records: int = 0
    series: int = 0
    said_by: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do, as far as is known."""
        return bool(self.united_ns) and not (self.absent or self.open or self.failed or self.changed_ns)


def said_days(days: Iterable[str], *, now_ns: int) -> list[str]:
    """Of what a collector says, the days that may be: up to tomorrow (its clock may be ahead), and no more of them than there can be
    recordings; the newest are kept."""
    latest = day_of(now_ns + DAY_NS)
    return sorted({day for day in days if is_day(day) and day <= latest})[-_SAID_MAX:]


def due_days(days: Iterable[DayState], *, now_ns: int, grace_ns: int) -> list[str]:
    """The days that are to be united now, the oldest first."""
    return sorted(each.day for each in days if not each.settled and next_look_ns(each, grace_ns=grace_ns) <= now_ns)


def next_look_ns(state: DayState, *, grace_ns: int) -> int:
    """When a day is to be looked at that is not settled."""
    over = day_span(state.day)[1] + grace_ns
    if not state.united_ns:
        return over
    again = []
    if state.changed_ns:
        again.append(state.changed_ns + _QUIET_NS)
    if state.absent or state.open or state.failed:
        again.append(state.united_ns + min(_LONGEST_PAUSE_NS, _FIRST_PAUSE_NS << min(state.tries, 10)))
    return max(over, min(again, default=over))


def past_days(known: Iterable[str], *, now_ns: int) -> list[str]:
    """Every day from the oldest known one to yesterday: one of which nothing came is asked for like the others."""
    today = day_start_ns(day_of(now_ns))
    begun = [at for day in known if (at := day_start_ns(day)) < today]
    if not begun:
        return []
    first = max(min(begun), today - _ASKED_BACK_DAYS * DAY_NS)
    return [day_of(at) for at in range(first, today, DAY_NS)]


def expected_collectors(configured: Iterable[str], of_day: Iterable[str], of_day_before: Iterable[str]) -> list[str]:
    """Who is asked of a day: those that are configured, or (where nobody is) whoever sent something of the day before (the last one of
    which something is here); and whoever sent something of this one, or said that it has some."""
    wanted = set(configured) or set(of_day_before)
    return sorted(wanted | set(of_day))
