"""app.backtest.data: what a run over the past has to go by: books, else trades, else candles; recorded, published, or a file of one's own.

The best grade that all symbols have in that time is taken: of one run all orders are filled by one model.
"""

from __future__ import annotations

import heapq
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from hoga.app.config import Config, VenueConfig
from hoga.app.trader.known_rules import KnownRules, changed_rules, rules_known, rules_of_texts
from hoga.archive.form.discover import Found, discover
from hoga.archive.form.discover import venue_of as venue_of_folder
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import look
from hoga.archive.read.openminute import days_with_open
from hoga.archive.read.stretches import find_stretches
from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake
from hoga.core.market import DataType
from hoga.core.streams import Kind
from hoga.core.ticks import MarketBar
from hoga.core.times import DAY_NS, day_of, day_start_ns
from hoga.core.trading import Rules
from hoga.history.asking import AskedSeries
from hoga.history.candles import CandleFile, Candles, archived_bars, read_candle_file, shortest_of
from hoga.history.market import MarketSeries, Recorded, recorded_of
from hoga.history.published import series_of_files
from hoga.trading.paper import Grade
from hoga.venues.registry import VENUES

__all__ = ["Data", "Records", "data_of", "recorded_for", "records_of"]

_KINDS = ("orderbook", "execution", "quote", "mark", "candle", "delta", "snapshot")
_FOREVER = 2**63 - 1
_PIECE_BYTES = 1 << 18
_TRADES = ("aggtrades", "trades")
_BOOKS = frozenset({DataType.ORDERBOOK, DataType.QUOTE})


class Archive(NamedTuple):
    """Everything that was recorded of the venues, and whose each day of it is."""

    days: list[SeriesDay]
    journals: list[Path]
    whose: Callable[[SeriesDay], str]


class Data(NamedTuple):
    """`recorded`: series of books and trades; none where there are `bars` (by symbol: those that lie in a span, by their rules). `told`:
    what tells all of it again, wherever it lies. `extent`: from when to when there is something. `notes`: what one must know of it.
    `interval_ns`: of the candles; 0: there are none. `changes`: of the rules, and when, in order.
    """

    grade: Grade
    recorded: Recorded
    bars: Mapping[str, Callable[[Rules, int, int], Iterator[MarketBar]]]
    rules: dict[str, KnownRules]
    told: list[object]
    extent: tuple[int, int]
    notes: tuple[str, ...]
    interval_ns: int = 0
    archive: Archive = Archive([], [], lambda day: "")
    changes: tuple[tuple[int, Rules], ...] = ()

    def bars_in(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, list[MarketBar]]]:
        """The candles of all symbols, by when they begin."""
        each = [bars(self.rules[symbol].rules, start_ns, end_ns) for symbol, bars in self.bars.items()]
        merged = heapq.merge(*each, key=lambda bar: bar.start_ns)
        for start, group in groupby(merged, key=lambda bar: bar.start_ns):
            yield start, list(group)


def data_of(config: Config, symbols: Mapping[str, tuple[str, ...]], span: tuple[int, int], file: Path | None, *, ask: bool) -> Data:
    """What there is for these symbols (by venue) in a span of time; or the candles of a file. `ask`: whether venues may be asked for rules.

    Raises ConfigError for a symbol that nothing is known of, ArchiveError for one of which there is nothing in that time.
    """
    if file is not None:
        return _of_file(config, symbols, read_candle_file(file), span, ask=ask)
    names = [symbol for each in symbols.values() for symbol in each]
    archive = _archive(config, symbols)
    days, found, whose = archive.days, archive, _whose(config, symbols)
    recorded = recorded_of(names, days, found.journals, archive.whose, span)
    if all(recorded.types(symbol) & _BOOKS for symbol in names):
        return _of_series(config, symbols, recorded, Grade.BOOKS, (), ask=ask)._replace(archive=archive)
    traded = {symbol: _trades_of(config, symbol, recorded, span) for symbol in names}
    if all(traded.values()):
        kept = [each for each in recorded.series if each.data_type is DataType.MARK_PRICE] + [each for each in traded.values() if each]
        missing = [symbol for symbol in names if not recorded.types(symbol) & _BOOKS]
        note = f"no book of {', '.join(missing)} was recorded in that time: orders are filled by trades"
        return _of_series(config, symbols, recorded._replace(series=kept), Grade.TRADES, (note,), ask=ask)._replace(archive=archive)
    candles = {symbol: _candles_of(config, symbol, days, found.journals, span) for symbol in names}
    for symbol in names:
        if not (candles[symbol] or traded[symbol] or recorded.types(symbol) & _BOOKS):
            raise _nothing(symbol, days, whose, span)
    lacking = [symbol for symbol in names if candles[symbol] is None]
    if lacking:
        others = ", ".join(symbol for symbol in names if symbol not in lacking)
        raise ArchiveError(lacking[0], f"neither trades nor candles were recorded in that time, and of {others} there is no more than that")
    return _of_candles(config, symbols, {symbol: each for symbol, each in candles.items() if each is not None}, span, ask=ask)


def recorded_for(config: Config, symbols: Mapping[str, tuple[str, ...]], span: tuple[int, int]) -> Recorded:
    """What was recorded of these symbols (by venue) in a span of time. Raises ConfigError where there is no archive, ArchiveError."""
    archive = _archive(config, symbols)
    return recorded_of([symbol for each in symbols.values() for symbol in each], archive.days, archive.journals, archive.whose, span)


def _archive(config: Config, symbols: Mapping[str, tuple[str, ...]]) -> Archive:
    found = _found(config, symbols)
    whose = _whose(config, symbols)
    return Archive(
        days_with_open(found, lambda day: True), found.journals, lambda day: whose.get(day.directory, venue_of_folder(day.directory))
    )


def _whose(config: Config, symbols: Mapping[str, tuple[str, ...]]) -> dict[Path, str]:
    return {config.venue(name).directory(kind).absolute(): name for name in symbols for kind in _KINDS}


# -- books and trades ---------------------------------------------------------------------------------------------------


def _of_series(
    config: Config, symbols: Mapping[str, tuple[str, ...]], recorded: Recorded, grade: Grade, notes: tuple[str, ...], *, ask: bool
) -> Data:
    rules: dict[str, KnownRules] = {}
    changes: list[tuple[int, Rules]] = []
    for name, each in symbols.items():
        mine = [series for series in recorded.series if series.symbol in each and series.data_type is not DataType.MARK_PRICE]
        asked = [series.files or _asked(series, recorded) for series in mine]
        day = min((day.day for series in mine for day in series.days), default=day_of(0))
        rules |= _rules(config.venue(name), each, day, asked, ask=ask)
        last = max((day.day for series in mine for day in series.days), default=day)
        changes += _changes(config.venue(name), each, rules, (day_start_ns(day), day_start_ns(last) + DAY_NS))
    told: list[object] = []
    low: list[int] = []
    high: list[int] = []
    for series in recorded.series:
        for each_day in series.days:
            found = records_of(series, each_day)
            told.append(found.told)
            low.append(found.from_ns)
            high.append(found.to_ns)
        told += [records_of(series._replace(kind=each_day.kind), each_day).told for each_day in series.beside]
        if series.files is not None:
            told.append([series.symbol, series.kind, _names_of(series.files)])
    extent = (min(low, default=0), max(high, default=_FOREVER))
    return Data(grade, recorded, {}, rules, told, extent, notes, changes=_in_order(changes))


def _asked(series: MarketSeries, recorded: Recorded) -> AskedSeries:
    venue, _, name = series.symbol.partition(":")
    return AskedSeries(venue, name, series.kind, list(series.days), list(recorded.journals))


def _trades_of(config: Config, symbol: str, recorded: Recorded, span: tuple[int, int]) -> MarketSeries | None:
    """The trades that were recorded of a symbol, else those that the exchange has published."""
    mine = next((each for each in recorded.series if each.symbol == symbol and each.data_type is DataType.TRADE), None)
    if mine is not None:
        return mine
    for kind in _TRADES:
        files = _files_of(config, symbol, kind)
        if files is not None:
            return MarketSeries(symbol, DataType.TRADE, kind, (), files)
    return None


def _files_of(config: Config, symbol: str, kind: str) -> AskedSeries | None:
    """The exchange's files, where `hoga backfill` has put them."""
    venue, _, name = symbol.partition(":")
    history = VENUES[venue].history
    if history is None or kind.partition("-")[0] not in history.names:
        return None
    for folder in dict.fromkeys((config.venue(venue).chart_dir.parent, config.program.data_dir / venue)):
        try:
            return series_of_files(folder, venue, name, kind)
        except ArchiveError:
            continue
    return None


# -- candles ------------------------------------------------------------------------------------------------------------


def _candles_of(config: Config, symbol: str, days: list[SeriesDay], journals: list[Path], span: tuple[int, int]) -> Candles | None:
    """The recorded candles of a symbol, else those that the exchange has published; the shortest."""
    venue, _, name = symbol.partition(":")
    mine = [day for day in days if (day.symbol, day.kind) == (name, Kind.CANDLE) and _touches(day, span)]
    recorded = shortest_of(AskedSeries(venue, name, Kind.CANDLE, mine, journals)) if mine else None
    if recorded is not None:
        return recorded
    history = VENUES[venue].history
    for label, interval_ms in sorted(history.intervals.items(), key=lambda item: item[1]) if history is not None else ():
        files = _files_of(config, symbol, f"klines-{label}")
        if files is not None:
            return Candles(files, interval_ms * 1_000_000)
    return None


def _of_candles(
    config: Config, symbols: Mapping[str, tuple[str, ...]], candles: dict[str, Candles], span: tuple[int, int], *, ask: bool
) -> Data:
    lengths = {each.interval_ns for each in candles.values()}
    if len(lengths) > 1:
        raise ArchiveError(next(iter(candles)), "candles of several lengths are there, and none of one length for all symbols")
    rules: dict[str, KnownRules] = {}
    changes: list[tuple[int, Rules]] = []
    for name, each in symbols.items():
        rules |= _rules(config.venue(name), each, day_of(max(span[0], 0)), [candles[symbol].series for symbol in each], ask=ask)
        changes += _changes(config.venue(name), each, rules, span)

    def of(each: Candles) -> Callable[[Rules, int, int], Iterator[MarketBar]]:
        return lambda rules, start_ns, end_ns: archived_bars(each, rules, start_ns, end_ns)

    told: list[object] = [[symbol, each.series.kind, _names_of(each.series)] for symbol, each in candles.items()]
    bars = {symbol: of(each) for symbol, each in candles.items()}
    note = "neither books nor trades were recorded in that time: orders are filled by candles, at the next opening"
    extent = (max(span[0], 0), span[1])
    return Data(Grade.BARS, _NOTHING, bars, rules, told, extent, (note,), lengths.pop(), changes=_in_order(changes))


def _of_file(config: Config, symbols: Mapping[str, tuple[str, ...]], file: CandleFile, span: tuple[int, int], *, ask: bool) -> Data:
    names = [symbol for each in symbols.values() for symbol in each]
    if len(names) != 1:
        raise _mistake("--bars", ", ".join(names), "a strategy of one symbol: the file does not say whose candles it holds")
    symbol, venue = names[0], next(iter(symbols))
    name = symbol.partition(":")[2]
    known = rules_known(config.venue(venue), [name], day_of(file.rows[0].start_ns), (), ask=ask).get(name)
    rules = rules_of_texts(venue, name, file.price_places, known)
    extent = (max(span[0], file.rows[0].start_ns), min(span[1], file.rows[-1].start_ns + file.interval_ns))
    if extent[0] >= extent[1]:
        raise ArchiveError(file.path, "holds no candle of that time")
    told: list[object] = [[symbol, file.interval_ns, [[row.start_ns, *row.prices, row.volume] for row in file.rows]]]
    return Data(Grade.BARS, _NOTHING, {symbol: file.bars}, {symbol: rules}, told, extent, file.told, file.interval_ns)


_NOTHING = Recorded([], (), {})


# -- rules, records, folders ----------------------------------------------------------------------------------------------


def _rules(config: VenueConfig, symbols: tuple[str, ...], day: str, asked: list[AskedSeries], *, ask: bool) -> dict[str, KnownRules]:
    names = [symbol.partition(":")[2] for symbol in symbols]
    known = rules_known(config, names, day, asked, ask=ask)
    missing = [name for name in names if name not in known]
    if missing:
        raise _mistake("--symbols", f"{config.venue}:{missing[0]}", "a symbol whose price step is known")
    return {f"{config.venue}:{name}": known[name] for name in names}


def _changes(
    config: VenueConfig, symbols: tuple[str, ...], rules: dict[str, KnownRules], span: tuple[int, int]
) -> Iterator[tuple[int, Rules]]:
    """What changed of the rules of some symbols in that time, and when. `rules` count in integers that are fine enough for it then."""
    for symbol in symbols:
        before, changes = changed_rules(config, rules[symbol].rules, *span)
        rules[symbol] = rules[symbol]._replace(rules=before)
        yield from changes


def _in_order(changes: list[tuple[int, Rules]]) -> tuple[tuple[int, Rules], ...]:
    return tuple(sorted(changes, key=lambda each: (each[0], each[1].symbol)))


class Records(NamedTuple):
    """What tells the records of one day of one series again, wherever they are, and from when to when they were received."""

    told: list[object]
    from_ns: int
    to_ns: int


def records_of(series: MarketSeries, day: SeriesDay) -> Records:
    sealed = find_stretches(day).sealed
    unproven = {each.path: _names_of_path(each.path) for each in sealed if each.proof.crc32 is None}
    pieces: list[object] = [unproven.get(each.path) or [each.minute, each.part, each.proof.crc32, each.proof.text_bytes] for each in sealed]
    start_ns = day_start_ns(day.day)
    from_ns, to_ns = min((each.from_ns for each in sealed), default=start_ns), max((each.to_ns for each in sealed), default=start_ns)
    return Records([series.symbol, series.kind, day.day, pieces], from_ns, to_ns)


def _names_of(series: AskedSeries) -> list[object]:
    """Of the exchange's files, and of recorded days."""
    return [_names_of_path(path) for path in series.files] or [[day.day, day.kind] for day in series.days]


def _names_of_path(path: Path) -> list[object]:
    """A file of which no checksum was written down: its name, its size, and what tells that it was edited."""
    try:
        return [path.name, path.stat().st_size, _content_of(path)]
    except (OSError, ValueError, zipfile.BadZipFile):
        return [path.name, -1]


def _content_of(path: Path) -> list[int]:
    """Of a zip the checksums that it tells of its members; of the exchange's columns that of their footer; else that of all bytes."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return [each.CRC for each in archive.infolist()]
    crc = 0
    with path.open("rb") as file:
        if path.suffix == ".parquet":
            file.seek(max(0, path.stat().st_size - _PIECE_BYTES))
        while piece := file.read(_PIECE_BYTES):
            crc = zlib.crc32(piece, crc)
    return [crc]


def _found(config: Config, symbols: Mapping[str, tuple[str, ...]]) -> Found:
    """Everything in the folders of some venues. Raises ConfigError where there is none."""
    folders = dict.fromkeys(config.venue(name).directory(kind).absolute() for name in symbols for kind in _KINDS)
    there = [folder for folder in folders if look(folder) is not None]
    venues = [folder for name in symbols for folder in (config.program.data_dir / name, config.venue(name).chart_dir.parent)]
    if not there and not any(look(folder) is not None for folder in venues):
        raise _mistake("--data", str(venues[0]), "a folder in which `hoga run` has recorded, or `hoga backfill` fetched")
    found = discover(there) if there else Found([], [])
    found.require_whole()
    return found


def _nothing(symbol: str, days: list[SeriesDay], whose: Mapping[Path, str], span: tuple[int, int]) -> ConfigError | ArchiveError:
    """What to say of a symbol of which there is nothing that could be traded on."""
    venue, _, name = symbol.partition(":")
    ours = [day for day in days if whose.get(day.directory, venue_of_folder(day.directory)) == venue]
    mine = [day for day in ours if day.symbol == name]
    if not mine:
        known = sorted({day.symbol for day in ours})
        near = next(iter(get_close_matches(name, known, 1, 0.5)), None)
        expected = f"a symbol recorded of {venue}: {', '.join(known[:10]) or 'there is none'}"
        return ConfigError([ConfigMistake("command line", None, "--symbols", symbol, expected, nearest=near and f"{venue}:{near}")])
    inside = [day for day in mine if _touches(day, span)]
    if inside:
        kinds = ", ".join(sorted({day.kind for day in inside}))
        if any(Kind.of(day.kind) is Kind.DELTA for day in inside) and not any(day.kind == Kind.SNAPSHOT for day in inside):
            hint = "`hoga run` records snapshots beside the deltas where BOOK_SNAPSHOT_WEIGHT allows it"
            return ArchiveError(symbol, "its deltas were recorded in that time, and no snapshot that a book could begin with", hint=hint)
        return ArchiveError(symbol, f"no book, trade or candle was recorded in that time, only {kinds}", hint="record depth20, or trades")
    spans = sorted({day.day for day in mine})
    return ArchiveError(symbol, f"nothing was recorded in that time; there is {spans[0]} to {spans[-1]}")


def _touches(day: SeriesDay, span: tuple[int, int]) -> bool:
    return day_start_ns(day.day) < span[1] and day_start_ns(day.day) + DAY_NS > span[0]


def _mistake(key: str, found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake("command line", None, key, found, expected)])
