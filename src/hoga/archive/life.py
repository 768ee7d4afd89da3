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
    """Recording ended at `ns` for `reason`; these streams were recorded, with these largest ids (None: no ids)."""

    ns: int
    reason: Reason
    streams: dict[str, int | None]


_decoder = msgspec.json.Decoder(LastLife)


def read_last_life(folder: Path) -> LastLife | None:
    """What the journal folder says of its last life, None when it has none (or an unreadable one)."""
    try:
        return _decoder.decode((folder / LAST_FILE).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None
