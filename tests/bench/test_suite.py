"""Every measurement runs, loses nothing, and says what it promises; how fast it was is no test's business."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import hoga
from bench.jobs import JOBS, find_job
from bench.suite import PARTS

FIGURES = {
    "burst.rate",
    "paper.p99",
    "burst.cost",
    "burst.seal",
    "tls.rate",
    "stage.count",
    "stage.intake",
    "stage.chunk",
    "stage.write",
    "stage.whole",
    "paced.1000.ratio",
    "paced.1000.lag_p99",
    "paced.10000.ratio",
    "streams.lost",
    "streams.lag_p99",
    "consumer.p99",
    "live.p99",
    "relayed.none.cpu",
    "relayed.sending.more",
    "relayed.away.lag_p99",
    "viewers.none.rate",
    "viewers.viewers.lag_p99",
    "viewers.killed.cost",
    "hub.lost",
    "hub.wire_p99",
    "hub.inline.100",
    "hub.reader.cost",
    "memory.rss",
    "memory.growth",
    "seal.cost",
    "seal.ratio",
    "merge.splice",
    "merge.read_back",
    "merge.rss",
    "union.equal",
    "union.half",
    "past.zip",
    "past.parquet",
    "past.at",
    "past.rss",
    "past.converted",
    "past.events",
    "replay.error_p50",
    "replay.rate",
    "view.seek",
    "view.step",
    "backfill.rows",
    "backfill.rss",
    "tree.seconds",
    "trade.order_p99",
    "start.help",
}
PART_OF = {"stage": "stages", "memory": "streams"}
"""What is measured on the way of another part."""
MUST_BE_NONE = {"streams.lost", "hub.lost", "program.lost", "program.status", "sustained.lost"}
MAY_BE_NONE = MUST_BE_NONE | {
    "live.missed",
    "relayed.sending.more",
    "relayed.away.more",
    "trade.measuring",
    "memory.growth",
    "hub.dropped",
    "hub.reader.cost",
    "program.pss_growth",
    "program.left",
}


def bench(folder: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, "-m", "hoga", "bench", "--quick", "--json", "--folder", str(folder), *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=580, check=True, cwd=folder)
    return dict(json.loads(result.stdout))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", PARTS)
def test_every_part_runs_and_its_figures_are_there(tmp_path: Path, part: str) -> None:
    report = bench(tmp_path, "--seconds", "1", "--only", part)
    figures = {each["name"]: each for each in report["figures"]}  # type: ignore[attr-defined]  # JSON
    assert figures.keys() >= {name for name in FIGURES if PART_OF.get(name.split(".")[0], name.split(".")[0]) == part}
    assert all(each["median"] > 0 for name, each in figures.items() if name not in MAY_BE_NONE)
    assert not any(each["median"] > 0 for name, each in figures.items() if name in MUST_BE_NONE)
    assert not figures.get("program.status", {"median": 0})["median"], "a signal's status is below nothing"
    assert {"cpu", "cores", "kernel", "python", "packages"} <= report["machine"].keys()  # type: ignore[attr-defined]  # JSON
    assert list(tmp_path.iterdir()) == []


def test_every_figure_is_some_parts() -> None:
    assert {PART_OF.get(name.split(".")[0], name.split(".")[0]) for name in FIGURES} <= set(PARTS)


def test_a_burst_is_on_disk_whole(tmp_path: Path) -> None:
    report = bench(tmp_path, "--only", "burst", "--symbols", "7")
    assert [each["name"] for each in report["figures"]] == ["burst.rate", "burst.per_cpu", "burst.cost", "burst.seal"]  # type: ignore[attr-defined]  # JSON


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_there_and_says_what_a_plan_is(name: str) -> None:
    job, plan = find_job(name)
    assert callable(job)
    assert issubclass(plan, msgspec.Struct)


def test_the_parts_are_what_the_command_names() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "hoga", "bench", "--only", "brst"], capture_output=True, text=True, timeout=240, check=False
    )
    assert said.returncode == 2
    assert ", ".join(PARTS) in said.stderr
    assert "burst" in said.stderr


def test_without_a_checkout_there_is_one_line(tmp_path: Path) -> None:
    """The program as it is installed: `hoga` alone, nothing beside it."""
    shutil.copytree(Path(hoga.__file__).parent, tmp_path / "lib" / "python" / "site-packages" / "hoga")
    installed = tmp_path / "lib" / "python" / "site-packages"
    said = subprocess.run(
        [sys.executable, "-c", "import sys; from hoga.cli.main import main; sys.exit(main(['bench', '--quick']))"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr == "hoga: hoga bench: the benchmarks are not installed with hoga; in a checkout of it, ./hoga bench runs them\n"
