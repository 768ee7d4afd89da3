"""app.private: the wires of private streams, and their keys, from the configuration.

Rule: a key is read here and handed on as a Secret; nothing that is shown, logged or written is made of it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hoga.app.config import VenueConfig
from hoga.app.config.rooms import private_config, rest_of, tls_of
from hoga.core.errors import ConfigError, ConfigMistake
from hoga.core.secret import Credentials, Secret
from hoga.feed.private_wire import PrivateWire, nonce
from hoga.net.budgets import connect_budget
from hoga.venues.registry import VENUES

__all__ = ["credentials_of", "missing_for_orders", "private_wire", "require_order_keys"]

_PEM = "a PEM file of an Ed25519 private key"


def private_wire(config: VenueConfig, label: str = "") -> PrivateWire | None:
    """The wire of a venue's private streams as configured, None where it has none.

    Raises ConfigError for a key file that cannot be used.
    """
    spec = VENUES[config.venue]
    if spec.private is None or config.ws_private_url is None:
        return None
    settings = private_config(config, config.ws_private_url)
    credentials, budget = credentials_of(config), connect_budget(spec, config.ws_url)
    try:
        spec.private.signer(credentials, nonce)
    except ValueError as fault:
        raise _mistake(config.venue, config.private_key_file, str(fault), _PEM) from None
    rest, tls = rest_of(config), tls_of(config)
    return PrivateWire(spec, settings, credentials, connect_budget=budget, rest=rest, tls=tls, label=label)


def credentials_of(config: VenueConfig) -> Credentials:
    """The keys of a venue. Raises ConfigError for a key file that others can read, and for keys that cannot go into a header."""
    for name, value in (("API_KEY", config.api_key), ("API_SECRET", config.api_secret)):
        if not value.reveal().isascii():
            raise ConfigError([ConfigMistake(f"[{config.venue}]", None, name, "(hidden), not ASCII", "the venue's own text")])
    path = config.private_key_file
    signing_key = Secret("") if path is None else _read_key(config.venue, path)
    return Credentials(key=config.api_key, secret=config.api_secret, signing_key=signing_key)


def missing_for_orders(config: VenueConfig, credentials: Credentials) -> str:
    """What to set before orders can be signed, "" when it is there: streams of an account may need less."""
    if credentials.key and (credentials.secret or credentials.signing_key):
        return ""
    variable = f"HOGA_{config.venue.upper().replace('-', '_')}__"
    return f"set {variable}API_KEY and {variable}API_SECRET in the environment (or in a file with mode 0600)"


def require_order_keys(config: VenueConfig) -> Credentials:
    """The keys of a venue, with which orders can be signed. Raises ConfigError."""
    credentials = credentials_of(config)
    if missing := missing_for_orders(config, credentials):
        raise ConfigError([ConfigMistake(f"[{config.venue}]", None, "API_KEY", "(not set)", "keys", plain=f"no keys: {missing}")])
    return credentials


def _read_key(venue: str, path: Path) -> Secret:
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise _mistake(venue, path, "a key that others can read", f"mode 0600 (chmod 600 {path})")
        return Secret(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as fault:
        raise _mistake(venue, path, type(fault).__name__, _PEM) from None


def _mistake(venue: str, path: Path | None, found: str, expected: str) -> ConfigError:
    where = f"[{venue}]" if path is None else str(path)
    return ConfigError([ConfigMistake(where, None, "PRIVATE_KEY_FILE", found, expected)])
