"""app.trader.check: may and can these keys trade at this venue? For `hoga doctor`, and before a trader begins.

What a trader will do is done, but for the order: every call is made and judged. Nothing is changed at the venue. The judges
(`judge_…`) are pure.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from hoga.app.checks import Check, CheckState
from hoga.app.config import VenueConfig
from hoga.app.config.rooms import rest_of
from hoga.app.private import credentials_of, missing_for_orders
from hoga.core.errors import ConfigError, HogaError, VenueError
from hoga.core.foreign import excerpt
from hoga.core.market import Side
from hoga.core.secret import Credentials
from hoga.core.times import DAY_NS, MS_NS
from hoga.core.trading import AccountRead, Capabilities, Conditional, ConfigUpdate, OrderRequest, PositionSide, ReadFailed, Rules
from hoga.feed.private_wire import nonce
from hoga.gateway.caller import Caller, reason_of
from hoga.net.budgets import TRADER
from hoga.net.venue_clock import TimeKeeper
from hoga.trading.limits import Limits
from hoga.venues.orders import KeyRights, OrdersSpec, RuleBook
from hoga.venues.registry import VENUES

__all__ = [
    "CLOCK", "examine_trading", "has_keys", "judge_lag", "judge_mode", "judge_rights", "judge_settings", "judge_trial", "limits_text",
    "look_at_account", "stops_text",
]  # fmt: skip

T = TypeVar("T")
CLOCK = "clock"
"""How the name of the check of the venue's clock ends. A trader begins all the same, and halts by itself."""

_CALL_S = 5.0
_CLOCK_LIMIT_MS = 500
_KEY_ENDS_SOON_NS = 14 * DAY_NS
_TRIAL = 0.98
"""A trial order is so far from the market."""


def has_keys(config: VenueConfig) -> bool:
    """Whether a venue that takes orders has keys that are all it needs. Raises ConfigError for a key file that cannot be used."""
    spec = VENUES[config.venue]
    credentials = credentials_of(config)
    usable = spec.orders is not None and spec.private is not None and spec.private.can_use(credentials)
    return usable and not missing_for_orders(config, credentials)


async def examine_trading(config: VenueConfig, limits: dict[str, Limits]) -> list[Check]:
    """Every check of trading at one venue; `limits` by the venue's symbol. Never raises."""
    try:
        return await look_at_account(config, limits)
    except VenueError as fault:
        advice = "try it again in a while: the venue cannot tell now, which says nothing of the keys"
        return [Check(name=_name_of(config), state=CheckState.FAILED, found=_words(fault), advice=advice)]


def _name_of(config: VenueConfig) -> str:
    return f"{config.venue} trading{' (TESTNET)' if config.testnet else ''}"


async def look_at_account(
    config: VenueConfig, limits: dict[str, Limits], *, trial: bool = True, book: RuleBook | None = None
) -> list[Check]:
    """The same. `trial`: ask for a trial order, too. `book`: takes the rules that are read.

    Raises VenueError that is `transient`: what the venue cannot tell now.
    """
    spec, name = VENUES[config.venue], _name_of(config)
    try:
        credentials = credentials_of(config)
        assert spec.private is not None, "asked where there are keys"
        assert spec.orders is not None, "asked where there are keys"
        caller = Caller(rest_of(config, TRADER), spec.private.signer(credentials, nonce), gate=lambda: False)
    except (ConfigError, ValueError) as fault:
        return [Check(name=name, state=CheckState.FAILED, found=str(fault), advice="mend the keys")]
    orders, book = spec.orders, RuleBook(spec.name) if book is None else book
    checks = [Check(name=name, state=CheckState.OK, found=stops_text(orders.capabilities))]
    async with caller.rest as rest:
        keeper = TimeKeeper(rest, spec)
        if spec.rest.time is not None and await keeper.measure():
            checks.append(judge_lag(f"{config.venue} {CLOCK}", -(rest.venue_clock.off_ns or 0) // MS_NS))
        checks.append(await _told(name, "the key's rights", _examine_rights(name, caller, orders, credentials)))
        try:
            account = _good(await caller.learn(orders.account(book), timeout_s=_CALL_S, signed=True))
            checks.append(
                judge_mode(
                    name, account, is_of_contracts=orders.positions is not None, hedge=any(each.is_hedge for each in limits.values())
                )
            )
            for rules in await caller.learn(orders.rules(), timeout_s=rest.timeout_s, signed=False):
                book.learn(rules)
            for symbol, limit in limits.items():
                checks += await _examine_symbol(name, caller, orders, book, symbol, limit, trial=trial)
        except (HogaError, OSError) as fault:
            if isinstance(fault, VenueError) and fault.transient:
                raise
            advice = "look at the keys, and what they may do at the venue"
            checks.append(Check(name=name, state=CheckState.FAILED, found=_words(fault), advice=advice))
    return checks


async def _examine_symbol(
    name: str, caller: Caller, orders: OrdersSpec, book: RuleBook, symbol: str, limits: Limits, *, trial: bool
) -> list[Check]:
    """Settings and a trial order of one symbol. Raises VenueError."""
    if not book.knows(symbol):
        return [
            Check(
                name=name, state=CheckState.FAILED, found=f"{symbol}: no rules", advice="look at its spelling in the strategy or --symbols"
            )
        ]
    if orders.limits is not None:
        book.learn(await caller.learn(orders.limits(book, symbol), timeout_s=_CALL_S, signed=True))
    checks: list[Check] = []
    if orders.settings is not None:
        found = _good(await caller.learn(orders.settings(book, symbol), timeout_s=_CALL_S, signed=True))
        checks.append(judge_settings(name, symbol, found, limits))
    if trial:
        checks.append(await _told(name, f"{symbol}: a trial order", _examine_trial(name, caller, orders, book, symbol, limits)))
    return [*checks, Check(name=name, state=CheckState.OK, found=f"{symbol}: {limits_text(limits)}")]


async def _examine_rights(name: str, caller: Caller, orders: OrdersSpec, credentials: Credentials) -> Check:
    rights = await caller.learn(orders.rights(credentials), timeout_s=_CALL_S, signed=True)
    return judge_rights(name, rights, now_ns=caller.rest.clock.time_ns())


async def _examine_trial(name: str, caller: Caller, orders: OrdersSpec, book: RuleBook, symbol: str, limits: Limits) -> Check:
    price, rules = await caller.learn(orders.price(book, symbol), timeout_s=_CALL_S, signed=False), book.of(symbol)
    told = await caller.call(orders.test(_trial(rules, price, hedge=limits.is_hedge), rules), timeout_s=_CALL_S)
    return judge_trial(name, symbol, told.status, told.text)


async def _told(name: str, what: str, asking: Coroutine[Any, Any, Check]) -> Check:
    """What was found; where it cannot be found out, a warning: it proves nothing against the keys."""
    try:
        return await asking
    except (HogaError, OSError) as fault:
        return Check(name=name, state=CheckState.WARNING, found=f"{what}: {_words(fault)}", advice="look at it at the venue yourself")


def _words(fault: Exception) -> str:
    return reason_of(fault).removeprefix(f"{fault.venue}: ") if isinstance(fault, VenueError) else str(fault)


def _trial(rules: Rules, price: int, *, hedge: bool) -> OrderRequest:
    """The smallest buy that the venue takes, a little below the market."""
    at = rules.price_down(int(price * _TRIAL))
    least = max(rules.least, -(-(rules.min_notional or 0) * 11 // 10 // max(1, at)))
    quantity = -(-least // rules.lot) * rules.lot
    leg = PositionSide.LONG if hedge else PositionSide.BOTH
    return OrderRequest(client_id="hg-doctor", symbol=rules.symbol, side=Side.BUY, quantity=quantity, price=at, position_side=leg)


def _good(event: T | ReadFailed) -> T:
    if isinstance(event, ReadFailed):
        raise VenueError(event.venue, f"{event.what}: {event.why}")
    return event


# -- judges ----------------------------------------------------------------------------------------------------------


def judge_rights(name: str, rights: KeyRights, *, now_ns: int) -> Check:
    """May the key trade, and can it not withdraw?"""
    if rights.can_trade is False:
        return Check(name=name, state=CheckState.FAILED, found="the key may not trade", advice="allow it at the venue's page of keys")
    if rights.can_withdraw:
        advice = "take that right from it at the venue's page of keys: a trader never needs it"
        return Check(name=name, state=CheckState.FAILED, found="the key may withdraw", advice=advice)
    left_ns = None if rights.expires_ns is None else rights.expires_ns - now_ns
    if left_ns is not None and left_ns < _KEY_ENDS_SOON_NS:
        days = max(0, left_ns // DAY_NS)
        return Check(name=name, state=CheckState.WARNING, found=f"the key's life is over in {days} days", advice="make a new one in time")
    words = {
        "may trade": rights.can_trade,
        "cannot withdraw": None if rights.can_withdraw is None else not rights.can_withdraw,
        "is bound to addresses": rights.bound_to_address,
    }
    said = [word for word, is_so in words.items() if is_so]
    unsaid = [word for word in ("may trade", "cannot withdraw") if words[word] is None]
    tail = f"; whether it {' and '.join(unsaid)} is not told here: see the venue's page of keys" if unsaid else ""
    return Check(name=name, state=CheckState.OK, found=f"the key {', '.join(said) or 'is known'}{tail}")


def judge_mode(name: str, account: AccountRead, *, is_of_contracts: bool, hedge: bool = False) -> Check:
    """May the account trade, and has it as many positions a symbol as POSITION_MODE says, where there are positions?"""
    if not account.can_trade:
        return Check(name=name, state=CheckState.FAILED, found="the account may not trade", advice="see the venue's words about it")
    if account.hedge and not hedge:
        advice = "set the account to one-way mode at the venue, or POSITION_MODE = hedge with a strategy that names legs"
        return Check(name=name, state=CheckState.FAILED, found="two positions a symbol (hedge mode)", advice=advice)
    if hedge and not account.hedge:
        advice = "set the account to hedge mode at the venue, or POSITION_MODE = one-way"
        return Check(name=name, state=CheckState.FAILED, found="one position a symbol (one-way mode)", advice=advice)
    first = f"{'two positions' if hedge else 'one position'} a symbol; " if is_of_contracts else ""
    held = ", ".join(f"{each.currency} {each.free}" for each in account.balances[:5])
    return Check(name=name, state=CheckState.OK, found=f"{first}balances: {held or 'none'}")


def judge_trial(name: str, symbol: str, status: int, said: str) -> Check:
    """Would the venue take a small order? Want of money is no fault of the keys."""
    if status in (404, 405) or status >= 500:
        found = f"{symbol}: whether a small order would be taken cannot be tried: HTTP {status}"
        return Check(name=name, state=CheckState.WARNING, found=found, advice="nothing to do, if the next orders are taken")
    if status in (200, 201):
        return Check(name=name, state=CheckState.OK, found=f"{symbol}: a trial order is accepted (nothing was placed)")
    found = f"{symbol}: a trial order is refused: HTTP {status} {excerpt(said)}"
    if "insufficient" in said.lower():
        return Check(name=name, state=CheckState.WARNING, found=found, advice="there is no money for one small buy")
    return Check(name=name, state=CheckState.FAILED, found=found, advice="let the key trade at the venue's page of keys")


def judge_settings(name: str, symbol: str, found: ConfigUpdate, limits: Limits) -> Check:
    """Are leverage and margin type as configured?"""
    has = f"{symbol}: leverage {found.leverage}, margin type {found.margin_type}"
    if limits.leverage not in (None, found.leverage) or limits.margin_type not in ("", found.margin_type):
        wanted = f"LEVERAGE {limits.leverage or '(as it is)'}, MARGIN_TYPE {limits.margin_type or '(as it is)'}"
        advice = f"a trader sets {wanted} before its first order, and reads it back"
        return Check(name=name, state=CheckState.WARNING, found=has, advice=advice)
    return Check(name=name, state=CheckState.OK, found=has)


def judge_lag(name: str, off_ms: int) -> Check:
    """Is our clock near the venue's?"""
    found = f"this machine's clock is {abs(off_ms)} ms {'behind' if off_ms > 0 else 'ahead of'} the venue's"
    if abs(off_ms) > _CLOCK_LIMIT_MS:
        return Check(name=name, state=CheckState.FAILED, found=found, advice="set it (chronyc makestep): trading halts at half a second")
    return Check(name=name, state=CheckState.OK, found=found)


def stops_text(can: Capabilities) -> str:
    """Where stops rest, and whether the venue cancels everything itself when it hears of us no more."""
    stops = "the trader itself watches stops: the venue keeps none" if can.conditional is Conditional.NONE else "stops rest at the venue"
    waits = (
        f"it cancels all orders of a symbol, whoever placed them, when it hears nothing for {can.dead_man_s:g} s" if can.dead_man_s else ""
    )
    dead_man = waits or "it has no dead man's countdown"
    return f"{stops}; {dead_man}"


def limits_text(limits: Limits) -> str:
    """The limits in force, in one line."""
    return (
        f"limits: one order {limits.max_order_notional:f}, one position {limits.max_position_notional:f}, "
        f"a day's loss {limits.max_daily_loss:f}, {limits.max_orders_per_sec} orders a second"
    )
