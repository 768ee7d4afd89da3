"""relay.hearing: live messages of any number of collectors, as they come, made what consumers are told of them. Pure.

    take(message) ──▶ Up · Came · Over · Lost        want · tick · lose ──▶ the same

A lane's chunks are numbered; whatever happens to the messages, of one lane each record comes at most once and in order, and where numbers
are missing a `Lost` with its span comes before what follows. A chunk after a hole can be read from the next KEY on, a second later at
most; the message that has it says which legs are in force. Lanes of which nothing is wanted are not decoded.

A collector that says nothing for `QUIET_S` has no living legs until it is heard again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from typing import NamedTuple

import msgspec

from hoga.archive.form.chunks import Chunk, Packed, read_packed
from hoga.archive.form.journal import (
    CONTROL,
    EndNote,
    JournalHeader,
    JournalName,
    LegNote,
    decode_header,
    parse_journal_name,
    read_body,
)
from hoga.archive.form.lanereader import LaneReader, said
from hoga.core.streams import Stream
from hoga.relay.subjects import ForeignMessage, LiveHead, read_live

__all__ = ["QUIET_S", "Came", "Hearing", "HearingStats", "Item", "Life", "Lost", "Over", "Up"]

QUIET_S = 4.0
"""A relay says something every second; after so long it is taken for gone."""
_LANE_QUIET_S = 90.0
"""A lane begins a new journal each minute, also where nothing arrives; after so long nobody records it any more."""
_COLLECTORS_MAX, _LANES_MAX, _PAST_MAX = 64, 256, 64


class Life(NamedTuple):
    """A life of one of a collector's connections; `conn` begins with the collector's name."""

    venue: str
    conn: str
    epoch: int


class Up(NamedTuple):
    """The life brings these wanted streams (and perhaps more: what comes on it does)."""

    life: Life
    streams: list[Stream]


class Over(NamedTuple):
    """It is over, or (`unheard`) cannot be heard any more: then it may go on with nothing missing but what is `Lost`."""

    life: Life
    why: str
    unheard: bool = False


class Lost(NamedTuple):
    """Of what the life brought between these receipts (ns) some may be missing."""

    life: Life
    from_ns: int
    to_ns: int


class Came(NamedTuple):
    """A frame, as it lay on the wire."""

    life: Life
    stream: Stream
    recv_ns: int
    frame: bytes


Item = Up | Over | Lost | Came


class HearingStats(msgspec.Struct, frozen=True, kw_only=True):
    """Since the start: live `messages` that were read, `missing` ones by their numbers, `foreign` ones that were none of ours or damaged;
    `repeated` chunks that had come before, `unread` ones behind a hole, `holes` that were told."""

    messages: int
    missing: int
    foreign: int
    repeated: int
    unread: int
    holes: int


class _Heard(NamedTuple):
    """A leg of a lane: its life, and the indices of streams that it is known to bring."""

    life: Life
    streams: set[int]


class _Lane:
    """One lane of a recorder. `journal`: the number of the one whose `header` is known. `last_ns`: the last receipt that was read, None
    where nothing is anybody's loss.

    `deaf`: nothing can be read before the next KEY. `shown`: its legs were told and not taken back.
    """

    def __init__(self, last_ns: int | None = None) -> None:
        self.reader = LaneReader()
        self.journal = -1
        self.header: JournalHeader | None = None
        self.wanted: dict[int, Stream] = {}
        self.legs: dict[int, _Heard] = {}
        self.last_ns = last_ns
        self.deaf = True
        self.shown = False
        self.heard_s = 0.0

    def want(self, names: Mapping[str, Stream]) -> None:
        streams = self.header.streams if self.header is not None else []
        self.wanted = {at: names[each.stream.name] for at, each in enumerate(streams) if each.stream.name in names}
        if not self.wanted:  # it sleeps: what comes meanwhile is nobody's loss
            self.deaf, self.last_ns = True, None
            self.reader = LaneReader()


class _Recorder:
    """What fills one folder of journals, of one venue: its lanes in this session of it. `since_ns`: what came after may not have been
    heard of the session before, None: all of it was."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.since_ns: int | None = None
        self.past: dict[str, None] = {}
        self.lanes: dict[int, _Lane] = {}


class _Collector:
    """`session`, `seq` of its relay: the last message. `quiet`: it gives no sign of life."""

    def __init__(self) -> None:
        self.session = ""
        self.seq = -1
        self.past: dict[str, None] = {}
        self.heard_s = 0.0
        self.quiet = False
        self.recorders: dict[str, _Recorder] = {}
        self.showing: dict[Life, set[_Lane]] = {}


class Hearing:
    """See the module. After each `take`, `faults` has what was wrong with messages, in one line each, to be told and cleared."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._collectors: dict[str, _Collector] = {}
        self._wanted: dict[str, dict[str, Stream]] = {}
        self._messages = self._missing = self._foreign = self._repeated = self._unread = self._holes = 0

    # -- what is asked ------------------------------------------------------------------------------------------

    def want(self, venue: str, streams: Collection[Stream]) -> list[Item]:
        """Of this venue exactly these streams are wanted from now on; what living legs are known to bring of them is told."""
        before, self._wanted[venue] = self._wanted.get(venue, {}), {stream.name: stream for stream in streams}
        items: list[Item] = []
        for collector in self._collectors.values():
            for _, lane in _lanes(collector, venue):
                slept = not lane.wanted
                lane.want(self._wanted[venue])
                if not lane.wanted:
                    self._hide(collector, lane, "", items)
                    lane.legs.clear()
                elif lane.shown and not slept:
                    for leg in lane.legs.values():
                        fresh = [lane.wanted[at] for at in sorted(leg.streams) if at in lane.wanted and lane.wanted[at].name not in before]
                        if fresh:
                            items.append(Up(leg.life, fresh))
        return items

    def recorded(self, venue: str) -> dict[str, list[Stream]]:
        """What collectors record of a venue, by their name, as far as they were heard."""
        found: dict[str, list[Stream]] = {}
        for name, collector in self._collectors.items():
            for _, lane in _lanes(collector, venue):
                if lane.header is not None and not collector.quiet:
                    found.setdefault(name, []).extend(each.stream for each in lane.header.streams)
        return found

    @property
    def collectors(self) -> list[str]:
        """Those that can be heard now."""
        return [name for name, collector in self._collectors.items() if not collector.quiet]

    def stats(self) -> HearingStats:
        """How it went."""
        return HearingStats(
            messages=self._messages, missing=self._missing, foreign=self._foreign,
            repeated=self._repeated, unread=self._unread, holes=self._holes,
        )  # fmt: skip

    # -- what happens -------------------------------------------------------------------------------------------

    def take(self, subject: str, headers: Mapping[str, str] | None, payload: bytes, now_s: float) -> list[Item]:
        """A message came. Never raises for what it is."""
        items: list[Item] = []
        try:
            head = read_live(subject, headers)
            self._take(head, payload, now_s, items)
        except ForeignMessage as fault:
            self._foreign += 1
            self.faults.append(str(fault))
        return items

    def tick(self, now_s: float) -> list[Item]:
        """Time passes; once a second."""
        items: list[Item] = []
        for name, collector in self._collectors.items():
            if not collector.quiet and now_s - collector.heard_s > QUIET_S:
                collector.quiet = True
                self._hide_all(collector, f"collector {name} gives no sign of life", items)
            for _, lane in _lanes(collector):
                if lane.shown and now_s - lane.heard_s > _LANE_QUIET_S:
                    self._hide(collector, lane, f"collector {name} records nothing of it any more", items, unheard=True)
        return items

    def lose(self, why: str) -> list[Item]:
        """Nobody can be heard any more."""
        items: list[Item] = []
        for collector in self._collectors.values():
            collector.quiet = True
            self._hide_all(collector, why, items)
        return items

    # -- messages -----------------------------------------------------------------------------------------------

    def _take(self, head: LiveHead, payload: bytes, now_s: float, items: list[Item]) -> None:
        folder, _, file = head.journal.rpartition("/")
        name = parse_journal_name(file)
        if name is None:
            raise ForeignMessage(f"collector {head.collector}: {ascii(file)[:60]} is no journal")
        collector = self._collector_of(head, now_s)
        follows = self._number(collector, head)
        self._messages += 1
        if collector.quiet:
            collector.quiet = False
            if follows:
                for _, lane in _lanes(collector):
                    if now_s - lane.heard_s <= _LANE_QUIET_S:
                        self._show(collector, lane, items)
        collector.heard_s = now_s
        if not payload:
            return
        recorder = self._recorder_of(collector, folder, name, items)
        if recorder is None:
            return
        if name.lane not in recorder.lanes:
            if len(recorder.lanes) >= _LANES_MAX:
                raise ForeignMessage(f"collector {head.collector}: more than {_LANES_MAX} lanes")
            recorder.lanes[name.lane] = _Lane(recorder.since_ns)
        self._read(collector, recorder.lanes[name.lane], head, name, payload, now_s, items)

    def _collector_of(self, head: LiveHead, now_s: float) -> _Collector:
        collector = self._collectors.get(head.collector)
        if collector is None:
            if len(self._collectors) >= _COLLECTORS_MAX and not self._forget_a_stranger(now_s):
                raise ForeignMessage(f"collector {head.collector}: more than {_COLLECTORS_MAX} of them")
            collector = self._collectors[head.collector] = _Collector()
        if head.session in collector.past and now_s - collector.heard_s > QUIET_S:
            del collector.past[head.session]  # whoever spoke in its place does so no more
        if head.session in collector.past:
            raise ForeignMessage(f"two relays send as collector {head.collector}: the one that began last is heard")
        return collector

    def _forget_a_stranger(self, now_s: float) -> bool:
        """Let one go that is silent and never sent a journal that can be read: nothing of it is anybody's loss."""
        for name, each in self._collectors.items():
            if now_s - each.heard_s > QUIET_S and not any(lane.header for _, lane in _lanes(each)):
                del self._collectors[name]
                return True
        return False

    def _number(self, collector: _Collector, head: LiveHead) -> bool:
        """Whether the message is the next one of its session."""
        if head.session != collector.session:
            _supersede(collector.past, collector.session)
            collector.session, collector.seq = head.session, head.seq
            return False
        between = head.seq - collector.seq - 1
        if between > 0:
            self._missing += between
        collector.seq = max(collector.seq, head.seq)
        return between == 0

    def _recorder_of(self, collector: _Collector, folder: str, name: JournalName, items: list[Item]) -> _Recorder | None:
        """None: what came is of a session that is over."""
        recorder = collector.recorders.get(folder)
        if recorder is None:
            if len(collector.recorders) >= _COLLECTORS_MAX:
                raise ForeignMessage(f"{ascii(folder)[:60]}: more than {_COLLECTORS_MAX} folders of journals")
            recorder = collector.recorders[folder] = _Recorder(name.session)
        elif name.session in recorder.past:
            self._repeated += 1
            return None
        elif name.session != recorder.session:
            _supersede(recorder.past, recorder.session)
            recorder.session = name.session
            for lane in recorder.lanes.values():
                self._hide(collector, lane, "the recorder was started again", items)
            recorder.since_ns = min((lane.last_ns for lane in recorder.lanes.values() if lane.last_ns is not None), default=None)
            recorder.lanes.clear()
        return recorder

    def _read(
        self, collector: _Collector, lane: _Lane, head: LiveHead, name: JournalName, payload: bytes, now_s: float, items: list[Item]
    ) -> None:
        if name.number < lane.journal:
            self._repeated += 1
            return
        file = BytesIO(payload)
        header = _header_of(file, head, name)
        if header is not None:
            lane.heard_s = now_s
            if header != lane.header:
                lane.header, lane.journal = header, name.number
                lane.want(self._wanted.get(header.venue, {}))
        if not lane.wanted:
            return
        while file.tell() < len(payload):
            packed = read_packed(file)
            if packed is None:
                raise ForeignMessage(f"collector {head.collector}: a live message is damaged, what follows it is read from the next KEY on")
            lane.heard_s = now_s
            self._chunk(collector, lane, head, name, packed, items)

    def _chunk(self, collector: _Collector, lane: _Lane, head: LiveHead, name: JournalName, packed: Packed, items: list[Item]) -> None:
        reader = lane.reader
        if packed.seq <= reader.seen:
            self._repeated += 1
            return
        follows = packed.seq == reader.seen + 1 and not lane.deaf and lane.journal == name.number
        if not follows and not (packed.is_key and head.legs is not None and lane.journal == name.number):
            self._unread += 1
            return
        chunk = reader.decode(packed)
        if chunk is None or not chunk.recv_ns:
            self._unread += 1
            lane.deaf = True
            return
        if not follows:
            self._resume(collector, lane, head, chunk, items)
        elif not lane.shown:
            self._show(collector, lane, items)
        self._tell(collector, lane, chunk, items)

    def _resume(self, collector: _Collector, lane: _Lane, head: LiveHead, chunk: Chunk, items: list[Item]) -> None:
        """Chunks are missing before this one, or it is the first: the head's legs are in force."""
        venue = lane.header.venue if lane.header is not None else ""
        before = {leg.life: leg.streams for leg in lane.legs.values()}
        lane.legs = {}
        for each in head.legs or ():
            life = Life(venue, each.conn, each.epoch)
            lane.legs[each.leg] = _Heard(life, before.get(life, set()))
        for tag in chunk.tags:
            if (tag & CONTROL) in lane.wanted and (tag >> 16) in lane.legs:
                lane.legs[tag >> 16].streams.add(tag & CONTROL)
        if len(lane.legs) == 1:  # nobody else can bring them
            next(iter(lane.legs.values())).streams.update(lane.wanted)
        now = [leg.life for leg in lane.legs.values()]
        for life in before:
            if life not in now:
                self._take_back(collector, lane, life, "its end was not heard", items)
        lane.deaf = False
        self._show(collector, lane, items)
        if lane.last_ns is not None:
            self._holes += 1
            to_ns = max(lane.last_ns, chunk.recv_ns[0], next(_receipts(chunk), 0))
            items += [Lost(life, lane.last_ns, to_ns) for life in dict.fromkeys((*before, *now)) or (Life(venue, head.collector, 0),)]
        else:
            lane.last_ns = chunk.recv_ns[0]

    def _tell(self, collector: _Collector, lane: _Lane, chunk: Chunk, items: list[Item]) -> None:
        wanted, legs = lane.wanted, lane.legs
        ended = False
        try:
            for recv_ns, index, number, what in said(chunk, wanted):
                if isinstance(what, EndNote):
                    ended = what.last
                elif isinstance(what, LegNote):
                    self._leg(collector, lane, what, items)
                elif isinstance(what, bytes):
                    leg = legs.get(number)
                    if leg is None:
                        lane.deaf = True
                        return
                    items.append(Came(leg.life, wanted[index], recv_ns, what))
                    leg.streams.add(index)
                    lane.last_ns = recv_ns
        except msgspec.MsgspecError as fault:
            lane.deaf = True
            raise ForeignMessage("a live chunk has a note of another version") from fault
        lane.last_ns = next(_receipts(chunk, backwards=True), lane.last_ns)
        if ended:
            self._hide(collector, lane, "the recorder ended", items)
            legs.clear()
            lane.last_ns = None  # all of it was heard

    def _leg(self, collector: _Collector, lane: _Lane, note: LegNote, items: list[Item]) -> None:
        """A leg of the lane began, brings more streams, or ended."""
        if lane.header is None:
            return
        life = Life(lane.header.venue, note.conn, note.epoch)
        if note.to_ns is not None:
            lane.legs.pop(note.leg, None)
            self._take_back(collector, lane, life, note.close or "closed", items)
            return
        leg = lane.legs.get(note.leg)
        if leg is None or leg.life != life:
            leg = lane.legs[note.leg] = _Heard(life, set())
        fresh = set(note.streams) - leg.streams
        leg.streams.update(note.streams)
        known = collector.showing.setdefault(life, set())
        if lane not in known or not fresh.isdisjoint(lane.wanted):
            known.add(lane)
            items.append(Up(life, [lane.wanted[at] for at in sorted(leg.streams) if at in lane.wanted]))

    # -- legs: told, and taken back -----------------------------------------------------------------------------

    def _show(self, collector: _Collector, lane: _Lane, items: list[Item]) -> None:
        if lane.deaf:
            return
        lane.shown = True
        for leg in sorted(lane.legs.values(), key=lambda leg: leg.life):
            known = collector.showing.setdefault(leg.life, set())
            if lane not in known:
                known.add(lane)
                items.append(Up(leg.life, [lane.wanted[at] for at in sorted(leg.streams) if at in lane.wanted]))

    def _hide(self, collector: _Collector, lane: _Lane, why: str, items: list[Item], *, unheard: bool = False) -> None:
        lane.shown = False
        for life in [life for life, lanes in collector.showing.items() if lane in lanes]:
            self._take_back(collector, lane, life, why, items, unheard=unheard)

    def _hide_all(self, collector: _Collector, why: str, items: list[Item]) -> None:
        for _, lane in _lanes(collector):
            self._hide(collector, lane, why, items, unheard=True)

    @staticmethod
    def _take_back(collector: _Collector, lane: _Lane, life: Life, why: str, items: list[Item], *, unheard: bool = False) -> None:
        """The lane knows nothing of it any more; no lane does: it is over."""
        lanes = collector.showing.get(life)
        if lanes is not None:
            lanes.discard(lane)
            if not lanes:
                del collector.showing[life]
                items.append(Over(life, why, unheard))


def _header_of(file: BytesIO, head: LiveHead, name: JournalName) -> JournalHeader | None:
    """The journal's own head, None where the message has none. Raises ForeignMessage."""
    if head.legs is None:
        return None
    body = read_body(file)
    try:
        header = None if body is None else decode_header(body)
    except msgspec.MsgspecError as fault:
        raise ForeignMessage(f"collector {head.collector}: a journal's head of another version") from fault
    if header is None or (header.session, header.number, header.lane) != (name.session, name.number, name.lane):
        raise ForeignMessage(f"collector {head.collector}: a live message is damaged, its journal's head cannot be read")
    return header


def _receipts(chunk: Chunk, *, backwards: bool = False) -> Iterator[int]:
    """Of frames: notes are stamped a moment off now and then."""
    places = range(len(chunk.tags))
    return (chunk.recv_ns[at] for at in (reversed(places) if backwards else places) if chunk.tags[at] & CONTROL != CONTROL)


def _supersede(past: dict[str, None], session: str) -> None:
    if session:
        past[session] = None
    while len(past) > _PAST_MAX:
        del past[next(iter(past))]


def _lanes(collector: _Collector, venue: str | None = None) -> Iterator[tuple[_Recorder, _Lane]]:
    for recorder in collector.recorders.values():
        for lane in recorder.lanes.values():
            if venue is None or (lane.header is not None and lane.header.venue == venue):
                yield recorder, lane
