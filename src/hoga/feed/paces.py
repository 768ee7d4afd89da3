"""feed.paces: which streams of a connection have gone silent, each judged by its own pace, and when they are asked for again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import NamedTuple

from hoga.core.streams import Stream
from hoga.quality.cadence import Cadence
from hoga.venues.spec import VenueSpec

__all__ = ["Paces", "Silent"]

_STEP_STREAMS = 128
_AGAIN_S, _AGAIN_MAX_S = 30.0, 3600.0


class Silent(NamedTuple):
    """Names. `told`: with whether it went silent (False: it never came); `again`, `softly`: to be asked for again."""

    told: list[tuple[str, bool]]
    again: list[str]
    softly: list[str]


class Paces:
    """Of the streams that are watched, and of the `whole` connection, on one leg after the other: what comes on another leg proves
    nothing of this one. `now` is in steady seconds, `mono_ns` the same in ns."""

    def __init__(self, spec: VenueSpec, *, floor_s: float) -> None:
        self.whole = Cadence(floor_s=floor_s)
        self._spec = spec
        self._of: dict[str, Cadence] = {}
        self._first_s: dict[str, tuple[float | None, float, float | None]] = {}
        self._since: dict[str, float] = {}
        self._suspect: dict[str, tuple[float, float]] = {}
        self._counts: Mapping[str, int] = {}
        self._taken: dict[str, int] = {}

    def watch(self, streams: list[Stream], now: float) -> None:
        """Watch the pace of every stream; what was watched before goes on."""
        described = {stream.name: self._spec.channel_of(stream.channel) for stream in streams}
        paces, since = self._of, self._since
        self._of = {name: paces.get(name) or Cadence(floor_s=channel.silence_floor_s) for name, channel in described.items()}
        self._first_s = {name: (channel.first_frame_s, channel.silence_floor_s, channel.never_s) for name, channel in described.items()}
        self._since = {name: since.get(name, now) for name in described}

    def begin(self, counts: Mapping[str, int], mono_ns: int) -> None:
        """Another leg counts, which began with these `counts`: silence counts from now on."""
        self._counts, self._taken = counts, {}
        for pace in (self.whole, *self._of.values()):
            pace.pause(mono_ns)

    def ticking(self, received: Callable[[str], tuple[int, int]], mono_ns: int) -> Iterator[None]:
        """Once a second, in steps of a third of a millisecond: take the counts of the leg that `received` tells."""
        total = self.whole.count
        for at, (name, pace) in enumerate(list(self._of.items())):
            if at % _STEP_STREAMS == _STEP_STREAMS - 1:
                yield
            count = received(name)[0]
            fresh = max(0, count - self._taken.get(name, self._counts.get(name, 0)))
            self._taken[name] = count
            total += fresh
            pace.tick(pace.count + fresh, mono_ns)
        self.whole.tick(total, mono_ns)

    def judge(self, now: float, mono_ns: int, *, live: Container[str], opened_at: float) -> Silent:
        """Of the `live` streams of the leg, `opened_at`. Each is asked for again ever more rarely."""
        silent = Silent([], [], [])
        for name, pace in self._of.items():
            if name not in live:
                continue
            gone = pace.is_silent(mono_ns)
            first_s, floor_s, never_s = self._first_s[name]
            waited = now - max(opened_at, self._since[name])
            began = self._counts.get(name, 0)
            never = self._taken.get(name, began) == began and waited > (floor_s if first_s is None else first_s)
            if not gone and not never:
                self._suspect.pop(name, None)
                continue
            again_at, pause = self._suspect.get(name, (0.0, _AGAIN_S))
            claim_s = never_s if first_s is None else first_s
            if gone or (claim_s is not None and waited > claim_s):
                silent.told.append((name, gone))
            if now >= again_at:
                self._suspect[name] = (now + pause, min(pause * 2, _AGAIN_MAX_S))
                (silent.again if gone or first_s is not None or pause > _AGAIN_S else silent.softly).append(name)
        return silent
