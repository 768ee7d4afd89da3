"""The event loop."""

from __future__ import annotations

import asyncio
import sys

import pytest

from hoga.runtime.loop import loop_name, run


async def _module_of_the_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_where_there_is_one() -> None:
    assert loop_name() == "uvloop"
    assert run(_module_of_the_loop()) == "uvloop"


def test_asyncio_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_name() == "asyncio"
    assert run(_module_of_the_loop()).startswith("asyncio")
