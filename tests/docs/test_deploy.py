"""What is in deploy/: it agrees with the program, and with itself."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hoga.app.config import load_config
from hoga.app.config.parse import parse_environment
from hoga.venues.endpoints import VENUE_DEFAULTS
from tests.command_lines import mistake_in
from tests.containers import instructions
from tests.wheels import PROJECT

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
ALL_UNITS = sorted(path for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".timer"))
COMPOSED = sorted(DEPLOY.glob("compose*.yml"))
IMAGE = instructions((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))


def variables(text: str) -> dict[str, str]:
    """Every `HOGA_…` that is set there, with its value."""
    return dict(re.findall(r"\b(HOGA_[A-Z_]+)[=:] ?([^\s]+)", text))


def test_the_image_serves_a_dashboard_that_can_be_reached() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    environ = variables("\n".join(line for line in text.splitlines() if line.startswith("ENV")))
    config = load_config(None, overrides=[], environ=environ | {"HOGA_DASHBOARD_TOKEN": "0123456789abcdef"}, data_dir=Path("/data"))
    assert config.program.dashboard_host == "0.0.0.0"
    assert f"EXPOSE {config.program.dashboard_port_number}" in text


def given(name: str) -> list[str]:
    """What each instruction of that name says."""
    return [rest for instruction, rest in IMAGE if instruction == name]


def test_what_the_image_is_made_of_is_in_the_checkout() -> None:
    copied = [words for rest in given("COPY") if not (words := shlex.split(rest))[0].startswith("--from")]
    assert copied
    for *sources, _ in copied:
        assert all((ROOT / source).exists() for source in sources)
    for extra in re.findall(r"\.\[([a-z0-9,]+)\]", " ".join(given("RUN"))):
        assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_image_says_every_command_so_that_it_is_understood_and_no_shell_stands_between() -> None:
    entry, command = (json.loads(given(name)[-1]) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["hoga"]
    assert mistake_in(command, complete=True) == ""
    check = given("HEALTHCHECK")[-1].split("CMD ", 1)
    assert len(check) == 2, "the image can be asked how it is"
    words = json.loads(check[1])
    assert (words[0], mistake_in(words[1:], complete=True)) == ("hoga", "")


def test_the_image_is_not_root_and_writes_to_its_volume_only() -> None:
    names = [name for name, _ in IMAGE]
    assert re.fullmatch(r"[1-9]\d{3,}", given("USER")[-1]), "by number, and not 0"
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    assert f"--uid {given('USER')[-1]}" in " ".join(given("RUN"))
    assert given("WORKDIR")[-1] == given("VOLUME")[-1] == "/data"


def services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


def ours(path: Path) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in services(path).items() if each["image"] == "hoga"}


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_compose_names_keys_and_commands_that_there_are(path: Path) -> None:
    assert ours(path)
    for name, service in ours(path).items():
        environ = {key: str(value) for key, value in service["environment"].items() if key != "HOGA_CONFIG"}
        assert all(key.startswith(("HOGA_", "AWS_")) for key in environ), name
        assert parse_environment(environ, venues=VENUE_DEFAULTS).mistakes == []
        assert mistake_in(list(service.get("command", json.loads(given("CMD")[-1]))), complete=True) == ""
        check = service.get("healthcheck", {}).get("test")
        looks = bool(check) and check[0] == "CMD-SHELL" and "/data/.collectors/status.json" in check[1]
        assert check is None or looks or (check[:2] == ["CMD", "hoga"] and mistake_in(check[2:], complete=True) == ""), check


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_what_is_composed_can_do_little_and_all_of_it_is_there(path: Path) -> None:
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, service in services(path).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "nothing is open to others"
        for volume in service["volumes"]:
            assert volume.split(":")[0] in whole["volumes"], f"{name}: {volume}"
        for other in service.get("depends_on", []):
            assert other in whole["services"], f"{name}: {other}"
    built = [service["build"] for service in ours(path).values() if "build" in service]
    assert built
    for build in built:
        assert (path.parent / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_the_commented_lines_of_compose_are_right_as_well(path: Path) -> None:
    named = {name: "x" for name in variables(path.read_text()) if name != "HOGA_CONFIG"}
    assert parse_environment(named, venues=VENUE_DEFAULTS).mistakes == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_there_is(unit: Path) -> None:
    started = re.findall(r"^Exec\w+=(.*)$", unit.read_text(), re.MULTILINE)
    assert started
    for command in started:
        program, *words = shlex.split(command)
        assert program == "/var/lib/hoga/hoga/hoga"
        assert mistake_in(words, complete=True) == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_any_unit(tmp_path: Path) -> None:
    program = tmp_path / "hoga"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in ALL_UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/var/lib/hoga/hoga/hoga", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / unit.name) for unit in ALL_UNITS)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if any(unit.name in line for unit in ALL_UNITS)]
    assert (done.returncode, said) == (0, []), done.stderr


def test_a_timer_has_its_service() -> None:
    assert [unit for unit in ALL_UNITS if unit.suffix == ".timer" and unit.with_suffix(".service") not in UNITS] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_take_their_secrets_from_a_file_and_names_in_utf8(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert sum(line.startswith("EnvironmentFile=-/etc/hoga/") for line in lines) == 1
    assert lines.count("Environment=PYTHONUTF8=1") == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_may_do_little(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    if "option" in done.stderr:
        pytest.skip("this systemd-analyze does not look at files")
    assert done.returncode == 0, done.stdout[-600:] + done.stderr
