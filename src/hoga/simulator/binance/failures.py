"""simulator.binance.failures: requests as faults choose by them, and what faults answer with, over HTTP and WebSocket alike. Pure.

Source: protocol sheet 4.7: 5xx, 408, -1006 and -1007 say nothing about the order; the three texts of a futures 503 do.
"""

from __future__ import annotations

from collections.abc import Mapping

from hoga.simulator.binance.api import ApiError
from hoga.simulator.faults import REST, Asked, Fault

__all__ = ["asked_for", "error_of"]

_CLIENT_IDS = ("newClientOrderId", "origClientOrderId", "clientAlgoId", "listClientOrderId")
_UNKNOWN = (-1000, "An unknown error occurred while processing the request.")
_TOO_MANY = (-1003, "Too many requests.")
_TIMEOUT = (-1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.")
_BY_STATUS = {408: _TIMEOUT, 418: _TOO_MANY, 429: _TOO_MANY, 504: _TIMEOUT}
_BY_REASON = {"Internal error; unable to process your request. Please try again.": -1001}


def asked_for(method: str, path: str, values: Mapping[str, str], connection: str = REST) -> Asked:
    """What a request is about."""
    client_id = next((values[name] for name in _CLIENT_IDS if values.get(name)), "")
    return Asked(method, path, values.get("symbol", ""), client_id, connection)


def error_of(fault: Fault) -> ApiError:
    """The error that a fault answers with: its own code and words, or those that go with its status."""
    code, text = _BY_STATUS.get(fault.status, _UNKNOWN)
    reason = fault.reason or text
    return ApiError(fault.code if fault.code is not None else _BY_REASON.get(reason, code), reason, status=fault.status)
