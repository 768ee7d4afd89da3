"""One rule held against many things, as one test: thousands of tests of a millisecond each would take longer to report than to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["every"]


def every(things: Iterable[Any]) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """The decorated check is made of each thing; the test fails with all that break the rule, and how."""

    def of(check: Callable[[Any], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for thing in things:
                try:
                    check(thing)
                except AssertionError as fault:
                    broken[str(thing)] = str(fault)
            assert broken == {}

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return of
