"""audit.verify: is the journal as it was written? Every line, every hash, and the small files beside them.

What is found: a byte that differs, a record or a file that is missing, moved or added, a tail that was cut, a head, a boot counter or an
owner that is missing or of another day. What nobody can find in the folder alone: all of it put back to an earlier moment, head and all;
that shows a seal that was kept elsewhere (`seals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hoga.audit.chain import Record
from hoga.audit.folder import Head, Owner, journals_in, read_boot, read_head, read_owner
from hoga.audit.holding import is_held
from hoga.audit.reading import Fault, Walk
from hoga.core.errors import ArchiveError

__all__ = ["AuditProblem", "AuditReport", "JournalReport", "verify"]


class AuditProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a journal is not what was written; `offset` in bytes, None for a whole file; `line` from 1."""

    file: str
    kind: str
    detail: str
    offset: int | None = None
    line: int | None = None


class JournalReport(msgspec.Struct, frozen=True, kw_only=True):
    """One journal. `last_n`, `hash`: the last good record; `sealed`: its last life ended in good order; `open`: it is being written."""

    folder: str
    files: int
    records: int
    lives: int
    last_n: int
    hash: str
    sealed: bool
    open: bool
    problems: list[AuditProblem]
    findings: list[AuditProblem]


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every journal below a path. `findings` are no problems: an end without a seal after a crash, what an earlier start had found."""

    ok: bool
    records: int
    journals: list[JournalReport]
    problems: list[AuditProblem]
    findings: list[AuditProblem]


def verify(
    path: Path,
    *,
    seals: Mapping[int, str] = {},  # never changed
    each: Callable[[Record], object] | None = None,
) -> AuditReport:
    """Prove the journals of a data folder, or the one that `path` is.

    Args:
        path: a data folder or a journal's own.
        seals: record number → hash, kept elsewhere: what the journal said of itself at some time.
        each: is given every record of the first journal that is as it was written, in order.

    Raises:
        ArchiveError where there is no journal, OSError.
    """
    folders = journals_in(path)
    if not folders:
        raise ArchiveError(path, "there is no journal of orders here", hint="a trader's folder has one in journal/")
    reports = [_verify_one(folders[0], path, seals, each)] + [_verify_one(folder, path, {}, None) for folder in folders[1:]]
    problems = [problem for report in reports for problem in report.problems]
    return AuditReport(
        ok=not problems,
        records=sum(report.records for report in reports),
        journals=reports,
        problems=problems,
        findings=[finding for report in reports for finding in report.findings],
    )


def _verify_one(folder: Path, root: Path, seals: Mapping[int, str], give: Callable[[Record], object] | None) -> JournalReport:
    is_open = is_held(folder)
    problems: list[AuditProblem] = []
    findings: list[AuditProblem] = []
    head: Head | None = None
    try:
        head = read_head(folder)
    except ValueError as fault:
        problems.append(AuditProblem(file="head", kind="head", detail=str(fault)))
    else:
        if head is None:
            problems.append(AuditProblem(file="head", kind="head", detail="is not there: whether the end was cut off cannot be told"))
    proof = _Proof({**{n: ("seal", each) for n, each in seals.items()}, **({head.n: ("head", head.h)} if head else {})})
    walk = Walk(folder)
    records = 0
    for record in walk.records():
        records += 1
        proof.take(record)
        if give is not None:
            give(record)
    torn = walk.faults[-1:] if is_open and walk.torn is not None else []
    problems += [_problem_of(each) for each in walk.faults if each not in torn]
    problems += proof.problems(walk.last_n)
    findings += proof.findings
    if head is not None and head.n < walk.last_n and not is_open:
        told = AuditProblem(file="head", kind="head", detail=f"is of record {head.n}, the last one is {walk.last_n}")
        (problems if proof.sealed else findings).append(told)
    if records and not proof.sealed and not is_open:
        findings.append(AuditProblem(file="", kind="unsealed", detail="the last life has no seal: a crash, or its end was cut off"))
    problems += _problems_of_small_files(folder, proof, walk.last_b)
    base = folder.relative_to(root).as_posix() if folder != root else ""
    return JournalReport(
        folder=str(folder),
        files=len(walk.files),
        records=records,
        lives=proof.lives,
        last_n=walk.last_n,
        hash=walk.last_hash.hex(),
        sealed=proof.sealed,
        open=is_open,
        problems=[_in(base, each) for each in problems],
        findings=[_in(base, each) for each in findings],
    )


class _Proof:
    """What is held against each other while records go by. `known`: record number → (who says so, its hash)."""

    def __init__(self, known: Mapping[int, tuple[str, str]]) -> None:
        self._known = dict(known)
        self._wrong: list[AuditProblem] = []
        self._before: Record | None = None
        self.findings: list[AuditProblem] = []
        self.owner: Any = None
        self.lives = 0
        self.counts = False
        self.sealed = False

    def take(self, record: Record) -> None:
        who, wanted = self._known.pop(record.n, ("", ""))
        if who and record.hash.hex() != wanted:
            self._wrong.append(AuditProblem(file=who, kind=who, detail=f"says that record {record.n} is another one"))
        fields, before = record.fields, self._before
        follows = before is not None and before.n == record.n - 1
        said = fields.get("hash") if record.kind == "seal" and "hash" in fields else fields.get("prev")
        if before is not None and follows and said is not None and said != before.hash.hex():
            self._wrong.append(AuditProblem(file="", kind="seal", detail=f"record {record.n} holds another hash than that of {before.n}"))
        if record.kind == "boot":
            self._life(record)
        self.sealed = record.kind == "seal" and fields.get("why") == "end"
        self._before = record

    def _life(self, record: Record) -> None:
        self.lives += 1
        self.counts = self.counts or record.b > 0
        self.owner = record.fields.get("owner", self.owner)
        for each in record.fields.get("faults", ()):
            detail = f"found by the start of life {record.b}: {each.get('file')}: {each.get('detail')}"
            self.findings.append(AuditProblem(file=str(each.get("file")), kind="told", detail=detail))
        torn = record.fields.get("torn")
        if torn:
            detail = f"the start of life {record.b} cut {torn.get('bytes')} bytes of a torn line off"
            self.findings.append(AuditProblem(file=str(torn.get("file")), kind="torn", detail=detail, offset=torn.get("at")))

    def problems(self, last_n: int) -> list[AuditProblem]:
        """Everything wrong, once the last record went by."""
        for n, (who, _) in sorted(self._known.items()):
            why = f"record {n} was written; the last one that can be read is {last_n}" if n > last_n else f"record {n} cannot be read"
            self._wrong.append(AuditProblem(file=who, kind="cut" if n > last_n else who, detail=why))
        return self._wrong


def _problems_of_small_files(folder: Path, proof: _Proof, last_b: int) -> list[AuditProblem]:
    found: list[AuditProblem] = []
    if proof.counts:
        try:
            boot = read_boot(folder)
        except ValueError as fault:
            found.append(AuditProblem(file="boot", kind="boot", detail=str(fault)))
        else:
            if boot is None or boot < last_b:
                detail = "is not there" if boot is None else f"counts {boot} lives, the last one was {last_b}"
                found.append(AuditProblem(file="boot", kind="boot", detail=detail))
    if proof.owner is not None:
        try:
            owner = read_owner(folder)
            if owner != msgspec.convert(proof.owner, Owner):
                found.append(AuditProblem(file="owner", kind="owner", detail="is not what the last life was begun with"))
        except (ValueError, msgspec.ValidationError) as fault:
            found.append(AuditProblem(file="owner", kind="owner", detail=str(fault)))
    return found


def _problem_of(fault: Fault) -> AuditProblem:
    return AuditProblem(file=fault.file, kind=fault.kind, detail=fault.detail, offset=fault.offset, line=fault.line)


def _in(base: str, each: AuditProblem) -> AuditProblem:
    return msgspec.structs.replace(each, file=f"{base}/{each.file}".strip("/"))
