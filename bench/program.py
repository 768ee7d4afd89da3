"""bench.program: `hoga run` as users start it, dashboard and sealing workers and all: what it costs the machine, and how it ends.

Processor time is that of all its processes from the first to the last, start, sealing and stop included, as the system counts it
when the run is over. Memory is the proportional set size (PSS): pages that processes share are shared out between them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import msgspec
import psutil

from bench.books import RECORDED, symbol_names
from hoga.archive.form.journal import JOURNAL_DIR
from hoga.archive.form.segment import read_blocks

__all__ = ["Program", "Ran", "count_lines", "recover"]

_LOOK_S = 1.0
_STOP_S = 60.0
_START_S = 60.0
_FRAMES_BYTES = 10_000
"""A journal of this size has more than its header."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `cpu_s`: of all its processes; `pss`: the most they had together, `pss_begin` when it had just begun to record, bytes.

    `stop_s`: from SIGTERM to the end, with exit `status`.
    """

    cpu_s: float
    pss: int
    pss_begin: int
    stop_s: float
    status: int


class Program:
    """`hoga run` on the load server at `url`, writing below `data`. Use it once: `start`, `watch`, `stop`."""

    def __init__(self, url: str, data: Path, symbols: int, *, log: Path) -> None:
        http = url.replace("ws", "http", 1)
        values = {
            "SYMBOLS": ",".join(symbol_names(symbols)),
            "STREAMS": RECORDED,
            "WS_URL": url,
            "REST_URL": http,
            "DASHBOARD_PORT_NUMBER": "0",
        }
        settings = (part for name, value in values.items() for part in ("--set", f"{name}={value}"))
        self._command = [sys.executable, "-m", "hoga", "run", "--data", str(data), *settings]
        self._data = data
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._pss: list[int] = []
        self._ended: tuple[int, float] | None = None

    def start(self) -> None:
        """Begin to record."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def watch(self, seconds: float) -> None:
        """Take the memory of all its processes once a second, for so many seconds since it began to write, or until it is over."""
        assert self._child is not None
        end = monotonic() + _START_S
        while monotonic() < end and not self._has_ended(self._child.pid):
            if self._pss or _has_frames(self._data):
                end = end if self._pss else monotonic() + seconds
                self._pss.append(_pss_bytes(self._child.pid))
            sleep(_LOOK_S)

    def stop(self) -> Ran:
        """SIGTERM, and what all of it took."""
        assert self._child is not None
        pid = self._child.pid
        if not self._has_ended(pid):
            os.kill(pid, signal.SIGTERM)
        began = monotonic()
        while not self._has_ended(pid):
            if monotonic() > began + _STOP_S:
                os.kill(pid, signal.SIGKILL)
            sleep(0.01)
        assert self._ended is not None
        self._child.returncode, cpu_s = self._ended
        return Ran(
            cpu_s=cpu_s,
            pss=max(self._pss, default=0),
            pss_begin=self._pss[min(5, len(self._pss) - 1)] if self._pss else 0,
            stop_s=monotonic() - began,
            status=self._child.returncode,
        )

    def _has_ended(self, pid: int) -> bool:
        """Asks the system itself: `Popen.poll` would let go of what all the processes took."""
        if self._ended is None:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                self._ended = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        return self._ended is not None


def recover(data: Path, *, log: Path) -> float:
    """Seal what a run left open, as its next start would, and verify all. Returns the seconds of processor time that sealing took.
    Raises CalledProcessError when something is not good."""
    with log.open("ab") as output:
        before = os.times()
        for what in ("recover", "verify"):
            subprocess.run([sys.executable, "-m", "hoga", what, str(data)], stdout=output, stderr=output, check=True)
            if what == "recover":
                after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def count_lines(data: Path) -> int:
    """Records of order books in the segments under `data`."""
    return sum(block.count(b"\n") for path in data.rglob("*_orderbook_*.zip") for block in read_blocks(path))


def _has_frames(data: Path) -> bool:
    with suppress(OSError):
        return any(path.stat().st_size > _FRAMES_BYTES for path in data.rglob("*") if path.is_file() and path.parent.name == JOURNAL_DIR)
    return False


def _pss_bytes(pid: int) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        for process in [root := psutil.Process(pid), *root.children(recursive=True)]:
            with suppress(OSError, ValueError):
                text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
                total += next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total
