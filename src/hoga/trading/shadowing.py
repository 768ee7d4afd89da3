"""trading.shadowing: what an account on paper did beside a real one: fills in pairs, positions apart, the differences in figures. Pure.

Fills pair by symbol and side, oldest first, quantity by quantity: three real fills of 1 are the partner of one of 3 on paper. What has
found no partner after a minute stands alone. Positions are compared by what they changed since the start: what the account held
before belongs to nobody here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hoga.core.market import Side
from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import FillUpdate, Rules, signed
from hoga.trading.ports import Write
from hoga.trading.seen import Seen

__all__ = ["Shadow", "ShadowTable"]

_PATIENCE_NS = 60 * SECOND_NS
_NEWEST = 10_000
_SIDES = {Side.BUY: "B", Side.SELL: "S"}


class _Part(msgspec.Struct):
    """What is not paired yet of a fill."""

    quantity: int
    price: int
    at_ns: int


class ShadowTable(msgspec.Struct, frozen=True, kw_only=True):
    """The differences so far. `paired`: pieces of fills; prices in hundredths of a percent of the real one, above 0: paper was worse;
    times: how much later the fill on paper was than the real one, of the newest 10,000 pieces. `positions`: of each symbol, (on paper,
    real), what changed since the start, as exact texts."""

    paired: int
    only_paper: int
    only_real: int
    price_bp_mean: float | None
    price_bp_worst: float | None
    later_ms_median: float | None
    positions: dict[str, tuple[str, str]]


class Shadow:
    """Is told of fills and positions on both sides; gives records for the journal. `by_order`: both sides fill the same orders, and a fill
    pairs with those of its own order only."""

    def __init__(self, rules: Mapping[str, Rules], *, by_order: bool = False) -> None:
        self._rules = rules
        self._by_order = by_order
        self._waiting: dict[tuple[str, Side, bool, str], deque[_Part]] = {}
        self._seen: dict[str, Seen] = {symbol: Seen() for symbol in rules}
        self._paired = 0
        self._worse_sum = 0.0
        self._worst: float | None = None
        self._laters: deque[float] = deque(maxlen=_NEWEST)
        self._alone = {True: 0, False: 0}
        self._paper = dict.fromkeys(rules, 0)
        self._real = dict.fromkeys(rules, 0)
        self._first: dict[str, int] = {}
        self._told: dict[str, tuple[int, int]] = {}

    def fill(self, fill: FillUpdate, *, paper: bool) -> Iterator[Write]:
        """One fill; what pairs with it. A real one that was told before counts once. Take the iterator to its end."""
        if fill.symbol not in self._rules:
            return
        if paper:
            self._paper[fill.symbol] += signed(fill.side, fill.quantity)
        elif not self._seen[fill.symbol].add(fill.trade_id):
            return
        at_ns = fill.at_ns if paper else fill.event_ns or fill.at_ns
        mine, name = _Part(fill.quantity, fill.price, at_ns), fill.client_id if self._by_order else ""
        theirs = (fill.symbol, fill.side, not paper, name)
        others = self._waiting.get(theirs, deque[_Part]())
        while mine.quantity and others:
            other = others[0]
            quantity = min(mine.quantity, other.quantity)
            mine.quantity -= quantity
            other.quantity -= quantity
            if not other.quantity:
                others.popleft()
                if not others:
                    del self._waiting[theirs]
            yield self._pair(fill, quantity, *((mine, other) if paper else (other, mine)))
        if mine.quantity:
            self._waiting.setdefault((fill.symbol, fill.side, paper, name), deque()).append(mine)

    def position(self, symbol: str, held: int) -> Iterator[Write]:
        """What the real account holds now; a record where the difference is another than before."""
        if symbol not in self._rules:
            return
        first = self._first.setdefault(symbol, held)
        self._real[symbol] = held - first
        now = self._paper[symbol], self._real[symbol]
        if self._told.get(symbol, (0, 0)) != now:
            self._told[symbol] = now
            yield Write("shadow.position", {"sym": symbol, "paper": now[0], "real": now[1], "held": held, "off": now[0] - now[1]})

    def alone(self, now_ns: int) -> Iterator[Write]:
        """What has waited too long for a partner."""
        for key, parts in list(self._waiting.items()):
            symbol, side, paper, _ = key
            while parts and now_ns - parts[0].at_ns > _PATIENCE_NS:
                part = parts.popleft()
                self._alone[paper] += 1
                fields: dict[str, Any] = {"sym": symbol, "side": _SIDES[side], "q": part.quantity, "p": part.price}
                yield Write("shadow.alone", fields | {"on": "paper" if paper else "real", "at": part.at_ns})
            if not parts:
                self._waiting.pop(key, None)

    def table(self) -> ShadowTable:
        """The differences so far."""
        laters = sorted(self._laters)
        waiting = {paper: sum(len(parts) for (_, _, on, _), parts in self._waiting.items() if on is paper) for paper in (True, False)}
        return ShadowTable(
            paired=self._paired,
            only_paper=self._alone[True] + waiting[True],
            only_real=self._alone[False] + waiting[False],
            price_bp_mean=self._worse_sum / self._paired if self._paired else None,
            price_bp_worst=self._worst,
            later_ms_median=laters[len(laters) // 2] if laters else None,
            positions={
                symbol: (rules.quantity_text(self._paper[symbol]), rules.quantity_text(self._real[symbol]))
                for symbol, rules in self._rules.items()
            },
        )

    def _pair(self, fill: FillUpdate, quantity: int, paper: _Part, real: _Part) -> Write:
        worse = (paper.price - real.price) / real.price * 10_000 * signed(fill.side, 1) if real.price else 0.0
        later = (paper.at_ns - real.at_ns) / MS_NS
        self._paired += 1
        self._worse_sum += worse
        self._worst = worse if self._worst is None else max(self._worst, worse)
        self._laters.append(later)
        fields: dict[str, Any] = {"sym": fill.symbol, "side": _SIDES[fill.side], "q": quantity, "paper": paper.price, "real": real.price}
        return Write("shadow.fill", fields | {"worse_bp": f"{worse:.2f}", "later_ms": f"{later:.1f}"})
