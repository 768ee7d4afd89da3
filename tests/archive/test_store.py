"""Readers take an archive from any store: what lies in one of memory is read, listed and judged as the same files are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest

from hoga.archive.form.discover import discover
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import Entry, SourceFile, Store, list_names, look, mount, open_source, read_name
from hoga.archive.keep.convert import convert_day
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.report import VerifyReport
from hoga.archive.prove.verify import verify
from hoga.archive.read.catalog import catalog
from hoga.archive.read.merged import read_merged
from hoga.archive.read.reader import read_blocks
from hoga.cli import main as cli
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import SECOND_NS
from tests.archive.workshop import DAY, SYMBOL, Workshop, agg_trade, fill_books, fill_trades

ROOT = Path("mem:/bucket/data")


class Memory:
    """A store as an object store is: names and bytes, no folders of their own. `reads` counts what was asked for."""

    def __init__(self, root: Path) -> None:
        self.files = {ROOT / path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        self.reads: list[tuple[str, int]] = []

    def open(self, name: Path) -> Held:
        if name not in self.files:
            raise FileNotFoundError(name)
        return Held(self, name)

    def read(self, name: Path, at: int = 0, length: int | None = None) -> bytes:
        with self.open(name) as source:
            return source.read(at, source.size - at if length is None else length)

    def list(self, prefix: Path) -> list[Entry]:
        inside = [path.relative_to(prefix).parts for path in self.files if path.is_relative_to(prefix) and path != prefix]
        return [Entry(prefix / first, folder) for first, folder in sorted({(parts[0], len(parts) > 1) for parts in inside})]

    def look(self, name: Path) -> Entry | None:
        if name in self.files:
            return Entry(name, False, len(self.files[name]), hash(self.files[name]))
        return Entry(name, True) if any(path.is_relative_to(name) for path in self.files) else None


class Held:
    def __init__(self, store: Memory, name: Path) -> None:
        self._store, self._name, self._data = store, name, store.files[name]
        self.size = len(self._data)

    def read(self, at: int, length: int) -> bytes:
        self._store.reads.append((self._name.name, length))
        return self._data[at : at + length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        pass


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Callable[[], Memory]]:
    """What is in `data` now, in a store of its own."""
    undo: list[Callable[[], None]] = []

    def move() -> Memory:
        store: Store = Memory(tmp_path / "data")
        undo.append(mount("mem:", store))
        assert isinstance(store, Memory)
        return store

    yield move
    for each in undo:
        each()


def fill(root: Path, stage: str, archive_format: str) -> None:
    for kind, make in (("execution", fill_trades), ("orderbook", fill_books)):
        shop = make(Workshop(root / "data" / "binance" / kind, kind, archive_format=archive_format))
        at = shop.minute_ns("13-16")
        shop.tell_gap(Gap(at, at + SECOND_NS, Reason.DISCONNECT, None))
        if stage != "open":
            merge_day(SeriesDay(shop.directory, SYMBOL, kind, DAY), venue="binance", archive_format=archive_format, purge=stage == "merged")
        if stage == "late" and kind == "execution":
            shop.seal("13-14", [agg_trade(shop.minute_ns("13-14"), 999)], ids=[999])


@pytest.mark.parametrize("archive_format", ["zip", "zst"])
@pytest.mark.parametrize("stage", ["open", "merged", "late"])
def test_everything_that_reads_is_told_the_same(tmp_path: Path, remote: Callable[[], Memory], stage: str, archive_format: str) -> None:
    fill(tmp_path, stage, archive_format)
    remote()
    here = [block.text for block in read_blocks(tmp_path / "data")]
    assert [block.text for block in read_blocks(ROOT)] == here != []
    start = Workshop(tmp_path / "x", "execution").minute_ns("13-15") + 30 * SECOND_NS
    window = {"start_ns": start, "end_ns": start + 60 * SECOND_NS}
    assert [block.text for block in read_blocks(ROOT, **window)] == [block.text for block in read_blocks(tmp_path / "data", **window)]
    assert list(read_merged([[day] for day in discover([ROOT]).days])) == list(
        read_merged([[day] for day in discover([tmp_path / "data"]).days])
    )
    assert [msgspec.to_builtins(row) for row in catalog([ROOT])] == [msgspec.to_builtins(row) for row in catalog([tmp_path / "data"])]


def judged(report: VerifyReport, root: Path) -> dict[str, object]:
    """What verify said, wherever the archive was."""
    text = msgspec.json.encode(report).replace(str(root).encode(), b"ROOT")
    found: dict[str, object] = msgspec.json.decode(text)
    return found


@pytest.mark.parametrize("archive_format", ["zip", "zst", "parquet"])
@pytest.mark.parametrize("stage", ["open", "merged", "late"])
def test_verify_says_the_same_of_a_store(tmp_path: Path, remote: Callable[[], Memory], stage: str, archive_format: str) -> None:
    fill(tmp_path, stage, "zip" if archive_format == "parquet" else archive_format)
    if archive_format == "parquet":
        for day in discover([tmp_path / "data"]).days:
            convert_day(day)
    remote()
    here = verify([tmp_path / "data"])
    assert here.ok
    assert here.records >= 240
    assert judged(verify([ROOT], jobs=2), ROOT) == judged(here, tmp_path / "data")
    assert judged(verify([ROOT], books=True), ROOT) == judged(verify([tmp_path / "data"], books=True), tmp_path / "data")


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "no manifest"])
@pytest.mark.parametrize("archive_format", ["zip", "zst", "parquet"])
def test_verify_finds_in_a_store_what_it_finds_in_files(
    tmp_path: Path, remote: Callable[[], Memory], archive_format: str, harm: str
) -> None:
    fill(tmp_path, "merged", "zip" if archive_format == "parquet" else archive_format)
    if archive_format == "parquet":
        for day in discover([tmp_path / "data"]).days:
            convert_day(day)
    ending = "manifest.json" if harm == "no manifest" else {"zip": ".zip", "zst": ".zst", "parquet": ".parquet"}[archive_format]
    path = next((tmp_path / "data" / "binance" / "execution").glob(f"*{ending}"))
    good = path.read_bytes()
    if harm == "flip":
        path.write_bytes(good[:90] + bytes([good[90] ^ 4]) + good[91:])
    elif harm == "cut":
        path.write_bytes(good[:-20])
    else:
        path.unlink()
    remote()
    here = verify([tmp_path / "data"])
    assert not here.ok
    assert judged(verify([ROOT]), ROOT) == judged(here, tmp_path / "data")


def test_the_commands_take_names_of_a_store(tmp_path: Path, remote: Callable[[], Memory], capfd: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, "merged", "zip")
    remote()
    assert cli.main(["verify", str(ROOT)]) == 0
    assert "good: 2 archives" in capfd.readouterr().out
    assert cli.main(["ls", str(ROOT), "--json"]) == 0
    capfd.readouterr()
    assert cli.main(["cat", str(ROOT), "--kind", "execution"]) == 0
    there = capfd.readouterr().out
    assert cli.main(["cat", str(tmp_path / "data"), "--kind", "execution"]) == 0
    assert capfd.readouterr().out == there != ""
    assert cli.main(["verify", str(ROOT / "nowhere")]) == 2


def test_of_a_merged_day_only_what_is_wanted_is_fetched(tmp_path: Path, remote: Callable[[], Memory]) -> None:
    fill(tmp_path, "merged", "zip")
    store = remote()
    start = Workshop(tmp_path / "x", "execution").minute_ns("13-16")
    days = [day for day in discover([ROOT]).days if day.kind == "execution"]
    blocks = list(read_blocks(days, start_ns=start, end_ns=start + 60 * SECOND_NS))
    assert sum(block.text.count(b"\n") for block in blocks) == 40
    day_file = [length for name, length in store.reads if name.endswith(".zip")]
    assert len(day_file) <= 5


def test_damage_and_absence_are_told_as_of_files(tmp_path: Path, remote: Callable[[], Memory]) -> None:
    fill(tmp_path, "open", "zip")
    store = remote()
    path = next(path for path in store.files if "13-16" in path.name and "execution" in path.name)
    data = bytearray(store.files[path])
    data[len(data) // 2] ^= 1
    store.files[path] = bytes(data)
    with pytest.raises(SegmentCorrupt) as caught:
        list(read_blocks(ROOT, kind="execution"))
    assert caught.value.path == path
    del store.files[path]
    with pytest.raises(ArchiveError, match="something says it should be"):
        list(read_blocks(ROOT, kind="execution"))
    with pytest.raises(ArchiveError, match="no such file"):
        list(read_blocks(ROOT / "nowhere"))


def test_files_of_this_machine_are_a_store_too(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert sorted((entry.path.name, entry.is_folder) for entry in list_names(tmp_path)) == [
        ("file", False),
        ("folder", True),
        ("loop", False),
    ]
    assert list_names(tmp_path / "nowhere") == list_names(tmp_path / "file") == []
    assert look(tmp_path / "nowhere") is look(tmp_path / "loop") is None
    found = look(tmp_path / "file")
    assert found is not None
    assert (found.bytes, found.is_folder) == (10, False)
    assert read_name(tmp_path / "file") == b"0123456789"
    assert read_name(tmp_path / "file", 3, 4) == b"3456"
    assert read_name(tmp_path / "file", 8, 9) == b"89"
    assert read_name(tmp_path / "file", 20) == b""
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path / "nowhere")
    with pytest.raises(SegmentCorrupt, match="folder"):
        open_source(tmp_path / "folder")
    with open_source(tmp_path / "file") as source:
        (tmp_path / "file").unlink()
        assert source.read(0, 3) == b"012", "what is open stays"
        as_file = SourceFile(source)
        assert as_file.seek(-2, os.SEEK_END) == 8
        assert as_file.read() == b"89"
        assert as_file.seek(1) == as_file.tell() == 1
        assert as_file.read(2) == b"12"
