"""A stage with a run that is played, a dashboard's process that shows it, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.stage import Served, Stage, serving


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Served]]:
    """One run that is played and one dashboard, for all tests of a module that do it no harm."""
    stage = Stage(tmp_path_factory.mktemp("house"))
    stage.play()
    try:
        with serving(stage) as found:
            yield stage, found
    finally:
        stage.close()


@pytest.fixture
def stage(house: tuple[Stage, Served]) -> Iterator[Stage]:
    """The shared run, healthy again after each test."""
    stage = house[0]
    yield stage
    stage.scene = lambda snapshot: snapshot
    stage.trader = None
    stage.go_on()


@pytest.fixture
def served(house: tuple[Stage, Served], stage: Stage) -> Served:
    """The shared dashboard."""
    return house[1]


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Stage]:
    """A run for one test alone; it is not played yet."""
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def own_served(own_stage: Stage) -> Iterator[Served]:
    """A dashboard that the test may kill."""
    own_stage.play()
    with serving(own_stage) as found:
        yield found
