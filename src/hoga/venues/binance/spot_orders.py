"""venues.binance.spot_orders: orders and balances of Binance spot. Pure.

Rules: orders that wait for a price rest with the others, in the same listings; a stop and a take that belong together are a list (`oco`),
of which the venue cancels the other when one is met. The event of a cancel has the cancel's own id in `c` and the order's in `C`. There
are no positions: what was bought is a balance.

Source: spot-docs rest-api ("New order", "New Order list - OCO", "Cancel order", "Account trade list"), user-data-stream, enums. Read
2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.market import Side
from hoga.core.trading import (
    AccountRead,
    Action,
    Balance,
    BalanceUpdate,
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
    OrderRequest,
    OrderState,
    OrderUpdate,
    ReadFailed,
    Resting,
    Rules,
    Unread,
)
from hoga.venues.binance.instruments import instruments_of
from hoga.venues.binance.orders import (
    cancel_refused,
    event_ns,
    fault_of,
    is_unknown_order,
    new_refused,
    read_price,
    read_rights,
    read_trades,
    refused_text,
    side_of,
    state_of,
    unanswered,
    venue_id,
)
from hoga.venues.binance.ticks import CANDLES
from hoga.venues.orders import Asking, OrdersSpec, RuleBook, Target, Told, asks, decoded, listed_rules, nearest, whole
from hoga.venues.request import Params, Priority, Request

__all__ = ["SPOT_ORDERS"]

_VENUE = "binance"
_ORDER_GROUPS = ("order-count-10s", "order-count-1d")
_FORCES = {Force.GTC: "GTC", Force.IOC: "IOC", Force.FOK: "FOK"}
_WAITING = {OrderKind.STOP: "STOP_LOSS", OrderKind.TAKE: "TAKE_PROFIT", OrderKind.TRAIL: "STOP_LOSS"}
_KINDS = {
    "LIMIT": OrderKind.LIMIT,
    "LIMIT_MAKER": OrderKind.LIMIT,
    "MARKET": OrderKind.MARKET,
    "STOP_LOSS": OrderKind.STOP,
    "STOP_LOSS_LIMIT": OrderKind.STOP,
    "TAKE_PROFIT": OrderKind.TAKE,
    "TAKE_PROFIT_LIMIT": OrderKind.TAKE,
}


# -- what is sent --------------------------------------------------------------------------------------------------


def _new(order: OrderRequest, rules: Rules) -> Request:
    return Request(method="POST", path="/api/v3/order", params=_params(order, rules), groups=_ORDER_GROUPS, priority=_lane(order))


def _test(order: OrderRequest, rules: Rules) -> Request:
    return Request(method="POST", path="/api/v3/order/test", params=_params(order, rules), priority=Priority.ACCOUNT)


def _lane(order: OrderRequest) -> Priority:
    """A sale of what was bought goes before everything else where it says that it only reduces."""
    return Priority.EMERGENCY if order.reduce_only or order.close_position else Priority.ORDERS


def _params(order: OrderRequest, rules: Rules) -> Params:
    return (
        ("symbol", rules.name),
        ("side", order.side.name),
        ("type", _type(order)),
        *_force(order),
        *_much(order, rules),
        *_at(order, rules),
        ("newClientOrderId", order.client_id),
        ("newOrderRespType", "FULL"),
    )


def _type(order: OrderRequest) -> str:
    if order.kind is OrderKind.LIMIT:
        return "LIMIT_MAKER" if order.force is Force.POST_ONLY else "LIMIT"
    return "MARKET" if order.kind is OrderKind.MARKET else _WAITING[order.kind]


def _force(order: OrderRequest) -> Params:
    limited = order.kind is OrderKind.LIMIT and order.force is not Force.POST_ONLY
    return (("timeInForce", _FORCES[order.force]),) if limited else ()


def _much(order: OrderRequest, rules: Rules) -> Params:
    if order.quantity is not None:
        return (("quantity", rules.quantity_text(order.quantity)),)
    if order.funds is None or order.kind is not OrderKind.MARKET:
        raise ValueError("an order needs a quantity, or at the market what is paid")
    return (("quoteOrderQty", rules.money_text(order.funds)),)


def _at(order: OrderRequest, rules: Rules) -> Params:
    match order.kind:
        case OrderKind.LIMIT if order.price is None:
            raise ValueError("a limit order needs a price")
        case OrderKind.LIMIT if order.price is not None:
            return (("price", rules.price_text(order.price)),)
        case OrderKind.TRAIL:
            if order.distance_bp is None:
                raise ValueError("a trailing stop needs a distance")
            activation = () if order.activation is None else (("stopPrice", rules.price_text(order.activation)),)
            return (*activation, ("trailingDelta", order.distance_bp))
        case OrderKind.STOP | OrderKind.TAKE:
            if order.trigger is None:
                raise ValueError("an order that waits needs a trigger")
            return (("stopPrice", rules.price_text(order.trigger)),)
    return ()


def _new_list(orders: Sequence[OrderRequest], rules: Rules) -> Request:
    """Two orders of one side and quantity: the one above the market and the one below it."""
    if len(orders) != 2 or orders[0].side is not orders[1].side or orders[0].quantity != orders[1].quantity:
        raise ValueError("a list needs two orders of one side and quantity")
    above, below = sorted(orders, key=_is_below)
    if _is_below(above) == _is_below(below):
        raise ValueError("a list needs an order above the market and one below")
    return Request(
        method="POST",
        path="/api/v3/orderList/oco",
        params=(
            ("symbol", rules.name),
            ("listClientOrderId", above.list_id),
            ("side", above.side.name),
            *_much(above, rules),
            *_leg("above", above, rules),
            *_leg("below", below, rules),
            ("newOrderRespType", "FULL"),
        ),
        groups=_ORDER_GROUPS,
        weight=2,
        priority=_lane(above),
    )


def _is_below(order: OrderRequest) -> bool:
    """A sale's stop is below the market, its take above; a buy's the other way round."""
    return (order.kind in (OrderKind.STOP, OrderKind.TRAIL)) == (order.side is Side.SELL)


def _leg(where: str, order: OrderRequest, rules: Rules) -> Params:
    named = [("type", _type(msgspec.structs.replace(order, force=Force.POST_ONLY))), ("clientOrderId", order.client_id), *_at(order, rules)]
    return tuple((f"{where}{name[0].upper()}{name[1:]}", value) for name, value in named)


def _name(symbol: str) -> str:
    return symbol.partition(":")[2]


def _order_id(target: Target) -> Params:
    named = ("origClientOrderId", target.client_id) if target.client_id else ("orderId", target.venue_id)
    return (("symbol", _name(target.symbol)), named)


def _cancel(target: Target) -> Request:
    return Request(method="DELETE", path="/api/v3/order", params=_order_id(target), priority=Priority.EMERGENCY)


def _query(target: Target) -> Request:
    return Request(path="/api/v3/order", params=_order_id(target), weight=4, priority=Priority.EMERGENCY)


def _cancel_all(symbol: str) -> Request:
    return Request(method="DELETE", path="/api/v3/openOrders", params=(("symbol", symbol),), priority=Priority.EMERGENCY)


def _cancelled_all(told: Told) -> str:
    """Where nothing was open, the venue knows no order to cancel."""
    return "" if told.status == 200 or fault_of(told).code == -2011 else refused_text(told)


# -- what comes back: orders ---------------------------------------------------------------------------------------


class _FillRow(msgspec.Struct, rename="camel", gc=False):
    price: str
    qty: str
    trade_id: int
    commission: str | None = None
    commission_asset: str | None = None


class _Row(msgspec.Struct, rename="camel", gc=False):
    symbol: str
    order_id: int
    client_order_id: str
    side: str = ""
    status: str = ""
    type: str = ""
    orig_qty: str = "0"
    executed_qty: str = "0"
    price: str = "0"
    stop_price: str | None = None
    is_working: bool = True
    orig_client_order_id: str = ""
    transact_time: int = 0
    update_time: int = 0
    fills: list[_FillRow] = field(default_factory=list)


class _ListRow(msgspec.Struct, rename="camel"):
    order_reports: list[_Row] = field(default_factory=list)


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])
_list = msgspec.json.Decoder(_ListRow)


def _number(text: str | None, power: int) -> int | None:
    """None for what was not told, and for 0, with which the venue says that there is none."""
    return (whole(text, power) or None) if text else None


def _state(said: str, kind: OrderKind | None, *, works: bool) -> OrderState:
    state = state_of(said)
    waits = kind in (OrderKind.STOP, OrderKind.TAKE, OrderKind.TRAIL)
    return OrderState.WAITING if state is OrderState.NEW and waits and not works else state


def _order(row: _Row, rules: Rules, at_ns: int, raw: str = "", *, works: bool | None = None) -> OrderUpdate:
    kind = _KINDS.get(row.type)
    return OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=row.orig_client_order_id or row.client_order_id,
        venue_id=venue_id(row.order_id),
        state=_state(row.status, kind, works=row.is_working if works is None else works),
        said=row.status,
        side=side_of(row.side),
        kind=kind,
        quantity=_number(row.orig_qty, rules.size_power),
        filled=whole(row.executed_qty, rules.size_power),
        price=_number(row.price, rules.price_power),
        trigger=_number(row.stop_price, rules.price_power),
        event_ns=event_ns(row.update_time or row.transact_time),
    )


def _accepted(row: _Row, order: OrderRequest, rules: Rules, told: Told) -> OrderAccepted:
    placed = _order(row, rules, told.at_ns, works=not order.waits)
    return OrderAccepted(
        at_ns=told.at_ns,
        raw=told.text,
        client_id=order.client_id,
        symbol=order.symbol,
        order=placed,
        fills=tuple(
            FillUpdate(
                at_ns=told.at_ns,
                symbol=rules.symbol,
                client_id=order.client_id,
                venue_id=placed.venue_id,
                trade_id=str(each.trade_id),
                side=placed.side,
                price=nearest(each.price, rules.price_power),
                quantity=whole(each.qty, rules.size_power),
                fee=each.commission,
                fee_currency=each.commission_asset,
                maker=None,
                event_ns=placed.event_ns,
            )
            for each in row.fills
        ),
    )


def _answered(order: OrderRequest, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status != 200:
        return new_refused(order.client_id, order.symbol, told, futures=False)
    try:
        return _accepted(_row.decode(told.body), order, rules, told)
    except (*NO_JSON, ValueError) as fault:
        return unanswered(order.client_id, order.symbol, Action.NEW, told, f"an answer that cannot be read: {fault}")


def _answered_list(orders: Sequence[OrderRequest], rules: Rules, told: Told) -> tuple[ExecutionEvent, ...]:
    if told.status != 200:
        return tuple(new_refused(each.client_id, each.symbol, told, futures=False) for each in orders)
    try:
        reports = {row.client_order_id: row for row in _list.decode(told.body).order_reports}
        return tuple(_accepted(reports[each.client_id], each, rules, told) for each in orders)
    except (*NO_JSON, ValueError, KeyError) as fault:
        why = f"an answer that cannot be read: {fault}"
        return tuple(unanswered(each.client_id, each.symbol, Action.NEW, told, why) for each in orders)


def _cancelled(target: Target, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status != 200:
        return cancel_refused(target, told, futures=False)
    try:
        order = _order(_cancelled_row(target, told), rules, told.at_ns)
    except (*NO_JSON, ValueError) as fault:
        return unanswered(target.client_id, target.symbol, Action.CANCEL, told, f"an answer that cannot be read: {fault}")
    return CancelSent(
        at_ns=told.at_ns,
        raw=told.text,
        client_id=target.client_id,
        symbol=target.symbol,
        final=not order.state.is_open,
        order=order,
    )


def _cancelled_row(target: Target, told: Told) -> _Row:
    """Of the order. With an order of a list the whole list is cancelled, and told. Raises ValueError."""
    rows = _list.decode(told.body).order_reports or [_row.decode(told.body)]
    for row in rows:
        if target.client_id in (row.orig_client_order_id, row.client_order_id) or target.venue_id == venue_id(row.order_id):
            return row
    raise ValueError("it is about another order")


def _found(target: Target, rules: Rules, told: Told) -> tuple[ExecutionEvent, ...]:
    client_id, symbol = target.client_id, target.symbol
    if is_unknown_order(told):
        return (NotFound(at_ns=told.at_ns, raw=told.text, client_id=client_id, symbol=symbol, asked_ns=told.asked_ns),)
    try:
        if told.status != 200:
            raise ValueError(refused_text(told))
        return (_order(_row.decode(told.body), rules, told.at_ns, told.text),)
    except (*NO_JSON, ValueError) as fault:
        failed = ReadFailed(at_ns=told.at_ns, raw=told.text, venue=_VENUE, what="order", why=str(fault), symbol=symbol, client_id=client_id)
        return (failed,)


# -- what comes back: listings -------------------------------------------------------------------------------------


class _TradeRow(msgspec.Struct, rename="camel", gc=False):
    id: int
    order_id: int
    price: str
    qty: str
    is_buyer: bool
    commission: str | None = None
    commission_asset: str | None = None
    time: int = 0
    is_maker: bool | None = None


class _BalanceRow(msgspec.Struct, gc=False):
    asset: str
    free: str
    locked: str


class _AccountRow(msgspec.Struct, rename="camel", gc=False):
    balances: list[_BalanceRow]
    can_trade: bool = True
    can_withdraw: bool | None = None


_trades = msgspec.json.Decoder(list[_TradeRow])
_account = msgspec.json.Decoder(_AccountRow)


def _open_orders(book: RuleBook, symbol: str) -> Asking[OpenOrders]:
    params: Params = (("symbol", symbol),) if symbol else ()
    told = yield Request(path="/api/v3/openOrders", params=params, weight=6 if symbol else 80, priority=Priority.EMERGENCY)
    rows = decoded(told, _rows, refused=refused_text)
    return OpenOrders(
        at_ns=told.at_ns,
        raw=told.text,
        venue=_VENUE,
        symbol=book.of(symbol).symbol if symbol else "",
        asked_ns=told.asked_ns,
        orders=tuple(Resting(order=_order(row, book.of(row.symbol), told.at_ns)) for row in rows),
    )


def _read_account(book: RuleBook) -> Asking[AccountRead]:
    told = yield Request(path="/api/v3/account", params=(("omitZeroBalances", "true"),), weight=20, priority=Priority.EMERGENCY)
    account = decoded(told, _account, refused=refused_text)
    return AccountRead(
        at_ns=told.at_ns,
        raw=told.text,
        venue=_VENUE,
        asked_ns=told.asked_ns,
        balances=tuple(Balance(currency=each.asset, free=each.free, locked=each.locked) for each in account.balances),
        can_trade=account.can_trade,
        can_withdraw=account.can_withdraw,
    )


def _fill_of(row: _TradeRow, rules: Rules, at_ns: int) -> FillUpdate:
    """The list of trades does not tell the client id."""
    return FillUpdate(
        at_ns=at_ns,
        symbol=rules.symbol,
        client_id="",
        venue_id=venue_id(row.order_id),
        trade_id=str(row.id),
        side=Side.BUY if row.is_buyer else Side.SELL,
        price=nearest(row.price, rules.price_power),
        quantity=whole(row.qty, rules.size_power),
        fee=row.commission,
        fee_currency=row.commission_asset,
        maker=row.is_maker,
        event_ns=event_ns(row.time),
    )


# -- what comes by the stream --------------------------------------------------------------------------------------


class _Report(msgspec.Struct, gc=False):
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    side: str = field(name="S")
    state: str = field(name="X")
    execution: str = field(name="x")
    order_id: int = field(name="i")
    original_id: str = field(name="C", default="")
    type: str = field(name="o", default="")
    quantity: str = field(name="q", default="0")
    filled: str = field(name="z", default="0")
    price: str = field(name="p", default="0")
    stop: str | None = field(name="P", default=None)
    last_quantity: str = field(name="l", default="0")
    last_price: str = field(name="L", default="0")
    fee: str | None = field(name="n", default=None)
    fee_currency: str | None = field(name="N", default=None)
    at_ms: int = field(name="T", default=0)
    trade_id: int = field(name="t", default=-1)
    maker: bool | None = field(name="m", default=None)
    works: bool = field(name="w", default=True)
    reject: str = field(name="r", default="NONE")
    expiry: str = field(name="eR", default="")


class _Balance(msgspec.Struct, gc=False):
    currency: str = field(name="a")
    free: str = field(name="f")
    locked: str = field(name="l")


class _Account(msgspec.Struct, gc=False):
    balances: list[_Balance] = field(name="B")
    event_ms: int = field(name="u", default=0)


class _Head(msgspec.Struct, gc=False):
    event: str = field(name="e", default="")
    symbol: str = field(name="s", default="")
    client_id: str = field(name="c", default="")
    original_id: str = field(name="C", default="")


_heads = msgspec.json.Decoder(_Head)
_reports = msgspec.json.Decoder(_Report)
_accounts = msgspec.json.Decoder(_Account)
_SILENT = frozenset({"listStatus", "balanceUpdate", "externalLockUpdate", "eventStreamTerminated", "serverShutdown"})
"""What says nothing that another event does not say as well (each order of a list, each balance), and what is the connection's business."""


def _events(book: RuleBook, payload: bytes, at_ns: int) -> tuple[ExecutionEvent, ...]:
    raw, head = payload.decode("utf-8", "replace"), _Head()
    try:
        head = _heads.decode(payload)
        if head.event == "executionReport":
            return tuple(_of_report(_reports.decode(payload), book, at_ns, raw))
        if head.event == "outboundAccountPosition":
            account = _accounts.decode(payload)
            balances = tuple(Balance(currency=each.currency, free=each.free, locked=each.locked) for each in account.balances)
            return (BalanceUpdate(at_ns=at_ns, raw=raw, balances=balances, event_ns=event_ns(account.event_ms)),)
    except (*NO_JSON, ValueError) as fault:
        symbol = f"{_VENUE}:{head.symbol}" if head.symbol else ""
        why, client_id = f"an event that cannot be read: {fault}", head.original_id or head.client_id
        return (Unread(at_ns=at_ns, raw=raw, venue=_VENUE, why=why, symbol=symbol, client_id=client_id),)
    if head.event in _SILENT:
        return ()
    return (Unread(at_ns=at_ns, raw=raw, venue=_VENUE, why=f"an event that nobody knows: {head.event[:60] or 'without a name'}"),)


def _of_report(told: _Report, book: RuleBook, at_ns: int, raw: str) -> Iterator[ExecutionEvent]:
    rules, side, at, client_id = book.of(told.symbol), side_of(told.side), event_ns(told.at_ms), told.original_id or told.client_id
    kind = _KINDS.get(told.type)
    if told.execution == "TRADE":
        yield FillUpdate(
            at_ns=at_ns,
            raw=raw,
            symbol=rules.symbol,
            client_id=client_id,
            venue_id=venue_id(told.order_id),
            trade_id=str(told.trade_id),
            side=side,
            price=nearest(told.last_price, rules.price_power),
            quantity=whole(told.last_quantity, rules.size_power),
            fee=told.fee,
            fee_currency=told.fee_currency,
            maker=told.maker,
            event_ns=at,
        )
    yield OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=client_id,
        venue_id=venue_id(told.order_id),
        state=_state(told.state, kind, works=told.works),
        said=told.state,
        side=side,
        kind=kind,
        quantity=_number(told.quantity, rules.size_power),
        filled=whole(told.filled, rules.size_power),
        price=_number(told.price, rules.price_power),
        trigger=_number(told.stop, rules.price_power),
        event_ns=at,
        reason=told.expiry or ("" if told.reject == "NONE" else told.reject),
        execution=told.execution,
    )


SPOT_ORDERS = OrdersSpec(
    capabilities=Capabilities(
        client_id_chars=36,
        client_id_for_ever=False,
        absence_after_s=10.0,
        late_after_s=1.5,
        conditional=Conditional.BOOK,
        reduce_only=False,
        short=False,
        hedge=False,
        leverage=False,
        fills_in_reply=True,
        market_buy_by_funds=False,
        cancels_by_symbol=True,
        order_lists=True,
        intervals=CANDLES,
    ),
    new=_new,
    new_list=_new_list,
    test=_test,
    answered=_answered,
    answered_list=_answered_list,
    cancel=_cancel,
    cancelled=_cancelled,
    query=_query,
    found=_found,
    cancel_all=_cancel_all,
    cancelled_all=_cancelled_all,
    open_orders=lambda book, symbol: asks(_VENUE, "open orders", _open_orders(book, symbol), symbol=symbol),
    account=lambda book: asks(_VENUE, "account", _read_account(book)),
    trades=lambda book, symbol, after, since_ns: asks(
        _VENUE,
        "trades",
        read_trades(book, symbol, after, path="/api/v3/myTrades", weight=20, rows=_trades, fill=_fill_of),
        symbol=symbol,
    ),
    rules=lambda: listed_rules("/api/v3/exchangeInfo", 20, instruments_of(_VENUE)),
    rights=read_rights,
    price=lambda book, symbol: read_price("/api/v3/ticker/bookTicker", book.of(symbol)),
    events=_events,
    listed_apart=10,  # 6 each against 80
    rule_codes=frozenset({"-1013", "-1111", "-1121"}),
    line={
        "POST /api/v3/order": "order.place",
        "POST /api/v3/orderList/oco": "orderList.place.oco",
        "DELETE /api/v3/order": "order.cancel",
        "DELETE /api/v3/openOrders": "openOrders.cancelAll",
        "GET /api/v3/order": "order.status",
    },
)
