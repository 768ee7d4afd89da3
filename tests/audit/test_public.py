"""The journal of a program of one's own: one a folder, written from any thread, proven like a trader's."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest

import hoga
from hoga.audit.reading import Walk
from hoga.cli.main import main


def test_events_are_chained_and_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = hoga.AuditLogger.get_instance(tmp_path / "journal")
    assert hoga.AuditLogger.get_instance(str(tmp_path / "journal")) is log
    assert log.log_event("order", "sent", symbol="BTCUSDT", price="97962.29", size=Decimal("0.01"), t="mine", weight=0.5)
    assert log.log_event("signal", "seen")
    log.stop()
    boot, order, signal, _ = Walk(tmp_path / "journal").records()
    assert boot.kind == "boot"
    assert (order.kind, order.fields) == (
        "event.order", {"op": "sent", "sym": "BTCUSDT", "price": "97962.29", "size": "0.01", "t_": "mine", "weight": "0.5"}
    )  # fmt: skip
    assert (signal.kind, signal.fields) == ("event.signal", {"op": "seen"})
    assert main(["audit", "verify", str(tmp_path)]) == 0
    assert main(["audit", "timeline", str(tmp_path), "--kind", "event.order"]) == 0
    assert "sent" in capsys.readouterr().out
    with pytest.raises(ValueError, match="has ended"):
        log.log_event("order", "sent")


def test_after_its_end_another_life_begins(tmp_path: Path) -> None:
    first = hoga.AuditLogger.get_instance(tmp_path)
    first.stop()
    second = hoga.AuditLogger.get_instance(tmp_path)
    assert second is not first
    second.log_event("a", "b")
    second.stop()
    assert [each.b for each in Walk(tmp_path).records() if each.kind == "boot"] == [1, 2]


def test_many_threads_write_one_chain(tmp_path: Path) -> None:
    def write(name: str) -> None:
        log = hoga.AuditLogger.get_instance(tmp_path)
        for number in range(50):
            log.log_event("step", name, number=number)

    threads = [threading.Thread(target=write, args=(str(each),)) for each in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    hoga.AuditLogger.get_instance(tmp_path).stop()
    walk = Walk(tmp_path)
    steps = [each.fields for each in walk.records() if each.kind == "event.step"]
    assert not walk.faults
    assert len(steps) == 300
    for name in range(6):
        assert [each["number"] for each in steps if each["op"] == str(name)] == list(range(50))


def test_an_event_without_a_kind_is_refused(tmp_path: Path) -> None:
    log = hoga.AuditLogger.get_instance(tmp_path)
    with pytest.raises(ValueError, match="has a kind"):
        log.log_event("", "x")
    log.stop()
