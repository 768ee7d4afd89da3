"""What a reader says is bounded and checked; whatever goes wrong for one reader ends that reader and nobody else."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from hoga.hub import local, local_server
from hoga.hub.local_server import HubServer
from tests.hub.test_local import Reading, Stage
from tests.hub.test_local import stage as stage
from tests.hub.workbench import FakeWire, ticker
from tests.waiting import eventually

BAD_WISHES: list[Any] = [
    [-1, "upbit", "KRW-A", "ticker"],
    [2**32, "upbit", "KRW-A", "ticker"],
    [1.5, "upbit", "KRW-A", "ticker"],
    [None, "upbit", "KRW-A", "ticker"],
    [1, "", "KRW-A", "ticker"],
    [1, "upbit", "", "ticker"],
    [1, "upbit", "K" * 10_000, "ticker"],
    [1, "upbit", "KRW-A", ""],
    [1, "upbit"],
]


def say(body: bytes) -> bytes:
    return local.HEAD.pack(len(body), local.NOTE) + body


def want(wishes: list[Any]) -> bytes:
    return say(local._encoder.encode({"t": "want", "wishes": wishes}))


@pytest.mark.parametrize("wish", BAD_WISHES, ids=range(len(BAD_WISHES)))
async def test_a_wish_that_is_none_ends_its_reader_only(stage: Stage, wish: Any) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    server = await stage.serve(wire)
    await reading.register(await stage.reader(), "KRW-A")
    got, writer = await asyncio.open_unix_connection(str(stage.path))
    await eventually(lambda: len(server.readers) == 2)
    writer.write(want([wish]))
    await asyncio.wait_for(_to_the_end(got), 60)
    await eventually(lambda: wire.streams)
    for number in range(3):
        wire.push(ticker("KRW-A", number))
    await eventually(lambda: reading.events and reading.events[-1].payload == ticker("KRW-A", 2))
    assert len(server.readers) == 1
    writer.close()


async def _to_the_end(got: asyncio.StreamReader) -> None:
    try:
        while await got.read(65536):
            pass
    except ConnectionResetError:
        pass


@pytest.mark.parametrize("number", [0, 2**32 - 1])
async def test_any_number_that_fits_is_served(stage: Stage, number: int) -> None:
    wire = FakeWire("upbit")
    await stage.serve(wire)
    got, writer = await asyncio.open_unix_connection(str(stage.path))
    writer.write(want([[number, "upbit", "KRW-A", "ticker"]]))
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 7))
    splitter, events = local.Splitter(), []
    async with asyncio.timeout(60):
        while not events:
            events = [body for kind, body in splitter.feed(await got.read(65536)) if kind == local.EVENT]
    assert local.EVENT_BODY.unpack_from(events[0])[0] == number
    writer.close()


@pytest.mark.parametrize("place", ["_encode", "_take", "beat", "_specs"])
async def test_a_fault_of_ours_while_serving_a_reader_ends_that_reader(stage: Stage, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    wire, fine = FakeWire("upbit"), Reading()
    server = await stage.serve(wire)
    await fine.register(await stage.reader(), "KRW-A")
    await eventually(lambda: wire.streams)
    good = next(iter(server.readers.values()))
    real = getattr(local_server._Reader, place)

    def fail(self: Any, *args: Any) -> Any:
        if self is good:
            return real(self, *args)
        raise struct.error("no")

    monkeypatch.setattr(local_server._Reader, place, fail)
    got, writer = await asyncio.open_unix_connection(str(stage.path))
    await eventually(lambda: len(server.readers) == 2)
    writer.write(want([[1, "upbit", "KRW-A", "ticker"]]))
    ended = asyncio.create_task(_to_the_end(got))
    number = 0
    while not ended.done():
        number += 1
        wire.push(ticker("KRW-A", number))
        await asyncio.sleep(0.01)
        assert number < 3_000
    await eventually(lambda: fine.events and fine.events[-1].payload == ticker("KRW-A", number))
    assert list(server.readers.values()) == [good]
    writer.close()


async def _half(server: HubServer, path: str, length: int, sent: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(local.HEAD.pack(length, local.NOTE) + b" " * sent)
    await asyncio.wait_for(writer.drain(), 60)
    return writer


async def test_half_sent_requests_are_bounded_one_by_one_and_in_all(stage: Stage) -> None:
    server = await stage.serve(FakeWire("upbit"))
    writer = await _half(server, str(stage.path), local.REQUEST_MAX_BYTES + 1, 10)
    await eventually(lambda: server._number == 1 and not server.readers)
    writer.close()
    writers = [await _half(server, str(stage.path), local.REQUEST_MAX_BYTES, local.REQUEST_MAX_BYTES - 100) for _ in range(30)]
    await eventually(lambda: server._number == 31)
    await eventually(lambda: 5 <= len(server.readers) <= 9)
    assert sum(reader.half_sent for reader in server.readers.values()) <= 8 * 1024 * 1024
    for writer in writers:
        writer.close()


async def test_a_request_that_is_never_ended_is_not_waited_for(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    server = await stage.serve(wire, request_s=0.2, beat_s=0.05)
    await reading.register(await stage.reader(), "KRW-A")
    writer = await _half(server, str(stage.path), 1000, 10)
    await eventually(lambda: server._number == 2)
    await eventually(lambda: len(server.readers) == 1)
    wire.push(ticker("KRW-A", 1))
    await eventually(lambda: reading.events)
    writer.close()


async def test_a_hub_whose_frames_are_too_short_is_connected_anew(stage: Stage) -> None:
    wire, reading = FakeWire("upbit"), Reading()
    server = await stage.serve(wire)
    await reading.register(await stage.reader(), "KRW-A")
    await eventually(lambda: wire.streams)
    (reader,) = server.readers.values()
    assert reader._transport is not None
    reader._transport.write(local.HEAD.pack(3, local.EVENT) + b"abc")
    await eventually(lambda: stage.hubs[0].reconnects == 1 and stage.hubs[0].connected)
    await eventually(lambda: wire.streams)
    wire.push(ticker("KRW-A", 1))
    await eventually(lambda: reading.events)
