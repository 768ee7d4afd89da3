"""bench.nats: a nats-server of our own, for one measurement. Debian's package puts it where not everybody looks."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

__all__ = ["Served", "find_server", "nats_server"]

_START_S = 60.0


class Served(NamedTuple):
    """Where it listens, and its process, to be ended while it is measured."""

    url: str
    process: subprocess.Popen[bytes]


def find_server() -> str | None:
    """Where nats-server is, None where it is not."""
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nats_server(folder: Path) -> Iterator[Served]:
    """One with JetStream, which keeps its files below `folder`. Raises RuntimeError where it is not installed, or does not begin."""
    program = find_server()
    if program is None:
        raise RuntimeError("nats-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "nats")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield Served(f"nats://127.0.0.1:{port}", server)
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    end = monotonic() + _START_S
    while monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise RuntimeError(f"nats-server does not listen on port {port}")
