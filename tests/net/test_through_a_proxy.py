"""WebSockets and REST through a small CONNECT proxy, and through proxies that fail, on both event loops."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from bench.certificate import make_certificate
from hoga.core.errors import ConnectFailed, HandshakeRefused, LinkError, VenueError
from hoga.core.secret import Secret
from hoga.net.rest import RestClient
from hoga.net.ws import Link, open_link
from hoga.venues.request import Request
from tests.net.raw import RawServer, read_request, reset, run, shake, until_gone
from tests.net.test_ws import TEXT, ws
from tests.waiting import LONG_S, eventually

pytestmark = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])

NAME = "stream.example.test"
"""Nobody but the proxy of the test knows where this is."""
PASSWORD = "s3cret:pass"
GOOD = b"Basic " + base64.b64encode(f"kim:{PASSWORD}".encode())


class ConnectProxy:
    """A proxy as a script of RawServer: it knows the user kim, and that every name is this machine."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, peer: socket.socket) -> None:
        request = read_request(peer)
        first, *lines = request.split(b"\r\n")
        self.asked.append(first)
        if GOOD not in request:
            peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nwho's it?")
            return
        method, target, _ = first.split(b" ")
        if method != b"CONNECT":  # plain HTTP: the whole URL is asked for
            host = re.match(rb"http://([^/]+)(/.*)", target)
            assert host is not None
            request = b"\r\n".join([b"%b %b HTTP/1.1" % (method, host[2]), *lines])
            target = host[1]
        port = int(target.rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as there:
            if method == b"CONNECT":
                peer.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            else:
                there.sendall(request)
            back = threading.Thread(target=relay, args=(there, peer), daemon=True)
            back.start()
            relay(peer, there)
            back.join(30)


def relay(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def venue(peer: socket.socket) -> bytes:
    """Says one frame, and gives what it was asked and said."""
    request = read_request(peer)
    from tests.net.raw import good_answer

    peer.sendall(good_answer(request) + ws(TEXT, b"hello"))
    return request + until_gone(peer)


def answers(peer: socket.socket) -> bytes:
    request = read_request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
    return request


def via(
    monkeypatch: pytest.MonkeyPatch, proxy: RawServer, *, user: str = "kim", password: str = "s3cret%3Apass", loopback: bool = True
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://{user}:{password}@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "" if loopback else "127.0.0.1")


async def connected(url: str, odd: list[bytes] | None = None, **fields: Any) -> Link:
    taken: list[bytes] = [] if odd is None else odd
    known: dict[str, Any] = {"name": "c", "epoch": 1, "table": {}, "tls": None, "timeout_s": 10.0}
    return await open_link(url, on_odd=lambda now, data: taken.append(data), on_open=lambda now: None, **{**known, **fields})


def contexts(folder: Any) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    path = make_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("wire", ["plain", "tls"])
def test_a_websocket_goes_through_the_proxy(
    loop: str, wire: str, private: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server_tls, client_tls = contexts(tmp_path_factory.getbasetemp()) if wire == "tls" else (None, None)
    host = "127.0.0.1" if wire == "tls" else NAME
    secrets: dict[str, Any] = {"target": Secret("/ws/listen-key"), "headers": {"Authorization": Secret("Bearer x")}} if private else {}
    odd: list[bytes] = []

    async def work() -> None:
        link = await connected(f"{scheme}://{host}:{server.port}", odd, tls=client_tls, **secrets)
        await eventually(lambda: odd == [b"hello"])
        link.send(b"subscribe")
        await link.close(timeout_s=0.2)

    scheme = "wss" if wire == "tls" else "ws"
    proxy = ConnectProxy()
    with RawServer(venue, tls=server_tls) as server, RawServer(proxy) as way:
        via(monkeypatch, way)
        run(loop, work)
    assert proxy.asked == [b"CONNECT %b:%d HTTP/1.1" % (host.encode(), server.port)]
    (heard,) = server.results
    assert isinstance(heard, bytes)
    assert b"Host: %b:%d\r\n" % (host.encode(), server.port) in heard
    assert b"Proxy-Authorization" not in heard
    assert (b"GET /ws/listen-key" in heard) == private


@pytest.mark.parametrize("wire", ["plain", "tls"])
def test_rest_goes_through_the_proxy(
    loop: str, wire: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server_tls, client_tls = contexts(tmp_path_factory.getbasetemp()) if wire == "tls" else (None, None)
    host = "127.0.0.1" if wire == "tls" else NAME

    async def work() -> tuple[bytes, bytes]:
        url = f"{'https' if wire == 'tls' else 'http'}://{host}:{server.port}"
        async with RestClient("binance", url, tls=client_tls, timeout_s=LONG_S) as rest:
            return await rest.get("/api"), (await rest.send(Request(method="POST", path="/key", headers={"X-KEY": Secret("x")}))).body

    proxy = ConnectProxy()
    with RawServer(answers, tls=server_tls) as server, RawServer(proxy) as way:
        via(monkeypatch, way)
        assert run(loop, work) == (b"hi", b"hi")
    assert len(proxy.asked) == 2
    for heard in server.results:
        assert isinstance(heard, bytes)
        assert (b"Proxy-Authorization" in heard) == (wire == "plain")  # there the proxy of the test hands on what it was told


def test_what_no_proxy_names_is_reached_directly(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> bytes:
        link = await connected(f"ws://127.0.0.1:{server.port}")
        link.cut()
        async with RestClient("binance", f"http://127.0.0.1:{plain.port}", tls=None, timeout_s=LONG_S) as rest:
            return await rest.get("/api")

    with RawServer(venue) as server, RawServer(answers) as plain, RawServer(reset) as way:
        via(monkeypatch, way, loopback=False)
        assert run(loop, work) == b"hi"
    assert way.accepted == 0


def says(answer: bytes) -> Callable[[socket.socket], object]:
    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(answer)

    return script


REFUSALS: dict[str, tuple[Callable[[socket.socket], object], str]] = {
    "407": (says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<b>login\n</b>"), "407"),
    "502": (says(b"HTTP/1.0 502 Bad Gateway\r\n\r\nno such host"), "502"),
    "garbage": (says(b"\x00\x01\x1b[2J\r\n\r\n"), ""),
    "another protocol": (says(b"SSH-2.0-x\r\n\r\n"), ""),
    "closed": (lambda peer: None, ""),
    "closed after the request": (read_request, ""),
    "reset": (reset, ""),
    "nothing": (until_gone, ""),
    "endless": (says(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000), ""),
    "a way that ends": (says(b"HTTP/1.1 200 OK\r\n\r\n"), ""),
    "a way with something in it": (says(b"HTTP/1.1 200 OK\r\n\r\n220 smtp ready\r\n"), ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_proxy_that_fails_is_told_with_its_answer(
    loop: str, case: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script, why = REFUSALS[case]

    async def work() -> tuple[LinkError, VenueError]:
        timeout_s = 0.5 if case == "nothing" else 10.0
        with pytest.raises((ConnectFailed, HandshakeRefused)) as lost:
            await connected(f"ws://{NAME}:443", timeout_s=timeout_s)
        async with RestClient("binance", f"http://{NAME}", tls=None, timeout_s=timeout_s) as rest:
            try:
                await rest.read("/x", int)
            except VenueError as fault:
                return lost.value, fault
            raise AssertionError("an answer that is no answer")

    with RawServer(script) as way, caplog.at_level(logging.WARNING):
        via(monkeypatch, way)
        lost, refused = run(loop, work)
    for fault in (lost, refused):
        assert why in str(fault)
        shown = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
        assert not [secret for secret in ("s3cret", GOOD.decode()) if secret in shown.replace(os.environ["HTTP_PROXY"], "")]
        assert str(fault).isprintable()
        for secret in ("s3cret", "kim", GOOD.decode()):
            assert secret not in str(fault)
        assert f"through the proxy http://127.0.0.1:{way.port} (HTTP_PROXY)" in str(fault)
    assert caplog.records == []


def test_a_proxy_that_is_not_there_or_none(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> list[str]:
        told = []
        for value in ("http://kim:s3cret@127.0.0.1:1", "socks5://kim:s3cret@127.0.0.1:1", "http://kim:s3cret@:x"):
            monkeypatch.setenv("HTTPS_PROXY", value)
            with pytest.raises(ConnectFailed) as lost:
                await connected(f"wss://{NAME}", tls=ssl.create_default_context())
            async with RestClient("binance", f"https://{NAME}", tls=None, timeout_s=5.0) as rest:
                with pytest.raises(VenueError) as refused:
                    await rest.get("/x")
            told += [str(lost.value), str(refused.value)]
        return told

    told = run(loop, work)
    assert all("s3cret" not in text and "kim" not in text for text in told)
    assert all("HTTPS_PROXY" in text for text in told)
    assert "socks5" in told[2]


def test_a_reset_is_seen_through_a_proxy(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        link = await connected(f"ws://{NAME}:{server.port}")
        link.ping()
        await asyncio.wait_for(asyncio.shield(link.closed), 60)

    def script(peer: socket.socket) -> None:
        shake(peer)
        peer.recv(64)
        peer.sendall(ws(TEXT, b"x" * 1400))
        reset(peer)

    with RawServer(script) as server, RawServer(ConnectProxy()) as way:
        via(monkeypatch, way)
        run(loop, work)
