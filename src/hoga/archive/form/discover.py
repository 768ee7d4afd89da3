"""archive.form.discover: which series and days lie under a path. Reads names only (and a manifest's venue)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.journal import JOURNAL_DIR, LAST_FILE
from hoga.archive.form.layout import COLLECTORS_DIR, FORMATS, HEALED_SUFFIX, parse_day, parse_segment
from hoga.archive.form.lists import is_list
from hoga.archive.form.seriesday import SeriesDay, distinct
from hoga.archive.form.store import is_mounted, list_names, look
from hoga.core.errors import ArchiveError

__all__ = ["Found", "discover", "venue_of"]

_TEMPORARY = "temporary"
_APART = {COLLECTORS_DIR, ".uniting"}
"""What the archive beside them was made of, or is being made of: found only by whoever names it."""


class Found(msgspec.Struct, frozen=True):
    """What lies under some paths: days in order of day, symbol and kind, the journals of open minutes, (folder, why) of
    folders whose names the system would not tell, the kept lists of instruments, and what lives have left to the next one."""

    days: list[SeriesDay]
    journals: list[Path]
    unread: list[tuple[Path, str]] = []
    lists: list[Path] = []
    lives: list[Path] = []

    def require_whole(self) -> None:
        """Raises ArchiveError when something may be there that could not be found."""
        for folder, why in self.unread:
            raise ArchiveError(folder, f"the folder cannot be listed: {why}", hint="what is in it is not told")


def discover(paths: Iterable[Path]) -> Found:
    """Everything hoga knows by name under `paths`: data roots, venue folders, LOB_DIRs, temporary folders, single files.

    Raises ArchiveError for a path that is not there, or a file whose name is none of the archive's.
    """
    days: set[SeriesDay] = set()
    journals: set[Path] = set()
    unread: dict[Path, str] = {}
    lists: set[Path] = set()
    lives: set[Path] = set()
    for path in paths:
        found = look(path)
        if found is not None and found.is_folder:
            _walk(_whole(path), days, journals, unread, lists, lives)
        elif found is not None or parse_day(path.name) is not None:
            days.add(_of_file(_whole(path)))
        else:
            raise ArchiveError(path, "no such file or folder")
    in_order = sorted(distinct(days), key=lambda item: (item.day, item.symbol, item.kind, item.directory, item.only))
    return Found(in_order, sorted(journals), sorted(unread.items()), sorted(lists), sorted(lives))


def venue_of(directory: Path) -> str:
    """The venue as the layout `data/<venue>/orderbook/` tells it: the name of the folder above."""
    return directory.absolute().parent.name


def _walk(root: Path, days: set[SeriesDay], journals: set[Path], unread: dict[Path, str], lists: set[Path], lives: set[Path]) -> None:
    own = parse_day(root.name)
    if own is not None and not own.suffix and root.parent.name == _TEMPORARY:
        days.add(SeriesDay(root.parent.parent, own.symbol, own.kind, own.day))
        return

    folders = [root]
    while folders:
        here = folders.pop()
        try:
            entries = sorted(list_names(here))
        except OSError as fault:
            unread[Path(fault.filename or here)] = fault.strerror or str(fault)
            continue
        children = [entry.path for entry in entries if entry.is_folder]
        if here.name == _TEMPORARY:
            for child in children:
                name = parse_day(child.name)
                if name is not None and not name.suffix:
                    days.add(SeriesDay(here.parent, name.symbol, name.kind, name.day))
            children = [child for child in children if parse_day(child.name) is None]
            folders += [child for child in reversed(children) if not child.is_symlink()]
            continue
        for entry in entries:
            file = entry.path.name
            if entry.is_folder and not file.endswith(tuple(FORMATS.values())):  # a folder may bear a day file's name
                continue
            if file.endswith(".journal"):
                journals.add(entry.path)
            if is_list(file):
                lists.add(entry.path)
            if file == LAST_FILE and here.name == JOURNAL_DIR:
                lives.add(entry.path)
            name = parse_day(file)
            if name is not None and name.suffix and parse_segment(file) is None and here.parent.name != _TEMPORARY:
                days.add(SeriesDay(here, name.symbol, name.kind, name.day))
        folders += [child for child in reversed(children) if child.name not in _APART and not child.is_symlink()]


def _whole(path: Path) -> Path:
    """The path from the root on; a name of a mounted store is whole as it is."""
    return path if is_mounted(path) else path.absolute()


def _of_file(path: Path) -> SeriesDay:
    segment = parse_segment(path.name)
    if segment is not None:
        within = path.parent.parent.parent if path.parent.parent.name == _TEMPORARY else path.parent
        return SeriesDay(within, segment.symbol, segment.kind, segment.day, str(path))
    name = parse_day(path.name)
    if name is None and path.name.endswith(".ledger.jsonl"):
        name = parse_day(path.name.removesuffix(".ledger.jsonl"))
        if name is not None:
            return SeriesDay(path.parent.parent.parent, name.symbol, name.kind, name.day)
    if name is None and path.name.endswith(HEALED_SUFFIX):
        raise ArchiveError(path, "holds healed trades, which are read with their day", hint=f"name {path.parent}, or the day's own file")
    if name is None:
        hint = "expected SYMBOL_KIND_DAY with .zip, .jsonl.zst, .parquet or .manifest.json"
        raise ArchiveError(path, "the name is none of the archive's", hint=hint)
    return SeriesDay(path.parent, name.symbol, name.kind, name.day)
