"""Books rebuilt from genuine captures equal the venue's own best bid and ask at every id they share."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from hoga.book import FUTURES_RULES, SPOT_RULES, BookRules, BookState, BookSync
from hoga.core.market import Book, Delta, Quote
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
