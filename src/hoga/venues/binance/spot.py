"""venues.binance.spot: names, frames and limits of Binance spot.

Rules: symbols are lower case in stream names; data frames are combined (`{"stream":"…","data":{…}}`) because partial
depth carries no symbol; an ack proves syntax, not existence.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from hoga.core.jsontext import is_object
from hoga.core.streams import Stream
from hoga.venues.spec import ChannelSpec, Limits, RestPaths, VenueSpec

__all__ = ["SPOT"]

_NAME = "binance"
_INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


def _book(kind: str, alternate: str | None = None) -> ChannelSpec:
    return ChannelSpec(kind, "lastUpdateId", "lastUpdateId", False, None, 30.0, 30.0, alternate)


def _delta(alternate: str | None = None) -> ChannelSpec:
    return ChannelSpec("delta", "U", "u", True, "E", 30.0, 30.0, alternate)


def _timed(kind: str, *, floor_s: float = 30.0) -> ChannelSpec:
    return ChannelSpec(kind, None, None, False, "E", 30.0, floor_s)


_CHANNELS: tuple[tuple[re.Pattern[str], ChannelSpec], ...] = tuple(
    (re.compile(pattern), spec)
    for pattern, spec in (
        (r"depth20@100ms", _book("orderbook")),
        (r"depth20", _book("orderbook", "orderbook-1s")),
        (r"depth10@100ms", _book("orderbook10")),
        (r"depth10", _book("orderbook10", "orderbook10-1s")),
        (r"depth5@100ms", _book("orderbook5")),
        (r"depth5", _book("orderbook5", "orderbook5-1s")),
        (r"depth@100ms", _delta()),
        (r"depth", _delta("delta-1s")),
        (r"aggTrade", ChannelSpec("execution", "a", "a", True, "E", None, 60.0)),
        (r"trade", ChannelSpec("execution", "t", "t", True, "E", None, 60.0)),
        (r"blockTrade", ChannelSpec("block", "t", "t", True, "E", None, 3600.0)),
        (r"bookTicker", ChannelSpec("quote", "u", "u", False, None, 30.0, 30.0)),
        (rf"kline_({'|'.join(_INTERVALS)})(@\+08:00)?", _timed("candle")),
        (r"miniTicker|ticker", _timed("ticker")),
        (r"ticker_(1h|4h|1d)", _timed("ticker-window")),
        (r"avgPrice", _timed("average")),
        (r"referencePrice", ChannelSpec("reference", None, None, False, None, None, 60.0)),
    )
)
_EXAMPLES = "depth20@100ms, depth@100ms, aggTrade, trade, bookTicker, kline_1m, ticker"


class _Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Time(msgspec.Struct):
    serverTime: int


class _Instrument(msgspec.Struct):
    symbol: str
    status: str = "TRADING"


class _Instruments(msgspec.Struct):
    symbols: list[_Instrument]


class _Reply(msgspec.Struct):
    """An answer to a control request. Errors come nested on the wire and flat in the documentation."""

    id: int | str | msgspec.UnsetType | None = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType = msgspec.UNSET
    msg: str | msgspec.UnsetType = msgspec.UNSET


_reply = msgspec.json.Decoder(_Reply)
_envelope = msgspec.json.Decoder(_Envelope)
_time = msgspec.json.Decoder(_Time)
_instruments = msgspec.json.Decoder(_Instruments)


def channel_of(channel: str) -> ChannelSpec:
    """The description of a channel. Raises ValueError for one that does not exist."""
    for pattern, spec in _CHANNELS:
        if pattern.fullmatch(channel):
            return spec
    raise ValueError(f"unknown stream {channel!r}, expected one like {_EXAMPLES}")


def parse_stream(symbol: str, channel: str) -> Stream:
    """The stream of `symbol` and `channel`, e.g. `BTCUSDT`, `depth20@100ms`. Raises ValueError."""
    spec = channel_of(channel)
    if not symbol or any(sign in symbol for sign in "@/ ,?&#"):
        raise ValueError(f"{symbol!r} cannot be a symbol")
    upper = symbol.upper()
    return Stream(venue=_NAME, symbol=upper, channel=channel, name=f"{upper.lower()}@{channel}", kind=spec.kind)


def connect_path(names: list[str]) -> str:
    """`/stream?streams=a/b`, or `/stream` for none. Names are percent-encoded where they are not ASCII."""
    return "/stream?streams=" + "/".join(quote(name, safe="@:+_") for name in names) if names else "/stream"


def split(frame: bytes) -> tuple[str, bytes] | None:
    """(wire name, payload exactly as sent) of a combined frame in any spelling, None when it is no data frame.

    The payload is a JSON object, or the frame is none.
    """
    if frame.startswith(b'{"stream":"') and frame.endswith(b"}"):
        end = frame.find(b'"', 11)
        if frame[end : end + 9] == b'","data":' and b"\\" not in frame[11:end]:
            payload = frame[end + 9 : -1]
            if is_object(payload):
                return frame[11:end].decode("utf-8", "replace"), payload
    try:
        envelope = _envelope.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    payload = bytes(envelope.data)
    return (envelope.stream, payload) if is_object(payload) else None


def reply(frame: bytes) -> str | None:
    """What an answer to a control request complains of: "" for an ack, None when the frame is no answer."""
    if len(frame) > 100_000:
        return None
    try:
        answer = _reply.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(answer.error, msgspec.Raw):
        return bytes(answer.error).decode("utf-8", "replace")
    if isinstance(answer.code, int) and isinstance(answer.msg, str):
        return f"{answer.code} {answer.msg}"
    return "" if isinstance(answer.result, msgspec.Raw) and answer.id is not msgspec.UNSET else None


def _control(method: str, names: list[str], request_id: int) -> bytes:
    return msgspec.json.encode({"method": method, "params": names, "id": request_id})


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
    rest=RestPaths(time="/api/v3/time", instruments="/api/v3/exchangeInfo"),
    probe_channel="depth",
    parse_stream=parse_stream,
    channel_of=channel_of,
    connect_path=connect_path,
    subscribe=lambda names, request_id: _control("SUBSCRIBE", names, request_id),
    unsubscribe=lambda names, request_id: _control("UNSUBSCRIBE", names, request_id),
    frame_key=lambda stream: f'{{"stream":"{stream.name}","data":'.encode(),
    split=split,
    is_shutdown_notice=lambda frame: len(frame) < 256 and b'"serverShutdown"' in frame,
    reply=reply,
    server_time_ms=lambda body: _time.decode(body).serverTime,
    symbols=lambda body: {each.symbol: each.status for each in _instruments.decode(body).symbols},
)
