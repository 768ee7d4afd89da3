"""What every test may rely on: no configuration from the developer's own environment, the captures where they are, and
examples that are the same for everybody (`make faults` looks for new ones: `--hypothesis-profile=thorough`)."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hoga.app.config import rooms
from hoga.hub import consumers
from hoga.net import budgets
from tests.sources import tree_of

ROOT = Path(__file__).resolve().parent.parent

gc.disable()  # until all tests are read (pytest_collection_finish): a fifth of the time that each worker takes for it
settings.register_profile("default", deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

LONGEST_FIRST = (
    "dashboard/test_browser", "dashboard/test_server", "feed/test_connection", "recorder/test_run", "history/backfill/test_backfill",
    "trading/test_sweep", "cli/test_run", "app/test_consumers_live", "app/test_private_binance", "trading/test_backtest",
    "net/test_lines", "app/test_since", "app/test_private_handover", "trading/test_reported_cases", "trading/test_live",
    "docs/test_blocks", "relay/test_relay", "relay/test_live_end_to_end", "thirdparty/test_futures_private", "app/test_hub_requests",
    "recorder/test_sealing", "app/test_private",
    "feed/test_requests", "examples/test_examples", "app/test_sentinel", "app/test_thread", "app/test_hub", "net/test_endings",
    "archive/test_checked", "trading/test_backtest_bars", "archive/test_verify", "gateway/conformance/test_conformance",
    "app/test_snapshots", "history/test_view", "trading/test_left_out_books", "app/test_private_secrets", "app/test_hub_service",
    "simulator/test_history", "simulator/test_command", "app/test_upbit_simulated", "test_house", "examples/test_notebooks",
    "cli/test_replay", "recorder/test_minutes", "hub/test_local", "typing/test_typing", "simulator/test_streams",
    "simulator/usdm/test_streams", "recorder/test_captures", "runtime/test_pool", "columns/test_columns", "simulator/test_user_data",
    "cli/test_heal", "book/test_captures", "feed/test_link_life", "thirdparty/test_trading", "dashboard/test_commands",
    "app/test_hub_scenarios", "simulator/test_market", "house/test_dead_code", "simulator/usdm/test_rest", "runtime/test_shutdown",
    "history/heal/test_heal", "history/test_mirror", "relay/test_gathering", "net/test_through_a_proxy", "app/test_lookahead",
    "packaging/test_wheel", "app/test_relay_process", "bench/test_suite", "relay/test_gather_command",
)  # fmt: skip
"""Files that take longest, most of it waiting: spread over the first half, so that no worker is left alone with one at the end, and
those that compute have company that waits."""
_SHORT_BESIDE = 3
"""Short files after each long one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    long = [path for name in LONGEST_FIRST if (path := ROOT / "tests" / f"{name}.py") in files]
    short = [path for path in files if path not in set(long)]
    order: list[Path] = []
    for path in long:
        order += [path, *short[:_SHORT_BESIDE]]
        del short[:_SHORT_BESIDE]
    items[:] = [item for path in (*order, *short) for item in files[path]]


def pytest_collection_finish() -> None:
    """Seven thousand tests and what they import are for ever: a hundred looks for garbage need not walk over them, a quarter of a
    second each; nor those while they are read, which nothing of it is."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)  # of what is new: a tenth of the time of tests that compute
    gc.enable()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What a file of tests has parsed goes with it."""
    if tree_of.cache_info().currsize and (nextitem is None or nextitem.path != item.path):
        tree_of.cache_clear()


if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # programs under test inherit it, and the tests may run under nohup
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # likewise, behind a shell's `&`


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOGA_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _budgets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated venue may get the port of one that an earlier test was refused by: what was used up there is not used up here."""
    monkeypatch.setattr(budgets, "_budgets", {})
    monkeypatch.setattr(rooms, "_clients", {})


@pytest.fixture(autouse=True)
def _inline_callbacks_are_not_charged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is taken away within an INLINE callback makes it one that holds the loop up, and what follows waits for turns of
    its own: right, and no machine's tests can know when. Those that are about it say `overtime`."""
    if request.node.get_closest_marker("overtime") is None:
        monkeypatch.setattr(consumers, "_NOTICED_S", float("inf"))


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; tests that need one are skipped by name where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
