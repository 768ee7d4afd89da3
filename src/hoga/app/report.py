"""app.report: the report of a journal: read once, proven while it is read, written as one page beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import hoga.dashboard
import hoga.report
from hoga.audit.folder import JOURNAL_FOLDER, journals_in, list_files, read_head
from hoga.audit.holding import is_held
from hoga.audit.reading import Walk, last_start
from hoga.audit.verify import AuditProblem, verify
from hoga.core.errors import ArchiveError
from hoga.report.comparison import render_comparison
from hoga.report.page import Proof, render
from hoga.report.parts import Assets
from hoga.runtime.durable import write_result
from hoga.trading.choosing import Try
from hoga.trading.outcome import OutcomeBuilder
from hoga.trading.told import Outcome, figures

__all__ = [
    "COMPARISON_FILE",
    "REPORT_FILE",
    "Report",
    "bytes_of_last",
    "journals_below",
    "read_report",
    "try_of",
    "write_comparison",
    "write_report",
]

REPORT_FILE = "report.html"
COMPARISON_FILE = "comparison.html"


class Report(NamedTuple):
    """What came of a run, and how far its journal is proven. `folder`: the journal's own."""

    folder: Path
    outcome: Outcome
    proof: Proof


def read_report(path: Path, *, last: bool = False) -> Report:
    """The report of the journal in a data folder, or of the one that `path` is. `last`: of its last start only, without reading all before.

    Raises ArchiveError where there is no journal, OSError.
    """
    folders = journals_in(path)
    if not folders:
        raise ArchiveError(path, "there is no journal of orders here", hint="a trader's folder has one in journal/")
    folder, builder = folders[0], OutcomeBuilder()
    since = last_start(folder) if last else 1
    proof = _prove(folder, builder) if since == 1 else _prove_since(folder, since, builder)
    for record in Walk(folder / "exit").records():  # what a live trader's exit came to stands in a journal of its own
        if record.kind == "emergency.end":
            builder.exited(record)
    return Report(folder, builder.result(), proof)


def bytes_of_last(folder: Path) -> int:
    """How long the journal of a folder's last start is. Raises OSError."""
    since = last_start(folder)
    return sum(each.path.stat().st_size for each in list_files(folder) if each.number >= since)


def write_report(report: Report, out: Path, *, lang: str) -> None:
    """Write its page. Raises ArchiveError, DiskFull, OSError."""
    write_result(out, [render(report.outcome, report.proof, lang=lang, assets=_assets()).encode()])


def journals_below(path: Path) -> list[Path]:
    """The folders that have a journal: `path` itself, or those right below it, by name. Raises OSError."""
    if journals_in(path) or not path.is_dir():
        return [path]
    return sorted(each for each in path.iterdir() if each.is_dir() and journals_in(each))


def try_of(report: Report) -> Try:
    """A run as one row of a comparison. Its name is that of the folder that its journal is in."""
    found = report.outcome
    named = report.folder.parent if report.folder.name == JOURNAL_FOLDER else report.folder
    return Try(
        name=named.resolve().name,
        mode=str(found.about.get("mode") or ""),
        grade=str(found.about.get("grade") or ""),
        verdict=found.verdict,
        parameters=_parameters(found),
        figures=figures(found),
    )


def _parameters(found: Outcome) -> dict[str, str]:
    """Of all strategies; with the strategy's name before them where they are not the same in each."""
    told = found.about.get("parameters")
    if not isinstance(told, dict):
        return {}
    parameters: dict[str, str] = {}
    for key, each in told.items():
        for name, value in each.items():
            alike = all(other.get(name) == value for other in told.values())
            parameters[name if alike else f"{key}.{name}"] = str(value)
    return parameters


def write_comparison(tries: Sequence[Try], out: Path, *, lang: str) -> None:
    """Write the page of many runs. Raises ArchiveError, DiskFull, OSError."""
    write_result(out, [render_comparison(tries, lang=lang, assets=_assets()).encode()])


def _prove(folder: Path, builder: OutcomeBuilder) -> Proof:
    found = verify(folder, each=builder.feed)
    told = found.journals[0]
    return Proof(
        ok=found.ok,
        records=told.records,
        first_n=1,
        last_n=told.last_n,
        hash=told.hash,
        sealed=told.sealed,
        open=told.open,
        problems=[_line(each) for each in found.problems],
        findings=[_line(each) for each in found.findings],
    )


def _prove_since(folder: Path, since: int, builder: OutcomeBuilder) -> Proof:
    """Of the last life alone."""
    walk = Walk(folder, since=since)
    records = first_n = 0
    kind = why = ""
    for record in walk.records():
        first_n = first_n or record.n
        records += 1
        kind, why = record.kind, str(record.fields.get("why"))
        builder.feed(record)
    problems = [f"{each.file}, line {each.line}: {each.kind}: {each.detail}" for each in walk.faults]
    is_open = is_held(folder)
    if not is_open:
        problems += _against_head(folder, walk)
    return Proof(
        ok=not problems,
        records=records,
        first_n=first_n,
        last_n=walk.last_n,
        hash=walk.last_hash.hex(),
        sealed=(kind, why) == ("seal", "end"),
        open=is_open,
        problems=problems,
        findings=[],
    )


def _against_head(folder: Path, walk: Walk) -> list[str]:
    try:
        head = read_head(folder)
    except ValueError as fault:
        return [f"head: {fault}"]
    if head is None:
        return ["head: is not there: whether the end was cut off cannot be told"]
    if head.n > walk.last_n:
        return [f"cut: record {head.n} was written; the last one that can be read is {walk.last_n}"]
    return []


def _line(each: AuditProblem) -> str:
    at = f", line {each.line}" if each.line else ""
    return f"{each.file or 'journal'}{at}: {each.kind}: {each.detail}"


def _assets() -> Assets:
    own = Path(hoga.report.__file__).parent / "static"
    vendor = Path(hoga.dashboard.__file__).parent / "static" / "vendor"
    texts = (own / "report.css", own / "report.js", vendor / "uPlot.min.css", vendor / "uPlot.iife.min.js")
    return Assets(*(each.read_text(encoding="utf-8") for each in texts))
