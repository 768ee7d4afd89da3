"""report.comparison: many runs on one page: a table, a heat map over two parameters, and what choosing the best of them has done.
Opens nothing."""

from __future__ import annotations

import html
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

from hoga.report.parts import Assets, Sheet, amount, bp_cell, moment, money_cell, percent, shorter
from hoga.trading.choosing import Chosen, Try, choose

__all__ = ["render_comparison", "varying"]

_ROWS = 1_000
_VALUES = 40
_MAPS = 10
_SHADES = 4
_KEYS = ("net", "currency", "ratio", "rounds", "win-rate", "profit-factor", "expectancy", "drawdown", "of-peak", "slippage-bp", "mode",
         "from-time", "to-time", "verdict")  # fmt: skip


def varying(tries: Sequence[Try]) -> list[str]:
    """The parameters that are not the same in all runs, in the order in which they are named."""
    names = dict.fromkeys(name for each in tries for name in each.parameters)
    return [name for name in names if len({each.parameters.get(name) for each in tries}) > 1]


def render_comparison(tries: Sequence[Try], *, lang: str, assets: Assets) -> str:
    """The page in one of `LANGUAGES`."""
    return _Comparison(tries, lang).text(assets)


class _Comparison(Sheet):
    def __init__(self, tries: Sequence[Try], lang: str) -> None:
        super().__init__(lang)
        self.tries = sorted(tries, key=_net, reverse=True)
        self.varying = varying(tries)

    def text(self, assets: Assets) -> str:
        words = self.words
        line = f"{len(self.tries):,} {words['runs']}"
        if self.varying:
            line += f" · {', '.join(self.varying)}"
        body = f"{self._warning(choose(self.tries))}{self._table()}{self._maps()}"
        facts = {"lang": self.lang, "words": {key: words[key] for key in ("shown", "sort-by", "won", "lost-trips")}, "charts": []}
        return self.document(assets, title=words["comparison"], name="", line=line, body=body, facts=facts)

    def _warning(self, chosen: Chosen | None) -> str:
        words = self.words
        inside = f"<p>{words['many-tries'].format(tries=len(self.tries))}</p>"
        if chosen is None:
            inside += f"<p>{words['not-judged']}</p>"
        else:
            facts = {"ratio": f"{chosen.ratio:.3f}", "tries": f"{chosen.tries:,}", "expected": f"{chosen.expected:.3f}"}
            inside += f"<p>{words['best-ratio'].format(best=html.escape(chosen.best), **facts)}</p>"
            if chosen.probability is not None:
                good = chosen.probability >= 0.95
                text = words["likely" if good else "unlikely"].format(probability=percent(chosen.probability))
                inside += f'<p><b class="{"good" if good else "bad"}">{text}</b></p>'
        return f'<section class="note"><h2>{words["choosing"]}</h2>{inside}<p class="soft">{words["choosing-how"]}</p></section>\n'

    def _table(self) -> str:
        words = self.words
        rows: list[list[Any]] = []
        for each in self.tries[:_ROWS]:
            figures = each.figures
            win_rate, factor, ratio = (figures.get(name) for name in ("win_rate", "profit_factor", "ratio"))
            share, slip = figures.get("drawdown_share"), figures.get("slippage_bp")
            rows.append(
                [
                    each.name,
                    *(_value(each.parameters.get(name, "")) for name in self.varying),
                    money_cell(str(figures.get("net") or 0)),
                    str(figures.get("currency") or ""),
                    ("" if ratio is None else f"{ratio:.3f}", ratio or 0),
                    (f"{figures.get('rounds') or 0:,}", figures.get("rounds") or 0),
                    ("" if win_rate is None else percent(win_rate), win_rate or 0),
                    ("" if factor is None else f"{factor:.2f}", factor or 0),
                    money_cell(shorter(figures.get("expectancy"))),
                    money_cell(str(figures.get("drawdown") or 0), plain=True),
                    ("" if share is None else percent(share), share or 0),
                    bp_cell(slip),
                    f"{words.get(each.mode, each.mode)} {each.grade}".strip(),
                    *((moment(ns)[:16], ns // 10**6) for ns in (figures.get("from_ns") or 0, figures.get("to_ns") or 0)),
                    each.verdict,
                ]
            )
        keys = ("run", *self.varying, *_KEYS)
        first = 1 + len(self.varying)
        numbers = {*range(1, first + 1), *(first + at for at in range(2, 10))}
        more = self.more(len(self.tries) - _ROWS)
        table = self.table("runs", keys, rows, numbers, scroll="tall")
        return f'<section id="figures"><h2>{words["runs-title"]}</h2>{table}{more}</section>\n'

    def _maps(self) -> str:
        pairs = list(combinations(self.varying, 2))[:_MAPS]
        if not pairs:
            return ""
        words = self.words
        shown = []
        for number, (across, down) in enumerate(pairs):
            title = f"{html.escape(down)} × {html.escape(across)}"
            shown.append(f"<details{' open' if not number else ''}><summary>{title}</summary>{self._map(across, down)}</details>")
        note = words["map-mean"] if len(self.varying) > 2 else words["map-one"]
        return f'<section><h2>{words["heat-map"]}</h2><p class="soft">{note}</p>{"".join(shown)}</section>\n'

    def _map(self, across: str, down: str) -> str:
        """The mean net of all runs with two values, darker the further from 0."""
        cells: dict[tuple[str, str], list[Decimal]] = {}
        for each in self.tries:
            cells.setdefault((each.parameters.get(down, ""), each.parameters.get(across, "")), []).append(_net(each))
        means = {key: sum(nets, Decimal(0)) / len(nets) for key, nets in cells.items()}
        most = max((abs(mean) for mean in means.values()), default=Decimal(0)) or Decimal(1)
        rows = sorted({key[0] for key in cells}, key=_order)[:_VALUES]
        columns = sorted({key[1] for key in cells}, key=_order)[:_VALUES]
        heads = "".join(f'<th scope="col" class="n">{html.escape(value)}</th>' for value in columns)
        body = []
        for row in rows:
            shown = []
            for column in columns:
                mean = means.get((row, column))
                if mean is None:
                    shown.append("<td></td>")
                    continue
                shade = min(_SHADES, int(abs(mean) / most * _SHADES) + 1) if mean else 0
                kind = f"{'up' if mean > 0 else 'down'}{shade}"
                shown.append(f'<td class="n {kind}">{amount(shorter(str(mean)))}</td>')
            body.append(f'<tr><th scope="row" class="n">{html.escape(row)}</th>{"".join(shown)}</tr>')
        corner = f"<td>{html.escape(down)} \\ {html.escape(across)}</td>"
        label = f"{self.words['heat-map']}: {html.escape(down)}, {html.escape(across)}"
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="data bars map">'
            f"<thead><tr>{corner}{heads}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )


def _net(each: Try) -> Decimal:
    return Decimal(str(each.figures.get("net") or 0))


def _value(text: str) -> Any:
    """A parameter, sorted as a number where it is one."""
    try:
        return text, float(text)
    except ValueError:
        return text


def _order(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text
