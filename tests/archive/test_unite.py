"""What several collectors recorded, as one archive: whatever any of them got, each record once, the same in whatever order it is made."""

from __future__ import annotations

import errno
import gzip
import multiprocessing
import os
import random
from collections.abc import Iterable, Iterator
from itertools import count, pairwise, permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.form.envelope import payload_of
from hoga.archive.form.ledger import ClockEntry
from hoga.archive.form.manifest import Manifest, encode_manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.keep.splice import Part, Placed
from hoga.archive.prove.verify import verify
from hoga.archive.union import unite
from hoga.archive.union.unite import Source, United, unite_day
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS, SECOND_NS, day_of, minute_of
from hoga.runtime import durable
from tests.archive.workshop import DAY, Workshop, agg_trade, book, delta, envelope, read_records
from tests.tries import tries
from tests.waiting import LONG_S

_number = count()


def _named(line: bytes, collector: str) -> bytes:
    return line.replace(b'"conn":"binance-1"', b'"conn":"%b/binance-1"' % collector.encode()) if collector else line


def _archive(
    root: Path,
    name: str,
    minutes: dict[str, list[bytes]],
    *,
    kind: str = "execution",
    gaps: Iterable[Gap] = (),
    lost: int = 0,
    day: str = DAY,
) -> Source:
    """A merged day at `root/name` of these lines; `lost`: frames that arrived and were not written, as `gaps` say."""
    shop = Workshop(root / name / "binance" / kind, kind, day=day)
    for at, (minute, lines) in enumerate(minutes.items()):
        ids = _ids(lines)
        shop.seal(minute, [_named(line, name) for line in lines], ids=ids, received=len(lines) + (lost if at == 0 else 0))
    for gap in gaps:
        shop.tell_gap(gap)
    merged = SeriesDay(shop.directory, shop.symbol, kind, day)
    merge_day(merged, venue="binance", archive_format="zip", purge=True)
    return Source(name, merged)


class _Ids(msgspec.Struct):
    a: int | None = None
    lastUpdateId: int | None = None


def _ids(lines: list[bytes]) -> list[int]:
    return [found.a or found.lastUpdateId or 0 for found in msgspec.json.Decoder(_Ids).decode_lines(b"".join(lines))]


def _into(root: Path, name: str, kind: str = "execution") -> SeriesDay:
    return SeriesDay(root / name / "binance" / kind, "BTCUSDT", kind, DAY)


def _manifest(day: SeriesDay) -> Manifest:
    found = read_manifest(day.manifest_path)
    assert found is not None
    return found


def _sound(root: Path) -> list[str]:
    return [f"{problem.kind}: {problem.detail}" for problem in verify([root], jobs=1).problems]


def _trades(start: int, numbers: Iterable[int], *, late_ns: int = 0) -> list[bytes]:
    return [agg_trade(start + number * SECOND_NS // 2 + late_ns, 1000 + number) for number in numbers]


START = Workshop(Path(), "execution").minute_ns("13-15")


def test_each_record_is_there_once_and_the_gaps_are_what_all_had(tmp_path: Path) -> None:
    cut = Gap(START + 5 * SECOND_NS, START + 9 * SECOND_NS, Reason.DISCONNECT, 7, from_id=1011, to_id=1017, conn="tokyo/binance-1")
    other = Gap(START + 8 * SECOND_NS, START + 12 * SECOND_NS, Reason.DISCONNECT, 7, from_id=1017, to_id=1023, conn="seoul/binance-1")
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, [*range(11), *range(18, 40)])}, gaps=[cut])
    seoul = _archive(tmp_path, "seoul", {"13-15": _trades(START, [*range(17), *range(24, 40)], late_ns=900)}, gaps=[other])
    into = _into(tmp_path, "all")
    united = unite_day([tokyo, seoul], into)
    assert (united.state, united.records, united.gaps) == ("united", 39, 1)
    assert _ids(list(read_records([into]))) == [1000 + number for number in range(40) if number != 17]
    (gap,) = _manifest(into).gaps
    assert (gap.from_id, gap.to_id, gap.missed, gap.reason) == (1017, 1017, 1, Reason.DISCONNECT)
    assert _sound(tmp_path / "all") == []
    rows = {row.name: row for row in _manifest(into).collectors or ()}
    assert {name: (row.received, row.records, row.won) for name, row in rows.items()} == {"seoul": (33, 33, 6), "tokyo": (33, 33, 33)}
    assert {(each.collector, each.by) for each in _manifest(into).filled} == {("tokyo", ("seoul",)), ("seoul", ("tokyo",))}


def test_the_account_is_in_the_words_of_the_collector_that_is_named_first(tmp_path: Path) -> None:
    """In whatever order the archives are given: of a gap that all had, and of the clock."""
    sources = []
    for name, reason, offset_ms in (("tokyo", Reason.DISCONNECT, 1.5), ("seoul", Reason.CRASH, 90_000.0), ("paris", Reason.SILENCE, -7.0)):
        shop = Workshop(tmp_path / name / "binance" / "execution", "execution")
        lines = [_named(line, name) for line in _trades(START, [*range(10), *range(14, 40)])]
        shop.seal("13-15", lines, ids=_ids(lines))
        shop.tell_gap(Gap(START + 5 * SECOND_NS, START + 7 * SECOND_NS, reason, 4, from_id=1010, to_id=1013))
        shop.tell(ClockEntry(journal="clock", at=1, ns=START, offset_ms=offset_ms, source="ntp"))
        day = SeriesDay(shop.directory, shop.symbol, "execution", DAY)
        merge_day(day, venue="binance", archive_format="zip", purge=True)
        sources.append(Source(name, day))
    for number, order in enumerate((["seoul", "tokyo"], [], ["osaka", "seoul"])):
        texts = set()
        for at, archives in enumerate(permutations(sources)):
            into = _into(tmp_path, f"all-{number}-{at}")
            unite_day(archives, into, order=order)
            texts.add(into.manifest_path.read_bytes())
            (gap,) = _manifest(into).gaps
            said = (Reason.CRASH, 90_000.0) if order else (Reason.SILENCE, -7.0)  # by name where none is preferred
            assert (gap.reason, _manifest(into).clock.offset_ms) == said
        assert len(texts) == 1


def test_of_ids_that_are_no_records_nobody_says_how_many_are_missing(tmp_path: Path) -> None:
    cut = Gap(START + SECOND_NS, START + 4 * SECOND_NS, Reason.DISCONNECT, None, from_id=110, to_id=139)
    lines = [delta(START + at * SECOND_NS, 100 + 10 * at, 109 + 10 * at) for at in (0, 4, 5)]
    shop = Workshop(tmp_path / "tokyo" / "binance" / "delta", "delta")
    shop.seal("13-15", lines, ids=[109, 149, 159])
    shop.tell_gap(cut)
    day = SeriesDay(shop.directory, shop.symbol, "delta", DAY)
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    unite_day([Source("tokyo", day)], _into(tmp_path, "all", "delta"))
    (gap,) = _manifest(_into(tmp_path, "all", "delta")).gaps
    assert (gap.from_id, gap.to_id, gap.missed) == (110, 139, None)


def test_the_named_order_says_whose_record_stays(tmp_path: Path) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(10))})
    seoul = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(10), late_ns=900)})
    unite_day([tokyo, seoul], _into(tmp_path, "all"), order=["seoul", "tokyo"])
    assert all(b'"conn":"seoul/' in line for line in read_records([_into(tmp_path, "all")]))


def test_one_archive_alone_comes_out_byte_for_byte(tmp_path: Path) -> None:
    lines = [*_trades(START, range(10)), *_trades(START, range(3))]  # the clock went back
    alone = _archive(tmp_path, "", {"13-15": lines, "13-16": _trades(START + MINUTE_NS, range(200, 230))})
    united = unite_day([Source("here", alone.day)], _into(tmp_path, "all"))
    assert united.spliced == united.segments == 2
    assert united.sha256 == _manifest(alone.day).sha256
    assert unite_day([Source("here", alone.day)], _into(tmp_path, "all")).state == "unchanged"


def test_a_frame_that_came_over_midnight_to_one_and_before_it_to_the_other_is_there_once(tmp_path: Path) -> None:
    end = Workshop(Path(), "execution").minute_ns("23-59") + MINUTE_NS
    early = _archive(tmp_path, "tokyo", {"23-59": [agg_trade(end - 2, 1), agg_trade(end - 1, 2)]})
    shop = Workshop(tmp_path / "seoul" / "binance" / "execution", "execution", day="2026-11-21")
    late = _archive(tmp_path, "seoul", {"00-00": [agg_trade(shop.start_ns + 5, 2), agg_trade(shop.start_ns + 6, 3)]}, day="2026-11-21")
    # each archive has the other day too, with nothing of it
    for source, root in ((early, "tokyo"), (late, "seoul")):
        assert source.day.directory == tmp_path / root / "binance" / "execution"
    both = [early.day.directory, late.day.directory]
    found = []
    for day in (DAY, "2026-11-21"):
        into = msgspec.structs.replace(_into(tmp_path, "all"), day=day)
        sources = [Source(at.parents[1].name, SeriesDay(at, "BTCUSDT", "execution", day)) for at in both]
        unite_day(sources, into)
        found += _ids(list(read_records([into])))
    assert found == [1, 2, 3]


def test_a_day_that_is_kept_in_the_other_format_changes_over_whole(tmp_path: Path) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(10))})
    seoul = _archive(tmp_path, "seoul", {"13-16": _trades(START + MINUTE_NS, range(120, 130))})
    into = _into(tmp_path, "all")
    unite_day([tokyo], into)
    unite_day([seoul], into, archive_format="zst")
    assert [path.name for path in into.archive_paths] == [f"BTCUSDT_execution_{DAY}.jsonl.zst"]
    assert len(list(read_records([into]))) == 20


def test_a_damaged_archive_stops_the_union_and_nothing_is_changed(tmp_path: Path) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(10))})
    file = tokyo.day.archive_paths[0]
    data = bytearray(file.read_bytes())
    data[120] ^= 1
    file.write_bytes(data)
    with pytest.raises(SegmentCorrupt):
        unite_day([tokyo], _into(tmp_path, "all"))
    assert not _into(tmp_path, "all").manifest_path.exists()


Drawn = tuple[str, dict[str, list[bytes]], list[Gap]]
"""(collector, minute -> lines, gaps)"""


def _die_at(sources: list[Source], into: SeriesDay, at: int) -> None:
    steps = count(1)
    durable.watch(lambda act, what, data: os._exit(9) if next(steps) == at else None)
    unite_day(sources, into)
    os._exit(0)


def test_killed_at_any_step_the_next_run_gives_the_same_day(tmp_path: Path) -> None:
    early = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(30))})
    late = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(20, 60), late_ns=900)})
    wanted = unite_day([early, late], _into(tmp_path, "whole")).sha256
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for at in count(1, 2):
        into = _into(tmp_path, f"killed-{at}")
        unite_day([early], into)
        child = multiprocessing.get_context("fork").Process(target=_die_at, args=([late], into, at))
        child.start()
        child.join(LONG_S)
        assert unite_day([late], into).sha256 == wanted, at
        assert _sound(tmp_path / f"killed-{at}") == [], at
        assert sorted(path.suffix for path in into.directory.iterdir()) == [".json", ".zip"], at
        if child.exitcode == 0:
            break
    assert at > 10, "there are so many steps at least"
    assert {path: found for path in before if (found := path.read_bytes()) != before[path]} == {}


def test_a_disk_that_refuses_any_step_is_told_and_the_old_day_stays_or_the_new_one_is_whole(tmp_path: Path) -> None:
    early = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(30))})
    late = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(20, 60), late_ns=900)})
    wanted = unite_day([early, late], _into(tmp_path, "whole")).sha256
    for at in count(2, 2):
        into = _into(tmp_path, f"refused-{at}")
        unite_day([early], into)
        steps = count(1)

        def refuse(act: str, what: object, data: object, at: int = at, steps: Iterator[int] = steps) -> None:
            if next(steps) == at:
                raise OSError(errno.ENOSPC, "No space left on device")

        durable.watch(refuse)
        try:
            unite_day([late], into)
            refused = False
        except ArchiveError:
            refused = True
        finally:
            durable.watch(None)
        assert unite_day([late], into).sha256 == wanted, at
        assert _sound(tmp_path / f"refused-{at}") == [], at
        if not refused:
            break
    assert at > 10


_offsets = st.sampled_from([0, 1, 900, 2_000_000])


def test_where_one_has_all_of_it_its_bytes_are_copied_and_a_copy_that_went_wrong_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = {
        f"13-{minute}": [book(START + (minute - 15) * MINUTE_NS + at * SECOND_NS, minute * 100 + at) for at in range(50)]
        for minute in (15, 16)
    }
    less = {"13-15": books["13-15"][:20], "13-16": books["13-16"][3:]}
    one, other = (_archive(tmp_path, name, minutes, kind="orderbook") for name, minutes in (("one", books), ("other", less)))
    into = _into(tmp_path, "all", "orderbook")
    told = unite_day([one, other], into, order=["one"])
    assert (told.spliced, told.segments, told.sha256) == (2, 2, _manifest(one.day).sha256)
    assert into.archive_paths[0].read_bytes() == one.day.archive_paths[0].read_bytes()
    assert _sound(tmp_path / "all") == []
    plain = unite.splice

    def wrongly(parts: list[Part], target: Path, **how: Any) -> list[Placed]:
        placed = plain(parts, target, **how)
        data = bytearray(target.read_bytes())
        data[placed[1].archive_offset + 40] ^= 1
        target.write_bytes(data)
        return placed

    monkeypatch.setattr(unite, "splice", wrongly)
    again = _into(tmp_path, "again", "orderbook")
    with pytest.raises(SegmentCorrupt, match="not what was sealed"):
        unite_day([one, other], again, order=["one"])
    assert [path.name for path in again.directory.iterdir()] == []


def _captured(path: Path, stream: str) -> list[tuple[int, bytes]]:
    """(receipt, payload) of the frames of one stream, in whose order they were received."""
    found = []
    with gzip.open(path) as lines:
        for line in lines:
            stamp, _, text = line.partition(b" ")
            if text.startswith(b'{"stream":"btcusdt@%b"' % stream.encode()):
                found.append((int(stamp), text[text.index(b'"data":') + 7 : text.rindex(b"}")]))
    return found


@pytest.mark.parametrize(
    ("stream", "kind", "file"),
    [
        ("depth20@100ms", "orderbook", "derived_depth20_btcusdt_20240808.gz"),
        ("trade", "execution", "hft_btcusdt_20240808.gz"),
        ("depth@100ms", "delta", "hft_btcusdt_20240808.gz"),
        ("bookTicker", "quote", "hft_btcusdt_20240808.gz"),
    ],
)
def test_a_real_capture_cut_in_two_ways_and_united_again_is_the_whole(
    tmp_path: Path, captures: Path, stream: str, kind: str, file: str
) -> None:
    frames = _captured(captures / "binance-spot" / file, stream)[:3000]
    chance, cuts = random.Random(7), []
    for which in range(2):  # each loses stretches that the other has, and single frames
        at, lost = which * 40, set[int]()
        while at < len(frames):
            lost |= set(range(at, at + chance.choice([1, 1, 5, 37])))
            at += chance.randrange(80, 300)
        cuts.append(lost if not which else lost - cuts[0])
    day = day_of(frames[0][0])

    def archive(name: str, lost: set[int], late_ns: int) -> Source:
        shop = Workshop(tmp_path / name / "binance" / kind, kind, day=day)
        minutes: dict[str, list[bytes]] = {}
        for number, (receipt, payload) in enumerate(frames):
            if number not in lost:
                minutes.setdefault(minute_of(receipt + late_ns), []).append(_named(envelope(receipt + late_ns, payload), name))
        for minute, lines in minutes.items():
            shop.seal(minute, lines)
        into = SeriesDay(shop.directory, shop.symbol, kind, day)
        merge_day(into, venue="binance", archive_format="zip", purge=True)
        return Source(name, into)

    def payloads(source: SeriesDay) -> list[bytes]:
        return [payload_of(line) for line in read_records([source])]

    one, other = archive("one", cuts[0], 0), archive("other", cuts[1], 700_000)
    united = [SeriesDay(tmp_path / name / "binance" / kind, "BTCUSDT", kind, day) for name in ("all", "again")]
    told = [unite_day(sources, into, order=["one"]) for sources, into in zip(([one, other], [other, one]), united, strict=True)]
    assert told[0].sha256 == told[1].sha256
    assert sorted(payloads(united[0])) == sorted(payload for _, payload in frames)
    assert payloads(one.day) != payloads(united[0]) != payloads(other.day)


@st.composite
def _recordings(draw: st.DrawFn) -> list[Drawn]:
    """What three collectors got of one stream: each misses some frames, and receives them a little later than another."""
    numbers = list(range(draw(st.integers(1, 25))))
    names = draw(st.sampled_from([["a", "b", "c"], ["", "", ""], ["a", "", "b"]]))
    kind = draw(st.sampled_from([agg_trade, book]))
    found = []
    for name in names:
        got = draw(st.lists(st.sampled_from(numbers), unique=True, min_size=1))
        late = draw(_offsets)
        minutes: dict[str, list[bytes]] = {}
        for number in sorted(got):
            at = number * 5 * SECOND_NS
            minutes.setdefault("13-15" if at + late < MINUTE_NS else "13-16", []).append(kind(START + at + late, 100 + number))
        holes = [(one, other) for one, other in pairwise(sorted(got)) if other > one + 1 and kind is agg_trade]
        gaps = [
            Gap(
                START + one * 5 * SECOND_NS + late,
                START + other * 5 * SECOND_NS + late,
                Reason.SEQUENCE_GAP,
                other - one - 1,
                101 + one,
                99 + other,
            )
            for one, other in holes
        ]
        found.append((name, minutes, gaps))
    return found


@settings(max_examples=tries(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_recordings())
def test_any_order_grouping_and_number_of_times_gives_the_same_text(tmp_path: Path, recordings: list[Drawn]) -> None:
    kind = "orderbook" if b"bids" in next(iter(recordings[0][1].values()))[0] else "execution"
    root = tmp_path / str(next(_number))
    a, b, c = (
        _archive(root / str(at), name, minutes, kind=kind, gaps=gaps)._replace(label=name or f"place-{at}")
        for at, (name, minutes, gaps) in enumerate(recordings)
    )

    def united(*sources: Source) -> United:
        return unite_day(sources, _into(root, f"out-{next(_number)}", kind), order=["b"])

    def as_source(found: United) -> Source:
        return Source("again", SeriesDay(found.archive.parent, "BTCUSDT", kind, DAY))

    whole = united(a, b, c)
    left, right = united(as_source(united(a, b)), c), united(a, as_source(united(c, b)))
    assert whole.sha256 == left.sha256 == right.sha256 == united(c, a, b, a).sha256 == united(as_source(whole), b).sha256
    every = {number for _, minutes, _ in recordings for lines in minutes.values() for number in _ids(lines)}
    assert sorted(_ids(list(read_records([as_source(whole).day])))) == sorted(every)
    assert _sound(whole.archive.parent) == []


def _sized(line: bytes, size: bytes) -> bytes:
    return line.replace(b'"q":"0.5"', b'"q":"%b"' % size)


def _findings(root: Path, kind: str) -> list[tuple[str, int]]:
    return [(each.detail, each.count) for each in verify([root], jobs=1).findings if each.kind == kind]


def test_an_id_on_which_collectors_differ_is_named_with_whose_it_is_and_fails_nothing(tmp_path: Path) -> None:
    ours = _trades(START, range(6))
    theirs = [_sized(line, b"0.7") if number == 3 else line for number, line in enumerate(_trades(START, range(6), late_ns=900))]
    tokyo = _archive(tmp_path, "tokyo", {"13-15": ours})
    seoul = _archive(tmp_path, "seoul", {"13-15": theirs})
    united = unite_day([tokyo, seoul], _into(tmp_path, "all"))
    assert (united.records, united.conflicts) == (7, 1)
    report = verify([tmp_path / "all"], jobs=1)
    assert report.ok
    (found,) = [each for each in report.findings if each.kind == "conflict"]
    assert found.detail == "aggTrade id 1003 stands there 2 times with other payloads, of seoul and tokyo (offset in the text)"
    text = b"".join(read_records([_into(tmp_path, "all")]))
    assert found.offset is not None
    assert b'"a":1003,' in text[found.offset :].split(b"\n", 1)[0]
    assert text[found.offset - 1 : found.offset] == b"\n"


def test_what_one_collector_wrote_of_an_id_twice_is_no_difference(tmp_path: Path) -> None:
    twice = [*_trades(START, range(6)), _sized(agg_trade(START + 4 * SECOND_NS, 1005), b"0.7")]
    tokyo = _archive(tmp_path, "tokyo", {"13-15": twice})
    seoul = _archive(tmp_path, "seoul", {"13-16": _trades(START + MINUTE_NS, range(120, 130))})
    assert unite_day([tokyo, seoul], _into(tmp_path, "all"), order=["tokyo"]).conflicts == 0
    assert _findings(tmp_path / "all", "conflict") == []


def test_where_connections_bear_no_name_nobody_can_tell_whose_the_payloads_are(tmp_path: Path) -> None:
    here = _archive(tmp_path / "here", "", {"13-15": _trades(START, range(6))})
    there = _archive(tmp_path / "there", "", {"13-15": [_sized(agg_trade(START + 5, 1002), b"0.7")]})
    unite_day([here._replace(label="here"), there._replace(label="there")], _into(tmp_path, "all"))
    ((detail, _),) = _findings(tmp_path / "all", "conflict")
    assert "id 1002 stands there 2 times with other payloads, of a collector without a name" in detail


def test_of_many_differences_the_last_that_is_told_counts_the_rest(tmp_path: Path) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(50))})
    seoul = _archive(tmp_path, "seoul", {"13-15": [_sized(line, b"0.7") for line in _trades(START, range(50), late_ns=900)]})
    assert unite_day([tokyo, seoul], _into(tmp_path, "all")).conflicts == 50
    counts = [count for _, count in _findings(tmp_path / "all", "conflict")]
    assert (len(counts), counts[-1], sum(counts)) == (20, 31, 50)


def _tampered(day: SeriesDay, name: str, **figures: object) -> None:
    """The manifest with other figures of one collector, and a checksum that is right again."""
    manifest = _manifest(day)
    rows = [msgspec.structs.replace(row, **figures) if row.name == name else row for row in manifest.collectors or ()]
    day.manifest_path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, collectors=rows)))


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"received": 41}, "unbalanced: collector seoul: 41 frames were received, but 40 records + 0 duplicates + 0"),
        ({"records": 39}, "unbalanced: collector seoul: 40 frames were received, but 39 records"),
        ({"duplicates": 2}, "unbalanced: collector seoul: 40 frames were received, but 40 records + 2 duplicates"),
        ({"unwritten": 5}, "unbalanced: collector seoul: 40 frames were received, but 40 records + 0 duplicates + 5 accounted"),
        ({"won": 9}, "mismatch: records of all collectors: found 39, written down 40"),
    ],
)
def test_a_figure_of_one_collector_that_was_altered_is_found(tmp_path: Path, figures: dict[str, int], says: str) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(30))})
    seoul = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(40), late_ns=900)})
    unite_day([tokyo, seoul], _into(tmp_path, "all"), order=["tokyo"])
    assert _sound(tmp_path / "all") == []
    _tampered(_into(tmp_path, "all"), "seoul", **figures)
    assert says in "\n".join(_sound(tmp_path / "all"))


def test_records_that_are_credited_to_another_collector_are_found(tmp_path: Path) -> None:
    tokyo = _archive(tmp_path, "tokyo", {"13-15": _trades(START, range(30))})
    seoul = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(40), late_ns=900)})
    unite_day([tokyo, seoul], _into(tmp_path, "all"), order=["tokyo"])
    _tampered(_into(tmp_path, "all"), "seoul", won=20)
    _tampered(_into(tmp_path, "all"), "tokyo", won=20)
    assert sorted(_sound(tmp_path / "all")) == [
        "mismatch: records of collector seoul: found 10, written down 20",
        "mismatch: records of collector tokyo: found 30, written down 20",
    ]


def test_each_collector_keeps_what_its_own_clock_was_off_by(tmp_path: Path) -> None:
    sources = []
    for name, offset_ms in (("tokyo", 1.5), ("seoul", -240.0), ("osaka", None)):
        shop = Workshop(tmp_path / name / "binance" / "execution", "execution")
        lines = [_named(line, name) for line in _trades(START, range(10), late_ns=int((offset_ms or 0) * 1_000_000) + 1_000_000_000)]
        shop.seal("13-15", lines, ids=_ids(lines))
        if offset_ms is not None:
            shop.tell(ClockEntry(journal="clock", at=1, ns=START, offset_ms=offset_ms, source="ntp"))
        day = SeriesDay(shop.directory, shop.symbol, "execution", DAY)
        merge_day(day, venue="binance", archive_format="zip", purge=True)
        sources.append(Source(name, day))
    first = unite_day(sources[:2], _into(tmp_path, "two"))
    unite_day([Source("two", SeriesDay(first.archive.parent, "BTCUSDT", "execution", DAY)), sources[2]], _into(tmp_path, "all"))
    clocks = {row.name: row.clock for row in _manifest(_into(tmp_path, "all")).collectors or ()}
    assert {name: clock.offset_ms for name, clock in clocks.items()} == {"tokyo": 1.5, "seoul": -240.0, "osaka": None}


def test_a_collector_that_got_its_name_in_the_middle_of_a_day_has_one_account(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "here" / "binance" / "execution", "execution")
    for minute, name, numbers in (("13-15", "", range(20)), ("13-16", "tokyo", range(120, 140))):
        lines = [_named(line, name) for line in _trades(START, numbers)]
        shop.seal(minute, lines, ids=_ids(lines))
    shop.tell_gap(Gap(START + 10 * SECOND_NS, START + MINUTE_NS, Reason.DISCONNECT, 100, from_id=1020, to_id=1119))
    day = SeriesDay(shop.directory, shop.symbol, "execution", DAY)
    merge_day(day, venue="binance", archive_format="zip", purge=True)
    seoul = _archive(tmp_path, "seoul", {"13-15": _trades(START, range(10, 40), late_ns=900)})
    once = unite_day([Source("here", day), seoul], _into(tmp_path, "all"), order=["tokyo"])
    rows = {row.name: (row.records, row.won) for row in _manifest(_into(tmp_path, "all")).collectors or ()}
    assert rows.keys() == {"seoul", "tokyo"}
    assert sum(won or 0 for _, won in rows.values()) == once.records
    again = unite_day([Source("all", _into(tmp_path, "all")), seoul], _into(tmp_path, "again"), order=["tokyo"])
    assert again.sha256 == once.sha256
    assert _sound(tmp_path / "all") == _sound(tmp_path / "again") == []
