"""A tape is read as it was written: whole, torn at every byte, packed, over its parts; a disk that refuses ends it, and is told once."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.audit.tape import LIFE, TICK, Entry, entries_of, split_head
from hoga.audit.taping import Sealed, Tape, read_part, seal_left, tape_parts
from hoga.runtime import durable

STREAMS = (("binance:BTCUSDT", "orderbook"), ("binance:BTCUSDT", "trade"))
ENTRIES = st.lists(
    st.builds(Entry, st.sampled_from([0, 1, LIFE, TICK]), st.integers(0, 2**62), st.binary(max_size=40)),
    max_size=60,
)


class Told:
    def __init__(self) -> None:
        self.sealed: list[Sealed] = []
        self.lost: list[tuple[int, str]] = []


def tape_in(folder: Path, told: Told, *, boot: int = 1, part_bytes: int = 1 << 20) -> Tape:
    tape = Tape(
        folder,
        boot,
        streams=STREAMS,
        venues=("binance",),
        on_sealed=told.sealed.append,
        on_lost=lambda first, why: told.lost.append((first, why)),
        part_bytes=part_bytes,
    )
    tape.open()
    return tape


@settings(max_examples=40, deadline=None)
@given(ENTRIES, st.integers(300, 900))
def test_what_was_put_on_it_is_read_from_it_over_all_its_parts(entries: list[Entry], part_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        told = Told()
        tape = tape_in(Path(name), told, part_bytes=part_bytes)
        for entry in entries:
            tape.add(*entry)
            tape.write()
        tape.close()
        found: list[Entry] = []
        parts = tape_parts(Path(name))
        for part, sealed in zip(parts, told.sealed, strict=True):
            header, read, digest, length = read_part(part.path)
            assert (header.first, header.streams, header.part) == (len(found) + 1, STREAMS, part.part)
            assert (sealed.first, sealed.sha256, sealed.bytes) == (header.first, digest, length)
            found += read
            assert sealed.last == len(found)
        assert found == entries
        assert all(part.path.suffix == ".zst" for part in parts)
        assert (tape.count, told.lost) == (len(entries), [])


def test_torn_at_every_byte_it_ends_with_its_last_whole_entry(tmp_path: Path) -> None:
    told = Told()
    tape = tape_in(tmp_path, told)
    entries = [Entry(0, 7, b"{}"), Entry(TICK, 8, b""), Entry(1, 9, b'{"a":1}')]
    for entry in entries:
        tape.add(*entry)
    tape.write()
    (part,) = tape_parts(tmp_path)
    data = part.path.read_bytes()
    _, start = split_head(data)
    for cut in range(len(data) + 1):
        if cut < start:
            with pytest.raises(ValueError, match="no tape"):
                split_head(data[:cut])
        else:
            found = list(entries_of(data[:cut], start))
            assert found == entries[: len(found)]
    assert len(list(entries_of(data, start))) == 3
    tape.close()


def test_what_a_life_left_open_is_sealed_by_the_next(tmp_path: Path) -> None:
    tape = tape_in(tmp_path, Told())
    tape.add(0, 1, b"x")
    tape.write()  # and killed here
    (sealed,) = seal_left(tmp_path, 2)
    (part,) = tape_parts(tmp_path)
    _, entries, digest, length = read_part(part.path)
    assert list(entries) == [Entry(0, 1, b"x")]
    assert (sealed.file, sealed.first, sealed.last, sealed.sha256, sealed.bytes) == ("000001-0001.tape", 1, 1, digest, length)
    assert part.path.suffix == ".zst"
    assert seal_left(tmp_path, 2) == []


def test_a_disk_that_refuses_ends_it_once_and_nothing_is_raised(tmp_path: Path) -> None:
    told = Told()
    tape = tape_in(tmp_path, told)
    tape.add(0, 1, b"x")
    tape.write()

    def full(act: str, what: Any, data: bytes | bytearray) -> None:
        if act == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    durable.watch(full)
    try:
        for number in range(2, 200):
            tape.add(0, number, b"x")
            if tape.is_due:
                tape.write()
    finally:
        durable.watch(None)
    for number in range(200, 300):
        tape.add(0, number, b"x")
        tape.write()
    tape.close()
    assert told.lost == [(2, "No space left on device")]
    assert (tape.lost_from, tape.count, told.sealed) == (2, 299, [])


def test_a_disk_that_is_nearly_full_is_the_journals(tmp_path: Path) -> None:
    told = Told()
    tape = Tape(
        tmp_path,
        1,
        streams=STREAMS,
        venues=(),
        on_sealed=told.sealed.append,
        on_lost=lambda first, why: told.lost.append((first, why)),
        reserve_bytes=1 << 62,
    )
    tape.open()
    tape.add(0, 1, b"x")
    tape.write()
    tape.close()
    assert told.lost == [(1, "No space left on device")]


def test_a_folder_that_cannot_be_made_loses_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "tape").write_text("a file")
    told = Told()
    tape = tape_in(tmp_path / "tape", told)
    tape.add(0, 1, b"x")
    tape.write()
    tape.close()
    assert [first for first, _ in told.lost] == [1]
