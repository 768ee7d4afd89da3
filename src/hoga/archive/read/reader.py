"""archive.read.reader: the records of a stretch of time, as blocks of whole lines, from day files, segments and open minutes alike.

Only segments that can hold wanted records are opened, and in a day file only their bytes are read. All text comes through
`archive.form.checked`: what is not proven is not told. Archives of the classic layout (no manifest, no ledger, lines without
`recvNs`) are read too; there the line's own `recv_ms` decides, or the segment's minute.

A recorder may be at work meanwhile: minutes are sealed, days merged, minutes removed. What is read is found in one state
of the folder; when a file went away before it was opened, its text is looked for in the new state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.checked import checked_blocks, whole_lines
from hoga.archive.form.discover import discover
from hoga.archive.form.envelope import receipts_at, recv_ns_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import line_ends, split_lines
from hoga.archive.read.filling import Filling
from hoga.archive.read.openminute import OpenMinute, OpenMinutes, days_with_open, require_ended
from hoga.archive.read.stretches import LOOKS, Stretch, find_stretches
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import DAY_NS, MINUTE_NS, day_start_ns, minute_of

__all__ = ["Block", "read_blocks", "read_stretches"]

_FOREVER = 2**63


class Block(NamedTuple):
    """Whole lines, each with its newline, that follow one another in one stretch of one day of one series.

    A segment of up to 8 MiB of text is one block, a larger one comes in several. `stretch` tells what is known of the whole segment (of an
    open minute: its times are the minute's). `text` is never empty.
    """

    day: SeriesDay
    stretch: Stretch
    text: bytes


def read_blocks(
    target: Path | Iterable[SeriesDay],
    *,
    kind: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    journals: Iterable[Path] | None = None,
    fill: bool = False,
    on_damage: Callable[[SeriesDay, Stretch, SegmentCorrupt], object] | None = None,
) -> Iterator[Block]:
    """Blocks of the records received from `start_ns` on and before `end_ns`; lines outside are cut away.

    Args:
        target: a file or folder of an archive, or days of series already found. Series follow one another, by day, symbol, kind.
        kind: only this kind; None takes all.
        journals: the open minutes that belong to the days; None: those below `target` when it is a folder.
        fill: with the trades of that time (the venue's) that were fetched afterwards, in their places by id.
        on_damage: is told of a sealed stretch whose bytes are not what was sealed, and what is behind it is read; None: it is an error.

    Raises:
        ArchiveError: the target is no archive, or cannot be read. SegmentCorrupt: damage was met; nothing of the damaged
        segment was given, and all lines before it were.
    """
    found = None
    if isinstance(target, Path):
        found = discover([target])
        inside = target.resolve()
        days = days_with_open(found, lambda day: day.directory.resolve().is_relative_to(inside))
        journals = found.journals if journals is None else journals
    else:
        days = list(target)
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    opened = OpenMinutes(journals or ())

    def wanted(day: str) -> bool:
        start = day_start_ns(day)
        return start < high and start + DAY_NS > low

    days = [day for day in days if kind in (None, day.kind) and wanted(day.day)]
    filling = Filling(days, low, high) if fill else None
    for day in days:
        blocks = _read_day(day, opened, low, high, on_damage)
        yield from blocks if filling is None else filling.of(day, blocks, Block)
    opened.require_whole(wanted)
    if found is not None:
        found.require_whole()


def read_stretches(stretches: Iterable[Stretch], *, start_ns: int, end_ns: int) -> Iterator[tuple[Stretch, bytes]]:
    """The wanted lines of each stretch, in texts of many. Raises FileNotFoundError when a file went away before it was opened, and as
    `read_blocks`."""
    for stretch in stretches:
        if not _touches(stretch, start_ns, end_ns):
            continue
        inside = stretch.exact and start_ns <= stretch.from_ns and stretch.to_ns < end_ns
        blocks = checked_blocks(stretch.path, at=stretch.at, length=stretch.length, proof=stretch.proof)
        for text in whole_lines(blocks, stretch.path):
            wanted = text if inside else _within(text, start_ns, end_ns, otherwise=stretch.from_ns)
            if wanted:
                yield stretch, wanted


def _touches(stretch: Stretch, start_ns: int, end_ns: int) -> bool:
    return stretch.to_ns >= start_ns and stretch.from_ns < end_ns


def _within(text: bytes, start_ns: int, end_ns: int, *, otherwise: int) -> bytes:
    """The lines received from `start_ns` on and before `end_ns`. `otherwise`: when lines that tell no receipt were received."""
    receipts = receipts_at(text, line_ends(text))
    if receipts is not None and start_ns <= min(receipts) and max(receipts) < end_ns:
        return text
    lines = split_lines(text)
    if receipts is None:
        receipts = [recv_ns_of(line, otherwise) for line in lines]
    return b"".join(line for line, recv_ns in zip(lines, receipts, strict=True) if start_ns <= recv_ns < end_ns)


def _read_day(
    day: SeriesDay,
    opened: OpenMinutes,
    low: int,
    high: int,
    on_damage: Callable[[SeriesDay, Stretch, SegmentCorrupt], object] | None,
) -> Iterator[Block]:
    reading = _DayReading(day, on_damage)
    yield from reading.sealed(low, high)
    for journals in opened.of(day) if not day.only else ():
        yield from reading.open(opened, journals, low, high)


class _DayReading:
    """One day of one series while it is being read: what was told is not told again, wherever it has gone meanwhile."""

    def __init__(self, day: SeriesDay, on_damage: Callable[[SeriesDay, Stretch, SegmentCorrupt], object] | None = None) -> None:
        self._day = day
        self._on_damage = on_damage
        self._found = find_stretches(day)
        self._told: list[tuple[object, ...]] = []
        self._journals: set[str] = set()

    def sealed(self, low: int, high: int) -> Iterator[Block]:
        """Sealed segments."""
        waiting = list(self._found.sealed)
        looks = 0
        while waiting:
            stretch = waiting.pop(0)
            if not _touches(stretch, low, high):
                self._told.append(stretch.key)
                continue
            try:
                for found, text in read_stretches([stretch], start_ns=low, end_ns=high):
                    yield Block(self._day, found, text)
                self._told.append(stretch.key)
            except SegmentCorrupt as damage:
                if self._on_damage is None:
                    raise
                self._told.append(stretch.key)
                self._on_damage(self._day, stretch, damage)
            except FileNotFoundError as gone:
                looks += 1
                waiting = self._look_again()
                if looks > LOOKS or any(each.path == stretch.path for each in waiting):
                    hint = f"hoga verify {self._day.directory}"
                    raise ArchiveError(stretch.path, "is not there, and something says it should be", hint=hint) from gone

    def open(self, opened: OpenMinutes, journals: list[Path], low: int, high: int) -> Iterator[Block]:
        """An open minute, unless it is sealed already."""
        if any(path.name in self._found.sources for path in journals):
            return
        try:
            minute, content = opened.read(journals, self._day)
        except FileNotFoundError:  # sealed meanwhile: it is a segment now
            self._found = msgspec.structs.replace(self._found, sealed=self._look_again())
            yield from self.sealed(low, high)
            return
        self._journals.update(path.name for path in journals)
        if content not in self._found.contents:
            text = _within(minute.text, low, high, otherwise=low) if minute.text else b""
            if text:
                yield Block(self._day, _open_stretch(minute), text)
            require_ended(minute)

    def _look_again(self) -> list[Stretch]:
        """What there is now and was not told. Raises ArchiveError when what was told cannot be told apart any more."""
        self._found = find_stretches(self._day)
        fresh = [each for each in self._found.sealed if each.key not in self._told and not self._journals & each.sources]
        known = {each.key for each in self._found.sealed}
        if any(key not in known for key in self._told):
            raise ArchiveError(self._day.manifest_path, "the day was changed while it was read", hint="read it once more")
        return fresh


def _open_stretch(minute: OpenMinute) -> Stretch:
    start = minute.minute_ns
    return Stretch(
        path=minute.journals[0], minute=minute_of(start), part=0, from_ns=start, to_ns=start + MINUTE_NS - 1, exact=False,
        sources=frozenset(path.name for path in minute.journals),
    )  # fmt: skip
