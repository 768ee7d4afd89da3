"""What a collector has on its disk, as the messages in which a relay sends it, and as the lists by which it answers."""

from __future__ import annotations

from pathlib import Path

from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import parse_segment
from hoga.core.times import is_day
from hoga.relay.door import LEDGER_SUFFIX, MANIFEST_SUFFIX
from hoga.relay.subjects import FileKind, Listed, Part, cut, head_of, read_part, segments_subject

__all__ = ["as_parts", "days_in", "kind_of", "ledger_parts", "list_day", "parts_of", "tree"]


def kind_of(file: str) -> FileKind:
    name = file.rpartition("/")[2]
    if name.endswith(LEDGER_SUFFIX):
        return FileKind.LEDGER
    if name.endswith(MANIFEST_SUFFIX):
        return FileKind.MANIFEST
    if parse_segment(name) is not None:
        return FileKind.SEGMENT
    return FileKind.OTHER if ".json.zst" in name or ".healed." in name else FileKind.DAY


def as_parts(collector: str, file: str, content: bytes, *, size: int = 1_000_000, offset: int = 0) -> list[Part]:
    """A file's parts, as they come out of their messages."""
    head = head_of(collector, file, kind_of(file), content, offset=offset)
    subject = segments_subject(collector)
    return [read_part(subject, headers, content[at : at + length]) for headers, at, length in cut(head, size)]


def parts_of(collector: str, root: Path, *, size: int = 1_000_000) -> list[Part]:
    """Everything below a collector's data folder but its ledgers."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock" and not path.name.endswith(LEDGER_SUFFIX))
    return [part for path in files for part in as_parts(collector, path.relative_to(root).as_posix(), path.read_bytes(), size=size)]


def ledger_parts(collector: str, root: Path, cuts: int = 1) -> list[Part]:
    """The ledgers, in pieces of `cuts` lines."""
    parts: list[Part] = []
    for path in sorted(root.rglob(f"*{LEDGER_SUFFIX}")):
        lines, at = path.read_bytes().splitlines(keepends=True), 0
        for begin in range(0, len(lines), cuts):
            piece = b"".join(lines[begin : begin + cuts])
            parts += as_parts(collector, path.relative_to(root).as_posix(), piece, offset=at)
            at += len(piece)
    return parts


def list_day(root: Path, day: str) -> list[Listed]:
    """What a relay answers."""
    found = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and day in path.name and path.name != ".lock"):
        file, data = path.relative_to(root).as_posix(), path.read_bytes()
        told = kind_of(file) in (FileKind.LEDGER, FileKind.MANIFEST)
        found.append(Listed(file=file, kind=kind_of(file), bytes=len(data), crc32=crc32(data) if told else None))
    return found


def days_in(root: Path) -> list[str]:
    """The days of which something is there."""
    return sorted({day for path in root.rglob("*") if is_day(day := path.name.partition(".")[0][-10:])})


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
