"""venues.binance.usdm: channels, routes and limits of Binance USDⓈ-M futures.

Differs from spot: streams live on routes (`/public`, `/market`) and one on the wrong route is acked and silent for
ever; partial depth and deltas have one payload, told apart by the combined frame's stream name; a delta chains by `pu`
(the id before it), because ids are shared by all symbols; the server pings every three minutes only.

Source: USD-M docs "websocket-market-streams", change log 2026-03-05 and 2026-04-02, CM/UM integration notice 2026-06-10;
probes of 2026-10-07 for the silence of misrouted streams. Read 2026-11-20.
"""

from __future__ import annotations

import re

from hoga.book.sync import FUTURES_RULES
from hoga.core.market import DataType
from hoga.core.streams import Kind, Stream
from hoga.venues.binance import fields, payloads, wire
from hoga.venues.binance.history import USDM_HISTORY
from hoga.venues.binance.instruments import instruments_of
from hoga.venues.binance.line import BinanceLine
from hoga.venues.binance.refill import refills
from hoga.venues.binance.refusals import is_late
from hoga.venues.binance.ticks import BOOK_LINE, BOOK_LINES, LINES, TICKS, candle_reads
from hoga.venues.binance.usdm_orders import USDM_ORDERS
from hoga.venues.binance.usdm_private import USDM_PRIVATE
from hoga.venues.records import RecordFacts
from hoga.venues.spec import ChannelSpec, Limits, RestLimit, RestPaths, VenueSpec

__all__ = ["USDM"]

_NAME = "binance-usdm"
_EXAMPLES = ("depth20@100ms", "depth@100ms", "aggTrade", "bookTicker", "kline_1m", "markPrice@1s", "forceOrder", "ticker")
_PUBLIC = re.compile(r"depth|bookTicker")
"""What begins so is on `/public`; everything else is on `/market`."""


_SPEEDS = (("@100ms", ""), ("@500ms", "-500ms"), ("", "-250ms"))
"""Suffix of the stream, and of the kind where a faster one is recorded beside it."""


_DELTA = RecordFacts(
    first_key="U",
    last_key="u",
    previous_key="pu",
    contiguous=True,
    event_key="E",
    fields=fields.DELTA,
    delta_levels=fields.LEVELS,
    decode=payloads.delta,
)
_SNAPSHOT = wire.asked_books(event_key="E")
_QUOTE = RecordFacts(first_key="u", last_key="u", event_key="E", fields=fields.QUOTE, decode=payloads.quote)
_BOOK = RecordFacts(
    first_key="u", last_key="u", event_key="E", levels=fields.LEVELS, fields=fields.FUTURES_BOOK, decode=payloads.futures_book
)


def _each_speed(
    channel: str, kind: str, record: RecordFacts, data_type: DataType, speeds: tuple[tuple[str, str], ...] = _SPEEDS
) -> list[tuple[str, ChannelSpec]]:
    alternates = [(speed, f"{kind}{tail}" if tail else None) for speed, tail in speeds]
    return [(f"{channel}{speed}", wire.steady(kind, record, data_type, alternate=alternate)) for speed, alternate in alternates]


_CHANNELS = wire.Table(
    _NAME,
    (
        *_each_speed("depth20", Kind.ORDERBOOK, _BOOK, DataType.ORDERBOOK),
        *_each_speed("depth10", "orderbook10", _BOOK, DataType.ORDERBOOK),
        *_each_speed("depth5", "orderbook5", _BOOK, DataType.ORDERBOOK),
        *_each_speed("depth", Kind.DELTA, _DELTA, DataType.DELTA, (*_SPEEDS, ("@0ms", "-0ms"))),
        (wire.SNAPSHOT, _SNAPSHOT),
        (r"aggTrade", wire.trades("aggTrade", "a", payloads.agg_trade)),
        (r"bookTicker", wire.steady(Kind.QUOTE, _QUOTE, DataType.QUOTE)),
        (rf"kline_({'|'.join(wire.INTERVALS)})", wire.timed(Kind.CANDLE, DataType.CANDLE, payloads.candle, fields.CANDLE)),
        (r"miniTicker|ticker", wire.timed(Kind.TICKER, DataType.TICKER, payloads.ticker, fields.TICKER)),
        (r"markPrice(@1s)?", wire.timed(Kind.MARK, DataType.MARK_PRICE, payloads.mark_price, fields.MARK)),
        (r"forceOrder", wire.timed(Kind.LIQUIDATION, DataType.LIQUIDATION, payloads.force_order, fields.LIQUIDATION, first_frame_s=None)),
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
            RestLimit("order-count-10s", 300, 10.0, orders=True),
            RestLimit("order-count-1m", 1_200, 60.0, orders=True),
        ),
        usage=wire.rest_usage,
        is_late=is_late,
        book="/fapi/v1/depth?symbol={symbol}&limit={levels}",
        book_weight=20,
    ),
    probe_channel=None,
    parse_stream=_CHANNELS.parse_stream,
    channel_of=_CHANNELS.channel_of,
    channels_for=_CHANNELS.channels_for,
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
    instruments=instruments_of(_NAME),
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
    ticks=TICKS,
    tick_lines=LINES,
    book_line=BOOK_LINE,
    book_lines=BOOK_LINES,
    candles=candle_reads("/fapi/v1/klines", weight=5),
    orders=USDM_ORDERS,
    talk=lambda credentials: BinanceLine("/ws-fapi/v1", USDM_ORDERS.line, credentials),
    same_cut=wire.SAME_CUT,
    snapshot_channel=wire.SNAPSHOT,
    book_rules=FUTURES_RULES,
    history=USDM_HISTORY,
    refills=refills("/fapi/v1", aggregate_weight=20, single_weight=20, single_limit=500, singles_count=False),
)
