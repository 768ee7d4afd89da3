"""venues.binance.refusals: what Binance means when it refuses an account, on spot and on futures alike. Pure.

Source: spot-docs errors, USD-M docs errors. Read 2026-11-20.
"""

from __future__ import annotations

import re

import msgspec

from hoga.core.jsontext import NO_JSON
from hoga.venues.private import Refusal, Reply, Trouble

__all__ = ["VenueFault", "is_late", "refusal_by_body", "refusal_by_status", "refusal_of"]

_TROUBLES = {
    -2014: Trouble.KEY,
    -2015: Trouble.KEY,
    -1022: Trouble.KEY,
    -2008: Trouble.KEY,
    -1002: Trouble.PERMISSION,
    -1021: Trouble.CLOCK,
    -5028: Trouble.CLOCK,
    -1003: Trouble.LIMIT,
    -1034: Trouble.LIMIT,
    -1008: Trouble.VENUE,
    -1016: Trouble.VENUE,
}
_BANNED_UNTIL = re.compile(r"until (\d{13})")


class VenueFault(msgspec.Struct):
    """A fault in the venue's words: its code (0: none) and its text."""

    code: int = 0
    msg: str = ""


_faults = msgspec.json.Decoder(VenueFault)


def refusal_of(error: VenueFault, status: int, now_ms: int) -> Refusal:
    """What a fault that came with HTTP `status` means. `now_ms`: the wall clock, to tell how long a ban lasts."""
    limited = Trouble.LIMIT if status in (418, 429) else Trouble.KEY if status == 401 else Trouble.VENUE
    until = _BANNED_UNTIL.search(error.msg)
    return Refusal(
        trouble=_TROUBLES.get(error.code, limited),
        text=f"{error.code} {error.msg}",
        retry_after_s=max(0.0, (int(until[1]) - now_ms) / 1000) if until else None,
    )


def is_late(body: bytes) -> bool:
    """Whether a refusal is about the time that a request was signed with."""
    try:
        return _TROUBLES.get(_faults.decode(body).code) is Trouble.CLOCK
    except NO_JSON:
        return False


def refusal_by_body(reply: Reply, now_ms: int) -> Refusal:
    """What a refused REST call means, by its body, or by its status where the body tells nothing."""
    try:
        error = _faults.decode(reply.body)
    except NO_JSON:
        return refusal_by_status(reply)
    if not error.code:
        return refusal_by_status(reply)
    refusal = refusal_of(error, reply.status, now_ms)
    return msgspec.structs.replace(refusal, retry_after_s=refusal.retry_after_s or reply.retry_after_s)


def refusal_by_status(reply: Reply) -> Refusal:
    """What a refusal means of which only the HTTP status is known."""
    by_status = {401: Trouble.KEY, 403: Trouble.VENUE, 418: Trouble.LIMIT, 429: Trouble.LIMIT, 451: Trouble.ADDRESS}
    return Refusal(trouble=by_status.get(reply.status, Trouble.VENUE), text=f"HTTP {reply.status}", retry_after_s=reply.retry_after_s)
