"""trading.trips: round trips as they end: their sums by symbol, reason and strategy, and those that are told one by one. Pure.

Of very many the newest, the best and the worst are kept; the sums are of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hoga.core.trading import text_of
from hoga.trading.standing import CurrencySums, Recorded, SymbolSums
from hoga.trading.tallies import Rounds, RoundsTold, number_of
from hoga.trading.told import Trip

__all__ = ["NAMES", "OTHERS", "RoundTrips"]

NAMES = 200
"""So many names from outside are counted one by one."""
OTHERS = "(others)"
_LAST, _BEST, _WORST = 1_000, 250, 250


class RoundTrips:
    """See the module. `seen`: how many there were."""

    def __init__(self) -> None:
        self.seen = 0
        self._groups: dict[str, dict[tuple[str, str], Rounds]] = {"symbol": {}, "reason": {}, "strategy": {}}
        self._newest: list[tuple[int, int, Trip]] = []
        self._best: list[tuple[int, int, Trip]] = []
        self._worst: list[tuple[int, int, Trip]] = []

    def add(self, record: Recorded, fields: Mapping[str, Any], symbol: SymbolSums, currency: CurrencySums, reason: str) -> None:
        """One has ended. `reason`: why."""
        name, scale = str(fields.get("sym")), symbol.scale
        gross, fees, funding, net = (int(fields.get(each) or 0) for each in ("gross", "fees", "funding", "net"))
        seconds = float(fields.get("seconds") or 0)
        longs = fields.get("side") == "B"
        entry = _mean(fields.get("in"))
        best = worst = None
        if entry:
            sign = 10_000 if longs else -10_000
            best = round((int(fields.get("best") or 0) - entry) / entry * sign, 2)
            worst = round((int(fields.get("worst") or 0) - entry) / entry * sign, 2)
        numbers: dict[str, int] = {"gross": gross * scale, "fees": fees * scale, "funding": funding * scale, "net": net * scale}
        keys = (("symbol", name), ("reason", reason), ("strategy", str(fields.get("st") or "")))
        counted = [symbol.rounds, currency.rounds]
        for group, key in keys:
            known = self._groups[group]
            if (key, symbol.quote) not in known and len(known) >= NAMES:
                key = OTHERS
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
                entry_slip_bp=number_of(fields.get("entry_slip_bp")),
                exit_slip_bp=number_of(fields.get("exit_slip_bp")),
            ),
        )

    def told(self) -> dict[str, list[tuple[str, str, RoundsTold]]]:
        """By group: (key, currency, sums) each."""
        groups = self._groups.items()
        return {group: [(key, currency, each.told()) for (key, currency), each in sorted(known.items())] for group, known in groups}

    def kept(self) -> list[Trip]:
        """Those that are told, oldest first."""
        every = {number: trip for _, number, trip in self._newest[-_LAST:]}
        early = self._newest[:-_LAST] + self._best + self._worst
        early = list({number: (net, number, trip) for net, number, trip in early}.values())
        for chosen in (sorted(early, key=_by_net, reverse=True)[:_BEST], sorted(early, key=_by_net)[:_WORST]):
            every |= {number: trip for _, number, trip in chosen}
        return [every[number] for number in sorted(every)]

    def _keep(self, net: int, trip: Trip) -> None:
        self.seen += 1
        self._newest.append((net, self.seen, trip))
        if len(self._newest) <= 2 * _LAST:
            return
        old = self._newest[:_LAST]
        self._newest = self._newest[_LAST:]
        self._best = sorted(self._best + old, key=_by_net, reverse=True)[:_BEST]
        self._worst = sorted(self._worst + old, key=_by_net)[:_WORST]


def _by_net(trip: tuple[int, int, Trip]) -> int:
    return trip[0]


def _mean(pair: Any) -> float | None:
    """The price of [quantity, money]."""
    return pair[1] / pair[0] if isinstance(pair, list) and len(pair) == 2 and pair[0] else None


def _price(pair: Any, power: int) -> str:
    """The same as text, two digits finer than prices are; "" where it is not told."""
    if not isinstance(pair, list) or len(pair) != 2 or not pair[0]:
        return ""
    return text_of((pair[1] * 100 + pair[0] // 2) // pair[0], power - 2)
