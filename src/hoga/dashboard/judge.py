"""dashboard.judge: one verdict from everything a snapshot says: recording, degraded or stopped, and why. Pure.

    recording   every stream is being recorded
    degraded    something is lost, late or about to be; the reasons say what
    stopped     nothing is being recorded

Findings carry a code and its arguments; the page words them in the viewer's language, `sentence` in English. `bad` reasons
mean that data does not flow as it should (`/healthz` answers 503), `warn` ones that it soon may not.

Every judgement is made here, for everybody: the page, `/healthz`, `/metrics` and `hoga top` show the verdict; the run's alerts
(`app.alerts`) are raised by the findings of `disk_finding` and `clock_finding`; `hoga doctor` asks the same rules
(`quality.health`) before there is a run. The thresholds are in `quality.limits`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hoga.core.times import SECOND_NS
from hoga.dashboard.snapshot import Hardware, PageState, RelayRow, RunState, Snapshot, StreamFlag, VenueRow
from hoga.hub.states import UP
from hoga.quality.health import DiskRoom, disk_room, is_clock_off
from hoga.quality.limits import (
    DISK_SOON_S,
    DISK_TREND_S,
    LINK_START_S,
    QUEUE_RECORDS,
    QUEUE_STREAM_RECORDS,
    RELAY_AWAY_S,
    SEAL_WAITING,
    SEAL_WAITING_A_LANE,
)

__all__ = ["CODES", "Finding", "RunHealth", "Verdict", "clock_finding", "disk_finding", "judge", "relay_finding", "sentence"]

_NAMES = 3
# Plain integers: an `&` of two IntFlags costs half a microsecond, and there is one for every stream, ten times a second.
_DOWN = int(StreamFlag.DISCONNECTED | StreamFlag.NEVER)
_SILENT = int(StreamFlag.SILENT | StreamFlag.DISCONNECTED | StreamFlag.OTHER_DOWN)
_GATED = int(StreamFlag.GATED)
_UNASKED = int(StreamFlag.DISCONNECTED | StreamFlag.NEVER | StreamFlag.OTHER_DOWN)

CODES: dict[str, str] = {
    "not-running": "No recorder is running for {folder}",
    "page-empty": "The recorder is starting",
    "page-foreign": "The recorder's page is not one of hoga's",
    "page-version": "The recorder is another version of hoga than this dashboard",
    "page-torn": "The recorder's page cannot be read",
    "stale": "The recorder has given no sign of life for {seconds} s",
    "starting": "The recorder is starting",
    "stopping": "The recorder is being stopped",
    "disk-full": "The disk is full: {room} free, and {kept} are kept back ({venue}). Recording is paused",
    "writer": "The disk refuses to be written: {why} ({venue})",
    "disconnected": "{connection} has been disconnected for {seconds} s ({why}): {streams} streams are not recorded. "
    "Attempt {attempt} in {retry} s",
    "never-connected": "{connection} has not connected for {seconds} s ({why}): {streams} streams are not recorded. "
    "Attempt {attempt} in {retry} s",
    "quiet": "Nothing has come on {connection} for {seconds} s: {streams} streams",
    "unsubscribed": "{venue} has not accepted for {seconds} s: {names}. Asked again until it does",
    "silent": "Silent for {seconds} s: {names}. Halted, or misspelt?",
    "gate": "Not recorded: {names} too late (median {median} ms). The latency gate opens again below {threshold} ms",
    "late": "Late, but recorded: {names} (median {median} ms, threshold {threshold} ms)",
    "backpressure": "The disk is slower than the market: {waiting} records wait",
    "disk-low": "The disk is nearly full: {room} free, recording pauses at {kept}. Free some space, or lower DISK_RESERVE_MB",
    "disk-soon": "The disk reserve will be reached in {hours} h: hoga writes {per_day} MB a day",
    "disk-trend": "The disk reserve will be reached in {hours} h, as all programs on this file system use it up; hoga "
    "itself is not the cause",
    "clock": "The clock of this machine is off by {offset} ms (by {source}). Set it: chronyc makestep",
    "skewed": "The clocks of this machine and of {venue} differ: latencies come out as {median} ms. Check this machine's (chrony, NTP)",
    "skewed-venue": "The clock of {venue} seems to be off: latencies come out as {median} ms, though this machine's is "
    "off by {offset} ms only (by {source})",
    "memory": "Memory is short: {percent} % in use, {limit} % desired at most",
    "sealing": "{waiting} minutes wait to be sealed ({venue})",
    "relay-away": "What {collector} records has not reached NATS for {seconds} s ({why}). "
    "Nothing is lost: {waiting} ledgers and days wait on disk",
    "relay-damaged": "{count} files cannot be read or are not as they were sealed, and are not sent to NATS; the newest is {file}",
}
"""Every reason's code, and its English sentence."""
_SIZES = {"free": "room", "reserve": "kept"}
"""Figures in MB, and what they are called in a sentence, where they have the unit that people read."""


class RunHealth(StrEnum):
    """The verdict in a word."""

    RECORDING = "recording"
    DEGRADED = "degraded"
    STOPPED = "stopped"


class Finding(msgspec.Struct, frozen=True):
    """Why. `level` is `bad` or `warn`; `args` fill the sentence."""

    code: str
    level: str
    args: dict[str, str | int | float] = {}


class Verdict(msgspec.Struct, frozen=True):
    """The state, and every reason, worst first. `gone`: nothing is heard of the recorder, so how its streams are now is not known."""

    state: RunHealth
    reasons: list[Finding]
    gone: bool = False

    @property
    def healthy(self) -> bool:
        """Whether data flows as it should."""
        return self.state is not RunHealth.STOPPED and not any(reason.level == "bad" for reason in self.reasons)


def sentence(reason: Finding) -> str:
    """The reason in English."""
    sizes = {_SIZES[name]: f"{(int(value) << 20) / 1e9:,.1f} GB" for name, value in reason.args.items() if name in _SIZES}
    return CODES[reason.code].format(**reason.args, **sizes)


def judge(
    snapshot: Snapshot | None,
    *,
    page: PageState,
    age_s: float,
    stale_after_s: float,
    quiet_s: list[float],
    hardware: Hardware | None,
    folder: str,
) -> Verdict:
    """The verdict on a snapshot that is `age_s` old.

    Args:
        snapshot: the newest good one, None when there never was one.
        page: what the last look at the page found.
        stale_after_s: the age from which the recorder counts as gone.
        quiet_s: per stream, for how long it has been quieter than its own pace explains; 0 when it is not.
        hardware: the last look at the machine, None before the first.
        folder: the data folder or page, for people.
    """
    gone = _gone(snapshot, page=page, age_s=age_s, stale_after_s=stale_after_s, folder=folder)
    if gone is not None:
        return Verdict(RunHealth.STOPPED, [gone], gone=True)
    assert snapshot is not None, "it is not gone"
    if snapshot.state is not RunState.RECORDING and not any(snapshot.rows.recorded):
        return Verdict(RunHealth.STOPPED, [Finding("starting" if snapshot.state is RunState.STARTING else "stopping", "bad")])
    quiet = _quiet_connections(snapshot, quiet_s)
    reasons = [
        *_stopping(snapshot),
        *_disk(snapshot, hardware),
        *_connections(snapshot, quiet),
        *_streams(snapshot, quiet_s, quiet),
        *_latency(snapshot),
        *_machine(snapshot, hardware),
        *_relay(snapshot),
    ]
    reasons.sort(key=lambda reason: reason.level != "bad")
    mute = {at for name in quiet for at in snapshot.meta.members[name]}
    flags = snapshot.rows.flags
    if flags and all(flags[at] or quiet_s[at] > 0 or at in mute for at in range(len(flags))):
        return Verdict(RunHealth.STOPPED, reasons or [Finding("starting", "bad")])
    return Verdict(RunHealth.DEGRADED if reasons else RunHealth.RECORDING, reasons)


def disk_finding(venue: VenueRow, reserve_bytes: int) -> Finding | None:
    """What keeps a venue's recorder from writing, None when nothing does: `disk-full` or `writer`."""
    if venue.disk_full:
        return Finding("disk-full", "bad", {"venue": venue.venue, "reserve": reserve_bytes >> 20})
    if venue.fault is not None:
        return Finding("writer", "bad", {"venue": venue.venue, "why": venue.fault})
    return None


def clock_finding(venue: VenueRow) -> Finding | None:
    """What is wrong with the clocks at a venue, None when nothing is: `clock` (this machine's), `skewed-venue` (the venue's) or
    `skewed` (nobody could tell whose), with the figure that made it."""
    offset, skew = venue.clock_offset_ms, venue.skew_ms
    args: dict[str, str | int | float] = {"venue": venue.venue, "source": venue.clock_source}
    if offset is not None:
        args["offset"] = round(offset, 1)
    if is_clock_off(offset, venue.clock_error_ms):
        return Finding("clock", "warn", args)
    if skew is None:
        return None
    return Finding("skewed" if offset is None else "skewed-venue", "warn", {**args, "median": round(skew)})


def relay_finding(relay: RelayRow | None) -> Finding | None:
    """What keeps what is recorded from NATS, None when nothing has for long enough to speak of."""
    if relay is None or relay.trouble is None or relay.away_s < RELAY_AWAY_S:
        return None
    args: dict[str, str | int | float] = {"collector": relay.collector, "why": relay.trouble}
    return Finding("relay-away", "warn", {**args, "seconds": round(relay.away_s), "waiting": relay.waiting})


def _relay(snapshot: Snapshot) -> list[Finding]:
    relay, away = snapshot.relay, relay_finding(snapshot.relay)
    reasons = [away] if away is not None else []
    if relay is not None and relay.damaged:
        reasons.append(Finding("relay-damaged", "warn", {"count": relay.damaged, "file": relay.newest_damaged or ""}))
    return reasons


def _quiet_connections(snapshot: Snapshot, quiet_s: list[float]) -> dict[str, float]:
    """Connections that are up and on which nothing steady comes, and for how long."""
    found: dict[str, float] = {}
    if not any(quiet_s):
        return found
    for connection in snapshot.connections:
        members = snapshot.meta.members.get(connection.name, [])
        telling = [at for at in members if snapshot.meta.streams[at].steady] or members
        if connection.state in UP and telling and all(quiet_s[at] > 0 for at in telling):
            found[connection.name] = min(quiet_s[at] for at in telling)
    return found


def _gone(snapshot: Snapshot | None, *, page: PageState, age_s: float, stale_after_s: float, folder: str) -> Finding | None:
    match page:
        case PageState.MISSING:
            return Finding("not-running", "bad", {"folder": folder})
        case PageState.VERSION:
            return Finding("page-version", "bad")
        case PageState.FOREIGN:
            return Finding("page-foreign", "bad")
        case PageState.EMPTY:
            return Finding("page-empty", "bad")
        case _ if snapshot is None:
            return Finding("page-torn", "bad")
        case _ if age_s > stale_after_s:
            return Finding("stale", "bad", {"seconds": round(age_s)})
    return None


def _stopping(snapshot: Snapshot) -> list[Finding]:
    return [Finding("stopping", "bad")] if snapshot.state is RunState.STOPPING else []


def _disk(snapshot: Snapshot, hardware: Hardware | None) -> list[Finding]:
    reasons = []
    reserve = snapshot.meta.disk_reserve_bytes
    free = hardware.disk_free if hardware is not None else None
    for venue in snapshot.venues:
        found = disk_finding(venue, reserve)
        if found is not None:
            reasons.append(msgspec.structs.replace(found, args={**found.args, "free": (free or 0) >> 20}))
        if venue.waiting > max(SEAL_WAITING, len(snapshot.rows.chunks) * SEAL_WAITING_A_LANE):
            reasons.append(Finding("sealing", "warn", {"venue": venue.venue, "waiting": venue.waiting}))
    if reasons or hardware is None or free is None:
        return reasons
    if disk_room(free, reserve) in (DiskRoom.FULL, DiskRoom.LOW):
        return [Finding("disk-low", "warn", {"free": free >> 20, "reserve": reserve >> 20})]
    own_s, trend_s = hardware.reserve_in_s, hardware.trend_in_s
    if own_s is not None and own_s < DISK_SOON_S:
        per_day = round((hardware.own_bytes_per_day or 0.0) / 1e6)
        return [Finding("disk-soon", "warn", {"hours": round(own_s / 3600, 1), "per_day": per_day})]
    if trend_s is not None and trend_s < DISK_TREND_S:
        return [Finding("disk-trend", "warn", {"hours": round(trend_s / 3600, 1)})]
    return []


def _connections(snapshot: Snapshot, quiet: dict[str, float]) -> list[Finding]:
    reasons = []
    flags = snapshot.rows.flags
    for connection in snapshot.connections:
        members = snapshot.meta.members.get(connection.name, [])
        down = [] if connection.state in UP else [at for at in members if flags[at] & _DOWN]
        if down:
            never = not connection.epoch
            if never and not connection.failures and _is_fresh(snapshot, snapshot.meta.started_ns):
                continue  # it is just being made
            since_ns = max((snapshot.rows.newest_ns[at] for at in down), default=0) or snapshot.meta.started_ns
            args: dict[str, str | int | float] = {
                "connection": connection.name,
                "why": connection.why or connection.last_close or connection.state,
            }
            args |= {"streams": len(down), "seconds": _age_s(snapshot, since_ns)}
            args |= {"attempt": connection.failures + 1, "retry": connection.retry_in_s}
            reasons.append(Finding("never-connected" if never else "disconnected", "bad", args))
        elif connection.name in quiet:
            seconds = round(quiet[connection.name], 1)
            reasons.append(Finding("quiet", "bad", {"connection": connection.name, "seconds": seconds, "streams": len(members)}))
    return reasons


def _streams(snapshot: Snapshot, quiet_s: list[float], quiet: dict[str, float]) -> list[Finding]:
    """Single silent streams: those whose whole connection is silent are told with it."""
    if not any(snapshot.rows.flags) and not any(quiet_s):
        return []  # as it nearly always is; what follows takes half a millisecond for 1,500 streams
    told = {
        at
        for connection in snapshot.connections
        if connection.state not in UP or connection.name in quiet
        for at in snapshot.meta.members.get(connection.name, [])
    }
    flags = snapshot.rows.flags
    refused = _refused(snapshot, told)
    told |= {at for members in refused.values() for at in members}
    reasons = [_unsubscribed(snapshot, venue, members) for venue, members in refused.items()]
    silent = [at for at in range(len(flags)) if at not in told and (flags[at] & _SILENT or quiet_s[at] > 0)]
    if silent:
        since_ns = min(snapshot.rows.newest_ns[at] or snapshot.meta.started_ns for at in silent)
        names = _listed([_named(snapshot, snapshot.meta.streams[at].venue, snapshot.meta.streams[at].name) for at in silent])
        reasons.append(Finding("silent", "bad", {"count": len(silent), "seconds": _age_s(snapshot, since_ns), "names": names}))
    return reasons


def _refused(snapshot: Snapshot, told: set[int]) -> dict[str, list[int]]:
    """By venue, the streams that no connection brings though theirs has been up for long enough: the venue has refused them, or not
    answered. `told`: those of connections that have a reason of their own."""
    flags, found = snapshot.rows.flags, dict[str, list[int]]()
    if not any(flags):
        return found
    up_since = {
        at: connection.since_ns or snapshot.meta.started_ns
        for connection in snapshot.connections
        if connection.state in UP
        for at in snapshot.meta.members.get(connection.name, [])
    }
    for at, flag in enumerate(flags):
        since_ns = up_since.get(at, snapshot.now_ns)
        if flag & _UNASKED and at not in told and not _is_fresh(snapshot, since_ns):
            found.setdefault(snapshot.meta.streams[at].venue, []).append(at)
    return found


def _is_fresh(snapshot: Snapshot, since_ns: int) -> bool:
    """Whether it has had too little time yet. What is ahead of the clock is old: the clock was set back since."""
    return 0 <= snapshot.now_ns - since_ns < LINK_START_S * SECOND_NS


def _unsubscribed(snapshot: Snapshot, venue: str, members: list[int]) -> Finding:
    held = dict(snapshot.rows.held)
    since_ns = min(held.get(at) or snapshot.rows.newest_ns[at] or snapshot.meta.started_ns for at in members)
    args: dict[str, str | int | float] = {"venue": venue, "count": len(members), "seconds": _age_s(snapshot, since_ns)}
    return Finding("unsubscribed", "bad", {**args, "names": _listed([snapshot.meta.streams[at].name for at in members])})


def _latency(snapshot: Snapshot) -> list[Finding]:
    rows, meta = snapshot.rows, snapshot.meta
    gated = {row.symbol_at: row for row, flags in zip(meta.streams, rows.flags, strict=True) if flags & _GATED} if any(rows.flags) else {}
    reasons = []
    threshold = round(meta.latency_threshold_ms)
    if gated:
        worst = max((median for at, median in enumerate(rows.median_ms) if at in gated and median is not None), default=0.0)
        names = sorted(_named(snapshot, row.venue, row.symbol) for row in gated.values())
        reasons.append(Finding("gate", "bad", {"names": _listed(names), "median": round(worst), "threshold": threshold}))
    reasons += _clocks(snapshot)
    if not gated and meta.latency_gate == "mark" and not any(venue.skewed for venue in snapshot.venues):
        known = {symbol: median for symbol, median in zip(meta.symbols, rows.median_ms, strict=True) if median is not None}
        late = sorted(symbol for symbol, median in known.items() if median > meta.latency_threshold_ms)
        if late:
            worst = max(known[symbol] for symbol in late)
            reasons.append(Finding("late", "warn", {"names": _listed(late), "median": round(worst), "threshold": threshold}))
    return reasons


def _clocks(snapshot: Snapshot) -> list[Finding]:
    """One sentence for one cause, with the figure that made it. This machine's own clock, where it is known to be off, explains
    odd latencies of every venue."""
    found = [finding for finding in map(clock_finding, snapshot.venues) if finding is not None]
    return [finding for finding in found if finding.code == "clock"][:1] or found


def _machine(snapshot: Snapshot, hardware: Hardware | None) -> list[Finding]:
    reasons = []
    waiting = sum(venue.pending for venue in snapshot.venues)
    if waiting > QUEUE_RECORDS and any(each > QUEUE_STREAM_RECORDS for each in snapshot.rows.queue):
        reasons.append(Finding("backpressure", "warn", {"waiting": waiting}))
    percent = hardware.memory_percent if hardware is not None else snapshot.process.memory_percent
    if snapshot.process.memory_short:
        reasons.append(Finding("memory", "warn", {"percent": round(percent), "limit": round(snapshot.meta.memory_limit_percent)}))
    return reasons


def _named(snapshot: Snapshot, venue: str, name: str) -> str:
    """The name, and of which venue where there are several."""
    return name if len(snapshot.venues) < 2 else f"{venue}:{name}"


def _age_s(snapshot: Snapshot, since_ns: int) -> int:
    return max(0, snapshot.now_ns - since_ns) // 1_000_000_000


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return shown if len(names) <= _NAMES else f"{shown} (+{len(names) - _NAMES})"
