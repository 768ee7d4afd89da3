"""How gather ends when nobody asked it to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.gather import gather_until_stopped


@pytest.mark.parametrize("fault", [None, ValueError("its own trouble")])
async def test_gather_that_breaks_off_by_a_fault_says_so_and_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception | None
) -> None:
    async def run() -> None:
        if fault is not None:
            raise fault

    async def close() -> None:
        """Nothing to let go of."""

    async def opened(*_: Any) -> Any:
        return SimpleNamespace(run=run, close=close, at_work=True)

    monkeypatch.setattr("hoga.app.gather._opened", opened)
    monkeypatch.setattr("hoga.app.gather._tell", lambda gather: None)
    path = tmp_path / "hoga.conf"
    path.write_text("NATS_URL = nats://127.0.0.1:9\n")
    config = load_config(path, overrides=[], environ={}, data_dir=tmp_path / "data")
    assert await gather_until_stopped(config, {}, None) == (0 if fault is None else 1)
    assert ("gathering broke off" in caplog.text) is (fault is not None)
