"""dashboard.looking: the books and trades of the instruments that viewers look at, and a while of each for pictures.

The recorder's page has the newest frames of what this process asks for, and of nothing else. An instrument is asked for while somebody
looks at it and for `LINGER_S` after; until anybody has chosen, the first one is. Of each: a column of its book a second for `DEPTH_S`
seconds (some 150 KB, as the JSON that is sent), and its newest trades.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from hoga.core.market import Book, Level, Side, Trade
from hoga.core.streams import Kind
from hoga.core.times import MS_NS, SECOND_NS
from hoga.dashboard.ladder import DEPTH, read_payload
from hoga.dashboard.snapshot import Meta, Snapshot, StreamRow, TradeFrames
from hoga.venues.registry import VENUES

__all__ = ["DEPTH_S", "LINGER_S", "LOOKED_AT_MAX", "Looking", "key_of"]

LOOKED_AT_MAX = 8
LINGER_S = 600.0
DEPTH_S = 300
_TRADES = 200
_TRADES_NS = DEPTH_S * SECOND_NS

_encode = msgspec.json.Encoder().encode


def key_of(row: StreamRow) -> str:
    """How the instrument of a stream is called: `binance:BTCUSDT`."""
    return f"{row.venue}:{row.symbol}"


class _Depth:
    """Columns of a book, as JSON. `digits`: behind the point of the prices' unit."""

    def __init__(self) -> None:
        self.digits = 0
        self._columns: deque[tuple[int, bytes]] = deque(maxlen=DEPTH_S)

    def put(self, recv_ns: int, book: Book) -> None:
        """Keep the book, unless there is one of this second. Columns that are ahead of it: the clock was set back, they are forgotten."""
        second = recv_ns // SECOND_NS
        while self._columns and self._columns[-1][0] // SECOND_NS > second:
            self._columns.pop()
        if self._columns and self._columns[-1][0] // SECOND_NS == second:
            return
        digits = max((_digits(price) for side in (book.bids, book.asks) for price, _ in side[:DEPTH]), default=0)
        if digits > self.digits:
            self._refine(digits)
        sides = [_flat(side, self.digits) for side in (book.bids, book.asks)]
        self._columns.append((recv_ns, _encode([recv_ns // MS_NS, *sides])))

    def message(self, of: str, now_ns: int) -> bytes:
        """All columns that are not too old."""
        unit = format(Decimal(1).scaleb(-self.digits), "f")
        columns = b",".join(column for at_ns, column in self._columns if at_ns > now_ns - DEPTH_S * SECOND_NS)
        return b'{"k":"depth","of":' + _encode(of) + b',"unit":' + _encode(unit) + b',"cols":[' + columns + b"]}"

    def _refine(self, digits: int) -> None:
        """Prices turned out to be finer than those so far."""
        factor, self.digits = 10 ** (digits - self.digits), digits
        for at, (at_ns, column) in enumerate(self._columns):
            when, *sides = msgspec.json.decode(column)
            for side in sides:
                side[::2] = [price * factor for price in side[::2]]
            self._columns[at] = (at_ns, _encode([when, *sides]))


class _Tape:
    """The newest trades, as JSON. `count`: of all that were kept; `lost`: those that were passed over."""

    def __init__(self) -> None:
        self.count = self.lost = 0
        self.told = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=_TRADES)
        self._seen = 0

    def take(self, row: StreamRow, trades: TradeFrames) -> None:
        if trades.count < self._seen:
            self._seen = 0  # the recorder has begun to count anew
        fresh = trades.count - self._seen
        first_look, self._seen = not self.count and not self._seen, trades.count
        frames = trades.frames[-fresh:] if fresh > 0 else []
        if not first_look:
            self.lost += max(0, fresh - len(frames))
        for recv_ns, frame in frames:
            trade = read_payload(VENUES[row.venue], row.channel, frame)
            if isinstance(trade, Trade):
                at_ms = (trade.event_ns or recv_ns) / MS_NS
                side = 1 if trade.taker is Side.BUY else -1
                self._kept.append((recv_ns, _encode([round(at_ms, 3), _text(trade.price), _text(trade.size), side])))
                self.count += 1

    def message(self, of: str, *, since: int, now_ns: int) -> bytes:
        """Those after the first `since`."""
        first = max(since, self.count - len(self._kept))
        kept = list(self._kept)[len(self._kept) - (self.count - first) :]
        old = next((place for place, (recv_ns, _) in enumerate(kept) if abs(now_ns - recv_ns) <= _TRADES_NS), len(kept))
        listed = b",".join(text for _, text in kept[old:])
        head = {"k": "trades", "of": of, "first": first + old, "lost": self.lost}
        return _encode(head)[:-1] + b',"list":[' + listed + b"]}"


class _Looked:
    """One instrument. `book_at`, `trades_at`: places of its streams, None: there is none."""

    def __init__(self, book_at: int | None, trades_at: int | None) -> None:
        self.book_at = book_at
        self.trades_at = trades_at
        self.until_s = 0.0
        self.book: tuple[int, Book] | None = None
        self.depth = _Depth()
        self.tape = _Tape()


class Looking:
    """`begin` with each run, `want` and `feed` again and again; `now_s` never goes back."""

    def __init__(self) -> None:
        self._rows: list[StreamRow] = []
        self._places: dict[str, tuple[int | None, int | None]] = {}
        self._looked: dict[str, _Looked] = {}

    def begin(self, meta: Meta) -> None:
        """Another run: its streams have other places. What is kept of an instrument that is there again goes on."""
        self._rows = meta.streams
        found: dict[str, list[list[int]]] = {}
        for at, row in enumerate(meta.streams):
            kind = Kind.of(row.kind)
            sides = found.setdefault(key_of(row), [[], []])
            if kind in (Kind.ORDERBOOK, Kind.EXECUTION):
                sides[kind is Kind.EXECUTION].append(at)
        self._places = {key: (_plainest(self._rows, books), _plainest(self._rows, trades)) for key, (books, trades) in found.items()}
        for key, looked in list(self._looked.items()):
            if key in self._places:
                looked.book_at, looked.trades_at = self._places[key]
            else:
                del self._looked[key]

    def want(self, choices: Iterable[str], now_s: float) -> list[str]:
        """The streams (`venue:stream`) to ask the recorder for, when viewers look at `choices`."""
        first = next((key for key, (book_at, _) in self._places.items() if book_at is not None), None)
        chosen = [choice for choice in choices if choice in self._places][:LOOKED_AT_MAX]
        if not chosen and not self._looked and first is not None:
            chosen = [first]
            self._looked[first] = _Looked(*self._places[first])
        for choice in chosen:
            looked = self._looked.get(choice) or self._looked.setdefault(choice, _Looked(*self._places[choice]))
            looked.until_s = now_s + LINGER_S
        for key in sorted(self._looked, key=lambda key: self._looked[key].until_s):
            if key not in chosen and (len(self._looked) > LOOKED_AT_MAX or now_s > self._looked[key].until_s) and len(self._looked) > 1:
                del self._looked[key]
        wanted = [at for looked in self._looked.values() for at in (looked.book_at, looked.trades_at) if at is not None]
        return [f"{self._rows[at].venue}:{self._rows[at].name}" for at in wanted]

    def feed(self, snapshot: Snapshot, *, shown: set[str]) -> None:
        """Take what a snapshot brings. Of an instrument that nobody looks at now (`shown`) only a book a second is read."""
        books = {book.stream: book for book in snapshot.books}
        trades = {row.stream: row for row in snapshot.trades}
        for key, looked in self._looked.items():
            frame = books.get(-1 if looked.book_at is None else looked.book_at)
            if frame is not None and frame.frame and self._is_due(looked, frame.recv_ns, shown=key in shown):
                row = self._rows[frame.stream]
                book = read_payload(VENUES[row.venue], row.channel, frame.frame)
                if isinstance(book, Book):
                    looked.book = frame.recv_ns, book
                    looked.depth.put(frame.recv_ns, book)
            if looked.trades_at is not None and looked.trades_at in trades:
                looked.tape.take(self._rows[looked.trades_at], trades[looked.trades_at])

    @staticmethod
    def _is_due(looked: _Looked, recv_ns: int, *, shown: bool) -> bool:
        """Whether it is another book than the one that is known. One that seems older is newer: the clock was set back."""
        if looked.book is None:
            return True
        known_ns = looked.book[0]
        return recv_ns != known_ns if shown else recv_ns // SECOND_NS != known_ns // SECOND_NS

    # -- messages -----------------------------------------------------------------------------------------------------

    def book(self, of: str) -> bytes:
        """The newest book as texts; empty where there is none."""
        looked = self._looked.get(of)
        if looked is None or looked.book is None:
            return b""
        recv_ns, book = looked.book
        sides = {name: _texts(side, looked.depth.digits) for name, side in (("bids", book.bids), ("asks", book.asks))}
        return _encode({"k": "book", "of": of, "t": recv_ns / MS_NS, **sides})

    def depth(self, of: str, now_ns: int) -> bytes:
        """What a heatmap begins with."""
        looked = self._looked.get(of)
        return (looked.depth if looked is not None else _Depth()).message(of, now_ns)

    def trades(self, of: str, now_ns: int, *, whole: bool) -> bytes:
        """The trades since `tell` was called last, or all that are kept (`whole`); empty where there are none."""
        looked = self._looked.get(of)
        if looked is None or looked.trades_at is None:
            return _encode({"k": "trades", "of": of, "first": 0, "lost": 0, "list": None}) if whole else b""
        if not whole and looked.tape.told == looked.tape.count:
            return b""
        return looked.tape.message(of, since=0 if whole else looked.tape.told, now_ns=now_ns)

    def tell(self) -> None:
        """Everybody has been offered what there is."""
        for looked in self._looked.values():
            looked.tape.told = looked.tape.count


def _plainest(rows: list[StreamRow], places: list[int]) -> int | None:
    """Of several streams of a sort the one whose kind has no tail."""
    return min(places, key=lambda at: (len(rows[at].kind), at), default=None)


def _digits(value: Decimal) -> int:
    """Behind the point, without zeros at the end."""
    exponent: Any = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _texts(side: tuple[Level, ...], digits: int) -> list[tuple[str, str]]:
    sizes = max((_digits(size) for _, size in side[:DEPTH]), default=0)
    return [(f"{price:.{digits}f}", f"{size:.{sizes}f}") for price, size in side[:DEPTH]]


def _flat(side: tuple[Level, ...], digits: int) -> list[int | float]:
    flat: list[int | float] = []
    for price, size in side[:DEPTH]:
        flat += (int(price.scaleb(digits)), float(f"{size:.3g}"))
    return flat
