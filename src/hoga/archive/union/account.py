"""archive.union.account: what several accounts of one series' day say together: when it was recorded, what is missing still, and who made
up for whom. Pure.

A moment is recorded when any collector recorded it. A gap stays only where all had one, or were not recording; where ids prove what is
missing, they are asked again of the united day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hoga.archive.form.idruns import Hole
from hoga.archive.form.manifest import CollectorRow, Filled, Manifest, counted_missed
from hoga.archive.form.spans import Span, clipped, covered_ns, covers, joined, without
from hoga.core.ledger import Gap, Reason

__all__ = ["collector_rows", "filled_gaps", "is_made_of", "recorded_of", "remaining_gaps", "replaces", "united_live"]


def united_live(accounts: Iterable[Manifest]) -> list[Span]:
    """When anybody recorded the series."""
    return joined(span for each in accounts for span in each.live)


def recorded_of(account: Manifest) -> list[Span]:
    """When this one recorded it, without its gaps and what is in doubt."""
    gone = [(gap.from_ns, gap.to_ns) for gap in account.gaps] + [(flaw.from_ns, flaw.to_ns) for flaw in account.flaws]
    return without(account.live, gone)


def remaining_gaps(
    accounts: Sequence[Manifest], holes: Iterable[Hole] | None, ids: Span | None = None, *, single: bool = True
) -> list[Gap]:
    """The gaps that nobody filled, by time. `accounts`: in the order in which their words for a gap are preferred. `holes`: the ids that
    are missing from the united day, whose smallest and largest are `ids`; None where ids prove nothing: then a piece of a gap cannot be
    counted.
    `single`: each id is one record, so that ids count them."""
    recorded = [recorded_of(each) for each in accounts]
    missing = list(holes) if holes is not None else []
    spans = [(hole.from_ns, hole.to_ns) for hole in missing]
    told: list[Span] = []
    found: list[Gap] = []
    for at, account in enumerate(accounts):
        others = [span for other, each in enumerate(recorded) if other != at for span in each]
        for gap in account.gaps:
            whole = (min(gap.from_ns, gap.to_ns), max(gap.from_ns, gap.to_ns))
            for piece in _left_of(whole, [*others, *told]):
                if (of := _touched(piece, spans)) is not None:  # what is missing there is told by ids
                    spans[of] = (min(piece[0], spans[of][0]), max(piece[1], spans[of][1]))
                else:
                    found.append(_piece_of(gap, piece, whole=piece == whole, proven=ids if holes is not None else None))
                    told.append(piece)
    for hole, span in zip(missing, spans, strict=True):
        if (of_ids := _gap_of(hole, span, accounts, single=single)) is not None:
            found.append(of_ids)
    return sorted(set(found), key=lambda gap: (gap.from_ns, gap.to_ns, gap.reason, gap.from_id or 0))


def _left_of(span: Span, gone: list[Span]) -> list[Span]:
    if span[0] < span[1]:
        return without([span], gone)
    return [] if covers(gone, span[0]) else [span]


def _touched(span: Span, spans: list[Span]) -> int | None:
    return next((at for at, (low, high) in enumerate(spans) if span[0] <= high and span[1] >= low), None)


def _piece_of(gap: Gap, piece: Span, *, whole: bool, proven: Span | None) -> Gap:
    """What is left of a gap. Between the ids of the day, `proven`, holes tell what is missing, so that a piece beside them misses none."""
    inside = (
        proven is not None and gap.from_id is not None and gap.to_id is not None and gap.from_id <= proven[1] and gap.to_id >= proven[0]
    )
    if whole and not inside:
        return gap
    return msgspec.structs.replace(gap, from_ns=piece[0], to_ns=piece[1], from_id=None, to_id=None, missed=0 if inside else None)


def _gap_of(hole: Hole, span: Span, accounts: Sequence[Manifest], *, single: bool) -> Gap | None:
    """The gap of ids that nobody has, in the words of the first account that has one there. None where one was recording all that time and
    tells of no gap: what was wrong with its account is not made good here."""
    missed = hole.last - hole.first + 1 if single else None
    for account in accounts:
        for gap in account.gaps:
            by_id = gap.from_id is not None and gap.to_id is not None and gap.from_id <= hole.last and gap.to_id >= hole.first
            if by_id or (gap.from_id is None and gap.from_ns <= hole.to_ns and gap.to_ns >= hole.from_ns):
                return msgspec.structs.replace(gap, from_ns=span[0], to_ns=span[1], missed=missed, from_id=hole.first, to_id=hole.last)
    if any(not without([span], account.live) for account in accounts):
        return None
    return Gap(span[0], span[1], Reason.SEQUENCE_GAP, missed, from_id=hole.first, to_id=hole.last, detail="nobody was recording")


def filled_gaps(accounts: Sequence[tuple[str, Manifest]], gaps: Iterable[Gap]) -> list[Filled]:
    """What was missing of one collector (by its name) and is there now, by time: with the names of those who recorded it, and what
    earlier unions filled."""
    still = [(gap.from_ns, gap.to_ns) for gap in gaps]
    found = {each for _, account in accounts for each in account.filled}
    for name, account in accounts:
        if account.collectors is not None:
            continue
        for gap in account.gaps:
            for piece in without([(gap.from_ns, gap.to_ns)], still):
                by = [other for other, each in accounts if other != name and clipped(recorded_of(each), piece)]
                if by:
                    found.add(Filled(from_ns=piece[0], to_ns=piece[1], collector=name, reason=gap.reason, by=tuple(sorted(set(by)))))
    return sorted(found, key=lambda each: (each.from_ns, each.to_ns, each.collector))


def collector_rows(accounts: Sequence[tuple[str, Manifest]], won: dict[str, int | None]) -> list[CollectorRow]:
    """One row for each collector, by name. `won`: how many of the united records each has received.

    The same collector in two accounts: the same row once; where they tell of different times, both together, without what would count
    twice.
    """
    rows: dict[str, CollectorRow] = {}
    for name, account in accounts:
        for row in account.collectors or [_row_of(name, account)]:
            known = rows.get(row.name)
            rows[row.name] = row if known is None else _both(known, row)
    return [msgspec.structs.replace(rows[name], won=won.get(name, 0)) for name in sorted(rows)]


def _row_of(name: str, account: Manifest) -> CollectorRow:
    return CollectorRow(
        name=name,
        received=account.received,
        records=account.records,
        duplicates=account.duplicates,
        unwritten=counted_missed(account.gaps),
        won=0,
        gaps=len(account.gaps),
        recorded_ns=covered_ns(recorded_of(account)),
        clock=account.clock,
    )


def _both(one: CollectorRow, other: CollectorRow) -> CollectorRow:
    if msgspec.structs.replace(one, won=0) == msgspec.structs.replace(other, won=0):
        return one
    return msgspec.structs.replace(
        max(one, other, key=lambda row: (row.records, row.recorded_ns)), received=None, records=max(one.records, other.records)
    )


def replaces(before: Manifest, sources: Iterable[tuple[str, Manifest | None]]) -> bool:
    """Whether what `sources` (by the names of their collectors) have is all that an earlier union, `before`, was made of: each collector of
    it is among them, with at least as many records. What one collector has of a day only grows."""
    known = {name: manifest.records for name, manifest in sources if manifest is not None}
    return before.collectors is not None and all(known.get(row.name, -1) >= row.records for row in before.collectors)


def is_made_of(before: Manifest, sources: Iterable[tuple[str, Manifest | None]]) -> bool:
    """Whether the union `before` was made of these very accounts, and of no others."""
    rows = [_row_of(name, manifest) for name, manifest in sources if manifest is not None and manifest.collectors is None]
    known = [msgspec.structs.replace(row, won=0) for row in before.collectors or ()]
    return sorted(rows, key=lambda row: row.name) == known
