"""app.drill.judge: what a journal says, what its trader says, and what the exchange knows, compared. Pure.

Nothing is sent twice: each client id reached the exchange once. Nothing is forgotten: every order and every trade that the exchange knows
is in the journal, once, and what the trader says it holds is what the trades come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from hoga.audit.chain import Record
from hoga.core.times import SECOND_NS

__all__ = ["NEAR", "Truth", "crossings", "judged", "known_after_s"]

NEAR = Decimal("0.02")
"""A position is what it should be within this part of it."""
_DUST = Decimal("0.005")
"""A trader that counts in whole lots may be so much off, of fees that are none."""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange knows. `placed`: client ids of new orders as they arrived. `trades`: the account's, with their signs, in order.
    `position`: what they come to, after fees that were taken off them."""

    placed: tuple[str, ...]
    trades: tuple[Decimal, ...]
    position: Decimal


def judged(truth: Truth, records: Iterable[Record], *, held: Decimal, wanted: Decimal, leg: str = "") -> list[str]:
    """What is wrong, a sentence each. `held`: what the trader says it holds; `wanted`: what it should hold, but for `NEAR`, as
    fees may be taken off what is bought, and what is missing then may be too little for an order. `leg`: of which position the trades,
    `held` and `wanted` are, where there are two."""
    intents: set[str] = set()
    powers: dict[str, int] = {}
    journal: list[Decimal] = []
    for record in records:
        fields: Mapping[str, Any] = record.fields
        if record.kind == "config" and "sp" in fields:
            powers[fields["sym"]] = fields["sp"]
        elif record.kind == "order.intent":
            intents.add(fields["id"])
        elif record.kind == "order.fill" and fields.get("ps", "") == leg:
            quantity = Decimal(fields["q"]).scaleb(powers[fields["sym"]])
            journal.append(quantity if fields["side"] == "B" else -quantity)
    wrong = [f"{name} was sent {times} times" for name, times in Counter(truth.placed).items() if times > 1]
    wrong += [f"{name} is in no record of the journal" for name in truth.placed if name not in intents]
    if Counter(journal) != Counter(truth.trades):
        missing, more = Counter(truth.trades) - Counter(journal), Counter(journal) - Counter(truth.trades)
        wrong.append(f"trades that the journal lacks: {_told(missing)}; that the exchange does not know: {_told(more)}")
    if abs(held - truth.position) > abs(wanted) * _DUST:
        wrong.append(f"the trader says that it holds {held}, and its trades come to {truth.position}")
    if abs(truth.position - wanted) > abs(wanted) * NEAR:
        wrong.append(f"the position is {truth.position} and should be {wanted}")
    return wrong


def known_after_s(records: Iterable[Record]) -> float | None:
    """How long after the newest life began the venue's orders and positions were known, in seconds; None: never."""
    began = known = None
    for record in records:
        if record.kind == "boot":
            began, known = record.t, None
        elif record.kind == "recon.end" and known is None:
            known = record.t
    return None if began is None or known is None else (known - began) / SECOND_NS


def crossings(before: Decimal, trades: Iterable[Decimal]) -> int:
    """How often a position went through 0 to the other side."""
    count, position = 0, before
    for trade in trades:
        count += position * (position + trade) < 0
        position += trade
    return count


def _told(trades: Counter[Decimal]) -> str:
    return ", ".join(f"{quantity}{f' x {times}' if times > 1 else ''}" for quantity, times in trades.items()) or "none"
