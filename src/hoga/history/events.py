"""history.events: `hoga.read`: the archive's records as the hub's typed events, by receipt, gaps in their places."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from hoga.archive.form.envelope import healed_from, is_healed, opened
from hoga.archive.form.origin import origin_of, streams_of
from hoga.archive.read.merged import GapAt, read_merged
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.read.told import names_of
from hoga.core.errors import ArchiveError
from hoga.core.streams import Series, Stream
from hoga.history.asking import Asked, AskedSeries, Moment, What, ask, kinds_of, merged
from hoga.hub.events import EVENTS, BaseWebSocketEvent, GapEvent
from hoga.venues.registry import VENUES

__all__ = ["read"]


def read(
    what: What,
    kind: str | None = None,
    day: str | date | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    root: str | Path = "data",
    fill: bool = True,
) -> Iterator[BaseWebSocketEvent | GapEvent]:
    """Records as typed events, several series by receipt: `for event in hoga.read("data/binance/orderbook"): …`.

    Args:
        what: `venue:SYMBOL`, a path or a pattern of paths (`data/*/execution`), or a list of these.
        kind: only this kind; None takes all.
        day, start, end, root: as for `hoga.load`.
        fill: with the trades that `hoga heal` has fetched, by their ids: `event.healed_from` says where from, `recv_ns` is 0. A gap of
            which nothing is missing any more is not told then. False: what was received, and all gaps.

    Yields:
        Events as the hub brings them, each decoded when its body is looked at, and a `GapEvent` where something is missing.

    Raises:
        ArchiveError: no such path or series, or it cannot be read. SegmentCorrupt: damage; everything before it was given.
    """
    asked = [ask(word, wanted, day, start, end, root) for word in _words(what) for wanted in _kinds(word, kind, root)]
    series = merged(each for one in asked for each in one.series)
    for capture in (each.capture for each in series if each.capture is not None):
        raise ArchiveError(capture, "is no archive: hoga.load reads captures, and hoga sim --replay plays them")
    opened_minutes = OpenMinutes(sorted({path for each in series for path in each.journals}))
    streams = [_streams(each, opened_minutes) for each in series]
    told = [(each, found) for each, found in zip(series, streams, strict=True) if kind is not None or _are_events(found)]
    return _events([each for each, _ in told], [found for _, found in told], asked[0], fill=fill) if told else iter(())


def _are_events(streams: list[Stream]) -> bool:
    """Whether a consumer can be told of the records: what only the recorder takes (snapshots, averages) is no event."""
    channels = [VENUES[stream.venue].channel_of(stream.channel) for stream in streams]
    return all(channel.data_type is not None and channel.record.decode is not None for channel in channels)


def _words(what: What) -> list[str | os.PathLike[str]]:
    words: list[str | os.PathLike[str]] = []
    for word in [what] if isinstance(what, str | os.PathLike) else what:
        text = str(word)
        if any(sign in text for sign in "*?[") and not Path(text).exists():
            found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  # absolute patterns too
            if not found:
                raise ArchiveError(text, "no file or folder is named like this")
            words += found
        else:
            words.append(word)
    return words


def _kinds(word: str | os.PathLike[str], kind: str | None, root: str | Path) -> list[str]:
    """The kinds to ask for."""
    if kind is not None:
        return [kind]
    return kinds_of(word, root)


def _events(series: list[AskedSeries], streams: list[list[Stream]], asked: Asked, *, fill: bool) -> Iterator[BaseWebSocketEvent | GapEvent]:
    journals = sorted({path for each in series for path in each.journals})
    tell = [origin_of(each) for each in streams]
    start_ns, end_ns = asked.start_ns, asked.end_ns
    for item in read_merged([each.days for each in series], start_ns=start_ns, end_ns=end_ns, journals=journals, fill=fill):
        if isinstance(item, GapAt):
            if item.gap.missed != 0:
                gap, stream = item.gap, streams[item.source][0]
                yield GapEvent(stream=stream, from_ns=gap.from_ns, to_ns=gap.to_ns, reason=gap.reason, missed=gap.missed)
            continue
        for receipt, line in zip(item.receipts, item.lines, strict=True):
            source = healed_from(line) if is_healed(line) else None
            record = opened(line, receipt if source is None else 0)
            stream = tell[item.source](record.payload)
            channel = VENUES[stream.venue].channel_of(stream.channel)
            data_type, decode = channel.data_type, channel.record.decode
            if data_type is None or decode is None:
                raise ArchiveError(
                    f"{stream.venue}:{stream.symbol}", f"records of kind {stream.kind} are no events", hint="hoga cat prints them"
                )
            who = (record.recv_ns, record.conn, record.epoch)
            yield EVENTS[data_type](stream, data_type, record.payload, *who, decode, healed_from=source)


def _streams(series: AskedSeries, opened_minutes: OpenMinutes) -> list[Stream]:
    """The streams that fed the series. Raises ArchiveError where nobody can say."""
    names = sorted({name for day in series.days for name in names_of(day, opened_minutes if not day.only else None)})
    of = Series(venue=series.venue, symbol=series.symbol, kind=series.kind)
    found = streams_of(of, names) or streams_of(of)
    if not found:
        raise ArchiveError(f"{series.name} {series.kind}", "is of no venue and channel that is known", hint="hoga cat prints its records")
    return found
