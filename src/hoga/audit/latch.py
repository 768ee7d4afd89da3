"""audit.latch: the ladder's rung, as every process of a trader's folder sees it at once, and as it outlives all of them.

A small file, mapped into each process's memory: who sends orders looks at one byte before each (`Latch.shut`, 0.1 µs, no call to the
system); who freezes a trader writes that byte from outside, and the next look sees it. After it stands why, as JSON.

    byte 0        the rung: 0 ACTIVE, 1 NO_OPEN, 2 REDUCING, 3 HALTED, 4 FLATTEN
    byte 1        1: somebody other than the trader has set the rung, and the trader has not yet said that it saw it
    bytes 2…      {"rung":"FLATTEN","incident":"20261129-133156","cause":"operator-flatten",…}, newline, zero bytes

Rules: only down (`set_rung` to a higher number), but for `release`, which needs the incident's id. A byte that is none of these
digits is FLATTEN: what cannot be read does not trade.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hoga.core.errors import HogaError
from hoga.core.trading import Rung
from hoga.runtime.durable import fsync, fsync_folder, link, make_folder, temporary_for, unlink, write_all

__all__ = ["LATCH_FILE", "Latch", "LatchState"]

LATCH_FILE = "latch"

_BYTES = 4096
_ZERO = ord("0")
_ONE = ord("1")


class LatchState(msgspec.Struct, frozen=True, kw_only=True):
    """The rung and its reason. `incident`: the id that `hoga resume` wants, "" where nothing is latched. `cause`: a word; `detail`: its
    figures; `by`: who set it; `at_ns`: when, UTC."""

    rung: Rung
    incident: str = ""
    cause: str = ""
    detail: str = ""
    by: str = ""
    at_ns: int = 0


class Latch:
    """The latch of the folder `folder` (a trader's journal folder). Made when it is not there; several processes may have it open.

    Raises OSError when it cannot be opened or made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LATCH_FILE
        if not _is_whole(self._path):
            _make(self._path)
        fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, _BYTES)
        finally:
            os.close(fd)

    @property
    def rung(self) -> Rung:
        """The rung, read from the byte."""
        at = self._map[0] - _ZERO
        return Rung(at) if 0 <= at <= Rung.FLATTEN else Rung.FLATTEN

    def shut(self, above: Rung = Rung.REDUCING) -> bool:
        """Whether the rung is beyond `above`: asked before the bytes of each order leave."""
        return self._map[0] != _ZERO and self.rung > above

    @property
    def is_news(self) -> bool:
        """Whether another process set the rung and the trader has not said `seen` yet."""
        return self._map[1] == _ONE

    def seen(self) -> None:
        """The trader acts on what another process has set."""
        self._map[1] = _ZERO

    def state(self) -> LatchState:
        """The rung and why. What cannot be read (a writer was ended half-way) leaves the texts empty; the rung is the byte's."""
        text = self._map[2:].split(b"\n", 1)[0]
        with contextlib.suppress(msgspec.DecodeError):
            said = _decode(text)
            return msgspec.structs.replace(said, rung=self.rung)
        return LatchState(rung=self.rung)

    def set_rung(self, rung: Rung, *, incident: str, cause: str, by: str, at_ns: int, detail: str = "", news: bool = False) -> bool:
        """Go down to `rung`, at once and for good; False when the rung is there or beyond already (nothing changes then).

        `news`: another process than the trader sets it, and the trader is to say `seen`.
        """
        if self.rung >= rung:
            return False
        self._map[0] = _ZERO + rung
        self._say(LatchState(rung=rung, incident=incident, cause=cause, detail=detail, by=by, at_ns=at_ns))
        self._map[1] = _ONE if news else _ZERO
        self._map.flush()
        return True

    def release(self, incident: str, *, by: str, at_ns: int, news: bool = False) -> bool:
        """Back to ACTIVE; False when `incident` is not the one that holds the latch, or none does. NO_OPEN recovers with its own."""
        held = self.state()
        if held.rung is Rung.ACTIVE or held.incident != incident:
            return False
        self._say(LatchState(rung=Rung.ACTIVE, incident=incident, cause="released", by=by, at_ns=at_ns))
        self._map[1] = _ONE if news else _ZERO
        self._map[0] = _ZERO
        self._map.flush()
        return True

    def _say(self, state: LatchState) -> None:
        text = _encode(state)
        while len(text) > _BYTES - 3:
            state = msgspec.structs.replace(
                state, detail=state.detail[: len(state.detail) // 2], cause=state.cause[:200], by=state.by[:200]
            )
            text = _encode(state)
        self._map[2:] = (text + b"\n").ljust(_BYTES - 2, b"\0")

    def close(self) -> None:
        """Let the file go. The rung stays."""
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _encode(state: LatchState) -> bytes:
    return msgspec.json.encode({**msgspec.structs.asdict(state), "rung": state.rung.name})


def _decode(text: bytes) -> LatchState:
    """Raises msgspec.DecodeError."""
    fields = msgspec.json.decode(text, type=dict[str, str | int])
    return msgspec.convert({**fields, "rung": 0}, LatchState)


def _is_whole(path: Path) -> bool:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    if size != _BYTES:
        raise HogaError(f"{path}: has {size} bytes, expected {_BYTES}", hint="look what happened, then remove it: nothing is sent before")
    return True


def _make(path: Path) -> None:
    """A latch on ACTIVE, wholly there or not there; another process that makes it in the same moment makes the same."""
    make_folder(path.parent)
    temporary = temporary_for(path.with_name(f"{path.name}-{os.getpid()}"))
    fd = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, b"00".ljust(_BYTES, b"\0"))
        fsync(fd)
    finally:
        os.close(fd)
    with contextlib.suppress(FileExistsError):
        link(temporary, path)
    unlink(temporary)
    fsync_folder(path.parent)
