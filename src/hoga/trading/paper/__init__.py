"""trading.paper: an exchange in the process: the same orders, answers and fills as at a venue, without one. Pure.

    market events ─▶ on_market ─▶ fills ─┐
    send, cancel, query, read ─▶ latency ─┴─▶ what it says, by stamp ─▶ advance ─▶ deliver

It knows the time only from the stamps that it is given, and draws what it draws by its seed: the same events give the same answers.
"""

from hoga.trading.paper.exchange import PaperExchange
from hoga.trading.paper.latency import measured
from hoga.trading.paper.settings import Grade, Latency, PaperLeft, PaperSettings

__all__ = ["Grade", "Latency", "PaperExchange", "PaperLeft", "PaperSettings", "measured"]
