"""Orders that have ended: packed after a minute, found by each of their names, as they were; let go of after a day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hoga.core.market import Side
from hoga.core.trading import TRADES_KEPT, AlgoUpdate, FillUpdate, OrderKind, OrderRequest, OrderState, OrderUpdate
from hoga.trading.orders import Heard, Order, Orders, Role, Status

S = 1_000_000_000
SYMBOL = "one:BTCUSDT"


def begun(orders: Orders, number: int, *, kind: OrderKind = OrderKind.LIMIT) -> Order:
    request = OrderRequest(client_id=f"hg-1-1-{number}", symbol=SYMBOL, side=Side.BUY, kind=kind, quantity=10, price=600_000)
    order = Order(request=request, strategy="Holds/one:BTCUSDT", role=Role.TARGET, why="a test", asked_ns=S, sent_ns=S)
    orders.add(order)
    orders.move(order, Heard.SENT, S)
    return order


def filled(order: Order, number: int, quantity: int, at_ns: int) -> FillUpdate:
    return FillUpdate(
        at_ns=at_ns, symbol=SYMBOL, client_id=order.client_id, venue_id=f"v{order.client_id}", trade_id=f"{number}", side=Side.BUY,
        price=600_000, quantity=quantity, fee=None, fee_currency=None, maker=True,
    )  # fmt: skip


def said(order: Order, state: OrderState, at_ns: int, told: int) -> OrderUpdate:
    return OrderUpdate(
        at_ns=at_ns, symbol=SYMBOL, client_id=order.client_id, venue_id=f"v{order.client_id}", state=state, said=state.value,
        side=Side.BUY, filled=told,
    )  # fmt: skip


def ended(orders: Orders, number: int, at_ns: int = S) -> Order:
    order = begun(orders, number)
    orders.updated(order, said(order, OrderState.CANCELED, at_ns, 4))
    orders.filled(order, filled(order, number, 4, at_ns))
    return order


def test_what_ended_a_minute_ago_is_packed_and_found_as_it_was() -> None:
    orders = Orders()
    made = [ended(orders, number) for number in range(500)]
    orders.tidy(S + 59 * S)
    assert len(orders) == 500
    for _ in range(2):
        orders.tidy(S + 61 * S)
    assert len(orders) == 0
    assert orders.count() == 0
    for order in made[::50]:
        found = orders.find(SYMBOL, venue_id=order.venue_id)
        assert found is not None
        assert found is not order
        assert found == order
        assert orders.get(order.client_id) is found, "it is there again"
    assert len(orders) == 10


def test_a_late_fill_finds_a_packed_order_and_the_same_trade_is_counted_once() -> None:
    orders = Orders()
    order = begun(orders, 1)
    orders.updated(order, said(order, OrderState.CANCELED, S, 0))
    orders.tidy(3_600 * S)
    assert len(orders) == 0
    found = orders.find(SYMBOL, client_id=order.client_id)
    assert found is not None
    (news,) = orders.filled(found, filled(order, 7, 4, 3_600 * S))
    assert news.late
    assert found.filled == 4
    assert found.strategy == order.strategy
    assert orders.filled(found, filled(order, 7, 4, 3_600 * S)) == []
    orders.tidy(3_700 * S)
    again = orders.find(SYMBOL, client_id=order.client_id)
    assert again is not None, "it is kept"
    assert again.filled == 4, "the newest one is what counts"


def test_an_order_that_has_fills_to_come_is_not_packed() -> None:
    orders = Orders()
    order = begun(orders, 1)
    orders.updated(order, said(order, OrderState.CANCELED, S, 4))
    orders.tidy(3_600 * S)
    assert orders.get(order.client_id) is order
    assert orders.count() == 1
    orders.filled(order, filled(order, 7, 4, 3_600 * S))
    orders.tidy(3_700 * S)
    assert len(orders) == 0
    assert orders.count() == 0


def test_all_names_that_a_venue_gave_lead_to_a_packed_order() -> None:
    orders = Orders()
    order = begun(orders, 1, kind=OrderKind.STOP)
    for child in ("c1", "c2"):
        orders.algo_updated(
            order,
            AlgoUpdate(
                at_ns=S,
                symbol=SYMBOL,
                client_id=order.client_id,
                algo_id="a1",
                state=OrderState.TRIGGERED,
                said="",
                child_id=child,
                side=Side.BUY,
            ),
        )
    orders.updated(order, said(order, OrderState.CANCELED, S, 0))
    orders.tidy(3_600 * S)
    for name in ("a1", "c1", "c2", f"v{order.client_id}"):
        found = orders.find(SYMBOL, venue_id=name)
        assert found == order, name
        orders.tidy(9_999_999 * S)
        assert len(orders) == 0
    assert orders.find("one:ETHUSDT", venue_id="a1") is None


def test_a_day_after_its_end_it_is_let_go() -> None:
    orders = Orders()
    for number in range(300):
        ended(orders, number, number * S)
    orders.tidy(400 * S)
    orders.tidy(400 * S)
    assert orders.forget(86_400 * S + 256 * S) == 256
    assert orders.get("hg-1-1-3") is None
    assert orders.get("hg-1-1-299") is not None


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["new", "end", "fill", "late", "tidy", "look"])), max_size=60))
def test_packing_changes_nothing_that_can_be_seen(steps: list[tuple[int, str]]) -> None:
    """Against orders that are never packed."""
    packed, plain, now = Orders(), Orders(), S
    for number, what in steps:
        now += 45 * S
        if what == "tidy":
            packed.tidy(now)
            continue
        answers = []
        for orders in (packed, plain):
            order = orders.get(f"hg-1-1-{number}")
            if what == "new":
                order = order or begun(orders, number)
            if order is None:
                answers.append(None)
            elif what == "end":
                answers.append(
                    [
                        (each.before, each.after, each.breach, each.told)
                        for each in orders.updated(order, said(order, OrderState.CANCELED, now, 2))
                    ]
                )
            elif what in ("fill", "late"):
                trade = filled(order, number * 3 + (what == "late"), 2, now)
                answers.append([(each.before, each.after, each.late, each.breach) for each in orders.filled(order, trade)])
            else:
                answers.append((order.status, order.filled, order.told, order.venue_id))
        assert answers[0] == answers[1]
    names = [f"hg-1-1-{number}" for number in range(10)]
    assert [packed.get(name) for name in names] == [plain.get(name) for name in names]
    assert {each.client_id for each in packed.working()} == {each.client_id for each in plain.working()}
    assert packed.duplicates == plain.duplicates
    assert {Status.INTENT} & {each.status for each in plain} == set()


def test_trades_are_never_read_from_before_the_oldest_that_is_known() -> None:
    """An order that rested for years and is owed a fill: what was traded since would be counted once more."""
    orders = Orders()
    assert orders.oldest_after(SYMBOL, "") == ""
    for number in range(1, 10_001):
        orders.know_trade(SYMBOL, str(number))
    assert orders.oldest_after(SYMBOL, "7") == "7"
    assert orders.oldest_after(SYMBOL, "") == "", "nothing was let go: from the beginning"
    for number in range(10_001, 120_001):
        orders.know_trade(SYMBOL, str(number))
    oldest = orders.oldest_after(SYMBOL, "7")
    assert 7 < int(oldest) <= 20_000
    assert orders.knows_trade(SYMBOL, oldest)
    assert not orders.knows_trade(SYMBOL, "7")
    assert orders.oldest_after(SYMBOL, "119000") == "119000"


def test_of_a_life_before_only_the_newest_trades_are_known_where_there_were_very_many() -> None:
    orders = Orders()
    orders.know_trades(SYMBOL, [str(number) for number in range(1, 5_000)])
    assert orders.oldest_after(SYMBOL, "") == ""
    orders = Orders()
    orders.know_trades(SYMBOL, [str(number) for number in range(5, TRADES_KEPT + 5)])
    assert orders.oldest_after(SYMBOL, "") == "5"
