"""history.rows: what the rows of an exchange's file say of themselves: which ids are missing, and which days. Pure: numpy, no files.

Calling contract: `Judge.take` the rows in the order of their ids, batch by batch; then `facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hoga.core.times import DAY_NS, day_of, iso_of

__all__ = ["Facts", "Finding", "Hole", "Judge", "days_of_doubt", "oddities", "uncovered"]

Ints = NDArray[np.int64]

_LONGEST_LIST = 10_000
"""More holes than that are counted, not kept one by one."""
_QUIET_NS = 600_000_000_000
_MANY_PAUSES = 10
"""A file whose first or last rows are further from the day's ends than ten minutes and ten of its own longest pauses is suspect."""


class Hole(NamedTuple):
    """Ids that are missing: those after `after` and before `before`; the rows with these two ids have the times given. Rows of an
    interval have no ids of their own (`named` False): they are counted from 1970."""

    after: int
    before: int
    after_ns: int
    before_ns: int
    named: bool = True

    @property
    def missing(self) -> int:
        """How many ids."""
        return self.before - self.after - 1

    def text(self) -> str:
        """For people."""
        ids = f"id {self.after + 1} is" if self.missing == 1 else f"ids {self.after + 1} to {self.before - 1} are"
        if not self.named:
            ids = "1 row is" if self.missing == 1 else f"{self.missing} rows are"
        return f"{ids} missing, between {iso_of(self.after_ns)} and {iso_of(self.before_ns)}"


class Finding(NamedTuple):
    """One thing that is odd about a file. `is_problem`: something is lost or in doubt; else it was put right."""

    text: str
    is_problem: bool


class Facts(NamedTuple):
    """A file's rows, as a whole. Ids and times are those of the first and the last row by id, None where there are no rows.

    `holes`: at most ten thousand; `missing`: ids that are missing within the file. `days`: those that rows fall on (days since 1970).
    `longest_ns`: the longest pause between two rows.
    """

    rows: int = 0
    first_id: int | None = None
    last_id: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    holes: tuple[Hole, ...] = ()
    missing: int = 0
    days: tuple[int, ...] = ()
    longest_ns: int = 0


class Judge:
    """Takes rows by their ids. `step`: how far apart the ids of neighbours are, None where ids prove nothing."""

    def __init__(self, step: int | None) -> None:
        self._step = step
        self._rows = self._missing = self._longest = 0
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None
        self._holes: list[Hole] = []
        self._days: set[int] = set()

    def take(self, ids: Ints, times_ns: Ints) -> None:
        """The next rows, ids not falling (two rows of one id are two rows)."""
        if not len(ids):
            return
        self._rows += len(ids)
        if self._last is None:
            self._first = int(ids[0]), int(times_ns[0])
        else:
            ids = np.concatenate((np.array([self._last[0]], np.int64), ids))
            times_ns = np.concatenate((np.array([self._last[1]], np.int64), times_ns))
        self._find_holes(ids, times_ns)
        self._days.update(np.unique(times_ns // DAY_NS).tolist())
        if len(times_ns) > 1:
            self._longest = max(self._longest, int(np.diff(times_ns).max()))
        self._last = int(ids[-1]), int(times_ns[-1])

    def facts(self) -> Facts:
        """All that was taken."""
        if self._first is None or self._last is None:
            return Facts()
        return Facts(
            rows=self._rows,
            first_id=self._first[0],
            last_id=self._last[0],
            first_ns=self._first[1],
            last_ns=self._last[1],
            holes=tuple(self._holes),
            missing=self._missing,
            days=tuple(sorted(self._days)),
            longest_ns=self._longest,
        )

    def _find_holes(self, ids: Ints, times_ns: Ints) -> None:
        if self._step is None:
            return
        for at in np.flatnonzero(np.diff(ids) > self._step).tolist():
            hole = _hole(int(ids[at]), int(ids[at + 1]), int(times_ns[at]), int(times_ns[at + 1]), self._step)
            self._missing += hole.missing
            if len(self._holes) < _LONGEST_LIST:
                self._holes.append(hole)


def uncovered(files: Iterable[Facts], step: int | None) -> list[Hole]:
    """The ids that are in none of the files, between the first and the last id of all of them, however the files overlap."""
    if step is None:
        return []
    stretches = sorted(stretch for facts in files for stretch in _stretches(facts, step))
    found: list[Hole] = []
    for earlier, later in pairwise(_merged(stretches)):
        if later.first_id > earlier.last_id + step:
            found.append(_hole(earlier.last_id, later.first_id, earlier.last_ns, later.first_ns, step))
    return found


class _Stretch(NamedTuple):
    """Rows whose ids follow each other."""

    first_id: int
    last_id: int
    first_ns: int
    last_ns: int


def _stretches(facts: Facts, step: int) -> Iterator[_Stretch]:
    if facts.first_id is None or facts.last_id is None or facts.first_ns is None or facts.last_ns is None:
        return
    first_id, first_ns = facts.first_id, facts.first_ns
    for hole in facts.holes:
        scale = 1 if hole.named else step
        yield _Stretch(first_id, hole.after * scale, first_ns, hole.after_ns)
        first_id, first_ns = hole.before * scale, hole.before_ns
    yield _Stretch(first_id, facts.last_id, first_ns, facts.last_ns)


def _merged(stretches: list[_Stretch]) -> Iterator[_Stretch]:
    """In order, each reaching as far as any before it."""
    furthest: _Stretch | None = None
    for each in stretches:
        if furthest is not None and each.last_id < furthest.last_id:
            each = each._replace(last_id=furthest.last_id, last_ns=furthest.last_ns)
        furthest = each
        yield each


def days_of_doubt(facts: Facts, wanted: Iterable[int]) -> list[int]:
    """Of the days that a file should hold, those whose rows are missing, or that touch a hole. Days are counted from 1970."""
    wanted = list(wanted)
    doubt = {day for day in wanted if day not in set(facts.days)}
    doubt |= {day + side for day in doubt for side in (-1, 1)}
    for hole in facts.holes:
        doubt |= set(range(hole.after_ns // DAY_NS, hole.before_ns // DAY_NS + 1))
    return [day for day in wanted if day in doubt]


def oddities(facts: Facts, first_day: int, last_day: int) -> list[Finding]:
    """What is odd about a file that should hold these days (counted from 1970), beside its holes."""
    if not facts.rows or facts.first_ns is None or facts.last_ns is None:
        return [Finding("it has no rows", False)]
    found: list[Finding] = []
    foreign = [day for day in facts.days if not first_day <= day <= last_day]
    if foreign:
        days = ", ".join(day_of(day * DAY_NS) for day in foreign[:3]) + ("…" if len(foreign) > 3 else "")
        found.append(Finding(f"rows of {days}, a day that it should not hold", True))
    absent = [day for day in range(first_day, last_day + 1) if day not in set(facts.days)]
    if absent and not foreign:
        days = ", ".join(day_of(day * DAY_NS) for day in absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        found.append(Finding(f"no row of {days}", False))
    quiet_ns = max(_QUIET_NS, _MANY_PAUSES * facts.longest_ns)
    if not foreign and not absent:
        if facts.first_ns - first_day * DAY_NS > quiet_ns:
            found.append(Finding(f"begins at {iso_of(facts.first_ns)}", False))
        if (last_day + 1) * DAY_NS - facts.last_ns > quiet_ns:
            found.append(Finding(f"ends at {iso_of(facts.last_ns)}", False))
    return found


def _hole(after: int, before: int, after_ns: int, before_ns: int, step: int) -> Hole:
    if step == 1:
        return Hole(after, before, after_ns, before_ns)
    return Hole(after // step, before // step, after_ns, before_ns, named=False)
