"""A strategy on books that were recorded as deltas and snapshots: the same books, the same orders as where they were recorded whole; a hole
in the deltas is told, and ends with the next snapshot."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hoga.app.backtest.data import data_of
from hoga.app.backtest.run import backtest, plan_backtest
from hoga.app.config import load_config
from hoga.audit.reading import Walk
from hoga.cli.main import main
from hoga.core.ticks import MarketDepth, MarketDoubt, MarketEvent
from hoga.core.times import SECOND_NS
from hoga.history.market import market_chunks
from tests.trading.recorded import START_NS, VENUE, Market, strategy

SYMBOL = f"{VENUE}:BTCUSDT"
EVERY = 200
_FOREVER = 2**63 - 1


def as_deltas(market: Market, *, lost: Collection[int] = (), every: int = EVERY, late_ns: int = 250_000_000, whole: bool = False) -> Market:
    """The same market, its books told as deltas: a snapshot of the second book and of each `every`-th, received `late_ns` after it. `lost`:
    which deltas are not there; `whole`: with the books beside them."""
    made = Market(market.name, day=market.day)
    before: tuple[dict[str, str], dict[str, str]] = {}, {}
    for place, (kind, at_ns, line) in enumerate(market.lines):
        if kind != "orderbook":
            made.lines.append((kind, at_ns, line))
            continue
        if whole:
            made.lines.append((kind, at_ns, line))
        book = msgspec.json.decode(line)
        sides = dict(book["b"]), dict(book["a"])
        changed = [
            [*(list(each) for each in now.items() if was.get(each[0]) != each[1]), *([price, "0.000"] for price in was if price not in now)]
            for was, now in zip(before, sides, strict=True)
        ]
        before = sides
        head = f'{{"e":"depthUpdate","E":{book["E"]},"T":{book["T"]},"s":"{market.name}","U":{book["U"]},"u":{book["u"]},"pu":{book["pu"]}'
        if (place := book["u"]) not in lost:
            made.add("delta", at_ns, f'{head},"b":{_json(changed[0])},"a":{_json(changed[1])}}}')
        if place % every == 2:
            said = f'{{"lastUpdateId":{place},"E":{book["E"]},"T":{book["T"]},"bids":{_json(book["b"])},"asks":{_json(book["a"])}}}'
            made.add("snapshot", at_ns + late_ns, said)
    made.lines.sort(key=lambda each: each[1])
    return made


def _json(found: Any) -> str:
    return msgspec.json.encode(found).decode()


def config_of(data: Path) -> Any:
    return load_config(None, overrides=[], environ={}, data_dir=data)


def run(data: Path, path: Path, **how: Any) -> Any:
    return backtest(plan_backtest(config_of(data), str(path), (), ask=False, **how))


def records(journal: str, *kinds: str) -> list[Any]:
    return [each for each in Walk(Path(journal)).records() if not kinds or each.kind in kinds]


def events_of(data: Path, *, start_ns: int = 0, end_ns: int = _FOREVER) -> list[MarketEvent]:
    """What a trader sees of the books of that time."""
    found = data_of(config_of(data), {VENUE: (SYMBOL,)}, (start_ns, end_ns), None, ask=False)
    rules = {symbol: known.rules for symbol, known in found.rules.items()}
    chunks = market_chunks(found.recorded, rules, start_ns=start_ns, end_ns=end_ns, on_damage=lambda damage: None)
    seen = [each.blocks[source].at(place) for each in chunks for source, place in zip(each.sources, each.places, strict=True)]
    return [each for each in seen if isinstance(each, MarketDepth | MarketDoubt)]


def shown(event: MarketEvent) -> tuple[Any, ...]:
    assert isinstance(event, MarketDepth)
    sides = [[(float(price), float(size)) for price, size in side] for side in (event.bids, event.asks)]
    return event.at_ns, event.event_ns, event.bid, event.bid_size, event.ask, event.ask_size, *sides


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ninety seconds of one market, recorded as books, and as deltas."""
    books, deltas = tmp_path_factory.mktemp("books"), tmp_path_factory.mktemp("deltas")
    market = Market().walk(START_NS, 90)
    market.keep(books)
    as_deltas(market).keep(deltas)
    return books, deltas


def test_a_strategy_sees_the_books_that_were_recorded_whole(both: tuple[Path, Path]) -> None:
    books, deltas = (events_of(each) for each in both)
    begin = next(each.at_ns for each in deltas)
    assert isinstance(deltas[0], MarketDepth)
    whole = {each.at_ns: shown(each) for each in books if each.at_ns >= begin}
    mine = [shown(each) for each in deltas if each.at_ns in whole]
    assert mine == list(whole.values())
    others = [each for each in deltas if each.at_ns not in whole]
    assert len(others) == len(range(0, 900, EVERY))  # a book at each snapshot, too


def test_orders_and_fills_are_those_of_a_run_on_whole_books(both: tuple[Path, Path], tmp_path: Path) -> None:
    ends = [run(each, strategy(tmp_path)) for each in both]
    assert [each.grade for each in ends] == ["books", "books"]
    told = [[(each.t, each.fields["q"], each.fields["p"]) for each in records(end.journal, "order.fill")] for end in ends]
    assert told[0]
    assert told[0] == told[1]


def test_the_same_input_gives_the_same_journal_however_often_it_is_run(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = strategy(tmp_path)
    one = run(both[1], path)
    before = sorted(each.read_bytes() for each in Path(one.journal).rglob("*.jsonl"))
    two = run(both[1], path)
    assert one == two
    assert sorted(each.read_bytes() for each in Path(two.journal).rglob("*.jsonl")) == before


def test_whoever_begins_later_knows_the_book_at_once(both: tuple[Path, Path]) -> None:
    start_ns = START_NS + 31 * SECOND_NS
    late = events_of(both[1], start_ns=start_ns)
    assert next(each.at_ns for each in late) < start_ns + SECOND_NS // 2
    assert [shown(each) for each in late] == [shown(each) for each in events_of(both[1]) if each.at_ns >= start_ns]


def test_a_hole_in_the_deltas_is_told_and_there_is_no_book_until_the_next_snapshot(tmp_path: Path) -> None:
    market = Market().walk(START_NS, 60)
    as_deltas(market, lost={1_100}).keep(tmp_path)
    seen = events_of(tmp_path)
    doubts = [each for each in seen if isinstance(each, MarketDoubt)]
    assert len(doubts) == 1
    assert "no book until the next snapshot: ids do not follow: 1099" in doubts[0].why
    behind = next(each for each in seen if each.at_ns > doubts[0].at_ns)
    snapshot = next(at_ns for kind, at_ns, line in as_deltas(market).lines if kind == "snapshot" and b'"lastUpdateId":1202' in line)
    assert behind.at_ns == snapshot
    text = """
from hoga import Strategy

class Looks(Strategy):
    symbol = "binance-usdm:BTCUSDT"
    seen = 0

    def on_book(self, book):
        self.seen += 1

    def on_stale(self, symbol, why):
        self.log(f"{self.seen}: {why}")
"""
    end = run(tmp_path, strategy(tmp_path, text))
    assert end.ok
    assert any("no book until the next snapshot" in line for line in end.holes)


def test_deltas_without_a_snapshot_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = as_deltas(Market().walk(START_NS, 5, kinds=("orderbook",)))
    made.lines = [each for each in made.lines if each[0] == "delta"]
    made.keep(tmp_path)
    assert main(["trade", str(strategy(tmp_path)), "--mode", "backtest", "--data", str(tmp_path)]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hoga: ")]
    assert len(lines) == 1
    assert "no snapshot" in lines[0]
