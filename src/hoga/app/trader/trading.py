"""app.trader.trading: from a configuration and a strategy to a trader that runs until it is told to stop, and what it came to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hoga._version import __version__
from hoga.app.backtest.probing import Probe
from hoga.app.checks import Check
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import limits_of, rest_of
from hoga.app.exit import damage_text
from hoga.app.hub import open_manager
from hoga.app.notify import channel_of
from hoga.app.private import require_order_keys
from hoga.app.trader.door import TraderDoor
from hoga.app.trader.journal import tell_fault, tell_seal
from hoga.app.trader.modes import LiveMode, Mode, WayOut, name_of
from hoga.app.trader.news import TraderNews
from hoga.app.trader.page import About, TraderPage
from hoga.app.trader.paper import PaperMode
from hoga.app.trader.renewing import on_hangup, renew
from hoga.app.trader.restore import exit_fills, restored
from hoga.app.trader.sentinel import Heart, Pulse
from hoga.app.trader.shadow import ShadowMode
from hoga.app.trader.state import figure_rows
from hoga.app.trader.strategies import instances_of, read_strategy
from hoga.app.trader.tapes import begin_tape, keep_tapes, seal_tapes
from hoga.app.trader.testnet import require_testnet
from hoga.app.trader.trader import Account, Trader
from hoga.audit.folder import JOURNAL_FOLDER, SOCKET_FILE
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger, Opened
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.ticks import MarketBars
from hoga.core.trading import Rules, Rung
from hoga.flatten.watching import Heartbeat
from hoga.net.budgets import TRADER
from hoga.runtime.clock import SYSTEM
from hoga.runtime.logs import get_log
from hoga.runtime.shutdown import Phase, ShutdownManager
from hoga.trading.engine import Engine
from hoga.trading.limits import Limits
from hoga.trading.making import BEGIN, Making, make_engine
from hoga.trading.ports import CommandKind, Done, ReadBars
from hoga.trading.rungs import Latch as Latched
from hoga.trading.shadowing import ShadowTable
from hoga.trading.state import venue_of
from hoga.trading.strategy import Strategy
from hoga.venues.registry import VENUES

__all__ = ["Chosen", "TradeEnd", "TradePlan", "end_of", "is_loopback", "plan_trade", "strategies_of", "trade"]

_log = get_log("trading")

_STOP_S = 3.5
_WHOLE_STOP_S = 5.0
_SETTLE_S = 0.3
"""What the exit traded comes by the account's stream, too: so long it is waited for."""


class TradePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a trader will be: its strategies by key, the symbols of each venue, and the limits of each symbol. `testnet`: the venues at
    whose test networks it trades. `strategy`: the class; `asked`: symbols in place of its own; `given`: parameters in place of its own, by
    symbol; `params`: those of them that were said when it was begun."""

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]
    journal: Path
    real_money: bool
    testnet: tuple[str, ...] = ()
    strategy: str = ""
    asked: tuple[str, ...] = ()
    given: dict[str, dict[str, str]] = {}
    params: dict[str, str] = {}


class TradeEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What a trader came to, in the words of `hoga trade --json`. `pnl`: net, as exact text in `pnl_currency`. `report`: the page's file,
    "": there is none; `figures`: see `trading.told`, {}: the journal cannot be read; `checks`: of each condition how often it was asked
    for, held, was the first that did not hold, and the only one. `shadow`: how far paper was from the live account."""

    ok: bool
    mode: str
    orders: int
    fills: int
    pnl: str
    pnl_currency: str
    verdict: str
    journal: str
    incident: str
    held: dict[str, str] = {}
    left: tuple[str, ...] = ()
    rung: str = Rung.ACTIVE.name
    why: str = ""
    report: str = ""
    figures: dict[str, Any] = {}
    checks: dict[str, list[int]] = {}
    shadow: ShadowTable | None = None


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return False


class Chosen(NamedTuple):
    """The instances of a strategy by key, the symbols of each venue, and the limits of each symbol. `name`: of its class; `given`:
    parameters in place of its own, by symbol, as texts."""

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]
    name: str
    given: dict[str, dict[str, str]]


def strategies_of(config: Config, strategy: str, symbols: tuple[str, ...], params: Mapping[str, str] | None = None) -> Chosen:
    """What a strategy's file (`FILE.py:Class`) makes with this configuration. `params`: over what class and configuration say.

    Raises ConfigError.
    """
    kind = read_strategy(strategy)
    given = {}
    for name in VENUES:
        for symbol in (*symbols, *kind.symbols, kind.symbol):
            bare = symbol.partition(":")[2] or symbol
            given[f"{name}:{bare}"] = dict(config.parameters(name, bare)) | dict(params or {})
    made = instances_of(kind, symbols, given)
    by_venue: dict[str, list[str]] = {}
    limits: dict[str, Limits] = {}
    for _, instance in made:
        for symbol in instance.symbols:
            known = by_venue.setdefault(venue_of(symbol), [])
            if symbol not in known:
                known.append(symbol)
            found = limits_of(config, symbol)
            assert found is not None, "the venue was looked up when the instance was made"
            limits[symbol] = found
    _require_one_mode(limits)
    texts = {symbol: each for symbol, each in given.items() if each}
    return Chosen(made, {name: tuple(each) for name, each in by_venue.items()}, limits, kind.__name__, texts)


def _require_one_mode(limits: Mapping[str, Limits]) -> None:
    """How many positions a symbol there are is the account's, and the venue has to have it. Raises ConfigError."""
    for venue in dict.fromkeys(map(venue_of, limits)):
        modes = {symbol: each.position_mode for symbol, each in limits.items() if venue_of(symbol) == venue}
        orders = VENUES[venue].orders
        if len(set(modes.values())) > 1:
            found = ", ".join(f"{symbol} {mode}" for symbol, mode in modes.items())
            raise ConfigError([ConfigMistake(f"[{venue}]", None, "POSITION_MODE", found, "one for all instruments of an account")])
        if "hedge" in modes.values() and (orders is None or not orders.capabilities.hedge):
            raise ConfigError([ConfigMistake(f"[{venue}]", None, "POSITION_MODE", "hedge", "one-way: this venue has no hedge mode")])


def plan_trade(
    config: Config, strategy: str, symbols: tuple[str, ...], mode: str = "live", params: Mapping[str, str] | None = None
) -> TradePlan:
    """What a trader of this configuration will be; `params` as in `strategies_of`. Raises ConfigError."""
    chosen = strategies_of(config, strategy, symbols, params)
    for name in chosen.symbols:
        _require_orders(config.venue(name), mode)
        if mode != "paper":
            require_testnet(config.venue(name))
    is_far = any(not is_loopback(config.venue(name).rest_url) and not config.venue(name).testnet for name in chosen.symbols)
    return TradePlan(
        strategies=chosen.strategies,
        symbols=chosen.symbols,
        limits=chosen.limits,
        journal=config.program.data_dir / JOURNAL_FOLDER,
        real_money=mode == "live" and is_far,
        testnet=tuple(name for name in chosen.symbols if config.venue(name).testnet),
        strategy=chosen.name,
        asked=symbols,
        given=chosen.given,
        params=dict(params or {}),
    )


def _require_orders(config: VenueConfig, mode: str) -> None:
    spec = VENUES[config.venue]
    if spec.orders is None or spec.private is None:
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "SYMBOLS", config.venue, "a venue that hoga can trade on")])
    if mode != "paper":
        require_order_keys(config)


def about_run(mode: str, strategies: list[tuple[str, Strategy]], **more: object) -> dict[str, object]:
    """What the record that begins a life says of the run, for its report: its mode, its strategies and their parameters, and more."""
    parameters = {key: {name: str(value) for name, value in strategy.p.items().items()} for key, strategy in strategies}
    return {"mode": mode, "strategies": list(parameters), "parameters": parameters, **more}


def mode_of(name: str, config: Config, plan: TradePlan) -> Mode:
    """The mode of that name."""
    modes: dict[str, Callable[[Config, TradePlan], Mode]] = {"live": LiveMode, "paper": PaperMode, "shadow": ShadowMode}
    return modes[name](config, plan)


async def trade(
    config: Config,
    plan: TradePlan,
    *,
    mode: str,
    seconds: float | None = None,
    over: asyncio.Event | None = None,
    on_ready: Callable[[Trader], object] = lambda trader: None,
    on_change: Callable[[str], object] = lambda text: None,
    on_check: Callable[[Check], object] = lambda check: None,
    on_status: Callable[[str], object] = lambda line: None,
    dev: bool = False,
    journal_of: Callable[..., AuditLogger] = AuditLogger,
    again: Callable[[], Config] | None = None,
) -> TradeEnd:
    """Look at keys and accounts as `hoga doctor` does (`on_check` is told of each finding), and trade until told to stop: by a signal,
    after `seconds`, or by `over`.

    `journal_of` makes the journal. `again` reads the configuration once more, at a SIGHUP.

    Raises ConfigError, VenueError, ArchiveError, OSError for what cannot begin.
    """
    if dev:
        Probe((each for _, each in plan.strategies), lambda use: _log.warning("a strategy uses more than its events", what=str(use)))
    way = mode_of(mode, config, plan)
    await way.check(on_check)
    about = about_run(mode, plan.strategies)
    log = journal_of(
        plan.journal,
        owner=way.owner(),
        holds_account=way.holds_account,
        hide=way.hide(),
        on_seal=tell_seal,
        on_fault=tell_fault,
        about=about,
    )
    subject, label = f"{name_of(config, plan)} ({mode})", "" if plan.real_money else "TEST: "
    news = TraderNews(channel_of(config.program.notify_urls), subject, label=label)
    opened = log.open()
    latch = Latch(plan.journal)
    reserve_bytes = config.program.disk_reserve_mb * 1024 * 1024
    done: Done | None = None
    trader: Trader | None = None
    more: dict[str, Any] = {}

    def tell_exit(text: str) -> None:
        on_change(text)
        news.exit(text)

    exits = way.way_out(lambda: _there(trader), tell_exit)
    heart: Heart | None = None
    retention: asyncio.Task[None] | None = None
    try:
        await seal_tapes(plan.journal, log, opened.boot)
        retention = asyncio.create_task(
            keep_tapes(plan.journal, log, opened.boot, days=config.program.tape_retention_days), name="tape retention"
        )
        async with ShutdownManager(deadline_s=_WHOLE_STOP_S) as shutdown:
            manager = await open_manager(config)
            manager.start()
            shutdown.add(Phase.RESOURCES, "hub", manager.stop)
            news.start()
            shutdown.add(Phase.RESOURCES, "notifications", lambda: asyncio.to_thread(news.stop))
            latched = _latched(latch, opened)
            trader = Trader(
                make=lambda accounts: _engine(config, plan, mode, accounts, latched, opened, log),
                manager=manager,
                log=log,
                latch=latch,
                rest=lambda name: rest_of(config.venue(name), TRADER),
                recorded=lambda ask, rules, now_ns: _recorded(config, ask, rules, now_ns),
                on_change=on_change,
                on_flatten=exits.begin,
                on_status=on_status,
                on_rung=news.rung,
                tape_of=lambda streams, venues: begin_tape(plan.journal, log, opened.boot, streams, venues, reserve_bytes=reserve_bytes),
                world=way.world,
                dev=dev,
            )
            shutdown.add(Phase.SEAL, "trader's connections", trader.close)
            await trader.start(await way.accounts(trader, latch))
            heart = way.heart()
            if heart is not None:
                heart.start(_pulse_of(trader))
            await way.begin(trader)
            await _show(config, plan, mode, trader, exits, shutdown)
            on_ready(trader)
            asked = [asyncio.ensure_future(shutdown.requested())]
            if over is not None:
                asked.append(asyncio.ensure_future(_set(over)))
            with _renewing(trader, plan, again, shutdown):
                await asyncio.wait(asked, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for each in asked:
                each.cancel()
            with exits.patient_signals():
                done = await trader.stop(patience_s=_STOP_S)
                await exits.wait()
                if exits.reports:
                    await asyncio.sleep(_SETTLE_S)
                    if exits.only_asked_for and exits.is_flat:
                        trader.let_go("flat, as ON_STOP wanted")
            more = await way.end()
    finally:
        if retention is not None:
            retention.cancel()
            await asyncio.gather(retention, return_exceptions=True)
        if heart is not None:  # with positions that could not be left, it stays
            heart.stop(ends=done is not None and done.clean and (not exits.reports or exits.is_flat))
        latch.close()
        log.close()
    engine, verdict = _there(trader).engine, exits.verdict()
    return end_of(engine, journal=plan.journal, mode=mode, done=done, exit_verdict=verdict, only_asked_for=exits.only_asked_for, **more)


async def _show(config: Config, plan: TradePlan, mode: str, trader: Trader, exits: WayOut, shutdown: ShutdownManager) -> None:
    """The trader's page for whoever looks, and its socket for whoever asks."""
    door: TraderDoor | None = None
    about = About(
        mode=mode,
        name=name_of(config, plan),
        data=config.program.data_dir,
        journal=plan.journal,
        testnet=plan.testnet,
        simulated=mode == "live" and not plan.real_money and not plan.testnet,
        exit_line=lambda: exits.line,
        verdict=exits.verdict,
        armed_by=lambda: "" if door is None else door.armed_by(),
        figures=lambda: figure_rows(trader.figures()),
    )
    page = TraderPage(trader, about)
    door = TraderDoor(
        plan.journal / SOCKET_FILE,
        state=lambda: page.newest,
        note=lambda fields: trader.log.append("cmd", fields),
        flatten=lambda who, text: trader.command(CommandKind.FREEZE, who=who, text=text),
    )
    page.start()
    await door.start()
    shutdown.add(Phase.RESOURCES, "trader's page", page.stop)
    shutdown.add(Phase.RESOURCES, "trader's socket", door.stop)


def _renewing(
    trader: Trader, plan: TradePlan, again: Callable[[], Config] | None, shutdown: ShutdownManager
) -> contextlib.AbstractContextManager[None]:
    """While it runs a SIGHUP reads limits and parameters again."""
    if again is None:
        return contextlib.nullcontext()
    act = partial(renew, trader, plan.strategies, again, params=plan.params, who="SIGHUP")
    return on_hangup(act, lambda: shutdown.request("the terminal is gone"))


def _there(trader: Trader | None) -> Trader:
    assert trader is not None, "it was made, or something was raised"
    return trader


def _recorded(config: Config, ask: ReadBars, rules: Rules, now_ns: int) -> MarketBars | None:
    """What a run records beside us."""
    from hoga.app.trader.before import bars_recorded  # who reads archives is imported when there is a need

    return bars_recorded(config.venue(venue_of(ask.symbol)).directory("execution"), ask, rules, now_ns)


async def _set(over: asyncio.Event) -> str:
    await over.wait()
    return "over"


def _pulse_of(trader: Trader) -> Pulse:
    def pulse(seq: int, lag_s: float) -> Heartbeat:
        state, health = trader.engine.state, trader.log.health()
        return Heartbeat(
            seq=seq,
            rung=state.rung.name,
            reconciled=all(account.reconciled for account in state.accounts.values()),
            exposed=bool(state.portfolio.held()) or bool(state.orders.count()),
            lag_s=lag_s,
            journal_s=health.lag_s,
        )

    return pulse


def _latched(latch: Latch, opened: Opened) -> Latched | None:
    """Where the last life left the ladder: by the latch, and where that is gone, by the journal. None: nothing is latched."""
    said, found = latch.state(), opened.recovered
    if said.rung > Rung.NO_OPEN:
        latch.seen()
        return Latched(rung=said.rung.name, incident=said.incident, cause=said.cause, detail=said.detail, at_ns=said.at_ns)
    if found.rung > Rung.NO_OPEN and found.incident:
        latch.set_rung(found.rung, incident=found.incident, cause=found.why, by="trader", at_ns=found.last_t)
        return Latched(rung=found.rung.name, incident=found.incident, cause=found.why, detail="", at_ns=found.last_t)
    return None


def _engine(
    config: Config,
    plan: TradePlan,
    mode: str,
    accounts: Mapping[str, Account],
    latched: Latched | None,
    opened: Opened,
    log: AuditLogger,
) -> Engine:
    now_ns = SYSTEM.time_ns()
    rules = {symbol: accounts[venue_of(symbol)].rules[symbol] for symbol in plan.limits}
    damages = (*opened.recovered.damages, *(each._asdict() for each in opened.faults))
    making = Making(
        version=__version__,
        mode=mode,
        now_ns=now_ns,
        trader=name_of(config, plan),
        boot=opened.boot,
        flatten_on_stop=any(config.venue(name).on_stop == "flatten" for name in plan.symbols),
        on_fault=next(iter(config.venue(name).on_fault for name in plan.symbols)),
        limits=plan.limits,
        rules=rules,
        capabilities={name: account.capabilities for name, account in accounts.items()},
        strategy=plan.strategy,
        symbols=plan.asked,
        given=plan.given,
        keys=tuple(key for key, _ in plan.strategies),
        latched=latched,
        found_fills=tuple(exit_fills(plan.journal, now_ns, rules, opened.recovered.exits)),
        quarantined=damage_text(damages) if damages else "",
    )
    log.append(BEGIN, msgspec.to_builtins(making))
    return make_engine(making, plan.strategies, restored(opened.recovered))


def end_of(
    engine: Engine, *, journal: Path, mode: str, done: Done | None, exit_verdict: str = "", only_asked_for: bool = False, **more: Any
) -> TradeEnd:
    """What a trader came to. `exit_verdict`: of its emergency exits, "" without one; `only_asked_for`: none was because of a fault."""
    state = engine.state
    held = {}
    for (symbol, side), quantity in state.portfolio.held().items():
        name = symbol if side.value == "both" else f"{symbol}/{side.value}"
        held[name] = state.rules_of[symbol].quantity_text(quantity)
    sums: dict[str, Decimal] = {}
    for symbol, rules in state.rules_of.items():
        price = engine.marked.get(symbol) or state.price(symbol)  # as the journal has it: frames come on while the trader ends
        total = state.portfolio.day(symbol, price).total
        sums[rules.quote] = sums.get(rules.quote, Decimal(0)) + Decimal(total).scaleb(rules.money_power)
    currency = next(iter(sums), "")
    clean = done is not None and done.clean
    verdict = exit_verdict or ("UNKNOWN" if not clean else "KEPT" if held else "FLAT")
    asked = exit_verdict and only_asked_for
    return TradeEnd(
        ok=verdict in ("FLAT", "FLAT_WITH_DUST") if asked else clean and not engine.ladder.incident,
        mode=mode,
        orders=engine.sent,
        fills=engine.fills,
        pnl=f"{sums.get(currency, Decimal(0)).normalize():f}",
        pnl_currency=currency,
        verdict=verdict,
        journal=str(journal),
        incident=engine.ladder.incident,
        held=held,
        left=done.left if done is not None else tuple(order.client_id for order in state.orders.working()),
        rung=state.rung.name,
        **more,
    )
