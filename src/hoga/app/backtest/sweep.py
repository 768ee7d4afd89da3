"""app.backtest.sweep: one strategy with many sets of parameters on the same past: read and decoded once for all runs of a worker.

    sets ─▶ batches ─▶ a worker each: one feed ─▶ all its runs, piece by piece ─▶ a folder each, as of a single run

A set whose folder holds a result already is not run again: a sweep that was broken off goes on where it was.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from difflib import get_close_matches
from math import prod
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from hoga.app.backtest.run import BacktestPlan, BacktestRun, Journal, feed_of, plan_backtest
from hoga.app.config import Config, load_config
from hoga.app.report import read_report
from hoga.app.trader.strategies import read_strategy
from hoga.core.errors import ConfigError, ConfigMistake, HogaError
from hoga.history.market import Damage
from hoga.runtime.worker import end_with_parent
from hoga.trading.backtest import Places
from hoga.trading.blocks import Chunk, shared
from hoga.trading.told import figures

__all__ = ["Row", "Sweep", "SweepJob", "grid_of", "sweep"]

_TOGETHER = 50
"""So many runs a worker has in memory at most."""
_LOOK_S = 0.25
_HOLD_S = 0.5
_WORDS = ("ok", "orders", "fills", "pnl", "pnl_currency", "verdict", "incident", "grade", "events", "damage", "rung")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one set came to. `why`: it could not be run. `figures`: see `trading.told`."""

    params: dict[str, str]
    ok: bool
    pnl: str = "0"
    pnl_currency: str = ""
    orders: int = 0
    fills: int = 0
    verdict: str = ""
    incident: str = ""
    grade: str = ""
    events: int = 0
    damage: tuple[str, ...] = ()
    rung: str = ""
    journal: str = ""
    figures: dict[str, Any] = {}
    why: str = ""

    def value(self, name: str) -> Any:
        """One of its figures, or of its parameters; None: there is no such."""
        found: Any = self.figures.get(name, getattr(self, name, self.params.get(name)))
        with contextlib.suppress(TypeError, ValueError):
            found = float(found)
        return found


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, in the order of the grid. `known`: so many had been run before."""

    ok: bool
    rows: list[Row]
    known: int


class SweepJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker does: where the configuration is, what is run, and the sets. `progress`: the file in which it tells how far it is."""

    strategy: str
    symbols: tuple[str, ...]
    config: Path | None
    settings: tuple[str, ...]
    data: Path | None
    params: dict[str, str]
    start_ns: int | None
    end_ns: int | None
    bars: Path | None
    ask: bool
    sets: tuple[dict[str, str], ...] = ()
    progress: str = ""


def grid_of(strategy: str, texts: Sequence[str], most: int) -> list[dict[str, str]]:
    """The sets of a grid: `["fast=5,10", "slow=30,60"]` are four. Raises ConfigError, also for more than `most`."""
    known = read_strategy(strategy).params
    axes: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        found = list(dict.fromkeys(each.strip() for each in values.split(",") if each.strip()))
        if not equals or not found:
            raise _mistake(text, "NAME=VALUE,VALUE…, as fast=5,10,20")
        if name not in known:
            near = next(iter(get_close_matches(name, list(known), 1, 0.5)), None)
            expected = f"a parameter of the strategy: {', '.join(known) or 'it has none'}"
            raise ConfigError([ConfigMistake("command line", None, "--grid", name, expected, nearest=near)])
        axes[name] = found
    count = prod(len(each) for each in axes.values())
    if count > most:
        raise _mistake(f"{count:,} sets", f"{most:,} at most (GRID_MAX)")
    return [dict(zip(axes, each, strict=True)) for each in itertools.product(*axes.values())]


def sweep(
    job: SweepJob, sets: Sequence[dict[str, str]], *, workers: int, on_progress: Callable[[float, int], object] = lambda share, done: None
) -> Sweep:
    """Run all sets. `on_progress(share, done)`: how much is done (0..1), and how many sets are.

    Raises ConfigError, ArchiveError for what no set can be run with.
    """
    base = _plan(job, _config(job), sets[0])
    rows: dict[int, Row] = {}
    for number, each in enumerate(sets):
        found = _result_of(_plan(job, _config(job), each, base), each)
        if found is not None:
            rows[number] = found
    known, left = len(rows), [number for number in range(len(sets)) if number not in rows]
    folder = base.folder.parent / f".sweep{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        batches = _batches(left, workers)
        jobs = [
            msgspec.structs.replace(job, sets=tuple(sets[number] for number in batch), progress=str(folder / str(place)))
            for place, batch in enumerate(batches)
        ]
        for place, found_rows in _done(jobs, workers, lambda: on_progress(*_how_far(jobs, len(sets), known))):
            rows.update(zip(batches[place], found_rows, strict=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    on_progress(1.0, len(sets))
    ordered = [rows[number] for number in range(len(sets))]
    return Sweep(ok=all(each.ok for each in ordered), rows=ordered, known=known)


def _batches(left: list[int], workers: int) -> list[list[int]]:
    """About equal ones: neighbours of the grid are spread, for they take about as long."""
    count = max(min(workers, len(left)), -(-len(left) // _TOGETHER))
    return [left[place::count] for place in range(count)] if left else []


def _done(jobs: list[SweepJob], workers: int, look: Callable[[], object]) -> Iterator[tuple[int, list[Row]]]:
    if workers <= 1 or len(jobs) <= 1:
        for place, job in enumerate(jobs):
            yield place, run_batch(job, look)
        return
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=end_with_parent)
    running: dict[Future[list[Row]], int] = {pool.submit(run_batch, job): place for place, job in enumerate(jobs)}
    try:
        while running:
            over, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for each in over:
                yield running.pop(each), each.result()
            look()
    except BaseException:
        for process in list(pool._processes.values()):  # they would run to their ends
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _how_far(jobs: list[SweepJob], sets: int, known: int) -> tuple[float, int]:
    done, whole = float(known), known
    for job in jobs:
        with contextlib.suppress(OSError, ValueError):
            share = float(Path(job.progress).read_text(encoding="ascii"))
            done += share * len(job.sets)
            whole += len(job.sets) if share >= 1 else 0
    return done / sets, whole


# -- in a worker ------------------------------------------------------------------------------------------------------


def run_batch(job: SweepJob, look: Callable[[], object] = lambda: None) -> list[Row]:
    """All sets of a job, side by side on one feed."""
    gc.set_threshold(50_000, 500, 1_000)
    config = _config(job)
    base = _plan(job, config, job.sets[0])
    damage: list[Damage] = []
    feed = feed_of(base, damage)
    running: list[tuple[int, BacktestRun, Journal]] = []
    rows: dict[int, Row] = {}
    for number, each in enumerate(job.sets):
        journal: Journal | None = None
        try:
            plan = _plan(job, config, each, base)
            journal = Journal(plan, feed.start_ns)
            running.append((number, BacktestRun(plan, feed.start_ns, journal.write), journal))
        except (ConfigError, OSError) as fault:
            rows[number] = Row(params=each, ok=False, why=_line(fault))
            if journal is not None:
                journal.drop()
    span = max(1, base.extent[1] - feed.start_ns)
    told_s = 0.0
    for piece in feed.pieces:
        once = shared(piece) if isinstance(piece, Chunk) and len(running) > 1 else piece
        where = Places(once) if isinstance(once, Chunk) else None
        at_ns = feed.start_ns
        for _, run, _ in running:
            at_ns = run.take(once, where)
        if time.monotonic() - told_s > _HOLD_S:
            told_s = time.monotonic()
            _tell(job, min(0.999, (at_ns - feed.start_ns) / span))
            look()
    for number, run, journal in running:
        end = run.finish(damage, feed)
        journal.close(run, end)
        rows[number] = _row(end, job.sets[number])
    _tell(job, 1.0)
    return [rows[number] for number in range(len(job.sets))]


def _tell(job: SweepJob, share: float) -> None:
    with contextlib.suppress(OSError):
        Path(job.progress).write_text(f"{share:.4f}", encoding="ascii")


def _config(job: SweepJob) -> Config:
    return load_config(job.config, overrides=list(job.settings), environ=os.environ, data_dir=job.data)


def _plan(job: SweepJob, config: Config, params: Mapping[str, str], base: BacktestPlan | None = None) -> BacktestPlan:
    return plan_backtest(
        config,
        job.strategy,
        job.symbols,
        start_ns=job.start_ns,
        end_ns=job.end_ns,
        params={**job.params, **params},
        bars=job.bars,
        ask=job.ask,
        base=base,
    )


def _result_of(plan: BacktestPlan, params: dict[str, str]) -> Row | None:
    """Of an earlier run; None where there is none that ended."""
    found = Journal.result_of(plan)
    return None if found is None else _row(found, params)


def _row(end: Any, params: dict[str, str]) -> Row:
    told: dict[str, Any] = {}
    with contextlib.suppress(OSError, HogaError):
        told = figures(read_report(Path(end.journal), last=True).outcome)
    return Row(params=params, journal=end.journal, figures=told, **{name: getattr(end, name) for name in _WORDS})


def _line(fault: Exception) -> str:
    return "; ".join(str(each) for each in fault.mistakes) if isinstance(fault, ConfigError) else str(fault)


def _mistake(found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake("command line", None, "--grid", found, expected)])
