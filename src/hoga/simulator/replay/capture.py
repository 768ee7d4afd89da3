"""simulator.replay.capture: files and folders of captures as one timeline.

Files whose times overlap (or follow within ten seconds) are one recording and are merged by time; recordings follow
one another without the years between them. Files are read twice, first to learn what is in them; neither time is more
than one line of each file in memory.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, cast

from isal import igzip
from isal.igzip_lib import IsalError

from hoga.captures.frames import Frame, Item, Reply
from hoga.captures.items import items
from hoga.simulator.replay.timeline import Due

__all__ = ["Capture", "SurveyedFile", "survey"]

_TOGETHER_NS = 10_000_000_000
_PAUSE_NS = 100_000_000
_UNREADABLE: tuple[type[Exception], ...] = (EOFError, UnicodeDecodeError, gzip.BadGzipFile, cast(type[Exception], IsalError))


@dataclass(slots=True)
class SurveyedFile:
    """What a file holds. Times are None when none of its frames has one."""

    path: Path
    frames: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    streams: dict[str, int] = field(default_factory=dict)

    def only(self, mine: Callable[[str], bool]) -> SurveyedFile:
        """The file as if it held these streams alone; its times stay those of the whole file."""
        streams = {name: count for name, count in self.streams.items() if mine(name)}
        return replace(self, streams=streams, frames=sum(streams.values()))


@dataclass(slots=True)
class Capture:
    """A timeline of everything found: files in playing order, REST replies by symbol, and what was left out. `mine` None: every stream."""

    files: list[SurveyedFile] = field(default_factory=list)
    depths: dict[str, list[Reply]] = field(default_factory=dict)
    exchange_info: Reply | None = None
    skipped: list[str] = field(default_factory=list)
    mine: Callable[[str], bool] | None = None

    @property
    def streams(self) -> dict[str, int]:
        """Stream name → frames in all files."""
        counts: dict[str, int] = {}
        for file in self.files:
            for name, count in file.streams.items():
                counts[name] = counts.get(name, 0) + count
        return counts

    @property
    def symbols(self) -> list[str]:
        """Upper-case symbols of all streams."""
        return sorted({name.partition("@")[0].upper() for name in self.streams if not name.startswith("!")})

    @property
    def frames(self) -> int:
        """How many there are."""
        return sum(file.frames for file in self.files)

    @property
    def sources(self) -> list[str]:
        """The files, for people."""
        return [str(file.path) for file in self.files]

    def depth(self, symbol: str, at_ns: int | None, newest: Mapping[str, Frame]) -> Reply | None:
        """The captured REST snapshot of a symbol: the newest one already passed, else the first."""
        snapshots = self.depths.get(symbol)
        if not snapshots:
            return None
        chosen = snapshots[0]
        for snapshot in snapshots:
            if snapshot.time_ns is not None and snapshot.time_ns <= (at_ns or 0):
                chosen = snapshot
        return chosen

    def instruments(self, at_ns: int | None) -> Reply | None:
        """The captured list, whenever it was."""
        return self.exchange_info

    def only(self, mine: Callable[[str], bool]) -> Capture | None:
        """The part of it whose stream names are `mine`, None when there is none."""
        if all(mine(name) for name in self.streams):
            return self
        part = Capture(
            files=[file.only(mine) for file in self.files if any(mine(name) for name in file.streams)],
            depths={symbol: replies for symbol, replies in self.depths.items() if mine(symbol)},
            exchange_info=self.exchange_info,
            skipped=self.skipped,
            mine=mine,
        )
        return part if part.files else None

    def timeline(self) -> Iterator[Due]:
        """Every frame with its due time, in order."""
        if self.mine is None:
            return self._timeline()
        mine = self.mine
        return (due for due in self._timeline() if mine(due.frame.stream))

    def _timeline(self) -> Iterator[Due]:
        elapsed = 0
        for recording in _recordings(self.files):
            start = recording[0].first_ns or 0
            offset = elapsed
            for time_ns, frame in _merged(recording):
                offset = elapsed + max(0, time_ns - start)
                yield Due(offset, frame)
            elapsed = offset + _PAUSE_NS


def survey(paths: Iterable[Path]) -> Capture:
    """Look through files and folders (recursively). Raises OSError for a path that cannot be read."""
    capture = Capture()
    for path in _files(paths):
        _survey_file(path, capture)
    capture.files.sort(key=lambda file: (file.first_ns or 0, str(file.path)))
    return capture


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        else:
            yield path


def _survey_file(path: Path, capture: Capture) -> None:
    file = SurveyedFile(path)
    replies: list[Reply] = []
    try:
        for item in _items(path):
            if isinstance(item, Reply):
                replies.append(item)
            else:
                _count(file, item)
    except _UNREADABLE as fault:
        capture.skipped.append(f"{path}: {fault}")
        return
    symbol = next(iter(file.streams), "").partition("@")[0].upper()
    for reply in replies:
        _keep(capture, reply, symbol)
    if file.frames:
        capture.files.append(file)
    elif not replies:
        capture.skipped.append(f"{path}: no market frames in a known format")


def _count(file: SurveyedFile, frame: Frame) -> None:
    file.frames += 1
    file.streams[frame.stream] = file.streams.get(frame.stream, 0) + 1
    if frame.time_ns is not None:
        file.first_ns = frame.time_ns if file.first_ns is None else min(file.first_ns, frame.time_ns)
        file.last_ns = frame.time_ns if file.last_ns is None else max(file.last_ns, frame.time_ns)


def _keep(capture: Capture, reply: Reply, symbol: str) -> None:
    if reply.path == "exchangeInfo":
        capture.exchange_info = reply
    elif reply.symbol or symbol:
        capture.depths.setdefault(reply.symbol or symbol, []).append(reply)


def _items(path: Path) -> Iterator[Item]:
    with _opened(path) as stream:
        yield from items(path.name, stream)


def _opened(path: Path) -> IO[bytes]:
    if path.suffix != ".gz":
        return path.open("rb")
    return cast(IO[bytes], igzip.open(path, "rb"))  # type: ignore[no-untyped-call]  # isal's stub leaves `open` bare


def _merged(recording: list[SurveyedFile]) -> Iterator[tuple[int, Frame]]:
    if len(recording) == 1:
        return _timed(recording[0])
    return heapq.merge(*(_timed(file) for file in recording), key=_time)


def _time(entry: tuple[int, Frame]) -> int:
    return entry[0]


def _timed(file: SurveyedFile) -> Iterator[tuple[int, Frame]]:
    """Frames with times that never go backwards: a frame without a time, or earlier than its neighbour, takes the neighbour's."""
    now_ns = file.first_ns or 0
    for item in _items(file.path):
        if isinstance(item, Frame):
            if item.time_ns is not None and item.time_ns > now_ns:
                now_ns = item.time_ns
            yield now_ns, item


def _recordings(files: list[SurveyedFile]) -> list[list[SurveyedFile]]:
    recordings: list[list[SurveyedFile]] = []
    last_ns = 0
    for file in files:
        first_ns, file_last_ns = file.first_ns or 0, file.last_ns or 0
        if recordings and first_ns <= last_ns + _TOGETHER_NS:
            recordings[-1].append(file)
            last_ns = max(last_ns, file_last_ns)
        else:
            recordings.append([file])
            last_ns = file_last_ns
    return recordings
