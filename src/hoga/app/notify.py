"""app.notify: alerts sent to a person: mail, chat, push, whatever apprise has an address for.

A thread of its own sends; `tell` never waits. Alerts that cannot be sent are counted. An address is a secret: it is not
shown when it fails, either.
"""

from __future__ import annotations

import logging
import platform
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Secret
from hoga.hub.alerts import Alert
from hoga.runtime.checkout import install_line
from hoga.runtime.logs import get_log

__all__ = ["Channel", "Notifier", "channel_of"]

_log = get_log("notify")

_WAITING_MAX = 200
"""Alerts that wait to be sent; more are dropped, newest first, and counted."""
_TOGETHER_S = 10.0
"""After a message so long passes before the next: a storm of alerts is a few messages."""
_AGAIN_S = (5.0, 30.0, 120.0)
"""Pauses before a message that nobody took is sent again; then it is given up, and counted."""
_END_S = 1.0
_FAREWELL_S = 2.0


class Channel(Protocol):
    """Where messages go. Answers whether everybody took it; may block, may raise."""

    def notify(self, *, title: str, body: str) -> bool | None: ...


class Notifier:
    """Sends alerts to `channel`. `tell` is for `GlobalWebSocketManager.on_alert`. `label`: what comes before every title.

    `sent`, `given_up`, `dropped` count alerts. `pause(seconds)` waits, and answers true when the end has come meanwhile. `farewell`: what
    waits at the end is sent, once.
    """

    def __init__(self, channel: Channel, *, label: str = "", pause: Callable[[float], bool] | None = None, farewell: bool = False) -> None:
        self._farewell = farewell
        self.sent = self.given_up = self.dropped = 0
        self._channel = channel
        self._head = f"{label}hoga on {platform.node()}"
        self._waiting: queue.Queue[Alert] = queue.Queue(_WAITING_MAX)
        self._ending = threading.Event()
        self._pause = pause or self._ending.wait
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def tell(self, alert: Alert) -> None:
        """Send `alert` soon. Returns at once."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            self.dropped += 1

    def stop(self) -> None:
        """Send no more; alerts that still wait (but those of a farewell) are lost, and the log says how many.

        Blocks for a second at most, two with a farewell, and not at all when nothing is being sent.
        """
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL_S if self._farewell else _END_S)
        unsent = self._waiting.qsize()
        if unsent or self.dropped or self.given_up:
            _log.warning("alerts not sent", waiting=unsent, dropped=self.dropped, given_up=self.given_up)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                first = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._deliver([first, *self._rest()])
            self._pause(_TOGETHER_S)
        last = self._rest() if self._farewell else []
        if last and self._send(*message_of(self._head, last)):
            self.sent += len(last)
        else:
            self.given_up += len(last)

    def _rest(self) -> list[Alert]:
        """Everything else that waits."""
        found: list[Alert] = []
        while True:
            try:
                found.append(self._waiting.get_nowait())
            except queue.Empty:
                return found

    def _deliver(self, alerts: list[Alert]) -> None:
        title, body = message_of(self._head, alerts)
        for pause_s in (*_AGAIN_S, None):
            if self._send(title, body):
                self.sent += len(alerts)
                return
            if pause_s is None or self._pause(pause_s):
                break
        self.given_up += len(alerts)
        _log.error("alerts could not be sent", alerts=len(alerts), hint="see NOTIFY_URLS; recording goes on without it")

    def _send(self, title: str, body: str) -> bool:
        try:
            return bool(self._channel.notify(title=title, body=body))
        except Exception as fault:  # noqa: BLE001  # a stranger's code on a thread of its own: told by its type alone, its text may hold the address
            _log.warning("an alert was not taken", fault=type(fault).__name__)
            return False


def message_of(head: str, alerts: list[Alert]) -> tuple[str, str]:
    """Title and text: one line for each alert, what began before what is over."""
    ordered = sorted(alerts, key=lambda each: not each.raised)
    lines = [f"{'●' if each.raised else '✓ over:'} {each.kind} {each.subject}{f': {each.text}' if each.text else ''}" for each in ordered]
    raised = sum(each.raised for each in alerts)
    what = str(ordered[0].kind) if len(alerts) == 1 else f"{len(alerts)} alerts"
    return f"{head}: {what}{'' if raised else ' over'}", "\n".join(lines)


def channel_of(urls: Secret) -> Channel | None:
    """Where `NOTIFY_URLS` (apprise addresses, separated by blanks) says, None when it says nothing.

    Raises ConfigError when the `notify` extra is missing, or an address is none.
    """
    texts = urls.reveal().split()
    if not texts:
        return None
    try:
        import apprise
    except ImportError:
        raise _mistake("no module apprise", install_line("notify")) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it writes addresses down
    made: Any = apprise.Apprise()
    for number, text in enumerate(texts, 1):
        if not made.add(text):
            raise _mistake(f"address number {number} (hidden)", "one of apprise's, as json://host/path or mailto://user:password@host")
    channel: Channel = made
    return channel


def _mistake(found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake("hoga", None, "NOTIFY_URLS", found, expected)])
