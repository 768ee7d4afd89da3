"""A venue changes its price step while a trader is at work: live and on paper orders keep to the new one from then on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.app.trader import paper
from hoga.core.trading import Rules, counted_in, steps_text, with_room
from hoga.gateway.caller import Caller
from hoga.venues.orders import RuleBook
from tests.trading.live import live
from tests.waiting import eventually

LIMITS = ("MAX_ORDER_NOTIONAL=100000000", "MAX_POSITION_NOTIONAL=200000000", "MAX_GROSS_NOTIONAL=400000000", "MAX_NET_NOTIONAL=400000000")
RULES = Rules(
    symbol="binance-usdm:BTCUSDT", base="BTC", quote="USDT", settle="USDT", price_power=-1, size_power=-3, ticks=((0, 1),), lot=1, least=1,
    market_lot=1, market_least=1, min_price=2, max_price=9, min_notional=5_000, max_notional=50_000,
)  # fmt: skip


def step_of(rules: Rules, step: str) -> Rules:
    """The same rules with another price step, as a venue would list them."""
    tick = Decimal(step).normalize()
    exponent = tick.as_tuple().exponent
    assert isinstance(exponent, int)
    power = min(exponent, 0)
    coarse = msgspec.structs.replace(rules, ticks=((0, int(tick.scaleb(-power))),), min_price=None, max_price=None, min_notional=None)
    return msgspec.structs.replace(coarse, price_power=power)


def test_rules_are_counted_in_finer_integers_and_never_in_coarser_ones() -> None:
    fine = counted_in(RULES, -3, -4)
    assert fine is not None
    assert (fine.ticks, fine.lot, fine.least, fine.market_lot) == (((0, 100),), 10, 10, 10)
    assert (fine.min_price, fine.max_price, fine.min_notional, fine.max_notional) == (200, 900, 5_000_000, 50_000_000)
    assert fine.price_text(fine.ticks[0][1]) == RULES.price_text(1) == "0.1"
    assert fine.money_text(5_000_000) == RULES.money_text(5_000)
    assert counted_in(RULES, 0, -3) is None
    assert counted_in(RULES, -1, -2) is None


def test_a_book_of_rules_counts_later_ones_in_the_integers_of_the_first() -> None:
    book = RuleBook("binance-usdm", has_room=True)
    assert book.learn(RULES)
    first = book.of("BTCUSDT")
    assert first.price_power == -3
    assert not book.learn(RULES)
    assert book.learn(step_of(RULES, "0.01"))
    assert (book.of("BTCUSDT").price_power, book.of("BTCUSDT").ticks) == (-3, ((0, 10),))
    assert book.learn(step_of(RULES, "5"))
    assert (book.of("BTCUSDT").price_power, book.of("BTCUSDT").ticks) == (-3, ((0, 5_000),))


@pytest.mark.parametrize(("powers", "power"), [((-1, -3), -1), ((-2, -3), -2), ((0, -3), -3), (None, -3)])
def test_a_journal_that_counts_otherwise_is_gone_on_with_where_it_is_fine_enough(powers: tuple[int, int] | None, power: int) -> None:
    book = RuleBook("binance-usdm", has_room=True)
    book.learn(RULES)
    book.count_in({} if powers is None else {RULES.symbol: powers})
    assert book.of("BTCUSDT").price_power == power
    assert with_room(RULES, powers).price_power == power


def test_what_changed_is_told_in_words() -> None:
    assert steps_text(RULES, step_of(RULES, "0.05")) == "price step 0.1 → 0.05"
    assert steps_text(RULES, msgspec.structs.replace(RULES, lot=10)) == "lot 0.001 → 0.01"
    assert steps_text(RULES, msgspec.structs.replace(RULES, max_price=7)) == ""


async def _rests(it: Any, below: str, least: int) -> Decimal:
    """The price of a new order that rests, so far below the market, rounded by the strategy."""
    strategy, state = it.strategy, it.engine.state

    def ask() -> None:
        bid = Decimal(state.looks[it.symbol].bid).scaleb(state.rules_of[it.symbol].price_power)
        strategy.limit(it.symbol, "buy", "0.010", strategy.price_down(bid * Decimal("0.99") + Decimal(below)))

    await eventually(lambda: state.looks[it.symbol].bid)
    strategy.todo.append(ask)

    def resting() -> list[Any]:
        return [each for each in state.orders if each.status.value == "LIVE"]

    await eventually(lambda: len(resting()) >= least, seconds=15, why=lambda: f"{it.orders()} {it.records('order.deny')}")
    orders = resting()
    return Decimal(orders[-1].request.price).scaleb(it.engine.state.rules_of[it.symbol].price_power)


@pytest.mark.parametrize(("step", "told"), [("0.01", "0.1 → 0.01"), ("5", "0.1 → 5")])
async def test_a_trader_on_paper_keeps_to_a_price_step_that_changes(
    step: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[paper.PaperMode] = []
    begin = paper.PaperMode.begin

    async def begun(self: paper.PaperMode, trader: Any) -> None:
        modes.append(self)
        await begin(self, trader)

    monkeypatch.setattr(paper.PaperMode, "begin", begun)
    async with live(tmp_path, "binance-usdm", *LIMITS, mode="paper") as it:
        first = await _rests(it, "0.037", 1)
        assert first % Decimal("0.1") == 0
        listed = paper.told_rules

        async def changed(config: Any) -> Mapping[str, Rules]:
            return {symbol: step_of(each, step) for symbol, each in (await listed(config)).items()}

        monkeypatch.setattr(paper, "told_rules", changed)
        await modes[0].renew_rules(it.trader, modes[0]._configs[0])
        await eventually(lambda: it.engine.state.rules_of[it.symbol].ticks[0][1] != 100, seconds=10)
        second = await _rests(it, "0.037", 2)
        assert second % Decimal(step) == 0
        assert (second % Decimal("0.1") != 0) is (step == "0.01")
        assert not it.records("order.rejected")
        assert not it.engine.ladder.causes()
        await it.stop()
    assert any(each.get("rules") for each in it.records("config"))


@pytest.mark.parametrize("step", ["0.01", "0.5"])
async def test_a_live_trader_keeps_to_a_price_step_that_changes(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live(tmp_path, "binance-usdm", *LIMITS) as it:
        first = await _rests(it, "0.337", 1)
        assert first % Decimal("0.1") == 0
        learn = Caller.learn

        async def changed(self: Caller, asking: Any, **how: Any) -> Any:
            found = await learn(self, asking, **how)
            if not isinstance(found, Iterable):
                return found
            return [step_of(each, step) if isinstance(each, Rules) and each.symbol == it.symbol else each for each in found]

        monkeypatch.setattr(Caller, "learn", changed)
        await it.trader.gateways["binance-usdm"]._renew_rules()
        await eventually(lambda: it.engine.state.rules_of[it.symbol].ticks[0][1] != 100, seconds=10)
        assert it.engine.state.rules_of[it.symbol].price_text(it.engine.state.rules_of[it.symbol].ticks[0][1]) == step
        if step == "0.5":  # the simulated venue itself has not changed: of the finer step it would know nothing
            assert await _rests(it, "0.337", 2) % Decimal(step) == 0
        else:
            assert it.strategy.price_down(Decimal("60000.037")) == Decimal("60000.03")
        assert not it.engine.ladder.causes()
        await it.stop()
