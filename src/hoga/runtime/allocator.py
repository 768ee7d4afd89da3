"""runtime.allocator: how the C allocator is told that this process takes and frees the same amounts for ever.

A batch of frames is some 350 KB, made and freed a thousand times a second in a burst. As it comes, glibc gives such
pieces back to the system each time and faults fresh pages in for the next: 1.8 µs a frame of 1,368 bytes, a third of
all that is done with it.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["expect_large_arrays", "give_back", "keep_freed_memory"]

_OPTIONS = ((-1, 16 << 20), (-2, 1 << 20), (-3, 8 << 20))
"""mallopt's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD, in bytes."""


def keep_freed_memory() -> bool:
    """Let the allocator keep up to 16 MB that are free; whether it understood (glibc does, others go on as they are)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in _OPTIONS)


def expect_large_arrays() -> None:
    """Let glibc learn, as from any program that once freed a large array, that pieces of up to 32 MB come again and again.

    It maps and unmaps pieces from 128 KB on until one that is freed tells it better. Decoding a minute of books into fresh arrays each time
    takes half as long afterwards. Nothing is set, and the pages of this one are never touched.
    """
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if libc is not None and hasattr(libc, "malloc"):
        libc.malloc.restype = ctypes.c_void_p
        libc.free.argtypes = [ctypes.c_void_p]
        libc.free(libc.malloc(ctypes.c_size_t(31 << 20)))


def give_back() -> None:
    """Give what is free now back to the system, for what was needed once, as at a start, is not needed again."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)
