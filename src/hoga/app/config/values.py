"""app.config.values: from the text of a value to the value. Pure, except that a named file must exist.

Every reader raises ValueError when the text is none of its kind; what was expected is said by `keys.expectation`.
"""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from hoga.app.config.keys import Key, Kind
from hoga.core.secret import Secret
from hoga.relay.subjects import url_fault

__all__ = ["Value", "is_loopback", "nearest_number", "read_value", "sensible"]

_HOST = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$")
_NAME = re.compile(r"^[a-z][a-z0-9]{0,7}$")
_PLACE = re.compile(r"^[a-z0-9][a-z0-9-]{0,31}$")
_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


Value = int | float | Decimal | bool | str | Path | Secret | tuple[str, ...] | tuple[int, ...] | None
"""What a key can hold. None: not set."""


def read_value(key: Key, text: str) -> Value:
    """The value of `key` that `text` stands for. Raises ValueError when it is none.

    An empty text is "not set" for files, URLs, secrets, a folder without default and what is optional, and a mistake for everything else.
    An optional choice that is not set is "".
    """
    if key.optional and not text:
        return "" if key.kind is Kind.CHOICE else None
    match key.kind:
        case Kind.INT | Kind.FLOAT:
            return _number(key, text.removesuffix("%").rstrip() if key.unit == "%" else text)
        case Kind.MONEY:
            return _money(key, text)
        case Kind.SWITCH:
            return _switch(text)
        case Kind.CHOICE:
            return _choice(key, text)
        case Kind.WORDS:
            return _words(text)
        case Kind.PORTS:
            return tuple(_port(part) for part in _words(text))
        case Kind.FOLDER:
            return _folder(text) if text or key.default else None
        case Kind.FILE | Kind.SECRET_FILE:
            return _file(text)
        case Kind.WS_URL:
            return _url(text, ("ws", "wss"))
        case Kind.HTTP_URL:
            return _url(text, ("http", "https"))
        case Kind.HOST:
            return _host(text)
        case Kind.NAME:
            return _matching(_NAME, text)
        case Kind.NATS_URL:
            return _nats_url(text)
        case Kind.PLACE:
            return _matching(_PLACE, text)
        case Kind.PLACES:
            return tuple(_matching(_PLACE, name) for name in _words(text))
        case Kind.SECRET:
            return _secret(key, text)


def sensible(key: Key, value: Value) -> Value:
    """`value`, or what it is raised to where `key` takes it but hoga does not do it: the default for 0, else `least`."""
    if not isinstance(value, int | float) or key.least is None or value >= key.least:
        return value
    return read_value(key, key.default) if key.zero and value == 0 and key.default else key.least


def nearest_number(key: Key, text: str) -> Value:
    """The nearest value that `key` takes, for a number out of its range. Raises ValueError when `text` is no number."""
    number = float(text)
    if number != number or key.low is None or key.high is None:
        raise ValueError(text)
    bounded = min(max(number, key.low), key.high)
    if key.kind is Kind.FLOAT:
        return bounded
    whole = int(bounded)
    if key.divides:
        whole = next(each for each in range(max(whole, 1), 0, -1) if key.divides % each == 0)
    return whole


def is_loopback(host: str) -> bool:
    """True when a server listening on `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _number(key: Key, text: str) -> int | float:
    number = int(text) if key.kind is Kind.INT else float(text)
    assert key.low is not None and key.high is not None, "every number in the table has a range"
    if not key.low <= number <= key.high or (key.divides and key.divides % number):
        raise ValueError(text)
    return number


def _money(key: Key, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    assert key.low is not None and key.high is not None, "every amount in the table has a range"
    if not amount.is_finite() or not Decimal(str(key.low)) <= amount <= Decimal(str(key.high)):
        raise ValueError(text)
    return amount


def _matching(spelling: re.Pattern[str], text: str) -> str:
    if not spelling.match(text):
        raise ValueError(text)
    return text


def _switch(text: str) -> bool:
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _choice(key: Key, text: str) -> str:
    for choice in key.choices:
        if choice.lower() == text.lower():
            return choice
    raise ValueError(text)


def _words(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))
    if not words or any(any(char.isspace() for char in word) for word in words):
        raise ValueError(text)
    return words


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65_535:
        raise ValueError(text)
    return port


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as fault:  # nobody has that name
        raise ValueError(text) from fault


def _folder(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return _expanded(text)


def _file(text: str) -> Path | None:
    if not text:
        return None
    path = _expanded(text)
    if not path.is_file():
        raise ValueError(text)
    return path


def _url(text: str, schemes: tuple[str, ...]) -> str | None:
    if not text:
        return None
    parts = urlsplit(text.replace("{port}", "1", 1))
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in schemes or not parts.hostname or not bare or parts.port == 0 or "{" in parts.netloc:
        raise ValueError(text)
    return text.rstrip("/")


def _nats_url(text: str) -> str | None:
    if text and url_fault(text) is not None:
        raise ValueError(text)
    return text or None


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if not _HOST.match(text):
            raise
    return text


def _secret(key: Key, text: str) -> Secret:
    if not key.several and any(char.isspace() for char in text):
        raise ValueError(text)
    return Secret(text)
