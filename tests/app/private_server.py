"""The private side of three venues, small and strict: it checks every signature with code of its own, and counts what it is asked.

`keys` says what becomes of each key: "ok", or how it is refused. `off_s` is the server's clock against this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import re
import time
import warnings
from base64 import b64decode
from types import TracebackType
from typing import Any, Self

import jwt
from aiohttp import WSMsgType, web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UPBIT_FAULTS = {"wrong": "invalid_access_key", "expired": "expired_access_key", "revoked": "invalid_access_key", "scope": "out_of_scope"}


class PrivateServer:
    """`asked` counts by name: "connect", "listenKey POST", …; `push` sends a frame to everybody logged in; `cut` drops every socket.

    `skew_ms`: what each socket is told was sent so much later than what the one before was told. `deaf`: who logs in now is told nothing.
    `same_listen_key`: a listen key that there is, is given again, as the venue does.
    """

    def __init__(self, *, key: str, secret: str, public: bytes = b"") -> None:
        self.key = key
        self.secret = secret
        self.public = public
        self.keys = {key: "ok"}
        self.off_s = 0.0
        self.body = True
        self.down = False
        self.skew_ms = 0
        self.deaf = False
        self.same_listen_key = False
        self.asked: dict[str, int] = {}
        self.nonces: set[str] = set()
        self.requests: list[Any] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.members: list[web.WebSocketResponse] = []
        self.listen_keys: set[str] = set()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/websocket/v1/private", self._upbit)
        app.router.add_get("/v1/api_keys", self._upbit_keys)
        app.router.add_get("/ws-api/v3", self._spot)
        app.router.add_route("*", "/fapi/v1/listenKey", self._listen_key)
        app.router.add_get("/private/ws/{key}", self._futures)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.cut()
        assert self._runner is not None
        await self._runner.cleanup()

    # -- what tests do --------------------------------------------------------------------------------------------

    async def push(self, frame: bytes) -> None:
        """To everybody logged in."""
        for number, socket in enumerate(list(self.members)):
            with contextlib.suppress(ConnectionError):  # one that is just being ended
                await socket.send_bytes(_sent_later(frame, number * self.skew_ms))

    async def cut(self) -> None:
        """Drop every socket without a word."""
        for socket in list(self.sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        await asyncio.sleep(0.01)

    async def close(self, code: int, reason: str) -> None:
        """Close every socket."""
        for socket in list(self.sockets):
            await socket.close(code=code, message=reason.encode())

    def _count(self, name: str) -> None:
        self.asked[name] = self.asked.get(name, 0) + 1
        if self.down:
            raise web.HTTPServiceUnavailable

    # -- Upbit ----------------------------------------------------------------------------------------------------

    def _upbit_fault(self, request: web.Request) -> str | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                claims = jwt.decode(token, self.secret, algorithms=["HS512"])
            except jwt.InvalidTokenError:
                return "jwt_verification"
        if claims["nonce"] in self.nonces:
            return "nonce_used"
        self.nonces.add(claims["nonce"])
        state = self.keys.get(claims["access_key"], "wrong")
        return None if state == "ok" else UPBIT_FAULTS[state]

    def _refuse(self, name: str) -> web.Response:
        echo = f"refused for {self.key} {self.secret}"
        return web.Response(status=401, text=json.dumps({"error": {"name": name, "message": echo}}) if self.body else "")

    async def _upbit_keys(self, request: web.Request) -> web.Response:
        self._count("api_keys")
        fault = self._upbit_fault(request)
        self.body = True
        return web.json_response([]) if fault is None else self._refuse(fault)

    async def _upbit(self, request: web.Request) -> web.StreamResponse:
        self._count("connect")
        fault = self._upbit_fault(request)
        if fault is not None:
            return self._refuse(fault)
        return await self._serve(request, self._upbit_request)

    async def _upbit_request(self, socket: web.WebSocketResponse, asked: Any) -> None:
        self.requests.append(asked)
        if any(each.get("method") == "LIST_SUBSCRIPTIONS" for each in asked):
            await socket.send_bytes(b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myOrder"}],"ticket":"x"}')
        elif socket not in self.members and not self.deaf:
            self.members.append(socket)

    # -- Binance spot ---------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int((time.time() + self.off_s) * 1000)

    def _spot_fault(self, params: dict[str, Any]) -> tuple[int, str] | None:
        if self.keys.get(params["apiKey"]) != "ok":
            return -2015, f"Invalid API-key {params['apiKey']}, IP, or permissions for action."
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()
        if not self._signed(payload, params["signature"]):
            return -1022, "Signature for this request is not valid."
        late_ms = self._now_ms() - params["timestamp"]
        if late_ms > params["recvWindow"] or late_ms < -1000:
            return -1021, "Timestamp for this request is outside of the recvWindow."
        return None

    def _signed(self, payload: bytes, signature: str) -> bool:
        if not self.public:
            return hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest() == signature
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(b64decode(signature), payload)
        except InvalidSignature:
            return False
        return True

    async def _spot(self, request: web.Request) -> web.StreamResponse:
        self._count("connect")
        return await self._serve(request, self._spot_request)

    async def _spot_request(self, socket: web.WebSocketResponse, asked: Any) -> None:
        self.requests.append(asked)
        answer: dict[str, Any] = {"id": asked["id"], "status": 200}
        method = asked["method"]
        if method == "time":
            answer["result"] = {"serverTime": self._now_ms()}
        else:
            fault = self._spot_fault(asked["params"]) if asked.get("params") else None
            if fault is not None:
                answer |= {"status": 400, "error": {"code": fault[0], "msg": fault[1]}}
            elif method == "session.logon":
                answer["result"] = {"apiKey": asked["params"]["apiKey"]}
            else:
                answer["result"] = {"subscriptionId": 0}
                self.members.append(socket)
        await socket.send_str(json.dumps(answer))

    # -- Binance futures ------------------------------------------------------------------------------------------

    async def _listen_key(self, request: web.Request) -> web.Response:
        self._count(f"listenKey {request.method}")
        if self.keys.get(request.headers.get("X-MBX-APIKEY", "")) != "ok":
            return web.json_response({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, status=401)
        if request.method == "POST" and not (self.same_listen_key and self.listen_keys):
            self.listen_keys = {f"listen{self.asked['listenKey POST']}"}
        if request.method == "POST":
            return web.json_response({"listenKey": next(iter(self.listen_keys))})
        if not self.listen_keys:
            return web.json_response({"code": -1125, "msg": "This listenKey does not exist."}, status=400)
        return web.json_response({})

    async def _futures(self, request: web.Request) -> web.StreamResponse:
        """One that does not exist is let in, and hears nothing."""
        self._count("connect")
        return await self._serve(request, None, member=request.match_info["key"] in self.listen_keys)

    # -- all ------------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request, handle: Any, *, member: bool = False) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        if member:
            self.members.append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await handle(socket, json.loads(message.data))
        finally:
            self.sockets.remove(socket)
            if socket in self.members:
                self.members.remove(socket)
        return socket


def _sent_later(frame: bytes, ms: int) -> bytes:
    """The same event, as a connection tells it that sends it so much later."""
    return re.sub(rb'("(?:E|timestamp)":)(\d+)', lambda hit: hit[1] + b"%d" % (int(hit[2]) + ms), frame)
