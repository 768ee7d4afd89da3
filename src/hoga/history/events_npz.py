"""history.events_npz: books, deltas and trades as events of hftbacktest, in the order of both clocks. Pure.

Books become differences: what is new or changed with its size, what is gone with size 0; the first book, and the first after a gap, is a
snapshot, and a gap begins with a clear. So no level outlives the book it was in. Local time is the receipt, exchange time the event's;
neither is moved. Where the two clocks disagree on the order of events, an event stands twice: once for the exchange, once for us. A trade
that nobody received and that was fetched afterwards is the exchange's alone: it filled orders there, and nobody here saw it.

Source of the flags and of the row's layout: hftbacktest 2.4, types and data format, read 2026-11-29.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hoga.columns.digits import NONE, Ints
from hoga.history.batch import Array, Arrays

__all__ = ["EVENT", "BookEvents", "clear_at", "delta_events", "exchange_of", "in_order", "shifted", "trade_events"]

_WORDS = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
EVENT = np.dtype(list(zip(_WORDS, ("<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8"), strict=True)), align=True)
_DEPTH, _TRADE, _CLEAR, _SNAPSHOT = 1, 2, 3, 4
_EXCHANGE, _LOCAL, _BUY, _SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
_BOTH = _EXCHANGE | _LOCAL
_SIDES = (_BUY, _SELL)

Events = np.ndarray[Any, np.dtype[np.void]]


class BookEvents:
    """Whole books to events, batch after batch. `column`: which time is the exchange's."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._last: tuple[Array, Array] | None = None
        self._last_exchange = NONE

    def take(self, arrays: Arrays, gap_from: Ints) -> Events:
        """The events of the next books, by record. `gap_from`: when the gap before a book began, for each that has `gap_before`."""
        prices, sizes = arrays["prices"], arrays["sizes"]
        count = len(prices)
        if not count:
            return np.zeros(0, EVENT)
        before = self._before(prices, sizes)
        fresh = arrays["gap_before"].copy()
        fresh[0] = fresh[0] or self._last is None
        self._last = (prices[-1:].copy(), sizes[-1:].copy())
        exchange = exchange_of(arrays, self._column)
        parts: list[tuple[Ints, int, Events]] = [self._clears(arrays, gap_from, exchange)]
        for number, side in enumerate(_SIDES):
            parts += _side(prices[:, number], sizes[:, number], before[0][:, number], before[1][:, number], fresh, side)
        self._last_exchange = int(exchange[-1])
        rows = np.concatenate([row for row, _, _ in parts])
        ranks = np.concatenate([np.full(len(row), rank) for row, rank, _ in parts])
        events = np.concatenate([each for _, _, each in parts])
        is_clear = ranks == 0
        events["local_ts"][~is_clear] = arrays["recv_ns"][rows[~is_clear]]
        events["exch_ts"][~is_clear] = exchange[rows[~is_clear]]
        return events[np.lexsort((ranks, rows))]

    def _before(self, prices: Array, sizes: Array) -> tuple[Array, Array]:
        """The book before each."""
        if self._last is None:
            none = np.full_like(prices[:1], np.nan)
            return np.concatenate((none, prices[:-1])), np.concatenate((none, sizes[:-1]))
        levels = prices.shape[2]
        last = [_widened(each, levels) for each in self._last]
        return np.concatenate((last[0], prices[:-1])), np.concatenate((last[1], sizes[:-1]))

    def _clears(self, arrays: Arrays, gap_from: Ints, exchange: Ints) -> tuple[Ints, int, Events]:
        rows = np.flatnonzero(arrays["gap_before"])
        events = np.zeros(len(rows), EVENT)
        events["ev"] = _CLEAR | _BOTH
        received = np.concatenate(([NONE], arrays["recv_ns"][:-1]))[rows]
        known = np.concatenate(([self._last_exchange], exchange[:-1]))[rows]
        events["local_ts"] = np.minimum(np.maximum(gap_from, received), arrays["recv_ns"][rows])
        events["exch_ts"] = np.minimum(np.maximum(events["local_ts"], known), exchange[rows])
        return rows, 0, events


def clear_at(local_ns: int, exchange_ns: int) -> Events:
    """What begins a gap that no book follows."""
    events = np.zeros(1, EVENT)
    events["ev"], events["local_ts"], events["exch_ts"] = _CLEAR | _BOTH, local_ns, max(local_ns, exchange_ns)
    return events


def exchange_of(arrays: Arrays, column: str) -> Ints:
    """The exchange's time of each record: of `column`, else the event's; the receipt where neither is told."""
    found: Ints = arrays["event_ns"]
    if column in arrays:
        found = np.where(arrays[column] == NONE, found, arrays[column])
    return np.where(found == NONE, arrays["recv_ns"], found)


def trade_events(arrays: Arrays, column: str) -> Events:
    """One event for each trade; the side is the taker's. One without a receipt is the exchange's alone."""
    events = np.zeros(arrays.records, EVENT)
    side = np.where(arrays["side"] > 0, _BUY, np.where(arrays["side"] < 0, _SELL, 0)).astype(np.uint64)
    exchange = exchange_of(arrays, column)
    received = arrays["recv_ns"] != NONE
    events["ev"] = np.where(received, np.uint64(_TRADE | _BOTH), np.uint64(_TRADE | _EXCHANGE)) | side
    events["local_ts"], events["exch_ts"] = np.where(received, arrays["recv_ns"], exchange), exchange
    events["px"], events["qty"] = arrays["price"], arrays["size"]
    return events


def delta_events(arrays: Arrays, column: str, gap_from: Ints) -> Events:
    """One event for each level of each delta, behind a clear where a gap came before it."""
    lengths = np.diff(arrays["offsets"])
    rows = np.repeat(np.arange(arrays.records), lengths)
    events = np.zeros(len(rows), EVENT)
    place = np.arange(len(rows)) - np.repeat(arrays["offsets"][:-1], lengths)
    side = np.where(place < arrays["counts"][rows, 0], _BUY, _SELL).astype(np.uint64)
    events["ev"] = np.uint64(_DEPTH | _BOTH) | side
    exchange = exchange_of(arrays, column)
    events["local_ts"], events["exch_ts"] = arrays["recv_ns"][rows], exchange[rows]
    events["px"], events["qty"] = arrays["prices"], arrays["sizes"]
    at = np.flatnonzero(arrays["gap_before"])
    clears = np.zeros(len(at), EVENT)
    clears["ev"] = _CLEAR | _BOTH
    clears["local_ts"] = np.minimum(gap_from, arrays["recv_ns"][at])
    clears["exch_ts"] = np.minimum(clears["local_ts"], exchange[at])
    return np.concatenate((clears, events))[np.argsort(np.concatenate((at * 2, rows * 2 + 1)), kind="stable")]


def shifted(events: Events) -> int:
    """Move the local clock forward until nothing was received before it happened, in place. Returns by how many ns; 0: it was not so."""
    late = int((events["local_ts"] - events["exch_ts"]).min(initial=0))
    received = (events["ev"] & np.uint64(_LOCAL)) != 0
    events["local_ts"][received] -= min(late, 0)
    return -min(late, 0)


def in_order(events: Events) -> Events:
    """The events in an order in which both clocks only go forward. One that would stand elsewhere by the other clock stands twice."""
    events = events[np.argsort(events["local_ts"], kind="stable")]
    exchange = events["exch_ts"]
    if not len(events):
        return events
    so_far = np.maximum.accumulate(exchange)
    to_come = np.minimum.accumulate(exchange[::-1])[::-1]
    in_place = (exchange >= so_far) & (np.concatenate((to_come[1:], [np.iinfo(np.int64).max])) >= exchange)
    if in_place.all():
        return events
    # between two events that both clocks agree on, first all of the exchange's, then all of ours
    segment = np.cumsum(in_place) * 2 + ~in_place
    others = np.flatnonzero(~in_place)
    ours, theirs = events[others], events[others]
    theirs["ev"] &= ~np.uint64(_LOCAL)
    ours["ev"] &= ~np.uint64(_EXCHANGE)
    by_exchange = np.lexsort((others, exchange[others], segment[others]))
    agreed = np.flatnonzero(in_place)
    seen = (ours["ev"] & np.uint64(_LOCAL)) != 0  # what nobody received stands once
    others, ours = others[seen], ours[seen]
    keys = np.concatenate((segment[agreed] * 2, segment[others[by_exchange]] * 2, segment[others] * 2 + 1))
    whole = np.concatenate((events[agreed], theirs[by_exchange], ours))
    return whole[np.argsort(keys, kind="stable")]


def _side(prices: Array, sizes: Array, old_prices: Array, old_sizes: Array, fresh: Array, side: int) -> list[tuple[Ints, int, Events]]:
    """(records, rank, events): what is gone, then what is new or changed; of a book that stands alone all of it."""
    same = prices[:, :, None] == old_prices[:, None, :]
    unchanged = (same & (sizes[:, :, None] == old_sizes[:, None, :])).any(axis=2)
    gone = ~same.any(axis=1) & ~np.isnan(old_prices) & ~fresh[:, None]
    come = ~np.isnan(prices) & (~unchanged | fresh[:, None])
    found = []
    for rank, which, price, size in ((1, gone, old_prices, None), (2, come, prices, sizes)):
        rows, _ = np.nonzero(which)
        events = np.zeros(len(rows), EVENT)
        kind = np.where(fresh[rows], _SNAPSHOT, _DEPTH).astype(np.uint64)
        events["ev"] = kind | np.uint64(_BOTH | side)
        events["px"] = price[which]
        events["qty"] = 0.0 if size is None else size[which]
        found.append((rows, rank, events))
    return found


def _widened(book: Array, levels: int) -> Array:
    if book.shape[2] >= levels:
        return book[:, :, :levels]
    wide = np.full((*book.shape[:2], levels), np.nan)
    wide[:, :, : book.shape[2]] = book
    return wide
