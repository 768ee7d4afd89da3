"""relay.shelf: where what collectors sent is kept, as it lay on their disks, until a day is over: `<root>/.collectors/NAME/…`.

    <venue>/<folder>/…                     files as the archive's layout has them; a day file, its manifest and its healed trades wait in
                                           the day's temporary folder until `relay.settle` has held them against what came as minutes
    .arriving/<day>/<id>/<number>-<at>     parts of a file that is not whole yet; lines of a ledger that has a hole before them
    .folded/<day>/<venue>/<folder>/…       ledgers that are in a collector's own manifest by now: by them lines that come again are known

A segment that comes under a name that another one has (two collectors of one name, or one that began anew with an empty folder) is kept
beside it under the next free part number; one that is damaged is replaced.

Everything that `take` is given is on the disk when it returns, or was there: only then may it be acknowledged. Parts come in any order,
many times, over any number of lives of this process; what was there before changes nothing. A ledger only grows where its lines follow
what is there: what comes behind a hole waits, and is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from hoga.archive.form.checked import checked_blocks
from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import COLLECTORS_DIR, parse_segment, segment_stem
from hoga.archive.form.ledger import ledger_lines
from hoga.archive.form.links import open_link
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.store import sha256_of
from hoga.core.errors import ArchiveError
from hoga.relay.door import Place, What, place_of
from hoga.relay.subjects import Part
from hoga.runtime.durable import (
    fsync,
    fsync_folder,
    make_folder,
    remove_folder,
    rename,
    temporary_for,
    truncate,
    unlink,
    write_all,
    write_fault,
)

__all__ = ["ARRIVING_DIR", "FOLDED_DIR", "Shelf", "State", "Taken", "is_sound", "remove_tree", "sound_bytes"]

ARRIVING_DIR = ".arriving"
FOLDED_DIR = ".folded"
_PIECE_BYTES = 1 << 20
_ONE_BY_ONE = 4
"""More files than this are made durable side by side."""
_SIDE_BY_SIDE = 16
_KNOWN = 4096
_TAKEN = "segments come under names that others have here, which are kept beside them: two collectors of one name, or one that began anew"
T = TypeVar("T")
_BODY = re.compile(rb"hoga/1 ([0-9a-f]{8}) [0-9a-f]{8} ")


class State(StrEnum):
    """What came of a message."""

    STORED = "stored"
    WAITS = "waits"
    SEEN = "seen"
    REFUSED = "refused"


class Taken(NamedTuple):
    """What came of one message. `place`: None where it is none. `why` it was refused."""

    state: State
    place: Place | None
    why: str = ""


class Shelf:
    """The files below `root`. Not for several threads at a time, nor for two processes."""

    def __init__(self, root: Path) -> None:
        self.home = root / COLLECTORS_DIR
        self._whole: dict[Path, tuple[int, int]] = {}
        """Files that are known to be whole: their size and CRC-32."""
        self._parts: dict[Path, dict[int, tuple[int, int]]] = {}
        self._ledgers: dict[Path, int] = {}
        """Ledgers whose lines were looked at in this life: their sizes."""

    def names(self) -> list[str]:
        """The collectors of which something is here."""
        try:
            return sorted(path.name for path in self.home.iterdir() if path.is_dir() and not path.name.startswith("."))
        except FileNotFoundError:
            return []

    def folder(self, collector: str) -> Path:
        """Where the files of a collector are: a data folder like any other."""
        return self.home / collector

    def forget(self, collector: str) -> None:
        """Somebody else has moved files of this collector: what is known of them is read again."""
        home = self.folder(collector)
        _proves.cache_clear()
        self._whole = {path: value for path, value in self._whole.items() if not path.is_relative_to(home)}
        self._parts = {path: value for path, value in self._parts.items() if not path.is_relative_to(home)}
        self._ledgers = {path: value for path, value in self._ledgers.items() if not path.is_relative_to(home)}

    def take(self, parts: Sequence[Part]) -> list[Taken]:
        """Keep what came. When this returns it is durable. Raises DiskFull, ArchiveError where the disk refuses: nothing of it counts
        then."""
        batch = _Batch()
        try:
            taken = [self._one(part, batch) for part in parts]
            for lines in batch.ledgers.values():
                for path, payload in lines.waiting.items():
                    if path not in lines.used:
                        batch.write(path, payload)
            batch.commit()
            self._grow(batch)
            joined = [self._joined(part, place, folder) for part, place, folder in batch.maybe_whole.values()]
        except OSError as fault:
            self._parts.clear()
            self._ledgers.clear()
            self._whole.clear()
            raise write_fault(Path(fault.filename or self.home), fault) from fault
        for (part, _, _), found in zip(batch.maybe_whole.values(), joined, strict=True):
            if found is not None:
                at = max(number for number, one in enumerate(parts) if one.head == part.head)
                taken[at] = found
        return taken

    # -- one message --------------------------------------------------------------------------------------------------

    def _one(self, part: Part, batch: _Batch) -> Taken:
        head = part.head
        place = place_of(head.file)
        if place is None:
            return Taken(State.REFUSED, None, f"{head.file!r}: no place that the archive's layout knows")
        if part.of == 1 and (crc32(part.payload) != head.crc32 or hashlib.sha256(part.payload).hexdigest() != head.sha256):
            return Taken(State.REFUSED, place, f"{head.file}: the bytes are not what was sent")
        if head.offset and place.what is not What.LEDGER:
            return Taken(State.REFUSED, place, f"{head.file}: only ledgers come in pieces that begin at {head.offset}")
        if place.what is What.LEDGER:
            return self._ledger(part, place, batch) if part.of == 1 else self._kept_part(part, place, batch)
        target = self._target(head.collector, place)
        taken = target
        if place.what is What.SEGMENT:
            target = self._free_place(target, part, batch)
        if self._has(target, part, place):
            if part.of > 1 and (left := self._arriving(part, place)).exists():  # a kill came before its parts went
                remove_tree(left)
                self._parts.pop(left, None)
            return Taken(State.SEEN, place)
        if part.of == 1:
            batch.write(target, part.payload)
            self._note_whole(target, head.bytes, head.crc32)
            return Taken(State.STORED, place, "" if target == taken else _TAKEN)
        return self._kept_part(part, place, batch)

    def _kept_part(self, part: Part, place: Place, batch: _Batch) -> Taken:
        folder = self._arriving(part, place)
        known = self._parts_of(folder)
        span = (part.at, len(part.payload))
        if known.get(part.number) == span:
            if len(known) == part.of:  # a kill came between the last part and the whole
                batch.maybe_whole[folder] = (part, place, folder)
            return Taken(State.SEEN, place)
        if part.number in known:
            return Taken(State.REFUSED, place, f"{part.head.file}: part {part.number} came twice and differs")
        batch.write(folder / f"{part.number}-{part.at}", part.payload)
        known[part.number] = span
        if len(known) == part.of:
            batch.maybe_whole[folder] = (part, place, folder)
        return Taken(State.WAITS, place)

    def _target(self, collector: str, place: Place) -> Path:
        if place.what in (What.DAY, What.MANIFEST, What.HEALED):
            name = place.file.rpartition("/")[2]
            return self.folder(collector) / place.venue / place.folder / "temporary" / place.stem / name
        return self.folder(collector) / place.file

    def _free_place(self, target: Path, part: Part, batch: _Batch | None) -> Path:
        """Where a segment is, or can be put: no place in which another one lies that is sound."""
        name, number = parse_segment(target.name), 1
        assert name is not None, "places are checked at the door"
        place = target
        while (known := self._known(place)) is not None and known != (part.head.bytes, part.head.crc32):
            if not (batch is not None and place in batch.files) and not is_sound(place):
                break
            number += 1
            if number != name.part:
                stem = segment_stem(name.symbol, name.kind, name.day, name.minute, part=number)
                place = target.with_name(stem + name.suffix)
        return place

    def _known(self, target: Path) -> tuple[int, int] | None:
        """(size, CRC-32) of a file that is here, None when it is not."""
        known = self._whole.get(target)
        if known is None:
            known = _facts_of(target)
            if known is not None:
                self._note_whole(target, *known)
        return known

    def _has(self, target: Path, part: Part, place: Place) -> bool:
        """Whether the very file is here: in its place, or in the day already."""
        head = part.head
        known = self._known(target)
        if known is not None:
            return known == (head.bytes, head.crc32)
        if not place.stem:
            return False
        settled = self.folder(head.collector) / place.venue / place.folder / f"{place.stem}.manifest.json"
        if place.what is What.MANIFEST:
            return _facts_of(settled) == (head.bytes, head.crc32)
        inside = _in_day(settled, _mark_of(settled))
        if place.what is What.DAY:
            if inside is None or inside.sha256 != head.sha256:
                return False
            file = settled.with_name(inside.file)
            return _proves(file, _mark_of(file), inside.sha256)
        if place.what is What.SEGMENT and part.of == 1 and inside is not None:
            name = parse_segment(target.name)
            body = list(_BODY.finditer(part.payload[-_PIECE_BYTES:]))
            return name is not None and bool(body) and (name.minute, int(body[-1][1], 16)) in inside.bodies
        return False

    def _note_whole(self, target: Path, size: int, crc: int) -> None:
        while len(self._whole) >= _KNOWN:
            self._whole.pop(next(iter(self._whole)))
        self._whole[target] = (size, crc)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _arriving(self, part: Part, place: Place) -> Path:
        head = part.head
        said = f"{head.file}\n{head.offset}\n{head.bytes}\n{head.sha256}\n{part.of}"
        return self.folder(head.collector) / ARRIVING_DIR / place.day / hashlib.sha256(said.encode()).hexdigest()[:24]

    def _parts_of(self, folder: Path) -> dict[int, tuple[int, int]]:
        if folder not in self._parts:
            found: dict[int, tuple[int, int]] = {}
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as scan:
                for item in scan:
                    number, stroke, at = item.name.partition("-")
                    if stroke and number.isdigit() and at.isdigit():
                        found[int(number)] = (int(at), item.stat().st_size)
            self._parts[folder] = found
        return self._parts[folder]

    def _joined(self, part: Part, place: Place, folder: Path) -> Taken | None:
        """The file that the parts make, in its place, if they make it; they go."""
        known, head = self._parts_of(folder), part.head
        target = self._target(head.collector, place) if place.what is not What.LEDGER else folder / "lines"
        taken = target
        if place.what is What.SEGMENT:
            target = self._free_place(target, part, None)
        temporary = temporary_for(target)
        make_folder(target.parent)
        at, crc, digest = 0, 0, hashlib.sha256()
        with temporary.open("wb", buffering=0) as file:
            for number in sorted(known):
                if known[number][0] != at:
                    break
                for piece in _pieces(folder / f"{number}-{known[number][0]}"):
                    write_all(file.fileno(), piece)
                    crc, at = crc32(piece, crc), at + len(piece)
                    digest.update(piece)
            sound = (at, crc, digest.hexdigest()) == (head.bytes, head.crc32, head.sha256)
            if sound:
                fsync(file.fileno())
        found = Taken(State.STORED, place, "" if target == taken else _TAKEN)
        if sound and place.what is What.LEDGER:
            found = self.take([Part(head, 1, 1, 0, temporary.read_bytes())])[0]
        elif sound:
            rename(temporary, target)
            fsync_folder(target.parent)
            self._note_whole(target, head.bytes, head.crc32)
        else:
            unlink(temporary, missing_ok=True)
        remove_tree(folder)
        self._parts.pop(folder, None)
        if sound:
            return found
        return Taken(State.REFUSED, place, f"{head.file}: its {part.of} parts are not what was sent")

    # -- ledgers ------------------------------------------------------------------------------------------------------

    def _ledger(self, part: Part, place: Place, batch: _Batch) -> Taken:
        head, payload = part.head, part.payload
        target = self.folder(head.collector) / place.file
        begin = head.offset + part.at
        end = begin + len(payload)
        lines = batch.ledgers.get(target)
        if lines is None:
            lines = batch.ledgers[target] = _Lines(self._size_of(target), place)
        if not lines.size and not lines.grown:
            folded = self._folded(head.collector, place)
            if folded is not None and folded[begin:end] == payload:
                return Taken(State.SEEN, place)
            if folded is not None and begin <= len(folded) and _follows(folded, payload, begin):
                lines.grown.append(folded)  # the collector went on with the ledger that was folded
        if begin > lines.end:
            waiting = self._arriving_lines(head.collector, place) / f"{begin}-{len(payload)}"
            if waiting in lines.waiting or waiting.exists():
                return Taken(State.SEEN, place)
            lines.waiting[waiting] = payload
            return Taken(State.WAITS, place)
        known = self._bytes_of(target, lines, begin, min(end, lines.end))
        if known != payload[: len(known)]:
            return Taken(State.WAITS, place, f"{head.file}: its lines are others than those that came before")
        if end <= lines.end:
            return Taken(State.SEEN, place)
        lines.grown.append(payload[lines.end - begin :])
        self._take_waiting(target, head.collector, lines)
        return Taken(State.STORED, place)

    def _take_waiting(self, target: Path, collector: str, lines: _Lines) -> None:
        """Lines that came before those that they follow."""
        folder = self._arriving_lines(collector, lines.place)
        while True:
            for path, begin, length in _waiting_lines(folder, lines.waiting):
                if path in lines.used or begin > lines.end:
                    continue
                payload = lines.waiting[path] if path in lines.waiting else path.read_bytes()
                known = self._bytes_of(target, lines, begin, min(begin + length, lines.end))
                lines.used.append(path)
                if len(payload) == length and known == payload[: len(known)] and begin + length > lines.end:
                    lines.grown.append(payload[lines.end - begin :])
                    break
            else:
                return

    def _bytes_of(self, target: Path, lines: _Lines, begin: int, end: int) -> bytes:
        kept = b""
        if begin < lines.size:
            with target.open("rb") as file:
                kept = os.pread(file.fileno(), min(end, lines.size) - begin, begin)
        grown = b"".join(lines.grown)
        return kept + grown[max(0, begin - lines.size) : max(0, end - lines.size)]

    def _grow(self, batch: _Batch) -> None:
        """Append to the ledgers what follows in them, durably."""
        grown = {target: lines for target, lines in batch.ledgers.items() if lines.grown}
        opened: list[int] = []
        folders: set[Path] = set()
        try:
            for target, lines in grown.items():
                if not lines.size:
                    make_folder(target.parent)
                    folders.add(target.parent)
                fd = os.open(target, os.O_RDWR | os.O_CREAT, 0o644)
                opened.append(fd)
                os.lseek(fd, lines.size, os.SEEK_SET)
                write_all(fd, b"".join(lines.grown))
            _for_all(fsync, opened)
            _for_all(fsync_folder, folders)
        finally:
            for fd in opened:
                os.close(fd)
        for target, lines in grown.items():
            self._ledgers[target] = lines.end
            for path in lines.used:
                unlink(path, missing_ok=True)

    def _size_of(self, ledger: Path) -> int:
        """Of the lines that are whole: what a kill left behind them goes."""
        size = self._ledgers.get(ledger)
        if size is None or not ledger.exists():
            size = 0
            with contextlib.suppress(FileNotFoundError), ledger.open("r+b") as file:
                data = file.read()
                size = sound_bytes(data)
                if size != len(data):
                    truncate(file.fileno(), size)
            self._ledgers[ledger] = size
        return size

    def _arriving_lines(self, collector: str, place: Place) -> Path:
        name = hashlib.sha256(place.file.encode()).hexdigest()[:24]
        return self.folder(collector) / ARRIVING_DIR / place.day / f"lines-{name}"

    def _folded(self, collector: str, place: Place) -> bytes | None:
        path = self.folder(collector) / FOLDED_DIR / place.day / place.venue / place.folder / place.file.rpartition("/")[2]
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


class _Lines:
    """A ledger in a batch: `size` bytes are in its file, `grown` come behind them. `waiting`: files of lines that come behind a hole, to be
    written; `used`: files of lines that had waited for these."""

    def __init__(self, size: int, place: Place) -> None:
        self.size = size
        self.place = place
        self.grown: list[bytes] = []
        self.waiting: dict[Path, bytes] = {}
        self.used: list[Path] = []

    @property
    def end(self) -> int:
        return self.size + sum(map(len, self.grown))


class _Batch:
    """Files that become durable together: written beside their places, made durable, renamed, and so are their names."""

    def __init__(self) -> None:
        self.files: dict[Path, Path] = {}
        self.ledgers: dict[Path, _Lines] = {}
        self.maybe_whole: dict[Path, tuple[Part, Place, Path]] = {}

    def write(self, target: Path, data: bytes) -> None:
        temporary = temporary_for(target)
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except FileNotFoundError:
            make_folder(target.parent)
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)
        self.files[target] = temporary

    def commit(self) -> None:
        _for_all(_fsync_file, self.files.values())
        for target, temporary in self.files.items():
            rename(temporary, target)
        _for_all(fsync_folder, {target.parent for target in self.files})


def _for_all(act: Callable[[T], object], what: Iterable[T]) -> None:
    """Several at a time: what a file system makes durable at once costs it little more than one. (Asking for the whole file system to be
    made durable instead would wait for whatever else is written on it.)"""
    things = list(what)
    if len(things) <= _ONE_BY_ONE:
        for each in things:
            act(each)
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="gather-fsync") as threads:
        list(threads.map(act, things))


def _fsync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        fsync(fd)
    finally:
        os.close(fd)


class _InDay(NamedTuple):
    """What a settled day holds: its file and that one's SHA-256, and (minute, CRC-32 of the body) of its segments."""

    file: str
    sha256: str
    bodies: frozenset[tuple[str, int]]


@lru_cache(maxsize=256)
def _in_day(manifest_path: Path, mark: tuple[int, int, int] | None) -> _InDay | None:
    """`mark`: another one when the file is another."""
    if mark is None:
        return None
    try:
        manifest = read_manifest(manifest_path)
    except ArchiveError:
        return None
    if manifest is None:
        return None
    return _InDay(manifest.archive.file, manifest.archive.sha256, frozenset((row.minute, row.archive_crc32) for row in manifest.segments))


@lru_cache(maxsize=16)
def _proves(path: Path, mark: tuple[int, int, int] | None, sha256: str) -> bool:
    """Whether the file has that SHA-256. Each part of it that comes asks; `forget` has it read anew."""
    return mark is not None and sha256_of(path) == sha256


def is_sound(segment: Path) -> bool:
    """Whether a sealed file is as it was sealed, by what it tells of itself."""
    try:
        for _ in checked_blocks(segment):
            pass
    except (FileNotFoundError, ArchiveError):
        return False
    return True


def _mark_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _facts_of(path: Path) -> tuple[int, int] | None:
    """(size, CRC-32) of a file, None where there is none."""
    size = crc = 0
    try:
        for piece in _pieces(path):
            size, crc = size + len(piece), crc32(piece, crc)
    except FileNotFoundError:
        return None
    return size, crc


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def sound_bytes(data: bytes) -> int:
    """How many bytes of a ledger are whole lines that were not altered."""
    for line in ledger_lines(data):
        link = open_link(line.text)
        if line.entry is None or (link is not None and not link.sound):
            return line.at
    return data.rfind(b"\n") + 1


def _follows(before: bytes, lines: bytes, at: int) -> bool:
    """Whether `lines`, which begin `at`, go on with the ledger `before`: by what both have, or by their link."""
    if at < len(before):
        return before[at:] == lines[: len(before) - at]
    link = open_link(lines[: lines.find(b"\n")])
    last = before[:-1].rpartition(b"\n")[2]
    return link is not None and link.after == crc32(last)


def _waiting_lines(folder: Path, more: Iterable[Path]) -> list[tuple[Path, int, int]]:
    """(file, where its lines begin, how many bytes) of the lines that wait, by where they begin; `more`: files that are not written yet."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        more = {*more, *folder.iterdir()}
    for path in more:
        begin, stroke, length = path.name.partition("-")
        if stroke and begin.isdigit() and length.isdigit():
            found.append((path, int(begin), int(length)))
    return sorted(found, key=lambda each: each[1:])


def remove_tree(folder: Path) -> None:
    """A folder of parts with all that is in it."""
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            unlink(path, missing_ok=True)
    with contextlib.suppress(OSError):  # something has come into it meanwhile
        remove_folder(folder)
