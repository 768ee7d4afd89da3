"""simulator.engine.instruments: what is traded, at which price it starts, how finely and how busily.

Known symbols have realistic prices (autumn 2026); an unknown one gets figures drawn from its name, so that every
symbol a user types has a market and has the same one next time. Prices and sizes are integers: `tick_e8` and `lot_e8`
are the smallest steps in units of 1e-8.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

__all__ = ["KNOWN_SYMBOLS", "Instrument", "instrument_of"]

E8 = 100_000_000


class Instrument(NamedTuple):
    """One traded symbol. `start_ticks` is where its market opens; `typical_lots` is a usual order's size;
    `events_per_s` is the mean rate of the random flow's orders and cancels."""

    symbol: str
    base: str
    quote: str
    tick_e8: int
    lot_e8: int
    start_ticks: int
    typical_lots: int
    events_per_s: float


_KNOWN: dict[str, tuple[str, str, str, str, str, float]] = {
    # symbol: base, quote, price, tick, step, events per second
    "BTCUSDT": ("BTC", "USDT", "86704.77", "0.01", "0.00001", 90.0),
    "ETHUSDT": ("ETH", "USDT", "2931.42", "0.01", "0.0001", 70.0),
    "BNBUSDT": ("BNB", "USDT", "868.31", "0.01", "0.001", 35.0),
    "SOLUSDT": ("SOL", "USDT", "134.62", "0.01", "0.001", 45.0),
    "XRPUSDT": ("XRP", "USDT", "2.0713", "0.0001", "0.1", 40.0),
    "DOGEUSDT": ("DOGE", "USDT", "0.14872", "0.00001", "1", 35.0),
    "ADAUSDT": ("ADA", "USDT", "0.4231", "0.0001", "0.1", 25.0),
    "TRXUSDT": ("TRX", "USDT", "0.2794", "0.0001", "0.1", 20.0),
    "LINKUSDT": ("LINK", "USDT", "13.05", "0.01", "0.01", 25.0),
    "AVAXUSDT": ("AVAX", "USDT", "13.84", "0.01", "0.01", 25.0),
    "LTCUSDT": ("LTC", "USDT", "84.51", "0.01", "0.001", 20.0),
    "BCHUSDT": ("BCH", "USDT", "561.4", "0.1", "0.001", 15.0),
    "DOTUSDT": ("DOT", "USDT", "2.318", "0.001", "0.01", 20.0),
    "SUIUSDT": ("SUI", "USDT", "1.6172", "0.0001", "0.1", 25.0),
    "PEPEUSDT": ("PEPE", "USDT", "0.00000468", "0.00000001", "1", 25.0),
    "SHIBUSDT": ("SHIB", "USDT", "0.00000853", "0.00000001", "1", 20.0),
    "NEARUSDT": ("NEAR", "USDT", "1.921", "0.001", "0.1", 15.0),
    "UNIUSDT": ("UNI", "USDT", "6.312", "0.001", "0.01", 15.0),
    "ETHBTC": ("ETH", "BTC", "0.03381", "0.00001", "0.0001", 25.0),
    "BNBBTC": ("BNB", "BTC", "0.010014", "0.000001", "0.001", 15.0),
    "BTCUSDC": ("BTC", "USDC", "86712.54", "0.01", "0.00001", 50.0),
    "ETHUSDC": ("ETH", "USDC", "2931.61", "0.01", "0.0001", 40.0),
    "USDCUSDT": ("USDC", "USDT", "0.9998", "0.0001", "1", 20.0),
}

KNOWN_SYMBOLS = tuple(_KNOWN)
"""Symbols with realistic figures, busiest first by habit."""

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "AUD", "JPY", "GBP", "USD")
_TYPICAL_NOTIONAL = 900  # quote units of a dollar-like quote


def instrument_of(symbol: str) -> Instrument:
    """The instrument of any symbol: a known one's figures, else figures drawn from the name."""
    known = _KNOWN.get(symbol)
    if known is None:
        return _drawn(symbol)
    base, quote, price, tick, step, rate = known
    return _instrument(symbol, base, quote, _e8(price), _e8(tick), _e8(step), rate)


def _drawn(symbol: str) -> Instrument:
    quote = next((q for q in _QUOTES if symbol.endswith(q) and len(symbol) > len(q)), "USDT")
    base = symbol.removesuffix(quote) or symbol
    draw = zlib.crc32(symbol.encode())
    price_e8 = int(E8 * 10 ** (draw % 4_000 / 1_000 - 2))  # 0.01 to 100
    tick_e8 = 10 ** max(0, len(str(price_e8)) - 5)
    lot_e8 = max(1, 10 ** min(8, 16 - len(str(price_e8))) // 10)
    return _instrument(symbol, base, quote, price_e8, tick_e8, lot_e8, 1.0 + draw % 5)


def _instrument(symbol: str, base: str, quote: str, price_e8: int, tick_e8: int, lot_e8: int, rate: float) -> Instrument:
    dollars = _known_price_e8(quote) / E8
    typical = int(_TYPICAL_NOTIONAL / dollars * E8 * E8 / price_e8 / lot_e8)
    return Instrument(symbol, base, quote, tick_e8, lot_e8, price_e8 // tick_e8, max(2, typical), rate)


def _known_price_e8(quote: str) -> int:
    known = _KNOWN.get(f"{quote}USDT")
    return _e8(known[2]) if known else E8


def _e8(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * E8 + int(fraction.ljust(8, "0"))
