"""simulator.admin: the operator's HTTP door beside the venue's REST API.

GET    /sim/status   the truth: counts per stream and connection, faults, replay
POST   /sim/fault    one fault as a JSON object
DELETE /sim/faults   end every fault
GET    /sim/orders   every request that was meant to change an account, and what became of it
GET    /sim/account  what an account really has: ?account=main
POST   /sim/act      let an account do something by hand: {"account", "do": "POST /path", "params": {}}
POST   /sim/tell     tell an account's user streams something, as it is: {"account", "event": "…"}
POST   /sim/market   move a market: {"symbol", "price"} it trades to, its "mark" price (null: it follows the market again),
                     exchange funding at a "rate" now, let its crowd stand still ("frozen") or go on
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from hoga.simulator.faults import ActiveFault, Fault
from hoga.simulator.seen import OrderSeen
from hoga.simulator.venue import Venue

__all__ = ["Operated", "add_admin_routes"]


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    do: str
    account: str = "main"
    params: dict[str, str] = {}


class _Tell(msgspec.Struct, forbid_unknown_fields=True):
    event: str
    account: str = "main"


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    price: str | None = None
    mark: str | msgspec.UnsetType | None = msgspec.UNSET
    rate: str | None = None
    frozen: bool | None = None


class Operated(Protocol):
    """What the operator's door needs of a simulator. `venue` None is the first one."""

    @property
    def venues(self) -> Mapping[str, Venue[Any]]:
        """Every venue by name."""

    def status(self, venue: str | None = None) -> dict[str, Any]:
        """What it has really done."""

    def orders_seen(self, venue: str | None = None) -> list[OrderSeen]:
        """Every request that was meant to change an account."""

    def inject(self, fault: Fault) -> ActiveFault | None:
        """Begin a fault."""

    def clear_faults(self) -> None:
        """End every fault."""


def add_admin_routes(app: web.Application, simulator: Operated, venue: str) -> None:
    """Serve the operator's paths; `?venue=` asks for another venue than the door's own."""

    def name_of(request: web.Request) -> str:
        name = request.query.get("venue", venue)
        if name not in simulator.venues:
            raise web.HTTPNotFound(text=f"{name!r} is not simulated here")
        return name

    async def get_status(request: web.Request) -> web.Response:
        return _json(simulator.status(name_of(request)))

    async def post_fault(request: web.Request) -> web.Response:
        try:
            fault = msgspec.json.decode(await request.read(), type=Fault)
        except msgspec.MsgspecError as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)
        active = simulator.inject(fault)
        return _json({"ok": True, "number": active.number if active else None})

    async def delete_faults(request: web.Request) -> web.Response:
        simulator.clear_faults()
        return _json({"ok": True})

    async def post_market(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Move)
            there = simulator.venues[name_of(request)]
            if wish.price is not None:
                there.move(wish.symbol, wish.price)
            if wish.mark is not msgspec.UNSET:
                there.set_mark(wish.symbol, wish.mark)
            if wish.frozen is not None:
                there.freeze(wish.symbol, frozen=wish.frozen)
            if wish.rate is not None:
                there.fund(wish.symbol, wish.rate)
        except (msgspec.MsgspecError, ValueError, ArithmeticError) as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)
        return _json({"ok": True})

    async def get_orders(request: web.Request) -> web.Response:
        return _json(simulator.orders_seen(name_of(request)))

    async def get_account(request: web.Request) -> web.Response:
        try:
            return _json(simulator.venues[name_of(request)].account(request.query.get("account", "main")))
        except ValueError as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)

    async def post_act(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Act)
            return _json({"ok": True, "answer": simulator.venues[name_of(request)].act(wish.account, wish.do, wish.params)})
        except (msgspec.MsgspecError, ValueError) as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)

    async def post_tell(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Tell)
        except msgspec.MsgspecError as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)
        simulator.venues[name_of(request)].tell(wish.account, wish.event)
        return _json({"ok": True})

    app.router.add_get("/sim/status", get_status)
    app.router.add_post("/sim/tell", post_tell)
    app.router.add_get("/sim/orders", get_orders)
    app.router.add_get("/sim/account", get_account)
    app.router.add_post("/sim/act", post_act)
    app.router.add_post("/sim/market", post_market)
    app.router.add_post("/sim/fault", post_fault)
    app.router.add_delete("/sim/faults", delete_faults)


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
