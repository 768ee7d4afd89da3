"""feed.doubts: what a connection remembers of refusals, from leg to leg: which names were refused together, and who is in quarantine. Pure.

Some venues close the connection with their refusal: the search for the name that they do not take goes on, on the next leg, where it
stopped. Who asks, and is answered: `feed.subscribing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

__all__ = ["Doubts", "Group", "Verb", "halves"]

_QUARANTINE_S, _QUARANTINE_MAX_S = 60.0, 3600.0
_RETRY_S = 30.0
"""The quarantine is asked for at most so often, and at once again when a retry is accepted while it holds `_MANY`."""
_MANY = 8
_FATAL_S = 21_600.0
"""A refusal that ended the connection is not risked again so soon: it would cost all the others."""
_AT_ONCE_S = 3.0


class Verb(StrEnum):
    """What a request asks for."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    LIST = "list"


class Group:
    """Names that are asked for together. `retry`: they come from the quarantine. `harder`: unsubscribe them first."""

    __slots__ = ("harder", "names", "not_before", "refusals", "retry", "silences", "verb")

    def __init__(self, names: Iterable[str], *, refusals: int = 0, not_before: float = 0.0, verb: Verb = Verb.SUBSCRIBE) -> None:
        self.names = tuple(names)
        self.refusals = refusals
        self.silences = 0
        self.not_before = not_before
        self.verb = verb
        self.retry = False
        self.harder = False


def halves(group: Group) -> list[Group]:
    """Its names in two groups, each refused as often."""
    middle = (len(group.names) + 1) // 2
    return [Group(names, refusals=group.refusals) for names in (group.names[:middle], group.names[middle:]) if names]


class _Rest:
    """A name in quarantine. Those of one `part` are asked for together."""

    __slots__ = ("part", "pause_s", "until")

    def __init__(self, until: float, part: int) -> None:
        self.pause_s = _QUARANTINE_S
        self.until = until
        self.part = part


class Doubts:
    """What one connection remembers from leg to leg. `trust_url`: streams may be named in the URL.
    `can_list`: the venue has not refused to list what is subscribed."""

    def __init__(self) -> None:
        self.parts: list[tuple[tuple[str, ...], int]] = []
        self.quarantine: dict[str, _Rest] = {}
        self.refused_in_a_row = 0
        self.rounds = 0
        self.not_before = 0.0
        self.trust_url = True
        self.can_list = True
        self.retry_at = 0.0
        self._number = 0
        self._cuts = 0
        self._last: tuple[float, tuple[str, ...]] = (-1e9, ())

    def about(self) -> set[str]:
        """Names that were refused and not accepted since."""
        return {name for names, _ in self.parts for name in names} | self.quarantine.keys()

    def has_given(self, number: int) -> bool:
        """Whether a request had this number."""
        return 0 < number <= self._number

    def next_number(self) -> int:
        """A number no request had before."""
        self._number += 1
        return self._number

    def note(self, groups: Iterable[Group], now: float) -> None:
        """These were refused, and are to be asked so."""
        for group in groups:
            self._drop(group.names)
            self.parts.append((group.names, group.refusals))
            self._last = (now, group.names)

    def accepted(self, names: Collection[str]) -> None:
        """The venue takes requests again, and these names."""
        self.refused_in_a_row = self.rounds = self._cuts = 0
        self.not_before = 0.0
        self._drop(names)
        freed = sum(self.quarantine.pop(name, None) is not None for name in names)
        if freed and len(self.quarantine) > _MANY:
            self._free_all()

    def _free_all(self) -> None:
        """They were hardly all culprits: the venue had refused everything."""
        part, self.retry_at = self.next_number(), 0.0
        for rest in self.quarantine.values():
            rest.part, rest.until = part, 0.0

    def rest(self, name: str, now: float) -> None:
        """The venue does not take this name."""
        self._drop((name,))
        self.quarantine[name] = _Rest(now + _QUARANTINE_S, self.next_number())
        self._last = (now, (name,))

    def rest_longer(self, names: tuple[str, ...], now: float) -> None:
        """Still not taken: one name is asked for ever more rarely, several in two parts."""
        parts = (self.next_number(), self.next_number())
        for at, name in enumerate(names):
            rest = self.quarantine.get(name)
            if rest is None:
                continue
            if len(names) == 1:
                rest.pause_s = min(max(_QUARANTINE_MAX_S, rest.pause_s), rest.pause_s * 2)
            rest.part, rest.until = parts[2 * at >= len(names)], now + rest.pause_s

    def due(self, names: Collection[str], most: int, now: float) -> list[str]:
        """Those of `names` in quarantine that are to be asked for now."""
        if now < self.retry_at:
            return []
        ready = [(rest.until, rest.part, name) for name, rest in self.quarantine.items() if rest.until <= now and name in names]
        if not ready:
            return []
        self.retry_at = now + _RETRY_S
        first = min(ready)[1]
        return [name for _, part, name in ready if part == first][:most]

    def forget_all_but(self, names: Collection[str]) -> None:
        """The others are not wanted any more."""
        self.parts = [(left, refusals) for each, refusals in self.parts if (left := tuple(name for name in each if name in names))]
        for name in [name for name in self.quarantine if name not in names]:
            del self.quarantine[name]

    def leg_over(self, under_way: Collection[str], now: float) -> None:
        """The connection ended, with these names' request unanswered."""
        at, names = self._last
        if now - at <= _AT_ONCE_S:
            for name in names:
                rest = self.quarantine.get(name)
                if rest is not None:
                    rest.pause_s = max(rest.pause_s, _FATAL_S)
                    rest.until = now + rest.pause_s
        elif under_way:
            self._cuts += 1
            if self._cuts >= 2:
                group = Group(under_way, refusals=1)
                self.note(halves(group) if self._cuts > 2 else [group], now)

    def _drop(self, names: Collection[str]) -> None:
        if self.parts:
            gone = set(names)
            self.parts = [(left, refusals) for each, refusals in self.parts if (left := tuple(name for name in each if name not in gone))]
