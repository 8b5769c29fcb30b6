"""How large a buffer each connection gets: one pool for what waits to be read and to be written.

Whoever asks is counted at once, and gets an eighth of what is left: the first few are as fast as
memory makes them, a burst of a thousand gets little each, and nobody has to give anything back
before its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

LARGEST_PORTION = 256 * 1024
"""Bytes that are received at once."""
MEMORY = 64 * 1024 * 1024
"""Bytes that all connections share, beside the least that each one gets."""
MOST = 2 * 1024 * 1024
"""Bytes of a buffer beyond which none gets faster."""
LEAST = 16 * 1024
"""Bytes of a buffer below which each one would come to a halt."""
BLOCK = 1024 * 1024
"""Bytes gathered before a write, where memory allows."""
SMALLEST = 64 * 1024
"""Bytes gathered before a write where it does not."""
BLOCK_MEMORY = 32 * 1024 * 1024
"""Bytes of all blocks that bodies of known length are received into, beside the least of each."""
FIRST_BLOCK = 128 * 1024
"""Bytes of the first block of a body, of which nobody knows yet how fast it comes."""
SCARCE = BLOCK_MEMORY // 16
"""Bytes of blocks in use beyond which a crowd lets nothing wait in memory to be written with more.
"""
CROWD_MEMORY = 16 * 1024 * 1024
"""Bytes of all blocks of a crowd: it shares less, as the least of each adds up."""
CROWD = 64
"""Blocks in use beyond which there is one: the kernel gathers for who was just written."""
REST = 0.1
"""Seconds for which it does, where just that much is in use; with more it does for longer."""
LONGEST_REST = 1.0
"""Seconds after which everyone goes on reading."""
_SHARE = 8


def block_size(left: int, wanted: int, least: int = 1) -> int:
    """Return how large a block to take where `left` bytes of the memory for them are not in use.

    `wanted` is what may come at the most, `least` what has to fit. The first few are as large as
    makes a write cheap, and the thousandth is small.
    """
    most = max(LEAST, least, min(BLOCK, left // 2 // _SHARE))
    size = LEAST
    while size < least or (size < wanted and 2 * size <= most):
        size *= 2
    return size


def memory_left(used: int, held: int) -> int:
    """Return how many bytes of the memory for blocks are free: `held` blocks have `used` of it."""
    return (CROWD_MEMORY if held > CROWD else BLOCK_MEMORY) - used


def rest(used: int, held: int) -> float:
    """Return for how many seconds who was just written leaves to the kernel what comes, mostly 0.

    A crowd that all reads at once would fill all memory with pieces too small to be worth a write
    each. `used` are the bytes of the `held` blocks.
    """
    if used <= SCARCE or held <= CROWD:
        return 0.0
    return min(LONGEST_REST, REST * used / SCARCE)


def next_block(size: int, filled: int) -> int:
    """Return how large a block to wish for after one of this size, with so much of it filled.

    Who fills it gets a larger one, which saves writes; who does not shall not keep memory busy that
    others fill.
    """
    if filled == size:
        return min(BLOCK, max(FIRST_BLOCK, 2 * size))
    return size if filled > size // 4 else max(SMALLEST, size // 2)


def block_of(buffer: int) -> int:
    """Return how many bytes to gather before a write, beside a buffer of this size."""
    return max(SMALLEST, min(BLOCK, buffer // 2))


def first_portion(buffer: int) -> int:
    """Return how many bytes of an answer to receive before somebody reads it.

    A small file is whole with these unless very many run. Of each of a crowd a little has to do:
    it lies there until there is a part file for it.
    """
    return min(LARGEST_PORTION, max(LEAST, buffer) // 4)


def taken_by(buffer: int) -> int:
    """Return how many bytes a connection may hold: a buffer is full at twice its size."""
    return 2 * buffer + block_of(buffer)


class BufferPool:
    """Hands out buffers; sizes are bytes."""

    def __init__(self) -> None:
        self._left = MEMORY

    @contextmanager
    def lend(self) -> Iterator[int]:
        """Lend a buffer of the size that is yielded."""
        buffer = max(LEAST, min(MOST, self._left // _SHARE * 2 // 5))
        taken = taken_by(buffer)
        self._left -= taken
        try:
            yield buffer
        finally:
            self._left += taken
