"""dashboard.prometheus: the snapshot as Prometheus reads it, rendered in the dashboard's process when it is asked for.

Names follow the conventions: `hoga_` first, the unit and `_total` last, base units (seconds, bytes, ratio).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hoga.core.ledger import COUNTED, Reason
from hoga.core.trading import Rung
from hoga.dashboard.collectors import Gathered, is_gone
from hoga.dashboard.judge import Verdict
from hoga.dashboard.snapshot import Hardware, HubRow, RelayRow, Snapshot
from hoga.dashboard.trader import TraderState
from hoga.dashboard.watch import ConnectionHealth
from hoga.hub.states import UP

__all__ = ["METRICS", "Facts", "render"]

METRICS: dict[str, str] = {
    "hoga_up": "1 while a recorder's snapshot is fresh",
    "hoga_healthy": "1 while data flows as it should; the same as /healthz",
    "hoga_snapshot_age_seconds": "Age of the recorder's newest snapshot",
    "hoga_problem": "1 for each reason why the verdict is not `recording`",
    "hoga_info": "Version of hoga that records",
    "hoga_started_timestamp_seconds": "When the recorder was started",
    "hoga_frames_received_total": "Frames received",
    "hoga_records_total": "Frames recorded",
    "hoga_duplicates_total": "Frames received that were there already",
    "hoga_repeated_frames_total": "Frames that one connection brought twice, byte for byte: no second one explains them",
    "hoga_id_jumps_total": "How often the ids of a stream began anew: a venue that was restarted or reset",
    "hoga_incidents_total": "Incidents, by reason: gaps of one cause count once, however many streams they struck",
    "hoga_gaps_total": "Gaps written to the ledger",
    "hoga_queue_records": "Records that wait for the disk",
    "hoga_stream_silent": "1 while the stream brings nothing though it should",
    "hoga_last_frame_timestamp_seconds": "Receipt of the newest frame",
    "hoga_latency_seconds": "One-way latency of a symbol, by quantile",
    "hoga_lost_frames_total": "Frames that arrived and were not recorded, by reason",
    "hoga_gaps_by_reason_total": "Gaps written to the ledger, by reason",
    "hoga_odd_frames_total": "Frames that no stream takes, kept aside",
    "hoga_written_bytes_total": "Bytes handed to the operating system",
    "hoga_fsyncs_total": "Successful fsyncs",
    "hoga_fsync_seconds": "Duration of the last fsync",
    "hoga_tick_seconds": "Receipt to handed to the operating system, last second, by quantile",
    "hoga_segments_sealed_total": "Segments sealed",
    "hoga_archives_merged_total": "Day files merged",
    "hoga_segments_waiting": "Closed minutes that wait to be sealed",
    "hoga_seal_failures_total": "Seals and merges that failed and are tried again",
    "hoga_clock_offset_seconds": "How far this machine's clock is ahead",
    "hoga_disk_full": "1 while recording is paused for want of disk space",
    "hoga_connection_up": "1 while the connection is up",
    "hoga_connection_epoch": "Lives of the connection so far",
    "hoga_connection_uptime_seconds": "Age of the connection's current life",
    "hoga_reconnects_total": "Connections lost and made again",
    "hoga_connection_health_ratio": "Health of the connection, 0 to 1",
    "hoga_event_loop_lag_seconds": "Longest delay of a timer in the last second",
    "hoga_gc_pause_seconds": "Longest garbage collection in the last second",
    "hoga_gc_collections_total": "Garbage collections",
    "hoga_publish_seconds": "What one snapshot costs the recorder",
    "hoga_cpu_ratio": "Processor time in use, of all processors",
    "hoga_collector_cpu_ratio": "Processor time of the recorder's own process, of one processor",
    "hoga_collector_resident_bytes": "Memory of the recorder's process",
    "hoga_memory_ratio": "Memory in use on the machine",
    "hoga_disk_free_bytes": "Free space on the archive's disk",
    "hoga_disk_reserve_bytes": "Free space that recording leaves alone",
    "hoga_disk_reserve_reached_seconds": "Until the disk's reserve is reached at hoga's own pace; known after an hour",
    "hoga_disk_trend_reserve_reached_seconds": "The same at the pace of everything on that file system",
    "hoga_network_receive_bytes_per_second": "Network, received",
    "hoga_network_transmit_bytes_per_second": "Network, sent",
    "hoga_alerts": "Alerts that are raised now",
    "hoga_hub_components": "Components that have subscribed",
    "hoga_hub_subscriptions": "Streams that somebody wants",
    "hoga_hub_values": "Latest values kept for those who pull",
    "hoga_hub_events_delivered_total": "Events handed to callbacks",
    "hoga_hub_events_dropped_total": "Events that a slow callback did not get, by its own overflow policy",
    "hoga_hub_callback_errors_total": "Callbacks that raised",
    "hoga_hub_stale_frames_total": "Frames of dead epochs, dropped",
    "hoga_hub_latency_seconds": "From the socket to the callback, by quantile",
    "hoga_hub_latency_mean_seconds": "From the socket to the callback, mean",
    "hoga_hub_connection_health_ratio": "Health of a connection as the hub sees it",
    "hoga_trader_up": "1 while a trader's page is fresh",
    "hoga_trader_info": "Mode and version of the trader",
    "hoga_trader_age_seconds": "Age of the trader's newest page",
    "hoga_trader_rung": "Rung of the trader's ladder: 0 ACTIVE, 1 NO_OPEN, 2 REDUCING, 3 HALTED, 4 FLATTEN",
    "hoga_trader_cause": "1 for each cause that holds the ladder where it is",
    "hoga_trader_strategies": "Instances of strategies, by state",
    "hoga_trader_orders_sent_total": "Orders sent since the trader was started",
    "hoga_trader_fills_total": "Trades of the trader's orders since it was started",
    "hoga_trader_open_orders": "Own orders that are or may be at the venue",
    "hoga_trader_unknown_orders": "Own orders of which nobody knows what became of them",
    "hoga_trader_unknown_seconds": "Since when the oldest order of which nobody knows",
    "hoga_trader_position": "What is held of an instrument, below 0: short",
    "hoga_trader_unrealized": "Open profit of an instrument, in its currency",
    "hoga_trader_realized_today": "Profit of closed positions since midnight UTC, before fees",
    "hoga_trader_fees_today": "Fees paid since midnight UTC",
    "hoga_trader_funding_today": "Funding received since midnight UTC",
    "hoga_trader_net": "Net profit since the journal began",
    "hoga_trader_limit_used_ratio": "How much of a limit is used, of 1",
    "hoga_trader_account_live": "1 while the account's stream lives",
    "hoga_trader_account_reconciled": "1 while orders, trades and positions were compared with the venue, and agreed",
    "hoga_trader_account_compared_seconds": "Since they were compared last",
    "hoga_trader_market_age_seconds": "Age of an instrument's book as the trader has it",
    "hoga_trader_journal_records_total": "Records of the order journal",
    "hoga_trader_journal_lag_seconds": "Age of the oldest record that is not durable",
    "hoga_trader_journal_waiting": "Records that the disk has not taken",
    "hoga_trader_latency_seconds": "What the trader measures of itself, by step, span and quantile",
    "hoga_trader_backlog_events": "Events that waited for the trader at most, by span",
    "hoga_trader_memory_growth_bytes_per_hour": "Growth of the trader's memory, by span",
    "hoga_trader_bar_broken": "1 while a measured figure is beyond its bar",
    "hoga_trader_publish_seconds": "What one page of the trader costs it",
    "hoga_relay_up": "1 while NATS takes what is recorded",
    "hoga_relay_behind_seconds": "For how long something that is sealed has not been sent",
    "hoga_relay_waiting": "Ledgers and days with something that was not sent",
    "hoga_relay_files_total": "Files that NATS acknowledged, of the relay's process as it is now",
    "hoga_relay_sent_bytes_total": "Bytes of these files and of ledger lines",
    "hoga_relay_archives_total": "Closed days that were sent as a whole",
    "hoga_relay_damaged_files": "Files and folders that cannot be read or are not as they were sealed, and were not sent",
    "hoga_relay_live_messages_total": "Live messages sent",
    "hoga_relay_live_lost_total": "Live messages that NATS did not take",
    "hoga_relay_outages_total": "Times that NATS went away",
    "hoga_relay_restarts_total": "Times that the relay was started again",
    "hoga_gather_up": "1 while gather, in the same data folder, takes in what collectors send",
    "hoga_gather_status_age_seconds": "How long ago gather, in the same data folder, told how it stands",
    "hoga_gather_unsettled": "Days that are not united yet, or will be again; today is one of them",
    "hoga_gather_refused_total": "Messages that were refused: foreign ones, damaged ones",
    "hoga_gather_messages_total": "Messages taken in of a collector, of gather's process as it is now",
    "hoga_gather_silent_seconds": "How long ago the last message of a collector came",
    "hoga_dashboard_viewers": "Viewers of the dashboard",
    "hoga_dashboard_restarts_total": "Times that the dashboard was started again",
}
"""Every metric, and its HELP."""

_TRADER_STALE_S = 5.0
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_OF_NOW = frozenset({
    "hoga_queue_records", "hoga_stream_silent", "hoga_latency_seconds", "hoga_tick_seconds", "hoga_connection_up",
    "hoga_connection_uptime_seconds", "hoga_connection_health_ratio",
})  # fmt: skip
"""How it is now: not told while nothing is heard of the recorder, for then nobody knows it."""
_OTHER_UNITS = ("events", "MB/h")
_STREAM = ["venue", "stream", "symbol", "kind"]


class Facts(NamedTuple):
    """Everything there is to tell."""

    snapshot: Snapshot | None
    verdict: Verdict
    age_s: float
    hardware: Hardware | None
    states: list[int | None]
    health: dict[str, ConnectionHealth]
    viewers: int
    trader: TraderState | None = None
    trader_age_s: float = 0.0
    gathered: Gathered | None = None
    now_ns: int = 0


def render(facts: Facts) -> bytes:
    """The exposition text. Takes some ms per hundred streams: call it in a thread."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(facts))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts
        snapshot = facts.snapshot
        yield _gauge("hoga_up", float(snapshot is not None and not facts.verdict.gone))
        yield _gauge("hoga_healthy", float(facts.verdict.healthy))
        yield _gauge("hoga_snapshot_age_seconds", facts.age_s)
        yield _gauge("hoga_dashboard_viewers", facts.viewers)
        problems = GaugeMetricFamily("hoga_problem", METRICS["hoga_problem"], labels=["reason", "level"])
        for code, level in sorted({(reason.code, reason.level) for reason in facts.verdict.reasons}):
            problems.add_metric([code, level], 1.0)
        yield problems
        yield from _machine(facts)
        if facts.trader is not None:
            yield from _trader(facts.trader, facts.trader_age_s)
        if facts.gathered is not None:
            yield from _gathered(facts.gathered, facts.now_ns)
        if snapshot is not None:
            yield from (each for each in _told(snapshot, facts) if not (facts.verdict.gone and each.name in _OF_NOW))


def _told(snapshot: Snapshot, facts: Facts) -> Iterator[Metric]:
    """What the recorder said last."""
    yield from _run(snapshot)
    yield _incidents(snapshot)
    yield from _streams(snapshot, facts.states)
    yield from _symbols(snapshot)
    yield from _venues(snapshot)
    yield from _connections(snapshot, facts.health)
    if snapshot.hub is not None:
        yield from _hub(snapshot.hub)
    if snapshot.relay is not None:
        yield from _relay(snapshot.relay)


def _relay(relay: RelayRow) -> Iterator[Metric]:
    yield _gauge("hoga_relay_up", float(relay.trouble is None))
    yield _gauge("hoga_relay_behind_seconds", relay.behind_s)
    yield _gauge("hoga_relay_waiting", float(relay.waiting))
    yield _gauge("hoga_relay_damaged_files", float(relay.damaged))
    for name, value in (
        ("hoga_relay_files_total", relay.files),
        ("hoga_relay_sent_bytes_total", relay.sent_bytes),
        ("hoga_relay_archives_total", relay.days),
        ("hoga_relay_live_messages_total", relay.live_messages),
        ("hoga_relay_live_lost_total", relay.live_lost),
        ("hoga_relay_outages_total", relay.outages),
        ("hoga_relay_restarts_total", relay.restarts),
    ):
        family = _counter(name, [])
        family.add_metric([], value)
        yield family


def _gathered(told: Gathered, now_ns: int) -> Iterator[Metric]:
    gone = is_gone(told, now_ns)
    yield _gauge("hoga_gather_up", float(told.trouble is None and not gone))
    yield _gauge("hoga_gather_status_age_seconds", max(0.0, (now_ns - told.now_ns) / 1e9))
    if gone:
        return  # what it said of itself holds no more
    yield _gauge("hoga_gather_unsettled", float(told.unsettled))
    refused = _counter("hoga_gather_refused_total", [])
    refused.add_metric([], told.refused)
    yield refused
    messages = _counter("hoga_gather_messages_total", ["collector"])
    silent = GaugeMetricFamily("hoga_gather_silent_seconds", METRICS["hoga_gather_silent_seconds"], labels=["collector"])
    for each in told.collectors:
        messages.add_metric([each.name], each.messages)
        if each.last_ns:
            silent.add_metric([each.name], (told.now_ns - each.last_ns) / 1e9)
    yield messages
    yield silent


def _gauge(name: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, METRICS[name], labels=[])
    if value is not None:
        family.add_metric([], value)
    return family


def _counter(name: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(name.removesuffix("_total"), METRICS[name], labels=labels)


def _labelled(name: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name], labels=labels)


def _quantiles(name: str) -> Metric:
    """Figures by `quantile`: a summary, without a sum or a count."""
    return Metric(name, METRICS[name], "summary")


def _machine(facts: Facts) -> Iterator[Metric]:
    hardware = facts.hardware
    if hardware is None:
        return
    yield _gauge("hoga_cpu_ratio", hardware.cpu_percent / 100)
    yield _gauge("hoga_collector_cpu_ratio", None if hardware.collector_cpu is None else hardware.collector_cpu / 100)
    yield _gauge("hoga_collector_resident_bytes", hardware.collector_rss)
    yield _gauge("hoga_memory_ratio", hardware.memory_percent / 100)
    yield _gauge("hoga_disk_free_bytes", hardware.disk_free)
    yield _gauge("hoga_disk_reserve_reached_seconds", hardware.reserve_in_s)
    yield _gauge("hoga_disk_trend_reserve_reached_seconds", hardware.trend_in_s)
    yield _gauge("hoga_network_receive_bytes_per_second", hardware.net_in)
    yield _gauge("hoga_network_transmit_bytes_per_second", hardware.net_out)


def _run(snapshot: Snapshot) -> Iterator[Metric]:
    info = _labelled("hoga_info", ["version", "simulated"])
    info.add_metric([snapshot.meta.hoga, str(snapshot.meta.simulated).lower()], 1.0)
    yield info
    yield _gauge("hoga_started_timestamp_seconds", snapshot.meta.started_ns / 1e9)
    yield _gauge("hoga_disk_reserve_bytes", snapshot.meta.disk_reserve_bytes)
    process = snapshot.process
    yield _gauge("hoga_event_loop_lag_seconds", process.loop_lag_max_ms / 1e3)
    yield _gauge("hoga_gc_pause_seconds", process.gc_pause_max_ms / 1e3)
    yield _gauge("hoga_publish_seconds", process.publish_us / 1e6)
    for name, value in (
        ("hoga_gc_collections_total", process.gc_collections),
        ("hoga_dashboard_restarts_total", process.dashboard_restarts),
    ):
        family = _counter(name, [])
        family.add_metric([], value)
        yield family


def _incidents(snapshot: Snapshot) -> Metric:
    counter = _counter("hoga_incidents_total", ["reason"])
    for reason in Reason:
        counter.add_metric([reason], snapshot.happened.begun.get(reason, 0))
    return counter


def _streams(snapshot: Snapshot, states: list[int | None]) -> Iterator[Metric]:
    rows = snapshot.rows
    labels = [[row.venue, row.name, row.symbol, row.kind] for row in snapshot.meta.streams]
    counters = (
        ("hoga_frames_received_total", rows.received),
        ("hoga_records_total", rows.recorded),
        ("hoga_duplicates_total", rows.duplicates),
        ("hoga_gaps_total", rows.gaps),
    )
    for name, values in counters:
        counter = _counter(name, _STREAM)
        for each, count in zip(labels, values, strict=True):
            counter.add_metric(each, count)
        yield counter
    newest = [value / 1e9 for value in rows.newest_ns]
    silent = [float(bool(state)) for state in states]
    gauges: tuple[tuple[str, list[float] | list[int]], ...] = (
        ("hoga_queue_records", rows.queue), ("hoga_last_frame_timestamp_seconds", newest), ("hoga_stream_silent", silent),
    )  # fmt: skip
    for name, column in gauges:
        gauge = _labelled(name, _STREAM)
        for each, value in zip(labels, column, strict=True):
            gauge.add_metric(each, float(value))
        yield gauge


def _symbols(snapshot: Snapshot) -> Iterator[Metric]:
    family = _quantiles("hoga_latency_seconds")
    venues = {row.symbol_at: row.venue for row in snapshot.meta.streams}
    for at, symbol in enumerate(snapshot.meta.symbols):
        for quantile, column in (("0.5", snapshot.rows.median_ms), ("0.99", snapshot.rows.p99_ms)):
            value = column[at]
            if value is not None:
                family.add_sample(family.name, {"venue": venues.get(at, ""), "symbol": symbol, "quantile": quantile}, value / 1e3)
    yield family


def _venues(snapshot: Snapshot) -> Iterator[Metric]:
    columns = (
        ("hoga_repeated_frames_total", [venue.repeated for venue in snapshot.venues]),
        ("hoga_id_jumps_total", [venue.jumps for venue in snapshot.venues]),
        ("hoga_odd_frames_total", [venue.odd for venue in snapshot.venues]),
        ("hoga_written_bytes_total", [venue.written_bytes for venue in snapshot.venues]),
        ("hoga_fsyncs_total", [venue.fsyncs for venue in snapshot.venues]),
        ("hoga_segments_sealed_total", [venue.sealed for venue in snapshot.venues]),
        ("hoga_archives_merged_total", [venue.days for venue in snapshot.venues]),
        ("hoga_seal_failures_total", [venue.seal_failures for venue in snapshot.venues]),
    )
    for name, values in columns:
        counter = _counter(name, ["venue"])
        for venue, total in zip(snapshot.venues, values, strict=True):
            counter.add_metric([venue.venue], total)
        yield counter
    for name, reasons, counts in (
        ("hoga_lost_frames_total", sorted(COUNTED), [venue.lost for venue in snapshot.venues]),
        ("hoga_gaps_by_reason_total", list(Reason), [venue.gaps for venue in snapshot.venues]),
    ):
        counter = _counter(name, ["venue", "reason"])
        for venue, by_reason in zip(snapshot.venues, counts, strict=True):
            for reason in reasons:  # each from 0 on: `increase` sees nothing of a series that begins with its first loss
                counter.add_metric([venue.venue, reason], by_reason.get(reason, 0))
        yield counter
    tick = _quantiles("hoga_tick_seconds")
    fsync, waiting = _labelled("hoga_fsync_seconds", ["venue"]), _labelled("hoga_segments_waiting", ["venue"])
    clock, full = _labelled("hoga_clock_offset_seconds", ["venue", "source"]), _labelled("hoga_disk_full", ["venue"])
    for venue in snapshot.venues:
        for quantile, value in zip(("0.5", "0.99", "1"), venue.tick_ms, strict=False):
            tick.add_sample(tick.name, {"venue": venue.venue, "quantile": quantile}, value / 1e3)
        fsync.add_metric([venue.venue], venue.fsync_ms / 1e3)
        waiting.add_metric([venue.venue], venue.waiting)
        full.add_metric([venue.venue], float(venue.disk_full))
        if venue.clock_offset_ms is not None:
            clock.add_metric([venue.venue, venue.clock_source], venue.clock_offset_ms / 1e3)
    yield from (tick, fsync, waiting, clock, full)


def _connections(snapshot: Snapshot, health: dict[str, ConnectionHealth]) -> Iterator[Metric]:
    labels = ["venue", "connection"]
    up, epoch = _labelled("hoga_connection_up", labels), _labelled("hoga_connection_epoch", labels)
    uptime, reconnects = _labelled("hoga_connection_uptime_seconds", labels), _counter("hoga_reconnects_total", labels)
    score = _labelled("hoga_connection_health_ratio", labels)
    for row in snapshot.connections:
        each = [row.venue, row.name]
        up.add_metric(each, float(row.state in UP))
        epoch.add_metric(each, row.epoch)
        uptime.add_metric(each, row.uptime_s)
        reconnects.add_metric(each, row.reconnects)
        if row.name in health:
            score.add_metric(each, health[row.name].score / 100)
    yield from (up, epoch, uptime, reconnects, score)


def _trader(it: TraderState, age_s: float) -> Iterator[Metric]:
    yield _gauge("hoga_trader_up", float(age_s <= _TRADER_STALE_S))
    info = _labelled("hoga_trader_info", ["mode", "version", "trader", "testnet"])
    info.add_metric([it.mode, it.hoga, it.trader, ",".join(it.testnet)], 1.0)
    yield info
    for name, value in (
        ("hoga_trader_age_seconds", age_s), ("hoga_trader_rung", _rung(it.rung)), ("hoga_trader_open_orders", it.open_orders),
        ("hoga_trader_unknown_orders", it.unknown_orders), ("hoga_trader_unknown_seconds", it.unknown_s),
        ("hoga_trader_journal_lag_seconds", it.journal_lag_s), ("hoga_trader_journal_waiting", it.journal_waiting),
        ("hoga_trader_publish_seconds", it.publish_us / 1e6),
    ):  # fmt: skip
        yield _gauge(name, value)
    for name, total in (
        ("hoga_trader_orders_sent_total", it.sent), ("hoga_trader_fills_total", it.fills),
        ("hoga_trader_journal_records_total", it.journal_records),
    ):  # fmt: skip
        counter = _counter(name, [])
        counter.add_metric([], total)
        yield counter
    causes, strategies = _labelled("hoga_trader_cause", ["cause", "subject"]), _labelled("hoga_trader_strategies", ["state"])
    for cause in it.causes:
        causes.add_metric([cause.cause, cause.subject], 1.0)
    for state in ("waiting", "running", "quarantined"):
        strategies.add_metric([state], sum(each.state == state for each in it.strategies))
    yield from (causes, strategies, *_trader_money(it), *_trader_accounts(it), *_trader_figures(it))


def _rung(name: str) -> float | None:
    """None: a trader of another version has rungs of its own."""
    return float(Rung[name]) if name in Rung.__members__ else None


def _number(text: str) -> float:
    """A decimal text; what is none is not known."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _trader_money(it: TraderState) -> Iterator[Metric]:
    position = _labelled("hoga_trader_position", ["symbol", "side"])
    unrealized = _labelled("hoga_trader_unrealized", ["symbol", "currency"])
    held: dict[tuple[str, str], float] = {(each.symbol, "both"): 0.0 for each in it.instruments}
    worth: dict[tuple[str, str], float] = {}
    for each in it.positions:
        held[each.symbol, each.side] = held.get((each.symbol, each.side), 0.0) + _number(each.quantity)
        if each.unrealized:
            worth[each.symbol, each.currency] = worth.get((each.symbol, each.currency), 0.0) + _number(each.unrealized)
    for labels, quantity in held.items():
        position.add_metric(list(labels), quantity)
    for labels, money in worth.items():
        unrealized.add_metric(list(labels), money)
    yield from (position, unrealized)
    for name, values in (
        ("hoga_trader_realized_today", [each.realized for each in it.money]), ("hoga_trader_fees_today", [each.fees for each in it.money]),
        ("hoga_trader_funding_today", [each.funding for each in it.money]), ("hoga_trader_net", [each.net for each in it.money]),
    ):  # fmt: skip
        family = _labelled(name, ["currency"])
        for row, text in zip(it.money, values, strict=True):
            family.add_metric([row.currency], _number(text))
        yield family
    used = _labelled("hoga_trader_limit_used_ratio", ["key", "subject"])
    for room in it.room:
        used.add_metric([room.key, room.subject], room.share)
    yield used


def _trader_accounts(it: TraderState) -> Iterator[Metric]:
    live, reconciled = _labelled("hoga_trader_account_live", ["venue"]), _labelled("hoga_trader_account_reconciled", ["venue"])
    compared, market = _labelled("hoga_trader_account_compared_seconds", ["venue"]), _labelled("hoga_trader_market_age_seconds", ["symbol"])
    for each in it.accounts:
        live.add_metric([each.venue], float(each.live))
        reconciled.add_metric([each.venue], float(each.reconciled))
        if each.compared_s is not None:
            compared.add_metric([each.venue], each.compared_s)
    for instrument in it.instruments:
        if instrument.age_s is not None:
            market.add_metric([instrument.symbol], instrument.age_s)
    yield from (live, reconciled, compared, market)


def _trader_figures(it: TraderState) -> Iterator[Metric]:
    latency = _quantiles("hoga_trader_latency_seconds")
    broken = _labelled("hoga_trader_bar_broken", ["step", "span"])
    for each in it.figures:
        if each.bar is not None:
            broken.add_metric([each.name, f"{each.over_s}s"], float(each.broken))
        factor = _SECONDS.get(each.unit)
        if factor is not None and each.count:
            for quantile, value in (("0.5", each.p50), ("0.99", each.p99), ("0.999", each.p999), ("1", each.most)):
                latency.add_sample(latency.name, {"step": each.name, "span": f"{each.over_s}s", "quantile": quantile}, value * factor)
    backlog, growth = _labelled("hoga_trader_backlog_events", ["span"]), _labelled("hoga_trader_memory_growth_bytes_per_hour", ["span"])
    for each in it.figures:
        if each.count and each.unit in _OTHER_UNITS:
            family, factor = (backlog, 1.0) if each.unit == "events" else (growth, 1e6)
            family.add_metric([f"{each.over_s}s"], each.most * factor)
    yield from (latency, broken, backlog, growth)


def _hub(hub: HubRow) -> Iterator[Metric]:
    alerts = _labelled("hoga_alerts", ["kind", "subject"])
    for alert in hub.alerts:
        alerts.add_metric([alert.kind, alert.subject], 1.0)
    yield alerts
    yield _gauge("hoga_hub_components", hub.components)
    yield _gauge("hoga_hub_subscriptions", hub.subscriptions)
    yield _gauge("hoga_hub_values", hub.values)
    for name, total in (
        ("hoga_hub_events_delivered_total", hub.delivered), ("hoga_hub_events_dropped_total", hub.dropped),
        ("hoga_hub_callback_errors_total", hub.callback_errors), ("hoga_hub_stale_frames_total", hub.stale_frames),
    ):  # fmt: skip
        counter = _counter(name, [])
        counter.add_metric([], total)
        yield counter
    yield _gauge("hoga_hub_latency_mean_seconds", None if hub.latency_ms is None else hub.latency_ms / 1e3)
    latency = _quantiles("hoga_hub_latency_seconds")
    if hub.latency_p99_ms is not None:
        latency.add_sample(latency.name, {"quantile": "0.99"}, hub.latency_p99_ms / 1e3)
    health = _labelled("hoga_hub_connection_health_ratio", ["venue", "connection", "kind"])
    for each in hub.connections:
        health.add_metric([each.venue, each.name, each.kind], each.health)
    yield from (latency, health)
