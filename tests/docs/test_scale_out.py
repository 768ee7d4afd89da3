"""The page on more than one machine, followed on one: two collectors as it configures them, NATS between, one archive of both."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoga.archive.form.manifest import read_manifest
from tests.nats_server import NatsServer, nats_server
from tests.waiting import LONG_S, until

__all__ = ["nats_server"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scale-out.md").read_text(encoding="utf-8")
COLLECTOR, GATHER = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line.split() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().splitlines()]


class Programs:
    """What was started, with the variables by which hoga goes to the simulated exchange."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, words: list[str], folder: Path) -> subprocess.Popen[bytes]:
        """A command of the page, until it says that it is ready."""
        with (folder / "log").open("ab") as log:
            words = [sys.executable, "-m", *words, "--json"]
            process = subprocess.Popen(words, cwd=folder, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        self.running.append(process)
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, (folder / "log").read_text()
        self.environment |= json.loads(said).get("environment", {})
        return process

    def do(self, words: list[str], folder: Path) -> str:
        done = subprocess.run([sys.executable, "-m", *words], cwd=folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def programs() -> Iterator[Programs]:
    found = Programs()
    yield found
    for process in found.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def command(name: str) -> list[str]:
    return next(words for words in COMMANDS if words[:2] == ["hoga", name])


@pytest.mark.slow
def test_the_page_is_followed(nats_server: NatsServer, programs: Programs, tmp_path: Path) -> None:
    nats_server.start()
    assert "nats://127.0.0.1:4222" in COLLECTOR
    assert "nats://127.0.0.1:4222" in GATHER
    programs.environment |= {"HOGA_DASHBOARD_PORT_NUMBER": "0", "HOGA_DISK_RESERVE_MB": "1"}
    for name in ("exchange", "tokyo", "seoul", "archive"):
        (tmp_path / name).mkdir()
    programs.start(["hoga", "sim", "--venues", "binance", "--symbols", "BTCUSDT,ETHUSDT"], tmp_path / "exchange")
    collectors = []
    for name in ("tokyo", "seoul"):
        text = COLLECTOR.replace("nats://127.0.0.1:4222", nats_server.url).replace("tokyo", name)
        (tmp_path / name / "hoga.conf").write_text(text)
        collectors.append(programs.start(command("run"), tmp_path / name))
    archive = tmp_path / "archive"
    (archive / "hoga.conf").write_text(GATHER.replace("nats://127.0.0.1:4222", nats_server.url))
    gather = programs.start(command("gather"), archive)
    brought = [archive / "data" / ".collectors" / name for name in ("tokyo", "seoul")]
    until(lambda: all(any(folder.rglob("*.zip")) for folder in brought), seconds=4 * LONG_S, pause=0.5)
    gather.send_signal(signal.SIGTERM)
    assert gather.wait(LONG_S) == 0
    day = time.strftime("%Y-%m-%d", time.gmtime(max(path.stat().st_mtime for path in brought[0].rglob("*.zip"))))
    programs.do([*command("gather"), "--day", day, "--once"], archive)
    assert programs.do(command("verify"), archive).startswith("good")
    manifests = [read_manifest(path) for path in (archive / "data" / "binance").rglob("*.manifest.json")]
    assert manifests
    for manifest in manifests:
        assert manifest is not None
        assert [row.name for row in manifest.collectors or ()] == ["seoul", "tokyo"]
    for process in collectors:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG_S) == 0


def test_every_command_of_the_page_is_one_of_those_that_are_followed_or_of_the_bucket() -> None:
    assert [words[1] for words in COMMANDS if words[0] == "hoga"] == ["run", "gather", "verify", "mirror"]
