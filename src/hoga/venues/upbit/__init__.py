"""venues.upbit: Upbit's public streams and the REST calls around them, and its two spellings of everything."""

from dataclasses import replace

from hoga.venues.upbit import public
from hoga.venues.upbit.compact import COMPACT
from hoga.venues.upbit.simple import SimpleFormatConverter, usual

__all__ = ["UPBIT", "SimpleFormatConverter"]

UPBIT = replace(public.UPBIT, compact=replace(COMPACT, usual=usual), usual=usual)
