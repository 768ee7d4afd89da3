"""trading.engine.causes: what begins and ends on the ladder, and what the ladder says then. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hoga.trading import records
from hoga.trading.engine.timers import Timers
from hoga.trading.engine.turn import Handlers, Turn
from hoga.trading.ports import Alarm, JournalFault, Rung, RunGate, Write
from hoga.trading.rungs import CAUSES, Cause, Ladder

__all__ = ["Causes"]

_FAR_NS = 1 << 62


class Causes:
    """`due`: the ladder has something to say now, or its next moment has come; then `advance` is to be called."""

    def __init__(self, turn: Turn, timers: Timers, ladder: Ladder) -> None:
        self.ladder = ladder
        self._turn = turn
        self._timers = timers
        self._moved = True
        self._next_ns = _FAR_NS

    def handlers(self) -> Handlers:
        """What is heard here."""
        return {JournalFault: self._on_journal_fault, Alarm: self._on_alarm}

    def begin(self, cause: Cause, *, subject: str = "", detail: str = "", incident: str = "", since_ns: int | None = None) -> None:
        """It is so, now or since `since_ns`."""
        self.ladder.begin(cause, self._turn.state.now_ns, subject=subject, detail=detail, incident=incident, since_ns=since_ns)
        self._moved = True

    def end(self, cause: Cause, *, subject: str = "") -> None:
        """It is not so any more."""
        self.ladder.end(cause, subject=subject)
        self._moved = True

    def fault(self, cause: Cause, text: str) -> None:
        """Something of ours failed."""
        self._turn.write(Write("emergency.fault", {"cause": cause.value, "why": text}))
        self.begin(cause, detail=text)

    @property
    def due(self) -> bool:
        """See the class."""
        return self._moved or self._turn.state.now_ns >= self._next_ns

    def advance(self) -> Iterator[tuple[Rung, Rung]]:
        """Go where the ladder leads: (before, new) of each change, recorded and told already. To be taken to its end."""
        turn = self._turn
        for change in self.ladder.advance(turn.state.now_ns):
            before, turn.state.rung = turn.state.rung, change.new
            level = "info" if change.new < before else "warning" if change.new < Rung.HALTED else "error"
            turn.write(records.rung(change))
            turn.tell(level, change.text)
            turn.out.append(RunGate(rung=change.new, why=change.text, incident=change.incident, cause=change.cause or ""))
            yield before, change.new
        self._moved = False
        deadline = self.ladder.deadline_ns()
        self._next_ns = _FAR_NS if deadline is None else deadline
        if deadline is not None:
            self._timers.arm("ladder", 0, deadline)

    def _on_journal_fault(self, event: JournalFault) -> None:
        self.begin(Cause.LOG_FAULT, detail=event.why)

    def _on_alarm(self, event: Alarm) -> None:
        cause = Cause(event.kind)
        assert cause in CAUSES, "every cause has its rule"
        if event.bad:
            self.begin(cause, detail=event.why)
        else:
            self.end(cause)
