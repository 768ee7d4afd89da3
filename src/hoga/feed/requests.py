"""feed.requests: what one connection asks of its venue: sent within its limits, answered, and what became of it told.

Which streams the venue has agreed to, and what is asked again, is decided by `feed.subscribing`, a machine for each leg.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hoga.core.streams import Stream
from hoga.feed.leg import Leg
from hoga.feed.subscribing import Ask, Doubts, Subscribing, Verb
from hoga.hub.port import Inlet
from hoga.runtime.clock import Clock
from hoga.runtime.logs import get_log
from hoga.venues.spec import Answer, VenueSpec

__all__ = ["AGAIN_MAX_S", "TOLD_NAMES", "Requests"]

_log = get_log("feed")

AGAIN_MAX_S = 3600.0
TOLD_NAMES = 5


class Requests:
    """Of the connection `name`, on all its `legs` that are open; the list is the connection's.

    `asking`: the machine of each leg that was begun and is not over, by epoch.
    `anew`: why only a new connection helps, "" while it does not; `on_anew()` when there is a reason.
    """

    def __init__(
        self, name: str, spec: VenueSpec, inlet: Inlet, legs: list[Leg], *, clock: Clock, again_s: float, on_anew: Callable[[], None]
    ) -> None:
        self._name, self._spec, self._inlet, self._legs, self._clock = name, spec, inlet, legs, clock
        self.doubts = Doubts()
        self.sent = 0
        self.anew, self._anew_at, self._anew_pause_s = "", 0.0, again_s / 2
        self._again_s = again_s
        self._on_anew = on_anew
        self.asking: dict[int, Subscribing] = {}
        self._lists: dict[int, asyncio.Future[frozenset[str]]] = {}

    def begin(self, epoch: int, names: list[str], granted: list[str]) -> None:
        """The socket of a leg is open: `names` are wanted on it, `granted` were named in its URL."""
        spec = self._spec
        self.asking[epoch] = Subscribing(
            spec.requests,
            self.doubts,
            names,
            batch=spec.limits.subscribe_batch,
            most=spec.limits.streams_per_connection,
            replaces=spec.replace is not None,
            unsubscribes=spec.unsubscribe is not None,
            granted=granted,
            now=self._clock.monotonic(),
        )

    def drive(self, leg: Leg) -> None:
        """Send the requests that are due, within the venue's limits of this connection; come back for the rest."""
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None
        if leg not in self._legs or leg.link.closed.done():
            return
        asking, now = leg.asking, self._clock.monotonic()
        self._tell(leg)
        wait = leg.spoken.request_wait_s(now)
        while wait <= 0 and (ask := asking.next(now)) is not None:
            self._send(leg, self._frame_of(ask), now)
            wait = leg.spoken.request_wait_s(now)
        due = asking.due_at()
        if due is not None and (wait > 0 or due > now):
            leg.timer = self._clock.call_later(max(wait, due - now, 0.01), lambda: self.drive(leg))

    def _send(self, leg: Leg, frame: bytes, now: float) -> None:
        leg.spoken.said(now)
        self.sent += 1
        leg.link.send(frame)

    def _frame_of(self, ask: Ask) -> bytes:
        spec, names = self._spec, list(ask.names)
        if ask.verb is Verb.LIST and spec.requests.listing is not None:
            return spec.requests.listing(ask.number)
        if ask.verb is Verb.UNSUBSCRIBE and spec.unsubscribe is not None:
            return spec.unsubscribe(names, ask.number)
        if spec.replace is not None:
            return spec.replace(names, list(ask.known), ask.number)
        return spec.subscribe(names, ask.number)

    def _tell(self, leg: Leg) -> None:
        """What has become of requests: to the inlet, to people, and where only a new connection helps, to the connection."""
        asking, now = leg.asking, self._clock.time_ns()
        if live := asking.take_live():
            self._inlet.live(self._name, leg.epoch, now, live)
        for refused in asking.take_refused():
            self._inlet.waits(self._name, leg.epoch, now, refused.names, refused.why)
            shown = ",".join(refused.names[:TOLD_NAMES])
            if refused.culprit:
                _log.warning("the venue refuses a stream; it is asked for now and then", conn=self._name, stream=shown, why=refused.why)
            else:
                _log.warning(
                    "streams not subscribed yet, asked for again", conn=self._name, count=len(refused.names), first=shown, why=refused.why
                )
        why = asking.take_exhausted()
        if why and self._clock.monotonic() >= self._anew_at:
            self._anew_pause_s = min(AGAIN_MAX_S, self._anew_pause_s * 2)
            self._anew_at = self._clock.monotonic() + self._anew_pause_s
            self.anew = why
            self._on_anew()

    def attend(self, leg: Leg) -> None:
        """Once a second: which streams have come, which requests are overdue."""
        self._note_first_frames(leg)
        if not leg.asking.lacking:
            self._anew_pause_s = self._again_s / 2
        leg.asking.tick(self._clock.monotonic())
        self.drive(leg)

    def _note_first_frames(self, leg: Leg) -> None:
        if lacking := leg.asking.lacking:
            waiting = self._inlet.lacking(self._name, leg.epoch)
            before = leg.counts | leg.again
            leg.asking.came(name for name in lacking if name not in waiting and self._brought(leg, name) != before.get(name, 0))

    def _brought(self, leg: Leg, name: str) -> int:
        return self._inlet.brought(self._name, leg.epoch, name)[0]

    def want(self, leg: Leg, streams: list[Stream]) -> None:
        """Exactly these shall come on it from now on: only what differs is asked."""
        self._note_first_frames(leg)
        leg.asking.want([stream.name for stream in streams], self._clock.monotonic())
        self.drive(leg)

    def again(self, leg: Leg, names: list[str], *, harder: bool) -> None:
        """They are silent on it: ask for them again."""
        if names:
            leg.again |= {name: self._brought(leg, name) for name in names}
            leg.asking.silent(names, self._clock.monotonic(), harder=harder)
            self.drive(leg)

    def take(self, epoch: int, data: bytes) -> bool:
        """Whether the frame answers a request, which is then accounted for."""
        answer = self._spec.answer(data)
        if answer is not None and self._listed(answer):
            return True
        asking = self.asking.get(epoch)
        if answer is None or asking is None:
            return False
        asking.answered(answer, self._clock.monotonic())
        leg = next((leg for leg in self._legs if leg.epoch == epoch), None)
        if leg is not None:
            self.drive(leg)
        return True

    async def listed(self, leg: Leg, timeout_s: float) -> frozenset[str] | None:
        """The wire names of what the venue has subscribed on it; None: it does not tell, or not in time."""
        if (listing := self._spec.listing) is None:
            return None
        number = self.doubts.next_number()
        answer: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._lists[number] = answer
        try:
            async with asyncio.timeout(timeout_s):
                while (wait := leg.spoken.request_wait_s(self._clock.monotonic())) > 0:  # the wait is known
                    await self._clock.sleep(wait)
                self._send(leg, listing(number), self._clock.monotonic())
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._lists[number]

    def _listed(self, answer: Answer) -> bool:
        """Whether somebody here asked for this list. One without a number is for all who wait, and for whoever subscribes, too."""
        if answer.names is None:
            return False
        for number, waiting in self._lists.items():
            if answer.number in (None, number) and not waiting.done():
                waiting.set_result(answer.names)
        return answer.number is not None and answer.number in self._lists
