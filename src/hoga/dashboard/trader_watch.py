"""dashboard.trader_watch: a trader's page and the tail of its journal, as viewers are told of them. Reads only; asks the trader nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from time import monotonic_ns
from typing import Any

import msgspec

from hoga.audit.chain import link_of, record_of
from hoga.audit.folder import SOCKET_FILE, list_files
from hoga.audit.telling import Teller
from hoga.dashboard.page import PageReader
from hoga.dashboard.snapshot import PageState
from hoga.dashboard.trader import TraderState, decode_trader

__all__ = ["STALE_S", "TraderWatch"]

STALE_S = 5.0
"""A trader whose page is older does not decide any more, as far as anybody here can tell."""
_TAIL_BYTES = 32 << 10
_BEGIN_BYTES = 128 << 10
_TAIL = 12
_UNTOLD = frozenset(("event", "tape", "seal"))
"""Kinds that are for proofs, and no news to people."""


class TraderWatch:
    """`look` reads the page, cheaply; `look_around` the journal, in a thread. `state`: what was read last, None: no trader."""

    def __init__(self, page: Path) -> None:
        self.state: TraderState | None = None
        self.alive = False
        self._reader = PageReader(page)
        self._turn = 0
        self._written_ns = 0
        self._pid = 0
        self._tail: list[list[str]] = []
        self._seen: tuple[Path, int] | None = None

    def look(self) -> None:
        """Read the page if there is something new."""
        turn = self._reader.turn()
        if turn != self._turn or not turn:
            page = self._reader.read()
            self._turn = page.turn
            if page.state is PageState.GOOD:
                try:
                    self.state, self._written_ns, self._pid = decode_trader(page.payload), page.mono_ns, page.pid
                except msgspec.DecodeError:  # another version's
                    self.state = None
            elif page.state is not PageState.TORN:
                self.state = None
        self.alive = self.state is not None and _is_there(self._pid)

    @property
    def age_s(self) -> float:
        """How old what is known is."""
        return max(0.0, (monotonic_ns() - self._written_ns) / 1e9)

    @property
    def socket(self) -> Path | None:
        """Where it may be asked; None: there is no trader."""
        return None if self.state is None else Path(self.state.journal) / SOCKET_FILE

    def look_around(self) -> None:
        """Read the end of the journal. Blocks for some ms; a journal that cannot be read leaves what was read before."""
        if self.state is None:
            self._tail, self._seen = [], None
            return
        with contextlib.suppress(OSError):
            files = list_files(Path(self.state.journal))
            if not files:
                return
            path = files[-1].path
            seen = (path, path.stat().st_size)
            if seen != self._seen:
                self._seen = seen
                self._tail = _tail_of(path)

    def message(self) -> dict[str, Any] | None:
        """The part of the news; None: there is no trader."""
        if self.state is None:
            return None
        told: dict[str, Any] = msgspec.to_builtins(self.state)
        stale = not self.alive or self.age_s > STALE_S
        return {**told, "age": round(self.age_s, 1), "alive": self.alive, "stale": stale, "tail": self._tail}

    def close(self) -> None:
        """Let go of the page."""
        self._reader.close()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return pid > 0


def _tail_of(path: Path) -> list[list[str]]:
    """(time, kind, what, why) of the last records, the newest last. The powers of prices stand at a file's beginning."""
    teller = Teller()
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        begin = file.read(min(size, _BEGIN_BYTES))
        for line in begin.split(b"\n"):
            if b'"k":"config"' in line:
                with contextlib.suppress(ValueError):
                    teller.tell(record_of(link_of(line)))
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read(_TAIL_BYTES).split(b"\n")
    rows: list[list[str]] = []
    for line in reversed(lines[:-1]):
        with contextlib.suppress(ValueError):
            record = record_of(link_of(line))
            if record.kind not in _UNTOLD:
                row = teller.tell(record)
                rows.append([row.time, row.kind, row.what[:200], row.why[:200]])
        if len(rows) == _TAIL:
            break
    return rows[::-1]
