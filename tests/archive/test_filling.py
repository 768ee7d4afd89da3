"""Text with healed trades: whatever is missing, wherever minutes and days are cut, each trade once, by its id, chain by chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hoga
from hoga.archive.form.envelope import healed_line
from hoga.archive.form.healed import HealedRow, healed_path, pack_rows
from hoga.archive.form.ledger import HealedEntry
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.read.merged import Run, read_merged
from hoga.core.times import DAY_NS, SECOND_NS, day_start_ns
from tests.archive.workshop import Workshop, envelope, read_records
from tests.tries import tries

DAYS = ("2026-11-20", "2026-11-21")
CHAINS = {"aggTrade": "a", "trade": "t"}


def payload(chain: str, number: int, at_ns: int) -> bytes:
    ms = at_ns // 1_000_000
    return f'{{"e":"{chain}","E":{ms},"s":"BTCUSDT","{CHAINS[chain]}":{number},"p":"1.5","q":"2","T":{ms},"m":true}}'.encode()


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[int, str, bool]]:
    """(second around midnight, chain, whether it was received) of trades in order."""
    seconds = draw(st.lists(st.integers(-150, 150), min_size=1, max_size=30))
    return [(second, draw(st.sampled_from(list(CHAINS))), draw(st.booleans())) for second in sorted(seconds)]


def recorded(root: Path, market: list[tuple[int, str, bool]]) -> tuple[list[SeriesDay], dict[str, list[int]], list[bytes]]:
    """The days, the ids of each chain, and the lines that were received."""
    midnight = day_start_ns(DAYS[1])
    ids: dict[str, list[int]] = {chain: [] for chain in CHAINS}
    minutes: dict[tuple[str, str], list[bytes]] = {}
    rows: dict[str, list[HealedRow]] = {}
    for second, chain, is_received in market:
        number = 100 + len(ids[chain])
        ids[chain].append(number)
        at_ns = midnight + second * SECOND_NS
        day = DAYS[at_ns >= midnight]
        text = payload(chain, number, at_ns)
        if is_received:
            late = at_ns + 20_000_000 + len(minutes)  # received a moment after it happened
            clock = (late - day_start_ns(DAYS[late >= midnight])) // (60 * SECOND_NS)
            minutes.setdefault((DAYS[late >= midnight], f"{clock // 60:02}-{clock % 60:02}"), []).append(envelope(late, text))
        else:
            line = healed_line(text, source="rest", healed_ns=midnight + DAY_NS, event_ms=at_ns // 1_000_000)
            rows.setdefault(day, []).append(HealedRow(chain, number, at_ns // 1_000_000, line))
    days = []
    for name in DAYS:
        shop = Workshop(root / "binance" / "execution", "execution", day=name)
        for (day, minute), lines in sorted(minutes.items()):
            if day == name:
                shop.seal(minute, lines)
        if name in rows:
            day_of = SeriesDay(shop.directory, shop.symbol, shop.kind, name)
            packed, told = pack_rows(day_of, rows[name], ranges=[], healed_ns=1)
            shop.tell(HealedEntry(healed=told))
            healed_path(day_of).write_bytes(packed)
        if shop.folder.exists():
            days.append(SeriesDay(shop.directory, shop.symbol, shop.kind, name))
    return days, ids, [line for _, lines in sorted(minutes.items()) for line in lines]


@settings(max_examples=tries(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(market=markets())
def test_every_trade_is_told_once_in_the_order_of_its_ids(
    tmp_path_factory: pytest.TempPathFactory, market: list[tuple[int, str, bool]]
) -> None:
    root = tmp_path_factory.mktemp("filling")
    days, ids, received = recorded(root, market)
    lines = list(read_records(days, fill=True))
    told = [json.loads(line) for line in lines]
    for chain, key in CHAINS.items():
        assert [each[key] for each in told if each["e"] == chain] == ids[chain]
    assert [line for line in lines if not line.startswith(b'{"recvNs":null')] == received
    assert list(read_records(days)) == received
    merged = [each for run in read_merged([days], fill=True) if isinstance(run, Run) for each in zip(run.receipts, run.lines, strict=True)]
    assert [line for _, line in merged] == lines
    assert [at for at, _ in merged] == sorted(at for at, _ in merged)
    arrays = hoga.load("binance:BTCUSDT", "execution", root=root).numpy()
    assert arrays.trade_id.tolist() == [each[CHAINS[each["e"]]] for each in told]
    assert arrays.channel.tolist() == [each["e"] for each in told]
