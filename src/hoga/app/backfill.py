"""app.backfill: what the configuration means for a backfill: which venues have an archive of files, where it is, and where files go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches

from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import tls_of
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.history.backfill import Job
from hoga.history.plan import Series
from hoga.venues.endpoints import VENUE_DEFAULTS
from hoga.venues.history import FileKind, HistorySpec
from hoga.venues.registry import VENUES

__all__ = ["job_of", "jobs"]


def jobs(
    config: Config,
    *,
    start: date,
    end: date,
    today: date,
    symbols: Iterable[str] = (),
    kind: str | None = None,
    interval: str | None = None,
    recheck: bool = False,
    dry_run: bool = False,
) -> list[Job]:
    """What is to be fetched, venue by venue. `symbols`: those of the configuration when there are none. Raises ConfigError."""
    venues = [name for name in config.active_venues if VENUES[name].history is not None]
    if not venues:
        having = ", ".join(f"[{name}]" for name, spec in VENUES.items() if spec.history is not None)
        found = ", ".join(config.active_venues)
        raise _mistake("configuration", "venues", found, f"a venue with an archive of files: {having}")
    return [
        job_of(
            config.venue(name),
            start=start,
            end=end,
            today=today,
            symbols=tuple(symbols),
            kind=kind,
            interval=interval,
            recheck=recheck,
            dry_run=dry_run,
        )
        for name in venues
    ]


def job_of(
    config: VenueConfig,
    *,
    start: date,
    end: date,
    today: date,
    symbols: tuple[str, ...],
    kind: str | None = None,
    interval: str | None = None,
    recheck: bool = False,
    dry_run: bool = False,
) -> Job:
    """What is to be fetched of one venue, which has an archive. Raises ConfigError."""
    spec = VENUES[config.venue].history
    assert spec is not None, "`jobs` takes venues with an archive only"
    chosen = _kind(spec, kind)
    named = _interval(spec, chosen, interval)
    url = config.history_url or VENUE_DEFAULTS[config.venue].history_url or ""
    usual = url == VENUE_DEFAULTS[config.venue].history_url
    return Job(
        venue=config.venue,
        spec=spec,
        kind=chosen,
        series=tuple(Series(symbol, chosen.name, named) for symbol in _symbols(config, symbols)),
        folder=config.directory(chosen.kind),
        start=start,
        end=end,
        today=today,
        history_url=url,
        listing_url=spec.listing_url if usual else f"{url.rstrip('/')}/",
        tls=tls_of(config),
        silence_s=config.timeout,
        at_once=config.max_workers,
        reserve_bytes=config.disk_reserve_mb << 20,
        recheck=recheck,
        dry_run=dry_run,
    )


def _symbols(config: VenueConfig, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """The symbols as the venue spells them. Raises ConfigError for one that cannot be its own."""
    upper = VENUE_DEFAULTS[config.venue].upper_case
    names = tuple(dict.fromkeys(name.upper() if upper else name for name in symbols or config.symbols))
    for name in names:
        if name.partition(":")[0] == "ALL":
            raise _mistake("SYMBOLS" if not symbols else "--symbols", "SYMBOLS", name, "symbols by name: --symbols BTCUSDT,ETHUSDT")
        if not VENUES[config.venue].is_symbol(name) or "/" in name:
            raise _mistake("command line", "--symbols", name, f"a symbol of {config.venue}, like BTCUSDT")
    return names


def _kind(spec: HistorySpec, name: str | None) -> FileKind:
    if name is None:
        return next(iter(spec.kinds.values()))
    known = {each.lower(): each for each in spec.kinds}
    if name.lower() not in known:
        raise _mistake("command line", "--kind", name, " or ".join(spec.kinds), _nearest(name, spec.kinds))
    return spec.kinds[known[name.lower()]]


def _interval(spec: HistorySpec, kind: FileKind, interval: str | None) -> str:
    if not kind.by_interval:
        if interval is not None:
            raise _mistake("command line", "--interval", interval, f"no interval: {kind.name} have none")
        return ""
    if interval is None:
        return spec.interval
    if interval not in spec.intervals:
        raise _mistake("command line", "--interval", interval, ", ".join(spec.intervals), _nearest(interval, spec.intervals))
    return interval


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, list(known))), None)


def _mistake(where: str, key: str, found: str, expected: str, nearest: str | None = None) -> ConfigError:
    return ConfigError([ConfigMistake(where, None, key, found, expected, nearest)])
