"""simulator.usdm.instruments: the contracts, as coarse or fine as the futures venue trades them. Pure.

A contract's price and busyness are the spot symbol's; tick, step and printed digits are the venue's own. The printed
digits (`pricePrecision`, `quantityPrecision`) are neither tick nor step: BTCUSDT moves by 0.10 and prints two digits.

Source: protocol sheet 4.2 (live figures of 2026-10-04); other ticks and steps are near the venue's of 2026.
"""

from __future__ import annotations

from hoga.simulator.binance.printer import Digits
from hoga.simulator.engine import Instrument, instrument_of

__all__ = ["contract_of", "digits_of", "least_notional", "most_lots"]

E8 = 100_000_000

_KNOWN: dict[str, tuple[int, int, int]] = {
    # symbol: tick and step in units of 1e-8, digits of a price
    "BTCUSDT": (10_000_000, 100_000, 2),
    "ETHUSDT": (1_000_000, 100_000, 2),
    "BNBUSDT": (1_000_000, 1_000_000, 3),
    "SOLUSDT": (1_000_000, 1_000_000, 4),
    "XRPUSDT": (10_000, 10_000_000, 4),
    "DOGEUSDT": (1_000, 100_000_000, 6),
    "ADAUSDT": (10_000, 100_000_000, 5),
    "LTCUSDT": (1_000_000, 100_000, 2),
    "LINKUSDT": (100_000, 1_000_000, 3),
    "BTCUSDC": (10_000_000, 100_000, 1),
    "ETHUSDC": (1_000_000, 100_000, 2),
}
_LEAST_NOTIONAL = {"BTCUSDT": 50, "ETHUSDT": 20}


def contract_of(symbol: str) -> Instrument:
    """The perpetual contract of any symbol."""
    spot = instrument_of(symbol)
    known = _KNOWN.get(symbol)
    if known is None:
        return spot
    tick, lot, _ = known
    typical = max(2, spot.typical_lots * spot.lot_e8 // lot)
    return spot._replace(tick_e8=tick, lot_e8=lot, start_ticks=spot.start_ticks * spot.tick_e8 // tick, typical_lots=typical)


def digits_of(instrument: Instrument) -> Digits:
    """How a contract's figures are printed."""
    known = _KNOWN.get(instrument.symbol)
    price = known[2] if known else _places(instrument.tick_e8)
    size = _places(instrument.lot_e8)
    return Digits(price, size, min(8, price + size))


def most_lots(instrument: Instrument, *, at_market: bool) -> int:
    """The largest order, in lots; one at market may be a fifth of it."""
    return instrument.typical_lots * (2_000 if at_market else 10_000)


def least_notional(symbol: str) -> int:
    """The smallest value of an order, in whole quote units."""
    return _LEAST_NOTIONAL.get(symbol, 5)


def _places(step_e8: int) -> int:
    return max(0, 8 - (len(str(step_e8)) - len(str(step_e8).rstrip("0"))))
