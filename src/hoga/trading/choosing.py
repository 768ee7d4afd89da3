"""trading.choosing: what the best of many tries is worth: how good the best would look if none of them were any good. Pure.

Whoever runs a strategy with a hundred sets of parameters and shows the best has shown a hundredth of what was tried. The measure is a
run's ratio: the mean net of its round trips over their deviation. Of N runs without any skill, whose ratios lie around 0 as far apart
as those that were found, the best has on average the ratio

    expected = deviation of the ratios × ((1 − γ) × z(1 − 1/N) + γ × z(1 − 1/(N·e)))          γ = 0.5772…, z: quantile of the normal

and the best run's probability of having more than that, with n round trips of this skew and kurtosis, is

    P = Φ((ratio − expected) × √(n − 1) / √(1 − skew × ratio + (kurtosis − 1) / 4 × ratio²))

(the deflated Sharpe ratio of Bailey and López de Prado, 2014, over round trips in place of days). Tries that resemble each other count as
if they did not: that is against the best run, never for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import e, sqrt
from statistics import NormalDist, pstdev

import msgspec

from hoga.trading.tallies import RoundsTold

__all__ = ["Chosen", "Try", "choose"]

_GAMMA = 0.5772156649015329
_FEW_ROUNDS = 10


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One run of many: its name, its parameters, and its figures (`trading.told.figures`). `rounds`: of its first currency."""

    name: str
    mode: str
    grade: str
    from_ns: int
    to_ns: int
    verdict: str
    parameters: dict[str, str]
    figures: dict[str, object]
    rounds: RoundsTold


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What choosing the best has done. `tries`: with enough round trips to be judged; `ratio`: of the best; `expected`: what the best of so
    many without skill would have; `probability`: that the best has more, None: it cannot be told."""

    tries: int
    best: str
    ratio: float
    expected: float
    probability: float | None


def choose(tries: Sequence[Try]) -> Chosen | None:
    """The best of these by ratio, deflated. None: fewer than two have ten round trips of different nets."""
    judged = [(each.rounds.ratio, each) for each in tries if each.rounds.rounds >= _FEW_ROUNDS and each.rounds.ratio is not None]
    ratios = [ratio for ratio, _ in judged if ratio is not None]
    if len(ratios) < 2:
        return None
    ratio, best = max(zip(ratios, (each for _, each in judged), strict=True), key=lambda pair: pair[0])
    expected = pstdev(ratios) * _best_of(len(ratios))
    return Chosen(
        tries=len(ratios), best=best.name, ratio=ratio, expected=expected, probability=_probability(ratio - expected, ratio, best.rounds)
    )


def _best_of(tries: int) -> float:
    """What the best of so many draws of the standard normal is on average."""
    normal = NormalDist()
    return (1 - _GAMMA) * normal.inv_cdf(1 - 1 / tries) + _GAMMA * normal.inv_cdf(1 - 1 / (tries * e))


def _probability(more: float, ratio: float, rounds: RoundsTold) -> float | None:
    if rounds.skew is None or rounds.kurtosis is None:
        return None
    variance = 1 - rounds.skew * ratio + (rounds.kurtosis - 1) / 4 * ratio * ratio
    return None if variance <= 0 else NormalDist().cdf(more * sqrt(rounds.rounds - 1) / sqrt(variance))
