"""`hoga.load`: what was recorded comes back value for value, gaps marked, damage an error; from every form the archive has."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hoga
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.core.errors import ArchiveError, HogaError, SegmentCorrupt
from hoga.core.ledger import Gap, Reason
from hoga.core.times import MINUTE_NS
from hoga.history.batch import Arrays
from tests.archive.workshop import DAY, Workshop, book, delta, envelope, fill_trades
from tests.archive_journal.desk import Desk

BIDS = [("97962.29", "1.50000000"), ("97962.20", "2.00000000")]


def sides(number: int) -> dict[str, str]:
    """Twenty levels a side, other ones for each number."""
    bids = [[f"{97000 - at}.{number % 100:02}000000", f"{number + at}.00{at:02}0000"] for at in range(20)]
    asks = [[f"{97001 + at}.{number % 100:02}000000", f"{at}.{number:08}"] for at in range(20)]
    return {"bids": json.dumps(bids, separators=(",", ":")), "asks": json.dumps(asks, separators=(",", ":"))}


def fill_books(shop: Workshop, minutes: tuple[str, ...] = ("13-15", "13-16", "13-17"), *, per_minute: int = 30) -> Workshop:
    number = 100
    for minute in minutes:
        start = shop.minute_ns(minute)
        ids = range(number, number + per_minute)
        shop.seal(minute, [book(start + (each - number) * 10**9 + 7, each, **sides(each)) for each in ids], ids=ids)
        number += per_minute
    return shop


def orderbook(root: Path, *, archive_format: str = "zip", symbol: str = "BTCUSDT") -> Workshop:
    return fill_books(Workshop(root / "binance" / "orderbook", "orderbook", archive_format=archive_format, symbol=symbol))


def merge(shop: Workshop, archive_format: str = "zip") -> SeriesDay:
    day = SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day)
    merge_day(day, venue="binance", archive_format=archive_format, purge=True)
    return day


def assert_books(arrays: Arrays, text: bytes) -> None:
    """Each value is what json reads, in the text's order."""
    records = [json.loads(line) for line in text.splitlines()]
    assert arrays.recv_ns.tolist() == [record["recvNs"] for record in records]
    assert arrays.update_id.tolist() == [record["lastUpdateId"] for record in records]
    for side, name in enumerate(("bids", "asks")):
        for column, place in (("prices", 0), ("sizes", 1)):
            wanted = np.full((len(records), 20), np.nan)
            for row, record in enumerate(records):
                values = [float(level[place]) for level in record[name]]
                wanted[row, : len(values)] = values
            np.testing.assert_array_equal(arrays[column][:, side], wanted)


@pytest.mark.parametrize("form", ["minutes", "zip", "zst"])
def test_books_come_back_value_for_value(tmp_path: Path, form: str) -> None:
    shop = orderbook(tmp_path, archive_format="zst" if form == "zst" else "zip")
    if form != "minutes":
        merge(shop, form)
    arrays = hoga.load("binance:BTCUSDT", "orderbook", DAY, root=tmp_path).numpy()
    assert arrays.prices.shape == arrays.sizes.shape == (90, 2, 20)
    assert_books(arrays, shop.all_text())
    assert not arrays.gap_before.any()
    assert arrays.event_ns.tolist() == [-(2**63)] * 90


def test_a_path_is_as_good_as_a_name(tmp_path: Path) -> None:
    shop = orderbook(tmp_path)
    minute = next(shop.folder.glob("*13-16.zip"))
    assert hoga.load(minute).numpy().records == 30
    for path in (tmp_path, shop.directory, shop.folder):
        assert_books(hoga.load(path).numpy(), shop.all_text())
    day = merge(shop)
    for path in (day.archive_paths[0], day.manifest_path):
        assert_books(hoga.load(path, "orderbook").numpy(), shop.all_text())


def test_a_span_takes_what_was_received_in_it(tmp_path: Path) -> None:
    shop = orderbook(tmp_path)
    start = shop.minute_ns("13-16") + 10 * 10**9
    found = hoga.load("binance:BTCUSDT", "orderbook", start=start, end="2026-11-20T13:17:05Z", root=tmp_path).numpy()
    lines = [line for line in shop.all_text().splitlines() if start <= int(line[10:29]) < shop.minute_ns("13-17") + 5 * 10**9]
    assert len(lines) == 25
    assert_books(found, b"\n".join(lines))


def test_the_open_minute_is_included(desk: Desk) -> None:
    desk.journal(range(10, 40), ended=False)
    found = hoga.load(desk.root, "execution").numpy()
    assert found.trade_id.tolist() == list(range(10, 40))
    books = hoga.load(desk.root / "orderbook", "orderbook")
    assert len(books.names) == 2
    assert books.numpy().records == 60


def test_thin_books_have_nan_where_no_level_is(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "orderbook", "orderbook")
    lines = [book(shop.minute_ns("13-15") + at, at, **({} if at % 3 else {"asks": "[]"})) for at in range(9)]
    shop.seal("13-15", lines, ids=range(9))
    arrays = hoga.load(tmp_path).numpy()
    assert_books(arrays, shop.all_text())
    assert np.isnan(arrays.prices[0, 1]).all()
    assert arrays.prices[0, 0, :2].tolist() == [97962.29, 97962.20]


def test_exact_numbers_say_their_power(tmp_path: Path) -> None:
    shop = orderbook(tmp_path)
    arrays = hoga.load(tmp_path, exact=True).numpy()
    record = json.loads(shop.all_text().splitlines()[41])
    assert arrays.prices.dtype == arrays.sizes.dtype == np.int64
    assert Decimal(int(arrays.prices[41, 1, 3])).scaleb(arrays.price_power) == Decimal(record["asks"][3][0])
    assert Decimal(int(arrays.sizes[41, 1, 3])).scaleb(arrays.size_power) == Decimal(record["asks"][3][1])


def test_decimals_that_change_between_minutes_stay_exact(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "execution", "execution")
    for minute, price in (("13-15", "97962.5"), ("13-16", "97962.2512"), ("13-17", "97963")):
        trade = b'{"e":"aggTrade","a":1,"p":"%b","q":"0.5","m":true}' % price.encode()
        shop.seal(minute, [envelope(shop.minute_ns(minute) + 1, trade)], ids=[1])
    arrays = hoga.load(tmp_path, exact=True).numpy()
    assert arrays.price_power == -4
    assert arrays.price.tolist() == [979625000, 979622512, 979630000]
    assert hoga.load(tmp_path).numpy().price.tolist() == [97962.5, 97962.2512, 97963.0]


def test_trades_have_a_side_and_deltas_any_number_of_levels(tmp_path: Path) -> None:
    fill_trades(Workshop(tmp_path / "binance" / "execution", "execution"))
    trades = hoga.load("binance:BTCUSDT", "execution", root=tmp_path).numpy()
    assert set(trades.side.tolist()) == {-1}
    assert set(trades.channel.tolist()) == {"aggTrade"}
    shop = Workshop(tmp_path / "binance" / "delta", "delta")
    shop.seal("13-15", [delta(shop.minute_ns("13-15") + at, at, at) for at in range(5)], ids=range(5))
    deltas = hoga.load("binance:BTCUSDT", "delta", root=tmp_path).numpy()
    assert deltas.counts.tolist() == [[1, 0]] * 5
    assert deltas.offsets.tolist() == [0, 1, 2, 3, 4, 5]
    assert deltas.prices.tolist() == [97962.29] * 5


def gap_of_minute(shop: Workshop, minute: str) -> Gap:
    return Gap(from_ns=shop.minute_ns(minute), to_ns=shop.minute_ns(minute) + MINUTE_NS, reason=Reason.DISCONNECT, missed=None)


@pytest.fixture
def broken(tmp_path: Path) -> Workshop:
    """Books in two minutes with a gap of twenty between them."""
    shop = fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook"), ("13-15", "13-36"))
    shop.tell_gap(Gap(from_ns=shop.minute_ns("13-16"), to_ns=shop.minute_ns("13-36"), reason=Reason.DISCONNECT, missed=None))
    shop.tell_gap(Gap(from_ns=shop.minute_ns("13-15") + 5, to_ns=shop.minute_ns("13-15") + 6, reason=Reason.CLOCK_STEP, missed=0))
    return shop


def test_a_gap_is_marked_and_nothing_is_filled_in(tmp_path: Path, broken: Workshop) -> None:
    loaded = hoga.load("binance:BTCUSDT", "orderbook", DAY, root=tmp_path)
    arrays = loaded.numpy()
    assert arrays.records == 60
    assert np.flatnonzero(arrays.gap_before).tolist() == [30]
    assert [gap.reason for gap in loaded.gaps()] == [Reason.CLOCK_STEP, Reason.DISCONNECT]
    (row,) = loaded.quality()
    assert (row.symbol, row.day, row.records, row.gaps) == ("BTCUSDT", DAY, 60, 2)


def test_nobody_knows_the_book_inside_a_gap(tmp_path: Path, broken: Workshop) -> None:
    loaded = hoga.load("binance:BTCUSDT", "orderbook", DAY, root=tmp_path)
    text = broken.all_text()
    inside = loaded.at("2026-11-20T13:15:10.5Z")
    assert inside is not None
    assert inside.update_id == json.loads(text.splitlines()[10])["lastUpdateId"]
    assert inside.prices.shape == (2, 20)
    assert repr(inside).startswith("<Arrays of 1 records: recv_ns () int64")
    assert loaded.at("2026-11-20T13:25:00Z") is None
    assert loaded.at(broken.minute_ns("13-36") + 6) is None, "the gap is over, but nothing was received since"
    assert loaded.at("2026-11-20T12:00:00Z") is None, "before everything"
    after = loaded.at(broken.minute_ns("13-36") + 7)
    assert after is not None
    assert after.update_id == 130
    late = loaded.at("2026-11-20T15:00:00Z")
    assert late is not None, "the last known book, an hour old"
    assert late.update_id == 159


def test_several_series_come_by_receipt_each_record_once(tmp_path: Path) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "XRPUSDT"):
        orderbook(tmp_path, symbol=symbol)
    loaded = hoga.load(["binance:ETHUSDT", "binance:BTCUSDT", "binance:XRPUSDT"], "orderbook", root=tmp_path)
    parts = list(loaded.batches(rows=37))
    assert [part.records for part in parts] == [37] * 7 + [11]
    whole = loaded.numpy()
    assert np.concatenate([part.recv_ns for part in parts]).tolist() == whole.recv_ns.tolist() == sorted(whole.recv_ns.tolist())
    assert whole.series[:6].tolist() == [0, 1, 2, 0, 1, 2], "of equal receipts the series named first comes first"
    for number in range(3):
        assert_books(Arrays({name: each[whole.series == number] for name, each in whole.items()}), orderbook(tmp_path / "again").all_text())
    with pytest.raises(HogaError, match="one series only"):
        loaded.at(DAY)


def test_deltas_of_several_series_keep_their_levels(tmp_path: Path) -> None:
    for symbol, price in (("A", "1.5"), ("B", "2.5")):
        shop = Workshop(tmp_path / "binance" / "delta", "delta", symbol=symbol)
        start = shop.minute_ns("13-15") + (symbol == "B")
        body = b'{"e":"depthUpdate","U":%d,"u":%d,"b":[["%b","1"],["0.5","2"]],"a":[["9","%d"]]}'
        shop.seal("13-15", [envelope(start + at * 10, body % (at, at, price.encode(), at)) for at in range(4)], ids=range(4))
    arrays = hoga.load(tmp_path, "delta").numpy()
    assert arrays.series.tolist() == [0, 1] * 4
    assert arrays.prices.reshape(8, 3)[:, 0].tolist() == [1.5, 2.5] * 4
    assert arrays.sizes.reshape(8, 3)[:, 2].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("form", ["zip", "zst"])
def test_a_flipped_bit_is_an_error_and_no_number(tmp_path: Path, form: str) -> None:
    shop = orderbook(tmp_path, archive_format=form)
    path = merge(shop, form).archive_paths[0]
    whole = path.read_bytes()
    for at in range(200, len(whole) - 600, len(whole) // 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(SegmentCorrupt):
            hoga.load(tmp_path, "orderbook").numpy()


def test_a_line_that_is_no_record_names_file_minute_and_line(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "orderbook", "orderbook")
    start = shop.minute_ns("13-15")
    shop.seal("13-15", [book(start, 1), book(start + 1, 2, bids='[["1","x"]]')], ids=[1, 2])
    with pytest.raises(SegmentCorrupt, match=r"13-15\.zip: 2026-11-20 13-15: line 2: bids is no number"):
        hoga.load(tmp_path).numpy()


def test_frames_of_all_libraries_agree(tmp_path: Path, broken: Workshop) -> None:
    pl, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    loaded = hoga.load("binance:BTCUSDT", "orderbook", DAY, root=tmp_path)
    arrays = loaded.numpy()
    frame, table, wide = loaded.polars(), loaded.arrow(), loaded.pandas()
    assert frame["bid_prices"][7].to_list() == arrays.prices[7, 0].tolist()
    assert frame["ask_sizes"][59].to_list() == arrays.sizes[59, 1].tolist()
    assert frame["recv_ns"].dtype == pl.Datetime("ns", "UTC")
    assert frame["event_ns"].null_count() == 60
    assert wide["ask_price_20"].tolist() == arrays.prices[:, 1, 19].tolist()
    assert wide["gap_before"].sum() == 1
    spread = "select min(ask_prices[1] - bid_prices[1]), count(*) from frame"
    assert duckdb.sql(spread).fetchall() == [(float((arrays.prices[:, 1, 0] - arrays.prices[:, 0, 0]).min()), 60)]
    assert table.num_rows == 60
    lazy = loaded.lazy().filter(pl.col("gap_before")).select("update_id", pl.col("bid_prices").list.get(0).alias("bid"))
    assert lazy.collect().rows() == [(130, arrays.prices[30, 0, 0])]
    assert loaded.lazy().head(5).collect().height == 5


def test_exact_frames_keep_the_powers(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    shop = Workshop(tmp_path / "binance" / "delta", "delta")
    shop.seal("13-15", [delta(shop.minute_ns("13-15") + at, at, at) for at in range(5)], ids=range(5))
    table = hoga.load(tmp_path, exact=True).arrow()
    assert table.schema.metadata[b"prices_power"] == b"-2"
    assert table["bid_prices"][0].as_py() == [9796229]
    assert table["ask_prices"][0].as_py() == []


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orderbook(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(HogaError, match=r"polars is not installed \(.*pip install .*\[analysis\]'\)"):
        hoga.load(tmp_path).polars()


def test_both_times_of_futures_are_kept(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance-usdm" / "quote", "quote")
    payload = b'{"e":"bookTicker","u":1,"s":"A","b":"1","B":"2","a":"3","A":"4","T":1795180500097,"E":1795180500098}'
    line = envelope(shop.minute_ns("13-15"), payload).replace(b'"eventTime":null', b'"eventTime":1795180500098')
    shop.seal("13-15", [line], ids=[1])
    arrays = hoga.load(tmp_path, "quote").numpy()
    assert (arrays.event_ns.tolist(), arrays.transaction_ns.tolist()) == ([1795180500098000000], [1795180500097000000])


def test_a_year_that_changes_from_ms_to_us_has_one_axis(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "execution", "execution")
    start = shop.minute_ns("13-15")
    trade = b'{"e":"trade","t":%d,"p":"1.5","q":"0.1","T":%d,"m":true}'
    lines = [envelope(start + at, trade % (at, 1735689599999 + at if at < 2 else (1735689599999 + at) * 1000 + 5)) for at in range(4)]
    shop.seal("13-15", lines, ids=range(4))
    arrays = hoga.load(tmp_path).numpy()
    assert arrays.transaction_ns.tolist() == [1735689599999000000, 1735689600000000000, 1735689600001005000, 1735689600002005000]
    assert (np.diff(arrays.transaction_ns.view("datetime64[ns]").astype("datetime64[Y]").astype(int)) <= 1).all()


def test_events_are_typed_and_gaps_are_among_them(tmp_path: Path, broken: Workshop) -> None:
    events = list(hoga.read("binance:BTCUSDT", "orderbook", root=tmp_path))
    gaps = [at for at, event in enumerate(events) if isinstance(event, hoga.GapEvent)]
    assert (len(events), gaps) == (61, [30])
    first = events[0]
    assert isinstance(first, hoga.OrderbookEvent)
    assert str(first.body.bids[0][0]) == "97000.00000000"
    assert len(list(hoga.read(f"{tmp_path}/*/orderbook"))) == 61
    with pytest.raises(ArchiveError, match="no file or folder is named like this"):
        list(hoga.read(f"{tmp_path}/*/nothing*"))


def test_a_pattern_of_days_is_all_of_them_and_what_is_no_event_is_left_out(tmp_path: Path) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        merge(fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook", day=day), ("13-15",)))
    shop = Workshop(tmp_path / "binance" / "average", "average")
    shop.seal("13-15", [envelope(shop.minute_ns("13-15"), b'{"e":"avgPrice","w":"1.5"}')])
    assert len(list(hoga.read(f"{tmp_path}/binance/orderbook/*.zip"))) == 60
    assert {type(event) for event in hoga.read(tmp_path)} == {hoga.OrderbookEvent}
    with pytest.raises(ArchiveError, match="records of kind average are no events"):
        list(hoga.read(tmp_path, "average"))
    (tmp_path / "capture.gz").write_bytes(
        gzip.compress(b'1795180500000000000 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"A","b":"1","B":"2","a":"3","A":"4"}}\n')
    )
    with pytest.raises(ArchiveError, match=r"hoga\.load reads captures"):
        list(hoga.read(tmp_path / "capture.gz"))


def test_the_catalog_says_what_is_recorded(tmp_path: Path, broken: Workshop) -> None:
    (row,) = hoga.catalog(tmp_path)
    assert (row.venue, row.symbol, row.kind, row.day, row.records, row.gaps) == ("binance", "BTCUSDT", "orderbook", DAY, 60, 2)


def test_another_recorders_capture_is_read_too(tmp_path: Path) -> None:
    frames = [
        b'%d {"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":%d,"bids":[["1.5","2"]],"asks":[["1.6","3"]]}}' % (10**18 + at, at)
        for at in range(5)
    ]
    frames.insert(2, b'%d {"stream":"btcusdt@trade","data":{"e":"trade","E":1,"t":9,"p":"1","q":"2","m":false}}' % (10**18 + 2))
    path = tmp_path / "capture.gz"
    path.write_bytes(gzip.compress(b"\n".join(frames) + b"\n"))
    books = hoga.load(path, "orderbook")
    assert books.names == ["binance:BTCUSDT"]
    assert books.numpy().update_id.tolist() == [0, 1, 2, 3, 4]
    assert hoga.load(path, "execution").numpy().price.tolist() == [1.0]
    with pytest.raises(HogaError, match="holds several kinds; name one: execution, orderbook"):
        hoga.load(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SegmentCorrupt, match="the capture is damaged"):
        hoga.load(path, "orderbook").numpy()


def test_real_captures_are_read_whole(captures: Path) -> None:
    arrays = hoga.load(captures / "binance-spot" / "derived_depth20_btcusdt_20240808.gz").numpy()
    assert arrays.prices.shape == (2464, 2, 20)
    assert (arrays.prices[:, 0, 0] < arrays.prices[:, 1, 0]).all()
    quotes = hoga.load(captures / "binance-usdm" / "hft_btcusdt_20240808.gz", "quote")
    assert quotes.names == ["binance-usdm:BTCUSDT"], "as the folder says"
    assert quotes.numpy().records == 66_089
    deltas = hoga.load(captures / "binance-spot" / "hft_btcusdt_20240808.gz", "delta").numpy()
    assert (deltas.first_id[1:] == deltas.last_id[:-1] + 1).all()


def test_archives_of_the_classic_recorder_are_read(captures: Path) -> None:
    books = hoga.load(captures / "classic" / "binance", "orderbook").numpy()
    assert books.prices.shape[1:] == (2, 20)
    assert (books.prices[:, 0, 0] < books.prices[:, 1, 0]).all()
    trades = hoga.load(captures / "classic" / "binance", "execution").numpy()
    assert set(trades.side.tolist()) == {-1, 1}
    assert (trades.recv_ns >= trades.event_ns).all()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"what": "binance:BTCUSD", "kind": "orderbook"}, "nothing of 'BTCUSD' is recorded here (did you mean BTCUSDT?)"),
        ({"what": "binanse:BTCUSDT", "kind": "orderbook"}, "nothing of 'binanse' is recorded here (did you mean binance?)"),
        ({"what": "binance:BTCUSDT", "kind": "orderbok"}, "no orderbok is recorded here (did you mean orderbook?)"),
        ({"what": "nothing.zip"}, "no such file or folder"),
        ({"what": []}, "nothing is named"),
        ({"what": "binance:BTCUSDT", "day": "20-11-2026"}, "expected a day like 2026-11-20"),
        ({"what": "binance:BTCUSDT", "day": DAY, "start": DAY}, "day, or start and end, not both"),
        ({"what": "binance:BTCUSDT", "start": "2026-11-21", "end": DAY}, "is after end"),
        ({"what": "binance:BTCUSDT", "start": "yesterday"}, "start: found 'yesterday', expected a UTC time"),
        ({"what": "binance:BTCUSDT", "root": "/nowhere"}, "/nowhere: no such folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    orderbook(tmp_path)
    with pytest.raises(HogaError) as raised:
        hoga.load(**{"root": tmp_path, **asked})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_in_a_span_is_no_arrays_but_no_error(tmp_path: Path) -> None:
    orderbook(tmp_path)
    loaded = hoga.load("binance:BTCUSDT", "orderbook", "2026-11-21", root=tmp_path)
    assert loaded.numpy().records == 0
    assert list(loaded.batches()) == []
    assert loaded.quality() == []
