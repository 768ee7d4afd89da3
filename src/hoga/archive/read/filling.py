"""archive.read.filling: trades that were fetched afterwards, told in their places among the lines that were received.

A day's healed file is read when the day before it begins to be told (its first rows may belong there) and forgotten row by row, so that
no more than two days' rows are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING

from hoga.archive.form.envelope import healed_event_ms
from hoga.archive.form.healed import healed_path
from hoga.archive.form.places import Places
from hoga.archive.form.records import RecordReader
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.text import split_lines
from hoga.archive.read.stretches import Stretch
from hoga.archive.read.told import healed_lines, venue_of_day
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.times import DAY_NS, MS_NS, day_start_ns
from hoga.venues.registry import channels_for

if TYPE_CHECKING:
    from hoga.archive.read.reader import Block

__all__ = ["Filling", "by_series"]

_LARGEST_ID = 2**63 - 1


class Filling:
    """What was healed of `days` (in the order in which they are told) and happened from `start_ns` on and before `end_ns`."""

    def __init__(self, days: Iterable[SeriesDay], start_ns: int, end_ns: int) -> None:
        self._span = (start_ns, end_ns)
        self._after: dict[SeriesDay, SeriesDay | None] = {}
        self._begun: dict[tuple[object, ...], _SeriesFilling] = {}
        for each in by_series(days):
            self._after |= dict(zip(each, [*each[1:], None], strict=True))

    def of(self, day: SeriesDay, blocks: Iterator[Block], make: Callable[[SeriesDay, Stretch, bytes], Block]) -> Iterator[Block]:
        """The blocks of a day with its healed rows. Raises SegmentCorrupt, ManifestMismatch, ArchiveError."""
        key = (day.directory, day.symbol, day.kind)
        series = self._begun.get(key)
        if series is None:
            series = self._begun[key] = _SeriesFilling(day, *self._span)
        series.read(day)
        after = self._after.get(day)
        if after is not None:
            series.look_at(after)
        for block in blocks:
            yield block._replace(text=series.filled(block.text)) if series.waits else block
        if after is None:
            del self._begun[key]
            if rest := series.rest():
                start = day_start_ns(day.day)
                path = healed_path(day)
                yield make(day, Stretch(path=path, minute="", part=0, from_ns=start, to_ns=start + DAY_NS - 1, exact=False), rest)


def by_series(days: Iterable[SeriesDay]) -> list[list[SeriesDay]]:
    """Days of one series each, in the order in which they came."""
    found: dict[tuple[object, ...], list[SeriesDay]] = {}
    for day in days:
        found.setdefault((day.directory, day.symbol, day.kind), []).append(day)
    return list(found.values())


class _SeriesFilling:
    """One series: rows that wait for their places."""

    def __init__(self, day: SeriesDay, start_ns: int, end_ns: int) -> None:
        self._span = (start_ns, end_ns)
        self._day = day
        self._reader: RecordReader | None = None
        self._places = Places()
        self._lines: dict[int, bytes] = {}
        self._read: set[SeriesDay] = set()
        self._count = 0

    @property
    def waits(self) -> bool:
        """Whether any row has no place yet."""
        return bool(self._lines)

    def read(self, day: SeriesDay) -> None:
        """Take the rows of a day, once."""
        if day in self._read:
            return
        before = len(self._lines)
        lines = [line + b"\n" for line in healed_lines(day) if self._span[0] <= healed_event_ms(line) * MS_NS < self._span[1]]
        for chain, ids, places in self._chains(b"".join(lines)):
            self._places.add(chain, ids, [self._count + place for place in places])
            self._lines |= {self._count + place: lines[place] for place in places}
        if len(self._lines) < before + len(lines):
            raise SegmentCorrupt(healed_path(day), "it has rows without an id")
        self._count += len(lines)
        self._read.add(day)

    def look_at(self, day: SeriesDay) -> None:
        """Take the rows of the next day, if it can be read: whether it can is told when its turn comes."""
        try:
            self.read(day)
        except ArchiveError:
            return

    def filled(self, text: bytes) -> bytes:
        """The lines with what has its place among them."""
        coming: dict[int, list[int]] = {}
        received = {chain: (ids, places) for chain, ids, places in self._chains(text)}
        for chain in self._places.chains:
            ids, places = received.get(chain, ([], []))
            numbers, at = self._places.take(chain, ids)
            for number, place in zip(numbers.tolist(), at.tolist(), strict=True):
                coming.setdefault(places[place], []).append(number)
        if not coming:
            return text
        found: list[bytes] = []
        for place, line in enumerate(split_lines(text)):
            found += [self._lines.pop(number) for number in coming.get(place, ())]
            found.append(line)
        return b"".join(found)

    def rest(self) -> bytes:
        """What is behind everything that was received."""
        return b"".join(self._lines.pop(number) for number in self._places.rest())

    def _chains(self, text: bytes) -> Iterator[tuple[Hashable, list[int], list[int]]]:
        """(chain, ids, which lines these are of) of the lines that have an id."""
        if not text:
            return
        if self._reader is None:  # most series have nothing that was healed
            self._reader = RecordReader(channels_for(venue_of_day(self._day), self._day.kind))
        records = self._reader.read(text)
        if records is None:
            records = [record for record, _ in self._reader.read_singly(text)]
        found: dict[str | None, tuple[list[int], list[int]]] = {}
        for place, (chain, number) in enumerate(self._reader.named_ids(records)):
            if number is not None and 0 <= number <= _LARGEST_ID:
                ids, places = found.setdefault(chain, ([], []))
                ids.append(number)
                places.append(place)
        for chain, (ids, places) in found.items():
            yield chain, ids, places
