"""archive.read.coverage: how one day of a series stands: which of it is proven, which is recorded and cannot be proven, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from hoga.archive.form.calendar import Piece, Shares, pieces_of, shares_of
from hoga.archive.form.discover import venue_of
from hoga.archive.form.healed import Healed
from hoga.archive.form.layout import parse_segment
from hoga.archive.form.ledger import read_ledger
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import DayAccount, Manifest, read_manifest
from hoga.archive.form.recorded import ReadManifest, Recorded, proving_spans, recorded_in
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, day_span, minute_span, without
from hoga.archive.form.store import list_names
from hoga.archive.keep.classic import CLASSIC, is_classic, is_twin
from hoga.archive.read.told import healed_among, healed_lines
from hoga.core.errors import ArchiveError
from hoga.core.ledger import Gap
from hoga.core.streams import Kind
from hoga.core.times import day_of, day_start_ns, next_day

__all__ = ["DayCoverage", "day_coverage", "untold_files"]


class DayCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one series, the whole UTC day. `pieces` make it up, `shares` say how large the three parts of it are.

    `gaps` are the ledger's entries behind what is missing; `healed` those whose ids were all fetched afterwards: nothing is missing there
    any more. In a day of the classic recorder, of which nobody kept an account, `shares` is
    None and there are no pieces.
    """

    venue: str
    pieces: list[Piece]
    shares: Shares | None
    gaps: list[Gap]
    healed: list[Gap] = []


def day_coverage(
    day: SeriesDay, *, others: Iterable[SeriesDay] = (), now_ns: int | None = None, read: ReadManifest = read_manifest
) -> DayCoverage:
    """How `day` stands.

    Args:
        others: days among which the series is looked for whose ids prove this one's; without them, where the archive's layout has it.
        now_ns: what comes after it is to come, and not missing. None: the day is past.
        read: for who asks about many days and remembers what it read.

    Raises:
        ArchiveError: its manifest or ledger is damaged.
        OSError: they cannot be read.
    """
    manifest = read(day.manifest_path)
    if manifest is not None:
        return _merged(day, manifest, others, read)
    account = DayAccount()
    account.add(read_ledger(day.ledger))
    recorded = recorded_in(account)
    classic = [minute_span(day.day, minute) for _, minute, classic in untold_files(day, account) if classic]
    if day.archive_paths and not account.segments:
        return DayCoverage(venue=venue_of(day.directory), pieces=[], shares=None, gaps=recorded.gaps)
    recorded = recorded._replace(live=[*recorded.live, *classic])
    proving = proving_spans(day, venue_of(day.directory), recorded.streams, others=others, read=read)
    proving = without(proving, classic)  # nobody held the ids of these against one another
    return _told(day, venue_of(day.directory), recorded, proving, account.healed, now_ns)


def untold_files(day: SeriesDay, account: DayAccount) -> Iterator[tuple[Path, str, bool]]:
    """(file, minute, whether the classic recorder made it) of the segments that the day's ledger does not name."""
    for path in sorted(entry.path for entry in list_names(day.folder)):
        name = parse_segment(path.name)
        if name is not None and path.name not in account.segments and not is_twin(path):
            yield path, name.minute, is_classic(locate(path))


def _merged(day: SeriesDay, manifest: Manifest, others: Iterable[SeriesDay], read: ReadManifest) -> DayCoverage:
    if not manifest.live and manifest.segments and all(row.state == CLASSIC for row in manifest.segments):
        return DayCoverage(venue=manifest.venue, pieces=[], shares=None, gaps=manifest.gaps)
    proving = proving_spans(day, manifest.venue, manifest.stream, others=others, read=read)
    found = _told(day, manifest.venue, recorded_in(manifest), proving, manifest.healed, None)
    if manifest.shares is None or found.shares is None or manifest.shares.proven <= found.shares.proven:
        return found  # the series that proves this one was merged later, or is told by more than there was then
    return msgspec.structs.replace(found, shares=manifest.shares)  # it was there then, and is not now


def _told(day: SeriesDay, venue: str, recorded: Recorded, proving: list[Span], healed: Healed | None, now_ns: int | None) -> DayCoverage:
    filled = _filled(day, venue, recorded.gaps, healed)
    open_gaps = [gap for gap in recorded.gaps if gap not in filled]
    pieces = pieces_of(day_span(day.day), live=recorded.live, gaps=open_gaps, proving=proving, flaws=recorded.flaws, now_ns=now_ns)
    return DayCoverage(venue=venue, pieces=pieces, shares=shares_of(pieces), gaps=open_gaps, healed=sorted(filled, key=_by_time))


def _filled(day: SeriesDay, venue: str, gaps: list[Gap], healed: Healed | None) -> set[Gap]:
    """The gaps that were healed: their trades may lie beside the day before or the next. What cannot be read of them fills nothing."""
    if Kind.of(day.kind) is not Kind.EXECUTION or all(gap.from_id is None for gap in gaps):
        return set()
    near = [day] if healed is not None else []
    near += [msgspec.structs.replace(day, day=each) for each in (day_of(day_start_ns(day.day) - 1), next_day(day.day))]
    lines: list[bytes] = []
    for each in near:
        with suppress(ArchiveError, OSError):
            lines += healed_lines(each)
    return healed_among(gaps, lines, venue=venue, kind=day.kind)


def _by_time(gap: Gap) -> tuple[int, int]:
    return gap.from_ns, gap.to_ns
