"""archive.prove.report: what `hoga verify` says. Pure.

A **problem** is something wrong with the archive: bytes, ledger or manifest do not agree, or something is missing
that nobody accounted for. A **finding** is a fact about the market, the venue or an unfinished state; it never makes
an untouched archive fail.
"""

from __future__ import annotations

import msgspec

from hoga.core.errors import spelt
from hoga.core.ledger import Gap
from hoga.quality.incidents import Incident, Series

__all__ = ["BookRow", "Finding", "Outcome", "Problem", "VerifyReport", "grouped"]


class Problem(msgspec.Struct, frozen=True, gc=False):
    """`offset`: a byte of `file` for damage, of its JSONL text for lines (`detail` says which), None when there is no place.
    `count`: so many of this kind, from this one on, are told by it."""

    file: str
    kind: str
    offset: int | None
    detail: str
    count: int = 1


Finding = Problem


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """What rebuilding one symbol's books of a day proved (`verify --books`).

    `records`: recorded books; of them `proven` are what snapshot and deltas give, `differs` are not, and the others cannot be rebuilt:
    `unprovable` says why, reason → how many (`no-book`: no snapshot before them, or none since a hole in the deltas; `between`: no delta
    ends at their id; `beyond`: farther out than the snapshot reached). `deltas` were read, `applied` of them to a book; `holes`: how often
    one did not follow. `snapshots`: how many there were, `snapshots_proven` of them were what the deltas before them give; `digests` and
    `digests_proven`: of the recorder's own books. `skipped`: lines that could not be read; `unread`: why reading ended early, None when
    it did not. `seconds` of a processor it took.
    """

    venue: str
    symbol: str
    day: str
    records: int
    proven: int
    differs: int
    unprovable: dict[str, int]
    deltas: int
    applied: int
    holes: int
    snapshots: int
    snapshots_proven: int
    digests: int
    digests_proven: int
    skipped: int
    unread: str | None
    seconds: float


class Outcome(msgspec.Struct, kw_only=True):
    """Part of a report: what came of one day, or of many. `told`: every gap of theirs, with its series."""

    archives: int = 0
    segments: int = 0
    records: int = 0
    bytes: int = 0
    told: list[tuple[Series, Gap]] = []
    problems: list[Problem] = []
    findings: list[Finding] = []
    books: list[BookRow] = []

    def add(self, other: Outcome) -> None:
        """Take another part in."""
        self.archives += other.archives
        self.segments += other.segments
        self.records += other.records
        self.bytes += other.bytes
        self.told += other.told
        self.problems += other.problems
        self.findings += other.findings
        self.books += other.books

    def problem(self, file: object, kind: str, detail: str, *, offset: int | None = None, count: int = 1) -> None:
        """Note a problem."""
        self.problems.append(Problem(spelt(file), kind, offset, detail, count))

    def finding(self, file: object, kind: str, detail: str, *, offset: int | None = None, count: int = 1) -> None:
        """Note a finding."""
        self.findings.append(Finding(spelt(file), kind, offset, detail, count))


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. `gaps` counts gaps, one in pieces once; `missed` sums what is known of them; `incidents` are the causes behind
    them, by time. `bytes` is JSONL text read. `books`: where books were rebuilt, a row for each symbol and day with deltas."""

    ok: bool
    archives: int
    segments: int
    records: int
    bytes: int
    gaps: int
    missed: int
    incidents: list[Incident]
    problems: list[Problem]
    findings: list[Finding]
    books: list[BookRow] = []


def grouped(items: list[Problem]) -> list[Problem]:
    """One for each kind and file: the first of them, with how many there are; in the order of the first ones."""
    first: dict[tuple[str, str], Problem] = {}
    for item in items:
        known = first.get((item.file, item.kind))
        first[item.file, item.kind] = item if known is None else msgspec.structs.replace(known, count=known.count + item.count)
    return list(first.values())
