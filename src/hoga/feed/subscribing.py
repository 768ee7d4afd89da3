"""feed.subscribing: who owns a control request until it is answered, and which streams are proven to come. Pure.

    WANTED ──asked──▶ ASKED ──ack, listing, first frame──▶ LIVE ──silent──▶ asked again, still LIVE
       ▲                │ refused, no answer
       └── again as a batch, then in halves ──▶ a single name refused: QUARANTINED, asked rarely

A stream is live when the venue agreed to it on this leg (in the handshake, by an answer, in a listing) or its first frame
came; never because a request was sent. Every wanted stream that is not live has an owner: a group that waits to be asked,
a request under way, or the quarantine. What was refused is remembered from leg to leg (`feed.doubts`).

The calling contract: tell `answered`, `came`, `silent`, `want` as they happen, `tick` once a second; then send what
`next` gives as long as it gives something and the venue's budgets allow. Times are seconds of a steady clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from hoga.feed.doubts import Doubts, Group, Verb, halves
from hoga.venues.spec import Answer, RequestRules

__all__ = ["Ask", "Doubts", "Refused", "Subscribing", "Verb"]

_AGAIN_S = 1.0
_AGAIN_MAX_S = 30.0
_UNSERVED_S, _UNSERVED_MAX_S = 10.0, 600.0
"""Where nothing acknowledges a request, what did not come is asked for again after so long, doubling."""
_ROUND = 12
"""So many refusals in a row, none accepted in between: the venue refuses everything, no culprit is to be found now."""
_ROUND_S, _ROUND_MAX_S = 5.0, 60.0
_WHOLE_ROUNDS = 3
"""In the first rounds of refusals what was halved is put together again: the venue may only be busy."""
_GIVE_UP = 3
"""Requests in a row without an answer: the connection is of no use. And: asked so often, a group is halved."""
_FEW = 3
"""Requests under way at a time while none is accepted."""
_LATE_KEPT = 64


class Ask(NamedTuple):
    """Send this. `known`: what stays subscribed, where a request replaces everything."""

    number: int
    verb: Verb
    names: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class Refused(NamedTuple):
    """These streams are not coming, and why. `culprit`: the only one in its request, to be told by name."""

    names: tuple[str, ...]
    why: str
    culprit: bool = False


class _Flight:
    """A request under way."""

    __slots__ = ("deadline", "group", "heard", "listing", "number", "sent_at")

    def __init__(self, number: int, group: Group, now: float, answer_s: float, heard: int) -> None:
        self.number = number
        self.group = group
        self.sent_at = now
        self.deadline = now + answer_s
        self.listing: int | None = None
        self.heard = heard


class Subscribing:
    """The subscriptions of one leg. `live`: proven. `exhausted`: why only a new connection may help ("" while it need not)."""

    def __init__(
        self,
        rules: RequestRules,
        doubts: Doubts,
        names: Iterable[str],
        *,
        batch: int,
        most: int = 1_000_000,
        replaces: bool,
        unsubscribes: bool = True,
        granted: Collection[str] = (),
        now: float,
    ) -> None:
        self.rules = rules
        self.doubts = doubts
        self.wanted = dict.fromkeys(names)
        self.live: set[str] = set()
        self.exhausted = ""
        self._batch = batch
        self._most = most
        self._replaces = replaces
        self._unsubscribes = unsubscribes and not replaces
        self._granted = set(granted)
        self._opened_at = now
        self._asked: set[str] = set(granted)
        self._came: set[str] = set()
        self._queue: list[Group] = []
        self._flights: dict[int, _Flight] = {}
        self._late: dict[int, tuple[str, ...]] = {}
        self._lists: list[_Flight] = []
        self._stale = False
        self._serial = False
        self._unanswered = 0
        self._heard = 0
        self._newly: list[str] = []
        self._told: list[Refused] = []
        doubts.forget_all_but(self.wanted)
        self._prove(name for name in granted)
        doubted = doubts.about()
        self._wait_in_batches([name for name in self.wanted if name not in self.live and name not in doubted])
        for names, refusals in doubts.parts:
            self._queue.append(Group(names, refusals=refusals, not_before=doubts.not_before))

    # -- what happens ---------------------------------------------------------------------------------------------

    def want(self, names: Iterable[str], now: float) -> None:
        """Exactly these are wanted from now on."""
        before, self.wanted = self.wanted, dict.fromkeys(names)
        fresh = [name for name in self.wanted if name not in before]
        gone = [name for name in before if name not in self.wanted]
        self.doubts.forget_all_but(self.wanted)
        for name in gone:
            self.live.discard(name)
            self._came.discard(name)
        told = [name for name in gone if name in self._asked]
        self._asked.difference_update(gone)
        for number, late in list(self._late.items()):
            self._late[number] = tuple(name for name in late if name in self.wanted and name not in fresh)
        if told and self._replaces:
            self._stale = True
        elif told and self._unsubscribes:
            self._leave(told)
        self._wait_in_batches(fresh)

    def _leave(self, names: list[str]) -> None:
        """Those that wait to be unsubscribed and were not asked for yet go in one request."""
        waiting = [group for group in self._queue if group.verb is Verb.UNSUBSCRIBE and not group.silences]
        self._queue = [group for group in self._queue if group not in waiting]
        names = list(dict.fromkeys([name for group in waiting for name in group.names] + names))
        self._queue += [Group(names[at : at + self._batch], verb=Verb.UNSUBSCRIBE) for at in range(0, len(names), self._batch)]

    def answered(self, answer: Answer, now: float) -> None:
        """The venue said something about a request."""
        if answer.names is not None:
            self._listed(answer, now)
        elif answer.number is not None and answer.number in self._flights:
            flight = self._flights.pop(answer.number)
            self._refuse(flight.group, answer.complaint, now) if answer.complaint else self._agree(flight.group)
        elif answer.number is not None and answer.number in self._late:
            names = self._late.pop(answer.number)
            if not answer.complaint:
                self._agree(Group(names))
        elif answer.complaint and not self._is_of_nobody(answer.number):
            self._complained(answer.complaint, now)

    def came(self, names: Iterable[str]) -> None:
        """These streams' first frames have come on this leg."""
        fresh = [name for name in names if name in self.wanted and name not in self._came]
        if not fresh:
            return
        self._came.update(fresh)
        self._prove(fresh)
        asked = [name for name in fresh if name not in self._granted]
        if asked:
            self._unanswered = 0
            self.doubts.accepted(asked)
            if not self.rules.acknowledged:
                self._flights = {number: flight for number, flight in self._flights.items() if self._missing(flight.group)}

    def silent(self, names: Iterable[str], now: float, *, harder: bool) -> None:
        """These bring nothing: nothing proves them any more, ask for them again (`harder`: unsubscribe them first)."""
        busy = self._under_way()
        group = [name for name in names if name in self.live and name not in busy]
        for proven in (self.live, self._came, self._granted):
            proven.difference_update(group)
        for at in range(0, len(group), self._batch):
            again = Group(group[at : at + self._batch])
            again.harder = harder and self._unsubscribes
            self._queue.append(again)

    def tick(self, now: float) -> None:
        """Time passes: what was not answered is asked again."""
        for flight in [flight for flight in self._flights.values() if now >= flight.deadline]:
            self._overdue(flight, now)
        if self.doubts.quarantine:
            busy = self._under_way()
            due = self.doubts.due([name for name in self.wanted if name not in busy], self._batch, now)
            if due:
                group = Group(due, refusals=1)
                group.retry = True
                self._queue.append(group)
        if not self.doubts.trust_url and not self._queue and not self._flights:
            self.doubts.trust_url = True

    # -- what should be done ----------------------------------------------------------------------------------------

    def next(self, now: float) -> Ask | None:
        """The next request that is due, None when there is none. It counts as sent at `now`."""
        while self._lists:
            flight = self._lists.pop()
            if self._flights.get(flight.number) is not flight:
                continue
            flight.listing = self.doubts.next_number()
            flight.deadline = now + self.rules.answer_s
            return Ask(flight.listing, Verb.LIST)
        if self._flights and (self._serial or (self._replaces and self._must_stay_apart())):
            return None
        if len(self._flights) >= _FEW and (self._unanswered or self.doubts.rounds):
            return None
        group = self._take_due(now)
        if group is None and not self._stale:
            return None
        return self._ask(group or Group(()), now)

    def due_names(self, now: float) -> set[str]:
        """Wanted, and asked for as soon as the venue's limits allow it."""
        due = [group for group in self._queue if group.verb is Verb.SUBSCRIBE and group.not_before <= now]
        return {name for group in due for name in group.names if name in self.wanted and name not in self.live}

    def due_at(self) -> float | None:
        """When a group that waits is due, None when none does."""
        if self._lists or self._stale:
            return 0.0
        return min((group.not_before for group in self._queue), default=None)

    def take_live(self) -> list[str]:
        """Streams that were proven since the last call."""
        newly, self._newly = self._newly, []
        return newly

    def take_refused(self) -> list[Refused]:
        """What was refused, or not answered, since the last call."""
        told, self._told = self._told, []
        return told

    def take_exhausted(self) -> str:
        """Why only a new connection may help, once; "" when it need not."""
        why, self.exhausted = self.exhausted, ""
        return why

    def leg_over(self, now: float) -> None:
        """The connection ended."""
        young = now - self._opened_at <= self.rules.answer_s
        names = [name for flight in self._flights.values() if flight.group.verb is Verb.SUBSCRIBE for name in self._missing(flight.group)]
        self.doubts.leg_over(names if young or self._heard == 0 else (), now)

    @property
    def lacking(self) -> list[str]:
        """Wanted, and not proven."""
        return [name for name in self.wanted if name not in self.live]

    def owner_of(self, name: str) -> str | None:
        """Who looks after a wanted stream: `live`, `queue`, `flight`, `quarantine`; None: nobody, which must not be."""
        if name in self.live:
            return "live"
        if any(name in flight.group.names for flight in self._flights.values() if flight.group.verb is Verb.SUBSCRIBE):
            return "flight"
        if any(name in group.names for group in self._queue if group.verb is Verb.SUBSCRIBE):
            return "queue"
        return "quarantine" if name in self.doubts.quarantine else None

    # -- inside -----------------------------------------------------------------------------------------------------

    def _wait_in_batches(self, names: list[str]) -> None:
        self._queue += [Group(names[at : at + self._batch]) for at in range(0, len(names), self._batch)]

    def _under_way(self) -> set[str]:
        groups = [*self._queue, *(flight.group for flight in self._flights.values())]
        return {name for group in groups if group.verb is Verb.SUBSCRIBE for name in group.names}

    def _missing(self, group: Group) -> tuple[str, ...]:
        return tuple(name for name in group.names if name in self.wanted and name not in self.live)

    def _is_of_nobody(self, number: int | None) -> bool:
        """Whether it is the number of a request that nobody waits for: what is under way has others."""
        if number is None or any(flight.listing == number for flight in self._flights.values()):
            return False
        return self.doubts.has_given(number)

    def _must_stay_apart(self) -> bool:
        """Whether a request that takes the others along would hide the culprit among them."""
        return bool(self.doubts.parts) or any(flight.group.retry for flight in self._flights.values())

    def _take_due(self, now: float) -> Group | None:
        """The first group that is due and still has something to ask; what has become needless goes.

        What is wanted goes before what is not wanted any more, as long as the venue has room for both.
        """
        leaving = [group for group in self._queue if group.verb is Verb.UNSUBSCRIBE]
        others = [group for group in self._queue if group.verb is not Verb.UNSUBSCRIBE]
        crowded = len(self.wanted) + sum(len(group.names) for group in leaving) > self._most
        for group in leaving + others if crowded else others + leaving:
            if group.verb is Verb.UNSUBSCRIBE:
                group.names = tuple(name for name in group.names if name not in self.wanted)
            else:
                group.names = tuple(name for name in group.names if name in self.wanted)
            if not group.names:
                self._queue.remove(group)
            elif group.not_before <= now and not (group.retry and self._replaces and self._flights):
                self._queue.remove(group)
                return group
        return None

    def _ask(self, group: Group, now: float) -> Ask:
        if group.harder:
            group.harder = False
            self._queue.insert(0, group)
            return Ask(self.doubts.next_number(), Verb.UNSUBSCRIBE, group.names)
        number = self.doubts.next_number()
        if group.verb is Verb.UNSUBSCRIBE:
            self._flights[number] = _Flight(number, group, now, self.rules.answer_s, self._heard)
            return Ask(number, Verb.UNSUBSCRIBE, group.names)
        if self._replaces:
            self._supersede(group)
            self._stale = False
        known = tuple(name for name in self.wanted if name in self._asked and name not in group.names) if self._replaces else ()
        self._asked.update(group.names)
        if group.names:
            self._flights[number] = _Flight(number, group, now, self.rules.answer_s, self._heard)
        return Ask(number, Verb.SUBSCRIBE, group.names, known)

    def _supersede(self, group: Group) -> None:
        """Where a request replaces all before it, it asks for what those before it have not brought, too."""
        for flight in list(self._flights.values()):
            group.names = tuple(dict.fromkeys((*group.names, *self._missing(flight.group))))
            group.silences = max(group.silences, flight.group.silences)
        self._flights.clear()
        self._lists.clear()

    def _prove(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self.wanted and name not in self.live:
                self.live.add(name)
                self._newly.append(name)

    def _agree(self, group: Group) -> None:
        self._heard += 1
        self._unanswered = 0
        if group.verb is Verb.SUBSCRIBE:
            self._asked.update(name for name in group.names if name in self.wanted)
            self._prove(group.names)
            self.doubts.accepted(group.names)

    def _listed(self, answer: Answer, now: float) -> None:
        names = answer.names or frozenset()
        for flight in [flight for flight in self._flights.values() if flight.listing is not None]:
            if answer.number is not None and answer.number != flight.listing:
                continue
            del self._flights[flight.number]
            agreed = [name for name in flight.group.names if name in names]
            self._agree(Group(agreed))
            if self._missing(flight.group):
                self._again(flight.group, "not in the venue's list of subscriptions", now)

    def _complained(self, why: str, now: float) -> None:
        """A complaint that does not say of what."""
        flights = [flight for flight in self._flights.values() if flight.group.names]
        self._flights.clear()
        if any(flight.listing is not None for flight in flights):
            self.doubts.can_list = False
            for flight in flights:
                self._again(flight.group, why, now)
            return
        self._serial |= len(flights) > 1
        for flight in flights:
            self._refuse(flight.group, why, now)
        unproven = [name for name in self._granted if name in self.live and name not in self._came]
        if not flights and unproven and now - self._opened_at <= self.rules.answer_s:
            self.doubts.trust_url = False
            self._granted.clear()
            self.live.difference_update(unproven)
            self._newly = [name for name in self._newly if name not in unproven]
            self._wait_in_batches(unproven)
            self._told.append(Refused(tuple(unproven), why))

    def _refuse(self, group: Group, why: str, now: float) -> None:
        if group.verb is Verb.UNSUBSCRIBE:
            self._unsubscribe_again(group, now)
            return
        self._unanswered = 0
        names = group.names = tuple(name for name in group.names if name in self.wanted and name not in self._came)
        if not names:
            return
        self.live.difference_update(names)
        self._newly = [name for name in self._newly if name not in names]
        self._asked.difference_update(names)
        if group.retry:
            self.doubts.rest_longer(names, now)
            return
        group.refusals += 1
        self.doubts.refused_in_a_row += 1
        single = len(names) == 1 and group.refusals >= 2
        self._told.append(Refused(names, why, culprit=single))
        if single:
            self.doubts.rest(names[0], now)
        else:
            self._put_back(halves(group) if group.refusals >= 2 else [group], now)
        if self.doubts.refused_in_a_row >= _ROUND:
            self._end_round(f"everything is refused: {why}", now)

    def _put_back(self, groups: list[Group], now: float) -> None:
        for group in groups:
            group.not_before = max(now + _AGAIN_S, self.doubts.not_before)
        self._queue += groups
        self.doubts.note(groups, now)

    def _end_round(self, why: str, now: float) -> None:
        """Nothing is accepted: a pause, ever longer."""
        doubts = self.doubts
        doubts.refused_in_a_row = 0
        doubts.rounds += 1
        doubts.not_before = now + min(_ROUND_MAX_S, _ROUND_S * 2.0 ** (doubts.rounds - 1))
        refused = [group for group in self._queue if group.refusals and not group.retry]
        if doubts.rounds <= _WHOLE_ROUNDS:
            names = list(dict.fromkeys(name for group in refused for name in group.names))
            self._queue = [group for group in self._queue if group not in refused]
            refused = [Group(names[at : at + self._batch], refusals=1) for at in range(0, len(names), self._batch)]
            self._queue += refused
            doubts.note(refused, now)
        for group in self._queue:
            group.not_before = max(group.not_before, doubts.not_before)
        self.exhausted = why

    def _overdue(self, flight: _Flight, now: float) -> None:
        group = flight.group
        if group.verb is Verb.UNSUBSCRIBE:
            del self._flights[flight.number]
            self._unsubscribe_again(group, now)
            return
        if not self._missing(group):
            del self._flights[flight.number]
            return
        if self.rules.listing is not None and self.doubts.can_list and flight.listing is None:
            if flight not in self._lists:
                self._lists.append(flight)
            return
        del self._flights[flight.number]
        self._late[flight.number] = group.names
        if len(self._late) > _LATE_KEPT:
            del self._late[next(iter(self._late))]
        self._unanswered += self._heard == flight.heard and (self.rules.acknowledged or not self._came)
        if group.retry:
            self.doubts.rest_longer(self._missing(group), now)
        else:
            heard = self._heard > flight.heard if self.rules.acknowledged else bool(self._came)
            self._again(group, f"no answer within {now - flight.sent_at:.0f} s", now, heard=heard)
        if self._unanswered >= _GIVE_UP:
            self._unanswered = 0
            self._end_round(f"{_GIVE_UP} requests without an answer", now)

    def _again(self, group: Group, why: str, now: float, *, heard: bool = True) -> None:
        """Not refused, and not proven: again, and after a few times in smaller parts."""
        group.names = self._missing(group)
        group.silences += 1
        culprit = heard and group.silences >= _GIVE_UP and len(group.names) == 1
        self._told.append(Refused(group.names, why, culprit=culprit))
        if culprit:
            self.doubts.rest(group.names[0], now)
            return
        groups = [group]
        if group.silences >= _GIVE_UP and len(group.names) > 1:
            groups = halves(group)
            self.doubts.note(groups, now)
        least, most = (_AGAIN_S, _AGAIN_MAX_S) if self.rules.acknowledged else (_UNSERVED_S, _UNSERVED_MAX_S)
        for each in groups:
            each.silences = group.silences
            each.not_before = max(self.doubts.not_before, now + min(most, least * 2.0 ** min(group.silences - 1, 10)))
        self._queue += groups

    def _unsubscribe_again(self, group: Group, now: float) -> None:
        """What still comes does no harm: a few times, and then it stays until the connection is made anew."""
        group.silences += 1
        if group.silences < _GIVE_UP:
            group.not_before = now + _AGAIN_S * 2.0**group.silences
            self._queue.append(group)
