"""archive.prove.crosscheck: the order book of a symbol against its delta series of the same day. Pure.

Some venues cut books and deltas at the same moments (`VenueSpec.same_cut`), and give both the same id. So a delta without a book
frame, while both were being recorded, tells that a book frame never came (or that the venue did not send one because nothing
changed in its levels), and a book frame without a delta that a delta never came. Neither is a fault of the archive: they are findings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import msgspec

from hoga.archive.form.proof import cut_alike
from hoga.archive.form.semantics import StampedId
from hoga.archive.form.spans import Span, covers, joined, without
from hoga.archive.prove.report import Outcome
from hoga.core.ledger import Gap
from hoga.core.times import SECOND_NS, iso_of

__all__ = ["Evidence", "cross_check"]

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


def cross_check(book: Evidence, delta: Evidence) -> Outcome:
    """Findings `frame-missing` (delta without book frame) and `delta-missing` (book frame without delta)."""
    outcome = Outcome()
    if not cut_alike(book.venue, book.streams, delta.streams):
        return outcome
    both = _both_recorded(book, delta)
    _tell(
        outcome,
        book.file,
        "frame-missing",
        "deltas have no book frame: it was lost on the way, or nothing changed in its levels",
        _without_partner(delta.stamped, book.stamped, both),
    )
    _tell(
        outcome,
        delta.file,
        "delta-missing",
        "book frames have no delta: it was lost on the way",
        _without_partner(book.stamped, delta.stamped, both),
    )
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
        examples = ", ".join(f"{value} at {iso_of(at)}" for value, at in alone[:_EXAMPLES])
        outcome.finding(file, kind, f"{len(alone)} {what}: {examples}")
