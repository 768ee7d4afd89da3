"""simulator.replay.player: sends what is on a timeline when it is due, to whoever is subscribed.

A `Performance` starts when the first client has subscribed to a stream of any of its players and the start delay has passed;
afterwards the connections stay open and idle. A client that reads too slowly holds the replay up; nothing is dropped. What is
to come is read in a thread, some hundred frames ahead, so that no disk and no decompressing keeps a frame from its time.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import Any

from hoga.captures.frames import Frame, Reply
from hoga.simulator.clock import SimClock
from hoga.simulator.faults import Printed
from hoga.simulator.replay.timeline import Cut, Due, Timeline
from hoga.simulator.switchboard import Switchboard

__all__ = ["Performance", "Player"]

_BATCH = 128
_AHEAD = 256
_BETWEEN_ROUNDS_S = 0.1
_DEPTH_LEVELS = 5_000
_BACK_AGAIN_S = 10.0
"""Where a replay does not keep time, a cut has no length: so long it waits for somebody to ask for the streams again."""

_LAST_S = 0.005

_Step = tuple[int, int, Due | Cut]


class Player:
    """One venue's part of a replay. `printing` gives a frame's bytes for every form; `drained` waits until no client is far
    behind; `hang_up` closes the connections that have one of the streams named."""

    def __init__(
        self,
        source: Timeline,
        *,
        board: Switchboard,
        printing: Callable[[Frame], Callable[[Any], Printed]],
        drained: Callable[[], Awaitable[None]],
        hang_up: Callable[[frozenset[str]], None],
    ) -> None:
        self.source = source
        self.drained = drained
        self.wanted = asyncio.Event()
        """Somebody asked for one of the streams since this was cleared."""
        self.sent = 0
        self.unheard = 0
        self.cuts = 0
        self.newest: dict[str, Frame] = {}
        self.on_frame: Callable[[Frame], object] = lambda frame: None
        """Hears of each frame before anybody does."""
        self._board = board
        self._printing = printing
        self._hang_up = hang_up
        self._streams = frozenset(source.streams)
        self._cut: Counter[str] = Counter()
        self._position_ns: int | None = None
        self.performance: Performance | None = None

    def wake(self, names: list[str]) -> None:
        """Somebody subscribed to these streams."""
        if any(name in self._streams for name in names):
            self.wanted.set()
            if self.performance is not None:
                self.performance.wanted.set()

    def depth(self, symbol: str, limit: int) -> bytes | None:
        """The book of a symbol as of now in the replay, as it was recorded."""
        found = self.source.depth(symbol, self._position_ns, self.newest)
        return None if found is None else _cut_to(found, limit)

    def instruments(self) -> bytes | None:
        """The venue's list of instruments as of now in the replay."""
        found = self.source.instruments(self._position_ns)
        return None if found is None else found.body

    def send(self, frame: Frame) -> None:
        """A frame is due."""
        if frame.time_ns is not None:
            self._position_ns = frame.time_ns
        self.newest[frame.stream] = frame
        self.on_frame(frame)
        if self._board.publish(frame.stream, self._printing(frame)):
            self.sent += 1
        else:
            self.unheard += 1

    def cut(self, streams: frozenset[str]) -> None:
        """A gap begins: who has one of these streams is hung up on, and who asks for one is refused until `restore`."""
        self.cuts += 1
        self._cut.update(streams)
        self._board.cut = frozenset(self._cut)
        self._hang_up(streams)
        self.wanted.clear()

    def restore(self, streams: frozenset[str] | None = None) -> None:
        """It ends (None: all of them do). Where several lie over one another, the last of them ends it."""
        self._cut = Counter() if streams is None else self._cut - Counter(streams)
        self._board.cut = frozenset(self._cut)

    def status(self) -> dict[str, Any]:
        """Ready for JSON. `unheard` frames were due while nobody was subscribed to their stream."""
        performance = self.performance
        return {
            "done": performance is not None and performance.done,
            "started": performance is not None and performance.wanted.is_set(),
            "frames": self.source.frames,
            "sent": self.sent,
            "unheard": self.unheard,
            "cuts": self.cuts,
            "rounds": 0 if performance is None else performance.rounds,
            "streams": len(self._streams),
            "files": self.source.sources,
            "skipped": self.source.skipped,
        }


class Performance:
    """Several players on one stage: what they have to send comes in one order, by its time. `run` it once.

    `flat_out`: as fast as clients take it. A cut then closes connections and lasts until somebody asks again.
    """

    def __init__(self, players: list[Player], *, clock: SimClock, flat_out: bool, start_delay_s: float, loop: bool) -> None:
        self.players = players
        self.done = False
        self.rounds = 0
        self.wanted = asyncio.Event()
        self._clock = clock
        self._flat_out = flat_out
        self._start_delay_s = start_delay_s
        self._loop = loop
        self._ends: list[tuple[int, int, Player, frozenset[str]]] = []
        self._turns = count()
        self._sleeper = ThreadPoolExecutor(1, "replay-pace")
        for player in players:
            player.performance = self

    async def run(self) -> None:
        """Wait for the first listener, then play to the end (for ever when looping). Raises what reading a timeline raises."""
        await self.wanted.wait()
        await asyncio.sleep(self._clock.wall_s(int(self._start_delay_s * 1e9)))
        try:
            while True:
                await self._play()
                self.rounds += 1
                if not self._loop:
                    break
                await asyncio.sleep(_BETWEEN_ROUNDS_S)
                self._end_cuts()
        finally:
            self._sleeper.shutdown(wait=False)
            self._end_cuts()
        self.done = True

    async def _play(self) -> None:
        clock, start_ns, in_batch = self._clock, 0, 0
        async for steps in _read_ahead(self._steps()):
            start_ns = start_ns or clock.now_ns()  # time begins when the first frame is at hand
            for offset_ns, number, item in steps:
                if not self._flat_out and await self._come_to(start_ns + offset_ns):
                    in_batch = 0
                player = self.players[number]
                if isinstance(item, Cut):
                    await self._cut(player, item, ends_ns=start_ns + offset_ns + item.for_ns)
                    continue
                player.send(item.frame)
                in_batch += 1
                if in_batch >= _BATCH:
                    in_batch = 0
                    await self._drained()
        await self._drained()

    async def _come_to(self, ns: int) -> bool:
        """Let cuts end that end before then, each in its place between frames, however late those are. False: nothing was waited for."""
        waited = False
        while self._ends and self._ends[0][0] <= ns:
            ends_ns, _, player, streams = heapq.heappop(self._ends)
            if ends_ns > self._clock.now_ns():
                await self._sleep_until(ends_ns)
                waited = True
            player.restore(streams)
        if ns > self._clock.now_ns():
            await self._sleep_until(ns)
            waited = True
        return waited

    async def _sleep_until(self, ns: int) -> None:
        """To a tenth of a millisecond: the event loop's timers know whole ones, so a thread sleeps the last of them."""
        clock = self._clock
        if clock.wall_s(ns - clock.now_ns()) > 2 * _LAST_S:
            await clock.sleep_until(ns - int(_LAST_S * 1e9 * clock.speed))
        await asyncio.get_running_loop().run_in_executor(self._sleeper, time.sleep, clock.wall_s(ns - clock.now_ns()))

    def _steps(self) -> Iterator[_Step]:
        lines = [_numbered(number, player.source.timeline()) for number, player in enumerate(self.players)]
        return lines[0] if len(lines) == 1 else heapq.merge(*lines, key=lambda step: step[:2])

    async def _cut(self, player: Player, item: Cut, *, ends_ns: int) -> None:
        await self._drained()
        player.cut(item.streams)
        if self._flat_out:
            player.restore(item.streams)
            try:
                async with asyncio.timeout(_BACK_AGAIN_S):
                    await player.wanted.wait()
            except TimeoutError:
                return
            return
        heapq.heappush(self._ends, (ends_ns, next(self._turns), player, item.streams))

    def _end_cuts(self) -> None:
        """No gap reaches over the end of a round."""
        self._ends.clear()
        for player in self.players:
            player.restore()

    async def _drained(self) -> None:
        for player in self.players:
            await player.drained()


def _numbered(number: int, items: Iterator[Due | Cut]) -> Iterator[_Step]:
    for item in items:
        yield item.offset_ns, number, item


async def _read_ahead(steps: Iterator[_Step]) -> AsyncIterator[list[_Step]]:
    """The steps in lists of some hundred, the next one being read while one is played."""

    def some() -> tuple[list[_Step], Exception | None]:
        found: list[_Step] = []
        try:
            found.extend(islice(steps, _AHEAD))
        except Exception as fault:  # noqa: BLE001  # raised below, after what came before it
            return found, fault
        return found, None

    following = asyncio.ensure_future(asyncio.to_thread(some))
    try:
        while True:
            found, fault = await following
            more = fault is None and len(found) == _AHEAD
            if more:
                following = asyncio.ensure_future(asyncio.to_thread(some))
            if found:
                yield found
            if fault is not None:
                raise fault
            if not more:
                return
    finally:
        following.cancel()


def _cut_to(snapshot: Reply, limit: int) -> bytes:
    if limit >= _DEPTH_LEVELS:
        return snapshot.body
    try:
        book = json.loads(snapshot.body)
    except ValueError:
        return snapshot.body
    if len(book.get("bids", ())) <= limit and len(book.get("asks", ())) <= limit:
        return snapshot.body
    cut = book | {"bids": book["bids"][:limit], "asks": book["asks"][:limit]}
    return json.dumps(cut, separators=(",", ":")).encode()
