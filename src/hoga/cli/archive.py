"""cli.archive: `hoga verify`, `consolidate`, `ls` and `cat`: what is on disk, whether it is sound, and what it says."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import kinds, series
from hoga.cli._output import Progress, error_line, note, print_json, print_table, print_text, share_text
from hoga.cli._recorded import Fill, mistake, pick, recorded_span, require_archive, require_day, require_kind, time_of
from hoga.core.errors import ArchiveError, HogaError
from hoga.core.times import iso_of

if TYPE_CHECKING:
    from hoga.archive.form.seriesday import SeriesDay
    from hoga.archive.prove.report import BookRow, Problem, VerifyReport
    from hoga.archive.read.catalog import CatalogRow
    from hoga.quality.incidents import Incident

__all__ = ["register"]

_JSON = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
_SHOWN = 200
_INCIDENTS_SHOWN = 10
_UNPROVABLE = {
    "no-book": "before a snapshot or after a hole in the deltas",
    "between": "at an id where no delta ends",
    "beyond": "farther out than the snapshot reached",
}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("verify")(verify)
    app.command("consolidate")(consolidate)
    app.command("ls")(ls)
    app.command("cat")(cat)


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Data folders, LOB_DIRs, temporary folders or single files.")],
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=0, help="Processes at once. 0: as many as pay.")] = 0,
    books: Annotated[bool, typer.Option("--books", help="Rebuild the books from snapshots and deltas, too, and compare.")] = False,
    as_json: _JSON = False,
) -> int:
    """Recompute every number of the archive from its bytes.

    What does not agree is named. Exit status 1 when there is a problem. Findings (a crossed book, an open minute) are no problems.
    With --books every recorded book, and what the recorder noted of its own, is held against the book that archived snapshots and
    deltas give. What cannot be rebuilt is told as a share.

    Example: hoga verify data -j 4
    """
    from hoga.archive.prove import verify as archive

    require_archive(paths)
    with Progress("verify, MB") as progress:
        shown = 0

        def show(done: int, whole: int) -> None:
            nonlocal shown
            progress.advance(done // 1_000_000 - shown, total=whole // 1_000_000)
            shown = done // 1_000_000

        report = archive.verify(paths, jobs=jobs or None, progress=show, books=books)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    return 0 if report.ok else 1


def consolidate(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A data folder, a LOB_DIR or a temporary folder.")],
    day: Annotated[str | None, typer.Option(metavar="D", help="Only this day, YYYY-MM-DD; today is left alone unless named here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the minutes after the day was read back.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Write manifests for day files of the classic recorder, too.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Make merged days Parquet, also those merged before.")] = False,
    as_json: _JSON = False,
) -> int:
    """Merge the minutes of finished days into their day files.

    Each day is written beside its place, read back, compared, and only then are its minutes removed. Exit status 1
    when a day could not be merged; its minutes are untouched then. A day that was merged although lines of its ledger
    were lost is told as failed, too.

    Example: hoga consolidate data --day 2026-11-20
    """
    from hoga.archive.form.discover import discover
    from hoga.archive.keep.classic import classic_day

    require_archive([path])
    require_day(day)
    today = datetime.now(UTC).date().isoformat()
    found = discover([path])
    days = [each for each in found.days if not each.only]
    bare = [each for each in days if day in (None, each.day) and classic_day(each) is not None]
    due = [each for each in days if each.folder.is_dir() and (each.day == day if day else each.day < today)]
    done: list[dict[str, object]] = []
    failed = [{"what": str(each), "why": f"cannot be listed: {why}"} for each, why in found.unread]
    jobs = [(_adopt_day, each) for each in bare if adopt and each not in due] + [(partial(_merge_day, keep=keep), each) for each in due]
    jobs += [(_convert_day, each) for each in found.days if parquet and not each.only and day in (None, each.day)]
    with Progress("consolidate", total=len(jobs)) as progress:
        for job, each in jobs:
            try:
                job(each, done, failed)
            except HogaError as error:
                failed.append({"what": each.stem, "why": str(error)})
            progress.advance()
    if as_json:
        print_json({"ok": not failed, "done": done, "failed": failed})
    else:
        for item in done:
            print_text(f"{item['what']}: {item['state']}, {item['segments']} segments, {item['records']} records")
        for trouble in failed:
            print_text(f"{trouble['what']}: failed: {trouble['why']}")
        print_text(f"{len(done)} days done, {len(failed)} failed")
    if bare and not adopt:
        note(f"{len(bare)} days of the classic recorder have no manifest: --adopt writes it")
    return 1 if failed else 0


def _merge_day(day: SeriesDay, done: list[dict[str, object]], failed: list[dict[str, str]], *, keep: bool) -> None:
    from hoga.archive.form.discover import venue_of
    from hoga.archive.keep.merge import merge_day

    result = merge_day(
        day,
        venue=venue_of(day.directory),
        archive_format=_format_of(day),
        purge=not keep,
    )
    done.append({"what": day.stem, "state": result.state, "segments": result.segments, "records": result.records})
    failed += [{"what": day.stem, "why": f"merged, but its account is not whole: {flaw}"} for flaw in result.flaws]


def _convert_day(day: SeriesDay, done: list[dict[str, object]], _failed: list[dict[str, str]]) -> None:
    from hoga.archive.form.manifest import read_manifest
    from hoga.archive.keep.convert import convert_day

    try:
        made = convert_day(day)
    except ValueError as fault:
        raise ArchiveError(day.manifest_path, f"the day stays as it is: {fault}") from fault
    manifest = read_manifest(day.manifest_path)
    if made is not None and manifest is not None:
        done.append({"what": day.stem, "state": "parquet", "segments": len(manifest.segments), "records": manifest.records})


def _adopt_day(day: SeriesDay, done: list[dict[str, object]], _failed: list[dict[str, str]]) -> None:
    from hoga.archive.form.discover import venue_of
    from hoga.archive.keep.classic import adopt

    manifest = adopt(day, venue=venue_of(day.directory))
    done.append({"what": day.stem, "state": "adopted", "segments": len(manifest.segments), "records": manifest.records})


def ls(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A data folder, a LOB_DIR or a file.")] = Path("data"),
    as_json: _JSON = False,
) -> int:
    """List what is recorded: one line per series and day.

    Of the whole day, as far as it has come: what is proven by ids, what is recorded and cannot be proven, what is missing. Then how much
    was recorded since recording began in it. Exit status 1 when a manifest or a ledger is damaged; the
    other series are listed all the same.

    Example: hoga ls data
    """
    from hoga.archive.form.discover import discover
    from hoga.archive.read.catalog import listing

    require_archive([path])
    rows, incidents = listing([path], now_ns=time_ns())
    for row in rows:
        if row.why is not None:
            error_line(row.why)
    unread = discover([path]).unread
    for folder, why in unread:
        error_line(f"{folder}: cannot be listed: {why}")
    status = 1 if unread or any(row.state == "damaged" for row in rows) else 0
    if as_json:
        print_json(rows)
        return status
    headings = [
        "venue",
        "symbol",
        "kind",
        "day",
        "records",
        "MB",
        "proven",
        "unprovable",
        "missing",
        "since start",
        "incidents",
        "gaps",
        "state",
    ]
    print_table(
        headings,
        [
            [
                row.venue,
                row.symbol,
                row.kind,
                row.day,
                "?" if row.records is None else str(row.records),
                "?" if row.bytes is None else f"{row.bytes / 1e6:.1f}",
                share_text(row.proven),
                share_text(row.unprovable),
                share_text(row.missing, up=True),
                share_text(row.coverage_since),
                "?" if row.incidents is None else str(row.incidents),
                "?" if row.gaps is None else str(row.gaps),
                row.state,
            ]
            for row in rows
        ],
        right=frozenset(range(4, 12)),
        spare=(5, 7, 10, 9, 6),
    )
    _tell_collectors(path, rows)
    _tell_incidents(incidents)
    _tell_beginnings(path)
    return status


def _tell_collectors(path: Path, rows: list[CatalogRow]) -> None:
    """Of a union: its collectors side by side."""
    from hoga.relay.gathered import read_state, side_by_side

    found = side_by_side(rows, read_state(path, now_ns=time_ns()))
    if not found:
        return
    headings = ["collector", "days", "received", "recorded", "won", "gaps", "absent", "last seen", "state"]
    print_text("")
    print_table(
        headings,
        [
            [
                each.name,
                str(each.days),
                "?" if each.received is None else str(each.received),
                str(each.records),
                "?" if each.won is None else str(each.won),
                str(each.gaps),
                str(each.absent),
                "-" if each.last_ns is None else iso_of(each.last_ns)[:19],
                each.state,
            ]
            for each in found
        ],
        right=frozenset(range(1, 7)),
        spare=(6, 3),
    )


def _tell_beginnings(path: Path) -> None:
    """Recorders at work of which nothing is sealed yet: since when, and when there will be something."""
    from hoga.archive.form.discover import discover
    from hoga.archive.read.openminute import OpenMinutes, recorder_at_work

    found = discover([path])
    for folder, (began_ns, seals_ns) in sorted(OpenMinutes(found.journals).began().items()):
        home = folder.parent.parent.parent
        if recorder_at_work(folder) and not any(day.directory.is_relative_to(home) for day in found.days):
            note(f"{home.name}: recording since {iso_of(began_ns)[11:16]}; the first minute seals at {iso_of(seals_ns)[11:16]} (UTC)")


def cat(
    target: Annotated[
        str,
        typer.Argument(metavar="PATH|VENUE:SYMBOL", help="A file or folder of the archive, or a series by name.", autocompletion=series),
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="K", help="orderbook, execution, delta, quote, … [default: all].", autocompletion=kinds)
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="T", help="Received at or after this time (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="Received before this time (UTC).")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data folder of VENUE:SYMBOL.")] = Path("data"),
    fill: Fill = True,
) -> int:
    """Print records as JSONL, exactly as they are recorded.

    The open minute is included. Trades that hoga heal has fetched stand where their ids say; their recvNs is null, and healedFrom says
    where they are from. Times are ISO-8601, a day, or a number of seconds, milliseconds, microseconds or nanoseconds.
    Text is proven before it is printed: where a file is damaged, the lines before it are printed, then one line on stderr, exit status 1.

    Example: hoga cat binance:BTCUSDT --kind orderbook --start 2026-11-20T13:15 --end 2026-11-20T13:20
    """
    from hoga.archive.keep.leftover import neighbours
    from hoga.archive.read.reader import read_blocks

    start_ns, end_ns = time_of("--start", start), time_of("--end", end)
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise mistake("--start", str(start), f"a time before --end {end}")
    picked = pick(target, data)
    require_kind(kind, picked.days)
    if not (picked.days or picked.found.unread or picked.journals or neighbours(Path(target))):  # these may have its first minute
        raise mistake("PATH", target, "something that is recorded; nothing of an archive is here")
    printed = False
    try:
        for block in read_blocks(picked.days, kind=kind, start_ns=start_ns, end_ns=end_ns, journals=picked.journals, fill=fill):
            printed = True
            sys.stdout.buffer.write(block.text)
        sys.stdout.buffer.flush()
        picked.found.require_whole()
    except BrokenPipeError:  # `hoga cat … | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if not printed:
        note(_why_nothing(picked.days, kind, start, end))
    return 0


def _why_nothing(days: list[SeriesDay], kind: str | None, start: str | None, end: str | None) -> str:
    kinds = sorted({day.kind for day in days})
    if kind is not None and kind not in kinds:
        return f"no {kind} is recorded here; recorded: {', '.join(kinds) or 'nothing'}"
    span = recorded_span([day for day in days if kind in (None, day.kind)])
    when = f" between {start or 'the beginning'} and {end or 'now'}" if start or end else " here"
    return f"nothing{when}; recorded: {span or 'nothing yet'}"


def _format_of(day: SeriesDay) -> str:
    """The archive format the day's minutes are in."""
    return "zst" if any(path.name.endswith(".zst") for path in day.folder.iterdir()) else "zip"


def _print_report(report: VerifyReport) -> None:
    from hoga.archive.prove.report import grouped
    from hoga.quality.incidents import count_text

    for kind, items in (("problem", grouped(report.problems)), ("finding", grouped(report.findings))):
        for item in items[:_SHOWN]:
            print_text(f"{kind}: {_line_of(item)}")
        if len(items) > _SHOWN:
            print_text(f"… and {len(items) - _SHOWN} more lines of {kind}s; --json lists all")
    for row in report.books:
        print_text(_book_line(row))
    _tell_incidents(report.incidents)
    problems = sum(item.count for item in report.problems)
    verdict = "good" if report.ok else f"{problems} problem{'s' if problems > 1 else ''}"
    counts = f"{report.archives} archives, {report.segments} segments, {report.records} records"
    happened = count_text(len(report.incidents), report.gaps)
    print_text(f"{verdict}: {counts}, {happened} in the ledger, {report.missed} records known to be missed")


def _book_line(row: BookRow) -> str:
    """What rebuilding a symbol's books of a day proved."""
    told = f"{row.proven / row.records:.2%} of {row.records:,} proven" if row.records else "none recorded"
    reasons = [f"{count:,} {_UNPROVABLE[reason]}" for reason, count in row.unprovable.items()]
    unprovable = sum(row.unprovable.values())
    parts = [told]
    if row.differs:
        parts.append(f"{row.differs:,} DIFFER")
    if unprovable:
        parts.append(f"{unprovable / row.records:.2%} cannot be rebuilt ({', '.join(reasons)})")
    parts.append(f"{row.snapshots:,} snapshots, {row.snapshots_proven:,} of them proven by the deltas before")
    if row.digests:
        parts.append(f"{row.digests_proven:,} of {row.digests:,} digests proven")
    if row.skipped:
        parts.append(f"{row.skipped:,} lines could not be read")
    if row.unread is not None:
        parts.append(f"not read to the end: {row.unread}")
    speed = (row.records + row.deltas) / row.seconds if row.seconds else 0.0
    return f"books: {row.venue} {row.symbol} {row.day}: {'; '.join(parts)} ({speed:,.0f} records/s)"


def _tell_incidents(incidents: list[Incident]) -> None:
    """What happened, newest last, on stderr: scripts read the table or the counts."""
    from hoga.quality.incidents import describe

    for incident in incidents[-_INCIDENTS_SHOWN:]:
        note(f"incident: {iso_of(incident.from_ns)}: {describe(incident)}")
    if len(incidents) > _INCIDENTS_SHOWN:
        note(f"{len(incidents) - _INCIDENTS_SHOWN} earlier incidents are not shown; verify --json lists all")


def _line_of(item: Problem) -> str:
    at = "" if item.offset is None else f" at {item.offset}"
    more = f"; and {item.count - 1:,} more" if item.count > 1 else ""
    return f"{item.file}: {item.kind}{at}: {item.detail}{more}"
