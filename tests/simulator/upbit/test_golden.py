"""Keys, their order, types and spellings against what others captured from the real server, or what its documentation prints."""

from __future__ import annotations

import ast
import gzip
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hoga.simulator.engine import Top
from hoga.simulator.engine.market import Trade
from hoga.simulator.upbit import payloads
from hoga.simulator.upbit.markets import describe
from hoga.simulator.upbit.payloads import BookImage, Format
from hoga.simulator.upbit.replayed import respelt
from hoga.simulator.upbit.tape import Tape

START_MS = 1_795_163_415_120
E8 = 100_000_000


def tape() -> Tape:
    made = Tape(describe("KRW-BTC"))
    for number in range(4):
        trade = Trade(number, 116_540 + number, 214_000 + number, 0, bool(number % 2))
        made.add(trade, START_MS + number, Top(1, 116_539, 8_120_946, 116_540, 77_720))
    return made


BOOK = BookImage(
    START_MS, ((116_539_000 * E8, 2_054_761), (116_542_000 * E8, 77_720)), ((116_538_000 * E8, 8_120_946), (116_537_000 * E8, 1_129_382))
)


def text_of(kind: str, form: Format, stream_type: str = "REALTIME") -> str:
    made = tape()
    if kind == "orderbook":
        return payloads.orderbook("KRW-BTC", BOOK, form, stream_type)
    if kind == "trade":
        return payloads.trade("KRW-BTC", made.prints[-1], form, stream_type, tick_e8=1_000 * E8, sent_ms=START_MS)
    if kind == "ticker":
        return payloads.ticker("KRW-BTC", made, made.prints[-1], form, stream_type, sent_ms=START_MS)
    return payloads.candle("KRW-BTC", "1m", made.candles["1m"][-1], form, stream_type)


def shape(value: Any) -> Any:
    """Keys in order, and the type of each value; one element stands for a list."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value)


def keys(value: dict) -> list[str]:
    return list(value)


@pytest.fixture
def frames(data: Path) -> dict[str, str]:
    lines = (data / "upbit" / "frames_20260923.jsonl").read_text().splitlines()
    return {note["id"]: note["raw"] for note in map(json.loads, lines)}


@pytest.mark.parametrize("name, form", [("orderbook-snapshot-DEFAULT", Format.DEFAULT), ("orderbook-snapshot-SIMPLE", Format.SIMPLE)])
def test_books_have_the_captured_shape(frames: dict[str, str], name: str, form: Format) -> None:
    captured, made = frames[name], text_of("orderbook", form, "SNAPSHOT")
    assert shape(json.loads(made)) == shape(json.loads(captured))


def test_a_captured_book_is_printed_again_to_the_byte(frames: dict[str, str]) -> None:
    made = payloads.orderbook("KRW-BTC", BOOK._replace(time_ms=1790134742106), Format.DEFAULT, "SNAPSHOT")
    captured = frames["orderbook-snapshot-DEFAULT"]
    totals = re.compile(r'"total_(ask|bid)_size":[0-9.]+')  # of thirty units, of which the capture kept two
    assert totals.sub("", made) == totals.sub("", captured)


def test_tickers_have_the_captured_shape(data: Path) -> None:
    lines = (data / "upbit" / "ticker_20250714_part1.jsonl").read_text().splitlines()
    made = shape(json.loads(text_of("ticker", Format.DEFAULT)))
    for line in lines:
        assert shape(json.loads(line)) == made


def test_simple_frames_have_the_captured_keys_in_the_captured_order(data: Path) -> None:
    with gzip.open(data / "upbit" / "cf_20210405.raw.gz", "rt") as lines:
        bodies = [ast.literal_eval(line.partition(": ")[2].strip()) for line in lines if ": b'" in line]
    compared = set()
    for body in bodies:
        captured = json.loads(body)
        made = json.loads(text_of(captured["ty"], Format.SIMPLE))
        assert [key for key in made if key in captured] == keys(captured)
        assert set(made) - set(captured) <= {"lv", "bap", "bas", "bbp", "bbs"}  # newer than the capture
        if captured["ty"] == "orderbook":
            assert keys(made["obu"][0]) == keys(captured["obu"][0])
        compared.add(captured["ty"])
    assert compared == {"orderbook", "trade"}


@pytest.mark.parametrize("kind, name", [("trade", "Trades"), ("candle", "Kline"), ("ticker", "Tickers")])
def test_frames_have_the_documented_keys_in_the_documented_order(data: Path, kind: str, name: str) -> None:
    text = (data / "upbit" / "fixtures" / f"Subscriptions_Spot_{name}.txt").read_text()
    documented = json.loads(text[text.index("= ") + 2 :])
    assert keys(json.loads(text_of(kind, Format.DEFAULT))) == keys(documented)


KINDS = ("orderbook", "trade", "ticker", "candle")


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_formats_are_the_others_in_an_array(kind: str) -> None:
    for plain, listed in ((Format.DEFAULT, Format.JSON_LIST), (Format.SIMPLE, Format.SIMPLE_LIST)):
        text = text_of(kind, listed)
        assert text == text_of(kind, plain)
        assert payloads.printed(text, listed).text == f"[{text}]".encode()
        assert payloads.printed(text, listed).opcode == 2


@pytest.mark.parametrize("kind", KINDS)
def test_short_and_long_mean_the_same(kind: str) -> None:
    long, short = text_of(kind, Format.DEFAULT), text_of(kind, Format.SIMPLE)

    def read(text: str) -> Any:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)

    assert read(respelt(long, to_short=True)) == read(short)
    assert read(respelt(short, to_short=False)) == read(long)
    assert respelt(respelt(long, to_short=True), to_short=False) == long


def test_a_short_side_is_filled_up_with_zeros() -> None:
    book = BOOK._replace(bids=BOOK.bids[:1])
    units = json.loads(payloads.orderbook("KRW-BTC", book, Format.SIMPLE, "SNAPSHOT"))["obu"]
    assert [(unit["bp"], unit["bs"]) for unit in units] == [(116_538_000, 0.08120946), (0, 0)]


@pytest.mark.parametrize(
    "path, name",
    [
        ("market/all?is_details=true", "GetSymbols"),
        ("ticker?markets=KRW-BTC", "GetTickers"),
        ("trades/ticks?market=KRW-BTC", "GetTradeHistory"),
        ("candles/seconds?market=KRW-BTC", "GetKlines"),
        ("orderbook/instruments?markets=KRW-BTC", "GetSymbolConfig"),
    ],
)
async def test_rest_has_the_documented_keys_in_the_documented_order(data: Path, upbit: Any, get: Any, path: str, name: str) -> None:
    text = (data / "upbit" / "fixtures" / f"Endpoints_Spot_ExchangeData_{name}.txt").read_text()
    documented = json.loads(text[text.index("\n[") :])
    status, rows, _ = await get(await upbit(), path)
    assert status == 200
    assert keys(rows[0]) == keys(documented[0])


async def test_rest_errors_are_the_captured_ones(frames: dict[str, str], upbit: Any, get: Any) -> None:
    sim = await upbit()
    for name, path, status in [
        ("rest-404", "orderbook?markets=KRW-NOPE", 404),
        ("rest-400-missing", "orderbook", 400),
        ("rest-400-type", "orderbook?markets=KRW-BTC&count=abc", 400),
        ("rest-404-route", "nope", 404),
    ]:
        assert (await get(sim, path))[:2] == (status, json.loads(frames[name]))
