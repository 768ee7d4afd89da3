"""hub.private: what a private connection can be, as a table, and what its consumers are told of it. Pure.

Rule: every state that brings nothing has one hint, the next thing to do. What was missed while a connection was down is
told as a span of time before anything of its new life is: a venue repeats nothing, only REST can tell. Where one life hands over to
the next and both were live, nothing was missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from hoga.core.times import SECOND_NS
from hoga.hub.states import ConnectionState
from hoga.venues.private import Refusal, Trouble

__all__ = [
    "HINTS", "PRIVATE_MOVES", "SEEN_AS", "MissedEvent", "PrivateState", "PrivateStateEvent", "hint_for", "judged", "missed_from",
    "missing_keys", "state_after",
]  # fmt: skip

_MARGIN_NS = 2 * SECOND_NS
"""A span that may have been missed begins so long before the last proof of life: what was on its way is in it."""


class PrivateState(StrEnum):
    """What a private connection is doing."""

    IDLE = "idle"
    NO_KEY = "no-key"
    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    LIVE = "live"
    HANDOVER = "handover"
    REJECTED = "rejected"
    BACKING_OFF = "backing-off"


_P = PrivateState

PRIVATE_MOVES: Mapping[PrivateState, frozenset[PrivateState]] = {
    _P.IDLE: frozenset({_P.NO_KEY, _P.CONNECTING}),
    _P.NO_KEY: frozenset({_P.IDLE}),
    _P.CONNECTING: frozenset({_P.AUTHENTICATING, _P.REJECTED, _P.BACKING_OFF, _P.IDLE}),
    _P.AUTHENTICATING: frozenset({_P.LIVE, _P.REJECTED, _P.BACKING_OFF, _P.IDLE}),
    _P.LIVE: frozenset({_P.HANDOVER, _P.REJECTED, _P.BACKING_OFF, _P.IDLE}),
    _P.HANDOVER: frozenset({_P.LIVE, _P.REJECTED, _P.BACKING_OFF, _P.IDLE}),
    _P.REJECTED: frozenset({_P.CONNECTING, _P.IDLE}),
    _P.BACKING_OFF: frozenset({_P.CONNECTING, _P.IDLE}),
}
"""IDLE: nothing is wanted. HANDOVER: live, and a second login is made beside, or both are read. REJECTED: the venue says no and a person
must act; tried again all the same, ever more rarely."""

SEEN_AS: Mapping[PrivateState, ConnectionState] = {
    _P.IDLE: ConnectionState.DISCONNECTED,
    _P.NO_KEY: ConnectionState.REFUSED,
    _P.CONNECTING: ConnectionState.CONNECTING,
    _P.AUTHENTICATING: ConnectionState.CONNECTING,
    _P.LIVE: ConnectionState.CONNECTED,
    _P.HANDOVER: ConnectionState.HANDOVER,
    _P.REJECTED: ConnectionState.REFUSED,
    _P.BACKING_OFF: ConnectionState.RECONNECTING,
}
"""In the words of all connections."""

HINTS: Mapping[Trouble, str] = {
    Trouble.KEY: "the venue does not know the key, or the secret does not belong to it: compare {keys} with the venue's page of keys",
    Trouble.EXPIRED: "the key's life is over: make a new one at the venue, set {keys}, and restart",
    Trouble.REVOKED: "the key worked and no longer does: it was deleted or changed at the venue; make a new one, set {keys}, and restart",
    Trouble.PERMISSION: "at the venue, allow the key to read orders and balances",
    Trouble.ADDRESS: "at the venue, add this machine's address to those the key may be used from",
    Trouble.CLOCK: "this machine's clock is {clock}: set it (chronyc makestep), then see hoga doctor",
    Trouble.NONCE: "nothing to do: the next attempt has a nonce of its own",
    Trouble.LIMIT: "nothing to do: the venue wants fewer requests for a while; other programs with the same key or address count as well",
    Trouble.VENUE: "nothing to do: the venue does not serve now; see its status page",
}
"""One for each trouble."""


class PrivateStateEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A private connection of `venue` is in a new state. `trouble`, `text` (the venue's words) and `hint` tell of those that bring nothing.

    `retry_in_s`: until the next attempt, None when there is none. `at_ns` is the wall clock.
    """

    venue: str
    conn: str
    state: PrivateState
    epoch: int
    at_ns: int
    trouble: Trouble | None = None
    text: str = ""
    hint: str = ""
    retry_in_s: float | None = None


class MissedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A private connection is live again (or one that seemed so was not): of what happened between these times events may be missing; ask
    REST. Or: of what a collector's connection brought between these receipts live messages did not come over NATS; its archive has it.

    By the wall clock of whoever received (this machine, the collector), a little wider than the truth. `from_ns` None: everything before,
    since it is the first life.
    """

    venue: str
    conn: str
    epoch: int
    from_ns: int | None
    to_ns: int


def missed_from(last_proof_ns: int | None) -> int | None:
    """Where a span that may have been missed begins, given when the last life last proved that nothing was lost, None without one."""
    return None if last_proof_ns is None else last_proof_ns - _MARGIN_NS


def judged(refusal: Refusal, *, was_live: bool) -> Refusal:
    """A key that the venue does not know, and knew before, was revoked: venues use one word for both."""
    revoked = was_live and refusal.trouble is Trouble.KEY
    return msgspec.structs.replace(refusal, trouble=Trouble.REVOKED) if revoked else refusal


def state_after(refusal: Refusal | None) -> PrivateState:
    """What a connection is while it waits to be made again: after a refusal, or after a mere loss."""
    return PrivateState.REJECTED if refusal is not None and refusal.trouble.needs_a_person else PrivateState.BACKING_OFF


def hint_for(refusal: Refusal, *, variable: str, needs: Sequence[Sequence[str]]) -> str:
    """The next thing to do. `variable`: how the venue's environment variables begin; `needs`: its alternative sets of keys."""
    return HINTS[refusal.trouble].format(keys=_keys(variable, needs), clock=_clock(refusal.clock_off_ms))


def missing_keys(*, variable: str, needs: Sequence[Sequence[str]]) -> str:
    """The hint where no key is given."""
    return f"set {_keys(variable, needs)} in the environment (or in a file with mode 0600), and restart"


def _keys(variable: str, needs: Sequence[Sequence[str]]) -> str:
    return ", or ".join(" and ".join(f"{variable}{name}" for name in names) for names in needs)


def _clock(off_ms: int | None) -> str:
    if off_ms is None:
        return "not the venue's"
    return f"{abs(off_ms) / 1000:.1f} s {'ahead of' if off_ms > 0 else 'behind'} the venue's"
