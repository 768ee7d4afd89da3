"""audit.log: `AuditLogger`: appends records, makes them durable, heals after a disk's fault.

    with AuditLogger(folder, owner=owner) as log:        # a life begins: log.opened tells what the lives before it left
        if log.append("order.intent", {"id": …}):        # True: the record is with the system; now the bytes of the order may leave
            …
        log.append("order.sent", {"id": …})

Durability:

- `write`, the default: `append` has written before it returns, so the record outlives the process. A thread makes it durable within
  50 ms (`fdatasync`), and replaces `head`.
- `fsync`: before `append` returns for an intent it is durable.
- `replay`, for a backtest: no life is counted (`b` 0, no `m`), nothing is durable before the end.

A record has its place in its file from the moment it is made. So when the disk refuses it (full, an I/O fault, a short write) it
waits, those after it wait behind it, and the thread writes them all at their places as soon as the disk takes them; what was written
since the last successful fdatasync is written once more. `append` returns False meanwhile, `health().unwritable_s` counts, and
`on_fault` is told. Beyond 100,000 waiting records further ones are counted as lost, and a record says how many.

`append` belongs to one thread. It takes no lock, waits for nothing but its own write, and reads the clock once; it costs some 3 µs.

A program of one's own asks for the journal of a folder, and may write from any thread:

    log = hoga.AuditLogger.get_instance("logs/audit")
    log.log_event("order", "sent", symbol="BTCUSDT", price="97962.29")     # the kind of the record: event.order
    log.stop()
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from hoga.audit.chain import HEADS, body_of, line_of, without
from hoga.audit.checkpoint import Checkpointer, read_checkpoint
from hoga.audit.folder import Head, Owner, new_file, read_boot, read_head, write_boot, write_head
from hoga.audit.holding import Holding, hold_account, hold_folder, require_owner
from hoga.audit.reading import Fault, Walk
from hoga.audit.recovery import Recovered, Recovery
from hoga.core.errors import ArchiveError
from hoga.core.secret import Credentials
from hoga.core.times import SECOND_NS, day_of
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.durable import fsync, fsync_folder, truncate

__all__ = ["AuditLogger", "Durability", "JournalFault", "JournalHealth", "Opened", "Seal"]

_FLUSH_S = 0.05
_SEAL_NS = 3600 * SECOND_NS
_FILE_BYTES = 64 * 1024 * 1024
_REPLAY_BYTES = 1024 * 1024
_MOST_WAITING = 100_000
_TORN_BYTES_KEPT = 1024
_TELL_AGAIN_S = 30.0
_END_S = 2.0
_BREATH_S = 0.0005
_AT_ONCE = frozenset(("order.intent", "emergency.begin", "emergency.end"))
"""Kinds that are durable before `append` returns in the mode `fsync`."""


class Durability(StrEnum):
    """When a record is durable; see the module."""

    WRITE = "write"
    FSYNC = "fsync"
    REPLAY = "replay"


class Seal(NamedTuple):
    """The chain up to a record, for a second medium: whoever keeps it can prove later that nothing was cut off behind it."""

    n: int
    hash: str
    t: int


class JournalFault(NamedTuple):
    """The disk does not take the journal, or takes it again (`why` is empty). `waiting`: records that are only in memory; `lost`: those
    that are nowhere; `seconds`: for how long."""

    why: str
    waiting: int
    lost: int
    seconds: float


class JournalHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal is. `unwritable_s`: for how long the disk has refused it, 0 while it does not. `lag_s`: age of the oldest record
    that is not durable. `flush_s`: how long the last fdatasync took."""

    n: int
    waiting: int
    lost: int
    unwritable_s: float
    lag_s: float
    flush_s: float
    why: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What a life found when it began. `faults`: places where the journal is not as it was written and which no life has told of
    before; with one of them a trader does not open positions until a person looked. `torn_bytes`: a last line that was cut off."""

    boot: int
    recovered: Recovered
    faults: tuple[Fault, ...] = ()
    torn_bytes: int = 0

    @property
    def quarantined(self) -> bool:
        """Whether what the journal says is not to be relied upon."""
        return bool(self.faults)


class _Ending(Exception):
    """The journal ends: what was begun beside it is left."""


class _File:
    """An open file of the journal; `at`: where the next record goes."""

    __slots__ = ("at", "fd", "number", "path")

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.at = 0
        self.fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fsync_folder(path.parent)


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A record that is not durable yet; made in a third of a named tuple's time."""

    n: int
    own: bytes
    file: _File
    at: int
    line: bytes
    mono_ns: int


_ours: dict[Path, AuditLogger] = {}
_ours_lock = threading.Lock()
"""The journals that `get_instance` has begun, by their folders."""


class AuditLogger:
    """The journal of a trader's orders in `folder`; begin it with `open`, or as a context.

    Args:
        folder: the journal's own folder (`<data>/journal`); made when it is not there.
        owner: whose orders these are; the folder refuses another, and each account is held. None: nobody's (backtest).
        holds_account: False where nothing is done at the accounts (paper).
        durability: when a record is durable.
        clock: the wall clock and the steady one.
        hide: keys that no record may show.
        on_seal: is given a `Seal` each hour and at the end, by the journal's thread, after it is durable.
        on_fault: is told when the disk does not take the journal, each half minute while it does not, and when it does again.
        what: the word for who writes here, in a refusal.
        about: more members of the record that begins a life.
    """

    def __init__(
        self,
        folder: Path,
        *,
        owner: Owner | None = None,
        holds_account: bool = True,
        durability: Durability = Durability.WRITE,
        clock: Clock = SYSTEM,
        hide: tuple[Credentials, ...] = (),
        on_seal: Callable[[Seal], object] | None = None,
        on_fault: Callable[[JournalFault], object] | None = None,
        what: str = "trader",
        about: Mapping[str, object] | None = None,
    ) -> None:
        self.folder = folder
        self._owner = owner
        self._holds_account = holds_account
        self._replay = durability is Durability.REPLAY
        self._durability = durability
        self._clock = clock
        self._time_ns = clock.time_ns
        self._mono_ns = clock.monotonic_ns
        self._secrets = _texts(hide)
        self._secret_bytes = tuple(each.encode() for each in self._secrets)
        self._on_seal = on_seal
        self._on_fault = on_fault
        self._what = what
        self._about = dict(about or {})
        self._held: list[Holding] = []
        self._opened: Opened | None = None
        self._n = 0
        self._hash = b""
        self._boot = 0
        self._file: _File | None = None
        self._next: _File | None = None
        self._old: list[_File] = []
        self._errand = False
        self._seal_due = False
        self._sealed_t = 0
        self._since_ns: int | None = None
        self._why = ""
        self._head_since_ns: int | None = None
        self._told_ns: int | None = None
        self._lost = 0
        self._lost_untold = 0
        self._line_up: deque[_Line] = deque()
        self._undurable: list[_Line] = []
        self._flush_s = 0.0
        self._seals: deque[Seal] = deque()
        self._checkpoints: Checkpointer | None = None
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._calls = threading.Lock()

    # -- a life --------------------------------------------------------------------------------------------------

    def open(self) -> Opened:
        """Begin a life: take the folder and the accounts, read what is there, cut a torn line off, write the first record.

        Raises ArchiveBusy when another process has the folder or an account, ConfigError when the folder is another owner's,
        ArchiveError or OSError when it cannot be read or written.
        """
        try:
            return self._begin()
        except BaseException:
            self._let_go()
            raise

    def _begin(self) -> Opened:
        self._held.append(hold_folder(self.folder, what=self._what))
        if self._owner is not None:
            require_owner(self.folder, self._owner)
            for each in self._owner.accounts if self._holds_account else ():
                self._held.append(hold_account(each, self._owner.trader, folder=self.folder.absolute()))
        mark = None if self._replay else read_checkpoint(self.folder)
        walk = Walk(self.folder) if mark is None else Walk(self.folder, since=mark.next_file, after=mark)
        recovery = Recovery(None if mark is None else mark.state)
        told: dict[str, set[str]] = {}
        for record in walk.records():
            recovery.feed(record)
            if record.kind == "boot":
                for name, digest in record.fields.get("damaged", {}).items():
                    told.setdefault(name, set()).add(digest)
        damaged = _digests([each for each in walk.faults if each.kind != "torn"])
        faults = [each for each in walk.faults if each.kind != "torn" and damaged[each.file] not in told.get(each.file, ())]
        torn: dict[str, object] = {}
        if walk.torn is not None:
            rest = walk.torn.rest
            torn = {"file": walk.torn.path.name, "at": walk.torn.offset, "bytes": len(rest), "hex": rest[:_TORN_BYTES_KEPT].hex()}
            _cut(walk.torn.path, walk.torn.offset)
        faults += _faults_of_head(self.folder, walk)
        if not self._replay:
            try:
                counted = read_boot(self.folder) or 0
            except ValueError as fault:
                faults.append(Fault("boot", 0, 0, "boot", str(fault), walk.last_n))
                counted = 0
            self._boot = max(counted, walk.last_b) + 1
            write_boot(self.folder, self._boot)
        self._n, self._hash = walk.last_n, walk.last_hash
        number = walk.files[-1].number + 1 if walk.files else 1 if mark is None else mark.next_file
        if not self._replay and number == 1 and not faults:
            write_head(self.folder, Head(0, self._hash.hex()))  # from its first record on, a journal without a head was tampered with
        self._file = self._new_file(number)
        first: dict[str, object] = {"prev": self._hash.hex(), **self._about}
        if self._owner is not None:
            first["owner"] = msgspec.to_builtins(self._owner)
        if torn:
            first["torn"] = torn
        if faults:
            first["faults"] = [each._asdict() for each in faults[:20]]
            first["damaged"] = {each.file: damaged[each.file] for each in faults if each.file in damaged}
        cut = 0 if walk.torn is None else len(walk.torn.rest)
        self._opened = Opened(boot=self._boot, recovered=recovery.result(), faults=tuple(faults), torn_bytes=cut)
        self._sealed_t = self._time_ns()
        self.append("boot", first)
        if not self._replay:
            self.flush()
            self._checkpoints = Checkpointer(self.folder, walk, recovery, before=mark, next_file=number)
            self._checkpoints.write()
            self._thread = threading.Thread(target=self._run, name="hoga-journal", daemon=True)
            self._thread.start()
        return self._opened

    @property
    def opened(self) -> Opened:
        """What this life found when it began."""
        assert self._opened is not None, "a journal is open before it is used"
        return self._opened

    def close(self) -> None:
        """End the life in good order: a seal, everything durable, the folder free. Raises ArchiveError when records could not be made
        durable; the folder is free all the same."""
        if self._opened is None:
            return
        try:
            self._seal("end")
            self._stop.set()
            if self._thread is not None:
                self._thread.join(_END_S)
                if self._thread.is_alive():
                    raise ArchiveError(self.folder, f"the disk has not answered for {_END_S:g} s: what it has is not known")
            self.flush()
            if self._line_up or self._undurable:
                raise ArchiveError(self.folder, f"{len(self._line_up) + len(self._undurable)} records could not be written: {self._why}")
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._opened = None
        for each in (self._file, self._next, *self._old):
            if each is not None:
                with contextlib.suppress(OSError):
                    os.close(each.fd)
        self._file = self._next = None
        self._old.clear()
        for held in self._held:
            held.release()
        self._held = []

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<AuditLogger {self.folder} life {self._boot} record {self._n}{f' UNWRITABLE: {self._why}' if self._why else ''}>"

    # -- for a program of one's own ------------------------------------------------------------------------------

    @classmethod
    def get_instance(cls, log_dir: Path | str) -> AuditLogger:
        """The one journal of this process in `log_dir`, begun when it is first asked for; any thread may ask. End it with `stop`.

        Raises what `open` raises.
        """
        folder = Path(log_dir).absolute()
        with _ours_lock:
            found = _ours.get(folder)
            if found is None:
                found = cls(folder, what="program")
                found.open()
                _ours[folder] = found
            return found

    def log_event(self, kind: str, operation: str, *, symbol: str = "", **fields: object) -> bool:
        """Write something that happened, as a record of the kind `event.KIND` with its operation, its symbol and `fields`.

        Any thread may call it: calls wait for each other, and for nothing but their own write. A field with a name of the journal's own
        (n, t, m, b, k) gets an underscore behind it. Returns whether the system has it, as `append`; raises ValueError for an empty kind,
        and where the journal has ended.
        """
        if not kind or self._opened is None:
            raise ValueError("an event has a kind" if not kind else f"the journal {self.folder} has ended")
        said: dict[str, object] = {"op": operation}
        if symbol:
            said["sym"] = symbol
        for name, value in fields.items():
            said[f"{name}_" if name in HEADS or name in said else name] = value
        with self._calls:
            return self.append(f"event.{kind}", said)

    def stop(self) -> None:
        """End it: a seal, everything durable. The next `get_instance` begins another life. Raises ArchiveError as `close`."""
        with _ours_lock:
            if _ours.get(self.folder) is self:
                del _ours[self.folder]
        with self._calls:
            self.close()

    # -- a record ------------------------------------------------------------------------------------------------

    def append(self, kind: str, fields: Mapping[str, object] | msgspec.Struct, t: int | None = None) -> bool:
        """Write a record of the kind `kind`; `t`: its time where that is not now, UTC ns.

        Returns:
            Whether the system has it. False: the disk refuses; the record waits in memory and is written when it can be.

        Raises ValueError for fields with a name of the journal's own (n, t, m, b, k).
        """
        if self._errand:
            self._run_errand()
        return self._put(kind, fields, self._time_ns() if t is None else t)

    def _put(self, kind: str, fields: Mapping[str, object] | msgspec.Struct, t: int) -> bool:
        file = self._file
        assert file is not None, "a journal is open before it is used"
        n = self._n + 1
        mono = self._mono_ns()
        body = body_of(n, t, None if self._replay else mono, self._boot, kind, fields)
        for secret in self._secret_bytes:
            if secret in body:
                body = without(body, self._secrets)
                break
        if self._since_ns is not None and len(self._line_up) >= _MOST_WAITING:
            self._lost += 1
            self._lost_untold += 1
            self._errand = True
            return False
        own = sha256(self._hash + body).digest()
        line = line_of(body, own)
        at = file.at
        self._n, self._hash, file.at = n, own, at + len(line)
        self._line_up.append(_Line(n, own, file, at, line, mono))
        if self._replay:
            return file.at - self._line_up[0].at < _REPLAY_BYTES or self._write_batch(file)
        if self._since_ns is not None:
            return False
        try:
            if os.pwrite(file.fd, line, at) != len(line):
                return self._refused("short write")
        except OSError as fault:
            return self._refused(os.strerror(fault.errno or 0))
        if self._durability is Durability.FSYNC and kind in _AT_ONCE:
            return self.flush()
        return True

    def _write_batch(self, file: _File) -> bool:
        """In a backtest."""
        done = self.flush()
        if file.at >= _FILE_BYTES and self._next is None:
            self._next = self._new_file(file.number + 1)
            self._errand = True
        return done

    def _refused(self, why: str) -> bool:
        """From now on records wait, and the journal's thread writes them."""
        self._why = why
        self._since_ns = self._mono_ns()
        return False

    def _run_errand(self) -> None:
        """What the journal's thread has found to be due, and only the owner's may do: the next file, a seal, a word about lost records."""
        self._errand = False
        if self._next is not None:
            if self._file is not None:
                self._old.append(self._file)
            before, self._file, self._next = self._hash, self._next, None
            self._put("seal", {"why": "file", "prev": before.hex(), "of": self._n}, self._time_ns())
        if self._seal_due:
            self._seal_due = False
            self._seal("hour")
        if self._lost_untold and self._since_ns is None:
            lost, self._lost_untold = self._lost_untold, 0
            self._put("state", {"what": "journal", "lost": lost}, self._time_ns())

    def _seal(self, why: str) -> None:
        t = self._time_ns()
        seal = Seal(self._n, self._hash.hex(), t)
        self._put("seal", {"why": why, "of": seal.n, "hash": seal.hash}, t)
        self._seals.append(seal)

    # -- making durable ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.wait(_FLUSH_S):
            self.flush()
            self._look_ahead()
            self._cover()

    def _cover(self) -> None:
        """When a file is over, and durable: what it came to is kept, for the next start."""
        file, checkpoints = self._file, self._checkpoints
        if file is not None and checkpoints is not None and not self._old and file.number > checkpoints.next_file:
            with contextlib.suppress(OSError, _Ending):  # the next start reads it then
                checkpoints.cover(file.number, self._breathe)

    def _breathe(self) -> None:
        """Others run meanwhile, and what was appended becomes durable in time. Raises _Ending once the journal ends."""
        if self._stop.wait(_BREATH_S):
            raise _Ending
        now = self._mono_ns()
        if now - self._oldest_ns(now) > _FLUSH_S * SECOND_NS:
            self.flush()

    def flush(self) -> bool:
        """Make everything durable that was appended before; False when the disk refuses. Waits for the disk: not for the hot path."""
        with self._flushing:
            try:
                self._make_durable()
            except OSError as fault:
                self._tell(os.strerror(fault.errno or 0))
                return False
            except ArchiveError as fault:  # only of the head: the records are durable
                self._head_since_ns = self._head_since_ns or self._mono_ns()
                self._tell(f"head: {fault.why}")
                return False
            while self._seals and self._on_seal is not None:
                self._on_seal(self._seals.popleft())
            return True

    def _make_durable(self) -> None:
        broken, old = self._since_ns is not None, self._old.copy()
        for _ in range(len(self._line_up)):
            self._undurable.append(self._line_up.popleft())
        if not self._undurable:
            return
        if broken or self._replay:
            _write_at_their_places(self._undurable)
        if not self._replay:
            began = self._mono_ns()
            for fd in {each.file.fd for each in self._undurable}:
                try:
                    fsync(fd)
                except OSError as fault:  # what the system had in its memory may be gone: all of it is written once more
                    self._refused(os.strerror(fault.errno or 0))
                    raise
            self._flush_s = (self._mono_ns() - began) / SECOND_NS
        last = self._undurable[-1]
        self._undurable.clear()
        for file in old:
            self._old.remove(file)
            os.close(file.fd)
        if broken:
            self._heal()
        write_head(self.folder, Head(last.n, last.own.hex()))
        self._head_since_ns = None
        if self._since_ns is None:
            self._tell_healed()

    def _heal(self) -> None:
        """The disk takes it again: the owner writes itself from here on, and what it left in between is written after that."""
        self._since_ns = None
        _write_at_their_places([self._line_up[at] for at in range(len(self._line_up))])
        if self._lost_untold:
            self._errand = True

    def _tell_healed(self) -> None:
        told, self._told_ns, self._why = self._told_ns, None, ""
        if self._on_fault is not None and told is not None:
            self._on_fault(JournalFault("", 0, self._lost, (self._mono_ns() - told) / SECOND_NS))

    def _tell(self, why: str) -> None:
        """The disk refuses. The owner is told at once, and again now and then."""
        now = self._mono_ns()
        self._why = why
        if self._on_fault is not None and (self._told_ns is None or now - self._told_ns >= _TELL_AGAIN_S * SECOND_NS):
            self._told_ns = now
            self._on_fault(JournalFault(why, len(self._line_up) + len(self._undurable), self._lost, self._refusing_s(now)))

    def _refusing_s(self, now: int) -> float:
        return max((now - since for since in (self._since_ns, self._head_since_ns) if since is not None), default=0) / SECOND_NS

    def _look_ahead(self) -> None:
        """A new file before the owner needs it, and seals in time. Only in the journal's thread."""
        file, now = self._file, self._time_ns()
        if file is None:
            return
        if now - self._sealed_t >= _SEAL_NS:
            self._sealed_t = now
            self._seal_due = self._errand = True
        if self._next is None and (file.at >= _FILE_BYTES or file.path.parent.name != day_of(now)):
            try:
                self._next = self._new_file(file.number + 1)
            except OSError as fault:
                self._tell(os.strerror(fault.errno or 0))
                return
            self._errand = True

    def _new_file(self, number: int) -> _File:
        return _File(number, new_file(self.folder, number, self._time_ns()))

    def health(self) -> JournalHealth:
        """How the journal is; cheap, for heartbeats and the ladder."""
        now = self._mono_ns()
        return JournalHealth(
            n=self._n,
            waiting=len(self._line_up) + len(self._undurable),
            lost=self._lost,
            unwritable_s=self._refusing_s(now),
            lag_s=max(0, now - self._oldest_ns(now)) / SECOND_NS,
            flush_s=self._flush_s,
            why=self._why,
        )

    def _oldest_ns(self, now: int) -> int:
        for queue in (self._undurable, self._line_up):
            with contextlib.suppress(IndexError):  # the journal's thread may take it away in this moment
                return queue[0].mono_ns
        return now


def _write_at_their_places(lines: list[_Line]) -> None:
    """All of them, each at its place; writing one twice changes nothing. Raises OSError."""
    at = 0
    while at < len(lines):
        first = lines[at]
        end = at
        while end < len(lines) and lines[end].file is first.file:
            end += 1
        data = memoryview(b"".join(each.line for each in lines[at:end]))
        done = 0
        while done < len(data):
            done += os.pwrite(first.file.fd, data[done:], first.at + done)
        at = end


def _cut(path: Path, size: int) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        truncate(fd, size)
        fsync(fd)
    finally:
        os.close(fd)


def _digests(faults: list[Fault]) -> dict[str, str]:
    """What is wrong in each file, in a few letters: by them a later start knows that it was told, however much it is."""
    places: dict[str, list[tuple[int, str]]] = {}
    for each in faults:
        places.setdefault(each.file, []).append((each.line, each.kind))
    return {name: sha256(repr(found).encode()).hexdigest()[:12] for name, found in places.items()}


def _faults_of_head(folder: Path, walk: Walk) -> list[Fault]:
    """What the head proves that the files do not: records that were durable and are gone."""
    try:
        head = read_head(folder)
    except ValueError as fault:
        return [Fault("head", 0, 0, "head", str(fault), walk.last_n)]
    if head is None:
        return [Fault("head", 0, 0, "head", "is not there", walk.last_n)] if walk.last_n else []
    if head.n > walk.last_n:
        return [Fault("head", 0, 0, "cut", f"record {head.n} was durable; the last one there is {walk.last_n}", walk.last_n)]
    return []


def _texts(hide: tuple[Credentials, ...]) -> tuple[str, ...]:
    """Every line of every secret that is long enough to be one."""
    found = [line for each in hide for secret in (each.key, each.secret, each.signing_key) for line in secret.reveal().splitlines()]
    return tuple(dict.fromkeys(each for each in found if len(each) > 3))
