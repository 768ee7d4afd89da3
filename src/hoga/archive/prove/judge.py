"""archive.prove.judge: what the ledger explains of what the lines show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hoga.archive.form.idruns import Hole, IdRuns
from hoga.archive.form.semantics import Remark
from hoga.core.ledger import Gap, Reason
from hoga.core.times import SECOND_NS

__all__ = ["OUR_FAULTS", "is_explained", "is_stepped", "wrong_counts"]

OUR_FAULTS = frozenset({"malformed", "torn", "backwards", "wrong-minute", "no-envelope"})
"""Remarks about lines that are our fault, unless a clock step explains them. All others are facts about the venue."""

_STEP_SLACK_NS = SECOND_NS


def is_explained(hole: Hole, gaps: Iterable[Gap]) -> bool:
    """Some gap of the ledger lies where the hole is, by ids or by time."""
    for gap in gaps:
        if gap.from_id is not None and gap.to_id is not None and gap.from_id <= hole.last and gap.to_id >= hole.first:
            return True
        if gap.from_ns <= hole.to_ns and gap.to_ns >= hole.from_ns and gap.reason is not Reason.CLOCK_STEP:
            return True
    return False


def is_stepped(remark: Remark, gaps: Iterable[Gap]) -> bool:
    """A step of the clock explains the remark's times, give or take a second."""
    steps = [gap for gap in gaps if gap.reason is Reason.CLOCK_STEP]
    times = [time for time in (remark.recv_ns, remark.other_ns) if time]
    return any(gap.from_ns - _STEP_SLACK_NS <= time <= gap.to_ns + _STEP_SLACK_NS for gap in steps for time in times)


def wrong_counts(gaps: Iterable[Gap], chains: Iterable[IdRuns]) -> Iterator[tuple[Gap, int]]:
    """Gaps proven by single ids whose `missed` is not how many of those ids are absent, and how many are.

    Only for channels whose ids count one by one (trades): there an id that arrived late is not missing after all.
    Which chain a gap belongs to is not written down; it is right when it is right for one of them.
    """
    chains = list(chains)
    for gap in gaps:
        if gap.reason is not Reason.SEQUENCE_GAP or gap.from_id is None or gap.to_id is None or gap.missed is None:
            continue
        absent = [runs.missing_within(gap.from_id, gap.to_id) for runs in chains]
        if absent and gap.missed not in absent:
            yield gap, min(absent)
