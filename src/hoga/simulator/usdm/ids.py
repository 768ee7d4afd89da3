"""simulator.usdm.ids: update ids as the futures venue gives them out. Pure.

One sequence numbers the changes of every symbol, so that one symbol's ids are wide apart: `U` is not the previous
`u` + 1, and only `pu` proves continuity. The engine counts a book's changes one by one; this spreads them, the
same way each time, so that a snapshot, a delta and a best quote of one state carry one id.

Source: protocol sheet 2.4 and 3.3; captures of 2021 and 2024.
"""

from __future__ import annotations

__all__ = ["spread_id"]

_STRIDE = 211
_MIX = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def spread_id(update_id: int) -> int:
    """The venue's id of a book's change number `update_id`: strictly increasing, with uneven holes."""
    mixed = update_id * _MIX & _MASK
    mixed = (mixed ^ mixed >> 31) * _MIX & _MASK
    return update_id * _STRIDE + (mixed >> 40) % _STRIDE
