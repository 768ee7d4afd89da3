"""Real traffic through the recorder: every frame in the archive once, in order, byte for byte."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoga.app.stream_plan import plan_streams
from hoga.core.streams import Stream
from tests.recorder.workbench import SPOT, Archive, Bench, frame

_CF = re.compile(rb"^(\d+\.\d+): (\{.*\})$")


def read(path: Path) -> Iterator[bytes]:
    """The combined frames of a capture, as received."""
    for line in gzip.decompress(path.read_bytes()).splitlines():
        if path.name.startswith("cf_"):
            hit = _CF.match(line)
            text = hit[2] if hit else b""
        else:
            text = line.partition(b" ")[2] if path.name.startswith(("hft_", "derived_")) else line
        if text.startswith(b'{"stream":"'):
            yield text


def streams_of(frames: list[bytes]) -> list[Stream]:
    names = dict.fromkeys(text[11 : text.index(b'"', 11)].decode() for text in frames)
    pairs = [(name.partition("@")[0].upper(), name.partition("@")[2]) for name in names]
    symbols, channels = tuple(dict.fromkeys(symbol for symbol, _ in pairs)), tuple(dict.fromkeys(channel for _, channel in pairs))
    return [of for of in plan_streams(SPOT, symbols, channels, where="test") if of.name in names]


async def recorded(root: Path, *captures: list[bytes]) -> tuple[Archive, list[Stream]]:
    """Each capture over a connection of its own, one after the other; a frame every 200 µs."""
    streams = streams_of([text for capture in captures for text in capture])
    bench = Bench(root, streams, records_max=10**9, snapshots_queue_max=10**9, executions_queue_max=10**9).start()
    for epoch, capture in enumerate(captures, 1):
        leg = bench.connect(epoch=epoch)
        for text in capture:
            bench.now += 200_000
            bench.send_raw(leg, text)
        bench.now += 1_000_000_000
        bench.cut(leg)
        bench.recorder.tick(bench.now)
    return await bench.finish(), streams


def check(archive: Archive, streams: list[Stream], frames: list[bytes]) -> None:
    wanted: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    by_key = {SPOT.frame_key(of): of for of in streams}
    for text in frames:
        of = by_key[text[: text.index(b"{", 12)]]
        wanted[of.symbol, of.kind].append(text[len(SPOT.frame_key(of)) : -1])
    for (symbol, kind), payloads in wanted.items():
        found = [b"{" + line.split(b',"conn":', 1)[1].split(b",", 1)[1] for line in archive.text(symbol, kind).splitlines()]
        assert found == payloads, (symbol, kind)
        archive.check_balance(symbol, kind)
    assert archive.lines("ODD", "aside") == []


CAPTURES = (
    "hft_btcusdt_20240808.gz",
    "hft_btcusdt_20240809.gz",
    "derived_depth20_btcusdt_20240808.gz",
    "cf_10sym_20210405.raw.gz",
    "cf_20211012_ws.raw.gz",
    "depth_btcusdt_20251207.jsonl.gz",
)


@pytest.mark.parametrize("most", [10_000, pytest.param(None, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CAPTURES)
async def test_every_frame_of_a_capture_is_recorded_once_in_order(captures: Path, tmp_path: Path, name: str, most: int | None) -> None:
    frames = list(read(captures / "binance-spot" / name))[:most]
    assert len(frames) > 100
    archive, streams = await recorded(tmp_path, frames)
    check(archive, streams, frames)


@pytest.mark.parametrize("order", ["as it was", "the later first"])
async def test_two_captures_behind_one_another(captures: Path, tmp_path: Path, order: str) -> None:
    both = [list(read(captures / "binance-spot" / f"hft_btcusdt_{day}.gz"))[:4000] for day in ("20240808", "20240809")]
    if order != "as it was":
        both.reverse()
    archive, streams = await recorded(tmp_path, *both)
    check(archive, streams, both[0] + both[1])


async def test_a_capture_that_begins_again_in_the_middle_is_recorded_once(captures: Path, tmp_path: Path) -> None:
    """A server that starts its replay anew after a cut: what came before is known, what follows is new."""
    frames = list(read(captures / "binance-spot" / "derived_depth20_btcusdt_20240808.gz"))[:400]
    frames = list(dict.fromkeys(frames))
    archive, streams = await recorded(tmp_path, frames[:250], frames[100:])
    wanted = [text[len(SPOT.frame_key(streams[0])) : -1] for text in frames]
    found = [b"{" + line.split(b',"conn":', 1)[1].split(b",", 1)[1] for line in archive.text("BTCUSDT", "orderbook").splitlines()]
    assert found == wanted
    assert archive.check_balance("BTCUSDT", "orderbook") == (550, 400, 0)
    assert sum(segment.duplicates for segment in archive.segments("BTCUSDT", "orderbook")) == 150


async def test_a_genuine_frame_is_its_own_line(tmp_path: Path) -> None:
    """Quoted from the venue's documentation."""
    (of,) = plan_streams(SPOT, ("BNBUSDT",), ("bookTicker",), where="test")
    payload = b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}'
    bench = Bench(tmp_path, [of]).start()
    bench.send(bench.connect(), of, payload)
    archive = await bench.finish()
    text = archive.text("BNBUSDT", "quote")
    assert text.endswith(b',"epoch":1,"conn":"binance-1",' + payload[1:] + b"\n")
    assert frame(of, payload).startswith(SPOT.frame_key(of))
