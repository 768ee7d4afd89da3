"""trading.outcome: what came of a run, from its journal's records and nothing else: money, round trips, orders, data, the ladder. Pure.

    builder = OutcomeBuilder()
    for record in …: builder.feed(record)       # in order; a whole journal, or its last life
    builder.result()                            # an Outcome; may be asked at any time

Round trips are kept by `trading.trips`, sums put into words by `trading.outcome_told`.

Sums are integers, and equal the journal's: a fill and a `mark` bring the sums of a symbol as the trader had them, so a record that
cannot be read is made good by the next one. Figures are of what is fed: what was won before the first record is the ground they stand
on. Memory is bounded whatever the length; docs/report.md tells how each figure is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hoga.core.trading import text_of, whole_of
from hoga.trading.outcome_told import doubt_told, latency_told, money_told, symbol_told
from hoga.trading.standing import CurrencySums, Ends, OrderKnown, Recorded, ShadowSums, SymbolSums, Way
from hoga.trading.tallies import POWER, Histogram, number_of
from hoga.trading.told import LadderMove, Mark, Outcome, Renewed, ShadowPair
from hoga.trading.trips import NAMES, OTHERS, RoundTrips

__all__ = ["OutcomeBuilder"]

_ORDERS_KEPT = 20_000
_SLIP_EDGES = (-50.0, -20.0, -10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_ENDS = {"order.reject": "rejected", "order.absent": "absent"}


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
        self._trips = RoundTrips()
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

    def _on_round(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        symbol = self._of(str(fields.get("sym")))
        self._trips.add(record, fields, symbol, self._currency(symbol), self._reason(fields))

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
        if strategy in self._checks or len(self._checks) < NAMES:
            self._checks[strategy] = fields.get("checks", {})

    def _checks_told(self) -> dict[str, list[int]]:
        """Of all strategies, and of the starts before."""
        found = {name: list(counts) for name, counts in self._checks_before.items()}
        for checks in self._checks.values():
            for name, counts in checks.items():
                known = found.get(name)
                if known is not None or len(found) < NAMES:
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
        shadow.later.add(number_of(fields.get("later_ms")) or 0.0)
        pair = ShadowPair(
            t=record.t,
            symbol=symbol.symbol,
            side=str(fields.get("side")),
            quantity=text_of(quantity, symbol.sp),
            paper=text_of(paper, symbol.pp),
            real=text_of(real, symbol.pp),
            worse_bp=number_of(fields.get("worse_bp")) or 0.0,
            later_ms=number_of(fields.get("later_ms")) or 0.0,
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
        seconds = number_of(fields.get("seconds")) or 0.0
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
            money=[money_told(name, self._money[name], self._symbols.values()) for name in self._currencies()],
            symbols=[
                symbol_told(each, self._from_ns, self._to_ns) for each in self._symbols.values() if each.sums is not None or each.fills
            ],
            rounds=self._trips.told(),
            trips=self._trips.kept(),
            trips_in_all=self._trips.seen,
            orders=orders,
            fills=counts["fills"],
            maker_fills=sum(each.maker_fills for each in self._symbols.values()),
            paid_fees={currency: text_of(*paid) for currency, paid in sorted(self._fees.items())},
            denials=dict(self._denials.most_common()),
            refusals=dict(self._refusals.most_common()),
            execution={way: each.told() for way, each in self._ways.items() if each.orders},
            slippage_bars=[(edge, count) for edge, count in zip((*_SLIP_EDGES, None), self._slip_bars, strict=True)],
            latency={step: latency_told(each) for step, each in self._steps.items() if each.n},
            ladder=self._ladder.kept(),
            ladder_moves=self._ladder.seen,
            doubts=[doubt_told(each) for each in self._doubts.kept()],
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


def _pass_over(record: Recorded, fields: Mapping[str, Any]) -> None:
    """Nothing is reckoned by it."""


def _count(counter: Counter[str], name: str) -> None:
    """Of names from outside there are not more than so many."""
    counter[name if name in counter or len(counter) < NAMES else OTHERS] += 1
