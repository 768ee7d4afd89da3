"""Budgets, backoff and the plan of an opening: pure rules against plain models."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hoga.net.backoff import PROVEN_AFTER_S, Backoff, BackoffRules
from hoga.net.plan import plan_opening, shards
from hoga.net.ratelimit import Budget
from hoga.venues.binance import SPOT

LIMIT, WINDOW_S = 4, 10.0


class BudgetModel(RuleBasedStateMachine):
    """Whoever waits as long as told never does more than the limit in any window."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(limit=LIMIT, window_s=WINDOW_S)
        self.now = 100.0
        self.taken: list[float] = []

    @rule(seconds=st.integers(0, 15))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        self.now += self.budget.wait_s(self.now)
        assert self.budget.wait_s(self.now) == 0.0
        self.budget.take(self.now)
        self.taken.append(self.now)

    @invariant()
    def never_too_many(self) -> None:
        recent = [at for at in self.taken if at > self.now - WINDOW_S]
        assert self.budget.used(self.now) == len(recent)
        for first, last in zip(self.taken, self.taken[LIMIT:], strict=False):
            assert last - first >= WINDOW_S - 1e-6

    @invariant()
    def waits_no_longer_than_needed(self) -> None:
        recent = [at for at in self.taken if at > self.now - WINDOW_S]
        assert (self.budget.wait_s(self.now) > 0) == (len(recent) >= LIMIT)


def test_a_refusal_slows_everybody_down_and_recovers_in_steps() -> None:
    budget = Budget(limit=80, window_s=10.0)
    budget.refused(100.0, retry_after_s=5.0, banned=False)
    assert budget.wait_s(100.0) == 5.0
    assert [budget.allowed(at) for at in (105.0, 164.0, 165.0)] == [40, 40, 80]
    budget.refused(200.0, retry_after_s=None, banned=False)
    budget.refused(215.0, retry_after_s=1.0, banned=False)
    assert budget.allowed(216.0) == 20
    budget.refused(220.0, retry_after_s=120.0, banned=True)
    assert budget.wait_s(220.0) == 120.0
    assert [budget.allowed(340.0 + minutes * 60) for minutes in range(5)] == [10, 20, 40, 80, 80]
    assert budget.refusals == 4


def test_weights_add_up() -> None:
    budget = Budget(limit=100, window_s=10.0)
    budget.take(0.0, 50)
    budget.take(4.0, 30)
    assert [budget.wait_s(5.0, weight) for weight in (20, 21, 70, 71, 1_000)] == [0.0, 5.0, 5.0, 9.0, 9.0]
    assert budget.used(9.0) == 80
    assert budget.used(10.0) == 30
    assert budget.wait_s(14.0, 1_000) == 0.0


TestBudget = BudgetModel.TestCase
TestBudget.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_the_classic_schedule() -> None:
    backoff = Backoff(BackoffRules(base_s=2, max_s=30, reset_cycle_after=7, reset_level=5))
    delays = []
    for _ in range(12):
        backoff.failed()
        delays.append(backoff.delay_s(1.0))
    assert delays == [2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30]
    assert backoff.failures == 12


def test_the_level_goes_round_for_ever() -> None:
    backoff = Backoff(BackoffRules(base_s=1.1, max_s=1000, reset_cycle_after=3, reset_level=1))
    levels = []
    for _ in range(8):
        backoff.failed()
        levels.append(backoff.level)
    assert levels == [1, 2, 3, 1, 2, 3, 1, 2]


@given(st.floats(0, 1), st.integers(0, 200), st.floats(0.01, 10), st.floats(0.01, 60))
def test_a_pause_is_never_longer_than_told_and_never_none(jitter: float, failures: int, base_s: float, max_s: float) -> None:
    backoff = Backoff(BackoffRules(base_s=base_s, max_s=max_s))
    for _ in range(failures):
        backoff.failed()
    assert 0 < backoff.delay_s(jitter) <= max(max_s, 0.5)


@pytest.mark.parametrize(("lived_s", "brought", "level"), [(PROVEN_AFTER_S, True, 0), (PROVEN_AFTER_S - 1, True, 4), (1e6, False, 4)])
def test_only_a_proven_connection_starts_the_schedule_anew(lived_s: float, brought: bool, level: int) -> None:
    backoff = Backoff(BackoffRules())
    for _ in range(3):
        backoff.failed()
    backoff.ended(lived_s=lived_s, brought_data=brought)
    assert backoff.level == level
    assert (backoff.failures == 0) == (level == 0)
    assert backoff.delay_s(0.0) < 1 or level


@given(st.lists(st.integers(), max_size=50), st.integers(1, 10))
def test_shards_are_few_even_and_complete(items: list[int], limit: int) -> None:
    parts = shards(items, limit)
    assert [item for part in parts for item in part] == items
    assert len(parts) == -(-len(items) // limit)
    if parts:
        sizes = [len(part) for part in parts]
        assert max(sizes) <= limit
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) > 0


NAMES = st.lists(st.sampled_from(["btcusdt@depth20@100ms", "币安人生usdt@aggTrade", "x@trade", "1000satsusdt@depth"]), max_size=40)


@given(NAMES, st.integers(8, 400), st.integers(1, 7))
def test_an_opening_holds_every_stream_once_within_its_limits(names: list[str], room: int, batch: int) -> None:
    path_of = partial(SPOT.connect_path, "")
    opening = plan_opening(names, path_of=path_of, url_max_chars=room, batch=batch)
    rest = [name for part in opening.batches for name in part]
    in_url = names[: len(names) - len(rest)]
    assert in_url + rest == names
    assert opening.path == path_of(in_url)
    assert len(opening.path) <= max(room, len(path_of([])))
    assert all(len(part) <= batch for part in opening.batches)
    assert all(len(part) == batch for part in opening.batches[:-1])
