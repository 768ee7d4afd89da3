"""quality.latency: one-way latency of a symbol, and what it says about the clock. Pure."""

from __future__ import annotations

from collections import deque

__all__ = ["LatencyWindow"]


class LatencyWindow:
    """The last `size` one-way latencies (receipt − venue's event time, ns) of one symbol.

    Negative samples mean that our clock runs behind the venue's; they are kept as they are.
    """

    __slots__ = ("_samples", "minimum")

    def __init__(self, *, size: int, minimum: int) -> None:
        self._samples: deque[int] = deque(maxlen=size)
        self.minimum = minimum

    def add(self, latency_ns: int) -> None:
        """One sample."""
        self._samples.append(latency_ns)

    def clear(self) -> None:
        """Forget everything (after a clock step, or a reconnect to another server)."""
        self._samples.clear()

    def __len__(self) -> int:
        return len(self._samples)

    def median_ns(self) -> int | None:
        """The median, None below `minimum` samples."""
        count = len(self._samples)
        if count < self.minimum:
            return None
        ordered = sorted(self._samples)
        middle = count // 2
        return ordered[middle] if count % 2 else (ordered[middle - 1] + ordered[middle]) // 2

    def quantile_ns(self, share: float) -> int | None:
        """The `share` quantile (0..1) by nearest rank, None below `minimum` samples."""
        count = len(self._samples)
        if count < self.minimum:
            return None
        return sorted(self._samples)[min(count - 1, int(share * count))]
