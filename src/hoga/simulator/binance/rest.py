"""simulator.binance.rest: Binance spot's public endpoints over the engine. Pure.

A table says for every endpoint its weight and its answer. Source: protocol sheet 3.1 and 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hoga.simulator.binance.api import MS_NS, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.exchange_info import exchange_info, with_captured
from hoga.simulator.binance.payloads import SpotPrinter, percent_text
from hoga.simulator.binance.picks import per_symbol, pick_agg_trades, pick_bars, pick_trades
from hoga.simulator.binance.printer import bool_text
from hoga.simulator.engine import AggTrade, Bar, Instrument, Market, Trade

__all__ = ["SPOT_ENDPOINTS"]

_DAY_MS = 86_400_000
_OFFSET = re.compile(r"^([+-]?)(\d{1,2})(?::(\d\d))?$")


# -- weights -------------------------------------------------------------------


def _depth_weight(api: Api, query: Query) -> int:
    limit = query.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def _day_weight(api: Api, query: Query) -> int:
    if query.text("symbol"):
        return 2
    count = len(query.symbols() or api.engine.instruments)
    return 2 if count <= 20 else 40 if count <= 100 else 80


# -- answers -------------------------------------------------------------------


def _ping(api: Api, query: Query) -> Answer:
    return "{}"


def _time(api: Api, query: Query) -> Answer:
    return {"serverTime": api.now(query)}


def _exchange_info(api: Api, query: Query) -> Answer:
    symbol, symbols = query.text("symbol"), query.symbols()
    if symbol is not None and symbols is not None:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    wanted = [symbol] if symbol is not None else symbols
    asked = list(api.engine.instruments.values()) if wanted is None else [api.instrument(name) for name in wanted]
    body, captured = _info(api, asked, query), api.player.instruments() if api.player else None
    return body if captured is None else with_captured(body, captured, all_symbols=wanted is None)


def _info(api: Api, instruments: list[Instrument], query: Query) -> dict[str, Any]:
    return exchange_info(instruments, api.engine.delisted, server_time=api.now(query), weight_per_minute=api.weight_limit)


def _depth(api: Api, query: Query) -> Answer:
    symbol, limit = query.required("symbol"), query.limit(100, 5_000)
    given = api.player.depth(symbol, limit) if api.player else None
    if given is not None:
        return given
    market = api.market(symbol)
    book = market.book
    return SpotPrinter(market.instrument).partial_depth(book.update_id, book.bids.top(limit), book.asks.top(limit))


def _trades(api: Api, query: Query) -> Answer:
    market, limit = api.market(query.required("symbol")), query.limit(500, 1_000)
    return _rows(market, list(market.trades)[-limit:], query, _trade_row)


def _historical_trades(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    rows = pick_trades(api, market, query, limit=query.limit(500, 1_000))
    return _rows(market, rows, query, _trade_row)


def _agg_trades(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    rows = pick_agg_trades(api, market, query, limit=query.limit(500, 1_000))
    return _rows(market, rows, query, _agg_row)


def _klines(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    bars = pick_bars(api, market, query, limit=query.limit(500, 1_000), offset_ms=_offset_ms(query))
    return _rows(market, bars, query, _kline_row)


def _offset_ms(query: Query) -> int:
    zone = query.text("timeZone") or "0"
    hit = _OFFSET.match(zone.strip())
    if hit is None:
        raise ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return 8 * 3_600_000 if hit[1] != "-" and int(hit[2]) == 8 else 0


def _average_price(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    quote, lots = market.tape.average(5, api.clock.now_ns() // MS_NS)
    price = SpotPrinter(market.instrument).average(quote, lots)
    return {"mins": 5, "price": price, "closeTime": market.tape.last_trade_ms * (1_000 if query.micros else 1)}


def _price(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _price_row)


def _book_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _book_row)


def _day_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _day_row)


# -- rows ----------------------------------------------------------------------


def _rows(market: Market, rows: list[Any], query: Query, row: Callable[[SpotPrinter, Any, Query], str]) -> str:
    printer = SpotPrinter(market.instrument)
    return f"[{','.join([row(printer, entry, query) for entry in rows])}]"


def _trade_row(printer: SpotPrinter, trade: Trade, query: Query) -> str:
    return (
        f'{{"id":{trade.trade_id},"price":"{printer.price(trade.price)}","qty":"{printer.size(trade.lots)}",'
        f'"quoteQty":"{printer.quote(trade.price * trade.lots)}","time":{trade.time_ns // query.unit},'
        f'"isBuyerMaker":{bool_text(trade.buyer_is_maker)},"isBestMatch":true}}'
    )


def _agg_row(printer: SpotPrinter, row: AggTrade, query: Query) -> str:
    return (
        f'{{"a":{row.agg_id},"p":"{printer.price(row.price)}","q":"{printer.size(row.lots)}","f":{row.first_id},"l":{row.last_id},'
        f'"T":{row.time_ns // query.unit},"m":{bool_text(row.buyer_is_maker)},"M":true}}'
    )


def _kline_row(printer: SpotPrinter, bar: Bar, query: Query) -> str:
    return printer.kline_row(bar, *((bar.open_ms * 1_000, bar.close_ms * 1_000 + 999) if query.micros else (bar.open_ms, bar.close_ms)))


def _price_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    return {"symbol": market.instrument.symbol, "price": SpotPrinter(market.instrument).price(market.tape.last_price)}


def _book_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    return {"symbol": market.instrument.symbol, **SpotPrinter(market.instrument).best_row(market.top)}


def _day_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    printer, stats = SpotPrinter(market.instrument), market.tape.rolling(_DAY_MS, api.clock.now_ns() // MS_NS)
    last = {"prevClosePrice": stats.previous, "lastPrice": stats.close}
    return {
        **printer.change_row(stats, percent_text(stats)),
        **{name: printer.price(ticks) for name, ticks in last.items()},
        "lastQty": printer.size(stats.last_lots),
        **printer.best_row(market.top),
        **printer.window_row(stats, factor=1_000 if query.micros else 1),
    }


SPOT_ENDPOINTS: dict[str, Endpoint] = {
    "GET /api/v3/ping": Endpoint(flat(1), _ping),
    "GET /api/v3/time": Endpoint(flat(1), _time),
    "GET /api/v3/exchangeInfo": Endpoint(flat(20), _exchange_info),
    "GET /api/v3/depth": Endpoint(_depth_weight, _depth),
    "GET /api/v1/depth": Endpoint(_depth_weight, _depth),
    "GET /api/v3/trades": Endpoint(flat(25), _trades),
    "GET /api/v3/historicalTrades": Endpoint(flat(25), _historical_trades),
    "GET /api/v3/aggTrades": Endpoint(flat(4), _agg_trades),
    "GET /api/v3/klines": Endpoint(flat(2), _klines),
    "GET /api/v3/uiKlines": Endpoint(flat(2), _klines),
    "GET /api/v3/avgPrice": Endpoint(flat(2), _average_price),
    "GET /api/v3/ticker/price": Endpoint(one_or_all(2, 4), _price),
    "GET /api/v3/ticker/bookTicker": Endpoint(one_or_all(2, 4), _book_ticker),
    "GET /api/v3/ticker/24hr": Endpoint(_day_weight, _day_ticker),
}
"""Method and path → weight and answer."""
