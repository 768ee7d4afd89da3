"""runtime.watchdog: tell systemd that the process is ready and alive; nothing where there is no systemd."""

from __future__ import annotations

import os

__all__ = ["Watchdog"]


class Watchdog:
    """sd_notify READY, WATCHDOG and STOPPING."""

    def __init__(self) -> None:
        self._notifier = None
        if os.environ.get("NOTIFY_SOCKET"):
            from systemd_watchdog.watchdog import WatchDog

            self._notifier = WatchDog()

    def ready(self) -> None:
        """Start-up is over."""
        if self._notifier is not None:
            self._notifier.ready()

    def alive(self) -> None:
        """Still at work."""
        if self._notifier is not None:
            self._notifier.ping()

    def stopping(self) -> None:
        """On the way out."""
        if self._notifier is not None:
            self._notifier.status("stopping")
