"""archive.form.idruns: which venue ids are there, as runs without a hole, and so which are not. Pure.

Late and doubled ids are allowed for: runs are put in order before the holes between them are told.
"""

from __future__ import annotations

import msgspec

__all__ = ["Hole", "IdRuns"]


class Hole(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Ids `first`..`last` are proven missing: they belong between `from_ns` and `to_ns`; `offset` is of the line behind the hole."""

    first: int
    last: int
    from_ns: int
    to_ns: int
    offset: int


class _Run(msgspec.Struct, gc=False):
    first: int
    last: int
    first_ns: int
    last_ns: int
    offset: int


class IdRuns:
    """Collects ids. Each call costs nothing to speak of while ids follow one another."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def add(self, first: int, last: int, *, from_ns: int, to_ns: int, offset: int) -> None:
        """Ids `first`..`last` are there, received from `from_ns` to `to_ns`, their first line at `offset`."""
        if self._runs and first == self._runs[-1].last + 1:
            self._runs[-1].last, self._runs[-1].last_ns = last, to_ns
        else:
            self._runs.append(_Run(first, last, from_ns, to_ns, offset))

    def holes(self) -> list[Hole]:
        """What is missing between the smallest and the largest id."""
        runs = iter(sorted(self._runs, key=lambda run: (run.first, run.last)))
        before = next(runs, None)
        found: list[Hole] = []
        for run in runs:
            assert before is not None
            if run.first > before.last + 1:
                found.append(_hole(before, run))
            if run.last > before.last:
                before = run
        return found

    def missing_within(self, first: int, last: int) -> int:
        """How many of the ids `first`..`last` are in holes or outside of what was seen."""
        present = 0
        upto = first - 1
        for run in sorted(self._runs, key=lambda run: run.first):
            low, high = max(run.first, upto + 1), min(run.last, last)
            if high >= low:
                present += high - low + 1
                upto = high
        return last - first + 1 - present


def _hole(before: _Run, after: _Run) -> Hole:
    return Hole(
        first=before.last + 1,
        last=after.first - 1,
        from_ns=min(before.last_ns, after.first_ns),
        to_ns=max(before.last_ns, after.first_ns),
        offset=after.offset,
    )
