"""app.trader.news: tells a person what became of a trader: its ladder, from REDUCING on, and back; how an exit goes, and how it ended.

`NOTIFY_URLS` says where to. NO_OPEN is not told: it comes and goes by itself.
"""

from __future__ import annotations

from time import time

from hoga.app.notify import Channel, Notifier
from hoga.core.trading import Rung
from hoga.hub.alerts import Alert, AlertKind
from hoga.trading.ports import RunGate

__all__ = ["TraderNews"]


class TraderNews:
    """Sends by `channel`; None: to nobody. `subject`: which trader, for people."""

    def __init__(self, channel: Channel | None, subject: str, *, label: str = "") -> None:
        self.notifier = Notifier(channel, label=label, farewell=True) if channel is not None else None
        self._subject = subject
        self._rung = Rung.ACTIVE

    def start(self) -> None:
        """Begin to send."""
        if self.notifier is not None:
            self.notifier.start()

    def stop(self) -> None:
        """Send what waits, and no more. Blocks for two seconds at most."""
        if self.notifier is not None:
            self.notifier.stop()

    def rung(self, gate: RunGate) -> None:
        """The ladder has moved."""
        was, self._rung = self._rung, gate.rung
        if max(was, gate.rung) >= Rung.REDUCING and gate.rung is not was:
            self._tell(AlertKind.LADDER, gate.why, raised=gate.rung >= Rung.REDUCING)

    def exit(self, text: str) -> None:
        """An emergency exit says so: each half minute what is left, and in the end the verdict."""
        self._tell(AlertKind.EXIT, text, raised=True)

    def _tell(self, kind: AlertKind, text: str, *, raised: bool) -> None:
        if self.notifier is not None:
            self.notifier.tell(Alert(kind=kind, subject=self._subject, text=text, at_s=time(), raised=raised))
