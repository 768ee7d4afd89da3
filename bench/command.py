"""bench.command: what `hoga bench` does with its options: measure, print, keep."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from time import time_ns

from bench.report import markdown, rows
from bench.suite import PARTS, Report, Settings, run_suite
from hoga.cli._output import note, print_json, print_table, print_text
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.times import iso_of

__all__ = ["run_bench"]

_RIGHT = frozenset({1, 2, 4, 5})
_RESULTS = Path("docs/results")
_CAPTURE = Path("../shared/data/binance-spot/derived_depth20_btcusdt_20240808.gz")
"""Real books, beside a checkout that has them; a random walk does otherwise."""


def run_bench(
    *,
    quick: bool,
    only: list[str] | None,
    seconds: float | None,
    repeat: int | None,
    symbols: int,
    frames: Path | None,
    folder: Path | None,
    save: bool,
    as_json: bool,
) -> int:
    """Measure, print, and return the exit status: 1 when a bar was missed. The arguments are the options of `hoga bench`.

    Raises ConfigError for an option that cannot be used, BenchFailed for a measurement that could not be taken.
    """
    report = run_suite(_settings(quick, only, seconds, repeat, symbols, frames, folder), tell=note)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if save:
        note(f"kept in {_save(report)}")
    return 0 if report.ok else 1


def _settings(
    quick: bool, only: list[str] | None, seconds: float | None, repeat: int | None, symbols: int, frames: Path | None, folder: Path | None
) -> Settings:
    for name in only or ():
        if name not in PARTS:
            raise _mistake("--only", name, f"one of {', '.join(PARTS)}", PARTS)
    for option, path in (("--frames", frames), ("--folder", folder)):
        if path is not None and not path.exists():
            raise _mistake(option, str(path), "a file or folder that exists", ())
    if frames is None and _CAPTURE.exists():
        frames = _CAPTURE
    settings = Settings(
        only=tuple(only or PARTS),
        symbols=symbols,
        seconds=seconds or 10.0,
        streams_s=seconds or 60.0,
        repeat=repeat or 5,
        capture=str(frames.resolve()) if frames else None,
        folder=str(folder) if folder else None,
    )
    return settings.quick(seconds or 2.0) if quick else settings


def _mistake(option: str, found: str, expected: str, names: tuple[str, ...]) -> ConfigError:
    near = get_close_matches(found, names, n=1)
    return ConfigError([ConfigMistake("command line", None, option, found, expected, near[0] if near else None)])


def _print(report: Report) -> None:
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    print_text(f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB, load {machine.load:g}; {machine.kernel}")
    print_text(f"hoga {machine.hoga}, Python {machine.python}, {packages}")
    print_text("")
    print_table(["what", "measured", "spread", "unit", "required", "aim", "verdict"], rows(report.figures), right=_RIGHT)
    notes = [each for each in report.figures if each.note and each.name.startswith("peers.burst")]
    for each in notes:
        print_text(f"{each.label.partition(': ')[2]}: {each.note}")


def _save(report: Report) -> Path:
    when = iso_of(time_ns())
    kind = "".join(sign if sign.isalnum() else "-" for sign in f"{report.machine.cpu}-{report.machine.cores}".lower())
    _RESULTS.mkdir(parents=True, exist_ok=True)
    path = _RESULTS / f"bench-{when[:10]}-{kind}.md"
    path.write_text(markdown(report, when=when), encoding="utf-8")
    return path
