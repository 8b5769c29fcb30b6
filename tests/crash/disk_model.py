"""A file system that may forget at a power cut everything that was not synced.

Bytes last once a sync of their file, begun after they were written, has ended; names last once a
sync of their directory has. Until then a cut decides about each block of a file on its own, and
keeps the changes of a directory up to some point.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias


@dataclass(eq=False, slots=True)
class Write:
    """Bytes at an offset; `is_over` once the call that wrote them has returned."""

    offset: int
    data: bytes
    is_over: bool = False


@dataclass(eq=False, slots=True)
class Resize:
    """The file got this length; what was behind is gone, what is new is zero."""

    size: int
    is_over: bool = False


@dataclass(eq=False, slots=True)
class File:
    """A file: what is on the medium, and what came since. `number` is that of its inode.

    `modified` is when it was changed last, in nanoseconds, as winch has seen it.
    """

    lasting: bytearray = field(default_factory=bytearray)
    pending: list[Write | Resize] = field(default_factory=list)
    size: int = 0
    number: tuple[int, int] | None = None
    modified: int = 0

    def settle(self, changes: list[Write | Resize]) -> None:
        """Take in that these changes are on the medium."""
        for change in changes:
            _apply(self.lasting, change)
        self.pending = [change for change in self.pending if change not in changes]


@dataclass(eq=False, slots=True)
class Directory:
    """A directory: `entries` as programs see it, `lasting` as it is on the medium."""

    entries: dict[str, Node] = field(default_factory=dict)
    lasting: dict[str, Node] = field(default_factory=dict)
    pending: list[tuple[tuple[str, Node | None], ...]] = field(default_factory=list)

    def change(self, *names: tuple[str, Node | None]) -> None:
        """Give names, or take them away (None), in one step."""
        self.pending.append(names)
        _rename(self.entries, names)

    def settle(self, count: int) -> None:
        """Take in that the first changes are on the medium."""
        for names in self.pending[:count]:
            _rename(self.lasting, names)
        del self.pending[:count]


Node: TypeAlias = File | Directory


class Cut:
    """What one power cut keeps: nothing that was not synced, all of it, or what chance will."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._share = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        self._block = chance.choice((512, 4096))

    def names(self, directory: Directory) -> dict[str, Node]:
        """Return what a directory holds after the cut."""
        kept = dict(directory.lasting)
        for names in directory.pending[: self._prefix(len(directory.pending))]:
            _rename(kept, names)
        return kept

    def content(self, file: File) -> bytes:
        """Return what a file holds after the cut."""
        kept = bytearray(file.lasting)
        for change in file.pending:
            if isinstance(change, Resize):
                if self._keeps():
                    _apply(kept, change)
                continue
            for piece in _blocks(change, self._block):
                if self._keeps():
                    _apply(kept, piece)
        return bytes(kept)

    def _keeps(self) -> bool:
        return self._chance.random() < self._share

    def _prefix(self, length: int) -> int:
        if self._share in (0.0, 1.0):
            return int(self._share) * length
        return self._chance.randint(0, length)


def materialise(directory: Directory, cut: Cut, place: Path) -> dict[tuple[int, int], Path]:
    """Make what a cut leaves of a directory; returns where the files with a number are."""
    found: dict[tuple[int, int], Path] = {}
    made: dict[int, Path] = {}
    for name, node in cut.names(directory).items():
        path = place / name
        if isinstance(node, Directory):
            path.mkdir(mode=0o700, exist_ok=True)
            found |= materialise(node, cut, path)
        elif id(node) in made:
            path.hardlink_to(made[id(node)])
        else:
            path.write_bytes(cut.content(node))
            path.chmod(0o600)
            made[id(node)] = path
            if node.number is not None:
                found[node.number] = path
                os.utime(path, ns=(node.modified, node.modified))
    return found


def _rename(entries: dict[str, Node], names: tuple[tuple[str, Node | None], ...]) -> None:
    for name, node in names:
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def _apply(content: bytearray, change: Write | Resize) -> None:
    if isinstance(change, Resize):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.data)] = change.data


def _blocks(write: Write, size: int) -> Iterator[Write]:
    at = 0
    while at < len(write.data):
        length = size - (write.offset + at) % size
        yield Write(write.offset + at, write.data[at : at + length])
        at += length
