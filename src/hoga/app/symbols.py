"""app.symbols: which symbols `ALL` is.

A venue that does not answer at a start is asked again for ever, with growing pauses; where an earlier run has kept a list, the
newest one is used instead, and that is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hoga.app.config import Config, VenueConfig
from hoga.app.instruments import instruments_of, newest_kept, whole
from hoga.app.stream_plan import every_symbol, named, plan_streams
from hoga.core.errors import ConfigError, ConfigMistake, VenueError, WireFault
from hoga.core.instrument import Instrument
from hoga.core.jsontext import NO_JSON
from hoga.core.pauses import Pauses, Schedule
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES

__all__ = ["look_up_symbols"]

_log = get_log("run")


async def look_up_symbols(config: Config) -> Config:
    """The configuration with every `ALL` of the active venues replaced by the symbols it stands for today.

    Waits for a venue that does not answer and of which no list is kept. Raises ConfigError when `ALL:…` stands for nothing.
    """
    found = {}
    for name in config.active_venues:
        venue = config.venue(name)
        if named(venue.symbols) != venue.symbols:
            found[name] = await _symbols_of(venue)
    return config.with_symbols(found) if found else config


async def _symbols_of(venue: VenueConfig) -> tuple[str, ...]:
    spec, pauses = VENUES[venue.venue], Pauses(Schedule.VENUE)
    while True:
        try:
            symbols = _expand(venue, await instruments_of(venue).look())
            break
        except VenueError as fault:
            kept = await asyncio.to_thread(newest_kept, venue.directory("instruments"))
            if kept is not None:
                symbols = _expand(venue, await _read_kept(venue, kept[1]))
                _log.warning("symbols from an earlier list", venue=spec.name, file=kept[0].name, symbols=len(symbols), why=str(fault))
                break
            pause = pauses.next_s()
            _log.warning("the list of symbols is not there yet", venue=spec.name, why=str(fault), retry_in_s=pause)
            await asyncio.sleep(pause)
    streams = plan_streams(spec, symbols, venue.streams, where=f"[{spec.name}]")
    connections = -(-len(streams) // spec.limits.streams_per_connection) * venue.redundancy
    _log.info("all symbols", venue=spec.name, symbols=len(symbols), streams=len(streams), connections=connections)
    return symbols


async def _read_kept(venue: VenueConfig, body: bytes) -> Mapping[str, Instrument]:
    """What a kept list says. Raises WireFault for a list that is none."""
    spec = VENUES[venue.venue]
    try:
        return await whole(spec.instruments(body))
    except NO_JSON as fault:
        raise WireFault(spec.name, f"{venue.rest_url}{spec.rest.instruments}: no list of instruments: {body[:60]!r}") from fault


def _expand(venue: VenueConfig, listed: Mapping[str, Instrument]) -> tuple[str, ...]:
    """What the words of SYMBOLS name. Raises ConfigError when they name nothing."""
    symbols = every_symbol(VENUES[venue.venue], venue.symbols, listed)
    if symbols:
        return symbols
    assets = sorted({each.quote for each in listed.values() if each.quote})
    expected = f"an asset that something is paid in there, one of {', '.join(assets[:20])}"
    raise ConfigError([ConfigMistake(f"[{venue.venue}]", None, "SYMBOLS", ",".join(venue.symbols), expected)])
