"""Hedge mode over real sockets: a long and a short position of one symbol, each with its own stop, its own target and its own end."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.app.config import load_config
from hoga.app.exit import leave
from hoga.core.errors import ConfigError
from hoga.core.trading import OrderKind, PositionSide
from hoga.flatten.plan import Scope
from hoga.simulator import Simulator
from hoga.trading.orders import Status
from hoga.trading.strategy import Setup
from tests.trading.live import Live, Wants, live
from tests.waiting import eventually

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
HEDGE = "POSITION_MODE=hedge"


class Both(Wants):
    """Holds so much of each leg, from the first book on, with a stop and a take at each."""

    legs: dict[str, str]

    def setup(self, m: Setup) -> None:
        m.protect(self.symbol, stop="2%", take="4%")
        self.legs = {"long": "0.010", "short": "0.020"}

    def on_book(self, book: Any) -> None:
        super().on_book(book)
        for leg, quantity in self.legs.items():
            self.target(self.symbol, quantity, why=leg, leg=leg)


def hedged(simulator: Simulator) -> None:
    simulator.venues["binance-usdm"].act("main", "POST /fapi/v1/positionSide/dual", {"dualSidePosition": "true"})


def legs_of(it: Live) -> tuple[str, str]:
    state = it.engine.state
    rules = state.rules_of[it.symbol]
    return rules.quantity_text(state.position(it.symbol, LONG)), rules.quantity_text(state.position(it.symbol, SHORT))


def stops_of(it: Live) -> dict[PositionSide, list[str]]:
    """The ends that stand, by leg."""
    found: dict[PositionSide, list[str]] = {}
    for each in it.engine.state.orders.working(it.symbol):
        if each.status is Status.LIVE and each.request.kind in (OrderKind.STOP, OrderKind.TAKE):
            found.setdefault(each.request.position_side, []).append(f"{each.request.side} {each.request.kind}")
    return {leg: sorted(ends) for leg, ends in found.items()}


ENDS = {LONG: ["sell stop", "sell take"], SHORT: ["buy stop", "buy take"]}


async def held(it: Live, long: str, short: str) -> None:
    await eventually(lambda: legs_of(it) == (long, short), why=lambda: f"{legs_of(it)} {it.orders()} {it.engine.ladder.causes()}")


async def test_each_leg_has_its_target_its_ends_and_its_exit_over_a_restart(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", HEDGE, kind=Both, before=hedged) as it:
        await held(it, "0.01", "-0.02")
        await eventually(lambda: stops_of(it) == ENDS, why=lambda: f"{stops_of(it)} {it.orders()}")
        assert it.strategy.position(leg="long") == Decimal("0.01")
        assert it.strategy.position(leg="short") == Decimal("0.02")
        assert it.strategy.position() == Decimal("-0.01")
        assert {(each.fields["side"], each.fields.get("ps")) for each in records(it, "order.fill")} == {("B", "long"), ("S", "short")}
        it.strategy.legs["short"] = "0.005"
        await held(it, "0.01", "-0.005")
        end = await it.stop()
        assert end.ok, end
        assert end.held == {f"{it.symbol}/long": "0.01", f"{it.symbol}/short": "-0.005"}
        await it.begin(kind=Both)
        it.strategy.legs["short"] = "0.005"
        await held(it, "0.01", "-0.005")
        await eventually(lambda: stops_of(it) == ENDS, why=lambda: f"{stops_of(it)} {it.orders()}")
        it.strategy.legs["long"] = "0"
        await held(it, "0", "-0.005")
        await eventually(lambda: stops_of(it) == {SHORT: ENDS[SHORT]}, why=lambda: f"{stops_of(it)} {it.orders()}")
        config = load_config(None, overrides=[HEDGE], environ=it.simulator.environment(), data_dir=it.data)
        report = await leave(
            config.venue(it.venue), it.data, scope=Scope.OWN, symbols=("BTCUSDT",), tell=lambda text: None, stop=lambda: False
        )
        assert report.verdict == "FLAT", report
        await held(it, "0", "0")


def records(it: Live, kind: str) -> list[Any]:
    from hoga.audit.reading import Walk

    return [record for record in Walk(it.data / "journal").records() if record.kind == kind]


async def test_a_wish_without_a_leg_is_denied_and_one_with_a_wrong_leg_too(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", HEDGE, before=hedged) as it:
        wishes = [
            lambda: it.strategy.target(it.symbol, "0.01"),
            lambda: it.strategy.target(it.symbol, "0.01", leg="both"),
            lambda: it.strategy.target(it.symbol, "-0.01", leg="short"),
            lambda: it.strategy.buy(it.symbol, "0.01"),
            lambda: it.strategy.limit(it.symbol, "sell", "0.01", "70000", leg="up"),
        ]
        it.strategy.todo += wishes
        await eventually(lambda: len(it.records("order.deny")) == len(wishes), why=it.orders)
        codes = [(each["code"], each["found"]) for each in it.records("order.deny")]
        assert codes == [("bad-leg", "none"), ("bad-leg", "both"), ("quantity", "-0.01"), ("bad-leg", "none"), ("bad-leg", "up")]
        assert legs_of(it) == ("0", "0")


@pytest.mark.parametrize(("settings", "before", "found"), [((HEDGE,), None, "one-way mode"), ((), hedged, "hedge mode")])
async def test_an_account_in_the_other_mode_is_refused_in_one_line(
    tmp_path: Path, settings: tuple[str, ...], before: Any, found: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        async with live(tmp_path, "binance-usdm", *settings, before=before):
            pass
    assert found in str(refused.value)
    assert "POSITION_MODE" in str(refused.value)


async def test_both_legs_on_paper_over_a_restart(tmp_path: Path) -> None:
    async with live(tmp_path, "binance-usdm", HEDGE, kind=Both, mode="paper") as it:
        await held(it, "0.01", "-0.02")
        await eventually(lambda: stops_of(it) == ENDS, why=lambda: f"{stops_of(it)} {it.orders()}")
        end = await it.stop()
        assert end.held == {f"{it.symbol}/long": "0.01", f"{it.symbol}/short": "-0.02"}
        await it.begin(kind=Both, mode="paper")
        await eventually(lambda: stops_of(it) == ENDS, why=lambda: f"{stops_of(it)} {it.orders()}")
        assert legs_of(it) == ("0.01", "-0.02")
