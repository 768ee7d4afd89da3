"""net.ws: one WebSocket connection. The only file that knows picows.

The data path is synchronous: the socket's callback stamps the frame, looks up who takes frames that begin like this
one, and calls it. Everything else (control frames, pings, odd frames, fragments) goes the slow way, `on_odd`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from time import time_ns
from typing import NamedTuple
from urllib.parse import urlsplit

from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from hoga.core.errors import ConnectFailed, HandshakeRefused
from hoga.core.secret import Secret

__all__ = ["MAX_FRAME_BYTES", "CloseInfo", "Link", "Take", "open_link"]

MAX_FRAME_BYTES = 64 * 1024 * 1024
_READ_BUFFER_BYTES = 64 * 1024
"""More than L2 holds costs more than the saved system calls: 64 KiB beat 16 and 256 by 10 % in a burst."""

_KEYS_PER_STREAM = 4
"""What is remembered of a shorter name reaches into its payload, whose first bytes may change."""

_quiet = logging.getLogger("hoga.net.ws")
_quiet.setLevel(logging.WARNING)
"""What the library logs with: below this it writes down whole requests, whose headers may hold keys."""

Take = Callable[[int, bytes], object]
"""Takes (recv_ns, frame). Answers None, or something true when the frame is not whole as it stands."""


class CloseInfo(NamedTuple):
    """How a connection ended: 1006 when the socket just went away."""

    code: int
    reason: str
    at_ns: int


class Link(WSListener):
    """An open connection.

    `table`: how a frame begins, up to the first `mark` at or after `start` → who takes it. Filled by the owner,
    at any time.
    `on_open(now_ns)` comes before the first frame. `on_odd(recv_ns, frame)`: every other text or binary frame. Frames
    that arrive after `mute` are counted in `late_frames` and go nowhere. `closed` is done when the socket is gone.
    """

    def __init__(
        self, table: dict[bytes, Take], on_odd: Take, on_open: Callable[[int], object], *, mark: bytes = b"{", start: int = 12
    ) -> None:
        self.table = table
        self._mark = mark
        self._start = start
        self._on_odd = on_odd
        self._on_open = on_open
        self._keys: dict[bytes, bytes] = {}
        self._width = 0
        self._fragments: list[bytes] = []
        self._transport: WSTransport | None = None
        self.closed: asyncio.Future[CloseInfo] = asyncio.get_running_loop().create_future()
        self.opened_ns = 0
        self.last_control_ns = 0
        self.last_pong_ns = 0
        self.late_frames = 0
        self.odd_frames = 0
        self._muted = False
        self._bind()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.opened_ns = self.last_control_ns = self.last_pong_ns = time_ns()
        self._on_open(self.opened_ns)
        self._width = max(map(len, self.table), default=0)
        self._bind()

    def _bind(self) -> None:
        """Make the socket's callback. What it needs of the link is bound here: looked up on the link, for each frame, it
        costs an eighth of a microsecond, a quarter of all that is done here."""
        stamp, width, known, takers = time_ns, self._width, self._keys.get, self.table.get
        key_of, slow = self._key_of, self._slow

        def on_ws_frame(transport: WSTransport, frame: WSFrame) -> None:
            now = stamp()
            data = frame.get_payload_as_bytes()
            take = takers(known(data[:width]) or key_of(data))
            if take is None or not frame.fin or take(now, data):
                slow(now, data, frame)

        self.on_ws_frame = on_ws_frame  # type: ignore[method-assign]  # the library looks it up for each frame

    def _key_of(self, data: bytes) -> bytes:
        """How `data` begins, up to the mark. Remembered by its first `_width` bytes, which hold all of it: to find
        the brace in each frame costs a quarter of a microsecond, a third of all that is done with the frame here."""
        key = data[: data.find(self._mark, self._start)]
        if key in self.table and len(key) <= self._width:
            if len(self._keys) > _KEYS_PER_STREAM * len(self.table):
                self._keys.clear()
            self._keys[data[: self._width]] = key
        return key

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._muted = True
        self.table = {}
        self._bind()
        if not self.closed.done():
            received = transport.close_handshake.recv if transport.close_handshake else None
            code, reason = (int(received.code.value), received.reason or "") if received else (1006, "")
            self.closed.set_result(CloseInfo(code, reason, time_ns()))

    def _slow(self, now: int, data: bytes, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is WSMsgType.PING:
            self.last_control_ns = now
            if self._transport is not None:
                self._transport.send_pong(data)
            return
        if kind is WSMsgType.PONG:
            self.last_control_ns = self.last_pong_ns = now
            return
        if kind is WSMsgType.CLOSE:
            self._answer_close(frame)
            return
        if self._muted:
            self.late_frames += 1
            return
        self._fragments.append(data)
        if not frame.fin:
            return
        whole = data if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments.clear()
        if whole is not data:
            take = self.table.get(whole[: whole.find(self._mark, self._start)])
            if take is not None and not take(now, whole):
                return
        self.last_control_ns = now
        self.odd_frames += 1
        self._on_odd(now, whole)

    def _answer_close(self, frame: WSFrame) -> None:
        if self._transport is not None:
            code = frame.get_close_code()
            self._transport.send_close(WSCloseCode.OK if code is WSCloseCode.NO_INFO else code)
            self._transport.disconnect()

    def mute(self) -> None:
        """From here on this connection's frames belong to a dead epoch: they are counted, nothing else."""
        self._muted = True
        self.table = {}
        self._bind()

    def send(self, text: bytes) -> None:
        """Send a text frame."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, text)

    def ping(self) -> None:
        """Ask for a sign of life; `last_pong_ns` tells when one came."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_ping(b"")

    async def close(self, *, timeout_s: float = 1.0) -> None:
        """Say goodbye, wait for the answer, then cut. Frames that come meanwhile are still taken."""
        if self._transport is None:
            return
        if not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK)
            await asyncio.wait([self.closed], timeout=timeout_s)
        self.cut()

    def cut(self) -> None:
        """Drop the socket now."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.disconnect(graceful=False)

    def __repr__(self) -> str:
        state = "closed" if self.closed.done() else "muted" if self._muted else "open"
        return f"<Link {state} {len(self.table)} streams>"


async def open_link(
    url: str,
    *,
    name: str,
    epoch: int,
    table: dict[bytes, Take],
    on_odd: Take,
    on_open: Callable[[int], object],
    tls: ssl.SSLContext | None,
    timeout_s: float,
    mark: bytes = b"{",
    start: int = 12,
    target: Secret = Secret(""),
    headers: Mapping[str, Secret] | None = None,
) -> Link:
    """Connect to `url` and finish the handshake within `timeout_s`.

    `target`: a path that nobody may see, after the `url`. `headers`: to be sent with the handshake.
    Raises ConnectFailed or HandshakeRefused (with the server's Retry-After); their cause is left out where its frames
    would hold what nobody may see.
    """
    secure = urlsplit(url).scheme == "wss"
    hidden = bool(target or headers)
    try:
        async with asyncio.timeout(timeout_s):
            _, link = await ws_connect(
                lambda: Link(table, on_odd, on_open, mark=mark, start=start),
                url + target.reveal(),
                logger_name=_quiet,
                extra_headers={name: value.reveal() for name, value in (headers or {}).items()},
                ssl_context=tls if secure else None,
                websocket_handshake_timeout=timeout_s,
                enable_auto_pong=False,
                disconnect_on_exception=True,
                max_frame_size=MAX_FRAME_BYTES,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                max_redirects=0,
            )
    except WSHandshakeError as fault:
        response = fault.response
        if response is None:
            raise ConnectFailed(name, f"no WebSocket handshake at {url}: {fault}", epoch=epoch) from (None if hidden else fault)
        retry_after_s, body = _retry_after(response.headers), fault.raw_body or b""
        raise HandshakeRefused(name, int(response.status), epoch=epoch, retry_after_s=retry_after_s, body=body) from (
            None if hidden else fault
        )
    except (OSError, WSError, TimeoutError, asyncio.CancelledError) as fault:
        if isinstance(fault, asyncio.CancelledError):
            raise
        why = f"no answer within {timeout_s:g} s" if isinstance(fault, TimeoutError) else str(fault) or type(fault).__name__
        raise ConnectFailed(name, f"cannot connect to {url}: {why}", epoch=epoch) from (None if hidden else fault)
    assert isinstance(link, Link)
    return link


def _retry_after(headers: object) -> float | None:
    text = headers.get("Retry-After") if hasattr(headers, "get") else None
    try:
        return float(text) if text else None
    except ValueError:
        return None
