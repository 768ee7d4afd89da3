"""A trader on paper, over real sockets: it needs no keys, sends nothing, and its folder is no live trader's."""

from __future__ import annotations

import asyncio
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.trader import line
from hoga.app.trader.paper import account_left, listed_rules, public_rules
from hoga.app.trader.shadow import only_reads
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.log import AuditLogger
from hoga.audit.reading import Walk
from hoga.core.errors import ConfigError
from hoga.core.secret import Secret
from hoga.core.trading import OrderKind, rules_of
from hoga.net import rest
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import Fault, FaultKind
from hoga.simulator.seen import Does
from hoga.trading.orders import Order, Role, Status
from hoga.trading.ports import Cancel
from hoga.trading.rungs import Rung
from hoga.trading.strategy import Setup
from hoga.venues.request import Request, Signed, Signer
from tests.trading.exchange import SYMBOL, instrument
from tests.trading.live import Live, Wants, live
from tests.waiting import eventually

SIZES = {"binance-usdm": "0.01", "binance": "0.01", "upbit": "0.01"}
LIMITS = ("MAX_ORDER_NOTIONAL=100000000", "MAX_POSITION_NOTIONAL=200000000", "MAX_GROSS_NOTIONAL=400000000", "MAX_NET_NOTIONAL=400000000")


@pytest.mark.parametrize("venue", SIZES)
async def test_a_target_is_held_and_left_again_and_nothing_is_sent(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []
    whole = rest.RestClient.send

    async def seen(self: rest.RestClient, request: Request, *, sign: Signer | None = None, **more: Any) -> Any:
        asked.append((request.method, sign is not None))
        return await whole(self, request, sign=sign, **more)

    monkeypatch.setattr(rest.RestClient, "send", seen)
    monkeypatch.setattr(line, "make_line", lambda *args, **more: pytest.fail("an order line on paper"))
    async with live(tmp_path, venue, *LIMITS, wanted=SIZES[venue], mode="paper") as it:
        await eventually(lambda: float(it.held()) > 0.0099, why=lambda: f"{it.held()} {it.orders()} {it.engine.ladder.causes()}")
        it.strategy.wanted = 0
        await eventually(lambda: float(it.held()) < 0.0001, why=lambda: f"{it.held()} {it.orders()} {it.engine.ladder.causes()}")
        end = await it.stop()
        assert it.simulator.orders_seen() == []
    assert end.ok
    assert end.mode == "paper"
    assert end.fills >= 2
    assert len(it.records("order.fill")) == end.fills
    assert set(asked) == {("GET", False)}


async def test_a_shadow_reads_the_account_and_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live(tmp_path / "live", wanted="0.01") as real:
        await real.holds("0.01")
        placed = len(real.simulator.orders_seen())
        asked: list[tuple[str, bool]] = []
        whole = rest.RestClient.send

        async def seen(self: rest.RestClient, request: Request, *, sign: Signer | None = None, **more: Any) -> Any:
            task = asyncio.current_task()
            if task is not None and (task.get_name().startswith("shadow ") or task is getattr(shadow, "task", None)):
                asked.append((request.method, sign is not None))
            return await whole(self, request, sign=sign, **more)

        shadow = Live(real.simulator, real.venue, tmp_path / "shadow", ())
        monkeypatch.setattr(rest.RestClient, "send", seen)
        await shadow.begin(0, mode="shadow")
        await eventually(lambda: shadow.strategy.books > 3)
        shadow.strategy.wanted = "0.01"
        await shadow.holds("0.01")
        real.strategy.wanted = "0.02"
        await real.holds("0.02")
        await eventually(lambda: shadow.records("shadow.fill"))
        end = await shadow.stop()
        done = [each.client_id for each in real.simulator.orders_seen()[placed:] if each.does is Does.PLACE]
    assert len(done) == 1  # the live trader's own
    assert ("GET", True) in asked
    assert {method for method, _ in asked} == {"GET"}
    assert end.ok
    assert end.shadow is not None
    assert end.shadow.paired >= 1
    assert end.shadow.positions == {real.symbol: ("0.01", "0.01")}
    assert [each["paired"] for each in shadow.records("shadow.end")] == [end.shadow.paired]


async def test_a_shadow_needs_a_key_that_reads_and_no_more(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(venues=("binance-usdm",), symbols=("BTCUSDT",), seed=11)) as simulator:
        simulator.inject(Fault(fault=FaultKind.KEY_READS))
        it = Live(simulator, "binance-usdm", tmp_path, ())
        await it.begin("0.01", mode="shadow")
        await it.holds("0.01")
        end = await it.stop()
        assert [each for each in simulator.orders_seen() if each.does is not Does.SET] == []
    assert end.ok
    assert end.shadow is not None
    assert end.shadow.positions == {it.symbol: ("0.01", "0")}


def test_a_shadow_signs_nothing_but_what_reads() -> None:
    sign = only_reads(lambda request, now_ms: Signed(target=Secret("/x"), headers={}))
    assert sign(Request(method="GET", path="/fapi/v2/positionRisk"), 1).target.reveal() == "/x"
    for method in ("POST", "PUT", "DELETE"):
        with pytest.raises(AssertionError, match="a shadow signs no"):
            sign(Request(method=method, path="/fapi/v1/order"), 1)


async def test_a_folder_of_paper_is_not_gone_on_with_live(tmp_path: Path) -> None:
    async with live(tmp_path, mode="paper") as it:
        await it.stop()
        with pytest.raises(ConfigError, match=r"account paper.*give another --data"):
            await Live(it.simulator, "binance-usdm", tmp_path, ()).begin()


async def test_a_trader_on_paper_leaves_its_positions_on_paper(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", "ON_STOP=flatten", wanted="0.01", mode="paper") as it:
        await it.holds("0.01")
        end = await it.stop()
        assert it.simulator.orders_seen() == []
    assert (end.verdict, end.ok, end.held) == ("FLAT", True, {})
    assert [each["verdict"] for each in it.records("emergency.end")] == ["FLAT"]


async def test_paper_and_live_trade_one_venue_at_the_same_time(tmp_path: Path) -> None:
    async with live(tmp_path / "live", wanted="0.01") as real:
        paper = Live(real.simulator, real.venue, tmp_path / "paper", ())
        await paper.begin("0.01", mode="paper")
        await paper.holds("0.01")
        await real.holds("0.01")
        await paper.stop()
        placed = [each for each in real.simulator.orders_seen() if each.does is Does.PLACE and each.client_id != "hg-doctor"]
    assert len(placed) == 1


@pytest.mark.parametrize("venue", SIZES)
async def test_an_account_on_paper_is_what_it_was_after_a_restart(venue: str, tmp_path: Path) -> None:
    async with live(tmp_path, venue, *LIMITS, wanted=SIZES[venue], mode="paper") as it:
        await eventually(lambda: float(it.held()) > 0.0099, why=it.orders)
        await it.stop()
        (before,) = it.records("balance")[-1:]
        await it.begin(SIZES[venue], mode="paper")
        assert float(it.strategy.started_with) > 0.0099
        await eventually(lambda: it.engine.state.rung is Rung.ACTIVE, why=it.engine.ladder.causes)
        after = next(each for each in reversed(it.records("balance")) if each["balances"])
        assert {name: sum(map(Decimal, parts)) for name, parts in after["balances"].items()} == {
            name: sum(map(Decimal, parts)) for name, parts in before["balances"].items()
        }
        it.strategy.wanted = 0
        await eventually(lambda: float(it.held()) < 0.0001, why=lambda: f"{it.orders()} {it.engine.ladder.causes()}")
        end = await it.stop()
    assert end.ok
    assert not it.records("recon.adopt")


GUARDED = """
from hoga import Strategy


class Guarded(Strategy):
    symbol = "binance:BTCUSDT"

    def setup(self, m):
        m.protect(self.symbol, stop="2%", take="4%")

    def on_book(self, book):
        self.target(self.symbol, "0.01")
"""


class Guarded(Wants):
    """The same, as a test sees it."""

    def setup(self, m: Setup) -> None:
        m.protect(self.symbol, stop="2%", take="4%")


def ends_of(it: Live) -> dict[str, Order]:
    """Stops and takes at work, by their ids. An entry that is filled in parts has a pair for each."""
    return {each.client_id: each for each in it.engine.state.orders.working() if each.role is Role.PROTECT}


async def test_a_stop_and_a_take_of_one_list_are_one_after_a_kill(tmp_path: Path) -> None:
    """Where one of them ends the other does, though the process that linked them was killed."""
    (tmp_path / "my.py").write_text(GUARDED)
    data, journal = tmp_path / "data", tmp_path / "data" / JOURNAL_FOLDER
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT",), seed=11)) as simulator:
        command = [sys.executable, "-m", "hoga", "trade", f"{tmp_path}/my.py", "--mode", "paper", "--data", str(data)]
        sets = [each for limit in LIMITS for each in ("--set", limit)]
        environ = {name: value for name, value in simulator.environment().items() if "API_KEY" not in name and "API_SECRET" not in name}
        process = await asyncio.create_subprocess_exec(
            *command, *sets, env=dict(os.environ) | environ, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )

        def resting() -> set[str]:
            """Stops and takes that the venue has, once all that is held has them; else none."""
            told = list(Walk(journal).records()) if journal.is_dir() else []
            placed = {str(each.fields["id"]): each.fields for each in told if each.kind == "protect"}
            held = [each.fields["pos"] for each in told if each.kind == "order.fill"]
            guarded = sum(each["q"] for each in placed.values() if each["end"] == "stop")
            acked = {str(each.fields["id"]) for each in told if each.kind == "order.ack"}
            return set(placed) if held[-1:] == [guarded] and held[-1] >= 999 and placed.keys() <= acked else set()

        await eventually(resting, seconds=30)
        process.kill()
        await process.wait()
        ids = resting()
        it = Live(simulator, "binance", data, LIMITS)
        await it.begin("0.01", kind=Guarded, mode="paper")
        await eventually(lambda: set(ends_of(it)) == ids, why=it.orders)
        stop = next(each for each in ends_of(it).values() if each.request.kind is OrderKind.STOP)
        assert stop.request.list_id
        (take,) = [
            each for each in ends_of(it).values() if each.request.list_id == stop.request.list_id and each.client_id != stop.client_id
        ]
        assert take.request.kind is OrderKind.TAKE
        it.trader.gateways["binance"].cancel(Cancel(symbol=it.symbol, client_id=stop.client_id, venue_id=stop.venue_id, waits=True))
        await eventually(lambda: it.engine.state.orders.get(take.client_id).status is Status.CANCELED, why=it.orders)
        end = await it.stop()
    assert end.ok, end
    assert float(end.held["binance:BTCUSDT"]) > 0.0099


async def test_coins_that_were_sold_do_not_come_back_with_a_restart(tmp_path: Path) -> None:
    async with live(tmp_path, "binance", *LIMITS, wanted=SIZES["binance"], mode="paper") as it:
        await eventually(lambda: float(it.held()) > 0.0099, why=it.orders)
        it.strategy.wanted = 0
        await eventually(lambda: float(it.held()) < 0.0001, why=it.orders)
        await it.stop()
        await it.begin("0", mode="paper")
        await eventually(lambda: it.engine.state.rung is Rung.ACTIVE, why=it.engine.ladder.causes)
        (after,) = [each for each in it.records("balance") if each["balances"]][-1:]
        await it.stop()
    assert sum(map(Decimal, after["balances"].get("BTC", []))) < Decimal("0.0001")


def test_what_is_left_of_one_venue_is_not_what_is_left_of_another(tmp_path: Path) -> None:
    rules = {SYMBOL: rules_of(instrument())}
    log = AuditLogger(tmp_path)
    log.open()
    for venue, coins in (("one", "1"), ("two", "7"), ("one", "0")):
        log.append("balance", {"venue": venue, "balances": {"BTC": [coins, "0"], "USDT": [coins + "00", "0"]}}, 1)
    log.append("balance", {"venue": "two", "balances": {"USDT": ["9", "0"]}}, 2)
    log.close()
    log = AuditLogger(tmp_path)
    log.open()
    try:
        left = account_left("one", log, rules)
    finally:
        log.close()
    assert left is not None
    assert left.money == {"BTC": "0", "USDT": "0"}


def test_a_symbol_that_the_venue_does_not_list_is_told_with_its_neighbour_and_where_it_was_named() -> None:
    names = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    listed = {f"binance:{name}": rules_of(instrument(name, "binance")) for name in names}
    assert list(listed_rules(listed, ["binance:ETHUSDT"])) == ["binance:ETHUSDT"]
    with pytest.raises(ConfigError) as told:
        listed_rules(listed, ["binance:BTCUSDT", "binance:BTCUSD", "binance:QQQQ"])
    near, far = told.value.mistakes
    assert (near.key, near.found, near.nearest) == ("--symbols", "binance:BTCUSD", "binance:BTCUSDT")
    assert "strategy" in near.expected
    assert (far.found, far.nearest) == ("binance:QQQQ", None)


async def test_a_trader_on_paper_names_the_neighbour_of_a_symbol_that_is_not_listed(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(venues=("binance",), symbols=("BTCUSDT",), seed=11)) as simulator:
        overrides = [f"binance.REST_URL={simulator.rest_url}"]
        venue = load_config(None, overrides=overrides, environ={}, data_dir=tmp_path).venue("binance")
        with pytest.raises(ConfigError, match=r"--symbols: found binance:BTCUSD, .*did you mean binance:BTCUSDT"):
            await public_rules(venue, ("binance:BTCUSD",))
