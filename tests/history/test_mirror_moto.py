"""A copy of the archive in a bucket of another's making: parts, conditions, checksums and ranges as S3 has them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import hoga
from hoga.app.bucket_check import examine_buckets
from hoga.app.checks import CheckState
from hoga.app.config import load_config
from hoga.archive.form.objects import bucket_of, mount_objects
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import sha256_of
from hoga.archive.keep.merge import merge_day
from hoga.archive.prove.verify import verify
from hoga.history.mirror import mirror_archive, restore_archive, verify_mirror
from hoga.history.retention import holder_at, retain
from tests.archive.workshop import DAY, Workshop, fill_books, fill_trades
from tests.moto_server import find_moto, moto_server

pytest.importorskip("obstore")
pytestmark = pytest.mark.slow

AT = Path("s3://bkt/hoga")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    program = find_moto()
    if program is None:
        pytest.skip("no moto_server here (tests/moto_server.py says how to get one)")
    with moto_server(program) as found:
        yield found


@pytest.fixture(autouse=True)
def _place(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for key, value in (("HOGA_S3_ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "word")):
        monkeypatch.setenv(key, value)
    unmount = mount_objects()
    yield
    unmount()


def _data(root: Path) -> list[SeriesDay]:
    days = []
    for kind, fill in (("orderbook", fill_books), ("execution", fill_trades)):
        shop = fill(Workshop(root / "binance" / kind, kind))
        days.append(SeriesDay(shop.directory, shop.symbol, kind, DAY))
        merge_day(days[-1], venue="binance", archive_format="zip", purge=True)
    return days


def test_sent_proven_read_restored_and_let_go(tmp_path: Path) -> None:
    data = tmp_path / "data"
    days = _data(data)
    bucket = bucket_of(AT)
    assert {each.state for each in mirror_archive(data, AT, bucket)} == {"sent"}
    assert {each.state for each in mirror_archive(data, AT, bucket)} == {"there"}
    assert {each.state for each in verify_mirror(AT, bucket)} == {"proven"}
    assert verify([AT], jobs=1).ok
    loaded = hoga.load("binance:BTCUSDT", "execution", DAY, root="s3://bkt/hoga").numpy()
    assert (loaded["price"] == hoga.load("binance:BTCUSDT", "execution", DAY, root=data).numpy()["price"]).all()
    assert {each.state for each in restore_archive(tmp_path / "back", AT, bucket)} == {"restored"}
    for path in sorted(data.rglob("*.zip")):
        assert (tmp_path / "back" / path.relative_to(data)).read_bytes() == path.read_bytes()
    gone = retain(days, holder_at(AT), data=data, before="2026-11-21")
    assert (len(gone.removed), gone.kept) == (2, [])


def test_a_file_in_parts_is_whole_and_its_sha256_stays_beside_it(tmp_path: Path) -> None:
    file, to = tmp_path / "large", AT / "large"
    file.write_bytes(os.urandom(33 * 1024 * 1024))
    bucket = bucket_of(AT)
    bucket.upload(to, file, sha256=sha256_of(file))
    head = bucket.head(to)
    assert head is not None
    assert (head.size, head.sha256) == (file.stat().st_size, sha256_of(file))
    assert b"".join(bucket.download(to)) == file.read_bytes()
    bucket.remove(to)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    bucket = bucket_of(AT)
    assert bucket.create(AT / "once", b"first", sha256="1")
    assert not bucket.create(AT / "once", b"second", sha256="2")
    assert bucket.read(AT / "once") == b"first"
    bucket.remove(AT / "once")


def test_the_doctor_finds_it_good() -> None:
    config = load_config(None, overrides=[], environ={}, data_dir=None)
    (check,) = asyncio.run(examine_buckets(config, AT))
    assert check.state is CheckState.OK, check
