"""archive.form.discover: which series and days lie under a path. Reads names only (and a manifest's venue)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.journal import JOURNAL_DIR, LAST_FILE
from hoga.archive.form.layout import COLLECTORS_DIR, FORMATS, HEALED_SUFFIX, DayName, parse_day, parse_segment
from hoga.archive.form.lists import is_list
from hoga.archive.form.seriesday import SeriesDay, distinct
from hoga.archive.form.store import is_mounted, list_names, look
from hoga.core.errors import ArchiveError

__all__ = ["NO_TEXT", "Found", "discover", "venue_of"]

_TEMPORARY = "temporary"
_APART = {COLLECTORS_DIR, ".uniting"}
"""What the archive beside them was made of, or is being made of: found only by whoever names it."""


NO_TEXT = "its name is no UTF-8; rename it"
"""Why a file of the archive is left out that has another system's bytes in its path: no manifest and no report could name it."""


class Found(msgspec.Struct, frozen=True):
    """What lies under some paths: days in order of day, symbol and kind, the journals of open minutes, (path, why) of folders whose
    names the system would not tell and of files whose own is no text, the kept lists of instruments, and what lives have left to the
    next one."""

    days: list[SeriesDay]
    journals: list[Path]
    unread: list[tuple[Path, str]] = []
    lists: list[Path] = []
    lives: list[Path] = []

    def require_whole(self) -> None:
        """Raises ArchiveError when something may be there that could not be found."""
        for path, why in self.unread:
            raise ArchiveError(path, f"cannot be listed: {why}", hint="what is there is not told")


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
            day = _of_file(_whole(path))
            if not _is_text(f"{venue_of(day.directory)}/{day.symbol}"):
                raise ArchiveError(path, NO_TEXT)
            days.add(day)
        else:
            raise ArchiveError(path, "no such file or folder")
    in_order = sorted(distinct(days), key=lambda item: (item.day, item.symbol, item.kind, item.directory, item.only))
    return Found(in_order, sorted(journals), sorted(unread.items()), sorted(lists), sorted(lives))


def venue_of(directory: Path) -> str:
    """The venue as the layout `data/<venue>/orderbook/` tells it: the name of the folder above."""
    return directory.absolute().parent.name


def _walk(root: Path, days: set[SeriesDay], journals: set[Path], unread: dict[Path, str], lists: set[Path], lives: set[Path]) -> None:
    def take(name: DayName, directory: Path, path: Path) -> None:
        if is_text(path, venue_of(directory)):
            days.add(SeriesDay(directory, name.symbol, name.kind, name.day))

    def is_text(path: Path, venue: str = "") -> bool:
        """Whether what is below the folder that was named can be told; if not, it is told that it cannot."""
        found = _is_text(f"{path.relative_to(root) if path != root else root.name}{venue}")
        if not found:
            unread[path] = NO_TEXT
        return found

    own = parse_day(root.name)
    if own is not None and not own.suffix and root.parent.name == _TEMPORARY:
        take(own, root.parent.parent, root)
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
                    take(name, here.parent, child)
            children = [child for child in children if parse_day(child.name) is None]
            folders += [child for child in reversed(children) if not child.is_symlink()]
            continue
        for entry in entries:
            file = entry.path.name
            if entry.is_folder and not file.endswith(tuple(FORMATS.values())):  # a folder may bear a day file's name
                continue
            if file.endswith(".journal") and is_text(entry.path):
                journals.add(entry.path)
            if is_list(file) and is_text(entry.path):
                lists.add(entry.path)
            if file == LAST_FILE and here.name == JOURNAL_DIR and is_text(entry.path):
                lives.add(entry.path)
            name = parse_day(file)
            if name is not None and name.suffix and parse_segment(file) is None and here.parent.name != _TEMPORARY:
                take(name, here, entry.path)
        folders += [child for child in reversed(children) if child.name not in _APART and not child.is_symlink()]


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


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
