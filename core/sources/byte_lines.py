"""The lines of a text that others wrote, as bytes and in batches, whatever their length and number.

Bytes, because a manifest names files as its author's system did, and an address has to hold the
very same ones; batches, because a hundred million lines are not worth a turn of the loop each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from core.domain.text import valid

LONGEST = 32 * 1024
"""Bytes of a line that anybody can mean: an address and a path, all of it escaped."""

Line = tuple[int, bytes | None]
"""Its number, from 1, and the line without its end; None where it is too long to be one."""

_BOM = b"\xef\xbb\xbf"


async def byte_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Line]]:
    """Yield the lines of each chunk, ended by LF or CR LF; no more than one of them is held."""
    number, rest, skipping = 1, b"", False
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        batch: list[Line] = []
        for line in whole:
            too_long = skipping or len(line) > LONGEST
            batch.append((number, None if too_long else _bare(line, number)))
            number += 1
            skipping = False
        if len(rest) > LONGEST:
            # The end of it is what is looked for; all before that is of no use.
            rest, skipping = b"", True
        yield batch
    if rest or skipping:
        yield [(number, None if skipping else _bare(rest, number))]


def text_of(raw: bytes) -> str:
    """Return a line as text in which a byte that is not UTF-8 stands as a surrogate (PEP 383)."""
    return raw.decode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """Return such a text as one that can be stored and shown."""
    return valid(text)


def _bare(line: bytes, number: int) -> bytes:
    if number == 1:
        line = line.removeprefix(_BOM)
    return line.removesuffix(b"\r")
