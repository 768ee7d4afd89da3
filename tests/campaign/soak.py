"""The soak: hours of recording in minutes, with rollovers, day changes and random faults; memory must stay flat.

    python -m tests.campaign.soak --minutes 30 --clock 60 --save docs/results/soak.md

The recorder runs in this process on a scaled wall clock (a minute a second at 60), against the simulator in a child
process, which misbehaves at random. At the end: every frame that the simulator says it sent is recorded or accounted
for, every archive verifies, the days were merged, and the resident memory of the second half did not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.campaign import clock

START = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
"""Two and a half hours before midnight: thirty hours see two day changes."""

FAULTS: list[dict[str, object]] = [
    {"fault": "close", "code": 1001},
    {"fault": "close", "code": 1006},
    {"fault": "close", "code": 1008},
    {"fault": "drop", "count": 20, "streams": "*@aggTrade"},
    {"fault": "drop", "count": 10, "streams": "*@depth20@100ms"},
    {"fault": "duplicate", "count": 20},
    {"fault": "reorder", "count": 10},
    {"fault": "garbage", "count": 5},
    {"fault": "binary-garbage", "count": 5},
    {"fault": "truncated-json", "count": 5},
    {"fault": "no-stream", "count": 5},
    {"fault": "unknown-stream", "count": 5},
    {"fault": "empty-side", "count": 5, "streams": "*@depth20@100ms"},
    {"fault": "server-shutdown", "after_s": 3},
    {"fault": "delay", "ms": 300, "duration_s": 3},
    {"fault": "freeze", "duration_s": 4},
    {"fault": "lifetime"},
    {"fault": "refuse", "count": 2, "status": 503},
    {"fault": "refuse-subscribe", "count": 2},
    {"fault": "refuse-subscribe", "streams": "solusdt@aggTrade", "duration_s": 20},
    {"fault": "ignore-subscribe", "count": 1},
    {"fault": "deaf-subscribe", "streams": "bnbusdt@*", "count": 1},
]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clock", type=float, default=60.0)
    parser.add_argument("--market", type=float, default=3.0, help="speed of the simulated market")
    parser.add_argument("--fault-every", type=float, default=12.0, help="seconds between faults, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--redundancy", type=int, default=1)
    parser.add_argument("--save", type=Path)
    return parser.parse_args()


def rss_kb() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def start_simulator(market: float) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    command = [sys.executable, "-m", "hoga", "sim", "--json", "--speed", f"{market:g}", "--symbols", "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    return process, ready["venues"]["binance"]


async def misbehave(rest: str, *, every_s: float, seed: int, log: list[str]) -> None:
    import aiohttp

    chance = random.Random(seed)
    async with aiohttp.ClientSession() as session:
        while True:
            await asyncio.sleep(chance.expovariate(1 / every_s))
            fault = chance.choice(FAULTS)
            async with session.post(f"{rest}/sim/fault", json=fault) as answer:
                assert answer.status == 200, await answer.text()
            log.append(str(fault["fault"]))


async def measure(samples: list[tuple[float, int]]) -> None:
    while True:
        await asyncio.sleep(5.0)
        samples.append((time.monotonic(), rss_kb()))


async def truth_of(rest: str) -> dict[str, object]:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"{rest}/sim/status") as answer:
        truth: dict[str, object] = await answer.json()
    return truth


def ask_for_most_streams() -> None:
    """A URL holds but few streams here, so that the others are asked for by requests, which the venue may refuse."""
    from hoga.venues.registry import VENUES

    spec = VENUES["binance"]
    VENUES["binance"] = replace(spec, limits=replace(spec.limits, url_max_chars=120))


async def soak(wanted: argparse.Namespace, folder: Path) -> dict[str, object]:
    from hoga.app.config import load_config
    from hoga.app.run import Run, run_until_stopped
    from hoga.runtime.shutdown import ShutdownManager

    ask_for_most_streams()
    simulator, urls = await start_simulator(wanted.market)
    settings = {
        "SYMBOLS": "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT",
        "STREAMS": "depth20@100ms,depth@100ms,aggTrade,trade,bookTicker,kline_1m",
        "WS_URL": urls["ws"],
        "REST_URL": urls["rest"],
        "PORT_CYCLING_PERIOD_HRS": "0.012",
        "BACK_UP_READY_AHEAD_SEC": "8",
        "BASE_BACKOFF": "1.2",
        "MAX_BACKOFF": "3",
        "REDUNDANCY": str(wanted.redundancy),
        "DASHBOARD_PORT_NUMBER": "0",
        "DASHBOARD_RESTART_TIMEOUT": "1800",
        "DASHBOARD_CHECK_INTERVAL": "300",
        "FSYNC_INTERVAL_MS": "1000",
    }
    config = load_config(None, overrides=[f"{key}={value}" for key, value in settings.items()], environ={}, data_dir=folder / "data")
    faults: list[str] = []
    samples: list[tuple[float, int]] = []
    seen: dict[str, object] = {}

    def ready(run: Run, shutdown: ShutdownManager, *dashboard: object) -> None:
        for work in (misbehave(urls["rest"], every_s=wanted.fault_every, seed=wanted.seed, log=faults), measure(samples)):
            shutdown.own_task(asyncio.create_task(work))
        seen["run"] = run

    status = (await run_until_stopped(config, None, seconds=wanted.minutes * 60, on_ready=ready)).status
    run = seen["run"]
    assert isinstance(run, Run)
    final = run.status()[0]
    truth = await truth_of(urls["rest"])
    simulator.terminate()
    await simulator.wait()
    return {"status": status, "final": final, "truth": truth, "faults": faults, "samples": samples}


def main() -> int:
    wanted = options()
    clock.install(start_ns=int(START.timestamp()) * 1_000_000_000, speed=wanted.clock)
    from hoga.archive.prove.verify import verify
    from hoga.runtime.loop import run as run_loop

    folder = Path(tempfile.mkdtemp(prefix="hoga-soak-"))
    try:
        outcome = run_loop(soak(wanted, folder))
        report = verify([folder / "data"], jobs=2)
        lines, good = verdict(wanted, outcome, report, folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = "\n".join(lines)
    if wanted.save:
        wanted.save.write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 0 if good else 1


def verdict(wanted: argparse.Namespace, outcome: dict, report: object, data: Path) -> tuple[list[str], bool]:  # type: ignore[type-arg]
    from tests.campaign.ledgers import account_of

    final, truth, samples = outcome["final"], outcome["truth"], outcome["samples"]
    half = samples[len(samples) // 2 :]
    third = max(1, len(half) // 3)
    growth_kb = statistics.median(kb for _, kb in half[-third:]) - statistics.median(kb for _, kb in half[:third])
    changes = int((wanted.minutes * wanted.clock / 60 + START.hour + START.minute / 60) // 24)
    days = sorted(path.name for path in data.rglob("*.manifest.json"))
    account = account_of(data)
    sent = truth["sent"]
    names = outcome["faults"]
    kinds = ", ".join(f"{name} {names.count(name)}" for name in sorted(set(names)))
    checks = {
        "exit status 0": outcome["status"] == 0,
        "hoga verify": report.ok,
        "every frame received is written, a duplicate or counted in the ledger": account.balanced,
        f"{changes} day changes merged": len({name.rsplit("_", 1)[1] for name in days}) >= changes,
        "memory growth in the second half below 1 MB": growth_kb < 1024,
    }
    lines = [
        f"# Soak: {wanted.minutes:g} minutes at ×{wanted.clock:g}",
        "",
        f"`python -m tests.campaign.soak --minutes {wanted.minutes:g} --clock {wanted.clock:g} --market {wanted.market:g}"
        f" --seed {wanted.seed} --redundancy {wanted.redundancy}`",
        "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}",
        f"- recorded time: {wanted.minutes * wanted.clock / 60:.1f} h, {final.streams} streams",
        f"- frames sent by the simulator on all connections: {sent:,} (copies and odd frames beside them)",
        f"- received {account.received:,} = written {account.written:,} + duplicates {account.duplicates:,}"
        f" + counted in gaps {account.counted:,}",
        f"- day files: {len(days)}, segments sealed: {final.sealed:,}, ledger gaps: {report.gaps:,}, odd frames kept aside: {final.odd:,}",
        f"- faults injected: {len(names)} ({kinds})",
        f"- memory: {half[0][1] / 1024:.1f} MB in the middle, {half[-1][1] / 1024:.1f} MB at the end, growth {growth_kb / 1024:+.2f} MB",
        "",
        "| check | verdict |",
        "| --- | --- |",
        *(f"| {name} | {'good' if good else 'FAILED'} |" for name, good in checks.items()),
        *(f"- problem: {problem}" for problem in report.problems[:20]),
    ]
    return lines, all(checks.values())


if __name__ == "__main__":
    sys.exit(main())
