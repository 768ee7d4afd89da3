"""cli.audit: `hoga audit verify`, `why` and `timeline`: the journal of orders, proven, explained, told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, require_present, time_of

if TYPE_CHECKING:
    from hoga.audit.chain import Record
    from hoga.audit.reading import Walk
    from hoga.audit.telling import Row
    from hoga.audit.verify import AuditProblem

__all__ = ["register"]

_JSON = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
_PATH = Annotated[Path, typer.Argument(metavar="PATH", help="A trader's data folder, or its journal.")]
_SHOWN = 200
_MOST_WIDE = 40
"""Beside time and kind, on 100 columns: what is longer pushes its own WHY to the right, and nobody else's."""


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(help="The journal of orders: proven, explained, told.", no_args_is_help=True)
    group.command("verify")(verify)
    group.command("why")(why)
    group.command("timeline")(timeline)
    app.add_typer(group, name="audit")


def verify(
    path: _PATH,
    seal: Annotated[
        list[str] | None, typer.Option("--seal", metavar="N:HASH", help="A seal that was kept elsewhere; may be given again.")
    ] = None,
    as_json: _JSON = False,
) -> int:
    """Prove that a journal is as it was written.

    Every record's hash is computed anew, and held against the head and the small files beside. A byte that differs, a record or a file
    that is missing or was moved, and a tail that was cut are problems: exit status 1.

    Example: hoga audit verify data
    """
    from hoga.audit import verify as audit

    _require_folder(path)
    report = audit.verify(path, seals=dict(_seal_of(each) for each in seal or ()))
    if as_json:
        print_json(report)
        return 0 if report.ok else 1
    for word, items in (("problem", report.problems), ("finding", report.findings)):
        for item in items[:_SHOWN]:
            print_text(f"{word}: {_line_of(item)}")
        if len(items) > _SHOWN:
            print_text(f"… and {len(items) - _SHOWN} more {word}s; --json lists all")
    for each in report.journals:
        state = "being written" if each.open else "sealed" if each.sealed else "not sealed"
        counts = f"{each.records} records of {each.lives} lives in {each.files} files"
        print_text(f"{each.folder}: {counts}, {state}; record {each.last_n} is {each.hash}")
    print_text("good" if report.ok else f"{len(report.problems)} problem{'s' if len(report.problems) > 1 else ''}")
    return 0 if report.ok else 1


def why(
    id: Annotated[str, typer.Argument(metavar="ID", help="A client id, a venue's id, a trade, a round or an incident.")],
    path: _PATH,
    as_json: _JSON = False,
) -> int:
    """Tell the whole story of one order: why it was wanted, what was sent, what the venue said, and how it ended.

    Exit status 1 when the journal knows no such id, or is not as it was written.

    Example: hoga audit why hg17s1-3f2 data
    """
    from hoga.audit.telling import story

    _require_folder(path)
    records = _Records(path)
    rows = story(records, id)
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, causes=True)
    if not rows:
        note(f"nothing in {path} has the id {id}; `hoga audit timeline {path}` shows what there is")
    return 0 if rows and records.tell_faults() else 1


def timeline(
    path: _PATH,
    start: Annotated[str | None, typer.Option(metavar="T", help="From this time on (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="Before this time (UTC).")] = None,
    symbol: Annotated[str, typer.Option(metavar="VENUE:SYMBOL", help="Only of this instrument.")] = "",
    kind: Annotated[str, typer.Option(metavar="K", help="Only of this kind: order, order.fill, state, …")] = "",
    as_json: _JSON = False,
) -> int:
    """Tell what happened, a line a record: time, what, why.

    Exit status 1 when the journal is not as it was written.

    Example: hoga audit timeline data --kind order.fill
    """
    from hoga.audit.telling import timeline as told

    _require_folder(path)
    records = _Records(path)
    since = time_of("--start", start) if start else 0
    rows = list(told(records, symbol=symbol, kind=kind, since=since or 0, until=time_of("--end", end) if end else None))
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, causes=False)
    return 0 if records.tell_faults() else 1


def _require_folder(path: Path) -> None:
    """Raises ConfigError for what is not there, and for what can be no journal."""
    require_present([path])
    if not path.is_dir():
        raise mistake("PATH", f"the file {path}", "a trader's data folder, or its journal")


class _Records:
    """The records of all journals below a path, by time; may be read once."""

    def __init__(self, path: Path) -> None:
        from hoga.audit.folder import journals_in
        from hoga.audit.reading import Walk
        from hoga.core.errors import ArchiveError

        folders = journals_in(path)
        if not folders:
            raise ArchiveError(path, "there is no journal of orders here", hint="a trader's folder has one in journal/")
        self._walks: list[Walk] = [Walk(each) for each in folders]

    def __iter__(self) -> Iterator[Record]:
        import heapq

        yield from heapq.merge(*(each.records() for each in self._walks), key=lambda record: record.t)

    def tell_faults(self) -> bool:
        """Whether all of it could be read; what could not is told on stderr."""
        faults = [fault for walk in self._walks for fault in walk.faults]
        for each in faults[:_SHOWN]:
            note(f"not as it was written: {each.file}, line {each.line}: {each.detail}")
        return not faults


def _print_rows(rows: list[Row], *, causes: bool) -> None:
    if not rows:
        return
    cells = []
    for row in rows:
        cells.append([row.time, row.kind, row.what, row.why])
        if causes and row.cause:
            cells.append(["", "  because of", " ".join(f"{name}={value}" for name, value in row.cause.items()), ""])
        if causes and row.raw is not None:
            cells.append(["", "  the venue", str(row.raw), ""])
    print_table(["TIME", "KIND", "WHAT", "WHY"], cells, most=_MOST_WIDE)


def _line_of(item: AuditProblem) -> str:
    at = f", line {item.line}" if item.line else "" if item.offset is None else f" at {item.offset}"
    return f"{item.file or 'journal'}{at}: {item.kind}: {item.detail}"


def _seal_of(text: str) -> tuple[int, str]:
    hit = re.fullmatch(r"(\d+):([0-9a-f]{64})", text.strip())
    if hit is None:
        raise mistake("--seal", text, "a record's number, a colon and its hash of 64 hex digits")
    return int(hit[1]), hit[2]
