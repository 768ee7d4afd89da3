"""What the documents show is so: commands are read by the program's own command line, settings by its configuration, variables and
metrics are its own, and Python is understood and calls what there is as it can be called."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hoga
from hoga.app.config import load_config
from hoga.app.config.classic import ALIASES, RETIRED
from hoga.app.config.keys import BY_NAME
from hoga.app.config.parse import parse_environment, parse_file
from hoga.core.errors import ConfigError
from hoga.dashboard.prometheus import METRICS
from hoga.relay.subjects import LIVE, SEGMENTS
from hoga.venues.endpoints import CLASSIC_VENUE, VENUE_DEFAULTS
from tests.command_lines import in_blocks, in_sentences, mistake_in
from tests.every import every

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
NOW = [page for page in PAGES if page.parent.name not in ("decisions", "results") and page.name != "CHANGELOG.md"]
"""Pages that speak of the program as it is; the others keep the words of their day."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@every(NOW)
def test_a_command_in_a_block_is_one_that_can_be_given(page: Path) -> None:
    wrong = [f"{' '.join(words)}: {found}" for words in in_blocks(text(page)) if (found := mistake_in(words, complete=True))]
    assert not wrong


@every(NOW)
def test_a_command_in_a_sentence_is_there_and_takes_its_options(page: Path) -> None:
    wrong = [f"{' '.join(words)}: {found}" for words in in_sentences(text(page)) if (found := mistake_in(words, complete=False))]
    assert not wrong


def test_what_is_shown_is_found_and_a_mistake_in_it_too() -> None:
    shell = "sudo -u hoga /opt/hoga run -c x  # records\ncd a && ./hoga verfy | head\n./hoga verfy\n"
    page = f"`hoga ls DATA`, `hoga run --nope`\n```sh\n{shell}```\n"
    assert [*in_sentences(page)] == [["ls", "DATA"], ["run", "--nope"]]
    assert [*in_blocks(page)] == [["run", "-c", "x"], ["verfy"]]
    assert mistake_in(["run", "-c", "x"], complete=True) == ""
    assert "No such option" in mistake_in(["run", "--nope"], complete=False)
    assert "no command 'verfy'" in mistake_in(["verfy"], complete=True)
    assert "Missing" in mistake_in(["export"], complete=True)
    assert mistake_in(["export"], complete=False) == ""
    assert mistake_in(["run", "--seconds", "N"], complete=False) == ""


def settings(page: str) -> Iterator[str]:
    """Every `KEY = VALUE`: in backquotes, in a file that is shown, behind `--set`."""
    yield from re.findall(r"`([A-Z][A-Z0-9_]+ = [^`]+)`", page)
    yield from re.findall(r"--set ((?:[a-z-]+\.)?[A-Z][A-Z0-9_]+=\S+)", page)
    for block in re.findall(r"^```(?:ini)?\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        yield from re.findall(r"^([A-Z][A-Z0-9_]+ = .*)$", block, re.MULTILINE)
    yield from re.findall(r"^    ([A-Z][A-Z0-9_]+ = .*)$", page, re.MULTILINE)


PLACEHOLDER = re.compile(r"[<…]|\b(N|VALUE)\b")


@every(NOW)
def test_a_setting_that_is_shown_is_taken(page: Path) -> None:
    for setting in settings(text(page)):
        key, _, value = (each.strip() for each in setting.partition("="))
        value = re.split(r"\s#", value)[0].strip("`\"'")
        if key == "KEY":
            continue
        assert key.rpartition(".")[2] in BY_NAME.keys() | ALIASES.keys() | set(RETIRED), setting
        if not PLACEHOLDER.search(value):
            try:
                load_config(None, overrides=[f"{key}={value}"], environ={}, data_dir=Path("/data"))
            except ConfigError as fault:
                raise AssertionError(f"{setting}: {fault}") from None


@every(NOW)
def test_every_block_is_of_a_kind_that_is_held_to_something(page: Path) -> None:
    """`sh` and `python` above and below; JSON is JSON, a configuration is one; pictures are drawn by whoever shows them."""
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE):
        assert kind in ("sh", "python", "json", "ini", "mermaid", ""), kind
        if kind == "json":
            for line in block.splitlines():
                json.loads(line)
        elif kind == "ini":
            read = parse_file(block, where=page.name, venues=VENUE_DEFAULTS, classic_venue=CLASSIC_VENUE)
            assert not [str(mistake) for mistake in read.mistakes]


GENERIC = ("HOGA_KEY", "HOGA_VENUE__")
NO_VARIABLES = {LIVE.name, SEGMENTS.name}
"""Names of streams at the broker."""


@every([*NOW, *(path for path in (ROOT / "deploy").rglob("*") if path.is_file())])
def test_a_variable_that_is_named_is_read(page: Path) -> None:
    named = set(re.findall(r"\b(HOGA_[A-Z][A-Z0-9_]*[A-Z0-9])\b(?!…)", text(page)))
    given = {name: "x" for name in named - NO_VARIABLES if not name.startswith(GENERIC)}
    assert not [str(mistake) for mistake in parse_environment(given, venues=VENUE_DEFAULTS).mistakes]


@every([*NOW, *(path for path in (ROOT / "deploy").rglob("*") if path.is_file())])
def test_a_metric_that_is_named_is_served(page: Path) -> None:
    named = set(re.findall(r"\b(hoga_[a-z0-9_]*[a-z0-9])\b(?![/…-])", text(page)))
    assert not named - set(METRICS)
    begun = set(re.findall(r"\b(hoga_[a-z0-9_]*_)…", text(page)))
    assert all(any(name.startswith(each) for name in METRICS) for each in begun)


def programs(page: str) -> Iterator[str]:
    """Python that is shown: fenced, and indented lines that call hoga."""
    yield from re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    bare = re.sub(r"```\w*\n.*?```", "", page, flags=re.DOTALL)
    yield from (match[1].strip() for match in re.finditer(r"^    (hoga\.\w+\(.*)$", bare, re.MULTILINE))


@every(NOW)
def test_python_that_is_shown_is_python_and_calls_what_there_is(page: Path) -> None:
    for program in programs(text(page)):
        tree = compile(program, page.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "hoga":
                module = __import__(str(node.module), fromlist=["*"])
                assert not [each.name for each in node.names if not hasattr(module, each.name)]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hoga":
                assert hasattr(hoga, node.attr), f"hoga.{node.attr}"
            elif isinstance(node, ast.Call):
                called = public(node.func)
                if called is not None:
                    keywords = {str(each.arg): None for each in node.keywords if each.arg}
                    inspect.signature(called).bind(*[None] * len(node.args), **keywords)


def public(node: ast.expr) -> Any:
    """`hoga.name`, or a method of one, where that is what is called."""
    path = ast.unparse(node).split(".")
    if path[0] != "hoga" or not all(each.isidentifier() for each in path):
        return None
    found: Any = hoga
    for each in path[1:]:
        found = getattr(found, each)
    return found


def test_a_call_that_cannot_be_is_found() -> None:
    call = ast.parse("hoga.load('a', 'b', nothing=1)").body[0].value  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        inspect.signature(public(call.func)).bind(None, None, **{str(each.arg): None for each in call.keywords})
