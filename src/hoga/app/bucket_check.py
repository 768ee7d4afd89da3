"""app.bucket_check: does a bucket give and take as a copy of the archive needs it? For `hoga doctor`.

One small object is put there, read whole and by range, put once more under a condition that must refuse it, and taken away. Whatever is
wrong is one line, and what to set; no key is in any text.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from hoga.app.checks import Check, CheckState
from hoga.app.config import Config
from hoga.archive.form.objects import TRIAL, Bucket, Place, bucket_of, is_object
from hoga.core.errors import HogaError
from hoga.runtime.patience import within

__all__ = ["examine_buckets"]

_CONNECT_S, _ANSWER_S = 2, 3
_BEGIN_S, _ALL_S = 6.0, 9.5
"""No step is begun later than the first, and all of it is given up after the second."""
_BYTES = 4096


async def examine_buckets(config: Config, asked: Path | None) -> list[Check]:
    """Try the bucket that is `asked` for, and those that the configuration names, side by side; no line where there are none."""
    program = config.program
    roots = [config.venue(name).retention_root for name in config.active_venues]
    places = dict.fromkeys(place for place in (asked, *roots) if place is not None and is_object(place))
    if not places and program.s3_endpoint:
        found = f"S3_ENDPOINT is {program.s3_endpoint}, and no bucket is named"
        return [Check(name="bucket", state=CheckState.WARNING, found=found, advice="hoga doctor --bucket s3://BUCKET/PREFIX tries one")]
    where = Place(program.s3_endpoint, program.s3_region, connect_s=_CONNECT_S, answer_s=_ANSWER_S, retries=0)
    return list(await asyncio.gather(*(_examine(place, where) for place in places)))


async def _examine(place: Path, where: Place) -> Check:
    """In a thread that nobody waits for in the end: what a library waits for cannot be called off."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Check] = loop.create_future()

    def tell(check: Check) -> None:
        if not done.done():
            done.set_result(check)

    def work() -> None:
        check = _try(place, where)
        try:
            loop.call_soon_threadsafe(tell, check)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=work, name="bucket-trial", daemon=True).start()
    try:
        return await within(done, _ALL_S)
    except TimeoutError:
        return _failed(place, f"it did not answer within {_ALL_S:g} s", None)


def _try(place: Path, where: Place) -> Check:
    began = perf_counter()
    try:
        bucket = bucket_of(place, where)
        trial = _Trial(bucket, place / f"{TRIAL}{secrets.token_hex(8)}", began + _BEGIN_S)
        for step in _STEPS:
            try:
                trial.take(step)
            except _Wrong as wrong:
                trial.stays()
                return _failed(place, f"{step}: {wrong}", wrong.advice)
            except HogaError as fault:
                if step != "put":
                    trial.stays()
                return _failed(place, f"{step}: {getattr(fault, 'why', fault)}", fault.hint)
            except OSError as fault:
                return _failed(place, f"{step}: what was put is not there ({type(fault).__name__})", None)
        stays = trial.stays()
    except HogaError as fault:
        return _failed(place, getattr(fault, "why", str(fault)), fault.hint)
    ms = (perf_counter() - began) * 1e3
    found = f"{_spelt(place)}{_at(bucket)}: put, get, range and conditional put work ({ms:.0f} ms)"
    if stays:
        advice = f"the keys may not remove: {stays} stays, which harms nothing; nor does hoga ever remove there"
        return Check(name="bucket", state=CheckState.WARNING, found=found, advice=advice)
    return Check(name="bucket", state=CheckState.OK, found=found)


_STEPS = ("put", "get", "range", "conditional put")


class _Wrong(Exception):
    def __init__(self, what: str, advice: str | None) -> None:
        super().__init__(what)
        self.advice = advice


class _Trial:
    def __init__(self, bucket: Bucket, name: Path, until: float) -> None:
        self._bucket, self._name, self._until = bucket, name, until
        self._data = os.urandom(_BYTES)
        self._is_there = False

    def take(self, step: str) -> None:
        """Raises _Wrong, ArchiveError, FileNotFoundError."""
        if perf_counter() > self._until:
            raise _Wrong("not tried: the steps before took too long", "look at the network, and at the load of the store")
        bucket, name, data = self._bucket, self._name, self._data
        if step == "put":
            self._is_there = True  # also when nothing is heard of it
            if not bucket.create(name, data, sha256=sha256(data).hexdigest()):
                raise _Wrong("it refuses a name that nothing is under", "a store that knows If-None-Match is needed")
        elif step == "get" and bucket.read(name) != data:
            raise _Wrong("other bytes come back than were put", "what answers there is no store to trust: look at S3_ENDPOINT, at a proxy")
        elif step == "range" and bucket.read(name, 1000, 500) != data[1000:1500]:
            raise _Wrong("other bytes come back than were asked for", "a store that knows Range is needed to read by the minute")
        elif step == "conditional put" and bucket.create(name, b"another", sha256=sha256(b"another").hexdigest()):
            why = "a second object was taken under the same name"
            raise _Wrong(why, "a store that knows If-None-Match is needed: without it a copy could replace another")

    def stays(self) -> str:
        """Take the object away; its name when it cannot be."""
        if not self._is_there:
            return ""
        if perf_counter() > self._until:
            return self._name.name
        try:
            self._bucket.remove(self._name)
        except (HogaError, OSError):
            return self._name.name
        return ""


def _failed(place: Path, found: str, advice: str | None) -> Check:
    return Check(
        name="bucket",
        state=CheckState.FAILED,
        found=f"{_spelt(place)}: {found}",
        advice=advice or "look at S3_ENDPOINT, the network and the firewall",
    )


def _spelt(place: Path) -> str:
    return "s3://" + "/".join(place.parts[1:])


def _at(bucket: Bucket) -> str:
    return f" at {bucket.endpoint}" if bucket.endpoint else ""
