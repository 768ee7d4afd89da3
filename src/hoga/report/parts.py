"""report.parts: what pages are made of: the document with its policy, tables, bars, and how numbers are spelt. Opens nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from hoga.core.times import iso_of
from hoga.report.words import WORDS

__all__ = [
    "Assets",
    "Sheet",
    "amount",
    "bp_cell",
    "coloured",
    "duration",
    "lasting",
    "moment",
    "money_cell",
    "number_cell",
    "percent",
    "shorter",
]


class Assets(NamedTuple):
    """Texts of ours that stand in the page as they are: its style and script, and those of the charts' library."""

    style: str
    script: str
    chart_style: str
    chart_script: str


class Sheet:
    """A page in one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.words = WORDS[lang]

    def document(self, assets: Assets, *, title: str, name: str, line: str, body: str, facts: dict[str, Any]) -> str:
        """The whole text: nothing but what stands in it runs or is fetched. `facts`: for its script."""
        words = self.words
        style = f"{assets.chart_style}\n{assets.style}"
        scripts = (assets.chart_script, assets.script)
        allowed = " ".join(f"'sha256-{_digest(each)}'" for each in scripts)
        policy = f"default-src 'none';style-src 'sha256-{_digest(style)}';script-src {allowed}"
        return (
            f'<!DOCTYPE html>\n<html lang="{self.lang}"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f"<title>hoga · {title}: {html.escape(line)}</title>\n<style>{style}</style></head>\n<body>\n"
            f'<a class="skip" href="#figures">{words["skip"]}</a>\n'
            f"<header><h1>hoga · {title} <small>{html.escape(name)}</small></h1>"
            f'<p id="line">{html.escape(line)}</p></header>\n<main>\n{body}'
            f"<footer><p>{words['how']} {words['past']}</p></footer>\n</main>\n"
            f'<script type="application/json" id="facts">{_json(facts)}</script>\n'
            f"{''.join(f'<script>{each}</script>' for each in scripts)}\n</body></html>\n"
        )

    def table(self, name: str, keys: Sequence[str], rows: Sequence[Sequence[Any]], numbers: set[int], *, scroll: str = "") -> str:
        """A cell is a text, or a text and what it is sorted by, or those and a class. `numbers`: columns that stand to the right."""
        heads = "".join(
            f'<th scope="col"{" class=n" if at in numbers else ""}>{html.escape(self.words.get(key, key))}</th>'
            for at, key in enumerate(keys)
        )
        body = "".join("<tr>" + "".join(_cell(each, at in numbers) for at, each in enumerate(row)) + "</tr>" for row in rows)
        label = html.escape(self.words.get(keys[0], keys[0]))
        return (
            f'<div class="scroll {scroll}" tabindex="0" role="region" aria-label="{label}: {name}">'
            f'<table class="data" id="t-{name}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def bars(self, name: str, unit: str, bars: Sequence[tuple[str, int]]) -> str:
        most = max((count for _, count in bars), default=0) or 1
        rows = "".join(
            f'<tr><th scope="row">{html.escape(label)}</th><td class="n">{count:,}</td><td class="bar"><svg viewBox="0 0 100 10" '
            f'preserveAspectRatio="none" aria-hidden="true"><rect width="{count / most * 100:.2f}" height="10"/></svg></td></tr>'
            for label, count in bars
        )
        heads = f'<th scope="col">{html.escape(unit)}</th><th scope="col" class="n">{self.words["count"]}</th><td></td>'
        return f'<table class="data bars" id="b-{name}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'

    def more(self, count: int) -> str:
        return f'<p class="soft">{count:,} {self.words["more"]}</p>' if count > 0 else ""


def _cell(cell: Any, is_number: bool) -> str:
    text, key, kind = cell if isinstance(cell, tuple) and len(cell) == 3 else (*cell, "") if isinstance(cell, tuple) else (cell, None, "")
    classes = " ".join(filter(None, ("n" if is_number else "", kind)))
    marks = f' class="{classes}"' if classes else ""
    if key is not None:
        marks += f' data-v="{key}"'
    return f"<td{marks}>{html.escape(str(text))}</td>"


def money_cell(text: str, *, plain: bool = False) -> tuple[str, str, str]:
    value = Decimal(text)
    return amount(text), f"{value:f}", "" if plain or not value else "good" if value > 0 else "bad"


def number_cell(text: str) -> tuple[str, str]:
    return amount(text), text


def bp_cell(value: float | None) -> tuple[str, float]:
    return ("", 0.0) if value is None else (f"{round(value, 2) + 0.0:+.2f}", value)


def amount(text: str) -> str:
    """`1,234.5`."""
    return f"{Decimal(text):,f}"


def coloured(text: str, unit: str) -> str:
    value = Decimal(text)
    sign = "+" if value > 0 else ""
    kind = "good" if value > 0 else "bad" if value < 0 else ""
    return f'<span class="{kind}">{sign}{amount(text)}</span> <small>{html.escape(unit)}</small>'


def shorter(text: str | None) -> str:
    """A mean, to six digits."""
    whole = Decimal(f"{Decimal(text or 0):.6g}")
    return f"{whole.normalize() if whole else whole:f}"


def percent(share: float) -> str:
    return f"{share * 100:.2f} %"


def moment(ns: int) -> str:
    return iso_of(ns)[:23].replace("T", " ") if ns else ""


def lasting(ns: int) -> str:
    """`12.5 s`, `3 min 20 s`, `5 h 10 min`, `12 d 3 h`."""
    seconds = ns / 1e9
    if seconds < 120:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if whole < 7_200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {minutes} min" if not days else f"{days} d {hours} h"


def duration(ns: int) -> str:
    """Of a step: `850 ns`, `12.4 µs`, `3.20 ms`, `1.50 s`."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(facts: dict[str, Any]) -> str:
    """Without a sign that could end the element."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
