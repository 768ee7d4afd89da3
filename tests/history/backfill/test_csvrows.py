"""The exchange's text to Parquet: every number as it stands there, or a refusal that names the line."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hoga.history.csvrows as room
from hoga.history.csvrows import Converted, convert, difference
from hoga.history.zipped import UnreadableZip, blocks, find_member
from hoga.venues.binance.history import SPOT_HISTORY
from tests.history.backfill.conftest import zip_of

KIND = SPOT_HISTORY.kinds["aggTrades"]
NAME = "BTCUSDT-aggTrades-2026-03-02.zip"


def row(number: int, *, price: str = "1.50000000", size: str = "2.00000000", tail: str = "True,True") -> str:
    return f"{number},{price},{size},{number * 2},{number * 2 + 1},{1_772_400_000_000_000 + number},{tail}"


def converted(folder: Path, text: str | bytes, *, name: str = NAME) -> tuple[Converted, polars.DataFrame]:
    path = zip_of(folder / name, text)
    target = folder / "made.parquet"
    done = convert(path, find_member(path), target, KIND, step=1, notes={})
    assert not list(folder.glob("*.merging"))
    return done, polars.read_parquet(target)


NUMBERS = st.decimals(min_value=0, max_value=10**12, places=8)
ROWS = st.lists(st.tuples(st.integers(1, 50), NUMBERS, NUMBERS), min_size=1, max_size=60)


@given(ROWS, st.integers(60, 400))
def test_any_order_and_any_cut_gives_every_row_once_by_its_id(
    tmp_path_factory, rows: list[tuple[int, Decimal, Decimal]], block: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    lines = [row(number, price=f"{price:.8f}", size=f"{size:.8f}") for number, price, size in rows]
    path = zip_of(folder / NAME, "\n".join(lines))
    real = room.blocks
    room.blocks = lambda source, member: real(source, member, block_bytes=block)  # type: ignore[assignment]
    try:
        done = convert(path, find_member(path), folder / "made.parquet", KIND, step=1, notes={})
    finally:
        room.blocks = real
    made = polars.read_parquet(folder / "made.parquet")
    once = set(rows)
    assert sorted(zip(made["id"], made["price"], made["size"], strict=True)) == sorted(once)
    assert made["id"].is_sorted()
    assert done.doubled == len(rows) - len(once)
    assert done.conflicting == sum([number for number, _, _ in once].count(each) > 1 for each in {number for number, _, _ in once})
    assert done.facts.rows == len(once)
    assert done.sorted == all(later[0] > earlier[0] for earlier, later in pairwise(rows))


@pytest.mark.parametrize("header", ["", "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,best\n"])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("truths", ["True,True", "true,false", "TRUE,FALSE", "False,TRUE", "tRuE,false"])
def test_spellings_that_are_met_are_read_alike(tmp_path: Path, header: str, end: str, truths: str) -> None:
    text = header + "\n".join(row(number, tail=truths) for number in (1, 2, 3)) + end
    _, made = converted(tmp_path, text)
    assert made["buyer_is_maker"].to_list() == [truths.lower().startswith("true")] * 3
    assert made["best_match"].to_list() == [truths.lower().endswith("true")] * 3


def test_a_column_that_may_be_missing(tmp_path: Path) -> None:
    _, made = converted(tmp_path, "\n".join(row(number, tail="True") for number in (1, 2)))
    assert "best_match" not in made.columns


def test_ms_and_us_in_one_file_are_one_axis(tmp_path: Path) -> None:
    lines = [row(1).replace("1772400000000001", "1735689599999"), row(2).replace("1772400000000002", "1735689600000001")]
    _, made = converted(tmp_path, "\n".join(lines))
    assert made["event_ns"].to_list() == [1_735_689_599_999_000_000, 1_735_689_600_000_001_000]


@pytest.mark.parametrize(
    "bad",
    [
        "2,1.5,2.0,4,5,1772400000000002,True",  # a column too few, in the middle
        row(2) + ",more",
        row(2, price=""),
        row(2, price="abc"),
        row(2, price="nan"),
        row(2, price="1.123456789"),
        row(2, price="1" * 30),
        row(2, tail="yes,True"),
        row(2, tail=",True"),
        "",
        "not,a,row",
        row(2).replace("1772400000000002", "17724000000000020000"),
        row(2).replace("1772400000000002", "-5"),
        '2,"1.5",2.0,4,5,1772400000000002,True,True',
        "2,1.5,2.0,4,5,1772400000000002,True,\x00",
        "9223372036854775808,1.5,2.0,4,5,1772400000000002,True,True",
    ],
)
@pytest.mark.parametrize("at", [1, 700])
def test_a_row_that_is_none_is_named_by_its_line_and_nothing_is_made(tmp_path: Path, bad: str, at: int) -> None:
    lines = [row(number) for number in range(1, 900)]
    lines[at] = bad
    with pytest.raises(UnreadableZip, match=rf"^line {at + 1}: "):
        converted(tmp_path, "\n".join(lines) + "\n")
    assert not (tmp_path / "made.parquet").exists()
    assert not list(tmp_path.glob("*.merging"))


@pytest.mark.parametrize("first", ["not,a,row", "-1,2,3,4,5,6,True,True", "a,b,c,d,e,f,g,7"])
def test_a_first_line_that_is_neither_header_nor_row_is_refused(tmp_path: Path, first: str) -> None:
    with pytest.raises(UnreadableZip, match="line 1"):
        converted(tmp_path, f"{first}\n{row(1)}\n")


def test_the_difference_of_two_files_is_told_in_rows(tmp_path: Path) -> None:
    _, _ = converted(tmp_path, "\n".join(row(number) for number in (1, 2, 3, 900_000)))
    (tmp_path / "made.parquet").rename(tmp_path / "old.parquet")
    converted(tmp_path, "\n".join([row(1), row(2, size="9.00000000"), row(4), row(5)]))
    assert difference(tmp_path / "old.parquet", tmp_path / "made.parquet", KIND) == (3, 3)
    assert difference(tmp_path / "made.parquet", tmp_path / "made.parquet", KIND) == (0, 0)


# -- the zip -------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=3_000).map(lambda data: data.replace(b"\r", b"\n")), st.integers(1, 200), st.booleans())
def test_blocks_are_the_text_cut_at_line_ends(tmp_path_factory, text: bytes, size: int, stored: bool) -> None:
    path = zip_of(tmp_path_factory.mktemp("zip") / NAME, text, method=zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    found = list(blocks(path, find_member(path), block_bytes=size))
    assert b"".join(found) == text
    assert all(block.endswith(b"\n") for block in found[:-1])


def test_a_zip_cut_anywhere_or_with_any_bit_flipped_never_gives_another_text(tmp_path: Path) -> None:
    text = "\n".join(row(number) for number in range(40)).encode()
    good = zip_of(tmp_path / NAME, text).read_bytes()
    path = tmp_path / NAME

    def read() -> bytes | None:
        try:
            return b"".join(blocks(path, find_member(path)))
        except UnreadableZip:
            return None

    for at in range(len(good)):
        path.write_bytes(good[:at])
        assert read() is None
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        assert read() in (None, text)


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path, member = tmp_path / NAME, NAME.replace(".zip", ".csv")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "x")
        archive.writestr(member.replace(".csv", ".cs_"), "x")
    path.write_bytes(path.read_bytes().replace(b".cs_", b".csv"))
    with pytest.raises(UnreadableZip, match="2 times"):
        find_member(path)


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = zip_of(tmp_path / NAME, b"1" * 20_000_000, method=zipfile.ZIP_STORED)
    with pytest.raises(UnreadableZip, match="a line of more than"):
        list(blocks(path, find_member(path)))
