"""hub.event: what every event has. An event keeps the venue's own payload and decodes it when somebody looks, once for all.

Routing needs no decoding, a consumer that takes every tenth event pays for every tenth, and the recorder and a chart
see the same bytes. `recv_ns` is the wall clock at our socket, `epoch` the life of connection `conn` that brought it. A trade that nobody
received and that was fetched afterwards says where it is from (`healed_from`); its `recv_ns` is 0, and it has no connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from hoga.core.errors import WireFault
from hoga.core.market import Body, DataType
from hoga.core.streams import Stream
from hoga.hub.states import WebSocketType
from hoga.venues.registry import VENUES

__all__ = ["BaseWebSocketEvent", "plain"]

_exactly = msgspec.json.Decoder(float_hook=Decimal)


class BaseWebSocketEvent(msgspec.Struct, eq=False, gc=False):
    """One frame of one stream. `payload` is the venue's JSON object, verbatim.

    What is decoded raises WireFault when the payload is not what the venue promises.
    """

    stream: Stream
    data_type: DataType
    payload: bytes
    recv_ns: int
    conn: str
    epoch: int
    _decode: Callable[[bytes], Body]
    _body: Body | None = None
    healed_from: str | None = None

    @property
    def venue(self) -> str:
        """Who sent it."""
        return self.stream.venue

    @property
    def symbol(self) -> str:
        """The venue's own text."""
        return self.stream.symbol

    @property
    def time(self) -> datetime:
        """When it was received, UTC (to the microsecond; `recv_ns` is exact); the venue's time of what nobody received."""
        return datetime.fromtimestamp((self.recv_ns or self.event_ns or 0) // 1_000 / 1e6, UTC)

    @property
    def event_ns(self) -> int | None:
        """The venue's time, None when the payload has none. Decodes."""
        body: Body = self.body
        return body.event_ns

    @property
    def timestamp(self) -> int:
        """The venue's time in ms, or the receipt's where the payload has none. Decodes."""
        return (self.event_ns or self.recv_ns) // 1_000_000

    timestamp_ms = timestamp

    @property
    def connection_type(self) -> WebSocketType:
        """Public market data, or an account's."""
        return WebSocketType.PRIVATE if self.data_type.private else WebSocketType.PUBLIC

    @property
    def stream_type(self) -> str:
        """`SNAPSHOT`: it tells what was before (the venue's first frame of a subscription); `REALTIME`: what happened now."""
        return "SNAPSHOT" if self.is_snapshot else "REALTIME"

    @property
    def is_snapshot(self) -> bool:
        """Whether the venue marks it as telling what was before. Reads the payload's text only."""
        mark = _replay_pattern(self.stream.venue, self.stream.channel)
        return mark is not None and mark.search(self.payload) is not None

    @property
    def body(self) -> Any:
        """The payload, decoded the first time somebody asks."""
        body = self._body
        if body is None:
            try:
                body = self._body = self._decode(self.payload)
            except (ValueError, ArithmeticError, RecursionError) as fault:
                raise WireFault(self.stream.venue, f"{self.stream.name}: {fault}") from fault
        return body

    def raw(self) -> dict[str, Any]:
        """The whole payload as a dict, in the venue's own words (the usual ones, whatever the spelling on the wire).

        Numbers with a point or an exponent are exact Decimals.

        Decodes at each call; raises WireFault when it is no JSON object.
        """
        try:
            decoded = _exactly.decode(VENUES[self.stream.venue].usual(self.payload))
        except (ValueError, ArithmeticError, RecursionError) as fault:
            raise WireFault(self.stream.venue, f"{self.stream.name}: {fault}") from fault
        if not isinstance(decoded, dict):
            raise WireFault(self.stream.venue, f"{self.stream.name}: no JSON object")
        return decoded

    def told(self) -> str:
        """What it says, in a few words; part of the repr. Decodes."""
        return self.stream.channel

    def __repr__(self) -> str:
        try:
            told = self.told()
        except WireFault as fault:
            told = f"unreadable: {fault.text}"
        moment = self.time
        at = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
        healed = f" healed from {self.healed_from}" if self.healed_from is not None else ""
        return f"<{type(self).__name__} {self.stream.venue} {self.stream.symbol} {at} {told}{healed}>"


@lru_cache(maxsize=1024)
def _replay_pattern(venue: str, channel: str) -> re.Pattern[bytes] | None:
    return VENUES[venue].describe(channel).record.replay_pattern


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no zeros behind."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
