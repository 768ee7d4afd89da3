"""trading.paper.settings: what a paper account begins with, what it pays, and how long its orders are under way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import OrderRequest, PositionSide

__all__ = ["Draws", "Grade", "Latency", "PaperLeft", "PaperSettings"]

_MASK = (1 << 64) - 1


class Latency(msgspec.Struct, frozen=True):
    """How long it takes from sending to the answer, in ns: one of `samples`, each as likely as the others. Never empty."""

    samples: tuple[int, ...] = (50 * MS_NS,)

    def __post_init__(self) -> None:
        if not self.samples or min(self.samples) < 0:
            raise ValueError("a latency needs at least one sample, and none below 0")


class Grade(StrEnum):
    """What is known of the market: books and trades, trades alone, or bars alone.

    Trades: an order that takes pays the last trade's price and the stated half spread; one that rests is filled by trades beyond its price.
    Bars: an order that takes waits for the next `MarketTop` (the opening, told by whoever plays the bars) or `MarketBar`, whose opening it
    pays; one that rests is filled by a bar that goes beyond its price and began after it was sent; of a stop and a take inside one bar the
    stop counts, also in the bar in which it was sent.
    """

    BOOKS = "books"
    TRADES = "trades"
    BARS = "bars"


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A paper account. Fees in hundredths of a percent, None: the venue's usual ones.

    `balance`: what it begins with, exact text, in each currency that its instruments are paid in; `coins`: what else, by currency.
    `leverage`: of contracts, `leverages` of single symbols. `half_spread_bp`: how far from a trade's or a bar's price its buyer and seller
    would have dealt, where no book is known. `beat_ns`: how often the account's stream gives a sign of life.

    `maintenance_bp`: the share of a position's worth below which the account's equity may not fall, else everything is liquidated, for
    a fee of `liquidation_bp`. `funding_bp`: what a position pays each eight hours, whichever side it is on, where the venue's rate is
    not told. `hedge`: contracts have a long and a short position a symbol.
    """

    grade: Grade = Grade.BOOKS
    balance: str = "10000"
    coins: Mapping[str, str] = {}
    maker_fee_bp: float | None = None
    taker_fee_bp: float | None = None
    leverage: int = 1
    leverages: Mapping[str, int] = {}
    latency: Latency = Latency()
    seed: int = 1
    half_spread_bp: float = 5.0
    beat_ns: int = SECOND_NS
    maintenance_bp: int = 100
    liquidation_bp: int = 125
    funding_bp: float = 1.0
    hedge: bool = False

    def __post_init__(self) -> None:
        if self.beat_ns <= 0 or self.leverage < 1 or min(self.leverages.values(), default=1) < 1:
            raise ValueError("beat_ns has to be above 0, and a leverage 1 or more")


class PaperLeft(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier life left of an account. `money`: by currency, exact texts, what orders held too; `held`: (symbol, side, quantity,
    Σ price × quantity) of positions; `orders`: (as it was asked for, the venue's id, "": it was not told, how much is filled) of those that
    are open."""

    money: Mapping[str, str]
    held: tuple[tuple[str, PositionSide, int, int], ...] = ()
    orders: tuple[tuple[OrderRequest, str, int], ...] = ()


class Draws:
    """A sequence of numbers by a seed (splitmix64): the same in every run and on every machine."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return (state ^ (state >> 31)) * bound >> 64
