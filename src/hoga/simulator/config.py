"""simulator.config: what a simulator is told when it is made."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hoga.simulator.binance.heartbeat import Limits
from hoga.simulator.engine.instruments import KNOWN_SYMBOLS
from hoga.simulator.engine.market import PAST_ROWS
from hoga.simulator.upbit.limits import UpbitLimits
from hoga.simulator.upbit.token import Account
from hoga.simulator.usdm.rules import FuturesRules

__all__ = ["HistoryConfig", "RestLimits", "SimulatorConfig"]


class RestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """REST and connection budgets per address. Times are simulated seconds.

    `weight_per_minute` None is the venue's own. After `refusals_before_ban` refusals within one window the address is
    banned (HTTP 418) for `ban_s`, doubled each time.
    """

    weight_per_minute: int | None = None
    connects: int = 300
    connects_window_s: float = 300.0
    refusals_before_ban: int = 20
    ban_s: float = 120.0


class HistoryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The past of every market. `days` of it are in the archive, the youngest is published `published_after_s` after its end;
    `rows_a_day` (an even number) aggregates were traded on each. REST by id goes `rest_days` back. `page`: keys on a page of the listing.
    """

    days: int = 62
    rows_a_day: int = PAST_ROWS
    published_after_s: float = 0.0
    rest_days: int = 7
    page: int = 1_000
    bomb_bytes: int = 256 * 1024 * 1024


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a simulator can be told. `port` 0 lets the system choose every port; else a venue's
    streams are on `port`, its REST on `port` + 1, the next venue's on `port` + 2, … `one_port`: all of it is on `port` alone,
    told apart by paths.

    `limits` replaces Binance's for stream connections, None leaves each venue its own. `speed` scales every timer (and the
    pace of a replay); `replay_max` sends a replay as fast as clients take it.
    Of `symbols`, each venue trades those that are spelt like its own, and its well-known ones when there are none.
    `start_ns` is where the simulated clock starts, None for now.
    """

    venues: tuple[str, ...] = ("binance",)
    host: str = "127.0.0.1"
    port: int = 0
    one_port: bool = False
    symbols: tuple[str, ...] = KNOWN_SYMBOLS
    seed: int = 1
    speed: float = 1.0
    start_ns: int | None = None
    limits: Limits | None = None
    rest_limits: RestLimits = RestLimits()
    history: HistoryConfig = HistoryConfig()
    upbit: UpbitLimits = UpbitLimits()
    futures: FuturesRules = FuturesRules()
    upbit_accounts: tuple[Account, ...] = (Account(),)
    faults: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    replay: tuple[Path, ...] = ()
    replay_max: bool = False
    replay_start_delay_s: float = 1.0
    replay_loop: bool = False
