"""simulator.usdm.rest: the futures venue's public endpoints over the engine. Pure.

Source: protocol sheet 3.1 and 4.1 (USD-M docs; live probes of 2026-09 and 2026-10).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import MS_NS, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.exchange_info import with_captured
from hoga.simulator.binance.picks import per_symbol, pick_agg_trades, pick_bars, pick_trades
from hoga.simulator.binance.printer import bool_text, decimal_text
from hoga.simulator.engine import INTERVALS, AggTrade, Bar, Market, Trade
from hoga.simulator.usdm.exchange_info import exchange_info
from hoga.simulator.usdm.mark import FUNDING_MS, INTEREST_E8, mark_of, next_funding_ms
from hoga.simulator.usdm.payloads import ContractPrinter, percent_text

__all__ = ["USDM_ENDPOINTS"]

_DAY_MS = 86_400_000
_OLDEST_AGG_MS = 2 * _DAY_MS
_DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1_000: 20}


# -- weights -------------------------------------------------------------------


def _depth_limit(query: Query) -> int:
    limit = query.integer("limit")
    if limit is None:
        return 500
    if limit not in _DEPTH_WEIGHTS:
        raise ApiError(-4021, f"Invalid depth limit: {limit}; valid values: {', '.join(map(str, _DEPTH_WEIGHTS))}.")
    return limit


def _depth_weight(api: Api, query: Query) -> int:
    return _DEPTH_WEIGHTS[_depth_limit(query)]


def _klines_weight(api: Api, query: Query) -> int:
    limit = query.limit(500, 1_500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


# -- answers -------------------------------------------------------------------


def _ping(api: Api, query: Query) -> Answer:
    return "{}"


def _time(api: Api, query: Query) -> Answer:
    return {"serverTime": api.now(query)}


def _exchange_info(api: Api, query: Query) -> Answer:
    symbol = query.text("symbol")
    instruments = [api.instrument(symbol)] if symbol else list(api.engine.instruments.values())
    body = exchange_info(instruments, api.engine.delisted, server_time=api.now(query), weight_per_minute=api.weight_limit)
    captured = api.player.instruments() if api.player else None
    return body if captured is None else with_captured(body, captured, all_symbols=symbol is None)


def _depth(api: Api, query: Query) -> Answer:
    symbol, limit = query.required("symbol"), _depth_limit(query)
    given = api.player.depth(symbol, limit) if api.player else None
    if given is not None:
        return _as_snapshot(given, limit)
    market = api.market(symbol)
    book, changed_ms = market.book, api.clock.stamp_ns(market.changed_ns) // MS_NS
    return ContractPrinter(market.instrument).snapshot(
        book.update_id, api.now(query), changed_ms, book.bids.top(limit), book.asks.top(limit)
    )


def _as_snapshot(captured: bytes, limit: int) -> Answer:
    """A captured book: a snapshot as it is; a partial book of a stream with the keys that REST has for it."""
    book = json.loads(captured)
    if "lastUpdateId" in book:
        return captured
    return {"lastUpdateId": book["u"], "E": book["E"], "T": book["T"], "bids": book["b"][:limit], "asks": book["a"][:limit]}


def _trades(api: Api, query: Query) -> Answer:
    market, limit = api.market(query.required("symbol")), query.limit(500, 1_000)
    return _rows(market, list(market.trades)[-limit:], _trade_row)


def _historical_trades(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    return _rows(market, pick_trades(api, market, query, limit=query.limit(100, 500)), _trade_row)


def _agg_trades(api: Api, query: Query) -> Answer:
    market, start_ns = api.market(query.required("symbol")), query.time_ns("startTime")
    if start_ns is not None and start_ns // MS_NS < api.now(query) - _OLDEST_AGG_MS:
        raise ApiError(-4166, "Search window is restricted to recent 48 hours only.")
    return _rows(market, pick_agg_trades(api, market, query, limit=query.limit(500, 1_000)), _agg_row)


def _klines(api: Api, query: Query) -> Answer:
    return _candles(api, api.market(query.required("symbol")), query)


def _continuous_klines(api: Api, query: Query) -> Answer:
    if query.required("contractType") != "PERPETUAL":
        raise ApiError(-4144, "Invalid contractType.")
    return _candles(api, api.market(query.required("pair")), query)


def _candles(api: Api, market: Market, query: Query) -> Answer:
    bars = pick_bars(api, market, query, limit=query.limit(500, 1_500), known=lambda name: name in INTERVALS and name != "1s")
    return _rows(market, bars, _kline_row)


def _premium_index(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _premium_row)


def _funding_rate(api: Api, query: Query) -> Answer:
    symbol, limit = query.text("symbol"), query.limit(100, 1_000)
    names = [api.instrument(symbol).symbol] if symbol else list(api.engine.instruments)
    last_ms = api.now(query) // FUNDING_MS * FUNDING_MS
    start, end = query.time_ns("startTime"), query.time_ns("endTime")
    times = [last_ms - back * FUNDING_MS for back in range(limit - 1, -1, -1)]
    wanted = [time for time in times if (start is None or time * MS_NS >= start) and (end is None or time * MS_NS <= end)]
    return [_funding_row(api, name, time) for time in wanted for name in names][-limit:]


def _day_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _day_row)


def _price(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _price_row)


def _book_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _book_row)


# -- rows ----------------------------------------------------------------------


def _rows(market: Market, rows: list[Any], row: Callable[[ContractPrinter, Any], str]) -> str:
    printer = ContractPrinter(market.instrument)
    return f"[{','.join([row(printer, entry) for entry in rows])}]"


def _trade_row(printer: ContractPrinter, trade: Trade) -> str:
    return (
        f'{{"id":{trade.trade_id},"price":"{printer.price(trade.price)}","qty":"{printer.size(trade.lots)}",'
        f'"quoteQty":"{printer.quote(trade.price * trade.lots)}","time":{trade.time_ns // MS_NS},'
        f'"isBuyerMaker":{bool_text(trade.buyer_is_maker)}}}'
    )


def _agg_row(printer: ContractPrinter, row: AggTrade) -> str:
    size = printer.size(row.lots)
    return (
        f'{{"a":{row.agg_id},"p":"{printer.price(row.price)}","q":"{size}","nq":"{size}","f":{row.first_id},"l":{row.last_id},'
        f'"T":{row.time_ns // MS_NS},"m":{bool_text(row.buyer_is_maker)}}}'
    )


def _kline_row(printer: ContractPrinter, bar: Bar) -> str:
    return printer.kline_row(bar, bar.open_ms, bar.close_ms)


def _premium_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    now_ms = api.clock.now_ns() // MS_NS
    mark = mark_of(market, now_ms)
    return {
        "symbol": market.instrument.symbol,
        "markPrice": decimal_text(mark.price, 8),
        "indexPrice": decimal_text(mark.index_price, 8),
        "estimatedSettlePrice": decimal_text(mark.settle, 8),
        "lastFundingRate": decimal_text(mark.rate, 8),
        "interestRate": decimal_text(INTEREST_E8, 8),
        "nextFundingTime": next_funding_ms(now_ms),
        "time": api.now(query),
    }


def _funding_row(api: Api, symbol: str, time_ms: int) -> dict[str, Any]:
    instrument = api.engine.instruments[symbol]
    price = decimal_text(instrument.start_ticks * instrument.tick_e8, 8)
    return {"symbol": symbol, "fundingTime": time_ms, "fundingRate": decimal_text(INTEREST_E8, 8), "markPrice": price}


def _day_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    printer, stats = ContractPrinter(market.instrument), market.tape.rolling(_DAY_MS, api.clock.now_ns() // MS_NS)
    last = {"lastPrice": printer.price(stats.close), "lastQty": printer.size(stats.last_lots)}
    return printer.change_row(stats, percent_text(stats)) | last | printer.window_row(stats)


def _price_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    price = ContractPrinter(market.instrument).price(market.tape.last_price)
    return {"symbol": market.instrument.symbol, "price": price, "time": market.tape.last_trade_ms}


def _book_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    best = ContractPrinter(market.instrument).best_row(market.top)
    return {"symbol": market.instrument.symbol, **best, "time": api.clock.stamp_ns(market.top.time_ns) // MS_NS}


USDM_ENDPOINTS: dict[str, Endpoint] = {
    "GET /fapi/v1/ping": Endpoint(flat(1), _ping),
    "GET /fapi/v1/time": Endpoint(flat(1), _time),
    "GET /fapi/v1/exchangeInfo": Endpoint(flat(1), _exchange_info),
    "GET /fapi/v1/depth": Endpoint(_depth_weight, _depth),
    "GET /fapi/v1/trades": Endpoint(flat(5), _trades),
    "GET /fapi/v1/historicalTrades": Endpoint(flat(20), _historical_trades),
    "GET /fapi/v1/aggTrades": Endpoint(flat(20), _agg_trades),
    "GET /fapi/v1/klines": Endpoint(_klines_weight, _klines),
    "GET /fapi/v1/continuousKlines": Endpoint(_klines_weight, _continuous_klines),
    "GET /fapi/v1/premiumIndex": Endpoint(one_or_all(1, 10), _premium_index),
    "GET /fapi/v1/fundingRate": Endpoint(flat(0), _funding_rate),
    "GET /fapi/v1/ticker/24hr": Endpoint(one_or_all(1, 40), _day_ticker),
    "GET /fapi/v1/ticker/price": Endpoint(one_or_all(1, 2), _price),
    "GET /fapi/v2/ticker/price": Endpoint(one_or_all(1, 2), _price),
    "GET /fapi/v1/ticker/bookTicker": Endpoint(one_or_all(2, 5), _book_ticker),
}
"""Method and path → weight and answer."""
