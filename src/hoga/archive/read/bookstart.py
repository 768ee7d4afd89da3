"""archive.read.bookstart: where a symbol's book begins for an instant: the newest snapshot at or before it, and the deltas after.

Deltas alone are no book. Whoever replays, exports or draws them from some instant on begins here. Whether the deltas reach the instant
without a hole the reader finds as it applies them (`book.sync.BookSync`, `book.rebuild.Rebuild`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from hoga.archive.form.discover import venue_of
from hoga.archive.form.envelope import Opened, opened
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.records import RecordReader
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import split_lines
from hoga.archive.read.reader import read_blocks
from hoga.core.errors import ArchiveError, ManifestMismatch
from hoga.core.market import Book
from hoga.core.streams import Kind
from hoga.core.times import DAY_NS, SECOND_NS, day_start_ns, iso_of
from hoga.venues.registry import VENUES, channels_for
from hoga.venues.spec import VenueSpec

__all__ = ["BookStart", "book_start", "spec_of"]

_STEPS_NS = (2 * 3_600 * SECOND_NS, 2**63)
"""Usually there is one an hour: so far is looked back first, then all the way."""
_ANSWER_NS = 120 * SECOND_NS
"""A delta may be received so long before the snapshot that it follows: the answer of a REST call takes its time."""


class BookStart(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, and what follows it. `recv_ns`: when the snapshot was received. `book`: what it says; `payload`: the same as the venue
    sent it, byte for byte. `spec`: the venue's, whose `book_rules` say how deltas chain."""

    recv_ns: int
    book: Book
    payload: bytes
    spec: VenueSpec
    days: tuple[SeriesDay, ...]
    journals: tuple[Path, ...] = ()

    @property
    def update_id(self) -> int:
        """The venue's id of the snapshot."""
        assert self.book.update_id is not None, "made of those only that have one"
        return self.book.update_id

    def deltas(self, *, end_ns: int | None = None) -> Iterator[Opened]:
        """The deltas after the snapshot that were received before `end_ns`, as they were recorded, without those that it contains.
        Raises as `read_blocks`."""
        rules = self.spec.book_rules
        assert rules is not None, "asked of venues that have deltas"
        for day in self.days:
            reader = RecordReader(channels_for(self.spec.name, day.kind))
            start_ns = self.recv_ns - _ANSWER_NS
            for block in read_blocks([day], start_ns=start_ns, end_ns=end_ns, journals=self.journals):
                records = reader.read(block.text) or [record for record, _ in reader.read_singly(block.text)]
                for line, last_id in zip(split_lines(block.text), reader.last_ids(records), strict=True):
                    if last_id is None or last_id >= self.update_id + rules.joins_after:
                        yield opened(line, block.stretch.from_ns)


def book_start(days: Iterable[SeriesDay], at_ns: int, *, kind: str = Kind.DELTA, journals: Iterable[Path] = ()) -> BookStart | None:
    """Where the book of one symbol begins for the instant `at_ns`; None where no snapshot was recorded at or before it.

    Args:
        days: of one symbol; those of its snapshots and of `kind` (its deltas) are looked at, all others are passed over. A snapshot of
            the day before does as well, where that day is among them.
        journals: of the open minutes.

    Raises:
        As `read_blocks`; ArchiveError too for a snapshot that cannot be read.
    """
    known = sorted((day for day in days if not day.only), key=lambda day: day.day)
    spec = next((spec for day in known if (spec := spec_of(day)) is not None), None)
    if spec is None or spec.book is None or spec.book_rules is None:
        return None
    kept = tuple(journals)
    found = _newest([day for day in known if day.kind == Kind.SNAPSHOT and day_start_ns(day.day) <= at_ns], spec, at_ns, kept)
    if found is None:
        return None
    recv_ns, book, payload = found
    later = tuple(day for day in known if day.kind == kind and day_start_ns(day.day) + DAY_NS > recv_ns - _ANSWER_NS)
    return BookStart(recv_ns=recv_ns, book=book, payload=payload, spec=spec, days=later, journals=kept)


def spec_of(day: SeriesDay) -> VenueSpec | None:
    """The venue of a day of a series, as its manifest says it or the folder that it is in; None for one that hoga does not know."""
    try:
        manifest = read_manifest(day.manifest_path)
    except ManifestMismatch:
        manifest = None
    return VENUES.get(manifest.venue if manifest is not None else venue_of(day.directory))


def _newest(days: list[SeriesDay], spec: VenueSpec, at_ns: int, journals: tuple[Path, ...]) -> tuple[int, Book, bytes] | None:
    """(receipt, book, payload) of the newest snapshot received at or before `at_ns`."""
    assert spec.book is not None, "asked only where there is one"
    for back_ns in _STEPS_NS:
        newest: Opened | None = None
        for block in read_blocks(days, start_ns=max(0, at_ns - back_ns), end_ns=at_ns + 1, journals=journals):
            for line in split_lines(block.text):
                each = opened(line, block.stretch.from_ns)
                if newest is None or each.recv_ns >= newest.recv_ns:
                    newest = each
        if newest is not None:
            return newest.recv_ns, _read(spec, newest, days), newest.payload
    return None


def _read(spec: VenueSpec, record: Opened, days: list[SeriesDay]) -> Book:
    assert spec.book is not None, "asked only where there is one"
    try:
        book = spec.book(record.payload)
    except ValueError as fault:
        raise ArchiveError(days[0].directory, f"the snapshot received at {iso_of(record.recv_ns)} cannot be read: {fault}") from fault
    if not isinstance(book, Book) or book.update_id is None:
        raise ArchiveError(days[0].directory, f"the snapshot received at {iso_of(record.recv_ns)} has no id")
    return book
