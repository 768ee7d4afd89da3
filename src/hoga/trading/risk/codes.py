"""trading.risk.codes: why an order is denied: each reason has its code. Pure."""

from __future__ import annotations

from enum import StrEnum

from hoga.trading.ports import Denial

__all__ = ["Code", "deny"]


class Code(StrEnum):
    """Why an order is denied: what stands in the journal, and in `docs/trading-limits.md`."""

    NO_OPEN = "no-open"
    REDUCING = "reducing"
    HALTED = "halted"
    FLATTEN = "flatten"
    MUST_REDUCE = "must-reduce"
    UNRECONCILED = "unreconciled"
    STREAM_STALE = "stream-stale"
    EVENT_OVERDUE = "event-overdue"
    NO_PRICE = "no-price"
    BOOK_IN_DOUBT = "book-in-doubt"
    BOOK_STALE = "book-stale"
    BOOK_CROSSED = "book-crossed"
    NO_RULES = "no-rules"
    NO_LIMITS = "no-limits"
    NOT_TRADING = "not-trading"
    BAD_QUANTITY = "bad-quantity"
    BAD_PRICE = "bad-price"
    OFF_TICK = "off-tick"
    PRICE_BAND = "price-band"
    TOO_SMALL = "too-small"
    TOO_LARGE = "too-large"
    MIN_NOTIONAL = "min-notional"
    NO_MARK = "no-mark"
    PRICE_COLLAR = "price-collar"
    MAX_ORDER_NOTIONAL = "max-order-notional"
    MAX_POSITION_NOTIONAL = "max-position-notional"
    NO_SHORT = "no-short"
    NO_ACCOUNT = "no-account"
    ACCOUNT_STALE = "account-stale"
    SETTINGS = "settings"
    BALANCE = "balance"
    MAX_GROSS_NOTIONAL = "max-gross-notional"
    MAX_NET_NOTIONAL = "max-net-notional"
    MAX_LEVERAGE = "max-leverage"
    MAX_OPEN_ORDERS = "max-open-orders"
    MAX_ORDERS_PER_SEC = "max-orders-per-sec"
    MAX_CANCELS_PER_SEC = "max-cancels-per-sec"
    MAX_ORDERS_PER_DAY = "max-orders-per-day"
    MAX_REVERSALS_PER_MIN = "max-reversals-per-min"
    SAME_REJECTS = "same-rejects"
    SELF_CROSS = "self-cross"
    MAX_DAILY_LOSS = "max-daily-loss"
    MAX_DRAWDOWN = "max-drawdown"
    MAX_LOSSES_IN_A_ROW = "max-losses-in-a-row"
    MAX_MARGIN_RATIO = "max-margin-ratio"
    LIQUIDATION_DISTANCE = "liquidation-distance"
    FAT_FINGER_PRICE = "fat-finger-price"
    FAT_FINGER_SIZE = "fat-finger-size"
    BAD_STOP = "bad-stop"
    BAD_RISK = "bad-risk"


def deny(code: Code, limit: object = "", found: object = "") -> Denial:
    """The denial with that code, and the texts of what is allowed and what was found."""
    return Denial(code=code.value, limit=str(limit), found=str(found))
