"""cli.coverage: `hoga coverage`."""

from __future__ import annotations

from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import error_line, note, print_json, print_text, print_wrapped, share_text
from hoga.cli._recorded import mistake, nearest, require_archive
from hoga.cli._written import require_replaceable

if TYPE_CHECKING:
    from hoga.history.coverage import CoverageDay, Facts

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga coverage` to `app`."""
    app.command("coverage")(coverage)


def coverage(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A data folder, a LOB_DIR or a file.")] = Path("data"),
    page: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as one page that needs nothing else.")] = None,
    lang: Annotated[str, typer.Option(metavar="L", help="Of the page: en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Tell what is recorded and what is missing.

    For each stream and day three shares, with the reasons: proven by ids; recorded, and nothing can prove that it is all; missing or
    suspect. Exit status 1 when a manifest or a ledger is damaged, or a folder cannot be listed; the rest is told all the same.

    Example: hoga coverage data --html coverage.html
    """
    from hoga.history.coverage import coverage_facts
    from hoga.history.coverage_words import LANGUAGES

    require_archive([path])
    if lang not in LANGUAGES:
        raise mistake("--lang", lang, f"one of {', '.join(LANGUAGES)}", nearest=nearest(lang, list(LANGUAGES)))
    if page is not None:
        if page.is_dir() or not page.parent.is_dir():
            raise mistake("--html", str(page), "a file in a folder that exists")
        require_replaceable("--html", page, [path])
    facts = coverage_facts([path], now_ns=time_ns())
    if page is not None:
        _write(facts, page, lang)
    if as_json:
        print_json([_row(each) for series in facts.series for each in series.days])
    elif page is None:
        _print(facts)
    else:
        print_text(f"{page}: {len(facts.series)} streams, {sum(len(series.days) for series in facts.series)} days")
    damaged = [each.row.why for series in facts.series for each in series.days if each.row.why is not None]
    for why in damaged:
        error_line(why)
    for folder, reason in facts.unread:
        error_line(f"{folder}: cannot be listed: {reason}")
    return 1 if damaged or facts.unread else 0


def _row(each: CoverageDay) -> dict[str, object]:
    import msgspec

    return {**msgspec.structs.asdict(each.row), "holes": each.holes}


def _print(facts: Facts) -> None:
    from hoga.core.times import iso_of
    from hoga.quality.incidents import describe

    for series in facts.series:
        rate = "" if series.gaps_per_million is None else f"  ({series.gaps_per_million:,.1f} gaps per million records)"
        print_text(f"{series.venue} {series.symbol} {series.kind}{rate}")
        for each in series.days:
            row = each.row
            if row.missing is None:
                print_text(f"  {row.day}  {row.state}: nobody kept an account")
                continue
            reasons = ", ".join(f"{reason} {share_text(share, up=True)}" for reason, share in (row.reasons or {}).items())
            shares = f"proven {share_text(row.proven)}  unprovable {share_text(row.unprovable)}  missing {share_text(row.missing, up=True)}"
            print_wrapped(f"  {row.day}  {shares}{f'  ({reasons})' if reasons else ''}", hang=14)
            for one in row.collectors or ():
                received = "?" if one.received is None else f"{one.received:,}"
                won = "?" if one.won is None else f"{one.won:,}"
                print_text(f"              {one.name}: received {received}, won {won}, {one.gaps} gaps")
            if row.absent:
                print_text(f"              may be missing: what {', '.join(row.absent)} has (did not answer)")
    for incident in facts.incidents[-20:]:
        note(f"incident: {iso_of(incident.from_ns)}: {describe(incident)}")
    if len(facts.incidents) > 20:
        note(f"{len(facts.incidents) - 20} earlier incidents are not shown; --html or --json lists all")


def _write(facts: Facts, page: Path, lang: str) -> None:
    from hoga.history import coverage_page
    from hoga.runtime.durable import write_result

    static = Path(coverage_page.__file__).parent / "static"
    style, script = ((static / name).read_text(encoding="utf-8") for name in ("coverage.css", "coverage.js"))
    write_result(page, [coverage_page.render(facts, lang=lang, style=style, script=script).encode(errors="backslashreplace")])
