"""venues.binance: Binance spot and USDⓈ-M market streams, and the REST calls around them.

Sources are named where the rules are. Everything here is data and pure functions.
"""

from hoga.venues.binance.spot import SPOT
from hoga.venues.binance.usdm import USDM

__all__ = ["SPOT", "USDM"]
