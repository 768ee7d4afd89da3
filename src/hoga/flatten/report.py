"""flatten.report: what an exit is asked for, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from hoga.audit.recovery import KnownOrder
from hoga.flatten.plan import Key, Scope, Verdict

__all__ = ["ExitReport", "LegReport", "Wanted"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be left.

    `trader`: its name, with which its client ids begin; `run`: a number that no other exit has. `symbols`: the venue's own, as configured.
    `own`: how much of each position the journals prove to be the trader's, exact; None: there is no journal, then on a venue with
    positions those in `symbols` count as the trader's, and elsewhere nothing is sold; the same where not `is_proven`, but that what the
    damaged journals do prove is sold. `orders`: the trader's own, as the journals left
    them, in integers of `size_powers` (by symbol). `prices`: symbol → about what one is worth. `fees`: (symbol, currency) → what its trades
    have cost. `trades`: (symbol, trade id) of all that `own` and `fees` hold.
    """

    scope: Scope
    trader: str
    incident: str
    run: int
    symbols: tuple[str, ...] = ()
    own: Mapping[Key, Decimal] | None = None
    is_proven: bool = True
    orders: tuple[KnownOrder, ...] = ()
    size_powers: Mapping[str, int] = {}
    prices: Mapping[str, Decimal] = {}
    fees: Mapping[tuple[str, str], Decimal] = {}
    trades: frozenset[tuple[str, str]] = frozenset()
    dry_run: bool = False


class LegReport(msgspec.Struct, kw_only=True):
    """What became of one position. Quantities as the venue spells them, below 0: short. `state`: `flat`, `dust`, `open`, or `planned`."""

    symbol: str
    side: str
    before: str
    after: str = ""
    closed: str = "0"
    state: str = "open"
    orders: int = 0
    average: str | None = None
    slippage_bp: int | None = None
    why: str = ""


class ExitReport(msgspec.Struct, kw_only=True):
    """The verdict, and what was done for it.

    `unknown`: orders that may still be on their way. `left`: own orders that still rest. `strangers`: positions that are not the
    trader's, and stay.
    """

    verdict: Verdict
    venue: str
    scope: Scope
    incident: str
    legs: list[LegReport] = msgspec.field(default_factory=list)
    cancelled: int = 0
    left: list[str] = msgspec.field(default_factory=list)
    unknown: list[str] = msgspec.field(default_factory=list)
    strangers: list[str] = msgspec.field(default_factory=list)
    orders: int = 0
    rounds: int = 0
    retries: int = 0
    seconds: float = 0.0
    clock_off_ms: int = 0
    why: str = ""
    dry_run: bool = False
