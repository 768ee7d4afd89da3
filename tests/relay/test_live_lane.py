"""The relay's live lane, and who hears it: a journal that grows by any bytes comes out as what was written to it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from random import Random
from time import time_ns

import pytest

from hoga.archive.form.journal import journal_name
from hoga.archive.keep.lock import FolderLock
from hoga.relay.folders import Folders
from hoga.relay.hearing import QUIET_S, Came, Hearing, Item, Lost, Over
from hoga.relay.live import LiveLane, _Journal
from hoga.relay.status import RelayCounts
from hoga.runtime.clock import ManualClock
from tests.relay.test_hearing import FOLDER, Recorder, streams_of


class Ether:
    """A broker that hands every message to who listens."""

    max_payload = 1 << 20

    def __init__(self, hearing: Hearing, clock: ManualClock) -> None:
        self.hearing = hearing
        self.clock = clock
        self.items: list[Item] = []
        self.sizes: list[int] = []

    async def tell(self, subject: str, headers: dict[str, str], payload: bytes) -> bool:
        self.sizes.append(len(payload))
        self.items += self.hearing.take(subject, headers, payload, self.clock.monotonic())
        return True


def test_a_folder_that_could_not_be_listed_is_listed_at_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(0, streams_of(0))
    recorder.play([("frame", 0, 1), ("flush", 0, 0)])
    name, data = recorder.journals[0]
    path = tmp_path / FOLDER / journal_name(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    os.utime(path.parent, (1, 1))  # it changed long ago, and does not change again
    hearing = Hearing()
    lane = LiveLane(Folders(tmp_path), Ether(hearing, ManualClock(time_ns())), "tokyo", "a1", RelayCounts())  # type: ignore[arg-type]
    lane._homes = {path.parent: 0}

    def refuse(folder: Path) -> object:
        raise PermissionError(13, "Permission denied", str(folder))

    with monkeypatch.context() as barred:
        barred.setattr(Path, "iterdir", refuse)
        lane._find_journals(is_past=False)
    assert not lane._open
    lane._find_journals(is_past=False)
    assert list(lane._open) == [path]
    lane._open[path].close()


async def test_a_journal_that_the_disk_refuses_costs_itself_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, clock = Recorder(0, streams_of(0)), ManualClock(time_ns())
    recorder.play([("frame", 0, 1), ("flush", 0, 0), ("minute", 0, 0), ("frame", 0, 2), ("flush", 0, 0)])
    (tmp_path / FOLDER).mkdir(parents=True)
    ether, counts = Ether(Hearing(), clock), RelayCounts()
    lane = LiveLane(Folders(tmp_path), ether, "tokyo", "a1", counts, clock=clock)  # type: ignore[arg-type]
    task = asyncio.create_task(lane.run())

    async def looked() -> None:
        for _ in range(250):
            clock.set_wall(time_ns())
            await clock.pass_time(0.025)
            await asyncio.sleep(0.001)

    (bad, data), (good, more) = recorder.journals[:2]
    grown = _Journal.grown

    def refuse(self: _Journal) -> bytes:
        if self.path.name == journal_name(bad):
            raise OSError(errno.EIO, "Input/output error")
        return grown(self)

    monkeypatch.setattr(_Journal, "grown", refuse)
    await looked()
    (tmp_path / FOLDER / journal_name(bad)).write_bytes(data)
    (tmp_path / FOLDER / journal_name(good)).write_bytes(more)
    await looked()
    assert not task.done()
    assert counts.live_lost == 1
    assert counts.live_chunks > 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("seed", range(2))
async def test_a_journal_that_grows_by_any_bytes_is_heard_whole_and_a_silent_one_lives(tmp_path: Path, seed: int) -> None:
    chance, clock = Random(seed), ManualClock(time_ns())
    recorder = Recorder(0, streams_of(0))
    hearing = Hearing()
    hearing.want("binance", recorder.streams)
    ether = Ether(hearing, clock)
    (tmp_path / FOLDER).mkdir(parents=True)
    lock = FolderLock(tmp_path / FOLDER)
    assert lock.acquire()
    lane = LiveLane(Folders(tmp_path), ether, "tokyo", "a1", RelayCounts(), clock=clock)  # type: ignore[arg-type]  # all of it that is asked
    task = asyncio.create_task(lane.run())
    acts = [(chance.choice(["frame", "frame", "flush", "minute"]), chance.randrange(3), chance.randrange(400)) for _ in range(60)]
    recorder.play(acts)

    async def looked(times: int) -> None:
        for _ in range(times):
            clock.set_wall(time_ns())  # that of the files
            await clock.pass_time(0.025)
            await asyncio.sleep(0.001)  # folders are listed in a thread

    await looked(20)
    for name, data in recorder.journals:
        with (tmp_path / FOLDER / journal_name(name)).open("wb", buffering=0) as file:
            at = 0
            while at < len(data):
                step = chance.randrange(1, 400)
                file.write(data[at : at + step])
                at += step
                await looked(chance.randrange(3))
        if name is recorder.journals[0][0]:
            await looked(chance.choice((20, 250)))  # folders are looked for every five seconds
    await looked(220)
    assert [(item.recv_ns, item.frame) for item in ether.items if isinstance(item, Came)] == recorder.sent
    assert not any(isinstance(item, Lost | Over) for item in ether.items)
    assert not hearing.faults
    sent = len(ether.sizes)
    for _ in range(int(2 * QUIET_S)):
        await looked(40)
        assert hearing.tick(clock.monotonic()) == [], "an empty message each second"
    assert set(ether.sizes[sent:]) == {0}
    lock.release()
    await looked(int(40 * (QUIET_S + 2)))
    assert {item.why for item in hearing.tick(clock.monotonic()) if isinstance(item, Over)} == {"collector tokyo gives no sign of life"}
    assert lock.acquire()
    await looked(40 * 2)
    assert hearing.collectors == ["tokyo"], "a recorder is there again"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    lock.release()
    hearing.tick(clock.monotonic() + 2 * QUIET_S)
    assert hearing.collectors == []
