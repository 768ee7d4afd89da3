"""trading.told: the figures of a run as they are told: in the report, in `--json`, in the terminal. Pure.

Money is exact text, shares are of 1, times in ns where a name ends so. docs/report.md tells how each figure is computed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hoga.core.times import SECOND_NS
from hoga.trading.tallies import Rounds, RoundsTold

__all__ = [
    "Doubt",
    "Execution",
    "LadderMove",
    "Latency",
    "Mark",
    "MoneyOutcome",
    "Outcome",
    "Renewed",
    "ShadowOutcome",
    "ShadowPair",
    "Slippage",
    "SymbolOutcome",
    "Trip",
    "figures",
]


class MoneyOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """All that was won and lost in one currency, as exact text. `start`: what the accounts were worth before, None: not told.

    net = realized + unrealized - fees + funding, and end = start + net. `drawdown`: the furthest below a former peak, at `drawdown_ns`,
    since `peak_ns`; `drawdown_share`: of the peak, None where the start is not known. Curves: (UTC ns, amount in the integers of `power`).
    """

    currency: str
    start: str | None
    end: str | None
    realized: str
    unrealized: str
    fees: str
    funding: str
    net: str
    volume: str
    drawdown: str
    drawdown_share: float | None
    drawdown_ns: int
    peak_ns: int
    rounds: RoundsTold
    power: int
    net_curve: list[tuple[int, int]]
    drawdown_curve: list[tuple[int, int]]
    fees_curve: list[tuple[int, int]]
    funding_curve: list[tuple[int, int]]


class Mark(msgspec.Struct, frozen=True, gc=False):
    """One fill on a chart: `price` in the symbol's integers."""

    t: int
    price: int
    side: str
    quantity: int


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What became of orders of one way: `at-market`, `resting` or `conditional` (stops and takes).

    `model_bp`: how much worse than the simplest model the fills were, weighted by their worth, in hundredths of a percent; None: no prices
    are known. That model fills an order at once and whole, at the best opposite price of its decision; a conditional one at its trigger.
    """

    orders: int = 0
    whole: int = 0
    partly: int = 0
    none: int = 0
    open: int = 0
    model_bp: float | None = None
    median_fill_ns: int = 0


class Slippage(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse than the middle of the book at the decision fills were: `cost` as exact text, `bp` weighted by their worth."""

    fills: int
    cost: str
    bp: float | None
    worst_bp: float | None


class SymbolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. `held`: what strategies hold at the end. `in_market_s`: how long something was held."""

    symbol: str
    quote: str
    price_power: int
    size_power: int
    realized: str
    unrealized: str
    fees: str
    funding: str
    net: str
    volume: str
    fills: int
    maker_fills: int
    held: str
    in_market_s: float
    in_market_share: float | None
    rounds: RoundsTold
    taken: Slippage
    made: Slippage
    doubts: int
    doubt_s: float
    price_curve: list[tuple[int, int]]
    fill_marks: list[Mark]


class Trip(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One round trip: a position from its first fill to its last. `best_bp`, `worst_bp`: how far the price went for and against it."""

    t: int
    symbol: str
    strategy: str
    side: str
    reason: str
    why: str
    quantity: str
    entry: str
    exit: str
    gross: str
    fees: str
    funding: str
    net: str
    currency: str
    seconds: float
    best_bp: float | None
    worst_bp: float | None
    entry_slip_bp: float | None
    exit_slip_bp: float | None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long one step took, in ns; `bars`: (up to so many ns, how many)."""

    n: int
    p50: int
    p90: int
    p99: int
    p999: int
    greatest: int
    bars: list[tuple[int, int]]


class LadderMove(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder moved."""

    t: int
    was: str
    rung: str
    why: str
    cause: str
    incident: str


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """Limits or parameters were read again while it ran. `of`: the symbol or the strategy; `refused`: why nothing was changed."""

    t: int
    who: str
    of: str
    old: dict[str, str]
    new: dict[str, str]
    refused: str


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """Market data of a symbol could not be relied upon. `seconds` None: until the end."""

    t: int
    symbol: str
    why: str
    held: str
    seconds: float | None


class ShadowPair(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fill on paper and the real one beside it. `worse_bp`: how much worse paper was; `later_ms`: how much later."""

    t: int
    symbol: str
    side: str
    quantity: str
    paper: str
    real: str
    worse_bp: float
    later_ms: float


class ShadowOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was filled on paper beside a live account. `pairs`: how much worse paper was; `later_ms`: the median of how much later;
    `alone_…`: fills on one side only, for a minute."""

    pairs: Slippage
    later_ms: float | None
    alone_on_paper: int
    alone_in_reality: int
    listed: list[ShadowPair]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """All of a run.

    `about`: what the last start said of itself (`mode`, `grade`, `strategies`, settings). `verdict`: of the exit where there was one, else
    `FLAT`, `KEPT`, or `UNKNOWN` where the last start has no end, or left orders. `rounds`: by what they are grouped by (`symbol`,
    `reason`, `strategy`), then by its value and currency. `trips`: the last 1,000, the best and the worst 250 of the `trips_in_all`.
    `orders`: how many came to what; `denials`, `refusals`: by code. `paid_fees`: by the currency that they were paid in, exact. `checks`:
    conditions of strategies: how often each was asked for, held, was the first of its decision that did not, and the only one.
    `events`: what else is worth telling, counted by kind. `lost`: records that the disk never took.
    """

    records: int
    lives: int
    from_ns: int
    to_ns: int
    about: dict[str, Any]
    verdict: str
    left: list[str]
    held: dict[str, str]
    money: list[MoneyOutcome]
    symbols: list[SymbolOutcome]
    rounds: dict[str, list[tuple[str, str, RoundsTold]]]
    trips: list[Trip]
    trips_in_all: int
    orders: dict[str, int]
    fills: int
    maker_fills: int
    paid_fees: dict[str, str]
    denials: dict[str, int]
    refusals: dict[str, int]
    execution: dict[str, Execution]
    slippage_bars: list[tuple[float | None, int]]
    latency: dict[str, Latency]
    ladder: list[LadderMove]
    ladder_moves: int
    doubts: list[Doubt]
    doubts_in_all: int
    checks: dict[str, list[int]]
    shadow: ShadowOutcome | None
    events: dict[str, int]
    settings: dict[str, dict[str, Any]]
    renewed: list[Renewed]
    renewed_in_all: int
    lost: int


_SHAPE = ("ratio", "skew", "kurtosis")
"""Of the nets of round trips; see `trading.choosing`."""


def figures(found: Outcome) -> dict[str, object]:
    """The figures of an outcome as one flat object, of its first currency: money as exact text, shares of 1, times in seconds."""
    main = found.money[0] if found.money else None
    own = [each for each in found.symbols if main is not None and each.quote == main.currency]
    flat: dict[str, object] = {"currency": main.currency if main is not None else ""}
    for name in ("start", "end", "realized", "unrealized", "fees", "funding", "net", "volume", "drawdown", "drawdown_share"):
        flat[name] = getattr(main, name) if main is not None else None
    rounds = main.rounds if main is not None else Rounds().told()
    for name in (
        "rounds",
        "wins",
        "losses",
        "win_rate",
        "profit_factor",
        "expectancy",
        "largest_win",
        "largest_loss",
        "best_bp",
        "worst_bp",
        *_SHAPE,
    ):
        flat[name] = getattr(rounds, name)
    span_s = (found.to_ns - found.from_ns) / SECOND_NS
    taken = [each.taken for each in own if each.taken.bp is not None]
    fills = sum(each.fills for each in taken)
    return flat | {
        "from_ns": found.from_ns,
        "to_ns": found.to_ns,
        "seconds": round(span_s, 3),
        "in_market_share": max((each.in_market_share or 0.0 for each in own), default=None),
        "fills": found.fills,
        "maker_fills": found.maker_fills,
        **{f"orders_{name}": count for name, count in found.orders.items()},
        "slippage_bp": round(sum((each.bp or 0.0) * each.fills for each in taken) / fills, 3) if fills else None,
        "ladder_moves": found.ladder_moves,
        "data_doubts": found.doubts_in_all,
        "data_doubt_s": round(sum(each.doubt_s for each in found.symbols), 3),
        "records": found.records,
    }
