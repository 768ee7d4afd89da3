"""A short soak: the campaign's own harness, for some seconds, without its figures of speed, which belong to a quiet machine."""

from __future__ import annotations

from pathlib import Path

from hoga.audit.reading import Walk
from tests.campaign.trader_soak import campaign, growth, percentile, unknown_times


async def test_a_trader_turns_at_a_venue_that_misbehaves_and_ends_whole(tmp_path: Path) -> None:
    it = await campaign(6.0, fault_every_s=1.5, seed=5, warm_up_s=0.0, folder=tmp_path)
    assert it.end.ok, it.end
    assert it.end.orders >= 1
    assert it.faults
    assert not it.damages
    assert "decision" in it.steps
    assert percentile(it.unknown_s, 0.99) <= 15
    assert len(unknown_times(Walk(tmp_path / "journal"))[0]) == len(it.unknown_s)
    assert it.checks()["the journal is whole"]


def test_growth_is_told_once_it_was_watched_for_long_enough() -> None:
    grows = [(float(second), 100_000_000 + second * 1_000) for second in range(0, 1_800, 5)]
    assert abs((growth(grows) or 0) - 3.6) < 0.1
    assert growth(grows[:50]) is None
