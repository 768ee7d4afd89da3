"""archive.form.recorded: when a day of a series was recorded, and what proves it, from its manifest or, until it is merged, its ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from hoga.archive.form.audit import Flaw
from hoga.archive.form.ledger import read_ledger
from hoga.archive.form.manifest import DayAccount, Manifest, read_manifest
from hoga.archive.form.proof import cut_alike, proof_of
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, day_span, without
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap

__all__ = ["ReadManifest", "Recorded", "proving_spans", "read_recorded", "recorded_in"]


ReadManifest = Callable[[Path], Manifest | None]
"""`manifest.read_manifest`, or one that remembers."""


class Recorded(NamedTuple):
    """`streams`: the wire names that fed the series, joined by `,`. `live`: when it was being recorded; `gaps` say where it was not.
    `flaws`: where that account itself is in doubt."""

    streams: str
    live: list[Span]
    gaps: list[Gap]
    flaws: list[Flaw]


def recorded_in(account: DayAccount | Manifest) -> Recorded:
    """What an account, or the manifest that was made of it, says."""
    if isinstance(account, Manifest):
        return Recorded(account.stream, account.live, account.gaps, account.flaws)
    return Recorded(account.streams(), account.live(), account.gaps(), [])


def read_recorded(day: SeriesDay, *, read: ReadManifest = read_manifest) -> Recorded:
    """What the day's files say; of a day that is not there, nothing. Raises ArchiveError, OSError."""
    manifest = read(day.manifest_path)
    if manifest is not None:
        return recorded_in(manifest)
    account = DayAccount()
    account.add(read_ledger(day.ledger))
    return recorded_in(account)


def proving_spans(
    day: SeriesDay, venue: str, streams: str, *, others: Iterable[SeriesDay] = (), read: ReadManifest = read_manifest
) -> list[Span]:
    """When ids prove what is recorded of the day: all of it, none, or while a series beside it is recorded whose ids are the same.

    That series is looked for among `others`, else in the folder beside the day's own. What of it cannot be read proves nothing.
    """
    proof = proof_of(venue, day.kind, streams)
    if proof.itself:
        return [day_span(day.day)]
    if proof.beside is None:
        return []
    usual = SeriesDay(day.directory.parent / proof.beside, day.symbol, proof.beside, day.day)
    alike = (each for each in others if (each.symbol, each.kind, each.day) == (usual.symbol, usual.kind, usual.day))
    try:
        deltas = read_recorded(next(alike, usual), read=read)
    except (ArchiveError, OSError):
        return []
    if not cut_alike(venue, streams, deltas.streams):
        return []
    gone = [(gap.from_ns, gap.to_ns) for gap in deltas.gaps] + [(flaw.from_ns, flaw.to_ns) for flaw in deltas.flaws]
    return without(deltas.live, gone)
