"""trading.engine.modes: one position a symbol, or two: the account has to be as configured. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hoga.trading.limits import Limits
from hoga.trading.state import venue_of

__all__ = ["mode_doubt"]

_MODES = {True: "hedge", False: "one-way"}


def mode_doubt(venue: str, hedge: bool, limits: Mapping[str, Limits]) -> str:
    """What is wrong with the position mode of an account at a venue, as `POSITION_MODE` is configured; "": nothing."""
    wanted = next((each.is_hedge for symbol, each in limits.items() if venue_of(symbol) == venue), False)
    return "" if hedge is wanted else f"the account is in {_MODES[hedge]} mode, POSITION_MODE says {_MODES[wanted]}"
