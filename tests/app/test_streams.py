"""app.streams: which series a configured stream feeds, and every mistake named."""

from __future__ import annotations

import pytest

from hoga.app.streams import plan_streams
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
