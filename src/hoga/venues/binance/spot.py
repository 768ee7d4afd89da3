"""venues.binance.spot: channels and limits of Binance spot. What it shares with futures is in `wire` and `payloads`."""

from __future__ import annotations

from hoga.book.sync import SPOT_RULES
from hoga.core.market import DataType
from hoga.core.streams import Kind
from hoga.venues.binance import fields, payloads, wire
from hoga.venues.binance.history import SPOT_HISTORY
from hoga.venues.binance.instruments import instruments_of
from hoga.venues.binance.line import BinanceLine
from hoga.venues.binance.refill import refills
from hoga.venues.binance.refusals import is_late
from hoga.venues.binance.spot_orders import SPOT_ORDERS
from hoga.venues.binance.spot_private import SPOT_PRIVATE
from hoga.venues.binance.ticks import BOOK_LINE, BOOK_LINES, LINES, TICKS, candle_reads
from hoga.venues.records import RecordFacts, SideLists
from hoga.venues.spec import ChannelSpec, Limits, RestLimit, RestPaths, VenueSpec

__all__ = ["SPOT"]

_NAME = "binance"
_EXAMPLES = ("depth20@100ms", "depth@100ms", "aggTrade", "trade", "bookTicker", "kline_1m", "ticker")


def _book(kind: str, alternate: str | None = None) -> ChannelSpec:
    levels = SideLists(bids="bids", asks="asks")
    record = RecordFacts(
        first_key="lastUpdateId", last_key="lastUpdateId", levels=levels, fields=fields.PARTIAL_BOOK, decode=payloads.partial_book
    )
    return wire.steady(kind, record, DataType.ORDERBOOK, alternate=alternate)


_DELTA = RecordFacts(
    first_key="U",
    last_key="u",
    contiguous=True,
    event_key="E",
    fields=fields.DELTA,
    delta_levels=fields.LEVELS,
    decode=payloads.delta,
)
_BLOCK = RecordFacts(first_key="t", last_key="t", contiguous=True, event_key="E")
_SNAPSHOT = wire.asked_books()
_QUOTE = RecordFacts(first_key="u", last_key="u", fields=fields.QUOTE, decode=payloads.quote)

_CHANNELS = wire.Table(
    _NAME,
    (
        (r"depth20@100ms", _book(Kind.ORDERBOOK)),
        (r"depth20", _book(Kind.ORDERBOOK, "orderbook-1s")),
        (r"depth10@100ms", _book("orderbook10")),
        (r"depth10", _book("orderbook10", "orderbook10-1s")),
        (r"depth5@100ms", _book("orderbook5")),
        (r"depth5", _book("orderbook5", "orderbook5-1s")),
        (r"depth@100ms", wire.steady(Kind.DELTA, _DELTA, DataType.DELTA)),
        (r"depth", wire.steady(Kind.DELTA, _DELTA, DataType.DELTA, alternate="delta-1s")),
        (wire.SNAPSHOT, _SNAPSHOT),
        (r"aggTrade", wire.trades("aggTrade", "a", payloads.agg_trade)),
        (r"trade", wire.trades("trade", "t", payloads.trade)),
        (r"blockTrade", ChannelSpec(kind=Kind.BLOCK, record=_BLOCK, silence_floor_s=3600.0)),
        (r"bookTicker", wire.steady(Kind.QUOTE, _QUOTE, DataType.QUOTE)),
        (rf"kline_(1s|{'|'.join(wire.INTERVALS)})(@\+08:00)?", wire.timed(Kind.CANDLE, DataType.CANDLE, payloads.candle, fields.CANDLE)),
        (r"miniTicker|ticker", wire.timed(Kind.TICKER, DataType.TICKER, payloads.ticker, fields.TICKER)),
        (r"ticker_(1h|4h|1d)", wire.timed(Kind.TICKER_WINDOW)),
        (r"avgPrice", wire.timed(Kind.AVERAGE)),
        (r"referencePrice", ChannelSpec(kind=Kind.REFERENCE, record=RecordFacts(), silence_floor_s=60.0)),
    ),
    examples=_EXAMPLES,
)

SPOT = VenueSpec(
    name=_NAME,
    title="Binance spot",
    limits=Limits(
        streams_per_connection=1024,
        control_frames_per_s=5,
        connects_per_window=300,
        connect_window_s=300.0,
        lifetime_s=86_400.0,
        url_max_chars=4_000,
        subscribe_batch=200,
    ),
    rest=RestPaths(
        time="/api/v3/time",
        instruments="/api/v3/exchangeInfo",
        limits=(
            RestLimit("used-weight-1m", 6_000, 60.0),
            RestLimit("order-count-10s", 100, 10.0, orders=True),
            RestLimit("order-count-1d", 200_000, 86_400.0, orders=True),
        ),
        usage=wire.rest_usage,
        is_late=is_late,
        book="/api/v3/depth?symbol={symbol}&limit={levels}",
        instruments_weight=20,
        book_weight=50,
    ),
    probe_channel="depth",
    parse_stream=_CHANNELS.parse_stream,
    channel_of=_CHANNELS.channel_of,
    channels_for=_CHANNELS.channels_for,
    route_of=lambda stream: "",
    connect_path=lambda route, names: wire.stream_path(names),
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
    },
    examples=(*_EXAMPLES, "depth10@100ms", "depth5@100ms", "depth20", "depth", "kline_1s", "miniTicker", "avgPrice"),
    book=payloads.rest_book,
    private=SPOT_PRIVATE,
    orders=SPOT_ORDERS,
    talk=lambda credentials: BinanceLine("/ws-api/v3", SPOT_ORDERS.line, credentials),
    ticks=TICKS,
    tick_lines=LINES,
    book_line=BOOK_LINE,
    book_lines=BOOK_LINES,
    candles=candle_reads("/api/v3/klines", weight=2),
    classic=fields.CLASSIC,
    same_cut=wire.SAME_CUT,
    snapshot_channel=wire.SNAPSHOT,
    book_rules=SPOT_RULES,
    history=SPOT_HISTORY,
    refills=refills("/api/v3", aggregate_weight=4, single_weight=25, single_limit=1_000, singles_count=True),
)
