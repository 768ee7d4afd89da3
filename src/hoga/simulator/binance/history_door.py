"""simulator.binance.history_door: the historical archive over HTTP: files, and the listing as S3 gives it (ListObjects, version 1).

Files are at `/data/…`; the listing at `/?prefix=…` and, as the real one has it on another host, at `/data.binance.vision?prefix=…`. Ranges
are honoured, with `If-Range`. Faults of a transfer (`file` with one of `TRANSFER_DEFECTS`, `rest-error`, `rest-slow`) are carried out here.
Source: protocol sheet 7.4.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from email.utils import formatdate
from typing import NamedTuple
from xml.sax.saxutils import escape

from aiohttp import web

from hoga.simulator.binance.history import HistoryFile, HistoryFiles
from hoga.simulator.clock import SimClock
from hoga.simulator.faults import Fault, FaultDesk, FaultKind, FileDefect

__all__ = ["HistoryDoor"]

_BUCKET = "data.binance.vision"
_PIECE = 16 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_HTML = b"<html><body><h1>Service notice</h1><p>This page is not what you asked for.</p></body></html>"


class _Told(NamedTuple):
    """What a file's transfers came to: how many were asked for, how many ended as they should, and the bytes sent."""

    asked: int = 0
    whole: int = 0
    bytes: int = 0


class HistoryDoor:
    """Serves `files`. `page` keys stand on one page of the listing at most."""

    def __init__(self, files: HistoryFiles, desk: FaultDesk, clock: SimClock, *, page: int) -> None:
        self._files = files
        self._desk = desk
        self._clock = clock
        self._page = page
        self._told: dict[str, _Told] = {}
        self._listings = 0

    def add_routes(self, app: web.Application) -> None:
        """Serve files and listing."""
        app.router.add_get("/data/{tail:.*}", self._get_file)
        app.router.add_get("/", self._list)
        app.router.add_get(f"/{_BUCKET}", self._list)
        app.router.add_get(f"/{_BUCKET}/", self._list)

    def status(self) -> dict[str, object]:
        """Ready for JSON."""
        return {"listings": self._listings, "files": {key: told._asdict() for key, told in sorted(self._told.items())}}

    # -- files ------------------------------------------------------------------------------------------------------

    async def _get_file(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        key = path.removeprefix("/")
        broken = await self._broken(path)
        if broken is not None:
            return broken
        file = self._files.file(key)
        told = self._told.get(key, _Told())
        self._told[key] = told._replace(asked=told.asked + 1)
        if file is None:
            return _xml(
                404, f"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>{escape(key)}</Key></Error>"
            )
        fault = self._desk.take_defect(path)
        if fault is not None and fault.defect is FileDefect.HTML:
            return web.Response(body=_HTML, content_type="text/html")
        return await self._send(request, key, file, fault)

    async def _send(self, request: web.Request, key: str, file: HistoryFile, fault: Fault | None) -> web.StreamResponse:
        defect = None if fault is None else fault.defect
        at, end = 0, len(file.body)
        wish = None if defect is FileDefect.NO_RANGE else _RANGE.fullmatch(request.headers.get("Range", ""))
        headers = {"ETag": file.etag, "Last-Modified": formatdate(file.modified, usegmt=True)}
        if defect is not FileDefect.NO_RANGE:
            headers["Accept-Ranges"] = "bytes"
        status = 200
        if wish is not None and request.headers.get("If-Range", file.etag) == file.etag:
            at, end = int(wish[1]), min(end, int(wish[2] or end) + (1 if wish[2] else 0))
            if at >= len(file.body):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(file.body)}"})
            status = 206
            headers["Content-Range"] = f"bytes {at}-{end - 1}/{len(file.body)}"
        body = _changed(file.body[at:end], defect)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = end - at if defect is not FileDefect.SHORT else len(body)
        response.content_type = "application/zip" if key.endswith(".zip") else "binary/octet-stream"
        await response.prepare(request)
        if not await self._write(request, response, key, body, fault):
            return response
        told = self._told[key]
        self._told[key] = told._replace(whole=told.whole + (defect in (None, FileDefect.SLOW, FileDefect.NO_RANGE)))
        await response.write_eof()
        return response

    async def _write(self, request: web.Request, response: web.StreamResponse, key: str, body: bytes, fault: Fault | None) -> bool:
        """Send the body in pieces; False when the connection was cut on the way."""
        defect = None if fault is None else fault.defect
        is_cut = defect in (FileDefect.CUT, FileDefect.STALL)
        cut_at = len(body) // 2 if is_cut else len(body)
        for at in range(0, max(1, len(body)), _PIECE):
            piece = body[at : min(at + _PIECE, cut_at)]
            await response.write(piece)
            told = self._told[key]
            self._told[key] = told._replace(bytes=told.bytes + len(piece))
            if is_cut and at + _PIECE >= cut_at:
                if defect is FileDefect.STALL and fault is not None:
                    await asyncio.sleep(fault.ms / 1_000 / self._clock.speed)
                if request.transport is not None:
                    request.transport.close()
                return False
            if defect is FileDefect.SLOW and fault is not None:
                await asyncio.sleep(fault.ms / 1_000 / self._clock.speed)
        return True

    async def _broken(self, path: str) -> web.Response | None:
        slow = self._desk.take_one(FaultKind.REST_SLOW, path)
        if slow is not None:
            await asyncio.sleep(slow.ms / 1_000 / self._clock.speed)
        broken = self._desk.take_one(FaultKind.REST_ERROR, path)
        if broken is None:
            return None
        headers = {} if broken.retry_after_s is None else {"Retry-After": str(broken.retry_after_s)}
        return web.Response(status=broken.status or 500, text=broken.reason or "error", headers=headers)

    # -- listing ----------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        self._listings += 1
        broken = await self._broken(request.path)
        if broken is not None:
            return broken
        fault = self._desk.take_defect(request.path)
        if fault is not None and fault.defect is FileDefect.HTML:
            return web.Response(body=_HTML, content_type="text/html")
        return _xml(200, await self._listing(dict(request.query)))

    async def _listing(self, query: dict[str, str]) -> str:
        prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
        asked = query.get("max-keys", "")
        most = min(self._page, int(asked)) if asked.isdigit() else self._page
        entries: list[tuple[str, bool]] = []
        for key in self._files.keys(prefix):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            entry = (key, False) if cut < 0 else (key[: cut + len(delimiter)], True)
            if entry[0] > marker and (not entries or entries[-1] != entry):
                entries.append(entry)
        truncated = len(entries) > most
        entries = entries[:most]
        rows: list[str] = []
        for name, group in entries:
            rows.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" if group else self._row(name))
            await asyncio.sleep(0)  # a file that is listed has been made: the markets go on meanwhile
        more = f"<NextMarker>{escape(entries[-1][0])}</NextMarker>" if truncated and delimiter and entries else ""
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{_BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker>{more}<MaxKeys>{most}</MaxKeys>"
            + (f"<Delimiter>{escape(delimiter)}</Delimiter>" if delimiter else "")
            + f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>{''.join(rows)}</ListBucketResult>"
        )

    def _row(self, key: str) -> str:
        file = self._files.file(key)
        if file is None:
            return ""
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_iso(file.modified)}</LastModified>"
            f"<ETag>{file.etag.replace(chr(34), '&quot;')}</ETag><Size>{len(file.body)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        )


def _changed(body: bytes, defect: FileDefect | None) -> bytes:
    if defect is FileDefect.FLIP and body:
        at = len(body) // 2
        return body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]
    return body[: len(body) // 2] if defect is FileDefect.SHORT else body


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _xml(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', content_type="application/xml")
