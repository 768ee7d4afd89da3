"""cli._sweep: `hoga trade --mode backtest --grid`: many sets of parameters on the same past, as a table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoga.cli._output import Progress, note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, nearest, time_of
from hoga.trading.choosing import Chosen, Try, choose

if TYPE_CHECKING:
    from hoga.app.backtest.sweep import Row

__all__ = ["run_sweep"]

_ROWS_SHOWN = 20
_PERMILLE = 1_000
_COLUMNS = ("pnl", "fills", "verdict")


def run_sweep(
    strategy: str,
    symbols: tuple[str, ...],
    config: Path | None,
    settings: list[str] | None,
    data: Path | None,
    *,
    params: Mapping[str, str],
    start: str | None,
    end: str | None,
    bars: Path | None,
    grid: Sequence[str],
    jobs: int | None,
    sort: str,
    as_json: bool,
) -> int:
    """Run every set, print the table; the exit status: 1 where a set could not be run, or did not end well."""
    from hoga.app.backtest.sweep import SweepJob, grid_of, sweep
    from hoga.app.config import find_config
    from hoga.cli.run import load_for_run, logging_of

    loaded = load_for_run(config, settings, data)
    sets = grid_of(strategy, grid, next(iter(loaded.venue(name).grid_max for name in loaded.active_venues)))
    job = SweepJob(
        strategy=strategy,
        symbols=symbols,
        config=find_config(config, os.environ),
        settings=tuple(settings or ()),
        data=data,
        params=dict(params),
        start_ns=time_of("--start", start),
        end_ns=time_of("--end", end),
        bars=bars,
        ask=True,
    )
    workers = jobs or os.cpu_count() or 1
    with logging_of(loaded.program), Progress(f"{len(sets)} sets", total=_PERMILLE, unit="permille") as progress:
        told = 0

        def look(share: float, done: int) -> None:
            nonlocal told
            now = int(share * _PERMILLE)
            progress.advance(max(0, now - told), detail=f"{done} of {len(sets)} sets")
            told = max(told, now)

        found = sweep(job, sets, workers=workers, on_progress=look)
    rows = _sorted(found.rows, sort)
    tries = [_try_of(row) for row in rows if not row.why]
    chosen = choose(tries)
    warning = _warning(len(rows), chosen)
    page = _page(rows, tries)
    if as_json:
        about = {"ok": found.ok, "mode": "backtest", "sets": len(rows), "known": found.known, "sort": sort}
        print_json(about | {"warning": warning, "rows": rows, "report": page, "chosen": chosen})
    else:
        _show(rows, sort)
        if found.known:
            note(f"{found.known} sets had been run before: their results were taken as they are")
        note(warning)
        if page:
            print_text(f"report: {page}")
    return 0 if found.ok else 1


def _try_of(row: Row) -> Try:
    name = " ".join(f"{key}={value}" for key, value in row.params.items())
    return Try(name=name, mode="backtest", grade=row.grade, verdict=row.verdict, parameters=row.params, figures=row.figures)


def _page(rows: Sequence[Row], tries: Sequence[Try]) -> str:
    """The sets beside each other on a page in the folder of backtests; "" where it could not be written, which is one line."""
    from hoga.app.report import COMPARISON_FILE, write_comparison
    from hoga.core.errors import HogaError

    journal = next((row.journal for row in rows if row.journal), "")
    if not journal:
        return ""
    page = Path(journal).parent.parent / COMPARISON_FILE
    try:
        write_comparison(tries, page, lang="en")
    except (HogaError, OSError) as fault:
        note(f"no page was written: {fault}")
        return ""
    return str(page)


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    """By one figure, what has none of it last; equal ones in the order of the grid. Raises ConfigError for a figure that there is not."""
    name = sort.removeprefix("-")
    told = {key: None for row in rows for key in (*row.figures, *row.params)}
    known = [*dict.fromkeys(("pnl", "orders", "fills", "verdict", *told))]
    if name not in known:
        raise mistake("--sort", name, f"one of {', '.join(known)}", nearest=nearest(name, known))
    sign = 1 if sort.startswith("-") else -1
    values = [(row.value(name), row) for row in rows]
    numbers = [(value, row) for value, row in values if isinstance(value, float)]
    others = [(value, row) for value, row in values if not isinstance(value, float)]
    return [
        *(row for _, row in sorted(numbers, key=lambda each: sign * each[0])),
        *(row for _, row in sorted(others, key=lambda each: str(each[0]))),
    ]


def _show(rows: list[Row], sort: str) -> None:
    name = sort.removeprefix("-")
    columns = [*_COLUMNS, *([] if name in (*_COLUMNS, *rows[0].params) else [name])]
    shown = rows[:_ROWS_SHOWN]
    cells = [[*row.params.values(), *(_cell(row, column) for column in columns)] for row in shown]
    print_table([*rows[0].params, *columns], cells, right=frozenset(range(len(rows[0].params) + 2)))
    if len(rows) > len(shown):
        note(f"and {len(rows) - len(shown)} more; --json has all of them")
    for row in rows:
        if row.why:
            note(f"{' '.join(f'{key}={value}' for key, value in row.params.items())}: {row.why}")
    note(f"the first one: hoga report {rows[0].journal}")


def _cell(row: Row, column: str) -> str:
    found: Any = row.figures.get(column, getattr(row, column, ""))
    return "could not be run" if row.why and column == "verdict" else str(found)


def _warning(sets: int, chosen: Chosen | None) -> str:
    judged = ""
    if chosen is not None and chosen.probability is not None:
        judged = (
            f"; the best ratio (mean net of a round trip by its deviation) is {chosen.ratio:.3f}, and of {chosen.tries} without merit the "
            f"best would have {chosen.expected:.3f}: that it is more than chance has a probability of {chosen.probability * 100:.1f} %"
        )
    return (
        f"this is the best of {sets} looked at afterwards: of as many sets without any merit one looks best, too. Try it on days that it "
        "was not chosen by, and see whether its neighbours in the grid are alike"
    ) + judged
