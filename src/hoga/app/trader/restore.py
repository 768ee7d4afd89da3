"""app.trader.restore: what the journals prove of earlier lives, as the engine's own words."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

from hoga.audit.folder import list_files
from hoga.audit.reading import Walk
from hoga.audit.recovery import KnownOrder, Recovered
from hoga.core.market import Side
from hoga.core.times import SECOND_NS
from hoga.core.trading import FillUpdate, Force, OrderKind, OrderRequest, PositionSide, Rules
from hoga.flatten.proving import EXIT_FOLDER
from hoga.trading.engine import Restored
from hoga.trading.orders import Order, Role, Status
from hoga.trading.portfolio import Share, round_of

__all__ = ["exit_fills", "restored"]

_MARGIN_NS = 60 * SECOND_NS
_UNSETTLED = {"INTENT": Status.UNKNOWN, "SENT": Status.UNKNOWN}
"""A record precedes the bytes: whether they left, nobody knows."""


def restored(found: Recovered) -> Restored:
    """Orders, shares and trades of the lives before; trades are asked for from `since_ns` on where none is known."""
    orders = [_order(each) for each in found.orders.values()]
    open_since = [order.sent_ns for order in orders if not order.status.is_over]
    since = min([*open_since, found.last_t]) - _MARGIN_NS if found.boot else 0
    return Restored(
        orders=orders,
        shares=[_share(found, key) for key in found.shares],
        days=found.days,
        trades=found.trades,
        powers=found.powers,
        since_ns=since,
        losses=found.losses,
        peaks=found.peaks,
        sent=found.sent,
    )


def _share(found: Recovered, key: tuple[str, str, str]) -> Share:
    symbol, side, strategy = key
    quantity, cost, realized, fees, funding, *over = found.shares[key]
    kept = found.rounds.get(key)
    return Share(
        symbol=symbol,
        side=PositionSide(side),
        strategy=strategy,
        quantity=quantity,
        cost=cost,
        realized=realized,
        fees=fees,
        funding=funding,
        crumbs=found.crumbs.get(key, 0),
        over=sum(over),
        round=None if kept is None else round_of(symbol, strategy, kept),
    )


def exit_fills(journal: Path, now_ns: int, rules: Mapping[str, Rules], counted: Mapping[str, Container[str]]) -> list[FillUpdate]:
    """The trades that exits made of this trader's positions, as their own journal tells them, oldest first, in the integers of `rules`
    (by symbol), without those that the trader's journal has `counted` (by symbol). Raises OSError."""
    folder = journal / EXIT_FOLDER
    if not list_files(folder):
        return []
    found = []
    powers: dict[str, tuple[int, int]] = {}
    for record in Walk(folder).records():
        fields, symbol = record.fields, str(record.fields.get("sym"))
        if record.kind == "config" and isinstance(fields.get("pp"), int) and isinstance(fields.get("sp"), int):
            powers[symbol] = (fields["pp"], fields["sp"])
        if record.kind == "emergency.trade" and isinstance(fields.get("q"), int) and isinstance(fields.get("p"), int):
            if str(fields.get("tid")) in counted.get(symbol, ()):
                continue
            found.append(
                FillUpdate(
                    at_ns=now_ns,
                    symbol=symbol,
                    client_id=str(fields.get("id")),
                    venue_id=str(fields.get("oid") or ""),
                    trade_id=str(fields.get("tid")),
                    side=Side.SELL if fields.get("side") == "S" else Side.BUY,
                    price=_counted(fields["p"], powers.get(symbol), rules.get(symbol), 0),
                    quantity=_counted(fields["q"], powers.get(symbol), rules.get(symbol), 1),
                    fee=fields.get("fee"),
                    fee_currency=fields.get("fee_in"),
                    maker=False,
                    position_side=PositionSide(fields.get("ps") or "both"),
                )
            )
    return found


def _counted(number: int, powers: tuple[int, int] | None, rules: Rules | None, which: int) -> int:
    """A number of an exit's journal in the trader's integers. `which`: 0 of a price, 1 of a quantity."""
    if powers is None or rules is None:
        return number
    finer_by = powers[which] - (rules.price_power, rules.size_power)[which]
    scale: int = 10 ** abs(finer_by)
    return number * scale if finer_by >= 0 else number // scale


def _order(known: KnownOrder) -> Order:
    request = OrderRequest(
        client_id=known.id,
        symbol=known.symbol,
        side=Side.SELL if known.side == "S" else Side.BUY,
        kind=_kind(known),
        quantity=known.quantity,
        price=known.price,
        trigger=known.trigger,
        reduce_only=known.reduce_only,
        close_position=known.closes,
        position_side=PositionSide(known.position_side),
        list_id=known.list_id,
        force=Force(known.force) if known.force in Force._value2member_map_ else Force.GTC,
    )
    status = _UNSETTLED.get(known.state) or Status(known.state)
    asked_ns = known.asked_t or known.t
    return Order(
        request=request,
        strategy=known.strategy,
        role=Role(known.role) if known.role in Role._value2member_map_ else Role.ADOPTED,
        status=status,
        venue_id=known.venue_id,
        child_id=known.child_id,
        triggered=known.triggered,
        filled=known.filled,
        told=max(known.told, known.filled),
        asked_ns=asked_ns,
        sent_ns=asked_ns,
        accepted_ns=asked_ns if status in (Status.LIVE, Status.PARTIAL) else 0,
        seen_ns=asked_ns if status in (Status.LIVE, Status.PARTIAL) else 0,
        heard_ns=known.t,
        ended_ns=known.t if status.is_over else 0,
    )


def _kind(known: KnownOrder) -> OrderKind:
    if known.kind in OrderKind._value2member_map_:
        return OrderKind(known.kind)
    return OrderKind.MARKET if known.price is None else OrderKind.LIMIT
