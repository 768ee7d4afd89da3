"""The day is its minutes, byte for byte, once; whatever is killed, damaged or late."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import signal
import subprocess
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock

from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import segment_stem
from hoga.archive.form.ledger import GapEntry, SegmentEntry, append_entries, read_ledger
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import Manifest, decode_manifest, read_manifest
from hoga.archive.form.segment import SegmentBuilder, read_blocks
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import MergeResult, merge_day, pending_days, splice_segments
from hoga.core.errors import ArchiveBusy, DiskFull, ManifestMismatch, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, fill_trades
from tests.waiting import LONG_S

STEPS = ["written", "read back", "described", "committed", "installed", "purged"]


def merge(shop: Workshop, *, purge: bool = True, step: Callable[[str], None] = lambda name: None, archive_format: str = "") -> MergeResult:
    return merge_day(
        SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day),
        venue="binance",
        archive_format=archive_format or shop.archive_format,
        purge=purge,
        step=step,
    )


def manifest_of(shop: Workshop) -> Manifest:
    manifest = read_manifest(shop.directory / f"{SYMBOL}_{shop.kind}_{DAY}.manifest.json")
    assert manifest is not None
    return manifest


def text_of(shop: Workshop) -> bytes:
    return b"".join(read_blocks(shop.directory / manifest_of(shop).archive.file))


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
def test_the_day_is_the_concatenation_of_its_minutes(workshop: Callable[..., Workshop], archive_format: str) -> None:
    shop = fill_trades(workshop("execution", archive_format=archive_format))
    shop.seal("13-16", [agg_trade(shop.minute_ns("13-16") + 50 * 10**9, 1120)], part=2, ids=[1120])

    result = merge(shop)

    assert (result.state, result.segments, result.records) == ("merged", 4, 121)
    text = text_of(shop)
    assert text == shop.all_text()
    manifest = manifest_of(shop)
    assert manifest.sha256 == hashlib.sha256(text).hexdigest()
    assert (manifest.records, manifest.bytes, manifest.received) == (121, len(text), 121)
    assert (manifest.first_id, manifest.last_id) == (1000, 1120)
    assert [(row.minute, row.part) for row in manifest.segments] == [("13-15", 1), ("13-16", 1), ("13-16", 2), ("13-17", 1)]
    assert all(crc32(text[row.offset : row.offset + row.bytes]) == row.crc32 for row in manifest.segments)
    assert manifest.live == [(shop.minute_ns("13-15"), shop.minute_ns("13-18"))]
    assert manifest.coverage == round(3 / 1440, 6)
    assert not shop.folder.exists()
    assert pending_days(shop.directory) == []


def test_standard_tools_read_the_day(trades: Workshop) -> None:
    merge(trades)
    path = trades.directory / f"{SYMBOL}_execution_{DAY}.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{SYMBOL}_execution_{DAY}.jsonl"]
        assert archive.read(archive.namelist()[0]) == trades.all_text()
    assert subprocess.run(["python", "-m", "zipfile", "-t", path], capture_output=True, check=True).stdout


def test_compressed_bytes_are_copied_not_made_again(trades: Workshop) -> None:
    bodies = []
    for path in sorted(trades.folder.glob("*.zip")):
        located = locate(path)
        bodies.append(path.read_bytes()[located.body_at : located.body_at + located.body_bytes])
    merge(trades)
    path = trades.directory / manifest_of(trades).archive.file
    day = locate(path)
    assert path.read_bytes()[day.body_at : day.body_at + day.body_bytes] == b"".join(bodies)


def test_merging_again_changes_nothing(trades: Workshop) -> None:
    merge(trades, purge=False)
    before = {path.name: path.read_bytes() for path in trades.directory.iterdir() if path.is_file()}
    result = merge(trades, purge=False)
    assert result.state == "unchanged"
    assert {path.name: path.read_bytes() for path in trades.directory.iterdir() if path.is_file()} == before
    assert len(list(trades.folder.glob("*.zip"))) == 3
    assert merge(trades, purge=True).state == "unchanged"
    assert not trades.folder.exists()


def test_kept_minutes_are_pending_only_while_something_is_new(trades: Workshop) -> None:
    day = SeriesDay(trades.directory, SYMBOL, "execution", DAY)
    assert pending_days(trades.directory, purge=False) == [day]
    merge(trades, purge=False)
    assert pending_days(trades.directory, purge=False) == []
    assert pending_days(trades.directory, purge=True) == [day]
    trades.seal("13-18", [agg_trade(trades.minute_ns("13-18"), 1120)], ids=[1120], told=False)
    assert pending_days(trades.directory, purge=False) == [day]


def test_nothing_to_merge_is_no_error_and_leaves_no_trace(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    assert merge(shop).state == "empty"
    assert not shop.folder.exists()


@pytest.mark.parametrize("purge", [True, False])
@pytest.mark.parametrize("minute", ["13-14", "13-16", "13-18"])
def test_a_late_segment_is_taken_in_where_it_belongs(trades: Workshop, minute: str, *, purge: bool) -> None:
    merge(trades, purge=purge)
    part = 2 if minute == "13-16" and not purge else 1
    late = agg_trade(trades.minute_ns(minute) + 55 * 10**9, 1120)
    trades.seal(minute, [late], part=part, ids=[1120])
    if minute == "13-16" and purge:
        trades.text["13-16", 2] = late
        trades.text["13-16", 1] = b"".join(agg_trade(trades.minute_ns(minute) + n * 10**9 + 7, 1040 + n) for n in range(40))

    result = merge(trades, purge=purge)

    assert (result.state, result.added, result.records) == ("merged", 1, 121)
    assert text_of(trades) == trades.all_text()
    manifest = manifest_of(trades)
    assert (manifest.received, manifest.last_id) == (121, 1120)
    assert len({(row.minute, row.part) for row in manifest.segments}) == 4
    assert merge(trades, purge=purge).state == "unchanged"


def test_gaps_told_after_the_merge_are_taken_in_once(trades: Workshop) -> None:
    merge(trades, purge=False)
    gap = Gap(trades.minute_ns("13-18"), trades.minute_ns("13-19"), Reason.DISCONNECT, None)
    trades.tell_gap(gap)
    assert merge(trades, purge=False).state == "merged"
    assert merge(trades, purge=False).state == "unchanged"
    manifest = manifest_of(trades)
    assert manifest.gaps == [gap]
    assert (manifest.received, manifest.records) == (120, 120)
    assert manifest.gaps_per_million == round(1e6 / 120, 3)


def test_a_day_of_gaps_only_has_a_manifest(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    shop.tell_gap(Gap(shop.start_ns, shop.start_ns + MINUTE_NS, Reason.LATENCY_GATE, 600))
    shop.tell(
        SegmentEntry(
            file="",
            minute="00-00",
            part=0,
            records=0,
            bytes=0,
            crc32=0,
            archive_bytes=0,
            first_recv_ns=None,
            last_recv_ns=None,
            received=600,
        )
    )
    merge(shop)
    manifest = manifest_of(shop)
    assert (manifest.records, manifest.received, manifest.segments, manifest.coverage) == (0, 600, [], 0.0)
    assert text_of(shop) == b""


@pytest.mark.parametrize("formats", [("zip", "zst"), ("zst", "zip")])
def test_the_archive_format_may_change_in_the_middle(workshop: Callable[..., Workshop], formats: tuple[str, str]) -> None:
    shop = fill_trades(workshop("execution", archive_format=formats[0]), minutes=["13-15"])
    merge(shop)
    shop.archive_format = formats[1]
    fill_trades(shop, minutes=["13-16"], first=1040)
    assert merge(shop).records == 80
    assert text_of(shop) == shop.all_text()
    assert [path.name for path in shop.directory.glob("*_2026-11-20*") if ".manifest" not in path.name] == [manifest_of(shop).archive.file]


def test_classic_minutes_merge_too(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("orderbook")
    shop.folder.mkdir(parents=True)
    lines = [b'{"lastUpdateId": %d, "eventTime": 1, "bids": [["1.0","2.0"]], "asks": []}\n' % number for number in range(30)]
    for minute, part in (("13-15", lines[:10]), ("13-16", lines[10:20])):
        stem = segment_stem(SYMBOL, "orderbook", DAY, minute)
        with zipfile.ZipFile(shop.folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.jsonl", b"".join(part))
    stem = segment_stem(SYMBOL, "orderbook", DAY, "13-17")
    (shop.folder / f"{stem}.jsonl").write_bytes(b"".join(lines[20:]) + b'{"lastUpdateId": 77, "bi')
    twin = segment_stem(SYMBOL, "orderbook", DAY, "13-16")
    (shop.folder / f"{twin}.jsonl").write_bytes(b"".join(lines[10:20]))

    merge(shop)

    assert text_of(shop) == b"".join(lines)
    manifest = manifest_of(shop)
    assert (manifest.records, manifest.received, manifest.first_recv_ns) == (30, None, None)
    assert manifest.coverage == round(3 / 1440, 6)
    assert not shop.folder.exists()


def test_a_segment_missing_from_the_ledger_is_described_by_its_note(workshop: Callable[..., Workshop]) -> None:
    shop = workshop("execution")
    shop.seal("13-15", [agg_trade(shop.minute_ns("13-15"), 5)], ids=[5], told=False, received=3, duplicates=2)
    merge(shop)
    manifest = manifest_of(shop)
    assert (manifest.received, manifest.duplicates, manifest.first_id) == (3, 2, 5)


def test_a_day_file_without_manifest_is_never_touched(trades: Workshop) -> None:
    day = trades.directory / f"{SYMBOL}_execution_{DAY}.zip"
    day.write_bytes(b"someone's")
    with pytest.raises(ManifestMismatch, match="without a manifest"):
        merge(trades)
    assert day.read_bytes() == b"someone's"
    assert len(list(trades.folder.glob("*.zip"))) == 3


def test_a_missing_segment_stops_the_merge(trades: Workshop) -> None:
    (trades.folder / f"{segment_stem(SYMBOL, 'execution', DAY, '13-16')}.zip").unlink()
    with pytest.raises(ManifestMismatch, match="13-16"):
        merge(trades)
    assert not list(trades.directory.glob("*.manifest.json"))


def test_a_damaged_segment_stops_the_merge_and_is_named(trades: Workshop) -> None:
    path = trades.folder / f"{segment_stem(SYMBOL, 'execution', DAY, '13-16')}.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    with pytest.raises(SegmentCorrupt, match="13-16"):
        merge(trades)
    assert len(list(trades.folder.glob("*.zip"))) == 3
    assert not list(trades.directory.glob("*.manifest.json"))


def test_a_changed_segment_stops_the_merge(trades: Workshop) -> None:
    stem = segment_stem(SYMBOL, "execution", DAY, "13-16")
    builder = SegmentBuilder("zip")
    builder.add(b'{"recvNs":1}\n', 1)
    pieces, _ = builder.build(f"{stem}.jsonl", b"{}", 0)
    (trades.folder / f"{stem}.zip").write_bytes(b"".join(pieces))
    with pytest.raises(ManifestMismatch, match="ledger"):
        merge(trades)


def test_a_broken_ledger_stops_the_merge(trades: Workshop) -> None:
    data = trades.ledger.read_bytes()
    trades.ledger.write_bytes(b"?" + data[1:])
    with pytest.raises(SegmentCorrupt, match="ledger"):
        merge(trades)


def test_never_two_merges_of_one_day(trades: Workshop) -> None:
    with FileLock(trades.folder / ".lock"), pytest.raises(ArchiveBusy):
        merge(trades)
    assert merge(trades).state == "merged"


def _die_at(shop: Workshop, wanted: str) -> None:
    merge(shop, step=lambda name: os._exit(9) if name.startswith(wanted) else None)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_gives_the_same_day(trades: Workshop, step: str, *, late: bool) -> None:
    if late:
        merge(trades)
        trades.seal("13-14", [agg_trade(trades.minute_ns("13-14"), 999)], ids=[999])
    child = multiprocessing.get_context("fork").Process(target=_die_at, args=(trades, step))
    child.start()
    child.join(20)
    assert child.exitcode == 9

    merge(trades)

    assert text_of(trades) == trades.all_text()
    manifest = manifest_of(trades)
    assert (manifest.records, manifest.received) == ((121, 121) if late else (120, 120))
    assert sorted(path.name for path in trades.directory.iterdir()) == sorted(
        ["temporary", manifest.archive.file, f"{SYMBOL}_execution_{DAY}.manifest.json"]
    )
    assert not trades.folder.exists()


def _merge_on_a_small_disk(shop: Workshop, limit: int, outcome: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        merge(shop)
        outcome.put("merged")
    except DiskFull as fault:
        outcome.put(str(fault))


@pytest.mark.parametrize("limit", [0, 100, 900])
def test_a_full_disk_changes_nothing_and_gives_its_space_back(trades: Workshop, limit: int) -> None:
    (trades.folder / ".lock").touch()
    before = {path: path.read_bytes() for path in trades.directory.rglob("*") if path.is_file()}
    context = multiprocessing.get_context("fork")
    outcome = context.Queue()
    child = context.Process(target=_merge_on_a_small_disk, args=(trades, limit, outcome))
    child.start()
    assert "cannot be written" in outcome.get(timeout=LONG_S)
    child.join(20)
    assert {path: path.read_bytes() for path in trades.directory.rglob("*") if path.is_file()} == before
    assert merge(trades).state == "merged"


def test_what_the_ledger_gained_during_a_merge_stays(trades: Workshop) -> None:
    gap = Gap(trades.minute_ns("13-18"), trades.minute_ns("13-19"), Reason.DISCONNECT, None)
    merge(trades, step=lambda name: trades.tell_gap(gap) if name == "installed" else None)
    assert trades.ledger.exists()
    assert pending_days(trades.directory) == [SeriesDay(trades.directory, SYMBOL, "execution", DAY)]
    assert merge(trades).state == "merged"
    assert manifest_of(trades).gaps == [gap]
    assert manifest_of(trades).received == 120


def test_splice_segments_makes_one_segment_of_many(trades: Workshop, tmp_path: Path) -> None:
    parts = sorted(trades.folder.glob("*.zip"))
    target = tmp_path / f"{segment_stem(SYMBOL, 'execution', DAY, '13-15')}.zip"
    facts = splice_segments(parts, target, f"{target.stem}.jsonl", b"{}")
    text = b"".join(read_blocks(target))
    assert text == trades.all_text()
    assert (facts.records, facts.bytes, facts.crc32, facts.archive_bytes) == (120, len(text), crc32(text), target.stat().st_size)
    assert locate(target).ours
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [target.name]


def test_the_manifest_is_plain_json_with_the_promised_keys(trades: Workshop) -> None:
    trades.tell_gap(Gap(trades.minute_ns("13-15"), trades.minute_ns("13-15") + 5, Reason.MALFORMED, 1, from_id=4, to_id=4))
    merge(trades)
    data = (trades.directory / f"{SYMBOL}_execution_{DAY}.manifest.json").read_bytes()
    keys = set(msgspec.json.decode(data))
    assert keys >= {
        "format",
        "venue",
        "stream",
        "symbol",
        "day",
        "records",
        "bytes",
        "sha256",
        "archive",
        "first_recv_ns",
        "last_recv_ns",
        "first_id",
        "last_id",
        "segments",
        "gaps",
        "duplicates",
        "coverage",
        "gaps_per_million",
        "clock",
        "connections",
        "hoga",
    }
    assert decode_manifest(data).gaps[0].missed == 1


def test_what_is_told_while_the_ledger_is_removed_stays_told(workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch) -> None:
    shop = fill_trades(workshop("execution"))
    gap = GapEntry(journal="late", at=1, gap=Gap(shop.start_ns, shop.start_ns + 5, Reason.DISCONNECT, None))
    teller = threading.Thread(target=append_entries, args=(shop.ledger, [gap]))
    unlink = Path.unlink

    def unlink_later(path: Path, missing_ok: bool = False) -> None:
        if path == shop.ledger and teller.ident is None:
            teller.start()
            teller.join(0.3)  # without a lock it has written by now, into the file that is being removed
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_later)
    merge(shop)
    teller.join()
    assert gap in list(read_ledger(shop.ledger))
    merge(shop)
    assert gap.gap in manifest_of(shop).gaps
