from __future__ import annotations

from hoga.simulator.upbit.limits import Buckets, MessageBudget, UpbitLimits

S = 1_000_000_000
START = 1_795_180_500 * S


def test_ten_at_once_pass_and_then_one_each_tenth_of_a_second() -> None:
    buckets = Buckets(UpbitLimits())
    verdicts = [buckets.spend("ticker", "me", START) for _ in range(11)]
    assert [verdict.status for verdict in verdicts] == [200] * 10 + [429]
    assert [verdict.left for verdict in verdicts[:10]] == list(range(9, -1, -1))
    for step in range(1, 50):
        assert buckets.spend("ticker", "me", START + step * 101_000_000).status == 200


def test_groups_and_clients_have_buckets_of_their_own() -> None:
    buckets = Buckets(UpbitLimits())
    for _ in range(11):
        refused = buckets.spend("ticker", "me", START)
    assert refused.status == 429
    assert buckets.spend("ticker", "you", START).status == 200
    assert buckets.spend("orderbook", "me", START).status == 200


def test_the_header_says_what_is_left() -> None:
    buckets = Buckets(UpbitLimits())
    assert buckets.header("default", buckets.spend("default", "me", START)) == "group=default; min=1800; sec=29"
    assert buckets.header("origin", buckets.spend("origin", "me", START)) == "group=origin; min=6; sec=0"


def test_going_on_after_429_is_a_block_that_doubles() -> None:
    buckets = Buckets(UpbitLimits(refusals_before_ban=3, ban_s=10.0))
    statuses = [buckets.spend("origin", "me", START).status for _ in range(6)]
    assert statuses == [200, 429, 429, 429, 418, 418]
    assert buckets.spend("origin", "me", START + 9 * S).blocked_s == 1
    assert buckets.spend("origin", "me", START + 10 * S).status == 200
    again = [buckets.spend("origin", "me", START + 10 * S) for _ in range(4)][-1]
    assert (again.status, again.blocked_s) == (418, 20)


def test_messages_are_counted_by_second_and_by_minute() -> None:
    budget = MessageBudget(UpbitLimits())
    assert [budget.spend(START) for _ in range(6)] == [True] * 5 + [False]
    budget = MessageBudget(UpbitLimits())
    assert all(budget.spend(START + n * 300_000_000) for n in range(100))
    assert not budget.spend(START + 100 * 300_000_000)
    assert budget.spend(START + 60 * S)
