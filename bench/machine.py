"""bench.machine: what this machine and its software are, and how this process uses them.

Linux tells most; what cannot be known is empty.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from hoga._version import __version__

__all__ = ["Machine", "describe_machine", "pin_process", "rss_bytes", "rss_peak_bytes"]

_PACKAGES = ("picows", "uvloop", "msgspec", "zstandard", "isal")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where figures were taken."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    hoga: str
    packages: dict[str, str]
    load: float


def describe_machine() -> Machine:
    """This machine, now. `load`: running processes beside us, as the system's one-minute average."""
    return Machine(
        cpu=_proc_value("/proc/cpuinfo", "model name") or platform.processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(int((_proc_value("/proc/meminfo", "MemTotal") or "0").split()[0]) / 1024**2, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        hoga=__version__,
        packages={name: found for name in _PACKAGES if (found := _version_of(name))},
        load=round(os.getloadavg()[0], 2),
    )


def pin_process(core: int | None) -> None:
    """Keep every thread of this process on one core, where the system can. What is started later inherits it from its starter."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    for thread in threading.enumerate():
        with contextlib.suppress(OSError):  # a thread that just ended
            os.sched_setaffinity(thread.native_id or 0, {core})


def rss_bytes() -> int:
    """Resident memory of this process now."""
    return _status_kb("VmRSS") * 1024


def rss_peak_bytes() -> int:
    """The most resident memory this process ever had."""
    return _status_kb("VmHWM") * 1024


def _status_kb(key: str) -> int:
    return int((_proc_value("/proc/self/status", key) or "0").split()[0])


def _proc_value(path: str, key: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
