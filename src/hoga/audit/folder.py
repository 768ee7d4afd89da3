"""audit.folder: where a journal's files lie, and its small ones: head, boot counter, whose it is.

    journal/2026-11-20/000017.jsonl   records; files are numbered through, a life begins a new one; the day is that of its first record
    journal/head                      {"n":48213,"h":"5f0c…"}: the last record that is known to be durable
    journal/boot                      {"b":17,"sum":"…"}: how many lives there were; durable before a life writes
    journal/owner                     whose orders these are: venue, endpoint, account, and the prefix of the client ids
    journal/checkpoint                what the files before one of them came to (`audit.checkpoint`)
    journal/latch                     the ladder's rung (`audit.latch`)
    journal/lock                      who writes (`audit.holding`)
    journal/trader.sock               a socket, while a trader runs: its state, and the way to ask it for a flatten

All small files are replaced whole. None of them holds a secret: an account is known by a digest of its key.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from hoga.core.times import day_of
from hoga.runtime.durable import make_folder, write_file

__all__ = [
    "JOURNAL_FOLDER",
    "SOCKET_FILE",
    "Account",
    "Head",
    "JournalFile",
    "Owner",
    "fingerprint",
    "journals_in",
    "list_files",
    "new_file",
    "read_boot",
    "read_head",
    "read_owner",
    "write_boot",
    "write_head",
    "write_owner",
]

JOURNAL_FOLDER = "journal"
SOCKET_FILE = "trader.sock"
"""Where a trader that runs may be asked (`app.trader.door`)."""
HEAD_FILE = "head"
BOOT_FILE = "boot"
OWNER_FILE = "owner"

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"(\d{6,})\.jsonl")
_Made = TypeVar("_Made")


class JournalFile(NamedTuple):
    """One file of a journal, by its number."""

    number: int
    path: Path


class Head(msgspec.Struct, frozen=True):
    """The last record that was made durable: its number and its hash, hex."""

    n: int
    h: str


class Account(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Where orders go: a venue, its endpoint (the host that takes the orders), and the account by a digest of its key."""

    venue: str
    endpoint: str
    account: str


class Owner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose orders a journal holds: every account in order, and the prefix of the client ids (`TRADER`)."""

    accounts: tuple[Account, ...]
    trader: str = ""


def fingerprint(key: str) -> str:
    """An account, by its key, as it may be shown: 12 hex digits."""
    return sha256(b"hoga account " + key.encode()).hexdigest()[:12]


def list_files(folder: Path) -> list[JournalFile]:
    """The files of a journal in the order in which they were written. Raises OSError."""
    found = []
    for day in folder.iterdir() if folder.is_dir() else ():
        if _DAY.fullmatch(day.name) and day.is_dir():
            for path in day.iterdir():
                if hit := _NAME.fullmatch(path.name):
                    found.append(JournalFile(int(hit[1]), path))
    return sorted(found)


def journals_in(path: Path) -> list[Path]:
    """The journals of a data folder (the trader's and the exit's), or the one that `path` is. Empty: there is none."""
    if list_files(path) or (path / HEAD_FILE).is_file():
        return [path]
    return [each for each in (path / JOURNAL_FOLDER, path / JOURNAL_FOLDER / "exit") if list_files(each) or (each / HEAD_FILE).is_file()]


def new_file(folder: Path, number: int, t: int) -> Path:
    """Where the file `number`, whose first record has the time `t`, is to be made; its folder is made for good. Raises OSError."""
    day = folder / day_of(t)
    make_folder(day)
    return day / f"{number:06d}.jsonl"


def read_head(folder: Path) -> Head | None:
    """None when there is none. Raises ValueError when it cannot be read, OSError."""
    return _read(folder / HEAD_FILE, Head)


def write_head(folder: Path, head: Head) -> None:
    """Raises ArchiveError."""
    write_file(folder / HEAD_FILE, [msgspec.json.encode(head)])


class _Boot(msgspec.Struct, frozen=True):
    b: int
    sum: str


def _sum_of(b: int) -> str:
    return sha256(b"boot %d" % b).hexdigest()[:16]


def read_boot(folder: Path) -> int | None:
    """How many lives there were; None when nobody counted. Raises ValueError when it cannot be read, OSError."""
    found = _read(folder / BOOT_FILE, _Boot)
    if found is None:
        return None
    if found.sum != _sum_of(found.b):
        raise ValueError("the boot counter is not as it was written")
    return found.b


def write_boot(folder: Path, b: int) -> None:
    """Raises ArchiveError."""
    write_file(folder / BOOT_FILE, [msgspec.json.encode(_Boot(b, _sum_of(b)))])


def read_owner(folder: Path) -> Owner | None:
    """None when the folder is nobody's yet. Raises ValueError when it cannot be read, OSError."""
    return _read(folder / OWNER_FILE, Owner)


def write_owner(folder: Path, owner: Owner) -> None:
    """Raises ArchiveError."""
    write_file(folder / OWNER_FILE, [msgspec.json.encode(owner)])


def _read(path: Path, kind: type[_Made]) -> _Made | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as fault:
        raise ValueError(f"cannot be read: {fault}") from fault
