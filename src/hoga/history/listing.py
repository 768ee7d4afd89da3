"""history.listing: a page of an archive's listing, as S3 gives it (ListObjects, version 1). Pure.

The traps of that format are met here: the page's own `Prefix` stands beside those of its groups; `NextMarker` is only there with a
delimiter, else the last key is what the next page begins after.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

__all__ = ["Listed", "Page", "page_query", "read_page"]


class Listed(NamedTuple):
    """One file of an archive. `etag` without its quotes; `modified` as the archive spells it."""

    key: str
    etag: str
    bytes: int
    modified: str


class Page(NamedTuple):
    """What a page lists. `marker`: after which key the next page begins, None when this is the last one."""

    files: list[Listed]
    marker: str | None


def page_query(prefix: str, marker: str | None) -> str:
    """The query of the page of the files right below `prefix` (which ends in `/`) that begins after `marker`."""
    query = f"?delimiter=/&prefix={quote(prefix)}"
    return query if marker is None else f"{query}&marker={quote(marker)}"


def read_page(body: bytes) -> Page:
    """What a listing's page says. Raises ValueError for what is none."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as fault:
        raise ValueError(f"no XML: {fault}") from None
    if _local(root.tag) != "ListBucketResult":
        raise ValueError(f"no list of files but <{_local(root.tag)}>")
    files = [_listed(each) for each in root if _local(each.tag) == "Contents"]
    if _text(root, "IsTruncated").lower() != "true":
        return Page(files, None)
    groups = [_text(each, "Prefix") for each in root if _local(each.tag) == "CommonPrefixes"]
    marker = _text(root, "NextMarker") or max([*(each.key for each in files), *groups], default="")
    if not marker:
        raise ValueError("a list that goes on and does not say from where")
    return Page(files, marker)


def _listed(entry: ElementTree.Element) -> Listed:
    key, size = _text(entry, "Key"), _text(entry, "Size")
    if not key or not size.isdigit():
        raise ValueError(f"a file without a name or a size: {key or '?'}")
    return Listed(key, _text(entry, "ETag").strip('"'), int(size), _text(entry, "LastModified"))


def _text(element: ElementTree.Element, name: str) -> str:
    """The text of the child of that name, in whatever namespace; "" without one."""
    return next((child.text or "" for child in element if _local(child.tag) == name), "").strip()


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
