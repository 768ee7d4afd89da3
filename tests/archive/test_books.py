"""`verify --books`: an archive's books rebuilt from its snapshots and deltas. Every number here is sealed with right checksums: only what
the records say of one another can show that one of them is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.archive.form.discover import discover
from hoga.archive.form.ledger import DigestEntry
from hoga.archive.keep.convert import convert_day
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.report import BookRow, VerifyReport
from hoga.archive.prove.verify import verify
from hoga.book.rebuild import digest_of
from hoga.core.times import minute_of
from tests.archive.recorded_market import STEP_NS, TODAY, Market, spelt
from tests.archive.workshop import DAY, Workshop, envelope

NEXT = "2026-11-21"


def check(root: Path) -> tuple[VerifyReport, BookRow]:
    report = verify([root], books=True)
    (row,) = report.books
    return report, row


def kinds(report: VerifyReport) -> set[str]:
    return {problem.kind for problem in report.problems}


@pytest.mark.parametrize("form", ["minutes", "zip", "parquet"])
def test_a_sound_day_is_proven_from_its_first_snapshot_on_and_what_is_before_is_told(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    market = Market(1, TODAY)
    for at in (20, 150):
        market.snapshot_at(at)
    market.seal(tmp_path)
    for day in discover([tmp_path]).days if form != "minutes" else ():
        merge_day(day, venue="binance", archive_format="zip", purge=True)
        if form == "parquet":
            assert convert_day(day) is not None
    report, row = check(tmp_path)
    assert report.ok, report.problems
    assert (row.records, row.proven, row.differs, row.unprovable) == (200, 180, 0, {"no-book": 20})
    assert (row.deltas, row.snapshots, row.snapshots_proven, row.holes) == (200, 2, 1, 0), "nothing was there to hold the first one against"
    assert report.findings == []
    assert verify([tmp_path]).books == [], "only where it is asked for"


def test_after_a_hole_nothing_is_proven_until_the_next_snapshot(tmp_path: Path) -> None:
    market = Market(2, TODAY)
    market.snapshot_at(0)
    market.snapshot_at(100)
    del market.deltas[40]
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert (row.differs, row.holes) == (0, 1)
    assert row.unprovable == {"no-book": 59, "between": 1}, "the book of the lost one, and those up to the snapshot"
    assert row.proven == 140
    assert kinds(report) == {"gap"}, "the hole itself, which nobody accounted for"


def test_a_size_changed_in_a_delta_is_named_with_file_minute_and_id(tmp_path: Path) -> None:
    market = Market(3, TODAY)
    market.snapshot_at(0)
    found = -1
    for at, (day, minute, recv_ns, number, text) in enumerate(market.deltas[30:], 30):
        shown = dict(sorted(market.states[at][0].items(), reverse=True)[:20])
        touched = [price for price in shown if b'["%.2f","%.3f"]' % (price / 100, shown[price] / 1000) in text.partition(b'"b":')[2]]
        if touched:
            old = b'["%.2f","%.3f"]' % (touched[0] / 100, shown[touched[0]] / 1000)
            market.deltas[at] = (
                day,
                minute,
                recv_ns,
                number,
                text.replace(old, old[:-2] + (b"1" if old[-3:-2] != b"1" else b"2") + b'"]', 1),
            )
            found = at
            break
    assert found > 0
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert row.differs >= 1
    first = report.problems[0]
    assert first.kind == "book-differs"
    assert first.file.endswith(".zip")
    assert f"13:15: id {market.deltas[found][3]}: " in first.detail
    assert "bid" in first.detail
    assert first.count >= 1


@given(st.integers(0, 199), st.integers(0, 1), st.integers(0, 19), st.booleans())
@settings(max_examples=10, deadline=None)
def test_any_level_changed_in_a_recorded_book_is_found(
    tmp_path_factory: pytest.TempPathFactory, at: int, side: int, level: int, price: bool
) -> None:
    root = tmp_path_factory.mktemp("books")
    market = Market(4, TODAY)
    market.snapshot_at(0)
    day, minute, recv_ns, number, text = market.books[at]
    parts = text.split(b'["')
    place = 1 + side * 20 + level
    first, _, second = parts[place].partition(b'","')
    parts[place] = (b"1" + first if price else first) + b'","' + (second if price else b"1" + second)
    market.books[at] = (day, minute, recv_ns, number, b'["'.join(parts))
    market.seal(root)
    report, row = check(root)
    assert row.differs == 1
    assert f"id {number}: " in next(problem.detail for problem in report.problems if problem.kind == "book-differs")


def test_a_level_changed_in_a_snapshot_is_found_by_the_deltas_before_it(tmp_path: Path) -> None:
    market = Market(5, TODAY)
    market.snapshot_at(0)
    market.snapshot_at(120)
    day, minute, recv_ns, number, text = market.snapshots[1]
    cut = text.rindex(b'"]')
    market.snapshots[1] = (day, minute, recv_ns, number, text[:cut] + b"7" + text[cut:])
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert "snapshot-differs" in kinds(report)
    assert row.snapshots_proven < 2


def test_a_frame_that_is_not_there_is_a_gap_where_its_levels_changed_and_nothing_otherwise(tmp_path: Path) -> None:
    market = Market(6, TODAY)
    market.snapshot_at(0)
    tops = [(sorted(bids.items())[-20:], sorted(asks.items())[:20]) for bids, asks in market.states]
    changed = [at for at in range(20, 180) if tops[at] != tops[at - 1]]
    same = [at for at in range(20, 180) if tops[at] == tops[at - 1]]
    assert changed
    assert same
    lost, unsent = changed[3], same[0]
    market.books = [each for at, each in enumerate(market.books) if at not in (lost, unsent)]
    market.seal(tmp_path)
    unaided = verify([tmp_path])
    assert unaided.ok
    assert [(each.kind, each.detail[:2]) for each in unaided.findings] == [("frame-missing", "2 ")]
    assert "verify --books" in unaided.findings[0].detail
    report, row = check(tmp_path)
    assert [(each.kind, each.count) for each in report.problems] == [("gap", 1)]
    assert str(market.deltas[lost][3]) in report.problems[0].detail
    assert report.findings == []
    assert row.proven == 198


def test_what_cannot_be_rebuilt_stays_a_finding(tmp_path: Path) -> None:
    market = Market(7, TODAY)
    del market.books[50]
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert report.ok
    assert [each.kind for each in report.findings] == ["frame-missing"]
    assert "do not say" in report.findings[0].detail
    assert (row.proven, row.unprovable) == (0, {"no-book": 199})


def test_a_day_goes_on_from_the_snapshot_of_the_day_before(tmp_path: Path) -> None:
    market = Market(8, [(DAY, "23-58"), (DAY, "23-59"), (NEXT, "00-00")])
    market.snapshot_at(30)
    market.seal(tmp_path)
    report = verify([tmp_path], books=True)
    assert report.ok, report.problems
    assert [(row.day, row.records, row.proven) for row in report.books] == [(DAY, 200, 170), (NEXT, 100, 100)]


def test_thin_sides_and_books_without_one_are_proven_too(tmp_path: Path) -> None:
    market = Market(9, TODAY, levels=23)
    for states in market.states:
        assert len(states[0]) >= 20
    market.asks.clear()
    market.number += 1
    recv_ns = market.deltas[-1][2] + STEP_NS
    removed = spelt([(price, 0) for price in market.states[-1][1]])
    text = b'{"e":"depthUpdate","E":1790134512214,"s":"BTCUSDT","U":%d,"u":%d,"b":[],"a":%b}' % (market.number, market.number, removed)
    market.deltas.append((DAY, "13-16", recv_ns, market.number, text))
    market.books.append((DAY, "13-16", recv_ns + 1, market.number, market.whole(20)))
    market.states.append((dict(market.bids), {}))
    market.snapshot_at(0)
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert not [each for each in report.problems if "differs" in each.kind]
    assert row.proven == row.records == 201


def test_a_damaged_minute_ends_the_rebuilding_and_is_said_so(tmp_path: Path) -> None:
    market = Market(10, TODAY)
    market.snapshot_at(0)
    market.seal(tmp_path)
    path = next((tmp_path / "binance" / "delta").rglob("*_13-16.zip"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    report, row = check(tmp_path)
    assert row.unread is not None
    assert path.name in row.unread
    assert row.differs == 0
    assert "book-differs" not in kinds(report)
    assert not report.ok


def test_deltas_without_recorded_books_still_prove_their_snapshots(tmp_path: Path) -> None:
    market = Market(11, TODAY)
    for at in (0, 100):
        market.snapshot_at(at)
    market.books = []
    market.seal(tmp_path)
    report, row = check(tmp_path)
    assert report.ok, report.problems
    assert (row.records, row.snapshots, row.snapshots_proven) == (0, 2, 1)


@pytest.mark.parametrize("merged", [False, True])
def test_the_recorders_own_books_are_held_against_the_rebuilt_ones(tmp_path: Path, merged: bool) -> None:
    market = Market(12, TODAY)
    market.snapshot_at(10)
    market.seal(tmp_path)
    shop = Workshop(tmp_path / "binance" / "delta", "delta")
    for number, (at, wrong) in enumerate(((5, False), (50, False), (110, True), (180, False))):
        _, _, recv_ns, last_id, _ = market.deltas[at]
        bids, asks = market.states[at]
        digest = digest_of(numbers(sorted(bids.items(), reverse=True)[:20]), numbers(sorted(asks.items())[:20]))
        digest = digest.replace(digest[0], "0" if digest[0] != "0" else "1", 1) if wrong else digest
        shop.tell(DigestEntry(journal="digests", at=number, ns=recv_ns, id=last_id, digest=digest))
    if merged:
        for day in discover([tmp_path]).days:
            merge_day(day, venue="binance", archive_format="zip", purge=True)
    report, row = check(tmp_path)
    assert (row.digests, row.digests_proven) == (4, 2), "one is from before the snapshot"
    assert row.differs == 0
    (problem,) = report.problems
    assert problem.kind == "digest-differs"
    assert f"13:16: id {market.deltas[110][3]}: " in problem.detail
    assert problem.file.endswith("manifest.json" if merged else "ledger.jsonl")


def numbers(levels: list[tuple[int, int]]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(price) / 100, Decimal(size) / 1000) for price, size in levels)


def test_captured_books_are_all_proven(captures: Path, tmp_path: Path) -> None:
    """A genuine snapshot and its genuine deltas, and the books that were derived from them by other means."""
    names = ("hft_btcusdt_20240808.gz", "derived_depth20_btcusdt_20240808.gz")
    rows = [row for name in names for row in captured(captures / "binance-spot" / name)]
    for kind, channel in (("delta", "depth@100ms"), ("orderbook", "depth20@100ms"), ("snapshot", "snapshot")):
        mine = [row for row in rows if row[1] == channel]
        for minute in dict.fromkeys(minute_of(row[0]) for row in mine):
            part = [row for row in mine if minute_of(row[0]) == minute]
            said = [json.loads(payload) for _, _, payload in part]
            ids = [each[key] for each in said for key in ("U", "u", "lastUpdateId") if key in each]
            shop = Workshop(tmp_path / "binance" / kind, kind, day="2024-08-08")
            shop.seal(minute, [envelope(recv_ns, payload) for recv_ns, _, payload in part], ids=ids, streams=[f"btcusdt@{channel}"])
    report, row = check(tmp_path)
    assert not [problem for problem in report.problems if problem.kind != "crossed"], report.problems
    assert (row.records, row.proven, row.deltas, row.holes) == (2464, 2464, 3451, 0)


def captured(path: Path) -> Iterator[tuple[int, str, bytes]]:
    """(receipt, channel, payload) of the deltas, books and snapshots of a capture."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            stamp, _, text = line.strip().partition(" ")
            stream = json.loads(text).get("stream")
            if stream is None:
                yield int(stamp), "snapshot", text.encode()
            elif "@depth" in stream:
                yield int(stamp), stream.partition("@")[2], text[text.index('"data":') + 7 : -1].encode()
