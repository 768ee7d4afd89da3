"""`hoga run` as a child process against the simulator: signals, kills, stops, a second one in the same folder, no room."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hoga.archive.form.chunks import read_chunks
from hoga.archive.form.manifest import counted_missed
from hoga.archive.prove.verify import verify
from hoga.core.ledger import Reason
from hoga.simulator import Simulator, SimulatorConfig
from tests.recorder.workbench import SPOT, Archive, stream
from tests.waiting import eventually

STREAMS = [stream("BTCUSDT", channel) for channel in ("depth20@100ms", "aggTrade", "depth@100ms")]
KINDS = ("orderbook", "execution", "delta")


class Program:
    """One `hoga run`."""

    def __init__(self, sim: Simulator, data: Path, *settings: str) -> None:
        self.data = data
        values = ["SYMBOLS=BTCUSDT", "STREAMS=depth20@100ms,aggTrade,depth@100ms", f"WS_URL={sim.ws_url}", f"REST_URL={sim.rest_url}"]
        values += ["FSYNC_INTERVAL_MS=50", "DISK_RESERVE_MB=1", "DASHBOARD_PORT_NUMBER=0", f"LOG_DIR={data / 'logs'}", *settings]
        self.arguments = ["run", "--json", "--data", str(data), *(part for value in values for part in ("--set", value))]
        self.process: asyncio.subprocess.Process

    async def start(self) -> dict[str, Any]:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hoga", *self.arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        return json.loads(line) if line else {}

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self, *, seconds: float = 60.0) -> tuple[int, str]:
        """Exit status and what was said on stderr."""
        async with asyncio.timeout(seconds):
            _, said = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, said.decode()

    async def ends(self, status: int) -> None:
        """With that exit status; what it said is told with any other."""
        found, said = await self.end()
        assert found == status, said


class Stage:
    """The simulator, what it sent, and the programs that are running."""

    def __init__(self, sim: Simulator, data: Path) -> None:
        self.sim = sim
        self.data = data
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        sim.board.tap = lambda connection, name, text: self.sent[name].append(text)
        self.programs: list[Program] = []
        self.archive = Archive(data)

    def program(self, *settings: str) -> Program:
        self.programs.append(Program(self.sim, self.data, *settings))
        return self.programs[-1]

    async def frames(self, count: int) -> None:
        """Let so many more books be sent."""
        name = STREAMS[0].name
        wanted = len(self.sent[name]) + count
        async with asyncio.timeout(60):
            while len(self.sent[name]) < wanted:
                await asyncio.sleep(0.02)

    def in_journal(self, place: int) -> bool:
        """Whether that frame of the books has been written: the program keeps up with what is sent."""
        frame = self.sent[STREAMS[0].name][place][len(SPOT.frame_key(STREAMS[0])) + 1 : -1]
        chunks = [chunk for journal in self.data.rglob("*.journal") for chunk in read_chunks(journal)]
        return any(frame in chunk.data for chunk in chunks if not isinstance(chunk, int))

    def lost(self) -> dict[str, list[int]]:
        """Places, per stream, of the frames sent that are not in the archive."""
        missing = {}
        for of in STREAMS:
            text = self.archive.text(of.symbol, of.kind)
            missing[of.kind] = [at for at, data in enumerate(self.sent[of.name]) if data[len(SPOT.frame_key(of)) + 1 : -1] not in text]
        return missing

    def check(self) -> None:
        """Everything is sealed, what was received is written or accounted, nothing is there twice, and it verifies.

        What a busy machine's stop left to the next start is sealed first, as that does."""
        if list(self.data.rglob("*.journal")) or list(self.data.rglob("parts/*")):
            subprocess.run([sys.executable, "-m", "hoga", "recover", str(self.data)], check=True)
        assert not list(self.data.rglob("*.journal"))
        for of in STREAMS:
            lines = [line.split(b',"conn":', 1)[1].split(b",", 1)[1] for line in self.archive.text(of.symbol, of.kind).splitlines()]
            assert len(lines) == len(set(lines)), f"{of.kind}: doubled"
            assert {b"{" + line for line in lines} <= {data[len(SPOT.frame_key(of)) : -1] for data in self.sent[of.name]}
        report = verify([self.data])
        assert report.ok, report.problems

    def gaps(self, kind: str) -> list[tuple[Reason, int | None]]:
        return [(gap.reason, gap.missed) for gap in self.archive.gaps("BTCUSDT", kind)]


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=5, speed=3.0)) as sim:
        made = Stage(sim, tmp_path / "data")
        yield made
        for program in made.programs:
            if program.process.returncode is None:
                program.process.send_signal(signal.SIGCONT)
                program.process.kill()
                await program.process.wait()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_it_in_good_order(stage: Stage, number: signal.Signals, status: int) -> None:
    program = stage.program()
    said = await program.start()
    assert said["ready"] is True
    assert said["data"] == str(stage.data)
    await stage.frames(12)
    program.send(number)
    assert await eventually(lambda: not program.running) < 5.0
    await program.ends(status)
    stage.check()
    assert stage.lost() == {kind: [] for kind in KINDS}
    for kind in KINDS:
        assert stage.gaps(kind) == []
        stage.archive.check_balance("BTCUSDT", kind)


@pytest.mark.slow
async def test_a_second_signal_ends_it_at_once_and_the_next_start_makes_it_good(stage: Stage) -> None:
    program = stage.program()
    await program.start()
    await stage.frames(8)
    program.send(signal.SIGTERM)
    await asyncio.sleep(0.01)
    program.send(signal.SIGTERM)
    assert await eventually(lambda: not program.running) < 2.0
    await program.end()
    again = stage.program()
    await again.start()
    await stage.frames(8)
    again.send(signal.SIGTERM)
    await again.ends(0)
    stage.check()


async def test_two_in_one_folder_are_one_too_many(stage: Stage) -> None:
    first, second = stage.program(), stage.program()
    await first.start()
    await stage.frames(3)
    assert await second.start() == {}
    status, said = await second.end()
    assert status == 2
    assert said.count("another hoga is recording here") == 1
    assert f"(process {first.process.pid})" in said
    await stage.frames(3)
    first.send(signal.SIGTERM)
    await first.ends(0)
    stage.check()
    assert stage.gaps("orderbook") == []


async def test_a_folder_that_cannot_be_made_is_named(stage: Stage) -> None:
    (stage.data / "binance").mkdir(parents=True)
    (stage.data / "binance" / "orderbook").write_text("a file in the place of the folder")
    program = stage.program()
    assert await program.start() == {}
    status, said = await program.end()
    assert status == 2
    assert f"{stage.data / 'binance' / 'orderbook'}: is a file" in said
    assert "Traceback" not in said


async def recover(data: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hoga", "recover", str(data), "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    return {"status": process.returncode, **json.loads(said)}


@pytest.mark.parametrize("by_hand", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_killed_it_loses_no_more_than_the_fsync_interval_and_says_so(stage: Stage, by_hand: bool) -> None:
    program = stage.program()
    await program.start()
    await stage.frames(15)
    await eventually(lambda: stage.in_journal(-6))
    written = len(stage.sent[STREAMS[0].name]) - 5  # at least so many: nothing is sent between that look and this line
    program.send(signal.SIGKILL)
    await program.end()
    if by_hand:
        done = await recover(stage.data)
        assert (done["status"], done["ok"]) == (0, True)
        stage.check()
    again = stage.program()
    await again.start()
    await stage.frames(10)
    again.send(signal.SIGTERM)
    await again.ends(0)
    stage.check()
    lost = stage.lost()["orderbook"]
    assert all(at >= written for at in lost), (lost, written)
    assert lost == list(range(lost[0], lost[-1] + 1)) if lost else True, "what the second life was sent is all there"
    reasons = {reason for reason, _ in stage.gaps("orderbook")}
    assert reasons == {Reason.CRASH}
    assert {reason for reason, _ in stage.gaps("execution")} == {Reason.CRASH}


@pytest.mark.slow
@pytest.mark.faults
async def test_killed_again_and_again_nothing_is_doubled_or_unaccounted(stage: Stage) -> None:
    for moment in (0.0, 0.05, 0.3, 0.8, 1.5):
        program = stage.program()
        await program.start()
        await asyncio.sleep(moment)
        program.send(signal.SIGKILL)
        await program.end()
    last = stage.program()
    await last.start()
    await stage.frames(5)
    last.send(signal.SIGTERM)
    await last.ends(0)
    stage.check()


async def test_stood_still_for_a_while_it_loses_nothing(stage: Stage) -> None:
    program = stage.program()
    await program.start()
    await stage.frames(6)
    program.send(signal.SIGSTOP)
    await asyncio.sleep(3.2)
    program.send(signal.SIGCONT)
    await stage.frames(10)
    program.send(signal.SIGTERM)
    status, said = await program.end()
    assert status == 0, said
    assert "the process stood still" in said
    stage.check()
    assert stage.lost() == {kind: [] for kind in KINDS}


async def test_below_the_disk_reserve_everything_is_counted_and_nothing_written(stage: Stage) -> None:
    program = stage.program("DISK_RESERVE_MB=10000000")
    await program.start()
    await stage.frames(8)
    program.send(signal.SIGTERM)
    await program.ends(0)
    stage.check()
    for kind in KINDS:
        assert stage.archive.lines("BTCUSDT", kind) == []
        received, records, counted = stage.archive.check_balance("BTCUSDT", kind)
        assert records == 0
        assert received == counted == counted_missed(stage.archive.gaps("BTCUSDT", kind))
        assert {reason for reason, _ in stage.gaps(kind)} <= {Reason.DISK_FULL}
    assert stage.archive.check_balance("BTCUSDT", "orderbook")[0] == len(stage.sent[STREAMS[0].name])


async def test_after_so_many_seconds_longer_segments_are_joined(stage: Stage) -> None:
    program = stage.program("SAVE_INTERVAL_MIN=60", "ARCHIVE_FORMAT=zst")
    program.arguments += ["--seconds", "5"]
    await program.start()
    await program.ends(0)
    stage.check()
    assert not list(stage.data.rglob("parts/*.zst"))
    assert stage.lost() == {kind: [] for kind in KINDS}
