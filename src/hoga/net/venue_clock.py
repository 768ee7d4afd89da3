"""net.venue_clock: what time it is at a venue, and how certain that is.

A venue's clock that was read between a question and its answer bounds how far it is from our steady clock, on both sides; every reading
narrows the bounds, and time widens them by what clocks drift. So the shortest round trip of several decides by itself, and a
clock that is told to the second only (the `Date` of an HTTP answer) is known to a tenth of a second after a few dozen answers:

    /time 12:00:00.250, asked and answered within 8 ms        ±4 ms      |--|
    Date  12:00:00 at one answer, 12:00:01 at another                  |-------|  ∩  |-------|  =  |--|

Requests are signed by it, also when this machine's own clock is wrong, or is being set: the steady clock is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from hoga.core.errors import VenueError
from hoga.core.times import MS_NS, SECOND_NS
from hoga.runtime.clock import Clock
from hoga.runtime.patience import within
from hoga.venues.request import Priority, Request

if TYPE_CHECKING:
    from hoga.net.rest import RestClient
    from hoga.venues.spec import VenueSpec

__all__ = ["TimeKeeper", "VenueClock"]

_DRIFT = 100e-6
"""Two clocks that nobody corrects go apart by less than this fraction."""
_DATE_SLACK_NS = 50 * MS_NS
"""Servers write the same date into all answers of a moment."""
_READS = 5
_FRESH_NS = 30 * SECOND_NS


class VenueClock:
    """The venue's time by `clock`'s steady clock. Until anything is known it is this machine's own.

    `jumps`: how often a reading could not be true together with those before; the newest is believed then. `on_doubt` is called when
    the venue refused a request for its time.
    """

    __slots__ = ("_at_ns", "_clock", "_doubted", "_high_ns", "_low_ns", "jumps", "on_doubt")

    def __init__(self, clock: Clock) -> None:
        self.on_doubt: Callable[[], object] = lambda: None
        self._doubted = False
        self._clock = clock
        self._low_ns = self._high_ns = 0
        self._at_ns: int | None = None
        self.jumps = 0

    def told(self, venue_ns: int, *, asked_ns: int, came_ns: int, step_ns: int) -> None:
        """The venue's clock read `venue_ns`, cut off to whole `step_ns`, between `asked_ns` and `came_ns` of the steady clock."""
        low, high = venue_ns - came_ns, venue_ns + step_ns - asked_ns
        if self._at_ns is not None and not self._doubted:
            low_before, high_before = self._bounds(came_ns)
            if low <= high_before and low_before <= high:
                low, high = max(low, low_before), min(high, high_before)
            else:
                self.jumps += 1
        self._low_ns, self._high_ns, self._at_ns, self._doubted = low, high, came_ns, False

    def dated(self, date: str | None, *, asked_ns: int, came_ns: int) -> None:
        """The same of an answer's header `Date`; what cannot be read tells nothing."""
        try:
            moment = parsedate_to_datetime(date or "")
            told_ns = int(moment.timestamp()) * SECOND_NS
        except (ValueError, TypeError, OverflowError, IndexError):
            return
        self.told(told_ns, asked_ns=asked_ns, came_ns=came_ns, step_ns=SECOND_NS + _DATE_SLACK_NS)

    def doubt(self) -> None:
        """The venue has refused a request for its time: what is known serves until the next reading, which is believed alone."""
        self._doubted = True
        self.on_doubt()

    @property
    def is_known(self) -> bool:
        """Whether the venue has told its time, and not refused a request for it since."""
        return self._at_ns is not None and not self._doubted

    @property
    def is_fresh(self) -> bool:
        """Whether that was a moment ago."""
        return self.is_known and self._at_ns is not None and self._clock.monotonic_ns() - self._at_ns < _FRESH_NS

    def now_ns(self) -> int:
        """The venue's time, ns since 1970: the middle of what it can be."""
        if self._at_ns is None:
            return self._clock.time_ns()
        low, high = self._low_ns, self._high_ns
        return self._clock.monotonic_ns() + (low + high) // 2

    def now_ms(self) -> int:
        """The same, ms: what requests are signed with."""
        return self.now_ns() // MS_NS

    @property
    def error_ns(self) -> int | None:
        """The venue's time is at most so far from `now_ns`; None while nothing is known."""
        if not self.is_known:
            return None
        low, high = self._bounds(self._clock.monotonic_ns())
        return (high - low + 1) // 2

    @property
    def off_ns(self) -> int | None:
        """How far this machine's wall clock is ahead of the venue's; None while nothing is known."""
        return None if self._at_ns is None else self._clock.time_ns() - self.now_ns()

    def _bounds(self, now_ns: int) -> tuple[int, int]:
        assert self._at_ns is not None, "asked once something is known"
        drift = int(max(0, now_ns - self._at_ns) * _DRIFT)
        return self._low_ns - drift, self._high_ns + drift

    def __repr__(self) -> str:
        error = self.error_ns
        return "<VenueClock unknown>" if error is None else f"<VenueClock ±{error / 1e6:.1f} ms>"


class TimeKeeper:
    """Keeps `rest.venue_clock` true, by the venue's time call where it has one; else by the dates of the answers that come anyway.

    `run` measures every `every_s`, and at once when it is doubted.
    """

    def __init__(self, rest: RestClient, spec: VenueSpec, *, every_s: float = 60.0) -> None:
        self.clock = rest.venue_clock
        self._rest = rest
        self._spec = spec
        self._every_s = every_s
        self._doubted = asyncio.Event()
        self.clock.on_doubt = self._doubted.set

    async def measure(self, *, timeout_s: float = 1.0, reads: int = _READS) -> bool:
        """Ask so many times; whether the venue told its time at least once. Where there is no such call: whether it is known."""
        path, read_ms = self._spec.rest.time, self._spec.server_time_ms
        if path is None or read_ms is None:
            return self.clock.is_known
        call = Request(path=path, priority=Priority.EMERGENCY, timeout_s=timeout_s)
        told = False
        for _ in range(reads):
            with contextlib.suppress(VenueError, ValueError):
                reply = await self._rest.send(call)
                if reply.status == 200:
                    venue_ns = read_ms(reply.body) * MS_NS
                    self.clock.told(venue_ns, asked_ns=reply.asked_mono_ns, came_ns=reply.came_mono_ns, step_ns=MS_NS)
                    told = True
        return told

    async def run(self) -> None:
        """For ever; the first time after a while, where it was measured a moment ago."""
        known = self.clock.is_fresh
        while True:
            self._doubted.clear()
            if not known:
                await self.measure()
            known = False
            with contextlib.suppress(TimeoutError):
                await within(self._doubted.wait(), self._every_s)
