"""venues.binance.spot_private: account events of spot, over the WebSocket API. Pure.

With an Ed25519 key `session.logon`, then `userDataStream.subscribe`; with HMAC `userDataStream.subscribe.signature`. An answer
without id tells that a key was revoked. Where our clock is the trouble, the venue's time is asked for, so that the refusal says by
how much.

Source: spot-docs websocket-api and user-data-stream (2026-02-20). Read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.venues.binance import account
from hoga.venues.binance.auth import BinanceSigner, account_signer
from hoga.venues.binance.refusals import VenueFault, refusal_by_status, refusal_of
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
    Replace,
    Reply,
    Send,
    Step,
    Trouble,
)

__all__ = ["SPOT_PRIVATE", "SpotSession"]

_LOGON, _SUBSCRIBE, _TIME = "logon", "subscribe", "time"
"""The ids of our requests: letters, digits and dashes, at most 36 (a dot is refused)."""
_UNSERVED = frozenset({"externalLockUpdate"})
"""Events that no type of data is made of."""


class _Answer(msgspec.Struct):
    id: str | int | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: VenueFault | None = None
    event: msgspec.Raw = msgspec.Raw(b"")


class _Time(msgspec.Struct):
    server_ms: int = field(name="serverTime")


class _Event(msgspec.Struct):
    event: str = field(name="e", default="")
    symbol: str = field(name="s", default="")
    execution: str = field(name="x", default="")


_answers = msgspec.json.Decoder(_Answer)
_times = msgspec.json.Decoder(_Time)
_events = msgspec.json.Decoder(_Event)


class SpotSession:
    """One life on the WebSocket API."""

    stream = Secret("")
    heard_s: float | None = None

    def __init__(self, credentials: Credentials, types: frozenset[DataType], nonce: Nonce) -> None:
        self._logs_on = bool(credentials.signing_key)
        self._signer = BinanceSigner(credentials)
        self._live = False
        self._clock: Refusal | None = None
        self._clock_s: float | None = None

    def begin(self, now_ms: int) -> list[Step]:
        """Connect; the key is shown once the connection is open."""
        return [Connect(target=Secret("/ws-api/v3"), headers={})]

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """No key was shown yet: whatever refuses us would refuse everybody."""
        return [Refuse(refusal_by_status(reply))]

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
        """Refuse for the clock without a figure, where the venue does not tell its time."""
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
        except NO_JSON:
            return [Odd(frame)]

    def _answered(self, read: _Answer, now_ms: int) -> list[Step]:
        if read.id == _TIME and self._clock is not None:
            off_ms = None if read.error else now_ms - _times.decode(read.result).server_ms
            return [Refuse(msgspec.structs.replace(self._clock, clock_off_ms=off_ms))]
        if read.error is not None:
            return self._refusal(refusal_of(read.error, read.status or 400, now_ms))
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
        match head.event:
            case "executionReport":
                fill = (DataType.MY_FILL,) if head.execution == "TRADE" else ()
                return [Emit((DataType.MY_ORDER, *fill), (head.symbol,), payload)]
            case "outboundAccountPosition":
                return [Emit((DataType.MY_ASSET,), (), payload)]
            case "balanceUpdate":
                return [Emit((DataType.MY_BALANCE,), (), payload)]
            case "listStatus":
                return [Emit((DataType.MY_ORDER_LIST,), (head.symbol,), payload)]
            case "eventStreamTerminated":
                return [Renew("the venue ended the stream")]
            case "serverShutdown":
                return [Replace("the venue announced a shutdown")]
        return [] if head.event in _UNSERVED else [Odd(frame)]


def _request(number: str, method: str, params: Mapping[str, str | int]) -> Step:
    request = {"id": number, "method": method} | ({"params": params} if params else {})
    return Send(Secret(msgspec.json.encode(request).decode()))


SPOT_PRIVATE = PrivateSpec(
    decode={
        DataType.MY_ORDER: account.spot_order,
        DataType.MY_FILL: account.spot_fill,
        DataType.MY_ASSET: account.spot_assets,
        DataType.MY_BALANCE: account.spot_balance,
        DataType.MY_ORDER_LIST: account.spot_list,
    },
    needs=(("API_KEY", "API_SECRET"), ("API_KEY", "PRIVATE_KEY_FILE")),
    session=SpotSession,
    signer=account_signer,
    sent_key="E",
    moves=frozenset({DataType.MY_BALANCE}),
)
"""Spot: orders, lists of them, fills, balances, and what came in or went out."""
