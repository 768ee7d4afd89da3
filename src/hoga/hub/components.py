"""hub.components: who is served, held weakly: whose owner is collected leaves by itself; and what each is told besides events."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hoga.core.streams import Stream
from hoga.hub import checks
from hoga.hub.consumers import CALLERS_FAULTS, hold, pass_on_ctrl_c
from hoga.hub.errors import SubscriptionError
from hoga.hub.events import StatusEvent, SubscriptionErrorEvent
from hoga.hub.subscriptions import ComponentSubscription, SubscriptionStateManager
from hoga.runtime.logs import get_log

__all__ = ["Components", "OnStatus"]

_log = get_log("hub")

OnStatus = Callable[[StatusEvent], object]


@dataclass(slots=True, eq=False)
class _Component:
    """`on_status` gives what to call, None when there is nothing or its owner is collected.

    `is_young`: it came in this turn of the loop.
    """

    ref: weakref.ref[Any]
    subscription: ComponentSubscription
    on_status: Callable[[], OnStatus | None]
    is_young: bool = True

    def settle(self) -> None:
        """The loop has had a turn, and it is still here."""
        self.is_young = self.ref() is None


class Components:
    """By id. `leave(component_id)` is called for those whose owner is collected. `telling`: status callbacks under way."""

    def __init__(self, subscriptions: SubscriptionStateManager, *, leave: Callable[[str], None]) -> None:
        self._subscriptions = subscriptions
        self._leave = leave
        self._of: dict[str, _Component] = {}
        self._dead: deque[tuple[str, weakref.ref[Any]]] = deque()
        self.telling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def __contains__(self, component_id: str) -> bool:
        return component_id in self._of

    def __len__(self) -> int:
        return len(self._of)

    def ids(self) -> list[str]:
        """Of all that are here now."""
        return list(self._of)

    def add(self, component_id: str, owner: object, subscription: ComponentSubscription, on_status: OnStatus | None) -> None:
        """An id is of the component that registered it last; where the one before still lives, somebody may not have meant it."""
        before = self.owner_of(component_id)
        if before is not None and before is not owner:
            hint = "two components need an id each; the one before hears nothing more"
            _log.warning("a component took the id of another that lives", component=component_id, before=checks.shown(before), hint=hint)
        ref = weakref.ref(owner, lambda dead: self._collected(component_id, dead))
        status = hold(on_status, owner) if on_status is not None else lambda: None
        component = self._of[component_id] = _Component(ref, subscription, status)
        self._loop.call_soon(component.settle)

    def remove(self, component_id: str) -> bool:
        """Whether it was here."""
        return self._of.pop(component_id, None) is not None

    def owner_of(self, component_id: str) -> object | None:
        """Who registered under that id, None when nobody did or it is gone."""
        component = self._of.get(component_id)
        return component.ref() if component is not None else None

    def _collected(self, component_id: str, dead: weakref.ref[Any]) -> None:
        """By the garbage collector, in any thread, at any moment: only note it."""
        self._dead.append((component_id, dead))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to care
            self._loop.call_soon_threadsafe(self._reap)

    def sweep(self) -> None:
        """Let components go whose owners are collected; looks at all of them."""
        self._reap()
        for component_id in [name for name, each in self._of.items() if each.ref() is None]:
            self._leave(component_id)

    def _reap(self) -> None:
        while self._dead:
            component_id, dead = self._dead.popleft()
            component = self._of.get(component_id)
            if component is not None and component.ref is dead:
                if component.is_young:
                    self._tell_orphan(component_id, component)
                self._leave(component_id)

    @staticmethod
    def _tell_orphan(component_id: str, component: _Component) -> None:
        """Its owner was gone as soon as it was registered: that is nobody's intention."""
        hint = "keep the object that you register: the hub holds it weakly"
        error = SubscriptionError(component_id, "", (), "nobody but the hub held its owner, it is gone already", hint=hint)
        component.subscription.errors.append(error)
        _log.warning("a component is gone as soon as it came", component=component_id, hint=hint)

    # -- status -------------------------------------------------------------------------------------------------

    def tell_wanting(self, streams: Iterable[Stream], event: StatusEvent) -> None:
        """Everybody who wants any of these."""
        for component_id in {name for stream in streams for name in self._subscriptions.components_of(stream)}:
            self.tell(component_id, event)

    def note(self, error: SubscriptionError) -> None:
        """It is listed with what its component wants."""
        self._of[error.component_id].subscription.errors.append(error)

    def tell_error(self, error: SubscriptionError) -> None:
        """Something of a wish cannot be served."""
        symbols, who = ",".join(error.symbols), error.component_id
        _log.warning("a subscription cannot be served", component=who, venue=error.venue, symbols=symbols, why=error.why)
        self.tell(who, SubscriptionErrorEvent(error=error))

    def tell(self, component_id: str, event: StatusEvent) -> None:
        """Call its status callback, if it has one."""
        component = self._of.get(component_id)
        on_status = component.on_status() if component is not None else None
        if on_status is None:
            return
        try:
            answer = on_status(event)
        except CALLERS_FAULTS as fault:  # the component's own fault, told, nobody else concerned
            pass_on_ctrl_c(fault)
            _log.failure("a status callback failed", fault, component=component_id)
            return
        if answer is not None and inspect.isawaitable(answer):
            task = self._loop.create_task(self._finish(component_id, answer), name=f"hub status {component_id}")
            self.telling.add(task)
            task.add_done_callback(self.telling.discard)

    @staticmethod
    async def _finish(component_id: str, answer: Awaitable[object]) -> None:
        try:
            await answer
        except CALLERS_FAULTS as fault:  # as above
            pass_on_ctrl_c(fault)
            _log.failure("a status callback failed", fault, component=component_id)
