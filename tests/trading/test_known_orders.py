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
