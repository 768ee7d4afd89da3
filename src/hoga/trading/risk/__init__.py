"""trading.risk: the gate that every order passes: fourteen checks, in integers, each with its code. Pure.

`CHECKS` is the table: what is looked at, which denials come of it, which keys set it, and whether an order that only reduces passes it.
The gate fails closed: what it cannot know (no price, a stale book, an account not read, not compared with the venue, no rules, no limits)
is a denial with a code. It never makes an order larger: quantities are rounded down to what the venue takes, and a market order goes as
an IOC limit at the collar.

An order *reduces* when it brings the position nearer to 0 without crossing it, whatever becomes of all other orders that rest or of which
nobody knows. Those that a venue lets only reduce count as nothing there, as they cannot raise a position; all others count in full,
those of which nobody knows too, and never as if they made up for another.

    gate                            asks the checks, counts what passes, sizes
    checks                          the fourteen, and their table
    asked                           one order while it is judged
    bounds                          limits in integers; counts by time
    exposure · codes                where a position can come to lie · why something is denied
"""

from hoga.trading.risk.checks import CHECKS, Check
from hoga.trading.risk.codes import Code
from hoga.trading.risk.exposure import Exposure, collar, exposure, in_money_of
from hoga.trading.risk.gate import RiskGate

__all__ = ["CHECKS", "Check", "Code", "Exposure", "RiskGate", "collar", "exposure", "in_money_of"]
