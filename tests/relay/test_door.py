"""What may come in from other machines: only names that the archive's layout knows."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.archive.form.layout import day_stem, segment_stem
from hoga.relay.door import What, place_of

STEM = "BTCUSDT_orderbook_2026-11-29"


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (f"binance/orderbook/temporary/{STEM}/{STEM}_13-15.zip", What.SEGMENT),
        (f"binance/orderbook/temporary/{STEM}/{STEM}_13-15_2.jsonl.zst", What.SEGMENT),
        (f"binance/orderbook/temporary/{STEM}/{STEM}.ledger.jsonl", What.LEDGER),
        (f"binance/orderbook/{STEM}.zip", What.DAY),
        (f"binance/orderbook/{STEM}.jsonl.zst", What.DAY),
        (f"binance/orderbook/{STEM}.parquet", What.DAY),
        (f"binance/orderbook/{STEM}.manifest.json", What.MANIFEST),
        ("binance/execution/BTCUSDT_execution_2026-11-29.healed.jsonl.zst", What.HEALED),
        ("binance/instruments/instruments_2026-11-29.json.zst", What.LIST),
        ("binance/instruments/instruments_2026-11-29T14-05.json.zst", What.LIST),
    ],
)
def test_a_place_that_the_layout_knows_is_told_apart(file: str, what: What) -> None:
    place = place_of(file)
    assert place is not None
    assert (place.file, place.what, place.venue, place.day) == (file, what, "binance", "2026-11-29")


@pytest.mark.parametrize(
    "file",
    [
        "",
        "/etc/passwd",
        "../../etc/passwd",
        f"../binance/{STEM}.zip",
        f"binance/../{STEM}.zip",
        f"binance/orderbook/../{STEM}/{STEM}_13-15.zip",
        f"binance/orderbook/temporary/../{STEM}.zip",
        f"/binance/orderbook/{STEM}.zip",
        f"binance//{STEM}.zip",
        f".collectors/orderbook/{STEM}.zip",
        f"binance/.x/{STEM}.zip",
        f"binance/orderbook/{STEM}.exe",
        f"binance/orderbook/{STEM}.zip.merging",
        f"binance/orderbook/{STEM}",
        f"binance/orderbook/other/{STEM}/{STEM}_13-15.zip",
        f"binance/orderbook/temporary/{STEM}/{STEM}_13-15.zip.merging",
        f"binance/orderbook/temporary/{STEM}/{STEM}_13-15_1.zip",
        f"binance/orderbook/temporary/{STEM}/{STEM}_13-15_0.zip",
        f"binance/orderbook/temporary/{STEM}/ETHUSDT_orderbook_2026-11-29_13-15.zip",
        f"binance/orderbook/temporary/{STEM}/.lock",
        "binance/orderbook/temporary/journal/x.journal",
        "binance/orderbook/BTCUSDT_orderbook_2026-13-29.zip",
        "binance/orderbook/%2e%2e_orderbook_2026-11-29.zip",
        "binance/orderbook/a%2Fb%2f_orderbook_2026-11-29.zip",
        "binance/orderbook/a\\b_orderbook_2026-11-29.zip",
        "binance/orderbook/a\nb_orderbook_2026-11-29.zip",
        f"binance/orderbook/{'x' * 300}_orderbook_2026-11-29.zip",
        f"binance/orderbook/BTCUSDT_{'k' * 230}_2026-11-29.zip",
        f"binance/orderbook/temporary/{STEM}/{STEM}_13-15_{'9' * 210}.zip",
        "binance/orderbook/BTC\ud800_orderbook_2026-11-29.zip",
        "binance/orderbook/BTCUSDT_orderbook_0001-01-01.zip",
        "binance/orderbook/temporary/BTCUSDT_orderbook_1970-01-01/BTCUSDT_orderbook_1970-01-01_13-15.zip",
        "binance/orderbook/BTCUSDT_orderbook_9999-12-31.zip",
        "binance/instruments/instruments_0001-01-01.json.zst",
        "binance/instruments/instruments_2026-11-31.json.zst",
        "binance/instruments/instruments_x.json.zst",
    ],
)
def test_what_is_no_place_stays_outside(file: str) -> None:
    assert place_of(file) is None


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.sampled_from(["orderbook", "execution", "delta"]),
    st.integers(1, 99),
)
def test_whatever_a_symbol_is_called_its_files_have_places(symbol: str, kind: str, part: int) -> None:
    stem = day_stem(symbol, kind, "2026-11-29")
    segment = f"{segment_stem(symbol, kind, '2026-11-29', '13-15', part=part)}.zip"
    for file in (
        f"binance/{kind}/{stem}.zip",
        f"binance/{kind}/temporary/{stem}/{segment}",
        f"upbit/{kind}/temporary/{stem}/{stem}.ledger.jsonl",
    ):
        place = place_of(file)
        assert place is not None
        assert (place.file, place.kind, place.stem) == (file, kind, stem)


@given(st.text(max_size=60) | st.text("./\\_-%~" + string.ascii_letters + string.digits, max_size=60))
def test_no_text_leaves_the_folder(text: str) -> None:
    for file in (text, f"binance/orderbook/{text}", f"binance/orderbook/temporary/{text}", f"binance/{text}/{STEM}.zip"):
        place = place_of(file)
        if place is not None:
            assert not any(part in ("", ".", "..") or part.startswith(".") for part in file.split("/"))
