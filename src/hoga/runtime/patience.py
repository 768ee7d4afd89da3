"""runtime.patience: waiting for so long and no longer, and an end that nothing swallows.

Python 3.11's `asyncio.wait_for` forgets that it was cancelled when what it waited for came in the same turn of the loop; a task that goes
round for ever then cannot be ended any more. Some libraries wait with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["end_if_cancelled", "within"]

T = TypeVar("T")


async def within(awaitable: Awaitable[T], seconds: float | None) -> T:
    """What `awaitable` gives, waited for so many seconds (None: for ever). Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await awaitable


def end_if_cancelled() -> None:
    """Raise CancelledError when this task was cancelled and something it awaited has swallowed that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
