"""app.publisher: puts a run's snapshots on the page that dashboards read, and learns from their pages which books they look at."""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import monotonic, monotonic_ns

import msgspec

from hoga.app.figures import BOOKS_MAX, FRAME_MAX_BYTES
from hoga.app.trade_taps import KEPT_BYTES
from hoga.dashboard.page import PageReader, PageWriter
from hoga.dashboard.snapshot import PageState, Snapshot, SnapshotEncoder, decode_status

__all__ = ["BookRequests", "Publisher"]

_DASHBOARDS_MAX = 4
_FIND_S = 1.0
_REQUEST_NS = 5_000_000_000


class Publisher:
    """Publishes snapshots of `streams` streams on the page at `path`. Raises OSError where there can be none."""

    def __init__(self, path: Path, *, streams: int) -> None:
        self._page = PageWriter(path, slot_bytes=(256 << 10) + 512 * streams + BOOKS_MAX * (FRAME_MAX_BYTES + KEPT_BYTES))
        self._encoder = SnapshotEncoder()

    def publish(self, snapshot: Snapshot) -> None:
        """Put it on the page."""
        self._page.publish(self._encoder.encode(snapshot))

    def close(self) -> None:
        """Let go of the page: the run is over."""
        self._page.close()


class BookRequests:
    """What dashboards ask for on pages of their own, whose names begin with `pages`."""

    def __init__(self, pages: Path) -> None:
        self._pages = pages
        self._readers: dict[Path, PageReader] = {}
        self._turns: dict[Path, int] = {}
        self._wanted: list[str] = []
        self._next_find = 0.0

    def wanted(self) -> list[str]:
        """The books (`venue:stream`) that somebody looks at now."""
        found = monotonic() >= self._next_find
        if found:
            self._next_find = monotonic() + _FIND_S
            self._find()
        turns = {path: reader.turn() for path, reader in self._readers.items()}
        if found or turns != self._turns:
            self._turns = turns
            self._wanted = [name for reader in self._readers.values() for name in _asked_on(reader)]
        return self._wanted

    def close(self) -> None:
        """Let go of all pages."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _find(self) -> None:
        """Which dashboards there are; those that say nothing any more are forgotten."""
        found = sorted(self._pages.parent.glob(f"{self._pages.name}*"))[:_DASHBOARDS_MAX]
        for path in set(self._readers) - set(found):
            self._readers.pop(path).close()
        for path in found:
            self._readers.setdefault(path, PageReader(path))


def _asked_on(reader: PageReader) -> list[str]:
    page = reader.read()
    if page.state is PageState.GOOD and monotonic_ns() - page.mono_ns < _REQUEST_NS:
        with contextlib.suppress(msgspec.DecodeError):
            return decode_status(page.payload).books
    return []
