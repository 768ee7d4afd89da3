"""What the run waits for when it asks where its dashboard serves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.config.rooms import dashboard_config
from hoga.app.dashboard_process import DashboardProcess
from hoga.dashboard.page import PageWriter
from hoga.dashboard.snapshot import DashboardStatus, encode_status


class _Alive:
    """A dashboard's process, as far as `DashboardProcess` looks at it."""

    pid = os.getpid()
    returncode = None

    def poll(self) -> None:
        return None


class Child:
    """The dashboard, by hand: `says` puts a status on its page."""

    def __init__(self, data: Path) -> None:
        program = load_config(None, overrides=["SYMBOLS=BTCUSDT"], environ={}, data_dir=data).program
        self.dashboard = DashboardProcess(program, None)
        known: Any = _Alive()
        self.dashboard._process = known
        self.page = PageWriter(Path(dashboard_config(program, None).status_page), slot_bytes=4096)

    def says(self, url: str, trouble: str | None) -> None:
        self.page.publish(encode_status(DashboardStatus(pid=_Alive.pid, url=url, trouble=trouble, viewers=0, books=[])))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    made = Child(tmp_path)
    yield made
    made.page.close()
    made.page.path.unlink(missing_ok=True)


async def test_a_dashboard_that_is_still_starting_is_waited_for(child: Child) -> None:
    child.says("", "starting")
    asked = asyncio.create_task(child.dashboard.url())
    done, _ = await asyncio.wait([asked], timeout=0.2)
    assert not done
    child.says("http://127.0.0.1:1", None)
    assert await asked == "http://127.0.0.1:1"


async def test_one_whose_port_is_taken_has_no_address(child: Child) -> None:
    child.says("http://127.0.0.1:1", "port 1 on 127.0.0.1: Address already in use")
    assert await child.dashboard.url() is None


async def test_one_that_is_slow_to_start_is_not_killed_for_it(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended and begun again every few seconds, it would never come up on a busy machine."""
    ended: list[object] = []
    monkeypatch.setattr("hoga.app.dashboard_process.end", ended.append)
    monkeypatch.setattr("hoga.app.dashboard_process.spawn", lambda module, told: _Alive())
    timeout = child.dashboard._program.dashboard_restart_timeout
    child.dashboard._spawned_at = monotonic() - timeout - 1.0
    await child.dashboard._check()
    assert ended == []
    child.dashboard._spawned_at = monotonic() - 60.0
    await child.dashboard._check()
    assert len(ended) == 1
