"""cli.report: `hoga report`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hoga.cli._output import error_line, note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, nearest, require_present
from hoga.cli._written import require_replaceable

if TYPE_CHECKING:
    from hoga.app.report import Report
    from hoga.app.trader.trading import TradeEnd
    from hoga.trading.choosing import Try
    from hoga.trading.told import Outcome

__all__ = ["end_run", "register", "show"]

_MOST_BYTES = 100_000_000
_End = TypeVar("_End", bound="TradeEnd")


def register(app: typer.Typer) -> None:
    """Add `hoga report` to `app`."""
    app.command("report")(report)


def report(
    journals: Annotated[list[Path], typer.Argument(metavar="JOURNAL…", help="A data folder, or a journal's own; of several a comparison.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The page; by default report.html in the journal.")
    ] = None,
    lang: Annotated[str, typer.Option(metavar="L", help="Of the page: en or ko.")] = "en",
    last: Annotated[bool, typer.Option("--last", help="Of the last start only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Tell what came of a run, as one page.

    It is made of the journal alone, which is proven while it is read. Exit status 1 when it is not as it was written; the page is made
    of what could be read, and says so. Several journals, or a folder of them, are compared: a table, a heat map, and what choosing the
    best of them is worth.

    Example: hoga report data -o report.html --lang ko
    """
    from hoga.app.report import journals_below
    from hoga.report.words import LANGUAGES

    require_present(journals)
    if lang not in LANGUAGES:
        raise mistake("--lang", lang, f"one of {', '.join(LANGUAGES)}", nearest=nearest(lang, list(LANGUAGES)))
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise mistake("--out", str(out), "a file in a folder that exists")
    if out is not None:
        require_replaceable("--out", out, journals)
    folders = [folder for each in journals for folder in journals_below(each)]
    if len(journals) == 1 and folders == journals:
        return _one(folders[0], out, lang=lang, last=last, as_json=as_json)
    return _several(folders, out, whole=journals[0] if len(journals) == 1 else Path(), lang=lang, last=last, as_json=as_json)


def _one(folder: Path, out: Path | None, *, lang: str, last: bool, as_json: bool) -> int:
    from hoga.app.report import REPORT_FILE, read_report, write_report
    from hoga.trading.told import figures

    found = read_report(folder, last=last)
    page = out or found.folder / REPORT_FILE
    write_report(found, page, lang=lang)
    if as_json:
        about = {"ok": found.proof.ok, "report": str(page), "journal": str(found.folder), "proof": found.proof}
        print_json(about | {"figures": figures(found.outcome), "outcome": found.outcome})
    else:
        show(found.outcome)
        _tell_problems(found)
        print_text(f"report: {page}")
    return 0 if found.proof.ok else 1


def _several(folders: list[Path], out: Path | None, *, whole: Path, lang: str, last: bool, as_json: bool) -> int:
    from hoga.app.report import COMPARISON_FILE, read_report, try_of, write_comparison
    from hoga.core.errors import ArchiveError
    from hoga.report.comparison import varying
    from hoga.trading.choosing import choose

    if not folders:
        raise ArchiveError(whole, "there is no journal of orders here", hint="a trader's folder has one in journal/")
    found = [read_report(each, last=last) for each in folders]
    tries = [try_of(each) for each in found]
    page = out or whole / COMPARISON_FILE
    write_comparison(tries, page, lang=lang)
    good = all(each.proof.ok for each in found)
    if as_json:
        print_json({"ok": good, "report": str(page), "runs": tries, "chosen": choose(tries)})
    else:
        names = varying(tries)
        rows = [[each.name, *(each.parameters.get(name, "") for name in names), *_short_cells(each)] for each in tries]
        print_table(
            ["RUN", *(name.upper() for name in names), "NET", "", "ROUNDS", "WON", "RATIO"], rows, right=frozenset(range(1, len(names) + 6))
        )
        for each in found:
            _tell_problems(each)
        print_text(f"report: {page}")
    return 0 if good else 1


def _short_cells(each: Try) -> list[str]:
    figures = each.figures
    won = "" if figures["win_rate"] is None else f"{figures['win_rate'] * 100:.1f}%"
    ratio = "" if figures["ratio"] is None else f"{figures['ratio']:.3f}"
    return [_signed(figures["net"] or "0"), figures["currency"], f"{figures['rounds']:,}", won, ratio]


def _tell_problems(found: Report) -> None:
    for each in found.proof.problems[:20]:
        error_line(f"{found.folder} is not as it was written: {each}")


def end_run(end: _End, *, as_json: bool, verdict: Callable[[_End], object]) -> int:
    """The end of a run of any mode: its report is written, its figures and its verdict are printed; the exit status.

    A report that cannot be written is one line on stderr, and changes nothing else. A trader that is stopped by who does not look (a
    service) does not read a journal of more than 100 MB at its end: it is to be gone in seconds.
    """
    import msgspec

    from hoga.app.report import REPORT_FILE, bytes_of_last, read_report, write_report
    from hoga.core.errors import ArchiveError
    from hoga.trading.told import figures

    page, outcome = "", None
    try:
        size = bytes_of_last(Path(end.journal))
        if end.mode != "backtest" and size > _MOST_BYTES and not sys.stdout.isatty():
            raise ArchiveError(end.journal, f"the journal of this start has {size / 1e6:,.0f} MB")
        found = read_report(Path(end.journal), last=True)
        outcome = found.outcome
        write_report(found, found.folder / REPORT_FILE, lang="en")
        page = str(found.folder / REPORT_FILE)
    except Exception as fault:  # noqa: BLE001  # the run is over, and its status stands, whatever is wrong with its page
        note(f"no report was written: {fault}; `hoga report {end.journal} --last` makes it")
    if as_json:
        told = {} if outcome is None else {"figures": figures(outcome), "checks": outcome.checks}
        print_json(msgspec.structs.replace(end, report=page, **told))
    else:
        if outcome is not None:
            show(outcome)
            if outcome.money and outcome.money[0].net != end.pnl:
                print_text("that is of this start; the net below is since the journal began")
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
        print_text(f"denied: {', '.join(f'{code} {count:,}' for code, count in list(found.denials.items())[:3])}")
    stopped = max(found.checks.items(), key=lambda each: each[1][2], default=None)
    if stopped is not None and stopped[1][2]:
        name, (asked, _, first, _) = stopped
        print_text(f"conditions: {name!r} stopped most, as the first in {first:,} of {asked:,}")
    slips = ", ".join(f"{each.symbol} {each.taken.bp:+.2f} bp" for each in found.symbols[:3] if each.taken.bp is not None)
    if slips:
        print_text(f"slippage against the mid: {slips}")
    if found.doubts_in_all or found.ladder_moves:
        print_text(f"gaps and doubts in the data: {found.doubts_in_all:,}; changes of the ladder: {found.ladder_moves:,}")


def _signed(text: str) -> str:
    return text if text.startswith("-") or not text.strip("0.") else f"+{text}"
