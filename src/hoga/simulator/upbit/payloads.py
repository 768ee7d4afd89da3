"""simulator.upbit.payloads: the market printed as Upbit's streams print it, in four formats. Pure.

DEFAULT and SIMPLE differ in keys and in the spelling of numbers; the LIST formats put the object into an array. `KEYS`
holds both names of every field, in wire order, per type: `td` and `ap` mean different things in different types.

Source: protocol sheet 1.4, 2.2, 3.1 to 3.4, 4.1, 4.2 (captures of 2021, 2025-07, 2026-09; documentation of 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from hoga.runtime.frames import BINARY
from hoga.simulator.faults import Printed
from hoga.simulator.upbit.markets import E8
from hoga.simulator.upbit.numbers import double, fixed8, java, plain, ratio
from hoga.simulator.upbit.tape import Candle, Print, Tape

__all__ = [
    "ASSET_KEYS",
    "KEYS",
    "UNIT_KEYS",
    "BookImage",
    "Format",
    "candle",
    "orderbook",
    "printed",
    "record",
    "ticker",
    "trade",
    "utc_text",
]

_KST = timedelta(hours=9)


class Format(StrEnum):
    """How a connection wants its frames."""

    DEFAULT = "DEFAULT"
    SIMPLE = "SIMPLE"
    JSON_LIST = "JSON_LIST"
    SIMPLE_LIST = "SIMPLE_LIST"

    @property
    def short(self) -> bool:
        """Keys are short."""
        return self in (Format.SIMPLE, Format.SIMPLE_LIST)

    @property
    def listed(self) -> bool:
        """The object stands in an array."""
        return self in (Format.JSON_LIST, Format.SIMPLE_LIST)


def _keys(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [each.split("/") for each in text.split()]
    return tuple((pair[0], pair[1]) for pair in pairs)


KEYS = {
    "ticker": _keys(
        "type/ty code/cd opening_price/op high_price/hp low_price/lp trade_price/tp prev_closing_price/pcp acc_trade_price/atp "
        "change/c change_price/cp signed_change_price/scp change_rate/cr signed_change_rate/scr ask_bid/ab trade_volume/tv "
        "acc_trade_volume/atv trade_date/tdt trade_time/ttm trade_timestamp/ttms acc_ask_volume/aav acc_bid_volume/abv "
        "highest_52_week_price/h52wp highest_52_week_date/h52wdt lowest_52_week_price/l52wp lowest_52_week_date/l52wdt "
        "market_state/ms is_trading_suspended/its delisting_date/dd market_warning/mw timestamp/tms acc_trade_price_24h/atp24h "
        "acc_trade_volume_24h/atv24h stream_type/st"
    ),
    "trade": _keys(
        "type/ty code/cd timestamp/tms trade_date/td trade_time/ttm trade_timestamp/ttms trade_price/tp trade_volume/tv ask_bid/ab "
        "prev_closing_price/pcp change/c change_price/cp sequential_id/sid best_ask_price/bap best_ask_size/bas best_bid_price/bbp "
        "best_bid_size/bbs stream_type/st"
    ),
    "orderbook": _keys("type/ty code/cd timestamp/tms total_ask_size/tas total_bid_size/tbs orderbook_units/obu stream_type/st level/lv"),
    "candle": _keys(
        "type/ty code/cd candle_date_time_utc/cdttmu candle_date_time_kst/cdttmk opening_price/op high_price/hp low_price/lp "
        "trade_price/tp candle_acc_trade_volume/catv candle_acc_trade_price/catp timestamp/tms stream_type/st"
    ),
    "myOrder": _keys(
        "type/ty code/cd uuid/uid ask_bid/ab order_type/ot state/s trade_uuid/tuid price/p avg_price/ap volume/v remaining_volume/rv "
        "executed_volume/ev trades_count/tc reserved_fee/rsf remaining_fee/rmf paid_fee/pf locked/l executed_funds/ef "
        "time_in_force/tif trade_fee/tf is_maker/im identifier/id smp_type/smpt prevented_volume/pv prevented_locked/pl "
        "trade_timestamp/ttms order_timestamp/otms timestamp/tms stream_type/st"
    ),
    "myAsset": _keys("type/ty asset_uuid/astuid assets/ast asset_timestamp/asttms timestamp/tms stream_type/st"),
}
"""Type → (DEFAULT key, SIMPLE key) of every field, in wire order. `candle` stands for every candle type."""

UNIT_KEYS = _keys("ask_price/ap bid_price/bp ask_size/as bid_size/bs")
"""The fields of one element of `orderbook_units`."""

ASSET_KEYS = _keys("currency/cu balance/b locked/l")
"""The fields of one element of `assets`."""

_HEADS = {(kind, short): tuple(f'"{pair[short]}":' for pair in keys) for kind, keys in KEYS.items() for short in (False, True)}


class BookImage(NamedTuple):
    """A book as it was told: (price, size) in units of 1e-8, best first, at most 30 a side; when it last changed."""

    time_ms: int
    asks: tuple[tuple[int, int], ...]
    bids: tuple[tuple[int, int], ...]


def printed(payload: str, form: Format, event: str = "") -> Printed:
    """The frame of an object; `event` is the name of an account's event."""
    data = payload.encode()
    return Printed(b"[" + data + b"]" if form.listed else data, data, BINARY, event)


def record(kind: str, form: Format, values: Iterable[str]) -> str:
    """The object of a type from its fields' texts, in wire order."""
    heads = _HEADS[kind, form.short]
    return "{" + ",".join([head + value for head, value in zip(heads, values, strict=True)]) + "}"


def orderbook(code: str, book: BookImage, form: Format, stream_type: str, *, depth: int = 30, level_e8: int = 0) -> str:
    """A whole book of `depth` units; a short side is filled up with zeros. Totals are of all thirty."""
    asks, bids = book.asks[:depth], book.bids[:depth]
    sizes = java if form.short else fixed8
    totals = [sizes(sum(size for _, size in side)) for side in (book.asks, book.bids)]
    units = _short_units(asks, bids) if form.short else _long_units(asks, bids)
    values = ['"orderbook"', f'"{code}"', str(book.time_ms), *totals, units, f'"{stream_type}"', plain(level_e8)]
    return record("orderbook", form, values)


def _long_units(asks: tuple[tuple[int, int], ...], bids: tuple[tuple[int, int], ...]) -> str:
    rows = [
        f'{{"ask_price":{java(ask)},"bid_price":{java(bid)},"ask_size":{fixed8(asked)},"bid_size":{fixed8(wanted)}}}'
        for (ask, asked), (bid, wanted) in _paired(asks, bids)
    ]
    return f"[{','.join(rows)}]"


def _short_units(asks: tuple[tuple[int, int], ...], bids: tuple[tuple[int, int], ...]) -> str:
    rows = [
        f'{{"ap":{plain(ask)},"bp":{plain(bid)},"as":{java(asked)},"bs":{java(wanted)}}}'
        for (ask, asked), (bid, wanted) in _paired(asks, bids)
    ]
    return f"[{','.join(rows)}]"


def _paired(asks: tuple[tuple[int, int], ...], bids: tuple[tuple[int, int], ...]) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
    longest, none = max(len(asks), len(bids)), ((0, 0),)
    return zip(asks + none * (longest - len(asks)), bids + none * (longest - len(bids)), strict=True)


def trade(code: str, made: Print, form: Format, stream_type: str, *, tick_e8: int, sent_ms: int) -> str:
    """One trade, told at `sent_ms`."""
    at, change, top = _utc(made.time_ms), made.price - made.previous, made.top
    price = plain if form.short else double
    values = ['"trade"', f'"{code}"', str(sent_ms), f'"{at:%Y-%m-%d}"', f'"{at:%H:%M:%S}"', str(made.time_ms), price(made.price)]
    values += [_size(made.size, form), _side(made.taker_buys), price(made.previous), _change(change), price(abs(change)), str(made.sid)]
    values += [plain(top.ask * tick_e8), _size(top.ask_lots, form), plain(top.bid * tick_e8), _size(top.bid_lots, form)]
    return record("trade", form, [*values, f'"{stream_type}"'])


def ticker(code: str, tape: Tape, last: Print, form: Format, stream_type: str, *, sent_ms: int, state: str = "ACTIVE") -> str:
    """The day so far, told at `sent_ms`."""
    at, change = _utc(last.time_ms), last.price - tape.previous
    price = plain if form.short else double
    rate, turnover, size_24h = ratio(change, tape.previous), *tape.last_day(sent_ms)
    values = ['"ticker"', f'"{code}"', price(tape.opening), price(tape.high), price(tape.low), price(last.price), price(tape.previous)]
    values += [price(tape.turnover // E8), _change(change), price(abs(change)), price(change), price(abs(rate), 10), price(rate, 10)]
    values += [_side(last.taker_buys), _size(last.size, form), price(tape.ask_size + tape.bid_size), f'"{at:%Y%m%d}"', f'"{at:%H%M%S}"']
    values += [str(last.time_ms), price(tape.ask_size), price(tape.bid_size)]
    values += [price(tape.year_high), f'"{_days_before(at, 45)}"', price(tape.year_low), f'"{_days_before(at, 288)}"']
    values += [f'"{state}"', "false", "null", '"NONE"', str(sent_ms), price(turnover // E8), price(size_24h), f'"{stream_type}"']
    return record("ticker", form, values)


def candle(code: str, unit: str, bar: Candle, form: Format, stream_type: str) -> str:
    """One candle as it stands."""
    price = plain if form.short else double
    values = [f'"candle.{unit}"', f'"{code}"', f'"{utc_text(bar.start_ms)}"', f'"{utc_text(bar.start_ms, kst=True)}"']
    values += [price(each) for each in (bar.open, bar.high, bar.low, bar.close)]
    values += [price(bar.size), price(bar.turnover // E8), str(bar.last_ms), f'"{stream_type}"']
    return record("candle", form, values)


def _size(size: int, form: Format) -> str:
    return java(size) if form.short else double(size)


def _side(taker_buys: bool) -> str:
    return '"BID"' if taker_buys else '"ASK"'


def _change(change: int) -> str:
    return '"RISE"' if change > 0 else '"FALL"' if change < 0 else '"EVEN"'


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms // 1_000, UTC)


def _days_before(at: datetime, days: int) -> str:
    return f"{at - timedelta(days=days):%Y-%m-%d}"


@lru_cache(maxsize=4_096)
def utc_text(time_ms: int, *, kst: bool = False) -> str:
    """`2026-11-20T08:30:00`, without a zone; `kst` in Korean time."""
    return f"{_utc(time_ms) + (_KST if kst else timedelta()):%Y-%m-%dT%H:%M:%S}"
