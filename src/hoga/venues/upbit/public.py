"""venues.upbit.public: channels, requests and limits of Upbit's public streams.

Rules: a request replaces everything subscribed on its connection, so each holds all streams, those already coming with
`is_only_realtime`; there is no ack, and an unknown or lower-case code is silent for ever; a book's depth suffix and
its grouping level are not in its frames' codes, so each of them has a route (a connection) of its own; errors are
frames, after which the server closes with 1000; a socket without traffic is cut after 60.5 s without a close frame.

Source: docs.upbit.com/kr/reference/websocket-guide, -orderbook, rate-limits (2026-10-07), and captures of 2026-09-23
where the two differ. Read 2026-11-20.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace as changed
from functools import lru_cache
from typing import Any

import msgspec

from hoga.columns.shapes import Field, needed
from hoga.core.jsontext import NO_JSON, is_object
from hoga.core.market import Body, DataType
from hoga.core.streams import Kind, Stream
from hoga.venues.records import RecordFacts, UnitList
from hoga.venues.spec import Answer, ChannelSpec, FrameKey, Limits, RequestRules, RestLimit, RestPaths, VenueSpec
from hoga.venues.upbit import payloads
from hoga.venues.upbit.instruments import instruments
from hoga.venues.upbit.orders import UPBIT_ORDERS
from hoga.venues.upbit.private import PRIVATE
from hoga.venues.upbit.refill import REFILLS
from hoga.venues.upbit.ticks import CANDLES, TICKS

__all__ = ["UPBIT"]

_NAME = "upbit"
_SYMBOL = re.compile(r"[A-Z]+-[A-Z0-9]+")
_BOOK = re.compile(r"orderbook(?:\.(?P<depth>1|5|15))?(?::(?P<level>\d+))?")
_CANDLE = re.compile(r"candle\.(1s|1m|3m|5m|10m|15m|30m|60m|240m)")
_TICKET = "hoga-"
_REMAINING = re.compile(r"group=(?P<group>[a-z-]+); *min=[0-9]+; *sec=(?P<sec>[0-9]{1,6})")
_EXAMPLES = ("orderbook", "orderbook.5", "trade", "ticker", "candle.1m")

_SNAPSHOT = re.compile(rb'"(?:stream_type|st)"\s*:\s*"SNAPSHOT"')
"""What a subscription is answered with: the latest state, with the time of its last change, which may be hours ago."""


_TICKER_FIELDS = needed(
    Field("last", ("trade_price",), "decimal"),
    Field("open", ("opening_price",), "decimal"),
    Field("high", ("high_price",), "decimal"),
    Field("low", ("low_price",), "decimal"),
    Field("volume", ("acc_trade_volume",), "decimal"),
    Field("turnover", ("acc_trade_price",), "decimal"),
)
_TRADE_FIELDS = needed(
    Field("trade_id", ("sequential_id",), "integer"),
    Field("price", ("trade_price",), "decimal"),
    Field("size", ("trade_volume",), "decimal"),
    Field("side", ("ask_bid",), "side", texts=("BID", "ASK")),
    Field("transaction_ns", ("trade_timestamp",), "time"),
)
_BAR_FIELDS = needed(
    Field("start_ns", ("candle_date_time_utc",), "iso"),
    Field("interval", ("type",), "text", cut="candle."),
    Field("open", ("opening_price",), "decimal"),
    Field("high", ("high_price",), "decimal"),
    Field("low", ("low_price",), "decimal"),
    Field("close", ("trade_price",), "decimal"),
    Field("volume", ("candle_acc_trade_volume",), "decimal"),
    Field("turnover", ("candle_acc_trade_price",), "decimal"),
)


def _says(decode: Callable[[bytes], Body], fields: tuple[Field, ...], levels: UnitList | None = None) -> RecordFacts:
    return RecordFacts(event_key="timestamp", levels=levels, fields=fields, decode=decode, replay_pattern=_SNAPSHOT)


_TICKER = ChannelSpec(
    kind=Kind.TICKER,
    record=_says(payloads.ticker, _TICKER_FIELDS),
    first_frame_s=10.0,
    silence_floor_s=60.0,
    data_type=DataType.TICKER,
)
_TRADE = ChannelSpec(
    kind=Kind.EXECUTION,
    record=changed(
        _says(payloads.trade, _TRADE_FIELDS),
        first_key="sequential_id",
        last_key="sequential_id",
        ordered=False,
        manner_keys=("timestamp", "stream_type"),
    ),
    silence_floor_s=600.0,
    never_s=600.0,
    data_type=DataType.TRADE,
)
_BARS = ChannelSpec(
    kind=Kind.CANDLE,
    record=changed(_says(payloads.candle, _BAR_FIELDS), mark_of=lambda channel: f'"type":"{channel}"'.encode()),
    silence_floor_s=600.0,
    data_type=DataType.CANDLE,
)
_UNITS = UnitList("orderbook_units", bid_price="bid_price", bid_size="bid_size", ask_price="ask_price", ask_size="ask_size")
_WHOLE_BOOK = ChannelSpec(
    kind=Kind.ORDERBOOK, record=_says(payloads.book, (), _UNITS), first_frame_s=10.0, silence_floor_s=60.0, data_type=DataType.ORDERBOOK
)


class _Head(msgspec.Struct):
    type: str
    code: str


class _Row(msgspec.Struct):
    type: str
    codes: list[str] = []
    level: float | str | None = None


class _Status(msgspec.Struct):
    status: str | None = None
    method: str | None = None
    mthd: str | None = None
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    ticket: str | int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")


_head = msgspec.json.Decoder(_Head)
_status = msgspec.json.Decoder(_Status)
_rows = msgspec.json.Decoder(list[_Row])


@lru_cache(maxsize=64)
def channel_of(channel: str) -> ChannelSpec:
    """The description of a channel. Raises ValueError for one that does not exist."""
    if channel == "ticker":
        return _TICKER
    if channel == "trade":
        return _TRADE
    if _CANDLE.fullmatch(channel):
        return _BARS
    if hit := _BOOK.fullmatch(channel):
        return changed(_WHOLE_BOOK, kind=f"{Kind.ORDERBOOK}{hit['depth'] or ''}" + (f"-level{hit['level']}" if hit["level"] else ""))
    raise ValueError(f"unknown stream {channel!r}, expected one like {', '.join(_EXAMPLES)}")


def channels_for(kind: str) -> tuple[ChannelSpec, ...]:
    """The channels that feed series of `kind`; books of every depth and level are spelt alike."""
    return tuple(spec for spec in (_TICKER, _TRADE, _BARS, _WHOLE_BOOK) if spec.kind == Kind.of(kind))


def parse_stream(symbol: str, channel: str) -> Stream:
    """The stream of `symbol` and `channel`, e.g. `KRW-BTC`, `orderbook`. Raises ValueError."""
    spec = channel_of(channel)
    if not is_symbol(symbol):
        raise ValueError(f"{symbol!r} cannot be a symbol, expected one like KRW-BTC")
    return Stream(venue=_NAME, symbol=symbol, channel=channel, name=f"{symbol}@{channel}", kind=spec.kind)


def is_symbol(text: str) -> bool:
    """Whether it is spelt like a symbol: quote, dash, base, in capitals."""
    return _SYMBOL.fullmatch(text) is not None


def route_of(stream: Stream) -> str:
    """Books of another depth or level look like plain ones, so they have a connection of their own."""
    return stream.channel if stream.channel.startswith(("orderbook.", "orderbook:")) else ""


def replace(fresh: list[str], known: list[str], request_id: int) -> bytes:
    """The request for all of a connection's streams, by wire name: `fresh` with a snapshot each, `known` without."""
    request: list[dict[str, Any]] = [{"ticket": f"{_TICKET}{request_id}"}]
    for names, flags in ((known, {"is_only_realtime": True}), (fresh, {})):
        codes: dict[str, list[str]] = {}
        for name in names:
            symbol, _, channel = name.partition("@")
            codes.setdefault(channel, []).append(symbol)
        request += [_wish(channel, symbols) | flags for channel, symbols in codes.items()]
    return msgspec.json.encode([*request, {"format": "DEFAULT"}])


def _wish(channel: str, symbols: list[str]) -> dict[str, Any]:
    hit = _BOOK.fullmatch(channel)
    if hit is None:
        return {"type": channel, "codes": symbols}
    codes = [f"{symbol}.{hit['depth']}" for symbol in symbols] if hit["depth"] else symbols
    wish: dict[str, Any] = {"type": "orderbook", "codes": codes}
    return wish | {"level": int(hit["level"])} if hit["level"] else wish


def frame_key(stream: Stream) -> bytes:
    """How a data frame of the stream begins, up to the comma after its code."""
    kind = "orderbook" if _BOOK.fullmatch(stream.channel) else stream.channel
    return f'{{"type":"{kind}","code":"{stream.symbol}"'.encode()


def split(frame: bytes) -> tuple[str, bytes] | None:
    """(wire name, the whole frame) of a data frame in DEFAULT spelling, None when it is none."""
    try:
        head = _head.decode(frame)
    except NO_JSON:
        return None
    payload = frame.strip()
    return (f"{head.code}@{head.type}", payload) if is_object(payload) else None


def listing(request_id: int) -> bytes:
    """The request for the list of what is subscribed on the connection; in the format of the stream, which it would change."""
    return msgspec.json.encode([{"ticket": f"{_TICKET}{request_id}"}, {"method": "LIST_SUBSCRIPTIONS"}, {"format": "DEFAULT"}])


def answer(frame: bytes) -> Answer | None:
    """An error frame, a list of subscriptions, or a sign of life; None when it is none of these."""
    if len(frame) > 1_000_000 or frame.startswith(b'{"type"'):
        return None
    try:
        status = _status.decode(frame)
    except NO_JSON:
        return None
    if isinstance(status.error, msgspec.Raw):
        return Answer(complaint=bytes(status.error).decode("utf-8", "replace") or "an error without words")
    if not (status.method or status.mthd):
        return Answer() if status.status else None
    ticket = str(status.ticket or "")
    number = ticket.removeprefix(_TICKET)
    try:
        names = frozenset(_listed_name(row, code) for row in _rows.decode(status.result) for code in row.codes)
    except (*NO_JSON, ValueError):
        return Answer()
    return Answer(int(number) if number != ticket and number.isascii() and number.isdigit() else None, names=names)


def _listed_name(row: _Row, code: str) -> str:
    """The wire name of one code of a listing: its depth is in the code, its grouping level beside it."""
    symbol, _, depth = code.partition(".")
    level = float(row.level or 0)
    return f"{symbol}@{row.type}" + (f".{depth}" if depth else "") + (f":{level:.0f}" if level else "")


_REST_LIMITS = (
    RestLimit("market", 10, 1.05),
    RestLimit("orderbook", 10, 1.05),
    RestLimit("ticker", 10, 1.05),
    RestLimit("default", 30, 1.05),
    RestLimit("order", 12, 1.05, orders=True),
    RestLimit("order-test", 8, 1.05),
    RestLimit("order-cancel-all", 1, 2.05, orders=True),
)
"""A little longer than a second: at 95 ms a call the venue never refused, at 90 ms one in ten."""


def rest_usage(headers: Mapping[str, str]) -> list[tuple[str, int]]:
    """What `Remaining-Req: group=default; min=1800; sec=29` says: (`default`, 1); `min` is no limit that is kept any more."""
    told = _REMAINING.fullmatch(headers.get("Remaining-Req", ""))
    if told is None:
        return []
    return [(each.group, max(0, each.limit - int(told["sec"]))) for each in _REST_LIMITS if each.group == told["group"]]


UPBIT = VenueSpec(
    name=_NAME,
    title="Upbit",
    limits=Limits(
        streams_per_connection=2_000,  # none documented; 855 codes × 3 types in one request were served
        control_frames_per_s=5,
        connects_per_window=5,
        connect_window_s=1.0,
        lifetime_s=86_400.0,
        url_max_chars=0,
        subscribe_batch=10_000,
        control_frames_per_min=100,
        ping_every_s=15.0,
    ),
    rest=RestPaths(time=None, instruments="/v1/market/all", limits=_REST_LIMITS, usage=rest_usage, apart=True),
    probe_channel=None,
    parse_stream=parse_stream,
    channel_of=channel_of,
    channels_for=channels_for,
    route_of=route_of,
    connect_path=lambda route, names: "/websocket/v1",
    subscribe=lambda names, request_id: replace(names, [], request_id),
    unsubscribe=None,
    frame_key=frame_key,
    split=split,
    is_shutdown_notice=lambda frame: False,
    answer=answer,
    requests=RequestRules(acknowledged=False, answer_s=10.0, listing=listing),
    server_time_ms=None,
    instruments=instruments,
    is_symbol=is_symbol,
    channels={
        DataType.ORDERBOOK: "orderbook",
        DataType.TRADE: "trade",
        DataType.TICKER: "ticker",
        DataType.CANDLE: "candle.{interval}",
    },
    examples=_EXAMPLES,
    key=FrameKey(until=b",", start=22),
    wrapped=False,
    replace=replace,
    listing=listing,
    private=PRIVATE,
    ticks=TICKS,
    candles=CANDLES,
    orders=UPBIT_ORDERS,
    refills=REFILLS,
)
