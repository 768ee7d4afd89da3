"""app.backtest.below: what a library in C or Rust reads while a strategy's code runs: no hook of the interpreter tells it.

Linux tells it: `/proc/self/io` how many bytes the process has read, inotify which files of a folder were opened and read. Both are
looked at before and after each hook, and what Python itself opened meanwhile is taken off. Elsewhere, and where the system refuses, nothing
is seen: `Below.blind` says what.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Below"]

_ACCESS, _OPEN = 0x1, 0x20
_EVENT = struct.Struct("iIII")
_MOST_FOLDERS = 4_000
_IO_BYTES = 512
_BUFFER = 1 << 16
_NO_NAMES = "which files of the recording a library below Python opens (this system has no inotify, or refuses it)"
_NO_BYTES = "how much a library below Python reads (this system has no /proc/self/io)"
_ALWAYS = "a copy of the recording elsewhere that a library below Python reads before the first hook: in setup only that it read is told"


class Below:
    """See the module. `with` watches `recordings`, files and folders; `begin` before somebody else's code, `end` after it.

    `blind`: what cannot be seen here, a line each.
    """

    def __init__(self, recordings: Iterable[Path]) -> None:
        self._roots = [each.resolve() for each in recordings]
        self._folders: dict[int, Path] = {}
        self._io = self._names = -1
        self._bytes = 0
        self.blind: tuple[str, ...] = (_ALWAYS,)

    def __enter__(self) -> Below:
        with contextlib.suppress(OSError):
            self._io = os.open("/proc/self/io", os.O_RDONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError, AttributeError):
            self._watch()
        missing = (_NO_NAMES, self._names), (_NO_BYTES, self._io)
        self.blind = (*(text for text, fd in missing if fd < 0), _ALWAYS)
        return self

    def __exit__(self, *of: object) -> None:
        for fd in (self._io, self._names):
            if fd >= 0:
                os.close(fd)
        self._io = self._names = -1

    def begin(self) -> None:
        """What was read until now is nobody's."""
        self._drain()
        so_far, own = self._read_so_far()
        self._bytes = so_far + own

    def end(self) -> tuple[int, set[str]]:
        """(bytes that were read since `begin`, files of the recording that were)."""
        read = self._read_so_far()[0] - self._bytes
        return max(0, read), self._of_recording(self._drain())

    # -- the system ---------------------------------------------------------------------------------------------------

    def _read_so_far(self) -> tuple[int, int]:
        """(bytes that the process has read, those of this answer, which only the next one counts)."""
        if self._io < 0:
            return 0, 0
        text = os.pread(self._io, _IO_BYTES, 0)
        return int(text.split(None, 2)[1]), len(text)

    def _watch(self) -> None:
        if sys.platform != "linux":
            return
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if fd < 0:
            return
        folders = dict.fromkeys(each if each.is_dir() else each.parent for each in self._roots)
        for root in [each for each in self._roots if each.is_dir()]:
            folders |= dict.fromkeys(Path(folder) for folder, _, _ in os.walk(root))
        for folder in list(folders)[:_MOST_FOLDERS]:
            number = libc.inotify_add_watch(fd, os.fsencode(folder), _ACCESS | _OPEN)
            if number >= 0:
                self._folders[number] = folder
        if len(self._folders) < len(folders):
            os.close(fd)
        else:
            self._names = fd

    def _drain(self) -> dict[str, int]:
        """The files that were opened or read since this was asked last, and how."""
        found: dict[str, int] = {}
        while self._names >= 0:
            try:
                data = os.read(self._names, _BUFFER)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, at)
                name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                at += _EVENT.size + length
                if name and number in self._folders:
                    path = str(self._folders[number] / os.fsdecode(name))
                    found[path] = found.get(path, 0) | mask
        return found

    def _of_recording(self, seen: dict[str, int]) -> set[str]:
        """Those that were read: by a read, or mapped into memory, or held open. Others opened them, to write."""
        inside = {path: mask for path, mask in seen.items() if any(Path(path).is_relative_to(root) for root in self._roots)}
        read = {path for path, mask in inside.items() if mask & _ACCESS}
        return read | ({path for path in inside if path not in read} & _held() if len(read) < len(inside) else set())


def _held() -> set[str]:
    """Files that this process has open, or mapped."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            found.add(line.partition("/")[1] + line.partition("/")[2])
    return found
