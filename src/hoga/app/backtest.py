"""app.backtest: a strategy on what was recorded: from a configuration and a span of time to a journal, the same for the same input.

    archive ─▶ history.market ─▶ trading.backtest (engine, timers, trading.paper) ─▶ journal in a folder that is named by its inputs

Nothing here reads a clock, asks an account, or waits. What the result depends on is hashed, and the hash names the folder: the source
of the strategy, its parameters, the settings in force, the rules, the span, and the records (by the checksums of their segments).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga import __version__
from hoga.app.before import Before, recorded_before
from hoga.app.config import Config, VenueConfig
from hoga.app.known_rules import KnownRules, rules_known
from hoga.app.paper import paper_settings
from hoga.app.trading import Chosen, TradeEnd, about_run, end_of, strategies_of
from hoga.app.workers import done_now
from hoga.archive.form.discover import Found, discover
from hoga.archive.form.discover import venue_of as venue_of_folder
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look
from hoga.archive.read.openminute import days_with_open
from hoga.archive.read.stretches import find_stretches
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.log import AuditLogger, Durability
from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake
from hoga.core.market import DataType
from hoga.core.times import SECOND_NS, day_of, day_start_ns, iso_of
from hoga.core.trading import Capabilities, ExecutionEvent
from hoga.history.asking import AskedSeries
from hoga.history.market import Damage, MarketSeries, Recorded, market_chunks, recorded_of
from hoga.runtime.clock import ManualClock
from hoga.trading.backtest import Backtest
from hoga.trading.blocks import Chunk
from hoga.trading.engine import Restored
from hoga.trading.limits import Limits
from hoga.trading.making import BEGIN, Making, make_engine
from hoga.trading.paper import PaperExchange, PaperSettings
from hoga.trading.ports import ReadBars, Tell
from hoga.trading.strategy import Strategy
from hoga.venues.registry import VENUES

__all__ = ["BACKTEST_FOLDER", "BacktestEnd", "BacktestPlan", "BacktestRun", "Grade", "backtest", "open_run", "plan_backtest"]

BACKTEST_FOLDER = "backtests"
_FOREVER = 2**63 - 1
_NAME_DIGITS = 12
_MODE = "backtest"
_NO_LIVES = Restored(orders=[], shares=[], trades={}, days={}, powers={}, since_ns=0)


class Grade(StrEnum):
    """What orders were filled by: the further down, the less is known of what they would have got."""

    BOOKS = "books"
    TRADES = "trades"
    BARS = "bars"


class BacktestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run over the past will be. `rules`: of each symbol, and where they are from; `settings`: of each venue's paper account.

    `asks`: the bars that the strategies ask of before the start; `before`: the trades that they are made of.
    """

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]
    rules: dict[str, KnownRules]
    settings: dict[str, PaperSettings]
    recorded: Recorded
    start_ns: int
    end_ns: int
    grade: Grade
    folder: Path
    inputs: dict[str, Any]
    extent: tuple[int, int]
    trader: str
    on_fault: str
    flatten_on_stop: bool
    name: str
    asked: tuple[str, ...]
    given: dict[str, dict[str, str]]
    before: Recorded
    asks: tuple[ReadBars, ...] = ()


class BacktestEnd(TradeEnd, frozen=True, kw_only=True):
    """What it came to. `events`: of the market. `damage`: pieces of the recording that could not be read. `notes`: what a reader of the
    figures must know."""

    grade: str
    start: str
    end: str
    events: int
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_backtest(
    config: Config,
    strategy: str,
    symbols: tuple[str, ...],
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    params: Mapping[str, str] | None = None,
    ask: bool = True,
) -> BacktestPlan:
    """What a run over the past will be, with this configuration. `ask`: whether venues may be asked for rules that nobody kept.

    Raises ConfigError for what cannot be meant, ArchiveError for what cannot be read.
    """
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    if low >= high:
        raise _mistake("--end", iso_of(high), f"a time after --start, {iso_of(low)}")
    chosen = strategies_of(config, strategy, symbols, params)
    found = _found(config.venue(name) for name in chosen.symbols)
    days = days_with_open(found, lambda day: True)
    names = [symbol for each in chosen.symbols.values() for symbol in each]
    whose = {config.venue(name).directory(kind).absolute(): name for name in chosen.symbols for kind in _KINDS}

    def whose_is(day: SeriesDay) -> str:
        return whose.get(day.directory, venue_of_folder(day.directory))

    recorded = recorded_of(names, days, found.journals, whose_is, (low, high))
    for symbol in names:
        _require_recorded(symbol, recorded, days, found, (low, high))
    rules: dict[str, KnownRules] = {}
    records = [_records_of(each, day) for each in recorded.series for day in each.days]
    for name, each in chosen.symbols.items():
        rules |= _rules(config.venue(name), each, recorded, ask=ask)
    grade = Grade.BOOKS
    paper = {name: paper_settings(config.venue(name), {each: chosen.limits[each] for each in of}) for name, of in chosen.symbols.items()}
    first = config.venue(next(iter(chosen.symbols)))
    flatten_on_stop = any(config.venue(name).on_stop == "flatten" for name in chosen.symbols)
    asks: tuple[ReadBars, ...] = ()
    before = Recorded([], tuple(found.journals), {})
    if start_ns is not None:
        again = strategies_of(config, strategy, symbols, params)  # they are set up to see what they ask of before, and then let go
        probe = make_engine(_making(again, rules, first, low, flatten_on_stop=flatten_on_stop, asked=symbols), again.strategies, _NO_LIVES)
        asks = tuple(probe.asks_of_before(low))
        before = recorded_before(asks, days, found.journals, whose_is, low)
    inputs = {
        "hoga": __version__,
        "strategy": [(key, dict(each.p.items())) for key, each in chosen.strategies],
        "source": _source_of(chosen.strategies),
        "symbols": names,
        "limits": {symbol: msgspec.to_builtins(each) for symbol, each in chosen.limits.items()},
        "rules": {symbol: msgspec.to_builtins(each.rules) for symbol, each in rules.items()},
        "paper": {name: msgspec.to_builtins(each) for name, each in paper.items()},
        "trader": [first.trader, first.on_fault, flatten_on_stop],
        "span": [start_ns, end_ns],
        "grade": grade.value,
        "records": [each.told for each in records],
        "before": [_records_of(each, day).told for each in before.series for day in each.days],
    }
    digest = hashlib.sha256(msgspec.json.encode(inputs, order="deterministic", enc_hook=str)).hexdigest()[:_NAME_DIGITS]
    label = type(chosen.strategies[0][1]).__name__.lower()
    return BacktestPlan(
        strategies=chosen.strategies,
        symbols=chosen.symbols,
        limits=chosen.limits,
        rules=rules,
        settings=paper,
        recorded=recorded,
        start_ns=low,
        end_ns=high,
        grade=grade,
        folder=config.program.data_dir / BACKTEST_FOLDER / f"{label}-{digest}",
        inputs=inputs,
        extent=(
            max(low, min((each.from_ns for each in records), default=low)),
            min(high, max((each.to_ns for each in records), default=high)),
        ),
        trader=first.trader,
        on_fault=first.on_fault,
        flatten_on_stop=flatten_on_stop,
        name=chosen.name,
        asked=symbols,
        given=chosen.given,
        before=before,
        asks=asks,
    )


def _making(
    chosen: Chosen, rules: Mapping[str, KnownRules], first: VenueConfig, now_ns: int, *, flatten_on_stop: bool, asked: tuple[str, ...]
) -> Making:
    return Making(
        version=__version__,
        mode=_MODE,
        now_ns=now_ns,
        trader=first.trader,
        boot=0,
        flatten_on_stop=flatten_on_stop,
        on_fault=first.on_fault,
        limits=chosen.limits,
        rules={symbol: known.rules for symbol, known in rules.items()},
        capabilities={name: _capabilities(name) for name in chosen.symbols},
        strategy=chosen.name,
        symbols=asked,
        given=chosen.given,
        keys=tuple(key for key, _ in chosen.strategies),
    )


def backtest(
    plan: BacktestPlan,
    *,
    on_progress: Callable[[int, int], object] = lambda at_ns, events: None,
    on_tell: Callable[[Tell, int], object] = lambda tell, at_ns: None,
    stop_at_damage: bool = False,
) -> BacktestEnd:
    """Run it. `on_progress(at_ns, events)`: is told now and then how far it is; `on_tell`: of each line for people. `stop_at_damage`: what
    cannot be read of the recording ends it; else it is told, and the run goes on behind it.

    Raises ArchiveError, SegmentCorrupt for what cannot be read, OSError for a journal that cannot be written.
    """
    working = plan.folder.with_name(f"{plan.folder.name}.part{os.getpid()}")
    shutil.rmtree(working, ignore_errors=True)
    clock = ManualClock(0)
    log = AuditLogger(working / JOURNAL_FOLDER, durability=Durability.REPLAY, clock=clock, about=_about(plan))
    try:
        run = open_run(plan, log.append, on_begin=lambda at_ns: _open(log, clock, at_ns), on_tell=on_tell, stop_at_damage=stop_at_damage)
        for chunk in run.chunks:
            run.take(chunk)
            on_progress(chunk.stamps[-1], run.events)
        end = run.finish()
        clock.set_wall(run.backtest.now_ns)
        log.close()
        if plan.folder.exists():
            shutil.rmtree(plan.folder)
        working.rename(plan.folder)
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    return end


def _about(plan: BacktestPlan) -> dict[str, object]:
    fills = {name: msgspec.to_builtins(each) for name, each in plan.settings.items()}
    return about_run(_MODE, plan.strategies, grade=plan.grade.value, fill_model=fills)


def _open(log: AuditLogger, clock: ManualClock, at_ns: int) -> None:
    clock.set_wall(at_ns)
    log.open()


def open_run(
    plan: BacktestPlan,
    write: Callable[[str, Mapping[str, object], int], bool],
    *,
    on_begin: Callable[[int], object] = lambda at_ns: None,
    on_tell: Callable[[Tell, int], object] = lambda tell, at_ns: None,
    stop_at_damage: bool = False,
) -> BacktestRun:
    """A run that is ready for its first record, whose records `write` keeps. `on_begin(at_ns)`: is told before the first of these.

    Raises ArchiveError where there is nothing, SegmentCorrupt as `backtest`.
    """
    damage: list[Damage] = []
    rules = {symbol: known.rules for symbol, known in plan.rules.items()}
    chunks = market_chunks(
        plan.recorded, rules, start_ns=plan.start_ns, end_ns=plan.end_ns, on_damage=None if stop_at_damage else damage.append
    )
    first = next(chunks, None)
    if first is None:
        raise ArchiveError(plan.folder.parent.parent, "nothing was recorded in that time")
    on_begin(first.stamps[0])
    return BacktestRun(plan, write, first.stamps[0], chain((first,), chunks), damage, on_tell)


class BacktestRun:
    """One engine, its exchanges, and the records that it will see: `take` each of `chunks`, then `finish`. `events`: so many so far."""

    def __init__(
        self,
        plan: BacktestPlan,
        write: Callable[[str, Mapping[str, object], int], bool],
        at_ns: int,
        chunks: Iterable[Chunk],
        damage: list[Damage],
        on_tell: Callable[[Tell, int], object],
    ) -> None:
        self.plan = plan
        self.start_ns = at_ns
        self.chunks = chunks
        self.events = 0
        self._damage = damage
        rules = {symbol: known.rules for symbol, known in plan.rules.items()}
        making = Making(
            version=__version__,
            mode=_MODE,
            now_ns=at_ns,
            trader=plan.trader,
            boot=0,
            flatten_on_stop=plan.flatten_on_stop,
            on_fault=plan.on_fault,
            limits=plan.limits,
            rules=rules,
            capabilities={name: _capabilities(name) for name in plan.symbols},
            strategy=plan.name,
            symbols=plan.asked,
            given=plan.given,
            keys=tuple(key for key, _ in plan.strategies),
        )
        write(BEGIN, msgspec.to_builtins(making), at_ns)
        engine = make_engine(making, plan.strategies, _NO_LIVES)
        said: list[Callable[[ExecutionEvent], None]] = []

        def deliver(event: ExecutionEvent) -> None:
            said[0](event)

        exchanges = {
            name: PaperExchange(
                name,
                {symbol: rules[symbol] for symbol in symbols},
                _capabilities(name),
                plan.settings[name],
                deliver,
            )
            for name, symbols in plan.symbols.items()
        }
        self.before = Before(plan.asks, plan.before, rules, plan.start_ns)
        self.backtest = Backtest(engine, exchanges, write=write, tell=on_tell, bars=self.before, work=done_now)
        said.append(self.backtest.deliver)
        self.backtest.begin(at_ns)

    def take(self, chunk: Chunk) -> None:
        """The next records."""
        self.backtest.take_chunk(chunk)
        self.events += len(chunk.stamps)

    def finish(self) -> BacktestEnd:
        """There are no more."""
        run, plan, damage = self.backtest, self.plan, self._damage
        end_ns = min(plan.end_ns, run.now_ns + SECOND_NS)
        done = run.end(end_ns)
        end = end_of(run.engine, journal=plan.folder / JOURNAL_FOLDER, mode=_MODE, done=done)
        return BacktestEnd(
            **{name: getattr(end, name) for name in end.__struct_fields__ if name != "ok"},
            ok=end.ok and not damage and not self.before.damage,
            grade=plan.grade.value,
            start=iso_of(self.start_ns),
            end=iso_of(end_ns),
            events=self.events,
            damage=tuple(_told(each) for each in (*self.before.damage, *damage)),
            notes=tuple(f"rules of {symbol}: {known.source}" for symbol, known in plan.rules.items()),
        )


def _told(damage: Damage) -> str:
    return f"{damage.symbol} {damage.kind} {iso_of(damage.from_ns)} to {iso_of(damage.to_ns)}: {damage.why}"


# -- what is there ------------------------------------------------------------------------------------------------

_KINDS = ("orderbook", "execution", "quote", "mark", "candle", "delta", "snapshot")


def _found(configs: Iterable[VenueConfig]) -> Found:
    """Everything in the folders of some venues. Raises ConfigError where there is none."""
    folders: dict[Path, None] = {}
    for config in configs:
        for kind in _KINDS:
            folders[config.directory(kind).absolute()] = None
    there = [folder for folder in folders if look(folder) is not None]
    if not there:
        raise _mistake("--data", str(next(iter(folders)).parent), "a folder in which `hoga run` has recorded")
    found = discover(there)
    found.require_whole()
    return found


def _require_recorded(symbol: str, recorded: Recorded, days: list[SeriesDay], found: Found, span: tuple[int, int]) -> None:
    """Raises ConfigError for a symbol of which there is nothing at all, ArchiveError for one of which there is nothing in that time."""
    if recorded.types(symbol):
        return
    venue, _, name = symbol.partition(":")
    mine = sorted({day.symbol for day in days if venue_of_folder(day.directory) == venue})
    if name not in mine:
        near = next(iter(get_close_matches(name, mine, 1, 0.5)), None)
        expected = f"a symbol recorded of {venue}: {', '.join(mine[:10]) or 'nothing is'}"
        raise ConfigError([ConfigMistake("command line", None, "--symbols", symbol, expected, nearest=near and f"{venue}:{near}")])
    there = sorted({day.day for day in days if day.symbol == name})
    raise ArchiveError(symbol, f"nothing that can be traded on was recorded in that time; there is {there[0]} to {there[-1]}")


def _rules(config: VenueConfig, symbols: tuple[str, ...], recorded: Recorded, *, ask: bool) -> dict[str, KnownRules]:
    names = [symbol.partition(":")[2] for symbol in symbols]
    asked = [
        AskedSeries(config.venue, each.symbol.partition(":")[2], each.kind, list(each.days), list(recorded.journals))
        for each in recorded.series
        if each.symbol in symbols and each.data_type is not DataType.MARK_PRICE
    ]
    day = min((day.day for each in recorded.series if each.symbol in symbols for day in each.days), default=day_of(0))
    known = rules_known(config, names, day, asked, ask=ask)
    missing = [name for name in names if name not in known]
    if missing:
        raise _mistake("--symbols", f"{config.venue}:{missing[0]}", "a symbol whose price step is known")
    return {f"{config.venue}:{name}": known[name] for name in names}


def _capabilities(name: str) -> Capabilities:
    orders = VENUES[name].orders
    if orders is None:
        raise _mistake("STRATEGY", name, "a venue that hoga can trade on")
    return orders.capabilities


def _source_of(strategies: list[tuple[str, Strategy]]) -> dict[str, str]:
    """File name → SHA-256, of the strategy's file and of what it imports from its folder."""
    kind = type(strategies[0][1])
    module = sys.modules[kind.__module__]
    main = Path(module.__file__ or "").resolve()
    files = {main}
    for each in list(sys.modules.values()):
        place = getattr(each, "__file__", None)
        if place and Path(place).resolve().is_relative_to(main.parent) and "site-packages" not in place:
            files.add(Path(place).resolve())
    return {str(path.relative_to(main.parent)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files) if path.is_file()}


class _Records(NamedTuple):
    """What tells the records of one day of one series again, wherever they are, and from when to when they were received."""

    told: list[object]
    from_ns: int
    to_ns: int


def _records_of(series: MarketSeries, day: SeriesDay) -> _Records:
    sealed = find_stretches(day).sealed
    pieces = [
        [each.minute, each.part, each.proof.crc32, each.proof.text_bytes]
        if each.proof.crc32 is not None
        else [each.path.name, _size(each.path)]
        for each in sealed
    ]
    start_ns = day_start_ns(day.day)
    from_ns, to_ns = min((each.from_ns for each in sealed), default=start_ns), max((each.to_ns for each in sealed), default=start_ns)
    return _Records([series.symbol, series.kind, day.day, pieces], from_ns, to_ns)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _mistake(key: str, found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake("command line", None, key, found, expected)])
