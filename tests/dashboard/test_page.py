"""The page between collector and dashboard: whole or not at all."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest

from hoga.dashboard.fanout import Fanout, Viewer
from hoga.dashboard.page import VERSION, PageReader, PageWriter, page_path, remove_orphans
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.snapshot import Happened, PageState, RelayRow, SnapshotDecoder, SnapshotEncoder
from tests.dashboard.stage import Stage, make_hub, make_meta, make_process, make_snapshot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "page"


def test_what_is_published_is_read(path: Path) -> None:
    writer, reader = PageWriter(path, slot_bytes=1_000), PageReader(path)
    assert reader.read().state is PageState.EMPTY
    for number in range(5):
        assert writer.publish(b"%d" % number * 7)
        found = reader.read()
        assert (found.state, found.turn, found.payload) == (PageState.GOOD, number + 1, b"%d" % number * 7)
    reader.close()
    writer.close()
    assert not path.exists()


def test_no_page_is_missing(path: Path) -> None:
    assert PageReader(path).read().state is PageState.MISSING
    assert PageReader(path).turn() == 0


def test_a_payload_that_does_not_fit_leaves_the_old_one(path: Path) -> None:
    writer, reader = PageWriter(path, slot_bytes=10), PageReader(path)
    writer.publish(b"small")
    assert not writer.publish(b"x" * 11)
    assert (reader.read().payload, writer.refused) == (b"small", 1)
    reader.close()
    writer.close()


def test_every_flipped_bit_of_the_newest_slot_is_noticed(path: Path) -> None:
    writer, reader = PageWriter(path, slot_bytes=32), PageReader(path)
    writer.publish(b"payload of thirty-two bytes, yes")
    good = path.read_bytes()
    start = 64 + (24 + 32)
    assert reader.read().state is PageState.GOOD
    for at in [*range(start, start + 8), *range(start + 16, start + 24 + 32)]:
        for bit in range(8):
            broken = bytearray(good)
            broken[at] ^= 1 << bit
            with path.open("r+b") as file:
                file.write(broken)
            assert reader.read().state is PageState.TORN, (at, bit)
    reader.close()
    writer.close()


@pytest.mark.parametrize("data, state", [
    (b"", PageState.MISSING),
    (b"short", PageState.FOREIGN),
    (b"\0" * 4096, PageState.FOREIGN),
    (b"HOGAPAGE" + struct.pack("<IIQQ", VERSION + 1, 100, 7, 1).ljust(5000, b"\0"), PageState.VERSION),
    (b"HOGAPAGE" + struct.pack("<IIQQ", VERSION, 1 << 30, 7, 1).ljust(5000, b"\0"), PageState.FOREIGN),
    (b"HOGAPAGE" + struct.pack("<IIQQ", VERSION, 100, 7, 1).ljust(5000, b"\0"), PageState.TORN),
])  # fmt: skip
def test_anything_else_is_told_apart(path: Path, data: bytes, state: PageState) -> None:
    path.write_bytes(data)
    reader = PageReader(path)
    assert reader.read().state is state
    reader.turn()
    reader.close()


def test_a_reader_follows_to_the_next_writer(path: Path) -> None:
    first, reader = PageWriter(path, slot_bytes=100), PageReader(path)
    first.publish(b"first")
    assert reader.read().payload == b"first"
    second = PageWriter(path, slot_bytes=100)
    second.publish(b"second")
    assert reader.read().payload == b"second"
    first.close()
    assert path.exists(), "an old writer does not take a new one's page away"
    second.close()
    assert reader.read().state is PageState.MISSING


def test_a_reader_beside_a_fast_writer_never_sees_a_mixture(path: Path) -> None:
    writer, reader = PageWriter(path, slot_bytes=20_000), PageReader(path)
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            writer.publish(bytes([number % 256]) * 20_000)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        good = looks = 0
        end = monotonic() + 20.0
        while (looks < 300 or not good) and monotonic() < end:
            looks += 1
            found = reader.read()
            if found.state is PageState.GOOD:
                good += 1
                assert found.payload == found.payload[:1] * 20_000
        assert good > 0
    finally:
        ended.set()
        thread.join()
        reader.close()
        writer.close()


_KILLED = """
import os, sys
from pathlib import Path
from hoga.dashboard.page import PageWriter
PageWriter(Path(sys.argv[1]), slot_bytes=100).publish(b"last")
os._exit(9)
"""


def test_the_next_writer_removes_the_pages_of_those_that_were_killed_and_no_others(tmp_path: Path) -> None:
    name = "hoga-0123456789abcdef"
    killed, living, foreign, half = (tmp_path / f"{name}{end}" for end in (".run", ".dashboard", ".log", ".run.k3x9"))
    other = PageWriter(living, slot_bytes=100)
    subprocess.run([sys.executable, "-c", _KILLED, str(killed)], check=False)
    half.write_bytes(killed.read_bytes())
    foreign.write_bytes(killed.read_bytes())
    short = tmp_path / "hoga-fedcba9876543210.run"
    short.write_bytes(b"HOGA")
    hub = socket.socket(socket.AF_UNIX)
    hub.bind(str(killed.with_suffix(".hub")))
    hub.close()
    assert killed.exists()
    writer = PageWriter(tmp_path / "hoga-1111111111111111.run", slot_bytes=100)
    assert {path.name for path in tmp_path.iterdir()} == {living.name, foreign.name, short.name, writer.path.name}
    writer.close()
    other.close()
    assert remove_orphans(tmp_path / "nowhere") == []


def test_the_socket_that_a_new_run_has_made_already_stays(tmp_path: Path) -> None:
    path = tmp_path / "hoga-0123456789abcdef.run"
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    with socket.socket(socket.AF_UNIX) as hub:
        hub.bind(str(path.with_suffix(".hub")))
        hub.listen()
        assert remove_orphans(tmp_path) == [path]
        assert path.with_suffix(".hub").exists()


def test_what_a_killed_trader_said_last_stays_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hoga-0123456789abcdef.trader"
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert remove_orphans(tmp_path) == []
    reader = PageReader(path)
    assert reader.read().state is PageState.GOOD
    reader.close()
    later = time.monotonic_ns() + 86_401 * 10**9
    monkeypatch.setattr("hoga.dashboard.page.monotonic_ns", lambda: later)
    assert remove_orphans(tmp_path) == [path]


def test_one_folder_has_one_page(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    here = page_path(tmp_path / "data")
    assert here == page_path(tmp_path / "data" / ".." / "data")
    assert here != page_path(tmp_path)
    assert here != page_path(tmp_path / "data", part="dashboard")


def test_what_has_not_changed_is_read_once() -> None:
    encoder, decoder = SnapshotEncoder(), SnapshotDecoder()
    relay = RelayRow(
        collector="tokyo", trouble=None, away_s=0.0, behind_s=0.5, waiting=1, files=2, sent_bytes=3, days=4, damaged=0, newest_damaged=None,
        live_messages=5, live_lost=0, outages=0, restarts=0,
    )  # fmt: skip
    first = msgspec.structs.replace(make_snapshot(make_meta(2), ticks=1), relay=relay, hub=make_hub())
    second = msgspec.structs.replace(make_snapshot(first.meta, ticks=2), venues=first.venues, process=make_process(publish_us=99.0))
    read = [decoder.decode(encoder.encode(each)) for each in (first, second, first)]
    for told, given in zip(read, (first, second, first), strict=True):
        assert msgspec.msgpack.encode(told) == msgspec.msgpack.encode(given)
    assert read[0].meta is read[1].meta and read[0].venues is read[1].venues
    assert read[0].rows.flags is read[1].rows.flags and read[0].rows.received is not read[1].rows.received
    assert read[0].process is not read[1].process and read[0].process == read[2].process != read[1].process
    bare = {name: value for name, value in msgspec.to_builtins(first).items() if name not in ("hub", "relay", "happened", "trades")}
    told = decoder.decode(msgspec.msgpack.encode(bare))
    assert (told.happened, told.relay, told.hub) == (Happened(), None, None)
    whole = msgspec.to_builtins(first)
    odd = ({**whole, "meta": 1}, {**whole, "rows": {**whole["rows"], "flags": ["none"]}}, {**whole, "rows": {"received": []}})
    rows, meta = whole["rows"], whole["meta"]
    misfits: tuple[dict[str, Any], ...] = (
        {"rows": {**rows, "flags": [0]}}, {"rows": {**rows, "median_ms": []}}, {"rows": {**rows, "chunks": []}},
        {"rows": {**rows, "held": [[4, 1]]}}, {"gaps": [[-1, 1, 2, "silence", None]]}, {"meta": {**meta, "members": {"c": [4]}}},
        {"meta": {**meta, "symbols": meta["symbols"][:1]}},
    )  # fmt: skip
    odd = (*odd, *({**whole, **misfit} for misfit in misfits))
    for payload in (b"", b"\x80", *map(msgspec.msgpack.encode, odd)):
        with pytest.raises(msgspec.DecodeError):
            decoder.decode(payload)


def test_price_steps_are_told_as_soon_as_a_venue_has_told_them(tmp_path: Path) -> None:
    class Outlet:
        clear = True

        def __init__(self) -> None:
            self.sent: list[bytes] = []

        def write(self, frame: bytes) -> None:
            self.sent.append(frame)

        def set_viewing(self, viewing: bool) -> None:
            pass

    stage, outlet, fanout = Stage(tmp_path), Outlet(), Fanout(1)
    stage.open()
    model = PageModel(stage.config(), fanout)
    try:
        assert fanout.admit(Viewer(outlet))

        def steps() -> list[str | None]:
            stage.publish()
            model.look()
            return [row[2] for row in json.loads(model.hello())[0]["meta"]["instruments"]]

        assert steps() == [None, None]
        stage.scene = lambda snapshot: msgspec.structs.replace(snapshot, price_steps=["0.01", None])
        outlet.sent.clear()
        assert steps() == ["0.01", None]
        assert b'"k":"hello"' in outlet.sent[0], "who looks already is told as well"
        outlet.sent.clear()
        assert steps() == ["0.01", None]
        assert not [frame for frame in outlet.sent if b'"k":"hello"' in frame]
    finally:
        model.close()
        stage.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_what_is_no_file_is_no_page(tmp_path: Path) -> None:
    """The folder may be everybody's: whoever puts a pipe there must not make a dashboard wait for its writer."""
    path = tmp_path / "x.run"
    reader = PageReader(path)
    os.mkfifo(path)
    assert (reader.read().state, reader.turn()) == (PageState.MISSING, 0)
    path.unlink()
    path.mkdir()
    assert (reader.read().state, reader.turn()) == (PageState.MISSING, 0)
    reader.close()
