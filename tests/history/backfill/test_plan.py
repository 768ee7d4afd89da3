"""Which files hold the days that somebody wants, and what a listing really says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.history.listing import Listed, Page, page_query, read_page
from hoga.history.plan import Published, Series, days_between, file_name, folders, plan, published, span_of
from hoga.venues.binance.history import SPOT_HISTORY

SERIES = Series("BTCUSDT", "aggTrades")
TODAY = date(2026, 3, 20)
NS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def listing(*names: str) -> list[Listed]:
    return [Listed(f"data/{name}{more}", "e", 1, "") for name in names for more in ("", ".CHECKSUM")]


def everything(first: date, last: date) -> Published:
    days = [file_name(SERIES, day.isoformat()) for day in days_between(first, last)]
    months = {f"{day:%Y-%m}" for day in days_between(first, last)} - {f"{TODAY:%Y-%m}"}
    return published(SERIES, listing(*days, *(file_name(SERIES, month) for month in months)))


DAYS = st.dates(date(2025, 11, 3), date(2026, 3, 19))


@given(DAYS, DAYS, st.sets(st.dates(date(2025, 11, 3), date(2026, 3, 19)), max_size=40))
def test_every_day_is_in_exactly_one_file_or_told(one: date, other: date, unlisted: set[date]) -> None:
    start, end = min(one, other), max(one, other)
    listed = everything(date(2025, 11, 3), date(2026, 3, 19))
    for day in unlisted:
        listed.daily.pop(day, None)
    made = plan(SERIES, listed, start, end, today=TODAY)
    covered = [day for file in made.files for day in days_between(file.first, file.last)]
    told = [date.fromisoformat(each.name[-14:-4]) for each in made.missing]
    assert sorted([*covered, *told]) == days_between(start, end)
    assert all(start <= file.first and file.last <= end for file in made.files)


@given(DAYS, DAYS, DAYS)
def test_a_longer_range_never_plans_what_holds_the_same_days_again(one: date, other: date, earlier: date) -> None:
    start, end = min(one, other), max(one, other)
    listed = everything(date(2025, 11, 3), date(2026, 3, 19))
    held = {file.name for file in plan(SERIES, listed, start, end, today=TODAY).files}
    longer = plan(SERIES, listed, min(start, earlier), end, today=TODAY, held=held)
    days = [day for file in longer.files if file.name not in held for day in days_between(file.first, file.last)]
    assert [day for day in days if start <= day <= end] == []


def test_a_month_that_is_not_over_or_not_listed_comes_by_day() -> None:
    listed = everything(date(2026, 1, 1), date(2026, 3, 19))
    del listed.monthly[date(2026, 1, 1)]
    made = plan(SERIES, listed, date(2026, 1, 1), date(2026, 3, 19), today=TODAY)
    assert [file.name for file in made.files if file.monthly] == ["BTCUSDT-aggTrades-2026-02.zip"]
    assert len(made.files) == 31 + 1 + 19


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (TODAY, "the day is not over"),
        (TODAY + timedelta(days=9), "the day is not over"),
        (TODAY - timedelta(days=1), "not published yet: files come the day after, at times later"),
        (date(2025, 1, 1), "the archive begins on 2026-02-01"),
        (date(2026, 3, 1), "the archive lists no such file"),
    ],
)
def test_why_a_day_is_missing(day: date, why: str) -> None:
    listed = everything(date(2026, 2, 1), date(2026, 3, 18))
    listed.daily.pop(date(2026, 3, 1))
    assert [each.why for each in plan(SERIES, listed, day, day, today=TODAY).missing] == [why]


def test_days_of_which_there_can_be_no_file_are_one_line_however_many() -> None:
    listed = everything(date(2026, 2, 1), date(2026, 3, 18))
    made = plan(SERIES, listed, date(1970, 1, 2), date(9999, 12, 31), today=TODAY)
    assert made.missing == [
        ("BTCUSDT-aggTrades-1970-01-02…2026-01-31", "the archive begins on 2026-02-01"),
        ("BTCUSDT-aggTrades-2026-03-19.zip", "not published yet: files come the day after, at times later"),
        ("BTCUSDT-aggTrades-2026-03-20…9999-12-31", "the day is not over"),
    ]
    assert len(made.files) == 1 + 18
    later = plan(SERIES, listed, date(2026, 4, 1), date(2026, 4, 30), today=TODAY)
    assert later == ([], [("BTCUSDT-aggTrades-2026-04-01…2026-04-30", "the day is not over")])


def test_a_symbol_that_is_not_there_is_told_as_such() -> None:
    made = plan(SERIES, Published({}, {}), date(2026, 3, 1), date(2026, 3, 1), today=TODAY)
    assert made.missing[0].why == "the archive lists no file of this symbol and type"


def test_files_of_another_name_are_none_of_the_series() -> None:
    names = (
        "BTCUSDT-aggTrades-2026-03-01.zip",
        "BTCUSDT-trades-2026-03-01.zip",
        "BTCUSDT-aggTrades-2026-13.zip",
        "x.txt",
        "BTCUSDT-aggTrades-.zip",
    )
    assert list(published(SERIES, listing(*names)).daily) == [date(2026, 3, 1)]
    assert published(SERIES, listing(*names)).monthly == {}


def test_names_and_folders() -> None:
    candles = Series("ETHUSDT", "klines", "1m")
    assert file_name(candles, "2026-03") == "ETHUSDT-1m-2026-03.zip"
    assert folders(SPOT_HISTORY, candles)["daily"] == "data/spot/daily/klines/ETHUSDT/1m/"
    assert folders(SPOT_HISTORY, SERIES)["monthly"] == "data/spot/monthly/aggTrades/BTCUSDT/"
    assert span_of(candles, "ETHUSDT-1m-2024-02.zip") == (date(2024, 2, 1), date(2024, 2, 29))


# -- the listing ---------------------------------------------------------------------------------------------------


def page(inner: str, ns: str = NS) -> bytes:
    return f'<?xml version="1.0"?><ListBucketResult{ns}><Prefix>data/the/request/</Prefix>{inner}</ListBucketResult>'.encode()


CONTENT = (
    "<Contents><Key>a/b.zip</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>7</Size></Contents>"
)


@pytest.mark.parametrize("ns", [NS, ""])
def test_a_page_is_read_with_and_without_a_namespace(ns: str) -> None:
    assert read_page(page(CONTENT, ns)) == Page([Listed("a/b.zip", "abc", 7, "2026-01-01T00:00:00.000Z")], None)


def test_the_next_page_begins_after_the_marker_or_else_after_the_last_key() -> None:
    truncated = "<IsTruncated>true</IsTruncated>"
    assert read_page(page(f"{truncated}<NextMarker>a/c</NextMarker>{CONTENT}")).marker == "a/c"
    assert read_page(page(truncated + CONTENT)).marker == "a/b.zip"
    assert read_page(page(truncated + "<CommonPrefixes><Prefix>a/z/</Prefix></CommonPrefixes>")).marker == "a/z/"
    assert read_page(page(f"<IsTruncated>false</IsTruncated><NextMarker>a/c</NextMarker>{CONTENT}")).marker is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>hello</body></html>",
        b"not xml",
        b'{"a":1}',
        page("<IsTruncated>true</IsTruncated>"),
        page("<Contents><Key>a</Key></Contents>"),
        page("<Contents><Size>7</Size></Contents>"),
        page("<Contents><Key>a</Key><Size>x</Size></Contents>"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_page(body)


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_value_errors_alone(body: bytes) -> None:
    try:
        read_page(body)
    except ValueError:
        return


def test_a_marker_travels_in_a_query() -> None:
    assert page_query("a/b/", None) == "?delimiter=/&prefix=a/b/"
    assert page_query("a/b/", "a/b/ü&c") == "?delimiter=/&prefix=a/b/&marker=a/b/%C3%BC%26c"
