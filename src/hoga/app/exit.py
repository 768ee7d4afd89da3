"""app.exit: the emergency exit as configured, and the release of a trader that a person has looked at."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import tls_of
from hoga.app.private import require_order_keys
from hoga.app.trader.owner import account_of
from hoga.audit.folder import JOURNAL_FOLDER, list_files
from hoga.audit.holding import is_held
from hoga.audit.latch import LATCH_FILE, Latch, LatchState
from hoga.audit.log import AuditLogger
from hoga.core.errors import ConfigError, ConfigMistake, HogaError
from hoga.core.trading import Rung
from hoga.feed.private_wire import nonce
from hoga.flatten.account import ExitAccount
from hoga.flatten.exiting import ExitFolder, run_exit
from hoga.flatten.plan import Scope
from hoga.flatten.proving import recovered_of
from hoga.flatten.report import ExitReport
from hoga.runtime.clock import SYSTEM
from hoga.runtime.loop import ends_on
from hoga.trading import records
from hoga.trading.rungs import Cause, Ladder, RungChange, is_told
from hoga.trading.rungs import Latch as Latched
from hoga.venues.registry import VENUES

__all__ = ["Released", "damage_text", "flatten", "leave", "resume"]

_DAMAGES_TOLD = 20


async def leave(
    config: VenueConfig,
    data: Path,
    *,
    scope: Scope,
    symbols: tuple[str, ...],
    tell: Callable[[str], object],
    stop: Callable[[], bool],
    dry_run: bool = False,
) -> ExitReport:
    """Leave all positions at a venue, over connections of its own. `symbols`: those to look at besides what is found; `stop`: give up.

    Raises ConfigError for keys that are missing or cannot be used, for a venue without orders and for a folder of another account,
    ArchiveBusy when another exit runs in the folder.
    """
    spec = VENUES[config.venue]
    if spec.orders is None or spec.private is None:
        raise ConfigError([ConfigMistake("command line", None, "--venue", config.venue, "a venue that takes orders")])
    credentials = require_order_keys(config)
    try:
        sign = spec.private.signer(credentials, nonce)
    except ValueError as fault:
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "PRIVATE_KEY_FILE", str(fault), "a key that signs")]) from None
    account = ExitAccount(spec, config.rest_url, sign, tls=tls_of(config), jitter=random.random)
    folder = ExitFolder(data=data, account=account_of(config), trader=config.trader)
    return await run_exit(folder, account, scope=scope, symbols=symbols, dry_run=dry_run, hide=(credentials,), tell=tell, stop=stop)


async def flatten(
    config: VenueConfig,
    data: Path,
    *,
    scope: Scope,
    dry_run: bool,
    seconds: float | None,
    tell: Callable[[str], object],
) -> ExitReport:
    """Leave all positions at a venue. `seconds`: give up after so long, None: never; the first SIGINT or SIGTERM gives up as well.

    Raises as `leave`.
    """
    with ends_on(signal.SIGINT, signal.SIGTERM) as stopped:
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stopped.set)
        return await leave(config, data, scope=scope, symbols=tuple(config.symbols), dry_run=dry_run, tell=tell, stop=stopped.is_set)


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """What `hoga resume` did: the rung that was left, and whether a trader runs that goes on at once. `next`: the incident that holds it
    still, because its journal was found damaged since; "" for none."""

    incident: str
    rung: str
    cause: str
    running: bool
    next: str = ""


def resume(data: Path, incident: str, *, tell: Callable[[str], object] = lambda text: None) -> Released:
    """Let a trader out of the rung that holds it, whether it runs or not; `tell`: a line for people.

    A journal that is not as it was written, of which no incident has told yet, is one of its own: it holds the trader at REDUCING.

    Raises HogaError where nothing is to be resumed, or something else than `incident`.
    """
    journal = data / JOURNAL_FOLDER
    held = _held(journal)
    if held.rung <= Rung.NO_OPEN or not held.incident:
        raise HogaError(f"{data}: nothing is to be resumed", hint="`hoga audit timeline` shows what happened")
    if held.incident != incident:
        raise HogaError(f"{data}: the incident is {held.incident} ({held.rung.name}, {held.cause}), not {incident}")
    running = is_held(journal)
    now_ns = SYSTEM.time_ns()
    after: RungChange | None = None
    if running:  # a trader that runs writes it itself, and says what else holds it
        proven = recovered_of(journal)
        _tell_damages(proven.damages if proven is not None else (), tell)
    elif list_files(journal):
        with AuditLogger(journal, about={"what": "resume"}) as log:
            damages = (*log.opened.recovered.damages, *(each._asdict() for each in log.opened.faults))
            _tell_damages(damages, tell)
            after = _after(held, damages, now_ns)
            log.append("cmd", {"what": "resume", "who": f"hoga resume {os.getpid()}", "text": incident})
            log.append("state", {"rung": Rung.ACTIVE.name, "was": held.rung.name, "incident": "", "why": f"resumed {incident}"})
            if after is not None:
                log.append("state", records.rung(after).fields)
            is_seen = is_told(Cause.LOSSES_IN_A_ROW, held.cause)
            for symbol, losses in log.opened.recovered.losses.items():
                if losses and is_seen:
                    seen = records.losses_seen(symbol, losses, incident)
                    log.append(seen.kind, seen.fields)
    with Latch(journal) as latch:
        if latch.rung is Rung.ACTIVE:
            latch.set_rung(held.rung, incident=incident, cause=held.cause, by="resume", at_ns=now_ns)
        latch.release(incident, by=f"hoga resume {os.getpid()}", at_ns=now_ns, news=running)
        if after is not None:
            cause = Cause.LOG_QUARANTINED.value
            latch.set_rung(after.new, incident=after.incident, cause=cause, by="resume", at_ns=now_ns, detail=after.detail)
    return Released(
        incident=incident, rung=held.rung.name, cause=held.cause, running=running, next=after.incident if after is not None else ""
    )


def _after(held: LatchState, damages: Sequence[Mapping[str, object]], now_ns: int) -> RungChange | None:
    """Where a trader stands once its incident is resumed; None: nothing holds it any more."""
    if not damages:
        return None
    ladder = Ladder()
    ladder.restore(Latched(rung=held.rung.name, incident=held.incident, cause=held.cause, detail="", at_ns=held.at_ns))
    ladder.begin(Cause.LOG_QUARANTINED, now_ns, detail=damage_text(damages))
    ladder.resume(held.incident, now_ns)
    return ladder.advance(now_ns)[-1]


def _tell_damages(damages: Sequence[Mapping[str, object]], tell: Callable[[str], object]) -> None:
    for each in damages[:_DAMAGES_TOLD]:
        tell(f"the journal is not as it was written: {each.get('file')}, line {each.get('line')}: {each.get('detail')}")
    if damages:
        tell("`hoga audit verify` says what is wrong; look at it before the trader opens positions again")


def damage_text(damages: Sequence[Mapping[str, object]]) -> str:
    """The first of some damages, for the line that a person reads."""
    more = f", and {len(damages) - 1} more" if len(damages) > 1 else ""
    return f"{damages[0].get('file')}: {damages[0].get('kind')}{more}"


def _held(journal: Path) -> LatchState:
    """Where the trader stands: by its latch, and where that says nothing, by its journal."""
    if not list_files(journal) and not (journal / LATCH_FILE).exists():
        raise HogaError(f"{journal}: there is no trader's journal here", hint="give its folder with --data")
    with Latch(journal) as latch:
        state = latch.state()
    if state.rung is not Rung.ACTIVE:
        return state
    proven = recovered_of(journal)
    return state if proven is None else LatchState(rung=proven.rung, incident=proven.incident, cause=proven.why, at_ns=proven.last_t)
