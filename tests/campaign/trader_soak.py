"""The soak of a trader: it turns its position for minutes, at a venue that loses answers, events and connections; what it measures of
itself must stay within its bars, its memory flat, its journal whole.

    chrt -f 10 python -m tests.campaign.trader_soak --minutes 30 --save docs/results/trader-soak.md

The simulator runs in a child process and misbehaves at random; the trader runs in this one, over real sockets. Told at the end: pauses of
the garbage collector, delays of the loop, each step from frame to fill, how long orders stayed unknown, and how the memory grew.
`--trace`: by which lines of the program it grew (`tracemalloc`; times are not to be looked at then).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec

from hoga.app.config import load_config
from hoga.app.config.rooms import limits_of
from hoga.app.trader.strategies import instances_of
from hoga.app.trader.trader import Trader
from hoga.app.trader.trading import TradeEnd, TradePlan, trade
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.reading import Walk
from hoga.runtime.loop import run as run_loop
from hoga.runtime.metrics import resident_bytes
from hoga.trading.strategy import Setup, Strategy

__all__ = ["Soaked", "campaign"]

VENUE, SYMBOL = "binance-usdm", "binance-usdm:BTCUSDT"
_ORDER = {"paths": "*order*", "methods": "POST", "count": 1}
FAULTS: list[dict[str, object]] = [
    {"fault": "reply-lost", "status": 503, "code": -1007, "reason": "Timeout", **_ORDER},
    {"fault": "reply-lost", "status": 0, **_ORDER},
    {"fault": "rest-error", "status": 400, "code": -2019, "reason": "Margin is insufficient.", **_ORDER},
    {"fault": "reply-slow", "ms": 1500, **_ORDER},
    {"fault": "lost-event", "events": "ORDER_TRADE_UPDATE/*", "count": 1},
    {"fault": "duplicate", "count": 5, "events": "ORDER_TRADE_UPDATE/*"},
    {"fault": "partial-market", "share": 0.5, "count": 1},
    {"fault": "close", "code": 1006},
    {"fault": "garbage", "count": 3},
]
SETTINGS = ("MAX_DAILY_LOSS=1000000", "MAX_DRAWDOWN=0", "MAX_REVERSALS_PER_MIN=0", "BASE_BACKOFF=1.2", "MAX_BACKOFF=3")


class Turner(Strategy):
    """Holds and lets go, in turns."""

    symbol = SYMBOL
    params = {"every": 1.0}  # noqa: RUF012  # as users write it

    def setup(self, m: Setup) -> None:
        m.every(self.p.every)
        self.turn = 0

    def on_timer(self, now_ns: int) -> None:
        self.turn += 1
        self.target(self.symbol, "0.010" if self.turn % 2 else 0, why=f"turn {self.turn}")


class Soaked(msgspec.Struct, kw_only=True):
    """What came of it. Times in ms, but `unknown_s`: of each order that was unknown, how long since its sending.
    `growth_mb_h`: None: too short to say; `frozen`: objects that the collector was told to leave alone, and that nobody has any more;
    `grown`: the lines by which memory grew, with `trace`."""

    end: TradeEnd
    faults: list[str]
    gc_worst_ms: float
    lag_p99_ms: float
    steps: dict[str, list[float]]
    unknown_s: list[float]
    growth_mb_h: float | None
    frozen: int
    grown: list[str]
    damages: int
    records: int

    def checks(self) -> dict[str, bool | None]:
        """Each demand, and whether it is met; None: too short to say."""
        worst = percentile(self.unknown_s, 0.99)
        return {
            "a clean end": self.end.ok,
            "the journal is whole": not self.damages and self.records > 0,
            "no order is unknown for more than 15 s (p99)": worst <= 15,
            "no pause of the garbage collector above 2 ms after the warm-up": self.gc_worst_ms <= 2,
            "the loop is late by at most 5 ms (p99)": self.lag_p99_ms <= 5,
            "memory grows by less than 1 MB an hour": None if self.growth_mb_h is None else self.growth_mb_h < 1,
        }


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def start_simulator() -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    command = [sys.executable, "-m", "hoga", "sim", "--json", "--venues", VENUE, "--symbols", "BTCUSDT"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


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


async def campaign(
    seconds: float, *, fault_every_s: float, seed: int, warm_up_s: float, folder: Path, every_s: float = 1.0, trace: bool = False
) -> Soaked:
    """Trade for so long, measured after the warm-up. `every_s`: between two turns."""
    process, ready = await start_simulator()
    try:
        config = load_config(None, overrides=list(SETTINGS), environ=ready["environment"], data_dir=folder)
        limits = limits_of(config, SYMBOL)
        assert limits is not None
        plan = TradePlan(
            strategies=instances_of(Turner, (SYMBOL,), {SYMBOL: {"every": f"{every_s:g}"}}),
            symbols={VENUE: (SYMBOL,)},
            limits={SYMBOL: limits},
            journal=folder / JOURNAL_FOLDER,
            real_money=False,
        )
        begun: asyncio.Future[Trader] = asyncio.get_running_loop().create_future()
        trading = asyncio.create_task(trade(config, plan, mode="live", seconds=seconds, on_ready=begun.set_result))
        await asyncio.wait({trading, begun}, return_when=asyncio.FIRST_COMPLETED)
        if trading.done():
            trading.result()
        faults: list[str] = []
        breaking = asyncio.create_task(misbehave(ready["venues"][VENUE]["rest"], every_s=fault_every_s, seed=seed, log=faults))
        seen = await measure(begun.result(), trading, warm_up_s, trace=trace)
        breaking.cancel()
        await asyncio.gather(breaking, return_exceptions=True)
        end = await trading
    finally:
        process.terminate()
        await process.wait()
    walk = Walk(folder / JOURNAL_FOLDER)
    unknown, records = unknown_times(walk)
    return Soaked(
        end=end,
        faults=faults,
        gc_worst_ms=max(seen["gc"], default=0.0),
        lag_p99_ms=percentile(seen["lag"], 0.99),
        steps=seen["steps"],
        unknown_s=unknown,
        growth_mb_h=growth(seen["memory"]),
        frozen=seen["frozen"],
        grown=seen["grown"],
        damages=len(walk.faults),
        records=records,
    )


async def measure(trader: Trader, trading: asyncio.Task[TradeEnd], warm_up_s: float, *, trace: bool) -> dict[str, Any]:
    """The figures of each second, until it is over."""
    found: dict[str, Any] = {"gc": [], "lag": [], "memory": [], "steps": {}, "grown": []}
    began, last = time.monotonic(), -1
    before: tracemalloc.Snapshot | None = None
    while not trading.done():
        if trace and before is None and time.monotonic() - began > warm_up_s:
            tracemalloc.start(8)
            before = tracemalloc.take_snapshot()
        await asyncio.wait({trading}, timeout=0.5)
        told = trader.figures()
        if told.at_s == last or time.monotonic() - began < warm_up_s:
            continue
        last = told.at_s
        for each in told.figures:
            if each.over_s == 1 and each.step.value in ("gc", "lag"):
                found[each.step.value].append(each.most)
            if each.over_s == 60 and each.count and each.step.value in ("decision", "bytes", "ack", "fill"):
                found["steps"][each.step.value] = [each.count, each.p50, each.p99, each.p999]
        found["memory"].append((time.monotonic() - began, resident_bytes()))
    if before is not None:
        gc.collect()
        after = tracemalloc.take_snapshot()
        found["grown"] = [
            f"{each.size_diff:+,} bytes, {each.count_diff:+,} blocks: {each.traceback}" for each in after.compare_to(before, "lineno")[:25]
        ]
    gc.collect()
    gc.unfreeze()
    found["frozen"] = gc.collect()
    return found


def unknown_times(walk: Walk) -> tuple[list[float], int]:
    """Of each order that nobody knew: from its sending until the record that says how it stands; and how many records there are."""
    sent: dict[str, int] = {}
    since: dict[str, int] = {}
    found, records = [], 0
    for record in walk.records():
        records += 1
        name = str(record.fields.get("id"))
        if record.kind == "order.intent":
            sent[name] = record.t
        elif record.kind == "order.unknown":
            since.setdefault(name, sent.get(name, record.t))
        elif record.fields.get("was") == "UNKNOWN" and name in since:
            found.append((record.t - since.pop(name)) / 1e9)
    return found + [float("inf") for _ in since], records


def growth(samples: list[tuple[float, int]]) -> float | None:
    """MB an hour from the second quarter to the last one; None: there are less than ten minutes between them."""
    quarter = len(samples) // 4
    if quarter < 1 or samples[-1][0] - samples[quarter][0] < 600:
        return None
    first, last = samples[quarter : 2 * quarter], samples[-quarter:]
    middles = [sorted(bytes_ for _, bytes_ in part)[len(part) // 2] for part in (first, last)]
    return (middles[1] - middles[0]) / 1e6 * 3600 / (last[0][0] - first[0][0])


VERDICTS = {True: "good", False: "FAILED", None: "too short to say"}


def report(wanted: argparse.Namespace, it: Soaked) -> list[str]:
    kinds = ", ".join(f"{name} {it.faults.count(name)}" for name in sorted(set(it.faults)))
    grown = "too short to say" if it.growth_mb_h is None else f"{it.growth_mb_h:+.2f} MB an hour"
    return [
        f"# Soak of a trader: {wanted.minutes:g} minutes",
        "",
        f"`python -m tests.campaign.trader_soak --minutes {wanted.minutes:g} --seed {wanted.seed}`",
        "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {platform.release()}, "
        f"Python {platform.python_version()}",
        f"- orders {it.end.orders:,}, fills {it.end.fills:,}, records {it.records:,}; faults injected: {len(it.faults)} ({kinds})",
        f"- orders of which nobody knew: {len(it.unknown_s)}, settled after their sending p50 {percentile(it.unknown_s, 0.5):.2f} s, "
        f"p99 {percentile(it.unknown_s, 0.99):.2f} s",
        f"- longest pause of the garbage collector {it.gc_worst_ms:.2f} ms, delay of the loop p99 {it.lag_p99_ms:.2f} ms; memory {grown}; "
        f"{it.frozen:,} objects are frozen and of no use",
        "",
        "| step, last minute | count | p50 ms | p99 ms | p99.9 ms |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(f"| {name} | {count:.0f} | {p50:.3f} | {p99:.3f} | {p999:.3f} |" for name, (count, p50, p99, p999) in it.steps.items()),
        "",
        "| check | verdict |",
        "| --- | --- |",
        *(f"| {name} | {VERDICTS[good]} |" for name, good in it.checks().items()),
        *it.grown,
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--fault-every", type=float, default=8.0, help="seconds between faults, on average")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds that are not measured")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two turns")
    parser.add_argument("--trace", action="store_true", help="tell by which lines memory grew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hoga-trader-soak-") as folder:
        it = run_loop(
            campaign(
                wanted.minutes * 60,
                fault_every_s=wanted.fault_every,
                seed=wanted.seed,
                warm_up_s=wanted.warm_up,
                folder=Path(folder),
                every_s=wanted.every,
                trace=wanted.trace,
            )
        )
    text = "\n".join(report(wanted, it))
    if wanted.save:
        wanted.save.write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 1 if False in it.checks().values() else 0


if __name__ == "__main__":
    sys.exit(main())
