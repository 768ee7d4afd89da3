"""archive.form.packed: a large manifest, packed, beside it in a bucket: a reader that wants one minute of a day fetches an eighth. Pure.

`….manifest.json.zst` is made of the manifest's very bytes, and only where these are many (400 KB are a day of minutes). It is a help, not a
file of the archive: it is not listed, and where it is not there, or not whole, the manifest itself is read.
"""

from __future__ import annotations

from pathlib import Path

import zstandard

__all__ = ["is_packed", "pack", "packed_name", "unpack"]

_FROM_BYTES = 64 * 1024
_SUFFIX = ".zst"
_MANIFEST = ".manifest.json"


def packed_name(manifest: Path, size: int) -> Path | None:
    """Where the packed form of a manifest of so many bytes is; None: it has none, or it is no manifest."""
    return manifest.with_name(manifest.name + _SUFFIX) if size > _FROM_BYTES and manifest.name.endswith(_MANIFEST) else None


def is_packed(name: str) -> bool:
    """Whether it is the name of a packed manifest."""
    return name.endswith(_MANIFEST + _SUFFIX)


def pack(manifest: bytes) -> bytes:
    """Its packed form: the same bytes give the same."""
    return zstandard.ZstdCompressor(level=9, write_checksum=True).compress(manifest)


def unpack(packed: bytes, size: int) -> bytes | None:
    """The manifest of so many bytes; None where it is damaged, or of another one."""
    try:
        found = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
    except zstandard.ZstdError:
        return None
    return found if len(found) == size else None
