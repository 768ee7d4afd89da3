"""history.refill: which trades a day of a series lacks, as ranges of ids, and what has come of looking for them. Pure.

Where ids count on, they prove it; elsewhere what lies between the records before and after a gap of the ledger is looked for, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hoga.archive.form.healed import HealedRange
from hoga.core.ledger import Gap, Reason

__all__ = ["Lack", "between_records", "left_over", "proven", "without"]


class Lack(NamedTuple):
    """Ids `first` to `last` of a chain are missing (or, `proven` False: may be); they were traded between the two times."""

    chain: str
    first: int
    last: int
    from_ns: int
    to_ns: int
    proven: bool = True

    def text(self) -> str:
        """For people."""
        return f"{self.chain} id {self.first}" if self.first == self.last else f"{self.chain} ids {self.first} to {self.last}"


def proven(lacks: Iterable[Lack], ranges: Iterable[HealedRange]) -> list[Lack]:
    """What was not looked for yet: the parts of lacks that no range covers."""
    known = list(ranges)
    return [part for lack in lacks for part in without(lack, [(each.first, each.last) for each in known if each.chain == lack.chain])]


def without(lack: Lack, spans: Iterable[tuple[int, int]]) -> Iterator[Lack]:
    """The parts of a lack that lie in none of the spans (first, last)."""
    at = lack.first
    for first, last in sorted(spans):
        if last < at or first > lack.last:
            continue
        if first > at:
            yield lack._replace(first=at, last=first - 1)
        at = max(at, last + 1)
    if at <= lack.last:
        yield lack._replace(first=at)


def left_over(lack: Lack, ids: Iterable[int]) -> list[Lack]:
    """The parts of a lack whose ids did not come."""
    runs: list[tuple[int, int]] = []
    for each in sorted(set(ids)):
        if runs and each == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], each)
        else:
            runs.append((each, each))
    return list(without(lack, runs))


def between_records(chain: str, records: list[tuple[int, int]], gaps: Iterable[Gap]) -> list[Lack]:
    """What each gap may lack where ids only grow: those between the record before it and the one after it.

    `records`: (receipt, id), by receipt. A gap before the first or after the last record bounds nothing, and is left out.
    """
    found: dict[Lack, None] = {}
    for gap in gaps:
        if gap.missed == 0 or gap.reason is Reason.CLOCK_STEP:
            continue
        before = max((each for each in records if each[0] <= gap.from_ns), default=None, key=lambda each: each[1])
        after = min((each for each in records if each[0] >= gap.to_ns), default=None, key=lambda each: each[1])
        if before is not None and after is not None and after[1] > before[1] + 1:
            found[Lack(chain, before[1] + 1, after[1] - 1, gap.from_ns, gap.to_ns, proven=False)] = None
    return list(found)
