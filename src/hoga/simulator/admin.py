"""simulator.admin: the operator's HTTP door beside the venue's REST API.

GET    /sim/status   the truth: counts per stream and connection, faults, replay
POST   /sim/fault    one fault as a JSON object
DELETE /sim/faults   end every fault
GET    /sim/orders   every request that was meant to change an account, and what became of it
GET    /sim/account  what an account really has: ?account=main
POST   /sim/act      let an account do something by hand: {"account", "do": "POST /path", "params": {}}
POST   /sim/market   move a market: {"symbol", "price"} it trades to, or its "mark" price (null: it follows the market again)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from hoga.simulator.faults import ActiveFault, Fault
from hoga.simulator.venue import Venue

__all__ = ["add_admin_routes"]


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    do: str
    account: str = "main"
    params: dict[str, str] = {}


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    price: str | None = None
    mark: str | msgspec.UnsetType | None = msgspec.UNSET


def add_admin_routes(
    app: web.Application,
    *,
    status: Callable[[], dict[str, Any]],
    inject: Callable[[Fault], ActiveFault | None],
    clear: Callable[[], None],
    venue: Venue[Any],
) -> None:
    """Serve the operator's paths."""

    async def get_status(request: web.Request) -> web.Response:
        return _json(status())

    async def post_fault(request: web.Request) -> web.Response:
        try:
            fault = msgspec.json.decode(await request.read(), type=Fault)
        except msgspec.MsgspecError as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)
        active = inject(fault)
        return _json({"ok": True, "number": active.number if active else None})

    async def delete_faults(request: web.Request) -> web.Response:
        clear()
        return _json({"ok": True})

    async def post_market(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Move)
            if wish.price is not None:
                venue.move(wish.symbol, wish.price)
            if wish.mark is not msgspec.UNSET:
                venue.set_mark(wish.symbol, wish.mark)
        except (msgspec.MsgspecError, ValueError) as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)
        return _json({"ok": True})

    async def get_orders(request: web.Request) -> web.Response:
        return _json(venue.seen.requests())

    async def get_account(request: web.Request) -> web.Response:
        return _json(venue.account(request.query.get("account", "main")))

    async def post_act(request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Act)
            return _json({"ok": True, "answer": venue.act(wish.account, wish.do, wish.params)})
        except (msgspec.MsgspecError, ValueError) as mistake:
            return _json({"ok": False, "why": str(mistake)}, status=400)

    app.router.add_get("/sim/status", get_status)
    app.router.add_get("/sim/orders", get_orders)
    app.router.add_get("/sim/account", get_account)
    app.router.add_post("/sim/act", post_act)
    app.router.add_post("/sim/market", post_market)
    app.router.add_post("/sim/fault", post_fault)
    app.router.add_delete("/sim/faults", delete_faults)


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
