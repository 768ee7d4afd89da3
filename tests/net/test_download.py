"""One large file: gone on with where it was left, or begun anew, and never given up for its length."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from hoga.core.errors import ArchiveError, RateLimited, Refused, VenueError, WireFault
from hoga.net.download import Downloader, Fetched, Patience, discard
from hoga.runtime.clock import ManualClock

BODY = random.Random(1).randbytes(3_000_000)
OTHER = random.Random(2).randbytes(2_000_000)
SHA = hashlib.sha256(BODY).hexdigest()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """One file at /file; `answers` are taken one after the other, the last one for ever. `ranges`: what was asked for."""

    def __init__(self) -> None:
        self.answers: list[Handler] = []
        self.ranges: list[str | None] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("Range"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_get("/file", made.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def whole(body: bytes = BODY, *, etag: str = '"one"', ranges: bool = True) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range", "")
        if ranges and asked and request.headers.get("If-Range") == etag:
            at = int(asked.removeprefix("bytes=").rstrip("-"))
            if at >= len(body):
                return web.Response(status=416)
            headers = {"ETag": etag, "Content-Range": f"bytes {at}-{len(body) - 1}/{len(body)}"}
            return web.Response(status=206, body=body[at:], headers=headers)
        return web.Response(body=body, headers={"ETag": etag, "Last-Modified": "yesterday"})

    return answer


def cut(at: int, *, etag: str = '"one"', then: float = 0.0) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        begin = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        response = web.StreamResponse(status=206 if begin else 200, headers={"ETag": etag})
        if begin:
            response.headers["Content-Range"] = f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"
        response.content_length = len(BODY) - begin
        await response.prepare(request)
        await response.write(BODY[begin:at])
        await asyncio.sleep(then)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def status(code: int, **headers: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers, text="no")

    return answer


async def fetch(
    server: Server, target: Path, *, silence_s: float = 5.0, patience: Patience | None = None, from_start: bool = False
) -> Fetched:
    async with Downloader("venue", server.url, tls=None, silence_s=silence_s, connections=2, patience=patience or Patience()) as downloader:
        return await downloader.fetch("/file", target, from_start=from_start)


async def test_a_file_comes_whole_and_hashed(server: Server, tmp_path: Path) -> None:
    server.answers = [whole()]
    got = await fetch(server, tmp_path / "f.zip")
    assert got == Fetched(SHA, len(BODY), "one", "yesterday", 0)
    assert (tmp_path / "f.zip.part").read_bytes() == BODY
    assert not (tmp_path / "f.zip").exists()


async def test_what_broke_off_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.answers = [cut(2_000_000), cut(2_500_000), whole()]
    for _ in range(2):
        with pytest.raises(VenueError, match="broke off"):
            await fetch(server, tmp_path / "f.zip")
    got = await fetch(server, tmp_path / "f.zip")
    assert got.sha256 == SHA
    assert got.resumed_at >= 1_500_000
    assert server.ranges[0] is None
    assert int(str(server.ranges[1]).removeprefix("bytes=").rstrip("-")) > 1_500_000
    assert (tmp_path / "f.zip.part").read_bytes() == BODY


@pytest.mark.parametrize("second", [whole(OTHER, etag='"two"'), whole(OTHER, ranges=False)])
async def test_the_whole_file_for_an_answer_starts_over(server: Server, tmp_path: Path, second: Handler) -> None:
    server.answers = [cut(2_000_000), second]
    with pytest.raises(VenueError):
        await fetch(server, tmp_path / "f.zip")
    got = await fetch(server, tmp_path / "f.zip")
    assert (got.sha256, got.resumed_at) == (hashlib.sha256(OTHER).hexdigest(), 0)
    assert (tmp_path / "f.zip.part").read_bytes() == OTHER


async def test_a_range_that_begins_elsewhere_is_not_appended(server: Server, tmp_path: Path) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        headers = {"ETag": '"one"', "Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"}
        return web.Response(status=206, body=BODY, headers=headers)

    server.answers = [cut(2_000_000), elsewhere]
    with pytest.raises(VenueError):
        await fetch(server, tmp_path / "f.zip")
    assert (await fetch(server, tmp_path / "f.zip")).sha256 == SHA


async def test_nothing_is_gone_on_with_whose_etag_nobody_knows(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(b"left by somebody")
    server.answers = [whole()]
    assert (await fetch(server, tmp_path / "f.zip")).sha256 == SHA
    assert server.ranges == [None]


async def test_a_piece_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(BODY + b"more")
    (tmp_path / "f.zip.part.etag").write_text("one")
    server.answers = [whole()]
    with pytest.raises(VenueError, match="anew"):
        await fetch(server, tmp_path / "f.zip")
    assert (await fetch(server, tmp_path / "f.zip")).sha256 == SHA


async def test_from_the_start_means_that(server: Server, tmp_path: Path) -> None:
    server.answers = [cut(2_000_000), whole()]
    with pytest.raises(VenueError):
        await fetch(server, tmp_path / "f.zip")
    assert (await fetch(server, tmp_path / "f.zip", from_start=True)).resumed_at == 0


async def test_a_timeout_is_silence_not_length(server: Server, tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"one"'})
        response.content_length = 8_000
        await response.prepare(request)
        for at in range(8):
            await response.write(BODY[at * 1_000 : (at + 1) * 1_000])
            await asyncio.sleep(0.1)
        return response

    server.answers = [slow]
    assert (await fetch(server, tmp_path / "f.zip", silence_s=0.4)).bytes == 8_000
    server.answers = [cut(10, then=1.0)]
    with pytest.raises(VenueError, match=r"nothing came for 0\.4 s"):
        await fetch(server, tmp_path / "g.zip", silence_s=0.4)


@pytest.mark.parametrize("code", [429, 418, 503])
async def test_everybody_waits_who_shares_the_patience(server: Server, tmp_path: Path, code: int) -> None:
    clock = ManualClock()
    patience = Patience(clock)
    server.answers = [status(code, **{"Retry-After": "7"}), whole()]
    with pytest.raises(RateLimited) as refused:
        await fetch(server, tmp_path / "f.zip", patience=patience)
    assert refused.value.retry_after_s == 7
    waiting = asyncio.create_task(fetch(server, tmp_path / "g.zip", patience=patience))
    await asyncio.sleep(0.05)
    assert len(server.ranges) == 1
    while not waiting.done():
        clock.advance(1.0)
        await asyncio.sleep(0.01)
    assert waiting.result().sha256 == SHA


@pytest.mark.parametrize("code", [403, 404, 500, 503])
async def test_other_answers_are_refusals(server: Server, tmp_path: Path, code: int) -> None:
    server.answers = [status(code)]
    with pytest.raises(Refused) as refused:
        await fetch(server, tmp_path / "f.zip")
    assert refused.value.status == code
    assert list(tmp_path.iterdir()) == []


async def test_a_page_is_no_file(server: Server, tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>please log in</html>", content_type="text/html")

    server.answers = [page]
    with pytest.raises(WireFault, match="please log in"):
        await fetch(server, tmp_path / "f.zip")


async def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    server.answers = [whole()]
    with pytest.raises(ArchiveError, match="cannot be written"):
        await fetch(server, tmp_path / "missing" / "f.zip")


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    server = Server()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with pytest.raises(VenueError, match="broke off"):
        await fetch(server, tmp_path / "f.zip")


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    for name in ("f.zip.part", "f.zip.part.etag"):
        (tmp_path / name).write_text("x")
    discard(tmp_path / "f.zip")
    assert list(tmp_path.iterdir()) == []
