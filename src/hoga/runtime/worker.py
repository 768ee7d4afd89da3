"""runtime.worker: how a worker process of the pool begins.

It is nicer than its parent, sends its log lines to it, and ends with it, however it ends. It sits in a session of its own, where a
signal to the parent's group (Ctrl-C, `timeout`) does not reach it. What a worker imports before its first job, each start of the program
waits for: neither an event loop nor the rooms that own the jobs belong here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.util import Finalize

from hoga.runtime.allocator import keep_freed_memory
from hoga.runtime.log_pipe import LogAddress, join_logs

__all__ = ["end_with_parent", "import_ahead", "prepare_worker"]

_NICE = 10


def prepare_worker(logs: LogAddress | None) -> None:
    """Make this process a worker: runs first in each, before any job. `logs`: where its lines go, None for its own stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    keep_freed_memory()
    if logs is not None:
        with contextlib.suppress(OSError):  # a worker without a log still works
            system = join_logs(logs)
            Finalize(None, system.close, exitpriority=1)  # a worker's last lines go before it does: it ends without `atexit`


def end_with_parent() -> None:
    """End this process when its parent is gone, however that went.

    A worker waits for work on a pipe that it holds open itself, and one that outlived a killed parent would go on writing where its
    successor starts.
    """
    threading.Thread(target=_watch_parent, name="parent-watch", daemon=True).start()


def import_ahead(*modules: str) -> None:
    """A job that starts a worker before there is work for it, with what its first job will import."""
    for module in modules:
        import_module(module)


def _watch_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
