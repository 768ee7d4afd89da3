"""app.trader.state: a trader as it is told to people: from the engine's state to rows of text. Looks, and changes nothing.

What is reckoned here is reckoned from sums that the engine keeps anyway; nothing of the engine's own reckoning is asked for, because
some of it (the highest equity of the day) is written down when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from hoga.core.times import SECOND_NS
from hoga.core.trading import PositionSide, Rules
from hoga.dashboard.trader import AccountRow, CauseRow, FigureRow, InstrumentRow, MoneyRow, OrderRow, PositionRow, RoomRow, StrategyRow
from hoga.trading.engine import Engine
from hoga.trading.meter import TraderFigures
from hoga.trading.orders import Order, Status
from hoga.trading.state import State

__all__ = [
    "ORDERS_MAX", "accounts_of", "causes_of", "figure_rows", "instruments_of", "money_of", "orders_of", "position_text", "positions_of",
    "room_of",
    "status_line", "strategies_of", "unknown_of",
]  # fmt: skip

ORDERS_MAX = 100
"""So many orders are told one by one, those first of which nobody knows."""
INSTRUMENTS_MAX = 100
"""Of so many instruments the market is told."""
_FEW = 10
"""Up to so many instruments, limits are told that nothing of is used, too."""
_DIGITS = 8


def causes_of(engine: Engine) -> tuple[CauseRow, ...]:
    """Why the ladder is where it is."""
    standing = engine.ladder.causes()
    return tuple(CauseRow(cause=cause.value, subject=subject, since_ns=at_ns, detail=detail) for cause, subject, at_ns, detail in standing)


def strategies_of(engine: Engine) -> tuple[StrategyRow, ...]:
    """Every instance, in the order of its number."""
    return tuple(
        StrategyRow(
            key=each.key,
            symbols=tuple(each.symbols),
            state="quarantined" if each.quarantined else "running" if engine.running else "waiting",
            denials=each.denials,
        )
        for each in engine.instances
    )


def instruments_of(state: State, now_ns: int) -> tuple[InstrumentRow, ...]:
    """The market of each instrument; of very many those that are in doubt or old first."""
    rows = []
    looks = sorted(state.looks.items(), key=lambda each: (not each[1].in_doubt, each[1].at_ns))[:INSTRUMENTS_MAX]
    for symbol, look in sorted(looks) if len(looks) < INSTRUMENTS_MAX else looks:
        rules = state.rules_of[symbol]
        rows.append(
            InstrumentRow(
                symbol=symbol,
                bid=_price(rules, look.bid),
                ask=_price(rules, look.ask),
                mark=_price(rules, look.mark),
                age_s=_age_s(look.at_ns, now_ns),
                ready=bool(look.at_ns) and not look.in_doubt and state.is_reconciled(symbol),
            )
        )
    return tuple(rows)


def position_text(rules: Rules, side: PositionSide, quantity: int) -> str:
    """`binance-usdm:BTCUSDT 0.01`; in hedge mode `binance-usdm:BTCUSDT long 0.01`."""
    leg = "" if side is PositionSide.BOTH else f" {side.value}"
    return f"{rules.symbol}{leg} {rules.quantity_text(quantity)}"


def positions_of(state: State) -> tuple[PositionRow, ...]:
    """What each strategy holds, and what nobody owns."""
    rows = []
    for share in state.portfolio.shares.values():
        rules = state.rules_of.get(share.symbol)
        if share.quantity and rules is not None:
            price = state.price(share.symbol)
            entry = Decimal(share.cost) / share.quantity
            rows.append(
                PositionRow(
                    symbol=share.symbol,
                    side=share.side.value,
                    strategy=share.strategy,
                    quantity=rules.quantity_text(share.quantity),
                    entry=_text(entry.scaleb(rules.price_power), -rules.price_power + 1),
                    unrealized=rules.money_text(share.unrealized(price)) if price else "",
                    currency=rules.quote,
                )
            )
    for (symbol, side), quantity in state.portfolio.adopted.items():
        rows.append(_adopted(state.rules_of[symbol], symbol, side, quantity))
    return tuple(rows)


def _adopted(rules: Rules, symbol: str, side: PositionSide, quantity: int) -> PositionRow:
    text = rules.quantity_text(quantity)
    return PositionRow(symbol=symbol, side=side.value, strategy="", quantity=text, entry="", unrealized="", currency=rules.quote)


def orders_of(state: State, now_ns: int) -> tuple[OrderRow, ...]:
    """Own orders that are or may be at the venue; those first of which nobody knows, then the youngest."""
    working = sorted(state.orders.working(), key=lambda order: (order.status is not Status.UNKNOWN, -order.asked_ns))
    return tuple(_order(order, state.rules_of[order.symbol], now_ns) for order in working[:ORDERS_MAX])


def unknown_of(state: State, now_ns: int) -> tuple[int, float]:
    """(how many orders nobody knows, for how long the oldest of them, in s)."""
    stamps = [order.unknown_ns for order in state.orders.working() if order.status is Status.UNKNOWN]
    return len(stamps), max(((now_ns - stamp) / SECOND_NS for stamp in stamps if stamp), default=0.0)


def _order(order: Order, rules: Rules, now_ns: int) -> OrderRow:
    request = order.request
    price = request.price if request.price is not None else request.trigger
    since = order.unknown_ns if order.status is Status.UNKNOWN else order.asked_ns
    return OrderRow(
        id=order.client_id,
        symbol=order.symbol,
        strategy=order.strategy,
        role=order.role.value,
        side=request.side.value,
        kind=request.kind.value,
        quantity="" if request.quantity is None else rules.quantity_text(request.quantity),
        filled=rules.quantity_text(order.filled),
        price="" if price is None else rules.price_text(price),
        state=order.status.value,
        age_s=round(max(0, now_ns - since) / SECOND_NS, 1) if since else 0.0,
    )


def money_of(state: State) -> tuple[MoneyRow, ...]:
    """What the day won and cost, by currency."""
    sums: dict[str, list[Decimal]] = {}
    for symbol, rules in state.rules_of.items():
        won, fees, funding = state.portfolio.today(symbol)
        quantity, cost, ever, ever_fees, ever_funding = state.portfolio.sums(symbol)
        price = state.price(symbol)
        held = quantity * price - cost if price else 0
        found = sums.setdefault(rules.quote, [Decimal(0)] * 5)
        for at, money in enumerate((won, held, fees, funding, ever - ever_fees + ever_funding + held)):
            found[at] += Decimal(money).scaleb(rules.money_power)
    return tuple(
        MoneyRow(currency=currency, realized=won, unrealized=held, fees=fees, funding=funding, net=net)
        for currency, (won, held, fees, funding, net) in ((name, [_text(each, _DIGITS) for each in found]) for name, found in sums.items())
    )


def room_of(engine: Engine) -> tuple[RoomRow, ...]:
    """How much of the limits in force is used, the fullest first; of many instruments those of which something is used."""
    return tuple(sorted(_rooms(engine), key=lambda row: -row.share))


def _rooms(engine: Engine) -> Iterator[RoomRow]:
    state = engine.state
    gross: dict[str, list[Decimal]] = {}
    positions: dict[str, int] = {}
    for (symbol, _), quantity in state.portfolio.held().items():
        positions[symbol] = positions.get(symbol, 0) + abs(quantity)
    all_of_them = len(engine.settings.limits) <= _FEW
    for symbol, limits in engine.settings.limits.items():
        rules, price = state.rules_of[symbol], state.price(symbol)
        held = positions.get(symbol, 0)
        worth = Decimal(held * price).scaleb(rules.money_power)
        if all_of_them or held:
            yield _room("MAX_POSITION_NOTIONAL", symbol, worth, limits.max_position_notional)
        if limits.max_open_orders and (all_of_them or state.open_count(symbol)):
            yield _room("MAX_OPEN_ORDERS", symbol, Decimal(state.open_count(symbol)), Decimal(limits.max_open_orders))
        won, fees, funding = state.portfolio.today(symbol)
        quantity, cost, *_ = state.portfolio.sums(symbol)
        lost = Decimal(fees - won - funding - (quantity * price - cost if price else 0)).scaleb(rules.money_power)
        found = gross.setdefault(rules.venue, [Decimal(0), limits.max_gross_notional, Decimal(0), limits.max_daily_loss])
        found[0] += worth
        found[2] += lost
    for venue, (worth, most, lost, most_lost) in gross.items():
        yield _room("MAX_GROSS_NOTIONAL", venue, worth, most)
        if most_lost:
            yield _room("MAX_DAILY_LOSS", venue, max(lost, Decimal(0)), most_lost)


def _room(key: str, subject: str, used: Decimal, limit: Decimal) -> RoomRow:
    share = float(used / limit) if limit else 0.0
    return RoomRow(key=key, subject=subject, used=_text(used, 2), limit=_text(limit, 2), share=round(share, 4))


def accounts_of(engine: Engine, now_ns: int) -> tuple[AccountRow, ...]:
    """Every account, and when it was compared with the venue last."""
    rows = []
    for venue, account in engine.state.accounts.items():
        reckoning = engine.reckonings.get(venue)
        rows.append(
            AccountRow(
                venue=venue,
                live=account.live,
                reconciled=account.reconciled,
                compared_s=_age_s(reckoning.ended_ns if reckoning is not None else 0, now_ns),
                proof_s=_age_s(account.proof_ns, now_ns),
                equity=account.equity,
                doubt="; ".join(filter(None, account.doubts.values())),
            )
        )
    return tuple(rows)


def figure_rows(figures: TraderFigures) -> tuple[FigureRow, ...]:
    """What a trader measures of itself."""
    return tuple(
        FigureRow(
            name=each.step.value,
            over_s=each.over_s,
            unit=each.unit,
            count=each.count,
            p50=round(each.p50, 4),
            p99=round(each.p99, 4),
            p999=round(each.p999, 4),
            most=round(each.most, 4),
            bar=each.bar,
            broken=each.broken,
        )
        for each in figures.figures
    )


def _age_s(at_ns: int, now_ns: int) -> float | None:
    return round(max(0, now_ns - at_ns) / SECOND_NS, 1) if at_ns else None


def _price(rules: Rules, price: int) -> str:
    return rules.price_text(price) if price else ""


def _text(value: Decimal, digits: int) -> str:
    """So many digits behind the point at most, and no zeros at their end."""
    text = f"{value:.{max(digits, 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def status_line(engine: Engine, now_ns: int) -> str:
    """`ACTIVE 2/2 ready, binance-usdm:BTCUSDT 0.01, 1 open, net +1.2 USDT, data 0.1 s`."""
    state = engine.state
    ready = sum(1 for symbol, look in state.looks.items() if look.at_ns and not look.in_doubt and state.is_reconciled(symbol))
    held = [position_text(state.rules_of[symbol], side, quantity) for (symbol, side), quantity in state.portfolio.held().items()]
    sums: dict[str, int] = {}
    texts: dict[str, str] = {}
    for symbol, rules in state.rules_of.items():
        day = state.portfolio.day(symbol, state.price(symbol))
        sums[rules.quote] = sums.get(rules.quote, 0) + day.total
        texts[rules.quote] = rules.money_text(sums[rules.quote])
    ages = [(now_ns - look.at_ns) / SECOND_NS for look in state.looks.values() if look.at_ns]
    net = ", ".join(f"net {text} {currency}" for currency, text in texts.items())
    data = f"data {max(ages):.1f} s" if ages else "no data"
    place = ", ".join(held) or "flat"
    waits = "".join(f", waits for {each}" for each in engine.waits_for)
    denied = sum(each.denials for each in engine.instances)
    waits += f", {denied} denied" if denied else ""
    return f"{state.rung.name} {ready}/{len(state.looks)} ready, {place}, {state.orders.count()} open, {net}, {data}{waits}"
