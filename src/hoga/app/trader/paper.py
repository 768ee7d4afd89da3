"""app.trader.paper: a trader on live data whose orders go to an exchange in this process. No order line is made, and no key is read.

The exchange's answers and fills reach the engine as a venue's do, stamped when they are due. What the venue tells everybody (rules,
market data, candles) is read without a signature.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hoga.app.checks import Check
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.trader.modes import WayOut, name_of
from hoga.app.trader.restore import restored
from hoga.app.trader.sentinel import Heart
from hoga.app.trader.trader import Account, Trader, World
from hoga.audit.folder import Account as OwnedAccount
from hoga.audit.folder import Owner, journals_in
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger
from hoga.audit.reading import Walk
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Credentials
from hoga.core.ticks import MarketEvent
from hoga.core.times import MS_NS
from hoga.core.trading import PositionSide, Rules, with_room
from hoga.flatten.plan import Verdict
from hoga.gateway.caller import Caller
from hoga.net.budgets import TRADER
from hoga.runtime.clock import SYSTEM
from hoga.runtime.logs import get_log
from hoga.runtime.tasks import every
from hoga.trading.limits import Limits
from hoga.trading.orders import Status
from hoga.trading.paper import Latency, PaperExchange, PaperLeft, PaperSettings, measured
from hoga.trading.paper.leaving import cancels_of, leave
from hoga.trading.ports import Cancel, Deliver
from hoga.venues.registry import VENUES
from hoga.venues.request import Request, Signed

if TYPE_CHECKING:
    from hoga.app.trader.trading import TradePlan

__all__ = ["PaperMode", "PaperWorld", "account_left", "listed_rules", "paper_owner", "paper_settings", "public_rules", "told_rules"]

_ROUND_S = 1.0
_RULES_S = 3_600.0
_log = get_log("trading")
_ROUNDS = 10
_PAPER = "paper"


class PaperWorld:
    """The exchanges of one trader: what they have to tell comes in order of stamps, over all of them."""

    def __init__(self) -> None:
        self.exchanges: list[PaperExchange] = []

    def pass_time(self, at_ns: int) -> None:
        """Everything up to that moment is told."""
        exchanges = self.exchanges
        for each in exchanges:
            if not each.now_ns:
                each.advance(at_ns)  # it begins now, and has nothing to tell of the time before
        while len(exchanges) > 1:
            first = min(exchanges, key=lambda each: each.next_ns)
            if first.next_ns > at_ns:
                break
            first.advance(max(first.next_ns, first.now_ns))
        for each in exchanges:
            each.advance(at_ns)

    def see(self, event: MarketEvent) -> None:
        """The same up to an event, which its exchange sees then."""
        at_ns = event.at_ns
        if any(each.next_ns <= at_ns for each in self.exchanges):
            self.pass_time(at_ns)
        for each in self.exchanges:
            each.on_market(event)
            if each.next_ns <= at_ns:
                each.advance(at_ns)

    def due_ns(self) -> int | None:
        """When the first of them has something to tell."""
        return min((due for each in self.exchanges if (due := each.due_ns()) is not None), default=None)


class PaperMode:
    """Orders go to exchanges in this process."""

    name = "paper"
    holds_account = False

    def __init__(self, config: Config, plan: TradePlan) -> None:
        self._configs = [config.venue(name) for name in plan.symbols]
        self._plan = plan
        self._name = name_of(config, plan)
        self.papers = PaperWorld()
        self._looking: list[asyncio.Task[None]] = []

    @property
    def world(self) -> World | None:
        """The exchanges."""
        return self.papers

    async def check(self, on_check: Callable[[Check], object]) -> None:
        """There is no account to look at."""

    def owner(self) -> Owner:
        """Nobody's account: a folder that holds orders on paper is no live trader's, and the other way round."""
        return paper_owner(self._configs, self._name)

    def hide(self) -> tuple[Credentials, ...]:
        """No key is read."""
        return ()

    async def accounts(self, trader: Trader, latch: Latch) -> list[Account]:
        """An exchange each, with the venue's own rules. Raises VenueError."""
        for config in self._configs:
            told = await public_rules(config, self._plan.symbols[config.venue])
            powers = trader.log.opened.recovered.powers
            rules = {symbol: with_room(each, powers.get(symbol)) for symbol, each in told.items()}
            orders = VENUES[config.venue].orders
            assert orders is not None, "the plan is of venues with orders"
            settings = paper_settings(config, {symbol: self._plan.limits[symbol] for symbol in rules})
            exchange = PaperExchange(config.venue, rules, orders.capabilities, settings, self.hears(trader.deliver))
            left = await asyncio.to_thread(account_left, config.venue, trader.log, rules)
            if left is not None:
                exchange.restore(left, SYSTEM.time_ns())
                has = ", ".join(f"{amount} {currency}" for currency, amount in sorted(left.money.items()))
                _log.info("the account on paper goes on with what it had", venue=config.venue, has=has or "nothing")
            self.papers.exchanges.append(exchange)
        return list(self.papers.exchanges)

    def hears(self, deliver: Deliver) -> Deliver:
        """Who is told what the exchanges say."""
        return deliver

    def way_out(self, trader: Callable[[], Trader], tell: Callable[[str], object]) -> WayOut:
        """Positions on paper are left on paper."""
        return _PaperExit(trader, self.papers, self._name, tell)

    def heart(self) -> Heart | None:
        """Nobody need watch."""
        return None

    async def begin(self, trader: Trader) -> None:
        """Look now and then for other rules."""
        for config in self._configs:
            look = partial(self.renew_rules, trader, config)
            doing = every(_RULES_S, look, log=_log, what="the rules of the instruments cannot be read", venue=config.venue)
            self._looking.append(asyncio.create_task(doing, name=f"paper rules {config.venue}"))

    async def renew_rules(self, trader: Trader, config: VenueConfig) -> None:
        """Read the rules again: an exchange whose venue changed them goes by them from now on, and says so. Raises VenueError."""
        listed = await told_rules(config)
        exchange = next(each for each in self.papers.exchanges if each.venue == config.venue)
        told = [listed.get(symbol) or msgspec.structs.replace(known, is_trading=False) for symbol, known in exchange.rules.items()]
        trader.beside(lambda: exchange.learn(told, SYSTEM.time_ns()))

    async def end(self) -> dict[str, Any]:
        """No more looks."""
        for each in self._looking:
            each.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        return {}


def account_left(venue: str, log: AuditLogger, rules: Mapping[str, Rules]) -> PaperLeft | None:
    """What the journal says of the account when its last life ended; None: there was none."""
    if not log.opened.recovered.boot:
        return None
    currencies = {each.base for each in rules.values()} | {each.quote for each in rules.values()} | {each.settle for each in rules.values()}
    money: dict[str, str] = {}
    for record in Walk(log.folder).records():
        told = record.fields.get("venue") or venue
        if record.kind == "balance" and told == venue and isinstance(balances := record.fields.get("balances"), dict):
            found = {currency: sum(map(Decimal, parts), Decimal(0)) for currency, parts in balances.items() if currency in currencies}
            money |= {currency: f"{amount:f}" for currency, amount in found.items()}
    known = restored(log.opened.recovered)
    sums: dict[tuple[str, PositionSide], list[int]] = {}
    for share in known.shares:
        if share.symbol in rules and rules[share.symbol].venue == venue:
            held = sums.setdefault((share.symbol, share.side), [0, 0])
            held[0] += share.quantity
            held[1] += share.cost
    there = [each for each in known.orders if each.symbol in rules]
    orders = [each for each in there if each.status in (Status.LIVE, Status.PARTIAL) and each.venue_id]
    lists = {each.request.list_id for each in orders if each.request.list_id}  # taken as a whole: where one was, all are there
    orders += [each for each in there if each.request.list_id in lists and each.status is Status.UNKNOWN]
    return PaperLeft(
        money=money,
        held=tuple((symbol, side, quantity, cost) for (symbol, side), (quantity, cost) in sums.items()),
        orders=tuple((each.request, each.venue_id, each.filled) for each in orders),
    )


def paper_owner(configs: list[VenueConfig], trader: str, what: str = _PAPER) -> Owner:
    """Whose folder one of orders on paper is."""
    return Owner(accounts=tuple(sorted(OwnedAccount(each.venue, _PAPER, what) for each in configs)), trader=trader)


def paper_settings(config: VenueConfig, limits: Mapping[str, Limits]) -> PaperSettings:
    """An account on paper as configured. Raises ConfigError for latencies that are to be taken from a journal that has none."""
    leverages = {symbol: each.leverage for symbol, each in limits.items() if each.leverage is not None}
    return PaperSettings(
        balance=f"{config.paper_balance:f}",
        maker_fee_bp=config.maker_fee_bp,
        taker_fee_bp=config.taker_fee_bp,
        leverage=config.leverage or 1,
        leverages=leverages,
        hedge=any(each.is_hedge for each in limits.values()),
        latency=_latency(config),
        half_spread_bp=config.half_spread_bp,
    )


def _latency(config: VenueConfig) -> Latency:
    """How long orders on paper are under way: as stated, or as a journal measured it. Raises ConfigError for one without answers."""
    folder = config.paper_latency_from
    if folder is None:
        return Latency((round(config.paper_latency_ms * MS_NS),))
    try:
        records = chain.from_iterable(Walk(each).records() for each in journals_in(folder))
        found = measured(records, config.venue)
    except OSError as fault:
        raise _mistaken(config, folder, f"a folder that can be read: {fault}") from None
    if found is None:
        raise _mistaken(config, folder, f"the order journal of a trader that {config.venue} has answered")
    return found


def _mistaken(config: VenueConfig, folder: Path, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake(f"[{config.venue}]", None, "PAPER_LATENCY_FROM", str(folder), expected)])


async def public_rules(config: VenueConfig, symbols: tuple[str, ...]) -> dict[str, Rules]:
    """The rules of instruments as the venue tells everybody. Raises ConfigError for one that it does not list, VenueError."""
    return listed_rules(await told_rules(config), symbols)


async def told_rules(config: VenueConfig) -> dict[str, Rules]:
    """The rules of all instruments, as the venue tells everybody. Raises VenueError."""
    spec = VENUES[config.venue]
    assert spec.orders is not None, "asked of venues with orders"
    rest = rest_of(config, TRADER)
    async with rest:
        told = await Caller(rest, _never, gate=lambda: False).learn(spec.orders.rules(), timeout_s=rest.timeout_s, signed=False)
    return {each.symbol: each for each in told}


def listed_rules(listed: Mapping[str, Rules], symbols: Iterable[str]) -> dict[str, Rules]:
    """Those of the symbols that are traded. Raises ConfigError for one that is not listed: its neighbour is named."""
    mistakes = []
    for symbol in symbols:
        if symbol not in listed:
            venue, _, name = symbol.partition(":")
            near = next(iter(get_close_matches(name.upper(), [each.partition(":")[2] for each in listed], 1, 0.5)), None)
            expected = f"an instrument that {venue} lists, here or as `symbol` of the strategy"
            mistakes.append(ConfigMistake("command line", None, "--symbols", symbol, expected, nearest=near and f"{venue}:{near}"))
    if mistakes:
        raise ConfigError(mistakes)
    return {symbol: listed[symbol] for symbol in symbols}


def _never(request: Request, now_ms: int) -> Signed:
    raise AssertionError("a trader on paper signs nothing")


class _PaperExit:
    """All orders are cancelled, all positions closed at the market, round by round, until there are none."""

    def __init__(self, trader: Callable[[], Trader], papers: PaperWorld, name: str, tell: Callable[[str], object]) -> None:
        self.reports: list[object] = []
        self.only_asked_for = True
        self._trader, self._papers, self._name, self._tell = trader, papers, name, tell
        self._task: asyncio.Task[None] | None = None
        self._numbers = count(1)
        self._verdict = ""

    @property
    def line(self) -> str:
        """What was said of it last."""
        return self._verdict

    @property
    def is_flat(self) -> bool:
        """Whether the verdict says so."""
        return self.verdict() == Verdict.FLAT

    def begin(self, *, asked_for: bool) -> None:
        """Begin, unless that was done."""
        self.only_asked_for = self.only_asked_for and asked_for
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="paper exit")

    async def wait(self) -> None:
        """Until it is over."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def verdict(self) -> str:
        """ "" where there was no exit."""
        return "" if self._task is None else self._verdict or Verdict.UNKNOWN.value

    @contextlib.contextmanager
    def patient_signals(self) -> Iterator[None]:
        """It is over in seconds."""
        yield

    async def _run(self) -> None:
        trader = self._trader()
        trader.log.append("emergency.begin", {"incident": trader.engine.ladder.incident, "mode": "paper"})
        for _ in range(_ROUNDS):
            if not self._round(trader):
                break
            await asyncio.sleep(_ROUND_S)
        left = trader.engine.state.portfolio.held()
        self._verdict = (Verdict.NOT_FLAT if left else Verdict.FLAT).value
        trader.log.append("emergency.end", {"verdict": self._verdict, "incident": trader.engine.ladder.incident, "mode": "paper"})
        self.reports.append(self._verdict)
        self._tell(f"on paper: {self._verdict}")

    def _round(self, trader: Trader) -> bool:
        """Whether there was something to leave."""
        state = trader.engine.state
        orders = [order for order in state.orders.working() if not order.status.is_over]
        held = state.portfolio.held()
        cancels = cancels_of(orders)
        trader.beside(lambda: self._leave(trader, cancels))
        return bool(orders or held)

    def _leave(self, trader: Trader, cancels: list[Cancel]) -> None:
        of = {each.venue: each for each in self._papers.exchanges}
        boot = trader.engine.settings.boot
        leave(of, cancels, trader.engine.state.portfolio.held(), lambda: f"{self._name}-exit-{boot}-{next(self._numbers)}")
