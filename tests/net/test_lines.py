"""The order line over each of its transports, at each venue, on real sockets: exactly one answer a call, and no call twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from msgspec.structs import replace

from hoga.app.config import load_config
from hoga.app.config.rooms import rest_of
from hoga.app.trader.line import make_line
from hoga.core.errors import Sent
from hoga.core.secret import Credentials, Secret
from hoga.net.budgets import TRADER
from hoga.net.line import Lost
from hoga.net.line_http import HttpLine
from hoga.net.line_ws import WsLine
from hoga.net.venue_clock import TimeKeeper
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.faults import ActiveFault, Fault, FaultKind
from hoga.venues.orders import Told
from hoga.venues.registry import VENUES
from hoga.venues.request import Priority, Request
from tests.net.raw import run
from tests.simulator.signing import ED25519_KEY
from tests.venues.test_private_signing import pem
from tests.waiting import eventually


class Case(NamedTuple):
    venue: str
    symbol: str
    kind: str
    signing: bool = False


CASES = (
    Case("binance", "BTCUSDT", "ws"),
    Case("binance", "BTCUSDT", "ws", signing=True),
    Case("binance-usdm", "BTCUSDT", "ws"),
    Case("binance", "BTCUSDT", "http"),
    Case("upbit", "KRW-BTC", "http"),
    Case("binance-usdm", "BTCUSDT", "http"),
)
IDS = [f"{case.kind}-{case.venue}{'-ed25519' if case.signing else ''}" for case in CASES]
every_line = pytest.mark.parametrize("case", CASES, ids=IDS)


class Floor:
    """One line to one simulated venue whose market stands still. `told`: what came, by token, in order; `moves`: open, and not."""

    def __init__(self, case: Case, simulator: Simulator, **settings: Any) -> None:
        self.case = case
        self.simulator = simulator
        self.told: dict[str, list[Told | Lost]] = {}
        self.moves: list[bool] = []
        environment = simulator.environment()
        config = load_config(None, overrides=[f"{case.venue}.BASE_BACKOFF=1"], environ=environment).venue(case.venue)
        keys = Credentials(key=config.api_key, secret=config.api_secret)
        if case.signing:
            keys = Credentials(key=Secret(ED25519_KEY.key), signing_key=pem(bytes(range(32))))
        self.spec = VENUES[case.venue]
        assert self.spec.private is not None
        self.rest = rest_of(config, TRADER)
        sign = self.spec.private.signer(keys, lambda: str(uuid4()))
        if case.kind == "http":
            config = replace(config, ws_api_url=None)
        self.line: Any = make_line(config, keys, rest=self.rest, sign=sign, answered=self.answered, moved=self.moved, **settings)
        self.market = simulator.venues[case.venue].engine.market(case.symbol)
        self.market.frozen = True
        self.running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await TimeKeeper(self.rest, self.spec).measure()
        self.running = asyncio.create_task(self.line.run())
        await eventually(lambda: self.line.is_ready)
        if isinstance(self.line, HttpLine):
            await eventually(lambda: len(self.line._idle) == 4)

    async def close(self) -> None:
        assert self.running is not None
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.line.stop()

    def answered(self, token: str, what: Told | Lost) -> None:
        self.told.setdefault(token, []).append(what)

    def order(self, name: str) -> Request:
        """An order far below the market."""
        if self.case.venue == "upbit":
            params: Any = (("market", self.case.symbol), ("side", "bid"), ("volume", "0.001"), ("price", "100000000"),
                           ("ord_type", "limit"), ("identifier", name))  # fmt: skip
            return Request(method="POST", path="/v1/orders", params=params, groups=("order",), priority=Priority.ORDERS)
        tick = Decimal(self.market.instrument.tick_e8) / 10**8
        price = f"{(self.market.top.bid - 2_000) * tick:f}".rstrip("0").rstrip(".")
        path = "/fapi/v1/order" if self.case.venue == "binance-usdm" else "/api/v3/order"
        params = (("symbol", self.case.symbol), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", "0.010"),
                  ("price", price), ("newClientOrderId", name))  # fmt: skip
        return Request(method="POST", path=path, params=params, groups=("order-count-10s",), priority=Priority.ORDERS)

    def moved(self, open_: bool, why: str) -> None:
        self.moves.append(open_)

    async def one(self, token: str) -> Told | Lost:
        await eventually(lambda: token in self.told)
        return self.told[token][0]


@pytest_asyncio.fixture
async def floors() -> AsyncIterator[Callable[..., Any]]:
    made: list[tuple[Floor, Simulator]] = []

    async def build(case: Case, **settings: Any) -> Floor:
        simulator = Simulator(SimulatorConfig(venues=(case.venue,), symbols=(case.symbol,), seed=3))
        await simulator.__aenter__()
        floor = Floor(case, simulator, **settings)
        made.append((floor, simulator))
        await floor.open()
        return floor

    yield build
    for floor, simulator in made:
        await floor.close()
        await simulator.__aexit__(None, None, None)


def inject(floor: Floor, kind: FaultKind, **more: Any) -> ActiveFault:
    return floor.simulator.inject(Fault(fault=kind, methods="POST", **more))


@every_line
async def test_each_call_is_answered_once_by_its_token(floors: Any, case: Case) -> None:
    floor = await floors(case)
    names = [f"hg1-{number}" for number in range(4)]
    for name in names:
        floor.line.send(floor.order(name), f"n-{name}")
    assert floor.told == {}, "never inside of the call"
    answers = [await floor.one(f"n-{name}") for name in names]
    for name, answer in zip(names, answers, strict=True):
        assert isinstance(answer, Told), answer
        assert answer.status in (200, 201), answer.body
        assert name.encode() in answer.body
        assert 0 < answer.asked_ns <= answer.at_ns
    assert all(len(each) == 1 for each in floor.told.values())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=["ws", "http"])
def test_both_event_loops_carry_it(case: Case, loop: str) -> None:
    async def work() -> None:
        async with Simulator(SimulatorConfig(venues=(case.venue,), symbols=(case.symbol,), seed=3)) as simulator:
            floor = Floor(case, simulator)
            await floor.open()
            floor.line.send(floor.order("hg1-1"), "n-1")
            answer = await floor.one("n-1")
            assert isinstance(answer, Told)
            assert answer.status in (200, 201)
            await floor.close()

    run(loop, work)


@every_line
async def test_a_refusal_is_an_answer(floors: Any, case: Case) -> None:
    floor = await floors(case)
    floor.line.send(Request(method="POST", path=floor.order("x").path, params=(("symbol", "NOPE"), ("side", "BUY"))), "n-1")
    answer = await floor.one("n-1")
    assert isinstance(answer, Told)
    assert 400 <= answer.status < 500
    assert b"code" in answer.body or b"error" in answer.body


@every_line
async def test_an_answer_that_is_lost_is_told_as_lost_and_nothing_is_sent_again(floors: Any, case: Case) -> None:
    """The order was carried out; its connection was reset instead of an answer."""
    floor = await floors(case)
    inject(floor, FaultKind.REPLY_LOST, status=0, count=1)
    floor.line.send(floor.order("hg1-lost"), "n-lost")
    lost = await floor.one("n-lost")
    assert isinstance(lost, Lost), lost
    assert lost.sent is Sent.MAYBE
    await eventually(lambda: floor.line.is_ready)
    floor.line.send(floor.order("hg1-next"), "n-next")
    answer = await floor.one("n-next")
    assert isinstance(answer, Told)
    assert answer.status in (200, 201), "the line is there again"
    assert [len(each) for each in floor.told.values()] == [1, 1]
    floor.line.send(floor.order("hg1-lost"), "n-again")
    again = await floor.one("n-again")
    assert isinstance(again, Told)
    assert again.status == 400, "the venue has had it, once"


@every_line
async def test_everything_outstanding_at_a_cut_is_told_at_once(floors: Any, case: Case) -> None:
    floor = await floors(case, answer_s=60.0)
    slow = inject(floor, FaultKind.REST_SLOW, ms=30_000)
    for number in range(3):
        floor.line.send(floor.order(f"hg1-{number}"), f"n-{number}")
    await eventually(lambda: slow.affected.total() == 3)
    assert floor.told == {}
    if isinstance(floor.line, WsLine):
        floor.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    else:
        for wire in list(floor.line._open):
            wire.transport.abort()
    await eventually(lambda: len(floor.told) == 3)
    assert {what.sent for each in floor.told.values() for what in each if isinstance(what, Lost)} == {Sent.MAYBE}
    assert [len(each) for each in floor.told.values()] == [1, 1, 1]
    await eventually(lambda: floor.line.is_ready)
    assert floor.moves[0] is True
    assert floor.moves[-1] is True


@every_line
async def test_no_answer_in_time_is_nobody_knows_and_the_late_one_is_not_told(floors: Any, case: Case) -> None:
    floor = await floors(case, answer_s=0.3)
    inject(floor, FaultKind.REST_SLOW, ms=700, count=1)
    floor.line.send(floor.order("hg1-slow"), "n-slow")
    lost = await floor.one("n-slow")
    assert isinstance(lost, Lost)
    assert lost.sent is Sent.MAYBE
    await eventually(lambda: floor.line._ledger.late == 1)
    assert len(floor.told["n-slow"]) == 1


@every_line
async def test_what_cannot_be_written_was_provably_not_sent(floors: Any, case: Case) -> None:
    floor = await floors(case)
    floor.line.send(floor.order("hg1-1"), "n-1")
    floor.line.send(floor.order("hg1-2"), "n-1")
    await eventually(lambda: len(floor.told.get("n-1", [])) == 2)
    [twice] = [each for each in floor.told["n-1"] if isinstance(each, Lost)]
    assert (twice.sent, twice.why) == (Sent.NO, "n-1 is outstanding")
    for budget in floor.rest.lanes._all():
        budget.take(floor.rest.clock.monotonic(), budget.limit)
    floor.line.send(floor.order("hg1-3"), "n-3")
    limited = await floor.one("n-3")
    assert isinstance(limited, Lost)
    assert limited.sent is Sent.NO
    assert (limited.retry_after_s or 0) > 0
    await floor.close()
    floor.line.send(floor.order("hg1-4"), "n-4")
    closed = await floor.one("n-4")
    assert isinstance(closed, Lost)
    assert closed.sent is Sent.NO
    for budget in floor.rest.lanes._all():
        budget._taken.clear()
        budget._used = 0


@pytest.mark.parametrize("case", [case for case in CASES if case.kind == "ws"], ids=[i for i in IDS if i.startswith("ws")])
async def test_a_line_is_replaced_without_a_call_lost(floors: Any, case: Case) -> None:
    floor = await floors(case)
    floor.line._config = replace(floor.line._config, replace_after_s=0.5, tick_s=0.05)
    first = floor.line._leg
    number = 0
    while floor.line._leg is first or number < 6:
        number += 1
        assert number < 100, "it was not replaced"
        floor.line.send(floor.order(f"hg1-{number}"), f"n-{number}")
        await asyncio.sleep(0.12)
    await eventually(lambda: len(floor.told) == number)
    assert not [each for each in floor.told.values() if isinstance(each[0], Lost)]
    assert floor.moves == [True], "it was open all the time"


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[2]], ids=IDS[:3])
async def test_the_answers_tell_how_much_of_the_limits_is_used(floors: Any, case: Case) -> None:
    floor = await floors(case)
    floor.line.send(floor.order("hg1-1"), "n-1")
    await floor.one("n-1")
    group = floor.rest.lanes._groups["order-count-10s"]
    assert group.used(floor.rest.clock.monotonic()) >= 1
    floor.line.send(Request(path="/nowhere"), "n-2")
    lost = await floor.one("n-2")
    assert isinstance(lost, Lost)
    assert lost.sent is Sent.NO


async def test_a_wrong_key_does_not_open_the_line(floors: Any) -> None:
    case = CASES[1]
    floor = await floors(case)
    floor.simulator.inject(Fault(fault=FaultKind.KEY_REVOKED, key=ED25519_KEY.key))
    floor.simulator.inject(Fault(fault=FaultKind.CLOSE, code=1006))
    await eventually(lambda: not floor.line.is_ready)
    await asyncio.sleep(0.5)
    assert not floor.line.is_ready
    floor.simulator.clear_faults()
    await eventually(lambda: floor.line.is_ready)
    assert floor.moves == [True, False, True]
