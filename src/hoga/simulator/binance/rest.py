"""simulator.binance.rest: Binance spot's public REST endpoints over the engine, on aiohttp.

A table says for every endpoint its weight and its answer. Around each request: injected faults, the weight budget,
the venue's headers and error bodies. Source: protocol sheet 3.1, 4.1 to 4.3, 4.7.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from hoga.simulator.binance import payloads
from hoga.simulator.binance.budget import Budget, Verdict
from hoga.simulator.binance.exchange_info import exchange_info, with_captured
from hoga.simulator.binance.payloads import e8_text, quote_text
from hoga.simulator.binance.publisher import Publisher
from hoga.simulator.clock import SimClock
from hoga.simulator.engine import INTERVALS, AggTrade, Bar, Engine, Instrument, Market, RollingStats, Trade
from hoga.simulator.faults import FaultDesk, FaultKind
from hoga.simulator.replay.player import Player

__all__ = ["ApiError", "RestApi"]

_SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
_SYMBOLS_RANGE = r'^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'
_SYMBOL = re.compile(r"^[\w\-.]{1,40}$")
_DAY_MS = 86_400_000
_MS_NS, _US_NS = 1_000_000, 1_000
_OFFSET = re.compile(r"^([+-]?)(\d{1,2})(?::(\d\d))?$")


class ApiError(Exception):
    """An answer that is an error: `{"code":…,"msg":…}` with an HTTP status."""

    def __init__(self, code: int, text: str, *, status: int = 400) -> None:
        self.code, self.text, self.status = code, text, status


_INVALID_SYMBOL = (-1121, "Invalid symbol.")


class _Query:
    """The parameters of one request, checked as the venue checks them."""

    def __init__(self, values: Any, *, micros: bool) -> None:
        self._values = values
        self.micros = micros
        self.unit = _US_NS if micros else _MS_NS

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value  # type: ignore[no-any-return]

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,19}", value):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, most)

    def time_ns(self, name: str) -> int | None:
        value = self.integer(name)
        return None if value is None else value * (_US_NS if value > 10**14 else _MS_NS)

    def symbols(self) -> list[str] | None:
        raw = self.text("symbols")
        if raw is None:
            return None
        try:
            names = json.loads(raw)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ApiError(
                -1100,
                f"Illegal characters found in parameter 'symbols'; legal range is '{_SYMBOLS_RANGE}'.",
            )
        return names


Answer = bytes | str | dict[str, Any] | list[Any]
_Handler = Callable[["RestApi", _Query], Answer]


class RestApi:
    """The endpoints, over an engine."""

    def __init__(
        self, *, engine: Engine, publisher: Publisher, clock: SimClock, desk: FaultDesk, budget: Budget, weight_limit: int
    ) -> None:
        self.engine = engine
        self.publisher = publisher
        self.clock = clock
        self.player: Player | None = None
        self.requests = 0
        self._desk = desk
        self._budget = budget
        self._weight_limit = weight_limit

    def add_routes(self, app: web.Application) -> None:
        """Serve every endpoint of the table."""
        for path, endpoint in ENDPOINTS.items():
            app.router.add_get(path, self._serving(path, endpoint))
        app.router.add_route("*", "/api/{tail:.*}", self._not_found)

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol a client named. Raises ApiError as the venue would."""
        if not _SYMBOL.match(symbol) or symbol != symbol.upper():
            raise ApiError(-1100, f"Illegal characters found in parameter 'symbol'; legal range is '{_SYMBOL_RANGE}'.")
        instrument = self.engine.instruments.get(symbol)
        if instrument is None:
            raise ApiError(*_INVALID_SYMBOL)
        return instrument

    def market(self, symbol: str) -> Market:
        """The market of a symbol a client named."""
        self.instrument(symbol)
        if self.player is not None:
            raise ApiError(-1000, "The capture that is being replayed has no such data.")
        self.publisher.advance(self.clock.now_ns())
        return self.engine.market(symbol)

    def now(self, query: _Query) -> int:
        """The venue's clock, in the request's unit."""
        return self.clock.stamp_ns(self.clock.now_ns()) // query.unit

    def info(self, instruments: list[Instrument], query: _Query) -> dict[str, Any]:
        """exchangeInfo for these instruments."""
        return exchange_info(instruments, self.publisher.delisted, server_time=self.now(query), weight_per_minute=self._weight_limit)

    def _serving(self, path: str, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            self.requests += 1
            await self._be_slow(path)
            broken = self._desk.take_one(FaultKind.REST_ERROR, path)
            if broken is not None:
                return _failure(broken.status, broken.retry_after_s, broken.reason)
            return self._answer(request, endpoint)

        return serve

    async def _be_slow(self, path: str) -> None:
        slow = self._desk.take_one(FaultKind.REST_SLOW, path)
        if slow is not None:
            await asyncio.sleep(slow.ms / 1_000 / self.clock.speed)

    def _answer(self, request: web.Request, endpoint: Endpoint) -> web.Response:
        micros = request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
        query = _Query(request.query, micros=micros)
        try:
            weight = endpoint.weight(self, query)
        except ApiError:
            weight = 1
        verdict = self._budget.spend(request.remote or "", weight, self.clock.now_ns())
        if verdict.status != 200:
            return _limited(verdict)
        try:
            return _reply(200, endpoint.answer(self, query), verdict)
        except ApiError as error:
            return _reply(error.status, {"code": error.code, "msg": error.text}, verdict)

    async def _not_found(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html")


class Endpoint(NamedTuple):
    """What a request costs and what it gets. Both may raise ApiError."""

    weight: Callable[[RestApi, _Query], int]
    answer: _Handler


def _reply(status: int, answer: Answer, verdict: Verdict) -> web.Response:
    if isinstance(answer, (dict, list)):
        answer = json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
    body = answer.encode() if isinstance(answer, str) else answer
    headers = {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}
    return web.Response(status=status, body=body, headers=headers, content_type="application/json", charset="utf-8")


def _limited(verdict: Verdict) -> web.Response:
    text = (
        "Too much request weight used; current limit is exceeded. Please use WebSocket Streams for live updates to avoid polling the API."
    )
    if verdict.status == 418:
        text = f"Way too much request weight used; IP banned until {verdict.until_ms}. Please use WebSocket Streams to avoid bans."
    response = _reply(verdict.status, {"code": -1003, "msg": text}, verdict)
    response.headers["Retry-After"] = str(verdict.retry_after_s)
    return response


def _failure(status: int, retry_after_s: int | None, reason: str) -> web.Response:
    code, text = (
        (-1003, "Too many requests.") if status in (418, 429) else (-1000, "An unknown error occurred while processing the request.")
    )
    headers: CIMultiDict[str] = CIMultiDict()
    if retry_after_s is not None or status in (418, 429):
        headers["Retry-After"] = str(60 if retry_after_s is None else retry_after_s)
    body = json.dumps({"code": code, "msg": reason or text})
    return web.Response(status=status, text=body, headers=headers, content_type="application/json")


# -- weights -------------------------------------------------------------------


def _flat(weight: int) -> Callable[[RestApi, _Query], int]:
    return lambda api, query: weight


def _depth_weight(api: RestApi, query: _Query) -> int:
    limit = query.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def _one_or_all(one: int, several: int) -> Callable[[RestApi, _Query], int]:
    return lambda api, query: one if query.text("symbol") else several


def _day_weight(api: RestApi, query: _Query) -> int:
    if query.text("symbol"):
        return 2
    count = len(query.symbols() or api.engine.instruments)
    return 2 if count <= 20 else 40 if count <= 100 else 80


# -- answers -------------------------------------------------------------------


def _ping(api: RestApi, query: _Query) -> Answer:
    return "{}"


def _time(api: RestApi, query: _Query) -> Answer:
    return {"serverTime": api.now(query)}


def _exchange_info(api: RestApi, query: _Query) -> Answer:
    symbol, symbols = query.text("symbol"), query.symbols()
    if symbol is not None and symbols is not None:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    wanted = [symbol] if symbol is not None else symbols
    if wanted is not None:
        return api.info([api.instrument(name) for name in wanted], query)
    body = api.info(list(api.engine.instruments.values()), query)
    captured = api.player.capture.exchange_info if api.player else None
    return with_captured(body, captured.body) if captured else body


def _depth(api: RestApi, query: _Query) -> Answer:
    symbol, limit = query.required("symbol"), query.limit(100, 5_000)
    given = api.player.depth(symbol, limit) if api.player else None
    if given is not None:
        return given
    market = api.market(symbol)
    book = market.book
    return payloads.partial_depth(book.update_id, book.bids.top(limit), book.asks.top(limit), market.instrument)


def _trades(api: RestApi, query: _Query) -> Answer:
    market, limit = api.market(query.required("symbol")), query.limit(500, 1_000)
    return f"[{','.join([_trade_row(trade, market.instrument, query.unit) for trade in list(market.trades)[-limit:]])}]"


def _historical_trades(api: RestApi, query: _Query) -> Answer:
    market, limit, first = api.market(query.required("symbol")), query.limit(500, 1_000), query.integer("fromId")
    rows = [trade for trade in market.trades if first is None or trade.trade_id >= first]
    rows = rows[-limit:] if first is None else rows[:limit]
    return f"[{','.join([_trade_row(trade, market.instrument, query.unit) for trade in rows])}]"


def _agg_trades(api: RestApi, query: _Query) -> Answer:
    market, limit = api.market(query.required("symbol")), query.limit(500, 1_000)
    first, start, end = query.integer("fromId"), query.time_ns("startTime"), query.time_ns("endTime")
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    rows = [
        row
        for row in market.agg_trades
        if (first is None or row.agg_id >= first)
        and (start is None or row.time_ns >= start)
        and (end is None or row.time_ns < end + query.unit)
    ]
    rows = rows[-limit:] if first is None and start is None else rows[:limit]
    return f"[{','.join([_agg_row(row, market.instrument, query.unit) for row in rows])}]"


def _klines(api: RestApi, query: _Query) -> Answer:
    market, interval, limit = api.market(query.required("symbol")), query.required("interval"), query.limit(500, 1_000)
    if interval not in INTERVALS:
        raise ApiError(-1120, "Invalid interval.")
    series = market.tape.series[interval, _offset_ms(query)]
    series.advance(api.clock.now_ns() // _MS_NS)
    start, end = query.time_ns("startTime"), query.time_ns("endTime")
    bars = [bar for bar in series.bars if (start is None or bar.open_ms * _MS_NS >= start) and (end is None or bar.open_ms * _MS_NS <= end)]
    bars = bars[-limit:] if start is None else bars[:limit]
    return f"[{','.join([_kline_row(bar, market.instrument, query.micros) for bar in bars])}]"


def _offset_ms(query: _Query) -> int:
    zone = query.text("timeZone") or "0"
    hit = _OFFSET.match(zone.strip())
    if hit is None:
        raise ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return 8 * 3_600_000 if hit[1] != "-" and int(hit[2]) == 8 else 0


def _average_price(api: RestApi, query: _Query) -> Answer:
    market = api.market(query.required("symbol"))
    quote, lots = market.tape.average(5, api.clock.now_ns() // _MS_NS)
    price = e8_text(quote * market.instrument.tick_e8 // lots)
    return {"mins": 5, "price": price, "closeTime": market.tape.last_trade_ms * (1_000 if query.micros else 1)}


def _price(api: RestApi, query: _Query) -> Answer:
    return _per_symbol(api, query, _price_row)


def _book_ticker(api: RestApi, query: _Query) -> Answer:
    return _per_symbol(api, query, _book_row)


def _day_ticker(api: RestApi, query: _Query) -> Answer:
    return _per_symbol(api, query, _day_row)


def _per_symbol(api: RestApi, query: _Query, row: Callable[[Market, RestApi, _Query], dict[str, Any]]) -> Answer:
    symbol = query.text("symbol")
    if symbol is not None:
        return row(api.market(symbol), api, query)
    names = query.symbols()
    return [row(api.market(name), api, query) for name in (api.engine.instruments if names is None else names)]


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


def _price_row(market: Market, api: RestApi, query: _Query) -> dict[str, Any]:
    return {"symbol": market.instrument.symbol, "price": e8_text(market.tape.last_price * market.instrument.tick_e8)}


def _book_row(market: Market, api: RestApi, query: _Query) -> dict[str, Any]:
    tick, lot, top = market.instrument.tick_e8, market.instrument.lot_e8, market.top
    return {
        "symbol": market.instrument.symbol,
        "bidPrice": e8_text(top.bid * tick),
        "bidQty": e8_text(top.bid_lots * lot),
        "askPrice": e8_text(top.ask * tick),
        "askQty": e8_text(top.ask_lots * lot),
    }


def _day_row(market: Market, api: RestApi, query: _Query) -> dict[str, Any]:
    instrument, top = market.instrument, market.top
    stats: RollingStats = market.tape.rolling(_DAY_MS, api.clock.now_ns() // _MS_NS)
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


ENDPOINTS: dict[str, Endpoint] = {
    "/api/v3/ping": Endpoint(_flat(1), _ping),
    "/api/v3/time": Endpoint(_flat(1), _time),
    "/api/v3/exchangeInfo": Endpoint(_flat(20), _exchange_info),
    "/api/v3/depth": Endpoint(_depth_weight, _depth),
    "/api/v1/depth": Endpoint(_depth_weight, _depth),
    "/api/v3/trades": Endpoint(_flat(25), _trades),
    "/api/v3/historicalTrades": Endpoint(_flat(25), _historical_trades),
    "/api/v3/aggTrades": Endpoint(_flat(4), _agg_trades),
    "/api/v3/klines": Endpoint(_flat(2), _klines),
    "/api/v3/uiKlines": Endpoint(_flat(2), _klines),
    "/api/v3/avgPrice": Endpoint(_flat(2), _average_price),
    "/api/v3/ticker/price": Endpoint(_one_or_all(2, 4), _price),
    "/api/v3/ticker/bookTicker": Endpoint(_one_or_all(2, 4), _book_ticker),
    "/api/v3/ticker/24hr": Endpoint(_day_weight, _day_ticker),
}
"""Path → weight and answer."""
