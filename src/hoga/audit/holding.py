"""audit.holding: who may write: one process a folder, and one an account, whatever folder it has.

A lock is the system's, so that it ends with its process, and it ends there: the file stays, and says who had it last. The lock of an
account lies in a folder of the machine's user (`/tmp/hoga-<uid>`), under a digest of venue, endpoint, key and the prefix of client ids:
traders whose client ids differ may share an account.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from hoga.audit.folder import Account, Owner, read_owner, write_owner
from hoga.core.errors import ArchiveBusy, ConfigError, ConfigMistake
from hoga.runtime.durable import make_folder
from hoga.runtime.locks import is_locked, owner_of_lock

__all__ = ["LOCK_FILE", "Holding", "hold_account", "hold_folder", "is_held", "require_owner"]

LOCK_FILE = "lock"


class Holding:
    """A lock that is held, until `release` or the end of the process."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def hold_folder(folder: Path, *, what: str = "trader") -> Holding:
    """The right to write the journal in `folder`. Raises ArchiveBusy when another process has it, OSError."""
    make_folder(folder)
    return _hold(folder / LOCK_FILE, f"another {what} works in {folder}", "one process a folder: stop it, or give another --data")


def hold_account(account: Account, trader: str, *, folder: Path) -> Holding:
    """The right to trade an account under the client ids of `trader`. Raises ArchiveBusy when another process has it, OSError."""
    parts = "\n".join((account.venue, account.endpoint, account.account, trader))
    path = _locks() / f"account-{sha256(parts.encode()).hexdigest()[:24]}.lock"
    elsewhere = ""
    with contextlib.suppress(OSError):
        elsewhere = f"in {path.read_text(encoding='utf-8').strip()}"
    text = f"another trader has this account of {account.venue} at {account.endpoint}"
    held = _hold(path, text, "stop it, or give one of them another TRADER", where=elsewhere)
    with contextlib.suppress(OSError):
        path.write_text(f"{folder}\n", encoding="utf-8")
    return held


def is_held(folder: Path) -> bool:
    """Whether a process has the right to write the journal in `folder` now."""
    path = folder / LOCK_FILE
    told = is_locked(path)
    if told is not None or not path.exists():
        return bool(told)
    lock = FileLock(path)  # a system that does not tell: by trying
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def require_owner(folder: Path, owner: Owner) -> None:
    """A folder belongs for good to the accounts that trade in it first. Raises ConfigError for others, ArchiveError, OSError."""
    try:
        found = read_owner(folder)
    except ValueError as fault:
        raise _refusal(folder, f"owner {fault}; whose orders lie here is not known, so give another --data") from fault
    if found is None:
        write_owner(folder, owner)
    elif found != owner:
        raise _refusal(folder, f"its orders are of {_told(found)}, not of {_told(owner)}: give another --data")


def _told(owner: Owner) -> str:
    accounts = ", ".join(f"{each.venue} at {each.endpoint}, account {each.account}" for each in owner.accounts) or "no account"
    return f"{accounts}, TRADER {owner.trader}" if owner.trader else accounts


def _refusal(folder: Path, text: str) -> ConfigError:
    return ConfigError([ConfigMistake(str(folder), None, "--data", "", "", plain=text)])


def _hold(path: Path, text: str, hint: str, *, where: str = "") -> Holding:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = owner_of_lock(path)
        told = ", ".join(filter(None, (f"process {pid}" if pid else "", where)))
        raise ArchiveBusy(path.parent, f"{text} ({told})" if told else text, hint=hint) from None
    return Holding(lock)


def _locks() -> Path:
    folder = Path(tempfile.gettempdir()) / f"hoga-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
