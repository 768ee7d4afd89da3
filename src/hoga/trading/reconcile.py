"""trading.reconcile: one venue's listings against what the engine believes: what must be read, and what they say together. Pure.

A round asks for orders, trades of each symbol, the account, and (where positions are the venue's) positions; it is over when all have come,
each as of the moment it was asked for. What an execution event touched since shortly before the request is not compared: the listing may
be older than the event. A listing that failed is no empty listing; the round is then begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hoga.core.times import SECOND_NS
from hoga.core.trading import Capabilities, PositionSide, PositionsRead
from hoga.trading.ports import Read, ReadKind

__all__ = ["Reckoning"]

_FRESH_NS = 2 * SECOND_NS
"""What was touched so shortly before a request is not compared with its answer."""
_PATIENCE_NS = 15 * SECOND_NS
_AGAIN_NS = SECOND_NS
_LONGEST_AGAIN_NS = 15 * SECOND_NS
_TRADES_APART_NS = SECOND_NS
_TRADES_AT_MOST_NS = 8 * SECOND_NS
"""Readings that bring nothing become rarer: they take of the venue's limits what cancels and closes need."""
_TWICE = 2

Key = tuple[str, PositionSide]


class Reckoning:
    """The rounds of one venue. `since_ns`: trades are read from here on where none is known."""

    def __init__(self, venue: str, able: Capabilities, symbols: tuple[str, ...]) -> None:
        self.venue = venue
        self.symbols = symbols
        self.since_ns = 0
        self.began_ns = 0
        self.ended_ns = 0
        self.failures = 0
        self._has_positions = able.short
        self._missing: set[tuple[ReadKind, str]] = set()
        self._again_ns = 0
        self._open = False
        self._touched: dict[str, int] = {}
        self._theirs: dict[Key, int] | None = None
        self.skipped: set[str] = set()
        self._asked_ns = 0
        self._off: dict[Key, tuple[int, int]] = {}
        self._trades_ns: dict[str, int] = {}
        self._trades_apart: dict[str, int] = {}
        self._agreed: list[str] = []

    # -- a round ------------------------------------------------------------------------------------------------------

    def begin(self, now_ns: int) -> bool:
        """Begin a round; False where one is under way that was not begun too long ago."""
        if self._missing and now_ns - self.began_ns < _PATIENCE_NS:
            self._again_ns = self._again_ns or now_ns  # something happened meanwhile: once more, after this one
            return False
        self.failures += bool(self._missing)  # nobody answered
        self.began_ns, self._again_ns, self._open = now_ns, 0, True
        self._missing = {(ReadKind.ORDERS, ""), (ReadKind.ACCOUNT, "")} | {(ReadKind.TRADES, symbol) for symbol in self.symbols}
        if self._has_positions:
            self._missing.add((ReadKind.POSITIONS, ""))
        self._theirs, self._asked_ns = None, 0
        return True

    def later(self, at_ns: int) -> None:
        """Begin a round then, unless one begins before."""
        self._again_ns = self._again_ns or at_ns

    def reads(self, last_trade: Callable[[str], str]) -> list[Read]:
        """What the round has to read, in order: trades before positions, so that what positions say is explained already."""
        reads = [Read(what=ReadKind.ORDERS, venue=self.venue)]
        reads += [
            Read(what=ReadKind.TRADES, venue=self.venue, symbol=symbol, after=last_trade(symbol), since_ns=self.since_ns)
            for symbol in self.symbols
        ]
        if self._has_positions:
            reads.append(Read(what=ReadKind.POSITIONS, venue=self.venue))
        return [*reads, Read(what=ReadKind.ACCOUNT, venue=self.venue)]

    def got(self, what: ReadKind, asked_ns: int, symbol: str = "") -> None:
        """A listing came; one that was asked for before the round began does not count."""
        if asked_ns >= self.began_ns:
            self._missing.discard((what, symbol))

    def failed(self, now_ns: int) -> None:
        """A listing did not come: the round is over, and another is due soon."""
        if self._missing:
            self.failures += 1
            self._missing, self._open = set(), False
            self._again_ns = now_ns + min(_LONGEST_AGAIN_NS, _AGAIN_NS << min(self.failures, 4))

    def is_complete(self) -> bool:
        """Whether all listings of a round are here, and it has not ended."""
        return self._open and not self._missing

    def end(self, now_ns: int) -> None:
        """What the round said was acted upon."""
        self.ended_ns, self.failures, self._open = max(now_ns, self.began_ns), 0, False

    def is_due(self, now_ns: int, every_ns: int) -> bool:
        """Whether a round should begin: the last one is old, failed, or something happened while it ran."""
        if self._missing:
            return now_ns - self.began_ns > _PATIENCE_NS
        if self._again_ns:
            return now_ns >= self._again_ns
        return bool(self.began_ns) and now_ns - self.began_ns >= every_ns

    def next_ns(self, every_ns: int) -> int | None:
        """When `is_due` is to be asked next, if nothing happens until then; None: not at all. 0: a round is under way."""
        if self._missing:
            return 0
        if self._again_ns:
            return self._again_ns
        return self.began_ns + every_ns if self.began_ns else None

    # -- positions ------------------------------------------------------------------------------------------------------

    def touched(self, symbol: str, now_ns: int) -> None:
        """An execution event changed the symbol's position at that moment."""
        self._trades_apart.pop(symbol, None)
        self._touched[symbol] = max(now_ns, self._touched.get(symbol, 0))

    def positions(self, event: PositionsRead) -> None:
        """The venue's positions; they are compared when the round is complete, as the trades of the round explain them."""
        self._asked_ns = event.asked_ns
        self._theirs = {(each.symbol, each.position_side): each.quantity for each in event.positions if each.symbol in self.symbols}

    def balances(self, held: Mapping[Key, int], asked_ns: int) -> None:
        """Where positions are coins of the account: what there is of them, at most what is believed; the account may have more."""
        if not self._has_positions:
            self._asked_ns = asked_ns
            self._theirs = {key: quantity for key, quantity in held.items() if key[0] in self.symbols}

    def differences(self, believed: Mapping[Key, int], *, first: bool) -> list[tuple[str, PositionSide, int]]:
        """(symbol, side, what the venue has more than is `believed`) that is to be acted upon: at the start at once, later the second
        time in a row. What an execution event touched shortly before the venue was asked is not compared but in the next round, soon."""
        theirs, self._theirs, self._agreed, self.skipped = self._theirs, None, [], set()
        if theirs is None:
            return []
        ours = {key: quantity for key, quantity in believed.items() if key[0] in self.symbols}
        acted, differs = [], False
        for key in sorted({*theirs, *ours, *self._off}):
            symbol, side = key
            if self._asked_ns - self._touched.get(symbol, 0) < _FRESH_NS:
                self.skipped.add(symbol)
                continue
            difference = theirs.get(key, 0) - ours.get(key, 0)
            if not difference:
                self._off.pop(key, None)
                self._agreed.append(symbol)
                continue
            before, times = self._off.get(key, (0, 0))
            times = times + 1 if before == difference else 1
            if first or times >= _TWICE:
                acted.append((symbol, side, difference))
            if not first:
                self._off[key] = (difference, times)
                differs = True
        if differs:
            self._again_ns = self._again_ns or self._asked_ns + _FRESH_NS + _AGAIN_NS
        elif self.skipped:
            self._again_ns = self._again_ns or max(self._touched[symbol] for symbol in self.skipped) + _FRESH_NS
        return acted

    def agreed(self) -> list[str]:
        """Symbols whose positions agree."""
        return self._agreed

    # -- trades -----------------------------------------------------------------------------------------------------------

    def trades_of(self, symbol: str, last_trade: str, now_ns: int) -> Read | None:
        """Read the trades of one symbol besides a round; None: that was asked for a moment ago."""
        apart = self._trades_apart.get(symbol, _TRADES_APART_NS)
        if now_ns - self._trades_ns.get(symbol, 0) < apart:
            return None
        self._trades_ns[symbol] = now_ns
        self._trades_apart[symbol] = min(2 * apart, _TRADES_AT_MOST_NS)
        return Read(what=ReadKind.TRADES, venue=self.venue, symbol=symbol, after=last_trade, since_ns=self.since_ns)
