"""`python -m hoga`, and the `hoga` command itself.

Worker processes import this module by its name before they begin: it costs them nothing.
"""

import sys

__all__ = ["main"]


def main() -> int:
    """Run one command and return its exit status."""
    try:
        from hoga.cli.main import main as run
    except KeyboardInterrupt:  # Ctrl-C while the program is still being read: there is nothing yet to stop
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
