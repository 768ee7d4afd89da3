"""app.config.rooms: what each room is given, made of the configuration of a venue.

Here, and nowhere else, the user's units become the rooms' own.
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from hoga.app.config.model import VenueConfig
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.feed.config import FeedConfig
from hoga.feed.private import PrivateConfig
from hoga.net.backoff import BackoffRules
from hoga.net.budgets import rest_budgets
from hoga.net.rest import RestClient
from hoga.recorder.lateness import LatencyRules
from hoga.recorder.recorder import RecorderConfig
from hoga.venues.registry import VENUES

__all__ = ["feed_config", "private_config", "recorder_config", "rest_of", "tls_of"]

_PING_AT_MOST_S = 15.0

_clients: dict[tuple[str, str, Path | None, float], RestClient] = {}


def recorder_config(config: VenueConfig, directories: dict[str, Path]) -> RecorderConfig:
    """How the venue is recorded, as configured. `directories`: of each series."""
    return RecorderConfig(
        home=config.lob_dir,
        directories=directories,
        aside_directory=config.directory("aside"),
        interval_min=config.save_interval_min,
        archive_format=config.archive_format,
        fsync_interval_s=config.fsync_interval_ms / 1000,
        disk_reserve_bytes=config.disk_reserve_mb << 20,
        snapshots_queue_max=config.snapshots_queue_max,
        executions_queue_max=config.executions_queue_max,
        records_max=config.records_max,
        latency=LatencyRules(
            deque_size=config.latency_deque_size,
            sample_min=config.latency_sample_min,
            threshold_ms=config.latency_threshold_ms,
            gate=config.latency_gate,
        ),
    )


def feed_config(config: VenueConfig, label: str) -> FeedConfig:
    """How the venue's connections are kept, as configured."""
    return FeedConfig(
        ws_url=config.ws_url,
        ports=config.ports,
        backoff=BackoffRules(
            base_s=config.base_backoff,
            max_s=config.max_backoff,
            reset_cycle_after=config.reset_cycle_after,
            reset_level=config.reset_backoff_level,
        ),
        rollover_s=config.port_cycling_period_hrs * 3600,
        ready_ahead_s=config.back_up_ready_ahead_sec,
        ping_interval_s=config.ws_ping_interval,
        ping_timeout_s=config.ws_ping_timeout,
        redundancy=config.redundancy,
        label=label,
    )


def private_config(config: VenueConfig, ws_url: str) -> PrivateConfig:
    """How the venue's private connection, at `ws_url`, is kept, as configured."""
    return PrivateConfig(
        ws_url=ws_url,
        ports=config.ports,
        variable=f"HOGA_{config.venue.upper().replace('-', '_')}__",
        backoff=feed_config(config, "").backoff,
        rejects=BackoffRules(base_s=max(2.0, config.base_backoff), max_s=300.0, reset_cycle_after=9, reset_level=9),
        ping_interval_s=min(config.ws_ping_interval, _PING_AT_MOST_S),
        ping_timeout_s=config.ws_ping_timeout,
    )


def rest_of(config: VenueConfig) -> RestClient:
    """The one client of the venue's REST that everybody in the process asks with. Raises ConfigError."""
    key = (config.venue, config.rest_url, config.tls_ca, config.timeout)
    if key not in _clients:
        spec = VENUES[config.venue]
        budgets = rest_budgets(spec, config.rest_url)
        _clients[key] = RestClient(
            spec.name,
            config.rest_url,
            tls=tls_of(config),
            timeout_s=config.timeout,
            budget=budgets[spec.rest.limits[0].group],
            groups=budgets,
            usage=spec.rest.usage,
        )
    return _clients[key]


def tls_of(config: VenueConfig) -> ssl.SSLContext | None:
    """Trust the system's authorities, and the configured one beside them. Raises ConfigError."""
    if not config.ws_url.startswith("wss") and not config.rest_url.startswith("https"):
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
