"""The exit against an exchange that fails by chance: flat in the end, never turned round, never a stranger's, never before it is proven."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.audit.recovery import KnownOrder
from hoga.core.market import Side
from hoga.core.trading import PositionSide
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.procedure import Exit
from hoga.flatten.report import ExitReport, Wanted
from tests.flatten.market import SYMBOL, Jumping, Market, Rest

NOON_NS = 1_763_640_000_000_000_000
BOTH, LONG, SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
ODDS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "failing": st.floats(0, 0.4),
        "silent": st.floats(0, 0.3),
        "refusing": st.floats(0, 0.3),
        "partial": st.floats(0, 1),
    }
)


def leave(
    market: Market, *, scope: Scope = Scope.OWN, own: dict[PositionSide, str] | None = None, limit_s: float = 600, **more: object
) -> ExitReport:
    end = market.clock.monotonic() + limit_s
    wanted = Wanted(
        scope=scope, trader="hg", incident="i-1", run=1, symbols=("COIN",),
        own=None if own is None else {(SYMBOL, side): Decimal(held) for side, held in own.items()}, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return asyncio.run(Exit(market, wanted, stop=lambda: market.clock.monotonic() > end).run())


def resting() -> list[Rest]:
    return [
        Rest("hg-1-1-1", "1", Side.BUY, 10),
        Rest("hg-1-1-2", "2", Side.SELL, 10, reduce_only=True),
        Rest("hg-1-1-3", "3", Side.SELL, None, close_position=True, waits=True),
        Rest("hg-1-1-4", "4", Side.BUY, 5, waits=True),
    ]


STRANGERS = [Rest("someone", "5", Side.BUY, 7), Rest("else", "6", Side.SELL, None, close_position=True, waits=True)]


@given(ODDS, st.integers(-2000, 2000).filter(bool))
def test_a_position_is_left_whatever_fails_and_is_never_turned_round(odds: dict[str, float], held: int) -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: held}, resting=[*resting(), *STRANGERS], **odds)  # type: ignore[arg-type]
    report = leave(market)
    assert report.verdict is Verdict.FLAT
    assert market.positions_of == {BOTH: 0}
    assert market.flips == []
    assert [each.client_id for each in market.resting] == ["someone", "else"]
    assert report.legs[0].state == "flat"


@given(ODDS, st.integers(1, 1000), st.integers(1, 1000))
def test_both_legs_of_hedge_mode_are_left(odds: dict[str, float], long: int, short: int) -> None:
    market = Market(Jumping(NOON_NS), positions_of={LONG: long, SHORT: -short}, **odds)  # type: ignore[arg-type]
    assert leave(market, scope=Scope.ACCOUNT).verdict is Verdict.FLAT
    assert market.positions_of == {LONG: 0, SHORT: 0}
    assert market.flips == []


@given(ODDS, st.integers(1, 900), st.integers(0, 900))
def test_a_strangers_part_of_a_position_stays(odds: dict[str, float], own: int, strangers: int) -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: own + strangers}, resting=resting(), **odds)  # type: ignore[arg-type]
    report = leave(market, own={BOTH: f"{own / 1000:.3f}"})
    assert report.verdict is Verdict.FLAT
    assert market.positions_of == {BOTH: strangers}
    assert report.strangers == ([f"{(strangers / 1000):.3f}".rstrip("0") + f" {SYMBOL}"] if strangers else [])


@given(ODDS, st.integers(0, 900), st.integers(0, 900))
def test_on_spot_what_was_bought_is_sold_and_no_coin_more(odds: dict[str, float], own: int, strangers: int) -> None:
    market = Market(Jumping(NOON_NS), futures=False, free=own + strangers, **odds)  # type: ignore[arg-type]
    report = leave(market, own={BOTH: f"{own / 1000:.3f}"})
    assert report.verdict is Verdict.FLAT
    assert market.sold == own
    assert market.free == strangers


def test_on_spot_nothing_is_sold_that_no_journal_proves() -> None:
    market = Market(Jumping(NOON_NS), futures=False, free=500)
    assert leave(market).verdict is Verdict.FLAT
    assert market.sold == 0
    assert leave(market, scope=Scope.ACCOUNT).verdict is Verdict.FLAT
    assert market.sold == 500


def test_what_an_order_bought_of_which_the_journal_knows_nothing_is_sold_as_well() -> None:
    market = Market(Jumping(NOON_NS), futures=False, free=700)
    bought = {"side": "B", "quantity": 300, "t": NOON_NS}
    asyncio.run(market.send_filled("hg-1-1-1", Side.BUY, 300))
    orders = (
        KnownOrder(id="hg-1-1-1", symbol=SYMBOL, state="UNKNOWN", filled=100, **bought),  # type: ignore[arg-type]
        KnownOrder(id="hg-1-1-2", symbol=SYMBOL, state="SENT", **bought),  # type: ignore[arg-type]
    )
    report = leave(market, own={BOTH: "0.1"}, orders=orders, size_powers={SYMBOL: -3})
    assert report.verdict is Verdict.FLAT
    assert market.sold == 300
    assert report.seconds >= 10  # so long the venue may still bring the one that it denies


def test_what_an_unsettled_order_may_have_made_is_not_called_a_strangers() -> None:
    told: list[str] = []

    def leave_beside(market: Market, limit_s: float, **more: object) -> ExitReport:
        order = KnownOrder(id="hg-1-1-2", symbol=SYMBOL, state="SENT", side="B", quantity=300, t=market.clock.time_ns())
        end = market.clock.monotonic() + limit_s
        wanted = Wanted(
            scope=Scope.OWN, trader="hg", incident="i-1", run=1, symbols=("COIN",), own={(SYMBOL, BOTH): Decimal("0.2")},
            orders=(order,), size_powers={SYMBOL: -3}, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        return asyncio.run(Exit(market, wanted, tell=told.append, stop=lambda: market.clock.monotonic() > end).run())

    for dry_run in (True, False):
        market = Market(Jumping(NOON_NS), positions_of={BOTH: 500})  # 300 are of the order that is not settled
        report = leave_beside(market, 3, dry_run=dry_run)
        assert report.strangers == []
        assert report.unknown == ["hg-1-1-2"]
        assert report.verdict in (Verdict.UNKNOWN, Verdict.NOT_FLAT)
    assert "what became of hg-1-1-2" in report.why
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 500})
    asyncio.run(market.send_filled("hg-1-1-2", Side.BUY, 300))
    assert leave_beside(market, 60).verdict is Verdict.FLAT
    assert market.positions_of == {BOTH: 0}
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 500})  # it never was: now the rest is a stranger's
    report = leave_beside(market, 60)
    assert report.verdict is Verdict.FLAT
    assert market.positions_of == {BOTH: 300}
    assert report.strangers == ["0.3 venue:COIN"]


@given(ODDS)
def test_a_stop_that_guards_rests_until_the_position_is_gone(odds: dict[str, float]) -> None:
    guard = Rest("hg-1-1-3", "3", Side.SELL, None, close_position=True, waits=True)
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 900}, resting=[*resting()[:2], guard], **odds)  # type: ignore[arg-type]
    same = {"symbol": SYMBOL, "state": "LIVE", "t": NOON_NS}
    orders = (
        KnownOrder(id="hg-1-1-1", side="B", quantity=10, **same),  # type: ignore[arg-type]
        KnownOrder(id="hg-1-1-2", side="S", quantity=10, reduce_only=True, **same),  # type: ignore[arg-type]
        KnownOrder(id="hg-1-1-3", side="S", kind="stop", reduce_only=True, closes=True, **same),  # type: ignore[arg-type]
    )
    report = leave(market, own={BOTH: "0.9"}, orders=orders, size_powers={SYMBOL: -3})
    assert report.verdict is Verdict.FLAT
    assert market.positions_of == {BOTH: 0}
    assert market.cancelled[-1] == "hg-1-1-3"
    assert "hg-1-1-3" not in market.cancelled_while_held or report.legs[0].why


def test_a_fee_that_was_taken_off_the_coins_is_not_sold_again() -> None:
    market = Market(Jumping(NOON_NS), futures=False, free=700, fees={"hg-1-1-1": "0.0021"})
    asyncio.run(market.send_filled("hg-1-1-1", Side.BUY, 300))
    unknown = KnownOrder(id="hg-1-1-1", symbol=SYMBOL, state="UNKNOWN", side="B", quantity=300, t=NOON_NS)
    fees = {(SYMBOL, "COIN"): Decimal("0.0005"), (SYMBOL, "CASH"): Decimal(10)}
    report = leave(market, own={BOTH: "0.1"}, orders=(unknown,), size_powers={SYMBOL: -3}, fees=fees)
    assert report.verdict is Verdict.FLAT
    assert market.sold == 99 + 300 - 3  # each fee counts as whole lots


def test_with_the_scope_account_all_orders_go_and_the_stop_goes_last() -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 900}, resting=[*resting(), *STRANGERS])
    report = leave(market, scope=Scope.ACCOUNT)
    assert report.verdict is Verdict.FLAT
    assert market.resting == []
    assert set(market.cancelled[-2:]) == {"hg-1-1-3", "else"}
    assert report.orders == 3  # within what one market order may be


def test_an_order_that_only_a_stranger_can_cancel_keeps_it_from_being_flat_and_that_is_said() -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 10}, resting=[Rest("someone", "5", Side.SELL, 10, reduce_only=True)])
    report = leave(market, limit_s=60)
    assert report.verdict is Verdict.NOT_FLAT
    assert market.positions_of == {BOTH: 10}
    assert "ReduceOnly Order Failed" in report.legs[0].why
    assert [each.client_id for each in market.resting] == ["someone"]


def test_what_cannot_be_read_is_unknown() -> None:
    report = leave(Market(Jumping(NOON_NS), positions_of={BOTH: 10}, failing=1.0), limit_s=60)
    assert report.verdict is Verdict.UNKNOWN
    assert report.why == "positions cannot be read: HTTP 503"


def test_keys_that_are_not_let_in_are_told_after_ten_seconds() -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 10}, failing=1.0)
    market.shut_out = "HTTP 401: -2015"
    report = leave(market)
    assert report.verdict is Verdict.UNKNOWN
    assert "does not let these keys in" in report.why
    assert 10 <= report.seconds < 30


def test_a_dry_run_does_nothing_and_says_what_would_be_done() -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 10}, resting=[*resting(), *STRANGERS])
    report = leave(market, dry_run=True)
    assert report.verdict is Verdict.NOT_FLAT
    assert report.left == ["hg-1-1-1", "hg-1-1-2", "hg-1-1-3", "hg-1-1-4"]
    assert [leg.state for leg in report.legs] == ["planned"]
    assert market.seen_ids == []
    assert len(market.resting) == 6


def test_people_are_told_each_half_minute_while_it_is_not_flat() -> None:
    told: list[str] = []
    market = Market(Jumping(NOON_NS), positions_of={BOTH: 10}, resting=[Rest("someone", "5", Side.SELL, 10, reduce_only=True)])
    end = market.clock.monotonic() + 100
    wanted = Wanted(scope=Scope.OWN, trader="hg", incident="i-1", run=1, symbols=("COIN",))
    asyncio.run(Exit(market, wanted, tell=told.append, stop=lambda: market.clock.monotonic() > end).run())
    assert [text.startswith("NOT FLAT after 3") for text in told] == [True, False, False]
    assert f"0.01 {SYMBOL}" in told[0]


@pytest.mark.parametrize("held, sends", [(1, 1), (400, 1), (401, 2), (1200, 3)])
def test_a_close_is_split_by_what_one_market_order_may_be(held: int, sends: int) -> None:
    market = Market(Jumping(NOON_NS), positions_of={BOTH: held})
    assert leave(market).orders == sends
