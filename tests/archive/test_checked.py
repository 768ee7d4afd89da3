"""Whoever reads an archive is told its true text, or an error: never text that a damaged disk has made."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoga.archive.form.checked import whole_lines
from hoga.archive.form.layout import segment_stem
from hoga.archive.form.manifest import decode_manifest, encode_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.tail import Past, PastRecord
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.streams import Series
from hoga.core.times import SECOND_NS
from hoga.venues.registry import VENUES
from tests.archive.workshop import DAY, SYMBOL, Workshop, fill_trades, read_records

Read = Callable[[Workshop], Iterator[bytes]]


def merge(shop: Workshop, *, purge: bool = True) -> None:
    merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day), venue="binance", archive_format=shop.archive_format, purge=purge)


def by_cat(shop: Workshop) -> Iterator[bytes]:
    yield from read_records(shop.directory)


def by_stretch(shop: Workshop) -> Iterator[bytes]:
    start = shop.minute_ns("13-15")
    yield from read_records(shop.directory, start_ns=start + 30 * SECOND_NS, end_ns=start + 100 * SECOND_NS)


def by_since(shop: Workshop) -> Iterator[bytes]:
    past = Past(Series(venue="binance", symbol=SYMBOL, kind="execution"), shop.directory, shop.directory / "none", ["x"], VENUES["binance"])
    try:
        for each in past.read(shop.minute_ns("13-14"), shop.minute_ns("14-00")):
            if isinstance(each, PastRecord):
                yield b"%d %b\n" % (each.recv_ns, each.payload)
    finally:
        past.close()


READERS: dict[str, Read] = {"cat": by_cat, "a stretch": by_stretch, "since": by_since}


def made(root: Path, stage: str, archive_format: str) -> Workshop:
    shop = fill_trades(Workshop(root / "data" / "binance" / "execution", "execution", archive_format=archive_format))
    if stage == "merged":
        merge(shop)
    elif stage == "kept":
        merge(shop, purge=False)
    return shop


def classic(root: Path, stage: str) -> Workshop:
    """The classic recorder's minutes, or its day."""
    shop = Workshop(root / "data" / "binance" / "execution", "execution")
    shop.folder.mkdir(parents=True)
    number = 0
    whole = b""
    for minute in ("13-15", "13-16", "13-17"):
        start_ms = shop.minute_ns(minute) // 1_000_000
        lines = [b'{"recv_ms":%d,"net_delay_ms":3,"E":1,"p":"1.5","q":"2","m":"%d"}\n' % (start_ms + at, number + at) for at in range(40)]
        number += 40
        text = b"".join(lines)
        whole += text
        if stage == "classic minutes":
            stem = segment_stem(SYMBOL, "execution", DAY, minute)
            with zipfile.ZipFile(shop.folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{stem}.jsonl", text)
    if stage == "classic day":
        shutil.rmtree(shop.folder.parent)
        stem = f"{SYMBOL}_execution_{DAY}"
        with zipfile.ZipFile(shop.directory / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.jsonl", whole)
    return shop


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small archives of every make, to be copied and damaged."""
    found = {}
    for stage in ("open", "merged", "kept"):
        for archive_format in ("zip", "zst"):
            root = tmp_path_factory.mktemp("archive")
            made(root, stage, archive_format)
            found[f"{stage} {archive_format}"] = root
    for stage in ("classic minutes", "classic day"):
        root = tmp_path_factory.mktemp("classic")
        classic(root, stage)
        found[stage] = root
    return found


def shop_in(root: Path, name: str) -> Workshop:
    return Workshop(root / "data" / "binance" / "execution", "execution", archive_format="zst" if "zst" in name else "zip")


NAMES = ["open zip", "open zst", "merged zip", "merged zst", "kept zip", "kept zst", "classic minutes", "classic day"]


def files_of(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".") and path.stat().st_size)


def told_before_an_error(lines: Iterator[bytes]) -> tuple[bytes, bool]:
    told = []
    try:
        for line in lines:
            told.append(line)
    except ArchiveError:
        return b"".join(told), True
    return b"".join(told), False


@pytest.mark.parametrize(("reader", "name"), [(reader, name) for reader in READERS for name in NAMES])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.integers(0, 10**6), where=st.integers(0, 10**9), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_never_told(
    archives: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    reader: str,
    name: str,
    file: int,
    where: int,
    bit: int,
    *,
    cut: bool,
) -> None:
    whole = b"".join(READERS[reader](shop_in(archives[name], name)))
    assert whole
    root = tmp_path_factory.mktemp("damaged")
    shutil.copytree(archives[name] / "data", root / "data")
    files = files_of(root)
    path = files[file % len(files)]
    data = bytearray(path.read_bytes())
    if cut:
        del data[where % len(data) :]
    else:
        data[where % len(data)] ^= 1 << bit
    path.write_bytes(data)
    told, failed = told_before_an_error(READERS[reader](shop_in(root, name)))
    shutil.rmtree(root)
    if failed:
        assert whole.startswith(told)
    else:
        assert told == whole


def test_the_segment_that_is_damaged_is_not_begun(trades: Workshop) -> None:
    """The text before it is given, of itself not a line."""
    merge(trades)
    archive = next(trades.directory.glob("*.zip"))
    manifest = decode_manifest(next(trades.directory.glob("*.manifest.json")).read_bytes())
    row = manifest.segments[1]
    data = bytearray(archive.read_bytes())
    data[row.archive_offset + row.archive_bytes - 8] ^= 4
    archive.write_bytes(data)
    told, failed = told_before_an_error(read_records(trades.directory))
    assert (told, failed) == (trades.text["13-15", 1], True)


def test_a_manifest_that_points_nowhere_is_an_error(trades: Workshop) -> None:
    import msgspec

    merge(trades)
    path = next(trades.directory.glob("*.manifest.json"))
    manifest = decode_manifest(path.read_bytes())
    for fields in ({"archive_offset": 2**62}, {"archive_bytes": 2**62}, {"archive_offset": -1}, {"archive_bytes": -5}, {"minute": "99-99"}):
        rows = [msgspec.structs.replace(row, **fields) for row in manifest.segments]
        path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, segments=rows)))
        assert told_before_an_error(read_records(trades.directory)) == (b"", True), fields


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "loop"])
@pytest.mark.parametrize("stage", ["open", "merged"])
def test_what_is_no_file_is_refused_at_once(trades: Workshop, stage: str, what: str) -> None:
    if stage == "merged":
        merge(trades)
    path = next((trades.directory if stage == "merged" else trades.folder).glob("*.zip"))
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path)
    assert told_before_an_error(read_records(trades.directory))[1]


def test_a_line_longer_than_any_record_is_refused_before_it_fills_the_memory() -> None:
    given_blocks = 0

    def blocks() -> Iterator[bytes]:
        nonlocal given_blocks
        for _ in range(10_000):
            given_blocks += 1
            yield bytes(1024 * 1024)

    with pytest.raises(SegmentCorrupt, match="longer than"):
        list(whole_lines(blocks(), Path("bomb.zip")))
    assert given_blocks < 80


def test_a_day_is_read_while_it_is_merged_and_purged(trades: Workshop) -> None:
    """The minutes go away between two of them: what is left is read from the day file, nothing twice."""
    lines = read_records(trades.directory)
    first = [next(lines) for _ in range(45)]
    merge(trades)
    assert b"".join(first) + b"".join(lines) == trades.all_text()


def test_a_day_is_read_between_the_commit_and_the_day_files_own_name(trades: Workshop) -> None:
    class Stopped(Exception):
        pass

    def step(name: str) -> None:
        if name == "committed":
            raise Stopped

    with pytest.raises(Stopped):
        merge_day(SeriesDay(trades.directory, SYMBOL, "execution", DAY), venue="binance", archive_format="zip", purge=True, step=step)
    assert b"".join(read_records(trades.directory)) == trades.all_text()


@pytest.mark.parametrize("stage", ["classic minutes", "classic day"])
def test_a_classic_record_is_told_with_its_own_receipt(tmp_path: Path, stage: str) -> None:
    shop = classic(tmp_path, stage)
    told = [int(line.split(b" ")[0]) for line in by_since(shop)]
    assert told == [shop.minute_ns(minute) + at * 1_000_000 for minute in ("13-15", "13-16", "13-17") for at in range(40)]
