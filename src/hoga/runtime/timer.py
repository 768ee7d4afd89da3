"""runtime.timer: a timer of a few milliseconds for a loop whose sockets are busy.

The loop's own timers are the time-out of its wait for sockets: while one is due soon, every single wait sets a clock
interrupt and takes it back, which in a virtual machine costs 10 µs a frame (bare client, 10,000 frames/s: 30 µs a
frame without a timer, 40 with one of 2 ms, 30 with this one). This one is a file descriptor that becomes readable: it is set once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Callable

__all__ = ["ShortTimer"]

_MONOTONIC, _NONBLOCK, _CLOEXEC = 1, os.O_NONBLOCK, os.O_CLOEXEC if hasattr(os, "O_CLOEXEC") else 0
_Spec = ctypes.c_long * 4
"""struct itimerspec: interval and value, each seconds and nanoseconds."""


class ShortTimer:
    """Calls `act` once, `seconds` after each `start`. Where the system has no such descriptor, the loop's timers do it."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self._seconds = seconds
        self._act = act
        self._loop = asyncio.get_running_loop()
        self._fd, self._set = _open_timer()
        self._spec = _Spec(0, 0, int(seconds), int(seconds % 1 * 1e9))
        self._handle: asyncio.TimerHandle | None = None
        self._closed = False
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._ring)

    def start(self) -> None:
        """Call `act` soon; starting again before it was called puts it off."""
        if self._closed:
            return
        if self._set is not None:
            self._set(self._fd, 0, self._spec, None)
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(self._seconds, self._act)

    def close(self) -> None:
        """`act` is not called any more."""
        if self._closed:
            return
        self._closed = True
        if self._handle is not None:
            self._handle.cancel()
        if self._fd >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._fd)
            os.close(self._fd)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # put off between the ring and here
            os.read(self._fd, 8)
            self._act()


def _open_timer() -> tuple[int, Callable[[int, int, object, None], int] | None]:
    if not sys.platform.startswith("linux"):
        return -1, None
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        fd = libc.timerfd_create(_MONOTONIC, _NONBLOCK | _CLOEXEC)
        setter = libc.timerfd_settime
    except AttributeError:
        return -1, None
    if fd < 0:
        return -1, None
    setter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_long), ctypes.c_void_p)
    return fd, setter
