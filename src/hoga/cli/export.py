"""cli.export: `hoga export`: the archive as CSV, Parquet, or what hftbacktest reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._complete import kinds, series
from hoga.cli._output import note, print_json, print_text
from hoga.cli._recorded import Fill, mistake, nearest, pick, require_kind, time_of
from hoga.cli._written import require_replaceable

if TYPE_CHECKING:
    from hoga.history.asking import Asked

__all__ = ["register"]

_SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "hftbacktest": ".npz"}
"""Form → how its files are named."""
_TIMES = ("event", "transaction")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export")(export)


def export(
    target: Annotated[str, typer.Argument(metavar="PATH|VENUE:SYMBOL", help="What to read.", autocompletion=series)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write. An earlier result is replaced, recorded data never.")],
    to: Annotated[str, typer.Option("--to", metavar="FORM", help="csv, parquet or hftbacktest.")],
    kind: Annotated[
        str | None, typer.Option(metavar="K", help="orderbook, execution, … [default: the only one].", autocompletion=kinds)
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="T", help="Received at or after this time (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="Received before this time (UTC).")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data folder of VENUE:SYMBOL.")] = Path("data"),
    time: Annotated[str, typer.Option(metavar="W", help="The exchange's time for hftbacktest: event or transaction.")] = "event",
    shift_clock: Annotated[
        bool, typer.Option("--shift-clock", help="For hftbacktest: move local times until nothing is received before it happens.")
    ] = False,
    fill: Fill = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Write records in another form.

    csv has the venue's own texts; parquet integers of ticks and lots with their units; hftbacktest one array `data` of events: books as
    differences, trades, a clear where a gap begins. Trades that hoga heal has fetched have no receipt; for hftbacktest they are the
    exchange's alone. Nothing is made up, and the file is whole or absent.

    Example: hoga export binance:BTCUSDT --to hftbacktest --start 2026-11-20 --end 2026-11-21 btcusdt.npz
    """
    from hoga.history.export import export as write

    form, clock = _word("--to", to, tuple(_SUFFIXES)), _word("--time", time, _TIMES)
    if out.is_dir():
        raise mistake("OUT", str(out), "the name of a file, not a folder")
    if not out.absolute().parent.is_dir():
        raise mistake("OUT", str(out), "a file in a folder that exists")
    require_replaceable("OUT", out, [Path(target)])
    if out.exists() and out.suffix and out.suffix == Path(target).suffix != _SUFFIXES[form]:  # the second capture of a pattern
        raise mistake("OUT", str(out), f"a new file, or one that ends in {_SUFFIXES[form]}")
    asked = _asked(target, kind, start, end, data, every_kind=form == "hftbacktest")
    written = write(asked, form, out, time=clock, shift_clock=shift_clock, fill=fill)
    if shift_clock:
        note(f"local times were moved by {written.shifted_ns / 1e6:g} ms")
    if written.trade_gaps:
        gaps = "a gap" if written.trade_gaps == 1 else f"{written.trade_gaps} gaps"
        note(f"trades have {gaps} in that span, of which this form cannot tell: hoga coverage names them")
    if as_json:
        document = {
            "ok": True,
            "file": str(written.file),
            "records": written.records,
            "rows": written.rows,
            "shifted_ns": written.shifted_ns,
        }
        print_json(document)
    else:
        print_text(f"{written.file}: {written.records} records, {written.rows} {'events' if form == 'hftbacktest' else 'rows'}")
    return 0


def _asked(target: str, kind: str | None, start: str | None, end: str | None, data: Path, *, every_kind: bool) -> Asked:
    """The series that were named. Raises ConfigError, ArchiveError."""
    from hoga.archive.form.store import look
    from hoga.history.asking import ask_all

    start_ns, end_ns = time_of("--start", start), time_of("--end", end)
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise mistake("--start", str(start), f"a time before --end {end}")
    if look(Path(target)) is None:
        require_kind(kind, pick(target, data).days)  # mistakes of the command line are told as such
    asked = ask_all(target, kind, None, start_ns, end_ns, data)
    found = sorted({series.kind for series in asked.series})
    if len(found) > 1 and not every_kind:
        raise mistake("--kind", "none", f"one of {', '.join(found)}")
    if len(asked.series) > 1 and not every_kind:
        raise mistake("PATH", target, f"one series; there are {', '.join(series.name for series in asked.series[:5])}")
    return asked


def _word(key: str, found: str, words: tuple[str, ...]) -> str:
    if found not in words:
        raise mistake(key, found, f"one of {', '.join(words)}", nearest=nearest(found, list(words)))
    return found
