"""trading.standing: what an outcome keeps of each symbol, currency, order and way of trading while records go by. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from hoga.trading.tallies import POWER, Curve, Histogram, Rounds, Thinned, money
from hoga.trading.told import Execution, Mark, ShadowOutcome, ShadowPair, Slippage

__all__ = ["CurrencySums", "Ends", "OrderKnown", "Recorded", "ShadowSums", "Slips", "SymbolSums", "Way"]

T = TypeVar("T")

_LISTED = 500
_CONDITIONAL = ("stop", "take", "trail")


class Recorded(Protocol):
    """A record of a journal, as `audit.chain.Record` is one."""

    @property
    def t(self) -> int:
        """UTC ns."""

    @property
    def m(self) -> int | None:
        """Steady clock, ns; None in a backtest."""

    @property
    def b(self) -> int:
        """Which start wrote it."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What belongs to the kind."""


class SymbolSums:
    """What is known of one instrument. Money in the integers of `POWER`, everything else in the instrument's."""

    __slots__ = ("base", "cost", "curve", "doubt", "doubt_s", "doubts", "fees", "fills", "funding", "held_ns", "held_since", "maker_fills",
                 "marks", "net", "pp", "price", "quantity", "quote", "realized", "rounds", "scale", "shares", "slips", "sp",
                 "start_cost", "start_quantity", "start_unrealized", "sums", "symbol", "volume")  # fmt: skip

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.base = ""
        self.quote = ""
        self.pp = self.sp = 0
        self.scale: int = 10**-POWER
        self.price = self.quantity = self.cost = self.volume = self.fills = self.maker_fills = 0
        self.sums: list[int] | None = None
        """Won, fees and funding before the first record; None: nothing is known of the symbol yet."""
        self.realized = self.fees = self.funding = self.net = 0
        self.start_quantity = self.start_cost = 0
        self.start_unrealized: int | None = None
        self.shares: dict[tuple[str, str], list[int]] = {}
        self.held_since: int | None = None
        self.held_ns = self.doubts = 0
        self.doubt: list[Any] | None = None
        self.doubt_s = 0.0
        self.rounds = Rounds()
        self.slips = {"made": Slips(), "taken": Slips()}
        self.curve = Curve()
        self.marks: Thinned[Mark] = Thinned(1_000)

    def powers(self, pp: int, sp: int) -> None:
        self.pp, self.sp = pp, sp
        self.scale = 10 ** (pp + sp - POWER)

    @property
    def unrealized(self) -> int:
        """Since the first record."""
        return 0 if not self.price else self.quantity * self.price - self.cost - (self.start_unrealized or 0)

    def priced(self, price: int) -> None:
        self.price = price
        if self.start_unrealized is None and self.sums is not None:
            self.start_unrealized = self.start_quantity * price - self.start_cost

    def stand(self, t: int, sums: list[int]) -> None:
        """Its sums now: quantity, cost, won, fees, funding."""
        quantity, cost, won, fees, funding = sums
        if self.sums is None:
            self.sums = [won, fees, funding]
            self.start_quantity, self.start_cost = quantity, cost
            if self.price:
                self.priced(self.price)
        if not quantity and self.start_unrealized:  # what was held before the first record is closed: what it gained since is realized
            self.sums[0] += self.start_unrealized
            self.start_unrealized = 0
        self.realized, self.fees, self.funding = won - self.sums[0], fees - self.sums[1], funding - self.sums[2]
        self.quantity, self.cost = quantity, cost
        if quantity and self.held_since is None:
            self.held_since = t
        elif not quantity and self.held_since is not None:
            self.held_ns += t - self.held_since
            self.held_since = None

    def reckon(self) -> int:
        """The net in the integers of `POWER`."""
        return (self.realized + self.unrealized - self.fees + self.funding) * self.scale


class Slips:
    __slots__ = ("cost", "n", "worst", "worth")

    def __init__(self) -> None:
        self.n = self.cost = self.worth = 0
        self.worst: float | None = None

    def add(self, cost: int, worth: int, bp: float) -> None:
        self.n += 1
        self.cost += cost
        self.worth += worth
        self.worst = bp if self.worst is None or bp > self.worst else self.worst

    def told(self) -> Slippage:
        bp = round(self.cost * 10_000 / self.worth, 3) if self.worth else None
        return Slippage(fills=self.n, cost=money(self.cost), bp=bp, worst_bp=None if self.worst is None else round(self.worst, 3))


class CurrencySums:
    """All symbols that are paid in one currency."""

    __slots__ = ("curves", "drawdown", "drawdown_ns", "drawdown_peak", "drawdown_peak_ns", "equities", "fees", "funding", "net", "peak",
                 "peak_ns", "rounds", "start")  # fmt: skip

    def __init__(self) -> None:
        self.net = self.fees = self.funding = self.start = 0
        self.peak = self.peak_ns = self.drawdown = self.drawdown_ns = self.drawdown_peak = self.drawdown_peak_ns = 0
        self.equities: set[str] = set()
        self.rounds = Rounds()
        self.curves = {name: Curve() for name in ("net", "drawdown", "fees", "funding")}

    def point(self, t: int) -> None:
        if self.net > self.peak or not self.peak_ns:
            self.peak, self.peak_ns = max(self.net, self.peak), t
        down = self.net - self.peak
        if down < self.drawdown:
            self.drawdown, self.drawdown_ns, self.drawdown_peak, self.drawdown_peak_ns = down, t, self.peak, self.peak_ns
        curves = self.curves
        curves["net"].add(t, self.net)
        curves["drawdown"].add(t, down)
        curves["fees"].add(t, self.fees)
        curves["funding"].add(t, self.funding)


class OrderKnown:
    """An own order, as far as its fills are to be judged by it."""

    __slots__ = ("acked", "ask", "b", "bid", "filled", "force", "kind", "m", "quantity", "role", "sent_m", "side", "symbol", "t", "trigger")

    def __init__(self, record: Recorded, fields: Mapping[str, Any]) -> None:
        self.symbol = fields.get("sym") or ""
        self.side = fields.get("side")
        self.kind = fields.get("type") or ""
        self.force = fields.get("tif") or ""
        self.role = fields.get("role") or ""
        self.bid = fields.get("bid") or 0
        self.ask = fields.get("ask") or 0
        self.trigger = fields.get("trigger") or 0
        self.quantity = fields.get("q")
        self.t, self.m, self.b = record.t, record.m, record.b
        self.sent_m: int | None = None
        self.acked = False
        self.filled = 0

    @property
    def way(self) -> str:
        if self.kind in _CONDITIONAL:
            return "conditional"
        return "at-market" if self.kind == "market" or self.force in ("ioc", "fok") else "resting"


class Way:
    __slots__ = ("cost", "ended", "none", "orders", "partly", "times", "whole", "worth")

    def __init__(self) -> None:
        self.orders = self.whole = self.partly = self.none = self.cost = self.worth = 0
        self.times = Histogram()

    def told(self) -> Execution:
        return Execution(
            orders=self.orders,
            whole=self.whole,
            partly=self.partly,
            none=self.none,
            open=max(0, self.orders - self.whole - self.partly - self.none),
            model_bp=round(self.cost * 10_000 / self.worth, 3) if self.worth else None,
            median_fill_ns=self.times.quantile(0.5),
        )


class Ends(Generic[T]):
    """The first and the last of many things."""

    def __init__(self) -> None:
        self._first: list[T] = []
        self._last: deque[T] = deque(maxlen=_LISTED // 2)
        self.seen = 0

    def add(self, thing: T) -> None:
        self.seen += 1
        if len(self._first) < _LISTED // 2:
            self._first.append(thing)
        else:
            self._last.append(thing)

    def kept(self) -> list[T]:
        return [*self._first, *self._last]


class ShadowSums:
    __slots__ = ("alone", "ended", "later", "listed", "pairs")

    def __init__(self) -> None:
        self.pairs = Slips()
        self.later: Thinned[float] = Thinned(2_000)
        self.alone: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        """Of starts that have ended, and said so."""
        self.listed = Ends[ShadowPair]()

    def told(self) -> ShadowOutcome | None:
        later = sorted(self.later.kept())
        alone = self.alone + self.ended
        if not later and not alone:
            return None
        return ShadowOutcome(
            pairs=self.pairs.told(),
            later_ms=later[len(later) // 2] if later else None,
            alone_on_paper=alone["paper"],
            alone_in_reality=alone["real"],
            listed=self.listed.kept(),
        )
