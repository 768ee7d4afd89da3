"""cli.run: `hoga run`, the main job, and `hoga recover`, what it does first, on its own."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import error_line, note, print_json, print_text
from hoga.cli._values import finite
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.times import iso_of

if TYPE_CHECKING:
    from hoga.app.config import Config, ProgramConfig
    from hoga.app.run import RunEnd
    from hoga.runtime.log_pipe import LogAddress
    from hoga.runtime.logs import LogSystem

__all__ = ["load_for_run", "register"]

_INCIDENTS_SHOWN = 10


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
    seconds: Annotated[float | None, typer.Option(callback=finite, min=0, metavar="N", help="Stop by itself after N seconds.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Record every configured stream until Ctrl-C.

    SIGTERM and a closed terminal end it in the same order; a second Ctrl-C ends it at once.

    Example: hoga run -c hoga.conf
    """
    from hoga.app.dashboard_process import DashboardProcess
    from hoga.app.preflight import check_machine
    from hoga.app.run import Run, run_until_stopped
    from hoga.runtime.logs import get_log
    from hoga.runtime.loop import run as run_loop
    from hoga.runtime.pool import leave
    from hoga.runtime.shutdown import ShutdownManager

    loaded = load_for_run(config, settings, data)
    check_machine(loaded, data_option=data is not None)
    program = loaded.program

    def ready(running: Run, shutdown: ShutdownManager, dashboard: DashboardProcess, url: str | None) -> None:
        if as_json:
            print_json({"ready": True, "dashboard": url, "data": str(program.data_dir)})
        else:
            what = ", ".join(f"{venue.config.venue}: {len(venue.streams)} streams" for venue in running.venues)
            note(f"recording {what} into {program.data_dir}; Ctrl-C stops")
            note(f"dashboard: {url or dashboard.why_not()}")

    with logging_of(program) as (logs, inlet):
        for each in loaded.notes:
            get_log("config").warning("read otherwise than written", at=str(each))
        end = run_loop(run_until_stopped(loaded, inlet, seconds=seconds, log_tail=lambda: (logs.recent, logs.dropped), on_ready=ready))
    if end.why is not None:
        error_line(end.why)
    if not as_json:
        _verdict(end, program.data_dir)
    return leave(end.status)


@contextlib.contextmanager
def logging_of(program: ProgramConfig) -> Iterator[tuple[LogSystem, LogAddress | None]]:
    """The log of a run, and where its child processes send their lines. Raises ConfigError when the log has no place."""
    from hoga.runtime.log_pipe import LogPipe
    from hoga.runtime.logs import get_log, setup_logging

    level, form = program.log_level, program.log_format
    full: OSError | None = None
    try:
        logs = setup_logging(directory=program.log_dir, level=level, max_mb=program.log_max_mb, backups=program.log_backups, form=form)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            why = f"{error.filename or program.log_dir}: {error.strerror or error}"
            plain = f"{why}; expected a folder that can be made and written"
            raise ConfigError([ConfigMistake("LOG_DIR", None, "LOG_DIR", why, "a folder", plain=plain)]) from error
        logs, full = setup_logging(directory=None, level=level, form=form), error
    inlet = None
    try:
        if full is not None:
            get_log("logs").warning("no room for the log file", why=str(full), hint="lines go to stderr only; recording goes on")
        try:
            inlet = LogPipe(logs, level=level)
            inlet.start()
        except OSError as error:
            get_log("logs").warning("worker processes keep their lines to themselves", why=str(error), hint="see TMPDIR")
        yield logs, inlet.address if inlet is not None else None
    finally:
        if inlet is not None:
            inlet.close()
        logs.close()


def _verdict(end: RunEnd, data: Path) -> None:
    """The last lines of a run: what happened, what is there, and what to do with it."""
    from hoga.quality.incidents import count_text, describe
    from hoga.runtime.checkout import called

    shown = os.path.relpath(data)
    waiting = sum(each.waiting for each in end.venues)
    later = f"; the next start seals what is open ({waiting} journal{'' if waiting == 1 else 's'})" if waiting else ""
    for incident in end.newest[-_INCIDENTS_SHOWN:]:
        note(f"incident: {iso_of(incident.from_ns)}: {describe(incident)}")
    note(f"{end.records:,} records in {shown}, {count_text(end.incidents, end.gaps)} in the ledger{later}")
    if end.records:
        hoga = called()
        note(f"next: {hoga} verify {shown}    {hoga} ls {shown}    {hoga} cat {shown} --kind orderbook | head -3")


def recover(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Data folder, venue folder or LOB_DIR.")] = Path("data"),
    as_json: JsonOption = False,
) -> int:
    """Make good what a crash left.

    Cuts torn tails, seals, accounts. `hoga run` does the same at its start.

    Example: hoga recover data
    """
    from time import time_ns

    from hoga.archive.keep.recover import recover as recover_path
    from hoga.cli._recorded import mistake, require_present

    require_present([path])
    if not path.is_dir():
        raise mistake("PATH", str(path), "a folder: a data folder, a venue folder or a LOB_DIR")
    report = recover_path(path, now_ns=time_ns(), progress=lambda minute: note(f"sealing {minute}"))
    if as_json:
        print_json({"ok": not report.failed, "done": report.done, "failed": [{"what": what, "why": why} for what, why in report.failed]})
    else:
        for what, why in report.failed:
            error_line(f"{what}: {why}")
        crash = "; a crash is in the ledger" if report.crashed else ""
        print_text(f"{report.journals} open minutes, {report.records} records in {len(report.done)} segments{crash}")
    return 1 if report.failed else 0
