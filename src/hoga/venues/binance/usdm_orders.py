"""venues.binance.usdm_orders: orders, positions and account of USDⓈ-M futures. Pure.

Rules: orders that wait for a price are another service's since 2025-12 (`/algoOrder`), with ids, listings and events of its own; when one
is triggered, it becomes an order of the engine, whose id is its `ai`. A stop that closes the position has no quantity. An answer to a
new order has no average price; what was filled is told by the stream, or by the list of trades.

Source: USD-M docs "new-order", "new-algo-order", "user-data-streams" and the pages beside them; change log 2025-12-09 and 2026-06. Read
2026-11-29.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.secret import Credentials
from hoga.core.times import SECOND_NS
from hoga.core.trading import (
    AccountRead,
    Action,
    AlgoUpdate,
    Balance,
    CancelSent,
    Capabilities,
    Conditional,
    ConfigUpdate,
    ExecutionEvent,
    FillUpdate,
    Force,
    Held,
    NotFound,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRequest,
    OrderUpdate,
    PositionSide,
    PositionsRead,
    ReadFailed,
    Resting,
    Rules,
    TriggerBy,
    text_of,
)
from hoga.venues.binance.instruments import instruments_of
from hoga.venues.binance.orders import (
    cancel_refused,
    event_ns,
    is_unknown_order,
    new_refused,
    position_side_of,
    read_price,
    read_trades,
    refused_text,
    said_no,
    side_of,
    state_of,
    unanswered,
    venue_id,
)
from hoga.venues.binance.ticks import CANDLES
from hoga.venues.binance.usdm_events import events
from hoga.venues.binance.usdm_words import KINDS, VENUE, algo_state_of, child_of, margin_type_of, number_of, worth_of
from hoga.venues.orders import Asking, KeyRights, OrdersSpec, RuleBook, Target, Told, asks, decoded, listed_rules, nearest, whole
from hoga.venues.request import Params, Priority, Request

__all__ = ["USDM_ORDERS"]

_HEDGE_NS = 20 * SECOND_NS
_ORDER_GROUPS = ("order-count-10s", "order-count-1m")
_FORCES = {Force.GTC: "GTC", Force.IOC: "IOC", Force.FOK: "FOK", Force.POST_ONLY: "GTX"}
_WAITING = {OrderKind.STOP: "STOP_MARKET", OrderKind.TAKE: "TAKE_PROFIT_MARKET", OrderKind.TRAIL: "TRAILING_STOP_MARKET"}


# -- what is sent --------------------------------------------------------------------------------------------------


def _new(order: OrderRequest, rules: Rules) -> Request:
    if order.waits:
        return Request(method="POST", path="/fapi/v1/algoOrder", params=_algo_params(order, rules), weight=1, groups=_ORDER_GROUPS,
                       priority=_lane(order))  # fmt: skip
    return Request(method="POST", path="/fapi/v1/order", params=_params(order, rules), weight=1, groups=_ORDER_GROUPS,
                   priority=_lane(order))  # fmt: skip


def _test(order: OrderRequest, rules: Rules) -> Request:
    return Request(method="POST", path="/fapi/v1/order/test", params=_params(order, rules), weight=1, priority=Priority.ACCOUNT)


def _lane(order: OrderRequest) -> Priority:
    """What only reduces goes before everything else; the venue's overload spares it, too."""
    return Priority.EMERGENCY if order.reduce_only or order.close_position else Priority.ORDERS


def _params(order: OrderRequest, rules: Rules) -> Params:
    if order.quantity is None:
        raise ValueError("an order of a contract needs a quantity")
    market = order.kind is OrderKind.MARKET
    if not market and order.price is None:
        raise ValueError("a limit order needs a price")
    return (
        ("symbol", rules.name),
        ("side", order.side.name),
        ("type", "MARKET" if market else "LIMIT"),
        *_position_side(order),
        *(() if market else (("timeInForce", _FORCES[order.force]),)),
        ("quantity", rules.quantity_text(order.quantity)),
        *(() if market or order.price is None else (("price", rules.price_text(order.price)),)),
        *((("reduceOnly", "true"),) if order.reduce_only and order.position_side is PositionSide.BOTH else ()),
        ("newClientOrderId", order.client_id),
        ("newOrderRespType", "RESULT"),
    )


def _algo_params(order: OrderRequest, rules: Rules) -> Params:
    if order.kind is OrderKind.TRAIL:
        if order.distance_bp is None:
            raise ValueError("a trailing stop needs a distance")
        at: Params = (("callbackRate", text_of(order.distance_bp, -2)),)
        if order.activation is not None:
            at = (("activatePrice", rules.price_text(order.activation)), *at)
    elif order.trigger is None:
        raise ValueError("an order that waits needs a trigger")
    else:
        at = (("triggerPrice", rules.price_text(order.trigger)),)
    if order.close_position:
        much: Params = (("closePosition", "true"),)
    elif order.quantity is None:
        raise ValueError("an order that does not close the position needs a quantity")
    else:
        much = (("quantity", rules.quantity_text(order.quantity)),)
        if order.reduce_only and order.position_side is PositionSide.BOTH:
            much = (*much, ("reduceOnly", "true"))
    return (
        ("algoType", "CONDITIONAL"),
        ("symbol", rules.name),
        ("side", order.side.name),
        ("type", _WAITING[order.kind]),
        *_position_side(order),
        *at,
        *much,
        ("workingType", "MARK_PRICE" if order.trigger_by is TriggerBy.MARK else "CONTRACT_PRICE"),
        ("clientAlgoId", order.client_id),
    )


def _position_side(order: OrderRequest) -> Params:
    return () if order.position_side is PositionSide.BOTH else (("positionSide", order.position_side.name),)


def _name(symbol: str) -> str:
    return symbol.partition(":")[2]


def _cancel(target: Target) -> Request:
    if target.waits:
        return Request(method="DELETE", path="/fapi/v1/algoOrder", params=_algo_id(target), priority=Priority.EMERGENCY)
    return Request(method="DELETE", path="/fapi/v1/order", params=_order_id(target), priority=Priority.EMERGENCY)


def _query(target: Target) -> Request:
    if target.waits:
        return Request(path="/fapi/v1/algoOrder", params=_algo_id(target), priority=Priority.EMERGENCY)
    return Request(path="/fapi/v1/order", params=_order_id(target), priority=Priority.EMERGENCY)


def _order_id(target: Target) -> Params:
    """By the venue's own id where it is known: whether what a waiting order becomes bears our id, the venue does not say."""
    named = ("orderId", target.venue_id) if target.venue_id else ("origClientOrderId", target.client_id)
    return (("symbol", _name(target.symbol)), named)


def _algo_id(target: Target) -> Params:
    return (("clientAlgoId", target.client_id),) if target.client_id else (("algoId", target.venue_id),)


def _cancel_all(symbol: str) -> Request:
    return Request(method="DELETE", path="/fapi/v1/allOpenOrders", params=(("symbol", symbol),), priority=Priority.EMERGENCY)


def _set_leverage(symbol: str, times: int) -> Request:
    return Request(method="POST", path="/fapi/v1/leverage", params=(("symbol", symbol), ("leverage", times)), priority=Priority.ACCOUNT)


def _set_margin_type(symbol: str, kind: str) -> Request:
    word = {"cross": "CROSSED", "isolated": "ISOLATED"}[kind]
    return Request(method="POST", path="/fapi/v1/marginType", params=(("symbol", symbol), ("marginType", word)), priority=Priority.ACCOUNT)


def _was_set(told: Told) -> str:
    """-4046 is the venue's way to say that the kind of margin is so already."""
    why = said_no(told)
    return "" if " -4046 " in f" {why} " else why


def _dead_man(symbol: str, seconds: float) -> Request:
    return Request(
        method="POST",
        path="/fapi/v1/countdownCancelAll",
        params=(("symbol", symbol), ("countdownTime", int(seconds * 1_000))),
        weight=10,
        priority=Priority.EMERGENCY,
    )


# -- what comes back: orders ---------------------------------------------------------------------------------------


class _Row(msgspec.Struct, rename="camel", gc=False):
    symbol: str
    order_id: int
    client_order_id: str
    status: str
    side: str
    type: str = ""
    orig_type: str = ""
    orig_qty: str = "0"
    executed_qty: str = "0"
    price: str = "0"
    stop_price: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    update_time: int = 0


class _AlgoRow(msgspec.Struct, rename="camel", gc=False):
    algo_id: int
    client_algo_id: str
    symbol: str
    side: str
    algo_status: str = "NEW"
    order_type: str = ""
    quantity: str | None = None
    trigger_price: str | None = None
    actual_order_id: str | int | None = None
    actual_qty: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    update_time: int = 0


class _AlgoCancelled(msgspec.Struct, rename="camel", gc=False):
    algo_id: int = 0
    client_algo_id: str = ""
    code: str | int = ""


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])
_algo = msgspec.json.Decoder(_AlgoRow)
_algos = msgspec.json.Decoder(list[_AlgoRow])
_algo_cancelled = msgspec.json.Decoder(_AlgoCancelled)


def _order(row: _Row, rules: Rules, at_ns: int, raw: str = "") -> OrderUpdate:
    return OrderUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=row.client_order_id,
        venue_id=venue_id(row.order_id),
        state=state_of(row.status),
        said=row.status,
        side=side_of(row.side),
        kind=KINDS.get(row.orig_type or row.type),
        quantity=number_of(row.orig_qty, rules.size_power),
        filled=whole(row.executed_qty, rules.size_power),
        price=number_of(row.price, rules.price_power),
        trigger=number_of(row.stop_price, rules.price_power),
        reduce_only=row.reduce_only,
        close_position=row.close_position,
        position_side=position_side_of(row.position_side),
        event_ns=event_ns(row.update_time),
    )


def _algo_update(row: _AlgoRow, rules: Rules, at_ns: int, raw: str = "") -> AlgoUpdate:
    return AlgoUpdate(
        at_ns=at_ns,
        raw=raw,
        symbol=rules.symbol,
        client_id=row.client_algo_id,
        algo_id=venue_id(row.algo_id),
        state=algo_state_of(row.algo_status, row.actual_qty),
        said=row.algo_status,
        child_id=child_of(row.actual_order_id),
        side=side_of(row.side),
        kind=KINDS.get(row.order_type),
        quantity=number_of(row.quantity, rules.size_power),
        trigger=number_of(row.trigger_price, rules.price_power),
        reduce_only=row.reduce_only,
        close_position=row.close_position,
        position_side=position_side_of(row.position_side),
        event_ns=event_ns(row.update_time),
    )


def _answered(order: OrderRequest, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status != 200:
        return new_refused(order.client_id, order.symbol, told, futures=True)
    try:
        if order.waits:
            placed = _algo_update(_algo.decode(told.body), rules, told.at_ns)
            return OrderAccepted(at_ns=told.at_ns, raw=told.text, client_id=order.client_id, symbol=order.symbol, order=_as_order(placed))
        return OrderAccepted(
            at_ns=told.at_ns,
            raw=told.text,
            client_id=order.client_id,
            symbol=order.symbol,
            order=_order(_row.decode(told.body), rules, told.at_ns),
        )
    except (*NO_JSON, ValueError) as fault:
        return unanswered(order.client_id, order.symbol, Action.NEW, told, f"an answer that cannot be read: {fault}")


def _as_order(algo: AlgoUpdate) -> OrderUpdate:
    """A waiting order in the words of an order: its id is the service's."""
    return OrderUpdate(
        at_ns=algo.at_ns,
        symbol=algo.symbol,
        client_id=algo.client_id,
        venue_id=algo.algo_id,
        state=algo.state,
        said=algo.said,
        side=algo.side,
        kind=algo.kind,
        quantity=algo.quantity,
        trigger=algo.trigger,
        reduce_only=algo.reduce_only,
        close_position=algo.close_position,
        position_side=algo.position_side,
        event_ns=algo.event_ns,
    )


def _cancelled(target: Target, rules: Rules, told: Told) -> ExecutionEvent:
    if told.status != 200:
        return cancel_refused(target, told, futures=True)
    try:
        if target.waits:
            _algo_cancelled.decode(told.body)
            return CancelSent(at_ns=told.at_ns, raw=told.text, client_id=target.client_id, symbol=target.symbol, final=True)
        order = _order(_row.decode(told.body), rules, told.at_ns)
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


def _found(target: Target, rules: Rules, told: Told) -> tuple[ExecutionEvent, ...]:
    if is_unknown_order(told):
        return (NotFound(at_ns=told.at_ns, raw=told.text, client_id=target.client_id, symbol=target.symbol, asked_ns=told.asked_ns),)
    try:
        if told.status != 200:
            raise ValueError(refused_text(told))
        if target.waits:
            return (_algo_update(_algo.decode(told.body), rules, told.at_ns, told.text),)
        return (_order(_row.decode(told.body), rules, told.at_ns, told.text),)
    except (*NO_JSON, ValueError) as fault:
        return (
            ReadFailed(
                at_ns=told.at_ns,
                raw=told.text,
                venue=VENUE,
                what="order",
                why=str(fault),
                symbol=target.symbol,
                client_id=target.client_id,
            ),
        )


# -- what comes back: listings -------------------------------------------------------------------------------------


class _PositionRow(msgspec.Struct, rename="camel", gc=False):
    symbol: str
    position_amt: str
    entry_price: str = "0"
    position_side: str = "BOTH"
    un_realized_profit: str = "0"
    liquidation_price: str = "0"
    leverage: str | int | None = None
    margin_type: str | None = None


class _TradeRow(msgspec.Struct, rename="camel", gc=False):
    symbol: str
    id: int
    order_id: int
    side: str
    price: str
    qty: str
    commission: str | None = None
    commission_asset: str | None = None
    time: int = 0
    position_side: str = "BOTH"
    maker: bool | None = None


class _AssetRow(msgspec.Struct, rename="camel", gc=False):
    asset: str
    wallet_balance: str


class _AccountRow(msgspec.Struct, rename="camel", gc=False):
    total_margin_balance: str = ""
    total_maint_margin: str = ""
    can_trade: bool = True
    can_withdraw: bool | None = None
    assets: list[_AssetRow] = field(default_factory=list)


class _Dual(msgspec.Struct, rename="camel"):
    dual_side_position: bool


class _SymbolConfig(msgspec.Struct, rename="camel"):
    symbol: str
    margin_type: str
    leverage: int


_positions = msgspec.json.Decoder(list[_PositionRow])
_trades = msgspec.json.Decoder(list[_TradeRow])
_account = msgspec.json.Decoder(_AccountRow)
_dual = msgspec.json.Decoder(_Dual)
_configs = msgspec.json.Decoder(list[_SymbolConfig])


def _of_symbol(symbol: str) -> Params:
    return (("symbol", symbol),) if symbol else ()


def _open_orders(book: RuleBook, symbol: str) -> Asking[OpenOrders]:
    weight, lane = 1 if symbol else 40, Priority.EMERGENCY
    regular = yield Request(path="/fapi/v1/openOrders", params=_of_symbol(symbol), weight=weight, priority=lane)
    rows = decoded(regular, _rows, refused=refused_text)
    waiting = yield Request(path="/fapi/v1/openAlgoOrders", params=_of_symbol(symbol), weight=weight, priority=lane)
    algos = decoded(waiting, _algos, refused=refused_text)
    return OpenOrders(
        at_ns=waiting.at_ns,
        venue=VENUE,
        symbol=book.of(symbol).symbol if symbol else "",
        asked_ns=regular.asked_ns,
        orders=(
            *(Resting(order=_order(row, book.of(row.symbol), regular.at_ns)) for row in rows),
            *(Resting(order=_algo_update(row, book.of(row.symbol), waiting.at_ns)) for row in algos),
        ),
    )


def _read_positions(book: RuleBook) -> Asking[PositionsRead]:
    told = yield Request(path="/fapi/v3/positionRisk", weight=5, priority=Priority.EMERGENCY)
    rows = decoded(told, _positions, refused=refused_text)
    held = [_held(row, book.of(row.symbol)) for row in rows]
    return PositionsRead(
        at_ns=told.at_ns, raw=told.text, venue=VENUE, asked_ns=told.asked_ns, positions=tuple(each for each in held if each.quantity)
    )


def _held(row: _PositionRow, rules: Rules) -> Held:
    return Held(
        symbol=rules.symbol,
        quantity=whole(row.position_amt, rules.size_power),
        entry=row.entry_price,
        position_side=position_side_of(row.position_side),
        unrealized=row.un_realized_profit,
        liquidation="" if row.liquidation_price in ("0", "") else row.liquidation_price,
        leverage=int(row.leverage) if row.leverage is not None else None,
        margin_type=row.margin_type or "",
        worth=worth_of(row.position_amt, row.entry_price),
        settle=rules.settle,
    )


def _read_account(book: RuleBook) -> Asking[AccountRead]:
    told = yield Request(path="/fapi/v3/account", weight=5, priority=Priority.EMERGENCY)
    account = decoded(told, _account, refused=refused_text)
    if book.hedge is None or told.at_ns - book.hedge[1] > _HEDGE_NS:  # it costs as much as six accounts, and two ask for it at a start
        dual = yield Request(path="/fapi/v1/positionSide/dual", weight=30, priority=Priority.ACCOUNT)
        book.hedge = (dual.status != 404 and decoded(dual, _dual, refused=refused_text).dual_side_position, dual.at_ns)
    return AccountRead(
        at_ns=told.at_ns,
        raw=told.text,
        venue=VENUE,
        asked_ns=told.asked_ns,
        balances=tuple(Balance(currency=each.asset, free=each.wallet_balance, locked="0") for each in account.assets),
        equity=account.total_margin_balance,
        margin_ratio=_ratio(account.total_maint_margin, account.total_margin_balance),
        hedge=book.hedge[0],
        can_trade=account.can_trade,
        can_withdraw=account.can_withdraw,
    )


def _ratio(maintenance: str, equity: str) -> str:
    """What the positions must have, as a part of what there is: at 1 they are liquidated. "" where it is not told."""
    try:
        part = Decimal(maintenance) / Decimal(equity)
    except ArithmeticError:
        return ""
    return f"{part:.6f}"


def _fill_of(row: _TradeRow, rules: Rules, at_ns: int) -> FillUpdate:
    """The list of trades does not tell the client id."""
    return FillUpdate(
        at_ns=at_ns,
        symbol=rules.symbol,
        client_id="",
        venue_id=venue_id(row.order_id),
        trade_id=str(row.id),
        side=side_of(row.side),
        price=nearest(row.price, rules.price_power),
        quantity=whole(row.qty, rules.size_power),
        fee=row.commission,
        fee_currency=row.commission_asset,
        maker=row.maker,
        position_side=position_side_of(row.position_side),
        event_ns=event_ns(row.time),
    )


def _read_rights(credentials: Credentials) -> Asking[KeyRights]:
    """Whether the account may trade; what the key may do is told by another service of the venue."""
    told = yield Request(path="/fapi/v2/account", weight=5, priority=Priority.ACCOUNT)
    return KeyRights(can_trade=decoded(told, _account, refused=refused_text).can_trade)


def _settings(book: RuleBook, symbol: str) -> Asking[ConfigUpdate]:
    if not symbol:
        told = yield Request(path="/fapi/v1/positionSide/dual", weight=30, priority=Priority.ACCOUNT)
        return ConfigUpdate(at_ns=told.at_ns, symbol="", hedge=decoded(told, _dual, refused=refused_text).dual_side_position)
    told = yield Request(path="/fapi/v1/symbolConfig", params=(("symbol", symbol),), weight=5, priority=Priority.ACCOUNT)
    row = next((each for each in decoded(told, _configs, refused=refused_text) if each.symbol == symbol), None)
    if row is None:
        raise ValueError(f"no settings of {symbol} in the answer")
    return ConfigUpdate(at_ns=told.at_ns, symbol=book.of(symbol).symbol, leverage=row.leverage, margin_type=margin_type_of(row.margin_type))


USDM_ORDERS = OrdersSpec(
    capabilities=Capabilities(
        client_id_chars=36,
        client_id_for_ever=False,
        absence_after_s=10.0,
        late_after_s=1.5,
        conditional=Conditional.ALGO,
        reduce_only=True,
        short=True,
        hedge=True,
        leverage=True,
        fills_in_reply=False,
        market_buy_by_funds=False,
        cancels_by_symbol=True,
        close_all_stops=1,
        dead_man_s=60.0,
        intervals=CANDLES,
    ),
    new=_new,
    test=_test,
    answered=_answered,
    cancel=_cancel,
    cancelled=_cancelled,
    query=_query,
    found=_found,
    cancel_all=_cancel_all,
    cancelled_all=said_no,
    open_orders=lambda book, symbol: asks(VENUE, "open orders", _open_orders(book, symbol), symbol=symbol),
    account=lambda book: asks(VENUE, "account", _read_account(book)),
    trades=lambda book, symbol, after, since_ns: asks(
        VENUE,
        "trades",
        read_trades(book, symbol, after, path="/fapi/v1/userTrades", weight=5, rows=_trades, fill=_fill_of),
        symbol=symbol,
    ),
    rules=lambda: listed_rules("/fapi/v1/exchangeInfo", 1, instruments_of(VENUE)),
    rights=_read_rights,
    price=lambda book, symbol: read_price("/fapi/v1/premiumIndex", book.of(symbol)),
    events=events,
    positions=lambda book: asks(VENUE, "positions", _read_positions(book)),
    settings=lambda book, symbol: asks(VENUE, "settings", _settings(book, symbol), symbol=symbol),
    set_leverage=_set_leverage,
    set_margin_type=_set_margin_type,
    was_set=_was_set,
    dead_man=_dead_man,
    listed_apart=10,  # 2 each against 80
    rule_codes=frozenset({"-1111", "-1121", "-4003", "-4005", "-4013", "-4014", "-4023", "-4108", "-4140", "-4164"}),
    line={
        "POST /fapi/v1/order": "order.place",
        "DELETE /fapi/v1/order": "order.cancel",
        "GET /fapi/v1/order": "order.status",
        "POST /fapi/v1/algoOrder": "algoOrder.place",
        "DELETE /fapi/v1/algoOrder": "algoOrder.cancel",
    },
)
