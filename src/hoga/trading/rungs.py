"""trading.rungs: the ladder of a trader's state, downward only, and what leads to which rung. Pure.

    ACTIVE -> NO_OPEN -> REDUCING -> HALTED -> FLATTEN

Causes stand (`begin`) and go (`end`); `CAUSES` says how long one has to stand for which rung. NO_OPEN holds as long as one of its causes
stands, and no longer. Everything below it is latched: it stays when its cause is gone, over a restart too (`latch`, `restore`), until
a person has looked and resumes the incident. The calling contract: after `begin`, `end`, `resume` and at `deadline_ns()` call `advance`;
it returns what changed, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from hoga.core.trading import Rung

__all__ = ["CAUSES", "Cause", "CauseRule", "Ladder", "Latch", "Rung", "RungChange", "is_told"]

_S = 1_000_000_000


class Cause(StrEnum):
    """What may lead downward."""

    OPERATOR_FLATTEN = "operator-flatten"
    OPERATOR_HALT = "operator-halt"
    STOPPED_FLATTEN = "stopped-flatten"
    DAILY_LOSS = "daily-loss"
    DRAWDOWN = "drawdown"
    ENGINE_FAULT = "engine-fault"
    RISK_FAULT = "risk-fault"
    LOG_FAULT = "log-fault"
    INVARIANT = "invariant"
    LATE_FILL = "late-fill"
    OVERFILL = "overfill"
    STREAM_DEAD = "stream-dead"
    STREAM_DOWN = "stream-down"
    UNKNOWN_ORDER = "unknown-order"
    MISMATCH = "mismatch"
    UNEXPLAINED = "unexplained"
    UNRECONCILED = "unreconciled"
    STALE_MARKET = "stale-market"
    STALE_WITH_POSITION = "stale-with-position"
    CLOCK = "clock"
    BACKLOG = "backlog"
    SETTINGS = "settings"
    UNPROTECTED = "unprotected"
    UNPROTECTABLE = "unprotectable"
    STRATEGY_FAULT = "strategy-fault"
    LOG_QUARANTINED = "log-quarantined"
    LOSSES_IN_A_ROW = "losses-in-a-row"
    MARGIN_CALL = "margin-call"


class CauseRule(msgspec.Struct, frozen=True, kw_only=True):
    """One cause. `rungs`: (so long after it began, in s; the rung that is reached then), ascending.

    `fault`: a failure of engine, risk or log, where the user decides by ON_FAULT whether FLATTEN is right, or HALTED. `asks`: one that
    moved nothing, because the trader stood lower already, is not over with that incident: it is told by one of its own after it.
    """

    says: str
    rungs: tuple[tuple[float, Rung], ...]
    fault: bool = False
    asks: bool = False


CAUSES: dict[Cause, CauseRule] = {
    Cause.OPERATOR_FLATTEN: CauseRule(says="somebody asked for the emergency exit", rungs=((0, Rung.FLATTEN),)),
    Cause.OPERATOR_HALT: CauseRule(says="somebody asked for a halt", rungs=((0, Rung.HALTED),)),
    Cause.STOPPED_FLATTEN: CauseRule(says="the trader was stopped, and ON_STOP is flatten", rungs=((0, Rung.FLATTEN),)),
    Cause.DAILY_LOSS: CauseRule(says="the day's loss reached MAX_DAILY_LOSS", rungs=((0, Rung.FLATTEN),)),
    Cause.DRAWDOWN: CauseRule(says="the equity is MAX_DRAWDOWN below its highest", rungs=((0, Rung.FLATTEN),)),
    Cause.ENGINE_FAULT: CauseRule(says="the engine failed", rungs=((0, Rung.FLATTEN),), fault=True),
    Cause.RISK_FAULT: CauseRule(says="the risk gate failed", rungs=((0, Rung.FLATTEN),), fault=True),
    Cause.LOG_FAULT: CauseRule(says="the order journal cannot be written", rungs=((0, Rung.NO_OPEN), (2, Rung.FLATTEN)), fault=True),
    Cause.INVARIANT: CauseRule(says="what can never be was found", rungs=((0, Rung.FLATTEN),), fault=True),
    Cause.LATE_FILL: CauseRule(says="an order that was proven absent was filled", rungs=((0, Rung.HALTED),)),
    Cause.OVERFILL: CauseRule(says="an order was filled beyond its quantity", rungs=((0, Rung.HALTED),)),
    Cause.STREAM_DEAD: CauseRule(
        says="the account's stream is dead, and the venue cannot be asked either", rungs=((0, Rung.NO_OPEN), (10, Rung.HALTED))
    ),
    Cause.STREAM_DOWN: CauseRule(says="the account's stream is down", rungs=((0, Rung.NO_OPEN),)),
    Cause.UNKNOWN_ORDER: CauseRule(says="nobody knows what became of an order", rungs=((30, Rung.REDUCING), (120, Rung.HALTED))),
    Cause.MISMATCH: CauseRule(
        says="the venue and the trader disagree on orders or positions", rungs=((0, Rung.NO_OPEN), (60, Rung.HALTED))
    ),
    Cause.UNEXPLAINED: CauseRule(says="there is a position that no trade explains", rungs=((0, Rung.NO_OPEN),)),
    Cause.UNRECONCILED: CauseRule(says="orders and positions are not read yet", rungs=((0, Rung.NO_OPEN),)),
    Cause.STALE_MARKET: CauseRule(says="market data are stale", rungs=((0, Rung.NO_OPEN),)),
    Cause.STALE_WITH_POSITION: CauseRule(
        says="market data are stale, and there is a position", rungs=((0, Rung.NO_OPEN), (5, Rung.REDUCING), (60, Rung.FLATTEN))
    ),
    Cause.CLOCK: CauseRule(says="the clock is wrong", rungs=((0, Rung.HALTED),)),
    Cause.BACKLOG: CauseRule(says="more waits than can be worked off", rungs=((0, Rung.HALTED),)),
    Cause.SETTINGS: CauseRule(says="leverage, margin type or position mode are not what they should be", rungs=((0, Rung.NO_OPEN),)),
    Cause.UNPROTECTED: CauseRule(says="a position has no stop within its deadline", rungs=((0, Rung.REDUCING), (5, Rung.FLATTEN))),
    Cause.UNPROTECTABLE: CauseRule(says="the price is beyond the stop, and none can be placed", rungs=((0, Rung.FLATTEN),)),
    Cause.STRATEGY_FAULT: CauseRule(says="the strategy failed", rungs=((0, Rung.REDUCING),)),
    Cause.LOG_QUARANTINED: CauseRule(says="the order journal is not as it was written", rungs=((0, Rung.REDUCING),), asks=True),
    Cause.LOSSES_IN_A_ROW: CauseRule(says="MAX_LOSSES_IN_A_ROW is reached", rungs=((0, Rung.REDUCING),)),
    Cause.MARGIN_CALL: CauseRule(says="the venue calls for margin", rungs=((0, Rung.REDUCING),)),
}
"""What leads where."""


class Latch(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart: the rung, the incident that a person has to look at, why, and since when (UTC, ns)."""

    rung: str
    incident: str
    cause: str
    detail: str
    at_ns: int


class RungChange(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `incident`: "" where nothing is latched. `detail`: the cause's figures, as a clock's offset."""

    at_ns: int
    old: Rung
    new: Rung
    cause: Cause | None
    subject: str
    detail: str
    incident: str

    @property
    def text(self) -> str:
        """One line for people: `ACTIVE -> HALTED: the clock is wrong (offset +0.812 s); hoga resume 20261129-133156`."""
        why = CAUSES[self.cause].says if self.cause else "its causes are gone"
        about = f" at {self.subject}" if self.subject else ""
        detail = f" ({self.detail})" if self.detail else ""
        resume = f"; `hoga resume {self.incident}` lets it go on" if self.incident else ""
        return f"{self.old.name} -> {self.new.name}: {why}{about}{detail}{resume}"


class _Standing:
    """One cause that stands: since when, and how many of its rungs are reached."""

    __slots__ = ("at_ns", "detail", "incident", "reached", "told")

    def __init__(self, at_ns: int, detail: str, incident: str = "") -> None:
        self.at_ns = at_ns
        self.detail = detail
        self.incident = incident
        self.reached = 0
        self.told = False


class Ladder:
    """The rung of one trader, or of one strategy of it. `on_fault`: `flatten` or `keep`. `<Ladder HALTED 20261129-133156>`."""

    def __init__(self, *, on_fault: str = "flatten") -> None:
        self._keep = on_fault == "keep"
        self._standing: dict[tuple[Cause, str], _Standing] = {}
        self._latched = Rung.ACTIVE
        self._latch: Latch | None = None
        self._changes: list[RungChange] = []
        self._used: set[str] = set()
        self._resumed = False
        self.rung = Rung.ACTIVE

    def __repr__(self) -> str:
        return f"<Ladder {self.rung.name} {self.incident or '-'}>"

    @property
    def incident(self) -> str:
        """The id of what a person has to look at, "" when nothing is latched."""
        return self._latch.incident if self._latch else ""

    def latch(self) -> Latch | None:
        """What has to be kept over a restart; None: nothing."""
        return self._latch

    def causes(self) -> list[tuple[Cause, str, int, str]]:
        """What stands now: cause, subject, since when, detail."""
        return [(cause, subject, each.at_ns, each.detail) for (cause, subject), each in self._standing.items()]

    def begin(
        self, cause: Cause, now_ns: int, *, subject: str = "", detail: str = "", since_ns: int | None = None, incident: str = ""
    ) -> None:
        """A cause stands, since `since_ns` or now. One that stood already keeps its beginning. `incident`: its id, where others know it."""
        standing = self._standing.get((cause, subject))
        if standing is None:
            self._standing[cause, subject] = _Standing(min(now_ns, since_ns if since_ns is not None else now_ns), detail, incident)
        elif detail:
            standing.detail = detail

    def end(self, cause: Cause, *, subject: str = "") -> None:
        """A cause is gone."""
        self._standing.pop((cause, subject), None)

    def advance(self, now_ns: int) -> list[RungChange]:
        """Let time pass until now. Returns the steps, oldest first."""
        due: list[tuple[int, Rung, Cause, str, _Standing]] = []
        for (cause, subject), standing in self._standing.items():
            rungs = CAUSES[cause].rungs
            while standing.reached < len(rungs):
                after_s, rung = rungs[standing.reached]
                at_ns = standing.at_ns + round(after_s * _S)
                if at_ns > now_ns:
                    break
                standing.reached += 1
                due.append((at_ns, self._meant(cause, rung), cause, subject, standing))
        due.sort(key=lambda each: each[0])
        for at_ns, rung, cause, subject, standing in due:
            if rung > Rung.NO_OPEN and rung > self._latched:
                self._keep_latched(rung, at_ns, cause, standing)
            if rung > self.rung:
                standing.told = True
                self._change(rung, at_ns, cause, subject, standing.detail)
        floor = Rung.NO_OPEN if any(each.reached and self._opens_no_more(key[0]) for key, each in self._standing.items()) else Rung.ACTIVE
        rest = max(self._latched, floor)
        if rest < self.rung or (self._resumed and self._latch is not None and not self._changes):
            self._rise(rest, now_ns)  # also where it stays, held by another incident than the one that a person let go
        self._resumed = False
        changes, self._changes = self._changes, []
        return changes

    def deadline_ns(self) -> int | None:
        """When the next cause reaches its next rung, None: never."""
        times = [
            standing.at_ns + round(CAUSES[cause].rungs[standing.reached][0] * _S)
            for (cause, _), standing in self._standing.items()
            if standing.reached < len(CAUSES[cause].rungs)
        ]
        return min(times, default=None)

    def resume(self, incident: str, now_ns: int) -> str | None:
        """Let go of the latched rung. Returns why not, None when it is done: causes that still stand lead down again.

        `advance` tells the change. A cause that ended at once (a fault, a person's wish) is over with its incident; one that still lasts
        begins anew.
        """
        if self._latch is None:
            return f"nothing has to be resumed: {self.rung.name}"
        if incident != self._latch.incident:
            return f"the incident is {self._latch.incident}, not {incident}"
        self._latch, self._latched, self._resumed = None, Rung.ACTIVE, True
        for key in list(self._standing):
            rungs, standing = CAUSES[key[0]].rungs, self._standing[key]
            is_over = standing.told or not CAUSES[key[0]].asks
            if is_over and rungs[0] == rungs[-1] and rungs[0][1] > Rung.NO_OPEN:
                del self._standing[key]
            else:
                standing.at_ns, standing.reached = now_ns, 0
        return None

    def restore(self, latch: Latch) -> None:
        """Be where the last run of this trader was. Raises ValueError for a rung that does not exist."""
        try:
            rung = Rung[latch.rung]
        except KeyError:
            raise ValueError(f"no such rung: {latch.rung}") from None
        self._used.add(latch.incident)
        if rung > self._latched:
            self._latched, self._latch = rung, latch
            self.rung = max(self.rung, rung)

    def _meant(self, cause: Cause, rung: Rung) -> Rung:
        return Rung.HALTED if self._keep and CAUSES[cause].fault and rung is Rung.FLATTEN else rung

    def _opens_no_more(self, cause: Cause) -> bool:
        return CAUSES[cause].rungs[0][1] is Rung.NO_OPEN

    def _keep_latched(self, rung: Rung, at_ns: int, cause: Cause, standing: _Standing) -> None:
        self._latched, detail = rung, standing.detail
        incident = self._latch.incident if self._latch else standing.incident or _unused(at_ns, self._used)
        self._used.add(incident)
        self._latch = Latch(rung=rung.name, incident=incident, cause=cause.value, detail=detail, at_ns=at_ns)

    def _rise(self, rung: Rung, now_ns: int) -> None:
        """Upward, or as far as a resume leads; what holds it from going farther is told."""
        for (cause, subject), standing in self._standing.items():
            if self._latch is not None and cause.value == self._latch.cause:
                standing.told = True
                return self._change(rung, now_ns, cause, subject, standing.detail)
        return self._change(rung, now_ns, None, "", "")

    def _change(self, rung: Rung, at_ns: int, cause: Cause | None, subject: str, detail: str) -> None:
        change = RungChange(at_ns=at_ns, old=self.rung, new=rung, cause=cause, subject=subject, detail=detail, incident=self.incident)
        self.rung = rung
        self._changes.append(change)


def is_told(cause: Cause, said: str) -> bool:
    """Whether what a latch or a journal gives as the reason is that cause: its word, or the line for people (`RungChange.text`)."""
    return said == cause.value or said.partition(": ")[2].startswith(CAUSES[cause].says)


def _unused(at_ns: int, used: Iterable[str]) -> str:
    """An id that a person can type: the second it began in, and a number where there was one in that second already."""
    stamp = datetime.fromtimestamp(at_ns // _S, UTC).strftime("%Y%m%d-%H%M%S")
    taken, number = set(used), 1
    while (name := stamp if number == 1 else f"{stamp}-{number}") in taken:
        number += 1
    return name
