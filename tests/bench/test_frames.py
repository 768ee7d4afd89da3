"""What the load server sends is what a venue would: frames a recorder cannot tell from real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.books import depth20_payloads, load_books, symbol_names, walk_books
from bench.frames import Lap, ProbeRound, data_frames
from hoga.core.errors import ConfigError
from hoga.runtime.frames import TEXT, ws_frame


def payload_of(frame: bytes) -> dict[str, object]:
    return dict(json.loads(frame[4:]))


def frames_of(lap: Lap) -> list[dict[str, object]]:
    return [payload_of(bytes(lap.view[lap.offsets[at] : lap.offsets[at + 1]])) for at in range(lap.frames)]


def ids_of(lap: Lap, name: str) -> list[int]:
    return [int(frame["data"]["lastUpdateId"]) for frame in frames_of(lap) if frame["stream"] == name]  # type: ignore[index]  # JSON


def test_ids_rise_within_a_lap_and_from_lap_to_lap() -> None:
    built = data_frames(walk_books(50), 3, 4)
    lap = Lap(built, list(built))
    seen = []
    for number in range(3):
        lap.number(number, 0, lap.frames)
        seen += ids_of(lap, next(iter(built)))
    assert len(seen) == 12
    assert seen == sorted(set(seen))


def test_a_lap_brings_every_symbol_in_turn() -> None:
    built = data_frames(walk_books(50), 3, 4)
    seen = [str(frame["stream"]) for frame in frames_of(Lap(built, list(built)))]
    assert seen == seen[:3] * 4
    assert set(seen) == set(built)


@pytest.mark.parametrize("place", [0, 1, 99, 1_499])
def test_books_are_books(place: int) -> None:
    for text in depth20_payloads(walk_books(40), place, 40):
        book = json.loads(b'{"lastUpdateId":1' + text)
        bids, asks = ([float(price) for price, _ in book[side]] for side in ("bids", "asks"))
        assert len(bids) == len(asks) == 20
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert len(set(bids)) == len(set(asks)) == 20
        assert bids[0] < asks[0]
        assert all(float(size) > 0 for side in ("bids", "asks") for _, size in book[side])


def test_captured_books_are_sent_as_they_were(captures: Path) -> None:
    path = captures / "binance-spot" / "derived_depth20_btcusdt_20240808.gz"
    books = load_books(path)
    assert len(books) == 2_464
    first = json.loads(b'{"lastUpdateId":1' + depth20_payloads(books, 0, 1)[0])
    assert first["bids"][0] == ["61837.63000000", "3.78826000"]


def test_a_file_without_books_is_a_usage_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"no":"book"}\n')
    with pytest.raises(ConfigError, match="--frames"):
        load_books(tmp_path / "empty.jsonl")


def test_symbols_are_different() -> None:
    assert len(set(symbol_names(1_500))) == 1_500


def test_a_probe_says_when_it_was_sent() -> None:
    stamped = ProbeRound(["btcusdt@depth"]).stamped(0, 1_795_180_500_123)
    assert payload_of(stamped)["data"]["E"] == 1_795_180_500_123  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("size", "head"), [(5, b"\x81\x05"), (300, b"\x81\x7e\x01\x2c"), (70_000, b"\x81\x7f" + (70_000).to_bytes(8, "big"))]
)
def test_frame_heads(size: int, head: bytes) -> None:
    assert ws_frame(TEXT, bytes(size)).startswith(head)
