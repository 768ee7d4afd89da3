"""Tables and lines in a terminal that has no room for them."""

from __future__ import annotations

import sys

import pytest

from hoga.cli._output import print_table, print_wrapped

HEADINGS = ["series", "records", "MB", "proven"]
ROW = ["binance BTCUSDT", "1234", "5.6", "99.99%"]


def narrow(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A terminal of so many columns."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))


@pytest.mark.parametrize(
    ("columns", "shown", "said"),
    [
        (37, "series           records   MB  proven", ""),
        (36, "series           records  proven", "not shown in 36 columns: MB; a wider terminal or --json has all"),
        (31, "series           records", "not shown in 31 columns: MB, proven; a wider terminal or --json has all"),
        (20, "series           records", "not shown in 20 columns: MB, proven; a wider terminal or --json has all"),
    ],
)
def test_a_table_says_what_a_narrow_terminal_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int, shown: str, said: str
) -> None:
    narrow(monkeypatch, columns)
    print_table(HEADINGS, [ROW], right=frozenset((1, 2)), spare=(2, 3))
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err.strip()) == (shown, said)
    assert out.splitlines()[1].split()[:3] == ["binance", "BTCUSDT", "1234"]


def test_what_is_no_terminal_is_given_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_table(HEADINGS, [ROW], spare=(2, 3))
    print_wrapped("  one two three four five six seven", hang=4)
    out, err = capsys.readouterr()
    assert (out.splitlines()[0].split(), out.splitlines()[2], err) == (HEADINGS, "  one two three four five six seven", "")


def test_a_long_line_is_broken_between_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    narrow(monkeypatch, 24)
    print_wrapped("  2026-11-30  proven 0.15%  (not-recorded 3.01%)", hang=14)
    assert capsys.readouterr().out.splitlines() == [
        "  2026-11-30  proven",
        " " * 14 + "0.15%",
        " " * 14 + "(not-recorded",
        " " * 14 + "3.01%)",
    ]
