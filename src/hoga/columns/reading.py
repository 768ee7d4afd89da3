"""columns.reading: blocks of whole lines to columns: by templates where lines are spelt alike, else line by line. Pure.

A block is cut into groups of lines that one template fits, and each group's numbers are decoded at once; lines with more or fewer
levels go through `levels`, all that is left through `slowly`. Every line comes out once, in its place, or the block is refused with
an error that names the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hoga.columns.digits import Ints, Text, run_ends, runs
from hoga.columns.groups import Group, LevelRows, Rows, gather
from hoga.columns.levels import LevelPlan, level_plan
from hoga.columns.plans import Plan
from hoga.columns.shapes import Field, LevelLists, Shape
from hoga.columns.slowly import SlowReader, Spelt
from hoga.columns.templates import Odd, Template, make_template, skeleton

__all__ = ["PIECE_BYTES", "Reader", "pieces"]

PIECE_BYTES = 1024 * 1024
"""Text that is decoded at a time: more falls out of the cache, with less the calls cost more than the work."""
_KEPT = 64
_NEW = 12
"""So many templates are made for one piece of text; a series that is spelt in more ways goes line by line."""
_KEPT_WHOLE = 8
"""Of lines that are to come out again where they have lists of levels: those with other counts are kept as text."""
_WHOLE_NUMBERS = ("integer", "ms", "ns", "time")


class Reader:
    """Reads the lines of series that have one of `shapes`; `envelope` says what else of a line is wanted (by keys of hoga's own).

    `exact`: decimals as integers and a power of ten, refused where they do not fit; else as float64, each the nearest to its text.
    `whole`: lines are to be made of what comes out again; see `columns.whole`.
    Keeps what it has learnt of how lines are spelt: one reader for a series, not one for a block.
    """

    def __init__(self, shapes: tuple[Shape, ...], envelope: tuple[Field, ...] = (), *, exact: bool = False, whole: bool = False) -> None:
        self._whole = whole
        self._shapes = shapes
        self._envelope = envelope
        self._exact = exact
        self._fields = (*envelope, *(field for shape in shapes for field in shape.fields))
        self._integers = frozenset(field.column for field in self._fields if field.how in _WHOLE_NUMBERS)
        self._text = Text()
        self._slow = SlowReader(shapes, envelope)
        self._tried: set[bytes] = set()
        self._plans: list[Plan] = []
        self._level_plans: list[LevelPlan] = []
        self._of_lists = any(isinstance(shape.levels, LevelLists) for shape in shapes)
        self._levels_first = not whole or any(isinstance(shape.levels, LevelLists) and shape.levels.vary for shape in shapes)
        self.slow_lines = 0
        """How many lines were read one by one."""

    def read(self, block: bytes | memoryview, *, line: int = 1) -> Rows:
        """The columns of a block of whole lines, at best one of `pieces`. `line`: the number of its first line, for errors.

        Raises ValueError, naming the line, for one that cannot be read.
        """
        count, groups = self.read_groups(block, line=line)
        return gather(count, groups, self._fields, exact=self._exact)

    def read_groups(self, block: bytes | memoryview, *, line: int = 1) -> tuple[int, list[Group]]:
        """How many lines there are, and the groups they were read in. Raises as `read`."""
        self._text.load(block)
        ends = run_ends(self._text)
        group = self._plans[-1].all_lines(self._text, ends) if self._plans else None
        if group is not None:
            return len(group.rows), [group]
        found = runs(self._text, ends)
        lines = self._lines(found)
        return len(lines.begins), self._groups(found, lines, line)

    def _lines(self, found: Ints) -> _Lines:
        text = self._text
        breaks = np.flatnonzero(text.bytes[text.start : text.end] == 10) + text.start
        if not len(breaks) or breaks[-1] != text.end - 1:
            raise ValueError("the text does not end with a line's end")
        begins = np.concatenate(([text.start], breaks[:-1] + 1))
        firsts = np.searchsorted(found[:, 0], begins)
        return _Lines(begins, breaks + 1, firsts, np.diff(np.append(firsts, len(found))))

    def _groups(self, found: Ints, lines: _Lines, line: int) -> list[Group]:
        groups: list[Group] = []
        waiting = np.arange(len(lines.begins))

        def take(group: Group | None) -> None:
            nonlocal waiting
            if group is not None and len(group.rows):
                groups.append(group)
                waiting = np.setdiff1d(waiting, group.rows, assume_unique=True)

        def by_levels() -> None:
            for level in reversed(self._level_plans):
                if len(waiting):
                    take(level.lines(self._text, found, *lines.of(waiting)))

        if self._levels_first:
            by_levels()
        for plan in reversed(self._plans):
            if len(waiting):
                take(self._by(plan, found, lines, waiting))
        for _ in range(_NEW if not self._of_lists or not self._whole else 1):
            fresh = self._fresh(lines, waiting)
            if fresh is None:
                break
            if fresh.level is not None and self._levels_first:
                take(fresh.level.lines(self._text, found, *lines.of(waiting)))
            if len(waiting):
                take(self._by(fresh.plan, found, lines, waiting))
        if not self._levels_first:
            by_levels()
        if len(waiting):
            groups.append(self._slowly(lines, waiting, line))
        return groups

    def _by(self, plan: Plan, found: Ints, lines: _Lines, waiting: Ints) -> Group | None:
        rows = waiting[lines.counts[waiting] == plan.template.runs]
        if not len(rows):
            return None
        return plan.lines(self._text, found, lines.firsts[rows], rows, lines.begins[rows], lines.ends[rows])

    def _fresh(self, lines: _Lines, waiting: Ints) -> _Fresh | None:
        """A template made of one of the first lines that are left and were not tried; None when none of these can be one."""
        for row in waiting[:_NEW].tolist():
            line = self._line(lines, row)
            key = skeleton(line)
            if key in self._tried:
                continue
            if len(self._tried) > 16 * _KEPT:
                self._tried.clear()
            self._tried.add(key)
            try:
                template = make_template(line, self._shapes, self._envelope, whole=self._whole)
            except Odd:
                continue
            return self._keep(template)
        return None

    def _keep(self, template: Template) -> _Fresh:
        plan = Plan(template, self._integers, whole=self._whole)
        self._plans.append(plan)
        del self._plans[: -(_KEPT_WHOLE if self._whole and self._of_lists else _KEPT)]
        level = level_plan(template, self._integers, whole=self._whole) if self._of_lists else None
        if level is not None and all(level.key != each.key for each in self._level_plans):
            self._level_plans.append(level)
            del self._level_plans[:-_KEPT]
        return _Fresh(plan, level)

    def _line(self, lines: _Lines, row: int) -> bytes:
        return self._text.bytes[lines.begins[row] : lines.ends[row]].tobytes()

    def _slowly(self, lines: _Lines, rows: Ints, line: int) -> Group:
        self.slow_lines += len(rows)
        found = []
        for row in rows.tolist():
            try:
                found.append(self._slow.read(self._line(lines, row)))
            except ValueError as fault:
                raise ValueError(f"line {line + row}: {fault}") from fault
        names = {field.column: field.how for field in self._fields}
        values = {column: [each.values.get(column) for each in found] for column in names}
        spelt = {column: Spelt(values[column]) for column, how in names.items() if how in ("decimal", *_WHOLE_NUMBERS)}
        said = {column: each for column, each in values.items() if column not in spelt}
        levels = None
        if any(each.levels is not None for each in found):
            sides = [each.levels or ([], []) for each in found]
            flat = [level for bids, asks in sides for level in (*bids, *asks)]
            counts = np.array([[len(bids), len(asks)] for bids, asks in sides], np.int64)
            levels = LevelRows(counts, Spelt([price for price, _ in flat]), Spelt([size for _, size in flat]))
        return Group(rows, np.array([each.shape for each in found], np.int64), dict(spelt), said, levels)


class _Fresh(NamedTuple):
    """What was learnt of a line: how to read lines like it, and those with other numbers of levels."""

    plan: Plan
    level: LevelPlan | None


class _Lines(NamedTuple):
    """Where lines begin and end, the first run of each, and how many runs it has."""

    begins: Ints
    ends: Ints
    firsts: Ints
    counts: Ints

    def of(self, rows: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """For some lines: first runs, counts, the lines, where they begin and end."""
        return self.firsts[rows], self.counts[rows], rows, self.begins[rows], self.ends[rows]


def pieces(text: bytes, size: int = PIECE_BYTES) -> Iterator[memoryview]:
    """Text of whole lines in pieces of about equal length, of so many bytes at most where lines allow it."""
    view, at = memoryview(text), 0
    wanted = len(text) // -(-len(text) // size) + 1 if text else size
    while at < len(text):
        end = len(text) if len(text) - at <= wanted else text.rfind(b"\n", at, at + wanted) + 1
        if end <= at:
            end = (text.find(b"\n", at + wanted) + 1) or len(text)
        yield view[at:end]
        at = end
