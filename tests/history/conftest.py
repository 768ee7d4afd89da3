"""What tests of the past need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive_journal.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "binance")
