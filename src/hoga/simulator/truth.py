"""simulator.truth: exact counts of what went onto the wire, to compare a client's records with. Pure.

`sent` counts market frames as they are, `copies` duplicates a fault added, `odd` frames a fault made up or mangled.
A frame a fault withheld is in none of them; it is in that fault's `affected`. `produced` counts a frame once however
many connections it goes to, `answered` the frames made for one connection alone (snapshots); both are `sent`.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["ConnectionTruth", "Truth"]


class ConnectionTruth:
    """One connection from its handshake to its end. `close` is None while it is open."""

    def __init__(self, name: str, opened_ns: int) -> None:
        self.name = name
        self.opened_ns = opened_ns
        self.closed_ns: int | None = None
        self.close: str | None = None
        self.sent: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()
        self.control = 0
        self.bytes = 0

    def status(self) -> dict[str, object]:
        """Ready for JSON."""
        return {
            "name": self.name,
            "opened_ns": self.opened_ns,
            "closed_ns": self.closed_ns,
            "close": self.close,
            "sent": dict(self.sent),
            "sent_total": self.sent.total(),
            "copies": dict(self.copies),
            "odd": dict(self.odd),
            "control": self.control,
            "bytes": self.bytes,
        }


class Truth:
    """Counts of all connections, and the last id of every stream."""

    def __init__(self) -> None:
        self.connections: list[ConnectionTruth] = []
        self.last_ids: dict[str, int] = {}
        self.produced: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def connect(self, name: str, now_ns: int) -> ConnectionTruth:
        """Begin the count of a new connection."""
        truth = ConnectionTruth(name, now_ns)
        self.connections.append(truth)
        return truth

    def status(self) -> dict[str, object]:
        """Ready for JSON: totals, per stream, per connection."""
        sent: Counter[str] = Counter()
        copies: Counter[str] = Counter()
        odd: Counter[str] = Counter()
        for connection in self.connections:
            sent += connection.sent
            copies += connection.copies
            odd += connection.odd
        counts: dict[str, Counter[str]] = {"produced": self.produced, "answered": self.answered, "sent": sent, "copies": copies, "odd": odd}
        streams = {
            name: {"last_id": self.last_ids.get(name), **{word: counter[name] for word, counter in counts.items()}}
            for name in sorted({*self.produced, *self.answered})
        }
        return {
            "sent": sent.total(),
            "copies": copies.total(),
            "odd": odd.total(),
            "bytes": sum(connection.bytes for connection in self.connections),
            "streams": streams,
            "connections": [connection.status() for connection in self.connections],
            "refused": dict(self.refused),
        }
