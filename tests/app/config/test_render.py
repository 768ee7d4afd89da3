"""The texts made from the key table."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hoga.app.config import load_config
from hoga.app.config.keys import BY_NAME, KEYS, expectation
from hoga.app.config.parse import nearest_name, parse_environment, parse_file, parse_overrides
from hoga.app.config.render import default_file, reference


def test_the_default_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hoga.conf"
    path.write_text(default_file())
    loaded, plain = load_config(path, overrides=[], environ={}), load_config(None, overrides=[], environ={})
    assert loaded.settings == plain.settings
    assert loaded.active_venues == plain.active_venues


def test_every_line_of_the_default_file_can_be_taken_into_use(tmp_path: Path) -> None:
    text = default_file().split("\n# --- Venues")[0]
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.removeprefix("# ").split(" = ")[0] in BY_NAME]
    assert len(lines) == len([key for key in KEYS if key.group != "credentials"])
    path = tmp_path / "hoga.conf"
    path.write_text("\n".join(lines))
    loaded, plain = load_config(path, overrides=[], environ={}), load_config(None, overrides=[], environ={})
    assert [(s.key, s.value) for s in loaded.settings] == [(s.key, s.value) for s in plain.settings]


def test_every_key_is_in_the_reference_with_what_it_must_be() -> None:
    text = reference()
    for key in KEYS:
        assert f"| `{key.name}` |" in text
        assert key.text in text
    assert all(expectation(key) for key in KEYS)


def test_the_nearest_name() -> None:
    assert nearest_name("latencygate", BY_NAME) == "LATENCY_GATE"
    assert nearest_name("binance_usdm", ["binance", "binance-usdm"]) == "binance-usdm"
    assert nearest_name("zzz", BY_NAME) is None


@given(st.text())
def test_no_file_breaks_the_parser(text: str) -> None:
    parsed = parse_file(text, where="f", venues=["binance", "upbit"], classic_venue="binance")
    assert all(entry.key in BY_NAME for entry in parsed.assignments)
    assert all(str(mistake) for mistake in (*parsed.mistakes, *parsed.notes))


@given(st.lists(st.text()), st.dictionaries(st.text().map("HOGA_".__add__), st.text()))
def test_no_override_and_no_variable_breaks_the_parser(overrides: list[str], environ: dict[str, str]) -> None:
    given = parse_overrides(overrides, venues=["binance"]), parse_environment(environ, venues=["binance"])
    for entry in (entry for parsed in given for entry in parsed.assignments):
        assert entry.key in BY_NAME
