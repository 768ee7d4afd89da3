"""simulator.binance.picks: the rows that a REST request's range asks for, as every Binance venue picks them. Pure.

No range: the newest; a start only: the oldest from there; an end only: the newest up to it. Source: protocol sheet 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import MS_NS, Api, ApiError, Query
from hoga.simulator.engine import INTERVALS, AggTrade, Bar, Market, Trade

__all__ = ["per_symbol", "pick_agg_trades", "pick_bars", "pick_trades"]


def pick_trades(api: Api, market: Market, query: Query, *, limit: int) -> list[Trade]:
    """The newest trades, or those from `fromId`, from before the market began too."""
    first = query.integer("fromId")
    if first is None:
        return list(market.trades)[-limit:]
    if first < market.first_trade_id and api.past is not None:
        older = api.past.of(market.instrument.symbol).trades_from(first, limit, since_day=api.past.oldest_day)
        return [*older, *list(market.trades)[: limit - len(older)]]
    return [trade for trade in market.trades if trade.trade_id >= first][:limit]


def pick_agg_trades(api: Api, market: Market, query: Query, *, limit: int) -> list[AggTrade]:
    """By `fromId`, from before the market began too, or by time."""
    first, start, end = query.integer("fromId"), query.time_ns("startTime"), query.time_ns("endTime")
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if first is not None and first < market.first_agg_id and api.past is not None:
        older = api.past.of(market.instrument.symbol).aggregates_from(first, limit, since_day=api.past.oldest_day)
        return [*older, *list(market.agg_trades)[: limit - len(older)]]
    rows = [
        row
        for row in market.agg_trades
        if (first is None or row.agg_id >= first)
        and (start is None or row.time_ns >= start)
        and (end is None or row.time_ns < end + query.unit)
    ]
    return rows[-limit:] if first is None and start is None else rows[:limit]


def pick_bars(
    api: Api, market: Market, query: Query, *, limit: int, offset_ms: int = 0, known: Callable[[str], bool] = INTERVALS.__contains__
) -> list[Bar]:
    """Candles of `interval` by opening time; `known` tells which intervals there are."""
    interval = query.required("interval")
    if not known(interval):
        raise ApiError(-1120, "Invalid interval.")
    series = market.tape.series[interval, offset_ms]
    series.advance(api.clock.now_ns() // MS_NS)
    start, end = query.time_ns("startTime"), query.time_ns("endTime")
    bars = [bar for bar in series.bars if (start is None or bar.open_ms * MS_NS >= start) and (end is None or bar.open_ms * MS_NS <= end)]
    return bars[-limit:] if start is None else bars[:limit]


def per_symbol(api: Api, query: Query, row: Callable[[Market, Api, Query], dict[str, Any]]) -> dict[str, Any] | list[Any]:
    """`row` of the symbol asked for, or a list for `symbols` or all."""
    symbol = query.text("symbol")
    if symbol is not None:
        return row(api.market(symbol), api, query)
    names = query.symbols()
    return [row(api.market(name), api, query) for name in (api.engine.instruments if names is None else names)]
