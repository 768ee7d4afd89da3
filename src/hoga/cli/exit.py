"""cli.exit: `hoga flatten`, the emergency exit, and `hoga resume`, the way back after a person has looked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import venues
from hoga.cli._output import forget_stdout, json_text, note, print_json, print_table, print_text
from hoga.cli._recorded import mistake, nearest
from hoga.cli._values import finite
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption

if TYPE_CHECKING:
    from hoga.flatten.report import ExitReport

__all__ = ["register"]

_SCOPES = ("own", "account")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("flatten")(flatten)
    app.command("resume")(resume)


def flatten(
    venue: Annotated[str, typer.Option("--venue", metavar="V", help="Which venue's account.", autocompletion=venues)],
    scope: Annotated[str, typer.Option(metavar="own|account", help="The trader's orders and positions, or everything there.")] = "own",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read, and say what would be done.")] = False,
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    seconds: Annotated[
        float | None, typer.Option(callback=finite, min=0, metavar="N", help="Give up after N seconds; else it tries until flat.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """The emergency exit: leave all positions, and prove it.

    Orders are cancelled, positions left, and the venue is read back.

    A trader that runs in the same folder is frozen first. With the scope own only the trader's own orders and what it has bought go;
    on spot never a coin that the journal does not prove to be the trader's. Exit status 0: FLAT or FLAT_WITH_DUST.

    Example: hoga flatten --venue binance-usdm --data data --dry-run
    """
    import asyncio

    from hoga.app import exit as leaving
    from hoga.app.config import find_config, load_config
    from hoga.app.trader.testnet import on_testnet, require_testnet
    from hoga.flatten.exiting import exit_status
    from hoga.flatten.plan import Scope
    from hoga.venues.registry import VENUES

    if venue not in VENUES:
        raise mistake("--venue", venue, f"one of {', '.join(VENUES)}", nearest=nearest(venue, list(VENUES)))
    if scope not in _SCOPES:
        raise mistake("--scope", scope, "own or account", nearest=nearest(scope, list(_SCOPES)))
    loaded = on_testnet(load_config(find_config(config, os.environ), overrides=settings or [], environ=os.environ, data_dir=data))
    require_testnet(loaded.venue(venue))
    folder = loaded.program.data_dir
    report = asyncio.run(leaving.flatten(loaded.venue(venue), folder, scope=Scope(scope), dry_run=dry_run, seconds=seconds, tell=note))
    try:
        if as_json:
            print_json(report)
        else:
            _print_report(report)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:  # a full disk behind stdout keeps nobody from learning how it ended
        note(f"{json_text(report)}\nhoga: the verdict could not be written to stdout: {fault.strerror or fault}")
        forget_stdout()
    return exit_status(report)


def resume(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id: the verdict and the journal name it.")],
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Let a halted trader go on, once a person has looked.

    Works after HALTED and FLATTEN, with the trader running or stopped. A journal that was found damaged since is an incident of its own:
    it is told, and its id is named (exit status 1).

    Example: hoga resume 20261129-133156 --data data
    """
    from hoga.app.exit import resume as release

    released = release(_folder(config, settings, data), incident, tell=note)
    if as_json:
        print_json(released)
    else:
        after = "the trader that runs here goes on" if released.running else "the next start of the trader goes on"
        if released.next:
            after = f"REDUCING holds it: `hoga resume {released.next}` once you have looked at its journal"
        print_text(f"{released.incident} is resumed: it was {released.rung} ({released.cause}); {after}")
    return 1 if released.next else 0


def _folder(config: Path | None, settings: list[str] | None, data: Path | None) -> Path:
    from hoga.cli.run import load_for_run

    return load_for_run(config, settings, data).program.data_dir


def _print_report(report: ExitReport) -> None:
    if report.legs:
        rows = [[leg.symbol, leg.side, leg.before, leg.after, leg.state, leg.average or "", leg.why] for leg in report.legs]
        print_table(["SYMBOL", "SIDE", "BEFORE", "AFTER", "STATE", "AVERAGE", "WHY"], rows, right=frozenset({2, 3, 5}))
    if report.dry_run:
        for each in report.left:
            print_text(f"would cancel {each}")
    elif report.left:
        print_text(f"still resting: {', '.join(report.left)}")
    if report.strangers:
        print_text(f"not the trader's, and left alone: {', '.join(report.strangers)}")
    if report.unknown:
        print_text(f"nobody knows what became of {', '.join(report.unknown)}")
    told = f"{report.orders} orders, {report.cancelled} cancelled, {report.rounds} rounds, {report.retries} retries, {report.seconds:.1f} s"
    about = f"; incident {report.incident}" if report.incident else ""
    print_text(f"{report.verdict}: {told}{about}{f'; {report.why}' if report.why else ''}")
