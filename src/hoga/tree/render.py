"""tree.render: the page of a folder's files, piece by piece: self-contained HTML without a script, every name escaped. Pure.

A folder is `<details><summary>NAME`, followed by a slot of `SLOT` bytes for what is in it, which is known only behind its last entry.
"""

from __future__ import annotations

import html
import os

from hoga.tree.steps import Leaf

__all__ = ["SLOT", "folder", "folder_end", "foot", "head", "leaf", "size_text", "total", "visible"]

SLOT = 40
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_CSS = """\
:root{color-scheme:light dark;--quiet:#5b6470;--line:#d5d9de;--accent:#0b62b5}
@media(prefers-color-scheme:dark){:root{--quiet:#9aa4af;--line:#3a414a;--accent:#7ab8ff}}
body{font:15px/1.55 ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,monospace;margin:2rem auto;max-width:64rem;padding:0 1rem}
h1{font-size:1.2rem;margin:0 0 1rem}
details>ul{margin:0 0 0 .45rem;padding:0 0 0 1rem;border-left:1px solid var(--line)}
ul{list-style:none;margin:0;padding:0}
li,summary{white-space:pre-wrap;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600}
summary:focus-visible{outline:2px solid var(--accent)}
li>i,li>b{font-style:normal;font-weight:400;color:var(--quiet)}
small{color:var(--quiet);font-size:.85em;font-weight:400;white-space:pre}
"""


def head(name: bytes, why: str | None) -> tuple[bytes, bytes]:
    """The page's beginning, which is the top folder's: what stands before its slot, and behind it."""
    title = _escaped(name)
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{_CSS}</style></head>\n<body><h1>{title}{_reason(why)}<small>"
    ).encode(), b"</small></h1>\n<ul>\n"


def foot() -> bytes:
    """The page's end."""
    return b"</ul>\n</body></html>\n"


def folder(name: bytes, why: str | None) -> tuple[bytes, bytes]:
    """A folder's beginning: what stands before its slot, and behind it. `why`: what hides its content, None when nothing does."""
    return f"<li><details><summary>{_escaped(name)}{_reason(why)}<small>".encode(), b"</small></summary><ul>\n"


def folder_end() -> bytes:
    """A folder's end."""
    return b"</ul></details></li>\n"


def total(files: int, size: int) -> bytes:
    """What a folder's slot holds: exactly `SLOT` bytes."""
    text = f"  {files:,} file{'s' if files != 1 else ''}, {size_text(size)}"
    return text.encode()[:SLOT].ljust(SLOT)


def leaf(entry: Leaf) -> bytes:
    """A line for what is no folder."""
    said = size_text(entry.size) if entry.size is not None else html.escape(entry.kind or "")
    if entry.target is not None:
        return f"<li>{_escaped(entry.name)} <i>→ {_escaped(entry.target)}</i></li>\n".encode()
    return f"<li>{_escaped(entry.name)} <small>{said}</small></li>\n".encode()


def size_text(size: int) -> str:
    """`812 B`, `3.4 kB`: three digits at most before the unit, powers of 1,000."""
    value, unit = float(size), 0
    while round(value, 1) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def visible(name: bytes) -> str:
    """A name for people: what cannot be printed, or is no UTF-8, as an escape, so that two names never look alike for it."""
    text = os.fsdecode(name) if name.isascii() else name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _reason(why: str | None) -> str:
    return f" <small>{html.escape(why)}</small>" if why is not None else ""


def _escaped(name: bytes) -> str:
    return html.escape(visible(name))
