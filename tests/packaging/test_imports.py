"""What is imported before anything is done: little, so that `import hoga` and `hoga --version` answer at once.

The lists are held here and not the time, which a busy machine would spoil; the time is in docs/results.
"""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.waiting import LONG_S

HEAVY = frozenset([
    "aiohttp", "asyncio", "concurrent.futures", "cryptography", "duckdb", "email", "http", "isal", "logging", "msgspec",
    "multiprocessing", "nats", "numpy", "obstore", "pandas", "picows", "polars", "prometheus_client", "psutil", "pyarrow", "rich",
    "socket", "ssl", "starlette", "subprocess", "textual", "urllib.request", "uvicorn", "uvloop", "websockets", "yarl", "zlib_ng",
    "zstandard",
])  # fmt: skip


def imported(program: str) -> set[str]:
    """The modules that a program brings into a bare interpreter."""
    whole = f"import sys; bare = set(sys.modules)\n{program}\nprint(sorted(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{whole}"],
                          capture_output=True, text=True, timeout=LONG_S, check=True)  # fmt: skip
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_the_package_alone_is_next_to_nothing() -> None:
    found = imported("import hoga")
    assert {name for name in found if name.partition(".")[0] == "hoga"} == {"hoga", "hoga._version"}
    assert len(found) < 20, sorted(found)


COMMAND = """import contextlib, io
from hoga.__main__ import main
sys.argv[1:] = {words!r}
with contextlib.redirect_stdout(io.StringIO()): main()"""


def test_the_version_is_told_without_reading_the_commands() -> None:
    found = imported(COMMAND.format(words=["--version"]))
    assert not {name for name in found if name.startswith("hoga.")} - {"hoga._version", "hoga.__main__"}
    assert not found & (HEAVY | {"typer"})


@pytest.mark.parametrize("words", [["--help"], ["verify", "--help"], ["run", "--help"], ["trade", "--help"]], ids=" ".join)
def test_help_is_told_without_reading_the_rooms(words: list[str]) -> None:
    assert not imported(COMMAND.format(words=words)) & (HEAVY - {"email", "http", "socket", "subprocess", "urllib.request"})
