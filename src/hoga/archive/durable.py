"""archive.durable: files that are wholly there or not there, also after a power cut.

The way is always the same: write a temporary file beside the target, fsync it, rename it, fsync the folder.
A temporary file ends in `.merging` and is never read by anyone else; whoever finds one may remove it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from hoga.core.errors import ArchiveError, DiskFull

__all__ = [
    "TEMPORARY_SUFFIX",
    "copy_range",
    "fsync_folder",
    "install",
    "sync_filesystem",
    "temporary_for",
    "write_all",
    "write_fault",
    "write_file",
]

TEMPORARY_SUFFIX = ".merging"

_COPY_BYTES = 1024 * 1024
_KERNEL_COPY_BYTES = 1 << 30
_NO_KERNEL_COPY = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}


def temporary_for(target: Path) -> Path:
    """The temporary file that becomes `target`."""
    return target.with_name(target.name + TEMPORARY_SUFFIX)


def install(temporary: Path, target: Path) -> None:
    """Put a written and fsynced `temporary` in the place of `target`, for good."""
    temporary.replace(target)
    fsync_folder(target.parent)


def write_file(target: Path, pieces: Iterable[bytes]) -> None:
    """Make `target` of `pieces`, all or nothing. Raises DiskFull when there is no space, ArchiveError when it cannot be written."""
    temporary = temporary_for(target)
    try:
        with temporary.open("wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
            os.fsync(file.fileno())
        install(temporary, target)
    except OSError as fault:
        raise write_fault(target, fault) from fault


def write_fault(path: Path, fault: OSError) -> ArchiveError:
    """The operating system's refusal to write as one of ours."""
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(path, f"cannot be written: {os.strerror(fault.errno)}", hint="free space and try again")
    return ArchiveError(path, f"cannot be written: {fault.strerror or fault}")


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; the system may take them in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def copy_range(source: int, target: int, *, at: int, length: int) -> int:
    """Append `length` bytes of file `source` from `at` on to file `target`, inside the kernel where it can.

    Returns how many were copied: fewer when `source` is shorter.
    """
    left = length
    while left:
        copied = _copy_some(source, target, at + length - left, left)
        if not copied:
            break
        left -= copied
    return length - left


def _copy_some(source: int, target: int, at: int, length: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, min(length, _KERNEL_COPY_BYTES), offset_src=at)
        except OSError as fault:
            if fault.errno not in _NO_KERNEL_COPY:
                raise
    piece = os.pread(source, min(length, _COPY_BYTES), at)
    write_all(target, piece)
    return len(piece)


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (nothing to do where folders cannot be opened)."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_filesystem(folders: Iterable[Path]) -> None:
    """Make everything written so far durable on the file systems that hold `folders` (syncfs; sync where there is none)."""
    for device in {folder.stat().st_dev: folder for folder in folders if folder.exists()}.values():
        fd = os.open(device, os.O_RDONLY)
        try:
            if _syncfs is None or _syncfs(fd) != 0:
                os.sync()
        finally:
            os.close(fd)


def _find_syncfs() -> Callable[[int], int] | None:
    try:
        call: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return call


_syncfs = _find_syncfs()
