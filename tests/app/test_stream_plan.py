"""app.stream_plan: which series a configured stream feeds, and every mistake named."""

from __future__ import annotations

import pytest

from hoga.app.stream_plan import every_symbol, is_every_symbol, named, plan_streams
from hoga.core.errors import ConfigError
from hoga.venues.registry import VENUES

SPOT = VENUES["binance"]


def kinds(*channels: str) -> dict[str, str]:
    return {stream.channel: stream.kind for stream in plan_streams(SPOT, ("BTCUSDT",), channels, where="here")}


def test_a_channel_alone_has_the_usual_series() -> None:
    assert kinds("depth20") == {"depth20": "orderbook"}
    assert kinds("depth") == {"depth": "delta"}


def test_channels_that_look_alike_get_series_of_their_own_in_any_order() -> None:
    expected = {"depth20@100ms": "orderbook", "depth20": "orderbook-1s"}
    assert kinds("depth20@100ms", "depth20") == expected
    assert kinds("depth20", "depth20@100ms") == expected


def test_channels_whose_payloads_tell_them_apart_share_a_series() -> None:
    assert kinds("aggTrade", "trade") == {"aggTrade": "execution", "trade": "execution"}
    assert kinds("ticker", "miniTicker") == {"ticker": "ticker", "miniTicker": "ticker"}


def test_a_stream_named_twice_is_planned_once() -> None:
    assert len(plan_streams(SPOT, ("BTCUSDT", "btcusdt", "BTCUSDT"), ("aggTrade", "aggTrade"), where="here")) == 1


def test_every_mistake_is_named_at_once_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_streams(SPOT, ("BTCUSDT", "a b"), ("depth20@10ms", "aggtrade", "trade"), where="hoga.conf")
    mistakes = caught.value.mistakes
    assert [mistake.nearest for mistake in mistakes[:2]] == ["depth20@100ms", "aggTrade"]
    assert mistakes[2].key == "SYMBOLS"


MARKETS = {
    "binance": b"""{"symbols":[{"symbol":"ETHUSDT","status":"TRADING","quoteAsset":"USDT"},
        {"symbol":"BTCUSDT","status":"TRADING","quoteAsset":"USDT"},
        {"symbol":"BTCFDUSD","status":"TRADING","quoteAsset":"FDUSD"},{"symbol":"LUNAUSDT","status":"BREAK","quoteAsset":"USDT"}]}""",
    "upbit": b"""[{"market":"KRW-BTC"},{"market":"BTC-ETH"},{"market":"KRW-ETH"},{"market":"USDT-BTC"}]""",
}


@pytest.mark.parametrize(
    ("venue", "words", "found"),
    [
        ("binance", ("ALL",), ("BTCFDUSD", "BTCUSDT", "ETHUSDT")),
        ("binance", ("ALL:USDT",), ("BTCUSDT", "ETHUSDT")),
        ("binance", ("all:usdt", "LUNAUSDT"), ("BTCUSDT", "ETHUSDT", "LUNAUSDT")),
        ("binance", ("ALL:USD",), ()),
        ("binance", ("BTCUSDT", "ALL:FDUSD", "ALL"), ("BTCUSDT", "BTCFDUSD", "ETHUSDT")),
        ("upbit", ("ALL:KRW",), ("KRW-BTC", "KRW-ETH")),
        ("upbit", ("ALL",), ("BTC-ETH", "KRW-BTC", "KRW-ETH", "USDT-BTC")),
    ],
)
def test_all_is_every_symbol_that_trades(venue: str, words: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert every_symbol(VENUES[venue], words, {each.symbol: each for each in VENUES[venue].instruments(MARKETS[venue])}) == found


def test_all_is_a_word_and_no_symbol() -> None:
    assert [word for word in ("ALL", "all", "ALL:KRW", "ALL:", "ALLUSDT", "BALL", "ALL:K RW") if is_every_symbol(word)] == [
        "ALL",
        "all",
        "ALL:KRW",
    ]
    assert named(("ALL", "BTCUSDT", "ALL:USDT")) == ("BTCUSDT",)
    with pytest.raises(ConfigError, match="looked up"):
        plan_streams(SPOT, ("ALL",), ("aggTrade",), where="here")
