"""cli.gather: `hoga gather`, many collectors' relays into one archive."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hoga.cli._output import error_line, note, print_json, print_text
from hoga.cli._recorded import mistake, require_day
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga gather` to `app`."""
    app.command("gather")(gather)


def gather(
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    once: Annotated[bool, typer.Option("--once", help="Take in what is there, unite what is due, and end.")] = False,
    day: Annotated[str | None, typer.Option("--day", metavar="D", help="With --once: unite this day, YYYY-MM-DD, due or not.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Make one archive of what many collectors send.

    What each sends lies in DIR/.collectors/NAME. When a day is over, and GATHER_GRACE_MIN minutes later, each collector is asked what it
    has, what is missing is fetched, and the day is united and proven. A collector that does not answer is named in the manifest, and the
    day is united again when it comes back. Runs until Ctrl-C; with --once it exits with status 1 when something is left.

    Example: hoga gather -c hoga.conf --data data
    """
    from hoga.app.gather import gather_once, gather_until_stopped
    from hoga.cli.run import load_for_run, logging_of
    from hoga.relay.gathering import Gather
    from hoga.runtime.loop import run as run_loop
    from hoga.runtime.pool import leave

    if day is not None:
        require_day(day)
        if not once:
            raise mistake("--day", day, "--once beside it: without it every day is united when it is over")
    loaded = load_for_run(config, settings, data)
    place = loaded.program.data_dir

    def ready(running: Gather) -> None:
        if as_json:
            print_json({"ready": True, "data": str(place), "collectors": sorted(running.shelf.names())})
        else:
            note(f"gathering into {place}; Ctrl-C stops")

    with logging_of(loaded.program) as (_, inlet):
        if not once:
            return leave(run_loop(gather_until_stopped(loaded, os.environ, inlet, on_ready=ready)))
        days, names, fault = run_loop(gather_once(loaded, os.environ, inlet, day=day))
    done = [each for each in days if not (each.failed or each.absent)]
    failed = [
        {"what": each.day, "why": f"{name} did not answer, or has what did not come or is not understood"}
        for each in days
        for name in each.absent
    ]
    failed += [{"what": f"{each.day} {what}", "why": why} for each in days for what, why in each.failed]
    if fault is not None:
        failed.insert(0, {"what": "what collectors sent is not all here", "why": fault})
    if as_json:
        told = [{"what": each.day, "series": each.series, "records": each.records, "not_merged_at": each.open} for each in done]
        print_json({"ok": not failed, "done": told, "failed": failed, "collectors": names})
    else:
        for each in days:
            if not (each.series or each.absent or each.failed):
                print_text(f"{each.day}: no collector has anything of it")
                continue
            state = "united" if not each.open else f"united, not merged yet at {', '.join(each.open)}"
            print_text(f"{each.day}: {state}: {each.series} series, {each.records:,} records of {', '.join(names) or 'nobody'}")
        if not days and fault is None:
            print_text(f"no day is due; {len(names)} collectors have sent something: {', '.join(names) or 'none'}")
    for trouble in failed:
        error_line(f"{trouble['what']}: {trouble['why']}")
    return 1 if failed else 0
