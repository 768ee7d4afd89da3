"""app.drill.campaign: cases run, some at a time, each against a simulated exchange and in a folder of its own.

simulator (in this process) ◀── trader (its own process): lives, or dies at a record
                            ◀── a second one, or the emergency exit, in the same folder
                            ──▶ truth ──▶ judge
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import shutil
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from hoga.app.config import load_config
from hoga.app.drill.cases import Case, cases_of
from hoga.app.drill.judge import NEAR, Truth, crossings, judged, known_after_s
from hoga.app.drill.victim import END_FILE, Orders, live
from hoga.app.exit import leave
from hoga.audit.chain import Record
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.reading import Walk
from hoga.core.trading import PositionSide
from hoga.flatten.plan import Scope
from hoga.runtime.patience import within
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.arenas import Arena
from hoga.simulator.faults import Fault
from hoga.simulator.fills import AccountFill, fills_of

__all__ = ["CaseResult", "run_cases", "run_drill", "work_of"]

_AT_ONCE = 6
_ACCOUNT = "main"
_KNOWN_S = 5.0
_SETTLED_S = 30.0
_DIES_WITHIN_S = 30.0
_LIVES_S = 3.0
_EXIT_S = 60.0
_STOPS_S = 20.0
_KILL_S = 30.0


class CaseResult(msgspec.Struct, kw_only=True):
    """What came of a case. `failed` of `runs`, and `why`, once each. `known_s`, `flat_s`: the longest that it took."""

    name: str
    runs: int = 0
    failed: int = 0
    why: list[str] = []
    known_s: float | None = None
    flat_s: float | None = None


async def run_drill(
    arenas: tuple[Arena, ...],
    *,
    rounds: int,
    seed: int,
    folder: Path,
    tell: Callable[[CaseResult], object],
    only: frozenset[str] = frozenset(),
) -> list[CaseResult]:
    """All cases everywhere, `rounds` times each, in an order that `seed` gives; see `run_cases`. `only`: those of these names."""
    work = work_of(arenas, rounds, only)
    results = await run_cases(random.Random(seed).sample(work, len(work)), seed=seed, folder=folder, tell=tell)
    names = [_name(arena, case) for arena, case in work_of(arenas, 1)]
    return sorted(results, key=lambda result: names.index(result.name))


def work_of(arenas: tuple[Arena, ...], rounds: int, only: frozenset[str] = frozenset()) -> list[tuple[Arena, Case]]:
    """What is to be done where, `rounds` times; `only`: the cases of these names, "": all."""
    return [(arena, case) for arena in arenas for case in cases_of(rounds, hedge=arena.hedge is not None) if not only or case.name in only]


async def run_cases(
    work: list[tuple[Arena, Case]],
    *,
    seed: int,
    folder: Path,
    tell: Callable[[CaseResult], object],
    dies_within_s: float = _DIES_WITHIN_S,
    known_within_s: float = _KNOWN_S,
) -> list[CaseResult]:
    """Run cases, some at a time, below `folder`, where only failed ones leave something. `tell` is given each one's figures as they
    become. A trader that has not died `dies_within_s` after its start has failed, and one that does not know its orders `known_within_s`
    after it."""
    results = {name: CaseResult(name=name) for name in (_name(arena, case) for arena, case in work)}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hoga.app.drill.victim"])
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, arena: Arena, case: Case) -> None:
        async with turns:
            result, data = results[_name(arena, case)], folder / f"{number:04}"
            run = _Run(arena, case, data, seed + number, context, dies_within_s, known_within_s)
            try:
                why = await run.do()
            except (OSError, RuntimeError, ValueError) as fault:
                why = [f"{type(fault).__name__}: {fault}"]
            result.runs += 1
            result.known_s = _most(result.known_s, run.known_s)
            result.flat_s = _most(result.flat_s, run.flat_s)
            if why:
                result.failed += 1
                result.why += [f"{each} ({data})" for each in why]
            else:
                await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
            tell(result)

    await asyncio.gather(*(one(number, arena, case) for number, (arena, case) in enumerate(work)))
    return list(results.values())


def _name(arena: Arena, case: Case) -> str:
    return f"{arena.venue}: {case.name}"


def _most(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


async def _end_of(process: Any, patience_s: float) -> int | None:
    """Its exit status; None for one that had to be killed."""
    if await _ends_within(process, patience_s):
        code: int | None = process.exitcode
        return code
    process.kill()
    await _ends_within(process, _KILL_S)
    return None


async def _ends_within(process: Any, seconds: float) -> bool:
    """Whether it ended in time. How, only the loop's own thread may ask: a fork server says it once, and of two who ask at the same
    time (to start a process is to ask for all of them) the second one learns nothing."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await within(ended.wait(), seconds)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    return True


class _Run:
    """One case, once."""

    def __init__(self, arena: Arena, case: Case, data: Path, seed: int, context: Any, dies_within_s: float, known_within_s: float) -> None:
        self._arena = arena
        self._case = case
        self._data = data
        self._seed = seed
        self._context = context
        self._dies_within_s = dies_within_s
        self._known_within_s = known_within_s
        self.known_s: float | None = None
        self.flat_s: float | None = None

    async def do(self) -> list[str]:
        """What is wrong afterwards."""
        arena = self._arena
        config = SimulatorConfig(venues=(arena.venue,), symbols=(arena.symbol,), seed=self._seed)
        async with Simulator(config) as simulator:
            venue = simulator.venues[arena.venue]
            before = len(venue.account(_ACCOUNT)["open_orders"])
            what, params = arena.stranger
            if self._case.hedge:
                assert arena.hedge is not None, "such cases are of venues that have the mode"
                venue.act(_ACCOUNT, *arena.hedge[:2])
                params = {**params, **arena.hedge[2]}
            venue.act(_ACCOUNT, what, params)
            if self._case.flatten:
                wrong = await self._flatten(simulator)
            else:
                wrong = await self._go_on(simulator)
            await asyncio.sleep(0.2)
            left = len(venue.account(_ACCOUNT)["open_orders"])
            return wrong + ([] if left == before + 1 else [f"{left - before} orders rest where only somebody else's should"])

    # -- a trader dies, or is lied to, and another one goes on ---------------------------------------------------------

    async def _go_on(self, simulator: Simulator) -> list[str]:
        if self._case.death is not None:
            code = await self._trader(simulator, death=self._case.death, seconds=self._dies_within_s)
            if code != -signal.SIGKILL or not self._died():
                return [f"it was to die at {self._case.death.name} and ended with {code}: {self._last_words()}"]
        else:
            trader = self._begin(simulator, seconds=_LIVES_S)
            await self._until_traded(simulator)
            for fault in self._case.faults:
                simulator.inject(msgspec.convert(fault, Fault))
            code = await _end_of(trader, _LIVES_S + _STOPS_S)
            if code != 0:
                return [f"the trader ended with {code}: {self._last_words()}"]
            simulator.clear_faults()
        began = time.monotonic()
        code = await self._trader(simulator, until_held=True, seconds=_SETTLED_S)
        settled_s = time.monotonic() - began
        records, broken = self._journal()
        if code != 0:
            return [f"the trader after it ended with {code}: {self._last_words()}"]
        end = msgspec.json.decode((self._data / END_FILE).read_bytes())
        wrong = broken
        for leg, wanted in self._orders(simulator, seconds=0.0).wanted.items():
            name = "" if leg is PositionSide.BOTH else leg.value
            held = Decimal(end["held"].get(f"{self._arena.name}/{name}" if name else self._arena.name, "0"))
            wrong += judged(self._truth(simulator, name), records, held=held, wanted=wanted, leg=name)
        self.known_s = known_after_s(records)
        if self.known_s is None or self.known_s > self._known_within_s:
            wrong.append(f"orders and positions were known after {self.known_s} s; {self._known_within_s:g} s are allowed")
        if settled_s > _SETTLED_S:
            wrong.append(f"it took {settled_s:.1f} s to hold what it should")
        return wrong

    # -- the exit --------------------------------------------------------------------------------------------------------

    async def _flatten(self, simulator: Simulator) -> list[str]:
        trader = self._begin(simulator, seconds=_EXIT_S + _LIVES_S)
        try:
            await self._until_traded(simulator)
            for fault in self._case.faults:
                simulator.inject(msgspec.convert(fault, Fault))
            began, before = time.monotonic(), {leg: len(self._trades(simulator, leg)) for leg in self._legs}
            config = load_config(None, overrides=[], environ=simulator.environment(), data_dir=self._data)
            deadline = began + _EXIT_S
            report = await leave(
                config.venue(self._arena.venue),
                self._data,
                scope=Scope.OWN,
                symbols=(self._arena.symbol,),
                tell=lambda text: None,
                stop=lambda: time.monotonic() > deadline,
            )
            self.flat_s = time.monotonic() - began
            simulator.clear_faults()
            await asyncio.sleep(1.0)
        finally:
            if trader.is_alive():
                trader.terminate()
            await _end_of(trader, 10.0)
        wrong = [] if report.verdict in ("FLAT", "FLAT_WITH_DUST") else [f"the verdict is {report.verdict}: {report.why}"]
        for leg, known in before.items():
            trades, position = self._trades(simulator, leg), self._position(simulator, leg)
            if abs(position) > Decimal(self._arena.size) * NEAR:
                wrong.append(f"a{f' {leg}' if leg else ''} position of {position} is left")
            if crossings(sum(trades[:known], Decimal(0)), trades[known:]):
                wrong.append("the position went through 0 to the other side")
        return wrong + self._journal()[1]

    async def _until_traded(self, simulator: Simulator) -> None:
        end = time.monotonic() + _DIES_WITHIN_S
        while not all(self._trades(simulator, leg) for leg in self._legs):
            if time.monotonic() > end:
                raise RuntimeError(f"the trader has no position after {_DIES_WITHIN_S:g} s: {self._last_words()}")
            await asyncio.sleep(0.02)

    # -- what is there ---------------------------------------------------------------------------------------------------

    @property
    def _legs(self) -> tuple[str, ...]:
        return ("long", "short") if self._case.hedge else ("",)

    def _orders(self, simulator: Simulator, **more: Any) -> Orders:
        arena, hedge = self._arena, self._case.hedge
        return Orders(data=str(self._data), environment=simulator.environment(), symbol=arena.name, size=arena.size, hedge=hedge, **more)

    def _begin(self, simulator: Simulator, **more: Any) -> Any:
        process = self._context.Process(target=live, args=(self._orders(simulator, **more),), name="drill", daemon=True)
        process.start()
        return process

    async def _trader(self, simulator: Simulator, **more: Any) -> int | None:
        return await _end_of(self._begin(simulator, **more), more["seconds"] + _STOPS_S)

    def _fills(self, simulator: Simulator, leg: str) -> list[AccountFill]:
        state = simulator.venues[self._arena.venue].account(_ACCOUNT)
        return [fill for fill in fills_of(state) if (fill.symbol, fill.leg) == (self._arena.symbol, leg)]

    def _trades(self, simulator: Simulator, leg: str) -> list[Decimal]:
        return [fill.quantity for fill in self._fills(simulator, leg)]

    def _position(self, simulator: Simulator, leg: str) -> Decimal:
        return sum((fill.quantity - fill.taken for fill in self._fills(simulator, leg)), Decimal(0))

    def _truth(self, simulator: Simulator, leg: str) -> Truth:
        placed = tuple(each.client_id for each in simulator.orders_seen(self._arena.venue) if each.does == "place" and each.client_id)
        return Truth(placed=placed, trades=tuple(self._trades(simulator, leg)), position=self._position(simulator, leg))

    def _journal(self) -> tuple[list[Record], list[str]]:
        walk = Walk(self._data / JOURNAL_FOLDER)
        records = list(walk.records())
        return records, [f"{fault.file}:{fault.line}: {fault.kind}: {fault.detail}" for fault in walk.faults if fault.kind != "torn"]

    def _died(self) -> bool:
        """Whether the trader was at its last record when it ended, and not at an end of its own."""
        return not (self._data / END_FILE).exists()

    def _last_words(self) -> str:
        try:
            lines = (self._data / "trader.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "it said nothing"
        return " / ".join(lines[-3:]) or "it said nothing"
