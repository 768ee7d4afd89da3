"""The compose file of several collectors, walked without a container engine: the same commands with the same variables, as processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hoga.simulator import Simulator, SimulatorConfig
from tests.containers import instructions
from tests.nats_server import NatsServer, nats_server
from tests.waiting import eventually
from tests.wheels import ROOT

__all__ = ["nats_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

IMAGE = dict(instructions((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")))
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "compose-collectors.yml").read_text(encoding="utf-8"))["services"]


class Composed:
    """The services that are ours, each with the folder of its volume."""

    def __init__(self, folder: Path, simulator: Simulator, nats: NatsServer) -> None:
        self.folder, self.nats = folder, nats
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")} | simulator.environment()
        self.running: dict[str, asyncio.subprocess.Process] = {}

    def data(self, service: str) -> Path:
        return self.folder / SERVICES[service]["volumes"][0].split(":")[0]

    def words(self, service: str) -> list[str]:
        words = [*json.loads(IMAGE["ENTRYPOINT"]), *SERVICES[service].get("command", json.loads(IMAGE["CMD"]))]
        return [word.replace("/data", str(self.data(service))) for word in words]

    def variables(self, service: str) -> dict[str, str]:
        given = {name: str(value).replace("nats://nats:4222", self.nats.url) for name, value in SERVICES[service]["environment"].items()}
        if "HOGA_DASHBOARD_TOKEN" in given:
            given["HOGA_DASHBOARD_TOKEN"] = "0123456789abcdef"
        return given | {"HOGA_LOG_DIR": str(self.folder / "logs" / service), "HOGA_DASHBOARD_PORT_NUMBER": "0"}

    async def start(self, service: str, *more: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        self.running[service] = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self.words(service), *more, env=self.environ | self.variables(service), stdout=pipe, stderr=pipe
        )
        return process

    async def end(self, service: str) -> None:
        process = self.running.pop(service)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, said = await process.communicate()
        assert process.returncode == 0, f"{service}: {said.decode()}"


async def test_what_two_collectors_record_becomes_one_archive(tmp_path: Path, nats_server: NatsServer) -> None:
    nats_server.start()
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT", "ETHUSDT"), seed=3)) as simulator:
        composed = Composed(tmp_path, simulator, nats_server)
        names = [name for name, service in SERVICES.items() if service["image"] == "hoga"]
        try:
            for name in names:
                await composed.start(name)
            collectors = [name for name in names if "HOGA_COLLECTOR" in SERVICES[name]["environment"]]
            brought = composed.data("gather") / ".collectors"
            await eventually(lambda: all(list(brought.glob(f"{each}/**/*.zip")) for each in collectors), seconds=250, pause=0.5)
            assert (brought / "status.json").is_file(), "what its health is read from"
            await composed.end("gather")
            days = re.findall(r"\d{4}-\d\d-\d\d", " ".join(path.name for path in brought.glob("**/*.zip")))
            once = await composed.start("gather", "--day", days[0], "--once")
            async with asyncio.timeout(120):
                _, said = await once.communicate()
            assert once.returncode == 0, said.decode()
            del composed.running["gather"]
            for name in collectors:
                await composed.end(name)
        finally:
            for process in composed.running.values():
                process.kill()
    assert sorted(path.name for path in brought.iterdir() if path.is_dir()) == sorted(collectors)
    archive = composed.data("gather")
    manifests = [json.loads(path.read_text()) for path in archive.glob("binance/*/*.manifest.json")]
    assert {(each["symbol"], each["kind"]) for each in manifests} >= {("BTCUSDT", "orderbook"), ("ETHUSDT", "execution")}
    assert {each["name"] for manifest in manifests for each in manifest["collectors"]} == set(collectors)
    assert all(manifest["records"] == sum(each["won"] for each in manifest["collectors"]) > 0 for manifest in manifests)
    proven = await asyncio.create_subprocess_exec(sys.executable, "-m", "hoga", "verify", str(archive), stdout=asyncio.subprocess.PIPE)
    out, _ = await proven.communicate()
    assert proven.returncode == 0, out.decode()
