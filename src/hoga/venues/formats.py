"""venues.formats: converters between a venue's own spellings of one thing, for those who speak to it themselves."""

from hoga.venues.upbit.simple import SimpleFormatConverter

__all__ = ["SimpleFormatConverter"]
