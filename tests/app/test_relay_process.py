"""The relay beside a run: tried for ever, told where people look, and never in the recorder's way."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hoga.app.alerts import AlertWatch
from hoga.app.config import load_config
from hoga.app.config.rooms import relay_config
from hoga.app.relay_process import RelayProcess
from hoga.core.errors import ConfigError
from hoga.dashboard.judge import judge, sentence
from hoga.dashboard.prometheus import Facts, render
from hoga.dashboard.snapshot import PageState, Snapshot
from hoga.dashboard.summary import _relay_facts
from hoga.hub.alerts import AlertKind
from hoga.relay.config import RelayConfig
from hoga.relay.position import HOME
from tests.archive.workshop import Workshop, fill_trades
from tests.dashboard.stage import make_meta, make_relay, make_snapshot
from tests.nats_server import NatsServer, nats_server
from tests.waiting import eventually

__all__ = ["nats_server"]

META = make_meta(2)


def told(snapshot: Snapshot) -> list[str]:
    quiet = [0.0] * len(META.streams)
    verdict = judge(snapshot, page=PageState.GOOD, age_s=0.0, stale_after_s=2.0, quiet_s=quiet, hardware=None, folder="data")
    assert verdict.healthy, "what does not reach NATS is recorded all the same"
    return [sentence(reason) for reason in verdict.reasons]


class Manager:
    def __init__(self) -> None:
        self.bad: dict[tuple[AlertKind, str], str] = {}

    def observe(self, kind: AlertKind, subject: str, *, bad: bool, text: str, code: str = "", args: Any = None) -> None:
        if bad:
            self.bad[kind, subject] = text


def alerts_of(snapshot: Snapshot) -> dict[tuple[AlertKind, str], str]:
    manager: Any = Manager()
    AlertWatch(manager).look(snapshot, 0.0)
    return dict(manager.bad)


def test_nats_away_is_a_reason_and_an_alert_and_recording_is_healthy() -> None:
    for relay in (None, make_relay(), make_relay(trouble="away", away_s=3.0)):
        snapshot = make_snapshot(META, relay=relay)
        assert told(snapshot) == []
        assert alerts_of(snapshot) == {}
    snapshot = make_snapshot(META, relay=make_relay(trouble="refused", away_s=61.0, waiting=12))
    assert told(snapshot) == [
        "What tokyo records has not reached NATS for 61 s (refused). Nothing is lost: 12 ledgers and days wait on disk"
    ]
    (((kind, subject), text),) = alerts_of(snapshot).items()
    assert (kind, subject) == (AlertKind.RELAY, "tokyo")
    assert "refused" in text
    damaged = make_snapshot(META, relay=make_relay(damaged=2, newest_damaged="binance/x.zip"))
    assert told(damaged) == ["2 files cannot be read or are not as they were sealed, and are not sent to NATS; the newest is binance/x.zip"]


def test_it_is_in_the_metrics_and_in_the_terminal() -> None:
    snapshot = make_snapshot(META, relay=make_relay(trouble="refused", away_s=61.0, waiting=12, behind_s=70.0))
    verdict = judge(snapshot, page=PageState.GOOD, age_s=0.0, stale_after_s=2.0, quiet_s=[0.0] * 9, hardware=None, folder="data")
    facts = Facts(snapshot=snapshot, verdict=verdict, age_s=0.0, viewers=0, hardware=None, states=[0] * len(META.streams), health={})
    samples = {sample.name: sample.value for family in text_string_to_metric_families(render(facts).decode()) for sample in family.samples}
    assert samples["hoga_relay_up"] == 0
    assert samples["hoga_relay_behind_seconds"] == 70
    assert samples["hoga_relay_waiting"] == 12
    assert samples["hoga_relay_files_total"] == 7
    assert samples["hoga_relay_live_lost_total"] == 2
    (line,) = _relay_facts(snapshot)
    assert line == "relay tokyo: NATS away for 61 s; 12 wait   7 files, 9.0 MB   2 live messages lost"
    assert _relay_facts(make_snapshot(META)) == []


def test_a_run_with_an_address_needs_a_name(tmp_path: Path) -> None:
    config = load_config(None, overrides=["SYMBOLS=BTCUSDT", "NATS_URL=nats://127.0.0.1:4222"], environ={}, data_dir=tmp_path)
    with pytest.raises(ConfigError, match="COLLECTOR: found nothing, expected a name"):
        relay_config(config, None)


def test_folders_that_lie_elsewhere_have_the_names_that_they_would_have(tmp_path: Path) -> None:
    wanted = ["SYMBOLS=BTCUSDT", "NATS_URL=nats://a", "COLLECTOR=tokyo", f"LOB_DIR={tmp_path / 'fast'}/<venue>/lob"]
    config = relay_config(load_config(None, overrides=wanted, environ={}, data_dir=tmp_path / "data"), None)
    assert config.places == [("binance/orderbook", str(tmp_path / "fast" / "binance" / "lob"))]


async def test_it_is_tried_for_ever_and_started_again_when_it_dies(
    nats_server: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "data"
    fill_trades(Workshop(root / "binance" / "execution", "execution"))
    process = RelayProcess(RelayConfig(collector="tokyo", nats_url=nats_server.url, root=str(root)))
    assert process.row().trouble == "it is starting"
    await process.start()
    try:
        await eventually(lambda: "is not there" in (process.row().trouble or "") and process.row().restarts > 1)
        told = [record for record in caplog.records if "the relay cannot begin" in record.getMessage()]
        assert len(told) == 1, "told once, however often it is tried"
        nats_server.start()
        await eventually(lambda: process.row().trouble is None and process.row().files == 3)
        await eventually((root / HOME / "position.jsonl").exists)
        pid, restarts = process._process.pid if process._process else 0, process.row().restarts
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: process.row().restarts > restarts)
        await eventually(lambda: process.row().trouble is None)
        await asyncio.sleep(1.2)
        assert process.row().files == 0, "what was sent is not sent again"
        assert process.row().away_s == 0.0
    finally:
        await process.leave()
        await process.stop()


async def test_a_row_can_be_put_on_the_page() -> None:
    snapshot = make_snapshot(META, relay=make_relay())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot).relay == make_relay()
