"""simulator.upbit.session: one WebSocket connection's protocol state, as Upbit keeps it. Pure.

Rules: a request is an array that replaces everything subscribed before; there is no ack; an unknown code is silent for
ever; a mistake is told by an error frame, and a moment later the connection is closed with 1000; `PING` as text starts a
sign of life every ten seconds; a connection without traffic is cut without a close frame.

Calling contract: feed `text`, `binary`, `ping`, `pong` as they arrive and `tick` when `deadline_ns` has come; carry out
the returned actions in order. After a `Close` the session is over and further input is ignored.

Source: protocol sheet 1.5, 2.1 to 2.6 (live captures of 2026-09-23).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from hoga.simulator.protocol import Action, Binary, Close, Pong, RequestVerdict, Snapshots, Subscribed, Unsubscribed, carried_out
from hoga.simulator.upbit.limits import MessageBudget, UpbitLimits
from hoga.simulator.upbit.markets import E8
from hoga.simulator.upbit.names import PRIVATE_TYPES, PUBLIC_TYPES, assets_name, orders_name, want_of
from hoga.simulator.upbit.payloads import Format

__all__ = ["Session"]

S_NS = 1_000_000_000
_UP = b'{"status":"UP"}'
_BAD_FORMAT = "Format 이 맞지 않습니다."
_NO_TICKET = "티켓이 존재하지 않거나, 유효하지 않습니다."


class _Refused(Exception):
    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message


class _Wish(NamedTuple):
    """One element of a request: its streams, and what is wanted of them."""

    kind: str
    codes: list[str]
    level: Any
    names: list[str]
    snapshot: bool
    realtime: bool


class Session:
    """Subscriptions, format, message budget, sign of life and idle clock of one connection.

    `account` is who a private connection belongs to: None on the public path, "" when its token was bad and that is told
    in band.
    """

    def __init__(self, *, account: str | None, limits: UpbitLimits, now_ns: int) -> None:
        self.form = Format.DEFAULT
        self.subscriptions: dict[str, None] = {}
        self.closed: Close | None = None
        self.wrote_ns = now_ns
        self.name = ""
        self.judge: Callable[[list[str]], RequestVerdict] = carried_out
        self._account = account
        self._limits = limits
        self._budget = MessageBudget(limits)
        self._wishes: list[_Wish] = []
        self._leaving: dict[str, int] = {}
        self._heard_ns = now_ns
        self._up_ns: int | None = None
        self._close_ns: int | None = None

    def open(self, names: list[str]) -> list[Action]:
        """The connection is open; a URL names nothing here."""
        return []

    def text(self, payload: bytes, now_ns: int) -> list[Action]:
        """A text frame arrived."""
        self._heard_ns = now_ns
        if self._close_ns is not None:
            return []
        asks_for_signs = payload.strip() == b"PING"
        free = asks_for_signs and not self._limits.text_ping_counts
        if not free and not self._budget.spend(now_ns):
            return self._fail(self._limits.too_many_name, "Too many requests.", now_ns)
        if asks_for_signs:
            return self._begin_signs(now_ns)
        try:
            return self._answer(_parsed(payload), now_ns)
        except _Refused as refused:
            return self._fail(refused.name, refused.message, now_ns)

    def binary(self, now_ns: int) -> list[Action]:
        """A binary frame arrived; its bytes are not looked at, so it cannot be in the right format."""
        self._heard_ns = now_ns
        return [] if self._close_ns is not None else self._fail("WRONG_FORMAT", _BAD_FORMAT, now_ns)

    def ping(self, payload: bytes, now_ns: int) -> list[Action]:
        """A ping arrived: answered, and a sign of life."""
        self._heard_ns = now_ns
        return [Pong(payload)]

    def pong(self, payload: bytes, now_ns: int) -> list[Action]:
        """A pong arrived. The venue sends no pings."""
        self._heard_ns = now_ns
        return []

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        if self.closed:
            return []
        if self._close_ns is not None and now_ns >= self._close_ns:
            return self._close(1000)
        if now_ns >= self._idle_ns():
            return self._close(1006, "idle")
        actions: list[Action] = []
        over = [name for name, until_ns in self._leaving.items() if now_ns >= until_ns]
        if over:
            for name in over:
                del self._leaving[name]
            actions.append(Unsubscribed(over))
        if self._up_ns is not None and now_ns >= self._up_ns:
            self._up_ns = self._next_sign_ns(now_ns)
            actions.append(Binary(_UP))
        return actions

    def deadline_ns(self) -> int:
        """When `tick` has something to do next."""
        due = [self._idle_ns(), *self._leaving.values()]
        due += [each for each in (self._up_ns, self._close_ns) if each is not None]
        return min(due)

    # -- what time brings ----------------------------------------------------------------------------------------

    def _idle_ns(self) -> int:
        return max(self._heard_ns, self.wrote_ns) + int(self._limits.idle_s * S_NS)

    def _next_sign_ns(self, now_ns: int) -> int:
        every_ns = int(self._limits.up_every_s * S_NS)
        return now_ns // every_ns * every_ns + every_ns

    def _begin_signs(self, now_ns: int) -> list[Action]:
        if self._up_ns is None:
            self._up_ns = self._next_sign_ns(now_ns)
        return []

    def _close(self, code: int, reason: str = "") -> list[Action]:
        self.closed = Close(code, reason)
        return [self.closed]

    def _fail(self, name: str, message: str, now_ns: int) -> list[Action]:
        self._close_ns = now_ns + int(self._limits.error_linger_s * S_NS)
        error = {"name": name, "message": message}
        if name not in ("NO_TICKET", "TOO_MANY_REQUEST"):
            error = {"message": message, "name": name}  # captured both ways round
        return [Binary(_dump({"error": error}))]

    # -- requests ------------------------------------------------------------------------------------------------

    def _answer(self, request: list[dict[str, Any]], now_ns: int) -> list[Action]:
        if not _is_ticket(request[0].get("ticket")):
            raise _Refused("NO_TICKET", _NO_TICKET)
        wishes = [self._wish(element) for element in request[1:] if _is_wish(element)]
        listing = any(element.get("method") == "LIST_SUBSCRIPTIONS" for element in request)
        if not wishes and not listing:
            raise _Refused("NO_TYPE", "type 이 존재하지 않습니다.")
        verdict = self.judge([name for wish in wishes for name in wish.names]) if wishes else RequestVerdict()
        if verdict.refused is not None:
            raise _Refused("INVALID_PARAM", verdict.refused)
        if verdict.ignored:
            return []
        for element in request:
            if element.get("format") in Format.__members__:
                self.form = Format(element["format"])
        actions = self._replace(wishes, now_ns, verdict.deaf) if wishes else []
        return [*actions, Binary(self._listing(str(request[0]["ticket"])))] if listing else actions

    def _wish(self, element: dict[str, Any]) -> _Wish:
        kind = element.get("type")
        if not isinstance(kind, str) or not kind:
            raise _Refused("NO_TYPE", "type 이 존재하지 않습니다.")
        codes, level = element.get("codes"), element.get("level")
        if codes is not None and not (isinstance(codes, list) and all(isinstance(code, str) for code in codes)):
            raise _Refused("WRONG_FORMAT", _BAD_FORMAT)
        if kind in PRIVATE_TYPES:
            return self._private(kind, codes)
        if kind not in PUBLIC_TYPES or self._account is not None:
            raise _Refused("INVALID_PARAM", f"{kind} 은 지원하지 않는 타입입니다.")
        if not codes:
            raise _Refused("NO_CODES", "codes 가 존재하지 않습니다.")
        level_e8 = _level_e8(level) if kind == "orderbook" else 0
        names = list(dict.fromkeys(want_of(kind, code, level_e8).name for code in codes))
        only_snapshot = self._flag(element, "is_only_snapshot", "isOnlySnapshot")
        only_realtime = self._flag(element, "is_only_realtime", "isOnlyRealtime") and not only_snapshot
        return _Wish(kind, codes, level, names, not only_realtime, not only_snapshot)

    def _private(self, kind: str, codes: list[str] | None) -> _Wish:
        if not self._account:
            raise _Refused("INVALID_AUTH", "인증 정보가 올바르지 않습니다.")
        if kind == "myOrder":
            return _Wish(kind, codes or [], None, [orders_name(code, self._account) for code in codes or ["*"]], False, True)
        if codes is not None:
            raise _Refused("WRONG_FORMAT", _BAD_FORMAT)
        return _Wish(kind, [], None, [assets_name(self._account)], False, True)

    def _flag(self, element: dict[str, Any], name: str, old_name: str) -> bool:
        value = element.get(name)
        if value is None and self._limits.camel_case_flags:
            value = element.get(old_name)
        return value is True

    def _replace(self, wishes: list[_Wish], now_ns: int, deaf: frozenset[str]) -> list[Action]:
        wanted = dict.fromkeys(name for wish in wishes if wish.realtime for name in wish.names if name not in deaf)
        snapshots = list(dict.fromkeys(name for wish in wishes if wish.snapshot for name in wish.names if name not in deaf))
        until_ns = now_ns + int(self._limits.trailing_s * S_NS)
        self._leaving |= {name: until_ns for name in self.subscriptions if name not in wanted}
        added = [name for name in wanted if name not in self.subscriptions and name not in self._leaving]
        for name in wanted:
            self._leaving.pop(name, None)
        self.subscriptions, self._wishes = wanted, wishes
        actions: list[Action] = [Subscribed(added)] if added else []
        return [*actions, Snapshots(snapshots)] if snapshots else actions

    def _listing(self, ticket: str) -> bytes:
        short = self.form.short
        rows = []
        for wish in self._wishes:
            row: dict[str, Any] = {("ty" if short else "type"): wish.kind}
            if wish.codes:
                row["cds" if short else "codes"] = wish.codes
            if wish.kind == "orderbook":
                level = Decimal(str(wish.level or 0))
                row["lv" if short else "level"] = int(level) if level == int(level) else float(level)
            rows.append(row)
        keys = ("mthd", "rslt", "tckt") if short else ("method", "result", "ticket")
        listing = dict(zip(keys, ("LIST_SUBSCRIPTIONS", rows, ticket), strict=True))
        return _dump([listing] if self.form.listed else listing)


def _parsed(payload: bytes) -> list[dict[str, Any]]:
    try:
        request = json.loads(payload)
    except ValueError:
        request = None
    if not isinstance(request, list) or not request or not all(isinstance(element, dict) for element in request):
        raise _Refused("WRONG_FORMAT", _BAD_FORMAT)
    return request


def _is_wish(element: dict[str, Any]) -> bool:
    """Whether it asks for streams; a format, a method or another ticket does not."""
    return "type" in element or not ({"format", "method", "ticket"} & element.keys())


def _is_ticket(ticket: Any) -> bool:
    return (isinstance(ticket, str) and bool(ticket)) or (isinstance(ticket, int) and not isinstance(ticket, bool))


def _level_e8(level: Any) -> int:
    """The grouping unit in 1e-8; a number or the text of one."""
    if level is None:
        return 0
    try:
        return int(Decimal(str(level)) * E8)
    except (InvalidOperation, ValueError, OverflowError):
        raise _Refused("WRONG_FORMAT", _BAD_FORMAT) from None


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
