"""hub.states: what a connection and the manager can be, as tables. Pure. `diagram` draws the table that is in force.

Rule: a move that is not in the table is our own bug and raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

__all__ = ["CONNECTION_MOVES", "MANAGER_MOVES", "ConnectionState", "GlobalManagerState", "Standing", "WebSocketType", "diagram", "move"]


class WebSocketType(StrEnum):
    """Public market data, or one account's."""

    PUBLIC = "public"
    PRIVATE = "private"


class ConnectionState(StrEnum):
    """What a connection is doing."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    HANDOVER = "handover"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    STOPPED = "stopped"

    @property
    def is_up(self) -> bool:
        """Whether a life of it brings frames."""
        return self in UP


UP = frozenset({ConnectionState.CONNECTED, ConnectionState.HANDOVER})
"""A life of the connection brings frames. (Texts are found in it as well.)"""


class GlobalManagerState(StrEnum):
    """What the manager is doing."""

    IDLE = "idle"
    STARTING = "starting"
    ACTIVE = "active"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    STOPPED = "stopped"


_C, _M = ConnectionState, GlobalManagerState

CONNECTION_MOVES: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    _C.DISCONNECTED: frozenset({_C.CONNECTING, _C.REFUSED, _C.STOPPED}),
    _C.CONNECTING: frozenset({_C.CONNECTED, _C.RECONNECTING, _C.REFUSED, _C.DISCONNECTED, _C.STOPPED}),
    _C.CONNECTED: frozenset({_C.HANDOVER, _C.RECONNECTING, _C.REFUSED, _C.DISCONNECTED, _C.STOPPED}),
    _C.HANDOVER: frozenset({_C.CONNECTED, _C.RECONNECTING, _C.REFUSED, _C.DISCONNECTED, _C.STOPPED}),
    _C.RECONNECTING: frozenset({_C.CONNECTING, _C.CONNECTED, _C.REFUSED, _C.DISCONNECTED, _C.STOPPED}),
    _C.REFUSED: frozenset({_C.CONNECTING, _C.DISCONNECTED, _C.STOPPED}),
    _C.STOPPED: frozenset(),
}
"""REFUSED: the venue says no (wrong key, banned address), tried again, ever more rarely; or there is no key. DISCONNECTED: nothing is
wanted."""

MANAGER_MOVES: Mapping[GlobalManagerState, frozenset[GlobalManagerState]] = {
    _M.IDLE: frozenset({_M.STARTING, _M.STOPPED}),
    _M.STARTING: frozenset({_M.ACTIVE, _M.STOPPING}),
    _M.ACTIVE: frozenset({_M.DEGRADED, _M.STOPPING}),
    _M.DEGRADED: frozenset({_M.ACTIVE, _M.STOPPING}),
    _M.STOPPING: frozenset({_M.STOPPED}),
    _M.STOPPED: frozenset(),
}
"""DEGRADED: some connection that is wanted is down."""

S = TypeVar("S", bound=StrEnum)


def move(table: Mapping[S, frozenset[S]], old: S, new: S) -> S:
    """`new`, when the table allows it from `old` (staying is always allowed). Raises AssertionError for our own bugs."""
    if new is not old and new not in table[old]:
        raise AssertionError(f"no move from {old} to {new} in the table")
    return new


class Standing(Generic[S]):
    """A state that only moves as its table says."""

    __slots__ = ("_table", "state")

    def __init__(self, table: Mapping[S, frozenset[S]], state: S) -> None:
        self._table = table
        self.state = state

    def become(self, new: S) -> None:
        """Move, or stay. Raises AssertionError for a move that is not in the table."""
        self.state = move(self._table, self.state, new)


def diagram(table: Mapping[S, frozenset[S]]) -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table))}"]
    for old, news in table.items():
        lines += [f"    {old} --> {new}" for new in sorted(news)]
        if not news:
            lines.append(f"    {old} --> [*]")
    return "\n".join(lines)
