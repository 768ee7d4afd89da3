"""dashboard.trader: what a trader's page says: a value, its bytes, and how it is told. Pure.

A trader writes a `TraderState` on a page of its own (`dashboard.page`), which knows nothing of readers. Money, prices and quantities are
texts, exact and as people read them; ages and shares are numbers.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "SEAT", "AccountRow", "CauseRow", "FigureRow", "InstrumentRow", "MoneyRow", "OrderRow", "PositionRow", "RoomRow", "StrategyRow",
    "TraderState", "decode_trader", "encode_trader",
]  # fmt: skip

SEAT = "trader"
"""The part of the trader's page in its name."""


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Why the ladder stands where it does: `since_ns` UTC."""

    cause: str
    subject: str
    since_ns: int
    detail: str


class StrategyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of a strategy. `state`: `waiting`, `running` or `quarantined`."""

    key: str
    symbols: tuple[str, ...]
    state: str
    denials: int


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument's market as the trader sees it; "" where there is no price. `age_s`: of the book, None: there was none."""

    symbol: str
    bid: str
    ask: str
    mark: str
    age_s: float | None
    ready: bool


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is held. `strategy` "": nobody's (it was found at the venue). `entry`: average, "" where it is not known."""

    symbol: str
    side: str
    strategy: str
    quantity: str
    entry: str
    unrealized: str
    currency: str


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An own order that is or may be at the venue. `age_s`: since it was sent; of one that nobody knows, since then."""

    id: str
    symbol: str
    strategy: str
    role: str
    side: str
    kind: str
    quantity: str
    filled: str
    price: str
    state: str
    age_s: float


class MoneyRow(msgspec.Struct, frozen=True, kw_only=True):
    """The day (UTC) in one currency. `net`: all of it since the journal began."""

    currency: str
    realized: str
    unrealized: str
    fees: str
    funding: str
    net: str


class RoomRow(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a limit is used: `share` of 1 (above: it is exceeded). `key`: of the configuration."""

    key: str
    subject: str
    used: str
    limit: str
    share: float


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account. `compared_s`: how long ago its orders, trades and positions were compared with the venue; None: not yet."""

    venue: str
    live: bool
    reconciled: bool
    compared_s: float | None
    proof_s: float | None
    equity: str
    doubt: str


class FigureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the trader's own over a span of `over_s`, in its `unit`. `bar`: what it should not exceed, None: none."""

    name: str
    over_s: int
    unit: str
    count: int
    p50: float
    p99: float
    p999: float
    most: float
    bar: float | None = None
    broken: bool = False


class TraderState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a trader says of itself. Lists of orders are cut at some length; `open_orders` and `unknown_orders` count all.

    `unknown_orders`: of which nobody knows what became of them; `unknown_s`: since when of the oldest. `journal_…`: records that are
    written, how old the oldest one is that is not durable, how many wait for the disk, and why. `exit`: what the emergency exit said
    last; `verdict`: how it ended. `armed_by`: who has armed a flatten and may confirm it.
    """

    pid: int
    hoga: str
    mode: str
    trader: str
    data: str
    journal: str
    started_ns: int
    written_ns: int
    rung: str
    incident: str = ""
    testnet: tuple[str, ...] = ()
    simulated: bool = False
    running: bool = False
    causes: tuple[CauseRow, ...] = ()
    strategies: tuple[StrategyRow, ...] = ()
    instruments: tuple[InstrumentRow, ...] = ()
    positions: tuple[PositionRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    open_orders: int = 0
    unknown_orders: int = 0
    unknown_s: float = 0.0
    sent: int = 0
    fills: int = 0
    money: tuple[MoneyRow, ...] = ()
    room: tuple[RoomRow, ...] = ()
    accounts: tuple[AccountRow, ...] = ()
    journal_records: int = 0
    journal_lag_s: float = 0.0
    journal_waiting: int = 0
    journal_why: str = ""
    exit: str = ""
    verdict: str = ""
    armed_by: str = ""
    figures: tuple[FigureRow, ...] = ()
    publish_us: float = 0.0


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(TraderState)


def encode_trader(state: TraderState) -> bytes:
    """The bytes of a page."""
    return _encoder.encode(state)


def decode_trader(payload: bytes) -> TraderState:
    """Raises msgspec.DecodeError for the page of another version."""
    return _decoder.decode(payload)
