"""Orders are found by every id that they have, also those of a life before."""

from __future__ import annotations

from hoga.core.market import Side
from hoga.core.trading import FillUpdate, OrderRequest
from hoga.trading.orders import Order, Orders, Role, Status
from tests.trading.exchange import SYMBOL


def test_a_trade_that_names_the_venues_id_only_is_of_the_order_that_a_life_before_sent() -> None:
    orders = Orders()
    request = OrderRequest(client_id="hg-1-1-1", symbol=SYMBOL, side=Side.BUY, quantity=10, price=867_000)
    order = Order(request=request, strategy="st", role=Role.TARGET, status=Status.FILLED, venue_id="77", child_id="78", told=10)
    orders.add(order)
    for venue_id in ("77", "78"):
        assert orders.find(SYMBOL, client_id="", venue_id=venue_id, parent_id="") is order
    fill = FillUpdate(
        at_ns=1,
        symbol=SYMBOL,
        client_id="",
        venue_id="77",
        trade_id="1",
        side=Side.BUY,
        price=867_000,
        quantity=10,
        fee=None,
        fee_currency=None,
        maker=None,
    )
    assert [news.fill for news in orders.filled(order, fill)] == [fill]


def test_trades_are_read_again_from_before_an_order_whose_fills_are_not_all_known() -> None:
    orders = Orders()
    orders.know_trade(SYMBOL, "5000")
    request = OrderRequest(client_id="hg-1-1-1", symbol=SYMBOL, side=Side.BUY, quantity=10, price=867_000)
    order = Order(request=request, strategy="st", role=Role.TARGET)
    orders.add(order)
    assert orders.owed(SYMBOL) is None
    order.status, order.venue_id = Status.LIVE, "77"
    second = FillUpdate(
        at_ns=2,
        symbol=SYMBOL,
        client_id="hg-1-1-1",
        venue_id="77",
        trade_id="5002",
        side=Side.BUY,
        price=867_000,
        quantity=5,
        fee=None,
        fee_currency=None,
        maker=None,
    )
    orders.filled(order, second)  # the event of 5001 was lost
    order.told = 10
    assert orders.last_trade(SYMBOL) == "5002"
    assert orders.owed(SYMBOL) is order
    assert order.after_trade == "5000"
