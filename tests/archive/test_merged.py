"""Several series come as one, by receipt; every gap in its place; no more than a block of each in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.form import checked
from hoga.archive.form.discover import discover
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.read import reader
from hoga.archive.read.merged import GapAt, Run, read_merged
from hoga.core.errors import SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, book, fill_books, fill_trades


def days_of(*shops: Workshop) -> list[list[SeriesDay]]:
    return [[SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day)] for shop in shops]


def told(items: object) -> list[tuple[int, int, bytes | Gap]]:
    """(source, when, line or gap), one by one."""
    found: list[tuple[int, int, bytes | Gap]] = []
    for item in items:  # type: ignore[attr-defined]
        if isinstance(item, Run):
            assert len(item.receipts) == len(item.lines) > 0
            found += [(item.source, at, line) for at, line in zip(item.receipts, item.lines, strict=True)]
        else:
            found.append((item.source, item.gap.from_ns, item.gap))
    return found


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    series=st.lists(st.lists(st.integers(0, 3 * 60), min_size=1, max_size=12), min_size=1, max_size=4),
    low=st.integers(0, 60),
    length=st.integers(0, 200),
)
def test_records_come_by_receipt_and_within_a_series_in_order(
    tmp_path_factory: pytest.TempPathFactory, series: list[list[int]], low: int, length: int
) -> None:
    root = tmp_path_factory.mktemp("merged")
    shops = []
    expected = []
    for source, seconds in enumerate(series):
        shop = Workshop(root / f"venue{source}" / "execution", "execution")
        number = 0
        for minute in sorted({second // 60 for second in seconds}):
            times = [shop.minute_ns("13-15") + second * SECOND_NS for second in sorted(seconds) if second // 60 == minute]
            lines = [agg_trade(at, number + index) for index, at in enumerate(times)]
            shop.seal(f"13-{15 + minute}", lines)
            expected += [(at, source, number + index, line) for index, (at, line) in enumerate(zip(times, lines, strict=True))]
            number += len(times)
        shops.append(shop)
    start = shops[0].minute_ns("13-15") + low * SECOND_NS
    end = start + length * SECOND_NS
    wanted = [(source, at, line) for at, source, _, line in sorted(expected) if start <= at < end]
    assert told(read_merged(days_of(*shops), start_ns=start, end_ns=end)) == wanted


@pytest.mark.parametrize("merged", [False, True])
def test_a_gap_stands_where_it_begins_and_belongs_to_its_series(workshop: Callable[..., Workshop], *, merged: bool) -> None:
    trades, books = fill_trades(workshop("execution")), fill_books(workshop("orderbook"))
    at = books.minute_ns("13-16") + 5 * SECOND_NS
    gap = Gap(at, at + SECOND_NS, Reason.DISCONNECT, None)
    before = Gap(books.minute_ns("13-14"), books.minute_ns("13-15") + SECOND_NS, Reason.SHUTDOWN, None)
    outside = Gap(books.minute_ns("13-00"), books.minute_ns("13-01"), Reason.SHUTDOWN, None)
    for each in (gap, before, outside):
        books.tell_gap(each)
    if merged:
        for shop in (trades, books):
            merge_day(SeriesDay(shop.directory, SYMBOL, shop.kind, DAY), venue="binance", archive_format="zip", purge=True)
    items = told(read_merged(days_of(trades, books), start_ns=trades.minute_ns("13-15"), end_ns=trades.minute_ns("13-18")))
    gaps = [(place, item[0], item[2]) for place, item in enumerate(items) if isinstance(item[2], Gap)]
    assert [(source, found) for _, source, found in gaps] == [(1, before), (1, gap)]
    assert gaps[0][0] == 0
    place = gaps[1][0]
    assert items[place - 1][1] <= at < items[place + 1][1]
    assert items[place - 1][1] == at, "what was received when it began comes before it"
    assert len(items) == 242


def test_a_record_from_before_a_step_of_the_clock_stays_in_its_files_order(workshop: Callable[..., Workshop]) -> None:
    trades, books = workshop("execution"), workshop("orderbook")
    start = trades.minute_ns("13-15")
    trades.seal("13-15", [agg_trade(start + second * SECOND_NS, number) for number, second in enumerate((1, 10, 4, 12))])
    books.seal("13-15", [book(start + second * SECOND_NS, second) for second in (3, 11)])
    items = told(read_merged(days_of(trades, books)))
    assert [(source, (at - start) // SECOND_NS) for source, at, _ in items] == [(0, 1), (1, 3), (0, 10), (0, 4), (1, 11), (0, 12)]


def test_of_each_series_one_block_is_open_at_a_time(workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    real = checked.checked_blocks

    def spy(path: Path, **fields: object) -> object:
        opened.append(path)
        return real(path, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "checked_blocks", spy)
    trades, books = fill_trades(workshop("execution")), fill_books(workshop("orderbook"))
    items = read_merged(days_of(trades, books))
    next(items)
    assert len(opened) == 2
    for item in items:
        assert isinstance(item, Run)
        minute = (item.receipts[-1] - trades.minute_ns("13-15")) // MINUTE_NS
        assert len(opened) <= 2 * (minute + 2)


def test_damage_is_an_error_after_what_comes_before_it(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    trades, books = fill_trades(workshop("execution")), fill_books(workshop("orderbook"))
    path = sorted(books.folder.glob("*13-16*"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    seen = []
    with pytest.raises(SegmentCorrupt) as caught:
        for item in read_merged([[day] for day in discover([tmp_path]).days]):
            seen.append(item)
    assert caught.value.path == path
    assert all(not isinstance(item, GapAt) and item.receipts[-1] < trades.minute_ns("13-16") + MINUTE_NS for item in seen)
