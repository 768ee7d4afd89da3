"""A locale that cannot carry every symbol: one series' trouble, told in one line, and what is printed is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.archive_journal.desk import BOOK, TRADE, Desk

_POOR = {**os.environ, "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
_RICH = {**os.environ, "PYTHONUTF8": "1"}


def _hoga(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "hoga", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=240, check=False)


def test_recover_names_what_it_cannot_seal_and_seals_the_rest(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "binance")
    odd = msgspec.structs.replace(BOOK, symbol="币👍USDT")
    desk.journal(range(5), streams=[BOOK, TRADE, odd], ended=False)
    done = _hoga(_POOR, "recover", str(tmp_path), "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert [each["what"] for each in said["failed"]] == ["币👍USDT orderbook 2026-11-20 12-00"]
    assert len(desk.archive.lines("BTCUSDT", "orderbook")) == len(desk.archive.lines("BTCUSDT", "execution")) == 5
    plain = _hoga(_POOR, "recover", str(tmp_path))
    assert plain.returncode == 1
    assert b"Traceback" not in done.stderr + plain.stderr
    assert _hoga(_RICH, "recover", str(tmp_path)).returncode == 0
    assert len(desk.archive.lines("币👍USDT", "orderbook")) == 5
