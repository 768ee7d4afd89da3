"""core.trading: the words of trading: what may be asked of a venue, what it says of orders and of an account, in integers. Pure.

Prices and quantities are integers: a price is so many times `10 ** price_power`, a quantity so many times `10 ** size_power`, money so many
times `10 ** (price_power + size_power)` of the currency that is paid in, each with the powers of its instrument's `Rules`. So a price times
a quantity is money without a rounding. `symbol` is here always a venue's name and its symbol, `binance-usdm:BTCUSDT`.

Events have the receipt's stamp `at_ns` (UTC, ns), the only time that whoever decides ever sees; times of the venue are `event_ns`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from hoga.core.instrument import Band, Instrument
from hoga.core.market import Side

__all__ = [
    "TRADES_KEPT",
    "AccountRead",
    "Action",
    "AlgoUpdate",
    "Balance",
    "BalanceUpdate",
    "CancelRefused",
    "CancelSent",
    "Capabilities",
    "Conditional",
    "ConfigUpdate",
    "Cut",
    "ExecutionEvent",
    "FillUpdate",
    "Force",
    "FundingUpdate",
    "Held",
    "MarginCall",
    "NotFound",
    "NotSent",
    "OpenOrders",
    "OrderAccepted",
    "OrderKind",
    "OrderRefused",
    "OrderRequest",
    "OrderState",
    "OrderUpdate",
    "PositionSide",
    "PositionUpdate",
    "PositionsRead",
    "ReadFailed",
    "Resting",
    "Rules",
    "RulesUpdate",
    "Rung",
    "StreamUpdate",
    "TradesRead",
    "TriggerBy",
    "Unanswered",
    "Unread",
    "base36",
    "client_id_head",
    "counted_in",
    "finer",
    "is_client_id_of",
    "rules_of",
    "signed",
    "steps_text",
    "strategy_of",
    "text_of",
    "whole_of",
    "with_room",
]


# -- what an instrument allows ---------------------------------------------------------------------------------


_ROOM_DIGITS = 2
"""A venue may make its price step finer while orders are out: to a hundredth of it."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An instrument's rules in integers of its own powers of ten. Bounds that the venue does not set are None.

    `ticks`: (from this price on, the price step), ascending and never empty. `lot`, `least`, `most`: of a limit order's quantity;
    `market_lot`, … of a market order's. `min_notional`, `max_notional`: price × quantity, money. `bid_band`, `ask_band`: what a price of
    a buy, a sell, may be, as (low, high) in hundred-thousandths of the venue's own mean or mark price. `max_orders`: how many may rest at
    one time.
    """

    symbol: str
    base: str
    quote: str
    settle: str
    price_power: int
    size_power: int
    ticks: tuple[tuple[int, int], ...]
    lot: int
    least: int
    most: int | None = None
    market_lot: int
    market_least: int
    market_most: int | None = None
    min_price: int | None = None
    max_price: int | None = None
    min_notional: int | None = None
    max_notional: int | None = None
    bid_band: tuple[int, int] | None = None
    ask_band: tuple[int, int] | None = None
    max_orders: int | None = None
    is_trading: bool = True

    @property
    def venue(self) -> str:
        """The part of `symbol` before the colon."""
        return self.symbol.partition(":")[0]

    @property
    def name(self) -> str:
        """The venue's own symbol."""
        return self.symbol.partition(":")[2]

    @property
    def money_power(self) -> int:
        """Of what a price times a quantity is."""
        return self.price_power + self.size_power

    def tick_at(self, price: int) -> int:
        """The price step at a price."""
        step = self.ticks[0][1]
        for from_price, tick in self.ticks:
            if price < from_price:
                break
            step = tick
        return step

    def price_down(self, price: int) -> int:
        """The highest allowed price that is not above."""
        return price - price % self.tick_at(price)

    def price_up(self, price: int) -> int:
        """The lowest allowed price that is not below."""
        return price + -price % self.tick_at(price)

    def quantity_down(self, quantity: int, *, market: bool = False) -> int:
        """The largest whole number of lots that is not more than this quantity, which may be negative: towards 0."""
        lot = self.market_lot if market else self.lot
        return quantity - quantity % lot if quantity >= 0 else quantity + -quantity % lot

    def price(self, value: Decimal) -> int:
        """A price in integers. Raises ValueError for one that is finer than the instrument's prices."""
        return _whole(value, self.price_power)

    def quantity(self, value: Decimal) -> int:
        """A quantity in integers. Raises ValueError for one that is finer than the instrument's quantities."""
        return _whole(value, self.size_power)

    def money(self, value: Decimal) -> int:
        """Money in integers, rounded towards 0: limits are not finer than what they limit."""
        return int(value.scaleb(-self.money_power))

    def price_text(self, price: int) -> str:
        """A price as the venue spells it."""
        return text_of(price, self.price_power)

    def quantity_text(self, quantity: int) -> str:
        """A quantity as the venue spells it."""
        return text_of(quantity, self.size_power)

    def money_text(self, money: int) -> str:
        """Money, for people and for requests."""
        return text_of(money, self.money_power)


def text_of(number: int, power: int) -> str:
    """`number × 10 ** power` without an exponent and without zeros behind the point."""
    if power >= 0:
        return str(number * 10**power)
    digits = str(abs(number)).rjust(1 - power, "0")
    tail = digits[power:].rstrip("0")
    return f"{'-' if number < 0 else ''}{digits[:power]}{'.' + tail if tail else ''}"


def whole_of(text: str, power: int) -> int:
    """A venue's plain decimal text as so many times `10 ** power`; finer digits are cut off. Raises ValueError for any other text."""
    whole, _, part = text.partition(".")
    kept = part[:-power].ljust(-power, "0") if power < 0 else ""
    number = int(whole + kept) if kept or whole else int(text)
    return number if power <= 0 else int(number / 10**power)


def _whole(value: Decimal, power: int) -> int:
    scaled = value.scaleb(-power)
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(f"{value} is not a multiple of {text_of(1, power)}")
    return int(scaled)


def rules_of(instrument: Instrument, *, ticks: tuple[tuple[Decimal, Decimal], ...] = ()) -> Rules:
    """An instrument's rules in integers. `ticks`: (from price, step) where the step goes with the price, ascending.

    Raises ValueError for an instrument whose price step or lot is not known.
    """
    ladder = ticks or (((Decimal(0), instrument.tick),) if instrument.tick else ())
    quantity, market = instrument.quantity, instrument.market_quantity
    if not ladder or not quantity.lot:
        raise ValueError(f"{instrument.venue}:{instrument.symbol} has no price step or no lot")
    market_lot = market.lot or quantity.lot
    price_power = min(0, *(_power(step) for _, step in ladder))
    size_power = min(0, _power(quantity.lot), _power(market_lot))

    def price(value: Decimal | None) -> int | None:
        return None if value is None else int(value.scaleb(-price_power))

    def size(value: Decimal | None) -> int | None:
        return None if value is None else int(value.scaleb(-size_power))

    def money(value: Decimal | None) -> int | None:
        return None if value is None else int(value.scaleb(-price_power - size_power))

    lot, least = size(quantity.lot) or 1, size(quantity.least)
    return Rules(
        symbol=f"{instrument.venue}:{instrument.symbol}",
        base=instrument.base,
        quote=instrument.quote,
        settle=instrument.settle,
        price_power=price_power,
        size_power=size_power,
        ticks=tuple((price(start) or 0, price(step) or 1) for start, step in ladder),
        lot=lot,
        least=least or lot,
        most=size(quantity.most),
        market_lot=size(market_lot) or lot,
        market_least=size(market.least) or least or lot,
        market_most=size(market.most) if market.most is not None else size(quantity.most),
        min_price=price(instrument.min_price),
        max_price=price(instrument.max_price),
        min_notional=money(instrument.min_notional),
        max_notional=money(instrument.max_notional),
        bid_band=_band(instrument.bid_band),
        ask_band=_band(instrument.ask_band),
        max_orders=instrument.max_orders,
        is_trading=instrument.is_trading,
    )


def finer(rules: Rules, price_power: int) -> Rules:
    """The same rules, whose integers count prices of this power of ten, where that is finer than theirs."""
    return counted_in(rules, min(price_power, rules.price_power), rules.size_power) or rules


def counted_in(rules: Rules, price_power: int, size_power: int) -> Rules | None:
    """The same rules in integers of these powers of ten; None where theirs are finer, so that they cannot be counted so."""
    if price_power > rules.price_power or size_power > rules.size_power:
        return None
    price, size = 10 ** (rules.price_power - price_power), 10 ** (rules.size_power - size_power)

    def more(number: int | None, scale: int) -> int | None:
        return None if number is None else number * scale

    return msgspec.structs.replace(
        rules,
        price_power=price_power,
        size_power=size_power,
        ticks=tuple((start * price, step * price) for start, step in rules.ticks),
        lot=rules.lot * size,
        least=rules.least * size,
        most=more(rules.most, size),
        market_lot=rules.market_lot * size,
        market_least=rules.market_least * size,
        market_most=more(rules.market_most, size),
        min_price=more(rules.min_price, price),
        max_price=more(rules.max_price, price),
        min_notional=more(rules.min_notional, price * size),
        max_notional=more(rules.max_notional, price * size),
    )


def with_room(rules: Rules, powers: tuple[int, int] | None = None) -> Rules:
    """The same rules in integers that a finer price step would fit, too. `powers`: those that were counted in before, where they are not
    coarser than the steps; then in these."""
    found = None if powers is None else counted_in(rules, *powers)
    return found or finer(rules, rules.price_power - _ROOM_DIGITS)


def steps_text(before: Rules, after: Rules) -> str:
    """What changed, for people: `price step 0.1 → 0.01, lot 0.001 → 0.01`; "" where steps and whether it trades are the same."""
    told = (
        ("price step", *(", ".join(each.price_text(step) for _, step in each.ticks) for each in (before, after))),
        ("lot", before.quantity_text(before.lot), after.quantity_text(after.lot)),
    )
    parts = [f"{name} {was} → {now}" for name, was, now in told if was != now]
    if before.is_trading is not after.is_trading:
        parts.append("it trades again" if after.is_trading else "it does not trade any more")
    return ", ".join(parts)


def _power(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _band(band: Band | None) -> tuple[int, int] | None:
    return None if band is None else (int(band.low * 100_000), int(band.high * 100_000))


def signed(side: Side, quantity: int) -> int:
    """A quantity with the sign of what it does to a position."""
    return quantity if side is Side.BUY else -quantity


# -- how far a trader may go ------------------------------------------------------------------------------------


class Rung(IntEnum):
    """How much a trader may still do. Spelt in capitals in log and journal."""

    ACTIVE = 0
    """Everything that the limits allow."""
    NO_OPEN = 1
    """Nothing that raises a position."""
    REDUCING = 2
    """The same, for good; resting entries are cancelled."""
    HALTED = 3
    """No order but protective ones; everything else is cancelled."""
    FLATTEN = 4
    """No order; the emergency exit has the account."""


# -- whose an order is --------------------------------------------------------------------------------------------


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
TRADES_KEPT = 10_000
"""So many ids of its own trades in a symbol a journal gives a trader that starts again, the newest ones."""


def client_id_head(trader: str, boot: int, strategy: int) -> str:
    """`hg-17-1-`, of a client id `hg-17-1-3f2`, which is never used twice: `boot` counts the trader's starts (base 36).

    What follows is `base36` of the number of the order since then.
    """
    return f"{trader}-{base36(boot)}-{base36(strategy)}-"


def is_client_id_of(trader: str, client_id: str) -> bool:
    """Whether an order with that client id was made by the trader of that name, or by its exit."""
    return client_id.startswith(f"{trader}-")


def strategy_of(client_id: str) -> int | None:
    """The number of the strategy in a client id; None where it is spelt otherwise."""
    parts = client_id.rsplit("-", 3)
    try:
        return int(parts[2], 36) if len(parts) == 4 else None
    except ValueError:
        return None


def base36(number: int) -> str:
    """A number of 0 or more with the digits 0 to z."""
    digits = _DIGITS[number % 36]
    while number >= 36:
        number //= 36
        digits = _DIGITS[number % 36] + digits
    return digits


# -- what a venue can do ----------------------------------------------------------------------------------------


class Conditional(StrEnum):
    """Where orders rest that wait for a price."""

    NONE = "none"
    """Nowhere: the trader watches and sells."""
    BOOK = "book"
    """With the other orders, in their listings."""
    ALGO = "algo"
    """In a service of their own, with ids and listings of its own."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue's orders are like. Each fact has its source in the README of the venue's folder.

    `client_id_chars`: the longest client id. `client_id_for_ever`: it is never free again, not even after a refusal.
    `absence_after_s`: so long after an order was sent, a venue that denies it (twice, and in its listings and trades) proves that it
    never was; None where one denial of a query by client id proves it for good (`client_id_for_ever`). `fills_in_reply`: the
    answer to a new order names its trades. `market_buy_by_funds`: a market buy names what is paid, not what is bought. `short`: a position
    may be below 0. `close_all_stops`: how many stops that close a whole position may rest on one side, None: there are none, or no such
    limit. `dead_man_s`: the venue cancels everything itself when it was not told to wait within so long; None where it cannot.
    `cancels_by_symbol`: one call cancels everything of a symbol. `late_after_s`: the venue refuses an order that arrives later than it was
    told to, and so long after that moment its denials prove that the order never was; None: it knows no such moment.
    `intervals`: the lengths (ns) of its candles; empty: not known.
    """

    client_id_chars: int
    client_id_for_ever: bool
    absence_after_s: float | None
    conditional: Conditional
    reduce_only: bool
    short: bool
    hedge: bool
    leverage: bool
    fills_in_reply: bool
    market_buy_by_funds: bool
    cancels_by_symbol: bool
    order_lists: bool = False
    close_all_stops: int | None = None
    dead_man_s: float | None = None
    late_after_s: float | None = None
    intervals: tuple[int, ...] = ()


# -- what is asked ----------------------------------------------------------------------------------------------


class OrderKind(StrEnum):
    """How it is priced. STOP, TAKE and TRAIL wait for a price, then they are market orders."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"
    TAKE = "take"
    TRAIL = "trail"


class Force(StrEnum):
    """How long it may rest."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post-only"


class PositionSide(StrEnum):
    """Which position of a contract: the only one, or in hedge mode one of two."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """What a quantity of it has to be multiplied by to be a position: -1 of SHORT."""
        return -1 if self is PositionSide.SHORT else 1


class TriggerBy(StrEnum):
    """Which price a waiting order looks at."""

    LAST = "last"
    MARK = "mark"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One new order. `quantity` is None where `close_position` is set, or where `funds` (money to be paid) is given instead.

    `price`: of LIMIT. `trigger`: of STOP and TAKE. `activation` (None: at once) and `distance_bp` (hundredths of a percent): of TRAIL.
    `list_id`: orders of one list; when one of them ends the position, the venue cancels the others.
    """

    client_id: str
    symbol: str
    side: Side
    kind: OrderKind = OrderKind.LIMIT
    quantity: int | None = None
    funds: int | None = None
    price: int | None = None
    trigger: int | None = None
    activation: int | None = None
    distance_bp: int | None = None
    trigger_by: TriggerBy = TriggerBy.MARK
    force: Force = Force.GTC
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.BOTH
    list_id: str = ""

    @property
    def waits(self) -> bool:
        """Whether it waits for a price before it is in the book."""
        return self.kind in (OrderKind.STOP, OrderKind.TAKE, OrderKind.TRAIL)


class Action(StrEnum):
    """What a request to the venue was about."""

    NEW = "new"
    CANCEL = "cancel"
    QUERY = "query"


# -- what comes back: the answer to one request -------------------------------------------------------------------


class OrderState(StrEnum):
    """What the venue says of an order, in one vocabulary. `OTHER`: a word that hoga does not know; the account is read at once."""

    NEW = "new"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    WAITING = "waiting"
    """For its trigger."""
    TRIGGERED = "triggered"
    OTHER = "other"

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled."""
        return self in (OrderState.NEW, OrderState.PARTIAL, OrderState.WAITING, OrderState.TRIGGERED, OrderState.OTHER)


class ExecutionEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What all of them have: the receipt's stamp (UTC, ns), and the frame or answer that it was read from, verbatim and without secrets."""

    at_ns: int
    raw: str = ""


class OrderAccepted(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The venue has it. It may be filled already: `order` says how far, where the answer does."""

    client_id: str
    symbol: str
    order: OrderUpdate | None = None
    fills: tuple[FillUpdate, ...] = ()


class OrderRefused(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """It never reached matching: the venue said no. `code` and `text` in its own words; `retry_after_s`: its wish."""

    client_id: str
    symbol: str
    code: str
    text: str
    retry_after_s: float | None = None


class NotSent(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """It was never sent: the line was closed, a limit left no room, or the gate of the venue's client is shut. `code` is hoga's."""

    client_id: str
    symbol: str
    code: str
    text: str


class Unanswered(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """Nobody knows: no answer in time, one that proves nothing (a 5xx), or the line was cut. Never sent again."""

    client_id: str
    symbol: str
    action: Action
    why: str


class CancelSent(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The venue has the cancel. `final`: it says that the order is cancelled; else that is still to come."""

    client_id: str
    symbol: str
    final: bool
    order: OrderUpdate | None = None


class CancelRefused(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The venue does not cancel. `unknown`: it does not know the order (any more): it was filled, cancelled or triggered."""

    client_id: str
    symbol: str
    code: str
    text: str
    unknown: bool


class NotFound(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """A query's answer: the venue denies the order. `asked_ns`: when it was asked."""

    client_id: str
    symbol: str
    asked_ns: int


# -- what comes by the account's streams, or of queries -----------------------------------------------------------------


class OrderUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False, tag=True):
    """An order as the venue has it. `filled` is of the whole order; None: not told. `quantity` None: it closes what there is.

    `said`: the venue's own word for its state; `reason`: why it ended or was refused. `execution`: the venue's word for what just happened.
    `parent_id`: of an order that a waiting one became when it was triggered, the client id or algo id of that one.
    """

    symbol: str
    client_id: str
    venue_id: str
    state: OrderState
    said: str
    side: Side
    kind: OrderKind | None = None
    quantity: int | None = None
    filled: int | None = None
    price: int | None = None
    trigger: int | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.BOTH
    event_ns: int | None = None
    reason: str = ""
    execution: str = ""
    parent_id: str = ""


class AlgoUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False, tag=True):
    """A waiting order as the venue's service has it. `child_id`: the id of the order that it became, "" until then."""

    symbol: str
    client_id: str
    algo_id: str
    state: OrderState
    said: str
    child_id: str = ""
    side: Side
    kind: OrderKind | None = None
    quantity: int | None = None
    trigger: int | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.BOTH
    event_ns: int | None = None
    reason: str = ""


class FillUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """One trade of an order of the account. `trade_id` is the venue's: the same one twice is one fill.

    `fee` is exact text in `fee_currency`, None where it is not told.
    """

    symbol: str
    client_id: str
    venue_id: str
    trade_id: str
    side: Side
    price: int
    quantity: int
    fee: str | None
    fee_currency: str | None
    maker: bool | None
    position_side: PositionSide = PositionSide.BOTH
    event_ns: int | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A position: `quantity` below 0 is short. `entry`: its average price as exact text; `liquidation`: "" where there is none. `worth`:
    what it was worth at that price, in `settle`; None and "" where that is not known."""

    symbol: str
    quantity: int
    entry: str
    position_side: PositionSide = PositionSide.BOTH
    unrealized: str = "0"
    liquidation: str = ""
    leverage: int | None = None
    margin_type: str = ""
    worth: Decimal | None = None
    settle: str = ""


class Balance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One currency, as exact texts: what is free, and what orders hold."""

    currency: str
    free: str
    locked: str


class PositionUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """A position changed."""

    held: Held
    event_ns: int | None = None


class BalanceUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """Balances changed. `venue`: whose account it is, "" where that is not told."""

    balances: tuple[Balance, ...]
    event_ns: int | None = None
    venue: str = ""


class FundingUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """Funding was paid (below 0) or received, for `symbol` where that is told ("": for all positions of `venue`). `amount`: exact text."""

    symbol: str
    currency: str
    amount: str
    event_ns: int | None = None
    venue: str = ""


class ConfigUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """Somebody changed the account's settings; None: not this one."""

    symbol: str
    leverage: int | None = None
    margin_type: str | None = None
    hedge: bool | None = None


class RulesUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The venue changed an instrument's rules, or whether it trades."""

    rules: Rules


class MarginCall(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The venue warns: these positions are near their liquidation."""

    venue: str
    positions: tuple[Held, ...]


class Unread(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The account's stream at `venue` told something that cannot be read: kept raw. `symbol`, `client_id`: of the order, as far as told."""

    venue: str
    why: str
    symbol: str = ""
    client_id: str = ""


class StreamUpdate(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The account's stream at `venue` is live, or not. `missed`: there was a time of which nothing came."""

    venue: str
    live: bool
    missed: bool
    why: str = ""


class Cut(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The order line to `venue` ended, or is there (again). What was on it is told by `Unanswered`, one by one."""

    venue: str
    open: bool
    why: str = ""


# -- listings: what was read of a venue, as of the moment it was asked ---------------------------------------------------------


class Resting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An open order of a listing, whoever's it is."""

    order: OrderUpdate | AlgoUpdate


class OpenOrders(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """All open orders at `venue` (of `symbol`, "": of all), as of `asked_ns`, the waiting ones too."""

    venue: str
    symbol: str
    asked_ns: int
    orders: tuple[Resting, ...]


class PositionsRead(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """All positions at `venue`, as of `asked_ns`: what is not here is flat."""

    venue: str
    asked_ns: int
    positions: tuple[Held, ...]


class TradesRead(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The account's trades of `symbol`, oldest first, as of `asked_ns`. `whole`: none is missing after the one asked from."""

    symbol: str
    asked_ns: int
    fills: tuple[FillUpdate, ...]
    whole: bool


class AccountRead(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """The account at `venue`, as of `asked_ns`. `equity` and `margin_ratio`: exact texts, "" where the venue has no such thing."""

    venue: str
    asked_ns: int
    balances: tuple[Balance, ...]
    equity: str = ""
    margin_ratio: str = ""
    hedge: bool = False
    can_trade: bool = True
    can_withdraw: bool | None = None


class ReadFailed(ExecutionEvent, frozen=True, kw_only=True, gc=False):
    """A listing or query that brought nothing: no empty listing. `what`: which."""

    venue: str
    what: str
    why: str
    symbol: str = ""
    client_id: str = ""
