"""app.backtest.lookahead: does a strategy decide by what it had seen, and by nothing else? The past is run again and again, in pieces.

    the whole span, looked into      what it uses besides its events (`app.backtest.probing`)
    the whole span again             the same decisions? else chance or the clock decides
    from the start to a cut          the same decisions up to there? else it knew what came later
    from later on                    figures over bars: do they come to the same values?

Nothing is written: records are compared as they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from hoga.app.backtest.below import Below
from hoga.app.backtest.probing import THE_FILE, Beneath, Probe, Reads, Use
from hoga.app.backtest.run import BacktestPlan, BacktestRun, feed_of
from hoga.app.trader.strategies import around_files
from hoga.core.times import iso_of
from hoga.trading.proof import Comparison, Difference, Place, Said, said_of

__all__ = ["Check", "LaterStart", "Piece", "check_lookahead"]

PlanOf = Callable[[int | None, int | None], BacktestPlan]
"""The plan of a run from one moment to another, None: as the user said; with strategies made anew."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One run held against the whole: up to `end`, so many decisions of it were compared; `first`: the first that differs."""

    end: str
    decisions: int
    differences: int
    first: Difference | None


class LaterStart(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over bars at the end of the whole run, and at the end of one that began at `start`; None: there were not enough bars.
    `apart`: the difference as a share of the first."""

    line: str
    start: str
    whole: float | None
    later: float | None
    apart: float | None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `ok`: no piece differs, it uses nothing else in its hooks, and reads the recording nowhere.

    `again`: the whole span a second time. `blind`: what of reading below Python cannot be seen on this machine.
    """

    ok: bool
    decisions: int
    uses: tuple[Use, ...]
    again: Piece
    pieces: tuple[Piece, ...]
    lines: tuple[LaterStart, ...]
    blind: tuple[str, ...] = ()


def _folders_of(plan: BacktestPlan) -> set[Path]:
    """Where the recording lies."""
    archive = plan.data.archive
    return {plan.folder.parent.parent / venue for venue in plan.symbols} | {day.directory for day in archive.days} | set(archive.journals)


class _Run(msgspec.Struct):
    said: list[tuple[int, Said]]
    lines: dict[str, float | None]
    uses: list[Use]


def check_lookahead(
    plan_of: PlanOf, *, cuts: int = 4, on_run: Callable[[str], object] = lambda what: None, recordings: Iterable[Path] = ()
) -> Check:
    """Run everything. `cuts`: so many moments where the past is cut off. `recordings`: files and folders that the past is read from, beside
    what was recorded. Raises as `plan_backtest` and `backtest`.
    """
    with Reads() as reads:
        plan = plan_of(None, None)
        folders = (*_folders_of(plan), *recordings)
        on_run("the whole span")
        with Below(folders) as below:
            beneath = Beneath(below, reads)
            whole = _run(plan, beneath=beneath)
            with around_files(lambda file: beneath.around(THE_FILE, file)):
                second = plan_of(None, None)
    whole.uses += [*reads.of(folders), *beneath.uses()]
    start_ns, end_ns = max(plan.extent[0], whole.said[0][0]), min(plan.extent[1], whole.said[-1][0])
    span = end_ns - start_ns
    on_run("the whole span again")
    again = _held(whole, _run(second), end_ns + 1)
    pieces = []
    for number in range(1, cuts + 1):
        cut_ns = start_ns + span * number // (cuts + 1)
        on_run(f"up to {iso_of(cut_ns)}")
        pieces.append(_held(whole, _run(plan_of(None, cut_ns)), cut_ns))
    lines: list[LaterStart] = []
    for part in (4, 2) if whole.lines else ():
        from_ns = start_ns + span // part
        on_run(f"from {iso_of(from_ns)} on")
        lines += _apart(whole.lines, _run(plan_of(from_ns, None)).lines, from_ns)
    bad = again.differences + sum(each.differences for each in pieces)
    return Check(
        ok=not bad and not any(each.matters for each in whole.uses),
        decisions=again.decisions,
        uses=tuple(whole.uses),
        again=again,
        pieces=tuple(pieces),
        lines=tuple(lines),
        blind=below.blind,
    )


def _run(plan: BacktestPlan, *, beneath: Beneath | None = None) -> _Run:
    said: list[tuple[int, Said]] = []
    probe = Probe([strategy for _, strategy in plan.strategies], around=beneath.around) if beneath is not None else None

    def write(kind: str, fields: Mapping[str, object], at_ns: int) -> bool:
        said.append((at_ns, said_of(kind, fields)))
        return True

    feed = feed_of(plan, [])
    run = BacktestRun(plan, feed.start_ns, write)
    for piece in feed.pieces:
        run.take(piece)
    lines = {
        f"{type(each.strategy).__name__} {series.symbol} {series.interval} {line.name}": line.value
        for each in run.backtest.engine.instances
        for series in each.setup.series
        for line in series.lines
    }
    run.finish()
    return _Run(said, lines, probe.uses() if probe is not None else [])


def _held(whole: _Run, piece: _Run, end_ns: int) -> Piece:
    """Up to a moment, record by record; the first ones say what the engine was made of."""
    comparison = Comparison()
    sides = [[each for each in run.said if each[0] < end_ns and each[1].kind != "begin"] for run in (whole, piece)]
    for number in range(max(map(len, sides))):
        then, now = (side[number] if number < len(side) else None for side in sides)
        at_ns = (then or now or (0, None))[0]
        place = Place(life=0, entry=number, of="record", at_ns=at_ns)
        comparison.compare(place, [then[1]] if then else [], [now[1]] if now else [])
    return Piece(end=iso_of(end_ns), decisions=comparison.decisions, differences=comparison.differences, first=comparison.first)


def _apart(whole: Mapping[str, float | None], later: Mapping[str, float | None], from_ns: int) -> list[LaterStart]:
    found = []
    for name, value in whole.items():
        other = later.get(name)
        apart = None if value is None or other is None else abs(other - value) / (abs(value) or 1.0)
        found.append(LaterStart(line=name, start=iso_of(from_ns), whole=value, later=other, apart=apart))
    return found
