"""cli.history: `hoga backfill`, the exchange's past from its archive of files, and `hoga heal`, what a recording lacks of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import Progress, error_line, note, print_json, print_table, print_text, words
from hoga.cli._recorded import mistake, require_archive
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption
from hoga.cli.run import load_for_run
from hoga.core.times import is_day

if TYPE_CHECKING:
    from hoga.history.backfill import BackfillReport, Job

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga backfill` and `hoga heal` to `app`."""
    app.command("backfill")(backfill)
    app.command("heal")(heal)


def backfill(
    start_date: Annotated[str, typer.Option("--start-date", metavar="D", help="The first day, as YYYY-MM-DD (UTC).")],
    end_date: Annotated[str, typer.Option("--end-date", metavar="D", help="The last day, included.")],
    symbols: Annotated[str, typer.Option(metavar="A,B", help="Symbols, comma-separated [default: those of the configuration].")] = "",
    kind: Annotated[str | None, typer.Option(metavar="K", help="aggTrades, trades or klines [default: aggTrades].")] = None,
    interval: Annotated[str | None, typer.Option(metavar="I", help="Of klines: 1s, 1m, … 1d [default: 1m].")] = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Look for files that were published anew, and read again what is here.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and fetch nothing.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Fetch the exchange's past files, proven.

    They are checked by the exchange's own sums, read, and made into Parquet beside them. Whole past months come as one file, the
    rest by day. Ended in any way, the same command goes on where it was. Rows that no file has are named by their ids. A section
    [binance-usdm] in the configuration chooses the futures' archive.

    Example: hoga backfill --symbols BTCUSDT --start-date 2026-09-01 --end-date 2026-09-30
    """
    from hoga.app.backfill import jobs
    from hoga.history.backfill import BackfillReport
    from hoga.runtime.loop import run

    start, end = _day("--start-date", start_date), _day("--end-date", end_date)
    if end < start:
        raise mistake("--end-date", end_date, f"a day not before --start-date {start_date}")
    loaded = load_for_run(config, settings, data)
    made = jobs(
        loaded,
        start=start,
        end=end,
        today=datetime.now(UTC).date(),
        symbols=words(symbols),
        kind=kind,
        interval=interval,
        recheck=recheck,
        dry_run=dry_run,
    )
    reports = [run(_one(job)) for job in made]
    whole = BackfillReport(
        all(each.ok for each in reports),
        [done for each in reports for done in each.done],
        [failed for each in reports for failed in each.failed],
        [planned for each in reports for planned in each.planned],
    )
    if as_json:
        print_json(_document(whole, dry_run=dry_run))
    else:
        _print(whole, made, dry_run=dry_run)
    return 0 if whole.ok else 1


def heal(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Data folder, venue folder or CHART_DIR.")] = Path("data"),
    config: ConfigOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Fetch the trades that an archive lacks.

    Over REST within the venue's limits, else from the exchange's files; what was recorded keeps its bytes. Trades that nobody has any
    more stay missing, by their ids, and the exit status is 1.

    Example: hoga heal data
    """
    from time import time_ns

    from hoga.app.heal import heal as heal_path
    from hoga.runtime.loop import run

    require_archive([path])
    report = run(heal_path(path, load_for_run(config, settings, None), now_ns=time_ns()))
    if as_json:
        print_json({"ok": report.ok, "done": report.done, "failed": report.failed, "gaps": report.gaps})
        return 0 if report.ok else 1
    for done in report.done:
        print_text(f"{done.what}: {done.rows} trades from {', '.join(done.sources)}")
    for failed in report.failed:
        error_line(f"{failed.what}: {failed.why}")
    healed = sum(done.rows for done in report.done)
    print_text(f"{healed:,} trades healed" + (f"; {len(report.failed)} holes stay" if report.failed else "; nothing is missing by its ids"))
    return 0 if report.ok else 1


async def _one(job: Job) -> BackfillReport:
    from hoga.history.backfill import backfill as fetch

    with Progress(f"{job.venue} {job.kind.name}") as progress:
        told = 0

        def step(done: int, total: int) -> None:
            nonlocal told
            progress.advance(done - told, total=total)
            told = done

        return await fetch(job, step)


def _day(option: str, text: str) -> date:
    if not is_day(text):
        raise mistake(option, text, "a day as YYYY-MM-DD")
    return date.fromisoformat(text)


def _document(report: BackfillReport, *, dry_run: bool) -> dict[str, object]:
    document: dict[str, object] = {"ok": report.ok, "done": report.done, "failed": report.failed}
    if dry_run:
        document["planned"] = [{"what": name, "bytes": size, "here": here} for name, size, here in report.planned]
    return document


def _print(report: BackfillReport, jobs: list[Job], *, dry_run: bool) -> None:
    if dry_run:
        rows = [[name, f"{size:,}", "here" if here else "to fetch"] for name, size, here in report.planned]
        print_table(["file", "bytes", ""], rows, right=frozenset({1}))
    for done in report.done:
        for finding in done.findings:
            note(f"{done.what}: {finding}")
    for failed in report.failed:
        error_line(f"{failed.what}: {failed.why}")
    if not dry_run:
        rows_in_all = sum(done.rows for done in report.done)
        places = ", ".join(dict.fromkeys(str(job.folder) for job in jobs))
        left = f"; {len(report.failed)} not, or in doubt" if report.failed else ""
        print_text(f"{len(report.done)} files with {rows_in_all:,} rows are in {places}, proven{left}")
