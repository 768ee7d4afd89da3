"""What a start needs of the machine: told in one line each, before anything is begun."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoga.app import preflight
from hoga.app.config import Config, load_config
from hoga.app.preflight import FILES_NEEDED, check_machine
from hoga.core.errors import ConfigError
from hoga.runtime.locks import owner_of_lock


def configured(data: Path, *overrides: str) -> Config:
    return load_config(None, overrides=[f"LOG_DIR={data}/logs", *overrides], environ={}, data_dir=data)


def said(config: Config, *, data_option: bool = True) -> list[str]:
    try:
        check_machine(config, data_option=data_option)
    except ConfigError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def test_a_good_machine_gets_its_folders(tmp_path: Path) -> None:
    assert said(configured(tmp_path / "new" / "data")) == []
    assert (tmp_path / "new" / "data" / "binance" / "execution").is_dir()
    assert (tmp_path / "new" / "data" / "logs").is_dir()


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("LOG_DIR={file}", "--set: LOG_DIR: {file}: is a file; expected a folder that can be made and written"),
        ("LOG_DIR={file}/logs", "--set: LOG_DIR: {file}/logs: {file} is a file; expected a folder that can be made and written"),
        ("LOB_DIR={file}", "--set: LOB_DIR: {file}: is a file; expected a folder that can be made and written"),
        ("CHART_DIR=/proc/x", "--set: CHART_DIR: /proc/x: No such file or directory; expected a folder that can be made and written"),
    ],
)
def test_a_folder_that_is_none_is_named_with_its_key(tmp_path: Path, option: str, line: str) -> None:
    file = tmp_path / "afile"
    file.write_text("x")
    assert said(configured(tmp_path / "data", option.format(file=file))) == [line.format(file=file)]


def test_one_cause_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "afile"
    file.write_text("x")
    config = load_config(None, overrides=[], environ={}, data_dir=file)
    (line,) = said(config)
    assert line.startswith(f"--data: data folder: {file}: is a file")


@pytest.mark.parametrize(("number", "stops"), [(errno.EROFS, True), (errno.EACCES, True), (errno.ENOSPC, False), (errno.EDQUOT, False)])
def test_a_full_disk_is_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, stops: bool) -> None:
    def refuse(**where: object) -> None:
        raise OSError(number, os.strerror(number))

    config = configured(tmp_path / "data")
    monkeypatch.setattr(preflight.tempfile, "TemporaryFile", refuse)
    assert bool(said(config)) is stops


@pytest.fixture
def limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("limits")
def test_the_limit_of_open_files_is_raised_as_far_as_it_may(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED // 2, hard))
    assert said(configured(tmp_path / "data")) == []
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= FILES_NEEDED


def test_too_few_open_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (30, 30))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: None)
    (line,) = said(configured(tmp_path / "data"))
    assert "a limit of 30" in line
    assert "ulimit -n" in line


def test_a_locale_that_cannot_write_a_symbol_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path / "data", "SYMBOLS=BTCUSDT,币安人生USDT")
    monkeypatch.setattr(preflight.sys, "getfilesystemencoding", lambda: "ascii")
    (line,) = [line for line in said(config) if "SYMBOLS" in line]
    assert "PYTHONUTF8=1" in line
    assert line.isascii()


def test_the_owner_of_a_lock_is_known(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert owner_of_lock(path) is None
    path.touch()
    assert owner_of_lock(path) is None
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner_of_lock(path) == os.getpid()
    assert owner_of_lock(path) is None
