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

from collections.abc import Mapping, Sequence
from math import e, sqrt
from statistics import NormalDist, pstdev
from typing import Any

import msgspec

__all__ = ["Chosen", "Try", "choose"]

_GAMMA = 0.5772156649015329
_FEW_ROUNDS = 10


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One run of many: its name, its parameters, and its figures (`trading.told`)."""

    name: str
    mode: str
    grade: str
    verdict: str
    parameters: dict[str, str]
    figures: dict[str, Any]


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
    judged = [(each.figures.get("ratio"), each) for each in tries if (each.figures.get("rounds") or 0) >= _FEW_ROUNDS]
    found = [(ratio, each) for ratio, each in judged if isinstance(ratio, float)]
    if len(found) < 2:
        return None
    ratio, best = max(found, key=lambda pair: pair[0])
    expected = pstdev(each for each, _ in found) * _best_of(len(found))
    probability = _probability(ratio - expected, ratio, best.figures)
    return Chosen(tries=len(found), best=best.name, ratio=ratio, expected=expected, probability=probability)


def _best_of(tries: int) -> float:
    """What the best of so many draws of the standard normal is on average."""
    normal = NormalDist()
    return (1 - _GAMMA) * normal.inv_cdf(1 - 1 / tries) + _GAMMA * normal.inv_cdf(1 - 1 / (tries * e))


def _probability(more: float, ratio: float, figures: Mapping[str, Any]) -> float | None:
    skew, kurtosis = figures.get("skew"), figures.get("kurtosis")
    if skew is None or kurtosis is None:
        return None
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio * ratio
    return None if variance <= 0 else NormalDist().cdf(more * sqrt(figures["rounds"] - 1) / sqrt(variance))
