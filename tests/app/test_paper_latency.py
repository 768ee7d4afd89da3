"""What orders on paper take: as stated, or as a live trader's journal has measured it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoga.app.config import load_config
from hoga.app.trader.paper import paper_settings
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.log import AuditLogger
from hoga.core.errors import ConfigError
from hoga.runtime.clock import ManualClock


def settings(*overrides: str):
    config = load_config(None, overrides=list(overrides), environ={})
    return paper_settings(config.venue("upbit"), {})


async def test_it_is_stated_or_measured(tmp_path: Path) -> None:
    assert settings().latency.samples == (50_000_000,)
    assert settings("PAPER_LATENCY_MS=7.5").latency.samples == (7_500_000,)
    clock = ManualClock(1_790_000_000_000_000_000)
    with AuditLogger(tmp_path / JOURNAL_FOLDER, clock=clock) as log:
        for waited in (0.012, 0.031):
            log.append("order.sent", {"id": f"hg-{waited}", "sym": "upbit:KRW-BTC"})
            await clock.pass_time(waited)
            log.append("order.ack", {"id": f"hg-{waited}", "sym": "upbit:KRW-BTC"})
    assert settings(f"PAPER_LATENCY_FROM={tmp_path}").latency.samples == (12_000_000, 31_000_000)
    assert settings(f"PAPER_LATENCY_FROM={tmp_path / JOURNAL_FOLDER}").latency.samples == (12_000_000, 31_000_000)


def test_a_folder_without_answers_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PAPER_LATENCY_FROM: found"):
        settings(f"PAPER_LATENCY_FROM={tmp_path}")
