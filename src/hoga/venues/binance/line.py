"""venues.binance.line: orders over Binance's WebSocket API, spot and futures alike. Pure.

With an Ed25519 key the connection logs on once, and calls carry nothing but the time; with HMAC each is signed by itself. Parameters are
those of the REST call of the same name. The number of a request is the caller's token: letters, digits and dashes, at most 36.
Answers may come out of order. An answer without a number that tells of a key means that the session is over.

Source: spot-docs websocket-api, USD-M docs websocket-api-general-info. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.secret import Credentials
from hoga.venues.binance.auth import RECV_WINDOW_MS, BinanceSigner
from hoga.venues.line import LineAnswer
from hoga.venues.request import Request

__all__ = ["BinanceLine"]

_LOGON = "logon"
_INTERVALS = {"SECOND": "s", "MINUTE": "m", "HOUR": "h", "DAY": "d"}
_GROUPS = {"REQUEST_WEIGHT": "used-weight", "ORDERS": "order-count"}


class _Wish(msgspec.Struct):
    server_ms: int | None = field(name="serverTime", default=None)
    until_ms: int | None = field(name="retryAfter", default=None)


class _Fault(msgspec.Struct):
    code: int = 0
    msg: str = ""
    data: _Wish | None = None


class _Limit(msgspec.Struct, gc=False):
    kind: str = field(name="rateLimitType", default="")
    interval: str = ""
    number: int = field(name="intervalNum", default=0)
    count: int = 0


class _Event(msgspec.Struct):
    event: str = field(name="e", default="")


class _Frame(msgspec.Struct):
    id: str | int | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    limits: list[_Limit] = field(name="rateLimits", default_factory=list)
    event: _Event | None = None


_frames = msgspec.json.Decoder(_Frame)
_faults = msgspec.json.Decoder(_Fault)
_encode = msgspec.json.Encoder().encode


class BinanceLine:
    """`methods`: "METHOD path" of a REST call → the method that does the same. Raises ValueError for keys that cannot be signed with."""

    def __init__(self, path: str, methods: Mapping[str, str], credentials: Credentials) -> None:
        self.path = path
        self._methods = methods
        self._signer = BinanceSigner(credentials)
        self._session = bool(credentials.signing_key)

    def opening(self, now_ms: int) -> bytes | None:
        """Log on, where the key can."""
        if not self._session:
            return None
        return _encode({"id": _LOGON, "method": "session.logon", "params": self._signer.params({}, now_ms)})

    def encode(self, request: Request, token: str, now_ms: int) -> bytes:
        """The frame of a call. Raises LookupError for one that is not served here."""
        method = self._methods[f"{request.method} {request.path}"]
        if self._session:
            params: dict[str, str | int] = {**dict(request.params), "recvWindow": RECV_WINDOW_MS, "timestamp": now_ms}
        else:
            params = self._signer.params(dict(request.params), now_ms)
        return _encode({"id": token, "method": method, "params": params})

    def read(self, frame: bytes) -> LineAnswer | None:
        """An answer, or the venue's goodbye."""
        try:
            read = _frames.decode(frame)
            if read.event is not None:
                return LineAnswer(leaving="the venue announced a shutdown") if read.event.event == "serverShutdown" else None
            if read.status is None:
                return None
            fault = _faults.decode(read.error) if len(read.error) else None
        except NO_JSON:
            return None
        if read.id == _LOGON or read.id is None:
            said = "" if fault is None else f"{fault.code} {fault.msg}"
            return LineAnswer(status=read.status, entered=fault is None, leaving=said, body=bytes(read.error))
        return LineAnswer(
            token=str(read.id),
            status=read.status,
            body=bytes(read.result if fault is None else read.error),
            retry_after_s=None if fault is None else _wish_s(fault.data),
            usage=tuple(used for each in read.limits if (used := _usage(each)) is not None),
        )


def _usage(limit: _Limit) -> tuple[str, int] | None:
    """In the words of REST's headers: `order-count-10s`."""
    group, letter = _GROUPS.get(limit.kind), _INTERVALS.get(limit.interval)
    return None if group is None or letter is None else (f"{group}-{limit.number}{letter}", limit.count)


def _wish_s(wish: _Wish | None) -> float | None:
    if wish is None or wish.until_ms is None or wish.server_ms is None:
        return None
    return max(0.0, (wish.until_ms - wish.server_ms) / 1000)
