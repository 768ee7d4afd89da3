"""Optional libraries: what a user is told who lacks one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hoga.runtime import libraries
from hoga.runtime.libraries import MissingLibrary, install_line


def test_in_a_checkout_the_line_is_one_that_works_there() -> None:
    root = Path(libraries.__file__).parents[3]
    assert install_line("nats") == f"{sys.executable} -m pip install -c {root / 'constraints.txt'} -e '{root}[nats]'"


def test_elsewhere_it_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "__file__", str(tmp_path / "site-packages" / "hoga" / "runtime" / "libraries.py"))
    assert install_line("s3") == "pip install 'hoga[s3]'"
    assert str(MissingLibrary("polars")) == "polars is not installed (pip install 'hoga[analysis]')"
