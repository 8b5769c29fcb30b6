"""Which places below a destination are taken: no two files of it may end up as one.

A source from outside may name the same path twice, a path that is a file and a directory at once,
two names that differ only in what the file system does not tell apart, and a file that has the name
of another one's part file. Each is told before a byte is asked for.
"""

from __future__ import annotations

import unicodedata

from core.domain.bounds import cut
from core.domain.errors import UsageError

_SUFFIX = ".part"
_SHOWN = 120


class Places:
    """Who is to have which path; with `folds` names count as one that such a file system takes so.

    Directories are absolute. What is held for each file are strings that its download has anyway.
    """

    def __init__(self, *, folds: bool) -> None:
        self._folds = folds
        self._files: dict[str, dict[str, str]] = {}
        self._directories: set[str] = {""}

    def owner(self, directory: str, name: str) -> str | None:
        """Return whose a place is, None where it is nobody's."""
        names = self._files.get(self._key(directory.rstrip("/")))
        return None if names is None else names.get(self._key(name))

    def claim(self, directory: str, name: str, owner: str) -> None:
        """Give a place to somebody, whoever had it; raises UsageError where it cannot be a file."""
        above, key = self._key(directory.rstrip("/")), self._key(name)
        self._enter(above)
        if f"{above}/{key}" in self._directories:
            raise UsageError(
                f"'{_cut(name)}' is a file, and the directory of other files",
                hint="the source names both: only what it named first can be had",
            )
        if (names := self._files.get(above)) is None:
            names = self._files[above] = {}
        if key.endswith(_SUFFIX) and key.removesuffix(_SUFFIX) in names:
            raise _part_error(name.removesuffix(name[-len(_SUFFIX) :]), name)
        if key + _SUFFIX in names:
            raise _part_error(name, name + _SUFFIX)
        names[key] = owner

    def settle(self, directory: str, name: str, owner: str) -> None:
        """Say whose a place is that was claimed before: what was a mark until then is known now."""
        self._files[self._key(directory.rstrip("/"))][self._key(name)] = owner

    def release(self, directory: str, name: str) -> None:
        """Let a place be nobody's."""
        self._files.get(self._key(directory.rstrip("/")), {}).pop(self._key(name), None)

    def _enter(self, directory: str) -> None:
        """Take a directory and all above it for such; raises UsageError where one is a file."""
        new = []
        while directory not in self._directories:
            above, _, name = directory.rpartition("/")
            if name in self._files.get(above, {}):
                raise UsageError(
                    f"'{_cut(name)}' is a directory, and a file that the source names as well",
                    hint="the source names both: only what it named first can be had",
                )
            new.append(directory)
            directory = above
        self._directories.update(new)

    def _key(self, text: str) -> str:
        return unicodedata.normalize("NFC", text).casefold() if self._folds else text


def _part_error(name: str, part: str) -> UsageError:
    return UsageError(
        f"'{_cut(part)}' is named beside '{_cut(name)}', whose bytes have that name on their way",
        hint="fetch one of them to another directory",
    )


def _cut(name: str) -> str:
    return cut(name, _SHOWN)
