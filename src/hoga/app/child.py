"""app.child: a process beside the run, which is told what to do on its standard input and ends when that closes."""

from __future__ import annotations

import contextlib
import subprocess
import sys

__all__ = ["ask_to_end", "end", "spawn"]

_END_S = 0.4


def spawn(module: str, told: bytes, *, hears: bool = False) -> subprocess.Popen[bytes]:
    """`python -m module`, told one line. `hears`: its standard output is ours to read. Raises OSError."""
    output = subprocess.PIPE if hears else subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=output, start_new_session=True)
    assert process.stdin is not None, "it is a pipe"
    with contextlib.suppress(OSError):  # it died at once: the next look sees that
        process.stdin.write(told + b"\n")
        process.stdin.flush()
    return process


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Close its input, which ends it, and say so."""
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    process.terminate()


def end(process: subprocess.Popen[bytes], *, patience_s: float = _END_S) -> None:
    """The same, and by force where it does not end."""
    ask_to_end(process)
    try:
        process.wait(patience_s)
    except (subprocess.TimeoutExpired, OSError):  # the second where the clock is a pretended one, and sleeping fails
        process.kill()
        process.wait()
