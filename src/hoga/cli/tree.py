"""cli.tree: `hoga tree`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from hoga.cli._output import Progress, error_line, print_json, print_text
from hoga.cli._recorded import mistake, require_present
from hoga.cli._written import require_replaceable

if TYPE_CHECKING:
    from hoga.tree.page import Told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga tree` to `app`."""
    app.command("tree")(tree)


def tree(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder to show.")] = Path(),
    out: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where the page goes [default: stdout].")] = None,
    ignore: Annotated[Path | None, typer.Option(metavar="FILE", help="More rules, as in a .gitignore of DIR.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With -o: print the counts as one JSON document.")] = False,
) -> int:
    """Show a folder as one HTML page, without what it ignores.

    Nested .gitignore files count exactly as for `git check-ignore --no-index`, as do those of the repository around DIR and its
    info/exclude; a rule of --ignore counts where none of them has one. Links are shown and not followed, `.git` is left out.
    Exit status 1 when a folder could not be listed; the page says which.

    Example: hoga tree . -o tree.html
    """
    require_present([folder])
    if not folder.is_dir():
        raise mistake("DIR", str(folder), "a folder")
    extra = b""
    if ignore is not None:
        require_present([ignore])
        if not ignore.is_file():
            raise mistake("--ignore", str(ignore), "a file of rules, as a .gitignore has them")
        extra = ignore.read_bytes()
    if as_json and out is None:
        raise mistake("--json", "no -o FILE", "-o FILE, as the page itself goes to stdout without it")
    if out is None:
        with tempfile.TemporaryFile() as file:
            told = _write(folder, extra, file, unseen=[])
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        told = _write_file(folder, extra, out, ignore)
        if as_json:
            print_json({"ok": not told.unread, "files": told.files, "folders": told.folders, "bytes": told.bytes, "page": str(out)})
        else:
            print_text(f"{out}: {told.files:,} files in {told.folders:,} folders")
    for name, why in told.unread:
        error_line(f"{name}: the folder cannot be listed: {why}")
    return 1 if told.unread else 0


def _write_file(folder: Path, extra: bytes, out: Path, ignore: Path | None) -> Told:
    from hoga.runtime.durable import fsync, install, is_special, temporary_for, unlink, write_fault

    if out.is_dir() or is_special(out):
        raise mistake("-o", str(out), "the name of a file")
    if not out.parent.is_dir():
        raise mistake("-o", str(out), "a file in a folder that exists")
    require_replaceable("-o", out, () if ignore is None else [ignore])
    temporary = temporary_for(out)
    try:
        with temporary.open("w+b") as file:
            told = _write(folder, extra, file, unseen=[out, temporary])
            file.flush()
            fsync(file.fileno())
        install(temporary, out)
    except OSError as fault:
        raise write_fault(out, fault) from fault
    finally:
        unlink(temporary, missing_ok=True)
    return told


def _write(folder: Path, extra: bytes, file: BinaryIO, *, unseen: list[Path]) -> Told:
    """`unseen`: the page itself, which would otherwise be on itself, half written."""
    import os

    from hoga.tree.page import write_page
    from hoga.tree.walk import rules_above, walk

    rules, base = rules_above(folder, extra)
    top = folder.resolve()
    hidden = {os.fsencode(each.parent.resolve() / each.name) for each in unseen}
    with Progress("tree, files") as progress:
        return write_page(walk(top, rules, base, unseen=hidden), file, progress=progress.advance)
