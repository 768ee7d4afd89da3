"""net.spoken: all that one connection says to its venue, within the venue's limits. Pure: time is an argument, in seconds.

A venue counts every message it gets, pings and pongs included. So all of them count here: requests leave room for one ping
of ours and one pong, and when a window is full all the same, pings and pongs wait as well.

    limit 5   | request | request | request | ping | pong |      a window is a quarter of a second longer than the venue's:
                                                                 what was sent apart may arrive together
"""

from __future__ import annotations

from hoga.net.ratelimit import Budget

__all__ = ["Spoken"]

_SLACK_S = 0.25
_FOR_CONTROL = 2
_OF_A_MINUTE = 0.1
"""So much of a minute's limit is left to pings, pongs, and what is asked again."""


class Spoken:
    """Of one connection. Ask `request_wait_s` or `control_wait_s`, wait that long, ask again; when it is 0, `said(now)`.

    `windows`: (the venue's window in seconds, what requests may take of it), shortest first.
    """

    def __init__(self, *, per_s: int, per_min: int | None) -> None:
        limits = [(1.0, per_s, min(_FOR_CONTROL, per_s - 1))]
        if per_min is not None:
            limits.append((60.0, per_min, int(per_min * _OF_A_MINUTE)))
        self.windows = [(window_s, Budget(limit=limit - kept, window_s=window_s + _SLACK_S)) for window_s, limit, kept in limits]
        self._all = [Budget(limit=limit, window_s=window_s + _SLACK_S) for window_s, limit, _ in limits]

    def request_wait_s(self, now: float) -> float:
        """Seconds until one more request may be sent."""
        return max(budget.wait_s(now) for _, budget in self.windows)

    def control_wait_s(self, now: float) -> float:
        """Seconds until one more ping or pong may be sent."""
        return max(budget.wait_s(now) for budget in self._all)

    def said(self, now: float) -> None:
        """One message was sent, of whatever kind."""
        for _, budget in self.windows:
            budget.take(now)
        for budget in self._all:
            budget.take(now)
