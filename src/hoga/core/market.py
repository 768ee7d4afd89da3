"""core.market: what market data says, whoever says it: trades, books, tickers, candles.

Prices and sizes are `Decimal`, made from the venue's text in one place (the venue's decoder) and exact. Times are
wall-clock nanoseconds of the venue, None where the payload carries none.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

__all__ = [
    "AccountConfig", "AlgoOrder", "Asset", "Assets", "BalanceChange", "Body", "Book", "Candle", "DataType", "Delta", "Fill", "Level",
    "Liquidation", "ListedOrder", "MarginCall", "MarkPrice", "Order", "OrderList", "Position", "Positions", "PressedPosition", "Quote",
    "Side", "Ticker", "Trade", "TriggerReject",
]  # fmt: skip

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
    MY_ORDER_LIST = "my-order-list"
    MY_ALGO_ORDER = "my-algo-order"
    MY_ACCOUNT_CONFIG = "my-account-config"
    MY_MARGIN_CALL = "my-margin-call"
    MY_TRIGGER_REJECT = "my-trigger-reject"

    @property
    def private(self) -> bool:
        """Whether it is about an account, and needs keys."""
        return self in _PRIVATE

    @property
    def of_the_account(self) -> bool:
        """Whether it is about currencies, and therefore always about the whole account, never about one symbol."""
        return self in _OF_THE_ACCOUNT


_OF_THE_ACCOUNT = frozenset({DataType.MY_ASSET, DataType.MY_BALANCE})
_PRIVATE = _OF_THE_ACCOUNT | {
    DataType.MY_ORDER, DataType.MY_FILL, DataType.MY_POSITION, DataType.MY_ORDER_LIST, DataType.MY_ALGO_ORDER,
    DataType.MY_ACCOUNT_CONFIG, DataType.MY_MARGIN_CALL, DataType.MY_TRIGGER_REJECT,
}  # fmt: skip


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

    `filled` and `remaining` are of the whole order, `average` of all its fills. `client_id`: ours, also in the event of its cancel.
    `reason`: why it was rejected or ended, in the venue's words; `expiry`: the venue's code of why it expired.
    `execution`: what this event is about, in the venue's word (`NEW`, `TRADE`, …), None where `state` says it; `execution_id`: the event's
    own id among those of the order. `at_ns`: when it happened in the matching engine. Where it is a fill: `fill_id`, `last_price`,
    `last_quantity`, `fee`, `fee_currency`, `maker`, and `realized`, the profit that it took. `stop_price`: the trigger of a stop.
    `position_side`: `BOTH`, or in hedge mode which of two positions it is about. `list_id`: of the order list that it is part of.
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
    expiry: str | None = None
    execution: str | None = None
    execution_id: str | None = None
    at_ns: int | None = None
    time_in_force: str | None = None
    stop_price: Decimal | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    position_side: str | None = None
    list_id: str | None = None
    last_price: Decimal | None = None
    last_quantity: Decimal | None = None
    fee: Decimal | None = None
    fee_currency: str | None = None
    maker: bool | None = None
    realized: Decimal | None = None


class ListedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a list."""

    symbol: str
    order_id: str
    client_id: str | None


class OrderList(Body, frozen=True, kw_only=True):
    """What the venue says of orders that belong together. `kind`: how (`OCO`, `OTO`, …); `state` and `step`: of the whole list, in
    the venue's words (`EXECUTING`, `ALL_DONE`; `EXEC_STARTED`, …). `reason`: why it was rejected, None where it was not."""

    symbol: str
    list_id: str
    client_id: str | None
    kind: str
    state: str
    step: str
    orders: tuple[ListedOrder, ...]
    reason: str | None = None
    at_ns: int | None = None


class AlgoOrder(Body, frozen=True, kw_only=True):
    """What the venue says of a conditional order of ours: a parent, whose child is an order of its own once it was triggered.

    `state` is the venue's own word. `child_id`: the `Order.order_id` of the child, None until there is one; `filled`, `average` and
    `child_type` are the child's. `quantity` None: it closes the whole position. `trigger_price` None: it trails. `price` None: at the
    market. `working_type`: which price triggers it. `reason`: why it was rejected or ended. `triggered_ns`: None before.
    """

    symbol: str
    algo_id: str
    client_id: str | None
    state: str
    side: Side
    order_type: str
    quantity: Decimal | None
    trigger_price: Decimal | None
    price: Decimal | None
    algo_type: str | None = None
    time_in_force: str | None = None
    position_side: str | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    working_type: str | None = None
    price_protect: bool | None = None
    child_id: str | None = None
    child_type: str | None = None
    filled: Decimal | None = None
    average: Decimal | None = None
    reason: str | None = None
    triggered_ns: int | None = None
    at_ns: int | None = None


class AccountConfig(Body, frozen=True, kw_only=True):
    """A setting of the account was changed, by whomever: the leverage of a `symbol`, or whether several assets serve as margin."""

    symbol: str | None = None
    leverage: int | None = None
    multi_assets: bool | None = None


class PressedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position that is near its liquidation. `quantity` is negative when short; `unrealized` and `maintenance` in the margin asset."""

    symbol: str
    side: str
    quantity: Decimal
    mark: Decimal
    unrealized: Decimal
    maintenance: Decimal
    margin_type: str | None = None
    isolated: Decimal | None = None


class MarginCall(Body, frozen=True, kw_only=True):
    """The venue warns that positions come near their liquidation. `cross_wallet`: of a position in cross margin."""

    positions: tuple[PressedPosition, ...]
    cross_wallet: Decimal | None = None


class TriggerReject(Body, frozen=True, kw_only=True):
    """A conditional order was triggered, and its order was refused, for `reason`: nothing rests any more."""

    symbol: str
    order_id: str
    reason: str
    at_ns: int | None = None


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
    position_side: str | None = None
    realized: Decimal | None = None


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One currency: what is free, and what orders hold. Where the venue does not tell margin apart, `free` is the wallet and `locked` 0."""

    currency: str
    free: Decimal
    locked: Decimal


class Assets(Body, frozen=True, kw_only=True):
    """Balances that changed (or all of them: apply them one by one)."""

    assets: tuple[Asset, ...]


class BalanceChange(Body, frozen=True, kw_only=True):
    """What came in or went out other than by a trade, one (currency, amount with its sign) each: deposits, transfers, funding.

    `reason` is the venue's word. `funding`: it is the funding of positions; `symbols`: of these, where the venue tells (isolated margin).
    """

    changes: tuple[tuple[str, Decimal], ...]
    reason: str
    funding: bool = False
    symbols: tuple[str, ...] = ()


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position in a contract. `quantity` is negative when short, `entry` the average price, `unrealized` the profit in the
    margin asset.

    `side`: `BOTH`, or in hedge mode which of two positions it is. `margin_type`: the venue's word; `isolated`: the position's own wallet.
    `break_even`: the entry with what was paid for it.
    """

    symbol: str
    quantity: Decimal
    entry: Decimal
    unrealized: Decimal
    side: str
    margin_type: str | None = None
    isolated: Decimal | None = None
    break_even: Decimal | None = None


class Positions(Body, frozen=True, kw_only=True):
    """Positions that changed, for `reason` (the venue's word; a change of the margin type is one, too)."""

    positions: tuple[Position, ...]
    reason: str = ""
    at_ns: int | None = None
