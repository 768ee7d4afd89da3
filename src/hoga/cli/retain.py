"""cli.retain: `hoga retain`, what RETENTION_DAYS does in a run, on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hoga.cli._output import Progress, error_line, print_json, print_text
from hoga.cli._recorded import mistake, require_present

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga retain` to `app`."""
    app.command("retain")(retain)


def retain(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A data folder.")] = Path("data"),
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help="The second root: a copy of PATH, laid out alike.")] = None,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=36_500, help="Whole days that stay, before today.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prove, and remove nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Remove old days that a second root holds.

    Of each day that is older, every file is read in both places, and only what has the same SHA-256 there, the one its manifest names, is
    removed here. What stays is named with its reason: exit status 1.

    Example: hoga retain data --root /mnt/copy --days 30 --dry-run
    """
    from hoga.archive.form.discover import discover
    from hoga.archive.form.objects import is_object
    from hoga.history.retention import due_before, holder_at
    from hoga.history.retention import retain as let_go

    require_present([path])
    if root is None:
        raise mistake("--root", "nothing", "the folder of a second root")
    require_present([root])
    here, there = path.resolve(), root if is_object(root) else root.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise mistake("--root", str(root), f"a folder that is not in {path}, nor around it")
    before = due_before(datetime.now(UTC).date().isoformat(), days)
    due = [day for day in discover([here]).days if day.day < before]
    with Progress("retain, days", total=len(due)) as progress:
        result = let_go(due, holder_at(there), data=here, before=before, dry_run=dry_run, progress=progress.advance)
    if as_json:
        print_json({"ok": not result.kept, "done": result.removed, "failed": result.kept})
    else:
        for day in result.removed:
            print_text(f"{day.what}: {'would be removed' if dry_run else 'removed'}, {day.bytes:,} bytes")
        print_text(f"{len(result.removed)} days {'could go' if dry_run else 'went'}, {len(result.kept)} stay")
    for kept in result.kept:
        error_line(f"{kept.what} stays: {kept.why}")
    return 1 if result.kept else 0
