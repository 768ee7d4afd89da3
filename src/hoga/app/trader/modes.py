"""app.trader.modes: what differs between the modes of a trader: whose accounts, whose locks, which exit. Everything else is the same."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from hoga.app.checks import Check, CheckState
from hoga.app.config import Config, VenueConfig
from hoga.app.private import credentials_of
from hoga.app.trader.check import CLOCK, look_at_account
from hoga.app.trader.exits import Exits
from hoga.app.trader.gateway import make_gateway
from hoga.app.trader.owner import owner_of
from hoga.app.trader.patience import patiently
from hoga.app.trader.sentinel import Charge, Heart
from hoga.app.trader.trader import Account, Trader, World
from hoga.audit.folder import Owner
from hoga.audit.latch import Latch
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Credentials
from hoga.core.trading import Rung
from hoga.gateway import Gateway, GatewayConfig
from hoga.runtime.logs import get_log
from hoga.venues.orders import RuleBook

if TYPE_CHECKING:
    from hoga.app.trader.trading import TradePlan

_log = get_log("trading")

__all__ = ["LiveMode", "Mode", "WayOut", "check_accounts", "name_of"]


class WayOut(Protocol):
    """How positions are left. `reports`: of those exits that are over. `only_asked_for`: none was begun because of a fault."""

    only_asked_for: bool

    @property
    def reports(self) -> Sequence[object]:
        """One for each account that was left."""

    @property
    def is_flat(self) -> bool:
        """Whether the verdict says so."""

    @property
    def line(self) -> str:
        """What was said of it last."""

    def begin(self, *, asked_for: bool) -> object:
        """Begin, unless that was done."""

    async def wait(self) -> None:
        """Until they are over."""

    def verdict(self) -> str:
        """The worst of all, "" where there was no exit."""

    def patient_signals(self) -> AbstractContextManager[None]:
        """While an exit runs, a signal tells what is left, and the one after it gives up."""


class Mode(Protocol):
    """One mode, for one trader. `holds_account`: no other trader may have the accounts meanwhile."""

    name: str
    holds_account: bool

    @property
    def world(self) -> World | None:
        """Exchanges in the accounts' place."""

    async def check(self, on_check: Callable[[Check], object]) -> None:
        """Raises ConfigError for what a trader cannot live with."""

    def owner(self) -> Owner:
        """Whose orders the folder holds, for good."""

    def hide(self) -> tuple[Credentials, ...]:
        """Keys that no record may show."""

    async def accounts(self, trader: Trader, latch: Latch) -> list[Account]:
        """Those that are traded, not started yet."""

    def way_out(self, trader: Callable[[], Trader], tell: Callable[[str], object]) -> WayOut:
        """How positions are left."""

    def heart(self) -> Heart | None:
        """The sentinel, begun; None: nobody need watch."""

    async def begin(self, trader: Trader) -> None:
        """The trader has started."""

    async def end(self) -> dict[str, Any]:
        """The trader has stopped; what more is to be said of it."""


class LiveMode:
    """Orders go to the venues."""

    name = "live"
    holds_account = True
    world: World | None = None

    def __init__(self, config: Config, plan: TradePlan) -> None:
        self._config, self._plan = config, plan
        self._configs = [config.venue(name) for name in plan.symbols]
        self._books: dict[str, RuleBook] = {}

    async def check(self, on_check: Callable[[Check], object]) -> None:
        """Look at keys and accounts as `hoga doctor` does. Raises ConfigError, VenueError."""
        await check_accounts(self._configs, self._plan, on_check, books=self._books)

    def owner(self) -> Owner:
        """Every account by its key."""
        return owner_of(self._configs, name_of(self._config, self._plan))

    def hide(self) -> tuple[Credentials, ...]:
        """All keys."""
        return tuple(credentials_of(each) for each in self._configs)

    async def accounts(self, trader: Trader, latch: Latch) -> list[Account]:
        """A gateway each, which has read what it needs. Raises VenueError."""
        for book in self._books.values():
            book.count_in(trader.log.opened.recovered.powers)
        gateways = [self._gateway(each, trader, latch) for each in self._configs]
        await asyncio.gather(*(patiently(each.prepare, tell=_tell_later) for each in gateways))
        return list(gateways)

    def _gateway(self, config: VenueConfig, trader: Trader, latch: Latch) -> Gateway:
        limits = {symbol.partition(":")[2]: self._plan.limits[symbol] for symbol in self._plan.symbols[config.venue]}
        settings = GatewayConfig(
            symbols=tuple(limits),
            leverage={symbol: each.leverage for symbol, each in limits.items() if each.leverage is not None},
            margin_type={symbol: each.margin_type for symbol, each in limits.items() if each.margin_type},
        )
        # stops that protect pass the engine's gate in HALTED
        return make_gateway(
            config,
            settings,
            trader.deliver,
            gate=lambda: not latch.shut(Rung.HALTED),
            healthy=lambda: trader.is_well,
            book=self._books.get(config.venue),
        )

    def way_out(self, trader: Callable[[], Trader], tell: Callable[[str], object]) -> WayOut:
        """The emergency exit."""
        return Exits(self._configs, self._plan.symbols, self._config.program.data_dir, tell=tell)

    def heart(self) -> Heart | None:
        """The sentinel."""
        program, symbols = self._config.program, self._plan.symbols
        charge = Charge(
            pid=os.getpid(), data=program.data_dir, configs=tuple(self._configs), symbols=symbols, notify_urls=program.notify_urls
        )
        return Heart(charge)

    async def begin(self, trader: Trader) -> None:
        """Nothing more."""

    async def end(self) -> dict[str, Any]:
        """Nothing more."""
        return {}


def name_of(config: Config, plan: TradePlan) -> str:
    """The trader's name, which its client ids begin with."""
    return next(iter(config.venue(name).trader for name in plan.symbols))


async def check_accounts(
    configs: list[VenueConfig],
    plan: TradePlan,
    on_check: Callable[[Check], object],
    *,
    only_reads: bool = False,
    books: dict[str, RuleBook] | None = None,
) -> None:
    """Raises ConfigError for what a trader cannot live with, VenueError where the venue cannot tell. `only_reads`: it orders nothing: no
    trial order is asked for, and what is found is told only. `books`: takes the rules that are read, by venue."""
    bad: list[ConfigMistake] = []
    for config in configs:
        limits = {symbol.partition(":")[2]: plan.limits[symbol] for symbol in plan.symbols[config.venue]}
        book = None if books is None else books.setdefault(config.venue, RuleBook(config.venue, has_room=True))
        checks = await patiently(partial(look_at_account, config, limits, trial=not only_reads, book=book), tell=_tell_later)
        for check in checks:
            on_check(check)
        failed = [check for check in checks if check.state is CheckState.FAILED and not check.name.endswith(CLOCK)]
        bad += [_mistake(config.venue, each) for each in failed]
    if bad and not only_reads:
        raise ConfigError(bad)


def _tell_later(text: str) -> None:
    _log.warning("the venue cannot answer yet", why=text)


def _mistake(venue: str, check: Check) -> ConfigMistake:
    return ConfigMistake(f"[{venue}]", None, check.name, check.found, check.advice or "", plain=f"{check.found} ({check.advice})")
