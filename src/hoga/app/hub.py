"""app.hub: the hub on real connections: wires for every venue as configured, and the managers over them.

Streams that are recorded in this process need no connection of their own: the recorder's intake hands them over
(`app.tap`). All other streams share as few connections as the venue allows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hoga.app.config import Config, VenueConfig, find_config, load_config
from hoga.app.config.rooms import feed_config, rest_of, tls_of
from hoga.app.instruments import instruments_of
from hoga.app.opening import install
from hoga.app.private import private_wire
from hoga.dashboard.page import page_path
from hoga.feed.wire import FeedWire
from hoga.hub import checks
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.errors import ArgumentError, NoHub
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import Wire
from hoga.runtime.clock import SYSTEM, Clock
from hoga.venues.registry import VENUES
from hoga.venues.spec import VenueSpec

if TYPE_CHECKING:
    from hoga.app.venue_run import VenueRun

__all__ = [
    "GlobalWebSocketManager",
    "config_of",
    "connect",
    "hub_path",
    "in_order",
    "live_manager",
    "local_manager",
    "open_manager",
    "process_manager",
    "wires_of",
]


def wires_of(config: Config, *, recorders: Mapping[str, VenueRun] | None = None, label: str = "", clock: Clock = SYSTEM) -> list[Wire]:
    """A public and a private wire for every venue hoga knows; those that nobody asks for anything never connect.

    `recorders`: by venue, what records it in this process; streams that it records come over its connections.
    """
    public: list[Wire] = [_wire(config.venue(name), (recorders or {}).get(name), label, clock) for name in VENUES]
    private = [private_wire(config.venue(name), label) for name in VENUES]
    return public + [wire for wire in private if wire is not None]


def _wire(config: VenueConfig, run: VenueRun | None, label: str, clock: Clock) -> FeedWire:
    usual = VENUES[config.venue]
    spec = usual.compact if config.wire_format == "simple" and usual.compact is not None else usual
    tap = None
    if run is not None:
        from hoga.app.tap import RecorderTap  # it loads the recorder and numpy, half a second that only a run needs

        tap = RecorderTap(run.recorder, lambda: run.feed.connections)
    return FeedWire(
        spec,
        feed_config(config, label),
        rest=rest_of(config),
        symbols=instruments_of(config).look,
        tls=tls_of(config),
        tap=tap,
        clock=clock,
    )


def in_order(config: Config) -> dict[str, VenueSpec]:
    """Every venue, the configured ones first: where a symbol could be of two, it is of the first."""
    return {name: VENUES[name] for name in sorted(VENUES, key=lambda name: name not in config.active_venues)}


async def open_manager(config: object) -> GlobalWebSocketManager:
    """The manager of `config`: a Config, the path of a hoga.conf, or None for hoga.conf in the working folder and the environment.

    Raises ConfigError, ProtocolMisuse.
    """
    found = await asyncio.to_thread(_prepared, config)
    return GlobalWebSocketManager(wires_of(found), in_order(found), config=found)


def _prepared(config: object) -> Config:
    """What takes its time, in a thread: files are read, certificates are loaded."""
    found = config_of(config)
    for name in VENUES:
        tls_of(found.venue(name))
    return found


def config_of(config: object, data: str | Path | None = None) -> Config:
    """The configuration that `config` means (see `open_manager`), with `data` as its data folder.

    Where neither is said, and the process has a manager, it is the manager's. Raises ConfigError, ProtocolMisuse, ArgumentError.
    """
    if data is not None and not isinstance(data, str | Path):
        raise ArgumentError("hoga", "data", checks.shown(data), "a folder, or nothing")
    root = Path(data) if data is not None else None
    if config is None and root is None:
        manager = GlobalWebSocketManager.running()
        config = manager.config if manager is not None else None
    if config is None:
        config = load_config(find_config(None, os.environ), overrides=[], environ=os.environ, data_dir=root)
    elif isinstance(config, str | Path):
        config = load_config(Path(config), overrides=[], environ=os.environ, data_dir=root)
    elif root is not None and isinstance(config, Config) and config.program.data_dir != root:
        raise ArgumentError("hoga", "data", checks.shown(data), f"nothing beside a Config, which says {config.program.data_dir}")
    if not isinstance(config, Config):
        raise ArgumentError("hoga", "config", checks.shown(config), "a Config, the path of a hoga.conf, or nothing")
    return config


async def connect(
    client_id: str = "", *, config: object = None, data: str | Path | None = None, nats: str | None = None
) -> SimpleWebSocketClient:
    """A client of the hub that another process on this machine serves (`hoga run`), over its local socket; or, with `nats`, of all
    collectors that send to a NATS (`hoga relay`), wherever they are.

    Args:
        client_id: for the log; any text.
        config: as for `GlobalWebSocketManager.get_instance`; it says where the data folder is.
        data: the data folder itself, as in `hoga run --data`.
        nats: where NATS is, `nats://HOST:PORT` or `tls://HOST:PORT`, several separated by commas. Credentials are in the environment:
            `NATS_USER` and `NATS_PASSWORD`, `NATS_TOKEN` or `NATS_CREDS`; `NATS_CA` for certificates of your own.

    Returns:
        A client like any other, `close` ends it; `client.manager` takes components with callbacks. When the hub (or NATS, or a
        collector) goes away the client finds it again by itself; meanwhile `is_stale` says so.

    Raises:
        NoHub: none is running there. ConfigError, ArgumentError, MissingLibrary.
    """
    name = checks.identity(client_id or f"local {os.getpid()}", "connect", "client_id")
    found = config_of(config, data)
    if nats is None:
        manager = await local_manager(LocalHub(hub_path(found.program.data_dir), VENUES), found)
    else:
        manager = await live_manager(nats, found, name=name)
    return SimpleWebSocketClient(name, manager=manager, on_close=manager.stop)


async def local_manager(hub: LocalHub, config: Config | None = None) -> GlobalWebSocketManager:
    """A started manager over another process's hub. Raises NoHub."""
    await hub.open()
    return _started(hub.wires, config)


async def live_manager(nats: str, config: Config | None = None, *, name: str = "hoga") -> GlobalWebSocketManager:
    """A started manager over the collectors that send to a NATS. Raises NoHub, ArgumentError, MissingLibrary."""
    from hoga.relay.broker import BrokerFault, address_of  # only who asks for it needs it
    from hoga.relay.subjects import url_fault
    from hoga.relay.wire import LiveHub

    why = url_fault(nats) if isinstance(nats, str) else "expected nats://HOST:PORT"
    if why is not None:
        shown = "an address with credentials" if isinstance(nats, str) and "@" in nats else checks.shown(nats)
        raise ArgumentError("hoga", "nats", shown, why.removeprefix("expected "))
    hub = LiveHub(address_of(nats, os.environ), VENUES, name=name)
    try:
        await hub.open()
    except BrokerFault as fault:
        raise NoHub(nats, str(fault), hint=fault.hint) from fault
    return _started(hub.wires, config)


def _started(wires: Sequence[Wire], config: Config | None) -> GlobalWebSocketManager:
    """Others bring what is wanted: nothing has to be gathered for a venue's limits, nothing to linger."""
    pace = Pace(quiet_s=0.005, longest_s=0.02, per_minute=6000)
    manager = GlobalWebSocketManager(wires, VENUES, pace=pace, config=config, linger_s=0.0)
    manager.start()
    return manager


def hub_path(data_dir: Path) -> Path:
    """Where the hub of the run that records into `data_dir` listens."""
    return page_path(data_dir, part="hub")


async def process_manager(config: object = None) -> GlobalWebSocketManager:
    """The process's own. As `GlobalWebSocketManager.get_instance`, wherever that class was imported from."""
    install()
    return await GlobalWebSocketManager.get_instance(config)
