"""venues.upbit.orders: orders and balances of Upbit. Pure.

Rules: a client's id (`identifier`) is used up for ever, by a refused order too; told that it is there already, one knows that the first
request arrived and nothing more. A buy at the market names what is paid, and ends in `cancel` when what is left buys nothing more. An
answer to a new order or to a cancel is never final: the order is told as it was when the request came. Fills have no list of their own:
each order is asked for its. The step of prices and the least and most that may be ordered are asked for, not written down here.

Source: docs.upbit.com/kr/reference/new-order, cancel-order, get-order, list-open-orders, list-closed-orders, list-orderbook-instruments,
available-order-information (2026-08 to 2026-10), websocket-myorder, rest-api-guide. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from hoga.core.jsontext import NO_JSON
from hoga.core.market import Side
from hoga.core.secret import Credentials
from hoga.core.times import DAY_NS, SECOND_NS, parse_time_ns
from hoga.core.trading import (
    AccountRead,
    Action,
    Balance,
    CancelRefused,
    CancelSent,
    Capabilities,
    Conditional,
    ExecutionEvent,
    FillUpdate,
    Force,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRefused,
    OrderRequest,
    OrderUpdate,
    ReadFailed,
    Resting,
    Rules,
    TradesRead,
    Unanswered,
    rules_of,
)
from hoga.venues.orders import Asking, KeyRights, OrdersRead, OrdersSpec, RuleBook, Target, Told, Unproven, asks, decoded, nearest, whole
from hoga.venues.request import Params, Priority, Request
from hoga.venues.upbit.instruments import instruments
from hoga.venues.upbit.order_events import events
from hoga.venues.upbit.order_words import KINDS, VENUE, optional, side_of, state_of
from hoga.venues.upbit.steps import Ladder, ladder_of
from hoga.venues.upbit.ticks import CANDLES

__all__ = ["REFUSALS", "UPBIT_ORDERS"]

_PAGE = 100
_PAGES = 10
_MOST_CLOSED = 1_000
_MOST_ASKED = 300
"""So many orders are asked for their fills in one reading."""
_BEFORE_NS = DAY_NS
"""An order that was filled may have been placed so long before."""
_WINDOW_NS = 7 * DAY_NS
"""Orders that ended are told of so long at once, by when they were placed: from `start_time` on, or up to `end_time`."""
_LATE_NS = 3_600 * SECOND_NS
"""The listings may be late by so much, and the venue's clock off."""
_CODES = 200
"""So many markets are asked for in one call."""
_FORCES = {Force.IOC: "ioc", Force.FOK: "fok", Force.POST_ONLY: "post_only"}

REFUSALS = frozenset({
    "create_ask_error", "create_bid_error", "insufficient_funds_ask", "insufficient_funds_bid", "under_min_total_ask",
    "under_min_total_bid", "over_max_total_ask", "over_max_total_bid", "invalid_price_ask", "invalid_price_bid", "validation_error",
    "invalid_parameter", "invaild_parameter", "invalid_post_only", "market_does_not_exist", "market_offline", "invalid_query_payload",
    "jwt_verification", "expired_access_key", "nonce_used", "no_authorization_ip", "no_authorization_i_p", "no_authorization_token",
    "out_of_scope", "thirdparty_agreement_required", "pocket_not_found", "currency_not_found", "order_not_found",
})  # fmt: skip
"""The documented names of errors that prove that no order was made. Other names go by the HTTP status."""
_RULE_CODES = frozenset({
    "invalid_price_ask", "invalid_price_bid", "under_min_total_ask", "under_min_total_bid", "over_max_total_ask", "over_max_total_bid",
    "market_does_not_exist", "market_offline",
})  # fmt: skip
"""Refusals that mean that the rules are not as they were read: a price step goes with the price, for one."""
_DUPLICATE = "duplicated_identifier"
_NO_SUCH_ORDER = "order_not_found"
_REFUSING_STATUSES = frozenset({401, 403, 404, 405, 413, 415, 418, 429, 451})


# -- what is sent --------------------------------------------------------------------------------------------------


def _new(order: OrderRequest, rules: Rules) -> Request:
    return Request(method="POST", path="/v1/orders", params=_params(order, rules), groups=("order",), priority=Priority.ORDERS)


def _test(order: OrderRequest, rules: Rules) -> Request:
    return Request(method="POST", path="/v1/orders/test", params=_params(order, rules), groups=("order-test",), priority=Priority.ACCOUNT)


def _params(order: OrderRequest, rules: Rules) -> Params:
    return (
        ("market", rules.name),
        ("side", "bid" if order.side is Side.BUY else "ask"),
        *_much(order, rules),
        *((("time_in_force", _FORCES[order.force]),) if order.kind is OrderKind.LIMIT and order.force in _FORCES else ()),
        ("identifier", order.client_id),
    )


def _much(order: OrderRequest, rules: Rules) -> Params:
    if order.kind is OrderKind.LIMIT:
        if order.price is None or order.quantity is None:
            raise ValueError("a limit order needs a price and a quantity")
        return (("ord_type", "limit"), ("volume", rules.quantity_text(order.quantity)), ("price", rules.price_text(order.price)))
    if order.kind is not OrderKind.MARKET:
        raise ValueError("an order that waits for a price needs a venue that keeps such orders")
    if order.side is Side.SELL:
        if order.quantity is None:
            raise ValueError("a sale at the market needs a quantity")
        return (("ord_type", "market"), ("volume", rules.quantity_text(order.quantity)))
    if order.funds is None:
        raise ValueError("a buy at the market needs what is paid")
    return (("ord_type", "price"), ("price", _funds_text(order.funds, rules)))


def _funds_text(funds: int, rules: Rules) -> str:
    """Won are paid whole: rounded down."""
    won = 10**-rules.money_power if rules.quote == "KRW" and rules.money_power < 0 else 1
    return rules.money_text(funds - funds % won)


def _order_id(target: Target) -> Params:
    return (("uuid", target.venue_id),) if target.venue_id else (("identifier", target.client_id),)


def _cancel(target: Target) -> Request:
    return Request(method="DELETE", path="/v1/order", params=_order_id(target), groups=("default",), priority=Priority.EMERGENCY)


def _query(target: Target) -> Request:
    return Request(path="/v1/order", params=_order_id(target), groups=("default",), priority=Priority.EMERGENCY)


def _cancel_all(symbol: str) -> Request:
    params: Params = (("cancel_side", "all"), ("pairs", symbol), ("count", 300))
    return Request(method="DELETE", path="/v1/orders/open", params=params, groups=("order-cancel-all",), priority=Priority.EMERGENCY)


# -- what an answer proves -----------------------------------------------------------------------------------------


class _Fault(msgspec.Struct):
    name: str | int = ""
    message: str = ""


class _Answer(msgspec.Struct):
    error: _Fault = msgspec.field(default_factory=_Fault)


_faults = msgspec.json.Decoder(_Answer)


def _fault_of(told: Told) -> _Fault:
    try:
        return _faults.decode(told.body).error
    except NO_JSON:
        return _Fault()


def _refused_text(told: Told) -> str:
    fault = _fault_of(told)
    return f"HTTP {told.status}: {fault.name} {fault.message}".rstrip() if fault.name else f"HTTP {told.status}"


def _is_refused(told: Told, fault: _Fault) -> bool:
    """Whether an answer that is no order proves that there is none. 5xx never does."""
    name = str(fault.name)
    if told.status >= 500 or told.status < 400 or name == _DUPLICATE:
        return False
    return name in REFUSALS or told.status in _REFUSING_STATUSES or (told.status == 400 and bool(name))


def _is_unknown(told: Told) -> bool:
    return told.status == 404 and _fault_of(told).name == _NO_SUCH_ORDER


def _unanswered(client_id: str, symbol: str, action: Action, told: Told, why: str) -> Unanswered:
    return Unanswered(at_ns=told.at_ns, raw=told.text, client_id=client_id, symbol=symbol, action=action, why=why)


def _answered(order: OrderRequest, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status not in (200, 201):
        fault = _fault_of(told)
        if not _is_refused(told, fault):
            return _unanswered(order.client_id, order.symbol, Action.NEW, told, _refused_text(told))
        return OrderRefused(
            at_ns=told.at_ns,
            raw=told.text,
            client_id=order.client_id,
            symbol=order.symbol,
            code=str(fault.name or told.status),
            text=fault.message or f"HTTP {told.status}",
            retry_after_s=told.retry_after_s,
        )
    try:
        placed = _order(_row.decode(told.body), rules, told.at_ns)
    except (*NO_JSON, ValueError) as fault:
        return _unanswered(order.client_id, order.symbol, Action.NEW, told, f"an answer that cannot be read: {fault}")
    return OrderAccepted(at_ns=told.at_ns, raw=told.text, client_id=order.client_id, symbol=order.symbol, order=placed)


def _cancelled(target: Target, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status != 200:
        fault = _fault_of(told)
        if not _is_refused(told, fault):
            return _unanswered(target.client_id, target.symbol, Action.CANCEL, told, _refused_text(told))
        return CancelRefused(
            at_ns=told.at_ns,
            raw=told.text,
            client_id=target.client_id,
            symbol=target.symbol,
            code=str(fault.name or told.status),
            text=fault.message or f"HTTP {told.status}",
            unknown=fault.name == _NO_SUCH_ORDER,
        )
    return CancelSent(at_ns=told.at_ns, raw=told.text, client_id=target.client_id, symbol=target.symbol, final=False)


def _cancelled_all(told: Told) -> str:
    if told.status != 200:
        return _refused_text(told)
    try:
        failed = _cancels.decode(told.body).failed.count
    except NO_JSON as fault:
        return f"an answer that cannot be read: {fault}"
    return f"{failed} orders were not cancelled" if failed else ""


class _Count(msgspec.Struct):
    count: int = 0


class _Cancels(msgspec.Struct):
    failed: _Count = msgspec.field(default_factory=_Count)


_cancels = msgspec.json.Decoder(_Cancels)


def _found(target: Target, rules: Rules, told: Told) -> tuple[ExecutionEvent, ...]:
    """The order, and before it its fills. Only the venue's own word for an unknown order denies it: other paths are not found, too."""
    client_id, symbol = target.client_id, target.symbol
    if _is_unknown(told):
        return (NotFound(at_ns=told.at_ns, raw=told.text, client_id=client_id, symbol=symbol, asked_ns=told.asked_ns),)
    try:
        if told.status != 200:
            raise ValueError(_refused_text(told))
        row = _row.decode(told.body)
        return (*_fills(row, rules, told.at_ns), _order(row, rules, told.at_ns, told.text))
    except (*NO_JSON, ValueError) as fault:
        why = str(fault)
        return (ReadFailed(at_ns=told.at_ns, raw=told.text, venue=VENUE, what="order", why=why, symbol=symbol, client_id=client_id),)


# -- what comes back: orders ---------------------------------------------------------------------------------------


class _TradeRow(msgspec.Struct, gc=False):
    uuid: str
    price: str
    volume: str
    created_at: str = ""


class _Row(msgspec.Struct, gc=False):
    uuid: str
    market: str
    side: str
    ord_type: str
    state: str
    price: str | None = None
    volume: str | None = None
    remaining_volume: str | None = None
    executed_volume: str | None = None
    paid_fee: str | None = None
    identifier: str | None = None
    created_at: str = ""
    trades: list[_TradeRow] = msgspec.field(default_factory=list)


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])


def _order(row: _Row, rules: Rules, at_ns: int, raw: str = "") -> OrderUpdate:
    side, filled = side_of(row.side), optional(row.executed_volume, rules.size_power) or 0
    by_funds = row.ord_type == "price" or (row.ord_type == "best" and side is Side.BUY)
    return OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=row.identifier or "",
        venue_id=row.uuid,
        state=state_of(row.state, row.ord_type, side, filled, optional(row.remaining_volume, rules.size_power)),
        said=row.state,
        side=side,
        kind=KINDS.get(row.ord_type),
        quantity=optional(row.volume, rules.size_power),
        filled=filled,
        price=None if by_funds or row.price is None else nearest(row.price, rules.price_power),
        event_ns=parse_time_ns(row.created_at) if row.created_at else None,
    )


def _fills(row: _Row, rules: Rules, at_ns: int) -> tuple[FillUpdate, ...]:
    """Oldest first. The fee is told for the whole order; it is that of a single fill only."""
    side, quote = side_of(row.side), row.market.partition("-")[0]
    fee = row.paid_fee if len(row.trades) == 1 else None
    return tuple(
        FillUpdate(
            at_ns=at_ns,
            symbol=rules.symbol,
            client_id=row.identifier or "",
            venue_id=row.uuid,
            trade_id=each.uuid,
            side=side,
            price=nearest(each.price, rules.price_power),
            quantity=whole(each.volume, rules.size_power),
            fee=fee,
            fee_currency=None if fee is None else quote,
            maker=None,
            event_ns=parse_time_ns(each.created_at) if each.created_at else None,
        )
        for each in reversed(row.trades)
    )


# -- what comes back: listings -------------------------------------------------------------------------------------


class _AssetRow(msgspec.Struct, gc=False):
    currency: str
    balance: str
    locked: str


_accounts = msgspec.json.Decoder(list[_AssetRow])


def _open_orders(book: RuleBook, symbol: str) -> Asking[OpenOrders]:
    """Page after page. What ends meanwhile moves the others to an earlier page: the first one is read again, and must be as it was."""
    found: dict[str, _Row] = {}
    first = told = yield _open_page(symbol, 1)
    rows = decoded(told, _rows, refused=_refused_text)
    began = [row.uuid for row in rows]
    page = 1
    while len(rows) == _PAGE and page < _PAGES:
        found |= {row.uuid: row for row in rows}
        page += 1
        told = yield _open_page(symbol, page)
        rows = decoded(told, _rows, refused=_refused_text)
    found |= {row.uuid: row for row in rows}
    if page > 1:
        told = yield _open_page(symbol, 1)
        if [row.uuid for row in decoded(told, _rows, refused=_refused_text)] != began:
            raise Unproven("the open orders changed while they were read")
    return OpenOrders(
        at_ns=told.at_ns,
        raw=first.text,
        venue=VENUE,
        symbol=book.of(symbol).symbol if symbol else "",
        asked_ns=first.asked_ns,
        orders=tuple(Resting(order=_order(row, book.of(row.market), told.at_ns)) for row in found.values()),
    )


def _open_page(symbol: str, page: int) -> Request:
    market: Params = (("market", symbol),) if symbol else ()
    params: Params = (*market, ("states[]", "wait"), ("states[]", "watch"), ("page", page), ("limit", _PAGE))
    return Request(path="/v1/orders/open", params=params, groups=("default",), priority=Priority.EMERGENCY)


def _read_account(book: RuleBook) -> Asking[AccountRead]:
    told = yield Request(path="/v1/accounts", groups=("default",), priority=Priority.EMERGENCY)
    rows = decoded(told, _accounts, refused=_refused_text)
    return AccountRead(
        at_ns=told.at_ns,
        raw=told.text,
        venue=VENUE,
        asked_ns=told.asked_ns,
        balances=tuple(Balance(currency=each.currency, free=each.balance, locked=each.locked) for each in rows),
    )


def _read_trades(book: RuleBook, symbol: str, after: str, since_ns: int) -> Asking[TradesRead]:
    """The fills of the orders of a symbol that are open, or were placed from a day before `since_ns` on and not read to their end before.

    Open orders are read first: what ends meanwhile is among those that ended. A whole reading leaves out no order but those that rest: the
    next one begins there, and asks for each of them that rests no more. Where there are more than one reading asks for, the oldest come
    first, and the next one begins with the first that was not asked. An order that is as far as it was in an earlier reading is not asked
    again: its fills are remembered with the rules while it is among what is read.
    """
    rules, known = book.of(symbol), book.fills.setdefault(symbol, {})
    told = yield _open_page(symbol, 1)
    asked_ns, resting = told.asked_ns, decoded(told, _rows, refused=_refused_text)
    begin_ns = max(0, since_ns - _BEFORE_NS if since_ns > 0 else asked_ns - _WINDOW_NS)
    before = book.read.get(symbol)
    if before is None or begin_ns < before.from_ns:
        before = OrdersRead(begin_ns, begin_ns, frozenset())
    closed, stuck_ns = yield from _closed(symbol, before.to_ns, asked_ns)
    rows = {row.uuid: row for row in resting} | closed
    met = [row.uuid for row in rows.values() if whole(row.executed_volume or "0", rules.size_power)]
    gone = sorted(before.resting - rows.keys())
    fresh = [uuid for uuid in met if uuid not in known or known[uuid][0] != rows[uuid].executed_volume]
    fresh.sort(key=lambda uuid: _placed_ns(rows[uuid]))
    for uuid in (*gone, *fresh)[:_MOST_ASKED]:
        told = yield Request(path="/v1/order", params=(("uuid", uuid),), groups=("default",), priority=Priority.EMERGENCY)
        if uuid in rows or not _is_unknown(told):
            whole_row = decoded(told, _row, refused=_refused_text)
            known[uuid] = whole_row.executed_volume or "0", _fills(whole_row, rules, told.at_ns)
    fills = [fill for uuid in (*gone, *met) if uuid in known for fill in known[uuid][1]]
    fills.sort(key=lambda fill: fill.event_ns or 0)
    book.fills[symbol] = {uuid: known[uuid] for uuid in met if uuid in known}
    left = fresh[max(0, _MOST_ASKED - len(gone)) :]
    if len(resting) < _PAGE:  # and as many were `gone` at most: all of those were asked
        ends = [asked_ns - _LATE_NS, *(() if stuck_ns is None else (stuck_ns,)), *(_placed_ns(rows[uuid]) for uuid in left[:1])]
        book.read[symbol] = OrdersRead(before.from_ns, max(before.to_ns, min(ends)), frozenset(row.uuid for row in resting))
    complete = stuck_ns is None and not left and len(resting) < _PAGE
    return TradesRead(at_ns=told.at_ns, symbol=rules.symbol, asked_ns=asked_ns, fills=tuple(fills), whole=complete)


def _closed(symbol: str, start_ns: int, now_ns: int) -> Asking[tuple[dict[str, _Row], int | None]]:
    """The orders that ended of those that were placed from `start_ns` on, by id, and up to when these are all (None: up to now).

    Of each window the oldest first: where there are more than one answer holds, the next call begins with the last one's moment.
    """
    found: dict[str, _Row] = {}
    while True:
        end_ns = start_ns + _WINDOW_NS
        until: Params = (("end_time", _iso(end_ns)),) if end_ns < now_ns + _LATE_NS else ()
        states: Params = (("states[]", "done"), ("states[]", "cancel"))
        params: Params = (("market", symbol), *states, ("start_time", _iso(start_ns)), *until, ("limit", _MOST_CLOSED), ("order_by", "asc"))
        told = yield Request(path="/v1/orders/closed", params=params, groups=("default",), priority=Priority.EMERGENCY)
        rows = decoded(told, _rows, refused=_refused_text)
        found |= {row.uuid: row for row in rows}
        if len(rows) >= _MOST_CLOSED:
            next_ns = parse_time_ns(rows[-1].created_at) - SECOND_NS
        elif not until:
            return found, None
        else:
            next_ns = end_ns - SECOND_NS  # whether a window has its own edges is not told
        if next_ns <= start_ns:
            return found, start_ns
        start_ns = next_ns


def _placed_ns(row: _Row) -> int:
    return parse_time_ns(row.created_at) if row.created_at else 0


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- what an instrument allows -------------------------------------------------------------------------------------


class _StepRow(msgspec.Struct):
    market: str
    tick_size: Decimal


class _TickerRow(msgspec.Struct):
    market: str
    trade_price: Decimal


class _Limit(msgspec.Struct):
    min_total: Decimal | None = None


class _ChanceMarket(msgspec.Struct):
    bid: _Limit = msgspec.field(default_factory=_Limit)
    ask: _Limit = msgspec.field(default_factory=_Limit)
    max_total: Decimal | None = None
    state: str = "active"


class _Chance(msgspec.Struct):
    market: _ChanceMarket


_steps = msgspec.json.Decoder(list[_StepRow])
_tickers = msgspec.json.Decoder(list[_TickerRow])
_chances = msgspec.json.Decoder(_Chance)


def _rules() -> Asking[Iterator[Rules]]:
    told = yield Request(path="/v1/market/all", groups=("market",))
    if told.status != 200:
        raise Unproven(_refused_text(told))
    try:
        listed = {each.symbol: each for each in instruments(told.body)}
    except NO_JSON as fault:
        raise Unproven(f"an answer that cannot be read: {fault}") from None
    codes, steps = list(listed), dict[str, Decimal]()
    for at in range(0, len(codes), _CODES):
        some = ",".join(codes[at : at + _CODES])
        told = yield Request(path=f"/v1/orderbook/instruments?markets={some}", groups=("orderbook",))
        steps |= {row.market: row.tick_size for row in decoded(told, _steps, refused=_refused_text)}
    quotes = ",".join(sorted({each.quote for each in listed.values()}))
    told = yield Request(path=f"/v1/ticker/all?quote_currencies={quotes}", groups=("ticker",))
    prices = {row.market: row.trade_price for row in decoded(told, _tickers, refused=_refused_text)}
    ladders = _ladders(steps, prices)
    known = [(each, ladders.get(each.quote) or ((Decimal(0), steps[code]),)) for code, each in listed.items() if code in steps]
    return (rules_of(each, ticks=ticks) for each, ticks in known)


def _ladders(steps: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> dict[str, Ladder | None]:
    """By the currency that is paid in."""
    points: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for code, step in steps.items():
        if code in prices:
            points.setdefault(code.partition("-")[0], []).append((prices[code], step))
    return {quote: ladder_of(some) for quote, some in points.items()}


def _read_limits(book: RuleBook, symbol: str) -> Asking[Rules]:
    """The rules of a symbol with what the venue says of the least and the most that may be ordered."""
    told = yield Request(path="/v1/orders/chance", params=(("market", symbol),), groups=("default",), priority=Priority.ACCOUNT)
    market, rules = decoded(told, _chances, refused=_refused_text).market, book.of(symbol)
    least = max((each for each in (market.bid.min_total, market.ask.min_total) if each is not None), default=None)
    return msgspec.structs.replace(
        rules,
        min_notional=rules.min_notional if least is None else rules.money(least),
        max_notional=rules.max_notional if market.max_total is None else rules.money(market.max_total),
        is_trading=rules.is_trading and market.state == "active",
    )


class _KeyRow(msgspec.Struct):
    access_key: str
    expire_at: str


_keys = msgspec.json.Decoder(list[_KeyRow])


def _read_rights(credentials: Credentials) -> Asking[KeyRights]:
    """When the key's life is over; what it may do is not told."""
    told = yield Request(path="/v1/api_keys", groups=("default",), priority=Priority.ACCOUNT)
    rows = decoded(told, _keys, refused=_refused_text)
    mine = next((each for each in rows if each.access_key == credentials.key.reveal()), None)
    return KeyRights(expires_ns=None if mine is None else parse_time_ns(mine.expire_at))


def _read_price(book: RuleBook, symbol: str) -> Asking[int]:
    told = yield Request(path=f"/v1/ticker?markets={symbol}", groups=("ticker",))
    (row,) = decoded(told, _tickers, refused=_refused_text)
    rules = book.of(symbol)
    return nearest(format(row.trade_price, "f"), rules.price_power)


UPBIT_ORDERS = OrdersSpec(
    capabilities=Capabilities(
        client_id_chars=64,
        client_id_for_ever=True,
        absence_after_s=None,
        conditional=Conditional.NONE,
        reduce_only=False,
        short=False,
        hedge=False,
        leverage=False,
        fills_in_reply=False,
        market_buy_by_funds=True,
        cancels_by_symbol=True,
        intervals=CANDLES.intervals,
    ),
    new=_new,
    test=_test,
    answered=_answered,
    cancel=_cancel,
    cancelled=_cancelled,
    query=_query,
    found=_found,
    cancel_all=_cancel_all,
    cancelled_all=_cancelled_all,
    open_orders=lambda book, symbol: asks(VENUE, "open orders", _open_orders(book, symbol), symbol=symbol),
    account=lambda book: asks(VENUE, "account", _read_account(book)),
    trades=lambda book, symbol, after, since_ns: asks(VENUE, "trades", _read_trades(book, symbol, after, since_ns), symbol=symbol),
    rules=_rules,
    limits=_read_limits,
    rights=_read_rights,
    price=_read_price,
    events=events,
    rule_codes=_RULE_CODES,
)
