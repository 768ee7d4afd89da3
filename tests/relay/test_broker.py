"""One connection to a real nats-server: what it refuses in one line, and what comes back after it was away."""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hoga.core.errors import HogaError
from hoga.relay.broker import Broker, BrokerFault, BrokerRefused, Received, address_of
from hoga.relay.credentials import Credentials
from hoga.relay.subjects import LIVE, MESSAGE_ID, SEGMENTS, url_fault
from tests.nats_server import NatsServer, nats_server
from tests.relay.copying import connected
from tests.waiting import eventually

__all__ = ["nats_server"]


async def all_of(broker: Broker, durable: str) -> list[bytes]:
    pull = await broker.pull(SEGMENTS, durable, "hoga.segments.*")
    found: list[bytes] = []
    while messages := await pull.fetch(100, timeout_s=0.5):
        for received, ticket in messages:
            found.append(received.payload)
            await pull.ack(ticket)
    return found


@pytest.mark.parametrize(
    "text", ["", "localhost:4222", "http://a", "nats://", "nats://a/b", "nats://a:x", "nats://a,http://b", "nats://a?x=1"]
)
def test_an_address_that_is_none_is_told(text: str) -> None:
    assert "expected nats://HOST:PORT" in (url_fault(text) or "")


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(BrokerRefused) as told:
        address_of("nats://me:hush@somewhere:4222", {})
    assert "hush" not in str(told.value)
    assert "NATS_PASSWORD" in str(told.value)
    address = address_of("nats://somewhere:4222, tls://other", {"NATS_PASSWORD": "hush", "HOME": "/root"})
    assert address.urls == ("nats://somewhere:4222", "tls://other")
    assert "hush" not in repr(address)
    assert dict(address.secrets) == {"NATS_PASSWORD": "hush"}


async def test_nobody_there_is_one_line(nats_server: NatsServer) -> None:
    broker = Broker(address_of(nats_server.url, {}), "test")
    with pytest.raises(BrokerFault) as told:
        await broker.open()
    assert nats_server.url in str(told.value)
    assert "\n" not in str(told.value)
    assert not broker.connected


async def test_wrong_credentials_are_refused_and_not_shown(nats_server: NatsServer) -> None:
    nats_server.user, nats_server.password = "me", "right"
    nats_server.start()
    for environment in ({}, {"NATS_USER": "me", "NATS_PASSWORD": "wrong-one"}):
        broker = Broker(address_of(nats_server.url, environment), "test")
        with pytest.raises(BrokerRefused, match="refused the credentials") as told:
            await broker.open()
        assert "wrong-one" not in str(told.value)
    async with connected(nats_server, NATS_USER="me", NATS_PASSWORD="right") as broker:
        assert broker.connected


async def test_streams_are_made_and_a_stream_of_another_makes_is_refused(nats_server: NatsServer) -> None:
    nats_server.start()
    async with connected(nats_server) as broker:
        for shape in (SEGMENTS, LIVE, SEGMENTS, LIVE):
            await broker.ensure(shape)
        other = SEGMENTS._replace(name="OTHER", subjects=("other.*",), max_age_s=3600)
        await broker.ensure(other)
        with pytest.raises(BrokerRefused, match="stream OTHER is not as hoga needs it: max_age is 3600 s, expected 172800 s") as told:
            await broker.ensure(other._replace(max_age_s=SEGMENTS.max_age_s))
        assert "\n" not in str(told.value)
        with pytest.raises(BrokerFault):  # the server lets no two streams have the same subjects
            await broker.ensure(other._replace(name="THIRD"))


async def test_one_id_is_one_message(nats_server: NatsServer) -> None:
    nats_server.start()
    async with connected(nats_server) as broker:
        await broker.ensure(SEGMENTS)
        for name in ("1", "2", "1", "1"):
            await broker.settle([await broker.post(SEGMENTS, "hoga.segments.a", {MESSAGE_ID: name}, name.encode())])
        assert await all_of(broker, "once") == [b"1", b"2"]
        assert await all_of(broker, "once") == []


async def test_a_connection_that_goes_is_made_again_and_told_once(nats_server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    nats_server.start()
    heard: list[bytes] = []
    async with connected(nats_server) as broker:
        await broker.ensure(SEGMENTS)

        async def respond(asked: Received) -> bytes:
            return b"you said " + asked.payload

        await broker.answer("hoga.ask.a", respond)
        await broker.follow("hoga.live.*", lambda message: heard.append(message.payload))
        assert await broker.ask("hoga.ask.a", b"hi", timeout_s=5) == b"you said hi"
        assert await broker.ask("hoga.ask.nobody", b"hi", timeout_s=5) is None

        nats_server.kill()
        await eventually(lambda: broker.outages == 1)
        assert not broker.connected
        assert broker.trouble
        assert not await broker.tell("hoga.live.a", {}, b"lost")
        with pytest.raises(BrokerFault):
            await broker.post(SEGMENTS, "hoga.segments.a", {}, b"x")
        nats_server.start()
        await eventually(lambda: broker.trouble is None)
        assert await broker.ask("hoga.ask.a", b"again", timeout_s=5) == b"you said again"
        assert await broker.tell("hoga.live.a", {"Hoga-Seq": "1"}, b"heard")
        await eventually(lambda: heard == [b"heard"])
        await broker.settle([await broker.post(SEGMENTS, "hoga.segments.a", {}, b"kept")])
    away = [record for record in caplog.records if "NATS is away" in record.getMessage()]
    assert len(away) == 1


async def test_what_waits_when_the_connection_goes_fails_at_once(nats_server: NatsServer) -> None:
    nats_server.start()
    async with connected(nats_server) as broker:
        await broker.ensure(SEGMENTS)
        nats_server.pause()
        waiting = [await broker.post(SEGMENTS, "hoga.segments.a", {}, b"x")]
        settling = asyncio.create_task(broker.settle(waiting))
        await asyncio.sleep(0)
        nats_server.kill()
        with pytest.raises(BrokerFault):
            await asyncio.wait_for(settling, 8)  # no acknowledgement is waited for in vain


async def test_everybody_answers(nats_server: NatsServer) -> None:
    nats_server.start()
    async with connected(nats_server) as one, connected(nats_server) as other:
        for broker, name in ((one, b"one"), (other, b"other")):

            async def respond(asked: Received, name: bytes = name) -> bytes:
                return name

            await broker.answer("hoga.ask.a", respond)
        said = []
        for wait_s in (0.3, 3.0, 30.0):  # so long it takes where others have the processor
            if len(said) < 2:
                said = await one.ask_all("hoga.ask.a", b"who", wait_s=wait_s)
        assert sorted(said) == [b"one", b"other"]
        assert await one.ask_all("hoga.ask.b", b"who", wait_s=0.1) == []


async def test_a_server_without_jetstream_is_told(tmp_path: Path, nats_server: NatsServer) -> None:
    nats_server.jetstream = False
    nats_server.start()
    async with connected(nats_server) as broker:
        with pytest.raises(BrokerRefused, match="no JetStream"):
            await broker.ensure(SEGMENTS)


async def test_something_that_is_no_nats_server_is_told() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    serving = await asyncio.start_server(serve, sock=listener)
    async with serving:
        broker = Broker(address_of(f"nats://127.0.0.1:{listener.getsockname()[1]}", {}), "test")
        with pytest.raises(HogaError) as told:
            await broker.open()
        assert "\n" not in str(told.value)


async def test_what_asks_for_encryption_tells_a_server_without_it_nothing() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.9.10","max_payload":1048576,"auth_required":true}\r\n')
        heard.append(await reader.read())
        writer.close()

    serving = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with serving:
        url = f"tls://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
        broker = Broker(address_of(url, {"NATS_USER": "me", "NATS_PASSWORD": "hush"}), "test")
        with pytest.raises(BrokerRefused, match="does not encrypt, and tls:// asks for it"):
            await broker.open()
    assert b"".join(heard) == b""


@pytest.mark.parametrize("text", [None, "", "-----BEGIN NATS USER JWT-----\nabc\n------END"], ids=["missing", "empty", "half"])
async def test_credentials_that_are_none_are_one_line(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "me.creds"
    if text is not None:
        file.write_text(text)
    broker = Broker(address_of("nats://127.0.0.1:1", {"NATS_CREDS": str(file)}), "test")
    with pytest.raises(BrokerRefused, match=r"^NATS_CREDS: [^\n]*expected a credentials file") as told:
        await broker.open()
    assert "abc" not in str(told.value)


def test_a_credentials_file_says_who_one_is_and_proves_it(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    raw = bytes([18 << 3 | 160 >> 5, (160 & 31) << 3]) + key.private_bytes_raw()
    seed = base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")
    lines = ("-----BEGIN NATS USER JWT-----", "a.b.c", "------END NATS USER JWT------", "", "*** IMPORTANT ***", "")
    file = tmp_path / "me.creds"
    file.write_text("\n".join((*lines, "-----BEGIN USER NKEY SEED-----", seed, "------END USER NKEY SEED------", "")))
    credentials = Credentials(file)
    assert credentials.jwt() == b"a.b.c"
    key.public_key().verify(base64.b64decode(credentials.sign("nonce")), b"nonce")
    file.write_text(file.read_text().replace(seed, ("A" if seed[5] != "A" else "B").join((seed[:5], seed[6:]))))
    with pytest.raises(ValueError, match="SEED is damaged"):
        Credentials(file)
