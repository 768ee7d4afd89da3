"""Healed trades among those that were received: every trade once, in the order of its ids."""

from __future__ import annotations

import numpy as np
import pytest

import hoga
from hoga.archive.form.healed import healed_path
from hoga.core.errors import SegmentCorrupt
from tests.history.heal.conftest import MakeMissed, Missed

NAT = -(2**63)


def loaded(missed: Missed, **more: object):  # type: ignore[no-untyped-def]
    return hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("exact", [True, False])
async def test_load_gives_every_trade_once_by_its_id(missed: Missed, exact: bool, merged: bool) -> None:
    gone = {3, 7, 8, 9, 20, 38}
    await missed.record(gone, merged=merged)
    await missed.heal()
    arrays = loaded(missed, exact=exact).numpy()
    assert arrays.trade_id.tolist() == [row.agg_id for row in missed.rows]
    assert [at for at, recv in enumerate(arrays.recv_ns.tolist()) if recv == NAT] == sorted(gone)
    assert not arrays.gap_before[sorted(gone)].any()
    assert (np.diff(arrays.event_ns) >= 0).all()
    instrument = missed.simulator.engine.instruments["BTCUSDT"]
    if exact:
        prices = [row.price * instrument.tick_e8 for row in missed.rows]
        assert (arrays.price * 10 ** (8 + arrays.price_power)).tolist() == prices
    else:
        assert arrays.price.tolist() == [row.price * instrument.tick_e8 / 1e8 for row in missed.rows]
    assert arrays.side.tolist() == [-1 if row.buyer_is_maker else 1 for row in missed.rows]


async def test_without_filling_only_what_was_received_is_there(missed: Missed) -> None:
    await missed.record({3, 7})
    await missed.heal()
    arrays = loaded(missed, fill=False).numpy()
    assert arrays.trade_id.tolist() == [row.agg_id for at, row in enumerate(missed.rows) if at not in (3, 7)]


async def test_batches_of_any_size_give_the_same(missed: Missed) -> None:
    await missed.record({3, 7, 8, 20})
    await missed.heal()
    for rows in (1, 3, 7, 1_000):
        ids = [each for batch in loaded(missed).batches(rows) for each in batch.trade_id.tolist()]
        assert ids == [row.agg_id for row in missed.rows]


async def test_frames_have_the_healed_rows_without_a_receipt(missed: Missed) -> None:
    await missed.record({3, 7})
    await missed.heal()
    frame = loaded(missed).polars()
    assert frame.height == 40
    assert frame["recv_ns"].null_count() == 2
    assert loaded(missed).pandas()["recv_ns"].isna().sum() == 2


async def test_a_span_takes_healed_trades_by_the_venues_time(missed: Missed) -> None:
    await missed.record({3, 7, 30})
    await missed.heal()
    start, end = missed.rows[5].time_ns, missed.rows[20].time_ns
    arrays = loaded(missed, start=start, end=end).numpy()
    assert missed.rows[7].agg_id in arrays.trade_id
    assert missed.rows[3].agg_id not in arrays.trade_id
    assert missed.rows[30].agg_id not in arrays.trade_id


@pytest.mark.parametrize("harm", ["flip", "gone"])
async def test_a_damaged_healed_file_is_an_error_never_a_number(missed: Missed, harm: str) -> None:
    await missed.record({3, 7})
    await missed.heal()
    path = healed_path(missed.day)
    good = path.read_bytes()
    if harm == "flip":
        path.write_bytes(good[:40] + bytes([good[40] ^ 8]) + good[41:])
    else:
        path.unlink()
    with pytest.raises(SegmentCorrupt):
        loaded(missed).numpy()
    assert len(loaded(missed, fill=False).numpy().trade_id) == 38


async def test_single_trades_and_aggregates_of_one_series_keep_apart(make_missed: MakeMissed) -> None:
    missed = await make_missed()
    await missed.record({3, 7}, singles=True)
    await missed.heal()
    assert loaded(missed).numpy().trade_id.tolist() == [row.trade_id for row in missed.trades]
