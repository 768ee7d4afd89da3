"""trading.records: what goes into the journal, as `audit.recovery` and people read it: one function a kind. Pure.

Prices and quantities are integers of the symbol's powers, which the `config` records give (`pp`, `sp`); money has both powers together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketEvent
from hoga.core.trading import (
    AlgoUpdate,
    Balance,
    CancelRefused,
    ExecutionEvent,
    FillUpdate,
    FundingUpdate,
    OrderKind,
    OrderUpdate,
    PositionSide,
    Rules,
)
from hoga.trading.bars import Bar, BarSeries, Difference
from hoga.trading.orders import News, Order, Status
from hoga.trading.portfolio import Round, Share
from hoga.trading.ports import Denial, Event, Look, Write
from hoga.trading.rungs import RungChange
from hoga.trading.sizing import Sized
from hoga.trading.state import State

__all__ = [
    "adopt",
    "adopted_order",
    "balances",
    "bar_check",
    "bar_revise",
    "bars",
    "breach",
    "cancel",
    "cancel_denied",
    "cancel_refused",
    "checks",
    "config",
    "denied",
    "end",
    "fill",
    "foreign",
    "funding",
    "intent",
    "moved",
    "protect",
    "round_",
    "rung",
    "sent",
    "signal",
    "size",
]

_BOTH, _LIMIT = PositionSide.BOTH, OrderKind.LIMIT
_SIDES = {Side.BUY: "B", Side.SELL: "S"}
_KINDS = {
    Status.LIVE: "order.ack",
    Status.PARTIAL: "order.ack",
    Status.UNKNOWN: "order.unknown",
    Status.REJECTED: "order.reject",
    Status.ABSENT: "order.absent",
    Status.FILLED: "order.end",
    Status.CANCELED: "order.cancel",
    Status.EXPIRED: "order.end",
}
_EXECUTED = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED})


def _cause(event: Event | None) -> dict[str, Any] | None:
    """Where the event that led here is found again: whose it was, when it came, and the venue's own time."""
    if event is None:
        return None
    if isinstance(event, MarketEvent):
        return {"src": event.symbol, "of": event.__class__.__name__, "at": event.at_ns, "e": event.event_ns}
    return {"of": event.__class__.__name__, "at": event.at_ns}


def _side(side: PositionSide) -> dict[str, str]:
    return {} if side is PositionSide.BOTH else {"ps": side.value}


def config(rules: Rules) -> Write:
    """The powers of ten of a symbol, its currencies, and its rules."""
    fields: dict[str, Any] = {"sym": rules.symbol, "pp": rules.price_power, "sp": rules.size_power}
    fields |= {"base": rules.base, "quote": rules.quote}
    return Write("config", fields | {"ticks": rules.ticks, "lot": rules.lot, "least": rules.least, "min_notional": rules.min_notional})


def signal(
    state: State, strategy: str, symbol: str, quantity: int, why: str, cause: Event | None, leg: PositionSide = PositionSide.BOTH
) -> Write:
    """What a strategy wants, with its numbers, also where no order comes of it."""
    look = state.looks[symbol]
    fields: dict[str, Any] = {"st": strategy, "sym": symbol, **_side(leg), "q": quantity, "why": why}
    held = state.portfolio.share(strategy, symbol, leg)
    return Write("signal", fields | {"held": held, "bid": look.bid, "ask": look.ask, "cause": _cause(cause)})


def size(sized: Sized, strategy: str) -> Write:
    """The quantity that a strategy asked for, with its numbers; `code` says why it is 0."""
    fields = msgspec.to_builtins(sized)
    fields |= {"sym": fields.pop("symbol"), "side": _SIDES[sized.side], "q": fields.pop("quantity"), "st": strategy}
    return Write("size", fields)


def intent(order: Order, look: Look, cause: Event | None) -> Write:
    """An order that is about to be sent, and the best prices that it was decided at."""
    asked = order.request
    fields: dict[str, Any] = {
        "id": asked.client_id,
        "sym": asked.symbol,
        "side": _SIDES[asked.side],
        "q": asked.quantity,
        "p": asked.price,
        "type": asked.kind,
        "tif": asked.force,
        "ro": asked.reduce_only,
        "st": order.strategy,
        "role": order.role,
        "why": order.why,
        "bid": look.bid,
        "ask": look.ask,
        "cause": _cause(cause),
    }
    if asked.position_side is not _BOTH:
        fields["ps"] = asked.position_side.value
    if asked.list_id:
        fields["list"] = asked.list_id
    if asked.kind is not _LIMIT and asked.waits:
        fields |= {"trigger": asked.trigger, "close": asked.close_position}
    return Write("order.intent", fields)


def sent(order: Order) -> Write:
    """Its bytes were handed to the socket."""
    asked = order.request
    return Write("order.sent", {"id": asked.client_id, "sym": asked.symbol})


def denied(order: Order, denial: Denial, cause: Event | None) -> Write:
    """An order that was not sent."""
    asked = order.request
    return Write(
        "order.deny",
        {
            "id": asked.client_id,
            "sym": asked.symbol,
            "side": _SIDES[asked.side],
            "q": asked.quantity,
            "p": asked.price,
            "st": order.strategy,
            "code": denial.code,
            "limit": denial.limit,
            "found": denial.found,
            "why": order.why,
            "cause": _cause(cause),
        },
    )


def moved(news: News, event: Event) -> Write:
    """An order stands elsewhere than before. The venue's own words stand beside it. `filled`: of the fills that are known; `executed` of
    one that has ended at the venue: how much of it the venue says was filled, whatever fills are known, None: it did not say. `child`
    of one that was triggered: the venue's id of what it became, "": it is not known."""
    order = news.order
    fields: dict[str, Any] = {"id": order.client_id, "sym": order.symbol, "state": news.after.value, "was": news.before.value}
    fields |= {"filled": order.filled, "oid": order.venue_id, "why": order.reason}
    if order.request.waits and (order.triggered or order.child_id):
        fields["child"] = order.child_id
    if news.after in _EXECUTED:
        fields["executed"] = order.told if order.is_told else None
    if isinstance(event, ExecutionEvent):
        fields["raw"] = event.raw
    return Write(_KINDS[news.after], fields)


def protect(order: Order, what: str, *, moved_from: int | None = None) -> Write:
    """An end of a position was `placed`, `moved` (a new one for the one at `from`), or `taken`."""
    asked = order.request
    fields: dict[str, Any] = {"id": order.client_id, "sym": order.symbol, "st": order.strategy, "what": what, "end": asked.kind.value}
    fields |= _side(asked.position_side)
    return Write("protect", fields | {"from": moved_from, "to": asked.trigger, "q": asked.quantity, "close": asked.close_position})


def cancel(order: Order, why: str) -> Write:
    """A cancel is asked for; the order stands as it stood."""
    return Write("order.cancel", {"id": order.client_id, "sym": order.symbol, "state": order.status.value, "asked": True, "why": why})


def cancel_denied(order: Order, denial: Denial) -> Write:
    """A strategy wishes to cancel, and the gate says no."""
    fields = {"id": order.client_id, "sym": order.symbol, "state": order.status.value, "code": denial.code}
    return Write("order.cancel", fields | {"denied": True, "limit": denial.limit, "found": denial.found})


def cancel_refused(order: Order, event: CancelRefused) -> Write:
    """The venue does not cancel."""
    fields = {"id": order.client_id, "sym": order.symbol, "state": order.status.value, "code": event.code, "why": event.text}
    return Write("order.cancel", fields | {"refused": True, "raw": event.raw})


def adopted_order(order: Order, event: OrderUpdate | AlgoUpdate) -> Write:
    """An order with a client id of ours that the journal did not know."""
    fields = {"id": order.client_id, "sym": order.symbol, "side": _SIDES[order.request.side], "q": order.request.quantity}
    fields |= _side(order.request.position_side)
    return Write("order.adopt", fields | {"state": order.status.value, "st": order.strategy, "role": order.role.value, "raw": event.raw})


def fill(
    client_id: str,
    event: FillUpdate,
    share: Share,
    day: list[int],
    sums: list[int],
    position: int,
    *,
    late: bool,
    losses: int = 0,
    peak: int = 0,
) -> Write:
    """A trade of an own order. `share`: what its strategy holds then: quantity, cost, and what it has won and paid so far; `sums`: the
    same of all strategies. What a next life needs beside it: `crumbs` of fees, the `round` that lasts, `losses` in a row, the `peak`."""
    fields: dict[str, Any] = {
        "id": client_id,
        "sym": event.symbol,
        "tid": event.trade_id,
        "side": _SIDES[event.side],
        "q": event.quantity,
        "p": event.price,
        **_side(event.position_side),
        "fee": event.fee,
        "fee_in": event.fee_currency,
        "maker": event.maker,
        "st": share.strategy,
        "oid": event.venue_id,
        "pos": position,
        "share": share.kept,
        "day": day,
        "sums": sums,
        "losses": losses,
        "peak": peak,
    }
    if share.crumbs:
        fields["crumbs"] = share.crumbs
    if share.round is not None:
        fields["round"] = share.round.kept()
    if late:
        fields["late"] = True
    return Write("order.fill", fields)


def foreign(event: FillUpdate, position: int) -> Write:
    """A trade of the account by somebody else: the position is this now."""
    fields = {"sym": event.symbol, "trade": event.trade_id, "side": _SIDES[event.side], "much": event.quantity, "at": event.price}
    return Write("pos", fields | _side(event.position_side) | {"by": event.client_id, "pos": position})


def adopt(symbol: str, side: PositionSide, change: int, position: int) -> Write:
    """A position that no trade explains was found; with it the account's position is this. `change`: what was found."""
    return Write("recon.adopt", {"sym": symbol, "ps": side.value, "q": position, "change": change})


def breach(order: Order, why: str) -> Write:
    """What must not be."""
    return Write("risk", {"id": order.client_id, "sym": order.symbol, "breach": True, "why": why})


def losses_seen(symbol: str, losses: int, incident: str) -> Write:
    """A person has looked, and resumed an incident: so many rounds were lost in a row, and from here on they are counted anew."""
    return Write("risk", {"sym": symbol, "losses": 0, "was": losses, "why": f"resumed {incident}"})


def round_(ended: Round, rules: Rules, equity: int | None) -> Write:
    """A position from its first fill to its last. `in`, `out`: what opened and what closed it, as quantity and money."""
    longs = ended.side is Side.BUY
    seconds = (ended.ended_ns - ended.began_ns) / 1e9
    return Write(
        "round",
        {
            "sym": ended.symbol,
            "st": ended.strategy,
            "side": _SIDES[ended.side],
            "q": ended.quantity,
            "in": [ended.bought, ended.paid] if longs else [ended.sold, ended.got],
            "out": [ended.sold, ended.got] if longs else [ended.bought, ended.paid],
            "why": ended.why,
            "gross": ended.gross,
            "fees": ended.fees,
            "funding": ended.funding,
            "net": ended.net,
            "net_text": f"{rules.money_text(ended.net)} {rules.quote}",
            "entry_slip_bp": ended.slippage_bp(at_exit=False),
            "exit_slip_bp": ended.slippage_bp(at_exit=True),
            "seconds": f"{seconds:.3f}",
            "best": ended.best,
            "worst": ended.worst,
            "equity": equity,
        },
    )


def balances(found: Iterable[Balance], *, equity: str = "", venue: str = "", changed: bool = False) -> Write:
    """What the account has. `changed`: only what has changed is told, so that nothing is told, too; else what is not told is nothing."""
    held = {each.currency: [each.free, each.locked] for each in found if changed or each.free.strip("0.") or each.locked.strip("0.")}
    return Write("balance", {"balances": held, "equity": equity} | ({"venue": venue} if venue else {}))


def funding(event: FundingUpdate, shares: Iterable[Share] | None = None, day: Sequence[int] = ()) -> Write:
    """Funding was paid or received. `shares`: what each strategy has of it, as in a fill; None: it is in no books, as nothing of ours
    is held that it could be of."""
    fields = {"sym": event.symbol, "amount": event.amount, "currency": event.currency, "raw": event.raw}
    if shares is None:
        return Write("funding", fields)
    return Write("funding", fields | {"shares": [[each.strategy, each.side.value, each.kept] for each in shares], "day": day})


def rung(change: RungChange) -> Write:
    """The ladder moved."""
    fields = {"rung": change.new.name, "was": change.old.name, "incident": change.incident, "why": change.text}
    return Write("state", fields | {"cause": {"of": str(change.cause or ""), "subject": change.subject, "detail": change.detail}})


def end(state: State, left: Iterable[Order]) -> Write:
    """How a trader ended: what is still open, and what is still held."""
    held = {f"{symbol}/{side.value}": quantity for (symbol, side), quantity in state.portfolio.held().items()}
    return Write("state", {"what": "end", "left": [order.client_id for order in left], "held": held})


def bars(series: BarSeries) -> Write:
    """A series has become ready, or is so no more: how many bars it has, and how many were asked for."""
    fields = {"sym": series.symbol, "interval": series.interval, "ready": series.ready, "have": len(series)}
    return Write("bars", fields | {"want": series.history, "need": series.needed})


def bar_check(series: BarSeries, found: Difference) -> Write:
    """An own bar is not what the venue says of it; both as open, high, low, close, volume."""
    return Write(
        "bar.check",
        {"sym": series.symbol, "interval": series.interval, "start": found.start_ns, "own": list(found.own), "venue": list(found.venue)},
    )


def bar_revise(series: BarSeries, bar: Bar) -> Write:
    """Late trades have changed a bar: as it is now."""
    values = [bar.open_, bar.high_, bar.low_, bar.close_, bar.volume_]
    fields = {"sym": series.symbol, "interval": series.interval, "start": bar.start_ns, "bar": values, "rev": bar.revision}
    return Write("bar.revise", fields)


def checks(strategy: str, counts: Mapping[str, Iterable[int]]) -> Write:
    """How often each condition of a strategy was asked for, held, was the first that did not, and the only one; since the start."""
    return Write("check", {"st": strategy, "checks": {name: list(each) for name, each in counts.items()}})
