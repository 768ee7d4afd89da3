"""app.hub_service: the hub of a run: over the recorder's own connections, for components in this process and readers in others.

Whatever fails here is logged; recording goes on.
"""

from __future__ import annotations

import asyncio

from hoga.app.alerts import AlertWatch
from hoga.app.config import Config
from hoga.app.hub import hub_path, in_order, wires_of
from hoga.app.notify import Notifier, channel_of
from hoga.app.venue_run import VenueRun
from hoga.hub.local_server import HubServer
from hoga.hub.manager import GlobalWebSocketManager
from hoga.runtime.logs import get_log

__all__ = ["HubService"]

_log = get_log("hub")


class HubService:
    """One manager over the connections of `runs`, its alerts, and the local socket that readers connect to.

    From `start` on it is the manager that `GlobalWebSocketManager.get_instance` answers with.
    """

    def __init__(self, config: Config, runs: list[VenueRun], *, label: str = "") -> None:
        recorders = {run.config.venue: run for run in runs}
        self.manager = GlobalWebSocketManager(wires_of(config, recorders=recorders, label=label), in_order(config), config=config)
        self.alerts = AlertWatch(self.manager)
        channel = channel_of(config.program.notify_urls)
        self.notifier = Notifier(channel, label=label) if channel is not None else None
        if self.notifier is not None:
            self.manager.on_alert.append(self.notifier.tell)
        self.server = HubServer(self.manager, hub_path(config.program.data_dir))

    async def start(self) -> None:
        """Begin to serve. A local socket that cannot be made is logged, and there are no readers."""
        if self.notifier is not None:
            self.notifier.start()
        self.manager.start()
        GlobalWebSocketManager.adopt(self.manager)
        try:
            await self.server.start()
        except OSError as fault:
            _log.error("no local socket for readers", path=str(self.server.path), why=str(fault), hint="recording goes on without it")

    async def stop(self) -> None:
        """End readers first, then components and connections."""
        await self.server.stop()
        await self.manager.stop()
        if self.notifier is not None:
            await asyncio.to_thread(self.notifier.stop)
