"""simulator.usdm.mark: mark price, index and funding, from what the market traded. Pure; units of 1e-8.

The index is what the last minute's trades paid on average, the mark price half way between it and the middle of the
book: near the trades always, and the same in the stream and over REST at one moment. Funding follows the venue's
formula, premium + clamp(interest - premium, ±0.05 %), with interest 0.01 % in eight hours.

Source: protocol sheet 2.4 (fields); USD-M docs on funding (formula). The index is chosen: there are no other venues here.
"""

from __future__ import annotations

from typing import NamedTuple

from hoga.simulator.engine import Market

__all__ = ["FUNDING_MS", "INTEREST_E8", "Mark", "mark_of", "next_funding_ms"]

E8 = 100_000_000
FUNDING_MS = 8 * 3_600_000
INTEREST_E8 = 10_000
_CLAMP_E8 = 50_000


class Mark(NamedTuple):
    """Mark price, index and the funding rate. `average` moves over five minutes, `settle` over an hour."""

    price: int
    index_price: int
    average: int
    settle: int
    rate: int


def mark_of(market: Market, now_ms: int) -> Mark:
    """The mark price of a market now."""
    index = _average(market, 1, now_ms)
    top, tick = market.top, market.instrument.tick_e8
    middle = (top.bid + top.ask) * tick // 2 if top.bid and top.ask else index
    premium = (middle - index) * E8 // index
    rate = premium + max(-_CLAMP_E8, min(_CLAMP_E8, INTEREST_E8 - premium))
    price = (index + middle) // 2 if market.mark_e8 is None else market.mark_e8
    return Mark(price, index, _average(market, 5, now_ms), _average(market, 60, now_ms), rate)


def next_funding_ms(now_ms: int) -> int:
    """When funding is next exchanged."""
    return now_ms // FUNDING_MS * FUNDING_MS + FUNDING_MS


def _average(market: Market, minutes: int, now_ms: int) -> int:
    quote, lots = market.tape.average(minutes, now_ms)
    return quote * market.instrument.tick_e8 // lots
