"""NATS is away for an hour of a fast clock: the recorder must not feel it, and all of it must come afterwards.

    python -m tests.campaign.away --minutes 60 --clock 60 --save docs/results/nats-away.md

The recorder runs in this process on a scaled wall clock against the simulator, its relay in a process of its own beside a nats-server
and a gather. Three times as many minutes pass: with the server, without it (killed), with it again. In each the processor time of the
recorder per frame is read, and how late records are handed to the system. From the moment at which the server is back it is read when
the relay has sent every ledger that there was then. At the end each sealed segment lies in the gather's folder, byte for byte.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.campaign import clock
from tests.campaign.soak import start_simulator
from tests.campaign.union import HOGA
from tests.nats_server import NatsServer
from tests.waiting import eventually

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
NAME = "soak"
_CATCH_UP_S = 600.0


class Phase(NamedTuple):
    """`cpu_us`: of the recorder's process, a frame; `lags_ms`: the 99th percentile of each second, receipt → system."""

    what: str
    frames: int
    cpu_us: float
    lags_ms: list[float]

    def line(self) -> str:
        """As a row of a table."""
        return f"| {self.what} | {self.frames:,} | {self.cpu_us:.1f} | {statistics.median(self.lags_ms):.2f} | {max(self.lags_ms):.2f} |"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the fast clock, for each of three phases")
    parser.add_argument("--clock", type=float, default=60.0)
    parser.add_argument("--market", type=float, default=3.0, help="speed of the simulated market")
    parser.add_argument("--save", type=Path)
    return parser.parse_args()


async def watched(run: Any, what: str, seconds: float, *, clock: float) -> Phase:
    """How the recorder does for so long. It measures with the fast clock, whose milliseconds are shorter."""
    intakes = run.venues[0].recorder.intakes.values()
    lags: list[float] = []
    frames, cpu, end = sum(each.recorded for each in intakes), time.process_time(), time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        await asyncio.sleep(min(1.0, left))
        lag = run.status()[0].lag_ms
        if lag is not None:
            lags.append(lag / clock)
    frames = sum(each.recorded for each in intakes) - frames
    return Phase(what, frames, (time.process_time() - cpu) / frames * 1e6, lags)


def ledgers_of(data: Path) -> dict[str, int]:
    """How long each ledger is now."""
    return {path.relative_to(data).as_posix(): path.stat().st_size for path in data.glob("binance/**/*.ledger.jsonl")}


def sent_of(data: Path) -> dict[str, int]:
    """How much of each is acknowledged."""
    from hoga.relay.position import Position

    position = Position(data, NAME)
    position.load()
    return {name: sent.bytes for name, sent in position.ledgers.items() if sent.whole}


def start_gather(folder: Path, url: str) -> subprocess.Popen[bytes]:
    command = [*HOGA, "gather", f"--set=NATS_URL={url}", f"--set=COLLECTORS={NAME}", "--data", str(folder / "all")]
    with (folder / "gather.log").open("wb") as log:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)


async def away(wanted: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from hoga.app.config import load_config
    from hoga.app.run import Run, run_until_stopped
    from hoga.runtime.shutdown import ShutdownManager

    data, seconds = folder / "data", wanted.minutes * 60 / wanted.clock
    simulator, urls = await start_simulator(wanted.market)
    nats = NatsServer(folder / "nats").start()
    (folder / "all").mkdir()
    gather = start_gather(folder, nats.url)
    settings = {
        "SYMBOLS": "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT",
        "STREAMS": "depth20@100ms,depth@100ms,aggTrade,trade,bookTicker",
        "WS_URL": urls["ws"],
        "REST_URL": urls["rest"],
        "DASHBOARD_PORT_NUMBER": "0",
        "NATS_URL": nats.url,
        "COLLECTOR": NAME,
        # hours of the fast clock are none of the connection's
        "PORT_CYCLING_PERIOD_HRS": "23",
        "DASHBOARD_RESTART_TIMEOUT": "1800",
        "DASHBOARD_CHECK_INTERVAL": "300",
    }
    config = load_config(None, overrides=[f"{key}={value}" for key, value in settings.items()], environ={}, data_dir=data)
    found: dict[str, Any] = {"phases": []}

    async def play(run: Run, shutdown: ShutdownManager) -> None:
        await eventually(lambda: run.figures.relay().files > 0, why="the relay sent nothing")
        found["phases"].append(await watched(run, "with NATS", seconds, clock=wanted.clock))
        nats.kill()
        found["phases"].append(await watched(run, "without", seconds, clock=wanted.clock))
        owed = ledgers_of(data)
        sent = sent_of(data)
        found["owed"] = sum(size - sent.get(name, 0) for name, size in owed.items())
        nats.start()
        began = time.perf_counter()
        after = asyncio.create_task(watched(run, "with NATS again", seconds, clock=wanted.clock))
        while not all(sent.get(name, 0) >= size for name, size in owed.items()):
            if time.perf_counter() - began > _CATCH_UP_S:
                found["left"] = [name for name, size in owed.items() if sent.get(name, 0) < size]
                break
            await asyncio.sleep(0.2)
            sent = await asyncio.to_thread(sent_of, data)
        found["caught_up_s"] = time.perf_counter() - began
        found["phases"].append(await after)
        wanted_files = {path.relative_to(data).as_posix(): path.read_bytes() for path in data.glob("binance/**/temporary/**/*.zip")}
        missing = dict(wanted_files)
        end = time.perf_counter() + 60
        while missing and time.perf_counter() < end:
            await asyncio.sleep(0.5)
            missing = {name: text for name, text in missing.items() if not is_gathered(folder / "all", name, text)}
        found.update(files=len(wanted_files), missing=sorted(missing), row=run.figures.relay())
        shutdown.request("all is measured")

    def ready(run: Run, shutdown: ShutdownManager, *_: object) -> None:
        shutdown.own_task(asyncio.create_task(play(run, shutdown)))

    try:
        found["status"] = (await run_until_stopped(config, None, seconds=None, on_ready=ready)).status
    finally:
        gather.terminate()
        gather.wait(30)
        nats.kill()
        simulator.terminate()
        await simulator.wait()
    return found


def is_gathered(root: Path, name: str, text: bytes) -> bool:
    """Whether the gather has this file of the collector's, byte for byte."""
    path = root / ".collectors" / NAME / name
    return path.exists() and path.read_bytes() == text


def main() -> int:
    wanted = options()
    clock.install(start_ns=int(START.timestamp()) * 1_000_000_000, speed=wanted.clock)
    from hoga.archive.prove.verify import verify
    from hoga.runtime.loop import run as run_loop

    folder = Path(tempfile.mkdtemp(prefix="hoga-away-"))
    try:
        found = run_loop(away(wanted, folder))
        report = verify([folder / "data"], jobs=2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    real_s = wanted.minutes * 60
    before, without, after = found["phases"]
    checks = {
        "exit status 0": found["status"] == 0,
        "hoga verify": report.ok,
        "caught up at 20 times real time or more": "left" not in found and real_s / found["caught_up_s"] >= 20,
        "each sealed segment gathered, byte for byte": found["files"] > 0 and not found["missing"],
        "recorder's CPU a frame within 5 % of that with NATS": without.cpu_us <= 1.05 * before.cpu_us,
    }
    text = "\n".join([
        f"# NATS away for {wanted.minutes:g} minutes of a clock at ×{wanted.clock:g}",
        "",
        f"`python -m tests.campaign.away --minutes {wanted.minutes:g} --clock {wanted.clock:g} --market {wanted.market:g}`",
        "",
        "| phase | frames | recorder, µs of CPU a frame | receipt → system, p99 of a second: median, ms | most, ms |",
        "| --- | --- | --- | --- | --- |",
        *(phase.line() for phase in (before, without, after)),
        "",
        f"- owed when the server was back: {found['owed']:,} bytes of ledger; all sent after {found['caught_up_s']:.1f} s:"
        f" {real_s / found['caught_up_s']:.0f} times real time",
        f"- sealed segments compared with the gather's: {found['files']:,}, missing or different: {len(found['missing'])}",
        f"- the relay's row at the end: {found['row']}",
        "",
        "| check | verdict |",
        "| --- | --- |",
        *(f"| {name} | {'good' if good else 'FAILED'} |" for name, good in checks.items()),
        *(f"- problem: {problem}" for problem in report.problems[:10]),
        *(f"- missing: {name}" for name in found["missing"][:10]),
    ])  # fmt: skip
    if wanted.save:
        wanted.save.write_text(text + "\n")
    print(text)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
