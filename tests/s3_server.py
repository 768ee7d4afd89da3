"""A small S3 on loopback, of its own making: what `archive.form.objects` asks for, and the ways in which such a server goes wrong."""

from __future__ import annotations

import hashlib
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape


class Bucket:
    """Objects by key, with the headers they were written with. `asked`: how often each method was; `sent`: bytes of objects that were
    given.

    What is wrong with it: `fail_next` requests are answered with 503; `refused`: this key with 403; `read_only`: whatever writes with 403;
    `keeps`: whatever removes with 403; `answers`: everything with this status and code; `blind`: no condition is minded; `slow_s`: so long
    takes an answer; `bytes_s`: so many bytes a second go over the line; `cut_next`: so many answers end in the middle of an object.
    `told` hears of every request: its method and key.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.meta: dict[str, dict[str, str]] = {}
        self.fail_next = 0
        self.asked: Counter[str] = Counter()
        self.sent = 0
        self.read_only = False
        self.refused = ""
        self.keeps = self.blind = False
        self.answers: tuple[int, str] | None = None
        self.slow_s = 0.0
        self.bytes_s = 0
        self.cut_next = 0
        self.told: Callable[[str, str], None] = lambda method, key: None
        self.ended = threading.Event()
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _body = b""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        bucket = self.server.bucket
        url = urlsplit(self.path)
        name, _, key = unquote(url.path).lstrip("/").partition("/")
        query = {word: values[0] for word, values in parse_qs(url.query, keep_blank_values=True).items()}
        length = int(self.headers.get("content-length") or 0)
        body = b"".join(self.rfile.read(each) for each in self._paced(length))
        if len(body) < length:  # whoever sent it is gone: nothing of it was
            self.close_connection = True
            return
        if bucket.slow_s:
            bucket.ended.wait(bucket.slow_s)
        bucket.told(self.command, key)
        with bucket.lock:
            bucket.asked[self.command] += 1
            if bucket.fail_next > 0:
                bucket.fail_next -= 1
                self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
            elif bucket.answers is not None:
                self._answer(bucket.answers[0], f"<Error><Code>{bucket.answers[1]}</Code></Error>".encode())
            elif name != "bkt":
                self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif (key and key == bucket.refused) or self._is_barred(bucket):
                self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            else:
                getattr(self, f"_{self.command.lower()}")(bucket, key, query, body)
        body, self._body = self._body, b""
        if is_cut := self.command == "GET" and "list-type" not in query and bucket.cut_next > 0:
            bucket.cut_next -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        for each in self._paced(len(body)):
            self.wfile.write(body[:each])
            body = body[each:]
        if is_cut:
            self.wfile.flush()

    def _paced(self, length: int) -> Iterator[int]:
        """How many bytes at a time, and each after its time."""
        bucket = self.server.bucket
        while length > 0:
            each = min(length, bucket.bytes_s // 20) if bucket.bytes_s else length
            if bucket.bytes_s:
                bucket.ended.wait(0.05)
            yield each
            length -= each

    def _is_barred(self, bucket: Bucket) -> bool:
        return (bucket.read_only and self.command in ("PUT", "POST", "DELETE")) or (bucket.keeps and self.command in ("DELETE", "POST"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for word, value in headers.items():
            self.send_header(word.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._body = body if self.command != "HEAD" else b""

    def _said(self) -> dict[str, str]:
        return {word: value for word, value in self.headers.items() if word.lower().startswith("x-amz-meta-")}

    def _put(self, bucket: Bucket, key: str, query: dict[str, str], body: bytes) -> None:
        if "partNumber" in query:
            bucket.parts[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200, ETag=_tag(body))
        elif self.headers.get("if-none-match") == "*" and key in bucket.objects and not bucket.blind:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            bucket.objects[key] = (body, self._said())
            self._answer(200, ETag=_tag(body))

    def _post(self, bucket: Bucket, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploads" in query:
            number = str(next(bucket.numbers))
            bucket.parts[number], bucket.meta[number] = {}, self._said()
            text = f"<InitiateMultipartUploadResult><Bucket>bkt</Bucket><Key>{escape(key)}</Key><UploadId>{number}</UploadId>"
            self._answer(200, f"{text}</InitiateMultipartUploadResult>".encode())
            return
        if "delete" in query:
            keys = [unescape(each.split("</Key>")[0]) for each in body.decode().split("<Key>")[1:]]
            for each in keys:
                bucket.objects.pop(each, None)
            told = "".join(f"<Deleted><Key>{escape(each)}</Key></Deleted>" for each in keys)
            self._answer(200, f"<DeleteResult>{told}</DeleteResult>".encode())
            return
        parts = bucket.parts.pop(query["uploadId"])
        whole = b"".join(parts[number] for number in sorted(parts))
        bucket.objects[key] = (whole, bucket.meta.pop(query["uploadId"]))
        text = f"<CompleteMultipartUploadResult><Bucket>bkt</Bucket><Key>{escape(key)}</Key><ETag>{_tag(whole)}</ETag>"
        self._answer(200, f"{text}</CompleteMultipartUploadResult>".encode())

    def _head(self, bucket: Bucket, key: str, query: dict[str, str], body: bytes) -> None:
        self._get(bucket, key, query, body)

    def _get(self, bucket: Bucket, key: str, query: dict[str, str], body: bytes) -> None:
        if "list-type" in query:
            self._answer(200, _listing(bucket, query.get("prefix", ""), query.get("delimiter", "")))
            return
        found = bucket.objects.get(key)
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        data, headers = found
        if self.headers.get("if-match") not in (None, _tag(data)):
            self._answer(412)
            return
        status, extra, piece = 200, {}, data
        if (asked := self.headers.get("range")) is not None:
            low, _, high = asked.removeprefix("bytes=").partition("-")
            first, last = int(low), min(len(data) - 1, int(high) if high else len(data) - 1)
            if first >= len(data):
                self._answer(416)
                return
            status, piece, extra = 206, data[first : last + 1], {"Content_Range": f"bytes {first}-{last}/{len(data)}"}
        if self.command == "GET":
            bucket.sent += len(piece)
        length = {"Content_Length": str(len(piece))}
        stamp = {"Last_Modified": "Fri, 20 Nov 2026 00:00:00 GMT", "ETag": _tag(data)}
        self._answer(status, piece, **length, **stamp, **extra, **{word.replace("-", "_"): value for word, value in headers.items()})

    def _delete(self, bucket: Bucket, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            bucket.parts.pop(query["uploadId"], None)
        else:
            bucket.objects.pop(key, None)
        self._answer(204)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bucket = bucket

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who was killed is no news
            super().handle_error(request, client_address)


@lru_cache(maxsize=32)
def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'  # what S3 calls a tag


def _listing(bucket: Bucket, prefix: str, delimiter: str) -> bytes:
    rows, folders = [], set()
    for key, (data, _) in sorted(bucket.objects.items()):
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            continue
        facts = f"<Size>{len(data)}</Size><ETag>{escape(_tag(data))}</ETag><LastModified>2026-11-20T00:00:00.000Z</LastModified>"
        rows.append(f"<Contents><Key>{escape(key)}</Key>{facts}</Contents>")
    rows += [f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)]
    head = f"<Name>bkt</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount><IsTruncated>false</IsTruncated>"
    return f"<?xml version='1.0'?><ListBucketResult>{head}{''.join(rows)}</ListBucketResult>".encode()


@contextmanager
def s3_server() -> Iterator[tuple[str, Bucket]]:
    """(endpoint, the one bucket `bkt`), until the end of the block."""
    server = _Server(Bucket())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="s3 server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.bucket
    finally:
        server.bucket.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
