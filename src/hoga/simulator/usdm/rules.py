"""simulator.usdm.rules: what the documents leave open about the futures venue, and figures that tests shorten, as settings. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["FuturesRules"]


class FuturesRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue behaves where nobody has written it down.

    `child_keeps_client_id`: the order that a conditional one becomes has its `clientAlgoId`. `countdown_takes_algo`: the dead-man's switch
    cancels conditional orders too. `close_position_blocks`: a waiting `closePosition` order counts as one that closes the whole position,
    so that another one is refused with -4118. `balance`: what everybody starts with, in whole USDT.
    """

    countdown_takes_algo: bool = False
    close_position_blocks: bool = False
    balance: int = 100_000
    child_keeps_client_id: bool = True
