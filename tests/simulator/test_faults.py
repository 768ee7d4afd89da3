from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoga import simulator
from hoga.core.errors import ConfigError
from hoga.simulator.binance.dialect import DIALECT
from hoga.simulator.faults import FRAME_FAULTS, Fault, FaultDesk, FaultKind, Out, Printed, read_script

S = 1_000_000_000
PAYLOAD = b'{"lastUpdateId":7,"bids":[["1.0","2.0"],["0.9","1.0"]],"asks":[["1.1","3.0"]]}'
FRAME = b'{"stream":"btcusdt@depth20@100ms","data":' + PAYLOAD + b"}"


def desk(*faults: Fault) -> FaultDesk:
    made = FaultDesk(seed=1)
    for fault in faults:
        made.schedule(fault, 0)
    made.advance(0)
    return made


def send(made: FaultDesk, *, stream: str = "btcusdt@depth20@100ms", connection: str = "binance-1", text: bytes = FRAME) -> list[Out]:
    return made.route(connection, stream, Printed(text, PAYLOAD), DIALECT)


def texts(outs: list[Out]) -> list[bytes]:
    return [out.data for out in outs]


def affected(made: FaultDesk) -> dict[str, int]:
    return dict(made.history[0].affected)


def test_without_a_fault_a_frame_is_itself() -> None:
    made = desk()
    assert not made.busy
    assert send(made) == [Out(1, FRAME)]


@pytest.mark.parametrize("kind", ["drop", "silent", "freeze", "half-open"])
def test_withheld_frames_are_counted_by_stream(kind: str) -> None:
    made = desk(Fault(fault=FaultKind(kind), streams="btc*"))
    assert made.busy
    assert send(made) == []
    assert send(made, stream="ethusdt@trade") == [Out(1, FRAME)]
    assert affected(made) == {"btcusdt@depth20@100ms": 1}


def test_count_ends_a_fault_after_exactly_so_many_frames() -> None:
    made = desk(Fault(fault=FaultKind.DROP, count=2))
    assert [bool(send(made)) for _ in range(5)] == [False, False, True, True, True]
    made.advance(1)
    assert not made.busy
    assert made.status()[0]["state"] == "done"
    assert made.status()[0]["affected_total"] == 2


def test_every_and_probability_thin_out() -> None:
    every = desk(Fault(fault=FaultKind.DROP, every=3))
    assert [bool(send(every)) for _ in range(6)] == [False, True, True, False, True, True]
    half = desk(Fault(fault=FaultKind.DROP, probability=0.5))
    passed = sum(bool(send(half)) for _ in range(400))
    assert 150 < passed < 250
    assert affected(half)["btcusdt@depth20@100ms"] == 400 - passed


def test_a_fault_ends_after_its_duration() -> None:
    made = desk(Fault(fault=FaultKind.DROP, duration_s=2))
    made.advance(2 * S - 1)
    assert send(made) == []
    made.advance(2 * S)
    assert len(send(made)) == 1
    assert [active.number for active in made.ended()] == [1]


def test_a_waiting_fault_begins_at_its_time() -> None:
    made = desk(Fault(fault=FaultKind.DROP, at_s=5))
    assert made.started() == []
    made.advance(5 * S)
    assert [active.fault.fault for active in made.started()] == [FaultKind.DROP]
    assert made.started() == []


def test_connections_are_chosen_by_glob() -> None:
    made = desk(Fault(fault=FaultKind.DROP, connections="binance-[23]"))
    assert len(send(made, connection="binance-1")) == 1
    assert send(made, connection="binance-2") == []


def test_delay_is_constant_plus_jitter() -> None:
    made = desk(Fault(fault=FaultKind.DELAY, ms=50, jitter_ms=10))
    delays = [send(made)[0].delay_ns / 1e6 for _ in range(20)]
    assert min(delays) >= 50
    assert max(delays) <= 60
    assert len(set(delays)) > 1


def test_duplicate_sends_the_same_frame_as_a_copy() -> None:
    assert send(desk(Fault(fault=FaultKind.DUPLICATE))) == [Out(1, FRAME), Out(1, FRAME, role="copy")]


def test_reorder_swaps_neighbours_of_one_stream() -> None:
    made = desk(Fault(fault=FaultKind.REORDER, count=1))
    assert send(made, text=b"first") == []
    made.advance(S)
    assert texts(send(made, stream="ethusdt@trade", text=b"other")) == [b"other"]
    assert texts(send(made, text=b"second")) == [b"second", b"first"]
    assert texts(send(made, text=b"third")) == [b"third"]
    assert affected(made) == {"btcusdt@depth20@100ms": 1}


def test_a_held_frame_is_released_when_the_fault_ends_and_forgotten_with_its_connection() -> None:
    made = desk(Fault(fault=FaultKind.REORDER, duration_s=1))
    send(made, text=b"held")
    send(made, connection="binance-2", text=b"lost")
    made.forget_connection("binance-2")
    made.advance(S)
    assert [(connection, out.data) for connection, _, out in made.released()] == [("binance-1", b"held")]
    assert made.released() == []


@pytest.mark.parametrize("kind", ["garbage", "binary-garbage", "oversized", "no-stream", "unknown-stream"])
def test_odd_frames_are_added_before_the_real_one_or_instead_of_it(kind: str) -> None:
    added = send(desk(Fault(fault=FaultKind(kind), size_bytes=5_000)))
    assert [out.role for out in added] == ["odd", "real"]
    assert added[1].data == FRAME
    replaced = send(desk(Fault(fault=FaultKind(kind), mode="replace", size_bytes=5_000)))
    assert [out.role for out in replaced] == ["odd"]


def test_what_odd_frames_look_like() -> None:
    def odd(kind: FaultKind) -> Out:
        return send(desk(Fault(fault=kind, size_bytes=5_000)))[0]

    with pytest.raises(ValueError):
        json.loads(odd(FaultKind.GARBAGE).data)
    assert odd(FaultKind.BINARY_GARBAGE).opcode == 2
    assert len(odd(FaultKind.OVERSIZED).data) == 5_000
    assert "stream" not in json.loads(odd(FaultKind.NO_STREAM).data)
    assert json.loads(odd(FaultKind.UNKNOWN_STREAM).data)["stream"] != "btcusdt@depth20@100ms"
    with pytest.raises(ValueError):
        json.loads(odd(FaultKind.TRUNCATED_JSON).data)
    empty = json.loads(odd(FaultKind.EMPTY_SIDE).data)["data"]
    assert empty["bids"] == []
    assert empty["asks"] == [["1.1", "3.0"]]
    assert odd(FaultKind.TRUNCATED_FRAME).torn


def test_truncated_json_of_a_chinese_symbol_is_still_utf_8() -> None:
    made = desk(Fault(fault=FaultKind.TRUNCATED_JSON))
    for size in range(20, 40):
        send(made, text=('{"stream":"' + "币安人生" * 3)[:size].encode())[0].data.decode()


def test_faults_pile_up_in_order() -> None:
    outs = send(desk(Fault(fault=FaultKind.DUPLICATE), Fault(fault=FaultKind.DELAY, ms=5)))
    assert [out.delay_ns for out in outs] == [5_000_000, 5_000_000]
    assert send(desk(Fault(fault=FaultKind.DROP), Fault(fault=FaultKind.DUPLICATE))) == []


def test_clear_ends_everything() -> None:
    made = desk(Fault(fault=FaultKind.DROP), Fault(fault=FaultKind.DELAY, at_s=9))
    made.clear()
    made.advance(10 * S)
    assert not made.busy
    assert [entry["state"] for entry in made.status()] == ["done"]


def test_requests_are_taken_by_path_and_counted() -> None:
    made = desk(Fault(fault=FaultKind.REST_ERROR, paths="*/depth", count=1, status=418))
    assert made.take_one(FaultKind.REST_ERROR, "/api/v3/time") is None
    taken = made.take_one(FaultKind.REST_ERROR, "/api/v3/depth")
    assert taken is not None
    assert taken.status == 418
    assert made.take_one(FaultKind.REST_ERROR, "/api/v3/depth") is None
    assert affected(made) == {"/api/v3/depth": 1}


def test_every_frame_fault_has_a_name_of_the_list() -> None:
    assert set(FaultKind) >= FRAME_FAULTS


def test_a_script_is_json_lines_or_toml(tmp_path: Path) -> None:
    lines, toml = tmp_path / "a.jsonl", tmp_path / "a.toml"
    lines.write_text('# a comment\n\n{"fault":"drop","at_s":1.5,"streams":"btc*"}\n{"fault":"close","code":1001}\n')
    toml.write_text('[[fault]]\nfault = "drop"\nat_s = 1.5\nstreams = "btc*"\n[[fault]]\nfault = "close"\ncode = 1001\n')
    expected = [Fault(fault=FaultKind.DROP, at_s=1.5, streams="btc*"), Fault(fault=FaultKind.CLOSE, code=1001)]
    assert read_script(lines) == expected
    assert read_script(toml) == expected


def test_every_mistake_of_a_script_is_named_by_line(tmp_path: Path) -> None:
    script = tmp_path / "a.jsonl"
    script.write_text('{"fault":"dropp"}\n{"fault":"drop"}\n{"fault":"drop","colour":1}\nnonsense\n')
    with pytest.raises(ConfigError) as found:
        read_script(script)
    assert [mistake.line for mistake in found.value.mistakes] == [1, 3, 4]


@pytest.mark.parametrize("name, content", [("gone.jsonl", None), ("bad.toml", "[[fault")])
def test_an_unreadable_script_is_a_config_error(tmp_path: Path, name: str, content: str | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError):
        read_script(path)


def test_every_fault_and_every_parameter_of_one_is_in_the_simulators_page() -> None:
    page = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert [kind for kind in FaultKind if f"`{kind}`" not in page] == []
    assert [name for name in Fault.__struct_fields__ if name != "fault" and f"`{name}`" not in page] == []
