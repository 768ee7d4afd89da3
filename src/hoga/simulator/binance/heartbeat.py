"""simulator.binance.heartbeat: what keeps a connection to Binance alive, and what ends it. Pure.

The venue pings with the time as payload, expects that payload back, counts what a client sends in a second, and cuts
after a day. Source: protocol sheet 1.2, 2.2 and 5.1 (documentation; live probes of 2026).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from hoga.simulator.protocol import Close, Ping

__all__ = ["POLICY", "Heartbeat", "Limits"]

S_NS = 1_000_000_000
POLICY = 1008


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The venue's figures; tests and demos may tighten them. Times are simulated seconds."""

    frames_per_s: int = 5
    streams: int = 1024
    ping_every_s: float = 20.0
    first_ping_s: float = 7.4
    pong_within_s: float = 60.0
    lifetime_s: float = 86_400.0


class Heartbeat:
    """Pings, pongs, the frame budget and the end of one connection. Ask `tick` when `deadline_ns` has come."""

    def __init__(self, limits: Limits, now_ns: int) -> None:
        self._limits = limits
        self._arrivals: deque[int] = deque(maxlen=limits.frames_per_s)
        self._ends_ns = now_ns + int(limits.lifetime_s * S_NS)
        self._next_ping_ns = now_ns + int(limits.first_ping_s * S_NS)
        self._unanswered: deque[tuple[int, bytes]] = deque()

    def spend(self, now_ns: int) -> Close | None:
        """A frame arrived; the close it earns when there were too many."""
        arrivals = self._arrivals
        if len(arrivals) == arrivals.maxlen and now_ns - arrivals[0] < S_NS:
            return Close(POLICY, "Too many requests")
        arrivals.append(now_ns)
        return None

    def pong(self, payload: bytes) -> None:
        """A pong arrived. Only one that echoes a ping's payload counts; it answers the older ones too."""
        if any(payload == sent for _, sent in self._unanswered):
            while self._unanswered.popleft()[1] != payload:
                pass

    def tick(self, now_ns: int) -> Ping | Close | None:
        """Time has passed: the ping that is due, or the end."""
        if now_ns >= self._ends_ns:
            return Close(1006, "24 h")
        if self._unanswered and now_ns >= self._pong_deadline_ns():
            return Close(POLICY, "Pong timeout")
        if now_ns < self._next_ping_ns:
            return None
        payload = str(now_ns // 1_000_000).encode()
        self._unanswered.append((now_ns, payload))
        every_ns = int(self._limits.ping_every_s * S_NS)
        self._next_ping_ns += every_ns * ((now_ns - self._next_ping_ns) // every_ns + 1)  # what a stall held up is not made up for
        return Ping(payload)

    def deadline_ns(self) -> int:
        """When `tick` has something to do next."""
        due = min(self._ends_ns, self._next_ping_ns)
        return min(due, self._pong_deadline_ns()) if self._unanswered else due

    def _pong_deadline_ns(self) -> int:
        return self._unanswered[0][0] + int(self._limits.pong_within_s * S_NS)
