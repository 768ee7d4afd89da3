"""The campaign of the exit: it leaves positions of an exchange that fails, over real sockets, and is asked each time: flat, and how fast?

    python -m tests.campaign.flatten --runs 1000 --save docs/results/flatten.md

Each run has an exchange of its own, with a position (on spot: coins that the trader bought, beside the user's own), own orders of every
kind, a reduce-only order of the full size (whose like makes the venue refuse a close), a stop that closes the position, and a stranger's
order. In half of the runs no journal proves the position yet: the order that made it is open there, or has ended without its fills. Of all
answers a fifth are 5xx, of the orders a twentieth are done and then answered by nothing or a 5xx, half of all market orders are filled in
part. After the verdict the truth is read without faults.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from hoga.app.config import load_config
from hoga.app.private import credentials_of
from hoga.audit.recovery import KnownOrder
from hoga.core.market import Side
from hoga.core.trading import (
    AccountRead,
    FillUpdate,
    OpenOrders,
    OrderAccepted,
    OrderKind,
    OrderRequest,
    PositionSide,
    PositionsRead,
    TradesRead,
    signed,
)
from hoga.feed.private_wire import nonce
from hoga.flatten.account import ExitAccount
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.procedure import Exit
from hoga.flatten.report import ExitReport, Wanted
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.venues.registry import VENUES

BOTH = PositionSide.BOTH


class Case(NamedTuple):
    """A venue: a symbol, about how much, and where orders are sent."""

    venue: str
    symbol: str
    quantity: str
    order_path: str


CASES = (
    Case("binance-usdm", "BTCUSDT", "0.020", "/fapi/v1/order"),
    Case("binance", "BTCUSDT", "0.02000", "/api/v3/order"),
    Case("upbit", "KRW-BTC", "0.02000000", "/v1/orders"),
)
FAULTS = (
    Fault(fault=FaultKind.REST_ERROR, probability=0.2, status=503),
    Fault(fault=FaultKind.PARTIAL_MARKET, probability=0.5, share=0.4),
)


class Unready(Exception):
    """The scene could not be set: the machine is too busy. Nothing was tried."""


class Run(NamedTuple):
    """What one run came to: `wrong` is empty where all is as it should be."""

    report: ExitReport
    seconds: float
    wrong: str


async def run_one(case: Case, seed: int) -> Run:
    """One exit from one exchange."""
    chance = random.Random(f"{case.venue}/{seed}")
    async with Simulator(SimulatorConfig(venues=(case.venue,), symbols=(case.symbol,), seed=seed)) as simulator:
        config = load_config(None, overrides=[], environ=simulator.environment()).venue(case.venue)
        spec = VENUES[case.venue]
        assert spec.private is not None
        sign = spec.private.signer(credentials_of(config), nonce)

        def account() -> ExitAccount:
            return ExitAccount(spec, config.rest_url, sign, tls=None, jitter=chance.random)

        market = simulator.venues[case.venue].engine.market(case.symbol)
        witness, exiting = account(), account()
        await witness.open()
        await exiting.open()
        try:
            if not await witness.learn_rules():
                raise Unready("no rules")
            scene = await _prepare(case, witness, market.top.bid * market.instrument.tick_e8, chance)
        except Unready:
            await exiting.close()
            await witness.close()
            raise
        for fault in FAULTS:
            simulator.inject(fault)
        lost = {"probability": 0.05, "methods": "POST", "paths": f"{case.order_path}*"}
        simulator.inject(Fault(fault=FaultKind.REPLY_LOST, status=chance.choice((0, 503)), **lost))  # type: ignore[arg-type]
        began, told = time.monotonic(), []

        def write(kind: str, fields: dict[str, Any]) -> None:
            if kind == "emergency.trade":
                told.append(fields["q"] if fields["side"] == "B" else -fields["q"])

        going = Exit(exiting, scene.wanted, write=write, stop=lambda: time.monotonic() - began > 60)
        report = await asyncio.wait_for(going.run(), 90)
        seconds = time.monotonic() - began
        simulator.clear_faults()
        wrong = await _truth(case, witness, scene, report, told)
        await exiting.close()
        await witness.close()
        return Run(report, seconds, wrong)


class Scene(NamedTuple):
    """What lay there before: how much the trader has, how much is a stranger's, and when it began."""

    wanted: Wanted
    own: int
    strangers: int
    stranger_id: str
    began_ns: int


async def _prepare(case: Case, account: ExitAccount, bid_e8: int, chance: random.Random) -> Scene:
    rules, symbol = account.book.of(case.symbol), f"{case.venue}:{case.symbol}"
    bid = rules.price_down(rules.price(Decimal(bid_e8) / 10**8))
    futures, began_ns = account.has_positions, account.clock.time_ns()
    much = rules.quantity(Decimal(case.quantity)) * chance.randint(1, 3)
    side = chance.choice((Side.BUY, Side.SELL)) if futures else Side.BUY
    own: list[KnownOrder] = []

    async def place(client_id: str, **fields: object) -> OrderAccepted:
        known: dict[str, object] = {"client_id": client_id, "symbol": symbol, "side": side, "quantity": much}
        known |= fields
        event = await account.send(OrderRequest(**known))  # type: ignore[arg-type]
        if not isinstance(event, OrderAccepted):
            raise Unready(str(event))
        if client_id.startswith("hg-"):
            ends = {"reduce_only": bool(known.get("reduce_only") or known.get("close_position")), "kind": str(known.get("kind", ""))}
            ends["closes"] = bool(known.get("close_position"))
            letter = "B" if known["side"] is Side.BUY else "S"
            own.append(KnownOrder(id=client_id, symbol=symbol, state="LIVE", side=letter, quantity=much, **ends))  # type: ignore[arg-type]
        return event

    number = chance.randrange(10**9)
    before = await _held(account, rules.base)
    await place(f"hg-1-{number}-1", price=rules.price_up(bid * 102 // 100) if side is Side.BUY else rules.price_down(bid * 98 // 100))
    held = await _held(account, rules.base)
    far = rules.price_down(bid * 97 // 100)
    await place(f"hg-1-{number}-2", side=Side.BUY, price=far, quantity=much)
    await place(f"someone-{number}", side=Side.BUY, price=far, quantity=much)
    if futures:
        away = rules.price_up(bid * 103 // 100) if held > 0 else far
        closing = Side.SELL if held > 0 else Side.BUY
        await place(f"hg-1-{number}-3", side=closing, price=away, quantity=abs(held), reduce_only=True)
        trigger = rules.price_down(bid * 90 // 100) if held > 0 else rules.price_up(bid * 110 // 100)
        await place(f"hg-1-{number}-4", side=closing, kind=OrderKind.STOP, trigger=trigger, quantity=None, close_position=True)
    mine = held if futures else held - before
    proven = chance.choice((True, False))
    first = own[0]
    first.state = chance.choice(("LIVE", "FILLED", "CANCELED"))
    if first.state == "FILLED":
        first.told = much
    wanted = Wanted(
        scope=Scope.OWN,
        trader="hg",
        incident="campaign",
        run=account.clock.time_ns() // 1_000_000,
        symbols=(case.symbol,),
        own={(symbol, BOTH): Decimal(mine if proven else 0).scaleb(rules.size_power)},
        orders=tuple(own if not proven else own[1:]),
        size_powers={symbol: rules.size_power},
        prices={symbol: Decimal(bid).scaleb(rules.price_power)},
    )
    return Scene(wanted, mine, 0 if futures else before, f"someone-{number}", began_ns)


async def _held(account: ExitAccount, base: str) -> int:
    """The position, or how many coins there are, free or not."""
    if account.has_positions:
        read = await account.positions()
        if not isinstance(read, PositionsRead):
            raise Unready(read.why)
        return sum(each.quantity for each in read.positions)
    found = await account.balances()
    if not isinstance(found, AccountRead):
        raise Unready(found.why)
    power = next(account.book.of(name).size_power for name in account.book.names() if account.book.of(name).base == base)
    coins = [each for each in found.balances if each.currency == base]
    return sum(int((Decimal(each.free) + Decimal(each.locked)).scaleb(-power)) for each in coins)


async def _truth(case: Case, account: ExitAccount, scene: Scene, report: ExitReport, told: list[int]) -> str:
    """What is wrong, as the venue tells it once nothing fails any more; "" for nothing. `told`: the trades that the exit wrote down."""
    rules = account.book.of(case.symbol)
    while True:
        listing = await account.open_orders()
        try:
            left = await _held(account, rules.base)
        except Unready:
            continue
        if isinstance(listing, OpenOrders):
            break
    open_ids = {each.order.client_id for each in listing.orders}
    wrong = []
    if sum(told) != left - scene.strangers - scene.own:
        wrong.append(f"the journal tells of trades of {sum(told)}, and they were {left - scene.strangers - scene.own}")
    if report.verdict not in (Verdict.FLAT, Verdict.FLAT_WITH_DUST):
        wrong.append(f"verdict {report.verdict}: {report.why} {[leg.why for leg in report.legs]}")
    if not scene.strangers <= left < scene.strangers + rules.market_least:
        wrong.append(f"{left} are left, {scene.strangers} are the stranger's")
    if open_ids != {scene.stranger_id}:
        wrong.append(f"open orders: {sorted(open_ids)}")
    read = await account.trades(f"{case.venue}:{case.symbol}", scene.began_ns - 1_000_000_000)
    if isinstance(read, TradesRead) and account.has_positions and _turned(read.fills):
        wrong.append("the position was turned round")
    return "; ".join(wrong)


def _turned(fills: tuple[FillUpdate, ...]) -> bool:
    position, signs = 0, set()
    for fill in fills:
        position += signed(fill.side, fill.quantity)
        signs.add((position > 0) - (position < 0))
    return {1, -1} <= signs


async def campaign(case: Case, runs: int, *, at_once: int, first: int = 0) -> list[Run]:
    """So many runs, some at a time."""
    turn = asyncio.Semaphore(at_once)

    async def one(seed: int) -> Run:
        async with turn:
            while True:
                try:
                    return await run_one(case, seed)
                except Unready as fault:
                    print(f"seed {seed} again: {fault}", file=sys.stderr)

    return await asyncio.gather(*(one(first + seed) for seed in range(runs)))


def row(case: Case, runs: list[Run]) -> str:
    """One line of the table."""
    seconds = sorted(each.seconds for each in runs)
    good = sum(not each.wrong for each in runs)
    counts = [sum(each.report.orders for each in runs), sum(each.report.retries for each in runs)]
    times = [seconds[len(seconds) // 2], seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)], seconds[-1]]
    cells = [case.venue, f"{len(runs):,}", f"{good:,}", *(f"{each:.2f}" for each in times), *(f"{each:,}" for each in counts)]
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--venue", default="")
    parser.add_argument("--save", type=Path)
    wanted = parser.parse_args()
    lines = [
        "# The campaign of the exit",
        "",
        "`make faults`: `hoga flatten`'s procedure against exchanges of which 20 % of all answers are 503, 5 % of all orders are done and",
        "answered by nothing or a 503, half of all market orders are filled in part, and a reduce-only order of the full size rests. Good:",
        "the verdict is FLAT, the venue says the same, the stranger's order and coins are there, no own order rests, and the position was",
        "never turned round.",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}; "
        f"{wanted.at_once} runs at once.",
        "",
        "| venue | runs | good | median, s | p99, s | longest, s | closing orders | calls made again |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines), flush=True)
    fine = True
    for case in CASES:
        if wanted.venue not in ("", case.venue):
            continue
        runs = asyncio.run(campaign(case, wanted.runs, at_once=wanted.at_once))
        lines.append(row(case, runs))
        print(lines[-1], flush=True)
        for seed, each in enumerate(runs):
            if each.wrong:
                fine = False
                print(f"seed {seed}: {each.wrong}", file=sys.stderr)
    if wanted.save:
        wanted.save.write_text("\n".join(lines) + "\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
