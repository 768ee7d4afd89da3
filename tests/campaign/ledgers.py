"""Sums over an archive's manifests and open ledgers, for the campaigns' one question: received = written + accounted?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from hoga.archive.form.ledger import GapEntry, SegmentEntry, read_ledger
from hoga.archive.form.manifest import read_manifest
from hoga.core.ledger import COUNTED, Gap

__all__ = ["Account", "account_of"]


class Account(msgspec.Struct):
    """`aside`: frames kept aside. `uncounted`: segments whose count a crash took; the equation is theirs no more.
    `reasons`: ledger gaps by reason."""

    received: int = 0
    written: int = 0
    duplicates: int = 0
    counted: int = 0
    aside: int = 0
    uncounted: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def balanced(self) -> bool:
        """Received = written + duplicates + what gaps count (segments without a count left out on both sides)."""
        return self.received == self.written + self.duplicates + self.counted

    def add_gap(self, gap: Gap) -> None:
        self.reasons[gap.reason] += 1
        if gap.reason in COUNTED:
            self.counted += gap.missed or 0


def account_of(data: Path) -> Account:
    """Everything below `data`."""
    total = Account()
    merged = set()
    for path in data.rglob("*.manifest.json"):
        manifest = read_manifest(path)
        merged.add(path.name.removesuffix(".manifest.json"))
        if manifest.kind == "aside":
            total.aside += manifest.records
            continue
        total.received += manifest.received or 0
        total.written += manifest.records
        total.duplicates += manifest.duplicates
        for gap in manifest.gaps:
            total.add_gap(gap)
    for path in data.rglob("*.ledger.jsonl"):
        if path.name.removesuffix(".ledger.jsonl") not in merged:
            _add_open(total, path)
    return total


def _add_open(total: Account, path: Path) -> None:
    aside = "_aside_" in path.name
    lost_count = {entry.journal for entry in read_ledger(path) if isinstance(entry, SegmentEntry) and entry.received is None}
    for entry in read_ledger(path):
        if isinstance(entry, SegmentEntry):
            if aside:
                total.aside += entry.records
            elif entry.received is None:
                total.uncounted += entry.records
            else:
                total.received += entry.received
                total.written += entry.records
                total.duplicates += entry.duplicates
        elif isinstance(entry, GapEntry) and not aside:
            if entry.journal in lost_count and entry.gap.reason in COUNTED:
                total.reasons[entry.gap.reason] += 1
            else:
                total.add_gap(entry.gap)
