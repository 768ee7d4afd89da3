"""cli.doctor: `hoga doctor`."""

from __future__ import annotations

import os

import typer

from hoga.cli._output import print_json, print_text
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption

__all__ = ["register"]

_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}


def register(app: typer.Typer) -> None:
    """Add `hoga doctor` to `app`."""
    app.command("doctor")(doctor)


def doctor(config: ConfigOption = None, settings: SetOption = None, data: DataOption = None, as_json: JsonOption = False) -> int:
    """Check that this machine is fit to record.

    Looks at clock, disk, limits, permissions, endpoints and configuration, and says what to do about what is wrong.

    Example: hoga doctor -c hoga.conf
    """
    from hoga.app.config import find_config
    from hoga.app.doctor import CheckState, examine
    from hoga.runtime.loop import run

    checks = run(examine(find_config(config, os.environ), overrides=settings or [], environ=os.environ, data_dir=data))
    failed = sum(check.state is CheckState.FAILED for check in checks)
    if as_json:
        print_json({"ok": not failed, "checks": checks})
        return 1 if failed else 0
    for check in checks:
        print_text(f"{_SIGNS[check.state]} {check.name}: {check.found}")
        if check.advice is not None:
            print_text(f"    → {check.advice}")
    print_text(f"{len(checks)} checks, {failed} failed")
    return 1 if failed else 0
