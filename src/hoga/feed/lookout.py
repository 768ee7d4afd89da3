"""feed.lookout: is a connection's leg alive, and is every stream on it? Looked at once a second.

`feed.vigil` judges the link, `feed.paces` the streams; what they find is done here: a ping is sent, streams are asked for again, and
whoever keeps the connection is told that the leg is of no use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hoga.core.streams import Stream
from hoga.feed.config import FeedConfig
from hoga.feed.leg import Leg
from hoga.feed.paces import Paces
from hoga.feed.requests import TOLD_NAMES, Requests
from hoga.feed.vigil import Signs, Verdict, Vigil
from hoga.hub.port import Inlet
from hoga.net.spoken import Spoken
from hoga.runtime.clock import Clock
from hoga.runtime.logs import get_log
from hoga.venues.spec import VenueSpec

__all__ = ["Lookout"]

_log = get_log("feed")


class Lookout:
    """Over the legs of the connection `name`, one after the other.

    `say_control(spoken)`: 0 when a ping may be sent now, which then counts as sent; else seconds to wait. `give_up(why)`: the leg is of no
    use any more. `fruitless`: so many legs in a row were given up although they answered, for want of data.
    """

    def __init__(
        self,
        name: str,
        spec: VenueSpec,
        config: FeedConfig,
        inlet: Inlet,
        requests: Requests,
        *,
        clock: Clock,
        say_control: Callable[[Spoken], float],
        give_up: Callable[[str], None],
    ) -> None:
        self.fruitless = 0
        self._name, self._rules, self._inlet, self._requests, self._clock = name, config.vigil, inlet, requests, clock
        self._say_control, self._give_up = say_control, give_up
        self._ping_every_s = min(config.ping_interval_s, spec.limits.ping_every_s or config.ping_interval_s)
        self._ping_timeout_s = config.ping_timeout_s
        self._paces = Paces(spec, floor_s=config.vigil.suspect_s)
        self._leg: Leg | None = None

    def over(self, streams: list[Stream]) -> None:
        """These are watched from now on."""
        self._paces.watch(streams, self._clock.monotonic())

    def is_silent(self, leg: Leg) -> bool:
        """Whether it is the leg that is looked at, and brings nothing for longer than its pace explains."""
        return leg is self._leg and self._paces.whole.is_silent(self._clock.monotonic_ns())

    def new_vigil(self) -> Vigil:
        """For a leg that begins."""
        return Vigil(self._rules, ping_every_s=self._ping_every_s, ping_timeout_s=self._ping_timeout_s)

    def looking(self, leg: Leg, is_current: Callable[[], bool]) -> Iterator[None]:
        """Look once, in steps, as long as `leg` is the one that counts: between two of them frames may be taken."""
        now = self._clock.monotonic_ns()
        if leg is not self._leg:
            self._leg = leg
            self._paces.begin(leg.counts, now)
        before = self._paces.whole.count
        for _ in self._paces.ticking(partial(self._inlet.brought, self._name, leg.epoch), now):
            yield
            if not is_current():
                return
        if self.fruitless and self._paces.whole.count > before and self._clock.monotonic() - leg.opened_at >= self._rules.fruitless_min_s:
            self.fruitless = 0
        self._judge_link(leg, now)
        if not self._paces.whole.is_silent(now):
            self._judge_streams(leg, now)

    def _judge_link(self, leg: Leg, now: int) -> None:
        at, pace, link = self._clock.monotonic(), self._paces.whole, leg.link
        signs = Signs(
            data_quiet_s=pace.silent_for_s(now),
            control_quiet_s=at - link.last_control_at,
            answered=link.last_pong_ns > 0,
            silent=pace.is_silent(now),
            silence_limit_s=self._rules.fruitless_after_s(pace.interval_s, self.fruitless),
        )
        verdict, seconds = leg.vigil.look(at, signs)
        if verdict is Verdict.PING:
            link.last_pong_ns = 0
            self._ping(leg)
        elif verdict is Verdict.UNANSWERED:
            self._give_up(f"no answer to a ping for {seconds:.0f} s")
        elif verdict is Verdict.FRUITLESS:
            self.fruitless += 1
            self._give_up(f"pings are answered, but no data for {seconds:.0f} s")

    def _ping(self, leg: Leg) -> None:
        if (wait := self._say_control(leg.spoken)) > 0:
            self._clock.call_later(wait, lambda: self._ping(leg))
        else:
            leg.link.ping()

    def _judge_streams(self, leg: Leg, now: int) -> None:
        """Silent streams are subscribed again together, each ever more rarely; their neighbours notice nothing."""
        at = self._clock.monotonic()
        opened_ns = leg.opened_ns(self._clock)
        told, silent, quiet = self._paces.judge(at, now, live=leg.asking.live, opened_at=leg.opened_at)
        for name, gone in told:
            brought_ns = self._inlet.brought(self._name, leg.epoch, name)[1]
            self._inlet.silent(name, max(brought_ns, opened_ns if not gone else 0))
        if silent:
            _log.warning("streams silent, subscribed again", conn=self._name, count=len(silent), first=",".join(silent[:TOLD_NAMES]))
        for names, harder in ((silent, True), (quiet, False)):
            self._requests.again(leg, names, harder=harder)
