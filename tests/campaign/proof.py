"""The campaign of the proof: traders that live through everything for a while, and then decide all of it again: is it the same?

    python -m tests.campaign.proof --minutes 30 --save docs/results/proof.md

Live traders at three venues, one on paper and a shadow trade at one exchange each, while connections are cut and replaced, frames are lost,
held back and torn, streams fall silent, orders are refused, answers are lost and events never told; and now and then a trader is killed in
the middle of it and begun again. In the end each one's journal and tape are proven, in a process of its own: differences, and what
cannot be proven.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind

STRATEGY = '''
from hoga import Strategy


def lean(prices):
    """Slow enough to be done elsewhere."""
    return {"up": sum(after > before for before, after in zip(prices, prices[1:]))}


class Restless(Strategy):
    symbol = "%(symbol)s"
    params = {"size": "%(size)s", "every": 40, "wait": 9}

    def setup(self, m):
        m.book(self.symbol)
        m.trades(self.symbol)
        bars = m.bars(self.symbol, "10s", history=3)
        self.fast, self.slow = bars.sma(2), bars.ema(3)
        m.every(1.3)
        if "upbit" not in self.symbol:
            m.protect(self.symbol, stop="3%%", within="5s")
        self.m, self.books, self.prices, self.side, self.resting = m, 0, [], 0, ""

    def on_book(self, book):
        self.books += 1
        if self.books %% self.p.every == 0:
            self.side = 1 - self.side
            self.target(self.symbol, self.p.size if self.side else 0, why=f"book {self.books} bid {book.bid}")
        elif self.books %% self.p.wait == 0 and not self.resting:
            self.resting = self.limit(self.symbol, "buy", self.p.size, book.bids[-1][0], why=f"rests at {self.books}")

    def on_trade(self, trade):
        self.prices = [*self.prices[-20:], float(trade.price)]

    def on_bar(self, bar):
        self.log(f"bar {bar.close} {self.fast.value} {self.slow.value}")

    def on_timer(self, now_ns):
        if self.resting:
            self.cancel(self.resting)
            self.resting = ""
        self.m.work(lean, self.prices)

    def on_work(self, done):
        self.log(f"{done.id} {done.value} {done.error}")

    def on_stale(self, symbol, why):
        self.log(f"stale {why} {self.now_ns}")

    def on_ladder(self, rung):
        self.log(f"ladder {rung} {self.now_ns}")
'''

LIMITS = ("MAX_ORDER_NOTIONAL=1e8", "MAX_POSITION_NOTIONAL=2e8", "MAX_GROSS_NOTIONAL=4e8", "MAX_NET_NOTIONAL=4e8", "MAX_DAILY_LOSS=1e8")


class Trader(NamedTuple):
    """One of them: its venue, its instrument, a size that the venue takes, and its mode."""

    venue: str
    symbol: str
    size: str
    mode: str

    @property
    def name(self) -> str:
        return f"{self.venue}-{self.mode}"


TRADERS = (
    Trader("binance-usdm", "BTCUSDT", "0.010", "live"),
    Trader("binance", "BTCUSDT", "0.01", "live"),
    Trader("upbit", "KRW-BTC", "0.01", "live"),
    Trader("binance-usdm", "BTCUSDT", "0.010", "paper"),
    Trader("binance-usdm", "BTCUSDT", "0.010", "shadow"),
)


def mishaps(random: random.Random) -> list[Fault]:
    """What happens next."""
    paths = random.choice(["*/order", "*/orders"])
    return random.choice(
        [
            [Fault(fault=FaultKind.CLOSE)],
            [Fault(fault=FaultKind.CLOSE, code=1006)],
            [Fault(fault=FaultKind.SERVER_SHUTDOWN, after_s=3.0)],
            [Fault(fault=FaultKind.LIFETIME)],
            [Fault(fault=FaultKind.SILENT, duration_s=4.0)],
            [Fault(fault=FaultKind.DROP, probability=0.3, duration_s=3.0)],
            [Fault(fault=FaultKind.REORDER, probability=0.3, duration_s=3.0)],
            [Fault(fault=FaultKind.DUPLICATE, probability=0.3, duration_s=3.0)],
            [Fault(fault=FaultKind.DELAY, ms=300, jitter_ms=200, duration_s=3.0)],
            [Fault(fault=FaultKind.TRUNCATED_JSON, count=2)],
            [Fault(fault=FaultKind.REST_ERROR, paths=paths, methods="POST", count=2, status=400, code=-2019, reason="no margin")],
            [Fault(fault=FaultKind.REPLY_LOST, paths=paths, methods="POST", count=1, status=503)],
            [Fault(fault=FaultKind.REPLY_LOST, paths=paths, methods="POST", count=1, status=0)],
            [Fault(fault=FaultKind.LOST_EVENT, events="*", count=2)],
            [Fault(fault=FaultKind.PARTIAL_MARKET, share=0.5, count=2)],
            [Fault(fault=FaultKind.STALE_LISTING, ms=1500, duration_s=5.0)],
            [],
        ]
    )


class Ward:
    """One trader and its process. `lives`: how often it was begun."""

    def __init__(self, trader: Trader, folder: Path, environment: dict[str, str]) -> None:
        self.trader, self.environment = trader, environment
        self.data = folder / trader.name
        self.file = folder / f"{trader.name}.py"
        self.file.write_text(STRATEGY % {"symbol": f"{trader.venue}:{trader.symbol}", "size": trader.size})
        self.log = (folder / f"{trader.name}.log").open("ab")
        self.lives = self.kills = 0
        self.process: asyncio.subprocess.Process | None = None

    async def begin(self) -> None:
        self.lives += 1
        sets = [part for limit in LIMITS for part in ("--set", limit)]
        trade = ("trade", str(self.file), "--mode", self.trader.mode, "--data", str(self.data))
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hoga", *trade, *sets), env=dict(os.environ) | self.environment, stdout=self.log, stderr=self.log
        )

    async def end(self, number: signal.Signals) -> None:
        assert self.process is not None, "it was begun"
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.wait()

    async def prove(self) -> dict[str, Any]:
        prove = ("trade", str(self.file), "--verify", str(self.data), "--json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hoga", *prove), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        try:
            found: dict[str, Any] = json.loads(out)
        except ValueError:
            found = {"ok": False, "why": err.decode()[-500:]}
        return found


async def campaign(minutes: float, seed: int, folder: Path) -> list[tuple[Ward, dict[str, Any]]]:
    draws = random.Random(seed)
    venues = tuple(dict.fromkeys(each.venue for each in TRADERS))
    symbols = tuple(dict.fromkeys(each.symbol for each in TRADERS))
    async with Simulator(SimulatorConfig(venues=venues, symbols=symbols, seed=seed)) as simulator:
        wards = [Ward(each, folder, simulator.environment()) for each in TRADERS]
        for ward in wards:
            await ward.begin()
        until = time.monotonic() + minutes * 60
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, draws.uniform(2.0, 8.0)))
            for fault in mishaps(draws):
                simulator.inject(fault)
            victim = draws.choice(wards)
            ended = victim.process is not None and victim.process.returncode is not None
            if ended or draws.random() < 0.07:
                victim.kills += not ended
                await victim.end(signal.SIGKILL)
                await victim.begin()
        for ward in wards:
            await ward.end(signal.SIGTERM)
    return [(ward, await ward.prove()) for ward in wards]


def page(results: list[tuple[Ward, dict[str, Any]]], minutes: float, seed: int) -> str:
    lines = [
        "# The campaign of the proof",
        "",
        f"`python -m tests.campaign.proof --minutes {minutes:g} --seed {seed}`, {platform.machine()}, Python {sys.version.split()[0]}.",
        "",
        "| trader | lives | killed | entries of the tapes | records compared | decisions | differences | not proven |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for ward, found in results:
        unproven = "; ".join(
            f"life {each['life']}: {'its last turn' if each['cut'] else each['why']}" for each in found.get("unproven", [])
        )
        counts = " | ".join(str(found.get(name, "?")) for name in ("entries", "records", "decisions", "differences"))
        lines.append(f"| {ward.trader.name} | {ward.lives} | {ward.kills} | {counts} | {unproven or found.get('why', '-')} |")
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="hoga-proof-"))
    folder.mkdir(parents=True, exist_ok=True)
    results = asyncio.run(campaign(options.minutes, options.seed, folder))
    text = page(results, options.minutes, options.seed)
    print(text)
    for ward, found in results:
        if not found.get("ok"):
            print(ward.trader.name, json.dumps(found.get("first") or found, indent=1)[:3000])
    if options.save:
        options.save.write_text(text)
    ok = all(found.get("ok") for _, found in results)
    print(f"everything is in {folder}" if not ok else "every decision was decided again")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
