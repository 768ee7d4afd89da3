"""venues.binance.private: account events: spot over the WebSocket API, USDⓈ-M by a listen key. Pure.

Spot: with an Ed25519 key `session.logon`, then `userDataStream.subscribe`; with HMAC `userDataStream.subscribe.signature`.
A key that is revoked later is told by an answer without id. Where the clock is the trouble the venue's is asked for, so
that the refusal says by how much. Futures: a REST call gives a listen key (the key in a header, nothing signed), which is
valid for an hour and kept by another call; when it expires the socket stays open and silent, and a listen key that does
not exist is accepted as well. It is never deleted: every client of the account shares it.

Source: spot-docs websocket-api and user-data-stream (2026-02-20), USD-M docs user-data-streams, errors. Read 2026-11-20.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.venues.binance import account
from hoga.venues.binance.auth import BinanceSigner
from hoga.venues.private import (
    PATIENCE_S,
    Connect,
    Emit,
    Live,
    Nonce,
    Odd,
    PrivateSpec,
    Refusal,
    Refuse,
    Renew,
    Reply,
    Send,
    Step,
    Trouble,
)
from hoga.venues.request import Priority, Request

__all__ = ["SPOT_PRIVATE", "USDM_PRIVATE", "FuturesSession", "SpotSession"]

_TROUBLES = {
    -2014: Trouble.KEY,
    -2015: Trouble.KEY,
    -1022: Trouble.KEY,
    -2008: Trouble.KEY,
    -1002: Trouble.PERMISSION,
    -1021: Trouble.CLOCK,
    -5028: Trouble.CLOCK,
    -1003: Trouble.LIMIT,
    -1034: Trouble.LIMIT,
    -1008: Trouble.VENUE,
    -1016: Trouble.VENUE,
}
_UNKNOWN_LISTEN_KEY = -1125
_LOGON, _SUBSCRIBE, _TIME = "logon", "subscribe", "time"
"""The ids of our requests: letters, digits and dashes, at most 36 (a dot is refused)."""
_KEEP_EVERY_S = 1800.0
_KEEP_AGAIN_S = 60.0
_LISTEN_KEY_LIFE_S = 3600.0
_BANNED_UNTIL = re.compile(r"until (\d{13})")

_UNSERVED = frozenset({
    "listStatus", "externalLockUpdate", "TRADE_LITE", "ALGO_UPDATE", "MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT", "STRATEGY_UPDATE", "GRID_UPDATE",
})  # fmt: skip
"""Events that no type of data is made of."""


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    id: str | int | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: _Error | None = None
    event: msgspec.Raw = msgspec.Raw(b"")


class _Time(msgspec.Struct):
    server_ms: int = field(name="serverTime")


class _Part(msgspec.Struct):
    symbol: str = field(name="s", default="")
    execution: str = field(name="x", default="")


class _Wallets(msgspec.Struct):
    reason: str = field(name="m", default="")
    balances: list[msgspec.Raw] = field(name="B", default_factory=list)
    positions: list[_Part] = field(name="P", default_factory=list)


class _Event(msgspec.Struct):
    kind: str = field(name="e", default="")
    symbol: str = field(name="s", default="")
    execution: str = field(name="x", default="")


class _FuturesEvent(msgspec.Struct):
    kind: str = field(name="e", default="")
    order: _Part = field(name="o", default_factory=_Part)
    update: _Wallets = field(name="a", default_factory=_Wallets)


class _ListenKey(msgspec.Struct):
    key: str = field(name="listenKey", default="")


_answers = msgspec.json.Decoder(_Answer)
_times = msgspec.json.Decoder(_Time)
_events = msgspec.json.Decoder(_Event)
_heads = msgspec.json.Decoder(_FuturesEvent)
_errors = msgspec.json.Decoder(_Error)
_listen_keys = msgspec.json.Decoder(_ListenKey)
_BAD = NO_JSON


class SpotSession:
    """One life on the WebSocket API."""

    def __init__(self, credentials: Credentials, types: frozenset[DataType], nonce: Nonce) -> None:
        self._logs_on = bool(credentials.signing_key)
        self._signer = BinanceSigner(credentials)
        self._live = False
        self._clock: Refusal | None = None
        self._clock_s: float | None = None

    def begin(self, now_ms: int) -> list[Step]:
        """Connect; who we are is said later."""
        return [Connect(target=Secret("/ws-api/v3"), headers={})]

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """Without a key nothing is refused but everybody."""
        return [Refuse(_by_status(reply))]

    def answer(self, reply: Reply, now_ms: int) -> list[Step]:
        """No REST call is made here."""
        raise AssertionError("this session makes no calls")

    def opened(self, now_ms: int) -> list[Step]:
        """Log on, or subscribe with a signature."""
        signed = self._signer.params({}, now_ms)
        if self._logs_on:
            return [_request(_LOGON, "session.logon", signed)]
        return [_request(_SUBSCRIBE, "userDataStream.subscribe.signature", signed)]

    def want(self, types: frozenset[DataType]) -> list[Step]:
        """There is one stream with everything."""
        return []

    def tick(self, age_s: float) -> list[Step]:
        """Nothing to keep; but where the venue does not tell its time, its refusal is told without."""
        if self._clock is None:
            return []
        if self._clock_s is None:
            self._clock_s = age_s
        return [Refuse(self._clock)] if age_s - self._clock_s >= PATIENCE_S else []

    def receive(self, frame: bytes, now_ms: int) -> list[Step]:
        """An answer, an event, or the venue's goodbye."""
        try:
            read = _answers.decode(frame)
            if len(read.event):
                return self._event(bytes(read.event), frame)
            if read.status is not None or read.error is not None:
                return self._answered(read, now_ms)
            return self._event(frame, frame)
        except _BAD:
            return [Odd(frame)]

    def _answered(self, read: _Answer, now_ms: int) -> list[Step]:
        if read.id == _TIME and self._clock is not None:
            off_ms = None if read.error else now_ms - _times.decode(read.result).server_ms
            return [Refuse(msgspec.structs.replace(self._clock, clock_off_ms=off_ms))]
        if read.error is not None:
            return self._refusal(_refusal_of(read.error, read.status or 400, now_ms))
        if read.id == _LOGON:
            return [_request(_SUBSCRIBE, "userDataStream.subscribe", {})]
        if read.id == _SUBSCRIBE and not self._live:
            self._live = True
            return [Live()]
        return []

    def _refusal(self, refusal: Refusal) -> list[Step]:
        if refusal.trouble is not Trouble.CLOCK:
            return [Refuse(refusal)]
        self._clock = refusal
        return [_request(_TIME, "time", {})]

    def _event(self, payload: bytes, frame: bytes) -> list[Step]:
        head = _events.decode(payload)
        match head.kind:
            case "executionReport":
                fill = (DataType.MY_FILL,) if head.execution == "TRADE" else ()
                return [Emit((DataType.MY_ORDER, *fill), (head.symbol,), payload)]
            case "outboundAccountPosition":
                return [Emit((DataType.MY_ASSET,), (), payload)]
            case "balanceUpdate":
                return [Emit((DataType.MY_BALANCE,), (), payload)]
            case "eventStreamTerminated":
                return [Renew("the venue ended the stream")]
            case "serverShutdown":
                return [Renew("the venue announced a shutdown")]
        return [] if head.kind in _UNSERVED else [Odd(frame)]


class FuturesSession:
    """One life of a listen key and the connection made with it."""

    def __init__(self, credentials: Credentials, types: frozenset[DataType], nonce: Nonce) -> None:
        self._headers = {"X-MBX-APIKEY": credentials.key}
        self._listen_key = ""
        self._kept_s = 0.0
        self._keep_at_s = _KEEP_EVERY_S
        self._age_s = 0.0

    def begin(self, now_ms: int) -> list[Step]:
        """Ask for a listen key."""
        return [self._call("POST")]

    def answer(self, reply: Reply, now_ms: int) -> list[Step]:
        """The listen key, or that it was kept, or neither."""
        if reply.status == 200:
            return self._kept() if self._listen_key else self._given(reply)
        refusal = _by_body(reply, now_ms)
        if not self._listen_key or refusal.trouble.needs_a_person:
            return [Refuse(refusal)]
        if refusal.text.startswith(str(_UNKNOWN_LISTEN_KEY)) or self._age_s - self._kept_s >= _LISTEN_KEY_LIFE_S - _KEEP_AGAIN_S:
            return [Renew(f"the listen key was not kept: {refusal.text}")]
        self._keep_at_s = self._age_s + _KEEP_AGAIN_S
        return []

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """The listen key was good a moment ago."""
        return [Refuse(_by_status(reply))]

    def opened(self, now_ms: int) -> list[Step]:
        """The listen key was given to this key: nothing more is asked."""
        return [Live()]

    def want(self, types: frozenset[DataType]) -> list[Step]:
        """There is one stream with everything."""
        return []

    def tick(self, age_s: float) -> list[Step]:
        """Keep the listen key twice an hour."""
        self._age_s = age_s
        if age_s < self._keep_at_s:
            return []
        self._keep_at_s = age_s + _KEEP_EVERY_S
        return [self._call("PUT")]

    def receive(self, frame: bytes, now_ms: int) -> list[Step]:
        """An event."""
        try:
            head = _heads.decode(frame)
        except _BAD:
            return [Odd(frame)]
        match head.kind:
            case "ORDER_TRADE_UPDATE":
                fill = (DataType.MY_FILL,) if head.order.execution == "TRADE" else ()
                return [Emit((DataType.MY_ORDER, *fill), (head.order.symbol,), frame)]
            case "ACCOUNT_UPDATE":
                return _updates(head.update, frame)
            case "listenKeyExpired":
                return [Renew("the listen key expired")]
        return [] if head.kind in _UNSERVED else [Odd(frame)]

    def _given(self, reply: Reply) -> list[Step]:
        try:
            self._listen_key = _listen_keys.decode(reply.body).key
        except _BAD:
            self._listen_key = ""
        if not self._listen_key:
            return [Refuse(Refusal(trouble=Trouble.VENUE, text="no listen key in the answer"))]
        return [Connect(target=Secret(f"/private/ws/{self._listen_key}"), headers={})]

    def _kept(self) -> list[Step]:
        self._kept_s = self._age_s
        return []

    def _call(self, method: str) -> Step:
        return Request(method=method, path="/fapi/v1/listenKey", headers=self._headers, priority=Priority.ACCOUNT)


def _updates(update: _Wallets, frame: bytes) -> list[Step]:
    steps: list[Step] = []
    if update.balances:
        moved = () if update.reason == "ORDER" else (DataType.MY_BALANCE,)
        steps.append(Emit((DataType.MY_ASSET, *moved), (), frame))
    if update.positions:
        symbols = dict.fromkeys(each.symbol for each in update.positions)
        steps.append(Emit((DataType.MY_POSITION,), tuple(symbols), frame))
    return steps


def _request(number: str, method: str, params: Mapping[str, str | int]) -> Step:
    request = {"id": number, "method": method} | ({"params": params} if params else {})
    return Send(Secret(msgspec.json.encode(request).decode()))


def _refusal_of(error: _Error, status: int, now_ms: int) -> Refusal:
    limited = Trouble.LIMIT if status in (418, 429) else Trouble.KEY if status == 401 else Trouble.VENUE
    until = _BANNED_UNTIL.search(error.msg)
    return Refusal(
        trouble=_TROUBLES.get(error.code, limited),
        text=f"{error.code} {error.msg}",
        retry_after_s=max(0.0, (int(until[1]) - now_ms) / 1000) if until else None,
    )


def _by_body(reply: Reply, now_ms: int) -> Refusal:
    try:
        error = _errors.decode(reply.body)
    except _BAD:
        return _by_status(reply)
    if not error.code:
        return _by_status(reply)
    refusal = _refusal_of(error, reply.status, now_ms)
    return msgspec.structs.replace(refusal, retry_after_s=refusal.retry_after_s or reply.retry_after_s)


def _by_status(reply: Reply) -> Refusal:
    by_status = {401: Trouble.KEY, 403: Trouble.VENUE, 418: Trouble.LIMIT, 429: Trouble.LIMIT, 451: Trouble.ADDRESS}
    return Refusal(trouble=by_status.get(reply.status, Trouble.VENUE), text=f"HTTP {reply.status}", retry_after_s=reply.retry_after_s)


def _signer(credentials: Credentials, nonce: Nonce) -> BinanceSigner:
    return BinanceSigner(credentials)


SPOT_PRIVATE = PrivateSpec(
    decode={
        DataType.MY_ORDER: account.spot_order,
        DataType.MY_FILL: account.spot_fill,
        DataType.MY_ASSET: account.spot_assets,
        DataType.MY_BALANCE: account.spot_balance,
    },
    needs=(("API_KEY", "API_SECRET"), ("API_KEY", "PRIVATE_KEY_FILE")),
    session=SpotSession,
    signer=_signer,
)
"""Spot: orders, fills, balances, and what came in or went out."""

USDM_PRIVATE = PrivateSpec(
    decode={
        DataType.MY_ORDER: account.futures_order,
        DataType.MY_FILL: account.futures_fill,
        DataType.MY_ASSET: account.futures_assets,
        DataType.MY_BALANCE: account.futures_balance,
        DataType.MY_POSITION: account.futures_positions,
    },
    needs=(("API_KEY",),),
    session=FuturesSession,
    signer=_signer,
)
"""USDⓈ-M futures: the same, and positions."""
