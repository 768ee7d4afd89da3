"""A simulated market, recorded: what came on its streams and what REST said meanwhile, as an archive."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from hoga.archive.form.lists import pack_list
from hoga.core.times import day_of, minute_of
from hoga.simulator import Simulator, SimulatorConfig
from hoga.venues.registry import VENUES
from tests.archive.workshop import Workshop, envelope
from tests.simulator.patience import patiently

CHANNELS = {
    "binance": ("depth20@100ms", "depth@100ms", "aggTrade", "trade"),
    "binance-usdm": ("depth20@100ms", "depth@100ms"),
    "upbit": ("orderbook", "trade"),
}


_AFTER = 30


class Recorded(NamedTuple):
    """An archive, and what is in it: stream → payloads, and (symbol, ns) of the books that were asked for."""

    root: Path
    payloads: dict[str, list[dict[str, Any]]]
    times: dict[str, list[int]]
    asked: list[tuple[str, int]]


async def record(root: Path, venue: str, symbols: tuple[str, ...], frames: int, *, ask_at: int | None = None, lose: int = 0) -> Recorded:
    """`frames` frames or more, at twenty times the pace. `ask_at`: after so many each symbol's book is asked for over REST, and deltas
    that come after it are waited for. `lose`: so many
    deltas that came after that book, the fourth and the next ones, are not recorded."""
    spec = VENUES[venue]
    streams = {stream.name: stream for symbol in symbols for channel in CHANNELS[venue] for stream in [spec.parse_stream(symbol, channel)]}
    lines: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
    payloads: dict[str, list[dict[str, Any]]] = defaultdict(list)
    times: dict[str, list[int]] = defaultdict(list)
    asked: list[tuple[str, int]] = []
    asked_id = after = 0
    config = SimulatorConfig(venues=(venue,), symbols=symbols, seed=11, speed=20.0)
    async with patiently(), Simulator(config) as sim, aiohttp.ClientSession() as http:
        names = list(streams)
        route = spec.route_of(streams[names[0]])
        async with http.ws_connect(sim.ws_url + spec.connect_path(route, names if spec.wrapped else []), max_msg_size=0) as socket:
            if spec.replace is not None:
                await socket.send_str(spec.replace(names, [], 1).decode())
            for number in count():
                if number >= frames and (ask_at is None or after >= _AFTER):
                    break
                if number == ask_at:
                    for symbol in symbols:
                        path = (spec.rest.book or "").format(symbol=symbol, levels=spec.rest.book_levels)
                        async with http.get(sim.rest_url + path) as response:
                            body = await response.read()
                            asked_id = int(json.loads(body)["lastUpdateId"])
                        now_ns = sim.clock.now_ns()
                        lines[symbol, "snapshot", minute_of(now_ns)].append(envelope(now_ns, body))
                        asked.append((symbol, now_ns))
                data = (await socket.receive(60)).data
                parts = spec.split(data if isinstance(data, bytes) else data.encode())
                assert parts is not None
                name, payload = parts
                now_ns = sim.clock.now_ns()
                stream = streams[name]
                if stream.kind == "delta" and asked and json.loads(payload)["U"] > asked_id:
                    after += 1
                    if 3 < after <= 3 + lose:
                        continue
                lines[stream.symbol, stream.kind, minute_of(now_ns)].append(envelope(now_ns, payload))
                payloads[name].append(json.loads(payload))
                times[name].append(now_ns)
        async with http.get(sim.rest_url + spec.rest.instruments) as response:
            listed = await response.read()
        day = day_of(sim.clock.now_ns())
    for (symbol, kind, minute), each in lines.items():
        told = sorted({stream.name for stream in streams.values() if (stream.symbol, stream.kind) == (symbol, kind)})
        told = told or [f"{symbol.lower()}@{spec.snapshot_channel}"]
        Workshop(root / venue / kind, kind, symbol=symbol, day=day).seal(minute, each, streams=told)
    (root / venue / "instruments").mkdir(parents=True)
    (root / venue / "instruments" / f"instruments_{day}.json.zst").write_bytes(pack_list(listed))
    return Recorded(root, payloads, times, asked)
