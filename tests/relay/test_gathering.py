"""Many relays, one archive: over a real server, with everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import errno
import json
import random
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import cast

import msgspec
import pytest

from hoga.archive.form.discover import discover
from hoga.archive.form.manifest import Manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.archive.union.archives import Archive, unite_archives
from hoga.core.errors import ArchiveBusy, DiskFull
from hoga.core.times import DAY_NS, SECOND_NS, day_start_ns
from hoga.relay.broker import Broker, BrokerFault, Pull, address_of
from hoga.relay.door import place_of
from hoga.relay.due import DayState
from hoga.relay.ending import Ended
from hoga.relay.gathered import read_days, write_days
from hoga.relay.gathering import Gather, GatherSettings
from hoga.relay.settle import Settled
from hoga.relay.shelf import Shelf, State, Taken
from hoga.relay.subjects import SEGMENTS
from hoga.runtime.clock import ManualClock
from hoga.runtime.pool import WorkerPool
from tests.archive.workshop import DAY, Workshop, agg_trade
from tests.nats_server import NatsServer, nats_server
from tests.relay.collected import parts_of
from tests.relay.relays import FakeRelay

__all__ = ["nats_server"]

_PATIENT_S = 60.0
Relays = Callable[[str, Path], FakeRelay]


@pytest.fixture
async def relays(nats_server: NatsServer) -> AsyncIterator[Relays]:
    """A server that runs, and relays of collectors (name, data folder) at it."""
    nats_server.start()
    made: list[FakeRelay] = []

    def make(name: str, root: Path) -> FakeRelay:
        made.append(FakeRelay(name, root, nats_server.url))
        return made[-1]

    yield make
    for relay in made:
        await relay.stop()


def _record(root: Path, name: str, minutes: dict[int, list[int]]) -> Path:
    """A collector's day: minute → ids of trades, all received at the same offsets."""
    shop = Workshop(root / "binance" / "execution", "execution")
    for minute, ids in minutes.items():
        start = shop.minute_ns(f"13-{minute:02}")
        lines = [agg_trade(start + 1_000_000 * number, number).replace(b'"binance-1"', b'"%b/binance-1"' % name.encode()) for number in ids]
        shop.seal(f"13-{minute:02}", lines, ids=ids)
    return root


def _merge(root: Path) -> None:
    for day in discover([root]).days:
        merge_day(day, venue="binance", archive_format="zip", purge=True)


def _united(root: Path) -> Manifest:
    manifest = read_manifest(SeriesDay(root / "binance" / "execution", "BTCUSDT", "execution", DAY).manifest_path)
    assert manifest is not None
    return manifest


def _truth(tmp_path: Path, *roots: Path) -> str:
    out = tmp_path / "truth"
    done = list(unite_archives([Archive(root.name, root) for root in roots], out, day=DAY))
    assert all(each.united is not None for each in done)
    return _united(out).sha256


@asynccontextmanager
async def _gather(
    root: Path, server: NatsServer, *, collectors: tuple[str, ...] = (), clock: ManualClock | None = None, intake: bool = True
) -> AsyncIterator[Gather]:
    """It ends days when it is told to, not by itself."""
    pool = WorkerPool(workers=1)
    gather = Gather(
        GatherSettings(root=root, collectors=collectors),
        Broker(address_of(server.url, {}), "gather"),
        pool,
        **({} if clock is None else {"clock": clock}),
    )
    await gather.open()
    running = asyncio.create_task(gather.run(days=False) if intake else asyncio.sleep(0))
    try:
        yield gather
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await gather.close()
        await pool.close(patience_s=5.0)


async def test_its_last_word_is_that_it_has_ended_unless_it_broke_off(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nats_server.start()
    status = tmp_path / ".collectors" / "status.json"
    async with _gather(tmp_path, nats_server) as gather:
        await gather.until_idle()
        assert json.loads(status.read_bytes())["ended"] is False
    assert json.loads(status.read_bytes())["ended"] is True

    async def broken(self: Broker) -> None:
        raise OSError("a fault of ours")

    monkeypatch.setattr(Broker, "keep", broken)
    async with _gather(tmp_path, nats_server, intake=False) as gather:
        with pytest.raises(ExceptionGroup):
            await gather.run(days=False)
    assert json.loads(status.read_bytes())["ended"] is False


async def test_two_collectors_become_one_archive(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30)), 1: list(range(30, 50))})
    seoul = _record(tmp_path / "seoul", "seoul", {0: list(range(10, 30)), 1: list(range(30, 60))})
    both = [relays("tokyo", tokyo), relays("seoul", seoul)]
    for relay in both:
        await relay.start()
        await relay.send(size=500, rng=random.Random(5))
    _merge(tokyo)
    _merge(seoul)
    root = tmp_path / "all"
    async with _gather(root, nats_server) as gather:
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        state = await asyncio.wait_for(gather.end(DAY), _PATIENT_S)
    assert state.settled
    assert _united(root).records == 60
    assert _united(root).sha256 == _truth(tmp_path, tokyo, seoul)
    assert [(row.name, row.records) for row in _united(root).collectors or ()] == [("seoul", 50), ("tokyo", 50)]
    assert all(each.endswith(".manifest.json") for relay in both for each in relay.asked)


async def test_a_collector_that_does_not_answer_is_named_and_the_day_is_united_again(
    tmp_path: Path, nats_server: NatsServer, relays: Relays
) -> None:
    """It had sent a part of its minutes; the rest is asked for when it is back, and nothing of before is told any more."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    seoul = _record(tmp_path / "seoul", "seoul", {0: list(range(10, 30)), 1: list(range(30, 60))})
    relay, silent = relays("tokyo", tokyo), relays("seoul", seoul)
    for each in (relay, silent):
        await each.start()
    await relay.send()
    await silent.send(sorted(seoul.rglob("*13-00.zip")))
    await silent.stop()
    _merge(tokyo)
    root, clock = tmp_path / "all", ManualClock(day_start_ns(DAY) + DAY_NS)
    async with _gather(root, nats_server, clock=clock) as gather:
        await _idle(gather, clock)
        state = await asyncio.wait_for(gather.end(DAY), _PATIENT_S)
        assert (state.absent, state.settled) == (("seoul",), False)
        assert _united(root).absent == ["seoul"]
        assert _united(root).records == 30
        assert gather.pending_days() == []
        clock.advance(31 * 60)
        assert gather.pending_days() == [DAY]
        silent = relays("seoul", seoul)
        await silent.start()
        _merge(seoul)
        state = await asyncio.wait_for(gather.end(DAY), _PATIENT_S)
        assert state.settled
        assert gather.pending_days() == []
    assert _united(root).sha256 == _truth(tmp_path, tokyo, seoul)
    told = read_manifest(SeriesDay(tmp_path / "truth" / "binance" / "execution", "BTCUSDT", "execution", DAY).manifest_path)
    assert told is not None
    assert (_united(root).absent, _united(root).gaps, _united(root).collectors) == ([], told.gaps, told.collectors)
    assert verify([root]).ok


async def _idle(gather: Gather, clock: ManualClock, *, step_s: float = 0.02) -> None:
    """Until nothing more comes; the clock goes on meanwhile, as far as somebody waits for it."""
    waiting = asyncio.create_task(gather.until_idle())
    async with asyncio.timeout(_PATIENT_S):
        while not waiting.done():
            await asyncio.sleep(0.02)
            clock.advance(step_s)


async def test_foreign_and_damaged_messages_are_refused_counted_and_gone(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    relay = relays("tokyo", tokyo)
    await relay.start()
    good = next(iter(relay._messages(next(tokyo.rglob("*.zip")), 1_000_000, "")))
    bad: list[tuple[str, dict[str, str], bytes]] = [
        ("hoga.segments.tokyo", {}, b"hello"),
        ("hoga.segments.tokyo", {**good[0], "Hoga-Format": "2"}, good[1]),
        ("hoga.segments.tokyo", {**good[0], "Hoga-File": "../../etc/passwd"}, good[1]),
        ("hoga.segments.tokyo", {**good[0], "Hoga-File": "/etc/passwd"}, good[1]),
        ("hoga.segments.tokyo", {**good[0], "Hoga-File": "binance/execution/other.zip"}, good[1]),
        ("hoga.segments.tokyo", {**good[0]}, good[1][:-1] + b"x"),
        ("hoga.segments.seoul", {**good[0]}, good[1]),
    ]
    for number, (subject, headers, payload) in enumerate(bad):
        headers = {**headers, "Nats-Msg-Id": f"bad {number}"}
        await relay.broker.settle([await relay.broker.post(SEGMENTS, subject, headers, payload)])
    await relay.send()
    root = tmp_path / "all"
    async with _gather(root, nats_server) as gather:
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        assert gather.state().refused == len(bad)
        assert gather.taken == len(list(tokyo.rglob("*.zip"))) + 1 + 2  # two of them were only refused on the shelf
    async with _gather(root, nats_server) as gather:
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        assert (gather.state().refused, gather.taken) == (0, 0)
    assert {path.name for path in (root / ".collectors").iterdir() if path.is_dir()} == {"tokyo"}
    assert not (tmp_path / "etc").exists()


async def test_a_broker_that_lost_its_newest_messages_costs_nothing(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    """Killed with its newest block gone: its consumer would take new messages for old ones."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {minute: list(range(20 * minute, 20 * minute + 20)) for minute in range(6)})
    minutes = sorted(tokyo.rglob("*.zip"))
    relay = relays("tokyo", tokyo)
    await relay.start()
    root = tmp_path / "all"
    async with _gather(root, nats_server) as gather:
        await relay.send(minutes[:4])
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        nats_server.kill()
        nats_server.newest_blocks("HOGA_SEGMENTS")[-1].unlink()
        nats_server.start()
        async with asyncio.timeout(_PATIENT_S):
            while not gather.state().connected:
                await asyncio.sleep(0.05)
        await relay.stop()
        relay = relays("tokyo", tokyo)
        await relay.start()
        await relay.send(minutes[5:])
        _merge(tokyo)
        async with asyncio.timeout(2 * _PATIENT_S):  # what it asks for in vain it waits for
            while not (await gather.end(DAY)).settled:
                pass
    assert _united(root).sha256 == _truth(tmp_path, tokyo)


async def test_days_on_which_nothing_could_come_are_asked_for(tmp_path: Path, nats_server: NatsServer) -> None:
    """Gather was away for longer than the broker keeps messages, and relays do not send again what was acknowledged."""
    nats_server.start()
    root, clock = tmp_path / "all", ManualClock(day_start_ns("2026-11-24") + 3600 * SECOND_NS)
    (root / ".collectors").mkdir(parents=True)
    write_days(root / ".collectors", [DayState(day=day, united_ns=5) for day in ("2026-11-20", "2026-11-23")])
    async with _gather(root, nats_server, collectors=("tokyo",), clock=clock, intake=False) as gather:
        assert gather.pending_days() == ["2026-11-21", "2026-11-22"]
        clock.advance(24 * 3600)
        await gather._look()
        assert gather.pending_days()[-1] == "2026-11-24"


@pytest.mark.parametrize("named", [(), ("tokyo",)])
async def test_a_new_archive_asks_for_the_days_that_collectors_have(
    tmp_path: Path, nats_server: NatsServer, relays: Relays, named: tuple[str, ...]
) -> None:
    """Its disk was lost: nothing of these days is sent any more. Whoever does not answer is asked until it does, in another life too."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    _merge(tokyo)
    relay = relays("tokyo", tokyo)
    root = tmp_path / "all"
    async with _gather(root, nats_server, collectors=named, intake=False) as gather:
        gather._collector("tokyo")  # it sends something of today
        await gather.ask_for_days()
        assert gather.pending_days() == []
    await relay.start()
    async with _gather(root, nats_server, collectors=named) as gather:
        gather._collector("tokyo")
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        await gather.ask_for_days()
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).settled
    assert _united(root).sha256 == _truth(tmp_path, tokyo)
    async with _gather(root, nats_server, collectors=named) as gather:
        assert gather._days[DAY].settled
        assert gather._asked_days == {"tokyo"}


async def test_a_relay_that_cannot_say_which_days_it_has_is_asked_once(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    relay = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))}))
    relay.is_old = True
    await relay.start()
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo",), intake=False) as gather:
        await gather.ask_for_days()
        assert gather._asked_days == {"tokyo"}
        assert not gather._days


async def test_an_archive_of_before_is_not_filled_with_what_collectors_had_then(
    tmp_path: Path, nats_server: NatsServer, relays: Relays
) -> None:
    relay = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))}))
    await relay.start()
    root = tmp_path / "all"
    (root / ".collectors").mkdir(parents=True)
    (root / ".collectors" / "gather.json").write_text('{"consumer":"gather-1"}')
    async with _gather(root, nats_server, collectors=("tokyo",), intake=False) as gather:
        await gather.ask_for_days()
    assert read_days(root / ".collectors") == []


async def test_a_second_gather_in_one_folder_is_refused(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    async with _gather(tmp_path / "all", nats_server):
        with pytest.raises(ArchiveBusy):
            async with _gather(tmp_path / "all", nats_server):
                pass


async def test_two_archives_of_one_broker_get_everything_each(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    relay = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))}))
    await relay.start()
    count = await relay.send()
    for root in ("one", "other"):
        async with _gather(tmp_path / root, nats_server) as gather:
            await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
            assert gather.taken == count


async def test_a_day_that_fails_keeps_no_other_from_its_turn(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nats_server.start()
    looked: list[str] = []
    faults: dict[str, Exception] = {"2026-11-20": ValueError("a bug"), "2026-11-21": DiskFull(tmp_path, "cannot be written")}

    async def look(day: str) -> DayState:
        looked.append(day)
        if day in faults:
            raise faults[day]
        return DayState(day=day)

    async with _gather(tmp_path / "all", nats_server) as gather:
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        monkeypatch.setattr(gather, "_end", look)
        for day in (*faults, "2026-11-22"):
            gather._days[day] = DayState(day=day)
        with pytest.raises(ValueError, match="a bug"):
            await gather._look()
        await gather._look()
        await gather._look()
        assert looked == [*faults, "2026-11-22"]
        told = {each.day: each for each in gather.state().days}
        assert told["2026-11-20"].failed == (("2026-11-20", "ValueError: a bug"),)
        assert told["2026-11-21"].failed == (("2026-11-21", str(faults["2026-11-21"])),)
        assert not told["2026-11-20"].settled


async def _ending(
    gather: Gather,
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[int], None],
    united: Sequence[tuple[str, str]] = (),
    settled: Settled | None = None,
) -> None:
    """`gather.end(DAY)` with one collector; `stop` is called before each of its steps, by number, and each of them takes a turn."""
    steps = count()

    async def step() -> None:
        stop(next(steps))
        await asyncio.sleep(0)

    async def complete(name: str, day: str, *, prove: bool) -> tuple[str, Settled | None]:
        await step()
        return name, settled or Settled()

    async def submit(work: object, *arguments: object) -> Ended:
        await step()
        return Ended(day=DAY, united=list(united), records=0, gaps=0, conflicts=0, failed=[], left_out=[], told={})

    async def on_disk(act: Callable[[], object]) -> object:
        await step()
        return act()

    monkeypatch.setattr(gather, "_complete", complete)
    monkeypatch.setattr(gather._pool, "submit", submit)
    monkeypatch.setattr(gather, "_on_disk", on_disk)
    await gather.end(DAY)


def _cancel_this() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


@pytest.mark.parametrize("united_ns", [0, 5])
async def test_whatever_ends_a_look_what_had_come_is_still_to_be_united(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, united_ns: int
) -> None:
    """Cancelled, and killed, at each step of it; not after the last one, which remembers that it is done."""
    nats_server.start()
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo",), intake=False) as gather:
        last = 3
        for at in range(last + 1):
            gather._days[DAY] = DayState(day=DAY, united_ns=united_ns, changed_ns=7)
            write_days(gather.shelf.home, [DayState(day=DAY, united_ns=united_ns)])
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(_ending(gather, monkeypatch, lambda number, at=at: _cancel_this() if number == at else None))
            (on_disk,) = read_days(gather.shelf.home)
            assert not gather._days[DAY].settled or at == last
            assert not on_disk.settled or at == 0  # its minutes are still on the shelf then, by which the next life knows
        await _ending(gather, monkeypatch, lambda number: None)
        assert gather._days[DAY].settled
        (on_disk,) = read_days(gather.shelf.home)
        assert on_disk == gather._days[DAY]


async def test_what_comes_while_a_day_is_united_is_united_after_it(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the first time, and where a clock stands still."""
    nats_server.start()
    (segment, *_) = parts_of("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: [1]}))
    place = place_of(segment.head.file)
    clock = ManualClock(day_start_ns(DAY) + 2 * DAY_NS)
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo",), intake=False, clock=clock) as gather:
        for state in (DayState(day=DAY), DayState(day=DAY, united_ns=5, changed_ns=clock.time_ns())):
            for at in range(4):
                gather._days[DAY] = state
                await _ending(
                    gather,
                    monkeypatch,
                    lambda number, at=at: gather._note(segment, Taken(State.STORED, place)) if number == at else None,
                )
                assert gather._days[DAY].united_ns > 5
                assert not gather._days[DAY].settled


async def test_who_has_what_is_not_understood_here_is_named_as_absent(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nats_server.start()
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo",), intake=False) as gather:
        await _ending(gather, monkeypatch, lambda number: None, settled=Settled(troubles=[("a.manifest.json", "no manifest of format 1")]))
        assert gather._days[DAY].absent == ("tokyo",)
        assert not gather._days[DAY].settled


async def test_a_disk_that_is_full_is_told_to_whoever_waits_for_all_of_it(
    tmp_path: Path, nats_server: NatsServer, relays: Relays, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(parts: object) -> None:
        raise DiskFull(tmp_path, "cannot be written")

    relay, clock = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: [1]})), ManualClock(day_start_ns(DAY))
    await relay.start()
    await relay.send()
    async with _gather(tmp_path / "all", nats_server, clock=clock) as gather:
        monkeypatch.setattr(gather.shelf, "take", full)
        await _idle(gather, clock, step_s=2.0)
        assert "cannot be written" in (gather.fault or "")
        assert gather._days[DAY].changed_ns
        assert gather.state().trouble == gather.fault


async def _merged_day(tmp_path: Path, relays: Relays) -> Path:
    """A collector with a day that is over, merged there, and its relay; returns where it is to be gathered."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    await relays("tokyo", tokyo).start()
    _merge(tokyo)
    return tmp_path / "all"


async def test_a_collectors_day_that_was_damaged_here_is_fetched_again(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    root = await _merged_day(tmp_path, relays)
    async with _gather(root, nats_server, collectors=("tokyo",)) as gather:
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).settled
        path = next(gather.shelf.folder("tokyo").rglob("*.zip"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
        shutil.rmtree(root / "binance")
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).failed
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).settled
    assert _united(root).sha256 == _truth(tmp_path, tmp_path / "tokyo")


async def test_what_is_kept_is_remembered_though_the_broker_goes_before_all_of_it_is_answered(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    """It comes again as what was seen before."""

    class Gone:
        async def refuse(self, ticket: object) -> None:
            raise BrokerFault("the connection was lost")

    nats_server.start()
    (segment,) = parts_of("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: [1]}))
    nowhere = segment._replace(head=msgspec.structs.replace(segment.head, file="nowhere"))
    async with _gather(tmp_path / "all", nats_server, intake=False) as gather:
        gather._days[DAY] = DayState(day=DAY, united_ns=5)
        with pytest.raises(BrokerFault):
            await gather._keep(cast(Pull, Gone()), [(nowhere, None), (segment, None)])
        assert not gather._days[DAY].settled


async def test_what_may_touch_the_days_beside_has_them_looked_at(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute at a day's end, a day file, and a union of which something came."""
    nats_server.start()
    shop = Workshop(tmp_path / "tokyo" / "binance" / "execution", "execution")
    for minute in ("00-00", "12-00", "23-59"):
        shop.seal(minute, [agg_trade(shop.minute_ns(minute), 1)], ids=[1])
    minutes = parts_of("tokyo", tmp_path / "tokyo")
    _merge(tmp_path / "tokyo")
    (day_file,) = [part for part in parts_of("tokyo", tmp_path / "tokyo") if part.head.file.endswith(".zip")]
    around = {"2026-11-19", "2026-11-21"}
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo",), intake=False) as gather:

        def looked_at() -> set[str]:
            found = {each.day for each in gather._days.values() if each.united_ns and each.changed_ns and each.day != DAY}
            gather._days = {day: DayState(day=day, united_ns=5) for day in (*around, "2026-11-22")} | {
                "2026-11-18": DayState(day="2026-11-18")
            }
            return found

        looked_at()
        for part, marked in [*zip(minutes, (around, set(), around), strict=True), (day_file, around)]:
            gather._note(part, Taken(State.STORED, place_of(part.head.file)))
            assert looked_at() == marked, part.head.file
        for made, marked in (("united", around), ("unchanged", set())):
            await _ending(gather, monkeypatch, lambda number: None, united=[("it", made)])
            assert looked_at() == marked


async def test_what_a_killed_life_had_taken_of_a_day_that_was_done_is_united(
    tmp_path: Path, nats_server: NatsServer, relays: Relays
) -> None:
    """The kill came before it was remembered: what comes again then was seen before."""
    root = await _merged_day(tmp_path, relays)
    async with _gather(root, nats_server, collectors=("tokyo",)) as gather:
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).settled
    late = _record(tmp_path / "late", "tokyo", {1: list(range(30, 60))})
    Shelf(root).take([part for part in parts_of("tokyo", late) if part.head.file.endswith("13-01.zip")])
    async with _gather(root, nats_server, collectors=("tokyo",), intake=False) as gather:
        assert not gather._days[DAY].settled


async def test_what_a_life_before_had_not_acknowledged_is_waited_for(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    """It comes again after a minute: until then nobody may say that all is here."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    relay = relays("tokyo", tokyo)
    await relay.start()
    await relay.send()
    root = tmp_path / "all"
    async with _gather(root, nats_server, intake=False) as gather:
        await gather._broker.drop_consumer(SEGMENTS, gather._durable)
        pull = await gather._broker.pull(SEGMENTS, gather._durable, "hoga.segments.*")
        (kept, *_), left = await pull.fetch(1, timeout_s=5.0), await pull.fetch(100, timeout_s=5.0)
        assert left
        gather.idle.clear()
        await gather._take_some(pull)
        assert not gather.idle.is_set()
        await pull.ack_all([ticket for _, ticket in (kept, *left)])
        async with asyncio.timeout(_PATIENT_S):  # an acknowledgement is not answered
            while await pull.waiting():
                await asyncio.sleep(0.01)
        await gather._take_some(pull)
        assert gather.idle.is_set()


async def test_a_stream_that_cannot_be_read_is_told_once_until_it_can(
    tmp_path: Path, nats_server: NatsServer, relays: Relays, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody removed it and made one of that name with other limits."""
    relay = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))}))
    await relay.start()
    clock = ManualClock(day_start_ns(DAY))
    async with _gather(tmp_path / "all", nats_server, clock=clock) as gather:
        await _idle(gather, clock)
        assert gather.state().trouble is None
        stream = relay.broker._context
        await stream.delete_stream(SEGMENTS.name)
        await stream.add_stream(name=SEGMENTS.name, subjects=["somebody.*"], max_age=60.0)
        for told in (True, False):
            async with asyncio.timeout(_PATIENT_S):
                while (gather.state().trouble is not None) is not told:
                    await asyncio.sleep(0.02)
                    clock.advance(0.5)
            if told:
                assert "max_age is 60 s" in (gather.state().trouble or "")
                await stream.delete_stream(SEGMENTS.name)
    assert caplog.text.count("the stream is not as it has to be") == 1
    assert caplog.text.count("no messages can be fetched") == 1


async def test_who_may_not_read_the_stream_is_refused_at_the_start(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(self: Broker, *arguments: object) -> None:
        raise BrokerFault("consumer gather-1 of HOGA_SEGMENTS: no answer from NATS")

    nats_server.start()
    monkeypatch.setattr(Broker, "pull", denied)
    with pytest.raises(BrokerFault, match="consumer"):
        async with _gather(tmp_path / "all", nats_server):
            pass


async def test_a_stream_that_somebody_removed_is_made_again(tmp_path: Path, nats_server: NatsServer, relays: Relays) -> None:
    relay = relays("tokyo", _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))}))
    await relay.start()
    async with _gather(tmp_path / "all", nats_server) as gather:
        await asyncio.wait_for(gather.until_idle(), _PATIENT_S)
        await relay.broker._context.delete_stream(SEGMENTS.name)
        gather._next_stray = 0.0
        async with asyncio.timeout(_PATIENT_S):
            while True:
                try:
                    await relay.send()
                    break
                except BrokerFault:
                    await asyncio.sleep(0.05)
            while not gather.taken:
                await asyncio.sleep(0.05)


async def test_a_status_that_cannot_be_written_is_told_once(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(home: Path, state: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    nats_server.start()
    async with _gather(tmp_path / "all", nats_server, intake=False) as gather:
        monkeypatch.setattr("hoga.relay.gathering.write_state", full)
        for _ in range(3):
            gather._tell()
    assert caplog.text.count("how gather stands cannot be written") == 1


@pytest.mark.parametrize("back", ["before it is asked for the day", "while it is", "after it"])
async def test_who_says_its_days_late_is_asked_once_more_only_where_that_is_news(
    tmp_path: Path, nats_server: NatsServer, relays: Relays, back: str
) -> None:
    """A new archive asks for days, and a day ends, in any order."""
    tokyo = _record(tmp_path / "tokyo", "tokyo", {0: list(range(30))})
    seoul = _record(tmp_path / "seoul", "seoul", {0: list(range(10, 40))})
    for each in (tokyo, seoul):
        _merge(each)
    await relays("tokyo", tokyo).start()
    clock = ManualClock(day_start_ns(DAY) + DAY_NS + 3600 * SECOND_NS)
    async with _gather(tmp_path / "all", nats_server, collectors=("tokyo", "seoul"), clock=clock) as gather:
        await _idle(gather, clock)
        assert (await asyncio.wait_for(gather.end(DAY), _PATIENT_S)).absent == ("seoul",)
        assert not gather._days[DAY].changed_ns
        gather._said("tokyo", DAY)
        await relays("seoul", seoul).start()
        if back == "before it is asked for the day":
            gather._said("seoul", DAY)
        looking = asyncio.create_task(gather.end(DAY))
        if back == "while it is":
            while not gather._busy:
                await asyncio.sleep(0)
            gather._said("seoul", DAY)
        state = await asyncio.wait_for(looking, _PATIENT_S)
        gather._said("seoul", DAY)
        assert (state.settled, gather._days[DAY].settled) == (True, True)
        gather._said("busan", DAY)
        assert not gather._days[DAY].settled, "that one is"
    assert _united(tmp_path / "all").records == 40


async def test_who_waits_for_what_nats_has_goes_on_when_it_is_away_for_long(tmp_path: Path, nats_server: NatsServer) -> None:
    """`hoga gather --once`, by a timer, and NATS goes meanwhile."""
    nats_server.start()
    clock = ManualClock(day_start_ns(DAY) + DAY_NS)
    async with _gather(tmp_path / "all", nats_server, clock=clock) as gather:
        await _idle(gather, clock)
        assert gather.deaf is None
        nats_server.kill()
        gather.idle.clear()
        began = clock.monotonic()
        await _idle(gather, clock, step_s=0.25)
        assert gather.deaf is not None
        assert clock.monotonic() - began > 20.0


async def test_what_is_on_its_way_to_the_disk_is_there_before_its_day_is_settled(
    tmp_path: Path, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nats_server.start()
    there, order = threading.Event(), []

    def slow() -> None:
        there.wait(10.0)
        order.append("kept")

    async with _gather(tmp_path / "all", nats_server, intake=False) as gather:

        async def settled(*_: object) -> Settled:
            order.append("settled")
            return Settled()

        monkeypatch.setattr(gather._pool, "submit", settled)
        kept = asyncio.create_task(gather._on_disk(slow))
        await asyncio.sleep(0)
        settling = asyncio.create_task(gather._settle("tokyo", DAY, None, prove=False))
        for _ in range(5):
            await asyncio.sleep(0)
        there.set()
        await asyncio.gather(kept, settling)
    assert order == ["kept", "settled"]
