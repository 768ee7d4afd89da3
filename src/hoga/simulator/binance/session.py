"""simulator.binance.session: one stream connection's protocol state, as Binance keeps it. Pure.

Spot and futures differ in figures and in `NameRules`: which names are well-formed, which of them this connection's route
serves (the others are acked, listed and silent), and which request ids pass.

Calling contract: feed `text`, `ping`, `pong` as they arrive and `tick` when `deadline_ns` has come; carry out the
returned actions in order. After a `Close` the session is over and further input is ignored.

Source: protocol sheet 1.1 to 1.4 and 9 (spot-docs; live probes of 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hoga.simulator.binance.dialect import Form
from hoga.simulator.binance.heartbeat import POLICY, Heartbeat, Limits
from hoga.simulator.binance.names import is_well_formed
from hoga.simulator.protocol import Action, Close, Pong, RequestVerdict, Subscribed, Text, Unsubscribed, carried_out

__all__ = ["SPOT_NAME_RULES", "NameRules", "Session", "futures_id_ok"]

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TEXT_ID = re.compile(r"^[A-Za-z0-9-]{1,36}$")  # the official SDK sends UUIDs, dashes and all


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRules:
    """What a venue makes of names and ids."""

    well_formed: Callable[[str], bool]
    serves: Callable[[str], bool]
    id_ok: Callable[[Any], bool]
    id_rule: str


class _Refused(Exception):
    def __init__(self, code: int, text: str, *, close: bool = False) -> None:
        self.code, self.text, self.close = code, text, close


class Session:
    """Subscriptions, the `combined` property, the frame budget and the heartbeat of one connection."""

    def __init__(self, *, combined: bool, micros: bool, limits: Limits, now_ns: int, name_rules: NameRules | None = None) -> None:
        self.form = Form(combined, micros)
        self.subscriptions: dict[str, None] = {}
        self.closed: Close | None = None
        self.wrote_ns = now_ns
        self.name = ""
        self.judge: Callable[[list[str]], RequestVerdict] = carried_out
        self._limits = limits
        self._name_rules = name_rules or SPOT_NAME_RULES
        self._heartbeat = Heartbeat(limits, now_ns)

    @property
    def combined(self) -> bool:
        """Frames carry the stream's name."""
        return self.form.combined

    def open(self, names: list[str]) -> list[Action]:
        """Subscribe to the streams named in the URL. Their syntax is not checked there (ccxt connects to `/ws/0`)."""
        return self._guarded(None, lambda: self._add(names))

    def text(self, payload: bytes, now_ns: int) -> list[Action]:
        """A text frame arrived."""
        over = self._spend(now_ns)
        if over:
            return over
        try:
            request = json.loads(payload)
        except ValueError as fault:
            return self._not_json(payload, fault)
        request_id = request.get("id") if isinstance(request, dict) else None
        return self._guarded(request_id, lambda: self._answer(request))

    def binary(self, now_ns: int) -> list[Action]:
        """A binary frame arrived: no request is binary."""
        return self._spend(now_ns) or self._close(POLICY, "Invalid request")

    def ping(self, payload: bytes, now_ns: int) -> list[Action]:
        """A ping arrived: answered, and paid from the frame budget."""
        return self._spend(now_ns) or [Pong(payload)]

    def pong(self, payload: bytes, now_ns: int) -> list[Action]:
        """A pong arrived. Only one that echoes a ping's payload keeps the connection alive; it answers the older ones too."""
        over = self._spend(now_ns)
        if not over:
            self._heartbeat.pong(payload)
        return over

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed: send the ping that is due, or end the connection."""
        due = None if self.closed else self._heartbeat.tick(now_ns)
        return self._close(*due) if isinstance(due, Close) else [due] if due else []

    def deadline_ns(self) -> int:
        """When `tick` has something to do next."""
        return self._heartbeat.deadline_ns()

    def _spend(self, now_ns: int) -> list[Action]:
        over = self._heartbeat.spend(now_ns)
        return self._close(*over) if over else []

    def _close(self, code: int, reason: str) -> list[Action]:
        self.closed = Close(code, reason)
        return [self.closed]

    def _not_json(self, payload: bytes, fault: ValueError) -> list[Action]:
        if payload.lstrip()[:1] not in (b"{", b"["):
            return self._close(POLICY, "Invalid request")
        line, column = (fault.lineno, fault.colno) if isinstance(fault, json.JSONDecodeError) else (1, 1)
        return [_error(3, f"Invalid JSON: expected value at line {line} column {column}", None)]

    def _guarded(self, request_id: Any, work: Any) -> list[Action]:
        try:
            actions: list[Action] = work()
        except _Refused as refused:
            reply: list[Action] = [_error(refused.code, refused.text, request_id if self._name_rules.id_ok(request_id) else None)]
            return reply + self._close(POLICY, "Invalid request") if refused.close else reply
        return actions

    def _answer(self, request: Any) -> list[Action]:
        if not isinstance(request, dict):
            raise _Refused(2, "Invalid request: invalid type: expected a request object at line 1 column 1")
        method, params, request_id = request.get("method"), request.get("params"), request.get("id")
        if not self._name_rules.id_ok(request_id):
            raise _Refused(2, f"Invalid request: request ID must be {self._name_rules.id_rule}")
        if method is None:
            raise _Refused(2, "Invalid request: missing field `method` at line 1 column 1")
        if method not in _METHODS:
            names = ", ".join(f"`{name}`" for name in _METHODS)
            raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {names}")
        if params is not None and not isinstance(params, list):
            raise _Refused(2, "Invalid request: invalid type: expected a sequence for `params`")
        return self._perform(method, params or [], request_id)

    def _perform(self, method: str, params: list[Any], request_id: Any) -> list[Action]:
        if method == "SUBSCRIBE":
            return self._subscribe(params, request_id)
        if method == "UNSUBSCRIBE":
            return [*self._unsubscribe(params), _result(None, request_id)]
        if method == "LIST_SUBSCRIPTIONS":
            if params:
                raise _Refused(2, "Invalid request: too many parameters")
            return [_result(list(self.subscriptions), request_id)]
        if method == "SET_PROPERTY":
            return [self._set_property(params, request_id)]
        return [self._get_property(params, request_id)]

    def _subscribe(self, names: list[Any], request_id: Any) -> list[Action]:
        self._check_names(names)
        verdict = self.judge(names)
        if verdict.refused is not None:
            raise _Refused(3, verdict.refused)
        return [] if verdict.ignored else [*self._add(names, verdict.deaf), _result(None, request_id)]

    def _add(self, names: list[str], deaf: frozenset[str] = frozenset()) -> list[Action]:
        added = [name for name in dict.fromkeys(names) if name not in self.subscriptions]
        if len(self.subscriptions) + len(added) > self._limits.streams:
            raise _Refused(4, "Too many subscriptions", close=True)
        self.subscriptions.update(dict.fromkeys(added))
        served = [name for name in added if name not in deaf and self._name_rules.serves(name)]
        return [Subscribed(served)] if served else []

    def _unsubscribe(self, names: list[Any]) -> list[Action]:
        self._check_names(names)
        removed = [name for name in dict.fromkeys(names) if name in self.subscriptions]
        for name in removed:
            del self.subscriptions[name]
        return [Unsubscribed(removed)] if removed else []

    def _check_names(self, names: list[Any]) -> None:
        for name in names:
            if not isinstance(name, str):
                raise _Refused(2, "Invalid request: invalid type: expected a string in `params`")
            if not self._name_rules.well_formed(name):
                raise _Refused(2, "Invalid request: invalid stream", close=True)

    def _set_property(self, params: list[Any], request_id: Any) -> Action:
        if len(params) > 2:
            raise _Refused(2, "Invalid request: too many parameters")
        _check_property(params)
        if len(params) < 2 or not isinstance(params[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean")
        self.form = self.form._replace(combined=params[1])
        return _result(None, request_id)

    def _get_property(self, params: list[Any], request_id: Any) -> Action:
        if len(params) > 1:
            raise _Refused(2, "Invalid request: too many parameters")
        _check_property(params)
        return _result(self.combined, request_id)


def _check_property(params: list[Any]) -> None:
    if not params or not isinstance(params[0], str):
        raise _Refused(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _Refused(0, "Unknown property")


def _id_ok(request_id: Any) -> bool:
    if request_id is None:
        return True
    if isinstance(request_id, bool):
        return False
    if isinstance(request_id, int):
        return -(2**63) <= request_id < 2**63
    return isinstance(request_id, str) and _TEXT_ID.match(request_id) is not None


def futures_id_ok(request_id: Any) -> bool:
    """The futures venue's rule: unsigned integers, as documented, and the UUIDs that the official SDK sends."""
    if isinstance(request_id, str):
        return _TEXT_ID.match(request_id) is not None
    return isinstance(request_id, int) and not isinstance(request_id, bool) and 0 <= request_id < 2**64


SPOT_NAME_RULES = NameRules(
    well_formed=is_well_formed,
    serves=lambda name: True,
    id_ok=_id_ok,
    id_rule="a signed 64-bit integer, an alphanumeric string up to 36 characters, or null",
)


def _result(result: Any, request_id: Any) -> Text:
    return Text(_dump({"result": result, "id": request_id}))


def _error(code: int, text: str, request_id: Any) -> Text:
    return Text(_dump({"error": {"code": code, "msg": text}, "id": request_id}))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
