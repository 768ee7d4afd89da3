"""app.replay: an archive as timelines, one a venue, for the simulator to serve: the recording's frames, rhythm and gaps.

The simulator knows nothing of archives: it plays a `Timeline`. Here its frames are the records' payloads, its cuts the ledger's
gaps, its REST replies the lists of instruments and the books that were recorded. All times count from the first record of all
venues, so that these stay in step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from pathlib import Path

import msgspec

from hoga.app.replay_book import RecordedBook
from hoga.archive.form.discover import venue_of
from hoga.archive.form.envelope import is_own, payload_of, recv_ns_of
from hoga.archive.form.lists import LIST_PREFIX, LIST_SUFFIX, read_list
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.origin import origin_of, streams_of
from hoga.archive.form.seriesday import SeriesDay, distinct
from hoga.archive.form.spans import Span, clipped, joined, without
from hoga.archive.form.text import split_lines
from hoga.archive.read.merged import Run, read_merged
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.read.reader import read_blocks
from hoga.archive.read.told import gaps_of_days, names_of
from hoga.captures.frames import Frame, Reply
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap
from hoga.core.streams import Kind, Series, Stream
from hoga.core.times import DAY_NS, MINUTE_NS, SECOND_NS, day_of, day_start_ns
from hoga.simulator.replay.timeline import Cut, Due
from hoga.venues.registry import VENUES

__all__ = ["ArchiveTimeline", "Gaps", "Wanted", "timelines_of"]

_FOREVER = 2**63
_BOOK_BEFORE_NS = 10 * MINUTE_NS
"""A book that is older than that when a replay begins is no answer any more: the first that comes is given instead."""


class Gaps(StrEnum):
    """What a replay makes of a gap."""

    CUT = "cut"
    """Connections that have one of its streams are closed, and refused for its length."""
    SKIP = "skip"
    """The time in which every series has one is left out."""
    WAIT = "wait"
    """Nothing comes for its length, and connections stay."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be replayed: days of series (of a `kind`, None: of all), the journals of open minutes, and which time of it (None: all
    there is). `fill`: trades that were fetched afterwards come, too, at the venue's time; what they filled is no gap."""

    days: list[SeriesDay]
    kind: str | None = None
    journals: list[Path] = []
    start_ns: int | None = None
    end_ns: int | None = None
    gaps: Gaps = Gaps.CUT
    fill: bool = True


class _Source(msgspec.Struct, frozen=True):
    """One series: its days, in order, and the streams that feed it."""

    series: Series
    days: list[SeriesDay]
    streams: list[Stream]

    @property
    def is_book(self) -> bool:
        """Whether its records are whole books."""
        return any(VENUES[stream.venue].channel_of(stream.channel).record.levels is not None for stream in self.streams)


def timelines_of(wanted: Wanted) -> dict[str, ArchiveTimeline]:
    """Venue → what is played of it; empty when nothing of what is wanted was recorded. Reads the first block of every series.

    Raises ArchiveError: damage that is met on the way (SegmentCorrupt, ManifestMismatch), or records that no venue has sent like that.
    """
    opened = OpenMinutes(wanted.journals)
    low, high = wanted.start_ns or 0, _FOREVER if wanted.end_ns is None else wanted.end_ns
    near = [day for day in sorted(distinct(wanted.days)) if day_start_ns(day.day) < high and day_start_ns(day.day) + 2 * DAY_NS > low]
    grouped: dict[tuple[str, Path, str, str], list[SeriesDay]] = {}
    beside: dict[tuple[str, str], list[SeriesDay]] = {}
    for day in near:
        venue, sort = _venue_of(day, opened), Kind.of(day.kind)
        if sort in (Kind.SNAPSHOT, Kind.DELTA):
            beside.setdefault((venue, day.symbol), []).append(day)
        if sort not in (Kind.SNAPSHOT, Kind.ASIDE) and wanted.kind in (None, day.kind) and day_start_ns(day.day) + DAY_NS > low:
            grouped.setdefault((venue, day.directory, day.symbol, day.kind), []).append(day)
    sources: dict[str, list[_Source]] = {}
    skipped: dict[str, list[str]] = {}
    firsts: list[int] = []
    for (venue, directory, symbol, kind), each in grouped.items():
        series = Series(venue=venue, symbol=symbol, kind=kind)
        names = dict.fromkeys(name for day in each for name in names_of(day, opened))
        source = _Source(series, each, streams_of(series, names))
        first = _first_of(source, wanted)
        if first is None:
            continue
        if not source.streams or not is_own(first[1]):
            why = (
                "its records are the classic recorder's, not the venue's"
                if source.streams
                else f"nothing serves {kind} of a venue {venue!r}"
            )
            skipped.setdefault(venue, []).append(f"{directory}: {symbol} {kind}: {why}")
            continue
        sources.setdefault(venue, []).append(source)
        firsts.append(first[0])
    if not sources:
        reasons = [why for found in skipped.values() for why in found]
        if reasons:
            raise ArchiveError(wanted.days[0].directory, f"nothing of it can be replayed: {'; '.join(reasons)}")
        return {}
    origin_ns, every = min(firsts), [source for found in sources.values() for source in found]
    left_out = _in_every_gap(every, opened, (origin_ns, high), fill=wanted.fill) if wanted.gaps is Gaps.SKIP else []
    others = [why for venue, found in skipped.items() if venue not in sources for why in found]
    return {
        venue: ArchiveTimeline(
            found,
            wanted,
            origin_ns=origin_ns,
            left_out=left_out,
            beside={symbol: days for (whose, symbol), days in beside.items() if whose == venue},
            skipped=[*skipped.get(venue, []), *others],
        )
        for venue, found in sources.items()
    }


class ArchiveTimeline:
    """What was recorded of one venue, as the simulator plays it. `left_out`: spans of time that are passed over; `beside`: symbol → days of
    its deltas and of the books that were asked for beside them, also those of the day before."""

    def __init__(
        self,
        sources: list[_Source],
        wanted: Wanted,
        *,
        origin_ns: int,
        left_out: list[Span],
        beside: Mapping[str, list[SeriesDay]],
        skipped: list[str],
    ) -> None:
        self.skipped = skipped
        self._sources = sources
        self._wanted = wanted
        self._origin_ns = origin_ns
        self._ends = [end for _, end in left_out]
        self._starts = [start for start, _ in left_out]
        self._before = [0, *accumulate(end - start for start, end in left_out)]
        self._lists: dict[Path, bytes] = {}
        self._beside = beside
        self._rebuilt: dict[str, RecordedBook | None] = {}

    @property
    def streams(self) -> Collection[str]:
        """The names of all streams that were recorded."""
        return {stream.name for source in self._sources for stream in source.streams}

    @property
    def symbols(self) -> list[str]:
        """Their symbols."""
        return sorted({source.series.symbol for source in self._sources})

    @property
    def frames(self) -> int | None:
        """Nobody counted those of the time that is wanted."""
        return None

    @property
    def sources(self) -> list[str]:
        """The series and days, for people."""
        return [f"{day.directory}: {day}" for source in self._sources for day in source.days]

    def only(self, mine: Callable[[str], bool]) -> ArchiveTimeline:
        """All of it: it is one venue's."""
        return self

    def timeline(self) -> Iterator[Due | Cut]:
        """Everything in order of receipt. Raises ArchiveError for damage, after what comes before it."""
        wanted = self._wanted
        origins = [origin_of(source.streams) for source in self._sources]
        names = [frozenset(stream.name for stream in source.streams) for source in self._sources]
        days = [source.days for source in self._sources]
        now_ns, origin_ns, all_of_it = 0, self._origin_ns, not self._starts
        for item in read_merged(days, start_ns=wanted.start_ns, end_ns=wanted.end_ns, journals=wanted.journals, fill=wanted.fill):
            if isinstance(item, Run):
                origin = origins[item.source]
                for recv_ns, line in zip(item.receipts, item.lines, strict=True):
                    payload = payload_of(line)
                    due_ns = recv_ns - origin_ns if all_of_it else self._offset(recv_ns)
                    if due_ns > now_ns:
                        now_ns = due_ns
                    yield Due(now_ns, Frame(recv_ns, origin(payload).name, payload, None))
            elif wanted.gaps is Gaps.CUT:
                ends_ns = self._offset(_clipped_end(item.gap, wanted))
                if not (item.gap.missed == 0 or (ends_ns <= now_ns and item.gap.from_ns < origin_ns)):
                    now_ns = max(now_ns, self._offset(item.gap.from_ns))
                    yield Cut(now_ns, names[item.source], max(0, ends_ns - now_ns))

    def depth(self, symbol: str, at_ns: int | None, newest: Mapping[str, Frame]) -> Reply | None:
        """The book of `symbol` as of then: rebuilt from its deltas, where books were asked for beside them when it was recorded; else the
        newest whole book, as the venue sent it."""
        rebuilt = self._rebuilt_of(symbol)
        body = rebuilt.at(self._origin_ns if at_ns is None else at_ns) if rebuilt is not None else None
        if body is not None:
            return Reply(at_ns, "depth", symbol, body)
        books = [source for source in self._sources if source.series.symbol == symbol and source.is_book]
        books.sort(key=lambda source: _depth_rank(source.series.kind))
        played = [newest[stream.name] for source in books for stream in source.streams if stream.name in newest]
        if played:
            found = _deepest_of_newest(played)
            return Reply(found.time_ns, "depth", symbol, found.payload)
        at = self._origin_ns if at_ns is None else at_ns
        recorded = [line for source in books if (line := self._book_at(source, at)) is not None]
        if not recorded:
            return None
        chosen = min(recorded, key=lambda line: abs(recv_ns_of(line, at) - at))
        return Reply(recv_ns_of(chosen, at), "depth", symbol, payload_of(chosen))

    def instruments(self, at_ns: int | None) -> Reply | None:
        """The list of the day, else the newest of before, else the first of after."""
        folders = {day.directory.parent / "instruments" for source in self._sources for day in source.days}
        kept = sorted((path for folder in folders for path in folder.glob(f"{LIST_PREFIX}*{LIST_SUFFIX}")), key=lambda path: path.name)
        if not kept:
            return None
        today = f"{LIST_PREFIX}{day_of(self._origin_ns if at_ns is None else at_ns)}{LIST_SUFFIX}"
        path = next((path for path in reversed(kept) if path.name <= today), kept[0])
        if path not in self._lists:
            self._lists[path] = read_list(path)
        return Reply(None, "instruments", None, self._lists[path])

    def _offset(self, ns: int) -> int:
        """When it is due: its distance to the first record, without what is left out."""
        at = bisect_right(self._starts, ns)
        left_out = self._before[at] - (max(0, self._ends[at - 1] - ns) if at else 0)
        return max(0, ns - self._origin_ns - left_out)

    def _rebuilt_of(self, symbol: str) -> RecordedBook | None:
        """None where there are no deltas with snapshots. Of deltas at several speeds the first kind by name is taken: the fastest."""
        if symbol not in self._rebuilt:
            days, spec = self._beside.get(symbol, []), VENUES[self._sources[0].series.venue]
            kinds = sorted({day.kind for day in days} - {Kind.SNAPSHOT})
            usable = bool(kinds) and any(day.kind == Kind.SNAPSHOT for day in days) and spec.snapshot_channel is not None
            wanted = [day for day in days if day.kind in (Kind.SNAPSHOT, *kinds[:1])]
            made = RecordedBook(spec, wanted, delta_kind=kinds[0], journals=self._wanted.journals) if usable else None
            self._rebuilt[symbol] = made
        return self._rebuilt[symbol]

    def _book_at(self, source: _Source, at_ns: int) -> bytes | None:
        """The line of the last book of a series up to a moment, else of its first one after it."""
        found = None
        for block in read_blocks(source.days, start_ns=max(0, at_ns - _BOOK_BEFORE_NS), end_ns=at_ns + 1, journals=self._wanted.journals):
            found = split_lines(block.text)[-1]
        if found is None:
            block_after = next(read_blocks(source.days, start_ns=at_ns, journals=self._wanted.journals), None)
            found = split_lines(block_after.text)[0] if block_after is not None else None
        return found


def _venue_of(day: SeriesDay, opened: OpenMinutes) -> str:
    """As the manifest says it, else the open minutes, else the folder that it is in."""
    manifest = read_manifest(day.manifest_path)
    return manifest.venue if manifest is not None else opened.venue(day) or venue_of(day.directory)


def _first_of(source: _Source, wanted: Wanted) -> tuple[int, bytes] | None:
    """When the first record of a series was received, and its line; None when there is none."""
    for item in read_merged([source.days], start_ns=wanted.start_ns, end_ns=wanted.end_ns, journals=wanted.journals, fill=wanted.fill):
        if isinstance(item, Run):
            return item.receipts[0], item.lines[0]
    return None


def _in_every_gap(sources: Iterable[_Source], opened: OpenMinutes, window: Span, *, fill: bool) -> list[Span]:
    """The time in which all of the series have a gap."""
    left = [window]
    for source in sources:
        gaps = [gap for gap in gaps_of_days(source.days, opened, fill=fill) if gap.missed != 0]
        recorded = without([window], clipped(joined((gap.from_ns, gap.to_ns) for gap in gaps), window))
        left = without(left, recorded)
    return left


def _clipped_end(gap: Gap, wanted: Wanted) -> int:
    return gap.to_ns if wanted.end_ns is None else min(gap.to_ns, wanted.end_ns)


def _deepest_of_newest(played: Sequence[Frame]) -> Frame:
    """The first of those that are not older than the newest by a second: five levels may come a ms after twenty."""
    newest_ns = max(frame.time_ns or 0 for frame in played)
    return next(frame for frame in played if (frame.time_ns or 0) >= newest_ns - SECOND_NS)


def _depth_rank(kind: str) -> tuple[int, str]:
    """Deepest first: `orderbook`, `orderbook10`, `orderbook5`."""
    digits = kind.partition("-")[0].removeprefix(Kind.ORDERBOOK)
    return (-int(digits) if digits.isdigit() else -1_000_000, kind)
