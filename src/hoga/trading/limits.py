"""trading.limits: what the user allows a trader, as configured, of one instrument at one venue. Pure.

Each field is filled by one key of the configuration; the defaults stand here, but for the currencies and the fees, which are the venue's.
Money is in the currency that the instrument is paid in, here for one that is worth about a US dollar, and holds only for the currencies
named: an instrument that is paid in another one has no limits, and nothing is opened in it.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one instrument. A count or a percentage of 0: this one is switched off.

    `max_order_notional`, `max_position_notional`: of one order, of one position with everything that may still be filled.
    `max_gross_notional`, `max_net_notional`: of the account at the venue, all its instruments together, without and with their signs.
    `max_leverage`: gross over equity. `max_open_orders`: of the instrument. Counts by time: of the instrument, and of the account.
    `max_reversals_per_min`: so often may orders that take at once open a position anew after it was turned or reduced.
    `max_same_rejects`: so often may the venue refuse the same order, then it is not sent for `reject_pause_s`.
    `stale_after_ms`: of the book. `exec_stale_after_ms`: since the account's stream gave a sign of life. `event_overdue_ms`: since an order
    was accepted of which the stream says nothing. `account_stale_after_s`: since the account was read.
    `price_collar_bp`: how far beyond the middle, and beyond the mark price, an order may reach. `fat_finger_price_bp`: beyond the median
    price of the last minute. `fat_finger_size`: how many times the median trade of the last minute an order may be.
    `max_drawdown_pct`: of the equity from its highest. `max_margin_ratio_pct`: maintenance margin over margin balance.
    `min_liquidation_distance_pct`: of the mark price from the price of liquidation. `risk_per_trade_pct`: of the equity.
    `leverage`, `margin_type`: what the venue is set to before the first order; None, "": the account's own.
    `position_mode`: `one-way`, or `hedge`: a long and a short position a symbol. It is the account's, and the same for all its instruments.
    """

    currencies: tuple[str, ...] = ()
    max_order_notional: Decimal = Decimal(2_000)
    max_position_notional: Decimal = Decimal(5_000)
    max_gross_notional: Decimal = Decimal(10_000)
    max_net_notional: Decimal = Decimal(10_000)
    max_leverage: float = 3.0
    max_open_orders: int = 100
    max_orders_per_sec: int = 20
    max_cancels_per_sec: int = 50
    max_orders_per_day: int = 100_000
    max_reversals_per_min: int = 60
    max_same_rejects: int = 3
    reject_pause_s: float = 60.0
    stale_after_ms: int = 2_000
    exec_stale_after_ms: int = 5_000
    event_overdue_ms: int = 3_000
    account_stale_after_s: float = 120.0
    price_collar_bp: float = 50.0
    fat_finger_price_bp: float = 300.0
    fat_finger_size: int = 1_000
    self_cross: str = "deny"
    max_daily_loss: Decimal = Decimal(500)
    max_drawdown_pct: float = 20.0
    max_losses_in_a_row: int = 0
    max_margin_ratio_pct: float = 50.0
    min_liquidation_distance_pct: float = 3.0
    risk_per_trade_pct: float = 1.0
    leverage: int | None = None
    margin_type: str = ""
    position_mode: str = "one-way"
    maker_fee_bp: float = 0.0
    taker_fee_bp: float = 0.0

    @property
    def is_hedge(self) -> bool:
        """Whether there are two positions a symbol."""
        return self.position_mode == "hedge"
