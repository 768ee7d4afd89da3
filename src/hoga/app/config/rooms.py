"""app.config.rooms: what each room is given, made of the configuration.

Which key fills which field, and in which unit, stands in the table of keys; here the fields that no key fills are added.
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from hoga.app.config.keys import KEYS
from hoga.app.config.model import Config, ProgramConfig, VenueConfig
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.page import page_path
from hoga.dashboard.trader import SEAT
from hoga.feed.config import FeedConfig
from hoga.feed.private_life import REJECTS, PrivateConfig
from hoga.net.backoff import BackoffRules
from hoga.net.budgets import RUN, Share, rest_budgets
from hoga.net.rest import RestClient
from hoga.recorder.config import LatencyRules, RecorderConfig, SealingConfig
from hoga.relay.config import RelayConfig
from hoga.runtime.log_pipe import LogAddress
from hoga.trading.limits import Limits
from hoga.venues.registry import VENUES

__all__ = [
    "dashboard_config",
    "feed_config",
    "limits_of",
    "private_config",
    "recorder_config",
    "relay_config",
    "rest_of",
    "sealing_config",
    "tls_of",
]

_PING_AT_MOST_S = 15.0
_AHEAD_S = 3_600.0
"""So long before a venue cuts a private connection it is replaced at the latest."""

_clients: dict[tuple[str, str, Path | None, float, Share], RestClient] = {}


def filled(room: type, config: ProgramConfig) -> dict[str, Any]:
    """The fields of the config struct `room` that the configuration's keys fill, in the room's own units."""
    return {fill.field: fill.value(getattr(config, key.field)) for key in KEYS for fill in key.fills if fill.room is room}


def recorder_config(config: VenueConfig, directories: dict[str, Path]) -> RecorderConfig:
    """How the venue is recorded. `directories`: of each series."""
    return RecorderConfig(
        home=config.lob_dir,
        directories=directories,
        aside_directory=config.directory("aside"),
        latency=LatencyRules(**filled(LatencyRules, config)),
        **filled(RecorderConfig, config),
    )


def sealing_config(config: VenueConfig, directories: dict[str, Path]) -> SealingConfig:
    """How the venue's journals are sealed. `directories`: of each series."""
    return SealingConfig(venue=config.venue, directories=sorted(set(directories.values())), **filled(SealingConfig, config))


def feed_config(config: VenueConfig, label: str) -> FeedConfig:
    """How the venue's connections are kept; `label` goes before their names."""
    return FeedConfig(ws_url=config.ws_url, label=label, backoff=BackoffRules(**filled(BackoffRules, config)), **filled(FeedConfig, config))


def private_config(config: VenueConfig, ws_url: str) -> PrivateConfig:
    """How the venue's private connection, at `ws_url`, is kept."""
    feed = feed_config(config, "")
    return PrivateConfig(
        ws_url=ws_url,
        ports=feed.ports,
        variable=f"HOGA_{config.venue.upper().replace('-', '_')}__",
        backoff=feed.backoff,
        rejects=msgspec.structs.replace(REJECTS, base_s=max(REJECTS.base_s, feed.backoff.base_s)),
        ping_interval_s=min(feed.ping_interval_s, _PING_AT_MOST_S),
        ping_timeout_s=feed.ping_timeout_s,
        replace_after_s=min(feed.rollover_s, VENUES[config.venue].limits.lifetime_s - _AHEAD_S),
    )


def limits_of(config: Config, symbol: str) -> Limits | None:
    """The limits of an instrument (`binance-usdm:ETHUSDT`), its section's over its venue's; None where there is no such venue."""
    venue, _, name = symbol.partition(":")
    try:
        return Limits(**filled(Limits, config.instrument(venue, name)))
    except KeyError:
        return None


def dashboard_config(program: ProgramConfig, logs: LogAddress | None) -> DashboardConfig:
    """What a dashboard of the run in `program.data_dir` needs to know. `logs`: where its log lines go."""
    return DashboardConfig(
        page=str(page_path(program.data_dir)),
        status_page=str(page_path(program.data_dir, part="dashboard")),
        trader_page=str(page_path(program.data_dir, part=SEAT)),
        token=program.dashboard_token.reveal(),
        logs=logs,
        folder=str(program.data_dir),
        **filled(DashboardConfig, program),
    )


def relay_config(config: Config, logs: LogAddress | None) -> RelayConfig:
    """What the relay of `config` needs to know. `logs`: where its log lines go. Raises ConfigError where it has no address or no name."""
    program = config.program
    missing = {"NATS_URL": "where NATS is: nats://HOST:PORT", "COLLECTOR": "a name of this collector's own"}
    where = str(config.path or "defaults")
    lacks = [ConfigMistake(where, None, key, "nothing", expected) for key, expected in missing.items() if not getattr(program, key.lower())]
    if lacks:
        raise ConfigError(lacks)
    root = program.data_dir.absolute()
    folders = [(f"{name}/{kind}", folder) for name in config.active_venues for kind, folder in _folders_of(config.venue(name))]
    places = [(prefix, str(folder.absolute())) for prefix, folder in folders if not folder.absolute().is_relative_to(root)]
    return RelayConfig(collector=program.collector or "", nats_url=program.nats_url or "", root=str(root), places=places, logs=logs)


def _folders_of(config: VenueConfig) -> list[tuple[str, Path]]:
    return [("orderbook", config.lob_dir), ("execution", config.chart_dir)]


def rest_of(config: VenueConfig, share: Share = RUN) -> RestClient:
    """The one client of the venue's REST that everybody in the process asks with who keeps to that share. Raises ConfigError."""
    key = (config.venue, config.rest_url, config.tls_ca, config.timeout, share)
    if key not in _clients:
        spec = VENUES[config.venue]
        budgets = rest_budgets(spec, config.rest_url, share)
        _clients[key] = RestClient(
            spec.name,
            config.rest_url,
            tls=tls_of(config),
            timeout_s=config.timeout,
            budget=budgets[spec.rest.limits[0].group],
            groups=budgets,
            apart=spec.rest.apart,
            usage=spec.rest.usage,
            dates=spec.rest.time is None,
            is_late=spec.rest.is_late,
        )
    return _clients[key]


def tls_of(config: VenueConfig) -> ssl.SSLContext | None:
    """Trust the system's authorities, and the configured one beside them. Raises ConfigError."""
    secure = (config.ws_url.startswith("wss"), config.rest_url.startswith("https"), (config.history_url or "").startswith("https"))
    if not any(secure):
        return None
    try:
        return _trusting(config.tls_ca)
    except (OSError, ssl.SSLError) as fault:
        mistake = ConfigMistake(f"[{config.venue}]", None, "TLS_CA", str(config.tls_ca), f"a PEM file of certificates: {fault}")
        raise ConfigError([mistake]) from fault


@cache
def _trusting(ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    return context
