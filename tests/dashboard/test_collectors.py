"""Collectors whose days are united in a data folder, as the page and the metrics show them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from hoga.archive.form.layout import COLLECTORS_DIR
from hoga.core.times import SECOND_NS
from hoga.dashboard.collectors import Gathered, GatheredFrom, look, rows
from hoga.dashboard.judge import Verdict
from hoga.dashboard.prometheus import Facts, render
from hoga.dashboard.summary import model_of, summary_of
from hoga.relay.gathered import CollectorState, GatherState, write_state
from tests.dashboard.stage import Stage, make_relay

_NOW = 1_795_180_500 * SECOND_NS


def _tell(root: Path, *, trouble: str | None = None, ended: bool = False) -> None:
    home = root / COLLECTORS_DIR
    home.mkdir(exist_ok=True)
    collectors = [
        CollectorState(name="osaka"),
        CollectorState(name="seoul", last_ns=_NOW - 400 * SECOND_NS, messages=7, refused=1),
        CollectorState(name="tokyo", last_ns=_NOW - SECOND_NS, messages=9, day="2026-11-20", received=100, won=60, gaps=2),
    ]
    write_state(
        home,
        GatherState(
            now_ns=_NOW,
            pid=1,
            connected=trouble is None,
            trouble=trouble,
            outages=0,
            collectors=collectors,
            refused=1,
            days=[],
            next_ns=None,
            unsettled=2,
            ended=ended,
        ),
    )


def test_what_gather_tells_is_shown_by_collector(tmp_path: Path) -> None:
    _tell(tmp_path)
    found = rows(look(tmp_path, _NOW + SECOND_NS))
    assert found is not None
    assert [(row["name"], row["state"], row["received"], row["won"], row["gaps"]) for row in found] == [
        ("osaka", None, None, None, None),
        ("seoul", "degraded", None, None, None),
        ("tokyo", "recording", 100, 60, 2),
    ]
    assert [row["seen"] for row in found] == [None, (_NOW - 400 * SECOND_NS) // 1_000_000, (_NOW - SECOND_NS) // 1_000_000]


def test_what_gather_cannot_hear_is_not_called_stopped(tmp_path: Path) -> None:
    _tell(tmp_path, trouble="NATS is not there: nobody")
    found = rows(look(tmp_path, _NOW + SECOND_NS))
    assert found is not None and [row["state"] for row in found] == [None, None, None]
    assert found[2]["seen"] == (_NOW - SECOND_NS) // 1_000_000


def test_a_message_from_ahead_of_the_clock_says_nothing_of_now() -> None:
    told = Gathered(now_ns=_NOW, collectors=[GatheredFrom(name="tokyo", last_ns=_NOW + 3_600 * SECOND_NS)])
    found = rows(told)
    assert found is not None and found[0]["state"] is None, "the clock was set back since"


def test_a_terminal_is_told_of_them_wherever_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder's own word for its folder is from where it was started."""
    _tell(tmp_path)
    monkeypatch.setattr("hoga.dashboard.page_model.time_ns", lambda: _NOW + SECOND_NS)
    stage = Stage(tmp_path / "page")
    stage.folder.mkdir()
    stage.meta = msgspec.structs.replace(stage.meta, data_dir="where/it/began")
    stage.scene = lambda snapshot: msgspec.structs.replace(snapshot, relay=make_relay(trouble="NATS is not there: nobody", away_s=12.0))
    stage.open()
    stage.publish()
    model = model_of(stage.page, str(tmp_path))
    try:
        model.look()
        facts = summary_of(model).facts
        assert "collectors: osaka not heard yet, seoul degraded (6.67 min ago), tokyo recording (1 s ago)" in facts
        _tell(tmp_path, trouble="NATS is not there: nobody")
        facts = summary_of(model).facts
        assert "gather: NATS is not there: nobody" in facts
        assert "collectors: osaka not heard yet, seoul unknown (6.67 min ago), tokyo unknown (1 s ago)" in facts
        assert any(fact.startswith("relay tokyo: NATS away for 12 s; 0 wait ") for fact in facts), "why is among the reasons"
    finally:
        model.close()
        stage.close()


def test_where_no_gather_is_at_work_there_is_nothing_to_show(tmp_path: Path) -> None:
    assert rows(look(tmp_path, _NOW)) is None
    _tell(tmp_path)
    assert look(tmp_path, _NOW + 60 * SECOND_NS) is None
    assert look(tmp_path, _NOW - 3_600 * SECOND_NS) is None, "the clock was set back since it said so"
    (tmp_path / COLLECTORS_DIR / "status.json").write_bytes(b"{]")
    assert look(tmp_path, _NOW) is None


def test_monitors_are_told_of_collectors(tmp_path: Path) -> None:
    _tell(tmp_path)
    facts = Facts(
        snapshot=None,
        verdict=Verdict("stopped", []),
        age_s=0.0,
        hardware=None,
        states=[],
        health={},
        viewers=0,
        gathered=look(tmp_path, _NOW),
        now_ns=_NOW,
    )
    text = render(facts).decode()
    assert "hoga_gather_up 1.0" in text
    assert "hoga_gather_unsettled 2.0" in text
    assert "hoga_gather_refused_total 1.0" in text
    assert 'hoga_gather_messages_total{collector="tokyo"} 9.0' in text
    assert 'hoga_gather_silent_seconds{collector="seoul"} 400.0' in text
    assert 'hoga_gather_silent_seconds{collector="osaka"}' not in text


def test_where_only_gather_runs_monitors_and_the_terminal_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive's machine has no recorder."""
    _tell(tmp_path)
    now_ns = [_NOW + SECOND_NS]
    monkeypatch.setattr("hoga.dashboard.page_model.time_ns", lambda: now_ns[0])
    model = model_of(tmp_path / "no.page", str(tmp_path))
    try:
        model.look()
        assert any(fact.startswith("collectors: osaka not heard yet") for fact in summary_of(model).facts)
        text = render(model.facts()).decode()
        assert "hoga_gather_up 1.0" in text and "hoga_gather_unsettled 2.0" in text and "hoga_gather_status_age_seconds 1.0" in text
        now_ns[0] += 60 * SECOND_NS
        text = render(model.facts()).decode()
        assert "hoga_gather_up 0.0" in text and "hoga_gather_status_age_seconds 61.0" in text
        assert "hoga_gather_unsettled" not in text, "what it said holds no more"
    finally:
        model.close()


def test_gather_that_was_told_to_end_is_not_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a timer (`--once`), stopped, or moved to another machine: its last word stays in the folder."""
    _tell(tmp_path, trouble="NATS is not there: nobody", ended=True)
    now_ns = [_NOW + SECOND_NS]
    monkeypatch.setattr("hoga.dashboard.page_model.time_ns", lambda: now_ns[0])
    model = model_of(tmp_path / "no.page", str(tmp_path))
    try:
        for _ in range(2):
            model.look()
            assert not any(fact.startswith(("gather", "collectors")) for fact in summary_of(model).facts)
            assert "hoga_gather" not in render(model.facts()).decode()
            now_ns[0] += 90 * 86_400 * SECOND_NS
    finally:
        model.close()


_RULES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'up{{job="hoga-archive", instance="a"}}', values: 1x500}}
      - {{series: 'hoga_up{{job="hoga-archive", instance="a"}}', values: 0x500}}
      - {{series: 'hoga_healthy{{job="hoga-archive", instance="a"}}', values: 0x500}}
      - {{series: 'hoga_gather_up{{job="hoga-archive", instance="a"}}', values: 1x100 0x400}}
      - {{series: 'up{{job="hoga", instance="b"}}', values: 1x500}}
      - {{series: 'hoga_gather_up{{job="hoga", instance="b"}}', values: 1x50 stale _x449}}
      - {{series: 'hoga_gather_unsettled{{job="hoga-archive", instance="a"}}', values: 2x500}}
      - {{series: 'hoga_gather_silent_seconds{{job="hoga-archive", instance="a", collector="tokyo"}}', values: 1000x500}}
    alert_rule_test:
      - {{alertname: HogaDown, eval_time: 400m}}
      - {{alertname: HogaUnhealthy, eval_time: 400m}}
      - {{alertname: HogaGatherAway, eval_time: 90m}}
      - alertname: HogaGatherAway
        eval_time: 120m
        exp_alerts:
          - exp_labels: {{severity: warning, job: hoga-archive, instance: a}}
            exp_annotations:
              {{summary: What collectors send has not been taken in on a for ten minutes, runbook: docs/operations.md}}
      - alertname: HogaCollectorSilent
        eval_time: 20m
        exp_alerts:
          - exp_labels: {{severity: warning, job: hoga-archive, instance: a, collector: tokyo}}
            exp_annotations: {{summary: Nothing comes of the collector tokyo, runbook: docs/operations.md}}
      - {{alertname: HogaDaysUnsettled, eval_time: 300m}}
      - alertname: HogaDaysUnsettled
        eval_time: 400m
        exp_alerts:
          - exp_labels: {{severity: warning, job: hoga-archive, instance: a}}
            exp_annotations: {{summary: "2 days, with today, are not united on a", runbook: docs/operations.md}}
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here (Debian: prometheus)")
def test_alarms_of_an_archive(tmp_path: Path) -> None:
    rules = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
    (tmp_path / "test.yml").write_text(_RULES.format(rules=rules))
    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "test.yml")], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
