"""audit.telling: `why` and `timeline`: the journal as a person reads it. Pure.

A record becomes a row: when, what, why. Numbers of a symbol are shown with its powers, which the journal's `config` records give; before
the first of them they stand as the integers that they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hoga.audit.chain import Record
from hoga.core.times import iso_of
from hoga.core.trading import text_of

__all__ = ["Row", "Teller", "story", "timeline"]

_SIDES = {"B": "buy", "S": "sell"}
_POINTERS = ("sig", "signal", "parent", "round", "list")
"""Fields of an order's record that name what belongs to it."""
_SPOKEN = frozenset(("id", "sym", "side", "q", "p", "why", "cause", "raw", "state", "rung", "incident", "tid", "pp", "sp", "prev", "f"))
_PRICES = frozenset(("trigger", "activation", "to", "from", "bid", "ask", "mid", "entry", "stop"))
"""Fields that are prices of the record's symbol, where they are integers."""
_LONGEST = 200
_INPUT = ("event", "begin", "tape")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record, told. `t`: UTC ns; `time`: the same for people; `n`: its number; `life`: the boot it belongs to."""

    t: int
    time: str
    n: int
    life: int
    kind: str
    id: str
    symbol: str
    what: str
    why: str
    cause: dict[str, Any] | None = None
    raw: Any = None


class Teller:
    """Tells records, in their order: it learns the powers of symbols on the way."""

    def __init__(self) -> None:
        self._powers: dict[str, tuple[int, int]] = {}

    def tell(self, record: Record) -> Row:
        """One record as a row."""
        fields = record.fields
        symbol = str(fields.get("sym") or "")
        if record.kind == "config" and isinstance(fields.get("pp"), int) and isinstance(fields.get("sp"), int):
            self._powers[symbol] = (fields["pp"], fields["sp"])
        cause = fields.get("cause")
        return Row(
            t=record.t,
            time=iso_of(record.t),
            n=record.n,
            life=record.b,
            kind=record.kind,
            id=str(fields.get("id") or ""),
            symbol=symbol,
            what=self._what(fields, symbol),
            why=str(fields.get("why") or fields.get("code") or ""),
            cause=cause if isinstance(cause, dict) else None,
            raw=fields.get("raw"),
        )

    def _what(self, fields: dict[str, Any], symbol: str) -> str:
        price_power, size_power = self._powers.get(symbol, (0, 0))
        parts = [str(fields[name]) for name in ("id", "rung", "incident", "state") if fields.get(name)]
        side = _SIDES.get(str(fields.get("side")), "")
        if side or fields.get("q") is not None:
            parts += [side, _number(fields.get("q"), size_power)]
        if fields.get("p") is not None:
            parts.append(f"at {_number(fields['p'], price_power)}")
        if symbol:
            parts.append(symbol)
        if fields.get("tid") is not None:
            parts.append(f"trade {fields['tid']}")
        for name, value in fields.items():
            if name not in _SPOKEN and value not in (None, "", False):
                told = _number(value, price_power) if name in _PRICES and type(value) is int else _short(value)
                parts.append(f"{name}={told}")
        return " ".join(filter(None, parts))


def timeline(records: Iterable[Record], *, symbol: str = "", kind: str = "", since: int = 0, until: int | None = None) -> Iterator[Row]:
    """Every record of a span as rows: `symbol`, `kind` (its first word or all of it) choose; `until` is not in the span.

    A kind of "" takes all but what only the proof reads: the trader's input, and what its engine was made of.
    """
    teller = Teller()
    for record in records:
        row = teller.tell(record)
        if until is not None and row.t >= until:
            continue
        wanted = row.kind not in _INPUT if not kind else row.kind == kind or row.kind.startswith(f"{kind}.")
        if row.t >= since and symbol in ("", row.symbol) and wanted:
            yield row


def story(records: Iterable[Record], id: str) -> list[Row]:
    """All that belongs to one id (a client id, a venue's id, a trade, a round, an incident), in the order in which it happened.

    That is: its own records; what they name (the signal, the parent, the round); and what names it.
    """
    every = list(records)
    own = [record for record in every if _is_of(record, id)]
    named = {str(record.fields[name]) for record in own for name in _POINTERS if record.fields.get(name) not in (None, "")}
    ids = {id} | {str(record.fields[name]) for record in own for name in ("id", "oid") if record.fields.get(name) and _is_leading(record)}
    teller = Teller()
    told = []
    for record in every:
        row = teller.tell(record)
        if record in own or _names_one_of(record, ids) or (not record.kind.startswith("order.") and _is_named(record, named)):
            told.append(row)
    return told


def _is_of(record: Record, id: str) -> bool:
    return id in {str(record.fields.get(name)) for name in ("id", "oid", "tid", "incident") if record.fields.get(name) is not None}


def _is_leading(record: Record) -> bool:
    """Whether a record's ids are an order's: found by a trade or by the venue's id, the whole order is told."""
    return record.kind.startswith("order.")


def _is_named(record: Record, named: set[str]) -> bool:
    return str(record.fields.get("id")) in named or f"{record.n}" in named


def _names_one_of(record: Record, ids: set[str]) -> bool:
    fields = record.fields
    several = fields.get("ids")
    return (
        str(fields.get("id")) in ids
        or any(str(fields.get(name)) in ids for name in ("parent", "of"))
        or (isinstance(several, list) and not ids.isdisjoint(map(str, several)))
    )


def _number(value: object, power: int) -> str:
    return text_of(value, power) if isinstance(value, int) else str(value or "")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
