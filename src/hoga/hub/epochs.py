"""hub.epochs: which lives of a connection are alive. Pure.

Frames carry no connection id at any venue, so the reader stamps them. `begin` at each connect, `end` when that life is
over; a frame whose epoch is not alive is dropped and counted. While one life hands over to the next both are alive.
"""

from __future__ import annotations

from collections.abc import Set

__all__ = ["EpochManager"]


class EpochManager:
    """Epochs by connection name; new ones only grow, and begin at 1."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._alive: dict[str, set[int]] = {}
        self._stale: dict[str, int] = {}
        self._past_stale = 0

    def begin(self, connection: str, epoch: int | None = None) -> int:
        """A new life: the next epoch, or the given one.

        A given one may be older than others: while one life hands over to the next, whoever looks may see the newer one first. Nor need it
        be new: an attempt that failed is made again under its own number. Only one that is alive raises AssertionError.
        """
        newest = self._newest.get(connection, 0)
        number = newest + 1 if epoch is None else epoch
        if number in self.alive(connection):
            raise AssertionError(f"epoch {number} of {connection} is alive already")
        self._newest[connection] = max(newest, number)
        self._alive.setdefault(connection, set()).add(number)
        return number

    def end(self, connection: str, epoch: int) -> None:
        """That life is over. Ending it twice is one end."""
        self._alive.get(connection, set()).discard(epoch)

    async def increment_epoch(self, connection: str) -> int:
        """A new life that ends all earlier ones."""
        self._alive.setdefault(connection, set()).clear()
        return self.begin(connection)

    def get_current_epoch(self, connection: str) -> int:
        """The newest epoch, 0 before the first connect."""
        return self._newest.get(connection, 0)

    def is_current_epoch(self, connection: str, epoch: int) -> bool:
        """Whether that life is alive. Counts a stale frame when it is not."""
        if epoch in self._alive.get(connection, ()):
            return True
        self.note_stale(connection)
        return False

    def is_alive(self, connection: str, epoch: int) -> bool:
        """Whether that life is; counts nothing."""
        return epoch in self._alive.get(connection, ())

    def living(self, connection: str) -> Set[int]:
        """The epochs that are alive, as a set that stays true: for readers who look at it at every frame."""
        return self._alive.setdefault(connection, set())

    def note_stale(self, connection: str) -> None:
        """A frame of a dead epoch was dropped by such a reader."""
        self._stale[connection] = self._stale.get(connection, 0) + 1

    def alive(self, connection: str) -> frozenset[int]:
        """The lives that are."""
        return frozenset(self._alive.get(connection, ()))

    def stale_frames(self, connection: str | None = None) -> int:
        """Frames of dead epochs so far, of one connection or of all."""
        return self._past_stale + sum(self._stale.values()) if connection is None else self._stale.get(connection, 0)

    def forget(self, connection: str) -> None:
        """The connection is no more. Its stale frames stay in the sum of all; what is left of them is counted no more."""
        self._alive.get(connection, set()).clear()
        self._past_stale += self._stale.get(connection, 0)
        for table in (self._newest, self._alive, self._stale):
            table.pop(connection, None)
