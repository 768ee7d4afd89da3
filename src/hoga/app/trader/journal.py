"""app.trader.journal: what a trader's journal tells people: seals, for whoever keeps the log elsewhere, and a disk that refuses."""

from __future__ import annotations

from hoga.audit.log import JournalFault, Seal
from hoga.runtime.logs import get_log

__all__ = ["tell_fault", "tell_seal"]

_log = get_log("trading")


def tell_seal(seal: Seal) -> None:
    """A log that is kept on another machine proves later that the journal was not cut: `hoga audit verify --seal`."""
    _log.info("journal sealed", seal=f"{seal.n}:{seal.hash}")


def tell_fault(fault: JournalFault) -> None:
    """The disk refuses the journal, or takes it again."""
    if fault.why:
        _log.error("the journal cannot be written", why=fault.why, waiting=fault.waiting, lost=fault.lost, seconds=round(fault.seconds, 1))
    else:
        _log.warning("the journal can be written again", lost=fault.lost, seconds=round(fault.seconds, 1))
