"""What the account's stream says comes once, however many lives bring it, and a life that lacks something is found out."""

from __future__ import annotations

from typing import Any

from hoga.core.trading import BalanceUpdate, ExecutionEvent, FillUpdate, FundingUpdate, OrderUpdate, StreamUpdate
from hoga.gateway.account import AccountStream
from hoga.hub.port import LifeEnd
from hoga.hub.private import MissedEvent
from hoga.runtime.clock import ManualClock
from hoga.venues.orders import RuleBook
from hoga.venues.registry import VENUES
from tests.venues.test_private_sessions import FUTURES_ACCOUNT, FUTURES_ORDER, SPOT_REPORT

FUNDING = b'{"e":"ACCOUNT_UPDATE","E":1790771372500,"T":7,"a":{"m":"FUNDING_FEE","B":[{"a":"USDT","wb":"5","cw":"5","bc":"-0.25"}]}}'
DEPOSIT = b'{"e":"balanceUpdate","E":1790771372500,"a":"USDT","d":"100","T":1790771372499}'


class Account:
    """A stream, and two lives of it."""

    def __init__(self, venue: str) -> None:
        self.events: list[ExecutionEvent] = []
        self.spec = VENUES[venue]
        self.stream = AccountStream(self.spec, RuleBook(venue), self.events.append, clock=ManualClock(9))
        self.lives = [self.stream.opening("c", epoch, self.stream.streams()) for epoch in (1, 2)]

    def bring(self, life: int, channel: str, payload: bytes, at_ns: int = 100) -> None:
        assert self.lives[life][f"*@{channel}".encode()](at_ns, payload)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


def later(payload: bytes) -> bytes:
    """The same event, as another connection sent it a moment later."""
    for at in (b'"E":1790771372500', b'"E":1790134512402'):
        payload = payload.replace(at, at[:-3] + b"999")
    return payload


def test_an_event_that_two_lives_bring_is_told_once_though_they_were_sent_at_two_times() -> None:
    for venue, payload in (("binance-usdm", FUTURES_ORDER), ("binance", SPOT_REPORT)):
        account = Account(venue)
        for life, said in enumerate((payload, later(payload))):
            account.bring(life, "myOrder", said)
            account.bring(life, "myFill", said)
        assert (len(account.of(OrderUpdate)), len(account.of(FillUpdate))) == (1, 1)


def test_funding_is_told_once() -> None:
    account = Account("binance-usdm")
    for life, said in enumerate((FUNDING, later(FUNDING))):
        for channel in ("myAsset", "myBalance"):
            account.bring(life, channel, said)
    assert [event.amount for event in account.of(FundingUpdate)] == ["-0.25"]
    account.bring(0, "myAsset", FUNDING.replace(b'"T":7', b'"T":8').replace(b'"wb":"5"', b'"wb":"4.75"'))
    assert len(account.of(FundingUpdate)) == 2


def test_a_change_that_tells_no_balance_is_two_where_it_was_sent_twice() -> None:
    account = Account("binance")
    for payload in (DEPOSIT, DEPOSIT, later(DEPOSIT)):
        account.bring(0, "myBalance", payload)
    assert len(account.stream._known) == 2


def test_a_life_that_brings_nothing_of_what_the_other_brings_is_behind() -> None:
    account = Account("binance-usdm")
    assert account.stream.behind("c", 2, 50) == []
    account.bring(0, "myOrder", FUTURES_ORDER, at_ns=100)
    assert account.stream.behind("c", 2, 50) == ["*"]
    assert account.stream.behind("c", 2, 101) == [], "it was before"
    assert account.stream.behind("c", 1, 50) == []
    account.bring(1, "myOrder", later(FUTURES_ORDER), at_ns=110)
    assert account.stream.behind("c", 2, 50) == []
    account.bring(1, "myAsset", FUTURES_ACCOUNT, at_ns=120)
    assert account.stream.behind("c", 1, 115) == ["*"]
    assert len(account.of(BalanceUpdate)) == 1


def test_while_one_life_is_up_the_end_of_the_other_is_nothing_to_tell() -> None:
    account = Account("binance-usdm")
    account.stream.opened("c", 1, 100)
    account.stream.opened("c", 2, 200)
    account.stream.closed("c", 1, LifeEnd("replaced"))
    assert account.of(StreamUpdate) == []
    account.stream.closed("c", 2, LifeEnd("1006"))
    assert [(event.live, event.missed, event.why) for event in account.of(StreamUpdate)] == [(False, False, "1006")]
    account.stream.tell(MissedEvent(venue="binance-usdm", conn="c", epoch=3, from_ns=1, to_ns=2))
    assert account.of(StreamUpdate)[-1].missed
