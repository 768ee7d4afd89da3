"""net.ws: one WebSocket connection. The only file that knows picows.

The data path is synchronous: the socket's callback stamps the frame, looks up who takes frames that begin like this
one, and calls it. Everything else (control frames, pings, odd frames, fragments) goes the slow way, `on_odd`.

How a connection ends is not left to the library: the socket is ours (`net.dial`), the kernel is asked four times a second
what became of it, the library's future with the cause is read, and its own log is off: what it knows is in `CloseInfo`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from time import monotonic, time, time_ns
from typing import NamedTuple
from urllib.parse import urlsplit

from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSProtocolError, WSTransport, ws_connect

from hoga.core.errors import ConnectFailed, HandshakeRefused
from hoga.core.foreign import describe_answer, excerpt
from hoga.core.secret import Secret
from hoga.net.answers import read_head
from hoga.net.dial import dial
from hoga.net.kernel import ending_of, unread_bytes
from hoga.net.proxy import Proxy, ProxyMistake, proxy_for
from hoga.net.retry import retry_after_s
from hoga.runtime.logs import get_log

__all__ = ["MAX_FRAME_BYTES", "CloseInfo", "Link", "Take", "open_link"]

MAX_FRAME_BYTES = 64 * 1024 * 1024
_READ_BUFFER_BYTES = 64 * 1024
"""More than L2 holds costs more than the saved system calls: 64 KiB beat 16 and 256 by 10 % in a burst."""

_KEYS_PER_STREAM = 4
"""What is remembered of a shorter name reaches into its payload, whose first bytes may change."""

_FAREWELL_S = 1.0
"""After the last word of a connection, the other side gets so long to end it, too; a peer that does not read would keep it."""
_LOOK_S = 0.25
_CHASE_S, _VAIN = 0.02, 5
"""An end that the library has not seen: it is made to read again after each 20 ms, and cut when five of those brought nothing."""
_SENDABLE = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})
"""Close codes that may stand in a frame, RFC 6455 section 7.4. A goodbye with another one is answered with 1000."""

_log = get_log("net")
_quiet = logging.getLogger("hoga.net.ws.library")
_quiet.setLevel(logging.CRITICAL + 1)
"""What the library logs with, off: what it says of errors is in its future, and below that are whole requests with their headers."""

Take = Callable[[int, bytes], bool]
"""Takes (recv_ns, frame). False: it did not, the frame is not whole as it stands."""


class CloseInfo(NamedTuple):
    """How a connection ended: the code and reason of the other side; 1006 when the socket just went away; 1002, 1007, 1009
    and what was wrong when the other side broke the protocol; 1011 after a fault of our own."""

    code: int
    reason: str
    at_ns: int


class Link(WSListener):
    """An open connection.

    `table`: how a frame begins, up to the first `until` at or after `start` → who takes it. Filled by the owner,
    at any time.
    `pong_wait_s()` is asked before each pong: 0 sends it (and it counts as sent), else it is asked again after so long.
    `on_open(now_ns)` comes before the first frame. `on_odd(recv_ns, frame)`: every other text or binary frame. Frames
    that arrive after `mute` are counted in `late_frames` and go nowhere. `closed` is done when the socket is gone, half a
    second after the kernel knows at the latest. `last_control_at`: when `last_control_ns` was, in seconds of the steady clock.
    """

    def __init__(
        self,
        table: dict[bytes, Take],
        on_odd: Callable[[int, bytes], object],
        on_open: Callable[[int], object],
        *,
        sock: socket.socket,
        name: str = "",
        until: bytes = b"{",
        start: int = 12,
        pong_wait_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.name = name
        self.table = table
        self._until = until
        self._start = start
        self._on_odd = on_odd
        self._on_open = on_open
        self._keys: dict[bytes, bytes] = {}
        self._width = 0
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._transport: WSTransport | None = None
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Task[None] | None = None
        self._gone_ns = 0
        self._why = ""
        self._chased = False
        self._looks_while_leaving = 0
        self._choked = False
        self._last_ping: bytes | None = None
        self._pong_wait_s = pong_wait_s
        self.closed: asyncio.Future[CloseInfo] = self._loop.create_future()
        self.opened_ns = 0
        self.last_control_ns = 0
        self.last_control_at = 0.0
        self.last_pong_ns = 0
        self.last_pong = b""
        self.late_frames = 0
        self.odd_frames = 0
        self._muted = False
        self._bind()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._ending = self._loop.create_task(transport.wait_disconnected(), name=f"end of {self.name}")
        self._ending.add_done_callback(self._ended)
        self._loop.call_later(_LOOK_S, self._look)
        self.opened_ns = self.last_pong_ns = time_ns()
        self._heard(self.opened_ns)
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
            if take is None or not frame.fin or not take(now, data):
                slow(now, data, frame)

        self.on_ws_frame = on_ws_frame  # type: ignore[method-assign]  # the library looks it up for each frame

    def _key_of(self, data: bytes) -> bytes:
        """How `data` begins, up to and without `until`. Remembered by its first `_width` bytes, which hold all of it: to find
        the brace in each frame costs a quarter of a microsecond, a third of all that is done with the frame here."""
        key = data[: data.find(self._until, self._start)]
        if key in self.table and len(key) <= self._width:
            if len(self._keys) > _KEYS_PER_STREAM * len(self.table):
                self._keys.clear()
            self._keys[data[: self._width]] = key
        return key

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._muted = True
        self.table = {}
        self._bind()
        self._gone_ns = time_ns()

    def _ended(self, ending: asyncio.Task[None]) -> None:
        """The library is done with the socket, and says why if it was its own decision."""
        if ending.cancelled():
            return
        fault = ending.exception()
        if not self.closed.done():
            self.closed.set_result(CloseInfo(*self._cause(fault), self._gone_ns or time_ns()))

    def _cause(self, fault: BaseException | None) -> tuple[int, str]:
        assert self._transport is not None, "only an open link ends"
        received = self._transport.close_handshake.recv if self._transport.close_handshake else None
        if isinstance(fault, WSProtocolError):
            return int(fault.code.value), excerpt(str(fault.args[1]))
        if fault is not None:
            _log.failure("a frame could not be handled", fault, conn=self.name)
            return 1011, f"a fault of ours: {type(fault).__name__}"
        if received is None:
            return 1006, self._why
        return int(received.code.value) or 1005, excerpt(received.reason or "")

    def _slow(self, now: int, data: bytes, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is WSMsgType.PING:
            self._heard(now)
            self._pong(data)
            return
        if kind is WSMsgType.PONG:
            self._heard(now)
            self.last_pong_ns = now
            self.last_pong = data or self.last_pong
            return
        if kind is WSMsgType.CLOSE:
            self._answer_close(frame)
            return
        if self._muted:
            self.late_frames += 1
            return
        self._fragments.append(data)
        self._fragment_bytes += len(data)
        if self._fragment_bytes > MAX_FRAME_BYTES:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, f"a message in pieces of more than {MAX_FRAME_BYTES} bytes")
        if not frame.fin:
            return
        whole = data if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments.clear()
        self._fragment_bytes = 0
        if whole is not data:
            take = self.table.get(whole[: whole.find(self._until, self._start)])
            if take is not None and take(now, whole):
                return
        self._heard(now)
        self.odd_frames += 1
        self._on_odd(now, whole)

    def _heard(self, now: int) -> None:
        self.last_control_ns, self.last_control_at = now, monotonic()

    def _pong(self, data: bytes) -> None:
        """Answer a ping. While the other side does not read, or may not be told more, only the newest is kept, as RFC 6455
        section 5.5.3 allows."""
        waits = self._last_ping is not None
        if self._choked or waits:
            self._last_ping = data
        elif (transport := self._writable()) is not None:
            if (wait_s := self._pong_wait_s()) > 0:
                self._last_ping = data
                self._loop.call_later(wait_s, self._pong_newest)
            else:
                transport.send_pong(data)

    def _pong_newest(self) -> None:
        data, self._last_ping = self._last_ping, None
        if data is not None:
            self._pong(data)

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._pong_newest()

    def _writable(self) -> WSTransport | None:
        """The transport, None when nothing can be said any more."""
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.underlying_transport.is_closing():
            return None
        return transport

    def _answer_close(self, frame: WSFrame) -> None:
        transport = self._writable()
        if transport is not None:
            code = int(frame.get_close_code().value)
            transport.send_close(WSCloseCode(code) if code in _SENDABLE else WSCloseCode.OK)
            transport.disconnect()

    @property
    def waiting_bytes(self) -> int:
        """What was said and the other side has not taken yet, beyond what the kernel holds."""
        return 0 if self._transport is None else self._transport.underlying_transport.get_write_buffer_size()

    # -- the end, whatever the library says ---------------------------------------------------------------------------

    def _look(self) -> None:
        """Has the connection ended without anybody having been told? Four times a second, some microseconds each."""
        transport = self._transport
        if transport is None or self.closed.done() or transport.is_disconnected:
            return
        self._loop.call_later(_LOOK_S, self._look)
        if transport.underlying_transport.is_closing():
            self._looks_while_leaving += 1
            if self._looks_while_leaving * _LOOK_S >= _FAREWELL_S:
                self.cut()
            return
        why = ending_of(self._sock)
        if why is not None and not self._chased:
            self._chased = True
            self._chase(why, unread_bytes(self._sock), -1)

    def _chase(self, why: str, before: int, vain: int) -> None:
        """Make the library read on: it then sees the end itself, behind all that came before. Cut it if it does not."""
        transport = self._writable()
        if transport is None:
            return
        left = unread_bytes(self._sock)
        vain = 0 if left < before else vain + 1
        self._why = why
        if vain > _VAIN:
            self.cut()
            return
        transport.underlying_transport.pause_reading()
        transport.underlying_transport.resume_reading()
        self._loop.call_later(_CHASE_S, self._chase, why, left, vain)

    def mute(self) -> None:
        """From here on this connection's frames belong to a dead epoch: they are counted, nothing else."""
        self._muted = True
        self.table = {}
        self._bind()

    def send(self, text: bytes) -> bool:
        """Send a text frame. False: the connection has ended, and nothing was sent."""
        if (transport := self._writable()) is None:
            return False
        transport.send(WSMsgType.TEXT, text)
        return True

    def ping(self, token: bytes = b"") -> None:
        """Ask for a sign of life; `last_pong_ns` tells when one came, `last_pong` which token came back last."""
        if (transport := self._writable()) is not None:
            transport.send_ping(token)

    async def close(self, *, timeout_s: float = 1.0) -> None:
        """Say goodbye, wait for the answer, then cut. Frames that come meanwhile are still taken."""
        if self._transport is None:
            return
        if (transport := self._writable()) is not None:
            transport.send_close(WSCloseCode.OK)
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
    on_odd: Callable[[int, bytes], object],
    on_open: Callable[[int], object],
    tls: ssl.SSLContext | None,
    timeout_s: float,
    until: bytes = b"{",
    start: int = 12,
    target: Secret = Secret(""),
    headers: Mapping[str, Secret] | None = None,
    pong_wait_s: Callable[[], float] = lambda: 0.0,
) -> Link:
    """Connect to `url` (through the proxy that the environment names for it) and finish the handshake within `timeout_s`.

    `pong_wait_s`: see `Link`. `target`: a path that nobody may see, after the `url`. `headers`: to be sent with the handshake.
    Raises ConnectFailed or HandshakeRefused (with the server's Retry-After), whatever the other side did; their cause is
    left out where its frames would hold what nobody may see.
    """
    split = urlsplit(url)
    secure = split.scheme == "wss"
    hidden = unseen = bool(target or headers)
    watch: _Watch | None = None
    via: Proxy | None = None
    try:
        via = proxy_for(url, os.environ)
        unseen = hidden or (via is not None and bool(via.authorization))
        async with asyncio.timeout(timeout_s) as patience:
            dialled = await dial(split.hostname or "", split.port or (443 if secure else 80), proxy=via)
            watch = _Watch(dialled, patience)
            _, link = await ws_connect(
                lambda: Link(table, on_odd, on_open, sock=dialled, name=name, until=until, start=start, pong_wait_s=pong_wait_s),
                url + target.reveal(),
                logger_name=_quiet,
                extra_headers={name: value.reveal() for name, value in (headers or {}).items()},
                ssl_context=tls if secure else None,
                websocket_handshake_timeout=None,
                enable_auto_pong=False,
                disconnect_on_exception=True,
                max_frame_size=MAX_FRAME_BYTES,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                max_redirects=0,
                socket_factory=lambda parsed: dialled,
                use_aiofastnet=_use_fast_transport(),
            )
    except WSHandshakeError as fault:
        raise _refused(fault, _where(url, via), name=name, epoch=epoch, hidden=hidden) from (None if unseen else fault)
    except ProxyMistake as fault:
        raise ConnectFailed(name, f"cannot connect to {url}: {fault}", epoch=epoch) from None
    except asyncio.CancelledError:
        if watch is not None:
            watch.end()
        raise
    except Exception as fault:  # noqa: BLE001  the library hands on whatever the other side made it raise; it is told by name
        if watch is not None:
            watch.end()
        why = excerpt(str(fault)) or type(fault).__name__
        if isinstance(fault, TimeoutError):
            lost = watch.lost if watch is not None else None
            why = f"no answer within {timeout_s:g} s" if lost is None else f"{lost}, within the handshake"
        raise ConnectFailed(name, f"cannot connect to {_where(url, via)}: {why}", epoch=epoch) from (None if unseen else fault)
    finally:
        if watch is not None:
            watch.stop()
    if not isinstance(link, Link):  # the library gives none for a socket that ended meanwhile
        raise ConnectFailed(name, f"the server at {_where(url, via)} closed the connection within the handshake", epoch=epoch)
    return link


def _where(url: str, via: Proxy | None) -> str:
    return url if via is None else f"{url} through the proxy {via}"


def _use_fast_transport() -> bool | None:
    """None: if it is installed. Not on asyncio's own loop: aiofastnet's transport (1.2), closed while its first words could not be said,
    leaves its descriptor with the selector, and the next socket of that number cannot be connected, for ever."""
    return None if type(asyncio.get_running_loop()).__module__.startswith("uvloop") else False


class _Watch:
    """Looks after a socket until its handshake is done. `lost`: how it ended, when the library has not seen it.

    With uvloop, the library is told once of an error that comes together with data, reads the data, and is never told again.
    """

    __slots__ = ("_give_up", "_loop", "_sock", "_timer", "_why", "lost")

    def __init__(self, sock: socket.socket, give_up: asyncio.Timeout) -> None:
        self.lost: str | None = None
        self._why: str | None = None
        self._sock = sock
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Ended, nothing left to read, and still there at the next look: nobody but us has seen it."""
        why = ending_of(self._sock) if not unread_bytes(self._sock) else None
        if why is not None and why == self._why:
            self.lost = why
            self._give_up.reschedule(self._loop.time())
            return
        self._why = why
        self._timer = self._loop.call_later(_LOOK_S, self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def end(self) -> None:
        """Let go of the socket: the transport that holds it sees the end and closes it. One that sees nothing is taken off the loop."""
        unseen = self.lost is not None or (ending_of(self._sock) is not None and not unread_bytes(self._sock))
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        if unseen:
            self._take_off()
        else:
            self._loop.call_later(_LOOK_S, self._take_off)

    def _take_off(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()


def _refused(fault: WSHandshakeError, where: str, *, name: str, epoch: int, hidden: bool) -> ConnectFailed | HandshakeRefused:
    """What the server answered instead of a handshake. `hidden`: it may repeat what nobody may see."""
    body = fault.raw_body or b""
    head = read_head(fault.raw_header or b"")
    if head is None or head.status == 101:
        why = excerpt(str(fault)) if not hidden else "what it answered is none"
        return ConnectFailed(name, f"no WebSocket handshake at {where}: {why}", epoch=epoch)
    said = f"HTTP {head.status}" if hidden else describe_answer(head.status, content_type=head.headers.get("content-type", ""), body=body)
    wish = retry_after_s(head.headers.get("retry-after"), date=head.headers.get("date"), now_s=time())
    return HandshakeRefused(name, head.status, epoch=epoch, retry_after_s=wish, body=body, said=f"at {where} with {said}")
