"""trading.tallies: what an outcome is counted in, each of bounded size whatever is put in: curves, histograms, thinned lists, rounds. Pure.

Money is an integer of `POWER`, which is finer than what any instrument counts in: sums over instruments are exact.
"""

from __future__ import annotations

from math import ceil, log2, sqrt
from typing import Generic, TypeVar

import msgspec

from hoga.core.trading import text_of

__all__ = ["POWER", "Curve", "Histogram", "Moments", "Rounds", "RoundsTold", "Thinned", "money", "number_of", "rounded"]

T = TypeVar("T")

POWER = -30
"""Of money here."""
_UNIT = 10.0**POWER

_SECOND_NS = 10**9
_PER_DOUBLING = 8
_SHOWN_DIGITS = 8


def money(value: int) -> str:
    """Exact text of an amount."""
    return text_of(value, POWER)


def rounded(value: int, digits: int = _SHOWN_DIGITS) -> str:
    """Text of an amount that is no sum, as a mean: half a last digit is rounded away from 0."""
    unit = 10 ** (-POWER - digits)
    whole = (2 * abs(value) + unit) // (2 * unit)
    return text_of(whole if value >= 0 else -whole, -digits)


class Curve:
    """Values over time, at most `limit` × 4 points of them: of each piece of time the first, least, greatest and last value are kept,
    so that no peak is lost. Times do not go back."""

    __slots__ = ("_last", "_limit", "_pieces", "_width")

    def __init__(self, limit: int = 400) -> None:
        self._limit = limit
        self._width = _SECOND_NS
        self._pieces: list[list[int]] = []
        self._last = -1

    def add(self, t: int, value: int) -> None:
        """One value."""
        key = t // self._width
        if key == self._last:
            piece = self._pieces[-1]
            if value < piece[3]:
                piece[2], piece[3] = t, value
            if value > piece[5]:
                piece[4], piece[5] = t, value
            piece[6], piece[7] = t, value
            return
        self._last = key
        self._pieces.append([t, value, t, value, t, value, t, value])
        if len(self._pieces) > self._limit:
            self._widen()

    def _widen(self) -> None:
        while len(self._pieces) > self._limit:
            self._width *= 2
            merged: list[list[int]] = []
            for piece in self._pieces:
                before = merged[-1] if merged else None
                if before is None or before[0] // self._width != piece[0] // self._width:
                    merged.append(piece)
                    continue
                if piece[3] < before[3]:
                    before[2:4] = piece[2:4]
                if piece[5] > before[5]:
                    before[4:6] = piece[4:6]
                before[6:8] = piece[6:8]
            self._pieces = merged
        self._last = self._pieces[-1][0] // self._width

    def points(self) -> list[tuple[int, int]]:
        """(time, value) in order."""
        found: list[tuple[int, int]] = []
        for piece in self._pieces:
            for t, value in sorted({(piece[at], piece[at + 1]) for at in (0, 2, 4, 6)}):
                if len(found) < 2 or value != found[-1][1] or value != found[-2][1]:
                    found.append((t, value))
                else:
                    found[-1] = (t, value)  # a flat line needs its ends only
        return found


class Thinned(Generic[T]):
    """At most `limit` of many things: every one, then every second, then every fourth. `seen`: how many there were."""

    __slots__ = ("_every", "_kept", "_limit", "seen")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._every = 1
        self._kept: list[T] = []
        self.seen = 0

    def add(self, thing: T) -> None:
        """One more."""
        if self.seen % self._every == 0:
            if len(self._kept) == self._limit:
                self._kept = self._kept[::2]
                self._every *= 2
            if self.seen % self._every == 0:
                self._kept.append(thing)
        self.seen += 1

    def kept(self) -> list[T]:
        """In order."""
        return list(self._kept)


class Histogram:
    """How long things took, in ns, to a ninth part of what it says: eight steps between a time and its double."""

    __slots__ = ("counts", "greatest", "least", "n")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.n = 0
        self.least = 0
        self.greatest = 0

    def add(self, ns: int) -> None:
        """One time; less than 1 ns counts as that."""
        ns = max(1, ns)
        step = ceil(log2(ns) * _PER_DOUBLING)
        self.counts[step] = self.counts.get(step, 0) + 1
        self.least = min(self.least, ns) if self.n else ns
        self.greatest = max(self.greatest, ns)
        self.n += 1

    def quantile(self, share: float) -> int:
        """So long, or shorter, took this share of all; 0 where there are none."""
        wanted, seen = ceil(share * self.n), 0
        for step in sorted(self.counts):
            seen += self.counts[step]
            if seen >= wanted:
                return min(self.greatest, round(2 ** (step / _PER_DOUBLING)))
        return 0

    def bars(self) -> list[tuple[int, int]]:
        """(up to so many ns, how many), doubling, without those before the first and behind the last."""
        found: dict[int, int] = {}
        for step, count in self.counts.items():
            doubling = ceil(step / _PER_DOUBLING)
            found[doubling] = found.get(doubling, 0) + count
        return [(2**each, found.get(each, 0)) for each in range(min(found), max(found) + 1)] if found else []


class Moments:
    """Mean, deviation, skew and kurtosis of numbers that go by: for what is no sum of money."""

    __slots__ = ("_fourth", "_mean", "_n", "_second", "_third")

    def __init__(self) -> None:
        self._n = 0
        self._mean = self._second = self._third = self._fourth = 0.0

    def add(self, value: float) -> None:
        """One more (Pébay, 2008: the sums of powers around the mean, moved along with it)."""
        before = self._n
        n = self._n = before + 1
        off = value - self._mean
        part = off / n
        square = part * part
        term = off * part * before
        self._mean += part
        self._fourth += term * square * (n * n - 3 * n + 3) + 6 * square * self._second - 4 * part * self._third
        self._third += term * part * (n - 2) - 3 * part * self._second
        self._second += term

    def ratio(self) -> float | None:
        """The mean over the deviation of the sample; None: there is none."""
        deviation = sqrt(self._second / (self._n - 1)) if self._n > 1 else 0.0
        return self._mean / deviation if deviation else None

    def skew(self) -> float | None:
        """0 of a symmetric lot; None where all are equal."""
        return self._third / self._n / (self._second / self._n) ** 1.5 if self._second > 0 else None

    def kurtosis(self) -> float | None:
        """3 of a normal lot; None where all are equal."""
        return self._fourth / self._n / (self._second / self._n) ** 2 if self._second > 0 else None


class RoundsTold(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips of one kind. Money as exact text; `expectancy` (the mean net), `mean_win` and `mean_loss` are rounded.

    `win_rate`: won of all, None: there is none. `profit_factor`: what was won by what was lost, None: nothing was lost. `best_bp` and
    `worst_bp`: the mean of the furthest that the price went for and against them; `seconds`: how long they lasted, together. `ratio`: the
    mean net over its deviation; `skew` and `kurtosis` (3 of a normal one) of the nets; None: all nets are equal, or there are none.
    """

    rounds: int
    wins: int
    losses: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: str | None
    gross: str
    fees: str
    funding: str
    net: str
    mean_win: str | None
    mean_loss: str | None
    largest_win: str
    largest_loss: str
    most_losses_in_a_row: int
    seconds: float
    best_bp: float | None
    worst_bp: float | None
    ratio: float | None
    skew: float | None
    kurtosis: float | None


class Rounds:
    """Sums of round trips."""

    __slots__ = ("_best", "_excursions", "_losing", "_worst", "fees", "funding", "gross", "largest_loss", "largest_win", "losses", "lost",
                 "moments", "most_losing", "n", "seconds", "wins", "won")  # fmt: skip

    def __init__(self) -> None:
        self.moments = Moments()
        self.n = self.wins = self.losses = self.won = self.lost = self.gross = self.fees = self.funding = 0
        self.largest_win = self.largest_loss = self._losing = self.most_losing = self._excursions = 0
        self.seconds = self._best = self._worst = 0.0

    def add(self, *, gross: int, fees: int, funding: int, net: int, seconds: float, best_bp: float | None, worst_bp: float | None) -> None:
        """One."""
        self.n += 1
        self.gross += gross
        self.fees += fees
        self.funding += funding
        self.seconds += seconds
        self.moments.add(net * _UNIT)
        if net > 0:
            self.wins += 1
            self.won += net
            self.largest_win = max(self.largest_win, net)
        elif net < 0:
            self.losses += 1
            self.lost -= net
            self.largest_loss = min(self.largest_loss, net)
        self._losing = self._losing + 1 if net < 0 else 0
        self.most_losing = max(self.most_losing, self._losing)
        if best_bp is not None and worst_bp is not None:
            self._excursions += 1
            self._best += best_bp
            self._worst += worst_bp

    @property
    def net(self) -> int:
        """After fees and funding."""
        return self.won - self.lost

    def told(self) -> RoundsTold:
        """As it is shown."""
        return RoundsTold(
            rounds=self.n,
            wins=self.wins,
            losses=self.losses,
            win_rate=round(self.wins / self.n, 6) if self.n else None,
            profit_factor=round(self.won / self.lost, 6) if self.lost else None,
            expectancy=rounded(self.net // self.n) if self.n else None,
            gross=money(self.gross),
            fees=money(self.fees),
            funding=money(self.funding),
            net=money(self.net),
            mean_win=rounded(self.won // self.wins) if self.wins else None,
            mean_loss=rounded(-self.lost // self.losses) if self.losses else None,
            largest_win=money(self.largest_win),
            largest_loss=money(self.largest_loss),
            most_losses_in_a_row=self.most_losing,
            seconds=round(self.seconds, 3),
            best_bp=round(self._best / self._excursions, 2) if self._excursions else None,
            worst_bp=round(self._worst / self._excursions, 2) if self._excursions else None,
            ratio=self.moments.ratio(),
            skew=self.moments.skew(),
            kurtosis=self.moments.kurtosis(),
        )


def number_of(value: object) -> float | None:
    """A record's number, which may be text; None: it is none."""
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
