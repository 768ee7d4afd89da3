"""venues.binance: Binance spot market streams and the REST calls around them.

Sources are in README.md beside this file. Everything here is data and pure functions.
"""

from hoga.venues.binance.spot import SPOT

__all__ = ["SPOT"]
