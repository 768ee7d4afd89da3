"""Books rebuilt from genuine captures equal the venue's own best bid and ask at every id they share."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from hoga.book import FUTURES_RULES, SPOT_RULES, BookRules, BookState, BookSync
from hoga.book.rebuild import DECIMALS, Change, Rebuild, Verdict, Whole
from hoga.core.market import Book, Delta, Level, Quote
from hoga.venues.binance import payloads


def replay(path: Path, rules: BookRules) -> tuple[BookSync, int, int]:
    """(the book at the end, shared ids, how many of them agree)."""
    sync = BookSync("BTCUSDT", rules)
    quotes: dict[int, Quote] = {}
    snapshot: Book | None = None
    shared = equal = 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            stamp, _, text = line.partition(" ")
            now, body = int(stamp), json.loads(text)
            if "stream" not in body:
                read = payloads.rest_book(text.encode())
                assert isinstance(read, Book)
                snapshot = read
                sync.snapshot(snapshot, now)
                continue
            data = text[text.index('"data":') + 7 : text.rindex("}")].encode()
            if "@bookTicker" in body["stream"]:
                quote = payloads.quote(data)
                assert isinstance(quote, Quote)
                assert quote.update_id is not None
                quotes[quote.update_id] = quote
            elif "@depth" in body["stream"]:
                delta = payloads.delta(data)
                assert isinstance(delta, Delta)
                sync.receive(delta, now)
                if not sync.is_synced and snapshot is not None and sync.state is BookState.BUFFERING:
                    sync.snapshot(snapshot, now)
                seen = quotes.get(delta.last_id)
                if sync.is_synced and sync.last_id == delta.last_id and seen is not None:
                    shared += 1
                    equal += (seen.bid, seen.bid_size) == sync.ladder.best_bid() and (seen.ask, seen.ask_size) == sync.ladder.best_ask()
    return sync, shared, equal


@pytest.mark.parametrize(
    "name, rules, least",
    [("binance-spot/hft_btcusdt_20240808.gz", SPOT_RULES, 500), ("binance-usdm/hft_btcusdt_20240808.gz", FUTURES_RULES, 500)],
)
def test_the_rebuilt_book_equals_every_quote_with_its_id(captures: Path, name: str, rules: BookRules, least: int) -> None:
    sync, shared, equal = replay(captures / name, rules)
    assert sync.gaps == 0
    assert sync.is_synced
    assert shared == equal
    assert shared >= least


def test_the_book_rebuilt_in_the_order_of_ids_proves_every_quote_at_a_deltas_id(captures: Path) -> None:
    """Of the futures, whose deltas chain by the id before; the books of a spot capture are rebuilt in tests/archive/test_books.py."""
    name, rules, least = "binance-usdm/hft_btcusdt_20240808.gz", FUTURES_RULES, 500
    items: list[tuple[int, int, int, Change | Whole]] = []
    ends: set[int] = set()
    with gzip.open(captures / name, "rt") as lines:
        for number, line in enumerate(lines):
            text = line.partition(" ")[2]
            stream = json.loads(text).get("stream")
            if stream is None:
                book = payloads.rest_book(text.encode())
                assert isinstance(book, Book)
                assert book.update_id is not None
                items.append(
                    (book.update_id, 2 if rules.joins_after else 0, number, Whole(book.update_id, counted(book.bids), counted(book.asks)))
                )
                continue
            data = text[text.index('"data":') + 7 : text.rindex("}")].encode()
            if "@bookTicker" in stream:
                quote = payloads.quote(data)
                assert isinstance(quote, Quote)
                assert quote.update_id is not None
                best = Whole(quote.update_id, counted([(quote.bid, quote.bid_size)]), counted([(quote.ask, quote.ask_size)]))
                items.append((quote.update_id, 3, number, best))
            elif "@depth" in stream:
                delta = payloads.delta(data)
                assert isinstance(delta, Delta)
                ends.add(delta.last_id)
                change = Change(delta.first_id, delta.last_id, delta.previous_id, list(counted(delta.bids)), list(counted(delta.asks)))
                items.append((delta.last_id, 1, number, change))
    rebuild, verdicts = Rebuild(rules, most=1000), Counter[Verdict]()
    for _, rank, _, body in sorted(items, key=lambda item: item[:3]):
        if isinstance(body, Change):
            rebuild.delta(body)
        elif rank == 3:
            verdict = rebuild.check(body, depth=1)
            if body.update_id in ends:
                verdicts[verdict] += 1
            else:
                assert verdict in (Verdict.BETWEEN, Verdict.NO_BOOK)
        else:
            rebuild.snapshot(body)
    assert verdicts[Verdict.DIFFERS] == 0
    assert verdicts[Verdict.PROVEN] >= least
    assert rebuild.holes == 0


def counted(levels: Iterable[Level]) -> tuple[tuple[int, int], ...]:
    return tuple((int(price.scaleb(DECIMALS)), int(size.scaleb(DECIMALS))) for price, size in levels)
