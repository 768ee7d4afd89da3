"""venues.upbit.simple: SIMPLE ↔ DEFAULT, lossless both ways, on bytes and on objects. Pure.

Rules: the key map is per type (`ap` is ask_price in a book and avg_price in an order); keys nobody knows pass as they
are; values are never touched, so number spelling (`1.16539E8`) survives; frames without a type (`status`, `error`)
pass as they are; a list of frames is converted one by one. A key that would come back as another one is refused.

Source: docs.upbit.com/kr/reference/websocket-ticker, -trade, -orderbook, -candle, -myorder, -myasset,
list-subscriptions, the official SDK's models (1.1.0), read 2026-11-20.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["SimpleFormatConverter", "usual"]

_COMMON = {"type": "ty", "code": "cd", "timestamp": "tms", "stream_type": "st"}
_BAR = {"opening_price": "op", "high_price": "hp", "low_price": "lp", "trade_price": "tp"}
_TRADED = {"trade_price": "tp", "trade_volume": "tv", "ask_bid": "ab", "prev_closing_price": "pcp", "change": "c",
           "change_price": "cp", "trade_time": "ttm", "trade_timestamp": "ttms"}  # fmt: skip

_KEYS: dict[str, dict[str, str]] = {
    "ticker": _COMMON | _BAR | _TRADED | {
        "acc_trade_price": "atp", "signed_change_price": "scp", "change_rate": "cr", "signed_change_rate": "scr",
        "acc_trade_volume": "atv", "trade_date": "tdt", "acc_ask_volume": "aav", "acc_bid_volume": "abv",
        "highest_52_week_price": "h52wp", "highest_52_week_date": "h52wdt", "lowest_52_week_price": "l52wp",
        "lowest_52_week_date": "l52wdt", "market_state": "ms", "is_trading_suspended": "its", "delisting_date": "dd",
        "market_warning": "mw", "acc_trade_price_24h": "atp24h", "acc_trade_volume_24h": "atv24h",
        "trade_status": "ts", "market_state_for_ios": "msfi",
    },
    "trade": _COMMON | _TRADED | {
        "trade_date": "td", "sequential_id": "sid", "best_ask_price": "bap", "best_ask_size": "bas",
        "best_bid_price": "bbp", "best_bid_size": "bbs",
    },
    "orderbook": _COMMON | {
        "total_ask_size": "tas", "total_bid_size": "tbs", "orderbook_units": "obu", "ask_price": "ap", "bid_price": "bp",
        "ask_size": "as", "bid_size": "bs", "level": "lv",
    },
    "candle": _COMMON | _BAR | {
        "candle_date_time_utc": "cdttmu", "candle_date_time_kst": "cdttmk", "candle_acc_trade_volume": "catv",
        "candle_acc_trade_price": "catp",
    },
    "myOrder": _COMMON | {
        "uuid": "uid", "ask_bid": "ab", "order_type": "ot", "state": "s", "trade_uuid": "tuid", "price": "p", "avg_price": "ap",
        "volume": "v", "remaining_volume": "rv", "executed_volume": "ev", "trades_count": "tc", "reserved_fee": "rsf",
        "remaining_fee": "rmf", "paid_fee": "pf", "locked": "l", "executed_funds": "ef", "time_in_force": "tif",
        "trade_fee": "tf", "is_maker": "im", "identifier": "id", "smp_type": "smpt", "prevented_volume": "pv",
        "prevented_locked": "pl", "trade_timestamp": "ttms", "order_timestamp": "otms",
    },
    "myAsset": _COMMON | {
        "asset_uuid": "astuid", "assets": "ast", "currency": "cu", "balance": "b", "locked": "l", "asset_timestamp": "asttms",
    },
    "announcement": _COMMON | {
        "event_type": "et", "uuid": "uid", "title": "tt", "category": "cat", "url": "url", "body": "bd",
        "first_listed_at": "flat", "listed_at": "lat",
    },
    "indicator": _COMMON | {
        "indicator": "ind", "timeframe": "tf", "params": "p", "value": "v", "candle_date_time_utc": "cdttmu",
        "trigger": "tr", "event_params": "ep",
    },
    "LIST_SUBSCRIPTIONS": {"method": "mthd", "result": "rslt", "ticket": "tckt", "type": "ty", "codes": "cds", "level": "lv"},
}  # fmt: skip
_KEYS["indicator_signal"] = _KEYS["indicator"]
_NAMES = {kind: {short: name for name, short in keys.items()} for kind, keys in _KEYS.items()}
_OPAQUE = frozenset({"params", "event_params", "p", "ep", "delisting_date", "dd"})
"""Objects whose keys are not ours to rename, where they are objects."""

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]')
_BENEFIT_BYTES = 200
"""Smaller frames save less than 40 % of one TCP segment's overhead: the captured ticker shrinks from 830 to 510 bytes."""


class _Type(msgspec.Struct):
    type: str | None = None
    ty: str | None = None
    method: str | None = None
    mthd: str | None = None


_type = msgspec.json.Decoder(_Type)
_list = msgspec.json.Decoder(list[msgspec.Raw])


class SimpleFormatConverter:
    """Converts frames (bytes) and decoded frames (dicts) between the two spellings."""

    @staticmethod
    def to_simple(frame: bytes) -> bytes:
        """A DEFAULT frame (or list of them) in SIMPLE spelling; only keys change. Raises ValueError when it is no JSON, or
        a key nobody knows is spelt like a SIMPLE one."""
        return _convert(frame, _KEYS, _NAMES)

    @staticmethod
    def to_default(frame: bytes) -> bytes:
        """The way back. Raises ValueError likewise."""
        return _convert(frame, _NAMES, _KEYS)

    @staticmethod
    def convert_to_simple_format(data: dict[str, Any]) -> dict[str, Any]:
        """The same of a decoded frame; returns a new dict."""
        return _rename_frame(data, _KEYS, _NAMES)

    @staticmethod
    def convert_from_simple_format(simple_data: dict[str, Any]) -> dict[str, Any]:
        """The way back."""
        return _rename_frame(simple_data, _NAMES, _KEYS)

    @staticmethod
    def is_simple_format_beneficial(data_size: int) -> bool:
        """Whether DEFAULT frames of `data_size` bytes are worth asking for in SIMPLE."""
        return data_size >= _BENEFIT_BYTES

    @staticmethod
    def is_simple(frame: bytes) -> bool:
        """Whether the frame (or the first of its list) is spelt SIMPLE. Raises ValueError when it is no JSON."""
        head = _type.decode(_list.decode(frame)[0]) if frame.lstrip().startswith(b"[") else _type.decode(frame)
        return head.ty is not None or head.mthd is not None

    @staticmethod
    def split_list(frame: bytes) -> list[bytes]:
        """The frames in one of a LIST format, verbatim; a frame that is no list is its only one. Raises ValueError."""
        return [bytes(each) for each in _list.decode(frame)] if frame.lstrip().startswith(b"[") else [frame]


def usual(payload: bytes) -> bytes:
    """A payload in the usual spelling, whichever it came in. Raises ValueError when it is SIMPLE and cannot be read."""
    return SimpleFormatConverter.to_default(payload) if payload.lstrip().startswith(b'{"ty"') else payload


_Maps = dict[str, dict[str, str]]


def _kind(head: _Type) -> str | None:
    name = head.type or head.ty
    if name is None:
        return head.method or head.mthd
    return "candle" if name.startswith("candle.") else name


def _convert(frame: bytes, maps: _Maps, back: _Maps) -> bytes:
    if not frame.lstrip().startswith(b"["):
        return _convert_one(frame, maps, back)
    pieces, at = [], 0
    for each in _list.decode(frame):
        raw = bytes(each)
        start = frame.index(raw, at)
        pieces += [frame[at:start], _convert_one(raw, maps, back)]
        at = start + len(raw)
    return b"".join([*pieces, frame[at:]])


def _convert_one(frame: bytes, maps: _Maps, back: _Maps) -> bytes:
    kind = _kind(_type.decode(frame))
    if kind is None or kind not in maps:
        return frame
    renames, returns = maps[kind], back[kind]
    pieces: list[bytes] = []
    at, depth, opaque, key = 0, 0, 0, ""
    for hit in _TOKEN.finditer(frame):
        token = hit[0]
        if token in (b"{", b"["):
            depth += 1
            if token == b"{" and not opaque and key in _OPAQUE:
                opaque = depth
        elif token in (b"}", b"]"):
            opaque = 0 if opaque == depth else opaque
            depth -= 1
        elif hit[2] is not None and not opaque:
            key = hit[1].decode()
            new = _rename(key, renames, returns)
            if new != key:
                pieces += [frame[at : hit.start(1)], new.encode()]
                at = hit.end(1)
        elif hit[2] is None:
            key = ""
    return b"".join([*pieces, frame[at:]])


def _rename(key: str, renames: dict[str, str], returns: dict[str, str]) -> str:
    if key in renames:
        return renames[key]
    if key in returns:
        raise ValueError(f"key {key!r} could not be told from {returns[key]!r} on the way back")
    return key


def _rename_frame(data: dict[str, Any], maps: _Maps, back: _Maps) -> dict[str, Any]:
    kind = _kind(_Type(*(_text(data.get(key)) for key in ("type", "ty", "method", "mthd"))))
    if kind is None or kind not in maps:
        return dict(data)
    renamed = _rename_all(data, maps[kind], back[kind])
    assert isinstance(renamed, dict), "an object stays one"
    return renamed


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _rename_all(value: object, renames: dict[str, str], returns: dict[str, str]) -> object:
    if isinstance(value, list):
        return [_rename_all(each, renames, returns) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        _rename(key, renames, returns): each if key in _OPAQUE and isinstance(each, dict) else _rename_all(each, renames, returns)
        for key, each in value.items()
    }
