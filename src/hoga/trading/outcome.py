"""trading.outcome: what came of a run, from its journal's records and nothing else: money, round trips, orders, data, the ladder. Pure.

    builder = OutcomeBuilder()
    for record in …: builder.feed(record)       # in order; a whole journal, or its last life
    builder.result()                            # an Outcome; may be asked at any time

Sums are integers, and equal the journal's: a fill and a `mark` bring the sums of a symbol as the trader had them, so a record that
cannot be read is made good by the next one. Figures are of what is fed: what was won before the first record is the ground they stand
on. Memory is bounded whatever the length; docs/report.md tells how each figure is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hoga.core.times import SECOND_NS
from hoga.core.trading import text_of, whole_of
from hoga.trading.standing import CurrencySums, Ends, OrderKnown, Recorded, ShadowSums, SymbolSums, Way
from hoga.trading.tallies import POWER, Histogram, Rounds, money
from hoga.trading.told import (
    Doubt,
    LadderMove,
    Latency,
    Mark,
    MoneyOutcome,
    Outcome,
    Renewed,
    ShadowPair,
    SymbolOutcome,
    Trip,
)

__all__ = ["OutcomeBuilder"]

_ORDERS_KEPT = 20_000
_TRIPS_LAST, _TRIPS_BEST, _TRIPS_WORST = 1_000, 250, 250
_NAMES = 200
_SLIP_EDGES = (-50.0, -20.0, -10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_ENDS = {"order.reject": "rejected", "order.absent": "absent"}
_OTHERS = "(others)"


class OutcomeBuilder:
    """See the module. `<OutcomeBuilder 1,204 records>`."""

    def __init__(self) -> None:
        self._records = self._lives = self._from_ns = self._to_ns = 0
        self._about: dict[str, Any] = {}
        self._symbols: dict[str, SymbolSums] = {}
        self._money: dict[str, CurrencySums] = {}
        self._orders: dict[str, OrderKnown] = {}
        self._counts: Counter[str] = Counter()
        self._denials: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._checks: dict[str, Mapping[str, list[int]]] = {}
        self._checks_before: dict[str, list[int]] = {}
        self._shadow = ShadowSums()
        self._exit_verdict = ""
        self._boot_ns = 0
        self._fees: dict[str, tuple[int, int]] = {}
        self._ways = {way: Way() for way in ("at-market", "resting", "conditional")}
        self._slip_bars = [0] * (len(_SLIP_EDGES) + 1)
        self._steps = {step: Histogram() for step in ("decide", "write", "ack", "fill")}
        self._groups: dict[str, dict[tuple[str, str], Rounds]] = {"symbol": {}, "reason": {}, "strategy": {}}
        self._trips: list[tuple[int, int, Trip]] = []
        self._best: list[tuple[int, int, Trip]] = []
        self._worst: list[tuple[int, int, Trip]] = []
        self._trip = 0
        self._last_fill: OrderKnown | None = None
        self._ladder = Ends[LadderMove]()
        self._renewed = Ends[Renewed]()
        self._doubts = Ends[list[Any]]()
        self._settings: dict[str, dict[str, Any]] = {}
        self._end: Mapping[str, Any] | None = None
        self._lost = 0
        self._handlers: dict[str, Callable[[Recorded, Mapping[str, Any]], None]] = {
            "boot": self._on_boot,
            "begin": self._on_begin,
            "event": _pass_over,
            "tape": _pass_over,
            "signal": _pass_over,
            "config": self._on_config,
            "mark": self._on_mark,
            "balance": self._on_balance,
            "funding": self._on_funding,
            "state": self._on_state,
            "round": self._on_round,
            "order.intent": self._on_intent,
            "order.deny": self._on_deny,
            "order.sent": self._on_sent,
            "order.ack": self._on_moved,
            "order.end": self._on_moved,
            "order.reject": self._on_moved,
            "order.absent": self._on_moved,
            "order.unknown": self._on_moved,
            "order.cancel": self._on_moved,
            "order.fill": self._on_fill,
            "renew": self._on_renew,
            "check": self._on_check,
            "shadow.fill": self._on_shadow_fill,
            "shadow.alone": self._on_shadow_alone,
            "shadow.end": self._on_shadow_end,
            "emergency.end": self._on_emergency_end,
            "data.doubt": self._on_doubt,
            "data.fresh": self._on_fresh,
        }

    def __repr__(self) -> str:
        return f"<OutcomeBuilder {self._records:,} records>"

    def feed(self, record: Recorded) -> None:
        """Take one record. Nothing that a record lacks raises: it is passed over."""
        t = record.t
        if not self._records:
            self._from_ns = t
        self._records += 1
        if t > self._to_ns:
            self._to_ns = t
        handler = self._handlers.get(record.kind)
        if handler is not None:
            handler(record, record.fields)
        else:
            self._on_other(record, record.fields)

    def exited(self, record: Recorded) -> None:
        """What the exit came to (`emergency.end`), of its own journal; an older one than the last start is passed over."""
        self._on_emergency_end(record, record.fields)

    # -- settings, money ------------------------------------------------------------------------------------------------

    def _on_boot(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        if "what" in fields:
            return  # somebody wrote who is no trader: `hoga resume`
        self._lives += 1
        self._end = None
        self._exit_verdict = ""
        self._boot_ns = record.t
        self._checks_before, self._checks = self._checks_told(), {}
        self._about = {name: value for name, value in fields.items() if name not in ("prev", "owner", "torn", "faults")}
        if fields.get("torn"):
            self._events["torn"] += 1

    def _on_begin(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        """What the engine was made of."""
        self._about |= {name: fields[name] for name in ("version", "trader", "strategy", "flatten_on_stop", "on_fault") if name in fields}
        for symbol, limits in fields.get("limits", {}).items():
            self._settings.setdefault(symbol, {}).update(limits)

    def _on_config(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        symbol = str(fields.get("sym") or "")
        if not symbol:
            return
        found = self._of(symbol)
        if type(fields.get("pp")) is int and type(fields.get("sp")) is int:
            found.powers(fields["pp"], fields["sp"])
            found.base, found.quote = str(fields.get("base") or ""), str(fields.get("quote") or found.quote)
        kept = self._settings.setdefault(symbol, {})
        kept.update((name, value) for name, value in fields.items() if name not in ("sym", "rules"))

    def _of(self, symbol: str) -> SymbolSums:
        found = self._symbols.get(symbol)
        if found is None:
            found = self._symbols[symbol] = SymbolSums(symbol)
        return found

    def _currency(self, symbol: SymbolSums) -> CurrencySums:
        found = self._money.get(symbol.quote)
        if found is None:
            found = self._money[symbol.quote] = CurrencySums()
        return found

    def _stand(self, symbol: SymbolSums, t: int, sums: list[int]) -> CurrencySums:
        """A symbol's sums, into those of its currency."""
        whole = self._currency(symbol)
        fees, funding, scale = symbol.fees, symbol.funding, symbol.scale
        symbol.stand(t, sums)
        return self._renew(symbol, whole, fees * scale, funding * scale)

    def _renew(self, symbol: SymbolSums, whole: CurrencySums, fees: int, funding: int) -> CurrencySums:
        net = symbol.reckon()
        whole.net += net - symbol.net
        whole.fees += symbol.fees * symbol.scale - fees
        whole.funding += symbol.funding * symbol.scale - funding
        symbol.net = net
        return whole

    def _on_mark(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        touched: dict[int, CurrencySums] = {}
        for name, (price, *sums) in fields.get("marks", {}).items():
            symbol = self._of(name)
            if price:
                symbol.priced(price)
                symbol.curve.add(record.t, price)
            whole = self._stand(symbol, record.t, sums)
            touched[id(whole)] = whole
        for venue, (currency, equity) in fields.get("equity", {}).items():
            known = self._money.get(currency)
            if known is not None and venue not in known.equities:
                known.equities.add(venue)
                own = sum(each.net for each in self._symbols.values() if each.symbol.startswith(f"{venue}:") and each.quote == currency)
                known.start += whole_of(equity, POWER) - own
        for whole in touched.values():
            whole.point(record.t)

    def _on_balance(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        self._events["balance"] += 1

    def _on_funding(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        symbol = self._symbols.get(str(fields.get("sym")))
        if symbol is None:
            return
        self._events["funding"] += 1
        whole = self._currency(symbol)
        if symbol.sums is None:
            symbol.stand(record.t, [0, 0, 0, 0, 0])
        before = symbol.funding * symbol.scale
        symbol.funding += whole_of(str(fields.get("amount") or "0"), symbol.pp + symbol.sp)
        self._renew(symbol, whole, symbol.fees * symbol.scale, before).point(record.t)

    # -- orders -----------------------------------------------------------------------------------------------------------

    def _on_intent(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        orders = self._orders
        order = orders[fields["id"]] = OrderKnown(record, fields)
        if len(orders) > _ORDERS_KEPT:
            for id in list(orders)[: _ORDERS_KEPT // 2]:
                del orders[id]
        self._counts["sent"] += 1
        self._ways[order.way].orders += 1
        cause = fields.get("cause")
        if cause is not None and record.m is not None and type(at := cause.get("at")) is int:
            self._steps["decide"].add(record.t - at)

    def _on_deny(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        self._counts["denied"] += 1
        _count(self._denials, str(fields.get("code")))

    def _on_sent(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        order = self._orders.get(fields.get("id", ""))
        if order is not None and record.m is not None:
            order.sent_m = record.m
            if order.m is not None and order.b == record.b:
                self._steps["write"].add(record.m - order.m)

    def _on_moved(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        kind, state = record.kind, fields.get("state")
        order = self._orders.get(fields.get("id", ""))
        if kind == "order.cancel" and (fields.get("asked") or fields.get("denied") or fields.get("refused")):
            name = "asked" if fields.get("asked") else "denied" if fields.get("denied") else "refused"
            self._events[f"cancel.{name}"] += 1
            return
        if order is not None and kind != "order.unknown":
            self._heard(record, order)
        if kind == "order.unknown":
            self._counts["unknown"] += 1
        elif kind == "order.ack":
            return
        else:
            name = _ENDS.get(kind) or str(state or "ended").lower()
            self._counts[name] += 1
            if kind == "order.reject":
                _count(self._refusals, str(fields.get("why") or "")[:60])
            self._ended(order, name)

    def _heard(self, record: Recorded, order: OrderKnown) -> None:
        """The first that the venue says of an order."""
        if not order.acked:
            order.acked = True
            if record.m is not None and order.sent_m is not None and order.b == record.b:
                self._steps["ack"].add(record.m - order.sent_m)

    def _ended(self, order: OrderKnown | None, name: str) -> None:
        if order is None:
            return
        way = self._ways[order.way]
        if name == "filled":
            way.whole += 1
        elif order.filled:
            way.partly += 1
        else:
            way.none += 1

    def _on_fill(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        name, price, quantity, side = fields.get("sym"), fields.get("p"), fields.get("q"), fields.get("side")
        if not isinstance(name, str) or type(price) is not int or type(quantity) is not int:
            return
        symbol = self._of(name)
        order = self._last_fill = self._orders.get(fields.get("id", ""))
        maker = bool(fields.get("maker"))
        self._counts["fills"] += 1
        symbol.fills += 1
        symbol.maker_fills += maker
        symbol.volume += price * quantity
        t = record.t
        if symbol.sums is None:
            symbol.stand(t, [0, 0, 0, 0, 0])
        symbol.priced(price)
        symbol.curve.add(t, price)
        symbol.marks.add(Mark(t, price, str(side), quantity))
        self._pay(fields)
        whole = self._stand(symbol, t, fields.get("sums") or self._sums_of_shares(symbol, fields))
        whole.point(t)
        if order is not None:
            self._judge(record, symbol, order, price, quantity, maker=maker)

    def _sums_of_shares(self, symbol: SymbolSums, fields: Mapping[str, Any]) -> list[int]:
        """Of a journal that has no sums: what each strategy holds and has won, together."""
        symbol.shares[str(fields.get("st")), str(fields.get("ps") or "")] = (fields.get("share") or [0, 0, 0, 0, 0])[:5]
        sums = [sum(each) for each in zip(*symbol.shares.values(), strict=True)]
        sums[4] = symbol.funding  # the records of funding are counted themselves
        return sums

    def _pay(self, fields: Mapping[str, Any]) -> None:
        """A fee as it was charged."""
        fee, currency = fields.get("fee"), fields.get("fee_in")
        if fee and currency:
            digits = len(fee.partition(".")[2])
            known, power = self._fees.get(currency, (0, 0))
            finer = min(power, -digits)
            self._fees[currency] = known * 10 ** (power - finer) + whole_of(fee, finer), finer

    def _judge(self, record: Recorded, symbol: SymbolSums, order: OrderKnown, price: int, quantity: int, *, maker: bool) -> None:
        """A fill against the middle of the book when it was decided, and against the simplest model of it."""
        self._heard(record, order)
        first = not order.filled
        order.filled += quantity
        buys = order.side == "B"
        bid, ask = order.bid, order.ask
        way = self._ways[order.way]
        if first and order.b == record.b:
            took = record.m - order.sent_m if record.m is not None and order.sent_m is not None else record.t - order.t
            way.times.add(took)
            if record.m is not None and order.way == "at-market":
                self._steps["fill"].add(took)
        scale = symbol.scale
        if order.way == "conditional":
            model = order.trigger
        else:
            if bid and ask:
                twice = (2 * price - bid - ask) if buys else (bid + ask - 2 * price)
                bp = twice * 10_000 / (bid + ask)
                symbol.slips["made" if maker else "taken"].add(twice * quantity * scale // 2, (bid + ask) * quantity * scale // 2, bp)
                at = 0
                while at < len(_SLIP_EDGES) and bp > _SLIP_EDGES[at]:
                    at += 1
                self._slip_bars[at] += 1
            model = (ask if buys else bid) if order.way == "at-market" else 0
        if model:
            way.cost += ((price - model) if buys else (model - price)) * quantity * scale
            way.worth += model * quantity * scale

    # -- round trips ----------------------------------------------------------------------------------------------------------

    def _on_round(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        name = str(fields.get("sym"))
        symbol = self._of(name)
        scale = symbol.scale
        gross, fees, funding, net = (int(fields.get(each) or 0) for each in ("gross", "fees", "funding", "net"))
        seconds = float(fields.get("seconds") or 0)
        longs = fields.get("side") == "B"
        entry = _mean(fields.get("in"))
        best = worst = None
        if entry:
            sign = 10_000 if longs else -10_000
            best = round((int(fields.get("best") or 0) - entry) / entry * sign, 2)
            worst = round((int(fields.get("worst") or 0) - entry) / entry * sign, 2)
        reason = self._reason(fields)
        numbers: dict[str, int] = {"gross": gross * scale, "fees": fees * scale, "funding": funding * scale, "net": net * scale}
        groups = self._groups
        keys = (("symbol", name), ("reason", reason), ("strategy", str(fields.get("st") or "")))
        counted = [symbol.rounds, self._currency(symbol).rounds]
        for group, key in keys:
            known = groups[group]
            if (key, symbol.quote) not in known and len(known) >= _NAMES:
                key = _OTHERS
            counted.append(known.setdefault((key, symbol.quote), Rounds()))
        for each in counted:
            each.add(**numbers, seconds=seconds, best_bp=best, worst_bp=worst)
        self._keep(
            net * scale,
            Trip(
                t=record.t,
                symbol=name,
                strategy=str(fields.get("st") or ""),
                side="long" if longs else "short",
                reason=reason,
                why=str(fields.get("why") or "")[:80],
                quantity=text_of(int(fields.get("q") or 0), symbol.sp),
                entry=_price(fields.get("in"), symbol.pp),
                exit=_price(fields.get("out"), symbol.pp),
                gross=text_of(gross, symbol.pp + symbol.sp),
                fees=text_of(fees, symbol.pp + symbol.sp),
                funding=text_of(funding, symbol.pp + symbol.sp),
                net=text_of(net, symbol.pp + symbol.sp),
                currency=symbol.quote,
                seconds=seconds,
                best_bp=best,
                worst_bp=worst,
                entry_slip_bp=_float(fields.get("entry_slip_bp")),
                exit_slip_bp=_float(fields.get("exit_slip_bp")),
            ),
        )

    def _reason(self, fields: Mapping[str, Any]) -> str:
        """What ended a position: what the order of its last fill was for."""
        order = self._last_fill
        if order is None:
            why = str(fields.get("why"))
            return why if why in ("exit", "venue") else "unknown"
        if order.role == "protect":
            return order.kind or "stop"
        if order.role == "exit":
            return "guard"
        return {"target": "target", "entry": "order"}.get(order.role, "unknown")

    def _keep(self, net: int, trip: Trip) -> None:
        self._trip += 1
        each = (net, self._trip, trip)
        self._trips.append(each)
        if len(self._trips) <= 2 * _TRIPS_LAST:
            return
        old = self._trips[:_TRIPS_LAST]
        self._trips = self._trips[_TRIPS_LAST:]
        self._best = sorted(self._best + old, key=_by_net, reverse=True)[:_TRIPS_BEST]
        self._worst = sorted(self._worst + old, key=_by_net)[:_TRIPS_WORST]

    def _kept_trips(self) -> list[Trip]:
        late = self._trips[-_TRIPS_LAST:]
        every = {number: trip for _, number, trip in late}
        early = self._trips[:-_TRIPS_LAST] + self._best + self._worst
        early = list({number: (net, number, trip) for net, number, trip in early}.values())
        for chosen in (sorted(early, key=_by_net, reverse=True)[:_TRIPS_BEST], sorted(early, key=_by_net)[:_TRIPS_WORST]):
            every |= {number: trip for _, number, trip in chosen}
        return [every[number] for number in sorted(every)]

    # -- the rest -----------------------------------------------------------------------------------------------------------

    def _on_state(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        what = fields.get("what")
        if what == "end":
            self._end = fields
        elif what == "journal":
            self._lost += int(fields.get("lost") or 0)
        elif what is not None:
            self._events[str(what)] += 1
        elif "rung" in fields:
            cause = fields.get("cause")
            move = LadderMove(
                t=record.t,
                was=str(fields.get("was") or ""),
                rung=str(fields["rung"]),
                why=str(fields.get("why") or "")[:300],
                cause=str(cause.get("of") or "") if isinstance(cause, Mapping) else "",
                incident=str(fields.get("incident") or ""),
            )
            self._ladder.add(move)

    def _on_renew(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        old, new = (fields.get(each) or {} for each in ("old", "new"))
        renewed = Renewed(
            t=record.t,
            who=str(fields.get("who") or ""),
            of=str(fields.get("sym") or fields.get("st") or ""),
            old={name: str(value) for name, value in old.items()},
            new={name: str(value) for name, value in new.items()},
            refused=str(fields.get("refused") or "")[:300],
        )
        self._renewed.add(renewed)

    def _on_check(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        """How often conditions of a strategy held, since its start; the newest record of each stands."""
        strategy = str(fields.get("st") or "")
        if strategy in self._checks or len(self._checks) < _NAMES:
            self._checks[strategy] = fields.get("checks", {})

    def _checks_told(self) -> dict[str, list[int]]:
        """Of all strategies, and of the starts before."""
        found = {name: list(counts) for name, counts in self._checks_before.items()}
        for checks in self._checks.values():
            for name, counts in checks.items():
                known = found.get(name)
                if known is not None or len(found) < _NAMES:
                    found[name] = [one + other for one, other in zip(known or [0] * len(counts), counts, strict=False)]
        return found

    def _on_shadow_fill(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        """What was filled on paper beside what the account really got."""
        symbol = self._of(str(fields.get("sym")))
        quantity, paper, real = (int(fields.get(each) or 0) for each in ("q", "paper", "real"))
        off = (paper - real) if fields.get("side") == "B" else (real - paper)
        shadow = self._shadow
        if real:
            shadow.pairs.add(off * quantity * symbol.scale, real * quantity * symbol.scale, off / real * 10_000)
        shadow.later.add(_float(fields.get("later_ms")) or 0.0)
        pair = ShadowPair(
            t=record.t,
            symbol=symbol.symbol,
            side=str(fields.get("side")),
            quantity=text_of(quantity, symbol.sp),
            paper=text_of(paper, symbol.pp),
            real=text_of(real, symbol.pp),
            worse_bp=_float(fields.get("worse_bp")) or 0.0,
            later_ms=_float(fields.get("later_ms")) or 0.0,
        )
        shadow.listed.add(pair)

    def _on_shadow_alone(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        self._shadow.alone[str(fields.get("on"))] += 1

    def _on_shadow_end(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        """What was waiting for its partner when it ended counts, too."""
        shadow = self._shadow
        for on, name in (("paper", "only_paper"), ("real", "only_real")):
            shadow.ended[on] += int(fields.get(name) or 0)
            shadow.alone[on] = 0

    def _on_emergency_end(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        self._events["emergency.end"] += 1
        if record.t >= self._boot_ns and fields.get("verdict"):
            self._exit_verdict = str(fields["verdict"])

    def _on_doubt(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        symbol = self._of(str(fields.get("sym")))
        symbol.doubts += 1
        symbol.doubt = [record.t, symbol, str(fields.get("why") or "")[:200], int(fields.get("held") or 0), None]
        self._doubts.add(symbol.doubt)

    def _on_fresh(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        symbol = self._of(str(fields.get("sym")))
        seconds = _float(fields.get("seconds")) or 0.0
        symbol.doubt_s += seconds
        if symbol.doubt is not None:
            symbol.doubt[4] = seconds
            symbol.doubt = None

    def _on_other(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        kind = record.kind
        if kind == "recon.stream":
            kind = "recon.stream.up" if fields.get("live") else "recon.stream.down"
        elif kind == "recon.line":
            kind = "recon.line.open" if fields.get("open") else "recon.line.cut"
        _count(self._events, kind)

    # -- what came of it -----------------------------------------------------------------------------------------------------

    def result(self) -> Outcome:
        """Everything that is known now."""
        counts = self._counts
        held = {symbol.symbol: text_of(symbol.quantity, symbol.sp) for symbol in self._symbols.values() if symbol.quantity}
        end = self._end
        ended_held = end.get("held") if end is not None else None
        if isinstance(ended_held, Mapping):
            held = {}
            for key, quantity in ended_held.items():
                name, _, side = key.partition("/")
                known = self._symbols.get(name)
                held[name if side == "both" else key] = text_of(quantity, known.sp) if known is not None else str(quantity)
        left = [str(each) for each in (end.get("left") or ())] if end is not None else []
        orders = {name: counts[name] for name in ("sent", "filled", "canceled", "expired", "rejected", "denied", "unknown", "absent")}
        return Outcome(
            records=self._records,
            lives=self._lives,
            from_ns=self._from_ns,
            to_ns=self._to_ns,
            about=self._about,
            verdict=self._exit_verdict or ("UNKNOWN" if end is None or left else "KEPT" if held else "FLAT"),
            left=left,
            held=held,
            money=[self._money_told(name) for name in self._currencies()],
            symbols=[self._symbol_told(each) for each in self._symbols.values() if each.sums is not None or each.fills],
            rounds={
                group: [(key, currency, each.told()) for (key, currency), each in sorted(known.items())]
                for group, known in self._groups.items()
            },
            trips=self._kept_trips(),
            trips_in_all=self._trip,
            orders=orders,
            fills=counts["fills"],
            maker_fills=sum(each.maker_fills for each in self._symbols.values()),
            paid_fees={currency: text_of(*paid) for currency, paid in sorted(self._fees.items())},
            denials=dict(self._denials.most_common()),
            refusals=dict(self._refusals.most_common()),
            execution={way: each.told() for way, each in self._ways.items() if each.orders},
            slippage_bars=[(edge, count) for edge, count in zip((*_SLIP_EDGES, None), self._slip_bars, strict=True)],
            latency={step: _latency(each) for step, each in self._steps.items() if each.n},
            ladder=self._ladder.kept(),
            ladder_moves=self._ladder.seen,
            doubts=[self._doubt_told(each) for each in self._doubts.kept()],
            doubts_in_all=self._doubts.seen,
            checks=self._checks_told(),
            shadow=self._shadow.told(),
            events=dict(self._events.most_common()),
            settings=self._settings,
            renewed=self._renewed.kept(),
            renewed_in_all=self._renewed.seen,
            lost=self._lost,
        )

    def _currencies(self) -> list[str]:
        """Those that something was counted in, in the order of the symbols."""
        return list(dict.fromkeys(each.quote for each in self._symbols.values() if each.quote in self._money))

    def _money_told(self, currency: str) -> MoneyOutcome:
        whole = self._money[currency]
        own = [each for each in self._symbols.values() if each.quote == currency]
        realized = sum(each.realized * each.scale for each in own)
        unrealized = sum(each.unrealized * each.scale for each in own)
        power = min((each.pp + each.sp for each in own), default=0)
        unit = 10 ** (power - POWER)
        venues = {each.symbol.partition(":")[0] for each in own}
        start = whole.start if venues == whole.equities else None
        peak = None if start is None else start + whole.drawdown_peak

        def curve(name: str) -> list[tuple[int, int]]:
            return [(t, value // unit) for t, value in whole.curves[name].points()]

        return MoneyOutcome(
            currency=currency,
            start=None if start is None else money(start),
            end=None if start is None else money(start + whole.net),
            realized=money(realized),
            unrealized=money(unrealized),
            fees=money(whole.fees),
            funding=money(whole.funding),
            net=money(whole.net),
            volume=money(sum(each.volume * each.scale for each in own)),
            drawdown=money(-whole.drawdown),
            drawdown_share=round(-whole.drawdown / peak, 6) if peak is not None and peak > 0 else None,
            drawdown_ns=whole.drawdown_ns,
            peak_ns=whole.drawdown_peak_ns,
            rounds=whole.rounds.told(),
            power=power,
            net_curve=curve("net"),
            drawdown_curve=curve("drawdown"),
            fees_curve=curve("fees"),
            funding_curve=curve("funding"),
        )

    def _symbol_told(self, each: SymbolSums) -> SymbolOutcome:
        power = each.pp + each.sp
        held_ns = each.held_ns + (self._to_ns - each.held_since if each.held_since is not None else 0)
        span = self._to_ns - self._from_ns
        net = each.realized + each.unrealized - each.fees + each.funding
        open_s = (self._to_ns - each.doubt[0]) / SECOND_NS if each.doubt is not None else 0.0
        return SymbolOutcome(
            symbol=each.symbol,
            quote=each.quote,
            price_power=each.pp,
            size_power=each.sp,
            realized=text_of(each.realized, power),
            unrealized=text_of(each.unrealized, power),
            fees=text_of(each.fees, power),
            funding=text_of(each.funding, power),
            net=text_of(net, power),
            volume=text_of(each.volume, power),
            fills=each.fills,
            maker_fills=each.maker_fills,
            held=text_of(each.quantity, each.sp),
            in_market_s=round(held_ns / SECOND_NS, 3),
            in_market_share=round(held_ns / span, 6) if span else None,
            rounds=each.rounds.told(),
            taken=each.slips["taken"].told(),
            made=each.slips["made"].told(),
            doubts=each.doubts,
            doubt_s=round(each.doubt_s + open_s, 3),
            price_curve=each.curve.points(),
            fill_marks=each.marks.kept(),
        )

    def _doubt_told(self, doubt: list[Any]) -> Doubt:
        t, symbol, why, held, seconds = doubt
        return Doubt(t=t, symbol=symbol.symbol, why=why, held=text_of(held, symbol.sp), seconds=seconds)


def _pass_over(record: Recorded, fields: Mapping[str, Any]) -> None:
    """Nothing is reckoned by it."""


def _by_net(trip: tuple[int, int, Trip]) -> int:
    return trip[0]


def _count(counter: Counter[str], name: str) -> None:
    """Of names from outside there are not more than so many."""
    counter[name if name in counter or len(counter) < _NAMES else _OTHERS] += 1


def _latency(found: Histogram) -> Latency:
    p50, p90, p99, p999 = (found.quantile(share) for share in (0.5, 0.9, 0.99, 0.999))
    return Latency(n=found.n, p50=p50, p90=p90, p99=p99, p999=p999, greatest=found.greatest, bars=found.bars())


def _mean(pair: Any) -> float | None:
    """The price of [quantity, money]."""
    return pair[1] / pair[0] if isinstance(pair, list) and len(pair) == 2 and pair[0] else None


def _price(pair: Any, power: int) -> str:
    """The same as text, two digits finer than prices are; "" where it is not told."""
    if not isinstance(pair, list) or len(pair) != 2 or not pair[0]:
        return ""
    return text_of((pair[1] * 100 + pair[0] // 2) // pair[0], power - 2)


def _float(value: Any) -> float | None:
    """A record's number, which may be text."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
