"""core.ticks: market data in integers, for whoever decides on it: tops of books, trades, marks, and that they are in doubt. Pure.

Prices and sizes are in the powers of ten of the instrument's `core.trading.Rules`; `symbol` is a venue's name and its symbol,
`binance-usdm:BTCUSDT`. `at_ns` is the receipt at our socket (UTC), the only time that decisions are made by; `event_ns` is the venue's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hoga.core.market import Side

__all__ = ["MarketBar", "MarketBars", "MarketDepth", "MarketDoubt", "MarketEvent", "MarketMark", "MarketPrice", "MarketTop", "MarketTrade"]


class MarketEvent(msgspec.Struct, kw_only=True, gc=False):
    """What all of them have."""

    symbol: str
    at_ns: int
    event_ns: int | None = None


class MarketTop(MarketEvent, kw_only=True, gc=False):
    """The best bid and ask; a side that is empty has price and size 0."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


class MarketDepth(MarketTop, kw_only=True, gc=False):
    """The best levels as the venue's own texts, (price, size), best first: numbers are made of them when somebody looks."""

    bids: Sequence[tuple[str, str]]
    asks: Sequence[tuple[str, str]]


class MarketPrice(MarketEvent, kw_only=True, gc=False):
    """What it is traded at where no book was recorded: by a trade, or by the open of a candle. It counts as both best prices.

    Of trades it comes once, before the first of them: from then on each says it itself. Of candles it comes when one begins; the
    `MarketBar` that comes at its end says how far the price went, and from then until the next `MarketPrice` there is no price that
    anything could be filled at.
    """

    price: int


class MarketTrade(MarketEvent, kw_only=True, gc=False):
    """One public trade. `taker`: the side that took."""

    price: int
    size: int
    taker: Side
    trade_id: int


class MarketMark(MarketEvent, kw_only=True, gc=False):
    """The price that the venue reckons margins and triggers with.

    `rate_e8`, `funding_ns`: the rate of the next funding in 1e-8 (above 0: long positions pay), and when that is; 0: not told.
    """

    mark: int
    rate_e8: int = 0
    funding_ns: int = 0


class MarketBar(MarketEvent, kw_only=True, gc=False):
    """A closed bar from elsewhere than our own trades: the venue's own candle, a file. `volume` in the instrument's quantities."""

    interval_ns: int
    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class MarketBars(MarketEvent, kw_only=True, gc=False):
    """What a venue, or a recording, says of the latest bars, oldest first, as of `asked_ns`; what was open then does not count.

    `oldest`: there are none before these. `exact`: all trades stamped before `asked_ns` are in them, the last may be open, and the trades
    from then on complete it: a recording says so.
    """

    interval_ns: int
    asked_ns: int
    bars: tuple[MarketBar, ...]
    oldest: bool = False
    exact: bool = False


class MarketDoubt(MarketEvent, kw_only=True, gc=False):
    """Something may be missing: `why`. Until the next book the symbol's book is no book, and bars over this moment are incomplete."""

    why: str
