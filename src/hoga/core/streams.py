"""core.streams: the identity of a stream, and which archive series it feeds.

A **stream** is one feed on the wire (venue + symbol + channel). A **series** is what the
archive keeps (venue + symbol + kind), in a file a day. Two streams may feed one series only when their payloads
tell them apart (`aggTrade` and `trade` both feed `execution`; the payload's `e` says which is which).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["SIMULATED", "Kind", "Series", "Stream"]

SIMULATED = "simulated-"
"""How the names of connections to a simulated exchange begin, where somebody told us that it is one."""


class Kind(StrEnum):
    """What a series holds: the archive's words. Books and deltas of another depth or speed have a tail: `orderbook5-1s`."""

    ORDERBOOK = "orderbook"
    DELTA = "delta"
    SNAPSHOT = "snapshot"
    """Whole books that were asked for over REST: where the books of a delta series begin."""
    EXECUTION = "execution"
    """Public trades."""
    BLOCK = "block"
    """Block trades, made outside the book."""
    QUOTE = "quote"
    TICKER = "ticker"
    TICKER_WINDOW = "ticker-window"
    """Tickers of a sliding window other than the day's."""
    CANDLE = "candle"
    MARK = "mark"
    """Mark price and funding."""
    LIQUIDATION = "liquidation"
    AVERAGE = "average"
    """The average price over some minutes."""
    REFERENCE = "reference"
    """The venue's reference price."""
    ASIDE = "aside"
    """Frames that belong in no series of their own."""

    @classmethod
    def of(cls, text: str) -> Kind | None:
        """What a series' kind, tail and all, is one of; None for a word nobody knows."""
        known = cls._value2member_map_
        found = known.get(text) or known.get(text.partition("-")[0].rstrip("0123456789"))
        return found if isinstance(found, cls) else None


class Stream(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One feed on the wire.

    `name` is the wire name (`btcusdt@depth20@100ms`), `symbol` the venue's own text (`BTCUSDT`),
    `channel` the kind of feed in the venue's own words (`depth20@100ms`), `kind` the archive's word (`Kind`, perhaps with a tail).
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
