"""app.trader.renewing: SIGHUP: limits and parameters are read again, checked as a whole, and taken between two events; or nothing is.

Where the terminal is gone, whose end sends the same signal, the trader ends as it does after SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hoga.app.config import Config
from hoga.app.config.rooms import limits_of
from hoga.app.trader.trader import Trader
from hoga.core.errors import ConfigError
from hoga.runtime.logs import get_log
from hoga.trading.limits import Limits
from hoga.trading.strategy import BadParameter, Strategy, parameters_of

__all__ = ["on_hangup", "renew"]

_log = get_log("trading")
_AT_A_START = ("leverage", "margin_type", "position_mode")
"""What is set at the venue before the first order, or is the account's."""


class _Refused(Exception):
    """The configuration is not taken, and why; nothing was changed."""


def renew(
    trader: Trader, strategies: list[tuple[str, Strategy]], again: Callable[[], Config], *, params: Mapping[str, str], who: str
) -> bool:
    """Read the configuration again and give the engine what is other. `params`: said when it was begun, over those of the configuration.

    False: it is not taken, which is told in one line and a record.
    """
    try:
        _renew(trader, strategies, again, params, who)
    except _Refused as refused:
        _log.warning("the configuration is not taken, everything stays as it was", why=str(refused))
        trader.log.append("renew", {"refused": str(refused), "who": who})
        return False
    return True


def _renew(
    trader: Trader, strategies: list[tuple[str, Strategy]], again: Callable[[], Config], params: Mapping[str, str], who: str
) -> None:
    try:
        config = again()
    except (ConfigError, OSError) as fault:
        raise _Refused(" ".join(str(fault).split())) from None
    limits = {symbol: _limits(config, symbol, now) for symbol, now in trader.engine.settings.limits.items()}
    given = {key: _given(config, strategy, trader, params) for key, strategy in strategies}
    trader.renew(limits, given, who=who)


def _limits(config: Config, symbol: str, now: Limits) -> Limits:
    found = limits_of(config, symbol)
    assert found is not None, "the symbol was traded before"
    for name in _AT_A_START:
        if getattr(found, name) != getattr(now, name):
            raise _Refused(f"{symbol}: {name.upper()} is set at the venue, or found there, by a start: stop, and start again")
    return found


def _given(config: Config, strategy: Strategy, trader: Trader, params: Mapping[str, str]) -> dict[str, str]:
    venue, _, name = strategy.symbol.partition(":")
    texts, kind = dict(config.parameters(venue, name)) | dict(params), type(strategy)
    try:
        now = parameters_of(kind.params, texts)
    except BadParameter as fault:
        raise _Refused(f"{kind.__name__}.{fault}") from None
    before = strategy.p.items()
    fixed = next(each.fixed for each in trader.engine.instances if each.strategy is strategy)
    for each in sorted(fixed):
        if now[each] != before[each]:
            raise _Refused(f"{kind.__name__}.{each} is looked at in setup(): a change of it needs a restart")
    return texts


@contextmanager
def on_hangup(act: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """While this lasts SIGHUP means `act()`, or where the terminal that we were begun at is gone, `end()`. On the running loop."""
    number = getattr(signal, "SIGHUP", None)
    if number is None or threading.current_thread() is not threading.main_thread() or signal.getsignal(number) is signal.SIG_IGN:
        yield
        return
    loop, had_terminal = asyncio.get_running_loop(), _has_terminal()

    def heard(*args: object) -> None:
        loop.call_soon_threadsafe(end if had_terminal and not _has_terminal() else act)

    before = signal.signal(number, heard)
    try:
        yield
    finally:
        signal.signal(number, before)


def _has_terminal() -> bool:
    try:
        return sys.stdin is not None and os.isatty(sys.stdin.fileno())
    except (OSError, ValueError):
        return False
