"""app.report: the report of a journal: read once, proven while it is read, written as one page beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import hoga.dashboard
import hoga.report
from hoga.audit.folder import journals_in, read_head
from hoga.audit.holding import is_held
from hoga.audit.reading import Walk, last_start
from hoga.audit.verify import AuditProblem, verify
from hoga.core.errors import ArchiveError
from hoga.report.page import Assets, Proof, render
from hoga.runtime.durable import write_file
from hoga.trading.outcome import OutcomeBuilder
from hoga.trading.told import Outcome

__all__ = ["REPORT_FILE", "Report", "read_report", "write_report"]

REPORT_FILE = "report.html"


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


def write_report(report: Report, out: Path, *, lang: str) -> None:
    """Write its page. Raises ArchiveError, DiskFull, OSError."""
    write_file(out, [render(report.outcome, report.proof, lang=lang, assets=_assets()).encode()])


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
