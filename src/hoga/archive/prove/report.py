"""archive.prove.report: what `hoga verify` says. Pure.

A **problem** is something wrong with the archive: bytes, ledger or manifest do not agree, or something is missing
that nobody accounted for. A **finding** is a fact about the market, the venue or an unfinished state; it never makes
an untouched archive fail.
"""

from __future__ import annotations

import msgspec

from hoga.core.ledger import Gap
from hoga.quality.incidents import Incident, Series

__all__ = ["Finding", "Outcome", "Problem", "VerifyReport", "grouped"]


class Problem(msgspec.Struct, frozen=True, gc=False):
    """`offset`: a byte of `file` for damage, of its JSONL text for lines (`detail` says which), None when there is no place.
    `count`: so many of this kind, from this one on, are told by it."""

    file: str
    kind: str
    offset: int | None
    detail: str
    count: int = 1


Finding = Problem


class Outcome(msgspec.Struct, kw_only=True):
    """Part of a report: what came of one day, or of many. `told`: every gap of theirs, with its series."""

    archives: int = 0
    segments: int = 0
    records: int = 0
    bytes: int = 0
    told: list[tuple[Series, Gap]] = []
    problems: list[Problem] = []
    findings: list[Finding] = []

    def add(self, other: Outcome) -> None:
        """Take another part in."""
        self.archives += other.archives
        self.segments += other.segments
        self.records += other.records
        self.bytes += other.bytes
        self.told += other.told
        self.problems += other.problems
        self.findings += other.findings

    def problem(self, file: object, kind: str, detail: str, *, offset: int | None = None, count: int = 1) -> None:
        """Note a problem."""
        self.problems.append(Problem(str(file), kind, offset, detail, count))

    def finding(self, file: object, kind: str, detail: str, *, offset: int | None = None, count: int = 1) -> None:
        """Note a finding."""
        self.findings.append(Finding(str(file), kind, offset, detail, count))


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. `gaps` counts gaps, one in pieces once; `missed` sums what is known of them; `incidents` are the causes behind
    them, by time. `bytes` is JSONL text read."""

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


def grouped(items: list[Problem]) -> list[Problem]:
    """One for each kind and file: the first of them, with how many there are; in the order of the first ones."""
    first: dict[tuple[str, str], Problem] = {}
    for item in items:
        known = first.get((item.file, item.kind))
        first[item.file, item.kind] = item if known is None else msgspec.structs.replace(known, count=known.count + item.count)
    return list(first.values())
