"""What was healed comes in every reader: in its place by id, marked, and without a receipt that nobody had."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hoga
from hoga.app.replay import Gaps, Wanted, timelines_of
from hoga.archive.form.discover import discover
from hoga.archive.form.healed import HealedRow, healed_path, pack_rows, read_rows
from hoga.archive.form.manifest import encode_manifest, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.merged import Run, read_merged
from hoga.archive.read.reader import read_blocks
from hoga.archive.read.told import healed_of
from hoga.cli import main as cli
from hoga.core.errors import ArchiveError
from hoga.history.asking import ask_all
from hoga.history.export import export
from hoga.hub.events import GapEvent, TradeEvent
from hoga.simulator import HistoryConfig, Simulator, SimulatorConfig
from hoga.simulator.replay.timeline import Cut, Due
from tests.history.heal.conftest import START_NS, TODAY, Missed

GONE = {3, 7, 8, 9, 20, 38}
NAT = -(2**63)
_EXCHANGE, _LOCAL = 1 << 31, 1 << 30


@pytest.fixture(scope="module", params=[True, False], ids=["merged", "minutes"])
def healed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Missed:
    """A recording that was healed, to read only."""
    return asyncio.run(_made(tmp_path_factory.mktemp("healed"), merged=request.param))


async def _made(root: Path, *, merged: bool) -> Missed:
    history = HistoryConfig(days=3, rows_a_day=2_000, rest_days=7)
    async with Simulator(SimulatorConfig(symbols=("BTCUSDT",), seed=3, start_ns=START_NS, history=history)) as simulator:
        missed = Missed(simulator, root / "binance")
        await missed.record(GONE, merged=merged)
        assert (await missed.heal()).ok
    return missed


def ids(missed: Missed, but: set[int] | None = None) -> list[int]:
    return [row.agg_id for at, row in enumerate(missed.rows) if at not in (but or ())]


def lines(missed: Missed, *, fill: bool, **span: int) -> list[dict[str, object]]:
    text = b"".join(block.text for block in read_blocks(missed.root, kind="execution", fill=fill, **span))
    return [json.loads(line) for line in text.splitlines()]


def test_text_has_every_trade_once_by_its_id_and_says_which_were_healed(healed: Missed) -> None:
    found = lines(healed, fill=True)
    assert [each["a"] for each in found] == ids(healed)
    assert {at for at, each in enumerate(found) if each["recvNs"] is None} == GONE
    assert {at for at, each in enumerate(found) if each.get("healedFrom") == "rest"} == GONE
    received = b"".join(block.text for block in read_blocks(healed.root, kind="execution"))
    filled = b"".join(block.text for block in read_blocks(healed.root, kind="execution", fill=True))
    assert b"".join(line for line in filled.splitlines(keepends=True) if b'"healedFrom"' not in line) == received


def test_cat_prints_them_in_place_and_can_leave_them_out(healed: Missed, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for options, but in (((), set()), (("--no-fill",), GONE)):
        assert cli.main(["cat", str(healed.root), "--kind", "execution", *options]) == 0
        printed = capfdbinary.readouterr().out.splitlines()
        assert [json.loads(line)["a"] for line in printed] == ids(healed, but)


def test_a_span_takes_what_happened_in_it(healed: Missed) -> None:
    start, end = healed.rows[5].time_ns, healed.rows[20].time_ns // 1_000_000 * 1_000_000
    found = lines(healed, fill=True, start_ns=start, end_ns=end)
    arrays = hoga.load("binance:BTCUSDT", "execution", root=healed.root.parent, start=start, end=end).numpy()
    assert [each["a"] for each in found] == arrays.trade_id.tolist()
    assert {healed.rows[at].agg_id for at in (7, 8, 9)} <= {each["a"] for each in found}
    assert healed.rows[20].agg_id not in {each["a"] for each in found}


def test_read_gives_events_that_say_it_and_no_gap_where_nothing_is_missing(healed: Missed) -> None:
    events = list(hoga.read("binance:BTCUSDT", "execution", root=healed.root.parent))
    trades = [each for each in events if isinstance(each, TradeEvent)]
    assert [each.raw()["a"] for each in trades] == ids(healed)
    assert {at for at, each in enumerate(trades) if each.healed_from == "rest"} == GONE
    assert {at for at, each in enumerate(trades) if each.recv_ns == 0} == GONE
    assert "healed from rest" in repr(trades[3])
    assert trades[3].time.timestamp() == pytest.approx(healed.rows[3].time_ns / 1e9, abs=0.002)
    unfilled = list(hoga.read("binance:BTCUSDT", "execution", root=healed.root.parent, fill=False))
    received = [each for each in unfilled if isinstance(each, TradeEvent)]
    assert [each.raw()["a"] for each in received] == ids(healed, GONE)
    missing = [each for each in unfilled if isinstance(each, GapEvent) and each.reason == "sequence-gap"]
    assert missing
    assert not [each for each in events if isinstance(each, GapEvent) and each.reason == "sequence-gap"]


def test_load_marks_no_gap_where_all_of_it_was_fetched(healed: Missed) -> None:
    d = hoga.load("binance:BTCUSDT", "execution", root=healed.root.parent)
    bare = hoga.load("binance:BTCUSDT", "execution", root=healed.root.parent, fill=False)
    assert not d.numpy().gap_before[1:].any()
    assert bare.numpy().gap_before[1:].sum() == 4
    assert "sequence-gap" not in {gap.reason for gap in d.gaps()}
    assert sum(gap.reason == "sequence-gap" for gap in bare.gaps()) == 4


def test_csv_has_the_same_rows_with_an_empty_receipt(healed: Missed, tmp_path: Path) -> None:
    for fill, but in ((True, set()), (False, GONE)):
        out = tmp_path / f"{fill}.csv"
        export(ask_all("binance:BTCUSDT", "execution", None, None, None, healed.root.parent), "csv", out, fill=fill)
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["a"]) for row in rows] == ids(healed, but)
        assert {at for at, row in enumerate(rows) if not row["recvNs"]} == (GONE if fill else set())
        assert ("healedFrom" in rows[0]) == fill
        assert {row["p"] for row in rows} == {str(each["p"]) for each in lines(healed, fill=fill)}
        assert not any(row["more"] for row in rows)
    assert [row["a"] for row in rows] != []


def test_parquet_has_them_without_a_receipt_and_loads_alike(healed: Missed, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    asked = ask_all("binance:BTCUSDT", "execution", None, None, None, healed.root.parent)
    assert export(asked, "parquet", out).records == 40
    loaded, direct = hoga.load(out).numpy(), hoga.load("binance:BTCUSDT", "execution", root=healed.root.parent).numpy()
    for name in ("recv_ns", "event_ns", "trade_id", "price", "size", "side", "gap_before"):
        assert loaded[name].tolist() == direct[name].tolist(), name
    start, end = healed.rows[5].time_ns, healed.rows[20].time_ns
    inside = hoga.load(out, start=start, end=end).numpy()
    assert {healed.rows[at].agg_id for at in (7, 8, 9)} <= set(inside.trade_id.tolist())
    from hoga.archive.form.table import open_table

    text = b"".join(open_table(out).text(0, 40))
    assert [json.loads(line) for line in text.splitlines()] == lines(healed, fill=True)


def test_for_hftbacktest_they_are_events_of_the_exchange_alone(healed: Missed, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    asked = ask_all("binance:BTCUSDT", "execution", None, None, None, healed.root.parent)
    export(asked, "hftbacktest", out)
    with np.load(out) as file:
        data = file["data"]
    at_exchange = data[(data["ev"] & _EXCHANGE) != 0]
    at_home = data[(data["ev"] & _LOCAL) != 0]
    assert (len(at_exchange), len(at_home)) == (40, 40 - len(GONE))
    assert (np.diff(at_exchange["exch_ts"]) >= 0).all()
    assert (np.diff(at_home["local_ts"]) >= 0).all()
    assert at_exchange["px"].tolist() == [float(each.body.price) for each in events_of(healed, fill=True)]
    assert at_home["px"].tolist() == [float(each.body.price) for each in events_of(healed, fill=False)]
    assert (data["local_ts"] > 0).all()
    export(asked, "hftbacktest", out, shift_clock=True)
    export(asked, "hftbacktest", tmp_path / "bare.npz", fill=False)
    with np.load(tmp_path / "bare.npz") as file:
        assert len(file["data"]) == 40 - len(GONE)


def events_of(missed: Missed, *, fill: bool) -> list[TradeEvent]:
    found = hoga.read("binance:BTCUSDT", "execution", root=missed.root.parent, fill=fill)
    return sorted((each for each in found if isinstance(each, TradeEvent)), key=lambda each: each.event_ns or 0)


@pytest.mark.parametrize("gaps", list(Gaps))
def test_a_replay_sends_them_at_the_venues_time_and_what_they_filled_is_no_gap(healed: Missed, gaps: Gaps) -> None:
    items = played(healed, gaps=gaps)
    frames = [item.frame for item in items if isinstance(item, Due)]
    assert [json.loads(frame.payload)["a"] for frame in frames] == ids(healed)
    assert all(b"healed" not in frame.payload for frame in frames)
    dues = [item.offset_ns for item in items if isinstance(item, Due)]
    assert dues == sorted(dues)
    span = dues[-1] - dues[0]
    assert abs(span - (healed.rows[-1].time_ns - healed.rows[0].time_ns)) < 10_000_000
    for at in GONE:
        assert abs((dues[at] - dues[0]) - (healed.rows[at].time_ns - healed.rows[0].time_ns)) <= 10_000_000
    holes = [item for item in items if isinstance(item, Cut)]
    bare = played(healed, gaps=gaps, fill=False)
    assert [json.loads(item.frame.payload)["a"] for item in bare if isinstance(item, Due)] == ids(healed, GONE)
    if gaps is Gaps.CUT:
        assert len([item for item in bare if isinstance(item, Cut)]) == len(holes) + 4


def played(missed: Missed, **which: object) -> list[Due | Cut]:
    found = discover([missed.root])
    (line,) = timelines_of(Wanted(days=found.days, journals=found.journals, kind="execution", **which)).values()  # type: ignore[arg-type]
    return list(line.timeline())


async def test_a_gap_of_which_some_stays_missing_is_told_everywhere(missed: Missed) -> None:
    await missed.record({7, 8, 9})
    await missed.heal()
    path = healed_path(missed.day)
    told = healed_of(missed.day)
    assert told is not None
    rows = [HealedRow("aggTrade", json.loads(line)["a"], json.loads(line)["eventTime"], line) for line in read_rows(path, told)][:2]
    packed, now = pack_rows(missed.day, rows, ranges=told.ranges[:0], healed_ns=told.healed_ns)
    path.write_bytes(packed)
    manifest = read_manifest(missed.day.manifest_path)
    assert manifest is not None
    missed.day.manifest_path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, healed=now)))
    d = hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent)
    assert d.numpy().trade_id.tolist() == ids(missed, {9})
    assert np.flatnonzero(d.numpy().gap_before[1:]).tolist() == [8], "before the first record behind the hole"
    assert [gap.reason for gap in d.gaps() if gap.reason == "sequence-gap"]
    assert [item for item in played(missed) if isinstance(item, Cut) and item.for_ns > 0]
    told_events = list(hoga.read("binance:BTCUSDT", "execution", root=missed.root.parent))
    assert [each for each in told_events if isinstance(each, GapEvent) and each.reason == "sequence-gap"]


async def test_across_midnight_text_arrays_and_events_agree(missed: Missed) -> None:
    day = missed.past.day(TODAY - 2)
    await missed.record(range(10, 30), back=2, begin=len(day.aggregates) - 20, count=20)
    later = Missed(missed.simulator, missed.root)
    await later.record(set(range(5)), begin=0, count=20)
    assert (await missed.heal()).ok
    text = [each["a"] for each in lines(missed, fill=True)]
    assert text == [*ids(missed), *ids(later)]
    assert hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent).numpy().trade_id.tolist() == text
    events = [each for each in hoga.read("binance:BTCUSDT", "execution", root=missed.root.parent) if isinstance(each, TradeEvent)]
    assert [each.raw()["a"] for each in events] == text


def test_of_several_series_each_healed_trade_comes_between_its_own_neighbours(healed: Missed) -> None:
    days = [day for day in discover([healed.root]).days if day.kind == "execution"]
    for series in ([days, days], [days]):
        found: dict[int, list[int]] = {}
        moments: list[int] = []
        for item in read_merged(series, fill=True):
            assert isinstance(item, Run)
            found.setdefault(item.source, []).extend(json.loads(line)["a"] for line in item.lines)
            moments += item.receipts
        assert all(each == ids(healed) for each in found.values())
        assert moments == sorted(moments)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(low=st.integers(0, 40), high=st.integers(0, 41))
def test_text_and_arrays_agree_about_any_span(healed: Missed, low: int, high: int) -> None:
    edges = [row.time_ns for row in healed.rows] + [2**62, 2**62]
    start, end = sorted((edges[low], edges[high]))
    arrays = hoga.load("binance:BTCUSDT", "execution", root=healed.root.parent, start=start, end=end).numpy()
    found = lines(healed, fill=True, start_ns=start, end_ns=end)
    assert [each["a"] for each in found] == (arrays.trade_id.tolist() if arrays.records else [])


def harmed(missed: Missed, harm: str) -> None:
    path = healed_path(missed.day)
    good = path.read_bytes()
    if harm == "flip":
        path.write_bytes(good[:40] + bytes([good[40] ^ 8]) + good[41:])
    elif harm == "cut":
        path.write_bytes(good[:-3])
    elif harm == "gone":
        path.unlink()
    elif harm == "another day's":
        other = SeriesDay(missed.day.directory, missed.day.symbol, missed.day.kind, "2026-03-01")
        text = missed.day.manifest_path.read_text()
        missed.day.manifest_path.write_text(text.replace(path.name, healed_path(other).name))
        path.rename(healed_path(other))


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "another day's"])
def test_damage_is_an_error_in_every_reader_and_never_a_number(
    healed: Missed, harm: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missed = Missed(healed.simulator, tmp_path / "data" / "binance")
    shutil.copytree(healed.root, missed.root)
    if not missed.day.manifest_path.exists():
        missed.merge()
    harmed(missed, harm)
    root = missed.root.parent
    with pytest.raises(ArchiveError, match=r"healed|manifest"):
        lines(missed, fill=True)
    with pytest.raises(ArchiveError):
        hoga.load("binance:BTCUSDT", "execution", root=root).numpy()
    with pytest.raises(ArchiveError):
        list(hoga.read("binance:BTCUSDT", "execution", root=root))
    with pytest.raises(ArchiveError):
        played(missed)
    for form in ("csv", "parquet", "hftbacktest"):
        with pytest.raises(ArchiveError):
            export(ask_all("binance:BTCUSDT", "execution", None, None, None, root), form, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    capfd.readouterr()
    assert cli.main(["cat", str(missed.root), "--kind", "execution"]) == 1
    assert len(capfd.readouterr().err.strip().splitlines()) == 1
    if harm != "another day's":
        assert len(lines(missed, fill=False)) == 40 - len(GONE)


async def test_what_neither_ledger_nor_manifest_name_is_not_told(missed: Missed) -> None:
    await missed.record({3, 7})
    manifest = missed.day.manifest_path.read_bytes()
    await missed.heal()
    missed.day.manifest_path.write_bytes(manifest)  # as if a kill had come before it was written
    assert len(lines(missed, fill=True)) == 38
    assert hoga.load("binance:BTCUSDT", "execution", root=missed.root.parent).numpy().records == 38
    assert (await missed.heal()).ok
    assert [each["a"] for each in lines(missed, fill=True)] == ids(missed)


def test_the_healed_file_alone_is_no_archive_and_says_where_to_look(healed: Missed, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cat", str(healed_path(healed.day))]) == 2
    assert "read with their day" in capfd.readouterr().err
