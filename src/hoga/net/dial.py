"""net.dial: a connected socket to a host, directly or through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6)."""

from __future__ import annotations

import asyncio
import socket

from hoga.core.foreign import excerpt
from hoga.net.answers import read_head
from hoga.net.proxy import Proxy

__all__ = ["ProxyRefused", "dial"]

_MAX_ANSWER_BYTES = 16 * 1024


class ProxyRefused(OSError):
    """The proxy answered, and not with a way through."""


async def dial(host: str, port: int, *, proxy: Proxy | None) -> socket.socket:
    """A connected, non-blocking TCP socket, the caller's to close.

    Raises OSError (ProxyRefused with the proxy's answer) and ValueError for a name that cannot be one. Wrap in a timeout.
    """
    if proxy is None:
        return await _connected(host, port)
    sock = await _connected(proxy.host, proxy.port)
    try:
        await _tunnel(sock, host, port, proxy)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connected(host: str, port: int) -> socket.socket:
    """To the first address of `host` that answers. Raises the OSError of the last that did not."""
    loop = asyncio.get_running_loop()
    failed = OSError(f"no address of {host}")
    for family, kind, proto, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as fault:
            sock.close()
            failed = fault
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failed


async def _tunnel(sock: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    """Ask the proxy for a way to `host`. Raises ProxyRefused."""
    loop = asyncio.get_running_loop()
    name = host if host.isascii() else host.encode("idna").decode()
    there = f"{f'[{name}]' if ':' in name else name}:{port}"
    lines = [f"CONNECT {there} HTTP/1.1", f"Host: {there}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
    head, end, body = (await _answer(sock)).partition(b"\r\n\r\n")
    answer = read_head(head) if end else None
    if answer is None:
        raise ProxyRefused(f"the proxy's answer is no HTTP: {excerpt(head + body) or 'it closed the connection'}")
    if not 200 <= answer.status < 300:
        said = excerpt(head.split(b"\r\n")[0], most=80)
        raise ProxyRefused(f"the proxy answered {said}: {excerpt(body)}".rstrip(": "))
    if body:
        raise ProxyRefused(f"the proxy sent more than its answer: {excerpt(body)}")


async def _answer(sock: socket.socket) -> bytes:
    """What the proxy said, up to the end of its head and what came with that; cut short where it has none."""
    loop = asyncio.get_running_loop()
    got = b""
    while b"\r\n\r\n" not in got and len(got) < _MAX_ANSWER_BYTES:
        more = await loop.sock_recv(sock, 4096)
        if not more:
            break
        got += more
    return got
