"""dashboard.terminal: `hoga top`: the snapshot page in the terminal, without a dashboard's process in between."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Log, Static

from hoga.core.times import iso_of
from hoga.dashboard.config import DashboardConfig
from hoga.dashboard.fanout import Fanout
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import RunHealth, sentence
from hoga.dashboard.page_model import PageModel
from hoga.dashboard.snapshot import Hardware, StreamFlag
from hoga.quality.incidents import count_text, describe

__all__ = ["ReasonText", "StreamSummary", "Summary", "Top", "run_top", "summarise"]

_COLUMNS = ("venue", "stream", "kind", "state", "frames/s", "median", "p99", "flush", "queue", "gaps", "records")
_COLOURS = {
    RunHealth.RECORDING: "bold white on dark_green",
    RunHealth.DEGRADED: "bold white on dark_orange3",
    RunHealth.STOPPED: "bold white on red3",
}
_GLYPHS = {RunHealth.RECORDING: "✓", RunHealth.DEGRADED: "▲", RunHealth.STOPPED: "✕"}

_TWO_LOOKS_S = 0.6
_HAPPENED = 3
_HELP = (
    "median, p99: how late frames are, from the venue's time to ours · flush: between two hand-overs to the disk · queue: records that "
    "wait for the disk\ngaps: entries of the ledger; an incident is one cause with all its gaps\nkeys: n r m g sort by name, rate, median, "
    "gaps · b troubled only · space pause · q quit"
)


class ReasonText(msgspec.Struct, frozen=True):
    """A reason of the verdict: its code, and the sentence."""

    code: str
    text: str


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One stream. `state` is `recording` or what holds it up."""

    venue: str
    stream: str
    symbol: str
    kind: str
    state: str
    rate: float
    median_ms: float | None
    p99_ms: float | None
    flush_ms: float | None
    queue: int
    gaps: int
    records: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How things are. `happened`: the newest incidents, each with its time, in a sentence."""

    state: str
    healthy: bool
    reasons: list[ReasonText]
    records: int
    incidents: int
    gaps: int
    rate: float
    streams: list[StreamSummary]
    happened: list[str]


def summarise(page: Path, *, folder: str) -> Summary:
    """How things are at `page`, that of a run into `folder`: two looks, so that there are rates.

    Blocks for half a second where somebody records.
    """
    model = _model(page, folder)
    try:
        model.look()
        if model.snapshot is not None:
            time.sleep(_TWO_LOOKS_S)
            model.hardware = _look_at_machine(HardwareMonitor(cpu_span_s=0.1), model)
            model.look()
        return _summary(model)
    finally:
        model.close()


def run_top(page: Path, *, folder: str) -> None:
    """Show `page`, that of a run into `folder`, until the user quits."""
    Top(page, folder).run()


class Top(App[None]):
    """The terminal dashboard."""

    TITLE = "hoga top"
    ENABLE_COMMAND_PALETTE = False
    CSS = (
        "#verdict { height: auto; padding: 0 1; } #facts { height: auto; padding: 0 1; color: $text-muted; } "
        "#help { display: none; height: auto; padding: 0 1; } DataTable { height: 1fr; } Log { height: 7; border-top: solid $primary; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("n", "order('name')", "Name"),
        Binding("r", "order('rate')", "Rate"),
        Binding("m", "order('median')", "Median"),
        Binding("g", "order('gaps')", "Gaps"),
        Binding("b", "troubled", "Troubled only"),
        Binding("space", "pause", "Pause"),
        Binding("question_mark", "explain", "Help"),
    ]

    def __init__(self, page: Path, folder: str = "") -> None:
        super().__init__()
        self._model = _model(page, folder)
        self._monitor = HardwareMonitor(cpu_span_s=0.05)
        self._sort: str | None = None
        self._troubled = False
        self._paused = False
        self._logs_turn = -1
        self._shown: list[str] = []

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(id="verdict")
        yield Static(id="facts")
        yield Static(_HELP, id="help")
        yield DataTable[Text](cursor_type="row", zebra_stripes=True)
        yield Log(highlight=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(DataTable).add_columns(*_COLUMNS)
        self.set_interval(0.5, self.refresh_all)
        self.set_interval(2.0, self._look_at_machine, pause=False)
        self.refresh_all()

    def on_unmount(self) -> None:
        """Let go of the page."""
        self._model.close()

    def action_order(self, key: str) -> None:
        """Sort by `key`; the venue's own order when it is asked for again."""
        self._sort = None if self._sort == key else key
        self.refresh_all()

    def action_troubled(self) -> None:
        """Only streams that something holds up, or all."""
        self._troubled = not self._troubled
        self.refresh_all()

    def action_pause(self) -> None:
        """Hold still, or go on."""
        self._paused = not self._paused

    def action_explain(self) -> None:
        """Show what the columns mean, or hide it."""
        about = self.query_one("#help", Static)
        about.display = not about.display

    def refresh_all(self) -> None:
        """Look, and show."""
        if self._paused:
            return
        self._model.look()
        summary = _summary(self._model)
        state = RunHealth(summary.state)
        lines = [f" {_GLYPHS[state]} {state.upper()} ", *(f" {reason.text} " for reason in summary.reasons)]
        self.query_one("#verdict", Static).update(Text("\n".join(lines), style=_COLOURS[state]))
        self.query_one("#facts", Static).update(self._facts(summary))
        self._fill(summary)
        self._follow_log()

    def _look_at_machine(self) -> None:
        self._model.hardware = _look_at_machine(self._monitor, self._model)

    def _facts(self, summary: Summary) -> str:
        rate = f"{summary.rate:,.1f}" if self._model.watch.paced else "–"
        happened = count_text(summary.incidents, summary.gaps)
        text = f"{rate} frames/s   {summary.records:,} records   {happened}   {len(summary.streams)} streams"
        snapshot, hardware = self._model.snapshot, self._model.hardware
        if snapshot is not None:
            text += f"   {snapshot.meta.data_dir}" + ("   SIMULATED" if snapshot.meta.simulated else "")
            text += "".join(
                f"\n{row.name} {row.state} epoch {row.epoch}  up {row.uptime_s:,.0f} s  {row.reconnects} reconnects"
                for row in snapshot.connections[:4]
            )
            text += "".join(f"\nincident {told}" for told in summary.happened)
        if hardware is not None:
            free = "-" if hardware.disk_free is None else f"{hardware.disk_free / 1e9:,.1f} GB"
            text += f"\ncpu {hardware.cpu_percent:.0f} %   memory {hardware.memory_percent:.0f} %   disk free {free}"
        return text

    def _fill(self, summary: Summary) -> None:
        table: DataTable[Text] = self.query_one(DataTable)
        rows = [row for row in summary.streams if not self._troubled or row.state != "recording"]
        if self._sort is not None:
            rows.sort(key=lambda row: _order(row, self._sort or ""), reverse=self._sort != "name")
        names = [f"{row.venue}:{row.stream}" for row in rows]
        if names != self._shown:
            at = table.cursor_row
            table.clear()
            for row in rows:
                table.add_row(*_cells(row, paced=self._model.watch.paced), key=f"{row.venue}:{row.stream}")
            self._shown = names
            if rows:
                table.move_cursor(row=min(at, len(rows) - 1))
            return
        for number, row in enumerate(rows):
            for column, cell in enumerate(_cells(row, paced=self._model.watch.paced)):
                if table.get_cell_at((number, column)) != cell:  # type: ignore[arg-type]  # a plain pair is a coordinate
                    table.update_cell_at((number, column), cell)  # type: ignore[arg-type]  # likewise

    def _follow_log(self) -> None:
        snapshot = self._model.snapshot
        if snapshot is not None and snapshot.logs_turn != self._logs_turn:
            self._logs_turn = snapshot.logs_turn
            log = self.query_one(Log)
            log.clear()
            log.write_lines(snapshot.logs.lines)


def _model(page: Path, folder: str) -> PageModel:
    return PageModel(DashboardConfig(page=str(page), status_page="", folder=folder), Fanout(0))


def _look_at_machine(monitor: HardwareMonitor, model: PageModel) -> Hardware | None:
    snapshot = model.snapshot
    if snapshot is None:
        return None
    return monitor.look(collector=None, folder=snapshot.meta.data_dir, reserve_bytes=snapshot.meta.disk_reserve_bytes)


def _summary(model: PageModel) -> Summary:
    verdict, snapshot, watch = model.verdict, model.snapshot, model.watch
    reasons = [ReasonText(reason.code, sentence(reason)) for reason in verdict.reasons]
    if snapshot is None:
        return Summary(
            state=verdict.state, healthy=verdict.healthy, reasons=reasons, records=0, incidents=0, gaps=0, rate=0.0, streams=[], happened=[]
        )
    rows = snapshot.rows
    states = watch.states(snapshot)
    streams = [
        StreamSummary(
            venue=row.venue,
            stream=row.name,
            symbol=row.symbol,
            kind=row.kind,
            state=_state(states[at]),
            rate=round(float(watch.rates[at]), 1),
            median_ms=rows.median_ms[row.symbol_at],
            p99_ms=rows.p99_ms[row.symbol_at],
            flush_ms=None if watch.flush_ms[at] != watch.flush_ms[at] else round(float(watch.flush_ms[at]), 1),
            queue=rows.queue[at],
            gaps=rows.gaps[at],
            records=rows.recorded[at],
        )
        for at, row in enumerate(snapshot.meta.streams)
    ]
    return Summary(
        state=verdict.state,
        healthy=verdict.healthy,
        reasons=reasons,
        records=sum(rows.recorded),
        incidents=sum(snapshot.happened.begun.values()),
        gaps=sum(rows.gaps),
        rate=round(float(watch.rates.sum()), 1),
        streams=streams,
        happened=[f"{iso_of(each.from_ns)}: {describe(each)}" for each in snapshot.happened.recent[-_HAPPENED:]],
    )


def _state(flags: int) -> str:
    worst = (StreamFlag.DISK_FULL, StreamFlag.DISCONNECTED, StreamFlag.GATED, StreamFlag.SILENT, StreamFlag.OTHER_DOWN, StreamFlag.NEVER)
    names = ("disk full", "disconnected", "too late", "silent", "down", "connecting")
    return next((name for flag, name in zip(worst, names, strict=True) if flags & flag), "recording")


def _order(row: StreamSummary, key: str) -> tuple[float, str]:
    value = {"rate": row.rate, "median": row.median_ms or 0.0, "gaps": float(row.gaps)}.get(key, 0.0)
    return value, row.stream


def _cells(row: StreamSummary, *, paced: bool) -> list[Text]:
    good = row.state == "recording"
    plain = [row.venue, row.stream, row.kind]
    figures = [
        f"{row.rate:.1f}" if paced else "–",
        _ms(row.median_ms),
        _ms(row.p99_ms),
        _ms(row.flush_ms),
        f"{row.queue:,}",
        f"{row.gaps:,}",
        f"{row.records:,}",
    ]
    state = Text(f"{'✓' if good else '✕'} {row.state}", style="green" if good else "bold red")
    return [*(Text(cell) for cell in plain), state, *(Text(cell, justify="right") for cell in figures)]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
