"""The documents keep up with the program."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer

from hoga.app.config.classic import ALIASES, RETIRED
from hoga.app.config.keys import BY_NAME
from hoga.app.config.render import reference
from hoga.cli.main import build_app
from hoga.core.ledger import Reason
from hoga.relay.broker import ENVIRONMENT
from hoga.trading.risk import Code
from hoga.trading.rungs import Cause
from tests.sources import tree_of

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


OF_BUCKETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FOREIGN = frozenset({"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "L2_BOOK", *ENVIRONMENT, *OF_BUCKETS})
"""Variables of the environment, and words of other recorders, that are no keys of hoga's."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(app: typer.Typer, prefix: str = "hoga") -> list[str]:
    found = [f"{prefix} {info.name}" for info in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += commands(group.typer_instance, f"{prefix} {group.name}")
    return found


@pytest.mark.parametrize("command", commands(build_app()))
@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_every_command_is_on_the_front_page(page: str, command: str) -> None:
    assert f"`{command}`" in text(page)


def test_the_configuration_page_is_the_table() -> None:
    assert text("docs/configuration.md") == reference(), "run `make docs`"


def test_no_document_names_a_key_that_is_not() -> None:
    for page in PAGES:
        for name in re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?: = [^`]*)?`", page.read_text(encoding="utf-8")):
            known = name in BY_NAME or name in ALIASES or name in RETIRED
            assert known or name in FOREIGN or name.startswith("HOGA_"), f"{page.name}: {name}"


def shape(page: str) -> list[str]:
    """Headings by level, code blocks and tables in order: what two languages of one page have in common."""
    lines, shape, inside = text(page).splitlines(), [], False
    for line in lines:
        if line.startswith("```"):
            inside = not inside
            if inside:
                shape.append(line)
        elif not inside and line.startswith("#"):
            shape.append(line.split()[0])
        elif not inside and line.startswith("| `"):
            shape.append(line.split("|")[1].strip())
    return shape


def code(page: str) -> list[str]:
    """The commands in the shell blocks, comments aside."""
    blocks = re.findall(r"```(?:sh|python|json)\n(.*?)```", text(page), re.DOTALL)
    return [line.split("#")[0].rstrip() for block in blocks for line in block.splitlines()]


def test_english_and_korean_say_the_same_things_in_the_same_order() -> None:
    assert shape("README.md") == shape("README.ko.md")
    assert code("README.md") == code("README.ko.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_every_decision_has_a_number_of_its_own_and_says_it() -> None:
    pages = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    numbers = [path.name[:4] for path in pages]
    assert sorted(set(numbers)) == numbers
    for page, number in zip(pages, numbers, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}: "), page.name


def rooms() -> set[str]:
    return {path.parent.name for path in (ROOT / "src" / "hoga").glob("*/__init__.py")}


def test_every_room_has_a_row_and_a_room_to_come_one_until_it_is_there() -> None:
    page = text("docs/architecture.md")
    described = set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE))
    floors = text("pyproject.toml").split("layers = [")[1].split("]")[0]
    to_come = set(re.findall(r"\(([a-z]+)\)", floors))
    assert described == rooms() | to_come, "a sentence in docs/architecture.md for each room, there or to come"


def test_every_reason_of_the_ledger_is_explained() -> None:
    page = text("docs/architecture.md")
    assert not [reason for reason in Reason if f"`{reason}`" not in page]


def texts(node: ast.expr, tree: ast.Module) -> list[str]:
    """The texts that an event can be: itself, or what its variable, or the keyword of a helper, is given in this module."""
    if isinstance(node, ast.Name):
        given = [entry.value for entry in ast.walk(tree) if isinstance(entry, ast.Assign) and ast.unparse(entry.targets[0]) == node.id]
        given += [entry.value for entry in ast.walk(tree) if isinstance(entry, ast.keyword) and entry.arg == node.id]
        for entry in ast.walk(tree):
            if isinstance(entry, ast.arguments):
                pairs = zip(entry.kwonlyargs, entry.kw_defaults, strict=True)
                given += [default for each, default in pairs if each.arg == node.id and default is not None]
        return [text for value in given for text in texts(value, tree)]
    if isinstance(node, ast.IfExp):
        return texts(node.body, tree) + texts(node.orelse, tree)
    assert isinstance(node, ast.Constant), f"{ast.unparse(node)}: an event is a fixed text, what varies goes into fields"
    return [str(node.value)]


LEVELS = ("info", "warning", "error", "failure")


def is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "_log"


def log_events() -> set[str]:
    """Every event the program can log."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        if "_log." not in path.read_text(encoding="utf-8"):
            continue
        tree = tree_of(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS and is_log(node.func.value):
                found.update(texts(node.args[0], tree))
    return found


def test_every_log_line_is_explained() -> None:
    events = log_events()
    assert len(events) > 5
    page = text("docs/operations.md")
    assert not sorted(event for event in events if f"| {event} |" not in page)


def test_the_words_of_the_archive_are_in_the_glossary() -> None:
    page = text("docs/glossary.md")
    for word in ("venue", "stream", "epoch", "segment", "seal", "ledger", "manifest", "gap", "hole", "coverage"):
        assert re.search(rf"^\| {word} \|", page, re.MULTILINE)


def words_of_calls(folder: str, called: str, word: str) -> set[str]:
    """Every text that the source gives as `word` to a call of `called`."""
    found = set()
    for path in sorted((ROOT / "src/hoga" / folder).rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == called:
                values = [each.value for each in node.keywords if each.arg == word]
                found |= {str(each.value) for each in values if isinstance(each, ast.Constant)}
    return found


def test_every_code_of_a_denial_and_every_cause_of_the_ladder_is_on_the_page_of_limits() -> None:
    page = text("docs/trading-limits.md")
    told = set(re.findall(r"`([a-z][a-z-]+)`", page))
    codes = {code.value for code in Code} | words_of_calls("trading", "Denial", "code")
    assert len(codes) > 40
    assert not codes - told
    assert not {cause.value for cause in Cause} - told


def test_every_message_that_is_explained_is_said() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src/hoga").rglob("*.py")))
    messages = re.findall(r"^\| `([^`]+)` \|", text("docs/troubleshooting.md"), re.MULTILINE)
    assert len(messages) > 25
    assert not [message for message in messages if message not in source]


def test_every_target_of_a_link_of_the_safety_pages_is_there() -> None:
    for page in (
        "docs/safety.md",
        "docs/panel.md",
        "docs/troubleshooting.md",
        "docs/report.md",
        "docs/moving-over.md",
        "docs/moving-over.ko.md",
        "docs/install.md",
        "docs/install.ko.md",
    ):
        for target, anchor in re.findall(r"\]\(([\w./-]+\.md)(?:#([\w-]+))?\)", text(page)):
            there = ROOT / "docs" / target
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            names = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in names, f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", ["docs/safety", "docs/moving-over", "docs/install", "docs/scale-out"])
def test_a_guide_says_as_much_in_both_languages(page: str) -> None:
    def lines(page: str) -> list[str]:
        return [re.split(r"[ .]", line)[0] for line in text(page).splitlines() if re.match(r"#|\||- |\d+\. ", line)]

    assert lines(f"{page}.md") == lines(f"{page}.ko.md")
    keys = [set(re.findall(r"`([A-Z_]+)`", text(each))) for each in (f"{page}.md", f"{page}.ko.md")]
    assert keys[0] == keys[1]
    assert code(f"{page}.md") == code(f"{page}.ko.md")
