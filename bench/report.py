"""bench.report: a report for people: a table of plain text, a page of Markdown. Pure."""

from __future__ import annotations

from bench.bars import Figure
from bench.suite import Report

__all__ = ["markdown", "number", "rows"]


def number(value: float) -> str:
    """A figure with the digits that mean something."""
    size = abs(value)
    if size >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def rows(figures: list[Figure]) -> list[list[str]]:
    """what, measured, spread, unit, required, aim, verdict: one row a figure."""
    return [
        [
            each.label,
            number(each.median),
            f"{number(each.low)}–{number(each.high)}" if len(each.runs) > 1 else "",
            each.unit,
            "" if each.required is None else number(each.required),
            "" if each.aim is None else number(each.aim),
            str(each.verdict),
        ]
        for each in figures
    ]


def markdown(report: Report, *, when: str) -> str:
    """The page that is kept in docs/results."""
    machine, settings = report.machine, report.settings
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    lines = [
        f"# Bench, {when[:10]}",
        "",
        f"`hoga bench`, hoga {machine.hoga}, {when}. {machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB; {machine.kernel};",
        f"Python {machine.python}; {packages}. Load of the machine when it began: {machine.load:g}.",
        f"Medians of {settings.repeat} runs, lowest and highest beside them; every run in fresh processes, the collector on one core,",
        f"the load server on another. Books: {'captured' if settings.capture else 'a random walk'}; {settings.symbols} symbols in a burst.",
        "",
        "| what | measured | spread | unit | required | aim | verdict |",
        "|---|---:|---:|---|---:|---:|---|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows(report.figures)]
    notes = [f"- {each.label}: {each.note}." for each in report.figures if each.note]
    return "\n".join([*lines, "", "How the figures were taken:", "", *notes, ""])
