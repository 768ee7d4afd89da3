"""history.foreign: captures of other recorders as series: what `hoga sim --replay` plays, read as arrays.

A capture knows of no gaps, so none are marked. Its frames get an envelope of their receipt and are decoded as lines of the archive are; the
event time is the payload's own.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError

from hoga.archive.form.envelope import foreign_line
from hoga.archive.form.wanted import shapes_of
from hoga.captures.frames import Frame
from hoga.captures.items import items
from hoga.columns.reading import PIECE_BYTES, Reader
from hoga.columns.shapes import Field
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.streams import Stream
from hoga.history.asking import AskedSeries
from hoga.history.batch import Arrays
from hoga.history.decoding import arrays_of
from hoga.venues.registry import VENUES

__all__ = ["capture_batches", "series_of_capture"]

_UNREADABLE: tuple[type[Exception], ...] = (EOFError, UnicodeDecodeError, gzip.BadGzipFile, cast(type[Exception], IsalError))


def series_of_capture(path: Path) -> list[AskedSeries]:
    """The series that a capture holds, by venue, symbol and kind. Raises ArchiveError: it holds none, or cannot be read."""
    found: dict[tuple[str, str, str], AskedSeries] = {}
    known: dict[str, Stream | None] = {}
    for frame in _frames(path):
        if frame.stream not in known:
            known[frame.stream] = _stream_of(path, frame)
        stream = known[frame.stream]
        if stream is not None:
            key = (stream.venue, stream.symbol, stream.kind)
            found.setdefault(key, AskedSeries(*key, [], [], path))
    if not found:
        hint = "expected an archive's file or folder, or lines of <ns> <json>, a raw log, a table"
        raise ArchiveError(path, "holds no market data that is known", hint=hint)
    return [found[key] for key in sorted(found)]


def capture_batches(series: AskedSeries, start_ns: int, end_ns: int, *, exact: bool) -> Iterator[Arrays]:
    """The frames of one series of a capture, in its order, some hundred at a time. Raises ArchiveError, SegmentCorrupt."""
    assert series.capture is not None, "asked of captures only"
    spec = VENUES[series.venue]
    event_key = next((channel.record.event_key for channel in spec.channels_for(series.kind)), None)
    envelope = (Field("recv_ns", ("recvNs",), "ns"), Field("event_ns", (event_key or "",), "time"))
    shapes = shapes_of(series.venue, series.kind)
    if not shapes:
        raise ArchiveError(series.capture, f"records of kind {series.kind} have no columns")
    reader = Reader(shapes, envelope, exact=exact)
    waiting: list[bytes] = []
    size = first = 0

    def decoded() -> Arrays:
        try:
            arrays = arrays_of(reader.read(b"".join(waiting), line=first + 1), series.kind, exact=exact)
        except ValueError as fault:
            raise SegmentCorrupt(series.capture or "", f"{series.name} {series.kind}, frame {fault}") from fault
        arrays["gap_before"] = np.zeros(arrays.records, bool)
        return arrays

    known: dict[str, Stream | None] = {}
    for frame in _frames(series.capture):
        if frame.stream not in known:
            known[frame.stream] = _stream_of(series.capture, frame)
        stream = known[frame.stream]
        if stream is None or (stream.venue, stream.symbol, stream.kind) != (series.venue, series.symbol, series.kind):
            continue
        if frame.time_ns is not None and not start_ns <= frame.time_ns < end_ns:
            continue
        waiting.append(foreign_line(frame.time_ns, frame.payload))
        size += len(waiting[-1])
        if size >= PIECE_BYTES:
            yield decoded()
            first, size = first + len(waiting), 0
            waiting.clear()
    if waiting:
        yield decoded()


def _frames(path: Path) -> Iterator[Frame]:
    try:
        with _opened(path) as stream:
            for item in items(path.name, stream):
                if isinstance(item, Frame):
                    yield item
    except _UNREADABLE as fault:
        raise SegmentCorrupt(path, f"the capture is damaged ({fault})") from fault
    except OSError as fault:
        raise ArchiveError(path, f"cannot be read: {fault.strerror or fault}") from fault


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], igzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")  # type: ignore[no-untyped-call]


def _stream_of(path: Path, frame: Frame) -> Stream | None:
    """Whose frame it is: of the venue that a folder above is named after, else of the first one that can read it; None: nobody's."""
    named = [VENUES[part.name] for part in path.absolute().parents if part.name in VENUES]
    for spec in named or VENUES.values():
        symbol, _, channel = frame.stream.partition("@")
        try:
            stream = spec.parse_stream(symbol.upper(), channel)
            decode = spec.channel_of(channel).record.decode
            if decode is not None:
                decode(frame.payload)
        except ValueError:
            continue
        return stream
    return None
