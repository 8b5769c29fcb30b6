"""Memory that bodies are received into and written from, shared by all connections.

A block is held only while bytes lie in it, so that a thousand connections of which each brings
little need no more than a few fast ones.
"""

from __future__ import annotations

import mmap

from core.policy.transfer.buffers import BLOCK_MEMORY, CROWD, SCARCE, block_size, memory_left, rest

IDLE = BLOCK_MEMORY // 2
"""Bytes that are kept for the next block while a few read: fresh memory costs page faults."""
_IDLE_OF_CROWD = 2 * 1024 * 1024
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class Block:
    """A piece of memory: bytes were received up to `filled`, and read up to `handed`."""

    __slots__ = ("filled", "handed", "sealed", "size", "view")

    def __init__(self, size: int) -> None:
        # Pages that are never written to take no room, and what is given up goes back at once.
        self.view = memoryview(mmap.mmap(-1, size, flags=_FLAGS))
        self.size = size
        self.filled = self.handed = 0
        self.sealed = False
        """Whether no more is received into it."""


class BlockPool:
    """Blocks by size: the more of the memory is in use, the smaller is the next one."""

    def __init__(self) -> None:
        self._used = self._idle = self._held = self._readers = 0
        self._free: dict[int, list[Block]] = {}

    @property
    def used(self) -> int:
        """Bytes of the blocks that are held."""
        return self._used

    @property
    def is_scarce(self) -> bool:
        """Whether so many are held that nothing should wait in them for more to come."""
        return self.rest > 0

    @property
    def rest(self) -> float:
        """Seconds for which who was just written should read nothing, so that others can."""
        return rest(self._used, self._held)

    def join(self) -> None:
        """Count one more who reads into blocks."""
        self._readers += 1

    def leave(self) -> None:
        """Count one less; after the last one, nothing is kept."""
        self._readers -= 1
        if not self._readers:
            self._free.clear()
            self._idle = 0

    def take(self, wanted: int, least: int = 1) -> Block:
        """Return an empty block, for `wanted` bytes at the most and `least` in any case."""
        size = block_size(memory_left(self._used, self._held), wanted, least)
        self._used += size
        self._held += 1
        if not (free := self._free.get(size)):
            return Block(size)
        self._idle -= size
        return free.pop()

    def give_back(self, block: Block, *, reusable: bool = True) -> None:
        """Take a block back; one that is not `reusable` may still be read from by somebody."""
        self._used -= block.size
        self._held -= 1
        if reusable:
            block.filled = block.handed = 0
            block.sealed = False
            self._free.setdefault(block.size, []).append(block)
            self._idle += block.size
        most = min(self._used, SCARCE) if self.is_scarce else self._used
        idle = _IDLE_OF_CROWD if self._readers > CROWD else IDLE
        while self._idle > max(most, idle):
            size = max(size for size, blocks in self._free.items() if blocks)
            self._free[size].pop()
            self._idle -= size
