"""simulator.faults: keeps the faults asked for, and decides them per frame. Pure: chance is seeded, time an argument.

`FaultDesk` keeps the active ones and is asked for every market frame (`route`); it answers with what to put on the wire instead, and
counts every frame it touched. Faults of connections, of the handshake, of REST and of the clock are carried out by the shell, which
asks `started` for them. The words of faults are those of `simulator.faultwords`, and can be had from here, too.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random

import msgspec

from hoga.simulator.activefault import S_NS, ActiveFault
from hoga.simulator.faultframes import FRAME_FAULTS, HANDLERS, Frame
from hoga.simulator.faultscript import read_script
from hoga.simulator.faultwords import REST, TRANSFER_DEFECTS, Asked, Dialect, Fault, FaultKind, FileDefect, Out, Printed

__all__ = [
    "FRAME_FAULTS",
    "REST",
    "TRANSFER_DEFECTS",
    "ActiveFault",
    "Asked",
    "Dialect",
    "Fault",
    "FaultDesk",
    "FaultKind",
    "FileDefect",
    "Out",
    "Printed",
    "read_script",
]


class FaultDesk:
    """Keeps waiting and active faults.

    Calling contract: `advance(now)` often; then carry out `started()` and send `released()`. `route` only when `busy`.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.busy = False
        self.history: list[ActiveFault] = []
        self._waiting: list[tuple[int, Fault]] = []
        self._active: list[ActiveFault] = []
        self._started: list[ActiveFault] = []
        self._ended: list[ActiveFault] = []
        self._released: list[tuple[str, str, Out]] = []
        self._random = Random(f"faults/{seed}")

    def schedule(self, fault: Fault, now_ns: int) -> None:
        """Let a fault begin `fault.at_s` after `now_ns`."""
        self._waiting.append((now_ns + int(fault.at_s * S_NS), fault))
        self._waiting.sort(key=lambda entry: entry[0])

    def advance(self, now_ns: int) -> None:
        """Begin what is due and end what is over."""
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, fault = self._waiting.pop(0)
            active = ActiveFault(len(self.history) + 1, fault, now_ns)
            self.history.append(active)
            self._active.append(active)
            self._started.append(active)
        for active in [active for active in self._active if active.is_over(now_ns)]:
            self.finish(active)
        self.busy = any(active.fault.fault in FRAME_FAULTS for active in self._active)

    def finish(self, active: ActiveFault) -> None:
        """End a fault now; frames it holds are released."""
        if active.done:
            return
        active.done = True
        self._active.remove(active)
        self._ended.append(active)
        self._released += [(connection, stream, out) for (connection, stream), out in active.held.items()]
        active.held.clear()
        self.busy = any(other.fault.fault in FRAME_FAULTS for other in self._active)

    def clear(self) -> None:
        """End every active fault and forget the waiting ones."""
        self._waiting.clear()
        for active in list(self._active):
            self.finish(active)

    def started(self) -> list[ActiveFault]:
        """Faults begun since the last call."""
        started, self._started = self._started, []
        return started

    def ended(self) -> list[ActiveFault]:
        """Faults ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def released(self) -> list[tuple[str, str, Out]]:
        """(connection, stream, frame) that ended faults held back, to be sent now."""
        released, self._released = self._released, []
        return released

    def active(self, kind: FaultKind) -> list[ActiveFault]:
        """The active faults of one kind, oldest first."""
        return [active for active in self._active if active.fault.fault is kind]

    def take_one(self, kind: FaultKind, path: str) -> Fault | None:
        """The fault of `kind` that takes a request to `path` (or a handshake), counted; None when none does."""
        return self._take(kind, path, lambda active: active.matches_path(path))

    def take_asked(self, kind: FaultKind, asked: Asked) -> Fault | None:
        """The fault of `kind` that takes a request of which more is known, counted by its path; None when none does."""
        return self._take(kind, asked.path, lambda active: active.matches_request(asked))

    def take_event(self, kind: FaultKind, name: str) -> Fault | None:
        """The fault of `kind` that takes an event of an account, counted by its name; None when none does."""
        return self._take(kind, name, lambda active: active.matches_event(name))

    def take_defect(self, path: str) -> Fault | None:
        """The fault of a transfer that takes a request for the file at `path`, counted; None when none does."""
        return self._take(FaultKind.FILE, path, lambda active: active.fault.defect in TRANSFER_DEFECTS and active.matches_path(path))

    def _take(self, kind: FaultKind, what: str, matches: Callable[[ActiveFault], bool]) -> Fault | None:
        for active in self.active(kind):
            if matches(active) and active.takes(self._random):
                active.note(what)
                return active.fault
        return None

    def defects(self, path: str) -> frozenset[FileDefect]:
        """What is wrong with the published file at `path` now."""
        return frozenset(
            active.fault.defect
            for active in self.active(FaultKind.FILE)
            if active.fault.defect not in TRANSFER_DEFECTS and active.matches_path(path) and _chosen(path, active.fault.probability)
        )

    def take_request(self, kind: FaultKind, connection: str, streams: list[str]) -> Fault | None:
        """The fault of `kind` that takes a request for `streams`, counted once; None when none does."""
        for active in self.active(kind):
            hit = next((stream for stream in streams if active.matches(connection, stream)), None)
            if hit is not None and active.takes(self._random):
                active.hit_connections.add(connection)
                active.note(hit)
                return active.fault
        return None

    def matching(self, fault: Fault, connection: str, streams: list[str]) -> list[str]:
        """Those of `streams` that an active fault is meant for."""
        return [stream for active in self._active if active.fault is fault for stream in streams if active.matches(connection, stream)]

    def forget_connection(self, connection: str) -> None:
        """A connection is gone: frames held for it can never be sent."""
        for active in self._active:
            for key in [key for key in active.held if key[0] == connection]:
                del active.held[key]

    def route(self, connection: str, stream: str, printed: Printed, dialect: Dialect) -> list[Out]:
        """What to send instead of the frame: often just itself."""
        outs = [Out(printed.opcode, printed.text)]
        frame = Frame(connection, stream, printed.payload, printed.text, printed.opcode, dialect)
        for active in self._active:
            handler = HANDLERS.get(active.fault.fault)
            if handler is None or not outs or not (active.matches(connection, stream) and active.matches_event(printed.event)):
                continue
            if active.fault.fault is FaultKind.REORDER and (connection, stream) in active.held:
                outs = [*outs, active.held.pop((connection, stream))]
            elif active.takes(self._random):
                outs = handler(active, frame, outs, self._random)
                active.note(stream)
        return outs

    def status(self) -> list[dict[str, object]]:
        """Every fault that ever began, with exact counts, ready for JSON."""
        return [_status(active) for active in self.history]


def _chosen(path: str, probability: float) -> bool:
    return probability >= 1.0 or zlib.crc32(path.encode()) / 2**32 < probability


def _status(active: ActiveFault) -> dict[str, object]:
    return {
        "number": active.number,
        "fault": active.fault.fault.value,
        "parameters": msgspec.to_builtins(active.fault),
        "began_ns": active.began_ns,
        "state": "done" if active.done else "active",
        "affected": dict(active.affected),
        "affected_total": active.affected.total(),
        "connections": sorted(active.hit_connections),
    }
