"""dashboard.terminal: `hoga top`: the snapshot page in the terminal, without a dashboard's process in between."""

from __future__ import annotations

from pathlib import Path
from time import time_ns
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import DataTable, Footer, RichLog, Static

from hoga.core.times import iso_of
from hoga.dashboard.hardware import HardwareMonitor
from hoga.dashboard.judge import RunHealth
from hoga.dashboard.summary import StreamSummary, Summary, look_at_machine, model_of, summary_of

__all__ = ["Top", "run_top"]

_WIDE = ("venue", "stream", "kind", "state", "frames/s", "median", "p99", "queue", "gaps", "records")
_NARROW = ("venue", "symbol", "kind", "", "fr/s", "med/p99 ms", "q", "gaps", "records")
_WIDE_FROM = 120
_TALL_FROM = 32
_COLOURS = {
    RunHealth.RECORDING: "bold white on dark_green",
    RunHealth.DEGRADED: "bold white on dark_orange3",
    RunHealth.STOPPED: "bold white on red3",
}
_GLYPHS = {RunHealth.RECORDING: "✓", RunHealth.DEGRADED: "▲", RunHealth.STOPPED: "✕"}
_SIGNS, _BAD = {"recording": ("✓", "green"), "unknown": ("?", "dim")}, ("✕", "bold red")
_REASONS = 4
_HELP = (
    "latency, median, p99: how late frames are, from the venue's time to ours, of the newest frames of an instrument; of the run: half "
    "of all frames are of instruments whose median is within the first figure\n"
    "to disk: from receipt until the system has it · q, queue: records that wait for the disk\n"
    "gaps: entries of the ledger; an incident is one cause with all its gaps\n"
    "keys: n r m g sort by name, rate, median, gaps · b troubled only · space pause · arrows scroll · q quit"
)


def run_top(page: Path, *, folder: str) -> None:
    """Show `page`, that of a run into `folder`, until the user quits."""
    Top(page, folder).run()


class Top(App[None]):
    """The terminal dashboard."""

    TITLE = "hoga top"
    ENABLE_COMMAND_PALETTE = False
    CSS = (
        "#verdict { height: auto; padding: 0 1; } #about { height: auto; max-height: 50%; scrollbar-size-vertical: 1; } "
        "#facts { height: auto; padding: 0 1; color: $text-muted; } "
        "#help { display: none; height: auto; padding: 0 1; } DataTable { height: 1fr; min-height: 4; } "
        "RichLog { height: 7; border-top: solid $primary; }"
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
        self._model = model_of(page, folder)
        self._monitor = HardwareMonitor(cpu_span_s=0.05)
        self._sort: str | None = None
        self._troubled = False
        self._paused_ns: int | None = None
        self._still: Summary | None = None
        self._logs_turn = -1
        self._shown: list[str] = []
        self._wide = True

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(id="verdict")
        with VerticalScroll(id="about"):  # where there is no room for all facts, a bar says so
            yield Static(id="facts")
        yield Static(_HELP, id="help")
        yield DataTable[Text](cursor_type="row", zebra_stripes=True)
        yield RichLog(wrap=True, min_width=1)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self._head()
        self.set_interval(0.5, self.refresh_all)
        self.set_interval(2.0, self._look_at_machine, pause=False)
        self.refresh_all()

    def on_resize(self, event: Resize) -> None:
        """The same facts in whatever room there is."""
        self.query_one(RichLog).styles.height = 7 if event.size.height >= _TALL_FROM else 3
        self._logs_turn = -1  # its lines are broken anew
        if (event.size.width >= _WIDE_FROM) is not self._wide:
            self._wide = not self._wide
            self._head()
            self.refresh_all()

    def _head(self) -> None:
        table: DataTable[Text] = self.query_one(DataTable)
        table.clear(columns=True)
        table.cell_padding = 1 if self._wide else 0
        table.add_columns(*(_WIDE if self._wide else (f"{name} " for name in _NARROW)))
        self._shown = []

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
        """Hold still, or go on; the verdict goes on in either case."""
        self._paused_ns = time_ns() if self._paused_ns is None else None
        self.refresh_all()

    def action_explain(self) -> None:
        """Show what the columns mean, or hide it."""
        about = self.query_one("#help", Static)
        about.display = not about.display

    def refresh_all(self) -> None:
        """Look, and show."""
        self._model.look()
        summary = summary_of(self._model)
        self._tell_verdict(summary)
        if self._paused_ns is None or self._still is None:
            self._still = summary
            self._follow_log()
        self.query_one("#facts", Static).update(Text("\n".join(self._still.facts)))
        self._fill(self._still)

    def _tell_verdict(self, summary: Summary) -> None:
        state = RunHealth(summary.state)
        lines = [f" {_GLYPHS[state]} {state.upper()} ", *(f" {reason.text} " for reason in summary.reasons[:_REASONS])]
        if len(summary.reasons) > _REASONS:
            lines.append(f" and {len(summary.reasons) - _REASONS} more reasons ")
        if self._paused_ns is not None:
            lines.append(f" PAUSED since {iso_of(self._paused_ns)[11:19]} UTC: all below is of then; space goes on ")
        self.query_one("#verdict", Static).update(Text("\n".join(lines), style=_COLOURS[state]))

    def _look_at_machine(self) -> None:
        self._model.hardware = look_at_machine(self._monitor, self._model)

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
                table.add_row(*self._cells(row), key=f"{row.venue}:{row.stream}")
            self._shown = names
            if rows:
                table.move_cursor(row=min(at, len(rows) - 1))
            return
        for number, row in enumerate(rows):
            for column, cell in enumerate(self._cells(row)):
                if table.get_cell_at((number, column)) != cell:  # type: ignore[arg-type]  # a plain pair is a coordinate
                    table.update_cell_at((number, column), cell)  # type: ignore[arg-type]  # likewise

    def _cells(self, row: StreamSummary) -> list[Text]:
        return _wide_cells(row) if self._wide else _narrow_cells(row)

    def _follow_log(self) -> None:
        snapshot = self._model.snapshot
        if snapshot is not None and snapshot.logs_turn != self._logs_turn:
            self._logs_turn = snapshot.logs_turn
            log = self.query_one(RichLog)
            log.clear()
            for line in snapshot.logs.lines:
                log.write(Text(line))


def _order(row: StreamSummary, key: str) -> tuple[float, str]:
    value = {"rate": row.rate or 0.0, "median": row.median_ms or 0.0, "gaps": float(row.gaps)}.get(key, 0.0)
    return value, row.stream


def _wide_cells(row: StreamSummary) -> list[Text]:
    figures = [_rate(row), _ms(row.median_ms), _ms(row.p99_ms), f"{row.queue:,}", f"{row.gaps:,}", f"{row.records:,}"]
    glyph, style = _SIGNS.get(row.state, _BAD)
    state = Text(f"{glyph} {row.state}", style=style)
    return [*(Text(cell) for cell in (row.venue, row.stream, row.kind)), state, *(Text(cell, justify="right") for cell in figures)]


def _narrow_cells(row: StreamSummary) -> list[Text]:
    """The same in 80 columns: the stream by symbol and kind, a state that is good by its sign alone."""
    glyph, style = _SIGNS.get(row.state, _BAD)
    latency = f"{_figure(row.median_ms)}/{_figure(row.p99_ms)}"
    figures = [_rate(row), latency, f"{row.queue:,}", f"{row.gaps:,}", f"{row.records:,}"]
    state = Text(f"{glyph} " if row.state == "recording" else f"{glyph} {row.state} ", style=style)
    plain = [Text(f"{cell} ") for cell in (row.venue, row.symbol, row.kind)]
    return [*plain, state, *(Text(f"{cell} ", justify="right") for cell in figures)]


def _rate(row: StreamSummary) -> str:
    return "–" if row.rate is None else f"{row.rate:.1f}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
