"""archive.form.objects: objects in a bucket (S3, or what speaks like it) as a store of the archive. The only file that knows obstore
(extra `s3`).

`s3://bucket/prefix/…` are names like any other: whoever reads one mounts this store. Keys come from the environment as all programs of S3
take them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, or a machine's own role), and are in no text of ours. `S3_ENDPOINT` and
`S3_REGION` say where it is: with an endpoint the bucket is a part of the path, and plain http is allowed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

from hoga.archive.form.packed import is_packed, packed_name, unpack
from hoga.archive.form.store import Entry, Source, mount
from hoga.core.errors import ArchiveError, HogaError
from hoga.runtime.checkout import install_line

__all__ = ["PLACE", "SILENT", "TRIAL", "Bucket", "Place", "bucket_of", "is_object", "mount_objects", "say_where"]

PLACE = "s3:"
"""The first part of the names: `Path` spells `s3://bucket/key` as `s3:/bucket/key`."""

TRIAL = ".hoga-trial-"
"""How the name of an object begins that is put to try the store, and taken away again."""

SILENT = 3
"""So many requests in a row that got no answer: the store is given up."""

_ENDPOINT, _REGION = "HOGA_S3_ENDPOINT", "HOGA_S3_REGION"
_PART_BYTES, _PARTS_AT_ONCE = 8 * 1024 * 1024, 4
_WHOLE_BYTES = 32 * 1024 * 1024
_PIECE_BYTES = 8 * 1024 * 1024
"""So much of an object is fetched by one request: what was fetched before a line is cut need not be fetched again."""
_SENDING = 5
"""So many times as long as for an answer is waited while parts are sent: all of them in 600 s is half a megabit a second."""
_FETCHING = 30
"""A request may take so many times as long while bytes come."""
_STATUS = re.compile(r"\b([45]\d\d) [A-Z][A-Za-z ]+")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_KEYS = "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY those of this bucket?"
_HINTS = {
    "NoSuchBucket": "make the bucket, or name one that is there",
    "AccessDenied": f"{_KEYS} May they read and write there?",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "RequestTimeTooSkewed": "this machine's clock is off: chronyc makestep",
    "AuthorizationHeaderMalformed": "is S3_REGION the bucket's?",
    "PermanentRedirect": "is S3_REGION the bucket's?",
    "NotImplemented": "a store that knows If-None-Match is needed",
    "SlowDown": "it is busy: try again later",
}
_AHEAD_BYTES = 8 * 1024 * 1024
_LISTED_S = 30.0
_LISTED_AT_ONCE = 1000
"""As many as one answer of S3 holds."""
_KEPT, _KEPT_BYTES = 64, 512 * 1024


class Place(NamedTuple):
    """Where the store is; None: what the environment says of it, else Amazon's own. `connect_s`, `answer_s`: how long nothing may come,
    `retries`: how often it is made again, within half a minute, when the store is busy or silent."""

    endpoint: str | None = None
    region: str | None = None
    connect_s: int = 10
    answer_s: int = 120
    retries: int = 4


def say_where(endpoint: str | None, region: str | None) -> None:
    """Tell this process, and those that it starts, where buckets are; None says nothing. What the environment says already goes first."""
    for key, value in ((_ENDPOINT, endpoint), (_REGION, region)):
        if value:
            os.environ.setdefault(key, value)


def is_object(name: Path) -> bool:
    """Whether the name is one of a bucket."""
    return bool(name.parts) and name.parts[0] == PLACE


def mount_objects(place: Place | None = None) -> Callable[[], None]:
    """Serve names that begin with `s3://`, until what is given back is called. Raises ArchiveError where obstore is not installed."""
    return mount(PLACE, _Objects(place or Place()))


def bucket_of(name: Path, place: Place | None = None) -> Bucket:
    """The bucket that a name begins with, to write to. Raises ArchiveError for a name without one, or without obstore."""
    return Bucket(name, place or Place())


class Bucket:
    """One bucket, and the prefix in it that it was named with. Every name is whole: `s3:/bucket/key`. What the other side answers
    is told in one line."""

    def __init__(self, name: Path, place: Place) -> None:
        self.place = place
        if len(name.parts) < 2:
            raise ArchiveError(name, "names no bucket", hint="expected s3://bucket/prefix")
        self.name, self._at = name.parts[1], name
        self.silent = 0
        """So many requests, one after the other, got no answer, or one that the store is in trouble."""
        self.is_blind: bool | None = None
        """Whether it takes a second object under a name; None before `require_sight`."""
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError as missing:
            raise ArchiveError(name, "buckets need obstore", hint=install_line("s3")) from missing
        self._library = obstore
        self.endpoint = endpoint = place.endpoint or os.environ.get(_ENDPOINT) or None
        region = place.region or os.environ.get(_REGION) or os.environ.get("AWS_REGION") or "us-east-1"
        config: Any = {"bucket": self.name, "region": region, "checksum_algorithm": "SHA256", "conditional_put": "etag"}
        if endpoint is not None:
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        client: Any = {"connect_timeout": f"{place.connect_s}s", "allow_http": endpoint is not None}
        asking = client | {"read_timeout": f"{place.answer_s}s", "timeout": f"{_FETCHING * place.answer_s}s"}
        sending = client | {"timeout": f"{_SENDING * place.answer_s}s"}  # the library counts sending as waiting for the answer
        try:
            self._store = S3Store(config=config, client_options=asking, retry_config=_retries(place.retries))
            self._sending = S3Store(config=config, client_options=sending, retry_config=_retries(place.retries))
        except Exception as fault:  # the library's own kinds of refusing a setting have no common base
            raise ArchiveError(name, f"cannot be reached: {_said(fault)}") from fault

    def head(self, name: Path) -> Head | None:
        """Size, version and the SHA-256 that was written with an object; None where there is none."""
        with self._asking(name):
            try:
                found = self._library.get(self._store, _key(name), options={"head": True})
            except FileNotFoundError:
                return None
            meta = found.meta
            return Head(int(meta["size"]), str(meta["e_tag"] or ""), dict(found.attributes).get("sha256"))

    def read(self, name: Path, at: int = 0, length: int | None = None, *, version: str = "") -> bytes:
        """Bytes of an object, in one request. Raises FileNotFoundError, ArchiveError."""
        options: Any = {"if_match": version} if version else {}
        if length is not None:
            options["range"] = (at, at + length)
        elif at:
            options["range"] = {"offset": at}
        if length == 0:
            return b""
        with self._asking(name):
            return bytes(self._library.get(self._store, _key(name), options=options).bytes())

    def entries(self, folder: Path) -> list[Entry]:
        """What lies directly in a folder."""
        prefix = _key(folder)
        with self._asking(folder):
            found = self._library.list_with_delimiter(self._store, prefix=f"{prefix}/" if prefix else None)
        root = Path(PLACE) / self.name
        folders = [Entry(root / each, True) for each in found["common_prefixes"]]
        files = [Entry(root / each["path"], False, int(each["size"]), str(each["e_tag"] or "")) for each in found["objects"]]
        return folders + files

    def everything(self, folder: Path) -> list[Entry] | None:
        """All files below a folder, however deep, in one request; None where there are more than one answer holds."""
        prefix = _key(folder)
        with self._asking(folder):
            stream = self._library.list(self._store, prefix=f"{prefix}/" if prefix else None, chunk_size=_LISTED_AT_ONCE)
            found = next(iter(stream), [])
        root = Path(PLACE) / self.name
        if len(found) >= _LISTED_AT_ONCE:
            return None
        return [Entry(root / each["path"], False, int(each["size"]), str(each["e_tag"] or "")) for each in found]

    def create(self, name: Path, data: bytes, *, sha256: str) -> bool:
        """Make an object all or nothing; False where there is one of that name already (which is not touched)."""
        with self._asking(name):
            try:
                self._library.put(self._store, _key(name), data, mode="create", attributes={"sha256": sha256}, use_multipart=False)
            except self._library.exceptions.AlreadyExistsError:
                return False
        return True

    def require_sight(self) -> None:
        """Try, once, whether the store refuses a second object under a name. Raises ArchiveError where it does not, or cannot be asked.

        Whoever made the object takes it away again. One that stays, where the keys may not remove, is refused the next time: that is all
        that is to be known.
        """
        if self.is_blind is None:
            name, said = self._at / f"{TRIAL}mirror", b"whether the store knows If-None-Match is tried with this\n"
            sha256 = hashlib.sha256(said).hexdigest()
            if self.create(name, said, sha256=sha256):
                self.is_blind = self.create(name, said, sha256=sha256)
                with suppress(ArchiveError, FileNotFoundError):
                    self.remove(name)
            else:
                self.is_blind = False
        if self.is_blind:
            raise ArchiveError(self._at, "a second object is taken under the same name", hint=_HINTS["NotImplemented"])

    def upload(self, name: Path, file: Path, *, sha256: str) -> bool:
        """Make an object of a file all or nothing; False where there is one of that name already (which is not touched).

        A large one goes in parts, and S3 knows no condition for those that every store minds: the name is looked at again before the last.
        """
        put, attributes = self._library.put, {"sha256": sha256}
        if file.stat().st_size <= _WHOLE_BYTES:
            with self._asking(name):
                try:
                    put(self._sending, _key(name), file, mode="create", attributes=attributes, use_multipart=False)
                except self._library.exceptions.AlreadyExistsError:
                    return False
            return True
        with ThreadPoolExecutor(1) as aside, self._asking(name):  # the library asks nothing in the thread in which it takes parts
            parts = _Parts(file, lambda: aside.submit(self.head, name).result() is not None)
            try:
                put(
                    self._sending,
                    _key(name),
                    parts,
                    attributes=attributes,
                    use_multipart=True,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
            except Exception as fault:
                if parts.is_taken:
                    return False
                if parts.fault is not None:
                    raise parts.fault from fault
                raise
        return True

    def download(self, name: Path, head: Head | None = None) -> Iterator[bytes]:
        """An object's bytes, piece by piece, all of one version: that of `head`, else as it is now. A piece that does not come is asked for
        until the store is given up. Raises FileNotFoundError, ArchiveError."""
        if head is None and (head := self.head(name)) is None:
            raise FileNotFoundError(str(name))
        at = 0
        while at < head.size:
            try:
                piece = self.read(name, at, min(_PIECE_BYTES, head.size - at), version=head.version)
            except ArchiveError:
                if not 0 < self.silent < SILENT:
                    raise
                continue
            if not piece:
                raise ArchiveError(name, f"ends at {at} of {head.size} bytes")
            yield piece
            at += len(piece)

    def remove(self, name: Path) -> None:
        """Take an object away; none is no fault."""
        with self._asking(name):
            self._library.delete(self._store, _key(name))

    @contextmanager
    def _asking(self, name: Path) -> Iterator[None]:
        """What goes wrong with a request is one line about `name`."""
        silent, self.silent = self.silent, 0
        try:
            yield
        except FileNotFoundError as missing:
            if "NoSuchBucket" in str(missing):
                raise ArchiveError(name, f"there is no bucket {self.name}", hint=_HINTS["NoSuchBucket"]) from missing
            raise FileNotFoundError(str(name)) from missing
        except self._library.exceptions.PreconditionError as changed:
            raise ArchiveError(name, "was changed while it was read", hint="read it once more") from changed
        except self._library.exceptions.BaseError as fault:
            if (status := _STATUS.search(str(fault))) is None or status[1].startswith("5"):
                self.silent = silent + 1
            why = f"there is no bucket {self.name}" if _code(fault) == "NoSuchBucket" else _said(fault)
            raise ArchiveError(name, why, hint=_hint(fault)) from fault


class _Parts:
    """A file's bytes for an upload in parts. Before the last one `is_late` is asked: where it says so, the upload fails, and `is_taken`.
    `fault`: what went wrong with the file or the question."""

    def __init__(self, file: Path, is_late: Callable[[], bool]) -> None:
        self.is_taken = False
        self.fault: Exception | None = None
        self._pieces = self._read(file, is_late)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except (OSError, HogaError) as fault:
            self.fault = fault
            raise

    def _read(self, file: Path, is_late: Callable[[], bool]) -> Iterator[bytes]:
        with file.open("rb", buffering=0) as source:
            piece = source.read(_PART_BYTES)
            while piece:
                ahead = source.read(_PART_BYTES)
                if not ahead and is_late():
                    self.is_taken = True
                    raise ArchiveError(file, "its name is taken")
                yield piece
                piece = ahead


class Head(NamedTuple):
    """`version`: another content has another. `sha256`: None where nobody wrote one with it."""

    size: int
    version: str
    sha256: str | None


class _Object:
    """An object that was looked at, to be read in pieces: a piece of another version is refused. Who reads on from where he stopped gets
    what was fetched ahead, each time twice as much as the time before: a day file of 80 MB in 32 KB pieces is some 20 requests, not
    2,500."""

    def __init__(self, bucket: Bucket, name: Path, head: Head) -> None:
        self.size = head.size
        self._bucket, self._name, self._version = bucket, name, head.version
        self._at, self._ahead, self._next = 0, b"", -1

    def read(self, at: int, length: int) -> bytes:
        length = min(length, self.size - at)
        if length <= 0:
            return b""
        if not self._at <= at <= at + length <= self._at + len(self._ahead):
            more = min(2 * len(self._ahead), _AHEAD_BYTES) if at == self._next else 0
            self._ahead = self._bucket.read(self._name, at, min(max(length, more), self.size - at), version=self._version)
            self._at = at
        self._next = at + length
        begin = at - self._at
        return self._ahead[begin : begin + length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        pass


class _Objects:
    """`archive.form.store.Store` over buckets.

    Whole folders are listed, with all below them where that is one request, and what was listed goes for half a minute: what is in no list
    is not asked for, and sizes need no asking. Small objects (manifests) are kept by their version, large manifests are fetched packed
    (`archive.form.packed`). So a minute of a day costs three requests: the list, its manifest and its bytes.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._buckets: dict[str, Bucket] = {}
        self._listed: dict[Path, tuple[float, dict[str, Entry]]] = {}
        self._kept: OrderedDict[tuple[Path, str], bytes] = OrderedDict()

    def _of(self, name: Path) -> Bucket:
        key = name.parts[1] if len(name.parts) > 1 else ""
        if key not in self._buckets:
            self._buckets[key] = Bucket(name, self._place)
        return self._buckets[key]

    def open(self, name: Path) -> Source:
        return _Object(self._of(name), name, self._head(name))

    def read(self, name: Path, at: int = 0, length: int | None = None) -> bytes:
        head = self._head(name)
        data = self._kept.get((name, head.version))
        if data is None:
            data = self._unpacked(name, head.size)
            if data is None and head.size > _KEPT_BYTES:
                return _Object(self._of(name), name, head).read(at, head.size - at if length is None else length)
            if data is None:
                data = self._of(name).read(name, version=head.version)
            self._kept[name, head.version] = data
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return data[at:] if length is None else data[at : at + length]

    def _unpacked(self, name: Path, size: int) -> bytes | None:
        """A large manifest from its packed form; None where there is none, or none that is whole."""
        packed = packed_name(name, size)
        found = self._folder(name.parent).get(packed.name) if packed is not None else None
        if packed is None or found is None:
            return None
        try:
            return unpack(self._of(packed).read(packed, version=str(found.mark or "")), size)
        except (ArchiveError, FileNotFoundError):
            return None

    def list(self, prefix: Path) -> list[Entry]:
        return [entry for name, entry in self._folder(prefix).items() if not is_packed(name)]

    def look(self, name: Path) -> Entry | None:
        if len(name.parts) < 3 or (not name.suffix and self._is_unknown(name.parent)):
            if self._folder(name):
                return Entry(name, True)
            if len(name.parts) < 3:
                return None
        return self._folder(name.parent).get(name.name)

    def _head(self, name: Path) -> Head:
        found = self.look(name)
        if found is None or found.is_folder:
            raise FileNotFoundError(str(name))
        return Head(found.bytes or 0, str(found.mark or ""), None)

    def _folder(self, folder: Path) -> dict[str, Entry]:
        """What lies in it, by name. Where the folder above was listed without it, it is empty."""
        now = monotonic()
        known = self._listed.get(folder)
        if known is not None and now - known[0] < _LISTED_S:
            return known[1]
        for above in folder.parents:
            listed = self._listed.get(above)
            if listed is not None and now - listed[0] < _LISTED_S:
                child = listed[1].get(folder.parts[len(above.parts)])
                if child is None or not child.is_folder:
                    return {}
                break
        bucket = self._of(folder)
        every = bucket.everything(folder) if self._is_unknown(folder) else None
        if every is not None:
            return self._take(folder, every, now)
        found = {entry.path.name: entry for entry in bucket.entries(folder)}
        self._listed[folder] = (now, found)
        return found

    def _is_unknown(self, folder: Path) -> bool:
        """Whether neither it nor any above was listed lately."""
        now = monotonic()
        return not any(each in self._listed and now - self._listed[each][0] < _LISTED_S for each in (folder, *folder.parents))

    def _take(self, folder: Path, every: Iterable[Entry], now: float) -> dict[str, Entry]:
        """Enter all files below a folder. Returns what lies directly in it."""
        found: dict[Path, dict[str, Entry]] = {folder: {}}
        for entry in every:
            below = entry
            while below.path != folder:
                above = below.path.parent
                known = above in found
                found.setdefault(above, {})[below.path.name] = below
                if known:
                    break
                below = Entry(above, True)
        self._listed |= {each: (now, entries) for each, entries in found.items()}
        return found[folder]


def _retries(most: int) -> Any:
    from datetime import timedelta

    return {"max_retries": most, "retry_timeout": timedelta(seconds=30)}


def _key(name: Path) -> str:
    return "/".join(name.parts[2:])


def _said(fault: Exception) -> str:
    """What the store answered, in its own word where it gave one; else the first line of what the library says, without the request that it
    was said of."""
    text = str(fault).strip()
    status, code = _STATUS.search(text), _code(fault)
    if code:
        return f"it answers {f'{status[1]} ' if status else ''}{code}"
    if status:
        return f"it answers {status[1]}"
    if "operation timed out" in text.lower() or "timeout" in text.lower():
        return "it does not answer in time"
    lines = text.splitlines()
    return (lines[0] if lines else type(fault).__name__).split(" source:")[0][:200]


def _code(fault: Exception) -> str:
    """The word of S3 for what is wrong, empty where it said none."""
    found = _CODE.search(str(fault))
    return found[1] if found else ""


def _hint(fault: Exception) -> str | None:
    known = _HINTS.get(_code(fault))
    if known is None and type(fault).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
        return _HINTS["AccessDenied"]
    return known
