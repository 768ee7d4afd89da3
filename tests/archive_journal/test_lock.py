"""One at a time in a journal folder, whatever is removed by hand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from hoga.archive.keep import lock as module
from hoga.archive.keep.life import LOCK_FILE
from hoga.archive.keep.lock import FolderLock


def test_a_second_one_waits_until_the_first_has_gone(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    second.release()


def test_other_programs_can_ask_for_the_file(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    with pytest.raises(Timeout):
        FileLock(tmp_path / LOCK_FILE, timeout=0).acquire()
    lock.release()
    with FileLock(tmp_path / LOCK_FILE):
        assert not FolderLock(tmp_path).acquire(), "one of an earlier version is at work"


def test_who_removes_the_file_lets_no_second_one_in_and_it_comes_back(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    assert lock.check()
    (tmp_path / LOCK_FILE).unlink()
    assert not FolderLock(tmp_path).acquire()
    assert not lock.check()
    assert lock.check()
    with pytest.raises(Timeout):
        FileLock(tmp_path / LOCK_FILE, timeout=0).acquire()
    lock.release()


def test_who_removes_the_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    lock = FolderLock(folder)
    assert lock.acquire()
    shutil.rmtree(folder)
    assert not lock.check(), "made and taken anew"
    assert lock.check()
    assert not FolderLock(folder).acquire()
    shutil.rmtree(folder)
    folder.mkdir()
    other = FolderLock(folder)
    assert other.acquire()
    with pytest.raises(Timeout):
        lock.check()
    other.release()
    lock.release()


def test_where_folders_cannot_be_locked_the_file_must_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, how: int) -> None:
        raise OSError(95, os.strerror(95))

    lock = FolderLock(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module.fcntl, "flock", refuse)
        taken = lock._take_folder()
    assert taken
    assert lock.acquire()
    lock.release()
