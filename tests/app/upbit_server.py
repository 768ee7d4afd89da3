"""A small Upbit of its own: binary frames, whole-subscription replacement, snapshots of what is new, errors then close 1000."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web


class UpbitServer:
    """`requests` are the subscriptions received; `send` pushes a frame to whoever wants it; `cut` drops every socket."""

    def __init__(self, symbols: list[str]) -> None:
        self.symbols = symbols
        self.requests: list[list[dict[str, Any]]] = []
        self.origins: list[str | None] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.wants: dict[web.WebSocketResponse, set[tuple[str, str]]] = {}
        self.sent = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/websocket/v1", self._serve)
        app.router.add_get("/v1/market/all", self._markets)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.cut()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _markets(self, request: web.Request) -> web.Response:
        return web.json_response([{"market": symbol, "korean_name": "x"} for symbol in self.symbols])

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        self.origins.append(request.headers.get("Origin"))
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._replace(socket, json.loads(message.data))
        self.sockets.remove(socket)
        self.wants.pop(socket, None)
        return socket

    async def _replace(self, socket: web.WebSocketResponse, request: list[dict[str, Any]]) -> None:
        self.requests.append(request)
        if "ticket" not in request[0] or not any("type" in each for each in request):
            await socket.send_bytes(b'{"error":{"name":"NO_TYPE","message":"x"}}')
            await asyncio.sleep(0.05)
            await socket.close(code=1000)
            return
        self.wants[socket] = {(each["type"], code.partition(".")[0]) for each in request if "type" in each for code in each["codes"]}
        for each in request:
            if "type" in each and not each.get("is_only_realtime"):
                for code in each["codes"]:
                    if code.partition(".")[0] in self.symbols:
                        await socket.send_bytes(self.frame(each["type"], code.partition(".")[0], 0, "SNAPSHOT"))

    def frame(self, kind: str, code: str, number: int, stream_type: str = "REALTIME") -> bytes:
        stamp = 1_795_163_415_000 + number
        head = f'{{"type":"{kind}","code":"{code}",'
        level = f'"stream_type":"{stream_type}","level":0}}'
        if kind == "orderbook":
            unit = '{"ask_price":1.16540E8,"bid_price":1.16531E8,"ask_size":0.02054761,"bid_size":0.08120946}'
            body = f'"timestamp":{stamp},"total_ask_size":2.5,"total_bid_size":1.6,"orderbook_units":[{unit}],{level}'
        elif kind == "trade":
            body = (
                f'"timestamp":{stamp},"trade_date":"2026-11-20","trade_time":"08:30:15","trade_timestamp":{stamp},"trade_price":116540000.0,'
                f'"trade_volume":0.00214,"ask_bid":"BID","prev_closing_price":116012000.0,"change":"RISE","change_price":528000.0,'
                f'"sequential_id":{17_951_634_151_200_000 + number},"stream_type":"{stream_type}"}}'
            )
        else:
            body = (
                f'"opening_price":1.0,"high_price":1.0,"low_price":1.0,"trade_price":{number}.0,"signed_change_price":0.0,'
                f'"acc_trade_volume":1.0,"acc_trade_price":1.0,"timestamp":{stamp},"stream_type":"{stream_type}"}}'
            )
        return (head + body).encode()

    async def send(self, kind: str, code: str, number: int) -> None:
        for socket, wants in list(self.wants.items()):
            if (kind, code) in wants and not socket.closed:
                self.sent += 1
                await socket.send_bytes(self.frame(kind, code, number))

    async def cut(self) -> None:
        for socket in list(self.sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        await asyncio.sleep(0.01)
