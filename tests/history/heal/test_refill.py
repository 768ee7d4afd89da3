"""Which trades are missing, as ranges of ids; how venues' rows become payloads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.healed import HealedRange
from hoga.core.ledger import Gap, Reason
from hoga.history.refill import Lack, between_records, left_over, proven, without
from hoga.venues.registry import VENUES

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair))), max_size=6)


def ids(parts: list[Lack]) -> set[int]:
    return {each for part in parts for each in range(part.first, part.last + 1)}


def lack(first: int, last: int) -> Lack:
    return Lack("t", first, last, 0, 1)


@given(st.integers(0, 60), st.integers(0, 30), SPANS)
def test_what_lies_in_no_span_is_what_is_left(first: int, more: int, spans: list[tuple[int, int]]) -> None:
    parts = list(without(lack(first, first + more), spans))
    covered = {each for low, high in spans for each in range(low, high + 1)}
    assert ids(parts) == set(range(first, first + more + 1)) - covered
    assert all(later.first > earlier.last + 1 for earlier, later in zip(parts, parts[1:], strict=False))


@given(st.sets(st.integers(0, 40)))
def test_what_did_not_come_is_left_over(came: set[int]) -> None:
    assert ids(left_over(lack(5, 30), came)) == set(range(5, 31)) - came


def test_what_was_looked_for_of_the_same_chain_is_not_looked_for_again() -> None:
    ranges = [HealedRange("t", 3, 5, "rest"), HealedRange("other", 1, 9, "rest")]
    assert ids(proven([lack(1, 9)], ranges)) == {1, 2, 6, 7, 8, 9}


def gap(from_ns: int, to_ns: int, *, reason: Reason = Reason.DISCONNECT, missed: int | None = None) -> Gap:
    return Gap(from_ns=from_ns, to_ns=to_ns, reason=reason, missed=missed)


def test_a_gap_lacks_what_may_lie_between_the_records_around_it() -> None:
    records = [(10, 100), (20, 110), (50, 150), (60, 160)]
    assert between_records("e", records, [gap(20, 50)]) == [Lack("e", 111, 149, 20, 50, proven=False)]
    assert between_records("e", records, [gap(25, 45), gap(25, 45)]) == [Lack("e", 111, 149, 25, 45, proven=False)]


@pytest.mark.parametrize("of", [gap(0, 5), gap(70, 80), gap(20, 50, reason=Reason.CLOCK_STEP), gap(20, 50, missed=0)])
def test_a_gap_that_nothing_bounds_or_that_misses_nothing_asks_for_nothing(of: Gap) -> None:
    assert between_records("e", [(10, 100), (20, 110), (50, 150)], [of]) == []


def refill(venue: str, chain: str):  # type: ignore[no-untyped-def]
    return next(each for each in VENUES[venue].refills if each.chain == chain)


AGGREGATE = b'[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27782,"T":1498793709153,"m":true,"M":true}]'
SINGLE = (
    b'[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,'
    b'"isBuyerMaker":true,"isBestMatch":true}]'
)


def test_rest_and_files_give_the_streams_keys_with_the_venues_texts() -> None:
    aggregates, singles = refill("binance", "aggTrade"), refill("binance", "trade")
    [row] = aggregates.rows(AGGREGATE, "BTCUSDT")
    assert json.loads(row.payload) == {"e": "aggTrade", "s": "BTCUSDT", **json.loads(AGGREGATE)[0]}
    line = b"26129,0.01633102,4.70443515,27781,27782,1498793709153000,True,TRUE\r\n"
    assert aggregates.line(line, "BTCUSDT") == row
    [row] = singles.rows(SINGLE, "BTCUSDT")
    assert row.payload == b'{"e":"trade","s":"BTCUSDT","t":28457,"p":"4.00000100","q":"12.00000000","T":1499865549590,"m":true,"M":true}'
    assert singles.line(b"28457,4.00000100,12.00000000,48.000012,1499865549590,true,True", "BTCUSDT") == row


def test_upbits_rows_are_read_like_its_stream() -> None:
    body = (
        b'[{"market":"KRW-BTC","trade_date_utc":"2026-11-29","trade_time_utc":"11:26:53","timestamp":1795951613245,"trade_price":1.16539E8,'
        b'"trade_volume":0.00431389,"prev_closing_price":111952000.0,"change_price":4587000.0,"ask_bid":"ASK","sequential_id":17959516132450000}]'
    )
    [row] = refill("upbit", "execution").rows(body, "KRW-BTC")
    assert b'"trade_price":1.16539E8' in row.payload
    decode = VENUES["upbit"].channel_of("trade").record.decode
    assert decode is not None
    assert decode(row.payload).trade_id == row.id == 17959516132450000  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"", b"{}", b"[{}]", b'[{"a":"x","T":1}]', b'{"code":-1121}', b"<html>"])
@pytest.mark.parametrize(("venue", "chain"), [("binance", "aggTrade"), ("binance", "trade"), ("upbit", "execution")])
def test_what_is_no_list_of_trades_is_refused(venue: str, chain: str, body: bytes) -> None:
    with pytest.raises(ValueError):
        refill(venue, chain).rows(body, "X")


@pytest.mark.parametrize("line", [b"", b"1,2", b"1,x,2,3,4,5,True,True", b"1,1.5,2,3,4,5,maybe,True", b"1,1.5,2,3,4,z,True,True"])
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        refill("binance", "aggTrade").line(line, "X")
