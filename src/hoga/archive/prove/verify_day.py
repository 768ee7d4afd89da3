"""archive.prove.verify_day: check one day of one series against its manifest and its ledger.

What is merged and what is still open is read first (`archive.prove.mergedday`, `archive.prove.openday`); afterwards what the lines
say about themselves is held against the ledger of the whole day, because a late segment may fill a hole.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from hoga.archive.form.audit import told_once
from hoga.archive.form.conflicts import IdPayloads
from hoga.archive.form.discover import venue_of
from hoga.archive.form.idruns import Hole, IdRuns
from hoga.archive.form.manifest import DayAccount, Manifest, read_manifest
from hoga.archive.form.semantics import Remark, SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span
from hoga.archive.form.store import look
from hoga.archive.form.text import LineTooLong
from hoga.archive.prove.crosscheck import Evidence
from hoga.archive.prove.daytext import Changed, DayText
from hoga.archive.prove.healedrows import check_healed
from hoga.archive.prove.judge import OUR_FAULTS, is_explained, is_stepped, wrong_counts
from hoga.archive.prove.mergedday import MergedDay
from hoga.archive.prove.openday import OpenDay
from hoga.archive.prove.report import Outcome
from hoga.archive.read.reader import read_stretches
from hoga.archive.read.stretches import find_stretches
from hoga.archive.read.told import gaps_of
from hoga.core.errors import ArchiveError, ManifestMismatch, spelt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import day_of, day_start_ns, iso_of, next_day
from hoga.venues.registry import channels_for
from hoga.venues.spec import ChannelSpec

__all__ = ["DayCheck"]

_TOLD = 20
"""Findings of one kind in a day; the last of them counts the rest."""


class DayCheck:
    """One day of one series. Call `run` once; `evidence` afterwards gives what other series can be held against.

    `live`: the journals of a recorder that is at work, by name: the newest files may be ahead of the ledger then. Empty: none is.
    `keep_ids`: collect ids for `evidence`. `unsealed`: journals that an orderly end left, by name, and their times: what is to come of them
    is not missing.
    """

    def __init__(
        self,
        day: SeriesDay,
        *,
        live: frozenset[str] = frozenset(),
        keep_ids: bool = False,
        unsealed: Mapping[str, Span] = MappingProxyType({}),
    ) -> None:
        self.day = day
        self._live = live
        self._unsealed = unsealed
        self._out = Outcome()
        self._keep_ids = keep_ids
        self._channels: tuple[ChannelSpec, ...] = ()
        self._text = DayText(day, SeriesScan(()), self._out)
        self._account = DayAccount()

    def run(self) -> Outcome:
        """Check everything there is of the day."""
        manifest = None if self.day.only else self._manifest()
        self._channels = channels_for(manifest.venue if manifest is not None else "", self.day.kind)
        united = manifest is not None and len(manifest.collectors or ()) > 1
        self._text = DayText(self.day, SeriesScan(self._channels, keep_ids=self._keep_ids, united=united), self._out)
        merged, fresh = MergedDay(self._text), OpenDay(self._text, self._account, live=self._live, unsealed=self._unsealed)
        if self.day.only:
            fresh.check_lone(Path(self.day.only))
        else:
            if manifest is not None:
                self._account.add_earlier(manifest)
                merged.check(manifest)
            else:
                merged.check_alone(self.day.archive_paths)
            if (folder := look(self.day.folder)) is not None and folder.is_folder:
                fresh.check(manifest)
            check_healed(self.day, self._account.healed, self._text.scan.runs, self._out)
        self._judge()
        series = (self._venue(), f"{self.day.kind}:{self.day.symbol}")
        gaps, shared = told_once(self._account.gaps())
        if shared:
            file = self.day.manifest_path if self._account.earlier is not None else self.day.ledger
            self._out.finding(file, "overlap", f"{shared} missing ids are named by more than one gap; they are counted once", count=shared)
        self._out.told += [(series, gap) for gap in gaps]
        return self._out

    def _venue(self) -> str:
        return self._account.earlier.venue if self._account.earlier is not None else venue_of(self.day.directory)

    def evidence(self) -> Evidence:
        """Ids with times, live spans and gaps of the day."""
        file = self._text.places[0].file if self._text.places else self.day.manifest_path
        return Evidence(
            venue=self._venue(),
            file=spelt(file),
            streams=self._account.streams(),
            stamped=self._text.scan.stamped,
            live=self._account.live(),
            gaps=self._account.gaps(),
        )

    def digests(self) -> list[tuple[int, int, str]]:
        """(ns, id, digest) of the books that the recorder kept itself."""
        return [(each.ns, each.id, each.digest) for each in self._account.digests()]

    def _manifest(self) -> Manifest | None:
        try:
            return read_manifest(self.day.manifest_path)
        except ManifestMismatch as fault:
            self._out.problem(fault.path, "manifest", fault.why)
            return None

    # judging what was read

    def _judge(self) -> None:
        gaps = self._account.gaps()
        holes = [(chain, hole) for chain, runs in self._text.scan.runs.items() for hole in runs.holes()]
        for changed in self._text.changed:
            offset, detail = self._where(changed, holes)
            self._out.problem(changed.place.file, "changed", detail, offset=offset)
        for remark in self._text.scan.remarks:
            self._judge_remark(remark, gaps)
        for file, count in self._text.bare.items():
            if count:
                self._out.finding(file, "no-envelope", "records of the classic recorder, without hoga's envelope", count=count)
        unexplained = [(chain, hole) for chain, hole in holes if not is_explained(hole, gaps) and not self._is_to_come(hole)]
        for chain, hole in self._beyond_midnight(unexplained, gaps):
            file, offset = self._text.in_file(hole.offset)
            span = f"{iso_of(hole.from_ns)} and {iso_of(hole.to_ns)}"
            detail = f"{chain} ids {hole.first}..{hole.last} are missing between {span} and no gap says so (offset in the text)"
            self._out.problem(file, "gap", detail, offset=offset)
        self._judge_missed(gaps)
        if (payloads := self._text.scan.payloads) is not None:
            self._judge_collectors(payloads)

    def _judge_collectors(self, payloads: IdPayloads) -> None:
        """Of a united day: ids on which collectors differ, and that as many records of each are there as stayed."""
        found = payloads.conflicts()
        for number, each in enumerate(found[:_TOLD], 1):
            file, offset = self._text.in_file(each.offset)
            whose = " and ".join(name or "a collector without a name" for name in each.collectors)
            detail = f"{each.name or self.day.kind} id {each.id} stands there {each.records} times with other payloads, of {whose}"
            count = len(found) - _TOLD + 1 if number == _TOLD and len(found) > _TOLD else 1
            self._out.finding(file, "conflict", f"{detail} (offset in the text)", offset=offset, count=count)
        manifest, records = self._account.earlier, payloads.records_of()
        won = {row.name: row.won for row in (manifest.collectors or ())} if manifest is not None else {}
        if manifest is None or not records.keys() <= won.keys() or sum(records.values()) != manifest.records:
            return  # whose records they are is not all told by their connections, or the day is not whole: that is told already
        said = [(f"records of collector {name}", records.get(name, 0), count) for name, count in won.items() if count is not None]
        self._text.compare(self.day.manifest_path, said)

    def _is_to_come(self, hole: Hole) -> bool:
        """A minute that lies unsealed in its journal, with sealed ones after it."""
        return any(from_ns <= hole.to_ns and hole.from_ns <= to_ns for from_ns, to_ns in self._unsealed.values())

    def _judge_remark(self, remark: Remark, gaps: list[Gap]) -> None:
        file, offset = self._text.in_file(remark.offset)
        say = self._out.problem if remark.kind in OUR_FAULTS and not is_stepped(remark, gaps) else self._out.finding
        say(file, remark.kind, f"{remark.detail} (offset in the text)", offset=offset, count=remark.count)

    def _beyond_midnight(self, holes: list[tuple[str, Hole]], gaps: list[Gap]) -> list[tuple[str, Hole]]:
        """The holes that stay when the days before and after are looked at, as a step of the clock makes it necessary: frames
        received around midnight are then in the other day's file."""
        if not holes:
            return []
        for day in (day_of(day_start_ns(self.day.day) - 1), next_day(self.day.day)):
            other = msgspec.structs.replace(self.day, day=day)
            steps = [gap for gap in [*gaps, *_gaps_of(other)] if gap.reason is Reason.CLOCK_STEP]
            if holes and steps and not self.day.only:
                runs = _runs_of(other, self._channels)
                holes = [(chain, hole) for chain, hole in holes if chain not in runs or runs[chain].missing_within(hole.first, hole.last)]
        return holes

    def _judge_missed(self, gaps: list[Gap]) -> None:
        if not any(channel.record.contiguous and channel.record.first_key == channel.record.last_key for channel in self._channels):
            return
        for gap, absent in wrong_counts(gaps, self._text.scan.runs.values()):
            say = self._out.problem if (gap.missed or 0) < absent else self._out.finding
            ids = f"ids {gap.from_id}..{gap.to_id}"
            say(self.day.manifest_path, "gap-mismatch", f"{ids}: {gap.missed} said to be missing, {absent} are")

    def _where(self, changed: Changed, holes: list[tuple[str, Hole]]) -> tuple[int, str]:
        """The line where a changed text first shows the change, else its beginning."""
        place, end, why = changed
        for chain, hole in holes:
            if place.start <= hole.offset <= end:
                return hole.offset - place.start + place.base, f"{why}; {chain} ids {hole.first}..{hole.last} are gone (offset in the text)"
        for remark in self._text.scan.remarks:
            if place.start <= remark.offset <= end and remark.kind in ("doubled", "malformed", "torn", "backwards"):
                return remark.offset - place.start + place.base, f"{why}; {remark.detail} (offset in the text)"
        return place.base, f"{why} (offset in the text)"


def _gaps_of(day: SeriesDay) -> list[Gap]:
    try:
        return gaps_of(day)
    except ArchiveError:
        return []


def _runs_of(day: SeriesDay, channels: tuple[ChannelSpec, ...]) -> dict[str, IdRuns]:
    """The ids of a whole day; what of it cannot be read proves nothing."""
    scan = SeriesScan(channels, check_books=False)
    try:
        for _, text in read_stretches(find_stretches(day).sealed, start_ns=0, end_ns=2**63):
            scan.feed(text)
    except (ArchiveError, FileNotFoundError, LineTooLong):
        pass
    return scan.runs
