"""archive.read.openminute: the lines of minutes that are still being written, as they will be sealed.

The journals of a lane hold the frames of many series; of those that are asked for the lines are made here by the sealer's
own hand (`archive.keep.minute`), so they are the very bytes that the segment will hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.chunks import has_chunks
from hoga.archive.form.deflate import Inflater
from hoga.archive.form.discover import Found
from hoga.archive.form.journal import JournalHeader, JournalName, StreamEntry, parse_journal_name, read_header
from hoga.archive.form.ledger import GapEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.life import LOCK_FILE
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.minute import ASIDE_SYMBOL, Minute
from hoga.archive.keep.seriesminute import SeriesMinute
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.core.streams import Kind
from hoga.core.times import MINUTE_NS, minute_of

__all__ = ["OpenMinute", "OpenMinutes", "days_with_open", "recorder_at_work", "require_ended"]


class OpenMinute(NamedTuple):
    """The text of one series' open minute, when it begins, and the journals it is in. `torn`: so many bytes at their end are no whole
    chunk. `gaps`: what is missing in it, as far as it was written down."""

    text: bytes
    minute_ns: int
    journals: list[Path]
    torn: int
    gaps: list[Gap]


class OpenMinutes:
    """Journals that were there when a reader began: their beginnings are read at once, before anybody seals them away."""

    def __init__(self, journals: Iterable[Path]) -> None:
        found = [(name, path) for path in journals if (name := parse_journal_name(path.name)) is not None]
        self._found = sorted(found, key=lambda item: (item[0].day, item[0].minute, item[0].lane, item[0].session, item[0].number))
        self._headers = {path: header for _, path in self._found if (header := _header(path)) is not None}
        self._damaged = {path: name.day for name, path in self._found if path not in self._headers and _is_damaged(path)}

    def days(self) -> set[SeriesDay]:
        """The series and days that these journals may have records of."""
        days: set[SeriesDay] = set()
        for name, path in self._found:
            header = self._headers.get(path)
            for entry in header.streams if header is not None else ():
                series = entry.stream.series
                days.add(SeriesDay((path.parent / entry.directory).resolve(), series.symbol, series.kind, name.day))
            if header is not None:
                days.add(SeriesDay((path.parent / header.aside_directory).resolve(), ASIDE_SYMBOL, Kind.ASIDE, name.day))
        return days

    def began(self) -> dict[Path, tuple[int, int]]:
        """Journal folder → when its first open minute began to be recorded, and when that minute ends."""
        first: dict[Path, tuple[int, int]] = {}
        for path, header in self._headers.items():
            begin = (header.from_ns, header.minute_ns + MINUTE_NS)
            first[path.parent] = min(first.get(path.parent, begin), begin)
        return first

    def of(self, day: SeriesDay) -> list[list[Path]]:
        """The journals that hold the day's open minutes, each minute's together, in order."""
        mine = [(name, path) for name, path in self._found if name.day == day.day and self._holds(path, day)]
        return [[path for _, path in group] for _, group in groupby(mine, key=lambda item: _minute_of(item[0]))]

    def names(self, day: SeriesDay) -> set[str]:
        """The wire names of the streams that feed the day's series in these journals."""
        found: set[str] = set()
        for name, path in self._found:
            if name.day == day.day and path in self._headers:
                found.update(entry.stream.name for entry in self._entries(path, day))
        return found

    def venue(self, day: SeriesDay) -> str | None:
        """Whose streams feed the day's series in these journals, None when none of them does."""
        holding = (path for name, path in self._found if name.day == day.day and path in self._headers and self._entries(path, day))
        return next((self._headers[path].venue for path in holding), None)

    def require_whole(self, wanted: Callable[[str], bool]) -> None:
        """Raises SegmentCorrupt when a journal of a `wanted` day has lost its beginning: nobody can say whose frames it holds."""
        for path, day in self._damaged.items():
            if wanted(day):
                raise SegmentCorrupt(path, "the journal's beginning is damaged: nobody can say whose frames it holds", offset=0)

    def read(self, journals: list[Path], day: SeriesDay) -> tuple[OpenMinute, tuple[str, int, int]]:
        """The open minute of one series out of `journals` (one minute of one lane and session), and what its segment will be told
        by: minute, bytes, CRC-32.

        Raises FileNotFoundError when it was sealed meanwhile, SegmentCorrupt when a piece in its middle is damaged.
        """
        headed = [(path, self._headers[path]) for path in journals]
        of = (day.symbol, day.kind)
        minute = Minute(msgspec.structs.replace(headed[0][1], archive_format="zip"), headed[0][0].parent, only=of)
        for path, header in headed:
            minute.read(path, msgspec.structs.replace(header, archive_format="zip"))
        parts = [part for part in minute.series.values() if (part.series.symbol, part.series.kind) == (day.symbol, day.kind)]
        part = parts[0] if parts else None
        if part is not None and part.uncounted:
            raise SegmentCorrupt(headed[0][0], f"{minute.result.damaged_bytes} bytes in the middle of the open minute are damaged")
        minute_ns = headed[0][1].minute_ns
        text, crc = _text_of(part) if part is not None and part.records else (b"", 0)
        gaps = [entry.gap for entry in (part.entries if part is not None else ()) if isinstance(entry, GapEntry)]
        found = OpenMinute(text, minute_ns, journals, minute.result.damaged_bytes, gaps)
        return found, (minute_of(minute_ns), len(text), crc)

    def _holds(self, path: Path, day: SeriesDay) -> bool:
        header = self._headers.get(path)
        if header is None:
            return False
        if (day.symbol, day.kind) == (ASIDE_SYMBOL, Kind.ASIDE):
            return (path.parent / header.aside_directory).resolve() == day.directory.resolve()
        return bool(self._entries(path, day))

    def _entries(self, path: Path, day: SeriesDay) -> list[StreamEntry]:
        """What the journal's header says of the streams that feed the series."""
        wanted = day.directory.resolve()
        return [
            entry
            for entry in self._headers[path].streams
            if (entry.stream.series.symbol, entry.stream.series.kind) == (day.symbol, day.kind)
            and (path.parent / entry.directory).resolve() == wanted
        ]


def _header(path: Path) -> JournalHeader | None:
    """None when the journal is gone, or has none that is whole."""
    try:
        return read_header(path)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ArchiveError(path, f"cannot be read: {fault.strerror or fault}") from fault


def _is_damaged(path: Path) -> bool:
    """A journal with chunks and no header; one that was torn at its birth holds nothing."""
    try:
        return _header(path) is None and has_chunks(path)
    except FileNotFoundError:
        return False


def days_with_open(found: Found, wanted: Callable[[SeriesDay], bool]) -> list[SeriesDay]:
    """The days found, and those that only an open minute has as yet, as far as they are `wanted`."""
    there = {(day.directory.resolve(), day.symbol, day.kind, day.day) for day in found.days}
    fresh = [
        day for day in OpenMinutes(found.journals).days() if (day.directory, day.symbol, day.kind, day.day) not in there and wanted(day)
    ]
    return sorted([*found.days, *fresh], key=lambda item: (item.day, item.symbol, item.kind, item.directory, item.only))


def recorder_at_work(folder: Path) -> bool:
    """Whether someone records or recovers in this journal folder."""
    if not (folder / LOCK_FILE).exists():
        return False
    lock = FolderLock(folder)
    try:
        taken = lock.acquire()
    except OSError:
        return False
    if taken:
        lock.release()
    return not taken


def require_ended(minute: OpenMinute) -> None:
    """Raises ArchiveError when the minute's end is torn and nobody is writing it."""
    folder = minute.journals[0].parent
    if minute.torn and not recorder_at_work(folder):
        why = f"the last {minute.torn} bytes of the open minute are no whole piece: a crash cut it, or it is damaged"
        raise ArchiveError(minute.journals[-1], why, hint=f"hoga recover {folder}")


def _minute_of(name: JournalName) -> tuple[object, ...]:
    return name.lane, name.day, name.minute, name.session


def _text_of(part: SeriesMinute) -> tuple[bytes, int]:
    """The series' lines, and their CRC-32."""
    pieces, facts = part.builder.build("open.jsonl", b"", 0)
    inflater = Inflater()
    text = b"".join(block for piece in pieces[1:-1] for block in inflater.feed(piece))
    return text, facts.crc32
