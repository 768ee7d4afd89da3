"""What was fetched afterwards is missing no more, and what nobody has still is."""

from __future__ import annotations

import hoga
from hoga.archive.form.healed import healed_path
from hoga.archive.form.manifest import read_manifest
from hoga.archive.prove.verify import verify
from hoga.archive.read.catalog import catalog
from hoga.archive.read.coverage import day_coverage
from hoga.core.ledger import Reason
from hoga.history.coverage import coverage_facts
from tests.history.heal.conftest import TODAY, Missed


def missing(missed: Missed) -> set[str]:
    shares = day_coverage(missed.day).shares
    assert shares is not None
    return set(shares.reasons)


async def test_a_gap_that_was_healed_is_no_hole_any_more(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    before = day_coverage(missed.day)
    assert len(before.gaps) == 1
    assert before.healed == []
    assert Reason.SEQUENCE_GAP in missing(missed)
    await missed.heal()
    after = day_coverage(missed.day)
    assert (after.gaps, after.healed) == ([], before.gaps)
    assert Reason.SEQUENCE_GAP not in missing(missed)
    assert after.shares is not None
    assert before.shares is not None
    assert after.shares.proven > before.shares.proven
    (row,) = catalog([missed.root])
    assert row.proven == after.shares.proven
    (series,) = coverage_facts([missed.root], now_ns=2**62).series
    assert Reason.SEQUENCE_GAP not in {hole.reason for hole in series.days[0].holes}
    manifest = read_manifest(missed.day.manifest_path)
    assert manifest is not None
    assert manifest.reasons is not None
    assert Reason.SEQUENCE_GAP in manifest.reasons, "the day as it was received stays what it was"
    assert verify([missed.root]).ok


async def test_it_is_so_before_the_merge_and_after(missed: Missed) -> None:
    await missed.record({7, 8, 9}, merged=False)
    await missed.heal()
    assert Reason.SEQUENCE_GAP not in missing(missed)
    missed.merge()
    assert Reason.SEQUENCE_GAP not in missing(missed)


async def test_a_gap_of_which_a_row_was_lost_again_is_a_hole(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    await missed.heal()
    healed_path(missed.day).write_bytes(healed_path(missed.day).read_bytes()[:-3])
    assert Reason.SEQUENCE_GAP in missing(missed)
    healed_path(missed.day).unlink()
    assert Reason.SEQUENCE_GAP in missing(missed)


async def test_a_gap_whose_trades_fell_on_both_sides_of_midnight_is_none_either(missed: Missed) -> None:
    day = missed.past.day(TODAY - 2)
    await missed.record(range(10, 30), back=2, begin=len(day.aggregates) - 20, count=20)
    later = Missed(missed.simulator, missed.root)
    await later.record({0, 1, 2, 3, 4, 30}, begin=0, count=40)
    assert (await missed.heal()).ok
    found = [day_coverage(each) for each in missed.days()]
    assert [gap for each in found for gap in each.gaps if gap.from_id is not None] == []
    loaded = hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent)
    assert [gap for gap in loaded.gaps() if gap.from_id is not None] == []
