"""hoga (호가): record, serve and trade on crypto order books."""

from hoga._version import __version__

__all__ = ["__version__"]
