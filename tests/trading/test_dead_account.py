"""An account whose stream is down and which cannot be read either: nobody knows how it stands."""

from __future__ import annotations

from typing import Any

from hoga.core.trading import ReadFailed, StreamUpdate
from hoga.trading.ports import Command, CommandKind, Read
from hoga.trading.rungs import Cause, Rung
from tests.trading.exchange import VENUE, Exchange, holds


class Cut(Exchange):
    """One that can be cut off: what is read fails, or is not answered; its stream is down."""

    fails = True

    def cut(self, *, reads: str = "fail") -> None:
        self.answers_reads, self.fails = reads == "answer", reads == "fail"
        self.give(StreamUpdate(at_ns=self.now, venue=VENUE, live=False, missed=False, why="cut"))

    def give(self, *events: Any) -> list[Any]:
        got = super().give(*events)
        if not self.answers_reads and self.fails:
            for ask in [each for each in got if isinstance(each, Read)]:
                failed = ReadFailed(at_ns=self.now, venue=VENUE, what=ask.what.value, why="refused", symbol=ask.symbol)
                got += super().give(failed)
        return got

    def seconds(self, seconds: float) -> None:
        """Without a sign of life of the stream."""
        until = self.now + int(seconds * 10**9)
        while self.now < until:
            self.pass_time(1, books=False)
            self.book()

    @property
    def rung(self) -> Rung:
        return self.engine.state.rung

    @property
    def causes(self) -> set[Cause]:
        return {cause for cause, *_ in self.ladder.causes()}


def test_a_stream_that_is_down_alone_opens_no_more() -> None:
    there = Cut(holds())
    there.cut(reads="answer")
    there.seconds(120)
    assert there.rung is Rung.NO_OPEN
    assert there.causes == {Cause.STREAM_DOWN}


def test_what_cannot_be_asked_either_is_halted_until_a_person_looked() -> None:
    for reads in ("fail", "silence"):
        there = Cut(holds())
        there.cut(reads=reads)
        there.seconds(75)
        assert Cause.STREAM_DEAD in there.causes, reads
        assert there.rung is Rung.HALTED, reads
        incident = there.ladder.incident
        there.answers_reads = True
        there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=True, missed=True))
        there.pass_time(20)
        assert there.rung is Rung.HALTED, reads
        assert there.causes == set(), reads
        there.give(Command(at_ns=there.now, kind=CommandKind.RESUME, who="test", text=incident))
        there.pass_time(2)
        assert there.rung is Rung.ACTIVE, reads


def test_a_round_that_is_complete_in_time_ends_it_and_so_does_the_stream() -> None:
    for back in ("reads", "stream"):
        there = Cut(holds())
        there.cut()
        for _ in range(60):
            there.seconds(1)
            if Cause.STREAM_DEAD in there.causes:
                break
        assert there.rung is Rung.NO_OPEN
        there.seconds(3)
        if back == "reads":
            there.answers_reads = True
        else:
            there.give(StreamUpdate(at_ns=there.now, venue=VENUE, live=True, missed=False))
        there.seconds(5)
        assert Cause.STREAM_DEAD not in there.causes, back
        there.seconds(30)
        assert there.rung <= Rung.NO_OPEN, back


def test_a_start_without_a_network_waits_for_it() -> None:
    there = Cut(holds(), start=False)
    there.answers_reads = False
    there.give(Command(at_ns=there.now, kind=CommandKind.START, who="test"))
    there.seconds(120)
    assert Cause.STREAM_DEAD not in there.causes
    assert there.rung is Rung.NO_OPEN
