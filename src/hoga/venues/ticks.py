"""venues.ticks: the shape of a venue's readers of market data in integers, and what they make numbers with. Pure.

A reader is made for one instrument and takes one payload, as sent, with the receipt's stamp. No Decimal is made; a price's text that came
before is looked up. Readers raise ValueError for what they cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import msgspec

from hoga.core.ticks import MarketBar, MarketEvent
from hoga.core.trading import Rules, whole_of

if TYPE_CHECKING:
    from hoga.columns.digits import Ints, Text

__all__ = [
    "BookLineReader",
    "BookLinesReader",
    "CandleReads",
    "LinesReader",
    "Marks",
    "RawLevels",
    "TickReader",
    "Top",
    "Tops",
    "Trades",
    "integers",
    "memo",
    "memo_bytes",
    "numbers",
]

TickReader = Callable[[Rules], Callable[[bytes, int], MarketEvent]]
"""`reader(rules)` → `read(payload, at_ns)`."""


class Top(NamedTuple):
    """One book: the venue's time (ns, 0: none), its best prices and sizes, and both sides as they were sent."""

    event_ns: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int
    bids: msgspec.Raw
    asks: msgspec.Raw


class Tops(NamedTuple):
    """Quotes or books of one series, a place each: the venue's times (ns, 0: none), best prices and sizes."""

    event_ns: Ints
    bid: Ints
    bid_size: Ints
    ask: Ints
    ask_size: Ints


class Trades(NamedTuple):
    """Trades of one series, a place each. `buys`: 1 where the buyer took, else 0."""

    event_ns: Ints
    price: Ints
    size: Ints
    buys: Ints
    trade_id: Ints


class Marks(NamedTuple):
    """Mark prices of one series, a place each."""

    event_ns: Ints
    mark: Ints
    rate_e8: Ints
    funding_ns: Ints


LinesReader = Callable[[Rules], Callable[[bytes], Tops | Trades | Marks]]
"""`reader(rules)` → `read(text)`: the same numbers as the `TickReader` gives, of whole lines with hoga's envelope, all at once. It raises
ValueError where one of the lines is not spelt as usual, or holds a number that is no int64: then they are read one by one."""

BookLineReader = Callable[[Rules], Callable[[bytes], Top]]
"""`reader(rules)` → `read(line)`: a whole line of a book, with the same exceptions."""
BookLinesReader = Callable[[Rules], Callable[[bytes], Tops]]
"""The best prices and sizes of many."""

_levels = msgspec.json.Decoder(list[tuple[str, str]]).decode


class RawLevels(Sequence[tuple[str, str]]):
    """One side of a book as it was sent: read when somebody looks at it."""

    __slots__ = ("_raw", "_read")

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw
        self._read: list[tuple[str, str]] | None = None

    def _all(self) -> list[tuple[str, str]]:
        found = self._read
        if found is None:
            found = self._read = _levels(self._raw)
        return found

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        return self._all()[index]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, RawLevels) else other)

    __hash__ = None  # type: ignore[assignment]  # compared, never a key


@dataclass(frozen=True, slots=True)
class CandleReads:
    """A venue's candles over REST, of the lengths `intervals` (ns).

    `path(symbol, interval_ns, count, end_ns)`: of the latest that begin before `end_ns`, None: of all, the open one too. `read(rules,
    interval_ns, body)`: those of an answer, oldest first; raises ValueError, LookupError, TypeError. `most`: at one time. `skips_empty`: a
    candle without trades is left out.
    """

    path: Callable[[str, int, int, int | None], str]
    read: Callable[[Rules, int, bytes], tuple[MarketBar, ...]]
    most: int
    intervals: tuple[int, ...]
    weight: int = 1
    skips_empty: bool = False


_MOST = 16_384


class _Memo(dict[Any, int]):
    """Texts and their numbers. What was read before costs one look-up, and no call of Python."""

    __slots__ = ("_power",)

    def __init__(self, power: int) -> None:
        self._power = power

    def __missing__(self, text: str | bytes) -> int:
        found = whole_of(text if isinstance(text, str) else text.decode(), self._power)
        if len(self) >= _MOST:
            self.clear()
        self[text] = found
        return found


def memo(power: int) -> Callable[[str], int]:
    """A text's number as so many times `10 ** power`. Texts are remembered: the same few thousand come again and again."""
    return _Memo(power).__getitem__


def memo_bytes(power: int) -> Callable[[bytes], int]:
    """The same of a text's bytes."""
    return _Memo(power).__getitem__


def numbers(power: int) -> Callable[[Sequence[str]], Ints]:
    """The same of many texts at once: a tenth of what it costs to read each, where they are spelt with as many decimals. The callable
    raises ValueError where one of them is no number, or no int64.
    """
    whole: list[Text] = []

    def read(texts: Sequence[str]) -> Ints:
        from hoga.columns.digits import Text

        if not whole:
            whole.append(Text())
        found = _spelt_alike(whole[0], texts, power)
        return integers([whole_of(text, power) for text in texts]) if found is None else found

    return read


def integers(found: Sequence[int]) -> Ints:
    """As a column. Raises ValueError where one of them is no int64."""
    import numpy as np

    try:
        return np.array(found, np.int64)
    except OverflowError as fault:
        raise ValueError(str(fault)) from None


def _spelt_alike(whole: Text, texts: Sequence[str], power: int) -> Ints | None:
    """None where they are not all plain numbers with as many decimals."""
    import numpy as np

    from hoga.columns.digits import fixed

    joined = "".join(texts)
    if not texts or not joined.isascii():
        return None
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    whole.load(joined.encode())
    ends = lengths.cumsum() + whole.start
    decimals = len(texts[0].partition(".")[2])
    found = fixed(whole, ends - lengths, ends, decimals)
    if found.bad is not None and bool(found.bad.any()):
        return None
    try:
        return found.scaled(-power) if decimals <= -power else found.values // 10 ** (decimals + power)
    except OverflowError:
        return None
