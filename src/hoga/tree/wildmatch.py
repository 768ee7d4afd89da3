"""tree.wildmatch: one line of an ignore file as a pattern for `pathspec`, exactly as git reads it. Pure.

Text is Latin-1: one character a byte, because git compares bytes (`?` is one byte of `é`). A path is relative to the ignore
file's folder, without a leading slash; a folder's ends in one.

`pathspec` brings such patterns of its own. They differ from git where lines have classes (`[[:alpha:]]`, `[\\]]`), tabs at the end,
`**` behind plain text, or doubled slashes; hence this translation, and a test that compares it with git itself.
"""

from __future__ import annotations

import re

from pathspec.pattern import RegexPattern

__all__ = ["GitPattern"]

_NEVER = r"(?!)"
_GLOB = "*?[\\"
_ALL = frozenset(map(chr, range(256)))
_ASCII = frozenset(map(chr, range(128)))
_CLASSES: dict[str, frozenset[str]] = {
    "alnum": frozenset(each for each in _ASCII if each.isalnum()),
    "alpha": frozenset(each for each in _ASCII if each.isalpha()),
    "blank": frozenset(" \t"),
    "cntrl": frozenset(each for each in _ASCII if each < " " or each == "\x7f"),
    "digit": frozenset("0123456789"),
    "graph": frozenset(each for each in _ASCII if "!" <= each <= "~"),
    "lower": frozenset("abcdefghijklmnopqrstuvwxyz"),
    "print": frozenset(each for each in _ASCII if " " <= each <= "~"),
    "punct": frozenset(each for each in _ASCII if "!" <= each <= "~" and not each.isalnum()),
    "space": frozenset(" \t\n\v\f\r"),
    "upper": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "xdigit": frozenset("0123456789abcdefABCDEF"),
}


class GitPattern(RegexPattern):
    """A line of an ignore file. `include` True: what it matches is left out; False: is not; None: the line says nothing."""

    __slots__ = ()

    @classmethod
    def pattern_to_regex(cls, pattern: str) -> tuple[str | None, bool | None]:  # type: ignore[override]
        """Translate a line, without its newline: (regular expression of the whole path, what a match means)."""
        line = _trimmed(pattern.removesuffix("\r").partition("\0")[0])
        if not line or line.startswith("#"):
            return None, None
        include = not line.startswith("!")
        line = line if include else line[1:]
        only_folders = line.endswith("/")
        line = line[:-1] if only_folders else line
        core = _path(line.removeprefix("/")) if "/" in line else "(?:.*/)?" + _glob(line, slashes=False)
        return rf"(?s:\A{core}(?<!/){'/' if only_folders else '/?'}\Z)", include


def _trimmed(line: str) -> str:
    """Without spaces at the end that no backslash keeps. A backslash at the very end keeps all."""
    keep = at = 0
    while at < len(line):
        if line[at] == "\\":
            at += 1
            if at == len(line):
                return line
        if line[at] != " " or line[at - 1 : at] == "\\":
            keep = at + 1
        at += 1
    return line[:keep]


def _path(pattern: str) -> str:
    """A pattern with a slash: it begins at the ignore file's folder. Git compares the plain beginning first, so that `**` behind
    it stands like at the beginning of a pattern."""
    plain = next((at for at, char in enumerate(pattern) if char in _GLOB), len(pattern))
    return re.escape(pattern[:plain]) + _glob(pattern[plain:], slashes=True)


def _glob(pattern: str, *, slashes: bool) -> str:
    """`slashes`: whether a path is meant, in which stars, marks and brackets stop at a slash; else a name, which has none."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            end = at
            while pattern[end : end + 1] == "*":
                end += 1
            alone = at == 0 or pattern[at - 1] == "/"
            rest = pattern[end:]
            if slashes and end - at > 1 and alone and (rest[:1] in ("", "/") or rest[:2] == "\\/"):
                if rest[:1] == "/":
                    parts.append("(?:.*/)?")
                    end += 1
                else:
                    parts.append(".*")
            else:
                parts.append("[^/]*")
            at = end
        elif char == "?":
            parts.append("[^/]")
            at += 1
        elif char == "[":
            found = _bracket(pattern, at + 1)
            if found is None:
                return _NEVER
            inside, at = found
            parts.append(_one_of(inside - {"/"}))
        else:
            at += char == "\\"
            if at == len(pattern):
                return _NEVER
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)


def _bracket(pattern: str, at: int) -> tuple[frozenset[str], int] | None:
    """The characters that a bracket takes, and where the pattern goes on; None for one that never matches."""
    inverted = pattern[at : at + 1] in ("!", "^")
    at += inverted
    found: set[str] = set()
    before = ""
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        char = pattern[at : at + 1]
        if char == "-" and before and pattern[at + 1 : at + 2] not in ("", "]"):
            at += 1
            at += pattern[at] == "\\"
            found.update(each for each in _ALL if before <= each <= pattern[at : at + 1])
            before = ""
        elif char == "[" and pattern[at + 1 : at + 2] == ":":
            end = pattern.find("]", at + 2)
            if end < 0:
                return None
            if end > at + 2 and pattern[end - 1] == ":":
                named = _CLASSES.get(pattern[at + 2 : end - 1])
                if named is None:
                    return None
                found |= named
                before, at = "", end
            else:
                found.add("[")
                before = "["
        else:
            at += char == "\\"
            before = pattern[at : at + 1]
            found.add(before)
        if at >= len(pattern):
            return None
        at += 1
    return (_ALL - found if inverted else frozenset(found)), at + 1


def _one_of(chars: frozenset[str]) -> str:
    return "[" + "".join(f"\\x{ord(each):02x}" for each in sorted(chars)) + "]" if chars else _NEVER
