"""relay.folders: what of an archive lies below a data root, by the names that other machines know it by, again and again and cheaply.

A name is the path below the data root. Folders of the configuration that lie elsewhere (a LOB_DIR on another disk) have the names that they
would have by default. Nothing is read but names: a folder is listed anew when its time of change is another.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from hoga.archive.form.journal import JOURNAL_DIR
from hoga.archive.form.layout import FORMATS, parse_day, parse_segment
from hoga.archive.form.lists import is_list
from hoga.archive.form.seriesday import SeriesDay
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.relay.subjects import FileKind, file_fault
from hoga.runtime.clock import SYSTEM

__all__ = ["Folders", "Place", "Seen", "beside", "is_there", "kind_of"]

_TEMPORARY = "temporary"
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""How folders of the archive are called; `lost+found` is none."""
_ODD = re.compile("[\ud800-\udfff]")
"""What of a name is no text to the system stands there so."""
_FRESH_NS = 3_000_000_000
"""A folder that changed so lately may change again within the same tick of the file system's clock."""


class Place(NamedTuple):
    """What lies below `folder` is called `prefix/…`; "" for the data root itself."""

    prefix: str
    folder: Path


class Seen(NamedTuple):
    """What is there: open days by their ledgers, closed ones by their manifests, lists of instruments, and folders of journals. `unread`:
    why, of each folder whose names could not be had and that may be one of the archive's: what lies in it is not known."""

    ledgers: list[SeriesDay]
    manifests: list[SeriesDay]
    lists: list[Path]
    homes: list[Path]
    unread: dict[Path, str]


class _Listed(NamedTuple):
    changed_ns: int
    folders: list[str]
    seen: Seen


class Folders:
    """The archive below a data root, and folders of it that lie elsewhere."""

    def __init__(self, root: Path, elsewhere: list[Place] | None = None) -> None:
        self.root = root.absolute()
        self._places = [*(Place(place.prefix, place.folder.absolute()) for place in elsewhere or ()), Place("", self.root)]
        self._listed: dict[Path, _Listed] = {}

    def name_of(self, path: Path) -> str | None:
        """The name of a file, None when it is no file of this archive."""
        for place in self._places:
            if path.is_relative_to(place.folder):
                below = path.relative_to(place.folder).as_posix()
                return f"{place.prefix}/{below}" if place.prefix else below
        return None

    def path_of(self, name: str) -> Path | None:
        """The file of that name, None when it could not be one of this archive."""
        if file_fault(name) is not None or any(part.startswith(".") for part in name.split("/")):
            return None
        for place in self._places:
            if not place.prefix:
                return place.folder / name
            if PurePosixPath(name).is_relative_to(place.prefix):
                return place.folder / PurePosixPath(name).relative_to(place.prefix)
        return None

    def look(self) -> Seen:
        """Everything that is there now; what cannot be listed is told in `unread`. Blocks on the disk."""
        seen = Seen([], [], [], [], {})
        known: set[Path] = set()
        for place in self._places:
            for folder in self._walk(place.folder, known, seen.unread):
                there = self._listed[folder].seen
                seen.ledgers.extend(there.ledgers)
                seen.manifests.extend(there.manifests)
                seen.lists.extend(there.lists)
                seen.homes.extend(there.homes)
        self._listed = {folder: listed for folder, listed in self._listed.items() if folder in known}
        return seen

    def day(self, day: str) -> tuple[list[SeriesDay], list[Path]]:
        """The series that have anything of a day, and the lists of instruments of that day. Raises ArchiveError when there may be more
        than can be read."""
        seen = self.look()
        for folder, why in seen.unread.items():
            if folder.name != JOURNAL_DIR:
                raise ArchiveError(folder, why)
        series = {each for each in (*seen.ledgers, *seen.manifests) if each.day == day}
        return sorted(series), [path for path in seen.lists if path.name.startswith(f"instruments_{day}")]

    def days(self) -> tuple[list[str], bool]:
        """The days of which any series has anything, by date, and whether that is all that there may be."""
        seen = self.look()
        whole = all(folder.name == JOURNAL_DIR for folder in seen.unread)
        return sorted({each.day for each in (*seen.ledgers, *seen.manifests)}), whole

    def _walk(self, root: Path, known: set[Path], unread: dict[Path, str]) -> Iterator[Path]:
        """The folders below `root` with the series' files, journals and open days; those of a day are not gone into."""
        folders = [root]
        while folders:
            here = folders.pop()
            try:
                listed = self._list(here, is_root=here == root)
            except OSError as fault:
                if all(map(_FOLDER.fullmatch, here.relative_to(root).parts)):
                    unread[here] = f"cannot be listed: {fault.strerror or fault}"
                continue
            if listed is None or here in known:
                continue
            known.add(here)
            yield here
            inside = [name for name in listed.folders if not name.startswith(".")]
            if here.name == _TEMPORARY:
                inside = [name for name in inside if name == JOURNAL_DIR]
            folders += [here / name for name in inside]

    def _list(self, here: Path, *, is_root: bool) -> _Listed | None:
        """None where there is no folder (any more). A link to one is none, but for what the user named. Raises OSError where it cannot be
        listed."""
        try:
            status = here.stat() if is_root else here.lstat()
            if not stat.S_ISDIR(status.st_mode):
                return None
            known = self._listed.get(here)
            if known is not None and known.changed_ns == status.st_mtime_ns:
                return known
            folders: list[str] = []
            files: list[str] = []
            with os.scandir(here) as entries:
                for entry in entries:
                    if _ODD.search(entry.name) is not None:
                        continue  # no name of ours, and none that can be told
                    (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_fresh = abs(SYSTEM.time_ns() - status.st_mtime_ns) < _FRESH_NS
        found = _Listed(0 if is_fresh else status.st_mtime_ns, sorted(folders), _seen(here, sorted(folders), sorted(files)))
        self._listed[here] = found
        return found


def _seen(here: Path, folders: list[str], files: list[str]) -> Seen:
    """What the names in a folder say."""
    seen = Seen([], [], [], [], {})
    if here.name == _TEMPORARY:
        for child in folders:
            name = parse_day(child)
            if name is not None and not name.suffix:
                day = SeriesDay(here.parent, name.symbol, name.kind, name.day)
                if day.stem == child:
                    seen.ledgers.append(day)
        return seen
    if here.name == JOURNAL_DIR:
        seen.homes.append(here)
        return seen
    for file in files:
        if file.endswith(".manifest.json"):
            name = parse_day(file)
            if name is not None:
                seen.manifests.append(SeriesDay(here, name.symbol, name.kind, name.day))
        elif is_list(file):
            seen.lists.append(here / file)
    return seen


def is_there(path: Path) -> bool:
    """Whether there is something of that name; what nobody lets us look for may be there."""
    try:
        return path.exists()
    except OSError:
        return True


def beside(folder: Path, file: str) -> Path:
    """The file that a ledger or a manifest names, directly in `folder`. Raises SegmentCorrupt where that is no name of one."""
    if file in ("", ".", "..") or any(sign in file for sign in "/\\\0"):
        raise SegmentCorrupt(folder, f"a file in it is called {file[:60]!r}, which is no name")
    return folder / file


def kind_of(name: str) -> FileKind:
    """What a file is to the archive, by its name."""
    file = PurePosixPath(name).name
    if file.endswith(".ledger.jsonl"):
        return FileKind.LEDGER
    if file.endswith(".manifest.json"):
        return FileKind.MANIFEST
    if parse_segment(file) is not None:
        return FileKind.SEGMENT
    day = parse_day(file)
    return FileKind.DAY if day is not None and day.suffix in FORMATS.values() else FileKind.OTHER
