"""app.instruments: what each venue lists: asked for in one place, kept in memory for an hour and beside the archive a day each.

Who wants to know looks here (`instruments_of`), and however many look, the venue is asked once an hour. Whoever wants to hear
of a difference between two lists is told of each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.archive.form.lists import LIST_PREFIX, LIST_SUFFIX, list_name, pack_list, read_list
from hoga.core.errors import ArchiveError
from hoga.core.instrument import Instrument, InstrumentChange, changes
from hoga.net.rest import RestClient
from hoga.runtime.durable import write_file
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES

__all__ = ["Instruments", "instruments_of", "keep", "kept_path", "newest_kept", "whole"]

_log = get_log("run")

_FRESH_S = 3_600.0
_AT_ONCE = 50
"""So many are read before the sockets are let in."""

_made: dict[RestClient, Instruments] = {}


def instruments_of(config: VenueConfig) -> Instruments:
    """The one list of a venue's instruments in this process. Raises ConfigError."""
    rest = rest_of(config)
    return _made.setdefault(rest, Instruments(rest))


class Instruments:
    """What one venue lists.

    `known`: by symbol, as far as it was ever asked. `on_change`: each is told of every difference between two lists, on the event
    loop; `on_list`: each is given every list as the venue sent it. Neither may raise. `rest`: the client that is asked.
    """

    def __init__(self, rest: RestClient) -> None:
        self.venue = rest.venue
        self.known: Mapping[str, Instrument] = {}
        self.on_change: list[Callable[[InstrumentChange], object]] = []
        self.on_list: list[Callable[[bytes], Awaitable[None]]] = []
        self.rest = rest
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def look(self, *, fresh_s: float = _FRESH_S) -> Mapping[str, Instrument]:
        """What is listed, by symbol, no older than `fresh_s`. Raises VenueError, also for an answer that is no list."""
        if self._asked_at is None or self.rest.clock.monotonic() - self._asked_at >= fresh_s:
            asking = self._asking
            if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
                asking = self._asking = asyncio.create_task(self._ask(), name=f"{self.venue} instruments")
                asking.add_done_callback(_heard)
            await asyncio.shield(asking)
        return self.known

    async def _ask(self) -> None:
        spec = VENUES[self.venue]
        weight = spec.rest.instruments_weight
        body, listed = await self.rest.read(spec.rest.instruments, lambda body: (body, spec.instruments(body)), weight=weight)
        known = await whole(listed)
        before, self.known, self._asked_at = self.known, known, self.rest.clock.monotonic()
        for change in changes(before, known) if before else ():
            for hear in list(self.on_change):
                hear(change)
        for take in list(self.on_list):
            await take(body)

    def __repr__(self) -> str:
        return f"<Instruments {self.venue} {len(self.known)}>"


def _heard(asking: asyncio.Task[None]) -> None:
    """Those who wait are told how it ended; where nobody waits any more, nobody is."""
    if not asking.cancelled():
        asking.exception()


async def whole(listed: Iterator[Instrument]) -> dict[str, Instrument]:
    """All of a list, by symbol; the sockets are let in between."""
    known: dict[str, Instrument] = {}
    for number, each in enumerate(listed, 1):
        known[each.symbol] = each
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return known


def kept_path(config: VenueConfig, day: str, minute: str | None = None) -> Path:
    """Where the list of a day is kept. `minute`: `HH-MM`, of one that is kept because of a change."""
    return config.directory("instruments") / list_name(day, minute)


def keep(path: Path, body: bytes) -> None:
    """Keep the venue's own list of instruments, as it was that day. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, [pack_list(body)])


def newest_kept(folder: Path) -> tuple[Path, bytes] | None:
    """The newest list that an earlier run kept in `folder`, and where it is; None without one that can be read."""
    for path in sorted(folder.glob(f"{LIST_PREFIX}*{LIST_SUFFIX}"), reverse=True):
        try:
            return path, read_list(path)
        except (OSError, ArchiveError) as fault:
            _log.warning("a kept list of symbols cannot be read", file=str(path), why=str(fault))
    return None
