"""app.backtest.probing: what a strategy uses besides its events: clock, randomness, files, network, other processes. For `--dev`.

While a hook runs, every call of a builtin is looked at (`sys.setprofile`), wherever the hook led; what is on the list is named with the
line of the strategy's file that led there. It costs some microseconds a call: for who writes strategies.

What a strategy's file reads while it is run, or set up, is met by `Reads` (an audit hook of the interpreter, which cannot be taken off
again, and does nothing while nobody listens). What a library reads below the interpreter is met by `app.backtest.below`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from hoga.app.backtest.below import Below
from hoga.app.trader.strategies import MODULE_PREFIX
from hoga.trading.strategy import Strategy

__all__ = ["THE_FILE", "Beneath", "Probe", "Reads", "Use"]

_WALL, _CHANCE, _FILES, _NETWORK, _PROCESSES, _WAITS = "wall time", "randomness", "files", "the network", "other processes", "waiting"
_NAMES = {
    ("time", "time"): _WALL, ("time", "time_ns"): _WALL, ("time", "monotonic"): _WALL, ("time", "monotonic_ns"): _WALL,
    ("time", "perf_counter"): _WALL, ("time", "perf_counter_ns"): _WALL, ("time", "localtime"): _WALL, ("time", "gmtime"): _WALL,
    ("time", "sleep"): _WAITS,
    ("_io", "open"): _FILES, ("io", "open"): _FILES, ("builtins", "open"): _FILES, ("posix", "open"): _FILES, ("posix", "listdir"): _FILES,
    ("posix", "scandir"): _FILES, ("_sqlite3", "connect"): _FILES, ("sqlite3", "connect"): _FILES,
    ("posix", "urandom"): _CHANCE, ("_operator", "urandom"): _CHANCE,
    ("_posixsubprocess", "fork_exec"): _PROCESSES, ("posix", "fork"): _PROCESSES, ("posix", "system"): _PROCESSES,
}  # fmt: skip
_OF_CLASSES = {
    ("datetime", "now"): _WALL, ("datetime", "utcnow"): _WALL, ("datetime", "today"): _WALL, ("date", "today"): _WALL,
    ("Random", "random"): _CHANCE, ("Random", "getrandbits"): _CHANCE, ("SystemRandom", "random"): _CHANCE,
    ("socket", "connect"): _NETWORK, ("socket", "connect_ex"): _NETWORK, ("socket", "sendto"): _NETWORK,
}  # fmt: skip
_RECORDING = "the recording itself"
THE_FILE = "the file"
"""In place of a hook: while a strategy's file is run."""
_OPENS = frozenset({"open", "os.listdir", "os.scandir", "mmap.__new__", "sqlite3.connect"})
_HOOKS = (*(name for name in vars(Strategy) if name.startswith("on_")), "setup")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """`what` a strategy uses, by which `call`, `where` in its file, in which `hook` first, and how many `times` in all."""

    what: str
    call: str
    where: str
    hook: str
    times: int

    @property
    def matters(self) -> bool:
        """Whether decisions may hang on it: what `setup` reads is the same again as long as the file is."""
        return not (self.hook == "setup" and self.what == _FILES)

    def __str__(self) -> str:
        return f"{self.what}: {self.call} at {self.where} (in {self.hook}, {self.times} times)"


class Reads:
    """What the files of strategies read, in whatever is done inside `with`, by path: the innermost line and its function."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, str, int]] = {}
        self.opened: list[str] = []
        """By whomever in Python, since somebody emptied it."""

    def __enter__(self) -> Reads:
        if not _hooked:
            _hooked.append(True)
            sys.addaudithook(_hear)
        _listening.append(self)
        return self

    def __exit__(self, *of: object) -> None:
        _listening.remove(self)

    def note(self, path: str) -> None:
        """A file is opened, by whomever."""
        self.opened.append(path)
        at: FrameType | None = sys._getframe(2)
        while at is not None and not str(at.f_globals.get("__name__", "")).startswith(MODULE_PREFIX):
            at = at.f_back
        if at is not None:
            where = f"{Path(at.f_code.co_filename).name}:{at.f_lineno}"
            self._found[path] = (where, at.f_code.co_name, self._found.get(path, ("", "", 0))[2] + 1)

    def of(self, recordings: Iterable[Path]) -> list[Use]:
        """Those of them that are what a strategy is tried on, or lie in it: what comes later can be read there, too."""
        found: dict[tuple[str, str], int] = {}
        roots = [each.resolve() for each in recordings]
        for path, (where, function, times) in self._found.items():
            real = Path(path).resolve()
            if any(real.is_relative_to(root) for root in roots):
                found[where, function] = found.get((where, function), 0) + times
        return [
            Use(what=_RECORDING, call="open", where=where, hook=function.replace("<module>", THE_FILE), times=times)
            for (where, function), times in found.items()
        ]


_listening: list[Reads] = []
_hooked: list[bool] = []


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if _listening and event in _OPENS and args and isinstance(args[0], str | bytes | os.PathLike):
        for each in _listening:
            each.note(os.fsdecode(args[0]))


Around = Callable[[str, str], AbstractContextManager[object]]
"""What is to be done around each hook of a strategy, of that name and in that file."""


def _nothing(hook: str, file: str) -> AbstractContextManager[object]:
    return nullcontext()


class Beneath:
    """What is read below Python in hooks, and while a strategy's file is run. `reads`: listens to what Python opens."""

    def __init__(self, below: Below, reads: Reads) -> None:
        self._below, self._reads = below, reads
        self._found: dict[tuple[str, str, str, str], int] = {}

    @contextmanager
    def around(self, hook: str, file: str) -> Iterator[None]:
        """Around each hook, or `THE_FILE`, whose imports read a lot."""
        self._reads.opened.clear()
        self._below.begin()
        try:
            yield
        finally:
            read, names = self._below.end()
            names -= {str(Path(path).resolve()) for path in self._reads.opened} if names else set()
            if names:
                self._note(_RECORDING, f"{Path(min(names)).name}, read below Python,", hook, file)
            elif read and not self._reads.opened and hook != THE_FILE:
                self._note(_FILES, "something read below Python, or of a file that was open before,", hook, file)

    def uses(self) -> list[Use]:
        """What was met so far."""
        return [Use(what=what, call=call, where=where, hook=hook, times=times) for (what, call, where, hook), times in self._found.items()]

    def _note(self, what: str, call: str, hook: str, file: str) -> None:
        key = (what, call, Path(file).name, hook)
        self._found[key] = self._found.get(key, 0) + 1


class Probe:
    """Looks into the hooks of strategies; made before an engine is made of them. `told` is given each use when it is met first."""

    def __init__(
        self, strategies: Iterable[Strategy], told: Callable[[Use], object] = lambda use: None, *, around: Around | None = None
    ) -> None:
        self._found: dict[tuple[str, str], list[Any]] = {}
        self._told = told
        self._beside = around or _nothing
        self._hook = ""
        for each in strategies:
            files = str(Path(sys.modules[type(each).__module__].__file__ or "?").resolve())
            for name in _HOOKS:
                if getattr(type(each), name) is not getattr(Strategy, name):
                    setattr(each, name, self._around(name, getattr(each, name), files))

    def uses(self) -> list[Use]:
        """What was met so far."""
        return [
            Use(what=what, call=call, where=where, hook=hook, times=times) for (call, where), (what, hook, times) in self._found.items()
        ]

    def _around(self, name: str, hook: Callable[..., Any], file: str) -> Callable[..., Any]:
        def look(frame: FrameType, event: str, called: Any) -> None:
            if event == "c_call":
                what, call = _meant(called)
                if what:
                    self._note(what, call, _where(frame, file), name)

        @functools.wraps(hook)
        def watched(*args: Any) -> Any:
            before = sys.getprofile()
            if before is not None:
                return hook(*args)
            with self._beside(name, file):
                sys.setprofile(look)
                try:
                    return hook(*args)
                finally:
                    sys.setprofile(None)

        return watched

    def _note(self, what: str, call: str, where: str, hook: str) -> None:
        found = self._found.get((call, where))
        if found is not None:
            found[2] += 1
            return
        self._found[call, where] = [what, hook, 1]
        self._told(Use(what=what, call=call, where=where, hook=hook, times=1))


def _meant(called: Any) -> tuple[str, str]:
    """What a builtin is for, "" where it does not matter, and its name for people."""
    name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
    module = getattr(called, "__module__", None) or (owner.__name__ if type(owner) is type(sys) else "")
    what = _NAMES.get((module, name), "")
    if what:
        return what, f"{'builtins' if module == '_io' else module.removeprefix('posix') or 'os'}.{name}"
    if owner is not None:
        for kind in (owner if isinstance(owner, type) else type(owner)).__mro__:
            if found := _OF_CLASSES.get((kind.__name__, name)):
                return found, f"{kind.__module__}.{kind.__name__}.{name}"
        if type(owner).__module__.startswith("numpy.random"):
            return _CHANCE, f"numpy.random.{name}"
    return "", ""


def _where(frame: FrameType | None, file: str) -> str:
    """The innermost line of the strategy's own file."""
    at = frame
    while at is not None:
        if at.f_code.co_filename == file or str(Path(at.f_code.co_filename).resolve()) == file:
            return f"{Path(file).name}:{at.f_lineno}"
        at = at.f_back
    return Path(file).name
