"""simulator.binance.ws_api: the WebSocket API: the endpoints of REST by other names, sessions, and user data. Pure but for
the answers' clock.

Each request is one text frame `{"id","method","params"}`; replies carry a status as HTTP would and the rate limits.
After `session.logon` (Ed25519 keys only) neither key nor signature is needed, the timestamp still is. User data
comes after `userDataStream.subscribe` (logged on) or `userDataStream.subscribe.signature` (any key).

Source: protocol sheet 5.1 and 5.2 (spot-docs; change log of 2026-02-20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hoga.simulator.binance.api import Access, ApiError, Endpoint, Query, text_of
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.dialect import Form
from hoga.simulator.binance.failures import asked_for, error_of
from hoga.simulator.binance.guard import Credentials
from hoga.simulator.binance.heartbeat import POLICY, Heartbeat
from hoga.simulator.binance.keys import ApiKey
from hoga.simulator.binance.private import PrivateDeps
from hoga.simulator.faults import Asked, Fault, FaultKind
from hoga.simulator.protocol import Action, Close, Later, Pong, RequestVerdict, Text, carried_out

__all__ = ["ApiSession", "Dialogue"]

_TEXT_ID = re.compile(r"^[A-Za-z0-9-]{1,36}$")
_MOST_SUBSCRIPTIONS = 65_535
_ADDRESS = "websocket"
_USER_DATA = "userData"
_ENTRANCES = frozenset({"session.logon", "userDataStream.subscribe", "userDataStream.subscribe.signature"})
"""What faults of requests for streams reach here."""


class Dialogue(NamedTuple):
    """What a WebSocket API understands: `methods` by name are REST's endpoints (`METHOD /path`), `prefix` may precede every method;
    `streams`: it has user data subscriptions of its own."""

    methods: Mapping[str, str]
    prefix: str
    streams: bool


class ApiSession:
    """One connection. `subscriptions` are user streams by id; the private half sends their events."""

    def __init__(self, dialogue: Dialogue, deps: PrivateDeps, clerk: Clerk) -> None:
        now_ns = deps.now_ns()
        self.name = ""
        self.closed: Close | None = None
        self.wrote_ns = now_ns
        self.judge: Callable[[list[str]], RequestVerdict] = carried_out
        self.key: ApiKey | None = None
        self.subscriptions: dict[int, ApiKey] = {}
        self._dialogue = dialogue
        self._deps = deps
        self._clerk = clerk
        self._heartbeat = Heartbeat(deps.limits, now_ns)
        self._connected_ms = deps.to_ms(now_ns)
        self._authorized_ms = 0
        self._next_subscription = 0

    @property
    def form(self) -> Form:
        """Frames are objects as they are."""
        return Form(combined=False, micros=False)

    def open(self, names: list[str]) -> list[Action]:
        """The connection is open."""
        return []

    def text(self, payload: bytes, now_ns: int) -> list[Action]:
        """A request arrived."""
        try:
            request, verbatim = json.loads(payload), json.loads(payload, parse_int=str, parse_float=str)
        except ValueError:
            return [_failure(None, ApiError(-1000, "Request is not valid JSON."), [])]
        if not isinstance(request, dict) or not _id_ok(request.get("id")):
            return [_failure(None, ApiError(-1135, "Invalid JSON Request"), [])]
        verdict = self.judge([_USER_DATA]) if request.get("method") in _ENTRANCES else RequestVerdict()
        if verdict.refused is not None:
            return [_failure(request.get("id"), ApiError(-1000, verdict.refused), [])]
        return [] if verdict.ignored else self._take(request, verbatim.get("params") or {})

    def binary(self, now_ns: int) -> list[Action]:
        """No request is binary."""
        return self._close(Close(POLICY, "Invalid request"))

    def ping(self, payload: bytes, now_ns: int) -> list[Action]:
        """A ping arrived."""
        return self._close(self._heartbeat.spend(now_ns)) or [Pong(payload)]

    def pong(self, payload: bytes, now_ns: int) -> list[Action]:
        """A pong arrived."""
        over = self._close(self._heartbeat.spend(now_ns))
        if not over:
            self._heartbeat.pong(payload)
        return over

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        due = None if self.closed else self._heartbeat.tick(now_ns)
        return self._close(due) if isinstance(due, Close) else [due] if due else []

    def deadline_ns(self) -> int:
        """When `tick` has something to do next."""
        return self._heartbeat.deadline_ns()

    def _close(self, close: Close | None) -> list[Action]:
        self.closed = close or self.closed
        return [close] if close else []

    # -- requests ----------------------------------------------------------

    def _take(self, request: dict[str, Any], params: Any) -> list[Action]:
        """Carry a request out, with whatever goes wrong around it."""
        request_id, limits = request.get("id"), list[dict[str, Any]]()
        if not isinstance(params, dict):
            return [_failure(request_id, ApiError(-1135, "Invalid JSON Request"), limits)]
        texts = {name: _text(value) for name, value in params.items() if value is not None}
        method = str(request.get("method", "")).removeprefix(self._dialogue.prefix)
        name = self._dialogue.methods.get(method)
        if name is None:
            return [self._reply(request_id, method, texts)]
        http, _, path = name.partition(" ")
        asked = asked_for(http, path, texts, self.name)
        slow = self._deps.faults.take_asked(FaultKind.REST_SLOW, asked)
        if slow is not None:
            return [Later(int(slow.ms * 1e6), lambda: self._carry_out(request_id, name, texts, asked))]
        return self._carry_out(request_id, name, texts, asked)

    def _carry_out(self, request_id: Any, name: str, params: dict[str, str], asked: Asked) -> list[Action]:
        """Answer a request that one of REST's endpoints answers."""
        faults, endpoint, limits = self._deps.faults, self._clerk.endpoint(name), list[dict[str, Any]]()
        key = params.get("apiKey") or (self.key.key if self.key else "")
        broken = faults.take_asked(FaultKind.REST_ERROR, asked)
        if broken is not None:
            self._clerk.note(endpoint, asked, key, done=False, answered=broken.status, code=error_of(broken).code)
            return [_failure(request_id, self._error_of(broken), limits)] if broken.status else self._close(Close(1006, "cut"))
        try:
            reply, refused = _success(request_id, self._answer(endpoint, params, asked, limits), limits), None
        except ApiError as error:
            reply, refused = _failure(request_id, error, limits), error
        lost = faults.take_asked(FaultKind.REPLY_LOST, asked)
        told = refused if lost is None else error_of(lost)
        answered = lost.status if lost is not None else refused.status if refused is not None else 200
        self._clerk.note(endpoint, asked, key, done=refused is None, answered=answered, code=told.code if told and answered else None)
        if lost is not None:
            return [_failure(request_id, self._error_of(lost), limits)] if lost.status else self._close(Close(1006, "reply lost"))
        slow = faults.take_asked(FaultKind.REPLY_SLOW, asked)
        return [reply] if slow is None else [Later(int(slow.ms * 1e6), lambda: [reply])]

    def _error_of(self, fault: Fault) -> ApiError:
        """What a fault answers with; one of a budget says until when."""
        error = error_of(fault)
        if fault.status not in (418, 429):
            return error
        now_ms = self._deps.to_ms(self._deps.now_ns())
        until_ms = now_ms + 1_000 * (60 if fault.retry_after_s is None else fault.retry_after_s)
        return _Limited(error.text, status=error.status, data={"serverTime": now_ms, "retryAfter": until_ms})

    def _reply(self, request_id: Any, method: str, params: dict[str, str]) -> Text:
        """The answer of a method that the WebSocket API alone has."""
        limits: list[dict[str, Any]] = []
        try:
            own = _OWN.get(method)
            if own is None or not (self._dialogue.streams or method.startswith("session.")):
                raise ApiError(-1000, f"Unknown method '{method}'.")
            self._charge(2, limits)
            return _success(request_id, text_of(own(self, params, Query(params))), limits)
        except ApiError as error:
            return _failure(request_id, error, limits)

    def _answer(self, endpoint: Endpoint, params: dict[str, str], asked: Asked, limits: list[dict[str, Any]]) -> str:
        query = Query(params, asked=asked)
        weight = endpoint.weight(self._deps.api, query)
        self._charge(weight, limits)
        if endpoint.access is not Access.PUBLIC:
            query.key = self._admit(endpoint.access, params, query)
        if endpoint.orders:
            counts = self._deps.orders.count(query.account, endpoint.orders, self._deps.now_ns())
            limits[:0] = [
                {"rateLimitType": "ORDERS", **window.words(), "limit": window.limit, "count": counts[window.name]}
                for window in self._deps.orders.windows
            ]
        answer = text_of(self._clerk.answer(endpoint, query))
        if endpoint.free:
            limits[-1]["count"] = self._deps.budget.spend(_ADDRESS, -weight, self._deps.now_ns()).used
        return answer

    def _charge(self, weight: int, limits: list[dict[str, Any]]) -> None:
        now_ns = self._deps.now_ns()
        verdict = self._deps.budget.spend(_ADDRESS, weight, now_ns)
        limit = self._deps.api.weight_limit
        limits.append({"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit, "count": verdict.used})
        if verdict.status != 200:
            data = {"serverTime": self._deps.to_ms(now_ns), "retryAfter": verdict.until_ms}
            raise _Limited("Too much request weight used; current limit is exceeded.", status=verdict.status, data=data)

    def _admit(self, access: Access, params: dict[str, str], query: Query) -> ApiKey:
        if self.key is None or "apiKey" in params:
            return self._deps.guard.admit(access, Credentials.of_params(params), query)
        if access is Access.SIGNED:
            self._deps.guard.check_time(query)
        return self._deps.guard.known(self.key.key)

    # -- methods of its own ------------------------------------------------

    def _logon(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        key = self._deps.guard.admit(Access.SIGNED, Credentials.of_params(params), query)
        if not key.public:
            raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
        self.key, self._authorized_ms = key, self._deps.to_ms(self._deps.now_ns())
        return self._status(params, query)

    def _status(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        return {
            "apiKey": self.key.key if self.key else None,
            "authorizedSince": self._authorized_ms if self.key else None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": True,
            "serverTime": self._deps.to_ms(self._deps.now_ns()),
            "userDataStream": bool(self.subscriptions),
        }

    def _logout(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        self.key, self._authorized_ms = None, 0
        return self._status(params, query)

    def _subscribe(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        if self.key is None:
            raise ApiError(-1002, "You are not authorized to execute this request.", status=401)
        return self._add(self._deps.guard.known(self.key.key))

    def _subscribe_signed(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        return self._add(self._deps.guard.admit(Access.SIGNED, Credentials.of_params(params), query))

    def _add(self, key: ApiKey) -> dict[str, Any]:
        if any(known.account == key.account for known in self.subscriptions.values()):
            raise ApiError(-2035, "User Data Stream subscription already active.")
        if self._next_subscription > _MOST_SUBSCRIPTIONS:
            raise ApiError(-2042, "Too many user data stream subscriptions on this connection.")
        number, self._next_subscription = self._next_subscription, self._next_subscription + 1
        self.subscriptions[number] = key
        return {"subscriptionId": number}

    def _unsubscribe(self, params: dict[str, str], query: Query) -> dict[str, Any]:
        number = query.integer("subscriptionId")
        if number is None:
            self.subscriptions.clear()
        elif self.subscriptions.pop(number, None) is None:
            raise ApiError(-2036, "User Data Stream subscription not active.")
        return {}

    def _subscriptions(self, params: dict[str, str], query: Query) -> list[Any]:
        return [{"subscriptionId": number} for number in self.subscriptions]


class _Limited(ApiError):
    def __init__(self, text: str, *, status: int, data: dict[str, int]) -> None:
        super().__init__(-1003, text, status=status)
        self.data = data


_OWN: dict[str, Callable[[ApiSession, dict[str, str], Query], dict[str, Any] | list[Any]]] = {
    "session.logon": ApiSession._logon,
    "session.status": ApiSession._status,
    "session.logout": ApiSession._logout,
    "session.subscriptions": ApiSession._subscriptions,
    "userDataStream.subscribe": ApiSession._subscribe,
    "userDataStream.subscribe.signature": ApiSession._subscribe_signed,
    "userDataStream.unsubscribe": ApiSession._unsubscribe,
}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _id_ok(request_id: Any) -> bool:
    if isinstance(request_id, str):
        return _TEXT_ID.match(request_id) is not None
    return request_id is None or (isinstance(request_id, int) and not isinstance(request_id, bool))


def _success(request_id: Any, result: str, limits: list[dict[str, Any]]) -> Text:
    return Text(f'{{"id":{json.dumps(request_id)},"status":200,"result":{result},"rateLimits":{text_of(limits)}}}')


def _failure(request_id: Any, error: ApiError, limits: list[dict[str, Any]]) -> Text:
    data = {"data": error.data} if isinstance(error, _Limited) else {}
    body = {"id": request_id, "status": error.status, "error": {"code": error.code, "msg": error.text, **data}, "rateLimits": limits}
    return Text(json.dumps(body, separators=(",", ":")))
