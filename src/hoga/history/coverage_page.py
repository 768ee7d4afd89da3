"""history.coverage_page: the page of what an archive holds and lacks: one text that needs nothing else. Opens nothing.

What people see is made of the facts that stand in it as JSON. Its script only opens days; without it the table, the reasons and the
incidents are all there. Every word of it is in `history.coverage_words`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable

import msgspec

from hoga.archive.form.calendar import minutes_of, percent_of, runs_of
from hoga.archive.form.spans import day_span
from hoga.core.times import iso_of
from hoga.history.coverage import CoverageDay, Facts, Hole, SeriesFacts
from hoga.history.coverage_words import REASONS, WORDS
from hoga.quality.incidents import Incident, span_text

__all__ = ["render"]

_HOLES_SHOWN = 200
_INCIDENTS_SHOWN = 500


def render(facts: Facts, *, lang: str, style: str, script: str) -> str:
    """The page in one of `LANGUAGES`. `style` and `script` are texts of ours, and stand in it as they are."""
    words = WORDS[lang]
    days = sorted({each.row.day for series in facts.series for each in series.days})
    policy = f"default-src 'none';style-src 'sha256-{_digest(style)}';script-src 'sha256-{_digest(script)}'"
    table = _table(facts.series, days, words, lang) if facts.series else f"<p>{words['nothing']}</p>"
    unread = "".join(f'<p class="bad">✕ {html.escape(folder)}: {words["unread"]}: {html.escape(why)}</p>' for folder, why in facts.unread)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>hoga · {words['title']}</title>\n<style>{style}</style></head>\n<body>\n"
        f"<header><h1>hoga · {words['title']} <small>{words['as-of']} {_moment(facts.now_ns)[:19]} UTC</small></h1></header>\n"
        f'<main>\n<section><ul class="legend">{_legend(words)}</ul>{unread}'
        f'<p class="soft" id="how">{words["choose"]}</p>{table}</section>\n'
        f'<section id="drill" hidden aria-live="polite"></section>\n'
        f"<section><h2>{words['incidents']}</h2>{_incidents(facts.incidents, words, lang)}</section>\n"
        f"<section><h2>{words['holes']}</h2>{''.join(_holes(each, words, lang) for each in facts.series) or words['none']}</section>\n"
        f'</main>\n<script type="application/json" id="facts">{_json(facts, lang)}</script>\n<script>{script}</script>\n</body></html>\n'
    )


def _table(series: list[SeriesFacts], days: list[str], words: dict[str, str], lang: str) -> str:
    heads = "".join(f'<th scope="col">{day[5:]}</th>' if day[8:] != "01" else f'<th scope="col">{day}</th>' for day in days)
    rows = []
    for at, each in enumerate(series):
        by_day = {one.row.day: one for one in each.days}
        cells = "".join(f"<td>{_cell(at, by_day[day], words, lang) if day in by_day else ''}</td>" for day in days)
        rate = "–" if each.gaps_per_million is None else f"{each.gaps_per_million:,.1f}"
        name = f"{html.escape(each.symbol)} <small>{html.escape(each.venue)} · {html.escape(each.kind)}</small>"
        rows.append(f'<tr><th scope="row">{name}</th><td class="n">{rate}</td>{cells}</tr>')
    return (
        '<div class="scroll" tabindex="0"><table class="data" id="calendar"><thead><tr>'
        f'<th scope="col">{words["stream"]}</th><th scope="col" class="n">{words["per-million"]}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(series: int, each: CoverageDay, words: dict[str, str], lang: str) -> str:
    """A day as a button with a bar of its shares."""
    row = each.row
    if row.proven is None or row.unprovable is None or row.missing is None:
        why = words["classic"] if row.state == "classic" else row.why or words["no-account"]
        return f'<span class="none" title="{html.escape(why)}">? <small>{html.escape(row.state)}</small></span>'
    said = [f"{row.day}: {words['proven']} {_percent(row.proven)}, {words['unprovable']} {_percent(row.unprovable)}"]
    said += [f"{words['missing']} {_percent(row.missing, up=True)}"]
    said += [f"{REASONS[lang].get(reason, reason)} {_percent(share, up=True)}" for reason, share in (row.reasons or {}).items()]
    label = html.escape(", ".join(said))
    middle, right = row.proven * 100, row.missing * 100
    bar = (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="empty" width="100" height="10"/>'
        f'<rect class="proven" width="{middle:.3f}" height="10"/>'
        f'<rect class="unprovable" x="{middle:.3f}" y="5" width="{row.unprovable * 100:.3f}" height="5"/>'
        f'<rect class="missing" x="{middle + row.unprovable * 100:.3f}" width="{right:.3f}" height="10"/></svg>'
    )
    recorded = row.proven + row.unprovable
    return f'<button type="button" data-s="{series}" data-d="{row.day}" title="{label}">{bar}<b>{_percent(recorded)}</b></button>'


def _incidents(incidents: list[Incident], words: dict[str, str], lang: str) -> str:
    if not incidents:
        return f"<p>{words['none']}</p>"
    rows = []
    for each in incidents[::-1][:_INCIDENTS_SHOWN]:
        where = " ".join(filter(None, (each.venue, each.conn))) or words["machine"]
        lost = words["uncountable"] if each.uncounted and not each.missed else f"{each.missed:,}"
        lost = f"{words['at-least']} {lost}" if each.uncounted and each.missed else lost
        cells = (
            _moment(each.from_ns),
            span_text(each.to_ns - each.from_ns),
            REASONS[lang][each.reason],
            where,
            f"{each.streams:,}",
            f"{each.gaps:,}",
            lost,
        )
        rows.append(_line(cells))
    heads = (words[key] for key in ("from", "lasted", "reason", "where", "streams", "gaps", "missed"))
    return _listed(heads, rows, len(incidents) - _INCIDENTS_SHOWN, words)


def _holes(series: SeriesFacts, words: dict[str, str], lang: str) -> str:
    holes = [hole for each in series.days for hole in each.holes]
    if not holes:
        return ""
    rows = [_line(_hole_cells(hole, words, lang)) for hole in holes[-_HOLES_SHOWN:]]
    name = f"{html.escape(series.symbol)} <small>{html.escape(series.venue)} · {html.escape(series.kind)}: {len(holes):,}</small>"
    heads = (words[key] for key in ("from", "lasted", "reason", "missed"))
    return f"<details><summary>{name}</summary>{_listed(heads, rows, len(holes) - _HOLES_SHOWN, words)}</details>"


def _hole_cells(hole: Hole, words: dict[str, str], lang: str) -> tuple[str, str, str, str]:
    reason = REASONS[lang].get(hole.reason, hole.reason) + (f": {hole.detail}" if hole.detail else "")
    missed = words["uncountable"] if hole.missed is None else f"{hole.missed:,}"
    return _moment(hole.from_ns), span_text(hole.to_ns - hole.from_ns), reason, missed


def _line(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _listed(heads: Iterable[str], rows: list[str], more: int, words: dict[str, str]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    rest = f'<p class="soft">{more:,} {words["more"]}</p>' if more > 0 else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll short" tabindex="0"><table class="data">{body}</table></div>{rest}'


def _legend(words: dict[str, str]) -> str:
    shown = []
    for state in ("proven", "unprovable", "missing"):
        bar = f'<rect class="{state}" y="{5 if state == "unprovable" else 0}" width="10" height="10"/>'
        shown.append(f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{bar}</svg><b>{words[state]}</b> {words[f"legend-{state}"]}</li>')
    return "".join(shown)


def _json(facts: Facts, lang: str) -> str:
    """The facts for programs, and for the page's script; without a sign that could end the element."""
    series = [
        {
            "venue": each.venue, "symbol": each.symbol, "kind": each.kind, "gaps_per_million": each.gaps_per_million,
            "days": [
                {
                    "day": day.row.day, "state": day.row.state, "records": day.row.records, "proven": day.row.proven,
                    "unprovable": day.row.unprovable, "missing": day.row.missing, "reasons": day.row.reasons, "gaps": day.row.gaps,
                    "incidents": day.row.incidents, "why": day.row.why, "minutes": _runs(day),
                }
                for day in each.days
            ],
            "holes": [hole for day in each.days for hole in day.holes],
        }
        for each in facts.series
    ]  # fmt: skip
    told = {
        "now_ns": facts.now_ns,
        "lang": lang,
        "words": WORDS[lang],
        "reasons": REASONS[lang],
        "series": series,
        "incidents": facts.incidents,
    }
    text = json.dumps(msgspec.to_builtins(told), ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _runs(day: CoverageDay) -> str:
    """The signs of a day's minutes, each with how often it comes: `795.3p642t`; empty where nobody kept an account."""
    if not day.pieces:
        return ""
    return runs_of(minutes_of(day.pieces, day_span(day.row.day)))


def _moment(ns: int) -> str:
    return iso_of(ns)[:23].replace("T", " ")


def _percent(share: float, *, up: bool = False) -> str:
    """Never better than it is: `99.99 %` is the most that is not whole."""
    text = percent_of(share, up=up)
    return "100 %" if text == "100.00" else f"{text} %"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
