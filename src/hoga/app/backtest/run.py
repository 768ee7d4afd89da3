"""app.backtest.run: a strategy on what was recorded: from a configuration and a span of time to a journal, the same for the same input.

    archive ─▶ history.market ─▶ trading.backtest (engine, timers, trading.paper) ─▶ journal in a folder that is named by its inputs

Nothing here reads a clock, asks an account, or waits. What the result depends on is hashed, and the hash names the folder: the source
of the strategy, its parameters, the settings in force, the rules, the span, and the records (by the checksums of their segments).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga import __version__
from hoga.app.backtest.data import Data, data_of, records_of
from hoga.app.config import Config, VenueConfig
from hoga.app.trader.before import Before, recorded_before
from hoga.app.trader.paper import paper_settings
from hoga.app.trader.trading import TradeEnd, about_run, end_of, strategies_of
from hoga.app.trader.workers import done_now
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.log import AuditLogger, Durability
from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake
from hoga.core.ticks import MarketBar
from hoga.core.times import MS_NS, SECOND_NS, iso_of
from hoga.core.trading import Capabilities, ExecutionEvent, steps_text
from hoga.history.market import Damage, Recorded, market_chunks
from hoga.runtime.clock import ManualClock
from hoga.trading.backtest import Backtest, Places
from hoga.trading.blocks import Chunk
from hoga.trading.engine import Restored
from hoga.trading.limits import Limits
from hoga.trading.making import BEGIN, Making, make_engine
from hoga.trading.paper import Grade, Latency, PaperExchange, PaperSettings
from hoga.trading.ports import ReadBars, Tell
from hoga.trading.strategy import Strategy
from hoga.venues.registry import VENUES

__all__ = [
    "BACKTEST_FOLDER",
    "BacktestEnd",
    "BacktestPlan",
    "BacktestRun",
    "Feed",
    "Journal",
    "Piece",
    "backtest",
    "feed_of",
    "plan_backtest",
]

BACKTEST_FOLDER = "backtests"
_FOREVER = 2**63 - 1
_NAME_DIGITS = 12
_RESULT = "result.json"
_COLUMNS = ".columns"
_MODE = "backtest"
_OLD_TRADE_MS = 60_000
_HOLES_TOLD = 5
_BEAT_NS = 3 * SECOND_NS
"""An account's stream on paper gives a sign of life so often, where the limits do not want more."""
_UPKEEP_NS = 3_600 * SECOND_NS
"""With candles, what time alone changes is looked after once a candle, and once an hour at least."""
_NO_LIVES = Restored(orders=[], shares=[], trades={}, days={}, powers={}, since_ns=0)


class BacktestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run over the past will be. `rules`: of each symbol, and where they are from; `settings`: of each venue's paper account.

    `asks`: the bars that the strategies ask of before the start; `before`: the trades that they are made of.
    """

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]
    settings: dict[str, PaperSettings]
    data: Data
    start_ns: int
    end_ns: int
    folder: Path
    inputs: dict[str, Any]
    extent: tuple[int, int]
    making: Making
    cache: Path
    before: Recorded
    asks: tuple[ReadBars, ...] = ()


class BacktestEnd(TradeEnd, frozen=True, kw_only=True):
    """What it came to. `events`: of the market. `damage`: pieces of the recording that could not be read. `notes`: what a reader of the
    figures must know. `waits`: the bars that were still missing at the end, so that none were handed out. `steps`: where the clock of the
    recording was set. `changes`: of the venue's rules. `holes`: when a book of deltas was not known."""

    grade: str
    start: str
    end: str
    events: int
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()


def plan_backtest(
    config: Config,
    strategy: str,
    symbols: tuple[str, ...],
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    params: Mapping[str, str] | None = None,
    bars: Path | None = None,
    ask: bool = True,
    base: BacktestPlan | None = None,
) -> BacktestPlan:
    """What a run over the past will be, with this configuration. `bars`: a file of candles in place of what was recorded. `ask`: whether
    venues may be asked for rules that nobody kept. `base`: a plan of
    the same data, with other parameters.

    Raises ConfigError for what cannot be meant, ArchiveError for what cannot be read.
    """
    low, high = start_ns or 0, _FOREVER if end_ns is None else end_ns
    if low >= high:
        raise _mistake("--end", iso_of(high), f"a time after --start, {iso_of(low)}")
    chosen = strategies_of(config, strategy, symbols, params)
    data = data_of(config, chosen.symbols, (low, high), bars, ask=ask) if base is None else base.data
    names = [symbol for each in chosen.symbols.values() for symbol in each]
    limits = {symbol: _limits(each, data) for symbol, each in chosen.limits.items()}
    paper = {name: _paper(config.venue(name), {each: limits[each] for each in of}, data) for name, of in chosen.symbols.items()}
    first = config.venue(next(iter(chosen.symbols)))
    flatten_on_stop = any(config.venue(name).on_stop == "flatten" for name in chosen.symbols)
    rules = {symbol: known.rules for symbol, known in data.rules.items()}
    making = Making(
        version=__version__,
        mode=_MODE,
        now_ns=low,
        trader=first.trader,
        boot=0,
        flatten_on_stop=flatten_on_stop,
        on_fault=first.on_fault,
        limits=limits,
        rules=rules,
        capabilities={name: _capabilities(name) for name in chosen.symbols},
        strategy=chosen.name,
        symbols=symbols,
        given=chosen.given,
        keys=tuple(key for key, _ in chosen.strategies),
        upkeep_ns=_upkeep_ns(data.interval_ns),
        waits_for_data=True,
    )
    asks: tuple[ReadBars, ...] = ()
    before = Recorded([], (), {})
    if start_ns is not None:
        again = strategies_of(config, strategy, symbols, params)  # they are set up to see what they ask of before, and then let go
        asks = tuple(make_engine(making, again.strategies, _NO_LIVES).asks_of_before(low))
        before = recorded_before(asks, data.archive.days, data.archive.journals, data.archive.whose, low)
    inputs = {
        "hoga": __version__,
        "strategy": [(key, dict(each.p.items())) for key, each in chosen.strategies],
        "source": _source_of(chosen.strategies) if base is None else base.inputs["source"],
        "symbols": names,
        "limits": {symbol: msgspec.to_builtins(each) for symbol, each in limits.items()},
        "rules": {symbol: msgspec.to_builtins(each.rules) for symbol, each in data.rules.items()},
        "changes": [[at_ns, msgspec.to_builtins(each)] for at_ns, each in data.changes],
        "paper": {name: msgspec.to_builtins(each) for name, each in paper.items()},
        "trader": [first.trader, first.on_fault, flatten_on_stop],
        "span": [start_ns, end_ns],
        "grade": data.grade.value,
        "records": data.told,
        "before": [records_of(each, day).told for each in before.series for day in each.days],
    }
    digest = hashlib.sha256(msgspec.json.encode(inputs, order="deterministic", enc_hook=str)).hexdigest()[:_NAME_DIGITS]
    label = type(chosen.strategies[0][1]).__name__.lower()
    return BacktestPlan(
        strategies=chosen.strategies,
        symbols=chosen.symbols,
        limits=limits,
        data=data,
        settings=paper,
        start_ns=low,
        end_ns=high,
        folder=config.program.data_dir / BACKTEST_FOLDER / f"{label}-{digest}",
        inputs=inputs,
        extent=(max(low, data.extent[0]), min(high, data.extent[1])),
        making=making,
        cache=config.program.data_dir / _COLUMNS,
        before=before,
        asks=asks,
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
    damage: list[Damage] = []
    feed = feed_of(plan, None if stop_at_damage else damage)
    journal = Journal(plan, feed.start_ns)
    try:
        run = BacktestRun(plan, feed.start_ns, journal.write, on_tell)
        with few_collections():
            for piece in feed.pieces:
                on_progress(run.take(piece), run.events)
        end = run.finish(damage, feed)
        journal.close(run, end)
    except BaseException:
        journal.drop()
        raise
    return end


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Garbage is looked for seldom meanwhile: what a run makes lives for a block, and is in no circles."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 500, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Journal:
    """The journal of a run in the making: it takes the place of an earlier one of the same input when the run has ended."""

    def __init__(self, plan: BacktestPlan, start_ns: int) -> None:
        self._folder = plan.folder
        self._working = plan.folder.with_name(f"{plan.folder.name}.part{os.getpid()}")
        shutil.rmtree(self._working, ignore_errors=True)
        self._clock = ManualClock(start_ns)
        self._log = AuditLogger(self._working / JOURNAL_FOLDER, durability=Durability.REPLAY, clock=self._clock, about=_about(plan))
        try:
            self._log.open()
        except BaseException:
            self.drop()
            raise
        self.write = self._log.append
        """Keep a record."""

    def close(self, run: BacktestRun, end: BacktestEnd) -> None:
        """The run has ended. Raises ArchiveError, OSError where its journal cannot be kept."""
        self._clock.set_wall(run.backtest.now_ns)
        try:
            self._log.close()
            (self._working / _RESULT).write_bytes(msgspec.json.encode(end))
            if self._folder.exists():
                shutil.rmtree(self._folder)
            self._working.rename(self._folder)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """The run has not come to its end."""
        with contextlib.suppress(ArchiveError, OSError):
            self._log.close()
        shutil.rmtree(self._working, ignore_errors=True)

    @staticmethod
    def result_of(plan: BacktestPlan) -> BacktestEnd | None:
        """What an earlier run of the same input came to; None: there is none that ended."""
        try:
            found = msgspec.json.decode((plan.folder / _RESULT).read_bytes(), type=BacktestEnd)
        except (OSError, msgspec.MsgspecError):
            return None
        return msgspec.structs.replace(found, journal=str(plan.folder / JOURNAL_FOLDER))


def _about(plan: BacktestPlan) -> dict[str, object]:
    fills = {name: msgspec.to_builtins(each) for name, each in plan.settings.items()}
    return about_run(_MODE, plan.strategies, grade=plan.data.grade.value, fill_model=fills)


class Opening(NamedTuple):
    """Candles that begin at one moment."""

    at_ns: int
    bars: list[MarketBar]


Piece = Chunk | Opening
"""What a run takes at a time."""


class Feed(NamedTuple):
    """What a run, or several, will see, in order; `start_ns`: when the first of it was. `steps`: where the clock of the recording went
    back, `holes`: when a book of deltas was not known, as far as it was read."""

    start_ns: int
    pieces: Iterator[Piece]
    steps: list[Damage]
    holes: list[Damage]


def feed_of(plan: BacktestPlan, damage: list[Damage] | None) -> Feed:
    """The data of a plan. `damage`: where pieces of the recording that cannot be read are noted; None: such a piece is an error.

    Raises ArchiveError where there is nothing; SegmentCorrupt.
    """
    pieces: Iterator[Piece]
    steps: list[Damage] = []
    holes: list[Damage] = []
    data, start_ns, end_ns = plan.data, plan.start_ns, plan.end_ns
    if data.bars:
        pieces = (Opening(at_ns, bars) for at_ns, bars in data.bars_in(start_ns, end_ns))
    else:
        rules = {symbol: known.rules for symbol, known in data.rules.items()}
        priced = [symbol for symbol in rules if data.grade is Grade.TRADES]
        on_damage = None if damage is None else damage.append
        pieces = market_chunks(
            data.recorded,
            rules,
            start_ns=start_ns,
            end_ns=end_ns,
            priced=priced,
            on_damage=on_damage,
            on_step=steps.append,
            on_hole=holes.append,
            cache=plan.cache,
        )
    first = next(pieces, None)
    if first is None:
        raise ArchiveError(plan.folder.parent.parent, "nothing was recorded in that time")
    return Feed(first.at_ns if isinstance(first, Opening) else first.stamps[0], chain((first,), pieces), steps, holes)


class BacktestRun:
    """One engine and its exchanges: `take` each piece of a feed, then `finish`. `events`: so many so far."""

    def __init__(
        self,
        plan: BacktestPlan,
        start_ns: int,
        write: Callable[[str, Mapping[str, object], int], bool],
        on_tell: Callable[[Tell, int], object] = lambda tell, at_ns: None,
    ) -> None:
        self.plan = plan
        self.start_ns = start_ns
        self.events = 0
        rules = {symbol: known.rules for symbol, known in plan.data.rules.items()}
        making = msgspec.structs.replace(plan.making, now_ns=start_ns)
        write(BEGIN, msgspec.to_builtins(making), start_ns)
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
        self.before = Before(plan.asks, plan.before, rules, plan.start_ns, plan.data.bars)
        changes = [each for each in plan.data.changes if each[0] < plan.end_ns]
        self.backtest = Backtest(engine, exchanges, write=write, tell=on_tell, bars=self.before, work=done_now, changes=changes)
        said.append(self.backtest.deliver)
        self._require_bars()
        self.backtest.begin(start_ns)

    def _require_bars(self) -> None:
        """Raises ConfigError for bars that the candles there are cannot make."""
        length = self.plan.data.interval_ns
        for instance in self.backtest.engine.instances:
            for series in instance.setup.series:
                if length and series.interval_ns % length:
                    expected = f"a whole number of the candles that there are, of {length // SECOND_NS} s"
                    raise ConfigError([ConfigMistake(instance.key, None, "bars", f"{series.symbol} {series.interval}", expected)])

    def _changed(self) -> Iterator[str]:
        """The rules that changed meanwhile."""
        known = {symbol: each.rules for symbol, each in self.plan.data.rules.items()}
        for at_ns, rules in self.plan.data.changes:
            if at_ns <= self.backtest.now_ns:
                what = steps_text(known[rules.symbol], rules) or "other bounds"
                yield f"{rules.symbol} {iso_of(at_ns)}: the venue's rules changed: {what}; orders kept to the new ones from then on"
                known[rules.symbol] = rules

    def take(self, piece: Piece, where: Places | None = None) -> int:
        """The next of the data; returns its last moment. `where`: see `Backtest.take_chunk`."""
        if isinstance(piece, Opening):
            self.backtest.take_bars(piece.at_ns, piece.bars)
            self.events += len(piece.bars)
            return piece.at_ns
        self.backtest.take_chunk(piece, where)
        self.events += piece.records
        return piece.stamps[-1]

    def finish(self, damage: Sequence[Damage] = (), feed: Feed | None = None) -> BacktestEnd:
        """There are no more in the feed. `damage`: what could not be read."""
        run, plan = self.backtest, self.plan
        end_ns = run.last_ns if plan.data.bars else min(plan.end_ns, run.now_ns + SECOND_NS)
        done = run.end(end_ns)
        end = end_of(
            run.engine,
            journal=plan.folder / JOURNAL_FOLDER,
            mode=_MODE,
            done=done,
            exit_verdict=run.verdict,
            only_asked_for=run.only_asked_for,
        )
        return BacktestEnd(
            **{name: getattr(end, name) for name in end.__struct_fields__ if name != "ok"},
            ok=end.ok and not damage and not self.before.damage,
            grade=plan.data.grade.value,
            start=iso_of(self.start_ns),
            end=iso_of(end_ns),
            events=self.events,
            damage=tuple(_told(each) for each in (*self.before.damage, *damage)),
            notes=(*plan.data.notes, *(f"rules of {symbol}: {known.source}" for symbol, known in plan.data.rules.items())),
            changes=tuple(self._changed()),
            holes=tuple(_holes(feed.holes if feed is not None else ())),
            steps=tuple(
                f"{each.symbol} {each.kind} {iso_of(each.from_ns)}: {each.why}" for each in (feed.steps if feed is not None else ())
            ),
            waits=tuple(run.engine.waits_for),
        )


def _holes(holes: Sequence[Damage]) -> Iterator[str]:
    """The first few of them, and how many there were."""
    for each in holes[:_HOLES_TOLD]:
        yield _told(each)
    if len(holes) > _HOLES_TOLD:
        unknown_s = sum(each.to_ns - each.from_ns for each in holes) / SECOND_NS
        yield f"{len(holes)} times there was no book of deltas, {unknown_s:.0f} s in all; the first {_HOLES_TOLD} stand above"


def _told(damage: Damage) -> str:
    return f"{damage.symbol} {damage.kind} {iso_of(damage.from_ns)} to {iso_of(damage.to_ns)}: {damage.why}"


def _limits(limits: Limits, data: Data) -> Limits:
    """Where there is no book, a price is as old as the last trade; with candles it is as old as the candle is long, and accounts are looked
    at as seldom."""
    if data.grade is Grade.TRADES:
        return msgspec.structs.replace(limits, stale_after_ms=max(limits.stale_after_ms, _OLD_TRADE_MS))
    interval_ns = data.interval_ns
    if not interval_ns:
        return limits
    length_s = interval_ns / SECOND_NS
    return msgspec.structs.replace(
        limits,
        stale_after_ms=max(limits.stale_after_ms, round(2_000 * length_s)),
        exec_stale_after_ms=max(limits.exec_stale_after_ms, round(3_000 * length_s)),
        account_stale_after_s=max(limits.account_stale_after_s, 4 * length_s),
    )


def _upkeep_ns(interval_ns: int) -> int:
    return max(SECOND_NS, min(interval_ns, _UPKEEP_NS))


def _paper(config: VenueConfig, limits: Mapping[str, Limits], data: Data) -> PaperSettings:
    """The account. Of candles nobody knows when in them something happened: no order is under way, and openings are paid as they are."""
    settings = msgspec.structs.replace(paper_settings(config, limits), grade=data.grade)
    if data.grade is not Grade.BARS:
        stale_ms = min(each.exec_stale_after_ms for each in limits.values())
        return msgspec.structs.replace(settings, beat_ns=max(SECOND_NS, min(_BEAT_NS, stale_ms * MS_NS * 3 // 5)))
    return msgspec.structs.replace(settings, latency=Latency((0,)), half_spread_bp=0.0, beat_ns=_upkeep_ns(data.interval_ns))


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
    files, folders = {main}, dict[str, Path]()
    for each in list(sys.modules.values()):
        place = getattr(each, "__file__", None)
        if place and not _is_ours(each.__name__, place):
            path = _resolved(place, folders)
            if path.is_relative_to(main.parent):
                files.add(path)
    return {str(path.relative_to(main.parent)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files) if path.is_file()}


def _resolved(place: str, folders: dict[str, Path]) -> Path:
    """`Path.resolve`, which looks at every folder on the way; those of `folders` were looked at."""
    path = Path(place)
    if path.is_symlink():
        return path.resolve()
    folder, name = os.path.split(place)
    if folder not in folders:
        folders[folder] = path.parent.resolve()
    return folders[folder] / name


def _is_ours(name: str, place: str) -> bool:
    """Hoga's own modules, and what is installed: their versions are part of the input already."""
    return name.partition(".")[0] == "hoga" or "site-packages" in place


def _mistake(key: str, found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake("command line", None, key, found, expected)])
