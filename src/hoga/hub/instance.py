"""hub.instance: the one manager of a process: made by whoever asks first, and the same for all who ask later."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self

from hoga.core.errors import ProtocolMisuse
from hoga.hub.states import GlobalManagerState
from hoga.runtime.patience import end_if_cancelled

__all__ = ["OVER", "OnePerProcess"]

OVER = (GlobalManagerState.STOPPING, GlobalManagerState.STOPPED)
"""A manager in these states serves nobody any more."""


class OnePerProcess(ABC):
    """What a manager's class knows of the process's own. `config`: what its wires were made of, None when nobody said."""

    opener: ClassVar[Callable[[Any], Awaitable[Any]] | None] = None
    """Makes the instance from a configuration; the package puts it here, and `meaning` of what `get_instance` is given."""
    meaning: ClassVar[Callable[[Any], object] | None] = None
    _instance: ClassVar[asyncio.Future[Any] | None] = None
    config: object

    @property
    @abstractmethod
    def state(self) -> GlobalManagerState:
        """What it is doing."""

    @abstractmethod
    def start(self) -> None:
        """Begin, once."""

    @classmethod
    async def get_instance(cls, config: Any = None) -> Self:
        """The process's manager, made and started by the first call; calls at the same time wait for it.

        `config`: a path, or a `hoga.app.config.Config`; None takes hoga.conf in the working folder and the environment. Later calls
        may say nothing, or the same again. After `stop` a new one is made.

        Raises ProtocolMisuse: it is configured otherwise, or belongs to another event loop that still is.
        """
        loop = asyncio.get_running_loop()
        while (waiting := cls._instance) is not None and waiting.get_loop() is loop and not _is_over(waiting):
            try:
                manager: Self = await asyncio.shield(waiting)
            except asyncio.CancelledError:
                end_if_cancelled()
                continue  # whoever was making it was cancelled: somebody else makes it
            if config is not None and not cls._means(config, manager):
                raise ProtocolMisuse("the manager of this process is configured already, and otherwise", hint="stop it first")
            return manager
        if waiting is not None and not _is_over(waiting) and not waiting.get_loop().is_closed():
            hint = "ask it from there: (the manager).submit(…), or stop it first"
            raise ProtocolMisuse("the manager of this process belongs to another event loop", hint=hint)
        if cls.opener is None:
            raise ProtocolMisuse("no connections to be had", hint="import it from hoga, not from hoga.hub.manager")
        made: asyncio.Future[Self] = loop.create_future()
        cls._instance = made
        try:
            manager = await cls.opener(config)
            manager.start()
        except BaseException as fault:
            cls._instance = None
            if isinstance(fault, Exception):
                made.set_exception(fault)
                made.exception()
            else:
                made.cancel()
            raise
        made.set_result(manager)
        return manager

    @classmethod
    def running(cls) -> Self | None:
        """The process's own, None while there is none."""
        made = cls._instance
        if made is None or not made.done() or _is_over(made) or made.get_loop().is_closed():
            return None
        manager: Self = made.result()
        return manager

    @classmethod
    def _means(cls, config: object, manager: Self) -> bool:
        return config == manager.config or (cls.meaning is not None and cls.meaning(config) == manager.config)

    @classmethod
    def adopt(cls, manager: Self) -> None:
        """`manager`, which is started already, is the process's own from now on."""
        made: asyncio.Future[Self] = asyncio.get_running_loop().create_future()
        made.set_result(manager)
        cls._instance = made


def _is_over(waiting: asyncio.Future[Any]) -> bool:
    if not waiting.done():
        return False
    if waiting.cancelled() or waiting.exception() is not None:
        return True
    return waiting.result().state in OVER
