"""MAX_ORDERS_PER_DAY over restarts: what earlier lives sent today counts, of the instrument and of the account."""

from __future__ import annotations

from hoga.app.trader.restore import restored
from hoga.audit.chain import Record
from hoga.audit.recovery import Recovered, Recovery
from hoga.core.times import DAY_NS
from hoga.trading.limits import Limits
from hoga.trading.ports import Write
from hoga.trading.risk import RiskGate
from tests.trading.exchange import SYMBOL, Exchange, holds

OTHER = "one:ETHUSDT"


def trader(found: Recovered | None = None, *, most: int = 3, days: int = 0) -> Exchange:
    limits = Limits(currencies=("USDT",), max_orders_per_day=most, max_orders_per_sec=0, fat_finger_size=0)
    there = Exchange(
        holds("0.010"), holds("0.010", OTHER), symbols=("BTCUSDT", "ETHUSDT"), gate=RiskGate(lambda symbol: limits), start=False
    )
    there.now += days * DAY_NS
    if found is not None:
        there.engine.restore(restored(found), there.now)
    there.begin()
    return there


def left_by(*lives: Exchange) -> Recovered:
    """What the journal of lives that were killed proves, without their orders: they are settled."""
    recovery = Recovery()
    written = [(life.now, each) for life in lives for each in life.of(Write)]
    for number, (at_ns, each) in enumerate(written, 1):
        recovery.feed(Record(number, at_ns, None, 7, each.kind, dict(each.fields), b""))
    found = recovery.result()
    return Recovered(boot=7, last_n=found.last_n, last_t=found.last_t, powers=found.powers, sent=found.sent)


def codes(there: Exchange) -> list[str]:
    return [each.fields["code"] for each in there.records("order.deny")]


def test_what_an_earlier_life_sent_today_counts() -> None:
    first = trader()
    assert [each.symbol for each in first.sent] == [SYMBOL, OTHER]
    found = left_by(first)
    assert {symbol: count for symbol, (_, count) in found.sent.items()} == {SYMBOL: 1, OTHER: 1}
    second = trader(found)
    assert [each.symbol for each in second.sent] == [SYMBOL], "three of the account, and no more"
    assert codes(second) == ["max-orders-per-day"]
    third = trader(left_by(first, second))
    assert third.sent == []


def test_another_day_begins_anew() -> None:
    found = left_by(trader())
    later = trader(found, days=1)
    assert [each.symbol for each in later.sent] == [SYMBOL, OTHER]
    assert codes(later) == []


def test_an_order_of_another_day_takes_nothing_from_today() -> None:
    day = trader(most=9).now // DAY_NS
    for sent in ({SYMBOL: (day - 1, 9), OTHER: (day, 2)}, {SYMBOL: (day, 2), OTHER: (day - 1, 9)}):
        there = trader(Recovered(boot=7, last_t=day * DAY_NS, sent=sent))
        assert len(there.sent) == 1
        assert codes(there) == ["max-orders-per-day"]
