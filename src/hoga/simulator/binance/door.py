"""simulator.binance.door: an API's endpoints over HTTP, on aiohttp.

Around each request: injected faults, the weight budget, the signature, the order counters, the venue's headers and error
bodies. Source: protocol sheet 4.1 to 4.4 and 4.7.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict

from hoga.simulator.binance.api import Access, Answer, ApiError, Endpoint, Query, text_of
from hoga.simulator.binance.budget import WeightVerdict
from hoga.simulator.binance.clerk import Clerk
from hoga.simulator.binance.failures import asked_for, error_of
from hoga.simulator.binance.guard import Credentials
from hoga.simulator.binance.private import PrivateDeps
from hoga.simulator.faults import Asked, Fault, FaultKind

__all__ = ["RestApi"]


class RestApi:
    """Serves endpoints named `METHOD /path`. `prefix` is the part of the path where everything else is 404."""

    def __init__(self, deps: PrivateDeps, endpoints: Mapping[str, Endpoint], clerk: Clerk, *, prefix: str) -> None:
        self.requests = 0
        self._clerk = clerk
        self._api = deps.api
        self._endpoints = endpoints
        self._prefix = prefix
        self._desk = deps.faults
        self._budget = deps.budget
        self._guard = deps.guard
        self._orders = deps.orders

    def add_routes(self, app: web.Application) -> None:
        """Serve every endpoint."""
        for name, endpoint in self._endpoints.items():
            method, _, path = name.partition(" ")
            app.router.add_route(method, path, self._serving(path, endpoint))
        app.router.add_route("*", self._prefix + "/{tail:.*}", self._not_found)

    def _serving(self, path: str, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.requests += 1
            body, key = await request.text(), request.headers.get("X-MBX-APIKEY", "")
            asked = asked_for(request.method, path, _values(request, body))
            await self._wait_for(FaultKind.REST_SLOW, asked)
            broken = self._desk.take_asked(FaultKind.REST_ERROR, asked)
            if broken is not None:
                self._clerk.note(endpoint, asked, key, done=False, answered=broken.status, code=error_of(broken).code)
                return _failure(broken) if broken.status else _cut(request)
            response, refused = self._answer(request, endpoint, body, asked)
            lost = self._desk.take_asked(FaultKind.REPLY_LOST, asked)
            answered, code = (response.status, refused) if lost is None else (lost.status, error_of(lost).code if lost.status else None)
            self._clerk.note(endpoint, asked, key, done=response.status == 200, answered=answered, code=code)
            if lost is not None:
                return _failure(lost) if lost.status else _cut(request)
            await self._wait_for(FaultKind.REPLY_SLOW, asked)
            return response

        return serve

    async def _wait_for(self, kind: FaultKind, asked: Asked) -> None:
        slow = self._desk.take_asked(kind, asked)
        if slow is not None:
            await asyncio.sleep(slow.ms / 1_000 / self._api.clock.speed)

    def _answer(self, request: web.Request, endpoint: Endpoint, body: str, asked: Asked) -> tuple[web.Response, int | None]:
        """The answer, and the code of its error."""
        address, now_ns = request.remote or "", self._api.clock.now_ns()
        raw = request.raw_path.partition("?")[2]
        micros = request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
        query = Query(_values(request, body), micros=micros, asked=asked)
        try:
            weight = endpoint.weight(self._api, query)
        except ApiError:
            weight = 1
        verdict = self._budget.spend(address, weight, now_ns)
        if verdict.status != 200:
            return _limited(verdict), -1003
        try:
            if endpoint.access is not Access.PUBLIC:
                credentials = Credentials.of_rest(request.headers.get("X-MBX-APIKEY", ""), raw, body)
                query.key = self._guard.admit(endpoint.access, credentials, query)
            counts = self._orders.count(query.account, endpoint.orders, now_ns) if endpoint.orders else {}
            response = _reply(200, self._clerk.answer(endpoint, query), verdict)
        except ApiError as error:
            return _reply(error.status, {"code": error.code, "msg": error.text}, verdict), error.code
        if endpoint.free:
            used = self._budget.spend(address, -weight, now_ns).used
            response.headers.update(_weight_headers(used))
        response.headers.update({f"X-MBX-ORDER-COUNT-{window}": str(count) for window, count in counts.items()})
        return response, None

    async def _not_found(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html")


def _values(request: web.Request, body: str) -> dict[str, str]:
    """The parameters of a request; those of the address win."""
    raw = request.raw_path.partition("?")[2]
    return dict(parse_qsl(body, keep_blank_values=True)) | dict(parse_qsl(raw, keep_blank_values=True))


def _weight_headers(used: int) -> dict[str, str]:
    return {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}


def _reply(status: int, answer: Answer, verdict: WeightVerdict) -> web.Response:
    body = answer if isinstance(answer, bytes) else text_of(answer).encode()
    return web.Response(status=status, body=body, headers=_weight_headers(verdict.used), content_type="application/json", charset="utf-8")


def _limited(verdict: WeightVerdict) -> web.Response:
    text = (
        "Too much request weight used; current limit is exceeded. Please use WebSocket Streams for live updates to avoid polling the API."
    )
    if verdict.status == 418:
        text = f"Way too much request weight used; IP banned until {verdict.until_ms}. Please use WebSocket Streams to avoid bans."
    response = _reply(verdict.status, {"code": -1003, "msg": text}, verdict)
    response.headers["Retry-After"] = str(verdict.retry_after_s)
    return response


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def _failure(fault: Fault) -> web.Response:
    """What a fault answers with."""
    error = error_of(fault)
    headers: CIMultiDict[str] = CIMultiDict()
    if fault.retry_after_s is not None or fault.status in (418, 429):
        headers["Retry-After"] = str(60 if fault.retry_after_s is None else fault.retry_after_s)
    body = json.dumps({"code": error.code, "msg": error.text})
    return web.Response(status=error.status, text=body, headers=headers, content_type="application/json")
