"""venues.binance.usdm_private: account events of USDⓈ-M futures, by a listen key. Pure.

A REST call gives a listen key (our key is in a header, nothing is signed). It is valid for an hour, and another call keeps it. When it
expires the socket stays open and silent; a listen key that does not exist is accepted as well. It is never deleted here: every
client of the account shares it, and any of them may delete it. Nothing tells the others; so it is kept every minute (of the 2,400 that
calls may weigh in it one), and one that is unknown, or another one by now, was deaf since it was kept last.

Source: USD-M docs user-data-streams, errors. Read 2026-11-20.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from hoga.core.jsontext import NO_JSON
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
from hoga.venues.binance import usdm_account as account
from hoga.venues.binance.auth import account_signer
from hoga.venues.binance.refusals import refusal_by_body, refusal_by_status
from hoga.venues.private import Connect, Emit, Live, Nonce, Odd, PrivateSpec, Refusal, Refuse, Renew, Reply, Step, Trouble
from hoga.venues.request import Priority, Request

__all__ = ["USDM_PRIVATE", "FuturesSession"]

_UNKNOWN_LISTEN_KEY = -1125
_KEEP_EVERY_S = 60.0
_LISTEN_KEY_LIFE_S = 3600.0
_UNSERVED = frozenset({"TRADE_LITE", "STRATEGY_UPDATE", "GRID_UPDATE"})
"""Events that no type of data is made of. (`TRADE_LITE` tells a fill some moments sooner, without its fee.)"""


class _Part(msgspec.Struct):
    symbol: str = field(name="s", default="")
    execution: str = field(name="x", default="")


class _Wallets(msgspec.Struct):
    reason: str = field(name="m", default="")
    balances: list[msgspec.Raw] = field(name="B", default_factory=list)
    positions: list[_Part] = field(name="P", default_factory=list)


class _FuturesEvent(msgspec.Struct):
    event: str = field(name="e", default="")
    order: _Part = field(name="o", default_factory=_Part)
    update: _Wallets = field(name="a", default_factory=_Wallets)
    config: _Part = field(name="ac", default_factory=_Part)
    refused: _Part = field(name="or", default_factory=_Part)


class _Pressed(msgspec.Struct):
    positions: list[_Part] = field(name="p", default_factory=list)


class _ListenKey(msgspec.Struct):
    key: str = field(name="listenKey", default="")


_events = msgspec.json.Decoder(_FuturesEvent)
_pressed = msgspec.json.Decoder(_Pressed)
_listen_keys = msgspec.json.Decoder(_ListenKey)


class FuturesSession:
    """One life of a listen key and the connection made with it."""

    def __init__(self, credentials: Credentials, types: frozenset[DataType], nonce: Nonce) -> None:
        self._headers = {"X-MBX-APIKEY": credentials.key}
        self._listen_key = ""
        self._kept_s = self._asked_s = 0.0
        self._keep_at_s = _KEEP_EVERY_S
        self._age_s = 0.0

    @property
    def stream(self) -> Secret:
        """The listen key."""
        return Secret(self._listen_key)

    @property
    def heard_s(self) -> float | None:
        """When the call was made that kept it last: it was good then."""
        return self._kept_s

    def begin(self, now_ms: int) -> list[Step]:
        """Ask for a listen key."""
        return [self._call("POST")]

    def answer(self, reply: Reply, now_ms: int) -> list[Step]:
        """The listen key, or that it was kept, or neither."""
        if reply.status == 200:
            return self._kept(reply) if self._listen_key else self._given(reply)
        refusal = refusal_by_body(reply, now_ms)
        if not self._listen_key or refusal.trouble.needs_a_person:
            return [Refuse(refusal)]
        if refusal.text.startswith(str(_UNKNOWN_LISTEN_KEY)) or self._age_s - self._kept_s >= _LISTEN_KEY_LIFE_S - _KEEP_EVERY_S:
            return [Renew(f"the listen key was not kept: {refusal.text}", deaf=True)]
        return []

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """The listen key was good a moment ago."""
        return [Refuse(refusal_by_status(reply))]

    def opened(self, now_ms: int) -> list[Step]:
        """The listen key was given to this key: nothing more is asked."""
        return [Live()]

    def want(self, types: frozenset[DataType]) -> list[Step]:
        """There is one stream with everything."""
        return []

    def tick(self, age_s: float) -> list[Step]:
        """Keep the listen key."""
        self._age_s = age_s
        if age_s < self._keep_at_s:
            return []
        self._asked_s, self._keep_at_s = age_s, age_s + _KEEP_EVERY_S
        return [self._call("PUT")]

    def receive(self, frame: bytes, now_ms: int) -> list[Step]:
        """An event."""
        try:
            return self._told(_events.decode(frame), frame)
        except NO_JSON:
            return [Odd(frame)]

    def _told(self, head: _FuturesEvent, frame: bytes) -> list[Step]:
        match head.event:
            case "ORDER_TRADE_UPDATE":
                fill = (DataType.MY_FILL,) if head.order.execution == "TRADE" else ()
                return [Emit((DataType.MY_ORDER, *fill), (head.order.symbol,), frame)]
            case "ACCOUNT_UPDATE":
                return _updates(head.update, frame)
            case "ALGO_UPDATE":
                return [Emit((DataType.MY_ALGO_ORDER,), (head.order.symbol,), frame)]
            case "CONDITIONAL_ORDER_TRIGGER_REJECT":
                return [Emit((DataType.MY_TRIGGER_REJECT,), (head.refused.symbol,), frame)]
            case "ACCOUNT_CONFIG_UPDATE":
                return [Emit((DataType.MY_ACCOUNT_CONFIG,), (head.config.symbol,) if head.config.symbol else (), frame)]
            case "MARGIN_CALL":
                symbols = dict.fromkeys(each.symbol for each in _pressed.decode(frame).positions)
                return [Emit((DataType.MY_MARGIN_CALL,), tuple(symbols), frame)]
            case "listenKeyExpired":
                return [Renew("the listen key expired")]
        return [] if head.event in _UNSERVED else [Odd(frame)]

    def _given(self, reply: Reply) -> list[Step]:
        try:
            self._listen_key = _listen_keys.decode(reply.body).key
        except NO_JSON:
            self._listen_key = ""
        if not self._listen_key:
            return [Refuse(Refusal(trouble=Trouble.VENUE, text="no listen key in the answer"))]
        return [Connect(target=Secret(f"/private/ws/{self._listen_key}"), headers={})]

    def _kept(self, reply: Reply) -> list[Step]:
        """Where the answer names a key, it is the one in force: another one than ours means that ours was deleted."""
        try:
            named = _listen_keys.decode(reply.body).key
        except NO_JSON:
            named = ""
        if named and named != self._listen_key:
            return [Renew("another listen key is in force", deaf=True)]
        self._kept_s = self._asked_s
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


USDM_PRIVATE = PrivateSpec(
    decode={
        DataType.MY_ORDER: account.futures_order,
        DataType.MY_FILL: account.futures_fill,
        DataType.MY_ASSET: account.futures_assets,
        DataType.MY_BALANCE: account.futures_balance,
        DataType.MY_POSITION: account.futures_positions,
        DataType.MY_ALGO_ORDER: account.futures_algo_order,
        DataType.MY_TRIGGER_REJECT: account.futures_trigger_reject,
        DataType.MY_ACCOUNT_CONFIG: account.futures_config,
        DataType.MY_MARGIN_CALL: account.futures_margin_call,
    },
    needs=(("API_KEY",),),
    session=FuturesSession,
    signer=account_signer,
    sent_key="E",
)
"""USDⓈ-M futures: orders, conditional ones too, fills, balances, what came in or went out, positions, settings, margin calls."""
