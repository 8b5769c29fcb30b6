"""The digests of a file on disk, computed a stretch at a time in the order of its bytes.

hashlib lets other threads run while it works on a block, so this belongs into a thread and costs
the event loop nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

_BLOCK = 256 * 1024


class RunningDigest:
    """Several digests of one file, from `start` on, in a single pass. `position` is the next byte.

    One thread at a time may advance it; where it stands can be read from any.
    """

    def __init__(self, algorithms: Iterable[str], *, start: int = 0) -> None:
        self.position = start
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False) for name in sorted(set(algorithms))
        }

    def advance(self, fd: int, end: int) -> None:
        """Hash what an open file holds up to `end`, less where it is shorter; blocks.

        Raises OSError; what was hashed before it counts, and the next call goes on there.
        """
        while block := os.pread(fd, max(0, min(_BLOCK, end - self.position)), self.position):
            for digest in self._hashes.values():
                digest.update(block)
            self.position += len(block)

    def has(self, algorithms: Iterable[str]) -> bool:
        """Tell whether all of these are among its digests."""
        return set(algorithms) <= self._hashes.keys()

    def hexdigest(self, algorithm: str) -> str:
        """Return one of the digests of the bytes before `position`."""
        return self._hashes[algorithm].hexdigest()


def digest_of(algorithm: str, pieces: Iterable[bytes]) -> str:
    """Return the digest of bytes that are in memory; blocks, a millisecond for a MiB or two."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
