"""dashboard.hardware: the machine under the program: processors, memory, network, disk, temperatures. Blocks; call it in a thread."""

from __future__ import annotations

import contextlib
import os
from time import monotonic

import psutil

from hoga.dashboard.forecast import DiskForecast
from hoga.dashboard.snapshot import Hardware

__all__ = ["HardwareMonitor"]


class HardwareMonitor:
    """Looks at the machine again and again; rates are since the look before."""

    def __init__(self, *, cpu_span_s: float) -> None:
        self._span_s = cpu_span_s
        self._own = psutil.Process()
        self._own.cpu_percent()
        self._others: dict[int, psutil.Process] = {}
        self._net: tuple[float, int, int] | None = None
        self._forecast = DiskForecast()

    def look(self, *, collector: int | None, folder: str | None, reserve_bytes: int, own_bytes: int | None = None) -> Hardware:
        """The machine now. `collector`: its process id; `folder`: a folder on the archive's disk; `own_bytes`: what the
        collector has put on it since its start."""
        cpu = psutil.cpu_percent(interval=self._span_s)
        memory = psutil.virtual_memory()
        net_in, net_out = self._network()
        total, free = _disk(folder)
        if free is not None:
            self._forecast.add(monotonic(), free=free, own_bytes=own_bytes)
        collector_cpu, collector_rss, workers_cpu = self._collector(collector)
        return Hardware(
            cpu_percent=cpu,
            cpus=psutil.cpu_count() or 1,
            load1=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            collector_cpu=collector_cpu,
            collector_rss=collector_rss,
            workers_cpu=workers_cpu,
            dashboard_cpu=self._own.cpu_percent(),
            dashboard_rss=self._own.memory_info().rss,
            memory_percent=memory.percent,
            memory_available=memory.available,
            net_in=net_in,
            net_out=net_out,
            disk_free=free,
            disk_total=total,
            reserve_in_s=None if free is None else self._forecast.own_s(free, reserve_bytes),
            trend_in_s=None if free is None else self._forecast.trend_s(free, reserve_bytes),
            own_bytes_per_day=self._forecast.own_bytes_per_day(),
            temperature=_temperature(),
        )

    def _network(self) -> tuple[float, float]:
        counters = psutil.net_io_counters(pernic=True)
        received = sum(each.bytes_recv for name, each in counters.items() if name != "lo")
        sent = sum(each.bytes_sent for name, each in counters.items() if name != "lo")
        now, before = monotonic(), self._net
        self._net = (now, received, sent)
        if before is None or now <= before[0]:
            return 0.0, 0.0
        return max(0, received - before[1]) / (now - before[0]), max(0, sent - before[2]) / (now - before[0])

    def _collector(self, pid: int | None) -> tuple[float | None, int | None, float | None]:
        if pid is None:
            return None, None, None
        try:
            process = self._known(pid)
            cpu, rss = process.cpu_percent(), process.memory_info().rss
            own = self._own.pid
            workers = sum(self._known(child).cpu_percent() for child in _children(process) if child != own)
        except psutil.Error:
            self._others.clear()
            return None, None, None
        return cpu, rss, workers

    def _known(self, pid: int) -> psutil.Process:
        """The same object for the same process: its percentage is since the look before."""
        if pid not in self._others:
            if len(self._others) > 256:
                self._others.clear()
            self._others[pid] = psutil.Process(pid)
        return self._others[pid]


def _children(process: psutil.Process) -> list[int]:
    """The ids of the processes that it began. Linux tells them thread by thread; elsewhere all there are must be looked through, which
    takes ten times as long."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process.pid}/task"):  # noqa: PTH208
            with open(f"/proc/{process.pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except (OSError, ValueError):  # not told by this system, or something ended meanwhile
        return [child.pid for child in process.children()]
    return found


def _disk(folder: str | None) -> tuple[int | None, int | None]:
    """(all, free) bytes of the disk that `folder` is on; None when there is no telling."""
    try:
        usage = psutil.disk_usage(folder) if folder is not None else None
    except OSError:
        return None, None
    return (usage.total, usage.free) if usage is not None else (None, None)


def _temperature() -> float | None:
    """The hottest sensor, °C; None where there is none."""
    with contextlib.suppress(AttributeError, OSError):
        return max((sensor.current for sensors in psutil.sensors_temperatures().values() for sensor in sensors), default=None)
    return None
