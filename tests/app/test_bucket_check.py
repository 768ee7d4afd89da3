"""What `hoga doctor` says of a bucket: good ones, and all the ways in which one is not fit for a copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hoga.app.bucket_check import examine_buckets
from hoga.app.checks import Check, CheckState
from hoga.app.config import load_config
from hoga.cli.main import main
from tests.s3_server import Bucket, s3_server

pytest.importorskip("obstore")

AT = Path("s3://bkt/hoga")
SECRET = "verysecretword"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with s3_server() as (endpoint, found):
        for key, value in (("HOGA_S3_ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", SECRET)):
            monkeypatch.setenv(key, value)
        yield found


def _examine(asked: Path | None, *overrides: str) -> list[Check]:
    config = load_config(None, overrides=list(overrides), environ={}, data_dir=None)
    return asyncio.run(examine_buckets(config, asked))


def test_a_good_bucket_is_tried_and_left_as_it_was(bucket: Bucket) -> None:
    (check,) = _examine(AT)
    assert check.state is CheckState.OK
    assert "put, get, range and conditional put work" in check.found
    assert bucket.objects == {}


def test_the_bucket_that_the_configuration_names_is_tried(bucket: Bucket) -> None:
    (check,) = _examine(None, "RETENTION_ROOT=s3://bkt/second")
    assert (check.state, "s3://bkt/second" in check.found) == (CheckState.OK, True)
    assert bucket.asked["PUT"] == 2


def test_where_nothing_of_buckets_is_configured_there_is_no_line(bucket: Bucket) -> None:
    assert _examine(None) == []


def test_an_endpoint_without_a_bucket_says_how_to_try_one(bucket: Bucket) -> None:
    (check,) = _examine(None, "S3_ENDPOINT=http://127.0.0.1:9")
    assert (check.state, "--bucket" in str(check.advice)) == (CheckState.WARNING, True)


def _set(**wrong: object) -> Callable[[Bucket], None]:
    def spoil(bucket: Bucket) -> None:
        for name, value in wrong.items():
            setattr(bucket, name, value)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "at", "found", "advice"),
    [
        (_set(), "s3://nowhere/x", "there is no bucket nowhere", "make the bucket"),
        (_set(read_only=True), "s3://bkt/x", "put: it answers 403 AccessDenied", "AWS_ACCESS_KEY_ID"),
        (_set(answers=(403, "SignatureDoesNotMatch")), "s3://bkt/x", "put: it answers 403 SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (_set(answers=(403, "RequestTimeTooSkewed")), "s3://bkt/x", "put: it answers 403 RequestTimeTooSkewed", "clock"),
        (_set(answers=(400, "AuthorizationHeaderMalformed")), "s3://bkt/x", "put: it answers 400", "S3_REGION"),
        (_set(answers=(503, "SlowDown")), "s3://bkt/x", "put: it answers 503 SlowDown", "try again later"),
        (_set(answers=(501, "NotImplemented")), "s3://bkt/x", "put: it answers 501 NotImplemented", "If-None-Match"),
        (_set(blind=True), "s3://bkt/x", "conditional put: a second object was taken", "If-None-Match"),
        (_set(slow_s=60.0), "s3://bkt/x", "put: it does not answer in time", "S3_ENDPOINT"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_set(
    bucket: Bucket, spoil: Callable[[Bucket], None], at: str, found: str, advice: str
) -> None:
    spoil(bucket)
    began = time.monotonic()
    (check,) = _examine(Path(at))
    assert check.state is CheckState.FAILED
    assert found in check.found
    assert advice in str(check.advice)
    assert SECRET not in f"{check.found} {check.advice}"
    assert "\n" not in f"{check.found}{check.advice}"
    assert time.monotonic() - began < 10.0
    bucket.slow_s = 0.0
    assert not [key for key in bucket.objects if not bucket.blind and "trial" in key]


def test_keys_that_may_not_remove_are_told_and_good_enough(bucket: Bucket) -> None:
    bucket.keeps = True
    (check,) = _examine(AT)
    assert check.state is CheckState.WARNING
    assert "may not remove" in str(check.advice)
    assert len(bucket.objects) == 1


def test_a_place_that_is_none_is_told_before_anything_is_tried(capfd: pytest.CaptureFixture[str]) -> None:
    for place in ("bucket", "s3://", "/tmp"):
        assert main(["doctor", "--bucket", place]) == 2
        said = capfd.readouterr()
        assert (said.out, said.err.count("\n"), "s3://bucket/prefix" in said.err) == ("", 1, True), said.err


def test_nobody_at_the_endpoint_is_one_line(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOGA_S3_ENDPOINT", "http://127.0.0.1:9")
    (check,) = _examine(AT)
    assert (check.state, "S3_ENDPOINT" in str(check.advice)) == (CheckState.FAILED, True)
