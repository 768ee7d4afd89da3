"""The newest snapshot at or before an instant, and the deltas after it: over midnight, in the open minute, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoga.archive.form.discover import discover
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.bookstart import BookStart, book_start
from hoga.archive.read.openminute import days_with_open
from hoga.core.errors import ArchiveError
from hoga.core.times import MINUTE_NS, SECOND_NS, day_start_ns
from tests.archive.workshop import Workshop, book, delta, envelope
from tests.recorder import workbench

DAY, NEXT = "2026-11-20", "2026-11-21"


def made(root: Path) -> Path:
    """Two days, a snapshot an hour before midnight and one at 00:30, deltas a second each around them; ids count seconds."""
    base = root / "binance"
    for day, minute, snapshot_id in ((DAY, "23-00", 1000), (NEXT, "00-30", 6400)):
        shop = Workshop(base / "snapshot", "snapshot", day=day)
        shop.seal(minute, [book(shop.minute_ns(minute) + 5, snapshot_id)], ids=[snapshot_id])
    sealed = ((DAY, "22-59", 940), (DAY, "23-00", 1000), (DAY, "23-59", 4540), (NEXT, "00-00", 4600), (NEXT, "00-30", 6400))
    for day, minute, first in sealed:
        shop = Workshop(base / "delta", "delta", day=day)
        ids = range(first, first + 60)
        start = shop.minute_ns(minute)
        shop.seal(minute, [delta(start + at * SECOND_NS, value, value) for at, value in enumerate(ids)], ids=ids)
    return root


def start_of(root: Path, at_ns: int) -> BookStart | None:
    found = discover([root])
    return book_start(days_with_open(found, lambda day: True), at_ns, journals=found.journals)


def ids_of(start: BookStart, **when: int) -> list[int]:
    return [json.loads(each.payload)["u"] for each in start.deltas(**when)]


@pytest.mark.parametrize("merged", [False, True])
def test_a_day_begins_with_the_snapshot_of_the_day_before(tmp_path: Path, merged: bool) -> None:
    root = made(tmp_path)
    if merged:
        for day in discover([root]).days:
            merge_day(day, venue="binance", archive_format="zip", purge=True)
    midnight = day_start_ns(NEXT)
    start = start_of(root, midnight)
    assert start is not None
    assert (start.update_id, start.recv_ns) == (1000, midnight - 60 * MINUTE_NS + 5)
    assert start.payload.startswith(b'{"lastUpdateId":1000,"bids":[["97962.29"')
    assert ids_of(start, end_ns=midnight) == [*range(1001, 1060), *range(4540, 4600)], "what the snapshot has already is left out"
    assert ids_of(start)[-1] == 6459


def test_the_newest_at_or_before_the_instant_is_taken(tmp_path: Path) -> None:
    root = made(tmp_path)
    at = day_start_ns(NEXT) + 30 * MINUTE_NS + 5
    for when, expected in ((at - 1, 1000), (at, 6400), (at + 86_400 * SECOND_NS, 6400)):
        start = start_of(root, when)
        assert start is not None
        assert start.update_id == expected


def test_before_the_first_snapshot_there_is_none(tmp_path: Path) -> None:
    root = made(tmp_path)
    assert start_of(root, day_start_ns(DAY) + 23 * 60 * MINUTE_NS + 4) is None
    assert start_of(root, day_start_ns(DAY) - 1) is None
    assert book_start([], day_start_ns(DAY)) is None


def test_other_symbols_venues_and_kinds_are_none_of_its_business(tmp_path: Path) -> None:
    Workshop(tmp_path / "nowhere" / "snapshot", "snapshot").seal("13-15", [book(day_start_ns(DAY) + 13 * 3600 * SECOND_NS, 5)], ids=[5])
    assert start_of(tmp_path, day_start_ns(NEXT)) is None, "nobody knows how that venue's ids chain"


def test_a_snapshot_that_is_none_is_named(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "snapshot", "snapshot")
    shop.seal("13-15", [envelope(shop.minute_ns("13-15"), b'{"lastUpdateId":7,"bids":"none"}')], ids=[7])
    with pytest.raises(ArchiveError, match="2026-11-20T13:15:00"):
        start_of(tmp_path, day_start_ns(NEXT))


async def test_the_open_minute_counts(tmp_path: Path) -> None:
    deltas, snapshots = workbench.stream("BTCUSDT", "depth@100ms"), workbench.stream("BTCUSDT", "snapshot")
    bench = workbench.Bench(tmp_path / "binance", [deltas, snapshots]).start()
    life = bench.connect()
    bench.send(life, deltas, workbench.delta(10, 12))
    bench.wait(0.2)
    bench.send(life, snapshots, workbench.book(12))
    bench.send(life, deltas, workbench.delta(13, 15))
    bench.flush()
    bench.wait(0.2)
    await bench.stop()
    start = start_of(tmp_path, bench.now)
    assert start is not None
    assert start.update_id == 12
    assert ids_of(start) == [15]
