"""A stop that waits in a service of its own, met while nobody listened: the trader was down, or the account's stream was cut.

Its trades come by a listing that names another order than the one that was sent; whose they are, the venue says when it is asked.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hoga.core.trading import (
    AlgoUpdate,
    FillUpdate,
    OrderKind,
    OrderRequest,
    OrderState,
    OrderUpdate,
    PositionSide,
    ReadFailed,
    StreamUpdate,
    TradesRead,
)
from hoga.trading.engine import Restored
from hoga.trading.limits import Limits
from hoga.trading.orders import Order, Role, Status
from hoga.trading.portfolio import Share
from hoga.trading.ports import Query, Read, ReadKind
from hoga.trading.risk import RiskGate
from tests.trading.exchange import BUY, FUTURES, SELL, SYMBOL, T0, VENUE, Exchange, Holds, S

CLOSE_ALL = msgspec.structs.replace(FUTURES, close_all_stops=1)
KEY = "Guarded/" + SYMBOL
STOP = OrderRequest(client_id="hg-6-1-2", symbol=SYMBOL, side=SELL, kind=OrderKind.STOP, trigger=594_000, close_position=True)


class Guarded(Holds):
    def setup(self, m: Any) -> None:
        m.protect(SYMBOL, stop="1%")


class Met(Exchange):
    """The venue has met the stop: of it the trade is left, and what a query says. `says`: how the stop stands there."""

    says: OrderState = OrderState.FILLED
    answers = True
    asked = 0

    def query(self, ask: Query) -> Any:
        if not self.answers:
            return ReadFailed(at_ns=self.now, venue=VENUE, what="order", why="timeout", symbol=SYMBOL, client_id=ask.client_id)
        if ask.waits:
            child = "900" if self.says is OrderState.FILLED else ""
            return AlgoUpdate(
                at_ns=self.now,
                symbol=SYMBOL,
                client_id=STOP.client_id,
                algo_id="700",
                state=self.says,
                said=self.says.value,
                child_id=child,
                side=SELL,
                kind=OrderKind.STOP,
                close_position=True,
            )
        assert ask.venue_id == "900", "what it became has an id of its own"
        return OrderUpdate(
            at_ns=self.now, symbol=SYMBOL, client_id="auto", venue_id="900", state=OrderState.FILLED, said="FILLED", side=SELL,
            kind=OrderKind.STOP, quantity=10, filled=10,
        )  # fmt: skip

    def pass_time(self, seconds: float, *, books: bool = True) -> list[Any]:
        """Queries are answered a second after they were asked: listings of the same round are there before."""
        got: list[Any] = []
        for _ in range(int(seconds)):
            queries = self.of(Query, self.effects[self.asked :])
            self.asked = len(self.effects)
            got += super().pass_time(1, books=books)
            for ask in queries:
                got += self.give(self.query(ask))
        return got

    def read(self, ask: Read) -> Any:
        self.open = {name: msgspec.structs.replace(each, at_ns=self.now) for name, each in self.open.items()}
        return super().read(ask)

    def sold(self, venue_id: str, trade_id: str, *, ago_s: int, side: Any = SELL) -> None:
        at = self.now - ago_s * S
        self.fills.append(
            FillUpdate(
                at_ns=at,
                symbol=SYMBOL,
                client_id="",
                venue_id=venue_id,
                trade_id=trade_id,
                side=side,
                price=594_000,
                quantity=10,
                fee="0",
                fee_currency="USDT",
                maker=False,
                event_ns=at,
            )
        )

    def share(self) -> int:
        return self.engine.state.portfolio.share(KEY, SYMBOL)

    def stop_order(self) -> Order:
        found = self.engine.state.orders.get(STOP.client_id)
        assert found is not None
        return found


def down(*, held: int = 0, kind: type[Met] = Met, **order: Any) -> Met:
    """A trader that begins anew; ten were held, and guarded, when the life before ended ten minutes ago."""
    strategy = Guarded()
    limits = Limits(currencies=("USDT",))
    there = kind(strategy, able=CLOSE_ALL, gate=RiskGate(lambda symbol: limits), start=False)
    at = T0 - 600 * S
    known: dict[str, Any] = {
        "status": Status.LIVE,
        "venue_id": "700",
        "asked_ns": at,
        "sent_ns": at,
        "accepted_ns": at,
        "seen_ns": at,
        "heard_ns": at,
    }
    stop = Order(request=STOP, strategy=KEY, role=Role.PROTECT, **known | order)
    share = Share(symbol=SYMBOL, strategy=KEY, side=PositionSide.BOTH, quantity=10, cost=6_000_000)
    there.engine.restore(Restored(orders=[stop], shares=[share], trades={SYMBOL: ["1000"]}, days={}, powers={}, since_ns=at), T0)
    there.held[SYMBOL] = held
    return there


def test_a_stop_that_was_met_while_the_trader_was_down_is_the_strategys_trade() -> None:
    there = down()
    there.sold("900", "1001", ago_s=300)
    there.begin()
    there.pass_time(30)
    assert (there.share(), there.position(), there.engine.state.portfolio.adopted) == (0, 0, {})
    assert (there.stop_order().status, there.stop_order().filled) == (Status.FILLED, 10)
    assert [each.fields["share"] for each in there.records("order.fill")] == [[0, 0, -60_000, 0, 0]], "what was lost counts"
    assert there.engine.running
    assert there.ladder.causes() == []


def test_a_stop_that_was_met_while_the_stream_was_cut_is_the_strategys_trade() -> None:
    there = down(held=10)
    there.open[STOP.client_id] = there.update(STOP, OrderState.NEW, venue_id="700")
    there.begin()
    there.pass_time(10)
    assert there.engine.running
    there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=False, missed=False, why="cut"))
    there.now += 3 * S
    there.open.clear()
    there.held[SYMBOL] = 0
    there.sold("900", "1001", ago_s=0)
    there.now += 3 * S
    there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=True, missed=True, why="a new life of the stream"))
    there.pass_time(30)
    assert (there.share(), there.position(), there.engine.state.portfolio.adopted) == (0, 0, {})
    assert there.records("pos") == [], "nobody else traded"
    assert there.ladder.causes() == []


class Silent(Met):
    """Of the stop itself nothing is to be had but what the stream says."""

    def query(self, ask: Query) -> Any:
        if ask.waits:
            return ReadFailed(at_ns=self.now, venue=VENUE, what="order", why="timeout", symbol=SYMBOL, client_id=ask.client_id)
        return super().query(ask)


def waiting(kind: type[Met] = Met) -> Met:
    """A trader at work that holds ten, and whose stop waits."""
    there = down(held=10, kind=kind)
    there.open[STOP.client_id] = there.update(STOP, OrderState.NEW, venue_id="700")
    there.begin()
    there.pass_time(10)
    assert there.engine.running
    there.open.clear()
    there.held[SYMBOL] = 0
    return there


@pytest.mark.parametrize("heard", ["before", "never"])
def test_a_stops_trade_that_the_stream_tells_before_its_trigger_is_the_strategys_trade(heard: str) -> None:
    """What it became has a name that the venue gave it: nothing says whose that is until the stop itself is told of."""
    there = waiting(Silent if heard == "before" else Met)
    there.sold("900", "1001", ago_s=0)
    there.give(msgspec.structs.replace(there.fills[-1], client_id="auto"))
    assert (there.records("pos"), there.share()) == ([], 10)
    if heard == "before":
        there.give(Met.query(there, Query(symbol=SYMBOL, client_id=STOP.client_id, venue_id="700", waits=True)))
    there.pass_time(30)
    assert (there.share(), there.position(), there.engine.state.portfolio.adopted) == (0, 0, {})
    assert (there.stop_order().status, there.stop_order().filled) == (Status.FILLED, 10)
    assert there.records("pos") == [], "nobody else traded"
    assert there.ladder.causes() == []


def test_a_listing_that_was_asked_for_before_the_streams_trade_does_not_settle_whose_it_is() -> None:
    there = waiting(Silent)
    before = there.now
    there.now += S
    there.sold("900", "1001", ago_s=0)
    there.give(msgspec.structs.replace(there.fills[-1], client_id="auto"))
    there.give(TradesRead(at_ns=there.now, symbol=SYMBOL, asked_ns=before, fills=(), whole=True))
    there.engine.state.orders.know_trade(SYMBOL, "1002")
    there.answers_reads = False
    there.pass_time(5)
    read = [each.after for each in there.of(Read) if each.what is ReadKind.TRADES]
    assert read[-1] == "1000", "the doubted one is read again, whatever came behind it"


def test_what_the_venue_closes_itself_is_its_own_at_once_though_a_stop_waits() -> None:
    """No listing tells that it was a liquidation."""
    there = waiting()
    there.sold("901", "1001", ago_s=0)
    there.give(msgspec.structs.replace(there.fills[-1], client_id="autoclose-1"))
    assert (there.share(), there.position(), there.engine.state.portfolio.adopted) == (0, 0, {})


def test_while_the_venue_does_not_say_nothing_is_decided() -> None:
    there = down()
    there.answers = False
    there.sold("900", "1001", ago_s=300)
    there.begin()
    there.pass_time(60)
    assert not there.stop_order().status.is_over
    assert there.records("recon.adopt") == []
    assert not there.engine.running
    there.answers = True
    there.pass_time(15)
    assert (there.share(), there.position()) == (0, 0)
    assert there.engine.running


def test_a_strangers_trade_beside_a_stop_that_waits_is_a_strangers() -> None:
    there = down(held=10)
    there.says = OrderState.WAITING
    there.open[STOP.client_id] = there.update(STOP, OrderState.NEW, venue_id="700")
    there.begin()
    there.pass_time(10)
    there.sold("55", "1001", ago_s=0)
    there.held[SYMBOL] = 0
    there.pass_time(60)
    assert there.stop_order().status is Status.LIVE
    assert (there.share(), there.position()) == (10, 0)
    assert [each.fields["trade"] for each in there.records("pos")] == ["1001"]


def test_a_trade_that_the_stop_cannot_have_made_waits_for_nobody() -> None:
    there = down(held=20)
    there.answers = False
    there.sold("55", "1001", ago_s=300, side=BUY)
    there.open[STOP.client_id] = there.update(STOP, OrderState.NEW, venue_id="700")
    there.begin()
    there.pass_time(5)
    assert there.engine.running


@pytest.mark.parametrize("triggered", [False, True])
def test_what_a_stop_became_is_asked_for_and_never_proved_away(triggered: bool) -> None:
    """The journal knows that it was triggered: no listing of orders that wait says anything of it."""
    there = down(held=10, child_id="900", triggered=triggered, status=Status.UNKNOWN)
    there.answers = False
    there.begin()
    there.pass_time(60)
    assert not there.stop_order().status.is_over
    assert {(each.venue_id, each.waits) for each in there.of(Query)} == {("900", False)}


def test_the_journal_tells_what_a_stop_became_when_it_is_heard() -> None:
    there = down(held=10)
    there.open[STOP.client_id] = there.update(STOP, OrderState.NEW, venue_id="700")
    there.begin()
    there.pass_time(5)
    told: Any = {"symbol": SYMBOL, "client_id": STOP.client_id, "algo_id": "700", "said": "", "side": SELL}
    there.give(AlgoUpdate(at_ns=there.now, state=OrderState.TRIGGERED, **told))
    there.give(AlgoUpdate(at_ns=there.now, state=OrderState.TRIGGERED, child_id="900", **told))
    there.give(AlgoUpdate(at_ns=there.now, state=OrderState.TRIGGERED, child_id="900", **told))
    assert [each.fields["child"] for each in there.records("order.ack")] == ["", "900"]
