"""Days as Parquet: the text comes back byte for byte or the day stays as it is; a flipped bit is an error; killed anywhere, it goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hoga
from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import mount
from hoga.archive.form.table import Table, TableFacts, write_table
from hoga.archive.keep import convert
from hoga.archive.keep.convert import convert_day
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.core.errors import HogaError, ManifestMismatch, SegmentCorrupt
from tests.archive.test_store import ROOT, Memory
from tests.archive.workshop import Workshop, agg_trade, book, delta, envelope, fill_trades, read_records
from tests.history.test_load import assert_books, fill_books
from tests.tries import tries

pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")


def merged(shop: Workshop) -> SeriesDay:
    day = SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day)
    merge_day(day, venue="binance", archive_format="zst", purge=True)
    return day


@pytest.fixture
def books(tmp_path: Path) -> tuple[Workshop, SeriesDay]:
    shop = fill_books(Workshop(tmp_path / "binance" / "orderbook", "orderbook", archive_format="zst"))
    return shop, merged(shop)


def test_a_day_becomes_parquet_and_says_the_same(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    shop, day = books
    before = read_manifest(day.manifest_path)
    path = convert_day(day)
    assert path is not None
    after = read_manifest(day.manifest_path)
    assert before is not None
    assert after is not None
    assert [each.name for each in sorted(day.directory.iterdir()) if each.is_file()] == [day.manifest_path.name, path.name]
    assert (after.sha256, after.records, after.converted) == (before.sha256, before.records, before.archive)
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    assert_books(hoga.load("binance:BTCUSDT", "orderbook", root=tmp_path).numpy(), shop.all_text())
    report = verify([tmp_path])
    assert report.ok, report.problems
    assert report.records == 90
    assert convert_day(day) is None, "twice is once"


def test_a_minute_is_read_alone_from_parquet(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    shop, day = books
    convert_day(day)
    loaded = hoga.load(tmp_path, "orderbook")
    start = shop.minute_ns("13-16")
    lines = list(read_records(tmp_path, start_ns=start, end_ns=start + 60 * 10**9))
    assert b"".join(lines) == shop.text["13-16", 1]
    assert_books(hoga.load(tmp_path, "orderbook", start=start, end=start + 60 * 10**9).numpy(), shop.text["13-16", 1])
    found = loaded.at(start + 5 * 10**9 + 8)
    assert found is not None
    assert found.update_id == json.loads(lines[5])["lastUpdateId"]


def test_exact_numbers_of_parquet_and_text_are_the_same(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    _, day = books
    text = hoga.load(tmp_path, exact=True).numpy()
    convert_day(day)
    table = hoga.load(tmp_path, exact=True).numpy()
    for power in ("price_power", "size_power"):
        assert getattr(table, power) == getattr(text, power) == -8
    for name in text:
        np.testing.assert_array_equal(table[name], text[name])


def odd_lines(start: int) -> list[bytes]:
    """Lines that no two rules of spelling would give back: fractions that vary, zeros in front, exponents, spaces, signs, other keys."""
    bodies = [
        b'{"e":"aggTrade","a":1,"p":"97962.29","q":"0.5","m":true}',
        b'{"e":"aggTrade","a":2,"p":"097962.29","q":"0.50","m":true}',
        b'{"e":"aggTrade","a":3,"p":"97962","q":"5e-1","m":false}',
        b'{"e":"aggTrade", "a":4, "p":"97962.290000000001","q":"0.5","m":true}',
        b'{"e":"trade","t":5,"p":"-0.5","q":"00.5","T":1795180500098,"m":true}',
        b'{"e":"trade","t":6,"p":"0.5","q":"0.5","T":1795180500098123,"m":true,"more":{"f":[1,2.50],"x":"\xed\x95\x9c \\u00e9 100%"}}',
        b'{"e":"trade","t":7,"p":"0.5","q":"","T":null,"m":true,"\r":"a\rb 12"}',
    ]
    return [envelope(start + at, body) for at, body in enumerate(bodies)]


@pytest.mark.parametrize("kind", ["execution", "delta", "thin", "odd"])
def test_every_spelling_comes_back(tmp_path: Path, kind: str) -> None:
    series = {"thin": "orderbook", "odd": "execution"}.get(kind, kind)
    shop = Workshop(tmp_path / "binance" / series, series, archive_format="zst")
    start = shop.minute_ns("13-15")
    if kind == "execution":
        fill_trades(shop)
    elif kind == "delta":
        bodies = [b'{"U":%d,"u":%d,"b":[%b],"a":[]}' % (at, at, b",".join([b'["1.5","2"]'] * (at % 4))) for at in range(40)]
        shop.seal(
            "13-15", [*[delta(start + at, at, at) for at in range(3)], *[envelope(start + 9 + at, body) for at, body in enumerate(bodies)]]
        )
    elif kind == "thin":
        shop.seal("13-15", [book(start + at, at, **({} if at % 3 else {"asks": "[]"})) for at in range(9)], ids=range(9))
    else:
        shop.seal("13-15", [*odd_lines(start)[:6], agg_trade(start + 9, 9)])
    day = merged(shop)
    before = hoga.load(tmp_path).numpy()
    assert convert_day(day) is not None
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    after = hoga.load(tmp_path).numpy()
    assert set(after) == set(before)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def delta_text(seed: int, count: int, *, odd: bool) -> bytes:
    """Deltas with any number of levels on each side; `odd`: some are spelt as hardly any is."""
    chance = random.Random(seed)
    lines = []
    for at in range(count):
        quote = "" if odd and chance.random() < 0.1 else '"'
        decimals = chance.choice([0, 3]) if odd and chance.random() < 0.2 else 8
        sides = []
        for _ in range(2):
            levels = []
            for _ in range(chance.choice([0, 1, 1, 2, 5])):
                price, size = f"{chance.randrange(10**6) / 100:.8f}", f"{chance.choice([0, chance.random() * 30]):.{decimals}f}"
                if odd and chance.random() < 0.03:
                    price = chance.choice(["007.5", "1e5", "-2.5", "", "7."])
                more = ",[]" if odd and chance.random() < 0.03 else ""
                levels.append(f"[{quote}{price}{quote},{quote}{size}{quote}{more}]" if price not in ("", "7.") else f'["{price}","{size}"]')
            sides.append(",".join(levels))
        gap = " " if odd and chance.random() < 0.05 else ""
        body = f'{{"e":"depthUpdate","E":{1795180500000 + at},"U":{at},"u":{at},{gap}"b":[{sides[0]}],"a":[{sides[1]}]}}'
        lines.append(envelope(1795180500000000000 + at * 1000, body.encode()))
    return b"".join(lines)


def rendered(tmp_path: Path, text: bytes) -> Table:
    lines = text.splitlines(keepends=True)
    blocks = [b"".join(lines[at : at + 30]) for at in range(0, len(lines), 30)]
    write_table(tmp_path / "x.parquet", lambda: blocks, TableFacts(venue="binance", symbol="BTCUSDT", kind="delta", day="2026-11-20"))
    return Table(tmp_path / "x.parquet")


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 90), odd=st.booleans())
def test_deltas_of_any_lengths_come_back(tmp_path: Path, seed: int, count: int, odd: bool) -> None:
    text = delta_text(seed, count, odd=odd)
    try:
        table = rendered(tmp_path, text)
    except ValueError:
        assert odd, "a price that is no number"
        return
    assert b"".join(table.text(0, count)) == text


def test_usual_deltas_keep_no_text_and_are_spelt_in_one_way(tmp_path: Path) -> None:
    text = delta_text(5, 300, odd=False)
    table = rendered(tmp_path, text)
    assert len(table.facts.spellings) == 1
    (columns,) = table.columns(0, 2**63 - 1)
    assert "_text" not in pyarrow.parquet.read_schema(tmp_path / "x.parquet").names
    assert int(columns["bid_prices"][0].sum()) == sum(len(json.loads(line)["b"]) for line in text.splitlines())


@pytest.mark.parametrize("exact", [False, True])
def test_padding_of_short_sides_is_no_level_in_any_form(tmp_path: Path, exact: bool) -> None:
    shop = Workshop(tmp_path / "upbit" / "orderbook", "orderbook", symbol="KRW-BTC", archive_format="zst")
    unit = '{{"ask_price":{}.0,"bid_price":{}.0,"ask_size":1.5,"bid_size":{}}}'
    bodies = [unit.format(1600 + at, 1500 - at if at < 2 else 0, 2.5 if at < 2 else 0.0) for at in range(30)]
    body = '{"type":"orderbook","code":"KRW-BTC","timestamp":1795180500098,"orderbook_units":[' + ",".join(bodies) + "]}"
    shop.seal("13-15", [envelope(shop.minute_ns("13-15") + at, body.encode()) for at in range(3)])
    day = SeriesDay(shop.directory, shop.symbol, shop.kind, shop.day)
    merge_day(day, venue="upbit", archive_format="zst", purge=True)
    before = hoga.load(tmp_path, exact=exact).numpy()
    assert convert_day(day) is not None
    after = hoga.load(tmp_path, exact=exact).numpy()
    missing = -(2**63) if exact else np.nan
    for arrays in (before, after):
        np.testing.assert_array_equal(arrays.prices[:, 0, 2:], np.full((3, 28), missing))
        np.testing.assert_array_equal(arrays.sizes[:, 0, 2:], np.full((3, 28), missing))
        assert arrays.prices.shape == (3, 2, 30)
    assert b"".join(read_records(tmp_path)) == shop.all_text()


def test_any_tool_reads_ticks_and_lots(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    duckdb, pl = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    shop, day = books
    path = convert_day(day)
    record = json.loads(shop.all_text().splitlines()[40])
    facts = Table(path).facts.columns["bid_prices"]
    (row,) = duckdb.sql(f"select bid_prices[1], len(ask_sizes) from '{path}' where update_id = {record['lastUpdateId']}").fetchall()
    assert row[0] * facts.unit / 10**facts.decimals == float(record["bids"][0][0])
    assert row[1] == 20
    frame = pl.scan_parquet(path).select("recv_ns", "update_id").collect()
    assert frame.height == 90
    schema = Table(path)._file.schema_arrow
    assert str(schema.field("bid_prices").type) == "list<element: int32 not null>"
    assert not schema.field("bid_prices").nullable


def test_a_file_that_would_not_give_the_text_back_is_refused(
    tmp_path: Path, books: tuple[Workshop, SeriesDay], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, day = books
    text = convert.Table.text
    monkeypatch.setattr(
        convert.Table, "text", lambda self, first, count: (part.replace(b"97000.", b"97001.", 1) for part in text(self, first, count))
    )
    with pytest.raises(ManifestMismatch, match="would not come back as it was: the day stays as it is"):
        convert_day(day)
    monkeypatch.undo()
    assert [path.suffix for path in day.archive_paths] == [".zst"]
    assert not list(day.directory.glob("*.merging"))
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    assert verify([tmp_path]).ok


def test_a_flipped_bit_in_parquet_is_an_error(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    shop, day = books
    path = convert_day(day)
    assert path is not None
    whole = path.read_bytes()
    alone = tmp_path / "alone.parquet"
    expected = hoga.load(path).numpy()
    for at in [*range(4, len(whole), len(whole) // 40), len(whole) - 5]:
        flipped = whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]
        path.write_bytes(flipped)
        with pytest.raises(HogaError):
            hoga.load(tmp_path / "binance", "orderbook").numpy()
        with contextlib.suppress(HogaError):  # its text is proven by its own checksum: a bit that no text comes of may turn
            assert b"".join(read_records(tmp_path / "binance")) == shop.all_text()
        assert not verify([tmp_path / "binance"]).ok
        alone.write_bytes(flipped)
        try:
            found = hoga.load(alone).numpy()
        except HogaError:
            continue
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])


def test_parquet_is_read_through_any_store(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    shop, day = books
    convert_day(day)
    store = Memory(tmp_path)
    unmount = mount("mem:", store)
    try:
        assert b"".join(read_records(ROOT)) == shop.all_text()
        assert_books(hoga.load(ROOT, "orderbook").numpy(), shop.all_text())
    finally:
        unmount()
    assert any(name.endswith(".parquet") for name, _ in store.reads)


@pytest.mark.parametrize("step", ["written", "proven", "described", "committed", "installed", "removed"])
def test_killed_at_any_step_nothing_is_lost_and_the_next_run_goes_on(tmp_path: Path, books: tuple[Workshop, SeriesDay], step: str) -> None:
    shop, day = books

    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        convert_day(day, step=kill)
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    merge_day(day, venue="binance", archive_format="zst", purge=True)
    convert_day(day)
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    assert [path.name for path in day.archive_paths] == [f"{day.stem}.parquet"]
    assert verify([tmp_path]).ok


def test_a_late_minute_is_taken_into_a_parquet_day(tmp_path: Path, books: tuple[Workshop, SeriesDay]) -> None:
    shop, day = books
    convert_day(day)
    start = shop.minute_ns("13-20")
    shop.seal("13-20", [book(start, 7)], ids=[7])
    assert hoga.load(tmp_path, "orderbook").numpy().records == 91
    merge_day(day, venue="binance", archive_format="zst", purge=True)
    assert [path.suffix for path in day.archive_paths] == [".zst"]
    convert_day(day)
    assert b"".join(read_records(tmp_path)) == shop.all_text()
    assert hashlib.sha256(shop.all_text()).hexdigest() == read_manifest(day.manifest_path).sha256  # type: ignore[union-attr]


def test_a_kind_without_columns_stays_as_it_is(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "binance" / "average", "average", archive_format="zst")
    shop.seal("13-15", [envelope(shop.minute_ns("13-15"), b'{"e":"avgPrice","w":"1.5"}')])
    day = merged(shop)
    with pytest.raises(ValueError, match="records of kind average have no columns"):
        convert_day(day)
    assert [path.suffix for path in day.archive_paths] == [".zst"]


def test_a_damaged_line_is_refused_by_its_number(tmp_path: Path) -> None:
    lines = book(10**18, 1) + book(10**18 + 1, 2, bids='[["1","x"]]')
    about = TableFacts(venue="binance", symbol="A", kind="orderbook", day="2001-09-09")
    with pytest.raises(ValueError, match="line 2: bids is no number"):
        write_table(tmp_path / "x.parquet", lambda: [lines], about)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SegmentCorrupt, match="no Parquet file"):
        Table(tmp_path / "x.parquet")
