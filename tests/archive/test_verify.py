"""Whatever is wrong with an archive is named with its file; an untouched one is good."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.form.layout import segment_stem
from hoga.archive.form.ledger import SegmentEntry
from hoga.archive.form.lists import pack_list
from hoga.archive.form.manifest import decode_manifest, encode_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.archive.read.catalog import listing
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.times import SECOND_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, book, delta, envelope, fill_books, fill_trades, read_records
from tests.tries import tries


def merged(shop: Workshop, *, purge: bool = True) -> Path:
    result = merge_day(
        SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day), venue="binance", archive_format=shop.archive_format, purge=purge
    )
    assert result.archive is not None
    return result.archive


def kinds(report: VerifyReport) -> set[str]:
    assert report.ok is not bool(report.problems)
    return {problem.kind for problem in report.problems}


def check(*paths: Path) -> VerifyReport:
    return verify(list(paths), jobs=1)


def flip(path: Path, at: int, *, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def repack(path: Path, text: bytes) -> None:
    """Write a zip with a right CRC and other text, as an ordinary tool would."""
    with zipfile.ZipFile(path) as old:
        member = old.namelist()[0]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(member, text)


def segment_of(shop: Workshop, minute: str) -> Path:
    suffix = ".zip" if shop.archive_format == "zip" else ".jsonl.zst"
    return shop.folder / (segment_stem(shop.symbol, shop.kind, shop.day, minute) + suffix)


# what is good


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize("stage", ["open", "merged", "kept", "late"])
@pytest.mark.parametrize("kind", ["execution", "orderbook"])
def test_an_untouched_archive_is_good(
    workshop: Callable[..., Workshop], tmp_path: Path, kind: str, stage: str, archive_format: str
) -> None:
    fill = fill_trades if kind == "execution" else fill_books
    shop = fill(workshop(kind, archive_format=archive_format))
    if stage != "open":
        merged(shop, purge=stage != "kept")
    if stage == "late":
        shop.tell_gap(Gap(shop.minute_ns("13-18"), shop.minute_ns("13-20"), Reason.CRASH, None))
        ids = [1120] if kind == "execution" else [9000]
        line = agg_trade(shop.minute_ns("13-20"), 1120) if kind == "execution" else book(shop.minute_ns("13-20"), 9000)
        shop.seal("13-20", [line], ids=ids)
    report = check(tmp_path / "data")
    assert (report.problems, report.findings) == ([], [])
    assert report.ok
    assert (report.records, report.gaps) == ((121, 1) if stage == "late" else (120, 0))


def test_every_way_to_name_an_archive(trades: Workshop, tmp_path: Path) -> None:
    folder, segment = trades.folder, segment_of(trades, "13-16")
    assert check(folder).records == 120
    assert check(segment).records == 40
    assert check(trades.ledger).records == 120
    archive = merged(trades)
    manifest = trades.directory / f"{SYMBOL}_execution_{DAY}.manifest.json"
    for path in (tmp_path, tmp_path / "data", tmp_path / "data" / "binance", trades.directory, archive, manifest):
        report = check(path)
        assert (report.ok, report.records, report.archives) == (True, 120, 1)


def test_genuine_books_are_good_and_without_findings(workshop: Callable[..., Workshop], genuine_books: list[bytes], tmp_path: Path) -> None:
    shop = workshop("orderbook", day="2024-08-08")
    by_minute: dict[str, list[bytes]] = {}
    for line in genuine_books:
        seconds = int(line[10:29]) // SECOND_NS % 86_400
        by_minute.setdefault(f"{seconds // 3600:02d}-{seconds // 60 % 60:02d}", []).append(line)
    for minute, lines in by_minute.items():
        ids = [int(line[line.index(b"lastUpdateId") + 14 :].split(b",")[0]) for line in lines]
        shop.seal(minute, lines, ids=ids)
    merged(shop)
    report = check(tmp_path)
    assert (report.problems, report.findings, report.records) == ([], [], len(genuine_books))


def test_in_parallel_the_report_is_the_same(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    fill_trades(workshop("execution"))
    merged(fill_books(workshop("orderbook")))
    flip(next((tmp_path / "data/binance/orderbook").glob("*.zip")), 200)
    seen: list[tuple[int, int]] = []
    parallel = verify([tmp_path], jobs=2, progress=lambda done, whole: seen.append((done, whole)))
    assert parallel == check(tmp_path)
    assert seen[-1][0] == seen[-1][1] > 0


# bytes


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@settings(max_examples=tries(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10**9), bit=st.integers(0, 7), target=st.sampled_from(["day", "manifest", "minute", "lone minute"]))
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, archive_format: str, where: int, bit: int, target: str) -> None:
    shop = fill_trades(Workshop(tmp_path_factory.mktemp("flip") / "binance" / "execution", "execution", archive_format=archive_format))
    if target in ("day", "manifest"):
        archive = merged(shop)
        path = archive if target == "day" else archive.with_name(f"{SYMBOL}_execution_{DAY}.manifest.json")
    else:
        path = segment_of(shop, "13-16")
    flip(path, where % path.stat().st_size, bit=bit)
    report = check(path if target == "lone minute" else shop.directory)
    assert str(path) in {problem.file for problem in report.problems}
    assert not report.ok


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
def test_truncation_at_every_byte_is_found(workshop: Callable[..., Workshop], archive_format: str) -> None:
    shop = workshop("execution", archive_format=archive_format)
    path = shop.seal("13-15", [agg_trade(shop.minute_ns("13-15"), 5)], ids=[5])
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        report = check(path)
        assert not report.ok, size
        assert report.problems[0].file == str(path)


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_truncated_day_is_named_with_its_size(trades: Workshop, size: int) -> None:
    archive = merged(trades)
    archive.write_bytes(archive.read_bytes()[:size])
    report = check(trades.directory)
    assert "truncated" in kinds(report)
    assert next(problem.offset for problem in report.problems if problem.kind == "truncated") == size


def test_a_flipped_bit_names_the_minute_it_hit(trades: Workshop) -> None:
    archive = merged(trades)
    row = decode_manifest((trades.directory / f"{SYMBOL}_execution_{DAY}.manifest.json").read_bytes()).segments[1]
    flip(archive, row.archive_offset + row.archive_bytes // 2)
    report = check(trades.directory)
    hit = [problem for problem in report.problems if "13-16" in problem.detail and problem.offset == row.archive_offset]
    assert hit
    assert not [problem for problem in report.problems if "13-15" in problem.detail or "13-17" in problem.detail]


# lines


def lines_of(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


@pytest.mark.parametrize("stage", ["open", "merged"])
def test_a_removed_line_is_located_by_its_id(trades: Workshop, stage: str) -> None:
    if stage == "open":
        path, text, index = segment_of(trades, "13-16"), trades.text["13-16", 1], 20
    else:
        path, text, index = merged(trades), trades.all_text(), 60
    lines = lines_of(text)
    gone = lines.pop(index)
    repack(path, b"".join(lines))
    report = check(trades.directory)
    assert {"changed", "gap"} <= kinds(report)
    changed = next(problem for problem in report.problems if problem.kind == "changed")
    assert (changed.file, changed.offset) == (str(path), text.index(gone))
    assert "1060..1060" in changed.detail


@pytest.mark.parametrize("stage", ["open", "merged"])
def test_a_doubled_line_is_located(trades: Workshop, stage: str) -> None:
    if stage == "open":
        path, text = segment_of(trades, "13-16"), trades.text["13-16", 1]
    else:
        path, text = merged(trades), trades.all_text()
    lines = lines_of(text)
    lines.insert(21, lines[20])
    repack(path, b"".join(lines))
    report = check(trades.directory)
    changed = next(problem for problem in report.problems if problem.kind == "changed")
    assert (changed.file, changed.offset) == (str(path), sum(map(len, lines[:21])))


def test_swapped_lines_are_found(trades: Workshop) -> None:
    path = segment_of(trades, "13-15")
    lines = lines_of(trades.text["13-15", 1])
    lines[4], lines[5] = lines[5], lines[4]
    repack(path, b"".join(lines))
    assert {"changed", "backwards", "repacked"} <= kinds(check(path))


def test_a_line_that_is_no_json_is_located(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    good = agg_trade(shop.minute_ns("13-15"), 5)
    shop.seal("13-15", [good, good[:-20] + b"\n"], ids=[5])
    report = check(shop.directory)
    assert [(problem.kind, problem.offset) for problem in report.problems] == [("malformed", len(good))]


def test_a_record_in_the_wrong_minute_and_time_going_back(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    early = agg_trade(start - 5, 6)
    lines = [agg_trade(start + 5 * SECOND_NS, 5), early]
    shop.seal("13-15", lines, ids=[5, 6])
    report = check(shop.directory)
    assert {(problem.kind, problem.offset) for problem in report.problems} == {
        ("wrong-minute", len(lines[0])),
        ("backwards", len(lines[0])),
    }


def test_a_clock_step_explains_both(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [agg_trade(start + 5 * SECOND_NS, 5), agg_trade(start - 5, 6)], ids=[5, 6])
    shop.tell_gap(Gap(start - 5, start + 5 * SECOND_NS, Reason.CLOCK_STEP, None))
    merged(shop)
    assert check(shop.directory).ok


# files


def test_a_missing_minute(trades: Workshop) -> None:
    path = segment_of(trades, "13-16")
    path.unlink()
    report = check(trades.directory)
    assert ("missing", str(path)) in {(problem.kind, problem.file) for problem in report.problems}


def test_a_minute_nobody_accounted_for(trades: Workshop) -> None:
    start = trades.minute_ns("13-18")
    path = trades.seal("13-18", [agg_trade(start, 1120)], ids=[1120], told=False)
    report = check(trades.directory)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("unaccounted", str(path))]


def test_a_missing_day_file(trades: Workshop) -> None:
    archive = merged(trades)
    archive.unlink()
    report = check(trades.directory)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("missing", str(archive))]


def test_a_day_file_without_manifest(trades: Workshop) -> None:
    archive = merged(trades)
    archive.with_name(f"{SYMBOL}_execution_{DAY}.manifest.json").unlink()
    report = check(trades.directory)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("orphan", str(archive))]


def test_a_second_day_file_is_unaccounted(trades: Workshop) -> None:
    archive = merged(trades)
    other = archive.with_name(archive.name.replace(".zip", ".jsonl.zst"))
    other.write_bytes(b"")
    report = check(trades.directory)
    assert ("unaccounted", str(other)) in {(problem.kind, problem.file) for problem in report.problems}


def test_a_broken_ledger_line_is_located(trades: Workshop) -> None:
    data = trades.ledger.read_bytes()
    at = data.index(b"\n") + 1
    trades.ledger.write_bytes(data[:at] + b"x" + data[at + 1 :])
    report = check(trades.directory)
    assert ("ledger", str(trades.ledger), at) in {(problem.kind, problem.file, problem.offset) for problem in report.problems}


def test_a_ledger_cut_short_by_a_crash_is_only_a_finding(trades: Workshop) -> None:
    with trades.ledger.open("ab") as file:
        file.write(b'{"type":"gap","ga')
    report = check(trades.directory)
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["torn"]


def test_a_manifest_that_was_edited_and_signed_again_is_recomputed(trades: Workshop) -> None:
    archive = merged(trades)
    path = archive.with_name(f"{SYMBOL}_execution_{DAY}.manifest.json")
    import msgspec

    manifest = decode_manifest(path.read_bytes())
    for field, value in (("records", 119), ("sha256", "0" * 64), ("first_id", 1), ("last_id", 2000), ("coverage", 0.5), ("received", 7)):
        path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, **{field: value})))
        assert not check(trades.directory).ok, field
    rows = [msgspec.structs.replace(row, offset=row.offset + 1) for row in manifest.segments]
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, segments=rows)))
    assert "mismatch" in kinds(check(trades.directory))


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(trades: Workshop, workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    archive = merged(trades)
    archive.unlink()
    archive.mkdir()
    fill_books(workshop("orderbook"))
    report = check(tmp_path)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("unreadable", str(archive))]
    assert report.records == 120


# the ledger against the ids


def hole(workshop: Callable[..., Workshop]) -> Workshop:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    ids = [1, 2, 3, 7, 8]
    shop.seal("13-15", [agg_trade(start + value * SECOND_NS, value) for value in ids], ids=ids)
    return shop


def test_a_hole_in_the_ids_must_be_in_the_ledger(workshop: Callable[..., Workshop]) -> None:
    shop = hole(workshop)
    report = check(shop.directory)
    assert kinds(report) == {"gap"}
    assert "4..6" in report.problems[0].detail


@pytest.mark.parametrize("reason", [Reason.DISCONNECT, Reason.SEQUENCE_GAP, Reason.BACKPRESSURE])
def test_a_hole_that_is_in_the_ledger_is_none(workshop: Callable[..., Workshop], reason: Reason) -> None:
    shop = hole(workshop)
    start = shop.minute_ns("13-15")
    received = {"from_id": 4, "to_id": 6} if reason is Reason.SEQUENCE_GAP else {}
    shop.tell_gap(Gap(start + 3 * SECOND_NS, start + 7 * SECOND_NS, reason, 0 if reason is Reason.BACKPRESSURE else 3, **received))
    report = check(shop.directory)
    assert (report.ok, report.gaps) == (True, 1)


def test_a_gap_must_say_how_many_are_missing(workshop: Callable[..., Workshop]) -> None:
    shop = hole(workshop)
    start = shop.minute_ns("13-15")
    shop.tell_gap(Gap(start + 3 * SECOND_NS, start + 7 * SECOND_NS, Reason.SEQUENCE_GAP, 2, from_id=4, to_id=6))
    assert kinds(check(shop.directory)) == {"gap-mismatch"}


def test_a_late_segment_fills_the_hole(workshop: Callable[..., Workshop]) -> None:
    shop = hole(workshop)
    start = shop.minute_ns("13-16")
    shop.seal("13-16", [agg_trade(start + value, value) for value in (4, 5, 6)], ids=[4, 5, 6])
    assert check(shop.directory).ok
    merged(shop)
    assert check(shop.directory).ok


def test_trades_and_aggregate_trades_have_chains_of_their_own(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    lines = [agg_trade(start, 5), envelope(start + 1, b'{"e":"trade","t":90000,"p":"1"}'), agg_trade(start + 2, 6)]
    shop.seal("13-15", lines, ids=[5, 90000, 6])
    assert check(shop.directory).ok


@pytest.mark.parametrize(("ids", "good"), [([(1, 4), (5, 9)], True), ([(1, 4), (6, 9)], False), ([(5, 9), (1, 4)], True)])
def test_deltas_chain_by_their_first_and_last_id(workshop: Callable[..., Workshop], ids: list[tuple[int, int]], *, good: bool) -> None:
    shop = workshop("delta")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [delta(start + at, *pair) for at, pair in enumerate(ids)], ids=[value for pair in ids for value in pair])
    assert check(shop.directory).ok is good


def test_futures_deltas_chain_by_the_previous_id(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("delta")
    start = shop.minute_ns("13-15")
    lines = [envelope(start + at, b'{"U":%d,"u":%d,"pu":%d}' % ids) for at, ids in enumerate([(10, 20, 5), (25, 30, 20), (41, 50, 30)])]
    shop.seal("13-15", lines, ids=[10, 50])
    assert check(shop.directory).ok
    shop.seal("13-16", [envelope(shop.minute_ns("13-16"), b'{"U":60,"u":70,"pu":55}')], ids=[60, 70])
    assert kinds(check(shop.directory)) == {"gap"}


def test_what_was_received_must_be_written_or_accounted(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [agg_trade(start, 5)], ids=[5], received=13, duplicates=2)
    assert kinds(check(shop.directory)) == {"unbalanced"}
    shop.tell_gap(Gap(start, start + 1, Reason.LATENCY_GATE, 10))
    report = check(shop.directory)
    assert (report.ok, report.missed) == (True, 10)


def test_a_span_where_nothing_was_written_counts_too(workshop: Callable[..., Workshop]) -> None:
    shop = fill_trades(workshop("execution"))
    start = shop.minute_ns("13-18")
    nothing = SegmentEntry(
        journal="13-18",
        file="",
        minute="13-18",
        part=0,
        records=0,
        bytes=0,
        crc32=0,
        archive_bytes=0,
        first_recv_ns=None,
        last_recv_ns=None,
        received=600,
    )
    shop.tell(nothing)
    assert kinds(check(shop.directory)) == {"unbalanced"}
    shop.tell_gap(Gap(start, start + 60 * SECOND_NS, Reason.LATENCY_GATE, 600))
    assert check(shop.directory).ok
    merged(shop)
    assert check(shop.directory).ok


# journals


def _hold(lock: str, ready: object, done: object) -> None:
    with FileLock(lock):
        ready.set()
        done.wait(20)


def test_an_open_journal_is_a_problem_only_when_nobody_writes_it(tmp_path: Path) -> None:
    folder = tmp_path / "temporary" / "journal"
    folder.mkdir(parents=True)
    journal = folder / "x.journal"
    journal.write_bytes(b"")
    (folder / ".lock").write_bytes(b"")
    report = check(tmp_path)
    assert [(problem.kind, problem.file) for problem in report.problems] == [("unrecovered", str(journal))]
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(str(folder / ".lock"), ready, done))
    holder.start()
    assert ready.wait(20)
    try:
        report = check(tmp_path)
    finally:
        done.set()
        holder.join(20)
    assert report.ok
    assert [(finding.kind, finding.file) for finding in report.findings] == [("open", str(journal))]


def test_what_a_running_recorder_has_sealed_and_not_told_the_ledger_yet_is_no_problem_while_its_journal_is_there(tmp_path: Path) -> None:
    shop = fill_trades(Workshop(tmp_path / "binance" / "execution", "execution"), minutes=["13-15"])
    lines = [agg_trade(shop.minute_ns("13-16") + at, 1040 + at) for at in range(3)]
    path = shop.seal("13-16", lines, ids=[1040, 1041, 1042], told=False, source="y.journal")
    folder = shop.directory / "temporary" / "journal"
    folder.mkdir(parents=True)
    for name in ("x.journal", "y.journal"):
        (folder / name).write_bytes(b"")
    lock = FolderLock(folder)
    assert lock.acquire()
    try:
        assert check(tmp_path).problems == []
        (folder / "y.journal").unlink()
        assert [(each.kind, each.file) for each in check(tmp_path).problems] == [("unaccounted", str(path))]
    finally:
        lock.release()


# the market's own faults


def one_book(workshop: Callable[..., Workshop], *books: bytes) -> VerifyReport:
    shop = workshop("orderbook")
    shop.seal("13-15", books, ids=range(1, len(books) + 1))
    return check(shop.directory)


@pytest.mark.parametrize(
    ("kind", "sides"),
    [
        ("crossed", {"bids": '[["10.5","1"]]', "asks": '[["10.5","1"]]'}),
        ("crossed", {"bids": '[["100","1"]]', "asks": '[["99.5","1"]]'}),
        ("unsorted", {"bids": '[["10.1","1"],["10.2","1"]]', "asks": "[]"}),
        ("unsorted", {"bids": "[]", "asks": '[["9.9","1"],["10.2","1"],["10.1","1"]]'}),
        ("bad-number", {"bids": '[["10.1","-1"]]', "asks": "[]"}),
        ("bad-number", {"bids": '[["10.1","NaN"]]', "asks": "[]"}),
    ],
)
def test_market_faults_are_findings(workshop: Callable[..., Workshop], kind: str, sides: dict[str, str]) -> None:
    start = workshop("orderbook").minute_ns("13-15")
    report = one_book(workshop, book(start, 1, **sides))
    assert report.ok
    assert [finding.kind for finding in report.findings] == [kind]


def test_an_empty_side_is_fine(workshop: Callable[..., Workshop]) -> None:
    start = workshop("orderbook").minute_ns("13-15")
    report = one_book(workshop, book(start, 1, bids="[]"), book(start + 1, 2, asks="[]"), book(start + 2, 3, bids="[]", asks="[]"))
    assert (report.ok, report.findings) == (True, [])


def test_a_frozen_side_is_a_finding(workshop: Callable[..., Workshop]) -> None:
    start = workshop("orderbook").minute_ns("13-15")
    moving = [book(start + at, at, bids=f'[["10.{at % 9}","1"]]', asks='[["99.0","1"]]') for at in range(1, 3010)]
    report = one_book(workshop, *moving)
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["frozen"]


def paired(workshop: Callable[..., Workshop], book_ids: Iterable[int], delta_ids: Iterable[int]) -> tuple[Workshop, Workshop]:
    books, deltas = workshop("orderbook"), workshop("delta")
    start = books.minute_ns("13-15")
    book_ids, delta_ids = list(book_ids), list(delta_ids)
    books.seal("13-15", [book(start + value * SECOND_NS, value) for value in book_ids], ids=book_ids, streams=["btcusdt@depth20@100ms"])
    deltas.seal(
        "13-15", [delta(start + value * SECOND_NS, value, value) for value in delta_ids], ids=delta_ids, streams=["btcusdt@depth@100ms"]
    )
    return books, deltas


def test_deltas_prove_which_book_frames_never_came(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    books, _ = paired(workshop, [value for value in range(1, 40) if value not in (20, 21)], range(1, 40))
    report = check(tmp_path)
    assert report.ok
    assert [(finding.kind, finding.file) for finding in report.findings] == [("frame-missing", str(segment_of(books, "13-15")))]
    assert "2 deltas have no book frame" in report.findings[0].detail
    start = books.minute_ns("13-15")
    books.tell_gap(Gap(start + 19 * SECOND_NS, start + 22 * SECOND_NS, Reason.DISCONNECT, None))
    assert check(tmp_path).findings == []


def test_gaps_of_one_cause_are_one_incident_before_and_after_the_merge(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shops = [fill_trades(workshop("execution", symbol=f"S{number}USDT")) for number in range(3)]
    for shop in shops:
        begin = shop.minute_ns("14-00")
        shop.tell_gap(Gap(begin, begin + 30_000_000_000, Reason.DISCONNECT, None, conn="binance-1"))
        shop.tell_gap(Gap(begin + 30_000_000_000, begin + 31_000_000_000, Reason.DISCONNECT, 0, conn="binance-1", since_ns=begin))
    for _ in range(2):
        report = verify([tmp_path])
        (one,) = report.incidents
        assert (one.reason, one.conn, one.streams, one.gaps, one.missed, one.uncounted) == (Reason.DISCONNECT, "binance-1", 3, 6, 0, 0)
        assert (report.gaps, one.to_ns - one.from_ns) == (3, 31_000_000_000)
        rows, incidents = listing([tmp_path])
        assert incidents == report.incidents
        assert [(row.gaps, row.incidents) for row in rows] == [(1, 1)] * 3
        for shop in shops:
            merged(shop)
    path = next(shops[0].directory.glob("*.manifest.json"))
    manifest = decode_manifest(path.read_bytes())
    assert manifest.incidents is not None
    (own,) = manifest.incidents
    assert (own.streams, own.gaps, own.conn, own.from_ns) == (1, 2, "binance-1", one.from_ns)
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, incidents=[msgspec.structs.replace(own, missed=1)])))
    assert kinds(check(tmp_path)) == {"mismatch"}
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, incidents=None)))
    assert check(tmp_path).ok, "an older manifest has none"


# what is no file, no line, no envelope of ours


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "loop"])
@pytest.mark.parametrize("place", ["day", "minute", "manifest", "ledger"])
def test_what_is_no_file_is_named_at_once_and_hides_nothing_else(
    workshop: Callable[..., Workshop], tmp_path: Path, place: str, what: str
) -> None:
    shop = fill_trades(workshop("execution"))
    fill_books(workshop("orderbook"))
    if place in ("day", "manifest"):
        archive = merged(shop)
        path = archive if place == "day" else archive.with_name(f"{SYMBOL}_execution_{DAY}.manifest.json")
    else:
        path = segment_of(shop, "13-16") if place == "minute" else shop.ledger
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path)
    report = check(tmp_path)
    assert any(str(path.parent) in problem.file for problem in report.problems)
    assert report.records >= 120, "the order book is read"


def test_a_line_that_has_no_end_is_refused(workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch) -> None:
    """A small zip of one endless line: what it would take is neither held nor read."""
    import hoga.archive.form.semantics as module
    from hoga.archive.form.text import LineCutter

    monkeypatch.setattr(module, "LineCutter", lambda: LineCutter(longest=1_000_000))
    shop = workshop("execution")
    shop.folder.mkdir(parents=True)
    path = segment_of(shop, "13-15")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".jsonl", b'{"a":"' + bytes(50_000_000))
    report = check(shop.directory)
    assert ("malformed", str(path)) in {(problem.kind, problem.file) for problem in report.problems}
    assert report.bytes < 2_000_000


def test_a_line_that_comes_in_many_blocks_costs_its_length_once() -> None:
    from hoga.archive.form.text import LineCutter

    cutter = LineCutter()
    assert all(cutter.cut(b"x" * 1000) == b"" for _ in range(20_000))
    assert len(cutter.cut(b"\ny")) == 20_000_001
    assert cutter.rest() == b"y"


@pytest.mark.parametrize("key", [b'"recvNs"', b'"recvNs" ', b'"recv\\u004es"'])
def test_a_payload_with_the_envelopes_key_does_not_speak_for_it(workshop: Callable[..., Workshop], key: bytes) -> None:
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    lines = [envelope(start + at, b'{%b:1,"e":"aggTrade","a":%d,"p":"1"}' % (key, at)) for at in range(5)]
    shop.seal("13-15", lines, ids=range(5))
    assert check(shop.directory).problems == []
    merged(shop)
    assert check(shop.directory).problems == []


@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("stage", ["open", "merged"])
def test_ids_beyond_midnight_count_where_the_clock_went_back(
    workshop: Callable[..., Workshop], tmp_path: Path, stage: str, stepped: bool
) -> None:
    """An hour back at midnight, and forward again: the frames between lie in the day before."""
    before, after = workshop("execution"), workshop("execution", day="2026-11-21")
    low, high = before.minute_ns("23-10"), after.minute_ns("00-00")
    before.seal("23-10", [agg_trade(low + at * SECOND_NS, 10 + at) for at in range(3)], ids=[10, 11, 12])
    ids = [8, 9, 13, 14]
    after.seal("00-00", [agg_trade(high + at * SECOND_NS, value) for at, value in enumerate(ids)], ids=ids)
    if stepped:
        after.tell_gap(Gap(low, high + 2 * SECOND_NS, Reason.CLOCK_STEP, None))
    else:
        assert {problem.kind for problem in check(tmp_path).problems} == {"gap"}
    if stage == "merged":
        merged(before)
        merged(after)
    assert check(tmp_path).ok is stepped


def test_workers_end_with_the_one_that_started_them(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """Killed outright, it cannot tell them."""
    fill_trades(workshop("execution"))
    fill_books(workshop("orderbook"))
    program = """
import os, sys, time
import hoga.archive.prove.verify as module
from pathlib import Path

def hang(group):
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    module._check = hang
    module.verify([Path(sys.argv[1])], jobs=2)
"""
    script = tmp_path / "program.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait(20)
    rest = parent.stdout.read()  # ends when the last that holds the pipe is gone
    parent.stdout.close()
    assert rest == ""
    assert len(set(workers)) == 2


def test_a_folder_that_may_not_be_listed_is_a_problem(trades: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = trades.directory / "temporary"
    scandir = os.scandir

    def refuse(path: str | os.PathLike[str]) -> object:
        if Path(path) == hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = check(tmp_path)
    assert ("unreadable", str(hidden)) in {(problem.kind, problem.file) for problem in report.problems}
    with pytest.raises(ArchiveError, match="cannot be listed"):
        list(read_records(tmp_path))


def test_ids_that_two_gaps_name_are_missed_once(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """A connection's cut and its repair may both name the same ids."""
    shop = workshop("execution")
    start = shop.minute_ns("13-15")
    ids = [*range(1000, 1010), *range(1020, 1030)]
    shop.seal("13-15", [agg_trade(start + at * SECOND_NS, number) for at, number in enumerate(ids)], ids=ids)
    shop.tell_gap(Gap(start + 9 * SECOND_NS, start + 10 * SECOND_NS, Reason.SEQUENCE_GAP, 10, from_id=1010, to_id=1019))
    shop.tell_gap(Gap(start + 8 * SECOND_NS, start + 10 * SECOND_NS, Reason.DISCONNECT, 6, from_id=1010, to_id=1015))
    report = check(tmp_path)
    assert (report.ok, report.gaps, report.missed) == (True, 2, 10)
    assert [(finding.kind, finding.count) for finding in report.findings] == [("overlap", 6)]
    assert sum(incident.missed for incident in report.incidents) == 10
    merged(shop)
    again = check(tmp_path)
    assert (again.ok, again.missed, [finding.kind for finding in again.findings]) == (True, 10, ["overlap"])


def test_ids_that_come_again_in_another_time_are_missed_again(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = fill_trades(workshop("execution"))
    for minute in ("13-15", "13-17"):
        start = shop.minute_ns(minute)
        shop.tell_gap(Gap(start, start + SECOND_NS, Reason.DISCONNECT, 6, from_id=10, to_id=15))
    report = check(tmp_path)
    assert (report.ok, report.missed, report.findings) == (True, 12, [])


def test_a_kept_list_of_instruments_is_proven(trades: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "data" / "binance" / "instruments" / f"instruments_{DAY}.json.zst"
    path.parent.mkdir()
    whole = pack_list(b'{"symbols":[%b]}' % b",".join(b'{"symbol":"A%dUSDT","tick":"0.%d"}' % (at, at * at) for at in range(200)))
    path.write_bytes(whole)
    assert check(tmp_path).ok
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        assert [(problem.kind, problem.file) for problem in check(path.parent.parent / "instruments", trades.directory).problems] == [
            ("corrupt", str(path))
        ], at
        path.write_bytes(whole[:at])
        assert not check(tmp_path).ok
