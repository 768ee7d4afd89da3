"""runtime.durable: files that are wholly there or not there, also after a power cut.

The way is always the same: write a temporary file beside the target, fsync it, rename it, fsync the folder.
A temporary file ends in `.merging` and is never read by anyone else; whoever finds one may remove it.

Everything in this room that changes a file, a name or a folder goes through here, one function for each kind of step, and
each tells `watch` before it acts: so a test can end the process, or refuse, at every single step there is.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from hoga.core.errors import ArchiveError, DiskFull

__all__ = [
    "TEMPORARY_SUFFIX",
    "Watcher",
    "copy_range",
    "fsync",
    "fsync_folder",
    "install",
    "is_special",
    "link",
    "make_folder",
    "nameless_file",
    "open_folder",
    "remove_folder",
    "rename",
    "sync_filesystem",
    "syncs_filesystems",
    "temporary_for",
    "truncate",
    "unlink",
    "watch",
    "write_all",
    "write_fault",
    "write_file",
    "write_result",
]

TEMPORARY_SUFFIX = ".merging"

_COPY_BYTES = 1024 * 1024
_KERNEL_COPY_BYTES = 1 << 30
_NO_KERNEL_COPY = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}

Watcher = Callable[[str, Path | int, bytes | bytearray], None]
"""Is told (act, path or file descriptor, the bytes of a write) before each step; what it raises is raised there."""

_watcher: Watcher | None = None


def watch(watcher: Watcher | None) -> None:
    """Tell `watcher` of every step from now on, in this process; None: nobody."""
    global _watcher
    _watcher = watcher


def _step(act: str, what: Path | int, data: bytes | bytearray = b"") -> None:
    if _watcher is not None:
        _watcher(act, what, data)


def rename(old: Path, new: Path) -> None:
    """Give a file another name, in the place of what has that name. Raises OSError."""
    _step("rename", old)
    old.replace(new)


def link(old: Path, new: Path) -> None:
    """Give a file a second name. Raises FileExistsError when it is taken, OSError."""
    _step("link", old)
    os.link(old, new)


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Take a name away. Raises OSError."""
    _step("unlink", path)
    path.unlink(missing_ok=missing_ok)


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """A folder, with those above it; for good where it is to be `durable` before anything else is. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent, durable=durable)
    _step("mkdir", folder)
    folder.mkdir(exist_ok=True)
    if durable:
        fsync_folder(folder.parent)


def nameless_file(folder: Path) -> BinaryIO:
    """A file without a name on the file system of `folder`, to write and read: it is gone with the process. Raises OSError."""
    _step("nameless", folder)
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (AttributeError, OSError):  # the system or the file system knows no such thing: one that loses its name at once
        path = folder / f"{os.getpid()}{TEMPORARY_SUFFIX}"
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        path.unlink()
    return os.fdopen(fd, "w+b", buffering=0)


def remove_folder(folder: Path) -> None:
    """Remove an empty folder. Raises OSError."""
    _step("rmdir", folder)
    folder.rmdir()


def fsync(fd: int) -> None:
    """Make what was written to a file durable. Raises OSError."""
    _step("fsync", fd)
    os.fsync(fd)


def truncate(fd: int, size: int) -> None:
    """Cut a file. Raises OSError."""
    _step("truncate", fd)
    os.ftruncate(fd, size)


def temporary_for(target: Path) -> Path:
    """The temporary file that becomes `target`."""
    return target.with_name(target.name + TEMPORARY_SUFFIX)


def install(temporary: Path, target: Path) -> None:
    """Put a written and fsynced `temporary` in the place of `target`, for good."""
    rename(temporary, target)
    fsync_folder(target.parent)


def write_file(target: Path, pieces: Iterable[bytes]) -> None:
    """Make `target` of `pieces`, all or nothing. Raises DiskFull when there is no space, ArchiveError when it cannot be written."""
    temporary = temporary_for(target)
    try:
        with temporary.open("wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
            fsync(file.fileno())
        install(temporary, target)
    except OSError as fault:
        with contextlib.suppress(OSError):  # a disk may be full: give the space back
            unlink(temporary, missing_ok=True)
        raise write_fault(target, fault) from fault


def is_special(path: Path) -> bool:
    """Whether it is a device, a pipe or a socket, or leads to one: what somebody names as a place for a result, and no file may replace."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def write_result(target: Path, pieces: Iterable[bytes]) -> None:
    """`write_file` for a place that a person named: into a device or a pipe the pieces are written as they come. Raises likewise."""
    if not is_special(target):
        write_file(target, pieces)
        return
    try:
        with target.open("wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
    except OSError as fault:
        raise write_fault(target, fault) from fault


def write_fault(path: Path, fault: OSError) -> ArchiveError:
    """The operating system's refusal to write as one of ours."""
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(path, f"cannot be written: {os.strerror(fault.errno)}", hint="free space and try again")
    return ArchiveError(path, f"cannot be written: {fault.strerror or fault}")


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write every byte; the system may take them in parts."""
    _step("write", fd, data)
    with memoryview(data) as whole:
        done = 0
        while done < len(whole):
            done += os.write(fd, whole[done:])


def copy_range(source: int, target: int, *, at: int, length: int) -> int:
    """Append `length` bytes of file `source` from `at` on to file `target`, inside the kernel where it can.

    Returns how many were copied: fewer when `source` is shorter.
    """
    _step("copy", target)
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
    _step("fsync folder", folder)
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_folder(folder: Path) -> int:
    """A descriptor for `sync_filesystem`, to be opened before anything is written: who opens it later is not told of an error of writing
    back that somebody else was told of meanwhile. Raises OSError."""
    return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)


def syncs_filesystems() -> bool:
    """Whether the system can make a whole file system durable and tells when it could not; else each file must be fsynced."""
    return _syncfs is not None


def sync_filesystem(folders: Iterable[Path | int]) -> None:
    """Make everything written so far durable on the file systems that hold `folders`: their paths, or what `open_folder` gave for them.

    Raises OSError: something could not be written, or the system cannot do it (`syncs_filesystems`). It is told once, and a second try
    tells nothing of it any more: what was written since must be written again.
    """
    devices: dict[int, Path | int] = {}
    for folder in folders:
        devices.setdefault((os.fstat(folder) if isinstance(folder, int) else folder.stat()).st_dev, folder)
    for folder in devices.values():
        _step("sync", folder)
        fd = folder if isinstance(folder, int) else open_folder(folder)
        try:
            _sync(fd)
        finally:
            if fd is not folder:
                os.close(fd)


def _sync(fd: int) -> None:
    if _syncfs is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _syncfs(fd) != 0:
        code = ctypes.get_errno() or errno.EIO
        raise OSError(code, os.strerror(code))


def _find_syncfs() -> Callable[[int], int] | None:
    """None where there is none, or none that tells what could not be written (Linux before 5.8)."""
    try:
        call: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    if call(-1) == 0 or ctypes.get_errno() == errno.ENOSYS:
        return None
    return call if _tells_errors(os.uname().release) else None


def _tells_errors(release: str) -> bool:
    """Whether the syncfs of a Linux of that release does. Pure."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= (5, 8)


_syncfs = _find_syncfs()
