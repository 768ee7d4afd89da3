from __future__ import annotations

from hoga.simulator.binance.budget import Budget

S = 1_000_000_000
MINUTE = 60 * S
START = 29_919_675 * MINUTE  # a full minute


def budget() -> Budget:
    return Budget(limit=100, window_s=60, refusals_before_ban=2, ban_s=120)


def test_weight_counts_up_and_starts_again_at_the_full_minute() -> None:
    made = budget()
    assert made.spend("a", 60, START + 59 * S).used == 60
    assert made.spend("a", 40, START + 59 * S).used == 100
    fresh = made.spend("a", 5, START + MINUTE)
    assert (fresh.status, fresh.used) == (200, 5)


def test_too_much_is_429_until_the_window_ends() -> None:
    made = budget()
    made.spend("a", 100, START)
    refused = made.spend("a", 1, START + 20 * S)
    assert (refused.status, refused.retry_after_s) == (429, 40)
    assert made.spend("a", 1, START + MINUTE).status == 200


def test_going_on_is_418_and_every_ban_is_twice_as_long() -> None:
    made = budget()
    made.spend("a", 100, START)
    assert [made.spend("a", 1, START).status for _ in range(3)] == [429, 429, 418]
    banned = made.spend("a", 1, START + 60 * S)
    assert (banned.status, banned.retry_after_s) == (418, 60)
    assert banned.until_ms == (START + 120 * S) // 1_000_000
    later = START + 120 * S
    assert made.spend("a", 100, later).status == 200
    assert [made.spend("a", 1, later).status for _ in range(3)] == [429, 429, 418]
    assert made.spend("a", 1, later + S).retry_after_s == 239


def test_addresses_do_not_share() -> None:
    made = budget()
    made.spend("a", 101, START)
    assert made.spend("b", 1, START).status == 200
