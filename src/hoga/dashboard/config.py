"""dashboard.config: what a dashboard is told when it starts."""

from __future__ import annotations

import msgspec

from hoga.dashboard.connection_limit import PROGRESS_S
from hoga.runtime.log_pipe import LogAddress

__all__ = ["DashboardConfig"]


class DashboardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`page` is the run's page, `status_page` the dashboard's own, `trader_page` that of a trader in the same folder, "": none.
    `token` "": none is asked for (loopback only).

    `names`: host names it answers to besides addresses. `max_session_s` 0: unlimited. `logs`: where its log lines go.
    `port` 0: the system chooses. `patience_s`: how long a connection may take for its next step. `folder`: the data folder, for people.
    """

    page: str
    status_page: str
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    names: tuple[str, ...] = ("localhost",)
    interval_s: float = 0.1
    max_connections: int = 16
    max_session_s: float = 0.0
    hardware_interval_s: float = 1.0
    cpu_span_s: float = 0.2
    logs: LogAddress | None = None
    patience_s: float = PROGRESS_S
    folder: str = ""
    trader_page: str = ""
