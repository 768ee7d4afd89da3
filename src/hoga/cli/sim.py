"""cli.sim: `hoga sim`, the exchange simulator as a process of its own."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import venues as complete_venues
from hoga.cli._output import note, print_json, print_text, words
from hoga.cli._recorded import mistake
from hoga.cli._simulating import pace_of, require_files, serve
from hoga.cli._values import finite

if TYPE_CHECKING:
    from hoga.simulator import Simulator

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga sim` to `app`."""
    app.command("sim")(sim)


def sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_534, help="Port of the streams; REST is on the next one. 0: the system chooses both.")
    ] = 0,
    venues: Annotated[
        str, typer.Option(help="Venues to simulate, comma-separated: binance, binance-usdm, upbit.", autocompletion=complete_venues)
    ] = "binance",
    symbols: Annotated[
        str,
        typer.Option(
            help="Symbols to trade, comma-separated; each venue takes those spelt like its own [default: some twenty well-known ones]."
        ),
    ] = "",
    replay: Annotated[list[Path] | None, typer.Option(metavar="PATH", help="Serve captures instead of a live market; repeatable.")] = None,
    replay_start_delay: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds between the first subscription and the replay.")
    ] = 1.0,
    replay_loop: Annotated[bool, typer.Option("--replay-loop", help="Begin again when the replay is over.")] = False,
    more_captures: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="More captures for --replay.")] = None,
    speed: Annotated[str, typer.Option(metavar="X", help="Run the clock X times as fast; `max` replays as fast as clients read.")] = "1",
    seed: Annotated[int, typer.Option(help="The market is a function of this number.")] = 1,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="Fault script: JSON lines, or TOML with [[fault]] tables.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve wss and https with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key [default: in the certificate's file].")] = None,
    seconds: Annotated[float | None, typer.Option(callback=finite, min=0, metavar="N", help="Stop after N seconds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready.")] = False,
) -> int:
    """Simulate an exchange on loopback.

    Streams, REST, private streams, and every fault on command.

    Example: hoga sim --port 9443 --symbols BTCUSDT,ETHUSDT
    """
    from hoga.runtime.loop import run
    from hoga.simulator import KNOWN_SYMBOLS, Simulator, SimulatorConfig

    chosen = _venues(venues)
    require_files({"--tls-cert": tls_cert, "--tls-key": tls_key})
    captures = _captures(replay, more_captures)
    pace = pace_of(speed, replaying=bool(captures))
    names = words(symbols.upper())
    _tell_left_out(chosen, names)
    config = SimulatorConfig(
        venues=chosen,
        host=host,
        port=port,
        seed=seed,
        speed=pace or 1.0,
        faults=faults,
        tls_cert=tls_cert,
        tls_key=tls_key,
        replay=captures,
        replay_max=pace is None,
        replay_start_delay_s=replay_start_delay,
        replay_loop=replay_loop,
        symbols=names or KNOWN_SYMBOLS,
    )

    async def live() -> int:
        simulator = Simulator(config)
        return await serve(simulator, lambda: _announce(simulator, as_json=as_json), seconds=seconds)

    return run(live())


def _tell_left_out(venues: tuple[str, ...], symbols: tuple[str, ...]) -> None:
    """Say what of the symbols goes nowhere, and which venue has none of them."""
    from hoga.venues.registry import VENUES as KNOWN

    known = [KNOWN[name] for name in venues if name in KNOWN]
    for symbol in symbols:
        if not any(spec.is_symbol(symbol) for spec in known):
            note(f"{symbol} is left out: it is spelt like a symbol of none of {', '.join(venues)}")
    for spec in known:
        if symbols and not any(spec.is_symbol(symbol) for symbol in symbols):
            note(f"{spec.name}: none of the symbols is spelt like its own; it simulates its usual ones")


def _venues(text: str) -> tuple[str, ...]:
    from hoga.simulator import VENUES

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in VENUES:
            raise mistake("--venues", name or "nothing", " or ".join(VENUES), nearest=next(iter(get_close_matches(name, VENUES)), None))
    return names


def _captures(replay: list[Path] | None, more: list[Path] | None) -> tuple[Path, ...]:
    if more and not replay:
        raise mistake("PATH", str(more[0]), "captures after --replay only")
    paths = (*(replay or ()), *(more or ()))
    for path in paths:
        if not path.exists():
            raise mistake("--replay", str(path), "a capture file or a folder of them")
    return paths


def _announce(simulator: Simulator, *, as_json: bool) -> None:
    environment = simulator.environment()
    if as_json:
        logins = {name: simulator.login(name) for name in simulator.venues}
        venues = {name: venue.urls | dict(zip(("key", "secret"), logins[name], strict=True)) for name, venue in simulator.venues.items()}
        print_json({"ready": True, "venues": venues, "environment": environment})
        return
    for name, venue in simulator.venues.items():
        print_text(f"{name} streams  {venue.urls['ws']}")
        print_text(f"{name} REST     {venue.urls['rest']}" + (" (history too)" if "history" in venue.urls else ""))
    for name, venue in simulator.venues.items():
        if simulator.config.replay and venue.player is None:
            note(f"{name}: the captures hold nothing of it; its market is a seeded one")
    for variable, value in environment.items():
        note(f"export {variable}={value}")
    note(f"truth and faults: {simulator.rest_url}/sim/status; ready, Ctrl-C to stop")
