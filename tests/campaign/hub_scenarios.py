"""Charts, a scanner, a slow logger and a switching chart for minutes on two simulated venues that are cut, stalled and refused:
no event lost without a word, none twice, none uncounted.

    python -m tests.campaign.hub_scenarios --minutes 10 --save docs/results/hub-scenarios.md

What is checked, of every component: a trade comes once and in order; where trade ids have a hole, `on_status` told of the connection
meanwhile, or the consumer's own policy counted the drop, or the venue itself had left the trades out; a symbol that was left brings
nothing more; accepted = delivered + dropped + waiting + the one in the callback's hands.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic

import hoga
from hoga.app.config import load_config
from hoga.app.hub import wires_of
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.routing import Delivery, Overflow
from hoga.simulator import Fault, FaultKind, Simulator, SimulatorConfig
from hoga.venues.registry import VENUES

SYMBOLS = {
    "binance": ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "ADAUSDT"],
    "upbit": ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL"],
}
LEFT_OUT: list[tuple[str, float, float]] = []
"""(venue, begin, end) of the times in which a simulated venue sent nothing of what happened."""
CONTIGUOUS = {"binance"}
"""Venues whose trade ids leave none out."""


@dataclass
class Widget:
    """A component that remembers what it was told. `moves`: how many connection events it had heard when each trade came."""

    name: str
    pause_s: float = 0.0
    told: Counter[str] = field(default_factory=Counter)
    trades: dict[str, list[tuple[int, int, float]]] = field(default_factory=dict)
    strays: int = 0
    in_hand: int = 0
    wanted: set[str] = field(default_factory=set)

    async def on_event(self, event: hoga.BaseWebSocketEvent) -> None:
        if event.symbol not in self.wanted:
            self.strays += 1
        if isinstance(event, hoga.TradeEvent) and event.trade_id is not None:
            self.trades.setdefault(f"{event.venue} {event.symbol}", []).append((int(event.trade_id), self.told[event.venue], monotonic()))
        if self.pause_s:
            self.in_hand = 1
            await asyncio.sleep(self.pause_s)
            self.in_hand = 0

    def on_status(self, event: object) -> None:
        venue = getattr(event, "venue", "")
        self.told[venue] += 1

    def faults(self, *, may_drop: bool) -> Counter[str]:
        """What is wrong with what it was told."""
        found: Counter[str] = Counter(strays=self.strays)
        for stream, trades in self.trades.items():
            venue = stream.partition(" ")[0]
            for (one, heard, since), (other, now, until) in pairwise(trades):
                found["twice or back"] += other <= one
                hole = other > one + 1 and venue in CONTIGUOUS and heard == now
                left_out = any(since <= end and begin <= until for name, begin, end in LEFT_OUT if name == venue)
                found["lost without a word"] += hole and not may_drop and not left_out
        return found


async def register(manager: GlobalWebSocketManager, widget: Widget, symbols: list[str], venue: str, **policy: object) -> None:
    widget.wanted |= set(symbols)
    kinds = (hoga.DataType.TRADE, hoga.DataType.TICKER)
    wishes = [hoga.SubscriptionSpec(kind, symbols, venue=venue) for kind in kinds]
    await manager.register_component(widget.name, widget, wishes, widget.on_event, on_status=widget.on_status, **policy)
    widget.wanted &= set(symbols)


async def switch(manager: GlobalWebSocketManager, make: random.Random, end: float) -> tuple[int, Counter[str]]:
    """A chart that shows one symbol after the other; each showing is judged by itself."""
    found: Counter[str] = Counter()
    showings = 0
    while monotonic() < end:
        venue = make.choice(list(SYMBOLS))
        widget = Widget("switching")
        await register(manager, widget, [make.choice(SYMBOLS[venue])], venue)
        await asyncio.sleep(make.choice((0.1, 0.5, 2.0, 5.0)))
        found += widget.faults(may_drop=False)
        showings += 1
    await manager.unregister_component("switching")
    return showings, found


async def come_and_go(manager: GlobalWebSocketManager, make: random.Random, end: float) -> int:
    """Components that are registered, and dropped or unregistered a moment later."""
    count = 0
    while monotonic() < end:
        venue = make.choice(list(SYMBOLS))
        widget = Widget(f"guest-{count % 7}")
        await register(manager, widget, make.sample(SYMBOLS[venue], 2), venue)
        await asyncio.sleep(make.uniform(0.0, 1.0))
        if count % 2:
            await manager.unregister_component(widget.name)
        del widget
        count += 1
    return count


async def hurt(sims: dict[str, Simulator], make: random.Random, end: float) -> Counter[str]:
    """One trouble every few seconds, each over before the end."""
    did: Counter[str] = Counter()
    while monotonic() < end - 15.0:
        await asyncio.sleep(make.uniform(3.0, 10.0))
        fault = make.choice(
            (
                Fault(fault=FaultKind.CLOSE, code=1006, count=1),
                Fault(fault=FaultKind.CLOSE, code=1001, count=1),
                Fault(fault=FaultKind.HALF_OPEN, duration_s=2.0),
                Fault(fault=FaultKind.SILENT, duration_s=2.0),
                Fault(fault=FaultKind.REFUSE, status=503, duration_s=2.0, count=2),
                Fault(fault=FaultKind.REFUSE_SUBSCRIBE, count=1),
                Fault(fault=FaultKind.GARBAGE, count=3),
            )
        )
        venue = make.choice(list(sims))
        sims[venue].inject(fault)
        if fault.fault is FaultKind.SILENT:
            LEFT_OUT.append((venue, monotonic(), monotonic() + 3.0))
        did[str(fault.fault)] += 1
    return did


async def play(minutes: float, seed: int) -> list[str]:
    make = random.Random(seed)
    sims = {venue: Simulator(SimulatorConfig(venues=(venue,), symbols=tuple(symbols), seed=seed)) for venue, symbols in SYMBOLS.items()}
    for sim in sims.values():
        await sim.start()
    settings = [f"{venue}.{key}={url}" for venue, sim in sims.items() for key, url in (("WS_URL", sim.ws_url), ("REST_URL", sim.rest_url))]
    manager = GlobalWebSocketManager(wires_of(load_config(None, overrides=settings, environ={})), VENUES)
    manager.start()
    steady = {venue: Widget(f"steady-{venue}") for venue in SYMBOLS}
    slow = {venue: Widget(f"slow-{venue}", pause_s=0.2) for venue in SYMBOLS}
    for venue, symbols in SYMBOLS.items():
        await register(manager, steady[venue], symbols, venue, capacity=100_000)
        await register(manager, slow[venue], symbols, venue, capacity=50, overflow=Overflow.DROP_OLDEST, delivery=Delivery.LOOP)
    end = monotonic() + minutes * 60
    (showings, switched), guests, did = await asyncio.gather(
        switch(manager, make, end), come_and_go(manager, make, end), hurt(sims, make, end)
    )
    await asyncio.sleep(3.0)
    stats = {each.component_id: each for each in manager.get_routing_statistics().by_consumer.values()}
    lines = [f"{showings} showings of a chart that switches, {guests} guests; troubles: {dict(did)}"]
    bad: Counter[str] = Counter(switched)
    for widget in (*steady.values(), *slow.values()):
        each = stats[widget.name]
        faults = widget.faults(may_drop=each.dropped > 0)
        faults["uncounted"] = each.accepted - each.delivered - each.dropped - each.waiting - widget.in_hand
        trades = sum(map(len, widget.trades.values()))
        lines.append(
            f"{widget.name}: {each.accepted} accepted = {each.delivered} delivered + {each.dropped} dropped + {each.waiting} waiting; "
            f"{trades} trades, {sum(widget.told.values())} times told of a connection; {dict(+faults) or 'nothing wrong'}"
        )
        bad += faults
        if not trades:
            bad["heard nothing"] += 1
    left = {name for name in stats if not name.startswith(("steady", "slow"))} - {f"guest-{number}" for number in range(7)}
    bad["leftovers"] += len(left)
    lines.append("green" if not +bad else f"NOT GREEN: {dict(+bad)}")
    await manager.stop()
    for sim in sims.values():
        await sim.stop()
    return lines


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--save", type=Path)
    given = arguments.parse_args()
    lines = asyncio.run(play(given.minutes, given.seed))
    text = "\n".join(lines)
    print(text)
    if given.save is not None:
        command = f"python -m tests.campaign.hub_scenarios --minutes {given.minutes:g} --seed {given.seed}"
        head = f"# Hub scenarios\n\n`{command}`, hoga {hoga.__version__}, Python {platform.python_version()}.\n\n"
        given.save.write_text(head + "".join(f"- {line}\n" for line in lines), encoding="utf-8")
    return 0 if lines[-1] == "green" else 1


if __name__ == "__main__":
    sys.exit(main())
