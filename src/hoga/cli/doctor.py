"""cli.doctor: `hoga doctor`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hoga.cli._output import print_json, print_text
from hoga.cli._recorded import mistake
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption

__all__ = ["register"]

_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}


def register(app: typer.Typer) -> None:
    """Add `hoga doctor` to `app`."""
    app.command("doctor")(doctor)


def doctor(
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    bucket: Annotated[Path | None, typer.Option("--bucket", metavar="s3://BUCKET/PREFIX", help="A bucket to try, too.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Check that this machine is fit to record.

    Looks at clock, disk, limits, permissions, endpoints and configuration, and says what to do about what is wrong. A bucket that the
    configuration names is tried with a small object, which is taken away again.

    Example: hoga doctor -c hoga.conf
    """
    from hoga.archive.form.objects import is_object

    if bucket is not None and (not is_object(bucket) or len(bucket.parts) < 2):
        raise mistake("--bucket", str(bucket), "s3://bucket/prefix")
    from hoga.app.config import find_config
    from hoga.app.doctor import CheckState, examine
    from hoga.runtime.loop import run

    checks = run(examine(find_config(config, os.environ), overrides=settings or [], environ=os.environ, data_dir=data, bucket=bucket))
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
