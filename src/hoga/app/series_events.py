"""app.series_events: recorded records of one series as the hub's events, so that past and live look alike."""

from __future__ import annotations

from collections.abc import Callable

from hoga.archive.form.origin import origin_of
from hoga.archive.read.tail import PastRecord
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import EVENTS, BaseWebSocketEvent
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.venues.spec import VenueSpec

__all__ = ["event_maker", "wishes_for"]


def event_maker(spec: VenueSpec, streams: list[Stream]) -> Callable[[PastRecord], BaseWebSocketEvent]:
    """What makes an event of a record of the series that these streams feed; a wish can be made of each of them."""
    named, origin = {stream.name: stream for stream in streams}, origin_of(streams)

    def made(record: PastRecord) -> BaseWebSocketEvent:
        stream = named.get(record.stream) or origin(record.payload)
        channel = spec.channel_of(stream.channel)
        data_type, decode = channel.data_type or DataType.TICKER, channel.record.decode
        assert decode is not None, "a wish was made of it"
        return EVENTS[data_type](stream, data_type, record.payload, record.recv_ns, record.conn, record.epoch, decode)

    return made


def wishes_for(spec: VenueSpec, streams: list[Stream]) -> list[SubscriptionSpec]:
    """What a component asks the hub for to get these streams. Raises SubscriptionError for one that is recorded only."""
    found: list[SubscriptionSpec] = []
    for stream in streams:
        data_type = spec.channel_of(stream.channel).data_type
        if data_type is None:
            raise SubscriptionError("subscribe", stream.venue, (stream.symbol,), f"{stream.channel} can be recorded, but not served")
        found.append(SubscriptionSpec(data_type, (stream.symbol,), stream.venue, channel=stream.channel))
    return found
