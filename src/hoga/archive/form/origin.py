"""archive.form.origin: which stream a record came from, where several feed one series. Pure.

A record does not say it: its series is one of all the streams that feed it, and where these are several, the payload says its own
channel (`venues.records`: `discriminator`, `mark_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from hoga.core.streams import Series, Stream
from hoga.venues.registry import VENUES
from hoga.venues.spec import ChannelSpec, VenueSpec

__all__ = ["origin_of", "streams_of"]


def streams_of(series: Series, names: Iterable[str] = ()) -> list[Stream]:
    """The streams that feed a series, by the wire names that were written down of it (`Manifest.stream`, `SegmentEntry.streams`); where
    none of them is known, those of the venue's usual channels that may have. Empty for a venue that hoga does not know, and a kind that
    no channel feeds.
    """
    spec = VENUES.get(series.venue)
    if spec is None:
        return []
    told = [found for name in names if (found := _stream(spec, series, name.partition("@")[2])) is not None]
    usual = (_stream(spec, series, channel) for channel in spec.examples if _feeds(spec.channel_of(channel), series.kind))
    return list({stream.name: stream for stream in told or usual if stream is not None}.values())


def _stream(spec: VenueSpec, series: Series, channel: str) -> Stream | None:
    """None for a channel of another version, and a symbol that is none of the venue's."""
    try:
        return msgspec.structs.replace(spec.parse_stream(series.symbol, channel), kind=series.kind)
    except ValueError:
        return None


def _feeds(channel: ChannelSpec, kind: str) -> bool:
    return kind in (channel.kind, channel.alternate_kind)


def origin_of(streams: Sequence[Stream]) -> Callable[[bytes], Stream]:
    """Tells of a payload which of `streams` (one or more, of one series) brought it; the first of them where the payload fits none."""
    if len(streams) == 1:
        return lambda payload: streams[0]
    marks = [(mark, stream) for stream in streams for mark in _marks_of(stream)]

    def tell(payload: bytes) -> Stream:
        for mark, stream in marks:
            if mark in payload:
                return stream
        return streams[0]

    return tell


def _marks_of(stream: Stream) -> list[bytes]:
    """What stands in the payloads of this stream's channel, and in no others of the series."""
    facts = VENUES[stream.venue].channel_of(stream.channel).record
    if facts.mark_of is not None:
        return [facts.mark_of(stream.channel)]
    if facts.discriminator is not None:
        return ['"{}":"{}"'.format(*facts.discriminator).encode()]
    return []
