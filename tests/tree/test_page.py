"""The page: what stands on it, that nothing on it is a script, and that it is written as it is walked."""

from __future__ import annotations

import io
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoga.cli.main import main
from hoga.tree.page import Told, write_page
from hoga.tree.render import SLOT, size_text, total, visible
from hoga.tree.steps import Enter, Leaf, Leave, Step
from hoga.tree.walk import walk

VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page back: tags in balance, names of folders with what is said of them, lines of files."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.folders: list[str] = []
        self.lines: list[str] = []
        self.feed(page.decode())
        self.close()
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "summary":
            self.folders.append("")
        elif tag == "li":
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "summary" in self.open:
            self.folders[-1] += data
        elif self.open and self.open[-1] in ("li", "i", "small") and "h1" not in self.open:
            self.lines[-1] += data


def written(steps: list[Step]) -> tuple[Page, Told, bytes]:
    file = io.BytesIO()
    told = write_page(steps, file, progress=lambda count: None)
    return Page(file.getvalue()), told, file.getvalue()


def test_a_folder_is_details_and_the_sums_are_in_its_line(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "one").write_bytes(bytes(1500))
    (tmp_path / "b" / "two").write_bytes(bytes(12))
    (tmp_path / "a.txt").write_bytes(b"")
    page, told, text = written(list(walk(tmp_path, None)))
    assert (told.files, told.folders, told.bytes, told.unread) == (3, 3, 1512, [])
    assert b"<details><summary>b<" in text
    assert [folder.split() for folder in page.folders] == [["b", "2", "files,", "1.5", "kB"], ["c", "1", "file,", "1.5", "kB"]]
    assert f"<h1>{tmp_path.name}<small>  3 files, 1.5 kB".encode() in text
    assert [line for line in page.lines if line.strip()] == ["one 1.5 kB", "two 12 B", "a.txt 0 B"]


NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name))


@given(NAMES, NAMES, NAMES)
def test_no_name_is_markup(folder: bytes, file: bytes, target: bytes) -> None:
    page, _, text = written([Enter(b"top", None), Enter(folder, None), Leaf(file, 1), Leaf(file, None, target=target), Leave(), Leave()])
    assert page.tags == {"html", "head", "meta", "title", "style", "body", "h1", "small", "ul", "li", "details", "summary", "i"}
    assert page.folders[0].startswith(visible(folder))
    assert f"{visible(file)} → {visible(target)}" in page.lines
    assert b"<script" not in text.lower()


def test_a_name_of_markup_is_text() -> None:
    name = b"<script>alert(1)</script>&\"'"
    page, _, text = written([Enter(b"top", None), Enter(name, "no <b>permission</b>"), Leave(), Leave()])
    assert page.folders[0].startswith(name.decode())
    assert b"&lt;b&gt;permission" in text


def test_names_that_nobody_can_see_are_spelt() -> None:
    assert visible(b"a\nb") == "a\\nb"
    assert visible("a\u202eb".encode()) == "a\\u202eb"
    assert visible(b"\xff") == "\\xff"
    assert visible("호가".encode()) == "호가"


@given(st.integers(0, 10**19), st.integers(0, 10**19))
def test_a_slot_has_one_size(files: int, size: int) -> None:
    assert len(total(files, size)) == SLOT


@pytest.mark.parametrize(
    "size,text", [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"), (3_400_000_000, "3.4 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_links_and_pipes_are_told_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / ".gitignore")
    page, told, _ = written(list(walk(tmp_path, None)))
    assert page.lines == [".gitignore pipe", "pipe pipe", "round → round", "up → .."]
    assert (told.files, told.bytes) == (4, 0)


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "there").mkdir()
    steps = walk(tmp_path, None)
    found = [next(steps)]
    (tmp_path / "gone").rmdir()
    page, told, _ = written([*found, *steps])
    assert told.unread == [(f"{tmp_path.name}/gone", "No such file or directory")]
    assert "gone No such file or directory" in page.folders[0]


def test_the_command_writes_a_page_and_leaves_itself_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x.py").write_text("x")
    (tmp_path / "x.log").write_text("x")
    (tmp_path / "rules").write_text("*.log\n")
    out = tmp_path / "tree.html"
    for _ in range(2):  # the second time it is there already
        assert main(["tree", str(tmp_path), "-o", str(out), "--ignore", str(tmp_path / "rules"), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said == {"ok": True, "files": 2, "folders": 2, "bytes": 7, "page": str(out)}
        assert b"<details><summary>src" in out.read_bytes()
        assert b"x.log" not in out.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rules", "src", "tree.html", "x.log"]


def test_the_command_prints_where_no_file_is_named(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "src").mkdir()
    assert main(["tree", str(tmp_path)]) == 0
    assert Page(capfdbinary.readouterr().out).folders == ["src" + "  0 files, 0 B".ljust(SLOT)]


@pytest.mark.parametrize(
    "arguments,word",
    [
        (["nowhere", "-o", "x.html"], "nowhere"),
        (["file", "-o", "x.html"], "a folder"),
        ([".", "-o", "no/such/x.html"], "a folder that exists"),
        ([".", "-o", "x.html", "--ignore", "nowhere"], "nowhere"),
        ([".", "--json"], "-o FILE"),
    ],
)
def test_bad_usage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["tree", *arguments]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1
    assert not Path("x.html").exists()


@pytest.mark.slow
def test_a_hundred_thousand_files_in_memory_that_does_not_grow(tmp_path: Path) -> None:
    import subprocess
    import sys

    for folder in range(100):
        inside = tmp_path / f"pkg{folder}" / "mod"
        inside.mkdir(parents=True)
        for number in range(1000):
            os.close(os.open(inside / f"file_{number}.py", os.O_CREAT))
    (tmp_path / ".gitignore").write_text("".join(f"*.ext{number}\n" for number in range(40)) + "build/\n!keep\n")
    most = "open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]"  # its own: ru_maxrss begins with that of who forked it
    code = f"import sys; from hoga.cli.main import main; main(sys.argv[1:]); print({most})"
    done = subprocess.run(
        [sys.executable, "-c", code, "tree", str(tmp_path), "-o", str(tmp_path / "t.html")],
        capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    first, memory = done.stdout.splitlines()
    assert "100,001 files in 201 folders" in first
    assert int(memory) < 100_000
