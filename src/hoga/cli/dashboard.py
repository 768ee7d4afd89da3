"""cli.dashboard: `hoga dashboard`, the dashboard on its own, and `hoga top`, the same in the terminal."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import note, print_json, print_text
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption
from hoga.core.errors import ConfigError, ConfigMistake

if TYPE_CHECKING:
    from hoga.dashboard.summary import Summary

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga dashboard` and `hoga top` to `app`."""
    app.command("dashboard")(dashboard)
    app.command("top")(top)


def dashboard(
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on [default: DASHBOARD_HOST].")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port [default: DASHBOARD_PORT_NUMBER]; 0: any.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Serve the dashboard of a running recorder.

    Of one that runs on this machine, beside the dashboard that it serves itself.

    Example: hoga dashboard --data data --port 8001
    """
    import msgspec

    from hoga.app.config.rooms import dashboard_config
    from hoga.cli.run import load_for_run
    from hoga.dashboard.serve import serve
    from hoga.runtime.logs import setup_logging
    from hoga.runtime.loop import run as run_loop

    given = [*(settings or [])]
    given += [f"DASHBOARD_HOST={host}"] if host is not None else []
    given += [f"DASHBOARD_PORT_NUMBER={port}"] if port is not None else []
    loaded = load_for_run(config, given, data)
    logs = setup_logging(directory=None, level=loaded.program.log_level)
    told = dashboard_config(loaded.program, None)
    told = msgspec.structs.replace(told, status_page=f"{told.status_page}-{os.getpid()}")

    def serving(url: str) -> None:
        if as_json:
            print_json({"ready": True, "dashboard": url})
        else:
            print_text(f"dashboard: {url}; Ctrl-C stops")

    try:
        ended_by = run_loop(serve(told, on_serving=serving, patient=False))
    finally:
        logs.close()
    return 130 if ended_by is signal.SIGINT else 0


def top(
    data: DataOption = None,
    config: ConfigOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print how things are and exit: 0 healthy, 1 not. So it does off a terminal.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """The dashboard in the terminal.

    Keys: q quit, n r m g sort by name, rate, median, gaps, b troubled only, space pause, ? help.

    Example: hoga top --once --json
    """
    from hoga.cli.run import load_for_run
    from hoga.dashboard.page import page_path
    from hoga.dashboard.summary import summarise

    folder = load_for_run(config, None, data).program.data_dir
    page = page_path(folder)
    once = once or (not as_json and not sys.stdout.isatty())
    if as_json and not once:
        raise ConfigError([ConfigMistake("command line", None, "--json", "--json alone", "--once with it")])
    if not once:
        from hoga.dashboard.terminal import run_top

        run_top(page, folder=str(folder))
        return 0
    summary = summarise(page, folder=str(folder))
    if as_json:
        print_json(summary)
    else:
        _print(summary, folder)
    return 0 if summary.healthy else 1


def _print(summary: Summary, folder: Path) -> None:
    from hoga.cli._output import print_table

    print_text(f"{summary.state}: {', '.join(reason.text for reason in summary.reasons) or 'everything is being recorded'}")
    for told in summary.facts:
        print_text(told)
    rows = [
        [
            row.venue,
            row.stream,
            row.kind,
            row.state,
            "-" if row.rate is None else f"{row.rate:.1f}",
            "-" if row.median_ms is None else f"{row.median_ms:.1f}",
            "-" if row.p99_ms is None else f"{row.p99_ms:.1f}",
            str(row.queue),
            str(row.gaps),
            str(row.records),
        ]
        for row in summary.streams
    ]
    if rows:
        print_table(
            ["venue", "stream", "kind", "state", "frames/s", "median ms", "p99 ms", "queue", "gaps", "records"],
            rows,
            right=frozenset(range(4, 10)),
        )
    else:
        note(f"nothing is recorded into {folder}: is `hoga run` on, with the same --data?")
