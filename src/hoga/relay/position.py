"""relay.position: what was sent and acknowledged, in a file of its own: `.relay/position.jsonl` below the data root.

A line is what changed since the line before, with a checksum in front; a life begins by writing all of it as one line (all or
nothing, `runtime.durable`). It is written after the acknowledgement, so what it says is true; what it does not say yet is sent again,
and is one message to the server, one file to whoever gathers. A position that is lost or damaged therefore costs time and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hoga.archive.form.deflate import crc32
from hoga.archive.form.regular import read_regular
from hoga.core.errors import ArchiveError
from hoga.runtime.durable import fsync, make_folder, write_all, write_fault, write_file

__all__ = ["HOME", "Position", "Sent"]

HOME = ".relay"
"""Below the data root: the relay's own folder."""

_FILE = "position.jsonl"
_FORMAT = "hoga-relay/1"
_TOGETHER_BYTES = 4 << 20
"""Lines that grew by so much are written as one again."""


class Sent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Of a ledger: its first `bytes` bytes, which have this CRC-32. `whole`: and every segment that they name."""

    bytes: int
    crc32: int
    whole: bool = True


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    format: str = _FORMAT
    collector: str
    ledgers: dict[str, Sent] = {}
    files: dict[str, str] = {}
    gone: list[str] = []


class Position:
    """What of each name was sent. `ledgers`: how much of each. `files`: of a manifest, a healed file, a list: what tells the content (a
    checksum). Change them by `sent`, `sent_file` and `forget`."""

    def __init__(self, root: Path, collector: str) -> None:
        self._path = root / HOME / _FILE
        self._collector = collector
        self.ledgers: dict[str, Sent] = {}
        self.files: dict[str, str] = {}
        self._changed = _Line(collector=collector)
        self._appended = _TOGETHER_BYTES + 1

    def load(self) -> str | None:
        """Merge what earlier lives wrote. Returns why some of it counts for nothing, None when all of it does. Blocks on the disk."""
        try:
            data = read_regular(self._path)
        except FileNotFoundError:
            return None
        except ArchiveError as fault:
            return str(fault)
        lines = data.split(b"\n")
        for at, text in enumerate(lines[:-1]):
            line = _opened(text)
            if line is None:
                return f"{self._path}: line {at + 1} is not as it was written"
            if line.format != _FORMAT:
                return f"{self._path}: {line.format[:40]!r} is of another version"
            if line.collector != self._collector:
                self.ledgers.clear()
                self.files.clear()
                return f"{self._path}: is collector {line.collector!r}'s; {self._collector!r} has sent nothing yet"
            self._take(line)
        return None

    def sent(self, name: str, sent: Sent) -> None:
        """So much of a ledger is acknowledged."""
        self.ledgers[name] = self._changed.ledgers[name] = sent

    def sent_file(self, name: str, content: str) -> None:
        """A file of that content is acknowledged."""
        self.files[name] = self._changed.files[name] = content

    def forget(self, names: Iterable[str]) -> None:
        """These are no more, or nobody needs to know."""
        for name in names:
            for known in (self.ledgers, self.files, self._changed.ledgers, self._changed.files):
                known.pop(name, None)
            self._changed.gone.append(name)

    def save(self) -> None:
        """Write down what changed, for good. Blocks on the disk. Raises ArchiveError, DiskFull: it is written with the next then."""
        changed = self._changed
        if not (changed.ledgers or changed.files or changed.gone):
            return
        try:
            if self._appended > _TOGETHER_BYTES:
                make_folder(self._path.parent)
                write_file(self._path, [_framed(_Line(collector=self._collector, ledgers=self.ledgers, files=self.files))])
                self._appended = 0
            else:
                self._append(_framed(changed))
        except OSError as fault:
            self._appended = _TOGETHER_BYTES + 1  # a line may be torn: the next is all of it
            raise write_fault(self._path, fault) from fault
        except ArchiveError:
            self._appended = _TOGETHER_BYTES + 1
            raise
        self._changed = _Line(collector=self._collector)

    def _append(self, line: bytes) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(fd, line)
            fsync(fd)
        finally:
            os.close(fd)
        self._appended += len(line)

    def _take(self, line: _Line) -> None:
        for name in line.gone:
            self.ledgers.pop(name, None)
            self.files.pop(name, None)
        self.ledgers.update(line.ledgers)
        self.files.update(line.files)


def _framed(line: _Line) -> bytes:
    text = msgspec.json.encode(line)
    return b"%08x %b\n" % (crc32(text), text)


def _opened(text: bytes) -> _Line | None:
    try:
        if int(text[:8], 16) != crc32(text[9:]):
            return None
        return msgspec.json.decode(text[9:], type=_Line)
    except (ValueError, msgspec.MsgspecError):
        return None
