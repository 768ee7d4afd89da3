"""`hoga run` against a server that is none of ours (the `websockets` library), which cuts, swaps, doubles, babbles and splits.

What it sent is compared with what is in the archive: every payload once, byte for byte, in the order of its connection; what is
missing was on its way when a connection or the program was killed, and the ledger says so.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time_ns
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.certificate import make_certificate
from hoga.archive.prove.verify import verify
from hoga.core.streams import Stream
from hoga.core.times import SECOND_NS
from tests.recorder.test_captures import read, streams_of
from tests.recorder.workbench import SPOT, Archive, agg_trade, book, delta, frame, stream

pytestmark = [pytest.mark.slow]

BOOK, TRADE, DELTA = (stream("BTCUSDT", channel) for channel in ("depth20@100ms", "aggTrade", "depth@100ms"))
HUGE = b'{"lastUpdateId":%d,"bids":[],"asks":[],"pad":"' + b"x" * 10_000_000 + b'"}'
GARBAGE: list[str | bytes] = [
    '{"stream":"btcusdt@aggTrade","data":{"e":',
    b"\xff\x00\xfe" * 50,
    "no json",
    '{"stream":"nobody@trade","data":{"t":1}}',
]
SETTLED_S = 0.4
IN_FLIGHT_NS = 1_500_000_000


class Sent(NamedTuple):
    """One frame, and when."""

    name: str
    payload: bytes
    at_ns: int


class Exchange:
    """Serves frames to whoever is connected; `sent` is a list for each connection there ever was."""

    def __init__(self) -> None:
        self.sent: list[list[Sent]] = []
        self.garbage = self.doubled = 0
        self.socket: ServerConnection | None = None
        self.there = asyncio.Event()

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        names = parse_qs(urlsplit(socket.request.path).query).get("streams", [""])[0]
        if names:
            self._begin(socket)
        try:
            async for text in socket:
                request = json.loads(text)
                await socket.send(json.dumps({"result": None, "id": request["id"]}))
                if request["method"] == "SUBSCRIBE":
                    self._begin(socket)
        except ConnectionClosed:
            pass
        if self.socket is socket:
            self.socket = None
            self.there.clear()

    def _begin(self, socket: ServerConnection) -> None:
        if self.socket is not socket:
            self.socket = socket
            self.sent.append([])
            self.there.set()

    async def send(self, of: Stream, payload: bytes, *, pieces: int = 1) -> None:
        """Send a frame, in so many fragments; wait for a connection where there is none."""
        await self.there.wait()
        assert self.socket is not None
        text = frame(of, payload).decode()
        size = -(-len(text) // pieces)
        self.sent[-1].append(Sent(of.name, payload, time_ns()))
        try:
            await self.socket.send(text if pieces == 1 else [text[at : at + size] for at in range(0, len(text), size)])
        except ConnectionClosed:
            self.there.clear()

    async def babble(self, number: int) -> None:
        """Something that is no frame of a stream that is recorded."""
        if self.socket is not None:
            self.garbage += 1
            await self.socket.send(GARBAGE[number % len(GARBAGE)])

    async def cut(self, *, gently: bool) -> None:
        """End the connection: with a close frame, or without a word."""
        socket, self.socket = self.socket, None
        self.there.clear()
        assert socket is not None
        if gently:
            await socket.close(1001)
        else:
            socket.transport.abort()


@asynccontextmanager
async def exchange(certificate: Path | None) -> AsyncIterator[tuple[Exchange, str]]:
    made = Exchange()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server: Server
    async with serve(made.handle, "127.0.0.1", 0, ssl=context, compression=None, max_size=None, close_timeout=1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield made, f"{'wss' if certificate else 'ws'}://127.0.0.1:{port}"


class Recording:
    """`hoga run` in a process of its own, again and again."""

    def __init__(self, data: Path, url: str, streams: list[Stream], *settings: str) -> None:
        channels = ",".join(dict.fromkeys(of.channel for of in streams))
        symbols = ",".join(dict.fromkeys(of.symbol for of in streams))
        values = [f"SYMBOLS={symbols}", f"STREAMS={channels}", f"WS_URL={url}", "REST_URL=http://127.0.0.1:9", "LATENCY_GATE=off"]
        values += ["FSYNC_INTERVAL_MS=50", "DISK_RESERVE_MB=1", "DASHBOARD_PORT_NUMBER=0", "BASE_BACKOFF=1", f"LOG_DIR={data / 'logs'}"]
        self.data = data
        self._arguments = ["run", "--json", "--data", str(data), *(part for value in [*values, *settings] for part in ("--set", value))]
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hoga", *self._arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            assert json.loads(await self._process.stdout.readline())["ready"] is True

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        self._process.terminate()
        async with asyncio.timeout(60):
            return await self._process.wait()


def synthetic() -> Iterator[tuple[Stream, bytes]]:
    for number in range(1, 1_200):
        yield BOOK, book(10 * number)
        yield TRADE, agg_trade(number)
        yield DELTA, delta(5 * number - 4, 5 * number)


def captured(folder: Path) -> list[tuple[Stream, bytes]]:
    """Books and the stream of a capture, each frame once, one after the other."""
    texts = [
        text
        for name in ("derived_depth20_btcusdt_20240808.gz", "hft_btcusdt_20240808.gz")
        for text in itertools.islice(read(folder / name), 1_500)
    ]
    by_key = {SPOT.frame_key(of): of for of in streams_of(texts)}
    found = [(by_key[text[: text.index(b"{", 12)]], text) for text in dict.fromkeys(texts)]
    return [(of, text[len(SPOT.frame_key(of)) : -1]) for of, text in found]


async def play(server: Exchange, frames: list[tuple[Stream, bytes]], events: dict[int, Callable[[], Awaitable[None]]]) -> None:
    """Send all, with an event before some of them; after each break the last ones come again."""
    held: tuple[Stream, bytes] | None = None
    for place, (of, payload) in enumerate(frames):
        if place in events:
            await events[place]()
            for again in frames[max(0, place - 6) : place]:
                server.doubled += 1
                await server.send(*again)
        if place % 97 == 50 and held is None:
            held = (of, payload)  # it comes behind its neighbour
            continue
        await server.send(of, payload, pieces=3 if place % 41 == 0 else 1)
        if held is not None:
            await server.send(*held)
            held = None
        if place % 71 == 0:
            server.doubled += 1
            await server.send(of, payload)
        if place % 113 == 0:
            await server.babble(place // 113)
        if place % 8 == 0:
            await asyncio.sleep(0.01)


async def record(tmp_path: Path, frames: list[tuple[Stream, bytes]], *, tls: bool, archive_format: str) -> None:
    certificate = make_certificate(tmp_path) if tls else None
    streams = list(dict.fromkeys(of for of, _ in frames))
    fatal: list[int] = []
    settings = [f"ARCHIVE_FORMAT={archive_format}", *([f"TLS_CA={certificate}"] if certificate else [])]
    async with exchange(certificate) as (server, url):
        recording = Recording(tmp_path / "data", url, streams, *settings)

        async def cut_gently() -> None:
            await asyncio.sleep(SETTLED_S)
            await server.cut(gently=True)

        async def cut_hard() -> None:
            await asyncio.sleep(SETTLED_S)
            await server.cut(gently=False)

        async def cut_in_full_flow() -> None:
            fatal.append(time_ns())
            await server.cut(gently=False)

        async def kill() -> None:
            fatal.append(time_ns())
            await recording.kill()
            server.there.clear()
            await recording.start()

        await recording.start()
        step = len(frames) // 7
        events = {step: cut_gently, 2 * step: kill, 3 * step: cut_hard, 4 * step: cut_in_full_flow, 5 * step: kill, 6 * step: cut_gently}
        await play(server, frames, events)
        await asyncio.sleep(SETTLED_S)
        assert await recording.stop() == 0
        compare(server, Archive(recording.data), streams, fatal)
    report = verify([recording.data])
    assert report.ok, report.problems


def compare(server: Exchange, archive: Archive, streams: list[Stream], fatal: list[int]) -> None:
    for of in streams:
        lives = list(_lives(archive.text(of.symbol, of.kind)))
        orders = [[each.payload for each in connection if each.name == of.name] for connection in server.sent]
        for payloads in lives:
            assert any(_is_within(payloads, order) for order in orders), f"{of.name}: another order than the connection's"
        written = Counter(payload for payloads in lives for payload in payloads)
        assert max(written.values()) == 1, "doubled"
        times: dict[bytes, list[int]] = defaultdict(list)
        for each in itertools.chain.from_iterable(server.sent):
            if each.name == of.name:
                times[each.payload].append(each.at_ns)
        assert set(written) <= set(times), "invented"
        gaps = archive.gaps(of.symbol, of.kind)
        for payload in set(times) - set(written):
            at_ns = times[payload][-1]
            assert any(abs(moment - at_ns) <= IN_FLIGHT_NS for moment in fatal), (of.name, payload[:80])
            assert any(gap.from_ns - SECOND_NS <= at_ns <= gap.to_ns + SECOND_NS for gap in gaps), (of.name, payload[:80])
    assert len(archive.lines("ODD", "aside")) >= server.garbage > 3
    assert server.doubled > 30


def _lives(text: bytes) -> Iterator[list[bytes]]:
    """The payloads of each life of each connection, in the order of the file."""
    lines = [line.partition(b',"epoch":')[2].partition(b',"conn":"')[::2] for line in text.splitlines()]
    places = [(epoch, *rest.partition(b'",')[::2]) for epoch, rest in lines]
    for _, life in itertools.groupby(places, key=lambda place: place[:2]):
        yield [b"{" + payload for _, _, payload in life]


def _is_within(some: list[bytes], all_of_them: list[bytes]) -> bool:
    """Whether `some` come in this order, with others between."""
    left = iter(all_of_them)
    return all(each in left for each in some)


@pytest.mark.parametrize(("tls", "archive_format"), [(False, "zip"), (True, "zst")])
async def test_made_up_frames(tmp_path: Path, tls: bool, archive_format: str) -> None:
    frames = list(synthetic())
    frames.insert(len(frames) // 3, (BOOK, HUGE % (10 * len(frames) // 9 + 1)))
    await record(tmp_path, frames, tls=tls, archive_format=archive_format)


@pytest.mark.parametrize(("tls", "archive_format"), [(False, "zst"), (True, "zip")])
async def test_captured_frames(captures: Path, tmp_path: Path, tls: bool, archive_format: str) -> None:
    await record(tmp_path, captured(captures / "binance-spot"), tls=tls, archive_format=archive_format)
