from __future__ import annotations

import asyncio
import json

import pytest

unicorn = pytest.importorskip("unicorn_binance_websocket_api")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
async def manager(sim):
    made = unicorn.BinanceWebSocketApiManager(
        exchange="binance.com", websocket_base_uri=f"{sim.ws_url}/", warn_on_update=False, disable_colorama=True, output_default="raw_data"
    )
    yield made
    await asyncio.to_thread(made.stop_manager)


async def test_unicorn_receives_every_frame_in_order(manager, sim, until) -> None:
    stream_id = await asyncio.to_thread(manager.create_stream, ["depth20@100ms", "aggTrade"], ["btcusdt", "ethusdt"])
    frames: list[dict] = []

    def collect() -> bool:
        while (raw := manager.pop_stream_data_from_stream_buffer()) not in (None, False):
            frames.append(json.loads(raw))
        return len([frame for frame in frames if "stream" in frame]) >= 60

    await until(collect)
    for market in sim.engine.markets.values():
        market.frozen = True
    last_id = sim.engine.market("BTCUSDT").book.update_id
    await until(lambda: collect() and _last_book(frames)["lastUpdateId"] == last_id and len(_data(frames)) == sim.status()["sent"])
    ids = [frame["data"]["a"] for frame in _data(frames) if frame["stream"] == "btcusdt@aggTrade"]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(_last_book(frames)["bids"]) == 20
    assert manager.get_stream_info(stream_id)


def _last_book(frames: list[dict]) -> dict:
    return [frame for frame in _data(frames) if frame["stream"] == "btcusdt@depth20@100ms"][-1]["data"]


def _data(frames: list[dict]) -> list[dict]:
    return [frame for frame in frames if "stream" in frame]
