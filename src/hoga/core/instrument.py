"""core.instrument: what a venue trades, and by which rules: steps, bounds, status. Pure.

Prices and sizes are `Decimal`, made from the venue's text and exact. What a venue's list does not say, or switches off, is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

__all__ = ["Band", "ChangeKind", "Instrument", "InstrumentChange", "InstrumentStatus", "QuantityRules", "changes"]


class InstrumentStatus(StrEnum):
    """Whether it can be traded."""

    TRADING = "trading"
    COMING = "coming"
    """Listed, and trading has not begun."""
    HALTED = "halted"
    """Not for a while, or cancels only."""
    CLOSING = "closing"
    """About to be delivered or settled."""
    CLOSED = "closed"
    """For good."""
    OTHER = "other"
    """The venue's word is one that hoga does not know."""


class QuantityRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's quantity may be: whole multiples of `lot`, from `least` to `most`. None: no such rule."""

    lot: Decimal | None = None
    least: Decimal | None = None
    most: Decimal | None = None


class Band(msgspec.Struct, frozen=True):
    """What an order's price may be, as multiples of the venue's own mean or mark price."""

    low: Decimal
    high: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of a venue: `base` is bought and sold, and paid for in `quote`; futures are settled in `settle` ("" on spot).

    `said`: the status in the venue's own word. `tick`: the price step, None where it changes with the price. `min_notional`,
    `max_notional`: bounds of price × quantity, in `quote`. `quantity`: the rules of limit orders; `market_quantity`: those of market
    orders, where they differ. `bid_band`, `ask_band`: the bands of buys and of sells. `max_orders`: how many may be open at one time.
    `ends_ns`: when a contract is delivered (UTC), None for what has no end.
    """

    venue: str
    symbol: str
    base: str = ""
    quote: str = ""
    settle: str = ""
    status: InstrumentStatus
    said: str = ""
    tick: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    quantity: QuantityRules = QuantityRules()
    market_quantity: QuantityRules = QuantityRules()
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    bid_band: Band | None = None
    ask_band: Band | None = None
    max_orders: int | None = None
    ends_ns: int | None = None

    @property
    def is_trading(self) -> bool:
        """Whether orders are taken now."""
        return self.status is InstrumentStatus.TRADING


class ChangeKind(StrEnum):
    """What happened to an instrument between two lists."""

    ADDED = "added"
    REMOVED = "removed"
    STATUS = "status"
    RULES = "rules"


class InstrumentChange(msgspec.Struct, frozen=True):
    """One difference between two lists; `before` is None for what was added, `after` for what was removed."""

    kind: ChangeKind
    before: Instrument | None
    after: Instrument | None

    @property
    def symbol(self) -> str:
        """Whose it is."""
        known = self.after or self.before
        return known.symbol if known is not None else ""

    def told(self) -> dict[str, str]:
        """Field → "before → after", for every field that differs."""
        was, now = _words(self.before), _words(self.after)
        differ = [name for name in was | now if was.get(name) != now.get(name)]
        return {name: f"{was.get(name, '(none)')} → {now.get(name, '(none)')}" for name in differ}


def _words(each: Instrument | None) -> dict[str, str]:
    if each is None:
        return {}
    texts = {name: getattr(each, name) for name in each.__struct_fields__ if name not in ("venue", "symbol", "status", "said")}
    return {"status": each.said or each.status} | {name: str(value) for name, value in texts.items()}


def changes(before: Mapping[str, Instrument], after: Mapping[str, Instrument]) -> list[InstrumentChange]:
    """What is different in `after`, by symbol; one whose status and rules changed is there twice."""
    found = [InstrumentChange(ChangeKind.REMOVED, each, None) for symbol, each in before.items() if symbol not in after]
    for symbol, now in after.items():
        was = before.get(symbol)
        if was is None:
            found.append(InstrumentChange(ChangeKind.ADDED, None, now))
        elif was != now:
            if was.said != now.said:
                found.append(InstrumentChange(ChangeKind.STATUS, was, now))
            if msgspec.structs.replace(was, status=now.status, said=now.said) != now:
                found.append(InstrumentChange(ChangeKind.RULES, was, now))
    return sorted(found, key=lambda change: change.symbol)
