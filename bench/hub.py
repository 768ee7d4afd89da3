"""bench.hub: what the hub costs and how late it is, each in a process of its own.

load      1,000 streams over a real socket, 100 components: schedule → callback, receipt → callback, nothing lost
costs     one event to 1, 10, 100 consumers; reading the pool; registering; memory of a subscription
readers   the same for readers in other processes: cost in the hub's process, receipt → callback in theirs
"""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import tempfile
import tracemalloc
from array import array
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter, process_time, sleep, time_ns

import msgspec

from bench.books import RECORDED, symbol_names
from bench.children import start_child
from bench.machine import pin_process
from hoga.app.config import load_config
from hoga.app.hub import local_manager, wires_of
from hoga.core.market import DataType
from hoga.core.streams import Stream
from hoga.hub.events import BaseWebSocketEvent
from hoga.hub.local import HEAD, Want, Wish, pack
from hoga.hub.local_server import HubServer
from hoga.hub.local_wire import LocalHub
from hoga.hub.manager import GlobalWebSocketManager
from hoga.hub.pace import Pace
from hoga.hub.port import Take, WireInlet, WireStats
from hoga.hub.routing import Delivery
from hoga.hub.states import ConnectionState, WebSocketType
from hoga.hub.subscriptions import SubscriptionSpec
from hoga.runtime.loop import run as run_loop
from hoga.venues.registry import VENUES

__all__ = ["CostPlan", "Costs", "LoadedHub", "LoadedPlan", "ReaderCosts", "ReaderPlan", "Reading", "measure_costs", "measure_load",
           "measure_readers", "read_hub"]  # fmt: skip

_SPEC = VENUES["binance"]
_ID_AT = 16
_ID_DIGITS = 11
_LAP = 50_000
_STALL_S = 1.0
_START_S = 60.0


class LoadedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` of `rate` frames a second over `symbols` streams, `per_symbol` different frames each, to `components`."""

    url: str
    symbols: int
    per_symbol: int
    rate: float
    seconds: float
    components: int = 100
    core: int | None = None


class LoadedHub(msgspec.Struct, frozen=True, kw_only=True):
    """`received` and `delivered` in all. `receipt_ms`: socket read → callback (p50, p99, max). `offset_ns`: the same three of
    callback − the frame's place in the schedule; less the schedule's start they are schedule → callback."""

    received: int
    delivered: int
    dropped: int
    cpu_s: float
    measured: int
    receipt_ms: tuple[float, float, float]
    offset_ns: tuple[int, int, int]


class CostPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How many events each cost is taken over."""

    events: int = 200_000
    core: int | None = None


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """µs of CPU; `inline` and `thread` by number of consumers, of one event to all of them. `bytes_per_subscription` of memory."""

    inline: dict[int, float]
    thread: dict[int, float]
    pool_read_us: float
    register_us: float
    bytes_per_subscription: float


class ReaderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` frames a second of `streams` streams for `seconds`, to `readers` other processes, of which one measures lateness."""

    readers: int
    rate: float = 10_000.0
    streams: int = 100
    seconds: float = 10.0
    core: int | None = None
    reader_core: int | None = None


class ReaderCosts(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of the hub's process for each event; what the measuring reader saw."""

    events: int
    cpu_us: float
    sent: int
    conflated: int
    dropped: int
    receipt_ms: tuple[float, float, float]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader reads: as a client (`measure`), or only the bytes."""

    path: str
    streams: int
    measure: bool
    core: int | None = None


# -- load ---------------------------------------------------------------------------------------------------------------


def measure_load(plan: LoadedPlan) -> LoadedHub:
    """Take what the load server sends."""
    return run_loop(_load(plan))


class _Component:
    """Notes of each frame its place in the schedule, its receipt, and when the callback was called."""

    def __init__(self, places: dict[str, int], plan: LoadedPlan) -> None:
        self.places = places
        self.per_lap = plan.symbols * plan.per_symbol
        self.symbols = plan.symbols
        self.noted = array("q")

    def take(self, event: BaseWebSocketEvent) -> None:
        now = time_ns()
        payload = event.payload
        lap, number = int(payload[_ID_AT : _ID_AT + 5]) - _LAP, int(payload[_ID_AT + 5 : _ID_AT + _ID_DIGITS])
        place = lap * self.per_lap + (number - 1) * self.symbols + self.places[event.stream.name]
        self.noted.extend((place, event.recv_ns, now))


async def _load(plan: LoadedPlan) -> LoadedHub:
    rest = plan.url.replace("ws://", "http://")
    config = load_config(None, overrides=[f"WS_URL={plan.url}", f"REST_URL={rest}"], environ={})
    manager = GlobalWebSocketManager(wires_of(config), VENUES)
    manager.start()
    symbols = symbol_names(plan.symbols)
    names = [f"{symbol.lower()}@{RECORDED}" for symbol in symbols]
    places = {name: at for at, name in enumerate(random.Random(len(names)).sample(names, len(names)))}
    components = [_Component(places, plan) for _ in range(plan.components)]
    each = -(-plan.symbols // plan.components)
    for number, component in enumerate(components):
        wish = SubscriptionSpec(DataType.ORDERBOOK, symbols[number * each : number * each + each], _SPEC.name, channel=RECORDED)
        await manager.register_component(f"c{number}", component, [wish], component.take)
    gc.collect()
    gc.freeze()
    pin_process(plan.core)
    await _until(lambda: manager.get_performance_metrics().messages_processed)
    cpu = process_time()
    await asyncio.sleep(plan.seconds)
    last = -1
    while (seen := manager.get_performance_metrics().messages_processed) != last:
        last = seen
        await asyncio.sleep(_STALL_S)
    cpu = process_time() - cpu
    performance = manager.get_performance_metrics()
    await manager.stop()
    step_ns = 1e9 / plan.rate
    noted = [each.noted for each in components]
    receipts = sorted((now - recv) / 1e6 for one in noted for recv, now in zip(one[1::3], one[2::3], strict=True))
    offsets = sorted(int(now - place * step_ns) for one in noted for place, now in zip(one[0::3], one[2::3], strict=True))
    return LoadedHub(
        received=last,
        delivered=performance.events_delivered,
        dropped=performance.events_dropped,
        cpu_s=cpu,
        measured=len(receipts),
        receipt_ms=(_share(receipts, 0.5), _share(receipts, 0.99), receipts[-1] if receipts else 0.0),
        offset_ns=(int(_share(offsets, 0.5)), int(_share(offsets, 0.99)), offsets[-1] if offsets else 0),
    )


async def _until(true: Callable[[], object], *, seconds: float = _START_S) -> None:
    end = monotonic() + seconds
    while not true() and monotonic() < end:  # noqa: ASYNC110  # what is waited for has no event
        await asyncio.sleep(0.002)


def _share(values: list[float] | list[int], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


# -- costs --------------------------------------------------------------------------------------------------------------


def measure_costs(plan: CostPlan) -> Costs:
    """Without a socket: only the hub."""
    return run_loop(_costs(plan))


class _ListWire:
    """One connection without a socket: `push` is the socket's callback."""

    kind = WebSocketType.PUBLIC

    def __init__(self) -> None:
        self.venue = _SPEC.name
        self.inlet: WireInlet | None = None
        self._streams: list[Stream] = []
        self._frames: list[tuple[Take, tuple[bytes, bytes]]] = []
        self._table: dict[bytes, Take] = {}

    def start(self, inlet: WireInlet) -> None:
        self.inlet = inlet
        self._table = inlet.opening("list-1", 1, [])
        inlet.opened("list-1", 1, time_ns())

    def want(self, streams: list[Stream]) -> None:
        assert self.inlet is not None
        self._table = self.inlet.joining("list-1", 1, streams)
        self._streams, self._frames = streams, []

    def push(self, number: int) -> None:
        """Two frames in turn: one that repeats the last would go no further."""
        if not self._frames:  # made when they are needed: they are no memory of a subscription's
            self._frames = [(self._table[_SPEC.frame_key(each)], (_frame(each, 1), _frame(each, 2))) for each in self._streams]
        lap, place = divmod(number, len(self._frames))
        take, frames = self._frames[place]
        take(time_ns(), frames[lap & 1])

    def tick(self) -> None:
        pass

    def stats(self) -> list[WireStats]:
        return [
            WireStats(connection="list-1", state=ConnectionState.CONNECTED, epoch=1, streams=len(self._streams), reconnects=0, requests=0)
        ]

    async def known_symbols(self) -> dict[str, str] | None:
        return None

    async def stop(self) -> None:
        pass


def _frame(stream: Stream, update: int) -> bytes:
    levels = ",".join(f'["61837.{place:02d}000000","0.{place:02d}647000"]' for place in range(20))
    return _SPEC.frame_key(stream) + f'{{"lastUpdateId":{update},"bids":[{levels}],"asks":[{levels}]}}'.encode() + b"}"


class _Counter:
    """A consumer that does nothing, so that only the way to it is measured."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, event: BaseWebSocketEvent) -> None:
        self.count += 1


def _manager(wire: _ListWire) -> GlobalWebSocketManager:
    manager = GlobalWebSocketManager([wire], VENUES, pace=Pace(quiet_s=0.0, longest_s=0.0, per_minute=1_000_000))
    manager.start()
    return manager


def _wish(*symbols: str) -> list[SubscriptionSpec]:
    return [SubscriptionSpec(DataType.ORDERBOOK, symbols, _SPEC.name)]


async def _costs(plan: CostPlan) -> Costs:
    pin_process(plan.core)
    inline = {count: await _routing(count, Delivery.INLINE, plan.events // count) for count in (1, 10, 100)}
    thread = {count: await _routing(count, Delivery.THREAD, plan.events // count) for count in (1, 10, 100)}
    return Costs(
        inline=inline,
        thread=thread,
        pool_read_us=await _pool_read(plan.events),
        register_us=await _register(max(1_000, plan.events // 50)),
        bytes_per_subscription=await _memory(),
    )


async def _routing(count: int, delivery: Delivery, events: int) -> float:
    """Less what the way in costs without any consumer but one that is not asked."""
    wire = _ListWire()
    manager = _manager(wire)
    consumers = [_Counter() for _ in range(count)]
    for number, consumer in enumerate(consumers):
        await manager.register_component(f"c{number}", consumer, _wish("BTCUSDT"), consumer.take, delivery=delivery, capacity=1_000_000)
    await asyncio.sleep(0.05)
    gc.collect()
    began = process_time()
    for number in range(events):
        wire.push(number)
        if not number % 100:
            await asyncio.sleep(0)
    await _until(lambda: all(consumer.count >= events for consumer in consumers))
    spent = process_time() - began
    await manager.stop()
    return spent / events * 1e6


async def _pool_read(reads: int) -> float:
    wire = _ListWire()
    manager = _manager(wire)
    owner = _Counter()
    subscription = await manager.register_component("pool", owner, _wish("BTCUSDT"), owner.take, delivery=Delivery.INLINE)
    manager.pool.set_client_interest("pool", dict.fromkeys(subscription.streams, DataType.ORDERBOOK))
    await asyncio.sleep(0.05)
    wire.push(0)
    read = manager.pool.get_latest_data
    began = perf_counter()
    for _ in range(reads):
        read("BTCUSDT", DataType.ORDERBOOK)
    spent = perf_counter() - began
    await manager.stop()
    return spent / reads * 1e6


async def _register(cycles: int) -> float:
    manager, owner = _manager(_ListWire()), _Counter()
    wish = _wish(*symbol_names(10))
    began = process_time()
    for number in range(cycles):
        await manager.register_component("c", owner, wish, owner.take)
        await manager.unregister_component("c")
        if not number % 100:
            await asyncio.sleep(0)
    spent = process_time() - began
    await manager.stop()
    return spent / cycles * 1e6


async def _memory() -> float:
    """A hundred components of ten streams each, all different, with everything that belongs to them."""
    manager = _manager(_ListWire())
    symbols = symbol_names(1_000)
    owners = [_Counter() for _ in range(100)]
    wishes = [_wish(*symbols[number * 10 : number * 10 + 10]) for number in range(100)]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number, owner in enumerate(owners):
        await manager.register_component(f"c{number}", owner, wishes[number], owner.take)
    await asyncio.sleep(0.1)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await manager.stop()
    return (after - before) / 1_000


# -- readers ------------------------------------------------------------------------------------------------------------


def measure_readers(plan: ReaderPlan) -> ReaderCosts:
    """Serve other processes; they are started here."""
    return run_loop(_readers(plan))


async def _readers(plan: ReaderPlan) -> ReaderCosts:
    symbols = symbol_names(plan.streams)
    wire = _ListWire()
    manager = _manager(wire)
    owner = _Counter()
    await manager.register_component("own", owner, _wish(*symbols), owner.take, delivery=Delivery.INLINE)
    with tempfile.TemporaryDirectory() as folder:
        server = HubServer(manager, Path(folder) / "hub")
        await server.start()
        path = str(server.path)
        readings = [Reading(path=path, streams=plan.streams, measure=not number, core=plan.reader_core) for number in range(plan.readers)]
        children = [start_child("reader", reading) for reading in readings]
        await _until(lambda: sum(each.streams for each in server.stats()) == plan.readers * plan.streams)
        pin_process(plan.core)
        gc.collect()
        events, spent = await _push_paced(wire.push, plan.rate, plan.seconds)
        stats = server.stats()
        await asyncio.sleep(0.2)
        await server.stop()
        said = [await asyncio.to_thread(child.communicate) for child in children]
    await manager.stop()
    receipt = msgspec.json.decode(said[0][0].splitlines()[-1], type=tuple[float, float, float]) if said else (0.0, 0.0, 0.0)
    return ReaderCosts(
        events=events,
        cpu_us=spent / events * 1e6,
        sent=sum(each.sent for each in stats),
        conflated=sum(each.conflated for each in stats),
        dropped=sum(each.dropped for each in stats),
        receipt_ms=receipt,
    )


async def _push_paced(push: Callable[[int], None], rate: float, seconds: float) -> tuple[int, float]:
    """What is due, every millisecond; how many, and the CPU they cost."""
    began, cpu, sent = monotonic(), process_time(), 0
    while (now := monotonic() - began) < seconds:
        for number in range(sent, due := int(now * rate)):
            push(number)
        sent = due
        await asyncio.sleep(0.001)
    return sent, process_time() - cpu


def read_hub(plan: Reading) -> tuple[float, float, float]:
    """Read until the hub ends: receipt → callback, ms (p50, p99, max); zeros where only bytes were read."""
    pin_process(plan.core)
    return run_loop(_measure_as_client(plan)) if plan.measure else _drain(plan)


async def _measure_as_client(reading: Reading) -> tuple[float, float, float]:
    hub = LocalHub(Path(reading.path), VENUES)
    manager = await local_manager(hub)
    ages = array("q")

    def take(event: BaseWebSocketEvent) -> None:
        ages.append(time_ns() - event.recv_ns)

    await manager.register_component("reader", hub, _wish(*symbol_names(reading.streams)), take, delivery=Delivery.INLINE)
    await _until(lambda: not hub.connected, seconds=float("inf"))
    await manager.stop()
    found = sorted(age / 1e6 for age in ages)
    return _share(found, 0.5), _share(found, 0.99), found[-1]


def _drain(reading: Reading) -> tuple[float, float, float]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plug:
        plug.connect(reading.path)
        wishes = [Wish(at, _SPEC.name, symbol, RECORDED) for at, symbol in enumerate(symbol_names(reading.streams))]
        plug.sendall(pack(Want(wishes)))
        while len(plug.recv(1 << 20)) >= HEAD.size:
            sleep(0.001)
    return 0.0, 0.0, 0.0
