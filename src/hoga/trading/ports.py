"""trading.ports: the engine's doors: what comes in, what it asks to be done, and whom it asks. Pure.

    event ─▶ Engine.step ─▶ [Effect, …] ─▶ the shell carries them out, in order ─▶ answers come back as events

The engine is called by one loop, one event at a time. It never waits, and knows the time only from the event's `at_ns`. A `Write` that
stands before a `Send` is written before it is sent: that is how the journal holds every order before the venue does. A shell that
cannot write a record carries out nothing that stands behind it, and tells so by `JournalFault`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from hoga.core.market import Side
from hoga.core.ticks import MarketEvent
from hoga.core.trading import Capabilities, ExecutionEvent, OrderRequest, PositionSide, Rules
from hoga.trading.limits import Limits
from hoga.trading.rungs import Cause, Rung
from hoga.trading.sizing import Sized

__all__ = [
    "Alarm",
    "Cancel",
    "Command",
    "CommandKind",
    "Day",
    "Deliver",
    "Denial",
    "Done",
    "Effect",
    "Event",
    "Gate",
    "JournalFault",
    "Look",
    "Margin",
    "Query",
    "Read",
    "ReadBars",
    "ReadKind",
    "Renewal",
    "RunGate",
    "Rung",
    "Send",
    "SendList",
    "Tell",
    "Tick",
    "Venue",
    "View",
    "WakeAt",
    "Work",
    "WorkDone",
    "Working",
    "Write",
]


# -- what comes in ------------------------------------------------------------------------------------------------


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A timer's moment: what is due at `at_ns` is done."""

    at_ns: int


class CommandKind(StrEnum):
    """What a person, a signal or another process asks of the engine."""

    START = "start"
    """Everything is connected: reconcile, then let the strategies begin."""
    STOP = "stop"
    """End: cancel entries, keep the stops that protect."""
    FREEZE = "freeze"
    """Flatten begins elsewhere: nothing is sent any more."""
    RESUME = "resume"
    """A person has looked: leave HALTED or FLATTEN."""


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`who` asked, and `text` says more: the incident of a RESUME, why a FREEZE; `incident`: the id that a FREEZE has already."""

    at_ns: int
    kind: CommandKind
    who: str
    text: str = ""
    incident: str = ""


class WorkDone(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a piece of work: `value` as JSON has it, or `error`, "" where it is good."""

    at_ns: int
    number: int
    value: Any = None
    error: str = ""


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """Limits (by symbol) and parameters (by strategy, as texts in place of the class's own) that hold from now on; `who` asked."""

    at_ns: int
    who: str
    limits: dict[str, Limits]
    given: dict[str, dict[str, str]]


class JournalFault(msgspec.Struct, frozen=True, gc=False):
    """The journal could not be written. What stood behind the record was not done."""

    at_ns: int
    why: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that the shell measured and only the ladder can judge. `kind`: `clock`, `stall`, `backlog`, `dead-man`, `sentinel`."""

    at_ns: int
    kind: str
    why: str
    bad: bool = True


Event = MarketEvent | ExecutionEvent | Tick | Command | JournalFault | Alarm | WorkDone | Renewal


# -- what is asked to be done ---------------------------------------------------------------------------------------


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send a new order. Its record stands before it."""

    request: OrderRequest


class SendList(msgspec.Struct, frozen=True, gc=False):
    """Send the orders of one list: when one of them ends the position, the venue cancels the others. Their records stand before it."""

    requests: tuple[OrderRequest, ...]


class Cancel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Cancel an order. `venue_id` "" while it is not known; `waits`: it rests where waiting orders rest."""

    symbol: str
    client_id: str
    venue_id: str = ""
    waits: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Ask for one order: an `OrderUpdate`, `AlgoUpdate`, `NotFound` or `ReadFailed` comes back."""

    symbol: str
    client_id: str
    venue_id: str = ""
    waits: bool = False


class ReadKind(StrEnum):
    """Which listing."""

    ORDERS = "orders"
    POSITIONS = "positions"
    TRADES = "trades"
    ACCOUNT = "account"
    RULES = "rules"
    """Of `symbol`; comes back as `RulesUpdate`."""


class Read(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Read a listing. `symbol`: of TRADES and RULES; `after`: the last known trade's id, "" for none; `since_ns`: then from this moment."""

    what: ReadKind
    venue: str
    symbol: str = ""
    after: str = ""
    since_ns: int = 0


class ReadBars(msgspec.Struct, frozen=True, gc=False):
    """Ask the venue for the latest bars of a symbol; comes back as `MarketBars`, or not at all."""

    symbol: str
    interval_ns: int
    count: int


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Call `function(*args)` elsewhere; comes back as `WorkDone`."""

    number: int
    function: Callable[..., Any]
    args: tuple[Any, ...]


class Write(msgspec.Struct, frozen=True, gc=False):
    """One record of the journal: `kind` (`order.intent`, `order.fill`, …) and its fields; texts, integers, lists and mappings of them.

    The fields are the shell's from then on: it may add its own.
    """

    kind: str
    fields: dict[str, Any]


class Tell(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line for people. `level`: `info`, `warning`, `error` (a person must act)."""

    text: str
    level: str = "info"
    fields: Mapping[str, object] = {}


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Give a `Tick` at this moment, unless an event with that stamp or a later one comes first. The newest one holds."""

    at_ns: int


class RunGate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The rung changed to `rung`. FLATTEN: the shell begins the exit; `incident` names it."""

    rung: Rung
    why: str
    incident: str = ""
    cause: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The engine has stopped. `left`: client ids of entries that are or may be at the venue still; `held`: how many positions there are."""

    clean: bool
    left: tuple[str, ...]
    held: int


Effect = Send | ReadBars | SendList | Cancel | Query | Read | Write | Tell | WakeAt | RunGate | Done | Work


# -- whom the shell has: one account at one venue ------------------------------------------------------------------------


class Venue(Protocol):
    """One account at one venue (room `gateway`). Every call hands bytes to a socket, or to a task of its own, and returns at once.

    What came of it is told by `deliver`, which it was made with, as an `ExecutionEvent`: exactly one for each `send`, `cancel` and
    `query`, at least one for each `read`. No call raises for what a venue or a network does.
    """

    venue: str
    capabilities: Capabilities
    rules: Mapping[str, Rules]
    """By symbol with the venue's name before it."""

    def send(self, request: OrderRequest) -> None:
        """A new order: `OrderAccepted`, `OrderRefused`, `NotSent` or `Unanswered`. After `freeze` always `NotSent`."""

    def send_list(self, requests: tuple[OrderRequest, ...]) -> None:
        """The orders of one list, where the venue has lists; the same for each of them."""

    def cancel(self, ask: Cancel) -> None:
        """`CancelSent`, `CancelRefused`, `NotSent` or `Unanswered`."""

    def query(self, ask: Query) -> None:
        """`OrderUpdate`, `AlgoUpdate`, `NotFound`, or `ReadFailed` with the client id."""

    def read(self, ask: Read) -> None:
        """`OpenOrders`, `PositionsRead`, `TradesRead`, `AccountRead`, `RulesUpdate`, or `ReadFailed`."""

    def freeze(self) -> None:
        """Send no new order any more, whoever asks."""

    async def start(self) -> None:
        """Connect: order line, account's streams, clock offset, rules. Raises VenueError, ConfigError, LinkError."""

    async def stop(self) -> None:
        """Close everything."""


Deliver = Callable[[ExecutionEvent], None]
"""Takes what a venue says, on the event loop."""


# -- whom the engine asks: limits ------------------------------------------------------------------------------------------


class Denial(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why an order is not sent. `code`: lower case with dashes (`max-order-notional`). `limit`, `found`: exact texts, "": none."""

    code: str
    limit: str = ""
    found: str = ""


class Look(msgspec.Struct, kw_only=True, gc=False):
    """A symbol's market as it stands. Prices are 0 where there is none. `at_ns`: of the last book; `in_doubt`: see `MarketDoubt`.

    `is_price`: there is no book, both are the price that it is traded at (`MarketPrice`).
    `has_mark`: the venue tells a mark price, and it is read. `median_price`, `median_size`: of the trades of the last minute, 0: too few.
    """

    bid: int = 0
    ask: int = 0
    mark: int = 0
    at_ns: int = 0
    mark_at_ns: int = 0
    last: int = 0
    in_doubt: bool = True
    is_price: bool = False
    has_mark: bool = False
    median_price: int = 0
    median_size: int = 0


class Working(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An own order that is or may be at the venue. `rest`: not filled yet (0: it closes what there is). `unknown`: nobody knows."""

    request: OrderRequest
    rest: int
    unknown: bool
    strategy: str


class Day(msgspec.Struct, kw_only=True, gc=False):
    """The day (UTC) of an account's strategies at one venue, in the money of `symbol`'s rules where one is asked for.

    `realized` and `unrealized`: before `fees` (paid: above 0) and `funding` (received: above 0). `total`: all of that since the journal
    began, over midnights; `peak`: the highest that it was, at least 0. `losses`: rounds lost in a row, over midnights too.
    """

    realized: int = 0
    unrealized: int = 0
    fees: int = 0
    funding: int = 0
    total: int = 0
    peak: int = 0
    losses: int = 0


class Margin(msgspec.Struct, kw_only=True, gc=False):
    """How an account stands, as it was read last. `read_age_ns`: how long ago; None: never, and then nothing is opened.

    `ratio_bp`: maintenance margin over margin balance in hundredths of a percent, None: the venue has no such thing. `liquidation`: the
    price at which the symbol's position is liquidated, 0: none. `doubt`: what is not as configured, or not confirmed yet, of leverage,
    margin type and position mode, "": nothing.
    """

    read_age_ns: int | None = None
    ratio_bp: int | None = None
    liquidation: int = 0
    doubt: str = ""


class View(Protocol):
    """What the gate may look at. Everything is as of `now_ns`, the stamp of the event being handled; quantities and money in integers."""

    now_ns: int
    rung: Rung

    def rules(self, symbol: str) -> Rules | None:
        """None: not known, and then nothing is sent."""

    def capabilities(self, symbol: str) -> Capabilities:
        """Of the symbol's venue."""

    def look(self, symbol: str) -> Look:
        """Its market."""

    def position(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> int:
        """As the venue confirmed it, own and adopted; below 0: short."""

    def legs(self, symbol: str) -> tuple[PositionSide, ...]:
        """The positions that there are of a symbol: one, or in hedge mode two."""

    def working(self, symbol: str) -> Collection[Working]:
        """Own orders of a symbol that are or may be at the venue, those being sent too."""

    def open_count(self, symbol: str = "") -> int:
        """How many own orders those are, "": of all symbols."""

    def symbols(self, symbol: str) -> Iterable[str]:
        """The symbols of the same account that are traded, this one too."""

    def day(self, symbol: str) -> Day:
        """What was won and lost with the account of a symbol since midnight UTC."""

    def margin(self, symbol: str) -> Margin:
        """How the account stands, for a symbol."""

    def equity(self, symbol: str) -> int | None:
        """What the account of the symbol's venue is worth, in its money; None: not known."""

    def free(self, symbol: str) -> int | None:
        """What can be paid with: on spot the free quote currency, in the symbol's money; None: not known."""

    def is_reconciled(self, symbol: str) -> bool:
        """Whether orders, positions and trades of the symbol's venue were compared with it, and agreed."""

    def proof_age_ns(self, symbol: str) -> int:
        """How long ago the account's stream last proved to live."""

    def unseen_age_ns(self, symbol: str) -> int:
        """How long ago the oldest own order was accepted of which the account's stream has told nothing yet; 0: there is none."""


class Gate(Protocol):
    """Every order passes it. It keeps counts of its own; it decides by the view alone, and denies where it cannot know."""

    def judge(self, request: OrderRequest, view: View) -> OrderRequest | Denial:
        """The order as it may be sent, counted as sent: its quantity rounded down, a market order as an IOC limit at the collar.

        A `Denial` is no order. What is sent and journalled is what comes back, never what was asked for.
        """

    def judge_cancel(self, symbol: str, view: View) -> Denial | None:
        """The same for a cancel; one that serves the way down (REDUCING and below, a stop) is sent without asking."""

    def refused(self, request: OrderRequest, code: str, view: View) -> None:
        """The venue refused an order that had passed."""

    def size(self, symbol: str, risk: str, stop: int, side: Side | None, view: View) -> Sized:
        """The quantity that loses the share `risk` (`"1%"`, "": RISK_PER_TRADE) of the equity at the price `stop`, within the limits."""

    def renewed(self) -> None:
        """The limits are other ones: look again."""

    def restore(self, symbol: str, orders: int, day: int) -> None:
        """Earlier lives sent so many orders of a symbol on that UTC day, days since 1970. Before anything is judged."""

    def breaches(self, symbol: str, view: View) -> list[tuple[Cause, str]]:
        """What losses lead to, and their figures, for `Ladder.begin`; others have ended. Asked after each fill and second."""
