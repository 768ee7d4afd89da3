"""app.digests: once a minute the ledger of recorded deltas is told what the books are that are kept of them in this process.

`hoga verify --books` rebuilds the same books from the archive: what it gives back is what the recorder held. A run keeps some books
itself for that (`BOOK_DIGESTS`); whoever keeps others over its hub (`BookKeeper`) has theirs noted, too.
"""

from __future__ import annotations

import asyncio

from hoga.app.books import BookKeeper, running
from hoga.app.config import Config
from hoga.app.venue_run import VenueRun
from hoga.core.errors import HogaError
from hoga.core.market import DataType
from hoga.hub.manager import GlobalWebSocketManager
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every

__all__ = ["Digests"]

_log = get_log("run")

_EVERY_S = 60.0


class Digests:
    """The books that a run keeps of what `venues` record, over its hub's `manager`. `start`, then `stop` before the connections end."""

    def __init__(self, config: Config, venues: list[VenueRun], manager: GlobalWebSocketManager) -> None:
        self._config = config
        self._venues = venues
        self._manager = manager
        self._keepers: list[BookKeeper] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin. What cannot be kept is logged; recording goes on."""
        for venue in self._venues:
            symbols = list(_streams(venue))[: venue.config.book_digests]
            if not symbols:
                continue
            keeper = BookKeeper(venue.config.venue, symbols, manager=self._manager, config=self._config)
            keeper.alerts = False
            try:
                await keeper.start()
            except HogaError as fault:
                _log.warning("no books are kept", venue=venue.config.venue, why=str(fault))
                await keeper.stop()
                continue
            self._keepers.append(keeper)
        self._task = asyncio.create_task(every(_EVERY_S, self.note, log=_log), name="digests of books")

    async def note(self) -> None:
        """Note every book that is in step now."""
        for venue in self._venues:
            streams = _streams(venue)
            for keeper in list(running):
                if keeper.spec.name != venue.config.venue or keeper.manager is not self._manager:
                    continue
                for symbol, update_id, digest in keeper.digests():
                    if symbol in streams:
                        venue.recorder.note_digest(streams[symbol], update_id=update_id, digest=digest)

    async def stop(self) -> None:
        """A last note, and no more."""
        await self.note()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for keeper in self._keepers:
            await keeper.stop()


def _streams(venue: VenueRun) -> dict[str, str]:
    """Symbol → wire name of the recorded deltas that a keeper takes."""
    channel = venue.spec.channels.get(DataType.DELTA)
    return {stream.symbol: stream.name for stream in venue.streams if stream.channel == channel}
