"""The parts of an account hold one another: no line of a ledger can change or go away unseen, before the merge or after it."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hoga.archive.form.journal import ClockNote, CountsNote, GapNote, LegNote, LiveNote, encode_header
from hoga.archive.form.ledger import (
    ClockEntry,
    ConnectionEntry,
    EndEntry,
    GapEntry,
    LiveEntry,
    SegmentEntry,
    append_entries,
    encode_entries,
    read_ledger,
)
from hoga.archive.form.links import breaks, linked, open_link
from hoga.archive.form.manifest import encode_manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.keep.seal import SealJob, seal
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.runtime import durable
from tests.archive.workshop import Workshop, agg_trade, book, fill_books, fill_trades
from tests.archive_journal.desk import Desk
from tests.recorder.workbench import NOON_NS

DAY = "2026-11-20"


def check(path: Path) -> VerifyReport:
    return verify([path], jobs=1)


def merge(directory: Path, symbol: str, kind: str, *, purge: bool = True) -> list[str]:
    return merge_day(SeriesDay(directory, symbol, kind, DAY), venue="binance", archive_format="zip", purge=purge).flaws


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes as the sealer leaves them: a whole one, one with a quiet end, gaps and a measured clock, and one where a crash
    took the count."""
    desk = Desk(tmp_path_factory.mktemp("recorded"))

    def sealed(path: Path, **fields: object) -> None:
        assert not seal(SealJob(journals=[str(path)], **fields)).failed

    sealed(desk.journal(range(10, 20)))
    start = NOON_NS + MINUTE_NS
    header, chunks = desk.pieces(range(20, 30), start_ns=start, ended=False)
    gap = Gap(start + 30 * SECOND_NS, start + 40 * SECOND_NS, Reason.LATENCY_GATE, 7)
    notes = [
        LegNote(1, "binance-1", 1, start, [0, 1, 2], to_ns=start + 50 * SECOND_NS, close="1006"),
        LegNote(2, "binance-1", 2, start + 51 * SECOND_NS, [0, 1, 2]),
        *(GapNote(index, gap) for index in range(3)),
        *(GapNote(index, Gap(start + 50 * SECOND_NS, start + 51 * SECOND_NS, Reason.DISCONNECT, None)) for index in range(3)),
        ClockNote(start + 55 * SECOND_NS, 1.5, "ntp"),
        *(CountsNote(index, 17, 0, 0) for index in range(3)),
        LiveNote([0, 1, 2], start, start + MINUTE_NS),
    ]
    end = desk.chunk(*(desk.note(start + 59 * SECOND_NS, note) for note in notes))
    path = desk.path(header)
    path.write_bytes(encode_header(header) + b"".join(chunks) + end)
    sealed(path)
    path = desk.journal(range(30, 40), start_ns=start + MINUTE_NS, ended=False)
    sealed(path, crash_to_ns=start + MINUTE_NS + 30 * SECOND_NS)
    path = desk.journal([], start_ns=start + 2 * MINUTE_NS)
    sealed(path)
    shutil.rmtree(desk.folder)
    assert check(desk.root).ok
    return desk.root


def each_series(root: Path) -> list[tuple[Path, str, str]]:
    return [(root / kind, symbol, kind) for symbol, kind in (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook"))]


def ledger_of(directory: Path, symbol: str, kind: str) -> Path:
    return directory / "temporary" / f"{symbol}_{kind}_{DAY}" / f"{symbol}_{kind}_{DAY}.ledger.jsonl"


def named_before_and_after(root: Path, directory: Path, symbol: str, kind: str) -> tuple[bool, bool]:
    """Whether verify names a problem before the merge, and whether it does after it (or the merge refuses)."""
    before = not check(root).ok
    try:
        merge(directory, symbol, kind)
    except ArchiveError:
        return before, True
    return before, not check(root).ok


def variants(line: bytes) -> list[bytes]:
    """The line with each of its numbers changed, one at a time."""
    made = []
    for hit in re.finditer(rb"(?<=[:\[ ])\d+(?=[,}\] ])", line):
        made.append(line[: hit.start()] + (b"%d" % (int(hit[0]) + 1)) + line[hit.end() :])
    return made


@pytest.mark.parametrize("series", [0, 1])
def test_every_line_that_is_taken_out_is_named_before_and_after_the_merge(recorded: Path, tmp_path: Path, series: int) -> None:
    lines = ledger_of(*each_series(recorded)[series]).read_bytes().splitlines(keepends=True)
    kinds = {json.loads(line)["type"] for line in lines}
    assert kinds >= {"segment", "gap", "live", "connection", "clock"}
    for number in range(len(lines)):
        root = tmp_path / str(number)
        shutil.copytree(recorded, root)
        target = each_series(root)[series]
        ledger_of(*target).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert named_before_and_after(root, *target) == (True, True), lines[number]
        shutil.rmtree(root)


def test_every_number_that_is_changed_is_named_before_and_after_the_merge(recorded: Path, tmp_path: Path) -> None:
    lines = ledger_of(*each_series(recorded)[0]).read_bytes().splitlines(keepends=True)
    tried = 0
    for number, line in enumerate(lines):
        for variant in variants(line):
            tried += 1
            root = tmp_path / "changed"
            shutil.copytree(recorded, root)
            target = each_series(root)[0]
            ledger_of(*target).write_bytes(b"".join([*lines[:number], variant, *lines[number + 1 :]]))
            assert named_before_and_after(root, *target) == (True, True), variant
            shutil.rmtree(root)
    assert tried > 40


def test_the_end_of_a_ledger_that_is_cut_at_a_line_is_named(recorded: Path, tmp_path: Path) -> None:
    """Wherever it is cut, but between two minutes behind which nothing was sealed."""
    lines = ledger_of(*each_series(recorded)[0]).read_bytes().splitlines(keepends=True)
    silent = 0
    for number in range(len(lines)):
        root = tmp_path / "cut"
        shutil.copytree(recorded, root)
        target = each_series(root)[0]
        ledger_of(*target).write_bytes(b"".join(lines[:number]))
        before, after = named_before_and_after(root, *target)
        assert before == after
        silent += not before
        shutil.rmtree(root)
    assert silent <= 1, "only the last, quiet minute as a whole can go away unseen"


@pytest.mark.parametrize("kind", ["orderbook", "execution"])
def test_a_lost_ledger_is_named_for_good(workshop: Callable[..., Workshop], tmp_path: Path, kind: str) -> None:
    shop = (fill_books if kind == "orderbook" else fill_trades)(workshop(kind))
    shop.ledger.unlink()
    assert {problem.kind for problem in check(tmp_path).problems} == {"unaccounted"}
    flaws = merge(shop.directory, shop.symbol, kind)
    assert flaws
    report = check(tmp_path)
    assert {problem.kind for problem in report.problems} == {"unaccounted"}
    manifest = read_manifest(shop.directory / f"{shop.symbol}_{kind}_{DAY}.manifest.json")
    assert manifest is not None
    assert (manifest.coverage, manifest.live) == (0.0, [])
    (gap,) = manifest.gaps
    assert (gap.from_ns, gap.to_ns, gap.missed) == (shop.minute_ns("13-15"), shop.minute_ns("13-18"), None)
    assert gap.detail is not None
    assert "ledger" in gap.detail
    shop.seal("13-20", [(agg_trade if kind == "execution" else book)(shop.minute_ns("13-20"), 9000)], ids=[9000])
    shop.tell_gap(Gap(shop.minute_ns("13-18"), shop.minute_ns("13-20"), Reason.CRASH, None))
    merge(shop.directory, shop.symbol, kind)
    assert not check(tmp_path).ok, "a later merge takes the flaw over"


def test_a_ledger_removed_after_the_merge_is_no_flaw(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """Minutes were kept; what the ledger said is in the manifest."""
    shop = fill_trades(workshop("execution"))
    assert merge(shop.directory, shop.symbol, "execution", purge=False) == []
    shop.ledger.unlink()
    assert merge(shop.directory, shop.symbol, "execution", purge=False) == []
    assert check(tmp_path).ok


def test_a_day_merged_by_an_older_hoga_without_its_ledger_is_named(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = fill_books(workshop("orderbook"))
    merge(shop.directory, shop.symbol, "orderbook")
    path = shop.directory / f"{shop.symbol}_orderbook_{DAY}.manifest.json"
    manifest = read_manifest(path)
    assert manifest is not None
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, live=[], coverage=0.0, reasons=None)))
    assert {problem.kind for problem in check(tmp_path).problems} == {"unaccounted"}


def test_an_older_ledger_is_verified_and_said_to_be_one(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = fill_trades(workshop("execution"))
    entries = list(read_ledger(shop.ledger))
    shop.ledger.write_bytes(encode_entries(entries))
    report = check(tmp_path)
    assert (report.ok, [(finding.kind, finding.count) for finding in report.findings]) == (True, [("unlinked", len(entries))])
    shop.seal("13-18", [agg_trade(shop.minute_ns("13-18"), 1120)], ids=[1120])
    assert check(tmp_path).ok
    lines = shop.ledger.read_bytes().splitlines(keepends=True)
    shop.ledger.write_bytes(b"".join([*lines[: len(entries) - 1], *lines[len(entries) :]]))
    assert "ledger" in {problem.kind for problem in check(tmp_path).problems}, "the first linked line names the one before it"


def test_the_count_is_held_together_around_a_crash(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """A day in which a crash took one count: the others are still counted, before the merge and after it."""
    shop = workshop("orderbook")
    for at, (minute, fields) in enumerate(
        {"13-15": {"received": 9}, "13-16": {"received": None, "state": "recovered"}, "13-17": {}}.items()
    ):
        shop.seal(minute, [book(shop.minute_ns(minute), at + 1)], ids=[at + 1], **fields)
    report = check(tmp_path)
    assert [(problem.kind, "9 frames" in problem.detail) for problem in report.problems] == [("unbalanced", True)]
    merge(shop.directory, shop.symbol, "orderbook")
    assert [(problem.kind, "9 frames" in problem.detail) for problem in check(tmp_path).problems] == [("unbalanced", True)]


def test_a_count_that_a_gap_accounts_for_is_in_balance_around_a_crash(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    shop = workshop("orderbook")
    shop.seal("13-15", [book(shop.minute_ns("13-15"), 1)], ids=[1], received=9)
    shop.seal("13-16", [book(shop.minute_ns("13-16"), 2)], ids=[2], received=None, state="recovered")
    start = shop.minute_ns("13-15")
    shop.tell_gap(Gap(start + 5, start + 50, Reason.LATENCY_GATE, 8))
    assert check(tmp_path).ok


def test_records_of_a_time_that_was_not_being_recorded_are_named(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """Also in a ledger of an older hoga, whose lines do not hold one another."""
    shop = fill_books(workshop("orderbook"))
    entries = [
        entry for entry in read_ledger(shop.ledger) if not (isinstance(entry, LiveEntry) and entry.from_ns == shop.minute_ns("13-16"))
    ]
    shop.ledger.write_bytes(encode_entries(entries))
    report = check(tmp_path)
    assert [problem.kind for problem in report.problems] == ["unaccounted"]
    assert "13-16" in report.problems[0].detail


# links


ENTRIES = [
    SegmentEntry(file="x", minute="13-15", part=1, records=1, bytes=1, crc32=1, archive_bytes=1, first_recv_ns=1, last_recv_ns=1),
    LiveEntry(from_ns=1, to_ns=2),
    GapEntry(gap=Gap(1, 2, Reason.CRASH, None)),
    ConnectionEntry(conn="a", epoch=1, from_ns=1),
    ClockEntry(ns=1, offset_ms=None, source="x"),
]


def test_an_entry_appended_alone_is_followed_by_an_end(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    append_entries(path, [ENTRIES[1]])
    assert list(read_ledger(path)) == [ENTRIES[1], EndEntry()]
    append_entries(path, [ENTRIES[0]])
    assert list(read_ledger(path)) == [ENTRIES[1], EndEntry(), ENTRIES[0]]


def test_a_batch_that_a_crash_cut_is_whole_after_the_second_try(tmp_path: Path) -> None:
    """Cut at every byte of what was appended; the second try appends the rest, and all holds together."""
    path = tmp_path / "ledger"
    told = [msgspec.structs.replace(entry, journal="j", at=at + 1) for at, entry in enumerate(ENTRIES)]
    told[0] = msgspec.structs.replace(ENTRIES[0], file="y")
    for batch in (told, told[1:2]):
        path.unlink(missing_ok=True)
        append_entries(path, ENTRIES[:2])
        begin = path.stat().st_size
        append_entries(path, batch)
        whole = path.read_bytes()
        for cut in range(begin, len(whole)):
            path.write_bytes(whole[:cut])
            append_entries(path, batch, again=True)
            lines = path.read_bytes().splitlines()
            assert breaks(lines) == [], cut
            assert [entry for entry in read_ledger(path) if not isinstance(entry, EndEntry)] == [*ENTRIES[:2], *batch]


def test_what_a_try_appended_whose_sync_failed_is_written_again(tmp_path: Path) -> None:
    """After a failed fsync the kernel may hold the bytes for written: the next fsync alone would bring them to no disk."""
    path, steps = tmp_path / "ledger", list[tuple[str, bytes]]()
    told = [msgspec.structs.replace(entry, journal="j", at=at + 1) for at, entry in enumerate(ENTRIES[1:])]

    def watch(what: str, where: object, data: bytes) -> None:
        steps.append((what, bytes(data)))
        if what == "fsync" and len(steps) == 2:
            raise OSError(errno.EIO, "Input/output error")

    durable.watch(watch)
    try:
        with pytest.raises(OSError):
            append_entries(path, told)
        append_entries(path, told)
    finally:
        durable.watch(None)
    whole = path.read_bytes()
    assert list(read_ledger(path)) == told
    assert steps[2:4] == [("write", whole), ("write", b"")]
    assert steps[4][0] == "fsync"


def test_links_hold(tmp_path: Path) -> None:
    lines = linked([b'{"a":%d}' % number for number in range(5)], b"")
    assert breaks(lines) == []
    assert [json.loads(line)["a"] for line in lines] == list(range(5))
    assert [link.left for line in lines if (link := open_link(line)) is not None] == [4, 3, 2, 1, 0]
    for number in range(5):
        (broken,) = breaks(lines[:number] + lines[number + 1 :])
        assert (broken.line, broken.altered) == (number, False)
    for number, line in enumerate(lines):
        for at in range(len(line)):
            changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
            assert (number, True) in {(each.line, each.altered) for each in breaks([*lines[:number], changed, *lines[number + 1 :]])} or (
                number == 0 and open_link(changed) is None
            )
    assert breaks(lines[:4], growing=True) == []
