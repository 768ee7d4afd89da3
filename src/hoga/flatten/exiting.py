"""flatten.exiting: the exit of a trader's folder: freeze, what the journals prove, the procedure, its own journal.

First the latch, so that a trader that runs sends nothing more (it looks before each order); then what the journals of the trader and of
earlier exits prove, and what such a trader still writes; then the procedure. The exit writes into a journal of its own beside the
trader's (`journal/exit`), because that one belongs to the trader. A journal that cannot be read or written does not stop the exit.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hoga.audit.folder import JOURNAL_FOLDER, Account, Owner, journals_in, list_files, read_owner
from hoga.audit.holding import is_held
from hoga.audit.latch import LATCH_FILE, Latch
from hoga.audit.log import AuditLogger, JournalFault
from hoga.audit.recovery import Recovered
from hoga.core.errors import ArchiveBusy, ArchiveError, ConfigError, ConfigMistake, HogaError
from hoga.core.secret import Credentials
from hoga.core.times import MS_NS, SECOND_NS
from hoga.core.trading import PositionSide, Rung
from hoga.flatten.account import ExitAccount
from hoga.flatten.plan import Scope, Verdict
from hoga.flatten.procedure import Exit
from hoga.flatten.proving import EXIT_FOLDER, Journals
from hoga.flatten.report import ExitReport, Wanted
from hoga.runtime.clock import SYSTEM, Clock

__all__ = ["ExitFolder", "exit_status", "run_exit"]

_SEEN_S = 0.5
_LOOK_S = 0.01


class ExitFolder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose exit it is: the trader's data folder, the account that is left, and the trader's name as configured."""

    data: Path
    account: Account
    trader: str

    @property
    def journal(self) -> Path:
        """The trader's journal."""
        return self.data / JOURNAL_FOLDER

    @property
    def is_known(self) -> bool:
        """Whether a trader has ever written here, or an exit."""
        return bool(journals_in(self.data)) or (self.journal / LATCH_FILE).exists()

    def require_known(self) -> None:
        """Raises ConfigError where nobody ever traded: what is the trader's cannot be told there, so nothing of it can be left."""
        if not self.is_known:
            text = (
                "has no trader's journal, so nothing is known to be the trader's: give its folder, or --scope account for everything there"
            )
            raise ConfigError([ConfigMistake("command line", None, "--data", "", "", plain=f"--data: {self.data} {text}")])

    def owner(self) -> Owner | None:
        """Whose folder it is, None: nobody's yet. Raises ConfigError when it is another account's."""
        try:
            owner = read_owner(self.journal)
        except (ValueError, OSError):
            return None
        if owner is None or self.account in owner.accounts:
            return owner
        theirs = ", ".join(f"{each.venue} at {each.endpoint}, account {each.account}" for each in owner.accounts) or "no account"
        mine = f"{self.account.venue} at {self.account.endpoint}, account {self.account.account}"
        text = f"the orders here are of {theirs}, not of {mine}: give the trader's own --data"
        raise ConfigError([ConfigMistake(str(self.data), None, "--data", "", "", plain=text)])


async def run_exit(
    folder: ExitFolder,
    account: ExitAccount,
    *,
    scope: Scope,
    symbols: tuple[str, ...],
    dry_run: bool = False,
    hide: tuple[Credentials, ...] = (),
    tell: Callable[[str], object] = lambda text: None,
    stop: Callable[[], bool] = lambda: False,
    clock: Clock = SYSTEM,
) -> ExitReport:
    """Leave all positions of an account, or of a trader in it, and give the verdict.

    Args:
        symbols: the venue's own, as configured.
        dry_run: only read, and tell what would be done.
        tell: a line for people.
        stop: asked now and then: give up.

    Raises:
        ConfigError when the folder is another account's, or with the scope OWN nobody's; ArchiveBusy when another exit runs in it.
    """
    if scope is Scope.OWN:
        folder.require_known()
    owner = folder.owner()
    trader = owner.trader if owner is not None and owner.trader else folder.trader
    if dry_run:
        proven = await asyncio.to_thread(_proven, folder, tell)
        await account.open()
        try:
            wanted = _Wanting(scope, trader, "", symbols, folder.account.venue, run=0, dry_run=True)
            return await Exit(account, wanted.of(proven), tell=tell, stop=stop, again=wanted.again_of(proven)).run()
        finally:
            await account.close()
    log = _open_journal(folder, hide, clock, tell)
    try:
        incident = await _freeze(folder, clock, tell)
        write = _writer(log)
        write("emergency.begin", {"incident": incident, "scope": scope.value, "venue": account.venue, "by": f"flatten {os.getpid()}"})
        proven, _ = await asyncio.gather(asyncio.to_thread(_proven, folder, tell), account.open())
        try:
            wanted = _Wanting(scope, trader, incident, symbols, folder.account.venue, run=clock.time_ns() // MS_NS)
            report = await Exit(account, wanted.of(proven), write=write, tell=tell, stop=stop, again=wanted.again_of(proven)).run()
        finally:
            await account.close()
        report.clock_off_ms = account.clock_off_ms
        write("emergency.end", msgspec.to_builtins(report))
        return report
    finally:
        if log is not None:
            try:
                log.close()
            except (ArchiveError, OSError) as fault:
                tell(f"the journal of the exit could not be written: {fault}")


class _Wanting(NamedTuple):
    """What is asked for, whatever the journals prove."""

    scope: Scope
    trader: str
    incident: str
    symbols: tuple[str, ...]
    venue: str
    run: int
    dry_run: bool = False

    def of(self, proven: _Proven) -> Wanted:
        """What is to be left by what they prove."""
        asked = Wanted(
            scope=self.scope, trader=self.trader, incident=self.incident, run=self.run, symbols=self.symbols, dry_run=self.dry_run
        )
        found = proven.recovered
        if found is None:
            return asked
        traded = {symbol.partition(":")[2]: None for symbol in found.powers if _is_of(symbol, self.venue)}
        return msgspec.structs.replace(
            asked,
            symbols=self.symbols if proven.is_whole else tuple({**traded, **dict.fromkeys(self.symbols)}),
            own={(symbol, PositionSide(side)): held for (symbol, side), held in found.positions.items() if _is_of(symbol, self.venue)},
            is_proven=proven.is_whole,
            orders=tuple(each for each in found.orders.values() if _is_of(each.symbol, self.venue)),
            size_powers={symbol: powers[1] for symbol, powers in found.powers.items()},
            prices=found.prices,
            fees=found.fees,
            trades=frozenset((symbol, trade_id) for symbol, seen in found.trades.items() for trade_id in seen),
        )

    def again_of(self, proven: _Proven) -> Callable[[], Awaitable[Wanted | None]]:
        """The same by what the trader has written since; None: nothing, or it cannot be read."""
        journals = proven.journals

        def read_on() -> Wanted | None:
            try:
                found = None if journals is None else journals.read_on()
            except OSError:  # it was read once: what it proved then stands
                return None
            return None if found is None or journals is None else self.of(_Proven(found, journals.is_whole, journals))

        async def again() -> Wanted | None:
            return await asyncio.to_thread(read_on)

        return again


def _is_of(symbol: str, venue: str) -> bool:
    return symbol.partition(":")[0] == venue


class _Proven(NamedTuple):
    """`recovered` None: the trader has no journal here. `is_whole`: it is as it was written. `journals`: with which it is read on."""

    recovered: Recovered | None
    is_whole: bool
    journals: Journals | None = None


def _proven(folder: ExitFolder, tell: Callable[[str], object]) -> _Proven:
    try:
        if not list_files(folder.journal):
            return _Proven(None, True)
        journals = Journals(folder.journal)
        proven = _Proven(journals.read(), journals.is_whole, journals)
    except OSError as fault:
        tell(f"the trader's journal cannot be read ({fault.strerror or fault}): what it proves is not known")
        return _Proven(None, False)
    if not proven.is_whole:
        tell("the trader's journal is not as it was written (`hoga audit verify` says where): whole positions count as the trader's")
    return proven


def _open_journal(folder: ExitFolder, hide: tuple[Credentials, ...], clock: Clock, tell: Callable[[str], object]) -> AuditLogger | None:
    log = AuditLogger(folder.journal / EXIT_FOLDER, clock=clock, hide=hide, what="exit", on_fault=lambda fault: _tell_fault(fault, tell))
    try:
        log.open()
    except ArchiveBusy:
        raise
    except (HogaError, OSError) as fault:
        tell(f"the journal of the exit cannot be opened, and the exit goes on without: {fault}")
        return None
    return log


def _tell_fault(fault: JournalFault, tell: Callable[[str], object]) -> None:
    if fault.why:
        tell(f"the journal of the exit cannot be written, and the exit goes on: {fault.why}")


def _writer(log: AuditLogger | None) -> Callable[[str, dict[str, Any]], object]:
    def write(kind: str, fields: dict[str, Any]) -> None:
        if log is not None:
            log.append(kind, fields)

    return write


async def _freeze(folder: ExitFolder, clock: Clock, tell: Callable[[str], object]) -> str:
    """Shut the gate of a trader that runs, at once, and give it a moment to say that it has seen it. Returns the incident."""
    now_ns = clock.time_ns()
    incident = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).strftime("%Y%m%d-%H%M%S")
    try:
        latch = Latch(folder.journal)
    except (HogaError, OSError) as fault:
        tell(f"a trader that runs here cannot be frozen ({fault}): stop it yourself")
        return incident
    with latch:
        held = latch.state()
        if held.rung > Rung.NO_OPEN and held.incident:
            incident = held.incident
        by = f"flatten {os.getpid()}"
        try:
            latch.set_rung(Rung.FLATTEN, incident=incident, cause="operator-flatten", by=by, at_ns=now_ns, news=True)
        except OSError as fault:  # it is shut for every process that looks; only the disk does not have it
            tell(f"that the trader is frozen may not outlive this machine: {fault.strerror or fault}")
        if is_held(folder.journal):
            waited = 0.0
            while latch.is_news and waited < _SEEN_S:
                await clock.sleep(_LOOK_S)
                waited += _LOOK_S
            tell("the trader that runs here is frozen" if not latch.is_news else "the trader that runs here sends nothing more")
    return incident


def exit_status(report: ExitReport) -> int:
    """0 when it is flat, or would do something (dry run); 1 otherwise."""
    return 0 if report.dry_run or report.verdict in (Verdict.FLAT, Verdict.FLAT_WITH_DUST) else 1
