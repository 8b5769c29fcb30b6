"""The digest of a file on disk."""

from __future__ import annotations

import hashlib
import os

_BLOCK = 1024 * 1024


def hexdigest(fd: int, algorithm: str) -> str:
    """Return the digest of everything in an open file; blocks, so callers use a thread."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    offset = 0
    while block := os.pread(fd, _BLOCK, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()
