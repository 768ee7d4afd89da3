"""cli.demo: `hoga demo`, the first thing anybody runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import venues as complete_venues
from hoga.cli._output import error_line, note, print_json, print_text, words
from hoga.cli._values import finite
from hoga.cli.config import JsonOption
from hoga.core.times import iso_of

if TYPE_CHECKING:
    from hoga.app.demo import DemoResult

__all__ = ["register"]

_PLAIN_EVERY = 5


def register(app: typer.Typer) -> None:
    """Add `hoga demo` to `app`."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[
        float | None, typer.Option(callback=finite, min=5, metavar="N", help="Stop by itself after N seconds [default: Ctrl-C].")
    ] = None,
    venues: Annotated[
        str, typer.Option(help="Venues to simulate and record, comma-separated.", autocompletion=complete_venues)
    ] = "binance,binance-usdm,upbit",
    symbols: Annotated[
        str,
        typer.Option(
            help="Symbols to simulate and record, comma-separated; each venue takes those spelt like its own [default: two each]."
        ),
    ] = "",
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the demo's own.")] = Path("demo-data"),
    port: Annotated[int, typer.Option(min=1024, max=65_000, help="First port to try; the next free ones are taken.")] = 18_443,
    speed: Annotated[
        float, typer.Option(callback=finite, min=0.1, max=100, metavar="X", help="Run the simulated market X times as fast.")
    ] = 1.0,
    as_json: JsonOption = False,
) -> int:
    """See it work, without keys or internet.

    Simulates the venues, records from them, cuts the connections on purpose, heals, and ends with a verdict.

    Example: hoga demo --seconds 60
    """
    from hoga.app.demo import Demo, DemoOptions, prepare_folder, symbols_of
    from hoga.runtime.log_pipe import LogPipe
    from hoga.runtime.logs import setup_logging
    from hoga.runtime.loop import run as run_loop

    wanted = symbols_of(words(venues.lower()), words(symbols.upper()))
    for name in words(venues.lower()):
        if name not in wanted:
            note(f"{name} is left out: none of the symbols is spelt like its own")
    passed_by = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, (passed_by, "127.0.0.1")))  # the exchange of the demo is in this process
    options = DemoOptions(seconds=seconds, symbols=wanted, data=data.resolve(), port=port, speed=speed)
    prepare_folder(options.data)
    screen = _Screen()
    logs = setup_logging(directory=options.data / "logs", console=False)
    inlet = LogPipe(logs)
    inlet.start()
    try:
        show = Demo(options, say=screen.say, live=screen.live, log_tail=lambda: (logs.recent, logs.dropped))
        result = run_loop(show.run(inlet.address, dict(os.environ)))
    finally:
        inlet.close()
        logs.close()
        screen.close()
    if as_json:
        print_json({"ok": result.ok, "records": result.records, "gaps": result.gaps, "verify": result.verify, "data": result.data})
    else:
        _verdict(result)
    for problem in result.verify.problems[:10]:
        error_line(f"{problem.file}: {problem.kind}: {problem.detail}")
    return 0 if result.ok else 1


def _verdict(result: DemoResult) -> None:
    from hoga.quality.incidents import count_text, describe
    from hoga.runtime.checkout import called

    shown, report = os.path.relpath(result.data), result.verify
    print_text("")
    for incident in report.incidents:
        print_text(f"incident: {iso_of(incident.from_ns)}: {describe(incident)}")
    verdict = "good" if result.ok else f"{len(report.problems)} problems"
    happened = count_text(len(report.incidents), report.gaps)
    print_text(f"{result.records:,} records on disk, {happened} in the ledger, verify: {verdict}")
    print_text(f"files: {shown} (any unzip reads them)")
    print_text("try next:")
    hoga = called()
    print_text(f"  {hoga} ls {shown}")
    print_text(f"  {hoga} cat {shown} --kind orderbook | head -3")
    print_text(f"  {hoga} verify {shown}")
    print_text(f"  {hoga} view {shown}        # drag to any instant, in the browser")
    books = min(Path(result.data).glob("*/orderbook"), default=None)
    if books is not None:
        code = f'import hoga; print(hoga.load("{os.path.relpath(books)}").numpy())'
        print_text(f"  {os.path.relpath(sys.executable)} -c '{code}'")
    print_text(f"  {hoga} config init && {hoga} run        # the real thing")


class _Screen:
    """Lines for people on stderr: a live one that stays in place on a terminal, a plain one now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = False
        self._count = 0

    def say(self, text: str) -> None:
        """A line that stays."""
        self.close()
        note(text)

    def live(self, text: str) -> None:
        """The live line."""
        self._count += 1
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._shown = True
        elif self._count % _PLAIN_EVERY == 0:
            note(text)

    def close(self) -> None:
        """Leave the live line as it is."""
        if self._shown:
            sys.stderr.write("\n")
            self._shown = False
