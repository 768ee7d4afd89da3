"""simulator.upbit.replayed: captured frames for connections of any format, and for REST. Pure.

A frame goes out as it was captured to connections that speak its format; for the others its keys are renamed and the
text of its numbers is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hoga.captures.frames import Frame
from hoga.simulator.engine import Market
from hoga.simulator.faults import Printed
from hoga.simulator.upbit.markets import tick_e8_of
from hoga.simulator.upbit.numbers import double, plain
from hoga.simulator.upbit.payloads import ASSET_KEYS, KEYS, UNIT_KEYS, Format, printed

__all__ = ["book_row", "price_row", "printing", "step_row"]

_ROW = ("timestamp", "total_ask_size", "total_bid_size", "orderbook_units", "level")
_INNER = {"orderbook_units": UNIT_KEYS, "assets": ASSET_KEYS}


class _Number(float):
    """A number that is printed as it was read."""

    text: str

    def __repr__(self) -> str:
        return self.text


def printing(frame: Frame) -> Callable[[Format], Printed]:
    """Print a captured frame for any form."""
    captured = frame.payload.decode("utf-8", "replace")
    short = '"ty"' in captured[:60]

    def encode(form: Format) -> Printed:
        return printed(captured if form.short == short else respelt(captured, to_short=form.short), form)

    return encode


def book_row(code: str, captured: bytes, count: int) -> str:
    """A captured book as REST tells it, its best `count` units."""
    text = captured.decode("utf-8", "replace")
    book = json.loads(respelt(text, to_short=False), parse_float=_number, parse_int=_number)
    row = {"market": code} | {key: book[key] for key in _ROW if key in book}
    return _dump(row | {"orderbook_units": book["orderbook_units"][:count]})


def step_row(market: Market) -> str:
    """What `orderbook/instruments` says of a market."""
    instrument = market.instrument
    tick = tick_e8_of(instrument.quote, market.tape.last_price * instrument.tick_e8)
    return _dump({"market": instrument.symbol, "quote_currency": instrument.quote, "tick_size": plain(tick), "supported_levels": ["0"]})


def price_row(market: Market) -> str:
    """What a ticker says that a recording knows of: the last price."""
    instrument = market.instrument
    price = f'"trade_price":{double(market.tape.last_price * instrument.tick_e8)}'
    return f'{{"market":"{instrument.symbol}",{price},"trade_timestamp":{market.tape.last_trade_ms}}}'


def respelt(text: str, *, to_short: bool) -> str:
    """One object with its keys renamed; unknown keys and the numbers' spelling stay. Raises ValueError for no object."""
    value = json.loads(text, parse_float=_number, parse_int=_number)
    if not isinstance(value, dict):
        raise ValueError("a frame is an object")
    kind = str(value.get("type", value.get("ty")))
    return _dump(_renamed(value, KEYS.get("candle" if kind.startswith("candle.") else kind, ()), to_short=to_short))


def _renamed(value: dict[str, Any], keys: tuple[tuple[str, str], ...], *, to_short: bool) -> dict[str, Any]:
    old, new = (0, 1) if to_short else (1, 0)
    names = {pair[old]: pair for pair in keys}
    renamed: dict[str, Any] = {}
    for key, inner in value.items():
        pair = names.get(key, (key, key))
        rows = _INNER.get(pair[0])
        renamed[pair[new]] = [_renamed(row, rows, to_short=to_short) for row in inner] if rows else inner
    return renamed


def _number(text: str) -> _Number:
    number = _Number(text)
    number.text = text
    return number


def _dump(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_dump(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(_dump(inner) for inner in value)}]"
    return value.text if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
