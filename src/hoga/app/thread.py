"""app.thread: the hub on an event loop in a thread of its own, for programs whose main thread is somebody else's (a GUI).

    with hoga.HubThread("hoga.conf") as hub:
        client = hoga.SimpleWebSocketClient("gui", manager=hub.manager)
        hub.call(client.register_interests(["KRW-BTC"], [hoga.DataType.TICKER]))
        client.get_ticker("KRW-BTC")                      # in any thread, whenever you paint

Rule: values of a client may be read in any thread; everything that is awaited goes through `call`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from hoga.app.hub import connect, process_manager
from hoga.core.errors import ProtocolMisuse
from hoga.hub import checks
from hoga.hub.asked import Asked
from hoga.hub.client import SimpleWebSocketClient
from hoga.hub.manager import GlobalWebSocketManager
from hoga.runtime.loop import run

__all__ = ["HubThread"]

T = TypeVar("T")


class HubThread:
    """The process's manager in a thread of its own. `start`, then `call` and `manager`; `stop` ends it. May be used with `with`.

    `config`: as for `GlobalWebSocketManager.get_instance`. `reader`: take the data from the `hoga run` of that configuration
    (or of the folder `data`), as `hoga.connect` does, instead of connections of this process's own.
    """

    def __init__(self, config: object = None, *, reader: bool = False, data: str | Path | None = None) -> None:
        self._config = config
        self._reader = reader or data is not None
        self._data = data
        self._ready: concurrent.futures.Future[GlobalWebSocketManager] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self, *, timeout_s: float = 30.0) -> Self:
        """Begin, and wait until there is a manager. Raises what making one raises (ConfigError, NoHub), TimeoutError, ProtocolMisuse."""
        if self._thread is not None:
            raise ProtocolMisuse("the hub's thread was started before", hint="make another HubThread")
        self._thread = threading.Thread(target=self._run, name="hoga-hub", daemon=True)
        self._thread.start()
        try:
            self._ready.result(timeout_s)
        except TimeoutError:
            if self._ready.done():
                raise
            raise TimeoutError(f"the hub's thread has no manager within {timeout_s:g} s") from None
        return self

    @property
    def manager(self) -> GlobalWebSocketManager:
        """What serves. Its coroutines go through `call`. Raises ProtocolMisuse before `start`."""
        if not self._ready.done():
            raise ProtocolMisuse("the hub's thread is not started", hint="start() first")
        return self._ready.result()

    def call(self, work: Coroutine[Any, Any, T], *, timeout_s: float = 30.0) -> T:
        """Have `work` (`client.register_interests(…)`, `manager.register_component(…)`) done on the hub's loop, and wait for it.

        Raises what it raises; TimeoutError, and then it is cancelled; ArgumentError; ProtocolMisuse when the thread is not
        running, and at once on the hub's own loop (in `on_status`, in async callbacks), which would wait for itself.
        """
        checks.work_of(work, "call")
        loop, thread = self._loop, self._thread
        if loop is None or loop.is_closed() or thread is None or thread is threading.current_thread():
            work.close()
            if thread is not None and thread is threading.current_thread():
                hint = "await it, or start a task (asyncio.create_task): on_status and async callbacks run on the hub's loop"
                raise ProtocolMisuse("call(…) on the hub's own loop would wait for itself", hint=hint)
            raise ProtocolMisuse("the hub's thread is not running", hint="start() first")
        asked = Asked(work, loop, thread.ident or 0, "call(…)")
        try:
            return asked.result(timeout_s)
        except TimeoutError:
            asked.cancel()
            raise

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Remove all components, end all connections, and wait for the thread to end. Calling it again does nothing."""
        loop, over, thread = self._loop, self._over, self._thread
        if loop is not None and over is not None and not loop.is_closed():
            loop.call_soon_threadsafe(over.set)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            run(self._serve())
        except BaseException as fault:  # noqa: BLE001  # told to whoever waits in `start`
            if not self._ready.done():
                self._ready.set_exception(fault)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        client: SimpleWebSocketClient | None = None
        if self._reader:
            client = await connect(config=self._config, data=self._data)
            manager = client.manager
        else:
            manager = await process_manager(self._config)
        self._ready.set_result(manager)
        try:
            await self._over.wait()
        finally:
            await manager.stop()
