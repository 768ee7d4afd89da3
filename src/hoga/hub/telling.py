"""hub.telling: every wire learns which streams it must bring: at the pace of `hub.pace`, with what lingers (`hub.lingering`).

The shell around both: it keeps what each wire was told last, and the timers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hoga.core.streams import Stream
from hoga.hub.inlet import HubInlet
from hoga.hub.lingering import Lingering
from hoga.hub.pace import Pace
from hoga.hub.port import Wire, WireKey
from hoga.hub.states import WebSocketType
from hoga.hub.subscriptions import SubscriptionStateManager

__all__ = ["Telling"]


class Telling:
    """Tells `wires` what `subscriptions` want of them; each of `inlets` forgets what its wire must no longer bring.

    `linger_s`, `linger_most`: public streams that nobody wants any more stay so long, and so many. Times are seconds of `now`.
    """

    def __init__(
        self,
        wires: Mapping[WireKey, Wire],
        inlets: Mapping[WireKey, HubInlet],
        subscriptions: SubscriptionStateManager,
        *,
        key_of: Callable[[Stream], WireKey],
        now: Callable[[], float],
        pace: Pace,
        linger_s: float,
        linger_most: int,
    ) -> None:
        self._wires = wires
        self._inlets = inlets
        self._subscriptions = subscriptions
        self._key_of = key_of
        self._now = now
        self._pace = pace
        self._lingering = Lingering(seconds=linger_s, most=linger_most)
        self._told: dict[WireKey, dict[Stream, None]] = {}
        self._used: dict[WireKey, asyncio.Event] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def bound_s(self) -> float:
        """No change waits longer before it is told."""
        return self._pace.bound_s

    def streams(self, key: WireKey) -> list[Stream]:
        """What a wire was told to bring; empty before it was told anything."""
        return list(self._told.get(key, ()))

    async def until_used(self, key: WireKey) -> None:
        """Wait until anything was wanted of a wire."""
        await self._used.setdefault(key, asyncio.Event()).wait()

    def left(self, stream: Stream) -> None:
        """Nobody wants it any more: a public one that is brought lingers."""
        key = self._key_of(stream)
        if key[1] is WebSocketType.PUBLIC and stream in self._told.get(key, ()):
            self._lingering.left(stream, self._now())

    def forget(self, stream: Stream) -> None:
        """It cannot be brought: it does not linger."""
        self._lingering.forget(stream)

    def changed(self) -> None:
        """Other streams are wanted than before: the wires are told when the pace allows."""
        self._pace.changed(self._now())
        if self._timer is None and not self._closed:
            self._arm()

    def close(self) -> None:
        """Nothing more is told."""
        self._closed = True
        for timer in (self._timer, self._linger_timer):
            if timer is not None:
                timer.cancel()

    def _arm(self) -> None:
        due = self._pace.due(self._now())
        self._timer = None if due is None else asyncio.get_running_loop().call_later(max(due, 0.001), self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._pace.due(self._now()):
            self._arm()
            return
        self._pace.told(self._now())
        wanted = {(each.venue, each.kind): dict.fromkeys(each.streams) for each in self._subscriptions.wanted()}
        kept = self._lingering.kept(self._now(), wanted=self._subscriptions.is_wanted)
        for stream in kept:
            wanted.setdefault(self._key_of(stream), {})[stream] = None
        if kept and self._linger_timer is None:
            self._linger_timer = asyncio.get_running_loop().call_later(self._lingering.seconds, self._let_go)
        for key, wire in self._wires.items():
            streams, before = wanted.get(key, {}), self._told.get(key, {})
            if streams.keys() == before.keys():
                continue
            self._told[key] = streams
            wire.want(list(streams))
            self._used.setdefault(key, asyncio.Event()).set()
            for stream in before.keys() - streams.keys():
                self._inlets[key].forget(stream)

    def _let_go(self) -> None:
        """Those that lingered long enough are told to their wires."""
        self._linger_timer = None
        self.changed()
