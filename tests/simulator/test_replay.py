from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from hoga.simulator import Fault, FaultKind, Simulator
from hoga.simulator.replay.capture import Capture, survey


def write(path: Path, frames: list[tuple[int, str, dict]]) -> None:
    lines = [f"{time_ns} {json.dumps({'stream': stream, 'data': data})}\n" for time_ns, stream, data in frames]
    path.write_bytes(gzip.compress("".join(lines).encode()) if path.suffix == ".gz" else "".join(lines).encode())


T0 = 1_723_161_253_000_000_000
MS = 1_000_000


class TestTimeline:
    def test_overlapping_files_are_merged_and_the_years_between_left_out(self, tmp_path: Path) -> None:
        write(tmp_path / "z.gz", [(T0 + 5 * MS, "a@x", {"n": 2}), (T0 + 15 * MS, "a@x", {"n": 4})])
        write(tmp_path / "m.txt", [(T0, "b@x", {"n": 1}), (T0 + 10 * MS, "b@x", {"n": 3})])
        write(tmp_path / "later", [(T0 + 10**17, "c@x", {"n": 5}), (T0 + 10**17 + MS, "c@x", {"n": 6})])
        (tmp_path / "notes.md").write_text("# not a capture\n")
        capture = survey([tmp_path])
        due = list(capture.timeline())
        assert [json.loads(entry.frame.payload)["n"] for entry in due] == [1, 2, 3, 4, 5, 6]
        offsets = [entry.offset_ns for entry in due]
        assert offsets[:4] == [0, 5 * MS, 10 * MS, 15 * MS]
        assert offsets[5] - offsets[4] == MS
        assert offsets[4] - offsets[3] < 10**9
        assert capture.symbols == ["A", "B", "C"]
        assert len(capture.skipped) == 1

    def test_time_never_goes_backwards_within_a_file_and_the_order_stays(self, tmp_path: Path) -> None:
        write(tmp_path / "f", [(T0 + 9 * MS, "a@x", {"n": 1}), (T0, "a@x", {"n": 2}), (T0 + 10 * MS, "a@x", {"n": 3})])
        due = list(survey([tmp_path / "f"]).timeline())
        assert [json.loads(entry.frame.payload)["n"] for entry in due] == [1, 2, 3]
        assert [entry.offset_ns for entry in due] == sorted(entry.offset_ns for entry in due)

    @pytest.mark.parametrize(
        "harm", [lambda whole: whole[: len(whole) // 2], lambda whole: whole[:-6] + b"123456", lambda whole: b"x" + whole]
    )
    def test_a_damaged_gzip_is_left_out_and_named(self, tmp_path: Path, harm) -> None:
        write(tmp_path / "torn.gz", [(T0 + n, "a@x", {"n": n}) for n in range(2_000)])
        (tmp_path / "torn.gz").write_bytes(harm((tmp_path / "torn.gz").read_bytes()))
        capture = survey([tmp_path])
        assert capture.files == []
        assert "torn.gz" in capture.skipped[0]


def test_the_real_captures_are_all_understood(data: Path) -> None:
    capture = survey([data / "binance-spot"])
    counts = {file.path.name: file.frames for file in capture.files}
    assert counts["hft_btcusdt_20240808.gz"] == 41_248
    assert counts["hft_btcusdt_20240809.gz"] == 58_325
    assert counts["derived_depth20_btcusdt_20240808.gz"] == 2_464
    assert counts["cf_10sym_20210405.raw.gz"] == 11_357
    assert counts["cf_20211012_ws.raw.gz"] == 265
    assert counts["depth5_diff_trade_btcusdt_20260607_first400.csv"] == 400
    assert counts["depth_btcusdt_20251207.jsonl.gz"] == 3_286
    assert counts["frames_20260923.jsonl"] == 4
    assert sum(name.endswith(".json") for name in counts) == 7
    assert len(capture.depths) == 15
    assert capture.exchange_info is not None
    assert len(capture.skipped) == 1


def expected(capture: Capture) -> dict[str, list[bytes]]:
    payloads: dict[str, list[bytes]] = defaultdict(list)
    for due in capture.timeline():
        payloads[due.frame.stream].append(due.frame.payload)
    return payloads


class TestOverTheWire:
    async def test_payloads_arrive_verbatim_and_in_order_flat_out(self, data: Path, simulate, connect) -> None:
        paths = (data / "binance-spot" / "cf_20211012_ws.raw.gz", data / "binance-spot" / "depth5_diff_trade_btcusdt_20260607_first400.csv")
        sim: Simulator = await simulate(replay=paths, replay_max=True, replay_start_delay_s=0.1)
        wanted = expected(survey(paths))
        client = await connect(sim, "/stream?streams=" + "/".join(wanted))
        received: dict[str, list[bytes]] = defaultdict(list)
        for _ in range(665):
            text = (await client.message()).data
            name = json.loads(text)["stream"]
            received[name].append(text.encode().removeprefix(f'{{"stream":"{name}","data":'.encode())[:-1])
        assert received == wanted
        status = sim.status()["replay"]
        assert (status["done"], status["sent"], status["unheard"]) == (True, 665, 0)

    async def test_raw_connections_get_the_payload_and_combined_ones_the_original_text(self, tmp_path: Path, simulate, connect) -> None:
        text = '{ "stream" : "a@x" , "data" : {"n": 1.10, "s":"币"} }'
        (tmp_path / "f").write_text(f"{T0} {text}\n")
        sim: Simulator = await simulate(replay=(tmp_path / "f",), replay_start_delay_s=0.2)
        raw, combined = await connect(sim, "/ws/a@x"), await connect(sim, "/stream?streams=a@x")
        assert (await raw.message()).data == '{"n": 1.10, "s":"币"}'
        assert (await combined.message()).data == text

    async def test_the_pace_is_the_captures_times_the_speed(self, tmp_path: Path, simulate, connect) -> None:
        write(tmp_path / "f", [(T0 + n * 1_000 * MS, "a@x", {"n": n}) for n in range(6)])
        sim: Simulator = await simulate(replay=(tmp_path,), speed=10.0, replay_start_delay_s=0.0)
        times: list[int] = []
        sim.board.tap = lambda connection, stream, text: times.append(sim.clock.now_ns())
        asked_ns = sim.clock.now_ns()
        client = await connect(sim, "/stream?streams=a@x")
        begun_ns = sim.clock.now_ns()
        assert [frame["data"]["n"] for frame in await client.frames(6)] == [0, 1, 2, 3, 4, 5]
        assert all(at_ns >= asked_ns + n * 1_000 * MS for n, at_ns in enumerate(times)), "none is early"
        late_ns = min(at_ns - (begun_ns + n * 1_000 * MS) for n, at_ns in enumerate(times) if n)
        assert late_ns < 5_000 * MS, "a busy machine's are late, not all of them by a whole frame at the pace of the wall"

    async def test_it_waits_for_the_first_listener_and_stays_open_when_done(self, tmp_path: Path, simulate, connect) -> None:
        write(tmp_path / "f", [(T0, "a@x", {"n": 1}), (T0, "b@x", {"n": 2})])
        sim: Simulator = await simulate(replay=(tmp_path,), replay_start_delay_s=0.0)
        client = await connect(sim, "/stream?streams=nobody@knows")
        assert sim.status()["replay"]["started"] is False
        await client.send("SUBSCRIBE", ["a@x"], id=1)
        assert [await client.frame() for _ in range(2)] == [{"result": None, "id": 1}, {"stream": "a@x", "data": {"n": 1}}]
        await client.send("LIST_SUBSCRIPTIONS", id=2)
        assert (await client.reply())["id"] == 2
        status = sim.status()["replay"]
        assert (status["done"], status["sent"], status["unheard"]) == (True, 1, 1)

    async def test_looping_begins_again(self, tmp_path: Path, simulate, connect) -> None:
        write(tmp_path / "f", [(T0, "a@x", {"n": 1})])
        sim: Simulator = await simulate(replay=(tmp_path,), replay_start_delay_s=0.0, replay_loop=True)
        client = await connect(sim, "/stream?streams=a@x")
        assert len(await client.frames(3)) == 3

    async def test_faults_work_on_captures_too(self, tmp_path: Path, simulate, connect) -> None:
        write(tmp_path / "f", [(T0 + n, "a@x", {"n": n}) for n in range(10)])
        sim: Simulator = await simulate(replay=(tmp_path,), replay_start_delay_s=0.0)
        sim.inject(Fault(fault=FaultKind.DROP, every=5))
        client = await connect(sim, "/stream?streams=a@x")
        assert [frame["data"]["n"] for frame in await client.frames(8)] == [1, 2, 3, 4, 6, 7, 8, 9]

    async def test_captured_rest_replies_are_served(self, data: Path, simulate, http) -> None:
        folder = data / "binance-spot"
        sim: Simulator = await simulate(
            replay=tuple(folder / f"cf_20211012_{part}.raw.gz" for part in ("exchangeinfo", "rest_depth", "ws"))
        )
        async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=NKNUSDT&limit=5000") as response:
            whole = await response.json()
        async with http.get(f"{sim.rest_url}/api/v3/depth?symbol=NKNUSDT&limit=3") as response:
            cut = await response.json()
        async with http.get(f"{sim.rest_url}/api/v3/exchangeInfo") as response:
            info = await response.json()
        async with http.get(f"{sim.rest_url}/api/v3/trades?symbol=NKNUSDT") as response:
            assert response.status == 400
        assert whole["lastUpdateId"] == 499869752
        assert cut["bids"] == whole["bids"][:3]
        assert Counter(entry["symbol"] for entry in info["symbols"])["NKNUSDT"] == 1

    async def test_symbols_that_the_captured_exchange_info_lacks_are_added(self, tmp_path: Path, simulate, http) -> None:
        info = b'https://api.binance.com/api/v3/exchangeInfo -> 1723161253.1: {"timezone":"UTC","symbols":[{"symbol":"OLDUSDT"}]}\n'
        (tmp_path / "f.raw").write_bytes(info + b'1723161253.2: {"stream":"newusdt@x","data":{}}\n')
        sim: Simulator = await simulate(replay=(tmp_path,))
        async with http.get(f"{sim.rest_url}/api/v3/exchangeInfo") as response:
            assert [entry["symbol"] for entry in (await response.json())["symbols"]] == ["OLDUSDT", "NEWUSDT"]
