"""How hoga is called from here, and what a user is told who lacks an optional library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hoga.runtime import checkout
from hoga.runtime.checkout import called, install_line
from hoga.runtime.libraries import MissingLibrary


def test_in_a_checkout_the_line_is_one_that_works_there() -> None:
    root = Path(checkout.__file__).parents[3]
    assert install_line("nats") == f"{sys.executable} -m pip install -c {root / 'constraints.txt'} -e '{root}[nats]'"


def test_elsewhere_it_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "site-packages" / "hoga" / "runtime" / "checkout.py"))
    assert install_line("s3") == "pip install 'hoga[s3]'"
    assert str(MissingLibrary("polars")) == "polars is not installed (pip install 'hoga[analysis]')"


def test_it_is_called_as_the_folder_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hoga").mkdir()
    assert called() == "hoga"
    (tmp_path / "hoga").rmdir()
    (tmp_path / "hoga").touch()
    assert called() == "./hoga"
