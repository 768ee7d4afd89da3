"""cli.drill: `hoga drill`, traders killed and lied to at a simulated exchange, as a table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hoga.cli._complete import cases as complete_cases
from hoga.cli._complete import venues as complete_venues
from hoga.cli._output import Progress, note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, nearest
from hoga.cli.config import JsonOption

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga drill` to `app`."""
    app.command("drill")(drill)


def drill(
    venue: Annotated[str, typer.Option(metavar="V", help="One venue [default: all three].", autocompletion=complete_venues)] = "",
    rounds: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How often each case is run.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CASE", help="This case alone, by its name; may be given several times.", autocompletion=complete_cases),
    ] = None,
    seed: Annotated[int, typer.Option(help="The markets and the order of cases are functions of this number.")] = 1,
    as_json: JsonOption = False,
) -> int:
    """Prove on this machine that no order is lost or sent twice.

    A trader at a simulated exchange is killed at every step of an order's life, its answers are lost, its listings fail, and the
    emergency exit is run beside it. Afterwards the journal, the trader and the exchange are compared. Nothing leaves this machine.

    Example: hoga drill --venue binance-usdm
    Example: hoga drill --only "kill before order.ack" --rounds 20
    """
    from hoga.app.drill.campaign import CaseResult, run_drill, work_of
    from hoga.app.drill.cases import cases_of
    from hoga.runtime.loop import run
    from hoga.simulator.arenas import ARENAS

    if venue and venue not in ARENAS:
        raise mistake("--venue", venue, f"one of {', '.join(ARENAS)}", nearest=nearest(venue, list(ARENAS)))
    known = [each.name for each in cases_of(1)]
    for name in only or ():
        if name not in known:
            raise mistake("--only", name, f"a case: {'; '.join(known)}", nearest=nearest(name, known))
    arenas = (ARENAS[venue],) if venue else tuple(ARENAS.values())
    total = len(work_of(arenas, rounds, frozenset(only or ())))
    if not total:
        raise mistake("--only", ", ".join(only or ()), f"a case that there is at {venue}")
    folder = Path(tempfile.mkdtemp(prefix="hoga-drill-"))
    with Progress("drill", total=total) as bar:

        def tell(result: CaseResult) -> None:
            bar.advance()

        results = run(run_drill(arenas, rounds=rounds, seed=seed, folder=folder, tell=tell, only=frozenset(only or ())))
    bad = [each for each in results if each.failed]
    if not bad:
        folder.rmdir()
    if as_json:
        print_json({"ok": not bad, "cases": results})
    else:
        rows = [[each.name, str(each.runs), str(each.failed), _seconds(each.known_s), _seconds(each.flat_s)] for each in results]
        print_table(["CASE", "RUNS", "FAILED", "KNOWN AFTER s", "FLAT AFTER s"], rows, right=frozenset({1, 2, 3, 4}))
        print_text(f"{total - sum(each.failed for each in bad)} of {total} good")
    for each in bad:
        for why in dict.fromkeys(each.why):
            note(f"{each.name}: {why}")
    return 1 if bad else 0


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
