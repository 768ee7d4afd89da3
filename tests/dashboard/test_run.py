"""`hoga run` and its dashboard, end to end: figures against the simulator's, and what breaks turns red and heals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hoga.dashboard.page import page_path
from tests import waiting
from tests.waiting import LONG_S

pytestmark = pytest.mark.slow


def until(good: Callable[[], Any]) -> float:
    """Seconds until `good()` is true; anything refused meanwhile is waited for."""

    def is_good() -> Any:
        try:
            return good()
        except OSError:
            return False

    return waiting.until(is_good)


def get(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=LONG_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as fault:
        with fault:
            return fault.code, json.loads(fault.read())


class Running:
    """A simulator and a run against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.simulator, told = _start("sim", "--json", "--port", "0", "--symbols", "BTCUSDT,ETHUSDT")
        urls = told["venues"]["binance"]
        self.rest = urls["rest"]
        settings = {
            "WS_URL": urls["ws"], "REST_URL": urls["rest"], "SYMBOLS": "BTCUSDT,ETHUSDT", "DASHBOARD_PORT_NUMBER": "0", "BASE_BACKOFF": "1",
            "MAX_BACKOFF": "1", "LOG_DIR": str(folder / "logs"), "DASHBOARD_CHECK_INTERVAL": "0.2", "DASHBOARD_RESTART_TIMEOUT": "3",
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        self.run, ready = _start("run", "--json", "--data", str(folder / "data"), *options)
        self.dashboard: str = ready["dashboard"].removesuffix("/dashboard")

    def health(self) -> tuple[int, list[str]]:
        status, body = get(self.dashboard + "/healthz")
        return status, [reason["code"] for reason in body["reasons"]]

    def log(self) -> str:
        return (self.folder / "logs" / "hoga.log").read_text()

    def dashboard_pid(self) -> int:
        children = Path(f"/proc/{self.run.pid}/task/{self.run.pid}/children")
        everyone = [int(pid) for task in Path(f"/proc/{self.run.pid}/task").iterdir() for pid in (task / children.name).read_text().split()]
        return next((pid for pid in everyone if b"hoga.dashboard" in Path(f"/proc/{pid}/cmdline").read_bytes()), 0)

    def close(self) -> None:
        for process in (self.run, self.simulator):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in (self.run, self.simulator):
            process.communicate(timeout=LONG_S)
        for part in ("run", "dashboard"):
            page_path(self.folder / "data", part=part).unlink(missing_ok=True)  # what was killed left them


def _start(*arguments: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    process = subprocess.Popen([sys.executable, "-m", "hoga", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return process, told


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    try:
        until(lambda: running.health() == (200, []))
        yield running
    finally:
        running.close()


def summary(running: Running) -> dict[str, Any]:
    command = [sys.executable, "-m", "hoga", "top", "--once", "--json", "--data", str(running.folder / "data")]
    told: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    return told


def test_the_figures_are_the_simulators(running: Running) -> None:
    """What the page says lies between what had been sent before it was asked and after."""
    before = get(running.rest + "/sim/status")[1]["streams"]
    told = summary(running)
    after = get(running.rest + "/sim/status")[1]["streams"]
    assert told["state"] == "recording"
    assert told["streams"]
    for row in told["streams"]:
        sent = [each.get(row["stream"], {"sent": 0})["sent"] for each in (before, after)]
        assert sent[0] - 2 <= row["records"] <= sent[1], row


async def test_what_is_pushed_is_the_simulators_a_cut_and_trades_included(running: Running) -> None:
    """Records lie between what had been sent before and after; curves add up to it; a cut is an incident with what it cost; trades come in order."""
    of, status = "binance:BTCUSDT", running.rest + "/sim/status"
    news: list[dict[str, Any]] = []
    trades: list[list[Any]] = []

    async def hear(link: Any, good: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        while True:
            messages = json.loads((await link.receive(timeout=LONG_S)).data)
            for message in messages:
                if message["k"] == "news":
                    news.append(message)
                elif message["k"] == "trades" and message["list"]:
                    assert message["first"] <= len(trades), "none is left out"
                    del trades[message["first"] :]
                    trades.extend(message["list"])
            found = next((message for message in messages if good(message)), None)
            if found is not None:
                return found

    async with aiohttp.ClientSession() as session, session.ws_connect(running.dashboard + "/ws/dashboard") as link:
        meta = (await hear(link, lambda message: message["k"] == "hello" and all(row[2] for row in message["meta"]["instruments"])))["meta"]
        await link.send_json({"select": of, "range": "1m"})
        before = (await asyncio.to_thread(get, status))[1]["streams"]
        await hear(link, lambda message: message["k"] == "news" and "now" in message)
        told = await hear(link, lambda message: message["k"] == "news")
        after = (await asyncio.to_thread(get, status))[1]["streams"]
        for place, row in enumerate(meta["streams"]):
            sent = [each.get(row[0], {"sent": 0})["sent"] for each in (before, after)]
            assert sent[0] - 2 <= told["rows"]["rec"][place] <= sent[1], row
        points = []
        while len(points) < 4:
            points.append(await hear(link, lambda message: message["k"] == "news" and "now" in message))
        grown = points[-1]["totals"]["received"] - points[0]["totals"]["received"]
        summed = sum(point["now"]["rate:binance"] for point in points[1:])
        assert summed == pytest.approx(grown, rel=0.35), "one interval at each end"
        async with session.post(running.rest + "/sim/fault", json={"fault": "close", "code": 1006}) as answer:
            assert answer.status == 200
        cut = (
            await hear(
                link, lambda message: any(each["reason"] == "disconnect" and not each["open"] for each in message.get("incidents", ()))
            )
        )["incidents"]
        (incident,) = [each for each in cut if each["reason"] == "disconnect"]
        assert incident["streams"] >= 2 and incident["conn"] and incident["to"] > incident["from"]
        assert set(incident["of"] or ()) <= {0, 1}
        await hear(
            link, lambda message: message["k"] == "news" and message["state"] == "recording" and message["totals"]["incidents_open"] == 0
        )
        assert [trade[0] for trade in trades] == sorted(trade[0] for trade in trades)
        assert len(trades) > 5
    times = [message["t"] for message in news]
    assert times == sorted(times)


def test_a_killed_dashboard_is_started_again_and_recording_goes_on(running: Running) -> None:
    records = summary(running)["records"]
    for _ in range(2):
        os.kill(running.dashboard_pid(), signal.SIGKILL)
        until(lambda: "dashboard ended" in running.log())
        time.sleep(0.5)
    assert summary(running)["records"] > records
    assert running.run.poll() is None


def test_a_stopped_dashboard_is_replaced(running: Running) -> None:
    old = running.dashboard_pid()
    os.kill(old, signal.SIGSTOP)
    until(lambda: running.dashboard_pid() not in (0, old))
    assert "dashboard gives no sign of life" in running.log()


def test_a_simulator_that_is_gone_or_hangs_is_told_within_three_seconds_and_heals(running: Running) -> None:
    time.sleep(6)  # the pace of the streams has to be known
    running.simulator.send_signal(signal.SIGSTOP)
    assert until(lambda: running.health()[0] == 503) < 3.0
    running.simulator.send_signal(signal.SIGCONT)
    until(lambda: running.health()[0] == 200)
    request = urllib.request.Request(running.rest + "/sim/fault", data=b'{"fault":"refuse-tcp","duration_s":3}', method="POST")
    cut = urllib.request.Request(running.rest + "/sim/fault", data=b'{"fault":"close","code":1006}', method="POST")
    for each in (request, cut):
        each.add_header("content-type", "application/json")
        urllib.request.urlopen(each).close()
    assert until(lambda: "disconnected" in running.health()[1]) < 3.0
    until(lambda: running.health() == (200, []))


def test_a_stopped_run_is_told_and_a_killed_one_takes_its_dashboard_along(running: Running) -> None:
    child = running.dashboard_pid()
    running.run.send_signal(signal.SIGSTOP)
    assert until(lambda: running.health() == (503, ["stale"])) < 3.0
    running.run.send_signal(signal.SIGCONT)
    until(lambda: running.health()[0] == 200)
    running.run.kill()
    until(lambda: not Path(f"/proc/{child}").exists() or b"hoga" not in Path(f"/proc/{child}/cmdline").read_bytes())
    assert summary(running)["reasons"][0]["code"] == "stale"
