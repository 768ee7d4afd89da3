"""core.market: what market data says, whoever says it: trades, books, tickers, candles.

Prices and sizes are `Decimal`, made from the venue's text in one place (the venue's decoder) and exact. Times are
wall-clock nanoseconds of the venue, None where the payload carries none.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

__all__ = ["Asset", "Assets", "BalanceChange", "Body", "Book", "Candle", "DataType", "Delta", "Fill", "Level", "Liquidation", "MarkPrice",
           "Order", "Position", "Positions", "Quote", "Side", "Ticker", "Trade"]  # fmt: skip

Level = tuple[Decimal, Decimal]
"""(price, size)."""


class DataType(StrEnum):
    """What a consumer can ask for."""

    TICKER = "ticker"
    TRADE = "trade"
    ORDERBOOK = "orderbook"
    CANDLE = "candle"
    DELTA = "delta"
    QUOTE = "quote"
    MARK_PRICE = "mark-price"
    LIQUIDATION = "liquidation"
    MY_ORDER = "my-order"
    MY_FILL = "my-fill"
    MY_ASSET = "my-asset"
    MY_BALANCE = "my-balance"
    MY_POSITION = "my-position"

    @property
    def private(self) -> bool:
        """Whether it is about an account, and needs keys."""
        return self in _PRIVATE


_PRIVATE = frozenset({DataType.MY_ORDER, DataType.MY_FILL, DataType.MY_ASSET, DataType.MY_BALANCE, DataType.MY_POSITION})


class Side(StrEnum):
    """Of a public trade: the taker's side (BUY takes from the asks). Of an order or a fill of ours: its own side."""

    BUY = "buy"
    SELL = "sell"


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What every type of data has: the venue's event time, None where the payload carries none."""

    event_ns: int | None = None


class Trade(Body, frozen=True, kw_only=True):
    """One public trade. `taker`: the side that took. `trade_id` is the venue's."""

    price: Decimal
    size: Decimal
    taker: Side
    trade_id: int


class Book(Body, frozen=True, kw_only=True):
    """A whole book, or its best levels. Sides: (price, size), best first, without empty levels. `update_id` may be None.

    `bid_total`, `ask_total`: the venue's sums of whole sides, None: not told. `level`: the price step of grouped levels, 0: none.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int | None = None
    bid_total: Decimal | None = None
    ask_total: Decimal | None = None
    level: Decimal = Decimal(0)


class Delta(Body, frozen=True, kw_only=True):
    """Absolute sizes to apply, 0 removes. Ids as sent; `previous_id` only where the venue chains by it."""

    first_id: int
    last_id: int
    previous_id: int | None = None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Quote(Body, frozen=True, kw_only=True):
    """The best bid and ask."""

    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal
    update_id: int | None = None


class Ticker(Body, frozen=True, kw_only=True):
    """Figures of the day, or of the last 24 hours, as the venue has it. `volume` is in the base asset, `turnover` in the quote asset.

    `change`: `last` minus the venue's reference price; `change_rate`: the same as a signed fraction of it. `volume_24h`,
    `turnover_24h`: of the last 24 hours, where the others are of the day. None: the venue does not tell.
    """

    last: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    change: Decimal
    volume: Decimal
    turnover: Decimal
    change_rate: Decimal | None = None
    previous_close: Decimal | None = None
    volume_24h: Decimal | None = None
    turnover_24h: Decimal | None = None


class Candle(Body, frozen=True, kw_only=True):
    """One candle as it stands. `interval` in the venue's word (`1m`). `volume` is in the base asset, `turnover` in the quote asset.

    `closed`: whether it is final, None where the venue does not say.
    """

    start_ns: int
    interval: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    closed: bool | None = None


class MarkPrice(Body, frozen=True, kw_only=True):
    """Mark and index price, and of a perpetual contract the funding: its rate (a fraction) and its next time. None without funding."""

    mark: Decimal
    index: Decimal
    funding_rate: Decimal | None
    next_funding_ns: int | None


class Liquidation(Body, frozen=True, kw_only=True):
    """A forced order. The venue tells only the largest of a symbol in a second. `average`: the average price of its fills."""

    side: Side
    price: Decimal
    size: Decimal
    average: Decimal


class Order(Body, frozen=True, kw_only=True):
    """What the venue says of an order of ours. `state` is the venue's own word. Amounts are None where they do not apply or are not told.

    `filled` and `remaining` are of the whole order, `average` of all its fills. `fill_id`: the fill that this event is about.
    `reason`: why it was rejected or ended, in the venue's words.
    """

    symbol: str
    order_id: str
    state: str
    side: Side
    order_type: str
    price: Decimal | None
    quantity: Decimal | None
    filled: Decimal | None
    remaining: Decimal | None
    average: Decimal | None = None
    client_id: str | None = None
    fill_id: str | None = None
    reason: str | None = None


class Fill(Body, frozen=True, kw_only=True):
    """One execution of an order of ours. `fee` None: not told. `maker` None: not told."""

    symbol: str
    order_id: str
    fill_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal | None
    fee_currency: str | None
    maker: bool | None
    client_id: str | None = None


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One currency: what is free, and what orders hold. Where the venue does not tell margin apart, `free` is the wallet and `locked` 0."""

    currency: str
    free: Decimal
    locked: Decimal


class Assets(Body, frozen=True, kw_only=True):
    """Balances that changed (or all of them: apply them one by one)."""

    assets: tuple[Asset, ...]


class BalanceChange(Body, frozen=True, kw_only=True):
    """What came in or went out other than by a trade, one (currency, amount with its sign) each: deposits, transfers, funding."""

    changes: tuple[tuple[str, Decimal], ...]
    reason: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position in a contract. `quantity` is negative when short, `entry` the average price, `unrealized` the profit in the
    margin asset.

    `side`: `BOTH`, or in hedge mode which of two positions it is.
    """

    symbol: str
    quantity: Decimal
    entry: Decimal
    unrealized: Decimal
    side: str


class Positions(Body, frozen=True, kw_only=True):
    """Positions that changed."""

    positions: tuple[Position, ...]
