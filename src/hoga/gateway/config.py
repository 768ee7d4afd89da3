"""gateway.config: what a gateway is told at its start."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["GatewayConfig"]


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one account at one venue is served.

    `symbols`: what is traded, in the venue's own words. `answer_s`: an order without an answer for so long is `Unanswered`.
    `leverage`, `margin_type` (`cross` or `isolated`), by symbol: set before the first order and read back; what is not named stays as
    the account has it.
    `dead_man_s`: the venue is told so often that we live that it never waits for longer, 0: it is not told at all.
    `suspect_s`: the account's stream is in doubt when an own order was accepted so long ago and it has said nothing of it.
    `clock_every_s`: how often the venue's clock is compared with ours. `rules_every_s`: how often the rules are read again; a refusal
    that speaks of them has them read at once, but not twice within `rules_pause_s`.
    """

    symbols: tuple[str, ...]
    answer_s: float = 2.0
    read_s: float = 5.0
    leverage: Mapping[str, int] = {}
    margin_type: Mapping[str, str] = {}
    dead_man_s: float = 0.0
    suspect_s: float = 3.0
    clock_every_s: float = 60.0
    rules_every_s: float = 3_600.0
    rules_pause_s: float = 10.0
