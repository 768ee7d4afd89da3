"""app.trading: from a configuration and a strategy to a trader that runs until it is told to stop, and what it came to."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from hoga.app.checks import Check, CheckState
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import limits_of, rest_of
from hoga.app.exit import damage_text
from hoga.app.exits import Exits
from hoga.app.gateway import make_gateway
from hoga.app.hub import open_manager
from hoga.app.journal import tell_fault, tell_seal
from hoga.app.owner import owner_of
from hoga.app.private import credentials_of, require_order_keys
from hoga.app.restore import exit_fills, restored
from hoga.app.sentinel import Charge, Heart, Pulse
from hoga.app.strategies import instances_of, read_strategy
from hoga.app.testnet import require_testnet
from hoga.app.trade import Trader
from hoga.app.trading_check import CLOCK, examine_trading
from hoga.audit.folder import JOURNAL_FOLDER
from hoga.audit.latch import Latch
from hoga.audit.log import AuditLogger, Opened
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.trading import Rung
from hoga.flatten.watching import Heartbeat
from hoga.gateway import Gateway, GatewayConfig
from hoga.net.budgets import TRADER
from hoga.runtime.clock import SYSTEM
from hoga.runtime.shutdown import Phase, ShutdownManager
from hoga.trading.engine import Engine, Settings
from hoga.trading.limits import Limits
from hoga.trading.ports import Done
from hoga.trading.risk import RiskGate
from hoga.trading.rungs import Cause, Ladder
from hoga.trading.rungs import Latch as Latched
from hoga.trading.state import venue_of
from hoga.trading.strategy import Strategy
from hoga.venues.registry import VENUES

__all__ = ["Chosen", "TradeEnd", "TradePlan", "is_loopback", "plan_trade", "strategies_of", "trade"]

_STOP_S = 3.5
_WHOLE_STOP_S = 5.0
_SETTLE_S = 0.3
"""What the exit traded comes by the account's stream, too: so long it is waited for."""


class TradePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a trader will be: its strategies by key, the symbols of each venue, and the limits of each symbol. `testnet`: the venues at
    whose test networks it trades."""

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]
    journal: Path
    real_money: bool
    testnet: tuple[str, ...] = ()


class TradeEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What a trader came to, in the words of `hoga trade --json`. `pnl`: net, as exact text in `pnl_currency`."""

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


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return False


class Chosen(NamedTuple):
    """The instances of a strategy by key, the symbols of each venue, and the limits of each symbol."""

    strategies: list[tuple[str, Strategy]]
    symbols: dict[str, tuple[str, ...]]
    limits: dict[str, Limits]


def strategies_of(config: Config, strategy: str, symbols: tuple[str, ...], params: Mapping[str, str] | None = None) -> Chosen:
    """What a strategy's file (`FILE.py:Class`) makes with this configuration. `params`: over what class and configuration say.

    Raises ConfigError.
    """
    kind = read_strategy(strategy)
    given = {}
    for name in VENUES:
        for symbol in (*symbols, *kind.symbols, kind.symbol):
            bare = symbol.partition(":")[2] or symbol
            given[f"{name}:{bare}"] = config.parameters(name, bare) | dict(params or {})
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
    return Chosen(made, {name: tuple(each) for name, each in by_venue.items()}, limits)


def plan_trade(config: Config, strategy: str, symbols: tuple[str, ...]) -> TradePlan:
    """What a trader of this configuration will be. Raises ConfigError."""
    made, by_venue, limits = strategies_of(config, strategy, symbols)
    for name in by_venue:
        _require_orders(config.venue(name))
        require_testnet(config.venue(name))
    return TradePlan(
        strategies=made,
        symbols=by_venue,
        limits=limits,
        journal=config.program.data_dir / JOURNAL_FOLDER,
        real_money=any(not is_loopback(config.venue(name).rest_url) and not config.venue(name).testnet for name in by_venue),
        testnet=tuple(name for name in by_venue if config.venue(name).testnet),
    )


def _require_orders(config: VenueConfig) -> None:
    spec = VENUES[config.venue]
    if spec.orders is None or spec.private is None:
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "SYMBOLS", config.venue, "a venue that hoga can trade on")])
    require_order_keys(config)


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
) -> TradeEnd:
    """Look at keys and accounts as `hoga doctor` does (`on_check` is told of each finding), and trade until told to stop: by a signal,
    after `seconds`, or by `over`.

    `journal_of` makes the journal. Raises ConfigError, VenueError, ArchiveError, OSError for what cannot begin.
    """
    await _check(config, plan, on_check)
    owner = owner_of((config.venue(name) for name in plan.symbols), _name(config, plan))
    hide = tuple(credentials_of(config.venue(name)) for name in plan.symbols)
    about = {"mode": mode, "strategies": [key for key, _ in plan.strategies]}
    log = journal_of(plan.journal, owner=owner, hide=hide, on_seal=tell_seal, on_fault=tell_fault, about=about)
    opened = log.open()
    latch = Latch(plan.journal)
    done: Done | None = None
    trader: Trader | None = None
    exits = Exits([config.venue(name) for name in plan.symbols], plan.symbols, config.program.data_dir, tell=on_change)
    heart: Heart | None = None
    try:
        async with ShutdownManager(deadline_s=_WHOLE_STOP_S) as shutdown:
            manager = await open_manager(config)
            manager.start()
            shutdown.add(Phase.RESOURCES, "hub", manager.stop)
            ladder = _ladder(config, plan, latch, opened)
            trader = Trader(
                make=lambda gateways: _engine(config, plan, gateways, ladder, opened),
                manager=manager,
                log=log,
                latch=latch,
                rest=lambda name: rest_of(config.venue(name), TRADER),
                on_change=on_change,
                on_flatten=exits.begin,
                on_status=on_status,
                dev=dev,
            )
            shutdown.add(Phase.SEAL, "trader's connections", trader.close)
            await trader.start([_gateway(config.venue(name), plan, trader, latch) for name in plan.symbols])
            heart = _heart(config, plan)
            heart.start(_pulse_of(trader))
            on_ready(trader)
            asked = [asyncio.ensure_future(shutdown.requested())]
            if over is not None:
                asked.append(asyncio.ensure_future(_set(over)))
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
    finally:
        if heart is not None:  # with positions that could not be left, it stays
            heart.stop(ends=done is not None and done.clean and (not exits.reports or exits.is_flat))
        latch.close()
        log.close()
    assert trader is not None, "it was made, or something was raised"
    return _end(trader.engine, plan, mode, done, exits)


async def _set(over: asyncio.Event) -> str:
    await over.wait()
    return "over"


def _heart(config: Config, plan: TradePlan) -> Heart:
    """The sentinel of a trader, begun."""
    configs = tuple(config.venue(name) for name in plan.symbols)
    program = config.program
    return Heart(Charge(pid=os.getpid(), data=program.data_dir, configs=configs, symbols=plan.symbols, notify_urls=program.notify_urls))


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


def _ladder(config: Config, plan: TradePlan, latch: Latch, opened: Opened) -> Ladder:
    """The ladder as the last life left it: by the latch, and where that is gone, by the journal."""
    ladder = Ladder(on_fault=next(iter(config.venue(name).on_fault for name in plan.symbols)))
    said, found = latch.state(), opened.recovered
    if said.rung > Rung.NO_OPEN:
        ladder.restore(Latched(rung=said.rung.name, incident=said.incident, cause=said.cause, detail=said.detail, at_ns=said.at_ns))
        latch.seen()
    elif found.rung > Rung.NO_OPEN and found.incident:
        ladder.restore(Latched(rung=found.rung.name, incident=found.incident, cause=found.why, detail="", at_ns=found.last_t))
        latch.set_rung(found.rung, incident=found.incident, cause=found.why, by="trader", at_ns=found.last_t)
    return ladder


async def _check(config: Config, plan: TradePlan, on_check: Callable[[Check], object]) -> None:
    """Raises ConfigError for what a trader cannot live with."""
    bad: list[ConfigMistake] = []
    for name, symbols in plan.symbols.items():
        checks = await examine_trading(config.venue(name), {symbol.partition(":")[2]: plan.limits[symbol] for symbol in symbols})
        for check in checks:
            on_check(check)
        failed = [check for check in checks if check.state is CheckState.FAILED and not check.name.endswith(CLOCK)]
        bad += [_mistake(name, each) for each in failed]
    if bad:
        raise ConfigError(bad)


def _mistake(venue: str, check: Check) -> ConfigMistake:
    return ConfigMistake(f"[{venue}]", None, check.name, check.found, check.advice or "", plain=f"{check.found} ({check.advice})")


def _name(config: Config, plan: TradePlan) -> str:
    return next(iter(config.venue(name).trader for name in plan.symbols))


def _gateway(config: VenueConfig, plan: TradePlan, trader: Trader, latch: Latch) -> Gateway:
    limits = {symbol.partition(":")[2]: plan.limits[symbol] for symbol in plan.symbols[config.venue]}
    settings = GatewayConfig(
        symbols=tuple(limits),
        leverage={symbol: each.leverage for symbol, each in limits.items() if each.leverage is not None},
        margin_type={symbol: each.margin_type for symbol, each in limits.items() if each.margin_type},
    )
    # stops that protect pass the engine's gate in HALTED
    return make_gateway(config, settings, trader.deliver, gate=lambda: not latch.shut(Rung.HALTED), healthy=lambda: trader.is_well)


def _engine(config: Config, plan: TradePlan, gateways: Mapping[str, Gateway], ladder: Ladder, opened: Opened) -> Engine:
    engine = Engine(
        Settings(
            trader=_name(config, plan),
            boot=opened.boot,
            limits=plan.limits,
            flatten_on_stop=any(config.venue(name).on_stop == "flatten" for name in plan.symbols),
        ),
        rules={symbol: gateways[venue_of(symbol)].rules[symbol] for symbol in plan.limits},
        capabilities={name: gateway.capabilities for name, gateway in gateways.items()},
        gate=RiskGate(plan.limits.get),
        ladder=ladder,
        strategies=plan.strategies,
    )
    now_ns = SYSTEM.time_ns()
    other = engine.restore(restored(opened.recovered), now_ns, fills=exit_fills(plan.journal, now_ns))
    if other:
        detail = f"{', '.join(other)}: the journal counts in other steps than the venue does now"
        ladder.begin(Cause.SETTINGS, now_ns, detail=detail)
    damages = (*opened.recovered.damages, *(each._asdict() for each in opened.faults))
    if damages:
        ladder.begin(Cause.LOG_QUARANTINED, now_ns, detail=damage_text(damages))
    return engine


def _end(engine: Engine, plan: TradePlan, mode: str, done: Done | None, exits: Exits) -> TradeEnd:
    state = engine.state
    held = {}
    for (symbol, side), quantity in state.portfolio.held().items():
        name = symbol if side.value == "both" else f"{symbol}/{side.value}"
        held[name] = state.rules_of[symbol].quantity_text(quantity)
    sums: dict[str, Decimal] = {}
    for symbol, rules in state.rules_of.items():
        total = state.portfolio.day(symbol, state.price(symbol)).total
        sums[rules.quote] = sums.get(rules.quote, Decimal(0)) + Decimal(total).scaleb(rules.money_power)
    currency = next(iter(sums), "")
    clean = done is not None and done.clean
    verdict = exits.verdict() or ("UNKNOWN" if not clean else "KEPT" if held else "FLAT")
    asked = exits.verdict() and exits.only_asked_for
    return TradeEnd(
        ok=verdict in ("FLAT", "FLAT_WITH_DUST") if asked else clean and not engine.ladder.incident,
        mode=mode,
        orders=engine.sent,
        fills=engine.fills,
        pnl=f"{sums.get(currency, Decimal(0)).normalize():f}",
        pnl_currency=currency,
        verdict=verdict,
        journal=str(plan.journal),
        incident=engine.ladder.incident,
        held=held,
        left=done.left if done is not None else tuple(order.client_id for order in state.orders.working()),
        rung=state.rung.name,
    )
