"""The names of what was removed, each with the revision at which it went.

Nearly nobody ever asks for them, and there is no end to them where a list is worked off and cleared
day after day: all but the newest are packed, into a tenth of what they would take.
"""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Container
from typing import NamedTuple

PACKED = 500
"""Names that are packed together."""


class _Pack(NamedTuple):
    last: int
    """The newest revision in it."""
    content: bytes


class Removals:
    """The newest names, about `most` of them; `forgotten` is the newest revision of any other."""

    def __init__(self, most: int, *, packed: int = PACKED) -> None:
        self._most = most
        self._packed = packed
        self._packs: list[_Pack] = []
        self._newest: OrderedDict[str, int] = OrderedDict()
        self.forgotten = 0

    def note(self, name: str, revision: int) -> None:
        """Remember that something went, with a revision no older than any before."""
        self._newest[name] = revision
        self._newest.move_to_end(name)
        if len(self._newest) >= 2 * self._packed:
            self._pack()
        while len(self._packs) * self._packed + len(self._newest) > self._most:
            self._forget()

    def drop(self, name: str) -> None:
        """Take in that something is there again."""
        self._newest.pop(name, None)

    def after(self, revision: int, *, there: Container[str]) -> dict[str, int]:
        """Return what went after a revision and is not `there` again, the oldest first."""
        found: dict[str, int] = {}
        packs = [json.loads(zlib.decompress(p.content)) for p in self._packs if p.last > revision]
        for name, gone in [item for pack in packs for item in pack] + [*self._newest.items()]:
            if gone > revision and name not in there:
                # It may have been there again between.
                found.pop(name, None)
                found[name] = gone
        return found

    def _pack(self) -> None:
        oldest = [self._newest.popitem(last=False) for _ in range(self._packed)]
        self._packs.append(_Pack(oldest[-1][1], zlib.compress(json.dumps(oldest).encode())))

    def _forget(self) -> None:
        if self._packs:
            last = self._packs.pop(0).last
        else:
            _, last = self._newest.popitem(last=False)
        self.forgotten = max(self.forgotten, last)
