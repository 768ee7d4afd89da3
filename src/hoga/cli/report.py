"""cli.report: `hoga report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hoga.cli._output import error_line, note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, nearest, require_present

if TYPE_CHECKING:
    from hoga.app.trading import TradeEnd
    from hoga.trading.told import Outcome

__all__ = ["end_run", "register", "show"]

_End = TypeVar("_End", bound="TradeEnd")


def register(app: typer.Typer) -> None:
    """Add `hoga report` to `app`."""
    app.command("report")(report)


def report(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="A trader's data folder, or a journal's own.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The page; by default report.html in the journal.")
    ] = None,
    lang: Annotated[str, typer.Option(metavar="L", help="Of the page: en or ko.")] = "en",
    last: Annotated[bool, typer.Option("--last", help="Of the last start only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Tell what came of a run, as one page.

    It is made of the journal alone, which is proven while it is read. Exit status 1 when it is not as it was written; the page is made
    of what could be read, and says so.

    Example: hoga report data -o report.html --lang ko
    """
    from hoga.app.report import REPORT_FILE, read_report, write_report
    from hoga.report.words import LANGUAGES
    from hoga.trading.told import figures

    require_present([journal])
    if lang not in LANGUAGES:
        raise mistake("--lang", lang, f"one of {', '.join(LANGUAGES)}", nearest=nearest(lang, list(LANGUAGES)))
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise mistake("--out", str(out), "a file in a folder that exists")
    found = read_report(journal, last=last)
    page = out or found.folder / REPORT_FILE
    write_report(found, page, lang=lang)
    if as_json:
        about = {"ok": found.proof.ok, "report": str(page), "journal": str(found.folder), "proof": found.proof}
        print_json(about | {"figures": figures(found.outcome), "outcome": found.outcome})
    else:
        show(found.outcome)
        for each in found.proof.problems[:20]:
            error_line(f"not as it was written: {each}")
        print_text(f"report: {page}")
    return 0 if found.proof.ok else 1


def end_run(end: _End, *, as_json: bool, verdict: Callable[[_End], object]) -> int:
    """The end of a run of any mode: its report is written, its figures and its verdict are printed; the exit status.

    A report that cannot be written is one line on stderr, and changes nothing else.
    """
    import msgspec

    from hoga.app.report import REPORT_FILE, read_report, write_report
    from hoga.core.errors import HogaError
    from hoga.trading.told import figures

    page, outcome = "", None
    try:
        found = read_report(Path(end.journal), last=True)
        outcome = found.outcome
        write_report(found, found.folder / REPORT_FILE, lang="en")
        page = str(found.folder / REPORT_FILE)
    except (HogaError, OSError) as fault:
        note(f"no report was written: {fault}; `hoga report {end.journal}` makes it")
    if as_json:
        print_json(msgspec.structs.replace(end, report=page, figures={} if outcome is None else figures(outcome)))
    else:
        if outcome is not None:
            show(outcome)
        verdict(end)
        if page:
            print_text(f"report: {page}")
    return 0 if end.ok else 1


def show(found: Outcome) -> None:
    """The figures that matter, in 80 columns."""
    rows = [
        [
            each.currency,
            f"{each.rounds.rounds:,}",
            "" if each.rounds.win_rate is None else f"{each.rounds.win_rate * 100:.1f}%",
            "" if each.rounds.profit_factor is None else f"{each.rounds.profit_factor:.2f}",
            _signed(each.realized),
            _signed(each.unrealized),
            each.fees,
            _signed(each.funding),
            _signed(each.net),
            each.drawdown,
        ]
        for each in found.money
    ]
    if rows:
        headings = ["", "ROUNDS", "WON", "PF", "REALIZED", "OPEN", "FEES", "FUNDING", "NET", "DRAWDOWN"]
        print_table(headings, rows, right=frozenset(range(1, 10)))
    orders = found.orders
    ends = ", ".join(f"{orders[name]:,} {name}" for name in ("filled", "canceled", "expired", "rejected", "unknown") if orders[name])
    print_text(f"{orders['sent']:,} orders{f' ({ends})' if ends else ''}, {found.fills:,} fills, {orders['denied']:,} denied")
    if found.denials:
        print_text(f"denied: {', '.join(f'{code} {count:,}' for code, count in list(found.denials.items())[:5])}")
    slips = ", ".join(f"{each.symbol} {each.taken.bp:+.2f} bp" for each in found.symbols[:3] if each.taken.bp is not None)
    if slips:
        print_text(f"slippage against the mid: {slips}")
    if found.doubts_in_all or found.ladder_moves:
        print_text(f"gaps and doubts in the data: {found.doubts_in_all:,}; changes of the ladder: {found.ladder_moves:,}")


def _signed(text: str) -> str:
    return text if text.startswith("-") or not text.strip("0.") else f"+{text}"
