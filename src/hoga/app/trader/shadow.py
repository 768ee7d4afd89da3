"""app.trader.shadow: a trader on paper beside a live account: that is read, orders go to paper, and the differences are written down.

The keys sign what reads, and nothing else: the signer refuses every call but a GET, so no order can leave here, whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from hoga.app.checks import Check
from hoga.app.config import Config, VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.private import credentials_of, require_order_keys
from hoga.app.trader.modes import check_accounts
from hoga.app.trader.owner import account_of
from hoga.app.trader.paper import PaperMode, paper_owner
from hoga.app.trader.trader import Trader
from hoga.audit.folder import Owner
from hoga.core.secret import Credentials
from hoga.core.times import SECOND_NS
from hoga.core.trading import AccountRead, ExecutionEvent, FillUpdate, PositionsRead, Rules, TradesRead, whole_of
from hoga.feed.private_wire import nonce
from hoga.gateway.caller import Caller
from hoga.net.budgets import TRADER
from hoga.runtime.clock import SYSTEM
from hoga.runtime.logs import get_log
from hoga.runtime.patience import within
from hoga.runtime.tasks import every
from hoga.trading.ports import Deliver, Write
from hoga.trading.shadowing import Shadow
from hoga.venues.orders import RuleBook
from hoga.venues.registry import VENUES
from hoga.venues.request import Request, Signed, Signer

if TYPE_CHECKING:
    from hoga.app.trader.trading import TradePlan

__all__ = ["ShadowMode", "only_reads"]

_log = get_log("trading")

_EVERY_S = 2.0
_CALL_S = 5.0


def only_reads(sign: Signer) -> Signer:
    """A signer that signs what reads and nothing else. What it returns raises AssertionError for any call but a GET."""

    def signed(request: Request, now_ms: int) -> Signed:
        if request.method != "GET":  # no assert: it has to hold under `python -O` too
            raise AssertionError(f"a shadow signs no {request.method} {request.path}")
        return sign(request, now_ms)

    return signed


class ShadowMode(PaperMode):
    """Orders go to exchanges in this process; the live accounts are read beside them."""

    name = "shadow"

    def __init__(self, config: Config, plan: TradePlan) -> None:
        super().__init__(config, plan)
        self._shadow: Shadow | None = None
        self._readers: list[_Reader] = []
        self._reading: list[asyncio.Task[None]] = []
        self._log: Callable[[Write], object] = lambda record: None

    async def check(self, on_check: Callable[[Check], object]) -> None:
        """Look at keys and accounts as `hoga doctor` does, but for the trial order: a key that only reads is the best one here."""
        await check_accounts(self._configs, self._plan, on_check, only_reads=True)

    def owner(self) -> Owner:
        """The account that is watched, and that it is only watched."""
        accounts = [account_of(each) for each in self._configs]
        return paper_owner(self._configs, self._name, f"shadow of {', '.join(each.account for each in accounts)}")

    def hide(self) -> tuple[Credentials, ...]:
        """All keys."""
        return tuple(credentials_of(each) for each in self._configs)

    def hears(self, deliver: Deliver) -> Deliver:
        """What is filled on paper is seen on its way."""

        def heard(event: ExecutionEvent) -> None:
            deliver(event)
            if self._shadow is not None and isinstance(event, FillUpdate):
                self._write(self._shadow.fill(event, paper=True))

        return heard

    async def begin(self, trader: Trader) -> None:
        """Read the accounts from now on."""
        await super().begin(trader)
        rules = trader.engine.state.rules_of
        self._shadow = Shadow(rules)
        self._log = lambda record: trader.log.append(record.kind, record.fields)
        for config in self._configs:
            mine = {symbol: each for symbol, each in rules.items() if each.venue == config.venue}
            reader = _Reader(config, mine, self._shadow, self._write)
            self._readers.append(reader)
            reader.hold()
            doing = every(_EVERY_S, reader.read, log=_log, what="the live account cannot be read", at_once=True, venue=config.venue)
            self._reading.append(asyncio.create_task(doing, name=f"shadow {config.venue}"))

    async def end(self) -> dict[str, Any]:
        """Read once more, and what the differences were."""
        await super().end()
        for each in self._reading:
            each.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for reader in self._readers:
            with contextlib.suppress(TimeoutError):
                await within(reader.read(), _CALL_S)
            await reader.release()
        if self._shadow is None:
            return {}
        table = self._shadow.table()
        self._log(Write("shadow.end", msgspec.structs.asdict(table)))
        return {"shadow": table}

    def _write(self, records: Iterable[Write]) -> None:
        for record in records:
            self._log(record)


class _Reader:
    """Reads one live account: its positions, and its trades since the start."""

    def __init__(self, config: VenueConfig, rules: dict[str, Rules], shadow: Shadow, write: Callable[[Iterable[Write]], object]) -> None:
        spec = VENUES[config.venue]
        assert spec.orders is not None, "the plan is of venues with orders"
        assert spec.private is not None, "the plan is of venues with accounts"
        self._orders, self._rules, self._shadow, self._write = spec.orders, rules, shadow, write
        self._book = RuleBook(spec.name, rules.values())
        self._rest = rest_of(config, TRADER)
        sign = only_reads(spec.private.signer(require_order_keys(config), nonce))
        self._caller = Caller(self._rest, sign, gate=lambda: False)
        self._since_ns = SYSTEM.time_ns() - SECOND_NS
        self._last = dict.fromkeys(rules, "")

    def hold(self) -> None:
        """Keep the client open."""
        self._rest.hold()

    async def release(self) -> None:
        """Let it go."""
        await self._rest.release()

    async def read(self) -> None:
        """Once; what does not come now comes the next time."""
        for symbol in self._rules:
            asking = self._orders.trades(self._book, symbol.partition(":")[2], self._last[symbol], self._since_ns)
            told = await self._caller.ask(asking, "trades", timeout_s=_CALL_S, symbol=symbol)
            if isinstance(told, TradesRead):
                for fill in told.fills:
                    self._last[symbol] = fill.trade_id
                    if (fill.event_ns or fill.at_ns) >= self._since_ns:
                        self._write(self._shadow.fill(fill, paper=False))
        await self._positions()
        self._write(self._shadow.alone(SYSTEM.time_ns()))

    async def _positions(self) -> None:
        if self._orders.positions is not None:
            told = await self._caller.ask(self._orders.positions(self._book), "positions", timeout_s=_CALL_S)
            if isinstance(told, PositionsRead):
                for symbol in self._rules:
                    held = sum(each.quantity for each in told.positions if each.symbol == symbol)
                    self._write(self._shadow.position(symbol, held))
            return
        account = await self._caller.ask(self._orders.account(self._book), "account", timeout_s=_CALL_S)
        if isinstance(account, AccountRead):
            for symbol, rules in self._rules.items():
                of = [each for each in account.balances if each.currency == rules.base]
                held = sum(whole_of(each.free, rules.size_power) + whole_of(each.locked, rules.size_power) for each in of)
                self._write(self._shadow.position(symbol, held))
