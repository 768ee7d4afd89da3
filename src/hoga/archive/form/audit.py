"""archive.form.audit: the parts of one day's account held against one another. Pure.

`hoga verify` names what it finds; the merge writes it into the manifest as `flaws`, so that what was wrong before it is
named after it, too: a ledger that was lost, cut or out of balance does not become good by being folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hoga.archive.form.journal import parse_journal_name
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, DigestEntry, GapEntry, LedgerEntry, LedgerLine, LiveEntry, SegmentEntry
from hoga.archive.form.links import breaks
from hoga.archive.form.spans import Span, clipped, covered_ns, minute_span
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.times import DAY_NS, day_start_ns

__all__ = ["Flaw", "Line", "LineFault", "gaps_of", "line_faults", "outside_live", "told_once", "unbalanced"]


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was wrong with the account of `from_ns`..`to_ns` when the day was merged; `kind` as `hoga verify` names it."""

    from_ns: int
    to_ns: int
    kind: str
    detail: str


class LineFault(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger line at `offset` that is not as it was written (`altered`), or a place where lines are missing: of that time."""

    offset: int
    altered: bool
    detail: str
    span: Span


Line = tuple[str, int, int, int | None, int | None]
"""(minute, span_min, records, first_recv_ns, last_recv_ns) of a segment."""


def line_faults(lines: list[LedgerLine], day: str, *, growing: bool = False) -> list[LineFault]:
    """Where the lines of a ledger do not hold one another."""
    whole = (day_start_ns(day), day_start_ns(day) + DAY_NS)
    end = lines[-1].at + len(lines[-1].text) + 1 if lines else 0
    found = []
    for broken in breaks([line.text for line in lines], growing=growing):
        before = next((span for line in reversed(lines[: broken.line]) if (span := _span(line.entry, day)) is not None), None)
        after = next((span for line in lines[broken.line :] if (span := _span(line.entry, day)) is not None), None)
        low = before[0] if before is not None else whole[0]
        high = after[1] if after is not None else before[1] if before is not None else whole[1]
        offset = lines[broken.line].at if broken.line < len(lines) else end
        inside = clipped([(min(low, high), max(low, high))], whole)
        found.append(LineFault(offset=offset, altered=broken.altered, detail=broken.detail, span=inside[0] if inside else whole))
    return found


def gaps_of(flaws: Iterable[Flaw]) -> list[Gap]:
    """The gaps that flaws of lost accounts make: what is not accounted for is not claimed to be recorded. Neighbours become one."""
    found: list[Gap] = []
    for flaw in sorted(flaws, key=lambda flaw: (flaw.detail, flaw.from_ns)):
        if found and found[-1].detail == flaw.detail and flaw.from_ns <= found[-1].to_ns:
            found[-1] = msgspec.structs.replace(found[-1], to_ns=max(found[-1].to_ns, flaw.to_ns))
        else:
            found.append(Gap(flaw.from_ns, flaw.to_ns, Reason.CRASH, None, detail=flaw.detail))
    return found


def unbalanced(entries: Iterable[LedgerEntry], day: str) -> list[Flaw]:
    """Stretches of a day in which received is not records + duplicates + what gaps count.

    For days where a crash took the count of some segment: what lies between two such segments is held together by itself.
    A gap that reaches into one of them proves nothing.
    """
    entries = list(entries)
    segments = [entry for entry in entries if isinstance(entry, SegmentEntry)]
    spans = ((*minute_span(day, entry.minute, entry.span_min), entry) for entry in _readable(segments))
    windows = sorted(spans, key=lambda item: item[:2])
    gaps = [(entry, _start(entry, day)) for entry in entries if isinstance(entry, GapEntry) and entry.gap.reason in COUNTED]
    found: list[Flaw] = []
    for group in _known_stretches(windows):
        low, high = group[0][0], max(end for _, end, _ in group)
        inside = [entry.gap for entry, start in gaps if low <= start < high]
        if any(gap.from_ns < low for gap in inside):
            continue
        received = sum(entry.received or 0 for _, _, entry in group)
        records = sum(entry.records for _, _, entry in group)
        duplicates = sum(entry.duplicates for _, _, entry in group)
        counted = sum(gap.missed or 0 for gap in inside)
        if received != records + duplicates + counted:
            parts = f"{records} records + {duplicates} duplicates + {counted} accounted as not written"
            detail = f"{received} frames were received, but {parts} make {records + duplicates + counted}"
            found.append(Flaw(from_ns=low, to_ns=high, kind="unbalanced", detail=detail))
    return found


def outside_live(lines: Iterable[Line], live: list[Span], gaps: Iterable[Gap], day: str) -> Iterator[tuple[str, str]]:
    """(minute, why) of segments with records of minutes in which, by the ledger, nothing at all was being recorded.

    A crash or a step of the clock in that minute excuses it.
    """
    excuses = [(gap.from_ns, gap.to_ns) for gap in gaps if gap.reason in (Reason.CRASH, Reason.CLOCK_STEP)]
    for minute, span_min, records, first, last in lines:
        if not records or first is None or last is None:
            continue
        low, high = minute_span(day, minute, span_min)
        near = (min(low, first, last), max(high, first, last + 1))
        if not clipped(live, near) and not any(start <= near[1] and end >= near[0] for start, end in excuses):
            yield minute, f"segment {minute} holds {records} records, and the ledger does not say that anything was being recorded then"


def _readable(segments: Iterable[SegmentEntry]) -> Iterator[SegmentEntry]:
    return (entry for entry in segments if len(entry.minute) == 5 and entry.minute[:2].isdigit() and entry.minute[3:].isdigit())


def _known_stretches(windows: list[tuple[int, int, SegmentEntry]]) -> Iterator[list[tuple[int, int, SegmentEntry]]]:
    """Segments that follow one another between two whose count is unknown."""
    unknown = {start for start, _, entry in windows if entry.received is None}
    group: list[tuple[int, int, SegmentEntry]] = []
    for window in windows:
        if window[0] in unknown:
            if group:
                yield group
            group = []
        else:
            group.append(window)
    if group:
        yield group


def _start(entry: GapEntry, day: str) -> int:
    """In which minute a gap was written down."""
    name = parse_journal_name(entry.journal)
    return minute_span(name.day, name.minute)[0] if name is not None else max(entry.gap.to_ns - 1, entry.gap.from_ns)


def _span(entry: LedgerEntry | None, day: str) -> Span | None:
    match entry:
        case SegmentEntry() if len(entry.minute) == 5:
            return minute_span(day, entry.minute, entry.span_min)
        case LiveEntry():
            return entry.from_ns, entry.to_ns
        case GapEntry():
            return entry.gap.from_ns, entry.gap.to_ns
        case ConnectionEntry():
            return entry.from_ns, entry.from_ns if entry.to_ns is None else entry.to_ns
        case ClockEntry() | DigestEntry():
            return entry.ns, entry.ns
    return None


def told_once(gaps: Iterable[Gap]) -> tuple[list[Gap], int]:
    """The gaps of one series, by time: ids that gaps of overlapping times both name are counted in the first of them; and how many
    ids that were. Only for gaps that count ids one by one."""
    found: list[Gap] = []
    near: list[Gap] = []
    shared = 0
    for gap in gaps:
        first, last, missed = gap.from_id, gap.to_id, gap.missed
        if first is None or last is None or missed != last - first + 1:
            found.append(gap)
            continue
        near = [other for other in near if other.to_ns >= gap.from_ns]
        spans = [(other.from_id or 0, (other.to_id or 0) + 1) for other in near]
        twice = covered_ns(clipped(spans, (first, last + 1)))
        near.append(gap)
        shared += twice
        found.append(msgspec.structs.replace(gap, missed=missed - twice) if twice else gap)
    return found, shared
