"""A few hours of the campaign of faults (`make week`): does it run, and does it hold?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "campaign" / "hub_week.py"


@pytest.mark.slow
def test_some_hours_of_faults() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--days", "0.5"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["of_dead_epochs_sent"] == found["of_dead_epochs_dropped"] > 0
    assert found["of_dead_epochs_delivered"] == 0
