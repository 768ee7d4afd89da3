"""A signing client of the tests' own: HMAC and Ed25519, REST and WebSocket API, written from the documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from hoga.simulator import Simulator
from hoga.simulator.binance.keys import EXAMPLE_KEYS
from tests.waiting import LONG_S

HMAC_KEY, ED25519_KEY, OTHER_KEY = EXAMPLE_KEYS
_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def sign(key: Any, text: str) -> str:
    """A signature as the client of that key makes it."""
    if key.secret:
        return hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(_PRIVATE.sign(text.encode())).decode()


class Trader:
    """Signed REST requests of one key at one venue of a simulator. `prefix` is `/api/v3` or `/fapi/v1`."""

    def __init__(self, http: aiohttp.ClientSession, sim: Simulator, venue: str, *, key: Any = HMAC_KEY) -> None:
        self.http = http
        self.sim = sim
        self.key = key
        self.urls = sim.venues[venue].urls
        self.prefix = "/fapi/v1" if venue == "binance-usdm" else "/api/v3"
        self.headers: Any = {}

    def now_ms(self) -> int:
        return self.sim.clock.stamp_ns(self.sim.clock.now_ns()) // 1_000_000

    async def ask(self, method: str, path: str, *, body: bool = False, signed: bool = True, **params: Any) -> tuple[int, Any]:
        """(status, answer) of a request; `params` may carry a timestamp of their own."""
        if signed:
            params = {"timestamp": self.now_ms(), **params}
        text = urlencode(params)
        if signed:
            text += f"&signature={quote(sign(self.key, text), safe='')}"
        url = self.urls["rest"] + (path if path.startswith("/fapi") else self.prefix + path)
        headers = {"X-MBX-APIKEY": self.key.key}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        options = {"data": text} if body else {}
        async with self.http.request(method, URL(url if body else f"{url}?{text}", encoded=True), headers=headers, **options) as response:
            self.headers = response.headers
            return response.status, await response.json(content_type=None)

    async def limit(self, side: str, size: str, price: str, **params: Any) -> tuple[int, Any]:
        wanted = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": size, "price": price, **params}
        return await self.ask("POST", "/order", **wanted)

    async def market(self, side: str, size: str, **params: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/order", symbol="BTCUSDT", side=side, type="MARKET", quantity=size, **params)


class ApiClient:
    """A WebSocket API connection: `ask` waits for the reply of its id and keeps events on the way."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, trader: Trader) -> None:
        self.socket = socket
        self.trader = trader
        self.events: list[Any] = []
        self._ids = count(1)

    async def ask(self, method: str, *, signed: bool = False, stamped: bool = False, **params: Any) -> Any:
        number = next(self._ids)
        if signed or stamped:
            params["timestamp"] = params.get("timestamp", self.trader.now_ms())
        if signed:
            params["apiKey"] = self.trader.key.key
            params["signature"] = sign(self.trader.key, "&".join(f"{name}={params[name]}" for name in sorted(params)))
        await self.socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            frame = await self.frame()
            if frame.get("id", 0) == number:
                return frame
            self.events.append(frame)

    async def frame(self) -> Any:
        return await self.socket.receive_json(timeout=LONG_S)

    async def event(self) -> Any:
        return self.events.pop(0) if self.events else await self.frame()

    async def told(self, kind: str) -> Any:
        """The next event of a kind."""
        while True:
            event = (await self.event()).get("event", {})
            if event.get("e") == kind:
                return event
