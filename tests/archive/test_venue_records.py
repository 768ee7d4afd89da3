"""What the archive reads in a record is what its venue says stands there: ids, chains and levels of every venue alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hoga.archive.form.manifest import read_manifest
from hoga.archive.form.records import RecordReader
from hoga.archive.form.semantics import SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.core.streams import Kind
from hoga.venues.registry import VENUES, channels_for
from tests.archive.workshop import DAY, Workshop, envelope

Shop = Callable[..., Workshop]

UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'


def trade(recv_ns: int, number: int) -> bytes:
    return envelope(recv_ns, b'{"type":"trade","code":"KRW-BTC","timestamp":1,"trade_price":1.0E8,"sequential_id":%d}' % number)


def units(recv_ns: int, *levels: str) -> bytes:
    return envelope(recv_ns, f'{{"type":"orderbook","code":"KRW-BTC","timestamp":1,"orderbook_units":[{",".join(levels)}]}}'.encode())


def remarks(*lines: bytes) -> list[str]:
    scan = SeriesScan(channels_for("upbit", "orderbook"))
    scan.begin((0, 2**63))
    scan.feed(b"".join(lines))
    return [remark.kind for remark in scan.remarks]


@pytest.fixture
def upbit(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "upbit" / "execution", "execution", symbol="KRW-BTC")


def merged(shop: Workshop) -> tuple[int | None, int | None]:
    merge_day(SeriesDay(shop.directory, shop.symbol, shop.kind, DAY), venue="upbit", archive_format="zip", purge=True)
    manifest = read_manifest(shop.directory / f"{shop.symbol}_{shop.kind}_{DAY}.manifest.json")
    assert manifest is not None
    return manifest.first_id, manifest.last_id


def test_upbit_trades_have_ids(upbit: Workshop) -> None:
    start = upbit.minute_ns("13-15")
    upbit.seal("13-15", [trade(start + at, 50 - at) for at in range(5)], ids=[46, 50])
    assert verify([upbit.directory]).ok
    assert merged(upbit) == (46, 50)
    assert verify([upbit.directory]).ok, "ids that do not count on prove no holes"


@pytest.mark.parametrize("late", [False, True])
def test_what_was_sealed_before_its_ids_were_known_is_read_at_the_merge(upbit: Workshop, late: bool) -> None:
    start = upbit.minute_ns("13-15")
    upbit.seal("13-15", [trade(start + at, 7 + at) for at in range(5)])
    if late:
        merged(upbit)
    assert verify([upbit.directory]).ok
    start = upbit.minute_ns("13-16")
    upbit.seal("13-16", [trade(start + at, 90 + at) for at in range(5)], ids=[90, 94])
    assert verify([upbit.directory]).ok
    assert merged(upbit) == (7, 94)
    assert verify([upbit.directory]).ok


def test_a_book_of_units_is_looked_at_like_any_other() -> None:
    good = UNIT % ("101.0", "1.0E2", "1", "2")
    assert remarks(units(1, good), units(2, UNIT % ("101", "101", "1", "2"))) == ["crossed"]
    assert remarks(units(1, good, UNIT % ("0", "99", "0", "1")), units(2, UNIT % ("0", "99", "0", "1"))) == [], "padding is no level"
    assert remarks(units(1, good, UNIT % ("100.5", "99", "1", "1"))) == ["unsorted"]
    assert remarks(units(1, UNIT % ("101", "100", "-1", "1"))) == ["bad-number"]
    assert remarks(units(1, '{"ask_price":"x"}'), units(2)) == ["unreadable"]


def test_a_side_that_stands_still_beside_the_other_is_frozen() -> None:
    assert remarks(*(units(at + 1, UNIT % ("101", f"{at % 50 + 1}", "1", "2")) for at in range(3_001))) == ["frozen"]


@pytest.mark.parametrize("venue", VENUES)
def test_the_first_id_of_every_channel_is_read_where_the_venue_says(venue: str) -> None:
    spec = VENUES[venue]
    for example in spec.examples:
        channel = spec.channel_of(example)
        facts = channel.record
        assert facts in [each.record for each in spec.channels_for(channel.kind)]
        if channel.alternate_kind is not None:
            assert facts in [each.record for each in spec.channels_for(channel.alternate_kind)]
        if facts.last_key is None or facts.first_key is None:
            continue
        keys = {facts.first_key: 3, facts.last_key: 4 if facts.last_key != facts.first_key else 3}
        payload = dict([facts.discriminator] if facts.discriminator is not None else []) | keys
        line = envelope(1, msgspec.json.encode(payload))
        for name in (venue, ""):
            reader = RecordReader(channels_for(name, channel.kind))
            records = reader.read(line)
            assert records is not None
            assert sorted(reader.ids(records)) == sorted(set(keys.values()))
            chain_name = facts.discriminator[1] if facts.discriminator else str(Kind.of(channel.kind))
            assert [(chain.name, chain.spans) for chain in reader.chains(records) if chain.spans] == (
                [(chain_name, [(3, max(keys.values()))])] if facts.contiguous else []
            )


def test_a_kind_with_a_tail_is_of_its_kind() -> None:
    assert [Kind.of(text) for text in ("orderbook10-1s", "orderbook5-level100", "delta-500ms", "ticker-window", "ticker", "odd")] == [
        Kind.ORDERBOOK, Kind.ORDERBOOK, Kind.DELTA, Kind.TICKER_WINDOW, Kind.TICKER, None,
    ]  # fmt: skip
