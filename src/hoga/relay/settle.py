"""relay.settle: one collector's day, made what it is at the collector: its minutes are merged, and held against the manifest that the
collector itself wrote; where they are not all of it, what is missing is named, to be asked for. Runs in a worker process.

    nothing of it is here, or less than listed     → asked for
    the minutes make the text of its manifest      → its manifest becomes ours (its account is the collector's own), the minutes go
    they do not                                    → its day file is asked for, and takes their place
    a manifest is damaged, or (where the day could
    not be united: each is proven then) a day file → as if it were not here

Nothing here guesses: a day of which the collector has not written a manifest yet stays as minutes and ledger, and is united as such.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date
from glob import escape
from pathlib import Path

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import FORMATS, HEALED_SUFFIX, parse_day, parse_segment
from hoga.archive.form.manifest import Manifest, decode_manifest, encode_manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import sha256_of
from hoga.archive.keep.merge import merge_day
from hoga.core.errors import ArchiveError, DiskFull, ManifestMismatch
from hoga.core.times import DAY_NS
from hoga.relay.door import MANIFEST_SUFFIX, Place, What, place_of
from hoga.relay.shelf import ARRIVING_DIR, FOLDED_DIR, is_sound, remove_tree
from hoga.relay.subjects import Listed
from hoga.runtime.clock import SYSTEM
from hoga.runtime.durable import (
    fsync_folder,
    install,
    make_folder,
    remove_folder,
    rename,
    temporary_for,
    unlink,
    write_fault,
    write_file,
)

__all__ = ["Settled", "settle_day"]

_BODY = re.compile(rb"hoga/1 ([0-9a-f]{8}) [0-9a-f]{8} ")
_TAIL_BYTES = 1 << 20
_KEPT_DAYS = 8
"""Folded ledgers and parts that nobody completed are kept for so many days after theirs: messages live for two."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How a collector's day stands. `need`: files that are to be asked for. `open`: series of which the collector has no manifest yet.
    `troubles`: (what, why) of what is here, or there, and cannot be used; it is in `need` where asking for it helps."""

    need: list[str] = []
    open: list[str] = []
    troubles: list[tuple[str, str]] = []


def settle_day(home: str, day: str, listed: list[Listed] | None, *, prove: bool = False) -> Settled:
    """Bring a collector's `day` below `home` (`.collectors/NAME`) as far as what is here allows. The same again changes nothing.

    Args:
        listed: what the collector has of the day; None when it did not answer: then what came must do.
        prove: hold the bytes of each day file against its manifest, and of each minute against its own word, not only how many they are.

    Raises:
        DiskFull: nothing is lost, try again.
    """
    root = Path(home)
    try:
        work = _Day(root, day, listed, prove=prove)
        for series in work.series():
            work.settle(series)
        _tidy(root, day)
    except OSError as fault:
        raise write_fault(Path(fault.filename or home), fault) from fault
    return Settled(need=sorted(set(work.need)), open=sorted(work.open), troubles=work.troubles)


class _Series(msgspec.Struct, frozen=True, order=True):
    venue: str
    folder: str
    stem: str


class _Day:
    def __init__(self, root: Path, day: str, listed: list[Listed] | None, *, prove: bool) -> None:
        self._root, self._day, self._prove = root, day, prove
        self._answered = listed is not None
        self._listed: dict[_Series, dict[str, tuple[Place, Listed]]] = {}
        self._lists: list[tuple[Place, Listed]] = []
        self.need: list[str] = []
        self.open: list[str] = []
        self.troubles: list[tuple[str, str]] = []
        for each in listed or ():
            place = place_of(each.file)
            if place is None:
                self.troubles.append((each.file, "no place that the archive's layout knows"))
            elif place.what is What.LIST:
                self._lists.append((place, each))
            elif place.day == day:
                self._listed.setdefault(_Series(place.venue, place.folder, place.stem), {})[each.file] = (place, each)

    def series(self) -> list[_Series]:
        """Every series that the collector has, or that something came of."""
        for place, each in self._lists:
            if not _is_whole(self._root / place.file, each):
                self.need.append(each.file)
        found = set(self._listed)
        for folder in self._root.glob(f"*/*/temporary/*_{self._day}"):
            venue, kind = folder.relative_to(self._root).parts[:2]
            if not venue.startswith(".") and parse_day(folder.name) is not None and folder.is_dir():  # else it is somebody's
                found.add(_Series(venue, kind, folder.name))
        return sorted(found)

    def settle(self, series: _Series) -> None:
        """One series; what is wrong with it concerns no other."""
        name = parse_day(series.stem)
        assert name is not None, "it is looked at where series are found"
        day = SeriesDay(self._root / series.venue / series.folder, name.symbol, name.kind, name.day)
        one = _One(day, series, self._listed.get(series, {}) if self._answered else None, prove=self._prove)
        try:
            one.run()
        except DiskFull:
            raise
        except ArchiveError as fault:
            one.troubles.append((series.stem, str(fault)))
        self.need += one.need
        self.troubles += one.troubles
        if one.open:
            self.open.append(series.stem)


class _One:
    """One series' day of one collector."""

    def __init__(self, day: SeriesDay, series: _Series, listed: dict[str, tuple[Place, Listed]] | None, *, prove: bool) -> None:
        self._day, self._series, self._listed, self._prove = day, series, listed, prove
        self._waiting = day.folder / f"{day.stem}{MANIFEST_SUFFIX}"
        self.need: list[str] = []
        self.troubles: list[tuple[str, str]] = []
        self.open = False

    def run(self) -> None:
        """See the module."""
        theirs = self._of(What.MANIFEST)
        manifest = self._their_manifest(theirs[0] if theirs else None)
        if manifest is not None:
            self._adopt(manifest)
        elif not theirs and self._listed is not None:
            self.open = True
        if self._listed is not None and not (theirs and self.need):
            self._look_for_minutes()
            self._look_for_healed()

    def _of(self, what: What) -> list[Listed]:
        return [each for place, each in (self._listed or {}).values() if place.what is what]

    def _their_manifest(self, listed: Listed | None) -> bytes | None:
        """The collector's manifest as it lies there, when it is here, in its place or waiting; asked for when it is not."""
        for path in (self._waiting, self._day.manifest_path):
            data = _read(path)
            if data is None:
                continue
            if self._listed is None:
                if path == self._waiting and not self._is_newer(data):
                    unlink(path)
                    continue
                return data if path == self._waiting else None
            if listed is not None and len(data) == listed.bytes and listed.crc32 in (None, crc32(data)):
                return data
            if path == self._waiting:
                unlink(path)  # an older one
        if listed is not None:
            self.need.append(listed.file)
        return None

    def _is_newer(self, data: bytes) -> bool:
        """Whether what waits tells of more than what is settled: nobody is there to ask."""
        own = _sound_manifest(self._day.manifest_path)
        try:
            return own is None or decode_manifest(data).records > own.records
        except ValueError:
            return False

    # -- the collector's own account ------------------------------------------------------------------------------------

    def _adopt(self, data: bytes) -> None:
        try:
            theirs = decode_manifest(data)
        except ValueError as fault:
            self.troubles.append((self._day.manifest_path.name, f"the collector's manifest cannot be trusted: {fault}"))
            return
        target = self._day.directory / theirs.archive.file
        arrived = self._day.folder / theirs.archive.file
        own = self._own(target)
        if own is not None and (own.sha256, own.records) == (theirs.sha256, theirs.records):
            self._take_account(theirs, data, own)
        elif target.exists() and own is None and sha256_of(target) == theirs.archive.sha256:  # only its manifest was lost
            write_file(self._day.manifest_path, [data])
        elif arrived.exists() and sha256_of(arrived) == theirs.archive.sha256:
            make_folder(target.parent)
            rename(arrived, temporary_for(target))
            fsync_folder(target.parent)
            write_file(self._day.manifest_path, [data])
            install(temporary_for(target), target)
            for path in self._day.archive_paths:
                if path != target:
                    unlink(path)
        elif (made := self._merged(theirs)) is not None:
            self._take_account(theirs, data, made)
        else:
            self.need.append(f"{self._series.venue}/{self._series.folder}/{theirs.archive.file}")
            return
        self._clear(theirs)

    def _own(self, target: Path) -> Manifest | None:
        """The day as it is settled here, None when it is not, or damaged; one whose commit was cut off is finished."""
        own = _sound_manifest(self._day.manifest_path)
        if own is None:
            return None
        archive = self._day.directory / own.archive.file
        temporary = temporary_for(archive)
        if temporary.exists() and sha256_of(temporary) == own.archive.sha256:
            install(temporary, archive)
        whole = archive.exists() and archive.stat().st_size == own.archive.bytes
        return own if whole and (not self._prove or sha256_of(archive) == own.archive.sha256) else None

    def _merged(self, theirs: Manifest) -> Manifest | None:
        """The minutes that came, as a day, when their text is that of `theirs`."""
        folder = self._day.folder
        names = [path.name for path in folder.iterdir() if parse_segment(path.name)] if folder.is_dir() else []
        if not names:
            return None
        spelt = "zst" if any(name.endswith(FORMATS["zst"]) for name in names) else "zip"
        try:
            merge_day(self._day, venue=theirs.venue, archive_format=spelt, purge=False)
        except DiskFull:
            raise
        except ArchiveError as fault:
            self.troubles.append((self._day.stem, str(fault)))
            return None
        own = _sound_manifest(self._day.manifest_path)
        return own if own is not None and (own.sha256, own.records) == (theirs.sha256, theirs.records) else None

    def _take_account(self, theirs: Manifest, data: bytes, own: Manifest) -> None:
        """What the collector tells of the day becomes what is told here. Where its bytes lie is told by our own file."""
        if (own.archive, own.segments, own.converted) != (theirs.archive, theirs.segments, theirs.converted):
            rows = [msgspec.structs.replace(row, state=each.state) for row, each in zip(own.segments, theirs.segments, strict=False)]
            data = encode_manifest(msgspec.structs.replace(theirs, archive=own.archive, segments=rows or own.segments, converted=None))
        if _read(self._day.manifest_path) != data:
            write_file(self._day.manifest_path, [data])

    # -- what is in the day now goes --------------------------------------------------------------------------------------

    def _clear(self, theirs: Manifest) -> None:
        folder = self._day.folder
        if not folder.is_dir():
            return
        inside = {(row.minute, row.archive_crc32) for row in theirs.segments}
        own = _sound_manifest(self._day.manifest_path)
        inside |= {(row.minute, row.archive_crc32) for row in own.segments} if own is not None else set()
        for path in sorted(folder.iterdir()):
            segment = parse_segment(path.name)
            if segment is not None and (segment.minute, _body_of(path)) in inside:
                unlink(path, missing_ok=True)
        self._fold_ledger(theirs)
        self._place_healed(theirs)
        for name in [self._waiting.name, *(f"{self._day.stem}{suffix}" for suffix in FORMATS.values()), ".lock"]:
            unlink(folder / name, missing_ok=True)
        fsync_folder(folder)
        with contextlib.suppress(OSError):  # something is in it that came later
            remove_folder(folder)

    def _fold_ledger(self, theirs: Manifest) -> None:
        """Lines that are in the manifest are put aside, where they are known again when they come again."""
        data = _read(self._day.ledger)
        if data is None:
            return
        folded = theirs.ledger
        if len(data) > folded.bytes and crc32(data[: folded.bytes]) == folded.crc32 and folded.bytes:
            return  # it goes on
        there = [each for each in self._of(What.LEDGER) if not each.folded]
        begun_anew = any(each.crc32 is not None and crc32(data[: each.bytes]) == each.crc32 and len(data) >= each.bytes for each in there)
        if begun_anew and folded.bytes and crc32(data) != folded.crc32:
            return
        aside = self._aside()
        make_folder(aside.parent)
        rename(self._day.ledger, aside)
        fsync_folder(aside.parent)

    def _aside(self) -> Path:
        home = self._day.directory.parent.parent
        return home / FOLDED_DIR / self._day.day / self._series.venue / self._series.folder / self._day.ledger.name

    def _place_healed(self, theirs: Manifest) -> None:
        path = self._day.folder / f"{self._day.stem}{HEALED_SUFFIX}"
        if not path.exists():
            return
        if theirs.healed is not None and sha256_of(path) == theirs.healed.file_sha256:
            rename(path, self._day.directory / path.name)
            fsync_folder(self._day.directory)
        else:
            unlink(path)

    # -- minutes ----------------------------------------------------------------------------------------------------------

    def _look_for_minutes(self) -> None:
        """Segments and ledgers that the collector has and that are not here, or are not the same."""
        own = _sound_manifest(self._day.manifest_path)
        known = {(row.minute, row.part) for row in own.segments} if own is not None else set()
        for each in self._of(What.SEGMENT):
            name = parse_segment(each.file.rpartition("/")[2])
            assert name is not None, "places are checked at the door"
            path = self._day.folder / each.file.rpartition("/")[2]
            beside = self._day.folder.glob(f"{escape(self._day.stem)}_{name.minute}_*{name.suffix}")  # where its name was taken
            here = any(_is_whole(one, each) and (not self._prove or is_sound(one)) for one in (path, *beside))
            if not here and (name.minute, name.part) not in known:
                self.need.append(each.file)
        for each in self._of(What.LEDGER):
            data = _read(self._day.ledger) or b""
            if each.folded or (own is not None and not data and own.ledger.bytes >= each.bytes):
                continue
            same = len(data) >= each.bytes and each.crc32 in (None, crc32(data[: each.bytes]))
            if not same:
                if data and len(data) >= each.bytes:  # another one of before
                    aside = self._aside()
                    make_folder(aside.parent)
                    rename(self._day.ledger, aside)
                    fsync_folder(aside.parent)
                self.need.append(each.file)

    def _look_for_healed(self) -> None:
        own = _sound_manifest(self._day.manifest_path)
        for each in self._of(What.HEALED):
            if own is not None and own.healed is not None and not (self._day.directory / own.healed.file).exists():
                self.need.append(each.file)


def _tidy(root: Path, day: str) -> None:
    """Parts and folded ledgers of days long past."""
    for kept in (ARRIVING_DIR, FOLDED_DIR):
        folders = sorted(path for path in (root / kept).glob("????-??-??"))
        for path in folders:
            if _days_between(path.name, day) > _KEPT_DAYS and not _is_in_use(path):
                remove_tree(path)


def _is_in_use(folder: Path) -> bool:
    """Whether something of it came lately: of a day long past, too, may be what a collector sends that was away."""
    changes = [path.stat().st_mtime_ns for path in (folder, *folder.rglob("*")) if path.is_dir()]
    return SYSTEM.time_ns() - max(changes) < _KEPT_DAYS * DAY_NS


def _sound_manifest(path: Path) -> Manifest | None:
    """None where there is none, or it is damaged: it is asked for as if it were not here."""
    try:
        return read_manifest(path)
    except ManifestMismatch:
        return None


def _days_between(earlier: str, later: str) -> int:
    try:
        return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
    except ValueError:
        return 0


def _is_whole(path: Path, listed: Listed) -> bool:
    """Whether the file is here as it is listed. A sealed file never changes: its name and size tell it."""
    try:
        if path.stat().st_size != listed.bytes:
            return False
        return listed.crc32 is None or crc32(path.read_bytes()) == listed.crc32
    except FileNotFoundError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _body_of(path: Path) -> int | None:
    """The CRC-32 of a sealed file's body, by its note."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        found = list(_BODY.finditer(file.read()))
    return int(found[-1][1], 16) if found else None
