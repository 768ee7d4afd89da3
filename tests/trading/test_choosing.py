"""The best of many tries is told with how good it would look by chance."""

from __future__ import annotations

import random
from statistics import NormalDist, fmean, pstdev, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.trading.choosing import Try, choose
from hoga.trading.tallies import POWER, Moments, Rounds


def one(name: str, nets: list[float], **parameters: str) -> Try:
    rounds = Rounds()
    for net in nets:
        whole = round(net * 10**6) * 10 ** (-POWER - 6)
        rounds.add(gross=whole, fees=0, funding=0, net=whole, seconds=1.0, best_bp=None, worst_bp=None)
    told = rounds.told()
    figures = {"rounds": told.rounds, "ratio": told.ratio, "skew": told.skew, "kurtosis": told.kurtosis, "net": told.net}
    return Try(name=name, mode="backtest", grade="books", verdict="FLAT", parameters=parameters, figures=figures)


@given(st.lists(st.floats(-1_000, 1_000), min_size=2, max_size=60))
def test_moments_that_go_by_are_those_of_the_whole(values: list[float]) -> None:
    moments = Moments()
    for value in values:
        moments.add(value)
    mean, deviation = fmean(values), pstdev(values)
    if deviation < 1e-3 * max(1.0, *map(abs, values)):
        return
    assert moments.ratio() == pytest.approx(mean / stdev(values), rel=1e-6, abs=1e-9)
    assert moments.skew() == pytest.approx(fmean(((value - mean) / deviation) ** 3 for value in values), rel=1e-6, abs=1e-6)
    assert moments.kurtosis() == pytest.approx(fmean(((value - mean) / deviation) ** 4 for value in values), rel=1e-6)


def test_the_best_of_many_without_skill_is_what_chance_gives() -> None:
    """Over a hundred sweeps of thirty runs of noise: the expected best is the mean best, and the probabilities are no discovery."""
    rng = random.Random(7)
    found = [choose([one(str(run), [rng.gauss(0, 1) for _ in range(40)]) for run in range(30)]) for _ in range(100)]
    chosen = [each for each in found if each is not None]
    assert len(chosen) == 100
    assert fmean(each.ratio for each in chosen) == pytest.approx(fmean(each.expected for each in chosen), rel=0.08)
    assert 0.3 < fmean(each.probability or 0.0 for each in chosen) < 0.7


def test_one_that_has_skill_stands_out_and_fewer_tries_ask_for_less() -> None:
    rng = random.Random(3)
    noise = [one(str(run), [rng.gauss(0, 1) for _ in range(200)]) for run in range(30)]
    good = one("good", [rng.gauss(0.5, 1) for _ in range(200)])
    chosen = choose([*noise, good])
    assert chosen is not None
    assert (chosen.best, chosen.tries) == ("good", 31)
    assert (chosen.probability or 0.0) > 0.95
    few, many = choose(noise[:3]), choose(noise)
    assert few is not None
    assert many is not None
    assert few.expected < many.expected


def test_too_few_runs_or_rounds_are_not_judged() -> None:
    assert choose([]) is None
    assert choose([one("a", [1.0, 2.0] * 10)]) is None
    assert choose([one("a", [1.0, 2.0] * 10), one("b", [1.0, 2.0])]) is None
    assert choose([one("a", [1.0, 2.0] * 10), one("b", [1.0] * 20)]) is None


def test_the_expected_best_is_the_formula() -> None:
    runs = [one("a", [1.0, -1.0, 1.0] * 5), one("b", [1.0, -1.0, -1.0] * 5)]
    chosen = choose(runs)
    assert chosen is not None
    normal, gamma = NormalDist(), 0.5772156649015329
    ratios = [each.figures["ratio"] or 0.0 for each in runs]
    wanted = pstdev(ratios) * ((1 - gamma) * normal.inv_cdf(0.5) + gamma * normal.inv_cdf(1 - 1 / (2 * 2.718281828459045)))
    assert chosen.expected == pytest.approx(wanted)
