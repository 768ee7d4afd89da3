"""columns.templates: how one line is spelt: what is the same in all lines like it, and where their numbers are. Pure.

A template is made of one line, read with care: every value, its keys, and its place. Between its numbers stands text; a line with the same
text between as many numbers says the same things, with other numbers. Values that are not numbers (true, null, a word)
are part of that text, so a template knows them once for all its lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hoga.columns.shapes import Field, LevelLists, LevelUnits, Shape
from hoga.columns.slowly import iso_ns

__all__ = ["SIGNS", "Levels", "Lists", "Odd", "Scalar", "Template", "Token", "make_template", "skeleton"]

SIGNS = re.compile(rb"[-./0-9]+")
_JSON = re.compile(rb'[ \t\r]*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<other>[^\s{}\[\],:"]+))')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_QUOTED = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")


class Odd(Exception):  # no fault: the line is read in the other way
    """The line cannot be a template. Lines like it are read one by one."""


class Scalar(NamedTuple):
    """A value: where it is (`path`: keys and places in lists), its text, where that begins and ends; of a list or an object only the
    bracket that opens it."""

    path: tuple[str | int, ...]
    text: bytes
    start: int
    end: int


class Token(NamedTuple):
    """A number of every line: its place among all runs of the line, and how many decimals it has in the line the template was made of.

    `bare`: outside quotes, so it must be spelt as JSON spells numbers.
    """

    run: int
    decimals: int
    bare: bool


class Levels(NamedTuple):
    """Where the levels are: (bids, asks), each a list of (number of the price, number of the size), best first; numbers count the tokens.
    Both have some: where one is empty, nothing says how a level would be spelt.
    """

    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]]


class Lists(NamedTuple):
    """Lists of any number of levels in one text of a line: `before` the bids, `between` both, `behind` the asks, each level
    `["97962.29","4.3576"]`, without quotes where `bare`. `hole`: the number of that text. All levels have so many decimals."""

    hole: int
    before: str
    between: str
    behind: str
    bare: bool
    price_decimals: int
    size_decimals: int


class Template(NamedTuple):
    """One way to spell a line. `runs`: how many runs of digits a line has; `tokens`: those of them that are numbers.

    `texts`: what stands before each token, and behind the last up to the line's end. `columns`: column → number of its token.
    `constants`: column → its value in all these lines, None for none. `shape`: which of the wanted shapes it is. `lists`: what stands in
    one of the texts, which is empty here then.
    """

    runs: int
    tokens: list[Token]
    texts: list[bytes]
    columns: dict[str, int]
    constants: dict[str, int | str | None]
    levels: Levels | None
    shape: int
    lists: Lists | None = None


def skeleton(line: bytes) -> bytes:
    """The line with one sign for every run of digits: lines of one template have the same."""
    return SIGNS.sub(b"0", line)


def make_template(line: bytes, shapes: tuple[Shape, ...], envelope: tuple[Field, ...], *, whole: bool = False) -> Template:
    """The template of a line (with its newline). `whole`: every number is a column, those that nobody wants by their keys (`_f`, `_k.L`),
    and all else is text, so that the line can be made of template and columns. Raises Odd.
    """
    try:
        msgspec.json.decode(line)
        line.decode()
        scalars = list(_scan(line))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise Odd from fault
    if not line.startswith(b"{") or not line.endswith(b"\n") or b"\n" in line[:-1]:
        raise Odd
    by_path: dict[tuple[str | int, ...], Scalar] = {}
    for scalar in scalars:
        if by_path.setdefault(scalar.path, scalar) is not scalar:  # a key that comes twice: JSON's rule decides, not ours
            raise Odd
    number, shape = _shape_of(by_path, shapes)
    wanted = {field.keys: field for field in (*envelope, *shape.fields)}
    runs = [hit.span() for hit in SIGNS.finditer(line)]
    first_run = {start: at for at, (start, _) in enumerate(runs)}
    tokens: dict[int, Token] = {}
    token_of: dict[tuple[str | int, ...], int] = {}
    constants: dict[str, int | str | None] = {}
    for scalar in scalars:
        field = wanted.get(scalar.path)  # type: ignore[arg-type]
        if scalar.text in (b"{", b"["):
            if field is not None:
                raise Odd
            continue
        quoted = scalar.text.startswith(b'"')
        start, end = (scalar.start + 1, scalar.end - 1) if quoted else (scalar.start, scalar.end)
        body = line[start:end]
        is_number = (_QUOTED if quoted else _NUMBER).fullmatch(body) is not None
        if not quoted and scalar.text not in (b"true", b"false", b"null") and not is_number:
            raise Odd  # an exponent
        if field is not None and (field.how in ("text", "flag", "side", "iso") or scalar.text == b"null"):
            constants[field.column] = _constant(field, scalar.text)
            continue
        decimals = len(body.partition(b".")[2])
        if field is not None and (not is_number or (decimals and field.how != "decimal")):
            raise Odd
        free = quoted and not is_number and not whole
        inside = [at for at, span in enumerate(runs) if start <= span[0] and span[1] <= end] if free else []
        for at in [first_run[start]] if is_number else inside:
            tokens[at] = Token(at, decimals if is_number else 0, not quoted)
        if is_number:
            token_of[scalar.path] = first_run[start]
    in_order = sorted(tokens)
    number_of = {run: at for at, run in enumerate(in_order)}
    at, texts = 0, []
    for run in in_order:
        texts.append(line[at : runs[run][0]])
        at = runs[run][1]
    texts.append(line[at:])
    columns = {field.column: number_of[token_of[path]] for path, field in wanted.items() if path in token_of}
    levels = None if shape.levels is None else Levels(_levels(shape.levels, token_of, number_of, by_path))
    if whole:
        known = {*columns.values(), *(place for side in (levels.sides if levels is not None else ()) for pair in side for place in pair)}
        paths = {number_of[run]: path for path, run in token_of.items()}
        columns |= {f"_{'.'.join(map(str, paths[number]))}": number for number in number_of.values() if number not in known}
    for field in wanted.values():
        if field.column not in columns and constants.setdefault(field.column, None) is None and field.needed:
            raise Odd
    return Template(len(runs), [tokens[run] for run in in_order], texts, columns, constants, levels, number)


def _shape_of(by_path: dict[tuple[str | int, ...], Scalar], shapes: tuple[Shape, ...]) -> tuple[int, Shape]:
    for number, shape in enumerate(shapes):
        if shape.mark is None:
            return number, shape
        found = by_path.get((shape.mark[0],))
        if found is not None and found.text.startswith(b'"') and json.loads(found.text) == shape.mark[1]:
            return number, shape
    raise Odd


def _constant(field: Field, text: bytes) -> int | str | None:
    value = json.loads(text)
    if value is None:
        return None
    if field.how in ("flag", "side"):
        if isinstance(value, str) and field.texts is not None and value in field.texts:
            value = value == field.texts[0]
        elif text in (b"0", b"1"):
            value = text == b"1"
        if not isinstance(value, bool):
            raise Odd
        return int(value is not field.flip)
    if not isinstance(value, str):
        raise Odd
    try:
        return iso_ns(value) if field.how == "iso" else value.removeprefix(field.cut)
    except ValueError as fault:
        raise Odd from fault


def _levels(
    said: LevelLists | LevelUnits,
    token_of: dict[tuple[str | int, ...], int],
    number_of: dict[int, int],
    by_path: dict[tuple[str | int, ...], Scalar],
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    keys: tuple[tuple[str, str | int, str | int], tuple[str, str | int, str | int]]
    if isinstance(said, LevelLists):
        keys = ((said.bids, 0, 1), (said.asks, 0, 1))
    else:
        keys = ((said.units, said.bid_price, said.bid_size), (said.units, said.ask_price, said.ask_size))
    counts: dict[str, int] = {}
    for path in by_path:
        if len(path) == 3 and isinstance(path[1], int):
            counts[str(path[0])] = max(counts.get(str(path[0]), 0), path[1] + 1)
    sides: list[list[tuple[int, int]]] = []
    for name, price, size in keys:
        if any(path[:1] == (name,) and len(path) > 2 and _is_more(path, scalar, said) for path, scalar in by_path.items()):
            raise Odd
        pairs = [((name, at, price), (name, at, size)) for at in range(counts.get(name, 0))]
        if not pairs or any(path not in token_of for pair in pairs for path in pair):
            raise Odd
        sides.append([(number_of[token_of[one]], number_of[token_of[two]]) for one, two in pairs])
    return sides[0], sides[1]


def _is_more(path: tuple[str | int, ...], scalar: Scalar, said: LevelLists | LevelUnits) -> bool:
    """Whether it is more than a price or size in a list that should have two of them; an empty list is nothing."""
    return isinstance(said, LevelLists) and (len(path) > 3 or (path[2] not in (0, 1) and scalar.text != b"["))


def _scan(line: bytes) -> Iterator[Scalar]:
    """Every scalar of one JSON document that a decoder has accepted already."""
    path: list[str | int] = []
    kinds: list[bytes] = []
    key_next = False
    at = 0
    while at < len(line):
        hit = _JSON.match(line, at)
        if hit is None:
            if line[at:].strip():
                raise Odd
            return
        at = hit.end()
        mark = hit["mark"]
        if mark in (b"{", b"["):
            if path:
                yield Scalar(tuple(path), mark, *hit.span("mark"))
            kinds.append(mark)
            path.append("" if mark == b"{" else 0)
            key_next = mark == b"{"
        elif mark in (b"}", b"]"):
            kinds.pop()
            path.pop()
        elif mark == b",":
            key_next = kinds[-1] == b"{"
            if not key_next:
                path[-1] += 1  # type: ignore[operator]  # of a list, so it is a number
        elif mark == b":":
            key_next = False
        elif key_next:
            path[-1] = json.loads(hit["text"])
        else:
            name = "text" if hit["text"] is not None else "other"
            yield Scalar(tuple(path), hit[name], *hit.span(name))
