"""simulator.binance.rest: Binance spot's public endpoints over the engine. Pure.

A table says for every endpoint its weight and its answer. Source: protocol sheet 3.1 and 4.1.
"""

from __future__ import annotations

import re
from typing import Any

from hoga.simulator.binance import payloads
from hoga.simulator.binance.api import MS_NS, Answer, Api, ApiError, Endpoint, Query, flat, one_or_all
from hoga.simulator.binance.exchange_info import exchange_info, with_captured
from hoga.simulator.binance.payloads import e8_text, quote_text
from hoga.simulator.binance.picks import per_symbol, pick_agg_trades, pick_bars, pick_trades
from hoga.simulator.engine import AggTrade, Bar, Instrument, Market, RollingStats, Trade

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
    if wanted is not None:
        return _info(api, [api.instrument(name) for name in wanted], query)
    body = _info(api, list(api.engine.instruments.values()), query)
    captured = api.player.capture.exchange_info if api.player else None
    return with_captured(body, captured.body) if captured else body


def _info(api: Api, instruments: list[Instrument], query: Query) -> dict[str, Any]:
    return exchange_info(instruments, api.engine.delisted, server_time=api.now(query), weight_per_minute=api.weight_limit)


def _depth(api: Api, query: Query) -> Answer:
    symbol, limit = query.required("symbol"), query.limit(100, 5_000)
    given = api.player.depth(symbol, limit) if api.player else None
    if given is not None:
        return given
    market = api.market(symbol)
    book = market.book
    return payloads.partial_depth(book.update_id, book.bids.top(limit), book.asks.top(limit), market.instrument)


def _trades(api: Api, query: Query) -> Answer:
    market, limit = api.market(query.required("symbol")), query.limit(500, 1_000)
    return f"[{','.join([_trade_row(trade, market.instrument, query.unit) for trade in list(market.trades)[-limit:]])}]"


def _historical_trades(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    rows = pick_trades(market, query, limit=query.limit(500, 1_000))
    return f"[{','.join([_trade_row(trade, market.instrument, query.unit) for trade in rows])}]"


def _agg_trades(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    rows = pick_agg_trades(market, query, limit=query.limit(500, 1_000))
    return f"[{','.join([_agg_row(row, market.instrument, query.unit) for row in rows])}]"


def _klines(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    bars = pick_bars(api, market, query, limit=query.limit(500, 1_000), offset_ms=_offset_ms(query))
    return f"[{','.join([_kline_row(bar, market.instrument, query.micros) for bar in bars])}]"


def _offset_ms(query: Query) -> int:
    zone = query.text("timeZone") or "0"
    hit = _OFFSET.match(zone.strip())
    if hit is None:
        raise ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return 8 * 3_600_000 if hit[1] != "-" and int(hit[2]) == 8 else 0


def _average_price(api: Api, query: Query) -> Answer:
    market = api.market(query.required("symbol"))
    quote, lots = market.tape.average(5, api.clock.now_ns() // MS_NS)
    price = e8_text(quote * market.instrument.tick_e8 // lots)
    return {"mins": 5, "price": price, "closeTime": market.tape.last_trade_ms * (1_000 if query.micros else 1)}


def _price(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _price_row)


def _book_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _book_row)


def _day_ticker(api: Api, query: Query) -> Answer:
    return per_symbol(api, query, _day_row)


# -- rows ----------------------------------------------------------------------


def _trade_row(trade: Trade, instrument: Instrument, unit: int) -> str:
    price, size = e8_text(trade.price * instrument.tick_e8), e8_text(trade.lots * instrument.lot_e8)
    quote, maker = quote_text(trade.price * trade.lots, instrument), "true" if trade.buyer_is_maker else "false"
    return (
        f'{{"id":{trade.trade_id},"price":"{price}","qty":"{size}","quoteQty":"{quote}","time":{trade.time_ns // unit},'
        f'"isBuyerMaker":{maker},"isBestMatch":true}}'
    )


def _agg_row(row: AggTrade, instrument: Instrument, unit: int) -> str:
    price, size = e8_text(row.price * instrument.tick_e8), e8_text(row.lots * instrument.lot_e8)
    maker = "true" if row.buyer_is_maker else "false"
    ids = f'"f":{row.first_id},"l":{row.last_id}'
    return f'{{"a":{row.agg_id},"p":"{price}","q":"{size}",{ids},"T":{row.time_ns // unit},"m":{maker},"M":true}}'


def _kline_row(bar: Bar, instrument: Instrument, micros: bool) -> str:
    tick, lot = instrument.tick_e8, instrument.lot_e8
    opened, closes = (bar.open_ms * 1_000, bar.close_ms * 1_000 + 999) if micros else (bar.open_ms, bar.close_ms)
    prices = ",".join(f'"{e8_text(price * tick)}"' for price in (bar.open, bar.high, bar.low, bar.close))
    return (
        f'[{opened},{prices},"{e8_text(bar.lots * lot)}",{closes},"{quote_text(bar.quote, instrument)}",{bar.count},'
        f'"{e8_text(bar.taker_lots * lot)}","{quote_text(bar.taker_quote, instrument)}","0"]'
    )


def _price_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    return {"symbol": market.instrument.symbol, "price": e8_text(market.tape.last_price * market.instrument.tick_e8)}


def _book_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    tick, lot, top = market.instrument.tick_e8, market.instrument.lot_e8, market.top
    return {
        "symbol": market.instrument.symbol,
        "bidPrice": e8_text(top.bid * tick),
        "bidQty": e8_text(top.bid_lots * lot),
        "askPrice": e8_text(top.ask * tick),
        "askQty": e8_text(top.ask_lots * lot),
    }


def _day_row(market: Market, api: Api, query: Query) -> dict[str, Any]:
    instrument, top = market.instrument, market.top
    stats: RollingStats = market.tape.rolling(_DAY_MS, api.clock.now_ns() // MS_NS)
    tick, lot = instrument.tick_e8, instrument.lot_e8
    factor = 1_000 if query.micros else 1
    return {
        "symbol": instrument.symbol,
        "priceChange": e8_text((stats.close - stats.open) * tick),
        "priceChangePercent": payloads.percent_text(stats),
        "weightedAvgPrice": payloads.weighted_text(stats, instrument),
        "prevClosePrice": e8_text(stats.previous * tick),
        "lastPrice": e8_text(stats.close * tick),
        "lastQty": e8_text(stats.last_lots * lot),
        "bidPrice": e8_text(top.bid * tick),
        "bidQty": e8_text(top.bid_lots * lot),
        "askPrice": e8_text(top.ask * tick),
        "askQty": e8_text(top.ask_lots * lot),
        "openPrice": e8_text(stats.open * tick),
        "highPrice": e8_text(stats.high * tick),
        "lowPrice": e8_text(stats.low * tick),
        "volume": e8_text(stats.lots * lot),
        "quoteVolume": quote_text(stats.quote, instrument),
        "openTime": stats.open_ms * factor,
        "closeTime": stats.close_ms * factor,
        "firstId": stats.first_id,
        "lastId": stats.last_id,
        "count": stats.trades,
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
