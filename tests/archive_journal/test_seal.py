"""Sealing: the same act whether the journal is whole, torn, bent, or was half sealed before."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.archive.form.chunks import columns
from hoga.archive.form.deflate import BLOCK_BYTES
from hoga.archive.form.journal import (
    CountsNote,
    EndNote,
    GapNote,
    LatencyNote,
    LegNote,
    LiveNote,
    Note,
    OddNote,
    encode_header,
)
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, LiveEntry
from hoga.archive.form.segment import read_blocks
from hoga.archive.keep import minute
from hoga.archive.keep import seal as module
from hoga.archive.keep.join import join_parts, waiting_parts
from hoga.archive.keep.merge import merge_day, pending_days
from hoga.archive.keep.seal import SealJob, SealResult, seal, seal_and_keep
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Stream
from hoga.core.times import MINUTE_NS, SECOND_NS, minute_of
from hoga.quality.sequence import RUNS_KEPT
from hoga.runtime import durable
from tests.archive_journal.desk import BOOK, ETH, SESSION, TRADE, Desk
from tests.recorder.workbench import NOON_NS, agg_trade, book, frame, stream

SERIES = (("BTCUSDT", "orderbook"), ("BTCUSDT", "execution"), ("ETHUSDT", "orderbook"))


def sealed(*paths: Path, **fields: Any) -> SealResult:
    return seal(SealJob(journals=[str(path) for path in paths], **fields))


def test_a_minute_becomes_a_segment_a_series(desk: Desk) -> None:
    result = sealed(desk.journal(range(10, 15)))
    assert result.records == 15
    assert sorted(result.segments) == [
        "BTCUSDT_execution_2026-11-20_12-00.zip",
        "BTCUSDT_orderbook_2026-11-20_12-00.zip",
        "ETHUSDT_orderbook_2026-11-20_12-00.zip",
    ]
    assert set(result.ends) == {BOOK.name, TRADE.name, ETH.name}
    assert {(end.ns, end.reason) for end in result.ends.values()} == {(NOON_NS + MINUTE_NS, Reason.CRASH)}
    assert result.runs[TRADE.name] == [[10, 14]]
    assert not result.crashed
    for series in SERIES:
        assert desk.archive.check_balance(*series) == (5, 5, 0)
    assert not list(desk.folder.iterdir())
    assert not list(desk.root.rglob("*.tmp"))
    (line, *_) = desk.archive.lines("BTCUSDT", "orderbook")
    assert list(line)[:6] == ["recvNs", "eventTime", "timeSource", "latencyMs", "epoch", "conn"]
    assert (line["eventTime"], line["timeSource"], line["latencyMs"], line["epoch"], line["conn"]) == (
        None,
        "estimated",
        None,
        1,
        "binance-1",
    )
    trade = desk.archive.lines("BTCUSDT", "execution")[0]
    assert (trade["eventTime"], trade["timeSource"]) == (1790134512331, "venue")


class Killed(BaseException):
    pass


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], int]:
    """Raise before the `step`th act of sealing that touches the disk; gives how many acts there were."""
    done = [0]

    def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **fields: Any) -> Any:
            done[0] += 1
            if done[0] == step:
                raise Killed
            return act(*arguments, **fields)

        return run

    for name in ("write_all", "fsync_folder", "append_entries", "_place"):
        monkeypatch.setattr(module, name, guarded(getattr(module, name)))
    monkeypatch.setattr(module.os, "link", guarded(os.link))
    monkeypatch.setattr(Path, "unlink", guarded(Path.unlink))
    return lambda: done[0]


@pytest.mark.parametrize("interval_min", [1, 5])
def test_killed_at_every_step_then_sealed_again_it_is_the_same_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval_min: int
) -> None:
    whole = Desk(tmp_path / "whole")
    path = whole.journal(range(5), interval_min=interval_min)
    with monkeypatch.context() as patch:
        steps = kill_at(patch, 0)
        sealed(path)
    wanted = whole.snapshot()
    assert steps() > 15
    for step in range(1, steps() + 1):
        desk = Desk(tmp_path / f"killed-{step}")
        path = desk.journal(range(5), interval_min=interval_min)
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(Killed):
                sealed(path)
        sealed(path, again=True)
        found = desk.snapshot()
        assert {name: data for name, data in found.items() if not name.endswith("ledger.jsonl")} == {
            name: data for name, data in wanted.items() if not name.endswith("ledger.jsonl")
        }, step
        for name in wanted:
            if name.endswith("ledger.jsonl"):
                assert sorted(found[name].splitlines()) == sorted(wanted[name].splitlines()), (step, name)


def test_a_series_that_cannot_be_written_leaves_the_others_sealed(desk: Desk) -> None:
    blocked = desk.root / "orderbook" / "temporary" / "ETHUSDT_orderbook_2026-11-20"
    blocked.write_text("a file in the place of the folder")
    path = desk.journal(range(5))
    result = sealed(path)
    assert [what for what, _ in result.failed] == ["ETHUSDT orderbook 2026-11-20 12-00"]
    assert path.exists()
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (5, 5, 0)
    blocked.unlink()
    again = sealed(path, again=True)
    assert again.failed == []
    for series in SERIES:
        assert desk.archive.check_balance(*series) == (5, 5, 0)
    assert not path.exists()


def _fails_for_eth(monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    """Something nobody foresaw happens to one series."""
    places: dict[str, tuple[Any, str]] = {
        "way": (minute.Minute, "_make_way"),
        "take": (minute.SeriesMinute, "take"),
        "mark": (minute, "Identity"),
        "stage": (module._Sealer, "_entry"),
    }
    act = getattr(*places[where])

    def run(*arguments: Any, **fields: Any) -> Any:
        streams = [item for item in arguments if isinstance(item, Stream)]
        series = [item for item in arguments if isinstance(item, minute.SeriesMinute)]
        if any(of.series.symbol == "ETHUSDT" for of in series) or any(of.symbol == "ETHUSDT" for of in streams):
            raise error
        return act(*arguments, **fields)

    owner, name = places[where]
    monkeypatch.setattr(owner, name, run)


@pytest.mark.parametrize("where", ["way", "take", "mark", "stage"])
@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("euc_kr", "币", 0, 1, "illegal multibyte sequence"),
        OSError(36, "File name too long"),
        RuntimeError("Symlink loop"),
        MemoryError(),
        KeyError("a channel nobody knows"),
    ],
)
def test_whatever_happens_to_one_series_stays_its_own(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    path = desk.journal(range(5))
    with monkeypatch.context() as patch:
        _fails_for_eth(patch, where, error)
        result = seal_and_keep(SealJob(journals=[str(path)]))
    assert [what for what, _ in result.failed] == ["ETHUSDT orderbook 2026-11-20 12-00"]
    assert type(error).__name__ in result.failed[0][1] or isinstance(error, OSError)
    assert path.exists(), "kept until all of it is sealed"
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (5, 5, 0)
    assert desk.archive.check_balance("BTCUSDT", "execution") == (5, 5, 0)
    assert sealed(path, again=True).failed == []
    for symbol, kind in SERIES:
        assert desk.archive.check_balance(symbol, kind) == (5, 5, 0), "nothing doubled"
    assert not path.exists()


@pytest.mark.parametrize("symbol", ["A" * 300, "币" * 90, "x/../..", ".hidden", "a\x01\n\x7fb", "%41%~" + "0" * 300])
@pytest.mark.parametrize("interval_min", [1, 5])
def test_whatever_a_symbol_is_called_it_is_sealed_merged_and_verified(desk: Desk, symbol: str, interval_min: int) -> None:
    odd = stream("ETHUSDT", "depth20@100ms")
    odd = msgspec.structs.replace(odd, symbol=symbol)
    desk.number += 1
    path = desk.journal(range(5), streams=[BOOK, odd], interval_min=interval_min)
    assert sealed(path).failed == []
    directory = desk.root / "orderbook"
    for day in waiting_parts(directory):
        join_parts(day, interval_min=interval_min, archive_format="zip")
    report = verify([desk.root])
    assert report.ok, report.problems
    for day in pending_days(directory):
        merge_day(day, venue="binance", archive_format="zip", purge=True)
    report = verify([desk.root])
    assert report.ok, report.problems
    assert report.records == 10


def test_a_full_disk_fails_that_series_and_leaves_nothing_half_made(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.journal(range(5))
    real = module.write_all

    def full(fd: int, data: bytes) -> None:
        if "ETH" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(errno.ENOSPC, "no space")
        real(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_all", full)
        result = sealed(path)
    assert len(result.failed) == 1
    assert "No space" in result.failed[0][1]
    sealed(path, again=True)
    for series in SERIES:
        assert desk.archive.check_balance(*series) == (5, 5, 0)
    assert not list(desk.root.rglob("*.tmp"))


def test_a_sealed_minute_is_never_replaced(desk: Desk) -> None:
    sealed(desk.journal(range(5)))
    before = desk.snapshot()
    sealed(desk.journal(range(5, 9), start_ns=NOON_NS + 30 * SECOND_NS))
    after = desk.snapshot()
    assert all(after[name] == data for name, data in before.items() if name.endswith(".zip"))
    assert [path.name[-11:] for path in desk.archive.files("BTCUSDT", "orderbook")] == ["0_12-00.zip", "12-00_2.zip"]
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(9))


@pytest.mark.parametrize("name", ["12-00.zip", "12-00.jsonl.zst", "12-00.jsonl", "12-00_2.zip"])
def test_a_part_of_the_minute_is_seen_whatever_its_form(desk: Desk, name: str) -> None:
    path = desk.journal(range(5))
    folder = desk.root / "orderbook" / "temporary" / "BTCUSDT_orderbook_2026-11-20"
    folder.mkdir(parents=True)
    there = folder / f"BTCUSDT_orderbook_2026-11-20_{name}"
    there.write_bytes(b"")
    made = "BTCUSDT_orderbook_2026-11-20_12-00" + ("_3" if "_2" in name else "_2")
    assert f"{made}.zip" in sealed(path).segments
    assert there.read_bytes() == b""


def odd_minute(desk: Desk, lane: int) -> Path:
    desk.number += 1
    header = desk.header(NOON_NS, lane=lane, streams=[stream(f"L{lane}USDT", "depth20@100ms")])
    path = desk.path(header)
    odd = desk.chunk(
        desk.note(NOON_NS + lane, OddNote(0, "not a data frame", 3, b"odd %d" % lane)), desk.note(NOON_NS, EndNote(NOON_NS + MINUTE_NS))
    )
    path.write_bytes(encode_header(header) + odd)
    return path


def test_two_lanes_may_seal_into_the_aside_series_at_the_same_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both found no part of the minute there yet; the one that comes second takes the next."""
    first, second = odd_minute(desk, 0), odd_minute(desk, 1)
    real, nested = module._place, []

    def place(temporary: Path, target: Path) -> bool:
        if not nested:
            nested.append(target)
            assert not sealed(second).failed
        return real(temporary, target)

    monkeypatch.setattr(module, "_place", place)
    assert not sealed(first).failed
    assert sorted(line["raw"] for line in desk.archive.lines("ODD", "aside")) == ["odd 0", "odd 1"]
    assert len(desk.archive.files("ODD", "aside")) == 2
    assert desk.archive.check_balance("ODD", "aside") == (2, 2, 0)
    assert not list(desk.root.rglob("*.tmp"))


def test_where_there_are_no_hard_links_a_name_is_still_never_taken_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(module.os, "link", link)
    sealed(desk.journal(range(5)))
    sealed(desk.journal(range(5, 9), start_ns=NOON_NS + 30 * SECOND_NS))
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == list(range(9))


# torn and bent


def test_truncated_at_every_byte_the_whole_chunks_are_sealed_and_the_rest_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    made = Desk(tmp_path / "made")
    header, chunks = made.pieces([1, 2, 3], streams=[BOOK])
    head = encode_header(header)
    whole = head + b"".join(chunks)
    ends = [len(head) + sum(map(len, chunks[:number])) for number in range(len(chunks) + 1)]
    crash_ns = NOON_NS + 40 * SECOND_NS
    for size in range(len(head), len(whole), 3):
        desk = Desk(tmp_path / str(size))
        path = desk.path(header)
        path.write_bytes(whole[:size])
        result = sealed(path, crash_to_ns=crash_ns)
        kept = sum(1 for end in ends if end <= size) - 1
        assert result.records == max(0, kept - 1)
        assert result.damaged_bytes == size - ends[kept]
        assert result.crashed
        assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [1, 2, 3][: max(0, kept - 1)]
        gaps = desk.archive.gaps("BTCUSDT", "orderbook", Reason.CRASH)
        assert [gap.to_ns for gap in gaps] == ([crash_ns] if kept else []), "no stream was connected before the first chunk"
        assert not path.exists()


def test_a_bent_chunk_in_the_middle_costs_that_chunk_and_is_accounted(desk: Desk) -> None:
    header, chunks = desk.pieces([1, 2, 3, 4])
    chunks[2] = chunks[2][:40] + bytes([chunks[2][40] ^ 4]) + chunks[2][41:]
    path = desk.path(header)
    path.write_bytes(encode_header(header) + b"".join(chunks))
    result = sealed(path)
    assert result.damaged_bytes == len(chunks[2])
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [1, 3, 4]
    (gap,) = desk.archive.gaps("BTCUSDT", "orderbook")
    assert (gap.reason, gap.missed, gap.from_ns, gap.to_ns) == (Reason.CRASH, None, NOON_NS + 2, NOON_NS + 2 * SECOND_NS)
    assert desk.archive.segments("BTCUSDT", "orderbook")[0].received is None, "nobody can know"


def test_a_chunk_whose_frames_would_reach_beyond_it_costs_that_chunk_alone(desk: Desk) -> None:
    header, chunks = desk.pieces([1, 2])
    sound = columns([NOON_NS + 9, 1 << 16, frame(BOOK, book(3))])
    desk.seq += 1
    desk.encoder.restart()
    chunks.append(desk.encoder.encode(sound._replace(raw=sound.raw[:-1]), desk.seq))
    path = desk.path(header)
    path.write_bytes(encode_header(header) + b"".join(chunks))
    result = sealed(path)
    assert (result.failed, result.damaged_bytes) == ([], len(chunks[-1]))
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [1, 2]


def test_a_journal_whose_last_words_are_bent_is_accounted_to_the_minutes_end(desk: Desk) -> None:
    header, chunks = desk.pieces([1, 2, 3])
    chunks[-1] = chunks[-1][:-1] + b"\0"
    path = desk.path(header)
    path.write_bytes(encode_header(header) + b"".join(chunks))
    result = sealed(path)
    assert not result.crashed
    (gap,) = desk.archive.gaps("BTCUSDT", "orderbook")
    assert (gap.reason, gap.from_ns, gap.to_ns) == (Reason.CRASH, NOON_NS + 2 * SECOND_NS + 2, NOON_NS + MINUTE_NS)
    assert [entry for entry in desk.archive.ledger("BTCUSDT", "orderbook") if isinstance(entry, LiveEntry)]


def test_a_journal_without_a_readable_header_is_put_aside_not_thrown_away(desk: Desk) -> None:
    path = desk.journal([1, 2])
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    result = sealed(path)
    assert result.damaged == [path.name]
    assert result.damaged_bytes == len(data)
    assert not path.exists()
    assert path.with_name(path.name + ".damaged").read_bytes() == data


def test_a_journal_torn_at_its_birth_just_goes(desk: Desk) -> None:
    path = desk.journal([])
    path.write_bytes(path.read_bytes()[:20])
    result = sealed(path, crash_to_ns=NOON_NS + SECOND_NS)
    assert result.damaged == []
    assert not path.exists()


# what is said in a journal


def test_notes_hold_from_their_place_on(desk: Desk) -> None:
    header = desk.header(NOON_NS, streams=[BOOK])
    path = desk.path(header)

    def at(number: int) -> tuple[int, int, bytes]:
        return NOON_NS + number, 0 | 1 << 16, frame(BOOK, book(number))

    notes = [
        desk.note(NOON_NS, LegNote(1, "binance-1", 4, NOON_NS, [0])),
        at(1),
        desk.note(NOON_NS, LatencyNote([0], 24_700_000, 2_000)),
        at(2),
        desk.note(NOON_NS, LatencyNote([0], -3_100_000, 2_000)),
        at(3),
        desk.note(NOON_NS, LegNote(1, "binance-1", 4, NOON_NS, [0], NOON_NS + 9, "1006")),
        desk.note(NOON_NS, LegNote(2, "binance-1", 5, NOON_NS + 10, [0])),
        (NOON_NS + 11, 0 | 2 << 16, frame(BOOK, book(4))),
        desk.note(NOON_NS, GapNote(0, Gap(NOON_NS + 9, NOON_NS + 10, Reason.DISCONNECT, None))),
        desk.note(NOON_NS, CountsNote(0, 4, 0, 0)),
        desk.note(NOON_NS, LiveNote([0], NOON_NS, NOON_NS + MINUTE_NS)),
    ]
    path.write_bytes(encode_header(header) + desk.chunk(*notes))
    sealed(path)
    lines = desk.archive.lines("BTCUSDT", "orderbook")
    assert [(line["latencyMs"], line["epoch"]) for line in lines] == [(None, 4), (24.7, 4), (-3.1, 4), (-3.1, 5)]
    assert lines[2]["eventTime"] == (NOON_NS + 3 + 3_100_000 - 2_000) // 1_000_000, "a skewed clock is not clipped"
    connections = [entry for entry in desk.archive.ledger("BTCUSDT", "orderbook") if isinstance(entry, ConnectionEntry)]
    assert [(entry.epoch, entry.to_ns, entry.close) for entry in connections] == [
        (4, None, None),
        (4, NOON_NS + 9, "1006"),
        (5, None, None),
    ]
    assert not [entry for entry in desk.archive.ledger("BTCUSDT", "orderbook") if isinstance(entry, ClockEntry)]


def test_a_record_of_an_unknown_leg_is_recorded_under_a_question_mark(desk: Desk) -> None:
    header = desk.header(NOON_NS, streams=[BOOK])
    path = desk.path(header)
    path.write_bytes(encode_header(header) + desk.chunk((NOON_NS, 0 | 9 << 16, frame(BOOK, book(1))), desk.note(NOON_NS, EndNote(NOON_NS))))
    sealed(path)
    assert [(line["conn"], line["epoch"]) for line in desk.archive.lines("BTCUSDT", "orderbook")] == [("?", 0)]


def test_two_journals_of_one_minute_and_session_are_one_segment(desk: Desk) -> None:
    """The clock was set back inside a session: two of its journals are of the same minute."""
    first = desk.journal([1, 2])
    second = desk.journal([3, 4])
    sealed(first, second)
    assert [path.name[-9:] for path in desk.archive.files("BTCUSDT", "orderbook")] == ["12-00.zip"]
    assert [line["lastUpdateId"] for line in desk.archive.lines("BTCUSDT", "orderbook")] == [1, 2, 3, 4]
    assert desk.archive.check_balance("BTCUSDT", "orderbook") == (4, 4, 0)


def test_a_journal_that_is_gone_already_is_no_trouble(desk: Desk) -> None:
    assert sealed(desk.folder / f"0_2026-11-20_12-00_{SESSION}_1.journal").records == 0


def test_more_series_than_are_synced_one_by_one(desk: Desk) -> None:
    streams = [stream(f"S{number}USDT", "depth20@100ms") for number in range(40)]
    header = desk.header(NOON_NS, streams=streams)
    path = desk.path(header)
    records = [(NOON_NS + index, index | 1 << 16, frame(of, book(index + 1))) for index, of in enumerate(streams)]
    notes = [desk.note(NOON_NS, LegNote(1, "binance-1", 1, NOON_NS, list(range(40)))), *records]
    notes += [desk.note(NOON_NS, CountsNote(index, 1, 0, 0)) for index in range(40)] + [desk.note(NOON_NS, EndNote(NOON_NS + MINUTE_NS))]
    path.write_bytes(encode_header(header) + desk.chunk(*notes))
    result = sealed(path)
    assert len(result.segments) == 40
    for of in streams:
        assert desk.archive.check_balance(of.symbol, "orderbook") == (1, 1, 0)


ODD_BOOKS = (
    b'{"lastUpdateId":9223372036854775809,"bids":[],"asks":[]}',
    b'{"lastUpdateId":"8","bids":[],"asks":[]}',
    b'{"lastUpdateId":-3,"bids":[["1","1"]],"asks":[]}',
    b'{"bids":[],"asks":[]}',
    b'{"x":{"lastUpdateId":2},"lastUpdateId":7,"bids":[],"asks":[]}',
    b'{ "lastUpdateId" : 11,\r\n"bids":[],"asks":[]}',
    '{"lastUpdateId":12,"bids":[],"asks":[],"note":"호가"}'.encode(),
    b'{"lastUpdateId":1e999,"bids":[],"asks":[]}',
    b'{"lastUpdateId":[1e999],"bids":[],"asks":[]}',
    b'{"lastUpdateId":' + b"1" * 5_000 + b',"bids":[],"asks":[]}',
    b'{"recvNs":1e999,"bids":[],"asks":[]}',
    b'{"lastUpdateId":13,"bids":[],"asks":[],"pad":"' + b"x" * 10_000_000 + b'"}',
)


def test_whatever_a_payload_looks_like_what_is_sealed_verifies(desk: Desk) -> None:
    desk.number += 1
    header = desk.header(NOON_NS)
    broken = [b'{"lastUpdateId":1', b'{"lastUpdateId":1,}', b'{"lastUpdateId":1} {"lastUpdateId":2}', b'{"note":"\xff"}', b"{}"]
    broken.append(b'{"x":"\xff"},"data":{"x":1}')
    payloads = [book(1), *ODD_BOOKS, *broken, book(20)]
    records = [(NOON_NS + at, 1 << 16, frame(BOOK, payload)) for at, payload in enumerate(payloads)]
    chunks = [desk.chunk(desk.note(NOON_NS, LegNote(1, "binance-1", 1, NOON_NS, [0, 1, 2])))]
    chunks += [desk.chunk(*records[:4]), desk.chunk(*records[4:])]
    ending: list[Note] = [CountsNote(0, len(payloads), 0, 0), LiveNote([0], NOON_NS, NOON_NS + MINUTE_NS)]
    chunks.append(desk.chunk(*(desk.note(NOON_NS + MINUTE_NS, note) for note in ending)))
    path = desk.path(header)
    path.write_bytes(encode_header(header) + b"".join(chunks))
    result = seal(SealJob(journals=[str(path)]))
    assert result.failed == []
    text = desk.archive.text("BTCUSDT", "orderbook")
    assert [line.split(b'"conn":"binance-1",')[1] for line in text.splitlines()] == [
        payload[1:].lstrip().replace(b"\r\n", b"  ") for payload in (book(1), *ODD_BOOKS, book(20))
    ]
    assert len(desk.archive.lines("ODD", "aside")) == len(broken)
    report = verify([desk.root])
    assert report.ok, report.problems


def test_a_bent_line_among_many_is_found_and_the_others_are_what_they_would_be_without_it(desk: Desk) -> None:
    made = []
    for bent in (False, True):
        desk.number += 1
        header = desk.header(NOON_NS + desk.number * MINUTE_NS)
        start = header.minute_ns
        records = [(start + at, at % 3 | 1 << 16, frame(of, payload)) for at, (of, payload) in enumerate(_mixed(600))]
        if bent:
            records.insert(301, (start + 300, 1 << 16, frame(BOOK, b'{"lastUpdateId":}')))
        opening = [desk.note(start, LegNote(1, "binance-1", 1, start, [0, 1, 2])), desk.note(start, LatencyNote([0], 5_000_000, 0))]
        path = desk.path(header)
        path.write_bytes(encode_header(header) + desk.chunk(*opening) + desk.chunk(*records[:256]) + desk.chunk(*records[256:]))
        result = seal(SealJob(journals=[str(path)]))
        assert (result.failed, result.records) == ([], 600 + bent)
        texts = desk.archive.files("BTCUSDT", "orderbook") + desk.archive.files("BTCUSDT", "execution")
        made.append([_without_times(b"".join(read_blocks(path)), start) for path in texts if path.stem.endswith(minute_of(start))])
        assert result.runs[TRADE.name] == [[1, 200]]
        assert len(result.runs[BOOK.name]) == RUNS_KEPT
    assert made[0] == made[1]


@pytest.mark.parametrize(("block", "waiting"), [(1, 1 << 30), (700, 1 << 30), (BLOCK_BYTES, 1 << 30), (BLOCK_BYTES, 4_000)])
def test_however_much_is_made_at_once_the_lines_are_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch, block: int, waiting: int) -> None:
    """Two legs take turns, some frames are odd, some broken: the lines come in their order, and what is put aside in its own."""
    monkeypatch.setattr(minute, "_LOOK_BYTES", 1)
    monkeypatch.setattr(minute, "WAITING_BYTES", waiting)
    for place in ("keep.minute", "keep.seriesminute", "form.segment"):
        monkeypatch.setattr(f"hoga.archive.{place}.BLOCK_BYTES", block)
    odd = {6: book(6).replace(b",", b" , "), 90: b'{"lastUpdateId":}', 151: agg_trade(51).replace(b"{", b"{ ", 1), 201: b'{"x":\xff}'}
    made = [(of, odd.get(at, payload)) for at, (of, payload) in enumerate(_mixed(300))]
    desk.number += 1
    header = desk.header(NOON_NS)
    frames = [(NOON_NS + at, at % 3 | (1 + at // 10 % 2) << 16, frame(of, payload)) for at, (of, payload) in enumerate(made)]
    opening = [desk.note(NOON_NS, LegNote(leg, f"binance-{leg}", leg, NOON_NS, [0, 1, 2])) for leg in (1, 2)]
    path = desk.path(header)
    chunks = [desk.chunk(*opening), *(desk.chunk(*frames[at : at + 13]) for at in range(0, len(frames), 13))]
    path.write_bytes(encode_header(header) + b"".join(chunks))
    result = seal(SealJob(journals=[str(path)]))
    assert result.failed == []
    for number, (of, kind) in enumerate(((BOOK, "orderbook"), (TRADE, "execution"), (ETH, "orderbook"))):
        lines = desk.archive.lines(of.series.symbol, kind)
        expected = [at for at in range(number, 300, 3) if at not in (90, 201)]
        assert [line["recvNs"] - NOON_NS for line in lines] == expected
        assert [line["conn"] for line in lines] == [f"binance-{1 + at // 10 % 2}" for at in expected]
    assert [line["recvNs"] - NOON_NS for line in desk.archive.lines("ODD", "aside")] == [90, 201]
    report = verify([desk.root])
    assert report.ok, report.problems


def test_what_is_no_line_is_put_aside_with_the_life_that_brought_it(desk: Desk) -> None:
    desk.number += 1
    header = desk.header(NOON_NS)
    records = []
    for epoch in (1, 2, 3):
        start = NOON_NS + epoch * SECOND_NS
        records.append(desk.note(start, LegNote(1, "binance-1", epoch, start, [0, 1, 2])))
        records += [
            (start + at, at | 1 << 16, frame(of, payload))
            for at, (of, payload) in enumerate([(BOOK, b'{"a":}'), (TRADE, agg_trade(epoch))])
        ]
        records.append(desk.note(start + 9, OddNote(leg=1, why="not JSON", size=1, raw=b"x")))
    path = desk.path(header)
    path.write_bytes(encode_header(header) + desk.chunk(*records))
    assert seal(SealJob(journals=[str(path)])).failed == []
    told = [(line["epoch"], line["why"]) for line in desk.archive.lines("ODD", "aside")]
    assert told == [(epoch, why) for epoch in (1, 2, 3) for why in ("malformed payload", "not JSON")]


@pytest.mark.parametrize("fault", ["none", "nameless", "write"])
def test_blocks_that_wait_on_the_disk_or_cannot_make_the_same_archive(desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A disk that does not take what waits is no trouble; one that does not give it back is: the journals stay, and it is done again."""
    monkeypatch.setattr("hoga.archive.form.spool.HELD_BYTES", 100)
    monkeypatch.setattr(minute, "WAITING_BYTES", 1_000)
    told: list[str] = []

    def refuse(what: str, where: Path | int, data: bytes) -> None:
        told.append(what)
        if what == fault and "nameless" in told[-2:]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = desk.journal(range(50), start_ns=NOON_NS)
    with monkeypatch.context() as broken:
        broken.setattr("hoga.archive.form.spool.Spool.get", _no_piece)
        result = seal(SealJob(journals=[str(path)]))
        assert sorted(what.split(" ")[0] for what, _ in result.failed) == ["BTCUSDT", "BTCUSDT", "ETHUSDT"]
        assert all("Input/output error" in why for _, why in result.failed)
        assert path.exists()
    durable.watch(refuse)
    try:
        result = seal(SealJob(journals=[str(path)], again=True))
    finally:
        durable.watch(None)
    assert result.failed == []
    assert "nameless" in told, "something waits on the disk"
    assert result.records == 150
    report = verify([desk.root])
    assert report.ok, report.problems


def _no_piece(*_of: object) -> bytes:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _mixed(count: int) -> list[tuple[Stream, bytes]]:
    return [(BOOK, book(at)) if at % 3 == 0 else (TRADE, agg_trade(at // 3 + 1)) if at % 3 == 1 else (ETH, book(at)) for at in range(count)]


def _without_times(text: bytes, start_ns: int) -> list[tuple[int, bytes]]:
    lines = [line.split(b",", 2) for line in text.splitlines()]
    return [(int(recv.partition(b":")[2]) - start_ns, rest) for recv, _, rest in lines]
