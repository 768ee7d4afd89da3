"""hub.errors: what can go wrong for those who use the hub.

HogaError
├─ SubscriptionError     one component's wish cannot be served; the others notice nothing  (a ValueError, too)
├─ ArgumentError         a call's argument makes no sense; nothing was kept                 (a ValueError and a TypeError, too)
├─ RecoveryError         what was subscribed could not be restored, or connections disturb one another
└─ NoHub                 no hub of ours runs on this machine, or NATS is not there
"""

from __future__ import annotations

from pathlib import Path

from hoga.core.errors import HogaError

__all__ = ["ArgumentError", "NoHub", "RecoveryError", "SubscriptionError"]

_SHOWN = 10
"""Symbols that a message names."""


class ArgumentError(HogaError, ValueError, TypeError):
    """`argument` of a call by `who` was `found`, not what was `expected`; `near` is what was probably meant.

    It is a ValueError and a TypeError: nobody has to remember which of the two a wrong argument is.
    """

    def __init__(self, who: str, argument: str, found: str, expected: str, *, near: str | None = None) -> None:
        meant = f"; did you mean {near}?" if near else ""
        super().__init__(f"{who}: {argument}: found {found}, expected {expected}{meant}")
        self.who = who
        self.argument = argument
        self.found = found
        self.expected = expected
        self.near = near


class SubscriptionError(HogaError, ValueError):
    """`symbols` of `component_id` at `venue` cannot be served, for `why`. `venue` is "" when none could be told, so is
    `data_type` where it is not about one."""

    def __init__(
        self, component_id: str, venue: str, symbols: tuple[str, ...], why: str, *, data_type: str = "", hint: str | None = None
    ) -> None:
        what = "".join(f" {each}" for each in (data_type, _few(symbols)) if each)
        super().__init__(f"{component_id}: {venue or 'no venue'}{what}: {why}", hint=hint)
        self.data_type = data_type
        self.component_id = component_id
        self.venue = venue
        self.symbols = symbols
        self.why = why


def _few(symbols: tuple[str, ...]) -> str:
    more = f" and {len(symbols) - _SHOWN} more" if len(symbols) > _SHOWN else ""
    return ", ".join(symbols[:_SHOWN]) + more


class RecoveryError(HogaError):
    """Something of `connection` is not as it was before the trouble."""

    transient = True

    def __init__(self, connection: str, why: str) -> None:
        super().__init__(f"{connection}: {why}")
        self.connection = connection
        self.why = why


class NoHub(HogaError):
    """Nobody serves a hub at `path` (a socket of this machine, or an address of NATS), for `why`."""

    transient = True

    def __init__(self, path: Path | str, why: str, *, hint: str | None = "start `hoga run` with the same data folder") -> None:
        super().__init__(f"no hub at {path}: {why}", hint=hint)
        self.path = path
        self.why = why
