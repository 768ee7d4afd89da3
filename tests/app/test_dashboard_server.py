"""The dashboard in a program of the user's own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import hoga
from hoga.core.errors import ProtocolMisuse
from hoga.dashboard.page import page_path
from hoga.dashboard.serve import PortTaken
from tests.dashboard.stage import Stage


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A run that is played, into `tmp_path`."""
    monkeypatch.setenv("HOGA_SYMBOLS", "BTCUSDT")
    stage = Stage(tmp_path)
    stage.page = page_path(tmp_path)
    stage.play()
    yield stage
    stage.close()


async def health(url: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(url.replace("/dashboard", "/healthz")) as answer:
        return answer.status, await answer.json()


async def test_it_serves_the_page_of_a_run_on_the_programs_own_loop(recorded: Stage) -> None:
    async with hoga.DashboardServer(recorded.folder) as server:
        async with asyncio.timeout(60):
            while (await health(server.url))[1]["state"] != "recording":
                await asyncio.sleep(0.05)
            url = server.url.replace("/dashboard", "/ws/dashboard")
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as link:
                hello = json.loads((await link.receive()).data)[0]
    assert hello["meta"]["instruments"][0][:2] == ["binance", "SYM000USDT"]
    with pytest.raises(aiohttp.ClientConnectorError):
        await health(server.url)
    assert [task.get_name() for task in asyncio.all_tasks() if "dashboard" in task.get_name()] == []


async def test_two_of_them_and_a_folder_that_nobody_records_into(recorded: Stage, tmp_path: Path) -> None:
    async with hoga.DashboardServer(recorded.folder) as one, hoga.DashboardServer(str(tmp_path / "nothing")) as other:
        assert one.url != other.url
        status, body = await health(other.url)
        assert (status, body["reasons"][0]["code"]) == (503, "not-running")


async def test_a_port_that_is_taken_is_told_at_once(recorded: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = hoga.DashboardServer(recorded.folder, port=taken.getsockname()[1])
        with pytest.raises(PortTaken, match="is taken by another program"):
            await server.start()
    with pytest.raises(ProtocolMisuse):
        server.url  # noqa: B018  # it is a question
    await server.stop()


async def test_what_cannot_be_is_told_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGA_SYMBOLS", "BTCUSDT")
    server = hoga.DashboardServer(tmp_path)
    for premature in (lambda: server.url, lambda: asyncio.run(server.wait())):
        with pytest.raises(ProtocolMisuse):
            await asyncio.to_thread(premature)
    await server.stop()
    for wrong in ({"port": 70_000}, {"port": "8000"}, {"port": True}, {"host": ""}, {"host": "0.0.0.0"}, {"config": 5}, {"data": 5}):
        with pytest.raises(hoga.ArgumentError):
            hoga.DashboardServer(**wrong)  # type: ignore[arg-type]  # they are wrong
    await server.start()
    with pytest.raises(ProtocolMisuse):
        await server.start()
    waiting = asyncio.create_task(server.wait())
    await server.stop()
    await waiting
