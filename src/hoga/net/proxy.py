"""net.proxy: which proxy a URL is reached through. Pure: the environment is an argument.

The variables that other tools obey, in lower or upper case (lower case first; one that is set to nothing counts as not set):

    https:// wss://   HTTPS_PROXY, else ALL_PROXY      http:// ws://   HTTP_PROXY, else ALL_PROXY
    NO_PROXY          never: names (and all below them), .suffixes, addresses, networks (10.0.0.0/8), each with or without :port; * for all

A proxy that is named is used for whatever no entry of NO_PROXY covers, this machine's own addresses included, as curl and most
tools do. Only `http://` proxies are spoken with; a proxy of another kind is a mistake that is told, not passed by.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from hoga.core.secret import Secret

__all__ = ["Proxy", "ProxyMistake", "proxy_for"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_VARIABLES = {"http": "http_proxy", "ws": "http_proxy", "https": "https_proxy", "wss": "https_proxy"}
_DEFAULT_PORT = 80


class ProxyMistake(ValueError):
    """A variable names a proxy that cannot be used. The text holds neither user nor password."""


class Proxy(NamedTuple):
    """A proxy: where it listens, what is said to it, and which variable named it.

    `authorization`: the value of Proxy-Authorization, empty without a user.
    """

    host: str
    port: int
    authorization: Secret
    variable: str

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.url} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy that `url` (http, https, ws or wss) is reached through, None when directly.

    Raises:
        ProxyMistake: a variable that counts names something that is no `http://` proxy.
    """
    split = urlsplit(url)
    variable, value = _named(split.scheme.lower(), environment)
    if not value or _is_direct(split, environment):
        return None
    return _read(variable, value)


def _named(scheme: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """(variable, value) of the first that is set to something."""
    if scheme in _VARIABLES:
        for name in (_VARIABLES[scheme], "all_proxy"):
            for spelt in (name, name.upper()):
                if value := environment.get(spelt, "").strip():
                    return spelt, value
    return "", ""


def _read(variable: str, value: str) -> Proxy:
    try:
        split = urlsplit(value if "://" in value else f"http://{value}")
        host, port = split.hostname, split.port
    except ValueError:
        raise ProxyMistake(f"{variable} is no address of a proxy, expected http://HOST:PORT") from None
    if split.scheme.lower() != "http":
        kind = split.scheme if split.scheme.isalnum() else "another"
        raise ProxyMistake(f"{variable} names a {kind} proxy; hoga speaks through http://HOST:PORT proxies only")
    if not host or port == 0:
        raise ProxyMistake(f"{variable} is no address of a proxy, expected http://HOST:PORT")
    return Proxy(host, port or _DEFAULT_PORT, _authorization(split), variable)


def _authorization(split: SplitResult) -> Secret:
    if not split.username and not split.password:
        return Secret("")
    plain = f"{unquote(split.username or '')}:{unquote(split.password or '')}"
    return Secret("Basic " + base64.b64encode(plain.encode("utf-8", "surrogateescape")).decode())


def _is_direct(split: SplitResult, environment: Mapping[str, str]) -> bool:
    host = (split.hostname or "").rstrip(".").lower()
    try:
        port = split.port or _PORTS[split.scheme.lower()]
    except ValueError:
        return True
    address = _address(host)
    text = environment.get("no_proxy", "") or environment.get("NO_PROXY", "")
    entries = [entry for entry in text.lower().replace(",", " ").split() if entry]
    return any(_covers(entry, host, port, address) for entry in entries)


def _covers(entry: str, host: str, port: int, address: IPv4Address | IPv6Address | None) -> bool:
    """Does an entry of NO_PROXY name this host?"""
    if entry == "*":
        return True
    name, only = _split_port(entry)
    if only is not None and only != port:
        return False
    if address is not None:
        return _covers_address(name, address)
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith("." + name))


def _covers_address(name: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        return False
    return address in network


def _split_port(entry: str) -> tuple[str, int | None]:
    """`host`, `host:443`, `[::1]:443`, `::1`: (host, port or None)."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:
        name, port = entry, ""
    return name, int(port) if port.isascii() and port.isdigit() else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
