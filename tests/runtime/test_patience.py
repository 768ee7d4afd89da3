"""Waiting with a limit: whoever is cancelled ends, whatever comes in the same turn of the loop, and whoever swallows it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import hoga
from hoga.relay.broker import Broker, address_of
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.runtime.tasks import every

SOURCE = Path(hoga.__file__).parent


async def test_a_cancelled_task_ends_though_what_it_waited_for_came_in_the_same_turn() -> None:
    came: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait_for_ever() -> None:
        while True:
            await within(asyncio.shield(came), 60.0)
            await asyncio.sleep(0)

    task = asyncio.create_task(wait_for_ever())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    came.set_result(1)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5.0)
    assert done
    assert task.cancelled()


async def test_what_does_not_come_is_waited_for_so_long() -> None:
    with pytest.raises(TimeoutError):
        await within(asyncio.Event().wait(), 0.01)
    assert await within(asyncio.sleep(0, 7), None) == 7


async def swallow() -> None:
    """A library that waits with what forgets."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


async def test_a_library_that_swallows_it_keeps_nothing_going() -> None:
    broker = Broker(address_of("nats://127.0.0.1:9", {}), "test")

    async def ask() -> None:
        while True:
            async with broker._asked("question"):
                await swallow()

    for work in (ask(), every(0.0, swallow, log=get_log("test"))):
        task = asyncio.create_task(work)
        await asyncio.sleep(0.01)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5.0)
        assert done, work


def test_nobody_waits_with_what_forgets() -> None:
    """`asyncio.wait_for` of Python 3.11."""
    assert [path for path in SOURCE.rglob("*.py") if re.search(r"\basyncio\.wait_for\(", path.read_text(encoding="utf-8"))] == []
