"""feed.private: one account's connection at one venue, kept up for ever: log in, watch, hand over, begin again.

    CONNECTING ─▶ AUTHENTICATING ─▶ LIVE ─▶ (lost) ─▶ BACKING_OFF ─▶ CONNECTING
                        │            │▲
                        │            ▼│ a second login beside, both are read, the old one ends
                        │         HANDOVER
                        └─ the venue says no ─▶ REJECTED ─▶ CONNECTING, ever more rarely

One life is `feed.private_life`; when it gets a successor, and which of the two goes on, is decided by `feed.succession`. `hub.private` has
the table of states, which says more than that of all connections (`hub.states`). Public connections share nothing with it but the
budget of connects.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

from hoga.core.market import DataType
from hoga.core.secret import Credentials
from hoga.core.streams import Stream
from hoga.feed.dialler import Dialler
from hoga.feed.private_life import Beside, End, PrivateConfig, PrivateLife, Stage
from hoga.feed.succession import Act, Facts, Succession
from hoga.hub.port import LifeEnd, WireInlet, WireStats
from hoga.hub.private import (
    PRIVATE_MOVES,
    SEEN_AS,
    MissedEvent,
    PrivateState,
    PrivateStateEvent,
    hint_for,
    judged,
    missed_from,
    missing_keys,
    state_after,
)
from hoga.hub.states import CONNECTION_MOVES, ConnectionState, Standing
from hoga.net.backoff import PROVEN_AFTER_S, Backoff
from hoga.net.ratelimit import Budget
from hoga.net.rest import RestClient
from hoga.net.retry import bounded
from hoga.runtime.clock import SYSTEM, Clock
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.venues.private import Nonce, PrivateSpec, Refusal, Trouble

__all__ = ["PrivateConnection"]

_log = get_log("feed")


class PrivateConnection:
    """Keeps one account's events coming. `run` never returns by itself; `stop` ends it, and it may be run again.

    `start` gives it the hub, before anything else. `connect_budget` is shared by all connections of the venue; `rest` makes
    the REST calls, and is held by whoever runs this. `jitter()` gives 0..1.
    """

    def __init__(
        self,
        name: str,
        venue: str,
        spec: PrivateSpec,
        config: PrivateConfig,
        credentials: Credentials,
        *,
        connect_budget: Budget,
        rest: RestClient,
        tls: ssl.SSLContext | None,
        nonce: Nonce,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.venue = venue
        self._phase = Standing(PRIVATE_MOVES, PrivateState.IDLE)
        self._standing = Standing(CONNECTION_MOVES, ConnectionState.DISCONNECTED)
        self.epoch = 0
        self.reconnects = 0
        self.handovers = 0
        self.last_close = ""
        self._number = 0
        self._requests = 0
        self._streams: list[Stream] = []
        self._inlet: WireInlet | None = None
        self._spec = spec
        self._config = config
        self._credentials = credentials
        self._rest = rest
        self._tls = tls
        self._nonce = nonce
        self._jitter = jitter
        self._clock = clock
        self._backoff = Backoff(config.backoff)
        self._rejects = Backoff(config.rejects)
        self._wake = asyncio.Event()
        self._stopping = self._dropping = False
        self._life: PrivateLife | None = None
        self._next: PrivateLife | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._succession = self._make_succession()
        self._was_live = False
        self._proof_ns: int | None = None
        self._dialler = Dialler(config.ws_url, config.ports, connect_budget, jitter=jitter, clock=clock)
        self._told: tuple[Trouble | None, str] = (None, "")

    def _make_succession(self) -> Succession:
        """Not all connections of a process are replaced at one moment."""
        config = self._config
        return Succession(
            overlap_s=config.overlap_s,
            patience_s=config.patience_s,
            rest_s=config.rest_s,
            replace_after_s=config.replace_after_s * (0.9 + 0.1 * self._jitter()),
        )

    # -- what others ask ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """What it is doing, in the words of all connections; moves by `hub.states.CONNECTION_MOVES` only."""
        return self._standing.state

    @property
    def phase(self) -> PrivateState:
        """The same, in those of private ones; moves by `hub.private.PRIVATE_MOVES` only."""
        return self._phase.state

    @property
    def requests(self) -> int:
        """How many were sent, in all its lives."""
        return self._requests + sum(life.requests for life in self._lives())

    def start(self, inlet: WireInlet) -> None:
        """Bring to `inlet` what comes."""
        self._inlet = inlet

    def want(self, streams: list[Stream]) -> None:
        """Bring these from now on; a venue that brings everything anyway is told nothing."""
        self._streams = streams
        for life in self._lives():
            life.table = self._to.joining(self.name, life.epoch, streams)
            if streams and not self._stopping:
                life.want(life.session.want(self._types()))

    def suspect(self, why: str) -> None:
        """Somebody doubts that everything comes (an order was accepted, and nothing told of it): make a second login beside the first.

        Nothing happens where none is live, where one is being made anyway, or within `rest_s` of the last one.
        """
        if self._life is not None:
            self._doubted(self._life, why, False)

    async def run(self) -> None:
        """Keep the connection up until `stop`."""
        self._stopping = False
        self._succession = self._make_succession()
        try:
            while not self._stopping:
                self._wake.clear()
                await self._carry_out()
                for task in [each for each in self._tasks if each.done()]:
                    self._tasks.discard(task)
                    task.result()
        finally:
            self._drop()
        self._become(PrivateState.IDLE)

    async def stop(self) -> None:
        """Say goodbye and be done; events on their way are still taken."""
        self._stopping = True
        await asyncio.gather(*(life.leave("") for life in self._lives()))
        self._wake.set()

    def abandon(self) -> None:
        """After a fault of our own: drop what there is; `run` begins anew."""
        self._drop()
        if self.phase is not PrivateState.IDLE:
            self._become(PrivateState.IDLE)

    def _drop(self) -> None:
        """Nothing of any life is taken any more."""
        self._dropping = True
        for life in self._lives():
            life.finish("given up")
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._dropping = False

    def _lives(self) -> list[PrivateLife]:
        return [life for life in (self._life, self._next) if life is not None]

    # -- lives and their successors -----------------------------------------------------------------------------------

    async def _carry_out(self) -> None:
        """What the succession says now."""
        old, new = self._life, self._next
        both = old is not None and new is not None and new.stage is Stage.LIVE
        facts = Facts(
            live=old is not None,
            making=new is not None,
            both=both,
            proven=both and old is not None and old.proven,
            lacks=both and new is not None and bool(self._to.behind(self.name, new.epoch, new.live_ns)),
        )
        wish = self._succession.look(self._clock.monotonic(), facts)
        if wish.act is Act.BEGIN:
            self._begin()
        elif wish.act is Act.ACCEPT and old is not None:
            await self._hand_over(old)
        elif wish.act is Act.REFUSE and new is not None:
            new.finish("it does not bring what the other one does")
        else:
            await self._sleep(min(wish.wait_s, self._config.tick_s) if both and wish.wait_s is not None else wish.wait_s)

    async def _sleep(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await within(self._wake.wait(), seconds)

    def _begin(self) -> None:
        """Another login, beside a life where there is one."""
        epoch = max(self.epoch, self._number) + 1
        if self._life is None:
            self._become(PrivateState.CONNECTING)
        else:
            self._become(PrivateState.HANDOVER, text=self._succession.why)
            _log.info("private connection gets a successor", conn=self.name, epoch=self.epoch, why=self._succession.why)
        table = self._to.opening(self.name, epoch, self._streams)
        session = self._spec.session(self._credentials, self._types(), self._nonce)
        beside = Beside(
            name=self.name,
            config=self._config,
            credentials=self._credentials,
            dialler=self._dialler,
            rest=self._rest,
            tls=self._tls,
            clock=self._clock,
            inlet=self._to,
            moved=self._moved,
            doubted=self._doubted,
        )
        self._next = life = PrivateLife(beside, epoch, session, table)
        task = asyncio.create_task(life.run(), name=f"life {epoch} of {self.name}")
        task.add_done_callback(lambda done: self._wake.set())
        self._tasks.add(task)

    def _doubted(self, life: PrivateLife, why: str, urgent: bool) -> None:
        if life is self._life:
            self._succession.doubted(why, self._clock.monotonic(), urgent=urgent)
            self._wake.set()

    def _moved(self, life: PrivateLife) -> None:
        """A life is at another stage. Called in the middle of what comes: what follows it finds things in order."""
        if life.stage is Stage.OVER:
            self._ended(life)
        elif life is self._next and life.stage is Stage.LIVE:
            self._number = life.epoch
            if self._life is None:
                self._accept(life)
            else:
                self._succession.met(self._clock.monotonic())
                self._life.prove()
        elif life is self._next and self._life is None:
            self._become(PrivateState(life.stage))
        self._wake.set()

    def _accept(self, life: PrivateLife, *, seamless: bool = False) -> None:
        """It is the one that goes on. Where events may be missing that is said before anything of it comes."""
        self._life, self._next = life, None
        self.epoch, self._was_live = life.epoch, True
        self._succession.lived(self._clock.monotonic())
        if life.ending:
            self._succession.doubted(life.ending, self._clock.monotonic(), urgent=True)
        self._to.opened(self.name, life.epoch, life.live_ns)
        self._become(PrivateState.LIVE)
        if not seamless:
            self._miss(self._proof_ns, life)

    def _miss(self, proof_ns: int | None, life: PrivateLife) -> None:
        from_ns = missed_from(proof_ns)
        self._to.tell(MissedEvent(venue=self.venue, conn=self.name, epoch=life.epoch, from_ns=from_ns, to_ns=life.live_ns))

    async def _hand_over(self, old: PrivateLife) -> None:
        """The old one is done: with a goodbye where it still answers, so that what is on its way is taken."""
        why = self._succession.why
        self.handovers += 1
        if old.proven:
            await old.leave(f"replaced: {why}")
        old.finish(f"replaced: {why}")

    def _ended(self, life: PrivateLife) -> None:
        end = life.end or End("")
        self._requests += life.requests
        self._succession.parted()
        if life is self._life:
            self._lost(life, end)
        elif life is self._next:
            self._failed(life, end)

    def _lost(self, life: PrivateLife, end: End) -> None:
        """The life that went on is over: its successor goes on, or the next attempt follows."""
        self.last_close = end.why
        self._life, new = None, self._next
        heir = new if new is not None and new.stage is Stage.LIVE and not self._over else None
        deaf = end.deaf or (heir is not None and heir.session.stream != life.session.stream)
        self._proof_ns = life.heard_ns(deaf=deaf)
        if heir is not None:
            self._accept(heir, seamless=not deaf and (life.proven or end.told))
        self._close(life, end)
        if heir is None and not self._over:
            self.reconnects += 1
            self._pause(end, lived_s=self._lived_s(life), at_once=new is not None)
            if new is not None:
                self._become(PrivateState.CONNECTING)
                self._become(PrivateState(new.stage))

    def _failed(self, life: PrivateLife, end: End) -> None:
        """A login came to nothing, or a successor was none. Where a life goes on meanwhile, that is all."""
        self._next = None
        self._close(life, end)
        if self._over:
            return
        if self._life is None:
            self.last_close = end.why
            self._pause(end, lived_s=None)
            return
        refusal = None if end.refusal is None else judged(end.refusal, was_live=self._was_live)
        delay = self._delay_s(refusal, lived_s=None)
        _log.warning("no successor", conn=self.name, epoch=self.epoch, why=end.why, again_in_s=round(delay, 1))
        self._become(PrivateState.LIVE, refusal, text=end.why, retry_in_s=delay)

    @property
    def _over(self) -> bool:
        return self._stopping or self._dropping

    def _lived_s(self, life: PrivateLife) -> float | None:
        return None if life.live_since is None else self._clock.monotonic() - life.live_since

    def _close(self, life: PrivateLife, end: End) -> None:
        self._to.closed(self.name, life.epoch, LifeEnd("" if self._stopping else end.why, at_ns=self._clock.time_ns()))

    def _pause(self, end: End, *, lived_s: float | None, at_once: bool = False) -> None:
        """Tell what happened, and let the next login wait. `at_once`: it is under way."""
        refusal = None if end.refusal is None else judged(end.refusal, was_live=self._was_live)
        delay = self._delay_s(refusal, lived_s=lived_s)
        self._become(state_after(refusal), refusal, text=self.last_close, retry_in_s=0.0 if at_once else delay)

    def _delay_s(self, refusal: Refusal | None, *, lived_s: float | None) -> float:
        """How long the next login waits. `lived_s`: of a life that was live, None of a login that came to nothing."""
        rejected = state_after(refusal) is PrivateState.REJECTED
        schedule = self._rejects if rejected else self._backoff
        if lived_s is not None and lived_s >= PROVEN_AFTER_S:
            self._rejects.level = 0
        schedule.ended(lived_s=0.0 if rejected else lived_s or 0.0, brought_data=lived_s is not None)
        delay = self._dialler.pause_s(schedule)
        if refusal is not None and refusal.retry_after_s is not None:
            delay = max(delay, bounded(refusal.retry_after_s, longest_s=self._dialler.budget.longest_s) or 0.0)
        delay = max(delay, self._dialler.blocked_s())
        self._succession.paused(self._clock.monotonic() + delay)
        return delay

    # -- telling ------------------------------------------------------------------------------------------------------

    def without_key(self, *, wanted: bool) -> None:
        """There is no key: nothing can come, whether it is `wanted` or not. Told once."""
        state = PrivateState.NO_KEY if wanted else PrivateState.IDLE
        if state is not self.phase:
            self._become(state, hint=self.missing_keys())

    def missing_keys(self) -> str:
        """What to set where there is no key."""
        return missing_keys(variable=self._config.variable, needs=self._spec.needs)

    def _become(
        self, state: PrivateState, refusal: Refusal | None = None, *, text: str = "", hint: str = "", retry_in_s: float | None = None
    ) -> None:
        self._phase.become(state)
        self._standing.become(SEEN_AS[state])
        if refusal is not None:
            hint = hint_for(refusal, variable=self._config.variable, needs=self._spec.needs)
        event = PrivateStateEvent(
            venue=self.venue,
            conn=self.name,
            state=state,
            epoch=self.epoch,
            at_ns=self._clock.time_ns(),
            trouble=None if refusal is None else refusal.trouble,
            text=text,
            hint=hint,
            retry_in_s=retry_in_s,
        )
        self._log(event)
        self._to.tell(event)

    def _log(self, event: PrivateStateEvent) -> None:
        """A refusal is told once until it changes; the pauses between attempts are not."""
        retry_in_s = None if event.retry_in_s is None else round(event.retry_in_s, 1)
        if event.state is PrivateState.LIVE and not event.text:
            self._told = (None, "")
            _log.info("private connection live", conn=self.name, epoch=self.epoch)
        elif event.state is PrivateState.NO_KEY:
            _log.warning("private connection without key", conn=self.name, hint=event.hint)
        elif event.state is PrivateState.REJECTED and self._told != (event.trouble, event.text):
            self._told = (event.trouble, event.text)
            _log.error("private connection rejected", conn=self.name, trouble=event.trouble, why=event.text, hint=event.hint)
        elif event.state is PrivateState.BACKING_OFF:
            _log.warning("private connection lost", conn=self.name, epoch=self.epoch, why=event.text, retry_in_s=retry_in_s)

    def wire_stats(self) -> WireStats:
        """Figures of now."""
        return WireStats(
            connection=self.name,
            state=self.state,
            epoch=self.epoch,
            streams=len(self._streams),
            reconnects=self.reconnects,
            requests=self.requests,
            last_close=self.last_close,
        )

    @property
    def _to(self) -> WireInlet:
        assert self._inlet is not None, "started before anything is wanted"
        return self._inlet

    def _types(self) -> frozenset[DataType]:
        return frozenset(data_type for each in self._streams if (data_type := self._spec.type_of(each.channel)) is not None)

    def __repr__(self) -> str:
        return f"<PrivateConnection {self.name} #{self.epoch} {self.phase}>"
