"""Blocks of lines as columns: the fast way, the slow way and json with Decimal say the same, or none of them a number."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoga.columns.digits import NONE, Text, fixed, runs, varying
from hoga.columns.groups import Rows
from hoga.columns.reading import Reader, pieces
from hoga.columns.shapes import Field, LevelLists, LevelUnits, Shape
from hoga.columns.slowly import SlowReader
from tests.tries import tries

ENVELOPE = (Field("recv_ns", ("recvNs",), "ns", needed=True), Field("event_ns", ("eventTime",), "ms"))
BOOK = (Shape((Field("update_id", ("id",), "integer"),), LevelLists("bids", "asks")),)
UNITS = (Shape((), LevelUnits("units", "bp", "bs", "ap", "as")),)
_SAID = (Field("price", ("p",), "decimal"), Field("size", ("q",), "decimal"), Field("side", ("m",), "side", flip=True))
TRADES = (
    Shape((*_SAID, Field("id", ("a",), "integer")), mark=("e", "agg")),
    Shape((*_SAID, Field("id", ("t",), "integer")), mark=("e", "trade")),
)


def line_of(recv_ns: int, body: str, *, conn: str = "binance-1", event: str = "1795180500098", latency: str = "24.7") -> bytes:
    return (
        f'{{"recvNs":{recv_ns},"eventTime":{event},"timeSource":"venue","latencyMs":{latency},"epoch":3,"conn":"{conn}",{body}}}\n'.encode()
    )


def side_of(levels: list[tuple[str, str]], *, bare: bool = False) -> str:
    quote = "" if bare else '"'
    return "[" + ",".join(f"[{quote}{price}{quote},{quote}{size}{quote}]" for price, size in levels) + "]"


def book_line(number: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]], *, bare: bool = False, **envelope: Any) -> bytes:
    body = f'"id":{number},"bids":{side_of(bids, bare=bare)},"asks":{side_of(asks, bare=bare)}'
    return line_of(1_795_180_500_123_456_789 + number, body, **envelope)


def said(record: dict[str, Any], *keys: str) -> Decimal:
    for key in keys:
        record = record[key]
    return Decimal(record)  # type: ignore[arg-type]


def parsed(line: bytes) -> dict[str, Any]:
    return json.loads(line, parse_float=Decimal, parse_int=Decimal)  # type: ignore[no-any-return]


def levels_of(rows: Rows, row: int, name: str) -> list[tuple[Any, Any]]:
    """The levels of one record and side, whatever the layout."""
    assert rows.counts is not None
    assert rows.prices is not None
    assert rows.sizes is not None
    flat = [each.reshape(-1) for each in (rows.prices, rows.sizes)]
    begin = int(rows.counts[:row].sum()) + (int(rows.counts[row, 0]) if name == "asks" else 0)
    count = int(rows.counts[row, 0 if name == "bids" else 1])
    return list(zip(flat[0][begin : begin + count].tolist(), flat[1][begin : begin + count].tolist(), strict=True))


def exact_levels(rows: Rows, row: int, name: str) -> list[tuple[Decimal, Decimal]]:
    price, size = rows.decimals["prices"], rows.decimals["sizes"]
    return [(Decimal(one).scaleb(-price), Decimal(two).scaleb(-size)) for one, two in levels_of(rows, row, name)]


def number(chance: random.Random, decimals: int | None) -> str:
    """A number of up to seven digits before the point, and so many behind it; None: any, or none."""
    decimals = chance.choice([0, 1, 3, 7]) if decimals is None else decimals
    whole = str(chance.randrange(10 ** chance.randrange(1, 8)))
    return f"{whole}.{chance.randrange(10**decimals):0{decimals}}" if decimals else whole


@st.composite
def books(draw: st.DrawFn) -> list[bytes]:
    """Lines of a book or delta: alike, thin, empty on one side, with decimals that vary or not, bare or quoted."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    bare = draw(st.booleans())
    price, size = (draw(st.sampled_from([0, 2, 3, 8, None])) for _ in range(2))
    least, most = draw(st.sampled_from([(2, 2), (0, 4), (20, 20)]))
    envelopes = ({}, {}, {}, {"latency": "null"}, {"latency": "25"}, {"conn": "other"}, {"conn": 'a\\"b-1'}, {"event": "null"})

    def side() -> list[tuple[str, str]]:
        return [(number(chance, price), number(chance, size)) for _ in range(chance.randint(least, most))]

    return [book_line(at, side(), side(), bare=bare, **chance.choice(envelopes)) for at in range(draw(st.integers(1, 8)))]


@given(books())
def test_books_are_exact_whatever_they_are_spelt_like(lines: list[bytes]) -> None:
    block = b"".join(lines)
    rows = Reader(BOOK, ENVELOPE, exact=True).read(block)
    floats = Reader(BOOK, ENVELOPE).read(block)
    assert rows.count == floats.count == len(lines)
    for row, line in enumerate(lines):
        record = parsed(line)
        assert rows.columns["recv_ns"][row] == record["recvNs"]
        assert rows.columns["update_id"][row] == record["id"]
        assert rows.columns["event_ns"][row] == (NONE if record["eventTime"] is None else record["eventTime"] * 1_000_000)
        for name in ("bids", "asks"):
            assert exact_levels(rows, row, name) == [(said({"": one}, ""), said({"": two}, "")) for one, two in record[name]]
            assert levels_of(floats, row, name) == [(float(one), float(two)) for one, two in json.loads(line)[name]]


@given(books())
def test_the_slow_way_reads_the_same(lines: list[bytes]) -> None:
    slow = SlowReader(BOOK, ENVELOPE)
    rows = Reader(BOOK, ENVELOPE, exact=True).read(b"".join(lines))
    for row, line in enumerate(lines):
        found = slow.read(line)
        assert found.levels is not None
        assert [exact_levels(rows, row, name) for name in ("bids", "asks")] == list(found.levels)
        assert found.values["update_id"] == int(rows.columns["update_id"][row])


@settings(max_examples=tries(150))
@given(books(), st.integers(0, 2**32))
def test_a_flipped_bit_is_an_error_or_what_json_reads(lines: list[bytes], seed: int) -> None:
    """A learnt reader, then the same block with one bit turned: nothing but what the changed text says comes out."""
    chance, reader = random.Random(seed), Reader(BOOK, ENVELOPE, exact=True)
    reader.read(b"".join(lines))
    block = bytearray(b"".join(lines))
    at = chance.randrange(len(block))
    block[at] ^= 1 << chance.randrange(8)
    try:
        rows = reader.read(bytes(block))
    except ValueError:
        return
    changed = bytes(block).split(b"\n")[:-1]
    assert rows.count == len(changed)
    for row, line in enumerate(changed):
        record = parsed(line)
        assert rows.columns["recv_ns"][row] == record["recvNs"]
        assert rows.columns["update_id"][row] == (NONE if record.get("id") is None else record["id"])
        for name in ("bids", "asks"):
            assert exact_levels(rows, row, name) == [(said({"": one}, ""), said({"": two}, "")) for one, two in record[name]]


SIGNS = b'0123456789.-/:;<=>?"[],{}r \n'


def changed_at_random(chance: random.Random, block: bytes) -> bytes:
    """One to three signs turned, replaced, put in, left out or swapped."""
    found = bytearray(block)
    for _ in range(chance.choice([1, 1, 2, 3])):
        at, act = chance.randrange(len(found) - 1), chance.randrange(5)
        if act == 0:
            found[at] ^= 1 << chance.randrange(8)
        elif act == 1:
            found[at] = chance.choice(SIGNS)
        elif act == 2:
            found.insert(at, chance.choice(SIGNS))
        elif act == 3:
            del found[at]
        else:
            found[at], found[at + 1] = found[at + 1], found[at]
    return bytes(found)


@settings(max_examples=tries(60))
@given(st.integers(0, 2**32), st.sampled_from([8, 2, 5, 1]), st.sampled_from([2, 20]), st.integers(1, 3))
def test_whatever_is_changed_in_lines_that_were_alike_the_text_is_read_or_refused(
    seed: int, decimals: int, levels: int, count: int
) -> None:
    """The way in which only the ends of numbers are looked for: what is read is what stands there."""
    chance = random.Random(seed)

    def side() -> list[tuple[str, str]]:
        return [(f"{chance.randrange(10**6) / 100:.{decimals}f}", f"{chance.random() * 900:.{decimals}f}") for _ in range(levels)]

    block = b"".join(book_line(at, side(), side()) for at in range(count))
    reader = Reader(BOOK, ENVELOPE, exact=True)
    reader.read(block)
    for _ in range(8):
        changed = changed_at_random(chance, block)
        try:
            rows = reader.read(changed)
        except ValueError:
            continue
        assert rows.count == changed.count(b"\n")
        for row, line in enumerate(changed.split(b"\n")[:-1]):
            record = parsed(line)
            assert rows.columns["recv_ns"][row] == record["recvNs"]
            assert rows.columns["update_id"][row] == (NONE if record.get("id") is None else record["id"])
            for name in ("bids", "asks"):
                assert exact_levels(rows, row, name) == [(said({"": one}, ""), said({"": two}, "")) for one, two in record[name]]


def test_books_that_are_alike_never_take_the_slow_way() -> None:
    chance = random.Random(5)

    def side() -> list[tuple[str, str]]:
        return [(f"{chance.randrange(10**7) / 100:.2f}000000", f"{chance.random() * 30:.8f}") for _ in range(20)]

    lines = [book_line(at, side(), side()) for at in range(300)]
    reader = Reader(BOOK, ENVELOPE)
    rows = reader.read(b"".join(lines))
    assert reader.slow_lines == 0
    assert rows.prices is not None
    assert rows.prices.shape == (300, 2, 20)


def trade_line(number: int, price: str, size: str, kind: str, *, sold: bool, more: str = "") -> bytes:
    key = "a" if kind == "agg" else "t"
    return line_of(number, f'"e":"{kind}","{key}":{number},"p":"{price}","q":"{size}","m":{str(sold).lower()}{more}')


@given(st.integers(0, 2**32))
def test_trades_of_two_channels_in_one_series(seed: int) -> None:
    chance = random.Random(seed)
    trades = [(number(chance, None), number(chance, 3), chance.choice(["agg", "trade"]), chance.random() < 0.5) for _ in range(20)]
    lines = [trade_line(at, *each[:3], sold=each[3]) for at, each in enumerate(trades)]
    reader = Reader(TRADES, ENVELOPE)
    rows = reader.read(b"".join(lines))
    assert reader.slow_lines == 0
    assert rows.columns["price"].tolist() == [float(price) for price, *_ in trades]
    assert rows.columns["size"].tolist() == [float(size) for _, size, *_ in trades]
    assert rows.columns["side"].tolist() == [-1 if sold else 1 for *_, sold in trades]
    assert rows.columns["id"].tolist() == list(range(len(trades)))
    assert rows.shape.tolist() == [0 if kind == "agg" else 1 for _, _, kind, _ in trades]


def test_a_book_of_units_reads_by_its_keys_and_exponents_too() -> None:
    units = '"units":[{"ap":3040.0,"bp":3035,"as":2753.00947547,"bs":1.2e-05},{"ap":1.16539E8,"bp":3030.5,"as":0.5,"bs":2}]'
    plain = units.replace("1.2e-05", "0.00001200").replace("1.16539E8", "116539000")
    reader = Reader(UNITS, ENVELOPE)
    for text in (units, plain):
        rows = reader.read(line_of(7, text) * 3)
        assert levels_of(rows, 2, "bids") == [(3035.0, 1.2e-05), (3030.5, 2.0)]
        assert levels_of(rows, 1, "asks") == [(3040.0, 2753.00947547), (116539000.0, 0.5)]
    assert reader.slow_lines == 3, "an exponent takes the slow way, the other block does not"


@pytest.mark.parametrize(
    "body",
    [
        '"e":"agg","a":1,"p":"1.2.3","q":"1","m":true',
        '"e":"agg","a":1,"p":"1","q":"NaN","m":true',
        '"e":"agg","a":1,"p":NaN,"q":"1","m":true',
        '"e":"agg","a":1.5,"p":"1","q":"1","m":true',
        '"e":"agg","a":01,"p":"1","q":"1","m":true',
        '"e":"agg","a":99999999999999999999,"p":"1","q":"1","m":true',
        '"e":"agg","a":1,"p":"1","q":"1","m":"yes"',
        '"e":"other","a":1,"p":"1","q":"1","m":true',
        '"e":"agg","a":1,"p":{"x":1},"q":"1","m":true',
        '"e":"agg","a":1,"p":[1],"q":"1","m":true',
        '"e":"agg","a":1,"p":"1","q":"1","m":true,',
    ],
)
def test_what_is_no_number_is_an_error_that_names_the_line(body: str) -> None:
    good = trade_line(1, "1", "1", "agg", sold=True)
    with pytest.raises(ValueError, match="line 12"):
        Reader(TRADES, ENVELOPE).read(good + good + line_of(3, body), line=10)


def test_a_key_of_hogas_in_a_payload_does_not_speak_for_it() -> None:
    line = line_of(5, '"e":"agg","recvNs":9,"a":1,"p":"1","q":"1","m":true')
    assert Reader(TRADES, ENVELOPE).read(line).columns["recv_ns"].tolist() == [5]


def test_values_that_are_missing_are_none_and_nan() -> None:
    rows = Reader(TRADES, ENVELOPE).read(line_of(5, '"e":"agg","a":null,"q":"1","p":"","m":null', event="null"))
    assert rows.columns["id"].tolist() == [NONE]
    assert rows.columns["event_ns"].view("datetime64[ns]").tolist() == [None]
    assert np.isnan(rows.columns["price"]).all()
    assert rows.columns["side"].tolist() == [0]


def test_floats_are_the_nearest_ones_for_many_digits_too() -> None:
    texts = ["9007199254740993.5", "123456789012345.678", "0.1234567890123456", "900719925.474099301", "1234567890.12345678901234"]
    lines = [trade_line(at, text, "0.1", "agg", sold=False) for at, text in enumerate(texts)]
    assert Reader(TRADES, ENVELOPE).read(b"".join(lines)).columns["price"].tolist() == [float(text) for text in texts]


def test_exact_numbers_that_do_not_fit_are_refused() -> None:
    lines = trade_line(1, "123456789012345678", "1", "agg", sold=False) + trade_line(2, "0.123", "1", "agg", sold=False)
    with pytest.raises(ValueError, match="price: a number does not fit 64 bits"):
        Reader(TRADES, ENVELOPE, exact=True).read(lines)


@given(st.integers(0, 2**32))
def test_any_decimals_add_up(seed: int) -> None:
    chance = random.Random(seed)
    texts = [chance.choice(["", "-"]) + number(chance, None) for _ in range(20)]
    text = Text()
    text.load(b"[" + ",".join(texts).encode() + b"]")
    found = runs(text)
    assert len(found) == len(texts)
    read = varying(text, found[:, 0], found[:, 1])
    assert read.bad is None
    assert [Decimal(value).scaleb(-read.decimals) for value in read.values.tolist()] == [Decimal(each) for each in texts]


@pytest.mark.parametrize("text", ["1.2.3", "--2", "2/3", ".5", "5.", "-", "1-2", "1234567890123456789"])
def test_what_is_no_number_is_noticed(text: str) -> None:
    block = Text()
    block.load(f"[1.5,{text}]".encode())
    found = runs(block)
    bad = varying(block, found[:, 0], found[:, 1]).bad
    assert bad is not None
    assert bad[1]


def test_nineteen_digits_are_an_int64_or_nothing() -> None:
    block = Text()
    block.load(b"[9223372036854775807,9223372036854775808,9999999999999999999,12345678901234567890]")
    found = runs(block)
    read = fixed(block, found[:, 0], found[:, 1], 0)
    assert read.values[0] == 2**63 - 1
    assert read.bad is not None
    assert read.bad.tolist() == [False, True, True, True]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(1, 400))
def test_pieces_are_whole_lines(lengths: list[int], size: int) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    found = [bytes(piece) for piece in pieces(text, size)]
    assert b"".join(found) == text
    assert all(piece.endswith(b"\n") for piece in found)


@pytest.mark.parametrize("block", [b"", b"{}", b'{"recvNs":1}'])
def test_text_that_is_cut_is_an_error(block: bytes) -> None:
    with pytest.raises(ValueError, match="line's end"):
        Reader(BOOK, ENVELOPE).read(block)
