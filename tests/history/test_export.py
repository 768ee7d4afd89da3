"""`hoga export`: the venue's texts as CSV, ticks and lots as Parquet, and events from which the very books come again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hoga
from hoga.cli.main import main
from hoga.core.ledger import Gap, Reason
from hoga.history.batch import Arrays
from hoga.history.events_npz import EVENT, BookEvents, in_order, shifted
from tests.archive.workshop import DAY, Workshop, book, delta, envelope, fill_trades
from tests.history.test_load import assert_books, fill_books, orderbook

_CLEAR, _SNAPSHOT, _BUY = 3, 4, 1 << 29
_EXCHANGE, _LOCAL = 1 << 31, 1 << 30


def events_of(path: Path) -> Any:
    with np.load(path) as file:
        assert file.files == ["data"]
        return file["data"]


def books_of(events: Any, clock: str, flag: int) -> dict[int, tuple[dict[float, float], dict[float, float]]]:
    """The book after all events of each moment of one clock, as a reader of the file builds it."""
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    found: dict[int, tuple[dict[float, float], dict[float, float]]] = {}
    for event in events[(events["ev"] & flag) != 0]:
        kind = int(event["ev"]) & 0xFF
        if kind == _CLEAR:
            sides[0].clear()
            sides[1].clear()
        elif kind != 2:
            side = sides[0] if event["ev"] & _BUY else sides[1]
            side[float(event["px"])] = float(event["qty"])
            if not event["qty"]:
                side.pop(float(event["px"]))
        found[int(event[clock])] = (dict(sides[0]), dict(sides[1]))
    return found


def assert_ordered(events: Any) -> None:
    """What hftbacktest's own validator asks: each clock only goes forward among the events that are for it."""
    for clock, flag in (("exch_ts", _EXCHANGE), ("local_ts", _LOCAL)):
        assert (np.diff(events[clock][(events["ev"] & flag) != 0]) >= 0).all(), clock


def test_the_very_books_come_of_the_events(tmp_path: Path) -> None:
    shop = orderbook(tmp_path)
    assert main(["export", str(tmp_path), "--to", "hftbacktest", str(tmp_path / "x.npz")]) == 0
    events = events_of(tmp_path / "x.npz")
    assert events.dtype == EVENT
    assert EVENT.itemsize == 64
    assert_ordered(events)
    books = books_of(events, "local_ts", _LOCAL)
    for line in shop.all_text().splitlines():
        record = json.loads(line)
        found = books[record["recvNs"]]
        for side, name in enumerate(("bids", "asks")):
            assert found[side] == {float(price): float(size) for price, size in record[name] if float(size)}
    first = events[events["local_ts"] == events["local_ts"][0]]
    assert set((first["ev"] & 0xFF).tolist()) == {_SNAPSHOT}, "it begins with its own book"


def test_a_gap_begins_with_a_clear_and_ends_with_a_snapshot(tmp_path: Path) -> None:
    shop = fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook"), ("13-15", "13-36"), per_minute=4)
    gap = Gap(from_ns=shop.minute_ns("13-16"), to_ns=shop.minute_ns("13-36"), reason=Reason.DISCONNECT, missed=None)
    shop.tell_gap(gap)
    assert hoga.load(tmp_path).to_hftbacktest(tmp_path / "x.npz") > 0
    events = events_of(tmp_path / "x.npz")
    clears = events[(events["ev"] & 0xFF) == _CLEAR]
    assert clears["local_ts"].tolist() == [gap.from_ns]
    assert books_of(events, "local_ts", _LOCAL)[gap.from_ns] == ({}, {})
    after = events[events["local_ts"] == shop.minute_ns("13-36") + 7]
    assert set((after["ev"] & 0xFF).tolist()) == {_SNAPSHOT}
    assert_ordered(events)


@pytest.mark.parametrize("kind", ["orderbook", "delta"])
@pytest.mark.parametrize("is_back", [True, False])
def test_a_gap_behind_the_last_book_begins_with_a_clear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, is_back: bool
) -> None:
    """The trades go on, and nobody may trade with a book that nobody sees; of the trades' own gap a line tells."""
    shop = Workshop(tmp_path / "binance" / kind, kind)
    for minute in ("13-15", "13-36") if is_back else ("13-15",):
        times = [shop.minute_ns(minute) + at * 10**9 for at in range(4)]
        made = [book(time, at) if kind == "orderbook" else delta(time, at, at) for at, time in enumerate(times)]
        shop.seal(minute, made, ids=range(4))
    gap = Gap(from_ns=shop.minute_ns("13-16"), to_ns=shop.minute_ns("13-36"), reason=Reason.DISCONNECT, missed=None)
    shop.tell_gap(gap)
    trades = fill_trades(Workshop(tmp_path / "binance" / "execution", "execution"), minutes=("13-15", "13-16", "13-17", "13-20"))
    trades.tell_gap(Gap(from_ns=shop.minute_ns("13-18"), to_ns=shop.minute_ns("13-20"), reason=Reason.DISCONNECT, missed=None))
    span = ["--start", f"{DAY}T13:15", "--end", f"{DAY}T13:30"]
    assert main(["export", "binance:BTCUSDT", "--data", str(tmp_path), "--to", "hftbacktest", *span, str(tmp_path / "x.npz")]) == 0
    assert "trades have a gap in that span" in capsys.readouterr().err
    events = events_of(tmp_path / "x.npz")
    assert_ordered(events)
    assert events[(events["ev"] & 0xFF) == _CLEAR]["local_ts"].tolist() == [gap.from_ns]
    assert events["local_ts"].max() > gap.from_ns


def test_books_and_trades_of_a_symbol_in_the_order_of_both_clocks(tmp_path: Path) -> None:
    """The recorder's clock is 1.27 s behind, trades come before the books of their moment: nothing is moved unless it is asked for."""
    shop = Workshop(tmp_path / "binance" / "orderbook", "orderbook")
    start = shop.minute_ns("13-15")
    shop.seal(
        "13-15",
        [_stamped(book(start + at * 10**8, at), start + at * 10**8 + 1_270_000_000 - at % 3 * 200_000_000) for at in range(30)],
        ids=range(30),
    )
    trades = Workshop(tmp_path / "binance" / "execution", "execution")
    made = [
        envelope(start + at * 10**8 + 5, b'{"e":"aggTrade","a":%d,"p":"1.5","q":"2","m":%b}' % (at, b"true" if at % 2 else b"false"))
        for at in range(30)
    ]
    trades.seal("13-15", [_stamped(line, start + at * 10**8 + 1_250_000_000) for at, line in enumerate(made)], ids=range(30))
    arguments = ["export", "binance:BTCUSDT", "--data", str(tmp_path), "--to", "hftbacktest"]
    assert main([*arguments, str(tmp_path / "x.npz")]) == 0
    events = events_of(tmp_path / "x.npz")
    assert_ordered(events)
    local = events[(events["ev"] & _LOCAL) != 0]
    assert ((local["ev"] & 0xFF) == 2).sum() == 30
    assert int((local["local_ts"] - local["exch_ts"]).min()) < -(10**9), "the clock is as it was"
    assert (events["ev"] & (_EXCHANGE | _LOCAL) != _EXCHANGE | _LOCAL).any(), "the clocks disagree here"
    assert main([*arguments, "--shift-clock", str(tmp_path / "y.npz")]) == 0
    moved = events_of(tmp_path / "y.npz")
    assert_ordered(moved)
    assert int((moved["local_ts"] - moved["exch_ts"]).min()) >= 0


def _stamped(line: bytes, event_ns: int) -> bytes:
    return line.replace(b'"eventTime":null', b'"eventTime":%d' % (event_ns // 10**6))


def test_shifting_says_by_how_much(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "orderbook", "orderbook")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [_stamped(book(start, 1), start + 1_270_000_000)], ids=[1])
    assert main(["export", str(tmp_path), "--to", "hftbacktest", "--shift-clock", "--json", str(tmp_path / "x.npz")]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["shifted_ns"] == 1_270_000_000
    assert "local times were moved by 1270 ms" in said.err


def test_events_of_random_clocks_are_in_the_order_of_both() -> None:
    chance = np.random.default_rng(7)
    for _ in range(50):
        events = np.zeros(60, EVENT)
        events["ev"] = _EXCHANGE | _LOCAL | 1
        events["local_ts"] = np.sort(chance.integers(0, 100, 60))
        events["exch_ts"] = events["local_ts"] + chance.integers(-9, 9, 60)
        found = in_order(events.copy())
        assert_ordered(found)
        for flag in (_EXCHANGE, _LOCAL):
            mine = found[(found["ev"] & flag) != 0]
            assert sorted(zip(mine["exch_ts"].tolist(), mine["local_ts"].tolist(), strict=True)) == sorted(
                zip(events["exch_ts"].tolist(), events["local_ts"].tolist(), strict=True)
            )
        assert shifted(events) >= 0
        assert (events["local_ts"] >= events["exch_ts"]).all()


def test_thin_and_crossed_books_leave_no_level_behind() -> None:
    """An empty side, levels that come and go, a book that is crossed: the events give the books, whatever they are."""
    chance = np.random.default_rng(3)
    prices = np.full((40, 2, 5), np.nan)
    sizes = prices.copy()
    for row in range(40):
        for side in range(2):
            count = int(chance.integers(0, 6))
            prices[row, side, :count] = chance.choice(12, count, replace=False)
            sizes[row, side, :count] = chance.integers(1, 4, count)
    receipts = np.arange(40, dtype=np.int64) * 10
    gap_before = np.zeros(40, bool)
    gap_before[20] = True
    columns = {"recv_ns": receipts, "event_ns": receipts + 3, "prices": prices, "sizes": sizes, "gap_before": gap_before}
    maker = BookEvents("event_ns")
    parts = [Arrays({name: each[at : at + 7] for name, each in columns.items()}) for at in range(0, 40, 7)]
    events = in_order(np.concatenate([maker.take(part, np.array([195] * int(part.gap_before.sum()))) for part in parts]))
    for clock, flag, offset in (("local_ts", _LOCAL, 0), ("exch_ts", _EXCHANGE, 3)):
        books = books_of(events, clock, flag)
        last: Any = ({}, {})
        for row in range(40):
            last = books.get(row * 10 + offset, last)
            for side in range(2):
                there = ~np.isnan(prices[row, side])
                assert last[side] == dict(zip(prices[row, side][there].tolist(), sizes[row, side][there].tolist(), strict=True))


def test_each_day_begins_with_its_own_book_and_the_next_day_joins(tmp_path: Path) -> None:
    for day, minute in (("2026-11-20", "23-59"), ("2026-11-21", "00-00")):
        fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook", day=day), (minute,))
    days = ("2026-11-20", "2026-11-21")
    for day in days:
        hoga.load("binance:BTCUSDT", "orderbook", day, root=tmp_path).to_hftbacktest(tmp_path / f"{day}.npz")
    one, two = (events_of(tmp_path / f"{day}.npz") for day in days)
    for events in (one, two):
        assert int(events["ev"][0]) & 0xFF == _SNAPSHOT
    joined = np.concatenate((one, two))
    assert_ordered(joined)
    hoga.load("binance:BTCUSDT", "orderbook", root=tmp_path).to_hftbacktest(tmp_path / "both.npz")
    both = books_of(events_of(tmp_path / "both.npz"), "local_ts", _LOCAL)
    apart = books_of(two, "local_ts", _LOCAL)
    assert all(both[moment] == book for moment, book in apart.items())


def test_deltas_are_events_as_they_are(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "delta", "delta")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [delta(start + at, at, at) for at in range(3)], ids=range(3))
    assert hoga.load(tmp_path).to_hftbacktest(tmp_path / "x.npz", time="transaction") == 3
    assert events_of(tmp_path / "x.npz")["px"].tolist() == [97962.29] * 3


def test_csv_has_the_venues_own_texts(tmp_path: Path) -> None:
    shop = orderbook(tmp_path)
    assert main(["export", "binance:BTCUSDT", "--kind", "orderbook", "--data", str(tmp_path), "--to", "csv", str(tmp_path / "x.csv")]) == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    records = [json.loads(line) for line in shop.all_text().splitlines()]
    assert [int(row["recvNs"]) for row in rows] == [record["recvNs"] for record in records]
    assert [row["bids.1.1"] for row in rows] == [record["bids"][0][0] for record in records]
    assert [row["asks.20.2"] for row in rows] == [record["asks"][19][1] for record in records]
    assert {row["eventTime"] for row in rows} == {""}
    fill_trades(Workshop(tmp_path / "binance" / "execution", "execution"))
    assert main(["export", "binance:BTCUSDT", "--kind", "execution", "--data", str(tmp_path), "--to", "csv", str(tmp_path / "y.csv")]) == 0
    with (tmp_path / "y.csv").open(newline="") as file:
        assert {(row["p"], row["q"], row["m"]) for row in csv.DictReader(file)} == {("97962.29", "0.5", "true")}


def test_an_exported_parquet_is_loaded_and_has_its_gaps(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    shop = fill_books(Workshop(tmp_path / "data" / "binance" / "orderbook", "orderbook"), ("13-15", "13-36"))
    shop.tell_gap(Gap(from_ns=shop.minute_ns("13-16"), to_ns=shop.minute_ns("13-36"), reason=Reason.DISCONNECT, missed=None))
    assert main(["export", str(tmp_path / "data"), "--to", "parquet", str(tmp_path / "x.parquet")]) == 0
    loaded = hoga.load(tmp_path / "x.parquet")
    assert loaded.names == ["binance:BTCUSDT"]
    arrays = loaded.numpy()
    assert_books(arrays, shop.all_text())
    assert np.flatnonzero(arrays.gap_before).tolist() == [30]
    assert hoga.load(tmp_path / "x.parquet", start=shop.minute_ns("13-36")).numpy().records == 30


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["binance:BTCUSDT", "--to", "xlsx", "x"], 2, "--to: found xlsx, expected one of csv, parquet, hftbacktest"),
        (["binance:BTCUSD", "--to", "csv", "x"], 2, "did you mean BTCUSDT?"),
        (["binance:BTCUSDT", "--to", "csv", "x"], 2, "--kind: found none, expected one of execution, orderbook"),
        (["binance:BTCUSDT", "--kind", "orderbok", "--to", "csv", "x"], 2, "did you mean orderbook?"),
        (["binance:BTCUSDT", "--kind", "orderbook", "--to", "csv", "no/x"], 2, "OUT: found no/x, expected a file in a folder that exists"),
        (["binance:BTCUSDT", "--kind", "orderbook", "--to", "csv", "--start", "2026-11-21", "--end", DAY, "x"], 2, "a time before --end"),
        (["binance:BTCUSDT", "--kind", "orderbook", "--to", "csv", "--start", "2026-11-22", "x"], 1, "there is nothing in that span"),
        (["nowhere", "--to", "csv", "x"], 2, "expected a file or folder that exists"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    orderbook(tmp_path / "data")
    fill_trades(Workshop(tmp_path / "data" / "binance" / "execution", "execution"))
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == status
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_damage_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = orderbook(tmp_path / "data")
    path = next(shop.folder.glob("*13-16.zip"))
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    for form in ("csv", "parquet", "hftbacktest"):
        assert main(["export", str(tmp_path / "data"), "--to", form, str(tmp_path / "x")]) == 1
        assert "13-16.zip" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["data"]
