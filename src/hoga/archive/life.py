"""archive.life: how recording in a folder ended, so that the next life can say what it missed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.core.ledger import Reason

__all__ = ["LAST_FILE", "LOCK_FILE", "LastLife", "read_last_life"]

LOCK_FILE = ".lock"
"""In the journal folder: held by whoever records or recovers there."""
LAST_FILE = "last.json"


class LastLife(msgspec.Struct, frozen=True, kw_only=True):
    """Recording ended at `ns` for `reason`; these streams were recorded, and received the ids of these runs (first..last,
    the latest last; none where the stream has no ids)."""

    ns: int
    reason: Reason
    streams: dict[str, list[tuple[int, int]]]


_decoder = msgspec.json.Decoder(LastLife)


def read_last_life(folder: Path) -> LastLife | None:
    """What the journal folder says of its last life, None when it has none (or an unreadable one)."""
    try:
        return _decoder.decode((folder / LAST_FILE).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None
