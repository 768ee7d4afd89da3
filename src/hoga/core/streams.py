"""core.streams: the identity of a stream, and which archive series it feeds.

A **stream** is one feed on the wire (venue + the venue's own stream name). A **series** is what the
archive keeps: one symbol and kind per day. Two streams may feed one series only when their payloads
tell them apart (`aggTrade` and `trade` both feed `execution`; the payload's `e` says which is which).
"""

from __future__ import annotations

import msgspec

__all__ = ["Series", "Stream"]


class Stream(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One feed on the wire.

    `name` is the wire name (`btcusdt@depth20@100ms`), `symbol` the venue's own text (`BTCUSDT`),
    `channel` the part of the name after the symbol (`depth20@100ms`), `kind` the archive's word
    (`orderbook`, `execution`, `delta`, `quote`, `ticker`, `candle`, …).
    """

    venue: str
    symbol: str
    channel: str
    name: str
    kind: str

    @property
    def series(self) -> Series:
        """The archive series this stream feeds."""
        return Series(venue=self.venue, symbol=self.symbol, kind=self.kind)


class Series(msgspec.Struct, frozen=True, gc=False, kw_only=True, order=True):
    """What the archive keeps a day file of: venue + symbol + kind."""

    venue: str
    symbol: str
    kind: str
