"""A copy of the archive in a bucket: sent once, manifests last, read back, brought back, read by range; and a server that is wrong."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

import hoga
from hoga.app.config import load_config
from hoga.app.retention import _retain_job
from hoga.archive.form import objects
from hoga.archive.form.objects import Place, bucket_of, mount_objects
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import open_source
from hoga.archive.keep.merge import merge_day
from hoga.cli.main import main
from hoga.core.errors import ArchiveError
from hoga.history import mirror
from hoga.history.mirror import mirroring, restore_archive, verify_mirror
from tests.archive.workshop import DAY, Workshop, fill_books, fill_trades
from tests.s3_server import Bucket, s3_server

pytest.importorskip("obstore")

Printed = Callable[..., tuple[int, str, str]]
BOOKS, TRADES = f"binance/orderbook/BTCUSDT_orderbook_{DAY}", f"binance/execution/BTCUSDT_execution_{DAY}"
AT = "s3://bkt/hoga"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with s3_server() as (endpoint, found):
        for key, value in (("HOGA_S3_ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "verysecretword")):
            monkeypatch.setenv(key, value)
        yield found


@pytest.fixture
def unmounted() -> Iterator[None]:
    """The store of one test's server is not the next one's."""
    unmount = mount_objects()
    yield
    unmount()


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], bucket: Bucket, unmounted: None) -> Printed:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(each) for each in arguments])
        said = capfd.readouterr()
        assert "verysecretword" not in said.out + said.err
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return call


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for kind, fill in (("orderbook", fill_books), ("execution", fill_trades)):
        shop = fill(Workshop(root / "binance" / kind, kind))
        merge_day(SeriesDay(shop.directory, shop.symbol, kind, DAY), venue="binance", archive_format="zip", purge=True)
    return root


def test_a_copy_is_sent_once_proven_and_brought_back(command: Printed, bucket: Bucket, data: Path, tmp_path: Path) -> None:
    assert command("mirror", data, AT)[:2] == (0, f"4 sent, {_size(data):,} bytes, 0 failed\n")
    assert sorted(bucket.objects) == sorted(f"hoga/{name}" for name in _files(data))
    assert command("mirror", data, AT)[:2] == (0, "4 there, 0 bytes, 0 failed\n")
    assert command("mirror", data, AT, "--verify")[0] == 0
    assert command("mirror", tmp_path / "back", AT, "--restore")[0] == 0
    assert _files(tmp_path / "back") == _files(data)
    assert command("verify", tmp_path / "back")[0] == 0


def test_what_reads_folders_reads_buckets(command: Printed, bucket: Bucket, data: Path) -> None:
    command("mirror", data, AT)
    assert command("verify", AT)[0] == 0
    assert command("ls", AT, "--json")[1] == command("ls", data, "--json")[1].replace(str(data), "s3:/bkt/hoga")
    assert command("cat", f"{AT}/{TRADES}.zip")[1] == command("cat", data / f"{TRADES}.zip")[1]
    assert [row.records for row in hoga.catalog(AT)] == [row.records for row in hoga.catalog(data)]
    loaded = hoga.load("binance:BTCUSDT", "execution", DAY, root=AT).numpy()
    assert (loaded["price"] == hoga.load("binance:BTCUSDT", "execution", DAY, root=data).numpy()["price"]).all()


def test_a_minute_of_a_day_is_one_ranged_read_of_its_bytes(command: Printed, bucket: Bucket, data: Path) -> None:
    command("mirror", data, AT)
    day = hoga.load("binance:BTCUSDT", "orderbook", start=f"{DAY}T13:16:00Z", end=f"{DAY}T13:17:00Z", root=f"{AT}")
    bucket.asked.clear()
    bucket.sent = 0
    assert len(day.numpy()["recv_ns"]) == 40
    assert bucket.asked == {"GET": 2}, "its manifest and its bytes"
    assert bucket.sent < len(bucket.objects[f"hoga/{BOOKS}.manifest.json"][0]) + 2_000


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every manifest is a large one, as that of a whole day is."""
    monkeypatch.setattr("hoga.archive.form.packed._FROM_BYTES", 100)


def test_a_large_manifest_has_a_packed_form_which_is_read_in_its_place(
    large: None, command: Printed, bucket: Bucket, data: Path, tmp_path: Path
) -> None:
    assert command("mirror", data, AT)[1].startswith("6 sent")
    assert command("mirror", data, AT)[1].startswith("6 there")
    mount_objects()
    bucket.asked.clear()
    asked: list[str] = []
    bucket.told = lambda method, key: asked.append(key)
    day = hoga.load("binance:BTCUSDT", "orderbook", start=f"{DAY}T13:16:00Z", end=f"{DAY}T13:17:00Z", root=AT)
    assert len(day.numpy()["recv_ns"]) == 40
    assert bucket.asked == {"GET": 3}, "the list, its manifest and its bytes"
    assert f"hoga/{BOOKS}.manifest.json.zst" in asked
    assert f"hoga/{BOOKS}.manifest.json" not in asked
    assert command("verify", AT)[0] == command("mirror", data, AT, "--verify")[0] == 0
    assert command("mirror", tmp_path / "back", AT, "--restore")[0] == 0
    assert _files(tmp_path / "back") == _files(data)


def test_a_packed_form_that_is_damaged_is_named_and_nobody_reads_it(large: None, command: Printed, bucket: Bucket, data: Path) -> None:
    command("mirror", data, AT)
    name = f"hoga/{BOOKS}.manifest.json.zst"
    text, headers = bucket.objects[name]
    for damaged in (text[:-9], text[:20] + bytes([text[20] ^ 1]) + text[21:], b"", bucket.objects[f"hoga/{TRADES}.manifest.json.zst"][0]):
        bucket.objects[name] = (damaged, headers)
        mount_objects()
        assert command("cat", f"{AT}/{BOOKS}.zip")[1] == command("cat", data / f"{BOOKS}.zip")[1]
        status, out, _ = command("mirror", data, AT, "--verify", "--json")
        assert (status, [each["file"] for each in json.loads(out)["failed"]]) == (1, [f"s3://bkt/{name}"])


def test_a_packed_form_of_another_manifest_keeps_the_day_from_being_committed(
    large: None, command: Printed, bucket: Bucket, data: Path
) -> None:
    bucket.objects[f"hoga/{BOOKS}.manifest.json.zst"] = (b"of before", {})
    status, _, err = command("mirror", data, AT)
    assert (status, f"{AT}/{BOOKS}.manifest.json.zst: it is not the packed form" in err) == (1, True), err
    assert f"hoga/{BOOKS}.manifest.json" not in bucket.objects
    del bucket.objects[f"hoga/{BOOKS}.manifest.json.zst"]
    assert command("mirror", data, AT)[0] == 0


def test_where_one_answer_does_not_hold_all_names_folders_are_listed_one_by_one(
    command: Printed, bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("mirror", data, AT)
    told = command("ls", AT, "--json")
    monkeypatch.setattr("hoga.archive.form.objects._LISTED_AT_ONCE", 2)
    mount_objects()
    bucket.asked.clear()
    assert command("ls", AT, "--json") == told
    assert bucket.asked["GET"] > 3


def test_who_reads_on_gets_what_was_fetched_ahead_and_any_piece_is_right(bucket: Bucket, unmounted: None) -> None:
    data = bytes(range(256)) * 4000
    bucket.objects["hoga/x.zip"] = (data, {})
    with open_source(Path(f"{AT}/x.zip")) as source:
        bucket.asked.clear()
        assert b"".join(source.read(at, 1000) for at in range(0, len(data) + 1000, 1000)) == data
        assert bucket.asked["GET"] < 15
        chance = random.Random(3)
        for _ in range(60):
            at, length = chance.randrange(len(data)), chance.randrange(1, 40_000)
            assert source.read(at, length) == data[at : at + length]


def test_another_content_under_a_name_is_named_and_left(command: Printed, bucket: Bucket, data: Path) -> None:
    bucket.objects[f"hoga/{BOOKS}.zip"] = (b"somebody's", {})
    status, out, err = command("mirror", data, AT)
    assert (status, "1 failed" in out) == (1, True)
    assert f"{AT}/{BOOKS}.zip: another content is under this name" in err
    assert bucket.objects[f"hoga/{BOOKS}.zip"][0] == b"somebody's"
    assert f"hoga/{BOOKS}.manifest.json" not in bucket.objects, "a manifest is the commit"
    assert f"hoga/{TRADES}.manifest.json" in bucket.objects


def test_verify_names_exactly_what_is_damaged_or_gone(command: Printed, bucket: Bucket, data: Path) -> None:
    command("mirror", data, AT)
    text, headers = bucket.objects[f"hoga/{BOOKS}.zip"]
    bucket.objects[f"hoga/{BOOKS}.zip"] = (text[:200] + bytes([text[200] ^ 1]) + text[201:], headers)
    del bucket.objects[f"hoga/{TRADES}.zip"]
    status, out, _ = command("mirror", data, AT, "--verify", "--json")
    assert (status, [each["file"] for each in json.loads(out)["failed"]]) == (1, [f"{AT}/{TRADES}.zip", f"{AT}/{BOOKS}.zip"])
    status, out, _ = command("verify", AT, "--json")
    assert status == 1
    assert {each["file"] for each in json.loads(out)["problems"]} == {f"{AT}/{TRADES}.zip", f"{AT}/{BOOKS}.zip"}


def test_an_object_that_cannot_be_read_is_one_line_and_the_others_are_proven(command: Printed, bucket: Bucket, data: Path) -> None:
    command("mirror", data, AT)
    bucket.refused = f"hoga/{BOOKS}.manifest.json"
    status, out, _ = command("mirror", data, AT, "--verify", "--json")
    told = json.loads(out)
    assert status == 1
    assert f"{AT}/{BOOKS}.manifest.json" in {each["file"] for each in told["failed"]}
    assert f"{AT}/{TRADES}.zip" in {each["file"] for each in told["done"]}


def test_a_slow_server_is_asked_again(command: Printed, bucket: Bucket, data: Path) -> None:
    bucket.fail_next = 3
    assert command("mirror", data, AT)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["s3://"], 2, "s3://bucket/prefix"),
        (["bucket"], 2, "s3://bucket/prefix"),
        (["s3://nowhere/x"], 1, "there is no bucket nowhere"),
    ],
)
def test_a_wrong_place_is_one_line(command: Printed, data: Path, arguments: list[str], status: int, says: str) -> None:
    found, _, err = command("mirror", data, *arguments)
    assert (found, says in err) == (status, True), err


def test_a_bucket_that_takes_nothing_is_told_for_each_file(command: Printed, bucket: Bucket, data: Path) -> None:
    bucket.read_only = True
    status, _, err = command("mirror", data, AT)
    assert (status, err.count("AWS_ACCESS_KEY_ID")) == (1, 2), err


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((403, "RequestTimeTooSkewed"), "403 RequestTimeTooSkewed (this machine's clock is off: chronyc makestep)"),
        ((403, "InvalidAccessKeyId"), "403 InvalidAccessKeyId (are AWS_ACCESS_KEY_ID"),
        ((400, "AuthorizationHeaderMalformed"), "AuthorizationHeaderMalformed (is S3_REGION"),
    ],
)
def test_a_store_that_is_not_ours_is_one_line_and_not_one_for_each_file(
    command: Printed, bucket: Bucket, data: Path, answers: tuple[int, str], says: str
) -> None:
    bucket.answers = answers
    for arguments in ((data, AT), (data, AT, "--verify"), (data, AT, "--restore")):
        status, out, err = command("mirror", *arguments)
        assert (status, out, err.count("\n"), says in err) == (1, "", 1, True), err
    status, _, err = command("ls", AT)
    assert (status != 0, err.count("\n"), says in err) == (True, 1, True), err


def test_a_store_that_falls_silent_is_given_up_and_gone_on_with_the_next_time(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(10, 20):
        shop = fill_trades(Workshop(tmp_path / "binance" / "execution", "execution", day=f"2026-11-{number}"), minutes=["13-15"])
        day = SeriesDay(shop.directory, shop.symbol, "execution", shop.day)
        merge_day(day, venue="binance", archive_format="zip", purge=True)

    def fall_silent(method: str, key: str) -> None:
        if len(bucket.objects) == 4:
            bucket.answers = (503, "SlowDown")

    bucket.told = fall_silent
    store = bucket_of(Path(AT), Place(retries=0))
    told = list(mirror.mirror_archive(tmp_path, Path(AT), store))
    assert [each.state for each in told] == ["sent"] * 4 + ["failed"] * 4
    assert "the rest was not tried" in told[-1].why
    bucket.told, bucket.answers = (lambda method, key: None), None
    assert {each.state for each in mirror.mirror_archive(tmp_path, Path(AT), store)} == {"sent", "there"}
    assert len(bucket.objects) == 20


@pytest.mark.parametrize("restore", [False, True])
def test_a_store_that_falls_silent_is_given_up_on_the_way_back_too(
    command: Printed, bucket: Bucket, data: Path, tmp_path: Path, restore: bool
) -> None:
    for number in range(30):
        (data / "binance" / "instruments").mkdir(exist_ok=True)
        (data / "binance" / "instruments" / f"instruments_2026-11-{number % 28 + 1:02}_{number:02}0000.json.zst").write_bytes(b"a list")
    command("mirror", data, AT)
    store = bucket_of(Path(AT), Place(retries=0))
    given = restore_archive(tmp_path / "back", Path(AT), store) if restore else verify_mirror(Path(AT), store)
    told = [next(given)]
    bucket.answers = (503, "SlowDown")
    bucket.asked.clear()
    told += given
    assert [each.state for each in told].count("failed") <= 4
    assert "the rest was not tried" in told[-1].why
    assert sum(bucket.asked.values()) <= 5


def test_what_comes_over_a_slow_line_comes_whole_and_what_was_fetched_is_not_fetched_again(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that takes three times as long as is waited for an answer; and a line that is cut again and again."""
    monkeypatch.setattr("hoga.archive.form.objects._PIECE_BYTES", 500_000)
    data = random.Random(1).randbytes(1_500_000)
    bucket.objects["hoga/instruments/x"] = (data, {})
    bucket.bytes_s = 500_000
    store = bucket_of(Path(AT), Place(answer_s=1, retries=0))
    began = monotonic()
    assert b"".join(store.download(Path(f"{AT}/instruments/x"))) == data
    assert monotonic() - began > 2.5
    bucket.bytes_s, bucket.sent, bucket.cut_next = 0, 0, 2
    assert b"".join(store.download(Path(f"{AT}/instruments/x"))) == data
    assert bucket.sent <= len(data) + 2 * 500_000
    bucket.bytes_s = 1_000_000
    monkeypatch.setattr("hoga.archive.form.objects._WHOLE_BYTES", 1_000)
    monkeypatch.setattr("hoga.archive.form.objects._PART_BYTES", 5 * 1024 * 1024)
    (tmp_path / "file").write_bytes(data)
    assert store.upload(Path(f"{AT}/instruments/y"), tmp_path / "file", sha256="1")
    assert bucket.objects["hoga/instruments/y"][0] == data


def test_an_object_that_is_exchanged_while_it_comes_is_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoga.archive.form.objects._PIECE_BYTES", 1000)
    bucket.objects["hoga/x"] = (b"a" * 3000, {})
    coming = bucket_of(Path(AT)).download(Path(f"{AT}/x"))
    assert next(coming) == b"a" * 1000
    bucket.objects["hoga/x"] = (b"b" * 3000, {})
    with pytest.raises(ArchiveError, match="was changed while it was read"):
        next(coming)


@pytest.mark.parametrize("whole_bytes", [1 << 25, 100])
def test_two_mirrors_to_one_place_at_once_and_neither_destroys_what_the_other_sent(
    bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch, whole_bytes: int
) -> None:
    """Another content comes after it was looked for, in one request and in parts."""
    monkeypatch.setattr("hoga.archive.form.objects._WHOLE_BYTES", whole_bytes)
    store, head = bucket_of(Path(AT)), objects.Bucket.head
    theirs = (b"the other one's", {"x-amz-meta-sha256": "1"})

    def overtaken(self: objects.Bucket, name: Path) -> objects.Head | None:
        found = head(self, name)
        if found is None and name.name.endswith(".zip"):
            bucket.objects[f"hoga/{'/'.join(name.parts[3:])}"] = theirs
        return found

    monkeypatch.setattr(objects.Bucket, "head", overtaken)
    told = {each.file: each for each in mirror.mirror_archive(data, Path(AT), store)}
    for stem in (BOOKS, TRADES):
        assert (told[f"{AT}/{stem}.zip"].state, bucket.objects[f"hoga/{stem}.zip"]) == ("failed", theirs)
        assert f"hoga/{stem}.manifest.json" not in bucket.objects
    assert not bucket.parts, "what was begun is taken back"


def test_a_day_file_that_is_another_by_now_is_not_committed(bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = mirror._sent

    def replaced(path: Path, to: Path, *rest: object) -> mirror.Mirrored:
        one = sent(path, to, *rest)  # type: ignore[arg-type]  # as it was called
        bucket.objects[f"hoga/{'/'.join(to.parts[3:])}"] = (b"of a store that minds nothing", {"x-amz-meta-sha256": "1"})
        return one

    monkeypatch.setattr(mirror, "_sent", replaced)
    told = list(mirror.mirror_archive(data, Path(AT), bucket_of(Path(AT))))
    assert sum(each.state == "failed" for each in told) == 2
    assert not [name for name in bucket.objects if name.endswith(".manifest.json")]


def test_a_store_that_minds_no_condition_gets_nothing_and_is_told_once(command: Printed, bucket: Bucket, data: Path) -> None:
    bucket.blind = True
    bucket.objects[f"hoga/{BOOKS}.manifest.json"] = (b"another's", {})
    status, _, err = command("mirror", data, AT)
    assert (status, err.count("\n"), "a second object is taken under the same name" in err, "If-None-Match" in err) == (1, 1, True, True), (
        err
    )
    assert list(bucket.objects) == [f"hoga/{BOOKS}.manifest.json"]
    bucket.blind = False
    assert command("mirror", data, AT)[0] == 1, "the manifest of another is named"
    assert bucket.objects[f"hoga/{BOOKS}.manifest.json"][0] == b"another's"


def test_keys_that_may_not_remove_leave_one_small_object_which_nobody_minds(
    command: Printed, bucket: Bucket, data: Path, tmp_path: Path
) -> None:
    bucket.keeps = True
    assert command("mirror", data, AT)[0] == 0
    assert {name for name in bucket.objects if ".hoga-trial-" in name} == {"hoga/.hoga-trial-mirror"}
    fill_trades(Workshop(data / "binance" / "execution", "execution", day="2026-11-21"))
    merge_day(
        SeriesDay(data / "binance" / "execution", "BTCUSDT", "execution", "2026-11-21"), venue="binance", archive_format="zip", purge=True
    )
    assert command("mirror", data, AT)[0] == command("mirror", data, AT, "--verify")[0] == command("verify", AT)[0] == 0
    assert command("mirror", tmp_path / "back", AT, "--restore")[0] == 0
    assert _files(tmp_path / "back") == _files(data)


def test_what_cannot_be_read_here_is_named_and_the_rest_is_sent(
    command: Printed, bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = data / "upbit"
    (hidden / "orderbook").mkdir(parents=True)
    (data / "binance" / "instruments").mkdir()
    odd = data / "binance" / "instruments" / "instruments_2026-11-20_000000.json.zst"
    os.mkfifo(odd)
    (data / f"{BOOKS}.zip").unlink()
    os.mkfifo(data / f"{BOOKS}.zip")
    scandir = os.scandir

    def look(path: object = ".") -> object:
        if isinstance(path, str | Path) and Path(path) == hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)  # type: ignore[call-overload]  # as it was called

    monkeypatch.setattr(os, "scandir", look)
    status, out, _ = command("mirror", data, AT, "--json")
    failed = [each["file"] for each in json.loads(out)["failed"]]
    assert status == 1
    assert failed[0] == str(hidden)
    assert f"{AT}/{BOOKS}.zip" in failed
    assert {f"hoga/{TRADES}.zip", f"hoga/{TRADES}.manifest.json"} == set(bucket.objects)


def test_a_day_that_is_there_costs_two_looks(bucket: Bucket, data: Path) -> None:
    list(mirror.mirror_archive(data, Path(AT), bucket_of(Path(AT))))
    bucket.asked.clear()
    assert {each.state for each in mirror.mirror_archive(data, Path(AT), bucket_of(Path(AT)))} == {"there"}
    assert bucket.asked["PUT"] == 0


def test_a_timer_that_finds_nothing_to_do_is_good_and_says_so(command: Printed, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert command("mirror", tmp_path / "data", AT)[:2] == (0, "nothing to do, 0 bytes, 0 failed\n")


def test_a_second_mirror_to_the_same_place_is_one_line_and_another_place_is_its_own(command: Printed, data: Path) -> None:
    with mirroring(data, Path(AT)):
        status, out, err = command("mirror", data, AT)
        assert (status, out, err.count("\n"), f"another mirror of it to {AT} is running" in err) == (2, "", 1, True), err
        assert command("mirror", data, "s3://bkt/elsewhere")[0] == 0
    assert command("mirror", data, AT)[0] == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_stop_it_ends_behind_a_file_and_the_next_run_goes_on(
    command: Printed, bucket: Bucket, data: Path, number: int, status: int
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    heard = threading.Event()

    def stop(method: str, key: str) -> None:
        if method == "PUT" and not heard.is_set():
            heard.set()
            os.kill(os.getpid(), number)

    bucket.told = stop
    found, out, _ = command("mirror", data, AT)
    assert (found, "the next run goes on" in out, out.count("\n")) == (status, True, 1), out
    assert signal.getsignal(signal.SIGTERM) == before
    assert len(bucket.objects) < 4
    status, out, _ = command("mirror", data, AT)
    assert (status, ", 0 failed" in out) == (0, True), out
    assert {f"hoga/{name}" for name in _files(data)} <= set(bucket.objects)
    assert command("mirror", data, AT, "--verify")[0] == 0


def test_every_reader_takes_a_bucket_and_says_what_it_says_of_the_folder(command: Printed, data: Path, tmp_path: Path) -> None:
    command("mirror", data, AT)
    for arguments in (
        ("coverage", "{}", "--json"),
        ("coverage", "{}"),
        ("ls", "{}"),
        ("ls", "{}", "--json"),
        ("verify", "{}"),
        ("cat", "binance:BTCUSDT", "--kind", "execution", "--data", "{}"),
        ("cat", "binance:BTCUSDT", "--kind", "orderbook", "--data", "{}", "--start", f"{DAY}T13:16:00Z", "--end", f"{DAY}T13:17:00Z"),
        ("export", "{}", "--kind", "execution", "--to", "csv", tmp_path / "out"),
    ):
        told = []
        for place, spelt in ((data, str(data)), (AT, "s3:/bkt/hoga")):
            status, out, err = command(*(str(each).replace("{}", str(place)) for each in arguments))
            told.append((status, out.replace(AT, "<>").replace(spelt, "<>"), err.replace(AT, "<>").replace(spelt, "<>")))
        assert told[0] == told[1], arguments
        assert told[0][0] == 0, told[0]
    assert [type(each) for each in hoga.read(AT)] == [type(each) for each in hoga.read(data)]


def test_a_day_goes_when_the_bucket_provably_has_it_and_stays_when_a_byte_is_another(command: Printed, bucket: Bucket, data: Path) -> None:
    kept = _files(data)
    command("mirror", data, AT)
    text, headers = bucket.objects[f"hoga/{BOOKS}.zip"]
    bucket.objects[f"hoga/{BOOKS}.zip"] = (text[:-1] + bytes([text[-1] ^ 1]), headers)
    status, out, err = command("retain", data, "--root", AT, "--days", 1)
    assert (status, "1 days went, 1 stay" in out, "is not what the manifest names" in err) == (1, True, True), err
    assert set(kept) - set(_files(data)) == {f"{TRADES}.zip", f"{TRADES}.manifest.json"}
    bucket.objects[f"hoga/{BOOKS}.zip"] = (text, headers)
    del bucket.objects[f"hoga/{BOOKS}.manifest.json"]
    assert command("retain", data, "--root", AT, "--days", 1)[0] == 1, "what was never committed is no second copy"
    command("mirror", data, AT)
    mount_objects()  # what was listed is forgotten, as in a process of its own
    assert command("retain", data, "--root", AT, "--days", 1)[0] == 0
    assert command("mirror", data, AT, "--restore")[0] == 0
    assert {name: each for name, each in _files(data).items() if name in kept} == kept


def test_a_run_lets_a_day_go_that_the_bucket_of_its_configuration_has(command: Printed, data: Path, tmp_path: Path) -> None:
    endpoint = os.environ["HOGA_S3_ENDPOINT"]
    (tmp_path / "hoga.conf").write_text(f"S3_ENDPOINT = {endpoint}\nRETENTION_DAYS = 1\nRETENTION_ROOT = {AT}\n")
    config = load_config(tmp_path / "hoga.conf", overrides=[], environ={}, data_dir=data)
    root = config.venue("binance").retention_root
    directories = [data / "binance" / kind for kind in ("orderbook", "execution")]
    assert {each.why.split(" binance/")[0] for each in _retain_job(directories, data, root, "2026-11-21").kept} == {
        "the second root does not hold"
    }
    command("mirror", data, AT)
    mount_objects()
    done = _retain_job(directories, data, root, "2026-11-21")
    assert (len(done.removed), done.kept, _files(data)) == (2, [], {})


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def _size(root: Path) -> int:
    return sum(map(len, _files(root).values()))


def test_a_day_comes_back_only_whole(command: Printed, bucket: Bucket, data: Path, tmp_path: Path) -> None:
    command("mirror", data, AT)
    books, trades = f"hoga/{BOOKS}.zip", f"hoga/{TRADES}.zip"
    del bucket.objects[books]
    body, head = bucket.objects[trades]
    flipped = bytearray(body)
    flipped[100] ^= 1
    bucket.objects[trades] = (bytes(flipped), {key: value for key, value in head.items() if "sha256" not in key})
    status, _, err = command("mirror", tmp_path / "back", AT, "--restore")
    assert status == 1
    assert err.splitlines() == [
        f"hoga: s3://bkt/{trades}: s3://bkt/{trades}: the bytes are not those that were sent",
        f"hoga: s3://bkt/{books}: it is not there, and its manifest is",
    ]
    assert _files(tmp_path / "back") == {}
    bucket.objects[trades] = (body, head)
    assert command("mirror", tmp_path / "back", AT, "--restore")[0] == 1
    assert sorted(_files(tmp_path / "back")) == [f"{TRADES}.manifest.json", f"{TRADES}.zip"]


def test_what_is_here_under_a_name_is_left_also_where_it_is_a_link_or_a_folder(command: Printed, data: Path, tmp_path: Path) -> None:
    command("mirror", data, AT)
    back = tmp_path / "back"
    (back / f"{BOOKS}.zip").mkdir(parents=True)
    (back / f"{TRADES}.zip").parent.mkdir(parents=True)
    (back / f"{TRADES}.zip").symlink_to(tmp_path / "nowhere")
    status, _, err = command("mirror", back, AT, "--restore")
    assert (status, len(err.splitlines())) == (1, 2)
    assert (back / f"{TRADES}.zip").is_symlink()
    assert not list(back.rglob("*.manifest.json"))


def test_the_manifest_that_names_what_was_sent_is_the_one_that_is_sent(
    command: Printed, bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that is united again while it is sent: the bucket has the one before, whole."""
    manifest = data / f"{BOOKS}.manifest.json"
    before, sent = manifest.read_bytes(), mirror._sent

    def changed_meanwhile(path: Path, *rest: object) -> mirror.Mirrored:
        one = sent(path, *rest)  # type: ignore[arg-type]  # as it was called
        if path.parent == manifest.parent:
            manifest.write_bytes(b"{}")
        return one

    monkeypatch.setattr(mirror, "_sent", changed_meanwhile)
    command("mirror", data, AT)
    assert bucket.objects[f"hoga/{BOOKS}.manifest.json"][0] == before
    assert command("mirror", data, AT, "--verify")[0] == 0


@pytest.mark.parametrize("key", ["hoga/../escaped.zip", "hoga/binance/../../../escaped.zip", "hoga/a\nb.zip"])
def test_an_object_whose_name_leads_out_of_the_folder_is_one_line_and_nothing_is_written(
    command: Printed, bucket: Bucket, data: Path, tmp_path: Path, key: str
) -> None:
    bucket.objects[key] = (b"x", {})
    status, _, err = command("mirror", tmp_path / "one" / "two" / "back", AT, "--restore")
    assert (status, len(err.splitlines())) == (1, 1)
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize("what", [AT, "file"])
def test_only_a_folder_of_this_machine_is_sent_or_filled(
    command: Printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for more in ([], ["--restore"]):
        status, _, err = command("mirror", what, "s3://bkt/two", *more)
        assert (status, len(err.splitlines())) == (2, 1)
        assert "a data folder on this machine" in err
