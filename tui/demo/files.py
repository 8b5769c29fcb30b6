"""What the demo server serves: files whose bytes follow from their name, and how each misbehaves.

Nothing is stored: a byte is known from its offset, so that any range can be made on its own, and
the digest of the whole file is known before the first byte is sent.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

KIB = 1024
MIB = 1024 * KIB
_BLOCK = 64 * KIB


@dataclass(frozen=True)
class DemoFile:
    """A file and the switches of the server for it.

    `size` in bytes; `rate` in bytes per second for each connection, None is as fast as it goes;
    `ranges` whether it can be continued; `fail_first` how many requests for it get 503;
    `drop_after` the offset at which the connection breaks, once; `latency` in seconds before the
    answer.
    """

    name: str
    size: int
    rate: int | None = None
    ranges: bool = True
    fail_first: int = 0
    drop_after: int | None = None
    latency: float = 0.0

    @cached_property
    def sha256(self) -> str:
        """The digest of the whole file."""
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()

    @property
    def etag(self) -> str:
        """A strong validator: another size or name is another file."""
        return f'"{self.name}-{self.size:x}"'

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Make the bytes from `start` up to `end`, in pieces of at most 64 KiB."""
        seed = _noise(self.name)
        while start < end:
            number, offset = divmod(start, _BLOCK)
            # The number of the block makes each unlike the others: a byte at the wrong offset
            # changes the digest.
            block = number.to_bytes(8, "big") + seed[8:]
            piece = block[offset : offset + end - start]
            yield piece
            start += len(piece)


@lru_cache(maxsize=64)
def _noise(name: str) -> bytes:
    return random.Random(name).randbytes(_BLOCK)  # noqa: S311 - test data, no secret


DEMO_FILES = (
    DemoFile("fast.bin", 96 * MIB, rate=24 * MIB),
    DemoFile("slow.bin", 3 * MIB, rate=256 * KIB),
    DemoFile("without-ranges.bin", 24 * MIB, rate=4 * MIB, ranges=False, latency=0.5),
    DemoFile("fails-once.bin", 16 * MIB, rate=4 * MIB, fail_first=1),
    DemoFile("drops-in-the-middle.bin", 32 * MIB, rate=6 * MIB, drop_after=14 * MIB),
)
"""Together about fifteen seconds with four at once."""


@dataclass(frozen=True)
class DemoSet:
    """Files that are one thing, below a directory of their own.

    The server has another file than it should in the place of `damaged`, and has lost `missing`.
    """

    name: str
    files: tuple[DemoFile, ...]
    damaged: DemoFile
    missing: DemoFile

    @property
    def served(self) -> tuple[DemoFile, ...]:
        """What the server has."""
        return tuple(file for file in self.files if file is not self.missing)


_CHARTS = tuple(
    DemoFile(f"{sea}/chart-{number:02}.tif", 2 * MIB, rate=MIB)
    for sea in ("baltic", "north-sea", "skagerrak")
    for number in range(1, 5)
)
DEMO_SET = DemoSet("sea-charts", _CHARTS, damaged=_CHARTS[2], missing=_CHARTS[5])
"""What winch shows as a collection, of which not all can be fetched."""
