"""trading.risk: the gate that every order passes: fourteen checks, in integers, each with its code. Pure.

`CHECKS` is the table: what is looked at, which denials come of it, which keys set it, and whether an order that only reduces passes it.
The gate fails closed: what it cannot know (no price, a stale book, an account not read, not compared with the venue, no rules, no limits)
is a denial with a code. It never makes an order larger: quantities are rounded down to what the venue takes, and a market order goes as
an IOC limit at the collar.

An order *reduces* when it brings the position nearer to 0 without crossing it, whatever becomes of all other orders that rest or of which
nobody knows. Those that a venue lets only reduce count as nothing there, as they cannot raise a position; all others count in full,
those of which nobody knows too, and never as if they made up for another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hoga.core.market import Side
from hoga.core.trading import Capabilities, Force, OrderKind, OrderRequest, PositionSide, Rules
from hoga.trading.limits import Limits
from hoga.trading.ports import Denial, Look, View, Working
from hoga.trading.rungs import Cause, Rung
from hoga.trading.sizing import Sized, share_of, size

__all__ = ["CHECKS", "Check", "Code", "Exposure", "RiskGate", "collar", "exposure", "in_money_of"]

_S = 1_000_000_000
_MS = 1_000_000
_DAY = 86_400 * _S
_ONE = 100_000
"""What ratios are parts of: a hundredth of a basis point ten times, so that half a basis point is a whole number."""
_MARK_STALE_NS = 10 * _S

# Members of the enumerations as names of the module: a name costs a tenth of what an enumeration's attribute does, on every order.
_BUY, _SELL = Side.BUY, Side.SELL
_LIMIT, _MARKET, _TRAIL = OrderKind.LIMIT, OrderKind.MARKET, OrderKind.TRAIL
_GTC, _IOC, _FOK = Force.GTC, Force.IOC, Force.FOK
_BOTH, _LONG, _SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
_LEGS = tuple(PositionSide)
_ACTIVE, _REDUCING, _HALTED = Rung.ACTIVE, Rung.REDUCING, Rung.HALTED


class Code(StrEnum):
    """Why an order is denied: what stands in the journal, and in `docs/trading-limits.md`."""

    NO_OPEN = "no-open"
    REDUCING = "reducing"
    HALTED = "halted"
    FLATTEN = "flatten"
    MUST_REDUCE = "must-reduce"
    UNRECONCILED = "unreconciled"
    STREAM_STALE = "stream-stale"
    EVENT_OVERDUE = "event-overdue"
    NO_PRICE = "no-price"
    BOOK_IN_DOUBT = "book-in-doubt"
    BOOK_STALE = "book-stale"
    BOOK_CROSSED = "book-crossed"
    NO_RULES = "no-rules"
    NO_LIMITS = "no-limits"
    NOT_TRADING = "not-trading"
    BAD_QUANTITY = "bad-quantity"
    BAD_PRICE = "bad-price"
    OFF_TICK = "off-tick"
    PRICE_BAND = "price-band"
    TOO_SMALL = "too-small"
    TOO_LARGE = "too-large"
    MIN_NOTIONAL = "min-notional"
    NO_MARK = "no-mark"
    PRICE_COLLAR = "price-collar"
    MAX_ORDER_NOTIONAL = "max-order-notional"
    MAX_POSITION_NOTIONAL = "max-position-notional"
    NO_SHORT = "no-short"
    NO_ACCOUNT = "no-account"
    ACCOUNT_STALE = "account-stale"
    SETTINGS = "settings"
    BALANCE = "balance"
    MAX_GROSS_NOTIONAL = "max-gross-notional"
    MAX_NET_NOTIONAL = "max-net-notional"
    MAX_LEVERAGE = "max-leverage"
    MAX_OPEN_ORDERS = "max-open-orders"
    MAX_ORDERS_PER_SEC = "max-orders-per-sec"
    MAX_CANCELS_PER_SEC = "max-cancels-per-sec"
    MAX_ORDERS_PER_DAY = "max-orders-per-day"
    SAME_REJECTS = "same-rejects"
    SELF_CROSS = "self-cross"
    MAX_DAILY_LOSS = "max-daily-loss"
    MAX_DRAWDOWN = "max-drawdown"
    MAX_LOSSES_IN_A_ROW = "max-losses-in-a-row"
    MAX_MARGIN_RATIO = "max-margin-ratio"
    LIQUIDATION_DISTANCE = "liquidation-distance"
    FAT_FINGER_PRICE = "fat-finger-price"
    FAT_FINGER_SIZE = "fat-finger-size"
    BAD_STOP = "bad-stop"
    BAD_RISK = "bad-risk"


# -- what is counted ----------------------------------------------------------------------------------------------


class Exposure(Struct, frozen=True, gc=False):
    """A position, and between what it can come to lie by the orders that are or may be at the venue."""

    position: int
    low: int
    high: int

    @property
    def worst(self) -> int:
        """The largest that the position can become, either way."""
        low, high = -self.low, self.high
        return high if high >= low else low


def exposure(position: int, working: Collection[Working], *, venue_bounds: bool, side: PositionSide = _BOTH) -> Exposure:
    """Where a position can come to lie.

    Args:
        position: as the venue confirmed it.
        working: the symbol's own orders; those of other legs than `side` are left out.
        venue_bounds: whether the venue has reduce-only orders, which then cannot raise a position.
        side: the leg.
    """
    low = high = position
    if not working:
        return Exposure(position, low, high)
    lists: dict[tuple[str, Side], int] = {}
    for each in working:
        request = each.request
        if request.position_side is not side or (venue_bounds and _only_reduces(request)):
            continue
        rest = each.rest
        if request.list_id:  # of one list one is filled
            known = lists.get((request.list_id, request.side), 0)
            lists[request.list_id, request.side] = max(known, rest)
            rest = max(0, rest - known)
        if request.side is _BUY:
            high += rest
        else:
            low -= rest
    return Exposure(position, low, high)


def _only_reduces(request: OrderRequest) -> bool:
    if request.position_side is _LONG:
        return request.side is _SELL
    if request.position_side is _SHORT:
        return request.side is _BUY
    return request.reduce_only or request.close_position


def collar(side: Side, look: Look, collar_ppm: int) -> int:
    """The price that an order may reach at most: so far from the middle, and from the mark price where the venue tells one.

    `collar_ppm`: in hundred-thousandths. The highest for a buy, the lowest for a sell; not rounded to a tick.
    """
    twice = look.bid + look.ask
    mark = look.mark if look.has_mark else 0
    if side is _BUY:
        bound = twice * (_ONE + collar_ppm) // (2 * _ONE)
        return min(bound, mark * (_ONE + collar_ppm) // _ONE) if mark else bound
    bound = -(-twice * (_ONE - collar_ppm) // (2 * _ONE))
    return max(bound, -(-mark * (_ONE - collar_ppm) // _ONE)) if mark else bound


def in_money_of(money: int, rules: Rules, other: Rules) -> int:
    """Money in the powers of `rules` as money in those of `other`, away from 0 where it does not divide."""
    power = rules.money_power - other.money_power
    if power >= 0:
        return money * int(10**power)
    divisor = int(10**-power)
    return -(-money // divisor) if money > 0 else money // divisor


class _Window:
    """How many happened in the last second, and today (UTC)."""

    __slots__ = ("day", "stamps", "today")

    def __init__(self) -> None:
        self.stamps: deque[int] = deque()
        self.day = 0
        self.today = 0

    def in_second(self, now_ns: int) -> int:
        stamps = self.stamps
        while stamps and stamps[0] <= now_ns - _S:
            stamps.popleft()
        return len(stamps)

    def of_day(self, now_ns: int) -> int:
        return self.today if self.day == now_ns // _DAY else 0

    def count(self, now_ns: int, day: int) -> None:
        stamps = self.stamps
        while stamps and stamps[0] <= now_ns - _S:
            stamps.popleft()
        stamps.append(now_ns)
        if day == self.day:
            self.today += 1
        else:
            self.day, self.today = day, 1


class _Bounds:
    """The limits of one symbol in the integers of its rules. `windows`: its orders by time, and those of its account."""

    __slots__ = (
        "account_stale_ns",
        "collar",
        "daily_loss",
        "drawdown",
        "event_overdue_ns",
        "exec_stale_ns",
        "fat_price",
        "gross",
        "leverage",
        "limits",
        "liquidation",
        "margin_ratio_bp",
        "net",
        "open_orders",
        "order",
        "position",
        "reject_pause_ns",
        "rules",
        "stale_ns",
        "windows",
    )  # fmt: skip

    def __init__(self, limits: Limits, rules: Rules, windows: tuple[_Window, _Window]) -> None:
        self.limits, self.rules, self.windows = limits, rules, windows
        self.order = rules.money(limits.max_order_notional)
        self.position = rules.money(limits.max_position_notional)
        self.gross = rules.money(limits.max_gross_notional)
        self.net = rules.money(limits.max_net_notional)
        self.daily_loss = rules.money(limits.max_daily_loss)
        self.leverage = round(limits.max_leverage * 1000)
        self.open_orders = min((each for each in (limits.max_open_orders, rules.max_orders) if each), default=0)
        self.collar = round(limits.price_collar_bp * 10)
        self.fat_price = round(limits.fat_finger_price_bp * 10)
        self.drawdown = round(limits.max_drawdown_pct * 1000)
        self.margin_ratio_bp = round(limits.max_margin_ratio_pct * 100)
        self.liquidation = round(limits.min_liquidation_distance_pct * 1000)
        self.stale_ns = limits.stale_after_ms * _MS
        self.exec_stale_ns = limits.exec_stale_after_ms * _MS
        self.event_overdue_ns = limits.event_overdue_ms * _MS
        self.account_stale_ns = round(limits.account_stale_after_s * _S)
        self.reject_pause_ns = round(limits.reject_pause_s * _S)


class _Asked:
    """One order while it is judged. `price`: what is reckoned with, 0 where there is none; `book`: why the book cannot be used.

    `bound`: the price at the collar, 0 where there is no book. `value`: what a unit of the position is reckoned at. What is asked of it
    more than once is looked up once: nothing moves meanwhile.
    """

    __slots__ = (
        "book", "bound", "bounds", "buy", "can", "exposure", "look", "now", "only_reduces", "price", "quantity", "reduces", "request",
        "rules", "turns_market", "value", "view", "waits", "working",
    )  # fmt: skip

    request: OrderRequest
    view: View
    now: int
    rules: Rules
    can: Capabilities
    bounds: _Bounds
    look: Look
    buy: bool
    quantity: int
    price: int
    exposure: Exposure
    only_reduces: bool
    reduces: bool
    book: Denial | None
    bound: int
    turns_market: bool
    waits: bool
    value: int
    working: Collection[Working]

    @property
    def notional(self) -> int:
        return self.quantity * self.price


_ALLOWED = {Rung.NO_OPEN: Code.NO_OPEN, Rung.REDUCING: Code.REDUCING, Rung.HALTED: Code.HALTED, Rung.FLATTEN: Code.FLATTEN}


def _deny(code: Code, limit: object = "", found: object = "") -> Denial:
    return Denial(code=code.value, limit=str(limit), found=str(found))


# -- the gate -----------------------------------------------------------------------------------------------------


class RiskGate:
    """`trading.ports.Gate` over `CHECKS`. `limits`: of a symbol (`binance-usdm:BTCUSDT`), by its name."""

    def __init__(self, limits: Callable[[str], Limits | None]) -> None:
        self._limits = limits
        self._bounds: dict[str, _Bounds] = {}
        self._orders: dict[str, _Window] = {}
        self._cancels: dict[str, _Window] = {}
        self._rejects: dict[tuple[object, ...], tuple[str, int, int]] = {}
        self._paused: dict[tuple[object, ...], int] = {}

    def judge(self, request: OrderRequest, view: View) -> OrderRequest | Denial:
        """The order as it may be sent, counted as sent, or why not."""
        asked = self._prepare(request, view)
        if isinstance(asked, Denial):
            return asked
        for look in _LOOKS_REDUCING if asked.reduces else _LOOKS:
            denial = look(self, asked)
            if denial is not None:
                return denial
        now, day = asked.now, asked.now // _DAY
        for window in asked.bounds.windows:
            window.count(now, day)
        return self._as_sent(asked)

    def judge_cancel(self, symbol: str, view: View) -> Denial | None:
        """The same for a cancel."""
        rules = view.rules(symbol)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return None
        limit = bounds.limits.max_cancels_per_sec
        for name in (symbol, rules.venue):
            count = self._window(self._cancels, name).in_second(view.now_ns)
            if limit and count >= limit:
                return _deny(Code.MAX_CANCELS_PER_SEC, limit, count + 1)
        for name in (symbol, rules.venue):
            self._window(self._cancels, name).count(view.now_ns, view.now_ns // _DAY)
        return None

    def refused(self, request: OrderRequest, code: str, view: View) -> None:
        """The venue refused an order: the same one, refused for the same reason again and again, is paused."""
        rules = view.rules(request.symbol)
        bounds = rules and self._bounds_of(request.symbol, rules)
        if not bounds or not bounds.limits.max_same_rejects:
            return
        key, now = _likeness(request), view.now_ns
        known, count, at_ns = self._rejects.get(key, ("", 0, 0))
        count = count + 1 if known == code and now - at_ns <= bounds.reject_pause_ns else 1
        self._rejects[key] = (code, count, now)
        if count >= bounds.limits.max_same_rejects:
            self._paused[key] = now + bounds.reject_pause_ns
        if len(self._rejects) > 1_000:
            self._rejects = {each: said for each, said in self._rejects.items() if now - said[2] <= bounds.reject_pause_ns}
            self._paused = {each: until for each, until in self._paused.items() if until > now}

    def breaches(self, symbol: str, view: View) -> list[tuple[Cause, str]]:
        """What the losses of the symbol's account lead to, with their figures."""
        rules = view.rules(symbol)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return []
        causes = {Code.MAX_DAILY_LOSS: Cause.DAILY_LOSS, Code.MAX_DRAWDOWN: Cause.DRAWDOWN, Code.MAX_LOSSES_IN_A_ROW: Cause.LOSSES_IN_A_ROW}
        found = _losses(symbol, bounds, view)
        return [(causes[Code(each.code)], f"{each.found}, allowed {each.limit}") for each in found]

    def size(self, symbol: str, risk: str, stop: int, side: Side | None, view: View) -> Sized:
        """The quantity that loses the share `risk` (`"1%"`, "": RISK_PER_TRADE) of the equity at the price `stop`, within the limits.

        `side`: of the entry; None: a stop below the middle of the book is that of a buy.
        """
        rules, look = view.rules(symbol), view.look(symbol)
        side = side or (_BUY if 2 * stop < look.bid + look.ask else _SELL)
        bounds = rules and self._bounds_of(symbol, rules)
        if not rules or not bounds:
            return Sized(symbol=symbol, side=side, code=(Code.NO_LIMITS if rules else Code.NO_RULES).value)
        denial = _book(look, bounds, view.now_ns)
        try:
            share = share_of(risk) if risk else round(bounds.limits.risk_per_trade_pct * 1_000)
        except ValueError as error:
            denial, share = _deny(Code.BAD_RISK, found=error), 0
        margin, equity = view.margin(symbol), view.equity(symbol)
        if margin.read_age_ns is None or equity is None:
            denial = denial or _deny(Code.NO_ACCOUNT)
        elif margin.read_age_ns > bounds.account_stale_ns:
            denial = denial or _deny(Code.ACCOUNT_STALE, f"{bounds.limits.account_stale_after_s:g} s", f"{margin.read_age_ns // _S} s")
        if denial is not None:
            return Sized(symbol=symbol, side=side, stop=stop, code=denial.code, limit=denial.limit, found=denial.found)
        request = OrderRequest(client_id="", symbol=symbol, side=side, kind=_MARKET, quantity=rules.least, force=_IOC)
        asked = self._prepare(request, view)
        assert isinstance(asked, _Asked), "its rules, limits and quantity are known"
        entry, fee = (look.ask if asked.buy else look.bid), round(bounds.limits.taker_fee_bp * 10)
        return size(rules, side, equity=equity or 0, risk=share, entry=entry, stop=stop, fee=fee, room=self._room(asked))

    def _room(self, asked: _Asked) -> list[tuple[str, int]]:
        """(code, quantity): what each limit of money leaves for one more order, as checks 4, 6, 7 and 8 look at it."""
        bounds, rules, value = asked.bounds, asked.rules, asked.value
        price = max(asked.price, 1)
        gross, low, high = self._whole(asked)
        reached = asked.exposure.high if asked.buy else -asked.exposure.low
        room = [
            (Code.MAX_ORDER_NOTIONAL, bounds.order // price),
            (Code.MAX_POSITION_NOTIONAL, bounds.position // max(value, 1) - reached),
            (Code.MAX_GROSS_NOTIONAL, (bounds.gross - gross) // price),
            (Code.MAX_NET_NOTIONAL, (bounds.net - (high if asked.buy else -low)) // price),
        ]
        if bounds.leverage:
            room.append((Code.MAX_LEVERAGE, (max(asked.view.equity(rules.symbol) or 0, 0) * bounds.leverage // 1000 - gross) // price))
        if not asked.can.short:
            free = asked.view.free(rules.symbol) or 0
            room.append((Code.BALANCE, free // price) if asked.buy else (Code.NO_SHORT, asked.exposure.low))
        if rules.most is not None:
            room.append((Code.TOO_LARGE, rules.most))
        if rules.max_notional is not None:
            room.append((Code.TOO_LARGE, rules.max_notional // price))
        return [(code.value, quantity) for code, quantity in room]

    # -- how an order is looked at ------------------------------------------------------------------------------

    def _prepare(self, request: OrderRequest, view: View) -> _Asked | Denial:
        symbol, kind = request.symbol, request.kind
        rules = view.rules(symbol)
        if rules is None:
            return _deny(Code.NO_RULES, found=symbol)
        bounds = self._bounds_of(symbol, rules)
        if bounds is None:
            return _deny(Code.NO_LIMITS, found=rules.settle or rules.quote)
        asked = _Asked()
        waits = kind is not _LIMIT and kind is not _MARKET and request.waits
        asked.request, asked.view, asked.waits = request, view, waits
        asked.now = now = view.now_ns
        asked.rules, asked.bounds = rules, bounds
        asked.look = look = view.look(symbol)
        asked.can = can = view.capabilities(symbol)
        asked.buy = buy = request.side is _BUY
        asked.book = book = _book(look, bounds, now)
        asked.bound = collar(request.side, look, bounds.collar) if book is None else 0
        asked.value = _value(look)
        asked.only_reduces = can.reduce_only and _only_reduces(request)
        working: Collection[Working] = view.working(symbol)
        if working and request.list_id:
            working = [each for each in working if each.request.list_id != request.list_id]
        asked.working = working
        leg = request.position_side
        asked.exposure = exposure(view.position(symbol, leg), working, venue_bounds=can.reduce_only, side=leg)
        price = request.trigger if waits else request.price
        if kind is not _MARKET and kind is not _TRAIL and (price is None or price <= 0):
            return _deny(Code.BAD_PRICE, found=price)
        asked.price = price or (look.ask if buy else look.bid)
        denial = _sized(asked)
        if denial is not None:
            return denial
        asked.reduces = _reduces(asked)
        asked.turns_market = book is not None and asked.reduces and not waits and _takes_now(request)
        if asked.turns_market:
            asked.quantity = rules.quantity_down(asked.quantity, market=True)
        elif kind is _MARKET and book is None:
            asked.price = _reach(asked)
        return asked

    def _bounds_of(self, symbol: str, rules: Rules) -> _Bounds | None:
        bounds = self._bounds.get(symbol)
        if bounds is None or bounds.rules is not rules:
            limits = self._limits(symbol)
            if limits is None or (rules.settle or rules.quote) not in limits.currencies:
                return None
            windows = (self._window(self._orders, symbol), self._window(self._orders, rules.venue))
            bounds = self._bounds[symbol] = _Bounds(limits, rules, windows)
        return bounds

    def _window(self, windows: dict[str, _Window], name: str) -> _Window:
        window = windows.get(name)
        if window is None:
            window = windows[name] = _Window()
        return window

    def _as_sent(self, asked: _Asked) -> OrderRequest:
        request, quantity = asked.request, asked.quantity
        least = asked.rules.min_notional
        one_way = asked.can.reduce_only and request.position_side is _BOTH and not request.close_position
        small = least is not None and quantity * asked.price < least
        only = request.reduce_only or (asked.reduces and one_way and (asked.turns_market or small or asked.view.rung > _ACTIVE))
        if asked.turns_market:
            much = None if request.quantity is None else quantity
            return replace(request, kind=_MARKET, price=None, force=_GTC, quantity=much, reduce_only=only)
        if request.kind is _MARKET and asked.book is None:
            return replace(request, kind=_LIMIT, price=asked.price, force=_IOC, quantity=quantity, funds=None, reduce_only=only)
        if (request.quantity is None or quantity == request.quantity) and only is request.reduce_only:
            return request
        return replace(request, quantity=None if request.quantity is None else quantity, reduce_only=only)

    # -- the checks -------------------------------------------------------------------------------------------------

    def _state(self, asked: _Asked) -> Denial | None:
        rung, request = asked.view.rung, asked.request
        if (request.reduce_only or request.close_position) and not asked.reduces:
            reach = max(-asked.exposure.low if asked.buy else asked.exposure.high, 0)
            return _deny(Code.MUST_REDUCE, asked.rules.quantity_text(reach), asked.rules.quantity_text(asked.quantity))
        if rung is _ACTIVE or (rung <= _REDUCING and asked.reduces):
            return None
        if rung is _HALTED and asked.reduces and asked.waits:
            return None  # a stop that protects
        return _deny(_ALLOWED[rung], found=request.side.value)

    def _truth(self, asked: _Asked) -> Denial | None:
        view, symbol, bounds = asked.view, asked.request.symbol, asked.bounds
        if not view.is_reconciled(symbol):
            return _deny(Code.UNRECONCILED)
        if (age := view.proof_age_ns(symbol)) > bounds.exec_stale_ns:
            return _deny(Code.STREAM_STALE, f"{bounds.limits.exec_stale_after_ms} ms", f"{age // _MS} ms")
        if (age := view.unseen_age_ns(symbol)) > bounds.event_overdue_ns:
            return _deny(Code.EVENT_OVERDUE, f"{bounds.limits.event_overdue_ms} ms", f"{age // _MS} ms")
        return None

    def _book(self, asked: _Asked) -> Denial | None:
        return asked.book

    def _rules(self, asked: _Asked) -> Denial | None:
        request, rules = asked.request, asked.rules
        if not rules.is_trading:
            return _deny(Code.NOT_TRADING)
        given = (
            ()
            if request.kind is _MARKET and request.trigger is request.activation is None
            else (request.price if request.kind is _LIMIT else None, request.trigger, request.activation)
        )
        for price in given:
            if price is None:
                continue
            if rules.price_down(price) != price:
                around = f"{rules.price_text(rules.price_down(price))} or {rules.price_text(rules.price_up(price))}"
                return _deny(Code.OFF_TICK, around, rules.price_text(price))
            if price < (rules.min_price or 1) or (rules.max_price is not None and price > rules.max_price):
                bounds = f"{rules.price_text(rules.min_price or 1)} to {rules.price_text(rules.max_price or 0)}"
                return _deny(Code.PRICE_BAND, bounds, rules.price_text(price))
        if request.close_position:
            return None
        market = asked.turns_market or asked.waits
        least = rules.market_least if market else rules.least
        most = rules.market_most if market else rules.most
        if asked.quantity < least or asked.quantity < 1:
            return _deny(Code.TOO_SMALL, rules.quantity_text(least), rules.quantity_text(request.quantity or asked.quantity))
        if most is not None and asked.quantity > most:
            if not asked.reduces:
                return _deny(Code.TOO_LARGE, rules.quantity_text(most), rules.quantity_text(asked.quantity))
            asked.quantity = rules.quantity_down(most, market=market)
        exempt = asked.reduces and asked.can.reduce_only
        if rules.min_notional is not None and asked.price and asked.notional < rules.min_notional and not exempt:
            return _deny(Code.MIN_NOTIONAL, rules.money_text(rules.min_notional), rules.money_text(asked.notional))
        if rules.max_notional is not None and asked.notional > rules.max_notional:
            return _deny(Code.TOO_LARGE, rules.money_text(rules.max_notional), rules.money_text(asked.notional))
        return None

    def _collar(self, asked: _Asked) -> Denial | None:
        request, rules, look = asked.request, asked.rules, asked.look
        if asked.waits or asked.turns_market or asked.book is not None:
            return None
        if look.has_mark and not asked.reduces and (not look.mark or asked.now - look.mark_at_ns > _MARK_STALE_NS):
            return _deny(Code.NO_MARK)
        bound = asked.bound
        if request.kind is _MARKET:
            reached = asked.price >= look.ask if asked.buy else 0 < asked.price <= look.bid
            own = _own_price(asked)
            if not reached and own and (own <= look.ask if asked.buy else own >= look.bid):
                return _deny(Code.SELF_CROSS, found=rules.price_text(own))
            if not reached:
                best = look.ask if asked.buy else look.bid
                return _deny(Code.PRICE_COLLAR, rules.price_text(bound), rules.price_text(best))
        elif asked.price > bound if asked.buy else asked.price < bound:
            return _deny(Code.PRICE_COLLAR, rules.price_text(bound), rules.price_text(asked.price))
        band = rules.bid_band if asked.buy else rules.ask_band
        if band is not None:
            mean = look.mark if look.has_mark and look.mark else (look.bid + look.ask) // 2
            if not mean * band[0] <= asked.price * _ONE <= mean * band[1]:
                bounds = f"{rules.price_text(mean * band[0] // _ONE)} to {rules.price_text(mean * band[1] // _ONE)}"
                return _deny(Code.PRICE_BAND, bounds, rules.price_text(asked.price))
        return None

    def _order_notional(self, asked: _Asked) -> Denial | None:
        if asked.quantity * asked.price > asked.bounds.order:
            return _deny(Code.MAX_ORDER_NOTIONAL, asked.rules.money_text(asked.bounds.order), asked.rules.money_text(asked.notional))
        return None

    def _position(self, asked: _Asked) -> Denial | None:
        now, quantity = asked.exposure, 0 if asked.only_reduces else asked.quantity
        if asked.buy:
            reached = now.high + quantity
        else:
            reached = quantity - now.low
            if reached > 0 and not asked.can.short:
                left = asked.rules.quantity_text(max(now.low, 0))
                return _deny(Code.NO_SHORT, left, asked.rules.quantity_text(asked.quantity))
        money = reached * asked.value
        if money > asked.bounds.position:
            return _deny(Code.MAX_POSITION_NOTIONAL, asked.rules.money_text(asked.bounds.position), asked.rules.money_text(money))
        return None

    def _account(self, asked: _Asked) -> Denial | None:
        view, symbol, bounds, rules = asked.view, asked.request.symbol, asked.bounds, asked.rules
        margin, equity = view.margin(symbol), view.equity(symbol)
        if margin.read_age_ns is None or equity is None:
            return _deny(Code.NO_ACCOUNT)
        if margin.read_age_ns > bounds.account_stale_ns:
            return _deny(Code.ACCOUNT_STALE, f"{bounds.limits.account_stale_after_s:g} s", f"{margin.read_age_ns // _S} s")
        if margin.doubt:
            return _deny(Code.SETTINGS, found=margin.doubt)
        if not asked.can.short and asked.buy:
            free = view.free(symbol)
            if free is None:
                return _deny(Code.NO_ACCOUNT)
            if asked.notional > free:
                return _deny(Code.BALANCE, rules.money_text(free), rules.money_text(asked.notional))
        gross, low, high = self._whole(asked)
        this = 0 if asked.only_reduces else asked.quantity * asked.price
        if gross + this > bounds.gross:
            return _deny(Code.MAX_GROSS_NOTIONAL, rules.money_text(bounds.gross), rules.money_text(gross + this))
        net = high + this if asked.buy else this - low
        if net > bounds.net:
            return _deny(Code.MAX_NET_NOTIONAL, rules.money_text(bounds.net), rules.money_text(net))
        if bounds.leverage and (gross + this) * 1000 > max(equity, 0) * bounds.leverage:
            found = f"{(gross + this) / equity:.2f}" if equity > 0 else f"an equity of {rules.money_text(equity)}"
            return _deny(Code.MAX_LEVERAGE, f"{bounds.limits.max_leverage:g}", found)
        return None

    def _whole(self, asked: _Asked) -> tuple[int, int, int]:
        """Gross, and net at its lowest and highest, of the account's instruments that are paid in the same currency."""
        view, mine = asked.view, asked.rules
        gross = low = high = 0
        for symbol in view.symbols(asked.request.symbol):
            if symbol == mine.symbol and asked.request.position_side is _BOTH:
                leg, value = asked.exposure, asked.value
                gross, low, high = gross + leg.worst * value, low + leg.low * value, high + leg.high * value
                continue
            rules = view.rules(symbol)
            if rules is None or (rules.settle or rules.quote) != (mine.settle or mine.quote):
                continue
            working = asked.working if symbol == mine.symbol else view.working(symbol)
            bounds = asked.can.reduce_only
            legs = [exposure(view.position(symbol, side), working, venue_bounds=bounds, side=side) for side in _LEGS]
            value = _value(view.look(symbol))
            for leg in legs:
                gross += in_money_of(leg.worst * value, rules, mine)
                low += in_money_of(leg.low * value, rules, mine)
                high += in_money_of(leg.high * value, rules, mine)
        return gross, low, high

    def _open_orders(self, asked: _Asked) -> Denial | None:
        most = asked.bounds.open_orders
        if most and (count := asked.view.open_count(asked.request.symbol)) >= most:
            return _deny(Code.MAX_OPEN_ORDERS, most, count + 1)
        return None

    def _rates(self, asked: _Asked) -> Denial | None:
        limits = asked.bounds.limits
        for window in asked.bounds.windows:
            if limits.max_orders_per_sec and (count := window.in_second(asked.now)) >= limits.max_orders_per_sec:
                return _deny(Code.MAX_ORDERS_PER_SEC, limits.max_orders_per_sec, count + 1)
            if limits.max_orders_per_day and (count := window.of_day(asked.now)) >= limits.max_orders_per_day:
                return _deny(Code.MAX_ORDERS_PER_DAY, limits.max_orders_per_day, count + 1)
        if self._paused:
            sent = _likeness(self._as_sent(asked))
            until = self._paused.get(sent, 0)
            if asked.now < until:
                code, count, _ = self._rejects[sent]
                return _deny(Code.SAME_REJECTS, limits.max_same_rejects, f"{count} times {code}, paused for {(until - asked.now) // _S} s")
        return None

    def _self_cross(self, asked: _Asked) -> Denial | None:
        request = asked.request
        if asked.bounds.limits.self_cross != "deny" or asked.waits or asked.turns_market or request.kind is _MARKET:
            return None  # a market order stops short of our own prices
        own = _own_price(asked)
        if own and (asked.price >= own if asked.buy else asked.price <= own):
            return _deny(Code.SELF_CROSS, asked.rules.price_text(own), asked.rules.price_text(asked.price))
        return None

    def _losses(self, asked: _Asked) -> Denial | None:
        found = _losses(asked.request.symbol, asked.bounds, asked.view)
        return found[0] if found else None

    def _margin(self, asked: _Asked) -> Denial | None:
        bounds, margin = asked.bounds, asked.view.margin(asked.request.symbol)
        if bounds.margin_ratio_bp and margin.ratio_bp is not None and margin.ratio_bp > bounds.margin_ratio_bp:
            return _deny(Code.MAX_MARGIN_RATIO, f"{bounds.limits.max_margin_ratio_pct:g} %", f"{margin.ratio_bp / 100:g} %")
        value = asked.value
        if bounds.liquidation and margin.liquidation > 0 and value:
            distance = abs(value - margin.liquidation) * _ONE // value
            if distance < bounds.liquidation:
                return _deny(Code.LIQUIDATION_DISTANCE, f"{bounds.limits.min_liquidation_distance_pct:g} %", f"{distance / 1000:g} %")
        return None

    def _fat_finger(self, asked: _Asked) -> Denial | None:
        look, bounds, rules = asked.look, asked.bounds, asked.rules
        if look.median_price and bounds.fat_price and not asked.waits and not asked.turns_market and asked.price:
            if asked.buy:
                bound = look.median_price * (_ONE + bounds.fat_price) // _ONE
            else:
                bound = look.median_price * (_ONE - bounds.fat_price) // _ONE
            if asked.price > bound if asked.buy else asked.price < bound:
                return _deny(Code.FAT_FINGER_PRICE, rules.price_text(bound), rules.price_text(asked.price))
        most = look.median_size * bounds.limits.fat_finger_size
        if most and not asked.reduces and asked.quantity > most:
            return _deny(Code.FAT_FINGER_SIZE, rules.quantity_text(most), rules.quantity_text(asked.quantity))
        return None


# -- pieces of the checks -----------------------------------------------------------------------------------------


def _book(look: Look, bounds: _Bounds, now_ns: int) -> Denial | None:
    if look.bid <= 0 or look.ask <= 0:
        return _deny(Code.NO_PRICE)
    if look.in_doubt:
        return _deny(Code.BOOK_IN_DOUBT)
    if (age := now_ns - look.at_ns) > bounds.stale_ns:
        return _deny(Code.BOOK_STALE, f"{bounds.limits.stale_after_ms} ms", f"{age // _MS} ms")
    if look.bid >= look.ask and not look.is_price:
        return _deny(Code.BOOK_CROSSED, found=f"{bounds.rules.price_text(look.bid)} / {bounds.rules.price_text(look.ask)}")
    return None


def _value(look: Look) -> int:
    """What a unit is reckoned at: the mark price, else the higher side of the book."""
    if look.has_mark and look.mark:
        return look.mark
    bid, ask = look.bid, look.ask
    return max(ask if ask >= bid else bid, 0)


def _sized(asked: _Asked) -> Denial | None:
    """Set the quantity: rounded down to whole lots; what funds buy; the whole position."""
    request, rules = asked.request, asked.rules
    if request.close_position:
        asked.quantity = abs(asked.exposure.position)
        return None
    quantity = request.quantity
    if quantity is None:
        if request.funds is None or request.funds <= 0 or asked.price <= 0:
            return _deny(Code.NO_PRICE if request.funds and asked.price <= 0 else Code.BAD_QUANTITY, found=request.funds)
        quantity = request.funds // asked.price
    elif quantity <= 0:
        return _deny(Code.BAD_QUANTITY, found=quantity)
    market = request.kind is _MARKET and asked.book is not None
    asked.quantity = rules.quantity_down(quantity, market=market or asked.waits)
    return None


def _reduces(asked: _Asked) -> bool:
    """Whether it brings the position nearer to 0 without crossing it, whatever becomes of the others."""
    where, quantity = asked.exposure, asked.quantity
    if asked.only_reduces:
        reach = -where.low if asked.buy else where.high
        return reach > 0 and (asked.request.close_position or quantity <= reach)
    if quantity <= 0:
        return False
    return where.high + quantity <= 0 if asked.buy else where.low - quantity >= 0


def _takes_now(request: OrderRequest) -> bool:
    return request.kind is _MARKET or request.force is _IOC or request.force is _FOK


def _own_price(asked: _Asked) -> int:
    """The nearest price of our own resting orders on the other side, 0: there is none."""
    nearest = 0
    for each in asked.working:
        other = each.request
        if other.kind is not _LIMIT or other.side is asked.request.side or not other.price:
            continue
        if not nearest or (other.price < nearest if asked.buy else other.price > nearest):
            nearest = other.price
    return nearest


def _reach(asked: _Asked) -> int:
    """The price of the IOC limit that a market order becomes: at the collar, and short of our own orders."""
    rules, bound = asked.rules, asked.bound
    own = _own_price(asked) if asked.working and asked.bounds.limits.self_cross == "deny" else 0
    if asked.buy:
        return rules.price_down(min(bound, own - 1) if own else bound)
    return rules.price_up(max(bound, own + 1) if own else bound)


def _likeness(request: OrderRequest) -> tuple[object, ...]:
    """What makes two orders the same: the price too, but for one that takes what there is now."""
    price = None if _takes_now(request) else request.price or request.trigger
    return request.symbol, request.side, request.waits, request.quantity, price, request.reduce_only, request.position_side


def _losses(symbol: str, bounds: _Bounds, view: View) -> list[Denial]:
    day, rules, limits = view.day(symbol), bounds.rules, bounds.limits
    found = []
    loss = day.fees - day.realized - day.unrealized - day.funding
    if bounds.daily_loss and loss >= bounds.daily_loss:
        found.append(_deny(Code.MAX_DAILY_LOSS, rules.money_text(bounds.daily_loss), rules.money_text(loss)))
    lost, equity = day.peak - day.total, view.equity(symbol)
    if bounds.drawdown and lost > 0 and equity is not None:
        highest = equity + lost
        part = lost * _ONE // highest if highest > 0 else _ONE
        if part >= bounds.drawdown:
            found.append(_deny(Code.MAX_DRAWDOWN, f"{limits.max_drawdown_pct:g} %", f"{part / 1000:.2f} %"))
    if limits.max_losses_in_a_row and day.losses >= limits.max_losses_in_a_row:
        found.append(_deny(Code.MAX_LOSSES_IN_A_ROW, limits.max_losses_in_a_row, day.losses))
    return found


# -- the table ----------------------------------------------------------------------------------------------------


class Check(NamedTuple):
    """One check: what is looked at, the codes of its denials, the keys that set it; `reducing_passes`: one that reduces is not asked."""

    number: int
    says: str
    look: Callable[[RiskGate, _Asked], Denial | None]
    codes: tuple[Code, ...]
    keys: tuple[str, ...] = ()
    reducing_passes: bool = False


_C = Code
CHECKS: tuple[Check, ...] = (
    Check(1, "The rung of the trader, and of its strategy; what is to reduce does.", RiskGate._state,
          (_C.NO_OPEN, _C.REDUCING, _C.HALTED, _C.FLATTEN, _C.MUST_REDUCE)),
    Check(2, "Orders and positions are read, and the account's stream lives.", RiskGate._truth,
          (_C.UNRECONCILED, _C.STREAM_STALE, _C.EVENT_OVERDUE), ("EXEC_STALE_AFTER_MS", "EVENT_OVERDUE_MS"), reducing_passes=True),
    Check(3, "There is a book; it is fresh, whole and not crossed.", RiskGate._book,
          (_C.NO_PRICE, _C.BOOK_IN_DOUBT, _C.BOOK_STALE, _C.BOOK_CROSSED), ("STALE_AFTER_MS",), reducing_passes=True),
    Check(4, "The instrument's rules: price step, lot, bounds, least and most money.", RiskGate._rules,
          (_C.NO_RULES, _C.NO_LIMITS, _C.NOT_TRADING, _C.BAD_QUANTITY, _C.BAD_PRICE, _C.OFF_TICK, _C.TOO_SMALL, _C.TOO_LARGE,
           _C.MIN_NOTIONAL), ("LIMIT_CURRENCIES",)),
    Check(5, "How far beyond the middle and the mark price an order may reach, and the venue's own band.", RiskGate._collar,
          (_C.NO_MARK, _C.PRICE_COLLAR, _C.PRICE_BAND), ("PRICE_COLLAR_BP",)),
    Check(6, "The money of one order.", RiskGate._order_notional, (_C.MAX_ORDER_NOTIONAL,), ("MAX_ORDER_NOTIONAL",), reducing_passes=True),
    Check(7, "The position with everything that may still be filled; no short where there is none.", RiskGate._position,
          (_C.MAX_POSITION_NOTIONAL, _C.NO_SHORT), ("MAX_POSITION_NOTIONAL",), reducing_passes=True),
    Check(8, "The account: read, set as wanted, its balance, all positions together, leverage.", RiskGate._account,
          (_C.NO_ACCOUNT, _C.ACCOUNT_STALE, _C.SETTINGS, _C.BALANCE, _C.MAX_GROSS_NOTIONAL, _C.MAX_NET_NOTIONAL, _C.MAX_LEVERAGE),
          ("ACCOUNT_STALE_AFTER_SEC", "MAX_GROSS_NOTIONAL", "MAX_NET_NOTIONAL", "MAX_LEVERAGE", "LEVERAGE", "MARGIN_TYPE"),
          reducing_passes=True),
    Check(9, "How many orders rest.", RiskGate._open_orders, (_C.MAX_OPEN_ORDERS,), ("MAX_OPEN_ORDERS",), reducing_passes=True),
    Check(10, "How many orders a second and a day; the same order refused again and again.", RiskGate._rates,
          (_C.MAX_ORDERS_PER_SEC, _C.MAX_ORDERS_PER_DAY, _C.SAME_REJECTS),
          ("MAX_ORDERS_PER_SEC", "MAX_ORDERS_PER_DAY", "MAX_SAME_REJECTS", "REJECT_PAUSE_SEC"), reducing_passes=True),
    Check(11, "Our own resting order on the other side.", RiskGate._self_cross, (_C.SELF_CROSS,), ("SELF_CROSS",)),
    Check(12, "The day's loss, the loss since the highest, losses in a row.", RiskGate._losses,
          (_C.MAX_DAILY_LOSS, _C.MAX_DRAWDOWN, _C.MAX_LOSSES_IN_A_ROW), ("MAX_DAILY_LOSS", "MAX_DRAWDOWN", "MAX_LOSSES_IN_A_ROW"),
          reducing_passes=True),
    Check(13, "Margin, and how far the price of liquidation is.", RiskGate._margin, (_C.MAX_MARGIN_RATIO, _C.LIQUIDATION_DISTANCE),
          ("MAX_MARGIN_RATIO", "MIN_LIQUIDATION_DISTANCE"), reducing_passes=True),
    Check(14, "Price and size against the last minute's trades; the size of one that reduces is not asked.", RiskGate._fat_finger,
          (_C.FAT_FINGER_PRICE, _C.FAT_FINGER_SIZE), ("FAT_FINGER_PRICE_BP", "FAT_FINGER_SIZE")),
)  # fmt: skip
"""The checks, in the order in which an order meets them."""
_LOOKS = tuple(each.look for each in CHECKS)
_LOOKS_REDUCING = tuple(each.look for each in CHECKS if not each.reducing_passes)
