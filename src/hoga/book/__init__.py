"""book: order books kept true from snapshots and deltas, without a clock or a socket. `ladder` is one book, `sync` keeps it in step."""

from hoga.book.ladder import Ladder
from hoga.book.sync import FUTURES_RULES, SPOT_RULES, BookEvent, BookRules, BookState, BookSync, RequestSnapshot

__all__ = ["FUTURES_RULES", "SPOT_RULES", "BookEvent", "BookRules", "BookState", "BookSync", "Ladder", "RequestSnapshot"]
