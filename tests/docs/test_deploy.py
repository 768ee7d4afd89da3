"""What is in deploy/: it agrees with the program, and with itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hoga.app.config import load_config
from hoga.app.config.parse import parse_environment
from hoga.venues.endpoints import VENUE_DEFAULTS

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def variables(text: str) -> dict[str, str]:
    """Every `HOGA_…` that is set there, with its value."""
    return dict(re.findall(r"\b(HOGA_[A-Z_]+)[=:] ?([^\s]+)", text))


def test_the_image_serves_a_dashboard_that_can_be_reached() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    environ = variables("\n".join(line for line in text.splitlines() if line.startswith("ENV")))
    config = load_config(None, overrides=[], environ=environ | {"HOGA_DASHBOARD_TOKEN": "0123456789abcdef"}, data_dir=Path("/data"))
    assert config.program.dashboard_host == "0.0.0.0"
    assert f"EXPOSE {config.program.dashboard_port_number}" in text
    assert "HEALTHCHECK" in text


def test_compose_names_keys_that_there_are() -> None:
    text = (DEPLOY / "compose.yml").read_text()
    given = {name: "x" for name in variables(text) if name != "HOGA_CONFIG"}
    assert "HOGA_DASHBOARD_TOKEN" in given
    assert parse_environment(given, venues=VENUE_DEFAULTS).mistakes == []
    assert "dockerfile: deploy/Dockerfile" in text


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
