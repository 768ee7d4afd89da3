"""The long-lived client: what it keeps, what it repeats, who goes first, what it learns, and whether a call that failed was sent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from bench.certificate import make_certificate
from hoga.core.errors import RateLimited, Sent, VenueError
from hoga.core.secret import Secret
from hoga.core.times import MS_NS
from hoga.net.budgets import EXIT, RUN, TRADER, rest_budgets
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.runtime.clock import ManualClock
from hoga.venues.registry import VENUES
from hoga.venues.request import Priority, Request, Signed
from tests.net.raw import RawServer, read_request, reset, run, until_gone
from tests.waiting import LONG_S, eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
GET, POST = Request(path="/x"), Request(path="/x", method="POST")


def client(server: RawServer | str, **fields: Any) -> RestClient:
    url = server if isinstance(server, str) else server.url.replace("ws", "http")
    return RestClient("binance", url, **{"tls": None, "timeout_s": 5.0, **fields})


def serving(heard: list[bytes], answer: bytes = OK, *, calls: int = 1_000) -> Callable[[socket.socket], None]:
    """Answers this many calls on one connection, and ends it."""

    def script(peer: socket.socket) -> None:
        for _ in range(calls):
            if not (request := read_request(peer)):
                return
            heard.append(request)
            peer.sendall(answer)

    return script


def failure(server: RawServer | str, request: Request, **fields: Any) -> VenueError:
    async def work() -> VenueError:
        async with client(server, **fields) as rest:
            with pytest.raises(VenueError) as caught:
                await rest.send(request)
            return caught.value

    found: VenueError = run("asyncio", work)
    return found


# -- connections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("wire", ["plain", "tls"])
def test_one_connection_serves_call_after_call(loop: str, wire: str, tmp_path: Path) -> None:
    heard: list[bytes] = []
    server_tls = client_tls = None
    if wire == "tls":
        path = make_certificate(tmp_path)
        server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(path))
        server_tls.load_cert_chain(path)

    async def work() -> None:
        async with client(server, tls=client_tls) as rest, rest:
            for _ in range(3):
                assert await rest.get("/x") == b"hi"
        assert not rest._sessions

    with RawServer(serving(heard), tls=server_tls) as server:
        run(loop, work)
    assert (len(heard), server.accepted) == (3, 1)


def test_nothing_is_opened_before_the_first_call() -> None:
    async def work() -> None:
        async with client(server):
            await asyncio.sleep(0)

    with RawServer(serving([])) as server:
        run("asyncio", work)
    assert server.accepted == 0


def test_the_last_one_who_lets_go_closes_and_the_next_call_opens_again() -> None:
    async def work() -> None:
        rest = client(server)
        for _ in range(2):
            rest.hold()
            rest.hold()
            await rest.get("/x")
            await rest.release()
            assert rest._sessions
            await rest.release()
            assert not rest._sessions

    with RawServer(serving([])) as server:
        run("asyncio", work)
    assert server.accepted == 2


def test_another_event_loop_has_connections_of_its_own() -> None:
    async def work() -> bytes:
        async with rest:
            return await rest.get("/x")

    with RawServer(serving([])) as server:
        rest = client(server)
        assert [run("asyncio", work), run("uvloop", work)] == [b"hi", b"hi"]
    assert server.accepted == 2


# -- what is repeated -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_kept_connection_that_is_lost_costs_no_call_that_may_be_repeated(method: str) -> None:
    """The server takes one call a connection, and hangs up when it has the second."""
    heard: list[bytes] = []
    signed: list[int] = []

    def script(peer: socket.socket) -> None:
        heard.append(read_request(peer))
        peer.sendall(OK)
        heard.append(read_request(peer))

    def sign(request: Request, now_ms: int) -> Signed:
        signed.append(len(signed))
        return Signed(target=Secret(f"/x?nonce={len(signed)}"), headers={})

    async def work() -> Sent | None:
        async with client(server) as rest:
            await rest.get("/first")
            try:
                assert (await rest.send(Request(path="/x", method=method), sign=sign)).body == b"hi"
            except VenueError as fault:
                return fault.sent
            return None

    with RawServer(script) as server:
        lost = run("asyncio", work)
    calls = [each.split()[:2] for each in heard if b"/x" in each]
    if method == "GET":
        assert lost is None
        assert calls == [[b"GET", b"/x?nonce=1"], [b"GET", b"/x?nonce=2"]]
    else:
        assert lost is Sent.MAYBE
        assert calls == [[method.encode(), b"/x?nonce=1"]]


def test_an_idle_connection_that_the_server_closed_is_not_used_for_an_order() -> None:
    heard: list[bytes] = []

    def connected(rest: RestClient) -> bool:
        connectors = [session.connector for session in rest._sessions.values()]
        return any(protocol.is_connected() for each in connectors for kept in each._conns.values() for protocol, _ in kept)  # type: ignore[union-attr]

    async def work() -> None:
        async with client(server) as rest:
            for _ in range(3):
                assert (await rest.send(POST)).status == 200
                await eventually(lambda: not connected(rest))

    with RawServer(serving(heard, calls=1)) as server:
        run("asyncio", work)
    assert (len(heard), server.accepted) == (3, 3)


# -- was it sent at all? ----------------------------------------------------------------------------------------------------


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])
def test_a_refused_connect_sent_nothing(request_: Request) -> None:
    assert failure(closed_port(), request_).sent is Sent.NO


def test_a_certificate_that_is_not_trusted_sent_nothing(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(make_certificate(tmp_path))
    with RawServer(serving([]), tls=tls) as server:
        assert failure(server, POST, tls=ssl.create_default_context()).sent is Sent.NO


def test_a_tls_handshake_that_does_not_end_sent_nothing() -> None:
    with RawServer(until_gone) as server:
        assert failure(server.url.replace("ws:", "https:"), POST, timeout_s=0.3).sent is Sent.NO


@pytest.mark.parametrize(
    "script", [until_gone, read_request, lambda peer: (read_request(peer), reset(peer))], ids=["silence", "end", "reset"]
)
def test_a_request_that_was_written_and_not_answered_was_maybe_sent(script: Callable[[socket.socket], object]) -> None:
    with RawServer(script) as server:
        assert failure(server, Request(path="/x", method="POST", timeout_s=0.3)).sent is Sent.MAYBE


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"no HTTP\r\n\r\n"])
def test_half_an_answer_does_not_say_what_became_of_it(answer: bytes) -> None:
    with RawServer(serving([], answer, calls=1)) as server:
        assert failure(server, POST).sent is Sent.MAYBE


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_answer_is_an_answer(status: int) -> None:
    async def work() -> VenueError:
        async with client(server) as rest:
            with pytest.raises(VenueError) as caught:
                await rest.read("/x", json.loads)
            return caught.value

    with RawServer(serving([], OK.replace(b"200", b"%d" % status))) as server:
        assert run("asyncio", work).sent is Sent.ANSWERED


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0\r\n\r\n", b""],
    ids=["407", "garbage", "end"],
)
def test_a_proxy_that_gives_no_way_sent_nothing(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(serving([], answer, calls=1)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://kim:s3cret@127.0.0.1:{proxy.port}")
        fault = failure("https://venue.example.test", POST, tls=ssl.create_default_context())
        assert fault.sent is Sent.NO
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
        assert failure("https://venue.example.test", POST).sent is Sent.NO


def test_a_turn_that_does_not_come_sent_nothing() -> None:
    budget = Budget(limit=1, window_s=60.0)
    budget.take(monotonic())
    with RawServer(serving([])) as server:
        fault = failure(server, Request(path="/x", timeout_s=0.1), budget=budget)
    assert isinstance(fault, RateLimited)
    assert (fault.sent, server.accepted) == (Sent.NO, 0)


# -- the request ----------------------------------------------------------------------------------------------------------


def test_parameters_and_bodies_are_sent_as_they_are_given() -> None:
    heard: list[bytes] = []

    def script(peer: socket.socket) -> None:
        head = read_request(peer)
        peer.sendall(OK)
        heard.append(head + until_gone(peer))

    async def work() -> None:
        async with client(server) as rest:
            request = Request(
                path="/x?z=0", method="POST", params=(("a", 1), ("b", "x y/é")), body=b'{"c":2}', headers={"X-KEY": Secret("k")}
            )
            await rest.send(request)

    with RawServer(script) as server:
        run("asyncio", work)
    (said,) = heard
    assert said.startswith(b"POST /x?z=0&a=1&b=x%20y/%C3%A9 HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in said
    assert b"X-KEY: k\r\n" in said
    assert said.endswith(b'\r\n\r\n{"c":2}')


def test_it_is_signed_when_its_turn_has_come_and_goes_out_as_signed() -> None:
    heard: list[bytes] = []

    def sign(request: Request, now_ms: int) -> Signed:
        return Signed(target=Secret(f"{request.path}?t={now_ms}&signature=a%2Fb%3D"), headers={"X-KEY": Secret("k")})

    async def work() -> None:
        async with client(server, clock=ManualClock(7_000 * MS_NS)) as rest:
            await rest.send(POST, sign=sign)

    with RawServer(serving(heard)) as server:
        run("asyncio", work)
    assert heard[0].startswith(b"POST /x?t=7000&signature=a%2Fb%3D HTTP/1.1\r\n")


# -- lanes and limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("priority", "room"), list(zip(Priority, (75, 85, 95, 100), strict=True)))
def test_each_priority_leaves_something_to_those_before_it(priority: Priority, room: int) -> None:
    budget = Budget(limit=100, window_s=1_000.0)
    rest = client("http://127.0.0.1:9", budget=budget)
    budget.take(monotonic(), room - 1)
    assert rest.wait_s(Request(path="/x", priority=priority)) == 0
    budget.take(monotonic(), 1)
    assert rest.wait_s(Request(path="/x", priority=priority)) > 0


@pytest.mark.parametrize("status", [429, 418])
def test_a_429_stops_every_lane_but_the_emergency_and_a_ban_all(status: int) -> None:
    budget = Budget(limit=100, window_s=10.0)
    answer = b"HTTP/1.1 %d Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n" % status

    async def work() -> None:
        async with client(server, budget=budget) as rest:
            assert (await rest.send(GET)).retry_after_s == 120
            stopped = [priority for priority in Priority if rest.wait_s(Request(path="/x", priority=priority)) > 100]
            assert stopped == (list(Priority) if status == 418 else [Priority.MARKET, Priority.ACCOUNT, Priority.ORDERS])

    with RawServer(serving([], answer)) as server:
        run("asyncio", work)


@pytest.mark.parametrize(("apart", "status", "open_"), [(False, 429, []), (True, 429, ["orders"]), (False, 418, []), (True, 418, [])])
def test_a_429_stops_what_it_is_about_and_a_ban_all_groups(apart: bool, status: int, open_: list[str]) -> None:
    groups = {name: Budget(limit=100, window_s=10.0) for name in ("reads", "orders")}
    answer = b"HTTP/1.1 %d Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n" % status

    async def work() -> None:
        async with client(server, budget=groups["reads"], groups=groups, apart=apart) as rest:
            await rest.send(Request(path="/x", groups=("reads",)))
            ask = {name: Request(path="/x", groups=(name,), priority=Priority.ORDERS) for name in groups}
            assert [name for name in groups if rest.wait_s(ask[name]) == 0] == open_
            urgent = Request(path="/x", groups=("orders",), priority=Priority.EMERGENCY)
            assert (rest.wait_s(urgent) > 100) is (status == 418), "only a ban stops a cancel"

    with RawServer(serving([], answer)) as server:
        run("asyncio", work)


def test_a_deadline_is_for_the_turn_and_the_call_together() -> None:
    """The turn comes after 0.3 s; what is left of half a second is all that the silent server gets."""
    budget = Budget(limit=1, window_s=0.3)
    budget.take(monotonic())

    async def work() -> float:
        async with client(server, budget=budget, timeout_s=60.0) as rest:
            began = monotonic()
            with pytest.raises(VenueError) as caught:
                await rest.send(Request(path="/x", method="POST", timeout_s=0.5))
            assert caught.value.sent is Sent.MAYBE
            return monotonic() - began

    with RawServer(until_gone) as server:
        assert 0.45 <= run("asyncio", work) < 5.0


def test_a_call_may_be_signed_with_another_clocks_time() -> None:
    heard: list[bytes] = []

    def sign(request: Request, now_ms: int) -> Signed:
        return Signed(target=Secret(f"{request.path}?t={now_ms}"), headers={})

    async def work() -> None:
        async with client(server, clock=ManualClock(7_000 * MS_NS)) as rest:
            assert (await rest.send(POST, sign=sign, now_ms=lambda: 12_345)).asked_ns == 7_000 * MS_NS

    with RawServer(serving(heard)) as server:
        run("asyncio", work)
    assert heard[0].startswith(b"POST /x?t=12345 HTTP/1.1\r\n")


def test_a_cancel_does_not_wait_behind_market_reads() -> None:
    """Ten reads wait for a window of a minute; the cancel goes out at once."""
    budget = Budget(limit=4, window_s=60.0)
    heard: list[bytes] = []

    async def work() -> None:
        async with client(server, budget=budget, timeout_s=100.0) as rest:
            reads = [asyncio.ensure_future(rest.get("/read")) for _ in range(10)]
            async with asyncio.timeout(LONG_S):
                await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
                assert (await rest.send(Request(path="/cancel", method="DELETE", priority=Priority.EMERGENCY))).status == 200
            for each in reads:
                each.cancel()
            await asyncio.gather(*reads, return_exceptions=True)

    with RawServer(serving(heard)) as server:
        run("asyncio", work)
    assert [each.split()[0] for each in heard].count(b"DELETE") == 1
    assert len(heard) <= 4


@pytest.mark.parametrize(
    ("venue", "header", "group", "used"),
    [
        ("binance", b"X-MBX-USED-WEIGHT-1M: 4000", "used-weight-1m", 4_000),
        ("binance", b"x-mbx-order-count-10s: 30", "order-count-10s", 30),
        ("binance-usdm", b"X-MBX-ORDER-COUNT-1M: 1000", "order-count-1m", 1_000),
        ("upbit", b"Remaining-Req: group=default; min=1800; sec=2", "default", 28),
        ("upbit", b"Remaining-Req: group=market; min=600; sec=9", "market", 1),
        ("binance", b"X-MBX-USED-WEIGHT-1M: soon", "used-weight-1m", 1),
        ("upbit", b"Remaining-Req: group=origin; min=6; sec=0", "market", 1),
        ("upbit", b"Remaining-Req: ???", "market", 1),
    ],
)
def test_limits_are_learnt_from_the_venues_own_headers(venue: str, header: bytes, group: str, used: int) -> None:
    async def work() -> None:
        spec = VENUES[venue]
        budgets = rest_budgets(spec, server.url)
        usual = budgets[spec.rest.limits[0].group]
        async with client(server, budget=usual, groups=budgets, usage=spec.rest.usage) as rest:
            await rest.get("/x")
        assert budgets[group].used(monotonic()) == used

    with RawServer(serving([], OK.replace(b"Content-", header + b"\r\nContent-", 1))) as server:
        run("asyncio", work)


SHARES = [("binance", "used-weight-1m", 6_000), ("binance-usdm", "used-weight-1m", 2_400), ("upbit", "default", 30)]


@pytest.mark.parametrize(("venue", "group", "limit"), SHARES)
def test_processes_at_one_address_leave_each_other_their_share(venue: str, group: str, limit: int) -> None:
    """A run takes 40 %, a trader 40 % of which the last quarter is for cancels, closes and proofs; the exit what is left."""
    spec, url = VENUES[venue], f"http://{venue}.share.test"
    run_, trader, exit_ = (rest_budgets(spec, url, share)[group] for share in (RUN, TRADER, EXIT))
    assert (run_.limit, trader.limit, exit_.limit) == (int(limit * 0.4), int(limit * 0.4), limit)
    usual = int(trader.limit * 0.75)
    trader.take(0.0, usual)
    assert trader.wait_s(0.0, 1, kept=0.05) > 0
    assert trader.wait_s(0.0, trader.limit - usual, urgent=True) == 0
    assert trader.wait_s(0.0, trader.limit - usual + 1, urgent=True) > 0
    exit_.learned(0.0, limit - 3)
    assert exit_.wait_s(0.0, 3, urgent=True) == 0
    assert exit_.wait_s(0.0, 4, urgent=True) > 0


def test_what_others_use_is_taken_off_the_whole_and_not_off_our_share() -> None:
    budget = Budget(limit=40, whole=95, window_s=60.0, kept=0.25)
    budget.take(0.0, 10)
    budget.learned(0.0, 10 + 40)
    assert budget.wait_s(0.0, 20) == 0, "the others have their own share"
    assert budget.wait_s(0.0, 21) > 0, "the last quarter is for what is urgent"
    assert budget.wait_s(0.0, 30, urgent=True) == 0
    budget.learned(1.0, 10 + 80)
    assert budget.wait_s(1.0, 5, urgent=True) == 0
    assert budget.wait_s(1.0, 6, urgent=True) == 59.0, "now the whole is used up"


def test_orders_are_counted_apart_from_reads() -> None:
    budgets = rest_budgets(VENUES["binance"], "http://orders.share.test", TRADER)
    orders = budgets["order-count-10s"]
    assert (orders.limit, orders.kept) == (95, 0.1)
    orders.take(0.0, 80)
    assert orders.wait_s(0.0, 1, kept=0.05) == 0


def test_what_others_use_is_forgotten_when_the_venue_says_less() -> None:
    budget = Budget(limit=100, window_s=60.0)
    budget.take(1.0, 10)
    budget.learned(2.0, 90)
    assert (budget.used(2.0), budget.wait_s(2.0, 10), budget.wait_s(2.0, 11)) == (90, 0.0, 59.0)
    assert budget.wait_s(2.0, 30) == 60.0
    budget.learned(3.0, 12)
    assert budget.used(3.0) == 12
    budget.learned(4.0, 3)
    assert budget.used(4.0) == 10
    budget.learned(5.0, 90)
    assert budget.used(64.9) == 80
    assert budget.used(65.0) == 0
