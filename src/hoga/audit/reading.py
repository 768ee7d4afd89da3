"""audit.reading: a journal's files as records, and every place where they are not what was written.

    walk = Walk(folder)
    for record in walk.records(): ...
    walk.faults, walk.torn, walk.last_n, walk.last_hash      # after the last record

Rules: a line counts only when its hash follows from the line before it. After one that does not, reading goes on, from what the line
says its hash is: so one flipped byte makes one fault and hides one record. What follows the last newline of all is torn: a life
ended in the middle of a write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from hoga.audit.chain import FIRST, Record, link_of, next_hash, parts_of, record_of
from hoga.audit.folder import JournalFile, list_files

__all__ = ["Fault", "Place", "Torn", "Walk", "last_start"]


class Fault(NamedTuple):
    """Where a journal is not as it was written: `file`, relative to its folder; `line` from 1; `offset` in bytes; `after`: the last
    good record's number before it."""

    file: str
    line: int
    offset: int
    kind: str
    detail: str
    after: int


class Torn(NamedTuple):
    """What follows the last newline of a file: it begins at `offset`."""

    path: Path
    offset: int
    rest: bytes


def last_start(folder: Path) -> int:
    """The number of the file in which the last life begins; 1 where that cannot be told. Raises OSError."""
    for each in reversed(list_files(folder)):
        with each.path.open("rb") as file, contextlib.suppress(ValueError):
            first = record_of(link_of(file.readline().rstrip(b"\n")))
            if first.kind == "boot" and "what" not in first.fields:  # a `hoga resume` writes a life, too
                return each.number
    return 1


class Place(Protocol):
    """How far a journal was read: its last record's number, hash, time and life."""

    @property
    def last_n(self) -> int: ...
    @property
    def last_hash(self) -> bytes: ...
    @property
    def last_t(self) -> int: ...
    @property
    def last_b(self) -> int: ...


class Walk:
    """One reading of a journal from its first record to its last.

    `since`: from that file on; what its first record says of the one before it is then taken at its word, unless `after` is what read
    all before it, or knows it. `until`: up to the file before that number, None: to the last.
    """

    def __init__(self, folder: Path, *, since: int = 1, until: int | None = None, after: Place | None = None) -> None:
        self._folder = folder
        self._since = since
        self._until = until
        self._after = after
        self.faults: list[Fault] = []
        self.torn: Torn | None = None
        self.files: list[JournalFile] = []
        self.last_n = 0
        self.last_hash = FIRST
        self.last_t = 0
        self.last_b = 0
        self.sizes: dict[str, int] = {}
        """Bytes read of each file, by its name relative to the folder."""
        if after is not None:
            self.last_n, self.last_hash, self.last_t, self.last_b = after.last_n, after.last_hash, after.last_t, after.last_b
        self._lines: dict[str, int] = {}
        self._also = self.last_hash
        """Another hash that the next line may follow: the right one of a line that claims a wrong one."""
        self._hidden = False

    def records(self) -> Iterator[Record]:
        """Every record that is as it was written, in order. Raises OSError."""
        until = self._until
        self.files = [each for each in list_files(self._folder) if each.number >= self._since and (until is None or each.number < until)]
        if self._since > 1 and self._after is None:
            self._begin_inside()
        before, last = self._since - 1, max((each.number for each in self.files if each.path.stat().st_size), default=0)
        for each in self.files:
            if each.number != before + 1:
                gone = f"files {before + 1} to {each.number - 1} are" if each.number > before + 2 else f"file {before + 1} is"
                self._find(each, 0, 0, "file-missing", f"{gone} not there" if each.number > before else "its number is there twice")
            before = each.number
            yield from self._file(each, is_last=each.number >= last)

    def more(self) -> Iterator[Record]:
        """Every record that was written behind what was read, in order. Raises OSError."""
        newest = self.files[-1].number if self.files else 0
        self.files += [each for each in list_files(self._folder) if each.number > newest]
        last = max((each.number for each in self.files if each.path.stat().st_size), default=0)
        for each in self.files:
            if each.number >= newest:
                yield from self._file(each, is_last=each.number >= last)

    def _begin_inside(self) -> None:
        for each in self.files[:1]:
            with each.path.open("rb") as file, contextlib.suppress(ValueError):
                first = record_of(link_of(file.readline().rstrip(b"\n")))
                self.last_n, self.last_hash = first.n - 1, bytes.fromhex(str(first.fields.get("prev")))

    def _file(self, each: JournalFile, *, is_last: bool) -> Iterator[Record]:
        name = self._name(each)
        offset, number = self.sizes.get(name, 0), self._lines.get(name, 0)
        with each.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if line[-1:] != b"\n":
                    if is_last:
                        self.torn = Torn(each.path, offset, line)
                    self._find(each, number + 1, offset, "torn" if is_last else "cut-inside", f"{len(line)} bytes after the last newline")
                    break
                number += 1
                record = self._line(each, number, offset, line[:-1])
                offset += len(line)
                if record is not None:
                    yield record
        self.sizes[name], self._lines[name] = offset, number

    def _line(self, each: JournalFile, number: int, offset: int, line: bytes) -> Record | None:
        try:
            link = link_of(line)
            record = record_of(link)
        except ValueError as fault:
            self._find(each, number, offset, "not-a-record", str(fault))
            self._go_on_from(*parts_of(line))
            return None
        if link.hash not in (next_hash(self.last_hash, link.body), next_hash(self._also, link.body)):
            self._find(each, number, offset, "wrong-hash", f"record {record.n} is not what was written after record {self.last_n}")
            self._go_on_from(link.body, link.hash)
            return None
        if record.n != self.last_n + 1 and not self._hidden:
            self._find(each, number, offset, "number", f"record {record.n} follows record {self.last_n}")
        if number == 1 and each.number > 1 and record.fields.get("prev") is None:
            self._find(each, number, offset, "no-previous", "the first record of a file holds the hash of the last one before it")
        if record.b < self.last_b:
            self._find(each, number, offset, "life", f"life {record.b} follows life {self.last_b}")
        self._hidden = False
        self.last_n, self.last_hash, self._also = record.n, link.hash, link.hash
        self.last_t, self.last_b = record.t, record.b
        return record

    def _go_on_from(self, body: bytes, claimed: bytes) -> None:
        """A line is wrong in its object or in its hash: the next one follows what the other says."""
        self._also = next_hash(self.last_hash, body)
        self.last_hash = claimed
        self._hidden = True

    def _find(self, each: JournalFile, line: int, offset: int, kind: str, detail: str) -> None:
        self.faults.append(Fault(self._name(each), line, offset, kind, detail, self.last_n))

    def _name(self, each: JournalFile) -> str:
        return each.path.relative_to(self._folder).as_posix()
