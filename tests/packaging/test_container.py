"""The container file's own steps, walked without a container engine: in an environment of their own, below a folder as root."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from hoga.simulator import Simulator, SimulatorConfig
from tests.containers import instructions
from tests.packaging.fresh import Fresh, find_python, needs_registry
from tests.waiting import eventually
from tests.wheels import ROOT, make_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FILE = ROOT / "deploy" / "Dockerfile"
OF_THE_SYSTEM = ("useradd", "chown")
"""Steps that would change this machine: they are told, and not taken."""


class Image:
    """What the steps have made so far."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.fresh = Fresh(find_python(self.version()), folder)
        self.stubs = folder / "stubs"
        self.stubs.mkdir()
        self.told = folder / "told"
        for name in OF_THE_SYSTEM:
            (self.stubs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{self.told}\n')
            (self.stubs / name).chmod(0o755)
        self.environ: dict[str, str] = {}
        self.here = self.root
        self.said: dict[str, str] = {}
        for folder_there in ("etc", "opt", "tmp"):
            (self.root / folder_there).mkdir(parents=True)

    @staticmethod
    def version() -> str:
        found = re.search(r"^FROM python:(3\.\d+)", FILE.read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    def inside(self, text: str) -> str:
        """With the folder that stands for the root before every path from the root."""
        return re.sub(r"(?<![\w.:/])/(?=(?:data|etc|opt|tmp)\b)", f"{self.root}/", text)

    async def step(self, name: str, rest: str) -> None:
        if name == "WORKDIR":
            self.here = Path(self.inside(rest))
            self.here.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                place = self.here / target
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, place / source if target.endswith("/") else place)
        elif name == "RUN":
            status, said = await self.run("sh", "-ec", self.inside(rest))
            assert status == 0, f"{rest}\n{said}"
        elif name == "ENV":
            self.environ |= dict(word.split("=", 1) for word in shlex.split(self.inside(rest)))
        else:
            assert name in ("FROM", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"), f"nobody has walked {name}"
            self.said[name] = rest

    def words(self, name: str) -> list[str]:
        return [str(each) for each in json.loads(self.inside(self.said[name].rpartition("CMD ")[2]))]

    async def start(self, *words: str, **environ: str) -> asyncio.subprocess.Process:
        kept = self.fresh.environment
        path = f"{self.stubs}:{kept['PATH']}"
        return await asyncio.create_subprocess_exec(
            shutil.which(words[0], path=path) or words[0], *words[1:], cwd=self.here, env=kept | {"PATH": path} | self.environ | environ,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def run(self, *words: str, **environ: str) -> tuple[int | None, str]:
        child = await self.start(*words, **environ)
        async with asyncio.timeout(280):
            out, _ = await child.communicate()
        return child.returncode, out.decode()


async def test_its_steps_make_a_program_that_records_is_healthy_and_ends_in_order(tmp_path: Path) -> None:
    find_python(Image.version())
    needs_registry()
    image = Image(tmp_path)
    for name, rest in instructions(FILE.read_text(encoding="utf-8")):
        await image.step(name, rest)
    assert "--uid " + image.said["USER"] in image.told.read_text()
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT", "ETHUSDT"), seed=3)) as simulator:
        environ = simulator.environment() | {"HOGA_DASHBOARD_TOKEN": "0123456789abcdef", "HOGA_DASHBOARD_PORT_NUMBER": "0"}
        run = await image.start(*image.words("ENTRYPOINT"), *image.words("CMD"), **environ)
        said = asyncio.create_task(run.communicate())
        try:
            status: int | None = 1
            for _ in range(60):
                status, told = await image.run(*image.words("HEALTHCHECK"), **environ)
                if status == 0 or run.returncode is not None:
                    break
                await asyncio.sleep(0.5)
            assert status == 0, told
            await eventually(lambda: list(image.root.glob("data/**/*.jsonl*")) or list(image.root.glob("data/**/journal*")))
        finally:
            run.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                out, _ = await said
    assert run.returncode == 0, out.decode()
    status, listed = await image.run("hoga", "ls", str(image.root / "data"), "--json")
    assert status == 0
    assert {(each["symbol"], each["kind"]) for each in json.loads(listed)} >= {("BTCUSDT", "orderbook"), ("ETHUSDT", "execution")}
    assert (await image.run("hoga", "verify", str(image.root / "data")))[0] == 0
    assert not [each for each in image.here.iterdir() if each.name.endswith(".conf")], "it writes to its volume only"
    assert "nats" in (await image.run("python", "-c", "import nats, obstore, apprise; print(nats.__name__)"))[1]


NAMESPACE = """
mount --make-rprivate / 2>/dev/null
mount -t tmpfs none /tmp && mount -t tmpfs none /mnt && mkdir /mnt/data && chown {user} /mnt/data && mount -o remount,ro,bind / || exit 99
cd /mnt/data
touch {site}/written 2>/dev/null && exit 98
exec setpriv --reuid {user} --regid {user} --clear-groups --bounding-set=-all --no-new-privs \
    env -i PATH={site}/bin:/usr/bin:/bin PYTHONUTF8=1 HOGA_LOG_DIR=/mnt/data/logs \
    sh -ec 'hoga demo --seconds 10 --json --data /mnt/data/demo; hoga verify /mnt/data/demo >&2'
"""
"""What a container engine does for `read_only`, `user`, `cap_drop` and `no-new-privileges`, as far as a person can do it by hand."""


def test_it_runs_as_the_images_user_where_nothing_but_its_volume_can_be_written() -> None:
    tools = [shutil.which(name) for name in ("unshare", "setpriv")]
    if (
        os.geteuid() != 0
        or None in tools
        or subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False).returncode
    ):
        pytest.skip("no mounts of one's own can be made here")
    told = subprocess.run(["/usr/bin/python3", "-c", "import ensurepip, sys; print(sys.version_info >= (3, 11))"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if told.stdout.strip() != "True":
        pytest.skip("the system's own Python is older than 3.11, or there is none")
    needs_registry()
    user = re.search(r"^USER (\d+)", FILE.read_text(), re.MULTILINE)
    assert user is not None
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # where any user can read it
        Path(folder).chmod(0o755)
        fresh = Fresh("/usr/bin/python3", Path(folder))
        fresh.install(str(make_wheel(Path(folder) / "wheel")))
        script = NAMESPACE.format(user=user[1], site=fresh.venv)
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    result = json.loads(done.stdout)
    assert (result["ok"], result["records"] > 0) == (True, True)
