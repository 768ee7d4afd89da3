"""simulator.upbit.quotation: the public REST answers over what the streams have told. Synchronous.

Each answer takes the API and a call's parameters and returns JSON text; what is wrong raises RestError with the captured
message. Source: protocol sheet 6 (error bodies), 7.1 (captures of 2026-09-23).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from hoga.simulator.upbit.markets import E8, grouping_levels, names_of, tick_e8_of
from hoga.simulator.upbit.numbers import double, plain, ratio
from hoga.simulator.upbit.payloads import utc_text
from hoga.simulator.upbit.publisher import LiveMarket, Publisher
from hoga.simulator.upbit.tape import Candle, Print

__all__ = ["QUOTATION", "Query", "RestError", "missing", "not_found"]

_CLOCK = re.compile(r"(\d\d):?(\d\d):?(\d\d)")
_DAY_MS = 86_400_000
_CAUTIONS = ["PRICE_FLUCTUATIONS", "TRADING_VOLUME_SOARING", "DEPOSIT_AMOUNT_SOARING", "GLOBAL_PRICE_DIFFERENCES"]
_CAUTIONS += ["CONCENTRATION_OF_SMALL_ACCOUNTS"]


class RestError(Exception):
    """An answer that is an error. `name` is a number on quotation paths, text on the others."""

    def __init__(self, status: int, name: str | int, message: str) -> None:
        self.status, self.name, self.message = status, name, message


def missing() -> RestError:
    """A parameter that is needed is not there."""
    return RestError(400, 400, "Missing request parameter error. Check the required parameters!")


def mismatch() -> RestError:
    """A parameter cannot be read."""
    return RestError(400, 400, "Type mismatch error. Check the parameters type!")


def not_found() -> RestError:
    """A market that is not traded."""
    return RestError(404, 404, "Code not found")


class Query:
    """The parameters of one call: the first value of each name, and lists."""

    def __init__(self, values: Mapping[str, list[str]], *, now_ms: int) -> None:
        self._values = values
        self.now_ms = now_ms

    def text(self, name: str) -> str | None:
        """A parameter, None when it is absent or empty."""
        values = self._values.get(name)
        return values[0] if values and values[0] else None

    def several(self, name: str) -> list[str]:
        """Every value of `name` and of `name[]`, comma lists taken apart."""
        values = [*self._values.get(name, ()), *self._values.get(f"{name}[]", ())]
        return [part.strip() for value in values for part in value.split(",") if part.strip()]

    def count(self, default: int, most: int) -> int:
        """`count`, clamped."""
        text = self.text("count")
        if text is None:
            return default
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise mismatch()
        return max(1, min(int(text), most))

    def whole(self, name: str) -> int | None:
        """A whole number."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,20}", text):
            raise mismatch()
        return int(text)

    def moment_ms(self, name: str) -> int | None:
        """A moment in ISO 8601; without a zone it is UTC."""
        text = self.text(name)
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text.replace(" 09:00", "+09:00"))
        except ValueError:
            raise mismatch() from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return int(at.timestamp() * 1_000)


Answer = Callable[[Publisher, Query], str]


def _one(publisher: Publisher, code: str | None) -> LiveMarket:
    if code is None:
        raise missing()
    live = publisher.open(code.upper())
    if live is None:
        raise not_found()
    return live


def _several(publisher: Publisher, query: Query) -> list[LiveMarket]:
    codes = query.several("markets")
    if not codes:
        raise missing()
    return [_one(publisher, code) for code in codes]


def _array(rows: list[str]) -> str:
    return f"[{','.join(rows)}]"


def _markets(publisher: Publisher, query: Query) -> str:
    details = (query.text("is_details") or query.text("isDetails") or "").lower() == "true"
    rows = []
    for code in publisher.codes:
        korean, english = names_of(code.partition("-")[2])
        row: dict[str, object] = {"market": code, "korean_name": korean, "english_name": english}
        if details:
            row["market_event"] = {"warning": False, "caution": dict.fromkeys(_CAUTIONS, False)}
        rows.append(row)
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _orderbook(publisher: Publisher, query: Query) -> str:
    count, level = query.count(30, 30), query.text("level")
    try:
        level_e8 = int(Decimal(level) * E8) if level else 0
    except (InvalidOperation, ValueError, OverflowError):
        raise mismatch() from None
    lives = _several(publisher, query)
    return _array([_book_row(live, count, level_e8) for live in lives if level_e8 in grouping_levels(live.market.instrument)])


def _book_row(live: LiveMarket, count: int, level_e8: int) -> str:
    book = live.book(level_e8)
    totals = [double(sum(size for _, size in side)) for side in (book.asks, book.bids)]
    asks, bids = book.asks[:count], book.bids[:count]
    longest, none = max(len(asks), len(bids)), ((0, 0),)
    units = [
        f'{{"bid_price":{double(bid)},"bid_size":{double(wanted)},"ask_price":{double(ask)},"ask_size":{double(asked)}}}'
        for (ask, asked), (bid, wanted) in zip(asks + none * (longest - len(asks)), bids + none * (longest - len(bids)), strict=True)
    ]
    return (
        f'{{"market":"{live.code}","timestamp":{book.time_ms},"total_ask_size":{totals[0]},"total_bid_size":{totals[1]},'
        f'"orderbook_units":{_array(units)},"level":{plain(level_e8)}}}'
    )


def _instruments(publisher: Publisher, query: Query) -> str:
    rows = []
    for live in _several(publisher, query):
        instrument = live.market.instrument
        levels = [plain(level) for level in grouping_levels(instrument)]
        tick = plain(tick_e8_of(instrument.quote, live.tape.last_price))
        row = {"market": live.code, "quote_currency": instrument.quote, "tick_size": tick, "supported_levels": levels}
        rows.append(json.dumps(row, separators=(",", ":")))
    return _array(rows)


def _ticks(publisher: Publisher, query: Query) -> str:
    live, count = _one(publisher, query.text("market")), query.count(1, 500)
    days, until = query.whole("days_ago"), query.text("to")
    if days is not None and not 1 <= days <= 7:
        raise mismatch()
    before = query.whole("cursor")
    if until is not None or days is not None:
        hit = _CLOCK.fullmatch(until) if until is not None else _CLOCK.fullmatch("235959")
        if hit is None:
            raise mismatch()
        midnight_ms = (query.now_ms // _DAY_MS - (days or 0)) * _DAY_MS
        clock_ms = (int(hit[1]) * 3_600 + int(hit[2]) * 60 + int(hit[3])) * 1_000
        latest = (midnight_ms + clock_ms + (0 if until is not None else 1_000)) * 10_000
        before = latest if before is None else min(before, latest)
    return _array([_tick_row(live.code, made) for made in live.tape.prints_before(before, count)])


def _tick_row(code: str, made: Print) -> str:
    at, side = datetime.fromtimestamp(made.time_ms // 1_000, UTC), "BID" if made.taker_buys else "ASK"
    return (
        f'{{"market":"{code}","trade_date_utc":"{at:%Y-%m-%d}","trade_time_utc":"{at:%H:%M:%S}","timestamp":{made.time_ms},'
        f'"trade_price":{double(made.price)},"trade_volume":{double(made.size)},"prev_closing_price":{double(made.previous)},'
        f'"change_price":{double(made.price - made.previous)},"ask_bid":"{side}","sequential_id":{made.sid}}}'
    )


def _ticker(publisher: Publisher, query: Query) -> str:
    return _array([_ticker_row(live, query.now_ms) for live in _several(publisher, query)])


def _ticker_all(publisher: Publisher, query: Query) -> str:
    quotes = {quote.upper() for quote in query.several("quote_currencies")}
    lives = [_one(publisher, code) for code in publisher.codes if not quotes or code.partition("-")[0] in quotes]
    return _array([_ticker_row(live, query.now_ms) for live in lives])


def _ticker_row(live: LiveMarket, now_ms: int) -> str:
    tape, last = live.tape, live.tape.last
    if last is None:
        raise not_found()
    at = datetime.fromtimestamp(last.time_ms // 1_000, UTC)
    kst, change = at + timedelta(hours=9), last.price - tape.previous
    rate, (turnover, size) = ratio(change, tape.previous), tape.last_day(now_ms)
    values: dict[str, str] = {
        "market": f'"{live.code}"',
        "trade_date": f'"{at:%Y%m%d}"',
        "trade_time": f'"{at:%H%M%S}"',
        "trade_date_kst": f'"{kst:%Y%m%d}"',
        "trade_time_kst": f'"{kst:%H%M%S}"',
        "trade_timestamp": str(last.time_ms),
        "opening_price": double(tape.opening),
        "high_price": double(tape.high),
        "low_price": double(tape.low),
        "trade_price": double(last.price),
        "prev_closing_price": double(tape.previous),
        "change": '"RISE"' if change > 0 else '"FALL"' if change < 0 else '"EVEN"',
        "change_price": double(abs(change)),
        "change_rate": double(abs(rate), 10),
        "signed_change_price": double(change),
        "signed_change_rate": double(rate, 10),
        "trade_volume": double(last.size),
        "acc_trade_price": double(tape.turnover // E8),
        "acc_trade_price_24h": double(turnover // E8),
        "acc_trade_volume": double(tape.ask_size + tape.bid_size),
        "acc_trade_volume_24h": double(size),
        "highest_52_week_price": double(tape.year_high),
        "highest_52_week_date": f'"{at - timedelta(days=45):%Y-%m-%d}"',
        "lowest_52_week_price": double(tape.year_low),
        "lowest_52_week_date": f'"{at - timedelta(days=288):%Y-%m-%d}"',
        "timestamp": str(max(last.time_ms, live.books[0].time_ms)),
    }
    return _object(values)


def _object(values: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in values.items()) + "}"


def _candles(unit: str, name: str) -> Answer:
    def answer(publisher: Publisher, query: Query) -> str:
        live, count, until = _one(publisher, query.text("market")), query.count(1, 200), query.moment_ms("to")
        return _array([_candle_row(live.code, name, bar) for bar in live.tape.before(unit, until, count)])

    return answer


def _candle_row(code: str, name: str, bar: Candle) -> str:
    values = {
        "market": f'"{code}"',
        "candle_date_time_utc": f'"{utc_text(bar.start_ms)}"',
        "candle_date_time_kst": f'"{utc_text(bar.start_ms, kst=True)}"',
        "opening_price": double(bar.open),
        "high_price": double(bar.high),
        "low_price": double(bar.low),
        "trade_price": double(bar.close),
        "timestamp": str(bar.last_ms),
        "candle_acc_trade_price": double(bar.turnover // E8),
        "candle_acc_trade_volume": double(bar.size),
    }
    if name.endswith("m"):
        values["unit"] = name[:-1]
    elif name == "day":
        change = bar.close - bar.previous
        values |= {"prev_closing_price": double(bar.previous), "change_price": double(change)}
        values["change_rate"] = double(ratio(change, bar.previous), 10)
    elif name != "1s":
        values["first_day_of_period"] = f'"{utc_text(bar.start_ms)[:10]}"'
    return _object(values)


QUOTATION: dict[str, tuple[str, Answer]] = {
    "/v1/market/all": ("market", _markets),
    "/v1/ticker": ("ticker", _ticker),
    "/v1/ticker/all": ("ticker", _ticker_all),
    "/v1/orderbook": ("orderbook", _orderbook),
    "/v1/orderbook/instruments": ("orderbook", _instruments),
    "/v1/trades/ticks": ("crix-trades", _ticks),
    "/v1/candles/seconds": ("candles", _candles("1s", "1s")),
    **{f"/v1/candles/minutes/{n}": ("candles", _candles(f"{n}m", f"{n}m")) for n in (1, 3, 5, 10, 15, 30, 60, 240)},
    **{f"/v1/candles/{unit}s": ("candles", _candles(unit, unit)) for unit in ("day", "week", "month", "year")},
}
"""Path → (group of the budget, answer)."""
