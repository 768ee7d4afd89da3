"""A replay's gaps: who has a stream of the gap is hung up on and refused for its length; everyone else hears nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping

import aiohttp
import pytest

from hoga.captures.frames import Frame, Reply
from hoga.simulator import Simulator, SimulatorConfig
from hoga.simulator.replay.timeline import Cut, Due, Timeline

MS = 1_000_000


class Script:
    """A timeline that a test writes. `items`: (ms, stream, n), (ms, {streams}, ms long), or an exception to be raised."""

    frames = None

    def __init__(self, *items: object) -> None:
        self.sources = ["a script"]
        self.skipped: list[str] = []
        self._items = items

    @property
    def streams(self) -> frozenset[str]:
        names = [item[1] for item in self._items if isinstance(item, tuple)]
        return frozenset(name for name in names if isinstance(name, str))

    @property
    def symbols(self) -> list[str]:
        return sorted({name.partition("@")[0].upper() for name in self.streams})

    def only(self, mine: Callable[[str], bool]) -> Timeline:
        return self

    def timeline(self) -> Iterator[Due | Cut]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            at, what, rest = item  # type: ignore[misc]
            if isinstance(what, str):
                yield Due(at * MS, Frame(at * MS, what, b'{"n":%d}' % rest, None))
            else:
                yield Cut(at * MS, frozenset(what), rest * MS)

    def depth(self, symbol: str, at_ns: int | None, newest: Mapping[str, Frame]) -> Reply | None:
        found = newest.get(f"{symbol.lower()}@book")
        return None if found is None else Reply(at_ns, "depth", symbol, b'{"bids":[],"asks":[],"at":%d}' % (at_ns or 0))

    def instruments(self, at_ns: int | None) -> Reply | None:
        return None


@pytest.fixture
async def play() -> object:
    started: list[Simulator] = []

    async def start(*items: object, **config: object) -> Simulator:
        sim = Simulator(SimulatorConfig(**{"replay_start_delay_s": 0.0, **config}), timelines={"binance": Script(*items)})  # type: ignore[arg-type]
        await sim.start()
        started.append(sim)
        return sim

    yield start
    for sim in started:
        await sim.stop()


@pytest.fixture
async def dial(http: aiohttp.ClientSession) -> object:
    """Open a socket, and keep it."""
    kept: list[aiohttp.ClientWebSocketResponse] = []

    async def open_socket(sim: Simulator, path: str) -> aiohttp.ClientWebSocketResponse:
        kept.append(await http.ws_connect(sim.ws_url + path))
        return kept[-1]

    yield open_socket
    for socket in kept:
        await socket.close()


async def heard(socket: aiohttp.ClientWebSocketResponse, count: int = 10**9) -> list[int]:
    found = []
    while len(found) < count:
        message = await socket.receive(30)
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        found.append(json.loads(message.data)["data"]["n"])
    return found


async def test_a_cut_closes_those_who_have_its_streams_after_what_came_before_it(play, dial) -> None:
    sim = await play((0, "a@x", 1), (1, "b@x", 2), (2, {"a@x"}, 2_500), (3_500, "b@x", 3), (3_501, "a@x", 4), replay_start_delay_s=0.3)
    hit = await dial(sim, "/stream?streams=a@x")
    other = await dial(sim, "/stream?streams=b@x")
    assert await heard(hit) == [1]
    assert hit.close_code == 1001
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(sim, "/stream?streams=b@x/a@x")
    assert refused.value.status == 503
    late = await dial(sim, "/stream")
    await late.send_json({"method": "SUBSCRIBE", "params": ["a@x"], "id": 1})
    assert "gap" in (await late.receive_json())["error"]["msg"]
    while sim.board.cut:
        await asyncio.sleep(0.01)
    again = await dial(sim, "/stream?streams=a@x")
    assert await heard(again, 1) == [4]
    assert await heard(other, 2) == [2, 3]
    assert sim.status()["replay"]["cuts"] == 1


async def test_cuts_over_one_another_end_with_the_last(play, dial) -> None:
    sim = await play((0, "a@x", 1), (1, {"a@x"}, 100), (2, {"a@x", "b@x"}, 300), (1_000, "a@x", 2))
    began = sim.clock.now_ns()
    socket = await dial(sim, "/stream?streams=a@x")
    assert await heard(socket) == [1]
    while "b@x" not in sim.board.cut:
        await asyncio.sleep(0.001)
    while sim.board.cut:
        assert "a@x" in sim.board.cut
        await asyncio.sleep(0.001)
    assert sim.clock.now_ns() - began > 300 * MS, "not the 100 of the first one"


async def test_flat_out_a_cut_waits_for_those_whom_it_closed(play, dial) -> None:
    sim = await play((0, "a@x", 1), (1, {"a@x"}, 86_400_000), (86_400_002, "a@x", 2), replay_max=True)
    assert await heard(await dial(sim, "/stream?streams=a@x")) == [1]
    assert await heard(await dial(sim, "/stream?streams=a@x"), 1) == [2]


async def test_what_reading_raises_ends_the_replay_after_what_came_before_it(play, dial) -> None:
    sim = await play((0, "a@x", 1), (1, "a@x", 2), ValueError("a damaged file"))
    socket = await dial(sim, "/stream?streams=a@x")
    assert await heard(socket, 2) == [1, 2]
    with pytest.raises(ValueError, match="a damaged file"):
        await sim.playing
    assert sim.performance.done is False


async def test_the_book_for_rest_is_the_one_that_was_played_last(play, dial, http) -> None:
    sim = await play((0, "a@book", 1), (5, "a@book", 2))
    async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=A") as response:
        assert response.status == 400
    socket = await dial(sim, "/stream?streams=a@book")
    assert await heard(socket, 2) == [1, 2]
    async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=A") as response:
        assert (await response.json())["at"] == 5 * MS


async def test_no_cut_reaches_into_the_next_round(play, dial) -> None:
    sim = await play((0, "a@x", 1), (1, "b@x", 2), (2, {"a@x"}, 86_400_000), (3, "b@x", 3), replay_loop=True)
    assert await heard(await dial(sim, "/stream?streams=a@x")) == [1]
    while sim.performance.rounds < 1 or sim.board.cut:
        await asyncio.sleep(0.005)
    assert (await heard(await dial(sim, "/stream?streams=b@x"), 2))[0] in (2, 3)
