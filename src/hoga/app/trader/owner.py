"""app.trader.owner: whose orders a trader's folder holds, as configured: `audit.folder` keeps it, and another account is refused by it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from hoga.app.config import VenueConfig
from hoga.app.private import credentials_of
from hoga.audit.folder import Account, Owner, fingerprint

__all__ = ["account_of", "owner_of"]


def account_of(config: VenueConfig) -> Account:
    """A venue's account: its endpoint for orders, and a digest of its key. Raises ConfigError for a key file that cannot be used."""
    return Account(config.venue, urlsplit(config.rest_url).netloc, fingerprint(credentials_of(config).key.reveal()))


def owner_of(configs: Iterable[VenueConfig], trader: str) -> Owner:
    """Everything that one trader trades. Raises ConfigError."""
    return Owner(accounts=tuple(sorted(account_of(each) for each in configs)), trader=trader)
