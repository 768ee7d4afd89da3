"""bench.load: the load server: a child process that speaks just enough of Binance's streams to be recorded from.

It answers the handshake, SUBSCRIBE, ping, and the two REST calls hoga makes; then, once every stream is subscribed
(over any number of connections), it sends: `burst` as fast as TCP takes, or `paced` at an even rate. It keeps its own
account: how many frames, since when, and how late against its own schedule. One thread per connection; sockets block.

Not the simulator's replay: that takes 8 to 10 µs of CPU a frame where the collector takes 4, so that the server would be measured.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import select
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import msgspec

from bench.books import PROBE, load_books, symbol_names, walk_books
from bench.frames import Lap, ProbeRound, data_frames
from bench.plans import LoadPlan, LoadReport
from hoga.runtime.frames import CLOSE, PING, PONG, TEXT, ws_frame

__all__ = ["serve"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SLICE_FRAMES = 256
_LISTEN_S = 0.05
_SETTLE_S = 0.5
_PR_SET_TIMERSLACK = 29


class _Load:
    """The state that all connections share."""

    def __init__(self, plan: LoadPlan) -> None:
        books = load_books(Path(plan.capture)) if plan.capture else walk_books(2_000)
        self.plan = plan
        self.frames = data_frames(books, plan.symbols, plan.per_symbol)
        self.lock = threading.Lock()
        self.taken: set[str] = set()
        self.expected = threading.Event()
        self.begin_at = 0.0
        self.sent = 0
        self.sends = 0
        self.started_ns = 0
        self.ended_ns = 0
        self.lateness: list[float] = []

    def take_streams(self, names: list[str]) -> list[str]:
        """A connection subscribed to these: the data streams among them that nobody had, for it to serve. When all are
        had, everybody begins a little later."""
        with self.lock:
            fresh = [name for name in dict.fromkeys(names) if name in self.frames and name not in self.taken]
            self.taken.update(fresh)
            if len(self.taken) == len(self.frames) and not self.expected.is_set():
                self.begin_at = time.monotonic() + _SETTLE_S
                self.expected.set()
        return fresh

    def account(self, sent: int, sends: int, started_ns: int, lateness: list[float]) -> None:
        """One connection is through."""
        with self.lock:
            self.sent += sent
            self.sends += sends
            self.started_ns = min(self.started_ns or started_ns, started_ns)
            self.ended_ns = max(self.ended_ns, time.time_ns())
            self.lateness += lateness

    def report(self) -> LoadReport:
        late = sorted(self.lateness) or [0.0]
        return LoadReport(
            frames=self.sent,
            started_ns=self.started_ns,
            ended_ns=self.ended_ns,
            cpu_s=time.process_time(),
            late_p50_ms=late[len(late) // 2] * 1e3,
            late_p99_ms=late[int(len(late) * 0.99)] * 1e3,
            late_max_ms=late[-1] * 1e3,
            per_send=self.sent / max(1, self.sends),
        )


class _Connection:
    """One client. `run` from handshake to the end."""

    def __init__(self, sock: socket.socket, load: _Load) -> None:
        self._sock = sock
        self._load = load
        self._inbox = b""
        self._data: list[str] = []
        self._probes: list[str] = []
        self._probe_round = ProbeRound([])
        self._probes_sent = 0

    def run(self) -> None:
        """Serve it; a client that leaves is no fault."""
        try:
            with self._sock:
                if self._shake_hands():
                    self._converse()
        except OSError:
            return

    # -- before the load ----------------------------------------------------------------------------------------

    def _shake_hands(self) -> bool:
        while b"\r\n\r\n" not in self._inbox:
            data = self._sock.recv(65_536)
            if not data:
                return False
            self._inbox += data
        head, self._inbox = self._inbox.split(b"\r\n\r\n", 1)
        target = head.split(b" ", 2)[1].decode()
        keys = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
        if not keys:
            self._answer_rest(target)
            return False
        accept = base64.b64encode(hashlib.sha1(keys[0] + _GUID).digest())
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._sock.sendall(b"%bSec-WebSocket-Accept: %b\r\n\r\n" % (upgrade, accept))
        self._subscribe(_names_of(target))
        return True

    def _answer_rest(self, target: str) -> None:
        if target.startswith("/api/v3/time"):
            body = json.dumps({"serverTime": time.time_ns() // 1_000_000})
        else:
            symbols = symbol_names(self._load.plan.symbols)
            body = json.dumps({"symbols": [{"symbol": symbol, "status": "TRADING"} for symbol in symbols]})
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._sock.sendall((head + body).encode())

    def _subscribe(self, names: list[str]) -> None:
        self._probes += [name for name in names if name.endswith(f"@{PROBE}")]
        self._data += self._load.take_streams(names)

    def _converse(self) -> None:
        load = self._load
        while not load.expected.is_set():
            self._listen(_LISTEN_S)
        lap = Lap(load.frames, self._data) if self._data else None  # 13 ms, which must not be lateness
        while (left := load.begin_at - time.monotonic()) > 0:
            self._listen(min(left, _LISTEN_S))
        began = max(load.begin_at, time.monotonic())
        if load.plan.burst_frames:
            self._burst(lap)
        else:
            self._pace(lap, began)
        while True:
            self._listen(10.0)

    # -- control frames -----------------------------------------------------------------------------------------

    def _listen(self, wait_s: float) -> None:
        """Take what the client says within `wait_s`. Raises OSError when it has left."""
        pending = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        if not pending and not select.select([self._sock], [], [], wait_s)[0]:
            return
        data = self._sock.recv(262_144)
        if not data:
            raise ConnectionResetError
        self._inbox += data
        for opcode, payload in self._messages():
            if opcode == CLOSE:
                raise ConnectionResetError
            if opcode == PING:
                self._sock.sendall(ws_frame(PONG, payload))
            elif opcode == TEXT:
                self._control(payload)

    def _control(self, payload: bytes) -> None:
        request = json.loads(payload)
        if request.get("method") == "SUBSCRIBE":
            self._sock.sendall(ws_frame(TEXT, json.dumps({"result": None, "id": request.get("id")}).encode()))
            self._subscribe(list(request.get("params", [])))

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        """Whole client frames in the inbox, unmasked."""
        while len(self._inbox) >= 6:
            size, at = self._inbox[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(self._inbox[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(self._inbox[2:10], "big"), 10
            if len(self._inbox) < at + 4 + size:
                return
            mask, body = self._inbox[at : at + 4], self._inbox[at + 4 : at + 4 + size]
            opcode, self._inbox = self._inbox[0] & 0x0F, self._inbox[at + 4 + size :]
            key = (mask * (size // 4 + 1))[:size]
            yield opcode, (int.from_bytes(body, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")

    # -- the load -----------------------------------------------------------------------------------------------

    def _share(self) -> float:
        return len(self._data) / len(self._load.frames)

    def _burst(self, lap: Lap | None) -> None:
        if lap is None:
            return
        laps = max(1, round(self._load.plan.burst_frames / lap.frames * self._share()))
        started, sends = time.time_ns(), 0
        for number in range(laps):
            lap.number(number, 0, lap.frames)
            for at in range(0, lap.frames, _SLICE_FRAMES):
                self._sock.sendall(lap.view[lap.offsets[at] : lap.offsets[min(at + _SLICE_FRAMES, lap.frames)]])
                sends += 1
            self._listen(0.0)
        self._load.account(laps * lap.frames, sends, started, [])

    def _pace(self, lap: Lap | None, began: float) -> None:
        """Each frame has its moment; whatever is due is sent, then sleep until the next is."""
        plan, load = self._load.plan, self._load
        self._probe_round = ProbeRound(self._probes)
        rate = plan.rate * self._share()
        step_s = 1.0 / rate if rate else _LISTEN_S
        total = int(rate * plan.seconds)
        sent = sends = 0
        listened, started, lateness = 0.0, time.time_ns() - int((time.monotonic() - began) * 1e9), []
        while True:
            now = time.monotonic()
            if now - began > plan.seconds:
                break
            due = min(total, int((now - began) / step_s) + 1) if lap else 0
            if lap is not None and due > sent:
                lateness.append(now - began - sent * step_s)
                sent = self._send_due(lap, sent, due)
                sends += 1
            self._send_probes(now - began)
            if now - listened > _LISTEN_S:
                self._listen(0.0)
                listened = now
            next_at = began + sent * step_s if sent < total else now + _LISTEN_S
            time.sleep(max(0.0, next_at - time.monotonic()))
        load.account(sent, sends, started, lateness)

    def _send_due(self, lap: Lap, sent: int, due: int) -> int:
        number, at = divmod(sent, lap.frames)
        stop = min(lap.frames, at + due - sent)
        lap.number(number, at, stop)
        self._sock.sendall(lap.view[lap.offsets[at] : lap.offsets[stop]])
        return sent + stop - at

    def _send_probes(self, elapsed: float) -> None:
        """One frame a second of each probe stream, evenly spread."""
        due = int(elapsed * self._probe_round.frames)
        if due > self._probes_sent:
            now_ms = time.time_ns() // 1_000_000
            places = range(self._probes_sent, due)
            self._sock.sendall(b"".join(self._probe_round.stamped(place % self._probe_round.frames, now_ms) for place in places))
            self._probes_sent = due


def serve(plan: LoadPlan) -> None:
    """Serve until stdin is closed. Prints `{"port": …}` when ready, and the report at the end, as JSON lines."""
    load = _Load(plan)
    _fine_timers()
    context = None
    if plan.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plan.certificate, plan.key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_accept, args=(listener, load, context), daemon=True).start()
    _say({"port": listener.getsockname()[1]})
    sys.stdin.read()
    _say(msgspec.to_builtins(load.report()))


def _accept(listener: socket.socket, load: _Load, context: ssl.SSLContext | None) -> None:
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve_one, args=(sock, load, context), daemon=True).start()


def _serve_one(sock: socket.socket, load: _Load, context: ssl.SSLContext | None) -> None:
    try:
        wrapped = context.wrap_socket(sock, server_side=True) if context else sock
    except (OSError, ssl.SSLError):
        return
    _Connection(wrapped, load).run()


def _names_of(target: str) -> list[str]:
    """The streams in a request target: `/stream?streams=a/b`, `/ws/a`."""
    _, _, query = target.partition("streams=")
    if query:
        return [unquote(name) for name in query.split("&")[0].split("/")]
    path = target.split("?")[0]
    return [unquote(name) for name in path[4:].split("/") if name] if path.startswith("/ws/") else []


def _fine_timers() -> None:
    """Wake up when asked to, not 50 µs later (Linux)."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
