"""tree.ignore: which rules are in force in a folder, and whether they leave a path out, exactly as `git check-ignore --no-index`. Pure.

The deepest ignore file that has a line about a path decides, and in it the last such line. What is in a folder that is left out
is never looked at, so that no line can bring it back. Paths are bytes, relative to the top.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pathspec import PathSpec

from hoga.tree.wildmatch import GitPattern

__all__ = ["Rules", "parse_rules"]

_BOM = b"\xef\xbb\xbf"


class Rules(NamedTuple):
    """The lines of one ignore file, and those of the folders above it. `base`: the path of the file's folder, `` or with a slash behind it.
    `any_line` matches what one of `lines` does: most paths match none, and are asked once instead of line by line."""

    base: bytes
    any_line: re.Pattern[str]
    lines: PathSpec[GitPattern]
    above: Rules | None

    def leave_out(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether `path`, inside `base`, is left out. Its folders are not: who walks does not come here then."""
        rules: Rules | None = self
        whole = (path + b"/" if is_folder else path).decode("latin-1")
        while rules is not None:
            inside = whole[len(rules.base) :]
            if rules.any_line.match(inside) and (include := rules.lines.check_file(inside).include) is not None:
                return include
            rules = rules.above
        return False


def parse_rules(text: bytes, base: bytes, *, above: Rules | None) -> Rules | None:
    """The rules in a folder that has an ignore file with this text; `above` when it says nothing."""
    lines = text.removeprefix(_BOM).decode("latin-1").split("\n")
    patterns = [each for each in map(GitPattern, lines) if each.include is not None]
    if not patterns:
        return above
    any_line = re.compile("|".join(each.regex.pattern for each in patterns if each.regex is not None))
    return Rules(base, any_line, PathSpec(patterns, backend="simple"), above)
