"""trading.engine: the one door in: an event, and what is to be done because of it. Pure.

    market ─▶ looks, bars ─▶ strategies ─▶ wishes ─▶ gate ─▶ record, order
    venue  ─▶ orders, portfolio ─▶ records ─▶ strategies ─▶ …
    timer  ─▶ what is due: proofs, listings, stale data, wishes tried again, the ladder

Each module is one idea, and asks only those below it; `engine` connects them. What one event causes is gathered in one place (`turn`):

    engine                          the door: what is due, who hears what, the turn's end
    life                            start, stop, the commands, a strategy that fell
    upkeep                          what is looked after each second
    comparing · accounts            the venue's listings · the account's own words
    hearing · market                what the venue says of orders · what the market does
    counting                        trades into positions, money, rounds
    working · renewing              what is done elsewhere · limits and parameters that are other ones now
    pursuing                        from what strategies want to orders
    guarding · candles              the ends that protect a position · bars
    placing                         judged, recorded, sent; cancelled; asked for
    asking                          which listings are asked for, and from where on
    causes                          what begins and ends on the ladder
    roster · timers · turn          who is called · what is due when · what one event causes
    modes                           one position a symbol, or two
"""

from hoga.trading.engine.engine import Engine
from hoga.trading.engine.restoring import Restored
from hoga.trading.engine.turn import Settings

__all__ = ["Engine", "Restored", "Settings"]
