"""app.backtest.archived: a life of which there is no tape, decided again from the archive, as far as that holds the frames it saw.

    journal: begin ─▶ the engine as it was made
    archive: frames by receipt ─┐
    journal: answers, commands ─┴─▶ engine.step ─▶ records, one after the other ─▶ those of the journal?

A recorder that the trader had its frames from wrote the same receipts; another one has its own, and then nothing can be compared.
So each record that names a frame (by whose it was and when it came) is looked for: where the archive has no frame of that receipt, the
proof ends. What is on the tape alone is taken as usual: moments of timers are the engine's own, and the account's stream lives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from hoga.app.backtest.data import recorded_for
from hoga.app.config import Config
from hoga.audit.chain import Record
from hoga.core.errors import ConfigError
from hoga.core.market import DataType
from hoga.core.ticks import MarketDoubt, MarketEvent
from hoga.core.times import SECOND_NS, iso_of
from hoga.core.trading import StreamUpdate
from hoga.history.market import Damage, market_chunks
from hoga.trading.engine import Engine
from hoga.trading.inputs import EVENT
from hoga.trading.making import Making
from hoga.trading.ports import Event, Tick, Write
from hoga.trading.proof import Comparison, Place, Said, compared, said_of
from hoga.trading.state import venue_of

__all__ = ["ArchivedLife", "Frames", "frames_of"]

Frames = Callable[[Making, Engine], Iterator[MarketEvent]]
"""What was recorded of the symbols of a life, from its beginning on, by receipt."""

_FOREVER = 2**63 - 1
_REMEMBERED = 20_000


def frames_of(config: Config) -> Frames:
    """Those in the folders of a configuration. What cannot be read is left out: records that name it are not found then."""

    def frames(making: Making, engine: Engine) -> Iterator[MarketEvent]:
        symbols: dict[str, tuple[str, ...]] = {}
        for symbol in making.limits:
            symbols[venue_of(symbol)] = (*symbols.get(venue_of(symbol), ()), symbol)
        try:
            recorded = recorded_for(config, symbols, (making.now_ns, _FOREVER))
        except ConfigError:  # there is no archive at all
            return
        wanted = engine.wanted if making.mode == "live" else {symbol: frozenset(DataType) for symbol in making.limits}
        series = [each for each in recorded.series if each.data_type in wanted[each.symbol]]

        def leave_out(damage: Damage) -> None:
            """It is a hole."""

        chunks = market_chunks(
            recorded._replace(series=series), making.rules, start_ns=making.now_ns, end_ns=_FOREVER, on_damage=leave_out, fill=False
        )
        for chunk in chunks:
            for source, place in zip(chunk.sources, chunk.places, strict=True):
                event = chunk.blocks[source].at(place)
                if not isinstance(event, MarketDoubt):  # those that the trader had are in its journal
                    yield event

    return frames


class ArchivedLife:
    """One life. `entry`: frames so far; `why`: it cannot be decided again from `at_ns` on, "": it could be, as far as it went."""

    def __init__(self, making: Making, engine: Engine, frames: Frames, comparison: Comparison, event_of: Callable[[Record], Event]) -> None:
        self.entry = 0
        self.why = ""
        self.at_ns = making.now_ns
        self.boot = making.boot
        self._making, self._engine, self._comparison, self._event_of = making, engine, comparison, event_of
        self._frames = frames(making, engine)
        self._next = next(self._frames, None)
        self._then: deque[Said] = deque()
        self._now: deque[Said] = deque()
        self._seen: dict[tuple[str, int], None] = {}
        self._lived_ns = making.now_ns
        self._event: Event = Tick(making.now_ns)
        self._doubted = False

    def take(self, record: Record) -> None:
        """One record of the journal."""
        if self.why or not isinstance(record.fields.get("f"), int):
            return
        if record.kind == EVENT:
            event = self._event_of(record)
            self._play(event.at_ns)
            if isinstance(event, StreamUpdate):
                self._doubted = not event.live
            self._give(event)
            return
        cause = record.fields.get("cause")
        if isinstance(cause, dict) and "src" in cause:
            self._play(cause["at"])
            if (cause["src"], cause["at"]) not in self._seen:
                self._end_at(cause, record)
                return
        self._then.append(Said(record.kind, compared(record.fields)))
        self._compare()

    def end(self, *, clean: bool) -> None:
        """The journal has no more of it."""
        if self.why:
            return
        if self._then:
            self._give(Tick(self._event.at_ns + SECOND_NS))
        while clean and not self.why and (self._then or self._now):
            self._differ(self._then.popleft() if self._then else None, self._now.popleft() if self._now else None)

    def _end_at(self, cause: dict[str, Any], record: Record) -> None:
        more = "the archive ends before it" if self._next is None else "it has frames of that time with other receipts, or none"
        self.at_ns = record.t
        self.why = f"there is no tape, and the archive holds no frame of {cause['src']} that was received at {iso_of(cause['at'])}: {more}"

    def _play(self, until_ns: int) -> None:
        """All frames up to that receipt."""
        while self._next is not None and self._next.at_ns <= until_ns:
            event = self._next
            while self._lived_ns + SECOND_NS <= event.at_ns:
                self._lived_ns += SECOND_NS
                for venue in () if self._doubted else self._making.capabilities:
                    self._give(StreamUpdate(at_ns=self._lived_ns, venue=venue, live=True, missed=False))
            self.entry += 1
            self._seen[event.symbol, event.at_ns] = None
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._give(event)
            self._next = next(self._frames, None)

    def _give(self, event: Event) -> None:
        self._event = event
        for effect in self._engine.step(event):
            if effect.__class__ is Write:
                self._now.append(said_of(effect.kind, effect.fields))
        self._compare()

    def _compare(self) -> None:
        while self._then and self._now:
            self._differ(self._then.popleft(), self._now.popleft())

    def _differ(self, then: Said | None, now: Said | None) -> None:
        if self.why:
            return
        if self._next is None and then != now:  # frames behind its end may have led here without being named by any record
            self.at_ns = self._event.at_ns
            self.why = f"there is no tape, and what was decided at {iso_of(self.at_ns)} is another: the archive ends before it"
            return
        place = Place(life=self._making.boot, entry=self.entry, of=type(self._event).__name__, at_ns=self._event.at_ns)
        self._comparison.compare(place, [then] if then else [], [now] if now else [])
