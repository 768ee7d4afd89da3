"""simulator.upbit.rest: Upbit's REST over the engine, on aiohttp: two tables of endpoints, and what goes around each call.

Around each call: injected faults, the Origin rule, the key where one is needed, the budget of the call's group, and the
`Remaining-Req` header. Source: protocol sheet 1.6, 5.1 to 5.3, 6, 7.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web

from hoga.simulator.clock import SimClock
from hoga.simulator.faults import Asked, Fault, FaultDesk, FaultKind
from hoga.simulator.replay.player import Player
from hoga.simulator.upbit.clerk import Clerk
from hoga.simulator.upbit.exchange import OrderRefused
from hoga.simulator.upbit.limits import Buckets, BucketVerdict
from hoga.simulator.upbit.orders import ORDERS, OrderEndpoint
from hoga.simulator.upbit.publisher import Publisher
from hoga.simulator.upbit.quotation import QUOTATION, Answer, Query, RestError, missing, not_found
from hoga.simulator.upbit.replayed import book_row, price_row, step_row
from hoga.simulator.upbit.token import TokenCheck, TokenRefused, flattened

__all__ = ["RestApi"]

_MS_NS = 1_000_000
_BOOKS, _STEPS = QUOTATION["/v1/orderbook"][1], QUOTATION["/v1/orderbook/instruments"][1]
_PRICES = (QUOTATION["/v1/ticker"][1], QUOTATION["/v1/ticker/all"][1])
_FORM = "application/x-www-form-urlencoded"


class _Outcome(NamedTuple):
    """An answer, whose account asked (where that is known), and the name of its error."""

    response: web.Response
    account: str = ""
    name: str = ""


class RestApi:
    """The endpoints. `catch_up` brings markets and orders to the present; it is called before and after each call.
    `player`: plays a recording, of which REST knows the market list and the books; None: the engine makes the market."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        clerk: Clerk,
        tokens: TokenCheck,
        buckets: Buckets,
        clock: SimClock,
        desk: FaultDesk,
        catch_up: Callable[[], None],
        player: Player | None,
    ) -> None:
        self.requests = 0
        self._publisher = publisher
        self._clerk = clerk
        self._tokens = tokens
        self._buckets = buckets
        self._clock = clock
        self._desk = desk
        self._catch_up = catch_up
        self._player = player

    def add_routes(self, app: web.Application) -> None:
        """Serve every endpoint of the tables."""
        for path, (group, answer) in QUOTATION.items():
            app.router.add_get(path, self._serving("GET", path, self._quotation(group, answer)))
        for (method, path), endpoint in ORDERS.items():
            app.router.add_route(method, path, self._serving(method, path, self._ordering(endpoint)))
        app.router.add_route("*", "/v1/{tail:.*}", self._no_route)

    def _serving(
        self, method: str, path: str, answer: Callable[[web.Request, bytes, Asked], _Outcome]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            self.requests += 1
            body = await request.read()
            asked = self._asked(method, path, request, body)
            await self._wait_for(FaultKind.REST_SLOW, asked)
            broken = self._desk.take_asked(FaultKind.REST_ERROR, asked)
            if broken is not None:
                failure = _failure(broken)
                self._note(asked, failure, done=False, answered=failure if broken.status else None)
                return failure.response if broken.status else _cut(request)
            outcome = answer(request, body, asked)
            lost = self._desk.take_asked(FaultKind.REPLY_LOST, asked)
            told = outcome if lost is None else _failure(lost) if lost.status else None
            self._note(asked, outcome, done=outcome.response.status < 300, answered=told)
            if told is None:
                return _cut(request)
            await self._wait_for(FaultKind.REPLY_SLOW, asked)
            return told.response

        return serve

    def _note(self, asked: Asked, outcome: _Outcome, *, done: bool, answered: _Outcome | None) -> None:
        """Keep a request that was meant to change an account; `answered` None: the connection was cut."""
        endpoint = ORDERS.get((asked.method, asked.path))
        if endpoint is not None:
            status, name = (0, "") if answered is None else (answered.response.status, answered.name)
            self._clerk.note(endpoint, asked, outcome.account, done=done, answered=status, code=name)

    async def _wait_for(self, kind: FaultKind, asked: Asked) -> None:
        slow = self._desk.take_asked(kind, asked)
        if slow is not None:
            await asyncio.sleep(slow.ms / 1_000 / self._clock.speed)

    def _asked(self, method: str, path: str, request: web.Request, body: bytes) -> Asked:
        """What a request is about, as faults choose by it."""
        try:
            query = self._query(request, body)
        except RestError:
            return Asked(method, path)
        return Asked(method, path, query.text("market") or "", query.text("identifier") or "")

    def _quotation(self, group: str, answer: Answer) -> Callable[[web.Request, bytes, Asked], _Outcome]:
        def respond(request: web.Request, body: bytes, asked: Asked) -> _Outcome:
            headers, refusal = self._spend(request, group, request.remote or "")
            if refusal is not None:
                return refusal
            try:
                if self._player is not None:
                    return _Outcome(_reply(200, self._recorded(self._player, group, answer, self._query(request, b"")), headers))
                self._catch_up()
                return _Outcome(_reply(200, answer(self._publisher, self._query(request, b"")), headers))
            except RestError as error:
                return _error(error, headers)

        return respond

    def _recorded(self, player: Player, group: str, answer: Answer, query: Query) -> str:
        """What a recording knows: books of then, the price steps and last prices of what was played, and the list of markets; without one,
        the markets that are in it."""
        if answer is _BOOKS:
            count, codes = query.count(30, 30), query.several("markets")
            if not codes:
                raise missing()
            books = [(code, player.depth(code, count)) for code in map(str.upper, codes)]
            if any(book is None for _, book in books):
                raise not_found()
            return f"[{','.join(book_row(code, book, count) for code, book in books if book is not None)}]"
        if answer is _STEPS or answer in _PRICES:
            return self._played(query, steps=answer is _STEPS)
        if group != "market":
            raise RestError(500, 500, "The capture that is being replayed has no such data.")
        kept = player.instruments()
        return answer(self._publisher, query) if kept is None else kept.decode()

    def _played(self, query: Query, *, steps: bool) -> str:
        """Price steps, or last prices, of the markets asked for, as far as something of them was played."""
        quotes, asked = query.several("quote_currencies"), [code.upper() for code in query.several("markets")]
        codes = asked or [code for code in self._publisher.codes if code.partition("-")[0] in quotes]
        markets = [self._publisher.market(code) for code in codes]
        if None in markets:
            raise not_found()
        row = step_row if steps else price_row
        return f"[{','.join(row(market) for market in markets if market is not None and market.top.bid)}]"

    def _ordering(self, endpoint: OrderEndpoint) -> Callable[[web.Request, bytes, Asked], _Outcome]:
        def respond(request: web.Request, body: bytes, asked: Asked) -> _Outcome:
            try:
                payload, hashed = _payload(request, body)
                account = self._tokens.admit(request.headers.get("Authorization"), query=hashed)
            except TokenRefused as refused:
                return _error(RestError(401, refused.name, refused.message))
            except RestError as error:
                return _error(error)
            headers, refusal = self._spend(request, endpoint.group, account.name)
            if refusal is not None:
                return refusal._replace(account=account.name)
            try:
                self._catch_up()
                answer = self._clerk.answer(endpoint, account, self._query(request, body), payload, asked)
                self._catch_up()
                text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
                return _Outcome(_reply(endpoint.status, text, headers), account.name)
            except OrderRefused as refused:
                return _error(RestError(refused.status, refused.name, refused.message), headers, account.name)
            except RestError as error:
                return _error(error, headers, account.name)

        return respond

    def _spend(self, request: web.Request, group: str, client: str) -> tuple[dict[str, str], _Outcome | None]:
        """Headers of the answer, and the refusal when the budget is spent."""
        if "Origin" in request.headers:
            group, client = "origin", request.remote or ""
        verdict = self._buckets.spend(group, client, self._clock.now_ns())
        if verdict.status != 200:
            return {}, _limited(verdict)
        headers = {"Remaining-Req": self._buckets.header(group, verdict)}
        return (headers | {"Limit-By-Ip": "Yes"} if self._buckets.groups[group].by_ip else headers), None

    def _query(self, request: web.Request, body: bytes) -> Query:
        values = _parameters(request.rel_url.raw_query_string)
        if body and request.content_type == _FORM:
            values |= _parameters(body.decode("utf-8", "replace"))
        elif body:
            values |= {key: [str(value)] for key, value in _object(body).items() if value is not None}
        return Query(values, now_ms=self._clock.stamp_ns(self._clock.now_ns()) // _MS_NS)

    async def _no_route(self, request: web.Request) -> web.Response:
        self.requests += 1
        return _error(RestError(404, "not_found", "no Route matched with those values")).response


def _payload(request: web.Request, body: bytes) -> tuple[Mapping[str, Any], str]:
    """(parameters of the body, the text that the token's hash must be of). Clients of old send forms, even with GET."""
    if not body:
        return {}, request.rel_url.raw_query_string
    if request.content_type == _FORM:
        text = body.decode("utf-8", "replace")
        return {key: values[0] for key, values in _parameters(text).items()}, text
    payload = _object(body)
    return payload, flattened(payload)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RestError(400, "invalid_parameter", "잘못된 파라미터")
    return value


def _parameters(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)


def _reply(status: int, text: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, text=text, headers=dict(headers), content_type="application/json")


def _error(error: RestError, headers: Mapping[str, str] | None = None, account: str = "") -> _Outcome:
    body = {"error": {"name": error.name, "message": error.message}}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _Outcome(_reply(error.status, text, headers or {}), account, str(error.name))


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def _failure(fault: Fault) -> _Outcome:
    """What a fault answers with: too many requests as the budget says it, else an error with its own name and words."""
    if fault.status in (418, 429):
        return _limited(BucketVerdict(fault.status, 0, fault.retry_after_s or 0))
    return _error(RestError(fault.status or 500, fault.name or fault.status, fault.reason or "Internal Server Error"))


def _limited(verdict: BucketVerdict) -> _Outcome:
    """429 as plain text and without Retry-After, as clients match it; 418 says how long."""
    blocked = f" Blocked for {verdict.blocked_s} seconds." if verdict.status == 418 else ""
    return _Outcome(web.Response(status=verdict.status, text=f"Too many API requests.{blocked}"), name=str(verdict.status))
