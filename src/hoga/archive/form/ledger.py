"""archive.form.ledger: the append-only file that says what a series' day holds and lacks, until the manifest takes it over.

One JSON object a line in `<stem>.ledger.jsonl`, beside the segments. The sealer appends to it, after the segment's
own file is in place; `journal` + `at` name where an entry came from, so that sealing the same journal twice (a crash
in between) writes nothing twice. Entry types, by `type`:

    segment     a sealed file: what is in it, and how many frames arrived for it
    live        the stream was being recorded in this span (and may have been silent)
    gap         core.ledger.Gap
    connection  one life of one connection that fed the series
    clock       the clock's measured offset
    healed      trades that were fetched afterwards, in a file beside the day
    digest      what a book was that was kept of a series of deltas
    end         nothing: it follows an entry that was appended alone, so that the loss of either shows

The lines hold one another (`archive.form.links`): none can be altered or taken out unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.healed import Healed
from hoga.archive.form.links import linked, open_link
from hoga.archive.form.store import read_name
from hoga.core.errors import SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.runtime.durable import fsync, fsync_folder, make_folder, truncate, unlink, write_all

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "ClockEntry",
    "ConnectionEntry",
    "DigestEntry",
    "EndEntry",
    "GapEntry",
    "HealedEntry",
    "LedgerEntry",
    "LedgerLine",
    "LiveEntry",
    "SegmentEntry",
    "append_entries",
    "decode_entry",
    "encode_entries",
    "ledger_lines",
    "read_ledger",
    "remove_folded",
]


class _Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type", kw_only=True):
    """`journal` is the journal file's name, `at` the running number of the entry within it (and this series)."""

    journal: str = ""
    at: int = 0


class SegmentEntry(_Entry, frozen=True, tag="segment"):
    """One sealed segment. `crc32` and `bytes` are of the JSONL; `archive_bytes` of the file; `state` is `sealed`, `recovered` or
    `classic` (`quarantined` is reserved: nothing writes it).

    `received` counts frames that arrived in the segment's span, written or not; None when a crash took the count.
    `duplicates` were received and not written because the same frame already was; `reordered` were written in
    arrival order, which is not id order. `first_recv_ns`/`last_recv_ns` are of the first and last line, None when lines
    have no receive time (classic archives). `first_id`/`last_id` are the smallest and largest venue id, None when the
    stream has none. A segment holds `span_min` minutes from `minute` on.

    A span in which frames arrived and none was written has no file: `file` is empty and `records` 0.
    """

    file: str
    minute: str
    part: int
    records: int
    bytes: int
    crc32: int
    archive_bytes: int
    first_recv_ns: int | None
    last_recv_ns: int | None
    received: int | None = None
    duplicates: int = 0
    reordered: int = 0
    first_id: int | None = None
    last_id: int | None = None
    state: str = "sealed"
    streams: list[str] = []
    span_min: int = 1


class LiveEntry(_Entry, frozen=True, tag="live"):
    """The series was being recorded from `from_ns` to `to_ns`; gaps inside say where it was not."""

    from_ns: int
    to_ns: int


class GapEntry(_Entry, frozen=True, tag="gap"):
    """A gap, as `core.ledger.Gap`."""

    gap: Gap


class ConnectionEntry(_Entry, frozen=True, tag="connection"):
    """One epoch of one connection. `to_ns` is None while it lives; `close` says how it ended."""

    conn: str
    epoch: int
    from_ns: int
    to_ns: int | None = None
    close: str | None = None


class ClockEntry(_Entry, frozen=True, tag="clock"):
    """The machine's clock against `source`, at `ns`: positive `offset_ms` means our clock is ahead."""

    ns: int
    offset_ms: float | None
    source: str


class HealedEntry(_Entry, frozen=True, tag="healed"):
    """A healed file as it is now: the last one of the day counts."""

    healed: Healed


class DigestEntry(_Entry, frozen=True, tag="digest"):
    """The book that the recorder kept of these deltas stood at `id`: `digest` is `book.rebuild.digest_of` of its best 20 levels a side."""

    ns: int
    id: int
    digest: str


class EndEntry(_Entry, frozen=True, tag="end"):
    """Says nothing."""


class LedgerLine(NamedTuple):
    """One line of a ledger: its offset in the file, its text, and what it says (None when it is no entry)."""

    at: int
    text: bytes
    entry: LedgerEntry | None


LedgerEntry = SegmentEntry | LiveEntry | GapEntry | ConnectionEntry | ClockEntry | DigestEntry | HealedEntry | EndEntry

_JUST_BYTES = 1 << 16
"""So much of a ledger's end is looked at for what was just appended: some two hundred entries."""
_decoder = msgspec.json.Decoder(LedgerEntry)
_encoder = msgspec.json.Encoder()


def encode_entries(entries: Iterable[LedgerEntry]) -> bytes:
    """The lines of `entries`, ready to append."""
    return b"".join(_encoder.encode(entry) + b"\n" for entry in entries)


def decode_entry(line: bytes) -> LedgerEntry:
    """One line. Raises msgspec.ValidationError or msgspec.DecodeError when it is none."""
    entry: LedgerEntry = _decoder.decode(line)
    return entry


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """The entries of a ledger file, in order; a torn last line (a crash while appending) is left out.

    Raises SegmentCorrupt for a line that is broken or altered, and not the last. A missing file is empty.
    """
    try:
        data = read_name(path)
    except FileNotFoundError:
        return
    for line in ledger_lines(data):
        link = open_link(line.text)
        if line.entry is None or (link is not None and not link.sound):
            why = "the line is no ledger entry" if line.entry is None else "the line is not as it was written"
            raise SegmentCorrupt(path, why, offset=line.at)
        yield line.entry


def ledger_lines(data: bytes) -> list[LedgerLine]:
    """The whole lines of a ledger file's bytes."""
    lines: list[LedgerLine] = []
    at = 0
    for text in data.split(b"\n")[:-1]:
        try:
            entry: LedgerEntry | None = decode_entry(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            entry = None
        lines.append(LedgerLine(at, text, entry))
        at += len(text) + 1
    return lines


def append_entries(path: Path, entries: Iterable[LedgerEntry], *, again: bool = False, durable: bool = True) -> None:
    """Append entries to a ledger file; a torn last line is cut off first.

    What an earlier try appended of them is left out: one just now, or with `again` however long ago; and since its sync may have failed,
    all is written over itself. `durable`: fsync before returning. A merge that folds the ledger at the same time (`remove_folded`)
    takes it with these entries or leaves it. Raises OSError.
    """
    wanted = list(entries)
    if not wanted:
        return
    with _opened(path) as fd:
        if again or _is_just_told(fd, {entry.journal for entry in wanted}):
            there = {_identity(entry) for entry in read_ledger(path)}
            if any(_identity(entry) in there for entry in wanted):
                _write_over(path)
            wanted = [entry for entry in wanted if _identity(entry) not in there]
        began = not os.fstat(fd).st_size
        _cut_torn_line(fd)
        before = _last_line(fd)
        link = open_link(before)
        alone = len(wanted) == 1 and not isinstance(wanted[0], SegmentEntry)
        if alone or (not wanted and link is not None and link.left):
            wanted.append(EndEntry())
        write_all(fd, b"".join(line + b"\n" for line in linked([_encoder.encode(entry) for entry in wanted], before)))
        if durable:
            fsync(fd)
            if began:
                fsync_folder(path.parent)


def _write_over(path: Path) -> None:
    """Write what the file holds in its place once more. With a failed sync the kernel may have taken it for written, and a later one would
    write nothing; nobody knows here whether one failed."""
    fd = os.open(path, os.O_RDWR)
    try:
        write_all(fd, os.pread(fd, os.fstat(fd).st_size, 0))
    finally:
        os.close(fd)


def remove_folded(path: Path, size: int) -> bool:
    """Remove a ledger whose first `size` bytes are in a manifest now; False, and it stays, when it has grown since."""
    if not path.exists():
        return False
    with _opened(path) as fd:
        if os.fstat(fd).st_size != size:
            return False
        unlink(path)
        return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file open to append, for nobody else meanwhile."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except FileNotFoundError:  # a merge removed the folder with the last that was in it
            make_folder(path.parent)
            continue
        try:
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                yield fd
                return
        finally:
            os.close(fd)


def _identity(entry: LedgerEntry) -> tuple[str, str | int]:
    if isinstance(entry, SegmentEntry):
        return "segment", entry.file or f"nothing of {entry.journal}"
    return entry.journal, entry.at


def _is_just_told(fd: int, journals: set[str]) -> bool:
    """Whether the file's last lines come from one of these journals: who appends them does it again, and may not know it."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, _JUST_BYTES, max(0, size - _JUST_BYTES))
    return any(b'"journal":"%b"' % journal.encode() in tail for journal in journals if journal)


def _last_line(fd: int) -> bytes:
    """The last line, without its newline; empty in an empty file."""
    size, length = os.fstat(fd).st_size, 4096
    while True:
        tail = os.pread(fd, length, max(0, size - length))
        line = tail[:-1].rpartition(b"\n")
        if line[1] or length >= size:
            return line[2]
        length *= 8


def _cut_torn_line(fd: int) -> None:
    size = os.fstat(fd).st_size
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return
    keep = os.pread(fd, size, 0).rfind(b"\n") + 1
    truncate(fd, keep)
