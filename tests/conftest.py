"""What every test may rely on: no configuration from the developer's own environment, the captures where they are, and
examples that are the same for everybody (`make faults` looks for new ones: `--hypothesis-profile=thorough`)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

LONGEST_FIRST = (
    "recorder/test_run", "examples/test_examples", "dashboard/test_commands", "app/test_since", "dashboard/test_browser",
    "cli/test_run", "dashboard/test_server", "thirdparty/test_futures_private", "app/test_consumers_live", "feed/test_connection",
    "thirdparty/test_futures", "app/test_private_binance", "app/test_hub_service", "thirdparty/test_ccxt_upbit", "simulator/test_command",
    "thirdparty/test_ccxt", "app/test_private_secrets", "bench/test_suite", "app/test_hub_requests", "app/test_hub", "net/test_rest",
    "feed/test_requests", "app/test_private", "cli/test_locale", "net/test_through_a_proxy", "net/test_endings", "archive/test_verify",
    "cli/test_main",
)  # fmt: skip
"""Files that take longest: begun first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {str(ROOT / "tests" / f"{name}.py"): place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # programs under test inherit it, and the tests may run under nohup
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # likewise, behind a shell's `&`


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOGA_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of captured exchange traffic beside the checkout; tests that need it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no captures (../shared/data) here")
    return folder
