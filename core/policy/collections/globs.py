"""Which of a source's files are wanted: globs on paths below the destination, case-sensitive.

For every source alike, and linear in path and pattern: both may come from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from core.domain.bounds import cut
from core.domain.entries import Entry
from core.domain.errors import UsageError

MOST_GLOBS = 1000
LONGEST_GLOB = 4096
"""Characters of a glob."""


class Globs:
    """What of a source is wanted: what a glob of `include` names, if there is any, but not what one
    of `exclude` does.

    `*` and `?` stand for what has no slash in it, `**` between slashes for any directories, or
    none. A glob without a slash speaks of the file's name at any depth, one with a slash of the
    whole path; one that ends with a slash names all that is below a directory. Raises UsageError
    for globs that nobody can mean.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = [_Glob(text) for text in include]
        self._exclude = [_Glob(text) for text in exclude]
        if len(self._include) + len(self._exclude) > MOST_GLOBS:
            raise UsageError(f"more than {MOST_GLOBS:,} globs are too many")

    @property
    def are_all_wanted(self) -> bool:
        """Whether there is no glob at all."""
        return not (self._include or self._exclude)

    def allow(self, path: str) -> bool:
        """Tell whether a file is wanted, by its path below the destination."""
        if self.are_all_wanted:
            return True
        parts = path.split("/")
        if self._include and not any(glob.matches(parts) for glob in self._include):
            return False
        return not any(glob.matches(parts) for glob in self._exclude)

    def excludes_all_below(self, directory: str) -> bool:
        """Tell whether nothing below a directory is wanted, so that nobody need look there."""
        parts = directory.split("/")
        below = [[*parts, _NOBODY], [*parts, _NOBODY, _NOBODY]]
        return any(all(map(glob.matches, below)) for glob in self._exclude)


_NOBODY = "\0" * 100
"""A name that no glob means, unless it means every name."""


def path_or_name(entry: Entry) -> str:
    """Return what globs speak of: the path of an entry, or the last part of its address."""
    if entry.path is not None:
        return entry.path
    path = re.split("[?#]", entry.url, maxsplit=1)[0]
    return unquote(path.rstrip("/").rpartition("/")[2])


class _Glob:
    """One glob, as the patterns of the parts between its slashes; None stands for `**`."""

    def __init__(self, text: str) -> None:
        if not text or len(text) > LONGEST_GLOB:
            raise UsageError(
                f"'{cut(text, 80)}' is no glob", hint="write for example '*.csv' or 'sub-*/**'"
            )
        is_anchored = "/" in text.removesuffix("/")
        parts = text.removeprefix("/").split("/")
        if text.endswith("/"):
            parts[-1:] = "**", "*"
        if not is_anchored:
            parts.insert(0, "**")
        self._parts = [None if part == "**" else _pattern(part) for part in parts]

    def matches(self, path: list[str]) -> bool:
        """Tell whether it names a path: in as many steps as their lengths multiplied."""
        # Where in the glob one can be once this much of the path was read.
        at = self._skipped({0})
        for name in path:
            reached = set()
            for place in at:
                if place == len(self._parts):
                    continue
                part = self._parts[place]
                if part is None:
                    reached.add(place)
                elif part.fullmatch(name):
                    reached.add(place + 1)
            if not reached:
                return False
            at = self._skipped(reached)
        return len(self._parts) in at

    def _skipped(self, places: set[int]) -> set[int]:
        """Add the places behind each `**`, which stands for nothing as well."""
        for place in sorted(places):
            following = place
            while following < len(self._parts) and self._parts[following] is None:
                following += 1
                places.add(following)
        return places


@lru_cache(maxsize=1024)
def _pattern(part: str) -> re.Pattern[str]:
    """Return the pattern of what stands between two slashes.

    Between stars the first place that fits is as good as any other, so nothing is tried twice.
    """
    stretches = [
        "".join("[^/]" if char == "?" else re.escape(char) for char in stretch)
        for stretch in re.split(r"\*+", part)
    ]
    first, *others = stretches
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    found = "".join(f"(?>[^/]*?{stretch})" for stretch in middle)
    return re.compile(f"{first}{found}[^/]*{last}", re.DOTALL)
