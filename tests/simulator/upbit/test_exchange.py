from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.simulator.engine import Engine, NewOrder, Side
from hoga.simulator.upbit.exchange import FEE, AssetsChanged, Exchange, OrderChanged, OrderRefused
from hoga.simulator.upbit.markets import E8, describe
from hoga.simulator.upbit.token import Account

NOW = 1_795_163_415_120_000_000
CODE = "KRW-BTC"


def exchange(**balances: str) -> Exchange:
    account = Account(balances=tuple((balances or {"KRW": "100000000", "BTC": "2"}).items()))
    return Exchange(Engine([CODE, "KRW-XRP"], seed=5, now_ns=NOW, describe=describe), [account], seed=5)


def market_of(made: Exchange) -> Any:
    return made._engine.market(CODE)


def best(made: Exchange, side: str) -> Decimal:
    market = market_of(made)
    return Decimal((market.top.bid if side == "bid" else market.top.ask) * market.instrument.tick_e8) / E8


def place(made: Exchange, **request: Any) -> Any:
    return made.place("main", {"market": CODE, "ord_type": "limit", "side": "bid", **request}, NOW).order


def states(made: Exchange) -> list[str]:
    return [event.state for event in made.events() if isinstance(event, OrderChanged)]


def money(made: Exchange, currency: str) -> tuple[Decimal, Decimal]:
    wallet = made.funds_of("main")[currency]
    return wallet.free, wallet.locked


def test_a_limit_order_that_rests_locks_its_money_with_the_fee() -> None:
    made = exchange()
    order = place(made, price="100000000", volume="0.01")
    assert states(made) == ["wait"]
    assert order.locked == Decimal("1000500")
    assert money(made, "KRW") == (Decimal("98999500"), Decimal("1000500"))
    assert market_of(made).book.orders[order.resting].owner == "main"


def test_cancelling_gives_it_back_and_tells_the_state_before() -> None:
    made = exchange()
    order = place(made, price="100000000", volume="0.01")
    made.events()
    assert made.cancel(order, NOW).state == "wait"
    assert states(made) == ["cancel"]
    assert money(made, "KRW") == (Decimal(100_000_000), 0)
    with pytest.raises(OrderRefused) as refused:
        made.cancel(order, NOW)
    assert refused.value.status == 404


def test_a_crossing_order_trades_at_the_book_s_prices_and_refunds_the_rest() -> None:
    made = exchange()
    price = best(made, "ask") + 50_000
    order = place(made, price=str(price), volume="0.1")
    told = states(made)
    assert told[0] == "wait"
    assert told[-1] == "done"
    assert set(told[1:-1]) == {"trade"}
    assert order.executed == Decimal("0.1")
    assert money(made, "KRW") == (100_000_000 - order.funds - order.funds * FEE, 0)
    assert money(made, "BTC") == (Decimal("2.1"), 0)
    assert all(each.price <= price and not each.maker for each in order.executions)


def test_the_crowd_fills_a_resting_order_in_parts() -> None:
    made = exchange()
    price = best(made, "ask") - 1_000 if best(made, "ask") - best(made, "bid") > 1_000 else best(made, "bid")
    order = place(made, price=str(price), volume="0.5")
    made.events()
    market = market_of(made)
    ahead = sum(level.lots for level in market.book.bids.top(5)) - 50_000_000
    market.submit(NewOrder(Side.SELL, ahead + 20_000_000 if price == best(made, "bid") else 20_000_000, None, rest=False), NOW + 1)
    made.settle(NOW)
    while order.state == "wait":
        market.submit(NewOrder(Side.SELL, 20_000_000, None, rest=False), NOW + 2)
        made.settle(NOW)
    told = [event for event in made.events() if isinstance(event, OrderChanged)]
    assert [event.state for event in told][-1] == "done"
    assert all(event.execution.maker for event in told[:-1])
    assert order.executed == Decimal("0.5")
    assert money(made, "KRW") == (100_000_000 - order.funds * (1 + FEE), 0)


def test_a_market_buy_spends_its_amount_and_ends_in_cancel() -> None:
    made = exchange()
    order = place(made, ord_type="price", price="1000000", volume=None)
    assert states(made)[-1] == "cancel"  # what is left buys nothing any more
    assert 0 < 1_000_000 - order.funds < 3
    assert money(made, "KRW") == (100_000_000 - order.funds * (1 + FEE), 0)


def test_a_market_sell_gets_the_bids_less_the_fee() -> None:
    made = exchange()
    order = place(made, side="ask", ord_type="market", volume="0.3")
    assert states(made)[-1] == "done"
    assert money(made, "KRW") == (100_000_000 + order.funds * (1 - FEE), 0)
    assert money(made, "BTC") == (Decimal("1.7"), 0)


@pytest.mark.parametrize("force, state", [("ioc", "cancel"), ("fok", "cancel"), ("post_only", "wait")])
def test_time_in_force_of_an_order_that_meets_nobody(force: str, state: str) -> None:
    made = exchange()
    assert place(made, price="100000000", volume="0.01", time_in_force=force).state == state


def test_post_only_never_takes_and_best_takes_only_the_best_price() -> None:
    made = exchange()
    assert place(made, price=str(best(made, "ask")), volume="0.01", time_in_force="post_only").state == "cancel"
    level = market_of(made).book.asks.best()
    price, lots = best(made, "ask"), level.lots
    order = place(made, ord_type="best", price="90000000", time_in_force="ioc")
    assert {each.price for each in order.executions} == {price}
    assert order.executed == Decimal(lots) / E8


def open_the_spread(market: Any) -> None:
    """Let the crowd take the best ask away."""
    market.frozen = True
    market.submit(NewOrder(Side.BUY, market.top.ask_lots, market.top.ask, rest=False), NOW)


def test_an_account_does_not_trade_with_itself() -> None:
    made = exchange()
    open_the_spread(market_of(made))
    price = str(best(made, "ask") - 1_000)
    resting = place(made, price=price, volume="0.01")
    assert resting.state == "wait"
    taker = place(made, side="ask", price=price, volume="0.01", smp_type="cancel_taker")
    assert (taker.state, taker.executed, resting.state) == ("cancel", 0, "wait")
    place(made, side="ask", price=price, volume="0.01")
    assert (resting.state, resting.executed) == ("cancel", 0)


@pytest.mark.parametrize(
    "request_, name",
    [
        ({"market": "KRW-NOPE", "price": "1", "volume": "1"}, "market_does_not_exist"),
        ({"side": "buy", "price": "1", "volume": "1"}, "validation_error"),
        ({"ord_type": "market", "volume": "1"}, "validation_error"),
        ({"price": "100000000"}, "validation_error"),
        ({"price": "x", "volume": "1"}, "validation_error"),
        ({"price": "-5", "volume": "1"}, "validation_error"),
        ({"price": "NaN", "volume": "1"}, "validation_error"),
        ({"price": "100000500", "volume": "0.01"}, "invalid_price_bid"),
        ({"price": "900500", "volume": "1"}, "invalid_price_bid"),
        ({"price": "100000000", "volume": "0.00004"}, "under_min_total_bid"),
        ({"price": "100000000", "volume": "0.00004", "side": "ask"}, "under_min_total_ask"),
        ({"price": "100000000", "volume": "1"}, "insufficient_funds_bid"),
        ({"price": "200000000", "volume": "3", "side": "ask"}, "insufficient_funds_ask"),
        ({"price": "100000000", "volume": "11", "side": "ask"}, "over_max_total_ask"),
        ({"ord_type": "best", "price": "10000"}, "validation_error"),
        ({"price": "100000000", "volume": "0.01", "time_in_force": "post_only", "smp_type": "reduce"}, "invalid_post_only"),
        ({"price": "100000000", "volume": "0.01", "identifier": "x" * 65}, "validation_error"),
    ],
)
def test_what_the_venue_refuses_changes_nothing(request_: dict, name: str) -> None:
    made = exchange()
    with pytest.raises(OrderRefused) as refused:
        place(made, **request_)
    assert refused.value.name == name
    assert made.events() == []
    assert money(made, "KRW") == (Decimal(100_000_000), 0)


def test_a_market_that_left_trading_takes_no_orders() -> None:
    made = exchange()
    made.closed.add(CODE)
    with pytest.raises(OrderRefused) as refused:
        place(made, price="100000000", volume="0.01")
    assert refused.value.name == "market_does_not_exist"


def test_an_identifier_is_burnt_even_by_a_refused_order() -> None:
    made = exchange()
    with pytest.raises(OrderRefused):
        place(made, price="100000000", volume="1", identifier="mine")
    with pytest.raises(OrderRefused) as refused:
        place(made, price="100000000", volume="0.01", identifier="mine")
    assert refused.value.name == "duplicated_identifier"


ORDERS = st.tuples(st.sampled_from(["bid", "ask"]), st.integers(-30, 30), st.integers(1, 40), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.lists(ORDERS, min_size=1, max_size=12))
def test_money_is_neither_made_nor_lost(wishes: list) -> None:
    made = exchange()
    open_orders = []
    for number, (side, ticks, size, cancels) in enumerate(wishes):
        price = best(made, side) + ticks * 1_000
        order = place(made, side=side, price=str(price), volume=str(Decimal(size) / 1_000))
        open_orders.append(order)
        market_of(made).run_until(NOW + number * 300_000_000)
        made.settle(NOW)
        if cancels and order.state == "wait":
            made.cancel(order, NOW)
    bought = sum((order.executed for order in open_orders if order.side == "bid"), Decimal(0))
    sold = sum((order.executed for order in open_orders if order.side == "ask"), Decimal(0))
    paid = sum((order.funds + order.paid_fee for order in open_orders if order.side == "bid"), Decimal(0))
    got = sum((order.funds - order.paid_fee for order in open_orders if order.side == "ask"), Decimal(0))
    krw, btc = sum(money(made, "KRW")), sum(money(made, "BTC"))
    assert (krw, btc) == (100_000_000 - paid + got, 2 + bought - sold)
    locked = sum((order.locked for order in open_orders), Decimal(0))
    assert money(made, "KRW")[1] + money(made, "BTC")[1] == locked
    for order in open_orders:
        assert (order.state == "wait") == (order.locked > 0)
    changes = [event for event in made.events() if isinstance(event, AssetsChanged)]
    assert changes[-1].assets[0] == ("KRW", *money(made, "KRW"))


@pytest.mark.parametrize("change", [{"price": "100000500"}, {"volume": "0.00001"}, {"price": None}, {"volume": "x"}])
def test_whatever_is_wrong_with_an_order_its_identifier_is_burnt(change: dict) -> None:
    made = exchange()
    wish = {"price": "100000000", "volume": "0.01", "identifier": "mine"}
    with pytest.raises(OrderRefused):
        place(made, **wish | change)
    with pytest.raises(OrderRefused) as refused:
        place(made, **wish)
    assert refused.value.name == "duplicated_identifier"
    assert made.find("main", identifier="mine") is None


def test_a_market_order_larger_than_the_thirty_visible_levels_is_refused() -> None:
    made = exchange(KRW="100000000000", BTC="100000")
    visible = market_of(made).book.bids.top(30)
    held = Decimal(sum(level.lots for level in visible)) / E8
    with pytest.raises(OrderRefused) as refused:
        place(made, side="ask", ord_type="market", volume=str(held + Decimal("0.00000001")))
    assert refused.value.name == "create_ask_error"
    assert place(made, side="ask", ord_type="market", volume=str(held)).state == "done"
    with pytest.raises(OrderRefused) as refused:
        place(made, ord_type="price", price="999999999")
    assert refused.value.name == "create_bid_error"
