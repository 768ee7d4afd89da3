"""report.page: an outcome as one page: a text that needs nothing else, in bounded size. Opens nothing.

Every figure and table stands in it as HTML; its script draws the curves, sorts and filters. The policy in its head lets nothing else run,
and nothing be fetched. Every word of it is in `report.words`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hoga.report.parts import (
    Assets,
    Sheet,
    amount,
    bp_cell,
    coloured,
    duration,
    lasting,
    moment,
    money_cell,
    number_cell,
    percent,
    shorter,
)
from hoga.report.words import WORDS
from hoga.trading.tallies import RoundsTold
from hoga.trading.told import Latency, MoneyOutcome, Outcome, SymbolOutcome, Trip

__all__ = ["Proof", "first_line", "render"]

_SYMBOLS_DRAWN = 12
_ROWS = 200


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is proven. `first_n`: proven from this record on; `problems`: where it is not as it was written; `findings`: what
    is worth knowing all the same."""

    ok: bool
    records: int
    first_n: int
    last_n: int
    hash: str
    sealed: bool
    open: bool
    problems: list[str]
    findings: list[str]


def first_line(found: Outcome, lang: str = "en") -> str:
    """Mode, grade, span, verdict."""
    words = WORDS[lang]
    mode = str(found.about.get("mode") or "")
    grade = found.about.get("grade")
    parts = [words.get(mode, mode) or words["unknown-mode"]]
    if grade:
        parts.append(f"{words['grade']} {grade}")
    parts += [f"{moment(found.from_ns)[:19]} → {moment(found.to_ns)[:19]} UTC ({lasting(found.to_ns - found.from_ns)})", found.verdict]
    return " · ".join(parts)


def render(found: Outcome, proof: Proof, *, lang: str, assets: Assets) -> str:
    """The page in one of `LANGUAGES`."""
    return _Page(found, proof, lang).text(assets)


class _Page(Sheet):
    def __init__(self, found: Outcome, proof: Proof, lang: str) -> None:
        super().__init__(lang)
        self.found = found
        self.proof = proof
        self.charts: list[dict[str, Any]] = []
        self.mode = str(found.about.get("mode") or "")

    def text(self, assets: Assets) -> str:
        words, found = self.words, self.found
        sections = (
            self._figures(),
            self._curves(),
            self._symbols(),
            self._round_trips(),
            self._slippage(),
            self._model(),
            self._latency(),
            self._denials(),
            self._ladder(),
            self._data(),
            self._checks(),
            self._events(),
            self._settings(),
        )
        names = ", ".join(map(str, found.about.get("strategies") or ()))
        body = f"{self._proof()}<noscript><p>{words['no-script']}</p></noscript>\n{''.join(sections)}"
        used = {key: words[key] for key in ("shown", "sort-by", "won", "lost-trips")}
        facts = {"lang": self.lang, "words": used, "charts": self.charts}
        line = first_line(found, self.lang)
        return self.document(assets, title=words["title"], name=names, line=line, body=body, facts=facts)

    # -- the head -----------------------------------------------------------------------------------------------------

    def _proof(self) -> str:
        words, proof, found = self.words, self.proof, self.found
        state = words["being-written"] if proof.open else words["sealed"] if proof.sealed else words["unsealed"]
        notes = []
        if proof.first_n > 1:
            notes.append(f"{words['proven-from']} {proof.first_n:,} {words['proven-from-end']}")
        grade = str(found.about.get("grade") or "")
        if self.mode != "live" and f"grade-{grade}" in words:
            notes.append(f"{words['grade']} {grade}: {words[f'grade-{grade}']}.")
        if self.mode in ("backtest", "paper", "shadow"):
            notes.append(words["no-money"])
        if found.lost:
            notes.append(f"{found.lost:,} {words['lost']}")
        range_ = f"{proof.first_n:,}–{proof.last_n:,}"
        says = f"{range_} {words['proven']}, {state}"
        if proof.ok:
            top = f'<p class="good"><b>✓ {words["proof-good"]}.</b> <span class="soft">{words["records"]} {says}.</span></p>'
        else:
            listed = "".join(f"<li>{html.escape(each)}</li>" for each in proof.problems[:_ROWS])
            top = (
                f'<div class="alarm" role="alert"><p><b>✕ {words["proof-bad"]}.</b></p><p>{words["not-proven"]}</p><ul>{listed}</ul>'
                f"{self.more(len(proof.problems) - _ROWS)}</div>"
            )
        listed = "".join(f'<p class="soft">{html.escape(each)}</p>' for each in (*notes, *proof.findings[:20]))
        held = ", ".join(f"{symbol} {quantity}" for symbol, quantity in found.held.items())
        state_line = words.get(found.verdict, found.verdict)
        if held:
            state_line += f"; {words['held']}: {held}"
        if found.left:
            state_line += f"; {words['left']}: {', '.join(found.left[:20])}"
        return f"<section>{top}<p><b>{html.escape(state_line)}</b></p>{listed}</section>\n"

    def _figures(self) -> str:
        words, found = self.words, self.found
        blocks = []
        for each in found.money:
            rounds = each.rounds
            unit = each.currency
            down = f"{amount(each.drawdown)} <small>{unit}</small>"
            if each.drawdown_share is not None:
                down += f' <small class="more">{percent(each.drawdown_share)} {words["of-peak"]}</small>'
            own = [symbol for symbol in found.symbols if symbol.quote == each.currency]
            tiles = [
                ("net", coloured(each.net, unit)),
                ("realized", coloured(each.realized, unit)),
                ("unrealized", coloured(each.unrealized, unit)),
                ("fees", f"{amount(each.fees)} <small>{unit}</small>"),
                ("funding", coloured(each.funding, unit)),
                ("start", words["not-told"] if each.start is None else f"{amount(each.start)} <small>{unit}</small>"),
                ("end", words["not-told"] if each.end is None else f"{amount(each.end)} <small>{unit}</small>"),
                ("drawdown", down),
                ("volume", f"{amount(each.volume)} <small>{unit}</small>"),
                *self._round_tiles(rounds, unit),
                ("in-market", percent(max((symbol.in_market_share or 0.0 for symbol in own), default=0.0))),
            ]
            if each is found.money[0]:
                share = (
                    f' <small class="more">{percent(found.maker_fills / found.fills)} {words["maker-share"]}</small>' if found.fills else ""
                )
                tiles += [
                    ("orders", f"{found.orders['sent']:,}"),
                    ("fills", f"{found.fills:,}{share}"),
                    ("denied", f"{found.orders['denied']:,}"),
                ]
            cells = "".join(f"<div><dt>{words[key]}</dt><dd>{value}</dd></div>" for key, value in tiles)
            title = f"<h3>{html.escape(unit)}</h3>" if len(found.money) > 1 else ""
            blocks.append(f'{title}<dl class="tiles">{cells}</dl>')
        inside = "".join(blocks) or f"<p>{words['nothing-traded']}</p>"
        return f'<section id="figures"><h2>{words["figures"]}</h2>{inside}</section>\n'

    def _round_tiles(self, rounds: RoundsTold, unit: str) -> list[tuple[str, str]]:
        words = self.words
        none = words["none"]
        factor = none if not rounds.rounds else words["lost-nothing"] if rounds.profit_factor is None else f"{rounds.profit_factor:.2f}"
        return [
            ("rounds", f"{rounds.rounds:,}"),
            ("win-rate", none if rounds.win_rate is None else percent(rounds.win_rate)),
            ("profit-factor", factor),
            ("expectancy", none if rounds.expectancy is None else coloured(shorter(rounds.expectancy), unit)),
            ("largest-loss", coloured(rounds.largest_loss, unit)),
            ("losing-row", f"{rounds.most_losses_in_a_row:,}"),
        ]

    # -- curves ---------------------------------------------------------------------------------------------------------

    def _curves(self) -> str:
        words = self.words
        shown = []
        for each in self.found.money:
            if len(each.net_curve) < 2:
                continue
            title = f" ({each.currency})"
            start = None if each.start is None else float(each.start)
            label = words["equity"] if start is not None else words["equity-net"]
            shown.append(self._chart(words["equity"] + title, each, [(label, each.net_curve, start or 0.0)]))
            shown.append(self._chart(words["drawdown-chart"] + title, each, [(words["drawdown-chart"], each.drawdown_curve, 0.0)]))
            costs = [(words["fees"], each.fees_curve, 0.0)]
            if any(value for _, value in each.funding_curve):
                costs.append((words["funding"], each.funding_curve, 0.0))
            shown.append(self._chart(words["costs-chart"] + title, each, costs))
        drawn = sorted((each for each in self.found.symbols if each.price_curve), key=lambda each: -each.fills)[:_SYMBOLS_DRAWN]
        shown += [self._price_chart(each) for each in drawn]
        if not shown:
            return ""
        return f'<section><h2>{words["equity"]}</h2><p class="soft" id="help">{words["chart-help"]}</p>{"".join(shown)}</section>\n'

    def _chart(self, title: str, each: MoneyOutcome, curves: Sequence[tuple[str, list[tuple[int, int]], float]]) -> str:
        told = [
            {"label": label, "t": [t // 10**6 for t, _ in points], "v": [value for _, value in points], "add": add}
            for label, points, add in curves
        ]
        return self._figure({"title": title, "unit": each.currency, "power": each.power, "curves": told, "marks": []})

    def _price_chart(self, each: SymbolOutcome) -> str:
        words = self.words
        points = each.price_curve
        curve = {"label": words["price"], "t": [t // 10**6 for t, _ in points], "v": [value for _, value in points], "add": 0}
        marks = [
            {
                "label": words["buys" if side == "B" else "sells"],
                "side": side,
                "t": [mark.t // 10**6 for mark in each.fill_marks if mark.side == side],
                "v": [mark.price for mark in each.fill_marks if mark.side == side],
                "q": [mark.quantity for mark in each.fill_marks if mark.side == side],
            }
            for side in ("B", "S")
        ]
        title = f"{words['price-chart']}: {each.symbol}"
        if each.fills > len(each.fill_marks):
            title += f" ({len(each.fill_marks):,} {words['shown-of']} {each.fills:,})"
        return self._figure(
            {"title": title, "unit": each.quote, "power": each.price_power, "sp": each.size_power, "curves": [curve], "marks": marks}
        )

    def _figure(self, chart: dict[str, Any]) -> str:
        at = len(self.charts)
        self.charts.append(chart)
        title = html.escape(chart["title"])
        return (
            f'<figure><figcaption id="c{at}"><b>{title}</b> <span class="keys" data-keys="{at}"></span></figcaption>'
            f'<div class="plot" data-chart="{at}" tabindex="0" role="application" aria-labelledby="c{at}" aria-describedby="help o{at}">'
            "</div>"
            f'<output id="o{at}" class="soft"></output></figure>'
        )

    # -- by symbol, round trips ------------------------------------------------------------------------------------------

    def _symbols(self) -> str:
        words, found = self.words, self.found
        if not found.symbols:
            return ""
        rows = [
            [
                each.symbol,
                money_cell(each.realized),
                money_cell(each.unrealized),
                money_cell(each.fees, plain=True),
                money_cell(each.funding),
                money_cell(each.net),
                each.quote,
                number_cell(each.volume),
                (f"{each.fills:,}", each.fills),
                ("" if not each.fills else percent(each.maker_fills / each.fills), each.maker_fills / (each.fills or 1)),
                each.held,
                ("" if each.in_market_share is None else percent(each.in_market_share), each.in_market_share or 0),
            ]
            for each in found.symbols
        ]
        keys = ("symbol", "realized", "unrealized", "fees", "funding", "net", "currency", "volume", "fills", "made", "held", "in-market")
        paid = ", ".join(f"{amount(fee)} {html.escape(currency)}" for currency, fee in found.paid_fees.items())
        note = f'<p class="soft">{words["fees-paid"]}: {paid}</p>' if paid else ""
        numbers = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11}
        return f"<section><h2>{words['by-symbol']}</h2>{self.table('symbols', keys, rows, numbers)}{note}</section>\n"

    def _round_trips(self) -> str:
        words, found = self.words, self.found
        if not found.trips_in_all:
            return f"<section><h2>{words['round-trips']}</h2><p>{words['none']}</p></section>\n"
        groups = []
        for group in ("symbol", "reason", "strategy"):
            known = found.rounds.get(group) or []
            rows = [
                self._group_row(self._reason(key) if group == "reason" else key, currency, each) for key, currency, each in known[:_ROWS]
            ]
            groups.append(f"<h3>{words[f'by-{group}']}</h3>{self.table(f'g-{group}', (group, *_GROUP_KEYS), rows, _GROUP_NUMBERS)}")
        trips = [self._trip_row(each) for each in reversed(found.trips)]
        kept = f'<p class="soft">{words["kept-trips"]}</p>' if len(found.trips) < found.trips_in_all else ""
        keys = ("ended", "symbol", "side", "quantity", "entry", "exit", "reason", "gross", "fees", "funding", "net", "currency", "lasted",
                "best-excursion", "worst-excursion", "strategy", "why")  # fmt: skip
        table = self.table("trips", keys, trips, {3, 4, 5, 7, 8, 9, 10, 12, 13, 14}, scroll="tall")
        return (
            f"<section><h2>{words['round-trips']} <small>{found.trips_in_all:,}</small></h2>{''.join(groups)}"
            f"<h3>{words['each-trip']}</h3>{self._filters()}{kept}{table}</section>\n"
        )

    def _group_row(self, key: str, currency: str, each: RoundsTold) -> list[Any]:
        factor = "" if each.profit_factor is None else f"{each.profit_factor:.2f}"
        return [
            key,
            (f"{each.rounds:,}", each.rounds),
            ("" if each.win_rate is None else percent(each.win_rate), each.win_rate or 0),
            (factor, each.profit_factor or 0),
            money_cell(shorter(each.expectancy)),
            money_cell(each.net),
            currency,
            money_cell(shorter(each.mean_win)),
            money_cell(shorter(each.mean_loss)),
            money_cell(each.largest_loss),
            (lasting(int(each.seconds / each.rounds * 1e9)) if each.rounds else "", each.seconds / (each.rounds or 1)),
            bp_cell(each.best_bp),
            bp_cell(each.worst_bp),
        ]

    def _trip_row(self, each: Trip) -> list[Any]:
        return [
            (moment(each.t)[:19], each.t // 10**6),
            each.symbol,
            self.words[each.side],
            number_cell(each.quantity),
            number_cell(each.entry or "0"),
            number_cell(each.exit or "0"),
            self._reason(each.reason),
            money_cell(each.gross),
            money_cell(each.fees, plain=True),
            money_cell(each.funding),
            money_cell(each.net),
            each.currency,
            (lasting(int(each.seconds * 1e9)), each.seconds),
            bp_cell(each.best_bp),
            bp_cell(each.worst_bp),
            each.strategy,
            each.why,
        ]

    def _reason(self, key: str) -> str:
        return self.words.get(f"r-{key}", key)

    def _filters(self) -> str:
        words, trips = self.words, self.found.trips
        choices = {
            "symbol": sorted({each.symbol for each in trips}),
            "side": [words[side] for side in ("long", "short") if any(each.side == side for each in trips)],
            "reason": sorted({self._reason(each.reason) for each in trips}),
            "strategy": sorted({each.strategy for each in trips}),
        }
        columns = {"symbol": 1, "side": 2, "reason": 6, "strategy": 15}
        fields = []
        every = f'<option value="">{words["all"]}</option>'
        for key, values in choices.items():
            options = "".join(f"<option>{html.escape(value)}</option>" for value in values)
            fields.append(f'<label>{words[key]} <select data-column="{columns[key]}">{every}{options}</select></label>')
        won = f'<option value="won">{words["won"]}</option><option value="lost">{words["lost-trips"]}</option>'
        fields.append(f'<label>{words["result"]} <select data-column="10">{every}{won}</select></label>')
        return f'<form id="filters" hidden>{"".join(fields)}<output id="count" aria-live="polite"></output></form>'

    # -- orders ------------------------------------------------------------------------------------------------------------

    def _slippage(self) -> str:
        words, found = self.words, self.found
        rows: list[list[Any]] = []
        for symbol in found.symbols:
            for word, each in (("taken", symbol.taken), ("made", symbol.made)):
                if each.fills:
                    cells = [symbol.symbol, words[word], (f"{each.fills:,}", each.fills), bp_cell(each.bp), bp_cell(each.worst_bp)]
                    rows.append([*cells, money_cell(each.cost, plain=True), symbol.quote])
        if not rows:
            return ""
        keys = ("symbol", "side", "fills", "mean-bp", "worst-bp", "cost", "currency")
        bars, below = [], None
        for edge, count in found.slippage_bars:
            label = f"{words['above']} {below:g}" if edge is None else f"{words['up-to']} {edge:g}"
            bars.append((label, count))
            below = edge
        first = next((at for at, (_, count) in enumerate(bars) if count), 0)
        last = max((at for at, (_, count) in enumerate(bars) if count), default=0)
        return (
            f'<section><h2>{words["slippage"]}</h2><p class="soft">{words["slip-note"]}</p>{self.table("slips", keys, rows, {2, 3, 4, 5})}'
            f"{self.bars('slip-bars', words['bp'], bars[first : last + 1])}</section>\n"
        )

    def _model(self) -> str:
        words, found = self.words, self.found
        if not found.execution:
            return ""
        rows = [
            [
                words[way],
                *((f"{count:,}", count) for count in (each.orders, each.whole, each.partly, each.none, each.open)),
                bp_cell(each.model_bp),
                (duration(each.median_fill_ns) if each.whole or each.partly else "", each.median_fill_ns),
            ]
            for way, each in found.execution.items()
        ]
        keys = ("way", "orders", "whole", "partly", "not-filled", "still-open", "worse-bp", "first-fill")
        note = words["model-note"] + ("" if self.mode == "live" else f" {words['model-paper']}")
        table = self.table("model", keys, rows, set(range(1, 8)))
        return f'<section><h2>{words["model"]}</h2><p class="soft">{note}</p>{table}</section>\n{self._shadow()}'

    def _shadow(self) -> str:
        """The fill model beside real fills, pair by pair."""
        words, found = self.words, self.found.shadow
        if found is None:
            return ""
        pairs = found.pairs
        later = "" if found.later_ms is None else f"{found.later_ms:,.1f} ms"
        tiles = (
            ("pairs", f"{pairs.fills:,}"),
            ("paper-worse", f"{bp_cell(pairs.bp)[0]} <small>bp</small>"),
            ("worst-bp", bp_cell(pairs.worst_bp)[0]),
            ("paper-later", later),
            ("alone-paper", f"{found.alone_on_paper:,}"),
            ("alone-real", f"{found.alone_in_reality:,}"),
        )
        cells = "".join(f"<div><dt>{words[key]}</dt><dd>{value or words['none']}</dd></div>" for key, value in tiles)
        rows: list[list[Any]] = [
            [
                (moment(each.t)[:19], each.t // 10**6),
                each.symbol,
                words["buys" if each.side == "B" else "sells"],
                number_cell(each.quantity),
                number_cell(each.paper),
                number_cell(each.real),
                bp_cell(each.worse_bp),
                (f"{each.later_ms:,.1f}", each.later_ms),
            ]
            for each in found.listed
        ]
        keys = ("time", "symbol", "side", "quantity", "on-paper", "in-reality", "paper-worse-bp", "later-ms")
        table = self.table("shadow", keys, rows, {3, 4, 5, 6, 7}, scroll="short") if rows else ""
        return f'<section><h2>{words["shadow-table"]}</h2><dl class="tiles">{cells}</dl>{table}</section>\n'

    def _latency(self) -> str:
        words, found = self.words, self.found
        if not found.latency:
            return f"<section><h2>{words['latency']}</h2><p>{words['latency-none']}</p></section>\n" if found.orders["sent"] else ""
        rows = []
        for step, each in found.latency.items():
            times = (each.p50, each.p90, each.p99, each.p999, each.greatest)
            rows.append([words[step], (f"{each.n:,}", each.n), *((duration(ns), ns) for ns in times)])
        keys = ("step", "count", "p50", "p90", "p99", "p99.9", "max")
        bars = "".join(self._latency_bars(step, each) for step, each in found.latency.items())
        return f"<section><h2>{words['latency']}</h2>{self.table('latency', keys, rows, {1, 2, 3, 4, 5, 6})}{bars}</section>\n"

    def _latency_bars(self, step: str, each: Latency) -> str:
        bars = [(f"{self.words['up-to']} {duration(ns)}", count) for ns, count in each.bars]
        return f"<details><summary>{self.words[step]}</summary>{self.bars(f'bars-{step}', self.words['latency'], bars)}</details>"

    def _denials(self) -> str:
        words, found = self.words, self.found
        parts = []
        for word, counts in (("denied-by", found.denials), ("refused-by", found.refusals)):
            if counts:
                rows: list[list[Any]] = [[name, (f"{count:,}", count)] for name, count in list(counts.items())[:_ROWS]]
                parts.append(f"<h3>{words[word]}</h3>{self.table(word, ('reason', 'count'), rows, {1})}")
        return f"<section><h2>{words['denials']}</h2>{''.join(parts) or '<p>' + words['none'] + '</p>'}</section>\n"

    # -- the rest ---------------------------------------------------------------------------------------------------------------

    def _ladder(self) -> str:
        words, found = self.words, self.found
        if not found.ladder:
            return f"<section><h2>{words['ladder']}</h2><p>{words['none']}</p></section>\n"
        rows: list[list[Any]] = [
            [(moment(each.t)[:19], each.t // 10**6), each.was, each.rung, each.cause, each.why, each.incident] for each in found.ladder
        ]
        table = self.table("ladder", ("time", "from", "to", "cause", "why", "incident"), rows, set(), scroll="short")
        more = self.more(found.ladder_moves - len(found.ladder))
        return f"<section><h2>{words['ladder']} <small>{found.ladder_moves:,} {words['moves']}</small></h2>{table}{more}</section>\n"

    def _data(self) -> str:
        words, found = self.words, self.found
        if not found.doubts:
            return f"<section><h2>{words['data']}</h2><p>{words['none']}</p></section>\n"
        rows: list[list[Any]] = [
            [
                (moment(each.t)[:19], each.t // 10**6),
                each.symbol,
                (words["till-end"], 1e18) if each.seconds is None else (lasting(int(each.seconds * 1e9)), each.seconds),
                each.held,
                each.why,
            ]
            for each in found.doubts
        ]
        table = self.table("data", ("time", "symbol", "lasted", "held", "why"), rows, {2, 3}, scroll="short")
        whole = ", ".join(
            f"{html.escape(each.symbol)} {each.doubts:,} ({lasting(int(each.doubt_s * 1e9))})" for each in found.symbols if each.doubts
        )
        note = f'<p class="soft">{whole}. {words["data-note"]}</p>'
        return f"<section><h2>{words['data']}</h2>{note}{table}{self.more(found.doubts_in_all - len(found.doubts))}</section>\n"

    def _checks(self) -> str:
        if not self.found.checks:
            return ""
        words = self.words
        rows: list[list[Any]] = []
        for name, counts in self.found.checks.items():
            asked, held, first, only = (*counts, 0, 0, 0, 0)[:4]
            share = held / asked if asked else 0.0
            cells = [(f"{count:,}", count) for count in (asked, held)]
            rows.append([name, *cells, (percent(share), share), *((f"{count:,}", count) for count in (first, only))])
        rows.sort(key=lambda row: -row[4][1])
        table = self.table("checks", ("condition", "asked", "true", "share", "first-stop", "only-stop"), rows, {1, 2, 3, 4, 5})
        note = f'<p class="soft">{words["checks-note"]}</p>'
        return f"<section><h2>{words['checks']}</h2>{note}{table}</section>\n"

    def _events(self) -> str:
        rows: list[list[Any]] = [[name, (f"{count:,}", count)] for name, count in self.found.events.items()]
        if not rows:
            return ""
        return f"<section><h2>{self.words['events']}</h2>{self.table('events', ('key', 'count'), rows, {1}, scroll='short')}</section>\n"

    def _settings(self) -> str:
        words, found = self.words, self.found
        parts: list[str] = []
        told = {name: value for name, value in found.about.items() if name not in ("mode", "grade", "strategies")}
        for title, settings in (("", told), *found.settings.items()):
            rows: list[list[Any]] = [[name, _setting(value)] for name, value in _flat(settings)][:_ROWS]
            if rows:
                name = f"<h3>{html.escape(title)}</h3>" if title else ""
                parts.append(f"{name}{self.table(f's-{len(parts)}', ('key', 'value'), rows, set(), scroll='short')}")
        shown = "".join(parts[:20]) or f"<p>{words['not-told']}</p>"
        return f"<section><h2>{words['settings']}</h2>{shown}{self._renewed()}</section>\n"

    def _renewed(self) -> str:
        words, found = self.words, self.found
        if not found.renewed:
            return ""
        rows: list[list[Any]] = [
            [
                (moment(each.t)[:19], each.t // 10**6),
                each.of,
                each.refused or ", ".join(f"{name} {each.old.get(name)} → {value}" for name, value in each.new.items()),
                each.who,
            ]
            for each in found.renewed
        ]
        table = self.table("renewed", ("time", "key", "value", "who"), rows, set(), scroll="short")
        return f"<h3>{words['renewed']}</h3>{table}{self.more(found.renewed_in_all - len(found.renewed))}"


_GROUP_KEYS = ("rounds", "win-rate", "profit-factor", "expectancy", "net", "currency", "mean-win", "mean-loss", "largest-loss", "lasted",
               "best-excursion", "worst-excursion")  # fmt: skip
_GROUP_NUMBERS = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12}


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _setting(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}…"
