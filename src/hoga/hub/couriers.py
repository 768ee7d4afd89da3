"""hub.couriers: threads that call consumers' plain functions, so that none of them can delay the event loop or another.

One courier serves everybody as long as everybody is quick. A callback that takes longer than `patience_s` keeps its
courier to itself; another takes over the rest at once. So a callback that blocks for ever costs a thread, and nobody
else anything. Events of one consumer are handed over one at a time and in order, whichever courier does it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic

__all__ = ["Couriers"]


class _Courier(threading.Thread):
    def __init__(self, number: int, pool: Couriers) -> None:
        super().__init__(name=f"hub-courier-{number}", daemon=True)
        self.pool = pool
        self.since = 0.0
        self.errand: object | None = None

    def run(self) -> None:
        ready = self.pool.ready
        while True:
            errand = ready.get()
            if errand is None:
                return
            self.errand, self.since = errand, monotonic()
            try:
                errand()
            except BaseException as fault:  # noqa: BLE001  # told by name; the courier goes on with the next errand
                self.pool.failed(errand, fault)
            self.errand, self.since = None, 0.0
            if self.pool.retire(self):
                return


class Couriers:
    """`send(errand)` has a courier call it soon. `look()` every `patience_s` or so finds couriers that are held up.

    At most `most` couriers; when all are held up, errands wait. `close()` lets them end; those held up are left behind
    (they are daemons, and cannot be stopped).
    """

    def __init__(
        self,
        *,
        patience_s: float = 0.05,
        most: int = 32,
        on_slow: Callable[[object, float], object] = lambda errand, s: None,
        on_fault: Callable[[object, BaseException], object] = lambda errand, fault: None,
    ) -> None:
        self.ready: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._patience_s = patience_s
        self._most = most
        self._on_slow = on_slow
        self._on_fault = on_fault
        self._couriers: set[_Courier] = set()
        self._lock = threading.Lock()
        self._told: set[int] = set()
        self._number = 0
        self._closed = False

    def send(self, errand: Callable[[], object]) -> None:
        """Have `errand` called. One that raises is told to `on_fault`, by its courier."""
        if not self._couriers:
            self._hire()
        self.ready.put(errand)

    def look(self) -> int:
        """Replace couriers that are held up, and tell of them once each; returns how many are."""
        now = monotonic()
        with self._lock:
            held = [each for each in self._couriers if each.since and now - each.since > self._patience_s]
            free = len(self._couriers) - len(held)
        for courier in held:
            errand = courier.errand
            if errand is not None and id(courier) not in self._told:
                self._told.add(id(courier))
                self._on_slow(errand, now - courier.since)
        if held and free == 0 and not self.ready.empty() and len(self._couriers) < self._most:
            self._hire()
        return len(held)

    def retire(self, courier: _Courier) -> bool:
        """Asked by a courier between two errands: one that was held up leaves when there are others."""
        with self._lock:
            self._told.discard(id(courier))
            if self._closed or sum(1 for each in self._couriers if not each.since) > 2:
                self._couriers.discard(courier)
                return True
            return False

    def failed(self, errand: object, fault: BaseException) -> None:
        """Told by a courier."""
        with contextlib.suppress(Exception):  # the loop is closed: nobody is left to be told
            self._on_fault(errand, fault)

    @property
    def threads(self) -> int:
        """How many couriers there are."""
        return len(self._couriers)

    def close(self) -> None:
        """No errands any more."""
        with self._lock:
            self._closed = True
            count = len(self._couriers)
        for _ in range(count):
            self.ready.put(None)
        for courier in list(self._couriers):
            if not courier.since and courier is not threading.current_thread():
                courier.join(timeout=0.5)

    def _hire(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._number += 1
            courier = _Courier(self._number, self)
            self._couriers.add(courier)
        courier.start()
