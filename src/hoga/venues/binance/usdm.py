"""venues.binance.usdm: channels, routes and limits of Binance USDⓈ-M futures.

Differs from spot: streams live on routes (`/public`, `/market`) and one on the wrong route is acked and silent for
ever; partial depth and deltas have one payload, told apart by the combined frame's stream name; a delta chains by `pu`
(the id before it), because ids are shared by all symbols; the server pings every three minutes only.

Source: USD-M docs "websocket-market-streams", change log 2026-03-05 and 2026-04-02, CM/UM integration notice 2026-06-10;
probes of 2026-10-07 for the silence of misrouted streams. Read 2026-11-20.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hoga.book.sync import FUTURES_RULES
from hoga.core.market import Body, DataType
from hoga.core.streams import Stream
from hoga.venues.binance import payloads, wire
from hoga.venues.binance.private import USDM_PRIVATE
from hoga.venues.spec import ChannelSpec, Limits, RestLimit, RestPaths, VenueSpec

__all__ = ["USDM"]

_NAME = "binance-usdm"
_EXAMPLES = ("depth20@100ms", "depth@100ms", "aggTrade", "bookTicker", "kline_1m", "markPrice@1s", "forceOrder", "ticker")
_PUBLIC = re.compile(r"depth|bookTicker")
"""What begins so is on `/public`; everything else is on `/market`."""


_SPEEDS = (("@100ms", ""), ("@500ms", "-500ms"), ("", "-250ms"))
"""Suffix of the stream, and of the kind where a faster one is recorded beside it."""


def _books(depth: str, kind: str) -> list[tuple[str, ChannelSpec]]:
    return [
        (
            f"depth{depth}{speed}",
            ChannelSpec(kind, "u", "u", False, "E", 30.0, 30.0, f"{kind}{tail}" if tail else None,
                        data_type=DataType.ORDERBOOK, decode=payloads.futures_book),
        )
        for speed, tail in _SPEEDS
    ]  # fmt: skip


def _deltas() -> list[tuple[str, ChannelSpec]]:
    return [
        (
            f"depth{speed}",
            ChannelSpec("delta", "U", "u", True, "E", 30.0, 30.0, f"delta{tail}" if tail else None,
                        previous_key="pu", data_type=DataType.DELTA, decode=payloads.delta),
        )
        for speed, tail in (*_SPEEDS, ("@0ms", "-0ms"))
    ]  # fmt: skip


def _timed(
    kind: str, data_type: DataType | None, decode: Callable[[bytes], Body] | None, *, first_frame_s: float | None = 30.0
) -> ChannelSpec:
    return ChannelSpec(kind, None, None, False, "E", first_frame_s, 30.0, data_type=data_type, decode=decode)


_CHANNELS = wire.Table(
    _NAME,
    (
        *_books("20", "orderbook"),
        *_books("10", "orderbook10"),
        *_books("5", "orderbook5"),
        *_deltas(),
        (
            r"aggTrade",
            ChannelSpec("execution", "a", "a", True, "E", None, 60.0, data_type=DataType.TRADE, decode=payloads.agg_trade, never_s=600.0),
        ),
        (r"bookTicker", ChannelSpec("quote", "u", "u", False, "E", 30.0, 30.0, data_type=DataType.QUOTE, decode=payloads.quote)),
        (rf"kline_({'|'.join(wire.INTERVALS)})", _timed("candle", DataType.CANDLE, payloads.candle)),
        (r"miniTicker|ticker", _timed("ticker", DataType.TICKER, payloads.ticker)),
        (r"markPrice(@1s)?", _timed("mark", DataType.MARK_PRICE, payloads.mark_price)),
        (r"forceOrder", _timed("liquidation", DataType.LIQUIDATION, payloads.force_order, first_frame_s=None)),
    ),
    examples=_EXAMPLES,
)


def _route_of(stream: Stream) -> str:
    return "public" if _PUBLIC.match(stream.channel) else "market"


USDM = VenueSpec(
    name=_NAME,
    title="Binance USDⓈ-M futures",
    limits=Limits(
        streams_per_connection=1024,
        control_frames_per_s=10,
        connects_per_window=300,
        connect_window_s=300.0,
        lifetime_s=86_400.0,
        url_max_chars=4_000,
        subscribe_batch=200,
        ping_every_s=60.0,
    ),
    rest=RestPaths(
        time="/fapi/v1/time",
        instruments="/fapi/v1/exchangeInfo",
        limits=(
            RestLimit("used-weight-1m", 2_400, 60.0),
            RestLimit("order-count-10s", 300, 10.0),
            RestLimit("order-count-1m", 1_200, 60.0),
        ),
        usage=wire.rest_usage,
        book="/fapi/v1/depth?symbol={symbol}&limit=1000",
        book_weight=20,
    ),
    probe_channel=None,
    parse_stream=_CHANNELS.parse_stream,
    channel_of=_CHANNELS.channel_of,
    route_of=_route_of,
    connect_path=lambda route, names: wire.stream_path(names, prefix=f"/{route}"),
    subscribe=wire.control("SUBSCRIBE"),
    unsubscribe=wire.control("UNSUBSCRIBE"),
    listing=wire.listing,
    frame_key=lambda stream: f'{{"stream":"{stream.name}","data":'.encode(),
    split=wire.split,
    is_shutdown_notice=wire.is_shutdown_notice,
    answer=wire.answer,
    server_time_ms=wire.server_time_ms,
    symbols=wire.symbols,
    quotes=wire.quotes,
    is_symbol=wire.is_symbol,
    channels={
        DataType.ORDERBOOK: "depth20@100ms",
        DataType.TRADE: "aggTrade",
        DataType.TICKER: "ticker",
        DataType.CANDLE: "kline_{interval}",
        DataType.DELTA: "depth@100ms",
        DataType.QUOTE: "bookTicker",
        DataType.MARK_PRICE: "markPrice@1s",
        DataType.LIQUIDATION: "forceOrder",
    },
    examples=(*_EXAMPLES, "depth10@100ms", "depth5@100ms", "depth20", "depth", "miniTicker"),
    book=payloads.rest_book,
    private=USDM_PRIVATE,
    book_rules=FUTURES_RULES,
)
