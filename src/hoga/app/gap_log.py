"""app.gap_log: the gaps that a run writes into its ledgers: counted from 0 on, kept for the page, and grouped into incidents.

Every lane reports each gap that it writes, on the event loop: some microseconds a gap, nothing a frame.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from hoga.app.venue_run import VenueRun
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.dashboard.snapshot import GapRow, Happened
from hoga.quality.incidents import IncidentLog, count_text

__all__ = ["GapLog"]

_GAPS_KEPT = 200


class GapLog:
    """Collects the gaps and incidents of `venues` from now on. A run has one; it sets the `on_gap` of every lane.

    Attributes:
        lost: frames that arrived and were not recorded: venue → reason → count.
        gaps: gaps: venue → reason → count.
        recent: the newest gaps, at most 200, oldest first; a stream is given by its place (venue by venue, lane by lane).
    """

    def __init__(self, venues: Iterable[VenueRun]) -> None:
        self.incidents = IncidentLog()
        self.lost: dict[str, Counter[str]] = {}
        self.gaps: dict[str, Counter[str]] = {}
        self.recent: deque[GapRow] = deque(maxlen=_GAPS_KEPT)
        first = 0
        for venue in venues:
            name = venue.config.venue
            self.lost[name] = Counter({str(reason): 0 for reason in sorted(COUNTED)})
            self.gaps[name] = Counter({str(reason): 0 for reason in Reason})
            for lane, intakes in venue.recorder.by_lane():
                lane.on_gap = self._taker(name, [intake.stream.name for intake in intakes], first)
                first += len(intakes)

    @property
    def turn(self) -> int:
        """A number that grows with every gap."""
        return self.incidents.turn

    def happened(self) -> Happened:
        """Return the incidents so far, by time, as a snapshot carries them."""
        numbered = sorted(self.incidents.numbered().items(), key=lambda each: (each[1].from_ns, each[1].to_ns, each[0]))
        begun = {str(reason): count for reason, count in self.incidents.begun.items()}
        return Happened(begun, [incident for _, incident in numbered], [number for number, _ in numbered])

    def summary(self) -> str:
        """Say in a few words how many incidents and gaps there were since the start."""
        return count_text(sum(self.incidents.begun.values()), sum(counts.total() for counts in self.gaps.values()))

    def _taker(self, venue: str, streams: list[str], first: int) -> Callable[[int, Gap], None]:
        lost, counts, recent, incidents = self.lost[venue], self.gaps[venue], self.recent, self.incidents

        def take(index: int, gap: Gap) -> None:
            counts[gap.reason] += gap.since_ns is None  # one in pieces is one
            if gap.reason in COUNTED:
                lost[gap.reason] += gap.missed or 0
            recent.append(GapRow(first + index, gap.from_ns, gap.to_ns, gap.reason, gap.missed))
            incidents.add((venue, streams[index]), gap)

        return take
