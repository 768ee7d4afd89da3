"""app.opening: how the process's manager is made, without having loaded what that takes.

Loading all that real connections need takes a second of processor time. It is done in a thread, when somebody asks for the
manager, so that an event loop that runs already goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from hoga.hub.manager import GlobalWebSocketManager

__all__ = ["install"]


def install() -> None:
    """From now on `GlobalWebSocketManager.get_instance` makes the manager of a configuration. Calling it again changes nothing."""
    GlobalWebSocketManager.opener = staticmethod(_open)
    GlobalWebSocketManager.meaning = staticmethod(_meaning)


async def _open(config: object) -> GlobalWebSocketManager:
    """As `app.hub.open_manager`, which is loaded in a thread first."""
    app = await asyncio.to_thread(import_module, "hoga.app.hub")
    manager: GlobalWebSocketManager = await app.open_manager(config)
    return manager


def _meaning(config: object) -> Any:
    """As `app.hub.config_of`."""
    return import_module("hoga.app.hub").config_of(config)
