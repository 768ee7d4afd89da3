"""The one file that knows the WebSocket library, over a raw loopback socket that says exactly what the test wants."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from hoga.core.errors import ConnectFailed, HandshakeRefused
from hoga.net.ws import Link, open_link
from tests.waiting import eventually as until

KEY = b'{"stream":"a@depth","data":'
TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def ws(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | opcode])
    size = len(data)
    if size < 126:
        return head + bytes([size]) + data
    if size < 65_536:
        return head + bytes([126]) + size.to_bytes(2, "big") + data
    return head + bytes([127]) + size.to_bytes(8, "big") + data


class Server:
    """Accepts one connection at a time and says what it is told. `answer`: the handshake's answer, None for a good one."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.requests: list[bytes] = []
        self.heard = b""
        self.writer: asyncio.StreamWriter
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.writers.append(writer)
        request = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(request)
        if self.answer is not None:
            writer.write(self.answer)
        else:
            key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
                % accept
            )
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.heard += data
        writer.close()

    def say(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    for writer in made.writers:
        writer.close()
    made.server.close()
    await asyncio.sleep(0)


class Client:
    """A link, what its stream took, and what was odd. `whole` tells the stream's take what to answer."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.odd: list[bytes] = []
        self.opened: list[int] = []
        self.refuses: Callable[[bytes], bool] = lambda data: not data.endswith(b"}}")

    def take(self, now: int, data: bytes) -> bool:
        if self.refuses(data):
            return False
        self.taken.append(data)
        return True

    async def open(self, url: str, **fields: Any) -> Link:
        known: dict[str, Any] = {"name": "c", "epoch": 1, "table": {KEY: self.take}, "tls": None, "timeout_s": 2.0}
        return await open_link(
            url + "/stream", on_odd=lambda now, data: self.odd.append(data), on_open=self.opened.append, **{**known, **fields}
        )


def frame(number: int) -> bytes:
    return KEY + b'{"lastUpdateId":%d,"x":{"y":1}}}' % number


async def test_frames_go_to_their_stream_and_the_rest_is_odd(server: Server) -> None:
    client = Client()
    link = await client.open(server.url)
    assert len(client.opened) == 1
    odd = [b'{"result":null,"id":1}', b"", b"\xff", KEY + b"{"]
    server.say(ws(TEXT, frame(1)), ws(BINARY, frame(2)), *(ws(BINARY if data == b"\xff" else TEXT, data) for data in odd))
    await until(lambda: len(client.odd) == 4)
    assert client.taken == [frame(1), frame(2)]
    assert client.odd == odd
    assert link.odd_frames == 4
    await link.close()


@pytest.mark.parametrize("cut", range(1, len(frame(7))))
async def test_a_message_in_two_fragments_is_one_wherever_it_is_cut(server: Server, cut: int) -> None:
    client = Client()
    link = await client.open(server.url)
    whole = frame(7)
    server.say(ws(TEXT, frame(6)), ws(TEXT, whole[:cut], fin=False), ws(PING, b"now"), ws(MORE, whole[cut:]), ws(TEXT, frame(8)))
    await until(lambda: len(client.taken) == 3)
    assert client.taken == [frame(6), whole, frame(8)]
    assert client.odd == []
    link.cut()


async def test_many_fragments_and_an_odd_message_in_fragments(server: Server) -> None:
    client = Client()
    link = await client.open(server.url)
    whole = frame(7)
    pieces = [ws(TEXT, whole[:1], fin=False), *(ws(MORE, bytes([byte]), fin=False) for byte in whole[1:-1]), ws(MORE, whole[-1:])]
    server.say(*pieces, ws(TEXT, b"not", fin=False), ws(MORE, b" json"), ws(TEXT, frame(8)))
    await until(lambda: len(client.taken) == 2)
    assert client.taken == [whole, frame(8)]
    assert client.odd == [b"not json"]
    link.cut()


async def test_pings_are_answered_with_what_they_carry(server: Server) -> None:
    link = await Client().open(server.url)
    server.say(ws(PING, b"1790134675605"))
    await until(lambda: len(server.heard) >= 6 + 13)
    assert server.heard[0] == 0x80 | PONG
    mask = server.heard[2:6]
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(server.heard[6:19])) == b"1790134675605"
    link.cut()


async def test_pongs_wait_for_room_and_only_the_newest_is_sent(server: Server) -> None:
    link = await Client().open(server.url)
    waits = [0.0, 0.05, 0.0]
    link._pong_wait_s = lambda: waits.pop(0)
    server.say(*(ws(PING, str(number).encode()) for number in range(4)))
    await until(lambda: len(server.heard) >= 2 * 7)
    told = [bytes(byte ^ server.heard[at + 2 : at + 6][0] for byte in server.heard[at + 6 : at + 7]) for at in (0, 7)]
    assert (told, len(server.heard), waits) == ([b"0", b"3"], 14, [])
    link.cut()


async def test_a_pong_is_a_sign_of_life(server: Server) -> None:
    link = await Client().open(server.url)
    link.last_pong_ns = 0
    link.ping()
    await until(lambda: server.heard)
    assert server.heard[0] == 0x80 | PING
    server.say(ws(PONG, b""))
    await until(lambda: link.last_pong_ns)
    link.cut()


@pytest.mark.parametrize(
    ("payload", "code", "reason"), [((1001).to_bytes(2, "big") + b"bye", 1001, "bye"), ((4321).to_bytes(2, "big"), 4321, "")]
)
async def test_a_close_is_told_with_its_code(server: Server, payload: bytes, code: int, reason: str) -> None:
    link = await Client().open(server.url)
    server.say(ws(CLOSE, payload))
    async with asyncio.timeout(60):
        info = await link.closed
    assert (info.code, info.reason) == (code, reason)
    assert info.at_ns > 0


async def test_a_socket_that_just_goes_is_1006(server: Server) -> None:
    link = await Client().open(server.url)
    server.writer.transport.abort()
    async with asyncio.timeout(60):
        assert (await link.closed).code == 1006


async def test_a_muted_link_counts_and_hands_on_nothing(server: Server) -> None:
    client = Client()
    link = await client.open(server.url)
    link.mute()
    server.say(ws(TEXT, frame(1)), ws(TEXT, b"odd"))
    await until(lambda: link.late_frames == 2)
    assert client.taken == client.odd == []
    link.cut()


async def test_frames_on_their_way_are_taken_while_saying_goodbye(server: Server) -> None:
    client = Client()
    link = await client.open(server.url)
    closing = asyncio.create_task(link.close(timeout_s=2.0))
    await until(lambda: server.heard)
    server.say(ws(TEXT, frame(1)), ws(CLOSE, (1000).to_bytes(2, "big")))
    await closing
    assert client.taken == [frame(1)]
    assert link.closed.done()


async def test_a_server_that_does_not_say_goodbye_is_cut(server: Server) -> None:
    link = await Client().open(server.url)
    await link.close(timeout_s=0.1)
    async with asyncio.timeout(60):
        await link.closed


@pytest.mark.parametrize(
    ("headers", "retry"), [(b"Retry-After: 7\r\n", 7.0), (b"", None), (b"Retry-After: soon\r\n", None), (b"Retry-After: 0.5\r\n", 0.5)]
)
async def test_a_refusal_says_when_to_come_again(server: Server, headers: bytes, retry: float | None) -> None:
    server.answer = b"HTTP/1.1 429 Too Many Requests\r\n%bContent-Length: 0\r\n\r\n" % headers
    with pytest.raises(HandshakeRefused) as caught:
        await Client().open(server.url)
    assert (caught.value.status, caught.value.retry_after_s) == (429, retry)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"SSH-2.0-OpenSSH\r\n\r\n", b"\x00\x01\x02\r\n\r\n"])
async def test_what_is_no_handshake_is_a_link_error(server: Server, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises((ConnectFailed, HandshakeRefused)):
        await Client().open(server.url, timeout_s=1.0)


async def test_a_server_that_says_nothing_is_given_up(server: Server) -> None:
    server.answer = b""
    with pytest.raises(ConnectFailed, match=r"no answer within 0\.2 s|cannot connect|no WebSocket handshake"):
        await Client().open(server.url, timeout_s=0.2)


async def test_a_port_where_nobody_listens(server: Server) -> None:
    server.server.close()
    await server.server.wait_closed()
    with pytest.raises(ConnectFailed):
        await Client().open(server.url)


async def test_sending_on_a_dead_link_is_no_error(server: Server) -> None:
    link = await Client().open(server.url)
    server.writer.transport.abort()
    await link.closed
    link.send(b"x")
    link.ping()
    await link.close()
