"""venues.upbit.private: myOrder and myAsset: who we are goes into the handshake, and nothing is confirmed.

Rules: a wrong key is told by HTTP 401 at the handshake or by an error frame, after which the server closes with 1000; a
handshake's answer may come without its body, so that a REST call is asked for the reason; a subscription without `codes`
is for all pairs, `codes` on myAsset is an error; both types are live only, without snapshot or replay. The token has no
time in it: a wrong clock does no harm here. That the subscription stands is proved by asking for the list of them.

Source: docs.upbit.com/kr/reference/websocket-myorder, -myasset, list-subscriptions, rest-api-guide (2026-10-06), auth.
Read 2026-11-20.
"""

from __future__ import annotations

import msgspec

from hoga.core.jsontext import NO_JSON
from hoga.core.market import DataType
from hoga.core.secret import Credentials, Secret
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
from hoga.venues.upbit import payloads
from hoga.venues.upbit.auth import UpbitSigner, bearer

__all__ = ["PRIVATE", "Session", "trouble_of"]

_PATH = "/websocket/v1/private"
_WHY_PATH = "/v1/api_keys"
"""Answers with the reason where the handshake did not."""

_TRIES = 3
"""Requests for the same types on one connection."""

_TROUBLES = {
    "invalid_access_key": Trouble.KEY,
    "jwt_verification": Trouble.KEY,
    "invalid_jwt": Trouble.KEY,
    "invalid_query_payload": Trouble.KEY,
    "no_authorization_token": Trouble.KEY,
    "invalid_auth": Trouble.KEY,
    "expired_access_key": Trouble.EXPIRED,
    "nonce_used": Trouble.NONCE,
    "no_authorization_ip": Trouble.ADDRESS,
    "no_authorization_i_p": Trouble.ADDRESS,
    "out_of_scope": Trouble.PERMISSION,
    "too_many_request": Trouble.LIMIT,
    "too_many_requests": Trouble.LIMIT,
    "i'm_a_teapot": Trouble.LIMIT,
    "market_offline": Trouble.VENUE,
}


class _Fault(msgspec.Struct):
    name: str | int
    message: str = ""


class _Row(msgspec.Struct):
    type: str = ""


class _Frame(msgspec.Struct):
    type: str = ""
    code: str = ""
    state: str = ""
    method: str = ""
    status: str = ""
    error: _Fault | None = None
    result: msgspec.Raw = msgspec.Raw(b"[]")


_rows = msgspec.json.Decoder(list[_Row])
_frames = msgspec.json.Decoder(_Frame)


class Session:
    """One life: handshake with a token, one request for the types wanted, events."""

    stream = Secret("")
    heard_s: float | None = None

    def __init__(self, credentials: Credentials, types: frozenset[DataType], nonce: Nonce) -> None:
        self._credentials = credentials
        self._types = types
        self._nonce = nonce
        self._live = False
        self._number = 0
        self._opened_s: float | None = None
        self._asked: Reply | None = None
        self._age_s = 0.0
        self._pending_s: float | None = None
        self._times = 0
        self._lists = False

    def begin(self, now_ms: int) -> list[Step]:
        """Connect with a fresh token."""
        return [Connect(target=Secret(_PATH), headers=self._headers())]

    def refused(self, reply: Reply, now_ms: int) -> list[Step]:
        """Say why; ask for the reason where the answer has none."""
        known = trouble_of(reply)
        if known is None and reply.status == 401:
            self._asked = reply
            return [Request(path=_WHY_PATH, headers=self._headers(), groups=("default",), priority=Priority.ACCOUNT)]
        return [Refuse(known or _unexplained(reply))]

    def answer(self, reply: Reply, now_ms: int) -> list[Step]:
        """The reason for the handshake's refusal, where it is one."""
        known = trouble_of(reply) if reply.status != 200 else None
        return [Refuse(known or _unexplained(self._asked or reply))]

    def opened(self, now_ms: int) -> list[Step]:
        """Subscribe, and have it confirmed."""
        return self._subscribe()

    def want(self, types: frozenset[DataType]) -> list[Step]:
        """A request replaces the one before."""
        had, self._types = _wire_types(self._types), types
        self._times = 0
        return self._subscribe() if _wire_types(types) != had else []

    def receive(self, frame: bytes, now_ms: int) -> list[Step]:
        """Data, an answer, or an error."""
        try:
            read = _frames.decode(frame)
        except NO_JSON:
            return [Odd(frame)]
        if read.error is not None:
            return [_told(read.error)]
        if read.type == "myOrder":
            fill = (DataType.MY_FILL,) if read.state == "trade" else ()
            return [*self._lived(), Emit((DataType.MY_ORDER, *fill), (read.code,), frame.strip())]
        if read.type == "myAsset":
            return [*self._lived(), Emit((DataType.MY_ASSET,), (), frame.strip())]
        if read.method:
            return self._listed(read)
        return [] if read.status else [Odd(frame)]

    def tick(self, age_s: float) -> list[Step]:
        """No error for a while is a yes, too, where the venue has never listed what is subscribed."""
        self._age_s = age_s
        if self._opened_s is None:
            self._opened_s = self._pending_s = age_s
        if self._pending_s is None or age_s - self._pending_s < PATIENCE_S:
            return []
        if self._lists:
            return self._again("no answer to a request")
        self._pending_s = None
        return self._lived()

    def _listed(self, read: _Frame) -> list[Step]:
        """The venue's list of what is subscribed: a yes, unless nothing of what is wanted is in it."""
        self._lists = True
        try:
            types = {row.type for row in _rows.decode(read.result)}
        except NO_JSON:
            types = set()
        wanted = _wire_types(self._types)
        if wanted and types.isdisjoint(wanted):
            return self._again(f"not subscribed: {', '.join(wanted)}")
        self._pending_s, self._times = None, 0
        return self._lived()

    def _again(self, why: str) -> list[Step]:
        """Ask once more; after a few times only a new connection may help."""
        self._times += 1
        return self._subscribe() if self._times < _TRIES else [Renew(why)]

    def _lived(self) -> list[Step]:
        if self._live:
            return []
        self._live = True
        return [Live()]

    def _headers(self) -> dict[str, Secret]:
        return {"Authorization": bearer(self._credentials, self._nonce())}

    def _subscribe(self) -> list[Step]:
        """One request for all that is wanted, and one for the list that proves it."""
        self._pending_s = self._age_s
        wishes = [{"type": kind} for kind in _wire_types(self._types)]
        return [Send(self._request(wishes)), Send(self._request([{"method": "LIST_SUBSCRIPTIONS"}]))]

    def _request(self, middle: list[dict[str, str]]) -> Secret:
        self._number += 1
        request = [{"ticket": f"hoga-private-{self._number}"}, *middle, {"format": "DEFAULT"}]
        return Secret(msgspec.json.encode(request).decode())


def _wire_types(types: frozenset[DataType]) -> list[str]:
    """Only what is wanted: a key may be allowed to see one and not the other."""
    orders = ["myOrder"] if types & {DataType.MY_ORDER, DataType.MY_FILL} else []
    return [*orders, *(["myAsset"] if DataType.MY_ASSET in types else [])]


def _told(error: _Fault) -> Step:
    name = str(error.name)
    text = f"{name} {error.message}".strip()
    trouble = _TROUBLES.get(name.lower().replace(" ", "_"))
    return Renew(text) if trouble is None else Refuse(Refusal(trouble=trouble, text=text))


def trouble_of(reply: Reply) -> Refusal | None:
    """What a refusing answer means, None when it does not say."""
    try:
        error = _frames.decode(reply.body).error
    except NO_JSON:
        error = None
    if error is not None and (trouble := _TROUBLES.get(str(error.name).lower())) is not None:
        return Refusal(trouble=trouble, text=f"{error.name} {error.message}".strip(), retry_after_s=reply.retry_after_s)
    if reply.status in (418, 429):
        return Refusal(trouble=Trouble.LIMIT, text=f"HTTP {reply.status}", retry_after_s=reply.retry_after_s)
    if reply.status >= 500:
        return Refusal(trouble=Trouble.VENUE, text=f"HTTP {reply.status}", retry_after_s=reply.retry_after_s)
    return None


def _unexplained(reply: Reply) -> Refusal:
    trouble = {401: Trouble.KEY, 403: Trouble.PERMISSION}.get(reply.status, Trouble.VENUE)
    return Refusal(trouble=trouble, text=f"HTTP {reply.status}")


PRIVATE = PrivateSpec(
    decode={DataType.MY_ORDER: payloads.my_order, DataType.MY_FILL: payloads.my_fill, DataType.MY_ASSET: payloads.my_asset},
    needs=(("API_KEY", "API_SECRET"),),
    session=Session,
    signer=UpbitSigner,
    sent_key="timestamp",
)
