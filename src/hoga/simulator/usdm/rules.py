"""simulator.usdm.rules: what the documents leave open about the futures venue, and figures that tests shorten, as settings. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["FuturesRules"]


class FuturesRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue behaves where nobody has written it down.

    `child_keeps_client_id`: the order that a conditional one becomes has its `clientAlgoId`.
    """

    child_keeps_client_id: bool = True
