"""app.trader.strategies: a user's file of strategies: read, chosen, made, with its parameters.

The file is run as a module of its own; whatever is wrong in it is one line: the file, the line, what it says.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from hoga.app.config.keys import BY_NAME
from hoga.app.config.parse import nearest_name
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.trading.strategy import BadParameter, Params, Strategy, parameter_of
from hoga.venues.registry import VENUES

__all__ = ["MODULE_PREFIX", "around_files", "instances_of", "read_strategy", "split_settings"]

MODULE_PREFIX = "hoga_strategy_"
"""So begins the module name of a user's file."""
_TYPES = (bool, int, float, str, Decimal)
"""Of which parameters are."""
_around: list[Callable[[str], AbstractContextManager[object]]] = []


def read_strategy(text: str) -> type[Strategy]:
    """The class that `FILE.py` or `FILE.py:Class` means. Raises ConfigError."""
    name, _, wanted = text.partition(":")
    path = Path(name)
    if not path.is_file() or path.suffix != ".py":
        raise _mistake(text, path.name if path.is_file() else "no such file", "a Python file with a hoga.Strategy, as my.py or my.py:Cross")
    found = [each for each in vars(_run(path)).values() if isinstance(each, type) and issubclass(each, Strategy)]
    own = {each.__name__: each for each in found if each.__module__ == _module_name(path)}
    if wanted:
        if wanted not in own:
            raise _mistake(text, f"no class {wanted}", f"one of {', '.join(own) or 'none'}")
        return _sane(own[wanted])
    if len(own) != 1:
        raise _mistake(text, f"{len(own)} strategies: {', '.join(own) or 'none'}", f"one, or its name: {path}:NAME")
    return _sane(next(iter(own.values())))


def _sane(kind: type[Strategy]) -> type[Strategy]:
    """The class, once what it says of itself is what it should be. Raises ConfigError."""
    if (
        not isinstance(kind.symbol, str)
        or not isinstance(kind.symbols, (tuple, list))
        or not all(isinstance(each, str) for each in kind.symbols)
    ):
        raise _mistake(kind.__name__, f"symbol = {kind.symbol!r}, symbols = {kind.symbols!r}", 'texts of the form "VENUE:SYMBOL"')
    if not isinstance(kind.params, Mapping):
        raise _mistake(kind.__name__, f"params = {kind.params!r}", 'a mapping as {"size": "0.010"}')
    for name, default in kind.params.items():
        each = default if isinstance(default, tuple | list) else (default,)
        if not isinstance(name, str) or not name.isidentifier() or not each or not all(isinstance(one, _TYPES) for one in each):
            expected = "a name, and an int, a float, a bool, a text, a Decimal, or several of them to choose from"
            raise _mistake(kind.__name__, f"params: {name!r}: {default!r}", expected)
    return kind


@contextmanager
def around_files(act: Callable[[str], AbstractContextManager[object]]) -> Iterator[None]:
    """Meanwhile a strategy's file is run inside `act(its path)`."""
    _around.append(act)
    try:
        yield
    finally:
        _around.remove(act)


def _module_name(path: Path) -> str:
    return f"{MODULE_PREFIX}{path.stem}"


def _run(path: Path) -> Any:
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a Python file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        with ExitStack() as stack:
            for act in _around:
                stack.enter_context(act(str(path)))
            spec.loader.exec_module(module)
    except Exception as fault:
        lines = [each.lineno for each in traceback.extract_tb(fault.__traceback__) if each.filename == str(path)]
        line = getattr(fault, "lineno", None) if isinstance(fault, SyntaxError) else (lines[-1] if lines else None)
        where = f"{path}:{line}" if line else str(path)
        raise _mistake(where, f"{type(fault).__name__}: {fault}", "a file that Python can run") from fault
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return module


def instances_of(kind: type[Strategy], symbols: tuple[str, ...], params: Mapping[str, Mapping[str, str]]) -> list[tuple[str, Strategy]]:
    """(key, instance): one for each of `symbols`, or one with the symbols that its class names.

    `params`: by symbol ("": all of them), texts in place of the class's own values. Raises ConfigError.
    """
    named = tuple(kind.symbols) or ((kind.symbol,) if kind.symbol else ())
    if not symbols and not named:
        raise _mistake(kind.__name__, "no symbol", 'symbol = "VENUE:SYMBOL" in the class, or --symbols')
    made: list[tuple[str, Strategy]] = []
    for wanted in [(each,) for each in symbols] if symbols else [named]:
        whole = tuple(_full(kind, each, named) for each in wanted)
        try:
            strategy = kind()
        except Exception as fault:
            raise _mistake(kind.__name__, f"{type(fault).__name__}: {fault}", "a class that can be made without arguments") from fault
        strategy.symbol, strategy.symbols = whole[0], whole
        given = dict(params.get("", {})) | dict(params.get(whole[0], {}))
        _require_known(kind, whole[0], given)
        strategy.p = Params({name: _as(kind, name, default, given) for name, default in kind.params.items()})
        made.append((f"{kind.__name__}/{'+'.join(whole)}", strategy))
    return made


def _full(kind: type[Strategy], symbol: str, named: tuple[str, ...]) -> str:
    """With its venue before it: its own, else that of the class's symbol."""
    venue, colon, name = symbol.partition(":")
    if not colon:
        venue, name = (named[0].partition(":")[0] if named else ""), symbol
    if venue not in VENUES or not name:
        raise _mistake(kind.__name__, symbol, f"VENUE:SYMBOL, with one of {', '.join(VENUES)}")
    return f"{venue}:{name}"


def split_settings(strategy: str, settings: Sequence[str] | None) -> tuple[dict[str, str], list[str]]:
    """Of `--set NAME=VALUE`: the parameters of a strategy, as texts, and what is for the configuration.

    A name that is neither, and belongs to no venue, is a mistake: the nearest of both is named. Raises ConfigError.
    """
    if not settings:
        return {}, []
    kind = read_strategy(strategy)
    params: dict[str, str] = {}
    rest: list[str] = []
    for each in settings:
        name, equals, text = each.partition("=")
        name = name.strip()
        if equals and name in kind.params:
            params[name] = text.strip()
            _as(kind, name, kind.params[name], params)
        elif "." in name or ":" in name or not equals or name.upper() in BY_NAME or name.isupper():
            rest.append(each)
        else:
            has = f"a parameter of {kind.__name__} ({', '.join(kind.params) or 'it has none'}), or a key"
            near = nearest_name(name, [*kind.params, *BY_NAME])
            raise ConfigError([ConfigMistake("--set", None, name, "an unknown name", has, near)])
    return params, rest


def _as(kind: type[Strategy], name: str, default: Any, given: Mapping[str, str]) -> Any:
    """A parameter as what its default is: of a choice the first, or the one that was given."""
    where = f"{kind.__name__}.{name}"
    try:
        return parameter_of(name, default, given.get(name))
    except BadParameter as bad:
        near = nearest_name(bad.text, list(bad.choices)) if bad.choices else None
        raise ConfigError([ConfigMistake(where, None, "STRATEGY", bad.text, bad.expected, near)]) from None


def _require_known(kind: type[Strategy], symbol: str, given: Mapping[str, str]) -> None:
    """Raises ConfigError for a parameter that the class does not have, as a section `[venue:SYMBOL]` may name one."""
    strange = [name for name in given if name not in kind.params]
    if strange:
        expected = f"a parameter of {kind.__name__} ({', '.join(kind.params) or 'it has none'}), or a key of the configuration"
        names = [*kind.params, *BY_NAME]
        raise ConfigError([ConfigMistake(f"[{symbol}]", None, name, given[name], expected, nearest_name(name, names)) for name in strange])


def _mistake(where: str, found: str, expected: str) -> ConfigError:
    return ConfigError([ConfigMistake(where, None, "STRATEGY", found, expected)])
