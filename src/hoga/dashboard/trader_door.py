"""dashboard.trader_door: asks a trader something over its local socket: one line, one answer, then the connection ends."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec

from hoga.runtime.local_socket import address_of
from hoga.runtime.patience import within

__all__ = ["ask_trader"]

_PATIENCE_S = 3.0
_LINE_MAX = 1 << 20


async def ask_trader(path: Path, asked: dict[str, str]) -> dict[str, Any]:
    """The trader's answer; `{"ok": False, "why": …}` where it cannot be asked. Never raises for what a trader does."""
    try:
        return await within(_ask(path, asked), _PATIENCE_S)
    except (OSError, TimeoutError) as fault:
        return {"ok": False, "why": f"the trader cannot be asked: {type(fault).__name__}"}
    except (msgspec.DecodeError, ValueError):
        return {"ok": False, "why": "the trader answered something that is no answer"}


async def _ask(path: Path, asked: dict[str, str]) -> dict[str, Any]:
    with address_of(path) as address:
        reader, writer = await asyncio.open_unix_connection(address, limit=_LINE_MAX)
    try:
        writer.write(msgspec.json.encode(asked) + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return msgspec.json.decode(line, type=dict[str, Any])
