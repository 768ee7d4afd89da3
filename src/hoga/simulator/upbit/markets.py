"""simulator.upbit.markets: what Upbit trades, at which price it starts, and how finely. Pure.

A market's code is `QUOTE-BASE`. Known ones have realistic prices (autumn 2026), any other well-formed code gets figures
drawn from its name. Source of the ticks: protocol sheet 7.4 (docs.upbit.com/kr/docs/krw-market-info, 2026-05-04).
"""

from __future__ import annotations

import re
import zlib

from hoga.simulator.engine import Instrument

__all__ = ["E8", "KNOWN_MARKETS", "MIN_TOTAL_E8", "describe", "grouping_levels", "is_market", "names_of", "tick_e8_of"]

E8 = 100_000_000
_CODE = re.compile(r"(KRW|BTC|USDT)-[A-Z0-9]{1,12}")

MIN_TOTAL_E8 = {"KRW": 5_000 * E8, "BTC": 5_000, "USDT": E8 // 2}
"""Smallest order by quote currency, in units of 1e-8."""

_KNOWN: dict[str, tuple[str, float]] = {
    # code: price, orders and cancels a second
    "KRW-BTC": ("116540000", 70.0),
    "KRW-ETH": ("3941000", 50.0),
    "KRW-XRP": ("3127", 50.0),
    "KRW-SOL": ("181200", 30.0),
    "KRW-DOGE": ("221", 30.0),
    "KRW-ADA": ("569", 20.0),
    "KRW-TRX": ("375", 15.0),
    "KRW-LINK": ("17540", 15.0),
    "KRW-AVAX": ("18610", 15.0),
    "KRW-BCH": ("754500", 10.0),
    "KRW-ETC": ("19870", 10.0),
    "KRW-SUI": ("2174", 20.0),
    "KRW-USDT": ("1345", 25.0),
    "KRW-SHIB": ("0.01147", 10.0),
    "KRW-PEPE": ("0.00629", 10.0),
    "BTC-ETH": ("0.03381711", 6.0),
    "BTC-XRP": ("0.00002683", 4.0),
    "BTC-DOGE": ("0.00000019", 2.0),
    "USDT-BTC": ("86704.77", 10.0),
    "USDT-ETH": ("2931.42", 8.0),
    "USDT-XRP": ("2.325", 5.0),
}

KNOWN_MARKETS = tuple(_KNOWN)
"""Markets with realistic figures, busiest first by habit."""

_NAMES = {
    "BTC": ("비트코인", "Bitcoin"),
    "ETH": ("이더리움", "Ethereum"),
    "XRP": ("엑스알피(리플)", "XRP"),
    "SOL": ("솔라나", "Solana"),
    "DOGE": ("도지코인", "Dogecoin"),
    "ADA": ("에이다", "Ada"),
    "TRX": ("트론", "TRON"),
    "LINK": ("체인링크", "Chainlink"),
    "AVAX": ("아발란체", "Avalanche"),
    "BCH": ("비트코인캐시", "Bitcoin Cash"),
    "ETC": ("이더리움클래식", "Ethereum Classic"),
    "SUI": ("수이", "Sui"),
    "USDT": ("테더", "Tether"),
    "SHIB": ("시바이누", "Shiba Inu"),
    "PEPE": ("페페", "Pepe"),
}

_KRW_TICKS = [("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"), ("5000", "5"), ("100", "1")]
_KRW_TICKS += [("10", "0.1"), ("1", "0.01"), ("0.1", "0.001"), ("0.01", "0.0001"), ("0.001", "0.00001"), ("0.0001", "0.000001")]
_KRW_TICKS += [("0.00001", "0.0000001"), ("0", "0.00000001")]
_USDT_TICKS = [("10", "0.01"), ("1", "0.001"), ("0.1", "0.0001"), ("0.01", "0.00001"), ("0.001", "0.000001"), ("0.0001", "0.0000001")]
_USDT_TICKS += [("0", "0.00000001")]
_TYPICAL_TOTAL_E8 = {"KRW": 1_200_000 * E8, "BTC": E8 // 200, "USDT": 900 * E8}


def _e8(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * E8 + int(fraction.ljust(8, "0"))


_TICKS_E8 = {
    "KRW": [(_e8(price), _e8(tick)) for price, tick in _KRW_TICKS],
    "USDT": [(_e8(price), _e8(tick)) for price, tick in _USDT_TICKS],
    "BTC": [(0, 1)],
}


def is_market(code: str) -> bool:
    """Tell whether it is spelt like a market's code, in capitals."""
    return _CODE.fullmatch(code) is not None


def tick_e8_of(quote: str, price_e8: int) -> int:
    """The smallest price step at a price, both in units of 1e-8."""
    return next(tick for lowest, tick in _TICKS_E8[quote] if price_e8 >= lowest)


def describe(code: str) -> Instrument:
    """The instrument of any market; the tick is the one at its opening price. Raises ValueError for a code that cannot be one."""
    if not is_market(code):
        raise ValueError(f"{code!r} is no market of Upbit's, expected one like KRW-BTC")
    quote, _, base = code.partition("-")
    known = _KNOWN.get(code)
    draw = zlib.crc32(code.encode())
    price_e8 = _e8(known[0]) if known else _drawn_price_e8(quote, draw)
    tick_e8 = tick_e8_of(quote, price_e8)
    typical = max(2, _TYPICAL_TOTAL_E8[quote] * E8 // price_e8)
    return Instrument(code, base, quote, tick_e8, 1, max(2, price_e8 // tick_e8), typical, known[1] if known else 1.0 + draw % 3)


def _drawn_price_e8(quote: str, draw: int) -> int:
    """Two to four significant digits of what altcoins cost: 10 to 10,000 won, 20 to 20,000 satoshi, a cent to 10 dollars."""
    digits = 10 + draw % 90
    scale = {"KRW": E8, "BTC": 2, "USDT": E8 // 1_000}[quote]
    return int(digits * scale * 10 ** (draw // 90 % 3))


def grouping_levels(instrument: Instrument) -> tuple[int, ...]:
    """Units in which a won market's book can be grouped, in units of 1e-8; 0 is the plain book. Other markets have only that."""
    if instrument.quote != "KRW":
        return (0,)
    return (0, *(instrument.tick_e8 * 10**power for power in range(1, 6)))


def names_of(base: str) -> tuple[str, str]:
    """(Korean name, English name)."""
    return _NAMES.get(base, (base, base.capitalize()))
