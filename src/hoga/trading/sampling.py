"""trading.sampling: what a journal holds of the time between orders: how the account stood each minute, and when data were in doubt. Pure.

A report is made of a journal alone, so the engine writes into it, at its seconds:

    mark         each minute while something is held or has changed, each tenth minute else, at the start and at the end: of each symbol
                 [price, quantity, cost, won, fees, funding], the sums of all that its strategies ever did; of each venue its equity,
                 and in `peaks` the highest total so far, in 1e-12
    data.doubt   a symbol's market data cannot be relied upon from now on: `why`
    data.fresh   they can again; `seconds`: how long that was, to the second
"""

from __future__ import annotations

from hoga.core.times import SECOND_NS
from hoga.trading.ports import Write
from hoga.trading.state import State, venue_of

__all__ = ["Sampler"]

_MINUTE_NS = 60 * SECOND_NS
_QUIET_NS = 10 * _MINUTE_NS


class Sampler:
    """Is asked each second (`second`), and told of doubts (`doubt`); what comes back belongs into the journal. `prices`: of the last
    mark."""

    def __init__(self) -> None:
        self._marked_ns = 0
        self._sums: dict[str, list[int]] = {}
        self.prices: dict[str, int] = {}
        self._whole = False
        self._doubts: dict[str, tuple[int, int]] = {}

    def doubt(self, state: State, symbol: str, why: str) -> list[Write]:
        """Something may be missing; told once until the data are good again."""
        if symbol in self._doubts:
            return []
        self._doubts[symbol] = (state.now_ns, state.looks[symbol].at_ns)
        return [Write("data.doubt", {"sym": symbol, "why": why, "held": state.position(symbol)})]

    def second(self, state: State) -> list[Write]:
        """What is due."""
        found = []
        for symbol, (since_ns, book_ns) in list(self._doubts.items()):
            look = state.looks[symbol]
            if not look.in_doubt and look.at_ns > book_ns:
                del self._doubts[symbol]
                found.append(Write("data.fresh", {"sym": symbol, "seconds": f"{(state.now_ns - since_ns) / SECOND_NS:.3f}"}))
        age = state.now_ns - self._marked_ns
        if age >= _QUIET_NS or (age >= _MINUTE_NS and self._is_moving(state)) or (not self._whole and _is_whole(state)):
            found.append(self.mark(state))
        return found

    def next_ns(self, state: State) -> int:
        """When `second` has something to say next, if nothing changes until then; 0: at once."""
        if self._doubts or not self._whole:
            return 0
        return self._marked_ns + (_MINUTE_NS if self._is_moving(state) else _QUIET_NS)

    def mark(self, state: State) -> Write:
        """How every symbol stands now."""
        self._marked_ns = state.now_ns - state.now_ns % _MINUTE_NS
        self._whole = _is_whole(state)
        self._sums = {symbol: state.portfolio.sums(symbol) for symbol in state.rules_of}
        self.prices |= {symbol: state.price(symbol) for symbol in self._sums}
        marks = {symbol: [self.prices[symbol], *sums] for symbol, sums in self._sums.items()}
        return Write("mark", {"marks": marks, "equity": _equities(state), "peaks": dict(state.peaks)})

    def _is_moving(self, state: State) -> bool:
        for symbol in state.rules_of:
            sums = state.portfolio.sums(symbol)
            if sums[0] or sums != self._sums.get(symbol):
                return True
        return False


def _is_whole(state: State) -> bool:
    """Whether there is a price of every symbol, and every account has been read."""
    return all(map(state.price, state.rules_of)) and all(account.read_ns for account in state.accounts.values())


def _equities(state: State) -> dict[str, list[str]]:
    """By venue: the currency, and what the account is worth in it, exact; without those that are not known yet."""
    found: dict[str, list[str]] = {}
    for symbol, rules in state.rules_of.items():
        venue = venue_of(symbol)
        if venue in found or not all(map(state.price, state.symbols(symbol))):
            continue
        equity = state.equity(symbol)
        if equity is not None:
            found[venue] = [rules.quote, rules.money_text(equity)]
    return found
