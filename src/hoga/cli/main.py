"""cli.main: the `hoga` command. Finds the sub-commands, runs one, and turns every outcome into an exit status.

    0  done and good          1  ran and found a problem
    2  usage or configuration error: one line with what, where, what was expected, the nearest valid name
    130  Ctrl-C

A command module has `register(app)`, which adds its commands; it imports nothing heavy until one of them runs, so
that `hoga --help` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

try:
    import typer

    from hoga._version import __version__
    from hoga.cli._output import error_line, forget_stdout, note, print_text
    from hoga.core.errors import ArchiveBusy, ConfigError, HogaError
except KeyboardInterrupt:  # Ctrl-C while the program is still being read: there is nothing yet to stop
    sys.exit(130)

__all__ = ["build_app", "main"]

MODULES = {
    "demo": "demo",
    "run": "run recover",
    "sim": "sim",
    "archive": "verify consolidate ls cat",
    "merge": "merge",
    "relay": "relay",
    "gather": "gather",
    "export": "export",
    "replay": "replay",
    "coverage": "coverage",
    "view": "view",
    "history": "backfill heal",
    "retain": "retain",
    "mirror": "mirror",
    "trade": "trade",
    "report": "report",
    "audit": "audit",
    "exit": "flatten resume",
    "drill": "drill",
    "tree": "tree",
    "config": "config",
    "doctor": "doctor",
    "dashboard": "dashboard top",
    "bench": "bench",
}
"""The command modules in `hoga.cli` and the commands that each adds, in the order of `hoga --help`."""
_HOMES = {command: module for module, commands in MODULES.items() for command in commands.split()}

_HINTS = {
    errno.EMFILE: "too many open files: `ulimit -n 65536`, or LimitNOFILE= in the systemd unit",
    errno.ENFILE: "the whole machine has too many files open",
    errno.ENOSPC: "free some space; `df` says where",
    errno.EROFS: "it is read-only; another folder with --data",
    errno.EACCES: "check owner and permissions, or give another folder",
}

_HELP = """\
Record crypto order books around the clock: nothing lost in silence.

First contact: `hoga demo`. For real: `hoga config init`, then `hoga run`.
"""


def build_app(command: str = "") -> typer.Typer:
    """The command line, without running anything: as much of it as `command` needs, or all of it where that is no command's name."""
    app = typer.Typer(
        name="hoga",
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [_HOMES[command]] if command in _HOMES else MODULES:
        if find_spec(f"hoga.cli.{name}") is not None:
            import_module(f"hoga.cli.{name}").register(app)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status. `arguments` defaults to those of the process."""
    first = (sys.argv[1:] if arguments is None else arguments)[:1]
    try:
        status = build_app(*first)(args=arguments, prog_name="hoga", standalone_mode=False)
        sys.stdout.flush()  # a reader that left is met here, not in the interpreter's last breath
    except ConfigError as error:
        for mistake in error.mistakes:
            error_line(str(mistake))
        return 2
    except ArchiveBusy as error:
        error_line(str(error))
        return 2
    except HogaError as error:
        error_line(str(error))
        return 1
    except typer.TyperException as error:
        _usage_line(error)
        return error.exit_code
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        forget_stdout()
        return 0
    except SystemExit as leaving:  # what typer makes of a reader that left
        if isinstance(leaving.__context__, BrokenPipeError):
            forget_stdout()
            return 0
        raise
    except OSError as error:
        error_line(_sentence(error))
        return 2
    return status if isinstance(status, int) else 0


def _sentence(error: OSError) -> str:
    """What the system refused, and to whom. With HOGA_TRACE in the environment, where from as well."""
    if os.environ.get("HOGA_TRACE"):
        traceback.print_exception(error)
    why = error.strerror or str(error) or type(error).__name__
    what = f"{error.filename}: {why}" if error.filename else why
    hint = _HINTS.get(error.errno or 0) if error.filename or error.errno in (errno.EMFILE, errno.ENFILE) else "`df` and `mount` say more"
    return f"{what} ({hint})" if hint else what


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"hoga {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)] = False,
) -> None:
    """Options of `hoga` itself; `_print_version` acts on the only one."""


def _usage_line(error: typer.TyperException) -> None:
    message = error.format_message()
    if message.startswith("Usage:"):  # a command group without a command: its help
        note(message)
        return
    text = " ".join(message.split())
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "hoga"
    error_line(f"{text} (see: {command} --help)")


if __name__ == "__main__":
    sys.exit(main())
