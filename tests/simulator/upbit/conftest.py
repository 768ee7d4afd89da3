"""A client of its own for Upbit's wire: binary frames, numbers kept as Decimal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hoga.simulator import Simulator
from hoga.simulator.upbit.token import Account
from tests.waiting import LONG_S

ACCOUNT = Account()


def decoded(data: bytes) -> Any:
    return json.loads(data, parse_float=Decimal)


def token(account: Account = ACCOUNT, *, query: str = "", algorithm: str = "HS512", **claims: Any) -> str:
    """A JWT made by hand."""
    body = {"access_key": account.access_key, "nonce": str(uuid.uuid4()), **claims}
    if query:
        body |= {"query_hash": hashlib.sha512(query.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": algorithm, "typ": "JWT"}, body)]
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]
    signature = hmac.new(account.secret_key.encode(), b".".join(parts), digest).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def bearer(**options: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(**options)}"}


class UpbitClient:
    """One socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, *wishes: dict[str, Any], form: str | None = None) -> None:
        await self.socket.send_str(json.dumps([{"ticket": "test"}, *wishes, *([{"format": form}] if form else [])]))

    async def raw(self, within_s: float = LONG_S) -> bytes:
        message = await self.socket.receive(within_s)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return message.data

    async def frame(self, within_s: float = LONG_S) -> Any:
        return decoded(await self.raw(within_s))

    async def until(self, enough: Callable[[list[Any]], Any]) -> list[Any]:
        seen: list[Any] = []
        while not enough(seen):
            seen.append(await self.frame())
        return seen

    async def end(self, within_s: float = LONG_S) -> int | None:
        while True:
            message = await self.socket.receive(within_s)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data
            if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self.socket.close_code


@pytest_asyncio.fixture
async def upbit(simulate: Callable[..., Any]) -> Callable[..., Any]:
    """Start a simulated Upbit."""

    async def start(**settings: Any) -> Simulator:
        return await simulate(**{"venues": ("upbit",), "symbols": ("KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-DOGE"), **settings})

    return start


@pytest_asyncio.fixture
async def dial(http: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Any]]:
    """Open a socket: `await dial(sim)`, `await dial(sim, private=True)`."""
    sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def open_socket(simulator: Simulator, *, private: bool = False, headers: dict[str, str] | None = None) -> UpbitClient:
        path = "/websocket/v1/private" if private else "/websocket/v1"
        headers = headers if headers is not None else bearer() if private else {}
        socket = await http.ws_connect(simulator.ws_url + path, autoping=False, autoclose=False, max_msg_size=0, headers=headers)
        sockets.append(socket)
        return UpbitClient(socket)

    yield open_socket
    for socket in sockets:
        await socket.close()


@pytest.fixture
def get(http: aiohttp.ClientSession) -> Callable[..., Any]:
    """`await get(sim, "ticker?markets=KRW-BTC")`: (status, decoded body, headers)."""

    async def ask(simulator: Simulator, path: str, **options: Any) -> tuple[int, Any, Any]:
        async with http.get(f"{simulator.rest_url}/v1/{path}", **options) as reply:
            body = await reply.read()
            return reply.status, decoded(body) if reply.content_type == "application/json" else body, reply.headers

    return ask


async def caught_up(simulator: Simulator, client: UpbitClient, received: int) -> list[Any]:
    """Stop the market and read everything that was sent to the only client, who has `received` so many frames."""
    for market in simulator.engine.markets.values():
        market.frozen = True
    seen: list[Any] = []
    while True:
        await asyncio.sleep(0.15)  # longer than the pause between two books
        status = simulator.status()
        left = status["sent"] + status["copies"] + status["odd"] - received - len(seen)
        if not left:
            return seen
        seen += [await client.frame() for _ in range(left)]
