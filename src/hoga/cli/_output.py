"""cli._output: how commands print. Results on stdout, everything else on stderr.

`print_json` is the one document of `--json`. `Progress` is a bar on a terminal and a plain line now and then otherwise.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = [
    "Progress",
    "error_line",
    "forget_stdout",
    "json_text",
    "note",
    "print_json",
    "print_table",
    "print_text",
    "print_wrapped",
    "share_text",
    "words",
]

_PLAIN_EVERY_S = 5.0


def print_text(text: str) -> None:
    """One piece of a result, for people, on stdout."""
    line = f"{text}\n"
    sys.stdout.write(line if _is_writable(line) else line.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))


def print_json(value: Any) -> None:
    """The result as one JSON document on one line of stdout, flushed so that a reader of a pipe has it now."""
    text = json_text(value)
    sys.stdout.write((text if _is_writable(text) else json.dumps(json.loads(text))) + "\n")
    sys.stdout.flush()


def json_text(value: Any) -> str:
    """A result as one JSON document. Names of files that are no text have escapes for their bytes, as `os.fsencode` takes them back."""
    import msgspec

    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace").decode()


def forget_stdout() -> None:
    """Nobody takes what is printed any more; without this the interpreter's last flush would end in an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_writable(text: str) -> bool:
    """Whether the terminal's or the pipe's encoding can carry it: symbols are not all in Latin letters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def note(text: str) -> None:
    """A remark beside the result, on stderr. When that is gone (a closed terminal) there is nobody to tell."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def share_text(share: float | None, *, up: bool = False) -> str:
    """`99.99%` of a share of 1: never rounded to the better side, hence `up` for what is missing. `?` for None."""
    if share is None:
        return "?"
    from hoga.archive.form.calendar import percent_of

    return f"{percent_of(share, up=up)}%"


def words(text: str) -> tuple[str, ...]:
    """The words between the commas of an option, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def error_line(text: str) -> None:
    """`hoga: text` on stderr, on one line whatever is in it: names of files hold what others wrote."""
    from hoga.runtime.logs import printable

    note(f"hoga: {printable(text)}")


def print_table(
    headings: list[str],
    rows: list[list[str]],
    *,
    right: frozenset[int] = frozenset(),
    most: int | None = None,
    spare: tuple[int, ...] = (),
) -> None:
    """A table on stdout; the columns in `right` are aligned right. Plain text, so that it can be cut and pasted.

    `most`: no column is padded to more; longer cells are written in full. `spare`: columns that a terminal which is too narrow is not
    shown, the first of them first; a remark says which.
    """
    left_out = _too_many([max(map(len, column)) for column in zip(headings, *rows, strict=True)], spare)
    if left_out:
        kept = [at for at in range(len(headings)) if at not in left_out]
        note(f"not shown in {_columns()} columns: {', '.join(headings[at] for at in sorted(left_out))}; a wider terminal or --json has all")
        headings, rows = [headings[at] for at in kept], [[row[at] for at in kept] for row in rows]
        right = frozenset(place for place, at in enumerate(kept) if at in right)
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    widths = [width if most is None else min(width, most) for width in widths]
    for row in [headings, *rows]:
        cells = [cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))]
        print_text("  ".join(cells).rstrip())


def print_wrapped(text: str, *, hang: int) -> None:
    """As `print_text`; on a terminal broken between words, what follows the first line `hang` places in."""
    if sys.stdout.isatty():
        text = "\n".join(textwrap.wrap(text, _columns(), subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False))
    print_text(text)


def _too_many(widths: list[int], spare: tuple[int, ...]) -> set[int]:
    """The columns of `spare` for which the terminal has no room; none where there is no terminal."""
    left_out: set[int] = set()
    for at in spare if sys.stdout.isatty() else ():
        if sum(width + 2 for place, width in enumerate(widths) if place not in left_out) - 2 <= _columns():
            break
        left_out.add(at)
    return left_out


def _columns() -> int:
    return max(20, shutil.get_terminal_size().columns)


class Progress:
    """Progress of a long job on stderr: a bar on a terminal, plain lines at most every five seconds otherwise.

    `with Progress("verify", total=n) as progress: progress.advance(k)`. `total` None: unknown. `unit`: what is counted, "" for pieces.
    """

    def __init__(self, what: str, *, total: int | None = None, unit: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._unit = f" {unit}" if unit else ""
        self._total = total
        self._done = 0
        self._clock = clock
        self._next_line = 0.0
        self._bar: RichProgress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}"),
            )
            self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(f"{self._what}{self._unit}", total=self._total, detail="")
            self._bar.start()
        self._next_line = self._clock() + _PLAIN_EVERY_S
        return self

    def advance(self, count: int = 1, *, total: int | None = None, detail: str = "") -> None:
        """`count` more are done; `total` corrects the total. `detail`: how fast, or what is at work."""
        self._done += count
        self._total = self._total if total is None else total
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total, detail=detail)
        elif self._clock() >= self._next_line:
            self._next_line = self._clock() + _PLAIN_EVERY_S
            whole = f" of {self._total}" if self._total is not None else ""
            note(f"{self._what}: {self._done}{whole}{self._unit}{f', {detail}' if detail else ''}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
