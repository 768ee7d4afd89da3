"""Every limit of a venue stands in its folder's README, with its figure and a source."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import hoga.venues
from hoga.core.trading import Capabilities
from hoga.trading.intervals import interval_text
from hoga.venues.registry import VENUES
from hoga.venues.spec import Limits

FOLDER = Path(hoga.venues.__file__).parent


def tables_of(page: str) -> list[tuple[list[str], list[list[str]]]]:
    """(heads, rows) of each table of a page, cells without their quotes."""
    tables: list[tuple[list[str], list[list[str]]]] = []
    inside = False
    for line in page.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif not inside:
            tables.append((cells, []))
            inside = True
        elif not re.fullmatch(r"[|\- ]+", line):
            tables[-1][1].append(cells)
    return tables


def page_of(venue: str) -> str:
    folder = next(each for each in FOLDER.iterdir() if each.is_dir() and venue.partition("-")[0] == each.name)
    return (folder / "README.md").read_text(encoding="utf-8")


def figure(value: float | None) -> str:
    return "none" if value is None else f"{value:g}" if value < 100_000 else str(int(value))


@pytest.mark.parametrize("venue", VENUES)
def test_every_limit_has_its_figure_and_a_source(venue: str) -> None:
    (heads, rows) = next(each for each in tables_of(page_of(venue)) if each[0][0] == "limit")
    told = {row[0]: row for row in rows}
    at = heads.index(venue)
    for field in fields(Limits):
        value = getattr(VENUES[venue].limits, field.name)
        if value is None and field.name not in told:
            continue
        assert told[field.name][at] == figure(value), field.name
        assert len(told[field.name][heads.index("source")]) > 10, field.name


@pytest.mark.parametrize("venue", VENUES)
def test_the_limits_of_rest_are_named(venue: str) -> None:
    heads, rows = next(each for each in tables_of(page_of(venue)) if each[0][0] == "group")
    told = {row[0]: row[heads.index(venue)] for row in rows}
    assert {group: found for group, found in told.items() if found} == {
        each.group: figure(each.limit) for each in VENUES[venue].rest.limits
    }


def spelt(value: object) -> str:
    """A capability as the tables spell it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(interval_text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("venue", [name for name, spec in VENUES.items() if spec.orders is not None])
def test_every_capability_of_orders_stands_in_the_readme(venue: str) -> None:
    heads, rows = next(each for each in tables_of(page_of(venue)) if each[0][0] == "capability")
    told = {row[0]: row[heads.index(venue)] for row in rows}
    orders = VENUES[venue].orders
    assert orders is not None
    assert told == {name: spelt(getattr(orders.capabilities, name)) for name in Capabilities.__struct_fields__}
