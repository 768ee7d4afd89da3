"""`python -m hoga`, and the `hoga` command itself.

Worker processes import this module by its name before they begin: it costs them nothing.
"""

import sys

from hoga._version import __version__

__all__ = ["main"]


def main() -> int:
    """Run one command and return its exit status."""
    if sys.argv[1:] == ["--version"] and _told_version():
        return 0
    try:
        from hoga.cli.main import main as run
    except KeyboardInterrupt:  # Ctrl-C while the program is still being read: there is nothing yet to stop
        return 130
    return run()


def _told_version() -> bool:
    """Tell it without reading all the commands: a fifth of the time. False where it could not be written: the command line says why."""
    try:
        sys.stdout.write(f"hoga {__version__}\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
