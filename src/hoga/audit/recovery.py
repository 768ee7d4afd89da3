"""audit.recovery: what a start must know of the lives before it, from their records. Pure.

    recovery = Recovery()
    for record in …: recovery.feed(record)
    recovery.result()

What it reads of a record, beside its head (everything else is for people):

    config         sym, pp, sp            the powers of ten of a symbol's prices and quantities from here on (or `rules` with both)
    order.*        id, sym, side, q, p    client id; side "B" or "S"; the order's quantity and price, in integers of those powers
                   type, ro, close, ps    of an intent: its kind, whether it only reduces, closes the position, of which leg
                   oid                    the venue's id, once it is known
                   child                  of one that waited and was triggered: the venue's id of what it became, "" where that is not known
                   filled, executed       how much of it the venue says is filled, whatever fills are known; `executed`: its word at the end
                   state                  what the order is now, where the kind alone does not say (order.cancel: none = only asked for)
                   trigger, role, st      of an intent: its trigger, what it is for, and whose it is
                   list, tif              of an intent: which list it is of, and how long it may rest
    order.fill     id, sym, side, q, p, tid, ps      one trade: of this quantity, with the venue's trade id; ps "long"/"short" in hedge mode
                   st, share, day        what its strategy holds then (quantity, cost, won, fees, funding), and the symbol's day (won, fees,
                                         funding)
                   crumbs, round         of that share: what fees took beyond whole units, and its round where one lasts
                   losses, peak          of the symbol: rounds lost in a row; of its venue: the highest total
                   fee, fee_in            what was paid for it, exact text, and in which currency
                   part                   true of a second, third, … part of the trade before it, which closed what several strategies held
    emergency.trade  the same, of an order of the exit; the trader's own record of it is the fill
    funding        sym, shares, day       [strategy, leg, share] of each that holds the symbol
    mark           peaks                  by venue the highest total
    state          rung, incident         the ladder moved
    risk           sym, losses            rounds lost in a row are counted anew from here on
    recon.adopt    sym, ps, change        so much was found that no trade explains: nobody's

Quantities come out as exact decimals, so that a symbol whose powers change keeps its position.
"""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal
from typing import Any

import msgspec

from hoga.audit.chain import Record
from hoga.core.times import DAY_NS
from hoga.core.trading import TRADES_KEPT, Rung

__all__ = ["KnownOrder", "Recovered", "Recovery", "RecoveryState", "is_final"]

_STATES = {
    "order.intent": "INTENT",
    "order.deny": "DENIED",
    "order.sent": "SENT",
    "order.ack": "LIVE",
    "order.reject": "REJECTED",
    "order.unknown": "UNKNOWN",
    "order.absent": "ABSENT",
}
_ENDED = frozenset(("FILLED", "CANCELED", "EXPIRED"))
_FINAL = _ENDED | {"DENIED", "REJECTED", "ABSENT"}
_QUARANTINED = "log-quarantined"
"""The ladder's cause with which a person is told that the journal is not as it was written."""
_EXITS = re.compile(r"-x[0-9a-f]+-[^-]+$")
"""How client ids of an exit's orders end."""
_KEPT_NS = DAY_NS
_LOOK = 5_000
"""So many orders more, and those that are over for too long are let go."""


class KnownOrder(msgspec.Struct, kw_only=True):
    """One of the trader's own orders as the journal left it. `quantity`, `filled` (of the fills that are known) and `told` (what the
    venue said is filled) in integers of the powers of its day; `t`: of its last record; `is_told`: the venue said at its end how much.

    `list_id`: of orders of which one ends the others; `force`: how long it may rest. `triggered`: it waited, and does so no more;
    `child_id`: the venue's id of what it became, "": not known.
    """

    id: str
    symbol: str
    state: str
    side: str = ""
    quantity: int | None = None
    price: int | None = None
    filled: int = 0
    venue_id: str = ""
    strategy: str = ""
    kind: str = ""
    position_side: str = "both"
    reduce_only: bool = False
    told: int = 0
    role: str = ""
    trigger: int | None = None
    closes: bool = False
    t: int = 0
    n: int = 0
    asked_t: int = 0
    is_told: bool = False
    list_id: str = ""
    force: str = ""
    child_id: str = ""
    triggered: bool = False

    @property
    def is_owed(self) -> bool:
        """Whether more of it is filled than its fills here prove, or may be filled still."""
        return not is_final(self.state) or self.told > self.filled

    @property
    def is_untold(self) -> bool:
        """Whether it has ended at the venue, and neither its end nor its fills say how much of it was filled."""
        return self.state in _ENDED and not self.is_told and (self.quantity is None or self.filled < self.quantity)


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """The state that the journal proves.

    Attributes:
        boot: the life that wrote last; 0: none did.
        last_n, last_t: its last record's number and time.
        orders: client id → order; all that are not over, and those of the last 24 hours.
        positions: (symbol, position side) → what own orders bought less what they sold, exact; "both" is the side of a one-way account.
        adopted: the same of what was found and no trade explains.
        trades: symbol → trade ids seen, oldest first, at most 10,000. exits: symbol → those of exits' orders, all of them: an exit's own
            journal tells them again at every start.
        powers: symbol → (power of its prices, of its quantities).
        prices: symbol → price of the last own trade, exact.
        shares: (symbol, position side, strategy) → the last `share` that a fill's record has; `days`: symbol → (its time, its `day`).
        crumbs, rounds: the same keys → what fees took beyond whole units; the round that lasts. losses: symbol → rounds lost in a row.
            peaks: venue → the highest total, in 1e-12 of its money.
        fees: (symbol, currency) → what its trades have cost in that currency: on spot a buy's may be taken off what was bought.
        sent: symbol → (the UTC day of its last order, days since 1970; how many orders were meant on that day).
        rung, incident, why: where the ladder stood, and the id that `hoga resume` wants.
        clean: whether the last life ended in good order.
        damages: where starts found that the journal is not as it was written, since the ladder last moved because of that.
    """

    boot: int = 0
    last_n: int = 0
    last_t: int = 0
    orders: dict[str, KnownOrder] = {}
    positions: dict[tuple[str, str], Decimal] = {}
    adopted: dict[tuple[str, str], Decimal] = {}
    trades: dict[str, list[str]] = {}
    exits: dict[str, frozenset[str]] = {}
    powers: dict[str, tuple[int, int]] = {}
    prices: dict[str, Decimal] = {}
    shares: dict[tuple[str, str, str], list[int]] = {}
    days: dict[str, tuple[int, list[int]]] = {}
    crumbs: dict[tuple[str, str, str], int] = {}
    rounds: dict[tuple[str, str, str], list[int]] = {}
    losses: dict[str, int] = {}
    peaks: dict[str, int] = {}
    fees: dict[tuple[str, str], Decimal] = {}
    sent: dict[str, tuple[int, int]] = {}
    rung: Rung = Rung.ACTIVE
    incident: str = ""
    why: str = ""
    clean: bool = True
    damages: tuple[dict[str, Any], ...] = ()

    def last_trade(self, symbol: str) -> str | None:
        """The trade id seen last; None: no trade of the symbol is in the journal."""
        seen = self.trades.get(symbol)
        return seen[-1] if seen else None


def is_final(state: str) -> bool:
    """Whether an order in this state is over (a fill may still come late)."""
    return state in _FINAL


class RecoveryState(msgspec.Struct, kw_only=True):
    """All that a `Recovery` knows, as it may be kept: one made of it goes on as if it had read everything itself."""

    orders: dict[str, KnownOrder]
    positions: dict[tuple[str, str], Decimal]
    adopted: dict[tuple[str, str], Decimal]
    trades: dict[str, list[str]]
    powers: dict[str, tuple[int, int]]
    prices: dict[str, Decimal]
    shares: dict[tuple[str, str, str], list[int]]
    days: dict[str, tuple[int, list[int]]]
    crumbs: dict[tuple[str, str, str], int]
    rounds: dict[tuple[str, str, str], list[int]]
    losses: dict[str, int]
    peaks: dict[str, int]
    fees: dict[tuple[str, str], Decimal]
    sent: dict[str, tuple[int, int]]
    rung: int
    incident: str
    why: str
    damages: list[dict[str, Any]]
    exits: dict[str, list[str]]
    part_of: tuple[str, str] | None
    """Symbol and id of the trade that the last record told."""
    last: tuple[int, int, int, bool] | None
    """Number, time and life of the last record, and whether it ended a life in good order."""


class Recovery:
    """Is fed records in order; what it makes of them depends on nothing else. `begins`: goes on from there."""

    def __init__(self, begins: RecoveryState | None = None) -> None:
        self._orders: dict[str, KnownOrder] = {}
        self._look_at = _LOOK
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._adopted: dict[tuple[str, str], Decimal] = {}
        self._trades: dict[str, dict[str, None]] = {}
        self._exits: dict[str, dict[str, None]] = {}
        self._part_of: tuple[str, str] | None = None
        self._powers: dict[str, tuple[int, int]] = {}
        self._prices: dict[str, Decimal] = {}
        self._shares: dict[tuple[str, str, str], list[int]] = {}
        self._days: dict[str, tuple[int, list[int]]] = {}
        self._crumbs: dict[tuple[str, str, str], int] = {}
        self._rounds: dict[tuple[str, str, str], list[int]] = {}
        self._losses: dict[str, int] = {}
        self._peaks: dict[str, int] = {}
        self._fees: dict[tuple[str, str], Decimal] = {}
        self._sent: dict[str, tuple[int, int]] = {}
        self._rung, self._incident, self._why = Rung.ACTIVE, "", ""
        self._damages: list[dict[str, Any]] = []
        self._last: tuple[int, int, int, bool] | None = None
        if begins is not None:
            self._orders, self._positions, self._adopted = begins.orders, begins.positions, begins.adopted
            self._trades = {symbol: dict.fromkeys(ids) for symbol, ids in begins.trades.items()}
            self._exits = {symbol: dict.fromkeys(ids) for symbol, ids in begins.exits.items()}
            self._part_of = begins.part_of
            self._powers, self._prices, self._shares, self._days = begins.powers, begins.prices, begins.shares, begins.days
            self._crumbs, self._rounds, self._losses, self._peaks = begins.crumbs, begins.rounds, begins.losses, begins.peaks
            self._fees, self._sent, self._damages, self._last = begins.fees, begins.sent, begins.damages, begins.last
            self._rung, self._incident, self._why = Rung(begins.rung), begins.incident, begins.why

    def state(self) -> RecoveryState:
        """What it knows now, without orders that `result` leaves out. It is not a copy: it is to be written at once."""
        return RecoveryState(
            orders=self._kept(),
            positions=self._positions,
            adopted=self._adopted,
            trades={symbol: list(seen) for symbol, seen in self._trades.items()},
            powers=self._powers,
            prices=self._prices,
            shares=self._shares,
            days=self._days,
            crumbs=self._crumbs,
            rounds=self._rounds,
            losses=self._losses,
            peaks=self._peaks,
            fees=self._fees,
            sent=self._sent,
            rung=int(self._rung),
            incident=self._incident,
            why=self._why,
            damages=self._damages,
            exits={symbol: list(ids) for symbol, ids in self._exits.items()},
            part_of=self._part_of,
            last=self._last,
        )

    def _kept(self) -> dict[str, KnownOrder]:
        """Orders that are not over, and those of the last 24 hours."""
        old = (self._last[1] if self._last is not None else 0) - _KEPT_NS
        return {id: each for id, each in self._orders.items() if each.t >= old or not is_final(each.state)}

    def feed(self, record: Record) -> None:
        """Take one record."""
        fields = record.fields
        self._last = (record.n, record.t, record.b, record.kind == "seal" and fields.get("why") == "end")
        if record.kind.startswith("order.") or record.kind == "emergency.trade":
            self._order(record, fields)
        elif record.kind == "config" and fields.get("sym"):
            self._config(str(fields["sym"]), fields)
        elif record.kind == "state" and fields.get("rung") in Rung.__members__:
            self._rung = Rung[fields["rung"]]
            self._incident, self._why = str(fields.get("incident") or ""), str(fields.get("why") or "")
            cause = fields.get("cause")
            if isinstance(cause, dict) and cause.get("of") == _QUARANTINED:
                self._damages = []
        elif record.kind == "boot" and isinstance(fields.get("faults"), list):
            self._damages += [each for each in fields["faults"] if isinstance(each, dict)]
        elif record.kind == "funding" and isinstance(fields.get("shares"), list):
            symbol = str(fields.get("sym"))
            for strategy, side, share in fields["shares"]:
                self._shares[symbol, side, strategy] = share
            self._days[symbol] = (record.t, fields.get("day") or [])
        elif record.kind == "mark" and isinstance(fields.get("peaks"), dict):
            self._peaks |= fields["peaks"]
        elif record.kind == "risk" and isinstance(fields.get("losses"), int):
            self._losses[str(fields.get("sym"))] = fields["losses"]
        elif record.kind == "recon.adopt":
            key = (str(fields.get("sym")), _side_of(fields))
            change = self._exact(key[0], _integer(fields.get("change")))
            self._adopted[key] = self._adopted.get(key, Decimal(0)) + change

    def result(self) -> Recovered:
        """What is known now."""
        if self._last is None:
            return Recovered()
        last_n, last_t, last_b, is_clean = self._last
        return Recovered(
            boot=last_b,
            last_n=last_n,
            last_t=last_t,
            orders=self._kept(),
            positions={key: held for key, held in self._positions.items() if held},
            adopted={key: held for key, held in self._adopted.items() if held},
            trades={symbol: list(seen) for symbol, seen in self._trades.items()},
            exits={symbol: frozenset(ids) for symbol, ids in self._exits.items() if ids},
            powers=dict(self._powers),
            prices=dict(self._prices),
            shares={key: share for key, share in self._shares.items() if any(share) or self._crumbs.get(key)},
            days=dict(self._days),
            crumbs={key: crumbs for key, crumbs in self._crumbs.items() if crumbs},
            rounds=dict(self._rounds),
            losses=dict(self._losses),
            peaks=dict(self._peaks),
            fees={key: paid for key, paid in self._fees.items() if paid},
            sent=dict(self._sent),
            rung=self._rung,
            incident=self._incident,
            why=self._why,
            clean=is_clean,
            damages=tuple(self._damages),
        )

    def _order(self, record: Record, fields: dict[str, Any]) -> None:
        id, symbol = str(fields.get("id") or ""), str(fields.get("sym") or "")
        order = self._orders.get(id)
        if order is None:
            order = self._orders[id] = KnownOrder(id=id, symbol=symbol, state="INTENT")
            if len(self._orders) > self._look_at:
                self._orders = self._kept() | {id: order}
                self._look_at = len(self._orders) + _LOOK
        order.t, order.n = record.t, record.n
        self._name(order, record.kind, fields)
        order.told = max(order.told, _integer(fields.get("filled")), _integer(fields.get("executed")))
        order.is_told |= isinstance(fields.get("executed"), int)
        if record.kind in ("order.intent", "order.adopt"):
            order.side, order.quantity, order.price = str(fields.get("side") or ""), fields.get("q"), fields.get("p")
            order.kind, order.position_side = str(fields.get("type") or ""), _side_of(fields)
            order.strategy, order.reduce_only = str(fields.get("st") or ""), bool(fields.get("ro") or fields.get("close"))
            order.role, order.trigger, order.closes = str(fields.get("role") or ""), fields.get("trigger"), bool(fields.get("close"))
            order.list_id, order.force = str(fields.get("list") or ""), str(fields.get("tif") or "")
            order.asked_t = record.t
        if record.kind == "order.intent":
            day, count = self._sent.get(symbol, (0, 0))
            today = record.t // DAY_NS
            self._sent[symbol] = (today, count + 1 if today == day else 1)
        if fields.get("tid") is not None and not self._is_new_trade(symbol, str(fields["tid"]), record.kind, fields):
            return
        if record.kind in ("order.fill", "emergency.trade"):
            order.filled += _integer(fields.get("q"))
            key = (symbol, _side_of(fields))
            traded = self._exact(symbol, _integer(fields.get("q")))
            self._prices[symbol] = Decimal(_integer(fields.get("p"))).scaleb(self._powers.get(symbol, (0, 0))[0])
            self._positions[key] = self._positions.get(key, Decimal(0)) + (-traded if fields.get("side") == "S" else traded)
            if isinstance(fields.get("share"), list):
                self._share(symbol, fields)
            if isinstance(fields.get("day"), list):
                self._days[symbol] = (record.t, fields["day"])
            self._pay(symbol, fields)
            default = "FILLED" if order.quantity is not None and order.filled >= order.quantity else "PARTIAL"
            order.state = str(fields.get("state") or (order.state if is_final(order.state) else default))
        else:
            order.state = str(fields.get("state") or _STATES.get(record.kind, order.state))
            if order.state == "FILLED":
                order.told = max(order.told, order.quantity or 0)

    @staticmethod
    def _name(order: KnownOrder, kind: str, fields: dict[str, Any]) -> None:
        """A trade names the order that it is of: not the one that waited before that, if there was one."""
        oid = str(fields.get("oid") or "")
        if kind == "order.fill" and oid and order.venue_id not in ("", oid):
            order.child_id, order.triggered = oid, True
        else:
            order.venue_id = oid or order.venue_id
        if isinstance(fields.get("child"), str):
            order.child_id, order.triggered = fields["child"] or order.child_id, True

    def _share(self, symbol: str, fields: dict[str, Any]) -> None:
        key = (symbol, _side_of(fields), str(fields.get("st") or ""))
        self._shares[key], self._crumbs[key] = fields["share"], _integer(fields.get("crumbs"))
        if isinstance(fields.get("round"), list):
            self._rounds[key] = fields["round"]
        else:
            self._rounds.pop(key, None)
        self._losses[symbol] = _integer(fields.get("losses"))
        venue = symbol.partition(":")[0]
        self._peaks[venue] = max(self._peaks.get(venue, 0), _integer(fields.get("peak")))

    def _pay(self, symbol: str, fields: dict[str, Any]) -> None:
        with contextlib.suppress(ArithmeticError, ValueError):  # a text of the venue's that is no number costs nothing
            paid = Decimal(str(fields.get("fee") or 0))
            if paid.is_finite():
                key = (symbol, str(fields.get("fee_in") or ""))
                self._fees[key] = self._fees.get(key, Decimal(0)) + paid

    def _is_new_trade(self, symbol: str, trade_id: str, kind: str, fields: dict[str, Any]) -> bool:
        seen, exits = self._trades.setdefault(symbol, {}), self._exits.setdefault(symbol, {})
        if trade_id in seen or trade_id in exits:
            return kind == "order.fill" and bool(fields.get("part")) and self._part_of == (symbol, trade_id)
        self._part_of = (symbol, trade_id) if kind == "order.fill" else None
        seen[trade_id] = None
        if len(seen) > TRADES_KEPT:
            del seen[next(iter(seen))]
        if _EXITS.search(str(fields.get("id"))):
            exits[trade_id] = None
        return True

    def _config(self, symbol: str, fields: dict[str, Any]) -> None:
        rules = fields.get("rules")
        said = (rules.get("price_power"), rules.get("size_power")) if isinstance(rules, dict) else (fields.get("pp"), fields.get("sp"))
        price_power, size_power = said
        if isinstance(price_power, int) and isinstance(size_power, int):
            self._powers[symbol] = (price_power, size_power)

    def _exact(self, symbol: str, quantity: int) -> Decimal:
        return Decimal(quantity).scaleb(self._powers.get(symbol, (0, 0))[1])


def _side_of(fields: dict[str, Any]) -> str:
    return str(fields.get("ps") or "both")


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
