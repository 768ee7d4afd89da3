"""Where the truth is known, fills on paper err on the pessimistic side; `tests/campaign/fills.py` measures by how much."""

from __future__ import annotations

from tests.campaign.fills import measure


def test_what_paper_fills_was_filled_and_not_later() -> None:
    tally = measure("ETHUSDT", seed=4, orders=24)
    assert (tally.only_paper, tally.early) == (0, 0), tally.told()
    assert tally.both > 5, tally.told()
    assert tally.right > 0.9, tally.told()
