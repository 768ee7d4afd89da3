"""REST against a server that answers anything: what came is told, bounded, with where it came from."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import zlib
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.compression_utils import ZLibBackend
from isal import isal_zlib

from hoga.core.errors import RateLimited, Refused, Unavailable, VenueError, WireFault
from hoga.core.secret import Secret
from hoga.net import rest as rest_module
from hoga.net.ratelimit import BAN_S, Budget
from hoga.net.rest import RestClient
from hoga.venues.request import Request
from tests.net.raw import RawServer, read_request, reset, run, until_gone
from tests.waiting import LONG_S

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def answering(answer: bytes, then: Callable[[socket.socket], object] = lambda peer: None) -> Callable[[socket.socket], object]:
    def script(peer: socket.socket) -> bytes:
        request = read_request(peer)
        peer.sendall(answer)
        then(peer)
        return request

    return script


def body(text: bytes) -> bytes:
    return JSON % (len(text), text)


def ask(server: RawServer, work: Callable[[RestClient], Any], **fields: Any) -> Any:
    async def whole() -> Any:
        url = server.url.replace("ws://", "http://")
        async with RestClient("binance", url, tls=None, **{"timeout_s": 5.0, **fields}) as rest:
            try:
                return await work(rest)
            except VenueError as fault:
                return fault

    return run("asyncio", whole)


def test_what_is_asked_for_comes_decoded() -> None:
    with RawServer(answering(body(b'{"serverTime":7}'))) as server:
        assert ask(server, lambda rest: rest.read("/time", lambda data: json.loads(data)["serverTime"])) == 7


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (body(b"<html>\r\n<b>maintenance</b>\x1b[2J"), "HTTP 200, application/json: <html> <b>maintenance</b> [2J"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n\r\nhi", "HTTP 200, text/html: hi"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP 200, without a body"),
        (body(b"\xff\xfe"), "HTTP 200"),
        (body(b"[]"), "HTTP 200, application/json: []"),
        (body(b'{"serverTime":"soon"}'), "soon"),
        (body(b'{"serverTime":' + b"9" * 10_000 + b"}"), "999…"),
        (body(b"[" * 100_000), r"[[[…"),
    ],
)
def test_an_answer_that_is_no_answer_is_the_venues_fault(answer: bytes, why: str) -> None:
    decoder = msgspec.json.Decoder(msgspec.defstruct("Time", [("serverTime", int)]))
    with RawServer(answering(answer)) as server:
        fault = ask(server, lambda rest: rest.read("/api/v3/time", decoder.decode))
    assert isinstance(fault, WireFault)
    assert f"127.0.0.1:{server.port}/api/v3/time answered" in str(fault)
    assert why in str(fault)
    assert str(fault).isprintable()
    assert len(str(fault)) < 500


@pytest.mark.parametrize("fault", [KeyError("x"), IndexError(), TypeError("none"), AttributeError(), RecursionError(), ZeroDivisionError()])
def test_whatever_a_decoder_trips_over(fault: Exception) -> None:
    def decode(data: bytes) -> int:
        raise fault

    with RawServer(answering(body(b"{}"))) as server:
        assert isinstance(ask(server, lambda rest: rest.read("/x", decode)), WireFault)


@pytest.mark.parametrize("status", [451, 403, 500, 520, 599])
def test_another_status_is_told_with_what_came(status: int) -> None:
    answer = b"HTTP/1.1 %d Nope\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nnot for you\r\n" % status
    with RawServer(answering(answer)) as server:
        fault = ask(server, lambda rest: rest.get("/x"))
    assert isinstance(fault, Refused)
    assert (fault.code, fault.status) == (status, status)
    assert f"127.0.0.1:{server.port}/x answered HTTP {status}, text/plain: not for you" in str(fault)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        (b"Retry-After: 7\r\n", 6.0, 7.0),
        (b"Retry-After: 999999999\r\n", 86_000.0, 86_400.0),
        (b"Retry-After: 1e400\r\n", 86_000.0, 86_400.0),
        (b"Retry-After: nan\r\n", 9.0, 10.0),
        (b"Retry-After: -3\r\n", 0.0, 0.0),
        (b"Date: Mon, 30 Nov 2026 00:54:00 GMT\r\nRetry-After: Mon, 30 Nov 2026 00:54:20 GMT\r\n", 19.0, 20.0),
        (b"", 9.0, 10.0),
    ],
)
@pytest.mark.parametrize("status", [429, 418])
def test_a_refusal_says_for_how_long_it_really_is(headers: bytes, least: float, most: float, status: int) -> None:
    budget = Budget(limit=1_000, window_s=10.0, longest_s=86_400.0)
    with RawServer(answering(b"HTTP/1.1 %d Slow\r\n%bContent-Length: 0\r\n\r\n" % (status, headers))) as server:
        fault = ask(server, lambda rest: rest.get("/x"), budget=budget)
    assert isinstance(fault, RateLimited)
    if status == 418 and most == 10.0:
        least, most = BAN_S - 1.0, BAN_S  # a ban without a time that can be read
    assert least <= fault.retry_after_s <= most
    assert budget.wait_s(monotonic()) <= fault.retry_after_s


@pytest.mark.parametrize(
    "script",
    [
        lambda peer: None,
        reset,
        answering(b"garbage\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 100_000 + b"\r\n\r\n"),
        answering(b"HTTP/1.1 302 Found\r\nLocation: http://[bad/\r\nContent-Length: 0\r\n\r\n"),
        answering(b"", until_gone),
    ],
)
def test_no_answer_is_one_error(script: Callable[[socket.socket], object], caplog: pytest.LogCaptureFixture) -> None:
    with RawServer(script) as server, caplog.at_level(logging.WARNING):
        fault = ask(server, lambda rest: rest.get("/x"), timeout_s=0.5)
    assert type(fault) is Unavailable
    assert f"no answer from http://127.0.0.1:{server.port}/x: " in str(fault)
    assert str(fault).isprintable()
    assert caplog.records == []


def zipped(text: bytes, *, coding: bytes = b"gzip", cut: int = 0) -> bytes:
    packed = gzip.compress(text)
    packed = packed[: len(packed) - cut]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (coding, len(packed)) + packed


@pytest.fixture(params=["zlib", "isal"])
def inflater(request: pytest.FixtureRequest) -> Iterator[None]:
    """What some other library of the process has made aiohttp inflate with."""
    before = ZLibBackend._zlib_backend
    aiohttp.set_zlib_backend(isal_zlib if request.param == "isal" else zlib)
    yield
    aiohttp.set_zlib_backend(before)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "no gzip"),
        (zipped(b"[1]", cut=4), "without its end"),
        (zipped(b"[1]", coding=b"br"), "a body in br, which was not asked for"),
        (zipped(b"[1]", coding=b"gzip, gzip"), "a body in gzip, gzip, which was not asked for"),
        (zipped(b"[" * 2_000_000), "more than 1048576 bytes"),
    ],
)
def test_a_body_that_is_not_packed_as_it_says_is_no_answer(
    answer: bytes, why: str, inflater: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_module, "MAX_BODY_BYTES", 1 << 20)
    with RawServer(answering(answer)) as server:
        fault = ask(server, lambda rest: rest.get("/x"))
    assert type(fault) is Unavailable
    assert why in str(fault)


def test_a_packed_body_comes_whole(inflater: None) -> None:
    text = json.dumps(list(range(100_000))).encode()
    with RawServer(answering(zipped(text))) as server:
        assert ask(server, lambda rest: rest.get("/x")) == text


def test_a_body_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "MAX_BODY_BYTES", 1 << 20)
    with RawServer(answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (4 << 20))) as server:
        fault = ask(server, lambda rest: rest.get("/x"), timeout_s=LONG_S)
    assert "more than 1048576 bytes" in str(fault)


def test_a_call_with_secrets_tells_only_the_kind_of_trouble() -> None:
    def echo(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 " + read_request(peer))

    with RawServer(echo) as server:
        fault = ask(
            server, lambda rest: rest.send(Request(method="POST", path="/key?signature=hidden", headers={"X-KEY": Secret("hidden")}))
        )
    assert type(fault) is Unavailable
    assert "hidden" not in str(fault)
    assert "/key" in str(fault)
    assert fault.__cause__ is None


async def test_a_turn_that_does_not_come_in_time_is_a_refusal() -> None:
    budget = Budget(limit=1, window_s=60.0)
    budget.take(monotonic())
    async with RestClient("binance", "http://127.0.0.1:9", tls=None, timeout_s=0.1, budget=budget) as rest:
        with pytest.raises(RateLimited):
            await asyncio.wait_for(rest.get("/x"), 60)
