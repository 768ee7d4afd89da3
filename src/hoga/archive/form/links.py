"""archive.form.links: how the lines of a ledger hold one another, so that none can change or go away unseen. Pure.

Each line ends in its link, `"link":"LEFT AFTER SUM"}`: how many lines follow that were appended with it, the CRC-32 of the whole
line before it (0 for the first), and the CRC-32 of its own bytes up to there. A line that was altered differs from its SUM; where
lines were taken out, the next one's AFTER names a line that is not there; where they were taken off the end, the last one's LEFT
says that more should follow. Older ledgers have no links.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hoga.archive.form.deflate import crc32

__all__ = ["Break", "Link", "breaks", "linked", "open_link"]

_LINK = re.compile(rb',"link":"(\d+) ([0-9a-f]{8}) ([0-9a-f]{8})"\}$')


class Link(NamedTuple):
    """What a line says of its place. `sound`: the line is as it was written."""

    left: int
    after: int
    sound: bool


class Break(NamedTuple):
    """Where lines do not hold one another: before line number `line` (as many as there are lines: at the end).

    `altered`: that line itself is not as it was written; else lines are missing there.
    """

    line: int
    altered: bool
    detail: str


def linked(lines: list[bytes], before: bytes) -> list[bytes]:
    """JSON objects (without newline) as linked lines that are appended together; `before` is the line they follow, empty for none."""
    made = []
    for at, line in enumerate(lines):
        head = b'%b,"link":"%d %08x ' % (line[:-1], len(lines) - 1 - at, crc32(before) if before else 0)
        before = b'%b%08x"}' % (head, crc32(head))
        made.append(before)
    return made


def open_link(line: bytes) -> Link | None:
    """The link of a line, None when it has none."""
    hit = _LINK.search(line)
    if hit is None:
        return None
    return Link(int(hit[1]), int(hit[2], 16), crc32(line[: hit.start(3)]) == int(hit[3], 16))


def breaks(lines: list[bytes], *, growing: bool = False) -> list[Break]:
    """Every place where the lines of a ledger do not hold one another. `growing`: its end may be being written this moment."""
    found: list[Break] = []
    before, last, altered = b"", None, False
    for at, line in enumerate(lines):
        link = open_link(line)
        known, altered = altered, False
        if link is None and last is not None:
            found.append(Break(at, True, "the line has no link, as those before it have"))
            altered = True
        elif link is not None and not link.sound:
            found.append(Break(at, True, "the line is not as it was written"))
            altered = True
        elif link is not None and link.after != (crc32(before) if before else 0) and not known:
            found.append(Break(at, False, "lines are missing before this one"))
        before, last = line, link or last
    if last is not None and last.left and not growing and not altered:
        found.append(Break(len(lines), False, f"{last.left} lines are missing at the end"))
    return found
