"""The files of a data set: paths that are awkward to write down, bytes that follow from those."""

from __future__ import annotations

import hashlib
import random

KIB = 1024
MIB = 1024 * KIB

LARGE = "00 large/"
"""The directory of those that can be slow; sources name them first, so that a kill finds them."""
CHANGED = f"{LARGE}changed.bin"
"""Another file by the time that a part of it is there."""
LONG = f"{LARGE}long.bin"
"""What is in the middle of its way when the daemon is killed."""
WRONG = "wrong.bin"
"""A file whose server is wrong: it has other bytes than it should, or tells a wrong digest."""
MISSTATED = "misstated.bin"
"""A file that is right, and whose manifest is wrong."""

_LARGE_BYTES = MIB + 77
_NAMES = (
    *("plain-{}.txt", "with space {}.csv", "sub/deep/{}.bin", "sub/größe {}.dat"),
    *("run#{}/100% of it.txt", "a+b&c=d;{}.txt", "q?{}.json", "it's {}.bin", "(x)[{}].nii.gz"),
)


class DataSet:
    """`count` files by their paths, in the order in which lists name them.

    Most are small, as data sets are, and one is empty; one in fifty is more than is fetched in one
    go, and what is below `LARGE` may be slow.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.files: dict[str, bytes] = {
            CHANGED: _content(CHANGED, seed, _LARGE_BYTES),
            LONG: _content(LONG, seed, _LARGE_BYTES),
            WRONG: _content(WRONG, seed, 3000),
            MISSTATED: _content(MISSTATED, seed, 3001),
            "empty.txt": b"",
        }
        chance = random.Random(seed)
        for number in range(count - len(self.files)):
            path = _NAMES[number % len(_NAMES)].format(number)
            size = chance.randrange(300 * KIB, 500 * KIB) if number % 50 == 20 else 0
            self.files[path] = _content(path, seed, size or chance.randrange(1, 6 * KIB))

    @property
    def size(self) -> int:
        """The bytes of all of them."""
        return sum(map(len, self.files.values()))

    def sha256(self, path: str) -> str:
        """The digest of a file as it is meant to be."""
        return hashlib.sha256(self.files[path]).hexdigest()


def other(content: bytes) -> bytes:
    """Return other bytes, as many, each of them unlike."""
    return bytes(byte ^ 0xFF for byte in content)


def _content(path: str, seed: int, size: int) -> bytes:
    return random.Random(f"{seed} {path}").randbytes(size)
