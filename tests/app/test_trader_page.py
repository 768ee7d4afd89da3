"""A trader's page and socket beside a trader that trades: what it shows, what it costs, and an exit that is asked for from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoga.app.trader.news import TraderNews
from hoga.app.trader.page import TraderPage
from hoga.audit.folder import JOURNAL_FOLDER, SOCKET_FILE
from hoga.audit.verify import verify
from hoga.core.trading import Rung
from hoga.dashboard.page import page_path
from hoga.dashboard.trader import SEAT, TraderState
from hoga.dashboard.trader_door import ask_trader
from hoga.dashboard.trader_watch import TraderWatch
from hoga.trading.ports import RunGate
from tests.trading.live import live
from tests.waiting import eventually, until


@pytest.mark.parametrize("mode", ["live", "paper"])
async def test_what_a_trader_holds_is_shown_and_left_in_two_steps(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []
    publish = TraderPage.publish

    def timed(page: TraderPage) -> None:
        publish(page)
        costs.append(page.cost_s)

    mail = Mail()
    monkeypatch.setattr(TraderPage, "publish", timed)
    monkeypatch.setattr("hoga.app.trader.trading.channel_of", lambda urls: mail)
    monkeypatch.setattr("hoga.app.notify._TOGETHER_S", 0.0)
    watch = TraderWatch(page_path(tmp_path, part=SEAT))
    watch.look()
    assert watch.message() is None, "no trader: no panel"

    def state() -> TraderState | None:
        watch.look()
        return watch.state

    async with live(tmp_path, "binance-usdm", "STALE_AFTER_MS=60000", wanted="0.01", mode=mode) as it:
        await it.holds("0.01")
        await eventually(lambda: (found := state()) is not None and bool(found.positions) and found.accounts[0].reconciled)
        shown = watch.state
        assert shown is not None
        assert (shown.mode, shown.rung, shown.running, shown.trader) == (mode, "ACTIVE", True, "hg")
        assert [(each.symbol, each.quantity, each.currency) for each in shown.positions] == [(it.symbol, "0.01", "USDT")]
        assert shown.instruments[0].ready
        assert shown.fills == it.engine.fills
        assert next(each for each in shown.room if each.key == "MAX_POSITION_NOTIONAL").share > 0.01
        assert float(shown.money[0].fees) > 0
        watch.look_around()
        told: dict[str, Any] = watch.message() or {}
        assert told["alive"]
        assert not told["stale"]
        assert len(told["tail"]) == 12
        assert all(kind not in ("event", "tape", "seal") for _, kind, _, _ in told["tail"])
        door = tmp_path / JOURNAL_FOLDER / SOCKET_FILE
        who = {"who": "dashboard", "from": "127.0.0.1"}
        armed = await ask_trader(door, {"do": "arm", **who})
        assert it.engine.state.rung is Rung.ACTIVE, "armed is not done"
        assert (await ask_trader(door, {"do": "confirm", "token": armed["token"], **who})) == {"ok": True}
        await it.holds("0")
        await eventually(lambda: (found := state()) is not None and found.verdict == "FLAT")
        await eventually(lambda: "FLAT" in mail.said[-1].split() and "FLATTEN" in mail.said[0], why=lambda: mail.said)
        found = watch.state
        assert found is not None
        assert found.rung == "FLATTEN"
        assert found.incident
        cmds = [(each["what"], each["who"]) for each in it.records("cmd")]
        assert [what for what, _ in cmds if what.startswith("flatten")] == ["flatten-armed", "flatten-confirmed"]
        assert ("freeze", "dashboard") in cmds
        end = await it.stop()
    assert end.verdict == "FLAT"
    assert verify(tmp_path).ok
    watch.look()
    assert watch.message() is None, "it is over, and so is its page"
    assert not door.exists()
    costs.sort()
    assert costs[len(costs) // 2] < 0.005, "twice a second, that is less than a hundredth of a core"


class Mail:
    def __init__(self) -> None:
        self.said: list[str] = []

    def notify(self, *, title: str, body: str) -> bool:
        self.said.append(f"{title}\n{body}")
        return True


def test_a_person_is_told_of_the_ladder_and_of_the_verdict_and_not_of_what_comes_and_goes() -> None:
    mail = Mail()
    news = TraderNews(mail, "hg (live)", label="TEST: ")
    news.start()
    for rung in (Rung.NO_OPEN, Rung.ACTIVE, Rung.HALTED):
        news.rung(RunGate(rung=rung, why=f"to {rung.name}", incident="i-1", cause=""))
    until(lambda: len(mail.said) == 1)
    assert "to HALTED" in mail.said[0]
    assert "to NO_OPEN" not in mail.said[0]
    assert mail.said[0].startswith("TEST: hoga on ")
    news.exit("binance-usdm: FLAT")
    news.stop()
    assert "binance-usdm: FLAT" in mail.said[-1], "what waits at the end is told"
