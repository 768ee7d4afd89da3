"""app.instruments: the venues' lists of instruments: fetched, kept a day each beside the archive, and asked which symbols `ALL` is.

A venue that does not answer at a start is asked again for ever, with growing pauses; where an earlier run has kept a list, the
newest one is used instead, and that is told.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import zstandard

from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.stream_plan import every_symbol, named, plan_streams
from hoga.archive.form.lists import LIST_PREFIX, LIST_SUFFIX, check_list, pack_list
from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake, VenueError, WireFault
from hoga.core.jsontext import NO_JSON
from hoga.net.rest import RestClient
from hoga.runtime.durable import write_file
from hoga.runtime.logs import get_log
from hoga.venues.registry import VENUES

__all__ = ["fetch", "keep", "kept_path", "look_up_symbols"]

_log = get_log("run")

_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)


def kept_path(config: VenueConfig, day: str) -> Path:
    """Where the list of a day is kept."""
    return config.directory("instruments") / f"{LIST_PREFIX}{day}{LIST_SUFFIX}"


def keep(path: Path, body: bytes) -> None:
    """Keep the venue's own list of instruments, as it was that day. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, [pack_list(body)])


async def fetch(rest: RestClient) -> bytes:
    """The venue's list, as it sends it. Raises VenueError, also for an answer that is no list."""
    spec = VENUES[rest.venue]
    return await rest.read(spec.rest.instruments, lambda body: (spec.symbols(body), body)[1], weight=spec.rest.instruments_weight)


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
    spec, failures = VENUES[venue.venue], 0
    while True:
        try:
            async with rest_of(venue) as rest:
                symbols = _expand(venue, await fetch(rest))
            break
        except VenueError as fault:
            kept = await asyncio.to_thread(_newest_kept, venue.directory("instruments"))
            if kept is not None:
                symbols = _expand(venue, kept[1])
                _log.warning("symbols from an earlier list", venue=spec.name, file=kept[0].name, symbols=len(symbols), why=str(fault))
                break
            pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
            _log.warning("the list of symbols is not there yet", venue=spec.name, why=str(fault), retry_in_s=pause)
            failures += 1
            await asyncio.sleep(pause)
    streams = plan_streams(spec, symbols, venue.streams, where=f"[{spec.name}]")
    connections = -(-len(streams) // spec.limits.streams_per_connection) * venue.redundancy
    _log.info("all symbols", venue=spec.name, symbols=len(symbols), streams=len(streams), connections=connections)
    return symbols


def _expand(venue: VenueConfig, body: bytes) -> tuple[str, ...]:
    """What the words of SYMBOLS name. Raises WireFault for a list that is none, ConfigError when they name nothing."""
    spec = VENUES[venue.venue]
    try:
        symbols = every_symbol(spec, venue.symbols, body)
        assets = sorted({asset for asset in spec.quotes(body).values() if asset})
    except NO_JSON as fault:
        raise WireFault(spec.name, f"{venue.rest_url}{spec.rest.instruments}: no list of instruments: {body[:60]!r}") from fault
    if symbols:
        return symbols
    expected = f"an asset that something is paid in there, one of {', '.join(assets[:20])}"
    raise ConfigError([ConfigMistake(f"[{spec.name}]", None, "SYMBOLS", ",".join(venue.symbols), expected)])


def _newest_kept(folder: Path) -> tuple[Path, bytes] | None:
    for path in sorted(folder.glob(f"{LIST_PREFIX}*{LIST_SUFFIX}"), reverse=True):
        try:
            check_list(path)
            return path, zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=1 << 28)
        except (OSError, ArchiveError, zstandard.ZstdError) as fault:
            _log.warning("a kept list of symbols cannot be read", file=str(path), why=str(fault))
    return None
