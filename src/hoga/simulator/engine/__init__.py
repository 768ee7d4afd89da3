"""simulator.engine: seeded matching markets. Pure: integer ticks and lots, time is an argument, no I/O.

`Engine` holds one `Market` per symbol. A market is a price-time-priority book, a seeded random flow of limit orders,
cancels and market orders, and a tape of trades, bars and statistics. Other traders' orders take the same path
(`Market.submit`) as the random flow's: `Desk` keeps them, `CashAccounts` and `MarginAccounts` their money. `Pace` lets all of it run.
"""

from hoga.simulator.engine.accounts import CashAccounts, FeeModel, FeeOf, MarginAccounts, MarginWallet, Position, Wallet, worth_e8
from hoga.simulator.engine.book import Book, Level, RestingOrder, Side
from hoga.simulator.engine.desk import Accounts, Desk, LatencyModel, QueueModel, Teller, lots_for
from hoga.simulator.engine.instruments import Instrument, instrument_of
from hoga.simulator.engine.market import (
    DAY_NS,
    NOT_WHOLE,
    WOULD_MATCH,
    AggTrade,
    Cut,
    Engine,
    Fill,
    Market,
    NewOrder,
    OrderReport,
    Top,
    Trade,
)
from hoga.simulator.engine.own import Force, OwnFill, OwnOrder, SelfTrade, Status
from hoga.simulator.engine.pace import Pace
from hoga.simulator.engine.past import DayOfTrades, Past
from hoga.simulator.engine.tape import INTERVALS, Bar, RollingStats, Tape
from hoga.simulator.engine.watch import Watch

__all__ = [
    "DAY_NS",
    "INTERVALS",
    "NOT_WHOLE",
    "WOULD_MATCH",
    "Accounts",
    "AggTrade",
    "Bar",
    "Book",
    "CashAccounts",
    "Cut",
    "DayOfTrades",
    "Desk",
    "Engine",
    "FeeModel",
    "FeeOf",
    "Fill",
    "Force",
    "Instrument",
    "LatencyModel",
    "Level",
    "MarginAccounts",
    "MarginWallet",
    "Market",
    "NewOrder",
    "OrderReport",
    "OwnFill",
    "OwnOrder",
    "Pace",
    "Past",
    "Position",
    "QueueModel",
    "RestingOrder",
    "RollingStats",
    "SelfTrade",
    "Side",
    "Status",
    "Tape",
    "Teller",
    "Top",
    "Trade",
    "Wallet",
    "Watch",
    "instrument_of",
    "lots_for",
    "worth_e8",
]
