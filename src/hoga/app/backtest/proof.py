"""app.backtest.proof: decides again what a trader decided: its journal and its tape through the same engine, and every record compared.

    journal: begin ─▶ the engine as it was made
    tape and journal: frames, timers, answers, commands, in the order in which the engine was given them ─▶ engine.step ─▶ records
    journal: the records of then ─▶ the same?

Nothing is connected to, nothing is sent, and the only clock is the stamps. The journal has to be as it was written, and each part of the
tape has to be the one whose SHA-256 the journal holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from hoga.app.backtest.archived import ArchivedLife, Frames
from hoga.app.config import Config
from hoga.app.trader.restore import restored
from hoga.app.trader.strategies import instances_of, read_strategy
from hoga.audit.chain import Record
from hoga.audit.folder import journals_in
from hoga.audit.reading import Walk
from hoga.audit.recovery import Recovery
from hoga.audit.retaining import reading_tapes
from hoga.audit.tape import LIFE, TICK, Entry
from hoga.audit.taping import TAPE, TAPE_FOLDER, Sealed, TapePart, read_part, tape_parts
from hoga.audit.verify import verify
from hoga.core.errors import ArchiveError, ConfigError, ConfigMistake
from hoga.core.market import DataType
from hoga.core.ticks import MarketEvent
from hoga.core.times import iso_of
from hoga.core.trading import StreamUpdate
from hoga.trading.engine import Engine
from hoga.trading.fillmodel import FillModel
from hoga.trading.inputs import EVENT, event_of
from hoga.trading.making import BEGIN, Making, make_engine, making_of
from hoga.trading.ports import Event, Tick, Write
from hoga.trading.proof import Comparison, Difference, Place, Said, compared, said_of
from hoga.trading.shadowing import ShadowTable
from hoga.trading.state import venue_of
from hoga.trading.strategy import Strategy
from hoga.venues.registry import VENUES

__all__ = ["MakeStrategies", "Proof", "Unproven", "journal_at", "prove", "strategies_again"]

MakeStrategies = Callable[[Making], list[tuple[str, Strategy]]]
"""The strategies of a life, made anew: with the symbols, and the parameters in place of their own, that it had."""

_FRAME_SHOWN = 600


class Unproven(msgspec.Struct, frozen=True, kw_only=True):
    """From which entry and time on a life cannot be decided again, and why. `cut`: it was killed, and what is missing is its last turn;
    `removed`: its tape was not to be kept for so long (TAPE_RETENTION_DAYS)."""

    life: int
    entry: int
    at: str
    why: str
    cut: bool = False
    removed: bool = False


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in the words of `hoga trade --verify --json`. `ok`: no difference, something was proven, and what cannot be is the
    last turn of a life that was killed, or a life of which the tape was not to be kept. `fills`: what `trading.paper` makes of the same
    orders on the same frames, against what they were; None: no life was live. `records`: all that were compared; `entries`: of
    the tapes, and frames of the archive. `archived`: lives of which there was no tape, so that the archive was gone by."""

    ok: bool
    decisions: int
    differences: int
    first: Difference | None
    fills: ShadowTable | None
    records: int
    entries: int
    lives: int
    unproven: tuple[Unproven, ...]
    archived: tuple[int, ...] = ()


def journal_at(path: Path) -> Path | None:
    """The trader's journal in a data folder, or the one that `path` is; None: there is none."""
    return next(iter(journals_in(path)), None)


def strategies_again(strategy: str, config: Config | None, params: Mapping[str, str] | None = None) -> MakeStrategies:
    """The instances of a strategy's file (`FILE.py:Class`) as a life had them: its symbols, and the parameters that it was given.

    Parameters that the class says itself are the file's, as it is now; those of `config` and `params` go before all. Raises ConfigError.
    """
    kind = read_strategy(strategy)

    def make(making: Making) -> list[tuple[str, Strategy]]:
        given = {symbol: dict(texts) for symbol, texts in making.given.items()}
        for symbol in making.limits:
            venue, _, name = symbol.partition(":")
            own = {} if config is None else config.parameters(venue, name)
            given[symbol] = given.get(symbol, {}) | dict(own) | dict(params or {})
        made = instances_of(kind, making.symbols, given)
        keys = tuple(key for key, _ in made)
        if keys != making.keys:
            found = f"{', '.join(making.keys)} of {making.strategy}"
            raise ConfigError([ConfigMistake(strategy, None, "STRATEGY", ", ".join(keys), f"the strategy of the journal: {found}")])
        return made

    return make


class _TapeEnds(Exception):
    """There is no more of it."""

    def __init__(self, why: str, *, cut: bool = False) -> None:
        super().__init__(why)
        self.why, self.cut = why, cut


def prove(
    journal: Path, make: MakeStrategies, *, archive: Frames | None = None, on_life: Callable[[int], object] = lambda life: None
) -> Proof:
    """Decide everything in a journal's folder again. `archive`: what was recorded, for lives of which there is no tape.

    Raises ArchiveError for a journal or a tape that is not as it was written, ConfigError by `make`, OSError.
    """
    report = verify(journal)
    bad = next((each for each in report.problems if each.kind != "torn"), None)
    if bad is not None:
        raise ArchiveError(journal, f"{bad.file}: {bad.kind}: {bad.detail}", hint=f"hoga audit verify {journal}")
    with reading_tapes(journal / TAPE_FOLDER):
        return _prove(journal, make, archive, on_life)


def _prove(journal: Path, make: MakeStrategies, archive: Frames | None, on_life: Callable[[int], object]) -> Proof:
    tapes = [record.fields for record in Walk(journal).records() if record.kind == TAPE]
    digests = {str(each["file"]): msgspec.convert(each, Sealed, strict=False) for each in tapes if each.get("file")}
    removed = {each["removed"] for each in tapes if isinstance(each.get("removed"), int)}
    comparison, unproven = Comparison(), list[Unproven]()
    recovery, entries, lives = Recovery(), 0, 0
    parts = tape_parts(journal / TAPE_FOLDER)
    life: _Life | ArchivedLife | None = None
    model: FillModel | None = None
    archived: list[int] = []
    for record in Walk(journal).records():
        if record.kind == "boot":
            entries += _end(life, unproven, clean=recovery.result().clean)
            life, found = None, recovery.result()
        elif record.kind == BEGIN:
            making = making_of({name: value for name, value in record.fields.items() if name != "f"})
            on_life(making.boot)
            mine = [each for each in parts if each.boot == making.boot]
            engine = make_engine(making, make(making), restored(found))
            lives += 1
            if not mine and archive is not None:
                archived.append(making.boot)
                life = ArchivedLife(making, engine, archive, comparison, _event_of)
            else:
                if making.mode == "live":
                    model = model or FillModel(making)
                    model.begin(making)
                life = _Life(making, engine, _Tape(mine, digests), comparison, model)
        elif life is not None:
            life.take(record)
        recovery.feed(record)
    entries += _end(life, unproven, clean=recovery.result().clean)
    unproven = [
        msgspec.structs.replace(each, cut=False, removed=True, why=f"its tape was not to be kept for so long{_beside(each, archived)}")
        if each.life in removed
        else each
        for each in unproven
    ]
    if not lives:
        raise ArchiveError(journal, "no life in it can be decided again: each ended before it connected, or had no tape")
    ok = (
        not comparison.differences and all(each.cut or each.removed for each in unproven) and lives > sum(each.removed for each in unproven)
    )
    return Proof(
        ok=ok,
        decisions=comparison.decisions,
        differences=comparison.differences,
        first=comparison.first,
        fills=None if model is None else model.table(),
        records=comparison.records,
        entries=entries,
        lives=lives,
        unproven=tuple(unproven),
        archived=tuple(archived),
    )


def _beside(each: Unproven, archived: Collection[int]) -> str:
    return f"; {each.why.removeprefix('there is no tape, and ')}" if each.life in archived else ""


def _end(life: _Life | ArchivedLife | None, unproven: list[Unproven], *, clean: bool) -> int:
    if life is None:
        return 0
    life.end(clean=clean)
    if isinstance(life, ArchivedLife):
        if life.why:
            unproven.append(Unproven(life=life.boot, entry=life.entry + 1, at=iso_of(life.at_ns), why=life.why))
    elif life.unproven is not None:
        unproven.append(life.unproven)
    return life.entry


class _Tape:
    """The parts of one life's tape, one entry after the other. Raises `_TapeEnds`, ArchiveError for one that is not as it was written."""

    def __init__(self, parts: list[TapePart], digests: dict[str, Sealed]) -> None:
        self._parts = parts
        self._digests = digests
        self.streams: tuple[tuple[str, str], ...] = ()
        self.venues: tuple[str, ...] = ()
        self._entries = self._read()

    def next(self) -> Entry:
        """The next one."""
        found = next(self._entries, None)
        if found is None:
            raise _TapeEnds("the tape ends before it", cut=True)
        return found

    def _read(self) -> Iterator[Entry]:
        wanted = 1
        for number, part in enumerate(self._parts, 1):
            name = part.path.name.removesuffix(".zst")
            try:
                header, entries, digest, length = read_part(part.path)
            except ValueError as fault:
                raise ArchiveError(part.path, str(fault)) from fault
            told = self._digests.get(name)
            if told is not None and (told.sha256, told.bytes) != (digest, length):
                raise ArchiveError(part.path, "is not what the journal says it was", hint="the proof needs the tape as it was written")
            if header.first != wanted or part.part != number:
                raise _TapeEnds(f"a part of the tape is missing before {name}")
            self.streams, self.venues = header.streams, header.venues
            for entry in entries:
                yield entry
                wanted += 1
        if not self._parts:
            raise _TapeEnds("there is no tape of this life")


class _Life:
    """One life decided again. `entry`: of the tape, so far; `unproven`: from where on it cannot be."""

    def __init__(self, making: Making, engine: Engine, tape: _Tape, comparison: Comparison, model: FillModel | None) -> None:
        self.entry = 0
        self._model = model
        self.unproven: Unproven | None = None
        self._making, self._engine, self._tape, self._comparison = making, engine, tape, comparison
        self._then: list[Said] = []
        self._now: list[Said] = []
        self._event: Event = Tick(making.now_ns)
        self._number = 0
        self._stream, self._frame = "", b""
        self._readers: dict[int, Callable[[bytes, int], MarketEvent]] = {}
        self._lost = ""

    def take(self, record: Record) -> None:
        """One record of the journal."""
        if record.kind == TAPE and record.fields.get("lost_from"):
            self._lost = f"the tape could not be written from entry {record.fields['lost_from']} on: {record.fields.get('why')}"
        f = record.fields.get("f")
        if self.unproven is not None or not isinstance(f, int):
            return
        try:
            while self.entry < f:
                self._play()
        except _TapeEnds as end:
            why, cut = self._lost or end.why, end.cut and not self._lost
            self.unproven = Unproven(life=self._making.boot, entry=self.entry + 1, at=iso_of(record.t), why=why, cut=cut)
            return
        if record.kind == EVENT:
            self._close()
            self._number += 1
            self._stream, self._frame = "", b""
            self._give(_event_of(record))
        else:
            if self._model is not None and record.kind == "order.fill":
                self._model.filled(record.t, record.fields)
            self._then.append(Said(record.kind, compared(record.fields)))

    def end(self, *, clean: bool) -> None:
        """The journal has no more of it. `clean`: it ended in good order."""
        if self.unproven is None:
            if clean:
                with contextlib.suppress(_TapeEnds):
                    while True:
                        self._play()
            self._close(cut=not clean)
        elif clean:
            self.unproven = msgspec.structs.replace(self.unproven, cut=False)

    def _play(self) -> None:
        """The next entry of the tape."""
        entry = self._tape.next()
        self._close()
        self.entry += 1
        self._number = 0
        what, at_ns = entry.what, entry.at_ns
        self._stream, self._frame = "", entry.frame
        if what == TICK:
            self._give(Tick(at_ns))
        elif what >= LIFE:
            self._give(StreamUpdate(at_ns=at_ns, venue=self._tape.venues[what - LIFE], live=True, missed=False))
        else:
            symbol, data_type = self._tape.streams[what]
            self._stream = f"{symbol} {data_type}"
            read = self._readers.get(what)
            if read is None:
                read = VENUES[venue_of(symbol)].ticks[DataType(data_type)](self._making.rules[symbol])
                self._readers[what] = read
            self._give(read(entry.frame, at_ns))

    def _give(self, event: Event) -> None:
        self._event = event
        if self._model is not None:
            self._model.see(event)
        for effect in self._engine.step(event):
            if self._model is not None:
                self._model.asked(effect)
            if effect.__class__ is Write:
                self._now.append(said_of(effect.kind, effect.fields))

    def _close(self, *, cut: bool = False) -> None:
        """What one event led to is complete on both sides."""
        if not self._then and not self._now:
            return
        place = Place(
            life=self._making.boot,
            entry=self.entry,
            event=self._number,
            of=type(self._event).__name__,
            at_ns=self._event.at_ns,
            stream=self._stream,
            frame=self._frame[:_FRAME_SHOWN].decode("utf-8", "replace"),
        )
        self._comparison.compare(place, self._then, self._now, cut=cut)
        self._then, self._now = [], []


def _event_of(record: Record) -> Event:
    try:
        return event_of(record.fields)
    except ValueError as fault:
        raise ArchiveError(Path("journal"), f"record {record.n}: {fault}") from fault
