"""venues.binance.orders: what orders of spot and of futures have in common: the outcome table, words, parameters, rows. Pure.

Rules: an answer proves something only where the table says so. Refused: every 4xx with a code, 429, 418, 403, an overloaded venue (-1008),
a clock that is off (-1021), and of futures' 503 the two texts that say so. Nobody knows: 408, every other 5xx, -1000, -1001 (but
for one text of the futures), -1006, -1007, and whatever cannot be read. A client id that the venue calls a duplicate proves that the
first request arrived: nobody knows what became of it.

Source: spot-docs errors, rest-api ("HTTP return codes"), enums; USD-M docs error-code, general-info. Read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeVar

import msgspec

from hoga.core.jsontext import NO_JSON
from hoga.core.market import Side
from hoga.core.secret import Credentials
from hoga.core.times import MS_NS
from hoga.core.trading import (
    Action,
    CancelRefused,
    ExecutionEvent,
    FillUpdate,
    OrderRefused,
    OrderState,
    PositionSide,
    Rules,
    TradesRead,
    Unanswered,
)
from hoga.venues.binance.refusals import VenueFault, refusal_of
from hoga.venues.orders import Asking, KeyRights, RuleBook, Target, Told, decoded, nearest
from hoga.venues.request import Params, Priority, Request

__all__ = [
    "OUTCOMES", "STATES", "Outcome", "cancel_refused", "event_ns", "fault_of", "is_unknown_order", "new_refused", "outcome_of",
    "position_side_of", "read_price", "read_rights", "read_trades",
    "refused_text", "said_no", "side_of", "state_of", "unanswered", "venue_id",
]  # fmt: skip


_PAGE = 1_000
"""So many trades has a page of them, at most."""


class Outcome(StrEnum):
    """What an answer proves of the order that was asked for."""

    REFUSED = "refused"
    UNKNOWN = "unknown"


_DUPLICATES = {-4116: "", -2010: "duplicate"}
"""Codes, and how their text begins in lower case, of a client id that is there already."""

OUTCOMES: dict[int, Outcome] = {
    -1000: Outcome.UNKNOWN,
    -1001: Outcome.UNKNOWN,
    -1006: Outcome.UNKNOWN,
    -1007: Outcome.UNKNOWN,
    **dict.fromkeys(
        (
            -1002, -1003, -1008, -1010, -1013, -1014, -1015, -1016, -1020, -1021, -1022, -1034, -1100, -1101, -1102, -1103, -1104, -1105,
            -1106, -1108, -1111, -1115, -1116, -1117, -1121, -1128, -1130, -1131, -1135, -1145, -1220, -2008, -2010, -2011, -2013, -2014,
            -2015, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026, -2027, -2028, -4000, -4001, -4002, -4003, -4004, -4005,
            -4013, -4014, -4015, -4016, -4023, -4024, -4044, -4045, -4046, -4059, -4061, -4067, -4068, -4108, -4118, -4120, -4130, -4131,
            -4140, -4164, -4192, -4400, -5021, -5022, -5028,
        ),
        Outcome.REFUSED,
    ),
}  # fmt: skip
"""Code → what it proves. Codes that are not here go by the HTTP status."""

_REFUSING_STATUSES = frozenset({401, 403, 404, 405, 413, 414, 415, 418, 429, 451})
"""Statuses that prove a refusal even where the body says nothing: whoever answers so has handed nothing on."""
_FAILED_TEXTS = ("service unavailable", "internal error; unable to process")
"""How the texts begin, in lower case, with which the futures say that a 503 failed for good."""

STATES = {
    "NEW": OrderState.NEW,
    "PENDING_NEW": OrderState.NEW,
    "PARTIALLY_FILLED": OrderState.PARTIAL,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}

_POSITION_SIDES = {each.name: each for each in PositionSide}

_faults = msgspec.json.Decoder(VenueFault)


def state_of(said: str) -> OrderState:
    """The state that the venue's word means; OTHER for a word that nobody knows."""
    return STATES.get(said, OrderState.OTHER)


def side_of(text: str) -> Side:
    """BUY or SELL. Raises ValueError for any other word."""
    if text == "BUY":
        return Side.BUY
    if text == "SELL":
        return Side.SELL
    raise ValueError(f"{text[:40]!r} is no side")


def position_side_of(text: str) -> PositionSide:
    """BOTH, LONG or SHORT. Raises ValueError for any other word."""
    side = _POSITION_SIDES.get(text)
    if side is None:
        raise ValueError(f"{text[:40]!r} is no position's side")
    return side


def event_ns(ms: int) -> int | None:
    """A time of the venue, None for 0."""
    return ms * MS_NS if ms > 0 else None


def venue_id(number: int) -> str:
    """An id as text, "" for none."""
    return str(number) if number > 0 else ""


# -- what an answer proves ------------------------------------------------------------------------------------------


def fault_of(told: Told) -> VenueFault:
    """The fault that an answer tells; code 0 where it tells none."""
    try:
        return _faults.decode(told.body)
    except NO_JSON:
        return VenueFault()


def outcome_of(told: Told, fault: VenueFault, *, futures: bool) -> Outcome:
    """What an answer that is not 200 proves of the order."""
    text = fault.msg.lower()
    if fault.code in _DUPLICATES and text.startswith(_DUPLICATES[fault.code]):
        return Outcome.UNKNOWN
    if futures and fault.code in (0, -1001) and text.startswith(_FAILED_TEXTS):
        return Outcome.REFUSED
    if fault.code in OUTCOMES:
        return OUTCOMES[fault.code]
    if told.status in _REFUSING_STATUSES:
        return Outcome.REFUSED
    return Outcome.REFUSED if 400 <= told.status < 500 and told.status != 408 and fault.code else Outcome.UNKNOWN


def refused_text(told: Told) -> str:
    """What a refusing answer says, for people."""
    fault = fault_of(told)
    return f"HTTP {told.status}: {fault.code} {fault.msg}".rstrip() if fault.code else f"HTTP {told.status}"


def new_refused(client_id: str, symbol: str, told: Told, *, futures: bool) -> ExecutionEvent:
    """What came of a new order whose answer is not 200."""
    fault = fault_of(told)
    if outcome_of(told, fault, futures=futures) is Outcome.UNKNOWN:
        return unanswered(client_id, symbol, Action.NEW, told, refused_text(told))
    return OrderRefused(
        at_ns=told.at_ns,
        raw=told.text,
        client_id=client_id,
        symbol=symbol,
        code=str(fault.code or told.status),
        text=fault.msg or f"HTTP {told.status}",
        retry_after_s=_retry_after_s(fault, told),
    )


def cancel_refused(target: Target, told: Told, *, futures: bool) -> ExecutionEvent:
    """What came of a cancel whose answer is not 200."""
    fault = fault_of(told)
    if outcome_of(told, fault, futures=futures) is Outcome.UNKNOWN:
        return unanswered(target.client_id, target.symbol, Action.CANCEL, told, refused_text(told))
    return CancelRefused(
        at_ns=told.at_ns,
        raw=told.text,
        client_id=target.client_id,
        symbol=target.symbol,
        code=str(fault.code or told.status),
        text=fault.msg or f"HTTP {told.status}",
        unknown=fault.code in (-2011, -2013),
    )


def unanswered(client_id: str, symbol: str, action: Action, told: Told, why: str) -> Unanswered:
    """An answer that proves nothing."""
    return Unanswered(at_ns=told.at_ns, raw=told.text, client_id=client_id, symbol=symbol, action=action, why=why)


def said_no(told: Told) -> str:
    """What is wrong with the answer to a call that changes a setting; "" for a good one."""
    return "" if told.status == 200 and not fault_of(told).code < 0 else refused_text(told)


def _retry_after_s(fault: VenueFault, told: Told) -> float | None:
    if told.retry_after_s is not None:
        return told.retry_after_s
    return refusal_of(fault, told.status, told.at_ns // MS_NS).retry_after_s if fault.code else None


class _Restrictions(msgspec.Struct, rename="camel"):
    enable_withdrawals: bool
    enable_spot_and_margin_trading: bool = False
    ip_restrict: bool | None = None


class _Price(msgspec.Struct, rename="camel"):
    mark_price: str = ""
    bid_price: str = ""


_restrictions = msgspec.json.Decoder(_Restrictions)
_price = msgspec.json.Decoder(_Price)


def read_rights(credentials: Credentials) -> Asking[KeyRights]:
    """What a key of spot may do. Where the call is not served (a test network), nothing is known."""
    told = yield Request(path="/sapi/v1/account/apiRestrictions", priority=Priority.ACCOUNT)
    if told.status in (404, 405):
        return KeyRights()
    found = decoded(told, _restrictions, refused=refused_text)
    return KeyRights(
        can_trade=found.enable_spot_and_margin_trading, can_withdraw=found.enable_withdrawals, bound_to_address=found.ip_restrict
    )


def read_price(path: str, rules: Rules) -> Asking[int]:
    """The mark price, or the best bid, whichever the path tells."""
    told = yield Request(path=path, params=(("symbol", rules.name),), weight=2)
    price = decoded(told, _price, refused=refused_text)
    return nearest(price.mark_price or price.bid_price, rules.price_power)


class TradeRow(Protocol):
    """A row of a list of trades, as every service has it."""

    id: int


Row = TypeVar("Row", bound=TradeRow)


def read_trades(
    book: RuleBook,
    symbol: str,
    after: str,
    *,
    path: str,
    weight: int,
    rows: msgspec.json.Decoder[list[Row]],
    fill: Callable[[Row, Rules, int], FillUpdate],
) -> Asking[TradesRead]:
    """Own trades, page after page from the one after `after` on; without one, the newest page, whole only where there is no more.

    Args:
        path, weight: of the call. rows: reads its body. fill: a row as an event.
    """
    rules, fills, asked_ns, first = book.of(symbol), [], 0, int(after) + 1 if after else None
    while True:
        params: Params = (("symbol", symbol), ("limit", _PAGE), *(() if first is None else (("fromId", first),)))
        told = yield Request(path=path, params=params, weight=weight, priority=Priority.EMERGENCY)
        asked_ns = asked_ns or told.asked_ns
        page = decoded(told, rows, refused=refused_text)
        page.sort(key=_id_of)
        fills += [fill(row, rules, told.at_ns) for row in page]
        if len(page) < _PAGE or first is None:
            return TradesRead(at_ns=told.at_ns, symbol=rules.symbol, asked_ns=asked_ns, fills=tuple(fills), whole=len(page) < _PAGE)
        first = page[-1].id + 1


def _id_of(row: TradeRow) -> int:
    return row.id


def is_unknown_order(told: Told) -> bool:
    """Whether the venue denies the order that was asked for."""
    return told.status != 200 and fault_of(told).code in (-2013, -2011, -2026)
