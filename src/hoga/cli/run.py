"""cli.run: `hoga run`, the main job, and `hoga recover`, what it does first, on its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import error_line, note, print_json, print_text
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption

if TYPE_CHECKING:
    from hoga.app.config import Config

__all__ = ["load_for_run", "register"]


def register(app: typer.Typer) -> None:
    """Add `hoga run` and `hoga recover` to `app`."""
    app.command("run")(run)
    app.command("recover")(recover)


def load_for_run(config: Path | None, settings: list[str] | None, data: Path | None) -> Config:
    """The configuration as `run` uses it. Raises ConfigError."""
    from hoga.app.config import find_config, load_config

    return load_config(find_config(config, os.environ), overrides=settings or [], environ=os.environ, data_dir=data)


def run(
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    seconds: Annotated[float | None, typer.Option(min=0, metavar="N", help="Stop by itself after N seconds.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Record every configured stream until Ctrl-C or SIGTERM.

    Example: hoga run -c hoga.conf
    """
    from hoga.app.run import Run, run_until_stopped
    from hoga.runtime.log_inlet import LogInlet
    from hoga.runtime.logs import setup_logging
    from hoga.runtime.loop import run as run_loop
    from hoga.runtime.shutdown import ShutdownManager

    loaded = load_for_run(config, settings, data)
    program = loaded.program
    logs = setup_logging(
        directory=program.log_dir, level=program.log_level, max_mb=program.log_max_mb, backups=program.log_backups, form=program.log_format
    )
    inlet = LogInlet(logs, level=program.log_level)
    inlet.start()

    def ready(running: Run, shutdown: ShutdownManager, dashboard: str | None) -> None:
        if as_json:
            print_json({"ready": True, "dashboard": dashboard, "data": str(program.data_dir)})
        else:
            what = ", ".join(f"{venue.config.venue}: {len(venue.streams)} streams" for venue in running.venues)
            note(f"recording {what} into {program.data_dir}; Ctrl-C stops")
            note(f"dashboard: {dashboard or 'not up; the log says why'}")

    try:
        return run_loop(
            run_until_stopped(loaded, inlet.address, seconds=seconds, log_tail=lambda: (logs.recent, logs.dropped), on_ready=ready)
        )
    finally:
        inlet.close()
        logs.close()


def recover(
    path: Annotated[Path, typer.Argument(help="Data folder, venue folder or LOB_DIR.")] = Path("data"),
    as_json: JsonOption = False,
) -> int:
    """Make good what a crash left: cut torn tails, seal, account. `hoga run` does the same at its start.

    Example: hoga recover data
    """
    from time import time_ns

    from hoga.archive.recover import recover as recover_path
    from hoga.cli._recorded import require_present

    require_present([path])
    report = recover_path(path, now_ns=time_ns(), progress=lambda minute: note(f"sealing {minute}"))
    if as_json:
        print_json({"ok": not report.failed, "done": report.done, "failed": [{"what": what, "why": why} for what, why in report.failed]})
    else:
        for what, why in report.failed:
            error_line(f"{what}: {why}")
        crash = "; a crash is in the ledger" if report.crashed else ""
        print_text(f"{report.journals} open minutes, {report.records} records in {len(report.done)} segments{crash}")
    return 1 if report.failed else 0
