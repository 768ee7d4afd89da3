"""venues.endpoints: where each venue is reached, and what is recorded there unless told otherwise. Pure.

`{port}` in a URL is replaced from `PORTS` in turn; a URL without it has one fixed port. Deleting a venue removes
its line here.

Source: Binance spot-docs "web-socket-streams" and "rest-api", USD-M docs "websocket-market-streams", Upbit docs
"websocket" and "rest", read 2026-11-20; test networks: "general-info" of each, read 2026-11-29.
"""

from __future__ import annotations

import msgspec

__all__ = ["CLASSIC_PLACEHOLDER_KEY", "CLASSIC_PORTS_KEY", "CLASSIC_VENUE", "VENUE_DEFAULTS", "TestnetUrls", "VenueDefaults"]


class TestnetUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Where a venue's test network is, as `VenueDefaults` says of the venue itself."""

    ws_url: str
    rest_url: str
    ws_api_url: str | None
    ws_private_url: str


class VenueDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults of one venue. URLs are scheme and host (and port) without a path; None means the venue has no such service.

    `testnet`: None where the venue has no test network.
    `symbols` and `streams` are in the venue's own words. `upper_case`: symbols are written in capitals. `limit_currencies`: what most of
    its instruments are paid in, and `money_unit`: how much of that is about one US dollar. Fees in hundredths of a percent, of who has
    no discount.
    """

    symbols: tuple[str, ...]
    streams: tuple[str, ...]
    ws_url: str
    rest_url: str
    history_url: str | None
    ws_api_url: str | None
    ws_private_url: str
    testnet: TestnetUrls | None = None
    upper_case: bool = True
    limit_currencies: tuple[str, ...] = ("USDT", "USDC", "FDUSD", "USD")
    money_unit: int = 1
    maker_fee_bp: float
    taker_fee_bp: float


CLASSIC_VENUE = "binance"
"""The venue that a configuration file without sections is about."""
CLASSIC_PORTS_KEY = "PORTS_STREAM_BINANCE_COM"
CLASSIC_PLACEHOLDER_KEY = "WILDCARD_STREAM_BINANCE_COM_PORT"
"""What the classic recorder called its ports, and the text that stood for one of them in its URL."""

VENUE_DEFAULTS: dict[str, VenueDefaults] = {
    "binance": VenueDefaults(
        symbols=("BTCUSDT", "ETHUSDT"),
        streams=("depth20@100ms", "aggTrade"),
        ws_url="wss://stream.binance.com:{port}",
        rest_url="https://api.binance.com",
        history_url="https://data.binance.vision",
        ws_api_url="wss://ws-api.binance.com:{port}",
        ws_private_url="wss://ws-api.binance.com:{port}",
        testnet=TestnetUrls(
            ws_url="wss://stream.testnet.binance.vision",
            rest_url="https://testnet.binance.vision",
            ws_api_url="wss://ws-api.testnet.binance.vision",
            ws_private_url="wss://ws-api.testnet.binance.vision",
        ),
        maker_fee_bp=10,
        taker_fee_bp=10,
    ),
    "binance-usdm": VenueDefaults(
        symbols=("BTCUSDT", "ETHUSDT"),
        streams=("depth20@100ms", "aggTrade"),
        ws_url="wss://fstream.binance.com",
        rest_url="https://fapi.binance.com",
        history_url="https://data.binance.vision",
        ws_api_url="wss://ws-fapi.binance.com",
        ws_private_url="wss://fstream.binance.com",
        testnet=TestnetUrls(
            ws_url="wss://demo-fstream.binance.com",
            rest_url="https://demo-fapi.binance.com",
            ws_api_url="wss://testnet.binancefuture.com",
            ws_private_url="wss://demo-fstream.binance.com",
        ),
        maker_fee_bp=2,
        taker_fee_bp=5,
    ),
    "upbit": VenueDefaults(
        symbols=("KRW-BTC", "KRW-ETH"),
        streams=("orderbook", "trade"),
        ws_url="wss://api.upbit.com",
        rest_url="https://api.upbit.com",
        history_url=None,
        ws_api_url=None,
        ws_private_url="wss://api.upbit.com",
        limit_currencies=("KRW",),
        money_unit=1_500,
        maker_fee_bp=5,
        taker_fee_bp=5,
    ),
}
"""Venue name → its defaults. The names are those of configuration sections and archive folders."""
