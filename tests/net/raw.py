"""A server that does to each connection exactly what a script says, in threads of its own, with plain sockets or TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import uvloop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def read_request(peer: socket.socket) -> bytes:
    """The head of the request, as far as it came before the other side left."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = peer.recv(4096)
        if not more:
            break
        got += more
    return got


def good_answer(request: bytes) -> bytes:
    """The handshake's answer to this request."""
    key = next(line.split(b":")[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept


def shake(peer: socket.socket) -> None:
    """A good handshake."""
    peer.sendall(good_answer(read_request(peer)))


def reset(peer: socket.socket) -> None:
    """Close with a reset, whatever was read."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(peer, ssl.SSLSocket):
        socket.socket(fileno=peer.detach()).close()
    else:
        peer.close()


def until_gone(peer: socket.socket) -> bytes:
    """Read until the other side ends it; what it said."""
    said = b""
    with contextlib.suppress(OSError):
        while more := peer.recv(65_536):
            said += more
    return said


class RawServer:
    """Use as `with`. `script(peer)` runs for every connection, whose socket is closed after it (left open by `keep`)."""

    def __init__(self, script: Callable[[socket.socket], object], *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{self.port}"
        self.accepted = 0
        self.results: list[object] = []
        self._peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a script of the test's server hangs"
        for peer in self._peers:
            peer.close()

    def _start(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._peers.append(peer)
            self._start(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)
                self._peers.append(peer)
            self.results.append(self._script(peer))
        except OSError:
            pass
        finally:
            peer.close()


class Complaints:
    """What the event loop was told that nobody took, for `run`."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.seen.append(f"{context.get('message')}: {context.get('exception')!r}")


def run(loop: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` on a loop of this kind. Nothing may be left that the loop complains of."""
    complaints = Complaints()

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(complaints)
        result = await work()
        await asyncio.sleep(0.02)  # a transport that was told to end does so in the next turns of the loop
        return result

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        result = runner.run(watched())
    gc.collect()
    assert complaints.seen == []
    return result
