"""venues.upbit: Upbit's public streams and the REST calls around them, and its two spellings of everything."""

from hoga.venues.upbit.public import UPBIT
from hoga.venues.upbit.simple import SimpleFormatConverter

__all__ = ["UPBIT", "SimpleFormatConverter"]
