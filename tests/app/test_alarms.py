"""Gaps, a full disk and a wrong clock become alerts, once each, and end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hoga.app.alarms import Alarms
from hoga.hub.alerts import Alert, AlertKind
from hoga.hub.manager import GlobalWebSocketManager


def a_run() -> Any:
    intake = SimpleNamespace(gap_count=3, down_since=None, stream=SimpleNamespace(name="btcusdt@aggTrade"))
    recorder = SimpleNamespace(
        intakes={"x": intake},
        disk_full=False,
        config=SimpleNamespace(home=Path("books")),
        lateness=SimpleNamespace(skewed=lambda: False),
    )
    return SimpleNamespace(
        config=SimpleNamespace(venue="somewhere"),
        recorder=recorder,
        writer_stats=SimpleNamespace(fault=None),
        clock=SimpleNamespace(offset_ms=2.0, source="chrony"),
        intake=intake,
    )


async def test_each_is_told_when_it_begins_and_when_it_is_over() -> None:
    told: list[Alert] = []
    run = a_run()
    manager = GlobalWebSocketManager([], {})
    manager.on_alert.append(told.append)
    alarms = Alarms(manager, [run])
    alarms.look(0.0)
    assert told == []
    run.intake.gap_count, run.recorder.disk_full, run.clock.offset_ms = 4, True, -900.0
    for at in range(1, 4):
        alarms.look(float(at))
    assert [(each.kind, each.subject, each.raised) for each in told] == [
        (AlertKind.GAP, "somewhere", True),
        (AlertKind.DISK, "books", True),
        (AlertKind.CLOCK, "somewhere", True),
    ]
    assert "-900 ms against chrony" in told[2].text
    run.recorder.disk_full, run.clock.offset_ms = False, 3.0
    alarms.look(4.0)
    alarms.look(70.0)
    assert [(each.kind, each.raised) for each in told[3:]] == [(AlertKind.DISK, False), (AlertKind.CLOCK, False), (AlertKind.GAP, False)]
    await manager.stop()
