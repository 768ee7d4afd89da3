"""cli.bench: `hoga bench`, the way in to the benchmarks, which lie beside the program in a checkout and are not installed with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hoga.cli._values import finite
from hoga.core.errors import ConfigError, ConfigMistake

__all__ = ["register"]

_MISSING = "the benchmarks are not installed with hoga; in a checkout of it, ./hoga bench runs them"


def register(app: typer.Typer) -> None:
    """Add `hoga bench` to `app`."""
    app.command("bench")(bench)


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Some minutes' work: does everything run, is nothing lost? How fast it is is not judged.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this measurement; repeatable.")] = None,
    seconds: Annotated[
        float | None, typer.Option(callback=finite, min=0.5, metavar="N", help="Length of each paced measurement [default: 10].")
    ] = None,
    repeat: Annotated[int | None, typer.Option(min=1, metavar="N", help="Runs of each measurement [default: 5].")] = None,
    symbols: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Symbols in a burst.")] = 100,
    frames: Annotated[Path | None, typer.Option(metavar="FILE", help="Captured depth20 frames to send.")] = None,
    folder: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to work: this disk is measured.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the result as a page in docs/results.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Measure hoga on this machine.

    Every figure stands beside the bar that it must reach.

    Example: hoga bench --only burst --only paced
    """
    _find_bench()
    from bench.command import run_bench

    return run_bench(
        quick=quick,
        only=only,
        seconds=seconds,
        repeat=repeat,
        symbols=symbols,
        frames=frames,
        folder=folder,
        save=save,
        as_json=as_json,
    )


def _find_bench() -> None:
    """Make `bench` importable: in a checkout it lies beside `src`. Raises ConfigError where this is no checkout."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "bench" / "command.py").is_file():
        raise ConfigError([ConfigMistake("hoga bench", None, "bench", "", "", plain=_MISSING)])
    sys.path.insert(0, str(root))
