"""Names of files: every symbol has one that a file system takes, and from the name back to what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.layout import day_stem, encode_symbol, parse_day, parse_segment, segment_stem, unwritable
from hoga.archive.form.seriesday import SeriesDay

SYMBOLS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300) | st.text("%~ab0/. 币", min_size=1, max_size=300)


@given(SYMBOLS)
def test_every_symbol_has_a_name_that_a_file_system_takes(symbol: str) -> None:
    stem = segment_stem(symbol, "orderbook", "2026-11-20", "13-15", part=1_000)
    for name in (f"{stem}.jsonl.zst.12.tmp", f"{day_stem(symbol, 'orderbook', '2026-11-20')}.jsonl.zst.spool.merging"):
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert not name.startswith(".")


@given(SYMBOLS)
def test_a_name_says_its_symbol_or_stands_for_itself(symbol: str) -> None:
    stem = segment_stem(symbol, "orderbook", "2026-11-20", "13-15", part=2)
    found = parse_segment(stem + ".zip")
    assert found is not None
    assert (found.kind, found.day, found.minute, found.part) == ("orderbook", "2026-11-20", "13-15", 2)
    assert segment_stem(found.symbol, "orderbook", "2026-11-20", "13-15", part=2) == stem
    assert SeriesDay(Path(), found.symbol, "orderbook", "2026-11-20").folder == SeriesDay(Path(), symbol, "orderbook", "2026-11-20").folder
    day = parse_day(day_stem(symbol, "orderbook", "2026-11-20") + ".zip")
    assert day is not None
    assert day.symbol == found.symbol
    if len(encode_symbol(symbol)) == len(symbol):
        assert found.symbol == symbol


@pytest.mark.parametrize(
    ("symbol", "name"),
    [("BTCUSDT", "BTCUSDT"), ("KRW-BTC", "KRW-BTC"), ("币安人生USDT", "币安人生USDT"), (".x/y", "%2Ex%2Fy"), ("A" * 100, "A" * 100)],
)
def test_ordinary_names_are_the_symbols_themselves(symbol: str, name: str) -> None:
    assert encode_symbol(symbol) == name


def test_long_symbols_that_differ_only_at_their_end_have_two_names() -> None:
    one, other = (encode_symbol("币" * 90 + end) for end in "AB")
    assert one != other
    assert one[:-16] == other[:-16]


def test_symbols_that_an_encoding_cannot_carry_are_named() -> None:
    assert unwritable(["BTCUSDT", "币安人生USDT", "호가"], "ascii") == ["币安人生USDT", "호가"]
    assert unwritable(["호가", "👍USDT"], "euc-kr") == ["👍USDT"]
    assert unwritable(["币安人生USDT", "호가", "👍USDT"], "utf-8") == []
    assert unwritable(["a\udcffb"], "utf-8") == ["a\udcffb"]
