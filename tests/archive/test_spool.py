"""Blocks that wait for their segments in a file without a name, and what a disk that does not take them changes: nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form import spool as module
from hoga.archive.form.segment import SegmentBuilder, read_blocks
from hoga.archive.form.spool import Spool
from hoga.runtime import durable


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", 100)


@given(st.lists(st.binary(max_size=150), max_size=40), st.booleans())
def test_every_piece_comes_back_as_often_as_it_is_wanted(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], on_disk: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    before = sorted(folder.iterdir())
    spool = Spool(folder if on_disk else None)
    places = [spool.put(piece) for piece in pieces]
    for _ in range(2):
        assert [spool.get(place) for place in places] == pieces
    assert sorted(folder.iterdir()) == before, "it has no name"
    spool.close()


def test_where_every_file_has_a_name_it_loses_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    spool = Spool(tmp_path)
    places = [spool.put(bytes([at]) * 70) for at in range(40)]
    assert list(tmp_path.iterdir()) == []
    assert [spool.get(place)[0] for place in places] == list(range(40))
    spool.close()


@pytest.mark.parametrize("refused", ["nameless", "write"])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_what_the_disk_does_not_take_is_held_on(tmp_path: Path, refused: str, after: int) -> None:
    left = after

    def refuse(what: str, where: Path | int, data: bytes) -> None:
        nonlocal left
        if what == refused:
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    durable.watch(refuse)
    try:
        spool = Spool(tmp_path)
        pieces = [bytes([at]) * 70 for at in range(40)]
        places = [spool.put(piece) for piece in pieces]
        assert [spool.get(place) for place in places] == pieces
        spool.close()
    finally:
        durable.watch(None)


@pytest.mark.parametrize("suffix", [".zip", ".jsonl.zst"])
def test_builders_that_share_a_spool_make_what_each_would_make_alone(tmp_path: Path, suffix: str) -> None:
    form, spool = suffix[-3:], Spool(tmp_path)
    shared, alone = [SegmentBuilder(form, spool=spool) for _ in range(3)], [SegmentBuilder(form) for _ in range(3)]
    for turn in range(30):
        for number, pair in enumerate(zip(shared, alone, strict=True)):
            for builder in pair:
                builder.add(b'{"n":%d,"t":%d}\n' % (number, turn), 1)
                builder.end_block()
    for number, pair in enumerate(zip(shared, alone, strict=True)):
        (pieces, facts), (again, _), (expected, expected_facts) = (builder.build("a.jsonl", b"note", 0) for builder in (pair[0], *pair))
        assert pieces == again == expected
        assert facts == expected_facts
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(b"".join(pieces))
        assert b"".join(read_blocks(path)) == b"".join(b'{"n":%d,"t":%d}\n' % (number, turn) for turn in range(30))
    spool.close()
