"""archive.reader: the records of a stretch of time, as their lines, from day files and unmerged segments alike.

Only segments that can hold wanted records are opened, and in a day file only their bytes are read. Archives of the
classic layout (no manifest, no ledger, lines without `recvNs`) are read too; there the segment's minute decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.discover import SeriesDay, discover
from hoga.archive.layout import parse_segment
from hoga.archive.ledger import SegmentEntry, read_ledger
from hoga.archive.locate import locate
from hoga.archive.manifest import read_manifest
from hoga.archive.segment import inflate_range, read_located
from hoga.core.times import DAY_NS, MINUTE_NS, day_start_ns

__all__ = ["Stretch", "find_stretches", "read_records", "read_stretches"]

_PREFIX = b'{"recvNs":'
_FOREVER = 2**63


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Text that belongs together: a whole file, or `length` compressed bytes of a day file from `at` on.

    `from_ns`..`to_ns` are the receive times of its first and last record; `exact` is False where only the minute is known.
    """

    path: Path
    minute: str
    part: int
    from_ns: int
    to_ns: int
    exact: bool
    at: int = 0
    length: int | None = None


def read_records(
    target: Path | Iterable[SeriesDay], *, kind: str | None = None, start_ns: int | None = None, end_ns: int | None = None
) -> Iterator[bytes]:
    """Lines (with their newline) of the records received from `start_ns` on and before `end_ns`.

    Args:
        target: a file or folder of an archive, or days of series already found. Series follow one another, by day, symbol, kind.
        kind: only this kind; None takes all.

    Raises:
        ArchiveError: the target is no archive. SegmentCorrupt: damage was met; all lines before it were given.
    """
    days = discover([target]).days if isinstance(target, Path) else target
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    for day in days:
        start = day_start_ns(day.day)
        if kind not in (None, day.kind) or start >= high or start + DAY_NS <= low:
            continue
        yield from read_stretches(find_stretches(day), start_ns=low, end_ns=high)


def find_stretches(day: SeriesDay) -> list[Stretch]:
    """Where the records of one day of one series are, in order; what is in the day file already is not told twice."""
    if day.only:
        return [_segment_stretch(Path(day.only), day, None)]
    manifest = read_manifest(day.manifest_path)
    stretches: list[Stretch] = []
    known: set[tuple[str, int, int]] = set()
    if manifest is not None:
        path = day.manifest_path.with_name(manifest.archive.file)
        for row in manifest.segments:
            known.add((row.minute, row.bytes, row.crc32))
            low, high = _minute_window(day.day, row.minute, row.span_min)
            exact = row.first_recv_ns is not None and row.last_recv_ns is not None
            stretches.append(
                Stretch(
                    path=path,
                    minute=row.minute,
                    part=row.part,
                    from_ns=low if row.first_recv_ns is None else row.first_recv_ns,
                    to_ns=high if row.last_recv_ns is None else row.last_recv_ns,
                    exact=exact,
                    at=row.archive_offset,
                    length=row.archive_bytes,
                )
            )
    else:
        start = day_start_ns(day.day)
        for path in day.archive_paths:
            stretches.append(Stretch(path=path, minute="", part=0, from_ns=start, to_ns=start + DAY_NS - 1, exact=False))
    stretches += _unmerged(day, known)
    return sorted(stretches, key=lambda stretch: (stretch.minute, stretch.part))


def read_stretches(stretches: Iterable[Stretch], *, start_ns: int, end_ns: int) -> Iterator[bytes]:
    """The wanted lines of each stretch."""
    for stretch in stretches:
        if stretch.to_ns < start_ns or stretch.from_ns >= end_ns:
            continue
        lines = _lines(stretch)
        if stretch.exact and start_ns <= min(stretch.from_ns, stretch.to_ns) and max(stretch.from_ns, stretch.to_ns) < end_ns:
            yield from lines
        else:
            yield from (line for line in lines if start_ns <= _recv_ns(line, stretch.from_ns) < end_ns)


def _unmerged(day: SeriesDay, known: set[tuple[str, int, int]]) -> Iterator[Stretch]:
    if not day.folder.is_dir():
        return
    entries = {entry.file: entry for entry in read_ledger(day.ledger) if isinstance(entry, SegmentEntry)}
    for path in sorted(day.folder.iterdir()):
        name = parse_segment(path.name)
        if name is None or not path.is_file():
            continue
        if path.suffix == ".jsonl" and path.with_suffix(".zip").exists():
            continue
        entry = entries.get(path.name)
        if known and (_content(path, name.minute, entry) in known):
            continue
        yield _segment_stretch(path, day, entry)


def _content(path: Path, minute: str, entry: SegmentEntry | None) -> tuple[str, int | None, int | None]:
    if entry is not None:
        return minute, entry.bytes, entry.crc32
    located = locate(path)
    return minute, located.text_bytes, located.crc32


def _segment_stretch(path: Path, day: SeriesDay, entry: SegmentEntry | None) -> Stretch:
    name = parse_segment(path.name)
    assert name is not None
    low, high = _minute_window(day.day, name.minute, entry.span_min if entry is not None else 1)
    if entry is None or entry.first_recv_ns is None or entry.last_recv_ns is None:
        return Stretch(path=path, minute=name.minute, part=name.part, from_ns=low, to_ns=high, exact=False)
    times = (entry.first_recv_ns, entry.last_recv_ns)
    return Stretch(path=path, minute=name.minute, part=name.part, from_ns=min(times), to_ns=max(times), exact=True)


def _minute_window(day: str, minute: str, span_min: int) -> tuple[int, int]:
    start = day_start_ns(day) + (int(minute[:2]) * 60 + int(minute[3:])) * MINUTE_NS
    return start, start + span_min * MINUTE_NS - 1


def _lines(stretch: Stretch) -> Iterator[bytes]:
    located = locate(stretch.path)
    blocks = read_located(located) if stretch.length is None else inflate_range(located, stretch.at, stretch.length)
    tail = b""
    for block in blocks:
        *lines, tail = (tail + block).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if tail:
        yield tail + b"\n"


def _recv_ns(line: bytes, otherwise: int) -> int:
    """The line's receive time; `otherwise` for lines of the classic recorder, which have none."""
    if not line.startswith(_PREFIX):
        return otherwise
    digits = line[len(_PREFIX) : line.find(b",", len(_PREFIX))]
    return int(digits) if digits.isdigit() else otherwise
