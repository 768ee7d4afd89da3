"""cli.merge: `hoga merge`, the archives of several collectors as one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hoga.cli._output import Progress, error_line, print_json, print_text
from hoga.cli._recorded import mistake, require_day, require_present

if TYPE_CHECKING:
    from hoga.archive.union.archives import Done
    from hoga.archive.union.unite import United

__all__ = ["register"]

_LONGEST_NAME = 255
"""Of a folder, in bytes, on every system."""


def register(app: typer.Typer) -> None:
    """Add `hoga merge` to `app`."""
    app.command("merge")(merge)


def merge(
    archives: Annotated[list[Path], typer.Argument(metavar="ARCHIVE...", help="Data folders of collectors; NAME=FOLDER gives one a name.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the one archive is, or becomes.")],
    collectors: Annotated[
        str, typer.Option("--collectors", metavar="A,B", help="Whose record stays, the preferred first [default: COLLECTORS].")
    ] = "",
    day: Annotated[str | None, typer.Option("--day", metavar="D", help="Only this day, YYYY-MM-DD.")] = None,
    archive_format: Annotated[str | None, typer.Option("--format", help="zip or zst; else that of the archives.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Make one archive of several collectors'.

    It has whatever any of them got, each record once. Of a record that several have, that of the collector named first stays, else the
    one received first. The archives are only read; what DIR held already stays in it. The result is the same in whatever order, and
    however often, they are united. A gap remains where all had one. Exit status 1 when a day could not be united.

    Example: hoga merge tokyo/data seoul/data -o data --collectors tokyo,seoul
    """
    from hoga.archive.form.objects import is_object
    from hoga.archive.union.archives import Archive, unite_archives
    from hoga.runtime.allocator import keep_freed_memory

    if archive_format not in (None, "zip", "zst"):
        raise mistake("--format", str(archive_format), "zip or zst")
    require_day(day)
    named = [_archive(str(each)) for each in archives]
    require_present([root for _, root in named])
    if is_object(out) or (out.exists() and not out.is_dir()) or (out.is_symlink() and not out.exists()):
        raise mistake("--out", str(out), "a folder on this machine, there or to be made")
    place = out.resolve()
    for _, root in named:
        here = root.resolve()
        if here == place or here.is_relative_to(place) or place.is_relative_to(here):
            raise mistake("--out", str(out), f"a folder that is not in {root}, nor around it")
    labels = _labels(named)
    plan = [Archive(label, root) for label, (_, root) in zip(labels, named, strict=True)]
    order = collectors.replace(",", " ").split() or _configured_order()
    keep_freed_memory()  # minutes of text come and go: a tenth of the time
    with Progress("merge, days") as progress:
        found = list(
            unite_archives(
                plan, out, order=order, day=day, archive_format=archive_format, on_done=lambda done, whole: progress.advance(total=whole)
            )
        )
    failed = [each for each in found if each.united is None]
    if as_json:
        print_json(_document(found))
    else:
        for each in found:
            if (united := each.united) is not None:
                differing = f", {united.conflicts:,} ids on which collectors differ (hoga verify names them)" if united.conflicts else ""
                gaps = f"{united.gaps} gaps that nobody filled" if united.gaps else "no gap left"
                print_text(f"{each.what}: {united.state}, {united.records:,} records ({united.added:+,}), {gaps}{differing}")
        print_text(f"{len(found) - len(failed)} days done, {len(failed)} failed")
    for each in failed:
        error_line(f"{each.what}: {each.why}")
    return 1 if failed else 0


def _document(found: list[Done]) -> dict[str, Any]:
    """All of it, as `--json` has it."""
    united = [(each.what, each.united) for each in found if each.united is not None]
    failed = [{"what": each.what, "why": each.why} for each in found if each.united is None]
    return {
        "ok": not failed,
        "records": sum(each.records for _, each in united),
        "filled": sum(each.filled for _, each in united),
        "gaps": sum(each.gaps for _, each in united),
        "conflicts": [
            {"what": what, "id": one.id, "records": one.records, "collectors": list(one.collectors)}
            for what, each in united
            for one in each.examples
        ],
        "done": [{"what": what} | _builtins(each) for what, each in united],
        "failed": failed,
    }


def _builtins(united: United) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(united, enc_hook=str)
    del found["examples"]
    return found


def _configured_order() -> list[str]:
    """COLLECTORS of the configuration in the working folder, where there is one."""
    from hoga.app.config.load import find_config, load_config

    found = find_config(None, os.environ)
    if found is None and "HOGA_COLLECTORS" not in os.environ:
        return []
    return list(load_config(found, overrides=[], environ=os.environ).program.collectors or ())


def _archive(text: str) -> tuple[str, Path]:
    """`NAME=FOLDER` or `FOLDER`: a folder that is there with that whole name is meant itself. Raises ConfigError for a name that no
    collector can have."""
    from hoga.app.config.keys import BY_NAME, expectation
    from hoga.app.config.values import read_value

    name, found, folder = text.partition("=")
    if not found or "/" in name or (len(name) < _LONGEST_NAME and Path(text).exists()):
        return "", Path(text)
    try:
        read_value(BY_NAME["COLLECTOR"], name)
    except ValueError:
        raise mistake("NAME=FOLDER", text, f"{expectation(BY_NAME['COLLECTOR'])}, before the =") from None
    return name, Path(folder)


def _labels(named: list[tuple[str, Path]]) -> list[str]:
    """What each archive is called: its name, else its folder's, else as much of the path as tells them apart."""
    whole = [root.resolve() for _, root in named]
    found = [name or place.name for (name, _), place in zip(named, whole, strict=True)]
    return [label if found.count(label) == 1 else place.as_posix().lstrip("/") for label, place in zip(found, whole, strict=True)]
