"""archive.union.archives: which days of which archives become which days of one, and how each is made ready.

The archives are only read: days whose minutes are not merged yet are merged in a working folder below the result, which is removed
afterwards. A day that somebody records just now is left for later, and named.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.discover import NO_TEXT, Found, discover, venue_of
from hoga.archive.form.layout import parse_segment, suffix_of
from hoga.archive.form.ledger import SegmentEntry, read_ledger
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import day_span
from hoga.archive.form.store import look
from hoga.archive.keep.life import LOCK_FILE
from hoga.archive.keep.lock import FolderLock
from hoga.archive.keep.merge import merge_day
from hoga.archive.read.openminute import OpenMinutes
from hoga.archive.union.recording import is_edge
from hoga.archive.union.unite import Source, United, unite_day
from hoga.core.errors import ArchiveBusy, ArchiveError, DiskFull, HogaError, ManifestMismatch
from hoga.core.times import day_of
from hoga.runtime.durable import link, make_folder, remove_folder, unlink, write_file

__all__ = ["Archive", "Done", "unite_archives"]

_PIECE_BYTES = 1 << 20
WORK_FOLDER = ".uniting"
"""Below the result; whoever finds one may remove it."""


class Archive(NamedTuple):
    """One collector's archive. `label`: its name where its connections bear none."""

    label: str
    root: Path


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one day of one series; `united` None: `why` says what stopped it, and nothing of it was changed. `left_out`: (archive,
    why) of those that are damaged there, where the others were united without them. `edges`: (archive, why) of those of which a day beside
    cannot be read where it touches this one: a frame that came around midnight may be in both."""

    what: str
    united: United | None = None
    why: str = ""
    left_out: list[tuple[str, str]] = []
    edges: list[tuple[str, str]] = []


class _Wanted(NamedTuple):
    venue: str
    symbol: str
    kind: str
    day: str


def unite_archives(
    archives: Sequence[Archive],
    out: Path,
    *,
    order: Iterable[str] = (),
    day: str | None = None,
    archive_format: str | None = None,
    absent: Iterable[str] = (),
    own: bool = False,
    on_done: Callable[[int, int], None] = lambda done, whole: None,
) -> Iterator[Done]:
    """Unite every day of every series of `archives` below `out`, one after the other. Raises ArchiveError for an archive that cannot be
    listed.

    Args:
        order: names of collectors, the preferred first. day: only this one.
        archive_format: `zip` or `zst`; None: as the day is kept already, else as the first archive has it.
        absent: collectors that may have more; the manifests name them.
        own: `out` is made of these archives, again and again while they grow: a union is made anew of them, and an archive that is damaged
            in a day is left out there, and named with those that are absent.
        on_done: how many days are done, and of how many.
    """
    found = [(archive, discover([archive.root])) for archive in archives]
    unnamed = [path for _, listed in found for path, why in listed.unread if why == NO_TEXT]
    for _, listed in found:
        msgspec.structs.replace(listed, unread=[each for each in listed.unread if each[1] != NO_TEXT]).require_whole()
    wanted = sorted({_wanted(each) for _, found_in in found for each in found_in.days if not each.only and day in (None, each.day)})
    recording = {_wanted(each) for _, found_in in found for each in OpenMinutes(found_in.journals).days()}
    with _work_folder(out) as work:
        _copy_lists([each for _, each in found], out)
        near = (lambda each: True) if day is None else partial(_is_near, day)
        ready = [_Ready(archive, found_in, work / str(number), near, tolerant=own) for number, (archive, found_in) in enumerate(found)]
        into = _Into(out, list(order), archive_format, list(absent), own)
        for number, each in enumerate(wanted, 1):
            yield _one(each, recording, ready, into)
            on_done(number, len(wanted))
    yield from (Done(what=str(path), why=f"cannot be listed: {NO_TEXT}") for path in unnamed)


class _Into(NamedTuple):
    """How days are united, and where."""

    out: Path
    order: list[str]
    archive_format: str | None
    absent: list[str]
    own: bool


def _one(wanted: _Wanted, recording: set[_Wanted], ready: Sequence[_Ready], how: _Into) -> Done:
    what = " ".join(wanted)
    if wanted in recording:
        return Done(what=what, why="it is being recorded, or its last minutes are not sealed: `hoga recover`, or later")
    into = SeriesDay(how.out / wanted.venue / wanted.kind, wanted.symbol, wanted.kind, wanted.day)
    left_out: list[tuple[str, str]] = []
    taken = list(ready)
    while True:
        try:
            sources = [source for each in taken if (source := each.source(wanted)) is not None]
            known = [into, *(each.day for each in sources)]
            spelt = how.archive_format or next((name for each in known if (name := _format_of(each))), "zip")
            absent = [*how.absent, *(label for label, _ in left_out)]
            united = unite_day(sources, into, archive_format=spelt, order=how.order, absent=absent, anew=how.own)
            edges = [(each.label, each.as_it_lies(str(fault))) for each in taken for fault in each.beside(wanted)]
            return Done(what=what, united=united, left_out=left_out, edges=edges)
        except HogaError as fault:
            why = reduce(lambda text, each: each.as_it_lies(text), ready, str(fault))
            damage = fault if how.own and isinstance(fault, ArchiveError) and not isinstance(fault, DiskFull) else None
            bad = next((each for each in taken if damage is not None and each.holds(Path(damage.path))), None)
            if bad is None or len(taken) == 1:
                return Done(what=what, why=why, left_out=left_out)
            left_out.append((bad.label, why))
            taken.remove(bad)


def _is_near(day: str, other: str) -> bool:
    """Whether it is that day, or one beside it: what was received around midnight is looked for there."""
    low, high = day_span(day)
    return other in (day, day_of(low - 1), day_of(high))


class _Ready:
    """The days of one archive, merged: where they are, or in the working folder."""

    def __init__(self, archive: Archive, found: Found, work: Path, near: Callable[[str], bool], *, tolerant: bool) -> None:
        self._archive, self._work, self._tolerant = archive, work, tolerant
        self._faults: dict[tuple[str, str, str], dict[str, ArchiveError]] = {}
        self._torn: dict[tuple[str, str, str], dict[str, ArchiveError]] = {}
        """Of the faults those that concern a day's first or last minutes."""
        self._days: dict[tuple[str, str, str], dict[str, SeriesDay]] = {}
        for each in found.days:
            if not each.only and near(each.day):
                self._days.setdefault(_wanted(each)[:3], {})[each.day] = each
        self._made: dict[tuple[str, str, str], Path] = {}
        self._brought: dict[Path, Path] = {}
        """Folders below the working folder, and those of the archive whose files they have."""

    @property
    def label(self) -> str:
        """What the archive is called."""
        return self._archive.label

    def holds(self, path: Path) -> bool:
        """Whether the file is the archive's, or a copy that was made of it to work on."""
        return any(path.absolute().is_relative_to(folder.absolute()) for folder in (self._archive.root, self._work))

    def source(self, wanted: _Wanted) -> Source | None:
        """The day of this archive, where it or one beside it is here. Raises ArchiveError."""
        days = self._days.get(wanted[:3])
        if days is None:
            return None
        directory = self._directory(wanted[:3], days)
        day = SeriesDay(directory, wanted.symbol, wanted.kind, wanted.day)
        if (fault := self._faults.get(wanted[:3], {}).get(wanted.day)) is not None:
            raise fault
        _require_day_file(day)
        return Source(self._archive.label, day)

    def beside(self, wanted: _Wanted) -> list[ArchiveError]:
        """Why what this archive has at the ends of the days beside cannot be told, where that is so."""
        low, high = day_span(wanted.day)
        torn = self._torn.get(wanted[:3], {})
        return [torn[day] for day in (day_of(low - 1), day_of(high)) if day in torn]

    def as_it_lies(self, text: str) -> str:
        """What is told of a file in the working folder, told of the archive's own."""
        for directory, own in self._brought.items():
            text = text.replace(f"{directory}/", f"{own}/")
        return text

    def _directory(self, series: tuple[str, str, str], days: dict[str, SeriesDay]) -> Path:
        if series not in self._made:
            own, (venue, _, kind) = next(iter(days.values())).directory, series
            directory = self._work / venue / kind
            if any(each.folder.is_dir() for each in days.values()):
                self._brought[directory] = own
                self._merge(venue, days, directory)
            else:
                directory = own
            self._made[series] = directory
        return self._made[series]

    def _merge(self, venue: str, days: dict[str, SeriesDay], directory: Path) -> None:
        """Make `directory` a folder in which all days of the series are merged."""
        for each in days.values():
            there = msgspec.structs.replace(each, directory=directory)
            make_folder(there.folder)
            for path in [each.manifest_path, *each.archive_paths]:
                if path.exists():
                    _bring(path, directory / path.name)
            if each.folder.is_dir():
                for path in sorted(each.folder.iterdir()):
                    if path.is_file() and path.name != ".lock":
                        _bring(path, there.folder / path.name)
                try:
                    merge_day(there, venue=venue, archive_format=_format_of(each) or "zip", purge=True)
                except ArchiveError as fault:
                    if not self._tolerant:
                        raise
                    self._faults.setdefault(_wanted(each)[:3], {})[each.day] = fault  # a day beside it may still be on its way
                    try:
                        _merge_ends(there, venue)
                    except ArchiveError as torn:
                        self._torn.setdefault(_wanted(each)[:3], {})[each.day] = torn


def _merge_ends(day: SeriesDay, venue: str) -> None:
    """Make a day that cannot be made whole of its first and last minutes alone, in the working folder: the days beside are held against
    them. Raises ArchiveError where they are not whole either."""
    manifest = read_manifest(day.manifest_path)
    inside = {(row.minute, row.bytes, row.crc32) for row in manifest.segments} if manifest is not None else set()
    names = {path.name for path in day.folder.iterdir()}
    for entry in read_ledger(day.ledger):
        if not (isinstance(entry, SegmentEntry) and entry.file and is_edge(entry.minute)):
            continue
        if entry.file not in names and (entry.minute, entry.bytes, entry.crc32) not in inside:
            raise ManifestMismatch(day.folder / entry.file, "the ledger names this segment and it is not there")
    for name in names:
        segment = parse_segment(name)
        if segment is None or not is_edge(segment.minute):
            unlink(day.folder / name)
    merge_day(day, venue=venue, archive_format=_format_of(day) or "zip", purge=True)


def _require_day_file(day: SeriesDay) -> None:
    """Raises ManifestMismatch: the day file that the manifest names is not there, or one is there without a manifest. What nothing
    describes is never left out in silence."""
    manifest = read_manifest(day.manifest_path)
    if manifest is None and day.archive_paths:
        hint = "hoga consolidate merges minutes, and --adopt writes a manifest for a day of the classic recorder"
        raise ManifestMismatch(day.archive_paths[0], "there is no manifest beside the day file", hint=hint)
    path = day.manifest_path.with_name(manifest.archive.file) if manifest is not None else None
    if path is not None and look(path) is None:
        raise ManifestMismatch(
            path, "the day file that the manifest names is not there", hint="restore it, or hoga consolidate that archive"
        )


def _bring(path: Path, to: Path) -> None:
    """A second name for a file that is only read, where the file system gives one, else a copy. Ledgers are cut when they are merged."""
    if not path.name.endswith(".ledger.jsonl"):
        with contextlib.suppress(OSError):
            link(path, to)
            return
    with path.open("rb") as file:
        write_file(to, iter(lambda: file.read(_PIECE_BYTES), b""))


def _format_of(day: SeriesDay) -> str | None:
    """`zip` or `zst`, by what is there of the day."""
    names = [path.name for path in day.archive_paths]
    if day.folder.is_dir():
        names += [path.name for path in day.folder.iterdir()]
    return next((each for each in ("zip", "zst") for name in names if name.endswith(suffix_of(each))), None)


def _wanted(day: SeriesDay) -> _Wanted:
    return _Wanted(venue_of(day.directory), day.symbol, day.kind, day.day)


def _copy_lists(found: Iterable[Found], out: Path) -> None:
    """The lists of instruments that the result does not have yet."""
    for each in found:
        for path in each.lists:
            to = out / path.parent.parent.name / path.parent.name / path.name
            if not to.exists():
                make_folder(to.parent)
                write_file(to, [path.read_bytes()])


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder of one union at a time, empty. Raises ArchiveError: it is a link, which may lead to what is not ours; ArchiveBusy."""
    work = out / WORK_FOLDER
    if work.is_symlink():
        raise ArchiveError(work, "is a link, and a union would clear what it leads to", hint="remove the link")
    make_folder(work)
    lock = FolderLock(work)
    if not lock.acquire():
        raise ArchiveBusy(out, "another union is being made here", hint="wait for it, or end it")
    try:
        _clear(work)
        yield work
    finally:
        _clear(work)
        lock.release()
        unlink(work / LOCK_FILE, missing_ok=True)
        remove_folder(work)


def _clear(work: Path) -> None:
    """All of a working folder but its lock; links are removed, never what they lead to."""
    for path in sorted(work.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        elif path != work / LOCK_FILE:
            unlink(path)
