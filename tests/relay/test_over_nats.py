"""The past from an archive, then live from collectors: each record once, in order, and a gap where there is one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise, zip_longest
from pathlib import Path
from time import time_ns

import pytest
import pytest_asyncio

from hoga.app import over_nats
from hoga.app.config import VenueConfig, load_config
from hoga.app.over_nats import OverNats
from hoga.archive.form.objects import Place, mount_objects
from hoga.core.times import day_of, minute_of
from hoga.hub.events import GapEvent
from tests.archive.workshop import Workshop, envelope
from tests.relay.cutting import Relay
from tests.relay.test_hearing import FOLDER, MS, Recorder, streams_of
from tests.relay.test_wire import Stage
from tests.s3_server import s3_server
from tests.waiting import eventually

SECOND_NS = 1000 * MS


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    found = Stage()
    yield found
    await found.manager.stop()


def written(collector: str, numbers: Iterable[int], *, from_ns: int) -> Recorder:
    """Frame n is received n × 300 ms after `from_ns`."""
    recorder = Recorder(0, streams_of(0, 1), collector=collector, now_ns=from_ns)
    recorder.leg_up()
    recorder.flush()
    for number in numbers:
        recorder.now_ns = from_ns + number * 300 * MS
        recorder.frame(0, number)
        recorder.flush()
    return recorder


def archived(root: Path, recorder: Recorder, *, before: int = 10**9) -> None:
    """What it received before frame `before`, as minutes that are sealed."""
    minutes: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for recv_ns, frame in recorder.sent:
        payload = frame[frame.index(b'{"a"') : -1]
        if int(payload[5:-1]) < before:
            minutes[day_of(recv_ns), minute_of(recv_ns)].append(envelope(recv_ns, payload))
    for (day, minute), lines in minutes.items():
        Workshop(root / "binance" / "execution", "execution", symbol="S00USDT", day=day).seal(
            minute, lines, part=len(list(root.rglob("*.zip"))) + 1
        )


def config_for(data: Path | str) -> VenueConfig:
    return load_config(None, overrides=["SYMBOLS=S00USDT", "STREAMS=aggTrade"], environ={}, data_dir=Path(data)).venue("binance")


class Reader:
    """Collects what is told, until `end`."""

    def __init__(self, stage: Stage, data: Path | str, *, from_ns: int | None = 0) -> None:
        self.joined = OverNats(config_for(data), streams_of(0, 1), from_ns=from_ns)
        self.told: list[int | str] = []
        self.gaps: list[GapEvent] = []
        self.task = asyncio.create_task(self._read(stage))

    async def _read(self, stage: Stage) -> None:
        async for event in self.joined.events(stage.manager):
            if isinstance(event, GapEvent):
                self.gaps.append(event)
                self.told.append("gap")
            else:
                self.told.append(event.raw()["a"])

    async def until(self, last: int | str) -> list[int | str]:
        def good() -> bool:
            if self.task.done():
                self.task.result()
            return bool(self.told) and self.told[-1] == last

        await eventually(good, why=lambda: self.told, seconds=5.0)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.joined.close()
        return self.told


async def reading(stage: Stage, data: Path | str, *, from_ns: int | None = 0) -> Reader:
    """One that has said what it wants."""
    found = Reader(stage, data, from_ns=from_ns)
    await eventually(lambda: any(wire.wanted for wire in stage.hub.wires))
    return found


def live(stage: Stage, *recorders: Recorder, first: int) -> None:
    """From frame `first` on it comes live, too, of all of them at the same pace."""
    sides = []
    for recorder in recorders:
        messages = [m for name, data in recorder.journals for m in Relay(recorder.collector, session="1").cut(FOLDER, name, data)]
        keys = [at for at, message in enumerate(messages) if "Hoga-Legs" in message.headers and at >= first - 1]
        sides.append(messages[keys[0] :])
    for together in zip_longest(*sides):
        stage.hand(*[message for message in together if message is not None])


async def test_an_archive_that_is_behind_is_waited_for(stage: Stage, tmp_path: Path) -> None:
    recorder = written("tokyo", range(1, 61), from_ns=time_ns() - 30 * SECOND_NS)
    archived(tmp_path, recorder, before=20)
    reader = await reading(stage, tmp_path)
    await eventually(lambda: len(reader.told) == 19)
    live(stage, recorder, first=30)
    await asyncio.sleep(0.05)
    assert reader.told[-1] == 19, "the archive has not reached what is live"
    late = Recorder(0, streams_of(0, 1), sent=[each for at, each in enumerate(recorder.sent, 1) if 20 <= at < 45])
    archived(tmp_path, late)
    assert await reader.until(60) == list(range(1, 61))


async def test_an_archive_of_yesterday_is_not_waited_for(stage: Stage, tmp_path: Path) -> None:
    archived(tmp_path, written("tokyo", range(1, 20), from_ns=time_ns() - 3600 * SECOND_NS))
    recorder = written("tokyo", range(100, 121), from_ns=time_ns() - 40 * SECOND_NS)
    reader = await reading(stage, tmp_path)
    live(stage, recorder, first=1)
    assert await reader.until(120) == [*range(1, 20), "gap", *range(100, 121)]
    assert reader.gaps[0].to_ns == recorder.sent[0][0]


async def test_what_is_gathered_of_several_collectors_is_told_once(stage: Stage, tmp_path: Path) -> None:
    from_ns = time_ns() - 30 * SECOND_NS
    tokyo = written("tokyo", [n for n in range(1, 61) if n % 7], from_ns=from_ns)
    seoul = written("seoul", [n for n in range(1, 61) if n % 5], from_ns=from_ns + 30 * MS)
    for each in (tokyo, seoul):
        archived(tmp_path / ".collectors" / each.collector, each, before=50)
    reader = await reading(stage, tmp_path)
    live(stage, tokyo, seoul, first=30)
    await eventually(lambda: len(reader.told) >= 59)
    found = await reader.until(reader.told[-1])
    assert sorted(n for n in found if n != "gap") == [n for n in range(1, 61) if n % 35]
    assert "gap" not in found
    past = [n for n in found if isinstance(n, int) and n < 50]
    assert past == sorted(past), "the archives' records by receipt"


async def test_the_past_from_a_bucket(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="obstore is not installed: pip install 'hoga[s3]'")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    recorder = written("tokyo", range(1, 61), from_ns=time_ns() - 30 * SECOND_NS)
    archived(tmp_path, recorder, before=40)
    with s3_server() as (endpoint, bucket):
        for path in tmp_path.rglob("*"):
            if path.is_file():
                bucket.objects[f"data/{path.relative_to(tmp_path).as_posix()}"] = (path.read_bytes(), {})
        unmount = mount_objects(Place(endpoint, None))
        try:
            reader = await reading(stage, "s3://bkt/data")
            live(stage, recorder, first=20)
            assert await reader.until(60) == list(range(1, 61))
        finally:
            unmount()


async def test_holes_after_the_seam_are_gaps_in_their_place(stage: Stage, tmp_path: Path) -> None:
    recorder = written("tokyo", range(1, 61), from_ns=time_ns() - 30 * SECOND_NS)
    archived(tmp_path, recorder, before=25)
    reader = await reading(stage, tmp_path)
    messages = [m for name, data in recorder.journals for m in Relay(session="1").cut(FOLDER, name, data)]
    stage.hand(*messages[:30])
    await eventually(lambda: len(reader.told) == 29)
    stage.hand(*messages[35:])
    found = await reader.until(60)
    numbers = [n for n in found if isinstance(n, int)]
    (gap,) = reader.gaps
    at = found.index("gap")
    (hole,) = [(one, other) for one, other in pairwise(numbers) if other != one + 1]
    assert (found[at - 1], found[at + 1]) == hole
    assert gap.from_ns == recorder.sent[hole[0] - 1][0]
    assert gap.to_ns == recorder.sent[hole[1] - 1][0]


async def test_without_since_only_what_comes(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = written("tokyo", range(1, 21), from_ns=time_ns() - 30 * SECOND_NS)
    archived(tmp_path, recorder)
    monkeypatch.setattr(over_nats, "_roots", None)
    reader = await reading(stage, tmp_path, from_ns=None)
    await asyncio.sleep(0.01)
    live(stage, recorder, first=1)
    assert await reader.until(20) == list(range(1, 21))


@pytest.mark.parametrize("what", ["cut", "restart", "unheard"])
async def test_between_two_lives_of_the_only_collector_there_is_a_gap(stage: Stage, tmp_path: Path, what: str) -> None:
    """A recorder that was started again counts its lives from 1. One that was only not heard goes on, and nothing is missing."""
    recorder = written("tokyo", range(1, 4), from_ns=time_ns() - 90 * SECOND_NS)
    if what == "cut":
        recorder.leg_down()
    recorder.flush()
    recorder.now_ns += 60 * SECOND_NS
    if what == "restart":
        recorder.restart(well=True)
    if what == "cut":
        recorder.leg_up()
    for number in (4, 5):
        recorder.now_ns += 300 * MS
        recorder.frame(0, number)
        recorder.flush()
    reader = await reading(stage, tmp_path, from_ns=None)
    relay = Relay(session="1")
    for name, data in recorder.journals:
        for message in relay.cut(FOLDER, name, data):
            if what == "unheard" and len(reader.told) == 3 and not reader.gaps:
                stage.hub._do(stage.hub.hearing.lose("NATS is away"))
            stage.hand(message)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    found = await reader.until(5)
    assert found == ([1, 2, 3, 4, 5] if what == "unheard" else [1, 2, 3, "gap", 4, 5])
    assert [(gap.from_ns, gap.to_ns) for gap in reader.gaps] == [(recorder.sent[2][0], recorder.sent[3][0])] * len(reader.gaps)
