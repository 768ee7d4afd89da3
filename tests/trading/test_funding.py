"""Funding: in cross margin the venue tells the amount of the account alone, and no symbol."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from hoga.audit.chain import Record
from hoga.audit.recovery import Recovery
from hoga.core.trading import FundingUpdate, Held, PositionUpdate
from hoga.trading.limits import Limits
from hoga.trading.risk import RiskGate
from tests.trading.exchange import SYMBOL, VENUE, Exchange, holds

OTHER = f"{VENUE}:ETHUSDT"


def paid(there: Exchange, amount: str, *, symbol: str = "", currency: str = "USDT", venue: str = VENUE) -> None:
    there.give(FundingUpdate(at_ns=there.now, raw="{}", symbol=symbol, currency=currency, amount=amount, venue=venue))


def held(*symbols: str, limits: Limits | None = None) -> Exchange:
    wanted = [holds("0.010", each) for each in symbols]
    gate = RiskGate(dict.fromkeys(symbols, limits).get) if limits is not None else None
    there = Exchange(*wanted, symbols=tuple(each.partition(":")[2] for each in symbols), gate=gate)
    for each in symbols:
        there.book(symbol=each)
    for request in list(there.sent):
        there.fill(request)
    there.pass_time(2)
    return there


def test_funding_without_a_symbol_counts_to_what_was_lost_today() -> None:
    there = held(SYMBOL, limits=Limits(currencies=("USDT",), max_daily_loss=Decimal(500), fat_finger_size=0))
    paid(there, "-600.00000001")
    there.pass_time(3)
    rules = there.rules[SYMBOL]
    assert there.engine.state.day(SYMBOL).funding == -600 * 10**-rules.money_power - 1
    assert there.engine.state.rung.name == "FLATTEN"
    (record,) = there.records("funding")
    assert (record.fields["sym"], record.fields["amount"], record.fields["day"][2]) == (SYMBOL, "-600.00000001", -60_000_01)


@pytest.mark.parametrize(("amount", "parts"), [("-3", ["-2", "-1"]), ("0.00000002", ["0.00000001", "0.00000001"])])
def test_funding_without_a_symbol_is_shared_by_what_positions_are_worth(amount: str, parts: list[str]) -> None:
    there = held(SYMBOL, OTHER)
    there.book(1_200_000, 1_200_000, symbol=SYMBOL)
    there.book(600_000, 600_000, symbol=OTHER)
    paid(there, amount)
    records = {each.fields["sym"]: each.fields["amount"] for each in there.records("funding")}
    assert records == dict(zip((SYMBOL, OTHER), parts, strict=True))
    assert sum(map(Decimal, records.values())) == Decimal(amount)


def stranger(there: Exchange, **changes: Any) -> None:
    """A position of somebody else in the same account."""
    known = {"symbol": f"{VENUE}:SOLUSDT", "quantity": 10**7, "entry": "60", "worth": Decimal(59_994), "settle": "USDT"}
    there.give(PositionUpdate(at_ns=there.now, held=Held(**(known | changes))))


def test_what_others_hold_in_the_account_bears_its_part_of_the_funding_and_sells_nothing_of_ours() -> None:
    there = held(SYMBOL, limits=Limits(currencies=("USDT",), max_daily_loss=Decimal(500), fat_finger_size=0))
    ours = Decimal(10 * there.engine.state.price(SYMBOL)).scaleb(there.rules[SYMBOL].money_power)
    stranger(there, worth=-99 * ours)  # short or long: it is as large
    paid(there, "-600")
    there.pass_time(3)
    assert [(each.fields["sym"], each.fields["amount"], "day" in each.fields) for each in there.records("funding")] == [
        (SYMBOL, "-6", True),
        ("", "-594", False),
    ]
    rules = there.rules[SYMBOL]
    assert there.engine.state.day(SYMBOL).funding == -6 * 10**-rules.money_power
    assert there.engine.state.rung.name != "FLATTEN"


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({"worth": None}, None),  # nobody knows how much of it is ours
        ({"settle": ""}, None),
        ({"settle": "USDC"}, "-600"),
        ({"margin_type": "isolated"}, "-600"),
        ({"quantity": 0, "worth": None}, "-600"),
    ],
)
def test_funding_is_booked_only_where_it_is_known_whose_it_is(changes: dict[str, Any], ours: str | None) -> None:
    there = held(SYMBOL)
    stranger(there, **changes)
    paid(there, "-600")
    (record,) = there.records("funding")
    assert (record.fields["sym"], Decimal(record.fields["amount"])) == ((SYMBOL, Decimal(ours)) if ours else ("", Decimal(-600)))
    assert bool(there.engine.state.portfolio.today(SYMBOL)[2]) is (ours is not None)


def test_funding_of_what_is_not_ours_is_in_the_journal_and_in_no_books() -> None:
    there = held(SYMBOL)
    paid(there, "-1", currency="USDC")
    paid(there, "-2", symbol=OTHER)
    paid(there, "-3", venue="another")
    records = there.records("funding")
    assert [each.fields["amount"] for each in records] == ["-1", "-2", "-3"]
    assert there.engine.state.portfolio.today(SYMBOL)[2] == 0
    recovery = Recovery()
    for number, each in enumerate(records):
        recovery.feed(Record(n=number, t=there.now, m=None, b=1, kind=each.kind, fields=each.fields, hash=b""))
    assert recovery.result().days == {}
