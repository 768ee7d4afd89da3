"""A figure meets its bar, or it does not."""

from __future__ import annotations

import pytest

from bench.bars import BARS, Bar, Verdict, figure, of_a_sample, verdict_of
from bench.report import number, rows


@pytest.mark.parametrize(
    ("value", "bar", "verdict"),
    [
        (400_000, Bar(250_000, 400_000, at_least=True), Verdict.AIM),
        (399_999, Bar(250_000, 400_000, at_least=True), Verdict.REQUIRED),
        (249_999, Bar(250_000, 400_000, at_least=True), Verdict.MISSED),
        (1.25, Bar(1.5, 1.25, at_least=False), Verdict.AIM),
        (1.51, Bar(1.5, 1.25, at_least=False), Verdict.MISSED),
        (5.0, Bar(5.0, 2.0, at_least=False, strict=True), Verdict.MISSED),
        (0, Bar(0, 0, at_least=False), Verdict.AIM),
        (1, Bar(0, 0, at_least=False), Verdict.MISSED),
        (1, None, Verdict.NONE),
    ],
)
def test_verdicts(value: float, bar: Bar | None, verdict: Verdict) -> None:
    assert verdict_of(value, bar) is verdict


def test_a_figure_is_the_median_of_its_runs_judged_by_its_bar() -> None:
    found = figure("burst.rate", "burst", "frames/s", [1.0, 500_000.0, 300_000.0])
    assert (found.median, found.low, found.high, found.required, found.verdict) == (300_000.0, 1.0, 500_000.0, 300_000, Verdict.REQUIRED)


def test_of_a_sample_only_what_must_be_none_at_all_is_judged() -> None:
    slow, lost = figure("tree.seconds", "tree", "s", [11.0]), figure("hub.lost", "lost", "events", [1.0])
    assert [of_a_sample(each).verdict for each in (slow, lost)] == [Verdict.SAMPLE, Verdict.MISSED]
    assert of_a_sample(figure("x", "what", "µs", [2.0])).verdict is Verdict.NONE


def test_no_aim_is_easier_than_what_is_required() -> None:
    assert all(bar.aim >= bar.required if bar.at_least else bar.aim <= bar.required for bar in BARS.values())


@pytest.mark.parametrize(
    ("value", "text"), [(413_912.3, "413,912"), (0.4567, "0.457"), (12.345, "12.35"), (123.45, "123.5"), (0, "0"), (1.5, "1.50")]
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_a_row_without_a_bar_has_no_verdict() -> None:
    assert rows([figure("x", "what", "µs", [2.0])]) == [["what", "2", "", "µs", "", "", ""]]
