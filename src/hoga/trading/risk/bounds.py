"""trading.risk.bounds: the limits of one symbol in the integers of its rules, and what is counted against them as time passes. Pure."""

from __future__ import annotations

from collections import deque

from hoga.core.trading import Force, OrderKind, OrderRequest, PositionSide, Rules
from hoga.trading.limits import Limits

__all__ = ["DAY_NS", "Bounds", "Refusals", "Turns", "Window", "likeness", "takes_now"]

DAY_NS = 86_400 * 1_000_000_000
_S = 1_000_000_000
_MS = 1_000_000
_MINUTE = 60 * _S
_STAND_IN_NS = _MINUTE
_MARKET = OrderKind.MARKET
_IOC, _FOK = Force.IOC, Force.FOK


class Window:
    """How many happened in the last second, and today (UTC)."""

    __slots__ = ("day", "stamps", "today")

    def __init__(self) -> None:
        self.stamps: deque[int] = deque()
        self.day = 0
        self.today = 0

    def in_second(self, now_ns: int) -> int:
        """In the last second."""
        stamps = self.stamps
        while stamps and stamps[0] <= now_ns - _S:
            stamps.popleft()
        return len(stamps)

    def of_day(self, now_ns: int) -> int:
        """Today."""
        return self.today if self.day == now_ns // DAY_NS else 0

    def count(self, now_ns: int, day: int) -> None:
        """One more; `day`: the number of today."""
        stamps = self.stamps
        while stamps and stamps[0] <= now_ns - _S:
            stamps.popleft()
        stamps.append(now_ns)
        if day == self.day:
            self.today += 1
        else:
            self.day, self.today = day, 1

    def restore(self, count: int, day: int) -> None:
        """So many were on that day, besides those that are counted; of an earlier day than these they do not matter."""
        if day >= self.day:
            self.day, self.today = day, count + (self.today if day == self.day else 0)


class Turns:
    """How often in the last minute a position was opened anew at once, after the order before had turned or reduced it: each time a spread
    is paid. Orders that rest are not counted. A long and a short position are turned each on its own."""

    __slots__ = ("_last", "_stamps")

    def __init__(self) -> None:
        self._last: dict[PositionSide, tuple[bool, bool]] = {}
        self._stamps: deque[int] = deque()

    def in_minute(self, now_ns: int) -> int:
        """How many there were."""
        stamps = self._stamps
        while stamps and stamps[0] <= now_ns - _MINUTE:
            stamps.popleft()
        return len(stamps)

    def would_turn(self, buy: bool, leg: PositionSide) -> bool:
        """Whether an order of that side that raises a position is one."""
        last = self._last.get(leg)
        return last is not None and last != (buy, False)

    def count(self, buy: bool, reduces: bool, leg: PositionSide, now_ns: int) -> None:
        """An order that takes at once is sent."""
        if not reduces and self.would_turn(buy, leg):
            self.in_minute(now_ns)
            self._stamps.append(now_ns)
        self._last[leg] = (buy, reduces)


class Refusals:
    """The venue refused the same order for the same reason again and again: then it is paused."""

    __slots__ = ("_paused", "_said", "_stand_ins")

    def __init__(self) -> None:
        self._stand_ins: dict[tuple[object, ...], int] = {}
        self._said: dict[tuple[object, ...], tuple[str, int, int]] = {}
        self._paused: dict[tuple[object, ...], int] = {}

    def __bool__(self) -> bool:
        return bool(self._paused)

    def count(self, request: OrderRequest, code: str, *, most: int, pause_ns: int, now_ns: int) -> None:
        """One more."""
        key = likeness(request)
        known, count, at_ns = self._said.get(key, ("", 0, 0))
        count = count + 1 if known == code and now_ns - at_ns <= pause_ns else 1
        self._said[key] = (code, count, now_ns)
        if count >= most:
            self._paused[key] = now_ns + pause_ns
        if len(self._said) > 1_000:
            self._said = {each: said for each, said in self._said.items() if now_ns - said[2] <= pause_ns}
            self._paused = {each: until for each, until in self._paused.items() if until > now_ns}

    def note(self, request: OrderRequest, now_ns: int) -> None:
        """A limit order that stood in for a market order was refused: for its price, as far as anybody here can know."""
        if request.kind is OrderKind.LIMIT and request.force is Force.IOC:
            self._stand_ins[request.symbol, request.side, request.position_side] = now_ns

    def refuses_stand_in(self, request: OrderRequest, now_ns: int) -> bool:
        """Whether one was refused a short time ago: what reduces goes as a plain market order then."""
        at_ns = self._stand_ins.get((request.symbol, request.side, request.position_side)) if self._stand_ins else None
        return at_ns is not None and now_ns - at_ns <= _STAND_IN_NS

    def paused(self, request: OrderRequest, now_ns: int) -> tuple[int, str, int] | None:
        """(how often, the code, until when) it is paused; None: it is not."""
        key = likeness(request)
        until = self._paused.get(key, 0)
        if now_ns >= until:
            return None
        code, count, _ = self._said[key]
        return count, code, until


class Bounds:
    """The limits of one symbol in the integers of its rules. `windows`: its orders by time, and those of its account;
    `turns`, `refusals`: see there."""

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
        "refusals",
        "reject_pause_ns",
        "rules",
        "stale_ns",
        "turns",
        "windows",
    )  # fmt: skip

    def __init__(self, limits: Limits, rules: Rules, windows: tuple[Window, Window], turns: Turns, refusals: Refusals) -> None:
        self.limits, self.rules, self.windows = limits, rules, windows
        self.turns, self.refusals = turns, refusals
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


def takes_now(request: OrderRequest) -> bool:
    """Whether an order takes what there is now, and does not rest."""
    return request.kind is _MARKET or request.force is _IOC or request.force is _FOK


def likeness(request: OrderRequest) -> tuple[object, ...]:
    """What makes two orders the same: the price too, but for one that takes what there is now."""
    price = None if takes_now(request) else request.price or request.trigger
    return request.symbol, request.side, request.waits, request.quantity, price, request.reduce_only, request.position_side
