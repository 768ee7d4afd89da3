"""simulator.engine: seeded matching markets. Pure: integer ticks and lots, time is an argument, no I/O.

`Engine` holds one `Market` per symbol. A market is a price-time-priority book, a seeded random flow of limit orders,
cancels and market orders, and a tape of trades, bars and statistics. Other traders' orders take the same path
(`Engine.submit`) as the random flow's.
"""

from hoga.simulator.engine.book import Book, Level, RestingOrder, Side
from hoga.simulator.engine.instruments import Instrument, instrument_of
from hoga.simulator.engine.market import AggTrade, Cut, Engine, Fill, Market, NewOrder, OrderReport, Top, Trade
from hoga.simulator.engine.pace import Pace
from hoga.simulator.engine.tape import INTERVALS, Bar, RollingStats, Tape

__all__ = [
    "INTERVALS",
    "AggTrade",
    "Bar",
    "Book",
    "Cut",
    "Engine",
    "Fill",
    "Instrument",
    "Level",
    "Market",
    "NewOrder",
    "OrderReport",
    "Pace",
    "RestingOrder",
    "RollingStats",
    "Side",
    "Tape",
    "Top",
    "Trade",
    "instrument_of",
]
