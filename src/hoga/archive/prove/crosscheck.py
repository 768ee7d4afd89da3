"""archive.prove.crosscheck: the order book of a symbol against its delta series of the same day. Pure.

Some venues cut books and deltas at the same moments (`VenueSpec.same_cut`), and give both the same id. So a delta without a book
frame, while both were being recorded, tells that a book frame never came (or that the venue did not send one because nothing
changed in its levels: the rebuilt book says which), and a book frame without a delta that a delta never came.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from hoga.archive.form.proof import cut_alike
from hoga.archive.form.semantics import StampedId
from hoga.archive.form.spans import Span, covers, joined, without
from hoga.archive.prove.report import Outcome
from hoga.core.ledger import Gap
from hoga.core.times import SECOND_NS, iso_of

__all__ = ["CrossCheck", "Evidence"]

_EDGE_NS = SECOND_NS
_EXAMPLES = 5


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one series of the day has to show. `file` is the one to name."""

    venue: str
    file: str
    streams: str
    stamped: StampedId
    live: list[Span]
    gaps: list[Gap]


class CrossCheck:
    """A symbol's day of books against its deltas. `without_frame`: the ids of the deltas that have no book frame."""

    def __init__(self, book: Evidence, delta: Evidence) -> None:
        self._book, self._delta = book, delta
        both = _both_recorded(book, delta) if cut_alike(book.venue, book.streams, delta.streams) else []
        self._frames_missing = _without_partner(delta.stamped, book.stamped, both)
        self._deltas_missing = _without_partner(book.stamped, delta.stamped, both)
        self.without_frame = [value for value, _ in self._frames_missing]

    def told(self, changed: Mapping[int, bool] = MappingProxyType({}), *, rebuilt: bool = False) -> Outcome:
        """What comes of it. `changed`: of the deltas without a frame, whether they changed the levels that a frame would have shown, as far
        as the books could be rebuilt at all (`rebuilt`).

        A frame of something that changed never came: problem `gap`. One of nothing that changed was never sent. Of all others nobody
        can say: finding `frame-missing`. A book frame without its delta: finding `delta-missing`.
        """
        outcome = Outcome()
        lost = [(value, at) for value, at in self._frames_missing if changed.get(value) is True]
        if lost:
            what = "book frames never came, and no gap says so: the deltas with these ids changed the best levels"
            outcome.problem(self._book.file, "gap", f"{len(lost)} {what}: {_examples(lost)}", count=len(lost))
        hint = "which of the two, their books do not say" if rebuilt else "verify --books tells which"
        unclear = [(value, at) for value, at in self._frames_missing if value not in changed]
        _tell(
            outcome,
            self._book.file,
            "frame-missing",
            f"deltas have no book frame: it was lost on the way, or nothing changed in its levels ({hint})",
            unclear,
        )
        _tell(outcome, self._delta.file, "delta-missing", "book frames have no delta: it was lost on the way", self._deltas_missing)
        return outcome


def _both_recorded(book: Evidence, delta: Evidence) -> list[Span]:
    """When both were live and neither had a gap, less a second at each edge: the two sockets are never cut at once."""
    apart = [(gap.from_ns, gap.to_ns) for gap in [*book.gaps, *delta.gaps]]
    live = without(book.live, without(book.live, delta.live))
    shrunk = [(start + _EDGE_NS, end - _EDGE_NS) for start, end in joined(live) if end - start > 2 * _EDGE_NS]
    return without(shrunk, [(start - _EDGE_NS, end + _EDGE_NS) for start, end in joined(apart)])


def _without_partner(found: StampedId, others: StampedId, both: list[Span]) -> list[tuple[int, int]]:
    """(id, recv_ns) of every id that has no partner although its partner's series was recorded before and after it."""
    if not others.ids:
        return []
    known = set(others.ids)
    times = sorted(others.recv_ns)
    alone = [(value, at) for value, at in zip(found.ids, found.recv_ns, strict=True) if value not in known]
    return [(value, at) for value, at in alone if covers(both, at) and bisect_left(times, at) and bisect_right(times, at) < len(times)]


def _tell(outcome: Outcome, file: str, kind: str, what: str, alone: list[tuple[int, int]]) -> None:
    if alone:
        outcome.finding(file, kind, f"{len(alone)} {what}: {_examples(alone)}")


def _examples(found: list[tuple[int, int]]) -> str:
    return ", ".join(f"{value} at {iso_of(at)}" for value, at in found[:_EXAMPLES])
