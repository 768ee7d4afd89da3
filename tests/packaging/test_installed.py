"""The wheel in an environment of its own, in an empty folder, with the front page alone: for every Python that there is here."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest

import hoga
from tests.packaging.fresh import VERSIONS, Fresh, make_fresh
from tests.wheels import PROJECT, ROOT, make_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

USERS = sorted(set(PROJECT["optional-dependencies"]) - {"test", "dev"})
USES = {
    "analysis": "import duckdb, polars, pandas, pyarrow",
    "nats": "import nats",
    "s3": "import obstore",
    "notify": "import apprise",
}
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=VERSIONS)
def fresh(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    return make_fresh(request.param, tmp_path_factory.mktemp("fresh"), str(wheel))


def commands_of(heading: str) -> list[str]:
    """The lines for a shell under a heading of the front page, as they are for who has installed the program and not cloned it."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line.split("#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    return [line.replace("./hoga ", "hoga ") for line in lines if not line.startswith("git ")]


def test_the_front_page_is_walked_from_its_first_line_on(fresh: Fresh) -> None:
    assert fresh.must("hoga", "--version") == f"hoga {hoga.__version__}\n"
    assert "site-packages" in fresh.must("python", "-c", "import hoga; print(hoga.__file__)")
    for command in commands_of("Try it"):
        done = fresh.run("bash", "-c", f"{command} --json", seconds=200)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["ok"] is True
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for command in commands_of("Read the files"):
        now = command.replace(" data", " demo-data").replace("=data", "=demo-data").replace('"data/', '"demo-data/')
        if "--start" in now:  # of the two minutes around now
            start, end = (time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + shift)) for shift in (-180, 60))
            now = re.sub(r"--start \S+ --end \S+", f"--start {start} --end {end}", now)
        now = now.replace("hoga cat binance:BTCUSDT", "hoga cat binance:BTCUSDT --data demo-data")
        assert fresh.must("bash", "-c", now.replace("2026-11-20", today)).strip(), now
    assert (fresh.here / "demo-data" / "binance").is_dir()


def test_a_configuration_is_made_and_the_machine_is_judged(fresh: Fresh) -> None:
    fresh.must("hoga", "config", "init")
    done = fresh.run("hoga", "doctor", "--json")  # nothing outside can be reached, and it says so
    checks = json.loads(done.stdout)["checks"]
    assert {each["name"] for each in checks} >= {"python", "disk space", "clock"}
    assert "Traceback" not in done.stderr


def test_what_it_needs_is_there_and_fits(fresh: Fresh) -> None:
    assert "No broken requirements" in fresh.must("python", "-m", "pip", "check")


NEEDING = {
    "mirror . s3://bucket/x": "s3",
    "relay --data . --set COLLECTOR=a --set NATS_URL=nats://127.0.0.1:1": "nats",
    "gather --data . --set NATS_URL=nats://127.0.0.1:1": "nats",
}


@pytest.mark.parametrize("command", NEEDING)
def test_an_extra_that_is_not_installed_is_named_in_one_line(fresh: Fresh, command: str) -> None:
    done = fresh.run("hoga", *command.split())
    assert done.returncode in (1, 2)
    assert [line for line in done.stderr.splitlines() if line.startswith("hoga: ")] == [done.stderr.splitlines()[-1]]
    assert f"hoga[{NEEDING[command]}]" in done.stderr


@pytest.mark.parametrize("extra", [*USERS, ",".join(USERS)])
def test_every_extra_alone_and_all_together(extra: str, wheel: Path, tmp_path: Path) -> None:
    fresh = make_fresh("{}.{}".format(*sys.version_info), tmp_path, f"{wheel}[{extra}]")
    for name in extra.split(","):
        fresh.must("python", "-c", USES[name])
    fresh.must("python", "-c", "import hoga; [getattr(hoga, name) for name in hoga.__all__]")
    assert "No broken requirements" in fresh.must("python", "-m", "pip", "check")


def test_every_extra_of_users_is_tried() -> None:
    assert set(USES) == set(USERS)
