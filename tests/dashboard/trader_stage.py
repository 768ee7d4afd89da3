"""A trader's socket without a trader: what is asked of it is noted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from hoga.app.trader.door import TraderDoor
from hoga.audit.folder import SOCKET_FILE


@contextlib.contextmanager
def door_at(journal: Path, notes: list[str], flattened: list[tuple[str, str]]) -> Iterator[TraderDoor]:
    """A socket in a thread of its own. `notes`: what would stand in the journal; `flattened`: who left all positions, and why."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    door = TraderDoor(
        journal / SOCKET_FILE,
        state=lambda: b'{"rung":"ACTIVE"}',
        note=lambda fields: notes.append(str(fields["what"])),
        flatten=lambda who, text: flattened.append((who, text)),
    )

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(door.start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(door.stop())
        loop.close()

    thread = threading.Thread(target=run, name="door")
    thread.start()
    ready.wait()
    try:
        yield door
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
