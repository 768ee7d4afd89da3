"""archive.keep.life: how recording of each stream ended, so that the next life can say what it missed.

A life that ends in good order says so itself. One that does not leaves its open journals, which say more; should there
be none (it died between two minutes), what was written down after the last sealed one still stands.

What is known of a stream is only ever replaced by something newer of that stream. So lives that never heard of it, because
they did not connect or were run without it, any number of them, carry it on; and a journal is removed only after what
it says of its streams is durable here (`archive.keep.recover` and the recorder's sealing keep that order).

The file ends in a link as a line of a ledger does (`archive.form.links`), so that damage is seen. Of a damaged one what holds is kept: its
streams were recorded until it was written, at the latest; which ids they had, nobody knows any more.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import msgspec

from hoga.archive.form.journal import LAST_FILE
from hoga.archive.form.links import linked, open_link
from hoga.archive.form.regular import read_regular
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Reason
from hoga.core.times import DAY_NS
from hoga.quality.memory import MARKS_KEPT
from hoga.quality.sequence import RUNS_KEPT
from hoga.runtime.durable import link, rename, write_file

__all__ = [
    "LAST_FILE",
    "LOCK_FILE",
    "LastLife",
    "LifeFile",
    "Place",
    "StreamEnd",
    "check_last_life",
    "last_word_of",
    "newer",
    "read_last_life",
    "whole_session",
]

LOCK_FILE = ".lock"
"""In the journal folder: held by whoever records or recovers there."""
_DAMAGED = ".damaged"
_LONGEST_NS = 400 * DAY_NS
"""What a damaged file says of longer ago is not believed."""
_STREAM = re.compile(rb'"([^"\\]+)":\{"ns":(\d*)')
_WHOLE_SESSION = 1 << 62
_encode = msgspec.json.Encoder().encode


class Place(TypedDict):
    """Which journal of which session."""

    session: int
    number: int


class StreamEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Recording of a stream is accounted for until `ns`; what comes after is missing for `reason`.

    `runs`: the ids it received (first..last, the latest last; none where it has no ids). `marks`: (id, checksum of the frame) of
    the newest of them, by which a frame that comes again is known. `session` and `number`: which session
    (when it began, ns) and which of its journals said so, the largest number when it was the session's own last word.
    """

    ns: int
    reason: Reason
    runs: list[tuple[int, int]] = []
    marks: list[tuple[int, int]] = []
    session: int = 0
    number: int = 0


class LastLife(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of every stream that was ever recorded here, by wire name."""

    streams: dict[str, StreamEnd]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It as it is written down. `link` empty: by a version without."""

    streams: dict[str, StreamEnd]
    link: str = ""


class _Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """The file as earlier versions wrote it: one end for all streams of the last life."""

    ns: int
    reason: Reason
    streams: dict[str, list[tuple[int, int]]]


def newer(known: StreamEnd | None, told: StreamEnd) -> StreamEnd:
    """What is known of a stream after a journal `told` of it. Pure.

    An older journal tells nothing new, the same one again (it was sealed twice) no more than the first time. Ids that are
    known are kept behind the new ones: a hole is only proven by the ids on both of its sides.
    """
    if known is None:
        return told
    if (told.session, told.number) < (known.session, known.number):
        return known
    earlier = [run for run in known.runs if not any(first <= run[0] and run[1] <= last for first, last in told.runs)]
    fresh = set(told.marks)
    marks = [*(mark for mark in known.marks if mark not in fresh), *told.marks]
    return msgspec.structs.replace(told, runs=[*earlier, *told.runs][-RUNS_KEPT:], marks=marks[-MARKS_KEPT:])


class LifeFile:
    """What the next life needs to know, in memory and in the file. `begin` first; the others block, from any thread.

    In memory it is kept as it is written: 4 KB a stream less than as objects.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LAST_FILE
        self._lock = threading.Lock()
        self._streams: dict[str, bytes] = {}
        self._over = False

    def begin(self, life: LastLife | None) -> None:
        """`life`: what the lives before this one left."""
        with self._lock:
            self._streams = _encoded(life.streams) if life is not None else {}

    def keep(self, ends: Mapping[str, StreamEnd], runs: Mapping[str, Iterable[Sequence[int]]]) -> None:
        """What a sealed journal says of its streams, by wire name; it is durable when this returns. Raises ArchiveError."""
        with self._lock:
            if self._over or not ends:
                return
            merged = dict(self._streams)
            for name, end in ends.items():
                told = msgspec.structs.replace(end, runs=[(run[0], run[1]) for run in runs.get(name, ())])
                merged[name] = _encode(newer(self._known(name), told))
            if merged != self._streams:
                self._write(merged)

    def keep_time_only(self, ends: Mapping[str, StreamEnd]) -> None:
        """The same of a journal that cannot be read: nobody knows which ids it holds, so none before it prove anything."""
        with self._lock:
            for name, end in ends.items():
                known = self._known(name)
                if known is not None and (known.session, known.number) <= (end.session, end.number):
                    self._streams[name] = _encode(msgspec.structs.replace(known, runs=[], marks=[]))
        self.keep(ends, {})

    def end(self, life: LastLife) -> None:
        """The session ended in good order: its own words of its streams; nothing is written after this. Raises ArchiveError."""
        with self._lock:
            self._write({**self._streams, **_encoded(life.streams)})
            self._over = True

    def _known(self, name: str) -> StreamEnd | None:
        told = self._streams.get(name)
        return None if told is None else msgspec.json.decode(told, type=StreamEnd)

    def _write(self, streams: dict[str, bytes]) -> None:
        write_file(self._path, _written(streams))
        self._streams = streams


def _encoded(streams: Mapping[str, StreamEnd]) -> dict[str, bytes]:
    return {name: _encode(end) for name, end in streams.items()}


def _written(streams: Mapping[str, bytes]) -> list[bytes]:
    return linked([_encode({"streams": {name: msgspec.Raw(told) for name, told in sorted(streams.items())}})], b"")


def read_last_life(folder: Path, *, on_damage: Callable[[str], object] = lambda why: None) -> LastLife | None:
    """What the journal folder says of the lives before, None when it has none. A damaged one is put aside for people, and what holds of it
    is written in its place; `on_damage` is told.

    Raises ArchiveError when the operating system will not give it.
    """
    path = folder / LAST_FILE
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return None
    except ArchiveError as fault:
        raise ArchiveError(path, fault.why, hint="it says what the next start must account for") from fault
    try:
        return _decode(data)
    except msgspec.DecodeError as fault:
        return _salvaged(path, data, on_damage, str(fault))


def check_last_life(path: Path) -> None:
    """Whether the file at `path` is as it was written. Raises SegmentCorrupt, ArchiveError, FileNotFoundError."""
    try:
        _decode(read_regular(path))
    except msgspec.DecodeError as fault:
        raise SegmentCorrupt(path, f"what is known of the lives before is damaged: {fault}", offset=0) from fault


def _salvaged(path: Path, data: bytes, on_damage: Callable[[str], object], why: str) -> LastLife | None:
    written_ns = path.stat().st_mtime_ns
    found: dict[str, StreamEnd] = {}
    for name, digits in _STREAM.findall(data):
        said_ns = int(digits or 0)
        ns = said_ns if written_ns - _LONGEST_NS <= said_ns <= written_ns else written_ns
        with contextlib.suppress(UnicodeDecodeError):
            found[name.decode()] = StreamEnd(ns=ns, reason=Reason.CRASH)
    aside = path.with_name(LAST_FILE + _DAMAGED)
    on_damage(
        f"is damaged ({why}), and kept as {aside.name}: of {len(found)} streams it is known when they ended, and not which ids they had"
    )
    if not found:
        rename(path, aside)
        return None
    with contextlib.suppress(FileExistsError):
        link(path, aside)
    write_file(path, _written(_encoded(found)))
    return LastLife(streams=found)


def last_word_of(folder: Path, session: int) -> bool:
    """Whether the session's own last word is written down in the journal folder: it ended in good order. Changes nothing."""
    try:
        life = _decode(read_regular(folder / LAST_FILE))
    except (OSError, ArchiveError, msgspec.DecodeError):
        return False
    return any((end.session, end.number) == (session, _WHOLE_SESSION) for end in life.streams.values())


def whole_session(session: int) -> Place:
    """The `session` and `number` of a session's own last word."""
    return {"session": session, "number": _WHOLE_SESSION}


def _decode(data: bytes) -> LastLife:
    """Raises msgspec.DecodeError for whatever is damaged."""
    said = open_link(data)
    if said is not None and not said.sound:
        raise msgspec.DecodeError("its checksum differs")
    try:
        data.decode()
    except UnicodeDecodeError as fault:
        raise msgspec.DecodeError(str(fault)) from fault
    try:
        file = msgspec.json.decode(data, type=_File)
        if file.link and said is None:
            raise msgspec.DecodeError("its checksum cannot be read")
        return LastLife(streams=file.streams)
    except msgspec.ValidationError:
        earlier = msgspec.json.decode(data, type=_Earlier)
    where = whole_session(earlier.ns) if earlier.reason is not Reason.CRASH else Place(session=0, number=0)
    return LastLife(
        streams={name: StreamEnd(ns=earlier.ns, reason=earlier.reason, runs=runs, **where) for name, runs in earlier.streams.items()}
    )
