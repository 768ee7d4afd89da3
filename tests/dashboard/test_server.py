"""The dashboard's process over its socket: what it answers to friends, strangers, crowds and garbage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import aiohttp
import psutil
import pytest

from hoga.dashboard.page import PageWriter
from tests.dashboard.stage import SCENES, STARTED_NS, Served, Stage, make_trader, serving
from tests.dashboard.trader_stage import door_at
from tests.waiting import until

TOKEN = "a-token-of-some-length"


def health(served: Served) -> tuple[int, list[str]]:
    status, body, _ = served.get("/healthz")
    return status, [reason["code"] for reason in json.loads(body)["reasons"]]


async def first_frames(url: str, count: int, **kwargs: Any) -> list[dict[str, Any]]:
    """The messages of the first `count` frames."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/dashboard", **kwargs) as link:
        messages: list[dict[str, Any]] = []
        for _ in range(count):
            messages += json.loads((await link.receive()).data)
        return messages


# -- what it serves ------------------------------------------------------------------------------------------------


def test_healthz_follows_the_run(stage: Stage, served: Served) -> None:
    until(lambda: health(served) == (200, []))
    for name, scene in SCENES.items():
        stage.scene = scene
        until(lambda name=name: name in health(served)[1])
        assert health(served)[0] == (200 if name in ("disk-low", "skewed") else 503)
    stage.scene = lambda snapshot: snapshot
    until(lambda: health(served) == (200, []))


def test_a_recorder_that_hangs_is_told_within_three_seconds_and_heals(stage: Stage, served: Served) -> None:
    until(lambda: health(served)[0] == 200)
    stage.hold()
    assert until(lambda: health(served) == (503, ["stale"])) < 3.0
    stage.go_on()
    assert until(lambda: health(served) == (200, [])) < 3.0


def test_a_recorder_that_is_gone_and_comes_back(own_stage: Stage, own_served: Served) -> None:
    until(lambda: health(own_served)[0] == 200)
    own_stage.close()
    assert until(lambda: health(own_served) == (503, ["not-running"])) < 3.0
    again = Stage(own_stage.folder, symbols=5, started_ns=STARTED_NS + 1)
    again.play()
    assert until(lambda: health(own_served) == (200, [])) < 3.0
    again.close()


def test_a_page_of_another_kind_is_named(own_stage: Stage, own_served: Served) -> None:
    until(lambda: health(own_served)[0] == 200)
    own_stage.hold()
    own_stage.page.unlink()
    own_stage.page.write_bytes(b"something else" * 10)
    until(lambda: health(own_served) == (503, ["page-foreign"]))
    own_stage.page.unlink()
    other = PageWriter(own_stage.page, slot_bytes=1_000)

    def is_told() -> bool:
        other.publish(b"no snapshot at all")  # a page that nobody writes any more is told as old before anything else
        return health(own_served) == (503, ["page-version"])

    until(is_told)
    other.close()


def test_metrics_and_files(served: Served) -> None:
    status, body, headers = served.get("/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert b"# TYPE hoga_up gauge\nhoga_up 1.0\n" in body
    status, body, headers = served.get("/dashboard")
    assert status == 200
    assert b"<!doctype html>" in body
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    assert served.get("/dashboard", If_None_Match=headers["etag"])[0] == 304
    assert served.get("/")[2]["location"] == "/dashboard"


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/vendor/", "/docs", "/openapi.json", "/nothing"]
)
def test_nothing_else_is_served(served: Served, path: str) -> None:
    assert served.get(path)[0] == 404


async def test_the_socket_brings_everything(stage: Stage, served: Served) -> None:
    messages = await first_frames(served.url, 14)
    hello = next(message for message in messages if message["k"] == "hello")
    assert [row[0] for row in hello["meta"]["streams"]] == [row.name for row in stage.meta.streams]
    whole = next(message for message in messages if message["k"] == "news")
    assert {"connections", "venues", "process", "incidents", "log", "strips", "days", "usual", "now", "totals"} <= set(whole)
    assert whole["rows"]["at"] == 0
    assert len(whole["rows"]["rec"]) == len(stage.meta.streams)
    records = [message["totals"]["records"] for message in messages if message["k"] == "news"]
    assert records == sorted(records)
    assert records[-1] > records[0]


async def test_a_chosen_book_is_brought_and_the_recorder_told(stage: Stage, served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        await link.send_json({"select": "binance:SYM000USDT"})
        books: list[dict[str, Any]] = []
        while not books:
            books = [message for message in json.loads((await link.receive()).data) if message["k"] == "book"]
        assert len(books[0]["bids"]) == len(books[0]["asks"]) == 20
        status = await asyncio.to_thread(served.wait_for, lambda status: status.viewers == 1 and status.books)
        assert "binance:sym000usdt@depth20@100ms" in status.books
    await asyncio.to_thread(served.wait_for, lambda status: status.viewers == 0)


async def heard(link: Any, kind: str, good: Any = lambda message: True) -> dict[str, Any]:
    """The next message of a kind that is good."""
    while True:
        for message in json.loads((await link.receive(timeout=60)).data):
            if message["k"] == kind and good(message):
                return message


async def test_an_instrument_that_is_looked_at_brings_its_pictures(stage: Stage, served: Served) -> None:
    of = "binance:SYM000USDT"
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        hello = await heard(link, "hello", lambda message: message["meta"] is not None)
        assert hello["meta"]["instruments"][0] == ["binance", "SYM000USDT", None]
        assert [row[5] for row in hello["meta"]["streams"][:4]] == [0, 0, 1, 1]
        assert hello["histories"][0]["range"] == "15m"
        await link.send_json({"select": of, "range": "1m"})
        answer = await heard(link, "instrument")
        assert (answer["of"], answer["place"], answer["streams"]) == (of, 0, [0, 1])
        book = await heard(link, "book")
        assert (book["of"], len(book["bids"]), type(book["bids"][0][0])) == (of, 20, str)
        trades = await heard(link, "trades", lambda message: message["list"])
        assert trades["list"][0][3] in (1, -1)
        own = await heard(link, "own", lambda message: message["rate"] is not None)
        assert own["of"] == of
        await link.send_json({"select": of, "range": "1m"})
        history = await heard(link, "history", lambda message: message["of"] == of)
        assert history["series"].keys() == {"rate", "p50", "p99"}
        assert 0 < history["n"] == len(history["series"]["rate"]) <= 60
        assert history["t0"] + (history["n"] - 1) * history["step"] <= time.time() * 1_000
        assert history["of"] == of
        await link.send_json({"select": of})
        assert (await heard(link, "depth"))["cols"]


async def test_curves_are_asked_for_by_range(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        await heard(link, "news", lambda message: "totals" in message)
        for span, step in (("1m", 1_000), ("15m", 1_000), ("1h", 5_000), ("24h", 120_000)):
            await link.send_json({"range": span})
            history = await heard(link, "history", lambda message, span=span: message["range"] == span)
            assert (history["of"], history["step"], history["t0"] % step) == ("", step, 0)
            assert {"rate:binance", "p50", "p99", "worst", "disk99", "queue", "cpu"} <= history["series"].keys()


async def test_a_dashboard_that_is_started_again_has_the_curves_of_before(own_stage: Stage) -> None:
    async def histories(served: Served, good: Any) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
            while True:
                await link.send_json({"range": "15m"})
                told = await heard(link, "history")
                if good(told):
                    return told
                await asyncio.sleep(0.5)

    own_stage.play()
    with serving(own_stage) as first:
        before = await histories(first, lambda told: sum(value is not None for value in told["series"].get("rate:binance", ())) >= 3)
    with serving(own_stage) as again:
        after = await histories(again, lambda told: told["n"] > before["n"])
    assert after["t0"] == before["t0"]
    assert after["series"]["rate:binance"][1:3] == before["series"]["rate:binance"][1:3]


async def test_once_a_second_there_is_a_point_of_every_curve(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        seconds = [(await heard(link, "news", lambda message: "now" in message))["now"]["t"] for _ in range(4)]
        assert [after - before for before, after in zip(seconds[1:], seconds[2:], strict=False)] == [1_000, 1_000]


@pytest.mark.parametrize("said", ['{"range":"1y"}', '{"select":5}', '{"select":"a","more":1}', '{"run":"yes"}', "[]", '{"range":null}'])
async def test_what_a_viewer_cannot_say_ends_its_connection(served: Served, said: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        await link.send_str(said)
        while not link.closed:
            await link.receive(timeout=60)
        assert link.close_code == 1008


async def test_the_page_can_tell_that_it_is_older_than_its_server(served: Served) -> None:
    hello = next(message for message in await first_frames(served.url, 1) if message["k"] == "hello")
    assert re.fullmatch("[0-9a-f]{16}", hello["assets"])
    _, body, _ = await asyncio.to_thread(served.get, "/dashboard")
    assert b'content="%b"' % hello["assets"].encode() in body


# -- a trader's exit -------------------------------------------------------------------------------------------------


def post(served: Served, body: str, **headers: str) -> tuple[int, dict[str, Any]]:
    wanted = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(f"{served.url}/trader/flatten", data=body.encode(), headers=wanted, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as fault:
        text = fault.read()
        return fault.code, json.loads(text) if text.startswith(b"{") else {"text": text.decode()}


def test_a_flatten_takes_two_steps_and_a_stranger_takes_none(own_stage: Stage) -> None:
    journal, notes, flattened = own_stage.folder / "journal", list[str](), list[tuple[str, str]]()
    journal.mkdir()
    own_stage.play()
    with serving(own_stage) as served:
        assert post(served, '{"step":"arm"}') == (404, {"ok": False, "why": "no trader runs in this folder"})
        own_stage.trader = make_trader(own_stage.folder)
        until(lambda: post(served, '{"step":"arm"}')[0] == 409)  # its page is there, and nobody listens
        with door_at(journal, notes, flattened):
            assert post(served, '{"step":"arm"}', origin="http://evil.example")[0] == 403
            assert post(served, '{"step":"go"}')[0] == 400
            assert post(served, '{"step":"confirm","token":"x"}') == (409, {"ok": False, "why": "nothing is armed with this word"})
            status, armed = post(served, '{"step":"arm"}')
            assert (status, armed["ok"], armed["seconds"]) == (200, True, 10)
            assert flattened == []
            body = json.dumps({"step": "confirm", "token": armed["token"]})
            assert post(served, body, x_forwarded_for="203.0.113.9")[0] == 403, "from another machine it wants a token"
            assert post(served, body) == (200, {"ok": True})
            assert post(served, body)[0] == 409, "once"
    assert [who for who, _ in flattened] == ["dashboard"]
    assert "dashboard from 127.0.0.1" in flattened[0][1]
    assert notes == ["flatten-refused", "flatten-armed", "flatten-confirmed", "flatten-refused"]


def test_with_a_token_another_machine_may_flatten_too(own_stage: Stage) -> None:
    journal, notes, flattened = own_stage.folder / "journal", list[str](), list[tuple[str, str]]()
    journal.mkdir()
    own_stage.trader = make_trader(own_stage.folder)
    own_stage.play()
    with serving(own_stage, token="secret") as served, door_at(journal, notes, flattened):
        assert post(served, '{"step":"arm"}')[0] == 401
        far = {"x_forwarded_for": "203.0.113.9", "authorization": "Bearer secret"}
        until(lambda: post(served, '{"step":"arm"}', **far)[0] == 200)
        _, armed = post(served, '{"step":"arm"}', **far)
        assert post(served, json.dumps({"step": "confirm", "token": armed["token"]}), **far)[0] == 200
    assert "dashboard from 203.0.113.9" in flattened[0][1]


# -- strangers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.1.1:8000"])
def test_a_foreign_host_is_turned_away(served: Served, host: str) -> None:
    assert served.get("/dashboard", Host=host)[0] == 421
    assert served.get("/healthz", Host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
async def test_a_foreign_origin_gets_no_socket(served: Served, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await first_frames(served.url, 1, headers={"Origin": origin})
    assert refused.value.status == 403
    assert (await first_frames(served.url, 1, headers={"Origin": served.url}))[0]["k"] == "hello"


async def test_with_a_token_nothing_is_shown_without_it(own_stage: Stage) -> None:
    own_stage.play()
    with serving(own_stage, token=TOKEN) as served:
        until(lambda: served.get("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200)
        for path in ("/healthz", "/metrics", "/static/page/main.js"):
            assert served.get(path)[0] == 401, path
            assert served.get(path, Authorization="Bearer wrong")[0] == 401, path
            assert served.get(path, Authorization=f"Bearer {TOKEN}")[0] == 200, path
        assert served.get("/dashboard")[2]["location"] == "/login"
        assert served.get("/login")[0] == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await first_frames(served.url, 1)
        assert refused.value.status == 403
        status, _, headers = served.get(f"/dashboard?token={TOKEN}&x=1")
        assert (status, headers["location"]) == (303, "/dashboard?x=1")
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        value = cookie.partition(";")[0]
        assert served.get("/dashboard", Cookie=value)[0] == 200
        assert (await first_frames(served.url, 1, headers={"Cookie": value}))[0]["k"] == "hello"


def test_the_printed_address_opens_it_a_single_time(own_stage: Stage) -> None:
    with serving(own_stage, token=TOKEN) as served:
        path = served.status.url.removeprefix(served.url)
        assert "?token=" in path
        assert TOKEN not in path
        assert "set-cookie" in served.get(path)[2]
        assert served.get(path)[0] == 401


def test_guesses_are_limited_and_the_right_token_is_not(own_stage: Stage) -> None:
    with serving(own_stage, token=TOKEN) as served:
        assert [served.get("/healthz?token=no")[0] for _ in range(22)] == [401] * 20 + [429] * 2
        own_stage.play()
        until(lambda: served.get(f"/healthz?token={TOKEN}")[0] == 200)
        assert served.get("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert served.get("/healthz?token=no", X_Forwarded_For="6.6.6.6")[0] == 401, "another one behind the same proxy"


async def test_the_login_form(own_stage: Stage) -> None:
    with serving(own_stage, token=TOKEN) as served:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.post(f"{served.url}/login", data={"token": "wrong"}) as answer:
                assert answer.url.path == "/login"
                page = await answer.text()
                assert '<p role="alert" id="wrong">That was not the token. <span lang="ko">토큰이 맞지 않습니다.</span>' in page
                assert 'id="often" hidden' in page
            async with session.post(f"{served.url}/login", data={"token": TOKEN}, headers={"Origin": "http://evil"}) as answer:
                assert answer.status == 403
            async with session.post(f"{served.url}/login", data=b"x" * 100_000) as answer:
                assert answer.status == 413
            async with session.post(f"{served.url}/login", data={"token": TOKEN}) as answer:
                assert (answer.status, answer.url.path) == (200, "/dashboard")


# -- crowds and garbage --------------------------------------------------------------------------------------------


async def closed_with(link: aiohttp.ClientWebSocketResponse) -> int | None:
    while True:
        message = await asyncio.wait_for(link.receive(), 60)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return int(message.data)  # `close_code` is 1006 where the answer to it found the other side gone
        if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
            return link.close_code


@pytest.mark.parametrize("said, code", [
    ("garbage", 1008), ('{"select":1}', 1008), ('{"flatten":true}', 1008), (b"\x00\xff", 1008), ("x" * 5_000, 1009), ("x" * 10_000_000, 1009),
])  # fmt: skip
async def test_garbage_ends_that_viewer_only(served: Served, said: Any, code: int) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{served.url}/ws/dashboard") as other, session.ws_connect(f"{served.url}/ws/dashboard") as link:
            try:
                await (link.send_bytes(said) if isinstance(said, bytes) else link.send_str(said))
                assert await closed_with(link) == code
            except ConnectionError:
                assert code == 1009, "ten megabytes may be cut off while they are sent"
            assert json.loads((await other.receive()).data)


async def test_a_stream_that_is_none_can_be_chosen_without_harm(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        for name in ("", "binance:", "no:such", "호가" * 200):
            await link.send_json({"select": name})
        for _ in range(5):
            assert json.loads((await link.receive()).data)


async def test_one_who_asks_too_often_is_let_go(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
        for _ in range(30):
            await link.send_json({"select": ""})
        assert await closed_with(link) == 1008


async def test_the_session_ends_in_time(own_stage: Stage) -> None:
    own_stage.play()
    with serving(own_stage, max_session_s=0.5) as served:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
            assert await closed_with(link) == 4001


async def test_a_crowd_finds_so_many_places_and_no_more(own_stage: Stage) -> None:
    own_stage.play()
    with serving(own_stage, max_connections=4) as served:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            links = [await session.ws_connect(f"{served.url}/ws/dashboard") for _ in range(8)]
            assert [await closed_with(link) for link in links[4:]] == [4003] * 4
            for link in links[:4]:
                assert json.loads((await link.receive()).data)
                await link.close()
            for link in links[4:]:
                await link.close()


async def test_a_thousand_connections_do_no_harm(own_stage: Stage) -> None:
    own_stage.play()
    with serving(own_stage) as served:
        port = int(served.url.rpartition(":")[2])
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(1_000)]
        try:
            assert (await first_frames(served.url, 2))[0]["k"] == "hello"
            assert served.get("/healthz")[0] == 200
        finally:
            for each in crowd:
                each.close()


async def test_viewers_who_never_read_hold_nobody_up(own_stage: Stage) -> None:
    own_stage.play()
    with serving(own_stage, max_connections=32) as served:
        port = int(served.url.rpartition(":")[2])
        lines = ["GET /ws/dashboard HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        request = "\r\n".join([*lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""])
        deaf = []
        for _ in range(20):
            each = socket.socket()
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            each.connect(("127.0.0.1", port))
            each.sendall(request.encode())
            deaf.append(each)
        try:
            began = time.monotonic()
            await first_frames(served.url, 15)
            assert time.monotonic() - began < 30.0, "ten seconds for each of twenty, were one waited for after the other"
        finally:
            for each in deaf:
                each.close()


def raw(served: Served, said: bytes, *, receive: int | None = None) -> socket.socket:
    """A connection on which `said` was said, and nothing is read."""
    link = socket.socket()
    if receive is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    link.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))
    link.sendall(said)
    return link


def is_closed(link: socket.socket) -> bool:
    """Whether the other end has gone; what it said before is read."""
    link.setblocking(False)
    try:
        while link.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_a_crowd_that_withholds_what_it_owes_keeps_nobody_out_and_is_sent_away(own_stage: Stage) -> None:
    """Headers in halves, logins without their bodies, answers that nobody takes: six hundred of them, and a monitor gets in."""
    own_stage.play()
    with serving(own_stage, token=TOKEN, patience_s=1.0) as served:
        login = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\n"
        greedy = b"GET /static/style.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200
        crowd = [raw(served, said) for said in (b"", b"GET / HT", login, login + b"token=") for _ in range(150)]
        deaf = [raw(served, greedy, receive=2_048) for _ in range(30)]
        try:
            for _ in range(20):
                assert served.get("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200
            until(lambda: all(is_closed(each) for each in crowd), seconds=60)
            assert served.wait_for(lambda status: True).viewers == 0
            until(lambda: connections(served) <= 1, seconds=60, why="those that take nothing are gone too")
            assert served.get("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200
        finally:
            for each in [*crowd, *deaf]:
                each.close()


def connections(served: Served) -> int:
    """How many connections the dashboard's process holds."""
    port = int(served.url.rpartition(":")[2])
    return sum(
        1 for each in psutil.Process(served.process.pid).net_connections("tcp") if each.laddr.port == port and each.status == "ESTABLISHED"
    )


def test_with_few_open_files_a_crowd_is_turned_away_and_health_is_told(own_stage: Stage) -> None:
    own_stage.play()
    served = Served(own_stage.config(), files=100)
    crowd: list[socket.socket] = []
    try:
        crowd += [raw(served, b"GET") for _ in range(300)]
        for _ in range(5):
            until(lambda: health(served) == (200, []))
        assert connections(served) <= 40
    finally:
        for each in crowd:
            each.close()
        served.close()


async def test_text_that_is_none_is_refused_by_its_code_and_told_to_nobody(own_stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    own_stage.play()
    with serving(own_stage) as served:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.url}/ws/dashboard") as link:
            await link._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
            assert await closed_with(link) == 1007
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("said", [
    b"\x00\xff\xfe\r\n\r\n", b"GET /healthz HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: " + b"x" * 60_000,
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 20_000, b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /ws/dashboard HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
])  # fmt: skip
def test_garbage_is_answered_or_hung_up_on(served: Served, said: bytes) -> None:
    link = raw(served, b"")
    with contextlib.suppress(OSError):  # it has hung up before all was said
        link.sendall(said)
    try:
        until(lambda: is_closed(link), seconds=30)
        assert served.get("/metrics")[0] == 200
    finally:
        link.close()


def test_one_who_leaves_in_the_middle_of_a_login_is_no_error(own_stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    own_stage.play()
    with serving(own_stage, token=TOKEN) as served:
        for _ in range(5):
            raw(served, b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30\r\n\r\ntok").close()
        until(lambda: connections(served) == 0)
        assert served.get("/login")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


# -- life ------------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_and_tried_again(own_stage: Stage) -> None:
    own_stage.play()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        served = Served(own_stage.config(port=port), wait=False)
        status = served.wait_for(lambda status: status.trouble is not None and status.trouble != "starting")
        assert status.trouble == f"port {port} on 127.0.0.1 is taken by another program"
    try:
        assert served.wait_for(lambda status: status.trouble is None).url == f"http://127.0.0.1:{port}/dashboard"
    finally:
        served.close()


@pytest.mark.parametrize("told", [False, True], ids=["its parent is gone", "told"])
def test_it_ends_in_good_order(own_stage: Stage, told: bool) -> None:
    """As a run begins it."""
    with contextlib.closing(Served(own_stage.config(), begins=True)) as served:
        assert served.process.stdin is not None
        if told:
            os.kill(served.process.pid, signal.SIGTERM)
        else:
            served.process.stdin.close()
        assert served.process.wait(30) == 0
        assert not own_stage.status_page.exists()


def test_a_request_that_breaks_off_in_its_body_is_no_error_of_ours(own_stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """Its answer may be made already, or be under way: there is one answer, and nothing in the log."""
    served = Served(own_stage.config(), begins=True)
    try:
        address = served.url.removeprefix("http://")
        host, _, port = address.partition(":")

        def told(head: str, *rest: bytes) -> bytes:
            """What comes back when `rest` is sent piece by piece."""
            with socket.create_connection((host, int(port)), timeout=60) as link:
                link.sendall(head.encode().replace(b"\n", b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n" + (rest[0] if rest else b""))
                heard = b""
                for piece in rest[1:]:
                    heard += link.recv(65_536)
                    link.sendall(piece)
                with contextlib.suppress(ConnectionResetError):
                    while data := link.recv(65_536):
                        heard += data
                return heard

        here = f"Host: {address}\n"
        for head in ("POST / HTTP/1.1\nHost: elsewhere\n", f"POST /login HTTP/1.1\n{here}", f"GET /healthz HTTP/1.1\n{here}"):
            assert told(head, b"zz\r\n").startswith(b"HTTP/1.1 400 ")
        heard = told(f"GET /healthz HTTP/1.1\n{here}", b"1\r\nx\r\n", b"zz\r\n")
        assert heard.startswith(b"HTTP/1.1 503 ") and heard.count(b"HTTP/1.1") == 1, "it was answered before it broke off"
        assert served.get("/healthz")[0] == 503
    finally:
        served.close()
    assert "Traceback" not in capfd.readouterr().err
