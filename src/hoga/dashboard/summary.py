"""dashboard.summary: how a run is, in the values and sentences that `hoga top` and its `--once` show. No terminal in here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from hoga.core.times import MS_NS, iso_of
from hoga.dashboard.collectors import Gathered
from hoga.dashboard.collectors import rows as collector_rows
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.fanout import Fanout
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import relay_finding, sentence
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.snapshot import Hardware, Snapshot, StreamFlag
from hoga.dashboard.trader import SEAT
from hoga.dashboard.trader_watch import STALE_S
from hoga.hub.states import UP
from hoga.quality.incidents import count_text, describe, span_text

__all__ = ["ReasonText", "StreamSummary", "Summary", "TraderSummary", "look_at_machine", "model_of", "summarise", "summary_of"]

_TWO_LOOKS_S, _LOOK_S, _LOOKS_S = 0.6, 0.1, 4.0
_HAPPENED = 3
_CONNECTIONS = 3
_DAY_S = 86_400.0


class ReasonText(msgspec.Struct, frozen=True):
    """A reason of the verdict: its code, and the sentence."""

    code: str
    text: str


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stream. `state` is `recording`, what holds it up, or `unknown` while nothing is heard of the recorder: then there is neither a
    rate nor a latency."""

    venue: str
    stream: str
    symbol: str
    kind: str
    state: str
    rate: float | None
    median_ms: float | None
    p99_ms: float | None
    flush_ms: float | None
    queue: int
    gaps: int
    records: int


class TraderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A trader of the same folder. `rung`: of the ladder; `alive`: it still says something. `positions`, `money`: in words; `orders`: at
    the venue; `unknown_orders`: of which nobody knows what became of them, the oldest for `unknown_s`."""

    mode: str
    trader: str
    testnet: list[str]
    rung: str
    incident: str
    alive: bool
    age_s: float
    positions: list[str]
    orders: int
    unknown_orders: int
    unknown_s: float
    fills: int
    money: list[str]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How things are. `rate`: None before two looks. `happened`: the newest incidents, each with its time, in a sentence; `going_on`: those
    that are not over. `facts`: everything beside the streams, for people, a line each."""

    state: str
    healthy: bool
    reasons: list[ReasonText]
    records: int
    incidents: int
    gaps: int
    rate: float | None
    streams: list[StreamSummary]
    happened: list[str]
    going_on: list[str] = []
    trader: TraderSummary | None = None
    facts: list[str] = []


def summarise(page: Path, *, folder: str) -> Summary:
    """How things are at `page`, that of a run into `folder`: looks at it until there are rates.

    Blocks for half a second where somebody records, for some seconds where that one is hardly heard of.
    """
    model = model_of(page, folder)
    try:
        model.look()
        if model.snapshot is not None:
            model.hardware = look_at_machine(HardwareMonitor(cpu_span_s=0.1), model)
            end = time.monotonic() + _LOOKS_S
            time.sleep(_TWO_LOOKS_S)
            model.look()
            while not model.watch.paced and time.monotonic() < end:
                time.sleep(_LOOK_S)
                model.look()
        return summary_of(model)
    finally:
        model.close()


def model_of(page: Path, folder: str) -> PageModel:
    """What looks at `page` and, where there is one, at the trader of the same folder."""
    told = DashboardConfig(page=str(page), status_page="", folder=folder, trader_page=str(page.with_suffix(f".{SEAT}")))
    return PageModel(told, Fanout(0))


def look_at_machine(monitor: HardwareMonitor, model: PageModel) -> Hardware | None:
    """The machine now; None where nobody records."""
    snapshot = model.snapshot
    if snapshot is None:
        return None
    own_bytes = sum(venue.archive_bytes for venue in snapshot.venues)
    return monitor.look(collector=None, folder=model.data_folder, reserve_bytes=snapshot.meta.disk_reserve_bytes, own_bytes=own_bytes)


def summary_of(model: PageModel) -> Summary:
    """What `model` has seen."""
    verdict, snapshot, watch = model.verdict, model.snapshot, model.watch
    reasons = [ReasonText(reason.code, sentence(reason)) for reason in verdict.reasons]
    trader = _trader(model)
    if snapshot is None:
        return Summary(
            state=verdict.state,
            healthy=verdict.healthy,
            reasons=reasons,
            records=0,
            incidents=0,
            gaps=0,
            rate=None,
            streams=[],
            happened=[],
            trader=trader,
            facts=[*_collector_facts(model.gathered()), *_trader_facts(trader)],
        )
    rows = snapshot.rows
    gone = verdict.gone
    paced = watch.paced and not gone
    streams = [
        StreamSummary(
            venue=row.venue,
            stream=row.name,
            symbol=row.symbol,
            kind=row.kind,
            state=_state(model.states[at]),
            rate=round(float(watch.rates[at]), 1) if paced else None,
            median_ms=None if gone else rows.median_ms[row.symbol_at],
            p99_ms=None if gone else rows.p99_ms[row.symbol_at],
            flush_ms=None if gone or watch.flush_ms[at] != watch.flush_ms[at] else round(float(watch.flush_ms[at]), 1),
            queue=rows.queue[at],
            gaps=rows.gaps[at],
            records=rows.recorded[at],
        )
        for at, row in enumerate(snapshot.meta.streams)
    ]
    told = Summary(
        state=verdict.state,
        healthy=verdict.healthy,
        reasons=reasons,
        records=sum(rows.recorded),
        incidents=sum(snapshot.happened.begun.values()),
        gaps=sum(rows.gaps),
        rate=round(float(watch.rates.sum()), 1) if paced else None,
        streams=streams,
        happened=[f"{iso_of(each.from_ns)}: {describe(each)}" for each in snapshot.happened.recent[-_HAPPENED:]],
        going_on=[_going_on(row, snapshot, gone=gone) for row in model.incidents if row["open"] or row["went_on"]],
        trader=trader,
    )
    return msgspec.structs.replace(told, facts=_facts(told, snapshot, model))


# -- in words -------------------------------------------------------------------------------------------------------------


def _facts(told: Summary, snapshot: Snapshot, model: PageModel) -> list[str]:
    rate = "–" if told.rate is None else f"{told.rate:,.1f}"
    gone = model.verdict.gone
    live = "?" if gone else str(sum(1 for row in told.streams if row.state == "recording"))
    marks = "   SIMULATED" if snapshot.meta.simulated else ""
    return [
        f"{rate} frames/s   {told.records:,} records   {count_text(told.incidents, told.gaps)}   {live}/{len(told.streams)} streams",
        f"{snapshot.meta.data_dir}   hoga {snapshot.meta.hoga}{marks}",
        *([] if gone else _latency_facts(snapshot, model)),
        *(["connections unknown"] if gone else _connection_facts(snapshot)),
        *(f"incident {each}" for each in told.going_on[:_HAPPENED]),
        *(f"incident {each}" for each in told.happened),
        *_machine_facts(model.hardware),
        *_relay_facts(snapshot),
        *_collector_facts(model.gathered()),
        *_trader_facts(told.trader),
    ]


def _latency_facts(snapshot: Snapshot, model: PageModel) -> list[str]:
    latency = model.latency
    text = f"latency: half within {_ms(latency.p50)}, 99 % within {_ms(latency.p99)}"
    if latency.worst_of is not None:
        text += f", worst {snapshot.meta.symbols[latency.worst_of]} {_ms(latency.worst)}"
    ticks = [venue.tick_ms for venue in snapshot.venues if venue.tick_ms]
    if ticks:
        text += f"   to disk: {_ms(max(tick[0] for tick in ticks))}, 99 % within {_ms(max(tick[1] for tick in ticks))}"
    return [text]


def _connection_facts(snapshot: Snapshot) -> list[str]:
    """What is up in a word, what is not by name."""
    down = [row for row in snapshot.connections if row.state not in UP]
    up = len(snapshot.connections) - len(down)
    again = sum(row.reconnects for row in snapshot.connections)
    lines = [f"{up} of {len(snapshot.connections)} connections up, {again} reconnects"] if snapshot.connections else []
    for row in down[:_CONNECTIONS]:
        since = f" for {span_text(snapshot.now_ns - row.since_ns)}" if row.since_ns else ""
        why = row.why or row.last_close
        again_in = f"attempt {row.failures + 1} in {row.retry_in_s:g} s"
        lines.append(f"{row.name} {row.state}{since}{f' ({why})' if why else ''}, {again_in}, {row.streams} streams")
    if len(down) > _CONNECTIONS:
        lines.append(f"and {len(down) - _CONNECTIONS} more connections down")
    return lines


def _machine_facts(hardware: Hardware | None) -> list[str]:
    if hardware is None:
        return []
    free = "–" if hardware.disk_free is None else f"{hardware.disk_free / 1e9:,.1f} GB"
    lasts = f" (for {hardware.reserve_in_s / _DAY_S:,.0f} days at hoga's own pace)" if hardware.reserve_in_s is not None else ""
    return [f"cpu {hardware.cpu_percent:.0f} %   memory {hardware.memory_percent:.0f} %   disk free {free}{lasts}"]


def _relay_facts(snapshot: Snapshot) -> list[str]:
    relay = snapshot.relay
    if relay is None:
        return []
    state = "everything sealed is sent" if not relay.waiting else f"{relay.waiting} wait, {relay.behind_s:,.0f} s behind"
    if relay.trouble is not None:  # why it is away is among the reasons, once it has been for long enough
        why = f"NATS away for {relay.away_s:,.0f} s" if relay_finding(relay) is not None else relay.trouble
        state = f"{why}; {relay.waiting} wait"
    lost = f"   {relay.live_lost:,} live messages lost" if relay.live_lost else ""
    return [f"relay {relay.collector}: {state}   {relay.files:,} files, {relay.sent_bytes / 1e6:,.1f} MB{lost}"]


def _collector_facts(gathered: Gathered | None) -> list[str]:
    """Whose days are united in this folder: `collectors: osaka not heard yet, seoul recording (12 s ago)`; before it what keeps gather from
    hearing of them."""
    told = (
        [
            f"{row['name']} {row['state'] or 'unknown'} ({span_text(max(0, gathered.now_ns - each.last_ns))} ago)"
            if each.last_ns
            else f"{each.name} not heard yet"
            for each, row in zip(gathered.collectors, collector_rows(gathered) or [], strict=True)
        ]
        if gathered is not None and gathered.collectors
        else []
    )
    trouble = gathered.trouble if gathered is not None else None
    return [*([f"gather: {trouble}"] if trouble is not None else []), *([f"collectors: {', '.join(told)}"] if told else [])]


def _going_on(row: dict[str, Any], snapshot: Snapshot, *, gone: bool) -> str:
    """An incident that is not over: `2026-11-29T01:20:27Z: goes on: disconnect, binance-1, 60 streams, for 12 s so far`; of a recorder
    that is `gone` one that was not when it was heard of last."""
    whose = row["conn"] or row["venue"] or "this machine"
    named = f" ({', '.join(row['names'])})" if row["streams"] <= len(row["names"]) else ""
    span = span_text(max(0, snapshot.now_ns - int(row["from"] * MS_NS)))
    count = f"{row['streams']} stream{'' if row['streams'] == 1 else 's'}{named}"
    word = "went on when last heard" if gone else "goes on"
    return f"{iso_of(int(row['from'] * MS_NS))}: {word}: {row['reason']}, {whose}, {count}, for {span} so far"


def _trader(model: PageModel) -> TraderSummary | None:
    watch = model.trader
    state = None if watch is None else watch.state
    if watch is None or state is None:
        return None
    return TraderSummary(
        mode=state.mode,
        trader=state.trader,
        testnet=list(state.testnet),
        rung=state.rung,
        incident=state.incident,
        alive=watch.alive and watch.age_s <= STALE_S,
        age_s=round(watch.age_s, 1),
        positions=[
            f"{row.symbol} {row.side} {row.quantity} at {row.entry or '?'} ({row.unrealized or '?'} {row.currency})"
            for row in state.positions
        ],
        orders=state.open_orders,
        unknown_orders=state.unknown_orders,
        unknown_s=state.unknown_s,
        fills=state.fills,
        money=[f"{row.net} {row.currency} (today {row.realized} realized, {row.unrealized} open)" for row in state.money],
    )


def _trader_facts(told: TraderSummary | None) -> list[str]:
    if told is None:
        return []
    testnet = f", testnet {', '.join(told.testnet)}" if told.testnet else ""
    gone = "" if told.alive else f"   GIVES NO SIGN OF LIFE for {told.age_s:,.0f} s"
    halted = f"   incident {told.incident}" if told.incident else ""
    unknown = f"{told.unknown_orders} UNKNOWN for {told.unknown_s:,.0f} s" if told.unknown_orders else "none unknown"
    return [
        f"trader {told.trader} ({told.mode}{testnet})   {told.rung}{halted}{gone}",
        f"   {told.orders} orders, {unknown}   {told.fills} fills   PnL {'; '.join(told.money) or '–'}",
        *(f"   position {each}" for each in told.positions[:_HAPPENED]),
        *([f"   and {len(told.positions) - _HAPPENED} more positions"] if len(told.positions) > _HAPPENED else []),
    ]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} ms"


def _state(flags: int | None) -> str:
    if flags is None:
        return "unknown"
    worst = (StreamFlag.DISK_FULL, StreamFlag.DISCONNECTED, StreamFlag.GATED, StreamFlag.SILENT, StreamFlag.OTHER_DOWN, StreamFlag.NEVER)
    names = ("disk full", "disconnected", "too late", "silent", "down", "connecting")
    return next((name for flag, name in zip(worst, names, strict=True) if flags & flag), "recording")
