"""A day that was read once is kept as columns: the second run sees the same, and what is wrong with them is as if they were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoga.app.backtest.run import backtest, feed_of, plan_backtest
from hoga.app.config import load_config
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.ticks import MarketDepth
from hoga.core.times import SECOND_NS
from hoga.history.column_cache import ColumnWriter, open_columns
from hoga.trading.blocks import Chunk
from tests.archive.workshop import DAY
from tests.trading.recorded import KINDS, START_NS, VENUE, Market, strategy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A merged day of some seconds."""
    root = tmp_path / "data"
    Market(seed=9).walk(START_NS, 30).keep(root)
    for kind in KINDS:
        merge_day(SeriesDay(root / VENUE / kind, "BTCUSDT", kind, DAY), venue=VENUE, archive_format="zip", purge=True)
    return root


def plan_of(folder: Path, data: Path, **how: Any) -> Any:
    config = load_config(None, overrides=[], environ={}, data_dir=data)
    return plan_backtest(config, str(strategy(folder)), (), ask=False, **how)


def events_of(plan: Any) -> list[Any]:
    found = []
    for chunk in feed_of(plan, []).pieces:
        assert isinstance(chunk, Chunk)
        found += [chunk.blocks[source].at(place) for source, place in zip(chunk.sources, chunk.places, strict=True)]
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, MarketDepth):
        return (list(one.bids), list(one.asks)) == (list(other.bids), list(other.asks)) and all(
            getattr(one, name) == getattr(other, name) for name in ("symbol", "at_ns", "event_ns", "bid", "bid_size", "ask", "ask_size")
        )
    return bool(one == other)


def kept(data: Path) -> list[Path]:
    return sorted((data / ".columns").glob("*.columns"))


def test_the_second_reading_gives_the_same_events_to_the_last_level(tmp_path: Path, data: Path) -> None:
    first = events_of(plan_of(tmp_path, data))
    assert len(kept(data)) == len(KINDS)
    second = events_of(plan_of(tmp_path, data))
    assert len(first) == len(second) > 500
    assert all(map(same, first, second))


def test_a_part_of_a_day_is_taken_out_of_its_columns(tmp_path: Path, data: Path) -> None:
    span = {"start_ns": START_NS + 5 * SECOND_NS, "end_ns": START_NS + 9 * SECOND_NS}
    part = events_of(plan_of(tmp_path, data, **span))
    assert not kept(data)
    events_of(plan_of(tmp_path, data))
    assert all(map(same, part, events_of(plan_of(tmp_path, data, **span))))
    assert part


def test_both_runs_write_the_same_journal(tmp_path: Path, data: Path) -> None:
    def journal() -> bytes:
        end = backtest(plan_of(tmp_path, data))
        return b"".join(path.read_bytes() for path in sorted(Path(end.journal).rglob("*.jsonl")))

    assert journal() == journal()


def test_a_flipped_bit_is_found_and_the_text_is_read(tmp_path: Path, data: Path) -> None:
    first = events_of(plan_of(tmp_path, data))
    for path in kept(data):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 4
        path.write_bytes(bytes(content))
        assert open_columns(path) is None
    assert all(map(same, first, events_of(plan_of(tmp_path, data))))
    assert all(open_columns(path) is not None for path in kept(data))


def test_a_file_that_is_cut_anywhere_is_none(tmp_path: Path) -> None:
    path = tmp_path / "one.columns"
    writer = ColumnWriter(path)
    writer.add(np.array([[1, 2], [3, 4]]), "13-00", 1)
    writer.finish()
    whole = path.read_bytes()
    found = open_columns(path)
    assert found is not None
    assert found.matrix(0, 2).tolist() == [[1, 2], [3, 4]]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert open_columns(path) is None


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path, data: Path) -> None:
    (data / ".columns").write_text("")
    assert events_of(plan_of(tmp_path, data))
