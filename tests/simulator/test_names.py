from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.simulator.binance.names import Channel, channel_of, is_well_formed, symbol_part


@pytest.mark.parametrize(
    "name, channel",
    [
        ("btcusdt@depth", Channel("diff")),
        ("btcusdt@depth@1000ms", Channel("diff")),
        ("btcusdt@depth@100ms", Channel("diff", fast=True)),
        ("btcusdt@depth5", Channel("partial", levels=5)),
        ("btcusdt@depth20@100ms", Channel("partial", levels=20, fast=True)),
        ("btcusdt@kline_1M", Channel("kline", argument="1M")),
        ("btcusdt@kline_1h@+08:00", Channel("kline", argument="1h", utc8=True)),
        ("btcusdt@ticker_4h", Channel("rolling", argument="4h")),
        ("币安人生usdt@aggTrade", Channel("aggTrade")),
        ("BTCUSDT@aggTrade", None),
        ("btcusdt@depth30", None),
        ("btcusdt@depth@50ms", None),
        ("btcusdt@kline_7m", None),
        ("btcusdt@ticker_2h", None),
        ("btcusdt@markPrice", None),
        ("0", None),
    ],
)
def test_channels_by_name(name: str, channel: Channel | None) -> None:
    assert channel_of(name) == channel


@given(st.text())
def test_any_text_is_judged(name: str) -> None:
    is_well_formed(name)
    channel_of(name)
    assert name.startswith(symbol_part(name))
