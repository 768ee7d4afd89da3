"""The one door that everything durable of the archive goes through."""

from __future__ import annotations

import ast
import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hoga.archive
from hoga.core.errors import ArchiveError, DiskFull
from hoga.runtime import durable

_ROOM = Path(hoga.archive.__file__).parent
_CALLS = {"unlink", "rename", "rmdir", "rmtree", "mkdir", "makedirs", "touch", "link", "symlink", "write_bytes", "write_text"}
_OS_CALLS = {"fsync", "fdatasync", "replace", "rename", "link", "write", "writev", "pwrite", "ftruncate", "truncate", "remove", "sendfile"}


@pytest.fixture(autouse=True)
def _nobody_watches() -> Iterator[None]:
    yield
    durable.watch(None)


def test_every_durable_step_of_the_room_goes_through_one_door() -> None:
    """What went round it would be covered by no test that ends the process at each step."""
    found = [
        f"{path.name}:{call.lineno}"
        for path in sorted(_ROOM.rglob("*.py"))
        if path.name != "durable.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_durable(call, call.func)
    ]
    assert found == []


def _is_durable(call: ast.Call, function: ast.Attribute) -> bool:
    of_os = isinstance(function.value, ast.Name) and function.value.id in ("os", "shutil")
    if of_os and function.attr in _OS_CALLS | _CALLS:
        return True
    if function.attr == "replace" and not (isinstance(function.value, ast.Attribute) and function.value.attr == "structs"):
        return len(call.args) == 1 and not call.keywords  # a path's; a text's has two
    return function.attr in _CALLS


def _told(act: Callable[[], object]) -> list[str]:
    acts: list[str] = []
    durable.watch(lambda what, where, data: acts.append(what))
    act()
    durable.watch(None)
    return acts


def test_a_file_is_written_step_by_step(tmp_path: Path) -> None:
    target = tmp_path / "file"
    assert _told(lambda: durable.write_file(target, [b"a", b"b"])) == ["write", "write", "fsync", "rename", "fsync folder"]
    assert target.read_bytes() == b"ab"
    assert _told(lambda: durable.make_folder(tmp_path / "a" / "b")) == ["mkdir", "fsync folder"] * 2
    assert _told(lambda: durable.make_folder(tmp_path / "a" / "b")) == []


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, ArchiveError)])
@pytest.mark.parametrize("act", ["write", "fsync", "rename"])
def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path, code: int, kind: type[ArchiveError], act: str
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def refuse(what: str, where: Path | int, data: bytes) -> None:
        if what == act:
            raise OSError(code, os.strerror(code))

    durable.watch(refuse)
    with pytest.raises(kind):
        durable.write_file(target, [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_a_device_or_a_pipe_that_was_named_for_a_result_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for named in (pipe, tmp_path / "link"):
            durable.write_result(named, [b"what ", b"came of it"])
            assert os.read(reader, 100) == b"what came of it"
        assert pipe.is_fifo()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]
    finally:
        os.close(reader)


def test_a_file_system_that_could_not_write_is_told_of_and_not_asked_again_by_other_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    durable.sync_filesystem([tmp_path])
    monkeypatch.setattr(durable, "_syncfs", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        durable.sync_filesystem([tmp_path])
    fd = durable.open_folder(tmp_path)
    with pytest.raises(OSError, match="Input/output error"):
        durable.sync_filesystem([fd])
    os.close(fd)
    monkeypatch.setattr(durable, "_syncfs", None)
    assert not durable.syncs_filesystems()
    with pytest.raises(OSError, match="not implemented"):
        durable.sync_filesystem([tmp_path])


@pytest.mark.parametrize(
    ("release", "tells"), [("5.7.19", False), ("5.8.0-53-generic", True), ("6.1", True), ("4.18.0-553.el8", False), ("?", False)]
)
def test_a_system_whose_sync_tells_no_errors_is_not_believed(release: str, tells: bool) -> None:
    assert durable._tells_errors(release) is tells
