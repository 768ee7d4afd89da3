"""Every way in which a connection can end, in the handshake and after it: seen at once, told truly, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from bench.certificate import make_certificate
from hoga.core.errors import ConnectFailed, HandshakeRefused, LinkError
from hoga.net.dial import dial
from hoga.net.ws import CloseInfo, Link, open_link
from tests.net.raw import RawServer, good_answer, read_request, reset, run, shake, until_gone
from tests.net.test_ws import BINARY, CLOSE, KEY, MORE, PING, TEXT, frame, ws
from tests.waiting import LONG_S, eventually

pytestmark = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])

SEEN_WITHIN_S = 3.0
"""The look comes after a quarter of a second; the rest is for a machine that does other things, too."""


async def opened(url: str, *, odd: list[bytes] | None = None, **fields: Any) -> Link:
    taken: list[bytes] = [] if odd is None else odd
    known: dict[str, Any] = {"name": "c", "epoch": 1, "table": {}, "tls": None, "timeout_s": 5.0}
    return await open_link(url, on_odd=lambda now, data: taken.append(data), on_open=lambda now: None, **{**known, **fields})


# -- in the handshake ---------------------------------------------------------------------------------------------------


def says(answer: bytes, then: Callable[[socket.socket], object] = lambda peer: None) -> Callable[[socket.socket], None]:
    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(answer)
        then(peer)

    return script


def half_of_it(peer: socket.socket) -> None:
    peer.sendall(good_answer(read_request(peer))[:40])


def half_then_reset(peer: socket.socket) -> None:
    half_of_it(peer)
    reset(peer)


def wrong_key(peer: socket.socket) -> None:
    peer.sendall(good_answer(read_request(peer)).replace(b"Accept: ", b"Accept: x"))


HANDSHAKES: dict[str, tuple[Callable[[socket.socket], object], type[LinkError], str]] = {
    "closed at once": (lambda peer: None, ConnectFailed, "closed the connection within the handshake|reset"),
    "reset at once": (reset, ConnectFailed, "within the handshake|reset|cannot connect to ws://127"),
    "closed after the request": (read_request, ConnectFailed, "within the handshake"),
    "reset after the request": (lambda peer: (read_request(peer), reset(peer)), ConnectFailed, "within the handshake|reset"),
    "half of an answer": (half_of_it, ConnectFailed, "within the handshake"),
    "half of an answer, then a reset": (half_then_reset, ConnectFailed, "within the handshake|reset"),
    "half of an answer, then nothing": (says(b"HTTP/1.1 101 Sw", until_gone), ConnectFailed, r"no answer within 0\.5 s"),
    "nothing": (until_gone, ConnectFailed, r"no answer within 0\.5 s"),
    "garbage": (says(bytes(range(256)) + b"\r\n\r\n"), ConnectFailed, "no WebSocket handshake at"),
    "garbage without an end": (says(b"\x00\xff" * 20_000, until_gone), ConnectFailed, "no WebSocket handshake at"),
    "another protocol": (says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), ConnectFailed, "no WebSocket handshake at"),
    "no status": (says(b"HTTP/1.1 \r\n\r\n"), ConnectFailed, "no WebSocket handshake at"),
    "101 that is none": (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), ConnectFailed, "no WebSocket handshake at"),
    "a wrong key": (wrong_key, ConnectFailed, "no WebSocket handshake at"),
    "too many headers": (says(b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 500 + b"\r\n"), ConnectFailed, "no WebSocket handshake at"),
    "a page": (
        says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 18\r\n\r\n<h1>welcome\n</h1>\n"),
        HandshakeRefused,
        r"ws://127\.0\.0\.1:\d+ with HTTP 200, text/html: <h1>welcome </h1>$",
    ),
    "451": (
        says(b'HTTP/1.1 451 Unavailable\r\nContent-Type: application/json\r\n\r\n{"msg":"restricted \x1b[2J location"}'),
        HandshakeRefused,
        r'with HTTP 451, application/json: \{"msg":"restricted \[2J location"\}$',
    ),
    "a status that the library does not know": (
        says(b"HTTP/1.1 520 \r\n\r\nerror code: 520"),
        HandshakeRefused,
        "HTTP 520: error code: 520",
    ),
    "a status without words": (says(b"HTTP/1.1 503\r\n\r\n"), HandshakeRefused, "HTTP 503, without a body"),
    "an old server": (says(b"HTTP/1.0 403 Forbidden\r\n\r\nno"), HandshakeRefused, "HTTP 403: no"),
    "a redirection": (says(b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n"), HandshakeRefused, "HTTP 302"),
}


async def all_of(cases: Iterable[str], one: Callable[[str], Coroutine[Any, Any, Any]]) -> dict[str, Any]:
    """What comes of every case, side by side."""
    names = list(cases)
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


def told_by_us(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Log lines of the room under test: a thread of an earlier test may end late, and say so."""
    return [record for record in caplog.records if record.name not in ("asyncio", "hoga.run")]


@pytest.mark.filterwarnings("ignore:unclosed SelectorSocketTransport")  # its socket is closed; nobody can tell the transport so
def test_a_handshake_may_end_in_any_way(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def one(case: str) -> LinkError | Link:
        try:
            return await opened(servers[case].url, timeout_s=0.5 if "nothing" in case else LONG_S)
        except LinkError as fault:
            return fault

    with contextlib.ExitStack() as stack, caplog.at_level(logging.DEBUG):
        servers = {case: stack.enter_context(RawServer(script)) for case, (script, _, _) in HANDSHAKES.items()}
        found = run(loop, lambda: all_of(HANDSHAKES, one))
    for case, (_, kind, why) in HANDSHAKES.items():
        fault = found[case]
        assert type(fault) is kind, case
        assert re.search(why, fault.why), (case, fault.why)
        assert len(fault.why) < 400
        assert fault.why.isprintable()
    assert told_by_us(caplog) == []
    del found, fault
    gc.collect()


def answers_who_asks(peer: socket.socket) -> None:
    if request := read_request(peer):
        peer.sendall(good_answer(request))
        until_gone(peer)


def test_a_socket_that_is_gone_before_the_first_word_leaves_nothing_on_the_loop(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one of the same number would not be connected, nor the one after it."""
    broken = 3

    async def dialled(*where: Any, **how: Any) -> socket.socket:
        nonlocal broken
        sock = await dial(*where, **how)
        if broken:
            broken -= 1
            sock.shutdown(socket.SHUT_WR)
        return sock

    async def work() -> str:
        for _ in range(3):
            with pytest.raises(ConnectFailed) as failed:
                await opened(server.url)
            assert "No such file" not in failed.value.why
        link = await opened(server.url)
        await link.close()
        return "open"

    monkeypatch.setattr("hoga.net.ws.dial", dialled)
    with RawServer(answers_who_asks) as server:
        assert run(loop, work) == "open"


def test_a_handshake_that_is_given_up_leaves_no_socket_open(loop: str) -> None:
    async def work() -> None:
        while not server.accepted:  # on a busy machine the time is up before the connection is made
            with pytest.raises(ConnectFailed):
                await opened(server.url, timeout_s=0.2)
        before = server.accepted
        task = asyncio.create_task(opened(server.url))
        await eventually(lambda: server.accepted > before)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await eventually(lambda: len(server.results) == server.accepted >= 2, why="for the server to see all connections end")

    with RawServer(lambda peer: (read_request(peer), until_gone(peer))) as server:
        run(loop, work)


def test_who_must_not_be_seen_is_not_repeated(loop: str) -> None:
    from hoga.core.secret import Secret

    def echo(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 400 Bad\r\n\r\n" + read_request(peer))

    async def work() -> HandshakeRefused:
        with pytest.raises(HandshakeRefused) as caught:
            await opened(server.url, target=Secret("/ws/listen-key"), headers={"Authorization": Secret("Bearer token")})
        return caught.value

    with RawServer(echo) as server:
        fault = run(loop, work)
    assert "HTTP 400" in str(fault)
    assert "listen-key" not in str(fault)
    assert "token" not in str(fault)
    assert b"listen-key" in fault.body


# -- after it -------------------------------------------------------------------------------------------------------------


Contexts = tuple[ssl.SSLContext | None, ssl.SSLContext | None]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contexts]:
    """(the server's context, the client's)."""
    path = make_certificate(tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return {"plain": (None, None), "tls": (server, ssl.create_default_context(cafile=str(path)))}


def after_a_ping(act: Callable[[socket.socket], object]) -> Callable[[socket.socket], None]:
    """Shake hands, wait for the first word of the client, then act."""

    def script(peer: socket.socket) -> None:
        shake(peer)
        peer.recv(64)
        act(peer)

    return script


def in_turn(*acts: Callable[[socket.socket], object]) -> Callable[[socket.socket], None]:
    def script(peer: socket.socket) -> None:
        for act in acts:
            act(peer)

    return script


def send(*frames: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(b"".join(frames))


def half_close(peer: socket.socket) -> None:
    if isinstance(peer, ssl.SSLSocket):
        peer = socket.socket(fileno=peer.detach())
    peer.shutdown(socket.SHUT_WR)
    until_gone(peer)
    peer.close()


DATA = ws(TEXT, b"x" * 1400)
GONE: dict[str, tuple[Callable[[socket.socket], object], int | None]] = {
    "a reset": (reset, 0),
    "a reset behind a frame": (in_turn(send(DATA), reset), 1),
    "a reset behind many frames": (in_turn(send(*[DATA] * 2_000), reset), None),
    "an end": (lambda peer: None, 0),
    "an end behind a frame": (send(DATA), 1),
    "an end behind many frames": (send(*[DATA] * 2_000), 2_000),
    "half an end": (half_close, 0),
    "half an end behind a frame": (in_turn(send(DATA), half_close), 1),
}


@pytest.mark.parametrize("busy_s", [0.0, 0.2])
@pytest.mark.parametrize("wire", ["plain", "tls"])
def test_the_end_of_a_socket_is_seen_at_once(loop: str, wire: str, busy_s: float, contexts: dict[str, Contexts]) -> None:
    brought: dict[str, list[bytes]] = {case: [] for case in GONE}

    async def work() -> dict[str, CloseInfo]:
        links = {case: await opened(servers[case].url, odd=brought[case], tls=contexts[wire][1]) for case in GONE}
        for link in links.values():
            link.ping()
        await asyncio.sleep(0)
        time.sleep(busy_s)  # noqa: ASYNC251  data and end arrive together while the loop is busy with something else
        gone = {link.closed for link in links.values()}
        await eventually(lambda: all(each.done() for each in gone), seconds=SEEN_WITHIN_S, why=lambda: links)
        return {case: link.closed.result() for case, link in links.items()}

    with contextlib.ExitStack() as stack:
        servers = {case: stack.enter_context(RawServer(after_a_ping(act), tls=contexts[wire][0])) for case, (act, _) in GONE.items()}
        found = run(loop, work)
    for case, (_, frames) in GONE.items():
        assert found[case].code == 1006, case
        assert found[case].reason in ("", "reset by the other side", "ended by the other side without a goodbye")
        assert frames is None or len(brought[case]) == frames, case


def close(code: int, reason: bytes = b"") -> bytes:
    return ws(CLOSE, code.to_bytes(2, "big") + reason)


BROKEN: dict[str, tuple[bytes, int, str]] = {
    "a masked frame": (b"\x81\x85\x01\x02\x03\x04hello", 1002, "masked frame"),
    "a reserved opcode": (b"\x83\x01x", 1002, "opcode=0x3"),
    "a reserved control opcode": (b"\x8b\x00", 1002, "opcode=0xb"),
    "a control frame in pieces": (b"\x09\x00", 1002, "fragmented control"),
    "a close of 70 KB": (b"\x88\x7f" + struct.pack(">Q", 70_000) + b"\x03\xe8" + b"x" * 69_998, 1002, "125 bytes"),
    "a close of one byte": (ws(CLOSE, b"x"), 1002, "close code"),
    "a close that is no text": (close(1001, b"\xff\xfe"), 1007, "UTF-8"),
    "a frame of a terabyte": (b"\x82\x7f" + struct.pack(">Q", 1 << 40) + b"x" * 100_000, 1009, "1099511627776"),
    "a frame of a negative length": (b"\x82\x7f" + b"\xff" * 8, 1002, "length"),
    "a message of too many pieces": (ws(TEXT, b"y" * (1 << 20), fin=False) + ws(MORE, b"y" * (1 << 20), fin=False) * 70, 1009, "pieces"),
    **{f"a close with {code}": (close(code, b"why"), 1002, f"invalid close code: {code}") for code in (999, 1004, 1005, 1015, 2999)},
    **{f"a goodbye with {code}": (close(code, b"why\x1b\n"), code, "why") for code in (1000, 1001, 1006, 1008, 1011, 3000, 4999)},
    "a goodbye without a code": (ws(CLOSE, b""), 1005, ""),
}


def test_a_broken_protocol_is_told_with_its_code_and_reason(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def one(case: str) -> CloseInfo:
        link = await opened(servers[case].url, timeout_s=LONG_S)
        link.ping()
        await eventually(link.closed.done, why=lambda: (case, link))
        link.ping()
        link.send(b"x")
        await link.close()
        return link.closed.result()

    with contextlib.ExitStack() as stack, caplog.at_level(logging.INFO):
        scripts = {case: after_a_ping(in_turn(send(said), until_gone)) for case, (said, _, _) in BROKEN.items()}
        servers = {case: stack.enter_context(RawServer(script)) for case, script in scripts.items()}
        found = run(loop, lambda: all_of(BROKEN, one))
    for case, (_, code, reason) in BROKEN.items():
        assert found[case].code == code, (case, found[case])
        assert reason in found[case].reason, (case, found[case])
        assert found[case].reason.isprintable()
        assert len(found[case].reason) < 200
    assert told_by_us(caplog) == []


def test_a_fault_of_ours_is_told_once_with_where_it_was(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    def take(now: int, data: bytes) -> object:
        raise KeyError("nobody caught this")

    async def work() -> CloseInfo:
        link = await opened(server.url, table={KEY: take})
        link.ping()
        await eventually(link.closed.done)
        return link.closed.result()

    with RawServer(after_a_ping(in_turn(send(ws(TEXT, frame(1)), ws(BINARY, frame(2))), until_gone))) as server:
        info = run(loop, work)
    assert info[:2] == (1011, "a fault of ours: KeyError")
    (told,) = told_by_us(caplog)
    assert told.levelno == logging.ERROR
    assert told.exc_info is not None
    assert "nobody caught this" in str(told.exc_info[1])


@pytest.mark.parametrize("then", [reset, lambda peer: None, until_gone])
def test_a_flood_of_pings_is_not_answered_into_a_dead_socket(
    loop: str, then: Callable[[socket.socket], object], caplog: pytest.LogCaptureFixture
) -> None:
    """The server reads nothing: what is said to it stops at what the kernel and one buffer hold."""
    asked = threading.Event()

    def flood(peer: socket.socket) -> None:
        peer.sendall(ws(PING, b"p" * 125) * 100_000)
        asked.wait(30)
        then(peer)

    async def work() -> None:
        link = await opened(server.url, odd=(odd := []))
        link.ping()
        await eventually(lambda: link.waiting_bytes)
        assert link.waiting_bytes < 1 << 20
        asked.set()
        if then is until_gone:
            await link.close(timeout_s=0.1)
        await eventually(link.closed.done)
        assert odd == []

    with RawServer(after_a_ping(flood)) as server, caplog.at_level(logging.INFO):
        run(loop, work)
    assert told_by_us(caplog) == []


def test_a_server_that_says_goodbye_and_reads_no_more_is_left_all_the_same(loop: str) -> None:
    done = threading.Event()

    def script(peer: socket.socket) -> None:
        peer.sendall(ws(PING, b"p" * 125) * 100_000 + close(1001))
        done.wait(30)

    async def work() -> CloseInfo:
        link = await opened(server.url)
        link.ping()
        await eventually(link.closed.done)
        done.set()
        return link.closed.result()

    with RawServer(after_a_ping(script)) as server:
        assert run(loop, work).code == 1001
