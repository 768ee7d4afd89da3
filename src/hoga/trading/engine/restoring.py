"""trading.engine.restoring: what the journal proves of earlier lives, put back before the first event. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hoga.trading.engine.asking import Asking
from hoga.trading.engine.causes import Causes
from hoga.trading.engine.turn import Turn
from hoga.trading.orders import Order, Status
from hoga.trading.portfolio import Share
from hoga.trading.ports import Gate
from hoga.trading.rungs import Cause

__all__ = ["Restored", "restore"]


class Restored(msgspec.Struct, kw_only=True):
    """What the journal proves of earlier lives. `trades`: ids by symbol, oldest first; `days`: by symbol (when, won, fees and funding).

    `since_ns`: from here on trades may be missing. `powers`: what the journal counted in, by symbol. `losses`: in a row, by symbol;
    `peaks`: the highest totals, by venue. `sent`: by symbol (the UTC day of the last order, days since 1970; how many there were that day).
    """

    orders: list[Order]
    shares: list[Share]
    trades: Mapping[str, list[str]]
    days: Mapping[str, tuple[int, list[int]]]
    powers: Mapping[str, tuple[int, int]]
    since_ns: int
    losses: Mapping[str, int] = {}
    peaks: Mapping[str, int] = {}
    sent: Mapping[str, tuple[int, int]] = {}


def restore(found: Restored, now_ns: int, *, turn: Turn, causes: Causes, asking: Asking, gate: Gate) -> list[str]:
    """Be where earlier lives ended. Returns symbols that count in other steps now, which cannot be."""
    state = turn.state
    state.now_ns = now_ns
    other = [
        symbol
        for symbol, powers in found.powers.items()
        if symbol in state.rules_of and powers != (state.rules_of[symbol].price_power, state.rules_of[symbol].size_power)
    ]
    for symbol, ids in found.trades.items():
        state.orders.know_trades(symbol, ids)
    for order in found.orders:
        if order.symbol in state.rules_of and order.symbol not in other:
            state.orders.add(order)
            if order.status is Status.UNKNOWN:
                order.unknown_ns = now_ns
                causes.begin(Cause.UNKNOWN_ORDER, subject=order.client_id)
    for share in found.shares:
        if share.symbol in state.rules_of and share.symbol not in other:
            state.portfolio.restore(share)
    state.portfolio.pass_midnight(now_ns)
    for symbol, (at_ns, day) in found.days.items():
        if symbol in state.rules_of and symbol not in other:
            state.portfolio.restore_day(symbol, day, at_ns)
    state.peaks |= found.peaks
    state.portfolio.losses |= {symbol: lost for symbol, lost in found.losses.items() if symbol in state.rules_of}
    for symbol, (of_day, orders) in found.sent.items():
        gate.restore(symbol, orders, of_day)
    for reckoning in asking.reckonings.values():
        reckoning.since_ns = found.since_ns
    return other
