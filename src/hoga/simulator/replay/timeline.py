"""simulator.replay.timeline: what a replay plays, whoever recorded it: frames and cuts, each with its time, and the REST replies of then.

`replay.capture` makes one of captures; an archive is played by whoever can read it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple, Protocol

from hoga.captures.frames import Frame, Reply

__all__ = ["Cut", "Due", "Timeline"]


class Due(NamedTuple):
    """A frame and when it is due: nanoseconds after the start of the replay."""

    offset_ns: int
    frame: Frame


class Cut(NamedTuple):
    """Nothing was recorded of these streams from here on, for so long: connections that have one are closed, and refused for that time."""

    offset_ns: int
    streams: frozenset[str]
    for_ns: int


class Timeline(Protocol):
    """What is played of one venue."""

    @property
    def streams(self) -> Collection[str]:
        """The names of all streams in it."""

    @property
    def symbols(self) -> list[str]:
        """The symbols of all streams, as the venue's REST spells them."""

    @property
    def frames(self) -> int | None:
        """How many there are, None where nobody counted."""

    @property
    def sources(self) -> list[str]:
        """What it was made of, for people."""

    @property
    def skipped(self) -> list[str]:
        """What was left out, and why, for people."""

    def only(self, mine: Callable[[str], bool]) -> Timeline | None:
        """The part of it whose stream names are `mine`, None when there is none."""

    def timeline(self) -> Iterator[Due | Cut]:
        """Everything in order, from the beginning. May be asked for again. It is read in a thread: what it raises ends the replay."""

    def depth(self, symbol: str, at_ns: int | None, newest: Mapping[str, Frame]) -> Reply | None:
        """The book of `symbol` for REST as of `at_ns` (None: nothing was played yet), None when there is none.

        `newest`: the last frame played of each stream.
        """

    def instruments(self, at_ns: int | None) -> Reply | None:
        """The venue's list of instruments as of then, None when there is none."""
