"""Alerts sent to a person: soon, together, again, and without ever holding up who tells them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from hoga.app.notify import Notifier, channel_of, message_of
from hoga.core.errors import ConfigError
from hoga.core.secret import Secret
from hoga.hub.alerts import Alert, AlertKind

PATIENCE_S = 30.0


def alert(subject: str = "binance-1", *, raised: bool = True, kind: AlertKind = AlertKind.CONNECTION_LOST) -> Alert:
    return Alert(kind=kind, subject=subject, text="reconnecting" if raised else "", at_s=1.0, raised=raised)


class Mailbox:
    """A channel that answers as it is told; each delivery waits for `go`."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, str]] = []
        self.go = threading.Semaphore(0)
        self.came = threading.Semaphore(0)

    def notify(self, *, title: str, body: str) -> bool:
        self.go.acquire(timeout=PATIENCE_S)
        self.got.append((title, body))
        self.came.release()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


class Desk:
    """A notifier whose pauses are noted, and over at once."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.pauses: list[float] = []
        self.paused = threading.Semaphore(0)
        self.notifier = Notifier(mailbox, pause=self._pause)
        self.notifier.start()

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.paused.release()
        return False


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def desk(mailbox: Mailbox) -> Iterator[Desk]:
    made = Desk(mailbox)
    yield made
    for _ in range(10):
        mailbox.go.release()
    made.notifier.stop()


def test_a_storm_is_one_message(mailbox: Mailbox, desk: Desk) -> None:
    desk.notifier.tell(alert("first"))
    mailbox.go.release()
    assert mailbox.came.acquire(timeout=PATIENCE_S)
    assert desk.paused.acquire(timeout=PATIENCE_S)
    for number in range(50):
        desk.notifier.tell(alert(f"conn-{number}"))
    while desk.notifier.sent < 51:
        mailbox.go.release()
        assert mailbox.came.acquire(timeout=PATIENCE_S)
        assert desk.paused.acquire(timeout=PATIENCE_S)
    told = "\n".join(body for _, body in mailbox.got)
    assert all(f"conn-{number}:" in told for number in range(50))
    assert len(mailbox.got) <= 51
    assert set(desk.pauses) == {10.0}


def test_who_tells_never_waits_and_what_does_not_fit_is_counted() -> None:
    mailbox = Mailbox()
    notifier = Notifier(mailbox)
    for number in range(250):
        notifier.tell(alert(str(number)))
    assert notifier.dropped == 50


@pytest.mark.parametrize("first", [False, OSError("no route")])
def test_a_message_nobody_took_is_sent_again(first: bool | Exception) -> None:
    mailbox = Mailbox(first, True)
    desk = Desk(mailbox)
    desk.notifier.tell(alert())
    for _ in range(2):
        mailbox.go.release()
        assert mailbox.came.acquire(timeout=PATIENCE_S)
    assert desk.paused.acquire(timeout=PATIENCE_S)
    assert desk.paused.acquire(timeout=PATIENCE_S)
    desk.notifier.stop()
    assert mailbox.got[0] == mailbox.got[1]
    assert (desk.notifier.sent, desk.notifier.given_up) == (1, 0)
    assert desk.pauses == [5.0, 10.0]


def test_it_gives_up_after_four_times_and_says_so_without_the_address(capfd: Any) -> None:
    mailbox = Mailbox(*[OSError("json://user:hunter2@host")] * 4)
    for _ in range(4):
        mailbox.go.release()
    desk = Desk(mailbox)
    desk.notifier.tell(alert())
    for _ in range(4):
        assert desk.paused.acquire(timeout=PATIENCE_S)
    desk.notifier.stop()
    assert (desk.notifier.sent, desk.notifier.given_up) == (0, 1)
    assert desk.pauses == [5.0, 30.0, 120.0, 10.0]
    captured = capfd.readouterr()
    assert "hunter2" not in captured.out + captured.err


def test_a_message_says_what_and_where() -> None:
    title, body = message_of("hoga on server", [alert(raised=False), alert("/data", kind=AlertKind.DISK)])
    assert title == "hoga on server: 2 alerts"
    assert body == "● disk /data: reconnecting\n✓ over: connection-lost binance-1"
    assert message_of("hoga", [alert(raised=False)])[0] == "hoga: connection-lost over"


class TestAddresses:
    def test_none_is_no_channel(self) -> None:
        assert channel_of(Secret("  ")) is None

    def test_what_is_no_address_is_named_by_its_place(self) -> None:
        pytest.importorskip("apprise")
        with pytest.raises(ConfigError) as caught:
            channel_of(Secret("json://localhost/a nosuch://user:hunter2@x"))
        assert "NOTIFY_URLS: found address number 2 (hidden)" in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_an_alert_arrives_at_a_web_hook(self) -> None:
        pytest.importorskip("apprise")
        got: list[dict[str, Any]] = []
        came = threading.Event()

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()
                came.set()

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        channel = channel_of(Secret(f"json://127.0.0.1:{server.server_port}/hook"))
        assert channel is not None
        notifier = Notifier(channel, label="sim ")
        notifier.start()
        notifier.tell(alert())
        assert came.wait(PATIENCE_S)
        notifier.stop()
        server.shutdown()
        server.server_close()
        assert got[0]["title"].startswith("sim hoga on ")
        assert got[0]["message"] == "● connection-lost binance-1: reconnecting"
