"""cli.replay: `hoga replay`: an archive as a live exchange, with the recording's frames, rhythm and gaps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import kinds, series
from hoga.cli._output import note, print_json, print_text
from hoga.cli._recorded import Fill, mistake, pick, recorded_span, require_kind, time_of
from hoga.cli._simulating import pace_of, require_files, serve

if TYPE_CHECKING:
    from hoga.app.replay import ArchiveTimeline, Wanted
    from hoga.simulator import Simulator

__all__ = ["register"]

_SWITCH_S = 0.0005
"""What is to come is read in a thread; it lets frames that are due go first so often (the interpreter's own 5 ms would be their error)."""


def register(app: typer.Typer) -> None:
    """Add `hoga replay` to `app`."""
    app.command("replay")(replay)


def replay(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="PATH|VENUE:SYMBOL…", help="Files and folders of an archive, or series by name.", autocompletion=series),
    ],
    start: Annotated[str | None, typer.Option(metavar="T", help="Received at or after this time (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="Received before this time (UTC).")] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="K", help="orderbook, execution, delta, quote, … [default: all].", autocompletion=kinds)
    ] = None,
    speed: Annotated[str, typer.Option(metavar="X", help="X times as fast; `max`: as fast as clients read.")] = "1",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="For WebSocket and REST of all venues. 0: the system chooses.")] = 0,
    gaps: Annotated[
        str,
        typer.Option(
            metavar="cut|skip|wait",
            help="In a gap, close the connections that have its streams and refuse them for its length; or leave the time out in which "
            "every series has one; or send nothing.",
        ),
    ] = "cut",
    fill: Fill = True,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again when it is over.")] = False,
    start_delay: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds between the first subscription and the beginning.")] = 1.0,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve wss and https with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key [default: in the certificate's file].")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data folder of VENUE:SYMBOL.")] = Path("data"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready.")] = False,
) -> int:
    """Serve an archive as a live exchange.

    It speaks the venue's own wire protocol, with the recording's timing. Series and venues come in one order, by receipt, from the first
    subscription on; payloads are what the venue sent, byte for byte. REST answers with the instruments and books of that moment. Point any
    client at it. Trades that hoga heal has fetched come at the venue's time. Afterwards connections stay open; Ctrl-C ends it.
    Where a file is damaged, what comes before it is played, then one line on stderr, exit status 1.

    Example: hoga replay binance:BTCUSDT --start 2026-11-20T13:15 --end 2026-11-20T14:00 --speed 10
    """
    from hoga.app.replay import Gaps, Wanted, timelines_of
    from hoga.runtime.loop import run
    from hoga.simulator import Simulator, SimulatorConfig

    pace = pace_of(speed, replaying=True)
    require_files({"--tls-cert": tls_cert, "--tls-key": tls_key})
    if gaps not in list(Gaps):
        raise mistake("--gaps", gaps, " or ".join(Gaps))
    start_ns, end_ns = time_of("--start", start), time_of("--end", end)
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise mistake("--start", str(start), f"a time before --end {end}")
    picked = [pick(target, data) for target in targets]
    days = [day for each in picked for day in each.days]
    require_kind(kind, days)
    journals = sorted({path for each in picked for path in each.journals})
    wanted = Wanted(days=days, kind=kind, journals=journals, start_ns=start_ns, end_ns=end_ns, gaps=Gaps(gaps), fill=fill)
    for each in picked:
        each.found.require_whole()
    timelines = timelines_of(wanted)
    if not timelines:
        _refuse_nothing(wanted, targets, start, end)
    config = SimulatorConfig(
        venues=tuple(timelines),
        host=host,
        port=port,
        one_port=True,
        speed=pace or 1.0,
        tls_cert=tls_cert,
        tls_key=tls_key,
        replay_max=pace is None,
        replay_start_delay_s=start_delay,
        replay_loop=loop,
    )
    sys.setswitchinterval(_SWITCH_S)

    async def play() -> int:
        simulator = Simulator(config, timelines=timelines)
        return await serve(simulator, lambda: _announce(simulator, timelines, as_json=as_json))

    return run(play())


def _refuse_nothing(wanted: Wanted, targets: list[str], start: str | None, end: str | None) -> None:
    """Raises ConfigError: there is nothing to play."""
    span = recorded_span(wanted.days)
    if start is None and end is None:
        raise mistake("PATH", ", ".join(targets), "something of a venue that was recorded")
    found = f"{start or 'the beginning'} to {end or 'now'}"
    raise mistake("--start, --end", found, f"a time with records; recorded: {span or 'nothing'}")


def _announce(simulator: Simulator, timelines: dict[str, ArchiveTimeline], *, as_json: bool) -> None:
    environment = {**simulator.environment(), "HOGA_LATENCY_GATE": "off"}
    for timeline in timelines.values():
        for why in timeline.skipped:
            note(f"left out: {why}")
    if as_json:
        venues = {name: venue.urls for name, venue in simulator.venues.items()}
        print_json({"ready": True, "venues": venues, "environment": environment})
        return
    for name, timeline in timelines.items():
        urls = simulator.venues[name].urls
        print_text(f"{name}: {', '.join(timeline.symbols)}; streams {urls['ws']}, REST {urls['rest']}")
    for variable, value in environment.items():
        note(f"export {variable}={value}")
    note(f"begins with the first subscription; status: {simulator.rest_url}/sim/status; Ctrl-C to stop")
