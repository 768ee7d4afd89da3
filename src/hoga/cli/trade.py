"""cli.trade: `hoga trade`, a strategy at work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import note, print_text, words
from hoga.cli._values import finite
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption
from hoga.core.errors import ConfigError, ConfigMistake

if TYPE_CHECKING:
    from hoga.app.checks import Check
    from hoga.app.config import Config
    from hoga.app.trader.trader import Trader
    from hoga.app.trader.trading import TradeEnd, TradePlan

__all__ = ["register"]

_MODES = ("backtest", "live", "paper", "shadow")


def register(app: typer.Typer) -> None:
    """Add `hoga trade` to `app`."""
    app.command("trade")(trade)


def trade(
    strategy: Annotated[
        str, typer.Argument(metavar="STRATEGY.py[:Class]", help="File with a hoga.Strategy, and which, if it has several.")
    ],
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="backtest: on what was recorded; paper: orders go nowhere; shadow: so too, beside a live account; live.",
        ),
    ] = "live",
    symbols: Annotated[str, typer.Option(metavar="A,B", help="One instance a symbol, instead of the class's own.")] = "",
    config: ConfigOption = None,
    settings: SetOption = None,
    data: DataOption = None,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="backtest: from here on (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="backtest: up to here.")] = None,
    bars: Annotated[Path | None, typer.Option("--bars", metavar="FILE.csv", help="backtest: on these candles.")] = None,
    grid: Annotated[
        list[str] | None, typer.Option(metavar="NAME=V,V…", help="backtest: with each of these values; repeatable: with each combination.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, metavar="N", help="grid: so many processes.")] = None,
    sort: Annotated[
        str, typer.Option(metavar="NAME", help="grid: the table by this figure, the highest first; -NAME: the lowest.")
    ] = "pnl",
    seconds: Annotated[float | None, typer.Option(callback=finite, min=0, metavar="N", help="Stop by itself after N seconds.")] = None,
    real_money: Annotated[bool, typer.Option("--yes-real-money", help="Needed where the endpoint is not on this machine.")] = False,
    verify: Annotated[
        Path | None, typer.Option(metavar="JOURNAL", help="Decide again what a trader decided, and count the differences.")
    ] = None,
    check_lookahead: Annotated[
        bool, typer.Option("--check-lookahead", help="backtest: run it in pieces; does it decide by what it had seen, and nothing else?")
    ] = False,
    stop_at_damage: Annotated[
        bool, typer.Option("--stop-at-damage", help="backtest: end where a piece of the recording cannot be read, not go on behind it.")
    ] = False,
    dev: Annotated[
        bool, typer.Option("--dev", help="Check every event, tell what a strategy uses besides them: slower, for who writes it.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Run a strategy.

    Every order is written into the journal before it is sent. SIGTERM and Ctrl-C end it: entries are cancelled, positions and their
    stops stay. With --mode backtest the same strategy is run on what was recorded: nothing is sent anywhere, and the same input gives the
    same journal. --verify proves that a run live or on paper decided what this strategy decides. --set takes keys of the configuration, and
    the strategy's own parameters by their names.

    Example: hoga trade my.py --mode backtest --start 2026-11-20 --end 2026-11-21 -c hoga.conf
    """
    if verify is None and mode not in _MODES:
        raise ConfigError([ConfigMistake("command line", None, "--mode", mode, f"one of {', '.join(_MODES)}")])
    from hoga.app.trader.strategies import split_settings

    params, settings = split_settings(strategy, settings)
    if verify is not None:
        from hoga.cli._verify import run_verify

        return run_verify(strategy, verify, config, settings, data, params=params, as_json=as_json)
    if check_lookahead:
        from hoga.cli._lookahead import run_lookahead

        return run_lookahead(
            strategy, words(symbols), config, settings, data, params=params, start=start, end=end, bars=bars, as_json=as_json
        )
    if grid and mode != "backtest":
        raise ConfigError([ConfigMistake("command line", None, "--grid", f"--mode {mode}", "--mode backtest")])
    if grid:
        from hoga.cli._sweep import run_sweep

        return run_sweep(
            strategy, words(symbols), config, settings, data, params=params, start=start, end=end, bars=bars, grid=grid, jobs=jobs,
            sort=sort, as_json=as_json,
        )  # fmt: skip
    if mode == "backtest":
        from hoga.cli._backtest import run_backtest

        return run_backtest(
            strategy, words(symbols), config, settings, data, params=params, start=start, end=end, bars=bars,
            stop_at_damage=stop_at_damage, dev=dev, as_json=as_json,
        )  # fmt: skip
    from hoga.app.preflight import check_machine
    from hoga.app.trader.testnet import on_testnet
    from hoga.app.trader.trading import plan_trade
    from hoga.app.trader.trading import trade as run_trader
    from hoga.cli.report import end_run
    from hoga.cli.run import load_for_run, logging_of
    from hoga.runtime.loop import run as run_loop

    loaded = on_testnet(load_for_run(config, settings, data))
    check_machine(loaded, data_option=data is not None)
    plan = plan_trade(loaded, strategy, tuple(words(symbols)), mode, params)
    if plan.real_money and not real_money:
        found = "an endpoint that is not on this machine"
        raise ConfigError(
            [ConfigMistake("command line", None, "--yes-real-money", found, "the flag, once you mean it: real money is at stake")]
        )

    def told(check: Check) -> None:
        if not as_json:
            note(f"{check.name}: {check.found}{f' ({check.advice})' if check.advice else ''}")

    def ready(trader: Trader) -> None:
        note(f"trading {', '.join(plan.limits)}")

    with logging_of(loaded.program):
        if not as_json:
            _show(loaded, plan, mode)
        lines = None if as_json else note
        ended = run_loop(
            run_trader(
                loaded,
                plan,
                mode=mode,
                seconds=seconds,
                on_ready=ready,
                on_check=told,
                on_status=lambda line: lines(f"{mode} {line}") if lines else None,
                dev=dev,
                again=lambda: on_testnet(load_for_run(config, settings, data)),
            )
        )
    return end_run(ended, as_json=as_json, verdict=_verdict)


def _show(config: Config, plan: TradePlan, mode: str) -> None:
    """The effective settings."""
    if plan.testnet:
        note(f"TESTNET at {', '.join(plan.testnet)}: no real money")
    note(f"{mode}: {', '.join(key for key, _ in plan.strategies)}; journal {plan.journal}")
    for _, strategy in plan.strategies:
        if strategy.p.items():
            note(f"{strategy.symbol}: {', '.join(f'{name} {value}' for name, value in strategy.p.items().items())}")
    for name in plan.symbols:
        venue = config.venue(name)
        note(f"{name} at {venue.rest_url}: ON_STOP {venue.on_stop}, ON_FAULT {venue.on_fault}, TRADER {venue.trader}")
    for symbol, limits in plan.limits.items():
        unset = "the account's own"
        own = f"leverage {limits.leverage or unset}, margin {limits.margin_type or unset}"
        money = f"an order {limits.max_order_notional}, a position {limits.max_position_notional}, a day's loss {limits.max_daily_loss}"
        note(f"{symbol}: at most {money}, {limits.max_orders_per_sec} orders/s, collar {limits.price_collar_bp:g} bp; {own}")


def _verdict(end: TradeEnd) -> None:
    held = ", ".join(f"{symbol} {quantity}" for symbol, quantity in end.held.items())
    print_text(
        f"{end.verdict}: {end.orders} orders, {end.fills} fills, net {end.pnl} {end.pnl_currency}{f'; held: {held}' if held else ''}"
    )
    if (table := end.shadow) is not None:
        print_text(f"beside the live account: {table.paired} fills in pairs, {table.only_paper} on paper only, {table.only_real} real only")
        if table.paired:
            print_text(f"paper was {table.price_bp_mean:+.2f} bp worse on average, {table.later_ms_median:+.0f} ms later in the median")
        for symbol, (paper, real) in table.positions.items():
            print_text(f"{symbol}: {paper} on paper, {real} real since the start")
    if end.incident:
        note(f"incident {end.incident}: `hoga resume {end.incident}` lets it go on")
    from hoga.runtime.checkout import called

    note(f"next: {called()} audit timeline {Path(end.journal).parent}")
